/* INTEGRATION SET REMOVE LIST, HEALTH INTEGRATIONS, HEALTH INTEGRATION */
#include "commands.h"

#include "integration_health.h"
#include "listing.h"
#include "reply.h"
#include "scope.h"
#include "runner.h"

static bool
must_wait(struct conn *c, struct slice id, bool decides)
{
	uint32_t slot = store_entry_slot(ENTRY_INTEGRATION, id);

	if (!store_busy(c->server->store, slot, decides))
		return false;
	conn_wait(c, slot);
	return true;
}

/* Those of one identifier that the client sees: the worst, so that nothing is
 * amiss behind one that is well; else the first. */
static struct integration *
find_worst(const struct conn *c, struct slice id)
{
	struct integrations *t = c->server->monitor.integrations;
	struct integration *worst = NULL;
	struct integration_view v, w;
	struct radix_walk walk;
	uint32_t slot;

	radix_seek(&walk, integrations_index(t), id, false);
	while ((slot = radix_step(&walk)) != RADIX_NONE) {
		struct integration *i = integrations_at(t, slot);

		if (!slice_eq(integration_id(i), id))
			break;
		if (!scope_sees_integration(c, i))
			continue;
		integration_look(i, c->server, &v);
		if (worst == NULL || v.status > w.status) {
			worst = i;
			w = v;
		}
	}
	return worst;
}

struct integration *
integration_find(struct conn *c, struct slice id, struct err *e)
{
	struct integration *i = find_worst(c, id);

	if (i == NULL && allowed(c, id, "integration", e))
		(void)err_quote(e, ERR_NOT_FOUND, id, "no such integration");
	return i;
}

int
cmd_integration_set(struct conn *c, const struct request *r, struct err *e)
{
	const struct request_integration_set *q = &r->u.integration_set;
	struct store_waiter w = conn_waiter(c, r->id);

	/* Who may not make the server call others, or run programs, by a rule,
	 * may not by a probe either. */
	if (!allowed(c, q->integration, "integration", e) ||
	    auth_check_runner(c->token, q->probe, e) == -1)
		return FAILED;
	if (must_wait(c, q->integration, false))
		return WAIT;
	return conn_asked(c,
	    integrations_set(c->server->monitor.integrations, q->integration,
		q->probe, &w, e));
}

int
cmd_integration_remove(struct conn *c, const struct request *r, struct err *e)
{
	struct store_waiter w = conn_waiter(c, r->id);
	const struct integration *i;

	if (must_wait(c, r->u.name, true))
		return WAIT;
	if (integration_find(c, r->u.name, e) == NULL)
		return FAILED;
	i = integrations_find(c->server->monitor.integrations, r->u.name);
	if (i == NULL || i->probe == NULL)
		return err_set(e, ERR_CONFLICT,
		    "it is the endpoint of a rule and goes with the rule");
	return conn_asked(c,
	    integrations_remove(c->server->monitor.integrations, r->u.name, &w,
		e));
}

static struct slice
listed_id(const struct conn *c, uint32_t slot)
{
	return integration_key(
	    integrations_at(c->server->monitor.integrations, slot));
}

static bool
listed_visible(const struct conn *c, uint32_t slot)
{
	return scope_sees_integration(c,
	    integrations_at(c->server->monitor.integrations, slot));
}

static int
list(struct conn *c, const struct request *r, listing_row *row, struct err *e)
{
	struct listing *l =
	    listing_new(integrations_index(c->server->monitor.integrations),
		r->id, slice_of("", 0), e);

	if (l == NULL)
		return FAILED;
	l->id_of = listed_id;
	l->visible = listed_visible;
	l->row = row;
	listing_start(c, l);
	return HANDLED;
}

static bool
list_probe(struct conn *c, struct listing *l, uint32_t slot)
{
	const struct integration *i =
	    integrations_at(c->server->monitor.integrations, slot);
	struct buf *out = conn_reply(c);

	reply_begin(out, l->stream.id);
	reply_word(out, integration_id(i));
	if (i->probe == NULL) {
		reply_str(out, "-");
	} else {
		reply_str(out, runner_word(i->probe->spec->runner));
		rule_spec_put_args(out, i->probe->spec);
	}
	reply_end(out);
	return true;
}

int
cmd_integration_list(struct conn *c, const struct request *r, struct err *e)
{
	return list(c, r, list_probe, e);
}

static bool
list_health(struct conn *c, struct listing *l, uint32_t slot)
{
	const struct integration *i =
	    integrations_at(c->server->monitor.integrations, slot);
	struct buf *out = conn_reply(c);

	reply_begin(out, l->stream.id);
	integration_put_words(out, c->server, i);
	reply_end(out);
	return true;
}

int
cmd_health_integrations(struct conn *c, const struct request *r, struct err *e)
{
	return list(c, r, list_health, e);
}

int
cmd_health_integration(struct conn *c, const struct request *r, struct err *e)
{
	const struct integration *i = integration_find(c, r->u.name, e);

	if (i == NULL)
		return FAILED;
	integration_put_one(conn_reply(c), r->id, c->server, i);
	reply_ok(conn_reply(c), r->id);
	return HANDLED;
}
