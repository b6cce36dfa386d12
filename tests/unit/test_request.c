#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <stdlib.h>

#include "request.h"
#include "rule_spec.h"
#include "tstamp.h"

#define S(text) slice_of(text, sizeof(text) - 1)
#define NOW INT64_C(1711612800000000000)

/* One parsed line, and what its slices point into. */
struct parsed {
	char *line; /* of exactly its size, so that a sanitizer sees more */
	struct tokens tokens;
	struct request r;
	struct err e;
	int result;
};

static void
begin(struct parsed *p, struct slice line)
{
	*p = (struct parsed){ .result = 0 };
	p->line = malloc(line.len == 0 ? 1 : line.len);
	assert_non_null(p->line);
	if (line.len != 0)
		memcpy(p->line, line.ptr, line.len);
	p->result = request_begin(p->line, line.len, &p->tokens, &p->r, &p->e);
}

static void
parse(struct parsed *p, struct slice line)
{
	begin(p, line);
	if (p->result == 0)
		p->result = request_args(&p->r, NOW, &p->e);
}

static void
finish(struct parsed *p)
{
	if (p->result == 0)
		request_clear(&p->r);
	token_fini(&p->tokens);
	free(p->line);
}

static void
assert_slice(struct slice got, struct slice want)
{
	assert_int_equal(got.len, want.len);
	if (want.ptr == NULL)
		assert_null(got.ptr);
	else
		assert_memory_equal(got.ptr, want.ptr, want.len);
}

static void
test_status_words(void **state)
{
	static const char *const words[JOB_STATUS_COUNT] = { "planned",
		"triggered", "executed", "failed" };
	int i;

	(void)state;
	for (i = 0; i < JOB_STATUS_COUNT; i++) {
		assert_string_equal(job_status_word((enum job_status)i),
		    words[i]);
		assert_int_equal(job_status_parse(slice_str(words[i])), i);
	}
	assert_int_equal(job_status_parse(S("Planned")), -1);
	assert_int_equal(job_status_parse(S("")), -1);
}

static void
test_blank_lines(void **state)
{
	const struct slice rows[] = { S(""), S(" "), S("\t \t"), S("\r"),
		S("  \r") };
	struct parsed p;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(&p, rows[i]);
		assert_int_equal(p.result, 1);
		finish(&p);
	}
}

static void
test_begin(void **state)
{
	const struct {
		struct slice line;
		struct slice id;
		enum cmd_id command;
		size_t n_args;
	} rows[] = {
		{ S("r1 PING"), S("r1"), CMD_PING, 0 },
		{ S(" r1\tping  x\r"), S("r1"), CMD_PING, 1 },
		{ S("- Get a"), S("-"), CMD_GET, 1 },
		{ S("\"r1\" GET a"), S("r1"), CMD_GET, 1 },
		{ S("r1 rule Set a b shell c"), S("r1"), CMD_RULE_SET, 4 },
		{ S("r1 STAT a b c d"), S("r1"), CMD_STAT, 4 },
		{ S("r1 HELP RULE SET"), S("r1"), CMD_HELP, 2 },
		{ S("r1 AUTH x"), S("r1"), CMD_AUTH, 1 },
		{ S("AUTH x"), S(""), CMD_AUTH, 1 },
		{ S("auth PING"), S(""), CMD_AUTH, 1 },
		{ S("PING PING PING"), S("PING"), CMD_PING, 1 },
	};
	struct parsed p;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(&p, rows[i].line);
		assert_int_equal(p.result, 0);
		assert_slice(p.r.id, rows[i].id);
		assert_int_equal(p.r.command->id, rows[i].command);
		assert_int_equal(p.r.n_args, rows[i].n_args);
		assert_ptr_equal(p.r.args + p.r.n_args,
		    p.r.words + p.r.n_words);
		finish(&p);
	}
}

