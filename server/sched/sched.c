/*
 * An execution is a job that is due, from the moment it is taken out of the
 * plan until its result is durable:
 *
 *	triggering  its TRIGGER record is under way
 *	ready       waits for its turn
 *	held        its rule is paused
 *	starting    its START record must be durable first (on_crash=fail)
 *	running     with the processor
 *	finishing   its FINISH record is under way
 *
 * In triggering, starting and finishing a record may be refused, because the
 * disk is full for one. The execution then waits in the list `refused` and
 * asks again (`hold storage`); and no further job is taken meanwhile. While a
 * change to its job is under way, it waits in `blocked` for that to end. A job
 * that is set anew or removed takes back what has not begun (has_begun).
 *
 * Invariants:
 *  S1  A job in phase taken, queued or running has exactly one execution, and
 *      its extra points to it; other executions are detached: of a job that
 *      has been set anew (or removed) since they started.
 *  S2  n_inflight counts those starting and running, and is at most
 *      max_inflight.
 */
#include "sched.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "log.h"
#include "os.h"
#include "tstamp.h"

#define STORAGE_RETRY_NS (100 * NS_PER_MS)

enum execution_state {
	EXECUTION_TRIGGERING,
	EXECUTION_READY,
	EXECUTION_HELD,
	EXECUTION_STARTING,
	EXECUTION_RUNNING,
	EXECUTION_FINISHING
};

struct list {
	struct execution *first, *last;
	size_t n;
};

/* What the scheduler knows of a rule; outlives the rule while executions
 * that matched it go on. */
struct rule_state {
	unsigned refs;
	char *id; /* owned */
	bool paused;
	struct list held;
};

struct execution {
	uint64_t id;
	int64_t due_ns;
	struct execution *prev, *next; /* in *list */
	struct list *list;	       /* NULL: in none */
	struct rule_state *rule;       /* NULL: no rule matched */
	struct rule_spec *spec;	       /* a reference; NULL as above */
	struct run *run;	       /* finishing: the result */
	struct requester *requester;   /* of RUN, until triggered */
	int64_t keep_due_ns; /* planned again for then when it ends; 0: no */
	uint32_t attempt;
	uint8_t state;
	bool manual;
	bool detached; /* see S1 */
	bool removed;  /* its job is gone */
	uint8_t job_len;
	char job[]; /* identifier, terminated */
};

/* The client that asked for RUN. */
struct requester {
	struct store_waiter waiter;
	char note[OP_NOTE_MAX];
};

struct sched {
	struct store *store;
	struct jobs *jobs;
	struct rules *rules;
	uint32_t framerate;
	unsigned max_inflight;
	sched_submit_cb *submit;
	void *ctx;
	struct list ready;
	struct list active;  /* triggering, starting, running, finishing */
	struct list refused; /* waiting to record again */
	struct list blocked; /* waiting for changes to their job to end */
	size_t n_inflight;
	size_t n_held;
	int64_t retry_ns; /* when to ask for the refused again */
	bool draining;
};

static void record(struct sched *s, struct execution *x);

static void
list_add(struct list *list, struct execution *x)
{
	assert(x->list == NULL);
	x->list = list;
	x->prev = list->last;
	x->next = NULL;
	if (list->last != NULL)
		list->last->next = x;
	else
		list->first = x;
	list->last = x;
	list->n++;
}

static void
list_remove(struct execution *x)
{
	struct list *list = x->list;

	if (list == NULL)
		return;
	if (x->prev != NULL)
		x->prev->next = x->next;
	else
		list->first = x->next;
	if (x->next != NULL)
		x->next->prev = x->prev;
	else
		list->last = x->prev;
	list->n--;
	x->list = NULL;
}

/* Move an execution to a state, and to the list that goes with it. */
static void
enter(struct sched *s, struct execution *x, enum execution_state state)
{
	s->n_held -= x->state == EXECUTION_HELD;
	s->n_held += state == EXECUTION_HELD;
	x->state = (uint8_t)state;
	list_remove(x);
	if (state == EXECUTION_READY)
		list_add(&s->ready, x);
	else if (state == EXECUTION_HELD)
		list_add(&x->rule->held, x);
	else
		list_add(&s->active, x);
}

