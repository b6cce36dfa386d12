/* What a server was about when it died, and its orders to end a run: none is
 * forgotten, in the log or in the image. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "history.h"
#include "sched_rig.h"
#include "tstamp.h"

#define T0 INT64_C(1000000000000000)
#define S NS_PER_S

static struct rig rig;

static void
begin(const char *options)
{
	struct buf line = { 0 };

	rig_begin(&rig, "log", 8, T0);
	buf_addf(&line, "shell true -- %s", options);
	buf_add_byte(&line, '\0');
	box_rule(&rig.box, "rule", "a", line.ptr);
	buf_free(&line);
}

static int
teardown(void **state)
{
	(void)state;
	rig_end(&rig);
	return 0;
}

/* The server dies; `image`: when all of its log has gone into the image. */
static void
die(bool image)
{
	if (image)
		assert_true(box_compress(&rig.box));
	rig_kill(&rig, rig.now_ns + S);
}

static void
set(const char *payload)
{
	box_set_payload(&rig.box, "a", rig.now_ns, payload);
	rig_settle(&rig);
	rig_at(&rig, rig.now_ns);
}

/* "outcome.attempt ..." of the job's runs, the newest first. */
static void
expect_history(const char *job, const char *expected)
{
	struct record_reader in;
	struct buf text = { 0 };
	struct record_run run;

	record_read(&in, job_history(box_job(&rig.box, job)));
	while (history_next(&in, &run))
		buf_addf(&text, "%s%s.%u", text.len > 0 ? " " : "",
		    run_outcome_word(run.outcome), run.attempt);
	buf_add_byte(&text, '\0');
	assert_string_equal(text.ptr, expected);
	buf_free(&text);
}

static void
cancel(const char *job)
{
	struct store_waiter w = box_waiter(&rig.box);
	unsigned n_ok = rig.box.n_ok;

	assert_int_equal(sched_cancel(rig.sched, slice_str(job),
			     "cancelled by x", false, &w, &rig.box.err),
	    1);
	rig_settle(&rig);
	assert_int_equal(rig.box.n_ok, n_ok + 1);
}

static void
time_out(size_t i)
{
	const struct run_event event = { .kind = RUN_TIMED_OUT,
		.execution_id = rig.run[i]->execution_id,
		.owner = rig.run[i]->owner };

	sched_run_event(rig.sched, &event);
	rig_settle(&rig);
}

/* Each of them has a row, and each due time is run again. */
static void
runs_beside_each_other_are_lost(bool image)
{
	const struct record_set plan = { .job = slice_str("a"),
		.due_ns = T0,
		.every_ns = 10 * S };
	struct store_waiter w;

	begin("overlap=allow");
	w = box_waiter(&rig.box);
	assert_int_equal(store_set(rig.box.store, &plan, &w, &rig.box.err), 0);
	rig_settle(&rig);
	rig_at(&rig, T0);
	rig_at(&rig, T0 + 10 * S);
	rig_at(&rig, T0 + 20 * S);
	rig_expect(&rig, "a a a");
	die(image);
	expect_history("a", "lost.1 lost.1 lost.1");
	rig_expect(&rig, "a a a");
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(rig.run[i]->due_ns, T0 + (int64_t)i * 10 * S);
		assert_int_equal(rig.run[i]->attempt, 2);
	}
	rig_finish_all(&rig);
	expect_history("a",
	    "success.2 success.2 success.2 lost.1 lost.1 lost.1");
	rig_expect_phase(&rig, "a", PHASE_PLANNED);
	die(image);
	rig_expect(&rig, "");
	expect_history("a",
	    "success.2 success.2 success.2 lost.1 lost.1 lost.1");
}

static void
runs_beside_each_other_are_lost_with_the_log(void **state)
{
	(void)state;
	runs_beside_each_other_are_lost(false);
}

static void
runs_beside_each_other_are_lost_with_the_image(void **state)
{
	(void)state;
	runs_beside_each_other_are_lost(true);
}

/* What runs for a plan that is gone has that plan's payload when it runs
 * again. */
