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
/* What a change of its rules moves a zone by at most. */
#define MOVED_MAX_NS (3 * 3600 * NS_PER_S)
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
step_back(const struct sched *s, const struct job_plan *plan, int64_t due_ns,
    int64_t after_ns)
{
	int64_t first_ns = plan->cadence->first_ns;
	int64_t every_ns = plan->every_ns;
	int64_t base_ns = after_ns, ignored;

	if (every_ns > 0)
		base_ns = due_ns -
		    ((due_ns - after_ns - 1) / every_ns + 1) * every_ns;
	/* Never before what it was set for, unless that has really been. */
	if (base_ns < first_ns && !clock_passed(&s->clock, first_ns, &ignored))
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
		base_ns = step_back(s, plan, due_ns, after_ns);
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

/* --- rules of zones that have changed --- */

/* Whether the expression means this time, as the zone is. */
static bool
is_match(const struct cron *c, const struct zone *z, int64_t at_ns)
{
	int64_t next_ns;

	return at_ns > NS_PER_S &&
	    schedule_cron(c, z, at_ns - NS_PER_S, &next_ns) && next_ns == at_ns;
}

/* The time nearest to one that the expression means in no zone as it is: no
 * zone has moved by more than a few hours at once. */
static int64_t
nearest_match(const struct cron *c, const struct zone *z, int64_t at_ns)
{
	int64_t before_ns = 0, next_ns = 0;
	int64_t from_ns = at_ns - MOVED_MAX_NS;

	while (from_ns > 0 && schedule_cron(c, z, from_ns, &next_ns) &&
	    next_ns < at_ns)
		before_ns = from_ns = next_ns;
	if (before_ns != 0 && at_ns - before_ns < next_ns - at_ns)
		return before_ns;
	return next_ns != 0 && next_ns - at_ns <= MOVED_MAX_NS ? next_ns : 0;
}

/*
 * When a job is due by the rules of its zone as they are, if what it is due by
 * are others; 0: nothing has changed. What those were is known after a reload;
 * after a start it shows only in that the time is none of the expression's,
 * nor the one that the job was set for.
 */
static int64_t
zone_next(struct sched *s, const struct job *job, int64_t now_ns)
{
	const struct job_plan *plan = job->extra->plan;
	const struct job_cadence *cadence = plan->cadence;
	struct slice name = slice_str(plan->zone);
	const struct zone *z, *before;
	int64_t next_ns, due = job->due_ns / NS_PER_S;
	struct err ignored;
	struct cron c;

	if (plan->cron == NULL ||
	    cron_parse(slice_str(plan->cron), &c, &ignored) == -1 ||
	    (z = zones_get(s->options.zones, name, &ignored)) == NULL)
		return 0;
	if ((before = zones_before(s->options.zones, name)) == NULL) {
		if ((!cadence->by_cron &&
			(cadence->first_ns == 0 ||
			    cadence->first_ns == job->due_ns)) ||
		    is_match(&c, z, job->due_ns))
			return 0;
		return nearest_match(&c, z, job->due_ns);
	}
	if (!is_match(&c, before, job->due_ns))
		return 0;
	if (!c.runs_on) /* the same time of day */
		return zone_first(z, due + zone_offset(before, due)) * NS_PER_S;
	return schedule_cron(&c, z, now_ns, &next_ns) ? next_ns : 0;
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
	if (plan->zone != NULL && (next_ns = zone_next(s, job, now_ns)) != 0 &&
	    next_ns != job->due_ns)
		store_move_job(s->store, ref, next_ns);
	/* What a former server has run is not known, but for the last. */
	if (plan->cadence->ran_ns == 0 &&
	    !(plan->cadence->by_cron && job_history(job).len == 0) &&
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

static void
end_walk(struct sched *s)
{
	s->replanning = false;
	zones_settle(s->options.zones);
}

static void
look_at(struct sched *s, uint32_t ref, int64_t now_ns)
{
	const struct job *job = jobs_get(s->jobs, ref);

	if (job->phase == PHASE_PLANNED)
		plan_anew(s, ref, now_ns);
	else
		keep_anew(s, job, now_ns);
}

void
replan_recorded(struct sched *s, const struct execution *x)
{
	uint32_t ref;

	if (x->n_set == s->clock.n_set)
		return;
	ref = jobs_find(s->jobs, execution_job(x));
	if (ref != JOB_NONE && recurs(jobs_get(s->jobs, ref)))
		look_at(s, ref, os->wall_ns());
}

void
replan_step(struct sched *s, int64_t now_ns)
{
	for (int i = 0; i < SCHED_SLICE && s->replanning; i++) {
		uint32_t ref = jobs_walk(s->jobs);

		if (ref == JOB_NONE)
			end_walk(s);
		else
			look_at(s, ref, now_ns);
	}
}

/* What one walk has moved must not be looked at by another that began
 * meanwhile as if it had not been. */
static void
finish_walk(struct sched *s)
{
	while (s->replanning)
		replan_step(s, os->wall_ns());
}

void
replan_begin(struct sched *s)
{
	finish_walk(s);
	jobs_walk_begin(s->jobs);
	s->replanning = true;
}

void
sched_reload_zones(struct sched *s)
{
	finish_walk(s);
	if (!zones_reload(s->options.zones))
		return;
	replan_begin(s);
	replan_step(s, os->wall_ns());
}
