/*
 * The next time of a recurring job, and what the rule's overlap makes of
 * times that pass while a run goes on:
 *
 *	skip   the next time is the first after the run's end
 *	queue  the first after its beginning: if it has passed, right away
 *	allow  likewise; and when it comes before the run's end, the next run
 *	       starts beside it
 */
#include "sched_internal.h"

#include "log.h"
#include "os.h"
#include "schedule.h"
#include "tstamp.h"

bool
recurs(const struct job *job)
{
	const struct job_plan *plan =
	    job->extra == NULL ? NULL : job->extra->plan;

	return plan != NULL && (plan->every_ns > 0 || plan->cron != NULL);
}

int64_t
recur_after(struct sched *s, const struct job_plan *plan, struct slice job,
    int64_t due_ns, int64_t after_ns)
{
	struct job_plan in_utc = *plan;
	int64_t next_ns = 0;
	struct err e;

	if (schedule_next(s->options.zones, plan, job, due_ns, after_ns,
		&next_ns, &e) != -1)
		return next_ns;
	/* Its zone was there when it was set. Better an hour off than never. */
	LOG_ERROR("zone_missing", LOG_SLICE("job", job), LOG_ERR(&e));
	in_utc.zone = NULL;
	(void)schedule_next(s->options.zones, &in_utc, job, due_ns, after_ns,
	    &next_ns, &e);
	return next_ns;
}

int64_t
recur_next(struct sched *s, const struct execution *x, int64_t now_ns)
{
	uint32_t ref = current_job(s, x);
	int64_t due_ns = x->keep_due_ns != 0 ? x->keep_due_ns : x->due_ns;
	int64_t after_ns = now_ns;
	const struct job_plan *plan;

	if (ref == JOB_NONE)
		return 0;
	if (!recurs(jobs_get(s->jobs, ref)))
		return 0;
	plan = jobs_get(s->jobs, ref)->extra->plan;
	if (x->spec != NULL && x->began_ns != 0 && x->began_ns < now_ns &&
	    x->spec->number[OPTION_overlap] != OVERLAP_SKIP)
		after_ns = x->began_ns;
	if (x->keep_due_ns != 0 &&
	    schedule_start_ns(plan, execution_job(x), due_ns) > after_ns)
		return due_ns;
	return replan_next(s, plan, execution_job(x), due_ns, after_ns);
}

int64_t
recur_start_ns(const struct job *job)
{
	if (job->extra == NULL)
		return job->due_ns;
	return schedule_start_ns(job->extra->plan, job_id(job), job->due_ns);
}

bool
recur_waits(struct sched *s, const struct execution *x, int64_t now_ns)
{
	int64_t next_ns;

	if (x->state != EXECUTION_RUNNING || x->spec == NULL ||
	    x->spec->number[OPTION_overlap] != OVERLAP_QUEUE)
		return false;
	next_ns = recur_next(s, x, now_ns);
	return next_ns != 0 && next_ns <= now_ns;
}

void
recur_watch(struct sched *s, struct execution *x)
{
	int64_t next_ns;

	if (x->detached || x->spec->number[OPTION_overlap] != OVERLAP_ALLOW)
		return;
	if ((next_ns = recur_next(s, x, os->wall_ns())) == 0)
		return;
	x->keep_due_ns = next_ns;
	waitq_add(&s->overlaps, &x->wait,
	    schedule_start_ns(jobs_get(s->jobs, current_job(s, x))->extra->plan,
		execution_job(x), next_ns),
	    x->id);
}

/* Trigger the next run of the job of x, which goes on. */
static void
begin_beside(struct sched *s, struct execution *x, int64_t now_ns)
{
	uint32_t ref = current_job(s, x);
	int64_t start_ns = x->wait.key;
	struct execution *y = NULL;

	waitq_remove(&x->wait);
	if (!store_full(s->store) &&
	    !store_busy(s->store, execution_slot(x), true))
		y = executions_new(s, jobs_get(s->jobs, ref));
	if (y == NULL) { /* look again soon */
		waitq_add(&s->overlaps, &x->wait, now_ns + NS_PER_MS, x->id);
		return;
	}
	y->due_ns = x->keep_due_ns;
	replan_taken(s, jobs_get(s->jobs, ref), y->due_ns);
	y->due_mono_ns = os->mono_ns() - sched_lateness(s, start_ns, now_ns);
	y->beside = true;
	y->id = store_next_execution_id(s->store);
	executions_enter(s, y, EXECUTION_TRIGGERING);
	journal_record(s, y);
}

void
recur_overlap(struct sched *s, int64_t now_ns)
{
	if (s->draining)
		return;
	for (int i = 0; i < SCHED_SLICE && s->overlaps.n > 0; i++) {
		if (s->overlaps.first->key > now_ns)
			return;
		begin_beside(s, execution_of_wait(s->overlaps.first), now_ns);
	}
}
