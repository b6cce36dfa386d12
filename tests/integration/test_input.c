/* What no well-meaning client sends: every line is answered, nothing is lost,
 * and the connection goes on where it can. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon.h"
#include "wire.h"

#define LINE_LIMIT 65536 /* max_line, the newline included */

static void
test_bad_lines(void **state)
{
	static const struct step steps[] = {
		{ "1 NOSUCH", "1 ERROR unknown_command ..." },
		{ "1", "1 ERROR syntax ..." },
		{ "1 PING \"x", "1 ERROR syntax ..." },
		{ "1 PING \"x\\q\"", "1 ERROR syntax ..." },
		{ "1 PING \"x\\x4\"", "1 ERROR syntax ..." },
		{ "1 PING \"x\\\"", "1 ERROR syntax ..." },
		{ "1 PING \"x\"y", "1 ERROR syntax ..." },
		{ "\"a b\" PING", "- ERROR ..." },
		{ "\x01 PING", "- ERROR ..." },
		{ "\"\" PING", "- ERROR ..." },
		{ "id012345678901234567890123456789012345678901234567890123456"
		  "789012 PING",
		    "- ERROR ..." },
		{ "1 PING still here", "1 ERROR syntax ..." },
		{ "1 PING", "1 OK" },
		{ 0 },
	};
	struct wire w;

	wire_start(&w, *state);
	wire_play(&w, steps);
	wire_stop(&w, *state);
}

static void
test_line_ends(void **state)
{
	struct wire w;

	wire_start(&w, *state);
	wire_send(&w, "\n\r\n \n\t\r\n1 PING\r\n2 PING \"\r\"\n");
	wire_expect(&w, "1 OK");
	wire_expect(&w, "2 OK \"\\r\"");
	wire_send(&w, "3 PING x\r\r\n");
	wire_expect(&w, "3 OK \"x\\r\"");
	wire_stop(&w, *state);
}

static void
test_nul_and_binary(void **state)
{
	static const char nul[] =
	    "1 PING a\0b\n2 SET a\0b +1h\n\0 PING\n3 PING\n";
	struct wire w;
	int i;

	wire_start(&w, *state);
	wire_send_bytes(&w, nul, sizeof(nul) - 1);
	wire_expect_start(&w, "1 ");
	wire_expect_start(&w, "2 ERROR invalid ");
	wire_expect_start(&w, "- ERROR ");
	wire_expect(&w, "3 OK");
	wire_ask(&w, "4 PING \xff\xfe\x80", "4 OK \xff\xfe\x80");
	for (i = 1; i < 256; i++)
		if (i != '\n')
			wire_sendf(&w, "%c%c PING %c\n", i, i, i);
	wire_send(&w, "done PING\n");
	while (strcmp(wire_line(&w), "done OK") != 0)
		;
	wire_stop(&w, *state);
}

static void
test_dribbled(void **state)
{
	const char *p, *lines = "1 SET a 4102444800000000000\r\n2 GET a\n";
	struct wire w;

	wire_start(&w, *state);
	for (p = lines; *p != '\0'; p++)
		wire_send_bytes(&w, p, 1);
	wire_expect(&w, "1 OK");
	wire_expect(&w, "2 OK planned 4102444800000000000");
	wire_stop(&w, *state);
}

/* A line of n bytes with its newline: `big PING xxx...`. */
static char *
long_line(size_t n)
{
	char *line = malloc(n + 1);

	assert_non_null(line);
	memset(line, 'x', n);
	memcpy(line, "big PING ", 9);
	line[n - 1] = '\n';
	line[n] = '\0';
	return line;
}

