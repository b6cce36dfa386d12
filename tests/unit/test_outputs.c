/* What is kept of the output of runs, and for how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "outputs.h"
#include "prng.h"

static struct outputs *outputs;

static int
teardown(void **state)
{
	(void)state;
	outputs_free(outputs);
	outputs = NULL;
	return 0;
}

static void
begin(size_t max_bytes)
{
	struct err e;

	outputs = outputs_new(max_bytes, &e);
	assert_non_null(outputs);
}

/* A run that wrote n bytes to its standard output. */
static void
keep(uint64_t id, uint32_t attempt, size_t n)
{
	struct run *run = calloc(1, sizeof(*run));

	assert_non_null(run);
	run->execution_id = id;
	run->attempt = attempt;
	for (size_t i = 0; i < n; i++)
		output_add(&run->output[OUTPUT_STDOUT], "x", 1, n);
	output_settle(&run->output[OUTPUT_STDOUT]);
	outputs_keep(outputs, run);
	assert_true(n == 0 || run->output[OUTPUT_STDOUT].len == n ||
	    run->output[OUTPUT_STDOUT].len == 0);
	run_free(run);
}

/* -1: nothing is kept of it. */
static int
kept_bytes(uint64_t id, uint32_t attempt)
{
	struct kept *kept = outputs_find(outputs, id, attempt);
	int n;

	if (kept == NULL)
		return -1;
	n = (int)kept->output[OUTPUT_STDOUT].len;
	outputs_drop(kept);
	return n;
}

static void
found_by_execution_and_attempt(void **state)
{
	(void)state;
	begin(100000);
	keep(7, 1, 10);
	keep(7, 2, 20);
	keep(3, 1, 30);
	keep(4, 1, 0);
	assert_int_equal(kept_bytes(7, 1), 10);
	assert_int_equal(kept_bytes(7, 2), 20);
	assert_int_equal(kept_bytes(3, 1), 30);
	assert_int_equal(kept_bytes(3, 2), -1);
	assert_int_equal(kept_bytes(4, 1), -1);
}

static void
the_oldest_give_way(void **state)
{
	(void)state;
	begin(10000);
	for (uint64_t id = 1; id <= 100; id++)
		keep(id, 1, 2000);
	assert_int_equal(kept_bytes(96, 1), -1);
	for (uint64_t id = 97; id <= 100; id++)
		assert_int_equal(kept_bytes(id, 1), 2000);
	keep(200, 1, 11000); /* more than all: not at all, and nobody goes */
	assert_int_equal(kept_bytes(200, 1), -1);
	assert_int_equal(kept_bytes(97, 1), 2000);
}

static void
what_is_referred_to_stays(void **state)
{
	struct kept *kept;

	(void)state;
	begin(3000);
	keep(1, 1, 2000);
	kept = outputs_find(outputs, 1, 1);
	assert_non_null(kept);
	keep(2, 1, 2000);
	assert_int_equal(kept_bytes(1, 1), -1);
	assert_int_equal(kept->output[OUTPUT_STDOUT].bytes[1999], 'x');
	outputs_free(outputs);
	outputs = NULL;
	assert_int_equal(kept->output[OUTPUT_STDOUT].bytes[0], 'x');
	outputs_drop(kept);
}

static void
nothing_may_be_kept(void **state)
{
	(void)state;
	begin(0);
	keep(1, 1, 10);
	assert_int_equal(kept_bytes(1, 1), -1);
}

static void
in_any_order(void **state)
{
	struct prng prng = { 5 };
	uint64_t id[64];

	(void)state;
	begin(1000000);
	for (int i = 0; i < 1000; i++) {
		uint64_t now = (uint64_t)prng_next(&prng) << 16 | (uint64_t)i;

		keep(now, 1, 1 + prng_below(&prng, 100));
		id[i % 64] = now;
	}
	for (int i = 0; i < 64; i++)
		assert_true(kept_bytes(id[i], 1) > 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(found_by_execution_and_attempt,
		    teardown),
		cmocka_unit_test_teardown(the_oldest_give_way, teardown),
		cmocka_unit_test_teardown(what_is_referred_to_stays, teardown),
		cmocka_unit_test_teardown(nothing_may_be_kept, teardown),
		cmocka_unit_test_teardown(in_any_order, teardown),
	};

	return cmocka_run_group_tests_name("outputs", tests, NULL, NULL);
}
