/* The blocking calls of libtick, against a server that plays a script. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "script.h"
#include "tick.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct script script;

/* Start the script and connect to it. */
static struct tick *
begin_with(const struct step *steps, size_t n, struct tick_options o)
{
	struct tick *t;

	script_start(&script, steps, n);
	o.address = script.address;
	t = tick_connect(&o);
	assert_non_null(t);
	return t;
}

static struct tick *
begin(const struct step *steps, size_t n)
{
	struct tick_options o = TICK_OPTIONS_INIT;
	struct tick *t = begin_with(steps, n, o);

	assert_int_equal(tick_err(t), TICK_OK);
	assert_true(tick_is_open(t));
	return t;
}

static void
end(struct tick *t)
{
	tick_close(t);
	script_end(&script);
}

/* The handle is closed with this error, and stays so. */
static void
expect_broken(struct tick *t, enum tick_error code)
{
	static const char *const ping[] = { "PING" };

	assert_int_equal(tick_err(t), code);
	assert_string_not_equal(tick_errstr(t), "");
	assert_false(tick_is_open(t));
	assert_int_equal(tick_pending(t), 0);
	assert_int_equal(tick_call(t, NULL, ping, 1), -1);
	assert_int_equal(tick_append(t, ping, 1), -1);
	assert_int_equal(tick_read(t, NULL), -1);
	assert_int_equal(tick_err(t), code);
}

static void
expect_word(const struct tick_word *w, const char *bytes, size_t len)
{
	assert_int_equal(w->len, len);
	assert_memory_equal(w->ptr, bytes, len);
	assert_int_equal(w->ptr[len], '\0');
}

static int
call(struct tick *t, const char *word)
{
	return tick_call(t, NULL, &word, 1);
}

/*
 * Requests and replies.
 */

static void
test_call(void **state)
{
	static const struct step steps[] = {
		RECEIVE("1 GET invoice.4711\n"),
		SEND("1 OK planned 1711612800000000000\n"),
		RECEIVE("2 PING\n"),
		SEND("2 OK\r\n"),
	};
	static const char *const get[] = { "GET", "invoice.4711" };
	struct tick_reply *r;
	struct tick *t = begin(steps, COUNT(steps));

	(void)state;
	assert_int_equal(tick_call(t, &r, get, 2), 0);
	assert_int_equal(r->n_rows, 0);
	assert_int_equal(r->ok.n_words, 2);
	expect_word(&r->ok.words[0], "planned", 7);
	expect_word(&r->ok.words[1], "1711612800000000000", 19);
	assert_int_equal(tick_ok(t)->n_words, 2);
	assert_string_equal(tick_ok(t)->words[0].ptr, "planned");
	tick_reply_free(r);
	assert_int_equal(call(t, "PING"), 0);
	assert_int_equal(tick_ok(t)->n_words, 0);
	assert_string_equal(tick_errword(t), "ok");
	assert_string_equal(tick_errstr(t), "");
	end(t);
}

static void
test_quoting(void **state)
{
	static const struct step steps[] = {
		RECEIVE(
		    "1 A \"\" \"a b\" \"q\\\"\\\\\" \"\\n\\x00\" \xc3\xa9\n"),
		SEND("1 OK\n"),
		RECEIVE("2 SET x now PAYLOAD \"HTTP/1.1\"\n"),
		SEND("2 OK\n"),
		RECEIVE("3 raw  \"as it is\" \n"),
		SEND("3 OK\n"),
	};
	static const struct tick_word words[] = {
		{ "A", 1 },
		{ "", 0 },
		{ "a b", 3 },
		{ "q\"\\", 3 },
		{ "\n\0", 2 },
		{ "\xc3\xa9", 2 },
	};
	static const char *const http[] = { "SET", "x", "now", "PAYLOAD",
		"HTTP/1.1" };
	struct tick *t = begin(steps, COUNT(steps));

	(void)state;
	assert_int_equal(tick_call_words(t, NULL, words, COUNT(words)), 0);
	assert_int_equal(tick_call(t, NULL, http, COUNT(http)), 0);
	assert_int_equal(tick_call_line(t, NULL, "raw  \"as it is\" "), 0);
	end(t);
}

