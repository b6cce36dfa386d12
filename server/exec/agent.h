/*
 * A session that the server started, on the processor's side: a child that is
 * sent runs on its standard input and answers on its standard output, in
 * lines of the protocol. Processor thread only; what it should do and what
 * becomes of it is decided on main, in session.c.
 */
#ifndef EXEC_AGENT_H
#define EXEC_AGENT_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "child.h"
#include "processor.h"
#include "run.h"
#include "token.h"

struct executor;

struct agent {
	struct executor *executor;
	/* NULL: free. What it is started as: its id is execution_id, job is
	 * NULL. Its result: of an execution while main has been told that it
	 * is done, at last that of the child. */
	struct run *launch;
	struct child child;
	struct buf in;	/* said, not handled yet: at most a line and a read */
	struct buf out; /* to be sent: at most AGENT_OUT_MAX and a line */
	size_t sent;	/* of out */
	ev_io writer;	/* on child.input */
	struct output err;     /* what it writes to standard error meanwhile */
	uint64_t execution_id; /* that it is at; 0: none */
	char id[REQUEST_ID_MAX]; /* of the DONE that waits to be answered */
	size_t id_len;
	bool spoke;
	bool answering; /* until then it is not listened to */
	bool failed;	/* killed; what it says does not count any more */
	/* It can hear or say nothing any more: why. NULL: it can. */
	const char *cut_off;
};

/* Replies that it may leave unread. */
#define AGENT_OUT_MAX (256u * 1024u)

void agent_init(struct agent *a, struct executor *executor);

/* Start it. Takes launch, which the event of its end gives back. */
void agent_begin(struct agent *a, struct run *launch);

/* For all these: nothing happens when it has ended. */
void agent_run(struct agent *a, uint64_t execution_id, struct slice line);
void agent_answer(struct agent *a); /* OK to its last DONE */
void agent_stop(struct agent *a, enum agent_stop how);

#endif
