/* Breakers in the scheduler: what they hold, and how that goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "breakers.h"
#include "history.h"
#include "prng.h"
#include "sched_internal.h"
#include "sched_rig.h"
#include "tstamp.h"

#define T0 (1000000 * NS_PER_S)
#define S NS_PER_S
#define A_WEB "http://a.example:80"

static struct rig rig;

static int
teardown(void **state)
{
	(void)state;
	rig_end(&rig);
	return 0;
}

static void
rule(const char *id, const char *pattern, const char *line)
{
	box_rule(&rig.box, id, pattern, line);
	rig_settle(&rig);
}

static void
begin(unsigned max_inflight)
{
	rig_begin(&rig, "log", max_inflight, T0);
}

static void
set(const char *job, int64_t due_ns)
{
	box_set(&rig.box, job, due_ns);
	rig_settle(&rig);
}

static void
expect_breaker(const char *name, const char *state)
{
	const char *word = breakers_state_word(rig.sched, slice_str(name));

	assert_string_equal(word == NULL ? "-" : word, state);
}

static void
expect_held(size_t n)
{
	struct breaker_counts counts;
	struct breaker_row row;
	char last[256] = "";

	breakers_count(rig.sched, &counts);
	assert_int_equal(counts.held, n);
	/* The counts are those of the list. */
	while (breakers_after(rig.sched, slice_str(last), &row)) {
		assert_true(strcmp(last, row.name) < 0);
		(void)snprintf(last, sizeof(last), "%s", row.name);
		counts.state[row.state]--;
	}
	for (int i = 0; i < BREAKER_STATE_COUNT; i++)
		assert_int_equal(counts.state[i], 0);
}

static void
expect_hold(const char *job, const char *hold)
{
	assert_string_equal(rig_hold(&rig, job), hold);
}

static void
reset(const char *name)
{
	assert_int_equal(
	    breakers_reset(rig.sched, slice_str(name), &rig.box.err), 0);
	rig_settle(&rig);
}

static void
isolate(const char *name)
{
	assert_int_equal(
	    breakers_isolate(rig.sched, slice_str(name), &rig.box.err), 0);
	rig_settle(&rig);
}

/* Run what is ready, in order, until nothing is: the jobs, as `a b`. */
static void
run_all(const char *jobs)
{
	struct buf text = { 0 };

	while (rig.n_runs > 0) {
		if (text.len > 0)
			buf_add_byte(&text, ' ');
		buf_add_str(&text, rig.run[0]->job);
		rig_finish(&rig, 0, RUN_SUCCESS);
	}
	buf_add_byte(&text, '\0');
	assert_string_equal(text.ptr, jobs);
	buf_free(&text);
}

/* A rule for `a` whose breaker opened at T0, for 30 s: by the job a.0. */
static void
begin_open(const char *options)
{
	char line[256];

	begin(64);
	(void)snprintf(line, sizeof(line),
	    "http POST " A_WEB "/x -- breaker_consecutive=1 %s", options);
	rule("web", "a", line);
	set("a.0", T0);
	rig_at(&rig, T0);
	rig_finish(&rig, 0, RUN_FAILURE);
	expect_breaker(A_WEB, "open");
}

/* Holding, half-open, closing. */

static void
held_while_open_then_one_then_all(void **state)
{
	(void)state;
	begin_open("");
	rule("other", "b", "shell true");
	rig_expect_phase(&rig, "a.0", PHASE_FAILED);
	set("a.2", T0 + 2 * S);
	set("a.1", T0 + S);
	set("a.3", T0 + 3 * S);
	set("b", T0 + S);
	rig_at(&rig, T0 + 5 * S);
	rig_expect(&rig, "b");
	rig_finish(&rig, 0, RUN_SUCCESS);
	expect_hold("a.1", "breaker");
	rig_expect_phase(&rig, "a.1", PHASE_QUEUED);
	rig_expect_stats(&rig, 3, 0);
	expect_held(3);
	assert_int_equal(sched_wake_ns(rig.sched, T0 + 5 * S), T0 + 30 * S);
	rig_at(&rig, T0 + 30 * S - 1);
	rig_expect(&rig, "");

	rig_at(&rig, T0 + 30 * S);
	expect_breaker(A_WEB, "half_open");
	rig_expect(&rig, "a.1");
	expect_hold("a.2", "breaker");
	set("a.4", T0 + 4 * S); /* comes later, and is held behind them */
	rig_at(&rig, T0 + 31 * S);
	rig_expect(&rig, "a.1");
	rig_finish(&rig, 0, RUN_SUCCESS);
	expect_breaker(A_WEB, "closed");
	rig_expect(&rig, "a.2 a.3");
	run_all("a.2 a.3 a.4");
	expect_held(0);
	rig_expect_stats(&rig, 0, 0);
	assert_int_equal(sched_wake_ns(rig.sched, T0 + 31 * S), SCHED_NEVER);
}

