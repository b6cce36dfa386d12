/* Sessions: workers that stay, started by the server or attached to it. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "buf.h"
#include "daemon.h"
#include "service.h"
#include "token.h"
#include "wire.h"

/* What a session does with each run, between these. */
#define LOOP                                                     \
	"echo 0 HELLO; while read -r id word e job due n p; do " \
	"[ \"$word\" = RUN ] || continue; "
#define DONE "echo $id DONE $e 0 \"\\\"$job $$ $n\\\"\"; done"

/* A rule whose sessions run this script in the server's folder. */
static void
agent_rule(struct wire *w, const struct daemon *d, const char *rule,
    const char *pattern, const char *script)
{
	struct buf request = { 0 }, command = { 0 };

	buf_addf(&command, "cd %s; %s", d->dir, script);
	buf_addf(&request, "1 RULE SET %s %s agent /bin/sh -c ", rule, pattern);
	token_quote(&request, buf_slice(&command));
	buf_add_byte(&request, '\0');
	assert_false(request.failed || command.failed);
	wire_ask(w, request.ptr, "1 OK");
	buf_free(&command);
	buf_free(&request);
}

/* A row of AGENT GET; valid until the next call. */
static const char *
session_row(struct wire *w, unsigned id, const char *key)
{
	char request[64];

	(void)snprintf(request, sizeof(request), "1 AGENT GET %u", id);
	return wire_row(w, request, key);
}

/* Until there is such a session. */
static void
await_session(struct wire *w, unsigned id)
{
	char request[64], row[64];

	(void)snprintf(request, sizeof(request), "1 AGENT GET %u", id);
	(void)snprintf(row, sizeof(row), "1 session_id %u", id);
	wire_until(w, request, row);
	while (strcmp(wire_line(w), "1 OK") != 0)
		;
}

static void
await_row(struct wire *w, unsigned id, const char *key, const char *value)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	for (int left = DEADLINE_MS; left > 0; left--) {
		if (strcmp(session_row(w, id, key), value) == 0)
			return;
		(void)nanosleep(&pause, NULL);
	}
	fail_msg("%s of session %u is still %s", key, id,
	    session_row(w, id, key));
}

static void
await_info(struct wire *w, const char *job, const char *key, const char *value)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	char request[64];

	(void)snprintf(request, sizeof(request), "1 INFO %s", job);
	for (int left = DEADLINE_MS; left > 0; left--) {
		if (strcmp(wire_row(w, request, key), value) == 0)
			return;
		(void)nanosleep(&pause, NULL);
	}
	fail_msg("%s of %s is still %s", key, job, wire_row(w, request, key));
}

static unsigned
count_sessions(struct wire *w)
{
	char *rows = wire_reply(w, "1 AGENT LIST"), *at = rows;
	unsigned n = 0;

	while ((at = strchr(at, '\n')) != NULL) {
		at++;
		n++;
	}
	free(rows);
	return n - 1;
}

static void
await_sessions(struct wire *w, unsigned n)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	for (int left = DEADLINE_MS; left > 0 && count_sessions(w) != n; left--)
		(void)nanosleep(&pause, NULL);
	assert_int_equal(count_sessions(w), n);
}

