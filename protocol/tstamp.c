/*
 * All arithmetic is in integers, and every sum from outside is checked: the
 * same text always gives the same nanosecond. Dates are proleptic Gregorian;
 * a minute has 60 seconds.
 */
#include "tstamp.h"

#include <stdbool.h>

#include "token.h"

#define S_PER_MIN INT64_C(60)
#define S_PER_HOUR INT64_C(3600)
#define S_PER_DAY INT64_C(86400)
#define NS_PER_DAY INT64_C(86400000000000)
#define DATE_LEN 10  /* YYYY-MM-DD */
#define CLOCK_LEN 8  /* HH:MM:SS */
#define OFFSET_LEN 6 /* +HH:MM */

static const struct unit {
	const char *name;
	int64_t ns;
} units[] = {
	{ "w", 7 * NS_PER_DAY },
	{ "d", NS_PER_DAY },
	{ "h", NS_PER_DAY / 24 },
	{ "m", 60 * NS_PER_S },
	{ "s", NS_PER_S },
	{ "ms", NS_PER_MS },
	{ "us", NS_PER_US },
	{ "ns", 1 },
};

#define N_UNITS (sizeof(units) / sizeof(units[0]))

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

/* Take HH:MM:SS[.fraction] from the front of *s. */
static int
take_clock(struct slice *s, int64_t *seconds, int64_t *ns)
{
	const char *p = s->ptr;
	int hour, minute, second;

	if (s->len < CLOCK_LEN || p[2] != ':' || p[5] != ':')
		return -1;
	hour = two_digits(p);
	minute = two_digits(p + 3);
	second = two_digits(p + 6);
	if (hour < 0 || hour > 23)
		return -1;
	if (minute < 0 || minute > 59 || second < 0 || second > 59)
		return -1;
	*seconds = hour * S_PER_HOUR + minute * S_PER_MIN + second;
	*ns = 0;
	skip(s, CLOCK_LEN);
	if (s->len == 0 || *s->ptr != '.')
		return 0;
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
invalid_time(struct slice word, struct err *e)
{
	return err_quote(e, ERR_INVALID, word, "invalid time");
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

/* The two words YYYY-MM-DD and HH:MM:SS[.fraction]. */
static int
parse_two_words(const struct slice *words, size_t n, int64_t *ns, struct err *e)
{
	int64_t days, seconds, fraction;
	struct slice clock;

	if (parse_date(words[0].ptr, &days) == -1)
		return err_quote(e, ERR_INVALID, words[0], "invalid date");
	if (n < 2)
		return err_set(e, ERR_SYNTAX, "a date needs a time of day");
	clock = words[1];
	if (take_clock(&clock, &seconds, &fraction) == -1 || clock.len != 0) {
		return err_quote(e, ERR_INVALID, words[1],
		    "invalid time of day");
	}
	if (combine(days * S_PER_DAY + seconds, fraction, words[0], ns, e) ==
	    -1)
		return -1;
	return 2;
}

/* YYYY-MM-DDTHH:MM:SS[.fraction] and an offset, one word. */
static int
parse_rfc3339(struct slice word, int64_t *ns, struct err *e)
{
	int64_t days, seconds, fraction, offset;
	struct slice rest = word;

	if (parse_date(word.ptr, &days) == -1)
		return invalid_time(word, e);
	skip(&rest, DATE_LEN + 1);
	if (take_clock(&rest, &seconds, &fraction) == -1 ||
	    parse_offset(rest, &offset) == -1)
		return invalid_time(word, e);
	if (combine(days * S_PER_DAY + seconds - offset, fraction, word, ns,
		e) == -1)
		return -1;
	return 1;
}

/* +<duration> from now. */
static int
parse_relative(struct slice word, int64_t now_ns, int64_t *ns, struct err *e)
{
	struct slice rest = word;
	int64_t duration;

	skip(&rest, 1);
	if (tstamp_parse_duration(rest, &duration, e) == -1)
		return invalid_time(word, e);
	if (now_ns < 0 || now_ns > TSTAMP_MAX_NS ||
	    duration > TSTAMP_MAX_NS - now_ns)
		return out_of_range(word, e);
	*ns = now_ns + duration;
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
	if (token_u64(word, UINT64_MAX, &v) == 0) {
		if (v > (uint64_t)TSTAMP_MAX_NS)
			return out_of_range(word, e);
		*ns = (int64_t)v;
		return 1;
	}
	if (word.len == DATE_LEN && word.ptr[4] == '-')
		return parse_two_words(words, n, ns, e);
	if (word.len > DATE_LEN &&
	    (word.ptr[DATE_LEN] == 'T' || word.ptr[DATE_LEN] == 't'))
		return parse_rfc3339(word, ns, e);
	if (word.len != 0 && word.ptr[0] == '+')
		return parse_relative(word, now_ns, ns, e);
	if (slice_eq(word, slice_str("now"))) {
		*ns = now_ns;
		return 1;
	}
	return invalid_time(word, e);
}

/* Take digits from the front of *s. */
static struct slice
take_digits(struct slice *s)
{
	struct slice d = slice_of(s->ptr, 0);

	while (s->len != 0 && is_digit(*s->ptr)) {
		skip(s, 1);
		d.len++;
	}
	return d;
}

/* Take the letters of a unit; 0 when they name none, bare_ns when there are
 * no letters. */
static int64_t
take_unit(struct slice *s, int64_t bare_ns)
{
	struct slice name = slice_of(s->ptr, 0);
	size_t i;

	while (s->len != 0 && *s->ptr >= 'a' && *s->ptr <= 'z') {
		skip(s, 1);
		name.len++;
	}
	if (name.len == 0)
		return bare_ns;
	for (i = 0; i < N_UNITS; i++) {
		if (slice_eq(name, slice_str(units[i].name)))
			return units[i].ns;
	}
	return 0;
}

/*
 * 0.<digits> of a unit, rounded down. From the last digit to the first:
 * (v + d * unit) / 10 rounds down each time, and the result is exact since
 * d * unit is whole.
 */
static int64_t
scale_fraction(struct slice digits, int64_t unit_ns)
{
	int64_t v = 0;
	size_t i;

	for (i = digits.len; i > 0; i--)
		v = (v + (digits.ptr[i - 1] - '0') * unit_ns) / 10;
	return v;
}

/* Take one number with its unit and add it to *sum. */
static int
take_term(struct slice *s, int64_t bare_ns, int64_t *sum)
{
	struct slice whole = take_digits(s);
	struct slice fraction = { 0 };
	int64_t unit_ns, part;
	uint64_t count;

	if (token_u64(whole, INT64_MAX, &count) == -1)
		return -1;
	if (s->len != 0 && *s->ptr == '.') {
		skip(s, 1);
		fraction = take_digits(s);
		if (fraction.len == 0)
			return -1;
	}
	if ((unit_ns = take_unit(s, bare_ns)) == 0)
		return -1;
	if ((int64_t)count > INT64_MAX / unit_ns)
		return -1;
	part = (int64_t)count * unit_ns;
	if (part > INT64_MAX - *sum)
		return -1;
	*sum += part;
	part = scale_fraction(fraction, unit_ns);
	if (part > INT64_MAX - *sum)
		return -1;
	*sum += part;
	return 0;
}

/* bare_ns: the unit of a number that stands alone, 0 if it needs one. */
static int
parse_duration(struct slice s, int64_t bare_ns, int64_t *ns, struct err *e)
{
	struct slice rest = s;
	int64_t sum = 0;

	do {
		if (take_term(&rest, bare_ns, &sum) == -1)
			return err_quote(e, ERR_INVALID, s, "invalid duration");
		bare_ns = 0; /* in a chain, every number has its unit */
	} while (rest.len != 0);
	*ns = sum;
	return 0;
}

int
tstamp_parse_duration(struct slice s, int64_t *ns, struct err *e)
{
	return parse_duration(s, 0, ns, e);
}

int
tstamp_parse_setting(struct slice s, int64_t *ns, struct err *e)
{
	return parse_duration(s, NS_PER_S, ns, e);
}

void
tstamp_put_duration(struct buf *out, int64_t ns)
{
	size_t i = 0;

	if (ns <= 0) {
		buf_add_str(out, "0s");
		return;
	}
	/* Weeks only when nothing else is left: 30d says more than 4w2d. */
	if (ns % units[0].ns != 0)
		i = 1;
	for (; i < N_UNITS && ns != 0; i++) {
		if (ns < units[i].ns)
			continue;
		buf_add_i64(out, ns / units[i].ns);
		buf_add_str(out, units[i].name);
		ns %= units[i].ns;
	}
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
