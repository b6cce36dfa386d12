/*
 * Breakers by name: their life, and which of them a rule goes through.
 *
 * The key of one (see scoped.h) is the endpoint that its rules call and the
 * longest namespace that holds them, so that what fails for one tenant holds
 * nobody else; or `rule:<id>` for a rule that calls no endpoint. When the
 * namespaces have changed, rules go through the breakers that are theirs now,
 * and what waits at the old ones goes with them: at once where it is barred,
 * else when it comes to its breaker again. What was let through is judged by
 * the one that did.
 */
#include "sched_internal.h"

#include <assert.h>
#include <stdlib.h>

#include "scoped.h"

struct gate *
gate_find(const struct sched *s, struct slice key)
{
	return (struct gate *)(void *)names_find(&s->gates.by_name, key);
}

struct gate *
gate_after(const struct sched *s, struct slice key)
{
	return (struct gate *)(void *)names_after(&s->gates.by_name, key);
}

static void
put_key(const struct sched *s, struct buf *out, const struct rule *rule)
{
	rule_spec_put_endpoint(out, rule->spec);
	if (out->len == 0) {
		buf_add_str(out, "rule:");
		buf_add_slice(out, rule_id(rule));
	} else if (s->options.namespace_of != NULL) {
		scoped_put(out, slice_of("", 0),
		    s->options.namespace_of(s->options.ctx, rule));
	}
}

/* Takes the key over. NULL: no memory. */
static struct gate *
gate_new(struct sched *s, struct buf *key)
{
	struct gate *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return NULL;
	g->gates = &s->gates;
	g->named.name = buf_slice(key);
	breaker_init(&g->breaker);
	if (names_add(&s->gates.by_name, &g->named) == -1) {
		free(g);
		return NULL;
	}
	*key = (struct buf){ 0 };
	s->gates.count[BREAKER_CLOSED]++;
	return g;
}

struct gate *
gate_ref(struct gate *g)
{
	if (g != NULL)
		g->refs++;
	return g;
}

void
gate_unref(struct gate *g)
{
	if (g == NULL || --g->refs > 0)
		return;
	assert(g->held.n == 0 && g->rules == NULL && !g->open);
	waitq_remove(&g->alarm);
	g->gates->count[g->told]--;
	names_remove(&g->gates->by_name, &g->named);
	free(g->last_error);
	free((char *)g->named.name.ptr);
	free(g);
}

struct gate *
gate_of(struct sched *s, const struct rule *rule)
{
	struct buf key = { 0 };
	struct gate *g = NULL;

	put_key(s, &key, rule);
	buf_add_byte(&key, '\0'); /* its name is a C string as well */
	if (!key.failed) {
		key.len--;
		if ((g = gate_find(s, buf_slice(&key))) == NULL)
			g = gate_new(s, &key);
	}
	buf_free(&key);
	return gate_ref(g);
}

static bool
is_named(const struct gate *g, struct slice name)
{
	return g != NULL && slice_eq(scoped_name(g->named.name), name);
}

struct gate *
gate_first(const struct sched *s, struct slice name)
{
	struct gate *g = gate_find(s, name);

	if (g == NULL)
		g = gate_after(s, name);
	return is_named(g, name) ? g : NULL;
}

struct gate *
gate_next(const struct sched *s, const struct gate *g)
{
	struct gate *next = gate_after(s, g->named.name);

	return is_named(next, scoped_name(g->named.name)) ? next : NULL;
}

/* --- when namespaces have changed --- */

/* The breaker that an execution should go through instead of its own: that of
 * the same name which its rule goes through now. NULL: its own. */
static struct gate *
gate_to_follow(const struct execution *x)
{
	struct gate *now = x->rule == NULL ? NULL : x->rule->gate;

	return x->gate != NULL && now != NULL && now != x->gate &&
		is_named(now, scoped_name(x->gate->named.name))
	    ? now
	    : NULL;
}

void
gate_follow(struct execution *x)
{
	struct gate *now = gate_to_follow(x), *old = x->gate;

	if (now == NULL)
		return;
	x->gate = gate_ref(now);
	gate_unref(old);
}

/* Move what waits here for rules that have left. */
static void
move_held(struct sched *s, struct gate *g)
{
	struct waitq all = { 0 };
	struct waitq_node *node;

	while ((node = g->held.first) != NULL) {
		waitq_remove(node);
		waitq_add(&all, node, node->key, node->tie);
	}
	while ((node = all.first) != NULL) {
		struct execution *x = execution_of_wait(node);

		waitq_remove(node);
		gate_follow(x);
		waitq_add(&x->gate->held, node, node->key, node->tie);
		if (x->gate != g)
			breakers_look(s, x->gate);
	}
	breakers_look(s, g);
}

/* What a person has isolated stays so under the rules' new namespace. */
static void
move_rule(struct sched *s, const struct rule *rule)
{
	struct rule_state *state = rule->runtime;
	struct gate *old = gate_ref(state->gate);
	bool isolated = old->breaker.state == BREAKER_ISOLATED;
	bool fresh;

	if (breakers_attach(s, state, rule) == 0) {
		fresh = state->gate->refs == 1;
		old->left = old->left || state->gate != old;
		if (isolated && fresh && state->gate != old)
			(void)breakers_isolate_gate(s, state->gate);
	}
	gate_unref(old);
}

void
sched_namespaces_changed(struct sched *s)
{
	struct gate *g = NULL, *next;

	for (uint32_t i = 1; i < s->rules->n_slots; i++) {
		const struct rule *rule = rules_by_slot(s->rules, i);
		const struct rule_state *state =
		    rule == NULL ? NULL : rule->runtime;

		if (state != NULL && state->gate != NULL)
			move_rule(s, rule);
	}
	for (g = gate_after(s, slice_of("", 0)); g != NULL; g = next) {
		gate_ref(g);
		if (g->left)
			move_held(s, g);
		g->left = false;
		next = gate_after(s, g->named.name);
		gate_unref(g);
	}
}