#define ID_64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void
test_begin_refuses(void **state)
{
	const struct {
		struct slice line;
		struct slice id;
		enum err_code code;
		int command; /* -1: none */
	} rows[] = {
		{ S("PING"), S("PING"), ERR_SYNTAX, -1 },
		{ S("\"\" PING"), S("-"), ERR_SYNTAX, -1 },
		{ S("\"a b\" PING"), S("-"), ERR_SYNTAX, -1 },
		{ S("\"\\\"a\" PING"), S("-"), ERR_SYNTAX, -1 },
		{ S("caf\xc3\xa9 PING"), S("-"), ERR_SYNTAX, -1 },
		{ S("r\x01 PING"), S("-"), ERR_SYNTAX, -1 },
		{ S("r\0 PING"), S("-"), ERR_SYNTAX, -1 },
		{ S(ID_64 " FROB"), S(ID_64), ERR_UNKNOWN_COMMAND, -1 },
		{ S(ID_64 "a PING"), S("-"), ERR_TOO_LONG, -1 },
		{ S(ID_64 "a"), S("-"), ERR_TOO_LONG, -1 },
		{ S("r1 FROB"), S("r1"), ERR_UNKNOWN_COMMAND, -1 },
		{ S("r1 PING\0"), S("r1"), ERR_UNKNOWN_COMMAND, -1 },
		{ S("r1 \"\""), S("r1"), ERR_UNKNOWN_COMMAND, -1 },
		{ S("r1 RULE"), S("r1"), ERR_SYNTAX, -1 },
		{ S("r1 RULE FROB"), S("r1"), ERR_UNKNOWN_COMMAND, -1 },
		{ S("r1 PING a b"), S("r1"), ERR_SYNTAX, CMD_PING },
		{ S("r1 GET"), S("r1"), ERR_SYNTAX, CMD_GET },
		{ S("r1 SET a"), S("r1"), ERR_SYNTAX, CMD_SET },
		{ S("r1 HELP a b c"), S("r1"), ERR_SYNTAX, CMD_HELP },
		{ S("r1 LISTRULES a b"), S("r1"), ERR_SYNTAX, CMD_LISTRULES },
		{ S("r1 RULE SET r p"), S("r1"), ERR_SYNTAX, CMD_RULE_SET },
		{ S("AUTH"), S(""), ERR_SYNTAX, CMD_AUTH },
		{ S("AUTH a b"), S(""), ERR_SYNTAX, CMD_AUTH },
		{ S("AUTH \"a"), S(""), ERR_SYNTAX, CMD_AUTH },
		{ S("r1 GET \"a"), S("r1"), ERR_SYNTAX, CMD_GET },
		{ S("r1 GET \"\\q\""), S("r1"), ERR_SYNTAX, CMD_GET },
		{ S("r1 \"GET"), S("r1"), ERR_SYNTAX, -1 },
		{ S("\"r1 GET"), S("-"), ERR_SYNTAX, -1 },
		{ S("\x7f \"GET"), S("-"), ERR_SYNTAX, -1 },
	};
	struct parsed p;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(&p, rows[i].line);
		assert_int_equal(p.result, -1);
		assert_slice(p.r.id, rows[i].id);
		assert_int_equal(p.e.code, rows[i].code);
		if (rows[i].command == -1)
			assert_null(p.r.command);
		else
			assert_int_equal(p.r.command->id, rows[i].command);
		finish(&p);
	}
}

static void
test_messages(void **state)
{
	static const struct {
		const char *line, *msg;
	} rows[] = {
		{ "r1", "no command" },
		{ "SET a now",
		    "a line begins with a request id, as in \"1 SET a now\"" },
		{ "get a",
		    "a line begins with a request id, as in \"1 get a\"" },
		{ "STAT", "a line begins with a request id, as in \"1 STAT\"" },
		{ "HEALTH SYSTEM",
		    "a line begins with a request id, as in "
		    "\"1 HEALTH SYSTEM\"" },
		{ "a b c", "unknown command \"b\"" },
		{ "SET b c",
		    "a line begins with a request id, as in "
		    "\"1 SET b c\"" },
		{ "r1 GET", "wrong number of arguments: GET <job>" },
		{ "r1 SET a tomorrow",
		    "invalid time \"tomorrow\": write 2026-12-01T09:00:00Z, "
		    "\"2026-12-01 09:00\" (UTC), 09:00 (the next, UTC), now, "
		    "+1h30m, or nanoseconds since 1970" },
		{ "r1 SET a now FROB", "unknown option \"FROB\"" },
		{ "r1 SET a now NX nx", "NX is given twice" },
		{ "r1 SET a now EVERY", "EVERY needs a value" },
		{ "r1 SET a now EVERY x",
		    "invalid duration \"x\": write 90 (seconds), or units "
		    "ns us ms s m h d w, as in 1h30m or 1.5h" },
		{ "r1 GET \"a b\"", "invalid job \"a b\"" },
		{ "r1 GET \"\"", "job is empty" },
		{ "r1 RULE GET \"\\n\"", "invalid rule \"\\x0a\"" },
		{ "r1 QUERY a STATUS done", "unknown status \"done\"" },
		{ "\"r 1\" PING", "invalid request id \"r 1\"" },
		{ "r1 \"PI", "unterminated quote" },
	};
	struct parsed p;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		parse(&p, slice_str(rows[i].line));
		assert_int_equal(p.result, -1);
		assert_string_equal(p.e.msg, rows[i].msg);
		finish(&p);
	}
}

