#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "fault_os.h"
#include "log_maker.h"
#include "sim_fs.h"
#include "store_box.h"

static struct box box;
static struct sim_fs *fs;
static struct buf before, after;

static int
setup(void **state)
{
	(void)state;
	fault_install(&sim_os);
	fs = sim_new(SIM_STRICT);
	sim_use(fs);
	box_init(&box);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	fault_none();
	box_fini(&box);
	sim_free(fs);
	sim_use(NULL);
	buf_free(&before);
	buf_free(&after);
	fault_remove();
	return 0;
}

static void
open_store(const char *path)
{
	if (box_open(&box, path) == -1)
		fail_msg("%s", box.err.msg);
}

static void
fill(void)
{
	box_rule(&box, "rule.a", "a.", "shell true -- retries=3");
	box_rule(&box, "rule.b", "b.", "direct /bin/true");
	box_set(&box, "a.1", 5);
	box_set_payload(&box, "a.2", 6, "payload");
	box_set(&box, "b.1", 7);
	box_settle(&box);
	box_run(&box, RECORD_JOB_TRIGGER, "a.1", 3, WAL_TRIGGER);
	box_run(&box, RECORD_JOB_START, "a.1", 3, WAL_TRIGGER);
	box_run(&box, RECORD_JOB_FINISH, "a.1", 3, WAL_RESULT);
	box_run(&box, RECORD_JOB_TRIGGER, "a.2", 4, WAL_TRIGGER);
	box_remove(&box, "b.1");
	box_rule_pause(&box, "rule.a", true);
	box_rule_remove(&box, "rule.b");
	box_entry(&box, ENTRY_THRESHOLD, "cpu", "80");
	box_entry(&box, ENTRY_THRESHOLD, "cpu", "81");
	box_entry(&box, ENTRY_ALERT, "cpu", "another kind");
	box_entry(&box, ENTRY_ALERT, "disk", "");
	box_entry(&box, ENTRY_THRESHOLD, "disk", "85");
	box_entry_remove(&box, ENTRY_THRESHOLD, "disk");
	box_settle(&box);
	assert_int_equal(box.n_refused, 0);
}

/* Close and open: all is as it was. */
static void
expect_same_after_restart(const char *path)
{
	box_print(&box, &before);
	box_close(&box);
	open_store(path);
	box_print(&box, &after);
	assert_string_equal(before.ptr, after.ptr);
}

static void
a_change_is_seen_when_it_is_durable(void **state)
{
	(void)state;
	open_store("log");
	box_set(&box, "a.1", 5);
	assert_null(box_job(&box, "a.1"));
	assert_false(store_idle(box.store));
	store_kick(box.store);
	box_await(&box);
	assert_null(box_job(&box, "a.1"));
	assert_true(store_poll(box.store));
	assert_non_null(box_job(&box, "a.1"));
	assert_int_equal(box.n_ok, 1);
	assert_true(store_idle(box.store));
	assert_false(store_poll(box.store));
}

static void
everything_is_there_after_a_restart(void **state)
{
	(void)state;
	open_store("log");
	assert_true(store_is_durable(box.store));
	fill();
	expect_same_after_restart("log");
	assert_int_equal(box.recovery.records, 18);
	assert_int_equal(box.recovery.discarded_bytes, 0);
	assert_true(store_next_execution_id(box.store) > 4);
	expect_same_after_restart("log");
}

static void
a_store_in_memory_does_the_same(void **state)
{
	(void)state;
	open_store(NULL);
	assert_false(store_is_durable(box.store));
	fill();
	box_print(&box, &before);
	box_close(&box);
	open_store("log");
	fill();
	box_print(&box, &after);
	assert_string_equal(before.ptr, after.ptr);
	assert_int_equal(store_compress(box.store, &box.err), 0);
	box_rest(&box);
	box_close(&box);
	open_store(NULL);
	assert_int_equal(store_compress(box.store, &box.err), -1);
	assert_int_equal(box.err.code, ERR_CONFLICT);
}

static void
compression_changes_nothing(void **state)
{
	size_t n;

	(void)state;
	open_store("log");
	fill();
	assert_true(box_compress(&box));
	assert_null(sim_bytes(fs, "log.old", &n));
	assert_non_null(sim_bytes(fs, "log.base", &n));
	expect_same_after_restart("log");
	box_set(&box, "c.1", 1);
	box_run(&box, RECORD_JOB_START, "a.2", 4, WAL_TRIGGER);
	box_settle(&box);
	assert_true(box_compress(&box));
	assert_true(box_compress(&box)); /* nothing new */
	expect_same_after_restart("log");
	assert_true(store_next_execution_id(box.store) > 4);
}

