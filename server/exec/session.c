#include "session_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "os.h"
#include "reply.h"
#include "request.h"
#include "store.h"

/* --- runs --- */

static void
finish_run(struct sessions *all, struct run *run, enum run_outcome outcome)
{
	const struct run_event event = {
		.kind = RUN_FINISHED,
		.execution_id = run->execution_id,
		.owner = run->owner,
		.run = run,
	};

	run->outcome = outcome;
	if (run->ended_ns == 0)
		run_ends(run);
	for (int i = 0; i < OUTPUT_STREAMS; i++)
		output_settle(&run->output[i]);
	all->o.run_event(all->o.ctx, &event);
}

/* The same, in sessions_tick. */
static void
finish_soon(struct sessions *all, struct run *run, enum run_outcome outcome)
{
	run->outcome = outcome;
	run_ends(run);
	run->next = all->over;
	all->over = run;
}

static void
finish_over(struct sessions *all)
{
	struct run *run = all->over, *next;

	all->over = NULL;
	for (; run != NULL; run = next) {
		next = run->next;
		finish_run(all, run, run->outcome);
	}
}

/* Its time is over, and it is about to be told to end. */
static void
tell_timeout(struct sessions *all, const struct run *run)
{
	const struct run_event event = { .kind = RUN_TIMED_OUT,
		.execution_id = run->execution_id,
		.owner = run->owner };

	all->o.run_event(all->o.ctx, &event);
}

/* The run of a session that is gone. */
static void
finish_lost(struct session *s, struct run *run)
{
	enum run_outcome outcome = s->outcome;

	if (outcome == RUN_CANCELLED)
		(void)run_explain(run, "cancelled");
	else if (outcome == RUN_TIMEOUT)
		(void)run_explain(run, "%s", RUN_WHY_TIMEOUT);
	else
		(void)run_explain(run, "session %llu: %s",
		    (unsigned long long)s->id, s->error);
	if (outcome == RUN_NONE)
		outcome = s->sent ? RUN_LOST : RUN_FAILURE;
	finish_soon(s->all, run, outcome);
}

/* Memory is out. */
static void
break_run(struct sessions *all, struct run *run)
{
	run_begins(run);
	run->exit = RUN_EXIT_NONE;
	(void)run_explain(run, "out of memory");
	finish_soon(all, run, RUN_FAILURE);
}

static void
put_run(struct buf *out, struct slice id, const struct run *run)
{
	reply_begin(out, id);
	reply_str(out, "RUN");
	reply_u64(out, run->execution_id);
	reply_str(out, run->job);
	reply_i64(out, run->due_ns);
	reply_u64(out, run->attempt);
	reply_word(out, slice_of(run->payload, run->payload_len));
	reply_end(out);
}

static bool
send_to_child(struct session *s)
{
	struct sessions_options *o = &s->all->o;
	struct buf id = { 0 }, line = { 0 };

	buf_add_u64(&id, s->id);
	put_run(&line, buf_slice(&id), s->run);
	line.failed |= id.failed;
	buf_free(&id);
	if (line.failed) {
		buf_free(&line);
		return false;
	}
	o->send(o->ctx, s->agent, s->run->execution_id, line.ptr, line.len);
	return true;
}

static bool
send_to_conn(struct session *s)
{
	struct sessions_options *o = &s->all->o;
	struct buf *out = o->event(o->ctx, s->conn);

	if (out == NULL)
		return false;
	put_run(out, slice_of(s->id_of_attach, s->id_of_attach_len), s->run);
	return true;
}

/* Its run begins. False: it cannot be sent. */
static bool
send_run(struct session *s)
{
	struct run *run = s->run;
	int64_t timeout_ns = run->spec->number[OPTION_timeout];
	struct run_event event = {
		.kind = RUN_STARTED,
		.execution_id = run->execution_id,
		.owner = run->owner,
		.pid = s->pid,
	};

	run->exit = RUN_EXIT_NONE;
	run_begins(run);
	event.started_ns = run->started_ns;
	if (!(s->spec != NULL ? send_to_child(s) : send_to_conn(s)))
		return false;
	s->sent = true;
	session_set_state(s, SESSION_BUSY);
	session_set_deadline(s,
	    timeout_ns == 0 ? SESSION_NEVER
			    : deadline_after(os->mono_ns(), timeout_ns));
	s->all->o.run_event(s->all->o.ctx, &event);
	return true;
}

/* It has no run now. */
static void
rest(struct session *s)
{
	int64_t now_ns = os->mono_ns();

	s->answering = false;
	if (session_is_expired(s, now_ns))
		s->why = SESSION_END_EXPIRED;
	if (s->retiring || s->all->draining || s->why == SESSION_END_EXPIRED) {
		session_end(s, false);
		return;
	}
	s->idle_mono_ns = now_ns;
	session_set_state(s, SESSION_IDLE);
	session_set_deadline(s, session_idle_deadline(s));
}

