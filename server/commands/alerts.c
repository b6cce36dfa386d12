/* ALERT LIST ACK THRESHOLDS SET, HEALTH ALERTS */
#include "commands.h"

#include <stdlib.h>

#include "alert.h"
#include "metric.h"
#include "reply.h"
#include "scope.h"
#include "watch.h"

/* ALERT LIST under way. */
struct roll {
	struct stream stream; /* first */
	bool all;	      /* with those cleared */
	bool begun;
	struct alert_place at; /* the last one looked at */
	char id[REQUEST_ID_MAX];
};

/* Looked at before others get their turn. */
#define PIECE_LOOKS 256

static bool
more_alerts(struct conn *c, struct stream *st)
{
	struct roll *l = (struct roll *)(void *)st;
	const struct alerts *alerts = c->server->monitor.alerts;

	for (int i = 0; i < PIECE_LOOKS; i++) {
		const struct alert *a =
		    alerts_next(alerts, l->begun ? &l->at : NULL);

		if (a == NULL) {
			reply_ok(conn_reply(c), st->id);
			return true;
		}
		l->begun = true;
		l->at = alert_place(a);
		if ((!l->all && a->cleared_ns != 0) || !scope_sees_alert(c, a))
			continue;
		reply_begin(conn_reply(c), st->id);
		alert_put_words(conn_reply(c), a);
		reply_end(conn_reply(c));
	}
	return false;
}

static void
roll_free(struct stream *st)
{
	free(st);
}

int
cmd_alert_list(struct conn *c, const struct request *r, struct err *e)
{
	struct roll *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return err_nomem(e);
	l->stream.more = more_alerts;
	l->stream.free = roll_free;
	memcpy(l->id, r->id.ptr, r->id.len);
	l->stream.id = slice_of(l->id, r->id.len);
	l->all = r->u.all;
	conn_stream(c, &l->stream);
	return HANDLED;
}

/* Everybody sees the server's own alerts, but a tenant takes note only of what
 * is his. */
static bool
is_for_admins(const struct alert *a)
{
	return alert_source_type(a) != SOURCE_AGENT &&
	    alert_source_type(a) != SOURCE_INTEGRATION;
}

int
cmd_alert_ack(struct conn *c, const struct request *r, struct err *e)
{
	struct alerts *alerts = c->server->monitor.alerts;
	struct store_waiter w = conn_waiter(c, r->id);
	struct alert *a = alerts_find(alerts, r->u.number);

	/* What is another's is as if it were not there. */
	if (a == NULL || !scope_sees_alert(c, a))
		return err_quote(e, ERR_NOT_FOUND, r->args[0], "no such alert");
	if (is_for_admins(a) && !allowed(c, slice_of("", 0), "alert", e))
		return FAILED;
	if (store_busy(c->server->store, alert_slot(a), true)) {
		conn_wait(c, alert_slot(a));
		return WAIT;
	}
	return conn_asked(c, alerts_acknowledge(alerts, a, &w, e));
}

int
cmd_alert_thresholds(struct conn *c, const struct request *r, struct err *e)
{
	struct buf *out = conn_reply(c);

	(void)e;
	for (int i = THRESHOLD_FIRST; i <= THRESHOLD_LAST; i++) {
		reply_begin(out, r->id);
		reply_str(out, threshold_name((enum config_id)i));
		buf_add_byte(out, ' ');
		config_put_value(c->server->config, (enum config_id)i, out);
		reply_end(out);
	}
	reply_ok(out, r->id);
	return HANDLED;
}

int
cmd_alert_set(struct conn *c, const struct request *r, struct err *e)
{
	struct store_waiter w = conn_waiter(c, r->id);

	return conn_asked(c,
	    alerts_set_threshold(c->server->monitor.alerts, r->args[0],
		r->args[1], &w, e));
}

int
cmd_health_alerts(struct conn *c, const struct request *r, struct err *e)
{
	struct alerts_stats stats;
	struct metric_value v[METRIC_COUNT];
	struct buf *out = conn_reply(c);

	(void)e;
	scope_alerts(c, &stats);
	v[METRIC_ALERTS_status].word =
	    health_status_word(alerts_status(&stats, HEALTH_ALERTS));
	v[METRIC_ALERTS_critical].number = stats.active[ALERT_CRITICAL];
	v[METRIC_ALERTS_warning].number = stats.active[ALERT_WARNING];
	v[METRIC_ALERTS_info].number = stats.active[ALERT_INFO];
	v[METRIC_ALERTS_acknowledged].number = stats.acknowledged;
	v[METRIC_ALERTS_raised_total].number = stats.raised;
	v[METRIC_ALERTS_cleared_total].number = stats.cleared;
	metric_put_pairs(out, r->id, METRIC_SECTION_ALERTS, v);
	reply_ok(out, r->id);
	return HANDLED;
}
