/* WATCH UNWATCH */
#include "commands.h"

#include "reply.h"
#include "watch.h"

int
cmd_watch(struct conn *c, const struct request *r, struct err *e)
{
	const struct request_watch *q = &r->u.watch;

	if (watch_add(c, r->id, q->topic, q->prefix, e) == -1)
		return FAILED;
	reply_ok(conn_reply(c), r->id);
	return HANDLED;
}

int
cmd_unwatch(struct conn *c, const struct request *r, struct err *e)
{
	if (watch_remove(c, r->u.text, e) == -1)
		return FAILED;
	reply_ok(conn_reply(c), r->id);
	return HANDLED;
}
