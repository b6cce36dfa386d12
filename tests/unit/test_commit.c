#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "commit.h"
#include "fault_os.h"
#include "scan.h"
#include "sim_fs.h"

#define PATH "log"

static struct sim_fs *fs;
static struct wal wal;
static struct commit *commit;
static struct err err;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t woken = PTHREAD_COND_INITIALIZER;
static unsigned n_wakes;

static void
wake(void *arg)
{
	(void)arg;
	(void)pthread_mutex_lock(&mutex);
	n_wakes++;
	(void)pthread_cond_signal(&woken);
	(void)pthread_mutex_unlock(&mutex);
}

static void
await_wake(void)
{
	(void)pthread_mutex_lock(&mutex);
	while (n_wakes == 0)
		(void)pthread_cond_wait(&woken, &mutex);
	n_wakes--;
	(void)pthread_mutex_unlock(&mutex);
}

static struct batch *
take(void)
{
	bool in_doubt;
	struct batch *b = commit_take(commit, &in_doubt);

	assert_false(in_doubt);
	return b;
}

static int
setup(void **state)
{
	struct log_header h = { .first_seq = 1 };

	(void)state;
	fault_install(&sim_os);
	fs = sim_new(SIM_STRICT);
	sim_use(fs);
	n_wakes = 0;
	assert_int_equal(wal_create(&wal, PATH, &h, true, &err), 0);
	commit = commit_start(&wal, wake, NULL, &err);
	assert_non_null(commit);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	fault_none();
	commit_stop(commit, NULL);
	commit = NULL;
	wal_close(&wal);
	sim_free(fs);
	sim_use(NULL);
	fault_remove();
	return 0;
}

/* Put a record into the batch to come. */
static struct op *
add(enum wal_urgency urgency, size_t size)
{
	struct batch *b = commit_filling(commit);
	struct op *op = batch_add(b);
	size_t start = record_begin(&b->records);
	char *p = buf_reserve(&b->records, size);

	assert_non_null(op);
	assert_non_null(p);
	memset(p, 'x', size);
	b->records.len += size;
	record_end(&b->records, start, RECORD_JOB_REMOVE);
	op->urgency = (uint8_t)urgency;
	if (b->urgency < urgency)
		b->urgency = (uint8_t)urgency;
	return op;
}

/* Hand over and wait. */
static struct batch *
done(void)
{
	struct batch *b;

	commit_kick(commit, 1);
	await_wake();
	b = take();
	assert_non_null(b);
	return b;
}

static void
a_batch_comes_back_durable(void **state)
{
	struct batch *b;

	(void)state;
	assert_true(commit_idle(commit));
	commit_kick(commit, 1); /* nothing to write */
	assert_null(take());
	add(WAL_REQUEST, 10)->slot = 4711;
	add(WAL_REQUEST, 20);
	assert_false(commit_idle(commit));
	commit_kick(commit, 1000); /* not enough yet */
	assert_null(take());
	assert_int_equal(commit_filling(commit)->n_ops, 2);
	b = done();
	assert_int_equal(b->n_ops, 2);
	assert_int_equal(b->ops[0].slot, 4711);
	assert_int_equal(b->ops[1].offset, RECORD_HEADER_LEN + 10);
	assert_false(b->failed);
	assert_int_equal(b->last_seq, 2);
	assert_int_equal(b->wal.first_seq, 1);
	assert_true(b->durable_ns > b->submitted_ns);
	assert_true(fault_count(FAULT_FDATASYNC) >= 1);
	commit_recycle(commit, b);
	assert_true(commit_idle(commit));
}

/* Main fills the next while one is written; batches come back in order. */
static void
batches_come_back_in_order(void **state)
{
	uint64_t seq = 0;

	(void)state;
	add(WAL_REQUEST, 10);
	for (unsigned i = 0; i < 500; i++) {
		struct batch *b;
		size_t n = 1 + i % 3;

		commit_kick(commit, 1);
		while (n-- > 0)
			add(WAL_REQUEST, i);
		commit_kick(commit, 1); /* busy: no effect */
		await_wake();
		b = take();
		assert_non_null(b);
		commit_kick(commit, 1);
		assert_int_equal(b->last_seq, seq + b->n_ops);
		seq = b->last_seq;
		commit_recycle(commit, b);
		add(WAL_REQUEST, 1);
		await_wake();
		b = take();
		assert_int_equal(b->last_seq, seq + b->n_ops);
		seq = b->last_seq;
		commit_recycle(commit, b);
	}
}

static void
a_batch_has_limits(void **state)
{
	(void)state;
	for (size_t i = 0; i < BATCH_OPS_MAX; i++) {
		assert_false(commit_full(commit));
		add(WAL_REQUEST, 1);
	}
	assert_true(commit_full(commit));
	commit_recycle(commit, done());
	assert_false(commit_full(commit));
	while (!commit_full(commit))
		add(WAL_REQUEST, 100000);
	assert_true(commit_filling(commit)->records.len >= BATCH_BYTES_MAX);
	commit_recycle(commit, done());
}

