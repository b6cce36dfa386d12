#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>

#include "err.h"

#define S(text) slice_of(text, sizeof(text) - 1)

static void
test_words(void **state)
{
	static const char *const words[ERR_CODE_COUNT] = { "syntax",
		"unknown_command", "too_long", "invalid", "denied", "not_found",
		"exists", "conflict", "limit", "storage", "unavailable",
		"internal" };
	int i;

	(void)state;
	for (i = 0; i < ERR_CODE_COUNT; i++) {
		assert_string_equal(err_word((enum err_code)i), words[i]);
		assert_int_equal(err_parse(slice_str(words[i])), i);
	}
	assert_string_equal(err_word(ERR_CODE_COUNT), "internal");
	assert_int_equal(err_parse(S("")), -1);
	assert_int_equal(err_parse(S("Syntax")), -1);
	assert_int_equal(err_parse(S("syntax\0")), -1);
}

static void
test_set(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(err_set(&e, ERR_EXISTS, "job %d", 7), -1);
	assert_int_equal(e.code, ERR_EXISTS);
	assert_string_equal(e.msg, "job 7");
	assert_int_equal(err_nomem(&e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	assert_string_equal(e.msg, "out of memory");
}

static void
test_set_cuts_what_is_too_long(void **state)
{
	struct err e;

	(void)state;
	err_set(&e, ERR_INVALID, "%*d", 2 * ERR_MSG_MAX, 1);
	assert_int_equal(strlen(e.msg), ERR_MSG_MAX - 1);
}

static void
test_sys(void **state)
{
	struct err e;

	(void)state;
	errno = ENOENT;
	assert_int_equal(err_sys(&e, ERR_STORAGE, "open %s", "x"), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(e.code, ERR_STORAGE);
	assert_string_equal(e.msg, "open x: No such file or directory");
	errno = EIO;
	err_sys(&e, ERR_STORAGE, "%*d", 2 * ERR_MSG_MAX, 1);
	assert_int_equal(strlen(e.msg), ERR_MSG_MAX - 1);
}

static void
test_quote(void **state)
{
	const struct {
		struct slice word;
		const char *msg;
	} rows[] = {
		{ S("tomorrow"), "bad time \"tomorrow\"" },
		{ S(""), "bad time \"\"" },
		{ S("a \"b\" \\"), "bad time \"a \\\"b\\\" \\\\\"" },
		{ S("\0\n\x7f"), "bad time \"\\x00\\x0a\\x7f\"" },
		{ S("caf\xc3\xa9"), "bad time \"caf\xc3\xa9\"" },
	};
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(
		    err_quote(&e, ERR_INVALID, rows[i].word, "bad %s", "time"),
		    -1);
		assert_int_equal(e.code, ERR_INVALID);
		assert_string_equal(e.msg, rows[i].msg);
	}
}

static void
test_quote_cuts_a_long_word(void **state)
{
	char word[300], want[80];
	struct err e;

	(void)state;
	memset(word, 'a', sizeof(word));
	memset(want, 'a', sizeof(want));
	memcpy(want, "w \"", 3);
	memcpy(want + 3 + 64, "...\"", 5);
	err_quote(&e, ERR_INVALID, slice_of(word, sizeof(word)), "w");
	assert_string_equal(e.msg, want);

	/* Not within a character: the e acute would be bytes 63 and 64. */
	memcpy(word + 63, "\xc3\xa9", 2);
	memcpy(want + 3 + 63, "...\"", 5);
	err_quote(&e, ERR_INVALID, slice_of(word, sizeof(word)), "w");
	assert_string_equal(e.msg, want);
}

/* Whatever the length of what stands before, the quote is closed or the
 * message is full, and it is always terminated. */
static void
test_quote_at_the_end_of_the_room(void **state)
{
	char word[64];
	struct err e;
	int before;

	(void)state;
	memset(word, 1, sizeof(word));
	for (before = 0; before < ERR_MSG_MAX + 8; before++) {
		size_t n;

		memset(&e, 'x', sizeof(e));
		err_quote(&e, ERR_INVALID, slice_of(word, sizeof(word)), "%*d",
		    before, 1);
		n = strnlen(e.msg, sizeof(e.msg));
		assert_in_range(n, 1, ERR_MSG_MAX - 1);
		if (before < ERR_MSG_MAX - 16)
			assert_int_equal(e.msg[n - 1], '"');
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_set_cuts_what_is_too_long),
		cmocka_unit_test(test_sys),
		cmocka_unit_test(test_quote),
		cmocka_unit_test(test_quote_cuts_a_long_word),
		cmocka_unit_test(test_quote_at_the_end_of_the_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
