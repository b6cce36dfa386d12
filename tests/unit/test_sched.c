#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "frame.h"
#include "sched_rig.h"
#include "tstamp.h"

#define T0 (1000000 * NS_PER_S)
#define HOUR (3600 * NS_PER_S)

static struct rig rig;

static int
teardown(void **state)
{
	(void)state;
	rig_end(&rig);
	return 0;
}

/* A rig at T0 with a rule for everything that begins with "a". */
static void
begin(const char *path, unsigned max_inflight)
{
	rig_begin(&rig, path, max_inflight, T0);
	box_rule(&rig.box, "rule", "a", "shell true");
	rig_settle(&rig);
}

static void
set(const char *job, int64_t due_ns)
{
	box_set(&rig.box, job, due_ns);
	rig_settle(&rig);
}

/* The disk is full, and has space again. */
static void
disk_full(void)
{
	fault_at(FAULT_PWRITEV, 1, FAULT_ALWAYS, ENOSPC);
}

static void
disk_free(void)
{
	fault_none();
}

/* Order and time. */

static void
jobs_run_by_due_time_then_identifier(void **state)
{
	(void)state;
	begin(NULL, 64);
	set("a.c", T0 + 5);
	set("a.a", T0 + 5);
	set("a.z", T0 + 1);
	set("a.b", T0 + 5);
	set("a.0", T0 + 9);
	set("a.later", T0 + NS_PER_S);
	rig_at(&rig, T0 + NS_PER_S / 2);
	rig_expect(&rig, "a.z a.a a.b a.c a.0");
	rig_expect_stats(&rig, 0, 5);
	rig_expect_phase(&rig, "a.a", PHASE_RUNNING);
	rig_finish(&rig, 1, RUN_SUCCESS);
	rig_finish(&rig, 0, RUN_FAILURE);
	rig_expect_phase(&rig, "a.a", PHASE_EXECUTED);
	rig_expect_phase(&rig, "a.z", PHASE_FAILED);
	rig_expect_phase(&rig, "a.later", PHASE_PLANNED);
}

static void
a_job_runs_in_the_first_frame_not_before_it_is_due(void **state)
{
	int64_t frame = frame_of(T0, RIG_FRAMERATE);

	(void)state;
	begin(NULL, 64);
	set("a.1", frame_start(frame, RIG_FRAMERATE) + 1);
	assert_int_equal(sched_wake_ns(rig.sched, T0),
	    frame_start(frame + 1, RIG_FRAMERATE));
	rig_at(&rig, frame_start(frame + 1, RIG_FRAMERATE) - 1);
	rig_expect(&rig, "");
	assert_int_equal(rig.again_ns, frame_start(frame + 1, RIG_FRAMERATE));
	rig_at(&rig, frame_start(frame + 1, RIG_FRAMERATE));
	rig_expect(&rig, "a.1");
	set("a.2", frame_start(frame + 7, RIG_FRAMERATE));
	rig_at(&rig, frame_start(frame + 7, RIG_FRAMERATE) - 1);
	rig_expect(&rig, "a.1");
	rig_at(&rig, frame_start(frame + 7, RIG_FRAMERATE));
	rig_expect(&rig, "a.1 a.2");
}

static void
with_nothing_planned_nothing_wakes(void **state)
{
	(void)state;
	begin(NULL, 64);
	rig_at(&rig, T0);
	assert_int_equal(rig.again_ns, SCHED_NEVER);
	assert_int_equal(sched_wake_ns(rig.sched, T0), SCHED_NEVER);
	set("a.1", T0 + HOUR);
	assert_int_equal(sched_wake_ns(rig.sched, T0), T0 + HOUR);
	set("a.far", TSTAMP_MAX_NS);
	box_remove(&rig.box, "a.1");
	rig_settle(&rig);
	assert_true(sched_wake_ns(rig.sched, T0) >= TSTAMP_MAX_NS);
}

