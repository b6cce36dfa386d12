/* Breakers of one endpoint for each namespace, and namespaces that change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "breakers.h"
#include "prng.h"
#include "sched_internal.h"
#include "sched_rig.h"
#include "scoped.h"
#include "tstamp.h"

#define T0 (1000000 * NS_PER_S)
#define S NS_PER_S
#define WEB "http://web:80"
#define LINE "http POST http://web/x -- breaker_consecutive=1"

static struct rig rig;
/* The namespaces there are: letters, each with a full stop. */
static const char *namespaces;

static struct slice
namespace_of(void *ctx, const struct rule *rule)
{
	(void)ctx;
	if (strchr(namespaces, rule->id[0]) == NULL)
		return slice_of("", 0);
	return slice_of(rule->id, 2);
}

static void
begin(const char *of)
{
	namespaces = of;
	rig_begin(&rig, NULL, 64, T0);
	rig.sched->options.namespace_of = namespace_of;
	box_rule(&rig.box, "a.r", "a.", LINE);
	box_rule(&rig.box, "b.r", "b.", LINE);
	rig_settle(&rig);
}

static void
change(const char *to)
{
	namespaces = to;
	sched_namespaces_changed(rig.sched);
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
	box_set(&rig.box, job, due_ns);
	rig_settle(&rig);
}

/* All there are: `name namespace state`, in order. */
static void
expect(const char *want)
{
	struct buf text = { 0 };
	struct breaker_row row;
	struct slice last = slice_of("", 0);

	while (breakers_after(rig.sched, last, &row)) {
		buf_addf(&text, "%s%s %.*s %s", text.len > 0 ? ", " : "",
		    row.name, (int)scoped_namespace(row.key).len,
		    scoped_namespace(row.key).ptr,
		    breaker_state_word(row.state));
		last = row.key;
	}
	buf_add_byte(&text, '\0');
	assert_string_equal(text.ptr, want);
	buf_free(&text);
}

/* What fails for one tenant holds nobody else. */
static void
each_has_its_own(void **state)
{
	(void)state;
	begin("ab");
	set("a.0", T0);
	rig_at(&rig, T0);
	rig_finish(&rig, 0, RUN_FAILURE);
	expect(WEB " a. open, " WEB " b. closed");
	set("a.1", T0);
	set("b.1", T0);
	rig_at(&rig, T0 + S);
	rig_expect(&rig, "b.1");
	assert_string_equal(rig_hold(&rig, "a.1"), "breaker");
	rig_finish(&rig, 0, RUN_SUCCESS);
	rig_at(&rig, T0 + 30 * S);
	rig_expect(&rig, "a.1");
	rig_finish(&rig, 0, RUN_SUCCESS);
	expect(WEB " a. closed, " WEB " b. closed");
	rig_check(&rig);
}

