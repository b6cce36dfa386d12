#include "jobs.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "history.h"

static struct slice
key_of(const void *ctx, uint32_t ref)
{
	const struct jobs *j = ctx;

	return job_id(jobs_get(j, ref));
}

/* Among jobs due at the same time, the order of their identifiers. */
static bool
before(const void *ctx, uint32_t a, uint32_t b)
{
	return slice_cmp(key_of(ctx, a), key_of(ctx, b)) < 0;
}

int
jobs_init(struct jobs *j)
{
	memset(j, 0, sizeof(*j));
	if (arena_init(&j->arena) == -1)
		return -1;
	if (heap_init(&j->due, &j->arena, offsetof(struct job, heap_pos),
		before, j) == -1) {
		arena_fini(&j->arena);
		return -1;
	}
	radix_init(&j->index, &j->arena, key_of, j);
	return 0;
}

void
job_extra_free(struct job_extra *extra)
{
	if (extra == NULL)
		return;
	free(extra->plan);
	free(extra->history);
	free(extra->going.ptr);
	free(extra);
}

void
jobs_fini(struct jobs *j)
{
	struct radix_walk w;
	uint32_t ref;

	radix_seek(&w, &j->index, slice_of("", 0), false);
	while ((ref = radix_step(&w)) != RADIX_NONE)
		job_extra_free(jobs_get(j, ref)->extra);
	heap_fini(&j->due);
	arena_fini(&j->arena);
}

uint32_t
jobs_find(const struct jobs *j, struct slice id)
{
	return radix_find(&j->index, id);
}

enum job_status
job_phase_status(unsigned phase)
{
	switch (phase) {
	case PHASE_PLANNED:
		return JOB_PLANNED;
	case PHASE_EXECUTED:
		return JOB_EXECUTED;
	case PHASE_FAILED:
		return JOB_FAILED;
	default:
		return JOB_TRIGGERED;
	}
}

enum job_status
job_status(const struct job *job)
{
	return job_phase_status(job->phase);
}

size_t
jobs_total(const struct jobs *j)
{
	return j->index.n;
}

static void
set_phase(struct jobs *j, struct job *job, enum job_phase phase)
{
	j->count[job_status(job)]--;
	job->phase = (uint8_t)phase;
	j->count[job_status(job)]++;
}

static size_t
job_size(size_t id_len)
{
	return offsetof(struct job, id) + id_len;
}

/* A plan in one block: the struct, its cadence, then its strings. */
static struct job_plan *
plan_new(const struct record_set *s)
{
	size_t payload_len = s->payload.ptr == NULL ? 0 : s->payload.len;
	bool recurs = s->every_ns != 0 || s->cron.ptr != NULL;
	size_t cadence_len = recurs ? sizeof(struct job_cadence) : 0;
	struct job_plan *plan;
	char *p;

	plan = calloc(1,
	    sizeof(*plan) + cadence_len + s->cron.len + s->zone.len +
		payload_len + 3);
	if (plan == NULL)
		return NULL;
	p = (char *)(plan + 1) + cadence_len;
	if (recurs)
		plan->cadence = (struct job_cadence *)(void *)(plan + 1);
	if (recurs)
		plan->cadence->by_cron = s->by_cron;
	plan->every_ns = s->every_ns;
	plan->until_ns = s->until_ns;
	plan->jitter_ns = s->jitter_ns;
	if (s->cron.ptr != NULL) {
		plan->cron = memcpy(p, s->cron.ptr, s->cron.len);
		p += s->cron.len + 1;
	}
	if (s->zone.ptr != NULL) {
		plan->zone = memcpy(p, s->zone.ptr, s->zone.len);
		p += s->zone.len + 1;
	}
	if (s->payload.ptr != NULL) {
		plan->payload = memcpy(p, s->payload.ptr, payload_len);
		plan->payload_len = payload_len;
	}
	return plan;
}

static bool
has_plan(const struct record_set *s)
{
	return s->every_ns != 0 || s->cron.ptr != NULL ||
	    s->payload.ptr != NULL;
}

int
jobs_reserve(struct jobs *j, size_t n)
{
	if (arena_reserve(&j->arena, n * JOBS_RECORD_BYTES) == -1)
		return -1;
	return heap_reserve(&j->due, (uint32_t)n);
}

int
job_extra_new(const struct record_set *s, struct job_extra **extra)
{
	*extra = NULL;
	if (!has_plan(s))
		return 0;
	if ((*extra = calloc(1, sizeof(**extra))) == NULL)
		return -1;
	if (((*extra)->plan = plan_new(s)) == NULL) {
		free(*extra);
		*extra = NULL;
		return -1;
	}
	return 0;
}

/* The job's extra, made if it has none; NULL: out of memory. */
static struct job_extra *
need_extra(struct job *job)
{
	if (job->extra == NULL)
		job->extra = calloc(1, sizeof(*job->extra));
	return job->extra;
}

int
jobs_prepare_run(struct jobs *j, uint32_t ref)
{
	return need_extra(jobs_get(j, ref)) == NULL ? -1 : 0;
}

