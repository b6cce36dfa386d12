/* The states of a breaker, its window, its waits: without a clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "breaker.h"
#include "store_box.h"
#include "tstamp.h"

#define S NS_PER_S

static struct breaker b;
static struct rule_spec *spec;

static void
begin(const char *options)
{
	char line[256];

	(void)snprintf(line, sizeof(line), "shell true -- %s", options);
	rule_spec_unref(spec);
	spec = box_spec(line);
	breaker_init(&b);
}

static int
teardown(void **state)
{
	(void)state;
	rule_spec_unref(spec);
	spec = NULL;
	return 0;
}

static void
ends(uint64_t era, bool success, int64_t now_ns)
{
	breaker_judge(&b, era, spec, success, now_ns);
	breaker_end(&b, era);
}

/* Calls one after the other at a time: "ffs", f for failure. */
static void
calls(const char *ends_so, int64_t now_ns)
{
	for (; *ends_so != '\0'; ends_so++)
		ends(breaker_begin(&b, now_ns), *ends_so == 's', now_ns);
}

static void
expect(enum breaker_state state)
{
	assert_string_equal(breaker_state_word(b.state),
	    breaker_state_word(state));
}

/* Let the alarm it has set go off, which is for this time. */
static void
alarm_at(int64_t ns)
{
	assert_int_equal(b.alarm_ns, ns);
	breaker_alarm(&b);
}

/* Triggers. */

static void
failures_in_a_row_open_it(void **state)
{
	(void)state;
	begin("breaker_consecutive=3 breaker_ratio=0");
	calls("ffsffsff", 0);
	expect(BREAKER_CLOSED);
	assert_true(breaker_allows(&b));
	calls("f", 0);
	expect(BREAKER_OPEN);
	assert_false(breaker_allows(&b));
	begin("breaker_consecutive=0 breaker_ratio=0");
	for (int i = 0; i < 100; i++)
		calls("f", 0);
	expect(BREAKER_CLOSED);
}

static void
a_ratio_of_enough_calls_opens_it(void **state)
{
	(void)state;
	begin("breaker_consecutive=0 breaker_ratio=0.5 breaker_calls=6");
	calls("fffff", 0);
	expect(BREAKER_CLOSED);
	calls("s", 0); /* a success opens nothing */
	expect(BREAKER_CLOSED);
	calls("f", 0);
	expect(BREAKER_OPEN);

	begin("breaker_consecutive=0 breaker_ratio=0.5 breaker_calls=6");
	calls("ssssffff", 0);
	expect(BREAKER_OPEN);
	begin("breaker_consecutive=0 breaker_ratio=0.5001 breaker_calls=6");
	calls("ssssffff", 0);
	expect(BREAKER_CLOSED);
	begin("breaker_consecutive=0 breaker_ratio=1 breaker_calls=4");
	calls("fff", 0);
	expect(BREAKER_CLOSED);
	calls("f", 0);
	expect(BREAKER_OPEN);
}

/* The window. */

static void
expect_calls(int64_t window_ns, int64_t now_ns, uint64_t n, uint64_t failures)
{
	struct breaker_calls c = breaker_calls(&b, window_ns, now_ns);

	assert_int_equal(c.n, n);
	assert_int_equal(c.failures, failures);
}

static void
the_window_slides(void **state)
{
	int64_t t = 1000000 * S;

	(void)state;
	begin("breaker_consecutive=0 breaker_calls=4 breaker_window=16s");
	calls("ff", t);
	calls("s", t + 8 * S);
	expect_calls(0, t + 15 * S, 3, 2);
	expect_calls(0, t + 16 * S, 1, 0);
	calls("f", t + 20 * S);
	expect_calls(0, t + 20 * S, 2, 1);
	expect_calls(8 * S, t + 20 * S, 1, 1);
	expect_calls(0, t + 24 * S, 1, 1);
	expect_calls(0, t + 1000 * S, 0, 0);
	calls("f", t + 1000 * S);
	expect_calls(0, t + 1000 * S, 1, 1);
	expect(BREAKER_CLOSED);
	calls("ff", t + 1015 * S);
	expect(BREAKER_CLOSED);
	calls("f", t + 1016 * S); /* the first is over: three of three */
	expect(BREAKER_CLOSED);
	calls("f", t + 1017 * S);
	expect(BREAKER_OPEN);
}