#define NONE            \
	{               \
		NULL, 0 \
	}

static void
assert_set_equal(const struct request_set *got, const struct request_set *want)
{
	assert_slice(got->job, want->job);
	assert_int_equal(got->due_is_cron, want->due_is_cron);
	if (!want->due_is_cron)
		assert_int_equal(got->due_ns, want->due_ns);
	assert_int_equal(got->nx, want->nx);
	assert_int_equal(got->xx, want->xx);
	assert_int_equal(got->matched, want->matched);
	assert_int_equal(got->every_ns, want->every_ns);
	assert_slice(got->cron, want->cron);
	assert_slice(got->zone, want->zone);
	assert_int_equal(got->until_ns, want->until_ns);
	assert_int_equal(got->jitter_ns, want->jitter_ns);
	assert_slice(got->payload, want->payload);
}

static void
test_set(void **state)
{
	const struct {
		struct slice line;
		struct request_set want;
	} rows[] = {
		{ S("r SET a 1"), { .job = S("a"), .due_ns = 1 } },
		{ S("r SET a 2024-03-28 08:00:00"),
		    { .job = S("a"), .due_ns = NOW } },
		{ S("r SET a now nx"),
		    { .job = S("a"), .due_ns = NOW, .nx = true } },
		{ S("r SET a now XX matched"),
		    { .job = S("a"),
			.due_ns = NOW,
			.xx = true,
			.matched = true } },
		{ S("r SET a 2024-03-28 08:00:00 XX"),
		    { .job = S("a"), .due_ns = NOW, .xx = true } },
		{ S("r SET a now every 5m"),
		    { .job = S("a"),
			.due_ns = NOW,
			.every_ns = 300 * NS_PER_S } },
		{ S("r SET a cron CRON \"0 2 * * *\" TZ Europe/Berlin"),
		    { .job = S("a"),
			.due_is_cron = true,
			.cron = S("0 2 * * *"),
			.zone = S("Europe/Berlin") } },
		{ S("r SET a now TZ UTC CRON @daily"),
		    { .job = S("a"),
			.due_ns = NOW,
			.cron = S("@daily"),
			.zone = S("UTC") } },
		{ S("r SET a now JITTER 0s UNTIL 2024-03-28 08:00:00 "
		    "PAYLOAD \"\" EVERY 1s NX"),
		    { .job = S("a"),
			.due_ns = NOW,
			.until_ns = NOW,
			.nx = true,
			.every_ns = NS_PER_S,
			.payload = S("") } },
		{ S("r SET a now UNTIL +1s EVERY 1s JITTER 1ms"),
		    { .job = S("a"),
			.due_ns = NOW,
			.until_ns = NOW + NS_PER_S,
			.every_ns = NS_PER_S,
			.jitter_ns = NS_PER_MS } },
		{ S("r SET a now PAYLOAD \"x\\x00\\ny\""),
		    { .job = S("a"), .due_ns = NOW, .payload = S("x\0\ny") } },
		{ S("r SET a now PAYLOAD NX"),
		    { .job = S("a"), .due_ns = NOW, .payload = S("NX") } },
		{ S("r SET NX 0 PAYLOAD PAYLOAD XX"),
		    { .job = S("NX"), .payload = S("PAYLOAD"), .xx = true } },
	};
	struct parsed p;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		parse(&p, rows[i].line);
		assert_int_equal(p.result, 0);
		assert_int_equal(p.r.command->id, CMD_SET);
		assert_set_equal(&p.r.u.set, &rows[i].want);
		finish(&p);
	}
}

