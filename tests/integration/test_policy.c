/* Execution policies: options, retries, limits, cancelling, history. */
#include <sys/prctl.h>
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon.h"
#include "runs.h"
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
		{ "1 RULE OPTIONS r env=A=1 \"env=B=x y\" timeout=90s",
		    "1 OK" },
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
		{ "1 RULE OPTIONS r breaker=off", "1 OK" },
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
	assert_non_null(strstr(all, " failure 1 1 r \"exit status 1\"\n"));
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

/* A reply of several lines. */
static void
ask_lines(struct wire *w, const char *request, const char *reply)
{
	const struct step steps[] = { { request, reply }, { 0 } };

	wire_play(w, steps);
}

/* Word n of a line, from 0 on; valid until the fourth call after. */
static const char *
word(const char *line, int n)
{
	static char text[4][64];
	static unsigned next;
	char *to = text[next++ % 4];
	size_t len;

	for (; n > 0; n--)
		line += strcspn(line, " \n") + 1;
	len = strcspn(line, " \n");
	assert_true(len < sizeof(text[0]));
	memcpy(to, line, len);
	to[len] = '\0';
	return to;
}

/* The words outcome, exit and attempt of each row of HISTORY, newest first,
 * as one text: "failure 1 2,failure 1 1". Valid until the next call. */
static const char *
outcomes(struct wire *w, const char *job)
{
	static char text[1024];
	char request[64], *reply, *row;
	size_t n = 0;

	(void)snprintf(request, sizeof(request), "1 HISTORY %s", job);
	reply = wire_reply(w, request);
	text[0] = '\0';
	for (row = reply; strcmp(row, "1 OK\n") != 0;
	     row = strchr(row, '\n') + 1)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s %s %s",
		    n == 0 ? "" : ",", word(row, 4), word(row, 5),
		    word(row, 6));
	free(reply);
	return text;
}

/* Wait for INFO to show why the job does not run. */
static void
wait_hold(struct wire *w, const char *info, const char *hold)
{
	while (strcmp(wire_row(w, info, "hold"), hold) != 0)
		;
}

/* Let what reads the fifo go on. */
static void
feed(const struct daemon *d, const char *fifo)
{
	FILE *f = fopen(daemon_path(d, fifo), "w");

	assert_non_null(f);
	(void)fputs("x\n", f);
	assert_int_equal(fclose(f), 0);
}

static void
make_fifo(const struct daemon *d, const char *name)
{
	assert_int_equal(mkfifo(daemon_path(d, name), 0600), 0);
}

static void
restart(struct wire *w, struct daemon *d)
{
	daemon_kill(d);
	wire_close(w);
	wire_start(w, d);
}

static void
test_retries(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	wire_shell_rule(&w, d, "r", "a",
	    "echo attempt $TICK_ATTEMPT; echo bad >&2; exit 7");
	wire_ask(&w, "1 RULE OPTIONS r retries=2 backoff=10ms", "1 OK");
	wire_ask(&w, "1 SET a now", "1 OK");
	wire_until(&w, "1 GET a", "1 OK failed ");
	assert_string_equal(outcomes(&w, "a"),
	    "failure 7 3,failure 7 2,failure 7 1");
	ask_lines(&w, "1 OUTPUT a",
	    "1 stdout \"attempt 3\"\n1 stderr bad\n1 OK");
	assert_int_equal(wire_row_u64(&w, "1 INFO a", "attempts"), 3);
	wire_stop(&w, d);
}

/* What waits for a retry says so; it goes on at once after a restart. */
static void
test_retry_waits(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	wire_shell_rule(&w, d, "r", "a", "test $TICK_ATTEMPT = 3");
	wire_ask(&w,
	    "1 RULE OPTIONS r retries=5 backoff=3650d backoff_max=3650d",
	    "1 OK");
	wire_ask(&w, "1 SET a now", "1 OK");
	wait_hold(&w, "1 INFO a", "retry");
	wire_ask_start(&w, "1 GET a", "1 OK triggered ");
	wire_ask_start(&w, "1 RUN a", "1 ERROR conflict ");
	assert_int_equal(wire_row_u64(&w, "1 STAT", "executions_pending"), 1);
	wire_ask_start(&w, "1 EXECUTIONS", "1 1 a r queued 2 - 0 0 0");
	wire_expect(&w, "1 OK");
	restart(&w, d);
	wait_hold(&w, "1 INFO a", "retry");
	assert_string_equal(outcomes(&w, "a"), "failure 1 2,failure 1 1");
	restart(&w, d);
	wire_until(&w, "1 GET a", "1 OK executed ");
	assert_string_equal(outcomes(&w, "a"),
	    "success 0 3,failure 1 2,failure 1 1");
	wire_stop(&w, d);
}

