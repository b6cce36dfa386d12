#include "scope.h"

#include "alert.h"
#include "breakers.h"
#include "conn.h"
#include "integration_health.h"
#include "radix.h"
#include "scoped.h"
#include "session.h"

bool
scope_is_all(const struct conn *c)
{
	return c->token == NULL || c->token->namespace[0] == '\0';
}

bool
scope_sees_name(const struct conn *c, struct slice name)
{
	return c->token == NULL || auth_allows_name(c->token, name);
}

bool
scope_sees_rule(const struct conn *c, const struct rule *rule)
{
	return scope_sees_name(c, rule_id(rule)) &&
	    scope_sees_name(c, rule_pattern(rule));
}

bool
scope_sees_rule_id(const struct conn *c, struct slice id)
{
	const struct rule *rule = rules_find(store_rules(c->server->store), id);

	return rule == NULL ? scope_sees_name(c, id) : scope_sees_rule(c, rule);
}

bool
scope_sees_session(const struct conn *c, const struct session *session)
{
	return scope_sees_rule_id(c, slice_str(session->crew->rule));
}

/* What is kept for a namespace, which is not empty. */
static bool
sees_namespace(const struct conn *c, struct slice namespace)
{
	return scope_sees_name(c, namespace);
}

bool
scope_sees_integration(const struct conn *c, const struct integration *i)
{
	struct slice namespace = scoped_namespace(integration_key(i));

	if (namespace.len > 0)
		return sees_namespace(c, namespace);
	/* The endpoint of rules that lie in no tenant's namespace is nobody
	 * else's, whatever it is called; a probe is of those who may see its
	 * identifier. */
	return scope_is_all(c) ||
	    (i->probe != NULL && scope_sees_name(c, integration_id(i)));
}

static bool
sees_rule(const void *ctx, const struct rule *rule)
{
	return scope_sees_rule(ctx, rule);
}

bool
scope_sees_breaker(const struct conn *c, struct slice key)
{
	struct slice namespace = scoped_namespace(key);
	struct slice rule = slice_str("rule:");

	if (namespace.len > 0)
		return sees_namespace(c, namespace);
	if (scope_is_all(c))
		return true;
	if (!slice_has_prefix(key, rule) ||
	    !scope_sees_name(c,
		slice_of(key.ptr + rule.len, key.len - rule.len)))
		return false; /* of rules that lie in no namespace */
	return breakers_any_rule(c->server->sched, key, sees_rule, c);
}

/* Of a rule that is gone, only who may see all is told. */
static bool
sees_agent(const struct conn *c, struct slice id)
{
	return scope_is_all(c) ||
	    (rules_find(store_rules(c->server->store), id) != NULL &&
		scope_sees_rule_id(c, id));
}

/* An integration, by its key. */
static bool
sees_called(const struct conn *c, struct slice key)
{
	const struct integration *i;

	if (scoped_namespace(key).len > 0)
		return sees_namespace(c, scoped_namespace(key));
	i = integrations_find(c->server->monitor.integrations, key);
	return i == NULL ? scope_sees_name(c, key)
			 : scope_sees_integration(c, i);
}

bool
scope_sees_alert(const struct conn *c, const struct alert *a)
{
	switch (alert_source_type(a)) {
	case SOURCE_AGENT:
		return sees_agent(c, alert_source(a));
	case SOURCE_INTEGRATION:
		return sees_called(c, alert_source(a));
	default:
		return true;
	}
}

/* Own rules stand together. */
static void
count_rules(const struct conn *c, struct scope_counts *out)
{
	const struct rules *rules = store_rules(c->server->store);
	struct slice prefix = slice_str(c->token->namespace);
	struct radix_walk walk;
	uint32_t slot;

	radix_seek(&walk, &rules->by_id, prefix, false);
	while ((slot = radix_step(&walk)) != RADIX_NONE) {
		const struct rule *rule = rules_by_slot(rules, slot);

		if (!slice_has_prefix(rule_id(rule), prefix))
			break;
		if (!scope_sees_rule(c, rule))
			continue;
		out->rules++;
		out->busy_rules += sched_rule_running(rule) > 0;
	}
}

void
scope_count(const struct conn *c, struct scope_counts *out)
{
	const struct server *s = c->server;
	const struct integrations *all = s->monitor.integrations;
	const struct integration *i;
	struct integration_view view;
	struct sched_stats stats;
	uint32_t slot = 0;

	*out = (struct scope_counts){ 0 };
	if (scope_is_all(c)) {
		sched_stats(s->sched, &stats);
		out->rules = store_rules(s->store)->n;
		out->busy_rules = stats.busy_rules;
	} else {
		count_rules(c, out);
	}
	while ((i = integrations_next(all, &slot)) != NULL) {
		if (!scope_sees_integration(c, i))
			continue;
		integration_look(i, s, &view);
		out->integrations++;
		out->healthy_integrations += view.status == INTEGRATION_HEALTHY;
	}
}

static bool
filter_alert(const void *ctx, const struct alert *a)
{
	return scope_sees_alert(ctx, a);
}

void
scope_alerts(const struct conn *c, struct alerts_stats *out)
{
	const struct alerts *alerts = c->server->monitor.alerts;

	if (scope_is_all(c))
		*out = *alerts_stats(alerts);
	else
		alerts_count(alerts, filter_alert, c, out);
}

static bool
filter_breaker(const void *ctx, struct slice key)
{
	return scope_sees_breaker(ctx, key);
}

void
scope_breakers(const struct conn *c, struct breaker_counts *out)
{
	if (scope_is_all(c))
		breakers_count(c->server->sched, out);
	else
		breakers_count_seen(c->server->sched, filter_breaker, c, out);
}

bool
scope_prefix(const struct conn *c, struct slice asked, struct slice *prefix)
{
	struct slice namespace;

	*prefix = asked;
	if (c->token == NULL)
		return true;
	namespace = slice_str(c->token->namespace);
	if (slice_has_prefix(namespace, asked))
		*prefix = namespace;
	return slice_has_prefix(*prefix, namespace);
}
