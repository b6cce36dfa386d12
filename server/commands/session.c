/* AUTH PING HELLO HELP WHOAMI QUIT */
#include "commands.h"

#include "listener.h"
#include "options.h"
#include "reply.h"

int
cmd_auth(struct conn *c, const struct request *r, struct err *e)
{
	struct server *s = c->server;

	if (s->auth == NULL)
		return err_set(e, ERR_CONFLICT,
		    "authentication is not configured");
	if (c->authenticated)
		return err_set(e, ERR_CONFLICT, "already authenticated");
	c->token = auth_find_secret(s->auth, r->u.text);
	if (c->token == NULL) {
		dispatch_denied(c, "auth_failed");
		return err_set(e, ERR_DENIED, "unknown secret");
	}
	c->authenticated = true;
	c->role = c->token->role;
	ev_timer_stop(s->loop, &c->deadline);
	if (!listener_has_place(s, c)) {
		s->conns_refused++;
		conn_finish(c);
		return err_set(e, ERR_LIMIT, "too many connections");
	}
	reply_ok(conn_reply(c), r->id);
	return HANDLED;
}

int
cmd_ping(struct conn *c, const struct request *r, struct err *e)
{
	(void)e;
	if (r->u.text.ptr == NULL)
		reply_ok(conn_reply(c), r->id);
	else
		reply_ok_word(conn_reply(c), r->id, r->u.text);
	return HANDLED;
}

int
cmd_hello(struct conn *c, const struct request *r, struct err *e)
{
	(void)e;
	reply_hello(conn_reply(c), r->id, TICKD_VERSION);
	return HANDLED;
}

static void
put_command(struct buf *out, struct slice id, const struct command *cmd)
{
	reply_begin(out, id);
	reply_str(out, cmd->words);
	reply_str(out, role_word(cmd->role));
	reply_str(out, cmd->usage);
	reply_str(out, cmd->help);
	reply_end(out);
}

/* Whether the command begins with the words asked for, in any case. */
static bool
begins_with(const struct command *cmd, const struct request *r)
{
	struct slice rest = slice_str(cmd->words);

	for (size_t i = 0; i < r->n_args; i++) {
		size_t n = strcspn(rest.ptr, " ");

		if (!token_is_word(r->args[i], "") &&
		    (r->args[i].len != n ||
			strncasecmp(r->args[i].ptr, rest.ptr, n) != 0))
			return false;
		rest.ptr += n;
		rest.ptr += *rest.ptr == ' ';
	}
	return true;
}

int
cmd_help(struct conn *c, const struct request *r, struct err *e)
{
	struct buf *out = conn_reply(c);
	size_t shown = 0;

	for (int i = 0; i < CMD_COUNT; i++) {
		if (!begins_with(&commands[i], r))
			continue;
		put_command(out, r->id, &commands[i]);
		shown++;
	}
	if (shown == 0)
		return err_quote(e, ERR_UNKNOWN_COMMAND, r->args[0],
		    "no such command");
	reply_ok(out, r->id);
	return HANDLED;
}

int
cmd_whoami(struct conn *c, const struct request *r, struct err *e)
{
	struct buf *out = conn_reply(c);

	(void)e;
	reply_begin_ok(out, r->id);
	reply_str(out, c->token == NULL ? "-" : c->token->name);
	reply_str(out, role_word(c->role));
	reply_str(out, c->token == NULL ? "*" : auth_namespace_word(c->token));
	reply_end(out);
	return HANDLED;
}

int
cmd_quit(struct conn *c, const struct request *r, struct err *e)
{
	(void)e;
	reply_ok(conn_reply(c), r->id);
	c->closing = true;
	return HANDLED;
}