static void
what_is_due_at_once_goes_in_slices(void **state)
{
	char name[32];

	(void)state;
	begin(NULL, 2000);
	for (unsigned i = 0; i < 2 * SCHED_SLICE + 10; i++) {
		(void)snprintf(name, sizeof(name), "a.%04u", i);
		box_set(&rig.box, name, T0);
	}
	rig_settle(&rig);
	rig_tick(&rig, T0);
	assert_int_equal(rig.n_runs, SCHED_SLICE);
	assert_int_equal(rig.again_ns, T0);
	rig_tick(&rig, T0);
	assert_int_equal(rig.again_ns, T0);
	rig_tick(&rig, T0);
	assert_int_equal(rig.again_ns, SCHED_NEVER);
	assert_int_equal(rig.n_runs, 2 * SCHED_SLICE + 10);
	for (unsigned i = 0; i < rig.n_runs; i++) {
		(void)snprintf(name, sizeof(name), "a.%04u", i);
		assert_string_equal(rig.run[i]->job, name);
	}
}

static void
so_many_run_at_once_and_no_more(void **state)
{
	char name[32];

	(void)state;
	begin(NULL, 3);
	for (unsigned i = 0; i < 10; i++) {
		(void)snprintf(name, sizeof(name), "a.%u", i);
		set(name, T0);
	}
	rig_at(&rig, T0);
	rig_expect(&rig, "a.0 a.1 a.2");
	rig_expect_stats(&rig, 7, 3);
	rig_finish(&rig, 1, RUN_SUCCESS);
	rig_expect(&rig, "a.0 a.2 a.3");
	rig_finish_all(&rig);
	assert_int_equal(rig.n_submitted, 10);
	rig_expect_stats(&rig, 0, 0);
	assert_int_equal(store_jobs(rig.box.store)->count[JOB_EXECUTED], 10);
}

static void
a_clock_that_jumps_forward_makes_all_due(void **state)
{
	(void)state;
	begin(NULL, 64);
	set("a.3", T0 + 3 * HOUR);
	set("a.1", T0 + HOUR);
	set("a.9", T0 + 9 * HOUR);
	set("a.2", T0 + 2 * HOUR);
	rig_at(&rig, T0 + 5 * HOUR);
	rig_expect(&rig, "a.1 a.2 a.3");
}

static void
a_clock_that_jumps_back_makes_nothing_run_twice(void **state)
{
	(void)state;
	begin(NULL, 64);
	set("a.1", T0 + HOUR);
	set("a.2", T0 + 3 * HOUR);
	rig_at(&rig, T0 + 2 * HOUR);
	rig_expect(&rig, "a.1");
	rig_finish_all(&rig);
	rig_at(&rig, T0);
	rig_at(&rig, T0 + HOUR);
	rig_at(&rig, T0 + 2 * HOUR);
	rig_expect(&rig, "");
	rig_at(&rig, T0 + 3 * HOUR);
	rig_expect(&rig, "a.2");
	assert_int_equal(rig.n_submitted, 2);
}

/* The clock was wrong when the server started, and is put right. */
static void
what_is_set_after_a_jump_back_runs_on_time(void **state)
{
	(void)state;
	begin(NULL, 64);
	rig_at(&rig, T0);
	rig_at(&rig, T0 - HOUR);
	set("a.1", T0 - HOUR + 2 * NS_PER_S);
	assert_int_equal(sched_wake_ns(rig.sched, T0 - HOUR),
	    T0 - HOUR + 2 * NS_PER_S);
	rig_at(&rig, T0 - HOUR + 2 * NS_PER_S);
	rig_expect(&rig, "a.1");
}

/* Changes to a job on its way. */

static void
a_queued_job_that_is_set_anew_waits_again(void **state)
{
	(void)state;
	begin(NULL, 1);
	set("a.1", T0);
	set("a.2", T0);
	rig_at(&rig, T0);
	rig_expect(&rig, "a.1");
	rig_expect_phase(&rig, "a.2", PHASE_QUEUED);
	set("a.2", T0 + HOUR);
	rig_expect_phase(&rig, "a.2", PHASE_PLANNED);
	rig_expect_stats(&rig, 0, 1);
	rig_finish_all(&rig);
	rig_at(&rig, T0 + 1);
	assert_int_equal(rig.n_submitted, 1);
	rig_at(&rig, T0 + HOUR);
	rig_expect(&rig, "a.2");
}

