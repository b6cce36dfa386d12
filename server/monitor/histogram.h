/*
 * Counts of values by size, in buckets that are linear within each power of
 * two: a quantile is right to one part in HISTOGRAM_STEPS, adding costs a few
 * instructions, memory is fixed. A zeroed struct is empty. One thread.
 */
#ifndef MONITOR_HISTOGRAM_H
#define MONITOR_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEP_BITS 4u
#define HISTOGRAM_STEPS (1u << HISTOGRAM_STEP_BITS)
#define HISTOGRAM_VALUE_BITS 42u /* over an hour of nanoseconds */
#define HISTOGRAM_BUCKETS \
	((HISTOGRAM_VALUE_BITS - HISTOGRAM_STEP_BITS + 1) * HISTOGRAM_STEPS)

/* The bucket of a value, below HISTOGRAM_BUCKETS, and the largest value that
 * belongs to one: for who keeps counts of another size. */
unsigned histogram_bucket(uint64_t value);
uint64_t histogram_bucket_end(unsigned bucket);

struct histogram {
	uint64_t count;
	uint64_t sum;
	uint64_t max;
	uint32_t bucket[HISTOGRAM_BUCKETS];
};

/* Larger values than the buckets reach count in the last one. */
void histogram_add(struct histogram *h, uint64_t value);
/* Add a value n times. */
void histogram_add_n(struct histogram *h, uint64_t value, uint32_t n);

/* Add all of the other's values. */
void histogram_merge(struct histogram *h, const struct histogram *other);

/* The value that a share q (0..1) of all does not exceed, as the upper end of
 * its bucket, never above the maximum; 0 when empty. */
uint64_t histogram_quantile(const struct histogram *h, double q);

#endif
