#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "log.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))
#define NOW_NS INT64_C(1775008800123456789) /* 2026-04-01T02:00:00.123Z */
#define FIELDS(...) \
	((const struct log_field[]){ __VA_ARGS__, { .kind = LOG_KIND_END } })

static char line[LOG_LINE_MAX + 1];

/* The line of one event, terminated and without its newline. */
static const char *
format(enum log_format form, const struct log_field *fields)
{
	size_t n =
	    log_format(line, form, LOG_LEVEL_INFO, NOW_NS, "test", fields);

	assert_true(n <= LOG_LINE_MAX);
	assert_int_equal(line[n - 1], '\n');
	assert_null(memchr(line, '\n', n - 1));
	line[n - 1] = '\0';
	return line;
}

static void
test_logfmt(void **state)
{
	(void)state;
	assert_string_equal(
	    format(LOG_LOGFMT,
		FIELDS(LOG_STR("listen", "127.0.0.1:5678"), LOG_U64("jobs", 12),
		    LOG_I64("n", -3), LOG_BOOL("tls", false),
		    LOG_MS("recovery_ms", 1500250000),
		    LOG_SLICE("job", slice_of("a.bc", 3)))),
	    "time=2026-04-01T02:00:00.123Z level=info event=test "
	    "listen=127.0.0.1:5678 jobs=12 n=-3 tls=false "
	    "recovery_ms=1500.250 job=a.b");
}

static void
test_json(void **state)
{
	(void)state;
	assert_string_equal(
	    format(LOG_JSON,
		FIELDS(LOG_STR("listen", "127.0.0.1:5678"), LOG_U64("jobs", 12),
		    LOG_I64("n", -3), LOG_BOOL("tls", true),
		    LOG_MS("recovery_ms", 250000))),
	    "{\"time\":\"2026-04-01T02:00:00.123Z\",\"level\":\"info\","
	    "\"event\":\"test\",\"listen\":\"127.0.0.1:5678\",\"jobs\":12,"
	    "\"n\":-3,\"tls\":true,\"recovery_ms\":0.250}");
}

static void
test_number_limits(void **state)
{
	(void)state;
	assert_non_null(
	    strstr(format(LOG_LOGFMT,
		       FIELDS(LOG_U64("u", UINT64_MAX), LOG_I64("i", INT64_MIN),
			   LOG_MS("m", INT64_MIN), LOG_MS("z", -1))),
		" u=18446744073709551615 i=-9223372036854775808"
		" m=-9223372036854.775 z=-0.000"));
}

static void
test_time(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} cases[] = {
		{ 0, "time=1970-01-01T00:00:00.000Z " },
		{ -1, "time=1970-01-01T00:00:00.000Z " },
		{ INT64_C(1709251199999999999),
		    "time=2024-02-29T23:59:59.999Z " },
		{ INT64_C(9214646399999999999),
		    "time=2261-12-31T23:59:59.999Z " },
	};
	size_t i;

	(void)state;
	for (i = 0; i < LEN(cases); i++) {
		(void)log_format(line, LOG_LOGFMT, LOG_LEVEL_INFO, cases[i].ns,
		    "test", FIELDS(LOG_U64("n", 1)));
		assert_memory_equal(line, cases[i].text, strlen(cases[i].text));
	}
}

