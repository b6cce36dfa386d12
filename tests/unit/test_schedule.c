/*
 * Next times: cases by hand, and every zone over 20 years of expressions made
 * by chance against a walk through every minute by the C library's clock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "buf.h"
#include "cron_model.h"
#include "prng.h"
#include "schedule.h"
#include "tstamp.h"
#include "zone_list.h"

#define S_PER_DAY INT64_C(86400)
#define FROM INT64_C(1136073600) /* 2006-01-01 */
#define UNTIL (FROM + 20 * 365 * S_PER_DAY)
#define HOUR (3600 * NS_PER_S)
#define JOB slice_str("backup.db1")

/* For each zone: walks from a time by chance, and walks over a change; how
 * long each is; and how many expressions go along. */
#define RANDOM_WALKS 2
#define CHANGE_WALKS 3
#define WALK_MINUTES (30 * 60)
#define EXPRESSIONS 5
/* Longer than any repeat of those years. */
#define WARM_UP_MINUTES (6 * 60)

static struct zones *zones;

static int
set_up(void **state)
{
	(void)state;
	zones = zones_new(NULL);
	return zones == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	(void)state;
	zones_free(zones);
	return 0;
}

static int64_t
at(const char *text)
{
	struct slice word = slice_str(text);
	struct err e;
	int64_t ns;

	if (tstamp_parse(&word, 1, 0, &ns, &e) != 1)
		fail_msg("%s", e.msg);
	return ns;
}

static const char *
utc(int64_t ns)
{
	static char text[64];
	struct buf b = { 0 };

	tstamp_put_utc(&b, ns);
	(void)snprintf(text, sizeof(text), "%.*s", (int)b.len, b.ptr);
	buf_free(&b);
	return text;
}

/* --- cron --- */

