/*
 * The breakers of a scheduler: one for each endpoint (`scheme://host:port`)
 * that rules call and namespace that these lie in, which they share, and one
 * (`rule:<id>`) for each rule that calls none. A rule with breaker=off has
 * none. They live as long as a rule or an execution goes through them; what a
 * person has isolated, until it is reset. Nothing of them is durable. Main
 * thread.
 *
 * Failed, timed out and lost runs count as failures, by what the rule calls a
 * success; those cancelled, rejected or missed do not count. While a breaker
 * is not closed, it holds the executions that would go through it: see
 * sched_internal.h.
 */
#ifndef SCHED_BREAKERS_H
#define SCHED_BREAKERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "breaker.h"
#include "err.h"
#include "rules.h"
#include "slice.h"

/* That a person may keep isolated at once. */
#define BREAKERS_ISOLATED_MAX 10000u

struct sched;

struct breaker_counts {
	size_t state[BREAKER_STATE_COUNT];
	size_t held; /* executions */
};

struct breaker_row {	  /* pointers: until the scheduler is called */
	struct slice key; /* see scoped.h */
	const char *name; /* what of it is shown */
	enum breaker_state state;
	struct breaker_calls calls; /* in its window */
	int64_t opened_ns;	    /* the last time; 0: never */
	int64_t retry_ns; /* when it lets one through, or another; 0: unknown */
	const char *last_error; /* NULL: there was none */
};

void breakers_count(const struct sched *s, struct breaker_counts *out);
/* The same of those whose keys `sees` lets through. O(breakers). */
typedef bool breakers_filter_cb(const void *ctx, struct slice key);
void breakers_count_seen(const struct sched *s, breakers_filter_cb *sees,
    const void *ctx, struct breaker_counts *out);

/* The first of a name; the first whose key comes after one in byte order, so
 * that those of one name follow each other. False: there is none. */
bool breakers_first(const struct sched *s, struct slice name,
    struct breaker_row *row);
bool breakers_after(const struct sched *s, struct slice key,
    struct breaker_row *row);

/* "closed" ...; NULL: there is no breaker with that key. */
const char *breakers_state_word(const struct sched *s, struct slice key);

/* Whether `is` holds of one of the rules that go through it now. */
typedef bool breakers_rule_cb(const void *ctx, const struct rule *rule);
bool breakers_any_rule(const struct sched *s, struct slice key,
    breakers_rule_cb *is, const void *ctx);

/* Open all of a name until they are reset, or close them. 0, or -1 with
 * ERR_NOT_FOUND, ERR_LIMIT. Call sched_start soon. */
int breakers_isolate(struct sched *s, struct slice name, struct err *e);
int breakers_reset(struct sched *s, struct slice name, struct err *e);

#endif
