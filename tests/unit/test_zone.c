/*
 * The reader of zone files, against the C library for every zone there is,
 * and with files that are wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "prng.h"
#include "tstamp.h"
#include "zone.h"
#include "zone_list.h"

#define S_PER_DAY INT64_C(86400)
#define FROM INT64_C(1136073600) /* 2006-01-01 */
#define UNTIL (FROM + 20 * 365 * S_PER_DAY)
#define LAST (TSTAMP_MAX_NS / NS_PER_S)
#define INSTANTS 200 /* by chance, for each zone and each span of time */
#define FILE_LEN_MAX 8192u

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

static const struct zone *
get(const char *name)
{
	const struct zone *z;
	struct err e;

	if ((z = zones_get(zones, slice_str(name), &e)) == NULL)
		fail_msg("%s", e.msg);
	return z;
}

static int64_t
at(const char *text)
{
	struct slice word = slice_str(text);
	struct err e;
	int64_t ns;

	assert_int_equal(tstamp_parse(&word, 1, 0, &ns, &e), 1);
	return ns / NS_PER_S;
}

/* The local time of a text with an offset: what stands before that. */
static int64_t
local(const char *text)
{
	char zulu[32];

	(void)snprintf(zulu, sizeof(zulu), "%.19sZ", text);
	return at(zulu);
}

/* A row's text says when, and what the clock shows there. */
static void
test_offsets(void **state)
{
	static const struct {
		const char *zone, *text;
	} rows[] = {
		{ "UTC", "2026-07-01T12:00:00+00:00" },
		{ "Etc/UTC", "2026-07-01T12:00:00+00:00" },
		{ "Etc/GMT+5", "2026-07-01T12:00:00-05:00" },
		{ "Europe/Berlin", "2026-03-29T01:59:59+01:00" },
		{ "Europe/Berlin", "2026-03-29T03:00:00+02:00" },
		{ "Europe/Berlin", "2026-10-25T02:59:59+02:00" },
		{ "Europe/Berlin", "2026-10-25T02:00:00+01:00" },
		{ "Europe/Berlin", "1975-07-01T12:00:00+01:00" },
		{ "Europe/Berlin", "2100-07-01T12:00:00+02:00" },
		{ "Europe/Berlin", "2261-12-31T12:00:00+01:00" },
		{ "Europe/Dublin", "2026-03-29T02:00:00+01:00" },
		{ "Europe/Dublin", "2200-01-01T12:00:00+00:00" },
		{ "Australia/Lord_Howe", "2026-04-05T01:30:00+10:30" },
		{ "Australia/Lord_Howe", "2026-10-04T02:30:00+11:00" },
		{ "Australia/Lord_Howe", "2150-01-01T12:00:00+11:00" },
		{ "Pacific/Apia", "2011-12-29T23:59:59-10:00" },
		{ "Pacific/Apia", "2011-12-31T00:00:00+14:00" },
		{ "Asia/Kolkata", "1970-01-01T05:30:00+05:30" },
		{ "America/New_York", "1970-06-01T12:00:00-04:00" },
		{ "America/Argentina/Buenos_Aires",
		    "2026-01-01T00:00:00-03:00" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t utc = at(rows[i].text);

		if (zone_offset(get(rows[i].zone), utc) !=
		    local(rows[i].text) - utc)
			fail_msg("%s %s", rows[i].zone, rows[i].text);
	}
}

static void
test_gaps_and_repeats(void **state)
{
	static const struct {
		const char *zone, *wall, *first;
	} rows[] = {
		{ "Europe/Berlin", "2026-03-29T01:59:59",
		    "2026-03-29T01:59:59+01:00" },
		{ "Europe/Berlin", "2026-03-29T02:00:00",
		    "2026-03-29T03:00:00+02:00" },
		{ "Europe/Berlin", "2026-03-29T02:59:59",
		    "2026-03-29T03:00:00+02:00" },
		{ "Europe/Berlin", "2026-03-29T03:00:01",
		    "2026-03-29T03:00:01+02:00" },
		{ "Europe/Berlin", "2026-10-25T02:00:00",
		    "2026-10-25T02:00:00+02:00" },
		{ "Europe/Berlin", "2026-10-25T02:59:59",
		    "2026-10-25T02:59:59+02:00" },
		{ "Europe/Berlin", "2026-10-25T03:00:00",
		    "2026-10-25T03:00:00+01:00" },
		{ "America/Sao_Paulo", "2018-11-04T00:00:00",
		    "2018-11-04T01:00:00-02:00" },
		{ "America/Sao_Paulo", "2018-02-17T23:30:00",
		    "2018-02-17T23:30:00-02:00" },
		{ "America/Sao_Paulo", "2018-02-18T00:00:00",
		    "2018-02-18T00:00:00-03:00" },
		{ "Pacific/Apia", "2011-12-30T00:00:00",
		    "2011-12-31T00:00:00+14:00" },
		{ "Pacific/Apia", "2011-12-30T23:59:59",
		    "2011-12-31T00:00:00+14:00" },
		{ "Australia/Lord_Howe", "2026-10-04T02:29:00",
		    "2026-10-04T02:30:00+11:00" },
		{ "Australia/Lord_Howe", "2026-04-05T01:30:00",
		    "2026-04-05T01:30:00+11:00" },
	};
	const struct zone *z = get("Europe/Berlin");
	int64_t autumn = at("2026-10-25T02:00:00+01:00");
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (zone_first(get(rows[i].zone), local(rows[i].wall)) !=
		    at(rows[i].first))
			fail_msg("%s %s", rows[i].zone, rows[i].wall);
	}
	assert_int_equal(zone_reached(z, autumn - 1),
	    local("2026-10-25T02:59:59"));
	assert_int_equal(zone_reached(z, autumn), local("2026-10-25T02:59:59"));
	assert_int_equal(zone_reached(z, autumn + 3599),
	    local("2026-10-25T02:59:59"));
	assert_int_equal(zone_reached(z, autumn + 3600),
	    local("2026-10-25T03:00:00"));
}