static void
test_rows(void **state)
{
	static const struct step steps[] = {
		RECEIVE("1 X\n"),
		SEND_BYTEWISE("1 a \"b c\"\n1 \"OK\" \"\" \"\\x00\\n\\\"\"\n"
			      "1 EVENT planned 0\n9 EVENT jobs 1\n1 OK done\n"),
	};
	static const char *const x[] = { "X" };
	struct tick_reply *r;
	struct tick *t = begin(steps, COUNT(steps));

	(void)state;
	assert_int_equal(tick_call(t, &r, x, 1), 0);
	assert_int_equal(r->n_rows, 3);
	assert_int_equal(r->rows[0].n_words, 2);
	expect_word(&r->rows[0].words[0], "a", 1);
	expect_word(&r->rows[0].words[1], "b c", 3);
	assert_int_equal(r->rows[1].n_words, 3);
	expect_word(&r->rows[1].words[0], "OK", 2);
	expect_word(&r->rows[1].words[1], "", 0);
	expect_word(&r->rows[1].words[2], "\0\n\"", 3);
	expect_word(&r->rows[2].words[0], "EVENT", 5);
	assert_int_equal(r->ok.n_words, 1);
	expect_word(&r->ok.words[0], "done", 4);
	tick_reply_free(r);
	end(t);
}

static void
test_errors(void **state)
{
	static const struct step steps[] = {
		RECEIVE("1 A\n"),
		SEND("1 ERROR not_found no such job: \"x y\n"),
		RECEIVE("2 B\n"),
		SEND("2 row\n2 ERROR brand_new what is that\n"),
		RECEIVE("3 C\n"),
		SEND("3 ERROR internal\n"),
		RECEIVE("4 D\n"),
		SEND("4 OK\n"),
	};
	static const char *const a[] = { "A" };
	struct tick_reply *r;
	struct tick *t = begin(steps, COUNT(steps));

	(void)state;
	assert_int_equal(tick_call(t, &r, a, 1), -1);
	assert_null(r);
	assert_int_equal(tick_err(t), TICK_ERR_NOT_FOUND);
	assert_string_equal(tick_errword(t), "not_found");
	assert_string_equal(tick_errstr(t), "no such job: \"x y");
	assert_int_equal(tick_ok(t)->n_words, 0);
	assert_int_equal(call(t, "B"), -1);
	assert_int_equal(tick_err(t), TICK_ERR_OTHER);
	assert_int_equal(call(t, "C"), -1);
	assert_int_equal(tick_err(t), TICK_ERR_INTERNAL);
	assert_true(tick_is_open(t));
	assert_int_equal(call(t, "D"), 0);
	assert_int_equal(tick_err(t), TICK_OK);
	end(t);
}

static void
test_refused_here(void **state)
{
	static const struct step steps[] = {
		RECEIVE("1 PING\n"),
		SEND("1 OK\n"),
	};
	static char big[200000];
	const char *words[] = { "SET", big };
	struct tick *t = begin(steps, COUNT(steps));

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	assert_int_equal(tick_call(t, NULL, words, 0), -1);
	assert_int_equal(tick_err(t), TICK_ERR_USAGE);
	assert_int_equal(tick_call_line(t, NULL, "PING\nPING"), -1);
	assert_int_equal(tick_err(t), TICK_ERR_USAGE);
	assert_int_equal(tick_read(t, NULL), -1);
	assert_int_equal(tick_err(t), TICK_ERR_USAGE);
	assert_int_equal(tick_call(t, NULL, words, 2), -1);
	assert_int_equal(tick_err(t), TICK_ERR_TOO_LONG);
	assert_int_equal(tick_append(t, words, 2), -1);
	assert_int_equal(tick_pending(t), 0);
	assert_true(tick_is_open(t));
	assert_int_equal(call(t, "PING"), 0);
	end(t);
}

