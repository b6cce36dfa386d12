/* The core of the scheduler; sched_internal.h tells what else there is. */
#include "sched_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "log.h"
#include "os.h"
#include "tstamp.h"

void
sched_tell(const struct sched *s, const struct execution *x,
    enum sched_event_kind kind)
{
	struct sched_event event = {
		.kind = kind,
		.execution_id = x->id,
		.job = execution_job(x),
		.rule = x->rule == NULL ? NULL : x->rule->id,
		.spec = x->spec,
		.attempt = x->attempt,
		.manual = x->manual,
		.missed = x->missed,
		.due_ns = x->due_ns,
	};

	if (s->options.observe == NULL)
		return;
	event.now_ns = os->wall_ns();
	if (kind == SCHED_TRIGGERED)
		event.late_ns = os->mono_ns() - x->due_mono_ns;
	if (kind == SCHED_STARTED)
		event.waited_ns = os->mono_ns() - x->ready_mono_ns;
	if (kind == SCHED_ENDED) {
		event.run = x->run;
		event.retried = x->retry_at_ns != 0;
		event.gave_up = x->gave_up;
	}
	s->options.observe(s->options.ctx, &event);
}

/* That of its plan, which the job may have no more. */
static struct slice
payload_of(const struct sched *s, const struct execution *x)
{
	uint32_t ref = jobs_find(s->jobs, execution_job(x));
	const struct job_extra *extra = jobs_get(s->jobs, ref)->extra;
	const struct job_plan *plan = extra->plan;
	struct record_reader in;
	struct going g;

	record_read(&in, slice_of(extra->going.ptr, extra->going.len));
	while (x->detached && going_next(&in, &g))
		if (g.execution_id == x->id && (g.flags & GOING_OWN) != 0)
			return g.payload;
	return plan == NULL ? slice_of(NULL, 0)
			    : slice_of(plan->payload, plan->payload_len);
}

/* The order for the processor; NULL: no memory. */
static struct run *
make_run(const struct sched *s, const struct execution *x)
{
	struct slice payload = payload_of(s, x);
	struct run *run = calloc(1, sizeof(*run));

	if (run == NULL)
		return NULL;
	run->execution_id = x->id;
	run->due_ns = x->due_ns;
	run->attempt = x->attempt;
	run->crew = x->rule->crew;
	if ((run->job = strdup(x->job)) == NULL ||
	    (run->rule = strdup(x->rule->id)) == NULL)
		goto fail;
	if (payload.ptr != NULL) {
		if ((run->payload = slice_dup(payload)) == NULL)
			goto fail;
		run->payload_len = payload.len;
	}
	return run;
fail:
	run_free(run);
	return NULL;
}

/* The session that was to have it has gone while its record was written. */
static void
hold_again(struct sched *s, struct execution *x, struct run *run)
{
	assert(x->rule->crew != NULL); /* S2 */
	rule_spec_unref(run->spec);
	run->spec = NULL;
	run_free(run);
	if (x->detached) { /* its job is another by now */
		journal_finish(s, x, RUN_LOST, SCHED_GONE, x->started_ns,
		    os->wall_ns());
		return;
	}
	room_release(s, x);
	x->started_ns = 0;
	executions_enter(s, x, EXECUTION_HELD);
}

void
sched_submit(struct sched *s, struct execution *x)
{
	struct run *run = x->run;

	x->run = NULL;
	run->spec = rule_spec_ref(x->spec);
	run->owner = x;
	executions_enter(s, x, EXECUTION_RUNNING);
	recur_watch(s, x);
	if (s->options.submit(s->options.ctx, run))
		sched_tell(s, x, SCHED_STARTED);
	else
		hold_again(s, x, run);
}

