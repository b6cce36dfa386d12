/* The sockets that clients connect to. Main thread. */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "err.h"
#include "server.h"

/* Bind all of controller.listen; nothing is accepted yet. 0 or -1. */
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

/* Where they listen, with real ports, comma-separated. */
void listeners_put(const struct server *s, struct buf *out);

#endif
