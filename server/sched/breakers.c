/*
 * Breakers and what they hold. An execution that is due comes to its breaker
 * first and to its rule then. One that is not let through is `barred`: in the
 * queue of its breaker, by due time, whatever its rule. A breaker that may let
 * some through is put into the list `open`, and breakers_release passes them
 * on to their rules, which may hold them in turn.
 *
 * As an execution keeps the runner it has matched, it keeps the breaker of
 * what that calls, even when its rule goes through another one by now.
 */
#include "breakers.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "log.h"
#include "os.h"
#include "sched_internal.h"
#include "scoped.h"
#include "tstamp.h"

int
breakers_attach(struct sched *s, struct rule_state *state,
    const struct rule *rule)
{
	struct gate *g = NULL;

	if (rule->spec->number[OPTION_breaker] == BREAKER_ON &&
	    (g = gate_of(s, rule)) == NULL) {
		breakers_detach(state);
		return -1;
	}
	breakers_detach(state);
	if (g == NULL)
		return 0;
	state->gate = g;
	state->next_at_gate = g->rules;
	state->link_at_gate = &g->rules;
	if (g->rules != NULL)
		g->rules->link_at_gate = &state->next_at_gate;
	g->rules = state;
	return 0;
}

void
breakers_detach(struct rule_state *state)
{
	struct gate *g = state->gate;

	if (g == NULL)
		return;
	*state->link_at_gate = state->next_at_gate;
	if (state->next_at_gate != NULL)
		state->next_at_gate->link_at_gate = state->link_at_gate;
	state->gate = NULL;
	gate_unref(g);
}

/* --- what changes --- */

static void
tell(struct sched *s, struct gate *g)
{
	enum breaker_state state = g->breaker.state;
	const char *word = breaker_state_word(state);
	struct slice key = g->named.name;

	s->gates.count[g->told]--;
	s->gates.count[state]++;
	g->told = state;
	if (state == BREAKER_OPEN || state == BREAKER_ISOLATED)
		g->opened_mono_ns = os->mono_ns();
	if (state == BREAKER_OPEN)
		LOG_WARN("breaker", LOG_STR("breaker", key.ptr),
		    LOG_STR("state", word),
		    LOG_STR("reason",
			g->last_error == NULL ? "-" : g->last_error),
		    scoped_log(key));
	else
		LOG_INFO("breaker", LOG_STR("breaker", key.ptr),
		    LOG_STR("state", word), scoped_log(key));
	if (s->options.breaker_changed != NULL)
		s->options.breaker_changed(s->options.ctx, key, state);
}

static void
arm(struct sched *s, struct gate *g)
{
	int64_t alarm_ns = g->breaker.alarm_ns;

	if (g->alarm.queue != NULL && g->alarm.key == alarm_ns)
		return;
	waitq_remove(&g->alarm);
	if (alarm_ns == BREAKER_NEVER)
		return;
	waitq_add(&s->gates.alarms, &g->alarm, alarm_ns, 0);
}

void
breakers_look(struct sched *s, struct gate *g)
{
	if (g->held.n == 0)
		breaker_relax(&g->breaker);
	if (g->told != g->breaker.state)
		tell(s, g);
	arm(s, g);
	if (g->open || g->held.n == 0 || !breaker_allows(&g->breaker))
		return;
	g->open = true;
	g->next_open = s->gates.open;
	s->gates.open = gate_ref(g);
}

void
breakers_release(struct sched *s, int *left)
{
	struct gate *g;

	while ((g = s->gates.open) != NULL) {
		while (g->held.n > 0 && breaker_allows(&g->breaker)) {
			if (*left == 0)
				return;
			--*left;
			hold_by_rule(s, execution_of_wait(g->held.first));
		}
		s->gates.open = g->next_open;
		g->open = false;
		gate_unref(g);
	}
}

static struct gate *
gate_of_alarm(struct waitq_node *node)
{
	return (
	    struct gate *)(void *)((char *)node - offsetof(struct gate, alarm));
}

