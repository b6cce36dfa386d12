#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "url.h"

#define S(text) slice_of(text, sizeof(text) - 1)

static void
assert_slice(struct slice got, const char *want)
{
	assert_int_equal(got.len, strlen(want));
	assert_memory_equal(got.ptr, want, got.len);
}

static void
test_split(void **state)
{
	static const struct {
		const char *text, *scheme, *user_info, *host;
		uint16_t port;
		const char *rest;
	} rows[] = {
		{ "http://h", "http", "", "h", 0, "" },
		{ "http://h/", "http", "", "h", 0, "/" },
		{ "http://h:80/a?b#c", "http", "", "h", 80, "/a?b#c" },
		{ "http://h?b", "http", "", "h", 0, "?b" },
		{ "http://u@h", "http", "u", "h", 0, "" },
		{ "redis://u:p@h:65535/0", "redis", "u:p", "h", 65535, "/0" },
		{ "redis://:p@h", "redis", ":p", "h", 0, "" },
		{ "amqp://u:p@w@h/v", "amqp", "u:p@w", "h", 0, "/v" },
		{ "http://h/a@b", "http", "", "h", 0, "/a@b" },
		{ "http://[::1]", "http", "", "::1", 0, "" },
		{ "http://u@[::1]:8080/x", "http", "u", "::1", 8080, "/x" },
		{ "HTTP://h", "HTTP", "", "h", 0, "" },
		{ "Redis://h/1", "Redis", "", "h", 0, "/1" },
	};
	struct url u;
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(url_split(slice_str(rows[i].text), &u, &e), 0);
		assert_slice(u.scheme, rows[i].scheme);
		assert_slice(u.user_info, rows[i].user_info);
		assert_slice(u.host, rows[i].host);
		assert_int_equal(u.port, rows[i].port);
		assert_slice(u.rest, rows[i].rest);
	}
}

static void
test_split_refuses(void **state)
{
	const struct slice rows[] = { S(""), S("http"), S("http:"), S("http:/"),
		S("http:/h"), S("http://"), S("http:///a"), S("http://?q"),
		S("://h"), S("1http://h"), S("ht-tp://h"), S("\xc1://h"),
		S("[://h"), S("http://:80"), S("http://u:p@"), S("http://h:"),
		S("http://h:0"), S("http://h:65536"), S("http://h:8x"),
		S("http://h:-1"), S("http://h h"), S("http://h\t"),
		S("http://h\0x"), S("http://h\\@g"), S("http://[::1"),
		S("http://[]"), S("http://[::1]x"), S("http://[::1]:"),
		S("redis://:pa/ss@h") };
	struct url u;
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		e.code = ERR_INTERNAL;
		assert_int_equal(url_split(rows[i], &u, &e), -1);
		assert_int_equal(e.code, ERR_INVALID);
		assert_null(strstr(e.msg, "pa"));
	}
}

static void
test_scheme(void **state)
{
	struct url u = { .scheme = slice_str("HttP") };

	(void)state;
	assert_true(url_has_scheme(&u, "http"));
	assert_false(url_has_scheme(&u, "https"));
	assert_false(url_has_scheme(&u, "htt"));
	assert_false(url_has_scheme(&u, ""));
}

static void
test_rest(void **state)
{
	static const struct {
		const char *rest, *path;
		bool has_query, has_fragment;
	} rows[] = {
		{ "", "", false, false },
		{ "/", "/", false, false },
		{ "?", "", true, false },
		{ "#", "", false, true },
		{ "/a?b", "/a", true, false },
		{ "/a#b", "/a", false, true },
		{ "/a?b#c", "/a", true, true },
		{ "/a#b?c", "/a", false, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct url u = { .rest = slice_str(rows[i].rest) };
		struct url_rest r = url_split_rest(&u);

		assert_slice(r.path, rows[i].path);
		assert_int_equal(r.has_query, rows[i].has_query);
		assert_int_equal(r.has_fragment, rows[i].has_fragment);
	}
}

static void
test_split_address(void **state)
{
	static const struct {
		const char *text, *host;
		uint16_t port;
	} rows[] = {
		{ "h:80", "h", 80 },
		{ "[::1]:65535", "::1", 65535 },
		{ "127.0.0.1:1", "127.0.0.1", 1 },
	};
	static const char *const refused[] = { "", "h", "h:", ":80", "h:0",
		"h:65536", "h:80/", "u@h:80", "h h:80", "http://h:80", "h:80?a",
		"::1:80" };
	struct url u;
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(
		    url_split_address(slice_str(rows[i].text), &u, &e), 0);
		assert_slice(u.host, rows[i].host);
		assert_int_equal(u.port, rows[i].port);
	}
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_int_equal(
		    url_split_address(slice_str(refused[i]), &u, &e), -1);
}

static void
test_masked(void **state)
{
	static const struct {
		const char *text, *shown;
	} rows[] = {
		{ "http://h/a", "http://h/a" },
		{ "http://u:p@h/a", "http://***@h/a" },
		{ "http://u@h", "http://***@h" },
		{ "http://@h", "http://***@h" },
		{ "redis://:p@h:1/2", "redis://***@h:1/2" },
		{ "amqp://u:p@w@h/v", "amqp://***@h/v" },
		{ "http://h/a@b", "http://h/a@b" },
		{ "http://h/p?token=s&x=1", "http://h/p?token=***&x=***" },
		{ "http://u:p@h?token=s", "http://***@h?token=***" },
		{ "http://h/p?s", "http://h/p?***" },
		{ "http://h/p?a=s;b=t=u", "http://h/p?a=***;b=***" },
		{ "http://h/p?&a=&&s#", "http://h/p?&a=***&&***#" },
		{ "http://h/p?", "http://h/p?" },
		{ "http://h/p?=s", "http://h/p?=***" },
		{ "http://h/p#s?t=u", "http://h/p#***" },
		{ "http://h/p?a=s#t", "http://h/p?a=***#***" },
		{ "http://h/p?u=http://v?w=x", "http://h/p?u=***" },
		{ "no url", "no url" },
		{ "", "" },
		{ "://@", "://***@" },
	};
	struct buf b = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_clear(&b);
		url_put_masked(&b, slice_str(rows[i].text));
		assert_slice(buf_slice(&b), rows[i].shown);
	}
	url_put_masked(&b, slice_of(NULL, 0));
	buf_free(&b);
}

static void
test_endpoint(void **state)
{
	static const struct {
		const char *text, *endpoint;
	} rows[] = {
		{ "http://h/a", "http://h:80" },
		{ "https://u:p@Hooks.Example/a?b",
		    "https://hooks.example:443" },
		{ "https://h:8443", "https://h:8443" },
		{ "redis://:p@[::1]/2", "redis://[::1]:6379" },
		{ "rediss://h", "rediss://h:6379" },
		{ "amqp://u:p@h/v", "amqp://h:5672" },
		{ "amqps://h", "amqps://h:5671" },
		{ "HTTP://h/a", "http://h:80" },
		{ "RedisS://h", "rediss://h:6379" },
		{ "ftp://h", "" },
		{ "no url", "" },
		{ "", "" },
	};
	struct buf b = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_clear(&b);
		url_put_endpoint(&b, slice_str(rows[i].text));
		assert_slice(buf_slice(&b), rows[i].endpoint);
	}
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_split_refuses),
		cmocka_unit_test(test_scheme),
		cmocka_unit_test(test_rest),
		cmocka_unit_test(test_split_address),
		cmocka_unit_test(test_masked),
		cmocka_unit_test(test_endpoint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
