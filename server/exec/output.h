/*
 * The end of what a run wrote to one stream. Grows as needed up to a limit,
 * then the oldest bytes give way to the newest. One thread at a time. A
 * zeroed struct is empty.
 */
#ifndef EXEC_OUTPUT_H
#define EXEC_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum output_stream { OUTPUT_STDOUT, OUTPUT_STDERR, OUTPUT_STREAMS };

struct output {
	char *bytes; /* owned; in order after output_settle */
	size_t len;
	uint64_t total; /* bytes ever written */
	size_t cap;
	size_t start; /* offset of the oldest byte in the ring */
};

/* Add n bytes, keep the last `max` of all. When memory is out fewer are kept,
 * and output_is_cut tells. */
void output_add(struct output *o, const char *bytes, size_t n, size_t max);

/* No more will be added: make bytes[0 .. len) the kept end in order, without
 * the rest of a character whose beginning is not kept, and give back memory
 * that is not needed. */
void output_settle(struct output *o);

/* Frees the bytes; the output is empty again. */
void output_free(struct output *o);

/* Whether the beginning is missing. */
static inline bool
output_is_cut(const struct output *o)
{
	return o->total > o->len;
}

#endif
