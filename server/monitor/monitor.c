#include "monitor.h"

#include "agents.h"
#include "alert.h"
#include "os.h"
#include "server.h"
#include "tstamp.h"

static void
schedule_polls(struct monitor *m)
{
	int64_t interval = m->server->config->health_polling_interval;

	task_schedule(&m->tasks[TASK_HEALTH_POLL], interval);
	task_schedule(&m->tasks[TASK_INTEGRATION_PROBE], interval);
}

/* A poll goes on: samples have been taken; alerts from them, history of both,
 * events. False: there is more. */
static bool
poll_step(struct monitor *m)
{
	if (m->conditions.running) {
		if (!conditions_step(&m->conditions, m->server))
			return false;
		rollup_task_poll(&m->history);
		m->told = (struct watch_walk){ 0 };
	}
	return watch_health(m->server, &m->told);
}

static void
on_poll_slice(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct monitor *m = w->data;

	(void)revents;
	if (!poll_step(m)) {
		ev_timer_start(loop, &m->poll_slice);
		return;
	}
	task_end(&m->tasks[TASK_HEALTH_POLL], false);
	schedule_polls(m);
}

static void
on_poll(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct monitor *m = w->data;

	if (m->tasks[TASK_HEALTH_POLL].running)
		return; /* the last one still goes on */
	task_begin(&m->tasks[TASK_HEALTH_POLL]);
	probing_poll(m->server);
	system_look(&m->system);
	store_check(m->server->store);
	conditions_begin(&m->conditions, m->server);
	on_poll_slice(loop, &m->poll_slice, revents);
}

void
monitor_init(struct monitor *m, struct server *s)
{
	m->server = s;
	ev_init(&m->poll, on_poll);
	ev_timer_init(&m->poll_slice, on_poll_slice, 0, 0);
	m->poll.data = m->poll_slice.data = m;
	system_init(&m->system, "/proc",
	    s->config->database_persistence == PERSISTENCE_MEMORY
		? NULL
		: s->config->database_logfile_path);
}

static void
on_alert(void *ctx, enum alert_event event, const struct alert *a)
{
	watch_alert(ctx, event, a);
}

static struct slice
namespace_of(void *ctx, const struct rule *rule)
{
	return server_namespace_of(ctx, rule);
}

int
monitor_open(struct monitor *m, struct err *e)
{
	const struct alerts_options o = {
		.config = m->server->config,
		.store = m->server->store,
		.tell = on_alert,
		.ctx = m->server,
	};
	struct integrations_options io = {
		.store = m->server->store,
		.probe_limit_ns = m->server->config->health_probe_timeout,
		.namespace_of = namespace_of,
		.ctx = m->server,
	};

	if (rollup_task_open(&m->history, m->server, e) == -1 ||
	    (m->alerts = alerts_new(&o, e)) == NULL)
		return -1;
	io.history = m->history.rollup;
	m->integrations = integrations_new(&io, e);
	return m->integrations == NULL ? -1 : 0;
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
	schedule_polls(m);
}

bool
monitor_save(struct monitor *m)
{
	return rollup_task_finish(&m->history);
}

void
monitor_fini(struct monitor *m)
{
	integrations_free(m->integrations);
	rollup_task_fini(&m->history);
	agents_fini(m->server);
	alerts_free(m->alerts);
}

void
monitor_observe(struct monitor *m, const struct sched_event *event)
{
	agents_observe(m->server, event);
	pace_observe(&m->pace, event, os->mono_ns());
	if (event->kind == SCHED_ENDED && event->spec != NULL &&
	    event->run != NULL)
		integrations_called(m->integrations, slice_str(event->rule),
		    event->spec, event->run, os->mono_ns());
	watch_execution(m->server, event);
}

void
monitor_rule_changed(struct monitor *m, const struct rule *rule)
{
	integrations_rule_changed(m->integrations, rule);
}

void
monitor_rule_removed(struct monitor *m, struct rule *rule)
{
	agents_forget(rule);
	integrations_rule_removed(m->integrations, rule);
}

void
monitor_namespaces_changed(struct monitor *m)
{
	const struct rules *rules = store_rules(m->server->store);

	for (uint32_t i = 1; i < rules->n_slots; i++)
		if (rules_by_slot(rules, i) != NULL)
			integrations_rule_changed(m->integrations,
			    rules_by_slot(rules, i));
}

void
monitor_committed(struct monitor *m, int64_t took_ns)
{
	window_add(&m->commit_us, os->mono_ns(), (uint64_t)took_ns / NS_PER_US);
}
