#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "map_limit.h"
#include "prng.h"
#include "radix.h"
#include "radix_model.h"

static struct radix_model model;

static int
setup(void **state)
{
	(void)state;
	model_init(&model);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	model_fini(&model);
	return 0;
}

static void
insert_all(const char *const *key)
{
	for (; *key != NULL; key++)
		model_insert(&model, slice_str(*key));
	model_check(&model);
}

/* Every key there is and is not, through every function. */
static void
look_up(struct slice key)
{
	model_find(&model, key);
	model_longest_prefix(&model, key);
	model_walk(&model, key, false, 3);
	model_walk(&model, key, true, 3);
}

static void
an_empty_tree_finds_nothing(void **state)
{
	(void)state;
	look_up(slice_str(""));
	look_up(slice_str("a"));
	model_remove(&model, slice_str("a"));
	model_check(&model);
}

static void
prefixes_of_each_other_are_different_keys(void **state)
{
	static const char *const key[] = { "", "a", "ab", "abc", "abcdef", "b",
		"\xff", "\xff\xff", "\xfe\xff", "`", "q", NULL };

	(void)state;
	insert_all(key);
	insert_all(key); /* each is there now */
	look_up(slice_str("abcd"));
	look_up(slice_str("abcdefg"));
	look_up(slice_str("A"));
	look_up(slice_str("c"));
	look_up(slice_str("\xff\xff\xff"));
	for (size_t i = 0; key[i] != NULL; i++) {
		look_up(slice_str(key[i]));
		model_replace(&model, slice_str(key[i]));
		model_remove(&model, slice_str(key[i]));
		look_up(slice_str(key[i]));
		model_check(&model);
	}
	assert_int_equal(model.radix.n, 0);
	assert_int_equal(model.arena.used_bytes, 0);
}

static void
a_prefix_skipped_by_compression_is_no_match(void **state)
{
	static const char *const key[] = { "ab", "abxx", "abxxyy", NULL };

	(void)state;
	insert_all(key);
	look_up(slice_str("aBxxyy"));
	look_up(slice_str("abXxyy"));
	look_up(slice_str("abxxYy"));
	look_up(slice_str("cbxxyy"));
}

/* The deepest tree: each key one byte longer than the one before. */
static void
keys_may_have_all_lengths(void **state)
{
	char bytes[RADIX_KEY_MAX + 1];

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	for (size_t len = 0; len <= RADIX_KEY_MAX; len++) {
		model_insert(&model, slice_of(bytes, len));
		if (len == 0)
			continue;
		bytes[len - 1] = 'h'; /* differs in the high half only */
		model_insert(&model, slice_of(bytes, len));
		bytes[len - 1] = 'w'; /* in both, or the low one */
		model_insert(&model, slice_of(bytes, len));
		bytes[len - 1] = 'x';
	}
	model_check(&model);
	for (size_t len = 0; len <= RADIX_KEY_MAX + 1; len++)
		look_up(slice_of(bytes, len));
}

static void
a_branch_may_have_all_children(void **state)
{
	char bytes[2] = "j";

	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		bytes[1] = (char)(i * 7);
		model_insert(&model, slice_of(bytes, 2));
		model_insert(&model, slice_of(bytes, i % 2));
	}
	model_check(&model);
	for (unsigned i = 0; i < 256; i++) {
		bytes[1] = (char)(i * 11);
		look_up(slice_of(bytes, 2));
		model_remove(&model, slice_of(bytes, 2));
	}
	model_check(&model);
}

static void
memory_may_run_out_at_any_insert(void **state)
{
	char key[32];

	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		snprintf(key, sizeof(key), "job.%u", i * 7919 % 1000);
		model_starve(&model, true);
		model_insert(&model, slice_str(key));
		model_check(&model);
		model_starve(&model, false);
		model_insert(&model, slice_str(key));
	}
	model_starve(&model, true);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(key, sizeof(key), "job.%u", i * 31 % 1000);
		model_remove(&model, slice_str(key));
		model_check(&model);
	}
	assert_int_equal(model.arena.used_bytes, 0);
}

