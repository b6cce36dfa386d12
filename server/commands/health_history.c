/* HEALTH HISTORY */
#include "commands.h"

#include "metric.h"
#include "reply.h"
#include "rollup.h"
#include "scope.h"
#include "scoped.h"

struct answer {
	struct buf *out;
	const struct request *request;
	int64_t now_ns;
	struct bucket now; /* of the system: as it is now */
};

/* A row of an agent or an integration. */
static void
put_calls(void *arg, int64_t begin_ns, const struct bucket *b)
{
	const struct answer *a = arg;
	enum history_source source = a->request->u.health_history.source;
	uint64_t n = b->v[CALLS], failed = b->v[CALLS_FAILED];
	struct metric_value v[METRIC_COUNT];

	v[METRIC_HISTORY_timestamp_ns].ns = begin_ns;
	v[METRIC_HISTORY_health_score].ratio = bucket_score(source, b);
	v[METRIC_HISTORY_status].word =
	    health_status_word(bucket_status(source, b));
	v[METRIC_HISTORY_total].number = n;
	v[METRIC_HISTORY_completed].number = n - failed;
	v[METRIC_HISTORY_failed].number = failed;
	v[METRIC_HISTORY_avg_ms].ns =
	    n == 0 ? 0 : (int64_t)(b->v[CALLS_US] / n) * NS_PER_US;
	metric_put_row(a->out, a->request->id, METRIC_SECTION_HISTORY, v);
}

/* A row of the system. */
static void
put_polls(void *arg, int64_t begin_ns, const struct bucket *b)
{
	const struct answer *a = arg;
	bool by_hour = a->request->u.health_history.by_hour;
	int64_t end_ns = begin_ns + (by_hour ? HOUR_NS : DAY_NS);
	struct metric_value v[METRIC_COUNT];
	struct bucket sum = *b;
	double n;

	if (end_ns > a->now_ns) /* true now, and not as of the last poll */
		bucket_add(HISTORY_SYSTEM, &sum, &a->now);
	n = (double)sum.v[POLLS];
	v[METRIC_HISTORY_SYSTEM_timestamp_ns].ns = begin_ns;
	v[METRIC_HISTORY_SYSTEM_health_score].ratio =
	    bucket_score(HISTORY_SYSTEM, &sum);
	v[METRIC_HISTORY_SYSTEM_status].word =
	    health_status_word(bucket_status(HISTORY_SYSTEM, &sum));
	v[METRIC_HISTORY_SYSTEM_cpu].ratio = (double)sum.v[POLLS_CPU] / 100 / n;
	v[METRIC_HISTORY_SYSTEM_memory].ratio =
	    (double)sum.v[POLLS_MEMORY] / 100 / n;
	v[METRIC_HISTORY_SYSTEM_queue_depth].ratio =
	    (double)sum.v[POLLS_QUEUE] / n;
	v[METRIC_HISTORY_SYSTEM_alerts].number = sum.v[POLLS_ALERTS];
	metric_put_row(a->out, a->request->id, METRIC_SECTION_HISTORY_SYSTEM,
	    v);
}

/* Make q->id the key of an integration, in *key; of one that is gone the
 * history may still be there. */
static int
find_integration(struct conn *c, struct request_health_history *q,
    struct buf *key, struct err *e)
{
	const struct rollup *r = c->server->monitor.history.rollup;
	const struct integration *i = integration_find(c, q->id, e);
	const struct auth *auth = c->server->auth;

	if (i != NULL) {
		q->id = integration_key(i);
		return 0;
	}
	if (e->code == ERR_NOT_FOUND && rollup_knows(r, q->source, q->id))
		return 0;
	for (size_t k = 0; auth != NULL && k < auth->n; k++) {
		struct slice namespace = slice_str(auth->tokens[k].namespace);

		buf_clear(key);
		scoped_put(key, q->id, namespace);
		if (namespace.len > 0 && scope_sees_name(c, namespace) &&
		    rollup_knows(r, q->source, buf_slice(key))) {
			q->id = buf_slice(key);
			return 0;
		}
	}
	return -1;
}

/* Whether the request may see the source; what there is must exist. */
static int
check_source(struct conn *c, struct request_health_history *q, struct buf *key,
    struct err *e)
{
	switch (q->source) {
	case HISTORY_AGENT:
		return rule_find(c, q->id, e) == NULL ? -1 : 0;
	case HISTORY_INTEGRATION:
		return find_integration(c, q, key, e);
	default:
		return 0;
	}
}

int
cmd_health_history(struct conn *c, const struct request *r, struct err *e)
{
	struct request_health_history q = r->u.health_history;
	const struct rollup_task *history = &c->server->monitor.history;
	struct answer answer = { .out = conn_reply(c),
		.request = r,
		.now_ns = c->server->now_ns };
	struct poll_sample now;
	struct buf key = { 0 };

	if (check_source(c, &q, &key, e) == -1) {
		buf_free(&key);
		return FAILED;
	}
	system_refresh(&c->server->monitor.system);
	rollup_task_look(history, &now);
	answer.now = bucket_of_poll(&now);
	rollup_rows(history->rollup, &q, answer.now_ns,
	    q.source == HISTORY_SYSTEM ? put_polls : put_calls, &answer);
	buf_free(&key);
	reply_ok(answer.out, r->id);
	return HANDLED;
}
