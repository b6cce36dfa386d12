#include "sched_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "log.h"

/* Those that take a seat of the processor. */
static size_t
n_processing(const struct rig *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n_runs; i++)
		n += r->run[i]->crew == NULL;
	return n;
}

static bool
submit(void *ctx, struct run *run)
{
	struct rig *r = ctx;

	if (run->crew != NULL && r->no_session)
		return false;
	assert_true(r->n_runs < RIG_RUNS_MAX);
	assert_true(run->crew != NULL || n_processing(r) < r->max_inflight);
	for (size_t i = 0; i < r->n_runs; i++)
		assert_int_not_equal(r->run[i]->execution_id,
		    run->execution_id);
	assert_non_null(run->job);
	assert_non_null(run->rule);
	assert_non_null(run->spec);
	r->run[r->n_runs++] = run;
	r->n_submitted++;
	if (r->on_submit != NULL)
		r->on_submit(r->on_submit_arg, run);
	return true;
}

static void
cancel(void *ctx, uint64_t execution_id, bool force)
{
	struct rig *r = ctx;

	(void)force;
	r->cancelled = execution_id;
}

static void
observe(void *ctx, const struct sched_event *event)
{
	struct rig *r = ctx;

	if (r->on_event != NULL)
		r->on_event(r->on_event_arg, event);
}

static uint64_t
random_number(void *ctx)
{
	const struct rig *r = ctx;

	return r->random;
}

static void
start(struct rig *r)
{
	const struct sched_options o = { .store = r->box.store,
		.framerate = RIG_FRAMERATE,
		.max_inflight = r->max_inflight,
		.zones = r->zones,
		.submit = submit,
		.cancel = cancel,
		.random = random_number,
		.observe = observe,
		.ctx = r };
	struct err e;

	fault_set_wall(r->now_ns);
	fault_set_mono(r->mono_ns);
	r->sched = sched_new(&o, &e);
	assert_non_null(r->sched);
	assert_int_equal(sched_recover(r->sched, r->now_ns, &e), 0);
	rig_settle(r);
}

void
rig_begin(struct rig *r, const char *path, unsigned max_inflight,
    int64_t now_ns)
{
	memset(r, 0, sizeof(*r));
	log_setup(LOG_LEVEL_OFF, LOG_LOGFMT, 2);
	fault_install(&sim_os);
	r->fs = sim_new(SIM_STRICT);
	sim_use(r->fs);
	r->path = path;
	r->max_inflight = max_inflight;
	r->now_ns = now_ns;
	r->mono_ns = 1;
	box_init(&r->box);
	r->zones = zones_new(NULL);
	assert_non_null(r->zones);
	if (box_open(&r->box, path) == -1)
		fail_msg("%s", r->box.err.msg);
	start(r);
}

static void
drop_runs(struct rig *r)
{
	while (r->n_runs > 0) {
		struct run *run = r->run[--r->n_runs];

		rule_spec_unref(run->spec);
		run->spec = NULL;
		run_free(run);
	}
}

void
rig_end(struct rig *r)
{
	if (r->fs == NULL)
		return;
	fault_none();
	drop_runs(r);
	sched_free(r->sched);
	box_fini(&r->box);
	zones_free(r->zones);
	sim_free(r->fs);
	sim_use(NULL);
	fault_remove();
	memset(r, 0, sizeof(*r));
}

void
rig_settle(struct rig *r)
{
	do {
		box_settle(&r->box);
		sched_start(r->sched);
	} while (!store_idle(r->box.store));
	rig_check(r);
}

void
rig_tick(struct rig *r, int64_t now_ns)
{
	if (now_ns > r->now_ns)
		sim_pass(now_ns - r->now_ns);
	if (now_ns > r->now_ns)
		r->mono_ns += now_ns - r->now_ns;
	r->now_ns = now_ns;
	fault_set_wall(now_ns);
	fault_set_mono(r->mono_ns);
	r->again_ns = sched_tick(r->sched, now_ns);
	assert_true(r->again_ns >= now_ns);
	rig_settle(r);
}

void
rig_set_clock(struct rig *r, int64_t now_ns)
{
	r->now_ns = now_ns;
	fault_set_wall(now_ns);
}

unsigned
rig_at(struct rig *r, int64_t now_ns)
{
	unsigned n = 0;

	do {
		rig_tick(r, now_ns);
		n++;
	} while (r->again_ns <= now_ns);
	return n;
}