/* In each row, every time follows from the one before. */
static void
test_cron(void **state)
{
	static const struct {
		const char *zone, *cron, *time[4];
	} rows[] = {
		{ NULL, "30 2 * * *",
		    { "2026-03-29T00:00:00Z", "2026-03-29T02:30:00Z",
			"2026-03-30T02:30:00Z" } },
		/* Skipped: the first moment after the gap, and once. */
		{ "Europe/Berlin", "30 2 * * *",
		    { "2026-03-28T02:30:00+01:00", "2026-03-29T03:00:00+02:00",
			"2026-03-30T02:30:00+02:00" } },
		{ "Europe/Berlin", "*/20 2 * * *",
		    { "2026-03-28T02:40:00+01:00", "2026-03-29T03:00:00+02:00",
			"2026-03-30T02:00:00+02:00" } },
		{ "Europe/Berlin", "*/30 * * * *",
		    { "2026-03-29T01:30:00+01:00", "2026-03-29T03:00:00+02:00",
			"2026-03-29T03:30:00+02:00" } },
		{ "Europe/Berlin", "0 2,3 * * *",
		    { "2026-03-28T03:00:00+01:00", "2026-03-29T03:00:00+02:00",
			"2026-03-30T02:00:00+02:00" } },
		/* Repeated: the first occurrence. */
		{ "Europe/Berlin", "30 2 * * *",
		    { "2026-10-24T02:30:00+02:00", "2026-10-25T02:30:00+02:00",
			"2026-10-26T02:30:00+01:00" } },
		{ "Europe/Berlin", "30 2 * * *",
		    { "2026-10-25T02:29:59+01:00",
			"2026-10-26T02:30:00+01:00" } },
		{ "Europe/Berlin", "30 2,3 * * *",
		    { "2026-10-25T02:30:00+02:00", "2026-10-25T03:30:00+01:00",
			"2026-10-26T02:30:00+01:00" } },
		{ "Europe/Berlin", "0,30 2 * * *",
		    { "2026-10-25T02:00:00+02:00", "2026-10-25T02:30:00+02:00",
			"2026-10-26T02:00:00+01:00" } },
		{ "Europe/Berlin", "0 0-23 * * *",
		    { "2026-10-25T02:00:00+02:00",
			"2026-10-25T03:00:00+01:00" } },
		/* With a wildcard or a step: both. */
		{ "Europe/Berlin", "*/30 * * * *",
		    { "2026-10-25T02:00:00+02:00", "2026-10-25T02:30:00+02:00",
			"2026-10-25T02:00:00+01:00",
			"2026-10-25T02:30:00+01:00" } },
		{ "Europe/Berlin", "*/15 * * * *",
		    { "2026-10-25T02:45:00+02:00", "2026-10-25T02:00:00+01:00",
			"2026-10-25T02:15:00+01:00",
			"2026-10-25T02:30:00+01:00" } },
		{ "Europe/Berlin", "*/15 * * * *",
		    { "2026-10-25T02:45:00+01:00", "2026-10-25T03:00:00+01:00",
			"2026-10-25T03:15:00+01:00" } },
		{ "Europe/Berlin", "0 * * * *",
		    { "2026-10-25T01:00:00+02:00", "2026-10-25T02:00:00+02:00",
			"2026-10-25T02:00:00+01:00",
			"2026-10-25T03:00:00+01:00" } },
		{ "Europe/Berlin", "@hourly",
		    { "2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00",
			"2026-10-25T03:00:00+01:00" } },
		{ "Europe/Berlin", "30 */2 * * *",
		    { "2026-10-25T00:30:00+02:00", "2026-10-25T02:30:00+02:00",
			"2026-10-25T02:30:00+01:00",
			"2026-10-25T04:30:00+01:00" } },
		{ "Europe/Berlin", "0-30/30 2 * * *",
		    { "2026-10-25T02:30:00+02:00", "2026-10-25T02:00:00+01:00",
			"2026-10-25T02:30:00+01:00",
			"2026-10-26T02:00:00+01:00" } },
		{ "Australia/Lord_Howe", "*/20 * * * *",
		    { "2026-04-05T01:20:00+11:00", "2026-04-05T01:40:00+11:00",
			"2026-04-05T01:40:00+10:30",
			"2026-04-05T02:00:00+10:30" } },
		{ "America/Sao_Paulo", "*/30 23 * * *",
		    { "2018-02-17T23:00:00-02:00", "2018-02-17T23:30:00-02:00",
			"2018-02-17T23:00:00-03:00",
			"2018-02-17T23:30:00-03:00" } },
		{ "Europe/Berlin", "*/30 2 29 3 *",
		    { "2026-03-01T00:00:00+01:00", "2026-03-29T03:00:00+02:00",
			"2027-03-29T02:00:00+02:00" } },
		{ "Europe/Berlin", "0 3 25 10 *",
		    { "2026-10-25T02:00:00+02:00",
			"2026-10-25T03:00:00+01:00" } },
		/* Half an hour. */
		{ "Australia/Lord_Howe", "15 2 * * *",
		    { "2026-10-03T12:00:00+10:30", "2026-10-04T02:30:00+11:00",
			"2026-10-05T02:15:00+11:00" } },
		{ "Australia/Lord_Howe", "45 1 * * *",
		    { "2026-04-04T12:00:00+11:00", "2026-04-05T01:45:00+11:00",
			"2026-04-06T01:45:00+10:30" } },
		/* Where winter is the daylight saving time. */
		{ "Europe/Dublin", "30 1 * * *",
		    { "2026-03-28T12:00:00Z", "2026-03-29T02:00:00+01:00",
			"2026-03-30T01:30:00+01:00" } },
		{ "Europe/Dublin", "30 1 * * *",
		    { "2026-10-24T12:00:00Z", "2026-10-25T01:30:00+01:00",
			"2026-10-26T01:30:00+00:00" } },
		/* A day without midnight, and one with two. */
		{ "America/Sao_Paulo", "@daily",
		    { "2018-11-03T12:00:00-03:00", "2018-11-04T01:00:00-02:00",
			"2018-11-05T00:00:00-02:00" } },
		{ "America/Sao_Paulo", "30 23 * * *",
		    { "2018-02-17T12:00:00-02:00", "2018-02-17T23:30:00-02:00",
			"2018-02-18T23:30:00-03:00" } },
		{ "America/Sao_Paulo", "@daily",
		    { "2018-02-17T12:00:00-02:00", "2018-02-18T00:00:00-03:00",
			"2018-02-19T00:00:00-03:00" } },
		{ "America/Havana", "@daily",
		    { "2026-10-31T12:00:00-04:00", "2026-11-01T00:00:00-04:00",
			"2026-11-02T00:00:00-05:00" } },
		/* No 30th of December. */
		{ "Pacific/Apia", "0 9 * * *",
		    { "2011-12-29T10:00:00-10:00", "2011-12-31T00:00:00+14:00",
			"2011-12-31T09:00:00+14:00",
			"2012-01-01T09:00:00+14:00" } },
		{ "Pacific/Apia", "0 9 30 12 *",
		    { "2011-01-01T00:00:00-11:00", "2011-12-31T00:00:00+14:00",
			"2012-12-30T09:00:00+14:00" } },
		/* The rule that goes on after what the file lists. */
		{ "Europe/Berlin", "30 2 * * *",
		    { "2100-03-27T12:00:00+01:00", "2100-03-28T03:00:00+02:00",
			"2100-03-29T02:30:00+02:00" } },
		{ "America/New_York", "0 0 29 2 *",
		    { "2096-03-01T00:00:00-05:00", "2104-02-29T00:00:00-05:00",
			"2108-02-29T00:00:00-05:00" } },
		{ "Asia/Tokyo", "0 0 13 * fri",
		    { "2026-02-06T00:00:00+09:00", "2026-02-13T00:00:00+09:00",
			"2026-02-20T00:00:00+09:00",
			"2026-02-27T00:00:00+09:00" } },
		/* Between two seconds, and before the first day. */
		{ NULL, "* * * * *",
		    { "2026-01-01T00:00:00.999999999Z", "2026-01-01T00:01:00Z",
			"2026-01-01T00:02:00Z" } },
		{ "America/New_York", "59 23 31 12 *",
		    { "1970-01-01T00:00:00Z", "1970-01-01T04:59:00Z" } },
	};
	int64_t due, next;
	struct err e;
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct job_plan plan = { .cron = rows[i].cron,
			.zone = rows[i].zone };

		for (k = 0; k < 3 && rows[i].time[k + 1] != NULL; k++) {
			due = at(rows[i].time[k]);
			assert_int_equal(
			    schedule_next(zones, &plan, JOB, due, 0, &next, &e),
			    1);
			if (next != at(rows[i].time[k + 1]))
				fail_msg("%s %s after %s: %s", rows[i].zone,
				    rows[i].cron, rows[i].time[k], utc(next));
		}
	}
}

