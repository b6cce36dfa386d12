/*
 * What the server knows of itself. Its parts are told of events as they
 * happen, and look around on each poll (`polling_interval`):
 *
 *	metrics       distributions and rates
 *	background    tasks that come again
 *	health        sections and their status
 *	agents        how the executions of each rule go
 *	pace          executions, and how late they are
 *
 * Main thread.
 */
#ifndef MONITOR_MONITOR_H
#define MONITOR_MONITOR_H

#include <ev.h>
#include <stdint.h>

#include "background.h"
#include "metrics.h"
#include "pace.h"
#include "sched.h"

struct server;

struct monitor {
	struct server *server;
	ev_timer poll;
	struct task tasks[TASK_COUNT];
	struct pace pace;
	struct window commit_us;
};

void monitor_init(struct monitor *m, struct server *s);
/* Begin to poll, if the configuration says so. */
void monitor_start(struct monitor *m);
void monitor_fini(struct monitor *m);

/* For struct sched_options: fans an event out to all that want it. */
void monitor_observe(struct monitor *m, const struct sched_event *event);
/* For struct store_options. */
void monitor_committed(struct monitor *m, int64_t took_ns);

#endif
