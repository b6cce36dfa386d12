/*
 * Numbers over time that cost nanoseconds to add to: the distribution of the
 * last five minutes, and the rate of the last minute. Zeroed structs are
 * empty. Times are monotonic. Main thread.
 */
#ifndef MONITOR_METRICS_H
#define MONITOR_METRICS_H

#include <stdint.h>

#include "histogram.h"
#include "tstamp.h"

/*
 * A sliding window of values, in slices: what it tells is of the last
 * WINDOW_SLICES - 1 whole slices and the one begun, so of 4.5 to 5 minutes.
 * Quantiles are those of histogram.h. About 25 KiB.
 */
#define WINDOW_SLICES 10
#define WINDOW_SLICE_NS (30 * NS_PER_S)

struct window {
	int64_t slice_no[WINDOW_SLICES];
	struct histogram slice[WINDOW_SLICES];
};

void window_add(struct window *w, int64_t now_mono_ns, uint64_t value);
void window_add_n(struct window *w, int64_t now_mono_ns, uint64_t value,
    uint32_t n);
/* The values of the window in one. */
void window_sum(const struct window *w, int64_t now_mono_ns,
    struct histogram *out);

/* Counts of the last RATE_SECONDS seconds, the one begun included. */
#define RATE_SECONDS 60

struct rate {
	int64_t second[RATE_SECONDS];
	uint64_t n[RATE_SECONDS];
};

void rate_add(struct rate *r, int64_t now_mono_ns, uint64_t n);
uint64_t rate_sum(const struct rate *r, int64_t now_mono_ns);

#endif
