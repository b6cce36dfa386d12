/* AGENT ATTACH LIST GET STOP CLEANUP, DONE */
#include "commands.h"

#include <stdlib.h>
#include <string.h>

#include "peer.h"
#include "reply.h"
#include "scope.h"
#include "session.h"

/* The crew of a rule that sessions may attach to; NULL with *e. */
static struct crew *
find_crew(struct conn *c, struct slice id, struct err *e)
{
	struct rule *rule = rule_find(c, id, e);
	struct crew *crew;

	if (rule == NULL)
		return NULL;
	if (rule->spec->runner != RUNNER_AGENT) {
		(void)err_set(e, ERR_CONFLICT, "the rule's runner is %s",
		    runner_word(rule->spec->runner));
		return NULL;
	}
	if (rule->spec->args.n > 0) {
		(void)err_set(e, ERR_CONFLICT,
		    "the server starts the sessions of this rule");
		return NULL;
	}
	if ((crew = sched_crew(c->server->sched, rule)) == NULL)
		(void)err_nomem(e);
	return crew;
}

int
cmd_agent_attach(struct conn *c, const struct request *r, struct err *e)
{
	struct server *s = c->server;
	char peer[PEER_NAME_MAX];
	struct session *session;
	struct crew *crew;

	if (c->session != NULL)
		return err_set(e, ERR_CONFLICT,
		    "this connection is a session already");
	if ((crew = find_crew(c, r->u.name, e)) == NULL)
		return FAILED;
	peer_name(c->fd, peer);
	session = sessions_attach(s->sessions, crew, c, r->id, peer, e);
	if (session == NULL)
		return FAILED;
	conn_set_session(c, session);
	reply_begin_ok(conn_reply(c), r->id);
	reply_u64(conn_reply(c), session->id);
	reply_end(conn_reply(c));
	return HANDLED;
}

int
cmd_done(struct conn *c, const struct request *r, struct err *e)
{
	struct store_waiter w = conn_waiter(c, r->id);

	if (c->session == NULL)
		return err_set(e, ERR_CONFLICT,
		    "this connection is no session");
	return conn_asked(c, session_done(c->session, &r->u.done, &w, e));
}

static const char *
class_word(const struct session *s)
{
	return s->spec != NULL ? "first_class" : "second_class";
}

static void
put_pid_or_peer(struct buf *out, const struct session *s)
{
	if (s->spec == NULL)
		reply_str(out, s->peer);
	else if (s->pid == 0)
		reply_str(out, "-");
	else
		reply_i64(out, s->pid);
}

/* AGENT LIST under way. */
struct session_listing {
	struct stream stream; /* first */
	uint64_t after;	      /* the last that was shown */
	char id[REQUEST_ID_MAX];
};

#define PIECE_ROWS 512

static void
put_session(struct buf *out, struct slice id, const struct session *s)
{
	reply_begin(out, id);
	reply_u64(out, s->id);
	reply_str(out, s->crew->rule);
	reply_str(out, class_word(s));
	reply_str(out, session_state_word(s));
	reply_i64(out, s->started_ns);
	reply_u64(out, s->executions);
	put_pid_or_peer(out, s);
	reply_end(out);
}

static bool
more_sessions(struct conn *c, struct stream *st)
{
	struct session_listing *l = (struct session_listing *)(void *)st;
	const struct session *s = sessions_after(c->server->sessions, l->after);

	for (int i = 0; i < PIECE_ROWS && s != NULL; i++) {
		if (scope_sees_session(c, s))
			put_session(conn_reply(c), st->id, s);
		l->after = s->id;
		s = s->next;
	}
	if (s == NULL)
		reply_ok(conn_reply(c), st->id);
	return s == NULL;
}

static void
session_listing_free(struct stream *st)
{
	free(st);
}

