/*
 * Memory for millions of small objects: blocks of 8..ARENA_BLOCK_MAX bytes,
 * named by 31-bit references instead of pointers. Memory comes in chunks of
 * 1 MiB that never move and are never returned before arena_fini, so growing
 * never copies and never stops anybody. A released block is reused for blocks
 * of the same size (rounded up to 8 bytes). Bound: ARENA_CHUNKS_MAX chunks,
 * 16 GiB. One thread at a time.
 */
#ifndef STORAGE_ARENA_H
#define STORAGE_ARENA_H

#include <stddef.h>
#include <stdint.h>

#define ARENA_UNIT 8u
#define ARENA_CHUNK_BITS 17u /* units in a chunk: 1 MiB */
#define ARENA_CHUNK_BYTES ((size_t)ARENA_UNIT << ARENA_CHUNK_BITS)
#define ARENA_CHUNKS_MAX 16384u
#define ARENA_BLOCK_MAX 1024u
#define ARENA_NONE 0u /* the reference of nothing */

struct arena {
	char **chunk; /* owned table of ARENA_CHUNKS_MAX, filled from 0 */
	uint32_t n_chunks;
	uint32_t n_ready;  /* of them, chunks not yet begun (see reserve) */
	uint32_t bump;	   /* next free unit of the chunk in use */
	uint32_t bump_end; /* one past its last unit */
	uint32_t free_list[ARENA_BLOCK_MAX / ARENA_UNIT + 1]; /* by size */
	size_t used_bytes; /* in live blocks, for statistics */
};

int arena_init(struct arena *a); /* 0 or -1: out of memory */
void arena_fini(struct arena *a);

/* What released blocks have given back, and the chunks that have not been
 * begun. */
size_t arena_free_bytes(const struct arena *a);

/* A block of n bytes (1..ARENA_BLOCK_MAX), its content undefined, or
 * ARENA_NONE when memory is out. References are never >= 2^31. */
uint32_t arena_alloc(struct arena *a, size_t n);
/* n must be what it was allocated with. */
void arena_release(struct arena *a, uint32_t ref, size_t n);
/* Make a block of n bytes one of `keep` bytes, which never fails. What is cut
 * off serves only blocks of its own size: prefer a new block if there is one.
 */
void arena_trim(struct arena *a, uint32_t ref, size_t n, size_t keep);

/*
 * Make sure that blocks of n bytes in sum, each counted as rounded up to 8,
 * can be allocated without failing: what is promised is used up by the
 * allocations that follow. Promises do not add up: whoever has several changes
 * under way reserves for all of them together. 0, or -1 when memory is out and
 * nothing was promised.
 */
int arena_reserve(struct arena *a, size_t n);

/* Where chunks come from, for the arena and the heap: n bytes of zeroed pages,
 * given back with munmap, or NULL. Tests replace it to run out of memory. */
extern void *(*arena_map)(size_t n);

static inline void *
arena_ptr(const struct arena *a, uint32_t ref)
{
	return a->chunk[ref >> ARENA_CHUNK_BITS] +
	    (size_t)(ref & ((1u << ARENA_CHUNK_BITS) - 1)) * ARENA_UNIT;
}

#endif