/* On the wall clock, as it was set when it was last looked at. */
static int64_t
wall_of(const struct sched *s, int64_t mono_ns)
{
	return mono_ns == BREAKER_NEVER ? 0 : sched_wall_of(s, mono_ns);
}

void
breakers_tick(struct sched *s, int64_t now_ns)
{
	for (int i = 0; i < SCHED_SLICE && s->gates.alarms.n > 0; i++) {
		struct gate *g = gate_of_alarm(s->gates.alarms.first);

		if (!sched_reached(s, g->alarm.key, now_ns))
			return;
		breaker_alarm(&g->breaker);
		breakers_look(s, g);
	}
}

int64_t
breakers_wake_ns(const struct sched *s, int64_t now_ns)
{
	if (s->gates.open != NULL)
		return now_ns;
	if (s->gates.alarms.n == 0)
		return SCHED_NEVER;
	return wall_of(s, s->gates.alarms.first->key);
}

void
breakers_fini(struct sched *s)
{
	struct gate *g;

	/* Only those who isolated them still have references. */
	while ((g = gate_after(s, slice_of("", 0))) != NULL)
		gate_unref(g);
}

/* --- executions --- */

/* Let through, and not ended. */
static bool
is_through(uint8_t state)
{
	return state == EXECUTION_READY || state == EXECUTION_STARTING ||
	    state == EXECUTION_RUNNING;
}

int
breakers_join(struct sched *s, struct execution *x, const struct rule *rule)
{
	/* Without memory for it the rule may have none yet. */
	if (x->rule->gate == NULL && breakers_attach(s, x->rule, rule) == -1)
		return -1;
	x->gate = gate_ref(x->rule->gate);
	return 0;
}

void
breakers_moved(struct sched *s, struct execution *x, uint8_t from)
{
	struct gate *g = x->gate;

	if (g == NULL)
		return;
	if (is_through(from) &&
	    (x->state == EXECUTION_READY || !is_through(x->state)))
		breaker_end(&g->breaker, x->era);
	if (x->state == EXECUTION_READY)
		x->era = breaker_begin(&g->breaker, os->mono_ns());
	breakers_look(s, g);
}

void
breakers_quit(struct sched *s, struct execution *x)
{
	struct gate *g = x->gate;

	if (g == NULL)
		return;
	if (is_through(x->state))
		breaker_end(&g->breaker, x->era);
	breakers_look(s, g);
	x->gate = NULL;
	gate_unref(g);
}

bool
breakers_allow(const struct execution *x)
{
	const struct gate *g = x->gate;

	return g == NULL || (g->held.n == 0 && breaker_allows(&g->breaker));
}

bool
breakers_allow_again(const struct execution *x, bool paced)
{
	const struct gate *g = x->gate;

	/* Else each that ends would send all that a full rule holds to the
	 * breaker and back. */
	return g == NULL || breaker_allows(&g->breaker) ||
	    (paced && g->breaker.state == BREAKER_CLOSED);
}

bool
breakers_recall(const struct execution *x)
{
	return x->gate != NULL && x->era != x->gate->breaker.era;
}

static void
keep_error(struct gate *g, const struct run *run)
{
	const char *why = run->reason[0] != '\0'
	    ? run->reason
	    : run_outcome_word(run->outcome);
	char *copy = strdup(why);

	if (copy == NULL) /* the one before will do */
		return;
	free(g->last_error);
	g->last_error = copy;
}

void
breakers_judge(struct sched *s, struct execution *x)
{
	const struct run *run = x->run;
	struct gate *g = x->gate;
	bool success = run->outcome == RUN_SUCCESS;

	if (g == NULL)
		return;
	if (!success && run->outcome != RUN_FAILURE &&
	    run->outcome != RUN_TIMEOUT && run->outcome != RUN_LOST)
		return;
	if (!success)
		keep_error(g, run);
	breaker_judge(&g->breaker, x->era, x->spec, success, os->mono_ns());
	breakers_look(s, g);
}

/* --- what others ask --- */

void
breakers_count(const struct sched *s, struct breaker_counts *out)
{
	memcpy(out->state, s->gates.count, sizeof(out->state));
	out->held = s->gates.n_held;
}

