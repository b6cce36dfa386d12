/*
 * What a disk may do to a log or an image: cut it short, turn a bit, leave
 * zeros or garbage behind. Nothing that was acknowledged may be missing
 * without a word, and damage is named by its offset.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fault_os.h"
#include "fold.h"
#include "prng.h"
#include "recover.h"
#include "sim_fs.h"
#include "wal.h"

#define PATH "log"
#define RECORDS_MAX 80u

/* A sound log, and where things are in it. */
struct sample {
	unsigned char *bytes;
	size_t n;
	size_t at[RECORDS_MAX + 1]; /* record i; then the end of all */
	size_t group[RECORDS_MAX];  /* first record of i's group */
	size_t n_records;
	bool has_mark;
};

/* What recovery gave. */
struct found {
	int rc;
	enum store_fault fault;
	struct store_recovery recovery;
	struct err err;
	uint64_t n; /* records, each the next in order */
};

static struct sample sample;
static struct sim_fs *fs;

static void
put_record(struct buf *out, unsigned i)
{
	struct record_set set = { .due_ns = i };
	char name[16], payload[8];

	(void)snprintf(name, sizeof(name), "job.%u", i % 7);
	(void)snprintf(payload, sizeof(payload), "%05u", i);
	set.job = slice_str(name);
	if (i % 3 == 0)
		set.payload = slice_str(payload);
	if (i % 10 == 4) {
		struct record_entry entry = { .kind = ENTRY_ALERT,
			.id = set.job,
			.value = slice_str(payload) };

		record_put_entry(out, RECORD_ENTRY_SET, &entry);
		return;
	}
	if (i % 10 == 9) {
		size_t start = record_begin(out);

		record_put_name(out, set.job);
		record_end(out, start, RECORD_JOB_REMOVE);
		return;
	}
	record_put_set(out, &set);
}

/* Append n records as one group. */
static void
add_group(struct wal *w, unsigned n)
{
	struct buf group = { 0 };
	size_t first = sample.n_records;
	struct err e;

	for (unsigned i = 0; i < n; i++) {
		assert_true(sample.n_records < RECORDS_MAX);
		sample.at[sample.n_records] = (size_t)w->end + group.len;
		sample.group[sample.n_records] = first;
		put_record(&group, (unsigned)sample.n_records++);
	}
	assert_int_equal(wal_append(w, (unsigned char *)group.ptr, group.len,
			     WAL_REQUEST, &e),
	    0);
	sample.at[sample.n_records] = (size_t)w->end;
	buf_free(&group);
}

static void
keep_bytes(size_t n)
{
	size_t size;
	const unsigned char *bytes = sim_bytes(fs, PATH, &size);

	assert_true(n <= size);
	sample.bytes = realloc(sample.bytes, n);
	assert_non_null(sample.bytes);
	memcpy(sample.bytes, bytes, n);
	sample.n = n;
}

/* 60 records: each its own group, but for one group of many; the last group
 * has n_last. With a mark behind it, or not; and nothing else. */
static void
make_sample(unsigned n_last, bool has_mark)
{
	struct log_header h = { .first_seq = 1 };
	struct wal w;
	struct err e;

	free(sample.bytes);
	memset(&sample, 0, sizeof(sample));
	memset(h.log_id, 7, sizeof(h.log_id));
	assert_int_equal(wal_create(&w, PATH, &h, true, &e), 0);
	for (unsigned i = 0; i < 30; i++)
		add_group(&w, 1);
	add_group(&w, 12);
	while (sample.n_records < 60 - n_last)
		add_group(&w, 1);
	add_group(&w, n_last);
	if (has_mark)
		wal_mark(&w);
	sample.has_mark = has_mark;
	keep_bytes(
	    sample.at[sample.n_records] + (has_mark ? RECORD_HEADER_LEN : 0));
	assert_int_equal(os->close(w.fd), 0);
	free(w.path);
}

static void
use_new_fs(void)
{
	sim_kill(fs);
	sim_free(fs);
	fs = sim_new(SIM_STRICT);
	sim_use(fs);
}

static int
setup(void **state)
{
	(void)state;
	os = &sim_os;
	fs = sim_new(SIM_STRICT);
	sim_use(fs);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	sim_kill(fs);
	sim_free(fs);
	fs = NULL;
	sim_use(NULL);
	free(sample.bytes);
	memset(&sample, 0, sizeof(sample));
	os = &os_system;
	return 0;
}

