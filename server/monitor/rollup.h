/*
 * The history of health: what happened to each agent, to each integration and
 * to the system, by hour for ROLLUP_HOUR_DAYS days and by day for
 * ROLLUP_DAYS days, in UTC. Main thread.
 *
 * It is kept in the store: an entry for each source and one for each of its
 * days, which hold what has been saved. What has happened since is in memory;
 * it is saved every ROLLUP_SAVE_NS and at a clean stop, so that kill -9 loses
 * as much of the history and no more.
 *
 * Bounds: ROLLUP_SOURCES_MAX sources. When there are more, a new one takes the
 * place of the one that has been silent the longest, if it has been for a day,
 * or else has no history. In memory a source takes 3 KiB and its entries at
 * most 50 KiB, those of the system 90: about 55 MiB in all.
 */
#ifndef MONITOR_ROLLUP_H
#define MONITOR_ROLLUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bucket.h"
#include "err.h"
#include "health.h"
#include "request.h"
#include "slice.h"
#include "store.h"
#include "tstamp.h"

#define ROLLUP_SOURCES_MAX 1024u
#define ROLLUP_DAYS HISTORY_DAYS_MAX
#define ROLLUP_HOUR_DAYS 30
#define ROLLUP_SAVE_NS (300 * NS_PER_S)

struct rollup;

/* Read what there is. The store must outlive it, but for changes under way.
 * NULL with *e: memory is out. */
struct rollup *rollup_open(struct store *s, struct err *e);
void rollup_free(struct rollup *r); /* NULL is allowed */

/* An attempt of an agent (by its rule's identifier) or a call of an
 * integration (by its key) has ended. Times are those of the wall clock. */
void rollup_add(struct rollup *r, enum history_source source, struct slice id,
    bool success, int64_t duration_ns, int64_t now_ns);

void rollup_poll(struct rollup *r, const struct poll_sample *sample,
    int64_t now_ns);

/* Ask the store to keep what it has not got yet, as far as it has room. False:
 * there is more to ask for when it has room again. */
bool rollup_save(struct rollup *r);

/* Remove what is too old, and of what is a little younger the hours: some at a
 * time. True at the end; then the next call begins anew. */
bool rollup_tidy(struct rollup *r, int64_t now_ns);

/* Changes that the store has refused since this was last asked. */
size_t rollup_refused(struct rollup *r);

bool rollup_knows(const struct rollup *r, enum history_source source,
    struct slice id);

/* Tell of each hour or day of the last `days` days in which something
 * happened, the oldest first, and of the one that goes on, in any case. */
typedef void rollup_row_cb(void *arg, int64_t begin_ns, const struct bucket *b);
void rollup_rows(const struct rollup *r, const struct request_health_history *q,
    int64_t now_ns, rollup_row_cb *row, void *arg);

#endif
