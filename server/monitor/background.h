/*
 * What goes on in the background, as HEALTH BACKGROUND tells: each task says
 * when it begins, ends and comes again. Main thread.
 */
#ifndef MONITOR_BACKGROUND_H
#define MONITOR_BACKGROUND_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "slice.h"

/* In the order of the rows; new ones go last. */
enum task_id {
	TASK_COMPRESSION,
	TASK_RETENTION,
	TASK_HEALTH_POLL,
	TASK_HISTORY_ROLLUP,
	TASK_INTEGRATION_PROBE,
	TASK_SESSION_REAPER,
	TASK_CERTIFICATE_CHECK,
	TASK_COUNT
};

struct sched;

struct task {
	bool scheduled; /* else `off`, unless it runs */
	bool running;
	uint64_t runs, failures;
	int64_t began_mono_ns;
	int64_t last_ns; /* when it ended; 0: never */
	int64_t duration_ns;
	int64_t next_mono_ns; /* 0: not known */
};

void task_begin(struct task *t);
void task_end(struct task *t, bool failed);
/* It runs again after so long from now; 0: when there is a reason to. */
void task_schedule(struct task *t, int64_t after_ns);

/* The rows of HEALTH BACKGROUND. */
void background_put(struct buf *out, struct slice id,
    const struct task tasks[TASK_COUNT], const struct sched *clock);

#endif