static void
a_probe_that_fails_opens_it_again(void **state)
{
	struct breaker_row row;

	(void)state;
	begin_open("");
	set("a.1", T0);
	set("a.2", T0);
	rig_at(&rig, T0 + 40 * S);
	rig_expect(&rig, "a.1");
	rig_finish(&rig, 0, RUN_TIMEOUT);
	expect_breaker(A_WEB, "open");
	rig_expect_phase(&rig, "a.1", PHASE_FAILED);
	rig_expect(&rig, "");
	assert_int_equal(sched_wake_ns(rig.sched, T0 + 40 * S), T0 + 100 * S);
	assert_true(breakers_first(rig.sched, slice_str(A_WEB), &row));
	assert_string_equal(row.last_error, "timeout");
	assert_int_equal(row.opened_ns, T0 + 40 * S);
	assert_int_equal(row.retry_ns, T0 + 100 * S);
	rig_at(&rig, T0 + 100 * S);
	rig_expect(&rig, "a.2");
}

static void
half_open_with_nothing_to_run_waits(void **state)
{
	(void)state;
	begin_open("");
	rig_at(&rig, T0 + 30 * S);
	expect_breaker(A_WEB, "half_open");
	assert_int_equal(sched_wake_ns(rig.sched, T0 + 30 * S), SCHED_NEVER);
	set("a.1", T0 + 900 * S);
	set("a.2", T0 + 900 * S);
	rig_at(&rig, T0 + 900 * S);
	rig_expect(&rig, "a.1");
	rig_finish(&rig, 0, RUN_SUCCESS);
	run_all("a.2");
}

static void
rules_share_the_breaker_of_an_endpoint(void **state)
{
	(void)state;
	begin_open("");
	rule("post", "b", "http POST http://user:pw@A.example/y");
	rule("port", "c", "http POST http://a.example:81/");
	rule("off", "d", "http POST " A_WEB "/ -- breaker=off");
	set("a.1", T0 + 3 * S);
	set("b.1", T0 + 2 * S);
	set("b.2", T0 + 4 * S);
	set("c.1", T0 + 2 * S);
	set("d.1", T0 + 2 * S);
	rig_at(&rig, T0 + 5 * S);
	rig_expect(&rig, "c.1 d.1");
	/* Nor does it count. */
	rig_finish(&rig, 1, RUN_SUCCESS);
	rig_finish(&rig, 0, RUN_FAILURE);
	expect_breaker(A_WEB, "open");
	expect_breaker("http://a.example:81", "closed");
	rig_at(&rig, T0 + 30 * S);
	rig_expect(&rig, "b.1");
	rig_finish(&rig, 0, RUN_SUCCESS);
	run_all("a.1 b.2");
}

static void
each_other_rule_has_its_own(void **state)
{
	(void)state;
	begin(64);
	rule("one", "a", "shell true -- breaker_consecutive=2");
	rule("two", "b", "direct /bin/true -- breaker=off");
	expect_breaker("rule:one", "closed");
	expect_breaker("rule:two", "-");
	for (int i = 0; i < 3; i++) {
		set("a", T0);
		set("b", T0);
		rig_at(&rig, T0);
		while (rig.n_runs > 0)
			rig_finish(&rig, 0, RUN_LOST);
	}
	expect_breaker("rule:one", "open");
	expect_hold("a", "breaker");
	rig_expect_phase(&rig, "b", PHASE_QUEUED); /* lost: runs once more */
}

static void
what_was_cancelled_does_not_count(void **state)
{
	(void)state;
	begin(64);
	rule("r", "a", "shell true -- breaker_consecutive=1");
	set("a", T0);
	rig_at(&rig, T0);
	rig_finish(&rig, 0, RUN_CANCELLED);
	expect_breaker("rule:r", "closed");
	set("a", T0);
	rig_at(&rig, T0);
	rig_finish(&rig, 0, RUN_FAILURE);
	expect_breaker("rule:r", "open");
}