int
cmd_agent_list(struct conn *c, const struct request *r, struct err *e)
{
	struct session_listing *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return err_nomem(e);
	l->stream.more = more_sessions;
	l->stream.free = session_listing_free;
	memcpy(l->id, r->id.ptr, r->id.len);
	l->stream.id = slice_of(l->id, r->id.len);
	conn_stream(c, &l->stream);
	return HANDLED;
}

static void
put_str(struct buf *out, struct slice id, const char *key, const char *value)
{
	reply_row_word(out, id, key, slice_str(value));
}

static const char *
sandbox_of(const struct session *s)
{
	return sandbox_word(s->spec == NULL
		? SANDBOX_NONE
		: (int)s->spec->number[OPTION_sandbox]);
}

int
cmd_agent_get(struct conn *c, const struct request *r, struct err *e)
{
	const struct session *s =
	    sessions_find(c->server->sessions, r->u.agent.session_id);
	struct buf *out;

	/* What is another's is as if it were not there. */
	if (s == NULL || !scope_sees_session(c, s))
		return err_quote(e, ERR_NOT_FOUND, r->args[0],
		    "no such session");
	out = conn_reply(c);
	reply_row_u64(out, r->id, "session_id", s->id);
	put_str(out, r->id, "rule", s->crew->rule);
	put_str(out, r->id, "class", class_word(s));
	put_str(out, r->id, "state", session_state_word(s));
	put_str(out, r->id, "sandbox", sandbox_of(s));
	reply_begin(out, r->id);
	reply_str(out, s->spec != NULL ? "pid" : "address");
	put_pid_or_peer(out, s);
	reply_end(out);
	reply_row_i64(out, r->id, "started_ns", s->started_ns);
	reply_row_i64(out, r->id, "stopped_ns", s->stopped_ns);
	reply_row_u64(out, r->id, "executions", s->executions);
	if (s->exit == RUN_EXIT_NONE)
		put_str(out, r->id, "exit", "-");
	else
		reply_row_i64(out, r->id, "exit", s->exit);
	put_str(out, r->id, "error", s->error[0] == '\0' ? "-" : s->error);
	reply_ok(out, r->id);
	return HANDLED;
}

int
cmd_agent_stop(struct conn *c, const struct request *r, struct err *e)
{
	const struct request_agent *q = &r->u.agent;

	if (sessions_stop(c->server->sessions, q->session_id, q->force, e) ==
	    -1)
		return FAILED;
	reply_ok(conn_reply(c), r->id);
	return HANDLED;
}

/* An AGENT CLEANUP under way. */
struct cleanup {
	struct conn *c;
	size_t n;
};

static void
put_stopped(struct buf *out, struct slice id, size_t n)
{
	reply_begin_ok(out, id);
	reply_u64(out, n);
	reply_end(out);
}

/* That the runs are to end is durable, or was refused. */
static void
answer_cleanup(void *arg, struct slice note, const struct err *e)
{
	struct slice id = conn_noted_id(note);
	struct cleanup *up = arg;

	if (e != NULL)
		reply_error(conn_answer(up->c, note), id, e);
	else
		put_stopped(conn_answer(up->c, note), id, up->n);
	conn_answered(up->c, note, e != NULL);
	free(up);
}

int
cmd_agent_cleanup(struct conn *c, const struct request *r, struct err *e)
{
	struct server *s = c->server;
	struct cleanup *up = calloc(1, sizeof(*up));
	const struct store_waiter w = { .done = answer_cleanup,
		.arg = up,
		.note = conn_note(c, r->id) };
	char why[RUN_REASON_MAX];
	size_t n_children;
	int rc;

	if (up == NULL)
		return err_nomem(e);
	up->c = c;
	up->n = sessions_stop_all(s->sessions);
	put_who(c, "stopped by AGENT CLEANUP", why, sizeof(why));
	rc = sched_stop_children(s->sched, why, &w, &n_children, e);
	up->n += n_children;
	if (rc == 1)
		return conn_asked(c, 0);
	if (rc == 0)
		put_stopped(conn_reply(c), r->id, up->n);
	free(up);
	return rc == 0 ? HANDLED : FAILED;
}
