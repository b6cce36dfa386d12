#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runs.h"

#define SLEEP "direct\tsleep\t1000"
#define N_STRESS 2000u

static void
runs_shell_and_direct(void **state)
{
	(void)state;
	runs_expect(runs_run("shell\techo a b | tr a-z A-Z"), RUN_SUCCESS, 0,
	    "A B\n");
	runs_expect(runs_run("direct\techo\ta  b\t$HOME\t"), RUN_SUCCESS, 0,
	    "a  b $HOME \n");
}

static void
tells_start_before_end(void **state)
{
	const struct run *run;
	struct run_event event;
	char text[32];

	(void)state;
	runs_submit(7, "shell\techo $$");
	event = runs_event();
	assert_int_equal(event.kind, RUN_STARTED);
	assert_int_equal(event.execution_id, 7);
	(void)snprintf(text, sizeof(text), "%d\n", (int)event.pid);
	run = runs_finished(7);
	assert_int_equal(run->started_ns, event.started_ns);
	runs_expect(run, RUN_SUCCESS, 0, text);
}

static void
tells_failures(void **state)
{
	const struct run *run;

	(void)state;
	run = runs_run("shell\techo out; echo err >&2; exit 3");
	runs_expect(run, RUN_FAILURE, 3, "out\n");
	assert_string_equal(run->reason, "exit status 3");
	assert_int_equal(run->output[OUTPUT_STDERR].len, 4);
	run = runs_run("shell\tkill -SEGV $$");
	runs_expect(run, RUN_FAILURE, 128 + SIGSEGV, "");
	assert_string_equal(run->reason, "killed by SIGSEGV");
}

static void
counts_the_codes_of_success(void **state)
{
	(void)state;
	runs_expect(runs_run("shell\texit 3\t--\tsuccess=1-3"), RUN_SUCCESS, 3,
	    "");
	runs_expect(runs_run("shell\texit 0\t--\tsuccess=1-3"), RUN_FAILURE, 0,
	    "");
}

/* A run that cannot be started has an end and no start. */
static void
expect_not_started(const char *line, int exit, const char *reason)
{
	struct run_event event;

	runs_submit(1, line);
	event = runs_event();
	assert_int_equal(event.kind, RUN_FINISHED);
	runs_expect(event.run, RUN_FAILURE, exit, "");
	assert_string_equal(event.run->reason, reason);
	rule_spec_unref(event.run->spec);
	run_free(event.run);
}

static void
tells_what_cannot_be_started(void **state)
{
	(void)state;
	expect_not_started("direct\t/no/such", 127,
	    "cannot execute /no/such: No such file or directory");
	expect_not_started("direct\t/etc/passwd", 126,
	    "cannot execute /etc/passwd: Permission denied");
	expect_not_started("direct\ttrue\t--\tdirectory=/no/such",
	    RUN_EXIT_NONE,
	    "cannot enter directory /no/such: No such file or directory");
	expect_not_started("direct\ttrue\t--\tuser=no_such_user", RUN_EXIT_NONE,
	    "no user no_such_user");
}

static void
runs_awf(void **state)
{
	static const char script[] = "#!/bin/sh\n"
				     "for w; do echo \"<$w>\"; done\n";
	char dir[] = "/tmp/test_processor.XXXXXX", path[64], all[4096];
	const char *path_now = getenv("PATH");
	char *old = strdup(path_now != NULL ? path_now : "/bin:/usr/bin");
	int fd;

	(void)state;
	assert_non_null(old);
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/awf", dir);
	(void)snprintf(all, sizeof(all), "%s:%s", dir, old);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
	assert_int_equal(write(fd, script, sizeof(script) - 1),
	    sizeof(script) - 1);
	assert_int_equal(close(fd), 0);
	assert_int_equal(setenv("PATH", all, 1), 0);
	runs_restart(1);
	runs_expect(runs_run("awf\tnight ly\t--input\tk=a b\t--input\tx="),
	    RUN_SUCCESS, 0,
	    "<run>\n<night ly>\n<--input>\n<k=a b>\n"
	    "<--input>\n<x=>\n");
	assert_int_equal(setenv("PATH", old, 1), 0);
	free(old);
	assert_int_equal(unlink(path), 0);
	expect_not_started("awf\tnightly", 127,
	    "cannot execute awf: No such file or directory");
	assert_int_equal(rmdir(dir), 0);
}

