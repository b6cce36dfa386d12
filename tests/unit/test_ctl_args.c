/* tickctl: from the command line to the words of a request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "ctl_args.h"

#define WORDS_MAX 32

/* Split a line at its blanks, 'a b' being one word, into argv. */
static int
split(char *line, char *argv[WORDS_MAX])
{
	char *p = line;
	int argc = 0;

	argv[argc++] = line; /* the program's name; nobody looks at it */
	for (;;) {
		char end = ' ';

		p += strspn(p, " ");
		if (*p == '\0')
			break;
		if (*p == '\'') {
			end = '\'';
			p++;
		}
		assert_true(argc < WORDS_MAX - 1);
		argv[argc++] = p;
		if ((p = strchr(p, end)) == NULL)
			break;
		*p++ = '\0';
	}
	argv[argc] = NULL;
	return argc;
}

static int
parse(struct ctl_args *a, const char *line, char *copy, size_t size)
{
	static char *argv[WORDS_MAX];

	assert_true(strlen(line) < size);
	(void)snprintf(copy, size, "%s", line);
	return ctl_args_parse(a, split(copy, argv), argv);
}

/* `tickctl line` gives these words, each in its brackets. */
static void
expect(const char *line, const char *request)
{
	char copy[512];
	struct ctl_args a;
	struct buf got = { 0 };

	if (parse(&a, line, copy, sizeof(copy)) == -1)
		fail_msg("%s: %s", line, a.error);
	assert_int_equal(a.action, ACTION_COMMAND);
	for (size_t i = 0; i < a.n_words; i++) {
		buf_add_byte(&got, '[');
		buf_add(&got, a.words[i].ptr, a.words[i].len);
		buf_add_byte(&got, ']');
	}
	buf_add_byte(&got, '\0');
	assert_string_equal(got.ptr, request);
	buf_free(&got);
	ctl_args_fini(&a);
}

static void
expect_error(const char *line, const char *part)
{
	char copy[512];
	struct ctl_args a;

	assert_int_equal(parse(&a, line, copy, sizeof(copy)), -1);
	if (strstr(a.error, part) == NULL)
		fail_msg("%s: '%s' does not say '%s'", line, a.error, part);
	ctl_args_fini(&a);
}

static void
test_plain_commands(void **state)
{
	(void)state;
	expect("get invoice.4711", "[GET][invoice.4711]");
	expect("GET x", "[GET][x]");
	expect("set invoice.4711 2026-12-01 09:00:00 payload hello",
	    "[SET][invoice.4711][2026-12-01][09:00:00][payload][hello]");
	expect("set x +2s", "[SET][x][+2s]");
	expect("rule set r1 invoice. shell 'date >> /tmp/x'",
	    "[RULE][SET][r1][invoice.][shell][date >> /tmp/x]");
	expect("rule get r1", "[RULE][GET][r1]");
	expect("ping", "[PING]");
	expect("stat", "[STAT]");
	expect("query", "[QUERY]");
	expect("get ''", "[GET][]");
}

static void
test_aliases(void **state)
{
	(void)state;
	expect("rules", "[LISTRULES]");
	expect("rules inv", "[LISTRULES][inv]");
	expect("rule list inv", "[LISTRULES][inv]");
	expect("rule remove r1", "[REMOVERULE][r1]");
}

static void
test_keywords(void **state)
{
	(void)state;
	expect("query invoice. --limit 10 --status planned",
	    "[QUERY][invoice.][LIMIT][10][STATUS][planned]");
	expect("query invoice. limit 10", "[QUERY][invoice.][limit][10]");
	expect("query --status=planned", "[QUERY][][STATUS][planned]");
	expect("query --json --limit 2", "[QUERY][][LIMIT][2]");
	expect("query -- --limit", "[QUERY][--limit]");
	expect("set x now --nx --every 1h --payload ''",
	    "[SET][x][now][NX][EVERY][1h][PAYLOAD][]");
	expect("set x cron --cron '0 9 * * *' --tz Europe/Berlin",
	    "[SET][x][cron][CRON][0 9 * * *][TZ][Europe/Berlin]");
	/* What a keyword's value looks like does not matter. */
	expect("set x now payload --nx", "[SET][x][now][payload][--nx]");
	expect("set x now --payload --json --nx",
	    "[SET][x][now][PAYLOAD][--json][NX]");
	expect("set payload now --nx", "[SET][payload][now][NX]");
	expect("set x now payload -5", "[SET][x][now][payload][-5]");
}

