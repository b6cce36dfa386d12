/* HEALTH HISTORY */
#include "commands.h"

#include "metric.h"
#include "reply.h"
#include "rollup.h"

struct answer {
	struct buf *out;
	const struct request *request;
};

static void
put_calls(struct buf *out, struct slice id, struct metric_value *v,
    const struct bucket *b)
{
	uint64_t n = b->v[CALLS];

	v[METRIC_HISTORY_total].number = n;
	v[METRIC_HISTORY_completed].number = n - b->v[CALLS_FAILED];
	v[METRIC_HISTORY_failed].number = b->v[CALLS_FAILED];
	v[METRIC_HISTORY_avg_ms].ns =
	    n == 0 ? 0 : (int64_t)(b->v[CALLS_US] / n) * NS_PER_US;
	metric_put_row(out, id, METRIC_SECTION_HISTORY, v);
}

/* A sum as a mean; 0 for none. */
static double
mean(uint64_t sum, uint64_t n)
{
	return n == 0 ? 0 : (double)sum / (double)n;
}

static void
put_polls(struct buf *out, struct slice id, struct metric_value *v,
    const struct bucket *b)
{
	uint64_t n = b->v[POLLS];

	v[METRIC_HISTORY_SYSTEM_cpu].ratio = mean(b->v[POLLS_CPU], n) / 100;
	v[METRIC_HISTORY_SYSTEM_memory].ratio =
	    mean(b->v[POLLS_MEMORY], n) / 100;
	v[METRIC_HISTORY_SYSTEM_queue_depth].ratio = mean(b->v[POLLS_QUEUE], n);
	v[METRIC_HISTORY_SYSTEM_alerts].number = b->v[POLLS_ALERTS];
	metric_put_row(out, id, METRIC_SECTION_HISTORY_SYSTEM, v);
}

static void
put_row(void *arg, int64_t begin_ns, const struct bucket *b)
{
	const struct answer *a = arg;
	enum history_source source = a->request->u.health_history.source;
	const char *status = health_status_word(bucket_status(source, b));
	struct metric_value v[METRIC_COUNT];

	if (source == HISTORY_SYSTEM) {
		v[METRIC_HISTORY_SYSTEM_timestamp_ns].ns = begin_ns;
		v[METRIC_HISTORY_SYSTEM_health_score].ratio =
		    bucket_score(source, b);
		v[METRIC_HISTORY_SYSTEM_status].word = status;
		put_polls(a->out, a->request->id, v, b);
	} else {
		v[METRIC_HISTORY_timestamp_ns].ns = begin_ns;
		v[METRIC_HISTORY_health_score].ratio = bucket_score(source, b);
		v[METRIC_HISTORY_status].word = status;
		put_calls(a->out, a->request->id, v, b);
	}
}

/* Whether the request may see the source; what there is must exist. */
static int
check_source(struct conn *c, const struct request_health_history *q,
    struct err *e)
{
	switch (q->source) {
	case HISTORY_AGENT:
		return rule_find(c, q->id, e) == NULL ? -1 : 0;
	case HISTORY_INTEGRATION:
		if (rollup_knows(c->server->monitor.history.rollup, q->source,
			q->id))
			return 0;
		return err_set(e, ERR_NOT_FOUND, "no such integration");
	default:
		return 0;
	}
}

int
cmd_health_history(struct conn *c, const struct request *r, struct err *e)
{
	struct answer answer = { .out = conn_reply(c), .request = r };

	if (check_source(c, &r->u.health_history, e) == -1)
		return FAILED;
	rollup_rows(c->server->monitor.history.rollup, &r->u.health_history,
	    c->server->now_ns, put_row, &answer);
	reply_ok(answer.out, r->id);
	return HANDLED;
}
