#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "history.h"
#include "job_run.h"
#include "record.h"

static struct buf out;

static int
teardown(void **state)
{
	(void)state;
	buf_free(&out);
	return 0;
}

/* The one record in `out`, sealed and read back. */
static struct record
sealed(uint64_t seq, bool first)
{
	struct record r;

	assert_false(out.failed);
	assert_int_equal(record_seal((unsigned char *)out.ptr, 99, seq, first),
	    out.len);
	assert_int_equal(
	    record_decode((unsigned char *)out.ptr, out.len, 99, &r),
	    RECORD_VALID);
	assert_int_equal(r.seq, seq);
	assert_int_equal(r.group_first, first);
	assert_int_equal(r.len, out.len);
	assert_int_equal(record_peek_seq((unsigned char *)out.ptr), seq);
	return r;
}

static void
assert_slice(struct slice s, const char *text)
{
	assert_true(slice_eq(s, slice_str(text)));
}

/* The format is a promise: these bytes stay what they are. */
static void
a_header_is_these_bytes(void **state)
{
	static const unsigned char expected[LOG_HEADER_LEN] = { 'T', 'I', 'C',
		'K', 'D', 'L', 'O', 'G', 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4,
		5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 9, 0, 0, 0, 0, 0, 0, 0,
		2, 1, 0, 0, 0, 0, 0, 0, 4, 3, 0, 0, 0, 0, 0, 0 };
	struct log_header h = { .epoch = 9,
		.first_seq = 0x102,
		.created_ns = 0x304 };
	unsigned char bytes[LOG_HEADER_LEN];

	(void)state;
	for (unsigned i = 0; i < LOG_ID_LEN; i++)
		h.log_id[i] = (unsigned char)i;
	log_header_encode(bytes, &h);
	memset(bytes + 12, 0, 4); /* the checksum */
	assert_memory_equal(bytes, expected, sizeof(bytes));
}

static void
a_header_comes_back(void **state)
{
	struct log_header h = { .epoch = UINT64_MAX,
		.first_seq = 77,
		.created_ns = -1 };
	unsigned char bytes[LOG_HEADER_LEN];
	struct log_header back;
	struct err e;

	(void)state;
	memset(h.log_id, 0xab, sizeof(h.log_id));
	log_header_encode(bytes, &h);
	assert_int_equal(log_header_decode(bytes, &back, &e), 0);
	assert_memory_equal(&h, &back, sizeof(h));
	for (unsigned i = 0; i < LOG_HEADER_LEN * 8; i++) {
		bytes[i / 8] ^= (unsigned char)(1u << i % 8);
		assert_int_equal(log_header_decode(bytes, &back, &e), -1);
		assert_int_equal(e.code, ERR_INVALID);
		bytes[i / 8] ^= (unsigned char)(1u << i % 8);
	}
}

static void
a_set_is_these_bytes(void **state)
{
	static const unsigned char expected[] = { 0x20, 0x39, 0x30, 0, 0, 0, 0,
		0, 0, 3, 'a', '.', '1', 2, 0, 0, 0, 'h', 'i' };
	struct record_set set = { .job = slice_str("a.1"),
		.due_ns = 12345,
		.payload = slice_str("hi") };
	struct record r;

	(void)state;
	record_put_set(&out, &set);
	r = sealed(0x0807060504030201, true);
	assert_int_equal(r.type, RECORD_JOB_SET);
	assert_int_equal(r.payload.len, sizeof(expected));
	assert_memory_equal(r.payload.ptr, expected, sizeof(expected));
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(out.ptr[8 + i], i + 1);
	assert_int_equal(out.ptr[4], sizeof(expected));
	assert_int_equal((unsigned char)out.ptr[16],
	    RECORD_GROUP_FIRST | RECORD_JOB_SET);
}

