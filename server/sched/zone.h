/*
 * Time zones, from the system's database: TZif files (RFC 8536, versions 1
 * to 4) in TZDIR or /usr/share/zoneinfo. Our own reader, since localtime(3)
 * knows one zone a process. Main thread; loading one reads a small file.
 */
#ifndef SCHED_ZONE_H
#define SCHED_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "slice.h"

#define ZONES_MAX 256	 /* kept in memory at once, about 10 KiB each */
#define ZONE_NAME_MAX 64 /* bytes */

struct zone;  /* one zone, immutable */
struct zones; /* those loaded so far; owns them */

/* The zones of a folder; NULL: TZDIR, or the system's. NULL: out of memory. */
struct zones *zones_new(const char *folder);
void zones_free(struct zones *zs);

/*
 * The files may have changed: what was loaded is read anew, and what it was
 * before is kept for zones_before until zones_settle. True: something has
 * changed. A zone whose file is gone is forgotten.
 */
bool zones_reload(struct zones *zs);
/* What a zone was before zones_reload, NULL when that changed nothing of it. */
const struct zone *zones_before(const struct zones *zs, struct slice name);
void zones_settle(struct zones *zs);

/*
 * A zone by name; valid until the next call of a function of zones. `UTC` and
 * `Etc/UTC` are always there. NULL with ERR_INVALID (a name that cannot be
 * one, an unknown zone, a bad file), ERR_LIMIT or ERR_INTERNAL (file not
 * readable).
 */
const struct zone *zones_get(struct zones *zs, struct slice name,
    struct err *e);

/* UTC. Static. */
const struct zone *zone_utc(void);

/* A zone from the bytes of a TZif file, to be freed with zone_free; NULL with
 * ERR_INVALID or ERR_LIMIT. */
struct zone *zone_parse(const unsigned char *bytes, size_t n, struct err *e);
void zone_free(struct zone *z);

/*
 * All in seconds: `utc` since the epoch, `local` what a clock on the wall
 * shows, since its 1970-01-01. Right from 1970 to 2262.
 *
 *	zone_offset    local - utc at that time
 *	zone_reached   the latest local time that the clock has shown up to utc:
 *	               ahead of what it shows while DST repeats an hour
 *	zone_first     when the clock first shows `local` or later: of a local
 *	               time that DST repeats the first occurrence, of one that
 *	               it skips the first moment after the gap
 *
 * zone_first(local) > utc if and only if local > zone_reached(utc).
 */
int32_t zone_offset(const struct zone *z, int64_t utc);
/* The same, and the time up to which it stays so; INT64_MAX: for ever. */
int32_t zone_offset_until(const struct zone *z, int64_t utc, int64_t *until);
int64_t zone_reached(const struct zone *z, int64_t utc);
int64_t zone_first(const struct zone *z, int64_t local);

#endif
