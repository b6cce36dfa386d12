/*
 * Records of executions: which one tells of a state, and what follows when it
 * is durable or was refused.
 */
#include "sched_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "os.h"

static void
tell_requester(struct execution *x, const struct err *e)
{
	struct requester *r = x->requester;

	if (r == NULL)
		return;
	x->requester = NULL;
	requester_tell(r, e);
}

static void
drop_run(struct execution *x)
{
	if (x->run == NULL)
		return;
	x->run->spec = NULL;
	run_free(x->run);
	x->run = NULL;
}

void
journal_finish(struct sched *s, struct execution *x, enum run_outcome outcome,
    const char *why, int64_t started_ns, int64_t now_ns)
{
	struct run *run = calloc(1, sizeof(*run));

	drop_run(x);
	if (run != NULL) {
		run->outcome = outcome;
		run->exit = RUN_EXIT_NONE;
		run->started_ns = started_ns;
		run->ended_ns = now_ns > started_ns ? now_ns : started_ns;
		(void)run_explain(run, "%s", why);
		x->run = run;
	}
	/* With no memory for it the record has less to tell. */
	executions_enter(s, x, EXECUTION_FINISHING);
	journal_record(s, x);
}

/* The job has another run now: one set beside its plan, or beside a run. */
static void
take_over(struct sched *s, struct execution *x)
{
	uint32_t ref = jobs_find(s->jobs, execution_job(x));
	struct job_extra *extra = jobs_get(s->jobs, ref)->extra;
	struct execution *before = extra->execution;

	if (before != NULL && before != x) {
		execution_detach(s, before);
		waitq_remove(&before->wait);
	}
	extra->execution = x;
}

static void
triggered(struct sched *s, struct execution *x)
{
	int64_t now_ns = os->wall_ns();

	if (x->manual || x->beside)
		take_over(s, x);
	replan_recorded(s, x);
	sched_tell(s, x, SCHED_TRIGGERED);
	if (x->run != NULL) { /* its result is known: missed */
		executions_enter(s, x, EXECUTION_FINISHING);
		journal_record(s, x);
	} else if (x->rule == NULL) {
		LOG_WARN("no_rule", LOG_STR("job", x->job));
		journal_finish(s, x, RUN_FAILURE, SCHED_NO_RULE, now_ns,
		    now_ns);
	} else {
		sched_tell(s, x, SCHED_QUEUED);
		hold_queue(s, x);
	}
}

static void
started(struct sched *s, struct execution *x)
{
	int64_t now_ns = os->wall_ns();

	room_made(s, x);
	if (x->stopping) /* cancelled meanwhile */
		journal_finish(s, x, RUN_CANCELLED, why_stopped(x), now_ns,
		    now_ns);
	else
		sched_submit(s, x);
}

static void
end(struct sched *s, struct execution *x)
{
	uint32_t ref = jobs_find(s->jobs, execution_job(x));

	if (ref != JOB_NONE) {
		struct job *job = jobs_get(s->jobs, ref);

		if (job->extra != NULL && job->extra->execution == x)
			job->extra->execution = NULL;
	}
	executions_free(s, x);
}

static void
finished(struct sched *s, struct execution *x)
{
	room_release(s, x);
	run_tell_recorded(x->run);
	replan_recorded(s, x);
	sched_tell(s, x, SCHED_ENDED);
	if (x->retry_at_ns == 0) {
		end(s, x);
		return;
	}
	drop_run(x);
	retry_wait(s, x);
}

/* A client's RUN, or CANCEL of what had not begun, was refused. */
static void
undo(struct sched *s, struct execution *x)
{
	if (x->state == EXECUTION_TRIGGERING) {
		executions_free(s, x);
		return;
	}
	drop_run(x);
	hold_queue(s, x); /* an attempt that was to come later comes now */
}

/* The next run beside one that goes on could not be triggered. */
static void
overlap_later(struct sched *s, struct execution *x)
{
	uint32_t ref = jobs_find(s->jobs, execution_job(x));
	struct execution *going = jobs_get(s->jobs, ref)->extra->execution;

	assert(going != NULL); /* it waited for this record */
	executions_free(s, x);
	waitq_add(&s->overlaps, &going->wait, os->wall_ns() + REFUSED_PAUSE_NS,
	    going->id);
}

static void
refused(struct sched *s, struct execution *x, const struct err *e)
{
	if (x->requester != NULL) {
		tell_requester(x, e);
		undo(s, x);
		return;
	}
	if (x->state == EXECUTION_STARTING) {
		drop_run(x);
		room_refused(s, x, e);
		return;
	}
	if (x->beside && x->state == EXECUTION_TRIGGERING) {
		overlap_later(s, x);
		return;
	}
	if (s->refused.n == 0)
		LOG_ERROR("storage_hold", LOG_STR("job", x->job), LOG_ERR(e));
	list_remove(x);
	list_add(&s->refused, x);
	if (s->refused_mono_ns == 0)
		s->refused_mono_ns = os->mono_ns() + REFUSED_PAUSE_NS;
}

/* The record of an execution's state is durable, or was refused. */
static void
recorded(void *arg, struct slice note, const struct err *e)
{
	struct execution *x = arg;
	struct sched *s;

	memcpy(&s, note.ptr, sizeof(s));
	if (e != NULL) {
		refused(s, x, e);
		return;
	}
	tell_requester(x, NULL);
	switch (x->state) {
	case EXECUTION_TRIGGERING:
		triggered(s, x);
		break;
	case EXECUTION_STARTING:
		started(s, x);
		break;
	default:
		assert(x->state == EXECUTION_FINISHING);
		finished(s, x);
	}
}

