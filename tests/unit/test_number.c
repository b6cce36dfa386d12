#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "number.h"

#define MAX (UINT64_C(1) << 50)

static void
expect_text(struct buf *out, const char *text)
{
	assert_false(out->failed);
	assert_true(slice_eq(buf_slice(out), slice_str(text)));
	buf_free(out);
}

static void
test_bytes(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
		const char *shown;
	} cases[] = {
		{ "0", 0, "0" },
		{ "12", 12, "12" },
		{ "12B", 12, "12" },
		{ "1K", 1024, "1KiB" },
		{ "1023KiB", 1023 * 1024, "1023KiB" },
		{ "1048576", 1048576, "1MiB" },
		{ "1048577", 1048577, "1048577" },
		{ "3G", UINT64_C(3) << 30, "3GiB" },
		{ "1024TiB", MAX, "1024TiB" },
	};
	static const char *const refused[] = { "", "K", "1k", "1KB", "1 K",
		"-1", "+1", "1.5K", "1025T", "99999999999999999999",
		"18014398509481985K" };
	struct buf out = { 0 };
	uint64_t bytes;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
		    number_parse_bytes(slice_str(cases[i].text), MAX, &bytes),
		    0);
		assert_int_equal(bytes, cases[i].bytes);
		number_put_bytes(&out, bytes);
		expect_text(&out, cases[i].shown);
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_int_equal(
		    number_parse_bytes(slice_str(refused[i]), MAX, &bytes), -1);
}

static void
test_decimal(void **state)
{
	static const char *const refused[] = { "", ".", "1.", ".5", "1.2345",
		"-1", "1e3", "1.2.3", "4294967296", " 1" };
	uint64_t v;

	(void)state;
	assert_int_equal(number_parse_decimal(slice_str("12"), 3, &v), 0);
	assert_int_equal(v, 12000);
	assert_int_equal(number_parse_decimal(slice_str("0.25"), 3, &v), 0);
	assert_int_equal(v, 250);
	assert_int_equal(number_parse_decimal(slice_str("0.005"), 3, &v), 0);
	assert_int_equal(v, 5);
	assert_int_equal(number_parse_decimal(slice_str("7"), 0, &v), 0);
	assert_int_equal(v, 7);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_int_equal(
		    number_parse_decimal(slice_str(refused[i]), 3, &v), -1);
}

static void
test_word(void **state)
{
	(void)state;
	assert_int_equal(number_of_word(slice_str("a"), "a|bc|d"), 0);
	assert_int_equal(number_of_word(slice_str("bc"), "a|bc|d"), 1);
	assert_int_equal(number_of_word(slice_str("d"), "a|bc|d"), 2);
	assert_int_equal(number_of_word(slice_str("b"), "a|bc|d"), -1);
	assert_int_equal(number_of_word(slice_str(""), "a|bc|d"), -1);
	assert_int_equal(number_of_word(slice_str("a|bc"), "a|bc|d"), -1);
	assert_true(slice_eq(number_word("a|bc|d", 1), slice_str("bc")));
	assert_true(slice_eq(number_word("a|bc|d", 2), slice_str("d")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_decimal),
		cmocka_unit_test(test_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