struct count {
	breakers_filter_cb *sees;
	const void *ctx;
	struct breaker_counts *out;
};

static void
count_one(void *ctx, const struct named *item)
{
	const struct gate *g = (const struct gate *)(const void *)item;
	const struct count *count = ctx;

	if (!count->sees(count->ctx, g->named.name))
		return;
	count->out->state[g->told]++;
	count->out->held += g->held.n;
}

void
breakers_count_seen(const struct sched *s, breakers_filter_cb *sees,
    const void *ctx, struct breaker_counts *out)
{
	struct count count = { .sees = sees, .ctx = ctx, .out = out };

	*out = (struct breaker_counts){ .held = 0 };
	names_each(&s->gates.by_name, count_one, &count);
}

static bool
fill(const struct sched *s, const struct gate *g, struct breaker_row *row)
{
	if (g == NULL)
		return false;
	row->key = g->named.name;
	row->name = g->named.name.ptr;
	row->state = g->breaker.state;
	row->calls = breaker_calls(&g->breaker, 0, os->mono_ns());
	row->opened_ns =
	    g->opened_mono_ns == 0 ? 0 : sched_wall_of(s, g->opened_mono_ns);
	row->retry_ns =
	    row->state == BREAKER_CLOSED ? 0 : wall_of(s, g->breaker.alarm_ns);
	row->last_error = g->last_error;
	return true;
}

bool
breakers_first(const struct sched *s, struct slice name,
    struct breaker_row *row)
{
	return fill(s, gate_first(s, name), row);
}

bool
breakers_after(const struct sched *s, struct slice key, struct breaker_row *row)
{
	return fill(s, gate_after(s, key), row);
}

const char *
breakers_state_word(const struct sched *s, struct slice key)
{
	const struct gate *g = gate_find(s, key);

	return g == NULL ? NULL : breaker_state_word(g->breaker.state);
}

bool
breakers_any_rule(const struct sched *s, struct slice key, breakers_rule_cb *is,
    const void *ctx)
{
	const struct gate *g = gate_find(s, key);
	const struct rule_state *state = g == NULL ? NULL : g->rules;

	while (state != NULL && !is(ctx, state->rule))
		state = state->next_at_gate;
	return state != NULL;
}

bool
breakers_isolate_gate(struct sched *s, struct gate *g)
{
	if (g->breaker.state == BREAKER_ISOLATED)
		return true;
	if (s->gates.count[BREAKER_ISOLATED] >= BREAKERS_ISOLATED_MAX)
		return false;
	breaker_isolate(&g->breaker);
	breakers_look(s, gate_ref(g)); /* whoever isolated it has one */
	return true;
}

static int
not_found(struct slice name, struct err *e)
{
	return err_quote(e, ERR_NOT_FOUND, name, "no such breaker");
}

int
breakers_isolate(struct sched *s, struct slice name, struct err *e)
{
	size_t n = s->gates.count[BREAKER_ISOLATED];
	struct gate *g = gate_first(s, name);

	if (g == NULL)
		return not_found(name, e);
	for (; g != NULL; g = gate_next(s, g))
		n += g->breaker.state != BREAKER_ISOLATED;
	if (n > BREAKERS_ISOLATED_MAX)
		return err_set(e, ERR_LIMIT, "%zu breakers are isolated",
		    s->gates.count[BREAKER_ISOLATED]);
	for (g = gate_first(s, name); g != NULL; g = gate_next(s, g))
		(void)breakers_isolate_gate(s, g);
	return 0;
}

int
breakers_reset(struct sched *s, struct slice name, struct err *e)
{
	struct gate *g = gate_first(s, name), *next;

	if (g == NULL)
		return not_found(name, e);
	for (; g != NULL; g = next) {
		bool isolated = g->breaker.state == BREAKER_ISOLATED;

		next = gate_next(s, g);
		breaker_reset(&g->breaker, os->mono_ns());
		breakers_look(s, g);
		if (isolated)
			gate_unref(g);
	}
	return 0;
}
