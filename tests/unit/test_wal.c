#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fault_os.h"
#include "scan.h"
#include "sim_fs.h"
#include "wal.h"

#define PATH "log"
#define OLD "log.old"

static struct sim_fs *fs;
static struct wal wal;
static struct err err;

static void
create(bool sync)
{
	struct log_header h = { .first_seq = 1 };

	assert_int_equal(wal_create(&wal, PATH, &h, sync, &err), 0);
}

static int
setup(void **state)
{
	(void)state;
	fault_install(&sim_os);
	fs = sim_new(SIM_STRICT);
	sim_use(fs);
	create(true);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	fault_none();
	wal_close(&wal);
	sim_free(fs);
	sim_use(NULL);
	fault_remove();
	return 0;
}

/* Append a group of n records, each with a payload of `size` bytes. */
static int
append(unsigned n, size_t size, enum wal_urgency urgency)
{
	struct buf group = { 0 };
	int rc;

	while (n-- > 0) {
		size_t start = record_begin(&group);
		char *p = buf_reserve(&group, size);

		assert_non_null(p);
		memset(p, 'x', size);
		group.len += size;
		record_end(&group, start, RECORD_JOB_REMOVE);
	}
	rc = wal_append(&wal, (unsigned char *)group.ptr, group.len, urgency,
	    &err);
	buf_free(&group);
	return rc;
}

/* The file of that name holds the records from `first` to `last`, then `end`.
 */
static void
expect(const char *name, uint64_t first, uint64_t last, enum scan_result end)
{
	enum scan_result result;
	uint64_t seq = first;
	struct record r;
	struct scan s;
	struct err e;

	fault_none();
	assert_int_equal(scan_open(&s, name, &e), 0);
	assert_int_equal(s.header.first_seq, first);
	while ((result = scan_next(&s, &r, &e)) == SCAN_RECORD)
		assert_int_equal(r.seq, seq++);
	assert_int_equal(result, end);
	assert_int_equal(seq, last + 1);
	scan_close(&s);
}

static bool
exists(const char *name)
{
	size_t n;

	return sim_bytes(fs, name, &n) != NULL;
}

static void
groups_follow_each_other(void **state)
{
	(void)state;
	for (unsigned i = 1; i <= 20; i++)
		assert_int_equal(append(i, i * 10, WAL_REQUEST), 0);
	assert_int_equal(wal.next_seq, 211);
	assert_int_equal(wal.syncs, 20);
	expect(PATH, 1, 210, SCAN_ZEROS);
	wal_mark(&wal);
	expect(PATH, 1, 210, SCAN_END);
	assert_int_equal(append(1, 1, WAL_REQUEST), 0); /* over the mark */
	expect(PATH, 1, 211, SCAN_ZEROS);
	wal_close(&wal);
	expect(PATH, 1, 211, SCAN_END);
}

/* The next group finds its bytes written: its sync changes no size. */
static void
zeros_are_written_ahead(void **state)
{
	size_t n, after;

	(void)state;
	assert_int_equal(append(1, 100, WAL_REQUEST), 0);
	(void)sim_bytes(fs, PATH, &n);
	assert_true(n > 8192);
	for (unsigned i = 0; i < 30; i++)
		assert_int_equal(append(1, 100, WAL_REQUEST), 0);
	(void)sim_bytes(fs, PATH, &after);
	assert_int_equal(n, after);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(append(1, 4000, WAL_REQUEST), 0);
	expect(PATH, 1, 1031, SCAN_ZEROS);
}

static void
a_write_may_be_short_or_interrupted(void **state)
{
	(void)state;
	for (uint64_t n = 1; n < 12; n++) {
		fault_at(FAULT_PWRITEV, 1, n, n % 2 == 0 ? EINTR : FAULT_SHORT);
		assert_int_equal(append(3, 3000, WAL_REQUEST), 0);
		assert_true(fault_hit());
	}
	expect(PATH, 1, 33, SCAN_ZEROS);
}

static void
a_failed_write_leaves_nothing(void **state)
{
	(void)state;
	assert_int_equal(append(2, 10, WAL_REQUEST), 0);
	fault_at(FAULT_PWRITEV, 1, 1, ENOSPC);
	assert_int_equal(append(2, 10, WAL_REQUEST), -1);
	assert_int_equal(err.code, ERR_STORAGE);
	assert_non_null(strstr(err.msg, PATH));
	assert_false(exists(OLD)); /* it was cut off, that is enough */
	expect(PATH, 1, 2, SCAN_END);
	assert_int_equal(append(1, 10, WAL_REQUEST), 0);
	expect(PATH, 1, 3, SCAN_ZEROS);
}

