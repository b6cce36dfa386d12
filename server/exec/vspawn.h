/*
 * Start one child: the step between clone and exec. The child shares the
 * server's memory until it executes its program, so a start costs the same
 * however large the server has grown, and the caller waits only that long.
 */
#ifndef EXEC_VSPAWN_H
#define EXEC_VSPAWN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "user.h"

#define VSPAWN_LIMITS_MAX 3

struct vspawn_limit {
	int resource; /* RLIMIT_... */
	rlim_t value; /* hard and soft; a lower hard limit stays */
};

/* All borrowed for the call. */
struct vspawn_plan {
	char *const *argv;
	char *const *envp;
	/* Folders in which argv[0] is looked up if it is without a slash;
	 * NULL: /bin and /usr/bin. */
	const char *path;
	int fd[3];		 /* become 0, 1 and 2; none is below 3 */
	const char *directory;	 /* NULL: the server's */
	const struct user *user; /* NULL: the server's */
	struct vspawn_limit limit[VSPAWN_LIMITS_MAX];
	size_t n_limits;
	/* Where the child puts its number before it begins: when this thread
	 * is on again, that may have come far. NULL: nowhere. */
	atomic_int *kept;
	int cgroup; /* folder of the one it is born in; 0: the server's */
	/* A session of its own, away from the server's terminal. A kernel that
	 * groups work by session (autogroup) takes a tenth longer to start it
	 * then, and gives it a share of its own. */
	bool session;
};

/* The step that failed. */
enum vspawn_step {
	VSPAWN_PIPE, /* child_start's */
	VSPAWN_CLONE,
	VSPAWN_CGROUP,
	VSPAWN_SETUP,
	VSPAWN_LIMIT,
	VSPAWN_USER,
	VSPAWN_DIRECTORY,
	VSPAWN_EXEC
};

struct vspawn_result {
	pid_t pid; /* leader of a process group of its own */
	int pidfd; /* close-on-exec, the caller's */

	/* After a failure: */
	enum vspawn_step step;
	int error; /* errno */
};

/* What children are born with. One spawn at a time. */
struct vspawner {
	void *stack;
	int null_fd;
	int fd[3]; /* reserved, see vspawn.c */
};

/*
 * Descriptors 0, 1 and 2 must be open. To be called before the server opens
 * its connections: what a child costs goes by the highest descriptor taken
 * here. 0, or -1 and nothing is left.
 */
int vspawner_init(struct vspawner *v, struct err *e);
void vspawner_fini(struct vspawner *v);

/*
 * 0, or -1 when there is no child and nothing to wait for or to close. The
 * child has default signal actions, an empty signal mask, no descriptor but
 * 0, 1 and 2, and it is killed when the calling thread ends. All signals must
 * be blocked in the calling thread: a handler that ran in the child would run
 * on the server's memory.
 */
int vspawn(struct vspawner *v, const struct vspawn_plan *plan,
    struct vspawn_result *result);

#endif
