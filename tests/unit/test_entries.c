#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "entries.h"
#include "jobs.h"
#include "prng.h"

static struct jobs jobs; /* whose arena the entries are in */
static struct entries entries;

static int
setup(void **state)
{
	(void)state;
	if (jobs_init(&jobs) == -1)
		return -1;
	entries_init(&entries, &jobs.arena);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	entries_fini(&entries);
	jobs_fini(&jobs);
	return 0;
}

static void
set(enum entry_kind kind, const char *id, const char *value)
{
	struct record_entry r = { .kind = kind,
		.id = slice_str(id),
		.value = slice_str(value) };
	struct err e;
	char *copy;

	assert_int_equal(jobs_reserve(&jobs, 1), 0);
	assert_non_null(copy = entry_value_new(r.value, &e));
	entries_apply_set(&entries, &r, copy);
}

static void
drop(enum entry_kind kind, const char *id)
{
	struct record_entry r = { .kind = kind, .id = slice_str(id) };

	entries_apply_remove(&entries, &r);
}

static void
expect(enum entry_kind kind, const char *id, const char *value)
{
	struct slice found = entries_get(&entries, kind, slice_str(id));

	if (value == NULL) {
		assert_null(found.ptr);
		return;
	}
	assert_non_null(found.ptr);
	assert_string_equal(found.ptr, value);
	assert_int_equal(found.len, strlen(value));
}

static void
kinds_are_apart(void **state)
{
	(void)state;
	set(ENTRY_THRESHOLD, "cpu", "80");
	set(ENTRY_ALERT, "cpu", "raised");
	expect(ENTRY_THRESHOLD, "cpu", "80");
	expect(ENTRY_ALERT, "cpu", "raised");
	expect(ENTRY_HISTORY, "cpu", NULL);
	drop(ENTRY_HISTORY, "cpu");
	drop(ENTRY_ALERT, "cpu");
	drop(ENTRY_ALERT, "cpu");
	expect(ENTRY_THRESHOLD, "cpu", "80");
	expect(ENTRY_ALERT, "cpu", NULL);
	assert_int_equal(entries_count(&entries, ENTRY_THRESHOLD), 1);
	assert_int_equal(entries_count(&entries, ENTRY_ALERT), 0);
}

static void
the_last_value_counts(void **state)
{
	(void)state;
	set(ENTRY_ALERT, "a", "one");
	set(ENTRY_ALERT, "a", "a much longer value than the first one");
	expect(ENTRY_ALERT, "a", "a much longer value than the first one");
	set(ENTRY_ALERT, "a", "");
	expect(ENTRY_ALERT, "a", "");
	assert_int_equal(entries_count(&entries, ENTRY_ALERT), 1);
}

static void
a_walk_is_ordered(void **state)
{
	static const char *const ids[] = { "b", "a.10", "c", "a", "a.2" };
	static const char *const order[] = { "a", "a.10", "a.2", "b", "c" };
	const struct entry *entry;
	struct entries_walk w;

	(void)state;
	for (size_t i = 0; i < 5; i++)
		set(ENTRY_HISTORY, ids[i], ids[i]);
	set(ENTRY_ALERT, "aa", "of another kind");
	for (size_t from = 0; from < 10; from++) {
		bool after = from % 2 == 1;
		size_t i = from / 2 + after;

		entries_seek(&w, &entries, ENTRY_HISTORY,
		    slice_str(order[from / 2]), after);
		while ((entry = entries_step(&w)) != NULL) {
			assert_true(i < 5);
			assert_true(
			    slice_eq(entry_id(entry), slice_str(order[i++])));
			assert_true(
			    slice_eq(entry_id(entry), entry_value(entry)));
		}
		assert_int_equal(i, 5);
	}
}

#define N_NAMES 300u

/* Names of many lengths. */
static void
put_name(char name[64], unsigned k)
{
	(void)snprintf(name, 64, "%0*u", 1 + (int)(k % 50), k);
}

/* Against an array of what should be there. */
static void
any_order_of_changes(void **state)
{
	static char value[N_NAMES][16];
	struct prng p = { 7 };
	size_t n = 0, used;
	char id[64];

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		unsigned k = prng_below(&p, N_NAMES);

		put_name(id, k);
		if (prng_below(&p, 3) > 0) {
			(void)snprintf(value[k], sizeof(value[k]), "%u", i);
			set(ENTRY_ALERT, id, value[k]);
		} else {
			drop(ENTRY_ALERT, id);
			value[k][0] = '\0';
		}
	}
	for (unsigned k = 0; k < N_NAMES; k++) {
		put_name(id, k);
		expect(ENTRY_ALERT, id, value[k][0] == '\0' ? NULL : value[k]);
		n += value[k][0] != '\0';
	}
	assert_int_equal(entries_count(&entries, ENTRY_ALERT), n);
	/* What was removed is used again. */
	used = jobs.arena.used_bytes;
	for (unsigned i = 0; i < 1000; i++) {
		set(ENTRY_ALERT, "again", "value");
		drop(ENTRY_ALERT, "again");
	}
	assert_int_equal(jobs.arena.used_bytes, used);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(kinds_are_apart),
		TEST(the_last_value_counts),
		TEST(a_walk_is_ordered),
		TEST(any_order_of_changes),
	};

	return cmocka_run_group_tests_name("entries", tests, NULL, NULL);
}