static void
test_args_refused(void **state)
{
	const struct {
		struct slice line;
		enum err_code code;
	} rows[] = {
		{ S("r SET a 2024-03-28"), ERR_SYNTAX },
		{ S("r SET a 2024-03-28 NX"), ERR_INVALID },
		{ S("r SET \"\" now"), ERR_INVALID },
		{ S("r SET \"a b\" now"), ERR_INVALID },
		{ S("r SET a\0b now"), ERR_INVALID },
		{ S("r SET a now x"), ERR_INVALID },
		{ S("r SET a now NX XX"), ERR_INVALID },
		{ S("r SET a now NX NX"), ERR_INVALID },
		{ S("r SET a now PAYLOAD a PAYLOAD b"), ERR_INVALID },
		{ S("r SET a now EVERY"), ERR_SYNTAX },
		{ S("r SET a now CRON"), ERR_SYNTAX },
		{ S("r SET a now CRON @daily TZ"), ERR_SYNTAX },
		{ S("r SET a now PAYLOAD"), ERR_SYNTAX },
		{ S("r SET a now EVERY 5s UNTIL"), ERR_SYNTAX },
		{ S("r SET a now EVERY 5s UNTIL 2024-03-28"), ERR_SYNTAX },
		{ S("r SET a now EVERY 5s UNTIL 0"), ERR_INVALID },
		{ S("r SET a now EVERY 5s UNTIL x"), ERR_INVALID },
		{ S("r SET a now EVERY 5s JITTER"), ERR_SYNTAX },
		{ S("r SET a now EVERY 5s JITTER x"), ERR_INVALID },
		{ S("r SET a now EVERY 0s"), ERR_INVALID },
		{ S("r SET a now EVERY 5x"), ERR_INVALID },
		{ S("r SET a now EVERY -5s"), ERR_INVALID },
		{ S("r SET a now EVERY 5s CRON @daily"), ERR_INVALID },
		{ S("r SET a now TZ UTC"), ERR_INVALID },
		{ S("r SET a now EVERY 5s TZ UTC"), ERR_INVALID },
		{ S("r SET a now UNTIL now"), ERR_INVALID },
		{ S("r SET a now JITTER 1s"), ERR_INVALID },
		{ S("r SET a now JITTER 0s"), ERR_INVALID },
		{ S("r SET a cron"), ERR_INVALID },
		{ S("r SET a cron EVERY 5s"), ERR_INVALID },
		{ S("r SET a CRON @daily"), ERR_INVALID },
		{ S("r GET \"\""), ERR_INVALID },
		{ S("r INFO \"\\t\""), ERR_INVALID },
		{ S("r REMOVE \"a\\\\\""), ERR_INVALID },
		{ S("r RUN \x7f"), ERR_INVALID },
		{ S("r RULE GET \"\""), ERR_INVALID },
		{ S("r RULE PAUSE \"\""), ERR_INVALID },
		{ S("r RULE RESUME \"\""), ERR_INVALID },
		{ S("r REMOVERULE \"\""), ERR_INVALID },
		{ S("r LISTRULES \"a b\""), ERR_INVALID },
		{ S("r QUERY \"a b\""), ERR_INVALID },
		{ S("r QUERY a b"), ERR_INVALID },
		{ S("r QUERY a STATUS"), ERR_SYNTAX },
		{ S("r QUERY a STATUS PLANNED"), ERR_INVALID },
		{ S("r QUERY a AFTER"), ERR_SYNTAX },
		{ S("r QUERY a AFTER \"\""), ERR_INVALID },
		{ S("r QUERY a LIMIT"), ERR_SYNTAX },
		{ S("r QUERY a LIMIT -1"), ERR_INVALID },
		{ S("r QUERY a LIMIT 1.5"), ERR_INVALID },
		{ S("r QUERY a LIMIT 18446744073709551616"), ERR_INVALID },
		{ S("r QUERY a LIMIT 1 LIMIT 1"), ERR_INVALID },
		{ S("r RULE SET \"\" p shell x"), ERR_INVALID },
		{ S("r RULE SET r \"p p\" shell x"), ERR_INVALID },
		{ S("r RULE SET r p frob x"), ERR_INVALID },
		{ S("r RULE SET r p shell"), ERR_SYNTAX },
		{ S("r RULE SET r p shell x y"), ERR_SYNTAX },
	};
	struct parsed p;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		parse(&p, rows[i].line);
		assert_int_equal(p.result, -1);
		assert_int_equal(p.e.code, rows[i].code);
		assert_slice(p.r.id, S("r"));
		assert_non_null(p.r.command);
		finish(&p);
	}
}