/* Execution identifiers are never given twice, also when all that had one is
 * removed and folded. */
static void
execution_identifiers_are_new(void **state)
{
	(void)state;
	open_store("log");
	box_set(&box, "a", 1);
	box_settle(&box);
	box_run(&box, RECORD_JOB_TRIGGER, "a", 77, WAL_TRIGGER);
	box_remove(&box, "a");
	box_settle(&box);
	assert_true(box_compress(&box));
	expect_same_after_restart("log");
	assert_int_equal(store_next_execution_id(box.store), 78);
}

static void
a_refused_change_leaves_no_trace(void **state)
{
	(void)state;
	open_store("log");
	fill();
	box_print(&box, &before);
	fault_at(FAULT_PWRITEV, 1, FAULT_ALWAYS, ENOSPC);
	box_set(&box, "x", 1);
	box_set_payload(&box, "a.1", 99, "another");
	box_remove(&box, "a.2");
	box_rule(&box, "rule.c", "c.", "shell true");
	box_rule(&box, "rule.a", "c.", "shell false");
	box_rule_remove(&box, "rule.a");
	box_entry(&box, ENTRY_THRESHOLD, "cpu", "99");
	box_entry(&box, ENTRY_THRESHOLD, "new", "1");
	box_entry_remove(&box, ENTRY_ALERT, "cpu");
	box_settle(&box);
	assert_int_equal(box.n_refused, 9);
	assert_int_equal(box.err.code, ERR_STORAGE);
	assert_true(store_stats(box.store)->failing);
	assert_true(store_stats(box.store)->last_error[0] != '\0');
	box_print(&box, &after);
	assert_string_equal(before.ptr, after.ptr);
	fault_none();
	expect_same_after_restart("log");
	box_set(&box, "x", 1);
	box_settle(&box);
	assert_false(store_stats(box.store)->failing);
	assert_non_null(box_job(&box, "x"));
}

static void
what_still_waits_at_the_close_is_dropped(void **state)
{
	(void)state;
	open_store("log");
	fill();
	box_print(&box, &before);
	box_set_payload(&box, "dropped", 1, "payload");
	box_rule(&box, "dropped", "d", "shell true");
	box_entry(&box, ENTRY_ALERT, "dropped", "value");
	box_close(&box);
	open_store("log");
	box_print(&box, &after);
	assert_string_equal(before.ptr, after.ptr);
	/* Being written, or written and not applied: there at the start, and
	 * all that was made for them is freed. */
	box_set_payload(&box, "written", 1, "payload");
	box_rule(&box, "written", "w", "shell true");
	box_entry(&box, ENTRY_ALERT, "written", "value");
	store_kick(box.store);
	box_close(&box);
	open_store("log");
	assert_non_null(box_job(&box, "written"));
	box_set_payload(&box, "done", 1, "payload");
	store_kick(box.store);
	box_await(&box);
	box_close(&box);
	open_store("log");
	assert_non_null(box_job(&box, "done"));
}

static void
names_under_way_are_busy(void **state)
{
	uint32_t a = store_slot(STORE_JOB, slice_str("a"));
	uint32_t rule = store_slot(STORE_RULE, slice_str("a"));

	(void)state;
	assert_int_not_equal(a, rule);
	assert_int_not_equal(store_entry_slot(ENTRY_ALERT, slice_str("a")),
	    store_entry_slot(ENTRY_THRESHOLD, slice_str("a")));
	assert_int_equal(a, store_slot(STORE_JOB, slice_str("a")));
	open_store(NULL);
	assert_false(store_busy(box.store, a, true));
	box_set(&box, "a", 1);
	box_set(&box, "a", 2);
	assert_true(store_busy(box.store, a, true));
	assert_false(store_busy(box.store, a, false));
	assert_false(store_busy(box.store, rule, true));
	store_claim(box.store, a);
	assert_true(store_busy(box.store, a, false));
	box_settle(&box);
	assert_true(store_busy(box.store, a, true)); /* still claimed */
	store_unclaim(box.store, a);
	assert_false(store_busy(box.store, a, true));
}

static void
hashes_spread(void **state)
{
	static unsigned char seen[1u << 17];
	unsigned n = 0;
	char name[32];

	(void)state;
	for (unsigned i = 0; i < 10000; i++) {
		uint32_t slot;

		(void)snprintf(name, sizeof(name), "invoice.%u", i);
		slot = store_slot(STORE_JOB, slice_str(name));
		assert_true(slot < sizeof(seen));
		n += seen[slot]++ > 0;
	}
	assert_true(n < 1000); /* some 370 by chance */
}