/* Every combination of what a SET may carry. */
static void
a_set_comes_back(void **state)
{
	(void)state;
	for (unsigned flags = 0; flags <= RECORD_SET_FLAGS; flags++) {
		struct record_set set = { .job = slice_str("job"),
			.due_ns = -5 };
		struct record_set back;
		struct record r;

		if (flags & RECORD_SET_EVERY)
			set.every_ns = 1;
		if (flags & RECORD_SET_CRON)
			set.cron = slice_str("* * * * *");
		if (flags & RECORD_SET_ZONE)
			set.zone = slice_str("Europe/Vienna");
		if (flags & RECORD_SET_UNTIL)
			set.until_ns = INT64_MAX;
		if (flags & RECORD_SET_JITTER)
			set.jitter_ns = 3;
		if (flags & RECORD_SET_PAYLOAD)
			set.payload = slice_str(flags & 1 ? "" : "payload");
		set.by_cron = (flags & RECORD_SET_BY_CRON) != 0;
		buf_clear(&out);
		record_put_set(&out, &set);
		assert_int_equal(record_plan_flags(&set), flags);
		r = sealed(flags, false);
		assert_true(record_get_set(r.payload, &back));
		assert_slice(back.job, "job");
		assert_int_equal(back.due_ns, -5);
		assert_int_equal(back.every_ns, set.every_ns);
		assert_int_equal(back.until_ns, set.until_ns);
		assert_int_equal(back.jitter_ns, set.jitter_ns);
		assert_true(slice_eq(back.cron, set.cron));
		assert_true(slice_eq(back.zone, set.zone));
		assert_true(slice_eq(back.payload, set.payload));
		assert_int_equal(back.by_cron, set.by_cron);
		assert_int_equal(back.payload.ptr != NULL,
		    set.payload.ptr != NULL);
		assert_slice(record_subject(r.type, r.payload), "job");
	}
}

static void
a_run_comes_back(void **state)
{
	static const enum record_type type[] = { RECORD_JOB_TRIGGER,
		RECORD_JOB_START, RECORD_JOB_FINISH };
	const struct record_run run = { .job = slice_str("job"),
		.rule = slice_str("rule"),
		.execution_id = UINT64_MAX - 1,
		.attempt = 3,
		.started_ns = 10,
		.ended_ns = 20,
		.outcome = 7,
		.exit = -1,
		.flags = 1,
		.next_due_ns = 99 };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct record_run back;
		struct record r;

		buf_clear(&out);
		record_put_run(&out, type[i], &run);
		r = sealed(i, true);
		assert_int_equal(r.type, type[i]);
		assert_true(record_get_run(type[i], r.payload, &back));
		assert_slice(back.job, "job");
		assert_int_equal(back.execution_id, run.execution_id);
		assert_slice(record_subject(type[i], r.payload), "job");
		if (type[i] == RECORD_JOB_TRIGGER)
			continue;
		assert_slice(back.rule, "rule");
		assert_int_equal(back.attempt, 3);
		assert_int_equal(back.started_ns, 10);
		if (type[i] == RECORD_JOB_START)
			continue;
		assert_int_equal(back.ended_ns, 20);
		assert_int_equal(back.outcome, 7);
		assert_int_equal(back.exit, -1);
		assert_int_equal(back.flags, 1);
		assert_int_equal(back.next_due_ns, 99);
	}
}

static struct slice
payload_of(const struct buf *record)
{
	return slice_of(record->ptr + RECORD_HEADER_LEN,
	    record->len - RECORD_HEADER_LEN);
}

/* Logs from before runs had a reason hold these bytes; with one they have
 * these and no other. */
static void
a_finish_is_these_bytes(void **state)
{
	static const unsigned char old[] = { 7, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0,
		10, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0,
		2, 99, 0, 0, 0, 0, 0, 0, 0, 1, 'j', 1, 'r' };
	struct record_run run = { .job = slice_str("j"),
		.rule = slice_str("r"),
		.execution_id = 7,
		.attempt = 3,
		.started_ns = 10,
		.ended_ns = 20,
		.outcome = 2,
		.exit = 1,
		.flags = RECORD_FINISH_RETRY,
		.next_due_ns = 99 };
	struct record_run back;

	(void)state;
	assert_true(record_get_run(RECORD_JOB_FINISH,
	    slice_of((const char *)old, sizeof(old)), &back));
	assert_slice(back.rule, "r");
	assert_int_equal(back.reason.len, 0);
	record_put_run(&out, RECORD_JOB_FINISH, &run);
	assert_true(slice_eq(payload_of(&out),
	    slice_of((const char *)old, sizeof(old))));
	buf_clear(&out);
	run.reason = slice_str("no");
	record_put_run(&out, RECORD_JOB_FINISH, &run);
	assert_int_equal(payload_of(&out).len, sizeof(old) + 3);
	assert_int_equal(payload_of(&out).ptr[33], 6); /* the flags */
	assert_memory_equal(payload_of(&out).ptr + sizeof(old), "\2no", 3);
	assert_true(record_get_run(RECORD_JOB_FINISH, payload_of(&out), &back));
	assert_slice(back.reason, "no");
	assert_int_equal(back.flags, RECORD_FINISH_RETRY);
	for (size_t n = 0; n < payload_of(&out).len; n++)
		assert_false(record_get_run(RECORD_JOB_FINISH,
		    slice_of(payload_of(&out).ptr, n), &back));
}

