/* What probes of all kinds have in common, and those that no runner's test
 * has: tcp and exec. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "hung_name.h"
#include "peer.h"
#include "runs.h"

#define SLEEP "exec\tsleep\t1000\t--\tkill_after=0"

static struct peer peer;

static const char *
address(const char *host, int port)
{
	static char text[128];

	(void)snprintf(text, sizeof(text), "tcp\t%s:%d\t--\ttimeout=5s", host,
	    port);
	return text;
}

static void
expect_reason(const struct run *run, const char *part)
{
	if (strstr(run->reason, part) == NULL)
		fail_msg("reason \"%s\" lacks \"%s\"", run->reason, part);
}

static void
connects(void **state)
{
	const struct run *run;

	(void)state;
	peer_start(&peer, peer_await_end);
	run = runs_probe(address("127.0.0.1", peer.port));
	runs_expect(run, RUN_SUCCESS, RUN_EXIT_NONE, "");
	assert_true(run->answered);
	run = runs_probe(address("localhost", peer.port));
	runs_expect(run, RUN_SUCCESS, RUN_EXIT_NONE, "");
	peer_stop(&peer);
}

static void
tells_refused_connections(void **state)
{
	const struct run *run;

	(void)state;
	run = runs_probe(address("127.0.0.1", peer_free_port()));
	runs_expect(run, RUN_FAILURE, RUN_EXIT_NONE, "");
	assert_false(run->answered);
	expect_reason(run, "refused");
}

/* A name server that is silent keeps nobody else waiting. */
static void
does_not_wait_for_names(void **state)
{
	const struct run *run;

	(void)state;
	assert_true(
	    runs_submit_probe(1, "tcp\t" HUNG_NAME ":80\t--\ttimeout=50ms"));
	hung_name_await();
	runs_expect(runs_run("direct\ttrue"), RUN_SUCCESS, 0, "");
	run = runs_probed(1);
	runs_expect(run, RUN_TIMEOUT, RUN_EXIT_NONE, "");
	assert_false(run->answered);
	hung_name_release(1);
	runs_await_files();
}

static void
executes(void **state)
{
	const struct run *run;

	(void)state;
	run = runs_probe("exec\ttrue");
	runs_expect(run, RUN_SUCCESS, 0, "");
	assert_true(run->answered);
	run = runs_probe("exec\tsh\t-c\texit 3");
	runs_expect(run, RUN_FAILURE, 3, "");
	expect_reason(run, "exit status 3");
	run = runs_probe("exec\t/no/such");
	runs_expect(run, RUN_FAILURE, 127, "");
	assert_false(run->answered);
	/* It is no job's. */
	runs_expect(runs_probe("exec\tsh\t-c\tenv | grep -c ^TICK_; :"),
	    RUN_SUCCESS, 0, "0\n");
}

static void
kills_what_hangs(void **state)
{
	const struct run *run;

	(void)state;
	run = runs_probe("exec\tsh\t-c\ttrap '' TERM; sleep 1000 & sleep 1000\t"
			 "--\ttimeout=50ms\tkill_after=0");
	runs_expect(run, RUN_TIMEOUT, 128 + SIGKILL, "");
	while (waitpid(-1, NULL, 0) > 0) /* orphans become ours */
		;
}

/* Probes take no place of a run, runs none of a probe. */
static void
bounds_probes_and_runs(void **state)
{
	unsigned i;

	(void)state;
	runs_restart(1);
	for (i = 0; i < PROCESSOR_PROBES; i++)
		assert_true(runs_submit_probe(100 + i, SLEEP));
	assert_false(runs_submit_probe(999, SLEEP));
	for (i = 0; i < 20; i++)
		runs_expect(runs_run("direct\ttrue"), RUN_SUCCESS, 0, "");
	/* A probe's number is no execution's. */
	processor_cancel(runs_processor(), 100, true);
	runs_submit(1, "direct\tsleep\t1000");
	(void)runs_started(1);
	processor_cancel(runs_processor(), 1, true);
	assert_int_equal(runs_finished(1)->outcome, RUN_CANCELLED);
	assert_false(runs_submit_probe(999, SLEEP));
}

static void
gives_places_back(void **state)
{
	unsigned i, n;

	(void)state;
	for (n = 0; n < 3; n++) {
		for (i = 0; i < PROCESSOR_PROBES; i++)
			assert_true(runs_submit_probe(1 + i, "exec\ttrue"));
		assert_false(runs_submit_probe(99, "exec\ttrue"));
		for (i = 0; i < PROCESSOR_PROBES; i++)
			runs_expect(runs_probed(0), RUN_SUCCESS, 0, "");
	}
}

static void
stops_with_results_not_taken(void **state)
{
	(void)state;
	assert_true(runs_submit_probe(1, "exec\ttrue"));
	assert_true(runs_submit_probe(2, SLEEP));
	runs_await_wake();
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, runs_setup, runs_teardown)
	const struct CMUnitTest tests[] = {
		TEST(connects),
		TEST(tells_refused_connections),
		TEST(does_not_wait_for_names),
		TEST(executes),
		TEST(kills_what_hangs),
		TEST(bounds_probes_and_runs),
		TEST(gives_places_back),
		TEST(stops_with_results_not_taken),
	};

	return cmocka_run_group_tests_name("probes", tests, NULL, NULL);
}
