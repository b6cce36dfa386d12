/*
 *                   too many failures
 *      CLOSED ----------------------------> OPEN <----------.
 *        ^                           alarm: |   wait over   | the call fails:
 *        | the call succeeds                v               | wait doubled
 *        '------------------------------ HALF_OPEN ---------'
 *
 *      any --breaker_isolate--> ISOLATED;  any --breaker_reset--> CLOSED
 *
 * Invariants:
 *  1. Every change of the state begins an era. n_going counts the calls begun
 *     in it; a result counts in the era of its call or not at all. So calls
 *     that were under way when it opened neither close it nor, when they fail
 *     late, open it again.
 *  2. limit is 0 while OPEN or ISOLATED, and 1 while HALF_OPEN: but for each
 *     time that a call there has not ended within wait_ns, one more, or one
 *     that never ends would hold all the others for ever.
 *  3. CLOSED again, limit begins at BREAKER_SLOW_CALLS and grows by one with
 *     each call that succeeds, so that what has waited does not fall on who
 *     has just come back; and there is none any more after breaker_relax, or
 *     after BREAKER_SLOW_NS. The caller may begin more then, if it keeps the
 *     pace itself.
 *  4. wait_ns is that of the last opening until the slow start is over: who
 *     fails again before has failed for longer, not anew.
 *
 * The window is as long as the longest that was asked for (rules that share an
 * endpoint may differ): a shorter one is summed over fewer of its slices.
 */
#include "breaker.h"

#include <assert.h>
#include <string.h>

static const char *const state_words[BREAKER_STATE_COUNT] = {
	[BREAKER_CLOSED] = "closed",
	[BREAKER_OPEN] = "open",
	[BREAKER_HALF_OPEN] = "half_open",
	[BREAKER_ISOLATED] = "isolated",
};

const char *
breaker_state_word(enum breaker_state state)
{
	return state_words[state];
}

static int64_t
after(int64_t now_ns, int64_t ns)
{
	return ns < BREAKER_NEVER - now_ns ? now_ns + ns : BREAKER_NEVER;
}

static void
enter(struct breaker *b, enum breaker_state state, int64_t limit,
    int64_t alarm_ns)
{
	b->state = state;
	b->era++;
	b->limit = limit;
	b->n_going = 0;
	b->in_row = 0;
	b->alarm_ns = alarm_ns;
}

void
breaker_init(struct breaker *b)
{
	*b = (struct breaker){ 0 };
	enter(b, BREAKER_CLOSED, BREAKER_NO_LIMIT, BREAKER_NEVER);
}

bool
breaker_allows(const struct breaker *b)
{
	return b->n_going < b->limit;
}

uint64_t
breaker_begin(struct breaker *b, int64_t now_ns)
{
	assert(b->state == BREAKER_CLOSED || breaker_allows(b));
	b->n_going++;
	if (b->state == BREAKER_HALF_OPEN)
		b->alarm_ns = after(now_ns, b->wait_ns);
	return b->era;
}

void
breaker_end(struct breaker *b, uint64_t era)
{
	if (era != b->era)
		return;
	b->n_going--;
	if (b->state == BREAKER_HALF_OPEN && b->limit > 1)
		b->limit--; /* its place was one more: see 2 */
}

/* --- the window --- */

struct breaker_calls
breaker_calls(const struct breaker *b, int64_t window_ns, int64_t now_ns)
{
	struct breaker_calls sum = { 0 };
	int64_t n = BREAKER_SLICES;
	int64_t no;

	if (b->slice_ns == 0)
		return sum;
	if (window_ns != 0 && window_ns < b->slice_ns * BREAKER_SLICES)
		n = (window_ns + b->slice_ns - 1) / b->slice_ns;
	no = b->newest_slice;
	for (int i = 0; i < BREAKER_SLICES && no >= 0; i++, no--) {
		if (no <= now_ns / b->slice_ns - n)
			break;
		sum.n += b->slice[no % BREAKER_SLICES].n;
		sum.failures += b->slice[no % BREAKER_SLICES].failures;
	}
	return sum;
}

static void
forget_calls(struct breaker *b)
{
	b->slice_ns = 0;
}

