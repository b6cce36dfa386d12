#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "options.h"

#define ARGS_MAX 8
#define LEN(array) (sizeof(array) / sizeof((array)[0]))

/* options_parse of words, which end with a NULL. argv is not written to, only
 * of a type from before const. */
static int
parse(const char *const *words, struct options *o, struct err *e)
{
	static const char *argv[ARGS_MAX + 2];
	int argc = 0;

	argv[argc++] = "tickd";
	for (; *words != NULL; words++) {
		assert_true(argc <= ARGS_MAX);
		argv[argc++] = *words;
	}
	argv[argc] = NULL;
	return options_parse(argc, (char **)(uintptr_t)argv, o, e);
}

static void
test_actions(void **state)
{
	static const struct {
		const char *words[ARGS_MAX];
		enum options_action action;
		const char *config_path;
	} cases[] = {
		{ { NULL }, OPTIONS_SERVE, NULL },
		{ { "-c", "f", NULL }, OPTIONS_SERVE, "f" },
		{ { "-cf", NULL }, OPTIONS_SERVE, "f" },
		{ { "--config", "f", NULL }, OPTIONS_SERVE, "f" },
		{ { "--config=f", NULL }, OPTIONS_SERVE, "f" },
		{ { "-n", NULL }, OPTIONS_CHECK_CONFIG, NULL },
		{ { "-n", "-c", "f", NULL }, OPTIONS_CHECK_CONFIG, "f" },
		{ { "-nc", "f", NULL }, OPTIONS_CHECK_CONFIG, "f" },
		{ { "--check", NULL }, OPTIONS_CHECK_CONFIG, NULL },
		{ { "--sample", NULL }, OPTIONS_SAMPLE, NULL },
		{ { "--version", NULL }, OPTIONS_VERSION, NULL },
		{ { "--help", NULL }, OPTIONS_HELP, NULL },
		{ { "-h", NULL }, OPTIONS_HELP, NULL },
	};
	struct options o;
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < LEN(cases); i++) {
		assert_int_equal(parse(cases[i].words, &o, &e), 0);
		assert_int_equal(o.action, cases[i].action);
		if (cases[i].config_path == NULL)
			assert_null(o.config_path);
		else
			assert_string_equal(o.config_path,
			    cases[i].config_path);
	}
}

static void
test_sets(void **state)
{
	static const char *const words[] = { "--set", "a.b=1", "--set=c.d=2",
		NULL };
	struct options o;
	struct err e;

	(void)state;
	assert_int_equal(parse(words, &o, &e), 0);
	assert_int_equal(o.n_sets, 2);
	assert_string_equal(o.sets[0], "a.b=1");
	assert_string_equal(o.sets[1], "c.d=2");
}

static void
test_too_many_sets(void **state)
{
	static char word[] = "--set=a.b=1";
	static char name[] = "tickd";
	static char *argv[OPTIONS_SETS_MAX + 3];
	struct options o;
	struct err e;
	int i;

	(void)state;
	argv[0] = name;
	for (i = 1; i <= OPTIONS_SETS_MAX + 1; i++)
		argv[i] = word;
	assert_int_equal(options_parse(OPTIONS_SETS_MAX + 1, argv, &o, &e), 0);
	assert_int_equal(options_parse(OPTIONS_SETS_MAX + 2, argv, &o, &e), -1);
	assert_string_equal(e.msg, "more than 256 times --set");
}

/* The tools' own options are left to them. */
static void
test_tools(void **state)
{
	static const char *const dump[] = { "dump", "--all", "f", NULL };
	static const char *const check[] = { "-c", "f", "check", "-n", "f",
		NULL };
	struct options o;
	struct err e;

	(void)state;
	assert_int_equal(parse(dump, &o, &e), 0);
	assert_int_equal(o.action, OPTIONS_DUMP);
	assert_int_equal(o.tool_argc, 3);
	assert_string_equal(o.tool_argv[0], "dump");
	assert_string_equal(o.tool_argv[1], "--all");
	assert_null(o.tool_argv[3]);

	assert_int_equal(parse(check, &o, &e), 0);
	assert_int_equal(o.action, OPTIONS_CHECK);
	assert_int_equal(o.tool_argc, 3);
	assert_string_equal(o.tool_argv[2], "f");
}

static void
test_refuse(void **state)
{
	static const struct {
		const char *words[ARGS_MAX];
		const char *message;
	} cases[] = {
		{ { "-x", NULL }, "unknown option -x" },
		{ { "-nx", NULL }, "unknown option -x" },
		{ { "--bogus", NULL }, "unknown option --bogus" },
		{ { "-c", NULL }, "option -c needs a value" },
		{ { "--config", NULL }, "option --config needs a value" },
		{ { "--set", NULL }, "option --set needs a value" },
		{ { "--version=2", NULL },
		    "option --version=2 takes no value" },
		{ { "--check=2", NULL }, "option --check=2 takes no value" },
		{ { "serve", NULL }, "unknown command serve" },
		{ { "-n", "f", NULL }, "unknown command f" },
		{ { "", NULL }, "unknown command " },
	};
	struct options o;
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < LEN(cases); i++) {
		assert_int_equal(parse(cases[i].words, &o, &e), -1);
		assert_int_equal(e.code, ERR_SYNTAX);
		assert_string_equal(e.msg, cases[i].message);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_actions),
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_too_many_sets),
		cmocka_unit_test(test_tools),
		cmocka_unit_test(test_refuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
