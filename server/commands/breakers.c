/* BREAKER LIST GET OPEN RESET */
#include "commands.h"

#include <stdlib.h>

#include "breakers.h"
#include "metric.h"
#include "reply.h"
#include "scope.h"

/* Looked at, or written, before others get their turn. */
#define PIECE_LOOKS 256
#define PIECE_BYTES 65536u

static const char rule_prefix[] = "rule:";

static double
failure_ratio(const struct breaker_calls *calls)
{
	return calls->n == 0 ? 0 : (double)calls->failures / (double)calls->n;
}

/* How far from letting all through. */
static int
badness(enum breaker_state state)
{
	static const int bad[] = {
		[BREAKER_CLOSED] = 0,
		[BREAKER_HALF_OPEN] = 1,
		[BREAKER_OPEN] = 2,
		[BREAKER_ISOLATED] = 3,
	};

	return bad[state];
}

/* Those of one name that the client sees: the worst, so that none is open
 * behind one that is closed; else the first. *there: one has the name. */
static bool
find_worst(const struct conn *c, struct slice name, struct breaker_row *row,
    bool *there)
{
	const struct sched *s = c->server->sched;
	struct breaker_row r;
	bool found = false;
	bool more = breakers_first(s, name, &r);

	*there = more;
	while (more && slice_eq(slice_str(r.name), name)) {
		if (scope_sees_breaker(c, r.key) &&
		    (!found || badness(r.state) > badness(row->state))) {
			*row = r;
			found = true;
		}
		more = breakers_after(s, r.key, &r);
	}
	return found;
}

static int
find(struct conn *c, struct slice name, struct breaker_row *row, struct err *e)
{
	struct slice prefix = slice_str(rule_prefix);
	bool is_rule = slice_has_prefix(name, prefix);
	bool there;

	/* Whether there is such a rule is not for everybody to know, */
	if (is_rule &&
	    !allowed(c, slice_of(name.ptr + prefix.len, name.len - prefix.len),
		"breaker", e))
		return -1;
	if (find_worst(c, name, row, &there))
		return 0;
	/* nor what the rules of others call. */
	if ((there || !is_rule) && !scope_is_all(c))
		return err_set(e, ERR_DENIED,
		    "no rule of namespace %s uses the breaker",
		    auth_namespace_word(c->token));
	return err_quote(e, ERR_NOT_FOUND, name, "no such breaker");
}

int
cmd_breaker_get(struct conn *c, const struct request *r, struct err *e)
{
	struct metric_value v[METRIC_COUNT] = { 0 };
	struct breaker_row row = { 0 };

	if (find(c, r->u.text, &row, e) == -1)
		return FAILED;
	v[METRIC_BREAKER_breaker].word = row.name;
	v[METRIC_BREAKER_state].word = breaker_state_word(row.state);
	v[METRIC_BREAKER_failure_ratio].ratio = failure_ratio(&row.calls);
	v[METRIC_BREAKER_calls].number = row.calls.n;
	v[METRIC_BREAKER_opened_ns].ns = row.opened_ns;
	v[METRIC_BREAKER_retry_ns].ns = row.retry_ns;
	v[METRIC_BREAKER_last_error].word = row.last_error;
	metric_put_pairs(conn_reply(c), r->id, METRIC_SECTION_BREAKER, v);
	reply_ok(conn_reply(c), r->id);
	return HANDLED;
}

int
cmd_breaker_open(struct conn *c, const struct request *r, struct err *e)
{
	if (breakers_isolate(c->server->sched, r->u.text, e) == -1)
		return FAILED;
	reply_ok(conn_reply(c), r->id);
	return HANDLED;
}

int
cmd_breaker_reset(struct conn *c, const struct request *r, struct err *e)
{
	if (breakers_reset(c->server->sched, r->u.text, e) == -1)
		return FAILED;
	reply_ok(conn_reply(c), r->id);
	return HANDLED;
}

/* BREAKER LIST under way. */
struct list {
	struct stream stream; /* first */
	char id[REQUEST_ID_MAX];
	struct buf last; /* the key it has come to */
};

static void
put_row(struct buf *out, struct slice id, const struct breaker_row *row)
{
	reply_begin(out, id);
	reply_str(out, row->name);
	reply_str(out, breaker_state_word(row->state));
	reply_ratio(out, failure_ratio(&row->calls));
	reply_u64(out, row->calls.n);
	reply_i64(out, row->opened_ns);
	reply_i64(out, row->retry_ns);
	reply_end(out);
}

static bool
more(struct conn *c, struct stream *st)
{
	struct list *l = (struct list *)(void *)st;
	struct buf *out = conn_reply(c);
	size_t began = out->len;
	struct breaker_row row;

	for (int left = PIECE_LOOKS; left > 0; left--) {
		if (!breakers_after(c->server->sched, buf_slice(&l->last),
			&row)) {
			reply_ok(out, st->id);
			return true;
		}
		if (scope_sees_breaker(c, row.key))
			put_row(out, st->id, &row);
		buf_clear(&l->last);
		buf_add_slice(&l->last, row.key);
		if (l->last.failed) { /* where to go on is not known */
			out->failed = true;
			return true;
		}
		if (out->len - began >= PIECE_BYTES)
			break;
	}
	return false;
}

static void
list_free(struct stream *st)
{
	struct list *l = (struct list *)(void *)st;

	buf_free(&l->last);
	free(l);
}

int
cmd_breaker_list(struct conn *c, const struct request *r, struct err *e)
{
	struct list *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return err_nomem(e);
	l->stream.more = more;
	l->stream.free = list_free;
	memcpy(l->id, r->id.ptr, r->id.len);
	l->stream.id = slice_of(l->id, r->id.len);
	conn_stream(c, &l->stream);
	return HANDLED;
}
