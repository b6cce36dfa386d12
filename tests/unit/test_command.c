#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "command.h"
#include "token.h"

#define S(text) slice_of(text, sizeof(text) - 1)

/* Find the command that a line of words begins with. */
static const struct command *
find(const char *text, size_t *taken, struct err *e)
{
	char line[256];
	struct tokens t = { 0 };
	const struct command *c;

	assert_true(strlen(text) < sizeof(line));
	memcpy(line, text, strlen(text));
	assert_int_equal(token_split(line, strlen(text), &t, e), 0);
	memset(e, 0, sizeof(*e));
	*taken = 0;
	c = command_find(t.word, t.n, taken, e);
	token_fini(&t);
	return c;
}

static void
test_every_row_is_found(void **state)
{
	char lower[64];
	struct err e;
	size_t taken, i, k;

	(void)state;
	for (i = 0; i < CMD_COUNT; i++) {
		const struct command *c = &commands[i];

		assert_int_equal(c->id, i);
		assert_ptr_equal(find(c->words, &taken, &e), c);
		assert_int_equal(taken, strchr(c->words, ' ') == NULL ? 1 : 2);
		for (k = 0; c->words[k] != '\0'; k++)
			lower[k] = (char)(c->words[k] | 0x20);
		lower[k] = '\0';
		assert_ptr_equal(find(lower, &taken, &e), c);
	}
}

/* What command.c and the manual take for granted of the table. */
static void
test_every_row_is_sound(void **state)
{
	size_t i, k, first;

	(void)state;
	for (i = 0; i < CMD_COUNT; i++) {
		const struct command *c = &commands[i];

		first = strcspn(c->words, " ");
		assert_in_range(first, 1, 15);
		for (k = 0; c->words[k] != '\0'; k++) {
			assert_true(
			    (c->words[k] >= 'A' && c->words[k] <= 'Z') ||
			    k == first);
		}
		assert_true(c->min_args <= c->max_args);
		assert_memory_equal(c->usage, c->words, strlen(c->words));
		assert_true(c->help[0] != '\0');
		assert_true(c->role <= ROLE_ADMIN);
		/* Rows of one first word stand together. */
		for (k = 0; k + 1 < i; k++) {
			if (strncmp(commands[k].words, c->words, first + 1) ==
			    0)
				assert_memory_equal(commands[i - 1].words,
				    c->words, first);
		}
	}
}

static void
test_unknown(void **state)
{
	static const struct {
		const char *text;
		enum err_code code;
		const char *msg;
	} rows[] = {
		{ "FROB", ERR_UNKNOWN_COMMAND, "unknown command \"FROB\"" },
		{ "SETX a", ERR_UNKNOWN_COMMAND, "unknown command \"SETX\"" },
		{ "SE", ERR_UNKNOWN_COMMAND, "unknown command \"SE\"" },
		{ "\"\"", ERR_UNKNOWN_COMMAND, "unknown command \"\"" },
		{ "\"RULE SET\" x", ERR_UNKNOWN_COMMAND,
		    "unknown command \"RULE SET\"" },
		{ "\"SET\\x00\" x", ERR_UNKNOWN_COMMAND,
		    "unknown command \"SET\\x00\"" },
		{ "\"\\x13ET\"", ERR_UNKNOWN_COMMAND,
		    "unknown command \"\\x13ET\"" },
		{ "RULE", ERR_SYNTAX,
		    "a subcommand is missing after \"RULE\"" },
		{ "rule frob x", ERR_UNKNOWN_COMMAND,
		    "unknown subcommand \"frob\"" },
		{ "RULE \"\"", ERR_UNKNOWN_COMMAND, "unknown subcommand \"\"" },
		{ "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		    ERR_UNKNOWN_COMMAND,
		    "unknown command "
		    "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"" },
		{ "", ERR_SYNTAX, "no command" },
	};
	struct err e;
	size_t taken, i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_null(find(rows[i].text, &taken, &e));
		assert_int_equal(e.code, rows[i].code);
		assert_string_equal(e.msg, rows[i].msg);
	}
}

static void
test_roles(void **state)
{
	(void)state;
	assert_string_equal(role_word(ROLE_NONE), "-");
	assert_string_equal(role_word(ROLE_READER), "reader");
	assert_string_equal(role_word(ROLE_OPERATOR), "operator");
	assert_string_equal(role_word(ROLE_ADMIN), "admin");
	assert_int_equal(role_parse(S("reader")), ROLE_READER);
	assert_int_equal(role_parse(S("operator")), ROLE_OPERATOR);
	assert_int_equal(role_parse(S("admin")), ROLE_ADMIN);
	assert_int_equal(role_parse(S("-")), -1);
	assert_int_equal(role_parse(S("Admin")), -1);
	assert_int_equal(role_parse(S("")), -1);
	assert_int_equal(role_parse(S("admin\0")), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_row_is_found),
		cmocka_unit_test(test_every_row_is_sound),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_roles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
