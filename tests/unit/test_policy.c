/* Retries, concurrency, recurrence, cancelling: without a clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "history.h"
#include "sched_rig.h"
#include "tstamp.h"

#define T0 (1000000 * NS_PER_S)
#define S NS_PER_S

static struct rig rig;

static int
teardown(void **state)
{
	(void)state;
	rig_end(&rig);
	return 0;
}

/* The rule for everything that begins with "a". */
static void
rule(const char *options)
{
	char line[256];

	(void)snprintf(line, sizeof(line), "shell true -- %s", options);
	box_rule(&rig.box, "rule", "a", line);
	rig_settle(&rig);
}

static void
begin(const char *path, const char *options)
{
	rig_begin(&rig, path, 64, T0);
	rule(options);
}

static void
set(const char *job, int64_t due_ns)
{
	box_set(&rig.box, job, due_ns);
	rig_settle(&rig);
}

static void
set_plan(struct record_set plan)
{
	struct store_waiter w = box_waiter(&rig.box);

	plan.job = slice_str("a");
	assert_int_equal(store_set(rig.box.store, &plan, &w, &rig.box.err), 0);
	rig_settle(&rig);
}

static void
every(int64_t due_ns, int64_t every_ns)
{
	set_plan((struct record_set){ .due_ns = due_ns, .every_ns = every_ns });
}

static int64_t
due(const char *job)
{
	return box_job(&rig.box, job)->due_ns;
}

/* The outcomes and attempts of HISTORY, newest first: "2.3 2.2 2.1". */
static void
expect_history(const char *job, const char *expected)
{
	struct record_reader in;
	struct record_run run;
	char text[256];
	size_t n = 0;

	text[0] = '\0';
	record_read(&in, job_history(box_job(&rig.box, job)));
	while (history_next(&in, &run))
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%u.%u",
		    n == 0 ? "" : " ", run.outcome, run.attempt);
	assert_string_equal(text, expected);
}

/* Why the newest was no success. */
static void
expect_reason(const char *job, const char *reason)
{
	struct record_reader in;
	struct record_run run;

	record_read(&in, job_history(box_job(&rig.box, job)));
	assert_true(history_next(&in, &run));
	assert_true(slice_eq(run.reason, slice_str(reason)));
}

static int
cancel(const char *job)
{
	struct store_waiter w = box_waiter(&rig.box);
	int rc = sched_cancel(rig.sched, slice_str(job), "cancelled by x",
	    false, &w, &rig.box.err);

	rig_settle(&rig);
	return rc;
}

/* Retries. */

static void
a_failure_is_tried_again(void **state)
{
	(void)state;
	begin(NULL, "retries=2 backoff=1s");
	set("a", T0);
	rig_at(&rig, T0);
	rig.random = 4 * S / 10;
	rig_finish(&rig, 0, RUN_FAILURE);
	rig_expect_phase(&rig, "a", PHASE_QUEUED);
	rig_expect_stats(&rig, 1, 0);
	assert_string_equal(rig_hold(&rig, "a"), "retry");
	assert_int_equal(sched_wake_ns(rig.sched, T0), T0 + 4 * S / 10);
	rig_at(&rig, T0 + 4 * S / 10 - 1);
	rig_expect(&rig, "");
	rig_at(&rig, T0 + 4 * S / 10);
	rig_expect(&rig, "a");
	assert_int_equal(rig.run[0]->attempt, 2);
	assert_int_equal(rig.run[0]->due_ns, T0);
	rig.random = 2 * S; /* twice as long at most */
	rig_finish(&rig, 0, RUN_TIMEOUT);
	rig_at(&rig, T0 + 24 * S / 10 - 1);
	rig_expect(&rig, "");
	rig_at(&rig, T0 + 24 * S / 10);
	rig_finish(&rig, 0, RUN_FAILURE);
	rig_expect_phase(&rig, "a", PHASE_FAILED);
	expect_history("a", "2.3 3.2 2.1");
}

