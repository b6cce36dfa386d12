#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "duration.h"
#include "prng.h"
#include "token.h"
#include "tstamp.h"

#define S(text) slice_of(text, sizeof(text) - 1)
#define NOW INT64_C(1711612800000000000) /* 2024-03-28 08:00:00 */
#define DAY (INT64_C(86400) * NS_PER_S)
#define HOUR (INT64_C(3600) * NS_PER_S)

#define FORMS                                                              \
	": write 2026-12-01T09:00:00Z, \"2026-12-01 09:00\" (UTC), 09:00 " \
	"(the next, UTC), now, +1h30m, or nanoseconds since 1970"

/* Parse a <when> that is written as in a request. */
static int
parse(const char *text, int64_t *ns, struct err *e)
{
	char line[256];
	struct tokens t = { 0 };
	int took;

	assert_true(strlen(text) < sizeof(line));
	memcpy(line, text, strlen(text));
	assert_int_equal(token_split(line, strlen(text), &t, e), 0);
	memset(e, 0, sizeof(*e));
	took = tstamp_parse(t.word, t.n, NOW, ns, e);
	token_fini(&t);
	return took;
}

static void
test_parse(void **state)
{
	static const struct {
		const char *text;
		int took;
		int64_t ns;
	} rows[] = {
		{ "0", 1, 0 },
		{ "1", 1, 1 },
		{ "1420070399", 1, 1420070399 }, /* 2014 */
		{ "4133980800", 1, 4133980800 }, /* 2101 */
		{ "1420070399999", 1, 1420070399999 },
		{ "4133980800000", 1, 4133980800000 },
		{ "1420070399999999", 1, 1420070399999999 },
		{ "4133980800000000", 1, 4133980800000000 },
		{ "1711612800000000000", 1, NOW },
		{ "1711612800000000000 NX", 1, NOW },
		{ "9214646399999999999", 1, TSTAMP_MAX_NS },
		{ "now", 1, NOW },
		{ "now NX", 1, NOW },
		{ "+0s", 1, NOW },
		{ "+1s", 1, NOW + NS_PER_S },
		{ "+1w", 1, NOW + 7 * DAY },
		{ "+1h30m NX", 1, NOW + 5400 * NS_PER_S },
		{ "+1.5d", 1, NOW + 3 * DAY / 2 },
		{ "+5", 1, NOW + 5 * NS_PER_S },
		{ "+90", 1, NOW + 90 * NS_PER_S },
		{ "+0.25", 1, NOW + NS_PER_S / 4 },
		{ "+5min", 1, NOW + 300 * NS_PER_S },
		{ "+2hours30mins", 1, NOW + 9000 * NS_PER_S },
		{ "2024-03-28 08:00:00", 2, NOW },
		{ "2024-03-28 08:00:00 NX", 2, NOW },
		{ "2024-03-28 \"08:00:00\"", 2, NOW },
		{ "2024-03-28 08:00:00.5", 2, NOW + NS_PER_S / 2 },
		{ "2024-03-28 08:00:00.123456789", 2, NOW + 123456789 },
		{ "2024-03-28 08:00:00.1234567899999", 2, NOW + 123456789 },
		{ "2024-03-28 08:00:00.000000001", 2, NOW + 1 },
		{ "2024-03-28 08:00", 2, NOW },
		{ "2024-03-28 08:00 NX", 2, NOW },
		{ "\"2024-03-28 08:00\"", 1, NOW },
		{ "\"2024-03-28 08:00:00\"", 1, NOW },
		{ "\"2024-03-28 08:00:00\" NX", 1, NOW },
		{ "\"2024-03-28 08:00:00.5\"", 1, NOW + NS_PER_S / 2 },
		/* The next such time: NOW is eight o'clock. */
		{ "08:01", 1, NOW + 60 * NS_PER_S },
		{ "08:00", 1, NOW + DAY },
		{ "08:00:00", 1, NOW + DAY },
		{ "08:00:01", 1, NOW + NS_PER_S },
		{ "23:59:59", 1, NOW + 16 * HOUR - NS_PER_S },
		{ "00:00", 1, NOW + 16 * HOUR },
		{ "07:59 NX", 1, NOW + DAY - 60 * NS_PER_S },
		{ "1970-01-01 00:00:00", 2, 0 },
		{ "2000-02-29 00:00:00", 2, 11016 * DAY },
		{ "2261-12-31 23:59:59.999999999", 2, TSTAMP_MAX_NS },
		{ "2024-03-28T08:00:00Z", 1, NOW },
		{ "2024-03-28t08:00:00z", 1, NOW },
		{ "2024-03-28T10:00:00+02:00", 1, NOW },
		{ "2024-03-28T04:30:00-03:30", 1, NOW },
		{ "2024-03-28T08:00:00-00:00", 1, NOW },
		{ "2024-03-28T10:00:00.25+02:00", 1, NOW + NS_PER_S / 4 },
		{ "2024-03-28T08:00:00.0Z", 1, NOW },
		{ "2024-03-28T08:00:00", 1, NOW },
		{ "2024-03-28T08:00:00.25", 1, NOW + NS_PER_S / 4 },
		{ "2024-03-28T07:59:60Z", 1, NOW },
		{ "2024-03-28T07:59:60.5", 1, NOW + NS_PER_S / 2 },
		{ "2016-12-31T23:59:60Z", 1, 17167 * DAY },
		{ "1969-12-31T23:00:00-01:00", 1, 0 },
		{ "2262-01-01T00:59:59.999999999+01:00", 1, TSTAMP_MAX_NS },
	};
	struct err e;
	int64_t ns;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ns = -1;
		assert_int_equal(parse(rows[i].text, &ns, &e), rows[i].took);
		assert_int_equal(ns, rows[i].ns);
	}
}

