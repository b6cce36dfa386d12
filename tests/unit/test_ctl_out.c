/* tickctl: replies as tables, plain lines and JSON; help and completion. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "ctl_help.h"
#include "ctl_json.h"
#include "ctl_out.h"
#include "ctl_text.h"
#include "utf8.h"

#define MAX_WORDS 8

/* A row of up to 8 words, NULL after the last. */
struct line {
	const char *word[MAX_WORDS];
};

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

/* The output of these rows and the words after OK. */
static void
expect(const struct view *view, enum ctl_form form, const struct line *lines,
    size_t n, const struct line *ok, const char *text)
{
	struct tick_word words[MAX_WORDS];
	struct tick_row row;
	struct out o;
	char *got = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&got, &len);

	assert_non_null(to);
	out_init(&o, to, form, false, view);
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

/* The view of a command without arguments; valid until the next call. */
static const struct view *
view(enum cmd_id id)
{
	static struct view v;

	v = view_of(&commands[id], slice_of("", 0));
	return &v;
}

static const struct line no_words = { { NULL } };

static void
test_list(void **state)
{
	static const struct line rows[] = {
		{ { "a", "planned", "1711612800000000000" } },
		{ { "b\tc \x9b", "executed", "0" } },
	};
	const struct view *v = view(CMD_QUERY);

	(void)state;
	expect(v, FORM_TABLE, rows, 2, &no_words,
	    "JOB        STATUS    EXECUTION\n"
	    "a          planned   2024-03-28T08:00:00Z\n"
	    "b\\tc \\x9b  executed  never\n");
	expect(v, FORM_PLAIN, rows, 2, &no_words,
	    "a\tplanned\t1711612800000000000\n"
	    "b\\tc \x9b\texecuted\t0\n");
	expect(v, FORM_JSON, rows, 2, &no_words,
	    "{\"job\":\"a\",\"status\":\"planned\","
	    "\"execution_ns\":1711612800000000000}\n"
	    "{\"job\":\"b\\tc \xc2\x9b\",\"status\":\"executed\","
	    "\"execution_ns\":0}\n");
	expect(v, FORM_TABLE, NULL, 0, &no_words, "(none)\n");
	expect(v, FORM_PLAIN, NULL, 0, &no_words, "");
	expect(v, FORM_JSON, NULL, 0, &no_words, "");
}

static void
test_values(void **state)
{
	static const struct line ok = { { "planned", "1711612800250000000" } };
	static const struct line hello = { { "tickd", "0.1.0", "protocol",
	    "1" } };
	const struct view *v = view(CMD_GET);

	(void)state;
	expect(v, FORM_TABLE, NULL, 0, &ok,
	    "planned  2024-03-28T08:00:00.25Z\n");
	expect(v, FORM_PLAIN, NULL, 0, &ok, "planned\t1711612800250000000\n");
	expect(v, FORM_JSON, NULL, 0, &ok,
	    "{\"status\":\"planned\",\"execution_ns\":1711612800250000000}\n");
	expect(view(CMD_HELLO), FORM_PLAIN, NULL, 0, &hello,
	    "tickd\t0.1.0\tprotocol\t1\n");
	expect(view(CMD_HELLO), FORM_JSON, NULL, 0, &hello,
	    "{\"name\":\"tickd\",\"version\":\"0.1.0\",\"protocol\":1}\n");
}

static void
test_pairs(void **state)
{
	static const struct line rows[] = {
		{ { "rule", "7" } },
		{ { "arguments", "a b", "" } },
		{ { "paused", "1" } },
		{ { "timeout", "5s" } },
		{ { "breaker_ratio", "0.5" } },
		{ { "env", "A=1" } },
		{ { "env", "B=2" } },
		{ { "secret", "-" } },
		{ { "name", "-" } },
		{ { "unheard_of", "x" } },
	};
	static const struct line stat[] = {
		{ { "uptime_ns", "3723004005006" } },
		{ { "jobs_total", "12" } },
		{ { "persistence", "logfile" } },
		{ { "tls_enabled", "0" } },
	};

	(void)state;
	expect(view(CMD_RULE_GET), FORM_JSON, rows, 10, &no_words,
	    "{\"rule\":\"7\",\"arguments\":[\"a b\",\"\"],\"paused\":true,"
	    "\"timeout\":\"5s\",\"breaker_ratio\":0.5,"
	    "\"env\":[\"A=1\",\"B=2\"],\"secret\":[],\"name\":null,"
	    "\"unheard_of\":\"x\"}\n");
	expect(view(CMD_RULE_GET), FORM_TABLE, rows, 3, &no_words,
	    "rule       7\n"
	    "arguments  \"a b\" \"\"\n"
	    "paused     1\n");
	expect(view(CMD_STAT), FORM_TABLE, stat, 4, &no_words,
	    "uptime       1h2m3s\n"
	    "jobs_total   12\n"
	    "persistence  logfile\n"
	    "tls_enabled  0\n");
	expect(view(CMD_STAT), FORM_PLAIN, stat, 1, &no_words,
	    "uptime_ns\t3723004005006\n");
	expect(view(CMD_STAT), FORM_JSON, stat, 4, &no_words,
	    "{\"uptime_ns\":3723004005006,\"jobs_total\":12,"
	    "\"persistence\":\"logfile\",\"tls_enabled\":false}\n");
}

