#include "scope.h"

#include "alert.h"
#include "breakers.h"
#include "conn.h"
#include "integrations.h"
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

	if (namespace.len > 0)
		return sees_namespace(c, namespace);
	return scope_is_all(c) ||
	    breakers_any_rule(c->server->sched, key, sees_rule, c);
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
