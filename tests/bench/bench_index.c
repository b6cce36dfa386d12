/*
 * What the indexes cost without the rest of the server: the arena, the radix
 * tree and the heap together, as a restart fills them.
 *
 *     bench_index [-n jobs] [-s dense|shuffled|random] [-w]
 *
 * Identifiers are 23 bytes: bench.job.<13 digits> in order or shuffled, or
 * hexadecimal digits. With -w, each batch is warmed first. Prints one line of
 * JSON; the maxima are of batches of 16 inserts in processor time, page faults
 * included.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "arena.h"
#include "heap.h"
#include "latency.h"
#include "radix.h"

#define ID_LEN 23
#define BATCH 16

/* As large as a job in storage/jobs.h. */
struct element {
	int64_t due_ns;
	void *extra;
	uint32_t pos;
	uint8_t phase, id_len;
	char id[];
};

struct bench {
	struct arena arena;
	struct radix radix;
	struct heap heap;
	uint32_t n;
	char shape;
	bool warm;
};

static void
die(const char *why)
{
	fprintf(stderr, "bench_index: %s\n", why);
	exit(1);
}

static uint64_t
now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* What this thread ran, to leave out the work of others on the machine. */
static uint64_t
cpu_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t
mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

/* The i-th of 0 .. n-1 in an order without visible pattern: a few rounds of a
 * permutation of the next power of four, repeated until the result is below
 * n. */
static uint32_t
shuffled(uint32_t i, uint32_t n)
{
	uint32_t half = 1;

	while (1ULL << 2 * half < n)
		half++;
	do {
		uint32_t low = (1u << half) - 1;
		uint32_t left = i >> half, right = i & low;

		for (uint32_t round = 1; round <= 4; round++) {
			uint32_t f = (uint32_t)mix(right + round * 77777ULL);

			f = left ^ (f & low);
			left = right;
			right = f;
		}
		i = left << half | right;
	} while (i >= n);
	return i;
}

static void
make_id(const struct bench *b, uint32_t i, char *id)
{
	static const char digits[] = "0123456789abcdef";
	uint64_t x = i;

	if (b->shape == 'r') {
		for (int at = 0; at < ID_LEN; at++, x >>= 4) {
			if (at % 16 == 0)
				x = mix(i + ((uint64_t)at << 32) + 1);
			id[at] = digits[x & 15];
		}
		return;
	}
	memcpy(id, "bench.job.", 10);
	for (int at = ID_LEN - 1; at >= 10; at--, x /= 10)
		id[at] = digits[x % 10];
}

/* The identifier that comes i-th in this shape. */
static void
nth_id(const struct bench *b, uint32_t i, char *id)
{
	make_id(b, b->shape == 's' ? shuffled(i, b->n) : i, id);
}

static struct slice
key_of(const void *ctx, uint32_t ref)
{
	const struct bench *b = ctx;
	const struct element *e = arena_ptr(&b->arena, ref);

	return slice_of(e->id, e->id_len);
}

static bool
id_before(const void *ctx, uint32_t a, uint32_t b)
{
	return slice_cmp(key_of(ctx, a), key_of(ctx, b)) < 0;
}

static uint32_t
new_element(struct bench *b, uint32_t i)
{
	uint32_t ref =
	    arena_alloc(&b->arena, offsetof(struct element, id) + ID_LEN);
	struct element *e;

	if (ref == ARENA_NONE)
		die("out of memory");
	e = arena_ptr(&b->arena, ref);
	*e = (struct element){ .pos = HEAP_OUT, .id_len = ID_LEN };
	nth_id(b, i, e->id);
	return ref;
}

/* As at a restart or after a group commit, where many records are at hand. */
static void
insert_batch(struct bench *b, const uint32_t *ref, uint32_t n)
{
	struct slice key[BATCH] = { { NULL, 0 } };
	uint32_t old;

	for (uint32_t i = 0; i < n; i++)
		key[i] = key_of(b, ref[i]);
	if (b->warm)
		radix_warm(&b->radix, key, n);
	for (uint32_t i = 0; i < n; i++)
		if (radix_insert(&b->radix, key[i], ref[i], &old) != 0)
			die("insert");
}

static void
insert_keys(struct bench *b, uint32_t *ref, struct latency *l)
{
	for (uint32_t i = 0; i < b->n;) {
		uint64_t start = cpu_ns();
		uint32_t n = 0;

		for (; n < BATCH && i + n < b->n; n++)
			ref[i + n] = new_element(b, i + n);
		insert_batch(b, ref + i, n);
		i += n;
		latency_add(l, cpu_ns() - start, 1);
	}
}