static void
test_end_of_time(void **state)
{
	struct job_plan plan = { .cron = "59 23 31 12 *" };
	struct job_plan berlin = { .cron = "0 0 1 1 *",
		.zone = "Europe/Berlin" };
	struct job_plan new_york = { .cron = "59 23 31 12 *",
		.zone = "America/New_York" };
	int64_t last = at("2261-12-31T23:59:00Z"), next = -1;
	struct err e;

	(void)state;
	assert_int_equal(
	    schedule_next(zones, &plan, JOB, last - HOUR, 0, &next, &e), 1);
	assert_int_equal(next, last);
	next = -1;
	assert_int_equal(schedule_next(zones, &plan, JOB, last, 0, &next, &e),
	    0);
	assert_int_equal(
	    schedule_next(zones, &plan, JOB, 0, TSTAMP_MAX_NS, &next, &e), 0);
	assert_int_equal(
	    schedule_next(zones, &new_york, JOB, last - HOUR, 0, &next, &e), 0);
	assert_int_equal(next, -1);
	assert_int_equal(
	    schedule_next(zones, &berlin, JOB, last - 2 * HOUR, 0, &next, &e),
	    1);
	assert_int_equal(next, at("2261-12-31T23:00:00Z"));
}

/* --- a walk through every minute --- */

/* Seconds since 1970 that the C library's clock shows. */
static int64_t
libc_local(int64_t s)
{
	struct tm tm;
	time_t t = s;

	assert_non_null(localtime_r(&t, &tm));
	return s + tm.tm_gmtoff;
}

/* Whether a match is among the local minutes after `reached`, up to `local`. */
static bool
matches_between(const struct cron_model *m, int64_t reached, int64_t local)
{
	int64_t minute;
	struct tm tm;
	time_t t;

	for (minute = reached / 60 + 1; minute <= local / 60; minute++) {
		t = minute * 60;
		assert_non_null(gmtime_r(&t, &tm));
		if (cron_model_matches(m, &tm))
			return true;
	}
	return false;
}

