#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <stdlib.h>

#include "token.h"

#define S(text) slice_of(text, sizeof(text) - 1)

/* Bytes in a block of exactly their size, so that a sanitizer sees a read
 * beyond their end. */
static char *
exact_copy(struct slice s)
{
	char *p = malloc(s.len == 0 ? 1 : s.len);

	assert_non_null(p);
	if (s.len != 0)
		memcpy(p, s.ptr, s.len);
	return p;
}

static void
assert_slice(struct slice got, struct slice want)
{
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.ptr, want.ptr, want.len);
}

#define WORDS_MAX 6

static void
test_split(void **state)
{
	const struct {
		struct slice line;
		size_t n;
		struct slice word[WORDS_MAX];
	} rows[] = {
		{ S(""), 0, { { 0 } } },
		{ S("  \t "), 0, { { 0 } } },
		{ S("a"), 1, { S("a") } },
		{ S(" a\t\tbc "), 2, { S("a"), S("bc") } },
		{ S("a \"b c\" d"), 3, { S("a"), S("b c"), S("d") } },
		{ S("\"\""), 1, { S("") } },
		{ S("\"\" \"\""), 2, { S(""), S("") } },
		{ S("a\"b c\"d"), 2, { S("a\"b"), S("c\"d") } },
		{ S("a\\nb"), 1, { S("a\\nb") } },
		{ S("\"\\\"\\\\\\n\\r\\t\""), 1, { S("\"\\\n\r\t") } },
		{ S("\"x\\x00\\xFf\\x0ay\""), 1, { S("x\0\xff\ny") } },
		{ S("\"a\\\"\" b"), 2, { S("a\""), S("b") } },
		{ S("\"a\\\\\" b"), 2, { S("a\\"), S("b") } },
		{ S("a\0b \0"), 2, { S("a\0b"), S("\0") } },
		{ S("\x01 \x7f\r"), 2, { S("\x01"), S("\x7f\r") } },
		{ S("\"a\tb\""), 1, { S("a\tb") } },
		{ S("caf\xc3\xa9 \xff"), 2, { S("caf\xc3\xa9"), S("\xff") } },
	};
	struct tokens t = { 0 };
	struct err e;
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *line = exact_copy(rows[i].line);

		assert_int_equal(token_split(line, rows[i].line.len, &t, &e),
		    0);
		assert_int_equal(t.n, rows[i].n);
		for (k = 0; k < t.n; k++)
			assert_slice(t.word[k], rows[i].word[k]);
		free(line);
	}
	assert_int_equal(token_split(NULL, 0, &t, &e), 0);
	assert_int_equal(t.n, 0);
	token_fini(&t);
	assert_null(t.word);
}

static void
test_split_refuses(void **state)
{
	const struct {
		struct slice line;
		size_t n; /* words before the bad one */
	} rows[] = {
		{ S("\""), 0 },
		{ S("\"abc"), 0 },
		{ S("id \"abc"), 1 },
		{ S("id SET \"abc\\\""), 2 },
		{ S("id \"a\\"), 1 },
		{ S("id \"a\\q\""), 1 },
		{ S("id \"a\\0\""), 1 },
		{ S("id \"a\\X41\""), 1 },
		{ S("id \"\\x\""), 1 },
		{ S("id \"\\x4\""), 1 },
		{ S("id \"\\x4"), 1 },
		{ S("id \"\\x4g\""), 1 },
		{ S("id \"\\x"), 1 },
		{ S("id \"a\"b"), 1 },
		{ S("id \"a\"\"b\""), 1 },
		{ S("id \"a\"\r"), 1 },
		{ S("id \"a\\\0\""), 1 },
	};
	struct tokens t = { 0 };
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *line = exact_copy(rows[i].line);

		memset(&e, 0, sizeof(e));
		assert_int_equal(token_split(line, rows[i].line.len, &t, &e),
		    -1);
		assert_int_equal(e.code, ERR_SYNTAX);
		assert_int_equal(t.n, rows[i].n);
		if (t.n != 0)
			assert_slice(t.word[0], S("id"));
		free(line);
	}
	token_fini(&t);
}

