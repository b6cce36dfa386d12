/*
 * The processes that runs leave behind: this server adopts them, whether it is
 * process 1 or not, so that a run's can be found when it is stopped, and waits
 * for them when they end. And the signals that it was born with. Main thread.
 */
#ifndef SERVER_ORPHANS_H
#define SERVER_ORPHANS_H

#include <ev.h>

struct sandboxes;

struct orphans {
	ev_signal on_child;
	ev_timer again;
	const struct sandboxes *tried; /* their trials are main's children */
};

/* Before threads are made: no signal is blocked or ignored any more that the
 * parent blocked or ignored, and none that means nothing here ends us. */
void orphans_set_signals(void);

/* A zeroed struct may be stopped. */
void orphans_start(struct orphans *o, struct ev_loop *loop,
    const struct sandboxes *tried);
void orphans_stop(struct orphans *o, struct ev_loop *loop);

#endif
