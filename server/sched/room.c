/*
 * Room in the log for the results of runs. A run begins when there is room for
 * all that is to be recorded of it, besides what was promised to those that go
 * on: on a full disk none runs whose result could not be recorded, and would
 * run again. As long as the disk has space the room is there, or becomes so
 * with the record before. When it is not, one run at a time asks for more: by
 * its START record, which is refused if there is none.
 */
#include "sched_internal.h"

#include <string.h>

#include "log.h"
#include "os.h"

/* START, FINISH with a reason, and a STOP each for CANCEL and a time-out,
 * without names. */
#define RESULT_BYTES 384u

static uint32_t
need(const struct execution *x)
{
	return RESULT_BYTES + 4u * x->job_len +
	    2u * (uint32_t)strlen(x->rule->id);
}

static bool
is_there(const struct sched *s, const struct execution *x)
{
	return store_has_room(s->store, s->promised + need(x));
}

bool
room_waits(const struct sched *s, const struct execution *x)
{
	return os->mono_ns() < s->room_mono_ns ||
	    (s->asking != NULL && !is_there(s, x));
}

int64_t
room_wake_ns(const struct sched *s, int64_t now_ns)
{
	int64_t at_ns = clock_wall(&s->clock, s->room_mono_ns);

	if (os->mono_ns() >= s->room_mono_ns)
		return SCHED_NEVER;
	return at_ns > now_ns ? at_ns : now_ns;
}

bool
room_take(struct sched *s, struct execution *x)
{
	bool there = is_there(s, x);

	if (!there)
		s->asking = x;
	x->promised = need(x);
	s->promised += x->promised;
	store_promise(s->store, s->promised);
	return there;
}

void
room_release(struct sched *s, struct execution *x)
{
	if (s->asking == x)
		s->asking = NULL;
	if (x->promised == 0)
		return;
	s->promised -= x->promised;
	x->promised = 0;
	store_promise(s->store, s->promised);
}

void
room_made(struct sched *s, const struct execution *x)
{
	if (s->asking == x)
		s->asking = NULL;
	s->short_of_room = false;
}

void
room_refused(struct sched *s, struct execution *x, const struct err *e)
{
	if (!s->short_of_room)
		LOG_ERROR("storage_hold", LOG_STR("job", x->job), LOG_ERR(e));
	s->short_of_room = true;
	s->room_mono_ns = os->mono_ns() + REFUSED_PAUSE_NS;
	room_release(s, x);
	if (x->began_ns == x->started_ns)
		x->began_ns = 0;
	x->started_ns = 0;
	hold_queue(s, x);
}
