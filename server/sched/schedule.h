/*
 * When a recurring job is due next. Pure computation apart from the reading
 * of zone files; no clock. Main thread.
 *
 * A job's due_ns is the time of its plan: `<when>` or a time of its cadence,
 * without jitter. It is what GET shows and what a run is told as its
 * execution time. JITTER starts the run later, at schedule_start_ns, and
 * never enters the plan, so it does not add up; nor does it count against
 * UNTIL, which bounds due_ns: how often a job runs does not depend on it.
 *
 *	SET     schedule_check    -> due_ns of the record
 *	start   schedule_start_ns -> when due_ns comes up, postpone until then
 *	after   schedule_next     -> due_ns of the next run, or no more
 */
#ifndef SCHED_SCHEDULE_H
#define SCHED_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "cron.h"
#include "err.h"
#include "jobs.h"
#include "request.h"
#include "slice.h"
#include "zone.h"

/*
 * Check what request_args could not: the expression, the zone, and that
 * there is a time before UNTIL. *due_ns: the first time, that given or
 * with `cron` the expression's first after now_ns.
 * 0, or -1 with *e and *due_ns untouched.
 */
int schedule_check(struct zones *zs, const struct request_set *set,
    int64_t now_ns, int64_t *due_ns, struct err *e);

/*
 * The first time after due_ns, which was the last, whose run would not start
 * before or at now_ns: so a job that was held up catches up once, keeps its
 * cadence, and no time comes twice when the clock is set back.
 *	EVERY  due_ns + k * every_ns
 *	CRON   see schedule_cron; no zone means UTC
 * 1: *next_ns. 0: there is none, UNTIL or the end of 2261 is reached, or the
 * job does not recur. -1 with *e: the zone can't be loaded (now), or the plan
 * is one that schedule_check refuses.
 */
int schedule_next(struct zones *zs, const struct job_plan *plan,
    struct slice job, int64_t due_ns, int64_t now_ns, int64_t *next_ns,
    struct err *e);

/* When the run of due_ns starts: 0..jitter_ns later, always as much for the
 * same identifier and jitter_ns. plan NULL: at due_ns. */
int64_t schedule_start_ns(const struct job_plan *plan, struct slice job,
    int64_t due_ns);

/*
 * The first time after after_ns (0 or later) that an expression means in a
 * zone. One that DST skips comes at the first moment after the gap; one that
 * DST repeats comes at its first occurrence, but where the expression has a
 * wildcard or a step for minutes or hours, at both, as in cron(8). Several that
 * fall on the same moment are one. False: none before 2262.
 */
bool schedule_cron(const struct cron *c, const struct zone *z, int64_t after_ns,
    int64_t *next_ns);

#endif
