/*
 * An ordered map from byte strings to 31-bit leaf references: a radix tree
 * with path compression ("qp trie") in arena memory. Exact lookup, ordered
 * walk from any key, and the longest stored key that is a prefix of a given
 * one; all O(length of the key) and independent of the number of keys. About
 * 5 bytes a key beyond the key itself for dense numbered keys, 8 for random
 * ones. No operation touches more than one path.
 *
 * The tree stores no keys: it asks for the key of a leaf through key_of.
 */
#ifndef STORAGE_RADIX_H
#define STORAGE_RADIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "slice.h"

#define RADIX_KEY_MAX 255
#define RADIX_NONE 0u /* no leaf: leaf references are 1..2^31-1 */

typedef struct slice radix_key_cb(const void *ctx, uint32_t leaf);

struct radix {
	struct arena *arena; /* borrowed; also holds the leaves or not */
	radix_key_cb *key_of;
	const void *ctx;
	uint32_t root;
	size_t n;
};

void radix_init(struct radix *r, struct arena *a, radix_key_cb *key_of,
    const void *ctx);

uint32_t radix_find(const struct radix *r, struct slice key);

/*
 * Bring the paths of n keys into the cache, n <= RADIX_WARM_MAX. The waits for
 * memory, most of the cost in a large tree, overlap; so whoever has a batch
 * of keys at hand warms it before working on one after the other.
 */
#define RADIX_WARM_MAX 32u
void radix_warm(const struct radix *r, const struct slice *key, size_t n);

/*
 * Insert key -> leaf. 0; or 1 when the key is there already, with its leaf in
 * *old and the tree unchanged; or -1 when memory is out, the tree unchanged.
 * A reserve of RADIX_INSERT_BYTES in the arena makes -1 impossible.
 */
#define RADIX_INSERT_BYTES 256u
int radix_insert(struct radix *r, struct slice key, uint32_t leaf,
    uint32_t *old);

/* Put another leaf in the place of the one stored under the same key. */
void radix_replace(struct radix *r, struct slice key, uint32_t leaf);

/* Remove and return the leaf, or RADIX_NONE. Never fails for memory. */
uint32_t radix_remove(struct radix *r, struct slice key);

/* The leaf with the longest key that is a prefix of `s` (the empty key is a
 * prefix of all), or RADIX_NONE. */
uint32_t radix_longest_prefix(const struct radix *r, struct slice s);

/* Walk in ascending byte order. Any change of the tree ends a walk: seek
 * again with the last key. */
struct radix_walk {
	const struct radix *radix;
	uint32_t node[2 * RADIX_KEY_MAX + 2]; /* path of branches */
	uint8_t next[2 * RADIX_KEY_MAX + 2];  /* child to visit next */
	unsigned depth;
	uint32_t pending; /* a leaf to give first */
};

/* Start at the first key >= `from`, or > `from` when `after` is set. */
void radix_seek(struct radix_walk *w, const struct radix *r, struct slice from,
    bool after);
/* The next leaf, or RADIX_NONE at the end. */
uint32_t radix_step(struct radix_walk *w);

#endif
