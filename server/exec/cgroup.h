/*
 * Control groups (cgroup v2) of runs whose rule limits them: one each, below
 * the server's own, made before the run begins and gone when it has ended.
 * Used on the thread that runs the loop, or on main before there is one.
 */
#ifndef EXEC_CGROUP_H
#define EXEC_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <ev.h>

#include "err.h"

enum cgroup_limit {
	CGROUP_CPU,	  /* 1/1000 cores */
	CGROUP_MEMORY,	  /* bytes, swap included */
	CGROUP_PROCESSES, /* threads included */
	CGROUP_LIMITS
};

struct cgroups;
struct cgroup;

/*
 * At the start, before there are children: what a crash left below `own` is
 * killed and removed, and this process moves into a group below it, for only
 * the last in a line may hold processes. NULL: the group this process is in.
 * Another process goes with it, unless that is 0. Returns NULL with *e when
 * nothing can be limited here, and then nothing has changed.
 */
struct cgroups *cgroups_open(const char *own, pid_t other, struct ev_loop *loop,
    struct err *e);

/* All runs have ended. The process moves back, the other one too. NULL is
 * allowed. */
void cgroups_close(struct cgroups *g);

/* Whether it can be limited; of NULL nothing can. */
bool cgroups_can(const struct cgroups *g, enum cgroup_limit limit);

/* Where the groups are made. */
const char *cgroups_path(const struct cgroups *g);

/* A group for one run; 0: no limit. The caller's to end. NULL with *e. */
struct cgroup *cgroup_new(struct cgroups *g, const int64_t limit[CGROUP_LIMITS],
    struct err *e);

/* Its folder, borrowed. */
int cgroup_fd(const struct cgroup *c);

/* SIGKILL to all in it. */
void cgroup_kill(struct cgroup *c);

/* Whether something in it was killed for want of memory. */
bool cgroup_ran_out_of_memory(const struct cgroup *c);

/* Kill what is left in it; it is removed and freed as soon as that is gone. */
void cgroup_end(struct cgroup *c);

#endif
