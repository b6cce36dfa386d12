/*
 * Attempts after a failure, with exponential backoff and full jitter: the
 * n-th comes after a random time of at most backoff * 2^(n-1), capped.
 */
#include "sched_internal.h"

#include "os.h"
#include "tstamp.h"

/* Before what could not start for want of resources is tried again. */
#define STARVED_PAUSE_NS (250 * NS_PER_MS)

/* Its attempts so far; those that a server took with it do not count. */
static int64_t
n_tried(const struct execution *x)
{
	return (int64_t)x->attempt - x->lost;
}

static int64_t
longest_wait(const struct execution *x)
{
	int64_t wait = x->spec->number[OPTION_backoff];
	int64_t max = x->spec->number[OPTION_backoff_max];

	for (int64_t n = 1; n < n_tried(x) && wait < max; n++)
		wait = wait > max / 2 ? max : wait * 2;
	return wait < max ? wait : max;
}

static bool
wanted(const struct execution *x)
{
	int64_t retries = x->spec->number[OPTION_retries];

	if (x->stopping || x->deadly)
		return false;
	switch (x->run == NULL ? RUN_FAILURE : x->run->outcome) {
	case RUN_LOST: /* on_crash=rerun gives it one more */
		retries += x->spec->number[OPTION_on_crash] == ON_CRASH_RERUN;
		return n_tried(x) <= retries;
	case RUN_FAILURE:
	case RUN_TIMEOUT:
		return n_tried(x) <= retries;
	default:
		return false;
	}
}

int64_t
retry_at(struct sched *s, struct execution *x, int64_t now_ns)
{
	int64_t longest, wait;

	if (x->spec == NULL || !wanted(x))
		return 0;
	longest = longest_wait(x);
	wait = (int64_t)(s->options.random(s->options.ctx) %
	    ((uint64_t)longest + 1));
	x->retry_mono_ns = os->mono_ns() + wait;
	return wait > TSTAMP_MAX_NS - now_ns ? TSTAMP_MAX_NS : now_ns + wait;
}

void
retry_wait(struct sched *s, struct execution *x)
{
	x->attempt++;
	x->pid = 0;
	x->started_ns = 0;
	x->timed_out = x->starved = false;
	executions_enter(s, x, EXECUTION_RETRYING);
	sched_tell(s, x, SCHED_QUEUED);
}

void
retry_starved(struct sched *s, struct execution *x)
{
	x->starved = true;
	x->pid = 0;
	x->started_ns = 0;
	x->retry_mono_ns = os->mono_ns() + STARVED_PAUSE_NS;
	executions_enter(s, x, EXECUTION_RETRYING);
	sched_tell(s, x, SCHED_QUEUED);
}

void
retry_release(struct sched *s, int64_t now_ns)
{
	for (int i = 0; i < SCHED_SLICE && s->retries.n > 0; i++) {
		struct execution *x = execution_of_wait(s->retries.first);

		if (!s->retry_all &&
		    !sched_reached(s, x->retry_mono_ns, now_ns))
			return;
		x->retry_at_ns = 0;
		waitq_remove(&x->wait);
		hold_queue(s, x);
	}
	if (s->retries.n == 0)
		s->retry_all = false;
}

int64_t
retry_wake_ns(const struct sched *s, int64_t now_ns)
{
	if (s->retries.n == 0)
		return SCHED_NEVER;
	return s->retry_all ? now_ns : sched_wall_of(s, s->retries.first->key);
}
