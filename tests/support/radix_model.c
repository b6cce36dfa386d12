#include "radix_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "map_limit.h"

/* Like assert, but never compiled out: it is the point of this file. */
#define CHECK(x) ((x) ? (void)0 : fail(#x, __LINE__))

static void
fail(const char *what, int line)
{
	fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, line, what);
	abort();
}

static struct slice
key_of(const void *ctx, uint32_t leaf)
{
	const struct radix_model *m = ctx;

	return slice_of(m->key[leaf].bytes, m->key[leaf].len);
}

void
model_init(struct radix_model *m)
{
	memset(m, 0, sizeof(*m));
	CHECK(arena_init(&m->arena) == 0);
	radix_init(&m->radix, &m->arena, key_of, m);
	for (uint32_t leaf = MODEL_KEYS_MAX; leaf > 0; leaf--)
		m->spare[m->n_spare++] = leaf;
}

void
model_fini(struct radix_model *m)
{
	model_starve(m, false);
	for (uint32_t i = 0; i < m->n; i++)
		free(m->key[m->sorted[i]].bytes);
	arena_fini(&m->arena);
}

/* Append the blocks kept back to the list of those released since. */
static void
give_back(struct arena *a, uint32_t *list, uint32_t kept)
{
	while (*list != ARENA_NONE)
		list = arena_ptr(a, *list);
	*list = kept;
}

void
model_starve(struct radix_model *m, bool starve)
{
	struct arena *a = &m->arena;

	if (starve == m->starved)
		return;
	m->starved = starve;
	map_limit(starve ? 0 : -1);
	if (starve) {
		m->kept = *a;
		a->bump_end = a->bump;
		memset(a->free_list, 0, sizeof(a->free_list));
		return;
	}
	a->bump_end = m->kept.bump_end;
	for (size_t i = 0; i < sizeof(a->free_list) / sizeof(uint32_t); i++)
		give_back(a, &a->free_list[i], m->kept.free_list[i]);
}

/* The place of the first key >= key, or > key. */
static uint32_t
place_of(const struct radix_model *m, struct slice key, bool after)
{
	uint32_t i = 0;

	while (i < m->n &&
	    slice_cmp(key_of(m, m->sorted[i]), key) < (after ? 1 : 0))
		i++;
	return i;
}

static uint32_t
leaf_of(const struct radix_model *m, struct slice key)
{
	uint32_t i = place_of(m, key, false);

	if (i == m->n || !slice_eq(key_of(m, m->sorted[i]), key))
		return RADIX_NONE;
	return m->sorted[i];
}

/* Give a key to a leaf not in use. */
static uint32_t
new_leaf(struct radix_model *m, struct slice key)
{
	uint32_t leaf = m->spare[--m->n_spare];
	char *bytes = malloc(key.len + (key.len == 0));

	CHECK(bytes != NULL);
	if (key.len > 0)
		memcpy(bytes, key.ptr, key.len);
	m->key[leaf] = (struct model_key){ key.len, bytes };
	return leaf;
}

static void
free_leaf(struct radix_model *m, uint32_t leaf)
{
	free(m->key[leaf].bytes);
	m->key[leaf].bytes = NULL;
	m->spare[m->n_spare++] = leaf;
}

void
model_insert(struct radix_model *m, struct slice key)
{
	uint32_t there = leaf_of(m, key);
	uint32_t at = place_of(m, key, false);
	uint32_t old = RADIX_NONE;
	uint32_t leaf;
	int status;

	if (m->n_spare == 0)
		return;
	leaf = new_leaf(m, key);
	status = radix_insert(&m->radix, key, leaf, &old);
	CHECK(status == (there != RADIX_NONE) || (status == -1 && m->starved));
	CHECK(old == (status == 1 ? there : RADIX_NONE));
	if (status != 0) {
		free_leaf(m, leaf);
		return;
	}
	memmove(m->sorted + at + 1, m->sorted + at,
	    (m->n - at) * sizeof(*m->sorted));
	m->sorted[at] = leaf;
	m->n++;
}

void
model_remove(struct radix_model *m, struct slice key)
{
	uint32_t leaf = leaf_of(m, key);
	uint32_t at = place_of(m, key, false);

	CHECK(radix_remove(&m->radix, key) == leaf);
	if (leaf == RADIX_NONE)
		return;
	m->n--;
	memmove(m->sorted + at, m->sorted + at + 1,
	    (m->n - at) * sizeof(*m->sorted));
	free_leaf(m, leaf);
}

void
model_replace(struct radix_model *m, struct slice key)
{
	uint32_t old = leaf_of(m, key);
	uint32_t leaf;

	if (old == RADIX_NONE || m->n_spare == 0)
		return;
	leaf = new_leaf(m, key);
	radix_replace(&m->radix, key, leaf);
	m->sorted[place_of(m, key, false)] = leaf;
	free_leaf(m, old);
}

void
model_find(struct radix_model *m, struct slice key)
{
	struct slice keys[2] = { key, slice_of("x", 1) };

	radix_warm(&m->radix, keys, 2); /* must change nothing */
	CHECK(radix_find(&m->radix, key) == leaf_of(m, key));
}

void
model_longest_prefix(struct radix_model *m, struct slice s)
{
	uint32_t best = RADIX_NONE;

	for (uint32_t i = 0; i < m->n; i++)
		if (slice_has_prefix(s, key_of(m, m->sorted[i])))
			best = m->sorted[i]; /* longer ones come later */
	CHECK(radix_longest_prefix(&m->radix, s) == best);
}

void
model_walk(struct radix_model *m, struct slice from, bool after, uint32_t n)
{
	struct radix_walk w;
	uint32_t i = place_of(m, from, after);

	radix_seek(&w, &m->radix, from, after);
	for (; i < m->n && n > 0; i++, n--)
		CHECK(radix_step(&w) == m->sorted[i]);
	if (n == 0)
		return;
	CHECK(radix_step(&w) == RADIX_NONE);
	CHECK(radix_step(&w) == RADIX_NONE);
}

/* The memory of a tree of these keys, inserted in another order. */
static size_t
bytes_when_new(const struct radix_model *m)
{
	struct arena arena;
	struct radix radix;
	uint32_t old;
	size_t bytes;

	CHECK(arena_init(&arena) == 0);
	radix_init(&radix, &arena, key_of, m);
	for (uint32_t i = m->n; i-- > 0;)
		CHECK(radix_insert(&radix, key_of(m, m->sorted[i]),
			  m->sorted[i], &old) == 0);
	bytes = arena.used_bytes;
	arena_fini(&arena);
	return bytes;
}

void
model_check(struct radix_model *m)
{
	CHECK(m->radix.n == m->n);
	model_walk(m, slice_of(NULL, 0), false, UINT32_MAX);
	map_limit(-1);
	CHECK(m->arena.used_bytes == bytes_when_new(m));
	if (m->starved)
		map_limit(0);
}
