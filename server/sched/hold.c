/*
 * Why a due job waits for its rule. What is held stands in the rule's queue,
 * by due time; whatever may have made room (a run that ended, RULE RESUME,
 * another limit) puts the rule into the list `open`, and hold_release lets go
 * as many as there is room for.
 */
#include "sched_internal.h"

#include <stdlib.h>
#include <string.h>

void
hold_unref(struct rule_state *rule)
{
	if (rule == NULL || --rule->refs > 0)
		return;
	free(rule->id);
	free(rule);
}

static void
adopt(struct rule_state *state, const struct rule *rule)
{
	state->paused = rule->paused;
	state->limit = rule->spec->number[OPTION_concurrency];
}

struct rule_state *
hold_rule(struct rule *rule)
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
	adopt(state, rule);
	rule->runtime = state;
	return state;
}

bool
hold_allows(const struct rule_state *rule)
{
	return !rule->paused &&
	    (rule->limit == 0 || rule->n_running < rule->limit);
}

/* Whether one more may become ready. */
static bool
has_room(const struct rule_state *rule)
{
	return !rule->paused &&
	    (rule->limit == 0 || rule->n_ready + rule->n_running < rule->limit);
}

void
hold_queue(struct sched *s, struct execution *x)
{
	if (x->rule->held.n == 0 && has_room(x->rule))
		executions_enter(s, x, EXECUTION_READY);
	else
		executions_enter(s, x, EXECUTION_HELD);
}

void
hold_open(struct sched *s, struct rule_state *rule)
{
	if (rule->open || rule->held.n == 0 || !has_room(rule))
		return;
	rule->open = true;
	rule->refs++;
	rule->next_open = s->open;
	s->open = rule;
}

void
hold_release(struct sched *s)
{
	int left = SCHED_SLICE;
	struct rule_state *rule;

	while ((rule = s->open) != NULL) {
		while (rule->held.n > 0 && has_room(rule)) {
			if (left-- == 0)
				return;
			executions_enter(s, execution_of_wait(rule->held.first),
			    EXECUTION_READY);
		}
		s->open = rule->next_open;
		rule->open = false;
		hold_unref(rule);
	}
}

void
hold_rule_changed(void *ctx, struct rule *rule)
{
	struct rule_state *state = rule->runtime;
	const struct sched *s = ctx;

	if (s->options.rule_changed != NULL)
		s->options.rule_changed(s->options.ctx, rule);
	if (state == NULL)
		return;
	adopt(state, rule);
	hold_open(ctx, state);
}

void
hold_rule_removed(void *ctx, struct rule *rule)
{
	struct rule_state *state = rule->runtime;
	const struct sched *s = ctx;

	if (s->options.rule_removed != NULL)
		s->options.rule_removed(s->options.ctx, rule);
	if (state == NULL)
		return;
	rule->runtime = NULL;
	/* What it held keeps its runner, and runs. */
	state->paused = false;
	state->limit = 0;
	hold_open(ctx, state);
	hold_unref(state);
}

const char *
sched_hold_word(struct sched *s, const struct job *job, int64_t now_ns)
{
	const struct execution *x =
	    job->extra == NULL ? NULL : job->extra->execution;

	if (x == NULL)
		return job->phase == PHASE_PLANNED && job->due_ns <= now_ns &&
			s->refused.n > 0
		    ? "storage"
		    : "-";
	if (x->list == &s->refused)
		return "storage";
	if (x->state == EXECUTION_RETRYING)
		return "retry";
	if (x->state == EXECUTION_HELD && x->rule->paused)
		return "paused";
	if (x->state == EXECUTION_HELD && !has_room(x->rule))
		return "concurrency";
	if (recur_waits(s, x, now_ns))
		return "overlap";
	return "-";
}
