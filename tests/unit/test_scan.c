#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fault_os.h"
#include "prng.h"
#include "scan.h"
#include "sim_fs.h"

#define PATH "log"
#define FIRST_SEQ 41u

static struct sim_fs *fs;
static struct buf file;
static uint64_t n_records;

static int
setup(void **state)
{
	const struct log_header h = { .first_seq = FIRST_SEQ };
	unsigned char header[LOG_HEADER_LEN];

	(void)state;
	fault_install(&sim_os);
	fs = sim_new(SIM_STRICT);
	sim_use(fs);
	log_header_encode(header, &h);
	buf_add(&file, header, sizeof(header));
	n_records = 0;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	sim_kill(fs);
	sim_free(fs);
	sim_use(NULL);
	buf_free(&file);
	fault_remove();
	return 0;
}

static void
seal_last(size_t start, uint64_t seq, bool first)
{
	static const unsigned char id[LOG_ID_LEN];

	assert_false(file.failed);
	(void)record_seal((unsigned char *)file.ptr + start, record_seed(id),
	    seq, first);
}

/* Append a record with a payload of n bytes. */
static void
add(size_t n, bool first)
{
	size_t start = record_begin(&file);

	for (size_t i = 0; i < n; i++)
		buf_add_byte(&file, (char)(n_records + i));
	record_end(&file, start, RECORD_JOB_SET);
	seal_last(start, FIRST_SEQ + n_records++, first);
}

static void
add_mark(uint64_t seq)
{
	size_t start = record_begin(&file);

	record_end(&file, start, RECORD_MARK);
	seal_last(start, seq, false);
}

/* Read the file: all records must come, then `end` at offset `at`. */
static void
expect(uint64_t n, enum scan_result end, size_t at)
{
	enum scan_result result;
	struct record r;
	struct scan s;
	struct err e;
	uint64_t i = 0;

	sim_put(fs, PATH, file.ptr, file.len);
	assert_int_equal(scan_open(&s, PATH, &e), 0);
	while ((result = scan_next(&s, &r, &e)) == SCAN_RECORD) {
		assert_int_equal(r.seq, FIRST_SEQ + i);
		for (size_t k = 0; k < r.payload.len; k += 97)
			assert_int_equal((char)(i + k), r.payload.ptr[k]);
		i++;
	}
	assert_int_equal(result, end);
	assert_int_equal(i, n);
	assert_int_equal(s.at, at);
	assert_int_equal(s.next_seq, FIRST_SEQ + n);
	scan_close(&s);
}

static void
an_empty_log_ends_behind_its_header(void **state)
{
	(void)state;
	expect(0, SCAN_END, LOG_HEADER_LEN);
}

static void
no_file_no_header_and_no_log_differ(void **state)
{
	struct scan s;
	struct err e;

	(void)state;
	assert_int_equal(scan_open(&s, "none", &e), -1);
	assert_int_equal(e.code, ERR_STORAGE);
	sim_put(fs, PATH, file.ptr, LOG_HEADER_LEN - 1);
	assert_int_equal(scan_open(&s, PATH, &e), 1);
	sim_put(fs, PATH, "", 0);
	assert_int_equal(scan_open(&s, PATH, &e), 1);
	file.ptr[0] = 'X';
	sim_put(fs, PATH, file.ptr, file.len);
	assert_int_equal(scan_open(&s, PATH, &e), -1);
	assert_int_equal(e.code, ERR_INVALID);
	assert_non_null(strstr(e.msg, "magic"));
}

/* Records of all sizes lie across the ends of the window it reads. */
static void
records_may_lie_anywhere(void **state)
{
	struct prng p = { 9 };

	(void)state;
	for (unsigned i = 0; i < 300; i++)
		add(prng_below(&p, 8) == 0
			? RECORD_PAYLOAD_MAX - prng_below(&p, 100)
			: prng_below(&p, 30000),
		    true);
	assert_true(file.len > 5u << 20);
	expect(300, SCAN_END, file.len);
}

static void
the_largest_and_the_smallest_are_records(void **state)
{
	(void)state;
	add(0, true);
	add(RECORD_PAYLOAD_MAX, true);
	add(0, false);
	expect(3, SCAN_END, file.len);
}

static void
zeros_of_any_length_are_an_end(void **state)
{
	static const char zeros[3 << 20];
	size_t end;

	(void)state;
	add(5, true);
	end = file.len;
	buf_add(&file, zeros, sizeof(zeros));
	expect(1, SCAN_ZEROS, end);
	buf_add_byte(&file, 1);
	expect(1, SCAN_TORN, end);
}

static void
a_mark_is_an_end_and_no_record(void **state)
{
	static const char zeros[100];
	size_t end;

	(void)state;
	add(5, true);
	end = file.len;
	add_mark(FIRST_SEQ);
	expect(1, SCAN_END, end);
	buf_add(&file, zeros, sizeof(zeros));
	expect(1, SCAN_END, end);
}

/* Proof of damage may lie far behind it, in another window. */
static void
damage_is_proven_from_afar(void **state)
{
	size_t bad, end;

	(void)state;
	add(5, true);
	bad = file.len;
	for (unsigned i = 0; i < 20; i++)
		add(RECORD_PAYLOAD_MAX, i == 0);
	file.ptr[bad] ^= 1;
	expect(1, SCAN_TORN, bad);
	end = file.len;
	add(1, true);
	expect(1, SCAN_DAMAGED, bad);
	file.len = end;
	add_mark(FIRST_SEQ + 20);
	expect(1, SCAN_DAMAGED, bad);
}

static void
a_number_out_of_order_ends_the_log(void **state)
{
	size_t end;

	(void)state;
	add(5, true);
	end = file.len;
	n_records += 1; /* a record is missing here */
	add(5, true);
	expect(1, SCAN_DAMAGED, end);
	file.len = end;
	n_records = 0; /* the same number again */
	add(5, true);
	expect(1, SCAN_TORN, end);
}

static void
a_read_error_is_told(void **state)
{
	enum scan_result result = SCAN_RECORD;
	struct record r;
	struct scan s;
	struct err e;

	(void)state;
	for (unsigned i = 0; i < 8; i++)
		add(RECORD_PAYLOAD_MAX, true);
	sim_put(fs, PATH, file.ptr, file.len);
	for (uint64_t n = 1; result != SCAN_END; n++) {
		fault_at(FAULT_PREAD, n, 1, EIO);
		if (scan_open(&s, PATH, &e) == -1) {
			assert_int_equal(e.code, ERR_STORAGE);
			continue;
		}
		do
			result = scan_next(&s, &r, &e);
		while (result == SCAN_RECORD);
		if (fault_hit()) {
			assert_int_equal(result, SCAN_FAILED);
			assert_int_equal(e.code, ERR_STORAGE);
		}
		scan_close(&s);
	}
	for (uint64_t n = 1; n < 4; n++) { /* no error at all */
		fault_at(FAULT_PREAD, n, 3, n % 2 == 0 ? EINTR : FAULT_SHORT);
		expect(8, SCAN_END, file.len);
	}
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_empty_log_ends_behind_its_header),
		TEST(no_file_no_header_and_no_log_differ),
		TEST(records_may_lie_anywhere),
		TEST(the_largest_and_the_smallest_are_records),
		TEST(zeros_of_any_length_are_an_end),
		TEST(a_mark_is_an_end_and_no_record),
		TEST(damage_is_proven_from_afar),
		TEST(a_number_out_of_order_ends_the_log),
		TEST(a_read_error_is_told),
	};

	return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}