/* Cut short anywhere, or longer, a payload is not taken for one. */
static void
a_payload_has_its_length(void **state)
{
	const struct record_set set = { .job = slice_str("job"),
		.every_ns = 5,
		.cron = slice_str("cron"),
		.zone = slice_str("zone"),
		.payload = slice_str("payload") };
	const struct record_run run = { .job = slice_str("job"),
		.rule = slice_str("rule"),
		.execution_id = 1 };
	struct record_run run_back;
	struct record_set set_back;
	struct record r;

	(void)state;
	record_put_set(&out, &set);
	r = sealed(1, true);
	for (size_t n = 0; n < r.payload.len; n++)
		assert_false(
		    record_get_set(slice_of(r.payload.ptr, n), &set_back));
	for (int type = RECORD_JOB_TRIGGER; type <= RECORD_JOB_FINISH; type++) {
		buf_clear(&out);
		record_put_run(&out, (enum record_type)type, &run);
		r = sealed(1, true);
		for (size_t n = 0; n < r.payload.len; n++)
			assert_false(record_get_run((enum record_type)type,
			    slice_of(r.payload.ptr, n), &run_back));
		record_put_u8(&out, 0);
		assert_false(record_get_run((enum record_type)type,
		    slice_of(out.ptr + RECORD_HEADER_LEN,
			out.len - RECORD_HEADER_LEN),
		    &run_back));
	}
}

static void
unknown_flags_and_empty_names_are_refused(void **state)
{
	struct record_set set = { .job = slice_str("j") };
	struct record_set back;
	struct record_run run = { .job = slice_str("j"), .flags = 32 };
	struct record_run run_back;

	(void)state;
	record_put_set(&out, &set);
	out.ptr[RECORD_HEADER_LEN] = (char)(RECORD_SET_FLAGS + 1);
	assert_false(record_get_set(
	    slice_of(out.ptr + RECORD_HEADER_LEN, out.len - RECORD_HEADER_LEN),
	    &back));
	set.job = slice_str("");
	buf_clear(&out);
	record_put_set(&out, &set);
	assert_false(record_get_set(
	    slice_of(out.ptr + RECORD_HEADER_LEN, out.len - RECORD_HEADER_LEN),
	    &back));
	buf_clear(&out);
	record_put_run(&out, RECORD_JOB_FINISH, &run);
	assert_false(record_get_run(RECORD_JOB_FINISH,
	    slice_of(out.ptr + RECORD_HEADER_LEN, out.len - RECORD_HEADER_LEN),
	    &run_back));
}

static void
a_record_is_short_bad_or_valid(void **state)
{
	const struct record_set set = { .job = slice_str("job") };
	unsigned char *p;
	struct record r;

	(void)state;
	record_put_set(&out, &set);
	(void)sealed(5, true);
	p = (unsigned char *)out.ptr;
	for (size_t n = 0; n < out.len; n++)
		assert_int_equal(record_decode(p, n, 99, &r), RECORD_SHORT);
	assert_int_equal(record_decode(p, out.len, 98, &r), RECORD_BAD);
	for (size_t i = 0; i < out.len * 8; i++) {
		p[i / 8] ^= (unsigned char)(1u << i % 8);
		assert_int_not_equal(record_decode(p, out.len, 99, &r),
		    RECORD_VALID);
		p[i / 8] ^= (unsigned char)(1u << i % 8);
	}
	p[4] = p[5] = p[6] = p[7] = 0xff; /* a length out of range */
	assert_int_equal(record_decode(p, out.len, 99, &r), RECORD_BAD);
}

/* Sealing again replaces number, flag and checksum and nothing else. */
static void
a_record_may_be_sealed_again(void **state)
{
	const struct record_set set = { .job = slice_str("job") };
	struct record r;

	(void)state;
	record_put_set(&out, &set);
	(void)sealed(5, true);
	r = sealed(6, false);
	assert_int_equal(r.type, RECORD_JOB_SET);
	assert_slice(record_subject(r.type, r.payload), "job");
}

