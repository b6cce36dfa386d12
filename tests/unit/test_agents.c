#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdint.h>
#include <cmocka.h>

#include "agents.h"

#define MINUTE (60 * NS_PER_S)
#define HOUR (60 * MINUTE)

static struct agent_stats *stats;
static struct agent_view view;

static int
setup(void **state)
{
	(void)state;
	stats = agent_stats_new();
	return stats == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	agent_stats_free(stats);
	return 0;
}

/* So many operations at a time. */
static void
add(unsigned n, bool failed, int64_t now_ns)
{
	while (n-- > 0)
		agent_stats_operation(stats, failed, NS_PER_MS, now_ns, now_ns);
}

static const struct agent_view *
look(int64_t now_ns)
{
	agent_stats_look(stats, now_ns, &view);
	return &view;
}

static void
expect_near(double a, double b)
{
	if (fabs(a - b) > 0.00005)
		fail_msg("%f is not %f", a, b);
}

/* Computed by hand from the formula. */
static void
test_wilson(void **state)
{
	(void)state;
	expect_near(wilson_lower(0, 0), 0);
	expect_near(wilson_lower(0, 10), 0);
	expect_near(wilson_lower(1, 1), 0.2065);
	expect_near(wilson_lower(5, 5), 0.5655);
	expect_near(wilson_lower(10, 10), 0.7225);
	expect_near(wilson_lower(1, 2), 0.0945);
	expect_near(wilson_lower(90, 100), 0.8256);
	expect_near(wilson_lower(81, 263), 0.2553);
	expect_near(wilson_lower(1000000, 1000000), 1.0);
}

static void
test_never_run(void **state)
{
	(void)state;
	agent_stats_look(NULL, HOUR, &view);
	assert_int_equal(view.operations, 0);
	assert_int_equal(view.trend, TREND_STABLE);
	expect_near(view.success_rate, 0);
	assert_int_equal(agent_stats_quantile(NULL, 0.5, HOUR), 0);
}

static void
test_hundred_with_ten_failures(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		add(1, true, HOUR);
		add(9, false, HOUR + 1);
	}
	assert_int_equal(look(HOUR + 2)->operations, 100);
	expect_near(view.success_rate, 0.9);
	expect_near(view.confidence, 0.8256);
	expect_near(view.error_rate, 0.1);
	assert_int_equal(view.recent, 100);
	assert_int_equal(view.recent_failures, 10);
	assert_int_equal(view.failures_in_row, 0);
	assert_int_equal(view.average_ns, NS_PER_MS);
	assert_int_equal(view.last_active_ns, HOUR + 1);
	assert_int_equal(view.last_success_ns, HOUR + 1);
	assert_int_equal(view.trend, TREND_STABLE);
}

static void
test_window_slides(void **state)
{
	int64_t begin = 10 * HOUR;

	(void)state;
	add(3, true, begin);
	add(2, false, begin + 30 * MINUTE);
	assert_int_equal(look(begin + 54 * MINUTE)->recent, 5);
	assert_int_equal(view.recent_failures, 3);
	assert_int_equal(look(begin + 61 * MINUTE)->recent, 2);
	assert_int_equal(view.recent_failures, 0);
	assert_int_equal(look(begin + 3 * HOUR)->recent, 0);
	expect_near(view.error_rate, 0);
	assert_int_equal(view.operations, 5);
	/* Slices whose turn comes again are empty then. */
	add(1, false, begin + 2 * HOUR);
	assert_int_equal(look(begin + 2 * HOUR)->recent, 1);
}

static enum trend
trend_after(unsigned failed_before, unsigned failed_now)
{
	agent_stats_free(stats);
	stats = agent_stats_new();
	assert_non_null(stats);
	add(failed_before, true, 10 * HOUR);
	add(20 - failed_before, false, 10 * HOUR);
	add(failed_now, true, 11 * HOUR);
	add(20 - failed_now, false, 11 * HOUR);
	return look(11 * HOUR + MINUTE)->trend;
}

static void
test_trend(void **state)
{
	(void)state;
	assert_int_equal(trend_after(4, 4), TREND_STABLE);
	assert_int_equal(trend_after(4, 5), TREND_STABLE); /* the band */
	assert_int_equal(trend_after(4, 6), TREND_DECLINING);
	assert_int_equal(trend_after(5, 4), TREND_STABLE);
	assert_int_equal(trend_after(6, 4), TREND_IMPROVING);
	/* Nothing in the hour before the last to compare with. */
	assert_int_equal(look(12 * HOUR + MINUTE)->trend, TREND_STABLE);
	assert_int_equal(look(14 * HOUR)->trend, TREND_STABLE);
}

static void
test_trend_needs_a_few(void **state)
{
	(void)state;
	add(4, false, 10 * HOUR);
	add(20, true, 11 * HOUR);
	assert_int_equal(look(11 * HOUR)->trend, TREND_STABLE);
	add(1, false, 10 * HOUR); /* the fifth */
	assert_int_equal(look(11 * HOUR)->trend, TREND_DECLINING);
}

static void
expect_quantile(double q, int64_t now_ns, int64_t ns)
{
	int64_t found = agent_stats_quantile(stats, q, now_ns);

	/* The upper end of a bucket, which is a sixteenth wide. */
	if (found < ns || found > ns + ns / 16 + 65536)
		fail_msg("%lld is not %lld", (long long)found, (long long)ns);
}

static void
test_quantiles(void **state)
{
	(void)state;
	for (int64_t ms = 1; ms <= 1000; ms++)
		agent_stats_operation(stats, false, ms * NS_PER_MS, HOUR, HOUR);
	expect_quantile(0.50, HOUR, 500 * NS_PER_MS);
	expect_quantile(0.95, HOUR, 950 * NS_PER_MS);
	expect_quantile(0.99, HOUR, 990 * NS_PER_MS);
	expect_quantile(0.99, HOUR + 4 * MINUTE, 990 * NS_PER_MS);
	assert_int_equal(agent_stats_quantile(stats, 0.99, HOUR + 6 * MINUTE),
	    0);
	assert_int_equal(look(HOUR)->average_ns, 500 * NS_PER_MS + 500000);
}

static void
test_times_out_of_range(void **state)
{
	(void)state;
	agent_stats_operation(stats, false, -5, HOUR, HOUR); /* clock set */
	expect_quantile(1.0, HOUR, 0);
	agent_stats_operation(stats, false, INT64_MAX / 2, HOUR, HOUR);
	assert_true(agent_stats_quantile(stats, 1.0, HOUR) > 4 * HOUR);
	for (int i = 0; i < 70000; i++)
		agent_stats_operation(stats, false, 0, HOUR, HOUR);
	expect_quantile(0.5, HOUR, 0);
}

static void
test_failures_in_row(void **state)
{
	(void)state;
	add(2, true, HOUR);
	agent_stats_active(stats, HOUR + 7);
	assert_int_equal(look(HOUR)->failures_in_row, 2);
	assert_int_equal(view.last_active_ns, HOUR + 7);
	assert_int_equal(view.last_success_ns, 0);
	add(1, false, HOUR);
	assert_int_equal(look(HOUR)->failures_in_row, 0);
}

#define AGENTS_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wilson),
		cmocka_unit_test(test_never_run),
		AGENTS_TEST(test_hundred_with_ten_failures),
		AGENTS_TEST(test_window_slides),
		AGENTS_TEST(test_trend),
		AGENTS_TEST(test_trend_needs_a_few),
		AGENTS_TEST(test_quantiles),
		AGENTS_TEST(test_times_out_of_range),
		AGENTS_TEST(test_failures_in_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
