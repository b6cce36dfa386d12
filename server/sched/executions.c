#include "sched_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "os.h"

void
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

void
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

struct execution *
execution_of_wait(struct waitq_node *node)
{
	return (struct execution *)(void *)((char *)node -
	    offsetof(struct execution, wait));
}

struct slice
execution_job(const struct execution *x)
{
	return slice_of(x->job, x->job_len);
}

uint32_t
execution_slot(const struct execution *x)
{
	return store_slot(STORE_JOB, execution_job(x));
}

uint32_t
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

void
execution_detach(struct sched *s, struct execution *x)
{
	x->detached = true;
	x->next_detached = s->detached;
	x->link_detached = &s->detached;
	if (s->detached != NULL)
		s->detached->link_detached = &x->next_detached;
	s->detached = x;
}

static void
unlink_detached(struct execution *x)
{
	if (!x->detached)
		return;
	*x->link_detached = x->next_detached;
	if (x->next_detached != NULL)
		x->next_detached->link_detached = x->link_detached;
}

/* Take an execution out of whatever it waits in. */
static void
leave(struct sched *s, struct execution *x)
{
	list_remove(x);
	waitq_remove(&x->wait);
	if (x->state == EXECUTION_BARRED) {
		s->gates.n_held--;
	} else if (x->state == EXECUTION_HELD) {
		s->n_held--;
	} else if (x->state == EXECUTION_READY) {
		x->rule->n_ready--;
		if (x->rule->crew != NULL)
			x->rule->crew->n_ready--;
	} else if (x->state == EXECUTION_STARTING ||
	    x->state == EXECUTION_RUNNING) {
		if (--x->rule->n_running == 0)
			s->n_busy_rules--;
		s->n_inflight--;
		if (x->rule->crew != NULL)
			x->rule->crew->n_running--;
		else
			s->n_processing--;
	}
}

void
executions_enter(struct sched *s, struct execution *x,
    enum execution_state state)
{
	uint8_t from = x->state;

	leave(s, x);
	x->state = (uint8_t)state;
	switch (state) {
	case EXECUTION_BARRED:
		s->gates.n_held++;
		waitq_add(&x->gate->held, &x->wait, x->due_ns, x->id);
		break;
	case EXECUTION_HELD:
		s->n_held++;
		waitq_add(&x->rule->held, &x->wait, x->due_ns, x->id);
		break;
	case EXECUTION_READY:
		x->rule->n_ready++;
		x->ready_mono_ns = os->mono_ns();
		if (x->rule->crew != NULL)
			x->rule->crew->n_ready++;
		list_add(x->rule->crew != NULL ? &s->seated : &s->ready, x);
		break;
	case EXECUTION_RETRYING:
		waitq_add(&s->retries, &x->wait, x->retry_mono_ns, x->id);
		break;
	case EXECUTION_STARTING:
	case EXECUTION_RUNNING:
		if (x->rule->n_running++ == 0)
			s->n_busy_rules++;
		s->n_inflight++;
		if (x->rule->crew != NULL)
			x->rule->crew->n_running++;
		else
			s->n_processing++;
		list_add(&s->running, x);
		break;
	default:
		list_add(&s->recording, x);
	}
	breakers_moved(s, x, from);
	if (x->rule != NULL)
		hold_open(s, x->rule);
}

static void
enroll(struct sched *s, struct execution *x)
{
	x->serial = ++s->last_serial;
	x->older = s->newest;
	if (s->newest != NULL)
		s->newest->newer = x;
	else
		s->oldest = x;
	s->newest = x;
}

/* Cursors that stand at an execution go on to the next. */
static void
pass_cursors(struct sched *s, struct execution *x)
{
	for (struct sched_cursor *c = s->cursors; x->n_cursors > 0;
	     c = c->other) {
		if (c->at != x)
			continue;
		x->n_cursors--;
		c->at = x->newer;
		if (c->at != NULL)
			c->at->n_cursors++;
	}
}

static void
dismiss(struct sched *s, struct execution *x)
{
	pass_cursors(s, x);
	if (x->older != NULL)
		x->older->newer = x->newer;
	else
		s->oldest = x->newer;
	if (x->newer != NULL)
		x->newer->older = x->older;
	else
		s->newest = x->older;
}

struct execution *
executions_new(struct sched *s, const struct job *job)
{
	struct rule *rule = rules_match(s->rules, job_id(job));
	struct execution *x = calloc(1, sizeof(*x) + job->id_len + 1u);

	if (x == NULL)
		return NULL;
	x->job_len = job->id_len;
	memcpy(x->job, job->id, job->id_len);
	x->due_ns = job->due_ns;
	x->attempt = 1;
	if (rule != NULL) {
		if ((x->rule = hold_rule(s, rule)) == NULL ||
		    breakers_join(s, x, rule) == -1) {
			free(x);
			return NULL;
		}
		x->rule->refs++;
		x->spec = rule_spec_ref(rule->spec);
	}
	enroll(s, x);
	return x;
}

void
executions_free(struct sched *s, struct execution *x)
{
	leave(s, x);
	dismiss(s, x);
	unlink_detached(x);
	room_release(s, x);
	if (x->run != NULL) {
		x->run->spec = NULL;
		run_free(x->run);
	}
	breakers_quit(s, x);
	rule_spec_unref(x->spec);
	if (x->rule != NULL)
		hold_open(s, x->rule);
	hold_unref(x->rule);
	free(x->why_stopped);
	free(x);
}

void
sched_list_begin(struct sched *s, struct sched_cursor *c)
{
	c->at = s->oldest;
	c->end = s->last_serial;
	if (c->at != NULL)
		c->at->n_cursors++;
	c->other = s->cursors;
	c->back = &s->cursors;
	if (c->other != NULL)
		c->other->back = &c->other;
	s->cursors = c;
}

void
sched_list_end(struct sched_cursor *c)
{
	if (c->at != NULL)
		c->at->n_cursors--;
	*c->back = c->other;
	if (c->other != NULL)
		c->other->back = c->back;
}

/* What EXECUTIONS calls the state; NULL: not listed. */
static const char *
state_word(const struct execution *x)
{
	switch (x->state) {
	case EXECUTION_BARRED:
	case EXECUTION_HELD:
	case EXECUTION_READY:
	case EXECUTION_RETRYING:
		return "queued";
	case EXECUTION_STARTING:
	case EXECUTION_RUNNING:
		return x->stopping || x->timed_out ? "stopping" : "running";
	default:
		return NULL;
	}
}

bool
sched_list_next(struct sched_cursor *c, struct sched_row *row)
{
	struct execution *x = c->at;

	if (x == NULL || x->serial > c->end)
		return false;
	row->execution_id = x->id;
	row->job = execution_job(x);
	row->rule = x->rule == NULL ? "-" : x->rule->id;
	row->state = state_word(x);
	row->attempt = x->attempt;
	row->pid = x->pid;
	row->started_ns = x->started_ns;
	x->n_cursors--;
	c->at = x->newer;
	if (c->at != NULL)
		c->at->n_cursors++;
	return true;
}

size_t
sched_rule_running(const struct rule *rule)
{
	const struct rule_state *state = rule->runtime;

	return state == NULL ? 0 : (size_t)state->n_running;
}

struct slice
sched_rule_job(const struct sched *s, const struct rule *rule)
{
	const struct execution *x = s->running.first;

	while (x != NULL && x->rule != rule->runtime)
		x = x->next;
	return x == NULL ? slice_of(NULL, 0) : execution_job(x);
}
