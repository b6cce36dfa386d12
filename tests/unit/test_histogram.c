/* Quantiles against sorted values, within the error that is promised. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "histogram.h"
#include "prng.h"

#define N 5000u

static int
compare(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x < y ? -1 : x > y;
}

static void
test_empty(void **state)
{
	static const struct histogram h;

	(void)state;
	assert_int_equal(histogram_quantile(&h, 0.5), 0);
}

static void
test_small_values_are_exact(void **state)
{
	static struct histogram h;

	(void)state;
	for (uint64_t v = 0; v < HISTOGRAM_STEPS; v++)
		histogram_add(&h, v);
	assert_int_equal(histogram_quantile(&h, 0.5), HISTOGRAM_STEPS / 2 - 1);
	assert_int_equal(histogram_quantile(&h, 1), HISTOGRAM_STEPS - 1);
	assert_int_equal(h.count, HISTOGRAM_STEPS);
	assert_int_equal(h.sum, HISTOGRAM_STEPS * (HISTOGRAM_STEPS - 1) / 2);
}

static void
test_error_is_bounded(void **state)
{
	static const double q[] = { 0.001, 0.25, 0.5, 0.95, 0.99, 0.999, 1 };
	static uint64_t values[N];
	struct prng random = { 3 };

	(void)state;
	for (unsigned bits = 1; bits <= 40; bits++) {
		static struct histogram h;

		memset(&h, 0, sizeof(h));
		for (unsigned i = 0; i < N; i++) {
			values[i] = ((uint64_t)prng_next(&random) << 32 |
					prng_next(&random)) >>
			    (64 - bits);
			histogram_add(&h, values[i]);
		}
		qsort(values, N, sizeof(*values), compare);
		for (size_t k = 0; k < sizeof(q) / sizeof(*q); k++) {
			uint64_t exact =
			    values[(size_t)(q[k] * N + 0.999999) - 1];
			uint64_t got = histogram_quantile(&h, q[k]);

			assert_true(got >= exact);
			assert_true(got - exact <= exact / HISTOGRAM_STEPS);
		}
		assert_int_equal(h.max, values[N - 1]);
	}
}

static void
test_too_large(void **state)
{
	static struct histogram h;

	(void)state;
	histogram_add(&h, UINT64_MAX);
	histogram_add(&h, (uint64_t)1 << HISTOGRAM_VALUE_BITS);
	assert_int_equal(h.count, 2);
	assert_int_equal(h.max, UINT64_MAX);
	assert_int_equal(h.bucket[HISTOGRAM_BUCKETS - 1], 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_small_values_are_exact),
		cmocka_unit_test(test_error_is_bounded),
		cmocka_unit_test(test_too_large),
	};

	return cmocka_run_group_tests_name("histogram", tests, NULL, NULL);
}
