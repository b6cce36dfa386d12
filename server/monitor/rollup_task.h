/*
 * When the history (rollup.h) is saved, every ROLLUP_SAVE_NS and at a clean
 * stop, and made small, once an hour. Main thread.
 */
#ifndef MONITOR_ROLLUP_TASK_H
#define MONITOR_ROLLUP_TASK_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "bucket.h"
#include "err.h"

struct rollup;
struct server;

struct rollup_task {
	struct rollup *rollup; /* owned */
	ev_timer timer;
	int64_t tidied_ns; /* when it was last made small */
	bool finished;
};

/* 0, or -1 with *e. */
int rollup_task_open(struct rollup_task *t, struct server *s, struct err *e);
void rollup_task_start(struct rollup_task *t);
/* The system as it is now; and take note of it, on each poll. */
void rollup_task_look(const struct rollup_task *t, struct poll_sample *out);
void rollup_task_poll(struct rollup_task *t);
/* Nothing will be added any more, and the store is idle: save the last of it.
 * False: call again when the store is idle. */
bool rollup_task_finish(struct rollup_task *t);
void rollup_task_fini(struct rollup_task *t);

#endif
