#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "run.h"
#include "utf8.h"

static void
a_cut_end_is_left_out(void **state)
{
	static const struct {
		const char *text;
		size_t whole;
	} cases[] = {
		{ "", 0 },
		{ "a", 1 },
		{ "a\xc3", 1 },
		{ "a\xc3\xbc", 3 },
		{ "a\xe2", 1 },
		{ "a\xe2\x82", 1 },
		{ "a\xe2\x82\xac", 4 },
		{ "\xf0\x9f\x98", 0 },
		{ "\xf0\x9f\x98\x80", 4 },
		{ "\xc3\xbc\xc3", 2 },
		/* No beginning of any: left alone. */
		{ "a\xff", 2 },
		{ "a\xc0", 2 },
		{ "\x80\x80", 2 },
		{ "a\x80\x80\x80\x80", 5 },
		{ "\xc3\xbc\xbc", 3 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(utf8_whole(slice_str(cases[i].text)),
		    cases[i].whole);
}

static void
a_cut_beginning_is_told(void **state)
{
	static const struct {
		const char *text;
		size_t remainder;
	} cases[] = {
		{ "", 0 },
		{ "a", 0 },
		{ "\xbc", 1 },
		{ "\x82\xac", 2 },
		{ "\x9f\x98\x80z", 3 },
		{ "\xc3\xbc", 0 },
		{ "\x80\x80\x80\x80", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(utf8_remainder(slice_str(cases[i].text)),
		    cases[i].remainder);
}

/* Whatever its length: cut between characters. */
static void
a_reason_is_utf8(void **state)
{
	static char text[3 * RUN_REASON_MAX];
	struct run run = { 0 };

	(void)state;
	for (size_t n = 0; n + 1 < sizeof(text); n += 3)
		memcpy(text + n, "\xe2\x82\xac", 3);
	text[sizeof(text) - 3] = '\0';
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(
		    run_explain(&run, "%.*s%s", (int)i, "--", text), -1);
		assert_int_equal(utf8_whole(slice_str(run.reason)),
		    strlen(run.reason));
		assert_true(strlen(run.reason) >= RUN_REASON_MAX - 3);
	}
	(void)run_explain(&run, "a\xff%.4s: b", "\xc3\xbc\xc3\xbc");
	assert_string_equal(run.reason, "a?\xc3\xbc\xc3\xbc: b");
	(void)run_explain(&run, "%.2s: b", "\xe2\x82\xac");
	assert_string_equal(run.reason, "??: b");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cut_end_is_left_out),
		cmocka_unit_test(a_cut_beginning_is_told),
		cmocka_unit_test(a_reason_is_utf8),
	};

	return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
