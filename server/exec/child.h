/*
 * A child process in a loop: its exit is awaited, its two output streams are
 * read as they come, and it may be talked to. Used on the thread that runs the
 * loop.
 */
#ifndef EXEC_CHILD_H
#define EXEC_CHILD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <ev.h>

#include "cgroup.h"
#include "output.h"
#include "vspawn.h"

/* Somebody else waited for it: main must not wait for children it did not
 * start, which rules out ev_default_loop, whose child handler does. */
#define CHILD_EXIT_UNKNOWN (-1)

#define CHILD_MARK_MAX 48

/* Who hears the SIGTERM of child_stop. */
enum child_term {
	CHILD_TERM_GROUP,
	CHILD_TERM_LEADER, /* who passes it on */
	CHILD_TERM_BELOW   /* those in its namespace: its end is theirs */
};

struct child {
	/* Set before child_start. */
	enum child_term term;
	struct output *output[OUTPUT_STREAMS]; /* borrowed until `ended` */
	size_t max_output;		       /* bytes kept of each */
	struct cgroup *cgroup; /* of its own, or NULL; owned once started */
	bool talks; /* it gets a pipe as its standard input: see `input` */
	/* An entry of its environment that no other child has, by which those
	 * are known that have left its process group; "": they are not
	 * looked for. */
	char mark[CHILD_MARK_MAX];
	/* Given what it writes to its standard output, in place of output[0],
	 * and nothing when it has closed that; or NULL. */
	void (*said)(struct child *c, const char *bytes, size_t n);
	/* Called once after a start that succeeded, never from within
	 * child_stop. The child is reaped and everything is closed but its
	 * cgroup, which ends when this returns; exit is its status,
	 * 128 + signal or CHILD_EXIT_UNKNOWN; signal is 0 when it died of
	 * none. */
	void (*ended)(struct child *c, int exit, int signal);

	atomic_int *kept; /* as the plan's; set to 0 when it has ended */
	pid_t pid;	  /* also the number of its process group */
	int input;	  /* our end, does not block; -1: none, or closed */

	/* child.c's own. */
	struct ev_loop *loop;
	ev_io exited;		  /* on the pidfd */
	ev_io io[OUTPUT_STREAMS]; /* fd -1: closed */
	ev_timer look;		  /* at what goes on after the leader */
	int exit, signal;
	bool stopped, killed, leader_gone;
};

/*
 * Start what plan says; plan->fd is filled here. 0, or -1 with
 * step and error in *result: nothing runs, nothing is left open.
 */
int child_start(struct child *c, struct ev_loop *loop, struct vspawner *v,
    struct vspawn_plan *plan, struct vspawn_result *result);

/*
 * SIGTERM to whom c->term says, with force SIGKILL to all; may be repeated.
 * From now on the child has ended when all have that it started: its process
 * group, and those that left the group and carry its mark. With force it ends
 * with its leader, and nothing stays behind. Without this call, processes that
 * the child left in the background live on. With a cgroup of its own nothing
 * does.
 *
 * Those that left the group are found if this process is a subreaper.
 */
void child_stop(struct child *c, bool force);

/* For the server's end: child_stop with force, and wait for the leader here.
 * Everything is closed; no callback follows. */
void child_end(struct child *c);

/* It gets no more input. Nothing happens the second time. */
void child_close_input(struct child *c);

/* Read what it has written to its standard error so far. */
void child_read_errors(struct child *c);

/* Leave its standard output alone for a while, and go on. What is in the pipe
 * when it ends is read all the same. */
void child_listen(struct child *c, bool listen);

#endif
