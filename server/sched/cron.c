/*
 * A search goes by months, of which there are at most 480 between two
 * matches, and makes one mask of the days of each; never by minutes.
 */
#include "cron.h"

#include <string.h>

#include "token.h"
#include "tstamp.h"

#define S_PER_MIN INT64_C(60)
#define MIN_PER_DAY INT64_C(1440)
#define LAST_YEAR 2262
#define NAME_LEN 3

enum { MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELDS };

static const char *const month_names[] = { "JAN", "FEB", "MAR", "APR", "MAY",
	"JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC", NULL };
static const char *const weekday_names[] = { "SUN", "MON", "TUE", "WED", "THU",
	"FRI", "SAT", NULL };

static const struct field {
	const char *name;
	unsigned min, max;
	const char *const *words; /* words[0] is `min`; NULL: none */
} fields[FIELDS] = {
	[MINUTE] = { "minute", 0, 59, NULL },
	[HOUR] = { "hour", 0, 23, NULL },
	[DAY] = { "day-of-month", 1, 31, NULL },
	[MONTH] = { "month", 1, 12, month_names },
	[WEEKDAY] = { "day-of-week", 0, 7, weekday_names },
};

static const struct shorthand {
	const char *word, *text;
} shorthands[] = {
	{ "@HOURLY", "0 * * * *" },
	{ "@DAILY", "0 0 * * *" },
	{ "@MIDNIGHT", "0 0 * * *" },
	{ "@WEEKLY", "0 0 * * 0" },
	{ "@MONTHLY", "0 0 1 * *" },
	{ "@YEARLY", "0 0 1 1 *" },
	{ "@ANNUALLY", "0 0 1 1 *" },
};

#define N_SHORTHANDS (sizeof(shorthands) / sizeof(shorthands[0]))

/* Cut *rest at the first `c`: what stands before it. *rest becomes what
 * follows, its ptr NULL when there is no `c`. */
static struct slice
cut(struct slice *rest, char c)
{
	const char *end =
	    rest->len == 0 ? NULL : memchr(rest->ptr, c, rest->len);
	struct slice head = *rest;

	if (end == NULL) {
		*rest = slice_of(NULL, 0);
		return head;
	}
	head.len = (size_t)(end - head.ptr);
	*rest = slice_of(end + 1, rest->len - head.len - 1);
	return head;
}

/* A number or a name. */
static int
parse_value(const struct field *f, struct slice s, unsigned *value,
    struct err *e)
{
	unsigned i;
	uint64_t v;

	for (i = 0; f->words != NULL && f->words[i] != NULL; i++) {
		if (s.len == NAME_LEN && token_is_word(s, f->words[i])) {
			*value = f->min + i;
			return 0;
		}
	}
	if (s.len == 0 || s.ptr[0] < '0' || s.ptr[0] > '9')
		return err_quote(e, ERR_INVALID, s,
		    "cron %s is not a number%s:", f->name,
		    f->words == NULL ? "" : " or name");
	if (token_u64(s, f->max, &v) == -1 || v < f->min)
		return err_quote(e, ERR_INVALID, s,
		    "cron %s is not in %u-%u:", f->name, f->min, f->max);
	*value = (unsigned)v;
	return 0;
}

/* `*`, a value or a range. */
static int
parse_range(const struct field *f, struct slice s, unsigned *low,
    unsigned *high, struct err *e)
{
	struct slice to = s;
	struct slice from = cut(&to, '-');

	if (slice_eq(s, slice_str("*"))) {
		*low = f->min;
		*high = f->max;
		return 0;
	}
	if (parse_value(f, from, low, e) == -1)
		return -1;
	*high = *low;
	if (to.ptr == NULL)
		return 0;
	if (parse_value(f, to, high, e) == -1)
		return -1;
	if (f == &fields[WEEKDAY] && *high == 0 && token_is_word(to, "SUN") &&
	    *low > 0)
		*high = 7;
	if (*low > *high)
		return err_quote(e, ERR_INVALID, s,
		    "cron %s range runs backward:", f->name);
	return 0;
}

