/*
 * The wall clock of a server is set by hours, forward and back, while things
 * run: no figure that is measured follows it, in any section of HEALTH, and
 * what says when says it by the clock as it is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "daemon.h"
#include "metric.h"
#include "step_clock.h"
#include "token.h"
#include "wire.h"

#define S INT64_C(1000000000)
#define HOUR (3600 * S)
#define NONE METRIC_SECTION_COUNT
#define BREAKER_OPEN_S 600
/* What looking at two clocks, one after the other, may take. */
#define SLACK_NS S

static const int64_t steps[] = { HOUR, -HOUR, 2 * HOUR, -2 * HOUR, -HOUR, HOUR,
	-2 * HOUR, 2 * HOUR };

#define N_STEPS (sizeof(steps) / sizeof(steps[0]))

/* What is asked, and the sections of the reply. */
static const struct asked {
	const char *request;
	enum metric_section pairs, rows;
} asked[] = {
	{ "1 STAT", METRIC_SECTION_STAT, NONE },
	{ "1 HEALTH SYSTEM", METRIC_SECTION_SYSTEM, NONE },
	{ "1 HEALTH SCHEDULER", METRIC_SECTION_SCHEDULER, NONE },
	{ "1 HEALTH STORAGE", METRIC_SECTION_STORAGE, NONE },
	{ "1 HEALTH PROTOCOL", METRIC_SECTION_PROTOCOL,
	    METRIC_SECTION_COMMAND },
	{ "1 HEALTH BACKGROUND", NONE, METRIC_SECTION_BACKGROUND },
	{ "1 HEALTH AGENTS", NONE, METRIC_SECTION_AGENTS },
	{ "1 HEALTH AGENT r.run", METRIC_SECTION_AGENT, NONE },
	{ "1 HEALTH INTEGRATIONS", NONE, METRIC_SECTION_INTEGRATIONS },
	{ "1 HEALTH INTEGRATION self", METRIC_SECTION_INTEGRATION, NONE },
	{ "1 HEALTH SESSIONS", METRIC_SECTION_SESSIONS, NONE },
	{ "1 HEALTH SANDBOX", METRIC_SECTION_SANDBOX,
	    METRIC_SECTION_SANDBOX_KIND },
	{ "1 HEALTH BREAKERS", METRIC_SECTION_BREAKERS, NONE },
	{ "1 BREAKER LIST", NONE, METRIC_SECTION_BREAKER },
	{ "1 BREAKER GET rule:r.bad", METRIC_SECTION_BREAKER, NONE },
	{ "1 HEALTH ALERTS", METRIC_SECTION_ALERTS, NONE },
	{ "1 ALERT LIST ALL", NONE, METRIC_SECTION_ALERT },
	{ "1 HEALTH HISTORY agent r.run STEP hour", NONE,
	    METRIC_SECTION_HISTORY },
	{ "1 HEALTH HISTORY system - STEP hour", NONE,
	    METRIC_SECTION_HISTORY_SYSTEM },
};

/* Times that lie ahead, by how much at most; they follow the clock. */
static const struct ahead {
	enum metric_id id;
	int64_t most_ns;
} aheads[] = {
	{ METRIC_SCHEDULER_next_due_ns, 65 * S },
	{ METRIC_BACKGROUND_next_ns, HOUR },
	{ METRIC_BREAKER_retry_ns, BREAKER_OPEN_S *S },
	{ METRIC_BREAKER_opened_ns, 0 },
};

static struct {
	int64_t start_ns;	      /* by the test's monotonic clock */
	int64_t low_ns, high_ns;      /* the wall clock's, ever */
	double counter[METRIC_COUNT]; /* of pairs */
	bool seen[METRIC_COUNT];
} now;

static int64_t
mono_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * S + t.tv_nsec;
}

static int64_t
elapsed_ns(void)
{
	return mono_ns() - now.start_ns + SLACK_NS;
}

static void
note_wall(void)
{
	int64_t ns = step_clock_wall_ns();

	if (now.low_ns == 0 || ns < now.low_ns)
		now.low_ns = ns;
	if (ns > now.high_ns)
		now.high_ns = ns;
}

static void
set_by(int64_t ns)
{
	note_wall();
	step_clock_by(ns);
	note_wall();
}

static void
expect_between(const struct metric *m, double v, double low, double high)
{
	if (v < low || v > high)
		fail_msg("%s %s is %.0f, not from %.0f to %.0f",
		    metric_sections[m->section].reply, m->name, v, low, high);
}

static void
check_time(int id, const struct metric *m, int64_t ns)
{
	int64_t wall_ns = step_clock_wall_ns(), low_ns = wall_ns;

	if (ns == 0)
		return;
	for (size_t i = 0; i < sizeof(aheads) / sizeof(aheads[0]); i++) {
		if ((int)aheads[i].id != id)
			continue;
		/* What the clock has just jumped over is due, and may be the
		 * next for a moment. */
		if (aheads[i].id == METRIC_SCHEDULER_next_due_ns)
			low_ns = now.low_ns;
		expect_between(m, (double)ns, (double)(low_ns - elapsed_ns()),
		    (double)(wall_ns + aheads[i].most_ns + SLACK_NS));
		return;
	}
	note_wall();
	/* Buckets begin at a whole day or hour, or at the start. */
	expect_between(m, (double)ns, (double)(now.low_ns - 24 * HOUR),
	    (double)(now.high_ns + SLACK_NS));
}