/* What a hostile client sends stays inside its value. */
static void
test_escapes(void **state)
{
	static const struct {
		const char *value;
		const char *logfmt;
		const char *json; /* without its quotes */
	} cases[] = {
		{ "", "\"\"", "" },
		{ "a b", "\"a b\"", "a b" },
		{ "a=b", "\"a=b\"", "a=b" },
		{ "a\nlevel=error", "\"a\\nlevel=error\"", "a\\nlevel=error" },
		{ "\"", "\"\\\"\"", "\\\"" },
		{ "\\", "\"\\\\\"", "\\\\" },
		{ "\r\t", "\"\\r\\t\"", "\\r\\t" },
		{ "\x01\x1b[2J\x7f", "\"\\x01\\x1b[2J\\x7f\"",
		    "\\u0001\\u001b[2J\\u007f" },
		{ "gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\"",
		    "gr\xc3\xbc\xc3\x9f" },
		{ "\xe2\x82\xac \xf0\x9f\x98\x80",
		    "\"\xe2\x82\xac \xf0\x9f\x98\x80\"",
		    "\xe2\x82\xac \xf0\x9f\x98\x80" },
		{ "\xc2\x9b"
		  "2J",
		    "\"\\x9b2J\"", "\\u009b2J" }, /* CSI */
		{ "\xc2\xa0", "\"\xc2\xa0\"", "\xc2\xa0" },
		{ "\xff", "\"\\xff\"", "\\ufffd" },
		{ "\xc0\x8a", "\"\\xc0\\x8a\"", "\\ufffd\\ufffd" },
		{ "\xe0\x80\x8a", "\"\\xe0\\x80\\x8a\"",
		    "\\ufffd\\ufffd\\ufffd" },
		{ "\xed\xa0\x80", "\"\\xed\\xa0\\x80\"",
		    "\\ufffd\\ufffd\\ufffd" },
		{ "\xf0\x80\x80\x8a", "\"\\xf0\\x80\\x80\\x8a\"",
		    "\\ufffd\\ufffd\\ufffd\\ufffd" },
		{ "\xf4\x90\x80\x80", "\"\\xf4\\x90\\x80\\x80\"",
		    "\\ufffd\\ufffd\\ufffd\\ufffd" },
		{ "\xe2\x82", "\"\\xe2\\x82\"", "\\ufffd\\ufffd" },
		{ "\xe2\x82\"", "\"\\xe2\\x82\\\"\"", "\\ufffd\\ufffd\\\"" },
	};
	const char *got;
	char *copy;
	size_t n;
	size_t i;

	(void)state;
	for (i = 0; i < LEN(cases); i++) {
		/* In a block of its size, for the sanitizer. */
		n = strlen(cases[i].value);
		copy = malloc(n == 0 ? 1 : n);
		assert_non_null(copy);
		memcpy(copy, cases[i].value, n);
		got = format(LOG_LOGFMT,
		    FIELDS(LOG_SLICE("v", slice_of(copy, n))));
		assert_string_equal(strstr(got, " v=") + 3, cases[i].logfmt);
		got = strstr(format(LOG_JSON,
				 FIELDS(LOG_SLICE("v", slice_of(copy, n)))),
			  ",\"v\":\"") +
		    6;
		assert_memory_equal(got, cases[i].json, strlen(cases[i].json));
		assert_string_equal(got + strlen(cases[i].json), "\"}");
		free(copy);
	}
}

/* Every byte, alone and in pairs: a line stays one JSON object, and its value
 * never holds a raw control byte. */
static void
test_json_is_json(void **state)
{
	char value[2];
	json_error_t error;
	json_t *root;
	unsigned i;

	(void)state;
	for (i = 0; i < 65536; i++) {
		value[0] = (char)(i >> 8);
		value[1] = (char)(i & 0xff);
		root =
		    json_loads(format(LOG_JSON,
				   FIELDS(LOG_SLICE("v", slice_of(value, 2)))),
			JSON_ALLOW_NUL, &error);
		assert_non_null(root);
		assert_int_equal(json_object_size(root), 4);
		json_decref(root);
	}
}

static void
test_long_value(void **state)
{
	static char value[100000];
	const char *got;

	(void)state;
	memset(value, 'v', sizeof(value));
	got = format(LOG_LOGFMT, FIELDS(LOG_SLICE("v", slice_of(value, 1024))));
	assert_int_equal(strlen(strstr(got, " v=")), 3 + 1024);
	got = format(LOG_LOGFMT,
	    FIELDS(LOG_SLICE("v", slice_of(value, sizeof(value))),
		LOG_U64("n", 7)));
	assert_non_null(strstr(got, "vvv...\" n=7"));
	assert_true(strlen(got) < 1200);

	memset(value, 1, sizeof(value)); /* six bytes each in JSON */
	got = format(LOG_JSON,
	    FIELDS(LOG_SLICE("v", slice_of(value, sizeof(value))),
		LOG_U64("n", 7)));
	assert_non_null(strstr(got, "\\u0001...\",\"n\":7}"));
	assert_true(strlen(got) < 1200);
}

/* Fields that do not fit are left out whole; later short ones still fit. */
static void
test_long_line(void **state)
{
	static char value[1000];
	struct slice v = { value, sizeof(value) };
	const struct log_field *fields =
	    FIELDS(LOG_SLICE("a", v), LOG_SLICE("b", v), LOG_SLICE("c", v),
		LOG_SLICE("d", v), LOG_SLICE("e", v), LOG_U64("n", 7));
	json_error_t error;
	json_t *root;
	const char *got;

	(void)state;
	memset(value, 'v', sizeof(value));
	got = format(LOG_LOGFMT, fields);
	assert_non_null(strstr(got, " c=vvv"));
	assert_null(strstr(got, " e="));
	assert_non_null(strstr(got, "v n=7 truncated=true"));
	root = json_loads(format(LOG_JSON, fields), 0, &error);
	assert_non_null(root);
	assert_true(json_is_true(json_object_get(root, "truncated")));
	assert_int_equal(json_integer_value(json_object_get(root, "n")), 7);
	assert_null(json_object_get(root, "e"));
	json_decref(root);
}