static char last_note[OP_NOTE_MAX];
static unsigned n_told;

static void
told(void *arg, struct slice note, const struct err *e)
{
	assert_null(arg);
	assert_null(e);
	memcpy(last_note, note.ptr, note.len);
	last_note[note.len] = '\0';
	n_told++;
	assert_non_null(box_job(&box, last_note)); /* it is applied */
}

static void
waiters_are_told_in_order_with_their_note(void **state)
{
	(void)state;
	open_store("log");
	n_told = 0;
	for (unsigned i = 0; i < 10; i++) {
		struct record_set set = { .due_ns = 1 };
		struct store_waiter w = { .done = told };
		char note[16];

		(void)snprintf(note, sizeof(note), "job%u", i);
		set.job = w.note = slice_str(note);
		assert_int_equal(store_set(box.store, &set, &w, &box.err), 0);
	}
	box_settle(&box);
	assert_int_equal(n_told, 10);
	assert_string_equal(last_note, "job9");
}

static unsigned n_hooks[3];

static void
job_hook(void *ctx, const struct job *job, bool removed)
{
	(void)ctx;
	(void)job;
	n_hooks[0] += removed ? 100 : 1;
}

static void
rule_changed_hook(void *ctx, struct rule *rule)
{
	(void)ctx;
	(void)rule;
	n_hooks[1]++;
}

static void
rule_removed_hook(void *ctx, struct rule *rule)
{
	(void)ctx;
	assert_null(rules_find(store_rules(box.store), rule_id(rule)));
	n_hooks[2]++;
}

static void
hooks_are_called(void **state)
{
	const struct store_hooks hooks = { .job_changing = job_hook,
		.rule_changed = rule_changed_hook,
		.rule_removed = rule_removed_hook };

	(void)state;
	open_store(NULL);
	store_set_hooks(box.store, &hooks);
	memset(n_hooks, 0, sizeof(n_hooks));
	box_set_payload(&box, "a", 1, "p");
	box_settle(&box);
	box_set(&box, "a", 1);
	box_remove(&box, "a");
	box_rule(&box, "r", "a", "shell true");
	box_rule(&box, "r", "a", "shell true");
	box_rule_pause(&box, "r", true);
	box_rule_remove(&box, "r");
	box_rule_pause(&box, "r", true); /* gone: nobody is told */
	box_settle(&box);
	assert_int_equal(n_hooks[0], 101);
	assert_int_equal(n_hooks[1], 3);
	assert_int_equal(n_hooks[2], 1);
}

static void
a_full_batch_is_handed_over_first(void **state)
{
	char name[16];
	unsigned n = 0;

	(void)state;
	open_store("log");
	while (!store_full(box.store)) {
		(void)snprintf(name, sizeof(name), "%u", n++);
		box_set(&box, name, n);
	}
	assert_int_equal(n, BATCH_OPS_MAX);
	box_settle(&box);
	assert_false(store_full(box.store));
	assert_int_equal(jobs_total(store_jobs(box.store)), n);
	assert_int_equal(store_stats(box.store)->records, n);
	assert_int_equal(store_stats(box.store)->commits, 1);
	expect_same_after_restart("log");
}

static void
expect_no_room(void)
{
	struct rule_spec *spec = box_spec("shell true");
	struct store_waiter w = box_waiter(&box);

	assert_int_equal(store_rule_set(box.store, slice_str("one.more"),
			     slice_str("a"), spec, false, &w, &box.err),
	    -1);
	assert_int_equal(box.err.code, ERR_LIMIT);
	rule_spec_unref(spec);
}

/* More changes of other kinds under way are not rules. */
static void
rules_are_limited_and_nothing_else(void **state)
{
	char name[16];

	(void)state;
	open_store(NULL);
	for (unsigned i = 0; i < RULES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "r%u", i);
		box_rule(&box, name, name, "shell true");
		if (store_full(box.store))
			box_settle(&box);
	}
	box_settle(&box);
	assert_int_equal(store_rules(box.store)->n, RULES_MAX);
	/* What is there may be set anew, also with much under way. */
	box_set(&box, "job", 1);
	box_rule(&box, "r5", "other", "shell false");
	box_settle(&box);
	assert_int_equal(store_rules(box.store)->n, RULES_MAX);
	expect_no_room();
	box_rule_remove(&box, "r6");
	box_settle(&box);
	box_rule(&box, "r.new", "new", "shell true");
	expect_no_room(); /* although that is not durable yet */
	box_settle(&box);
}

