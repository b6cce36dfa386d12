/*
 * All arithmetic is in integers, and every sum from outside is checked: the
 * same text always gives the same nanosecond.
 */
#include "duration.h"

#include <stdbool.h>

#include "token.h"
#include "tstamp.h"

#define NS_PER_DAY INT64_C(86400000000000)

/* The largest first. Of more than one, `word` takes an s. */
static const struct unit {
	const char *name, *word; /* word NULL: there is only the short name */
	int64_t ns;
} units[] = {
	{ "w", "week", 7 * NS_PER_DAY },
	{ "d", "day", NS_PER_DAY },
	{ "h", "hour", NS_PER_DAY / 24 },
	{ "m", "min", 60 * NS_PER_S },
	{ "s", "sec", NS_PER_S },
	{ "ms", NULL, NS_PER_MS },
	{ "us", NULL, NS_PER_US },
	{ "ns", NULL, 1 },
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

static bool
is_named(const struct unit *u, struct slice name)
{
	if (slice_eq(name, slice_str(u->name)))
		return true;
	if (u->word == NULL)
		return false;
	if (name.len > 1 && name.ptr[name.len - 1] == 's')
		name.len--;
	return slice_eq(name, slice_str(u->word));
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
		if (is_named(&units[i], name))
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

int
duration_parse(struct slice s, int64_t *ns, struct err *e)
{
	int64_t bare_ns = NS_PER_S;
	struct slice rest = s;
	int64_t sum = 0;

	do {
		if (take_term(&rest, bare_ns, &sum) == -1) {
			(void)err_quote(e, ERR_INVALID, s, "invalid duration");
			return err_add(e, ": write " DURATION_FORMS);
		}
		bare_ns = 0; /* in a chain, every number has its unit */
	} while (rest.len != 0);
	*ns = sum;
	return 0;
}

void
duration_put(struct buf *out, int64_t ns)
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
