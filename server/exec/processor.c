#include "processor.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <ev.h>

#include "agent.h"
#include "execution.h"
#include "keeper.h"
#include "queue.h"

/*
 * Main and the processor thread share two queues and one flag; everything
 * else belongs to one of them. Each run with the processor has a seat: on
 * main's side a number that is taken, on the processor's the execution of
 * that number.
 *
 * Probes have PROCESSOR_PROBES seats of their own, behind those of runs.
 *
 * Invariants:
 *  1. A seat is taken by processor_submit or processor_probe and given back by
 *     the processor_take that returns its run. So there are at most
 *     max_inflight runs here.
 *  2. Main sends at most ORDERS_PER_SEAT orders for a run, the processor at
 *     most REPORTS_PER_SEAT reports; of a session, which has a number in the
 *     same way, at most so many are under way at once. The queues have room
 *     for all of them: a push cannot fail, so neither side ever waits or
 *     drops.
 *  3. Orders arrive in order: a cancel that comes too late meets a free
 *     execution, never the next run on the same seat.
 */
enum {
	ORDERS_PER_SEAT = 4,  /* run, abandon, cancel, forced cancel */
	REPORTS_PER_SEAT = 3, /* started, timed out, finished */
	ORDERS_PER_AGENT = 6, /* start, run, answer, three ways to stop */
	REPORTS_PER_AGENT = 4 /* started, spoke, done, ended */
};

/* Children started before timers, pipes and main get their turn again: about
 * two milliseconds. */
#define ORDERS_PER_TURN 4

#define NETWORK_LIMIT_NS INT64_C(30000000000)

enum order_kind {
	ORDER_RUN,
	ORDER_ABANDON,
	ORDER_CANCEL,
	ORDER_KILL,
	ORDER_AGENT_START,
	ORDER_AGENT_RUN,
	ORDER_AGENT_ANSWER,
	ORDER_AGENT_STOP
};

struct order {
	enum order_kind kind;
	unsigned seat;	 /* or the agent's number */
	struct run *run; /* ORDER_RUN, ORDER_AGENT_START */
	/* ORDER_AGENT_RUN */
	uint64_t execution_id;
	char *line; /* owned */
	size_t line_len;
	enum agent_stop how; /* ORDER_AGENT_STOP */
};

struct report {
	struct run_event event;
	unsigned seat; /* or the agent's number */
};

/* Main's side of a run. */
struct seat {
	uint64_t execution_id;
	bool taken;
	enum order_kind sent; /* the strongest order so far */
};

/* Seats that are free: a stack. */
struct free_seats {
	unsigned *seat;
	unsigned n;
};

struct processor {
	unsigned max_inflight, max_agents;
	unsigned n_seats;
	struct queue *orders;  /* main to processor */
	struct queue *reports; /* processor to main */
	atomic_bool stopping;
	pthread_t thread;

	/* Main's. */
	struct seat *seats;
	struct free_seats for_runs, for_probes, for_agents;

	/* The processor thread's, once it runs. */
	struct executor executor;
	struct err no_cgroups; /* why, if there are none */
	struct execution *executions;
	struct agent *agents;
	unsigned n_running; /* of both */
	ev_async woken;
	ev_prepare turn_over;
	bool unseen; /* reports main was not woken for */
	void (*wake)(void *arg);
	void *wake_arg;
};

/* The processor thread */

static unsigned
seat_of(const struct processor *p, const struct execution *x)
{
	return (unsigned)(x - p->executions);
}

static bool
is_probe(const struct processor *p, unsigned seat)
{
	return seat >= p->max_inflight;
}

static void
report(struct processor *p, unsigned seat, const struct run_event *event)
{
	struct report r = { .event = *event, .seat = seat };

	if (!queue_push(p->reports, &r))
		abort(); /* invariant 2 */
	p->unseen = true;
}

/* Before the loop sleeps: main is woken once for all that a turn brought,
 * which halves the switches between the two. */
static void
on_turn_over(struct ev_loop *loop, ev_prepare *w, int revents)
{
	struct processor *p = w->data;

	(void)loop;
	(void)revents;
	if (!p->unseen)
		return;
	p->unseen = false;
	p->wake(p->wake_arg);
}

static void
on_started(struct execution *x)
{
	struct processor *p = x->executor->arg;
	struct run_event event = {
		.kind = RUN_STARTED,
		.execution_id = x->run->execution_id,
		.owner = x->run->owner,
		.pid = x->pid,
		.started_ns = x->run->started_ns,
	};

	if (!is_probe(p, seat_of(p, x)))
		report(p, seat_of(p, x), &event);
}

