/*
 * Times and durations as people write them: what each means is asked of the
 * server, and what means nothing is refused in words that help.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "daemon.h"
#include "wire.h"

#define SECOND INT64_C(1000000000)
#define DAY (86400 * SECOND)
#define NINE INT64_C(1796115600000000000) /* 2026-12-01 09:00:00 */
#define FORMS "09:00 (the next, UTC), now, +1h30m, or nanoseconds"

enum meaning {
	AT,   /* ns since the epoch */
	IN,   /* ns from now */
	NEXT, /* seconds into the next day, UTC, on which that is to come */
};

static const struct written {
	const char *when;
	enum meaning meaning;
	int64_t value;
} written[] = {
	/* Integers are nanoseconds; small ones are at once. */
	{ "0", AT, 0 },
	{ "1", AT, 1 },
	{ "60", AT, 60 },
	{ "20261201", AT, 20261201 },
	{ "1000000000", AT, 1000000000 },
	{ "1000000000000", AT, 1000000000000 },
	{ "1796115600000000000", AT, NINE },
	{ "1796115600000000001", AT, NINE + 1 },
	{ "4102444800000000000", AT, 4102444800000000000 },
	/* Date and time of day, as two arguments or one. */
	{ "2026-12-01 09:00:00", AT, NINE },
	{ "2026-12-01 09:00", AT, NINE },
	{ "2026-12-01 09:00:00.5", AT, NINE + SECOND / 2 },
	{ "2026-12-01 09:00:30.000000001", AT, NINE + 30 * SECOND + 1 },
	{ "\"2026-12-01 09:00:00\"", AT, NINE },
	{ "\"2026-12-01 09:00\"", AT, NINE },
	{ "\"2026-12-01 09:00:00.25\"", AT, NINE + SECOND / 4 },
	{ "2026-12-02 00:00", AT, NINE + 15 * 3600 * SECOND },
	{ "2026-12-01 23:59:59", AT, NINE + 54000 * SECOND - SECOND },
	{ "2028-02-29 09:00", AT, 1835427600000000000 },
	{ "1970-01-01 00:00", AT, 0 },
	{ "2261-12-31 23:59", AT, 9214646340000000000 },
	/* RFC 3339, with a zone and without. */
	{ "2026-12-01T09:00:00Z", AT, NINE },
	{ "2026-12-01t09:00:00z", AT, NINE },
	{ "2026-12-01T09:00:00", AT, NINE },
	{ "2026-12-01T09:00:00.5", AT, NINE + SECOND / 2 },
	{ "2026-12-01T09:00:00.123456Z", AT, NINE + 123456000 },
	{ "2026-12-01T10:00:00+01:00", AT, NINE },
	{ "2026-12-01T04:00:00-05:00", AT, NINE },
	{ "2026-12-01T14:30:00+05:30", AT, NINE },
	{ "2026-12-01T08:59:60Z", AT, NINE },
	{ "2026-12-01T08:59:60", AT, NINE },
	{ "2016-12-31T23:59:60Z", AT, 1483228800000000000 },
	/* A time of day. */
	{ "09:00", NEXT, 32400 },
	{ "09:00:30", NEXT, 32430 },
	{ "00:00", NEXT, 0 },
	{ "00:00:00", NEXT, 0 },
	{ "12:00", NEXT, 43200 },
	{ "23:59", NEXT, 86340 },
	{ "23:59:59", NEXT, 86399 },
	/* From now. */
	{ "now", IN, 0 },
	{ "+0", IN, 0 },
	{ "+0s", IN, 0 },
	{ "+90", IN, 90 * SECOND },
	{ "+90s", IN, 90 * SECOND },
	{ "+1.5", IN, 3 * SECOND / 2 },
	{ "+0.25", IN, SECOND / 4 },
	{ "+5min", IN, 300 * SECOND },
	{ "+5m", IN, 300 * SECOND },
	{ "+5mins", IN, 300 * SECOND },
	{ "+1min", IN, 60 * SECOND },
	{ "+30sec", IN, 30 * SECOND },
	{ "+30secs", IN, 30 * SECOND },
	{ "+1hour", IN, 3600 * SECOND },
	{ "+2hours", IN, 7200 * SECOND },
	{ "+1.5h", IN, 5400 * SECOND },
	{ "+1h30m", IN, 5400 * SECOND },
	{ "+1h30min", IN, 5400 * SECOND },
	{ "+1hour30mins", IN, 5400 * SECOND },
	{ "+1h30m15s", IN, 5415 * SECOND },
	{ "+1day", IN, DAY },
	{ "+3days", IN, 3 * DAY },
	{ "+1d12h", IN, 3 * DAY / 2 },
	{ "+1week", IN, 7 * DAY },
	{ "+2weeks", IN, 14 * DAY },
	{ "+2w3d", IN, 17 * DAY },
	{ "+250ms", IN, SECOND / 4 },
	{ "+500us", IN, 500000 },
	{ "+42ns", IN, 42 },
};