static void
runs_of_earlier_plans_are_lost(bool image)
{
	begin("");
	set("first");
	set("second");
	box_set(&rig.box, "a", T0 + 1000 * S);
	rig_settle(&rig);
	rig_expect(&rig, "a a");
	die(image);
	expect_history("a", "lost.1 lost.1");
	rig_expect_phase(&rig, "a", PHASE_PLANNED);
	rig_expect(&rig, "a a");
	assert_string_equal(rig.run[0]->payload, "first");
	assert_string_equal(rig.run[1]->payload, "second");
	rig_finish(&rig, 0, RUN_FAILURE);
	die(image); /* for the second time of the other */
	rig_expect(&rig, "");
	expect_history("a", "lost.2 failure.2 lost.1 lost.1");
	rig_expect_phase(&rig, "a", PHASE_PLANNED);
}

static void
runs_of_earlier_plans_are_lost_with_the_log(void **state)
{
	(void)state;
	runs_of_earlier_plans_are_lost(false);
}

static void
runs_of_earlier_plans_are_lost_with_the_image(void **state)
{
	(void)state;
	runs_of_earlier_plans_are_lost(true);
}

static void
at_most_once_holds_for_earlier_plans_too(void **state)
{
	(void)state;
	begin("on_crash=fail retries=5");
	set("first");
	set("second");
	die(false);
	rig_expect(&rig, "");
	expect_history("a", "lost.1 lost.1");
	rig_expect_phase(&rig, "a", PHASE_FAILED);
}

static void
a_removed_job_takes_what_was_lost_along(void **state)
{
	(void)state;
	begin("");
	set("first");
	set("second");
	box_rule_pause(&rig.box, "rule", true);
	rig_settle(&rig);
	die(false);
	rig_expect(&rig, ""); /* both wait */
	rig_expect_stats(&rig, 2, 0);
	box_remove(&rig.box, "a");
	rig_settle(&rig);
	rig_expect_stats(&rig, 0, 0);
	box_rule_pause(&rig.box, "rule", false);
	rig_settle(&rig);
	rig_expect(&rig, "");
	die(false);
	rig_expect(&rig, "");
}

static void
what_was_cancelled_stays_so(bool image)
{
	begin("retries=5");
	set("first");
	set("second");
	cancel("a");
	assert_int_not_equal(rig.cancelled, 0);
	die(image);
	rig_expect(&rig, "");
	expect_history("a", "cancelled.1 cancelled.1");
	rig_expect_phase(&rig, "a", PHASE_FAILED);
	die(image);
	rig_expect(&rig, "");
}

static void
what_was_cancelled_stays_so_in_the_log(void **state)
{
	(void)state;
	what_was_cancelled_stays_so(false);
}

static void
what_was_cancelled_stays_so_in_the_image(void **state)
{
	(void)state;
	what_was_cancelled_stays_so(true);
}

/* Nothing of a CANCEL that is refused is done. */
static void
cancelling_on_a_full_disk(void **state)
{
	struct store_waiter w;

	(void)state;
	begin("");
	set("x");
	w = box_waiter(&rig.box);
	fault_at(FAULT_PWRITEV, 1, FAULT_ALWAYS, ENOSPC);
	assert_int_equal(sched_cancel(rig.sched, slice_str("a"), "by x", false,
			     &w, &rig.box.err),
	    1);
	rig_settle(&rig);
	assert_int_equal(rig.box.n_refused, 1);
	assert_int_equal(rig.cancelled, 0);
	fault_none();
	cancel("a");
	assert_int_equal(rig.cancelled, rig.run[0]->execution_id);
}

static void
a_timeout_stays_one(void **state)
{
	(void)state;
	begin("retries=1 backoff=0");
	set("x");
	time_out(0);
	die(false);
	rig_at(&rig, rig.now_ns);
	expect_history("a", "timeout.1");
	rig_expect(&rig, "a");
	assert_int_equal(rig.run[0]->attempt, 2);
	time_out(0);
	die(true);
	rig_at(&rig, rig.now_ns);
	rig_expect(&rig, "");
	expect_history("a", "timeout.2 timeout.1");
	rig_expect_phase(&rig, "a", PHASE_FAILED);
}

static unsigned n_given_up;

static void
count_given_up(void *arg, const struct sched_event *event)
{
	(void)arg;
	n_given_up += event->gave_up;
}

