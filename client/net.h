/*
 * The transport: addresses, connecting, moving bytes, waiting with a
 * deadline. Sockets are non-blocking and close-on-exec; nothing here raises
 * SIGPIPE. TLS belongs behind these functions: callers see bytes only.
 */
#ifndef CLIENT_NET_H
#define CLIENT_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "failure.h"

#define NET_DEFAULT_PORT "5678"
#define NET_NO_DEADLINE INT64_MAX

#define NET_HOST_MAX 256
#define NET_PORT_MAX 32
#define NET_PATH_MAX 108 /* sun_path */

/* Where to connect: a unix socket when path is not empty. */
struct net_address {
	char host[NET_HOST_MAX];
	char port[NET_PORT_MAX];
	char path[NET_PATH_MAX];
};

/* A connection; fd -1: none. */
struct net {
	int fd;
};

/* Deadlines are points on CLOCK_MONOTONIC, in nanoseconds. A timeout_ms below
 * zero gives NET_NO_DEADLINE. */
int64_t net_mono_ns(void);
int64_t net_deadline(int timeout_ms);

/* Read "host:port", "[v6]:port", "host", "unix:/path".
 * 0, or -1 with TICK_ERR_ADDRESS. */
int net_parse_address(const char *text, struct net_address *a,
    struct failure *f);

/* Connect; every address of a name is tried, within the deadline. 0, or -1
 * with *f, and then n->fd is -1. */
int net_open(struct net *n, const struct net_address *a,
    int64_t deadline_mono_ns, struct failure *f);
void net_close(struct net *n);

/* Bytes moved, 0 when that would block, -1 with *f (TICK_ERR_CLOSED when the
 * peer has gone). */
ssize_t net_read(struct net *n, void *to, size_t len, struct failure *f);
ssize_t net_write(struct net *n, const void *from, size_t len,
    struct failure *f);

/* Wait until net_read, or with `writing` net_write too, may move something.
 * 0, or -1 with *f (TICK_ERR_TIMEOUT). */
int net_wait(struct net *n, bool writing, int64_t deadline_mono_ns,
    struct failure *f);

#endif
