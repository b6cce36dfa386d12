/*
 * A growable byte buffer: the only string builder of the project. A failed
 * allocation sets `failed`, which sticks: later appends do nothing, and the
 * caller looks once, at the end. A zeroed struct is an empty buffer.
 */
#ifndef PROTOCOL_BUF_H
#define PROTOCOL_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slice.h"

struct buf {
	char *ptr; /* owned */
	size_t len;
	size_t cap;
	bool failed;
};

/* Room for n more bytes at ptr + len, or NULL (and failed). Does not move
 * len: write there, then add to len what was written. */
char *buf_reserve(struct buf *b, size_t n);

void buf_add(struct buf *b, const void *bytes, size_t n);
void buf_add_str(struct buf *b, const char *s);
void buf_add_slice(struct buf *b, struct slice s);
void buf_add_byte(struct buf *b, char c);
void buf_add_u64(struct buf *b, uint64_t v); /* decimal */
void buf_add_i64(struct buf *b, int64_t v);
/* v / 10^places without trailing zeros: 9200 and 4 places give 0.92. */
void buf_add_decimal(struct buf *b, uint64_t v, unsigned places);
void buf_addf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Drop the first n bytes (n <= len). */
void buf_drop(struct buf *b, size_t n);

/* Empty it and forget the failure; keeps the memory. */
void buf_clear(struct buf *b);

/* Free the memory; the buffer is empty and usable again. */
void buf_free(struct buf *b);

static inline struct slice
buf_slice(const struct buf *b)
{
	return slice_of(b->ptr, b->len);
}

#endif