/* One item of a list, with its step. */
static int
parse_item(const struct field *f, struct slice item, uint64_t *mask,
    struct err *e)
{
	struct slice rest = item;
	struct slice range = cut(&rest, '/');
	unsigned low = 0, high = 0;
	uint64_t step = 1;

	if (parse_range(f, range, &low, &high, e) == -1)
		return -1;
	if (rest.ptr != NULL) {
		if (range.ptr[0] != '*' &&
		    memchr(range.ptr, '-', range.len) == NULL)
			return err_quote(e, ERR_INVALID, item,
			    "cron %s step needs * or a range:", f->name);
		if (token_u64(rest, f->max, &step) == -1 || step == 0)
			return err_quote(e, ERR_INVALID, item,
			    "cron %s step is not in 1-%u:", f->name, f->max);
	}
	for (; low <= high; low += (unsigned)step)
		*mask |= UINT64_C(1) << low;
	return 0;
}

static int
parse_field(const struct field *f, struct slice text, uint64_t *mask,
    struct err *e)
{
	struct slice rest = text;

	*mask = 0;
	do {
		struct slice item = cut(&rest, ',');

		if (item.len == 0)
			return err_quote(e, ERR_INVALID, text,
			    "cron %s has an empty item:", f->name);
		if (parse_item(f, item, mask, e) == -1)
			return -1;
	} while (rest.ptr != NULL);
	return 0;
}

/* Split at spaces and tabs; gives the number of words, of which the first
 * FIELDS are in words. */
static size_t
split(struct slice text, struct slice words[FIELDS])
{
	size_t i = 0, n = 0;

	while (i < text.len) {
		size_t start = i;

		while (
		    i < text.len && text.ptr[i] != ' ' && text.ptr[i] != '\t')
			i++;
		if (i > start) {
			if (n < FIELDS)
				words[n] =
				    slice_of(text.ptr + start, i - start);
			n++;
		} else {
			i++;
		}
	}
	return n;
}

static bool
has_wildcard(struct slice field)
{
	return memchr(field.ptr, '*', field.len) != NULL ||
	    memchr(field.ptr, '/', field.len) != NULL;
}

static int
expand_shorthand(struct slice *text, struct err *e)
{
	size_t i;

	if (text->len == 0 || text->ptr[0] != '@')
		return 0;
	for (i = 0; i < N_SHORTHANDS; i++) {
		if (token_is_word(*text, shorthands[i].word)) {
			*text = slice_str(shorthands[i].text);
			return 0;
		}
	}
	return err_quote(e, ERR_INVALID, *text, "unknown cron shorthand");
}

/* Whether any day of any year matches. Each date falls on each day of the
 * week in some year, so only a date that does not exist never comes. */
static bool
has_match(const struct cron *c)
{
	static const unsigned long_months = 0x15aa; /* of 31 days */
	uint32_t day_30 = UINT32_C(1) << 30, day_31 = UINT32_C(1) << 31;

	if (c->either_day || (c->days & ~(day_30 | day_31)) != 0)
		return true;
	if ((c->days & day_30) != 0 && (c->months & ~(1u << 2)) != 0)
		return true;
	return (c->months & long_months) != 0;
}

int
cron_parse(struct slice text, struct cron *c, struct err *e)
{
	struct slice expr = text;
	struct slice words[FIELDS];
	uint64_t mask[FIELDS];
	size_t i, n;

	if (text.len > CRON_TEXT_MAX)
		return err_set(e, ERR_TOO_LONG,
		    "the cron expression is longer than %d bytes",
		    CRON_TEXT_MAX);
	if (expand_shorthand(&expr, e) == -1)
		return -1;
	if ((n = split(expr, words)) != FIELDS)
		return err_set(e, ERR_INVALID,
		    "a cron expression has 5 fields (minute hour day-of-month "
		    "month day-of-week), not %zu",
		    n);
	for (i = 0; i < FIELDS; i++) {
		if (parse_field(&fields[i], words[i], &mask[i], e) == -1)
			return -1;
	}
	c->minutes = mask[MINUTE];
	c->hours = (uint32_t)mask[HOUR];
	c->days = (uint32_t)mask[DAY];
	c->months = (uint16_t)mask[MONTH];
	c->weekdays = (uint8_t)((mask[WEEKDAY] | mask[WEEKDAY] >> 7) & 0x7f);
	c->either_day =
	    words[DAY].ptr[0] != '*' && words[WEEKDAY].ptr[0] != '*';
	c->runs_on = has_wildcard(words[MINUTE]) || has_wildcard(words[HOUR]);
	if (!has_match(c))
		return err_quote(e, ERR_INVALID, text,
		    "cron expression never matches:");
	return 0;
}

