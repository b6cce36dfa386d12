#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ini.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static void
assert_slice(struct slice got, const char *want)
{
	assert_int_equal(got.len, strlen(want));
	assert_memory_equal(got.ptr, want, got.len);
}

/* The text in a block of exactly its size: a sanitizer sees a byte too far. */
static struct slice
exact(const char *text, size_t n)
{
	char *p = malloc(n == 0 ? 1 : n);

	assert_non_null(p);
	memcpy(p, text, n);
	return slice_of(p, n);
}

static void
test_values(void **state)
{
	static const struct {
		const char *line;
		const char *key;
		const char *value;
	} cases[] = {
		{ "k=v", "k", "v" },
		{ "  k\t =  v w \t\r", "k", "v w" },
		{ "k=", "k", "" },
		{ "k= # note", "k", "" },
		{ "k = v # note", "k", "v" },
		{ "k = v ; note", "k", "v" },
		{ "k = v\t#note", "k", "v" },
		{ "k = a#b;c", "k", "a#b;c" },
		{ "k = a=b", "k", "a=b" },
		{ "k = \"a # b\"", "k", "\"a # b\"" },
		{ "k = \"a\" # b", "k", "\"a\"" },
		{ "k = \"a\"# b", "k", "\"a\"" },
		{ "k = \"a \\\" # b\" # c", "k", "\"a \\\" # b\"" },
		{ "k = 'a \\' # b", "k", "'a \\'" },
		{ "k = [\"-c\", \"a ] # ; b\"] # c", "k",
		    "[\"-c\", \"a ] # ; b\"]" },
		{ "k = []", "k", "[]" },
	};
	struct ini in;
	struct err e;
	struct slice text;
	size_t i;

	(void)state;
	for (i = 0; i < LEN(cases); i++) {
		text = exact(cases[i].line, strlen(cases[i].line));
		in = (struct ini){ .file = "f", .rest = text };
		assert_int_equal(ini_next(&in, &e), INI_PAIR);
		assert_slice(in.key, cases[i].key);
		assert_slice(in.value, cases[i].value);
		assert_int_equal(ini_next(&in, &e), INI_END);
		free((void *)(uintptr_t)text.ptr);
	}
}

static void
test_items_in_order(void **state)
{
	static const char text[] = "\xEF\xBB\xBF# note\r\n"
				   "top = 1\n"
				   "\n"
				   "  [ one ] ; note\n"
				   "\ta = 1\n"
				   "    b = 2\r\n"
				   "[two]\n"
				   "[three]\n"
				   "c = 3";
	static const struct {
		int item;
		unsigned line;
		const char *section;
		const char *key;
	} want[] = {
		{ INI_PAIR, 2, "", "top" },
		{ INI_SECTION, 4, "one", NULL },
		{ INI_PAIR, 5, "one", "a" },
		{ INI_PAIR, 6, "one", "b" },
		{ INI_SECTION, 7, "two", NULL },
		{ INI_SECTION, 8, "three", NULL },
		{ INI_PAIR, 9, "three", "c" },
		{ INI_END, 9, "three", NULL },
	};
	struct ini in = { .file = "f", .rest = slice_str(text) };
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < LEN(want); i++) {
		assert_int_equal(ini_next(&in, &e), want[i].item);
		assert_int_equal(in.line, want[i].line);
		assert_slice(in.section, want[i].section);
		if (want[i].key != NULL)
			assert_slice(in.key, want[i].key);
	}
}

