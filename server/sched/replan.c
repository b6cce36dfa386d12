/*
 * What becomes of the plans of recurring jobs when the wall clock is set. A
 * time that has come and was taken is over: nothing runs for it twice. But a
 * clock that was hours ahead for a moment has taken only the times of that
 * moment, and one of those it jumped over, so that is what is left out when
 * they come at last; all between is planned anew.
 *
 * A job that goes by intervals (EVERY, and a cron expression that has a
 * wildcard or step for minutes or hours) must not rest because the clock was
 * wrong for long: it goes on by the clock as it is now, unless what it has to
 * wait for is near. Only the time it ran for last is over for it.
 */
#include "sched_internal.h"

#include "history.h"
#include "os.h"
#include "schedule.h"
#include "tstamp.h"

/* How long an interval's job may rest for the sake of times that are over. */
#define REST_NS (60 * NS_PER_S)
/* Steps over what is over: each ends behind a stretch or a single time. */
#define STEPS_MAX (2 * CLOCK_STRETCHES)

static bool
goes_by_interval(const struct job_plan *plan)
{
	struct cron c;
	struct err ignored;

	if (plan->every_ns > 0)
		return true;
	return cron_parse(slice_str(plan->cron), &c, &ignored) == 0 &&
	    c.runs_on;
}

void
replan_taken(const struct sched *s, const struct job *job, int64_t due_ns)
{
	struct job_cadence *c;
	int64_t ignored;

	if (!recurs(job))
		return;
	c = job->extra->plan->cadence;
	if (due_ns <= s->clock.from_ns &&
	    !clock_passed(&s->clock, due_ns, &ignored))
		c->gap_ns = due_ns;
	if (due_ns > c->ran_ns)
		c->ran_ns = due_ns;
}

/* Whether a time is over for a job, though it lies ahead, and with it all up
 * to *to_ns. */
static bool
is_over(const struct sched *s, const struct job_cadence *c, int64_t at_ns,
    int64_t *to_ns)
{
	*to_ns = at_ns;
	if (at_ns == c->gap_ns || at_ns == c->ran_ns)
		return true;
	if (at_ns > c->ran_ns || !clock_passed(&s->clock, at_ns, to_ns))
		return false;
	if (*to_ns > c->ran_ns)
		*to_ns = c->ran_ns;
	return true;
}

/* A time of the cadence, or no later than its next one, from which to look for
 * what comes after after_ns; due_ns, which is one, lies later. */
static int64_t
step_back(const struct job_plan *plan, int64_t due_ns, int64_t after_ns)
{
	int64_t first_ns = plan->cadence->first_ns;
	int64_t every_ns = plan->every_ns;
	int64_t base_ns = after_ns;

	if (every_ns > 0)
		base_ns = due_ns -
		    ((due_ns - after_ns - 1) / every_ns + 1) * every_ns;
	if (base_ns < first_ns) /* never before what it was set for */
		base_ns = first_ns - (every_ns > 0 ? every_ns : 1);
	return base_ns < 0 ? due_ns : base_ns;
}

int64_t
replan_next(struct sched *s, const struct job_plan *plan, struct slice job,
    int64_t due_ns, int64_t after_ns)
{
	const struct job_cadence *c = plan->cadence;
	int64_t base_ns = due_ns, passed_ns = 0, next_ns, to_ns;

	if (due_ns > after_ns)
		base_ns = step_back(plan, due_ns, after_ns);
	next_ns = recur_after(s, plan, job, base_ns, after_ns);
	for (int i = 0;
	     i < STEPS_MAX && next_ns != 0 && is_over(s, c, next_ns, &to_ns);
	     i++) {
		if (passed_ns == 0 && next_ns != c->gap_ns &&
		    next_ns != c->ran_ns)
			passed_ns = next_ns;
		next_ns = recur_after(s, plan, job,
		    to_ns > base_ns && plan->every_ns == 0 ? to_ns : base_ns,
		    to_ns);
	}
	if (passed_ns != 0 && goes_by_interval(plan) &&
	    (next_ns == 0 || next_ns - passed_ns > REST_NS))
		return passed_ns;
	return next_ns;
}

/* Whether the last run of the job ended at a time that is still to come. */
static bool
ran_ahead(const struct job *job, int64_t now_ns)
{
	struct record_reader in;
	struct record_run run;

	record_read(&in, job_history(job));
	return history_next(&in, &run) && run.ended_ns > now_ns;
}

/* A job that waits for its time: unless that is what it was set for. */
static void
plan_anew(struct sched *s, uint32_t ref, int64_t now_ns)
{
	const struct job *job = jobs_get(s->jobs, ref);
	const struct job_plan *plan = job->extra->plan;
	int64_t next_ns;

	if (job->due_ns <= now_ns ||
	    store_busy(s->store, store_slot(STORE_JOB, job_id(job)), true))
		return;
	/* What a former server has run is not known, but for the last. */
	if (plan->cadence->ran_ns == 0 &&
	    !(ran_ahead(job, now_ns) && goes_by_interval(plan)))
		return;
	next_ns = replan_next(s, plan, job_id(job), job->due_ns, now_ns);
	if (next_ns != 0 && next_ns < job->due_ns)
		store_move_job(s->store, ref, next_ns);
}

/* A job of which a run goes on, and whose next time is known already. */
static void
keep_anew(struct sched *s, const struct job *job, int64_t now_ns)
{
	struct execution *x = job->extra->execution;
	const struct job_plan *plan = job->extra->plan;
	int64_t next_ns;

	if (x == NULL || x->keep_due_ns <= now_ns)
		return;
	next_ns = replan_next(s, plan, job_id(job), x->keep_due_ns, now_ns);
	if (next_ns == 0 || next_ns >= x->keep_due_ns)
		return;
	x->keep_due_ns = next_ns;
	if (x->wait.queue != &s->overlaps)
		return;
	waitq_remove(&x->wait);
	waitq_add(&s->overlaps, &x->wait,
	    schedule_start_ns(plan, job_id(job), next_ns), x->id);
}

void
replan_begin(struct sched *s)
{
	jobs_walk_begin(s->jobs);
	s->replanning = s->jobs->at != NULL;
}

void
replan_step(struct sched *s, int64_t now_ns)
{
	for (int i = 0; i < SCHED_SLICE && s->replanning; i++) {
		uint32_t ref = jobs_walk(s->jobs);

		if (ref == JOB_NONE)
			s->replanning = false;
		else if (jobs_get(s->jobs, ref)->phase == PHASE_PLANNED)
			plan_anew(s, ref, now_ns);
		else
			keep_anew(s, jobs_get(s->jobs, ref), now_ns);
	}
}
