/* tickctl check: ranges, perfdata, and the line for what a server says. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "ctl_check.h"
#include "ctl_range.h"
#include "script.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The examples of the guidelines, and more. */
static void
test_ranges(void **state)
{
	static const struct {
		const char *text;
		double value;
		bool alerts;
	} cases[] = {
		{ "10", -0.1, true },
		{ "10", 0, false },
		{ "10", 10, false },
		{ "10", 10.01, true },
		{ "10:", 9.9, true },
		{ "10:", 10, false },
		{ "10:", 1e18, false },
		{ "~:10", -1e18, false },
		{ "~:10", 10, false },
		{ "~:10", 11, true },
		{ "10:20", 9, true },
		{ "10:20", 10, false },
		{ "10:20", 20, false },
		{ "10:20", 21, true },
		{ "@10:20", 9, false },
		{ "@10:20", 10, true },
		{ "@10:20", 20, true },
		{ "@10:20", 21, false },
		{ "@~:0", 0, true },
		{ "@5", 3, true },
		{ "@5", 6, false },
		{ ":5", 6, true },
		{ ":", -1, true },
		{ ":", 1, false },
		{ "-5:-1.5", -1.5, false },
		{ "-5:-1.5", 0, true },
		{ "1e3", 1001, true },
	};
	struct range r;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		if (range_parse(cases[i].text, &r) == -1)
			fail_msg("%s is no range", cases[i].text);
		if (range_alerts(&r, cases[i].value) != cases[i].alerts)
			fail_msg("%s and %g", cases[i].text, cases[i].value);
	}
}

static void
test_no_ranges(void **state)
{
	static const char *const cases[] = { "", "@", "a", "10a", "1:2:3", "~",
		"20:10", "10:~", "0x10", "-0x10", "nan", "inf", " 1", "1 ",
		"1e999", "10:x", "x:10", "~1:2", "@@1", "--1" };
	struct range r;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		if (range_parse(cases[i], &r) == 0)
			fail_msg("'%s' was taken for a range", cases[i]);
	}
}

static void
test_perfdata(void **state)
{
	struct buf b = { 0 };

	(void)state;
	check_put_perfdata(&b, "a", "1", "%", NULL, NULL);
	check_put_perfdata(&b, "it's", "2.5", "ms", "10:", NULL);
	check_put_perfdata(&b, "c", "3", "", NULL, "@1:2");
	check_put_perfdata(&b, "d", "4", "B", "~:1", "2");
	buf_add_byte(&b, '\0');
	assert_string_equal(b.ptr,
	    "'a'=1% 'it''s'=2.5ms;10: 'c'=3;;@1:2 'd'=4B;~:1;2");
	buf_free(&b);
}

static void
test_units(void **state)
{
	(void)state;
	assert_string_equal(check_unit(&metrics[METRIC_SYSTEM_cpu_usage]), "%");
	assert_string_equal(
	    check_unit(&metrics[METRIC_SYSTEM_process_rss_bytes]), "B");
	assert_string_equal(check_unit(&metrics[METRIC_SYSTEM_queue_depth]),
	    "");
	assert_string_equal(check_unit(&metrics[METRIC_STORAGE_commit_us_p99]),
	    "us");
	assert_string_equal(check_unit(&metrics[METRIC_INTEGRATION_latency_ms]),
	    "ms");
	assert_string_equal(check_unit(&metrics[METRIC_SCHEDULER_failed_total]),
	    "c");
}

/* What the check says of a server that plays these steps. */
static void
expect(const struct step *steps, size_t n, const char *metric,
    const char *warning, const char *critical, enum check_status status,
    const char *line)
{
	static struct script script;
	struct tick_options o = TICK_OPTIONS_INIT;
	struct tick *t;
	char *got = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&got, &len);

	assert_non_null(to);
	script_start(&script, steps, n);
	o.address = script.address;
	t = tick_connect(&o);
	assert_non_null(t);
	assert_int_equal(check_run(t, metric, warning, critical, to), status);
	tick_close(t);
	script_end(&script);
	assert_int_equal(fclose(to), 0);
	assert_string_equal(got, line);
	free(got);
}

static void
test_health(void **state)
{
	static const struct step healthy[] = {
		RECEIVE("1 HEALTH\n"),
		SEND("1 system healthy\n1 agents healthy\n1 OK healthy\n"),
		RECEIVE("2 HEALTH SYSTEM\n"),
		SEND("2 status healthy\n2 cpu_usage 12.5\n"
		     "2 queue_depth 3\n2 process_rss_bytes 4096\n"
		     "2 sampled_ns 1711612800000000000\n2 load1 -\n"
		     "2 unheard_of 5\n2 OK\n"),
	};
	static const struct step degraded[] = {
		RECEIVE("1 HEALTH\n"),
		SEND("1 system healthy\n1 agents degraded\n"
		     "1 storage critical\n1 OK degraded\n"),
		RECEIVE("2 HEALTH SYSTEM\n"),
		SEND("2 ERROR denied not for you\n"),
	};
	static const struct step critical[] = {
		RECEIVE("1 HEALTH\n"),
		SEND("1 storage critical\n1 OK critical\n"),
		RECEIVE("2 HEALTH SYSTEM\n"),
	};
	static const struct step strange[] = {
		RECEIVE("1 HEALTH\n"),
		SEND("1 OK \"a|b\\n\"\n"),
		RECEIVE("2 HEALTH SYSTEM\n"),
		SEND("2 OK\n"),
	};

	(void)state;
	expect(healthy, COUNT(healthy), NULL, NULL, NULL, CHECK_OK,
	    "OK - healthy | 'cpu_usage'=12.5% 'queue_depth'=3 "
	    "'process_rss_bytes'=4096B\n");
	expect(degraded, COUNT(degraded), NULL, NULL, NULL, CHECK_WARNING,
	    "WARNING - degraded: agents, storage\n");
	expect(critical, COUNT(critical), NULL, NULL, NULL, CHECK_CRITICAL,
	    "CRITICAL - critical: storage\n");
	expect(strange, COUNT(strange), NULL, NULL, NULL, CHECK_UNKNOWN,
	    "UNKNOWN - a/b\\n\n");
}