static void
what_is_set_last_is_left(void **state)
{
	struct slice value;

	(void)state;
	open_store("log");
	fill();
	for (int round = 0; round < 2; round++) {
		const struct entries *s = store_entries(box.store);

		assert_int_equal(entries_count(s, ENTRY_THRESHOLD), 1);
		value = entries_get(s, ENTRY_THRESHOLD, slice_str("cpu"));
		assert_true(slice_eq(value, slice_str("81")));
		value = entries_get(s, ENTRY_ALERT, slice_str("disk"));
		assert_non_null(value.ptr);
		assert_int_equal(value.len, 0);
		assert_null(
		    entries_get(s, ENTRY_THRESHOLD, slice_str("disk")).ptr);
		assert_true(box_compress(&box));
		expect_same_after_restart("log");
	}
}

static void
expect_entry_refused(const char *id, size_t len, enum err_code code)
{
	static const char value[ENTRY_VALUE_MAX + 1];
	struct store_waiter nobody = { 0 };

	assert_int_equal(store_entry_set(box.store, ENTRY_THRESHOLD,
			     slice_str(id), slice_of(value, len), &nobody,
			     &box.err),
	    -1);
	assert_int_equal(box.err.code, code);
}

static void
entries_are_limited(void **state)
{
	size_t max = entries_max(ENTRY_THRESHOLD);
	struct store_waiter nobody = { 0 };
	static const char value[ENTRY_VALUE_MAX];
	char id[32];

	(void)state;
	open_store("log");
	expect_entry_refused("large", ENTRY_VALUE_MAX + 1, ERR_TOO_LONG);
	for (size_t i = 0; i < max; i++) {
		(void)snprintf(id, sizeof(id), "t%zu", i);
		box_entry(&box, ENTRY_THRESHOLD, id, "1");
		if (i == max - 2)
			box_settle(&box);
	}
	expect_entry_refused("more", 1, ERR_LIMIT); /* one is under way */
	box_settle(&box);
	expect_entry_refused("more", 1, ERR_LIMIT);
	/* Another kind, and what is there already, are another matter. */
	box_entry(&box, ENTRY_ALERT, "more", "1");
	assert_int_equal(store_entry_set(box.store, ENTRY_THRESHOLD,
			     slice_str("t0"), slice_of(value, sizeof(value)),
			     &nobody, &box.err),
	    0);
	box_entry_remove(&box, ENTRY_THRESHOLD, "t1");
	box_entry_remove(&box, ENTRY_THRESHOLD, "never.was");
	box_settle(&box);
	box_entry(&box, ENTRY_THRESHOLD, "more", "1");
	box_settle(&box);
	assert_int_equal(
	    entries_count(store_entries(box.store), ENTRY_THRESHOLD), max);
	expect_same_after_restart("log");
}

static void
only_one_server_uses_a_log(void **state)
{
	struct box second;

	(void)state;
	open_store("log");
	box_init(&second);
	assert_int_equal(box_open(&second, "log"), -1);
	assert_int_equal(second.fault, STORE_LOCKED);
	assert_non_null(strstr(second.err.msg, "in use"));
	assert_int_equal(box_open(&second, "another"), 0);
	box_fini(&second);
	box_close(&box);
	open_store("log");
}

/* A child that the server was about to become has its lock yet. */
static void
a_lock_that_is_about_to_go_is_waited_for(void **state)
{
	(void)state;
	open_store("log");
	fill();
	box_close(&box);
	fault_at(FAULT_FLOCK, 1, 3, EWOULDBLOCK);
	open_store("log");
	assert_true(fault_hit());
	box_close(&box);
	/* The second is the log's own. */
	fault_at(FAULT_FLOCK, 2, 1, EWOULDBLOCK);
	open_store("log");
	assert_true(fault_hit());
}

static void
expect_in_use(const char *path)
{
	struct box second;

	box_init(&second);
	assert_int_equal(box_open(&second, path), -1);
	assert_int_equal(second.fault, STORE_LOCKED);
	box_fini(&second);
}

/* Not only its name is locked: without the file for that, under another name,
 * and in whichever segment it goes on. */