static void
a_running_job_that_is_set_anew_runs_again(void **state)
{
	(void)state;
	begin(NULL, 2);
	set("a.1", T0);
	rig_at(&rig, T0);
	set("a.1", T0 + 5);
	rig_expect_phase(&rig, "a.1", PHASE_PLANNED);
	rig_at(&rig, T0 + NS_PER_S);
	rig_expect(&rig, "a.1 a.1");
	rig_finish(&rig, 0, RUN_FAILURE);
	rig_expect_phase(&rig, "a.1", PHASE_RUNNING);
	rig_finish(&rig, 0, RUN_SUCCESS);
	rig_expect_phase(&rig, "a.1", PHASE_EXECUTED);
	assert_int_equal(rig.n_submitted, 2);
}

static void
a_removed_job_never_starts(void **state)
{
	(void)state;
	begin(NULL, 1);
	set("a.1", T0);
	set("a.2", T0);
	set("a.3", T0);
	rig_at(&rig, T0);
	box_remove(&rig.box, "a.2");
	rig_settle(&rig);
	rig_finish_all(&rig);
	rig_expect_phase(&rig, "a.2", PHASE_COUNT);
	assert_int_equal(rig.n_submitted, 2);
}

static void
a_job_removed_while_running_stays_away(void **state)
{
	(void)state;
	begin(NULL, 2);
	set("a.1", T0);
	rig_at(&rig, T0);
	box_remove(&rig.box, "a.1");
	rig_settle(&rig);
	rig_expect_phase(&rig, "a.1", PHASE_COUNT);
	rig_finish_all(&rig);
	rig_expect_phase(&rig, "a.1", PHASE_COUNT);
	assert_true(sched_idle(rig.sched));
}

static void
a_run_tells_nothing_of_a_new_job_of_that_name(void **state)
{
	struct job *job;

	(void)state;
	begin(NULL, 2);
	set("a.1", T0);
	rig_at(&rig, T0);
	box_remove(&rig.box, "a.1");
	rig_settle(&rig);
	box_set_payload(&rig.box, "a.1", T0 + HOUR, "new");
	rig_settle(&rig);
	rig_finish_all(&rig);
	job = box_job(&rig.box, "a.1");
	assert_int_equal(job->phase, PHASE_PLANNED);
	assert_int_equal(job_history(job).len, 0);
	rig_at(&rig, T0 + HOUR);
	assert_int_equal(rig.n_runs, 1);
	assert_string_equal(rig.run[0]->payload, "new");
}

/* RUN. */

static void
a_planned_job_may_be_run_now(void **state)
{
	(void)state;
	begin(NULL, 2);
	set("a.1", T0 + HOUR);
	assert_int_equal(rig_run(&rig, "a.1"), 0);
	rig_expect(&rig, "a.1");
	rig_finish_all(&rig);
	rig_expect_phase(&rig, "a.1", PHASE_EXECUTED);
	rig_at(&rig, T0 + 2 * HOUR);
	assert_int_equal(rig.n_submitted, 1);
	assert_int_equal(rig_run(&rig, "a.1"), 0);
	rig_expect(&rig, "a.1");
	rig_finish(&rig, 0, RUN_FAILURE);
	rig_expect_phase(&rig, "a.1", PHASE_FAILED);
	assert_int_equal(rig_run(&rig, "a.1"), 0);
	rig_finish_all(&rig);
	assert_int_equal(rig.n_submitted, 3);
}

static void
only_what_is_there_and_idle_may_be_run(void **state)
{
	(void)state;
	begin(NULL, 1);
	assert_int_equal(rig_run(&rig, "a.none"), -1);
	assert_int_equal(rig.box.err.code, ERR_NOT_FOUND);
	set("a.1", T0);
	set("a.2", T0);
	rig_at(&rig, T0);
	assert_int_equal(rig_run(&rig, "a.1"), -1);
	assert_int_equal(rig.box.err.code, ERR_CONFLICT);
	assert_non_null(strstr(rig.box.err.msg, "running"));
	assert_int_equal(rig_run(&rig, "a.2"), -1);
	assert_int_equal(rig.box.err.code, ERR_CONFLICT);
	assert_non_null(strstr(rig.box.err.msg, "queued"));
}

