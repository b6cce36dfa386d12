#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "address.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static void
test_parse(void **state)
{
	static const struct {
		const char *text;
		const char *host; /* or path */
		enum address_kind kind;
		uint16_t port;
		bool local;
	} cases[] = {
		{ "127.0.0.1:5678", "127.0.0.1", ADDRESS_TCP, 5678, true },
		{ "127.8.9.1:0", "127.8.9.1", ADDRESS_TCP, 0, true },
		{ "0.0.0.0:5678", "0.0.0.0", ADDRESS_TCP, 5678, false },
		{ "10.0.0.1:65535", "10.0.0.1", ADDRESS_TCP, 65535, false },
		{ "128.0.0.1:1", "128.0.0.1", ADDRESS_TCP, 1, false },
		{ "[::1]:5678", "::1", ADDRESS_TCP, 5678, true },
		{ "[::]:5678", "::", ADDRESS_TCP, 5678, false },
		{ "[2001:db8::2]:1", "2001:db8::2", ADDRESS_TCP, 1, false },
		{ "localhost:1", "localhost", ADDRESS_TCP, 1, true },
		{ "tick.example.org:1", "tick.example.org", ADDRESS_TCP, 1,
		    false },
		{ "tls:127.0.0.1:5679", "127.0.0.1", ADDRESS_TLS, 5679, true },
		{ "tls:[::1]:5679", "::1", ADDRESS_TLS, 5679, true },
		{ "tls:0.0.0.0:5679", "0.0.0.0", ADDRESS_TLS, 5679, false },
		{ "unix:/run/tickd.sock", "/run/tickd.sock", ADDRESS_UNIX, 0,
		    true },
		{ "unix:tickd.sock", "tickd.sock", ADDRESS_UNIX, 0, true },
		{ "unix:/a:b", "/a:b", ADDRESS_UNIX, 0, true },
	};
	struct address a;
	struct buf out = { 0 };
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < LEN(cases); i++) {
		assert_int_equal(
		    address_parse(slice_str(cases[i].text), &a, &e), 0);
		assert_int_equal(a.kind, cases[i].kind);
		assert_string_equal(a.kind == ADDRESS_UNIX ? a.path : a.host,
		    cases[i].host);
		assert_int_equal(a.port, cases[i].port);
		assert_int_equal(address_is_local(&a), cases[i].local);
		buf_clear(&out);
		address_put(&out, &a);
		assert_int_equal(out.len, strlen(cases[i].text));
		assert_memory_equal(out.ptr, cases[i].text, out.len);
	}
	buf_free(&out);
}

static void
test_refuse(void **state)
{
	static const struct {
		const char *text;
		const char *message;
	} cases[] = {
		{ "", "no host: \"\"" },
		{ "tls:", "no host: \"tls:\"" },
		{ ":5678", "bad host: \":5678\"" },
		{ "localhost", "no port: \"localhost\"" },
		{ "localhost:", "no port: \"localhost:\"" },
		{ "5678", "no port: \"5678\"" },
		{ "a b:1", "bad host: \"a b:1\"" },
		{ "a/b:1", "bad host: \"a/b:1\"" },
		{ "*:1", "bad host: \"*:1\"" },
		{ "tcp:host:1",
		    "an IPv6 address needs brackets:"
		    " \"tcp:host:1\"" },
		{ "a:65536", "port above 65535 or no number: \"a:65536\"" },
		{ "a:-1", "port above 65535 or no number: \"a:-1\"" },
		{ "a:+1", "port above 65535 or no number: \"a:+1\"" },
		{ "a: 1", "port above 65535 or no number: \"a: 1\"" },
		{ "a:1x", "port above 65535 or no number: \"a:1x\"" },
		{ "a:99999999999999999999",
		    "port above 65535 or no number:"
		    " \"a:99999999999999999999\"" },
		{ "2001:db8::2:1",
		    "an IPv6 address needs brackets:"
		    " \"2001:db8::2:1\"" },
		{ "[::1:5678", "bad IPv6 address: \"[::1:5678\"" },
		{ "[::1]", "no port: \"[::1]\"" },
		{ "[::1]5678", "no port: \"[::1]5678\"" },
		{ "[127.0.0.1]:1", "bad IPv6 address: \"[127.0.0.1]:1\"" },
		{ "[]:1", "bad IPv6 address: \"[]:1\"" },
		{ "[1:2:3:4:5:6:7:8:9:1:2:3:4:5:6:7:8:9:1:2:3:4:5]:1",
		    "bad IPv6 address:"
		    " \"[1:2:3:4:5:6:7:8:9:1:2:3:4:5:6:7:8:9:1:2:3:4:5]:1\"" },
		{ "unix:", "no path: \"unix:\"" },
	};
	struct address a;
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < LEN(cases); i++) {
		assert_int_equal(
		    address_parse(slice_str(cases[i].text), &a, &e), -1);
		assert_int_equal(e.code, ERR_INVALID);
		assert_string_equal(e.msg, cases[i].message);
	}
}

static void
test_lengths(void **state)
{
	char text[600];
	struct address a;
	struct err e;

	(void)state;
	memset(text, 'h', sizeof(text));
	memcpy(text + ADDRESS_HOST_MAX, ":1", 2);
	assert_int_equal(
	    address_parse(slice_of(text, ADDRESS_HOST_MAX + 2), &a, &e), 0);
	assert_int_equal(strlen(a.host), ADDRESS_HOST_MAX);
	memcpy(text + ADDRESS_HOST_MAX, "h:1", 3);
	assert_int_equal(
	    address_parse(slice_of(text, ADDRESS_HOST_MAX + 3), &a, &e), -1);

	memset(text, 'p', sizeof(text));
	memcpy(text, "unix:/", 6);
	assert_int_equal(
	    address_parse(slice_of(text, 5 + ADDRESS_PATH_MAX), &a, &e), 0);
	assert_int_equal(strlen(a.path), ADDRESS_PATH_MAX);
	assert_int_equal(
	    address_parse(slice_of(text, 6 + ADDRESS_PATH_MAX), &a, &e), -1);
	text[8] = '\0';
	assert_int_equal(address_parse(slice_of(text, 20), &a, &e), -1);
	assert_int_equal(address_parse(slice_of("a\0b:1", 5), &a, &e), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_refuse),
		cmocka_unit_test(test_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
