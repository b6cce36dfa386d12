/*
 * A reference counts units of 8 bytes from the start of the first chunk. New
 * blocks are cut from the front ("bump") of one chunk; released ones wait on
 * one list per size, linked through their first four bytes. Chunks are mapped
 * and not touched, so what is never allocated never becomes resident.
 */
#include "arena.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>

#define CHUNK_UNITS (1u << ARENA_CHUNK_BITS)
#define BLOCK_UNITS_MAX (ARENA_BLOCK_MAX / ARENA_UNIT)
#define TABLE_BYTES (ARENA_CHUNKS_MAX * sizeof(char *))

static void *
map_pages(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void *(*arena_map)(size_t n) = map_pages;

static uint32_t
units_of(size_t n)
{
	return (uint32_t)((n + ARENA_UNIT - 1) / ARENA_UNIT);
}

int
arena_init(struct arena *a)
{
	memset(a, 0, sizeof(*a));
	a->chunk = arena_map(TABLE_BYTES);
	return a->chunk == NULL ? -1 : 0;
}

size_t
arena_free_bytes(const struct arena *a)
{
	return a->n_chunks * ARENA_CHUNK_BYTES - a->used_bytes;
}

void
arena_fini(struct arena *a)
{
	if (a->chunk == NULL)
		return;
	for (uint32_t i = 0; i < a->n_chunks; i++)
		(void)munmap(a->chunk[i], ARENA_CHUNK_BYTES);
	(void)munmap(a->chunk, TABLE_BYTES);
	memset(a, 0, sizeof(*a));
}

static void
put_free(struct arena *a, uint32_t ref, uint32_t units)
{
	memcpy(arena_ptr(a, ref), &a->free_list[units], sizeof(uint32_t));
	a->free_list[units] = ref;
}

static uint32_t
take_free(struct arena *a, uint32_t units)
{
	uint32_t ref = a->free_list[units];

	memcpy(&a->free_list[units], arena_ptr(a, ref), sizeof(uint32_t));
	return ref;
}

/* Map one more chunk, to be begun later. */
static int
add_chunk(struct arena *a)
{
	char *p;

	if (a->n_chunks == ARENA_CHUNKS_MAX)
		return -1;
	if ((p = arena_map(ARENA_CHUNK_BYTES)) == NULL)
		return -1;
	a->chunk[a->n_chunks++] = p;
	a->n_ready++;
	return 0;
}

/* Go on to the next chunk; called when the rest of this one is too small. */
static int
begin_chunk(struct arena *a)
{
	if (a->n_ready == 0 && add_chunk(a) == -1)
		return -1;
	if (a->bump < a->bump_end)
		put_free(a, a->bump, a->bump_end - a->bump);
	a->bump = (a->n_chunks - a->n_ready) << ARENA_CHUNK_BITS;
	a->bump_end = a->bump + CHUNK_UNITS;
	a->n_ready--;
	if (a->bump == ARENA_NONE)
		a->bump++;
	return 0;
}

uint32_t
arena_alloc(struct arena *a, size_t n)
{
	uint32_t units = units_of(n);
	uint32_t ref;

	assert(n > 0 && n <= ARENA_BLOCK_MAX);
	if (a->free_list[units] != ARENA_NONE) {
		ref = take_free(a, units);
	} else {
		if (a->bump_end - a->bump < units && begin_chunk(a) == -1)
			return ARENA_NONE;
		ref = a->bump;
		a->bump += units;
	}
	a->used_bytes += (size_t)units * ARENA_UNIT;
	return ref;
}

void
arena_release(struct arena *a, uint32_t ref, size_t n)
{
	uint32_t units = units_of(n);

	assert(ref != ARENA_NONE && n > 0 && n <= ARENA_BLOCK_MAX);
	put_free(a, ref, units);
	a->used_bytes -= (size_t)units * ARENA_UNIT;
}

void
arena_trim(struct arena *a, uint32_t ref, size_t n, size_t keep)
{
	uint32_t kept = units_of(keep);
	uint32_t cut = units_of(n) - kept;

	assert(ref != ARENA_NONE && keep > 0 && keep <= n);
	if (cut == 0)
		return;
	put_free(a, ref + kept, cut);
	a->used_bytes -= (size_t)cut * ARENA_UNIT;
}

/*
 * Released blocks do not count, since nobody knows the sizes to come. At the
 * end of each chunk there may be a rest just too small for the next block, so
 * across a boundary a chunk is good for a little less than its size.
 */
int
arena_reserve(struct arena *a, size_t n)
{
	const size_t rest_max = BLOCK_UNITS_MAX - 1;
	size_t need = n / ARENA_UNIT + (n % ARENA_UNIT != 0);
	size_t rest = a->bump_end - a->bump;
	size_t sure;

	if (need <= rest)
		return 0;
	sure = rest > rest_max ? rest - rest_max : 0;
	sure += a->n_ready * (CHUNK_UNITS - 1 - rest_max);
	for (; sure < need; sure += CHUNK_UNITS - 1 - rest_max)
		if (add_chunk(a) == -1)
			return -1;
	return 0;
}
