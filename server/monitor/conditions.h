/* What is judged on each poll: the conditions of alert.def. Main thread. */
#ifndef MONITOR_CONDITIONS_H
#define MONITOR_CONDITIONS_H

#include <stdint.h>

struct server;

/* What the last poll saw. Zeroed at first. */
struct conditions {
	uint64_t failed_commits;
};

/* Judge them all, and let alerts come and go. */
void conditions_poll(struct conditions *c, struct server *s);

#endif
