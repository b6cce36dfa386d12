/*
 * Host names to addresses without waiting: each lookup has a thread, as the C
 * library has no other way. Used on the thread that runs the loop.
 */
#ifndef EXEC_LOOKUP_H
#define EXEC_LOOKUP_H

#include <netdb.h>
#include <stdint.h>

#include <ev.h>

struct lookup;

/* list is the callee's (freeaddrinfo), or NULL and *why says why. The lookup
 * itself is over. */
typedef void lookup_cb(void *arg, struct addrinfo *list, const char *why);

/* The addresses of a host that is one; NULL: it is a name. */
struct addrinfo *lookup_numeric(const char *host, uint16_t port);

/* Called back once, later. NULL: no memory, thread or descriptor. */
struct lookup *lookup_start(struct ev_loop *loop, const char *host,
    uint16_t port, lookup_cb *cb, void *arg);

/* No call back any more. Its thread goes on by itself until the name server
 * has answered, and cleans up. NULL is allowed. */
void lookup_cancel(struct lookup *l);

#endif