/* --- against the C library --- */

static long
libc_offset(int64_t utc)
{
	time_t t = utc;
	struct tm tm;

	assert_non_null(localtime_r(&t, &tm));
	return tm.tm_gmtoff;
}

static void
compare(const char *name, const struct zone *z, int64_t utc)
{
	if (zone_offset(z, utc) != libc_offset(utc))
		fail_msg("%s at %jd: %d, not %ld", name, (intmax_t)utc,
		    zone_offset(z, utc), libc_offset(utc));
}

/* What zone.h says of zone_reached and zone_first, near a time. */
static void
check_order(const struct zone *z, int64_t utc, int64_t wall)
{
	int64_t first = zone_first(z, wall);

	assert_true(first + zone_offset(z, first) >= wall);
	assert_true(first - 1 + zone_offset(z, first - 1) < wall);
	assert_true(zone_reached(z, utc) >= utc + zone_offset(z, utc));
	assert_int_equal(first > utc, wall > zone_reached(z, utc));
}

static void
compare_around_changes(const char *name, const struct zone *z)
{
	int64_t low, high, t;
	int d;

	for (t = FROM; t < UNTIL; t += S_PER_DAY) {
		compare(name, z, t);
		low = t;
		high = t + S_PER_DAY;
		if (libc_offset(low) == libc_offset(high))
			continue;
		while (high - low > 1) {
			int64_t middle = low + (high - low) / 2;

			if (libc_offset(middle) == libc_offset(t))
				low = middle;
			else
				high = middle;
		}
		for (d = -3; d <= 3; d++) {
			compare(name, z, high + d);
			compare(name, z, high + d * 1800);
			check_order(z, high + d * 1800,
			    high + d * 1800 + zone_offset(z, low));
		}
	}
}

