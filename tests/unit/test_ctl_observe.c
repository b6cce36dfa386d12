/* tickctl: the views of the metric sections and of events, bars and spark
 * lines. The commands need not be in the table of commands yet. */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "ctl_bar.h"
#include "ctl_json.h"
#include "ctl_out.h"
#include "ctl_view.h"
#include "ctl_watch.h"
#include "metric.h"
#include "script.h"

#define MAX_WORDS 10
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct line {
	const char *word[MAX_WORDS];
};

static struct view
view(const char *words, const char *arg)
{
	const struct command c = { .words = words };

	return view_of(&c, slice_str(arg));
}

static void
make_row(const struct line *l, struct tick_word *words, struct tick_row *row)
{
	size_t n = 0;

	while (n < MAX_WORDS && l->word[n] != NULL) {
		words[n] = (struct tick_word){ l->word[n], strlen(l->word[n]) };
		n++;
	}
	*row = (struct tick_row){ words, n };
}

static void
expect(const struct view *v, enum ctl_form form, const struct line *lines,
    size_t n, const struct line *ok, const char *text)
{
	struct tick_word words[MAX_WORDS];
	struct tick_row row;
	struct out o;
	char *got = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&got, &len);

	assert_non_null(to);
	out_init(&o, to, form, false, v);
	for (size_t i = 0; i < n; i++) {
		make_row(&lines[i], words, &row);
		assert_int_equal(out_row(&o, &row), 0);
	}
	make_row(ok, words, &row);
	assert_int_equal(out_end(&o, &row), 0);
	out_fini(&o);
	assert_int_equal(fclose(to), 0);
	assert_string_equal(got, text);
	free(got);
}

static const struct line no_words = { { NULL } };

/* Every section's reply has a view, made of its metrics. */
static void
test_every_section(void **state)
{
	static const struct {
		const char *words;
		const char *arg;
		enum metric_section section;
		enum view_kind kind;
	} cases[] = {
		{ "STAT", "", METRIC_SECTION_STAT, VIEW_PAIRS },
		{ "HEALTH SYSTEM", "", METRIC_SECTION_SYSTEM, VIEW_PAIRS },
		{ "HEALTH SCHEDULER", "", METRIC_SECTION_SCHEDULER,
		    VIEW_PAIRS },
		{ "HEALTH STORAGE", "", METRIC_SECTION_STORAGE, VIEW_PAIRS },
		{ "HEALTH PROTOCOL", "", METRIC_SECTION_PROTOCOL, VIEW_PAIRS },
		{ "HEALTH BACKGROUND", "", METRIC_SECTION_BACKGROUND,
		    VIEW_ROWS },
		{ "HEALTH AGENTS", "", METRIC_SECTION_AGENTS, VIEW_ROWS },
		{ "HEALTH AGENT", "r", METRIC_SECTION_AGENT, VIEW_PAIRS },
		{ "HEALTH INTEGRATIONS", "", METRIC_SECTION_INTEGRATIONS,
		    VIEW_ROWS },
		{ "HEALTH INTEGRATION", "i", METRIC_SECTION_INTEGRATION,
		    VIEW_PAIRS },
		{ "HEALTH SESSIONS", "", METRIC_SECTION_SESSIONS, VIEW_PAIRS },
		{ "HEALTH SANDBOX", "", METRIC_SECTION_SANDBOX, VIEW_PAIRS },
		{ "HEALTH BREAKERS", "", METRIC_SECTION_BREAKERS, VIEW_PAIRS },
		{ "HEALTH ALERTS", "", METRIC_SECTION_ALERTS, VIEW_PAIRS },
		{ "BREAKER LIST", "", METRIC_SECTION_BREAKER, VIEW_ROWS },
		{ "BREAKER GET", "b", METRIC_SECTION_BREAKER, VIEW_PAIRS },
		{ "ALERT LIST", "", METRIC_SECTION_ALERT, VIEW_ROWS },
		{ "HEALTH HISTORY", "agent", METRIC_SECTION_HISTORY,
		    VIEW_ROWS },
		{ "HEALTH HISTORY", "System", METRIC_SECTION_HISTORY_SYSTEM,
		    VIEW_ROWS },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct view v = view(cases[i].words, cases[i].arg);
		struct fields f = view_section((int)cases[i].section);

		assert_int_equal(v.kind, cases[i].kind);
		assert_true(f.n > 0);
		assert_ptr_equal(v.fields.at, f.at);
		assert_int_equal(v.fields.n, f.n);
	}
	assert_int_equal(view("ALERT ACK", "").kind, VIEW_ANY);
}