static bool
ends_in(const char *name, const char *end)
{
	size_t n = strlen(name), k = strlen(end);

	return n >= k && strcmp(name + n - k, end) == 0;
}

/* A figure is measured in the unit of its name. */
static void
check(int id, struct slice word, bool alone)
{
	const struct metric *m = &metrics[id];
	double most = (double)elapsed_ns(), v;
	char text[64];

	now.seen[id] = true;
	if (m->kind == METRIC_WORD || slice_eq(word, slice_str("-")))
		return;
	assert_in_range(word.len, 1, sizeof(text) - 1);
	memcpy(text, word.ptr, word.len);
	text[word.len] = '\0';
	if (m->kind == METRIC_TIME) {
		check_time(id, m, strtoll(text, NULL, 10));
		return;
	}
	v = strtod(text, NULL);
	expect_between(m, v, 0, 1e15);
	if (m->kind == METRIC_SPAN)
		expect_between(m, v, 0, most);
	else if (m->kind == METRIC_MS)
		expect_between(m, v, 0, most / 1e6);
	else if (strstr(m->name, "_us_") != NULL)
		expect_between(m, v, 0, most / 1e3);
	else if (ends_in(m->name, "_per_minute") ||
	    ends_in(m->name, "_per_second"))
		expect_between(m, v, 0, 1e6);
	if (m->kind == METRIC_COUNTER && alone) {
		expect_between(m, v, now.counter[id], 1e15);
		now.counter[id] = v;
	}
}

/* The metric of a section at a place, or of a name; METRIC_COUNT: none. */
static int
metric_of(enum metric_section section, size_t place, struct slice name)
{
	int id = 0;

	for (; id < METRIC_COUNT; id++) {
		if (metrics[id].section != section)
			continue;
		if (name.ptr == NULL
			? place-- == 0
			: slice_eq(name, slice_str(metrics[id].name)))
			break;
	}
	return id;
}

static void
check_row(const struct asked *a, const struct tokens *t)
{
	const struct slice any = { 0 };
	int id = METRIC_COUNT;

	if (a->pairs != NONE && t->n == 3)
		id = metric_of(a->pairs, 0, t->word[1]);
	if (id != METRIC_COUNT) {
		check(id, t->word[2], true);
		return;
	}
	assert_int_not_equal(a->rows, NONE);
	for (size_t i = 1; i < t->n; i++) {
		id = metric_of(a->rows, i - 1, any);
		assert_int_not_equal(id, METRIC_COUNT);
		check(id, t->word[i], false);
	}
}

static void
check_all(struct wire *w)
{
	struct tokens t = { 0 };
	struct err e;

	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		char *reply = wire_reply(w, asked[i].request), *rest = NULL;
		char *line = strtok_r(reply, "\n", &rest);

		for (; line != NULL; line = strtok_r(NULL, "\n", &rest)) {
			if (strncmp(line, "1 ERROR", 7) == 0)
				fail_msg("%s: %s", asked[i].request, line);
			if (strncmp(line, "1 OK", 4) == 0)
				break;
			assert_int_equal(
			    token_split(line, strlen(line), &t, &e), 0);
			check_row(&asked[i], &t);
		}
		free(reply);
	}
	token_fini(&t);
}

/* The number at *at, which then stands behind it. */
static int64_t
take_number(char **at)
{
	char *begin = *at;
	int64_t v = strtoll(begin, at, 10);

	assert_ptr_not_equal(*at, begin);
	return v;
}

/* What HISTORY and INFO say of the last run of a job, in ns. */
static void
expect_duration(struct wire *w, const char *job, int64_t low_ns,
    int64_t high_ns)
{
	char request[64];
	int64_t started_ns, ended_ns;
	char *reply, *at;
	double ms;

	(void)snprintf(request, sizeof(request), "1 HISTORY %s LIMIT 1", job);
	reply = wire_reply(w, request);
	assert_int_equal(strncmp(reply, "1 ", 2), 0);
	at = reply + 2;
	(void)take_number(&at); /* the execution's */
	started_ns = take_number(&at);
	ended_ns = take_number(&at);
	assert_int_equal(strncmp(at, " success ", 9), 0);
	free(reply);
	if (ended_ns - started_ns < low_ns || ended_ns - started_ns > high_ns)
		fail_msg("%s took %lld ns, not %lld to %lld", job,
		    (long long)(ended_ns - started_ns), (long long)low_ns,
		    (long long)high_ns);
	(void)snprintf(request, sizeof(request), "1 INFO %s", job);
	ms = strtod(wire_row(w, request, "last_duration_ms"), NULL);
	if (ms < (double)low_ns / 1e6 - 1 || ms > (double)high_ns / 1e6 + 1)
		fail_msg("%s: last_duration_ms %.2f", job, ms);
}