/*
 * Pipelining.
 */

static void
test_pipeline(void **state)
{
	static const struct step steps[] = {
		RECEIVE("1 A\n2 B\n3 C\n"),
		SEND("1 OK one\n2 ERROR exists it is there\n3 row\n3 OK\n"),
	};
	static const char *const words[] = { "A", "B", "C" };
	struct tick_reply *r;
	struct tick *t = begin(steps, COUNT(steps));

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(tick_append(t, &words[i], 1), 0);
	assert_int_equal(tick_pending(t), 3);
	assert_int_equal(call(t, "D"), -1);
	assert_int_equal(tick_err(t), TICK_ERR_USAGE);
	assert_int_equal(tick_pending(t), 3);
	assert_int_equal(tick_read(t, &r), 0);
	assert_string_equal(r->ok.words[0].ptr, "one");
	tick_reply_free(r);
	assert_int_equal(tick_read(t, &r), -1);
	assert_int_equal(tick_err(t), TICK_ERR_EXISTS);
	assert_int_equal(tick_read(t, &r), 0);
	assert_int_equal(r->n_rows, 1);
	tick_reply_free(r);
	assert_int_equal(tick_pending(t), 0);
	end(t);
}

static int
count_row(const struct tick_row *row, void *arg)
{
	size_t *n = arg;

	assert_int_equal(row->n_words, 1);
	++*n;
	return 0;
}

/* Both sides send more than sockets hold: who does not read while it writes
 * waits for ever. */
static void
test_pipeline_both_ways(void **state)
{
	static const struct step steps[] = {
		RECEIVE("1 "),
		FLOOD("1 abcdefghijklmnopqrstuvwxyz\n", 1000000),
		SEND("1 OK\n"),
		WAIT_END,
	};
	static char big[60001];
	const char *word = big;
	size_t n = 0;
	struct tick *t = begin(steps, COUNT(steps));

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	for (int i = 0; i < 400; i++)
		assert_int_equal(tick_append(t, &word, 1), 0);
	assert_int_equal(tick_read_rows(t, count_row, &n), 0);
	assert_int_equal(n, 1000000);
	assert_int_equal(tick_pending(t), 399);
	end(t);
}

/*
 * Streaming.
 */

static int
stop_at_ten(const struct tick_row *row, void *arg)
{
	size_t *n = arg;

	(void)row;
	return ++*n == 10;
}

static void
test_stream(void **state)
{
	static const struct step steps[] = {
		RECEIVE("1 QUERY \"\"\n"),
		FLOOD("1 job\n", 200000),
		SEND("1 OK fine\n"),
		RECEIVE("2 QUERY\n"),
		FLOOD("2 job\n", 1000),
		SEND("2 OK fine\n"),
		RECEIVE("3 PING\n"),
		SEND("3 OK\n"),
	};
	static const struct tick_word words[] = { { "QUERY", 5 }, { "", 0 } };
	size_t n = 0;
	struct tick *t = begin(steps, COUNT(steps));

	(void)state;
	assert_int_equal(tick_call_rows(t, words, 2, count_row, &n), 0);
	assert_int_equal(n, 200000);
	assert_string_equal(tick_ok(t)->words[0].ptr, "fine");
	n = 0;
	assert_int_equal(tick_call_rows(t, words, 1, stop_at_ten, &n), -1);
	assert_int_equal(tick_err(t), TICK_ERR_STOPPED);
	assert_int_equal(n, 10);
	assert_int_equal(call(t, "PING"), 0);
	end(t);
}

static int
misuse(const struct tick_row *row, void *arg)
{
	struct tick *t = arg;

	(void)row;
	assert_int_equal(call(t, "PING"), -1);
	assert_int_equal(tick_reconnect(t), -1);
	return 0;
}