static const struct refused {
	const char *when;
	const char *message; /* of it a part */
} refused[] = {
	{ "1796115600",
	    "1796115600 looks like seconds; this is nanoseconds: "
	    "1796115600000000000" },
	{ "1796115600000",
	    "1796115600000 looks like milliseconds; this is nanoseconds: "
	    "1796115600000000000" },
	{ "1796115600000000",
	    "1796115600000000 looks like microseconds; this is nanoseconds: "
	    "1796115600000000000" },
	{ "1420070400", "looks like seconds" },
	{ "4102444799", "looks like seconds" },
	{ "1420070400000", "looks like milliseconds" },
	{ "4102444799999", "looks like milliseconds" },
	{ "1420070400000000", "looks like microseconds" },
	{ "4102444799999999", "looks like microseconds" },
	{ "1796115600.25", FORMS },
	{ "@1796115600", FORMS },
	{ "-1", FORMS },
	{ "-5min", FORMS },
	{ "5min", FORMS },
	{ "90s", FORMS },
	{ "1h", FORMS },
	{ "+", FORMS },
	{ "+x", FORMS },
	{ "+1month", FORMS },
	{ "+1y", FORMS },
	{ "+5M", FORMS },
	{ "+-5s", FORMS },
	{ "\"+5 min\"", FORMS },
	{ "\"in 5 minutes\"", FORMS },
	{ "today", FORMS },
	{ "tomorrow", FORMS },
	{ "noon", FORMS },
	{ "monday", FORMS },
	{ "9am", FORMS },
	{ "9:00", FORMS },
	{ "09.00", FORMS },
	{ "24:00", FORMS },
	{ "09:60", FORMS },
	{ "\"\"", FORMS },
	{ "01.12.2026", FORMS },
	{ "12/01/2026", FORMS },
	{ "2026/12/01", FORMS },
	{ "2026-12-1", FORMS },
	{ "2026-13-01 09:00", FORMS },
	{ "2026-02-29 09:00", FORMS },
	{ "2026-12-01 9:00", FORMS },
	{ "2026-12-01 25:00", FORMS },
	{ "2026-12-01 XX", FORMS },
	{ "2026-12-01", FORMS },
	{ "2026-12-01T09:00:00+0100", FORMS },
	{ "2026-12-01T09:00:61Z", FORMS },
	{ "20261201T090000Z", FORMS },
	{ "\"Tue, 01 Dec 2026 09:00:00 GMT\"", FORMS },
	{ "1969-12-31T23:59:59Z", "before 1970 or after 2261" },
	{ "2262-01-01T00:00:00Z", "before 1970 or after 2261" },
	{ "9999-12-31 23:59:59", "before 1970 or after 2261" },
	{ "+300000d", "invalid" },
	{ "9214646400000000000", "before 1970 or after 2261" },
};

#define N(table) (sizeof(table) / sizeof((table)[0]))

static int64_t
wall_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

/* The first time of this second of the day after now. */
static int64_t
next_ns(int64_t now_ns, int64_t second)
{
	int64_t ns = now_ns / DAY * DAY + second * SECOND;

	return ns > now_ns ? ns : ns + DAY;
}

/* What the server took it for lies between what it means at both times. */
static void
check_written(const struct written *w, int64_t ns, int64_t before_ns,
    int64_t after_ns)
{
	int64_t low = w->value, high = w->value;

	if (w->meaning == IN) {
		low += before_ns;
		high += after_ns;
	} else if (w->meaning == NEXT) {
		low = next_ns(before_ns, w->value);
		high = next_ns(after_ns, w->value);
	}
	if (ns < low || ns > high)
		fail_msg("%s is %lld, not between %lld and %lld", w->when,
		    (long long)ns, (long long)low, (long long)high);
}

