/* What the log tells an operator. */
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
write_tokens(const struct daemon *d)
{
	FILE *f = fopen(daemon_path(d, "auth"), "w");

	assert_non_null(f);
	assert_true(
	    fputs("[token.root]\nsecret = s-root\nnamespace = *\n", f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* Whoever steers the server is named; who only looks, or plans jobs, is not. */
static void
test_who_did_it(void **state)
{
	static const char *const asked[][2] = {
		{ "1 RULE SET r j. shell true", "\"RULE SET\" target=r" },
		{ "1 RULE OPTIONS r timeout=5s", "\"RULE OPTIONS\" target=r" },
		{ "1 RULE PAUSE r", "\"RULE PAUSE\" target=r" },
		{ "1 REMOVERULE r", "REMOVERULE target=r" },
		{ "1 ALERT SET cpu_warning 70",
		    "\"ALERT SET\" target=cpu_warning" },
		{ "1 RELOAD", "RELOAD target=-" },
	};
	struct daemon *d = *state;
	char line[128];
	struct wire w;

	write_tokens(d);
	daemon_set(d, "controller.auth_file=auth");
	wire_start(&w, d);
	wire_ask(&w, "AUTH s-root", "OK");
	wire_ask(&w, "1 SET j. +1h", "1 OK");
	wire_ask_start(&w, "1 RULE PAUSE nosuch", "1 ERROR not_found");
	wire_ask_start(&w, "1 GET j.", "1 OK planned ");
	assert_null(strstr(daemon_log(d), "event=command"));
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		wire_ask(&w, asked[i][0], "1 OK");
		(void)snprintf(line, sizeof(line),
		    "event=command command=%s address=127.0.0.1:", asked[i][1]);
		daemon_wait_log(d, line);
		assert_non_null(
		    strstr(strstr(daemon_log(d), line), " token=root"));
	}
	wire_ask(&w, "1 SHUTDOWN NOW", "1 OK");
	wire_expect_end(&w);
	assert_non_null(strstr(daemon_log(d),
	    "event=command command=SHUTDOWN target=NOW address=127.0.0.1:"));
	wire_close(&w);
}

/* Every line has one event, also those of alerts. */
static void
test_one_event_a_line(void **state)
{
	static const char raised[] = "event=alert_raised alert=";
	struct daemon *d = *state;
	const char *log, *end;
	unsigned long id;
	struct wire w;

	daemon_set(d, "health.polling_interval=100ms");
	daemon_set(d, "alerts.raise_after=1");
	daemon_set(d, "alerts.cpu_warning=100");
	daemon_set(d, "alerts.cpu_critical=100");
	daemon_set(d, "alerts.memory_warning=100");
	daemon_set(d, "alerts.memory_critical=100");
	daemon_set(d, "alerts.disk_warning=100");
	daemon_set(d, "alerts.disk_critical=100");
	wire_start(&w, d);
	wire_ask(&w, "1 INTEGRATION SET nobody tcp 127.0.0.1:1", "1 OK");
	daemon_wait_log(d, raised);
	id = strtoul(strstr(daemon_log(d), raised) + sizeof(raised) - 1, NULL,
	    10);
	wire_sendf(&w, "1 ALERT ACK %lu\n", id);
	wire_expect(&w, "1 OK");
	daemon_wait_log(d, "event=alert_acknowledged alert=");
	wire_ask(&w, "1 INTEGRATION REMOVE nobody", "1 OK");
	daemon_wait_log(d, "event=alert_cleared alert=");
	wire_stop(&w, d);
	for (log = daemon_log(d); *log != '\0'; log = end + 1) {
		const char *event = strstr(log, " event=");

		end = strchr(log, '\n');
		assert_non_null(end);
		assert_true(event != NULL && event < end);
		event = strstr(event + 1, " event=");
		assert_true(event == NULL || event > end);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DAEMON_TEST(test_who_did_it),
		DAEMON_TEST(test_one_event_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
