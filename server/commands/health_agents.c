/* HEALTH AGENTS, HEALTH AGENT */
#include "commands.h"

#include "agents.h"
#include "listing.h"
#include "reply.h"

static bool
list_agent(struct conn *c, struct listing *l, uint32_t slot)
{
	const struct rule *rule =
	    rules_by_slot(store_rules(c->server->store), slot);

	reply_begin(conn_reply(c), l->stream.id);
	agents_put_words(conn_reply(c), c->server, rule);
	reply_end(conn_reply(c));
	return true;
}

int
cmd_health_agents(struct conn *c, const struct request *r, struct err *e)
{
	return rules_list(c, r->id, slice_of("", 0), list_agent, e);
}

int
cmd_health_agent(struct conn *c, const struct request *r, struct err *e)
{
	const struct rule *rule = rule_find(c, r->u.name, e);

	if (rule == NULL)
		return FAILED;
	agents_put_one(conn_reply(c), r->id, c->server, rule);
	reply_ok(conn_reply(c), r->id);
	return HANDLED;
}
