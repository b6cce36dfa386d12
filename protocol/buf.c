#include "buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_MIN 64

/* The capacity to grow to: doubled until n more bytes fit; 0 when no size_t
 * can hold it. */
static size_t
next_cap(const struct buf *b, size_t n)
{
	size_t need, cap;

	if (n > SIZE_MAX - b->len)
		return 0;
	need = b->len + n;
	cap = b->cap < BUF_MIN ? BUF_MIN : b->cap;
	while (cap < need)
		cap = cap > SIZE_MAX / 2 ? need : cap * 2;
	return cap;
}

static char *
grow(struct buf *b, size_t n)
{
	size_t cap = next_cap(b, n);
	char *p;

	if (cap == 0 || (p = realloc(b->ptr, cap)) == NULL) {
		b->failed = true;
		return NULL;
	}
	b->ptr = p;
	b->cap = cap;
	return p + b->len;
}

char *
buf_reserve(struct buf *b, size_t n)
{
	if (b->failed)
		return NULL;
	/* An empty buffer has no memory yet, and n may be 0. */
	if (b->ptr == NULL || n > b->cap - b->len)
		return grow(b, n);
	return b->ptr + b->len;
}

void
buf_add(struct buf *b, const void *bytes, size_t n)
{
	char *p;

	if (n == 0 || (p = buf_reserve(b, n)) == NULL)
		return;
	memcpy(p, bytes, n);
	b->len += n;
}

void
buf_add_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_add_slice(struct buf *b, struct slice s)
{
	buf_add(b, s.ptr, s.len);
}

void
buf_add_byte(struct buf *b, char c)
{
	char *p = buf_reserve(b, 1);

	if (p == NULL)
		return;
	*p = c;
	b->len++;
}

void
buf_add_u64(struct buf *b, uint64_t v)
{
	char digits[20]; /* of UINT64_MAX */
	char *p = digits + sizeof(digits);

	do {
		*--p = (char)('0' + v % 10);
		v /= 10;
	} while (v != 0);
	buf_add(b, p, (size_t)(digits + sizeof(digits) - p));
}

void
buf_add_i64(struct buf *b, int64_t v)
{
	if (v >= 0) {
		buf_add_u64(b, (uint64_t)v);
		return;
	}
	buf_add_byte(b, '-');
	buf_add_u64(b, -(uint64_t)v); /* defined for INT64_MIN too */
}

void
buf_add_decimal(struct buf *b, uint64_t v, unsigned places)
{
	uint64_t scale = 1;

	for (; places > 0 && v % 10 == 0; places--)
		v /= 10;
	while (places-- > 0)
		scale *= 10;
	buf_add_u64(b, v / scale);
	if (scale == 1)
		return;
	buf_add_byte(b, '.');
	for (scale /= 10; scale > 0; scale /= 10)
		buf_add_byte(b, (char)('0' + v / scale % 10));
}

void
buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	/* The terminator needs room, but is not counted. */
	if (n < 0 || (p = buf_reserve(b, (size_t)n + 1)) == NULL) {
		b->failed = true;
		return;
	}
	va_start(ap, fmt);
	(void)vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

void
buf_drop(struct buf *b, size_t n)
{
	if (n == 0)
		return;
	b->len -= n;
	if (b->len != 0)
		memmove(b->ptr, b->ptr + n, b->len);
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

void
buf_free(struct buf *b)
{
	free(b->ptr);
	*b = (struct buf){ 0 };
}