static void
test_bad_lines(void **state)
{
	static const struct {
		const char *text;
		const char *message;
	} cases[] = {
		{ "\nrubbish\n", "f:2: neither a section nor key = value" },
		{ "= v", "f:1: no key before the =" },
		{ "[s", "f:1: section without a closing bracket" },
		{ "[ ]", "f:1: section without a name" },
		{ "[s] x", "f:1: text after the section" },
		{ "k = \"v", "f:1: k: no closing quote on this line" },
		{ "k = \"v\\\"", "f:1: k: no closing quote on this line" },
		{ "k = \"v\\", "f:1: k: no closing quote on this line" },
		{ "k = 'v", "f:1: k: no closing quote on this line" },
		{ "k = [\"a\",", "f:1: k: no closing bracket on this line" },
		{ "k = [\"a]", "f:1: k: no closing bracket on this line" },
		{ "k = \"a\" b", "f:1: k: text after the value" },
		{ "k = [] []", "f:1: k: text after the value" },
	};
	struct ini in;
	struct err e;
	struct slice text;
	size_t i;

	(void)state;
	for (i = 0; i < LEN(cases); i++) {
		text = exact(cases[i].text, strlen(cases[i].text));
		in = (struct ini){ .file = "f", .rest = text };
		assert_int_equal(ini_next(&in, &e), -1);
		assert_int_equal(e.code, ERR_INVALID);
		assert_string_equal(e.msg, cases[i].message);
		free((void *)(uintptr_t)text.ptr);
	}
}

static void
test_nul_and_long_lines(void **state)
{
	static const char nul[] = "k = a\0b\n";
	static char text[INI_LINE_MAX + 2];
	struct ini in = { .file = "f", .rest = { nul, sizeof(nul) - 1 } };
	struct err e;

	(void)state;
	assert_int_equal(ini_next(&in, &e), -1);
	assert_string_equal(e.msg, "f:1: NUL byte");

	memset(text, 'v', sizeof(text));
	memcpy(text, "k=", 2);
	in = (struct ini){ .file = "f", .rest = { text, INI_LINE_MAX } };
	assert_int_equal(ini_next(&in, &e), INI_PAIR);
	assert_int_equal(in.value.len, INI_LINE_MAX - 2);
	in = (struct ini){ .file = "f", .rest = { text, INI_LINE_MAX + 1 } };
	assert_int_equal(ini_next(&in, &e), -1);
	assert_string_equal(e.msg, "f:1: line over 16384 bytes");
}

/* A message longer than struct err holds is cut off, not overrun. */
static void
test_long_names_in_messages(void **state)
{
	static char text[8192];
	struct ini in = { .file = "f", .rest = { text, sizeof(text) } };
	struct err e;

	(void)state;
	memset(text, 'k', sizeof(text));
	memcpy(text + sizeof(text) - 2, "=\"", 2);
	assert_int_equal(ini_next(&in, &e), -1);
	assert_memory_equal(e.msg, "f:1: kkk", 8);
	assert_true(strlen(e.msg) < ERR_MSG_MAX);
}

static void
test_string(void **state)
{
	static const struct {
		const char *raw;
		const char *text; /* NULL: an error, which is */
		const char *message;
	} cases[] = {
		{ "", "", NULL },
		{ "bare text", "bare text", NULL },
		{ "a\\nb", "a\\nb", NULL },
		{ "\"\"", "", NULL },
		{ "''", "", NULL },
		{ "\"a b\"", "a b", NULL },
		{ "\"\\\"\\\\\\n\\r\\t\"", "\"\\\n\r\t", NULL },
		{ "'a\\n\"'", "a\\n\"", NULL },
		{ "\"a", NULL, "unbalanced quotes" },
		{ "\"", NULL, "unbalanced quotes" },
		{ "\"a\"b", NULL, "unbalanced quotes" },
		{ "\"\\q\"", NULL, "escape other than \\\" \\\\ \\n \\r \\t" },
	};
	struct buf out = { 0 };
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < LEN(cases); i++) {
		buf_clear(&out);
		if (cases[i].text != NULL) {
			assert_int_equal(
			    ini_string(slice_str(cases[i].raw), &out, &e), 0);
			assert_slice(buf_slice(&out), cases[i].text);
		} else {
			assert_int_equal(
			    ini_string(slice_str(cases[i].raw), &out, &e), -1);
			assert_string_equal(e.msg, cases[i].message);
		}
	}
	assert_int_equal(ini_string(slice_of("a\0b", 3), &out, &e), -1);
	assert_string_equal(e.msg, "NUL byte");
	buf_free(&out);
}

