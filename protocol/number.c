#include "number.h"

#include <string.h>

#include "token.h"

/* Long forms first: they are the ones shown. */
static const struct unit {
	const char *suffix;
	unsigned shift;
} units[] = {
	{ "TiB", 40 },
	{ "GiB", 30 },
	{ "MiB", 20 },
	{ "KiB", 10 },
	{ "T", 40 },
	{ "G", 30 },
	{ "M", 20 },
	{ "K", 10 },
	{ "B", 0 },
	{ "", 0 },
};

int
number_parse_bytes(struct slice s, uint64_t max, uint64_t *out)
{
	const struct unit *u = units;
	size_t digits = 0;
	struct slice suffix;
	uint64_t v;

	while (digits < s.len && s.ptr[digits] >= '0' && s.ptr[digits] <= '9')
		digits++;
	suffix = slice_of(s.ptr + digits, s.len - digits);
	while (!slice_eq(suffix, slice_str(u->suffix))) {
		if (*u->suffix == '\0')
			return -1;
		u++;
	}
	if (token_u64(slice_of(s.ptr, digits), max >> u->shift, &v) == -1)
		return -1;
	*out = v << u->shift;
	return 0;
}

void
number_put_bytes(struct buf *out, uint64_t bytes)
{
	const struct unit *u = units;

	while (u->shift != 0 &&
	    (bytes == 0 || (bytes & ((UINT64_C(1) << u->shift) - 1)) != 0))
		u++;
	buf_add_u64(out, bytes >> u->shift);
	if (u->shift != 0)
		buf_add_str(out, u->suffix);
}

int
number_parse_decimal(struct slice s, unsigned places, uint64_t *out)
{
	const char *dot = s.len == 0 ? NULL : memchr(s.ptr, '.', s.len);
	size_t n = dot == NULL ? s.len : (size_t)(dot - s.ptr);
	struct slice fraction = { 0 };
	uint64_t whole, part = 0;
	size_t i;

	if (dot != NULL) {
		fraction = slice_of(dot + 1, s.len - n - 1);
		if (fraction.len > places ||
		    token_u64(fraction, UINT32_MAX, &part) == -1)
			return -1;
	}
	if (token_u64(slice_of(s.ptr, n), UINT32_MAX, &whole) == -1)
		return -1;
	for (i = 0; i < places; i++) {
		whole *= 10;
		if (i >= fraction.len)
			part *= 10;
	}
	*out = whole + part;
	return 0;
}

int
number_of_word(struct slice word, const char *words)
{
	int i;

	for (i = 0; *words != '\0'; i++) {
		size_t n = strcspn(words, "|");

		if (slice_eq(word, slice_of(words, n)))
			return i;
		words += n;
		words += *words == '|';
	}
	return -1;
}

struct slice
number_word(const char *words, int64_t place)
{
	while (place-- > 0)
		words += strcspn(words, "|") + 1;
	return slice_of(words, strcspn(words, "|"));
}
