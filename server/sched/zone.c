/*
 * A zone is the list of its changes of offset, in ascending order. The rule
 * for the years after a file's list (the TZ string at its end) is written out
 * up to 2262 when the file is read, so that there is one way to look up.
 * What came before 1970 is dropped.
 *
 *	file     header, block for 32-bit times,
 *	         from version 2 on: header, block for 64-bit times, "\n" TZ "\n"
 *	header   "TZif", version, 15 bytes, then six 32-bit numbers:
 *	         isutcnt isstdcnt leapcnt timecnt typecnt charcnt
 *	block    timecnt times, timecnt bytes (the type that begins then),
 *	         typecnt types (offset 4, isdst 1, index of name 1), names,
 *	         leap seconds, isstdcnt bytes, isutcnt bytes
 *
 * Files that count leap seconds ("right/...") are refused: times here are
 * those of POSIX.
 */
#include "zone.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os.h"
#include "tstamp.h"

#define SYSTEM_FOLDER "/usr/share/zoneinfo"
#define FILE_MAX ((size_t)65536)
#define HEADER_LEN 44u
#define S_PER_HOUR INT64_C(3600)
#define S_PER_DAY INT64_C(86400)
#define FIRST_YEAR 1969
#define LAST_YEAR 2262
/* No local time of 1970 depends on a change before this. */
#define FIRST_S (-7 * S_PER_DAY)
#define LAST_S ((LAST_YEAR + 1 - 1970) * 366 * S_PER_DAY)
/* Bounds of an offset (RFC 8536, 3.2), and so of a gap or repeat. */
#define OFFSET_MIN (-89999)
#define OFFSET_MAX 93599
#define REPEAT_MAX (OFFSET_MAX - OFFSET_MIN)
#define N_BUCKETS 128u

struct change {
	int64_t at;	/* utc */
	int32_t offset; /* from then on */
};

struct zone {
	struct zone *next; /* of its bucket */
	uint64_t used;	   /* when, in calls of zones_get */
	char name[ZONE_NAME_MAX + 1];
	int32_t before; /* the offset until the first change */
	size_t n;
	struct change change[];
};

struct zones {
	char folder[PATH_MAX];
	size_t n;
	uint64_t calls;
	struct zone *bucket[N_BUCKETS];
	struct zone *before; /* what the last reload has replaced */
};

static const struct zone utc;

const struct zone *
zone_utc(void)
{
	return &utc;
}

void
zone_free(struct zone *z)
{
	free(z);
}

/* --- looking up --- */

