#include "histogram.h"

/* Below HISTOGRAM_STEPS each value has a bucket; from there on each power of
 * two has HISTOGRAM_STEPS of them. */
unsigned
histogram_bucket(uint64_t value)
{
	unsigned shift;

	if (value < HISTOGRAM_STEPS)
		return (unsigned)value;
	shift = 63u - (unsigned)__builtin_clzll(value) - HISTOGRAM_STEP_BITS;
	if (shift >= HISTOGRAM_VALUE_BITS - HISTOGRAM_STEP_BITS)
		return HISTOGRAM_BUCKETS - 1;
	return shift * HISTOGRAM_STEPS + (unsigned)(value >> shift);
}

uint64_t
histogram_bucket_end(unsigned bucket)
{
	unsigned shift;

	if (bucket < 2 * HISTOGRAM_STEPS)
		return bucket;
	shift = bucket / HISTOGRAM_STEPS - 1;
	return ((uint64_t)(bucket % HISTOGRAM_STEPS + HISTOGRAM_STEPS + 1)
		   << shift) -
	    1;
}

void
histogram_add_n(struct histogram *h, uint64_t value, uint32_t n)
{
	h->count += n;
	h->sum += value * n;
	if (h->max < value)
		h->max = value;
	h->bucket[histogram_bucket(value)] += n;
}

void
histogram_add(struct histogram *h, uint64_t value)
{
	histogram_add_n(h, value, 1);
}

void
histogram_merge(struct histogram *h, const struct histogram *other)
{
	h->count += other->count;
	h->sum += other->sum;
	if (h->max < other->max)
		h->max = other->max;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		h->bucket[i] += other->bucket[i];
}

uint64_t
histogram_quantile(const struct histogram *h, double q)
{
	uint64_t seen = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += h->bucket[i];
		if (seen > 0 && (double)seen >= q * (double)h->count) {
			uint64_t end = histogram_bucket_end(i);

			return end < h->max ? end : h->max;
		}
	}
	return h->max;
}