/* The local time from which on the clock shows something new at s. */
static int64_t
shown_before(int64_t s, int64_t local)
{
	int64_t before = libc_local(s - 60);

	return local > before ? before : local - 60;
}

struct runner {
	struct cron_model model;
	struct cron cron;
	int64_t last_ns; /* the last time it ran */
};

/* It runs at s, and did not since the last time: so schedule_cron must say,
 * when asked at any time in between. */
static void
check_run(struct runner *r, struct prng *p, const char *zone,
    const struct zone *z, int64_t s)
{
	int64_t now_ns = s * NS_PER_S, from_ns, next_ns;
	uint32_t span = (uint32_t)((now_ns - r->last_ns) / NS_PER_S);

	from_ns = r->last_ns + prng_below(p, span) * NS_PER_S +
	    prng_below(p, (uint32_t)NS_PER_S);
	if (!schedule_cron(&r->cron, z, r->last_ns, &next_ns) ||
	    next_ns != now_ns ||
	    !schedule_cron(&r->cron, z, from_ns, &next_ns) || next_ns != now_ns)
		fail_msg("%s: %s after %jd: %s", zone, r->model.text,
		    (intmax_t)r->last_ns, utc(next_ns));
	r->last_ns = now_ns;
}

static void
walk(const char *zone, const struct zone *z, struct prng *p, int64_t start)
{
	struct runner r[EXPRESSIONS];
	int64_t reached = libc_local(start), local, next_ns, s = start;
	struct err e;
	int i, k;

	for (i = 0; i < EXPRESSIONS; i++) {
		do
			cron_model_make(&r[i].model, p, i > 0);
		while (cron_parse(slice_str(r[i].model.text), &r[i].cron, &e) ==
		    -1);
		r[i].last_ns = (start + WARM_UP_MINUTES * 60) * NS_PER_S;
	}
	for (k = 1; k <= WARM_UP_MINUTES + WALK_MINUTES; k++) {
		s = start + k * INT64_C(60);
		local = libc_local(s);
		for (i = 0; i < EXPRESSIONS && k > WARM_UP_MINUTES; i++) {
			if (matches_between(&r[i].model,
				r[i].cron.runs_on ? shown_before(s, local)
						  : reached,
				local))
				check_run(&r[i], p, zone, z, s);
		}
		reached = local > reached ? local : reached;
	}
	for (i = 0; i < EXPRESSIONS; i++) {
		if (schedule_cron(&r[i].cron, z, r[i].last_ns, &next_ns))
			assert_true(next_ns > s * NS_PER_S);
	}
}

/* A day, of those years, whose end has another offset than its beginning. */
static bool
find_change(struct prng *p, int64_t *day)
{
	int64_t n = 20 * 365, i, first = prng_below(p, (uint32_t)n);

	for (i = 0; i < n; i++) {
		*day = FROM + (first + i) % n * S_PER_DAY;
		if (libc_local(*day + S_PER_DAY) - libc_local(*day) !=
		    S_PER_DAY)
			return true;
	}
	return false;
}

static void
test_every_zone(void **state)
{
	uint32_t minutes = (uint32_t)((UNTIL - FROM) / 60);
	struct zone_list list;
	struct prng p = { 4711 };
	const struct zone *z;
	struct err e;
	int64_t day;
	size_t i;
	int k;

	(void)state;
	zone_list_read(&list);
	for (i = 0; i < list.n; i++) {
		zone_list_use(list.name[i]);
		z = zones_get(zones, slice_str(list.name[i]), &e);
		assert_non_null(z);
		for (k = 0; k < RANDOM_WALKS; k++)
			walk(list.name[i], z, &p,
			    FROM + prng_below(&p, minutes) * INT64_C(60));
		for (k = 0; k < CHANGE_WALKS && find_change(&p, &day); k++)
			walk(list.name[i], z, &p,
			    day - (WARM_UP_MINUTES - 60) * INT64_C(60));
	}
	zone_list_free(&list);
}

/* --- EVERY, UNTIL, JITTER --- */

