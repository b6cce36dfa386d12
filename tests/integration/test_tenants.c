/*
 * Two tenants on one server, who must not learn of each other: whatever one
 * asks, by every command and every topic, is answered as by a server on which
 * the other does not exist, but for numbers and times. See tenants.h.
 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "buf.h"
#include "command.h"
#include "tenants.h"

static const char *const world_word[] = { "alone", "shared", "narrowed" };

/* ---- What is the same ---- */

/* Which words of a row differ from server to server. */
struct mask {
	const char *columns; /* of each row, 1 is that behind the id: "1,7" */
	bool numbers;	     /* all of them, but in rows with these keys */
	const char *but;
};

static bool
is_in(const char *list, const char *word, size_t n)
{
	for (const char *p = list; p != NULL && *p != '\0';
	     p += strcspn(p, ","), p += *p == ',')
		if (strcspn(p, ",") == n && memcmp(p, word, n) == 0)
			return true;
	return false;
}

static bool
is_number(const char *word, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isdigit((unsigned char)word[i]) && word[i] != '.')
			return false;
	return n > 0;
}

/* Whether the value of a key is how long something took, or when. */
static bool
is_timing(const char *key, size_t n)
{
	return (n > 3 && memcmp(key + n - 3, "_ms", 3) == 0) ||
	    is_in("session_id,address,execution_time_ms_p50,"
		  "execution_time_ms_p95,execution_time_ms_p99",
		key, n);
}

static void
put_line(struct buf *out, const char *line, const struct mask *mask)
{
	const char *word = line, *key = "";
	size_t column = 0, key_len = 0;
	char number[24];

	while (*word != '\0') {
		size_t n = strcspn(word, " ");
		bool hidden = false;

		if (column == 1) {
			key = word;
			key_len = n;
		}
		(void)snprintf(number, sizeof(number), "%zu", column);
		if (is_number(word, n))
			hidden = n >= 16 || is_timing(key, key_len) ||
			    (mask->numbers && !is_in(mask->but, key, key_len));
		hidden |=
		    column > 0 && is_in(mask->columns, number, strlen(number));
		hidden |= column == 2 && is_timing(key, key_len);
		if (column > 0)
			buf_add_byte(out, ' ');
		if (hidden)
			buf_add_byte(out, '#');
		else
			buf_add(out, word, n);
		word += n;
		word += *word == ' ';
		column++;
	}
	buf_add_byte(out, '\n');
}

/* A reply, or some lines, as it is the same on all servers. Owned by the
 * caller. */
static char *
normal(const char *reply, const struct mask *mask)
{
	struct buf out = { 0 };
	char line[4096];

	while (*reply != '\0') {
		size_t n = strcspn(reply, "\n");

		assert_true(n < sizeof(line));
		memcpy(line, reply, n);
		line[n] = '\0';
		put_line(&out, line, mask);
		reply += n + 1;
	}
	buf_add_byte(&out, '\0');
	assert_false(out.failed);
	return out.ptr;
}

/* ---- Every command ---- */

#define REQUESTS_MAX 12

/* %s, %S: a's session and one that is b's or no one's; %a, %A: alerts; ^ the
 * peer's port. */
struct one_case {
	const char *requests[REQUESTS_MAX];
	struct mask mask;
};