static void
touch(const struct daemon *d, const char *name)
{
	int fd =
	    open(daemon_path(d, name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_int_not_equal(fd, -1);
	(void)close(fd);
}

/* A worker that has attached itself as session `id`. */
static void
attach(struct wire *worker, const struct daemon *d, const char *rule,
    unsigned id)
{
	char reply[32];

	wire_open(worker, d->port);
	wire_sendf(worker, "w AGENT ATTACH %s\n", rule);
	(void)snprintf(reply, sizeof(reply), "w OK %u", id);
	wire_expect(worker, reply);
}

/* A RUN that came before the OK to the DONE that made it possible; "": none. */
static char early_run[256];

/* The execution in the RUN that comes next, for this job. */
static unsigned long
expect_run(struct wire *worker, const char *job)
{
	char line[sizeof(early_run)], *end;
	unsigned long id;

	(void)snprintf(line, sizeof(line), "%s",
	    early_run[0] != '\0' ? early_run : wire_line(worker));
	early_run[0] = '\0';
	if (strncmp(line, "w RUN ", 6) != 0)
		fail_msg("got `%s`, expected a RUN", line);
	id = strtoul(line + 6, &end, 10);
	assert_int_equal(*end, ' ');
	assert_int_equal(strncmp(end + 1, job, strlen(job)), 0);
	return id;
}

static void
done(struct wire *worker, unsigned long id, const char *rest)
{
	const char *line;

	wire_sendf(worker, "w DONE %lu %s\n", id, rest);
	line = wire_line(worker);
	if (strncmp(line, "w RUN ", 6) == 0) {
		(void)snprintf(early_run, sizeof(early_run), "%s", line);
		line = wire_line(worker);
	}
	assert_string_equal(line, "w OK");
}

static void
test_one_session_serves_many(void **state)
{
	struct daemon *d = *state;
	char expected[64], request[64], *pid;
	struct wire w;

	wire_start(&w, d);
	agent_rule(&w, d, "r", "j", LOOP DONE);
	for (int i = 0; i < 20; i++) {
		(void)snprintf(request, sizeof(request), "1 SET j%d now", i);
		wire_ask(&w, request, "1 OK");
	}
	for (int i = 0; i < 20; i++) {
		(void)snprintf(request, sizeof(request), "1 GET j%d", i);
		wire_until(&w, request, "1 OK executed ");
	}
	await_row(&w, 1, "state", "idle");
	assert_int_equal(count_sessions(&w), 1);
	assert_string_equal(session_row(&w, 1, "executions"), "20");
	assert_string_equal(session_row(&w, 1, "class"), "first_class");
	assert_string_equal(session_row(&w, 1, "rule"), "r");
	assert_string_equal(session_row(&w, 1, "sandbox"), "none");
	pid = strdup(session_row(&w, 1, "pid"));
	for (int i = 0; i < 20; i++) {
		(void)snprintf(request, sizeof(request), "1 OUTPUT j%d", i);
		(void)snprintf(expected, sizeof(expected), "\"j%d %s 1\"", i,
		    pid);
		assert_string_equal(wire_row(&w, request, "stdout"), expected);
	}
	wire_stop(&w, d); /* with a session that has to end, too */
	daemon_await_gone((pid_t)strtol(pid, NULL, 10));
	free(pid);
}

static void
test_attached(void **state)
{
	static const struct step errors[] = {
		{ "1 DONE 1 0", "1 ERROR conflict ..." },
		{ "1 AGENT ATTACH r", "1 ERROR conflict ..." },
		{ "1 DONE x 0", "1 ERROR invalid ..." },
		{ "1 DONE 1 1000", "1 ERROR invalid ..." },
		{ "1 DONE 1", "1 ERROR syntax ..." },
		{ 0 },
	};
	struct daemon *d = *state;
	struct wire w, worker;
	unsigned long id;
	char line[128];

	wire_start(&w, d);
	wire_ask(&w, "1 RULE SET r j agent", "1 OK");
	wire_ask(&w, "1 RULE OPTIONS r success=0,7", "1 OK");
	attach(&worker, d, "r", 1);
	wire_play(&worker, errors);
	assert_string_equal(session_row(&w, 1, "class"), "second_class");
	assert_string_equal(session_row(&w, 1, "state"), "idle");
	assert_int_equal(
	    strncmp(session_row(&w, 1, "address"), "127.0.0.1:", 10), 0);

	wire_ask(&w, "1 SET j1 1000000000 PAYLOAD \"a \\\"b\\\"\\n\"", "1 OK");
	id = expect_run(&worker, "j1 1000000000 1 \"a \\\"b\\\"\\n\"");
	assert_string_equal(session_row(&w, 1, "state"), "busy");
	(void)snprintf(line, sizeof(line), "x DONE %lu 0", id + 1);
	wire_ask_start(&worker, line, "x ERROR not_found ");
	wire_ask(&worker, "p PING", "p OK");
	done(&worker, id, "7 \"two\\nlines\"");
	wire_ask(&w, "1 GET j1", "1 OK executed 1000000000");
	wire_send(&w, "1 OUTPUT j1\n");
	wire_expect(&w, "1 stdout two");
	wire_expect(&w, "1 stdout lines");
	wire_expect(&w, "1 OK");
	assert_string_equal(wire_row(&w, "1 INFO j1", "last_exit"), "7");

	wire_ask(&w, "1 SET j2 now", "1 OK");
	id = expect_run(&worker, "j2 ");
	done(&worker, id, "3");
	(void)snprintf(line, sizeof(line), "x DONE %lu 0", id);
	wire_ask_start(&worker, line, "x ERROR conflict ");
	wire_until(&w, "1 GET j2", "1 OK failed ");
	assert_string_equal(wire_row(&w, "1 INFO j2", "last_exit"), "3");
	assert_string_equal(session_row(&w, 1, "executions"), "2");
	wire_close(&worker);
	await_row(&w, 1, "state", "stopped");
	wire_stop(&w, d);
}

static void
test_attach_errors(void **state)
{
	static const struct step steps[] = {
		{ "1 AGENT", "1 ERROR syntax ..." },
		{ "1 AGENT ATTACH", "1 ERROR syntax ..." },
		{ "1 AGENT ATTACH \"a b\"", "1 ERROR invalid ..." },
		{ "1 AGENT ATTACH none", "1 ERROR not_found ..." },
		{ "1 RULE SET s s shell true", "1 OK" },
		{ "1 RULE SET x x agent /bin/cat", "1 OK" },
		{ "1 AGENT ATTACH s", "1 ERROR conflict ..." },
		{ "1 AGENT ATTACH x", "1 ERROR conflict ..." },
		{ "1 DONE 1 0", "1 ERROR conflict ..." },
		{ "1 AGENT LIST", "1 OK" },
		{ "1 AGENT GET 1", "1 ERROR not_found ..." },
		{ "1 AGENT GET x", "1 ERROR invalid ..." },
		{ "1 AGENT STOP 1", "1 ERROR not_found ..." },
		{ "1 AGENT STOP 1 SOON", "1 ERROR invalid ..." },
		{ "1 AGENT CLEANUP", "1 OK 0" },
		{ "1 RULE SET r r agent", "1 OK" },
		{ "1 AGENT ATTACH r", "1 OK 1" },
		{ 0 },
	};
	struct daemon *d = *state;
	struct wire w, other;

	daemon_set(d, "agents.max_sessions=1");
	wire_start(&w, d);
	wire_play(&w, steps);
	wire_open(&other, d->port);
	wire_ask_start(&other, "1 AGENT ATTACH r", "1 ERROR limit ");
	wire_close(&other);
	wire_stop(&w, d);
}

static void
test_waits_for_a_session(void **state)
{
	struct daemon *d = *state;
	struct wire w, worker;
	unsigned long id;
	char *rows;

	daemon_set(d, "processor.max_inflight=1");
	wire_start(&w, d);
	wire_ask(&w, "1 RULE SET r j agent", "1 OK");
	wire_ask(&w, "1 RULE SET s s direct /bin/true", "1 OK");
	for (int i = 0; i < 5; i++) {
		wire_sendf(&w, "1 SET j%d now\n", i);
		wire_expect(&w, "1 OK");
	}
	await_info(&w, "j4", "hold", "session");
	assert_string_equal(wire_row(&w, "1 INFO j0", "status"), "triggered");
	rows = wire_reply(&w, "1 EXECUTIONS j0");
	assert_non_null(strstr(rows, " j0 r queued 1 - 0 "));
	free(rows);
	/* They keep nobody else waiting. */
	wire_ask(&w, "1 SET s now", "1 OK");
	wire_until(&w, "1 GET s", "1 OK executed ");

	/* Nor are they lost. */
	daemon_kill(d);
	wire_close(&w);
	wire_start(&w, d);
	await_info(&w, "j4", "hold", "session");
	attach(&worker, d, "r", 1);
	for (int i = 0; i < 5; i++) {
		char job[4] = { 'j', (char)('0' + i), ' ', '\0' };

		id = expect_run(&worker, job);
		done(&worker, id, "0");
	}
	wire_until(&w, "1 GET j4", "1 OK executed ");
	wire_close(&worker);
	wire_stop(&w, d);
}

static void
test_lost_worker(void **state)
{
	struct daemon *d = *state;
	struct wire w, one, two;
	unsigned long id;
	char *history;

	wire_start(&w, d);
	wire_ask(&w, "1 RULE SET r j agent", "1 OK");
	wire_ask(&w, "1 RULE OPTIONS r backoff=1ms", "1 OK");
	attach(&one, d, "r", 1);
	wire_ask(&w, "1 SET j now", "1 OK");
	id = expect_run(&one, "j ");
	attach(&two, d, "r", 2);
	wire_close(&one);
	await_row(&w, 1, "state", "error");
	assert_int_equal(expect_run(&two, "j "), id);
	done(&two, id, "0");
	wire_until(&w, "1 GET j", "1 OK executed ");
	history = wire_reply(&w, "1 HISTORY j");
	assert_non_null(strstr(history, " success 0 2 r -\n"));
	assert_non_null(strstr(history,
	    " lost - 1 r \"session 1: its "
	    "connection ended before its execution\"\n"));
	free(history);

	/* At most once. */
	wire_ask(&w, "1 RULE OPTIONS r on_crash=fail", "1 OK");
	wire_ask(&w, "1 SET j now", "1 OK");
	(void)expect_run(&two, "j ");
	wire_close(&two);
	wire_until(&w, "1 GET j", "1 OK failed ");
	assert_string_equal(wire_row(&w, "1 INFO j", "last_outcome"), "lost");
	wire_stop(&w, d);
}

static void
test_silent_session(void **state)
{
	struct daemon *d = *state;
	struct wire w;
	pid_t pid;

	daemon_set(d, "agents.connect_timeout=200ms");
	wire_start(&w, d);
	agent_rule(&w, d, "r", "j", "trap '' TERM; sleep 1000");
	wire_ask(&w, "1 SET j now", "1 OK");
	await_session(&w, 1);
	wire_until(&w, "1 GET j", "1 OK failed ");
	await_row(&w, 1, "state", "error");
	assert_string_equal(session_row(&w, 1, "error"),
	    "\"it said nothing within connect_timeout\"");
	assert_string_equal(session_row(&w, 1, "exit"), "137");
	pid = (pid_t)strtol(session_row(&w, 1, "pid"), NULL, 10);
	daemon_await_gone(pid);
	assert_string_equal(wire_row(&w, "1 INFO j", "last_outcome"),
	    "failure");
	wire_stop(&w, d);
}

static void
test_cannot_be_started(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	wire_ask(&w, "1 RULE SET r j agent /no/such", "1 OK");
	wire_ask(&w, "1 SET j now", "1 OK");
	wire_until(&w, "1 GET j", "1 OK failed ");
	assert_string_equal(wire_row(&w, "1 INFO j", "last_exit"), "127");
	await_row(&w, 1, "state", "error");
	assert_string_equal(session_row(&w, 1, "error"),
	    "\"cannot execute /no/such: No such file or directory\"");
	wire_stop(&w, d);
}

static uint64_t
health(struct wire *w, const char *key)
{
	return wire_row_u64(w, "1 HEALTH SESSIONS", key);
}

static void
test_idle_and_old(void **state)
{
	struct daemon *d = *state;
	struct wire w, worker;
	unsigned long id;

	daemon_set(d, "agents.idle_timeout=100ms");
	wire_start(&w, d);
	agent_rule(&w, d, "r", "j", LOOP DONE);
	wire_ask(&w, "1 RULE SET a a agent", "1 OK");
	wire_ask(&w, "1 SET j now", "1 OK");
	wire_until(&w, "1 GET j", "1 OK executed ");
	await_row(&w, 1, "state", "stopped");
	assert_string_equal(session_row(&w, 1, "exit"), "0");
	assert_string_equal(session_row(&w, 1, "error"), "-");
	attach(&worker, d, "a", 2);
	wire_expect_end(&worker);
	wire_close(&worker);
	assert_string_equal(session_row(&w, 2, "state"), "stopped");
	assert_int_equal(health(&w, "created_sessions"), 2);
	assert_int_equal(health(&w, "created_per_minute"), 2);
	assert_int_equal(health(&w, "completed"), 1);
	assert_int_equal(health(&w, "ended_idle"), 2);
	assert_int_equal(health(&w, "ended_expired"), 0);
	assert_int_equal(health(&w, "total_watched"), 0);
	assert_int_equal(health(&w, "lifespan_executions_le_0"), 1);
	assert_int_equal(health(&w, "lifespan_executions_le_1"), 2);
	assert_int_equal(health(&w, "lifespan_executions_le_inf"), 2);
	assert_int_equal(health(&w, "lifespan_seconds_le_inf"), 2);
	wire_stop(&w, d);

	daemon_set(d, "agents.idle_timeout=1h");
	daemon_set(d, "agents.max_lifespan=300ms");
	wire_start(&w, d);
	attach(&worker, d, "a", 1);
	wire_ask(&w, "1 SET a now", "1 OK");
	id = expect_run(&worker, "a ");
	/* It ends between executions. */
	wire_ask(&w, "1 SET j now", "1 OK");
	wire_until(&w, "1 GET j", "1 OK executed ");
	await_row(&w, 2, "state", "stopped");
	assert_string_equal(session_row(&w, 1, "state"), "busy");
	assert_int_equal(health(&w, "ended_expired"), 1);
	assert_int_equal(health(&w, "second_class"), 1);
	assert_string_equal(wire_row(&w, "1 HEALTH SANDBOX", "agents_busy"),
	    "1");
	assert_string_equal(wire_row(&w, "1 HEALTH AGENT a", "sessions"), "1");
	done(&worker, id, "0");
	wire_expect_end(&worker);
	wire_close(&worker);
	wire_stop(&w, d);
}

static void
test_stop(void **state)
{
	struct daemon *d = *state;
	struct wire w, worker;
	unsigned long id;

	wire_start(&w, d);
	wire_ask(&w, "1 RULE SET a a agent", "1 OK");
	agent_rule(&w, d, "r", "j", LOOP "sleep 1000; done");
	wire_ask(&w, "1 RULE OPTIONS r backoff=1h", "1 OK");
	attach(&worker, d, "a", 1);
	wire_ask(&w, "1 SET a now", "1 OK");
	id = expect_run(&worker, "a ");
	wire_ask(&w, "1 AGENT STOP 1", "1 OK");
	assert_string_equal(session_row(&w, 1, "state"), "stopping");
	done(&worker, id, "0");
	wire_expect_end(&worker);
	wire_close(&worker);
	assert_string_equal(session_row(&w, 1, "state"), "stopped");
	wire_ask_start(&w, "1 AGENT STOP 1", "1 ERROR conflict ");

	wire_ask(&w, "1 SET j now", "1 OK");
	await_session(&w, 2);
	await_row(&w, 2, "state", "busy");
	wire_ask(&w, "1 AGENT STOP 2", "1 OK");
	assert_string_equal(session_row(&w, 2, "state"), "stopping");
	wire_ask(&w, "1 AGENT STOP 2 FORCE", "1 OK");
	await_row(&w, 2, "state", "error");
	await_info(&w, "j", "last_outcome", "lost");
	wire_stop(&w, d);
}

static void
test_cleanup(void **state)
{
	struct daemon *d = *state;
	struct wire w, one, two;

	wire_start(&w, d);
	wire_ask(&w, "1 RULE SET a a agent", "1 OK");
	wire_ask(&w, "1 RULE SET s s direct sleep 1000", "1 OK");
	agent_rule(&w, d, "r", "j", LOOP DONE);
	attach(&one, d, "a", 1);
	wire_ask(&w, "1 SET a now", "1 OK");
	(void)expect_run(&one, "a ");
	attach(&two, d, "a", 2);
	wire_ask(&w, "1 SET j now", "1 OK");
	wire_until(&w, "1 GET j", "1 OK executed ");
	await_row(&w, 3, "state", "idle");
	wire_ask(&w, "1 SET s now", "1 OK");
	while (
	    strstr(wire_row(&w, "1 STAT", "executions_inflight"), "2") == NULL)
		;
	wire_ask(&w, "1 AGENT CLEANUP", "1 OK 4");
	wire_expect_end(&one);
	wire_expect_end(&two);
	wire_until(&w, "1 GET s", "1 OK failed ");
	wire_until(&w, "1 GET a", "1 OK failed ");
	assert_string_equal(wire_row(&w, "1 INFO a", "last_outcome"),
	    "cancelled");
	await_sessions(&w, 0);
	assert_string_equal(session_row(&w, 3, "state"), "stopped");
	wire_close(&one);
	wire_close(&two);
	wire_stop(&w, d);
}

/* What such a session ends with, having said this first. */
static void
expect_error(struct wire *w, const struct daemon *d, unsigned id,
    const char *script, const char *error)
{
	char request[64];
	const char *row;

	agent_rule(w, d, "r", "j", script);
	wire_ask(w, "1 RULE OPTIONS r breaker=off", "1 OK");
	wire_ask(w, "1 SET j now", "1 OK");
	wire_until(w, "1 GET j", "1 OK failed ");
	(void)snprintf(request, sizeof(request), "1 AGENT GET %u", id);
	await_row(w, id, "state", "error");
	row = wire_row(w, request, "error");
	if (strstr(row, error) == NULL)
		fail_msg("`%s` lacks `%s`", row, error);
}

static void
test_garbage(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	daemon_set(d, "controller.max_line=1024");
	wire_start(&w, d);
	expect_error(&w, d, 1, "echo what is this; sleep 1000",
	    "unknown command");
	expect_error(&w, d, 2, "echo '1 PING \"x'; sleep 1000", "quote");
	expect_error(&w, d, 3, "head -c 5000 /dev/zero; sleep 1000",
	    "a line of over 1024 bytes");
	expect_error(&w, d, 4, "exit 3", "exit status 3");
	wire_ask(&w, "1 RULE OPTIONS r on_crash=fail", "1 OK");
	expect_error(&w, d, 5, "yes 1 PING", "does not read");
	expect_error(&w, d, 6, LOOP "echo ''; echo $id DONE; done", "DONE");
	assert_string_equal(wire_row(&w, "1 INFO j", "last_outcome"), "lost");
	wire_stop(&w, d);
}

/* What a started session may say, and what it is answered. */
/* One that lives on, but can hear or say nothing any more. */
static void
test_half_closed(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	agent_rule(&w, d, "out", "out", LOOP "exec 1>&-; sleep 1000; done");
	agent_rule(&w, d, "in", "in",
	    LOOP "echo $id DONE $e 0; read -r ok; exec 0<&-; "
		 "echo closed >file; sleep 1000; done");
	wire_ask(&w, "1 RULE OPTIONS out on_crash=fail", "1 OK");
	wire_ask(&w, "1 RULE OPTIONS in on_crash=fail", "1 OK");
	wire_ask(&w, "1 SET out now", "1 OK");
	await_info(&w, "out", "last_outcome", "lost");
	assert_string_equal(session_row(&w, 1, "error"),
	    "\"it has closed its output\"");
	wire_ask(&w, "1 SET in1 now", "1 OK");
	daemon_wait_lines(d, "file", 1);
	wire_ask(&w, "1 SET in2 now", "1 OK");
	await_info(&w, "in2", "last_outcome", "lost");
	assert_string_equal(session_row(&w, 2, "error"),
	    "\"it has closed its input\"");
	wire_stop(&w, d);
}

static void
test_conversation(void **state)
{
	static const char script[] =
	    "printf '\\n1 HELLO\\n2 PING x\\n3 SET a now\\n4 DONE 1 0\\n'; "
	    "while read -r line; do echo \"$line\" >> heard; "
	    "set -- $line; [ \"$2\" = RUN ] || continue; echo err >&2; "
	    "printf '5 DONE 999 0\\n6 DONE %s 0 \"a b\"\\n7 PING y\\n' $3; "
	    "done";
	struct daemon *d = *state;
	struct wire w;
	const char *heard;

	wire_start(&w, d);
	agent_rule(&w, d, "r", "j", script);
	wire_ask(&w, "1 SET j now", "1 OK");
	wire_until(&w, "1 GET j", "1 OK executed ");
	daemon_wait_lines(d, "heard", 8);
	heard = daemon_content(d, "heard");
	assert_int_equal(strncmp(heard, "1 OK tickd ", 11), 0);
	assert_non_null(strstr(heard, "\n2 OK x\n3 ERROR denied "));
	assert_non_null(strstr(heard, "\n4 ERROR conflict "));
	assert_non_null(strstr(heard, "\n1 RUN 1 j "));
	assert_non_null(strstr(heard, " 1 \"\"\n5 ERROR not_found "));
	assert_non_null(strstr(heard, "\n6 OK\n7 OK y\n"));
	wire_send(&w, "1 OUTPUT j\n");
	wire_expect(&w, "1 stdout \"a b\"");
	wire_expect(&w, "1 stderr err");
	wire_expect(&w, "1 OK");
	wire_stop(&w, d);
}

static void
test_concurrency(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	agent_rule(&w, d, "r", "j",
	    LOOP "while [ ! -e go ]; do sleep 0.01; done; " DONE);
	wire_ask(&w, "1 RULE OPTIONS r concurrency=2", "1 OK");
	for (int i = 0; i < 4; i++) {
		wire_sendf(&w, "1 SET j%d now\n", i);
		wire_expect(&w, "1 OK");
	}
	await_sessions(&w, 2);
	await_row(&w, 1, "state", "busy");
	await_row(&w, 2, "state", "busy");
	await_info(&w, "j2", "hold", "concurrency");
	touch(d, "go");
	for (int i = 0; i < 4; i++) {
		char request[] = "1 GET j0";

		request[sizeof(request) - 2] = (char)('0' + i);
		wire_until(&w, request, "1 OK executed ");
	}
	assert_int_equal(count_sessions(&w), 2);
	wire_stop(&w, d);
}

/* Sessions without work make room for those of another rule. */
static void
test_takes_turns(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	daemon_set(d, "agents.max_sessions=1");
	wire_start(&w, d);
	agent_rule(&w, d, "r", "j", LOOP DONE);
	agent_rule(&w, d, "s", "k", LOOP DONE);
	wire_ask(&w, "1 SET j now", "1 OK");
	wire_until(&w, "1 GET j", "1 OK executed ");
	wire_ask(&w, "1 SET k now", "1 OK");
	wire_until(&w, "1 GET k", "1 OK executed ");
	assert_string_equal(session_row(&w, 1, "state"), "stopped");
	wire_stop(&w, d);
}

static void
test_timeout_and_cancel(void **state)
{
	struct daemon *d = *state;
	struct wire w, worker;

	wire_start(&w, d);
	agent_rule(&w, d, "r", "j", LOOP "sleep 1000; done");
	wire_ask(&w, "1 RULE SET a a agent", "1 OK");
	wire_ask(&w, "1 RULE OPTIONS r timeout=100ms", "1 OK");
	wire_ask(&w, "1 RULE OPTIONS a timeout=100ms", "1 OK");
	wire_ask(&w, "1 SET j now", "1 OK");
	wire_until(&w, "1 GET j", "1 OK failed ");
	assert_string_equal(wire_row(&w, "1 INFO j", "last_outcome"),
	    "timeout");
	await_row(&w, 1, "state", "error");
	attach(&worker, d, "a", 2);
	wire_ask(&w, "1 SET a now", "1 OK");
	(void)expect_run(&worker, "a ");
	wire_expect_end(&worker);
	wire_close(&worker);
	wire_until(&w, "1 GET a", "1 OK failed ");
	assert_string_equal(wire_row(&w, "1 INFO a", "last_outcome"),
	    "timeout");

	wire_ask(&w, "1 RULE OPTIONS r timeout=0 kill_after=1h", "1 OK");
	wire_ask(&w, "1 RULE OPTIONS a timeout=0", "1 OK");
	wire_ask(&w, "1 SET j now", "1 OK");
	await_session(&w, 3);
	await_row(&w, 3, "state", "busy");
	wire_ask(&w, "1 CANCEL j", "1 OK");
	wire_until(&w, "1 GET j", "1 OK failed ");
	assert_string_equal(wire_row(&w, "1 INFO j", "last_outcome"),
	    "cancelled");
	await_row(&w, 3, "state", "stopped");
	attach(&worker, d, "a", 4);
	wire_ask(&w, "1 SET a now", "1 OK");
	(void)expect_run(&worker, "a ");
	wire_ask(&w, "1 CANCEL a FORCE", "1 OK");
	wire_expect_end(&worker);
	wire_close(&worker);
	wire_until(&w, "1 GET a", "1 OK failed ");
	assert_string_equal(wire_row(&w, "1 INFO a", "last_outcome"),
	    "cancelled");
	wire_stop(&w, d);
}

static void
test_rule_changes(void **state)
{
	struct daemon *d = *state;
	struct wire w, worker;
	unsigned long id;

	wire_start(&w, d);
	agent_rule(&w, d, "r", "j", LOOP DONE);
	wire_ask(&w, "1 SET j now", "1 OK");
	wire_until(&w, "1 GET j", "1 OK executed ");
	await_row(&w, 1, "state", "idle");
	/* What it was started as is no longer what the rule says. */
	wire_ask(&w, "1 RULE OPTIONS r env=A=b", "1 OK");
	await_row(&w, 1, "state", "stopped");
	wire_ask(&w, "1 SET j now", "1 OK");
	wire_until(&w, "1 GET j", "1 OK executed ");
	await_row(&w, 2, "state", "idle");

	/* What was queued keeps its runner. */
	wire_ask(&w, "1 RULE SET a a agent", "1 OK");
	attach(&worker, d, "a", 3);
	wire_ask(&w, "1 SET a1 now", "1 OK");
	id = expect_run(&worker, "a1 ");
	wire_ask(&w, "1 SET a2 now", "1 OK");
	await_info(&w, "a2", "hold", "session");
	wire_ask(&w, "1 REMOVERULE a", "1 OK");
	done(&worker, id, "0");
	id = expect_run(&worker, "a2 ");
	done(&worker, id, "0");
	wire_expect_end(&worker);
	wire_close(&worker);
	wire_until(&w, "1 GET a2", "1 OK executed ");
	wire_ask(&w, "1 RULE SET r j shell true", "1 OK");
	await_sessions(&w, 0);
	wire_stop(&w, d);
}

static void
test_server_dies(void **state)
{
	struct daemon *d = *state;
	struct wire w, worker;
	char *history;
	pid_t pid;

	wire_start(&w, d);
	agent_rule(&w, d, "r", "j",
	    LOOP "[ -e again ] || { touch again; read x; exit; }; " DONE);
	wire_ask(&w, "1 RULE SET a a agent", "1 OK");
	attach(&worker, d, "a", 1);
	wire_ask(&w, "1 SET a now", "1 OK");
	(void)expect_run(&worker, "a ");
	wire_ask(&w, "1 SET j now", "1 OK");
	await_session(&w, 2);
	await_row(&w, 2, "state", "busy");
	while (access(daemon_path(d, "again"), F_OK) == -1)
		;
	pid = (pid_t)strtol(session_row(&w, 2, "pid"), NULL, 10);
	daemon_kill(d);
	wire_expect_end(&worker);
	wire_close(&worker);
	wire_close(&w);
	daemon_await_gone(pid);
	wire_start(&w, d);
	wire_until(&w, "1 GET j", "1 OK executed ");
	history = wire_reply(&w, "1 HISTORY j");
	assert_non_null(strstr(history,
	    " lost - 1 r \"the server died or was stopped\"\n"));
	free(history);
	attach(&worker, d, "a", 2);
	done(&worker, expect_run(&worker, "a "), "0");
	wire_until(&w, "1 GET a", "1 OK executed ");
	wire_close(&worker);
	wire_stop(&w, d);
}

static size_t
count_entries(const struct daemon *d, const char *name)
{
	char path[64];
	size_t n = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)d->pid, name);
	assert_non_null(dir = opendir(path));
	while (readdir(dir) != NULL)
		n++;
	(void)closedir(dir);
	return n;
}

