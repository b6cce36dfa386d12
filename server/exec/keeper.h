/*
 * A process beside the server that outlives it by a moment: when the server is
 * gone, whatever it died of, it kills what runs. The kernel kills the first
 * process of each run by itself, but not the others.
 */
#ifndef EXEC_KEEPER_H
#define EXEC_KEEPER_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"

struct keeper_slot {
	atomic_int group; /* 0: free; below: taken, nothing runs yet */
	uint64_t execution_id;
	int64_t due_ns;
	int64_t attempt;
};

/* Shared by the two. */
struct keeper_board {
	pid_t pid; /* the keeper's */
	size_t n;
	struct keeper_slot slots[]; /* the processor's, once it runs */
};

struct keeper {
	pid_t pid;		    /* 0: there is none */
	int fd;			    /* in error when it is gone */
	struct keeper_board *board; /* NULL: there is no keeper */
	size_t next;
};

/* Before threads are made, and before this process adopts orphans: it is not
 * its child. -1 with *e: there is none, *k may be ended. */
int keeper_start(struct keeper *k, size_t n, struct err *e);

/* It ends soon. Nothing must run any more. A zeroed one is allowed. */
void keeper_end(struct keeper *k);

/* A run is about to begin: where its process group is to be put, and 0 when it
 * has ended. execution_id 0: a session. NULL when all slots are taken or there
 * is no keeper. */
atomic_int *keeper_note(struct keeper *k, uint64_t execution_id, int64_t due_ns,
    int64_t attempt);

#endif
