/*
 * What every child of a processor is started with, kept and reused from one
 * start to the next: its environment, its arguments, its stack. A start
 * allocates nothing once these have grown to size.
 */
#ifndef EXEC_LAUNCHER_H
#define EXEC_LAUNCHER_H

#include <ev.h>

#include "buf.h"
#include "child.h"
#include "environment.h"
#include "err.h"
#include "run.h"
#include "words.h"

struct launcher {
	struct words argv;	 /* the runner fills it before launcher_start */
	struct cgroups *cgroups; /* where runs with limits go; NULL: nowhere */
	struct keeper *keeper;	 /* who ends them after us; NULL: nobody */

	/* launcher.c's own. */
	struct vspawner vspawner;
	bool terminal; /* the server has one, which runs must not */
	struct environment environment; /* what the server hands on */
	struct words envp;		/* of the run that is being started */
	struct buf text; /* the entries in it that are the run's own */
};

int launcher_init(struct launcher *l, struct err *e);
void launcher_fini(struct launcher *l);

/*
 * Start l->argv as the options of run->spec say; a run without a job is the
 * session whose number is its execution_id. 0, or -1 with exit and reason of
 * run filled.
 */
int launcher_start(struct launcher *l, struct run *run, struct child *c,
    struct ev_loop *loop);

#endif
