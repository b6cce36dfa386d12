/*
 * What the server knows of itself. Its parts are told of events as they
 * happen, and look around on each poll (`polling_interval`):
 *
 *	metrics       distributions and rates
 *	background    tasks that come again
 *	health        sections and their status
 *	agents        how the executions of each rule go
 *	alert         what is wrong, and who has taken note
 *	conditions    what is judged to be wrong
 *	pace          executions, and how late they are
 *	rollup        what happened by hour and by day, durable
 *	traffic       requests, their errors and latencies
 *	system        the machine and the process
 *	integrations  how calls of other systems go
 *	probing       looking after those that are set
 *
 * Main thread.
 */
#ifndef MONITOR_MONITOR_H
#define MONITOR_MONITOR_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "background.h"
#include "conditions.h"
#include "err.h"
#include "integrations.h"
#include "metrics.h"
#include "pace.h"
#include "probing.h"
#include "rollup_task.h"
#include "sched.h"
#include "system.h"
#include "watch.h"

struct server;

struct monitor {
	struct server *server;
	ev_timer poll, poll_slice;
	struct task tasks[TASK_COUNT];
	struct pace pace;
	struct window commit_us;
	struct system system;
	struct rollup_task history;
	struct integrations *integrations; /* owned */
	struct probing probing;
	struct alerts *alerts;
	struct conditions conditions;
	struct watch_walk told; /* of this poll */
};

void monitor_init(struct monitor *m, struct server *s);
/* Read from the store what is kept there; before the scheduler begins. 0, or
 * -1 with *e. */
int monitor_open(struct monitor *m, struct err *e);
/* Begin to poll, if the configuration says so. */
void monitor_start(struct monitor *m);
/* At a clean stop, when no execution runs any more and the store is idle: ask
 * it to keep what is still in memory. False: ask again when it is idle. */
bool monitor_save(struct monitor *m);
void monitor_fini(struct monitor *m);

/* For struct sched_options: fan out to all that want to know. */
void monitor_observe(struct monitor *m, const struct sched_event *event);
void monitor_rule_changed(struct monitor *m, const struct rule *rule);
void monitor_rule_removed(struct monitor *m, struct rule *rule);
/* Rules lie in other namespaces of auth_file than before. */
void monitor_namespaces_changed(struct monitor *m);
/* For struct store_options. */
void monitor_committed(struct monitor *m, int64_t took_ns);

#endif
