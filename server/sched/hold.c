/*
 * Why a due job waits for its rule, once its breaker has let it through. What
 * is held stands in the rule's queue,
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
	breakers_detach(rule);
	free(rule->id);
	free(rule);
}

static void
adopt(struct sched *s, struct rule_state *state, const struct rule *rule)
{
	state->rule = rule;
	/* Without memory for it the next execution tries again. */
	(void)breakers_attach(s, state, rule);
	state->paused = rule->paused;
	state->limit = rule->spec->number[OPTION_concurrency];
}

struct rule_state *
hold_rule(struct sched *s, struct rule *rule)
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
	adopt(s, state, rule);
	rule->runtime = state;
	return state;
}

int
hold_rules(struct sched *s)
{
	for (uint32_t i = 1; i < s->rules->n_slots; i++) {
		struct rule *rule = rules_by_slot(s->rules, i);

		if (rule != NULL && hold_rule(s, rule) == NULL)
			return -1;
	}
	return 0;
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
	if (breakers_allow(x))
		hold_by_rule(s, x);
	else
		executions_enter(s, x, EXECUTION_BARRED);
}

void
hold_by_rule(struct sched *s, struct execution *x)
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
			struct execution *x =
			    execution_of_wait(rule->held.first);

			if (left == 0)
				return;
			left--;
			executions_enter(s, x,
			    breakers_allow(x) ? EXECUTION_READY
					      : EXECUTION_BARRED);
		}
		s->open = rule->next_open;
		rule->open = false;
		hold_unref(rule);
	}
	/* Last: what rules let go must be in the right order there. */
	breakers_release(s, &left);
}

void
hold_rule_changed(void *ctx, struct rule *rule)
{
	struct rule_state *state = rule->runtime;
	const struct sched *s = ctx;

	if (s->options.rule_changed != NULL)
		s->options.rule_changed(s->options.ctx, rule);
	if (state == NULL) {
		/* For its breaker; without memory, when it is needed. */
		(void)hold_rule(ctx, rule);
		return;
	}
	adopt(ctx, state, rule);
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
	state->rule = NULL;
	breakers_detach(state);
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
	if (x->state == EXECUTION_BARRED ||
	    (x->state == EXECUTION_READY && breakers_recall(x) &&
		!breakers_allow(x)))
		return "breaker";
	if (x->state == EXECUTION_HELD && x->rule->paused)
		return "paused";
	if (x->state == EXECUTION_HELD && !has_room(x->rule))
		return "concurrency";
	if (recur_waits(s, x, now_ns))
		return "overlap";
	return "-";
}