static void
gives_the_environment(void **state)
{
	struct run *run;

	(void)state;
	run = runs_new(42,
	    "shell\tenv | grep -E '^(TICK_|MINE=|PATH=)' | "
	    "sort\t--\tenv=MINE=a "
	    "b\tenv=TICK_JOB=forged\tenv=PATH=/bin");
	run->payload = strdup("$(touch /tmp/never); \"x\"");
	assert_non_null(run->payload);
	run->payload_len = strlen(run->payload);
	run->attempt = 3;
	assert_true(processor_submit(runs_processor(), run));
	runs_expect(runs_finished(42), RUN_SUCCESS, 0,
	    "MINE=a b\n"
	    "PATH=/bin\n"
	    "TICK_ATTEMPT=3\n"
	    "TICK_EXECUTION_ID=42\n"
	    "TICK_EXECUTION_NS=1711612800000000000\n"
	    "TICK_JOB=test.job\n"
	    "TICK_PAYLOAD=$(touch /tmp/never); \"x\"\n"
	    "TICK_RULE=test.rule\n");
	runs_expect(runs_run("shell\techo \"<${TICK_PAYLOAD-unset}>\""),
	    RUN_SUCCESS, 0, "<>\n");
}

/* Of the server's environment a few, whatever else is in there; `_`, OLDPWD,
 * PWD and SHLVL are the shell's. */
static void
hands_on_a_few_entries(void **state)
{
	static const char *const set[] = { "HOME=/h", "USER=u", "LOGNAME=l",
		"SHELL=/s", "LANG=C", "TZ=UTC", "NOTIFY_SOCKET=/n",
		"JOURNAL_STREAM=1:2", "TICKD_LOG_LEVEL=debug", "LISTEN_FDS=1",
		"LD_PRELOAD=", "PASSWORD=x" };
	const char *path = getenv("PATH");
	char *old_path = path == NULL ? NULL : strdup(path);

	(void)state;
	assert_non_null(old_path);
	for (size_t i = 0; i < sizeof(set) / sizeof(set[0]); i++) {
		char *entry = strdup(set[i]), *equals = strchr(entry, '=');

		*equals = '\0';
		assert_int_equal(setenv(entry, equals + 1, 1), 0);
		free(entry);
	}
	processor_stop(runs_processor());
	runs_start_again();
	runs_expect(runs_run("shell\tenv | grep -vE '^(PWD|OLDPWD|SHLVL|_|PATH|"
			     "TICK_[A-Z_]*)=' | sort"),
	    RUN_SUCCESS, 0,
	    "HOME=/h\nLANG=C\nLOGNAME=l\nSHELL=/s\nTZ=UTC\nUSER=u\n");
	runs_expect(runs_run("shell\tenv | grep ^TZ\t--\tenv=TZ=Asia/Tokyo"),
	    RUN_SUCCESS, 0, "TZ=Asia/Tokyo\n");
	/* A path there always is. */
	assert_int_equal(unsetenv("PATH"), 0);
	processor_stop(runs_processor());
	runs_start_again();
	runs_expect(runs_run("direct\tenv"), RUN_SUCCESS, 0, NULL);
	runs_expect(runs_run("shell\tenv | grep ^PATH="), RUN_SUCCESS, 0,
	    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	    "\n");
	assert_int_equal(setenv("PATH", old_path, 1), 0);
	free(old_path);
	for (size_t i = 6; i < sizeof(set) / sizeof(set[0]); i++) {
		char *entry = strdup(set[i]);

		*strchr(entry, '=') = '\0';
		assert_int_equal(unsetenv(entry), 0);
		free(entry);
	}
	processor_stop(runs_processor());
	runs_start_again();
}