static void
a_retry_is_held_and_keeps_its_attempt(void **state)
{
	(void)state;
	begin(64);
	rule("r", "a",
	    "shell true -- breaker_consecutive=2 retries=2 backoff=10s");
	rig.random = 10 * S;
	set("a", T0);
	rig_at(&rig, T0);
	rig_finish(&rig, 0, RUN_FAILURE);
	rig_at(&rig, T0 + 10 * S);
	rig.random = 4 * S;
	rig_finish(&rig, 0, RUN_FAILURE);
	expect_breaker("rule:r", "open");
	expect_hold("a", "retry");
	rig_at(&rig, T0 + 14 * S);
	expect_hold("a", "breaker");
	rig_at(&rig, T0 + 40 * S);
	rig_expect(&rig, "a");
	assert_int_equal(rig.run[0]->attempt, 3);
	rig_finish(&rig, 0, RUN_SUCCESS);
	rig_expect_phase(&rig, "a", PHASE_EXECUTED);
	expect_breaker("rule:r", "closed");
}

static void
what_is_ready_is_called_back(void **state)
{
	(void)state;
	begin(2);
	rule("r", "a", "shell true -- breaker_consecutive=1");
	for (int i = 0; i < 5; i++) {
		char job[16];

		(void)snprintf(job, sizeof(job), "a.%d", i);
		set(job, T0 + i);
	}
	rig_at(&rig, T0 + S);
	rig_expect(&rig, "a.0 a.1");
	expect_hold("a.4", "-");
	rig_finish(&rig, 0, RUN_FAILURE);
	rig_expect(&rig, "a.1"); /* goes on */
	expect_hold("a.2", "breaker");
	expect_hold("a.4", "breaker");
	expect_held(3);
	rig_finish(&rig, 0, RUN_SUCCESS);
	expect_breaker("rule:r", "open"); /* it began before */
	rig_expect_stats(&rig, 3, 0);
	rig_at(&rig, T0 + 31 * S);
	rig_expect(&rig, "a.2");
	rig_finish(&rig, 0, RUN_SUCCESS);
	run_all("a.3 a.4");
}

/* The same when no seat was free for them to be looked at. */
static void
what_is_ready_without_a_seat_is_called_back(void **state)
{
	(void)state;
	begin(2);
	rule("r", "a", "shell true -- breaker_consecutive=1");
	rule("long", "b", "shell true");
	set("a.0", T0);
	set("b.0", T0 + 1);
	set("b.1", T0 + 2);
	set("a.1", T0 + 3);
	set("a.2", T0 + 4);
	rig_at(&rig, T0 + S);
	rig_expect(&rig, "a.0 b.0");
	rig_finish(&rig, 0, RUN_FAILURE);
	rig_expect(&rig, "b.0 b.1");
	expect_hold("a.1", "breaker");
	rig_at(&rig, T0 + 31 * S);
	expect_breaker("rule:r", "half_open");
	rig_finish_all(&rig);
	rig_expect_stats(&rig, 0, 0);
	expect_breaker("rule:r", "closed");
	rig_expect_phase(&rig, "a.2", PHASE_EXECUTED);
}

/* The probe. */

static void
a_probe_that_is_cancelled_or_replaced(void **state)
{
	struct store_waiter w;

	(void)state;
	begin_open("");
	for (int i = 1; i <= 5; i++) {
		char job[16];

		(void)snprintf(job, sizeof(job), "a.%d", i);
		set(job, T0 + i);
	}
	rig_at(&rig, T0 + 30 * S);
	rig_expect(&rig, "a.1");
	rig_finish(&rig, 0, RUN_CANCELLED);
	expect_breaker(A_WEB, "half_open");
	rig_expect(&rig, "a.2");
	/* Its job is another now; its result counts all the same. */
	set("a.2", T0 + 5000 * S);
	rig_expect(&rig, "a.2");
	rig_finish(&rig, 0, RUN_FAILURE);
	expect_breaker(A_WEB, "open");
	rig_at(&rig, T0 + 100 * S);
	rig_expect(&rig, "a.3");
	box_remove(&rig.box, "a.3");
	rig_settle(&rig);
	rig_expect(&rig, "a.3");
	rig_finish(&rig, 0, RUN_SUCCESS);
	expect_breaker(A_WEB, "closed");
	rig_expect(&rig, "a.4 a.5");

	/* Held jobs may go, too. */
	isolate(A_WEB);
	rig_finish_all(&rig);
	set("a.6", T0 + 6);
	set("a.7", T0 + 7);
	rig_at(&rig, T0 + 101 * S);
	expect_held(2);
	box_remove(&rig.box, "a.6");
	rig_settle(&rig);
	w = box_waiter(&rig.box);
	assert_int_equal(sched_cancel(rig.sched, slice_str("a.7"),
			     "cancelled by x", false, &w, &rig.box.err),
	    1);
	rig_settle(&rig);
	expect_held(0);
	rig_expect_phase(&rig, "a.7", PHASE_FAILED);
}