static void
test_timeout(void **state)
{
	struct daemon *d = *state;
	struct wire w;
	pid_t group;

	/* Orphans become ours, so that their end can be waited for. */
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	wire_start(&w, d);
	wire_shell_rule(&w, d, "r", "a",
	    "trap '' TERM; sleep 1000 & echo $$ > pid; "
	    "while :; do sleep 1000; done");
	wire_ask(&w,
	    "1 RULE OPTIONS r timeout=300ms kill_after=50ms retries=1 "
	    "backoff=1ms",
	    "1 OK");
	wire_ask(&w, "1 SET a now", "1 OK");
	wire_until(&w, "1 GET a", "1 OK failed ");
	assert_string_equal(outcomes(&w, "a"), "timeout 137 2,timeout 137 1");
	group = (pid_t)strtol(daemon_content(d, "pid"), NULL, 10);
	assert_true(group > 1);
	runs_await_group_gone(group);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0), 0);
	wire_stop(&w, d);
}

/* Each run tells its begin and waits to be fed: so it shows how many there
 * are at once. */
static void
test_concurrency(void **state)
{
	struct daemon *d = *state;
	struct wire w;
	size_t begun;
	char job[16];
	int i;

	wire_start(&w, d);
	wire_shell_rule(&w, d, "r", "a",
	    "echo $TICK_JOB >> begun; read x < $TICK_JOB; echo >> ended");
	wire_ask(&w, "1 RULE OPTIONS r concurrency=2", "1 OK");
	for (i = 0; i < 8; i++) {
		(void)snprintf(job, sizeof(job), "a%d", i);
		make_fifo(d, job);
		wire_sendf(&w, "1 SET %s %d\n", job, 1000 + i);
	}
	for (i = 0; i < 8; i++)
		wire_expect(&w, "1 OK");
	for (begun = 2; begun < 6; begun++) {
		daemon_wait_lines(d, "begun", begun);
		assert_int_equal(
		    wire_row_u64(&w, "1 STAT", "executions_inflight"), 2);
		(void)snprintf(job, sizeof(job), "a%zu", begun - 2);
		feed(d, job);
		daemon_wait_lines(d, "ended", begun - 1);
	}
	wait_hold(&w, "1 INFO a7", "concurrency");
	daemon_wait_lines(d, "begun", 6);
	/* The first two began at once, in either order. */
	assert_string_equal(daemon_content(d, "begun") + strlen("a0\na1\n"),
	    "a2\na3\na4\na5\n");
	/* A change acts at once. */
	wire_ask(&w, "1 RULE OPTIONS r concurrency=0", "1 OK");
	daemon_wait_lines(d, "begun", 8);
	assert_int_equal(wire_row_u64(&w, "1 STAT", "executions_inflight"), 4);
	for (i = 4; i < 8; i++) {
		(void)snprintf(job, sizeof(job), "a%d", i);
		feed(d, job);
	}
	while (wire_row_u64(&w, "1 STAT", "jobs_executed") != 8)
		;
	wire_stop(&w, d);
}

static void
test_cancel_running(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	wire_shell_rule(&w, d, "r", "a",
	    "trap 'echo got >> term' TERM; echo $$ >> pid; "
	    "while :; do sleep 0.01; done");
	wire_ask(&w, "1 RULE OPTIONS r kill_after=0 retries=3", "1 OK");
	wire_ask_start(&w, "1 CANCEL a", "1 ERROR not_found ");
	wire_ask(&w, "1 SET a 4102444800000000000", "1 OK");
	wire_ask_start(&w, "1 CANCEL a", "1 ERROR conflict ");
	wire_ask_start(&w, "1 CANCEL a NOW", "1 ERROR invalid ");
	wire_ask(&w, "1 RULE OPTIONS r kill_after=1h", "1 OK");
	wire_ask(&w, "1 RUN a", "1 OK");
	daemon_wait_lines(d, "pid", 1);
	wire_ask(&w, "1 CANCEL a", "1 OK");
	wire_ask_start(&w, "1 EXECUTIONS", "1 1 a r stopping 1 ");
	wire_expect(&w, "1 OK");
	daemon_wait_lines(d, "term", 1);
	wire_ask_start(&w, "1 GET a", "1 OK triggered ");
	wire_ask(&w, "1 CANCEL a FORCE", "1 OK");
	wire_until(&w, "1 GET a", "1 OK failed ");
	assert_string_equal(outcomes(&w, "a"), "cancelled 137 1");
	wire_ask_start(&w, "1 CANCEL a", "1 ERROR conflict ");
	wire_ask(&w, "1 EXECUTIONS", "1 OK");
	wire_stop(&w, d);
}

