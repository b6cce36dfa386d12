/*
 * A key is read as symbols: one for each byte that is usual in identifiers
 * (digits, small letters, some signs), two for any other, END behind the last.
 * So a level of the tree is a byte in most cases, and the order of symbols is
 * the order of bytes. The place of a symbol is its offset: 2i for the first
 * of byte i, 2i + 1 for the second. A branch tests the symbol at one offset
 * and has a child for every value seen there; offsets at which all keys below
 * are equal are skipped. The idea is Tony Finch's (qp trie, DNS trie); this
 * one holds 32-bit references.
 *
 *     branch    one arena block of 8 + 4 * children bytes
 *       head    bits 0..54 the symbols that have a child,
 *               bits 55..63 the offset it tests
 *       child   references in the order of their symbols; with the top bit
 *               set one is a leaf, else a branch
 *
 * (R1) A branch has at least two children.
 * (R2) Offsets grow on the way down. All keys below a branch are equal before
 *      its offset, and those below one child are equal at it too.
 * (R3) So END, symbol 0, comes only at even offsets; its child is a leaf.
 *
 * As the tree skips what is equal, a way down proves nothing: the key of the
 * leaf at its end is compared with the one sought. Where the two differ first
 * tells the place of a missing key (see nearest and radix_seek).
 */
#include "radix.h"

#include <assert.h>
#include <string.h>

#define LEAF_FLAG 0x80000000u
#define OFFSET_SHIFT 55
#define BITMAP ((1ULL << OFFSET_SHIFT) - 1)
#define EQUAL UINT32_MAX /* the offset where equal keys differ */

struct branch {
	uint64_t head;
	uint32_t child[];
};

/*
 * The first symbol of a byte. Bytes that share one lie in the same block of
 * 32, so their low five bits make the second.
 */
/* clang-format off */
static const uint8_t first_symbol[256] = {
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	/* - . / */
	2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 4, 5,
	/* 0-9 : */
	6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 17, 17, 17, 17,
	18, 18, 18, 18, 18, 18, 18, 18, 18, 18, 18, 18, 18, 18, 18, 18,
	/* _ */
	18, 18, 18, 18, 18, 18, 18, 18, 18, 18, 18, 18, 18, 18, 18, 19,
	/* ` a-o */
	20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35,
	/* p-z */
	36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 47, 47, 47, 47,
	48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48,
	48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48,
	49, 49, 49, 49, 49, 49, 49, 49, 49, 49, 49, 49, 49, 49, 49, 49,
	49, 49, 49, 49, 49, 49, 49, 49, 49, 49, 49, 49, 49, 49, 49, 49,
	50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50,
	50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50,
	51, 51, 51, 51, 51, 51, 51, 51, 51, 51, 51, 51, 51, 51, 51, 51,
	51, 51, 51, 51, 51, 51, 51, 51, 51, 51, 51, 51, 51, 51, 51, 51,
};
/* clang-format on */

static bool
is_leaf(uint32_t ref)
{
	return (ref & LEAF_FLAG) != 0;
}

static struct branch *
branch_at(const struct radix *r, uint32_t ref)
{
	return arena_ptr(r->arena, ref);
}

static struct slice
leaf_key(const struct radix *r, uint32_t ref)
{
	return r->key_of(r->ctx, ref & ~LEAF_FLAG);
}

/* The compiler's own is a library call on baseline x86-64. */
static uint32_t
count_bits(uint64_t x)
{
	x -= x >> 1 & 0x5555555555555555u;
	x = (x & 0x3333333333333333u) + (x >> 2 & 0x3333333333333333u);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu;
	return (uint32_t)(x * 0x0101010101010101u >> 56);
}

static uint32_t
offset_of(const struct branch *b)
{
	return (uint32_t)(b->head >> OFFSET_SHIFT);
}

static uint32_t
n_children(const struct branch *b)
{
	return count_bits(b->head & BITMAP);
}

static size_t
branch_bytes(uint32_t n)
{
	return sizeof(struct branch) + n * sizeof(uint32_t);
}