static void
test_alerts(void **state)
{
	static const struct line rows[] = {
		{ { "a1", "critical", "system", "disk", "1711612800000000000",
		    "1", "0", "disk is full" } },
	};
	struct view v = view("ALERT LIST", "ALL");

	(void)state;
	expect(&v, FORM_TABLE, rows, 1, &no_words,
	    "ALERT_ID  SEVERITY  SOURCE_TYPE  SOURCE_ID  RAISED             "
	    "   ACTION_REQUIRED  ACKNOWLEDGED  MESSAGE\n"
	    "a1        critical  system       disk       "
	    "2024-03-28T08:00:00Z  1                0             "
	    "disk is full\n");
	expect(&v, FORM_PLAIN, rows, 1, &no_words,
	    "a1\tcritical\tsystem\tdisk\t1711612800000000000\t1\t0\t"
	    "disk is full\n");
	expect(&v, FORM_JSON, rows, 1, &no_words,
	    "{\"alert_id\":\"a1\",\"severity\":\"critical\","
	    "\"source_type\":\"system\",\"source_id\":\"disk\","
	    "\"raised_ns\":1711612800000000000,\"action_required\":true,"
	    "\"acknowledged\":false,\"message\":\"disk is full\"}\n");
}

/* A heading only for the columns that are there; one breaker as pairs. */
static void
test_breakers(void **state)
{
	static const struct line list[] = {
		{ { "rule:a", "open", "0.5", "20", "0", "0" } },
	};
	static const struct line one[] = {
		{ { "breaker", "rule:a" } },
		{ { "failure_ratio", "0.5" } },
		{ { "retry_ns", "0" } },
		{ { "last_error", "-" } },
	};
	struct view v = view("BREAKER LIST", "");

	(void)state;
	expect(&v, FORM_TABLE, list, 1, &no_words,
	    "BREAKER  STATE  FAILURE_RATIO  CALLS  OPENED  RETRY\n"
	    "rule:a   open   0.5            20     never   never\n");
	v = view("BREAKER GET", "rule:a");
	expect(&v, FORM_JSON, one, 4, &no_words,
	    "{\"breaker\":\"rule:a\",\"failure_ratio\":0.5,\"retry_ns\":0,"
	    "\"last_error\":null}\n");
}

static void
test_integrations(void **state)
{
	static const struct line rows[] = {
		{ { "a", "tcp", "x:1" } },
		{ { "http://x:80", "-" } },
	};
	struct view v = view("INTEGRATION LIST", "");

	(void)state;
	expect(&v, FORM_TABLE, rows, 2, &no_words,
	    "INTEGRATION  PROBE\na            tcp x:1\nhttp://x:80  -\n");
	expect(&v, FORM_JSON, rows, 2, &no_words,
	    "{\"integration\":\"a\",\"probe\":[\"tcp\",\"x:1\"]}\n"
	    "{\"integration\":\"http://x:80\",\"probe\":[]}\n");
}

static void
test_health(void **state)
{
	static const struct line rows[] = {
		{ { "system", "healthy" } },
		{ { "agents", "degraded" } },
	};
	static const struct line ok = { { "degraded" } };
	struct view v = view("HEALTH", "");

	(void)state;
	expect(&v, FORM_TABLE, rows, 2, &ok,
	    "system  healthy\nagents  degraded\nOK\tdegraded\n");
	expect(&v, FORM_JSON, rows, 2, &ok,
	    "{\"system\":\"healthy\",\"agents\":\"degraded\","
	    "\"status\":\"degraded\"}\n");
}

