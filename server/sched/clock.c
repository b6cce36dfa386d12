#include "clock.h"

#include <string.h>

#include "tstamp.h"

/* Between looking at one clock and at the other time passes: only a greater
 * difference is one that is shown; and only a much greater one, which no pause
 * of the thread explains, that something follows from. */
#define SHOWN_NS NS_PER_MS
#define SET_NS (100 * NS_PER_MS)

void
clock_init(struct clock *c, int64_t wall_ns, int64_t mono_ns)
{
	*c = (struct clock){ .offset_ns = wall_ns - mono_ns,
		.from_ns = wall_ns };
}

static void
begin_stretch(struct clock *c, int64_t from_ns, int64_t ended_ns)
{
	struct clock_stretch s = { c->from_ns, ended_ns };

	if (c->n_past == CLOCK_STRETCHES) {
		c->n_past--;
		memmove(c->past, c->past + 1, c->n_past * sizeof(c->past[0]));
	}
	c->past[c->n_past++] = s;
	c->from_ns = from_ns;
}

static bool
is_beyond(int64_t by_ns, int64_t limit_ns)
{
	return by_ns > limit_ns || by_ns < -limit_ns;
}

bool
clock_is_set(const struct clock *c, int64_t wall_ns, int64_t mono_ns)
{
	return is_beyond(wall_ns - mono_ns - c->offset_ns, SET_NS);
}

enum clock_change
clock_look(struct clock *c, int64_t wall_ns, int64_t mono_ns)
{
	int64_t by_ns = wall_ns - mono_ns - c->offset_ns;
	int64_t ended_ns = mono_ns + c->offset_ns;

	if (!is_beyond(by_ns, SHOWN_NS))
		return CLOCK_RUNS;
	c->offset_ns += by_ns;
	if (!is_beyond(by_ns, SET_NS))
		return CLOCK_RUNS;
	begin_stretch(c, wall_ns, ended_ns);
	c->n_set++;
	return by_ns > 0 ? CLOCK_SET_FORWARD : CLOCK_SET_BACK;
}

int64_t
clock_wall(const struct clock *c, int64_t mono_ns)
{
	if (c->offset_ns > 0 && mono_ns > TSTAMP_MAX_NS - c->offset_ns)
		return TSTAMP_MAX_NS;
	return mono_ns + c->offset_ns;
}

void
clock_adjust(struct clock *c, int64_t wall_ns, int64_t mono_ns)
{
	c->offset_ns = wall_ns - mono_ns;
}

bool
clock_passed(const struct clock *c, int64_t wall_ns, int64_t *to_ns)
{
	for (unsigned i = 0; i < c->n_past; i++) {
		if (wall_ns <= c->past[i].from_ns || wall_ns > c->past[i].to_ns)
			continue;
		*to_ns = c->past[i].to_ns;
		return true;
	}
	return false;
}
