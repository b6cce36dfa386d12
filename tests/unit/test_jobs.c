#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "jobs.h"
#include "prng.h"

static struct jobs jobs;
static unsigned n_changes;
static bool last_removed;

static int
setup(void **state)
{
	(void)state;
	n_changes = 0;
	return jobs_init(&jobs);
}

static int
teardown(void **state)
{
	(void)state;
	jobs_fini(&jobs);
	return 0;
}

static struct job *
get(const char *id)
{
	uint32_t ref = jobs_find(&jobs, slice_str(id));

	return ref == JOB_NONE ? NULL : jobs_get(&jobs, ref);
}

static void
set_plan(struct record_set set)
{
	struct job_extra *extra;

	assert_int_equal(jobs_reserve(&jobs, 1), 0);
	assert_int_equal(job_extra_new(&set, &extra), 0);
	assert_int_equal(jobs_apply_set(&jobs, &set, extra), 0);
}

static void
set(const char *id, int64_t due_ns)
{
	set_plan((struct record_set){ .job = slice_str(id), .due_ns = due_ns });
}

static void
run(enum record_type type, const char *id, uint64_t execution, unsigned outcome,
    int64_t next_due_ns)
{
	const struct record_run r = { .job = slice_str(id),
		.rule = slice_str("r"),
		.execution_id = execution,
		.attempt = 1,
		.outcome = outcome,
		.next_due_ns = next_due_ns };

	assert_int_equal(jobs_reserve(&jobs, 1), 0);
	assert_int_equal(jobs_apply_run(&jobs, type, &r), 0);
}

static void
expect_counts(size_t planned, size_t triggered, size_t executed, size_t failed)
{
	assert_int_equal(jobs.count[JOB_PLANNED], planned);
	assert_int_equal(jobs.count[JOB_TRIGGERED], triggered);
	assert_int_equal(jobs.count[JOB_EXECUTED], executed);
	assert_int_equal(jobs.count[JOB_FAILED], failed);
	assert_int_equal(jobs_total(&jobs),
	    planned + triggered + executed + failed);
}

/* The first due, taken out for a run. */
static void
expect_next(const char *id, int64_t due_ns)
{
	uint32_t ref;
	int64_t next;
	bool missed;

	assert_true(jobs_next_due(&jobs, &next));
	assert_int_equal(next, due_ns);
	assert_int_equal(jobs_first_due(&jobs, due_ns - 1, &missed), JOB_NONE);
	ref = jobs_first_due(&jobs, due_ns, &missed);
	assert_int_not_equal(ref, JOB_NONE);
	assert_true(slice_eq(job_id(jobs_get(&jobs, ref)), slice_str(id)));
	assert_int_equal(jobs_prepare_run(&jobs, ref), 0);
	jobs_take_due(&jobs, ref, 1, &jobs);
}

static void
jobs_come_by_time_then_identifier(void **state)
{
	int64_t due_ns;

	(void)state;
	assert_false(jobs_next_due(&jobs, &due_ns));
	set("b", 5);
	set("a", 5);
	set("c", 1);
	set("ab", 5);
	expect_next("c", 1);
	expect_next("a", 5);
	expect_next("ab", 5);
	expect_next("b", 5);
	assert_false(jobs_next_due(&jobs, &due_ns));
	expect_counts(0, 4, 0, 0);
}

static void
a_job_goes_through_its_phases(void **state)
{
	(void)state;
	set("a", 5);
	expect_counts(1, 0, 0, 0);
	expect_next("a", 5);
	assert_int_equal(get("a")->phase, PHASE_TAKEN);
	expect_counts(0, 1, 0, 0);
	run(RECORD_JOB_TRIGGER, "a", 1, 0, 0);
	run(RECORD_JOB_START, "a", 1, 0, 0);
	assert_int_equal(get("a")->phase, PHASE_RUNNING);
	assert_ptr_equal(get("a")->extra->execution, &jobs);
	run(RECORD_JOB_FINISH, "a", 1, 1, 0);
	expect_counts(0, 0, 1, 0);
	run(RECORD_JOB_TRIGGER, "a", 2, 0, 0); /* RUN */
	run(RECORD_JOB_FINISH, "a", 2, 2, 0);
	expect_counts(0, 0, 0, 1);
	set("a", 9);
	expect_counts(1, 0, 0, 0);
	expect_next("a", 9);
	run(RECORD_JOB_TRIGGER, "a", 3, 0, 0);
	run(RECORD_JOB_FINISH, "a", 3, 1, 77); /* recurring */
	expect_counts(1, 0, 0, 0);
	expect_next("a", 77);
}

