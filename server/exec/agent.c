#include "agent.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "execution.h"
#include "program.h"
#include "reply.h"
#include "request.h"
#include "sandbox.h"

static void
tell(struct agent *a, enum run_event_kind kind, int exit)
{
	struct run_event event = {
		.kind = kind,
		.execution_id = a->execution_id,
		.owner = a->launch->owner,
		.pid = kind == AGENT_STARTED ? a->child.pid : 0,
		.exit = exit,
		.run = a->launch,
	};

	a->executor->agent(a, &event);
}

/* It cannot be trusted any more: the reason is in launch. */
static void
fail(struct agent *a)
{
	a->failed = true;
	child_stop(&a->child, true);
}

/* It may be about to end by itself, and then that tells more than this. */
static void
cut_off(struct agent *a, const char *why)
{
	if (a->cut_off == NULL)
		a->cut_off = why;
	if (a->execution_id != 0)
		child_stop(&a->child, true);
}

static void
drop_output(struct agent *a)
{
	ev_io_stop(a->executor->loop, &a->writer);
	buf_free(&a->out);
	a->sent = 0;
}

static void
close_input(struct agent *a)
{
	drop_output(a);
	child_close_input(&a->child);
}

static void
flush(struct agent *a)
{
	struct ev_loop *loop = a->executor->loop;

	if (a->out.failed) {
		(void)run_explain(a->launch, "out of memory");
		fail(a);
		return;
	}
	while (a->sent < a->out.len) {
		ssize_t n = write(a->child.input, a->out.ptr + a->sent,
		    a->out.len - a->sent);

		if (n == -1 && errno == EAGAIN) {
			ev_io_start(loop, &a->writer);
			return;
		}
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			close_input(a);
			cut_off(a, "it has closed its input");
			return;
		}
		a->sent += (size_t)n;
	}
	drop_output(a);
}

static void
on_writable(struct ev_loop *loop, ev_io *w, int revents)
{
	(void)loop;
	(void)revents;
	flush(w->data);
}

static void
done(struct agent *a, const struct request *r, struct err *e)
{
	const struct request_done *q = &r->u.done;
	struct run *launch = a->launch;

	if (a->execution_id == 0) {
		(void)err_set(e, ERR_CONFLICT, "no execution goes on");
	} else if (a->execution_id != q->execution_id) {
		(void)err_set(e, ERR_NOT_FOUND,
		    "no such execution in this session");
	} else {
		output_add(&launch->output[OUTPUT_STDOUT], q->output.ptr,
		    q->output.len, a->executor->max_output);
		child_read_errors(&a->child);
		launch->output[OUTPUT_STDERR] = a->err;
		a->err = (struct output){ 0 };
		memcpy(a->id, r->id.ptr, r->id.len);
		a->id_len = r->id.len;
		a->answering = true;
		child_listen(&a->child, false);
		tell(a, AGENT_DONE, q->exit);
		a->execution_id = 0;
		return;
	}
	reply_error(&a->out, r->id, e);
}

static void
obey(struct agent *a, struct request *r)
{
	struct err e;

	if (request_args(r, 0, &e) == -1) {
		reply_error(&a->out, r->id, &e);
		return;
	}
	switch (r->command->id) {
	case CMD_DONE:
		done(a, r, &e);
		break;
	case CMD_PING:
		if (r->u.text.ptr == NULL)
			reply_ok(&a->out, r->id);
		else
			reply_ok_word(&a->out, r->id, r->u.text);
		break;
	case CMD_HELLO:
		reply_hello(&a->out, r->id, TICKD_VERSION);
		break;
	default:
		(void)err_set(&e, ERR_DENIED,
		    "a session may say DONE, PING and HELLO");
		reply_error(&a->out, r->id, &e);
	}
	request_clear(r);
}

static void
handle_line(struct agent *a, char *line, size_t n)
{
	struct request r;
	struct err e;
	int rc = request_begin(line, n, &a->executor->tokens, &r, &e);

	if (rc == 1)
		return;
	if (rc == -1) {
		(void)run_explain(a->launch, "it said what it may not: %s",
		    e.msg);
		fail(a);
		return;
	}
	if (!a->spoke) {
		a->spoke = true;
		tell(a, AGENT_SPOKE, RUN_EXIT_NONE);
	}
	obey(a, &r);
	flush(a);
	if (!a->failed && a->out.len - a->sent > AGENT_OUT_MAX) {
		(void)run_explain(a->launch, "it does not read its replies");
		fail(a);
	}
}