static void
test_metric(void **state)
{
	static const struct step queue[] = {
		RECEIVE("1 HEALTH SYSTEM\n"),
		SEND("1 status healthy\n1 queue_depth 15\n1 OK\n"),
	};
	static const struct step agent[] = {
		RECEIVE("1 HEALTH AGENT my.rule\n"),
		SEND("1 error_rate 0.5\n1 avg_execution_time_ms 1.25\n1 OK\n"),
	};
	static const struct step stat[] = {
		RECEIVE("1 STAT\n"),
		SEND("1 jobs_failed 0\n1 OK\n"),
	};

	(void)state;
	expect(queue, 2, "system.queue_depth", NULL, NULL, CHECK_OK,
	    "OK - system.queue_depth is 15 | 'system.queue_depth'=15\n");
	expect(queue, 2, "system.queue_depth", "10", "20", CHECK_WARNING,
	    "WARNING - system.queue_depth is 15 | "
	    "'system.queue_depth'=15;10;20\n");
	expect(queue, 2, "system.queue_depth", "10", "@10:20", CHECK_CRITICAL,
	    "CRITICAL - system.queue_depth is 15 | "
	    "'system.queue_depth'=15;10;@10:20\n");
	expect(agent, 2, "agent.my.rule.avg_execution_time_ms", "1", NULL,
	    CHECK_WARNING,
	    "WARNING - agent.my.rule.avg_execution_time_ms is 1.25 | "
	    "'agent.my.rule.avg_execution_time_ms'=1.25ms;1\n");
	expect(stat, 2, "stat.jobs_failed", NULL, "0", CHECK_OK,
	    "OK - stat.jobs_failed is 0 | 'stat.jobs_failed'=0;;0\n");
	expect(queue, 2, "system.status", NULL, NULL, CHECK_UNKNOWN,
	    "UNKNOWN - system.status: not a number\n");
	expect(queue, 2, "system.nonsense", NULL, NULL, CHECK_UNKNOWN,
	    "UNKNOWN - system.nonsense: there is no such metric\n");
	expect(NULL, 0, "queue_depth", NULL, NULL, CHECK_UNKNOWN,
	    "UNKNOWN - queue_depth: not section.name or "
	    "section.id.name, such as system.cpu_usage\n");
	expect(NULL, 0, "health.system", NULL, NULL, CHECK_UNKNOWN,
	    "UNKNOWN - health.system: not section.name or "
	    "section.id.name, such as system.cpu_usage\n");
	expect(queue, 2, "health.system.queue_depth", NULL, NULL, CHECK_OK,
	    "OK - health.system.queue_depth is 15 | "
	    "'health.system.queue_depth'=15\n");
	expect(NULL, 0, "system.queue_depth", "x", NULL, CHECK_UNKNOWN,
	    "UNKNOWN - x: not a range\n");
}

static void
test_trouble(void **state)
{
	static const struct step denied[] = {
		RECEIVE("1 HEALTH\n"),
		SEND("1 ERROR denied who are you\n"),
	};
	static const struct step unavailable[] = {
		RECEIVE("1 HEALTH\n"),
		SEND("1 ERROR unavailable starting\n"),
	};
	static const struct step closed[] = {
		RECEIVE("1 HEALTH\n"),
	};
	static const struct step too_old[] = {
		RECEIVE("1 HEALTH NONSENSE\n"),
		SEND("1 ERROR unknown_command no HEALTH NONSENSE\n"),
	};

	(void)state;
	expect(denied, 2, NULL, NULL, NULL, CHECK_UNKNOWN,
	    "UNKNOWN - denied: who are you\n");
	expect(unavailable, 2, NULL, NULL, NULL, CHECK_CRITICAL,
	    "CRITICAL - starting\n");
	expect(closed, 1, NULL, NULL, NULL, CHECK_CRITICAL,
	    "CRITICAL - the server closed the connection\n");
	expect(too_old, 2, "nonsense.x", NULL, NULL, CHECK_UNKNOWN,
	    "UNKNOWN - unknown_command: no HEALTH NONSENSE\n");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_no_ranges),
		cmocka_unit_test(test_perfdata),
		cmocka_unit_test(test_units),
		cmocka_unit_test(test_health),
		cmocka_unit_test(test_metric),
		cmocka_unit_test(test_trouble),
	};

	return cmocka_run_group_tests_name("ctl_check", tests, NULL, NULL);
}
