/*
 * Why a due job waits for its rule, once its breaker has let it through. What
 * is held stands in the rule's queue, by due time; whatever may have made room
 * (a run that ended, RULE RESUME, another limit) puts the rule into the list
 * `open`, and hold_release lets go as many as there is room for.
 */
#include "sched_internal.h"

#include <stdlib.h>
#include <string.h>

static void
leave_crew(struct rule_state *rule)
{
	struct rule_state **at;

	if (rule->crew == NULL)
		return;
	for (at = &rule->crew->rules; *at != rule; at = &(*at)->next_in_crew)
		;
	*at = rule->next_in_crew;
	crew_unref(rule->crew);
}

static bool
join_crew(struct sched *s, struct rule_state *state, const struct rule *rule)
{
	struct crew *crew = crew_get(&s->crews, rule->id, rule->spec);

	if (crew == NULL)
		return false;
	state->crew = crew;
	state->next_in_crew = crew->rules;
	crew->rules = state;
	return true;
}

void
hold_unref(struct rule_state *rule)
{
	if (rule == NULL || --rule->refs > 0)
		return;
	breakers_detach(rule);
	leave_crew(rule);
	free(rule->id);
	free(rule);
}

/* Sessions that the server starts are one by one unless the rule says
 * otherwise. */
static int64_t
no_limit(const struct rule_state *rule)
{
	return rule->crew != NULL && rule->crew->starts ? 1 : 0;
}

static void
adopt(struct sched *s, struct rule_state *state, const struct rule *rule)
{
	state->rule = rule;
	/* Without memory for it the next execution tries again. */
	(void)breakers_attach(s, state, rule);
	state->paused = rule->paused;
	state->limit = rule->spec->number[OPTION_concurrency];
	if (state->limit == 0)
		state->limit = no_limit(state);
	if (state->crew != NULL)
		crew_set_spec(state->crew, rule->spec);
}

