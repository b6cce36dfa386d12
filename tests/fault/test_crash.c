/*
 * The power is cut after every operation of a workload, and the n-th call of
 * each kind fails, for all n. See crash_work.h for what is checked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "crash_work.h"
#include "prng.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static const struct work_step script[] = {
	{ WORK_RULE, "rule.a", 0, "a. shell true" },
	{ WORK_ENTRY, "cpu", ENTRY_THRESHOLD, "80" },
	{ WORK_SET, "a.1", 100, NULL },
	{ WORK_COMMIT, NULL, 0, NULL },
	{ WORK_MARK, NULL, 0, NULL },
	{ WORK_SET, "a.2", 200, NULL },
	{ WORK_SET_PAYLOAD, "a.3", 300, "one two three" },
	{ WORK_SET, "b.1", 50, NULL },
	{ WORK_ENTRY, "cpu", ENTRY_ALERT, "raised" },
	{ WORK_COMMIT, NULL, 0, NULL },
	{ WORK_TRIGGER, "a.1", 1, NULL },
	{ WORK_COMMIT, NULL, 0, NULL },
	{ WORK_MARK, NULL, 0, NULL },
	{ WORK_START, "a.1", 1, NULL },
	{ WORK_COMMIT, NULL, 0, NULL },
	{ WORK_FINISH, "a.1", 1, NULL },
	{ WORK_TRIGGER, "a.3", 2, NULL },
	{ WORK_COMMIT, NULL, 0, NULL },
	{ WORK_MARK, NULL, 0, NULL },
	{ WORK_RESTART, NULL, 0, NULL },
	{ WORK_START, "a.3", 2, NULL },
	{ WORK_PAUSE, "rule.a", 0, NULL },
	{ WORK_REMOVE, "b.1", 0, NULL },
	{ WORK_ENTRY, "cpu", ENTRY_THRESHOLD, "70" },
	{ WORK_ENTRY, "disk", ENTRY_THRESHOLD, "95" },
	{ WORK_COMMIT, NULL, 0, NULL },
	{ WORK_WRITE_FAILS, NULL, 0, NULL },
	{ WORK_SET, "refused.write", 1, NULL },
	{ WORK_SET, "a.2", 1, NULL },
	{ WORK_ENTRY, "cpu", ENTRY_THRESHOLD, "refused" },
	{ WORK_ENTRY_REMOVE, "disk", ENTRY_THRESHOLD, NULL },
	{ WORK_COMMIT, NULL, 0, NULL },
	{ WORK_MARK, NULL, 0, NULL },
	{ WORK_RULE, "rule.b", 0, "b. direct /bin/true -- timeout=5s" },
	{ WORK_SET, "b.2", 2, NULL },
	{ WORK_COMMIT, NULL, 0, NULL },
	{ WORK_COMPRESS, NULL, 0, NULL },
	{ WORK_FAIL, "a.3", 2, NULL },
	{ WORK_RULE_REMOVE, "rule.a", 0, NULL },
	{ WORK_ENTRY_REMOVE, "cpu", ENTRY_ALERT, NULL },
	{ WORK_ENTRY, "disk", ENTRY_ALERT, "raised" },
	{ WORK_SET_EVERY, "a.4", 9, NULL },
	{ WORK_COMMIT, NULL, 0, NULL },
	{ WORK_MARK, NULL, 0, NULL },
	{ WORK_SYNC_FAILS, NULL, 0, NULL },
	{ WORK_SET, "refused.sync", 1, NULL },
	{ WORK_REMOVE, "a.1", 0, NULL },
	{ WORK_COMMIT, NULL, 0, NULL },
	{ WORK_SET, "a.5", 5, NULL },
	{ WORK_ENTRY, "disk", ENTRY_ALERT, "acknowledged" },
	{ WORK_ENTRY_REMOVE, "cpu", ENTRY_THRESHOLD, NULL },
	{ WORK_TRIGGER, "a.4", 3, NULL },
	{ WORK_COMMIT, NULL, 0, NULL },
	{ WORK_MARK, NULL, 0, NULL },
	{ WORK_AGAIN, "a.4", 3, NULL },
	{ WORK_SET, "lost", 5, NULL },
	{ WORK_KILL, NULL, 0, NULL },
	{ WORK_AGAIN, "a.4", 3, NULL },
	{ WORK_SET, "a.1", 11, NULL },
	{ WORK_COMMIT, NULL, 0, NULL },
	{ WORK_COMPRESS, NULL, 0, NULL },
	{ WORK_COMPRESS, NULL, 0, NULL },
	{ WORK_SET, "c.1", 1, NULL },
	{ WORK_REMOVE, "c.1", 0, NULL },
	{ WORK_SET, "c.2", 2, NULL },
	{ WORK_COMMIT, NULL, 0, NULL },
	{ WORK_MARK, NULL, 0, NULL },
	{ WORK_RESTART, NULL, 0, NULL },
	{ WORK_SET_PAYLOAD, "c.3", 3, "payload" },
	{ WORK_COMMIT, NULL, 0, NULL },
};

/* The same without failures: for those that the tests below make. */
static struct work_step quiet[ARRAY_LEN(script)];
static size_t n_quiet;