/* All that was written into a pipe. */
static size_t
read_pipe(int fd, char *out, size_t n)
{
	ssize_t got = read(fd, out, n - 1);

	if (got < 0)
		got = 0;
	out[got] = '\0';
	return (size_t)got;
}

static void
test_levels(void **state)
{
	char out[4096];
	struct err e = { .msg = "broken" };
	unsigned evaluated = 0;
	int fd[2];

	(void)state;
	assert_int_equal(pipe2(fd, O_NONBLOCK | O_CLOEXEC), 0);
	log_setup(LOG_LEVEL_WARN, LOG_LOGFMT, fd[1]);
	LOG_INFO("quiet", LOG_U64("n", ++evaluated));
	LOG_DEBUG("quiet");
	assert_int_equal(evaluated, 0);
	LOG_WARN("first", LOG_U64("n", ++evaluated));
	LOG_ERROR("second", LOG_ERR(&e), LOG_ERRNO(ENOSPC));
	assert_true(read_pipe(fd[0], out, sizeof(out)) > 0);
	assert_null(strstr(out, "quiet"));
	assert_non_null(strstr(out, " level=warn event=first n=1\n"));
	assert_non_null(strstr(out,
	    " level=error event=second error=broken "
	    "error=\"No space left on device\"\n"));

	log_setup(LOG_LEVEL_OFF, LOG_LOGFMT, fd[1]);
	LOG_ERROR("never");
	assert_int_equal(read_pipe(fd[0], out, sizeof(out)), 0);
	log_setup(LOG_LEVEL_TRACE, LOG_JSON, fd[1]);
	LOG_TRACE("detail");
	assert_true(read_pipe(fd[0], out, sizeof(out)) > 0);
	assert_non_null(
	    strstr(out, "\"level\":\"trace\",\"event\":\"detail\"}\n"));
	(void)close(fd[0]);
	(void)close(fd[1]);
}

/* A full pipe, a closed one, none: the line is lost, errno is as it was. */
static void
test_nowhere_to_write(void **state)
{
	char byte = 'x';
	int fd[2];

	(void)state;
	assert_int_equal(pipe2(fd, O_NONBLOCK | O_CLOEXEC), 0);
	while (write(fd[1], &byte, 1) == 1)
		;
	log_setup(LOG_LEVEL_INFO, LOG_LOGFMT, fd[1]);
	errno = EXDEV;
	LOG_INFO("full");
	assert_int_equal(errno, EXDEV);
	(void)close(fd[0]);
	(void)close(fd[1]);
	LOG_INFO("closed");
	log_setup(LOG_LEVEL_INFO, LOG_LOGFMT, -1);
	LOG_INFO("none");
}

#define THREADS 4
#define LINES 200

static void *
log_lines(void *arg)
{
	int i;

	for (i = 0; i < LINES; i++)
		LOG_INFO("line", LOG_STR("text", arg), LOG_I64("i", i));
	return NULL;
}

/* Lines of many threads do not mix. */
static void
test_threads(void **state)
{
	static char text[THREADS][900];
	static char out[2 * THREADS * LINES * sizeof(text[0])];
	char path[] = "/tmp/test_log.XXXXXX";
	pthread_t thread[THREADS];
	const char *p = out;
	unsigned n = 0;
	size_t i;
	int fd = mkstemp(path);

	(void)state;
	assert_int_not_equal(fd, -1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_APPEND), 0);
	log_setup(LOG_LEVEL_INFO, LOG_LOGFMT, fd);
	for (i = 0; i < THREADS; i++) {
		memset(text[i], 'a' + (int)i, sizeof(text[i]) - 1);
		assert_int_equal(
		    pthread_create(&thread[i], NULL, log_lines, text[i]), 0);
	}
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);

	assert_true(pread(fd, out, sizeof(out) - 1, 0) > 0);
	for (; *p != '\0'; p = strchr(p, '\n') + 1, n++) {
		assert_memory_equal(p, "time=", 5);
		p = strstr(p, " text=") + 6;
		assert_int_equal(strspn(p, (char[]){ p[0], '\0' }),
		    sizeof(text[0]) - 1);
	}
	assert_int_equal(n, THREADS * LINES);
	(void)close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_logfmt),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_number_limits),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_json_is_json),
		cmocka_unit_test(test_long_value),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_nowhere_to_write),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
