/* Requests, errors and latencies, with a clock of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "os.h"
#include "traffic.h"

static struct traffic *traffic;
static int64_t mono_ns;

static int64_t
test_mono_ns(void)
{
	return mono_ns;
}

static const struct os test_os = { .mono_ns = test_mono_ns };

static int
setup(void **state)
{
	(void)state;
	os = &test_os;
	mono_ns = 1000 * NS_PER_S;
	traffic = traffic_new();
	return traffic == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	traffic_free(traffic);
	os = &os_system;
	return 0;
}

/* The stamp of a request that is read now. */
static uint64_t
read_now(int command)
{
	return traffic_stamp(traffic, mono_ns / NS_PER_US, command);
}

/* The answers go out so much later. */
static void
settle_after(int64_t ns)
{
	mono_ns += ns;
	traffic_settle(traffic);
}

static uint64_t
latency_max(int command)
{
	struct histogram h;

	window_sum(&traffic->word[command].latency_us, mono_ns, &h);
	return h.max;
}

static void
latency_is_from_reading_to_sending(void **state)
{
	uint64_t get = read_now(CMD_GET), set;

	(void)state;
	traffic_answered(traffic, get);
	traffic_answered(traffic, get);
	mono_ns += NS_PER_MS;
	set = read_now(CMD_SET);
	settle_after(NS_PER_MS);
	assert_int_equal(latency_max(CMD_GET), 2000);
	assert_int_equal(traffic->word[CMD_GET].requests, 2);
	assert_int_equal(traffic->word[CMD_SET].requests, 0);
	traffic_answered(traffic, set);
	settle_after(4 * NS_PER_MS);
	assert_int_equal(latency_max(CMD_SET), 5000);
	settle_after(NS_PER_S); /* nothing to settle */
	assert_int_equal(latency_max(CMD_SET), 5000);
	assert_int_equal(rate_sum(&traffic->requests, mono_ns), 3);
}

static void
subcommands_count_for_their_first_word(void **state)
{
	struct traffic_total total;

	(void)state;
	traffic_answered(traffic, read_now(CMD_RULE_SET));
	traffic_answered(traffic, read_now(CMD_RULE_GET));
	traffic_failed(traffic, read_now(CMD_RULE_PAUSE));
	traffic_answered(traffic, read_now(CMD_RUN));
	traffic_failed(traffic, read_now(TRAFFIC_NO_COMMAND));
	settle_after(0);
	assert_int_equal(traffic->word[CMD_RULE_SET].requests, 3);
	assert_int_equal(traffic->word[CMD_RULE_SET].errors, 1);
	assert_int_equal(traffic->word[CMD_RUN].requests, 1);
	traffic_sum(traffic, mono_ns, &total);
	assert_int_equal(total.requests, 5);
	assert_int_equal(total.errors, 2);
	assert_int_equal(total.latency_us.count, 5);
}

/* More runs in a turn than there is room for. */
static void
no_answer_is_lost(void **state)
{
	struct traffic_total total;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		traffic_answered(traffic,
		    read_now(i % 2 == 0 ? CMD_GET : CMD_PING));
		mono_ns += NS_PER_US;
	}
	settle_after(0);
	traffic_sum(traffic, mono_ns, &total);
	assert_int_equal(total.requests, 1000);
	assert_int_equal(total.latency_us.count, 1000);
	assert_int_equal(traffic->word[CMD_PING].requests, 500);
	assert_in_range(total.latency_us.max, 1, TRAFFIC_RUNS);
}

static void
auth_failures_have_a_rate(void **state)
{
	(void)state;
	traffic_auth_failed(traffic);
	mono_ns += RATE_SECONDS * NS_PER_S;
	traffic_auth_failed(traffic);
	assert_int_equal(traffic->auth_failures_total, 2);
	assert_int_equal(rate_sum(&traffic->auth_failures, mono_ns), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(latency_is_from_reading_to_sending),
		TEST(subcommands_count_for_their_first_word),
		TEST(no_answer_is_lost),
		TEST(auth_failures_have_a_rate),
	};

	return cmocka_run_group_tests_name("traffic", tests, NULL, NULL);
}