static void
a_run_asked_for_is_not_due_besides(void **state)
{
	struct store_waiter w;
	struct err e;

	(void)state;
	begin(NULL, 2);
	w = box_waiter(&rig.box);
	set("a.1", T0);
	assert_int_equal(sched_run_job(rig.sched, slice_str("a.1"), &w, &e), 0);
	rig_at(&rig, T0); /* its record is under way */
	rig_expect(&rig, "a.1");
	rig_at(&rig, T0 + HOUR);
	assert_int_equal(rig.n_submitted, 1);
}

/* Rules. */

static void
a_paused_rule_holds_its_jobs(void **state)
{
	(void)state;
	begin(NULL, 4);
	box_rule_pause(&rig.box, "rule", true);
	set("a.1", T0);
	set("a.2", T0 + 1);
	rig_at(&rig, T0 + NS_PER_S);
	rig_expect(&rig, "");
	rig_expect_stats(&rig, 2, 0);
	assert_string_equal(rig_hold(&rig, "a.1"), "paused");
	rig_expect_phase(&rig, "a.1", PHASE_QUEUED);
	box_rule_pause(&rig.box, "rule", false);
	rig_settle(&rig);
	rig_expect(&rig, "a.1 a.2");
	assert_string_equal(rig_hold(&rig, "a.1"), "-");
}

static void
a_rule_may_be_paused_while_its_jobs_wait(void **state)
{
	(void)state;
	begin(NULL, 1);
	set("a.1", T0);
	set("a.2", T0);
	rig_at(&rig, T0);
	box_rule_pause(&rig.box, "rule", true);
	rig_settle(&rig);
	rig_finish_all(&rig);
	rig_expect(&rig, "");
	rig_expect_phase(&rig, "a.1", PHASE_EXECUTED);
	assert_string_equal(rig_hold(&rig, "a.2"), "paused");
	box_rule(&rig.box, "rule", "a", "shell false"); /* set anew: runs */
	rig_settle(&rig);
	rig_expect(&rig, "a.2");
}

static void
what_a_removed_rule_held_runs_with_it(void **state)
{
	(void)state;
	begin(NULL, 4);
	box_rule_pause(&rig.box, "rule", true);
	set("a.1", T0);
	rig_at(&rig, T0);
	box_rule_remove(&rig.box, "rule");
	rig_settle(&rig);
	rig_expect(&rig, "a.1");
	assert_string_equal(rig.run[0]->rule, "rule");
	set("a.2", T0);
	rig_at(&rig, T0 + NS_PER_S); /* falls due after: it has no rule */
	rig_expect_phase(&rig, "a.2", PHASE_FAILED);
	rig_finish_all(&rig);
	rig_expect_phase(&rig, "a.1", PHASE_EXECUTED);
}

static void
a_held_job_may_be_removed_and_set_anew(void **state)
{
	(void)state;
	begin(NULL, 4);
	box_rule_pause(&rig.box, "rule", true);
	set("a.1", T0);
	set("a.2", T0);
	rig_at(&rig, T0);
	box_remove(&rig.box, "a.1");
	set("a.2", T0 + HOUR);
	rig_expect_stats(&rig, 0, 0);
	box_rule_pause(&rig.box, "rule", false);
	rig_settle(&rig);
	rig_expect(&rig, "");
	rig_at(&rig, T0 + HOUR);
	rig_expect(&rig, "a.2");
}

static void
the_rule_at_the_due_time_counts(void **state)
{
	(void)state;
	begin(NULL, 1);
	set("a.1", T0);
	set("a.2", T0);
	rig_at(&rig, T0);
	box_rule(&rig.box, "longer", "a.2", "direct /bin/false");
	box_rule(&rig.box, "rule", "a", "direct /bin/true");
	rig_settle(&rig);
	rig_finish_all(&rig); /* a.2 was queued before: the old rule's runner */
	assert_int_equal(rig.n_submitted, 2);
	set("a.2", T0);
	rig_at(&rig, T0 + NS_PER_S);
	assert_string_equal(rig.run[0]->rule, "longer");
	assert_int_equal(rig.run[0]->spec->runner, RUNNER_DIRECT);
}

static void
a_job_without_a_rule_fails(void **state)
{
	(void)state;
	begin(NULL, 4);
	set("b.1", T0);
	rig_at(&rig, T0);
	rig_expect(&rig, "");
	rig_expect_phase(&rig, "b.1", PHASE_FAILED);
	rig_expect_stats(&rig, 0, 0);
}