static void
test_every_zone(void **state)
{
	struct zone_list list;
	struct prng p = { 4711 };
	size_t i;
	int k;

	(void)state;
	zone_list_read(&list);
	assert_true(list.n > 300);
	for (i = 0; i < list.n; i++) {
		const struct zone *z = get(list.name[i]);

		zone_list_use(list.name[i]);
		compare_around_changes(list.name[i], z);
		for (k = 0; k < INSTANTS; k++) {
			int64_t t = prng_below(&p, (uint32_t)(LAST / 4)) * 4;

			compare(list.name[i], z, t);
			t = FROM + prng_below(&p, (uint32_t)(UNTIL - FROM));
			compare(list.name[i], z, t);
			check_order(z, t, t + prng_below(&p, 90000));
		}
	}
	zone_list_free(&list);
}

/* --- names, files and the cache --- */

static void
test_names(void **state)
{
	static const char *const invalid[] = { "", ".", "..", "../etc/passwd",
		"/etc/localtime", "Europe/../UTC", "Europe//Berlin",
		"Europe/Berlin/", "Europe/.hidden", "Europe/Ber lin",
		"Europe/Berl\xc3\xafn", "a\\b", ":UTC" };
	static const char *const unknown[] = { "Mars/Olympus", "utc-", "Europe",
		"Europe/Berlin/Mitte" };
	char longer[ZONE_NAME_MAX + 1];
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
		assert_null(zones_get(zones, slice_str(invalid[i]), &e));
		assert_int_equal(e.code, ERR_INVALID);
		assert_ptr_equal(strstr(e.msg, "invalid time zone \""), e.msg);
	}
	assert_null(zones_get(zones, slice_of("Europe/Berlin\0", 14), &e));
	memset(longer, 'a', sizeof(longer));
	assert_null(zones_get(zones, slice_of(longer, sizeof(longer)), &e));
	assert_ptr_equal(strstr(e.msg, "invalid time zone \""), e.msg);
	assert_null(zones_get(zones, slice_of(longer, ZONE_NAME_MAX), &e));
	assert_ptr_equal(strstr(e.msg, "unknown time zone \""), e.msg);
	for (i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		assert_null(zones_get(zones, slice_str(unknown[i]), &e));
		assert_int_equal(e.code, ERR_INVALID);
		assert_ptr_equal(strstr(e.msg, "unknown time zone \""), e.msg);
	}
	assert_null(zones_get(zones, slice_str("tzdata.zi"), &e));
	assert_string_equal(e.msg, "not a valid time zone file: \"tzdata.zi\"");
}

/* Read a file of the database. */
static size_t
read_file(const char *name, unsigned char bytes[FILE_LEN_MAX])
{
	char path[256];
	size_t n;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", zone_list_folder(), name);
	assert_non_null(f = fopen(path, "rb"));
	n = fread(bytes, 1, FILE_LEN_MAX, f);
	assert_true(n > 44 && n < FILE_LEN_MAX);
	assert_int_equal(fclose(f), 0);
	return n;
}

/* A copy of exactly n bytes, so that sanitizers see a read beyond. */
static struct zone *
parse(const unsigned char *bytes, size_t n, struct err *e)
{
	unsigned char *exact = malloc(n == 0 ? 1 : n);
	struct zone *z;

	assert_non_null(exact);
	memcpy(exact, bytes, n);
	z = zone_parse(exact, n, e);
	free(exact);
	return z;
}

static void
test_cut_file(void **state)
{
	unsigned char bytes[FILE_LEN_MAX];
	size_t i, n = read_file("Australia/Lord_Howe", bytes);
	struct zone *z;
	struct err e;

	(void)state;
	for (i = 0; i < n; i++) {
		assert_null(parse(bytes, i, &e));
		assert_int_equal(e.code, ERR_INVALID);
	}
	assert_non_null(z = parse(bytes, n, &e));
	zone_free(z);
}

/* The smallest file: version 2, one type, no changes, this TZ string. */
static size_t
make_file(unsigned char *bytes, int32_t offset, const char *tz)
{
	unsigned char *p = bytes;
	int i;

	memset(bytes, 0, 256);
	for (i = 0; i < 2; i++, p += 44 + 6 + 4) {
		memcpy(p, "TZif2", 5);
		p[39] = 1; /* typecnt */
		p[43] = 4; /* charcnt */
		p[44] = (unsigned char)((uint32_t)offset >> 24);
		p[45] = (unsigned char)((uint32_t)offset >> 16);
		p[46] = (unsigned char)((uint32_t)offset >> 8);
		p[47] = (unsigned char)offset;
		memcpy(p + 50, "ABC", 4);
	}
	return (size_t)(p - bytes) + (size_t)sprintf((char *)p, "\n%s\n", tz);
}