/* By the PATH that the run sees, not the server's. */
static void
finds_programs_by_the_rules_path(void **state)
{
	char dir[] = "/tmp/tickd-test.XXXXXX", path[64], line[256];
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/only-here", dir);
	assert_non_null(f = fopen(path, "w"));
	assert_true(fputs("echo \"$1\"\n", f) >= 0); /* without a #! */
	assert_int_equal(fclose(f), 0);
	(void)snprintf(line, sizeof(line),
	    "direct\tonly-here\thello\t--\tenv=PATH=/no/such::%s:/bin", dir);
	runs_expect(runs_run(line), RUN_FAILURE, 126, NULL);
	assert_int_equal(chmod(path, 0755), 0);
	runs_expect(runs_run(line), RUN_SUCCESS, 0, "hello\n");
	runs_expect(runs_run("direct\tonly-here"), RUN_FAILURE, 127, NULL);
	runs_expect(runs_run("direct\ttrue\t--\tenv=PATH=/no/such"),
	    RUN_FAILURE, 127, NULL);
	(void)snprintf(line, sizeof(line),
	    "direct\tonly-here\there\t--\tenv=PATH=:/bin\tdirectory=%s", dir);
	runs_expect(runs_run(line), RUN_SUCCESS, 0, "here\n");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void
refuses_a_payload_no_environment_holds(void **state)
{
	static const char payload[] = "a\0LD_PRELOAD=/evil.so";
	struct run *run = runs_new(1, "direct\ttrue");

	(void)state;
	run->payload = malloc(sizeof(payload));
	assert_non_null(run->payload);
	memcpy(run->payload, payload, sizeof(payload));
	run->payload_len = sizeof(payload) - 1;
	assert_true(processor_submit(runs_processor(), run));
	runs_expect(runs_finished(1), RUN_FAILURE, RUN_EXIT_NONE, "");
}

static void
becomes_the_user(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	runs_expect(runs_run("shell\tid -un; echo $USER $LOGNAME; ulimit -p\t"
			     "--\tuser=nobody\tprocesses=77"),
	    RUN_SUCCESS, 0, "nobody\nnobody nobody\n77\n");
}

static void
limits_the_size_of_files(void **state)
{
	char path[] = "/tmp/test_processor.XXXXXX", line[128];
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	(void)snprintf(line, sizeof(line),
	    "direct\tdd\tif=/dev/zero\tof=%s\tbs=1024\tcount=9\t--\tdisk=8192",
	    path);
	runs_expect(runs_run(line), RUN_FAILURE, 128 + SIGXFSZ, "");
	assert_int_equal(lseek(fd, 0, SEEK_END), 8192);
	assert_int_equal(close(fd), 0);
	assert_int_equal(unlink(path), 0);
}

static void
times_out_the_whole_tree(void **state)
{
	const struct run *run;
	pid_t group;

	(void)state;
	runs_submit(1,
	    "shell\tsleep 1000 & (sleep 1000 & sleep 1000) & "
	    "sleep 1000\t--\ttimeout=50ms");
	group = runs_started(1);
	run = runs_finished(1);
	runs_expect(run, RUN_TIMEOUT, 128 + SIGTERM, "");
	assert_true(run->ended_ns - run->started_ns >= 50000000);
	runs_await_group_gone(group);
}

static void
kills_what_ignores_a_timeout(void **state)
{
	pid_t group;

	(void)state;
	runs_submit(1,
	    "shell\ttrap '' TERM; echo one; while :; do sleep 1000; "
	    "done\t--\ttimeout=1s\tkill_after=50ms");
	group = runs_started(1);
	runs_expect(runs_finished(1), RUN_TIMEOUT, 128 + SIGKILL, NULL);
	runs_await_group_gone(group);
}

static void
leaves_background_children_alone(void **state)
{
	pid_t group;

	(void)state;
	runs_submit(1, "shell\tsleep 1000 & echo done\t--\ttimeout=1h");
	group = runs_started(1);
	runs_expect(runs_finished(1), RUN_SUCCESS, 0, "done\n");
	assert_int_equal(kill(-group, SIGKILL), 0);
	runs_await_group_gone(group);
}

static void
cancels(void **state)
{
	pid_t group;

	(void)state;
	runs_submit(1, "shell\tsleep 1000 & sleep 1000");
	group = runs_started(1);
	processor_cancel(runs_processor(), 999, true); /* nobody's */
	processor_cancel(runs_processor(), 1, false);
	runs_expect(runs_finished(1), RUN_CANCELLED, 128 + SIGTERM, "");
	runs_await_group_gone(group);
	processor_cancel(runs_processor(), 1, false); /* no longer there */
	runs_expect(runs_run("direct\ttrue"), RUN_SUCCESS, 0, "");
}

static void
cancels_with_force(void **state)
{
	(void)state;
	runs_submit(1, SLEEP);
	(void)runs_started(1);
	processor_cancel(runs_processor(), 1, true);
	runs_expect(runs_finished(1), RUN_CANCELLED, 128 + SIGKILL, "");
	/* With nothing to wait before the kill it is the same. */
	runs_submit(2, SLEEP "\t--\tkill_after=0ns");
	(void)runs_started(2);
	processor_cancel(runs_processor(), 2, false);
	runs_expect(runs_finished(2), RUN_CANCELLED, 128 + SIGKILL, "");
}

/* However often somebody asks: the orders of a run are bounded. */
static void
cancels_again_and_again(void **state)
{
	unsigned i;
	pid_t group;

	(void)state;
	runs_restart(1);
	runs_submit(1,
	    "shell\ttrap '' TERM; while :; do sleep 1000; done\t--\t"
	    "kill_after=1h");
	group = runs_started(1);
	for (i = 0; i < 1000; i++)
		processor_cancel(runs_processor(), 1, false);
	for (i = 0; i < 1000; i++)
		processor_cancel(runs_processor(), 1, true);
	assert_int_equal(runs_finished(1)->outcome, RUN_CANCELLED);
	runs_await_group_gone(group);
}

/* A cancel is the last word: nothing may be retried as timed out. */
static void
cancels_what_has_timed_out(void **state)
{
	char path[] = "/tmp/test_processor.XXXXXX", fifo[64], line[256], c;
	pid_t group;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(path));
	(void)snprintf(fifo, sizeof(fifo), "%s/fifo", path);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	(void)snprintf(line, sizeof(line),
	    "shell\ttrap 'echo >%s' TERM; while :; do sleep 1000; done\t--\t"
	    "timeout=300ms\tkill_after=1h",
	    fifo);
	runs_submit(1, line);
	group = runs_started(1);
	fd = open(fifo, O_RDONLY); /* waits for the trap to open it */
	assert_true(fd >= 0);
	assert_int_equal(read(fd, &c, 1), 1);
	processor_cancel(runs_processor(), 1, true);
	runs_expect(runs_finished(1), RUN_CANCELLED, 128 + SIGKILL, NULL);
	runs_await_group_gone(group);
	assert_int_equal(close(fd), 0);
	assert_int_equal(unlink(fifo), 0);
	assert_int_equal(rmdir(path), 0);
}