static void
test_parse_refuses(void **state)
{
	static const struct {
		const char *text;
		enum err_code code;
		const char *msg; /* NULL: not looked at */
	} rows[] = {
		{ "", ERR_SYNTAX, "a time is missing" },
		{ "2024-03-28", ERR_SYNTAX,
		    "a date needs a time of day" FORMS },
		{ "tomorrow", ERR_INVALID, "invalid time \"tomorrow\"" FORMS },
		{ "\"\"", ERR_INVALID, "invalid time \"\"" FORMS },
		{ "\"no\\x00w\"", ERR_INVALID,
		    "invalid time \"no\\x00w\"" FORMS },
		{ "NOW", ERR_INVALID, NULL },
		{ "-1", ERR_INVALID, "invalid time \"-1\"" FORMS },
		{ "1796115600", ERR_INVALID,
		    "1796115600 looks like seconds; "
		    "this is nanoseconds: 1796115600000000000" },
		{ "1796115600123", ERR_INVALID,
		    "1796115600123 looks like milliseconds; "
		    "this is nanoseconds: 1796115600123000000" },
		{ "1796115600123456", ERR_INVALID,
		    "1796115600123456 looks like microseconds; "
		    "this is nanoseconds: 1796115600123456000" },
		{ "1420070400", ERR_INVALID, NULL },
		{ "4133980799", ERR_INVALID, NULL },
		{ "1420070400000", ERR_INVALID, NULL },
		{ "4133980799999", ERR_INVALID, NULL },
		{ "1420070400000000", ERR_INVALID, NULL },
		{ "4133980799999999", ERR_INVALID, NULL },
		{ "1796115600.5", ERR_INVALID, NULL },
		{ "1.5", ERR_INVALID, NULL },
		{ "0x10", ERR_INVALID, NULL },
		{ "9214646400000000000", ERR_INVALID,
		    "time before 1970 or after 2261: "
		    "\"9214646400000000000\"" },
		{ "18446744073709551616", ERR_INVALID, NULL },
		{ "99999999999999999999999999999999", ERR_INVALID, NULL },
		{ "+", ERR_INVALID, "invalid time \"+\"" FORMS },
		{ "+5minss", ERR_INVALID, NULL },
		{ "+1month", ERR_INVALID, NULL },
		{ "+-5s", ERR_INVALID, NULL },
		{ "+5x", ERR_INVALID, NULL },
		{ "+5s5", ERR_INVALID, NULL },
		{ "+15250w", ERR_INVALID, NULL },
		{ "+12410w", ERR_INVALID, NULL },
		{ "2024-13-01 00:00:00", ERR_INVALID,
		    "invalid date \"2024-13-01\"" FORMS },
		{ "\"2024-13-01 00:00:00\"", ERR_INVALID, NULL },
		{ "\"2024-03-28 \"", ERR_INVALID, NULL },
		{ "\"2024-03-28  08:00\"", ERR_INVALID, NULL },
		{ "\"2024-03-28 08:00:00 \"", ERR_INVALID, NULL },
		{ "\"2024-03-28 08:00:00Z\"", ERR_INVALID, NULL },
		{ "24:00", ERR_INVALID, NULL },
		{ "8:00", ERR_INVALID, NULL },
		{ "08:60", ERR_INVALID, NULL },
		{ "08:00:60", ERR_INVALID, NULL },
		{ "08:00:0", ERR_INVALID, NULL },
		{ "08:00:00.5", ERR_INVALID, NULL },
		{ "08:00Z", ERR_INVALID, NULL },
		{ "2024-00-01 00:00:00", ERR_INVALID, NULL },
		{ "2024-01-00 00:00:00", ERR_INVALID, NULL },
		{ "2024-01-32 00:00:00", ERR_INVALID, NULL },
		{ "2024-04-31 00:00:00", ERR_INVALID, NULL },
		{ "2023-02-29 00:00:00", ERR_INVALID, NULL },
		{ "2100-02-29 00:00:00", ERR_INVALID, NULL },
		{ "2024-1--01 00:00:00", ERR_INVALID, NULL },
		{ "1969-12-31 23:59:59", ERR_INVALID, NULL },
		{ "2262-01-01 00:00:00", ERR_INVALID, NULL },
		{ "9999-12-31 23:59:59", ERR_INVALID, NULL },
		{ "0000-01-01 00:00:00", ERR_INVALID, NULL },
		{ "2024-03-28 NX", ERR_INVALID,
		    "invalid time of day \"NX\"" FORMS },
		{ "2024-03-28 24:00:00", ERR_INVALID, NULL },
		{ "2024-03-28 23:60:00", ERR_INVALID, NULL },
		{ "2024-03-28 23:59:60", ERR_INVALID, NULL },
		{ "2024-03-28 8:00:00", ERR_INVALID, NULL },
		{ "2024-03-28 08:00.5", ERR_INVALID, NULL },
		{ "2024-03-28 08:00:0", ERR_INVALID, NULL },
		{ "2024-03-28 08:00:00.", ERR_INVALID, NULL },
		{ "2024-03-28 08:00:00.x", ERR_INVALID, NULL },
		{ "2024-03-28 08:00:00.5x", ERR_INVALID, NULL },
		{ "2024-03-28 08:00:00Z", ERR_INVALID, NULL },
		{ "2024-03-28 08-00-00", ERR_INVALID, NULL },
		{ "2024-03-28 \"08:00:00\\x00\"", ERR_INVALID, NULL },
		{ "2024-03-28 \"\"", ERR_INVALID, NULL },
		{ "2024-03-28T08:00:61Z", ERR_INVALID, NULL },
		{ "2024-03-28T08:00", ERR_INVALID, NULL },
		{ "2024-03-28T08:00:00+", ERR_INVALID, NULL },
		{ "2024-03-28T08:00:00+2", ERR_INVALID, NULL },
		{ "2024-03-28T08:00:00+0200", ERR_INVALID, NULL },
		{ "2024-03-28T08:00:00+24:00", ERR_INVALID, NULL },
		{ "2024-03-28T08:00:00+02:60", ERR_INVALID, NULL },
		{ "2024-03-28T08:00:00Zx", ERR_INVALID, NULL },
		{ "2024-03-28T", ERR_INVALID, NULL },
		{ "2024-03-28T08:00Z", ERR_INVALID, NULL },
		{ "2024-13-28T08:00:00Z", ERR_INVALID, NULL },
		{ "2024-03-28_08:00:00Z", ERR_INVALID, NULL },
		{ "20240328T080000Z", ERR_INVALID, NULL },
		{ "1970-01-01T00:00:00+00:01", ERR_INVALID, NULL },
		{ "2261-12-31T23:59:59-00:01", ERR_INVALID, NULL },
		{ "2262-01-01T01:00:00+01:00", ERR_INVALID, NULL },
		{ "cron", ERR_INVALID, NULL },
	};
	struct err e;
	int64_t ns;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ns = 4711;
		assert_int_equal(parse(rows[i].text, &ns, &e), -1);
		assert_int_equal(ns, 4711);
		assert_int_equal(e.code, rows[i].code);
		if (rows[i].msg != NULL)
			assert_string_equal(e.msg, rows[i].msg);
	}
}