static void
on_timed_out(struct execution *x)
{
	struct processor *p = x->executor->arg;
	const struct run_event event = {
		.kind = RUN_TIMED_OUT,
		.execution_id = x->run->execution_id,
		.owner = x->run->owner,
	};

	if (!is_probe(p, seat_of(p, x)))
		report(p, seat_of(p, x), &event);
}

static void
one_less(struct processor *p)
{
	p->n_running--;
	if (p->n_running == 0 && atomic_load(&p->stopping))
		ev_break(p->executor.loop, EVBREAK_ALL);
}

static void
on_ended(struct execution *x, struct run *run)
{
	struct processor *p = x->executor->arg;
	struct run_event event = {
		.kind = is_probe(p, seat_of(p, x)) ? RUN_PROBED : RUN_FINISHED,
		.execution_id = run->execution_id,
		.owner = run->owner,
		.run = run,
	};

	report(p, seat_of(p, x), &event);
	one_less(p);
}

static void
on_agent(struct agent *a, const struct run_event *event)
{
	struct processor *p = a->executor->arg;

	report(p, (unsigned)(a - p->agents), event);
	if (event->kind == AGENT_ENDED)
		one_less(p);
}

static void
obey(struct processor *p, const struct order *o)
{
	switch (o->kind) {
	case ORDER_RUN:
		p->n_running++;
		execution_begin(&p->executions[o->seat], o->run);
		break;
	case ORDER_ABANDON:
		execution_abandon(&p->executions[o->seat]);
		break;
	case ORDER_CANCEL:
	case ORDER_KILL:
		execution_cancel(&p->executions[o->seat],
		    o->kind == ORDER_KILL);
		break;
	case ORDER_AGENT_START:
		p->n_running++;
		agent_begin(&p->agents[o->seat], o->run);
		break;
	case ORDER_AGENT_RUN:
		agent_run(&p->agents[o->seat], o->execution_id,
		    slice_of(o->line, o->line_len));
		free(o->line);
		break;
	case ORDER_AGENT_ANSWER:
		agent_answer(&p->agents[o->seat]);
		break;
	case ORDER_AGENT_STOP:
		agent_stop(&p->agents[o->seat], o->how);
		break;
	}
}

/* The loop ends when the last of them has. */
static void
kill_all(struct processor *p)
{
	unsigned i;

	if (p->n_running == 0)
		ev_break(p->executor.loop, EVBREAK_ALL);
	for (i = 0; i < p->n_seats; i++)
		execution_cancel(&p->executions[i], true);
	for (i = 0; i < p->max_agents; i++)
		agent_stop(&p->agents[i], AGENT_KILL);
}

static void
on_woken(struct ev_loop *loop, ev_async *w, int revents)
{
	struct processor *p = w->data;
	struct order o;
	int n;

	(void)revents;
	if (atomic_load(&p->stopping)) {
		kill_all(p);
		return;
	}
	for (n = 0; n < ORDERS_PER_TURN; n++) {
		if (!queue_pop(p->orders, &o))
			return;
		obey(p, &o);
	}
	ev_async_send(loop, w); /* there may be more */
}

static void *
processor_main(void *arg)
{
	struct processor *p = arg;

	(void)pthread_setname_np(pthread_self(), "processor");
	ev_run(p->executor.loop, 0);
	return NULL;
}

/* Main */

static int
copy_options(struct processor *p, const struct processor_options *o,
    struct err *e)
{
	struct executor *ex = &p->executor;

	p->max_inflight = o->max_inflight;
	p->n_seats = o->max_inflight + PROCESSOR_PROBES;
	p->max_agents = o->max_agents;
	p->wake = o->wake;
	p->wake_arg = o->wake_arg;
	ex->max_output = o->max_output;
	ex->max_line = o->max_line;
	ex->network_limit_ns =
	    o->network_limit_ns > 0 ? o->network_limit_ns : NETWORK_LIMIT_NS;
	ex->started = on_started;
	ex->timed_out = on_timed_out;
	ex->ended = on_ended;
	ex->agent = on_agent;
	ex->arg = p;
	if ((ex->shell_path = strdup(o->shell_path)) == NULL)
		return err_nomem(e);
	return strings_copy(&ex->shell_args, o->shell_args, e);
}

static int
make_free(struct free_seats *f, unsigned first, unsigned end)
{
	if ((f->seat = calloc(end - first, sizeof(*f->seat))) == NULL)
		return -1;
	while (end > first)
		f->seat[f->n++] = --end;
	return 0;
}