/* One name, all of them. */
static void
a_person_opens_all_of_a_name(void **state)
{
	struct breaker_row row;
	struct err e;

	(void)state;
	begin("b");
	box_rule(&rig.box, "c.r", "c.", "http POST http://web:8080/");
	rig_settle(&rig);
	expect(WEB "  closed, " WEB " b. closed, http://web:8080  closed");
	assert_int_equal(breakers_isolate(rig.sched, slice_str(WEB), &e), 0);
	expect(WEB "  isolated, " WEB " b. isolated, http://web:8080  closed");
	/* A key is no name. */
	assert_true(breakers_first(rig.sched, slice_str(WEB), &row));
	assert_true(breakers_after(rig.sched, row.key, &row));
	assert_int_equal(breakers_reset(rig.sched, row.key, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_int_equal(breakers_reset(rig.sched, slice_str(WEB), &e), 0);
	expect(WEB "  closed, " WEB " b. closed, http://web:8080  closed");
}

/* What waits goes with its rule to the breaker that is theirs now. */
static void
what_waits_goes_along(void **state)
{
	(void)state;
	begin("");
	set("a.0", T0);
	rig_at(&rig, T0);
	rig_finish(&rig, 0, RUN_FAILURE);
	expect(WEB "  open");
	set("a.1", T0);
	set("b.1", T0);
	rig_at(&rig, T0 + S);
	rig_expect(&rig, "");
	change("b");
	expect(WEB "  open, " WEB " b. closed");
	rig_expect(&rig, "b.1");
	assert_string_equal(rig_hold(&rig, "a.1"), "breaker");
	/* What was let through is judged by the one that did. */
	change("ab");
	expect(WEB " a. closed, " WEB " b. closed");
	rig_expect(&rig, "b.1 a.1");
	change("");
	expect(WEB "  closed, " WEB " a. closed, " WEB " b. closed");
	rig_finish(&rig, 0, RUN_FAILURE);
	rig_finish(&rig, 0, RUN_SUCCESS);
	expect(WEB "  closed");
	rig_check(&rig);
}

/* So does what is to be tried again, when its time has come. */
static void
what_is_tried_again_goes_along(void **state)
{
	(void)state;
	begin("");
	box_rule(&rig.box, "b.r", "b.", LINE " retries=1 backoff=1s");
	rig_settle(&rig);
	set("b.1", T0);
	rig_at(&rig, T0);
	rig_finish(&rig, 0, RUN_FAILURE);
	expect(WEB "  open");
	change("b");
	rig_at(&rig, T0 + 2 * S);
	rig_expect(&rig, "b.1");
	rig_finish(&rig, 0, RUN_SUCCESS);
	rig_expect_phase(&rig, "b.1", PHASE_EXECUTED);
	rig_check(&rig);
}

static void
what_was_isolated_stays_so(void **state)
{
	struct err e;

	(void)state;
	begin("");
	assert_int_equal(breakers_isolate(rig.sched, slice_str(WEB), &e), 0);
	set("b.1", T0);
	rig_at(&rig, T0);
	change("ab");
	expect(WEB "  isolated, " WEB " a. isolated, " WEB " b. isolated");
	assert_string_equal(rig_hold(&rig, "b.1"), "breaker");
	assert_int_equal(breakers_reset(rig.sched, slice_str(WEB), &e), 0);
	rig_settle(&rig);
	rig_expect(&rig, "b.1");
	rig_finish(&rig, 0, RUN_SUCCESS);
	expect(WEB " a. closed, " WEB " b. closed");
	rig_check(&rig);
}

/* Namespaces come and go while jobs wait, run, fail and are tried again. */
static void
any_changes(void **state)
{
	static const char *const sets[] = { "", "a", "b", "ab" };
	struct prng p = { .state = 1 };
	char job[16];

	(void)state;
	begin("");
	box_rule(&rig.box, "b.r", "b.", LINE " retries=1 concurrency=1");
	for (int i = 0; i < 3000; i++) {
		(void)snprintf(job, sizeof(job), "%c.%u",
		    prng_below(&p, 2) == 0 ? 'a' : 'b', prng_below(&p, 20));
		if (prng_below(&p, 3) == 0)
			change(sets[prng_below(&p, 4)]);
		else if (prng_below(&p, 2) == 0)
			set(job, rig.now_ns);
		else if (rig.n_runs > 0)
			rig_finish(&rig, prng_below(&p, (uint32_t)rig.n_runs),
			    prng_below(&p, 2) == 0 ? RUN_FAILURE : RUN_SUCCESS);
		(void)rig_at(&rig,
		    rig.now_ns + prng_below(&p, 3000) * NS_PER_MS);
		rig_check(&rig);
	}
	/* In the end all that waits runs. */
	for (int i = 0; i < 1000; i++) {
		rig_finish_all(&rig);
		(void)rig_at(&rig, rig.now_ns + 600 * S);
	}
	rig_expect_stats(&rig, 0, 0);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, teardown)
	const struct CMUnitTest tests[] = {
		TEST(each_has_its_own),
		TEST(a_person_opens_all_of_a_name),
		TEST(what_waits_goes_along),
		TEST(what_is_tried_again_goes_along),
		TEST(what_was_isolated_stays_so),
		TEST(any_changes),
	};

	return cmocka_run_group_tests_name("gates", tests, NULL, NULL);
}