/* The complete lines of what it has said, as far as it may be heard. */
static void
handle(struct agent *a)
{
	size_t max = a->executor->max_line, at = 0;

	while (at < a->in.len && !a->failed && !a->answering) {
		char *line = a->in.ptr + at;
		size_t n = a->in.len - at;
		const char *newline = memchr(line, '\n', n);

		if (newline != NULL)
			n = (size_t)(newline - line);
		if (n >= max) {
			(void)run_explain(a->launch,
			    "it said a line of over %zu bytes", max);
			fail(a);
		} else if (newline == NULL) {
			break;
		} else {
			handle_line(a, line, n);
			at += n + 1;
		}
	}
	buf_drop(&a->in, at);
	if (a->in.len == 0 || a->failed)
		buf_free(&a->in);
}

static struct agent *
agent_of(struct child *c)
{
	return (
	    struct agent *)(void *)((char *)c - offsetof(struct agent, child));
}

static void
on_said(struct child *c, const char *bytes, size_t n)
{
	struct agent *a = agent_of(c);

	if (a->failed)
		return;
	if (n == 0) {
		cut_off(a, "it has closed its output");
		return;
	}
	buf_add(&a->in, bytes, n);
	if (a->in.failed) {
		(void)run_explain(a->launch, "out of memory");
		fail(a);
		return;
	}
	handle(a);
}

static void
end(struct agent *a)
{
	struct run *launch = a->launch;

	/* While it waits for an answer the streams in launch are main's. */
	if (a->answering)
		output_free(&a->err);
	else
		launch->output[OUTPUT_STDERR] = a->err;
	a->err = (struct output){ 0 };
	drop_output(a);
	buf_free(&a->in);
	tell(a, AGENT_ENDED, launch->exit);
	a->launch = NULL;
}

static void
on_ended(struct child *c, int exit, int signal)
{
	struct agent *a = agent_of(c);
	struct run *launch = a->launch;

	launch->exit = exit == CHILD_EXIT_UNKNOWN ? RUN_EXIT_NONE : exit;
	if (a->cut_off != NULL && signal == SIGKILL &&
	    launch->reason[0] == '\0')
		(void)run_explain(launch, "%s", a->cut_off);
	else if (launch->reason[0] == '\0' && exit != 0)
		program_explain(launch, c, signal);
	end(a);
}

void
agent_init(struct agent *a, struct executor *executor)
{
	*a = (struct agent){ .executor = executor };
	ev_init(&a->writer, on_writable);
	a->writer.data = a;
}

static int
start(struct agent *a)
{
	struct launcher *l = &a->executor->launcher;
	struct run *launch = a->launch;

	if (launch->spec->number[OPTION_sandbox] == SANDBOX_KATA)
		return run_explain(launch, "sandbox kata " SANDBOX_KATA_WHY);
	words_clear(&l->argv);
	a->child = (struct child){
		.term = sandbox_enter(&l->argv, launch->spec),
		.output[OUTPUT_STDERR] = &a->err,
		.max_output = a->executor->max_output,
		.talks = true,
		.said = on_said,
		.ended = on_ended,
	};
	words_add_list(&l->argv, &launch->spec->args);
	return launcher_start(l, launch, &a->child, a->executor->loop);
}

void
agent_begin(struct agent *a, struct run *launch)
{
	a->launch = launch;
	a->execution_id = 0;
	a->spoke = a->answering = a->failed = false;
	a->cut_off = NULL;
	launch->exit = RUN_EXIT_NONE;
	if (start(a) == -1) {
		end(a);
		return;
	}
	ev_io_set(&a->writer, a->child.input, EV_WRITE);
	tell(a, AGENT_STARTED, RUN_EXIT_NONE);
}

void
agent_run(struct agent *a, uint64_t execution_id, struct slice line)
{
	if (a->launch == NULL || a->failed)
		return;
	a->execution_id = execution_id;
	if (a->cut_off != NULL) {
		child_stop(&a->child, true);
		return;
	}
	buf_add_slice(&a->out, line);
	flush(a);
}

void
agent_answer(struct agent *a)
{
	if (a->launch == NULL)
		return;
	a->answering = false;
	if (a->failed)
		return;
	/* From here on what it writes belongs to its next run. */
	output_free(&a->err);
	if (a->child.input != -1) {
		reply_ok(&a->out, slice_of(a->id, a->id_len));
		flush(a);
	}
	child_listen(&a->child, true);
	handle(a);
}

void
agent_stop(struct agent *a, enum agent_stop how)
{
	if (a->launch == NULL)
		return;
	if (how == AGENT_END)
		close_input(a);
	else
		child_stop(&a->child, how == AGENT_KILL);
}
