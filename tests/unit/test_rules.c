#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "jobs.h"
#include "prng.h"
#include "rules.h"
#include "store_box.h"

static struct jobs jobs; /* whose arena the indexes are in */
static struct rules rules;

static int
setup(void **state)
{
	(void)state;
	if (jobs_init(&jobs) == -1)
		return -1;
	rules_init(&rules, &jobs.arena);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	rules_fini(&rules);
	jobs_fini(&jobs);
	return 0;
}

static struct rule *
set(const char *id, const char *pattern, const char *line)
{
	struct rule_spec *spec = box_spec(line);
	struct buf payload = { 0 };
	struct rule *rule;
	struct err e;

	rules_put_record(&payload, slice_str(id), slice_str(pattern), spec,
	    false);
	assert_false(payload.failed);
	assert_int_equal(jobs_reserve(&jobs, 1), 0);
	assert_int_equal(rules_reserve(&rules, 1, &e), 0);
	rule = rule_new(buf_slice(&payload), &e);
	assert_non_null(rule);
	rule = rules_apply_set(&rules, rule);
	rule_spec_unref(spec);
	buf_free(&payload);
	return rule;
}

static void
drop(const char *id)
{
	rule_free(rules_apply_remove(&rules, slice_str(id)));
}

static void
expect_match(const char *job, const char *id)
{
	const struct rule *rule = rules_match(&rules, slice_str(job));

	if (id == NULL) {
		assert_null(rule);
		return;
	}
	assert_non_null(rule);
	assert_string_equal(rule->id, id);
}

static void
the_longest_pattern_counts(void **state)
{
	(void)state;
	expect_match("a.b.c", NULL);
	set("one", "a.", "shell true");
	set("two", "a.b", "shell true");
	expect_match("a.b.c", "two");
	expect_match("a.b", "two");
	expect_match("a.", "one");
	expect_match("a", NULL);
	set("all", "", "shell true");
	expect_match("a", "all");
	drop("two");
	expect_match("a.b.c", "one");
	drop("one");
	expect_match("a.b.c", "all");
	drop("all");
	expect_match("a.b.c", NULL);
	assert_int_equal(rules.n, 0);
}

static void
of_one_pattern_the_smallest_identifier_counts(void **state)
{
	(void)state;
	set("m", "p", "shell true");
	set("z", "p", "shell true");
	expect_match("p", "m");
	set("a", "p", "shell true");
	expect_match("p", "a");
	set("n", "p", "shell true");
	drop("a");
	expect_match("p", "m");
	drop("n"); /* in the middle */
	drop("m");
	expect_match("p", "z");
	drop("z");
	expect_match("p", NULL);
}

static void
a_rule_set_anew_keeps_its_place(void **state)
{
	struct rule *rule = set("r", "a", "shell true");
	uint32_t slot = rule->slot;

	(void)state;
	rule->runtime = &rules;
	(void)rules_apply_pause(&rules, slice_str("r"), true);
	assert_true(rule->paused);
	rule = set("r", "b", "direct /bin/true -- retries=2");
	assert_int_equal(rule->slot, slot);
	assert_ptr_equal(rule->runtime, &rules);
	assert_false(rule->paused);
	assert_ptr_equal(rules_by_slot(&rules, slot), rule);
	assert_int_equal(rule->spec->runner, RUNNER_DIRECT);
	assert_int_equal(rule->spec->number[OPTION_retries], 2);
	expect_match("a", NULL);
	expect_match("b", "r");
	assert_int_equal(rules.n, 1);
}

static void
unknown_rules_are_no_matter(void **state)
{
	(void)state;
	assert_null(rules_apply_remove(&rules, slice_str("none")));
	assert_null(rules_apply_pause(&rules, slice_str("none"), true));
	assert_null(rules_find(&rules, slice_str("none")));
}

static void
slots_are_used_again(void **state)
{
	char id[16];

	(void)state;
	for (unsigned round = 0; round < 5; round++) {
		for (unsigned i = 0; i < 100; i++) {
			(void)snprintf(id, sizeof(id), "r%u", i);
			set(id, id, "shell true");
		}
		for (unsigned i = 0; i < 100; i++) {
			(void)snprintf(id, sizeof(id), "r%u",
			    (i * 37 + round) % 100);
			drop(id);
		}
	}
	assert_true(rules.n_slots <= 101);
	assert_int_equal(jobs.arena.used_bytes, 0);
}