/* --- the next match --- */

static unsigned
month_length(int64_t year, unsigned month)
{
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	if (month == 2)
		return leap ? 29 : 28;
	return 30 + ((month + month / 8) & 1);
}

/* The matching days of a month, as bits 1..31. `first`: its first day, since
 * 1970. */
static uint32_t
month_days(const struct cron *c, int64_t year, unsigned month, int64_t first)
{
	/* 1970-01-01 was a Thursday; `first` may lie before it. */
	unsigned weekday = (unsigned)(((first + 4) % 7 + 7) % 7);
	uint32_t week = (c->weekdays | (uint32_t)c->weekdays << 7) >> weekday;
	uint64_t weeks = (week & 0x7f) *
	    (1 | UINT64_C(1) << 7 | UINT64_C(1) << 14 | UINT64_C(1) << 21 |
		UINT64_C(1) << 28);
	uint32_t by_weekday = (uint32_t)(weeks << 1);
	uint32_t all =
	    (uint32_t)((UINT64_C(2) << month_length(year, month)) - 2);

	if (c->either_day)
		return (c->days | by_weekday) & all;
	return c->days & by_weekday & all;
}

/* The first matching day on or after *day. */
static bool
next_day(const struct cron *c, int64_t *day)
{
	int64_t year, first;
	unsigned month, d;

	tstamp_civil_from_days(*day, &year, &month, &d);
	first = *day - d + 1;
	for (; year <= LAST_YEAR; d = 1) {
		uint32_t days = 0;

		if ((c->months & 1u << month) != 0)
			days = month_days(c, year, month, first) >> d;
		if (days != 0) {
			*day = first + d - 1 + __builtin_ctz(days);
			return true;
		}
		first += month_length(year, month);
		year += month == 12;
		month = month == 12 ? 1 : month + 1;
	}
	return false;
}

/* The first matching minute of a day that is `minute` or later, or -1. */
static int
next_minute(const struct cron *c, unsigned minute)
{
	unsigned hour = minute / 60;
	uint64_t minutes = c->minutes >> minute % 60;
	uint32_t hours;

	if ((c->hours & 1u << hour) != 0 && minutes != 0)
		return (int)minute + __builtin_ctzll(minutes);
	hours = c->hours >> (hour + 1);
	if (hours == 0)
		return -1;
	hour += 1 + (unsigned)__builtin_ctz(hours);
	return (int)hour * 60 + __builtin_ctzll(c->minutes);
}

/* n / by, rounded down. */
static int64_t
floor_div(int64_t n, int64_t by)
{
	return n / by - (n % by < 0);
}

bool
cron_next(const struct cron *c, int64_t local, int64_t *next)
{
	int64_t minute = floor_div(local, S_PER_MIN) + 1;
	int64_t today = floor_div(minute, MIN_PER_DAY);
	int64_t day = today;
	int at = -1;

	if (!next_day(c, &day))
		return false;
	if (day == today) {
		at = next_minute(c, (unsigned)(minute - today * MIN_PER_DAY));
		if (at == -1) {
			day++;
			if (!next_day(c, &day))
				return false;
		}
	}
	if (at == -1)
		at = next_minute(c, 0);
	*next = (day * MIN_PER_DAY + at) * S_PER_MIN;
	return true;
}
