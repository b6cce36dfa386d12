/*
 * Position i has its children at 4i+1 .. 4i+4 and is stored in slot i+3, so
 * that the four children's due times share one cache line. Due times and
 * references lie in arrays of their own: choosing a child reads due times
 * only, and equal ones alone cost a look at the elements.
 *
 * (H1) No element comes before its parent.
 * (H2) The element at position i holds i at pos_offset.
 * (H3) There are chunks for n + n_promised elements. A removal gives one back
 *      when there are more than SPARE_CHUNKS beyond these.
 */
#include "heap.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>

#define ARITY 4u
#define FIRST_SLOT (ARITY - 1)
#define CHUNK_BITS 14u
#define CHUNK_SLOTS (1u << CHUNK_BITS)
#define CHUNKS_MAX (1u << (31 - CHUNK_BITS)) /* as many as references */
#define SLOTS_MAX (CHUNKS_MAX << CHUNK_BITS)
#define SPARE_CHUNKS 2u
#define TABLE_BYTES (CHUNKS_MAX * sizeof(struct heap_chunk *))

struct heap_chunk {
	int64_t due_ns[CHUNK_SLOTS];
	uint32_t ref[CHUNK_SLOTS];
};

struct entry {
	int64_t due_ns;
	uint32_t ref;
};

int
heap_init(struct heap *h, struct arena *a, size_t pos_offset,
    heap_before_cb *before, const void *ctx)
{
	*h = (struct heap){
		.arena = a,
		.pos_offset = pos_offset,
		.before = before,
		.ctx = ctx,
		.chunk = arena_map(TABLE_BYTES),
	};
	return h->chunk == NULL ? -1 : 0;
}

static void
drop_last_chunk(struct heap *h)
{
	(void)munmap(h->chunk[--h->n_chunks], sizeof(struct heap_chunk));
}

void
heap_fini(struct heap *h)
{
	if (h->chunk == NULL)
		return;
	while (h->n_chunks > 0)
		drop_last_chunk(h);
	(void)munmap(h->chunk, TABLE_BYTES);
	memset(h, 0, sizeof(*h));
}

static uint32_t
chunks_for(uint32_t n)
{
	return (n + FIRST_SLOT + CHUNK_SLOTS - 1) >> CHUNK_BITS;
}

static int
ensure_chunks(struct heap *h, uint32_t n)
{
	while (h->n_chunks < n) {
		struct heap_chunk *c = arena_map(sizeof(*c));

		if (c == NULL)
			return -1;
		h->chunk[h->n_chunks++] = c;
	}
	return 0;
}

int
heap_reserve(struct heap *h, uint32_t n)
{
	if (n > SLOTS_MAX - FIRST_SLOT - h->n)
		return -1;
	if (ensure_chunks(h, chunks_for(h->n + n)) == -1)
		return -1;
	if (h->n_promised < n)
		h->n_promised = n;
	return 0;
}

static int64_t *
due_at(const struct heap *h, uint32_t i)
{
	uint32_t slot = i + FIRST_SLOT;

	return &h->chunk[slot >> CHUNK_BITS]->due_ns[slot % CHUNK_SLOTS];
}

static uint32_t *
ref_at(const struct heap *h, uint32_t i)
{
	uint32_t slot = i + FIRST_SLOT;

	return &h->chunk[slot >> CHUNK_BITS]->ref[slot % CHUNK_SLOTS];
}

static struct entry
entry_at(const struct heap *h, uint32_t i)
{
	return (struct entry){ *due_at(h, i), *ref_at(h, i) };
}

static uint32_t *
position_of(const struct heap *h, uint32_t ref)
{
	char *element = arena_ptr(h->arena, ref);

	return (uint32_t *)(void *)(element + h->pos_offset);
}

static void
place(struct heap *h, uint32_t i, struct entry e)
{
	*due_at(h, i) = e.due_ns;
	*ref_at(h, i) = e.ref;
	*position_of(h, e.ref) = i;
}

/* Whether e comes before the entry at position i. */
static bool
comes_before(const struct heap *h, struct entry e, uint32_t i)
{
	int64_t due_ns = *due_at(h, i);

	if (e.due_ns != due_ns)
		return e.due_ns < due_ns;
	return h->before(h->ctx, e.ref, *ref_at(h, i));
}

/* Put e at the free position i or above it, pulling parents down. */
static void
sift_up(struct heap *h, uint32_t i, struct entry e)
{
	while (i > 0) {
		uint32_t parent = (i - 1) / ARITY;

		if (!comes_before(h, e, parent))
			break;
		place(h, i, entry_at(h, parent));
		i = parent;
	}
	place(h, i, e);
}

/* The child of i that comes first; the first child is there. */
static uint32_t
first_child(const struct heap *h, uint32_t i)
{
	uint32_t child = i * ARITY + 1;
	uint32_t last = h->n - child < ARITY ? h->n - 1 : child + ARITY - 1;
	struct entry best = entry_at(h, child);
	uint32_t at = child;

	while (child++ < last) {
		if (comes_before(h, best, child))
			continue;
		best = entry_at(h, child);
		at = child;
	}
	return at;
}

/* Put e at the free position i or below it, pulling children up. */
static void
sift_down(struct heap *h, uint32_t i, struct entry e)
{
	/* i has children; written so that i * ARITY cannot overflow. */
	while (h->n > 1 && i <= (h->n - 2) / ARITY) {
		uint32_t child = first_child(h, i);

		if (comes_before(h, e, child))
			break;
		place(h, i, entry_at(h, child));
		i = child;
	}
	place(h, i, e);
}

/* Put e at the free position i or wherever it belongs from there. */
static void
sift(struct heap *h, uint32_t i, struct entry e)
{
	if (i > 0 && comes_before(h, e, (i - 1) / ARITY))
		sift_up(h, i, e);
	else
		sift_down(h, i, e);
}

int
heap_insert(struct heap *h, uint32_t ref, int64_t due_ns)
{
	if (h->n == SLOTS_MAX - FIRST_SLOT)
		return -1;
	if (ensure_chunks(h, chunks_for(h->n + 1)) == -1)
		return -1;
	if (h->n_promised > 0)
		h->n_promised--;
	sift_up(h, h->n++, (struct entry){ due_ns, ref });
	return 0;
}

void
heap_move(struct heap *h, uint32_t ref, int64_t due_ns)
{
	uint32_t i = *position_of(h, ref);

	assert(i < h->n && *ref_at(h, i) == ref);
	sift(h, i, (struct entry){ due_ns, ref });
}

void
heap_remove(struct heap *h, uint32_t ref)
{
	uint32_t i = *position_of(h, ref);
	struct entry last;

	assert(i < h->n && *ref_at(h, i) == ref);
	last = entry_at(h, --h->n);
	if (i != h->n)
		sift(h, i, last);
	*position_of(h, ref) = HEAP_OUT;
	if (h->n_chunks > chunks_for(h->n + h->n_promised) + SPARE_CHUNKS)
		drop_last_chunk(h);
}

bool
heap_first(const struct heap *h, uint32_t *ref, int64_t *due_ns)
{
	if (h->n == 0)
		return false;
	*ref = *ref_at(h, 0);
	*due_ns = *due_at(h, 0);
	return true;
}