/* Every option that has a value comes back from the record. */
static void
options_come_back(void **state)
{
	const struct rule *rule = set("r", "a",
	    "shell true -- timeout=5s retries=3 on_crash=fail misfire=skip "
	    "env=A=1 env=B=2 success=0,3 directory=/tmp breaker_ratio=0.25");

	(void)state;
	assert_int_equal(rule->spec->number[OPTION_timeout], 5000000000);
	assert_int_equal(rule->spec->number[OPTION_retries], 3);
	assert_int_equal(rule->spec->number[OPTION_on_crash], ON_CRASH_FAIL);
	assert_int_equal(rule->spec->number[OPTION_misfire], MISFIRE_SKIP);
	assert_int_equal(rule->spec->number[OPTION_breaker_ratio], 2500);
	assert_int_equal(rule->spec->text[OPTION_env].n, 2);
	assert_true(slice_eq(strings_get(&rule->spec->text[OPTION_env], 1),
	    slice_str("B=2")));
	assert_int_equal(rule->spec->text[OPTION_success].n, 1);
	assert_int_equal(rule->spec->text[OPTION_directory].n, 1);
	assert_int_equal(rule->spec->args.n, 1);
}

/* No client may set these, but a log may hold them from before. */
static void
urls_of_old_logs_come_back(void **state)
{
	(void)state;
	set("a", "a", "redis redis://h?db=1 SET k");
	set("b", "b", "amqp amqp://h/?x=1 e k");
	set("c", "c", "http GET http://h/#x");
	expect_match("b", "b");
}

static void
a_payload_cut_short_is_no_rule(void **state)
{
	struct rule_spec *spec = box_spec("shell true -- retries=3");
	struct buf payload = { 0 };
	struct err e;

	(void)state;
	rules_put_record(&payload, slice_str("r"), slice_str("a"), spec, true);
	for (size_t n = 0; n < payload.len; n++) {
		assert_null(rule_new(slice_of(payload.ptr, n), &e));
		assert_int_equal(e.code, ERR_INVALID);
	}
	buf_add_byte(&payload, 0);
	assert_null(rule_new(buf_slice(&payload), &e));
	buf_free(&payload);
	rule_spec_unref(spec);
}

/* Against a list that is searched from end to end. */
static void
random_rules_match_as_in_a_list(void **state)
{
	static const char *const id[] = { "a", "b", "c", "d", "e", "f", "g",
		"h" };
	static const char *const pattern[] = { "", "x", "xy", "xyz", "y",
		"xz" };
	static const char *const job[] = { "x", "xy", "xyzz", "xzz", "yy", "z",
		"" };
	const char *has[8] = { NULL };
	struct prng p = { 11 };

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		unsigned k = prng_below(&p, 8);

		if (prng_below(&p, 3) == 0) {
			drop(id[k]);
			has[k] = NULL;
		} else {
			has[k] = pattern[prng_below(&p, 6)];
			set(id[k], has[k], "shell true");
		}
		for (unsigned j = 0; j < 7; j++) {
			const char *best = NULL;
			size_t len = 0;

			for (unsigned r = 0; r < 8; r++) {
				if (has[r] == NULL ||
				    strncmp(job[j], has[r], strlen(has[r])) !=
					0)
					continue;
				if (best != NULL && strlen(has[r]) <= len)
					continue;
				best = id[r];
				len = strlen(has[r]);
			}
			expect_match(job[j], best);
		}
	}
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_longest_pattern_counts),
		TEST(of_one_pattern_the_smallest_identifier_counts),
		TEST(a_rule_set_anew_keeps_its_place),
		TEST(unknown_rules_are_no_matter),
		TEST(slots_are_used_again),
		TEST(options_come_back),
		TEST(urls_of_old_logs_come_back),
		TEST(a_payload_cut_short_is_no_rule),
		TEST(random_rules_match_as_in_a_list),
	};

	return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
