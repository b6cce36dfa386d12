/* CANCEL EXECUTIONS HISTORY OUTPUT */
#include "commands.h"

#include <stdlib.h>
#include <string.h>

#include "history.h"
#include "outputs.h"
#include "proc.h"
#include "reply.h"
#include "run.h"
#include "scope.h"
#include "utf8.h"

int
cmd_cancel(struct conn *c, const struct request *r, struct err *e)
{
	const struct request_cancel *q = &r->u.cancel;
	struct store_waiter w = conn_waiter(c, r->id);
	char why[RUN_REASON_MAX];
	int rc;

	if (!allowed(c, q->job, "job", e))
		return FAILED;
	if (conn_overtakes(c) || job_must_wait(c, q->job, true))
		return WAIT;
	put_who(c, "cancelled", why, sizeof(why));
	rc = sched_cancel(c->server->sched, q->job, why, q->force, &w, e);
	if (rc == 0) {
		reply_ok(conn_reply(c), r->id);
		return HANDLED;
	}
	return conn_asked(c, rc == 1 ? 0 : FAILED);
}

/* EXECUTIONS under way. */
struct roster {
	struct stream stream; /* first */
	struct sched_cursor cursor;
	char id[REQUEST_ID_MAX];
	char prefix[ID_MAX];
	size_t prefix_len;
};

/* Looked at before others get their turn; /proc is asked for far fewer. */
#define PIECE_LOOKS 2048
#define PIECE_LOOKS_PROC 32

static void
put_execution(struct buf *out, struct slice id, const struct sched_row *row)
{
	struct proc_use use = { 0 };

	if (row->pid != 0)
		proc_use(row->pid, &use);
	reply_begin(out, id);
	reply_u64(out, row->execution_id);
	reply_word(out, row->job);
	reply_str(out, row->rule);
	reply_str(out, row->state);
	reply_u64(out, row->attempt);
	if (row->pid == 0)
		reply_str(out, "-");
	else
		reply_i64(out, row->pid);
	reply_i64(out, row->started_ns);
	reply_ms(out, use.cpu_ns);
	reply_u64(out, use.rss_bytes);
	reply_end(out);
}

static bool
more_executions(struct conn *c, struct stream *st)
{
	struct roster *l = (struct roster *)(void *)st;
	struct slice prefix = slice_of(l->prefix, l->prefix_len);
	struct sched_row row;

	for (int left = PIECE_LOOKS; left > 0; left--) {
		if (!sched_list_next(&l->cursor, &row)) {
			reply_ok(conn_reply(c), st->id);
			return true;
		}
		if (row.state == NULL || !slice_has_prefix(row.job, prefix) ||
		    !scope_sees_name(c, row.job))
			continue;
		put_execution(conn_reply(c), st->id, &row);
		if (row.pid != 0)
			left -= PIECE_LOOKS / PIECE_LOOKS_PROC;
	}
	return false;
}

static void
roster_free(struct stream *st)
{
	struct roster *l = (struct roster *)(void *)st;

	sched_list_end(&l->cursor);
	free(l);
}

int
cmd_executions(struct conn *c, const struct request *r, struct err *e)
{
	struct slice all = slice_of("", 0);
	struct roster *l;
	struct slice prefix;

	if (!scope_prefix(c, r->u.text.ptr == NULL ? all : r->u.text,
		&prefix)) {
		reply_ok(conn_reply(c), r->id);
		return HANDLED;
	}
	if ((l = calloc(1, sizeof(*l))) == NULL)
		return err_nomem(e);
	l->stream.more = more_executions;
	l->stream.free = roster_free;
	memcpy(l->id, r->id.ptr, r->id.len);
	l->stream.id = slice_of(l->id, r->id.len);
	memcpy(l->prefix, prefix.ptr, prefix.len);
	l->prefix_len = prefix.len;
	sched_list_begin(c->server->sched, &l->cursor);
	conn_stream(c, &l->stream);
	return HANDLED;
}

static void
put_run(struct buf *out, struct slice id, const struct record_run *run)
{
	reply_begin(out, id);
	reply_u64(out, run->execution_id);
	reply_i64(out, run->started_ns);
	reply_i64(out, run->ended_ns);
	reply_str(out, run_outcome_word((enum run_outcome)run->outcome));
	put_exit(out, run);
	reply_u64(out, run->attempt);
	if (run->rule.len == 0)
		reply_str(out, "-");
	else
		reply_word(out, run->rule);
	put_reason(out, run);
	reply_end(out);
}