/* What has not begun is cancelled by a record, which is not lost. */
static void
test_cancel_waiting(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	daemon_set(d, "processor.max_inflight=1");
	wire_start(&w, d);
	make_fifo(d, "fifo");
	wire_shell_rule(&w, d, "r.long", "long",
	    "echo >> begun; read x < fifo");
	wire_ask(&w, "1 RULE SET r.a a direct /bin/true", "1 OK");
	wire_ask(&w, "1 RULE SET r.p p direct /bin/true", "1 OK");
	wire_ask(&w, "1 RULE SET r.f f direct /bin/false", "1 OK");
	wire_ask(&w, "1 RULE PAUSE r.p", "1 OK");
	wire_ask(&w,
	    "1 RULE OPTIONS r.f retries=1 backoff=3650d backoff_max=3650d",
	    "1 OK");
	wire_ask(&w, "1 SET f now", "1 OK");
	wait_hold(&w, "1 INFO f", "retry");
	wire_ask(&w, "1 SET long now", "1 OK");
	daemon_wait_lines(d, "begun", 1);
	wire_ask(&w, "1 SET a now", "1 OK"); /* ready */
	wire_ask(&w, "1 SET p now", "1 OK"); /* held */
	wire_until(&w, "1 GET a", "1 OK triggered ");
	wait_hold(&w, "1 INFO p", "paused");
	wire_ask(&w, "1 CANCEL a", "1 OK");
	wire_ask(&w, "1 CANCEL p", "1 OK");
	wire_ask(&w, "1 CANCEL f", "1 OK");
	restart(&w, d);
	wire_ask_start(&w, "1 GET a", "1 OK failed ");
	wire_ask_start(&w, "1 GET p", "1 OK failed ");
	wire_ask_start(&w, "1 GET f", "1 OK failed ");
	assert_string_equal(outcomes(&w, "a"), "cancelled - 1");
	assert_string_equal(outcomes(&w, "p"), "cancelled - 1");
	assert_string_equal(outcomes(&w, "f"), "cancelled - 2,failure 1 1");
	feed(d, "fifo");
	wire_stop(&w, d);
}

/* A run that was going when the server died is told of. */
static void
test_lost(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	make_fifo(d, "fifo");
	wire_shell_rule(&w, d, "r.a", "a",
	    "echo $$ >> pids; test $TICK_ATTEMPT = 2 || read x < fifo");
	wire_shell_rule(&w, d, "r.b", "b", "echo $$ >> pids; read x < fifo");
	wire_ask(&w, "1 RULE OPTIONS r.b on_crash=fail retries=5", "1 OK");
	wire_ask(&w, "1 SET a now", "1 OK");
	wire_ask(&w, "1 SET b now", "1 OK");
	daemon_wait_lines(d, "pids", 2);
	restart(&w, d);
	wire_until(&w, "1 GET a", "1 OK executed ");
	wire_until(&w, "1 GET b", "1 OK failed ");
	assert_string_equal(outcomes(&w, "a"), "success 0 2,lost - 1");
	assert_string_equal(outcomes(&w, "b"), "lost - 1");
	wire_stop(&w, d);
}