static void
test_others(void **state)
{
	static const struct line rows[] = { { { "a b", "", "c" } } };
	static const struct line word = { { "a\tb" } };

	(void)state;
	expect(view(CMD_SET), FORM_PLAIN, NULL, 0, &no_words, "OK\n");
	expect(view(CMD_SET), FORM_TABLE, NULL, 0, &no_words, "OK\n");
	expect(view(CMD_SET), FORM_JSON, NULL, 0, &no_words, "{\"ok\":true}\n");
	expect(view(CMD_PING), FORM_PLAIN, NULL, 0, &word, "a\\tb\n");
	expect(view(CMD_PING), FORM_JSON, rows, 1, &word,
	    "{\"row\":[\"a b\",\"\",\"c\"]}\n{\"ok\":[\"a\\tb\"]}\n");
	expect(view(CMD_PING), FORM_TABLE, rows, 1, &word,
	    "a b    c\nOK\ta\\tb\n");
	expect(&view_lines, FORM_PLAIN, rows, 1, &word,
	    "\"a b\" \"\" c\nOK \"a\\tb\"\n");
}

/* The widths are those of the first rows; all rows come out. */
static void
test_long_table(void **state)
{
	static const struct line row = { { "a", "planned", "0" } };
	struct tick_word words[MAX_WORDS];
	struct tick_row r;
	struct out o;
	char *got = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&got, &len);

	(void)state;
	out_init(&o, to, FORM_TABLE, false, view(CMD_QUERY));
	make_row(&row, words, &r);
	for (int i = 0; i < 5000; i++)
		assert_int_equal(out_row(&o, &r), 0);
	r.n_words = 0;
	assert_int_equal(out_end(&o, &r), 0);
	assert_true(o.table.cells.cap < 100000);
	out_fini(&o);
	assert_int_equal(fclose(to), 0);
	assert_int_equal(len,
	    strlen("JOB  STATUS   EXECUTION\n") +
		5000 * strlen("a    planned  never\n"));
	free(got);
}

static void
test_full_disk(void **state)
{
	static const struct line row = { { "a", "planned", "0" } };
	static const enum ctl_form forms[] = { FORM_TABLE, FORM_PLAIN,
		FORM_JSON };
	struct tick_word words[MAX_WORDS];
	struct tick_row r, end = { NULL, 0 };

	(void)state;
	make_row(&row, words, &r);
	for (size_t f = 0; f < 3; f++) {
		FILE *to = fopen("/dev/full", "w");
		struct out o;
		int result = 0;

		assert_non_null(to);
		out_init(&o, to, forms[f], false, view(CMD_QUERY));
		for (int i = 0; i < 2000 && result == 0; i++)
			result = out_row(&o, &r);
		if (result == 0)
			result = out_end(&o, &end);
		assert_int_equal(result, -1);
		out_fini(&o);
		(void)fclose(to);
	}
}

static void
test_sequences(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} cases[] = {
		{ "", 0 },
		{ "a", 1 },
		{ "\xc3\xa9", 2 },
		{ "\xe2\x82\xac", 3 },
		{ "\xf0\x9f\x98\x80", 4 },
		{ "\x80", 0 },
		{ "\xc0\x80", 0 },
		{ "\xc3", 0 },
		{ "\xc3x", 0 },
		{ "\xe0\x80\x80", 0 },
		{ "\xed\xa0\x80", 0 },
		{ "\xf4\x90\x80\x80", 0 },
		{ "\xf5\x80\x80\x80", 0 },
		{ "\xff", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(utf8_sequence(slice_str(cases[i].bytes)),
		    cases[i].n);
}

/* Whatever the bytes, jansson takes the string. */
static void
test_json_takes_any_bytes(void **state)
{
	char bytes[4];

	(void)state;
	for (unsigned i = 0; i < 1u << 24; i += 257) {
		struct tick_word w = { bytes, 3 };
		json_t *value;

		bytes[0] = (char)(i >> 16);
		bytes[1] = (char)(i >> 8);
		bytes[2] = (char)i;
		bytes[3] = '\0';
		value = json_text(&w);
		assert_non_null(value);
		json_decref(value);
	}
}

/* What a help function prints; owned by the caller. */
static char *
printed(void (*print)(FILE *))
{
	char *got = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&got, &len);

	assert_non_null(to);
	print(to);
	assert_int_equal(fclose(to), 0);
	return got;
}

static void
test_help(void **state)
{
	char rule[] = "rule", ruler[] = "ruler";
	char *words[] = { rule }, *none[] = { ruler };
	char *got, *overview = printed(help_overview);
	size_t len;
	FILE *to;

	(void)state;
	assert_non_null(strstr(overview, "\n  rule set     "));
	assert_non_null(strstr(overview, "\n  raw          "));
	assert_null(strstr(overview, "\n  auth "));
	free(overview);
	to = open_memstream(&got, &len);
	assert_int_equal(help_commands(to, words, 1), 0);
	assert_int_equal(help_commands(to, none, 1), -1);
	assert_int_equal(fclose(to), 0);
	assert_non_null(strstr(got, "tickctl rule set <rule> <pattern>"));
	assert_non_null(strstr(got, "tickctl rule get <rule>"));
	assert_null(strstr(got, "tickctl set"));
	free(got);
}

static void
test_completion(void **state)
{
	char *script = printed(help_bash);

	(void)state;
	assert_non_null(strstr(script, " query remove run cancel "));
	assert_non_null(strstr(script, "words=\"set get "));
	assert_non_null(strstr(script, "--status --after --limit\""));
	assert_non_null(strstr(script,
	    "words=\"jobs executions alerts breakers health audit\""));
	assert_non_null(strstr(script, "\"check \"*)"));
	assert_non_null(strstr(script, "--metric --warning --critical\""));
	assert_non_null(strstr(script, "words=\"agent integration system\""));
	free(script);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sequences),
		cmocka_unit_test(test_json_takes_any_bytes),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_long_table),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_completion),
	};

	return cmocka_run_group_tests_name("ctl_out", tests, NULL, NULL);
}