static void
feed(const struct daemon *d)
{
	FILE *f = fopen(daemon_path(d, "fifo"), "w");

	assert_non_null(f);
	(void)fputs("\n", f);
	assert_int_equal(fclose(f), 0);
}

/* A child and a session's execution run while the clock is set. */
static void
step(struct wire *w, struct wire *worker, const struct daemon *d, size_t i)
{
	int64_t set_ns = mono_ns(), began_ns, ending_ns;
	char request[64], job[16];
	const char *line;
	long long id;

	(void)snprintf(job, sizeof(job), "run.%zu", i);
	(void)snprintf(request, sizeof(request), "1 SET %s now", job);
	wire_ask(w, request, "1 OK");
	wire_ask(w, "1 SET work now", "1 OK");
	line = wire_line(worker);
	if (strncmp(line, "w RUN ", 6) != 0)
		fail_msg("%s", line);
	id = strtoll(line + 6, NULL, 10);
	daemon_wait_lines(d, "began", i + 1);
	began_ns = mono_ns();
	set_by(steps[i]);
	check_all(w);
	ending_ns = mono_ns();
	feed(d);
	wire_sendf(worker, "w DONE %lld 0\n", id);
	wire_expect(worker, "w OK");
	(void)snprintf(request, sizeof(request), "1 GET %s", job);
	wire_until(w, request, "1 OK executed ");
	expect_duration(w, job, ending_ns - began_ns, mono_ns() - set_ns);
	expect_duration(w, "work", ending_ns - began_ns, mono_ns() - set_ns);
	check_all(w);
}

static void
set_up(struct wire *w, const struct daemon *d)
{
	char request[256];

	wire_shell_rule(w, d, "r.run", "run",
	    "test -p fifo || mkfifo fifo; echo >> began; read x < fifo");
	wire_ask(w, "1 RULE SET r.work work agent", "1 OK");
	wire_ask(w, "1 RULE SET r.bad bad shell false", "1 OK");
	(void)snprintf(request, sizeof(request),
	    "1 RULE OPTIONS r.bad breaker_consecutive=1 breaker_open=%d "
	    "breaker_open_max=%d",
	    BREAKER_OPEN_S, BREAKER_OPEN_S);
	wire_ask(w, request, "1 OK");
	wire_ask(w, "1 RULE SET r.often often shell true", "1 OK");
	wire_ask(w, "1 SET often now EVERY 1", "1 OK");
	wire_ask(w, "1 SET bad now", "1 OK");
	wire_until(w, "1 GET bad", "1 OK failed ");
	(void)snprintf(request, sizeof(request),
	    "1 INTEGRATION SET self tcp 127.0.0.1:%d", d->port);
	wire_ask(w, request, "1 OK");
	wire_ask(w, "1 COMPRESS", "1 OK");
	while (strcmp(wire_row(w, "1 HEALTH INTEGRATION self",
			  "connection_status"),
		   "connected") != 0)
		(void)nanosleep(&(struct timespec){ .tv_nsec = 10000000 },
		    NULL);
}

/* Every figure there is has been looked at. */
static void
expect_all_seen(void)
{
	for (int id = 0; id < METRIC_COUNT; id++)
		if (!now.seen[id] &&
		    metrics[id].section != METRIC_SECTION_ALERT)
			fail_msg("%s %s has not been seen",
			    metric_sections[metrics[id].section].reply,
			    metrics[id].name);
}

static void
test_every_figure(void **state)
{
	struct daemon *d = *state;
	struct wire w, worker;

	now.start_ns = mono_ns();
	daemon_set(d, "health.polling_interval=1");
	wire_start(&w, d);
	set_up(&w, d);
	wire_open(&worker, d->port);
	wire_ask(&worker, "w AGENT ATTACH r.work", "w OK 1");
	check_all(&w);
	for (size_t i = 0; i < N_STEPS; i++)
		step(&w, &worker, d, i);
	wire_close(&worker);
	while (wire_row_u64(&w, "1 HEALTH SESSIONS",
		   "lifespan_seconds_le_inf") == 0)
		;
	assert_int_equal(
	    wire_row_u64(&w, "1 HEALTH SESSIONS", "lifespan_seconds_le_1500"),
	    1);
	check_all(&w);
	expect_all_seen();
	wire_stop(&w, d);
}

/* A job by intervals goes on, and its breaker waits as long as it should. */
static void
test_plans_go_on(void **state)
{
	struct daemon *d = *state;
	size_t lines = 0;
	struct wire w;

	now.start_ns = mono_ns();
	wire_start(&w, d);
	wire_shell_rule(&w, d, "r", "j", "echo >> ran");
	wire_ask(&w, "1 SET j now EVERY 500ms", "1 OK");
	for (size_t i = 0; i < 4; i++) {
		daemon_wait_lines(d, "ran", lines += 2);
		set_by(steps[i]);
	}
	daemon_wait_lines(d, "ran", lines + 2);
	wire_stop(&w, d);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		DAEMON_TEST(test_every_figure),
		DAEMON_TEST(test_plans_go_on),
	};

	if (step_clock_is_server())
		return step_clock_serve(argc, argv);
	step_clock_use();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
