/*
 * All arithmetic is in integers, and every sum from outside is checked: the
 * same text always gives the same nanosecond. Dates are proleptic Gregorian;
 * a minute has 60 seconds.
 */
#include "tstamp.h"

#include <inttypes.h>
#include <stdbool.h>

#include "duration.h"
#include "token.h"

#define S_PER_MIN INT64_C(60)
#define S_PER_HOUR INT64_C(3600)
#define S_PER_DAY INT64_C(86400)
#define NS_PER_DAY INT64_C(86400000000000)
#define DATE_LEN 10  /* YYYY-MM-DD */
#define MINUTE_LEN 5 /* HH:MM */
#define CLOCK_LEN 8  /* HH:MM:SS */
#define OFFSET_LEN 6 /* +HH:MM */

/* A number of seconds from 2015 to 2100. */
#define LIKELY_FIRST_S UINT64_C(1420070400)
#define LIKELY_LAST_S UINT64_C(4133980799)

/* What a message says when a time has no meaning. */
#define FORMS                                                              \
	": write 2026-12-01T09:00:00Z, \"2026-12-01 09:00\" (UTC), 09:00 " \
	"(the next, UTC), now, +1h30m, or nanoseconds since 1970"

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Drop the first n bytes of *s. */
static void
skip(struct slice *s, size_t n)
{
	s->ptr += n;
	s->len -= n;
}

/* The two digits at p, or -1. */
static int
two_digits(const char *p)
{
	if (!is_digit(p[0]) || !is_digit(p[1]))
		return -1;
	return (p[0] - '0') * 10 + (p[1] - '0');
}

static int
days_in_month(int year, int month)
{
	/* clang-format off */
	static const int days[] = {
		31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
	};
	/* clang-format on */
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return month == 2 && leap ? 29 : days[month - 1];
}

/* YYYY-MM-DD at p to days since 1970; -1 when it is no date. */
static int
parse_date(const char *p, int64_t *days)
{
	int century = two_digits(p);
	int in_century = two_digits(p + 2);
	int month, day, year;

	if (century == -1 || in_century == -1 || p[4] != '-' || p[7] != '-')
		return -1;
	year = century * 100 + in_century;
	month = two_digits(p + 5);
	day = two_digits(p + 8);
	if (month < 1 || month > 12 || day < 1 ||
	    day > days_in_month(year, month))
		return -1;
	*days = tstamp_days_from_civil(year, (unsigned)month, (unsigned)day);
	return 0;
}

/* Take the digits of a fraction from the front of *s, as a number of
 * 1/10^9; digits beyond the ninth are dropped. */
static int
take_fraction(struct slice *s, int64_t *ns)
{
	int64_t scale = NS_PER_S;
	int64_t v = 0;

	if (s->len == 0 || !is_digit(*s->ptr))
		return -1;
	for (; s->len != 0 && is_digit(*s->ptr); skip(s, 1)) {
		scale /= 10;
		v += (*s->ptr - '0') * scale;
	}
	*ns = v;
	return 0;
}

/* Take HH:MM[:SS] from the front of *s. Second 60 is one that follows the
 * last of its minute, where last_s allows for it. */
static int
take_clock(struct slice *s, int last_s, int64_t *seconds)
{
	const char *p = s->ptr;
	int hour, minute, second = 0;
	size_t len = MINUTE_LEN;

	if (s->len < MINUTE_LEN || p[2] != ':')
		return -1;
	hour = two_digits(p);
	minute = two_digits(p + 3);
	if (s->len > MINUTE_LEN && p[MINUTE_LEN] == ':') {
		if (s->len < CLOCK_LEN)
			return -1;
		second = two_digits(p + 6);
		len = CLOCK_LEN;
	}
	if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 ||
	    second > last_s)
		return -1;
	*seconds = hour * S_PER_HOUR + minute * S_PER_MIN + second;
	skip(s, len);
	return 0;
}

/* Take .fraction from the front of *s, if it is there; behind whole minutes
 * it can't be. */
static int
take_point(struct slice *s, struct slice clock, int64_t *ns)
{
	*ns = 0;
	if (s->len == 0 || *s->ptr != '.')
		return 0;
	if (s->ptr != clock.ptr + CLOCK_LEN)
		return -1;
	skip(s, 1);
	return take_fraction(s, ns);
}

/* Z or +HH:MM, which must be all of s, to seconds east of UTC. */
static int
parse_offset(struct slice s, int64_t *seconds)
{
	int hours, minutes;

	if (s.len == 1 && (*s.ptr == 'Z' || *s.ptr == 'z')) {
		*seconds = 0;
		return 0;
	}
	if (s.len != OFFSET_LEN || (*s.ptr != '+' && *s.ptr != '-') ||
	    s.ptr[3] != ':')
		return -1;
	hours = two_digits(s.ptr + 1);
	minutes = two_digits(s.ptr + 4);
	if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
		return -1;
	*seconds = hours * S_PER_HOUR + minutes * S_PER_MIN;
	if (*s.ptr == '-')
		*seconds = -*seconds;
	return 0;
}