static void
test_duration(void **state)
{
	const struct {
		struct slice s;
		int64_t ns; /* -1: refused */
	} rows[] = {
		{ S("0s"), 0 },
		{ S("1ns"), 1 },
		{ S("1us"), 1000 },
		{ S("250ms"), 250 * NS_PER_MS },
		{ S("5s"), 5 * NS_PER_S },
		{ S("5m"), 300 * NS_PER_S },
		{ S("1h30m"), 5400 * NS_PER_S },
		{ S("30m1h"), 5400 * NS_PER_S },
		{ S("1d"), DAY },
		{ S("1w1ns"), 7 * DAY + 1 },
		{ S("1.5h"), 5400 * NS_PER_S },
		{ S("0.1s"), NS_PER_S / 10 },
		{ S("0.000000001s"), 1 },
		{ S("0.0000000019s"), 1 },
		{ S("0.00000000199999999999999999999999999999s"), 1 },
		{ S("0.9ns"), 0 },
		{ S("0.33333333333333333333w"), INT64_C(201599999999999) },
		{ S("9223372036854775807ns"), INT64_MAX },
		{ S("9223372036854775808ns"), -1 },
		{ S("9223372036s854775807ns"), INT64_MAX },
		{ S("9223372036s854775808ns"), -1 },
		{ S("9223372036.854775807s"), INT64_MAX },
		{ S("9223372036.854775808s"), -1 },
		{ S("9223372037s"), -1 },
		{ S("15250w"), INT64_C(9223200000000000000) },
		{ S("15251w"), -1 },
		{ S("99999999999999999999999999w"), -1 },
		{ S(""), -1 },
		{ S("s"), -1 },
		{ S("0"), 0 },
		{ S("5"), 5 * NS_PER_S },
		{ S("90"), 90 * NS_PER_S },
		{ S("2.5"), 2500 * NS_PER_MS },
		{ S("9223372037"), -1 },
		{ S("1sec"), NS_PER_S },
		{ S("30secs"), 30 * NS_PER_S },
		{ S("5min"), 300 * NS_PER_S },
		{ S("5mins"), 300 * NS_PER_S },
		{ S("1hour"), HOUR },
		{ S("2hours"), 2 * HOUR },
		{ S("1.5hours"), 3 * HOUR / 2 },
		{ S("1day"), DAY },
		{ S("3days"), 3 * DAY },
		{ S("1week2days"), 9 * DAY },
		{ S("2weeks"), 14 * DAY },
		{ S("1hour30min"), 5400 * NS_PER_S },
		{ S("1h30min5s"), 5405 * NS_PER_S },
		{ S("5ss"), -1 },
		{ S("5minss"), -1 },
		{ S("5minute"), -1 },
		{ S("5hs"), -1 },
		{ S("5Min"), -1 },
		{ S("5mss"), -1 },
		{ S("1month"), -1 },
		{ S("1y"), -1 },
		{ S("5m5"), -1 },
		{ S("5M"), -1 },
		{ S("5mm"), -1 },
		{ S("5 s"), -1 },
		{ S("-5s"), -1 },
		{ S("+5s"), -1 },
		{ S(".5s"), -1 },
		{ S("5.s"), -1 },
		{ S("1.2.3s"), -1 },
		{ S("5s\0"), -1 },
		{ S("5\0s"), -1 },
		{ S("5s "), -1 },
		{ S("1e3s"), -1 },
	};
	struct err e;
	int64_t ns;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool ok = rows[i].ns != -1;

		ns = 4711;
		assert_int_equal(duration_parse(rows[i].s, &ns, &e),
		    ok ? 0 : -1);
		assert_int_equal(ns, ok ? rows[i].ns : 4711);
		if (!ok)
			assert_int_equal(e.code, ERR_INVALID);
	}
	assert_int_equal(duration_parse(S("5x"), &ns, &e), -1);
	assert_string_equal(e.msg,
	    "invalid duration \"5x\": write 90 (seconds), or units "
	    "ns us ms s m h d w, as in 1h30m or 1.5h");
}