/* The bit of the symbol that the key has at an offset. */
static uint64_t
symbol_bit(struct slice key, uint32_t offset)
{
	size_t i = offset / 2;
	unsigned char byte;

	if (i >= key.len)
		return 1;
	byte = (unsigned char)key.ptr[i];
	return offset % 2 == 0 ? 1ULL << first_symbol[byte] : 2ULL << byte % 32;
}

/* How many children come before the one of this symbol. */
static uint32_t
child_index(const struct branch *b, uint64_t bit)
{
	return count_bits(b->head & (bit - 1));
}

/* The child that the key leads to, or any where it leads to none. */
static uint32_t
child_toward(const struct branch *b, struct slice key)
{
	uint64_t bit = symbol_bit(key, offset_of(b));

	return b->child[b->head & bit ? child_index(b, bit) : 0];
}

/* The first offset at which two keys differ, or EQUAL. */
static uint32_t
difference(struct slice a, struct slice b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	size_t i = 0;

	while (n - i >= 8 && memcmp(a.ptr + i, b.ptr + i, 8) == 0)
		i += 8;
	while (i < n && a.ptr[i] == b.ptr[i])
		i++;
	if (i == n)
		return a.len == b.len ? EQUAL : (uint32_t)i * 2;
	return (uint32_t)i * 2 +
	    (first_symbol[(unsigned char)a.ptr[i]] ==
		first_symbol[(unsigned char)b.ptr[i]]);
}

/*
 * A leaf whose key has the longest stretch in common with `key`: go down by
 * its symbols, and anywhere once it is known to be missing, for by R2 all
 * leaves below that point have the same in common with it. The tree is not
 * empty.
 */
static uint32_t
nearest(const struct radix *r, struct slice key)
{
	uint32_t ref = r->root;

	while (!is_leaf(ref))
		ref = child_toward(branch_at(r, ref), key);
	return ref;
}

void
radix_init(struct radix *r, struct arena *a, radix_key_cb *key_of,
    const void *ctx)
{
	*r = (struct radix){ .arena = a, .key_of = key_of, .ctx = ctx };
}

/* The link to the leaf of this key, or NULL; *above is the link to the branch
 * that has it, or NULL if that is the root. */
static uint32_t *
find_link(struct radix *r, struct slice key, uint32_t **above)
{
	uint32_t *link = &r->root;

	*above = NULL;
	if (r->root == 0)
		return NULL;
	while (!is_leaf(*link)) {
		struct branch *b = branch_at(r, *link);
		uint64_t bit = symbol_bit(key, offset_of(b));

		if ((b->head & bit) == 0)
			return NULL;
		*above = link;
		link = &b->child[child_index(b, bit)];
	}
	return slice_eq(leaf_key(r, *link), key) ? link : NULL;
}

uint32_t
radix_find(const struct radix *r, struct slice key)
{
	uint32_t ref = r->root;

	if (ref == 0)
		return RADIX_NONE;
	while (!is_leaf(ref)) {
		const struct branch *b = branch_at(r, ref);
		uint64_t bit = symbol_bit(key, offset_of(b));

		if ((b->head & bit) == 0)
			return RADIX_NONE;
		ref = b->child[child_index(b, bit)];
	}
	return slice_eq(leaf_key(r, ref), key) ? ref & ~LEAF_FLAG : RADIX_NONE;
}

/* One step down each path in turn, so that a branch has the time of all the
 * other steps to arrive. */
void
radix_warm(const struct radix *r, const struct slice *key, size_t n)
{
	uint32_t at[RADIX_WARM_MAX];
	bool on_the_way = true;

	assert(n <= RADIX_WARM_MAX);
	if (r->root == 0)
		return;
	for (size_t i = 0; i < n; i++)
		at[i] = r->root;
	while (on_the_way) {
		on_the_way = false;
		for (size_t i = 0; i < n; i++) {
			if (is_leaf(at[i]))
				continue;
			at[i] = child_toward(branch_at(r, at[i]), key[i]);
			if (is_leaf(at[i]))
				continue;
			__builtin_prefetch(branch_at(r, at[i]));
			on_the_way = true;
		}
	}
	for (size_t i = 0; i < n; i++)
		__builtin_prefetch(leaf_key(r, at[i]).ptr);
}