static void
test_payload_limit(void **state)
{
	static char line[PAYLOAD_MAX + 64] = "r SET a now PAYLOAD ";
	size_t head = strlen(line);
	struct parsed p;

	(void)state;
	memset(line + head, 'x', PAYLOAD_MAX + 1);
	parse(&p, slice_of(line, head + PAYLOAD_MAX));
	assert_int_equal(p.result, 0);
	assert_int_equal(p.r.u.set.payload.len, PAYLOAD_MAX);
	finish(&p);
	parse(&p, slice_of(line, head + PAYLOAD_MAX + 1));
	assert_int_equal(p.result, -1);
	assert_int_equal(p.e.code, ERR_TOO_LONG);
	finish(&p);
}

static void
test_identifier_limit(void **state)
{
	static char line[ID_MAX + 16] = "r GET ";
	size_t head = strlen(line);
	struct parsed p;

	(void)state;
	memset(line + head, 'x', ID_MAX + 1);
	parse(&p, slice_of(line, head + ID_MAX));
	assert_int_equal(p.result, 0);
	finish(&p);
	parse(&p, slice_of(line, head + ID_MAX + 1));
	assert_int_equal(p.result, -1);
	assert_int_equal(p.e.code, ERR_TOO_LONG);
	finish(&p);
}

static void
test_query(void **state)
{
	const struct {
		struct slice line;
		struct request_query want;
	} rows[] = {
		{ S("r QUERY"), { S(""), -1, NONE, NO_LIMIT } },
		{ S("r QUERY \"\""), { S(""), -1, NONE, NO_LIMIT } },
		{ S("r QUERY STATUS"), { S("STATUS"), -1, NONE, NO_LIMIT } },
		{ S("r QUERY a status failed"),
		    { S("a"), JOB_FAILED, NONE, NO_LIMIT } },
		{ S("r QUERY a LIMIT 0"), { S("a"), -1, NONE, 0 } },
		{ S("r QUERY \"\" LIMIT 10 AFTER x STATUS planned"),
		    { S(""), JOB_PLANNED, S("x"), 10 } },
	};
	struct parsed p;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct request_query *q = &p.r.u.query;

		parse(&p, rows[i].line);
		assert_int_equal(p.result, 0);
		assert_slice(q->prefix, rows[i].want.prefix);
		assert_int_equal(q->status, rows[i].want.status);
		assert_slice(q->after, rows[i].want.after);
		assert_int_equal(q->limit, rows[i].want.limit);
		finish(&p);
	}
}

static void
test_names_and_texts(void **state)
{
	const struct {
		struct slice line;
		struct slice want;
	} rows[] = {
		{ S("r GET job.1"), S("job.1") },
		{ S("r INFO job.1"), S("job.1") },
		{ S("r REMOVE job.1"), S("job.1") },
		{ S("r RUN caf\xc3\xa9"), S("caf\xc3\xa9") },
		{ S("r RULE GET x"), S("x") },
		{ S("r RULE PAUSE x"), S("x") },
		{ S("r RULE RESUME x"), S("x") },
		{ S("r REMOVERULE x"), S("x") },
		{ S("r PING"), NONE },
		{ S("r PING \"a b\""), S("a b") },
		{ S("r LISTRULES"), NONE },
		{ S("r LISTRULES \"\""), S("") },
		{ S("r LISTRULES x"), S("x") },
		{ S("AUTH \"s e\\x00\""), S("s e\0") },
		{ S("r AUTH s"), S("s") },
	};
	struct parsed p;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		parse(&p, rows[i].line);
		assert_int_equal(p.result, 0);
		assert_slice(p.r.u.text, rows[i].want);
		finish(&p);
	}
}

