#include "queue.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/*
 * A ring with two counters that only grow. Invariants:
 *  1. Only the sender writes `pushed`, only the receiver writes `popped`.
 *  2. popped <= pushed <= popped + mask + 1 (modulo 2^64).
 *  3. Slots in [popped, pushed) belong to the receiver, all others to the
 *     sender; the release store of a counter hands a slot over.
 * The counters sit on cache lines of their own, or each push would take the
 * line away from the core that pops.
 */
#define CACHE_LINE 64

struct queue {
	_Alignas(CACHE_LINE) _Atomic uint64_t pushed;
	_Alignas(CACHE_LINE) _Atomic uint64_t popped;
	_Alignas(CACHE_LINE) uint64_t mask; /* slots - 1, a power of two */
	size_t item_size;
	unsigned char *slots; /* owned */
};

struct queue *
queue_new(size_t capacity, size_t item_size)
{
	size_t slots = 1;
	struct queue *q;

	assert(capacity > 0 && item_size > 0);
	while (slots < capacity)
		slots *= 2;
	if ((q = aligned_alloc(CACHE_LINE, sizeof(*q))) == NULL)
		return NULL;
	if ((q->slots = calloc(slots, item_size)) == NULL) {
		free(q);
		return NULL;
	}
	q->mask = slots - 1;
	q->item_size = item_size;
	atomic_init(&q->pushed, 0);
	atomic_init(&q->popped, 0);
	return q;
}

void
queue_free(struct queue *q)
{
	if (q == NULL)
		return;
	free(q->slots);
	free(q);
}

static void *
slot_at(const struct queue *q, uint64_t count)
{
	return q->slots + (size_t)(count & q->mask) * q->item_size;
}

bool
queue_push(struct queue *q, const void *item)
{
	uint64_t pushed =
	    atomic_load_explicit(&q->pushed, memory_order_relaxed);
	uint64_t popped =
	    atomic_load_explicit(&q->popped, memory_order_acquire);

	if (pushed - popped > q->mask)
		return false;
	memcpy(slot_at(q, pushed), item, q->item_size);
	atomic_store_explicit(&q->pushed, pushed + 1, memory_order_release);
	return true;
}

bool
queue_pop(struct queue *q, void *item)
{
	uint64_t popped =
	    atomic_load_explicit(&q->popped, memory_order_relaxed);
	uint64_t pushed =
	    atomic_load_explicit(&q->pushed, memory_order_acquire);

	if (popped == pushed)
		return false;
	memcpy(item, slot_at(q, popped), q->item_size);
	atomic_store_explicit(&q->popped, popped + 1, memory_order_release);
	return true;
}
