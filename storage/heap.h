/*
 * The due-time heap: elements are arena references ordered by due time, then
 * by a tie-break of the owner's. 4-ary, in chunks that never move; each
 * element's position is kept in the element itself, so that moving and
 * removing any element is O(log n). 12 bytes an element. One thread.
 */
#ifndef STORAGE_HEAP_H
#define STORAGE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"

#define HEAP_OUT UINT32_MAX /* the position of what is not in the heap */

/* Whether element a comes before b, both due at the same time. */
typedef bool heap_before_cb(const void *ctx, uint32_t a, uint32_t b);

struct heap_chunk;

struct heap {
	struct arena *arena; /* where the elements live */
	size_t pos_offset;   /* of the element's uint32_t position */
	heap_before_cb *before;
	const void *ctx;
	struct heap_chunk **chunk; /* owned table, filled from 0 */
	uint32_t n_chunks;
	uint32_t n;
	uint32_t n_promised; /* inserts for which chunks are kept ready */
};

int heap_init(struct heap *h, struct arena *a, size_t pos_offset,
    heap_before_cb *before, const void *ctx); /* 0 or -1: out of memory */
void heap_fini(struct heap *h);

/* Make sure that n more heap_insert cannot fail, whatever is moved or removed
 * in between. Like arena_reserve, promises do not add up. 0 or -1. */
int heap_reserve(struct heap *h, uint32_t n);

/* 0, or -1 when memory is out. The element must not be in a heap. */
int heap_insert(struct heap *h, uint32_t ref, int64_t due_ns);
/* Give an element in the heap a new due time. */
void heap_move(struct heap *h, uint32_t ref, int64_t due_ns);
/* Take an element out; its position becomes HEAP_OUT. */
void heap_remove(struct heap *h, uint32_t ref);

/* The first element and its due time; false when empty. */
bool heap_first(const struct heap *h, uint32_t *ref, int64_t *due_ns);

#endif
