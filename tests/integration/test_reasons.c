/* Why a run was no success reaches who asks, and stays with the run. */
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon.h"
#include "peer.h"
#include "wire.h"

static struct peer peer;

/* As it stands on the wire; what ends in "..." may go on. */
static bool
is_reason(const char *got, const char *expected)
{
	size_t n = strlen(expected);

	if (n > 3 && strcmp(expected + n - 3, "...") == 0)
		return strncmp(got, expected, n - 3) == 0;
	return strcmp(got, expected) == 0;
}

/* HISTORY's newest row and INFO tell of this end. */
static void
expect_end(struct wire *w, const char *job, const char *outcome,
    const char *reason)
{
	char request[64], *reply, *at;

	(void)snprintf(request, sizeof(request), "1 INFO %s", job);
	assert_string_equal(wire_row(w, request, "last_outcome"), outcome);
	if (!is_reason(wire_row(w, request, "last_reason"), reason))
		fail_msg("INFO %s: %s", job,
		    wire_row(w, request, "last_reason"));
	(void)snprintf(request, sizeof(request), "1 HISTORY %s LIMIT 1", job);
	reply = at = wire_reply(w, request);
	for (int i = 0; i < 4; i++) /* id, execution, start, end */
		at = strchr(at, ' ') + 1;
	assert_memory_equal(at, outcome, strlen(outcome));
	for (int i = 0; i < 4; i++) /* outcome, exit, attempt, rule */
		at = strchr(at, ' ') + 1;
	*strchr(at, '\n') = '\0';
	if (!is_reason(at, reason))
		fail_msg("HISTORY %s: %s", job, at);
	free(reply);
}

/* The job runs by a rule of these words and options, and fails for this
 * reason. */
static const struct failure {
	const char *job, *runner, *options, *reason;
} failures[] = {
	{ "exec", "direct /no/such/prog", "",
	    "\"cannot execute /no/such/prog: No such file or directory\"" },
	{ "denied", "direct /etc/passwd", "",
	    "\"cannot execute /etc/passwd: Permission denied\"" },
	{ "cut",
	    /* 99 bytes before the character that does not fit into 100 */
	    "direct /--------------------------------------------------------"
	    "------------------------------------------\xc3\xbc",
	    "",
	    "\"cannot execute /-----------------------------------------------"
	    "---------------------------------------------------?: No such "
	    "file or directory\"" },
	{ "user", "direct /bin/true", "user=no-such-user",
	    "\"no user no-such-user\"" },
	{ "directory", "direct /bin/true", "directory=/no/such",
	    "\"cannot enter directory /no/such: No such file or directory\"" },
	{ "exit", "shell \"exit 3\"", "", "\"exit status 3\"" },
	{ "signal", "shell \"kill -9 $$\"", "", "\"killed by SIGKILL\"" },
	{ "http", "http GET http://127.0.0.1:1/", "",
	    "\"Failed to connect to 127.0.0.1 port 1 ..." },
	{ "redis", "redis redis://127.0.0.1:1 PUBLISH k", "",
	    "\"redis: 127.0.0.1 port 1: Connection refused\"" },
	{ "amqp", "amqp amqp://127.0.0.1:1 x k", "",
	    "\"amqp: 127.0.0.1 port 1: Connection refused\"" },
};

#define N_FAILURES (sizeof(failures) / sizeof(failures[0]))

static void
fail_all(struct wire *w)
{
	char request[512];

	for (size_t i = 0; i < N_FAILURES; i++) {
		const struct failure *f = &failures[i];

		(void)snprintf(request, sizeof(request),
		    "1 RULE SET r.%s %s %s", f->job, f->job, f->runner);
		wire_ask(w, request, "1 OK");
		(void)snprintf(request, sizeof(request),
		    "1 RULE OPTIONS r.%s breaker=off %s", f->job, f->options);
		wire_ask(w, request, "1 OK");
		(void)snprintf(request, sizeof(request), "1 SET %s now",
		    f->job);
		wire_ask(w, request, "1 OK");
	}
	for (size_t i = 0; i < N_FAILURES; i++) {
		(void)snprintf(request, sizeof(request), "1 GET %s",
		    failures[i].job);
		wire_until(w, request, "1 OK failed ");
	}
}

static void
expect_all(struct wire *w)
{
	for (size_t i = 0; i < N_FAILURES; i++)
		expect_end(w, failures[i].job, "failure", failures[i].reason);
}

static void
restart(struct daemon *d, struct wire *w)
{
	daemon_kill(d);
	wire_close(w);
	wire_start(w, d);
}