/* Rules that share an endpoint may ask for different windows. */
static void
windows_of_different_length(void **state)
{
	struct rule_spec *other =
	    box_spec("shell true -- breaker_consecutive=0 breaker_calls=3 "
		     "breaker_window=160s");
	uint64_t era;

	(void)state;
	begin("breaker_consecutive=0 breaker_calls=3 breaker_window=16s");
	calls("ff", 0);
	era = breaker_begin(&b, 40 * S);
	breaker_judge(&b, era, other, false, 40 * S);
	breaker_end(&b, era);
	expect(BREAKER_CLOSED); /* the first two were over already */
	expect_calls(0, 40 * S, 1, 1);
	calls("f", 70 * S);
	expect_calls(0, 70 * S, 2, 2);
	expect_calls(16 * S, 70 * S, 1, 1);
	expect(BREAKER_CLOSED);
	era = breaker_begin(&b, 80 * S);
	breaker_judge(&b, era, other, false, 80 * S);
	breaker_end(&b, era);
	expect(BREAKER_OPEN);

	/* With nothing in it, it is as long as is asked for. */
	breaker_init(&b);
	era = breaker_begin(&b, 0);
	breaker_judge(&b, era, other, false, 0);
	breaker_end(&b, era);
	calls("f", 200 * S);
	assert_int_equal(b.slice_ns, S);
	rule_spec_unref(other);
}

/* Open, half-open, closed. */

static void
it_comes_back_by_one_call(void **state)
{
	uint64_t era;

	(void)state;
	begin("breaker_consecutive=1 breaker_open=30s");
	calls("f", 5 * S);
	expect(BREAKER_OPEN);
	alarm_at(35 * S);
	expect(BREAKER_HALF_OPEN);
	assert_int_equal(b.alarm_ns, BREAKER_NEVER);
	assert_true(breaker_allows(&b));
	era = breaker_begin(&b, 40 * S);
	assert_false(breaker_allows(&b));
	ends(era, true, 41 * S);
	expect(BREAKER_CLOSED);
	assert_true(breaker_allows(&b));
	expect_calls(0, 41 * S, 0, 0);
}

static void
each_reopening_doubles_the_wait(void **state)
{
	(void)state;
	begin("breaker_consecutive=1 breaker_open=30s breaker_open_max=100s");
	calls("f", 0);
	alarm_at(30 * S);
	calls("f", 40 * S);
	expect(BREAKER_OPEN);
	alarm_at(100 * S);
	calls("f", 100 * S);
	alarm_at(200 * S); /* the cap */
	calls("f", 200 * S);
	alarm_at(300 * S);
	calls("s", 300 * S);
	calls("f", 300 * S); /* still slow: not anew */
	alarm_at(400 * S);
	calls("s", 400 * S);
	breaker_relax(&b);
	calls("f", 500 * S);
	alarm_at(530 * S);
}

static void
the_cap_holds_from_the_first(void **state)
{
	(void)state;
	begin("breaker_consecutive=1 breaker_open=30s breaker_open_max=10s");
	calls("f", 0);
	alarm_at(10 * S);
	begin("breaker_consecutive=1 breaker_open=3650d "
	      "breaker_open_max=3650d");
	calls("f", BREAKER_NEVER - S);
	assert_int_equal(b.alarm_ns, BREAKER_NEVER);
}

static void
results_of_another_era_do_not_count(void **state)
{
	uint64_t old[9], era;

	(void)state;
	begin("breaker_consecutive=2 breaker_open=30s");
	for (int i = 0; i < 9; i++)
		old[i] = breaker_begin(&b, 0);
	ends(old[0], false, 0);
	ends(old[1], false, 0);
	expect(BREAKER_OPEN);
	ends(old[2], true, 0);
	ends(old[3], false, 0);
	expect(BREAKER_OPEN);
	alarm_at(30 * S);
	ends(old[4], true, 30 * S);
	ends(old[5], false, 30 * S);
	expect(BREAKER_HALF_OPEN);
	era = breaker_begin(&b, 30 * S);
	breaker_end(&b, old[6]);
	assert_false(breaker_allows(&b));
	ends(era, true, 30 * S);
	ends(old[7], false, 30 * S);
	ends(old[8], false, 30 * S);
	expect(BREAKER_CLOSED);
	assert_int_equal(b.n_going, 0);
}

static void
a_probe_without_a_result_makes_room_for_another(void **state)
{
	uint64_t era;

	(void)state;
	begin("breaker_consecutive=1");
	calls("f", 0);
	breaker_alarm(&b);
	era = breaker_begin(&b, 0);
	assert_false(breaker_allows(&b));
	breaker_end(&b, era);
	expect(BREAKER_HALF_OPEN);
	assert_true(breaker_allows(&b));
}