static void
a_trigger_takes_a_job_out_of_the_plan(void **state)
{
	int64_t due_ns;

	(void)state;
	set("a", 5);
	run(RECORD_JOB_TRIGGER, "a", 1, 0, 0); /* RUN, or recovery */
	assert_false(jobs_next_due(&jobs, &due_ns));
	expect_counts(0, 1, 0, 0);
	jobs_apply_remove(&jobs, slice_str("a"));
	expect_counts(0, 0, 0, 0);
	run(RECORD_JOB_START, "a", 1, 0, 0); /* unknown by now */
	run(RECORD_JOB_FINISH, "a", 1, 1, 0);
	run(RECORD_JOB_TRIGGER, "a", 1, 1, 0);
	jobs_apply_remove(&jobs, slice_str("a"));
	expect_counts(0, 0, 0, 0);
}

static void
a_plan_is_kept_and_replaced(void **state)
{
	const struct job_plan *plan;

	(void)state;
	set_plan((struct record_set){ .job = slice_str("a"),
	    .due_ns = 1,
	    .every_ns = 2,
	    .until_ns = 3,
	    .jitter_ns = 4,
	    .cron = slice_str("cron"),
	    .zone = slice_str("zone"),
	    .payload = slice_of("pay\0load", 8) });
	plan = get("a")->extra->plan;
	assert_int_equal(plan->every_ns, 2);
	assert_int_equal(plan->until_ns, 3);
	assert_int_equal(plan->jitter_ns, 4);
	assert_string_equal(plan->cron, "cron");
	assert_string_equal(plan->zone, "zone");
	assert_int_equal(plan->payload_len, 8);
	assert_memory_equal(plan->payload, "pay\0load", 9);
	set("a", 5);
	assert_null(get("a")->extra->plan);
	set_plan((struct record_set){ .job = slice_str("b"),
	    .payload = slice_str("") });
	assert_int_equal(get("b")->extra->plan->payload_len, 0);
	assert_string_equal(get("b")->extra->plan->payload, "");
	set("c", 1);
	assert_null(get("c")->extra); /* most jobs are small */
}

static void
the_history_outlives_a_set(void **state)
{
	size_t n;

	(void)state;
	set("a", 5);
	run(RECORD_JOB_TRIGGER, "a", 1, 0, 0);
	run(RECORD_JOB_FINISH, "a", 1, 1, 0);
	n = job_history(get("a")).len;
	assert_true(n > 0);
	set("a", 6);
	assert_int_equal(job_history(get("a")).len, n);
	run(RECORD_JOB_TRIGGER, "a", 2, 0, 0);
	run(RECORD_JOB_FINISH, "a", 2, 1, 0);
	assert_int_equal(job_history(get("a")).len, 2 * n);
	jobs_apply_remove(&jobs, slice_str("a"));
	set("a", 6);
	assert_int_equal(job_history(get("a")).len, 0);
}

static void
changing(void *ctx, const struct job *job, bool removed)
{
	assert_ptr_equal(ctx, &n_changes);
	assert_int_equal(job->id_len, 1);
	n_changes++;
	last_removed = removed;
}

static void
who_has_run_is_told_of_changes(void **state)
{
	(void)state;
	jobs.changing = changing;
	jobs.changing_ctx = &n_changes;
	set("a", 5);
	set("a", 6);
	assert_int_equal(n_changes, 0);
	run(RECORD_JOB_TRIGGER, "a", 1, 0, 0);
	set("a", 5);
	assert_int_equal(n_changes, 1);
	assert_false(last_removed);
	jobs_apply_remove(&jobs, slice_str("a"));
	assert_int_equal(n_changes, 2);
	assert_true(last_removed);
}