/* Put a branch before *link, with what is there and the new leaf. */
static int
split(struct radix *r, uint32_t *link, uint32_t offset, uint64_t old_bit,
    uint64_t new_bit, uint32_t leaf)
{
	uint32_t ref = arena_alloc(r->arena, branch_bytes(2));
	struct branch *b;

	if (ref == ARENA_NONE)
		return -1;
	b = branch_at(r, ref);
	b->head = (uint64_t)offset << OFFSET_SHIFT | old_bit | new_bit;
	b->child[old_bit > new_bit] = *link;
	b->child[old_bit < new_bit] = leaf;
	*link = ref;
	return 0;
}

/* Give the branch at *link one more child. */
static int
grow(struct radix *r, uint32_t *link, uint64_t bit, uint32_t leaf)
{
	uint32_t old = *link;
	struct branch *from = branch_at(r, old);
	uint32_t n = n_children(from);
	uint32_t at = child_index(from, bit);
	uint32_t ref = arena_alloc(r->arena, branch_bytes(n + 1));
	struct branch *to;

	if (ref == ARENA_NONE)
		return -1;
	to = branch_at(r, ref);
	to->head = from->head | bit;
	memcpy(to->child, from->child, at * sizeof(uint32_t));
	to->child[at] = leaf;
	memcpy(to->child + at + 1, from->child + at,
	    (n - at) * sizeof(uint32_t));
	*link = ref;
	arena_release(r->arena, old, branch_bytes(n));
	return 0;
}

/* Take the child of a symbol out of the branch at
 * *link, which has more than two. */
static void
shrink(struct radix *r, uint32_t *link, uint64_t bit)
{
	uint32_t old = *link;
	struct branch *from = branch_at(r, old);
	uint32_t n = n_children(from);
	uint32_t at = child_index(from, bit);
	uint32_t ref = arena_alloc(r->arena, branch_bytes(n - 1));
	struct branch *to = from;

	if (ref != ARENA_NONE) {
		to = branch_at(r, ref);
		memcpy(to->child, from->child, at * sizeof(uint32_t));
		*link = ref;
	}
	to->head = from->head & ~bit;
	memmove(to->child + at, from->child + at + 1,
	    (n - 1 - at) * sizeof(uint32_t));
	if (ref != ARENA_NONE)
		arena_release(r->arena, old, branch_bytes(n));
	else
		arena_trim(r->arena, old, branch_bytes(n), branch_bytes(n - 1));
}

int
radix_insert(struct radix *r, struct slice key, uint32_t leaf, uint32_t *old)
{
	uint32_t *link = &r->root;
	uint32_t near, offset;
	struct slice near_key;
	uint64_t bit;
	int status;

	assert(key.len <= RADIX_KEY_MAX && leaf - 1 < LEAF_FLAG - 1);
	if (r->root == 0) {
		r->root = leaf | LEAF_FLAG;
		r->n = 1;
		return 0;
	}
	near = nearest(r, key);
	near_key = leaf_key(r, near);
	if ((offset = difference(key, near_key)) == EQUAL) {
		*old = near & ~LEAF_FLAG;
		return 1;
	}
	while (!is_leaf(*link)) {
		struct branch *b = branch_at(r, *link);

		if (offset_of(b) >= offset)
			break;
		bit = symbol_bit(key, offset_of(b));
		link = &b->child[child_index(b, bit)];
	}
	bit = symbol_bit(key, offset);
	if (!is_leaf(*link) && offset_of(branch_at(r, *link)) == offset)
		status = grow(r, link, bit, leaf | LEAF_FLAG);
	else
		status = split(r, link, offset, symbol_bit(near_key, offset),
		    bit, leaf | LEAF_FLAG);
	if (status == 0)
		r->n++;
	return status;
}

