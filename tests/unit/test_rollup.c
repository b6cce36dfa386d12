#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "fault_os.h"
#include "rollup.h"
#include "sim_fs.h"
#include "store_box.h"

#define HOUR (3600 * NS_PER_S)
#define DAY (24 * HOUR)
#define DAY_NO 20000
#define MIDNIGHT (DAY_NO * DAY) /* some day's */

static struct box box;
static struct sim_fs *fs;
static struct rollup *r;
static struct buf text;

static void
open_rollup(void)
{
	struct err e;

	if (box_open(&box, "log") == -1)
		fail_msg("%s", box.err.msg);
	assert_non_null(r = rollup_open(box.store, &e));
}

static void
close_rollup(void)
{
	rollup_free(r);
	r = NULL;
	box_close(&box);
}

static int
setup(void **state)
{
	(void)state;
	fault_install(&sim_os);
	fs = sim_new(SIM_STRICT);
	sim_use(fs);
	box_init(&box);
	open_rollup();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	fault_none();
	close_rollup();
	box_fini(&box);
	sim_free(fs);
	sim_use(NULL);
	buf_free(&text);
	fault_remove();
	return 0;
}

static void
save(void)
{
	while (!rollup_save(r))
		box_settle(&box);
	box_settle(&box);
}

static void
tidy(int64_t now_ns)
{
	while (!rollup_tidy(r, now_ns))
		box_settle(&box);
	box_settle(&box);
}

static void
restart(void)
{
	close_rollup();
	open_rollup();
}

static void
call(const char *id, bool success, int64_t now_ns)
{
	rollup_add(r, HISTORY_AGENT, slice_str(id), success, 3 * NS_PER_MS,
	    now_ns);
}

/* Rows as "<day after DAY_NO>[.<hour>]:<n>/<failed>". */
static void
put_row(void *arg, int64_t begin_ns, const struct bucket *b)
{
	const struct request_health_history *q = arg;

	buf_addf(&text, "%s%lld", text.len > 0 ? " " : "",
	    (long long)(begin_ns / DAY - DAY_NO));
	if (q->by_hour)
		buf_addf(&text, ".%lld", (long long)(begin_ns % DAY / HOUR));
	assert_int_equal(begin_ns % (q->by_hour ? HOUR : DAY), 0);
	buf_addf(&text, ":%llu/%llu", (unsigned long long)b->v[CALLS],
	    (unsigned long long)b->v[CALLS_FAILED]);
	assert_int_equal(b->v[CALLS_US], 3000 * b->v[CALLS]);
}

static const char *
rows(const char *id, bool by_hour, unsigned days, int64_t now_ns)
{
	struct request_health_history q = { .source = HISTORY_AGENT,
		.id = slice_str(id),
		.days = days,
		.by_hour = by_hour };

	buf_clear(&text);
	rollup_rows(r, &q, now_ns, put_row, &q);
	buf_add_byte(&text, '\0');
	assert_false(text.failed);
	return text.ptr;
}

static size_t
count(enum entry_kind kind)
{
	return entries_count(store_entries(box.store), kind);
}

/* Two days: before noon of day 0 and around midnight. */
static void
fill(void)
{
	call("a", true, MIDNIGHT + 10 * HOUR);
	call("a", false, MIDNIGHT + 11 * HOUR - 1);
	call("a", true, MIDNIGHT + 11 * HOUR);
	call("a", true, MIDNIGHT + DAY - 1);
	call("a", false, MIDNIGHT + DAY);
	call("b", true, MIDNIGHT + DAY);
}

static void
it_counts_by_hour_and_by_day(void **state)
{
	int64_t now_ns = MIDNIGHT + DAY + 5 * NS_PER_S;

	(void)state;
	fill();
	assert_string_equal(rows("a", false, 30, now_ns), "0:4/1 1:1/1");
	assert_string_equal(rows("b", false, 30, now_ns), "1:1/0");
	assert_string_equal(rows("a", true, 30, now_ns),
	    "0.10:2/1 0.11:1/0 0.23:1/0 1.0:1/1");
	/* What goes on is there, whatever happened. */
	now_ns += DAY;
	assert_string_equal(rows("a", false, 30, now_ns), "0:4/1 1:1/1 2:0/0");
	assert_string_equal(rows("b", true, 30, now_ns), "1.0:1/0 2.0:0/0");
	assert_string_equal(rows("none", false, 30, now_ns), "2:0/0");
	assert_string_equal(rows("none", true, 30, now_ns), "2.0:0/0");
	assert_true(rollup_knows(r, HISTORY_AGENT, slice_str("a")));
	assert_false(rollup_knows(r, HISTORY_INTEGRATION, slice_str("a")));
	assert_false(rollup_knows(r, HISTORY_AGENT, slice_str("none")));
}