static int
invalid(struct slice word, const char *what, struct err *e)
{
	(void)err_quote(e, ERR_INVALID, word, "invalid %s", what);
	return err_add(e, FORMS);
}

static int
out_of_range(struct slice word, struct err *e)
{
	return err_quote(e, ERR_INVALID, word,
	    "time before 1970 or after 2261:");
}

/* Seconds and nanoseconds since the epoch to *ns, if that is in range. */
static int
combine(int64_t seconds, int64_t fraction, struct slice word, int64_t *ns,
    struct err *e)
{
	if (seconds < 0 || seconds > TSTAMP_MAX_NS / NS_PER_S)
		return out_of_range(word, e);
	*ns = seconds * NS_PER_S + fraction;
	return 0;
}

/* HH:MM[:SS[.fraction]], which must be all of s, on a day, in UTC. */
static int
parse_on_day(struct slice s, int64_t days, struct slice word, int64_t *ns,
    struct err *e)
{
	int64_t seconds, fraction;
	struct slice rest = s;

	if (take_clock(&rest, 59, &seconds) == -1 ||
	    take_point(&rest, s, &fraction) == -1 || rest.len != 0)
		return invalid(s, "time of day", e);
	return combine(days * S_PER_DAY + seconds, fraction, word, ns, e);
}

/* A date and a time of day, two words or one with a space. */
static int
parse_date_and_time(const struct slice *words, size_t n, int64_t *ns,
    struct err *e)
{
	struct slice clock = words[0];
	int64_t days;

	if (parse_date(words[0].ptr, &days) == -1)
		return invalid(words[0], "date", e);
	if (words[0].len > DATE_LEN) {
		skip(&clock, DATE_LEN + 1);
		return parse_on_day(clock, days, words[0], ns, e) == -1 ? -1
									: 1;
	}
	if (n < 2) {
		(void)err_set(e, ERR_SYNTAX, "a date needs a time of day");
		return err_add(e, FORMS);
	}
	return parse_on_day(words[1], days, words[0], ns, e) == -1 ? -1 : 2;
}

/* YYYY-MM-DDTHH:MM:SS[.fraction] and an offset or none, one word. */
static int
parse_rfc3339(struct slice word, int64_t *ns, struct err *e)
{
	int64_t days, seconds, fraction, offset = 0;
	struct slice rest = word, clock;

	if (parse_date(word.ptr, &days) == -1)
		return invalid(word, "time", e);
	skip(&rest, DATE_LEN + 1);
	clock = rest;
	if (take_clock(&rest, 60, &seconds) == -1 ||
	    rest.ptr != clock.ptr + CLOCK_LEN ||
	    take_point(&rest, clock, &fraction) == -1 ||
	    (rest.len != 0 && parse_offset(rest, &offset) == -1))
		return invalid(word, "time", e);
	if (combine(days * S_PER_DAY + seconds - offset, fraction, word, ns,
		e) == -1)
		return -1;
	return 1;
}

/* HH:MM[:SS]: the first after now. */
static int
parse_next(struct slice word, int64_t now_ns, int64_t *ns, struct err *e)
{
	struct slice rest = word;
	int64_t seconds, today;

	if (take_clock(&rest, 59, &seconds) == -1 || rest.len != 0)
		return invalid(word, "time", e);
	if (now_ns < 0 || now_ns > TSTAMP_MAX_NS)
		return out_of_range(word, e);
	today = now_ns / NS_PER_DAY * S_PER_DAY;
	if ((today + seconds) * NS_PER_S <= now_ns)
		today += S_PER_DAY;
	return combine(today + seconds, 0, word, ns, e) == -1 ? -1 : 1;
}

/* +<duration> from now. */
static int
parse_relative(struct slice word, int64_t now_ns, int64_t *ns, struct err *e)
{
	struct slice rest = word;
	int64_t duration;

	skip(&rest, 1);
	if (duration_parse(rest, &duration, e) == -1)
		return invalid(word, "time", e);
	if (now_ns < 0 || now_ns > TSTAMP_MAX_NS ||
	    duration > TSTAMP_MAX_NS - now_ns)
		return out_of_range(word, e);
	*ns = now_ns + duration;
	return 1;
}

/* Nanoseconds since the epoch. A time of another unit would be long past, and
 * what was meant for tomorrow would run at once. */
static int
parse_integer(struct slice word, uint64_t v, int64_t *ns, struct err *e)
{
	static const struct {
		const char *name;
		uint64_t per_second;
	} unit[] = {
		{ "seconds", 1 },
		{ "milliseconds", 1000 },
		{ "microseconds", 1000000 },
	};

	if (v > (uint64_t)TSTAMP_MAX_NS)
		return out_of_range(word, e);
	for (size_t i = 0; i < sizeof(unit) / sizeof(unit[0]); i++) {
		uint64_t seconds = v / unit[i].per_second;
		uint64_t meant;

		if (seconds < LIKELY_FIRST_S || seconds > LIKELY_LAST_S)
			continue;
		meant = v * ((uint64_t)NS_PER_S / unit[i].per_second);
		return err_set(e, ERR_INVALID,
		    "%" PRIu64 " looks like %s; this is nanoseconds: %" PRIu64,
		    v, unit[i].name, meant);
	}
	*ns = (int64_t)v;
	return 1;
}

