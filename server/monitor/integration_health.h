/*
 * How an integration is, in words and rows:
 *
 *	error     its last probe failed, or more of the recent calls fail than
 *	          integration_error_rate allows
 *	degraded  its last call failed, or the recent calls, or the last probe,
 *	          take longer than integration_latency_ms
 *	healthy   else; also when it was never called
 *
 * Main thread.
 */
#ifndef MONITOR_INTEGRATION_HEALTH_H
#define MONITOR_INTEGRATION_HEALTH_H

#include "buf.h"
#include "integrations.h"
#include "slice.h"

struct server;

enum integration_status {
	INTEGRATION_HEALTHY,
	INTEGRATION_DEGRADED,
	INTEGRATION_ERROR
};

struct integration_view {
	enum integration_status status;
	struct calls_view calls;
};

void integration_look(const struct integration *i, const struct server *s,
    struct integration_view *v);
/* The columns of HEALTH INTEGRATIONS, and the rows of HEALTH INTEGRATION. */
void integration_put_words(struct buf *out, const struct server *s,
    const struct integration *i);
void integration_put_one(struct buf *out, struct slice id,
    const struct server *s, const struct integration *i);

#endif