#define N_RANDOM 500u

static struct work_step random_step[N_RANDOM];

static int
setup(void **state)
{
	(void)state;
	fault_install(&sim_os);
	n_quiet = 0;
	for (size_t i = 0; i < ARRAY_LEN(script); i++)
		if (script[i].verb != WORK_WRITE_FAILS &&
		    script[i].verb != WORK_SYNC_FAILS &&
		    (script[i].verb != WORK_MARK || i % 4 == 0))
			quiet[n_quiet++] = script[i];
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	fault_remove();
	return 0;
}

/* What is checked in one state. */

static size_t n_states;

struct where {
	const struct work *work;
	size_t n_ops;
	const char *order;
	struct sim_loss loss;
};

static void
fail_state(const struct where *at, const char *what, const char *found)
{
	print_error("expected:\n%s", work_after(at->work, at->n_ops));
	fail_msg("after %zu operations, %s, survival %d, seed %llu: %s: %s",
	    at->n_ops, at->order, at->loss.survival,
	    (unsigned long long)at->loss.seed, what, found);
}

static void
open_state(const struct where *at, struct box *box)
{
	if (box_open(box, WORK_PATH) == -1)
		fail_state(at, "does not start", box->err.msg);
	box_rest(box);
}

/* The process is gone, its store is freed. */
static void
kill_box(struct sim_fs *fs, struct box *box)
{
	sim_freeze(fs, true);
	box_close(box);
	sim_kill(fs);
	sim_freeze(fs, false);
}

/* The store on fs is one that may be, and goes on to be a store: what it is
 * asked for now survives a power cut in which all is lost that can be. */
static void
check_state(const struct where *at, struct sim_fs *fs)
{
	static struct buf found, later, again;
	const struct sim_loss nothing = { SIM_NONE, 1 };
	struct sim_fs *rest;
	struct box box;

	n_states++;
	sim_use(fs);
	box_init(&box);
	open_state(at, &box);
	box_print(&box, &found);
	if (!work_allows(at->work, at->n_ops, found.ptr))
		fail_state(at, "should not be", found.ptr);
	box_set(&box, "probe", 1);
	box_settle(&box);
	if (box.n_ok != 1)
		fail_state(at, "takes no change", box.err.msg);
	box_rest(&box);
	box_print(&box, &later);
	kill_box(fs, &box);
	rest = sim_power_cut(fs, &nothing);
	sim_use(rest);
	open_state(at, &box);
	box_print(&box, &again);
	if (strcmp(later.ptr, again.ptr) != 0)
		fail_state(at, "lost after a second cut", again.ptr);
	kill_box(rest, &box);
	box_fini(&box);
	sim_free(rest);
}