static void
take_run(struct session *s, struct run *run)
{
	s->run = run;
	s->sent = false;
	s->outcome = RUN_NONE;
}

/* Give a run to an idle session. False: it reads too slowly, and is gone. */
static bool
give(struct session *s, struct run *run)
{
	struct conn *conn = s->conn;

	take_run(s, run);
	if (send_run(s))
		return true;
	s->run = NULL;
	if (s->spec != NULL) {
		break_run(s->all, run);
		return true;
	}
	session_blame(s, "it does not read what it is sent");
	session_gone(s);
	s->all->o.close(s->all->o.ctx, conn, true);
	return false;
}

/* What a session is started as: a run without a job. NULL: no memory. */
static struct run *
make_launch(struct session *s)
{
	struct run *launch = calloc(1, sizeof(*launch));

	if (launch == NULL)
		return NULL;
	if ((launch->rule = strdup(s->crew->rule)) == NULL) {
		free(launch);
		return NULL;
	}
	launch->execution_id = s->id;
	launch->owner = s;
	launch->spec = rule_spec_ref(s->spec);
	return launch;
}

/* Start a session for this run. */
static void
begin(struct sessions *all, struct run *run)
{
	struct session *s = session_new(all, run->crew);
	struct run *launch = NULL;
	int agent = -1;

	if (s != NULL) {
		s->spec = rule_spec_ref(run->spec);
		launch = make_launch(s);
	}
	if (launch != NULL)
		agent = all->o.start(all->o.ctx, launch);
	if (agent == -1) {
		assert(launch == NULL); /* there are as many as sessions */
		if (s != NULL)
			session_free(s);
		break_run(all, run);
		return;
	}
	s->agent = (unsigned)agent;
	run->started_ns = s->started_ns;
	run->started_mono_ns = s->born_mono_ns;
	run->exit = RUN_EXIT_NONE;
	take_run(s, run);
	session_account(s); /* CONNECTING */
	session_set_deadline(s,
	    deadline_after(s->born_mono_ns, all->o.connect_timeout_ns));
	session_join(s);
}

/* Whether an idle session may have a run. One whose rule has come to take on
 * what its token does not reach goes. */
static bool
suits(struct session *s, const struct run *run)
{
	struct sessions_options *o = &s->all->o;

	if (s->spec != NULL)
		return s->spec == run->spec;
	if (o->may_have(o->ctx, s->conn, run->job))
		return true;
	session_blame(s, "its token does not reach what its rule takes on");
	session_end(s, false);
	return false;
}

bool
sessions_submit(struct sessions *all, struct run *run)
{
	struct crew *crew = run->crew;
	struct session *s, *next;

	for (s = crew->idle; s != NULL; s = next) {
		next = s->next_idle;
		if (suits(s, run) && give(s, run))
			return true;
	}
	if (!crew->starts)
		return false;
	if (crew->idle != NULL) { /* it makes room: then the run comes again */
		session_end(crew->idle, false);
		return false;
	}
	if (all->alive.n >= all->o.max_sessions)
		return false;
	begin(all, run);
	return true;
}

/* End its run in this way, and itself with it: it cannot be interrupted
 * otherwise. */
static void
stop_run(struct session *s, enum run_outcome outcome, bool force)
{
	struct conn *conn = s->conn;
	struct run *run = s->run;

	s->outcome = outcome;
	if (outcome == RUN_TIMEOUT)
		tell_timeout(s->all, run);
	if (s->spec != NULL) {
		session_set_state(s, SESSION_STOPPING);
		session_press(s, force ? AGENT_KILL : AGENT_TERM);
		return;
	}
	s->run = NULL;
	session_gone(s);
	s->all->o.close(s->all->o.ctx, conn, true);
	finish_lost(s, run);
}

bool
sessions_cancel(struct sessions *all, uint64_t execution_id, bool force)
{
	struct session *s = all->alive.first;

	while (s != NULL &&
	    (s->run == NULL || s->run->execution_id != execution_id))
		s = s->next;
	if (s == NULL)
		return false;
	stop_run(s, RUN_CANCELLED, force);
	return true;
}

void
sessions_crew_changed(struct sessions *all, struct crew *crew)
{
	(void)all;
	for (struct session *s = crew->idle; s != NULL; s = s->next_idle)
		if (session_is_stale(s))
			session_set_deadline(s, os->mono_ns());
}

/* --- what sessions say --- */

/* Its run has ended with this exit: it is out of the session. */
static enum run_outcome
take_result(struct session *s, int exit)
{
	struct run *run = s->run;
	bool success = run_exit_is_success(run->spec, exit);

	run->exit = exit;
	if (!success)
		(void)run_explain(run, "exit status %d", exit);
	s->run = NULL;
	s->executions++;
	s->all->stats.executions++;
	rate_add(&s->all->stats.execution_rate, os->mono_ns(), 1);
	return success ? RUN_SUCCESS : RUN_FAILURE;
}