static void
test_footers(void **state)
{
	static const struct {
		const char *tz, *text; /* NULL: refused */
	} rows[] = {
		{ "", "2026-01-01T00:00:00+01:00" },
		{ "ABC-1", "2026-01-01T00:00:00+01:00" },
		{ "<+01>-1", "2026-01-01T00:00:00+01:00" },
		{ "ABC-1DEF,M3.5.0,M10.5.0/3", "2026-03-29T03:00:00+02:00" },
		{ "ABC-1DEF,M3.5.0,M10.5.0/3", "2026-03-29T01:59:59+01:00" },
		{ "ABC-1DEF-1:30:30,M3.5.0,M10.5.0/3",
		    "2026-03-29T02:30:30+01:30" },
		{ "ABC-1DEF,J60/0,J300/0", "2026-03-01T01:00:00+02:00" },
		{ "ABC-1DEF,J60/0,J300/0", "2028-03-01T01:00:00+02:00" },
		{ "ABC-1DEF,J60/0,J300/0", "2028-02-29T23:59:59+01:00" },
		{ "ABC-1DEF,59/0,300/0", "2026-03-01T01:00:00+02:00" },
		{ "ABC-1DEF,59/0,300/0", "2028-02-29T01:00:00+02:00" },
		/* Daylight saving time all year, and all but never. */
		{ "ABC-1DEF,0/0,J365/25", "2025-12-31T23:59:59+02:00" },
		{ "ABC-1DEF,0/0,J365/25", "2026-01-01T01:00:00+02:00" },
		{ "ABC-1DEF,0/0,J365/25", "2026-07-01T00:00:00+02:00" },
		/* Times in another day, and another year. */
		{ "ABC-1DEF,M3.4.4/50,M10.4.4/50",
		    "2026-03-28T03:00:00+02:00" },
		{ "ABC-1DEF,M1.1.4/-167,M6.1.0", "2025-12-25T02:00:00+02:00" },
		/* Southern, and standard time in the summer. */
		{ "ABC-1DEF,M10.1.0,M4.1.0/3", "2026-01-01T00:00:00+02:00" },
		{ "ABC-1DEF0,M10.5.0,M3.5.0/1", "2026-01-01T00:00:00+00:00" },
		{ "ABC-1DEF0,M10.5.0,M3.5.0/1", "2026-07-01T00:00:00+01:00" },
		{ "A-1", NULL },
		{ "ABC", NULL },
		{ "ABC-", NULL },
		{ "ABC-25", NULL },
		{ "ABC-1:60", NULL },
		{ "ABC-1x", NULL },
		{ "<ABC-1", NULL },
		{ "ABC-1DEF", NULL },
		{ "ABC-1DEF,M3.5.0", NULL },
		{ "ABC-1DEF,M13.5.0,M10.5.0", NULL },
		{ "ABC-1DEF,M3.6.0,M10.5.0", NULL },
		{ "ABC-1DEF,M3.5.7,M10.5.0", NULL },
		{ "ABC-1DEF,M3.5,M10.5.0", NULL },
		{ "ABC-1DEF,J0,J1", NULL },
		{ "ABC-1DEF,366,1", NULL },
		{ "ABC-1DEF,M3.5.0/168,M10.5.0", NULL },
		{ "ABC-1DEF,M3.5.0,M10.5.0,", NULL },
		{ "ABC-1DEF,00000000001,1", NULL },
	};
	unsigned char bytes[256];
	struct zone *z;
	struct err e;
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		n = make_file(bytes, 3600, rows[i].tz);
		z = parse(bytes, n, &e);
		if ((z == NULL) != (rows[i].text == NULL))
			fail_msg("%s", rows[i].tz);
		if (z != NULL) {
			int64_t t = at(rows[i].text);

			if (t + zone_offset(z, t) < local(rows[i].text) ||
			    t + zone_offset(z, t) > local(rows[i].text) + 59)
				fail_msg("%s: %s", rows[i].tz, rows[i].text);
		}
		zone_free(z);
	}
}