static void
cut_power(struct where *at, const struct sim_fs *fs)
{
	static const struct sim_loss loss[] = { { SIM_NONE, 1 }, { SIM_ALL, 1 },
		{ SIM_PREFIX, 1 }, { SIM_SECTORS, 2 }, { SIM_SECTORS, 3 },
		{ SIM_TORN, 4 }, { SIM_TORN, 5 } };

	for (size_t i = 0; i < ARRAY_LEN(loss); i++) {
		struct sim_fs *cut;

		at->loss = loss[i];
		if (loss[i].survival >= SIM_PREFIX)
			at->loss.seed += at->n_ops * 16;
		cut = sim_power_cut(fs, &at->loss);
		check_state(at, cut);
		sim_free(cut);
	}
}

/* Not the power is cut but the process killed; the power goes later. */
static void
cut_process(struct where *at, const struct sim_fs *fs)
{
	struct sim_fs *same = sim_clone(fs);

	at->loss = (struct sim_loss){ SIM_SURVIVAL_COUNT, 0 };
	check_state(at, same);
	sim_free(same);
}

static void
cut_everywhere(const struct work *w)
{
	static const char *const name[] = { "ordered", "strict" };

	for (int order = 0; order < SIM_ORDER_COUNT; order++) {
		struct sim_fs *player = sim_new((enum sim_order)order);
		struct where at = { .work = w, .order = name[order] };

		do {
			cut_power(&at, player);
			cut_process(&at, player);
			at.n_ops++;
		} while (sim_play(player, w->fs));
		sim_free(player);
	}
}

static void
all_cuts_of(const struct work_step *steps, size_t n, const char *what)
{
	static struct work w;

	n_states = 0;
	work_begin(&w);
	work_do(&w, steps, n);
	work_check(&w);
	assert_int_equal(fault_resyncs(), 0);
	work_die(&w);
	cut_everywhere(&w);
	print_message("%s: %zu batches, %zu operations, %zu states\n", what,
	    w.n_batches, sim_n_ops(w.fs), n_states);
	sim_use(w.fs);
	work_end(&w);
}

static void
power_is_cut_after_every_operation(void **state)
{
	(void)state;
	all_cuts_of(script, ARRAY_LEN(script), "script");
}

static void
make_random_step(struct prng *p, struct work_step *step, int64_t i)
{
	static const char *const job[] = { "a", "a.1", "a.2", "b", "b.1" };
	static const char *const rule[] = { "rule.a", "rule.b" };
	static const char *const text[] = { "a shell true",
		"b direct /bin/true", "a. shell false -- retries=3" };
	static const enum entry_kind kind[] = { ENTRY_THRESHOLD, ENTRY_ALERT,
		ENTRY_HISTORY };
	/* Most of the time a change of a job, often its end. */
	static const unsigned char verb[] = { WORK_SET, WORK_SET_PAYLOAD,
		WORK_SET_EVERY, WORK_REMOVE, WORK_TRIGGER, WORK_TRIGGER,
		WORK_START, WORK_FINISH, WORK_FAIL, WORK_AGAIN, WORK_RULE,
		WORK_RULE_REMOVE, WORK_PAUSE, WORK_RESUME, WORK_ENTRY,
		WORK_ENTRY, WORK_ENTRY_REMOVE, WORK_COMMIT, WORK_COMMIT,
		WORK_COMMIT, WORK_COMMIT };

	step->verb = (enum work_verb)verb[prng_below(p, sizeof(verb))];
	step->name = job[prng_below(p, ARRAY_LEN(job))];
	step->n = i;
	step->text = "a text";
	if (step->verb >= WORK_START && step->verb <= WORK_AGAIN)
		step->n = 1 + prng_below(p, (uint32_t)i + 1);
	if (step->verb >= WORK_RULE && step->verb <= WORK_RESUME) {
		step->name = rule[prng_below(p, ARRAY_LEN(rule))];
		step->text = text[prng_below(p, ARRAY_LEN(text))];
	}
	if (step->verb == WORK_ENTRY || step->verb == WORK_ENTRY_REMOVE) {
		step->n = kind[prng_below(p, ARRAY_LEN(kind))];
		step->text = text[prng_below(p, ARRAY_LEN(text))];
	}
	if (step->verb == WORK_COMMIT && prng_below(p, 8) == 0)
		step->verb = prng_below(p, 2) == 0 ? WORK_COMPRESS : WORK_KILL;
	if (step->verb == WORK_KILL && prng_below(p, 2) == 0)
		step->verb = WORK_RESTART;
}