static void
test_runner_words_are_left_alone(void **state)
{
	(void)state;
	expect("rule set r p direct /bin/ls --json -- --limit",
	    "[RULE][SET][r][p][direct][/bin/ls][--json][--][--limit]");
	expect("rule set --json r p direct /bin/ls",
	    "[RULE][SET][r][p][direct][/bin/ls]");
}

static void
test_options(void **state)
{
	char copy[512];
	struct ctl_args a;

	(void)state;
	assert_int_equal(parse(&a,
			     "-a [::1]:1 --timeout 2 --token-file f "
			     "--json -q get x",
			     copy, sizeof(copy)),
	    0);
	assert_string_equal(a.address, "[::1]:1");
	assert_string_equal(a.token_file, "f");
	assert_int_equal(a.timeout_ms, 2000);
	assert_int_equal(a.form, FORM_JSON);
	assert_true(a.quiet);
	ctl_args_fini(&a);
	assert_int_equal(
	    parse(&a, "--timeout=50ms get --table x", copy, sizeof(copy)), 0);
	assert_int_equal(a.timeout_ms, 50);
	assert_int_equal(a.form, FORM_TABLE);
	ctl_args_fini(&a);
	assert_int_equal(parse(&a, "get x", copy, sizeof(copy)), 0);
	assert_null(a.address);
	assert_int_equal(a.form, FORM_AUTO);
	assert_int_equal(a.timeout_ms, 0);
	ctl_args_fini(&a);
}

static void
test_actions(void **state)
{
	char copy[512];
	struct ctl_args a;

	(void)state;
	assert_int_equal(
	    parse(&a, "raw QUERY '\"\"' LIMIT 3", copy, sizeof(copy)), 0);
	assert_int_equal(a.action, ACTION_RAW);
	assert_string_equal(a.raw.ptr, "QUERY \"\" LIMIT 3");
	ctl_args_fini(&a);
	assert_int_equal(parse(&a, "help rule set", copy, sizeof(copy)), 0);
	assert_int_equal(a.action, ACTION_HELP);
	assert_int_equal(a.n_rest, 2);
	assert_string_equal(a.rest[1], "set");
	ctl_args_fini(&a);
	assert_int_equal(parse(&a, "set --help", copy, sizeof(copy)), 0);
	assert_int_equal(a.action, ACTION_HELP);
	assert_int_equal(a.command->id, CMD_SET);
	ctl_args_fini(&a);
	assert_int_equal(parse(&a, "--version", copy, sizeof(copy)), 0);
	assert_int_equal(a.action, ACTION_VERSION);
	ctl_args_fini(&a);
	assert_int_equal(parse(&a, "completion bash", copy, sizeof(copy)), 0);
	assert_int_equal(a.action, ACTION_COMPLETION);
	ctl_args_fini(&a);
	assert_int_equal(
	    parse(&a, "watch jobs --json invoice.", copy, sizeof(copy)), 0);
	assert_int_equal(a.action, ACTION_WATCH);
	assert_int_equal(a.form, FORM_JSON);
	assert_string_equal(a.topic, "jobs");
	assert_string_equal(a.prefix, "invoice.");
	ctl_args_fini(&a);
	assert_int_equal(parse(&a, "Check", copy, sizeof(copy)), 0);
	assert_int_equal(a.action, ACTION_CHECK);
	assert_null(a.metric);
	ctl_args_fini(&a);
	assert_int_equal(
	    parse(&a, "check --metric system.load1 -w -5:5 --critical=~:9",
		copy, sizeof(copy)),
	    0);
	assert_string_equal(a.metric, "system.load1");
	assert_string_equal(a.warning, "-5:5");
	assert_string_equal(a.critical, "~:9");
	ctl_args_fini(&a);
	assert_int_equal(parse(&a, "top --interval 2", copy, sizeof(copy)), 0);
	assert_int_equal(a.action, ACTION_TOP);
	assert_int_equal(a.interval_ms, 2000);
	ctl_args_fini(&a);
	assert_int_equal(parse(&a, "check --help", copy, sizeof(copy)), 0);
	assert_int_equal(a.action, ACTION_HELP);
	assert_string_equal(a.own->words, "check");
	ctl_args_fini(&a);
}

