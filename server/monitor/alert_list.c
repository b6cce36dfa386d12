#include "alert_internal.h"

#include <stdlib.h>
#include <string.h>

struct alert **
alerts_bucket(struct alerts *s, enum alert_condition condition,
    struct slice source)
{
	uint32_t h = 2166136261u ^ (uint32_t)condition; /* FNV-1a */

	for (size_t i = 0; i < source.len; i++)
		h = (h ^ (unsigned char)source.ptr[i]) * 16777619u;
	return &s->bucket[h % ALERT_BUCKETS];
}

struct slice
alert_source(const struct alert *a)
{
	return slice_of(a->source, a->source_len);
}

struct alert *
alerts_find_live(struct alerts *s, enum alert_condition condition,
    struct slice source)
{
	struct alert *a = *alerts_bucket(s, condition, source);

	while (a != NULL &&
	    (a->condition != condition || !slice_eq(alert_source(a), source)))
		a = a->next;
	return a;
}

bool
alert_is_of_many(const struct alert *a)
{
	return alert_conditions[a->condition].self == NULL;
}

void
alert_enter(struct alert *a)
{
	struct alert **at =
	    alerts_bucket(a->owner, a->condition, alert_source(a));

	a->next = *at;
	*at = a;
	a->owner->n_sources += alert_is_of_many(a);
}

void
alert_leave(struct alert *a, struct alert **at)
{
	*at = a->next;
	a->next = NULL;
	a->owner->n_sources -= alert_is_of_many(a);
}

struct alert *
alert_new(struct alerts *s, enum alert_condition condition, struct slice source)
{
	struct alert *a = calloc(1, sizeof(*a) + source.len + 1);

	if (a == NULL)
		return NULL;
	a->owner = s;
	a->condition = condition;
	a->source_len = (uint8_t)source.len;
	memcpy(a->source, source.ptr, source.len);
	return a;
}

struct alert_place
alert_place(const struct alert *a)
{
	return (struct alert_place){ a->severity, a->raised_ns, a->id };
}

static int
place_cmp(const struct alert_place *a, const struct alert_place *b)
{
	if (a->severity != b->severity)
		return a->severity > b->severity ? -1 : 1;
	if (a->raised_ns != b->raised_ns)
		return a->raised_ns > b->raised_ns ? -1 : 1;
	return (a->id < b->id) - (a->id > b->id);
}

/* How many of the list come before a place, or (with) at it. */
static size_t
rank(const struct alerts *s, const struct alert_place *place, bool with)
{
	size_t low = 0, high = s->n_shown;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		struct alert_place there = alert_place(s->shown[middle]);
		int order = place_cmp(&there, place);

		if (order < 0 || (with && order == 0))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool
alerts_reserve(struct alerts *s)
{
	size_t cap = s->cap_shown == 0 ? 64 : 2 * s->cap_shown;
	struct alert **shown;

	if (s->n_shown + s->n_hidden < s->cap_shown)
		return true;
	if ((shown = realloc(s->shown, cap * sizeof(struct alert *))) == NULL)
		return false;
	s->shown = shown;
	s->cap_shown = cap;
	return true;
}

void
alert_show(struct alert *a)
{
	struct alerts *s = a->owner;
	struct alert_place place = alert_place(a);
	size_t i = rank(s, &place, false);

	memmove(&s->shown[i + 1], &s->shown[i],
	    (s->n_shown - i) * sizeof(struct alert *));
	s->shown[i] = a;
	s->n_shown++;
}

void
alert_hide(struct alert *a)
{
	struct alerts *s = a->owner;
	struct alert_place place = alert_place(a);
	size_t i = rank(s, &place, false);

	s->n_shown--;
	memmove(&s->shown[i], &s->shown[i + 1],
	    (s->n_shown - i) * sizeof(struct alert *));
}

const struct alert *
alerts_next(const struct alerts *s, const struct alert_place *after)
{
	size_t i = after == NULL ? 0 : rank(s, after, true);

	return i < s->n_shown ? s->shown[i] : NULL;
}

struct alert *
alerts_find(const struct alerts *s, uint64_t id)
{
	for (size_t i = 0; i < s->n_shown; i++)
		if (s->shown[i]->id == id)
			return s->shown[i];
	return NULL;
}

static void
adjust(size_t *n, bool more)
{
	if (more)
		++*n;
	else
		--*n;
}

static void
tally(struct alerts_stats *stats, const struct alert *a, bool comes)
{
	adjust(&stats->active[a->severity], comes);
	if (a->acknowledged)
		adjust(&stats->acknowledged, comes);
	for (int i = 0; i < HEALTH_SECTION_COUNT; i++)
		if (alert_conditions[a->condition].sections & 1u << i)
			adjust(&stats->in_section[i][a->severity], comes);
}

void
alert_tally(const struct alert *a, bool comes)
{
	tally(&a->owner->stats, a, comes);
}

void
alerts_count(const struct alerts *s, alerts_filter_cb *sees, const void *ctx,
    struct alerts_stats *out)
{
	*out = (struct alerts_stats){ 0 };
	for (size_t i = 0; i < s->n_shown; i++) {
		const struct alert *a = s->shown[i];

		if (!sees(ctx, a))
			continue;
		out->raised++;
		if (a->cleared_ns == 0)
			tally(out, a, true);
		else
			out->cleared++;
	}
}

void
alert_line_up(struct alert *a)
{
	struct alerts *s = a->owner;

	a->next = NULL;
	*s->cleared_end = a;
	s->cleared_end = &a->next;
	s->n_cleared++;
}

struct alert *
alerts_take_cleared(struct alerts *s)
{
	struct alert *a = s->cleared;

	s->cleared = a->next;
	if (s->cleared == NULL)
		s->cleared_end = &s->cleared;
	s->n_cleared--;
	return a;
}
