/*
 * The server's heartbeat: what it tells its service manager while main's loop
 * turns. Nothing of it is told when the loop stands still, so a server that
 * hangs is noticed. Main thread.
 */
#ifndef SERVICE_BEAT_H
#define SERVICE_BEAT_H

#include <ev.h>
#include <stdint.h>

struct server;

struct beat {
	struct server *server;
	ev_timer timer;
};

/* Before the loop has begun to turn: more time for what takes long. */
void beat_recovering(uint64_t records);
/* The server is ready: say so, and begin to beat. */
void beat_start(struct beat *b, struct server *s);
/* Around a reload: fault NULL, or why nothing was changed. */
void beat_reloading(const struct beat *b);
void beat_reloaded(const struct beat *b, const char *fault);
/* The server drains: say so at once, and with each beat ask for more time. */
void beat_draining(const struct beat *b);
/* The loop has ended, and what is left to be done takes a moment. */
void beat_stop(struct beat *b);

#endif