/* Restarts. */

static void
what_was_due_meanwhile_runs_at_the_start(void **state)
{
	(void)state;
	begin("log", 4);
	set("a.1", T0 + 2);
	set("a.2", T0 + 1);
	set("a.9", T0 + 9 * HOUR);
	rig_restart(&rig, T0 + HOUR);
	rig_at(&rig, T0 + HOUR);
	rig_expect(&rig, "a.2 a.1");
	rig_finish_all(&rig);
	rig_restart(&rig, T0 + 2 * HOUR);
	rig_at(&rig, T0 + 2 * HOUR);
	rig_expect(&rig, "");
	rig_expect_phase(&rig, "a.1", PHASE_EXECUTED);
}

static void
what_was_due_meanwhile_may_be_missed(void **state)
{
	(void)state;
	begin("log", 4);
	box_rule(&rig.box, "skip", "a.s", "shell true -- misfire=skip");
	set("a.s1", T0 + 2);
	set("a.r1", T0 + 2);
	set("a.s9", T0 + 2 * HOUR);
	rig_restart(&rig, T0 + HOUR);
	/* This one was not planned then. */
	set("a.s2", T0 + 3);
	rig_at(&rig, T0 + HOUR);
	rig_expect(&rig, "a.r1 a.s2");
	rig_expect_phase(&rig, "a.s1", PHASE_FAILED);
	rig_at(&rig, T0 + 2 * HOUR);
	rig_expect(&rig, "a.r1 a.s2 a.s9");
}

static void
what_ran_in_a_crash_runs_again(void **state)
{
	(void)state;
	begin("log", 2);
	set("a.1", T0);
	set("a.2", T0);
	set("a.3", T0);
	rig_at(&rig, T0);
	rig_expect_phase(&rig, "a.3", PHASE_QUEUED);
	rig_kill(&rig, T0 + 5);
	rig_expect(&rig, "a.1 a.2");
	assert_int_equal(rig.run[0]->attempt, 2);
	rig_finish_all(&rig);
	assert_int_equal(rig.n_submitted, 5);
	assert_int_equal(store_jobs(rig.box.store)->count[JOB_EXECUTED], 3);
}

static void
what_ran_in_a_crash_may_be_lost(void **state)
{
	(void)state;
	begin("log", 2);
	box_rule(&rig.box, "once", "a.o", "shell true -- on_crash=fail");
	set("a.o1", T0);
	set("a.o2", T0);
	set("a.o3", T0);
	rig_at(&rig, T0);
	rig_expect(&rig, "a.o1 a.o2");
	rig_kill(&rig, T0 + 5);
	rig_expect(&rig, "a.o3");
	rig_expect_phase(&rig, "a.o1", PHASE_FAILED);
	rig_expect_phase(&rig, "a.o2", PHASE_FAILED);
	rig_finish_all(&rig);
	rig_kill(&rig, T0 + 6);
	rig_expect(&rig, "");
	rig_expect_phase(&rig, "a.o1", PHASE_FAILED);
	rig_expect_phase(&rig, "a.o3", PHASE_EXECUTED);
}

static void
at_most_once_starts_when_that_is_durable(void **state)
{
	(void)state;
	begin("log", 2);
	box_rule(&rig.box, "once", "a.o", "shell true -- on_crash=fail");
	set("a.o1", T0);
	sched_tick(rig.sched, T0);
	box_settle(&rig.box); /* its TRIGGER is durable */
	sched_start(rig.sched);
	rig_expect(&rig, "");
	rig_expect_stats(&rig, 0, 1);
	rig_settle(&rig); /* its START is */
	rig_expect(&rig, "a.o1");
}

static void
held_and_paused_survive_a_restart(void **state)
{
	(void)state;
	begin("log", 2);
	box_rule_pause(&rig.box, "rule", true);
	set("a.1", T0);
	rig_at(&rig, T0);
	rig_restart(&rig, T0 + 1);
	rig_at(&rig, T0 + 1);
	assert_string_equal(rig_hold(&rig, "a.1"), "paused");
	box_rule_pause(&rig.box, "rule", false);
	rig_settle(&rig);
	rig_expect(&rig, "a.1");
}