static const struct one_case cases[CMD_COUNT] = {
	[CMD_AUTH] = { { "AUTH reader", "AUTH b", "AUTH nobody" } },
	[CMD_PING] = { { "PING" } },
	[CMD_HELLO] = { { "HELLO" } },
	[CMD_HELP] = { { "HELP", "HELP SET" } },
	[CMD_WHOAMI] = { { "WHOAMI" } },
	[CMD_QUIT] = { { NULL } }, /* see test_quit */
	[CMD_SET] = { { ("SET a.new " T_2100), "SET b.run now",
	    "SET b.none now NX", "SET b.run now XX", "SET a.new now NX" } },
	[CMD_GET] = { { "GET a.later", "GET a.none", "GET b.run",
	    "GET b.none" } },
	[CMD_INFO] = { { "INFO a.later", "INFO a.run", "INFO a.held.1",
			   "INFO b.run", "INFO b.none" },
	    { .columns = NULL } },
	[CMD_QUERY] = { { "QUERY", "QUERY a.", "QUERY b.", "QUERY \"\" AFTER b",
	    "QUERY \"\" STATUS failed", "QUERY \"\" LIMIT 1000" } },
	[CMD_REMOVE] = { { "REMOVE a.new", "REMOVE b.later",
	    "REMOVE b.none" } },
	[CMD_RUN] = { { "RUN b.later", "RUN b.none", "RUN a.none",
	    "RUN a.held.1" } },
	[CMD_CANCEL] = { { "CANCEL b.held.1", "CANCEL b.none", "CANCEL a.none",
	    "CANCEL a.held.2" } },
	[CMD_EXECUTIONS] = { { "EXECUTIONS", "EXECUTIONS a.", "EXECUTIONS b." },
	    { .columns = "1" } },
	[CMD_HISTORY] = { { "HISTORY a.run", "HISTORY a.bad", "HISTORY b.bad",
			      "HISTORY b.none" },
	    { .columns = "1" } },
	[CMD_OUTPUT] = { { "OUTPUT a.run", "OUTPUT b.run", "OUTPUT b.none",
	    "OUTPUT a.run 999999" } },
	[CMD_RULE_SET] = { { "RULE SET a.tmp2 a.tmp2 shell true",
	    "RULE SET b.tmp b.tmp shell true", "RULE SET b.none b. shell true",
	    "RULE SET a.tmp2 b. shell true" } },
	[CMD_RULE_GET] = { { "RULE GET a.web", "RULE GET b.web",
	    "RULE GET b.none", "RULE GET a.none" } },
	[CMD_RULE_OPTIONS] = { { "RULE OPTIONS a.web", "RULE OPTIONS b.web",
	    "RULE OPTIONS b.none", "RULE OPTIONS b.web retries=1",
	    "RULE OPTIONS a.tmp2 retries=1" } },
	[CMD_RULE_ENVIRONMENT] = { { "RULE ENVIRONMENT a.run",
	    "RULE ENVIRONMENT b.run", "RULE ENVIRONMENT b.none",
	    "RULE ENVIRONMENT a.none" } },
	[CMD_RULE_PAUSE] = { { "RULE PAUSE b.web", "RULE PAUSE b.none",
	    "RULE PAUSE a.tmp2" } },
	[CMD_RULE_RESUME] = { { "RULE RESUME b.web", "RULE RESUME b.none",
	    "RULE RESUME a.tmp2" } },
	[CMD_REMOVERULE] = { { "REMOVERULE b.web", "REMOVERULE b.none",
	    "REMOVERULE a.tmp2" } },
	[CMD_LISTRULES] = { { "LISTRULES", "LISTRULES a.", "LISTRULES b." } },
	[CMD_AGENT_ATTACH] = { { "AGENT ATTACH b.work", "AGENT ATTACH b.none",
	    "AGENT ATTACH a.none", "AGENT ATTACH a.run" } },
	[CMD_AGENT_LIST] = { { "AGENT LIST" }, { .columns = "1,7" } },
	[CMD_AGENT_GET] = { { "AGENT GET %s", "AGENT GET %S" },
	    { .columns = NULL } },
	[CMD_AGENT_STOP] = { { "AGENT STOP %s", "AGENT STOP %S" } },
	[CMD_AGENT_CLEANUP] = { { "AGENT CLEANUP" } },
	[CMD_DONE] = { { "DONE 1 0", "DONE 99999 0" } },
	[CMD_STAT] = { { "STAT" }, { .numbers = true } },
	[CMD_HEALTH] = { { "HEALTH" } },
	[CMD_HEALTH_SYSTEM] = { { "HEALTH SYSTEM" },
	    { .numbers = true,
		.but = "total_agents,active_agents,total_integrations,"
		       "healthy_integrations,alerts_critical,alerts_warning,"
		       "alerts_info" } },
	/* Of the server as a whole. */
	[CMD_HEALTH_SCHEDULER] = { { "HEALTH SCHEDULER" },
	    { .numbers = true } },
	[CMD_HEALTH_STORAGE] = { { "HEALTH STORAGE" }, { .numbers = true } },
	[CMD_HEALTH_PROTOCOL] = { { "HEALTH PROTOCOL" },
	    { .columns = "3,4,5,6", .numbers = true } },
	[CMD_HEALTH_BACKGROUND] = { { "HEALTH BACKGROUND" },
	    { .columns = "2", .numbers = true } },
	[CMD_HEALTH_SESSIONS] = { { "HEALTH SESSIONS" }, { .numbers = true } },
	[CMD_HEALTH_SANDBOX] = { { "HEALTH SANDBOX" }, { .numbers = true } },
	[CMD_HEALTH_AGENTS] = { { "HEALTH AGENTS" } },
	[CMD_HEALTH_AGENT] = { { "HEALTH AGENT a.bad", "HEALTH AGENT b.bad",
	    "HEALTH AGENT b.none" } },
	[CMD_HEALTH_INTEGRATIONS] = { { "HEALTH INTEGRATIONS" },
	    { .columns = "4" } },
	[CMD_HEALTH_INTEGRATION] = { { "HEALTH INTEGRATION http://127.0.0.1:^",
	    "HEALTH INTEGRATION http://127.0.0.1:1",
	    "HEALTH INTEGRATION http://127.0.0.1:2",
	    "HEALTH INTEGRATION b.probe", "HEALTH INTEGRATION b.none" } },
	[CMD_HEALTH_BREAKERS] = { { "HEALTH BREAKERS" } },
	[CMD_HEALTH_ALERTS] = { { "HEALTH ALERTS" } },
	[CMD_HEALTH_HISTORY] = { { "HEALTH HISTORY agent a.run",
				     "HEALTH HISTORY agent b.run",
				     "HEALTH HISTORY agent b.none",
				     ("HEALTH HISTORY integration "
				      "http://127.0.0.1:^"),
				     ("HEALTH HISTORY integration "
				      "http://127.0.0.1:1"),
				     ("HEALTH HISTORY integration "
				      "http://127.0.0.1:2"),
				     "HEALTH HISTORY integration b.probe",
				     "HEALTH HISTORY integration b.none" },
	    { .columns = "7" } },
	[CMD_INTEGRATION_SET] = { { "INTEGRATION SET a.x tcp h:1",
	    "INTEGRATION SET b.probe tcp h:1" } },
	[CMD_INTEGRATION_REMOVE] = { { "INTEGRATION REMOVE a.x",
	    "INTEGRATION REMOVE b.probe" } },
	[CMD_INTEGRATION_LIST] = { { "INTEGRATION LIST" } },
	[CMD_ALERT_LIST] = { { "ALERT LIST", "ALERT LIST ALL" },
	    { .columns = "1" } },
	[CMD_ALERT_ACK] = { { "ALERT ACK %A", "ALERT ACK %a" } },
	[CMD_ALERT_THRESHOLDS] = { { "ALERT THRESHOLDS" } },
	[CMD_ALERT_SET] = { { "ALERT SET cpu_warning 1" } },
	[CMD_BREAKER_LIST] = { { "BREAKER LIST" } },
	[CMD_BREAKER_GET] = { { "BREAKER GET http://127.0.0.1:^",
	    "BREAKER GET http://127.0.0.1:1", "BREAKER GET http://127.0.0.1:2",
	    "BREAKER GET rule:a.run", "BREAKER GET rule:b.run",
	    "BREAKER GET rule:b.none",
	    "BREAKER GET \"http://127.0.0.1:^\\x00b.\"" } },
	[CMD_BREAKER_OPEN] = { { "BREAKER OPEN rule:a.run",
	    "BREAKER OPEN rule:b.run" } },
	[CMD_BREAKER_RESET] = { { "BREAKER RESET rule:a.run",
	    "BREAKER RESET rule:b.run" } },
	[CMD_WATCH] = { { "WATCH jobs a.none", "WATCH nosuch" } },
	[CMD_UNWATCH] = { { "UNWATCH 1", "UNWATCH 2" } },
	[CMD_COMPRESS] = { { "COMPRESS" } },
	[CMD_BACKUP] = { { "BACKUP /nosuch/b" } },
	[CMD_RELOAD] = { { "RELOAD" } },
	[CMD_SHUTDOWN] = { { "SHUTDOWN", "SHUTDOWN NOW" } },
};