/* It may be what ends them. */
static void
the_second_loss_in_a_row_is_the_last(bool image)
{
	begin("retries=9 backoff=0");
	n_given_up = 0;
	rig.on_event = count_given_up;
	set("x");
	die(image);
	rig_expect(&rig, "a");
	die(image);
	rig_expect(&rig, "");
	expect_history("a", "lost.2 lost.1");
	rig_expect_phase(&rig, "a", PHASE_FAILED);
	assert_int_equal(n_given_up, 1);
	die(image);
	rig_expect(&rig, "");
	assert_int_equal(n_given_up, 1);
}

static void
the_second_loss_in_a_row_is_the_last_in_the_log(void **state)
{
	(void)state;
	the_second_loss_in_a_row_is_the_last(false);
}

static void
the_second_loss_in_a_row_is_the_last_in_the_image(void **state)
{
	(void)state;
	the_second_loss_in_a_row_is_the_last(true);
}

/* Nor does a loss use up a retry, nor one that is not in a row end it. */
static void
losses_are_no_retries(void **state)
{
	(void)state;
	begin("retries=2 backoff=0");
	set("x");
	for (int i = 0; i < 2; i++) {
		die(i == 1);
		rig_expect(&rig, "a");
		rig_finish(&rig, 0, RUN_FAILURE);
		rig_at(&rig, rig.now_ns);
		rig_expect(&rig, "a");
	}
	rig_finish(&rig, 0, RUN_FAILURE);
	rig_at(&rig, rig.now_ns);
	rig_expect(&rig, "");
	expect_history("a", "failure.5 failure.4 lost.3 failure.2 lost.1");
	rig_expect_phase(&rig, "a", PHASE_FAILED);
}

/* No run begins on a full disk whose result would find no room in the log; the
 * others wait, and none runs for nothing. */
static void
a_run_begins_when_there_is_room_for_its_result(void **state)
{
	struct jobs *j;
	size_t n_begun, n;
	char job[8];

	(void)state;
	rig_begin(&rig, "log", 4000, T0);
	box_rule(&rig.box, "rule", "a", "shell true --");
	for (n = 0; n < 2000; n++) {
		(void)snprintf(job, sizeof(job), "a%04zu", n);
		box_set(&rig.box, job, T0 + S);
	}
	rig_settle(&rig);
	fault_at(FAULT_FALLOCATE, 1, FAULT_ALWAYS, ENOSPC);
	rig_at(&rig, T0 + S);
	j = store_jobs(rig.box.store);
	n_begun = rig.n_runs;
	assert_true(n_begun > 0 && n_begun < 2000);
	assert_string_equal(rig_hold(&rig, "a1999"), "storage");
	while (rig.n_runs > 0) {
		rig_finish(&rig, 0, RUN_SUCCESS);
		rig_at(&rig, rig.now_ns + S);
	}
	/* All that began has a result. */
	assert_int_equal(j->count[JOB_EXECUTED], rig.n_submitted);
	n = rig.n_submitted;
	rig_kill(&rig, rig.now_ns + S);
	j = store_jobs(rig.box.store);
	assert_true(j->count[JOB_EXECUTED] >= n);
	fault_none();
	rig_at(&rig, rig.now_ns + S);
	while (rig.n_runs > 0) {
		rig_finish(&rig, 0, RUN_SUCCESS);
		rig_at(&rig, rig.now_ns + S);
	}
	assert_int_equal(j->count[JOB_EXECUTED], 2000);
	assert_int_equal(rig.n_submitted, 2000);
}

#define TEST(f) cmocka_unit_test_teardown(f, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(runs_beside_each_other_are_lost_with_the_log),
		TEST(runs_beside_each_other_are_lost_with_the_image),
		TEST(runs_of_earlier_plans_are_lost_with_the_log),
		TEST(runs_of_earlier_plans_are_lost_with_the_image),
		TEST(at_most_once_holds_for_earlier_plans_too),
		TEST(a_removed_job_takes_what_was_lost_along),
		TEST(what_was_cancelled_stays_so_in_the_log),
		TEST(what_was_cancelled_stays_so_in_the_image),
		TEST(cancelling_on_a_full_disk),
		TEST(a_timeout_stays_one),
		TEST(the_second_loss_in_a_row_is_the_last_in_the_log),
		TEST(the_second_loss_in_a_row_is_the_last_in_the_image),
		TEST(losses_are_no_retries),
		TEST(a_run_begins_when_there_is_room_for_its_result),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
