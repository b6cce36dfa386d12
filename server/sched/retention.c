#include "retention.h"

#include "history.h"
#include "os.h"
#include "server.h"
#include "tstamp.h"

/*
 * A job goes at most PASS_MAX, or a fourth of `retain`, later than it might.
 * A slice takes a fraction of a millisecond.
 */
#define PASS_MAX 600.0 /* seconds between passes */
#define PASS_MIN 0.25
#define SLICE_PAUSE 0.02
#define SLICE_JOBS 1024

/* When the job's last run ended, or else when it was due. */
static int64_t
ended_ns(const struct job *job)
{
	struct record_reader in;
	struct record_run run;

	record_read(&in, job_history(job));
	return history_next(&in, &run) ? run.ended_ns : job->due_ns;
}

static bool
expired(const struct job *job, int64_t before_ns)
{
	enum job_status status = job_status(job);

	return (status == JOB_EXECUTED || status == JOB_FAILED) &&
	    ended_ns(job) < before_ns;
}

/* Look at some jobs; true at the end of the pass. */
static bool
slice(struct retention *r, struct server *s, int64_t before_ns)
{
	const struct store_waiter nobody = { 0 };
	struct jobs *jobs = store_jobs(s->store);
	struct radix_walk walk;
	struct err e;

	radix_seek(&walk, &jobs->index, slice_of(r->from, r->from_len), true);
	for (int i = 0; i < SLICE_JOBS && !store_full(s->store); i++) {
		uint32_t ref = radix_step(&walk);
		const struct job *job;

		if (ref == RADIX_NONE)
			return true;
		job = jobs_get(jobs, ref);
		memcpy(r->from, job->id, job->id_len);
		r->from_len = job->id_len;
		/* What cannot be removed now is in the next pass. */
		if (expired(job, before_ns) &&
		    !store_busy(s->store, store_slot(STORE_JOB, job_id(job)),
			true))
			(void)store_remove(s->store, job_id(job), &nobody, &e);
	}
	return false;
}

static double
pass_pause(const struct server *s)
{
	double pause = (double)s->config->database_retain / NS_PER_S / 4;

	return pause > PASS_MAX ? PASS_MAX
	    : pause < PASS_MIN	? PASS_MIN
				: pause;
}

static void
on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct server *s = w->data;
	struct retention *r = &s->retention;
	struct task *task = &s->monitor.tasks[TASK_RETENTION];
	const struct jobs *jobs = store_jobs(s->store);

	(void)revents;
	if (!r->in_pass) {
		r->from_len = 0;
		task_begin(task);
	}
	r->in_pass = jobs->count[JOB_EXECUTED] + jobs->count[JOB_FAILED] > 0 &&
	    !s->draining &&
	    !slice(r, s, os->wall_ns() - s->config->database_retain);
	if (!r->in_pass) {
		task_end(task, false);
		task_schedule(task, (int64_t)(pass_pause(s) * NS_PER_S));
	}
	w->repeat = r->in_pass ? SLICE_PAUSE : pass_pause(s);
	ev_timer_again(loop, w);
}

void
retention_init(struct retention *r, struct server *s)
{
	ev_init(&r->timer, on_timer);
	r->timer.data = s;
}

void
retention_start(struct retention *r)
{
	struct server *s = r->timer.data;

	if (s->config->database_retain == 0)
		return;
	r->timer.repeat = pass_pause(s);
	ev_timer_again(s->loop, &r->timer);
	task_schedule(&s->monitor.tasks[TASK_RETENTION],
	    (int64_t)(pass_pause(s) * NS_PER_S));
}