int
session_done(struct session *s, const struct request_done *q,
    const struct store_waiter *w, struct err *e)
{
	struct run *run = s->run;
	enum run_outcome outcome;

	if (run == NULL)
		return err_set(e, ERR_CONFLICT, "no execution goes on");
	if (run->execution_id != q->execution_id)
		return err_set(e, ERR_NOT_FOUND,
		    "no such execution in this session");
	output_add(&run->output[OUTPUT_STDOUT], q->output.ptr, q->output.len,
	    s->all->o.max_output);
	run_set_waiter(run, w);
	outcome = take_result(s, q->exit);
	rest(s);
	finish_run(s->all, run, outcome);
	return 0;
}

/* The result of a started session is durable: it hears of it, and goes on. */
static void
recorded(void *arg, struct slice note, const struct err *e)
{
	struct sessions *all = arg;
	struct session *s;
	uint64_t id;

	(void)e; /* the scheduler does not give up */
	memcpy(&id, note.ptr, sizeof(id));
	s = sessions_find_alive(all, id);
	if (s == NULL || !s->answering)
		return;
	s->answering = false;
	all->o.answer(all->o.ctx, s->agent);
	if (s->state == SESSION_BUSY)
		rest(s);
}

static void
move_output(struct run *to, struct run *from, enum output_stream i)
{
	output_free(&to->output[i]);
	to->output[i] = from->output[i];
	from->output[i] = (struct output){ 0 };
}

static void
child_done(struct session *s, const struct run_event *event)
{
	const struct store_waiter w = {
		.done = recorded,
		.arg = s->all,
		.note = slice_of((const char *)&s->id, sizeof(s->id)),
	};
	struct run *run = s->run;
	enum run_outcome outcome;

	assert(run != NULL && run->execution_id == event->execution_id);
	for (int i = 0; i < OUTPUT_STREAMS; i++)
		move_output(run, event->run, (enum output_stream)i);
	if (s->state == SESSION_STOPPING) { /* too late: it is being ended */
		run->exit = event->exit;
		return;
	}
	run_set_waiter(run, &w);
	outcome = take_result(s, event->exit);
	s->answering = true;
	session_set_deadline(s, SESSION_NEVER);
	session_account(s);
	finish_run(s->all, run, outcome);
}

static void
child_spoke(struct session *s)
{
	struct run *run = s->run;

	if (s->state != SESSION_CONNECTING || send_run(s))
		return;
	s->run = NULL;
	rest(s);
	break_run(s->all, run);
}

static void
child_ended(struct session *s, struct run *launch)
{
	struct run *run = s->run;

	s->exit = launch->exit;
	if (s->pressed == 0 && launch->reason[0] != '\0')
		session_blame(s, launch->reason);
	if (run != NULL && s->outcome == RUN_NONE)
		session_blame(s, "it ended before its execution");
	if (run != NULL && s->sent && s->outcome == RUN_NONE)
		s->why = SESSION_END_LOST;
	if (run != NULL) {
		if (launch->output[OUTPUT_STDERR].total > 0)
			move_output(run, launch, OUTPUT_STDERR);
		if (run->exit == RUN_EXIT_NONE &&
		    (!s->sent || s->outcome != RUN_NONE))
			run->exit = launch->exit;
	}
	rule_spec_unref(launch->spec);
	launch->spec = NULL;
	run_free(launch);
	s->run = NULL;
	session_gone(s);
	if (run != NULL)
		finish_lost(s, run);
}

void
sessions_event(struct sessions *all, const struct run_event *event)
{
	struct session *s = event->owner;

	assert(s->all == all);
	switch (event->kind) {
	case AGENT_STARTED:
		s->pid = event->pid;
		break;
	case AGENT_SPOKE:
		child_spoke(s);
		break;
	case AGENT_DONE:
		child_done(s, event);
		break;
	default:
		assert(event->kind == AGENT_ENDED);
		child_ended(s, event->run);
	}
}

struct session *
sessions_attach(struct sessions *all, struct crew *crew, struct conn *conn,
    struct slice id, const char *peer, struct err *e)
{
	struct session *s;