static void
the_log_itself_is_locked(void **state)
{
	char folder[] = "/tmp/test_store.XXXXXX";
	char path[64], name[80], other[80];

	(void)state;
	fault_install(&os_system);
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/log", folder);
	(void)snprintf(name, sizeof(name), "%s.lock", path);
	(void)snprintf(other, sizeof(other), "%s/other", folder);
	open_store(path);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(unlink(name), 0);
		expect_in_use(path);
		assert_int_equal(link(path, other), 0);
		expect_in_use(other);
		assert_int_equal(unlink(other), 0);
		box_set(&box, "job", i);
		box_settle(&box);
		if (i == 0) {
			box_close(&box);
			open_store(path);
		} else {
			assert_true(box_compress(&box));
		}
	}
	assert_int_equal(box.n_refused, 0);
	box_close(&box);
	static const char *const suffix[] = { "log", "log.base", "log.lock",
		"other.lock" };
	for (unsigned i = 0; i < 4; i++) {
		(void)snprintf(name, sizeof(name), "%s/%s", folder, suffix[i]);
		assert_int_equal(unlink(name), 0);
	}
	assert_int_equal(rmdir(folder), 0);
}

static void
files_of_two_logs_do_not_mix(void **state)
{
	unsigned char *base;
	size_t n;

	(void)state;
	open_store("log");
	fill();
	assert_true(box_compress(&box));
	box_close(&box);
	open_store("another");
	fill();
	box_close(&box);
	(void)sim_bytes(fs, "log.base", &n);
	base = malloc(n);
	assert_non_null(base);
	memcpy(base, sim_bytes(fs, "log.base", &n), n);
	sim_put(fs, "another.base", base, n);
	free(base);
	assert_int_equal(box_open(&box, "another"), -1);
	assert_int_equal(box.fault, STORE_DAMAGED);
	assert_non_null(strstr(box.err.msg, "another log"));
}

static void
an_image_stays_behind_its_log(void **state)
{
	size_t n;

	(void)state;
	open_store("log");
	fill();
	assert_true(box_compress(&box));
	box_set(&box, "more", 1);
	box_settle(&box);
	box_close(&box);
	assert_non_null(sim_bytes(fs, "log", &n));
	assert_int_equal(os->unlink("log.base"), 0);
	assert_int_equal(box_open(&box, "log"), -1);
	assert_int_equal(box.fault, STORE_DAMAGED);
}

static void
real_files_are_private(void **state)
{
	char folder[] = "/tmp/test_store.XXXXXX";
	char path[64], name[80];
	struct stat st;

	(void)state;
	fault_install(&os_system);
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/log", folder);
	open_store(path);
	fill();
	assert_true(box_compress(&box));
	expect_same_after_restart(path);
	box_close(&box);
	static const char *const suffix[] = { "", ".base", ".lock" };
	for (unsigned i = 0; i < 3; i++) {
		(void)snprintf(name, sizeof(name), "%s%s", path, suffix[i]);
		assert_int_equal(stat(name, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
		assert_int_equal(unlink(name), 0);
	}
	assert_int_equal(rmdir(folder), 0);
}

/* A newer server's: nothing is dropped without a word. */
static void
an_unknown_kind_of_entry_stops_the_start(void **state)
{
	char folder[] = "/tmp/test_store.XXXXXX";
	char path[64], lock[80];
	struct log_maker m;

	(void)state;
	fault_install(&os_system);
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/log", folder);
	(void)snprintf(lock, sizeof(lock), "%s.lock", path);
	log_begin(&m, path, 1, 1);
	log_entry(&m, ENTRY_ALERT, "known", "value");
	log_entry(&m, ENTRY_KIND_END, "unknown", "value");
	log_end(&m);
	assert_int_equal(box_open(&box, path), -1);
	assert_int_equal(box.fault, STORE_DAMAGED);
	assert_non_null(strstr(box.err.msg, "record 2 at offset"));
	assert_non_null(strstr(box.err.msg, "not known to this program"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(access(lock, F_OK), -1); /* nothing is left of it */
	assert_int_equal(rmdir(folder), 0);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_change_is_seen_when_it_is_durable),
		TEST(everything_is_there_after_a_restart),
		TEST(a_store_in_memory_does_the_same),
		TEST(compression_changes_nothing),
		TEST(execution_identifiers_are_new),
		TEST(a_refused_change_leaves_no_trace),
		TEST(what_still_waits_at_the_close_is_dropped),
		TEST(names_under_way_are_busy),
		TEST(hashes_spread),
		TEST(waiters_are_told_in_order_with_their_note),
		TEST(hooks_are_called),
		TEST(a_full_batch_is_handed_over_first),
		TEST(rules_are_limited_and_nothing_else),
		TEST(what_is_set_last_is_left),
		TEST(entries_are_limited),
		TEST(an_unknown_kind_of_entry_stops_the_start),
		TEST(only_one_server_uses_a_log),
		TEST(a_lock_that_is_about_to_go_is_waited_for),
		TEST(the_log_itself_is_locked),
		TEST(files_of_two_logs_do_not_mix),
		TEST(an_image_stays_behind_its_log),
		TEST(real_files_are_private),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