static void
a_refused_batch_says_why(void **state)
{
	struct batch *b;

	(void)state;
	add(WAL_REQUEST, 10);
	add(WAL_REQUEST, 10);
	fault_at(FAULT_PWRITEV, 1, 1, ENOSPC);
	b = done();
	assert_true(b->failed);
	assert_true(b->ops[0].failed && b->ops[1].failed);
	assert_int_equal(b->err.code, ERR_STORAGE);
	assert_int_equal(b->last_seq, 0);
	commit_recycle(commit, b);
	fault_none();
	add(WAL_REQUEST, 10);
	b = done();
	assert_false(b->failed || b->ops[0].failed);
	assert_int_equal(b->last_seq, 1);
	commit_recycle(commit, b);
}

/* How many records the log holds. */
static unsigned
n_durable(void)
{
	struct record r;
	struct scan s;
	unsigned n = 0;

	assert_int_equal(scan_open(&s, PATH, &err), 0);
	while (scan_next(&s, &r, &err) == SCAN_RECORD)
		n++;
	scan_close(&s);
	return n;
}

/* On a full disk requests are refused and results are not. */
static void
the_urgent_are_written_alone(void **state)
{
	struct batch *b;

	(void)state;
	add(WAL_REQUEST, 10);
	commit_recycle(commit, done());
	fault_at(FAULT_FALLOCATE, 1, FAULT_ALWAYS, ENOSPC);
	do {
		for (unsigned i = 0; i < 3; i++) {
			add(WAL_REQUEST, 1000);
			add(WAL_RESULT, 20);
			add(WAL_TRIGGER, 1000);
		}
		b = done();
		if (!b->failed) {
			commit_recycle(commit, b);
			continue;
		}
		for (unsigned i = 0; i < 9; i++)
			if (b->ops[i].urgency == WAL_RESULT)
				assert_false(b->ops[i].failed);
			else if (b->ops[i].urgency == WAL_REQUEST)
				assert_true(b->ops[i].failed);
		commit_recycle(commit, b);
		/* Until triggers are refused as well. */
	} while (!b->ops[2].failed);
	assert_int_equal(b->last_seq, n_durable());
	fault_none();
	add(WAL_REQUEST, 10);
	b = done();
	assert_false(b->failed);
	assert_int_equal(b->last_seq, n_durable());
	commit_recycle(commit, b);
}

static void
a_new_segment_may_be_asked_for(void **state)
{
	struct wal_state after;
	struct batch *b;
	int rc;

	(void)state;
	add(WAL_REQUEST, 10);
	commit_recycle(commit, done());
	assert_int_equal(commit_ended(commit, ORDER_SWITCH, &after, &err), 0);
	commit_order(commit, ORDER_SWITCH);
	add(WAL_REQUEST, 10);
	commit_kick(commit, 1);
	await_wake();
	await_wake();
	rc = commit_ended(commit, ORDER_SWITCH, &after, &err);
	assert_int_equal(rc, 1);
	assert_true(after.first_seq == 2 || after.first_seq == 3);
	b = take();
	assert_int_equal(b->last_seq, 2);
	commit_recycle(commit, b);
	commit_order(commit, ORDER_SWITCH); /* the one before is in the way */
	await_wake();
	assert_int_equal(commit_ended(commit, ORDER_SWITCH, &after, &err), -1);
	assert_int_equal(err.code, ERR_STORAGE);
}

static unsigned n_dropped;

static void
dropped(const struct batch *b)
{
	n_dropped += (unsigned)b->n_ops;
}

static void
a_stop_waits_for_what_is_written(void **state)
{
	(void)state;
	n_dropped = 0;
	add(WAL_REQUEST, 10);
	commit_kick(commit, 1);
	add(WAL_REQUEST, 10); /* never handed over */
	commit_stop(commit, dropped);
	commit = NULL;
	assert_int_equal(n_dropped, 2); /* one of them is durable */
	assert_int_equal(wal.next_seq, 2);
}

static void
without_a_log_all_is_done_at_once(void **state)
{
	struct batch *b;

	(void)state;
	commit_stop(commit, NULL);
	commit = commit_start(NULL, wake, NULL, &err);
	assert_non_null(commit);
	for (unsigned i = 0; i < 5; i++) {
		add(WAL_REQUEST, 10);
		commit_kick(commit, 1);
		add(WAL_REQUEST, 10);
		commit_kick(commit, 1); /* one is not taken back yet */
		b = take();
		assert_non_null(b);
		assert_false(b->failed);
		commit_recycle(commit, b);
	}
	assert_int_equal(n_wakes, 5);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_batch_comes_back_durable),
		TEST(batches_come_back_in_order),
		TEST(a_batch_has_limits),
		TEST(a_refused_batch_says_why),
		TEST(the_urgent_are_written_alone),
		TEST(a_new_segment_may_be_asked_for),
		TEST(a_stop_waits_for_what_is_written),
		TEST(without_a_log_all_is_done_at_once),
	};

	return cmocka_run_group_tests_name("commit", tests, NULL, NULL);
}
