#include "pool.h"

#include <stdlib.h>
#include <string.h>

/*
 * Invariants:
 *  1. The calls of a connection are in the order of their sending, those that
 *     were not sent last; `unsent` is the first of them.
 *  2. A call without a run was sent. It stays until its answer comes, so that
 *     the answer is not taken for another's.
 *  3. A connection is freed by settle and conn_fail only: never while a
 * protocol reads from it or writes to it.
 */
#define IDLE_MAX 64 /* connections kept */
#define IDLE_S 60.  /* and for how long */

/* Calls */

static void
unlink_call(struct call *call)
{
	struct conn *c = call->conn;

	if (c->unsent == call)
		c->unsent = call->next;
	if (call->prev != NULL)
		call->prev->next = call->next;
	else
		c->first = call->next;
	if (call->next != NULL)
		call->next->prev = call->prev;
	else
		c->last = call->prev;
}

static void
append_call(struct conn *c, struct call *call)
{
	call->conn = c;
	call->prev = c->last;
	if (c->last != NULL)
		c->last->next = call;
	else
		c->first = call;
	c->last = call;
	if (c->unsent == NULL)
		c->unsent = call;
}

static void
drop_call(struct call *call, bool success)
{
	struct execution *x = call->x;

	ev_timer_stop(call->conn->stream.loop, &call->limit);
	unlink_call(call);
	free(call);
	if (x != NULL)
		execution_end(x, success);
}

void
call_end(struct call *call, bool success)
{
	if (call->x != NULL)
		call->x->run->answered = true;
	drop_call(call, success);
}

/* The run ends now, whatever the connection brings later. */
static void
give_up(struct call *call)
{
	struct execution *x = call->x;

	conn_retire(call->conn);
	if (!call->sent) {
		drop_call(call, false);
		return;
	}
	ev_timer_stop(call->conn->stream.loop, &call->limit);
	call->x = NULL;
	execution_end(x, false);
}

void
call_explain(struct call *call, const char *bytes, size_t n)
{
	char line[RUN_REASON_MAX];
	size_t i;

	if (call->x == NULL)
		return;
	for (i = 0; i < n && i < sizeof(line) - 1; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (c == '\n' || c == '\r')
			break;
		line[i] = bytes[i];
		if (c < ' ' || c == 0x7f)
			line[i] = '?';
	}
	line[i] = '\0';
	(void)run_explain(call->x->run, "%s: %s", call->conn->pool->ops->name,
	    line);
}

static bool
has_runs(const struct conn *c)
{
	const struct call *call;

	for (call = c->first; call != NULL; call = call->next)
		if (call->x != NULL)
			return true;
	return false;
}

/* Connections */

static void
unlink_conn(struct conn *c)
{
	struct pool *p = c->pool;

	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		p->first = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	else
		p->last = c->prev;
	p->n--;
}

static void
link_conn(struct conn *c)
{
	struct pool *p = c->pool;

	c->prev = NULL;
	c->next = p->first;
	if (p->first != NULL)
		p->first->prev = c;
	else
		p->last = c;
	p->first = c;
	p->n++;
}

/* No run waits on it. */
static void
conn_free(struct conn *c)
{
	struct call *call, *next;

	for (call = c->first; call != NULL; call = next) {
		next = call->next;
		free(call);
	}
	unlink_conn(c);
	ev_timer_stop(c->stream.loop, &c->idle);
	c->pool->ops->fini(c);
	stream_close(&c->stream);
	login_free(&c->login);
	if (c->key != NULL)
		explicit_bzero(c->key, strlen(c->key));
	free(c->key);
	free(c->host);
	free(c);
}

void
conn_fail(struct conn *c, const char *why)
{
	struct call *call, *next;

	for (call = c->first; call != NULL; call = next) {
		next = call->next;
		call_explain(call, why, strlen(why));
		if (call->x != NULL && !c->ready)
			run_could_not_begin(call->x->run, c->stream.error);
		drop_call(call, false);
	}
	conn_free(c);
}

/* Send what can be sent. */
static void
pump(struct conn *c)
{
	struct call *call;

	while (c->ready && (call = c->unsent) != NULL &&
	    c->pool->ops->send(c, call)) {
		call->sent = true;
		c->unsent = call->next;
		if (ev_is_active(&call->limit))
			ev_timer_again(c->stream.loop, &call->limit);
	}
	stream_flush(&c->stream);
}

/* No call of it is left that somebody waits for. */
static void
leave(struct conn *c)
{
	if (c->ready && c->pool->ops->leave != NULL)
		c->pool->ops->leave(c);
	stream_farewell(&c->stream);
	conn_free(c);
}

/* After calls have ended or come. False: it is freed. */
static bool
settle(struct conn *c)
{
	if (c->retired && !has_runs(c)) {
		if (c->probe)
			leave(c);
		else
			conn_free(c); /* nothing given up is to be sent */
		return false;
	}
	pump(c);
	if (c->first == NULL)
		ev_timer_again(c->stream.loop, &c->idle);
	else
		ev_timer_stop(c->stream.loop, &c->idle);
	return true;
}

static void
on_idle(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	leave(w->data);
}

static void
on_opened(void *arg)
{
	struct conn *c = arg;
	const char *why = c->pool->ops->opened(c);

	if (why != NULL)
		conn_fail(c, why);
	else
		(void)settle(c);
}

static bool
on_input(void *arg, const char *bytes, size_t n)
{
	struct conn *c = arg;
	const char *why = c->pool->ops->input(c, bytes, n);

	if (why == NULL)
		return settle(c);
	conn_fail(c, why);
	return false;
}