static void
test_callback_uses_handle(void **state)
{
	static const struct step steps[] = {
		RECEIVE("1 X\n"),
		SEND("1 row\n1 OK\n"),
	};
	static const struct tick_word x = { "X", 1 };
	struct tick *t = begin(steps, COUNT(steps));

	(void)state;
	assert_int_equal(tick_call_rows(t, &x, 1, misuse, t), 0);
	assert_int_equal(tick_err(t), TICK_OK);
	end(t);
}

/*
 * Broken servers.
 */

static void
test_garbage(void **state)
{
	static const struct step scripts[][2] = {
		{ RECEIVE("1 PING\n"), SEND("SSH-2.0-OpenSSH_9.2\n") },
		{ RECEIVE("1 PING\n"), SEND("2 OK\n") },
		{ RECEIVE("1 PING\n"), SEND("1 \"open\n") },
		{ RECEIVE("1 PING\n"), SEND("\n") },
		{ RECEIVE("1 PING\n"), SEND("1\n") },
		{ RECEIVE("1 PING\n"), SEND("\0\0\0\n") },
		{ RECEIVE("1 PING\n"), FLOOD("xxxxxxxxxxxxxxxxxxxx", 10000) },
		{ RECEIVE("1 PING\n"), SEND("OK\n") },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(scripts); i++) {
		struct tick *t = begin(scripts[i], 2);

		assert_int_equal(call(t, "PING"), -1);
		expect_broken(t, TICK_ERR_PROTOCOL);
		end(t);
	}
}

static void
test_early_close(void **state)
{
	static const struct step scripts[][2] = {
		{ RECEIVE("1 PING\n"), SEND("") },
		{ RECEIVE("1 PING\n"), SEND("1 O") },
		{ RECEIVE("1 PING\n"), SEND("1 row\n1 row\n") },
		{ RECEIVE("1 PING\n"), RESET },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(scripts); i++) {
		struct tick *t = begin(scripts[i], 2);

		assert_int_equal(call(t, "PING"), -1);
		expect_broken(t, TICK_ERR_CLOSED);
		end(t);
	}
}

/* A server that is full says so before it has read anything. */
static void
test_turned_away(void **state)
{
	static const struct step steps[] = {
		RECEIVE("1 PING\n"),
		SEND("- ERROR limit too many connections\n"),
	};
	struct tick *t = begin(steps, COUNT(steps));

	(void)state;
	assert_int_equal(call(t, "PING"), -1);
	assert_string_equal(tick_errstr(t), "too many connections");
	expect_broken(t, TICK_ERR_LIMIT);
	end(t);
}

static void
test_deadline(void **state)
{
	static const struct step silent[] = {
		RECEIVE("1 PING\n"),
		SEND("1 almost"),
		WAIT_END,
	};
	static const struct step endless[] = {
		RECEIVE("1 PING\n"),
		FLOOD("1 row\n", (size_t)1 << 40),
	};
	struct tick_options o = TICK_OPTIONS_INIT;
	struct tick *t;

	(void)state;
	o.request_timeout_ms = 20;
	t = begin_with(silent, COUNT(silent), o);
	assert_int_equal(call(t, "PING"), -1);
	expect_broken(t, TICK_ERR_TIMEOUT);
	end(t);
	t = begin_with(endless, COUNT(endless), o);
	assert_int_equal(call(t, "PING"), -1);
	expect_broken(t, TICK_ERR_TIMEOUT);
	end(t);
}

static void
test_reply_size(void **state)
{
	static const struct step steps[] = {
		RECEIVE("1 X\n"),
		FLOOD("1 row\n", 1000),
		WAIT_END,
	};
	static const char *const x[] = { "X" };
	struct tick_options o = TICK_OPTIONS_INIT;
	struct tick_reply *r;
	struct tick *t;

	(void)state;
	o.max_reply_bytes = 1000;
	t = begin_with(steps, COUNT(steps), o);
	assert_int_equal(tick_call(t, &r, x, 1), -1);
	assert_null(r);
	expect_broken(t, TICK_ERR_REPLY_SIZE);
	end(t);
}

