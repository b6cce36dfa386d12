/*
 * What runners have in common that talk to a server over a connection which
 * is kept: connections found by their URL, runs that wait on one, limits of
 * time, the end of either. What is said is the protocol's. Processor thread.
 *
 * Many runs share a connection, each with a call in its list. A connection on
 * which one was given up (its time was over, or it was cancelled) gets no new
 * ones: it may be one that no longer answers. A probe has a connection of its
 * own, so that it neither keeps runs waiting nor is fooled by an old one.
 */
#ifndef EXEC_POOL_H
#define EXEC_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "execution.h"
#include "login.h"
#include "stream.h"
#include "url.h"

struct conn;

/* One run. */
struct call {
	struct call *prev, *next; /* of its connection, oldest first */
	struct conn *conn;
	struct execution *x; /* NULL: was sent and then given up */
	bool sent;
	unsigned channel; /* the protocol's */
	ev_timer limit;
};

/* A protocol. A function that returns a text tells why the connection must
 * end; NULL: all is well. */
struct pool_ops {
	const char *name;
	uint16_t port, tls_port;
	const char *tls_scheme;
	size_t conn_size; /* of the struct that begins with a struct conn */

	/* The URL is split, all else is zero. */
	const char *(*init)(struct conn *c);
	void (*fini)(struct conn *c);

	/* It is open: begin with what comes before the first call, or say
	 * conn_ready. */
	const char *(*opened)(struct conn *c);
	const char *(*input)(struct conn *c, const char *bytes, size_t n);

	/* Put what the call says into the stream's `out`. False: not now; it
	 * is asked again when a call has ended. */
	bool (*send)(struct conn *c, struct call *call);

	/* Put a farewell there, if there is one. May be NULL. */
	void (*leave)(struct conn *c);
};

struct conn {
	struct pool *pool;
	struct conn *prev, *next; /* of the pool, last used first */
	struct stream stream;
	char *key;  /* owned: the URL */
	char *host; /* owned */
	struct url url;
	struct login login;
	bool ready;
	bool retired;
	bool probe; /* of a probe: its one call is there as long as it is */
	struct call *first, *last;
	struct call *unsent; /* the first of those */
	ev_timer idle;
};

struct pool {
	struct executor *executor;
	const struct pool_ops *ops;
	SSL_CTX *tls; /* made by the first that needs it */
	struct conn *first, *last;
	unsigned n;
};

/* As in runner_ops; url is the argument with that number. */
int pool_start(struct pool **pool, const struct pool_ops *ops,
    struct execution *x, size_t url);
void pool_stop(struct execution *x);
void pool_free(struct pool *p); /* NULL is allowed */

/* For protocols. */

/* The calls may be sent from now on. */
void conn_ready(struct conn *c);

/* It takes no new calls. */
void conn_retire(struct conn *c);

/* Its runs fail, it is freed. Not from within a function of pool_ops. */
void conn_fail(struct conn *c, const char *why);

/* Give its run as the reason the first line of what a server says. */
void call_explain(struct call *call, const char *bytes, size_t n);

/* An answer has come: the run ends, call is freed. Its reason and exit are
 * set if there is still a run. */
void call_end(struct call *call, bool success);

#endif