static void
a_reserve_makes_an_insert_safe(void **state)
{
	struct arena *a = &model.arena;
	char key[32];

	(void)state;
	for (unsigned i = 0; i < 500; i++) {
		for (unsigned n = 0; n < 20; n++) /* come to ends of chunks */
			assert_int_not_equal(arena_alloc(a, 1016), ARENA_NONE);
		assert_int_equal(arena_reserve(a, RADIX_INSERT_BYTES), 0);
		memset(a->free_list, 0, sizeof(a->free_list));
		map_limit(0);
		snprintf(key, sizeof(key), "job.%u", i * 7919 % 1000);
		model_insert(&model, slice_str(key));
		map_limit(-1);
	}
	assert_int_equal(model.n, 500);
}

/* How a random key comes about: bytes of this set, up to this length. */
struct shape {
	const char *alphabet;
	uint32_t len_max;
	uint32_t n_keys; /* removals prevail beyond */
};

/* A new random key, or one that shares a random stretch with another. */
static struct slice
random_key(struct prng *p, const struct shape *s, char *bytes)
{
	uint32_t len = prng_below(p, s->len_max + 1);
	uint32_t kept = 0;

	if (model.n > 0 && prng_below(p, 2) == 0) {
		uint32_t leaf = model.sorted[prng_below(p, model.n)];

		kept = prng_below(p, (uint32_t)model.key[leaf].len + 1);
		memcpy(bytes, model.key[leaf].bytes, kept);
		if (prng_below(p, 2) == 0)
			len = kept;
	}
	for (uint32_t i = kept; i < len; i++)
		bytes[i] =
		    s->alphabet[prng_below(p, (uint32_t)strlen(s->alphabet))];
	return slice_of(bytes, len < kept ? kept : len);
}

static void
random_step(struct prng *p, const struct shape *s)
{
	char bytes[RADIX_KEY_MAX];
	struct slice key = random_key(p, s, bytes);

	switch (prng_below(p, 8)) {
	case 0:
	case 1:
		model_insert(&model, key);
		break;
	case 2:
		model_remove(&model, key);
		break;
	case 3:
		if (model.n > 0 && prng_below(p, s->n_keys) < model.n)
			model_remove(&model,
			    slice_of(model.key[model.sorted[0]].bytes,
				model.key[model.sorted[0]].len));
		break;
	case 4:
		model_replace(&model, key);
		break;
	case 5:
		model_longest_prefix(&model, key);
		break;
	case 6:
		model_walk(&model, key, prng_below(p, 2), 5);
		break;
	default:
		model_find(&model, key);
	}
}

static void
random_steps(uint64_t seed, const struct shape *s)
{
	struct prng p = { seed };

	for (unsigned i = 0; i < 20000; i++) {
		if (prng_below(&p, 50) == 0)
			model_starve(&model, !model.starved);
		random_step(&p, s);
		if (i % 500 == 0)
			model_check(&model);
	}
	model_check(&model);
}

static void
random_keys_of_few_values(void **state)
{
	(void)state;
	random_steps(1, &(struct shape){ "!\"\xff", 6, 300 });
}

static void
random_numbers(void **state)
{
	(void)state;
	random_steps(2, &(struct shape){ "0123456789", 4, 600 });
}

static void
random_long_keys(void **state)
{
	(void)state;
	random_steps(3,
	    &(struct shape){ "!PQpq\x80\xfe\xff", RADIX_KEY_MAX, 300 });
}

static void
random_few_keys(void **state)
{
	(void)state;
	random_steps(4, &(struct shape){ "ab", 3, 4 });
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_empty_tree_finds_nothing),
		TEST(prefixes_of_each_other_are_different_keys),
		TEST(a_prefix_skipped_by_compression_is_no_match),
		TEST(keys_may_have_all_lengths),
		TEST(a_branch_may_have_all_children),
		TEST(memory_may_run_out_at_any_insert),
		TEST(a_reserve_makes_an_insert_safe),
		TEST(random_keys_of_few_values),
		TEST(random_numbers),
		TEST(random_long_keys),
		TEST(random_few_keys),
	};

	return cmocka_run_group_tests_name("radix", tests, NULL, NULL);
}