static void
the_wait_has_a_cap(void **state)
{
	int64_t now = T0;

	(void)state;
	begin(NULL, "retries=100 backoff=1s backoff_max=5s breaker=off");
	set("a", T0);
	rig_at(&rig, now);
	rig.random = 5 * S;
	for (uint32_t attempt = 1; attempt < 90; attempt++) {
		assert_int_equal(rig.run[0]->attempt, attempt);
		rig_finish(&rig, 0, RUN_FAILURE);
		if (attempt > 3)
			assert_int_equal(sched_wake_ns(rig.sched, now),
			    now + 5 * S);
		now += 5 * S;
		rig_at(&rig, now);
	}
}

static void
success_and_cancelling_end_it(void **state)
{
	(void)state;
	begin(NULL, "retries=5 backoff=0");
	set("a", T0);
	set("a.b", T0);
	rig_at(&rig, T0);
	rig_finish(&rig, 0, RUN_FAILURE);
	rig_at(&rig, T0);
	rig_expect(&rig, "a.b a");
	rig_finish(&rig, 1, RUN_SUCCESS);
	rig_expect_phase(&rig, "a", PHASE_EXECUTED);
	/* It failed before it could be cancelled. */
	assert_int_equal(cancel("a.b"), 1);
	assert_int_equal(rig.cancelled, rig.run[0]->execution_id);
	rig_finish(&rig, 0, RUN_FAILURE);
	rig_expect_phase(&rig, "a.b", PHASE_FAILED);
	rig_expect_stats(&rig, 0, 0);
}

static void
a_new_plan_ends_it(void **state)
{
	(void)state;
	begin(NULL, "retries=5");
	set("a", T0);
	set("a.b", T0);
	rig_at(&rig, T0);
	rig.random = S;
	rig_finish(&rig, 0, RUN_FAILURE);
	rig_expect_stats(&rig, 1, 1);
	set("a", T0 + 50 * S);
	rig_expect_stats(&rig, 0, 1);
	set("a.b", T0 + 50 * S); /* its run goes on */
	rig_finish(&rig, 0, RUN_FAILURE);
	rig_expect_phase(&rig, "a.b", PHASE_PLANNED);
	rig_at(&rig, T0 + 49 * S);
	rig_expect(&rig, "");
}

static void
it_goes_on_at_once_after_a_restart(void **state)
{
	(void)state;
	begin("log", "retries=5 backoff=5m");
	set("a", T0);
	rig_at(&rig, T0);
	rig.random = 200 * S;
	rig_finish(&rig, 0, RUN_FAILURE);
	rig_kill(&rig, T0 + S);
	rig_expect(&rig, "a");
	assert_int_equal(rig.run[0]->attempt, 2);
	rig_kill(&rig, T0 + 2 * S);
	assert_int_equal(rig.run[0]->attempt, 3);
	rig_finish(&rig, 0, RUN_SUCCESS);
	expect_history("a", "1.3 7.2 2.1");
}

static void
a_clock_that_is_set_changes_no_wait(void **state)
{
	(void)state;
	begin(NULL, "retries=5 backoff=5m");
	set("a", T0);
	rig_at(&rig, T0);
	rig.random = 200 * S;
	rig_finish(&rig, 0, RUN_FAILURE);
	rig_set_clock(&rig, T0 - 3600 * S);
	rig_at(&rig, T0 - 3600 * S);
	rig_expect(&rig, "");
	assert_int_equal(sched_wake_ns(rig.sched, rig.now_ns),
	    T0 - 3600 * S + 200 * S);
	rig_at(&rig, T0 - 3600 * S + 50 * S);
	rig_set_clock(&rig, T0 + 7200 * S);
	rig_at(&rig, T0 + 7200 * S);
	rig_expect(&rig, "");
	rig_at(&rig, T0 + 7350 * S - 1);
	rig_expect(&rig, "");
	rig_at(&rig, T0 + 7350 * S);
	rig_expect(&rig, "a");
}

/* Concurrency. */