static void
assert_text(const struct buf *b, const char *text)
{
	assert_int_equal(b->len, strlen(text));
	assert_memory_equal(b->ptr, text, b->len);
}

static void
test_put_duration(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} rows[] = {
		{ 0, "0s" },
		{ -1, "0s" },
		{ 1, "1ns" },
		{ 1500, "1us500ns" },
		{ 250 * NS_PER_MS, "250ms" },
		{ 1500 * NS_PER_MS, "1s500ms" },
		{ 300 * NS_PER_S, "5m" },
		{ 5400 * NS_PER_S, "1h30m" },
		{ 30 * DAY, "30d" },
		{ 14 * DAY, "2w" },
		{ 14 * DAY + 1, "14d1ns" },
		{ INT64_MAX, "106751d23h47m16s854ms775us807ns" },
	};
	struct buf b = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_clear(&b);
		duration_put(&b, rows[i].ns);
		assert_text(&b, rows[i].text);
	}
	buf_free(&b);
}

/* A number below 2^63, of any size with the same chance. */
static int64_t
any_size(struct prng *p)
{
	uint64_t v = (uint64_t)prng_next(p) << 32 | prng_next(p);

	return (int64_t)(v >> 1 >> prng_below(p, 63));
}

static void
test_duration_reads_back(void **state)
{
	struct prng p = { 3 };
	struct buf b = { 0 };
	struct err e;
	int64_t ns, back;
	int i;

	(void)state;
	for (i = 0; i < 100000; i++) {
		ns = any_size(&p);
		buf_clear(&b);
		duration_put(&b, ns);
		assert_int_equal(duration_parse(buf_slice(&b), &back, &e), 0);
		assert_int_equal(back, ns);
	}
	buf_free(&b);
}