static void
test_executions(void **state)
{
	struct daemon *d = *state;
	struct wire w;
	const char *pid;
	char *reply = NULL;
	int i, n;

	daemon_set(d, "processor.max_inflight=1");
	wire_start(&w, d);
	wire_shell_rule(&w, d, "r", "\"\"",
	    "echo $$ > pid; while :; do :; done");
	wire_ask(&w, "1 SET b now", "1 OK");
	daemon_wait_lines(d, "pid", 1);
	for (i = 0; i < 5000; i++)
		wire_sendf(&w, "1 SET a%d now\n", i);
	for (i = 0; i < 5000; i++)
		wire_expect(&w, "1 OK");
	while (wire_row_u64(&w, "1 STAT", "executions_pending") != 5000)
		;
	do {
		free(reply);
		reply = wire_reply(&w, "1 EXECUTIONS b");
	} while (strtod(word(reply, 8), NULL) < 10); /* cpu_ms */
	assert_ptr_equal(strstr(reply, "1 1 b r running 1 "), reply);
	pid = daemon_content(d, "pid");
	assert_memory_equal(word(reply, 6), pid, strlen(pid) - 1);
	assert_true(strtoull(word(reply, 7), NULL, 10) > 0); /* started_ns */
	assert_true(strtoull(word(reply, 9), NULL, 10) > 0); /* rss_bytes */
	free(reply);
	reply = wire_reply(&w, "1 EXECUTIONS a");
	for (n = 0, i = 0; reply[i] != '\0'; i++)
		n += reply[i] == '\n';
	assert_int_equal(n, 5000 + 1);
	free(reply);
	/* Cursors move on when what they stand at goes. */
	wire_send(&w, "1 EXECUTIONS\n");
	for (i = 0; i < 5000; i++)
		wire_sendf(&w, "2 REMOVE a%d\n", i);
	wire_send(&w, "1 CANCEL b FORCE\n");
	for (i = 0; i < 5001; i++)
		wire_expect_start(&w, "1 ");
	wire_expect(&w, "1 OK");
	for (i = 0; i < 5000; i++)
		wire_expect(&w, "2 OK");
	wire_expect(&w, "1 OK");
	wire_until(&w, "1 GET b", "1 OK failed ");
	wire_ask(&w, "1 EXECUTIONS", "1 OK");
	wire_stop(&w, d);
}

/* A line that no reply could hold comes in parts. */
static void
test_long_line(void **state)
{
	struct daemon *d = *state;
	struct wire w;
	char *line;

	wire_start(&w, d);
	wire_shell_rule(&w, d, "r", "a",
	    "head -c 65536 /dev/zero; echo end >&2");
	wire_ask(&w, "1 SET a now", "1 OK");
	wire_until(&w, "1 GET a", "1 OK executed ");
	wire_send(&w, "1 OUTPUT a\n");
	for (int i = 0; i < 2; i++) {
		line = wire_line(&w);
		assert_ptr_equal(strstr(line, "1 stdout \"\\x00\\x00"), line);
		assert_int_equal(strlen(line),
		    strlen("1 stdout \"\"") + 4 * 32768);
	}
	wire_expect(&w, "1 stderr end");
	wire_expect(&w, "1 OK");
	wire_stop(&w, d);
}

static void
test_output(void **state)
{
	struct daemon *d = *state;
	struct wire w;
	char *reply;

	daemon_set(d, "processor.max_output=1000");
	daemon_set(d, "processor.output_memory=8KiB");
	wire_start(&w, d);
	wire_shell_rule(&w, d, "r.long", "long",
	    "i=0; while test $i -lt 500; do echo line $i; i=$((i+1)); done");
	wire_ask(&w, "1 RULE SET r.s s direct /bin/echo -n no newline", "1 OK");
	wire_ask(&w, "1 RULE SET r.q q direct /bin/true", "1 OK");
	wire_ask_start(&w, "1 OUTPUT long", "1 ERROR not_found ");
	wire_ask(&w, "1 SET long now", "1 OK");
	wire_ask(&w, "1 SET q now", "1 OK");
	wire_ask(&w, "1 SET s now", "1 OK");
	wire_until(&w, "1 GET long", "1 OK executed ");
	wire_until(&w, "1 GET s", "1 OK executed ");
	wire_until(&w, "1 GET q", "1 OK executed ");
	reply = wire_reply(&w, "1 OUTPUT long");
	assert_ptr_equal(
	    strstr(reply, "1 stdout \"[... 3390 bytes are not kept]\"\n"),
	    reply);
	assert_non_null(strstr(reply, "\n1 stdout \"line 499\"\n1 OK\n"));
	free(reply);
	ask_lines(&w, "1 OUTPUT s", "1 stdout \"no newline\"\n1 OK");
	wire_ask(&w, "1 OUTPUT q", "1 OK");
	wire_ask_start(&w, "1 OUTPUT s 4711", "1 ERROR not_found ");
	wire_ask_start(&w, "1 OUTPUT s x", "1 ERROR invalid ");
	/* The oldest gives way. */
	for (int i = 0; i < 8; i++) {
		wire_ask(&w, "1 RUN long", "1 OK");
		wire_until(&w, "1 GET long", "1 OK executed ");
	}
	wire_ask(&w, "1 OUTPUT s",
	    "1 ERROR not_found the output of execution 3 is kept no more");
	wire_ask(&w, "1 OUTPUT q", "1 OK"); /* it wrote nothing */
	wire_stop(&w, d);
}

