/* What the wall clock does to plans and measures when it is set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "clock.h"
#include "execution.h"
#include "prng.h"
#include "sched_rig.h"
#include "tstamp.h"

#define S NS_PER_S
#define MIN (60 * S)
#define HOUR (3600 * S)
#define DAY (24 * HOUR)
/* 2024-03-28 08:00:00 */
#define T0 INT64_C(1711612800000000000)

static struct rig rig;
static size_t n_runs;
static int64_t last_due_ns;

static int
teardown(void **state)
{
	(void)state;
	rig_end(&rig);
	return 0;
}

static void
begin_at(const char *path, int64_t now_ns)
{
	rig_begin(&rig, path, 64, now_ns);
	box_rule(&rig.box, "rule", "a", "shell true");
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

static void
cron(int64_t due_ns, const char *expression)
{
	set_plan((struct record_set){ .due_ns = due_ns,
	    .cron = slice_str(expression),
	    .by_cron = true });
}

static int64_t
due(void)
{
	return box_job(&rig.box, "a")->due_ns;
}

/* Time goes on to now_ns, step by step; what becomes due runs, and ends a
 * tenth of a second later. */
static void
go_to(int64_t now_ns, int64_t step_ns)
{
	while (rig.now_ns < now_ns) {
		int64_t to_ns = rig.now_ns + step_ns;

		(void)rig_at(&rig, to_ns < now_ns ? to_ns : now_ns);
		while (rig.n_runs > 0) {
			last_due_ns = rig.run[0]->due_ns;
			n_runs++;
			rig_finish(&rig, 0, RUN_SUCCESS);
		}
	}
}

/* The clock is set by so much, and the scheduler looks at it. */
static void
set_by(int64_t by_ns)
{
	rig_set_clock(&rig, rig.now_ns + by_ns);
	assert_true(sched_look_at_clock(rig.sched, rig.now_ns));
	go_to(rig.now_ns + 1, 1);
}

/* It is ahead for three seconds, in which what is due runs. */
static void
be_ahead(int64_t by_ns)
{
	set_by(by_ns);
	go_to(rig.now_ns + 3 * S, S);
	set_by(-by_ns);
}

/* --- the clock itself --- */

static void
it_tells_when_it_is_set(void **state)
{
	struct clock c;
	int64_t to_ns;

	(void)state;
	clock_init(&c, T0, 5 * S);
	assert_int_equal(clock_look(&c, T0 + S, 6 * S), CLOCK_RUNS);
	assert_int_equal(clock_wall(&c, 7 * S), T0 + 2 * S);
	/* What looking at both takes is not shown, and a pause is no step. */
	assert_int_equal(clock_look(&c, T0 + S + 900, 6 * S), CLOCK_RUNS);
	assert_int_equal(clock_wall(&c, 7 * S), T0 + 2 * S);
	assert_int_equal(clock_look(&c, T0 + S + 50 * NS_PER_MS, 6 * S),
	    CLOCK_RUNS);
	assert_int_equal(clock_wall(&c, 7 * S), T0 + 2 * S + 50 * NS_PER_MS);
	assert_int_equal(clock_look(&c, T0 + S, 6 * S), CLOCK_RUNS);

	assert_true(clock_is_set(&c, T0 + HOUR, 10 * S));
	assert_int_equal(clock_look(&c, T0 + HOUR, 10 * S), CLOCK_SET_FORWARD);
	assert_false(clock_is_set(&c, T0 + HOUR, 10 * S));
	assert_int_equal(clock_wall(&c, 11 * S), T0 + HOUR + S);
	assert_int_equal(clock_look(&c, T0 + 20 * S, 25 * S), CLOCK_SET_BACK);
	/* It went through the hour from the first step on, and not before. */
	assert_false(clock_passed(&c, T0 + HOUR, &to_ns));
	assert_true(clock_passed(&c, T0 + HOUR + 1, &to_ns));
	assert_int_equal(to_ns, T0 + HOUR + 15 * S);
	assert_true(clock_passed(&c, to_ns, &to_ns));
	assert_false(clock_passed(&c, to_ns + 1, &to_ns));
	assert_false(clock_passed(&c, T0 + 6 * S, &to_ns));
	assert_true(clock_passed(&c, T0 + 5 * S, &to_ns));
}

static void
it_remembers_the_last_stretches(void **state)
{
	struct clock c;
	int64_t to_ns;

	(void)state;
	clock_init(&c, T0, 0);
	for (int i = 1; i <= 100; i++)
		assert_int_equal(clock_look(&c, T0 + i * DAY, i * S),
		    CLOCK_SET_FORWARD);
	assert_int_equal(c.n_past, CLOCK_STRETCHES);
	assert_true(clock_passed(&c, T0 + 99 * DAY + S, &to_ns));
	assert_false(clock_passed(&c, T0 + 3 * DAY + S, &to_ns));
}

/* --- plans --- */

static void
intervals_do_not_rest(void **state)
{
	static const int64_t by_ns[] = { HOUR, 2 * HOUR, 2 * HOUR + 17 * S,
		5 * DAY, 400 * DAY };

	(void)state;
	for (size_t i = 0; i < sizeof(by_ns) / sizeof(by_ns[0]); i++) {
		for (int kind = 0; kind < 3; kind++) {
			begin_at(NULL, T0 + 5 * S);
			if (kind == 0)
				every(T0 + 10 * S, MIN);
			else
				cron(T0 + MIN,
				    kind == 1 ? "* * * * *" : "*/1 * * * *");
			go_to(T0 + 5 * MIN + 20 * S, S);
			n_runs = 0;
			be_ahead(by_ns[i]);
			assert_true(n_runs >= 1);
			assert_true(due() > rig.now_ns);
			/* One time of the two hours was taken, the next. */
			assert_true(due() <= rig.now_ns + 2 * MIN);
			n_runs = 0;
			go_to(T0 + 15 * MIN + 20 * S, S);
			assert_in_range(n_runs, 8, 10);
			rig_end(&rig);
		}
	}
}

static void
what_was_taken_ahead_is_not_taken_again(void **state)
{
	int64_t taken;

	(void)state;
	begin_at(NULL, T0 + 5 * S);
	every(T0 + 10 * S, S);
	go_to(T0 + MIN, S);
	be_ahead(2 * HOUR);
	taken = last_due_ns;
	assert_true(taken > T0 + 2 * HOUR);
	go_to(taken - 4 * S, 10 * MIN);
	assert_true(due() < taken);
	n_runs = 0;
	go_to(taken, NS_PER_MS * 100);
	/* The three seconds are over already. */
	assert_in_range(n_runs, 1, 2);
	go_to(taken + 10 * S, NS_PER_MS * 100);
	assert_true(last_due_ns >= taken + 9 * S);
}

/* A time of day that has been taken is over, those after it are not. */
static void
fixed_times_come_once(void **state)
{
	(void)state;
	begin_at(NULL, T0);
	cron(T0 + HOUR, "0 9 * * *");
	set_by(2 * HOUR);
	go_to(rig.now_ns + 3 * S, S);
	assert_int_equal(last_due_ns, T0 + HOUR);
	set_by(-2 * HOUR);
	n_runs = 0;
	go_to(T0 + 3 * HOUR, MIN);
	assert_int_equal(n_runs, 0);
	go_to(T0 + DAY + 2 * HOUR, MIN);
	assert_int_equal(n_runs, 1);
	assert_int_equal(last_due_ns, T0 + DAY + HOUR);
}

static void
fixed_times_of_the_days_between_come(void **state)
{
	(void)state;
	begin_at(NULL, T0);
	cron(T0 + HOUR, "0 9 * * *");
	n_runs = 0;
	be_ahead(5 * DAY + 2 * HOUR);
	assert_int_equal(n_runs, 1);
	assert_int_equal(last_due_ns, T0 + HOUR);
	assert_int_equal(due(), T0 + DAY + HOUR);
	go_to(T0 + 8 * DAY, MIN);
	assert_int_equal(n_runs, 1 + 7);
}

static void
a_small_step_repeats_nothing(void **state)
{
	(void)state;
	for (int64_t every_ns = S; every_ns <= HOUR; every_ns *= 60) {
		for (int64_t by_ns = S / 5; by_ns < 20 * S; by_ns += 3 * S) {
			int64_t taken;

			begin_at(NULL, T0);
			every(T0 + S, every_ns);
			go_to(T0 + HOUR + 2 * S, every_ns);
			taken = last_due_ns;
			set_by(-by_ns);
			n_runs = 0;
			go_to(taken, S / 10);
			assert_int_equal(n_runs, 0);
			assert_true(due() > taken);
			rig_end(&rig);
		}
	}
}

/* The clock was wrong for long. */
static void
an_interval_goes_on_where_a_fixed_time_waits(void **state)
{
	(void)state;
	begin_at(NULL, T0);
	every(T0 + MIN, MIN);
	go_to(T0 + 3 * HOUR, MIN);
	set_by(-2 * HOUR);
	n_runs = 0;
	go_to(rig.now_ns + 10 * MIN, S);
	assert_in_range(n_runs, 9, 10);
	rig_end(&rig);

	/* Nor for the time that it was set for, if that has been. */
	begin_at(NULL, T0);
	every(T0 + S, MIN);
	go_to(T0 + 10 * MIN, S);
	set_by(-2 * HOUR);
	n_runs = 0;
	go_to(rig.now_ns + 10 * MIN, S);
	assert_in_range(n_runs, 9, 10);
	rig_end(&rig);

	begin_at(NULL, T0);
	cron(T0 + HOUR, "0 9,10,11 * * *");
	go_to(T0 + 2 * HOUR + MIN, MIN);
	set_by(-2 * HOUR);
	n_runs = 0;
	go_to(T0 + 2 * HOUR + MIN, MIN);
	assert_int_equal(n_runs, 0);
	go_to(T0 + 3 * HOUR, MIN);
	assert_int_equal(n_runs, 1);
}

static void
what_a_job_is_set_for_stays(void **state)
{
	(void)state;
	begin_at("log", T0);
	every(T0 + 6 * HOUR, MIN);
	set_by(2 * HOUR);
	set_by(-2 * HOUR);
	assert_int_equal(due(), T0 + 6 * HOUR);
	/* It comes too early once, and then not before its time. */
	be_ahead(7 * HOUR);
	assert_int_equal(last_due_ns, T0 + 6 * HOUR);
	assert_int_equal(due(), T0 + 6 * HOUR + MIN);
	rig_kill(&rig, rig.now_ns);
	assert_true(due() >= T0 + 6 * HOUR);
}

static void
a_run_that_goes_on_meanwhile(void **state)
{
	static const char *const overlap[] = { "skip", "queue", "allow" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char line[64];

		begin_at(NULL, T0);
		(void)snprintf(line, sizeof(line), "shell true -- overlap=%s",
		    overlap[i]);
		box_rule(&rig.box, "rule", "a", line);
		every(T0 + MIN, MIN);
		rig_set_clock(&rig, T0 + 2 * HOUR);
		(void)rig_at(&rig, rig.now_ns + S);
		assert_int_equal(rig.n_runs, 1);
		rig_set_clock(&rig, rig.now_ns - 2 * HOUR);
		assert_true(sched_look_at_clock(rig.sched, rig.now_ns));
		(void)rig_at(&rig, rig.now_ns + S);
		rig_finish(&rig, 0, RUN_SUCCESS);
		assert_int_equal(due(), T0 + 2 * MIN);
		rig_end(&rig);
	}
}

/* overlap=allow: the next run begins in time beside one that goes on. */
static void
the_run_beside_does_not_rest(void **state)
{
	(void)state;
	begin_at(NULL, T0);
	box_rule(&rig.box, "rule", "a", "shell true -- overlap=allow");
	every(T0 + MIN, MIN);
	rig_set_clock(&rig, T0 + 2 * HOUR);
	(void)rig_at(&rig, rig.now_ns + S);
	assert_int_equal(rig.n_runs, 1);
	rig_set_clock(&rig, rig.now_ns - 2 * HOUR);
	assert_true(sched_look_at_clock(rig.sched, rig.now_ns));
	(void)rig_at(&rig, rig.now_ns + S);
	(void)rig_at(&rig, T0 + 2 * MIN);
	assert_int_equal(rig.n_runs, 2);
	rig_finish_all(&rig);
}

static void
a_restart_in_between(void **state)
{
	(void)state;
	begin_at("log", T0);
	every(T0 + MIN, MIN);
	go_to(T0 + 5 * MIN, S);
	set_by(2 * HOUR);
	go_to(rig.now_ns + 3 * S, S);
	assert_true(due() > T0 + 2 * HOUR);
	/* The clock is put right while the server is down. */
	rig_kill(&rig, T0 + 6 * MIN);
	assert_true(due() <= T0 + 7 * MIN);
	rig_end(&rig);

	/* And after the restart. */
	begin_at("log", T0);
	every(T0 + MIN, MIN);
	set_by(2 * HOUR);
	go_to(rig.now_ns + 3 * S, S);
	rig_kill(&rig, rig.now_ns + S);
	assert_true(due() > T0 + 2 * HOUR);
	set_by(-2 * HOUR);
	assert_true(due() <= rig.now_ns + MIN);
	rig_end(&rig);

	/* What is not known of a fixed time is taken for granted. */
	begin_at("log", T0);
	cron(T0 + HOUR, "0 9 * * *");
	set_by(2 * HOUR);
	go_to(rig.now_ns + 3 * S, S);
	rig_kill(&rig, T0);
	assert_int_equal(due(), T0 + DAY + HOUR);
}

/* Whatever the clock does, an interval's job rests no longer than for two times
 * that are over and a minute. */
static void
any_steps(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 60; seed++) {
		struct prng p = { seed };
		int64_t rested = 0;

		begin_at(NULL, T0);
		every(T0 - 1000 * DAY, 5 * MIN);
		for (int i = 0; i < 400; i++) {
			size_t before = n_runs;

			if (prng_below(&p, 20) == 0) {
				int64_t by_ns =
				    ((int64_t)prng_below(&p, 14400) - 7200) * S;

				if (by_ns > S || by_ns < -S)
					set_by(by_ns);
				rested = 0;
			}
			go_to(rig.now_ns + 30 * S, 10 * S);
			rested = n_runs > before ? 0 : rested + 30 * S;
			assert_true(rested <= 16 * MIN);
		}
		rig_end(&rig);
	}
}

