/* The files and folders that a configuration names, looked at without making
 * or changing anything: for `tickd -n`. */
#ifndef SERVER_PLACES_H
#define SERVER_PLACES_H

#include "config.h"
#include "err.h"

/* Whether this process could use them: 0, or -1 with *e, which names the key
 * and where it was set. */
int places_check(const struct config *c, struct err *e);

#endif