static void
test_health_history(void **state)
{
	const struct {
		struct slice line;
		struct request_health_history want;
	} rows[] = {
		{ S("h HEALTH HISTORY agent r"),
		    { HISTORY_AGENT, S("r"), 30, false } },
		{ S("h health history integration i step hour"),
		    { HISTORY_INTEGRATION, S("i"), 30, true } },
		{ S("h HEALTH HISTORY system - DAYS 400 STEP day"),
		    { HISTORY_SYSTEM, S("-"), 400, false } },
		{ S("h HEALTH HISTORY agent - STEP hour DAYS 1"),
		    { HISTORY_AGENT, S("-"), 1, true } },
	};
	const struct {
		struct slice line;
		enum err_code code;
	} errors[] = {
		{ S("h HEALTH HISTORY agent"), ERR_SYNTAX },
		{ S("h HEALTH HISTORY agent r DAYS"), ERR_SYNTAX },
		{ S("h HEALTH HISTORY agent r DAYS 1 STEP day DAYS"),
		    ERR_SYNTAX },
		{ S("h HEALTH HISTORY agent r DAYS 1 DAYS 2"), ERR_INVALID },
		{ S("h HEALTH HISTORY agent r DAYS 0"), ERR_INVALID },
		{ S("h HEALTH HISTORY agent r DAYS 401"), ERR_INVALID },
		{ S("h HEALTH HISTORY agent r STEP minute"), ERR_INVALID },
		{ S("h HEALTH HISTORY agent \"a b\""), ERR_INVALID },
		{ S("h HEALTH HISTORY agents r"), ERR_INVALID },
		{ S("h HEALTH HISTORY system r"), ERR_INVALID },
	};
	struct parsed p;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct request_health_history *h = &p.r.u.health_history;

		parse(&p, rows[i].line);
		assert_int_equal(p.result, 0);
		assert_int_equal(h->source, rows[i].want.source);
		assert_slice(h->id, rows[i].want.id);
		assert_int_equal(h->days, rows[i].want.days);
		assert_int_equal(h->by_hour, rows[i].want.by_hour);
		finish(&p);
	}
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		parse(&p, errors[i].line);
		assert_int_equal(p.result, -1);
		assert_int_equal(p.e.code, errors[i].code);
		finish(&p);
	}
}

static void
test_alerts(void **state)
{
	const struct {
		struct slice line;
		enum err_code code;
	} errors[] = {
		{ S("a ALERT LIST some"), ERR_INVALID },
		{ S("a ALERT LIST ALL ALL"), ERR_SYNTAX },
		{ S("a ALERT ACK"), ERR_SYNTAX },
		{ S("a ALERT ACK x"), ERR_INVALID },
		{ S("a ALERT ACK -1"), ERR_INVALID },
		{ S("a ALERT ACK 18446744073709551616"), ERR_INVALID },
		{ S("a ALERT SET cpu_warning"), ERR_SYNTAX },
		{ S("a ALERT NOSUCH"), ERR_UNKNOWN_COMMAND },
	};
	struct parsed p;

	(void)state;
	parse(&p, S("a ALERT LIST"));
	assert_int_equal(p.result, 0);
	assert_false(p.r.u.all);
	finish(&p);
	parse(&p, S("a alert list all"));
	assert_int_equal(p.result, 0);
	assert_true(p.r.u.all);
	finish(&p);
	parse(&p, S("a ALERT ACK 17"));
	assert_int_equal(p.result, 0);
	assert_int_equal(p.r.u.number, 17);
	finish(&p);
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		parse(&p, errors[i].line);
		assert_int_equal(p.result, -1);
		assert_int_equal(p.e.code, errors[i].code);
		finish(&p);
	}
}

static void
test_rule_set(void **state)
{
	struct parsed p;
	struct rule_spec *kept;

	(void)state;
	parse(&p, S("r RULE SET nightly job. http post http://u:p@h/"));
	assert_int_equal(p.result, 0);
	assert_slice(p.r.u.rule_set.rule, S("nightly"));
	assert_slice(p.r.u.rule_set.pattern, S("job."));
	kept = rule_spec_ref(p.r.u.rule_set.spec);
	finish(&p);
	assert_int_equal(kept->runner, RUNNER_HTTP);
	assert_slice(strings_get(&kept->args, 0), S("POST"));
	assert_slice(strings_get(&kept->args, 1), S("http://u:p@h/"));
	assert_int_equal(kept->refs, 1);
	rule_spec_unref(kept);

	parse(&p, S("r RULE SET all \"\" agent"));
	assert_int_equal(p.result, 0);
	assert_slice(p.r.u.rule_set.pattern, S(""));
	finish(&p);
	request_clear(&p.r); /* a second time does nothing */
}