static void
bounds_what_is_in_flight(void **state)
{
	struct run *run = runs_new(99, "direct\ttrue");
	uint64_t id;

	(void)state;
	for (id = 1; id <= 64; id++)
		runs_submit(id, SLEEP);
	assert_false(processor_submit(runs_processor(), run));
	for (id = 1; id <= 64; id++)
		(void)runs_started(id);
	processor_cancel(runs_processor(), 33, true);
	assert_int_equal(runs_finished(33)->outcome, RUN_CANCELLED);
	assert_true(processor_submit(runs_processor(), run));
	runs_expect(runs_finished(99), RUN_SUCCESS, 0, "");
	for (id = 1; id <= 64; id++)
		processor_cancel(runs_processor(), id, id % 2 == 0);
	for (id = 1; id < 64; id++)
		assert_int_equal(runs_finished(0)->outcome, RUN_CANCELLED);
}

static void
keeps_up_with_many(void **state)
{
	unsigned started = 0, ended = 0;

	(void)state;
	while (ended < N_STRESS) {
		while (started < N_STRESS && started - ended < 64)
			runs_submit(++started, "direct\ttrue");
		runs_expect(runs_finished(0), RUN_SUCCESS, 0, "");
		ended++;
	}
}

static void
stops_at_once(void **state)
{
	uint64_t id;

	(void)state;
	for (id = 1; id <= 64; id++)
		runs_submit(id, SLEEP);
	/* The teardown stops it, whatever has been started by then. */
}

static void
stops_what_runs(void **state)
{
	pid_t group;

	(void)state;
	runs_submit(1, "shell\ttrap '' TERM; sleep 1000 & sleep 1000; :");
	runs_submit(2, "direct\ttrue");
	runs_submit(3, SLEEP);
	group = runs_started(1);
	runs_restart(1);
	runs_await_group_gone(group);
	runs_expect(runs_run("direct\ttrue"), RUN_SUCCESS, 0, "");
}

static void
stops_with_results_not_taken(void **state)
{
	(void)state;
	runs_submit(1, "direct\t/no/such"); /* has no other event */
	runs_submit(2, "shell\techo something");
	runs_await_wake();
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, runs_setup, runs_teardown)
	const struct CMUnitTest tests[] = {
		TEST(runs_shell_and_direct),
		TEST(tells_start_before_end),
		TEST(tells_failures),
		TEST(counts_the_codes_of_success),
		TEST(tells_what_cannot_be_started),
		TEST(runs_awf),
		TEST(gives_the_environment),
		TEST(hands_on_a_few_entries),
		TEST(finds_programs_by_the_rules_path),
		TEST(refuses_a_payload_no_environment_holds),
		TEST(becomes_the_user),
		TEST(limits_the_size_of_files),
		TEST(times_out_the_whole_tree),
		TEST(kills_what_ignores_a_timeout),
		TEST(leaves_background_children_alone),
		TEST(cancels),
		TEST(cancels_with_force),
		TEST(cancels_again_and_again),
		TEST(cancels_what_has_timed_out),
		TEST(bounds_what_is_in_flight),
		TEST(keeps_up_with_many),
		TEST(stops_at_once),
		TEST(stops_what_runs),
		TEST(stops_with_results_not_taken),
	};

	return cmocka_run_group_tests_name("processor", tests, NULL, NULL);
}