static void
find_keys(const struct bench *b)
{
	char id[ID_LEN];

	for (uint32_t i = 0; i < b->n; i++) {
		nth_id(b, shuffled(i, b->n), id);
		if (radix_find(&b->radix, slice_of(id, ID_LEN)) == RADIX_NONE)
			die("find");
	}
}

static void
walk(const struct bench *b)
{
	struct radix_walk w;
	uint32_t n = 0;

	radix_seek(&w, &b->radix, slice_of("", 0), false);
	while (radix_step(&w) != RADIX_NONE)
		n++;
	if (n != b->n)
		die("walk");
}

static void
remove_keys(struct bench *b)
{
	char id[ID_LEN];

	for (uint32_t i = 0; i < b->n; i++) {
		nth_id(b, shuffled(i, b->n), id);
		if (radix_remove(&b->radix, slice_of(id, ID_LEN)) == RADIX_NONE)
			die("remove");
	}
}

static void
insert_times(struct bench *b, const uint32_t *ref, struct latency *l)
{
	for (uint32_t i = 0; i < b->n;) {
		uint64_t start = cpu_ns();

		for (uint32_t end = i + BATCH; i < end && i < b->n; i++)
			if (heap_insert(&b->heap, ref[i],
				(int64_t)(mix(i + 1) >> 1)) == -1)
				die("out of memory");
		latency_add(l, cpu_ns() - start, 1);
	}
}

static void
pop_times(struct bench *b)
{
	uint32_t ref;
	int64_t due_ns;

	while (heap_first(&b->heap, &ref, &due_ns))
		heap_remove(&b->heap, ref);
}

/* Nanoseconds for each of the n elements since *start; starts again. */
static double
lap(const struct bench *b, uint64_t *start)
{
	uint64_t then = *start;

	*start = now_ns();
	return (double)(*start - then) / b->n;
}

static void
run(struct bench *b)
{
	static struct latency inserts, times;
	uint32_t *ref = calloc(b->n, sizeof(*ref));
	uint64_t start = now_ns();

	if (ref == NULL || arena_init(&b->arena) == -1 ||
	    heap_init(&b->heap, &b->arena, offsetof(struct element, pos),
		id_before, b) == -1)
		die("out of memory");
	radix_init(&b->radix, &b->arena, key_of, b);
	insert_keys(b, ref, &inserts);
	printf("{\"n\":%u,\"shape\":\"%c\",\"insert_ns\":%.0f", b->n, b->shape,
	    lap(b, &start));
	insert_times(b, ref, &times);
	printf(",\"heap_insert_ns\":%.0f", lap(b, &start));
	printf(",\"insert_max_us\":%.0f,\"heap_insert_max_us\":%.0f",
	    (double)inserts.max_ns / 1e3, (double)times.max_ns / 1e3);
	printf(",\"tree_bytes\":%.2f,\"arena_bytes\":%.2f",
	    (double)b->arena.used_bytes / b->n - 48,
	    (double)b->arena.n_chunks * ARENA_CHUNK_BYTES / b->n);
	start = now_ns();
	find_keys(b);
	printf(",\"find_ns\":%.0f", lap(b, &start));
	walk(b);
	printf(",\"walk_ns\":%.0f", lap(b, &start));
	pop_times(b);
	printf(",\"heap_pop_ns\":%.0f", lap(b, &start));
	remove_keys(b);
	printf(",\"remove_ns\":%.0f}\n", lap(b, &start));
	heap_fini(&b->heap);
	arena_fini(&b->arena);
	free(ref);
}

int
main(int argc, char **argv)
{
	static struct bench b = { .n = 1000000, .shape = 'd' };
	int c;

	while ((c = getopt(argc, argv, "n:s:w")) != -1) {
		if (c == 'n')
			b.n = (uint32_t)strtoul(optarg, NULL, 10);
		else if (c == 'w')
			b.warm = true;
		else if (c == 's' && strchr("dsr", *optarg) != NULL)
			b.shape = *optarg;
		else
			die("usage: bench_index [-n jobs] "
			    "[-s dense|shuffled|random] [-w]");
	}
	if (b.n == 0)
		die("no jobs");
	run(&b);
	return 0;
}