static void
test_reconnect(void **state)
{
	static const struct step steps[] = {
		RECEIVE("1 A\n2 B\n"),
		SEND("1 OK\n"),
		ACCEPT,
		RECEIVE("1 A\n"),
		SEND("1 OK\n"),
		ACCEPT,
		RECEIVE("1 B\n"),
		SEND("1 OK\n"),
	};
	static const char *const words[] = { "A", "B" };
	struct tick *t = begin(steps, COUNT(steps));

	(void)state;
	assert_int_equal(tick_append(t, &words[0], 1), 0);
	assert_int_equal(tick_append(t, &words[1], 1), 0);
	assert_int_equal(tick_read(t, NULL), 0);
	assert_int_equal(tick_read(t, NULL), -1);
	expect_broken(t, TICK_ERR_CLOSED);
	assert_int_equal(tick_reconnect(t), 0);
	assert_int_equal(tick_err(t), TICK_OK);
	assert_int_equal(call(t, "A"), 0);
	/* Also while it is open. */
	assert_int_equal(tick_reconnect(t), 0);
	assert_int_equal(call(t, "B"), 0);
	end(t);
}

static void
test_cannot_connect(void **state)
{
	struct tick_options o = TICK_OPTIONS_INIT;
	struct tick *t;

	(void)state;
	o.address = "unix:/nonexistent/socket";
	t = tick_connect(&o);
	assert_non_null(t);
	expect_broken(t, TICK_ERR_CONNECT);
	assert_int_equal(tick_reconnect(t), -1);
	expect_broken(t, TICK_ERR_CONNECT);
	tick_close(t);
	o.address = "::";
	t = tick_connect(&o);
	assert_non_null(t);
	expect_broken(t, TICK_ERR_ADDRESS);
	tick_close(t);
	tick_close(NULL);
	tick_reply_free(NULL);
}

/*
 * Authentication.
 */

static void
test_auth(void **state)
{
	static const struct step granted[] = {
		RECEIVE("1 AUTH \"s e\"\n"),
		SEND("1 OK\n"),
		RECEIVE("2 PING\n"),
		SEND("2 OK\n"),
	};
	static const struct step needless[] = {
		RECEIVE("1 AUTH \"s e\"\n"),
		SEND("1 ERROR conflict authentication is not configured\n"),
		RECEIVE("2 PING\n"),
		SEND("2 OK\n"),
	};
	static const struct step denied[] = {
		RECEIVE("1 AUTH \"s e\"\n"),
		SEND("1 ERROR denied wrong secret\n"),
	};
	static const struct step silent[] = { WAIT_END };
	struct tick_options o = TICK_OPTIONS_INIT;
	struct tick *t;

	(void)state;
	o.secret = "s e";
	t = begin_with(granted, COUNT(granted), o);
	assert_int_equal(call(t, "PING"), 0);
	end(t);
	t = begin_with(needless, COUNT(needless), o);
	assert_int_equal(tick_err(t), TICK_OK);
	assert_int_equal(call(t, "PING"), 0);
	end(t);
	t = begin_with(denied, COUNT(denied), o);
	assert_string_equal(tick_errstr(t), "wrong secret");
	expect_broken(t, TICK_ERR_DENIED);
	end(t);
	o.connect_timeout_ms = 20;
	t = begin_with(silent, COUNT(silent), o);
	expect_broken(t, TICK_ERR_TIMEOUT);
	end(t);
}

/*
 * Jobs and rules.
 */

