/* The sockets that clients connect to. Main thread. */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include <sys/types.h>

#include "address.h"
#include "err.h"
#include "server.h"

/* Bind all of controller.listen, or take the sockets that a service manager
 * has passed instead; nothing is accepted yet. 0 or -1. */
int listeners_open(struct server *s, struct err *e);
/* Begin to accept. */
void listeners_start(struct server *s);
/* No new clients. */
void listeners_stop(struct server *s);
void listeners_close(struct server *s);

/* A descriptor has become free: accept again if that was why it stopped. */
void listener_resume(struct server *s);

/* Whether there is a place for a client that has shown who it is. */
bool listener_has_place(const struct server *s, const struct conn *c);
/* The group that a unix socket is to have; (gid_t)-1: nothing is said. 0, or
 * -1 with ERR_INVALID: there is none of that name. */
int listener_group(const struct address *a, gid_t *gid, struct err *e);

/* Where they listen, with real ports, comma-separated. */
void listeners_put(const struct server *s, struct buf *out);

#endif
