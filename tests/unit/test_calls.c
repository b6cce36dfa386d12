#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "calls.h"

#define MS INT64_C(1000000)

static struct calls calls;

static int
setup(void **state)
{
	(void)state;
	memset(&calls, 0, sizeof(calls));
	return 0;
}

static void
add(unsigned n, bool failed, int64_t now_ns)
{
	while (n-- > 0)
		calls_add(&calls, failed, !failed, 10 * MS, now_ns);
}

static struct calls_view
look(void)
{
	struct calls_view v;

	calls_look(&calls, &v);
	return v;
}

static void
test_empty(void **state)
{
	struct calls_view v = look();

	(void)state;
	assert_int_equal(v.n, 0);
	assert_true(v.error_rate <= 0);
	assert_int_equal(v.latency_ns, 0);
	assert_int_equal(v.trend, TREND_STABLE);
}

/* The mean is that of the calls somebody answered. */
static void
test_rates(void **state)
{
	struct calls_view v;

	(void)state;
	calls_add(&calls, false, true, 10 * MS, 0);
	calls_add(&calls, true, true, 30 * MS, 0);
	calls_add(&calls, true, false, 900 * MS, 0);
	calls_add(&calls, false, true, -5, 0);
	v = look();
	assert_int_equal(v.n, 4);
	assert_true(v.error_rate > 0.4999 && v.error_rate < 0.5001);
	assert_int_equal(v.latency_ns, 40 * MS / 3);
}

/* What is recent ends with the last call, however long ago that was. */
static void
test_window(void **state)
{
	(void)state;
	add(3, true, 0);
	assert_int_equal(look().n, 3);
	add(1, false, 9 * CALLS_SLICE_NS);
	assert_int_equal(look().n, 4);
	add(1, false, 10 * CALLS_SLICE_NS);
	assert_int_equal(look().n, 2);
	add(1, true, 1000 * CALLS_SLICE_NS);
	assert_int_equal(look().n, 1);
	assert_true(look().error_rate > 0.9999);
}

static void
test_trend(void **state)
{
	(void)state;
	add(10, false, 0);
	add(4, true, 5 * CALLS_SLICE_NS);
	assert_int_equal(look().trend, TREND_STABLE); /* too few to tell */
	add(1, true, 5 * CALLS_SLICE_NS);
	assert_int_equal(look().trend, TREND_DECLINING);
	add(100, false, 10 * CALLS_SLICE_NS);
	assert_int_equal(look().trend, TREND_IMPROVING);
	add(100, false, 15 * CALLS_SLICE_NS);
	assert_int_equal(look().trend, TREND_STABLE);
	add(5, true, 20 * CALLS_SLICE_NS); /* with 95 others: within the band */
	add(95, false, 20 * CALLS_SLICE_NS);
	assert_int_equal(look().trend, TREND_STABLE);
	add(1, true, 20 * CALLS_SLICE_NS);
	assert_int_equal(look().trend, TREND_DECLINING);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		TEST(test_empty),
		TEST(test_rates),
		TEST(test_window),
		TEST(test_trend),
	};

	return cmocka_run_group_tests_name("calls", tests, NULL, NULL);
}
