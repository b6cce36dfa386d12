/*
 * `tickctl check`: a monitoring plugin. One line, `OK - text | perfdata`, and
 * the exit status 0, 1, 2 or 3 by which monitoring systems go.
 */
#ifndef CLIENT_CTL_CHECK_H
#define CLIENT_CTL_CHECK_H

#include <stdio.h>

#include "buf.h"
#include "metric.h"
#include "tick.h"

enum check_status {
	CHECK_OK = 0,
	CHECK_WARNING = 1,
	CHECK_CRITICAL = 2,
	CHECK_UNKNOWN = 3
};

/*
 * Ask, print, and return the exit status. The handle may be one that failed
 * to connect. Without a metric it is the health of the whole; a metric is
 * `section.name`, or `section.id.name` where the section is one thing's. The
 * ranges may be NULL.
 */
enum check_status check_run(struct tick *t, const char *metric,
    const char *warning, const char *critical, FILE *to);

/* The line for a wrong command line. */
enum check_status check_usage(FILE *to, const char *message);

/* Append `'label'=value[unit];warn;crit`, without what is missing at the end.
 * The ranges are as they were given, or NULL. */
void check_put_perfdata(struct buf *out, const char *label, const char *value,
    const char *unit, const char *warning, const char *critical);

/* The unit of a metric in perfdata: "%", "B", "ms", "us", "c", or "". */
const char *check_unit(const struct metric *m);

#endif
