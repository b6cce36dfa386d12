#include "dispatch.h"

#include <string.h>

#include "log.h"
#include "reply.h"

bool
allowed(const struct conn *c, struct slice name, const char *what,
    struct err *e)
{
	if (c->token == NULL || auth_allows_name(c->token, name))
		return true;
	(void)err_set(e, ERR_DENIED, "the %s is outside namespace %s", what,
	    auth_namespace_word(c->token));
	return false;
}

static void
reply_failure(struct conn *c, struct slice id, const struct err *e)
{
	c->server->errors_total++;
	if (e->code == ERR_INTERNAL)
		LOG_ERROR("internal_error", LOG_SLICE("request", id),
		    LOG_ERR(e));
	reply_error(conn_reply(c), id, e);
}

/* Somebody was led to post to this port. */
static void
reject_browser(struct conn *c)
{
	LOG_WARN("http_request_closed", LOG_U64("connection", c->number));
	conn_finish(c);
}

/* A client that must authenticate first has said something else. */
static void
reject_stranger(struct conn *c, const struct request *r)
{
	struct err e;

	(void)err_set(&e, ERR_DENIED, "authentication required");
	reply_failure(c, r->id, &e);
	c->closing = true;
}

/* More requests this second than rate_limit allows. */
static bool
over_rate(struct conn *c)
{
	uint32_t limit = c->server->config->controller_rate_limit;
	int64_t second;

	if (limit == 0)
		return false;
	second = (int64_t)ev_now(c->server->loop);
	if (c->rate_second != second) {
		c->rate_second = second;
		c->rate_count = 0;
	}
	return c->rate_count >= limit;
}

static int
check(struct conn *c, const struct request *r, struct err *e)
{
	if (r->command->role > c->role)
		return err_set(e, ERR_DENIED, "%s needs role %s",
		    r->command->words, role_word(r->command->role));
	if (over_rate(c))
		return err_set(e, ERR_LIMIT, "over %u requests a second",
		    c->server->config->controller_rate_limit);
	if ((r->command->flags & CMD_WRITE) && c->server->draining)
		return err_set(e, ERR_UNAVAILABLE,
		    "the server is shutting down");
	return 0;
}

static void
count(struct conn *c)
{
	c->requests++;
	c->rate_count++;
	c->server->requests_total++;
}

/* Run the handler of a request whose id, command and arity are known. */
static int
execute(struct conn *c, struct request *r, struct err *e)
{
	int rc;

	if (check(c, r, e) == -1 || request_args(r, c->server->now_ns, e) == -1)
		return FAILED;
	rc = handlers[r->command->id](c, r, e);
	request_clear(r);
	return rc;
}

enum handled
dispatch(struct conn *c, char *line, size_t n)
{
	struct request r;
	struct err e;
	bool write;
	int rc;

	if (request_is_http(slice_of(line, n))) {
		reject_browser(c);
		return HANDLED;
	}
	rc = request_begin(line, n, &c->server->tokens, &r, &e);
	if (rc == 1)
		return HANDLED;
	if (!c->authenticated && (rc == -1 || r.command->role != ROLE_NONE)) {
		reject_stranger(c, &r);
		return HANDLED;
	}
	write = rc == 0 && (r.command->flags & CMD_WRITE) != 0;
	if (c->pending > 0 && !write) {
		c->hold = CONN_HELD_PENDING;
		return WAIT;
	}
	if (write && store_full(c->server->store)) {
		conn_wait(c, UINT32_MAX);
		return WAIT;
	}
	if (rc == 0)
		rc = execute(c, &r, &e);
	if (rc == WAIT)
		return WAIT;
	if (rc == FAILED && c->pending > 0) {
		/* Refused, but it must not overtake the writes before it. */
		c->hold = CONN_HELD_PENDING;
		return WAIT;
	}
	if (rc == FAILED)
		reply_failure(c, r.id, &e);
	count(c);
	return HANDLED;
}

void
dispatch_too_long(struct conn *c, struct slice head)
{
	struct request r = { .id = request_id_of(head) };
	struct err e;

	count(c);
	if (request_is_http(head)) {
		reject_browser(c);
		return;
	}
	if (!c->authenticated) {
		reject_stranger(c, &r);
		return;
	}
	(void)err_set(&e, ERR_TOO_LONG, "the line is over %zu bytes",
	    c->server->config->controller_max_line);
	reply_failure(c, r.id, &e);
}

void
dispatch_line_end(struct conn *c, struct slice tail)
{
	if (request_ends_http(tail))
		reject_browser(c);
}

void
dispatch_unended(struct conn *c, struct slice line)
{
	struct request r = { .id = request_id_of(line) };
	struct err e;

	count(c);
	if (!c->authenticated) {
		reject_stranger(c, &r);
		return;
	}
	(void)err_set(&e, ERR_SYNTAX, "the last line has no end");
	reply_failure(c, r.id, &e);
}
