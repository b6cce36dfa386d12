/*
 * Subscribers stand in a ring and have their turn one after the other. A round
 * in which none had anything left ends the work; a new event begins another.
 *
 * Invariants:
 *  E1  first <= s->at <= head, or s is behind and has lost first - s->at
 *      events, of which its viewer saw viewer->forgotten - s->passed.
 *  E2  When s->at is head, s->passed is viewer->published.
 */
#include "hub.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "os.h"
#include "tstamp.h"

/* Told to one subscriber before it is another's turn. */
#define EVENTS_A_TURN 16

struct event {
	unsigned topic;
	unsigned n_bits; /* of viewers that were there */
	uint32_t subject_len, row_len;
	unsigned char bytes[]; /* the bits, the subject, the row */
};

static size_t
bits_len(const struct event *e)
{
	return (e->n_bits + 7) / 8;
}

static size_t
event_len(const struct event *e)
{
	return sizeof(*e) + bits_len(e) + e->subject_len + e->row_len;
}

static struct slice
event_subject(const struct event *e)
{
	return slice_of((const char *)e->bytes + bits_len(e), e->subject_len);
}

static struct slice
event_row(const struct event *e)
{
	return slice_of((const char *)e->bytes + bits_len(e) + e->subject_len,
	    e->row_len);
}

static bool
is_visible(const struct event *e, const struct viewer *v)
{
	return v->index < e->n_bits &&
	    (e->bytes[v->index / 8] & 1u << v->index % 8) != 0;
}

static struct event **
place(struct hub *h, uint64_t number)
{
	return &h->event[number % HUB_EVENTS];
}

static void
forget_oldest(struct hub *h)
{
	struct event **at = place(h, h->first);

	for (struct viewer *v = h->viewers; v != NULL; v = v->next)
		if (h->first >= v->since && is_visible(*at, v))
			v->forgotten[(*at)->topic]++;
	h->bytes -= event_len(*at);
	free(*at);
	*at = NULL;
	h->first++;
}

static void
forget_all(struct hub *h)
{
	while (h->first < h->head)
		forget_oldest(h);
}

struct hub *
hub_new(const struct hub_ops *ops)
{
	struct hub *h = calloc(1, sizeof(*h));

	if (h != NULL)
		h->ops = ops;
	return h;
}

void
hub_free(struct hub *h)
{
	if (h == NULL)
		return;
	assert(h->n == 0);
	forget_all(h);
	free(h);
}

/* Viewers */

static struct viewer *
find_viewer(const struct hub *h, const void *who)
{
	struct viewer *v = h->viewers;

	while (v != NULL && v->who != who)
		v = v->next;
	return v;
}

bool
hub_has_viewer(const struct hub *h, const void *who)
{
	return find_viewer(h, who) != NULL;
}

/* The lowest index that no viewer has. */
static unsigned
free_index(const struct hub *h)
{
	unsigned index = 0;

	for (const struct viewer *v = h->viewers; v != NULL;) {
		if (v->index != index) {
			v = v->next;
			continue;
		}
		index++;
		v = h->viewers;
	}
	return index;
}

static struct viewer *
viewer_ref(struct hub *h, const void *who)
{
	struct viewer *v = find_viewer(h, who);

	if (v != NULL) {
		v->refs++;
		return v;
	}
	if ((v = calloc(1, sizeof(*v))) == NULL)
		return NULL;
	v->index = free_index(h);
	v->refs = 1;
	v->who = who;
	v->since = h->head;
	if (v->index >= h->n_bits)
		h->n_bits = v->index + 1;
	v->next = h->viewers;
	h->viewers = v;
	return v;
}

static void
viewer_unref(struct hub *h, struct viewer *v)
{
	struct viewer **at = &h->viewers;

	if (--v->refs > 0)
		return;
	while (*at != v) {
		assert(*at != NULL); /* it is one of them */
		at = &(*at)->next;
	}
	*at = v->next;
	free(v);
}

/* Subscribers */

/* It has been told all, as far as it is concerned. */
static void
go_to_head(const struct hub *h, struct subscriber *s)
{
	s->at = h->head;
	memcpy(s->passed, s->viewer->published, sizeof(s->passed));
}

int
hub_subscribe(struct hub *h, struct subscriber *s, const void *who)
{
	if ((s->viewer = viewer_ref(h, who)) == NULL)
		return -1;
	go_to_head(h, s);
	if (h->turn == NULL) {
		h->turn = s->prev = s->next = s;
	} else { /* the last of this round */
		s->next = h->turn;
		s->prev = h->turn->prev;
		s->prev->next = s->next->prev = s;
	}
	h->n++;
	return 0;
}

