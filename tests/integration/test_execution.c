/* Due jobs run: on time, once, as their rule says, whatever else happens. */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon.h"
#include "wire.h"

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S (1000 * NS_PER_MS)

static int64_t
wall_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* Until the wall clock shows it: a due time passes while nobody looks. */
static void
wait_until(int64_t ns)
{
	struct timespec at = { .tv_sec = ns / NS_PER_S,
		.tv_nsec = ns % NS_PER_S };

	while (
	    clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &at, NULL) == EINTR)
		;
}

static void
kill_written_pid(const struct daemon *d, const char *name)
{
	pid_t pid = (pid_t)strtol(daemon_content(d, name), NULL, 10);

	assert_true(pid > 1);
	(void)kill(-pid, SIGKILL);
}

static void
test_shell(void **state)
{
	struct daemon *d = *state;
	struct wire w;
	int64_t due, started;
	char expected[256], request[128];

	wire_start(&w, d);
	wire_shell_rule(&w, d, "rule.a", "a.",
	    "echo $TICK_JOB,$TICK_RULE,$TICK_EXECUTION_NS,$TICK_ATTEMPT,"
	    "$TICK_PAYLOAD > out; echo $TICK_EXECUTION_ID > id");
	due = wall_ns() + 300 * NS_PER_MS;
	(void)snprintf(request, sizeof(request),
	    "1 SET a.1 %lld PAYLOAD \"p q\"", (long long)due);
	wire_ask(&w, request, "1 OK");
	wire_until(&w, "1 GET a.1", "1 OK executed ");
	(void)snprintf(expected, sizeof(expected), "a.1,rule.a,%lld,1,p q\n",
	    (long long)due);
	assert_string_equal(daemon_content(d, "out"), expected);
	assert_true(strtoull(daemon_content(d, "id"), NULL, 10) > 0);

	assert_int_equal(wire_row_u64(&w, "1 INFO a.1", "execution_ns"), due);
	started = (int64_t)wire_row_u64(&w, "1 INFO a.1", "last_start_ns");
	assert_in_range(started - due, 0, 2 * NS_PER_S);
	assert_true(
	    (int64_t)wire_row_u64(&w, "1 INFO a.1", "last_end_ns") >= started);
	assert_string_equal(wire_row(&w, "1 INFO a.1", "last_outcome"),
	    "success");
	assert_string_equal(wire_row(&w, "1 INFO a.1", "last_exit"), "0");
	assert_string_equal(wire_row(&w, "1 INFO a.1", "attempts"), "1");
	assert_string_equal(wire_row(&w, "1 INFO a.1", "rule"), "rule.a");
	assert_string_equal(wire_row(&w, "1 INFO a.1", "runner"), "shell");
	wire_stop(&w, d);
}

static void
test_direct(void **state)
{
	struct daemon *d = *state;
	struct wire w;
	char request[512];

	wire_start(&w, d);
	(void)snprintf(request, sizeof(request),
	    "1 RULE SET r a direct /bin/sh -c "
	    "\"printf '%%s|' \\\"$@\\\" > %s/out; exit 3\" sh \"b c\" \"\" "
	    "$HOME",
	    d->dir);
	wire_ask(&w, request, "1 OK");
	wire_ask(&w, "1 SET a now", "1 OK");
	wire_until(&w, "1 GET a", "1 OK failed ");
	assert_string_equal(daemon_content(d, "out"), "b c||$HOME|");
	assert_string_equal(wire_row(&w, "1 INFO a", "last_exit"), "3");
	assert_string_equal(wire_row(&w, "1 INFO a", "last_outcome"),
	    "failure");
	wire_stop(&w, d);
}

