/* COMPRESS BACKUP RELOAD SHUTDOWN */
#include "commands.h"

#include <limits.h>

#include "log.h"
#include "reply.h"

int
cmd_compress(struct conn *c, const struct request *r, struct err *e)
{
	if (store_compress(c->server->store, e) == -1)
		return FAILED;
	reply_ok(conn_reply(c), r->id);
	return HANDLED;
}

static void
answer_backup(void *arg, struct slice note, off_t bytes, const struct err *e)
{
	struct slice id = conn_noted_id(note);
	struct conn *c = arg;
	struct buf *out = conn_answer(c, note);

	if (e != NULL) {
		reply_error(out, id, e);
	} else {
		reply_begin_ok(out, id);
		reply_i64(out, bytes);
		reply_end(out);
	}
	conn_answered(c, note, e != NULL);
}

int
cmd_backup(struct conn *c, const struct request *r, struct err *e)
{
	char path[PATH_MAX];
	struct slice to = r->u.text;

	if (to.len == 0 || to.len >= sizeof(path) || to.ptr[0] != '/' ||
	    memchr(to.ptr, '\0', to.len) != NULL)
		return err_set(e, ERR_INVALID,
		    "the path of a backup must be absolute");
	memcpy(path, to.ptr, to.len);
	path[to.len] = '\0';
	return conn_asked(c,
	    store_backup(c->server->store, path, answer_backup, c,
		conn_note(c, r->id), e));
}

int
cmd_reload(struct conn *c, const struct request *r, struct err *e)
{
	if (server_reload(c->server, e) == -1)
		return FAILED;
	reply_ok(conn_reply(c), r->id);
	return HANDLED;
}

int
cmd_shutdown(struct conn *c, const struct request *r, struct err *e)
{
	bool now = r->n_args == 1;

	if (now && !token_is_word(r->args[0], "NOW"))
		return err_set(e, ERR_INVALID, "only NOW can follow SHUTDOWN");
	reply_ok(conn_reply(c), r->id);
	server_stop(c->server, now, "SHUTDOWN");
	return HANDLED;
}