static void
a_rule_runs_as_many_as_it_may(void **state)
{
	(void)state;
	begin(NULL, "concurrency=2");
	box_rule(&rig.box, "other", "b", "shell true");
	for (int i = 9; i > 0; i--) {
		char job[16];

		(void)snprintf(job, sizeof(job), "a.%d", i);
		set(job, T0 + i);
	}
	set("b", T0 + 20);
	rig_at(&rig, T0 + S);
	rig_expect(&rig, "a.1 a.2 b");
	rig_expect_stats(&rig, 7, 3);
	assert_string_equal(rig_hold(&rig, "a.3"), "concurrency");
	rig_finish(&rig, 1, RUN_SUCCESS);
	rig_expect(&rig, "a.1 b a.3");
	rule("concurrency=3");
	rig_expect(&rig, "a.1 b a.3 a.4");
	rule("concurrency=1");
	rig_finish(&rig, 0, RUN_SUCCESS);
	rig_finish(&rig, 1, RUN_SUCCESS);
	rig_expect(&rig, "b a.4");
	box_rule_pause(&rig.box, "rule", true);
	rig_settle(&rig);
	assert_string_equal(rig_hold(&rig, "a.5"), "paused");
	rig_finish(&rig, 1, RUN_SUCCESS);
	rig_expect(&rig, "b");
	box_rule_pause(&rig.box, "rule", false);
	rig_settle(&rig);
	rig_expect(&rig, "b a.5");
	/* What it held keeps its runner, and runs. */
	box_rule_remove(&rig.box, "rule");
	rig_settle(&rig);
	rig_expect(&rig, "b a.5 a.6 a.7 a.8 a.9");
}

static void
a_place_is_free_when_its_job_is_removed(void **state)
{
	(void)state;
	rig_begin(&rig, NULL, 1, T0);
	rule("concurrency=1");
	box_rule(&rig.box, "other", "b", "shell true");
	set("b", T0);
	set("a.1", T0 + 1);
	set("a.2", T0 + 2);
	rig_at(&rig, T0 + S);
	rig_expect(&rig, "b");
	box_remove(&rig.box, "a.1"); /* it was ready */
	rig_settle(&rig);
	rig_finish(&rig, 0, RUN_SUCCESS);
	rig_expect(&rig, "a.2");
}

static void
many_are_let_go_in_slices(void **state)
{
	char job[16];
	unsigned n = 0;

	(void)state;
	rig_begin(&rig, NULL, 4000, T0);
	rule("concurrency=1");
	for (int i = 0; i < 2000; i++) {
		(void)snprintf(job, sizeof(job), "a.%04d", i);
		box_set(&rig.box, job, T0);
	}
	rig_settle(&rig);
	rig_at(&rig, T0);
	rig_expect_stats(&rig, 1999, 1);
	box_rule(&rig.box, "rule", "a", "shell true");
	box_settle(&rig.box);
	while (rig.n_runs < 2000) {
		size_t before = rig.n_runs;

		assert_int_equal(sched_wake_ns(rig.sched, T0), T0);
		sched_start(rig.sched);
		assert_in_range(rig.n_runs - before, 1, SCHED_SLICE);
		box_settle(&rig.box);
		n++;
	}
	assert_true(n >= 2000 / SCHED_SLICE);
	assert_string_equal(rig.run[1999]->job, "a.1999");
}

/* CANCEL. */

static void
what_waits_is_cancelled(void **state)
{
	(void)state;
	begin("log", "concurrency=1 retries=3");
	set("a.1", T0);
	set("a.2", T0);
	assert_int_equal(cancel("a.none"), -1);
	assert_int_equal(rig.box.err.code, ERR_NOT_FOUND);
	assert_int_equal(cancel("a.1"), -1);
	assert_int_equal(rig.box.err.code, ERR_CONFLICT);
	rig_at(&rig, T0);
	rig_expect(&rig, "a.1");
	assert_int_equal(cancel("a.2"), 1);
	rig_expect_phase(&rig, "a.2", PHASE_FAILED);
	expect_history("a.2", "4.1");
	rig.random = S;
	rig_finish(&rig, 0, RUN_FAILURE);
	assert_int_equal(cancel("a.1"), 1);
	rig_expect_phase(&rig, "a.1", PHASE_FAILED);
	expect_history("a.1", "4.2 2.1");
	rig_kill(&rig, T0 + 10 * S);
	rig_expect(&rig, "");
	rig_expect_phase(&rig, "a.1", PHASE_FAILED);
}

static void
a_cancel_that_is_refused_changes_nothing(void **state)
{
	(void)state;
	begin("log", "concurrency=1");
	set("a.1", T0);
	set("a.2", T0);
	rig_at(&rig, T0);
	fault_at(FAULT_PWRITEV, 1, FAULT_ALWAYS, ENOSPC);
	assert_int_equal(cancel("a.2"), 1);
	assert_int_equal(rig.box.n_refused, 1);
	fault_none();
	rig_expect_phase(&rig, "a.2", PHASE_QUEUED);
	assert_string_equal(rig_hold(&rig, "a.2"), "concurrency");
	rig_finish(&rig, 0, RUN_SUCCESS);
	rig_expect(&rig, "a.2");
}

