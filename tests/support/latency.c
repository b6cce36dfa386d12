#include "latency.h"

/* Below LATENCY_SUB each value has its bucket; above, the top 7 bits choose
 * (the first of them is always 1). */
static unsigned
bucket_of(uint64_t ns)
{
	unsigned shift;

	if (ns < LATENCY_SUB)
		return (unsigned)ns;
	shift = 57 - (unsigned)__builtin_clzll(ns);
	return (shift + 1) * LATENCY_SUB +
	    (unsigned)((ns >> shift) - LATENCY_SUB);
}

static uint64_t
bucket_top(unsigned b)
{
	unsigned shift;

	if (b < LATENCY_SUB)
		return b;
	shift = b / LATENCY_SUB - 1;
	return ((uint64_t)(b % LATENCY_SUB + LATENCY_SUB + 1) << shift) - 1;
}

void
latency_add(struct latency *l, uint64_t ns, uint64_t n)
{
	l->count[bucket_of(ns)] += n;
	l->total += n;
	if (ns > l->max_ns)
		l->max_ns = ns;
}

uint64_t
latency_quantile(const struct latency *l, double q)
{
	double wanted = q * (double)l->total;
	uint64_t top, seen = 0;
	unsigned b;

	for (b = 0; b < LATENCY_BUCKETS; b++) {
		seen += l->count[b];
		if (seen > 0 && (double)seen >= wanted) {
			top = bucket_top(b);
			return top < l->max_ns ? top : l->max_ns;
		}
	}
	return 0;
}
