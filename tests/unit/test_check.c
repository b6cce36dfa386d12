/* What `tickd check` finds, and what it makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include <cmocka.h>

#include "check.h"
#include "header.h"
#include "log_maker.h"
#include "repair.h"
#include "scan.h"
#include "store_box.h"

/* One call, and what it said. */
static struct buf report;
static struct err e;

static enum check_result
check_one(struct check *c, const char *path)
{
	enum check_result result;

	buf_clear(&report);
	result = check_file(c, path, &report, &e);
	buf_add_byte(&report, '\0');
	assert_false(report.failed);
	return result;
}

static enum check_result
check_alone(const char *path, bool repair)
{
	struct check c = { .repair = repair };

	return check_one(&c, path);
}

static void
expect_said(const char *text)
{
	if (strstr(report.ptr, text) == NULL)
		fail_msg("no `%s` in:\n%s", text, report.ptr);
}

static void
flip(unsigned char *bytes, size_t bit)
{
	bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
}

static void
flip_file(const char *path, size_t bit)
{
	size_t n;
	unsigned char *bytes = file_read(path, &n);

	assert_true(bit / 8 < n);
	flip(bytes, bit);
	file_write(path, bytes, n);
	free(bytes);
}

/* n groups of two records: SET j<i> and REMOVE j<i>. */
static void
make_log(const char *path, uint64_t first_seq, unsigned n)
{
	struct log_maker m;
	char name[16];

	log_begin(&m, path, 1, first_seq);
	for (unsigned i = 0; i < n; i++) {
		(void)snprintf(name, sizeof(name), "j%04u", i);
		log_set(&m, name);
		log_name(&m, RECORD_JOB_REMOVE, name);
		log_commit(&m);
	}
	log_end(&m);
}

/* How many records of the log are valid; it must not be damaged. */
static uint64_t
count_records(const char *path)
{
	enum scan_result result;
	uint64_t n = 0;
	struct scan s;
	struct record r;

	assert_int_equal(scan_open(&s, path, &e), 0);
	while ((result = scan_next(&s, &r, &e)) == SCAN_RECORD)
		n++;
	assert_int_not_equal(result, SCAN_DAMAGED);
	assert_int_not_equal(result, SCAN_FAILED);
	scan_close(&s);
	return n;
}

static void
expect_same(const char *path, const unsigned char *bytes, size_t n)
{
	size_t there;
	unsigned char *now = file_read(path, &there);

	assert_int_equal(there, n);
	assert_memory_equal(now, bytes, n);
	free(now);
}

/* --- logs --- */

static void
test_fine(void **state)
{
	const char *path = folder_path(*state, "log");

	make_log(path, 5, 3);
	assert_int_equal(check_alone(path, false), CHECK_FINE);
	expect_said("log 01010101010101010101010101010101, 6 records, 5 to "
		    "10 (3 set, 3 remove), ");
	expect_said(": ok\n");
	assert_int_equal(check_alone(path, true), CHECK_FINE);
	assert_false(file_exists(folder_path(*state, "log.damaged")));
}

/* What a crash leaves is no damage. */
static void
test_tails(void **state)
{
	const char *path = folder_path(*state, "log");
	static const unsigned char zeros[5000];
	struct log_maker m;
	size_t n;
	unsigned char *bytes;

	log_begin(&m, path, 1, 1);
	log_set(&m, "a");
	log_kill(&m);
	assert_int_equal(check_alone(path, false), CHECK_FINE);
	expect_said("of zeros at offset 92: space written ahead, no damage");
	bytes = file_read(path, &n);
	file_write(path, bytes, 92 - 3);
	assert_int_equal(check_alone(path, true), CHECK_FINE);
	expect_said("25 bytes at offset 64 are a write that never ended");
	free(bytes);
	file_write(path, zeros, 63);
	assert_int_equal(check_alone(path, false), CHECK_FINE);
	expect_said("its creation never ended");
	file_write(path, "", 0);
	assert_int_equal(check_alone(path, false), CHECK_FINE);
}