static void
what_cannot_be_cut_off_is_left_behind(void **state)
{
	(void)state;
	assert_int_equal(append(2, 10, WAL_REQUEST), 0);
	/* The write fails in its middle, and so does the cut. */
	fault_at(FAULT_FTRUNCATE, 1, 1, EIO);
	sim_freeze(fs, true);
	assert_int_equal(append(2, 10, WAL_REQUEST), -1);
	sim_freeze(fs, false);
	assert_true(wal.suspect);
	assert_int_equal(append(1, 10, WAL_REQUEST), 0);
	assert_false(wal.suspect);
	expect(OLD, 1, 2, SCAN_ZEROS);
	expect(PATH, 3, 3, SCAN_ZEROS);
}

static void
after_a_failed_sync_the_log_goes_on_elsewhere(void **state)
{
	(void)state;
	assert_int_equal(append(2, 10, WAL_REQUEST), 0);
	fault_at(FAULT_FDATASYNC, 1, 1, EIO);
	assert_int_equal(append(2, 10, WAL_REQUEST), -1);
	assert_int_equal(err.code, ERR_STORAGE);
	assert_int_equal(wal.switches, 1);
	assert_true(exists(OLD));
	fault_none();
	assert_int_equal(append(1, 10, WAL_REQUEST), 0);
	expect(PATH, 3, 3, SCAN_ZEROS);
	assert_int_equal(fault_resyncs(), 0);
	assert_int_equal(wal.header.first_seq, 3);
}

/* While the old segment is in the way it takes no more. */
static void
a_second_failed_sync_waits_for_the_first(void **state)
{
	(void)state;
	assert_int_equal(append(1, 10, WAL_REQUEST), 0);
	fault_at(FAULT_FDATASYNC, 1, 2, EIO);
	assert_int_equal(append(1, 10, WAL_REQUEST), -1);
	assert_int_equal(append(1, 10, WAL_REQUEST), -1);
	assert_int_equal(append(1, 10, WAL_REQUEST), -1);
	assert_non_null(strstr(err.msg, "must be compressed"));
	assert_int_equal(os->unlink(OLD), 0);
	assert_int_equal(append(1, 10, WAL_REQUEST), 0);
	expect(PATH, 2, 2, SCAN_ZEROS);
	assert_int_equal(fault_resyncs(), 0);
}

static void
without_sync_nothing_is_synced(void **state)
{
	(void)state;
	wal_close(&wal);
	assert_int_equal(os->unlink(PATH), 0);
	create(false);
	fault_none();
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(append(1, 10, WAL_REQUEST), 0);
	assert_int_equal(fault_count(FAULT_FDATASYNC), 0);
	assert_int_equal(fault_count(FAULT_FSYNC), 0);
	expect(PATH, 1, 10, SCAN_ZEROS);
}

/* What is reserved is for the more urgent, each up to its share. */
static void
the_reserve_goes_by_urgency(void **state)
{
	const size_t size = 1000;
	off_t begin;

	(void)state;
	assert_int_equal(append(1, 10, WAL_REQUEST), 0);
	fault_at(FAULT_FALLOCATE, 1, FAULT_ALWAYS, ENOSPC);
	while (append(1, size, WAL_REQUEST) == 0)
		continue;
	assert_int_equal(err.code, ERR_STORAGE);
	begin = wal.end;
	/* Somewhat more than the reserve stays behind the last request. */
	assert_true(wal.reserved_end - wal.end >= WAL_RESERVE);
	assert_true(wal.reserved_end - wal.end < WAL_RESERVE + 2000);
	while (append(1, size, WAL_TRIGGER) == 0)
		continue;
	assert_true(wal.end - begin > WAL_RESERVE * 3 / 4 - 2000);
	assert_true(wal.reserved_end - wal.end >= WAL_RESERVE / 4);
	assert_int_equal(append(1, size, WAL_REQUEST), -1);
	while (append(1, size, WAL_RESULT) == 0)
		continue;
	assert_true(wal.end <= wal.reserved_end);
	assert_true(wal.reserved_end - wal.end < 2000);
	fault_none();
	assert_int_equal(append(1, size, WAL_REQUEST), 0);
	expect(PATH, 1, wal.next_seq - 1, SCAN_ZEROS);
}

/* Where the system limits the length of files there is no more than that, and
 * the reserve is within. */
static void
the_length_is_limited(void **state)
{
	const off_t limit = 1000000;
	off_t begin;

	(void)state;
	wal_close(&wal);
	assert_int_equal(os->unlink(PATH), 0);
	fault_set_size_limit(limit);
	create(true);
	while (append(1, 1000, WAL_REQUEST) == 0)
		continue;
	assert_int_equal(err.code, ERR_STORAGE);
	assert_non_null(strstr(err.msg, "File too large"));
	begin = wal.end;
	assert_true(begin > limit - WAL_RESERVE - 2000);
	assert_true(begin <= limit - WAL_RESERVE);
	while (append(1, 1000, WAL_TRIGGER) == 0)
		continue;
	assert_true(wal.end > limit - WAL_RESERVE / 4 - 2000);
	while (append(1, 1000, WAL_RESULT) == 0)
		continue;
	assert_true(wal.end > limit - 2000);
	assert_true(wal.written_end <= limit);
	fault_set_size_limit(2 * limit);
	assert_int_equal(append(1, 1000, WAL_REQUEST), 0);
	expect(PATH, 1, wal.next_seq - 1, SCAN_ZEROS);
}

