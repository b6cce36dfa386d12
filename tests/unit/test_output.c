#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdint.h>
#include <string.h>

#include "output.h"
#include "prng.h"

#define MAX 1500u /* no power of two, and more than the first allocation */

static void
expect(struct output *o, const char *text)
{
	output_settle(o);
	assert_int_equal(o->len, strlen(text));
	assert_memory_equal(o->bytes, text, o->len);
}

static void
is_empty_at_first(void **state)
{
	struct output o = { 0 };

	(void)state;
	expect(&o, "");
	assert_false(output_is_cut(&o));
	output_add(&o, "", 0, MAX);
	expect(&o, "");
	assert_false(output_is_cut(&o));
	output_free(&o);
}

static void
keeps_all_up_to_the_limit(void **state)
{
	struct output o = { 0 };

	(void)state;
	output_add(&o, "abc", 3, 6);
	output_add(&o, "def", 3, 6);
	assert_false(output_is_cut(&o));
	expect(&o, "abcdef");
	output_free(&o);
}

static void
keeps_the_end(void **state)
{
	struct output o = { 0 };

	(void)state;
	output_add(&o, "abcd", 4, 6);
	output_add(&o, "efgh", 4, 6);
	assert_true(output_is_cut(&o));
	assert_int_equal(o.total, 8);
	expect(&o, "cdefgh");
	output_free(&o);

	output_add(&o, "ab", 2, 4);
	output_add(&o, "cdefghijkl", 10, 4);
	expect(&o, "ijkl");
	output_free(&o);
}

static void
keeps_nothing_when_told_so(void **state)
{
	struct output o = { 0 };

	(void)state;
	output_add(&o, "abc", 3, 0);
	assert_true(output_is_cut(&o));
	expect(&o, "");
	output_free(&o);
}

/* What is kept begins with a whole character; what was cut off with it is not
 * kept either. */
static void
begins_with_a_character(void **state)
{
	static const struct {
		size_t max;
		const char *kept;
	} cases[] = { { 8, "\xe2\x82\xacx\xc3\xbc\xc3\xbc" },
		{ 7, "x\xc3\xbc\xc3\xbc" }, { 6, "x\xc3\xbc\xc3\xbc" },
		{ 5, "x\xc3\xbc\xc3\xbc" }, { 4, "\xc3\xbc\xc3\xbc" },
		{ 3, "\xc3\xbc" }, { 2, "\xc3\xbc" }, { 1, "" } };
	static const char all[] = "\xe2\x82\xacx\xc3\xbc\xc3\xbc";
	struct output o = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		output_add(&o, all, sizeof(all) - 1, cases[i].max);
		output_settle(&o);
		assert_int_equal(o.len, strlen(cases[i].kept));
		assert_memory_equal(o.bytes, cases[i].kept, o.len);
		assert_int_equal(o.total, sizeof(all) - 1);
		output_free(&o);
	}
	/* Bytes that are no UTF-8 are kept as they are. */
	output_add(&o, "abc\x80\x81\x82\x83", 7, 4);
	output_settle(&o);
	assert_int_equal(o.len, 4);
	/* Nothing was cut: nor is this. */
	output_free(&o);
	output_add(&o, "\x82\xac", 2, 4);
	output_settle(&o);
	assert_int_equal(o.len, 2);
	output_free(&o);
}

/* Against the simplest model: everything ever written. */
static void
is_the_tail_of_everything(void **state)
{
	static char all[64 * 1024];
	struct output o = { 0 };
	size_t n = 0, step, kept, i;
	struct prng prng = { .state = 42 };

	(void)state;
	for (i = 0; i < sizeof(all); i++)
		all[i] = (char)('a' + prng_below(&prng, 26));
	while (n < sizeof(all)) {
		step = prng_below(&prng, 2) == 0 ? prng_below(&prng, 40)
						 : prng_below(&prng, 2 * MAX);
		if (step > sizeof(all) - n)
			step = sizeof(all) - n;
		output_add(&o, all + n, step, MAX);
		n += step;
		kept = n < MAX ? n : MAX;
		assert_int_equal(o.len, kept);
		assert_int_equal(o.total, n);
		assert_true(o.cap <= MAX);
	}
	output_settle(&o);
	assert_memory_equal(o.bytes, all + n - MAX, MAX);
	output_free(&o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_empty_at_first),
		cmocka_unit_test(keeps_all_up_to_the_limit),
		cmocka_unit_test(keeps_the_end),
		cmocka_unit_test(keeps_nothing_when_told_so),
		cmocka_unit_test(begins_with_a_character),
		cmocka_unit_test(is_the_tail_of_everything),
	};

	return cmocka_run_group_tests_name("output", tests, NULL, NULL);
}
