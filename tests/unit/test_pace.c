/* What the scheduler tells of itself: executions counted, and how late. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "frame.h"
#include "pace.h"
#include "sched_rig.h"
#include "tstamp.h"

#define T0 (1000000 * NS_PER_S)
#define HOUR (3600 * NS_PER_S)
#define PATH "/log"
/* What looking at the clocks of a test takes. */
#define SLACK_NS NS_PER_MS

static struct rig rig;
static struct pace pace;

static void
on_event(void *arg, const struct sched_event *event)
{
	(void)arg;
	pace_observe(&pace, event, 0);
}

/* A rule for everything that begins with "a". */
static void
begin(const char *path)
{
	memset(&pace, 0, sizeof(pace));
	rig_begin(&rig, path, 64, T0);
	rig.on_event = on_event;
	box_rule(&rig.box, "rule", "a", "shell true -- retries=1");
	rig_settle(&rig);
}

static int
teardown(void **state)
{
	(void)state;
	rig_end(&rig);
	return 0;
}

static void
set(const char *job, int64_t due_ns)
{
	sched_before_changes(rig.sched, rig.now_ns);
	box_set(&rig.box, job, due_ns);
	rig_settle(&rig);
}

static void
expect_frames(uint64_t frames, uint64_t late)
{
	struct sched_stats stats;

	sched_stats(rig.sched, &stats);
	assert_int_equal(stats.frames, frames);
	assert_int_equal(stats.late_frames, late);
}

/* The greatest lateness of n jobs. */
static void
expect_lateness(uint64_t n, int64_t most_ns)
{
	struct histogram h;

	window_sum(&pace.lateness_us, 0, &h);
	assert_int_equal(h.count, n);
	assert_in_range(h.max, most_ns / NS_PER_US,
	    (most_ns + SLACK_NS) / NS_PER_US);
}

static void
a_job_in_its_frame_is_not_late(void **state)
{
	int64_t frame_ns =
	    frame_start(frame_of(T0, RIG_FRAMERATE) + 5, RIG_FRAMERATE);

	(void)state;
	begin(NULL);
	set("a.1", frame_ns);
	(void)rig_at(&rig, frame_ns);
	expect_frames(1, 0);
	expect_lateness(1, 0);
	assert_int_equal(pace.triggered, 1);
}

static void
a_tick_that_comes_late_makes_it_late(void **state)
{
	(void)state;
	begin(NULL);
	set("a.1", T0 + NS_PER_S);
	set("a.2", T0 + 2 * NS_PER_S);
	(void)rig_at(&rig, T0 + NS_PER_S + 10 * NS_PER_MS);
	expect_frames(1, 1);
	expect_lateness(1, 10 * NS_PER_MS);
	(void)rig_at(&rig, T0 + 2 * NS_PER_S);
	expect_frames(2, 1);
	expect_lateness(2, 10 * NS_PER_MS);
}

static void
a_job_set_for_the_past_is_not_late(void **state)
{
	(void)state;
	begin(NULL);
	(void)rig_at(&rig, T0 + HOUR + SLACK_NS);
	set("a.1", T0);
	(void)rig_at(&rig,
	    frame_start(frame_of(rig.now_ns, RIG_FRAMERATE) + 1,
		RIG_FRAMERATE));
	rig_expect(&rig, "a.1");
	expect_frames(1, 0);
	expect_lateness(1, 0);
}

static void
a_clock_set_forward_makes_nothing_late(void **state)
{
	(void)state;
	begin(NULL);
	set("a.1", T0 + HOUR);
	rig.now_ns = T0 + 2 * HOUR; /* without the monotonic clock */
	sched_clock_set(rig.sched);
	(void)rig_at(&rig, T0 + 2 * HOUR);
	rig_expect(&rig, "a.1");
	expect_frames(1, 0);
	expect_lateness(1, 0);
}

static void
what_was_due_while_down_is_not_late(void **state)
{
	(void)state;
	begin(PATH);
	box_rule(&rig.box, "skip", "as", "shell true -- misfire=skip");
	set("a.1", T0 + NS_PER_S);
	set("as.1", T0 + NS_PER_S);
	rig_kill(&rig, T0 + HOUR);
	(void)rig_at(&rig, T0 + HOUR);
	rig_expect(&rig, "a.1");
	expect_frames(1, 0);
	expect_lateness(0, 0);
	assert_int_equal(pace.triggered, 2);
	assert_int_equal(pace.missed, 1);
	assert_int_equal(pace.failed, 0);
}

static void
every_end_counts_once(void **state)
{
	struct histogram h;

	(void)state;
	begin(NULL);
	set("a.1", T0);
	set("a.2", T0);
	set("no.rule", T0);
	(void)rig_at(&rig, T0 + NS_PER_S);
	rig_finish(&rig, 1, RUN_FAILURE);
	rig_finish(&rig, 0, RUN_SUCCESS);
	assert_int_equal(pace.triggered, 3);
	assert_int_equal(pace.executed, 1);
	assert_int_equal(pace.retried, 1);
	assert_int_equal(pace.failed, 1);
	(void)rig_at(&rig, T0 + 10 * NS_PER_S);
	rig_finish(&rig, 0, RUN_TIMEOUT);
	assert_int_equal(pace.failed, 2);
	assert_int_equal(rig_run(&rig, "a.1"), 0);
	assert_int_equal(pace.triggered, 4);
	window_sum(&pace.lateness_us, 0, &h);
	assert_int_equal(h.count, 3); /* RUN is never late */
	window_sum(&pace.queue_wait_us, 0, &h);
	assert_int_equal(h.count, 4); /* each attempt waits */
}

static void
rules_with_something_running_are_active(void **state)
{
	struct sched_stats stats;

	(void)state;
	begin(NULL);
	box_rule(&rig.box, "other", "b", "shell true");
	set("a.1", T0);
	set("a.2", T0);
	set("b.1", T0);
	(void)rig_at(&rig, T0 + NS_PER_S);
	sched_stats(rig.sched, &stats);
	assert_int_equal(stats.busy_rules, 2);
	rig_finish(&rig, 0, RUN_SUCCESS);
	sched_stats(rig.sched, &stats);
	assert_int_equal(stats.busy_rules, 2);
	rig_finish_all(&rig);
	sched_stats(rig.sched, &stats);
	assert_int_equal(stats.busy_rules, 0);
}

#define TEST(f) cmocka_unit_test_teardown(f, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_job_in_its_frame_is_not_late),
		TEST(a_tick_that_comes_late_makes_it_late),
		TEST(a_job_set_for_the_past_is_not_late),
		TEST(a_clock_set_forward_makes_nothing_late),
		TEST(what_was_due_while_down_is_not_late),
		TEST(every_end_counts_once),
		TEST(rules_with_something_running_are_active),
	};

	return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
