/*
 * A circuit breaker: told how calls end, it lets none begin for a while when
 * too many have failed, then one, and by that one's end all again or none for
 * twice as long. It holds nothing and knows no clock: times are monotonic and
 * come from the caller. What it goes by are the breaker_* options of the rule
 * whose call has ended. One thread.
 */
#ifndef MONITOR_BREAKER_H
#define MONITOR_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "rule_spec.h"

enum breaker_state {
	BREAKER_CLOSED,
	BREAKER_OPEN,
	BREAKER_HALF_OPEN,
	BREAKER_ISOLATED, /* opened by a person */
	BREAKER_STATE_COUNT
};

#define BREAKER_SLICES 16
#define BREAKER_NO_LIMIT INT64_MAX
#define BREAKER_NEVER INT64_MAX
/* Closed again: so many calls at once to begin with, and for so long at most
 * (calls that never end must not keep it slow). */
#define BREAKER_SLOW_CALLS 2
#define BREAKER_SLOW_NS (30 * INT64_C(1000000000))

struct breaker_calls {
	uint64_t n, failures;
};

struct breaker {
	enum breaker_state state;
	uint64_t era;	 /* another one with each change of the state */
	int64_t limit;	 /* calls of this era that may be under way at once */
	int64_t n_going; /* and that are */
	int64_t wait_ns; /* when it was last open, for so long; 0: start anew */
	int64_t alarm_ns; /* when to call breaker_alarm; BREAKER_NEVER */
	int64_t in_row;	  /* failures */

	/* The window: a ring of slices, each at its number modulo its size. */
	int64_t slice_ns;     /* 0: nothing was counted yet */
	int64_t newest_slice; /* its number: time / slice_ns */
	struct breaker_calls slice[BREAKER_SLICES];
};

const char *breaker_state_word(enum breaker_state state);

/* Closed. */
void breaker_init(struct breaker *b);

/* Whether one more call may begin. */
bool breaker_allows(const struct breaker *b);
/* One begins, allowed or, while it is closed, not: returns its era, which what
 * follows must be told. */
uint64_t breaker_begin(struct breaker *b, int64_t now_ns);
/* It has ended, or is given up; after breaker_judge, if it has a result. */
void breaker_end(struct breaker *b, uint64_t era);
/* How it ended. Only calls that were begun in the present state count. */
void breaker_judge(struct breaker *b, uint64_t era,
    const struct rule_spec *spec, bool success, int64_t now_ns);

/* Its alarm_ns has come. */
void breaker_alarm(struct breaker *b);
/* Nobody waits for it any more: if it is closed, there is no need to begin
 * slowly. */
void breaker_relax(struct breaker *b);

/* A person opens it, until a person closes it. */
void breaker_isolate(struct breaker *b);
void breaker_reset(struct breaker *b, int64_t now_ns);

/* The calls of the last window_ns (0: of as long as is counted). */
struct breaker_calls breaker_calls(const struct breaker *b, int64_t window_ns,
    int64_t now_ns);

#endif