static void
put_request(struct buf *out, const char *form, const struct world *w)
{
	buf_add_str(out, "1 ");
	for (; *form != '\0'; form++) {
		if (*form == '^')
			buf_add_u64(out, (uint64_t)peer.port);
		else if (*form != '%')
			buf_add_byte(out, *form);
		else if (*++form == 's')
			buf_add_u64(out, w->session);
		else if (*form == 'S')
			buf_add_u64(out, w->other_session);
		else if (*form == 'a')
			buf_add_u64(out, w->alert);
		else
			buf_add_u64(out, w->other_alert);
	}
	buf_add_byte(out, '\0');
}

static char *
ask_world(struct world *w, struct wire *wire, const char *form,
    const struct mask *mask)
{
	struct buf request = { 0 };
	char *reply, *same;

	put_request(&request, form, w);
	reply = wire_reply(wire, request.ptr);
	same = normal(reply, mask);
	/* What is refused tells which number was asked for. */
	if (strstr(reply, " ERROR ") != NULL && strchr(form, '%') != NULL) {
		free(same);
		same = normal(reply, &(struct mask){ .numbers = true });
		same[strcspn(same, "\"")] = '\0';
	}
	buf_free(&request);
	free(reply);
	return same;
}

/* The replies, or events, of all servers are the same. */
static void
compare(const char *what, char *text[N_WORLDS])
{
	const char *a = text[0] == NULL ? "" : text[0];

	for (int k = 1; k < N_WORLDS; k++) {
		const char *b = text[k] == NULL ? "" : text[k];
		size_t same = 0;

		if (strcmp(a, b) == 0)
			continue;
		while (a[same] == b[same])
			same++;
		while (same > 0 && a[same - 1] != '\n')
			same--;
		fail_msg("%s, %s:\n%.400s\n%s:\n%.400s", what, world_word[0],
		    a + same, world_word[k], b + same);
	}
	for (int k = 0; k < N_WORLDS; k++)
		free(text[k]);
}

