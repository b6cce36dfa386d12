#include "vspawn.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * clone(CLONE_VM | CLONE_VFORK): the child runs on the same memory, on a
 * stack of its own, while this thread is suspended until the child executes
 * its program or exits. So
 *  1. the child may report an error by plain assignment;
 *  2. only async-signal-safe calls are allowed, and none that reaches into
 *     the C library's idea of the process: its setuid() would change the
 *     server's other threads, hence the bare system calls;
 *  3. the code is not instrumented by sanitizers, which take it for a second
 *     thread on the first one's shadow state.
 * posix_spawn does the same but knows neither limits nor users.
 */
#define STACK_BYTES (256u * 1024) /* execvpe keeps a path and argv on it */
#define GUARD_BYTES (64u * 1024)  /* any page size */

#if defined(__clang__)
#define CHILD_CODE __attribute__((disable_sanitizer_instrumentation))
#else
#define CHILD_CODE \
	__attribute__((no_sanitize("address", "thread", "undefined")))
#endif

struct child_arg {
	const struct vspawn_plan *plan;
	struct vspawn_result *result;
};

void *
vspawn_stack_new(void)
{
	void *stack;

	stack = mmap(NULL, GUARD_BYTES + STACK_BYTES, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (stack == MAP_FAILED)
		return NULL;
	if (mprotect(stack, GUARD_BYTES, PROT_NONE) == -1) {
		vspawn_stack_free(stack);
		return NULL;
	}
	return stack;
}

void
vspawn_stack_free(void *stack)
{
	if (stack != NULL)
		(void)munmap(stack, GUARD_BYTES + STACK_BYTES);
}

/* Ignored signals stay ignored across exec, SIGPIPE first of all; and a
 * handler must not run here once signals are unblocked. */
CHILD_CODE static int
reset_signals(void)
{
	const struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t none;
	int i;

	for (i = 1; i < NSIG; i++)
		(void)sigaction(i, &action, NULL); /* not SIGKILL, SIGSTOP */
	if (sigemptyset(&none) == -1)
		return -1;
	return sigprocmask(SIG_SETMASK, &none, NULL);
}

CHILD_CODE static int
set_up(const struct vspawn_plan *plan)
{
	int i;

	if (setpgid(0, 0) == -1)
		return -1;
	for (i = 0; i < 3; i++)
		if (dup2(plan->fd[i], i) == -1)
			return -1;
	/* All of ours are close-on-exec; this is for what a library opens. */
	(void)close_range(3, ~0u, 0);
	return reset_signals();
}

CHILD_CODE static int
set_limits(const struct vspawn_plan *plan)
{
	struct rlimit limit;
	size_t i;

	for (i = 0; i < plan->n_limits; i++) {
		const struct vspawn_limit *l = &plan->limit[i];

		if (prlimit(0, (__rlimit_resource_t)l->resource, NULL,
			&limit) == -1)
			return -1;
		if (limit.rlim_max > l->value)
			limit.rlim_max = l->value;
		limit.rlim_cur = limit.rlim_max;
		if (prlimit(0, (__rlimit_resource_t)l->resource, &limit,
			NULL) == -1)
			return -1;
	}
	return 0;
}

CHILD_CODE static int
set_user(const struct user *u)
{
	if (u == NULL)
		return 0;
	if (syscall(SYS_setgroups, u->n_groups, u->groups) == -1 ||
	    syscall(SYS_setresgid, u->gid, u->gid, u->gid) == -1 ||
	    syscall(SYS_setresuid, u->uid, u->uid, u->uid) == -1)
		return -1;
	return 0;
}

/* The child's life until exec. Each step leaves its name before it is tried,
 * so that errno is all there is to add. The limits come before the user, who
 * may not be allowed them; the directory after, for it is that user's right
 * to enter it that counts. */
CHILD_CODE static int
child_main(void *arg)
{
	const struct child_arg *a = arg;
	const struct vspawn_plan *plan = a->plan;
	struct vspawn_result *result = a->result;

	result->step = VSPAWN_SETUP;
	if (set_up(plan) == -1)
		goto fail;
	result->step = VSPAWN_LIMIT;
	if (set_limits(plan) == -1)
		goto fail;
	result->step = VSPAWN_USER;
	if (set_user(plan->user) == -1)
		goto fail;
	result->step = VSPAWN_DIRECTORY;
	if (plan->directory != NULL && chdir(plan->directory) == -1)
		goto fail;
	result->step = VSPAWN_EXEC;
	(void)execvpe(plan->argv[0], plan->argv, plan->envp);
fail:
	result->error = errno;
	return 127;
}

/* The kernel made the memory of a process that changed its user undumpable,
 * and until exec that memory was ours: without this there would be no core
 * dump, and no /proc/self to read for a server that is not root. */
static void
restore_dumpable(int dumpable)
{
	if (dumpable == 1)
		(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

int
vspawn(void *stack, const struct vspawn_plan *plan,
    struct vspawn_result *result)
{
	struct child_arg arg = { .plan = plan, .result = result };
	char *top = (char *)stack + GUARD_BYTES + STACK_BYTES;
	int dumpable = 0;

	if (plan->user != NULL)
		dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
	*result = (struct vspawn_result){ .step = VSPAWN_CLONE, .pidfd = -1 };
	result->pid = clone(child_main, top,
	    CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &arg,
	    &result->pidfd);
	if (result->pid == -1) {
		result->error = errno;
		return -1;
	}
	if (plan->user != NULL)
		restore_dumpable(dumpable);
	if (result->error == 0)
		return 0;
	/* It is past its last instruction: this does not wait. */
	(void)waitpid(result->pid, NULL, __WALL);
	(void)close(result->pidfd);
	return -1;
}
