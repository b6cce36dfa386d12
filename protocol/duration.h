/*
 * Durations, text to nanoseconds and back (PROTOCOL section 3): the same
 * everywhere, in requests, rules, the configuration and tickctl.
 */
#ifndef PROTOCOL_DURATION_H
#define PROTOCOL_DURATION_H

#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "slice.h"

/* What a message says when a duration has no meaning. */
#define DURATION_FORMS \
	"90 (seconds), or units ns us ms s m h d w, as in 1h30m or 1.5h"

/*
 * `1h30m`, `250ms`, `1.5h`, `5min`, `90`: a number (a decimal fraction is
 * allowed) with a unit ns us ms s m h d w or a word for one (sec min hour day
 * week, with or without s), chained; one without a unit is seconds. 0, or -1
 * with ERR_INVALID and *ns untouched. Never negative.
 */
int duration_parse(struct slice s, int64_t *ns, struct err *e);

/* The shortest exact text that duration_parse reads back, "0s" for 0. */
void duration_put(struct buf *out, int64_t ns);

#endif