/* --- what is measured --- */

static void
lateness_is_of_the_clock_that_runs(void **state)
{
	(void)state;
	begin_at(NULL, T0);
	every(T0 + MIN, MIN);
	go_to(T0 + 5 * MIN, S);
	rig_set_clock(&rig, rig.now_ns + 2 * HOUR); /* nobody tells */
	(void)rig_at(&rig, rig.now_ns);
	assert_int_equal(rig.n_runs, 1);
	rig_finish_all(&rig);
}

static void
a_run_takes_what_it_takes(void **state)
{
	static const int64_t by_ns[] = { -2 * HOUR, -HOUR, 0, HOUR, 2 * HOUR };

	(void)state;
	for (size_t i = 0; i < sizeof(by_ns) / sizeof(by_ns[0]); i++) {
		struct run run = { .outcome = RUN_SUCCESS };

		fault_install(&os_system);
		fault_set_wall(T0);
		fault_set_mono(7 * S);
		run_begins(&run);
		fault_set_wall(T0 + by_ns[i]);
		fault_set_mono(8 * S);
		run_ends(&run);
		fault_remove();
		assert_int_equal(run.started_ns, T0);
		assert_int_equal(run.ended_ns, T0 + S);
		assert_int_equal(run_took_ns(&run), S);
	}
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, teardown)
	const struct CMUnitTest tests[] = {
		TEST(it_tells_when_it_is_set),
		TEST(it_remembers_the_last_stretches),
		TEST(intervals_do_not_rest),
		TEST(what_was_taken_ahead_is_not_taken_again),
		TEST(fixed_times_come_once),
		TEST(fixed_times_of_the_days_between_come),
		TEST(a_small_step_repeats_nothing),
		TEST(an_interval_goes_on_where_a_fixed_time_waits),
		TEST(what_a_job_is_set_for_stays),
		TEST(a_run_that_goes_on_meanwhile),
		TEST(the_run_beside_does_not_rest),
		TEST(a_restart_in_between),
		TEST(any_steps),
		TEST(lateness_is_of_the_clock_that_runs),
		TEST(a_run_takes_what_it_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