struct rule_state *
hold_rule(struct sched *s, struct rule *rule)
{
	struct rule_state *state = rule->runtime;

	if (state != NULL)
		return state;
	if ((state = calloc(1, sizeof(*state))) == NULL)
		return NULL;
	state->refs = 1;
	if ((state->id = strdup(rule->id)) == NULL ||
	    (crew_is_for(rule->spec) && !join_crew(s, state, rule))) {
		hold_unref(state);
		return NULL;
	}
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

/* Whether its sessions, if it needs any, can take one more besides these. */
static bool
has_session(const struct rule_state *rule, int64_t ready)
{
	const struct crew *crew = rule->crew;

	return crew == NULL ||
	    crew_allows(crew, ready + crew->n_running, rule->limit);
}

bool
hold_allows(const struct rule_state *rule)
{
	return !rule->paused &&
	    (rule->limit == 0 || rule->n_running < rule->limit) &&
	    has_session(rule, 0);
}

static bool
within_limit(const struct rule_state *rule)
{
	return rule->limit == 0 ||
	    rule->n_ready + rule->n_running < rule->limit;
}

/* Whether one more may become ready. */
static bool
has_room(const struct rule_state *rule)
{
	return !rule->paused && within_limit(rule) &&
	    has_session(rule, rule->crew == NULL ? 0 : rule->crew->n_ready);
}

void
hold_queue(struct sched *s, struct execution *x)
{
	if (x->state != EXECUTION_READY)
		gate_follow(x);
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

static void
open_one(struct sched *s, struct rule_state *rule)
{
	if (rule->open || rule->held.n == 0 || !has_room(rule))
		return;
	rule->open = true;
	rule->refs++;
	rule->next_open = s->open;
	s->open = rule;
}

void
hold_open(struct sched *s, struct rule_state *rule)
{
	/* A session serves all who share its crew. */
	if (rule->crew != NULL)
		sched_crew_changed(s, rule->crew);
	else
		open_one(s, rule);
}

/* Whether the rule lets only so many run at once. */
static bool
can_refuse(const struct rule_state *rule)
{
	return rule->limit != 0 || rule->crew != NULL;
}

void
hold_release(struct sched *s)
{
	int left = SCHED_SLICE;
	struct rule_state *rule;

	while (left > 0 && (rule = s->open) != NULL) {
		/* Out first: what it lets go may open others, or it again. */
		s->open = rule->next_open;
		rule->open = false;
		for (; left > 0 && rule->held.n > 0 && has_room(rule); left--) {
			struct execution *x =
			    execution_of_wait(rule->held.first);

			gate_follow(x);
			executions_enter(s, x,
			    breakers_allow_again(x, can_refuse(rule))
				? EXECUTION_READY
				: EXECUTION_BARRED);
		}
		hold_unref(rule);
	}
	/* Last: what rules let go must be in the right order there. */
	if (s->open == NULL)
		breakers_release(s, &left);
}

static void
tell_sessions(const struct sched *s, struct rule_state *state)
{
	if (state->crew != NULL && s->options.crew_changed != NULL)
		s->options.crew_changed(s->options.ctx, state->crew);
}

/* Whether what the rule runs now needs another crew, or none. */
static bool
needs_other_state(const struct rule_state *state, const struct rule *rule)
{
	if (!crew_is_for(rule->spec))
		return state->crew != NULL;
	return state->crew == NULL ||
	    state->crew->starts != (rule->spec->args.n > 0);
}

/* What it held under a rule that is gone, or runs something of another kind
 * now, keeps its runner, and runs. */
static void
part(struct sched *s, struct rule *rule)
{
	struct rule_state *state = rule->runtime;

	rule->runtime = NULL;
	state->rule = NULL;
	breakers_detach(state);
	state->paused = false;
	state->limit = no_limit(state);
	hold_open(s, state);
	if (state->crew != NULL)
		crew_set_spec(state->crew, NULL);
	tell_sessions(s, state);
	hold_unref(state);
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
	if (needs_other_state(state, rule)) {
		part(ctx, rule);
		(void)hold_rule(ctx, rule);
		return;
	}
	adopt(ctx, state, rule);
	hold_open(ctx, state);
	tell_sessions(ctx, state);
}

void
hold_rule_removed(void *ctx, struct rule *rule)
{
	const struct sched *s = ctx;

	if (s->options.rule_removed != NULL)
		s->options.rule_removed(s->options.ctx, rule);
	if (rule->runtime != NULL)
		part(ctx, rule);
}

struct crew *
sched_crew(struct sched *s, struct rule *rule)
{
	struct rule_state *state = hold_rule(s, rule);

	return state == NULL ? NULL : state->crew;
}

void
sched_crew_changed(struct sched *s, const struct crew *crew)
{
	for (struct rule_state *r = crew->rules; r != NULL; r = r->next_in_crew)
		open_one(s, r);
}

void
sched_spare_sessions(struct sched *s, int64_t n)
{
	int64_t before = s->crews.spare;

	s->crews.spare = n;
	if (before > 0 || n <= 0)
		return;
	for (struct crew *p = s->crews.first; p != NULL; p = p->next)
		if (p->starts)
			sched_crew_changed(s, p);
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
	if (x->state == EXECUTION_READY && s->short_of_room &&
	    !breakers_recall(x) && room_waits(s, x))
		return "storage";
	if (x->state == EXECUTION_RETRYING)
		return x->starved ? "resources" : "retry";
	if (x->state == EXECUTION_BARRED ||
	    (x->state == EXECUTION_READY && breakers_recall(x) &&
		!breakers_allow(x)))
		return "breaker";
	if (x->state == EXECUTION_HELD && x->rule->paused)
		return "paused";
	if (x->state == EXECUTION_HELD && !within_limit(x->rule))
		return "concurrency";
	if (x->state == EXECUTION_HELD && !has_room(x->rule))
		return "session";
	if (recur_waits(s, x, now_ns))
		return "overlap";
	return "-";
}
