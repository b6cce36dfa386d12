/* Execution policies: options, retries, limits, cancelling, history. */
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

static void
test_options(void **state)
{
	static const struct step steps[] = {
		{ "1 RULE OPTIONS r", "1 ERROR not_found ..." },
		{ "1 RULE OPTIONS r retries=1", "1 ERROR not_found ..." },
		{ "1 RULE SET r a direct /bin/true", "1 OK" },
		{ "1 RULE OPTIONS r retries=x", "1 ERROR invalid ..." },
		{ "1 RULE OPTIONS r nosuch=1", "1 ERROR invalid ..." },
		{ "1 RULE OPTIONS r retries", "1 ERROR invalid ..." },
		{ "1 RULE OPTIONS r retries=1 timeout=x",
		    "1 ERROR invalid ..." },
		{ "1 RULE OPTIONS r network=off", "1 ERROR invalid ..." },
		{ "1 RULE OPTIONS r sandbox=kata", "1 ERROR invalid ..." },
		{ "1 RULE OPTIONS r env=A=1 \"env=B=x y\" timeout=90s", "1 OK" },
		{ "1 RULE OPTIONS r retries=3", "1 OK" },
		{ "1 RULE SET r b direct /bin/false", "1 OK" },
		{ 0 },
	};
	struct daemon *d = *state;
	struct wire w;
	char *options;

	wire_start(&w, d);
	wire_play(&w, steps);
	daemon_kill(d);
	wire_close(&w);
	wire_start(&w, d);
	assert_string_equal(wire_row(&w, "1 RULE OPTIONS r", "timeout"),
	    "1m30s");
	assert_int_equal(wire_row_u64(&w, "1 RULE GET r", "retries"), 3);
	options = wire_reply(&w, "1 RULE OPTIONS r");
	assert_ptr_equal(strstr(options, "1 timeout 1m30s\n"), options);
	assert_non_null(strstr(options, "\n1 env A=1\n1 env \"B=x y\"\n"));
	free(options);
	wire_ask(&w, "1 RULE OPTIONS r timeout= env=", "1 OK");
	assert_string_equal(wire_row(&w, "1 RULE GET r", "timeout"), "0");
	assert_string_equal(wire_row(&w, "1 RULE GET r", "env"), "-");

	/* The listing does not overtake the write before it. */
	wire_send(&w, "1 RULE OPTIONS r kill_after=1s\n2 RULE OPTIONS r\n");
	wire_expect(&w, "1 OK");
	wire_expect(&w, "2 timeout 0");
	wire_expect(&w, "2 kill_after 1s");
	wire_stop(&w, d);
}

static void
test_history(void **state)
{
	static const struct step steps[] = {
		{ "1 HISTORY a", "1 ERROR not_found ..." },
		{ "1 SET a 4102444800000000000", "1 OK" },
		{ "1 HISTORY a", "1 OK" },
		{ "1 HISTORY a LIMIT", "1 ERROR syntax ..." },
		{ "1 HISTORY a LIMIT x", "1 ERROR invalid ..." },
		{ "1 HISTORY a x 1", "1 ERROR invalid ..." },
		{ "1 RULE SET r a direct /bin/false", "1 OK" },
		{ 0 },
	};
	struct daemon *d = *state;
	struct wire w;
	char *all, *again;
	int i;

	wire_start(&w, d);
	wire_play(&w, steps);
	for (i = 0; i < 20; i++) {
		wire_ask(&w, "1 RUN a", "1 OK");
		wire_until(&w, "1 GET a", "1 OK failed ");
	}
	all = wire_reply(&w, "1 HISTORY a");
	assert_non_null(strstr(all, " failure 1 1 r\n"));
	for (i = 0, again = all; (again = strchr(again, '\n')) != NULL; again++)
		i++;
	assert_int_equal(i, 16 + 1);
	daemon_kill(d);
	wire_close(&w);
	wire_start(&w, d);
	again = wire_reply(&w, "1 HISTORY a");
	assert_string_equal(again, all);
	free(again);
	again = wire_reply(&w, "1 HISTORY a LIMIT 1");
	assert_memory_equal(again, all, strlen(again) - strlen("1 OK\n"));
	wire_ask(&w, "1 HISTORY a LIMIT 0", "1 OK");
	free(again);
	free(all);
	wire_stop(&w, d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DAEMON_TEST(test_options),
		DAEMON_TEST(test_history),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