static void
rule_state_unref(struct rule_state *rule)
{
	if (rule == NULL || --rule->refs > 0)
		return;
	free(rule->id);
	free(rule);
}

/* The state kept for a rule, made when it is first needed; NULL: no memory. */
static struct rule_state *
rule_state_of(struct rule *rule)
{
	struct rule_state *state = rule->runtime;

	if (state != NULL)
		return state;
	if ((state = calloc(1, sizeof(*state))) == NULL ||
	    (state->id = strdup(rule->id)) == NULL) {
		free(state);
		return NULL;
	}
	state->refs = 1;
	state->paused = rule->paused;
	rule->runtime = state;
	return state;
}

static void
execution_free(struct sched *s, struct execution *x)
{
	s->n_held -= x->state == EXECUTION_HELD;
	list_remove(x);
	if (x->run != NULL) {
		x->run->spec = NULL;
		run_free(x->run);
	}
	rule_spec_unref(x->spec);
	rule_state_unref(x->rule);
	free(x->requester);
	free(x);
}

/* An execution of a job under the rule it matches now; NULL: no memory. */
static struct execution *
execution_new(struct sched *s, const struct job *job)
{
	struct rule *rule = rules_match(s->rules, job_id(job));
	struct execution *x = calloc(1, sizeof(*x) + job->id_len + 1u);

	if (x == NULL)
		return NULL;
	x->job_len = job->id_len;
	memcpy(x->job, job->id, job->id_len);
	x->due_ns = job->due_ns;
	x->attempt = 1;
	if (rule == NULL)
		return x;
	if ((x->rule = rule_state_of(rule)) == NULL) {
		free(x);
		return NULL;
	}
	x->rule->refs++;
	x->spec = rule_spec_ref(rule->spec);
	return x;
}

static struct slice
execution_job(const struct execution *x)
{
	return slice_of(x->job, x->job_len);
}

/* The job whose run this is, or JOB_NONE when it has another plan by now. */
static uint32_t
current_job(const struct sched *s, const struct execution *x)
{
	uint32_t ref;

	if (x->detached)
		return JOB_NONE;
	ref = jobs_find(s->jobs, execution_job(x));
	assert(ref != JOB_NONE &&
	    jobs_get(s->jobs, ref)->extra->execution == x); /* S1 */
	return ref;
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
	execution_free(s, x);
}

/* The result of an execution that no processor ran. */
static void
finish_without_run(struct sched *s, struct execution *x,
    enum run_outcome outcome, int64_t now_ns)
{
	struct run *run = calloc(1, sizeof(*run));

	if (run != NULL) {
		run->outcome = outcome;
		run->exit = RUN_EXIT_NONE;
		run->started_ns = run->ended_ns = now_ns;
		x->run = run;
	}
	/* With no memory for it the record has less to tell. */
	enter(s, x, EXECUTION_FINISHING);
	record(s, x);
}

/* Where an execution goes whose job is due and known to be. */
static void
queue(struct sched *s, struct execution *x)
{
	if (x->rule != NULL && x->rule->paused)
		enter(s, x, EXECUTION_HELD);
	else
		enter(s, x, EXECUTION_READY);
}

static void
triggered(struct sched *s, struct execution *x)
{
	uint32_t ref;

	if (x->manual) {
		/* RUN's trigger took effect only now. */
		ref = jobs_find(s->jobs, execution_job(x));
		jobs_get(s->jobs, ref)->extra->execution = x;
	}
	if (x->run != NULL) { /* its result is known: missed */
		enter(s, x, EXECUTION_FINISHING);
		record(s, x);
	} else if (x->rule == NULL) {
		LOG_WARN("no_rule", LOG_STR("job", x->job));
		finish_without_run(s, x, RUN_FAILURE, os->wall_ns());
	} else {
		queue(s, x);
	}
}

static void
tell_requester(struct execution *x, const struct err *e)
{
	struct requester *r = x->requester;

	if (r == NULL)
		return;
	x->requester = NULL;
	r->waiter.done(r->waiter.arg, r->waiter.note, e);
	free(r);
}