/* However sessions end, the server keeps neither descriptors nor zombies. */
static void
test_leaves_nothing(void **state)
{
	static const char *const scripts[] = { LOOP DONE, "exit 1", "echo what",
		LOOP "exit; done" };
	struct daemon *d = *state;
	size_t files, round = 0;
	char path[64], request[32];
	struct wire w, worker;
	FILE *f;

	daemon_set(d, "agents.idle_timeout=1ms");
	wire_start(&w, d);
	files = count_entries(d, "fd");
	wire_ask(&w, "1 RULE SET a a agent", "1 OK");
	for (; round < 12; round++) {
		agent_rule(&w, d, "r", "j", scripts[round % 4]);
		wire_ask(&w, "1 RULE OPTIONS r breaker=off on_crash=fail",
		    "1 OK");
		wire_sendf(&w, "1 SET j%zu now\n", round);
		wire_expect(&w, "1 OK");
		(void)snprintf(request, sizeof(request), "1 GET j%zu", round);
		wire_until(&w, request,
		    round % 4 == 0 ? "1 OK executed " : "1 OK failed ");
		wire_open(&worker, d->port);
		wire_send(&worker, "w AGENT ATTACH a\n");
		wire_expect_start(&worker, "w OK ");
		wire_close(&worker);
	}
	await_sessions(&w, 0);
	while (count_entries(d, "fd") > files)
		;
	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children",
	    (int)d->pid, (int)d->pid);
	assert_non_null(f = fopen(path, "r"));
	assert_int_equal(fgetc(f), EOF);
	(void)fclose(f);
	wire_stop(&w, d);
}