/* From the log after kill -9, and from an image. */
static void
test_failures(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	fail_all(&w);
	expect_all(&w);
	assert_non_null(strstr(wire_row(&w, "1 INFO http", "last_reason"),
	    "Connection refused\""));
	restart(d, &w);
	expect_all(&w);
	wire_ask(&w, "1 COMPRESS", "1 OK");
	wire_until(&w, "1 STAT", "1 uptime_ns ");
	while (strcmp(wire_row(&w, "1 STAT", "compression"), "success") != 0)
		;
	restart(d, &w);
	expect_all(&w);
	wire_stop(&w, d);
}

static void
test_success_and_no_rule(void **state)
{
	static const struct step steps[] = {
		{ "1 RULE SET r a direct /bin/true", "1 OK" },
		{ "1 SET a now", "1 OK" },
		{ "1 SET b now", "1 OK" },
		{ 0 },
	};
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	wire_play(&w, steps);
	wire_until(&w, "1 GET a", "1 OK executed ");
	wire_until(&w, "1 GET b", "1 OK failed ");
	expect_end(&w, "a", "success", "-");
	expect_end(&w, "b", "failure", "\"no rule matched\"");
	wire_ask(&w, "1 SET never +1h", "1 OK");
	assert_string_equal(wire_row(&w, "1 INFO never", "last_reason"), "-");
	wire_stop(&w, d);
}

static void
answer_500(struct peer *p)
{
	if (peer_receive_until(p, "\r\n\r\n"))
		(void)peer_send(p,
		    "HTTP/1.1 500 no\r\nContent-Length: 0\r\n"
		    "Connection: close\r\n\r\n");
}

static void
test_http_answer(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	peer_start(&peer, answer_500);
	wire_start(&w, d);
	wire_sendf(&w, "1 RULE SET r a http GET http://127.0.0.1:%d/\n",
	    peer.port);
	wire_expect(&w, "1 OK");
	wire_ask(&w, "1 SET a now", "1 OK");
	wire_until(&w, "1 GET a", "1 OK failed ");
	expect_end(&w, "a", "failure", "\"HTTP 500\"");
	wire_stop(&w, d);
	peer_stop(&peer);
}

/* By whom, where that is known. */
static void
test_stopped(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	assert_int_equal(mkfifo(daemon_path(d, "fifo"), 0600), 0);
	wire_shell_rule(&w, d, "r", "a",
	    "echo $TICK_JOB >> begun; read x < fifo");
	wire_ask(&w, "1 SET a.cancel now", "1 OK");
	daemon_wait_lines(d, "begun", 1);
	wire_ask(&w, "1 CANCEL a.cancel FORCE", "1 OK");
	wire_until(&w, "1 GET a.cancel", "1 OK failed ");
	expect_end(&w, "a.cancel", "cancelled", "\"cancelled by 127.0.0.1:...");
	wire_ask(&w, "1 SET a.cleanup now", "1 OK");
	daemon_wait_lines(d, "begun", 2);
	wire_ask(&w, "1 AGENT CLEANUP", "1 OK 1");
	wire_until(&w, "1 GET a.cleanup", "1 OK failed ");
	expect_end(&w, "a.cleanup", "cancelled",
	    "\"stopped by AGENT CLEANUP by 127.0.0.1:...");
	wire_ask(&w, "1 RULE OPTIONS r timeout=10ms", "1 OK");
	wire_ask(&w, "1 SET a.time now", "1 OK");
	wire_until(&w, "1 GET a.time", "1 OK failed ");
	expect_end(&w, "a.time", "timeout",
	    "\"did not end within its timeout\"");
	wire_ask(&w, "1 RULE PAUSE r", "1 OK");
	wire_ask(&w, "1 SET a.held now", "1 OK");
	wire_until(&w, "1 GET a.held", "1 OK triggered ");
	wire_ask(&w, "1 CANCEL a.held", "1 OK");
	expect_end(&w, "a.held", "cancelled", "\"cancelled by 127.0.0.1:...");
	wire_stop(&w, d);
}

static void
test_server_died(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	assert_int_equal(mkfifo(daemon_path(d, "fifo"), 0600), 0);
	wire_shell_rule(&w, d, "r", "a", "echo x >> begun; read x < fifo");
	wire_ask(&w, "1 RULE OPTIONS r on_crash=fail", "1 OK");
	wire_ask(&w, "1 SET a.lost now", "1 OK");
	daemon_wait_lines(d, "begun", 1);
	restart(d, &w);
	wire_until(&w, "1 GET a.lost", "1 OK failed ");
	expect_end(&w, "a.lost", "lost", "\"the server died or was stopped\"");
	wire_stop(&w, d);
}

