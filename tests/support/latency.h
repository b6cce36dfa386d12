/*
 * A histogram of durations: 64 buckets for each power of two of nanoseconds,
 * so a quantile is at most 1.6 % above the true one, the maximum exact.
 */
#ifndef SUPPORT_LATENCY_H
#define SUPPORT_LATENCY_H

#include <stdint.h>

#define LATENCY_SUB 64
#define LATENCY_BUCKETS ((64 - 5) * LATENCY_SUB)

struct latency {
	uint64_t count[LATENCY_BUCKETS];
	uint64_t total;
	uint64_t max_ns;
};

/* Count a duration n times. */
void latency_add(struct latency *l, uint64_t ns, uint64_t n);

/* The smallest upper bound of the share q (0..1) of all, in nanoseconds; 0
 * when there are none. */
uint64_t latency_quantile(const struct latency *l, double q);

#endif