static void
test_bad_ends(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	wire_shell_rule(&w, d, "r.kill", "kill", "kill -9 $$");
	wire_ask(&w, "1 RULE SET r.none none direct /no/such/program", "1 OK");
	wire_ask(&w, "1 RULE SET r.net net http GET http://127.0.0.1:1/",
	    "1 OK");
	wire_ask(&w, "1 SET kill now", "1 OK");
	wire_ask(&w, "1 SET none now", "1 OK");
	wire_ask(&w, "1 SET net now", "1 OK");
	wire_ask(&w, "1 SET ruleless +50ms", "1 OK");
	wire_until(&w, "1 GET kill", "1 OK failed ");
	assert_string_equal(wire_row(&w, "1 INFO kill", "last_exit"), "137");
	wire_until(&w, "1 GET none", "1 OK failed ");
	wire_until(&w, "1 GET net", "1 OK failed ");
	wire_until(&w, "1 GET ruleless", "1 OK failed ");
	assert_int_equal(wire_row_u64(&w, "1 STAT", "jobs_failed"), 4);
	wire_stop(&w, d);
}

static void
test_past_is_due_at_once(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	wire_ask(&w, "1 RULE SET r a direct /bin/true", "1 OK");
	wire_ask(&w, "1 SET a 1000000000", "1 OK");
	wire_until(&w, "1 GET a", "1 OK executed 1000000000");
	wire_stop(&w, d);
}

static void
test_order(void **state)
{
	struct daemon *d = *state;
	struct wire w;
	int64_t due;
	int i;

	daemon_set(d, "processor.max_inflight=1");
	wire_start(&w, d);
	wire_shell_rule(&w, d, "r", "j", "echo $TICK_JOB >> out");
	due = wall_ns() + 300 * NS_PER_MS;
	wire_sendf(&w,
	    "1 SET jc %lld\n1 SET ja %lld\n1 SET jb %lld\n1 SET jd %lld\n",
	    (long long)due, (long long)due, (long long)due, (long long)due - 1);
	for (i = 0; i < 4; i++)
		wire_expect(&w, "1 OK");
	wire_until(&w, "1 GET jc", "1 OK executed ");
	assert_string_equal(daemon_content(d, "out"), "jd\nja\njb\njc\n");
	wire_stop(&w, d);
}

static void
test_rule_choice(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	wire_shell_rule(&w, d, "r.short", "a", "echo short >> $TICK_JOB");
	wire_shell_rule(&w, d, "r.tie2", "a.b", "echo tie2 >> $TICK_JOB");
	wire_shell_rule(&w, d, "r.tie1", "a.b", "echo tie1 >> $TICK_JOB");
	wire_ask(&w, "1 SET a.b.1 now", "1 OK");
	wire_ask(&w, "1 SET a.c now", "1 OK");
	wire_ask(&w, "1 SET b now", "1 OK");
	wire_until(&w, "1 GET a.b.1", "1 OK executed ");
	assert_string_equal(daemon_content(d, "a.b.1"), "tie1\n");
	wire_until(&w, "1 GET a.c", "1 OK executed ");
	assert_string_equal(daemon_content(d, "a.c"), "short\n");
	wire_until(&w, "1 GET b", "1 OK failed ");
	wire_ask(&w, "1 REMOVERULE r.tie1", "1 OK");
	wire_ask(&w, "1 RUN a.b.1", "1 OK");
	daemon_wait_lines(d, "a.b.1", 2);
	assert_string_equal(daemon_content(d, "a.b.1"), "tie1\ntie2\n");
	wire_stop(&w, d);
}

static void
test_run(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	wire_shell_rule(&w, d, "r", "a", "echo $$ > pid; read x < fifo");
	assert_int_equal(mkfifo(daemon_path(d, "fifo"), 0600), 0);
	wire_ask(&w, "1 SET a +1h", "1 OK");
	wire_ask(&w, "1 RUN a", "1 OK");
	daemon_wait_lines(d, "pid", 1);
	wire_ask_start(&w, "1 GET a", "1 OK triggered ");
	wire_ask_start(&w, "1 RUN a", "1 ERROR conflict ");
	assert_int_equal(wire_row_u64(&w, "1 STAT", "executions_inflight"), 1);
	kill_written_pid(d, "pid");
	wire_until(&w, "1 GET a", "1 OK failed ");
	assert_int_equal(wire_row_u64(&w, "1 STAT", "executions_inflight"), 0);
	wire_stop(&w, d);
}