/* Start the first that is ready. False when there is no memory for it. */
static bool
start(struct sched *s, struct execution *x)
{
	bool room;

	if ((x->run = make_run(s, x)) == NULL)
		return false;
	x->started_ns = os->wall_ns();
	if (x->began_ns == 0)
		x->began_ns = x->started_ns;
	executions_enter(s, x, EXECUTION_STARTING);
	room = room_take(s, x);
	if (!room || x->wary ||
	    x->spec->number[OPTION_on_crash] == ON_CRASH_FAIL ||
	    store_busy(s->store, execution_slot(x), true)) {
		/* Submitted when it is durable; so too when it may be what
		 * ended a server, which is to be counted, and when its job is
		 * about to be another, of which its record would tell. */
		journal_record(s, x);
	} else {
		/* At least once: the run need not wait for its record. */
		journal_started(s, x);
		sched_submit(s, x);
	}
	return true;
}

/* The first that is ready and could start; NULL: none. */
static struct execution *
next_ready(const struct sched *s)
{
	struct execution *x = NULL;

	if (s->draining || store_full(s->store))
		return NULL;
	if (s->seated.n > 0)
		x = s->seated.first;
	else if (s->n_processing < s->options.max_inflight)
		x = s->ready.first;
	return x == NULL || room_waits(s, x) ? NULL : x;
}

void
sched_start(struct sched *s)
{
	struct execution *x;

	if (s->blocked.n > 0 && s->releases != store_releases(s->store)) {
		s->releases = store_releases(s->store);
		journal_again(s, &s->blocked);
	}
	hold_release(s);
	for (int i = 0; i < SCHED_SLICE && (x = next_ready(s)) != NULL; i++) {
		if (breakers_recall(x))
			hold_queue(s, x);
		else if (!hold_allows(x->rule))
			executions_enter(s, x, EXECUTION_HELD);
		else if (!start(s, x))
			return; /* when memory comes back: the next tick */
	}
}

void
sched_clock_set(struct sched *s)
{
	s->clear_mono_ns = os->mono_ns();
}

void
sched_before_changes(struct sched *s, int64_t now_ns)
{
	int64_t due_ns;

	(void)sched_look_at_clock(s, now_ns);
	if (!jobs_next_due(s->jobs, &due_ns) || due_ns > now_ns)
		s->clear_mono_ns = os->mono_ns();
}

bool
sched_look_at_clock(struct sched *s, int64_t now_ns)
{
	int64_t mono_ns = os->mono_ns();
	enum clock_change change;

	if (clock_is_set(&s->clock, now_ns, mono_ns)) {
		/* Or the thread had to wait between looking at both. */
		now_ns = os->wall_ns();
		mono_ns = os->mono_ns();
	}
	change = clock_look(&s->clock, now_ns, mono_ns);
	if (change == CLOCK_RUNS)
		return false;
	s->clear_mono_ns = mono_ns;
	if (change == CLOCK_SET_BACK)
		replan_begin(s);
	return true;
}

int64_t
sched_wall_of(const struct sched *s, int64_t mono_ns)
{
	return clock_wall(&s->clock, mono_ns);
}

bool
sched_reached(struct sched *s, int64_t at_mono_ns, int64_t now_ns)
{
	int64_t mono_ns = os->mono_ns();

	if (at_mono_ns <= mono_ns)
		return true;
	if (clock_wall(&s->clock, at_mono_ns) <= now_ns) /* too early */
		clock_adjust(&s->clock, now_ns, mono_ns);
	return false;
}

/* It may have been set for a time in the past since. */
int64_t
sched_lateness(const struct sched *s, int64_t start_ns, int64_t now_ns)
{
	int64_t most_ns = os->mono_ns() - s->clear_mono_ns;
	int64_t late_ns = now_ns - start_ns;

	return late_ns < most_ns ? late_ns : most_ns;
}

static void
count_frame(struct sched *s, int64_t now_ns, int64_t late_ns)
{
	uint32_t framerate = s->options.framerate;
	int64_t frame = frame_of(now_ns, framerate);

	if (s->frame == frame)
		return;
	s->frame = frame;
	s->n_frames++;
	if (frame_after(now_ns - late_ns, framerate) < frame)
		s->n_late_frames++;
}