static void
make_random_steps(uint64_t seed, size_t n)
{
	struct prng p = { seed };

	for (size_t i = 0; i < n; i++)
		make_random_step(&p, &random_step[i], (int64_t)i + 1);
	random_step[n - 1].verb = WORK_COMMIT;
}

static void
power_is_cut_in_random_work(void **state)
{
	(void)state;
	make_random_steps(20, N_RANDOM);
	all_cuts_of(random_step, N_RANDOM, "random");
}

/* Faults. */

static void
check_later(struct work *w, enum fault_call call, uint64_t n, int errnum)
{
	static const struct sim_loss loss[] = { { SIM_NONE, 1 }, { SIM_ALL, 1 },
		{ SIM_SECTORS, 7 }, { SIM_SECTORS, 8 }, { SIM_SECTORS, 9 },
		{ SIM_SECTORS, 11 } };
	static struct buf found;

	for (size_t i = 0; i < ARRAY_LEN(loss); i++) {
		struct sim_fs *cut = sim_power_cut(w->fs, &loss[i]);
		struct box box;

		n_states++;
		sim_use(cut);
		box_init(&box);
		if (box_open(&box, WORK_PATH) == -1)
			fail_msg("%s %llu fails with %d: %s", fault_name(call),
			    (unsigned long long)n, errnum, box.err.msg);
		box_rest(&box);
		box_print(&box, &found);
		if (strcmp(found.ptr, work_expected(w)) != 0) {
			print_error("expected:\n%s", work_expected(w));
			print_error("cut %zu, found:\n%s", i, found.ptr);
			fail_msg("%s %llu fails with %d", fault_name(call),
			    (unsigned long long)n, errnum);
		}
		kill_box(cut, &box);
		box_fini(&box);
		sim_free(cut);
	}
	sim_use(w->fs);
}

static void
check_compressed(struct work *w, enum fault_call call, uint64_t n, int errnum)
{
	const struct store_stats *stats = store_stats(w->box.store);

	if (stats->compression != COMPRESSION_SUCCESS)
		fail_msg("%s %llu fails with %d: does not compress later: %s",
		    fault_name(call), (unsigned long long)n, errnum,
		    stats->compression_error);
}

/* The work with one fault in it, and what is left then. False when the fault
 * was not met any more. */
static bool
work_with_fault(enum fault_call call, uint64_t n, int errnum)
{
	static struct work w;
	unsigned n_checks = 0;

	fault_install(&sim_os);
	fault_at(call, n, 1, errnum);
	work_begin(&w);
	for (size_t i = 0; i < n_quiet; i++) {
		/* Only writes care about marks, which take a moment. */
		if (quiet[i].verb == WORK_MARK && call != FAULT_PWRITEV)
			continue;
		work_do(&w, &quiet[i], 1);
		if (n_checks > 0 && quiet[i].verb == WORK_COMPRESS)
			check_compressed(&w, call, n, errnum);
		if (!fault_hit() || quiet[i].verb < WORK_COMMIT)
			continue;
		/* There it was: all must be well from now on. */
		work_check(&w);
		if (n_checks++ < 4)
			check_later(&w, call, n, errnum);
	}
	work_check(&w);
	assert_true(w.n_refused <= 1);
	if (errnum == EINTR &&
	    (call == FAULT_PREAD || call == FAULT_PWRITEV ||
		call == FAULT_FALLOCATE))
		assert_int_equal(w.n_refused + w.n_failed_restarts, 0);
	if (errnum == FAULT_SHORT)
		assert_int_equal(w.n_refused + w.n_failed_restarts, 0);
	assert_int_equal(fault_resyncs(), 0);
	fault_none();
	(void)box_compress(&w.box);
	check_compressed(&w, call, n, errnum);
	check_later(&w, call, n, errnum);
	work_kill(&w);
	work_check(&w);
	work_end(&w);
	return n_checks > 0;
}

