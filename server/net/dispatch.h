/* From a line to its handler: table row, role, namespace, reply. */
#ifndef NET_DISPATCH_H
#define NET_DISPATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "conn.h"
#include "request.h"

enum handled {
	HANDLED, /* answered, or will be when it is durable */
	WAIT,	 /* not now: the same line comes again (see conn_wait) */
};

/*
 * A handler: answers through conn_reply, asks the store with conn_waiter, or
 * fills *e and returns FAILED for the common error reply.
 */
#define FAILED (-1)
typedef int handler(struct conn *c, const struct request *r, struct err *e);

/* Handle one line of n bytes (no newline), which is changed. */
enum handled dispatch(struct conn *c, char *line, size_t n);

/* The reply to a line that was too long to be kept; `head` is its begin. */
void dispatch_too_long(struct conn *c, struct slice head);
/* Then, when it has ended after all, its last bytes. */
void dispatch_line_end(struct conn *c, struct slice tail);
/* The reply to a last line that has no end. */
void dispatch_unended(struct conn *c, struct slice line);

/* The client did not say who it is, or not rightly: it is counted, logged as
 * `event`, and closed once it has its answer. */
void dispatch_denied(struct conn *c, const char *event);

/* commands/ */
extern handler *const handlers[CMD_COUNT];

/* Whether the client may name this job, rule or pattern; else *e. */
bool allowed(const struct conn *c, struct slice name, const char *what,
    struct err *e);

#endif
