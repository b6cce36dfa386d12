/*
 * A disk that dies while the page cache still takes writes: some kinds of
 * calls fail from now on, in every combination. Whatever is asked for then,
 * and however it ends (the process killed and the page cache kept, or the
 * power cut), a start finds all that was acknowledged and nothing that was
 * refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fault_os.h"
#include "sim_fs.h"
#include "store_box.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define N_KEPT 3
#define N_OPS 6
#define N_PHASES 4
#define N_CUTS 5 /* of each phase: the process, the power in four ways */

enum answer { NONE, OK, REFUSED, UNKNOWN };

static const enum fault_call kinds[] = { FAULT_PWRITEV, FAULT_FDATASYNC,
	FAULT_FSYNC, FAULT_FTRUNCATE, FAULT_RENAME, FAULT_OPEN };

/* What one is left with, and who had which answer then. */
struct cut {
	struct sim_fs *fs;
	enum answer answer[N_OPS];
};

static struct trial {
	unsigned dead;
	struct sim_fs *fs;
	struct box box;
	enum answer answer[N_OPS];
	unsigned n_asked;
	struct cut cut[N_PHASES * N_CUTS];
	unsigned n_cuts;
} t;

static unsigned n_states, n_in_doubt, n_unknown, n_later_refused;

static void
answered(void *arg, struct slice note, const struct err *e)
{
	enum answer *answer = arg;

	assert_int_equal(note.len, 0);
	assert_int_equal(*answer, NONE);
	*answer = OK;
	if (e != NULL)
		*answer = e->code == ERR_UNKNOWN ? UNKNOWN : REFUSED;
}

static struct store_waiter
next_waiter(void)
{
	assert_true(t.n_asked < N_OPS);
	return (struct store_waiter){ .done = answered,
		.arg = &t.answer[t.n_asked++],
		.note = slice_of("", 0) };
}

/* Op i: sets job "new.<i>"; an urgent one triggers job "kept.<i>". */
static void
ask_set(void)
{
	char name[16];
	struct record_set set = { .due_ns = 1 };
	struct store_waiter w;

	(void)snprintf(name, sizeof(name), "new.%u", t.n_asked);
	set.job = slice_str(name);
	w = next_waiter();
	assert_int_equal(store_set(t.box.store, &set, &w, &t.box.err), 0);
}

static void
ask_trigger(void)
{
	char name[16];
	struct record_run run = { .execution_id = 1 };
	struct store_waiter w;

	(void)snprintf(name, sizeof(name), "kept.%u", t.n_asked);
	run.job = slice_str(name);
	w = next_waiter();
	assert_int_equal(store_run(t.box.store, RECORD_JOB_TRIGGER, &run,
			     WAL_TRIGGER, &w, &t.box.err),
	    0);
}

static void
ask_many(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (t.n_asked % 3 == 1)
			ask_trigger();
		else
			ask_set();
	}
}

/* Hand the batch over and wait until it was written or refused; whether that
 * is certain may be open yet. */
static void
write_batch(void)
{
	const struct store_stats *stats = store_stats(t.box.store);
	uint64_t n = stats->commits + stats->failed_commits;

	store_kick(t.box.store);
	while (stats->commits + stats->failed_commits == n) {
		box_await(&t.box);
		box_poll(&t.box);
		store_kick(t.box.store);
	}
}

/* What there would be after an end right now. */
static void
cut_here(void)
{
	static const struct sim_loss loss[] = { { SIM_NONE, 1 }, { SIM_ALL, 1 },
		{ SIM_SECTORS, 7 }, { SIM_TORN, 9 } };

	sim_freeze(t.fs, true);
	for (size_t i = 0; i < N_CUTS; i++) {
		struct cut *cut = &t.cut[t.n_cuts++];

		cut->fs = i == 0 ? sim_clone(t.fs)
				 : sim_power_cut(t.fs, &loss[i - 1]);
		memcpy(cut->answer, t.answer, sizeof(t.answer));
	}
	sim_freeze(t.fs, false);
}

static unsigned
count(enum answer answer)
{
	unsigned n = 0;

	for (unsigned i = 0; i < t.n_asked; i++)
		n += t.answer[i] == answer;
	return n;
}

static void
await_answers(void)
{
	while (count(NONE) > 0) {
		box_await(&t.box);
		box_poll(&t.box);
	}
}

