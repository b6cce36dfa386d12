#include "background.h"

#include "metric.h"
#include "os.h"
#include "sched.h"

static const char *const task_words[TASK_COUNT] = {
	[TASK_COMPRESSION] = "compression",
	[TASK_RETENTION] = "retention",
	[TASK_HEALTH_POLL] = "health_poll",
	[TASK_HISTORY_ROLLUP] = "history_rollup",
	[TASK_INTEGRATION_PROBE] = "integration_probe",
	[TASK_SESSION_REAPER] = "session_reaper",
	[TASK_CERTIFICATE_CHECK] = "certificate_check",
};

void
task_begin(struct task *t)
{
	t->running = true;
	t->began_mono_ns = os->mono_ns();
}

void
task_end(struct task *t, bool failed)
{
	t->running = false;
	t->runs++;
	t->failures += failed;
	t->last_ns = os->wall_ns();
	t->duration_ns = os->mono_ns() - t->began_mono_ns;
}

void
task_schedule(struct task *t, int64_t after_ns)
{
	t->scheduled = true;
	t->next_mono_ns = after_ns == 0 ? 0 : os->mono_ns() + after_ns;
}

static const char *
state_word(const struct task *t)
{
	if (t->running)
		return "running";
	return t->scheduled ? "idle" : "off";
}

void
background_put(struct buf *out, struct slice id,
    const struct task tasks[TASK_COUNT], const struct sched *clock)
{
	for (int i = 0; i < TASK_COUNT; i++) {
		const struct task *t = &tasks[i];
		struct metric_value v[METRIC_COUNT];

		v[METRIC_BACKGROUND_task].word = task_words[i];
		v[METRIC_BACKGROUND_state].word = state_word(t);
		v[METRIC_BACKGROUND_runs].number = t->runs;
		v[METRIC_BACKGROUND_failures].number = t->failures;
		v[METRIC_BACKGROUND_last_ns].ns = t->last_ns;
		v[METRIC_BACKGROUND_last_ms].ns = t->duration_ns;
		v[METRIC_BACKGROUND_next_ns].ns = t->next_mono_ns == 0
		    ? 0
		    : sched_wall_of(clock, t->next_mono_ns);
		metric_put_row(out, id, METRIC_SECTION_BACKGROUND, v);
	}
}