	if (all->draining) {
		(void)err_set(e, ERR_UNAVAILABLE,
		    "the server is shutting down");
		return NULL;
	}
	if (all->alive.n >= all->o.max_sessions) {
		(void)err_set(e, ERR_LIMIT, "there are %u sessions already",
		    all->o.max_sessions);
		return NULL;
	}
	if ((s = session_new(all, crew)) == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	s->conn = conn;
	memcpy(s->id_of_attach, id.ptr, id.len);
	s->id_of_attach_len = id.len;
	session_copy(s->peer, sizeof(s->peer), peer);
	session_join(s);
	rest(s);
	return s;
}

void
session_lost(struct session *s)
{
	struct run *run = s->run;

	s->run = NULL;
	if (run != NULL) {
		s->why = SESSION_END_LOST;
		session_blame(s, "its connection ended before its execution");
	}
	session_gone(s);
	if (run != NULL)
		finish_lost(s, run);
}

/* --- time and commands --- */

int64_t
sessions_wake_ns(const struct sessions *all)
{
	if (all->over != NULL)
		return 0;
	return all->deadlines.n == 0 ? SESSION_NEVER
				     : all->deadlines.first->key;
}

static void
on_deadline(struct session *s, int64_t now_ns)
{
	switch (s->state) {
	case SESSION_CONNECTING:
		s->why = SESSION_END_ZOMBIE;
		session_blame(s, "it said nothing within connect_timeout");
		session_set_state(s, SESSION_STOPPING);
		session_press(s, AGENT_KILL);
		break;
	case SESSION_IDLE:
		if (session_is_expired(s, now_ns))
			s->why = SESSION_END_EXPIRED;
		else if (now_ns - s->idle_mono_ns >= s->all->o.idle_timeout_ns)
			s->why = SESSION_END_IDLE;
		if (now_ns >= session_idle_deadline(s))
			session_end(s, false);
		else /* there is room again */
			session_set_deadline(s, session_idle_deadline(s));
		break;
	case SESSION_BUSY:
		session_blame(s,
		    "its execution did not end within its timeout");
		stop_run(s, RUN_TIMEOUT, false);
		break;
	default: /* STOPPING: nothing has helped so far */
		session_press(s,
		    s->pressed > AGENT_TERM ? AGENT_KILL : AGENT_TERM);
	}
}

void
sessions_tick(struct sessions *all, int64_t now_ns)
{
	finish_over(all);
	while (all->deadlines.n > 0 && all->deadlines.first->key <= now_ns) {
		struct session *s =
		    (struct session *)(void *)((char *)all->deadlines.first -
			offsetof(struct session, deadline));

		waitq_remove(&s->deadline);
		on_deadline(s, now_ns);
	}
}

/* Whatever it does. */
static void
stop(struct session *s, bool force, enum run_outcome outcome)
{
	s->retiring = true;
	if (force && s->run != NULL)
		stop_run(s, s->outcome == RUN_NONE ? outcome : s->outcome,
		    true);
	else if (force || s->state == SESSION_IDLE)
		session_end(s, force);
	/* else: when it has done what it does */
}

int
sessions_stop(struct sessions *all, uint64_t id, bool force, struct err *e)
{
	struct session *s = sessions_find_alive(all, id);

	if (s == NULL && sessions_find(all, id) == NULL)
		return err_set(e, ERR_NOT_FOUND, "no such session \"%llu\"",
		    (unsigned long long)id);
	if (s == NULL)
		return err_set(e, ERR_CONFLICT, "the session has ended");
	if (force && s->run != NULL)
		session_blame(s, "it was stopped by force");
	stop(s, force, RUN_LOST);
	return 0;
}

size_t
sessions_stop_all(struct sessions *all)
{
	struct session *s, *next;
	size_t n = all->alive.n;

	for (s = all->alive.first; s != NULL; s = next) {
		next = s->next;
		stop(s, false, RUN_NONE);
	}
	return n;
}

void
sessions_drain(struct sessions *all)
{
	all->draining = true;
	(void)sessions_stop_all(all);
}

void
sessions_abandon(struct sessions *all)
{
	struct session *s, *next;

	for (s = all->alive.first; s != NULL; s = next) {
		next = s->next;
		if (s->run != NULL && s->outcome == RUN_NONE) {
			session_blame(s, "the server stopped");
			stop_run(s, RUN_LOST, false);
		} else if (s->spec != NULL) {
			session_press(s, AGENT_TERM);
		}
	}
}

struct sessions *
sessions_new(const struct sessions_options *o, struct err *e)
{
	struct sessions *all = calloc(1, sizeof(*all));

	if (all == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	all->o = *o;
	return all;
}

static void
drop_run(struct run *run)
{
	if (run == NULL)
		return;
	rule_spec_unref(run->spec);
	run->spec = NULL;
	run_free(run);
}

static void
drop_list(struct session_list *list)
{
	struct session *s, *next;

	for (s = list->first; s != NULL; s = next) {
		next = s->next;
		drop_run(s->run);
		session_free(s);
	}
}

void
sessions_free(struct sessions *all)
{
	struct run *run;

	if (all == NULL)
		return;
	while ((run = all->over) != NULL) {
		all->over = run->next;
		drop_run(run);
	}
	drop_list(&all->alive);
	drop_list(&all->ended);
	free(all);
}
