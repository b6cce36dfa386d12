#include "sessions.h"

#include "conn.h"
#include "os.h"
#include "scope.h"
#include "session.h"
#include "tstamp.h"

static int
start_agent(void *ctx, struct run *launch)
{
	struct server *s = ctx;

	return processor_agent_start(s->processor, launch);
}

static void
send_to_agent(void *ctx, unsigned agent, uint64_t execution_id, char *line,
    size_t n)
{
	struct server *s = ctx;

	processor_agent_run(s->processor, agent, execution_id, line, n);
}

static void
answer_agent(void *ctx, unsigned agent)
{
	struct server *s = ctx;

	processor_agent_answer(s->processor, agent);
}

static void
stop_agent(void *ctx, unsigned agent, enum agent_stop how)
{
	struct server *s = ctx;

	processor_agent_stop(s->processor, agent, how);
}

/* The rule may have another pattern now than when it attached. */
static bool
may_have(void *ctx, const struct conn *conn, const char *job)
{
	(void)ctx;
	return scope_sees_name(conn, slice_str(job));
}

static struct buf *
event_of_conn(void *ctx, struct conn *conn)
{
	(void)ctx;
	return conn_event(conn);
}

static void
close_conn(void *ctx, struct conn *conn, bool now)
{
	(void)ctx;
	conn_set_session(conn, NULL);
	if (now)
		conn_kill(conn);
	else
		conn_finish(conn);
}

static void
tell_run_event(void *ctx, const struct run_event *event)
{
	struct server *s = ctx;

	if (event->kind == RUN_FINISHED)
		outputs_keep(s->outputs, event->run);
	sched_run_event(s->sched, event);
}

static void
tell_room(void *ctx, const struct crew *crew)
{
	struct server *s = ctx;

	sched_crew_changed(s->sched, crew);
}

static void
tell_spare(void *ctx, int64_t n)
{
	struct server *s = ctx;

	sched_spare_sessions(s->sched, n);
}

bool
server_submit(void *ctx, struct run *run)
{
	struct server *s = ctx;

	return run->crew == NULL ? processor_submit(s->processor, run)
				 : sessions_submit(s->sessions, run);
}

void
server_cancel(void *ctx, uint64_t execution_id, bool force)
{
	struct server *s = ctx;

	if (!sessions_cancel(s->sessions, execution_id, force))
		processor_cancel(s->processor, execution_id, force);
}

void
server_crew_changed(void *ctx, struct crew *crew)
{
	struct server *s = ctx;

	sessions_crew_changed(s->sessions, crew);
}

void
server_run_event(struct server *s, const struct run_event *event)
{
	if (event->kind <= RUN_FINISHED)
		tell_run_event(s, event);
	else
		sessions_event(s->sessions, event);
}

/* Its having gone off wakes the loop. */
static void
on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct server *s = w->data;

	(void)loop;
	(void)revents;
	s->session_wake_ns = SESSION_NEVER;
}

void
server_run_sessions(struct server *s)
{
	int64_t wake_ns = sessions_wake_ns(s->sessions), now_ns;
	struct task *task = &s->monitor.tasks[TASK_SESSION_REAPER];

	/* A timer that goes off too early does no harm, and with quick
	 * sessions the time would change with every run. */
	if (wake_ns >= s->session_wake_ns)
		return;
	now_ns = os->mono_ns();
	task_begin(task);
	sessions_tick(s->sessions, now_ns);
	task_end(task, false);
	wake_ns = sessions_wake_ns(s->sessions);
	task_schedule(task, wake_ns > INT64_MAX / 2 ? 0 : wake_ns - now_ns);
	if (wake_ns >= s->session_wake_ns)
		return;
	s->session_wake_ns = wake_ns;
	ev_timer_stop(s->loop, &s->session_timer);
	ev_timer_set(&s->session_timer, (double)(wake_ns - now_ns) / NS_PER_S,
	    0);
	ev_timer_start(s->loop, &s->session_timer);
}

int
server_open_sessions(struct server *s, struct err *e)
{
	const struct config *c = s->config;
	const struct sessions_options o = {
		.max_sessions = c->agents_max_sessions,
		.connect_timeout_ns = c->agents_connect_timeout,
		.idle_timeout_ns = c->agents_idle_timeout,
		.max_lifespan_ns = c->agents_max_lifespan,
		.max_output = c->processor_max_output,
		.start = start_agent,
		.send = send_to_agent,
		.answer = answer_agent,
		.stop = stop_agent,
		.may_have = may_have,
		.event = event_of_conn,
		.close = close_conn,
		.run_event = tell_run_event,
		.room = tell_room,
		.spare = tell_spare,
		.ctx = s,
	};

	s->session_wake_ns = SESSION_NEVER;
	ev_init(&s->session_timer, on_timer);
	task_schedule(&s->monitor.tasks[TASK_SESSION_REAPER], 0);
	s->session_timer.data = s;
	s->sessions = sessions_new(&o, e);
	return s->sessions == NULL ? -1 : 0;
}

void
server_close_sessions(struct server *s)
{
	for (struct conn *c = s->conns.first; c != NULL; c = c->next)
		conn_set_session(c, NULL);
	sessions_free(s->sessions);
	s->sessions = NULL;
}