static void
days_say_how_far_back(void **state)
{
	int64_t now_ns = MIDNIGHT + 2 * DAY + 9 * HOUR;

	(void)state;
	fill();
	assert_string_equal(rows("a", false, 1, now_ns), "2:0/0");
	assert_string_equal(rows("a", false, 2, now_ns), "1:1/1 2:0/0");
	assert_string_equal(rows("a", false, 3, now_ns), "0:4/1 1:1/1 2:0/0");
	/* Times 24 hours: the hour that begins 48 hours ago is out. */
	assert_string_equal(rows("a", true, 1, now_ns), "2.9:0/0");
	assert_string_equal(rows("a", true, 2, now_ns),
	    "0.10:2/1 0.11:1/0 0.23:1/0 1.0:1/1 2.9:0/0");
	assert_string_equal(rows("a", true, 2, now_ns + HOUR),
	    "0.11:1/0 0.23:1/0 1.0:1/1 2.10:0/0");
}

static void
what_was_saved_outlives_a_restart(void **state)
{
	int64_t now_ns = MIDNIGHT + DAY + HOUR;

	(void)state;
	fill();
	save();
	call("a", true, now_ns); /* not saved */
	assert_string_equal(rows("a", true, 1, now_ns),
	    "0.10:2/1 0.11:1/0 0.23:1/0 1.0:1/1 1.1:1/0");
	restart();
	assert_string_equal(rows("a", false, 30, now_ns), "0:4/1 1:1/1");
	/* In the same hour it goes on. */
	call("a", true, MIDNIGHT + DAY + HOUR - 1);
	assert_string_equal(rows("a", true, 2, now_ns),
	    "0.10:2/1 0.11:1/0 0.23:1/0 1.0:2/1 1.1:0/0");
	save();
	assert_true(box_compress(&box));
	restart();
	assert_string_equal(rows("a", false, 30, now_ns), "0:4/1 1:2/1");
	assert_string_equal(rows("b", false, 30, now_ns), "1:1/0");
	assert_int_equal(count(ENTRY_HISTORY_SOURCE), 2);
	assert_int_equal(count(ENTRY_HISTORY), 3);
	assert_int_equal(rollup_refused(r), 0);
}

/* What is kept for each namespace apart. */
static void
namespaces_outlive_a_restart(void **state)
{
	static const char key[] = "http://h:80\0a.";
	struct slice a = slice_of(key, sizeof(key) - 1);
	struct slice none = slice_str("http://h:80");

	(void)state;
	rollup_add(r, HISTORY_INTEGRATION, a, true, 1, MIDNIGHT);
	save();
	restart();
	assert_true(rollup_knows(r, HISTORY_INTEGRATION, a));
	assert_false(rollup_knows(r, HISTORY_INTEGRATION, none));
	rollup_add(r, HISTORY_INTEGRATION, none, true, 1, MIDNIGHT);
	save();
	assert_true(box_compress(&box));
	restart();
	assert_true(rollup_knows(r, HISTORY_INTEGRATION, a));
	assert_true(rollup_knows(r, HISTORY_INTEGRATION, none));
	assert_int_equal(count(ENTRY_HISTORY_SOURCE), 2);
}

static void
nothing_is_written_twice(void **state)
{
	uint64_t records;

	(void)state;
	fill();
	save();
	records = store_stats(box.store)->records;
	save();
	(void)rows("a", false, 30, MIDNIGHT + DAY);
	tidy(MIDNIGHT + DAY);
	assert_int_equal(store_stats(box.store)->records, records);
}

static void
what_comes_during_a_save_is_in_the_next(void **state)
{
	(void)state;
	call("a", true, MIDNIGHT);
	assert_true(rollup_save(r));
	call("a", true, MIDNIGHT);
	assert_true(rollup_save(r)); /* that is still being written */
	assert_string_equal(rows("a", false, 1, MIDNIGHT), "0:2/0");
	box_settle(&box);
	assert_string_equal(rows("a", false, 1, MIDNIGHT), "0:2/0");
	save();
	restart();
	assert_string_equal(rows("a", false, 1, MIDNIGHT), "0:2/0");
}