static void
test_split_limits_words(void **state)
{
	static char line[2 * (TOKENS_MAX + 1)];
	struct tokens t = { 0 };
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(line); i++)
		line[i] = i % 2 == 0 ? 'a' : ' ';
	assert_int_equal(token_split(line, 2 * TOKENS_MAX, &t, &e), 0);
	assert_int_equal(t.n, TOKENS_MAX);
	assert_int_equal(token_split(line, sizeof(line), &t, &e), -1);
	assert_int_equal(e.code, ERR_TOO_LONG);
	assert_int_equal(t.n, TOKENS_MAX);
	token_fini(&t);
}

/* Every byte at every place of a word of up to three times eight bytes: the
 * check looks at eight bytes at a time. */
static void
test_identifier_bytes(void **state)
{
	char word[24];
	struct err e;
	size_t n, i;
	int c;

	(void)state;
	for (n = 1; n <= sizeof(word); n++) {
		for (i = 0; i < n; i++) {
			for (c = 0; c < 256; c++) {
				bool bad = c < 0x21 || c == 0x7f || c == '"' ||
				    c == '\\';

				memset(word, 'x', n);
				word[i] = (char)c;
				assert_int_equal(
				    token_is_identifier(slice_of(word, n),
					"job", &e),
				    !bad);
			}
		}
	}
}

static void
test_identifier_length(void **state)
{
	char word[ID_MAX + 1];
	struct err e;

	(void)state;
	memset(word, 'a', sizeof(word));
	assert_true(token_is_identifier(slice_of(word, ID_MAX), "job", &e));
	assert_false(
	    token_is_identifier(slice_of(word, ID_MAX + 1), "job", &e));
	assert_int_equal(e.code, ERR_TOO_LONG);
	assert_string_equal(e.msg, "job is longer than 255 bytes");
	assert_false(token_is_identifier(S(""), "rule", &e));
	assert_int_equal(e.code, ERR_INVALID);
	assert_string_equal(e.msg, "rule is empty");
	assert_true(token_is_prefix(S(""), "prefix", &e));
	assert_false(token_is_prefix(S("a b"), "prefix", &e));
	assert_int_equal(e.code, ERR_INVALID);
	assert_string_equal(e.msg, "invalid prefix \"a b\"");
	assert_false(token_is_prefix(slice_of(word, ID_MAX + 1), "prefix", &e));
	assert_int_equal(e.code, ERR_TOO_LONG);
}

static void
test_request_id(void **state)
{
	char word[REQUEST_ID_MAX + 1];
	int c;

	(void)state;
	memset(word, 'a', sizeof(word));
	assert_true(token_is_request_id(slice_of(word, REQUEST_ID_MAX)));
	assert_false(token_is_request_id(slice_of(word, sizeof(word))));
	assert_false(token_is_request_id(S("")));
	for (c = 0; c < 256; c++) {
		word[0] = 'a';
		word[1] = (char)c;
		assert_int_equal(token_is_request_id(slice_of(word, 2)),
		    c >= 0x21 && c <= 0x7e);
	}
	/* Only an escape can put it first, and the echo would not split. */
	assert_false(token_is_request_id(S("\"a")));
	assert_true(token_is_request_id(S("a\"")));
	assert_true(token_is_request_id(S("\\")));
}

static void
test_is_word(void **state)
{
	(void)state;
	assert_true(token_is_word(S("AUTH"), "AUTH"));
	assert_true(token_is_word(S("aUtH"), "AUTH"));
	assert_false(token_is_word(S("AUT"), "AUTH"));
	assert_false(token_is_word(S("AUTHS"), "AUTH"));
	assert_false(token_is_word(S("AUTH\0"), "AUTH"));
	assert_false(token_is_word(S(""), "AUTH"));
	assert_true(token_is_word(S(""), ""));
}

