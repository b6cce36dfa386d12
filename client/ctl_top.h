/* `tickctl top`: the server on a full screen, drawn with ncurses. */
#ifndef CLIENT_CTL_TOP_H
#define CLIENT_CTL_TOP_H

#include "tick.h"

#define TOP_INTERVAL_MS 1000
#define TOP_TIMEOUT_MS 2000 /* for the replies of a poll */

/*
 * Poll and show until the user or a signal ends it: 0, or -1 with a reason in
 * *why when the terminal is not fit for it. The terminal is as before in any
 * case; a signal other than SIGINT is raised again then.
 */
int top_run(struct tick *t, const char *address, int interval_ms,
    int timeout_ms, const char **why);

#endif