/* Recovery. */

static int
on_record(void *arg, const struct record *r, struct err *e)
{
	struct found *f = arg;
	struct buf expected = { 0 };

	(void)e;
	f->n++;
	assert_int_equal(r->seq, f->n);
	put_record(&expected, (unsigned)f->n - 1);
	assert_int_equal(r->len, expected.len);
	assert_memory_equal(r->payload.ptr, expected.ptr + RECORD_HEADER_LEN,
	    r->payload.len);
	buf_free(&expected);
	return 0;
}

static int
on_entry(void *arg, const struct image_entry *entry, struct err *e)
{
	(void)arg;
	(void)entry;
	(void)e;
	return 0;
}

static void
read_back(struct found *f)
{
	struct recover_target target = { .arg = f,
		.image = on_entry,
		.record = on_record };
	struct wal w;

	memset(f, 0, sizeof(*f));
	f->rc =
	    recover(PATH, true, &target, &w, &f->recovery, &f->fault, &f->err);
	if (f->rc == 0)
		wal_close(&w);
}

static void
read_bytes(struct found *f, const void *bytes, size_t n)
{
	use_new_fs();
	sim_put(fs, PATH, bytes, n);
	read_back(f);
}

static void
expect_kept(const struct found *f, size_t n_records, size_t discarded)
{
	if (f->rc == -1)
		fail_msg("refused: %s", f->err.msg);
	assert_int_equal(f->n, n_records);
	assert_int_equal(f->recovery.discarded_bytes, discarded);
	assert_int_equal(f->recovery.discarded.msg[0] != '\0', discarded > 0);
}

/* Refused, and the error names the place. */
static void
expect_damage(const struct found *f, size_t at)
{
	char offset[32];

	assert_int_equal(f->rc, -1);
	assert_int_equal(f->fault, STORE_DAMAGED);
	(void)snprintf(offset, sizeof(offset), "offset %zu", at);
	if (strstr(f->err.msg, offset) == NULL ||
	    strstr(f->err.msg, PATH) == NULL)
		fail_msg("%s: not at %s", f->err.msg, offset);
}

/* How many records lie before an offset, whole. */
static size_t
records_before(size_t at)
{
	size_t i = 0;

	while (i < sample.n_records && sample.at[i + 1] <= at)
		i++;
	return i;
}

static void
a_log_may_end_at_every_byte(void **state)
{
	struct found f;

	(void)state;
	make_sample(5, false);
	for (size_t n = LOG_HEADER_LEN; n <= sample.n; n++) {
		size_t i = records_before(n);

		read_bytes(&f, sample.bytes, n);
		expect_kept(&f, i, n - sample.at[i]);
		read_back(&f); /* what was cut off stays cut off */
		expect_kept(&f, i, 0);
	}
	print_message("%zu lengths\n", sample.n);
}

static void
a_log_without_a_header_says_so(void **state)
{
	struct found f;

	(void)state;
	make_sample(5, false);
	for (size_t n = 0; n < LOG_HEADER_LEN; n++) {
		read_bytes(&f, sample.bytes, n);
		assert_int_equal(f.rc, 0);
		assert_int_equal(f.n, 0);
		assert_non_null(strstr(f.recovery.discarded.msg, "header"));
	}
}

/* What a wrong bit in byte `at` means. */
static void
expect_flip(const struct found *f, size_t at)
{
	size_t i = records_before(at);
	size_t last = sample.group[sample.n_records - 1];

	if (at < LOG_HEADER_LEN) {
		assert_int_equal(f->rc, -1);
		assert_int_equal(f->fault, STORE_DAMAGED);
	} else if (i == sample.n_records) {
		expect_kept(f, i, RECORD_HEADER_LEN); /* only the mark */
	} else if (i < last || sample.has_mark) {
		expect_damage(f, sample.at[i]);
	} else {
		expect_kept(f, i, sample.n - sample.at[i]);
	}
}

static void
flip_every_bit(void)
{
	struct found f;

	for (size_t bit = 0; bit < sample.n * 8; bit++) {
		sample.bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
		read_bytes(&f, sample.bytes, sample.n);
		sample.bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
		expect_flip(&f, bit / 8);
	}
	print_message("%zu bits of %zu records\n", sample.n * 8,
	    sample.n_records);
}

static void
every_bit_may_turn(void **state)
{
	(void)state;
	make_sample(1, false);
	flip_every_bit();
}