/* Recurrence. */

static void
it_keeps_its_cadence(void **state)
{
	(void)state;
	begin("log", "retries=1 backoff=0");
	every(T0, 10 * S);
	rig_at(&rig, T0 + S); /* late */
	rig_expect(&rig, "a");
	rig_at(&rig, T0 + 3 * S);
	rig_finish(&rig, 0, RUN_SUCCESS);
	rig_expect_phase(&rig, "a", PHASE_PLANNED);
	assert_int_equal(due("a"), T0 + 10 * S);
	rig_at(&rig, T0 + 10 * S);
	assert_int_equal(rig.run[0]->due_ns, T0 + 10 * S);
	/* The clock is set back: no time comes twice. */
	rig_at(&rig, T0);
	rig_finish(&rig, 0, RUN_SUCCESS);
	assert_int_equal(due("a"), T0 + 20 * S);
	/* Many pass: it catches up once. */
	rig_kill(&rig, T0 + 95 * S);
	rig_at(&rig, T0 + 95 * S);
	assert_int_equal(rig.run[0]->due_ns, T0 + 20 * S);
	rig_finish(&rig, 0, RUN_FAILURE);
	rig_at(&rig, T0 + 95 * S);
	rig_finish(&rig, 0, RUN_FAILURE); /* no attempt is left */
	rig_expect_phase(&rig, "a", PHASE_PLANNED);
	assert_int_equal(due("a"), T0 + 100 * S);
}

static void
it_skips_what_passes_meanwhile(void **state)
{
	(void)state;
	begin(NULL, "overlap=skip");
	every(T0, 10 * S);
	rig_at(&rig, T0);
	rig_at(&rig, T0 + 35 * S);
	rig_expect(&rig, "a");
	assert_string_equal(rig_hold(&rig, "a"), "-");
	rig_finish(&rig, 0, RUN_SUCCESS);
	assert_int_equal(due("a"), T0 + 40 * S);
}

static void
it_queues_one(void **state)
{
	(void)state;
	begin(NULL, "overlap=queue");
	every(T0, 10 * S);
	rig_at(&rig, T0);
	rig_at(&rig, T0 + 35 * S);
	assert_string_equal(rig_hold(&rig, "a"), "overlap");
	rig_finish(&rig, 0, RUN_SUCCESS);
	rig_at(&rig, T0 + 35 * S);
	rig_expect(&rig, "a");
	assert_int_equal(rig.run[0]->due_ns, T0 + 10 * S);
	rig_at(&rig, T0 + 36 * S);
	rig_finish(&rig, 0, RUN_SUCCESS);
	assert_int_equal(due("a"), T0 + 40 * S);
}

static void
it_may_run_beside_itself(void **state)
{
	(void)state;
	begin("log", "overlap=allow retries=3");
	every(T0, 10 * S);
	rig_at(&rig, T0);
	rig_at(&rig, T0 + 10 * S - 1);
	rig_expect(&rig, "a");
	rig_at(&rig, T0 + 10 * S);
	rig_expect(&rig, "a a");
	assert_int_equal(rig.run[1]->due_ns, T0 + 10 * S);
	rig_expect_phase(&rig, "a", PHASE_RUNNING);
	rig_finish(&rig, 0, RUN_FAILURE); /* not retried */
	rig_expect_phase(&rig, "a", PHASE_RUNNING);
	rig_at(&rig, T0 + 20 * S);
	rig_expect(&rig, "a a");
	assert_int_equal(rig.run[1]->due_ns, T0 + 20 * S);
	rig_finish(&rig, 1, RUN_SUCCESS);
	rig_expect_phase(&rig, "a", PHASE_PLANNED);
	assert_int_equal(due("a"), T0 + 30 * S);
	rig_expect(&rig, "a");
	rig_finish(&rig, 0, RUN_SUCCESS);
	rig_expect_phase(&rig, "a", PHASE_PLANNED);
	expect_history("a", "1.1 1.1 2.1");
	/* And after a crash, both. */
	rig_at(&rig, T0 + 30 * S);
	rig_at(&rig, T0 + 40 * S);
	rig_expect(&rig, "a a");
	rig_kill(&rig, T0 + 41 * S);
	rig_expect(&rig, "a a");
	assert_int_equal(rig.run[0]->due_ns, T0 + 30 * S);
	assert_int_equal(rig.run[1]->due_ns, T0 + 40 * S);
}