static void
test_http(void **state)
{
	(void)state;
	assert_true(request_is_http(S("Host: x")));
	assert_true(request_is_http(S("Host:\r")));
	assert_true(request_is_http(S("GET / HTTP/1.1\r")));
	assert_true(request_is_http(S("POST /x HTTP/1.0")));
	assert_true(request_is_http(S("HTTP/1.1")));
	assert_false(request_is_http(S("host: x")));
	assert_false(request_is_http(S("GET / http/1.1")));
	assert_false(request_is_http(S("GET / HTTP/1.1 ")));
	assert_false(request_is_http(S("GET / HTTP/2.0")));
	assert_false(request_is_http(S(" Host: x")));
	assert_false(request_is_http(S("Host")));
	assert_false(request_is_http(S("TTP/1.1")));
	assert_false(request_is_http(S("\r")));
	assert_false(request_is_http(S("")));
}

static void
test_id_of_head(void **state)
{
	(void)state;
	assert_slice(request_id_of(S("r1 SET a")), S("r1"));
	assert_slice(request_id_of(S(" \tr1\tSET a")), S("r1"));
	assert_slice(request_id_of(S("r1")), S("r1"));
	assert_slice(request_id_of(S("")), S("-"));
	assert_slice(request_id_of(S("  ")), S("-"));
	assert_slice(request_id_of(S("\"r1\" SET")), S("-"));
	assert_slice(request_id_of(S("r\x01 SET")), S("-"));
	assert_slice(request_id_of(S(ID_64 " SET")), S(ID_64));
	assert_slice(request_id_of(S(ID_64 "a SET")), S("-"));
	assert_slice(request_id_of(S("auth xxxx")), S(""));
}

static void
test_sessions(void **state)
{
	const struct {
		struct slice line;
		enum err_code code;
	} errors[] = {
		{ S("d DONE 1"), ERR_SYNTAX },
		{ S("d DONE 1 0 x y"), ERR_SYNTAX },
		{ S("d DONE -1 0"), ERR_INVALID },
		{ S("d DONE 18446744073709551616 0"), ERR_INVALID },
		{ S("d DONE 1 1000"), ERR_INVALID },
		{ S("d DONE 1 -1"), ERR_INVALID },
		{ S("d AGENT GET x"), ERR_INVALID },
		{ S("d AGENT STOP 1 NOW"), ERR_INVALID },
		{ S("d AGENT ATTACH \"a b\""), ERR_INVALID },
	};
	struct parsed p;

	(void)state;
	parse(&p, S("d DONE 18446744073709551615 999 \"a b\""));
	assert_int_equal(p.result, 0);
	assert_true(p.r.u.done.execution_id == UINT64_MAX);
	assert_int_equal(p.r.u.done.exit, 999);
	assert_true(slice_eq(p.r.u.done.output, S("a b")));
	finish(&p);
	parse(&p, S("d done 1 0"));
	assert_int_equal(p.result, 0);
	assert_int_equal(p.r.u.done.output.len, 0);
	finish(&p);
	parse(&p, S("d AGENT STOP 7 force"));
	assert_int_equal(p.result, 0);
	assert_int_equal(p.r.u.agent.session_id, 7);
	assert_true(p.r.u.agent.force);
	finish(&p);
	parse(&p, S("d AGENT GET 7"));
	assert_int_equal(p.result, 0);
	assert_false(p.r.u.agent.force);
	finish(&p);
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		parse(&p, errors[i].line);
		assert_int_equal(p.result, -1);
		assert_int_equal(p.e.code, errors[i].code);
		finish(&p);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status_words),
		cmocka_unit_test(test_blank_lines),
		cmocka_unit_test(test_begin),
		cmocka_unit_test(test_begin_refuses),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_args_refused),
		cmocka_unit_test(test_payload_limit),
		cmocka_unit_test(test_identifier_limit),
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_names_and_texts),
		cmocka_unit_test(test_health_history),
		cmocka_unit_test(test_alerts),
		cmocka_unit_test(test_sessions),
		cmocka_unit_test(test_rule_set),
		cmocka_unit_test(test_http),
		cmocka_unit_test(test_id_of_head),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