/* Eight runs, each at its time: the n-th is told first + n * 250 ms. */
static void
test_every(void **state)
{
	struct daemon *d = *state;
	struct wire w;
	long long told, first = 0;
	const char *p;
	char *end;
	int i;

	wire_start(&w, d);
	wire_shell_rule(&w, d, "r", "a",
	    "echo $TICK_EXECUTION_NS >> times; sleep 0.15");
	wire_ask(&w, "1 SET a now EVERY 250ms", "1 OK");
	daemon_wait_lines(d, "times", 8);
	assert_string_equal(wire_row(&w, "1 INFO a", "schedule"),
	    "\"EVERY 250ms\"");
	wire_ask(&w, "1 REMOVE a", "1 OK");
	for (p = daemon_content(d, "times"), i = 0; i < 8; i++, p = end + 1) {
		told = strtoll(p, &end, 10);
		assert_int_equal(*end, '\n');
		if (i == 0)
			first = told;
		/* On a slow machine one may be left out. */
		assert_int_equal((told - first) % 250000000, 0);
		assert_true(told - first >= i * 250000000LL);
	}
	while (wire_row_u64(&w, "1 STAT", "executions_inflight") != 0)
		;
	wire_stop(&w, d);
}

static void
test_cron(void **state)
{
	static const struct step steps[] = {
		{ "1 SET b cron CRON \"30 2 * * *\" TZ Europe/Berlin "
		  "UNTIL 2200-01-01 00:00:00 JITTER 1m PAYLOAD p",
		    "1 OK" },
		{ "1 SET c 2100-01-01 00:00:00 CRON @hourly", "1 OK" },
		{ "1 GET c", "1 OK planned 4102444800000000000" },
		{ 0 },
	};
	struct daemon *d = *state;
	struct wire w;
	uint64_t due;

	wire_start(&w, d);
	wire_play(&w, steps);
	restart(&w, d);
	assert_string_equal(wire_row(&w, "1 INFO b", "schedule"),
	    "\"30 2 * * *\"");
	assert_string_equal(wire_row(&w, "1 INFO b", "timezone"),
	    "Europe/Berlin");
	due = wire_row_u64(&w, "1 INFO b", "execution_ns");
	assert_int_equal(due % 1800000000000, 0);
	wire_ask(&w, "1 RULE SET r b direct /bin/true", "1 OK");
	wire_ask(&w, "1 RUN b", "1 OK");
	while (strcmp(outcomes(&w, "b"), "success 0 1") != 0)
		;
	wire_ask_start(&w, "1 GET b", "1 OK planned ");
	assert_int_equal(wire_row_u64(&w, "1 INFO b", "execution_ns"), due);
	wire_stop(&w, d);
}

/* The server dies with a recurring job planned, held, running, and stopping. */
static void
test_recurring_and_crashes(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	make_fifo(d, "fifo");
	wire_shell_rule(&w, d, "r", "a",
	    "echo $TICK_ATTEMPT >> begun; read x < fifo");
	wire_ask(&w, "1 RULE PAUSE r", "1 OK");
	wire_ask(&w, "1 SET a 2100-01-01 00:00:00 EVERY 1h", "1 OK");
	restart(&w, d);
	wire_ask(&w, "1 GET a", "1 OK planned 4102444800000000000");
	wire_ask(&w, "1 RUN a", "1 OK");
	restart(&w, d);
	wait_hold(&w, "1 INFO a", "paused");
	wire_ask(&w, "1 RULE RESUME r", "1 OK");
	daemon_wait_lines(d, "begun", 1);
	restart(&w, d);
	daemon_wait_lines(d, "begun", 2);
	wire_ask(&w, "1 CANCEL a", "1 OK");
	wire_until(&w, "1 GET a", "1 OK planned 4102444800000000000");
	assert_string_equal(outcomes(&w, "a"), "cancelled 143 2,lost - 1");
	assert_string_equal(daemon_content(d, "begun"), "1\n2\n");
	wire_stop(&w, d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DAEMON_TEST(test_options),
		DAEMON_TEST(test_history),
		DAEMON_TEST(test_retries),
		DAEMON_TEST(test_retry_waits),
		DAEMON_TEST(test_timeout),
		DAEMON_TEST(test_concurrency),
		DAEMON_TEST(test_cancel_running),
		DAEMON_TEST(test_cancel_waiting),
		DAEMON_TEST(test_lost),
		DAEMON_TEST(test_executions),
		DAEMON_TEST(test_output),
		DAEMON_TEST(test_long_line),
		DAEMON_TEST(test_every),
		DAEMON_TEST(test_cron),
		DAEMON_TEST(test_recurring_and_crashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