static void
beside_itself_on_a_full_disk(void **state)
{
	(void)state;
	begin("log", "overlap=allow");
	every(T0, 10 * S);
	rig_at(&rig, T0);
	fault_at(FAULT_PWRITEV, 1, FAULT_ALWAYS, ENOSPC);
	rig_tick(&rig, T0 + 10 * S);
	rig_tick(&rig, T0 + 11 * S);
	rig_expect(&rig, "a");
	fault_none();
	rig_at(&rig, T0 + 12 * S);
	rig_expect(&rig, "a a");
	assert_int_equal(rig.run[1]->due_ns, T0 + 10 * S);
}

static void
it_ends_after_until(void **state)
{
	(void)state;
	begin(NULL, "");
	set_plan((struct record_set){ .due_ns = T0,
	    .every_ns = 10 * S,
	    .until_ns = T0 + 10 * S });
	rig_at(&rig, T0);
	rig_finish(&rig, 0, RUN_FAILURE);
	rig_expect_phase(&rig, "a", PHASE_PLANNED);
	rig_at(&rig, T0 + 10 * S);
	rig_finish(&rig, 0, RUN_SUCCESS);
	rig_expect_phase(&rig, "a", PHASE_EXECUTED);
}

static void
it_recurs_by_an_expression(void **state)
{
	int64_t minute = T0 - T0 % (60 * S) + 60 * S;

	(void)state;
	begin("log", "");
	set_plan((struct record_set){ .due_ns = minute,
	    .cron = slice_str("* * * * *"),
	    .zone = slice_str("UTC") });
	rig_at(&rig, minute);
	rig_finish(&rig, 0, RUN_SUCCESS);
	assert_int_equal(due("a"), minute + 60 * S);
	rig_kill(&rig, minute + S);
	rig_at(&rig, minute + 60 * S);
	rig_finish(&rig, 0, RUN_SUCCESS);
	assert_int_equal(due("a"), minute + 120 * S);
}

static void
jitter_moves_the_start_alone(void **state)
{
	int64_t step = S / 10, first = 0;

	(void)state;
	begin(NULL, "");
	set_plan((struct record_set){ .due_ns = T0,
	    .every_ns = 100 * S,
	    .jitter_ns = 50 * S });
	for (int64_t base = T0; base < T0 + 300 * S; base += 100 * S) {
		int64_t at = base;

		while (rig.n_runs == 0)
			rig_at(&rig, at += step);
		assert_true(at <= base + 50 * S + step);
		if (first == 0)
			first = at - base;
		assert_int_equal(at - base, first);
		assert_int_equal(rig.run[0]->due_ns, base);
		rig_finish(&rig, 0, RUN_SUCCESS);
		assert_int_equal(due("a"), base + 100 * S);
	}
}

static void
missed_ones_may_be_skipped(void **state)
{
	(void)state;
	begin("log", "misfire=skip");
	every(T0 + 10 * S, 10 * S);
	rig_kill(&rig, T0 + 35 * S);
	rig_at(&rig, T0 + 35 * S);
	rig_expect(&rig, "");
	rig_expect_phase(&rig, "a", PHASE_PLANNED);
	assert_int_equal(due("a"), T0 + 40 * S);
	expect_history("a", "6.1");
	expect_reason("a",
	    "fell due while the server was down "
	    "(misfire=skip)");
}