static void
test_no_log(void **state)
{
	const char *path = folder_path(*state, "log");
	char text[200];

	assert_int_equal(check_alone(path, false), CHECK_FAILED);
	assert_non_null(strstr(e.msg, "No such file"));
	assert_int_equal(check_alone(folder_path(*state, ""), false),
	    CHECK_FAILED);
	memset(text, 'x', sizeof(text));
	file_write(path, text, sizeof(text));
	assert_int_equal(check_alone(path, false), CHECK_DAMAGED);
	expect_said("neither a log of tickd nor an image");
	assert_int_equal(check_alone(path, true), CHECK_DAMAGED);
	assert_string_equal(e.msg, "nothing can be kept");
	file_write(path, text, 5);
	assert_int_equal(check_alone(path, false), CHECK_DAMAGED);
}

static void
test_damage(void **state)
{
	const char *path = folder_path(*state, "log");
	unsigned char *bytes;
	size_t n;

	make_log(path, 1, 10);
	flip_file(path, (64 + 3 * (32 + 23) + 20) * 8);
	bytes = file_read(path, &n);
	assert_int_equal(check_alone(path, false), CHECK_DAMAGED);
	expect_said("6 records, 1 to 6 (3 set, 3 remove)");
	expect_said("damaged at offset 229: ");
	expect_said("behind the damage: 13 records, 8 to 20 (6 set, 7 "
		    "remove): remove j0003, set j0004, remove j0004, set "
		    "j0005, remove j0005, ...\n");
	assert_null(strstr(report.ptr, "ok"));
	expect_same(path, bytes, n);

	assert_int_equal(check_alone(path, true), CHECK_MENDED);
	expect_said("repaired, 229 bytes kept and 402 dropped, the next "
		    "record is 7; the damaged file is ");
	expect_same(folder_path(*state, "log.damaged"), bytes, n);
	expect_same(path, bytes, 229);
	assert_false(file_exists(folder_path(*state, "log.repaired.tmp")));
	assert_int_equal(check_alone(path, false), CHECK_FINE);
	free(bytes);
}

/* The first damaged file is not lost by mending a second time. */
static void
test_damaged_is_there(void **state)
{
	const char *path = folder_path(*state, "log");
	size_t n;
	unsigned char *bytes;

	make_log(path, 1, 10);
	flip_file(path, 200 * 8);
	file_write(folder_path(*state, "log.damaged"), "first", 5);
	bytes = file_read(path, &n);
	assert_int_equal(check_alone(path, true), CHECK_DAMAGED);
	assert_non_null(strstr(e.msg, "log.damaged exists"));
	expect_same(path, bytes, n);
	expect_same(folder_path(*state, "log.damaged"),
	    (const unsigned char *)"first", 5);
	free(bytes);
}

/* But a repair that was cut off is only begun again. */
static void
test_cut_off(void **state)
{
	const char *path = folder_path(*state, "log");
	size_t n;
	unsigned char *bytes;

	make_log(path, 1, 10);
	flip_file(path, 200 * 8);
	bytes = file_read(path, &n);
	assert_int_equal(link(path, folder_path(*state, "log.damaged")), 0);
	file_write(folder_path(*state, "log.repaired.tmp"), "half", 4);
	assert_int_equal(check_alone(path, true), CHECK_MENDED);
	expect_same(folder_path(*state, "log.damaged"), bytes, n);
	assert_int_equal(count_records(path), 4);
	free(bytes);
}

static void
test_locked(void **state)
{
	const char *path = folder_path(*state, "log");
	struct check c = { .repair = true };
	struct log_lock lock;

	make_log(path, 1, 10);
	flip_file(path, 200 * 8);
	assert_int_equal(repair_lock(&lock, path, &e), 0);
	assert_int_equal(check_one(&c, path), CHECK_LOCKED);
	assert_non_null(strstr(e.msg, "log.lock is locked"));
	/* Its other files are under the same lock. */
	make_log(folder_path(*state, "log.old"), 1, 1);
	assert_int_equal(check_one(&c, folder_path(*state, "log.old")),
	    CHECK_LOCKED);
	assert_int_equal(check_alone(path, false), CHECK_DAMAGED);
	log_lock_drop(&lock);
	assert_int_equal(check_one(&c, path), CHECK_MENDED);
}

