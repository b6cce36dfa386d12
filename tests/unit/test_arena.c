#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "arena.h"
#include "map_limit.h"
#include "prng.h"

#define N_BLOCKS 8192u /* more than one chunk on average */

struct block {
	uint32_t ref, n;
};

static struct arena arena;
static struct block block[N_BLOCKS];
static size_t n_bytes; /* in live blocks, rounded up */

static int
setup(void **state)
{
	(void)state;
	memset(block, 0, sizeof(block));
	n_bytes = 0;
	return arena_init(&arena);
}

static int
teardown(void **state)
{
	(void)state;
	map_limit(-1);
	arena_fini(&arena);
	return 0;
}

static uint32_t
rounded(uint32_t n)
{
	return (n + ARENA_UNIT - 1) / ARENA_UNIT * ARENA_UNIT;
}

/* What a block is filled with, so that overlaps show. */
static int
mark(const struct block *b)
{
	return (int)((b->ref ^ b->ref >> 8 ^ b->n) & 0xff);
}

static int
fill(struct block *b, uint32_t n)
{
	uint32_t ref = arena_alloc(&arena, n);

	if (ref == ARENA_NONE)
		return -1;
	assert_true(ref < 1u << 31);
	*b = (struct block){ ref, n };
	assert_int_equal((uintptr_t)arena_ptr(&arena, ref) % ARENA_UNIT, 0);
	memset(arena_ptr(&arena, ref), mark(b), n);
	n_bytes += rounded(n);
	return 0;
}

static void
check_mark(const struct block *b, int expected, uint32_t n)
{
	const unsigned char *byte = arena_ptr(&arena, b->ref);

	for (uint32_t i = 0; i < n; i++)
		if (byte[i] != expected)
			fail_msg("block %u: byte %u changed", b->ref, i);
}

static void
empty(struct block *b)
{
	check_mark(b, mark(b), b->n);
	arena_release(&arena, b->ref, b->n);
	n_bytes -= rounded(b->n);
	*b = (struct block){ 0 };
}

static void
trim(struct block *b, uint32_t keep)
{
	int before = mark(b);

	arena_trim(&arena, b->ref, b->n, keep);
	n_bytes -= rounded(b->n) - rounded(keep);
	check_mark(b, before, keep);
	b->n = keep;
	memset(arena_ptr(&arena, b->ref), mark(b), keep);
}

static void
blocks_do_not_overlap(void **state)
{
	struct prng p = { 1 };

	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		struct block *b = &block[prng_below(&p, N_BLOCKS)];
		uint32_t n = 1 + prng_below(&p, ARENA_BLOCK_MAX);

		if (b->ref == ARENA_NONE)
			assert_int_equal(fill(b, n), 0);
		else if (prng_below(&p, 4) == 0)
			trim(b, 1 + prng_below(&p, b->n));
		else
			empty(b);
		assert_int_equal(arena.used_bytes, n_bytes);
	}
	for (unsigned i = 0; i < N_BLOCKS; i++)
		if (block[i].ref != ARENA_NONE)
			empty(&block[i]);
	assert_int_equal(arena.used_bytes, 0);
}

static void
released_blocks_are_used_again(void **state)
{
	uint32_t n_chunks;

	(void)state;
	for (unsigned i = 0; i < N_BLOCKS; i++)
		assert_int_equal(fill(&block[i], 1 + i % 300), 0);
	n_chunks = arena.n_chunks;
	for (unsigned round = 0; round < 10; round++) {
		for (unsigned i = 0; i < N_BLOCKS; i++)
			empty(&block[i]);
		for (unsigned i = N_BLOCKS; i-- > 0;)
			assert_int_equal(fill(&block[i], 1 + i % 300), 0);
	}
	assert_int_equal(arena.n_chunks, n_chunks);
}

/* Where a block does not fit any more, a smaller one does later. */
static void
the_end_of_a_chunk_is_used(void **state)
{
	const uint32_t units = ARENA_CHUNK_BYTES / ARENA_UNIT;
	uint32_t left = units - 1; /* reference 0 is that of nothing */

	(void)state;
	for (; left >= 100; left -= 100)
		assert_int_not_equal(arena_alloc(&arena, 800), ARENA_NONE);
	assert_true(left > 1);
	assert_int_equal(arena_alloc(&arena, 800), units);
	assert_int_equal(arena_alloc(&arena, (size_t)left * ARENA_UNIT),
	    units - left);
}

