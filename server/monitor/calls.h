/*
 * The recent calls of something: how many fail, how long they take, and where
 * that is going. They are counted in slices of CALLS_SLICE_NS; recent are the
 * last CALLS_SLICES of them up to the last call, so the 4.5 to 5 minutes
 * before it: who is seldom called is judged by that one call. The trend
 * compares the newer half with the older. A zeroed struct is empty. 330 bytes.
 */
#ifndef MONITOR_CALLS_H
#define MONITOR_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#include "trend.h"
#include "tstamp.h"

#define CALLS_SLICES 10
#define CALLS_SLICE_NS (30 * NS_PER_S)

struct calls {
	int64_t newest; /* number of the slice of the last call; 0: none */
	struct calls_slice {
		int64_t no;
		uint32_t n, failures, answered;
		int64_t took_ns; /* of those answered, together */
	} slice[CALLS_SLICES];
};

void calls_add(struct calls *c, bool failed, bool answered, int64_t took_ns,
    int64_t now_mono_ns);

struct calls_view {
	uint64_t n;
	double error_rate;  /* 0: no call */
	int64_t latency_ns; /* mean of those answered; 0: none was */
	enum trend trend;
};

void calls_look(const struct calls *c, struct calls_view *v);

#endif