/* A job may have the name of what histories there are of; HEALTH HISTORY
 * need not be there yet. */
static void
test_history(void **state)
{
	(void)state;
	expect("history job", "[HISTORY][job]");
	expect("history agent", "[HISTORY][agent]");
	expect("history integration --limit 3",
	    "[HISTORY][integration][LIMIT][3]");
	expect("history system limit 3", "[HISTORY][system][limit][3]");
	expect("history -- system", "[HISTORY][system]");
	if (own_server_command("HEALTH HISTORY") == NULL)
		return;
	expect("history system", "[HEALTH][HISTORY][system][-]");
	expect("history system --days 3 --step hour",
	    "[HEALTH][HISTORY][system][-][DAYS][3][STEP][hour]");
	expect("history agent r1 days 3",
	    "[HEALTH][HISTORY][agent][r1][days][3]");
	expect("history Integration http://x:80",
	    "[HEALTH][HISTORY][integration][http://x:80]");
	expect("health history agent r1", "[HEALTH][HISTORY][agent][r1]");
}

static void
test_mistakes(void **state)
{
	(void)state;
	expect_error("", "no command");
	expect_error("--nonsense ping", "--nonsense");
	expect_error("-a", "-a");
	expect_error("--timeout never ping", "never");
	expect_error("--timeout 0 ping", "--timeout 0");
	expect_error("nonsense", "nonsense");
	expect_error("rule", "tickctl help");
	expect_error("get", "usage: tickctl get <job>");
	expect_error("get a b", "too many");
	expect_error("rule set a b", "usage: tickctl rule set <rule>");
	expect_error("query x --nx", "--nx");
	expect_error("query x --limit", "needs a value");
	expect_error("set x now --nx=1", "takes no value");
	expect_error("get --x", "--x");
	expect_error("raw", "usage: tickctl raw");
	expect_error("completion zsh", "completion bash");
	expect_error("watch", "usage: tickctl watch <topic>");
	expect_error("watch a b c", "too many");
	expect_error("top x", "usage: tickctl top");
	expect_error("top --interval never", "never");
	expect_error("--token secret ping", "--token-file");
	expect_error("check x", "usage: tickctl check");
	expect_error("check --warning 5", "usage: tickctl check");
	expect_error("check --nonsense", "usage: tickctl check");
}

/* What is read off the usages is what the commands have. */
static void
test_keywords_of_the_table(void **state)
{
	static const char *const of_set[] = { "NX", "XX", "MATCHED", "EVERY",
		"CRON", "TZ", "UNTIL", "JITTER", "PAYLOAD" };
	const char *at = NULL;
	bool has_value;
	struct slice k;

	(void)state;
	for (size_t i = 0; i < sizeof(of_set) / sizeof(of_set[0]); i++) {
		k = ctl_keyword_next(&commands[CMD_SET], &at, &has_value);
		assert_true(slice_eq(k, slice_str(of_set[i])));
		assert_int_equal(has_value, i >= 3);
	}
	k = ctl_keyword_next(&commands[CMD_SET], &at, &has_value);
	assert_null(k.ptr);
	at = NULL;
	k = ctl_keyword_next(&commands[CMD_RULE_SET], &at, &has_value);
	assert_null(k.ptr);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_commands),
		cmocka_unit_test(test_aliases),
		cmocka_unit_test(test_keywords),
		cmocka_unit_test(test_runner_words_are_left_alone),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_actions),
		cmocka_unit_test(test_history),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_keywords_of_the_table),
	};

	return cmocka_run_group_tests_name("ctl_args", tests, NULL, NULL);
}
