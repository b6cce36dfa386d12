#include "pace.h"

static void
add(struct window *w, int64_t now_mono_ns, int64_t ns)
{
	window_add(w, now_mono_ns, ns < 0 ? 0 : (uint64_t)ns / NS_PER_US);
}

static void
ended(struct pace *p, const struct sched_event *event)
{
	enum run_outcome outcome =
	    event->run == NULL ? RUN_FAILURE : event->run->outcome;

	if (event->retried)
		p->retried++;
	else if (outcome == RUN_SUCCESS)
		p->executed++;
	else if (outcome == RUN_MISSED)
		p->missed++;
	else
		p->failed++;
}

void
pace_observe(struct pace *p, const struct sched_event *event,
    int64_t now_mono_ns)
{
	switch (event->kind) {
	case SCHED_TRIGGERED:
		p->triggered++;
		if (!event->manual && !event->missed)
			add(&p->lateness_us, now_mono_ns, event->late_ns);
		break;
	case SCHED_STARTED:
		add(&p->queue_wait_us, now_mono_ns, event->waited_ns);
		break;
	case SCHED_ENDED:
		ended(p, event);
		break;
	default:
		break;
	}
}