/* It became ready and never started. */
static void
a_probe_that_is_removed_before_it_starts(void **state)
{
	(void)state;
	begin(1);
	rule("r", "a", "shell true -- breaker_consecutive=1");
	rule("long", "b", "shell true");
	set("a.0", T0);
	rig_at(&rig, T0);
	rig_finish(&rig, 0, RUN_FAILURE);
	set("b", T0);
	set("a.1", T0);
	set("a.2", T0 + 1);
	rig_at(&rig, T0 + S);
	rig_expect(&rig, "b"); /* has the only seat */
	rig_at(&rig, T0 + 30 * S);
	rig_expect(&rig, "b");
	expect_held(1);
	box_remove(&rig.box, "a.1");
	rig_settle(&rig);
	expect_held(0);
	box_rule_pause(&rig.box, "r", true);
	rig_settle(&rig);
	rig_finish(&rig, 0, RUN_SUCCESS);
	rig_expect(&rig, "");
	expect_hold("a.2", "paused");
	expect_breaker("rule:r", "half_open");
	box_rule_pause(&rig.box, "r", false);
	rig_settle(&rig);
	run_all("a.2");
	expect_breaker("rule:r", "closed");
}

static void
a_probe_that_never_answers(void **state)
{
	(void)state;
	begin_open("");
	set("a.1", T0);
	set("a.2", T0 + 1);
	set("a.3", T0 + 2);
	rig_at(&rig, T0 + 30 * S);
	rig_expect(&rig, "a.1");
	assert_int_equal(sched_wake_ns(rig.sched, T0 + 30 * S), T0 + 60 * S);
	rig_at(&rig, T0 + 60 * S);
	rig_expect(&rig, "a.1 a.2");
	rig_at(&rig, T0 + 61 * S);
	rig_expect(&rig, "a.1 a.2");
	rig_finish(&rig, 1, RUN_SUCCESS);
	expect_breaker(A_WEB, "closed");
	rig_expect(&rig, "a.1 a.3");
	rig_finish(&rig, 0, RUN_FAILURE); /* long ago */
	expect_breaker(A_WEB, "closed");
}

static void
what_never_ends_keeps_nobody_slow_for_ever(void **state)
{
	(void)state;
	begin_open("");
	for (int i = 1; i < 8; i++) {
		char job[16];

		(void)snprintf(job, sizeof(job), "a.%d", i);
		set(job, T0 + i);
	}
	rig_at(&rig, T0 + 30 * S);
	rig_finish(&rig, 0, RUN_SUCCESS);
	rig_expect(&rig, "a.2 a.3");
	expect_hold("a.4", "breaker");
	rig_at(&rig, T0 + 60 * S);
	rig_expect(&rig, "a.2 a.3 a.4 a.5 a.6 a.7");
}

/* Rules. */

static void
a_paused_rule_keeps_nobody_from_probing(void **state)
{
	(void)state;
	begin_open("");
	rule("post", "b", "http POST " A_WEB "/y");
	set("a.1", T0 + 1);
	set("a.2", T0 + 2);
	set("b.1", T0 + 3);
	rig_at(&rig, T0 + S);
	box_rule_pause(&rig.box, "web", true);
	rig_settle(&rig);
	rig_at(&rig, T0 + 30 * S);
	rig_expect(&rig, "b.1");
	expect_hold("a.1", "paused");
	/* Resumed, they come to the breaker again. */
	box_rule_pause(&rig.box, "web", false);
	rig_settle(&rig);
	rig_expect(&rig, "b.1");
	expect_hold("a.1", "breaker");
	rig_finish(&rig, 0, RUN_SUCCESS);
	run_all("a.1 a.2");
}

static void
concurrency_holds_when_it_closes(void **state)
{
	(void)state;
	begin_open("concurrency=1");
	for (int i = 1; i < 6; i++) {
		char job[16];

		(void)snprintf(job, sizeof(job), "a.%d", i);
		set(job, T0 + i);
	}
	rig_at(&rig, T0 + 30 * S);
	rig_expect(&rig, "a.1");
	expect_hold("a.2", "breaker");
	rig_finish(&rig, 0, RUN_SUCCESS);
	rig_expect(&rig, "a.2");
	expect_hold("a.3", "concurrency");
	/* It opens again: what the rule held is the breaker's now. */
	rig_finish(&rig, 0, RUN_FAILURE);
	expect_breaker(A_WEB, "open");
	expect_hold("a.3", "breaker");
	expect_held(3);
	rig_at(&rig, T0 + 100 * S);
	run_all("a.3 a.4 a.5");
}

