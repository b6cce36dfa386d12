/*
 * What the wall clock has done, seen from the monotonic one. Everything
 * measured is of the latter; here is how a time of it is shown, whether the
 * wall clock has been set, and which of its times it has gone through.
 *
 * A stretch is a time in which the wall clock ran on without being set. Times
 * of a former stretch may lie ahead, when the clock was set back: what was due
 * in them has been taken then.
 */
#ifndef SCHED_CLOCK_H
#define SCHED_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_STRETCHES 8 /* that are remembered, of those that are over */

struct clock_stretch {
	int64_t from_ns, to_ns; /* from: not itself in it */
};

struct clock {
	int64_t offset_ns; /* wall less monotonic, when last looked at */
	int64_t from_ns;   /* where the present stretch began */
	struct clock_stretch past[CLOCK_STRETCHES];
	unsigned n_past;
	uint32_t n_set; /* how often it was set */
};

enum clock_change { CLOCK_RUNS, CLOCK_SET_FORWARD, CLOCK_SET_BACK };

void clock_init(struct clock *c, int64_t wall_ns, int64_t mono_ns);

/* Whether the wall clock has been set since they were looked at last; and look
 * at them. */
bool clock_is_set(const struct clock *c, int64_t wall_ns, int64_t mono_ns);
enum clock_change clock_look(struct clock *c, int64_t wall_ns, int64_t mono_ns);

/* A monotonic time on the wall clock as it was set when last looked at. It
 * stays the same until the clock is set. */
int64_t clock_wall(const struct clock *c, int64_t mono_ns);

/* The monotonic time has not come although clock_wall says it has: take the
 * clocks exactly as they are. */
void clock_adjust(struct clock *c, int64_t wall_ns, int64_t mono_ns);

/* Whether a former stretch went through this time; *to_ns: where it ended. */
bool clock_passed(const struct clock *c, int64_t wall_ns, int64_t *to_ns);

#endif