static void
run_keeps_the_plan(void **state)
{
	(void)state;
	begin("log", "");
	every(T0 + 100 * S, 10 * S);
	rig_at(&rig, T0);
	assert_int_equal(rig_run(&rig, "a"), 0);
	assert_int_equal(rig.run[0]->due_ns, T0);
	assert_int_equal(due("a"), T0 + 100 * S);
	rig_kill(&rig, T0 + S);
	rig_expect(&rig, "a");
	assert_int_equal(rig.run[0]->due_ns, T0);
	rig_finish(&rig, 0, RUN_SUCCESS);
	assert_int_equal(rig_run(&rig, "a"), 0);
	assert_true(box_compress(&rig.box));
	rig_kill(&rig, T0 + 2 * S);
	assert_int_equal(rig.run[0]->due_ns, T0 + S);
	rig_finish(&rig, 0, RUN_SUCCESS);
	rig_expect_phase(&rig, "a", PHASE_PLANNED);
	assert_int_equal(due("a"), T0 + 100 * S);
	/* Its time passes during such a run. */
	assert_int_equal(rig_run(&rig, "a"), 0);
	rig_at(&rig, T0 + 105 * S);
	rig_finish(&rig, 0, RUN_SUCCESS);
	assert_int_equal(due("a"), T0 + 110 * S);
}

static void
a_cancelled_one_is_planned_again(void **state)
{
	(void)state;
	begin(NULL, "");
	box_rule_pause(&rig.box, "rule", true);
	every(T0, 10 * S);
	rig_at(&rig, T0);
	assert_int_equal(cancel("a"), 1);
	rig_expect_phase(&rig, "a", PHASE_PLANNED);
	assert_int_equal(due("a"), T0 + 10 * S);
	box_rule_pause(&rig.box, "rule", false);
	rig_settle(&rig);
	rig_at(&rig, T0 + 10 * S);
	assert_int_equal(cancel("a"), 1);
	rig_finish(&rig, 0, RUN_CANCELLED);
	rig_expect_phase(&rig, "a", PHASE_PLANNED);
	expect_history("a", "4.1 4.1");
	expect_reason("a", "cancelled by x");
}

/* Cursors. */

static void
cursors_outlive_what_they_stand_at(void **state)
{
	struct sched_cursor c[2];
	struct sched_row row;
	char job[16];

	(void)state;
	rig_begin(&rig, NULL, 1, T0);
	rule("");
	for (int i = 0; i < 6; i++) {
		(void)snprintf(job, sizeof(job), "a.%d", i);
		set(job, T0);
	}
	rig_at(&rig, T0);
	sched_list_begin(rig.sched, &c[0]);
	sched_list_begin(rig.sched, &c[1]);
	assert_true(sched_list_next(&c[0], &row));
	assert_string_equal(row.state, "running");
	assert_true(sched_list_next(&c[1], &row));
	box_remove(&rig.box, "a.1");
	box_remove(&rig.box, "a.2");
	set("a.9", T0); /* made later: not in the list */
	rig_at(&rig, T0);
	assert_true(sched_list_next(&c[0], &row));
	assert_string_equal(row.state, "queued");
	assert_true(slice_eq(row.job, slice_str("a.3")));
	for (int i = 3; i < 6; i++) {
		(void)snprintf(job, sizeof(job), "a.%d", i);
		box_remove(&rig.box, job);
	}
	rig_settle(&rig);
	sched_list_end(&c[1]);
	assert_false(sched_list_next(&c[0], &row));
	sched_list_end(&c[0]);
}

#define TEST(f) cmocka_unit_test_teardown(f, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_failure_is_tried_again),
		TEST(the_wait_has_a_cap),
		TEST(success_and_cancelling_end_it),
		TEST(a_new_plan_ends_it),
		TEST(it_goes_on_at_once_after_a_restart),
		TEST(a_clock_that_is_set_changes_no_wait),
		TEST(a_rule_runs_as_many_as_it_may),
		TEST(a_place_is_free_when_its_job_is_removed),
		TEST(many_are_let_go_in_slices),
		TEST(what_waits_is_cancelled),
		TEST(a_cancel_that_is_refused_changes_nothing),
		TEST(it_keeps_its_cadence),
		TEST(it_skips_what_passes_meanwhile),
		TEST(it_queues_one),
		TEST(it_may_run_beside_itself),
		TEST(beside_itself_on_a_full_disk),
		TEST(it_ends_after_until),
		TEST(it_recurs_by_an_expression),
		TEST(jitter_moves_the_start_alone),
		TEST(missed_ones_may_be_skipped),
		TEST(run_keeps_the_plan),
		TEST(a_cancelled_one_is_planned_again),
		TEST(cursors_outlive_what_they_stand_at),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