static void
plan_at(struct jobs *j, uint32_t ref, int64_t due_ns)
{
	if (due_ns < j->floor_ns)
		due_ns = j->floor_ns;
	if (jobs_get(j, ref)->heap_pos == HEAP_OUT) {
		int rc = heap_insert(&j->due, ref, due_ns);

		assert(rc == 0); /* jobs_reserve */
		(void)rc;
	} else {
		heap_move(&j->due, ref, due_ns);
	}
}

static void
unplan(struct jobs *j, uint32_t ref)
{
	if (jobs_get(j, ref)->heap_pos != HEAP_OUT)
		heap_remove(&j->due, ref);
}

/* The job of this identifier, made if it is new; JOB_NONE: out of memory. */
static uint32_t
find_or_add(struct jobs *j, struct slice id)
{
	size_t size = job_size(id.len);
	uint32_t ref = arena_alloc(&j->arena, size);
	uint32_t old;
	struct job *job;

	if (ref == ARENA_NONE)
		return JOB_NONE;
	job = jobs_get(j, ref);
	memset(job, 0, sizeof(*job));
	job->heap_pos = HEAP_OUT;
	job->id_len = (uint8_t)id.len;
	memcpy(job->id, id.ptr, id.len);
	switch (radix_insert(&j->index, id, ref, &old)) {
	case 0:
		j->count[JOB_PLANNED]++;
		return ref;
	case 1:
		arena_release(&j->arena, ref, size);
		return old;
	default:
		arena_release(&j->arena, ref, size);
		return JOB_NONE;
	}
}

static void
tell(struct jobs *j, const struct job *job, bool removed)
{
	if (job->extra != NULL && j->changing != NULL)
		j->changing(j->changing_ctx, job, removed);
}

/* The job has a plan now, with this first time (0: not known). */
static void
enlist(struct jobs *j, uint32_t ref, int64_t first_ns)
{
	struct job_extra *extra = jobs_get(j, ref)->extra;
	struct job_cadence *c = NULL;

	if (extra != NULL && extra->plan != NULL)
		c = extra->plan->cadence;
	if (c == NULL)
		return;
	c->job = ref;
	c->first_ns = c->by_cron ? 0 : first_ns;
	c->next = j->recurring;
	c->link = &j->recurring;
	if (c->next != NULL)
		c->next->cadence->link = &c->next;
	j->recurring = extra->plan;
}

static void
delist(struct jobs *j, const struct job_extra *extra)
{
	struct job_cadence *c = NULL;

	if (extra != NULL && extra->plan != NULL)
		c = extra->plan->cadence;
	if (c == NULL || c->link == NULL)
		return;
	if (j->at == extra->plan)
		j->at = c->next;
	*c->link = c->next;
	if (c->next != NULL)
		c->next->cadence->link = c->link;
	c->link = NULL;
}

void
jobs_walk_begin(struct jobs *j)
{
	j->at = j->recurring;
}

uint32_t
jobs_walk(struct jobs *j)
{
	struct job_plan *plan = j->at;

	if (plan == NULL)
		return JOB_NONE;
	j->at = plan->cadence->next;
	return plan->cadence->job;
}

static struct job_run
run_of(const struct job *job)
{
	const struct job_extra *x = job->extra;

	return (struct job_run){
		.phase = (enum job_phase)job->phase,
		.due_ns = job->due_ns,
		.execution_id = x->execution_id,
		.attempt = x->attempt,
		.started_ns = x->started_ns,
		.run_due_ns = x->run_due_ns,
		.lost = x->lost,
		.losses = x->losses,
		.stop = x->stop,
	};
}

static void
set_run(struct job_extra *x, const struct job_run *run)
{
	x->execution_id = run->execution_id;
	x->attempt = run->attempt;
	x->started_ns = run->started_ns;
	x->run_due_ns = run->run_due_ns;
	x->lost = run->lost;
	x->losses = run->losses;
	x->stop = run->stop;
}

static struct slice
payload_of(const struct job_plan *plan)
{
	return plan == NULL ? slice_of(NULL, 0)
			    : slice_of(plan->payload, plan->payload_len);
}

/* A run that goes on is no longer this job's. */
static void
let_go(struct jobs *j, struct job *job)
{
	struct job_run run = run_of(job);
	struct job_extra *x = job->extra;
	bool before = x->going.len > 0;

	going_set(&x->going, &run, payload_of(x->plan));
	j->n_going += !before && x->going.len > 0;
	job_run_set(&run, job->due_ns);
	set_run(x, &run);
	x->execution = NULL;
}

/* Put the new plan in the place of the old; what the job has run stays. */
static void
adopt_plan(struct jobs *j, struct job *job, struct job_extra *extra)
{
	if (job->extra == NULL) {
		job->extra = extra;
		return;
	}
	let_go(j, job);
	free(job->extra->plan);
	job->extra->plan = NULL;
	if (extra != NULL) {
		job->extra->plan = extra->plan;
		free(extra);
	}
}

int
jobs_apply_set(struct jobs *j, const struct record_set *s,
    struct job_extra *extra)
{
	uint32_t ref = find_or_add(j, s->job);
	struct job *job;

