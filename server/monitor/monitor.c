#include "monitor.h"

#include "agents.h"
#include "os.h"
#include "server.h"
#include "tstamp.h"

static void
on_poll(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct monitor *m = w->data;
	struct task *task = &m->tasks[TASK_HEALTH_POLL];

	(void)loop;
	(void)revents;
	task_begin(task);
	/* In this order: samples, alerts from them, history of both, events. */
	system_look(&m->system);
	rollup_task_poll(&m->history);
	watch_health(m->server);
	task_end(task, false);
	task_schedule(task, m->server->config->health_polling_interval);
}

void
monitor_init(struct monitor *m, struct server *s)
{
	m->server = s;
	ev_init(&m->poll, on_poll);
	m->poll.data = m;
	system_init(&m->system, "/proc",
	    s->config->database_persistence == PERSISTENCE_MEMORY
		? NULL
		: s->config->database_logfile_path);
}

int
monitor_open(struct monitor *m, struct err *e)
{
	return rollup_task_open(&m->history, m->server, e);
}

void
monitor_start(struct monitor *m)
{
	const struct config *c = m->server->config;

	system_look(&m->system); /* use of the processor counts from here */
	rollup_task_start(&m->history);
	if (!c->health_polling_enabled)
		return;
	m->poll.repeat = (double)c->health_polling_interval / NS_PER_S;
	ev_timer_again(m->server->loop, &m->poll);
	task_schedule(&m->tasks[TASK_HEALTH_POLL], c->health_polling_interval);
}

bool
monitor_save(struct monitor *m)
{
	return rollup_task_finish(&m->history);
}

void
monitor_fini(struct monitor *m)
{
	rollup_task_fini(&m->history);
	agents_fini(m->server);
}

void
monitor_observe(struct monitor *m, const struct sched_event *event)
{
	agents_observe(m->server, event);
	pace_observe(&m->pace, event, os->mono_ns());
	watch_execution(m->server, event);
}

void
monitor_committed(struct monitor *m, int64_t took_ns)
{
	window_add(&m->commit_us, os->mono_ns(), (uint64_t)took_ns / NS_PER_US);
}