/* Any bit of the header: it is known which one, so nothing is lost. */
static void
test_header_bits(void **state)
{
	const char *path = folder_path(*state, "log");
	unsigned char *bytes;
	size_t n;

	make_log(path, 1, 4);
	bytes = file_read(path, &n);
	for (size_t bit = 0; bit < (size_t)LOG_HEADER_LEN * 8; bit++) {
		flip(bytes, bit);
		file_write(path, bytes, n);
		assert_int_equal(check_alone(path, false), CHECK_DAMAGED);
		expect_said("one bit is wrong");
		assert_int_equal(check_alone(path, true), CHECK_MENDED);
		assert_int_equal(count_records(path), 8);
		assert_int_equal(unlink(folder_path(*state, "log.damaged")), 0);
		flip(bytes, bit);
	}
	free(bytes);
}

/* Any bit of the first two thirds: it is found, and everything before it is
 * there after a repair. */
static void
test_every_bit(void **state)
{
	const char *path = folder_path(*state, "log");
	const size_t pair = 32 + 23;
	unsigned char *bytes;
	size_t n;

	make_log(path, 1, 12);
	bytes = file_read(path, &n);
	for (size_t bit = LOG_HEADER_LEN * 8; bit < n * 8 * 2 / 3; bit++) {
		size_t in = bit / 8 - LOG_HEADER_LEN;
		uint64_t before = in / pair * 2 + (in % pair >= 32);

		flip(bytes, bit);
		file_write(path, bytes, n);
		flip(bytes, bit);
		if (check_alone(path, true) != CHECK_MENDED)
			fail_msg("bit %zu: %s", bit, report.ptr);
		assert_int_equal(count_records(path), before);
		assert_int_equal(unlink(folder_path(*state, "log.damaged")), 0);
	}
	free(bytes);
}

static void
test_nonsense(void **state)
{
	const char *path = folder_path(*state, "log");
	struct log_maker m;

	log_begin(&m, path, 1, 1);
	log_set(&m, "a");
	log_name(&m, RECORD_JOB_SET, "x");
	log_set(&m, "b");
	log_end(&m);
	assert_int_equal(check_alone(path, true), CHECK_MENDED);
	expect_said("damaged at offset 92: record 2: its content makes no "
		    "sense");
	expect_said("behind the damage: 1 record, 3 to 3 (1 set): set b\n");
	assert_int_equal(count_records(path), 1);
}

/* Every kind of record is looked into. */
static void
test_contents(void **state)
{
	static const enum record_type types[] = { RECORD_JOB_SET,
		RECORD_JOB_TRIGGER, RECORD_JOB_START, RECORD_JOB_FINISH,
		RECORD_RULE_SET, RECORD_RULE_PAUSE, RECORD_ENTRY_SET,
		RECORD_ENTRY_REMOVE, RECORD_JOB_STOP };
	const char *path = folder_path(*state, "log");
	struct record_run run = { .job = slice_str("a"), .outcome = 4 };
	struct log_maker m;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		log_begin(&m, path, 1, 1);
		log_name(&m, types[i], "x");
		log_end(&m);
		assert_int_equal(check_alone(path, false), CHECK_DAMAGED);
		expect_said("record 1:");
	}
	log_begin(&m, path, 1, 1);
	log_rule(&m, "r", "p", "shell\ttrue", false);
	log_pause(&m, "r", true);
	log_run(&m, RECORD_JOB_TRIGGER, &run);
	log_run(&m, RECORD_JOB_START, &run);
	log_run(&m, RECORD_JOB_STOP, &run);
	log_run(&m, RECORD_JOB_FINISH, &run);
	log_name(&m, RECORD_JOB_REMOVE, "a");
	log_name(&m, RECORD_RULE_REMOVE, "r");
	log_entry(&m, ENTRY_ALERT, "a", "");
	log_entry(&m, ENTRY_ALERT, "a", NULL);
	log_end(&m);
	assert_int_equal(check_alone(path, false), CHECK_FINE);
	expect_said("1 entry_set, 1 entry_remove, 1 stop)");
	log_begin(&m, path, 1, 1);
	log_entry(&m, ENTRY_KIND_END, "a", "from a newer version");
	log_end(&m);
	assert_int_equal(check_alone(path, false), CHECK_DAMAGED);
	expect_said("record 1: entries of kind");
	expect_said("are not known to this program");
}