static void
test_put_utc(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} rows[] = {
		{ 0, "1970-01-01T00:00:00Z" },
		{ NOW, "2024-03-28T08:00:00Z" },
		{ NOW + NS_PER_S / 4, "2024-03-28T08:00:00.25Z" },
		{ NOW + 1, "2024-03-28T08:00:00.000000001Z" },
		{ NOW + 100, "2024-03-28T08:00:00.0000001Z" },
		{ -1, "1969-12-31T23:59:59.999999999Z" },
		{ TSTAMP_MAX_NS, "2261-12-31T23:59:59.999999999Z" },
		{ INT64_MIN, "1677-09-21T00:12:43.145224192Z" },
		{ INT64_MAX, "2262-04-11T23:47:16.854775807Z" },
	};
	struct buf b = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_clear(&b);
		tstamp_put_utc(&b, rows[i].ns);
		assert_text(&b, rows[i].text);
	}
	buf_free(&b);
}

static void
test_utc_reads_back(void **state)
{
	struct prng p = { 5 };
	struct buf b = { 0 };
	struct slice word;
	struct err e;
	int64_t ns, back;
	int i;

	(void)state;
	for (i = 0; i < 100000; i++) {
		ns = any_size(&p) % (TSTAMP_MAX_NS + 1);
		buf_clear(&b);
		tstamp_put_utc(&b, ns);
		word = buf_slice(&b);
		assert_int_equal(tstamp_parse(&word, 1, 0, &back, &e), 1);
		assert_int_equal(back, ns);
	}
	buf_free(&b);
}

/* Every day of 800 years follows the one before. */
static void
test_calendar(void **state)
{
	int64_t days = tstamp_days_from_civil(1600, 1, 1);
	int64_t last = tstamp_days_from_civil(2400, 1, 1);
	int64_t year = 1600;
	unsigned month = 1, day = 1;

	(void)state;
	assert_int_equal(tstamp_days_from_civil(1970, 1, 1), 0);
	assert_int_equal(last - days, 2 * 146097);
	for (; days <= last; days++) {
		int64_t y;
		unsigned m, d;

		tstamp_civil_from_days(days, &y, &m, &d);
		assert_int_equal(tstamp_days_from_civil(y, m, d), days);
		if (y == year && m == month) {
			assert_int_equal(d, day);
		} else {
			assert_int_equal(d, 1);
			assert_int_equal(m, month % 12 + 1);
			assert_int_equal(y, year + (m == 1));
			assert_in_range(day - 1, 28, 31);
		}
		year = y;
		month = m;
		day = d + 1;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_put_duration),
		cmocka_unit_test(test_duration_reads_back),
		cmocka_unit_test(test_put_utc),
		cmocka_unit_test(test_utc_reads_back),
		cmocka_unit_test(test_calendar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
