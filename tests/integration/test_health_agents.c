/* HEALTH AGENTS and HEALTH AGENT on a real server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "wire.h"

/* Wait until an agent has completed so many operations. */
static void
wait_operations(struct wire *w, const char *rule, unsigned n)
{
	char request[64];

	(void)snprintf(request, sizeof(request), "h HEALTH AGENT %s", rule);
	while (wire_row_u64(w, request, "operations_completed") < n)
		;
}

static void
expect_row(struct wire *w, const char *key, const char *value)
{
	assert_string_equal(wire_row(w, "h HEALTH AGENT r", key), value);
}

static void
test_hundred_runs_with_ten_failures(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	wire_shell_rule(&w, d, "r", "j.",
	    "case $TICK_JOB in *7) exit 3;; esac");
	wire_ask(&w, "o RULE OPTIONS r name=billing breaker=off", "o OK");
	for (int i = 0; i < 100; i++) {
		wire_sendf(&w, "s SET j.%02d now\n", i);
		wire_expect(&w, "s OK");
	}
	wait_operations(&w, "r", 100);
	wire_ask(&w, "h HEALTH AGENTS", "h r idle 0.9 0.8256 100 stable");
	wire_expect(&w, "h OK");
	expect_row(&w, "agent_id", "r");
	expect_row(&w, "agent_name", "billing");
	expect_row(&w, "status", "idle");
	expect_row(&w, "current_operation", "-");
	expect_row(&w, "success_rate", "0.9");
	expect_row(&w, "confidence_score", "0.8256");
	expect_row(&w, "error_rate", "0.1");
	expect_row(&w, "recent_executions", "100");
	expect_row(&w, "recent_failures", "10");
	expect_row(&w, "sandbox", "none");
	expect_row(&w, "sessions", "0");
	assert_true(
	    strtod(wire_row(&w, "h HEALTH AGENT r", "execution_time_ms_p99"),
		NULL) > 0);
	/* Kept over RULE SET, gone with the rule. */
	wire_ask(&w, "r RULE SET r j. shell true", "r OK");
	expect_row(&w, "operations_completed", "100");
	wire_ask(&w, "r REMOVERULE r", "r OK");
	wire_ask_start(&w, "h HEALTH AGENT r", "h ERROR not_found ");
	wire_ask(&w, "r RULE SET r j. shell true", "r OK");
	wire_ask(&w, "h HEALTH AGENTS", "h r idle - - 0 stable");
	wire_expect(&w, "h OK");
	wire_stop(&w, d);
}

static void
test_status(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	wire_ask(&w, "r RULE SET r j. shell \"sleep 600\"", "r OK");
	wire_ask(&w, "s SET j.1 now", "s OK");
	wire_until(&w, "e EXECUTIONS j.1", "e 1 j.1 r running");
	wire_expect(&w, "e OK");
	expect_row(&w, "status", "active");
	expect_row(&w, "current_operation", "j.1");
	wire_ask(&w, "p RULE PAUSE r", "p OK");
	expect_row(&w, "status", "paused");
	wire_ask(&w, "p RULE RESUME r", "p OK");
	/* What is cancelled counts for nothing. */
	wire_ask(&w, "c CANCEL j.1 FORCE", "c OK");
	wire_until(&w, "g GET j.1", "g OK failed ");
	expect_row(&w, "operations_completed", "0");
	expect_row(&w, "status", "idle");
	/* An operation is all attempts together. */
	wire_ask(&w, "r RULE SET r j. shell false", "r OK");
	wire_ask(&w, "o RULE OPTIONS r retries=2 backoff=1ms breaker=off",
	    "o OK");
	for (int i = 1; i <= 3; i++) {
		expect_row(&w, "status", "idle");
		wire_sendf(&w, "s SET j.2 now\n");
		wire_expect(&w, "s OK");
		wait_operations(&w, "r", (unsigned)i);
	}
	expect_row(&w, "status", "error");
	expect_row(&w, "recent_failures", "3");
	expect_row(&w, "last_success_ns", "0");
	wire_stop(&w, d);
}

static void
test_namespace(void **state)
{
	struct daemon *d = *state;
	FILE *f = fopen(daemon_path(d, "auth"), "w");
	struct wire w;

	assert_non_null(f);
	(void)fputs("[token.all]\nsecret = s-all\nnamespace = *\n"
		    "[token.a]\nsecret = s-a\nnamespace = a.\nrole = reader\n",
	    f);
	(void)fclose(f);
	daemon_set(d, "controller.auth_file=auth");
	wire_start(&w, d);
	wire_ask(&w, "AUTH s-all", "OK");
	wire_ask(&w, "r RULE SET a.1 a. shell true", "r OK");
	wire_ask(&w, "r RULE SET a.2 b. shell true", "r OK");
	wire_ask(&w, "r RULE SET b.1 b. shell true", "r OK");
	wire_close(&w);
	wire_open(&w, d->port);
	wire_ask(&w, "AUTH s-a", "OK");
	wire_ask(&w, "h HEALTH AGENTS", "h a.1 idle - - 0 stable");
	wire_expect(&w, "h OK");
	wire_ask_start(&w, "h HEALTH AGENT a.2", "h ERROR denied ");
	wire_ask_start(&w, "h HEALTH AGENT b.1", "h ERROR denied ");
	wire_ask(&w, "h HEALTH AGENT a.1", "h agent_id a.1");
	wire_stop(&w, d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DAEMON_TEST(test_hundred_runs_with_ten_failures),
		DAEMON_TEST(test_status),
		DAEMON_TEST(test_namespace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