/* A SET on a running job plans it anew; the run does not touch the plan. */
static void
test_set_while_running(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	wire_shell_rule(&w, d, "r", "a", "echo $$ > pid; read x < fifo");
	assert_int_equal(mkfifo(daemon_path(d, "fifo"), 0600), 0);
	wire_ask(&w, "1 SET a now", "1 OK");
	daemon_wait_lines(d, "pid", 1);
	wire_ask(&w, "1 SET a 4102444800000000000", "1 OK");
	wire_ask(&w, "1 GET a", "1 OK planned 4102444800000000000");
	kill_written_pid(d, "pid");
	wire_until(&w, "1 PING", "1 OK");
	while (wire_row_u64(&w, "1 STAT", "executions_inflight") != 0)
		;
	wire_ask(&w, "1 GET a", "1 OK planned 4102444800000000000");

	/* REMOVE leaves the run to finish, and the job is gone. */
	assert_int_equal(unlink(daemon_path(d, "pid")), 0);
	wire_ask(&w, "1 RUN a", "1 OK");
	daemon_wait_lines(d, "pid", 1);
	wire_ask(&w, "1 REMOVE a", "1 OK");
	wire_ask_start(&w, "1 GET a", "1 ERROR not_found ");
	kill_written_pid(d, "pid");
	while (wire_row_u64(&w, "1 STAT", "executions_inflight") != 0)
		;
	wire_ask_start(&w, "1 GET a", "1 ERROR not_found ");
	wire_stop(&w, d);
}

static void
wait_held(struct wire *w, const char *info, const char *why)
{
	while (strcmp(wire_row(w, info, "hold"), why) != 0)
		;
}

static void
test_pause(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	wire_ask(&w, "1 RULE SET r a direct /bin/true", "1 OK");
	wire_ask(&w, "1 RULE PAUSE r", "1 OK");
	wire_ask(&w, "1 SET a now", "1 OK");
	wait_held(&w, "1 INFO a", "paused");
	wire_ask_start(&w, "1 GET a", "1 OK triggered ");
	assert_int_equal(wire_row_u64(&w, "1 STAT", "executions_pending"), 1);
	daemon_kill(d);
	wire_close(&w);
	wire_start(&w, d);
	wait_held(&w, "1 INFO a", "paused");
	wire_ask_start(&w, "1 GET a", "1 OK triggered ");
	wire_ask(&w, "1 RULE RESUME r", "1 OK");
	wire_until(&w, "1 GET a", "1 OK executed ");
	wire_stop(&w, d);
}

static void
test_due_while_down(void **state)
{
	struct daemon *d = *state;
	struct wire w;
	char request[64];
	int64_t due;

	wire_start(&w, d);
	wire_shell_rule(&w, d, "r", "a", "echo x >> out");
	due = wall_ns() + 200 * NS_PER_MS;
	(void)snprintf(request, sizeof(request), "1 SET a %lld",
	    (long long)due);
	wire_ask(&w, request, "1 OK");
	daemon_kill(d);
	wire_close(&w);
	wait_until(due + NS_PER_MS);
	wire_start(&w, d);
	wire_until(&w, "1 GET a", "1 OK executed ");
	wire_stop(&w, d);
	/* and not again */
	wire_start(&w, d);
	wire_ask_start(&w, "1 GET a", "1 OK executed ");
	assert_string_equal(daemon_content(d, "out"), "x\n");
	wire_stop(&w, d);
}

static void
test_running_at_crash(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	wire_shell_rule(&w, d, "r", "a",
	    "mkdir first && w=1; echo $$ >> pid; test -z $w || read x < fifo");
	assert_int_equal(mkfifo(daemon_path(d, "fifo"), 0600), 0);
	wire_ask(&w, "1 SET a now", "1 OK");
	daemon_wait_lines(d, "pid", 1);
	daemon_kill(d);
	wire_close(&w);
	kill_written_pid(d, "pid");
	wire_start(&w, d);
	wire_until(&w, "1 GET a", "1 OK executed ");
	daemon_wait_lines(d, "pid", 2);
	wire_stop(&w, d);
}