static void
a_refused_save_is_done_again(void **state)
{
	(void)state;
	fill();
	fault_at(FAULT_PWRITEV, 1, FAULT_ALWAYS, ENOSPC);
	save();
	assert_true(rollup_refused(r) > 0);
	assert_int_equal(count(ENTRY_HISTORY), 0);
	assert_string_equal(rows("a", false, 9, MIDNIGHT + DAY), "0:4/1 1:1/1");
	fault_none();
	save();
	assert_int_equal(rollup_refused(r), 0);
	restart();
	assert_string_equal(rows("a", false, 9, MIDNIGHT + DAY), "0:4/1 1:1/1");
}

static void
hours_go_first_and_days_later(void **state)
{
	int64_t now_ns = MIDNIGHT + 30 * DAY + 11 * HOUR;

	(void)state;
	fill();
	save();
	restart(); /* so that nothing is left in memory */
	/* As long as an hour of the day is asked for, all are there. */
	tidy(now_ns);
	assert_string_equal(rows("a", true, 30, now_ns),
	    "0.23:1/0 1.0:1/1 30.11:0/0");
	tidy(now_ns + DAY);
	assert_string_equal(rows("a", true, 31, now_ns + DAY),
	    "1.0:1/1 31.11:0/0");
	assert_string_equal(rows("a", false, 40, now_ns + DAY),
	    "0:4/1 1:1/1 31:0/0");
	now_ns = MIDNIGHT + 399 * DAY;
	tidy(now_ns);
	assert_string_equal(rows("a", true, 400, now_ns), "399.0:0/0");
	assert_string_equal(rows("a", false, 400, now_ns),
	    "0:4/1 1:1/1 399:0/0");
	restart();
	tidy(now_ns + DAY);
	assert_string_equal(rows("a", false, 400, now_ns + DAY),
	    "1:1/1 400:0/0");
	tidy(now_ns + 3 * DAY);
	assert_int_equal(count(ENTRY_HISTORY), 0);
	tidy(now_ns + 4 * DAY);
	assert_int_equal(count(ENTRY_HISTORY_SOURCE), 0);
	assert_false(rollup_knows(r, HISTORY_AGENT, slice_str("a")));
	restart();
	assert_false(rollup_knows(r, HISTORY_AGENT, slice_str("a")));
}

/* A day that lost its hours may still be added to when the clock is set. */
static void
the_clock_may_jump(void **state)
{
	(void)state;
	fill();
	save();
	tidy(MIDNIGHT + 100 * DAY);
	call("a", true, MIDNIGHT + 100 * DAY);
	call("a", true, MIDNIGHT + 200 * DAY);
	save();
	call("a", true, MIDNIGHT + 10 * HOUR);
	call("a", true, MIDNIGHT + 100 * DAY + HOUR);
	save();
	restart();
	assert_string_equal(rows("a", false, 400, MIDNIGHT + 200 * DAY),
	    "0:5/1 1:1/1 100:2/0 200:1/0");
}

static void
sources_are_limited(void **state)
{
	char id[32];

	(void)state;
	for (unsigned i = 0; i < ROLLUP_SOURCES_MAX; i++) {
		(void)snprintf(id, sizeof(id), "agent.%u", i);
		call(id, true, MIDNIGHT + (i == 7 ? 0 : i + 1));
	}
	call("one.more", true, MIDNIGHT + DAY);
	assert_false(rollup_knows(r, HISTORY_AGENT, slice_str("one.more")));
	save();
	assert_int_equal(count(ENTRY_HISTORY_SOURCE), ROLLUP_SOURCES_MAX);
	/* Now there is one that has been silent for a day. */
	call("one.more", true, MIDNIGHT + DAY + 1);
	assert_true(rollup_knows(r, HISTORY_AGENT, slice_str("one.more")));
	assert_false(rollup_knows(r, HISTORY_AGENT, slice_str("agent.7")));
	/* As soon as the other is removed there is room for its entry. */
	save();
	save();
	tidy(MIDNIGHT + DAY + 1);
	assert_int_equal(count(ENTRY_HISTORY_SOURCE), ROLLUP_SOURCES_MAX);
	assert_int_equal(count(ENTRY_HISTORY), ROLLUP_SOURCES_MAX);
	restart();
	assert_true(rollup_knows(r, HISTORY_AGENT, slice_str("one.more")));
	assert_string_equal(rows("one.more", false, 2, MIDNIGHT + DAY),
	    "1:1/0");
	assert_string_equal(rows("agent.7", false, 2, MIDNIGHT + DAY), "1:0/0");
}

/* The number of one that is gone is not given again while its days are there.
 */