static void
test_bad_files(void **state)
{
	static const struct {
		size_t at;
		unsigned char byte;
	} changes[] = {
		{ 0, 't' },	   /* no TZif */
		{ 36, 1 },	   /* more types than bytes */
		{ 54 + 39, 0 },	   /* no type */
		{ 54 + 35, 1 },	   /* changes that are not there */
		{ 54 + 44, 0x40 }, /* an offset of many years */
		{ 54 + 54, ' ' },  /* no newline before the TZ string */
	};
	unsigned char bytes[256];
	struct zone *z;
	struct err e;
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		n = make_file(bytes, 3600, "ABC-1");
		bytes[changes[i].at] = changes[i].byte;
		assert_null(parse(bytes, n, &e));
		assert_int_equal(e.code, ERR_INVALID);
		assert_string_equal(e.msg, "not a valid time zone file");
	}
	/* A version 1 file, which ends after its only block. */
	(void)make_file(bytes, -3600, "");
	bytes[4] = '\0';
	assert_non_null(z = parse(bytes, 54, &e));
	assert_int_equal(zone_offset(z, 0), -3600);
	zone_free(z);
	/* One that counts leap seconds: 8 bytes more. */
	bytes[31] = 1;
	assert_null(parse(bytes, 62, &e));
	assert_string_equal(e.msg, "zones with leap seconds are not supported");
}

static void
write_zone(const char *folder, const char *name, int32_t offset)
{
	unsigned char bytes[256];
	size_t n = make_file(bytes, offset, "");
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_non_null(f = fopen(path, "wb"));
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static int32_t
offset_of(struct zones *zs, const char *name)
{
	const struct zone *z;
	struct err e;

	if ((z = zones_get(zs, slice_str(name), &e)) == NULL)
		fail_msg("%s", e.msg);
	return zone_offset(z, 0);
}

/* More zones than are kept; files that change; things that are no files. */
static void
test_cache(void **state)
{
	char folder[] = "/tmp/test_zone.XXXXXX";
	char name[32], path[128];
	struct zones *zs;
	struct err e;
	int i, round;

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_non_null(zs = zones_new(folder));
	for (i = 0; i < ZONES_MAX + 50; i++) {
		(void)snprintf(name, sizeof(name), "Zone%d", i);
		write_zone(folder, name, i);
	}
	for (round = 0; round < 2; round++) {
		for (i = 0; i < ZONES_MAX + 50; i++) {
			(void)snprintf(name, sizeof(name), "Zone%d", i);
			assert_int_equal(offset_of(zs, name), i);
			assert_int_equal(offset_of(zs, "Zone0"), 0);
		}
	}
	/* Zone0 was asked for all the time, so it is still the old one. */
	write_zone(folder, "Zone0", 7200);
	assert_int_equal(offset_of(zs, "Zone0"), 0);
	zones_reload(zs);
	assert_int_equal(offset_of(zs, "Zone0"), 7200);
	assert_int_equal(offset_of(zs, "UTC"), 0);
	(void)snprintf(path, sizeof(path), "%s/Fifo", folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_null(zones_get(zs, slice_str("Fifo"), &e));
	assert_string_equal(e.msg, "unknown time zone \"Fifo\"");
	assert_int_equal(unlink(path), 0);
	for (i = 0; i < ZONES_MAX + 50; i++) {
		(void)snprintf(path, sizeof(path), "%s/Zone%d", folder, i);
		assert_int_equal(unlink(path), 0);
	}
	assert_int_equal(rmdir(folder), 0);
	zones_reload(zs);
	assert_null(zones_get(zs, slice_str("Zone0"), &e));
	assert_int_equal(offset_of(zs, "Etc/UTC"), 0);
	zones_free(zs);
	zones_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offsets),
		cmocka_unit_test(test_gaps_and_repeats),
		cmocka_unit_test(test_every_zone),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_cut_file),
		cmocka_unit_test(test_footers),
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_cache),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