static void
some_filesystems_have_no_reserve(void **state)
{
	(void)state;
	fault_at(FAULT_FALLOCATE, 1, FAULT_ALWAYS, EOPNOTSUPP);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(append(1, 10000, WAL_REQUEST), 0);
	assert_int_equal(fault_count(FAULT_FALLOCATE), 1);
	expect(PATH, 1, 100, SCAN_ZEROS);
}

static void
a_switch_begins_a_segment(void **state)
{
	struct wal_state st;

	(void)state;
	assert_int_equal(append(3, 10, WAL_REQUEST), 0);
	assert_int_equal(wal_switch(&wal, &err), 0);
	wal_state(&wal, &st);
	assert_int_equal(st.first_seq, 4);
	assert_int_equal(st.switches, 1);
	assert_int_equal(st.bytes, LOG_HEADER_LEN);
	assert_int_equal(append(2, 10, WAL_REQUEST), 0);
	expect(OLD, 1, 3, SCAN_ZEROS);
	expect(PATH, 4, 5, SCAN_ZEROS);
	assert_int_equal(wal_switch(&wal, &err), -1);
	assert_int_equal(append(1, 10, WAL_REQUEST), 0); /* nothing changed */
	expect(PATH, 4, 6, SCAN_ZEROS);
	assert_false(exists(PATH ".new"));
}

/* Each call of a switch fails: all goes on, in the old segment or the new. */
static void
a_switch_may_fail_anywhere(void **state)
{
	static const enum fault_call call[] = { FAULT_OPEN, FAULT_PWRITEV,
		FAULT_FSYNC, FAULT_RENAME };

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		for (uint64_t n = 1;; n++) {
			uint64_t seq = wal.next_seq;
			bool hit;

			fault_at(call[i], n, 1, EIO);
			(void)wal_switch(&wal, &err);
			hit = fault_hit();
			fault_none();
			assert_int_equal(append(1, 10, WAL_REQUEST), 0);
			assert_int_equal(wal.next_seq, seq + 1);
			expect(PATH, wal.header.first_seq, seq, SCAN_ZEROS);
			assert_false(exists(PATH ".new"));
			if (exists(OLD))
				assert_int_equal(os->unlink(OLD), 0);
			if (!hit)
				break;
		}
	}
}

static void
a_log_is_resumed_where_it_ended(void **state)
{
	struct log_header h = wal.header;
	off_t end;

	(void)state;
	assert_int_equal(append(3, 10, WAL_REQUEST), 0);
	end = wal.end;
	assert_int_equal(append(3, 10, WAL_REQUEST), 0);
	wal_close(&wal);
	assert_int_equal(wal_resume(&wal, PATH, &h, end, 4, true, &err), 0);
	expect(PATH, 1, 3, SCAN_END);
	assert_int_equal(append(1, 10, WAL_REQUEST), 0);
	expect(PATH, 1, 4, SCAN_ZEROS);
}

static void
only_what_has_records_is_marked(void **state)
{
	size_t n;

	(void)state;
	wal_mark(&wal);
	(void)sim_bytes(fs, PATH, &n);
	assert_int_equal(n, LOG_HEADER_LEN);
	assert_int_equal(append(1, 10, WAL_REQUEST), 0);
	fault_at(FAULT_PWRITEV, 1, 1, EIO);
	wal_mark(&wal); /* never fails */
	assert_true(fault_hit());
	assert_int_equal(append(1, 10, WAL_REQUEST), 0);
	expect(PATH, 1, 2, SCAN_ZEROS);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(groups_follow_each_other),
		TEST(zeros_are_written_ahead),
		TEST(a_write_may_be_short_or_interrupted),
		TEST(a_failed_write_leaves_nothing),
		TEST(what_cannot_be_cut_off_is_left_behind),
		TEST(after_a_failed_sync_the_log_goes_on_elsewhere),
		TEST(a_second_failed_sync_waits_for_the_first),
		TEST(without_sync_nothing_is_synced),
		TEST(the_reserve_goes_by_urgency),
		TEST(the_length_is_limited),
		TEST(some_filesystems_have_no_reserve),
		TEST(a_switch_begins_a_segment),
		TEST(a_switch_may_fail_anywhere),
		TEST(a_log_is_resumed_where_it_ended),
		TEST(only_what_has_records_is_marked),
	};

	return cmocka_run_group_tests_name("wal", tests, NULL, NULL);
}
