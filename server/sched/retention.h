/*
 * Retention: removes executed and failed jobs some time after their last run.
 * Now and then a pass goes through all jobs, in slices. Main thread.
 */
#ifndef SCHED_RETENTION_H
#define SCHED_RETENTION_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>

#include "token.h"

struct server;

struct retention {
	ev_timer timer;
	bool in_pass;
	char from[ID_MAX]; /* the last job looked at */
	size_t from_len;
};

void retention_init(struct retention *r, struct server *s);
/* Does nothing when database.retain is 0. */
void retention_start(struct retention *r);

#endif