static void
test_every(void **state)
{
	static const struct {
		int64_t every, due, now, next; /* 0: none */
	} rows[] = {
		{ HOUR, 7 * HOUR, 7 * HOUR, 8 * HOUR },
		{ HOUR, 7 * HOUR, 8 * HOUR - 1, 8 * HOUR },
		{ HOUR, 7 * HOUR, 8 * HOUR, 9 * HOUR },
		/* The clock was set back. */
		{ HOUR, 7 * HOUR, 3 * HOUR, 8 * HOUR },
		{ 1, 0, 0, 1 },
		{ 1, 0, 1700000000 * NS_PER_S, 1700000000 * NS_PER_S + 1 },
		{ 250 * NS_PER_MS, 7, 10 * HOUR, 10 * HOUR + 7 },
		/* Down for a long time: once, and on its cadence. */
		{ 7 * NS_PER_S, 3, 50 * 365 * 24 * HOUR,
		    50 * 365 * 24 * HOUR + 3 + NS_PER_S },
		/* The end of 2261. */
		{ HOUR, TSTAMP_MAX_NS - HOUR, 0, TSTAMP_MAX_NS },
		{ HOUR, TSTAMP_MAX_NS - HOUR + 1, 0, 0 },
		{ HOUR, TSTAMP_MAX_NS, 0, 0 },
		{ HOUR, 0, TSTAMP_MAX_NS, 0 },
		{ 1, 0, TSTAMP_MAX_NS, 0 },
		{ 1, 0, TSTAMP_MAX_NS - 1, TSTAMP_MAX_NS },
		{ 1, TSTAMP_MAX_NS, TSTAMP_MAX_NS, 0 },
		{ INT64_MAX, 0, 0, 0 },
		{ INT64_MAX, 0, INT64_MAX, 0 },
		{ TSTAMP_MAX_NS, 0, 5, TSTAMP_MAX_NS },
		{ 1, 0, INT64_MAX, 0 },
	};
	struct job_plan plan = { 0 };
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t next = 0;

		plan.every_ns = rows[i].every;
		assert_int_equal(schedule_next(zones, &plan, JOB, rows[i].due,
				     rows[i].now, &next, &e),
		    rows[i].next != 0);
		assert_int_equal(next, rows[i].next);
	}
	plan.every_ns = 0;
	assert_int_equal(schedule_next(zones, &plan, JOB, 0, 0, NULL, &e), 0);
}

static void
test_until(void **state)
{
	struct job_plan every = { .every_ns = HOUR, .until_ns = 9 * HOUR };
	struct job_plan cron = { .cron = "@hourly", .until_ns = 9 * HOUR };
	struct err e;
	int64_t next;

	(void)state;
	assert_int_equal(
	    schedule_next(zones, &every, JOB, 8 * HOUR, 0, &next, &e), 1);
	assert_int_equal(next, 9 * HOUR);
	assert_int_equal(
	    schedule_next(zones, &cron, JOB, 8 * HOUR, 0, &next, &e), 1);
	assert_int_equal(next, 9 * HOUR);
	assert_int_equal(
	    schedule_next(zones, &every, JOB, 9 * HOUR, 0, &next, &e), 0);
	assert_int_equal(
	    schedule_next(zones, &cron, JOB, 9 * HOUR, 0, &next, &e), 0);
	every.until_ns = cron.until_ns = 9 * HOUR - 1;
	assert_int_equal(
	    schedule_next(zones, &every, JOB, 8 * HOUR, 0, &next, &e), 0);
	assert_int_equal(
	    schedule_next(zones, &cron, JOB, 8 * HOUR, 0, &next, &e), 0);
}

