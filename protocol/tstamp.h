/*
 * Times, text to nanoseconds and back (PROTOCOL section 3; duration.h).
 * Times are nanoseconds since the Unix epoch, UTC, 1970 up to the end of
 * 2261. Nothing here reads a clock: `now` is an argument.
 */
#ifndef PROTOCOL_TSTAMP_H
#define PROTOCOL_TSTAMP_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "slice.h"

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)
/* 2261-12-31 23:59:59.999999999 */
#define TSTAMP_MAX_NS INT64_C(9214646399999999999)

/*
 * Read a <when> from words[0..n): an integer, `YYYY-MM-DD HH:MM[:SS[.f]]` (two
 * words, or one with a space), RFC 3339 with a zone or none, `HH:MM[:SS]` (the
 * first such time after now), `now` or `+<duration>`; UTC where no zone is
 * given. Returns how many words it took (1 or 2), or -1 with ERR_INVALID,
 * naming the text and what could be written, and *ns untouched; ERR_SYNTAX
 * when n is 0 or the time of day is missing. An integer that would be a time
 * from 2015 to 2100 in a greater unit is refused.
 */
int tstamp_parse(const struct slice *words, size_t n, int64_t now_ns,
    int64_t *ns, struct err *e);

/* RFC 3339 in UTC with nanoseconds trimmed of trailing zeros, for people and
 * logs: 2026-04-01T02:00:00.25Z */
void tstamp_put_utc(struct buf *out, int64_t ns);

/* Days since 1970-01-01 of a proleptic Gregorian date, and back. */
int64_t tstamp_days_from_civil(int64_t year, unsigned month, unsigned day);
void tstamp_civil_from_days(int64_t days, int64_t *year, unsigned *month,
    unsigned *day);

#endif
