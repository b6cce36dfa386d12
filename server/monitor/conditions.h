/*
 * What is judged on each poll: the conditions of alert.def. Rules and
 * integrations a slice at a time, so that others get their turn. Main thread.
 */
#ifndef MONITOR_CONDITIONS_H
#define MONITOR_CONDITIONS_H

#include <stdbool.h>
#include <stdint.h>

#define CONDITIONS_SLICE 1024

struct server;

/* Zeroed at first. */
struct conditions {
	uint64_t failed_commits; /* that the last poll saw */
	uint64_t losses;	 /* the same */
	uint64_t told_failed;	 /* that an alert was raised about at once */
	uint64_t told_losses;	 /* the same of a lost log */
	int64_t told_mono_ns;	 /* when that was, the last one */
	bool running;
	uint32_t rule; /* slots: where the next slice begins */
	uint32_t integration;
};

/* A poll, which must not be running: judge what the server is a matter of.
 * Then call conditions_step until it returns true: all has been judged, and
 * alerts have come and gone. */
void conditions_begin(struct conditions *c, struct server *s);
bool conditions_step(struct conditions *c, struct server *s);

/* Writes may have been refused: that is told at once, before whoever got the
 * refusal can ask. */
void conditions_storage(struct conditions *c, struct server *s);

#endif