static void
what_was_due_before_the_start_is_missed(void **state)
{
	uint32_t ref;
	bool missed;

	(void)state;
	set("old", 100);
	jobs.floor_ns = 1000;
	set("new", 50); /* for a time in the past, but set since */
	set("later", 2000);
	ref = jobs_first_due(&jobs, 5000, &missed);
	assert_true(slice_eq(job_id(jobs_get(&jobs, ref)), slice_str("old")));
	assert_true(missed);
	jobs_apply_remove(&jobs, slice_str("old"));
	ref = jobs_first_due(&jobs, 5000, &missed);
	assert_true(slice_eq(job_id(jobs_get(&jobs, ref)), slice_str("new")));
	assert_false(missed);
	assert_int_equal(jobs_get(&jobs, ref)->due_ns, 50);
	jobs_postpone(&jobs, ref, 3000);
	ref = jobs_first_due(&jobs, 5000, &missed);
	assert_true(slice_eq(job_id(jobs_get(&jobs, ref)), slice_str("later")));
}

/* Loading from an image gives what applying the records gave. */
static void
a_loaded_job_is_the_same(void **state)
{
	const struct record_set plan = { .job = slice_str("b"),
		.due_ns = 7,
		.payload = slice_str("p") };
	struct job_run r = { PHASE_QUEUED, 9, 5, 2, 11, 0, 0, 0, 0 };
	struct job *job;

	(void)state;
	set("a", 5);
	run(RECORD_JOB_TRIGGER, "a", 1, 0, 0);
	run(RECORD_JOB_FINISH, "a", 1, 1, 0);
	assert_int_equal(jobs_reserve(&jobs, 1), 0);
	assert_int_equal(
	    jobs_load(&jobs, &plan, &r, job_history(get("a")), slice_str("")),
	    0);
	job = get("b");
	assert_int_equal(job->phase, PHASE_QUEUED);
	assert_int_equal(job->due_ns, 9);
	assert_int_equal(job->extra->execution_id, 5);
	assert_int_equal(job->extra->attempt, 2);
	assert_int_equal(job->extra->started_ns, 11);
	assert_string_equal(job->extra->plan->payload, "p");
	assert_true(slice_eq(job_history(job), job_history(get("a"))));
	expect_counts(0, 1, 1, 0);
	r = (struct job_run){ PHASE_PLANNED, 3, 0, 0, 0, 0, 0, 0, 0 };
	assert_int_equal(jobs_reserve(&jobs, 1), 0);
	assert_int_equal(jobs_load(&jobs,
			     &(struct record_set){ .job = slice_str("c") }, &r,
			     slice_of("", 0), slice_of("", 0)),
	    0);
	assert_null(get("c")->extra);
	expect_next("c", 3);
}

static void
random_changes_keep_counts_and_memory(void **state)
{
	struct prng p = { 3 };
	size_t used;
	char id[16];

	(void)state;
	for (unsigned i = 0; i < 30000; i++) {
		(void)snprintf(id, sizeof(id), "%u", prng_below(&p, 300));
		switch (prng_below(&p, 6)) {
		case 0:
			jobs_apply_remove(&jobs, slice_str(id));
			break;
		case 1:
			run(RECORD_JOB_TRIGGER, id, i, 0, 0);
			break;
		case 2:
			if (get(id) != NULL && get(id)->extra != NULL)
				run(RECORD_JOB_FINISH, id,
				    get(id)->extra->execution_id,
				    prng_below(&p, 3), prng_below(&p, 2) * 100);
			break;
		case 3:
			set_plan((struct record_set){ .job = slice_str(id),
			    .due_ns = i,
			    .payload = slice_str(id) });
			break;
		default:
			set(id, prng_below(&p, 1000));
		}
		assert_int_equal(jobs.count[JOB_PLANNED], jobs.due.n);
	}
	expect_counts(jobs.count[JOB_PLANNED], jobs.count[JOB_TRIGGERED],
	    jobs.count[JOB_EXECUTED], jobs.count[JOB_FAILED]);
	for (unsigned i = 0; i < 300; i++) {
		(void)snprintf(id, sizeof(id), "%u", i);
		jobs_apply_remove(&jobs, slice_str(id));
	}
	used = jobs.arena.used_bytes;
	assert_int_equal(used, 0);
	expect_counts(0, 0, 0, 0);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(jobs_come_by_time_then_identifier),
		TEST(a_job_goes_through_its_phases),
		TEST(a_trigger_takes_a_job_out_of_the_plan),
		TEST(a_plan_is_kept_and_replaced),
		TEST(the_history_outlives_a_set),
		TEST(who_has_run_is_told_of_changes),
		TEST(what_was_due_before_the_start_is_missed),
		TEST(a_loaded_job_is_the_same),
		TEST(random_changes_keep_counts_and_memory),
	};

	return cmocka_run_group_tests_name("jobs", tests, NULL, NULL);
}
