/*
 * Cron expressions: parsed to bit masks, and the next matching minute of a
 * local clock. Pure functions; time zones are schedule.h's concern.
 *
 *     minute hour day-of-month month day-of-week
 *
 * A field is a list of items: `*`, a value, a range a-b; the first and the
 * last may have a step, `*` followed by /n and a-b/n. Months and days of the
 * week have names of three letters, in any case. 0 and 7 are Sunday, as is
 * `sun` at either end of a range.
 *
 * A day matches when both day fields do; when both are restricted, when one
 * of them does. As in Vixie cron, a field is restricted unless it begins with
 * `*`: in `0 0 13 * fri` and in every-second-day Fridays both must match.
 *
 * @hourly @daily (@midnight) @weekly @monthly @yearly (@annually) stand for
 * the first minute of each.
 */
#ifndef SCHED_CRON_H
#define SCHED_CRON_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "slice.h"

#define CRON_TEXT_MAX 512 /* more than any that says nothing twice needs */

/* Bit n stands for the value n; weekdays 0 is Sunday. */
struct cron {
	uint64_t minutes;
	uint32_t hours;
	uint32_t days;
	uint16_t months;
	uint8_t weekdays;
	bool either_day; /* both day fields are restricted */
	bool runs_on;	 /* minute or hour has a wildcard or a step */
};

/*
 * Parse an expression. 0, or -1 with ERR_INVALID, naming the field and the
 * item that is wrong, or ERR_TOO_LONG. An expression without any match, such
 * as one for February 30, is invalid.
 */
int cron_parse(struct slice text, struct cron *c, struct err *e);

/*
 * The first matching minute after `local`, both in seconds since 1970-01-01
 * of a clock that knows no zone; 1969 or later. False: none up to the end of
 * 2262. (Matches are at most 40 years apart: a February 29 on a given day of
 * the week.)
 */
bool cron_next(const struct cron *c, int64_t local, int64_t *next);

#endif