static void
run_case(const struct one_case *c, bool reader)
{
	for (int i = 0; c->requests[i] != NULL; i++) {
		char *reply[N_WORLDS] = { NULL };

		for (int k = 0; k < N_WORLDS; k++) {
			struct world *w = &worlds[k];

			reply[k] =
			    ask_world(w, reader ? &w->reader : &w->operator,
				c->requests[i], &c->mask);
		}
		compare(c->requests[i], reply);
	}
}

/* A command without a case fails. */
static void
test_every_command(void **state)
{
	(void)state;
	for (int reader = 1; reader >= 0; reader--)
		for (int i = 0; i < CMD_COUNT; i++) {
			const char *first = cases[i].requests[0];
			size_t n = strlen(commands[i].words);

			if (i == CMD_QUIT)
				continue;
			if (first == NULL ||
			    strncmp(first, commands[i].words, n) != 0)
				fail_msg("%s has no case", commands[i].words);
			run_case(&cases[i], reader);
		}
}

static void
test_quit(void **state)
{
	(void)state;
	for (int k = 0; k < N_WORLDS; k++) {
		wire_ask(&worlds[k].operator, "1 QUIT", "1 OK");
		wire_expect_end(&worlds[k].operator);
	}
}

/* What b's failures do to b, they do not to a. */
static void
test_failures_hold_nobody_else(void **state)
{
	struct world *w = &worlds[SHARED];
	char row[64], *reply;

	(void)state;
	(void)snprintf(row, sizeof(row), "1 http://127.0.0.1:%d ", peer.port);
	reply = wire_reply(&w->root, "1 BREAKER LIST");
	assert_non_null(strstr(reply, row));
	assert_memory_equal(strstr(reply, row) + strlen(row), "closed 0 ", 9);
	assert_non_null(strstr(strstr(reply, row) + 1, row));
	assert_memory_equal(strstr(strstr(reply, row) + 1, row) + strlen(row),
	    "open 1 ", 7);
	free(reply);
	wire_ask(&w->root, "1 SET b.web now", "1 OK");
	while (
	    strcmp(wire_row(&w->root, "1 INFO b.web", "hold"), "breaker") != 0)
		;
	for (int k = 0; k < N_WORLDS; k++) {
		wire_ask(&worlds[k].operator, "1 SET a.web now", "1 OK");
		wire_until(&worlds[k].operator, "1 GET a.web", "1 OK executed");
	}
	(void)snprintf(row, sizeof(row), "1 BREAKER GET http://127.0.0.1:%d",
	    peer.port);
	assert_string_equal(wire_row(&w->operator, row, "state"), "closed");
	assert_string_equal(wire_row(&w->root, row, "state"), "open");
}

/* ---- Every topic ---- */

/* What happens to b and to a, and how the last event of a's ends. */
struct topic_case {
	const char *of_b[REQUESTS_MAX], *of_a[REQUESTS_MAX];
	const char *last;
	struct mask mask;
};

static const struct topic_case topics[WATCH_TOPIC_COUNT] = {
	[WATCH_JOBS] = { { ("SET b.w " T_2100), "REMOVE b.w" },
	    { ("SET a.w " T_2100), "REMOVE a.w" }, " a.w removed 0",
	    { .columns = NULL } },
	[WATCH_EXECUTIONS] = { { "SET b.run now" }, { "SET a.run now" },
	    " a.run a.run success 1 0", { .columns = "4" } },
	[WATCH_ALERTS] = { { "ALERT ACK %A" }, { "ALERT ACK %a" }, "over 0.5\"",
	    { .columns = "5" } },
	[WATCH_BREAKERS] = { { "BREAKER OPEN http://127.0.0.1:1",
				 "BREAKER OPEN rule:b.run" },
	    { "BREAKER OPEN http://127.0.0.1:^",
		"BREAKER RESET http://127.0.0.1:^", "BREAKER OPEN rule:a.run",
		"BREAKER RESET rule:a.run" },
	    " rule:a.run closed", { .columns = NULL } },
	[WATCH_HEALTH] = { { NULL }, { NULL }, NULL, { .columns = "8" } },
};

