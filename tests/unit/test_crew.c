/* Runs that need a session: held until one is there, in nobody's way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "sched_rig.h"
#include "tstamp.h"

#define T0 (1000000 * NS_PER_S)

static struct rig rig;

static int
teardown(void **state)
{
	(void)state;
	rig_end(&rig);
	return 0;
}

static struct crew *
crew_of(const char *rule)
{
	struct rules *rules = store_rules(rig.box.store);

	return sched_crew(rig.sched, rules_find(rules, slice_str(rule)));
}

/* So many sessions take work. */
static void
serve(struct crew *crew, int64_t n)
{
	crew->n_serving = n;
	sched_crew_changed(rig.sched, crew);
	rig_settle(&rig);
}

static void
set(const char *job)
{
	box_set(&rig.box, job, T0);
	rig_settle(&rig);
}

static void
begin(const char *line)
{
	rig_begin(&rig, NULL, 1, T0);
	box_rule(&rig.box, "r", "a", line);
	rig_settle(&rig);
}

static void
waits_for_a_session(void **state)
{
	struct crew *crew;

	(void)state;
	begin("agent");
	box_rule(&rig.box, "s", "s", "shell true");
	set("a1");
	set("a2");
	set("s");
	(void)rig_at(&rig, T0);
	/* They take no seat of the processor, which has one. */
	rig_expect(&rig, "s");
	assert_string_equal(rig_hold(&rig, "a1"), "session");
	rig_expect_phase(&rig, "a1", PHASE_QUEUED);
	rig_expect_stats(&rig, 2, 1);
	assert_non_null(crew = crew_of("r"));
	serve(crew, 1);
	rig_expect(&rig, "s a1");
	assert_ptr_equal(rig.run[1]->crew, crew);
	assert_string_equal(rig_hold(&rig, "a2"), "session");
	rig_finish(&rig, 1, RUN_SUCCESS);
	rig_expect(&rig, "s a2");
	rig_finish_all(&rig);
	assert_int_equal(crew->n_running + crew->n_ready, 0);
}

static void
bounds_those_it_starts(void **state)
{
	struct crew *crew;

	(void)state;
	begin("agent program");
	set("a1");
	set("a2");
	(void)rig_at(&rig, T0);
	rig_expect(&rig, "");
	assert_string_equal(rig_hold(&rig, "a1"), "session");
	sched_spare_sessions(rig.sched, 5);
	rig_settle(&rig);
	rig_expect(&rig, "a1"); /* one, unless the rule says otherwise */
	assert_string_equal(rig_hold(&rig, "a2"), "concurrency");
	assert_non_null(crew = crew_of("r"));
	/* Its session is there still, but does not take work. */
	crew->n_away = 1;
	rig_finish(&rig, 0, RUN_SUCCESS);
	rig_expect(&rig, "");
	assert_string_equal(rig_hold(&rig, "a2"), "session");
	crew->n_away = 0;
	serve(crew, 1);
	rig_expect(&rig, "a2");
	rig_finish_all(&rig);
}

/* The session goes while the record of the start is being written. */
static void
comes_too_late(void **state)
{
	struct crew *crew;

	(void)state;
	begin("agent -- on_crash=fail");
	set("a1");
	set("a2");
	(void)rig_at(&rig, T0);
	rig.no_session = true;
	crew = crew_of("r");
	crew->n_serving = 1;
	sched_crew_changed(rig.sched, crew);
	sched_start(rig.sched);
	crew->n_serving = 0;
	rig_settle(&rig);
	rig_expect(&rig, "");
	assert_string_equal(rig_hold(&rig, "a1"), "session");
	/* And once more, but now its job is another meanwhile. */
	crew->n_serving = 1;
	sched_crew_changed(rig.sched, crew);
	sched_start(rig.sched);
	crew->n_serving = 0;
	box_set(&rig.box, "a1", T0 + 9 * NS_PER_S);
	rig_settle(&rig);
	rig_expect_phase(&rig, "a1", PHASE_PLANNED);
	rig_expect_stats(&rig, 1, 0);
	rig.no_session = false;
	serve(crew, 1);
	rig_expect(&rig, "a2");
	rig_finish_all(&rig);
}

/* What was queued stays with its runner, whatever becomes of the rule. */
static void
outlives_its_rule(void **state)
{
	struct crew *crew;

	(void)state;
	begin("agent");
	set("a1");
	(void)rig_at(&rig, T0);
	crew = crew_of("r");
	box_rule(&rig.box, "r", "a", "shell true");
	rig_settle(&rig);
	assert_null(crew_of("r"));
	assert_null(crew->spec);
	set("a2");
	(void)rig_at(&rig, T0 + NS_PER_S);
	rig_expect(&rig, "a2");
	rig_finish_all(&rig);
	assert_string_equal(rig_hold(&rig, "a1"), "session");
	/* A rule of that name and kind again: the sessions of it serve both. */
	box_rule(&rig.box, "r", "a", "agent");
	rig_settle(&rig);
	assert_ptr_equal(crew_of("r"), crew);
	serve(crew, 1);
	rig_expect(&rig, "a1");
	rig_finish_all(&rig);
}

/* A session is free for those that matched the rule before as for the rest. */
static void
passes_from_old_to_new(void **state)
{
	struct crew *crew;

	(void)state;
	begin("agent");
	set("a1");
	(void)rig_at(&rig, T0);
	crew = crew_of("r");
	box_rule(&rig.box, "r", "a", "shell true");
	box_rule(&rig.box, "r", "a", "agent");
	rig_settle(&rig);
	set("a2");
	(void)rig_at(&rig, T0 + NS_PER_S);
	assert_ptr_equal(crew_of("r"), crew);
	serve(crew, 1);
	assert_int_equal(rig.n_runs, 1);
	rig_finish(&rig, 0, RUN_SUCCESS);
	assert_int_equal(rig.n_runs, 1);
	rig_finish_all(&rig);
	rig_expect_stats(&rig, 0, 0);
	assert_int_equal(crew->n_running + crew->n_ready, 0);
}

#define TEST(f) cmocka_unit_test_teardown(f, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(waits_for_a_session),
		TEST(bounds_those_it_starts),
		TEST(comes_too_late),
		TEST(outlives_its_rule),
		TEST(passes_from_old_to_new),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