static int
make_seats(struct processor *p, struct err *e)
{
	unsigned i, n = p->n_seats;

	p->seats = calloc(n, sizeof(*p->seats));
	p->executions = calloc(n, sizeof(*p->executions));
	p->orders = queue_new((size_t)ORDERS_PER_SEAT * n +
		(size_t)ORDERS_PER_AGENT * p->max_agents,
	    sizeof(struct order));
	p->reports = queue_new((size_t)REPORTS_PER_SEAT * n +
		(size_t)REPORTS_PER_AGENT * p->max_agents,
	    sizeof(struct report));
	if (p->seats == NULL || p->executions == NULL || p->orders == NULL ||
	    p->reports == NULL ||
	    make_free(&p->for_runs, 0, p->max_inflight) == -1 ||
	    make_free(&p->for_probes, p->max_inflight, n) == -1)
		return err_nomem(e);
	for (i = 0; i < n; i++)
		execution_init(&p->executions[i], &p->executor);
	return 0;
}

static int
make_agents(struct processor *p, struct err *e)
{
	unsigned i, n = p->max_agents;

	if (n == 0)
		return 0;
	p->agents = calloc(n, sizeof(*p->agents));
	if (p->agents == NULL || make_free(&p->for_agents, 0, n) == -1)
		return err_nomem(e);
	for (i = 0; i < n; i++)
		agent_init(&p->agents[i], &p->executor);
	return 0;
}

static int
make_loop(struct processor *p, struct err *e)
{
	struct ev_loop *loop;

	/* Not the default loop: that one waits for children itself. */
	if ((loop = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV)) == NULL)
		return err_set(e, ERR_INTERNAL, "cannot make an event loop");
	p->executor.loop = loop;
	ev_async_init(&p->woken, on_woken);
	p->woken.data = p;
	ev_async_start(loop, &p->woken);
	ev_prepare_init(&p->turn_over, on_turn_over);
	p->turn_over.data = p;
	ev_prepare_start(loop, &p->turn_over);
	return 0;
}

/* Signals are main's: the thread is born with all of them blocked, as vspawn
 * requires. And a server that was started with SIGCHLD ignored would find
 * no exit status to wait for. */
static int
start_thread(struct processor *p, struct err *e)
{
	const struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t all, old;
	int rc;

	(void)sigaction(SIGCHLD, &action, NULL);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&p->thread, NULL, processor_main, p);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc != 0)
		return err_set(e, ERR_LIMIT, "cannot start a thread: %s",
		    strerrordesc_np(rc));
	return 0;
}

static void
drop_run(struct run *run)
{
	rule_spec_unref(run->spec);
	run_free(run);
}

/* The thread does not run, or no longer. */
static void
processor_free(struct processor *p)
{
	struct order o;
	struct report r;

	while (p->orders != NULL && queue_pop(p->orders, &o))
		if (o.kind == ORDER_RUN || o.kind == ORDER_AGENT_START)
			drop_run(o.run);
		else if (o.kind == ORDER_AGENT_RUN)
			free(o.line);
	while (p->reports != NULL && queue_pop(p->reports, &r))
		if (r.event.kind == RUN_FINISHED ||
		    r.event.kind == RUN_PROBED || r.event.kind == AGENT_ENDED)
			drop_run(r.event.run);
	queue_free(p->orders);
	queue_free(p->reports);
	runners_close(&p->executor);
	cgroups_close(p->executor.launcher.cgroups);
	if (p->executor.loop != NULL)
		ev_loop_destroy(p->executor.loop);
	launcher_fini(&p->executor.launcher);
	strings_free(&p->executor.shell_args);
	free(p->executor.shell_path);
	token_fini(&p->executor.tokens);
	free(p->agents);
	free(p->for_agents.seat);
	free(p->executions);
	free(p->for_runs.seat);
	free(p->for_probes.seat);
	free(p->seats);
	free(p);
}

