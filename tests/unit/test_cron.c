#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "cron.h"
#include "cron_model.h"
#include "prng.h"
#include "tstamp.h"

#define S_PER_DAY INT64_C(86400)
#define RANDOM_EXPRESSIONS 500
#define RANDOM_DAYS (290 * 365) /* from 1970 on */
#define WALK_DAYS 60

#define ALL_MINUTES ((UINT64_C(1) << 60) - 1)
#define ALL_HOURS ((1u << 24) - 1)
#define ALL_DAYS 0xfffffffeu
#define ALL_MONTHS 0x1ffe
#define ALL_WEEKDAYS 0x7f

/* Seconds since 1970 of `YYYY-MM-DD HH:MM:SS`. */
static int64_t
at(const char *text)
{
	struct slice words[] = { slice_of(text, 10), slice_str(text + 11) };
	struct err e;
	int64_t ns;

	assert_int_equal(tstamp_parse(words, 2, 0, &ns, &e), 2);
	return ns / NS_PER_S;
}

static struct cron
parse(const char *text)
{
	struct cron c;
	struct err e;

	if (cron_parse(slice_str(text), &c, &e) == -1)
		fail_msg("%s: %s", text, e.msg);
	return c;
}

static void
test_fields(void **state)
{
	static const struct {
		const char *text;
		struct cron c;
	} rows[] = {
		{ "* * * * *",
		    { ALL_MINUTES, ALL_HOURS, ALL_DAYS, ALL_MONTHS,
			ALL_WEEKDAYS, false, true } },
		{ "0 0 1 1 0", { 1, 1, 2, 2, 1, true, false } },
		{ "59 23 31 12 7",
		    { UINT64_C(1) << 59, 1 << 23, 1u << 31, 1 << 12, 1, true,
			false } },
		{ "\t 0  0\t1 1 0 ", { 1, 1, 2, 2, 1, true, false } },
		{ "00 007 01 01 0", { 1, 1 << 7, 2, 2, 1, true, false } },
		{ "*/30 */12 */30 */11 */3",
		    { 1 | 1 << 30, 1 | 1 << 12, 2 | 1u << 31, 2 | 1 << 12,
			1 | 1 << 3 | 1 << 6, false, true } },
		{ "1-5/2,9 0,0,0 3-3 feb-APR mon,Wed-FRI",
		    { 1 << 1 | 1 << 3 | 1 << 5 | 1 << 9, 1, 1 << 3, 0x1c, 0x3a,
			true, true } },
		{ "0 0 * * 5-7",
		    { 1, 1, ALL_DAYS, ALL_MONTHS, 0x61, false, false } },
		{ "0 0 * * fri-sun",
		    { 1, 1, ALL_DAYS, ALL_MONTHS, 0x61, false, false } },
		{ "0 0 * * sun-tue",
		    { 1, 1, ALL_DAYS, ALL_MONTHS, 0x07, false, false } },
		{ "0 0 * * sun-sun",
		    { 1, 1, ALL_DAYS, ALL_MONTHS, 1, false, false } },
		{ "0 0 * * 0-7",
		    { 1, 1, ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS, false,
			false } },
		{ "0 0 1 * */2", { 1, 1, 2, ALL_MONTHS, 0x55, false, false } },
		{ "0 0 1,* * 1",
		    { 1, 1, ALL_DAYS, ALL_MONTHS, 2, true, false } },
		{ "0 0 *,1 * 1",
		    { 1, 1, ALL_DAYS, ALL_MONTHS, 2, false, false } },
		{ "@hourly",
		    { 1, ALL_HOURS, ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS, false,
			true } },
		{ "@Daily",
		    { 1, 1, ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS, false,
			false } },
		{ "@midnight",
		    { 1, 1, ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS, false,
			false } },
		{ "@weekly", { 1, 1, ALL_DAYS, ALL_MONTHS, 1, false, false } },
		{ "@monthly",
		    { 1, 1, 2, ALL_MONTHS, ALL_WEEKDAYS, false, false } },
		{ "@yearly", { 1, 1, 2, 2, ALL_WEEKDAYS, false, false } },
		{ "@ANNUALLY", { 1, 1, 2, 2, ALL_WEEKDAYS, false, false } },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cron c = parse(rows[i].text);

		assert_int_equal(c.minutes, rows[i].c.minutes);
		assert_int_equal(c.hours, rows[i].c.hours);
		assert_int_equal(c.days, rows[i].c.days);
		assert_int_equal(c.months, rows[i].c.months);
		assert_int_equal(c.weekdays, rows[i].c.weekdays);
		assert_int_equal(c.either_day, rows[i].c.either_day);
		assert_int_equal(c.runs_on, rows[i].c.runs_on);
	}
}