static void
a_reader_remembers_running_over(void **state)
{
	struct record_reader in;

	(void)state;
	record_read(&in, slice_of("\1\2\3\4\5", 5));
	assert_int_equal(record_get_u16(&in), 0x201);
	assert_false(record_done(&in));
	assert_int_equal(record_get_u32(&in), 0); /* three bytes are left */
	assert_int_equal(record_get_u8(&in), 0);
	assert_int_equal(record_get_name(&in).len, 0);
	assert_int_equal(record_get_text(&in).len, 0);
	assert_false(record_done(&in));
	record_read(&in, slice_of("\377a", 2));
	assert_int_equal(record_get_name(&in).len, 0);
	assert_false(record_done(&in));
	record_read(&in, slice_of("\1a", 2));
	assert_slice(record_get_name(&in), "a");
	assert_true(record_done(&in));
}

/* The last runs of a job. */

static void
the_last_runs_are_kept(void **state)
{
	struct buf old = { 0 };
	struct record_reader in;
	struct record_run run = { .rule = slice_str("rule") };

	(void)state;
	for (unsigned i = 1; i <= HISTORY_RUNS_MAX + 5; i++) {
		struct buf next = { 0 };
		unsigned n = 0;

		run.execution_id = i;
		run.exit = -(int32_t)i;
		history_add(&next, &run, buf_slice(&old));
		buf_free(&old);
		old = next;
		record_read(&in, buf_slice(&old));
		for (struct record_run back; history_next(&in, &back); n++) {
			assert_int_equal(back.execution_id, i - n);
			assert_int_equal(back.exit, -(int32_t)(i - n));
			assert_slice(back.rule, "rule");
		}
		assert_true(record_done(&in));
		assert_int_equal(n,
		    i < HISTORY_RUNS_MAX ? i : HISTORY_RUNS_MAX);
	}
	buf_free(&old);
}

/* Runs without a reason are kept as they were before there was one. */
static void
reasons_are_kept(void **state)
{
	static const char old[] = "\5\0\0\0\0\0\0\0\1\0\0\0"
				  "\12\0\0\0\0\0\0\0\24\0\0\0\0\0\0\0"
				  "\1\0\0\0\0\1r";
	struct record_run run = { .rule = slice_str("r"),
		.execution_id = 5,
		.attempt = 1,
		.started_ns = 10,
		.ended_ns = 20,
		.outcome = 1 };
	struct record_reader in;

	(void)state;
	history_add(&out, &run, slice_of("", 0));
	assert_true(slice_eq(buf_slice(&out), slice_of(old, sizeof(old) - 1)));
	buf_clear(&out);
	run.execution_id = 6;
	run.outcome = 2;
	run.reason = slice_str("connection refused");
	run.flags = RECORD_FINISH_SILENT;
	history_add(&out, &run, slice_of(old, sizeof(old) - 1));
	record_read(&in, buf_slice(&out));
	assert_true(history_next(&in, &run));
	assert_int_equal(run.outcome, 2);
	assert_slice(run.reason, "connection refused");
	assert_int_equal(run.flags, RECORD_FINISH_SILENT);
	assert_true(history_next(&in, &run));
	assert_int_equal(run.execution_id, 5);
	assert_int_equal(run.outcome, 1);
	assert_int_equal(run.flags, 0);
	assert_int_equal(run.reason.len, 0);
	assert_false(history_next(&in, &run));
	assert_true(record_done(&in));
}

/* How far a job has come. */