/* A session that goes, and one that says no. */
static void
test_sessions(void **state)
{
	struct daemon *d = *state;
	struct wire w, worker;

	wire_start(&w, d);
	wire_ask(&w, "1 RULE SET r a agent", "1 OK");
	wire_ask(&w, "1 RULE OPTIONS r on_crash=fail", "1 OK");
	wire_open(&worker, d->port);
	wire_ask_start(&worker, "1 AGENT ATTACH r", "1 OK ");
	wire_ask(&w, "1 SET a.no now", "1 OK");
	wire_expect_start(&worker, "1 RUN 1 a.no ");
	wire_ask(&worker, "2 DONE 1 7", "2 OK");
	expect_end(&w, "a.no", "failure", "\"exit status 7\"");
	wire_ask(&w, "1 SET a.gone now", "1 OK");
	wire_expect_start(&worker, "1 RUN 2 a.gone ");
	wire_close(&worker);
	wire_until(&w, "1 GET a.gone", "1 OK failed ");
	expect_end(&w, "a.gone", "lost",
	    "\"session 1: its connection ended before its execution\"");
	wire_stop(&w, d);
}

/* A rule that was asked for just before counts. */
static void
test_matched(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	wire_ask(&w, "1 SET a now MATCHED",
	    "1 ERROR not_found no rule matches job \"a\"");
	wire_ask_start(&w, "1 GET a", "1 ERROR not_found ");
	wire_send(&w,
	    "1 RULE SET r a direct /bin/true\n2 SET a matched +1h\n"
	    "3 SET a +1h matched\n4 REMOVERULE r\n5 SET a +2h MATCHED NX\n"
	    "6 SET a +2h MATCHED\n");
	wire_expect(&w, "1 OK");
	wire_expect_start(&w, "2 ERROR invalid ");
	wire_expect(&w, "3 OK");
	wire_expect(&w, "4 OK");
	wire_expect_start(&w, "5 ERROR exists ");
	wire_expect_start(&w, "6 ERROR not_found ");
	wire_ask_start(&w, "1 GET a", "1 OK planned ");
	wire_ask(&w, "1 SET b +1h", "1 OK"); /* needs no rule without it */
	wire_stop(&w, d);
}

/* What is gone is said to be, and is not taken for nothing. */
static void
test_output_is_gone(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	wire_ask(&w, "1 RULE SET r.a a direct /bin/echo hello", "1 OK");
	wire_ask(&w, "1 RULE SET r.b b direct /bin/true", "1 OK");
	wire_ask(&w, "1 SET a now", "1 OK");
	wire_until(&w, "1 GET a", "1 OK executed ");
	wire_ask(&w, "1 SET b now", "1 OK");
	wire_until(&w, "1 GET b", "1 OK executed ");
	wire_send(&w, "1 OUTPUT a\n");
	wire_expect(&w, "1 stdout hello");
	wire_expect(&w, "1 OK");
	wire_ask(&w, "1 OUTPUT b", "1 OK");
	restart(d, &w);
	wire_ask(&w, "1 OUTPUT a",
	    "1 ERROR not_found the output of execution 1 is kept no more");
	wire_ask(&w, "1 OUTPUT b", "1 OK");
	wire_stop(&w, d);
}

/* Neither the beginning of what is kept, nor the end of a row. */
static void
test_output_is_utf8(void **state)
{
	struct daemon *d = *state;
	struct wire w;
	char *line;

	daemon_set(d, "processor.max_output=65537");
	wire_start(&w, d);
	/* 3 bytes each: 65537 holds two of the first, and 32768 no whole
	 * number of them. */
	wire_shell_rule(&w, d, "r", "a",
	    "head -c 40000 /dev/zero | tr '\\\\000' x | sed "
	    "'s/./\xe2\x82\xac/g'");
	wire_ask(&w, "1 SET a now", "1 OK");
	wire_until(&w, "1 GET a", "1 OK executed ");
	wire_send(&w, "1 OUTPUT a\n");
	wire_expect(&w, "1 stdout \"[... 54465 bytes are not kept]\"");
	line = wire_line(&w);
	assert_int_equal(strlen(line), strlen("1 stdout ") + 32766);
	assert_memory_equal(line, "1 stdout \xe2\x82\xac", 12);
	line = wire_line(&w);
	assert_int_equal(strlen(line), strlen("1 stdout ") + 32766);
	assert_memory_equal(line, "1 stdout \xe2\x82\xac", 12);
	wire_expect(&w, "1 stdout \xe2\x82\xac");
	wire_expect(&w, "1 OK");
	wire_stop(&w, d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DAEMON_TEST(test_success_and_no_rule),
		DAEMON_TEST(test_failures),
		DAEMON_TEST(test_http_answer),
		DAEMON_TEST(test_stopped),
		DAEMON_TEST(test_server_died),
		DAEMON_TEST(test_sessions),
		DAEMON_TEST(test_matched),
		DAEMON_TEST(test_output_is_gone),
		DAEMON_TEST(test_output_is_utf8),
	};

	return cmocka_run_group_tests_name("reasons", tests, NULL, NULL);
}