static void
test_refuses(void **state)
{
	static const struct {
		const char *text, *msg;
	} rows[] = {
		{ "",
		    "a cron expression has 5 fields (minute hour day-of-month "
		    "month day-of-week), not 0" },
		{ "* * * *",
		    "a cron expression has 5 fields (minute hour day-of-month "
		    "month day-of-week), not 4" },
		{ "0 * * * * *",
		    "a cron expression has 5 fields (minute hour day-of-month "
		    "month day-of-week), not 6" },
		{ "60 * * * *", "cron minute is not in 0-59: \"60\"" },
		{ "99999999999999999999 * * * *",
		    "cron minute is not in 0-59: \"99999999999999999999\"" },
		{ "* 24 * * *", "cron hour is not in 0-23: \"24\"" },
		{ "* * 0 * *", "cron day-of-month is not in 1-31: \"0\"" },
		{ "* * 32 * *", "cron day-of-month is not in 1-31: \"32\"" },
		{ "* * * 0 *", "cron month is not in 1-12: \"0\"" },
		{ "* * * 13 *", "cron month is not in 1-12: \"13\"" },
		{ "* * * * 8", "cron day-of-week is not in 0-7: \"8\"" },
		{ "x * * * *", "cron minute is not a number: \"x\"" },
		{ "-1 * * * *", "cron minute is not a number: \"\"" },
		{ "1- * * * *", "cron minute is not a number: \"\"" },
		{ "1x * * * *", "cron minute is not in 0-59: \"1x\"" },
		{ "+1 * * * *", "cron minute is not a number: \"+1\"" },
		{ "? * * * *", "cron minute is not a number: \"?\"" },
		{ "*5 * * * *", "cron minute is not a number: \"*5\"" },
		{ "*-5 * * * *", "cron minute is not a number: \"*\"" },
		{ "1-2-3 * * * *", "cron minute is not in 0-59: \"2-3\"" },
		{ "* * * juni *",
		    "cron month is not a number or name: \"juni\"" },
		{ "* * * sun *",
		    "cron month is not a number or name: \"sun\"" },
		{ "* * * * l",
		    "cron day-of-week is not a number or name: "
		    "\"l\"" },
		{ "* 5-3 * * *", "cron hour range runs backward: \"5-3\"" },
		{ "* * * * sat-mon",
		    "cron day-of-week range runs backward: \"sat-mon\"" },
		{ "* * * * 6-0",
		    "cron day-of-week range runs backward: \"6-0\"" },
		{ "*/0 * * * *", "cron minute step is not in 1-59: \"*/0\"" },
		{ "*/60 * * * *", "cron minute step is not in 1-59: \"*/60\"" },
		{ "*/ * * * *", "cron minute step is not in 1-59: \"*/\"" },
		{ "*/2/2 * * * *",
		    "cron minute step is not in 1-59: \"*/2/2\"" },
		{ "5/15 * * * *",
		    "cron minute step needs * or a range: \"5/15\"" },
		{ "/5 * * * *", "cron minute is not a number: \"\"" },
		{ "1,,2 * * * *", "cron minute has an empty item: \"1,,2\"" },
		{ "1, * * * *", "cron minute has an empty item: \"1,\"" },
		{ ", * * * *", "cron minute has an empty item: \",\"" },
		{ "@reboot", "unknown cron shorthand \"@reboot\"" },
		{ "@", "unknown cron shorthand \"@\"" },
		{ "@daily *", "unknown cron shorthand \"@daily *\"" },
		{ "0 0 30 2 *",
		    "cron expression never matches: \"0 0 30 2 *\"" },
		{ "0 0 31 4,6,9,11,2 *",
		    "cron expression never matches: \"0 0 31 4,6,9,11,2 *\"" },
		{ "0 0 30-31 2 */2",
		    "cron expression never matches: \"0 0 30-31 2 */2\"" },
	};
	char longer[CRON_TEXT_MAX + 2];
	struct cron c;
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(cron_parse(slice_str(rows[i].text), &c, &e),
		    -1);
		assert_int_equal(e.code, ERR_INVALID);
		assert_string_equal(e.msg, rows[i].msg);
	}
	memset(longer, ' ', sizeof(longer));
	memcpy(longer, "* * * * *", 9);
	assert_int_equal(cron_parse(slice_of(longer, CRON_TEXT_MAX), &c, &e),
	    0);
	assert_int_equal(
	    cron_parse(slice_of(longer, CRON_TEXT_MAX + 1), &c, &e), -1);
	assert_int_equal(e.code, ERR_TOO_LONG);
	assert_int_equal(cron_parse(slice_of("\0 * * * *", 9), &c, &e), -1);
}

/* Dates that exist only sometimes are accepted. */
static void
test_rare(void **state)
{
	(void)state;
	(void)parse("0 0 29 2 *");
	(void)parse("0 0 30 2 mon");
	(void)parse("0 0 30 2,4 *");
	(void)parse("0 0 31 2-5 *");
	(void)parse("0 0 31 12 */2");
	(void)parse("0 0 */30 2 *");
}

