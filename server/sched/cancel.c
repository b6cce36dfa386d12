/*
 * CANCEL. What has not begun ends by a record. What runs is told to end when
 * the record that says so is durable: from then on it has been cancelled,
 * whatever becomes of the server; its result is left to the processor.
 */
#include "sched_internal.h"

#include <assert.h>
#include <stdlib.h>
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
	if (x->why_stopped == NULL && why != NULL)
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

/* What a STOP record's note holds. */
struct stop_note {
	struct sched *s;
	uint64_t execution_id;
};

/* It may have ended meanwhile: then its result is known, or soon. */
static struct execution *
find_running(const struct sched *s, uint64_t execution_id)
{
	struct execution *x = s->running.first;

	while (x != NULL && x->id != execution_id)
		x = x->next;
	for (struct execution *y = s->blocked.first; x == NULL && y != NULL;
	     y = y->next)
		if (y->id == execution_id && y->state == EXECUTION_FINISHING)
			x = y;
	return x;
}

/* That a run is to end is durable, or was refused. */
static void
stop_recorded(void *arg, struct slice bytes, const struct err *e)
{
	struct requester *r = arg;
	struct stop_note note;
	struct execution *x;

	memcpy(&note, bytes.ptr, sizeof(note));
	x = e == NULL ? find_running(note.s, note.execution_id) : NULL;
	if (x != NULL && x->state == EXECUTION_FINISHING)
		x->stopping = true;
	else if (x != NULL)
		stop(note.s, x, r->why, r->force);
	requester_tell(r, e);
}

/* Record that a run is to end. */
static int
ask_to_stop(struct sched *s, struct execution *x, struct requester *r,
    struct err *e)
{
	const struct stop_note note = { s, x->id };
	const struct store_waiter w = {
		.done = stop_recorded,
		.arg = r,
		.note = slice_of((const char *)&note, sizeof(note)),
	};

	if (journal_stop(s, x, RUN_CANCELLED, WAL_RESULT, &w, e) == -1)
		return -1;
	r->n_waits++;
	return 0;
}

static void
timeout_recorded(void *arg, struct slice bytes, const struct err *e)
{
	struct stop_note note;
	struct execution *x;

	(void)arg;
	memcpy(&note, bytes.ptr, sizeof(note));
	x = e == NULL ? find_running(note.s, note.execution_id) : NULL;
	if (x == NULL || x->state != EXECUTION_RUNNING)
		return;
	x->timed_out = true;
	sched_tell(note.s, x, SCHED_STOPPING);
}

void
cancel_timed_out(struct sched *s, const struct execution *x)
{
	const struct stop_note note = { s, x->id };
	const struct store_waiter w = {
		.done = timeout_recorded,
		.note = slice_of((const char *)&note, sizeof(note)),
	};
	struct err e;

	(void)journal_stop(s, x, RUN_TIMEOUT, WAL_RESULT, &w,
	    &e); /* if it is refused, its result will tell */
}

static bool
is_child(const struct execution *x)
{
	enum runner runner = x->spec->runner;

	return runner == RUNNER_SHELL || runner == RUNNER_DIRECT ||
	    runner == RUNNER_AWF;
}

int
sched_stop_children(struct sched *s, const char *why,
    const struct store_waiter *w, size_t *n, struct err *e)
{
	struct requester *r = requester_new(s, w, why);
	struct execution *x;
	int rc = 0;

	*n = 0;
	if (r == NULL)
		return err_nomem(e);
	for (x = s->running.first; x != NULL && rc == 0; x = x->next) {
		if (x->rule->crew == NULL && !is_child(x))
			continue;
		rc = ask_to_stop(s, x, r, e);
		*n += rc == 0 && x->rule->crew == NULL;
	}
	return requester_seal(r, rc, e);
}

/* Whether it has not begun, and ends by a record alone. */
static bool
is_waiting(const struct sched *s, const struct execution *x)
{
	return x->state == EXECUTION_BARRED || x->state == EXECUTION_HELD ||
	    x->state == EXECUTION_READY || x->state == EXECUTION_RETRYING ||
	    (x->state == EXECUTION_STARTING && x->list == &s->blocked);
}

static void
end_waiting(struct sched *s, struct execution *x, struct requester *r)
{
	int64_t now_ns = os->wall_ns();

	x->requester = r;
	r->n_waits++;
	journal_finish(s, x, RUN_CANCELLED, r->why, now_ns, now_ns);
}

/* All runs of the job, those of earlier plans too. */
static int
stop_all(struct sched *s, struct slice id, struct execution *own,
    struct requester *r, struct err *e)
{
	struct execution *x, *next;
	int rc = 0;

	for (x = s->running.first; x != NULL && rc == 0; x = x->next) {
		if (!slice_eq(execution_job(x), id))
			continue;
		if (!x->stopping) {
			rc = ask_to_stop(s, x, r, e);
		} else { /* that it ends is known */
			if (r->force)
				stop(s, x, r->why, true);
			r->any = true;
		}
	}
	for (x = s->detached; x != NULL && rc == 0; x = next) {
		next = x->next_detached;
		if (is_waiting(s, x) && slice_eq(execution_job(x), id))
			end_waiting(s, x, r);
	}
	if (rc == 0 && own != NULL && is_waiting(s, own))
		end_waiting(s, own, r);
	return rc;
}

int
sched_cancel(struct sched *s, struct slice id, const char *why, bool force,
    const struct store_waiter *w, struct err *e)
{
	uint32_t ref = jobs_find(s->jobs, id);
	const struct job *job;
	struct execution *own;
	struct requester *r;
	bool any;
	int rc;

	if (ref == JOB_NONE)
		return err_quote(e, ERR_NOT_FOUND, id, "no such job");
	job = jobs_get(s->jobs, ref);
	own = job->extra == NULL ? NULL : job->extra->execution;
	if (own != NULL && own->list == &s->refused)
		return err_set(e, ERR_STORAGE,
		    "the logfile cannot be written, and the job waits for it");
	if ((r = requester_new(s, w, why)) == NULL)
		return err_nomem(e);
	r->force = force;
	rc = stop_all(s, id, own, r, e);
	any = r->any || r->n_waits > 0;
	if ((rc = requester_seal(r, rc, e)) == 0 && !any)
		return err_set(e, ERR_CONFLICT,
		    "the job is neither queued nor running");
	return rc;
}