static void
a_drain_starts_nothing(void **state)
{
	(void)state;
	begin("log", 1);
	set("a.1", T0);
	set("a.2", T0);
	set("a.3", T0 + HOUR);
	rig_at(&rig, T0);
	sched_drain(rig.sched);
	rig_at(&rig, T0 + 2 * HOUR);
	assert_false(sched_idle(rig.sched) && rig.n_runs == 0);
	rig_finish_all(&rig);
	assert_true(sched_idle(rig.sched));
	assert_int_equal(rig.n_submitted, 1);
	assert_int_equal(sched_wake_ns(rig.sched, T0 + 2 * HOUR), SCHED_NEVER);
	rig_restart(&rig, T0 + 2 * HOUR);
	rig_at(&rig, T0 + 2 * HOUR);
	rig_expect(&rig, "a.2");
	rig_finish(&rig, 0, RUN_SUCCESS);
	rig_expect(&rig, "a.3");
}

/* The disk. */

static void
a_trigger_that_is_refused_waits(void **state)
{
	(void)state;
	begin("log", 2);
	set("a.1", T0);
	set("a.2", T0);
	set("a.3", T0);
	disk_full();
	rig_at(&rig, T0);
	rig_expect(&rig, "");
	assert_string_equal(rig_hold(&rig, "a.1"), "storage");
	assert_true(rig.again_ns > T0);
	assert_true(sched_wake_ns(rig.sched, T0) <= T0 + NS_PER_S);
	rig_at(&rig, T0 + NS_PER_S); /* asks again, in vain */
	rig_expect(&rig, "");
	disk_free();
	rig_at(&rig, sched_wake_ns(rig.sched, rig.now_ns));
	rig_expect(&rig, "a.1 a.2");
	rig_finish_all(&rig);
	assert_int_equal(rig.n_submitted, 3);
	assert_string_equal(rig_hold(&rig, "a.3"), "-");
	assert_int_equal(store_jobs(rig.box.store)->count[JOB_EXECUTED], 3);
}

static void
a_result_that_is_refused_is_kept(void **state)
{
	(void)state;
	begin("log", 2);
	set("a.1", T0);
	set("a.2", T0 + 1);
	rig_at(&rig, T0);
	disk_full();
	rig_finish(&rig, 0, RUN_SUCCESS);
	rig_expect_phase(&rig, "a.1", PHASE_RUNNING);
	assert_false(sched_idle(rig.sched));
	rig_at(&rig, T0 + NS_PER_S);
	rig_expect(&rig, ""); /* no further job meanwhile */
	disk_free();
	rig_at(&rig, T0 + 2 * NS_PER_S);
	rig_expect_phase(&rig, "a.1", PHASE_EXECUTED);
	rig_at(&rig, T0 + 3 * NS_PER_S);
	rig_finish_all(&rig);
	assert_int_equal(rig.n_submitted, 2);
	rig_restart(&rig, T0 + HOUR);
	rig_expect_phase(&rig, "a.1", PHASE_EXECUTED);
}

static void
a_start_that_is_refused_waits(void **state)
{
	(void)state;
	begin("log", 2);
	box_rule(&rig.box, "once", "a.o", "shell true -- on_crash=fail");
	set("a.o1", T0);
	sched_tick(rig.sched, T0);
	box_settle(&rig.box);
	disk_full();
	rig_settle(&rig);
	rig_expect(&rig, "");
	rig_expect_stats(&rig, 1, 0);
	assert_string_equal(rig_hold(&rig, "a.o1"), "storage");
	disk_free();
	rig_at(&rig, T0 + NS_PER_S);
	rig_expect(&rig, "a.o1");
	assert_int_equal(rig.n_submitted, 1);
}