/* Take one due job. False: not now. */
static bool
take(struct sched *s, uint32_t ref, bool missed, int64_t now_ns)
{
	struct job *job = jobs_get(s->jobs, ref);
	int64_t start_ns = recur_start_ns(job);
	struct execution *x;
	int64_t late_ns;

	if (store_busy(s->store, store_slot(STORE_JOB, job_id(job)), true))
		/* A change is under way: look again in the next frame. */
		start_ns = now_ns + NS_PER_S / s->options.framerate;
	if (start_ns > now_ns) {
		jobs_postpone(s->jobs, ref, start_ns);
		return true;
	}
	if (jobs_prepare_run(s->jobs, ref) == -1 ||
	    (x = executions_new(s, job)) == NULL)
		return false;
	x->missed = missed;
	if (missed && x->spec != NULL &&
	    x->spec->number[OPTION_misfire] == MISFIRE_SKIP &&
	    (x->run = calloc(1, sizeof(*x->run))) != NULL) {
		x->run->outcome = RUN_MISSED;
		x->run->exit = RUN_EXIT_NONE;
		x->run->started_ns = x->run->ended_ns = now_ns;
		(void)run_explain(x->run, SCHED_MISSED);
	}
	late_ns = sched_lateness(s, start_ns, now_ns);
	x->due_mono_ns = os->mono_ns() - late_ns;
	count_frame(s, now_ns, missed ? 0 : late_ns);
	x->id = store_next_execution_id(s->store);
	replan_taken(s, job, x->due_ns);
	jobs_take_due(s->jobs, ref, x->id, x);
	executions_enter(s, x, EXECUTION_TRIGGERING);
	journal_record(s, x);
	return true;
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* The start of the first frame at or after a time, but not of one that has
 * begun. */
static int64_t
frame_ns(const struct sched *s, int64_t due_ns, int64_t now_ns)
{
	int64_t frame = frame_after(due_ns, s->options.framerate);
	int64_t next = frame_of(now_ns, s->options.framerate) + 1;

	return frame_start(frame > next ? frame : next, s->options.framerate);
}

int64_t
sched_wake_ns(const struct sched *s, int64_t now_ns)
{
	int64_t wake = SCHED_NEVER;
	int64_t due_ns;

	if (s->refused.n > 0)
		return clock_wall(&s->clock, s->refused_mono_ns);
	if (s->draining)
		return SCHED_NEVER;
	if (s->replanning || s->open != NULL || next_ready(s) != NULL)
		return now_ns;
	if (s->ready.n + s->seated.n > 0 && s->asking == NULL)
		wake = room_wake_ns(s, now_ns);
	if (s->retries.n > 0)
		wake = earlier(wake, retry_wake_ns(s, now_ns));
	wake = earlier(wake, breakers_wake_ns(s, now_ns));
	if (s->overlaps.n > 0)
		wake = earlier(wake, s->overlaps.first->key);
	if (jobs_next_due(s->jobs, &due_ns))
		wake = earlier(wake, frame_ns(s, due_ns, now_ns));
	return wake;
}

/* With nothing left that was due while the server was down, a job that is set
 * for a time in the past has its place there: the clock may be set back, and
 * must not come to where it was first. */
static void
lift_floor(struct sched *s)
{
	int64_t due_ns;

	if (!jobs_next_due(s->jobs, &due_ns) || due_ns >= s->jobs->floor_ns)
		s->jobs->floor_ns = INT64_MIN;
}

int64_t
sched_tick(struct sched *s, int64_t now_ns)
{
	uint32_t framerate = s->options.framerate;
	int64_t begin_ns = frame_start(frame_of(now_ns, framerate), framerate);
	uint32_t ref;
	bool missed;

	(void)sched_look_at_clock(s, now_ns);
	if (s->refused.n > 0 && sched_reached(s, s->refused_mono_ns, now_ns)) {
		s->refused_mono_ns = 0;
		journal_again(s, &s->refused);
	}
	replan_step(s, now_ns);
	breakers_tick(s, now_ns);
	retry_release(s, now_ns);
	recur_overlap(s, now_ns);
	sched_start(s);
	if (s->draining || s->refused.n > 0)
		return sched_wake_ns(s, now_ns);
	for (int i = 0; i < SCHED_SLICE; i++) {
		ref = jobs_first_due(s->jobs, begin_ns, &missed);
		if (ref == JOB_NONE) {
			lift_floor(s);
			return sched_wake_ns(s, now_ns);
		}
		/* Room or memory comes back when the store has been polled. */
		if (store_full(s->store) || !take(s, ref, missed, now_ns))
			return now_ns + NS_PER_MS;
	}
	return now_ns;
}

static void
log_end(const struct execution *x)
{
	const struct run *run = x->run;

	if (run->outcome == RUN_SUCCESS)
		LOG_DEBUG("run_succeeded", LOG_STR("job", x->job),
		    LOG_STR("rule", x->rule->id), LOG_U64("execution", x->id));
	else
		LOG_WARN("run_failed", LOG_STR("job", x->job),
		    LOG_STR("rule", x->rule->id), LOG_U64("execution", x->id),
		    LOG_U64("attempt", x->attempt),
		    LOG_STR("outcome", run_outcome_word(run->outcome)),
		    LOG_I64("exit", run->exit), LOG_STR("reason", run->reason));
}

/*
 * Whether a run that could not begin waits for descriptors, processes or
 * memory to be freed. One that is to end, or whose job is another by now, has
 * no purpose any more: it ends as what it is.
 */
static bool
waits_for_resources(struct sched *s, struct execution *x)
{
	if (!x->run->starved || x->stopping || x->timed_out || x->detached ||
	    x->removed)
		return false;
	if (!x->starved)
		LOG_WARN("run_waits_for_resources", LOG_STR("job", x->job),
		    LOG_U64("execution", x->id),
		    LOG_STR("reason", x->run->reason));
	run_free(x->run);
	x->run = NULL;
	retry_starved(s, x);
	return true;
}

/* Its end is the drain's, not its own: it begins again with the next server, to
 * which a run that may not looks like one that a crash has ended. */
static void
abandon(struct sched *s, struct execution *x)
{
	if (x->spec->number[OPTION_on_crash] == ON_CRASH_RERUN)
		journal_lost(s, x, false, os->wall_ns());
	executions_free(s, x);
}

void
sched_run_event(struct sched *s, const struct run_event *event)
{
	struct execution *x = event->owner;

	assert(x->state == EXECUTION_RUNNING);
	if (event->kind == RUN_TIMED_OUT) {
		cancel_timed_out(s, x);
		return;
	}
	if (event->kind == RUN_STARTED) {
		x->pid = event->pid;
		x->starved = false;
		x->started_ns = event->started_ns;
		return;
	}
	rule_spec_unref(event->run->spec);
	event->run->spec = NULL;
	x->run = event->run;
	if (waits_for_resources(s, x)) {
		sched_start(s);
		return;
	}
	if (x->run->starved && x->stopping)
		x->run->outcome = RUN_CANCELLED;
	if (x->run->outcome == RUN_CANCELLED)
		(void)run_explain(x->run, "%s", why_stopped(x));
	log_end(x);
	if (s->abandoning && x->run->outcome == RUN_LOST) {
		abandon(s, x);
		return;
	}
	breakers_judge(s, x);
	executions_enter(s, x, EXECUTION_FINISHING);
	journal_record(s, x);
	sched_start(s);
}

/* Whether something of it runs, is known to the log, or is about to be. */
static bool
has_begun(const struct sched *s, const struct execution *x)
{
	switch (x->state) {
	case EXECUTION_BARRED:
	case EXECUTION_HELD:
	case EXECUTION_READY:
	case EXECUTION_RETRYING:
		return false;
	case EXECUTION_TRIGGERING:
	case EXECUTION_STARTING:
		return x->list == &s->recording || x->list == &s->running;
	default:
		return true;
	}
}

/* Executions whose job had been set anew before it was removed. */
static void
remove_detached(struct sched *s, struct slice job)
{
	struct execution *x, *next;

	for (x = s->detached; x != NULL; x = next) {
		next = x->next_detached;
		if (!slice_eq(execution_job(x), job))
			continue;
		x->removed = true;
		if (!has_begun(s, x))
			executions_free(s, x);
	}
}

/* A job is about to be set anew or removed: its execution is no longer its,
 * and has no purpose if it has not begun. */
static void
job_changing(void *ctx, const struct job *job, bool removed)
{
	struct sched *s = ctx;
	struct execution *x = job->extra->execution;

	if (removed)
		remove_detached(s, job_id(job));
	if (x == NULL)
		return;
	execution_detach(s, x);
	x->removed = removed;
	if (!has_begun(s, x))
		executions_free(s, x);
	else if (x->state == EXECUTION_RUNNING)
		waitq_remove(&x->wait);
}

struct sched *
sched_new(const struct sched_options *o, struct err *e)
{
	struct store_hooks hooks = {
		.job_changing = job_changing,
		.rule_changed = hold_rule_changed,
		.rule_removed = hold_rule_removed,
	};
	struct sched *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	s->options = *o;
	s->store = o->store;
	s->jobs = store_jobs(o->store);
	s->clear_mono_ns = os->mono_ns();
	clock_init(&s->clock, os->wall_ns(), s->clear_mono_ns);
	s->rules = store_rules(o->store);
	s->crews.spare = o->max_sessions;
	hooks.ctx = s;
	store_set_hooks(o->store, &hooks);
	return s;
}

void
sched_free(struct sched *s)
{
	struct store_hooks none = { 0 };
	struct rules *rules;

	if (s == NULL)
		return;
	rules = s->rules;
	store_set_hooks(s->store, &none);
	while (s->oldest != NULL)
		executions_free(s, s->oldest);
	requesters_fini(s);
	hold_release(s); /* nothing is held: only the list goes */
	for (uint32_t i = 1; i < rules->n_slots; i++) {
		struct rule *rule = rules_by_slot(rules, i);

		if (rule == NULL)
			continue;
		hold_unref(rule->runtime);
		rule->runtime = NULL;
	}
	breakers_fini(s);
	free(s);
}

int
sched_run_job(struct sched *s, struct slice id, const struct store_waiter *w,
    struct err *e)
{
	uint32_t ref = jobs_find(s->jobs, id);
	struct requester *r;
	struct execution *x;
	struct job *job;

	if (ref == JOB_NONE)
		return err_quote(e, ERR_NOT_FOUND, id, "no such job");
	job = jobs_get(s->jobs, ref);
	if (job_status(job) == JOB_TRIGGERED)
		return err_set(e, ERR_CONFLICT, "the job is %s",
		    job->phase == PHASE_RUNNING ? "running" : "queued");
	if ((x = executions_new(s, job)) == NULL)
		return err_nomem(e);
	if ((r = requester_new(s, w, NULL)) == NULL) {
		executions_free(s, x);
		return err_nomem(e);
	}
	x->requester = r;
	r->n_waits = 1;
	r->sealed = true;
	x->manual = true;
	x->due_mono_ns = os->mono_ns();
	if (job->phase == PHASE_PLANNED && recurs(job)) {
		x->beside = true;
		x->keep_due_ns = job->due_ns;
		x->due_ns = os->wall_ns();
	}
	x->id = store_next_execution_id(s->store);
	executions_enter(s, x, EXECUTION_TRIGGERING);
	journal_record(s, x);
	return 0;
}

void
sched_drain(struct sched *s)
{
	s->draining = true;
}

void
sched_abandon(struct sched *s)
{
	s->abandoning = true;
}

void
sched_stop_now(struct sched *s)
{
	struct execution *x;

	for (x = s->running.first; x != NULL; x = x->next)
		if (x->state == EXECUTION_RUNNING && !x->stopping &&
		    !x->timed_out &&
		    x->spec->number[OPTION_on_crash] == ON_CRASH_RERUN)
			journal_lost(s, x, false, os->wall_ns());
}

bool
sched_idle(const struct sched *s)
{
	return s->running.n == 0 && s->recording.n == 0 && s->refused.n == 0 &&
	    s->blocked.n == 0;
}

void
sched_stats(const struct sched *s, struct sched_stats *out)
{
	out->inflight = s->n_inflight;
	out->pending = s->ready.n + s->seated.n + s->n_held + s->gates.n_held +
	    s->retries.n;
	out->busy_rules = s->n_busy_rules;
	out->frames = s->n_frames;
	out->late_frames = s->n_late_frames;
}