static void
test_set(void **state)
{
	static const struct step steps[] = {
		RECEIVE("1 SET a 5\n"),
		SEND("1 OK\n"),
		RECEIVE("2 SET a now NX PAYLOAD \"a\\x00b\"\n"),
		SEND("2 ERROR exists a\n"),
		RECEIVE("3 SET a cron XX MATCHED CRON \"0 9 * * *\" TZ "
			"Europe/Berlin "
			"UNTIL 7 JITTER 1500ns\n"),
		SEND("3 OK\n"),
		RECEIVE("4 SET a 5 EVERY 60000000000ns\n"),
		SEND("4 OK\n"),
	};
	struct tick_set_options o = TICK_SET_OPTIONS_INIT;
	struct tick_set_options every = TICK_SET_OPTIONS_INIT;
	struct tick *t = begin(steps, COUNT(steps));

	(void)state;
	assert_int_equal(tick_set(t, "a", 5, NULL), 0);
	o.flags = TICK_SET_NX;
	o.payload = "a\0b";
	o.payload_len = 3;
	assert_int_equal(tick_set(t, "a", TICK_DUE_NOW, &o), -1);
	assert_int_equal(tick_err(t), TICK_ERR_EXISTS);
	o.flags = TICK_SET_XX | TICK_SET_MATCHED;
	o.payload = NULL;
	o.cron = "0 9 * * *";
	o.zone = "Europe/Berlin";
	o.until_ns = 7;
	o.jitter_ns = 1500;
	assert_int_equal(tick_set(t, "a", TICK_DUE_CRON, &o), 0);
	every.every_ns = INT64_C(60000000000);
	assert_int_equal(tick_set(t, "a", 5, &every), 0);
	end(t);
}

static void
test_get_and_more(void **state)
{
	static const struct step steps[] = {
		RECEIVE("1 GET a\n"),
		SEND("1 OK failed 42\n"),
		RECEIVE("2 GET a\n"),
		SEND("2 ERROR not_found a\n"),
		RECEIVE("3 REMOVE a\n"),
		SEND("3 OK\n"),
		RECEIVE("4 RUN a\n"),
		SEND("4 ERROR conflict it runs\n"),
		RECEIVE("5 GET a\n"),
		SEND("5 OK lost 42\n"),
	};
	enum tick_status status = TICK_JOB_PLANNED;
	int64_t due_ns = 0;
	struct tick *t = begin(steps, COUNT(steps));

	(void)state;
	assert_int_equal(tick_get(t, "a", &status, &due_ns), 0);
	assert_int_equal(status, TICK_JOB_FAILED);
	assert_int_equal(due_ns, 42);
	assert_int_equal(tick_get(t, "a", NULL, NULL), -1);
	assert_int_equal(tick_err(t), TICK_ERR_NOT_FOUND);
	assert_int_equal(tick_remove(t, "a"), 0);
	assert_int_equal(tick_run(t, "a"), -1);
	assert_int_equal(tick_err(t), TICK_ERR_CONFLICT);
	assert_int_equal(tick_get(t, "a", &status, &due_ns), -1);
	assert_int_equal(due_ns, 42);
	expect_broken(t, TICK_ERR_PROTOCOL);
	end(t);
}

static int
sum_jobs(const struct tick_job *job, void *arg)
{
	int64_t *sum = arg;

	assert_int_equal(job->job[0], 'a');
	assert_int_equal(job->status, TICK_JOB_TRIGGERED);
	*sum += job->due_ns;
	return 0;
}

static void
test_query(void **state)
{
	static const struct step steps[] = {
		RECEIVE("1 QUERY a STATUS triggered AFTER a1 LIMIT 2\n"),
		SEND("1 a2 triggered 30\n1 a3 triggered 12\n1 OK\n"),
		RECEIVE("2 QUERY \"\"\n"),
		SEND("2 OK\n"),
		RECEIVE("3 QUERY a\n"),
		SEND("3 a2 triggered never\n3 OK\n"),
	};
	struct tick_query_options o = TICK_QUERY_OPTIONS_INIT;
	int64_t sum = 0;
	struct tick *t = begin(steps, COUNT(steps));

	(void)state;
	o.status = TICK_JOB_TRIGGERED;
	o.after = "a1";
	o.limit = 2;
	assert_int_equal(tick_query(t, "a", &o, sum_jobs, &sum), 0);
	assert_int_equal(sum, 42);
	assert_int_equal(tick_query(t, NULL, NULL, sum_jobs, &sum), 0);
	o.status = (enum tick_status)9;
	assert_int_equal(tick_query(t, "a", &o, sum_jobs, &sum), -1);
	assert_int_equal(tick_err(t), TICK_ERR_USAGE);
	assert_int_equal(tick_query(t, "a", NULL, sum_jobs, &sum), -1);
	expect_broken(t, TICK_ERR_PROTOCOL);
	end(t);
}

