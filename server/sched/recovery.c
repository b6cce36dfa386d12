/*
 * What was queued or running when the last server ended. What waited goes on;
 * what was told to end has ended so; what ran was lost, which is recorded, and
 * runs again if its rule wants that: unless it was lost with the server before
 * too, for then it may be what ends them.
 */
#include "sched_internal.h"

#include "log.h"
#include "os.h"

/* So often in a row a run may be lost with its server. */
#define LOSSES_MAX 2

static const char *
stop_reason(enum run_outcome outcome)
{
	return outcome == RUN_TIMEOUT ? RUN_WHY_TIMEOUT : "cancelled";
}

/* It was told to end, and did, with the server. */
static void
end_stopped(struct sched *s, struct execution *x, enum run_outcome outcome,
    int64_t now_ns)
{
	x->stopping = outcome == RUN_CANCELLED;
	journal_finish(s, x, outcome, stop_reason(outcome), x->started_ns,
	    now_ns);
}

/* Whether what was lost may not run again; then that is recorded. */
static bool
end_lost(struct sched *s, struct execution *x, const struct going *g,
    int64_t now_ns)
{
	const char *why = SCHED_LOST;

	LOG_WARN("run_lost", LOG_STR("job", x->job),
	    LOG_STR("rule", x->rule == NULL ? "-" : x->rule->id),
	    LOG_U64("execution", x->id));
	if (x->spec != NULL &&
	    x->spec->number[OPTION_on_crash] == ON_CRASH_RERUN &&
	    (g->flags & GOING_UNKNOWN) == 0) {
		if (g->losses + 1 < LOSSES_MAX)
			return false;
		why = SCHED_DEADLY;
		x->gave_up = true;
	}
	x->deadly = true;
	journal_finish(s, x, RUN_LOST, why, x->started_ns, now_ns);
	return true;
}

/* Take up one run: as if it waited for an attempt at its due time, so that all
 * go on in that order. */
static void
take_up(struct sched *s, struct execution *x, const struct going *g,
    int64_t now_ns)
{
	bool ran = (g->flags & GOING_RUNNING) != 0;

	x->id = g->execution_id;
	x->due_ns = g->due_ns;
	x->attempt = g->attempt;
	x->lost = g->lost;
	x->wary = true;
	x->began_ns = x->started_ns = g->started_ns;
	if (ran && s->options.lost != NULL)
		s->options.lost(s->options.ctx, x->id, x->due_ns, x->attempt);
	if (g->stop != 0) {
		end_stopped(s, x, (enum run_outcome)g->stop, now_ns);
		return;
	}
	if (ran && end_lost(s, x, g, now_ns))
		return;
	if (x->rule == NULL) {
		journal_finish(s, x, RUN_FAILURE, SCHED_NO_RULE, now_ns,
		    now_ns);
		return;
	}
	if (ran) {
		journal_lost(s, x, true, now_ns);
		x->lost++;
	}
	x->retry_at_ns = x->due_ns;
	x->retry_mono_ns = x->due_ns; /* for the order: all go on at once */
	retry_wait(s, x);
}

/* A job's own run. */
static int
recover_own(struct sched *s, struct job *job, int64_t now_ns)
{
	struct execution *x = executions_new(s, job);
	struct job_extra *extra = job->extra;
	const struct going g = {
		.execution_id = extra->execution_id,
		.due_ns =
		    extra->run_due_ns != 0 ? extra->run_due_ns : job->due_ns,
		.started_ns = extra->started_ns,
		.attempt = extra->attempt,
		.lost = extra->lost,
		.losses = extra->losses,
		.stop = extra->stop,
		.flags = job->phase == PHASE_RUNNING ? GOING_RUNNING : 0,
	};

	if (x == NULL)
		return -1;
	if (extra->run_due_ns != 0)
		x->keep_due_ns = job->due_ns;
	replan_taken(s, job, g.due_ns);
	extra->execution = x;
	take_up(s, x, &g, now_ns);
	return 0;
}

/* Those that went on although it had another plan or run. */
static int
recover_others(struct sched *s, struct job *job, int64_t now_ns)
{
	struct record_reader in;
	struct execution *x;
	struct going g;

	record_read(&in,
	    slice_of(job->extra->going.ptr, job->extra->going.len));
	while (going_next(&in, &g)) {
		if ((x = executions_new(s, job)) == NULL)
			return -1;
		execution_detach(s, x);
		take_up(s, x, &g, now_ns);
	}
	return 0;
}

static int
recover_job(struct sched *s, struct job *job, int64_t now_ns)
{
	if (job->extra == NULL) /* it has never run */
		return 0;
	/* The others are older. */
	if (recover_others(s, job, now_ns) == -1)
		return -1;
	return job_status(job) != JOB_TRIGGERED ? 0
						: recover_own(s, job, now_ns);
}

int
sched_recover(struct sched *s, int64_t now_ns, struct err *e)
{
	struct radix_walk w;
	uint32_t ref;

	s->jobs->floor_ns = now_ns;
	if (hold_rules(s) == -1)
		return err_nomem(e);
	for (replan_begin(s); s->replanning;) /* the clock was set since? */
		replan_step(s, now_ns);
	if (s->jobs->count[JOB_TRIGGERED] == 0 && s->jobs->n_going == 0)
		return 0;
	radix_seek(&w, &s->jobs->index, slice_of("", 0), false);
	while ((ref = radix_step(&w)) != RADIX_NONE)
		if (recover_job(s, jobs_get(s->jobs, ref), now_ns) == -1)
			return err_nomem(e);
	while (s->retries.n > 0) {
		s->retry_all = true;
		retry_release(s, now_ns);
	}
	return 0;
}