static void
nobody_inherits(void **state)
{
	(void)state;
	fill();
	save();
	box_entry_remove(&box, ENTRY_HISTORY_SOURCE, "00000000");
	box_entry_remove(&box, ENTRY_HISTORY_SOURCE, "00000001");
	box_settle(&box);
	restart();
	call("new", true, MIDNIGHT + DAY);
	assert_string_equal(rows("new", false, 9, MIDNIGHT + DAY), "1:1/0");
	save();
	assert_int_equal(count(ENTRY_HISTORY), 4);
	tidy(MIDNIGHT + DAY);
	assert_int_equal(count(ENTRY_HISTORY), 1);
	restart();
	assert_string_equal(rows("new", false, 9, MIDNIGHT + DAY), "1:1/0");
}

static void
nonsense_does_no_harm(void **state)
{
	static const char *const keys[] = { "", "0", "00000000", "00000000.",
		"00000000.20000", "00000000.0200000", "0000000g.020000",
		"00000000x020000", " 0000000.020000", "00000000.99999999999",
		"something else that is a good deal longer than any key is" };

	(void)state;
	fill();
	save();
	for (size_t i = 1; i < sizeof(keys) / sizeof(keys[0]); i++) {
		box_entry(&box, ENTRY_HISTORY, keys[i], "value");
		box_entry(&box, ENTRY_HISTORY_SOURCE, keys[i], "value");
	}
	box_entry(&box, ENTRY_HISTORY, "00000000.020000", "no day");
	box_settle(&box);
	restart();
	assert_string_equal(rows("b", false, 9, MIDNIGHT + DAY), "1:1/0");
	tidy(MIDNIGHT + DAY);
	assert_string_equal(rows("b", false, 9, MIDNIGHT + DAY), "1:1/0");
	call("a", true, MIDNIGHT);
	save();
	restart();
}

static void
identifiers_may_be_long_and_alike(void **state)
{
	static char id[256];
	struct request_health_history q = { .source = HISTORY_INTEGRATION,
		.days = 1 };

	(void)state;
	memset(id, 'x', 255);
	q.id = slice_str(id);
	call(id, true, MIDNIGHT);
	rollup_add(r, HISTORY_INTEGRATION, slice_str(id), false, 3 * NS_PER_MS,
	    MIDNIGHT);
	save();
	restart();
	assert_string_equal(rows(id, false, 1, MIDNIGHT), "0:1/0");
	buf_clear(&text);
	rollup_rows(r, &q, MIDNIGHT, put_row, &q);
	assert_true(slice_eq(buf_slice(&text), slice_str("0:1/1")));
}

static struct bucket last;

static void
keep_last(void *arg, int64_t begin_ns, const struct bucket *b)
{
	(void)arg;
	(void)begin_ns;
	last = *b;
}

static void
polls_are_kept_too(void **state)
{
	struct poll_sample sample = { .cpu = 12.345,
		.memory = 50,
		.queue_depth = 7,
		.alerts = 3,
		.status = HEALTH_DEGRADED };
	const struct request_health_history q = { .source = HISTORY_SYSTEM,
		.id = slice_str("-"),
		.days = 1 };

	(void)state;
	rollup_poll(r, &sample, MIDNIGHT);
	sample = (struct poll_sample){ .cpu = 20, .status = HEALTH_HEALTHY };
	rollup_poll(r, &sample, MIDNIGHT + HOUR);
	save();
	restart();
	rollup_rows(r, &q, MIDNIGHT + HOUR, keep_last, NULL);
	assert_int_equal(last.v[POLLS], 2);
	assert_int_equal(last.v[POLLS_DEGRADED], 1);
	assert_int_equal(last.v[POLLS_CRITICAL], 0);
	assert_int_equal(last.v[POLLS_CPU], 1235 + 2000);
	assert_int_equal(last.v[POLLS_MEMORY], 5000);
	assert_int_equal(last.v[POLLS_QUEUE], 7);
	assert_int_equal(last.v[POLLS_ALERTS], 3);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(it_counts_by_hour_and_by_day),
		TEST(days_say_how_far_back),
		TEST(what_was_saved_outlives_a_restart),
		TEST(namespaces_outlive_a_restart),
		TEST(nothing_is_written_twice),
		TEST(what_comes_during_a_save_is_in_the_next),
		TEST(a_refused_save_is_done_again),
		TEST(hours_go_first_and_days_later),
		TEST(the_clock_may_jump),
		TEST(sources_are_limited),
		TEST(nobody_inherits),
		TEST(nonsense_does_no_harm),
		TEST(identifiers_may_be_long_and_alike),
		TEST(polls_are_kept_too),
	};

	return cmocka_run_group_tests_name("rollup", tests, NULL, NULL);
}
