/*
 * Slices and seconds are kept in rings, each with its number; one whose
 * number is too old counts as empty, and is emptied when its turn comes.
 * Numbers begin at 1, so that a zeroed ring is empty.
 */
#include "metrics.h"

#include <string.h>

static int64_t
slice_no(int64_t now_mono_ns)
{
	return now_mono_ns / WINDOW_SLICE_NS + 1;
}

void
window_add_n(struct window *w, int64_t now_mono_ns, uint64_t value, uint32_t n)
{
	int64_t no = slice_no(now_mono_ns);
	size_t i = (size_t)no % WINDOW_SLICES;

	if (w->slice_no[i] != no) {
		memset(&w->slice[i], 0, sizeof(w->slice[i]));
		w->slice_no[i] = no;
	}
	histogram_add_n(&w->slice[i], value, n);
}

void
window_add(struct window *w, int64_t now_mono_ns, uint64_t value)
{
	window_add_n(w, now_mono_ns, value, 1);
}

void
window_sum(const struct window *w, int64_t now_mono_ns, struct histogram *out)
{
	int64_t oldest = slice_no(now_mono_ns) - WINDOW_SLICES + 1;

	memset(out, 0, sizeof(*out));
	for (int i = 0; i < WINDOW_SLICES; i++)
		if (w->slice_no[i] >= oldest && w->slice_no[i] > 0)
			histogram_merge(out, &w->slice[i]);
}

static int64_t
second_no(int64_t now_mono_ns)
{
	return now_mono_ns / NS_PER_S + 1;
}

void
rate_add(struct rate *r, int64_t now_mono_ns, uint64_t n)
{
	int64_t second = second_no(now_mono_ns);
	size_t i = (size_t)second % RATE_SECONDS;

	if (r->second[i] != second) {
		r->second[i] = second;
		r->n[i] = 0;
	}
	r->n[i] += n;
}

uint64_t
rate_sum(const struct rate *r, int64_t now_mono_ns)
{
	int64_t oldest = second_no(now_mono_ns) - RATE_SECONDS + 1;
	uint64_t sum = 0;

	for (int i = 0; i < RATE_SECONDS; i++)
		if (r->second[i] >= oldest && r->second[i] > 0)
			sum += r->n[i];
	return sum;
}