/* What a start makes of it, in the words of a check. */
static enum check_result
start_on(const char *path)
{
	enum check_result result = CHECK_FINE;
	struct box box;

	box_init(&box);
	if (box_open(&box, path) == -1)
		result =
		    box.fault == STORE_DAMAGED ? CHECK_DAMAGED : CHECK_FAILED;
	box_fini(&box);
	return result;
}

/* A record that is valid and makes no sense stops a start as it does a check,
 * whoever of the two finds it out. */
static void
test_contents_stop_a_start(void **state)
{
	const char *path = folder_path(*state, "log");
	static const char *const names[] = { "x", "" };
	struct log_maker m;

	for (int type = RECORD_JOB_SET; type < RECORD_TYPE_END; type++)
		for (size_t i = 0; i < 2; i++) {
			enum check_result found;

			log_begin(&m, path, 1, 1);
			log_name(&m, (enum record_type)type, names[i]);
			log_end(&m);
			buf_clear(&report);
			found = check_log(path, false, &report, &e);
			if (start_on(path) != found)
				fail_msg("type %d, \"%s\": check %d", type,
				    names[i], (int)found);
			assert_int_equal(found,
			    (type == RECORD_JOB_REMOVE ||
				type == RECORD_RULE_REMOVE) &&
				    i == 0
				? CHECK_FINE
				: CHECK_DAMAGED);
		}
}

/* --- several files --- */

static void
test_gap(void **state)
{
	const char *old = folder_path(*state, "log.old");
	const char *path = folder_path(*state, "log");
	struct check c = { .repair = false };

	make_log(old, 1, 10);
	make_log(path, 21, 3);
	assert_int_equal(check_one(&c, old), CHECK_FINE);
	assert_int_equal(check_one(&c, path), CHECK_FINE);
	flip_file(old, 300 * 8);
	c = (struct check){ .repair = true };
	assert_int_equal(check_one(&c, old), CHECK_MENDED);
	assert_int_equal(check_one(&c, path), CHECK_MENDED);
	expect_said("begins with record 21, but record 9 is in no file before "
		    "it");
	expect_said("set aside");
	assert_false(file_exists(path));
	assert_int_equal(count_records(folder_path(*state, "log.damaged")), 6);
	assert_int_equal(count_records(old), 8);
}

static void
test_image_and_log(void **state)
{
	const char *base = folder_path(*state, "log.base");
	const char *path = folder_path(*state, "log");
	struct check c = { .repair = false };

	make_image(base, 1, 10, "j", 100);
	make_log(path, 11, 3);
	assert_int_equal(check_one(&c, base), CHECK_FINE);
	assert_int_equal(check_one(&c, path), CHECK_FINE);
	make_log(path, 12, 3);
	c = (struct check){ .repair = false };
	assert_int_equal(check_one(&c, base), CHECK_FINE);
	assert_int_equal(check_one(&c, path), CHECK_DAMAGED);
	/* A log of its own may begin anywhere. */
	make_image(base, 2, 3, "j", 100);
	c = (struct check){ .repair = false };
	assert_int_equal(check_one(&c, base), CHECK_FINE);
	assert_int_equal(check_one(&c, path), CHECK_FINE);
}

/* --- images --- */

#define JOBS 30000u /* of several blocks */

/* The jobs of an image as a string of '1' for there and '0' for not. */
static void
read_jobs(const char *path, char *there)
{
	struct image_reader *r = image_open(path, &e);
	struct image_entry entry;
	int rc;

	assert_non_null(r);
	memset(there, '0', JOBS);
	while ((rc = image_next(r, &entry, &e)) == 1)
		if (entry.kind == IMAGE_JOBS)
			there[strtoul(entry.set.job.ptr + 1, NULL, 10)] = '1';
	assert_int_equal(rc, 0);
	image_close(r);
}