static void
memory_may_run_out_at_any_map(void **state)
{
	long n_failed = 1;

	(void)state;
	for (long limit = 0; n_failed > 0; limit++) {
		arena_fini(&arena);
		n_bytes = 0;
		map_limit(limit);
		if (arena_init(&arena) == -1)
			continue;
		n_failed = 0;
		for (unsigned i = 0; i < N_BLOCKS; i++)
			n_failed += fill(&block[i], 1 + i % 1000) == -1;
		assert_int_equal(arena.used_bytes, n_bytes);
		assert_true(arena.n_chunks <= (uint32_t)limit);
		for (unsigned i = 0; i < N_BLOCKS; i++)
			if (block[i].ref != ARENA_NONE)
				empty(&block[i]);
	}
}

/* Random blocks that come to exactly what was reserved. */
static void
use_up(struct prng *p, uint32_t n)
{
	while (n > 0) {
		uint32_t size = 8 * (1 + prng_below(p, ARENA_BLOCK_MAX / 8));

		size = size > n ? n : size;
		assert_int_not_equal(arena_alloc(&arena, size), ARENA_NONE);
		n -= rounded(size);
	}
}

static void
what_is_reserved_does_not_fail(void **state)
{
	struct prng p = { 2 };

	(void)state;
	for (unsigned i = 0; i < 500; i++) {
		uint32_t n = 8 * prng_below(&p, i % 10 == 0 ? 500000 : 500);

		assert_int_equal(arena_reserve(&arena, n), 0);
		map_limit(0);
		use_up(&p, n);
		map_limit(-1);
	}
}

/* Equal blocks leave a rest in every chunk, here in three of them. */
static void
a_reserve_counts_what_chunks_leave_over(void **state)
{
	(void)state;
	for (uint32_t size = 8; size <= ARENA_BLOCK_MAX; size += 8) {
		uint32_t n = 2 * (uint32_t)(ARENA_CHUNK_BYTES / size) + 1;

		arena_fini(&arena);
		assert_int_equal(arena_init(&arena), 0);
		assert_int_not_equal(arena_alloc(&arena, 8), ARENA_NONE);
		assert_int_equal(arena_reserve(&arena, (size_t)n * size), 0);
		map_limit(0);
		for (uint32_t i = 0; i < n; i++)
			assert_int_not_equal(arena_alloc(&arena, size),
			    ARENA_NONE);
		map_limit(-1);
	}
}

static void
a_reserve_maps_no_more_than_needed(void **state)
{
	(void)state;
	assert_int_equal(arena_reserve(&arena, 8), 0);
	assert_int_equal(arena_reserve(&arena, ARENA_CHUNK_BYTES / 2), 0);
	assert_int_equal(arena.n_chunks, 1);
	assert_int_not_equal(arena_alloc(&arena, 8), ARENA_NONE);
	assert_int_equal(arena_reserve(&arena, ARENA_CHUNK_BYTES), 0);
	assert_int_equal(arena_reserve(&arena, ARENA_CHUNK_BYTES), 0);
	assert_int_equal(arena.n_chunks, 2);
}

static void
a_reserve_may_fail(void **state)
{
	(void)state;
	map_limit(3);
	assert_int_equal(arena_reserve(&arena, 4 * ARENA_CHUNK_BYTES), -1);
	assert_int_equal(arena_reserve(&arena, 2 * ARENA_CHUNK_BYTES), 0);
	assert_int_equal(arena_reserve(&arena, SIZE_MAX), -1);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(blocks_do_not_overlap),
		TEST(released_blocks_are_used_again),
		TEST(the_end_of_a_chunk_is_used),
		TEST(memory_may_run_out_at_any_map),
		TEST(what_is_reserved_does_not_fail),
		TEST(a_reserve_counts_what_chunks_leave_over),
		TEST(a_reserve_maps_no_more_than_needed),
		TEST(a_reserve_may_fail),
	};

	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
