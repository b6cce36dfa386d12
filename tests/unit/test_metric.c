#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "metric.h"
#include "metric_order.h"

static void
test_every_row(void **state)
{
	int i, k;

	(void)state;
	for (i = 0; i < METRIC_COUNT; i++) {
		assert_in_range(metrics[i].section, 0,
		    METRIC_SECTION_COUNT - 1);
		assert_in_range(metrics[i].kind, METRIC_COUNTER, METRIC_WORD);
		assert_true(metrics[i].name[0] != '\0');
		assert_true(metrics[i].help[0] != '\0');
		for (k = 0; k < i; k++) {
			assert_false(metrics[k].section == metrics[i].section &&
			    strcmp(metrics[k].name, metrics[i].name) == 0);
		}
		/* A section's rows stand together. */
		if (i > 0)
			assert_true(
			    metrics[i].section >= metrics[i - 1].section);
	}
}

/* The order is a promise to every client. */
static void
test_order(void **state)
{
	(void)state;
	for (int i = 0; i < METRIC_SECTION_COUNT; i++) {
		struct buf names = { 0 };

		for (int k = 0; k < METRIC_COUNT; k++) {
			if ((int)metrics[k].section != i)
				continue;
			if (names.len > 0)
				buf_add_byte(&names, ' ');
			buf_add_str(&names, metrics[k].name);
		}
		buf_add_byte(&names, '\0');
		assert_false(names.failed);
		assert_non_null(metric_order[i]);
		assert_string_equal(names.ptr, metric_order[i]);
		buf_free(&names);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_row),
		cmocka_unit_test(test_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