/* The slice of now; those it takes the place of are emptied. */
static struct breaker_calls *
slice_of_now(struct breaker *b, int64_t now_ns)
{
	int64_t no = now_ns / b->slice_ns;

	if (no - b->newest_slice > BREAKER_SLICES)
		b->newest_slice = no - BREAKER_SLICES;
	while (b->newest_slice < no) {
		b->newest_slice++;
		b->slice[b->newest_slice % BREAKER_SLICES] =
		    (struct breaker_calls){ 0 };
	}
	return &b->slice[no % BREAKER_SLICES];
}

/* See that the window is at least so long; it becomes shorter when nothing is
 * in it. What was counted before counts as of now. */
static void
widen(struct breaker *b, int64_t window_ns, int64_t now_ns)
{
	int64_t slice_ns = (window_ns + BREAKER_SLICES - 1) / BREAKER_SLICES;
	struct breaker_calls before;

	if (slice_ns == b->slice_ns)
		return;
	before = breaker_calls(b, 0, now_ns);
	if (slice_ns < b->slice_ns && before.n > 0)
		return;
	memset(b->slice, 0, sizeof(b->slice));
	b->slice_ns = slice_ns;
	b->newest_slice = now_ns / slice_ns;
	*slice_of_now(b, now_ns) = before;
}

/* --- what its states come from --- */

static void
open_for(struct breaker *b, const struct rule_spec *spec, int64_t now_ns)
{
	int64_t max_ns = spec->number[OPTION_breaker_open_max];
	int64_t wait_ns = spec->number[OPTION_breaker_open];

	if (b->wait_ns != 0)
		wait_ns = b->wait_ns < max_ns / 2 ? b->wait_ns * 2 : max_ns;
	b->wait_ns = wait_ns < max_ns ? wait_ns : max_ns;
	enter(b, BREAKER_OPEN, 0, after(now_ns, b->wait_ns));
}

static void
close_slowly(struct breaker *b, int64_t now_ns)
{
	enter(b, BREAKER_CLOSED, BREAKER_SLOW_CALLS,
	    after(now_ns, BREAKER_SLOW_NS));
	forget_calls(b);
}

/* Whether the failure just counted is one too many. */
static bool
trips(const struct breaker *b, const struct rule_spec *spec, int64_t now_ns)
{
	int64_t in_row = spec->number[OPTION_breaker_consecutive];
	int64_t ratio = spec->number[OPTION_breaker_ratio];
	struct breaker_calls calls;

	if (in_row != 0 && b->in_row >= in_row)
		return true;
	if (ratio == 0)
		return false;
	calls = breaker_calls(b, spec->number[OPTION_breaker_window], now_ns);
	return calls.n >= (uint64_t)spec->number[OPTION_breaker_calls] &&
	    calls.failures * 10000 >= calls.n * (uint64_t)ratio;
}

void
breaker_judge(struct breaker *b, uint64_t era, const struct rule_spec *spec,
    bool success, int64_t now_ns)
{
	struct breaker_calls *now;

	if (era != b->era)
		return;
	widen(b, spec->number[OPTION_breaker_window], now_ns);
	now = slice_of_now(b, now_ns);
	now->n++;
	now->failures += !success;
	b->in_row = success ? 0 : b->in_row + 1;
	if (b->state == BREAKER_HALF_OPEN && success)
		close_slowly(b, now_ns);
	else if (b->state == BREAKER_HALF_OPEN ||
	    (!success && trips(b, spec, now_ns)))
		open_for(b, spec, now_ns);
	else if (success && b->limit != BREAKER_NO_LIMIT)
		b->limit++;
}

void
breaker_alarm(struct breaker *b)
{
	b->alarm_ns = BREAKER_NEVER;
	if (b->state == BREAKER_OPEN)
		enter(b, BREAKER_HALF_OPEN, 1, BREAKER_NEVER);
	else if (b->state == BREAKER_HALF_OPEN)
		b->limit = b->n_going + 1;
	else
		breaker_relax(b);
}

void
breaker_relax(struct breaker *b)
{
	if (b->state != BREAKER_CLOSED)
		return;
	b->limit = BREAKER_NO_LIMIT;
	b->wait_ns = 0;
	b->alarm_ns = BREAKER_NEVER;
}

void
breaker_isolate(struct breaker *b)
{
	enter(b, BREAKER_ISOLATED, 0, BREAKER_NEVER);
}

void
breaker_reset(struct breaker *b, int64_t now_ns)
{
	b->wait_ns = 0;
	close_slowly(b, now_ns);
}
