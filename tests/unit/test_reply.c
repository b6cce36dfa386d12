#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "reply.h"

#define S(text) slice_of(text, sizeof(text) - 1)

static void
assert_slice(struct slice got, struct slice want)
{
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.ptr, want.ptr, want.len);
}

static void
assert_text(struct buf *b, const char *text)
{
	assert_false(b->failed);
	assert_slice(buf_slice(b), slice_str(text));
	buf_clear(b);
}

static void
test_rows(void **state)
{
	struct buf b = { 0 };

	(void)state;
	reply_begin(&b, S("r1"));
	reply_word(&b, S("a b"));
	reply_str(&b, "plain");
	reply_u64(&b, 7);
	reply_i64(&b, -7);
	reply_word(&b, S(""));
	reply_word(&b, S("x\0y\n"));
	reply_end(&b);
	assert_text(&b, "r1 \"a b\" plain 7 -7 \"\" \"x\\x00y\\n\"\n");

	reply_row_u64(&b, S("r"), "jobs_total", UINT64_MAX);
	reply_row_i64(&b, S("r"), "delta", INT64_MIN);
	reply_row_word(&b, S("r"), "payload", S("\""));
	assert_text(&b,
	    "r jobs_total 18446744073709551615\n"
	    "r delta -9223372036854775808\n"
	    "r payload \"\\\"\"\n");
	buf_free(&b);
}

static void
test_last_lines(void **state)
{
	struct buf b = { 0 };
	struct err e = { .code = ERR_NOT_FOUND, .msg = "no job \"a\"" };

	(void)state;
	reply_ok(&b, S("r1"));
	reply_ok_word(&b, S("r1"), S("a b"));
	reply_begin_ok(&b, S("r1"));
	reply_str(&b, "planned");
	reply_i64(&b, 1);
	reply_end(&b);
	reply_error(&b, S("r1"), &e);
	reply_ok(&b, S(""));
	reply_error(&b, S(""), &e);
	assert_text(&b,
	    "r1 OK\n"
	    "r1 OK \"a b\"\n"
	    "r1 OK planned 1\n"
	    "r1 ERROR not_found no job \"a\"\n"
	    "OK\n"
	    "ERROR not_found no job \"a\"\n");

	e = (struct err){ .code = ERR_INTERNAL, .msg = "a\nb\r\x7f\tc" };
	reply_error(&b, S("-"), &e);
	assert_text(&b,
	    "- ERROR internal a?b??"
	    "?c\n");
	e.msg[0] = '\0';
	reply_error(&b, S("-"), &e);
	assert_text(&b, "- ERROR internal\n");
	buf_free(&b);
}

/* Only as the first word of a row would OK and ERROR be misread. */
static void
test_ok_and_error_as_words(void **state)
{
	struct buf b = { 0 };

	(void)state;
	reply_row_word(&b, S("r"), "OK", S("OK"));
	reply_row_word(&b, S("r"), "ERROR", S("ERROR"));
	reply_row_word(&b, S("OK"), "OK", S("x"));
	reply_row_word(&b, S("ERROR"), "x", S("OK"));
	reply_ok_word(&b, S("r"), S("OK"));
	reply_row_word(&b, S("r"), "OKAY", S("x"));
	reply_row_word(&b, S("r"), "ok", S("x"));
	assert_text(&b,
	    "r \"OK\" OK\n"
	    "r \"ERROR\" ERROR\n"
	    "OK \"OK\" x\n"
	    "ERROR x OK\n"
	    "r OK OK\n"
	    "r OKAY x\n"
	    "r ok x\n");
	buf_free(&b);
}

static void
test_ratio(void **state)
{
	static const struct {
		double v;
		const char *text;
	} rows[] = {
		{ 0, " 0\n" },
		{ 0.92, " 0.92\n" },
		{ 1, " 1\n" },
		{ 0.5, " 0.5\n" },
		{ 0.00004, " 0\n" },
		{ 0.00005, " 0.0001\n" },
		{ -0.00001, " 0\n" },
		{ 2.0 / 3, " 0.6667\n" },
		{ 0.99999, " 1\n" },
		{ 12.3456789, " 12.3457\n" },
		{ -1.5, " -1.5\n" },
		{ NAN, " -\n" },
		{ INFINITY, " -\n" },
		{ 1e300, " 1000000000000000\n" },
	};
	struct buf b = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		reply_begin(&b, S("r"));
		reply_ratio(&b, rows[i].v);
		reply_end(&b);
		buf_drop(&b, 1);
		assert_text(&b, rows[i].text);
	}
	buf_free(&b);
}

static void
test_ms(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} rows[] = {
		{ 0, " 0\n" },
		{ 1000000, " 1\n" },
		{ 1250000, " 1.25\n" },
		{ 1500000, " 1.5\n" },
		{ 1254999, " 1.25\n" },
		{ 1255000, " 1.26\n" },
		{ 4999, " 0\n" },
		{ 5000, " 0.01\n" },
		{ -4999, " 0\n" },
		{ -1500000, " -1.5\n" },
		{ INT64_MAX, " 9223372036854.78\n" },
		{ INT64_MIN, " -9223372036854.78\n" },
	};
	struct buf b = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		reply_begin(&b, S("r"));
		reply_ms(&b, rows[i].ns);
		reply_end(&b);
		buf_drop(&b, 1);
		assert_text(&b, rows[i].text);
	}
	buf_free(&b);
}

