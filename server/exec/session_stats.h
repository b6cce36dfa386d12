/* What HEALTH SESSIONS tells of sessions that began and ended. Main thread. */
#ifndef EXEC_SESSION_STATS_H
#define EXEC_SESSION_STATS_H

#include <stdint.h>

#include "metrics.h"

enum session_end {
	SESSION_END_OTHER,   /* in order, or by command */
	SESSION_END_IDLE,    /* had no work for too long */
	SESSION_END_EXPIRED, /* was too old */
	SESSION_END_ZOMBIE,  /* said nothing */
	SESSION_END_LOST     /* with a run */
};

#define SESSION_BUCKETS 8

struct session_stats {
	uint64_t created, zombies, executions, idle, expired, lost;
	struct rate created_rate, zombie_rate, execution_rate, idle_rate,
	    expired_rate;
	/* Of ended sessions: how many lived at most 1 5 15 60 300 900 1500 s,
	 * any time; had at most 0 1 2 5 10 50 100, any executions. */
	uint64_t seconds_le[SESSION_BUCKETS];
	uint64_t executions_le[SESSION_BUCKETS];
};

void session_stats_ended(struct session_stats *s, int64_t now_mono_ns,
    enum session_end why, int64_t lived_ns, uint64_t executions);

#endif