/* Whose start was refused has not begun: REMOVE takes it back. */
static void
what_waits_for_the_disk_may_be_removed(void **state)
{
	(void)state;
	begin("log", 2);
	box_rule(&rig.box, "once", "a.o", "shell true -- on_crash=fail");
	set("a.o1", T0);
	set("a.t1", T0 + 5 * NS_PER_S);
	sched_tick(rig.sched, T0);
	box_settle(&rig.box);
	disk_full();
	rig_settle(&rig);
	disk_free();
	box_remove(&rig.box, "a.o1");
	rig_settle(&rig);
	rig_expect_phase(&rig, "a.o1", PHASE_COUNT);
	rig_at(&rig, T0 + NS_PER_S);
	rig_expect(&rig, "");
	rig_expect_stats(&rig, 0, 0);
	/* So does a job whose trigger was refused. */
	disk_full();
	rig_at(&rig, T0 + 5 * NS_PER_S);
	disk_free();
	box_remove(&rig.box, "a.t1");
	rig_settle(&rig);
	rig_at(&rig, T0 + HOUR);
	assert_int_equal(rig.n_submitted, 0);
	assert_true(sched_idle(rig.sched));
}

static void
a_run_that_is_refused_is_told(void **state)
{
	(void)state;
	begin("log", 2);
	set("a.1", T0 + HOUR);
	disk_full();
	assert_int_equal(rig_run(&rig, "a.1"), -1);
	assert_int_equal(rig.n_run_answers, 1);
	assert_int_equal(rig.box.err.code, ERR_STORAGE);
	rig_expect_phase(&rig, "a.1", PHASE_PLANNED);
	disk_free();
	rig_at(&rig, T0 + NS_PER_S);
	rig_expect(&rig, "");
	rig_at(&rig, T0 + HOUR);
	rig_expect(&rig, "a.1");
}

static void
the_disk_is_asked_again_although_the_clock_jumps_back(void **state)
{
	(void)state;
	begin("log", 2);
	set("a.1", T0);
	disk_full();
	rig_at(&rig, T0);
	disk_free();
	rig_set_clock(&rig, T0 - HOUR);
	assert_true(sched_look_at_clock(rig.sched, rig.now_ns));
	assert_true(
	    sched_wake_ns(rig.sched, T0 - HOUR) <= T0 - HOUR + NS_PER_S);
	rig_at(&rig, T0 - HOUR + NS_PER_S);
	rig_expect(&rig, "a.1");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, teardown)
	const struct CMUnitTest tests[] = {
		TEST(jobs_run_by_due_time_then_identifier),
		TEST(a_job_runs_in_the_first_frame_not_before_it_is_due),
		TEST(with_nothing_planned_nothing_wakes),
		TEST(what_is_due_at_once_goes_in_slices),
		TEST(so_many_run_at_once_and_no_more),
		TEST(a_clock_that_jumps_forward_makes_all_due),
		TEST(a_clock_that_jumps_back_makes_nothing_run_twice),
		TEST(what_is_set_after_a_jump_back_runs_on_time),
		TEST(a_queued_job_that_is_set_anew_waits_again),
		TEST(a_running_job_that_is_set_anew_runs_again),
		TEST(a_removed_job_never_starts),
		TEST(a_job_removed_while_running_stays_away),
		TEST(a_run_tells_nothing_of_a_new_job_of_that_name),
		TEST(a_planned_job_may_be_run_now),
		TEST(only_what_is_there_and_idle_may_be_run),
		TEST(a_run_asked_for_is_not_due_besides),
		TEST(a_paused_rule_holds_its_jobs),
		TEST(a_rule_may_be_paused_while_its_jobs_wait),
		TEST(what_a_removed_rule_held_runs_with_it),
		TEST(a_held_job_may_be_removed_and_set_anew),
		TEST(the_rule_at_the_due_time_counts),
		TEST(a_job_without_a_rule_fails),
		TEST(what_was_due_meanwhile_runs_at_the_start),
		TEST(what_was_due_meanwhile_may_be_missed),
		TEST(what_ran_in_a_crash_runs_again),
		TEST(what_ran_in_a_crash_may_be_lost),
		TEST(at_most_once_starts_when_that_is_durable),
		TEST(held_and_paused_survive_a_restart),
		TEST(a_drain_starts_nothing),
		TEST(a_trigger_that_is_refused_waits),
		TEST(a_result_that_is_refused_is_kept),
		TEST(a_start_that_is_refused_waits),
		TEST(what_waits_for_the_disk_may_be_removed),
		TEST(a_run_that_is_refused_is_told),
		TEST(the_disk_is_asked_again_although_the_clock_jumps_back),
	};

	return cmocka_run_group_tests_name("sched", tests, NULL, NULL);
}