static void
every_bit_may_turn_before_a_mark(void **state)
{
	(void)state;
	make_sample(6, true);
	flip_every_bit();
}

static void
every_bit_may_turn_in_a_long_last_group(void **state)
{
	(void)state;
	make_sample(20, false);
	flip_every_bit();
}

/* A sector gone, with records behind it or none. */
static void
a_stretch_of_zeros_is_no_end(void **state)
{
	struct found f;

	(void)state;
	make_sample(6, true);
	for (size_t at = LOG_HEADER_LEN; at + 117 <= sample.n; at += 13) {
		unsigned char saved[100];

		memcpy(saved, sample.bytes + at, sizeof(saved));
		memset(sample.bytes + at, 0, sizeof(saved));
		read_bytes(&f, sample.bytes, sample.n);
		memcpy(sample.bytes + at, saved, sizeof(saved));
		expect_damage(&f, sample.at[records_before(at)]);
	}
}

/* Read the log with n bytes behind it. */
static void
read_with_tail(struct found *f, const void *tail, size_t n)
{
	unsigned char *bytes = malloc(sample.n + n);

	assert_non_null(bytes);
	memcpy(bytes, sample.bytes, sample.n);
	memcpy(bytes + sample.n, tail, n);
	read_bytes(f, bytes, sample.n + n);
	free(bytes);
}

static void
zeros_behind_are_no_damage(void **state)
{
	static const unsigned char zeros[70000];
	static const size_t length[] = { 1, 16, 17, 18, 511, 512, 4096, 70000 };
	struct found f;

	(void)state;
	for (int mark = 0; mark < 2; mark++) {
		make_sample(3, mark);
		for (size_t i = 0; i < 8; i++) {
			read_with_tail(&f, zeros, length[i]);
			expect_kept(&f, sample.n_records, 0);
			if (!mark)
				assert_int_equal(f.recovery.zero_bytes,
				    length[i]);
		}
	}
}

static void
garbage_behind_is_cut_off(void **state)
{
	struct prng p = { 5 };
	struct found f;

	(void)state;
	for (int mark = 0; mark < 2; mark++) {
		make_sample(3, mark);
		for (size_t n = 1; n < 600; n++) {
			unsigned char tail[600];

			for (size_t i = 0; i < n; i++)
				tail[i] = (unsigned char)prng_next(&p);
			tail[n - 1] |= 1;
			read_with_tail(&f, tail, n);
			expect_kept(&f, sample.n_records,
			    n + (mark ? RECORD_HEADER_LEN : 0));
		}
	}
}

/* Of a group whose sync never ended any part may be there; its first record
 * is not behind. */
static void
the_rest_of_a_group_proves_nothing(void **state)
{
	struct found f;
	size_t first, n;

	(void)state;
	make_sample(20, false);
	first = sample.group[sample.n_records - 1];
	for (size_t i = first; i < sample.n_records; i++) {
		n = sample.at[i + 1] - sample.at[i];
		memset(sample.bytes + sample.at[i], 0, n);
		read_bytes(&f, sample.bytes, sample.n);
		if (i + 1 < sample.n_records)
			expect_kept(&f, first, sample.n - sample.at[first]);
	}
}

static void
a_mark_of_older_days_proves_nothing(void **state)
{
	unsigned char mark[RECORD_HEADER_LEN];
	struct found f;

	(void)state;
	make_sample(1, true);
	sample.n -= RECORD_HEADER_LEN;
	for (uint64_t seq = 1; seq < sample.n_records; seq++) {
		unsigned char id[LOG_ID_LEN];

		memset(mark, 0, sizeof(mark));
		mark[RECORD_HEADER_LEN - 1] = RECORD_MARK;
		memset(id, 7, sizeof(id));
		(void)record_seal(mark, record_seed(id), seq, false);
		read_with_tail(&f, mark, sizeof(mark));
		expect_kept(&f, sample.n_records, RECORD_HEADER_LEN);
	}
}

static void
records_of_another_log_prove_nothing(void **state)
{
	unsigned char tail[4096];
	struct found f;
	size_t n;

	(void)state;
	make_sample(1, false);
	n = sample.n - LOG_HEADER_LEN;
	assert_true(n <= sizeof(tail));
	memcpy(tail, sample.bytes + LOG_HEADER_LEN, n);
	for (size_t i = 0; i < sample.n_records; i++)
		(void)record_seal(tail + sample.at[i] - LOG_HEADER_LEN,
		    0x12345678, sample.n_records + i + 2, true);
	tail[0] ^= 1;
	read_with_tail(&f, tail, n);
	expect_kept(&f, sample.n_records, n);
}

