/*
 * How the scheduler keeps pace: executions counted by what became of them,
 * and how long they waited where they should not. Since the start; what was
 * due while the server was down is counted, but late through no fault of the
 * scheduler. Main thread.
 */
#ifndef MONITOR_PACE_H
#define MONITOR_PACE_H

#include <stdint.h>

#include "metrics.h"
#include "sched.h"

struct pace { /* zeroed: none */
	uint64_t triggered;
	uint64_t executed, failed, missed; /* ended; failed: for good */
	uint64_t retried;		   /* attempts that another followed */
	struct window lateness_us;	   /* see struct sched_event */
	struct window queue_wait_us;	   /* from ready to started */
};

void pace_observe(struct pace *p, const struct sched_event *event,
    int64_t now_mono_ns);

#endif