static void
test_quote(void **state)
{
	const struct {
		struct slice word;
		const char *text;
	} rows[] = {
		{ S("a"), "a" },
		{ S(""), "\"\"" },
		{ S(" "), "\" \"" },
		{ S("a b"), "\"a b\"" },
		{ S("a\"b"), "\"a\\\"b\"" },
		{ S("a\\"), "\"a\\\\\"" },
		{ S("\n\r\t"), "\"\\n\\r\\t\"" },
		{ S("\0\x1f\x7f"), "\"\\x00\\x1f\\x7f\"" },
		{ S("caf\xc3\xa9"), "caf\xc3\xa9" },
		{ S("12345678 "), "\"12345678 \"" },
	};
	struct buf b = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_clear(&b);
		token_quote(&b, rows[i].word);
		assert_slice(buf_slice(&b), slice_str(rows[i].text));
	}
	buf_free(&b);
}

/* What token_quote writes, token_split reads, for every pair of bytes. */
static void
test_quote_reads_back(void **state)
{
	struct tokens t = { 0 };
	struct buf b = { 0 };
	struct err e;
	char word[2];
	int i;

	(void)state;
	for (i = 0; i < 0x10000; i++) {
		word[0] = (char)(i >> 8);
		word[1] = (char)i;
		buf_clear(&b);
		token_quote(&b, slice_of(word, 2));
		assert_null(memchr(b.ptr, '\n', b.len));
		assert_int_equal(token_split(b.ptr, b.len, &t, &e), 0);
		assert_int_equal(t.n, 1);
		assert_slice(t.word[0], slice_of(word, 2));
	}
	buf_free(&b);
	token_fini(&t);
}

/* The longest payload of the worst bytes fits in a reply line. */
static void
test_quote_worst_case(void **state)
{
	static char payload[PAYLOAD_MAX];
	struct buf b = { 0 };

	(void)state;
	token_quote(&b, slice_of(payload, sizeof(payload)));
	assert_int_equal(b.len, 4 * PAYLOAD_MAX + 2);
	assert_true(b.len + 2 * REQUEST_ID_MAX < REPLY_LINE_MAX);
	buf_free(&b);
}

static void
test_u64(void **state)
{
	const struct {
		struct slice s;
		uint64_t max;
		int result;
		uint64_t v;
	} rows[] = {
		{ S("0"), 0, 0, 0 },
		{ S("1"), 0, -1, 0 },
		{ S("007"), 10, 0, 7 },
		{ S("18446744073709551615"), UINT64_MAX, 0, UINT64_MAX },
		{ S("18446744073709551616"), UINT64_MAX, -1, 0 },
		{ S("28446744073709551615"), UINT64_MAX, -1, 0 },
		{ S("99999999999999999999"), UINT64_MAX, -1, 0 },
		{ S("184467440737095516150"), UINT64_MAX, -1, 0 },
		{ S("0000000000000000000000000001"), 1, 0, 1 },
		{ S("9223372036854775808"), INT64_MAX, -1, 0 },
		{ S(""), 9, -1, 0 },
		{ S("+1"), 9, -1, 0 },
		{ S("-1"), 9, -1, 0 },
		{ S(" 1"), 9, -1, 0 },
		{ S("1 "), 9, -1, 0 },
		{ S("1\0"), 9, -1, 0 },
		{ S("0x1"), 9, -1, 0 },
		{ S("1.0"), 9, -1, 0 },
		{ S("1e1"), 99, -1, 0 },
		{ S("\xb2"), 9, -1, 0 },
	};
	uint64_t v;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		v = 4711;
		assert_int_equal(token_u64(rows[i].s, rows[i].max, &v),
		    rows[i].result);
		assert_int_equal(v, rows[i].result == 0 ? rows[i].v : 4711);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_split_refuses),
		cmocka_unit_test(test_split_limits_words),
		cmocka_unit_test(test_identifier_bytes),
		cmocka_unit_test(test_identifier_length),
		cmocka_unit_test(test_request_id),
		cmocka_unit_test(test_is_word),
		cmocka_unit_test(test_quote),
		cmocka_unit_test(test_quote_reads_back),
		cmocka_unit_test(test_quote_worst_case),
		cmocka_unit_test(test_u64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
