/*
 * Memory kept back for the moment when there is no more. The first allocation
 * that fails gives it up: what is left to do then (remove, stop, answer) has
 * it, and what would grow is refused until as much is free again.
 *
 * Main thread.
 */
#ifndef SERVER_RESERVE_H
#define SERVER_RESERVE_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>

#include "err.h"

/* Not touched, so it takes no memory from others while it is kept. */
#define RESERVE_BYTES ((size_t)16 << 20)

struct reserve {
	struct ev_loop *loop;
	void *block;	/* owned; NULL: given up */
	ev_timer again; /* tries to have it back */
};

/* libev ends the process when it gets no memory: so that it does, it has a
 * reserve of its own. Before the first loop is made. */
void reserve_for_loops(void);

/* 0, or -1 with *e. */
int reserve_init(struct reserve *r, struct ev_loop *loop, struct err *e);
void reserve_fini(struct reserve *r);

/* An allocation has failed. */
void reserve_give_up(struct reserve *r);

/* Whether memory is short: nothing may grow. */
static inline bool
reserve_is_gone(const struct reserve *r)
{
	return r->block == NULL;
}

#endif