static void
test_jitter(void **state)
{
	struct job_plan plan = { .every_ns = HOUR, .jitter_ns = HOUR / 2 };
	int64_t start, low = INT64_MAX, high = 0, next;
	char name[16];
	struct err e;
	int i;

	(void)state;
	assert_int_equal(schedule_start_ns(NULL, JOB, 5), 5);
	for (i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "job.%d", i);
		start = schedule_start_ns(&plan, slice_str(name), 0);
		assert_in_range(start, 0, HOUR / 2);
		assert_int_equal(schedule_start_ns(&plan, slice_str(name), 77),
		    start + 77);
		low = start < low ? start : low;
		high = start > high ? start : high;
	}
	assert_true(low < HOUR / 100 && high > HOUR / 2 - HOUR / 100);
	/* Pinned, so that no later version moves anybody's jobs. */
	start = schedule_start_ns(&plan, JOB, 0);
	assert_int_equal(start, INT64_C(1253135125294));
	/* The run of 8:00 is still to come until it has started. */
	assert_int_equal(schedule_next(zones, &plan, JOB, 7 * HOUR,
			     8 * HOUR + start - 1, &next, &e),
	    1);
	assert_int_equal(next, 8 * HOUR);
	assert_int_equal(schedule_next(zones, &plan, JOB, 7 * HOUR,
			     8 * HOUR + start, &next, &e),
	    1);
	assert_int_equal(next, 9 * HOUR);
	plan.jitter_ns = INT64_MAX;
	assert_int_equal(schedule_start_ns(&plan, JOB, TSTAMP_MAX_NS),
	    TSTAMP_MAX_NS);
	plan.jitter_ns = 0;
	assert_int_equal(schedule_start_ns(&plan, JOB, 5), 5);
}

/* --- SET --- */

static void
test_check(void **state)
{
	static const struct {
		const char *cron, *zone;
		bool due_is_cron;
		int64_t due, until, first;
		const char *msg; /* NULL: accepted */
	} rows[] = {
		{ NULL, NULL, false, 5, 0, 5, NULL },
		{ NULL, NULL, false, 5, 5, 5, NULL },
		{ NULL, NULL, false, 6, 5, 0, "the first time is after UNTIL" },
		{ "@hourly", NULL, false, 5, 0, 5, NULL },
		{ "@hourly", NULL, true, 0, 0, 3 * HOUR, NULL },
		{ "@hourly", NULL, true, 0, 3 * HOUR, 3 * HOUR, NULL },
		{ "@hourly", NULL, true, 0, 3 * HOUR - 1, 0,
		    "the first time is after UNTIL" },
		{ "30 8 * * *", "Asia/Kolkata", true, 0, 0, 3 * HOUR, NULL },
		{ "30 8 * * *", "UTC", true, 0, 0, 8 * HOUR + HOUR / 2, NULL },
		{ "61 8 * * *", NULL, false, 5, 0, 0,
		    "cron minute is not in 0-59: \"61\"" },
		{ "@hourly", "Mars/Olympus", false, 5, 0, 0,
		    "unknown time zone \"Mars/Olympus\"" },
		{ "@hourly", "../../etc/passwd", true, 5, 0, 0,
		    "invalid time zone \"../../etc/passwd\"" },
	};
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct request_set set = { .due_ns = rows[i].due,
			.due_is_cron = rows[i].due_is_cron,
			.until_ns = rows[i].until };
		int64_t due = 0;
		int r;

		if (rows[i].cron != NULL)
			set.cron = slice_str(rows[i].cron);
		if (rows[i].zone != NULL)
			set.zone = slice_str(rows[i].zone);
		r = schedule_check(zones, &set, 2 * HOUR + 1, &due, &e);
		assert_int_equal(r, rows[i].msg == NULL ? 0 : -1);
		assert_int_equal(due, rows[i].first);
		if (r == -1) {
			assert_int_equal(e.code, ERR_INVALID);
			assert_string_equal(e.msg, rows[i].msg);
		}
	}
}

/* A plan from the log whose zone is gone by now. */
static void
test_bad_plan(void **state)
{
	struct job_plan zone = { .cron = "@daily", .zone = "Mars/Olympus" };
	struct job_plan cron = { .cron = "@often" };
	struct request_set set = { .due_is_cron = true,
		.cron = slice_str("@yearly") };
	int64_t next;
	struct err e;

	(void)state;
	assert_int_equal(schedule_next(zones, &zone, JOB, 0, 0, &next, &e), -1);
	assert_int_equal(schedule_next(zones, &cron, JOB, 0, 0, &next, &e), -1);
	assert_int_equal(schedule_check(zones, &set, TSTAMP_MAX_NS, &next, &e),
	    -1);
	assert_string_equal(e.msg, "no time before 2262 matches \"@yearly\"");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cron),
		cmocka_unit_test(test_end_of_time),
		cmocka_unit_test(test_every_zone),
		cmocka_unit_test(test_every),
		cmocka_unit_test(test_until),
		cmocka_unit_test(test_jitter),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_bad_plan),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