/* Pairs and a list in one reply, in either order. */
static void
test_mixed(void **state)
{
	static const struct line protocol[] = {
		{ { "status", "healthy" } },
		{ { "requests_per_second", "1.5" } },
		{ { "command", "SET", "10", "0", "5", "9" } },
		{ { "command", "GET", "7", "1", "3", "4" } },
	};
	static const struct line sandbox[] = {
		{ { "none", "1", "-" } },
		{ { "bwrap", "0", "not found" } },
		{ { "max_agents", "100" } },
	};
	struct view v = view("HEALTH PROTOCOL", "");

	(void)state;
	expect(&v, FORM_TABLE, protocol, 4, &no_words,
	    "status               healthy\n"
	    "requests_per_second  1.5\n"
	    "\n"
	    "COMMAND  NAME  REQUESTS  ERRORS  LATENCY_US_P50  LATENCY_US_P99\n"
	    "command  SET   10        0       5               9\n"
	    "command  GET   7         1       3               4\n");
	expect(&v, FORM_PLAIN, protocol + 1, 2, &no_words,
	    "requests_per_second\t1.5\ncommand\tSET\t10\t0\t5\t9\n");
	expect(&v, FORM_JSON, protocol, 3, &no_words,
	    "{\"status\":\"healthy\",\"requests_per_second\":1.5,"
	    "\"command\":[{\"command\":\"command\",\"name\":\"SET\","
	    "\"requests\":10,\"errors\":0,\"latency_us_p50\":5,"
	    "\"latency_us_p99\":9}]}\n");
	v = view("HEALTH SANDBOX", "");
	expect(&v, FORM_TABLE, sandbox, 3, &no_words,
	    "KIND   AVAILABLE  DETAIL\n"
	    "none   1          -\n"
	    "bwrap  0          not found\n"
	    "\n"
	    "max_agents  100\n");
	expect(&v, FORM_JSON, sandbox, 3, &no_words,
	    "{\"kind\":[{\"kind\":\"none\",\"available\":true,"
	    "\"detail\":null},{\"kind\":\"bwrap\",\"available\":false,"
	    "\"detail\":\"not found\"}],\"max_agents\":100}\n");
}

static void
test_history(void **state)
{
	static const struct line rows[] = {
		{ { "1711612800000000000", "1", "healthy", "10", "10", "0",
		    "1.5" } },
		{ { "1711699200000000000", "0.35", "degraded", "10", "3", "7",
		    "1.5" } },
		{ { "1711785600000000000", "0", "critical", "1", "0", "1",
		    "2" } },
	};
	struct view v = view("HEALTH HISTORY", "agent");

	(void)state;
	expect(&v, FORM_TABLE, rows, 3, &no_words,
	    "TIMESTAMP             HEALTH_SCORE  STATUS    TOTAL  COMPLETED  "
	    "FAILED  AVG_MS\n"
	    "2024-03-28T08:00:00Z  1             healthy   10     10         "
	    "0       1.5     ##########\n"
	    "2024-03-29T08:00:00Z  0.35          degraded  10     3          "
	    "7       1.5     ####\n"
	    "2024-03-30T08:00:00Z  0             critical  1      0          "
	    "1       2       \n");
	expect(&v, FORM_PLAIN, rows, 1, &no_words,
	    "1711612800000000000\t1\thealthy\t10\t10\t0\t1.5\n");
}

/*
 * Bars.
 */

static void
expect_bar(double share, size_t width, bool utf8, const char *text)
{
	struct buf b = { 0 };

	bar_put(&b, share, width, utf8);
	buf_add_byte(&b, '\0');
	assert_string_equal(b.ptr, text);
	buf_free(&b);
}

static void
test_bars(void **state)
{
	(void)state;
	expect_bar(0, 4, false, "");
	expect_bar(0.001, 4, false, "#");
	expect_bar(0.5, 4, false, "##");
	expect_bar(1, 4, false, "####");
	expect_bar(7, 4, false, "####");
	expect_bar(-1, 4, false, "");
	expect_bar((double)NAN, 4, false, "");
	expect_bar(1, 2, true, "██");
	expect_bar(0.5, 2, true, "█");
	expect_bar(0.5, 1, true, "▌");
	expect_bar(0.125, 1, true, "▏");
	expect_bar(0.875, 2, true, "█▊");
	expect_bar(0.0001, 2, true, "▏");
	expect_bar(1, 0, true, "");
}

static void
test_spark(void **state)
{
	static const double values[] = { 0, 1, 2, 3, 4, 5, 6, 7, 99,
		(double)NAN };
	struct buf b = { 0 };

	(void)state;
	spark_put(&b, values, 10, 7, true);
	buf_add_byte(&b, '\0');
	assert_string_equal(b.ptr, "▁▂▃▄▅▆▇██▁");
	buf_clear(&b);
	spark_put(&b, values, 10, 7, false);
	buf_add_byte(&b, '\0');
	assert_string_equal(b.ptr, "_.:-=+*##_");
	buf_clear(&b);
	spark_put(&b, values, 3, 0, false);
	buf_add_byte(&b, '\0');
	assert_string_equal(b.ptr, "___");
	buf_free(&b);
}

/*
 * Watching.
 */