static void
a_probe_that_never_ends_holds_nobody_for_ever(void **state)
{
	uint64_t first, second;

	(void)state;
	begin("breaker_consecutive=1 breaker_open=30s");
	calls("f", 0);
	alarm_at(30 * S);
	first = breaker_begin(&b, 50 * S);
	assert_false(breaker_allows(&b));
	alarm_at(80 * S);
	expect(BREAKER_HALF_OPEN);
	second = breaker_begin(&b, 80 * S);
	assert_false(breaker_allows(&b));
	breaker_end(&b, first); /* cancelled after all: one at once again */
	assert_false(breaker_allows(&b));
	alarm_at(110 * S);
	first = breaker_begin(&b, 110 * S);
	assert_false(breaker_allows(&b));
	ends(second, true, 111 * S);
	expect(BREAKER_CLOSED);
	ends(first, false, 112 * S);
	expect(BREAKER_CLOSED);

	/* With none under way when the time is over, one may begin. */
	begin("breaker_consecutive=1 breaker_open=30s");
	calls("f", 0);
	alarm_at(30 * S);
	breaker_end(&b, breaker_begin(&b, 30 * S));
	alarm_at(60 * S);
	(void)breaker_begin(&b, 60 * S);
	assert_false(breaker_allows(&b));
}

static void
it_closes_slowly(void **state)
{
	uint64_t era[4];

	(void)state;
	begin("breaker_consecutive=3 breaker_open=30s");
	calls("fff", 0);
	alarm_at(30 * S);
	calls("s", 30 * S);
	era[0] = breaker_begin(&b, 30 * S);
	era[1] = breaker_begin(&b, 30 * S);
	assert_false(breaker_allows(&b));
	ends(era[0], false, 30 * S); /* grows by successes alone */
	era[0] = breaker_begin(&b, 30 * S);
	assert_false(breaker_allows(&b));
	ends(era[0], true, 30 * S);
	era[0] = breaker_begin(&b, 30 * S);
	era[2] = breaker_begin(&b, 30 * S);
	assert_false(breaker_allows(&b));
	alarm_at(60 * S); /* long enough */
	expect(BREAKER_CLOSED);
	assert_int_equal(b.limit, BREAKER_NO_LIMIT);
	assert_int_equal(b.alarm_ns, BREAKER_NEVER);
	for (int i = 0; i < 3; i++)
		ends(era[i], true, 60 * S);
	assert_int_equal(b.n_going, 0);
	breaker_relax(&b); /* any time */
	expect(BREAKER_CLOSED);
}

/* By hand. */

static void
isolated_until_it_is_reset(void **state)
{
	uint64_t era;

	(void)state;
	begin("breaker_consecutive=1");
	era = breaker_begin(&b, 0);
	breaker_isolate(&b);
	expect(BREAKER_ISOLATED);
	assert_false(breaker_allows(&b));
	assert_int_equal(b.alarm_ns, BREAKER_NEVER);
	ends(era, true, 0);
	breaker_relax(&b);
	expect(BREAKER_ISOLATED);
	assert_false(breaker_allows(&b));
	breaker_reset(&b, 0);
	expect(BREAKER_CLOSED);
	assert_int_equal(b.limit, BREAKER_SLOW_CALLS);

	calls("f", 0);
	expect(BREAKER_OPEN);
	breaker_alarm(&b);
	calls("f", 100 * S);
	assert_int_equal(b.wait_ns, 60 * S);
	breaker_reset(&b, 100 * S); /* and what was is forgotten */
	calls("f", 100 * S);
	assert_int_equal(b.wait_ns, 30 * S);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(failures_in_a_row_open_it, teardown),
		cmocka_unit_test_teardown(a_ratio_of_enough_calls_opens_it,
		    teardown),
		cmocka_unit_test_teardown(the_window_slides, teardown),
		cmocka_unit_test_teardown(windows_of_different_length,
		    teardown),
		cmocka_unit_test_teardown(it_comes_back_by_one_call, teardown),
		cmocka_unit_test_teardown(each_reopening_doubles_the_wait,
		    teardown),
		cmocka_unit_test_teardown(the_cap_holds_from_the_first,
		    teardown),
		cmocka_unit_test_teardown(results_of_another_era_do_not_count,
		    teardown),
		cmocka_unit_test_teardown(
		    a_probe_without_a_result_makes_room_for_another, teardown),
		cmocka_unit_test_teardown(
		    a_probe_that_never_ends_holds_nobody_for_ever, teardown),
		cmocka_unit_test_teardown(it_closes_slowly, teardown),
		cmocka_unit_test_teardown(isolated_until_it_is_reset, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
