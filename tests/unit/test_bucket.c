#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "bucket.h"

static struct buf out;

static int
teardown(void **state)
{
	(void)state;
	buf_free(&out);
	return 0;
}

static void
calls_are_scored_by_success(void **state)
{
	static const struct {
		uint64_t n, failed;
		double score;
		enum health_status status;
	} cases[] = {
		{ 0, 0, 1, HEALTH_HEALTHY },
		{ 1, 0, 1, HEALTH_HEALTHY },
		{ 10, 1, 0.9, HEALTH_HEALTHY },
		{ 100, 11, 0.89, HEALTH_DEGRADED },
		{ 2, 1, 0.5, HEALTH_DEGRADED },
		{ 100, 51, 0.49, HEALTH_CRITICAL },
		{ 1, 1, 0, HEALTH_CRITICAL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bucket b = { 0 };

		b.v[CALLS] = cases[i].n;
		b.v[CALLS_FAILED] = cases[i].failed;
		assert_float_equal(bucket_score(HISTORY_AGENT, &b),
		    cases[i].score, 1e-9);
		assert_int_equal(bucket_status(HISTORY_INTEGRATION, &b),
		    cases[i].status);
	}
}

static void
polls_are_scored_by_status(void **state)
{
	struct bucket b = { 0 };

	(void)state;
	assert_float_equal(bucket_score(HISTORY_SYSTEM, &b), 1, 1e-9);
	b.v[POLLS] = 10;
	assert_int_equal(bucket_status(HISTORY_SYSTEM, &b), HEALTH_HEALTHY);
	b.v[POLLS_DEGRADED] = 2;
	assert_float_equal(bucket_score(HISTORY_SYSTEM, &b), 0.9, 1e-9);
	assert_int_equal(bucket_status(HISTORY_SYSTEM, &b), HEALTH_DEGRADED);
	b.v[POLLS_CRITICAL] = 1;
	assert_float_equal(bucket_score(HISTORY_SYSTEM, &b), 0.8, 1e-9);
	assert_int_equal(bucket_status(HISTORY_SYSTEM, &b), HEALTH_CRITICAL);
}

static void
alerts_are_the_most_and_all_else_a_sum(void **state)
{
	struct bucket a = { .v = { 1, 2, 3, 4, 5, 6, 7 } };
	const struct bucket b = { .v = { 10, 20, 30, 40, 50, 60, 5 } };
	const struct bucket sum = { .v = { 11, 22, 33, 44, 55, 66, 7 } };

	(void)state;
	bucket_add(HISTORY_SYSTEM, &a, &b);
	assert_memory_equal(&a, &sum, sizeof(a));
	a = (struct bucket){ 0 };
	bucket_add(HISTORY_AGENT, &a, &b);
	assert_int_equal(a.v[CALLS_US], 30);
	assert_int_equal(a.v[CALLS_US + 1], 0); /* not its field */
}

static struct day
make_day(enum history_source source)
{
	struct day d = { .mask = 1u << 0 | 1u << 5 | 1u << 23 };

	for (unsigned h = 0; h < HOURS_A_DAY; h++)
		for (unsigned i = 0; i < POLLS_FIELDS; i++)
			if ((d.mask & 1u << h) != 0 &&
			    (i < CALLS_FIELDS || source == HISTORY_SYSTEM))
				d.hour[h].v[i] = h * 1000 + i + 1;
	return d;
}

static void
a_day_comes_back(void **state)
{
	(void)state;
	for (int i = HISTORY_AGENT; i < HISTORY_SOURCE_END; i++) {
		enum history_source source = (enum history_source)i;
		struct day d = make_day(source), back;
		struct bucket before, after;

		for (int round = 0; round < 2; round++) {
			buf_clear(&out);
			day_put(&out, source, &d);
			assert_false(out.failed);
			assert_true(day_get(buf_slice(&out), source, &back));
			if (round == 0)
				assert_memory_equal(&d, &back, sizeof(d));
			day_sum(source, &d, &before);
			day_sum(source, &back, &after);
			assert_memory_equal(&before, &after, sizeof(before));
			day_thin(source, &d);
			assert_int_equal(d.mask, DAY_WHOLE);
		}
	}
}

static void
nonsense_is_an_empty_day(void **state)
{
	static const struct day nothing;
	struct day d = make_day(HISTORY_AGENT);

	(void)state;
	buf_clear(&out);
	day_put(&out, HISTORY_AGENT, &d);
	for (size_t n = 0; n < out.len; n++) {
		assert_false(day_get(slice_of(out.ptr, n), HISTORY_AGENT, &d));
		assert_memory_equal(&d, &nothing, sizeof(d));
	}
	assert_false(day_get(buf_slice(&out), HISTORY_INTEGRATION, &d));
	assert_false(day_get(buf_slice(&out), HISTORY_SYSTEM, &d));
	out.ptr[4] = 1; /* hours beside the whole day */
	assert_false(day_get(buf_slice(&out), HISTORY_AGENT, &d));
	buf_add_byte(&out, 'x');
	out.ptr[4] = 0;
	assert_false(day_get(buf_slice(&out), HISTORY_AGENT, &d));
	assert_false(day_get(slice_of(NULL, 0), HISTORY_AGENT, &d));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_are_scored_by_success),
		cmocka_unit_test(polls_are_scored_by_status),
		cmocka_unit_test(alerts_are_the_most_and_all_else_a_sum),
		cmocka_unit_test_teardown(a_day_comes_back, teardown),
		cmocka_unit_test_teardown(nonsense_is_an_empty_day, teardown),
	};

	return cmocka_run_group_tests_name("bucket", tests, NULL, NULL);
}
