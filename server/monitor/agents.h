/*
 * What is known of the agents: one per rule, since the server started.
 *
 * An operation of an agent is an execution that has come to its end, all its
 * attempts together: it has succeeded, or it has failed (failure, timeout,
 * lost). What was cancelled, rejected or missed counts for nothing, since it
 * tells nothing of the agent. The time of an operation is that of its last
 * attempt.
 *
 * About 4.5 KiB for each rule that has run, from its first run until it is
 * removed; RULE SET keeps them. Main thread.
 */
#ifndef MONITOR_AGENTS_H
#define MONITOR_AGENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "rules.h"
#include "run.h"
#include "sched.h"
#include "slice.h"
#include "trend.h"
#include "tstamp.h"

struct server;

/*
 * What is recent: the window of AGENT_SLICES slices, the one begun included,
 * so 55 to 60 minutes.
 */
#define AGENT_SLICE_NS (300 * NS_PER_S)
#define AGENT_SLICES 12

/* Failures in a row that make the status `error`. */
#define AGENT_ERROR_RUN 3

/*
 * Times are counted by minute and size, of the last AGENT_MINUTES minutes, the
 * one begun included: right to one part in 16, in units of 65.5 us, up to five
 * hours. A count stops at 65535.
 */
#define AGENT_MINUTES 5
#define AGENT_TIME_SHIFT 16u
#define AGENT_TIME_BUCKETS 400u

struct agent_stats;

/* A rule's; NULL: it has not run. */
static inline const struct agent_stats *
agent_stats_of(const struct rule *rule)
{
	return rule->stats;
}

struct agent_stats *agent_stats_new(void); /* NULL: no memory */
void agent_stats_free(struct agent_stats *a);

/* An execution has begun, an operation has ended. */
void agent_stats_active(struct agent_stats *a, int64_t now_ns);
void agent_stats_operation(struct agent_stats *a, bool failed, int64_t took_ns,
    int64_t now_ns, int64_t now_mono_ns);
/* One of its executions may be what ends the server. */
void agent_stats_gave_up(struct agent_stats *a, int64_t now_mono_ns);

struct agent_view {
	uint64_t operations; /* since the start */
	double success_rate; /* of them; 0: none yet */
	double confidence;
	int64_t average_ns;
	uint64_t recent, recent_failures;
	double error_rate; /* of the recent; 0: none */
	uint64_t failures_in_row;
	bool gave_up;	  /* on one in that window, see struct sched_event */
	enum trend trend; /* of that window against the window before */
	int64_t last_active_ns, last_success_ns; /* wall clock; 0: never */
};

/* NULL stands for one that has not run. */
void agent_stats_look(const struct agent_stats *a, int64_t now_mono_ns,
    struct agent_view *v);
/* The time that a share q of the last minutes' operations did not exceed; 0:
 * there were none. */
int64_t agent_stats_quantile(const struct agent_stats *a, double q,
    int64_t now_mono_ns);

/*
 * The lower bound of the 95 % Wilson score interval of a success rate p of n:
 *
 *	    p + z^2/2n - z sqrt(p(1 - p)/n + z^2/4n^2)
 *	    ------------------------------------------ ,  z = 1.959964
 *	                   1 + z^2/n
 *
 * and 0 for n = 0. E. B. Wilson, "Probable inference, the law of succession,
 * and statistical inference", JASA 22 (1927), 209-212.
 */
double wilson_lower(uint64_t succeeded, uint64_t n);

/* What becomes of executions. */
void agents_observe(struct server *s, const struct sched_event *event);
/* For struct sched_options. */
void agents_forget(struct rule *rule);
/* Before the store is closed. */
void agents_fini(struct server *s);

/* The columns of HEALTH AGENTS, and the rows of HEALTH AGENT. */
void agents_put_words(struct buf *out, const struct server *s,
    const struct rule *rule);
void agents_put_one(struct buf *out, struct slice id, const struct server *s,
    const struct rule *rule);

#endif