static void
every_call_fails_once(void **state)
{
	static const int errnums[] = { EIO, ENOSPC, EINTR, FAULT_SHORT };
	size_t n_runs = 0;

	(void)state;
	n_states = 0;
	for (int call = 0; call < FAULT_CALL_COUNT; call++) {
		for (size_t i = 0; i < ARRAY_LEN(errnums); i++) {
			uint64_t n = 0;

			if (errnums[i] == FAULT_SHORT && call != FAULT_PREAD &&
			    call != FAULT_PWRITEV)
				continue;
			do {
				n_runs++;
			} while (work_with_fault((enum fault_call)call, ++n,
			    errnums[i]));
		}
	}
	print_message("%zu runs with a fault, %zu states\n", n_runs, n_states);
}

/* Without fsync a power cut may take the newest changes, but the server starts
 * with all up to one of them, also when it was compressing. */

#define N_UNSYNCED 24u

static void
record_unsynced(struct sim_fs *fs, struct buf text[N_UNSYNCED + 1])
{
	struct box box;
	char name[16];

	sim_use(fs);
	box_init(&box);
	assert_int_equal(box_open_unsynced(&box, WORK_PATH), 0);
	box_print(&box, &text[0]);
	for (unsigned i = 0; i < N_UNSYNCED; i++) {
		(void)snprintf(name, sizeof(name), "job.%u", i);
		box_set_payload(&box, name, i, "some payload");
		box_settle(&box);
		box_print(&box, &text[i + 1]);
		if (i % 7 == 6)
			assert_true(box_compress(&box));
	}
	kill_box(fs, &box);
	box_fini(&box);
}

static void
check_unsynced(struct sim_fs *cut, const struct buf text[N_UNSYNCED + 1])
{
	static struct buf found;
	struct box box;
	bool known = false;

	n_states++;
	sim_use(cut);
	box_init(&box);
	if (box_open_unsynced(&box, WORK_PATH) == -1)
		fail_msg("does not start: %s", box.err.msg);
	box_rest(&box);
	box_print(&box, &found);
	for (unsigned i = 0; i <= N_UNSYNCED; i++)
		known = known || strcmp(text[i].ptr, found.ptr) == 0;
	if (!known)
		fail_msg("never was: %s", found.ptr);
	kill_box(cut, &box);
	box_fini(&box);
}

static void
without_sync_the_newest_is_lost(void **state)
{
	static const struct sim_loss loss[] = { { SIM_NONE, 1 }, { SIM_ALL, 1 },
		{ SIM_PREFIX, 2 }, { SIM_PREFIX, 3 }, { SIM_PREFIX, 4 } };
	static struct buf text[N_UNSYNCED + 1];
	struct sim_fs *fs = sim_new(SIM_STRICT);

	(void)state;
	n_states = 0;
	record_unsynced(fs, text);
	for (int order = 0; order < SIM_ORDER_COUNT; order++) {
		struct sim_fs *player = sim_new((enum sim_order)order);

		do {
			for (size_t i = 0; i < ARRAY_LEN(loss); i++) {
				struct sim_fs *cut =
				    sim_power_cut(player, &loss[i]);

				check_unsynced(cut, text);
				sim_free(cut);
			}
		} while (sim_play(player, fs));
		sim_free(player);
	}
	print_message("%zu states\n", n_states);
	sim_use(NULL);
	sim_free(fs);
	for (unsigned i = 0; i <= N_UNSYNCED; i++)
		buf_free(&text[i]);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(power_is_cut_after_every_operation),
		TEST(power_is_cut_in_random_work),
		TEST(every_call_fails_once),
		TEST(without_sync_the_newest_is_lost),
	};

	return cmocka_run_group_tests_name("crash", tests, NULL, NULL);
}
