#include "dispatch.h"

#include <string.h>
#include <sys/socket.h>

#include "log.h"
#include "os.h"
#include "peer.h"
#include "reply.h"
#include "scope.h"

bool
allowed(const struct conn *c, struct slice name, const char *what,
    struct err *e)
{
	if (scope_sees_name(c, name))
		return true;
	(void)err_set(e, ERR_DENIED, "the %s is outside namespace %s", what,
	    auth_namespace_word(c->token));
	return false;
}

static void
reply_failure(struct conn *c, struct slice id, const struct err *e)
{
	traffic_failed(c->server->traffic, c->server->stamp);
	if (err_is_nomem(e))
		reserve_give_up(&c->server->reserve);
	if (e->code == ERR_INTERNAL)
		LOG_ERROR("internal_error", LOG_SLICE("request", id),
		    LOG_ERR(e));
	reply_error(conn_reply(c), id, e);
}

/* Count a breach and tell the log; how long the answer has to wait. */
static int64_t
note_stranger(struct conn *c, const char *event)
{
	struct server *s = c->server;
	struct sockaddr_storage peer = { 0 };
	socklen_t len = sizeof(peer);
	struct stranger_verdict v;
	char name[PEER_NAME_MAX];

	traffic_auth_failed(s->traffic);
	(void)getpeername(c->fd, (struct sockaddr *)&peer, &len);
	v = strangers_failed(&s->strangers, &peer, os->mono_ns());
	if (v.n_log > 0) {
		peer_name(c->fd, name);
		LOG_WARN(event, LOG_STR("address", name),
		    LOG_U64("failures", v.n_log));
	}
	return v.delay_ns;
}

void
dispatch_denied(struct conn *c, const char *event)
{
	conn_finish_later(c, note_stranger(c, event));
}

/* Somebody was led to post to this port. */
static void
reject_browser(struct conn *c)
{
	(void)note_stranger(c, "http_request_closed");
	conn_finish(c);
}

/* A client that must authenticate first has said something else. */
static void
reject_stranger(struct conn *c, const struct request *r)
{
	struct err e;

	(void)err_set(&e, ERR_DENIED, "authentication required");
	reply_failure(c, r->id, &e);
	dispatch_denied(c, "auth_missing");
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

/* The one command that changes something or, with less to it, shows it. */
static bool
only_looks(const struct request *r)
{
	return r->command->id == CMD_RULE_OPTIONS && r->n_args == 1;
}

/* Whether a request must be refused, so that what frees memory has some. Jobs
 * take the place of those that were removed. */
static bool
memory_is_short(const struct server *s, const struct request *r)
{
	if ((r->command->flags & CMD_GROWS) == 0 ||
	    !reserve_is_gone(&s->reserve) || only_looks(r))
		return false;
	return r->command->id != CMD_SET ||
	    store_free_bytes(s->store) < RESERVE_BYTES / 4;
}

static int
check(struct conn *c, const struct request *r, struct err *e)
{
	if (r->command->role > c->role)
		return err_set(e, ERR_DENIED, "%s needs role %s",
		    r->command->words, role_word(r->command->role));
	if (memory_is_short(c->server, r))
		return err_set(e, ERR_LIMIT,
		    "memory is short: nothing can be added");
	if (over_rate(c))
		return err_set(e, ERR_LIMIT, "over %u requests a second",
		    c->server->config->controller_rate_limit);
	if ((r->command->flags & (CMD_WRITE | CMD_RESULT)) == CMD_WRITE &&
	    c->server->draining)
		return err_set(e, ERR_UNAVAILABLE,
		    "the server is shutting down");
	return 0;
}

static void
count(struct conn *c)
{
	c->requests++;
	c->rate_count++;
}

static void
stamp(struct conn *c, int command)
{
	struct server *s = c->server;

	s->stamp = traffic_stamp(s->traffic, c->read_us, command);
}

/* Who it was, as far as is known. */
static void
log_command(const struct conn *c, const struct request *r)
{
	char name[PEER_NAME_MAX];

	if (only_looks(r))
		return;
	peer_name(c->fd, name);
	LOG_INFO("command", LOG_STR("command", r->command->words),
	    LOG_SLICE("target", r->n_args > 0 ? r->args[0] : slice_str("-")),
	    LOG_STR("address", name),
	    LOG_STR("token", c->token == NULL ? "-" : c->token->name));
}

/* Run the handler of a request whose id, command and arity are known. */
static int
execute(struct conn *c, struct request *r, struct err *e)
{
	int rc;

	if (check(c, r, e) == -1 || request_args(r, c->server->now_ns, e) == -1)
		return FAILED;
	c->asked = false;
	rc = handlers[r->command->id](c, r, e);
	if (rc == HANDLED && (r->command->flags & CMD_LOGGED) != 0)
		log_command(c, r);
	request_clear(r);
	return rc;
}

static void
refuse(struct conn *c, const struct request *r, const struct err *e)
{
	if (e->code == ERR_LIMIT && over_rate(c))
		c->server->traffic->rate_limited++;
	reply_failure(c, r->id, e);
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
	stamp(c, rc == 0 ? (int)r.command->id : TRAFFIC_NO_COMMAND);
	if (!c->authenticated && (rc == -1 || r.command->role != ROLE_NONE)) {
		reject_stranger(c, &r);
		return HANDLED;
	}
	write = rc == 0 && (r.command->flags & CMD_WRITE) != 0;
	if (c->pending > 0 && (!write || c->n_early >= CONN_EARLY_MAX)) {
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
		refuse(c, &r, &e);
	else if (!c->asked)
		traffic_answered(c->server->traffic, c->server->stamp);
	count(c);
	return HANDLED;
}

void
dispatch_too_long(struct conn *c, struct slice head)
{
	struct request r = { .id = request_id_of(head) };
	struct err e;

	stamp(c, TRAFFIC_NO_COMMAND);
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

	stamp(c, TRAFFIC_NO_COMMAND);
	count(c);
	if (!c->authenticated) {
		reject_stranger(c, &r);
		return;
	}
	(void)err_set(&e, ERR_SYNTAX, "the last line has no end");
	reply_failure(c, r.id, &e);
}