/* With a result: whether it wrote nothing. */
static bool
is_silent(const struct run *run)
{
	for (int i = 0; i < OUTPUT_STREAMS; i++)
		if (run->output[i].total > 0)
			return false;
	return true;
}

static void
describe_result(const struct run *run, int64_t now_ns, struct record_run *r)
{
	if (run == NULL) { /* no memory for it */
		r->outcome = RUN_FAILURE;
		r->exit = RUN_EXIT_NONE;
		r->started_ns = r->ended_ns = now_ns;
		r->reason = slice_str("out of memory");
		return;
	}
	r->outcome = run->outcome;
	r->exit = run->exit;
	r->started_ns = run->started_ns;
	r->ended_ns = run->ended_ns;
	if (is_silent(run))
		r->flags |= RECORD_FINISH_SILENT;
	if (run->outcome != RUN_SUCCESS)
		r->reason = slice_str(run->reason);
}

/* What follows for the job is decided here, at the last moment. */
static void
describe_finish(struct sched *s, struct execution *x, struct record_run *r)
{
	int64_t now_ns = os->wall_ns();

	r->flags = x->removed ? RECORD_FINISH_ORPHAN : 0;
	describe_result(x->run, now_ns, r);
	x->retry_at_ns = 0;
	if (x->detached)
		return;
	x->retry_at_ns = retry_at(s, x, now_ns);
	if (x->retry_at_ns != 0) {
		r->flags |= RECORD_FINISH_RETRY;
		r->next_due_ns = x->retry_at_ns;
	} else {
		r->next_due_ns = recur_next(s, x, now_ns);
	}
}

static void
describe_trigger(const struct execution *x, struct record_run *r)
{
	r->flags = x->manual ? RECORD_TRIGGER_MANUAL : 0;
	if (!x->beside)
		return;
	r->flags |= RECORD_TRIGGER_BESIDE;
	r->due_ns = x->due_ns;
	r->next_due_ns = x->keep_due_ns != 0 ? x->keep_due_ns : x->due_ns;
}

static enum record_type
describe(struct sched *s, struct execution *x, struct record_run *r)
{
	*r = (struct record_run){
		.job = execution_job(x),
		.execution_id = x->id,
		.attempt = x->attempt,
		.started_ns = x->started_ns,
	};
	if (x->rule != NULL)
		r->rule = slice_str(x->rule->id);
	if (x->state == EXECUTION_STARTING)
		return RECORD_JOB_START;
	if (x->state == EXECUTION_TRIGGERING) {
		describe_trigger(x, r);
		return RECORD_JOB_TRIGGER;
	}
	describe_finish(s, x, r);
	return RECORD_JOB_FINISH;
}

void
journal_record(struct sched *s, struct execution *x)
{
	struct store_waiter w = {
		.done = recorded,
		.arg = x,
		.note = slice_of((const char *)&s, sizeof(s)),
	};
	enum wal_urgency urgency = WAL_TRIGGER;
	enum record_type type;
	struct record_run r;
	struct err e;

	if (x->requester == NULL &&
	    store_busy(s->store, execution_slot(x), true)) {
		/* What becomes of the job decides what there is to record. */
		list_remove(x);
		list_add(&s->blocked, x);
		return;
	}
	type = describe(s, x, &r);
	x->n_set = s->clock.n_set;
	if (x->requester != NULL)
		urgency = WAL_REQUEST;
	else if (type == RECORD_JOB_FINISH)
		urgency = WAL_RESULT;
	if (store_run(s->store, type, &r, urgency, &w, &e) == -1)
		refused(s, x, &e);
}

void
journal_again(struct sched *s, struct list *from)
{
	struct list list = *from;

	*from = (struct list){ 0 };
	while (list.first != NULL) {
		struct execution *x = list.first;

		list.first = x->next;
		x->list = NULL;
		list_add(x->state == EXECUTION_STARTING ? &s->running
							: &s->recording,
		    x);
		journal_record(s, x);
	}
}

void
journal_started(struct sched *s, struct execution *x)
{
	const struct store_waiter nobody = { 0 };
	struct record_run r;
	struct err e;

	(void)describe(s, x, &r);
	(void)store_run(s->store, RECORD_JOB_START, &r, WAL_RESULT, &nobody,
	    &e); /* there is room: it can fail only as its result can */
}

void
journal_lost(struct sched *s, struct execution *x, bool crash, int64_t now_ns)
{
	const struct store_waiter nobody = { 0 };
	const struct record_run r = {
		.job = execution_job(x),
		.rule = slice_str(x->rule->id),
		.execution_id = x->id,
		.attempt = x->attempt,
		.started_ns = x->started_ns,
		.ended_ns = now_ns > x->started_ns ? now_ns : x->started_ns,
		.outcome = RUN_LOST,
		.exit = RUN_EXIT_NONE,
		.flags =
		    RECORD_FINISH_RETRY | (crash ? RECORD_FINISH_CRASH : 0),
		.next_due_ns = now_ns,
		.reason = slice_str(SCHED_LOST),
	};
	struct err e;

	(void)store_run(s->store, RECORD_JOB_FINISH, &r, WAL_RESULT, &nobody,
	    &e); /* if it is refused, only HISTORY lacks it */
}

int
journal_stop(struct sched *s, const struct execution *x,
    enum run_outcome outcome, enum wal_urgency urgency,
    const struct store_waiter *w, struct err *e)
{
	const struct record_run r = {
		.job = execution_job(x),
		.execution_id = x->id,
		.outcome = outcome,
	};

	return store_run(s->store, RECORD_JOB_STOP, &r, urgency, w, e);
}