static void
play(struct world *w, const char *const *forms)
{
	for (; *forms != NULL; forms++) {
		struct buf request = { 0 };

		put_request(&request, *forms, w);
		wire_ask(&w->root, request.ptr, "1 OK");
		buf_free(&request);
	}
}

/* The events up to the one that ends so. */
static char *
until_last(struct world *w, int topic)
{
	const struct topic_case *c = &topics[topic];
	struct buf lines = { 0 };
	const char *line;
	char *same;

	do {
		line = wire_line(&w->watcher[topic]);
		buf_add_str(&lines, line);
		buf_add_byte(&lines, '\n');
	} while (strlen(line) < strlen(c->last) ||
	    strcmp(line + strlen(line) - strlen(c->last), c->last) != 0);
	buf_add_byte(&lines, '\0');
	same = normal(lines.ptr, &c->mask);
	buf_free(&lines);
	return same;
}

/* The events of one poll that began after a time. */
static char *
one_poll(struct world *w, uint64_t after_ns)
{
	struct wire *wire = &w->watcher[WATCH_HEALTH];
	struct buf lines = { 0 };
	const char *line;
	bool begun = false;
	char *same;

	for (;;) {
		bool first;

		line = wire_line(wire);
		first = strstr(line, " system ") != NULL;
		if (first && begun)
			break;
		if (first &&
		    strtoull(line + strlen("1 EVENT health "), NULL, 10) >
			after_ns)
			begun = true;
		if (!begun)
			continue;
		buf_add_str(&lines, line);
		buf_add_byte(&lines, '\n');
	}
	buf_add_byte(&lines, '\0');
	same = normal(lines.ptr, &topics[WATCH_HEALTH].mask);
	buf_free(&lines);
	return same;
}

static void
test_every_topic(void **state)
{
	struct timespec now;

	(void)state;
	for (int i = 0; i < WATCH_TOPIC_COUNT; i++) {
		char *events[N_WORLDS] = { NULL };

		(void)clock_gettime(CLOCK_REALTIME, &now);
		for (int k = 0; k < N_WORLDS; k++) {
			struct world *w = &worlds[k];

			if (world_has_b(w))
				play(w, topics[i].of_b);
			if (world_has_b(w) && i == WATCH_EXECUTIONS)
				wire_until(&w->root, "1 GET b.run",
				    "1 OK executed");
			play(w, topics[i].of_a);
			if (i == WATCH_HEALTH)
				events[k] = one_poll(w,
				    (uint64_t)now.tv_sec * 1000000000u +
					(uint64_t)now.tv_nsec);
			else if (topics[i].last != NULL)
				events[k] = until_last(w, i);
			else
				fail_msg("topic %d has no case", i);
		}
		compare(watch_topic_word((enum watch_topic)i), events);
	}
}

/* b's token goes: what is left of b lies in no namespace, and a is told nothing
 * of it. */
static void
test_a_namespace_goes(void **state)
{
	struct world *w = &worlds[SHARED];
	char health[64], row[64], *before, *after;

	(void)state;
	(void)snprintf(health, sizeof(health),
	    "1 HEALTH INTEGRATION http://127.0.0.1:%d", peer.port);
	before = wire_reply(&w->reader, health);
	wire_ask(&w->root, "1 SET b.web now", "1 OK");
	while (
	    strcmp(wire_row(&w->root, "1 INFO b.web", "hold"), "breaker") != 0)
		;
	w->kind = ALONE;
	world_tokens(w, "a.");
	wire_ask(&w->root, "1 RELOAD", "1 OK");
	wire_expect_end(&w->workers[1]);
	/* The job that was held goes to a breaker that knows of no failure. */
	wire_until(&w->root, "1 GET b.web", "1 OK failed");
	(void)snprintf(row, sizeof(row), "1 http://127.0.0.1:%d open 1 1 ",
	    peer.port);
	until_row(&w->root, "1 BREAKER LIST", row);
	after = wire_reply(&w->reader, health);
	assert_string_equal(after, before);
	free(after);
	free(before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failures_hold_nobody_else),
		cmocka_unit_test(test_every_topic),
		cmocka_unit_test(test_every_command),
		cmocka_unit_test(test_a_namespace_goes),
		cmocka_unit_test(test_quit),
	};

	return cmocka_run_group_tests(tests, tenants_setup, tenants_teardown);
}
