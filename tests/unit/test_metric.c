#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "metric.h"

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
test_stat_rows_in_order(void **state)
{
	static const char *const names[] = { "uptime_ns", "connections",
		"jobs_total", "jobs_planned", "jobs_triggered", "jobs_executed",
		"jobs_failed", "rules_total", "executions_pending",
		"executions_inflight", "persistence", "compression",
		"auth_enabled", "tls_enabled", "framerate" };
	int i;

	(void)state;
	for (i = 0; i < 15; i++) {
		assert_int_equal(metrics[i].section, METRIC_SECTION_STAT);
		assert_string_equal(metrics[i].name, names[i]);
	}
	if (METRIC_COUNT > 15)
		assert_int_not_equal(metrics[15 % METRIC_COUNT].section,
		    METRIC_SECTION_STAT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_row),
		cmocka_unit_test(test_stat_rows_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