/* A record was refused: ask again later. A client's RUN is told instead. */
static void
refused(struct sched *s, struct execution *x, const struct err *e)
{
	if (x->requester != NULL) {
		tell_requester(x, e);
		execution_free(s, x);
		return;
	}
	if (s->refused.n == 0)
		LOG_ERROR("storage_hold", LOG_STR("job", x->job), LOG_ERR(e));
	list_remove(x);
	list_add(&s->refused, x);
	if (s->retry_ns == 0)
		s->retry_ns = os->wall_ns() + STORAGE_RETRY_NS;
}

static void submit(struct sched *s, struct execution *x);

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
	switch (x->state) {
	case EXECUTION_TRIGGERING:
		tell_requester(x, NULL);
		triggered(s, x);
		break;
	case EXECUTION_STARTING:
		submit(s, x);
		break;
	default:
		assert(x->state == EXECUTION_FINISHING);
		end(s, x);
	}
}

static void
describe(const struct sched *s, const struct execution *x, struct record_run *r)
{
	*r = (struct record_run){
		.job = execution_job(x),
		.execution_id = x->id,
		.attempt = x->attempt,
		.flags = x->manual,
	};
	if (x->rule != NULL)
		r->rule = slice_str(x->rule->id);
	if (x->state == EXECUTION_STARTING)
		r->started_ns = os->wall_ns();
	if (x->state != EXECUTION_FINISHING)
		return;
	r->flags = x->removed ? RECORD_FINISH_ORPHAN : 0;
	r->outcome = x->run == NULL ? RUN_FAILURE : x->run->outcome;
	r->exit = x->run == NULL ? RUN_EXIT_NONE : x->run->exit;
	r->started_ns = x->run == NULL ? 0 : x->run->started_ns;
	r->ended_ns = x->run == NULL ? os->wall_ns() : x->run->ended_ns;
	r->next_due_ns = current_job(s, x) == JOB_NONE ? 0 : x->keep_due_ns;
}

static uint32_t
slot_of_job(const struct execution *x)
{
	return store_slot(STORE_JOB, execution_job(x));
}

/* Ask the store to record the state an execution is in. */
static void
record(struct sched *s, struct execution *x)
{
	struct store_waiter w = {
		.done = recorded,
		.arg = x,
		.note = slice_of((const char *)&s, sizeof(s)),
	};
	enum record_type type = RECORD_JOB_FINISH;
	enum wal_urgency urgency = WAL_RESULT;
	struct record_run r;
	struct err e;

	if (x->state == EXECUTION_TRIGGERING)
		type = RECORD_JOB_TRIGGER;
	else if (x->state == EXECUTION_STARTING)
		type = RECORD_JOB_START;
	if (type != RECORD_JOB_FINISH)
		urgency = WAL_TRIGGER;
	if (x->requester != NULL)
		urgency = WAL_REQUEST;
	if (x->requester == NULL &&
	    store_busy(s->store, slot_of_job(x), true)) {
		/* What becomes of the job decides what there is to record. */
		list_remove(x);
		list_add(&s->blocked, x);
		return;
	}
	describe(s, x, &r);
	if (store_run(s->store, type, &r, urgency, &w, &e) == -1)
		refused(s, x, &e);
}

/* Record again what had to wait. */
static void
record_all(struct sched *s, struct list *from)
{
	struct list list = *from;

	*from = (struct list){ 0 };
	while (list.first != NULL) {
		struct execution *x = list.first;

		list.first = x->next;
		x->list = NULL;
		list_add(&s->active, x);
		record(s, x);
	}
}

