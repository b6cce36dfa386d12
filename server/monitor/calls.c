#include "calls.h"

#define HALF (CALLS_SLICES / 2)

void
calls_add(struct calls *c, bool failed, bool answered, int64_t took_ns,
    int64_t now_mono_ns)
{
	int64_t no = now_mono_ns / CALLS_SLICE_NS + 1; /* 0 is empty */
	struct calls_slice *slice = &c->slice[no % CALLS_SLICES];

	if (slice->no != no)
		*slice = (struct calls_slice){ .no = no };
	c->newest = no;
	slice->n++;
	slice->failures += failed;
	if (!answered)
		return;
	slice->answered++;
	slice->took_ns += took_ns > 0 ? took_ns : 0; /* the clock was set */
}

void
calls_look(const struct calls *c, struct calls_view *v)
{
	struct trend_part part[2] = { 0 }; /* newer, older */
	uint64_t failures, answered = 0;
	int64_t took_ns = 0;

	for (int i = 0; i < CALLS_SLICES; i++) {
		const struct calls_slice *slice = &c->slice[i];
		int64_t half = (c->newest - slice->no) / HALF;

		if (slice->no == 0 || half > 1)
			continue;
		part[half].n += slice->n;
		part[half].failures += slice->failures;
		answered += slice->answered;
		took_ns += slice->took_ns;
	}
	failures = part[0].failures + part[1].failures;
	*v = (struct calls_view){ .n = part[0].n + part[1].n };
	if (v->n > 0)
		v->error_rate = (double)failures / (double)v->n;
	if (answered > 0)
		v->latency_ns = took_ns / (int64_t)answered;
	v->trend = trend_of(part[0], part[1]);
}
