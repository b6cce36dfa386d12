/*
 * Probing the integrations that are set: on each poll every one whose probe is
 * not under way still. At most PROCESSOR_PROBES at a time, each no longer than
 * health.probe_timeout. Main thread.
 */
#ifndef MONITOR_PROBING_H
#define MONITOR_PROBING_H

#include <stdbool.h>
#include <stdint.h>

#include "run.h"

struct server;

struct probing {
	bool more;   /* of this poll are left to be begun, */
	uint32_t at; /* behind this slot */
	unsigned n;  /* under way */
	bool failed; /* one could not be begun */
	uint64_t last_number;
};

void probing_poll(struct server *s);
/* A probe has ended; it is freed here. */
void probing_ended(struct server *s, struct run *run);

#endif