/* The order for the processor; NULL: no memory. */
static struct run *
make_run(const struct sched *s, const struct execution *x)
{
	uint32_t ref = current_job(s, x);
	const struct job *job = jobs_get(s->jobs, ref);
	const struct job_plan *plan = job->extra->plan;
	struct run *run = calloc(1, sizeof(*run));

	if (run == NULL)
		return NULL;
	run->execution_id = x->id;
	run->due_ns = x->due_ns;
	run->attempt = x->attempt;
	if ((run->job = strdup(x->job)) == NULL ||
	    (run->rule = strdup(x->rule->id)) == NULL)
		goto fail;
	if (plan != NULL && plan->payload != NULL) {
		if ((run->payload = malloc(plan->payload_len + 1)) == NULL)
			goto fail;
		memcpy(run->payload, plan->payload, plan->payload_len + 1);
		run->payload_len = plan->payload_len;
	}
	return run;
fail:
	run_free(run);
	return NULL;
}

static void
submit(struct sched *s, struct execution *x)
{
	struct run *run = x->run;
	bool taken;

	x->run = NULL;
	run->spec = rule_spec_ref(x->spec);
	run->owner = x;
	enter(s, x, EXECUTION_RUNNING);
	taken = s->submit(s->ctx, run);
	assert(taken); /* S2 */
	(void)taken;
}

/* Start the first that is ready. False when there is no memory for it. */
static bool
start(struct sched *s, struct execution *x)
{
	struct record_run r;
	struct err e;

	if ((x->run = make_run(s, x)) == NULL)
		return false;
	s->n_inflight++;
	enter(s, x, EXECUTION_STARTING);
	if (x->spec->number[OPTION_on_crash] == ON_CRASH_FAIL) {
		record(s, x); /* submitted when it is durable */
		return true;
	}
	/* At least once: the run need not wait for its record, and needs
	 * none if that is refused. */
	describe(s, x, &r);
	(void)store_run(s->store, RECORD_JOB_START, &r, WAL_TRIGGER,
	    &(struct store_waiter){ 0 }, &e);
	submit(s, x);
	return true;
}

void
sched_start(struct sched *s)
{
	struct execution *x;

	if (s->blocked.n > 0)
		record_all(s, &s->blocked);
	while (s->n_inflight < s->max_inflight && !s->draining &&
	    !store_full(s->store) && (x = s->ready.first) != NULL) {
		if (x->rule->paused)
			enter(s, x, EXECUTION_HELD);
		else if (!start(s, x))
			return; /* when memory comes back: the next tick */
	}
}

/* Take one due job. False: not now. */
static bool
take(struct sched *s, uint32_t ref, bool missed, int64_t now_ns)
{
	struct job *job = jobs_get(s->jobs, ref);
	struct execution *x;

	if (store_busy(s->store, store_slot(STORE_JOB, job_id(job)), true)) {
		/* A change is under way: look again in the next frame. */
		jobs_postpone(s->jobs, ref, now_ns + NS_PER_S / s->framerate);
		return true;
	}
	if (jobs_prepare_run(s->jobs, ref) == -1 ||
	    (x = execution_new(s, job)) == NULL)
		return false;
	if (missed && x->spec != NULL &&
	    x->spec->number[OPTION_misfire] == MISFIRE_SKIP &&
	    (x->run = calloc(1, sizeof(*x->run))) != NULL) {
		x->run->outcome = RUN_MISSED;
		x->run->exit = RUN_EXIT_NONE;
		x->run->started_ns = x->run->ended_ns = now_ns;
	}
	x->id = store_next_execution_id(s->store);
	jobs_take_due(s->jobs, ref, x->id, x);
	x->state = EXECUTION_TRIGGERING;
	list_add(&s->active, x);
	record(s, x);
	return true;
}