struct processor *
processor_start(const struct processor_options *o, struct err *e)
{
	struct processor *p;

	assert(o->max_inflight > 0);
	if ((p = calloc(1, sizeof(*p))) == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	if (launcher_init(&p->executor.launcher, e) == -1) {
		free(p);
		return NULL;
	}
	if (copy_options(p, o, e) == -1 || make_seats(p, e) == -1 ||
	    make_agents(p, e) == -1 || make_loop(p, e) == -1)
		goto fail;
	p->executor.launcher.keeper = o->keeper;
	p->executor.launcher.cgroups =
	    cgroups_open(o->cgroup, o->keeper == NULL ? 0 : o->keeper->pid,
		p->executor.loop, &p->no_cgroups);
	if (start_thread(p, e) == 0)
		return p;
fail:
	processor_free(p);
	return NULL;
}

const char *
processor_cgroups(const struct processor *p, const char **why)
{
	const struct cgroups *g = p->executor.launcher.cgroups;

	*why = g == NULL ? p->no_cgroups.msg : "a controller is missing";
	return g == NULL ? NULL : cgroups_path(g);
}

const struct environment *
processor_environment(const struct processor *p)
{
	return &p->executor.launcher.environment;
}

bool
processor_limits(const struct processor *p, const struct rule_spec *spec)
{
	static const enum rule_option_id option[CGROUP_LIMITS] = {
		[CGROUP_CPU] = OPTION_cpu,
		[CGROUP_MEMORY] = OPTION_memory,
		[CGROUP_PROCESSES] = OPTION_processes,
	};

	for (int i = 0; i < CGROUP_LIMITS; i++)
		if (spec->number[option[i]] > 0 &&
		    !cgroups_can(p->executor.launcher.cgroups,
			(enum cgroup_limit)i))
			return false;
	return true;
}

static void
send_order(struct processor *p, const struct order *o)
{
	if (!queue_push(p->orders, o))
		abort(); /* invariant 2 */
	ev_async_send(p->executor.loop, &p->woken);
}

static bool
submit(struct processor *p, struct free_seats *f, struct run *run)
{
	struct order o = { .kind = ORDER_RUN, .run = run };

	if (f->n == 0)
		return false;
	o.seat = f->seat[--f->n];
	p->seats[o.seat].taken = true;
	p->seats[o.seat].execution_id = run->execution_id;
	p->seats[o.seat].sent = o.kind;
	send_order(p, &o);
	return true;
}

bool
processor_submit(struct processor *p, struct run *run)
{
	return submit(p, &p->for_runs, run);
}

bool
processor_probe(struct processor *p, struct run *run)
{
	return submit(p, &p->for_probes, run);
}

/* A run's order that is stronger than those it had. */
static void
press(struct processor *p, unsigned seat, enum order_kind kind)
{
	const struct order o = { .kind = kind, .seat = seat };
	struct seat *s = &p->seats[seat];

	if (!s->taken || kind <= s->sent)
		return;
	s->sent = kind;
	send_order(p, &o);
}

void
processor_cancel(struct processor *p, uint64_t execution_id, bool force)
{
	unsigned i;

	for (i = 0; i < p->max_inflight; i++)
		if (p->seats[i].taken &&
		    p->seats[i].execution_id == execution_id) {
			press(p, i, force ? ORDER_KILL : ORDER_CANCEL);
			return;
		}
}

void
processor_abandon(struct processor *p)
{
	unsigned i;

	for (i = 0; i < p->max_inflight; i++)
		press(p, i, ORDER_ABANDON);
}

int
processor_agent_start(struct processor *p, struct run *launch)
{
	struct order o = { .kind = ORDER_AGENT_START, .run = launch };

	if (p->for_agents.n == 0)
		return -1;
	o.seat = p->for_agents.seat[--p->for_agents.n];
	send_order(p, &o);
	return (int)o.seat;
}

void
processor_agent_run(struct processor *p, unsigned agent, uint64_t execution_id,
    char *line, size_t n)
{
	const struct order o = { .kind = ORDER_AGENT_RUN,
		.seat = agent,
		.execution_id = execution_id,
		.line = line,
		.line_len = n };

	send_order(p, &o);
}

void
processor_agent_answer(struct processor *p, unsigned agent)
{
	const struct order o = { .kind = ORDER_AGENT_ANSWER, .seat = agent };

	send_order(p, &o);
}

void
processor_agent_stop(struct processor *p, unsigned agent, enum agent_stop how)
{
	const struct order o = { .kind = ORDER_AGENT_STOP,
		.seat = agent,
		.how = how };

	send_order(p, &o);
}

bool
processor_take(struct processor *p, struct run_event *event)
{
	struct free_seats *f = NULL;
	struct report r;

	if (!queue_pop(p->reports, &r))
		return false;
	*event = r.event;
	if (event->kind == AGENT_ENDED) {
		f = &p->for_agents;
	} else if (event->kind == RUN_FINISHED || event->kind == RUN_PROBED) {
		f = is_probe(p, r.seat) ? &p->for_probes : &p->for_runs;
		p->seats[r.seat].taken = false;
	}
	if (f != NULL)
		f->seat[f->n++] = r.seat;
	return true;
}

void
processor_stop(struct processor *p)
{
	atomic_store(&p->stopping, true);
	ev_async_send(p->executor.loop, &p->woken);
	(void)pthread_join(p->thread, NULL);
	processor_free(p);
}
