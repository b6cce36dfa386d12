#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <stdio.h>

#include "buf.h"

static void
assert_text(const struct buf *b, const char *text)
{
	assert_false(b->failed);
	assert_int_equal(b->len, strlen(text));
	assert_memory_equal(b->ptr, text, b->len);
}

static void
test_empty(void **state)
{
	struct buf b = { 0 };

	(void)state;
	assert_int_equal(buf_slice(&b).len, 0);
	buf_add(&b, NULL, 0);
	buf_add_str(&b, "");
	buf_drop(&b, 0);
	buf_clear(&b);
	buf_free(&b);
	assert_null(b.ptr);
	assert_non_null(buf_reserve(&b, 0));
	buf_free(&b);
}

static void
test_add(void **state)
{
	struct buf b = { 0 };

	(void)state;
	buf_add(&b, "ab", 2);
	buf_add_str(&b, "cd");
	buf_add_slice(&b, slice_of("efg", 2));
	buf_add_byte(&b, ' ');
	buf_addf(&b, "%d-%s", 42, "x");
	assert_text(&b, "abcdef 42-x");
	buf_addf(&b, "%s", "");
	assert_text(&b, "abcdef 42-x");
	buf_free(&b);
}

static void
test_numbers(void **state)
{
	static const uint64_t values[] = { 0, 1, 9, 10, 99, 100, 12345678901,
		UINT64_C(9999999999999999999), UINT64_C(10000000000000000000),
		UINT64_MAX, INT64_MAX, (uint64_t)INT64_MIN };
	struct buf b = { 0 };
	char want[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		buf_clear(&b);
		buf_add_u64(&b, values[i]);
		buf_add_byte(&b, ' ');
		buf_add_i64(&b, (int64_t)values[i]);
		(void)snprintf(want, sizeof(want), "%ju %jd",
		    (uintmax_t)values[i], (intmax_t)(int64_t)values[i]);
		assert_text(&b, want);
	}
	buf_free(&b);
}

static void
test_decimal(void **state)
{
	static const struct {
		uint64_t v;
		unsigned places;
		const char *text;
	} rows[] = {
		{ 0, 4, "0" },
		{ 9200, 4, "0.92" },
		{ 1, 4, "0.0001" },
		{ 10000, 4, "1" },
		{ 10001, 4, "1.0001" },
		{ 10100, 4, "1.01" },
		{ 150, 2, "1.5" },
		{ 105, 2, "1.05" },
		{ 7, 0, "7" },
		{ UINT64_MAX, 2, "184467440737095516.15" },
	};
	struct buf b = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_clear(&b);
		buf_add_decimal(&b, rows[i].v, rows[i].places);
		assert_text(&b, rows[i].text);
	}
	buf_free(&b);
}

static void
test_grows(void **state)
{
	struct buf b = { 0 };
	uint32_t i;

	(void)state;
	for (i = 0; i < 100000; i++)
		buf_add(&b, &i, sizeof(i));
	assert_int_equal(b.len, i * sizeof(i));
	for (i = 0; i < 100000; i += 997)
		assert_memory_equal(b.ptr + i * sizeof(i), &i, sizeof(i));
	buf_free(&b);
}

static void
test_reserve(void **state)
{
	struct buf b = { 0 };
	char *p;

	(void)state;
	p = buf_reserve(&b, 5000);
	assert_non_null(p);
	assert_int_equal(b.len, 0);
	memset(p, 'x', 5000);
	b.len += 3;
	assert_text(&b, "xxx");
	buf_free(&b);
}

static void
test_drop(void **state)
{
	struct buf b = { 0 };

	(void)state;
	buf_add_str(&b, "0123456789");
	buf_drop(&b, 0);
	assert_text(&b, "0123456789");
	buf_drop(&b, 7);
	assert_text(&b, "789");
	buf_drop(&b, 3);
	assert_text(&b, "");
	buf_free(&b);
}

/* A failure sticks until the buffer is cleared, and changes nothing. */
static void
test_failure_sticks(void **state)
{
	struct buf b = { 0 };

	(void)state;
	buf_add_str(&b, "ab");
	assert_null(buf_reserve(&b, SIZE_MAX));
	assert_true(b.failed);
	buf_add_str(&b, "cd");
	buf_add_byte(&b, 'e');
	buf_add_u64(&b, 1);
	buf_addf(&b, "%d", 1);
	assert_null(buf_reserve(&b, 1));
	assert_int_equal(b.len, 2);
	assert_memory_equal(b.ptr, "ab", 2);
	buf_clear(&b);
	buf_add_str(&b, "cd");
	assert_text(&b, "cd");
	assert_null(buf_reserve(&b, SIZE_MAX));
	buf_free(&b);
	assert_false(b.failed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_decimal),
		cmocka_unit_test(test_grows),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_drop),
		cmocka_unit_test(test_failure_sticks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