static void
test_drain(void **state)
{
	struct daemon *d = *state;
	struct wire w, worker, idle;
	unsigned long id;

	wire_start(&w, d);
	wire_ask(&w, "1 RULE SET a a agent", "1 OK");
	agent_rule(&w, d, "r", "j", LOOP DONE);
	wire_ask(&w, "1 SET j now", "1 OK");
	wire_until(&w, "1 GET j", "1 OK executed ");
	attach(&worker, d, "a", 2);
	wire_ask(&w, "1 SET a1 now", "1 OK");
	id = expect_run(&worker, "a1 ");
	attach(&idle, d, "a", 3);
	wire_ask(&w, "1 SHUTDOWN", "1 OK");
	wire_expect_end(&idle);
	wire_ask_start(&w, "1 AGENT ATTACH a", "1 ERROR unavailable ");
	wire_ask_start(&w, "1 SET a2 now", "1 ERROR unavailable ");
	done(&worker, id, "0");
	wire_expect_end(&worker);
	wire_expect_end(&w);
	wire_close(&idle);
	wire_close(&worker);
	wire_close(&w);
	daemon_stop(d);
	wire_start(&w, d);
	wire_ask_start(&w, "1 GET a1", "1 OK executed ");
	wire_stop(&w, d);
}

/* The tokens root, and of a namespace team and viewer. */
static void
write_tokens(const struct daemon *d, const char *namespace)
{
	int fd = open(daemon_path(d, "tokens"),
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_not_equal(fd, -1);
	assert_true(dprintf(fd,
			"[token.root]\nsecret = \"rootsecret\"\n"
			"namespace = \"*\"\n"
			"[token.team]\nsecret = \"teamsecret\"\n"
			"namespace = \"%s\"\n"
			"[token.viewer]\nsecret = \"viewsecret\"\n"
			"namespace = \"%s\"\nrole = \"reader\"\n",
			namespace, namespace) > 0);
	(void)close(fd);
}

static void
open_as(struct wire *w, const struct daemon *d, const char *secret)
{
	wire_open(w, d->port);
	wire_sendf(w, "AUTH %s\n", secret);
	wire_expect(w, "OK");
}

static void
test_namespaces(void **state)
{
	static const struct step by_root[] = {
		{ "1 RULE SET team.r team. agent", "1 OK" },
		{ "1 RULE SET other.r other. agent", "1 OK" },
		{ "1 RULE SET team.wide \"\" agent", "1 OK" },
		{ "1 AGENT ATTACH other.r", "1 OK 1" },
		{ 0 },
	};
	static const struct step by_viewer[] = {
		{ "1 AGENT ATTACH team.r", "1 ERROR denied ..." },
		{ "1 DONE 1 0", "1 ERROR denied ..." },
		{ "1 AGENT STOP 1", "1 ERROR denied ..." },
		{ "1 AGENT LIST", "1 OK" },
		{ "1 AGENT GET 1", "1 ERROR not_found no such session \"1\"" },
		{ "1 AGENT CLEANUP", "1 ERROR denied ..." },
		{ 0 },
	};
	static const struct step by_team[] = {
		{ "1 AGENT ATTACH other.r", "1 ERROR denied ..." },
		{ "1 AGENT ATTACH team.wide", "1 ERROR denied ..." },
		{ "1 AGENT ATTACH team.r", "1 OK 2" },
		{ "1 AGENT STOP 2", "1 ERROR denied ..." },
		{ 0 },
	};
	struct daemon *d = *state;
	struct wire root, team, viewer;

	write_tokens(d, "team.");
	daemon_set(d, "controller.auth_file=tokens");
	daemon_start(d);
	open_as(&root, d, "rootsecret");
	wire_play(&root, by_root);
	open_as(&viewer, d, "viewsecret");
	wire_play(&viewer, by_viewer);
	open_as(&team, d, "teamsecret");
	wire_play(&team, by_team);
	wire_ask_start(&viewer, "1 AGENT LIST", "1 2 team.r second_class ");
	wire_expect(&viewer, "1 OK");
	assert_int_equal(count_sessions(&root), 2);
	wire_ask(&team, "1 SET team.j now", "1 OK");
	wire_expect_start(&team, "1 RUN 1 team.j ");
	wire_ask(&team, "1 DONE 1 0", "1 OK");
	/* A session of a rule that its token does not reach any more. */
	write_tokens(d, "elsewhere.");
	wire_ask(&root, "1 RELOAD", "1 OK");
	wire_expect_end(&team);
	assert_string_equal(session_row(&root, 2, "state"), "stopped");
	assert_string_equal(session_row(&root, 1, "state"), "idle");
	wire_close(&team);
	wire_close(&viewer);
	wire_close(&root);
	daemon_stop(d);
}

/* The workers that the manual shows. */
static const char *
example(const char *name)
{
	static char path[1024];
	const char *self = strstr(__FILE__, "tests/integration/");

	assert_non_null(self);
	(void)snprintf(path, sizeof(path), "%.*stests/examples/%s",
	    (int)(self - __FILE__), __FILE__, name);
	return path;
}

/* A worker is not given a job that its token does not reach, which its rule has
 * come to take on. */
static void
test_rule_outgrows_token(void **state)
{
	struct daemon *d = *state;
	struct wire root, team;

	write_tokens(d, "team.");
	daemon_set(d, "controller.auth_file=tokens");
	daemon_start(d);
	open_as(&root, d, "rootsecret");
	wire_ask(&root, "1 RULE SET team.r team. agent", "1 OK");
	open_as(&team, d, "teamsecret");
	wire_ask(&team, "1 AGENT ATTACH team.r", "1 OK 1");
	wire_ask(&root, "1 RULE SET team.r \"\" agent", "1 OK");
	wire_ask(&root, "1 SET team.j now", "1 OK");
	wire_expect_start(&team, "1 RUN 1 team.j ");
	wire_ask(&root, "1 SET other.j now PAYLOAD private", "1 OK");
	wire_ask(&team, "1 DONE 1 0", "1 OK");
	wire_expect_end(&team);
	assert_string_equal(session_row(&root, 1, "state"), "error");
	assert_string_equal(wire_row(&root, "1 INFO other.j", "hold"),
	    "session");
	wire_ask(&root, "2 AGENT ATTACH team.r", "2 OK 2");
	wire_expect_start(&root, "2 RUN 2 other.j ");
	wire_close(&team);
	wire_close(&root);
	daemon_stop(d);
}

static void
test_example_in_shell(void **state)
{
	struct daemon *d = *state;
	char *path = realpath(example("worker.sh"), NULL);
	struct wire w;

	assert_non_null(path);
	wire_start(&w, d);
	wire_sendf(&w, "1 RULE SET r j agent %s\n", path);
	wire_expect(&w, "1 OK");
	wire_ask(&w, "1 SET j.1 now", "1 OK");
	wire_ask(&w, "1 SET j.2 now", "1 OK");
	wire_until(&w, "1 GET j.1", "1 OK executed ");
	wire_until(&w, "1 GET j.2", "1 OK executed ");
	assert_string_equal(wire_row(&w, "1 OUTPUT j.2", "stderr"),
	    "\"working on j.2\"");
	assert_int_equal(count_sessions(&w), 1);
	free(path);
	wire_stop(&w, d);
}

static void
test_example_in_python(void **state)
{
	struct daemon *d = *state;
	char port[16], *path;
	struct service s = { 0 };
	char host[] = "127.0.0.1", rule[] = "r";
	char *argv[] = { NULL, host, port, rule, NULL };
	struct wire w;

	if (!service_exists("python3"))
		skip();
	path = realpath(example("worker.py"), NULL);
	assert_non_null(path);
	argv[0] = path;
	wire_start(&w, d);
	(void)snprintf(port, sizeof(port), "%d", d->port);
	wire_ask(&w, "1 RULE SET r j agent", "1 OK");
	wire_ask(&w, "1 SET j's#1 now PAYLOAD \"a b\"", "1 OK");
	service_start(&s, argv, "RUN");
	wire_until(&w, "1 GET j's#1", "1 OK executed ");
	assert_string_equal(wire_row(&w, "1 OUTPUT j's#1", "stdout"), "j's#1");
	service_kill(&s);
	await_sessions(&w, 0);
	free(path);
	wire_stop(&w, d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DAEMON_TEST(test_one_session_serves_many),
		DAEMON_TEST(test_attached),
		DAEMON_TEST(test_attach_errors),
		DAEMON_TEST(test_waits_for_a_session),
		DAEMON_TEST(test_lost_worker),
		DAEMON_TEST(test_silent_session),
		DAEMON_TEST(test_cannot_be_started),
		DAEMON_TEST(test_idle_and_old),
		DAEMON_TEST(test_stop),
		DAEMON_TEST(test_cleanup),
		DAEMON_TEST(test_garbage),
		DAEMON_TEST(test_half_closed),
		DAEMON_TEST(test_conversation),
		DAEMON_TEST(test_concurrency),
		DAEMON_TEST(test_takes_turns),
		DAEMON_TEST(test_timeout_and_cancel),
		DAEMON_TEST(test_rule_changes),
		DAEMON_TEST(test_server_dies),
		DAEMON_TEST(test_leaves_nothing),
		DAEMON_TEST(test_drain),
		DAEMON_TEST(test_namespaces),
		DAEMON_TEST(test_rule_outgrows_token),
		DAEMON_TEST(test_example_in_shell),
		DAEMON_TEST(test_example_in_python),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