static void
test_failed_buffer(void **state)
{
	struct buf b = { .failed = true };
	struct err e = { .code = ERR_LIMIT, .msg = "x" };

	(void)state;
	reply_row_word(&b, S("r"), "OK", S("OK"));
	reply_error(&b, S("r"), &e);
	reply_ok(&b, S(""));
	assert_true(b.failed);
	assert_int_equal(b.len, 0);
	buf_free(&b);
}

/* --- reading --- */

#define WORDS_MAX 4

static int
parse(struct slice text, struct tokens *t, struct reply_line *r, struct err *e,
    char **line)
{
	*line = malloc(text.len == 0 ? 1 : text.len);
	assert_non_null(*line);
	if (text.len != 0)
		memcpy(*line, text.ptr, text.len);
	return reply_parse(*line, text.len, t, r, e);
}

static void
test_parse(void **state)
{
	const struct {
		struct slice line;
		enum reply_kind kind;
		struct slice id;
		size_t n;
		struct slice word[WORDS_MAX];
		struct slice text;
	} rows[] = {
		{ S("r OK"), REPLY_OK, S("r"), 0, { S("") }, S("") },
		{ S("r OK\r"), REPLY_OK, S("r"), 0, { S("") }, S("") },
		{ S("r OK a \"b c\""), REPLY_OK, S("r"), 2,
		    { S("a"), S("b c") }, S("") },
		{ S("OK"), REPLY_OK, S(""), 0, { S("") }, S("") },
		{ S("OK OK"), REPLY_OK, S("OK"), 0, { S("") }, S("") },
		{ S("OK OK OK"), REPLY_OK, S("OK"), 1, { S("OK") }, S("") },
		{ S("OK x"), REPLY_ROW, S("OK"), 1, { S("x") }, S("") },
		{ S("r a \"\" \"\\n\""), REPLY_ROW, S("r"), 3,
		    { S("a"), S(""), S("\n") }, S("") },
		{ S("r \"OK\" x"), REPLY_ROW, S("r"), 2, { S("OK"), S("x") },
		    S("") },
		{ S("r \"ERROR\" x"), REPLY_ROW, S("r"), 2,
		    { S("ERROR"), S("x") }, S("") },
		{ S("r EVENT jobs 1"), REPLY_EVENT, S("r"), 3,
		    { S("EVENT"), S("jobs"), S("1") }, S("") },
		{ S("r ERROR invalid no \"x\" y"), REPLY_ERROR, S("r"), 1,
		    { S("invalid") }, S("no \"x\" y") },
		{ S("r ERROR invalid not \"closed"), REPLY_ERROR, S("r"), 1,
		    { S("invalid") }, S("not \"closed") },
		{ S("r ERROR new_code"), REPLY_ERROR, S("r"), 1,
		    { S("new_code") }, S("") },
		{ S("ERROR denied wrong secret"), REPLY_ERROR, S(""), 1,
		    { S("denied") }, S("wrong secret") },
		{ S("ERROR denied"), REPLY_ERROR, S(""), 1, { S("denied") },
		    S("") },
		{ S("ERROR ERROR denied x"), REPLY_ERROR, S("ERROR"), 1,
		    { S("denied") }, S("x") },
		{ S("ERROR OK"), REPLY_OK, S("ERROR"), 0, { S("") }, S("") },
		{ S("ERROR row"), REPLY_ROW, S("ERROR"), 1, { S("row") },
		    S("") },
	};
	struct tokens t = { 0 };
	struct reply_line r;
	struct err e;
	char *line;
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(parse(rows[i].line, &t, &r, &e, &line), 0);
		assert_int_equal(r.kind, rows[i].kind);
		assert_slice(r.id, rows[i].id);
		assert_int_equal(r.n_words, rows[i].n);
		for (k = 0; k < r.n_words; k++)
			assert_slice(r.words[k], rows[i].word[k]);
		if (r.kind == REPLY_ERROR)
			assert_slice(r.text, rows[i].text);
		free(line);
	}
	token_fini(&t);
}

static void
test_parse_refuses(void **state)
{
	const struct slice rows[] = { S(""), S(" "), S("\r"), S("r"),
		S("ERROR"), S("r ERROR"), S("r ERROR "), S("r \"a"),
		S("r \"\\q\""), S("\"r\" a"), S("\"\" a"), S("r\x01 a"),
		S("\xff a"), S("r ERROR \"a") };
	struct tokens t = { 0 };
	struct reply_line r;
	struct err e;
	char *line;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(parse(rows[i], &t, &r, &e, &line), -1);
		assert_int_equal(e.code, ERR_SYNTAX);
		free(line);
	}
	token_fini(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_last_lines),
		cmocka_unit_test(test_ok_and_error_as_words),
		cmocka_unit_test(test_ratio),
		cmocka_unit_test(test_ms),
		cmocka_unit_test(test_failed_buffer),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