static void
expect_watch(const char *sent, enum ctl_form form, const char *text)
{
	static struct script script;
	const struct step steps[] = {
		RECEIVE("1 WATCH x\n"),
		SEND("1 OK\n"),
		{ STEP_SEND, sent, strlen(sent), 1 },
	};
	struct tick_options options = TICK_OPTIONS_INIT;
	struct tick *t;
	struct out o;
	char *got = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&got, &len);

	assert_non_null(to);
	script_start(&script, steps, COUNT(steps));
	options.address = script.address;
	t = tick_connect(&options);
	assert_non_null(t);
	out_init(&o, to, form, false, &view_lines);
	assert_int_equal(watch_run(t, "x", NULL, &o), WATCH_ENDED);
	assert_int_equal(tick_err(t), TICK_ERR_CLOSED);
	out_fini(&o);
	tick_close(t);
	script_end(&script);
	assert_int_equal(fclose(to), 0);
	assert_string_equal(got, text);
	free(got);
}

#define T "1711612800000000000"

static void
test_watch(void **state)
{
	static const char jobs[] = "1 EVENT jobs " T " a planned 0\n";
	static const char alert[] =
	    "1 EVENT alerts " T " raised a1 info agent r " T " 0 0 \"a b\"\n";

	(void)state;
	expect_watch(jobs, FORM_PLAIN, "jobs\t" T "\ta\tplanned\t0\n");
	expect_watch(jobs, FORM_TABLE,
	    "jobs  2024-03-28T08:00:00Z  a  planned  never\n");
	expect_watch(jobs, FORM_JSON,
	    "{\"topic\":\"jobs\",\"time_ns\":" T ",\"job\":\"a\","
	    "\"status\":\"planned\",\"execution_ns\":0}\n");
	expect_watch(alert, FORM_JSON,
	    "{\"topic\":\"alerts\",\"time_ns\":" T ",\"change\":\"raised\","
	    "\"alert_id\":\"a1\",\"severity\":\"info\","
	    "\"source_type\":\"agent\",\"source_id\":\"r\","
	    "\"raised_ns\":" T ",\"action_required\":false,"
	    "\"acknowledged\":false,\"message\":\"a b\"}\n");
	expect_watch("1 EVENT executions " T " 7 a r success 1 0\n", FORM_JSON,
	    "{\"topic\":\"executions\",\"time_ns\":" T ",\"execution_id\":7,"
	    "\"job\":\"a\",\"rule\":\"r\",\"state\":\"success\","
	    "\"attempt\":1,\"exit\":0}\n");
	expect_watch("1 EVENT breakers " T " rule:a open\n", FORM_JSON,
	    "{\"topic\":\"breakers\",\"time_ns\":" T
	    ",\"breaker\":\"rule:a\",\"state\":\"open\"}\n");
	expect_watch("1 EVENT health " T " agents degraded\n"
		     "1 EVENT health " T " agent r idle 0.5 0.2 3 stable\n"
		     "1 EVENT health " T " integration i healthy 0 1.5 0 "
		     "stable connected\n",
	    FORM_JSON,
	    "{\"topic\":\"health\",\"time_ns\":" T
	    ",\"section\":\"agents\",\"status\":\"degraded\"}\n"
	    "{\"topic\":\"health\",\"time_ns\":" T
	    ",\"section\":\"agent\",\"rule\":\"r\",\"status\":\"idle\","
	    "\"success_rate\":0.5,\"confidence_score\":0.2,"
	    "\"operations_completed\":3,\"health_trend\":\"stable\"}\n"
	    "{\"topic\":\"health\",\"time_ns\":" T
	    ",\"section\":\"integration\",\"integration\":\"i\","
	    "\"status\":\"healthy\",\"last_used_ns\":0,\"latency_ms\":1.5,"
	    "\"error_rate\":0,\"health_trend\":\"stable\","
	    "\"connection_status\":\"connected\"}\n");
	expect_watch("1 EVENT dropped 12\n1 EVENT new " T " x\n", FORM_JSON,
	    "{\"topic\":\"dropped\",\"time_ns\":0,\"count\":12}\n"
	    "{\"topic\":\"new\",\"time_ns\":" T "}\n");
	expect_watch("1 EVENT new " T " x \"y z\"\n", FORM_PLAIN,
	    "new\t" T "\tx\ty z\n");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_section),
		cmocka_unit_test(test_alerts),
		cmocka_unit_test(test_breakers),
		cmocka_unit_test(test_integrations),
		cmocka_unit_test(test_health),
		cmocka_unit_test(test_mixed),
		cmocka_unit_test(test_history),
		cmocka_unit_test(test_bars),
		cmocka_unit_test(test_spark),
		cmocka_unit_test(test_watch),
	};

	return cmocka_run_group_tests_name("ctl_observe", tests, NULL, NULL);
}