static int
check_rule(const struct tick_rule *rule, void *arg)
{
	int *n = arg;

	assert_string_equal(rule->rule, "r1");
	assert_string_equal(rule->pattern, "");
	assert_string_equal(rule->runner, "shell");
	assert_int_equal(rule->n_args, 1);
	expect_word(&rule->args[0], "date >> /tmp/x", 14);
	++*n;
	return 0;
}

static void
test_rules(void **state)
{
	static const struct step steps[] = {
		RECEIVE("1 RULE SET r1 \"\" shell \"date >> /tmp/x\"\n"),
		SEND("1 OK\n"),
		RECEIVE("2 LISTRULES r\n"),
		SEND("2 r1 \"\" shell \"date >> /tmp/x\"\n2 OK\n"),
		RECEIVE("3 RULE PAUSE r1\n"),
		SEND("3 OK\n"),
		RECEIVE("4 RULE RESUME r1\n"),
		SEND("4 OK\n"),
		RECEIVE("5 REMOVERULE r1\n"),
		SEND("5 OK\n"),
	};
	static const char *const shell[] = { "shell", "date >> /tmp/x" };
	int n = 0;
	struct tick *t = begin(steps, COUNT(steps));

	(void)state;
	assert_int_equal(tick_rule_set(t, "r1", "", shell, 2), 0);
	assert_int_equal(tick_rules(t, "r", check_rule, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(tick_rule_pause(t, "r1"), 0);
	assert_int_equal(tick_rule_resume(t, "r1"), 0);
	assert_int_equal(tick_rule_remove(t, "r1"), 0);
	end(t);
}

static int
never_called(const struct tick_row *row, void *arg)
{
	(void)row;
	(void)arg;
	fail_msg("called");
	return 0;
}

/* The call fails for its caller's fault, and the handle goes on. */
static void
expect_usage(struct tick *t, int result)
{
	assert_int_equal(result, -1);
	assert_int_equal(tick_err(t), TICK_ERR_USAGE);
	assert_non_null(strstr(tick_errstr(t), "NULL"));
	assert_int_equal(tick_pending(t), 0);
}

/* Whatever is NULL that must not be. */
static void
test_null_arguments(void **state)
{
	static const struct step steps[] = {
		RECEIVE("1 PING\n"),
		SEND("1 OK\n"),
	};
	static const char *const holes[] = { "GET", NULL };
	static const struct tick_word hole = { NULL, 3 };
	struct tick_reply *reply = NULL;
	struct tick *t = begin(steps, COUNT(steps));

	(void)state;
	expect_usage(t, tick_call(t, &reply, NULL, 1));
	expect_usage(t, tick_call(t, &reply, holes, 2));
	expect_usage(t, tick_call_words(t, &reply, NULL, 1));
	expect_usage(t, tick_call_words(t, &reply, &hole, 1));
	expect_usage(t, tick_call_line(t, &reply, NULL));
	expect_usage(t, tick_call_rows(t, NULL, 1, never_called, NULL));
	expect_usage(t, tick_call_rows(t, &hole, 1, never_called, NULL));
	expect_usage(t, tick_call_rows(t, &hole, 1, NULL, NULL));
	expect_usage(t, tick_append(t, holes, 2));
	expect_usage(t, tick_append(t, NULL, 2));
	expect_usage(t, tick_append_words(t, &hole, 1));
	expect_usage(t, tick_append_line(t, NULL));
	expect_usage(t, tick_set(t, NULL, TICK_DUE_NOW, NULL));
	expect_usage(t, tick_get(t, NULL, NULL, NULL));
	expect_usage(t, tick_remove(t, NULL));
	expect_usage(t, tick_run(t, NULL));
	expect_usage(t, tick_query(t, NULL, NULL, NULL, NULL));
	expect_usage(t, tick_rule_set(t, NULL, "", holes, 1));
	expect_usage(t, tick_rule_set(t, "r", NULL, holes, 1));
	expect_usage(t, tick_rule_set(t, "r", "", NULL, 1));
	expect_usage(t, tick_rule_set(t, "r", "", holes, 2));
	expect_usage(t, tick_rule_remove(t, NULL));
	expect_usage(t, tick_rule_pause(t, NULL));
	expect_usage(t, tick_rule_resume(t, NULL));
	expect_usage(t, tick_rules(t, NULL, NULL, NULL));
	expect_usage(t, tick_watch(t, NULL, NULL, NULL));
	expect_usage(t, tick_next_event(t, NULL, 0));
	assert_null(reply);
	assert_int_equal(tick_call_line(t, NULL, "PING"), 0);
	end(t);
}

static void
test_null_handle(void **state)
{
	static const char *const ping[] = { "PING" };
	const struct tick_event *event;

	(void)state;
	assert_int_equal(tick_call(NULL, NULL, ping, 1), -1);
	assert_int_equal(tick_append_line(NULL, "PING"), -1);
	assert_int_equal(tick_read(NULL, NULL), -1);
	assert_int_equal(tick_read_rows(NULL, never_called, NULL), -1);
	assert_int_equal(tick_flush(NULL), -1);
	assert_int_equal(tick_reconnect(NULL), -1);
	assert_int_equal(tick_set(NULL, "a", TICK_DUE_NOW, NULL), -1);
	assert_int_equal(tick_get(NULL, "a", NULL, NULL), -1);
	assert_int_equal(tick_rule_remove(NULL, "a"), -1);
	assert_int_equal(tick_watch(NULL, "jobs", NULL, NULL), -1);
	assert_int_equal(tick_unwatch(NULL, 1), -1);
	assert_int_equal(tick_next_event(NULL, &event, 0), -1);
	assert_null(event);
	assert_int_equal(tick_err(NULL), TICK_ERR_USAGE);
	assert_string_equal(tick_errstr(NULL), "the handle is NULL");
	assert_int_equal(tick_fd(NULL), -1);
	assert_false(tick_is_open(NULL));
	assert_int_equal(tick_pending(NULL), 0);
	assert_int_equal(tick_ok(NULL)->n_words, 0);
	tick_reply_free(NULL);
	tick_close(NULL);
}

static void
test_web_server(void **state)
{
	static const struct step steps[] = {
		RECEIVE("1 PING\n"),
		SEND("HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n"),
	};
	struct tick *t = begin(steps, COUNT(steps));

	(void)state;
	assert_int_equal(tick_call_line(t, NULL, "PING"), -1);
	assert_non_null(
	    strstr(tick_errstr(t), "speaks HTTP, not the tickd protocol"));
	expect_broken(t, TICK_ERR_PROTOCOL);
	end(t);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_call),
		cmocka_unit_test(test_quoting),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_refused_here),
		cmocka_unit_test(test_pipeline),
		cmocka_unit_test(test_pipeline_both_ways),
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_callback_uses_handle),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_early_close),
		cmocka_unit_test(test_turned_away),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_reply_size),
		cmocka_unit_test(test_reconnect),
		cmocka_unit_test(test_cannot_connect),
		cmocka_unit_test(test_auth),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_get_and_more),
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_null_arguments),
		cmocka_unit_test(test_null_handle),
		cmocka_unit_test(test_web_server),
	};

	return cmocka_run_group_tests_name("sync", tests, NULL, NULL);
}
