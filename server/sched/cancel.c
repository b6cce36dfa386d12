/*
 * CANCEL. What has not begun ends by a record; what runs is left to the
 * processor, whose result will say so.
 */
#include "sched_internal.h"

#include <string.h>

#include "os.h"

const char *
why_stopped(const struct execution *x)
{
	return x->why_stopped == NULL ? "cancelled" : x->why_stopped;
}

/* The first who told it to end is the one who ended it. */
static void
blame(struct execution *x, const char *why)
{
	if (x->why_stopped == NULL)
		x->why_stopped = strdup(why); /* without memory: less is told */
}

static void
stop(struct sched *s, struct execution *x, const char *why, bool force)
{
	blame(x, why);
	x->stopping = true;
	sched_tell(s, x, SCHED_STOPPING);
	if (x->state == EXECUTION_RUNNING)
		s->options.cancel(s->options.ctx, x->id, force);
	/* else: it will not be submitted when its record is durable */
}

/* Stop all runs of the job, those of earlier plans too: how many. */
static size_t
stop_running(struct sched *s, struct slice job, const char *why, bool force)
{
	size_t n = 0;

	for (struct execution *x = s->running.first; x != NULL; x = x->next) {
		if (!slice_eq(execution_job(x), job))
			continue;
		stop(s, x, why, force);
		n++;
	}
	return n;
}

static bool
is_child(const struct execution *x)
{
	enum runner runner = x->spec->runner;

	return runner == RUNNER_SHELL || runner == RUNNER_DIRECT ||
	    runner == RUNNER_AWF;
}

size_t
sched_stop_children(struct sched *s, const char *why)
{
	struct execution *x, *next;
	size_t n = 0;

	for (x = s->running.first; x != NULL; x = next) {
		next = x->next;
		if (x->rule->crew == NULL && !is_child(x))
			continue;
		stop(s, x, why, false);
		n += x->rule->crew == NULL;
	}
	return n;
}

static bool
is_waiting(const struct execution *x)
{
	return x->state == EXECUTION_BARRED || x->state == EXECUTION_HELD ||
	    x->state == EXECUTION_READY || x->state == EXECUTION_RETRYING;
}

int
sched_cancel(struct sched *s, struct slice id, const char *why, bool force,
    const struct store_waiter *w, struct err *e)
{
	uint32_t ref = jobs_find(s->jobs, id);
	int64_t now_ns = os->wall_ns();
	struct requester *r = NULL;
	struct execution *x;
	const struct job *job;
	size_t stopped;

	if (ref == JOB_NONE)
		return err_quote(e, ERR_NOT_FOUND, id, "no such job");
	job = jobs_get(s->jobs, ref);
	x = job->extra == NULL ? NULL : job->extra->execution;
	if (x != NULL && x->list == &s->refused)
		return err_set(e, ERR_STORAGE,
		    "the logfile cannot be written, and the job waits for it");
	if (x != NULL && is_waiting(x) && (r = requester_new(w)) == NULL)
		return err_nomem(e);
	stopped = stop_running(s, id, why, force);
	if (r != NULL) {
		x->requester = r;
		journal_finish(s, x, RUN_CANCELLED, why, now_ns, now_ns);
		return 1;
	}
	if (stopped == 0)
		return err_set(e, ERR_CONFLICT,
		    "the job is neither queued nor running");
	return 0;
}