static void
a_run_goes_through_its_phases(void **state)
{
	struct job_run j = { 0 };
	struct record_run r = { .execution_id = 7, .attempt = 1 };

	(void)state;
	job_run_set(&j, 100);
	assert_int_equal(j.phase, PHASE_PLANNED);
	job_run_apply(&j, RECORD_JOB_START, &r); /* not triggered: another's */
	assert_int_equal(j.phase, PHASE_PLANNED);
	job_run_apply(&j, RECORD_JOB_TRIGGER, &r);
	assert_int_equal(j.phase, PHASE_QUEUED);
	job_run_apply(&j, RECORD_JOB_START, &r);
	assert_int_equal(j.phase, PHASE_RUNNING);
	r.execution_id = 6;
	job_run_apply(&j, RECORD_JOB_FINISH, &r); /* another's */
	assert_int_equal(j.phase, PHASE_RUNNING);
	r.execution_id = 7;
	r.flags = RECORD_FINISH_RETRY;
	job_run_apply(&j, RECORD_JOB_FINISH, &r);
	assert_int_equal(j.phase, PHASE_QUEUED);
	r.flags = 0;
	r.outcome = 2;
	job_run_apply(&j, RECORD_JOB_FINISH, &r); /* without a START */
	assert_int_equal(j.phase, PHASE_FAILED);
	job_run_apply(&j, RECORD_JOB_TRIGGER, &r);
	r.outcome = RECORD_OUTCOME_SUCCESS;
	job_run_apply(&j, RECORD_JOB_FINISH, &r);
	assert_int_equal(j.phase, PHASE_EXECUTED);
	job_run_apply(&j, RECORD_JOB_TRIGGER, &r);
	r.next_due_ns = 500;
	job_run_apply(&j, RECORD_JOB_FINISH, &r);
	assert_int_equal(j.phase, PHASE_PLANNED);
	assert_int_equal(j.due_ns, 500);
}

static void
put_entry(enum record_type type, unsigned kind, size_t id_len, size_t value_len)
{
	static char bytes[ENTRY_VALUE_MAX + 1];
	struct record_entry entry = { .kind = (enum entry_kind)kind,
		.id = slice_of(bytes, id_len),
		.value = slice_of(bytes, value_len) };

	buf_clear(&out);
	record_put_entry(&out, type, &entry);
	assert_false(out.failed);
}

/* What record_get_entry says of the record in `out`, cut by `less` bytes. */
static int
get_entry(enum record_type type, size_t less, struct record_entry *entry)
{
	struct err e;

	return record_get_entry(type,
	    slice_of(out.ptr + RECORD_HEADER_LEN,
		out.len - RECORD_HEADER_LEN - less),
	    entry, &e);
}

static void
an_entry_comes_back(void **state)
{
	static const struct {
		enum record_type type;
		unsigned kind;
		size_t id_len, value_len;
		int rc;
	} cases[] = {
		{ RECORD_ENTRY_SET, 1, 1, 0, 0 },
		{ RECORD_ENTRY_SET, ENTRY_KIND_END - 1, 255, ENTRY_VALUE_MAX,
		    0 },
		{ RECORD_ENTRY_REMOVE, 1, 255, 0, 0 },
		{ RECORD_ENTRY_SET, 0, 1, 0, -1 },
		{ RECORD_ENTRY_REMOVE, ENTRY_KIND_END, 1, 0, -1 },
		{ RECORD_ENTRY_SET, 255, 1, 0, -1 },
		{ RECORD_ENTRY_SET, 1, 0, 5, -1 },
		{ RECORD_ENTRY_REMOVE, 1, 0, 0, -1 },
		{ RECORD_ENTRY_SET, 1, 1, ENTRY_VALUE_MAX + 1, -1 },
	};
	struct record_entry entry;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum record_type type = cases[i].type;

		put_entry(type, cases[i].kind, cases[i].id_len,
		    cases[i].value_len);
		assert_int_equal(get_entry(type, 0, &entry), cases[i].rc);
		if (cases[i].rc == -1)
			continue;
		assert_int_equal(entry.kind, cases[i].kind);
		assert_int_equal(entry.id.len, cases[i].id_len);
		assert_int_equal(entry.value.len, cases[i].value_len);
		for (size_t n = out.len - RECORD_HEADER_LEN; n > 0; n--)
			assert_int_equal(get_entry(type, n, &entry), -1);
	}
	/* One for the other. */
	put_entry(RECORD_ENTRY_SET, 1, 3, 3);
	assert_int_equal(get_entry(RECORD_ENTRY_REMOVE, 0, &entry), -1);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_header_is_these_bytes),
		TEST(a_header_comes_back),
		TEST(a_set_is_these_bytes),
		TEST(a_set_comes_back),
		TEST(a_run_comes_back),
		TEST(a_finish_is_these_bytes),
		TEST(an_entry_comes_back),
		TEST(a_payload_has_its_length),
		TEST(unknown_flags_and_empty_names_are_refused),
		TEST(a_record_is_short_bad_or_valid),
		TEST(a_record_may_be_sealed_again),
		TEST(a_reader_remembers_running_over),
		TEST(the_last_runs_are_kept),
		TEST(reasons_are_kept),
		TEST(a_run_goes_through_its_phases),
	};

	return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