void
rig_kill(struct rig *r, int64_t now_ns)
{
	drop_runs(r);
	sim_freeze(r->fs, true);
	sched_free(r->sched);
	box_close(&r->box);
	sim_kill(r->fs);
	sim_freeze(r->fs, false);
	fault_forget();
	r->now_ns = now_ns;
	if (box_open(&r->box, r->path) == -1)
		fail_msg("%s", r->box.err.msg);
	start(r);
}

void
rig_restart(struct rig *r, int64_t now_ns)
{
	assert_int_equal(r->n_runs, 0);
	sched_drain(r->sched);
	rig_settle(r);
	assert_true(sched_idle(r->sched));
	sched_free(r->sched);
	box_close(&r->box);
	r->now_ns = now_ns;
	if (box_open(&r->box, r->path) == -1)
		fail_msg("%s", r->box.err.msg);
	start(r);
}

void
rig_finish(struct rig *r, size_t i, enum run_outcome outcome)
{
	struct run_event event = { .kind = RUN_FINISHED };
	struct run *run = r->run[i];

	assert_true(i < r->n_runs);
	memmove(r->run + i, r->run + i + 1,
	    (--r->n_runs - i) * sizeof(r->run[0]));
	run->outcome = outcome;
	run->exit = outcome == RUN_SUCCESS ? 0 : 1;
	run->started_ns = run->ended_ns = r->now_ns;
	event.execution_id = run->execution_id;
	event.owner = run->owner;
	event.run = run;
	sched_run_event(r->sched, &event);
	rig_settle(r);
}

void
rig_finish_all(struct rig *r)
{
	while (r->n_runs > 0)
		rig_finish(r, 0, RUN_SUCCESS);
}

static void
run_answered(void *arg, struct slice note, const struct err *e)
{
	struct rig *r;

	(void)arg;
	memcpy(&r, note.ptr, sizeof(r));
	r->n_run_answers++;
	r->run_refused = e != NULL;
	if (e != NULL)
		r->box.err = *e;
}

int
rig_run(struct rig *r, const char *job)
{
	const struct store_waiter w = { .done = run_answered,
		.note = slice_of((const char *)&r, sizeof(r)) };
	unsigned n = r->n_run_answers;

	if (sched_run_job(r->sched, slice_str(job), &w, &r->box.err) == -1)
		return -1;
	rig_settle(r);
	assert_int_equal(r->n_run_answers, n + 1);
	return r->run_refused ? -1 : 0;
}

void
rig_expect(const struct rig *r, const char *jobs)
{
	struct buf text = { 0 };

	for (size_t i = 0; i < r->n_runs; i++) {
		if (i > 0)
			buf_add_byte(&text, ' ');
		buf_add_str(&text, r->run[i]->job);
	}
	buf_add_byte(&text, '\0');
	assert_false(text.failed);
	assert_string_equal(text.ptr, jobs);
	buf_free(&text);
}

void
rig_expect_phase(struct rig *r, const char *job, enum job_phase phase)
{
	const struct job *j = box_job(&r->box, job);

	assert_int_equal(j == NULL ? PHASE_COUNT : j->phase, phase);
}

void
rig_expect_stats(const struct rig *r, size_t pending, size_t inflight)
{
	struct sched_stats stats;

	sched_stats(r->sched, &stats);
	assert_int_equal(stats.pending, pending);
	assert_int_equal(stats.inflight, inflight);
}

const char *
rig_hold(struct rig *r, const char *job)
{
	const struct job *j = box_job(&r->box, job);

	assert_non_null(j);
	return sched_hold_word(r->sched, j, r->now_ns);
}

void
rig_check(struct rig *r)
{
	struct jobs *j = store_jobs(r->box.store);
	size_t count[JOB_STATUS_COUNT] = { 0 };
	struct radix_walk w;
	uint32_t ref;

	radix_seek(&w, &j->index, slice_of("", 0), false);
	while ((ref = radix_step(&w)) != RADIX_NONE) {
		const struct job *job = jobs_get(j, ref);

		count[job_status(job)]++;
		/* S1, and the heap holds what is planned. */
		assert_int_equal(job_status(job) == JOB_TRIGGERED,
		    job->extra != NULL && job->extra->execution != NULL);
		assert_int_equal(job->phase == PHASE_PLANNED,
		    job->heap_pos != HEAP_OUT);
	}
	assert_memory_equal(count, j->count, sizeof(count));
}