static void
test_next(void **state)
{
	static const struct {
		const char *text, *after, *next; /* NULL: none */
	} rows[] = {
		{ "* * * * *", "2026-01-01 00:00:00", "2026-01-01 00:01:00" },
		{ "* * * * *", "2026-01-01 00:00:59", "2026-01-01 00:01:00" },
		{ "* * * * *", "2026-12-31 23:59:00", "2027-01-01 00:00:00" },
		{ "30 4 * * *", "2026-05-05 04:29:59", "2026-05-05 04:30:00" },
		{ "30 4 * * *", "2026-05-05 04:30:00", "2026-05-06 04:30:00" },
		{ "0,45 9-17 * * *", "2026-05-05 17:45:00",
		    "2026-05-06 09:00:00" },
		{ "0 0 31 * *", "2026-05-31 00:00:00", "2026-07-31 00:00:00" },
		{ "0 0 1 1 *", "2026-01-01 00:00:00", "2027-01-01 00:00:00" },
		/* Either day: a Friday, or the 13th. */
		{ "0 0 13 * fri", "2026-07-01 00:00:00",
		    "2026-07-03 00:00:00" },
		{ "0 0 13 * fri", "2026-07-10 00:00:00",
		    "2026-07-13 00:00:00" },
		{ "0 0 30 2 mon", "2026-02-23 00:00:00",
		    "2027-02-01 00:00:00" },
		/* Both: every second day that is a Friday. */
		{ "0 0 */2 * fri", "2026-07-01 00:00:00",
		    "2026-07-03 00:00:00" },
		{ "0 0 */2 * fri", "2026-07-03 00:00:00",
		    "2026-07-17 00:00:00" },
		{ "0 0 13 * */5", "2026-07-01 00:00:00",
		    "2026-09-13 00:00:00" },
		/* Leap days; 2100 has none. */
		{ "0 0 29 2 *", "2026-01-01 00:00:00", "2028-02-29 00:00:00" },
		{ "0 0 29 2 *", "2096-02-29 00:00:00", "2104-02-29 00:00:00" },
		{ "0 0 29 2 */7", "2088-02-29 00:00:00",
		    "2128-02-29 00:00:00" },
		{ "0 0 28 2 *", "2100-01-01 00:00:00", "2100-02-28 00:00:00" },
		{ "0 0 * * *", "2100-02-28 00:00:00", "2100-03-01 00:00:00" },
		{ "59 23 31 12 *", "2261-06-01 00:00:00",
		    "2261-12-31 23:59:00" },
	};
	struct cron c;
	int64_t next;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		c = parse(rows[i].text);
		assert_true(cron_next(&c, at(rows[i].after), &next));
		if (next != at(rows[i].next))
			fail_msg("%s after %s: %jd", rows[i].text,
			    rows[i].after, (intmax_t)next);
	}
	c = parse("0 0 29 2 *");
	assert_true(cron_next(&c, -S_PER_DAY, &next));
	assert_int_equal(next, at("1972-02-29 00:00:00"));
	assert_false(cron_next(&c, at("2260-02-29 00:00:00"), &next));
	c = parse("* * * * *");
	assert_true(cron_next(&c, -61, &next));
	assert_int_equal(next, -60);
}

/* Every minute from start to end. */
static void
check_walk(const struct cron_model *m, const struct cron *c, struct prng *p,
    int64_t start, int64_t end)
{
	int64_t last = start, from, next;
	struct tm tm;
	time_t t;

	for (t = start - start % 60 + 60; t < end; t += 60) {
		assert_non_null(gmtime_r(&t, &tm));
		if (!cron_model_matches(m, &tm))
			continue;
		from = last + prng_below(p, (uint32_t)(t - last));
		if (!cron_next(c, last, &next) || next != t ||
		    !cron_next(c, from, &next) || next != t)
			fail_msg("%s after %jd: %jd, not %jd", m->text,
			    (intmax_t)last, (intmax_t)next, (intmax_t)t);
		last = t;
	}
	if (cron_next(c, last, &next))
		assert_true(next >= end);
}

static void
test_random(void **state)
{
	struct prng p = { 4711 };
	int i, never = 0;

	(void)state;
	for (i = 0; i < RANDOM_EXPRESSIONS; i++) {
		int64_t start = prng_below(&p, RANDOM_DAYS) * S_PER_DAY +
		    prng_below(&p, (uint32_t)S_PER_DAY);
		struct cron_model m;
		struct cron c;
		struct err e;

		cron_model_make(&m, &p, i % 2 == 0);
		if (cron_parse(slice_str(m.text), &c, &e) == -1) {
			assert_non_null(strstr(e.msg, "never matches"));
			never++;
			continue;
		}
		check_walk(&m, &c, &p, start, start + WALK_DAYS * S_PER_DAY);
	}
	assert_true(never < RANDOM_EXPRESSIONS / 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_rare),
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