/* Where the blocks of an image begin. */
static size_t
find_blocks(const char *path, off_t *at, size_t cap)
{
	struct image_reader *r = image_open(path, &e);
	struct image_entry entry;
	off_t last = 0;
	size_t n = 0;

	assert_non_null(r);
	while (image_next(r, &entry, &e) == 1) {
		if (image_offset(r) == last)
			continue;
		last = image_offset(r);
		assert_true(n + 1 < cap);
		at[n++] = last;
	}
	at[n++] = image_offset(r); /* the end */
	image_close(r);
	return n;
}

static void
test_image(void **state)
{
	const char *path = folder_path(*state, "log.base");

	make_image(path, 1, 77, "j", 1000);
	assert_int_equal(check_alone(path, false), CHECK_FINE);
	expect_said("image of log 01010101010101010101010101010101, up to "
		    "record 77, 1 rule, 1000 jobs, 3 other entries, ");
	expect_said(": ok\n");
}

/* Each block in turn, by a bit of its contents and of each header field: the
 * others are kept. */
static void
test_image_blocks(void **state)
{
	static const size_t bytes_in[] = { 0, 4, 6, 8, 12, 16, 20, 100 };
	const char *path = folder_path(*state, "log.base");
	static char there[JOBS + 1];
	unsigned char *bytes;
	off_t at[64] = { 0 };
	size_t n, n_blocks;

	make_image(path, 1, 77, "j", JOBS);
	n_blocks = find_blocks(path, at, 64);
	assert_true(n_blocks > 5);
	bytes = file_read(path, &n);
	/* Those with jobs: the rule comes before them, entries behind. */
	for (size_t b = 1; b + 2 < n_blocks; b++) {
		for (size_t i = 0; i < sizeof(bytes_in) / sizeof(bytes_in[0]);
		     i++) {
			size_t bit = ((size_t)at[b] + bytes_in[i]) * 8 + 1;
			const char *gap;

			flip(bytes, bit);
			file_write(path, bytes, n);
			flip(bytes, bit);
			assert_int_equal(check_alone(path, true), CHECK_MENDED);
			expect_said("damaged block at offset");
			read_jobs(path, there);
			/* One stretch is missing, and no more. */
			gap = strchr(there, '0');
			assert_non_null(gap);
			gap += strspn(gap, "0");
			assert_null(strchr(gap, '0'));
			assert_int_equal(check_alone(path, false), CHECK_FINE);
			assert_int_equal(
			    unlink(folder_path(*state, "log.base.damaged")), 0);
		}
	}
	free(bytes);
}

static void
test_image_entries_block(void **state)
{
	const char *path = folder_path(*state, "log.base");
	off_t at[64] = { 0 };
	size_t n_blocks;

	make_image(path, 1, 77, "j", 10);
	n_blocks = find_blocks(path, at, 64);
	flip_file(path, ((size_t)at[n_blocks - 2] + 20) * 8);
	assert_int_equal(check_alone(path, true), CHECK_MENDED);
	expect_said("3 entries lost, behind j000009");
	assert_int_equal(check_alone(path, false), CHECK_FINE);
	expect_said("1 rule, 10 jobs, 0 other entries");
}

static void
test_image_says_what_is_lost(void **state)
{
	const char *path = folder_path(*state, "log.base");
	static char there[JOBS + 1];
	char expected[128];
	off_t at[64] = { 0 };
	size_t first, last;

	make_image(path, 1, 77, "j", JOBS);
	(void)find_blocks(path, at, 64);
	flip_file(path, ((size_t)at[2] + 50) * 8);
	assert_int_equal(check_alone(path, true), CHECK_MENDED);
	read_jobs(path, there);
	first = (size_t)(strchr(there, '0') - there);
	last = first + strspn(there + first, "0");
	(void)snprintf(expected, sizeof(expected),
	    "checksum does not match; %zu entries lost, behind j%06zu, "
	    "before j%06zu\n",
	    last - first, first - 1, last);
	expect_said(expected);
}