void
hub_unsubscribe(struct hub *h, struct subscriber *s)
{
	s->prev->next = s->next;
	s->next->prev = s->prev;
	if (h->turn == s)
		h->turn = s->next == s ? NULL : s->next;
	h->n_told = 0; /* it may have been one of them */
	viewer_unref(h, s->viewer);
	s->viewer = NULL;
	if (--h->n == 0)
		forget_all(h);
}

/* Whatever its viewer has seen more of than it was told, up to `seen`. */
static void
lose_up_to(struct hub *h, struct subscriber *s, const uint64_t seen[HUB_TOPICS])
{
	for (unsigned i = 0; i < HUB_TOPICS; i++) {
		if (seen[i] > s->passed[i])
			h->ops->lost(s, i, seen[i] - s->passed[i]);
		s->passed[i] = seen[i];
	}
}

int
hub_change_viewer(struct hub *h, struct subscriber *s, const void *who)
{
	struct viewer *before = s->viewer, *v = viewer_ref(h, who);

	if (v == NULL) {
		hub_unsubscribe(h, s);
		return -1;
	}
	lose_up_to(h, s, before->published);
	s->viewer = v;
	go_to_head(h, s);
	viewer_unref(h, before);
	return 0;
}

/* Publishing */

static struct event *
event_new(const struct hub *h, unsigned topic, struct slice subject,
    struct slice row)
{
	const struct event e = {
		.topic = topic,
		.n_bits = h->n_bits,
		.subject_len = (uint32_t)subject.len,
		.row_len = (uint32_t)row.len,
	};
	struct event *new = malloc(event_len(&e));

	if (new == NULL)
		return NULL;
	*new = e;
	memset(new->bytes, 0, bits_len(new));
	if (subject.len > 0)
		memcpy(new->bytes + bits_len(new), subject.ptr, subject.len);
	memcpy(new->bytes + bits_len(new) + subject.len, row.ptr, row.len);
	return new;
}

void
hub_lose(struct hub *h, unsigned topic, hub_visible_cb *visible,
    const void *what)
{
	struct subscriber *s = h->turn;

	for (size_t i = 0; i < h->n; i++, s = s->next)
		if (visible(s->viewer->who, what))
			h->ops->lost(s, topic, 1);
}

void
hub_publish(struct hub *h, unsigned topic, struct slice subject,
    struct slice row, hub_visible_cb *visible, const void *what)
{
	struct event *e = event_new(h, topic, subject, row);

	if (e == NULL) {
		hub_lose(h, topic, visible, what);
		return;
	}
	for (struct viewer *v = h->viewers; v != NULL; v = v->next) {
		if (!visible(v->who, what))
			continue;
		e->bytes[v->index / 8] |= (unsigned char)(1u << v->index % 8);
		v->published[topic]++;
	}
	while (h->head - h->first >= HUB_EVENTS ||
	    (h->first < h->head && h->bytes + event_len(e) > HUB_BYTES))
		forget_oldest(h);
	*place(h, h->head++) = e;
	h->bytes += event_len(e);
	h->n_told = 0;
}

/* Telling */

/* At most so many events; whether it has been told all. */
static bool
take_turn(struct hub *h, struct subscriber *s, unsigned most)
{
	if (s->at < h->first) {
		lose_up_to(h, s, s->viewer->forgotten);
		s->at = h->first;
	}
	for (; most > 0 && s->at < h->head; most--) {
		const struct event *e = *place(h, s->at++);

		if (!is_visible(e, s->viewer))
			continue;
		s->passed[e->topic]++;
		h->ops->tell(s, e->topic, event_subject(e), event_row(e));
	}
	return s->at == h->head;
}

bool
hub_run(struct hub *h, int64_t for_us)
{
	int64_t until_us = 0; /* nothing to tell yet */

	while (h->n_told < h->n) {
		if (until_us == 0)
			until_us = os->mono_ns() / NS_PER_US + for_us;
		if (take_turn(h, h->turn, EVENTS_A_TURN))
			h->n_told++;
		else
			h->n_told = 0;
		h->turn = h->turn->next;
		if (os->mono_ns() / NS_PER_US >= until_us)
			return true;
	}
	return false;
}

void
hub_settle(struct hub *h, struct subscriber *s)
{
	(void)take_turn(h, s, HUB_EVENTS);
}