void
radix_replace(struct radix *r, struct slice key, uint32_t leaf)
{
	uint32_t *above;
	uint32_t *link = find_link(r, key, &above);

	assert(link != NULL && leaf - 1 < LEAF_FLAG - 1);
	*link = leaf | LEAF_FLAG;
}

uint32_t
radix_remove(struct radix *r, struct slice key)
{
	uint32_t *above;
	uint32_t *link = find_link(r, key, &above);
	uint32_t leaf, ref;
	struct branch *b;

	if (link == NULL)
		return RADIX_NONE;
	leaf = *link & ~LEAF_FLAG;
	r->n--;
	if (above == NULL) {
		r->root = 0;
		return leaf;
	}
	ref = *above;
	b = branch_at(r, ref);
	if (n_children(b) == 2) {
		*above = b->child[link == b->child];
		arena_release(r->arena, ref, branch_bytes(2));
	} else {
		shrink(r, above, symbol_bit(key, offset_of(b)));
	}
	return leaf;
}

/*
 * The keys stored on the way to the nearest one that are no longer than what
 * it has in common with s are prefixes of s; by R2 no others are.
 */
uint32_t
radix_longest_prefix(const struct radix *r, struct slice s)
{
	uint32_t best = RADIX_NONE;
	uint32_t ref = r->root;
	uint32_t common;
	uint64_t bit;

	if (ref == 0)
		return RADIX_NONE;
	common = difference(s, leaf_key(r, nearest(r, s)));
	while (!is_leaf(ref)) {
		const struct branch *b = branch_at(r, ref);

		if (offset_of(b) > common)
			return best;
		if (b->head & 1)
			best = b->child[0] & ~LEAF_FLAG;
		bit = symbol_bit(s, offset_of(b));
		if ((b->head & bit) == 0)
			return best;
		ref = b->child[child_index(b, bit)];
	}
	return slice_has_prefix(s, leaf_key(r, ref)) ? ref & ~LEAF_FLAG : best;
}

static void
push(struct radix_walk *w, uint32_t ref, uint32_t next)
{
	w->node[w->depth] = ref;
	w->next[w->depth++] = (uint8_t)next;
}

/*
 * All keys below the first reference that tests at or beyond `offset`, where
 * `from` leaves the nearest key, lie on the same side of `from` unless that
 * branch tests exactly there.
 */
void
radix_seek(struct radix_walk *w, const struct radix *r, struct slice from,
    bool after)
{
	uint32_t ref = r->root;
	struct slice near_key;
	uint32_t offset;
	uint64_t bit;

	w->radix = r;
	w->depth = 0;
	w->pending = RADIX_NONE;
	if (ref == 0)
		return;
	near_key = leaf_key(r, nearest(r, from));
	offset = difference(from, near_key);
	while (!is_leaf(ref)) {
		const struct branch *b = branch_at(r, ref);

		if (offset_of(b) > offset)
			break;
		bit = symbol_bit(from, offset_of(b));
		push(w, ref, child_index(b, bit));
		if (offset_of(b) == offset)
			return;
		w->next[w->depth - 1]++;
		ref = b->child[child_index(b, bit)];
	}
	if (offset == EQUAL ? after : slice_cmp(near_key, from) < 0)
		return;
	if (is_leaf(ref))
		w->pending = ref & ~LEAF_FLAG;
	else
		push(w, ref, 0);
}

uint32_t
radix_step(struct radix_walk *w)
{
	uint32_t leaf = w->pending;

	w->pending = RADIX_NONE;
	while (leaf == RADIX_NONE && w->depth > 0) {
		const struct branch *b =
		    branch_at(w->radix, w->node[w->depth - 1]);
		uint32_t next = w->next[w->depth - 1]++;

		if (next == n_children(b))
			w->depth--;
		else if (is_leaf(b->child[next]))
			leaf = b->child[next] & ~LEAF_FLAG;
		else
			push(w, b->child[next], 0);
	}
	return leaf;
}