int64_t
sched_wake_ns(const struct sched *s, int64_t now_ns)
{
	int64_t wake = SCHED_NEVER;
	int64_t due_ns, frame, next;

	if (s->refused.n > 0) /* the clock may have been set back since */
		return s->retry_ns < now_ns + STORAGE_RETRY_NS
		    ? s->retry_ns
		    : now_ns + STORAGE_RETRY_NS;
	if (s->draining)
		return SCHED_NEVER;
	if (jobs_next_due(s->jobs, &due_ns)) {
		frame = frame_after(due_ns, s->framerate);
		next = frame_of(now_ns, s->framerate) + 1;
		wake = frame_start(frame > next ? frame : next, s->framerate);
	}
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
	int64_t frame_ns =
	    frame_start(frame_of(now_ns, s->framerate), s->framerate);
	uint32_t ref;
	bool missed;

	if (s->refused.n > 0 &&
	    (now_ns >= s->retry_ns ||
		s->retry_ns - now_ns > STORAGE_RETRY_NS)) {
		s->retry_ns = 0;
		record_all(s, &s->refused);
	}
	sched_start(s);
	if (s->draining || s->refused.n > 0)
		return sched_wake_ns(s, now_ns);
	for (int i = 0; i < SCHED_SLICE; i++) {
		ref = jobs_first_due(s->jobs, frame_ns, &missed);
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

void
sched_run_event(struct sched *s, const struct run_event *event)
{
	struct execution *x;

	if (event->kind != RUN_FINISHED)
		return;
	x = event->run->owner;
	assert(x->state == EXECUTION_RUNNING);
	rule_spec_unref(event->run->spec);
	event->run->spec = NULL;
	x->run = event->run;
	s->n_inflight--;
	LOG_DEBUG("run_ended", LOG_STR("job", x->job),
	    LOG_STR("rule", x->rule->id), LOG_U64("execution", x->id),
	    LOG_STR("outcome", run_outcome_word(x->run->outcome)),
	    LOG_I64("exit", x->run->exit), LOG_STR("reason", x->run->reason));
	enter(s, x, EXECUTION_FINISHING);
	record(s, x);
	sched_start(s);
}

/* Executions that go on although their job had been set anew. */
static void
mark_removed(struct sched *s, struct slice job)
{
	struct list *const lists[] = { &s->active, &s->blocked, &s->refused };

	for (size_t i = 0; i < 3; i++)
		for (struct execution *x = lists[i]->first; x != NULL;
		     x = x->next)
			if (x->detached && slice_eq(execution_job(x), job))
				x->removed = true;
}

/* Whether something of it runs, is known to the log, or is about to be. */
static bool
has_begun(const struct sched *s, const struct execution *x)
{
	switch (x->state) {
	case EXECUTION_READY:
	case EXECUTION_HELD:
		return false;
	case EXECUTION_TRIGGERING:
	case EXECUTION_STARTING:
		return x->list == &s->active;
	default:
		return true;
	}
}

/* A job is about to be set anew or removed: its execution is no longer its,
 * and has no purpose if it has not begun. */
static void
job_changing(void *ctx, const struct job *job, bool removed)
{
	struct sched *s = ctx;
	struct execution *x = job->extra->execution;
	struct slice id = job_id(job);

	if (removed)
		mark_removed(s, id);
	if (x == NULL)
		return;
	x->detached = true;
	x->removed = removed;
	if (has_begun(s, x))
		return;
	s->n_inflight -= x->state == EXECUTION_STARTING;
	execution_free(s, x);
}

static void
release_held(struct sched *s, struct rule_state *state)
{
	struct execution *x;

	while ((x = state->held.first) != NULL)
		enter(s, x, EXECUTION_READY);
}

static void
rule_changed(void *ctx, struct rule *rule)
{
	struct sched *s = ctx;
	struct rule_state *state = rule->runtime;

	if (state == NULL)
		return;
	state->paused = rule->paused;
	if (!state->paused)
		release_held(s, state);
}

static void
rule_removed(void *ctx, struct rule *rule)
{
	struct sched *s = ctx;
	struct rule_state *state = rule->runtime;

	if (state == NULL)
		return;
	rule->runtime = NULL;
	state->paused = false; /* what it held keeps its runner, and runs */
	release_held(s, state);
	rule_state_unref(state);
}

struct sched *
sched_new(const struct sched_options *o, struct err *e)
{
	struct store_hooks hooks = {
		.job_changing = job_changing,
		.rule_changed = rule_changed,
		.rule_removed = rule_removed,
	};
	struct sched *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	s->store = o->store;
	s->jobs = store_jobs(o->store);
	s->rules = store_rules(o->store);
	s->framerate = o->framerate;
	s->max_inflight = o->max_inflight;
	s->submit = o->submit;
	s->ctx = o->ctx;
	hooks.ctx = s;
	store_set_hooks(o->store, &hooks);
	return s;
}

static void
free_list(struct sched *s, struct list *list)
{
	while (list->first != NULL)
		execution_free(s, list->first);
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
	for (uint32_t i = 1; i < rules->n_slots; i++) {
		struct rule *rule = rules_by_slot(rules, i);
		struct rule_state *state;

		if (rule == NULL || (state = rule->runtime) == NULL)
			continue;
		free_list(s, &state->held);
		rule->runtime = NULL;
		rule_state_unref(state);
	}
	free_list(s, &s->ready);
	free_list(s, &s->refused);
	free_list(s, &s->blocked);
	free_list(s, &s->active);
	free(s);
}

/* Take up one job that was due when the last server ended. */
static int
recover_job(struct sched *s, struct job *job, int64_t now_ns)
{
	struct execution *x = execution_new(s, job);

	if (x == NULL)
		return -1;
	x->id = job->extra->execution_id;
	job->extra->execution = x;
	if (x->rule == NULL) {
		finish_without_run(s, x, RUN_FAILURE, now_ns);
		return 0;
	}
	if (job->phase == PHASE_RUNNING) {
		x->attempt = job->extra->attempt + 1;
		LOG_WARN("run_lost", LOG_STR("job", x->job),
		    LOG_STR("rule", x->rule->id), LOG_U64("execution", x->id));
		if (x->spec->number[OPTION_on_crash] == ON_CRASH_FAIL) {
			x->attempt = job->extra->attempt;
			finish_without_run(s, x, RUN_LOST, now_ns);
			return 0;
		}
	}
	queue(s, x);
	return 0;
}

int
sched_recover(struct sched *s, int64_t now_ns, struct err *e)
{
	struct radix_walk w;
	uint32_t ref;

	s->jobs->floor_ns = now_ns;
	if (s->jobs->count[JOB_TRIGGERED] == 0)
		return 0;
	radix_seek(&w, &s->jobs->index, slice_of("", 0), false);
	while ((ref = radix_step(&w)) != RADIX_NONE) {
		struct job *job = jobs_get(s->jobs, ref);

		if (job_status(job) == JOB_TRIGGERED &&
		    recover_job(s, job, now_ns) == -1)
			return err_nomem(e);
	}
	return 0;
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
		return err_set(e, ERR_NOT_FOUND, "no such job");
	job = jobs_get(s->jobs, ref);
	if (job_status(job) == JOB_TRIGGERED)
		return err_set(e, ERR_CONFLICT, "the job is %s",
		    job->phase == PHASE_RUNNING ? "running" : "queued");
	if ((r = calloc(1, sizeof(*r))) == NULL ||
	    (x = execution_new(s, job)) == NULL) {
		free(r);
		return err_nomem(e);
	}
	r->waiter = *w;
	memcpy(r->note, w->note.ptr, w->note.len);
	r->waiter.note.ptr = r->note;
	x->requester = r;
	x->manual = true;
	x->id = store_next_execution_id(s->store);
	x->state = EXECUTION_TRIGGERING;
	list_add(&s->active, x);
	record(s, x);
	return 0;
}

void
sched_drain(struct sched *s)
{
	s->draining = true;
}

bool
sched_idle(const struct sched *s)
{
	return s->active.n == 0 && s->refused.n == 0 && s->blocked.n == 0;
}

const char *
sched_hold_word(const struct sched *s, const struct job *job, int64_t now_ns)
{
	const struct execution *x =
	    job->extra == NULL ? NULL : job->extra->execution;

	if (x != NULL && x->state == EXECUTION_HELD)
		return "paused";
	if (x != NULL && x->list == &s->refused)
		return "storage";
	if (job->phase == PHASE_PLANNED && job->due_ns <= now_ns &&
	    s->refused.n > 0)
		return "storage";
	return "-";
}

void
sched_stats(const struct sched *s, struct sched_stats *out)
{
	out->inflight = s->n_inflight;
	out->pending = s->ready.n + s->n_held;
}