/* 30 sleepers do not keep a short job waiting, nor each other. */
static void
test_side_by_side(void **state)
{
	struct daemon *d = *state;
	int64_t start, end, last = 0;
	char request[64];
	struct wire w;
	int i;

	wire_start(&w, d);
	wire_ask(&w, "1 RULE SET r.sleep s direct /bin/sleep 1", "1 OK");
	wire_ask(&w, "1 RULE SET r.true t direct /bin/true", "1 OK");
	start = wall_ns();
	for (i = 0; i < 30; i++)
		wire_sendf(&w, "1 SET s%d now\n", i);
	wire_send(&w, "1 SET t now\n");
	for (i = 0; i < 31; i++)
		wire_expect(&w, "1 OK");
	wire_until(&w, "1 GET t", "1 OK executed ");
	assert_true(wall_ns() - start < NS_PER_S);
	for (i = 0; i < 30; i++) {
		(void)snprintf(request, sizeof(request), "1 GET s%d", i);
		wire_until(&w, request, "1 OK executed ");
		(void)snprintf(request, sizeof(request), "1 INFO s%d", i);
		end = (int64_t)wire_row_u64(&w, request, "last_end_ns");
		if (end > last)
			last = end;
	}
	assert_in_range(last - start, NS_PER_S, 4 * NS_PER_S);
	wire_stop(&w, d);
}

static void
test_output_drained(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	wire_shell_rule(&w, d, "r", "a",
	    "head -c 20000000 /dev/zero; head -c 20000000 /dev/zero >&2");
	wire_ask(&w, "1 SET a now", "1 OK");
	wire_until(&w, "1 GET a", "1 OK executed ");
	wire_stop(&w, d);
}

/* A grandchild that keeps the pipes open does not keep the job running. */
static void
test_left_behind(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	wire_shell_rule(&w, d, "r", "a", "sleep 1000 & echo $! > pid; exit 0");
	wire_ask(&w, "1 SET a now", "1 OK");
	wire_until(&w, "1 GET a", "1 OK executed ");
	(void)kill((pid_t)strtol(daemon_content(d, "pid"), NULL, 10), SIGKILL);
	wire_stop(&w, d);
}

static void
test_drain(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	wire_shell_rule(&w, d, "r", "a",
	    "echo 1 >> out; sleep 0.3; echo 2 >> out");
	wire_ask(&w, "1 SET a now", "1 OK");
	daemon_wait_lines(d, "out", 1);
	wire_stop(&w, d);
	assert_string_equal(daemon_content(d, "out"), "1\n2\n");
	wire_start(&w, d);
	wire_ask_start(&w, "1 GET a", "1 OK executed ");
	wire_stop(&w, d);
	assert_string_equal(daemon_content(d, "out"), "1\n2\n");
}

static void
test_many_runs(void **state)
{
	enum { N = 500 };
	struct daemon *d = *state;
	struct wire w;
	int i;

	wire_start(&w, d);
	wire_shell_rule(&w, d, "r", "a", "echo $TICK_EXECUTION_ID >> ids");
	for (i = 0; i < N; i++)
		wire_sendf(&w, "1 SET a%d now\n", i);
	for (i = 0; i < N; i++)
		wire_expect(&w, "1 OK");
	while (wire_row_u64(&w, "1 STAT", "jobs_executed") != N)
		;
	daemon_wait_lines(d, "ids", N);
	assert_int_equal(wire_row_u64(&w, "1 STAT", "jobs_total"), N);
	wire_stop(&w, d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DAEMON_TEST(test_shell),
		DAEMON_TEST(test_direct),
		DAEMON_TEST(test_bad_ends),
		DAEMON_TEST(test_past_is_due_at_once),
		DAEMON_TEST(test_order),
		DAEMON_TEST(test_rule_choice),
		DAEMON_TEST(test_run),
		DAEMON_TEST(test_set_while_running),
		DAEMON_TEST(test_pause),
		DAEMON_TEST(test_due_while_down),
		DAEMON_TEST(test_running_at_crash),
		DAEMON_TEST(test_side_by_side),
		DAEMON_TEST(test_output_drained),
		DAEMON_TEST(test_left_behind),
		DAEMON_TEST(test_drain),
		DAEMON_TEST(test_many_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
