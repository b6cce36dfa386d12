#include "rollup_task.h"

#include "alert.h"
#include "os.h"
#include "rollup.h"
#include "server.h"
#include "tstamp.h"

#define TIDY_NS (3600 * NS_PER_S)
#define SLICE_PAUSE 0.02

/* Some of the work: true at the end. */
static bool
work(struct rollup_task *t)
{
	int64_t now_ns = os->wall_ns();

	if (!rollup_save(t->rollup))
		return false;
	if (now_ns >= t->tidied_ns && now_ns - t->tidied_ns < TIDY_NS)
		return true;
	if (!rollup_tidy(t->rollup, now_ns))
		return false;
	t->tidied_ns = now_ns;
	return true;
}

static void
on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct server *s = w->data;
	struct task *task = &s->monitor.tasks[TASK_HISTORY_ROLLUP];
	struct rollup_task *t = &s->monitor.history;

	(void)revents;
	if (!task->running)
		task_begin(task);
	if (work(t)) {
		task_end(task, rollup_refused(t->rollup) > 0);
		task_schedule(task, ROLLUP_SAVE_NS);
		w->repeat = (double)ROLLUP_SAVE_NS / NS_PER_S;
	} else {
		w->repeat = SLICE_PAUSE;
	}
	ev_timer_again(loop, w);
}

int
rollup_task_open(struct rollup_task *t, struct server *s, struct err *e)
{
	ev_init(&t->timer, on_timer);
	t->timer.data = s;
	t->rollup = rollup_open(s->store, e);
	return t->rollup == NULL ? -1 : 0;
}

void
rollup_task_start(struct rollup_task *t)
{
	struct server *s = t->timer.data;

	t->timer.repeat = (double)ROLLUP_SAVE_NS / NS_PER_S;
	ev_timer_again(s->loop, &t->timer);
	task_schedule(&s->monitor.tasks[TASK_HISTORY_ROLLUP], ROLLUP_SAVE_NS);
}

void
rollup_task_look(const struct rollup_task *t, struct poll_sample *out)
{
	const struct server *s = t->timer.data;
	const struct system_sample *sample = &s->monitor.system.sample;
	struct sched_stats sched;

	sched_stats(s->sched, &sched);
	*out = (struct poll_sample){ .cpu = sample->cpu_usage,
		.memory = sample->memory_usage,
		.queue_depth = sched.pending,
		.alerts = alerts_active(s->monitor.alerts),
		.status = health_of_all(alerts_stats(s->monitor.alerts)) };
}

void
rollup_task_poll(struct rollup_task *t)
{
	struct poll_sample sample;

	rollup_task_look(t, &sample);
	rollup_poll(t->rollup, &sample, os->wall_ns());
}

bool
rollup_task_finish(struct rollup_task *t)
{
	struct server *s = t->timer.data;

	if (t->finished)
		return true;
	t->finished = rollup_save(t->rollup);
	store_kick(s->store);
	return t->finished && store_idle(s->store);
}

void
rollup_task_fini(struct rollup_task *t)
{
	struct server *s = t->timer.data;

	if (t->rollup == NULL)
		return;
	if (!t->finished) { /* there was no time: as much as goes at once */
		(void)rollup_save(t->rollup);
		store_kick(s->store);
	}
	rollup_free(t->rollup);
}