/* The segment before, and the image. */

/* The sample becomes the earlier segment; a new one begins behind it. */
static void
turn_to_old(void)
{
	struct log_header h;
	struct err e;
	unsigned char header[LOG_HEADER_LEN];

	assert_int_equal(log_header_decode(sample.bytes, &h, &e), 0);
	h.first_seq = sample.n_records + 1;
	log_header_encode(header, &h);
	use_new_fs();
	sim_put(fs, PATH, header, sizeof(header));
	sim_put(fs, PATH ".old", sample.bytes, sample.n);
}

static void
an_earlier_segment_must_be_whole(void **state)
{
	struct found f;

	(void)state;
	make_sample(4, false);
	turn_to_old();
	read_back(&f);
	expect_kept(&f, sample.n_records, 0);
	for (size_t bit = LOG_HEADER_LEN * 8; bit < sample.n * 8; bit += 3) {
		sample.bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
		turn_to_old();
		sample.bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
		read_back(&f);
		assert_int_equal(f.rc, -1);
		assert_int_equal(f.fault, STORE_DAMAGED);
	}
}

static void
damage_is_not_folded(void **state)
{
	atomic_bool stop = false;
	struct fold_result result;
	struct err e;
	size_t n;

	(void)state;
	make_sample(4, false);
	for (size_t bit = LOG_HEADER_LEN * 8; bit < sample.n * 8; bit += 3) {
		sample.bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
		turn_to_old();
		sample.bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
		assert_int_equal(
		    fold(PATH, sample.n_records + 1, &stop, &result, &e), -1);
		assert_non_null(sim_bytes(fs, PATH ".old", &n));
		assert_null(sim_bytes(fs, PATH ".base", &n));
	}
	turn_to_old();
	assert_int_equal(fold(PATH, sample.n_records + 1, &stop, &result, &e),
	    0);
	assert_null(sim_bytes(fs, PATH ".old", &n));
}

static void
an_image_is_whole_or_refused(void **state)
{
	atomic_bool stop = false;
	struct fold_result result;
	unsigned char *image;
	struct found f;
	struct err e;
	size_t n;

	(void)state;
	make_sample(4, false);
	turn_to_old();
	assert_int_equal(fold(PATH, sample.n_records + 1, &stop, &result, &e),
	    0);
	image = malloc(result.image_bytes > 0 ? (size_t)result.image_bytes : 1);
	assert_non_null(image);
	memcpy(image, sim_bytes(fs, PATH ".base", &n),
	    (size_t)result.image_bytes);
	for (size_t bit = 0; bit < n * 8; bit++) {
		image[bit / 8] ^= (unsigned char)(1u << bit % 8);
		use_new_fs();
		sim_put(fs, PATH ".base", image, n);
		image[bit / 8] ^= (unsigned char)(1u << bit % 8);
		read_back(&f);
		assert_int_equal(f.rc, -1);
		assert_int_equal(f.fault, STORE_DAMAGED);
	}
	for (size_t len = 0; len < n; len++) {
		use_new_fs();
		sim_put(fs, PATH ".base", image, len);
		read_back(&f);
		assert_int_equal(f.rc, -1);
		assert_int_equal(f.fault, STORE_DAMAGED);
	}
	print_message("%zu bits, %zu lengths\n", n * 8, n);
	free(image);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_log_may_end_at_every_byte),
		TEST(a_log_without_a_header_says_so),
		TEST(every_bit_may_turn),
		TEST(every_bit_may_turn_before_a_mark),
		TEST(every_bit_may_turn_in_a_long_last_group),
		TEST(a_stretch_of_zeros_is_no_end),
		TEST(zeros_behind_are_no_damage),
		TEST(garbage_behind_is_cut_off),
		TEST(the_rest_of_a_group_proves_nothing),
		TEST(a_mark_of_older_days_proves_nothing),
		TEST(records_of_another_log_prove_nothing),
		TEST(an_earlier_segment_must_be_whole),
		TEST(damage_is_not_folded),
		TEST(an_image_is_whole_or_refused),
	};

	return cmocka_run_group_tests_name("damage", tests, NULL, NULL);
}