/* How many changes there were up to utc: the offset is that of the last. */
static size_t
changes_until(const struct zone *z, int64_t at)
{
	size_t low = 0, high = z->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (z->change[middle].at <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The offset after i changes. */
static int32_t
offset_after(const struct zone *z, size_t i)
{
	return i == 0 ? z->before : z->change[i - 1].offset;
}

int32_t
zone_offset(const struct zone *z, int64_t at)
{
	return offset_after(z, changes_until(z, at));
}

int32_t
zone_offset_until(const struct zone *z, int64_t at, int64_t *until)
{
	size_t i = changes_until(z, at);

	*until = i == z->n ? INT64_MAX : z->change[i].at;
	return offset_after(z, i);
}

int64_t
zone_reached(const struct zone *z, int64_t at)
{
	size_t i = changes_until(z, at);
	int64_t reached = at + offset_after(z, i);
	int64_t last;

	for (; i > 0 && z->change[i - 1].at > at - REPEAT_MAX; i--) {
		last = z->change[i - 1].at + offset_after(z, i - 1) - 1;
		if (last > reached)
			reached = last;
	}
	return reached;
}

int64_t
zone_first(const struct zone *z, int64_t local)
{
	/* No clock shows `local` before this. */
	int64_t at = local - OFFSET_MAX;
	size_t i;

	for (i = changes_until(z, at);; i++) {
		if (local - offset_after(z, i) > at)
			at = local - offset_after(z, i);
		if (i == z->n || at < z->change[i].at)
			return at;
		at = z->change[i].at;
	}
}

/* --- reading a file --- */

/* Bytes still to be read: none are left once something was wrong. */
struct reader {
	const unsigned char *p;
	size_t left;
	bool failed;
};

/* In the order of the header. */
enum { ISUT, ISSTD, LEAP, TIME, TYPE, NAME, COUNTS };

struct block {
	size_t n[COUNTS];
	unsigned time_len; /* 4 or 8 */
	const unsigned char *times, *indices, *types;
};

static void
reader_fail(struct reader *r)
{
	r->failed = true;
	r->left = 0;
}

/* The next n bytes, or NULL. */
static const unsigned char *
take(struct reader *r, size_t n)
{
	const unsigned char *p = r->p;

	if (r->failed || n > r->left) {
		reader_fail(r);
		return NULL;
	}
	r->p += n;
	r->left -= n;
	return p;
}

static uint64_t
big_endian(const unsigned char *p, unsigned len)
{
	uint64_t v = 0;

	while (len-- > 0)
		v = v << 8 | *p++;
	return v;
}

/* 0, or -1: not a header, or counts that no file has. */
static int
read_header(struct reader *r, struct block *b, unsigned *version)
{
	const unsigned char *p = take(r, HEADER_LEN);
	size_t i;

	if (p == NULL || memcmp(p, "TZif", 4) != 0)
		return -1;
	*version = p[4] == '\0' ? 1 : p[4] - '0';
	for (i = 0; i < COUNTS; i++) {
		b->n[i] = (size_t)big_endian(p + 20 + 4 * i, 4);
		if (b->n[i] > FILE_MAX)
			return -1;
	}
	return 0;
}

static int
read_block(struct reader *r, struct block *b, unsigned time_len)
{
	b->time_len = time_len;
	b->times = take(r, b->n[TIME] * time_len);
	b->indices = take(r, b->n[TIME]);
	b->types = take(r, b->n[TYPE] * 6);
	(void)take(r, b->n[NAME]);
	(void)take(r, b->n[LEAP] * (time_len + 4));
	(void)take(r, b->n[ISSTD]);
	(void)take(r, b->n[ISUT]);
	return r->failed ? -1 : 0;
}

/* The offset of a type; -1: out of bounds. */
static int
read_offset(const struct block *b, size_t type, int32_t *offset)
{
	if (type >= b->n[TYPE])
		return -1;
	*offset = (int32_t)(uint32_t)big_endian(b->types + type * 6, 4);
	return *offset < OFFSET_MIN || *offset > OFFSET_MAX ? -1 : 0;
}

static int
read_changes(struct zone *z, const struct block *b, int64_t *last)
{
	struct change c;
	size_t i;

	*last = INT64_MIN;
	if (read_offset(b, 0, &z->before) == -1)
		return -1;
	for (i = 0; i < b->n[TIME]; i++) {
		c.at = (int64_t)big_endian(b->times + i * b->time_len,
		    b->time_len);
		if (b->time_len == 4)
			c.at = (int32_t)c.at;
		if ((i > 0 && c.at <= *last) ||
		    read_offset(b, b->indices[i], &c.offset) == -1)
			return -1;
		*last = c.at;
		if (c.at < FIRST_S)
			z->before = c.offset;
		else if (c.at < LAST_S)
			z->change[z->n++] = c;
	}
	return 0;
}

/* --- the rule at the end of a file, as in the variable TZ of POSIX --- */

enum rule_kind { JULIAN_NO_LEAP, JULIAN, MONTH_WEEK };

/* A day of the year, and a time on it by the clock as it was until then. */
struct rule {
	enum rule_kind kind;
	int day;  /* Jn: 1..365, n: 0..365, M: day of the week 0..6 */
	int week; /* 1..5, 5 is the last */
	int month;
	int32_t time;
};

struct footer {
	int32_t standard, daylight;
	bool has_daylight;
	struct rule start, end; /* of daylight saving time */
};

static bool
take_char(struct reader *r, char c)
{
	if (r->left == 0 || *r->p != (unsigned char)c)
		return false;
	(void)take(r, 1);
	return true;
}

static void
expect_char(struct reader *r, char c)
{
	if (!take_char(r, c))
		reader_fail(r);
}

/* A number of low..high; without digits or out of range r has failed. */
static int
take_number(struct reader *r, int low, int high)
{
	int v = 0, digits = 0;

	while (r->left > 0 && *r->p >= '0' && *r->p <= '9' && digits < 4) {
		v = v * 10 + (*take(r, 1) - '0');
		digits++;
	}
	if (digits == 0 || v < low || v > high)
		reader_fail(r);
	return v;
}

/* [+-]hh[:mm[:ss]] in seconds. */
static int32_t
take_time(struct reader *r, int max_hours)
{
	bool negative = take_char(r, '-');
	int s;

	if (!negative)
		(void)take_char(r, '+');
	s = take_number(r, 0, max_hours) * 3600;
	if (take_char(r, ':')) {
		s += take_number(r, 0, 59) * 60;
		if (take_char(r, ':'))
			s += take_number(r, 0, 59);
	}
	return negative ? -s : s;
}

/* Three letters or more, or anything in <>. */
static void
take_zone_name(struct reader *r)
{
	size_t n = 0;

	if (take_char(r, '<')) {
		while (!r->failed && !take_char(r, '>'))
			(void)take(r, 1);
		return;
	}
	for (; r->left > 0 && ((*r->p | 0x20) >= 'a' && (*r->p | 0x20) <= 'z');
	     n++)
		(void)take(r, 1);
	if (n < 3)
		reader_fail(r);
}

static void
take_rule(struct reader *r, struct rule *rule)
{
	memset(rule, 0, sizeof(*rule));
	if (take_char(r, 'M')) {
		rule->kind = MONTH_WEEK;
		rule->month = take_number(r, 1, 12);
		expect_char(r, '.');
		rule->week = take_number(r, 1, 5);
		expect_char(r, '.');
		rule->day = take_number(r, 0, 6);
	} else if (take_char(r, 'J')) {
		rule->kind = JULIAN_NO_LEAP;
		rule->day = take_number(r, 1, 365);
	} else {
		rule->kind = JULIAN;
		rule->day = take_number(r, 0, 365);
	}
	rule->time = 2 * 3600;
	if (take_char(r, '/'))
		rule->time = take_time(r, 167);
}

/* std offset [dst [offset],start[/time],end[/time]]; 0 or -1. POSIX counts
 * offsets to the west. */
static int
read_footer(struct reader *r, struct footer *f)
{
	take_zone_name(r);
	f->standard = -take_time(r, 24);
	f->has_daylight = r->left > 0;
	if (f->has_daylight) {
		take_zone_name(r);
		f->daylight = f->standard + 3600;
		if (r->left > 0 && *r->p != ',')
			f->daylight = -take_time(r, 24);
		expect_char(r, ',');
		take_rule(r, &f->start);
		expect_char(r, ',');
		take_rule(r, &f->end);
	}
	return r->failed || r->left > 0 ? -1 : 0;
}

/* When a rule applies in a year, by a clock that is `offset` ahead of utc. */
static int64_t
rule_time(const struct rule *rule, int64_t year, int32_t offset)
{
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	int64_t day = tstamp_days_from_civil(year, 1, 1);
	unsigned month = (unsigned)rule->month;
	int64_t next;

	switch (rule->kind) {
	case JULIAN_NO_LEAP: /* February 29 is not counted */
		day += rule->day - 1 + (leap && rule->day >= 60);
		break;
	case JULIAN:
		day += rule->day;
		break;
	case MONTH_WEEK:
		day = tstamp_days_from_civil(year, month, 1);
		next = tstamp_days_from_civil(year + month / 12, month % 12 + 1,
		    1);
		/* The first such weekday; 1970-01-01 was a Thursday. */
		day += ((rule->day - 4 - day) % 7 + 7) % 7;
		day += (rule->week - 1) * INT64_C(7);
		if (day >= next)
			day -= 7;
		break;
	}
	return day * S_PER_DAY + rule->time - offset;
}

/* Add a change in its place. With times around the new year, those of one
 * year can reach into the other. */
static void
insert_change(struct zone *z, int64_t at, int32_t offset)
{
	size_t i = z->n++;

	for (; i > 0 && z->change[i - 1].at > at; i--)
		z->change[i] = z->change[i - 1];
	z->change[i] = (struct change){ .at = at, .offset = offset };
}

static void
write_out(struct zone *z, const struct footer *f, int64_t last)
{
	int64_t year, start, end;

	for (year = FIRST_YEAR; year <= LAST_YEAR; year++) {
		start = rule_time(&f->start, year, f->standard);
		end = rule_time(&f->end, year, f->daylight);
		if (end > last && end <= start)
			insert_change(z, end, f->standard);
		if (start > last)
			insert_change(z, start, f->daylight);
		if (end > last && end > start)
			insert_change(z, end, f->standard);
	}
}

/* Drop changes to the same offset, and those undone at the same moment. */
static void
tidy(struct zone *z)
{
	size_t i, n = 0;

	for (i = 0; i < z->n; i++) {
		if (n > 0 && z->change[n - 1].at == z->change[i].at)
			n--;
		if (z->change[i].offset != offset_after(z, n))
			z->change[n++] = z->change[i];
	}
	z->n = n;
}

static int
bad_file(struct err *e)
{
	return err_set(e, ERR_INVALID, "not a valid time zone file");
}

/* Find the block to use, and the TZ string behind it: of no length when there
 * is none. */
static int
read_file(struct reader *r, struct block *b, struct reader *tz)
{
	unsigned version;

	memset(tz, 0, sizeof(*tz));
	if (read_header(r, b, &version) == -1 || read_block(r, b, 4) == -1)
		return -1;
	if (version < 2)
		return 0;
	if (read_header(r, b, &version) == -1 || read_block(r, b, 8) == -1 ||
	    !take_char(r, '\n'))
		return -1;
	tz->p = r->p;
	while (r->left > 0 && *r->p != '\n')
		(void)take(r, 1);
	tz->left = (size_t)(r->p - tz->p);
	return take_char(r, '\n') ? 0 : -1;
}

struct zone *
zone_parse(const unsigned char *bytes, size_t n, struct err *e)
{
	struct reader r = { .p = bytes, .left = n };
	struct footer f = { 0 };
	struct zone *z, *smaller;
	struct reader tz;
	struct block b;
	int64_t last;

	if (read_file(&r, &b, &tz) == -1 ||
	    (tz.left > 0 && read_footer(&tz, &f) == -1)) {
		bad_file(e);
		return NULL;
	}
	if (b.n[LEAP] > 0) {
		err_set(e, ERR_INVALID,
		    "zones with leap seconds are not "
		    "supported");
		return NULL;
	}
	z = calloc(1,
	    sizeof(*z) +
		sizeof(z->change[0]) *
		    (b.n[TIME] + 2 * (LAST_YEAR - FIRST_YEAR + 1)));
	if (z == NULL) {
		err_nomem(e);
		return NULL;
	}
	if (read_changes(z, &b, &last) == -1) {
		zone_free(z);
		bad_file(e);
		return NULL;
	}
	if (f.has_daylight)
		write_out(z, &f, last);
	tidy(z);
	smaller = realloc(z, sizeof(*z) + sizeof(z->change[0]) * z->n);
	if (smaller != NULL)
		z = smaller;
	return z;
}

/* --- those that are loaded --- */

struct zones *
zones_new(const char *folder)
{
	struct zones *zs = calloc(1, sizeof(*zs));

	if (zs == NULL)
		return NULL;
	if (folder == NULL)
		folder = getenv("TZDIR");
	if (folder == NULL || *folder == '\0' ||
	    strlen(folder) >= sizeof(zs->folder))
		folder = SYSTEM_FOLDER;
	(void)snprintf(zs->folder, sizeof(zs->folder), "%s", folder);
	return zs;
}

void
zones_settle(struct zones *zs)
{
	struct zone *z;

	while ((z = zs->before) != NULL) {
		zs->before = z->next;
		zone_free(z);
	}
}

void
zones_free(struct zones *zs)
{
	struct zone *z;
	size_t i;

	if (zs == NULL)
		return;
	zones_settle(zs);
	for (i = 0; i < N_BUCKETS; i++) {
		while ((z = zs->bucket[i]) != NULL) {
			zs->bucket[i] = z->next;
			zone_free(z);
		}
	}
	free(zs);
}

static struct zone **
bucket_of(struct zones *zs, struct slice name)
{
	uint32_t h = UINT32_C(2166136261); /* FNV-1a */
	size_t i;

	for (i = 0; i < name.len; i++)
		h = (h ^ (unsigned char)name.ptr[i]) * UINT32_C(16777619);
	return &zs->bucket[h % N_BUCKETS];
}

/* Drop the zone that was not asked for the longest. */
static void
evict(struct zones *zs)
{
	struct zone **link, **oldest = NULL;
	struct zone *z;
	size_t i;

	for (i = 0; i < N_BUCKETS; i++) {
		for (link = &zs->bucket[i]; *link != NULL;
		     link = &(*link)->next) {
			if (oldest == NULL || (*link)->used < (*oldest)->used)
				oldest = link;
		}
	}
	if (oldest == NULL)
		return;
	z = *oldest;
	*oldest = z->next;
	zone_free(z);
	zs->n--;
}

/* Words of letters, digits and _ + - ., separated by single slashes, none
 * beginning with a dot: nothing outside the folder can be named. */
static bool
is_zone_name(struct slice s)
{
	static const char marks[] = "_+-.";
	char before = '/';
	size_t i;

	if (s.len == 0 || s.len > ZONE_NAME_MAX)
		return false;
	for (i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (before == '/' && (c == '/' || c == '.'))
			return false;
		if (c != '/' && !(c >= '0' && c <= '9') &&
		    !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    (c == '\0' || strchr(marks, c) == NULL))
			return false;
		before = c;
	}
	return before != '/';
}

/* Fill `bytes` with the file of a zone: its length, or -1. */
static ssize_t
read_zone(const struct zones *zs, struct slice name, unsigned char *bytes,
    struct err *e)
{
	char path[PATH_MAX + ZONE_NAME_MAX + 2];
	ssize_t n = -1;
	struct stat st;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%.*s", zs->folder, (int)name.len,
	    name.ptr);
	fd = os->open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
	if (fd == -1 && (errno == ENOENT || errno == ENOTDIR))
		return err_quote(e, ERR_INVALID, name, "unknown time zone");
	if (fd == -1)
		return err_sys(e, ERR_INTERNAL, "open %s", path);
	if (os->fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
		err_quote(e, ERR_INVALID, name, "unknown time zone");
	else if ((n = os_read_full(fd, bytes, FILE_MAX, 0)) == -1)
		err_sys(e, ERR_INTERNAL, "read %s", path);
	(void)os->close(fd); /* only read */
	return n;
}

static struct zone *
load(const struct zones *zs, struct slice name, struct err *e)
{
	unsigned char *bytes = malloc(FILE_MAX);
	struct zone *z = NULL;
	struct err why;
	ssize_t n;

	if (bytes == NULL) {
		err_nomem(e);
		return NULL;
	}
	if ((n = read_zone(zs, name, bytes, e)) != -1) {
		z = zone_parse(bytes, (size_t)n, &why);
		if (z == NULL)
			err_quote(e, why.code, name, "%s:", why.msg);
	}
	free(bytes);
	if (z == NULL)
		return NULL;
	memcpy(z->name, name.ptr, name.len);
	z->name[name.len] = '\0';
	return z;
}

const struct zone *
zones_get(struct zones *zs, struct slice name, struct err *e)
{
	struct zone **bucket, *z;

	if (slice_eq(name, slice_str("UTC")) ||
	    slice_eq(name, slice_str("Etc/UTC")))
		return &utc;
	if (!is_zone_name(name)) {
		err_quote(e, ERR_INVALID, name, "invalid time zone");
		return NULL;
	}
	bucket = bucket_of(zs, name);
	for (z = *bucket; z != NULL; z = z->next) {
		if (slice_eq(slice_str(z->name), name)) {
			z->used = ++zs->calls;
			return z;
		}
	}
	if ((z = load(zs, name, e)) == NULL)
		return NULL;
	if (zs->n == ZONES_MAX)
		evict(zs);
	z->used = ++zs->calls;
	z->next = *bucket;
	*bucket = z;
	zs->n++;
	return z;
}

static bool
is_same(const struct zone *a, const struct zone *b)
{
	if (a->before != b->before || a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->change[i].at != b->change[i].at ||
		    a->change[i].offset != b->change[i].offset)
			return false;
	return true;
}

/* Read one anew. What comes to stand in its place: itself when it is as it was,
 * NULL when it can't be read any more. */
static struct zone *
reload(struct zones *zs, struct zone *old)
{
	struct err ignored;
	struct zone *z = load(zs, slice_str(old->name), &ignored);

	if (z != NULL && is_same(z, old)) {
		zone_free(z);
		return old;
	}
	if (z != NULL) {
		z->used = old->used;
		z->next = old->next;
	}
	old->next = zs->before;
	zs->before = old;
	return z;
}

bool
zones_reload(struct zones *zs)
{
	zones_settle(zs);
	for (size_t i = 0; i < N_BUCKETS; i++) {
		struct zone **at = &zs->bucket[i];

		while (*at != NULL) {
			struct zone *rest = (*at)->next;

			*at = reload(zs, *at);
			if (*at != NULL) {
				at = &(*at)->next;
			} else {
				*at = rest;
				zs->n--;
			}
		}
	}
	return zs->before != NULL;
}

const struct zone *
zones_before(const struct zones *zs, struct slice name)
{
	const struct zone *z = zs->before;

	while (z != NULL && !slice_eq(slice_str(z->name), name))
		z = z->next;
	return z;
}