/* Without a rule the job only keeps its time. */
static void
test_what_people_write(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	assert_true(N(written) + N(refused) >= 100);
	wire_start(&w, d);
	for (size_t i = 0; i < N(written); i++) {
		int64_t before_ns = wall_ns(), ns;
		char request[128];

		(void)snprintf(request, sizeof(request), "1 SET j %s",
		    written[i].when);
		wire_ask(&w, request, "1 OK");
		ns = (int64_t)wire_row_u64(&w, "1 INFO j", "execution_ns");
		check_written(&written[i], ns, before_ns, wall_ns());
		/* With an option behind it, and as the end of a cadence. */
		(void)snprintf(request, sizeof(request),
		    "1 SET k 1 EVERY 1d UNTIL %s NX", written[i].when);
		if (written[i].value > 1)
			wire_ask(&w, request, "1 OK");
		wire_ask_start(&w, "1 REMOVE k", "1 ");
	}
	wire_stop(&w, d);
}

static void
expect_refused(struct wire *w, const char *request, const char *message)
{
	const char *line;

	wire_send(w, request);
	line = wire_line(w);
	if (strncmp(line, "1 ERROR ", 8) != 0 || strstr(line, message) == NULL)
		fail_msg("`%.100s` is answered `%s`", request, line);
}

static void
test_what_means_nothing_is_refused(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	for (size_t i = 0; i < N(refused); i++) {
		char request[160];

		(void)snprintf(request, sizeof(request), "1 SET j %s\n",
		    refused[i].when);
		expect_refused(&w, request, refused[i].message);
		(void)snprintf(request, sizeof(request),
		    "1 SET j now EVERY 1h UNTIL %s\n", refused[i].when);
		expect_refused(&w, request, refused[i].message);
	}
	wire_ask(&w, "1 GET j", "1 ERROR not_found no such job \"j\"");
	wire_stop(&w, d);
}

static const struct duration {
	const char *text;
	const char *shown;
} durations[] = {
	{ "90", "1m30s" },
	{ "30", "30s" },
	{ "1.5", "1s500ms" },
	{ "0.25", "250ms" },
	{ "90s", "1m30s" },
	{ "1.5h", "1h30m" },
	{ "1h30m", "1h30m" },
	{ "5min", "5m" },
	{ "5mins", "5m" },
	{ "1hour", "1h" },
	{ "2hours", "2h" },
	{ "30secs", "30s" },
	{ "1day", "1d" },
	{ "2days", "2d" },
	{ "1week", "1w" },
	{ "1hour30min5sec", "1h30m5s" },
	{ "250ms", "250ms" },
	{ "1500us", "1ms500us" },
};

/* Durations are one thing: of a cadence, of its jitter, of a rule's options,
 * of the configuration. */
static void
test_durations_mean_the_same_everywhere(void **state)
{
	struct daemon *d = *state;
	char request[128], want[128];
	struct wire w;

	daemon_set(d, "processor.drain_timeout=1.5h");
	daemon_set(d, "controller.idle_timeout=5min");
	daemon_set(d, "agents.idle_timeout=90");
	wire_start(&w, d);
	wire_ask(&w, "1 RULE SET r x agent", "1 OK");
	for (size_t i = 0; i < N(durations); i++) {
		const char *text = durations[i].text;

		(void)snprintf(request, sizeof(request),
		    "1 SET j +1d EVERY %s JITTER %s", text, text);
		wire_ask(&w, request, "1 OK");
		(void)snprintf(want, sizeof(want), "\"EVERY %s\"",
		    durations[i].shown);
		assert_string_equal(wire_row(&w, "1 INFO j", "schedule"), want);
		(void)snprintf(request, sizeof(request),
		    "1 RULE OPTIONS r timeout=%s breaker_open_max=%s", text,
		    text);
		wire_ask(&w, request, "1 OK");
		assert_string_equal(wire_row(&w, "1 RULE GET r", "timeout"),
		    durations[i].shown);
	}
	expect_refused(&w, "1 SET j now EVERY x\n",
	    "invalid duration \"x\": write 90 (seconds), or units");
	expect_refused(&w, "1 RULE OPTIONS r timeout=5minutes\n",
	    "option timeout: invalid value \"5minutes\": write 90 (seconds)");
	wire_stop(&w, d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DAEMON_TEST(test_what_people_write),
		DAEMON_TEST(test_what_means_nothing_is_refused),
		DAEMON_TEST(test_durations_mean_the_same_everywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