int
cmd_history(struct conn *c, const struct request *r, struct err *e)
{
	const struct job *job = job_find(c, r->u.history.job, e);
	uint64_t left = r->u.history.limit;
	struct record_reader in;
	struct record_run run;
	struct buf *out;

	if (job == NULL)
		return FAILED;
	out = conn_reply(c);
	record_read(&in, job_history(job));
	for (; left > 0 && history_next(&in, &run); left--)
		put_run(out, r->id, &run);
	reply_ok(out, r->id);
	return HANDLED;
}

/* OUTPUT under way. */
struct tail {
	struct stream stream; /* first */
	struct kept *kept;    /* a reference */
	int output;	      /* the stream being sent */
	size_t at;	      /* in it */
	char id[REQUEST_ID_MAX];
	char job[ID_MAX];
	size_t job_len;
};

#define PIECE_BYTES 65536u
/* A longer line goes on in the next row: with four bytes for each of these,
 * the row is still shorter than a reply line may be. */
#define ROW_BYTES 32768u

static const char *const stream_word[OUTPUT_STREAMS] = { "stdout", "stderr" };

static void
put_cut(struct buf *out, struct slice id, const struct tail *t)
{
	const struct output *o = &t->kept->output[t->output];
	struct buf mark = { 0 };

	buf_addf(&mark, "[... %llu bytes are not kept]",
	    (unsigned long long)(o->total - o->len));
	reply_row_word(out, id, stream_word[t->output], buf_slice(&mark));
	if (mark.failed)
		out->failed = true;
	buf_free(&mark);
}

/* One row; false when the stream has no more. */
static bool
put_line(struct buf *out, struct slice id, struct tail *t)
{
	const struct output *o = &t->kept->output[t->output];
	size_t n = o->len - t->at;
	const char *line = o->bytes + t->at, *newline;

	if (n == 0)
		return false;
	if (t->at == 0 && output_is_cut(o))
		put_cut(out, id, t);
	newline = memchr(line, '\n', n);
	if (newline != NULL)
		n = (size_t)(newline - line);
	t->at += n + (newline != NULL);
	if (n > ROW_BYTES) {
		t->at -= n + (newline != NULL);
		n = utf8_whole(slice_of(line, ROW_BYTES));
		t->at += n;
	}
	reply_row_word(out, id, stream_word[t->output], slice_of(line, n));
	return true;
}

static bool
more_output(struct conn *c, struct stream *st)
{
	struct tail *t = (struct tail *)(void *)st;
	struct buf *out = conn_reply(c);
	size_t began = out->len;

	while (t->output < OUTPUT_STREAMS &&
	    scope_sees_name(c, slice_of(t->job, t->job_len))) {
		if (!put_line(out, st->id, t)) {
			t->output++;
			t->at = 0;
		} else if (out->len - began >= PIECE_BYTES) {
			return false;
		}
	}
	reply_ok(out, st->id);
	return true;
}

static void
tail_free(struct stream *st)
{
	struct tail *t = (struct tail *)(void *)st;

	outputs_drop(t->kept);
	free(t);
}

/* The newest attempt of an execution that the job has run, or (0) of all. */
static bool
find_run(const struct job *job, uint64_t execution_id, struct record_run *run)
{
	struct record_reader in;

	record_read(&in, job_history(job));
	while (history_next(&in, run))
		if (execution_id == 0 || run->execution_id == execution_id)
			return true;
	return false;
}

int
cmd_output(struct conn *c, const struct request *r, struct err *e)
{
	const struct job *job = job_find(c, r->u.output.job, e);
	struct outputs *outputs = c->server->outputs;
	struct record_run run;
	struct kept *kept;
	struct tail *t;

	if (job == NULL)
		return FAILED;
	if (!find_run(job, r->u.output.execution_id, &run))
		return err_quote(e, ERR_NOT_FOUND, r->args[0],
		    "no such run of");
	kept = outputs_find(outputs, run.execution_id, run.attempt);
	if (kept == NULL && (run.flags & RECORD_FINISH_SILENT) == 0)
		return err_set(e, ERR_NOT_FOUND,
		    "the output of execution %llu is kept no more",
		    (unsigned long long)run.execution_id);
	if (kept == NULL) {
		reply_ok(conn_reply(c), r->id);
		return HANDLED;
	}
	if ((t = calloc(1, sizeof(*t))) == NULL) {
		outputs_drop(kept);
		return err_nomem(e);
	}
	t->kept = kept;
	t->stream.more = more_output;
	t->stream.free = tail_free;
	memcpy(t->id, r->id.ptr, r->id.len);
	t->stream.id = slice_of(t->id, r->id.len);
	memcpy(t->job, job_id(job).ptr, job_id(job).len);
	t->job_len = job_id(job).len;
	conn_stream(c, &t->stream);
	return HANDLED;
}