int
tstamp_parse(const struct slice *words, size_t n, int64_t now_ns, int64_t *ns,
    struct err *e)
{
	struct slice word;
	uint64_t v;

	if (n == 0)
		return err_set(e, ERR_SYNTAX, "a time is missing");
	word = words[0];
	if (token_u64(word, UINT64_MAX, &v) == 0)
		return parse_integer(word, v, ns, e);
	if (word.len > DATE_LEN &&
	    (word.ptr[DATE_LEN] == 'T' || word.ptr[DATE_LEN] == 't'))
		return parse_rfc3339(word, ns, e);
	if (word.len >= DATE_LEN && word.ptr[4] == '-' &&
	    (word.len == DATE_LEN || word.ptr[DATE_LEN] == ' '))
		return parse_date_and_time(words, n, ns, e);
	if (word.len >= MINUTE_LEN && word.ptr[2] == ':')
		return parse_next(word, now_ns, ns, e);
	if (word.len != 0 && word.ptr[0] == '+')
		return parse_relative(word, now_ns, ns, e);
	if (slice_eq(word, slice_str("now"))) {
		*ns = now_ns;
		return 1;
	}
	return invalid(word, "time", e);
}

/* Append v with at least `width` digits. */
static void
put_padded(struct buf *out, uint64_t v, unsigned width)
{
	uint64_t limit = 10;

	for (; width > 1; width--, limit *= 10) {
		if (v < limit)
			buf_add_byte(out, '0');
	}
	buf_add_u64(out, v);
}

/* Append .f without its trailing zeros; nothing for 0. */
static void
put_fraction(struct buf *out, int64_t ns)
{
	unsigned width = 9;

	if (ns == 0)
		return;
	for (; ns % 10 == 0; ns /= 10)
		width--;
	buf_add_byte(out, '.');
	put_padded(out, (uint64_t)ns, width);
}

void
tstamp_put_utc(struct buf *out, int64_t ns)
{
	int64_t seconds = ns / NS_PER_S;
	int64_t fraction = ns % NS_PER_S;
	int64_t days, year;
	unsigned month, day;

	if (fraction < 0) {
		fraction += NS_PER_S;
		seconds--;
	}
	days = seconds / S_PER_DAY;
	seconds %= S_PER_DAY;
	if (seconds < 0) {
		seconds += S_PER_DAY;
		days--;
	}
	tstamp_civil_from_days(days, &year, &month, &day);
	put_padded(out, (uint64_t)year, 4);
	buf_add_byte(out, '-');
	put_padded(out, month, 2);
	buf_add_byte(out, '-');
	put_padded(out, day, 2);
	buf_add_byte(out, 'T');
	put_padded(out, (uint64_t)(seconds / S_PER_HOUR), 2);
	buf_add_byte(out, ':');
	put_padded(out, (uint64_t)(seconds / S_PER_MIN % 60), 2);
	buf_add_byte(out, ':');
	put_padded(out, (uint64_t)(seconds % 60), 2);
	put_fraction(out, fraction);
	buf_add_byte(out, 'Z');
}

/*
 * Both ways count years from March, so that the leap day is the last of its
 * year, in eras of 400 years, each of which has 146097 days. 719468 is the
 * distance from 0000-03-01 to 1970-01-01. (Howard Hinnant's algorithm.)
 */
#define ERA_DAYS INT64_C(146097)
#define EPOCH_SHIFT INT64_C(719468)

int64_t
tstamp_days_from_civil(int64_t year, unsigned month, unsigned day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t in_era = y - era * 400;
	int64_t in_year =
	    (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	int64_t era_day = in_era * 365 + in_era / 4 - in_era / 100 + in_year;

	return era * ERA_DAYS + era_day - EPOCH_SHIFT;
}

void
tstamp_civil_from_days(int64_t days, int64_t *year, unsigned *month,
    unsigned *day)
{
	int64_t z = days + EPOCH_SHIFT;
	int64_t era = (z >= 0 ? z : z - (ERA_DAYS - 1)) / ERA_DAYS;
	int64_t era_day = z - era * ERA_DAYS;
	int64_t leap_days = era_day / 1460 - era_day / 36524 + era_day / 146096;
	int64_t in_era = (era_day - leap_days) / 365;
	int64_t in_year = era_day - (365 * in_era + in_era / 4 - in_era / 100);
	int64_t mp = (5 * in_year + 2) / 153; /* month, March is 0 */

	*day = (unsigned)(in_year - (153 * mp + 2) / 5 + 1);
	*month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
	*year = in_era + era * 400 + (*month <= 2);
}