static void
a_rule_with_another_endpoint(void **state)
{
	struct breaker_row row;

	(void)state;
	begin_open("");
	set("a.1", T0);
	rig_at(&rig, T0 + S);
	rule("web", "a",
	    "http POST http://b.example/ -- breaker_consecutive=1");
	set("a.2", T0 + S);
	rig_at(&rig, T0 + 2 * S);
	rig_expect(&rig, "a.2"); /* not behind those of the old one */
	rig_finish(&rig, 0, RUN_SUCCESS);
	expect_breaker("http://b.example:80", "closed");
	expect_breaker(A_WEB, "open");
	expect_hold("a.1", "breaker");
	rig_at(&rig, T0 + 30 * S);
	rig_expect(&rig, "a.1"); /* calls the old one */
	rig_finish(&rig, 0, RUN_FAILURE);
	/* Nobody needs the old one any more. */
	expect_breaker(A_WEB, "-");
	expect_breaker("http://b.example:80", "closed");

	rule("web", "a", "shell true");
	expect_breaker("rule:web", "closed");
	rule("web", "a", "shell true -- breaker=off");
	assert_false(breakers_after(rig.sched, slice_str(""), &row));
	rule("web", "a", "shell true");
	box_rule_remove(&rig.box, "web");
	rig_settle(&rig);
	assert_false(breakers_after(rig.sched, slice_str(""), &row));
}

static void
a_rule_set_anew_keeps_its_open_breaker(void **state)
{
	(void)state;
	begin_open("");
	rule("web", "a", "http PUT " A_WEB "/elsewhere -- timeout=1s");
	expect_breaker(A_WEB, "open");
	set("a.1", T0);
	rig_at(&rig, T0 + S);
	expect_hold("a.1", "breaker");
	/* The rule goes, its job stays, and with it the breaker. */
	box_rule_remove(&rig.box, "web");
	rig_settle(&rig);
	expect_breaker(A_WEB, "open");
	rig_at(&rig, T0 + 30 * S);
	run_all("a.1");
	expect_breaker(A_WEB, "-");
}

/* By hand. */