/* Whether what op i asks for can be seen. */
static bool
is_done(struct box *box, unsigned i)
{
	char name[16];
	const struct job *job;

	(void)snprintf(name, sizeof(name), "%s.%u", i % 3 == 1 ? "kept" : "new",
	    i);
	job = box_job(box, name);
	if (i % 3 != 1)
		return job != NULL;
	return job == NULL || job_status(job) != JOB_PLANNED;
}

static void
check(const struct cut *cut, unsigned number)
{
	struct box box;
	char name[16];

	n_states++;
	sim_use(cut->fs);
	box_init(&box);
	if (box_open(&box, "log") == -1)
		fail_msg("%x, cut %u: %s", t.dead, number, box.err.msg);
	box_rest(&box);
	for (unsigned i = 0; i < N_KEPT; i++) {
		(void)snprintf(name, sizeof(name), "kept.%u", 3 * i + 1);
		if (box_job(&box, name) == NULL)
			fail_msg("%x, cut %u: %s is lost", t.dead, number,
			    name);
	}
	for (unsigned i = 0; i < N_OPS; i++) {
		if (cut->answer[i] == OK && !is_done(&box, i))
			fail_msg("%x, cut %u: op %u is lost", t.dead, number,
			    i);
		if (cut->answer[i] == REFUSED && is_done(&box, i))
			fail_msg("%x, cut %u: op %u was refused", t.dead,
			    number, i);
	}
	box_fini(&box);
}

static void
begin(unsigned dead)
{
	char name[16];

	memset(&t, 0, sizeof(t));
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		t.dead |= (dead & 1u << i) != 0 ? 1u << kinds[i] : 0;
	t.fs = sim_new(SIM_STRICT);
	sim_use(t.fs);
	box_init(&t.box);
	assert_int_equal(box_open(&t.box, "log"), 0);
	for (unsigned i = 0; i < N_KEPT; i++) {
		(void)snprintf(name, sizeof(name), "kept.%u", 3 * i + 1);
		box_set(&t.box, name, 1);
	}
	box_settle(&t.box);
	assert_int_equal(t.box.n_ok, N_KEPT);
}

static void
end(void)
{
	sim_freeze(t.fs, true);
	box_fini(&t.box);
	sim_kill(t.fs);
	sim_free(t.fs);
	for (unsigned i = 0; i < t.n_cuts; i++) {
		check(&t.cut[i], i);
		sim_free(t.cut[i].fs);
	}
	sim_use(NULL);
}

/* The disk dies; it stays dead for longer than answers wait; then it is well
 * again, before that or after. */
static void
try(unsigned dead, bool late)
{
	begin(dead);
	fault_dead(t.dead, EIO);
	ask_many(2);
	write_batch();
	cut_here();
	n_in_doubt += count(NONE) > 0;
	ask_many(2);
	write_batch();
	/* Of that nothing is written, and it need not wait. */
	if (t.answer[0] == NONE) {
		assert_int_equal(t.answer[2], REFUSED);
		assert_int_equal(t.answer[3], REFUSED);
		n_later_refused++;
	}
	cut_here();
	if (late && count(NONE) > 0) {
		sim_pass(COMMIT_DOUBT_NS);
		await_answers();
		n_unknown += count(UNKNOWN) > 0;
	}
	cut_here();
	fault_dead(0, 0);
	/* It may be that a compression is awaited, which the dead disk ended.
	 */
	(void)box_compress(&t.box);
	await_answers();
	assert_true(late || count(UNKNOWN) == 0);
	ask_many(2);
	write_batch();
	await_answers();
	assert_int_equal(t.answer[4], OK);
	assert_int_equal(t.answer[5], OK);
	for (unsigned i = 0; i < N_OPS; i++)
		assert_int_equal(is_done(&t.box, i), t.answer[i] == OK);
	cut_here();
	end();
}

static void
every_combination_of_calls_fails(void **state)
{
	(void)state;
	for (unsigned dead = 1; dead < 1u << ARRAY_LEN(kinds); dead++) {
		try(dead, false);
		try(dead, true);
	}
	print_message("%u states, %u times in doubt, %u times to the end, "
		      "%u times refused meanwhile\n",
	    n_states, n_in_doubt, n_unknown, n_later_refused);
	assert_true(n_in_doubt > 10 && n_unknown > 5 && n_later_refused > 10);
}

static int
setup(void **state)
{
	(void)state;
	fault_install(&sim_os);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	fault_remove();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    every_combination_of_calls_fails, setup, teardown),
	};

	return cmocka_run_group_tests_name("dying", tests, NULL, NULL);
}