static void
test_list(void **state)
{
	static const struct {
		const char *raw;
		const char *items; /* with | after each; NULL: an error */
		const char *message;
	} cases[] = {
		{ "", "", NULL },
		{ "[]", "", NULL },
		{ "[ ]", "", NULL },
		{ "a", "a|", NULL },
		{ "a, b ,c", "a|b|c|", NULL },
		{ "a,", "a|", NULL },
		{ "\"a, b\"", "a|b|", NULL },
		{ "[\"a, b\"]", "a, b|", NULL },
		{ "[\"-c\"]", "-c|", NULL },
		{ "[\"a\", 'b', c d]", "a|b|c d|", NULL },
		{ "[\"a\",]", "a|", NULL },
		{ "[\"\"]", "|", NULL },
		{ "[\"]\", '\"']", "]|\"|", NULL },
		{ "[\"a\"", NULL, "unbalanced brackets" },
		{ "[\"a\"] b", NULL, "unbalanced brackets" },
		{ "[\"a\" \"b\"]", NULL, "no comma between items" },
		{ "[,]", NULL, "empty item in the list" },
		{ "a,,b", NULL, "empty item in the list" },
		{ "[\"\\x\"]", NULL,
		    "escape other than \\\" \\\\ \\n \\r \\t" },
		{ "a, \"b", NULL, "unbalanced quotes" },
	};
	struct strings list;
	struct buf got = { 0 };
	struct err e;
	size_t i;
	size_t j;

	(void)state;
	for (i = 0; i < LEN(cases); i++) {
		list = (struct strings){ 0 };
		buf_clear(&got);
		if (cases[i].items == NULL) {
			assert_int_equal(
			    ini_list(slice_str(cases[i].raw), &list, &e), -1);
			assert_string_equal(e.msg, cases[i].message);
		} else {
			assert_int_equal(
			    ini_list(slice_str(cases[i].raw), &list, &e), 0);
			for (j = 0; j < list.n; j++) {
				buf_add_slice(&got, strings_get(&list, j));
				buf_add_byte(&got, '|');
			}
			assert_slice(buf_slice(&got), cases[i].items);
		}
		strings_free(&list);
	}
	buf_free(&got);
}

static void
test_read_file(void **state)
{
	char path[] = "/tmp/test_ini.XXXXXX";
	struct buf text = { 0 };
	struct err e;
	mode_t mode;
	int fd = mkstemp(path);

	(void)state;
	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, "k = v\n", 6), 6);
	assert_int_equal(ini_read_file(path, &text, &mode, &e), 0);
	assert_slice(buf_slice(&text), "k = v\n");
	assert_int_equal(mode & 0777, 0600);

	buf_clear(&text);
	assert_int_equal(ftruncate(fd, INI_FILE_MAX), 0);
	assert_int_equal(ini_read_file(path, &text, &mode, &e), 0);
	buf_clear(&text);
	assert_int_equal(ftruncate(fd, INI_FILE_MAX + 1), 0);
	assert_int_equal(ini_read_file(path, &text, &mode, &e), -1);
	assert_non_null(strstr(e.msg, "larger than 1048576 bytes"));
	assert_int_equal(e.code, ERR_INVALID);
	(void)close(fd);

	buf_clear(&text);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(ini_read_file(path, &text, &mode, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_non_null(strstr(e.msg, path));
	assert_int_equal(ini_read_file("/", &text, &mode, &e), -1);
	assert_int_equal(e.code, ERR_INVALID);
	buf_free(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_items_in_order),
		cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_nul_and_long_lines),
		cmocka_unit_test(test_long_names_in_messages),
		cmocka_unit_test(test_string),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_read_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
