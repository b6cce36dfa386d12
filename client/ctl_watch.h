/* `tickctl watch`: events as they come. */
#ifndef CLIENT_CTL_WATCH_H
#define CLIENT_CTL_WATCH_H

#include "ctl_out.h"
#include "tick.h"

enum watch_end {
	WATCH_REFUSED,	/* the server refused; tick_err tells */
	WATCH_ENDED,	/* the connection has ended; tick_err tells */
	WATCH_NO_OUTPUT /* errno tells */
};

/* Print events until something ends that. SIGINT ends the process, with exit
 * status 0: after an event, never in the middle of one. */
enum watch_end watch_run(struct tick *t, const char *topic, const char *prefix,
    struct out *o);

#endif
