/* Distributions and rates over time, with a clock of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "metrics.h"

#define T0 (100000 * WINDOW_SLICE_NS) /* where a slice begins */
#define WINDOW_NS (WINDOW_SLICES * WINDOW_SLICE_NS)

static struct window window;
static struct rate rate;

static int
setup(void **state)
{
	(void)state;
	memset(&window, 0, sizeof(window));
	memset(&rate, 0, sizeof(rate));
	return 0;
}

static uint64_t
count_at(int64_t now_ns)
{
	struct histogram h;

	window_sum(&window, now_ns, &h);
	return h.count;
}

static void
a_zeroed_window_is_empty(void **state)
{
	(void)state;
	assert_int_equal(count_at(0), 0);
	assert_int_equal(count_at(T0), 0);
	assert_int_equal(rate_sum(&rate, 0), 0);
	assert_int_equal(rate_sum(&rate, T0), 0);
}

static void
values_leave_with_their_slice(void **state)
{
	struct histogram h;

	(void)state;
	window_add(&window, T0, 7);
	window_add(&window, T0 + WINDOW_SLICE_NS, 9);
	assert_int_equal(count_at(T0 + WINDOW_SLICE_NS), 2);
	assert_int_equal(count_at(T0 + WINDOW_NS - 1), 2);
	assert_int_equal(count_at(T0 + WINDOW_NS), 1);
	window_sum(&window, T0 + WINDOW_NS, &h);
	assert_int_equal(h.max, 9);
	assert_int_equal(h.sum, 9);
	assert_int_equal(count_at(T0 + WINDOW_NS + WINDOW_SLICE_NS), 0);
}

static void
a_slice_is_used_again(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		window_add(&window, T0, 7);
	window_add(&window, T0 + WINDOW_NS, 3);
	assert_int_equal(count_at(T0 + WINDOW_NS), 1);
}

static void
many_values_at_once_are_as_many_one_by_one(void **state)
{
	static struct window one;
	struct histogram a, b;

	(void)state;
	memset(&one, 0, sizeof(one));
	window_add_n(&window, T0, 1000, 3);
	window_add_n(&window, T0, 5, 1);
	for (int i = 0; i < 3; i++)
		window_add(&one, T0, 1000);
	window_add(&one, T0, 5);
	window_sum(&window, T0, &a);
	window_sum(&one, T0, &b);
	assert_memory_equal(&a, &b, sizeof(a));
}

static void
a_rate_is_of_the_last_minute(void **state)
{
	(void)state;
	rate_add(&rate, T0, 5);
	rate_add(&rate, T0 + 30 * NS_PER_S, 7);
	rate_add(&rate, T0 + 30 * NS_PER_S + 1, 1);
	assert_int_equal(rate_sum(&rate, T0 + 59 * NS_PER_S), 13);
	assert_int_equal(rate_sum(&rate, T0 + 60 * NS_PER_S), 8);
	assert_int_equal(rate_sum(&rate, T0 + 90 * NS_PER_S), 0);
	rate_add(&rate, T0 + 60 * NS_PER_S, 2);
	assert_int_equal(rate_sum(&rate, T0 + 60 * NS_PER_S), 10);
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_zeroed_window_is_empty),
		TEST(values_leave_with_their_slice),
		TEST(a_slice_is_used_again),
		TEST(many_values_at_once_are_as_many_one_by_one),
		TEST(a_rate_is_of_the_last_minute),
	};

	return cmocka_run_group_tests_name("window", tests, NULL, NULL);
}
