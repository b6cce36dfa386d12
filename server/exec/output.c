#include "output.h"

#include <stdlib.h>
#include <string.h>

#include "utf8.h"

/*
 * Until the buffer has reached its limit it is a plain one: start is 0. From
 * then on it is a ring. So growing never has to unwrap anything.
 */
#define OUTPUT_FIRST_CAP 1024

/* Make room for n more bytes, or for as many as may be had. */
static void
output_grow(struct output *o, size_t n, size_t max)
{
	size_t cap = o->cap == 0 ? OUTPUT_FIRST_CAP : o->cap;
	char *bytes;

	if (o->start != 0 || o->cap >= max || n <= o->cap - o->len)
		return;
	while (cap < max && cap - o->len < n)
		cap *= 2;
	if (cap > max)
		cap = max;
	if ((bytes = realloc(o->bytes, cap)) == NULL)
		return;
	o->bytes = bytes;
	o->cap = cap;
}

void
output_add(struct output *o, const char *bytes, size_t n, size_t max)
{
	size_t at, first;

	o->total += n;
	output_grow(o, n, max);
	if (o->cap == 0)
		return;
	if (n > o->cap) {
		bytes += n - o->cap;
		n = o->cap;
	}
	at = (o->start + o->len) % o->cap;
	first = n < o->cap - at ? n : o->cap - at;
	memcpy(o->bytes + at, bytes, first);
	memcpy(o->bytes, bytes + first, n - first);
	if (n > o->cap - o->len) {
		o->start = (o->start + n - (o->cap - o->len)) % o->cap;
		o->len = o->cap;
	} else
		o->len += n;
}

static void
reverse(char *bytes, size_t n)
{
	size_t i;
	char c;

	for (i = 0; i < n / 2; i++) {
		c = bytes[i];
		bytes[i] = bytes[n - 1 - i];
		bytes[n - 1 - i] = c;
	}
}

/* The tail begins in the middle of a character. */
static void
drop_remainder(struct output *o)
{
	size_t n = utf8_remainder(slice_of(o->bytes, o->len));

	memmove(o->bytes, o->bytes + n, o->len - n);
	o->len -= n;
}

void
output_settle(struct output *o)
{
	char *bytes;

	if (o->len == 0) {
		free(o->bytes);
		o->bytes = NULL;
		o->cap = 0;
		return;
	}
	if (o->start != 0) {
		/* Rotate in place: needs no memory, so it cannot fail. */
		reverse(o->bytes, o->start);
		reverse(o->bytes + o->start, o->len - o->start);
		reverse(o->bytes, o->len);
		o->start = 0;
	}
	if (output_is_cut(o))
		drop_remainder(o);
	if (o->len > 0 && o->len < o->cap &&
	    (bytes = realloc(o->bytes, o->len)) != NULL) {
		o->bytes = bytes;
		o->cap = o->len;
	}
}

void
output_free(struct output *o)
{
	free(o->bytes);
	*o = (struct output){ 0 };
}