	if (ref == JOB_NONE)
		return -1;
	job = jobs_get(j, ref);
	tell(j, job, false);
	delist(j, job->extra);
	adopt_plan(j, job, extra);
	enlist(j, ref, s->due_ns);
	job->due_ns = s->due_ns;
	set_phase(j, job, PHASE_PLANNED);
	plan_at(j, ref, s->due_ns);
	return 0;
}

void
jobs_apply_remove(struct jobs *j, struct slice id)
{
	uint32_t ref = radix_remove(&j->index, id);
	struct job *job;

	if (ref == RADIX_NONE)
		return;
	job = jobs_get(j, ref);
	tell(j, job, true);
	delist(j, job->extra);
	unplan(j, ref);
	j->count[job_status(job)]--;
	j->n_going -= job->extra != NULL && job->extra->going.len > 0;
	job_extra_free(job->extra);
	arena_release(&j->arena, ref, job_size(job->id_len));
}

/* With no memory for it the run is not remembered, which is all. */
static void
remember(struct job_extra *x, const struct record_run *r)
{
	struct buf history = { 0 };

	history_add(&history, r, slice_of(x->history, x->history_len));
	if (history.failed) {
		buf_free(&history);
		return;
	}
	free(x->history);
	x->history = history.ptr;
	x->history_len = (uint32_t)history.len;
}

int
jobs_apply_run(struct jobs *j, enum record_type type,
    const struct record_run *r)
{
	uint32_t ref = radix_find(&j->index, r->job);
	struct job_run run;
	struct job_extra *x;
	struct job *job;
	bool before;

	if (ref == JOB_NONE)
		return 0;
	job = jobs_get(j, ref);
	if ((x = need_extra(job)) == NULL)
		return -1;
	run = run_of(job);
	before = x->going.len > 0;
	going_apply(&x->going, &run, type, r);
	j->n_going += x->going.len > 0;
	j->n_going -= before;
	if (type == RECORD_JOB_FINISH && (r->flags & RECORD_FINISH_ORPHAN) != 0)
		return 0;
	job_run_apply(&run, type, r);
	job->due_ns = run.due_ns;
	set_run(x, &run);
	if (type == RECORD_JOB_FINISH)
		remember(x, r);
	if (type == RECORD_JOB_TRIGGER)
		unplan(j, ref);
	else if (run.phase == PHASE_PLANNED && job->phase != PHASE_PLANNED)
		plan_at(j, ref, run.due_ns);
	set_phase(j, job, run.phase);
	return 0;
}

int
jobs_load(struct jobs *j, const struct record_set *set,
    const struct job_run *run, struct slice history, struct slice going)
{
	struct job_extra *x;
	uint32_t ref;
	struct job *job;

	if (job_extra_new(set, &x) == -1)
		return -1;
	if ((ref = find_or_add(j, set->job)) == JOB_NONE)
		goto fail;
	job = jobs_get(j, ref);
	job->due_ns = run->due_ns;
	job->extra = x;
	enlist(j, ref, history.len == 0 ? run->due_ns : 0);
	set_phase(j, job, run->phase);
	if (run->phase == PHASE_PLANNED)
		plan_at(j, ref, run->due_ns);
	if (history.len == 0 && run->execution_id == 0 && run->attempt == 0 &&
	    going.len == 0)
		return 0;
	if ((x = need_extra(job)) == NULL)
		return -1;
	set_run(x, run);
	if (going.len > 0) {
		if ((x->going.ptr = slice_dup(going)) == NULL)
			return -1;
		x->going.len = (uint32_t)going.len;
		j->n_going++;
	}
	if (history.len == 0)
		return 0;
	if ((x->history = slice_dup(history)) == NULL)
		return -1;
	x->history_len = (uint32_t)history.len;
	return 0;
fail:
	job_extra_free(x);
	return -1;
}

uint32_t
jobs_first_due(const struct jobs *j, int64_t now_ns, bool *missed)
{
	uint32_t ref;
	int64_t due_ns;

	if (!heap_first(&j->due, &ref, &due_ns) || due_ns > now_ns)
		return JOB_NONE;
	*missed = due_ns < j->floor_ns;
	return ref;
}

bool
jobs_next_due(const struct jobs *j, int64_t *due_ns)
{
	uint32_t ref;

	return heap_first(&j->due, &ref, due_ns);
}

void
jobs_take_due(struct jobs *j, uint32_t ref, uint64_t execution_id,
    void *execution)
{
	struct job *job = jobs_get(j, ref);

	heap_remove(&j->due, ref);
	job->extra->execution_id = execution_id;
	job->extra->execution = execution;
	set_phase(j, job, PHASE_TAKEN);
}

void
jobs_postpone(struct jobs *j, uint32_t ref, int64_t at_ns)
{
	heap_move(&j->due, ref, at_ns);
}

void
jobs_move(struct jobs *j, uint32_t ref, int64_t due_ns)
{
	jobs_get(j, ref)->due_ns = due_ns;
	plan_at(j, ref, due_ns);
}