static void
test_long_lines(void **state)
{
	char *line;
	struct wire w;

	wire_start(&w, *state);
	line = long_line(LINE_LIMIT);
	wire_send(&w, line);
	wire_expect_start(&w, "big OK xxx");
	free(line);
	line = long_line(LINE_LIMIT + 1);
	wire_send(&w, line);
	wire_expect_start(&w, "big ERROR too_long ");
	free(line);
	line = long_line(300000);
	wire_send(&w, line);
	wire_send(&w, "1 PING\n");
	wire_expect_start(&w, "big ERROR too_long ");
	wire_expect(&w, "1 OK");
	memset(line, 'x', 299999); /* no id to be found */
	wire_send(&w, line);
	wire_expect_start(&w, "- ERROR too_long ");
	free(line);
	wire_ask(&w, "2 PING", "2 OK");
	wire_stop(&w, *state);
}

static void
test_many_words(void **state)
{
	char *line = malloc(LINE_LIMIT);
	struct wire w;
	size_t n;
	int i;

	assert_non_null(line);
	n = (size_t)snprintf(line, LINE_LIMIT, "1 STAT");
	for (i = 0; i < 30000; i++, n += 2)
		memcpy(line + n, " x", 3);
	wire_start(&w, *state);
	wire_ask_start(&w, line, "1 ERROR too_long ");
	wire_ask(&w, "2 PING", "2 OK");
	free(line);
	wire_stop(&w, *state);
}

static void
test_half_close(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	wire_send(&w, "1 PING\n2 SET a 4102444800000000000\n3 GET a");
	wire_half_close(&w);
	wire_expect(&w, "1 OK");
	wire_expect(&w, "2 OK");
	wire_expect_start(&w, "3 ERROR syntax ");
	wire_expect_end(&w);
	wire_close(&w);

	wire_open(&w, d->port);
	wire_half_close(&w);
	wire_expect_end(&w);
	wire_close(&w);

	/* A lone half line, and the peer is gone altogether. */
	wire_open(&w, d->port);
	wire_send(&w, "1 SET b 41024448000000");
	wire_close(&w);
	wire_open(&w, d->port);
	wire_ask_start(&w, "1 GET b", "1 ERROR not_found ");
	wire_ask(&w, "1 GET a", "1 OK planned 4102444800000000000");
	wire_stop(&w, d);
}

static void
test_browser(void **state)
{
	static const char *const posts[] = {
		"POST / HTTP/1.1\r\nx SET evil +1h\n",
		"GET /x HTTP/1.0\nx SET evil +1h\n",
		"Host: localhost:5678\r\nx SET evil +1h\n",
		"x SET evil +1h HTTP/1.1\nx SET evil +1h\n",
	};
	struct daemon *d = *state;
	struct wire w;
	size_t i;

	daemon_start(d);
	for (i = 0; i < sizeof(posts) / sizeof(posts[0]); i++) {
		wire_open(&w, d->port);
		wire_send(&w, posts[i]);
		wire_expect_end(&w);
		wire_close(&w);
	}
	wire_open(&w, d->port);
	wire_ask_start(&w, "1 GET evil", "1 ERROR not_found ");
	wire_ask(&w, "1 PING http/1.1", "1 OK http/1.1");
	wire_stop(&w, d);
}

static void
test_pipelined_order(void **state)
{
	char expected[64];
	struct wire w;
	int i;

	wire_start(&w, *state);
	for (i = 0; i < 3000; i += 3)
		wire_sendf(&w,
		    "i%d SET j%d 4102444800000000000\n"
		    "i%d GET j%d\ni%d REMOVE j%d\n",
		    i, i, i + 1, i, i + 2, i);
	for (i = 0; i < 3000; i++) {
		(void)snprintf(expected, sizeof(expected), "i%d OK%s", i,
		    i % 3 == 1 ? " planned 4102444800000000000" : "");
		wire_expect(&w, expected);
	}
	wire_stop(&w, *state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DAEMON_TEST(test_bad_lines),
		DAEMON_TEST(test_line_ends),
		DAEMON_TEST(test_nul_and_binary),
		DAEMON_TEST(test_dribbled),
		DAEMON_TEST(test_long_lines),
		DAEMON_TEST(test_many_words),
		DAEMON_TEST(test_half_close),
		DAEMON_TEST(test_browser),
		DAEMON_TEST(test_pipelined_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
