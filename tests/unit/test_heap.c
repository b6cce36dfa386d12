#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "heap.h"
#include "map_limit.h"
#include "prng.h"

#define N_ITEMS 200000u /* several chunks */

struct item {
	uint32_t rank; /* the tie-break */
	uint32_t pos;
	int64_t due_ns; /* what the heap should think */
};

static struct arena arena;
static struct heap heap;
static uint32_t item[N_ITEMS]; /* all, in or out */
static uint64_t n_ties;

static struct item *
item_at(uint32_t ref)
{
	return arena_ptr(&arena, ref);
}

static bool
rank_before(const void *ctx, uint32_t a, uint32_t b)
{
	assert_ptr_equal(ctx, &arena);
	assert_int_equal(item_at(a)->due_ns, item_at(b)->due_ns);
	n_ties++;
	return item_at(a)->rank < item_at(b)->rank;
}

static int
setup(void **state)
{
	struct prng p = { 7 };

	(void)state;
	assert_int_equal(arena_init(&arena), 0);
	assert_int_equal(heap_init(&heap, &arena, offsetof(struct item, pos),
			     rank_before, &arena),
	    0);
	n_ties = 0;
	for (uint32_t i = 0; i < N_ITEMS; i++) {
		item[i] = arena_alloc(&arena, sizeof(struct item));
		*item_at(item[i]) =
		    (struct item){ .rank = prng_next(&p), .pos = HEAP_OUT };
	}
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	map_limit(-1);
	heap_fini(&heap);
	arena_fini(&arena);
	return 0;
}

/* As the heap's owner does: the element knows its time before the heap. */
static int
insert(uint32_t ref, int64_t due_ns)
{
	item_at(ref)->due_ns = due_ns;
	return heap_insert(&heap, ref, due_ns);
}

static void
move(uint32_t ref, int64_t due_ns)
{
	item_at(ref)->due_ns = due_ns;
	heap_move(&heap, ref, due_ns);
}

static bool
comes_before(const struct item *a, const struct item *b)
{
	return a->due_ns != b->due_ns ? a->due_ns < b->due_ns
				      : a->rank < b->rank;
}

/* Positions are a numbering of what is in, and none is before its parent. */
static void
check(uint32_t n_items)
{
	static uint32_t at[N_ITEMS];
	uint32_t n = 0;

	memset(at, 0, sizeof(at));
	for (uint32_t i = 0; i < n_items; i++) {
		uint32_t pos = item_at(item[i])->pos;

		if (pos == HEAP_OUT)
			continue;
		assert_true(pos < heap.n);
		assert_int_equal(at[pos], ARENA_NONE);
		at[pos] = item[i];
		n++;
	}
	assert_int_equal(n, heap.n);
	for (uint32_t pos = 1; pos < n; pos++)
		assert_false(
		    comes_before(item_at(at[pos]), item_at(at[(pos - 1) / 4])));
}

/* The first of all that are in, found the slow way. */
static void
check_first(uint32_t n_items)
{
	struct item *best = NULL;
	uint32_t ref;
	int64_t due_ns;

	for (uint32_t i = 0; i < n_items; i++) {
		struct item *it = item_at(item[i]);

		if (it->pos == HEAP_OUT)
			continue;
		if (best == NULL || comes_before(it, best))
			best = it;
	}
	assert_int_equal(heap_first(&heap, &ref, &due_ns), best != NULL);
	if (best == NULL)
		return;
	assert_ptr_equal(item_at(ref), best);
	assert_int_equal(due_ns, best->due_ns);
}

/* Empty the heap, which must give everything in order. */
static void
drain(void)
{
	const struct item *last = NULL;
	uint32_t ref;
	int64_t due_ns;

	while (heap_first(&heap, &ref, &due_ns)) {
		if (last != NULL)
			assert_true(comes_before(last, item_at(ref)));
		last = item_at(ref);
		assert_int_equal(due_ns, last->due_ns);
		heap_remove(&heap, ref);
		assert_int_equal(last->pos, HEAP_OUT);
	}
	assert_int_equal(heap.n, 0);
}

static void
an_empty_heap_has_no_first(void **state)
{
	(void)state;
	check_first(0);
}

static void
extreme_times_are_in_order(void **state)
{
	static const int64_t due_ns[] = { 0, INT64_MAX, INT64_MIN, -1, 1,
		INT64_MAX, INT64_MIN };

	(void)state;
	for (uint32_t i = 0; i < 7; i++) {
		assert_int_equal(insert(item[i], due_ns[i]), 0);
		check_first(7);
	}
	drain();
}