static void
isolated_until_reset_or_restart(void **state)
{
	struct err e;

	(void)state;
	begin(64);
	rule("r", "a", "shell true");
	isolate("rule:r");
	isolate("rule:r");
	set("a", T0);
	rig_at(&rig, T0 + 3600 * S);
	expect_hold("a", "breaker");
	assert_int_equal(sched_wake_ns(rig.sched, rig.now_ns), SCHED_NEVER);
	reset("rule:r");
	rig_expect(&rig, "a");
	reset("rule:r");
	rig_finish(&rig, 0, RUN_SUCCESS);
	expect_breaker("rule:r", "closed");

	/* It outlives its rule. */
	isolate("rule:r");
	box_rule_remove(&rig.box, "r");
	rig_settle(&rig);
	expect_breaker("rule:r", "isolated");
	rule("r", "a", "shell true");
	set("a", rig.now_ns);
	rig_at(&rig, rig.now_ns + S);
	expect_hold("a", "breaker");
	rig_restart(&rig, rig.now_ns + S);
	expect_breaker("rule:r", "closed");
	rig_expect(&rig, "a");

	isolate("rule:r");
	box_rule_remove(&rig.box, "r");
	rig_settle(&rig);
	rig_finish_all(&rig);
	reset("rule:r");
	expect_breaker("rule:r", "-");
	assert_int_equal(breakers_reset(rig.sched, slice_str("rule:r"), &e),
	    -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_int_equal(breakers_isolate(rig.sched, slice_str("rule:r"), &e),
	    -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	rule("r", "a", "shell true");
	isolate("rule:r"); /* left to the end */
}

static void
so_many_are_isolated_and_no_more(void **state)
{
	struct buf line = { 0 };
	struct err e;

	(void)state;
	begin(64);
	for (unsigned i = 0; i <= BREAKERS_ISOLATED_MAX; i++) {
		int rc;

		buf_clear(&line);
		buf_addf(&line, "http GET http://h%u/", i);
		buf_add_byte(&line, '\0');
		box_rule(&rig.box, "r", "a", line.ptr);
		box_settle(&rig.box);
		buf_clear(&line);
		buf_addf(&line, "http://h%u:80", i);
		rc = breakers_isolate(rig.sched, buf_slice(&line), &e);
		assert_int_equal(rc, i < BREAKERS_ISOLATED_MAX ? 0 : -1);
	}
	assert_int_equal(e.code, ERR_LIMIT);
	buf_free(&line);
	expect_held(0);
	reset("http://h7:80");
	isolate("http://h10000:80");
}

/* Time, and the end. */

static void
a_clock_that_is_set_changes_no_wait(void **state)
{
	(void)state;
	begin_open("");
	set("a.1", T0);
	rig_at(&rig, T0 + 10 * S);
	rig_set_clock(&rig, T0 - 3600 * S);
	rig_at(&rig, T0 - 3600 * S);
	assert_int_equal(sched_wake_ns(rig.sched, rig.now_ns),
	    T0 - 3600 * S + 20 * S);
	rig_set_clock(&rig, T0 + 7200 * S);
	rig_at(&rig, T0 + 7200 * S);
	expect_breaker(A_WEB, "open");
	assert_int_equal(sched_wake_ns(rig.sched, rig.now_ns),
	    T0 + 7200 * S + 20 * S);
	rig_at(&rig, T0 + 7220 * S);
	rig_expect(&rig, "a.1");
}

static void
a_drain_lets_nothing_through(void **state)
{
	(void)state;
	begin_open("");
	set("a.1", T0);
	rig_at(&rig, T0 + S);
	sched_drain(rig.sched);
	rig_at(&rig, T0 + 100 * S);
	rig_expect(&rig, "");
	assert_true(sched_idle(rig.sched));
	assert_int_equal(sched_wake_ns(rig.sched, T0 + 100 * S), SCHED_NEVER);
	rig_restart(&rig, T0 + 101 * S);
	rig_expect(&rig, "a.1"); /* all are closed */
	expect_breaker(A_WEB, "closed");
}

static void
what_ran_in_a_crash_is_tried_and_counts_for_nothing(void **state)
{
	(void)state;
	begin(64);
	rule("r", "a", "shell true -- breaker_consecutive=1");
	set("a", T0);
	rig_at(&rig, T0);
	rig_kill(&rig, T0 + S);
	rig_expect(&rig, "a");
	expect_breaker("rule:r", "closed");
}

/* Thousands. */

#define MANY 10000

static void
note_order(void *arg, const struct run *run)
{
	int64_t *last = arg;

	assert_true(run->due_ns >= *last);
	*last = run->due_ns;
}

static void
thousands_go_in_order_and_in_slices(void **state)
{
	int64_t last = 0;
	unsigned most = 0;

	(void)state;
	begin_open("");
	for (unsigned i = 0; i < MANY; i++) {
		char job[16];

		(void)snprintf(job, sizeof(job), "a.%05u", i);
		/* In no order: 7919 is prime to MANY. */
		box_set(&rig.box, job, T0 + i * 7919 % MANY);
		if (i % 1000 == 0)
			rig_settle(&rig);
	}
	rig_settle(&rig);
	rig_at(&rig, T0 + S);
	expect_held(MANY);
	rig_expect_stats(&rig, MANY, 0);
	rig.on_submit = note_order;
	rig.on_submit_arg = &last;
	rig_at(&rig, T0 + 30 * S);
	assert_int_equal(rig.n_runs, 1);
	rig_finish(&rig, 0, RUN_SUCCESS);
	assert_int_equal(rig.n_runs, BREAKER_SLOW_CALLS);
	while (rig.n_runs > 0) {
		if (rig.n_runs > most) {
			assert_true(rig.n_runs <= most + 2);
			most = (unsigned)rig.n_runs;
		}
		rig_finish(&rig, 0, RUN_SUCCESS);
	}
	assert_int_equal(most, 64);
	expect_held(0);
	assert_int_equal(store_jobs(rig.box.store)->count[JOB_EXECUTED], MANY);
}

/* Each call lets so many go and no more, here into the queue of their rule. */
static void
letting_go_takes_many_turns(void **state)
{
	struct breaker_counts before, after;

	(void)state;
	begin_open("");
	for (unsigned i = 0; i < 3000; i++) {
		char job[16];

		(void)snprintf(job, sizeof(job), "a.%04u", i);
		box_set(&rig.box, job, T0);
	}
	rig_settle(&rig);
	rig_at(&rig, T0 + S);
	expect_held(3000);
	box_rule_pause(&rig.box, "web", true);
	rig_settle(&rig);
	assert_int_equal(
	    breakers_reset(rig.sched, slice_str(A_WEB), &rig.box.err), 0);
	do {
		breakers_count(rig.sched, &before);
		assert_int_equal(sched_wake_ns(rig.sched, rig.now_ns),
		    rig.now_ns);
		sched_start(rig.sched);
		breakers_count(rig.sched, &after);
		assert_true(before.held - after.held <= SCHED_SLICE);
	} while (after.held > 0);
	expect_hold("a.2999", "paused");
	box_rule_pause(&rig.box, "web", false);
	rig_settle(&rig);
	while (rig.n_runs > 0 || rig.again_ns <= rig.now_ns) {
		rig_finish_all(&rig);
		rig_at(&rig, rig.now_ns);
	}
	assert_int_equal(store_jobs(rig.box.store)->count[JOB_EXECUTED], 3000);
}

/* What a full rule holds does not come back to a breaker that is closed. */
static void
what_was_let_go_does_not_come_back(void **state)
{
	struct breaker_counts before, after;

	(void)state;
	begin_open("concurrency=4");
	for (unsigned i = 0; i < 3000; i++) {
		char job[16];

		(void)snprintf(job, sizeof(job), "a.%04u", i);
		box_set(&rig.box, job, T0);
	}
	rig_settle(&rig);
	rig_at(&rig, T0 + S);
	expect_held(3000);
	rig_tick(&rig, T0 + 30 * S);
	do {
		breakers_count(rig.sched, &before);
		rig_finish(&rig, 0, RUN_SUCCESS);
		breakers_count(rig.sched, &after);
		assert_true(after.held <= before.held);
	} while (rig.n_runs > 0);
	assert_int_equal(after.held, 0);
	assert_int_equal(store_jobs(rig.box.store)->count[JOB_EXECUTED], 3000);
}

/* Anything, in any order. */

#define STEPS 6000
#define JOBS 60

static const char *
line_of(uint32_t i)
{
	switch (i) {
	case 0:
		return "http POST " A_WEB "/x -- breaker_consecutive=2 "
		       "breaker_open=2s";
	case 1:
		return "http POST " A_WEB "/y -- breaker_consecutive=0 "
		       "breaker_calls=5 concurrency=3";
	case 2:
		return "http POST http://b.example/ -- breaker_consecutive=1 "
		       "retries=1 breaker_open=1s breaker_open_max=3s";
	case 3:
		return "shell true -- breaker_consecutive=3 concurrency=1 "
		       "on_crash=fail";
	default:
		return "shell true -- breaker=off";
	}
}

/* In which states they were seen to hold something. */
static unsigned seen_holding[BREAKER_STATE_COUNT];

static bool
is_through(const struct execution *x)
{
	return x->state == EXECUTION_READY || x->state == EXECUTION_STARTING ||
	    x->state == EXECUTION_RUNNING;
}

/* What a breaker counts is there; and it holds nothing that it need not. */
static void
check_gate(const struct sched *s, const struct gate *g)
{
	const struct breaker *b = &g->breaker;
	int64_t going = 0;
	size_t barred = 0;

	for (const struct execution *x = s->oldest; x != NULL; x = x->newer) {
		if (x->gate != g)
			continue;
		going += is_through(x) && x->era == b->era;
		barred += x->state == EXECUTION_BARRED;
	}
	seen_holding[b->state] += barred > 0;
	assert_int_equal(b->n_going, going);
	assert_int_equal(g->held.n, barred);
	assert_true(b->state == BREAKER_CLOSED || going <= b->limit);
	assert_true(barred == 0 || !breaker_allows(b));
	if (b->state == BREAKER_OPEN || b->state == BREAKER_ISOLATED)
		assert_int_equal(b->limit, 0);
	/* Whatever waits is woken, but by a person. */
	if (barred > 0 && b->state != BREAKER_ISOLATED)
		assert_true(g->alarm.queue != NULL);
	assert_int_equal(g->alarm.queue != NULL, b->alarm_ns != BREAKER_NEVER);
}

static void
check_gates(void)
{
	const struct sched *s = rig.sched;
	struct named *item = NULL;
	size_t held = 0;

	while ((item = names_after(&s->gates.by_name,
		    item == NULL ? slice_of("", 0) : item->name)) != NULL) {
		const struct gate *g = (const struct gate *)(void *)item;

		check_gate(s, g);
		held += g->held.n;
	}
	expect_held(held);
	assert_null(s->gates.open);
}

static void
random_job(struct prng *p, char job[16])
{
	(void)snprintf(job, 16, "%c%u", (int)('a' + prng_below(p, 3)),
	    prng_below(p, JOBS / 3));
}

static void
random_rule(struct prng *p)
{
	char id[2] = { (char)('a' + prng_below(p, 3)), '\0' };
	struct rule *rule =
	    rules_find(store_rules(rig.box.store), slice_str(id));

	switch (prng_below(p, 4)) {
	case 0:
		box_rule(&rig.box, id, id, line_of(prng_below(p, 5)));
		break;
	case 1:
		if (rule != NULL)
			box_rule_remove(&rig.box, id);
		break;
	default:
		if (rule != NULL)
			box_rule_pause(&rig.box, id, !rule->paused);
	}
}

static void
random_breaker(struct prng *p)
{
	static const char *const names[] = { A_WEB, "http://b.example:80",
		"rule:a", "rule:b", "rule:c" };
	struct slice name = slice_str(names[prng_below(p, 5)]);

	if (prng_below(p, 3) == 0)
		(void)breakers_isolate(rig.sched, name, &rig.box.err);
	else
		(void)breakers_reset(rig.sched, name, &rig.box.err);
}

static void
random_step(struct prng *p)
{
	struct store_waiter w = box_waiter(&rig.box);
	uint32_t what = prng_below(p, 100);
	char job[16];

	random_job(p, job);
	if (what < 30) {
		box_set(&rig.box, job, rig.now_ns + prng_below(p, 5) * S);
	} else if (what < 33) {
		box_remove(&rig.box, job);
	} else if (what < 36) {
		(void)sched_cancel(rig.sched, slice_str(job), "cancelled by x",
		    false, &w, &rig.box.err);
	} else if (what < 42) {
		random_rule(p);
	} else if (what < 43) {
		random_breaker(p);
	} else if (what < 44) {
		rig_set_clock(&rig, T0 + prng_below(p, 100000) * S);
	} else if (what < 45) {
		rig_kill(&rig, rig.now_ns + prng_below(p, 3) * S);
	} else if (what < 70) {
		rig_at(&rig, rig.now_ns + prng_below(p, 2000) * NS_PER_MS);
	} else if (rig.n_runs > 0) {
		static const enum run_outcome ends[] = { RUN_SUCCESS,
			RUN_FAILURE, RUN_TIMEOUT, RUN_CANCELLED, RUN_LOST };

		rig_finish(&rig, prng_below(p, (uint32_t)rig.n_runs),
		    ends[prng_below(p, 5)]);
	}
	rig_settle(&rig);
}

static void
nothing_is_lost_or_left_behind(void **state)
{
	struct prng p = { .state = 4711 };
	struct breaker_row row;
	char last[64] = "";

	(void)state;
	begin(7);
	for (int i = 0; i < 3; i++) {
		char id[2] = { (char)('a' + i), '\0' };

		box_rule(&rig.box, id, id, line_of((uint32_t)i));
	}
	rig_settle(&rig);
	for (int i = 0; i < STEPS; i++) {
		random_step(&p);
		check_gates();
	}
	for (int i = 0; i < BREAKER_STATE_COUNT; i++)
		assert_true(seen_holding[i] > 50);
	/* All goes well from now on, and all comes to an end. */
	for (int i = 0; i < 3; i++) {
		char id[2] = { (char)('a' + i), '\0' };

		box_rule(&rig.box, id, id, "shell true");
		box_rule_pause(&rig.box, id, false);
	}
	rig_settle(&rig);
	while (breakers_after(rig.sched, slice_str(last), &row)) {
		(void)snprintf(last, sizeof(last), "%s", row.name);
		if (row.state == BREAKER_ISOLATED)
			reset(last);
	}
	for (int i = 0; i < 1000; i++) {
		rig_finish_all(&rig);
		rig_at(&rig, rig.now_ns + 10 * S);
		check_gates();
	}
	rig_expect_stats(&rig, 0, 0);
	assert_int_equal(store_jobs(rig.box.store)->count[JOB_TRIGGERED], 0);
	/* Only those of the rules are left. */
	assert_true(breakers_after(rig.sched, slice_str(""), &row));
	assert_string_equal(row.name, "rule:a");
	expect_breaker("rule:c", "closed");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_teardown(f, teardown)
		TEST(held_while_open_then_one_then_all),
		TEST(a_probe_that_fails_opens_it_again),
		TEST(half_open_with_nothing_to_run_waits),
		TEST(rules_share_the_breaker_of_an_endpoint),
		TEST(each_other_rule_has_its_own),
		TEST(what_was_cancelled_does_not_count),
		TEST(a_retry_is_held_and_keeps_its_attempt),
		TEST(what_is_ready_is_called_back),
		TEST(what_is_ready_without_a_seat_is_called_back),
		TEST(a_probe_that_is_cancelled_or_replaced),
		TEST(a_probe_that_is_removed_before_it_starts),
		TEST(a_probe_that_never_answers),
		TEST(what_never_ends_keeps_nobody_slow_for_ever),
		TEST(a_paused_rule_keeps_nobody_from_probing),
		TEST(concurrency_holds_when_it_closes),
		TEST(a_rule_with_another_endpoint),
		TEST(a_rule_set_anew_keeps_its_open_breaker),
		TEST(isolated_until_reset_or_restart),
		TEST(so_many_are_isolated_and_no_more),
		TEST(a_clock_that_is_set_changes_no_wait),
		TEST(a_drain_lets_nothing_through),
		TEST(what_ran_in_a_crash_is_tried_and_counts_for_nothing),
		TEST(thousands_go_in_order_and_in_slices),
		TEST(letting_go_takes_many_turns),
		TEST(what_was_let_go_does_not_come_back),
		TEST(nothing_is_lost_or_left_behind),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