static void
on_broken(void *arg, const char *why)
{
	conn_fail(arg, why);
}

void
conn_ready(struct conn *c)
{
	c->ready = true;
}

void
conn_retire(struct conn *c)
{
	c->retired = true;
}

/* A URL to connection */

static int
set_url(struct conn *c, struct slice text, const char **why)
{
	const struct pool_ops *ops = c->pool->ops;
	bool tls;
	struct err e;

	*why = "out of memory";
	if ((c->key = slice_dup(text)) == NULL)
		return -1;
	if (url_split(slice_str(c->key), &c->url, &e) == -1) {
		*why = "malformed url";
		return -1;
	}
	if ((c->host = slice_dup(c->url.host)) == NULL ||
	    login_parse(&c->login, c->url.user_info, why) == -1)
		return -1;
	tls = url_has_scheme(&c->url, ops->tls_scheme);
	if (tls && c->pool->tls == NULL &&
	    (c->pool->tls = stream_tls_new()) == NULL)
		return -1;
	c->stream.tls = tls ? c->pool->tls : NULL;
	c->stream.host = c->host;
	c->stream.port = c->url.port != 0 ? c->url.port
	    : tls			  ? ops->tls_port
					  : ops->port;
	return 0;
}

static struct conn *
conn_new(struct pool *p, struct slice url, struct run *run)
{
	struct conn *c = calloc(1, p->ops->conn_size);
	char text[STREAM_WHY_MAX];
	const char *why = "out of memory";

	if (c == NULL) {
		(void)run_explain(run, "%s", why);
		return NULL;
	}
	c->pool = p;
	c->stream.loop = p->executor->loop;
	c->stream.arg = c;
	c->stream.opened = on_opened;
	c->stream.input = on_input;
	c->stream.broken = on_broken;
	ev_init(&c->idle, on_idle);
	c->idle.repeat = IDLE_S;
	c->idle.data = c;
	link_conn(c);
	if (set_url(c, url, &why) == 0 && (why = p->ops->init(c)) == NULL) {
		if (stream_open(&c->stream, text) == 0)
			return c;
		run_could_not_begin(run, c->stream.error);
		why = text;
	}
	(void)run_explain(run, "%s: %s", p->ops->name, why);
	conn_free(c);
	return NULL;
}

static struct conn *
conn_find(struct pool *p, struct slice url)
{
	struct conn *c;

	for (c = p->first; c != NULL; c = c->next)
		if (!c->retired && slice_eq(slice_str(c->key), url))
			break;
	if (c != NULL && c != p->first) {
		unlink_conn(c);
		link_conn(c);
	}
	return c;
}

/* Those with calls are bounded by the number of runs. */
static void
close_surplus(struct pool *p)
{
	struct conn *c, *prev;

	for (c = p->last; c != NULL && p->n >= IDLE_MAX; c = prev) {
		prev = c->prev;
		if (c->first == NULL)
			leave(c);
	}
}

/* Runs */

static void
on_limit(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct call *call = w->data;
	struct conn *c = call->conn;

	(void)loop;
	(void)revents;
	(void)run_explain(call->x->run, "%s: %.64s port %u: %s within %g s",
	    c->pool->ops->name, c->host, (unsigned)c->stream.port,
	    call->sent	   ? "no answer"
		: c->ready ? "not ready for it"
			   : "no connection",
	    (double)c->pool->executor->network_limit_ns / 1e9);
	give_up(call);
	(void)settle(c);
}

static struct call *
call_new(struct execution *x)
{
	struct call *call = calloc(1, sizeof(*call));

	if (call == NULL)
		return NULL;
	call->x = x;
	ev_init(&call->limit, on_limit);
	call->limit.data = call;
	call->limit.repeat = (double)x->executor->network_limit_ns / 1e9;
	return call;
}

static struct pool *
pool_new(struct executor *ex, const struct pool_ops *ops)
{
	struct pool *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->executor = ex;
	p->ops = ops;
	return p;
}

int
pool_start(struct pool **pool, const struct pool_ops *ops, struct execution *x,
    size_t url)
{
	struct slice text = strings_get(&x->run->spec->args, url);
	bool probe = rule_spec_is_probe(x->run->spec);
	struct conn *c = NULL;
	struct call *call;

	if (*pool == NULL && (*pool = pool_new(x->executor, ops)) == NULL)
		return run_explain(x->run, "out of memory");
	if ((call = call_new(x)) == NULL)
		return run_explain(x->run, "out of memory");
	if (!probe)
		c = conn_find(*pool, text);
	if (c == NULL) {
		close_surplus(*pool);
		if ((c = conn_new(*pool, text, x->run)) == NULL) {
			free(call);
			return -1;
		}
	}
	c->probe = probe;
	c->retired |= probe;
	append_call(c, call);
	x->own = call;
	/* A timeout of the rule is the only limit then. */
	if (x->run->spec->number[OPTION_timeout] == 0)
		ev_timer_again(x->executor->loop, &call->limit);
	ev_timer_stop(x->executor->loop, &c->idle);
	pump(c);
	return 0;
}

void
pool_stop(struct execution *x)
{
	struct call *call = x->own;
	struct conn *c = call->conn;

	give_up(call);
	(void)settle(c);
}

void
pool_free(struct pool *p)
{
	struct conn *c, *next;

	if (p == NULL)
		return;
	for (c = p->first; c != NULL; c = next) {
		next = c->next;
		leave(c);
	}
	SSL_CTX_free(p->tls);
	free(p);
}