static void
ties_go_by_rank(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 2000; i++)
		assert_int_equal(insert(item[i], 5), 0);
	check(2000);
	drain();
	assert_true(n_ties > 0);
}

static void
different_times_ask_for_no_rank(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 2000; i++)
		assert_int_equal(insert(item[i], i * 7919 % 2003), 0);
	drain();
	assert_int_equal(n_ties, 0);
}

/* Few items and many steps: each is in every place of the heap. */
static void
random_steps(uint64_t seed, uint32_t n_items, uint32_t n_times)
{
	struct prng p = { seed };

	for (unsigned i = 0; i < 20000; i++) {
		uint32_t ref = item[prng_below(&p, n_items)];
		int64_t due_ns = prng_below(&p, n_times);

		if (item_at(ref)->pos == HEAP_OUT)
			assert_int_equal(insert(ref, due_ns), 0);
		else if (prng_below(&p, 3) == 0)
			heap_remove(&heap, ref);
		else
			move(ref, due_ns);
		check_first(n_items);
		if (i % 100 == 0)
			check(n_items);
	}
	drain();
}

static void
random_steps_on_few_items(void **state)
{
	(void)state;
	random_steps(1, 7, 3);
}

static void
random_steps_with_ties(void **state)
{
	(void)state;
	random_steps(2, 100, 10);
}

static void
random_steps_on_many_items(void **state)
{
	(void)state;
	random_steps(3, 500, 100000);
}

static void
many_items_grow_and_shrink_the_heap(void **state)
{
	struct prng p = { 4 };
	uint32_t n_chunks;

	(void)state;
	for (uint32_t i = 0; i < N_ITEMS; i++)
		assert_int_equal(insert(item[i], prng_next(&p)), 0);
	check(N_ITEMS);
	n_chunks = heap.n_chunks;
	for (uint32_t i = 0; i < N_ITEMS; i += 2)
		heap_remove(&heap, item[i]);
	for (uint32_t i = 1; i < N_ITEMS; i += 2)
		move(item[i], prng_next(&p));
	check(N_ITEMS);
	assert_true(heap.n_chunks < n_chunks);
	drain();
	assert_true(heap.n_chunks < 4);
}

/* Insert and remove until memory suffices, at every limit up to there. */
static void
memory_may_run_out_at_any_insert(void **state)
{
	uint32_t n_failed = 1;

	(void)state;
	for (long limit = 0; n_failed > 0; limit++) {
		heap_fini(&heap);
		map_limit(limit);
		if (heap_init(&heap, &arena, offsetof(struct item, pos),
			rank_before, &arena) == -1)
			continue;
		n_failed = 0;
		for (uint32_t i = 0; i < N_ITEMS; i++) {
			int64_t due_ns = i * 7919 % N_ITEMS;

			if (insert(item[i], due_ns) == 0)
				continue;
			assert_int_equal(item_at(item[i])->pos, HEAP_OUT);
			n_failed++;
		}
		check(N_ITEMS);
		drain();
	}
	assert_true(heap.chunk != NULL);
}

static void
a_reserve_makes_inserts_safe(void **state)
{
	const uint32_t n = N_ITEMS / 2;

	(void)state;
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(insert(item[i], i), 0);
	assert_int_equal(heap_reserve(&heap, N_ITEMS - n), 0);
	map_limit(0);
	drain();
	for (uint32_t i = 0; i < N_ITEMS - n; i++)
		assert_int_equal(insert(item[i], i), 0);
	check(N_ITEMS);
}

static void
a_reserve_may_fail(void **state)
{
	(void)state;
	assert_int_equal(insert(item[0], 0), 0);
	map_limit(1);
	assert_int_equal(heap_reserve(&heap, N_ITEMS), -1);
	assert_int_equal(heap_reserve(&heap, UINT32_MAX), -1);
	assert_int_equal(heap.n_promised, 0);
	check(1);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_empty_heap_has_no_first),
		TEST(extreme_times_are_in_order),
		TEST(ties_go_by_rank),
		TEST(different_times_ask_for_no_rank),
		TEST(random_steps_on_few_items),
		TEST(random_steps_with_ties),
		TEST(random_steps_on_many_items),
		TEST(many_items_grow_and_shrink_the_heap),
		TEST(memory_may_run_out_at_any_insert),
		TEST(a_reserve_makes_inserts_safe),
		TEST(a_reserve_may_fail),
	};

	return cmocka_run_group_tests_name("heap", tests, NULL, NULL);
}