static void
test_image_cut(void **state)
{
	const char *path = folder_path(*state, "log.base");
	static char there[JOBS + 1];
	unsigned char *bytes;
	off_t at[64] = { 0 };
	size_t n, n_blocks;

	make_image(path, 1, 77, "j", JOBS);
	n_blocks = find_blocks(path, at, 64);
	assert_true(n_blocks > 3);
	bytes = file_read(path, &n);
	file_write(path, bytes, (size_t)at[3] + 30);
	assert_int_equal(check_alone(path, true), CHECK_MENDED);
	expect_said("the file ends; an unknown number of entries lost, "
		    "behind j");
	read_jobs(path, there);
	assert_non_null(strchr(there, '1'));
	assert_null(strchr(strchr(there, '0'), '1'));
	assert_int_equal(unlink(folder_path(*state, "log.base.damaged")), 0);
	/* Without the block at the end it is no image, but nothing is lost. */
	file_write(path, bytes, (size_t)at[n_blocks - 1]);
	assert_int_equal(check_alone(path, true), CHECK_MENDED);
	read_jobs(path, there);
	assert_null(strchr(there, '0'));
	assert_int_equal(unlink(folder_path(*state, "log.base.damaged")), 0);
	/* Nor with bytes behind it. */
	bytes[n] = 'x';
	file_write(path, bytes, n + 1);
	assert_int_equal(check_alone(path, true), CHECK_MENDED);
	expect_said("1 bytes behind its end");
	expect_same(path, bytes, n);
	free(bytes);
}

static void
test_image_header(void **state)
{
	const char *path = folder_path(*state, "log.base");
	unsigned char *bytes;
	size_t n;

	make_image(path, 1, 77, "j", 10);
	bytes = file_read(path, &n);
	for (size_t bit = 0; bit < (size_t)IMAGE_HEADER_LEN * 8; bit += 7) {
		flip(bytes, bit);
		file_write(path, bytes, n);
		flip(bytes, bit);
		assert_int_equal(check_alone(path, true), CHECK_MENDED);
		expect_same(path, bytes, n);
		assert_int_equal(
		    unlink(folder_path(*state, "log.base.damaged")), 0);
	}
	free(bytes);
}

/* Entries that are valid by themselves, out of order. */
static void
test_image_order(void **state)
{
	const char *path = folder_path(*state, "log.base");
	static const char *const names[] = { "b", "c", "a", "d", "d", "e" };
	struct image_header h = { .last_seq = 1 };
	struct image_entry entry = { .kind = IMAGE_JOBS };
	struct image_writer *w;
	off_t bytes;

	assert_non_null(w = image_create(path, &h, &e));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		entry.set.job = slice_str(names[i]);
		assert_int_equal(image_add(w, &entry, &e), 0);
	}
	assert_int_equal(image_finish(w, 0, &bytes, &e), 0);
	assert_int_equal(check_alone(path, true), CHECK_MENDED);
	expect_said("an entry: it is out of order; 1 entry lost, behind "
		    "c, before d\n");
	expect_said("an entry: it is out of order; 1 entry lost, behind "
		    "d, before e\n");
	assert_int_equal(check_alone(path, false), CHECK_FINE);
	expect_said("4 jobs");
}

static int
teardown(void **state)
{
	(void)state;
	buf_free(&report);
	return 0;
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		FOLDER_TEST(test_fine),
		FOLDER_TEST(test_tails),
		FOLDER_TEST(test_no_log),
		FOLDER_TEST(test_damage),
		FOLDER_TEST(test_damaged_is_there),
		FOLDER_TEST(test_cut_off),
		FOLDER_TEST(test_locked),
		FOLDER_TEST(test_header_bits),
		FOLDER_TEST(test_every_bit),
		FOLDER_TEST(test_nonsense),
		FOLDER_TEST(test_contents),
		FOLDER_TEST(test_contents_stop_a_start),
		FOLDER_TEST(test_gap),
		FOLDER_TEST(test_image_and_log),
		FOLDER_TEST(test_image),
		FOLDER_TEST(test_image_blocks),
		FOLDER_TEST(test_image_entries_block),
		FOLDER_TEST(test_image_says_what_is_lost),
		FOLDER_TEST(test_image_cut),
		FOLDER_TEST(test_image_header),
		FOLDER_TEST(test_image_order),
	};

	return cmocka_run_group_tests_name("check", tests, NULL, teardown);
}
