#include "vspawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * clone(CLONE_VM | CLONE_VFORK | CLONE_FILES): the child runs on the same
 * memory, on a stack of its own, while this thread is suspended until the
 * child executes its program or exits. So
 *  1. the child may report an error by plain assignment;
 *  2. nothing may be called that reaches into what the C library or a
 *     sanitizer keeps about the process, for that is the server's: setuid()
 *     would change its other threads, sigaction() its handlers under the
 *     thread sanitizer. Hence the bare system calls;
 *  3. the code is not instrumented, and clone() is called by its other name:
 *     sanitizers would take the child for a forked process;
 *  4. the table of descriptors is the server's, too, until the child has
 *     unshared it. Copying ten thousand connections only to close them would
 *     take longer than all the rest; so the child's three are put on reserved
 *     low numbers first, and it takes along no more than lies below.
 *  5. a user that a run changes to may stop the child just before its exec,
 *     and this thread with it: such users are trusted that far.
 *  6. a process that moves into a cgroup waits for all processors, perhaps ten
 *     milliseconds, and this thread with it; one that is born there does not.
 * posix_spawn knows neither limits nor users, and copies the descriptors.
 */
#define STACK_BYTES (256u * 1024) /* execvpe keeps a path and argv on it */
#define GUARD_BYTES (64u * 1024)  /* any page size */

#if defined(__clang__)
#define CHILD_CODE __attribute__((disable_sanitizer_instrumentation))
#else
#define CHILD_CODE \
	__attribute__((no_sanitize("address", "thread", "undefined")))
#endif

#define KERNEL_SIGSET 8 /* bytes of its sigset_t */

/* The plain name is the one that sanitizers replace. */
int real_clone(int (*main)(void *), void *stack, int flags, void *arg,
    ...) __asm__("__clone");

struct child_arg {
	const struct vspawner *vspawner;
	const struct vspawn_plan *plan;
	struct vspawn_result *result;
	pid_t parent;
	int cgroup_procs; /* to move there; -1: it is where it should be */
};

static void *
map_stack(void)
{
	void *stack;

	stack = mmap(NULL, GUARD_BYTES + STACK_BYTES, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (stack == MAP_FAILED)
		return NULL;
	if (mprotect(stack, GUARD_BYTES, PROT_NONE) == -1) {
		(void)munmap(stack, GUARD_BYTES + STACK_BYTES);
		return NULL;
	}
	return stack;
}

static int
reserve_files(struct vspawner *v)
{
	int i;

	if ((v->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC)) == -1)
		return -1;
	for (i = 0; i < 3; i++)
		if ((v->fd[i] = fcntl(v->null_fd, F_DUPFD_CLOEXEC, 3)) == -1)
			return -1;
	return 0;
}

int
vspawner_init(struct vspawner *v, struct err *e)
{
	*v = (struct vspawner){ .null_fd = -1, .fd = { -1, -1, -1 } };
	if ((v->stack = map_stack()) == NULL)
		(void)err_sys(e, ERR_LIMIT, "cannot map a stack");
	else if (reserve_files(v) == -1)
		(void)err_sys(e, ERR_INTERNAL, "cannot open /dev/null");
	else
		return 0;
	vspawner_fini(v);
	return -1;
}

/* Nothing was written: there is no error to miss. */
static void
close_any(int fd)
{
	if (fd != -1)
		(void)close(fd);
}

void
vspawner_fini(struct vspawner *v)
{
	int i;

	for (i = 0; i < 3; i++)
		close_any(v->fd[i]);
	close_any(v->null_fd);
	if (v->stack != NULL)
		(void)munmap(v->stack, GUARD_BYTES + STACK_BYTES);
}

/* Ignored signals stay ignored across exec, SIGPIPE first of all; and a
 * handler must not run here once signals are unblocked. */
CHILD_CODE static int
reset_signals(void)
{
	/* Large enough for the kernel's sigaction, where all zero is SIG_DFL,
	 * and for its sigset, where it is the empty set. */
	static const unsigned char zero[64];
	int i;

	for (i = 1; i < NSIG; i++) /* refused for SIGKILL and SIGSTOP */
		(void)syscall(SYS_rt_sigaction, i, zero, NULL, KERNEL_SIGSET);
	return (int)syscall(SYS_rt_sigprocmask, SIG_SETMASK, zero, NULL,
	    KERNEL_SIGSET);
}

/* A table of our own with the reserved descriptors in it. Before that is
 * done, every change would hit the server's. */
CHILD_CODE static int
unshare_files(const struct vspawner *v)
{
	unsigned last = 2;
	int i;

	for (i = 0; i < 3; i++)
		if ((unsigned)v->fd[i] > last)
			last = (unsigned)v->fd[i];
	if (close_range(last + 1, ~0u, CLOSE_RANGE_UNSHARE) == 0)
		return 0;
	return unshare(CLONE_FILES);
}

CHILD_CODE static int
set_up(const struct vspawner *v, bool session)
{
	int i;

	if (unshare_files(v) == -1 ||
	    (session ? setsid() : setpgid(0, 0)) == -1)
		return -1;
	for (i = 0; i < 3; i++)
		if (syscall(SYS_dup3, v->fd[i], i, 0) == -1)
			return -1;
	/* Ours are all close-on-exec; this is for what a library opens. */
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

/* That the kernel kills it when this server dies, whatever of. A change of the
 * user clears the order; so it comes after that. A server that died before
 * is not its parent any more. */
CHILD_CODE static int
die_with(pid_t parent)
{
	if (syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1)
		return -1;
	return syscall(SYS_getppid) == parent ? 0 : -1;
}

/* The next folder of a path and a name in it: an empty folder is this one.
 * False: that is too long. */
CHILD_CODE static bool
join(char to[PATH_MAX], const char *folder, size_t n, const char *name)
{
	size_t i, at = 0;

	if (n == 0) {
		folder = ".";
		n = 1;
	}
	for (i = 0; i < n && at < PATH_MAX; i++)
		to[at++] = folder[i];
	if (at < PATH_MAX)
		to[at++] = '/';
	for (i = 0; name[i] != '\0' && at < PATH_MAX; i++)
		to[at++] = name[i];
	if (at == PATH_MAX)
		return false;
	to[at] = '\0';
	return true;
}

/* Returns only with errno. As execvpe does it, which knows no path but the
 * server's: what may not be executed is passed over, and is the error if
 * nothing else is found. That function is for a script without a first line
 * that says what it is. */
CHILD_CODE static void
execute(const struct vspawn_plan *plan)
{
	const char *name = plan->argv[0], *p = plan->path;
	char file[PATH_MAX];
	bool denied = false;
	size_t n, i;

	for (i = 0; name[i] != '\0' && name[i] != '/'; i++)
		;
	if (name[i] == '/' || name[0] == '\0') {
		(void)execvpe(name, plan->argv, plan->envp);
		return;
	}
	if (p == NULL)
		p = "/bin:/usr/bin";
	for (;; p += n + 1) {
		for (n = 0; p[n] != '\0' && p[n] != ':'; n++)
			;
		errno = ENOENT;
		if (join(file, p, n, name))
			(void)execvpe(file, plan->argv, plan->envp);
		denied |= errno == EACCES;
		if (errno != ENOENT && errno != ENOTDIR && errno != EACCES &&
		    errno != ESTALE && errno != ENODEV && errno != ETIMEDOUT)
			return;
		if (p[n] == '\0')
			break;
	}
	errno = denied ? EACCES : ENOENT;
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

	result->step = VSPAWN_CGROUP;
	if (a->cgroup_procs != -1 &&
	    syscall(SYS_write, a->cgroup_procs, "0", 1) != 1)
		goto fail;
	result->step = VSPAWN_SETUP;
	if (set_up(a->vspawner, plan->session) == -1)
		goto fail;
	result->step = VSPAWN_LIMIT;
	if (set_limits(plan) == -1)
		goto fail;
	result->step = VSPAWN_USER;
	if (set_user(plan->user) == -1)
		goto fail;
	result->step = VSPAWN_SETUP;
	if (die_with(a->parent) == -1)
		goto fail;
	result->step = VSPAWN_DIRECTORY;
	if (plan->directory != NULL && chdir(plan->directory) == -1)
		goto fail;
	if (plan->kept != NULL)
		atomic_store(plan->kept, (int)syscall(SYS_getpid));
	result->step = VSPAWN_EXEC;
	execute(plan);
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

/* Put the plan's descriptors on the reserved numbers. */
static int
place_files(const struct vspawner *v, const struct vspawn_plan *plan)
{
	int i;

	for (i = 0; i < 3; i++)
		if (plan->fd[i] != -1 &&
		    dup3(plan->fd[i], v->fd[i], O_CLOEXEC) == -1)
			return -1;
	return 0;
}

/* Let go of them again: a pipe must not stay open here. Overwriting an open
 * descriptor cannot fail. */
static void
release_files(const struct vspawner *v, const struct vspawn_plan *plan)
{
	int i;

	for (i = 0; i < 3; i++)
		if (plan->fd[i] != -1)
			(void)dup3(v->null_fd, v->fd[i], O_CLOEXEC);
}

#define CLONE_FLAGS (CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_PIDFD)

/* clone() knows no cgroups, and the C library offers no clone3(): the child
 * must not return from a function that this thread has still to return from.
 * -1 with ENOSYS where that is not to be had: on other processors, or under a
 * filter of system calls that cannot look into its argument. */
static pid_t
clone_into(struct child_arg *arg, char *top, struct vspawn_result *result)
{
#if defined(__x86_64__)
	struct clone_args args = {
		.flags = (uint64_t)CLONE_FLAGS | CLONE_INTO_CGROUP,
		.pidfd = (uint64_t)(uintptr_t)&result->pidfd,
		.exit_signal = SIGCHLD,
		.stack = (uint64_t)(uintptr_t)(top - STACK_BYTES),
		.stack_size = STACK_BYTES,
		.cgroup = (unsigned)arg->plan->cgroup,
	};
	long rc;

	__asm__ volatile("syscall\n\t"
			 "test %%eax, %%eax\n\t"
			 "jnz 1f\n\t"
			 "mov %[arg], %%rdi\n\t"
			 "call *%[main]\n\t"
			 "mov %%eax, %%edi\n\t"
			 "mov %[exit], %%eax\n\t"
			 "syscall\n"
			 "1:"
			 : "=a"(rc)
			 : "0"((long)SYS_clone3), "D"(&args),
			 "S"(sizeof(args)), [main] "r"(child_main),
			 [arg] "r"(arg), [exit] "i"(SYS_exit)
			 : "rcx", "r11", "cc", "memory");
	if (rc >= 0)
		return (pid_t)rc;
	errno = (int)-rc;
#else
	(void)arg;
	(void)top;
	(void)result;
	errno = ENOSYS;
#endif
	return -1;
}

/* Born where the server is, it moves before it does anything else. */
static pid_t
clone_and_move(struct child_arg *arg, char *top, struct vspawn_result *result)
{
	pid_t pid;

	if (arg->plan->cgroup != 0 &&
	    (arg->cgroup_procs = openat(arg->plan->cgroup, "cgroup.procs",
		 O_WRONLY | O_CLOEXEC)) == -1)
		return -1;
	pid = real_clone(child_main, top, CLONE_FLAGS | SIGCHLD, arg,
	    &result->pidfd);
	close_any(arg->cgroup_procs);
	return pid;
}

static int
clone_child(struct child_arg *arg, struct vspawn_result *result)
{
	char *top = (char *)arg->vspawner->stack + GUARD_BYTES + STACK_BYTES;
	bool other_user = arg->plan->user != NULL;
	int dumpable = 0;

	if (other_user)
		dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
	result->pid = -1;
	errno = ENOSYS;
	if (arg->plan->cgroup != 0)
		result->pid = clone_into(arg, top, result);
	if (result->pid == -1 && errno == ENOSYS)
		result->pid = clone_and_move(arg, top, result);
	if (result->pid == -1) {
		result->error = errno;
		return -1;
	}
	if (other_user)
		restore_dumpable(dumpable);
	if (result->error == 0)
		return 0;
	/* It is past its last instruction: this does not wait. */
	(void)waitpid(result->pid, NULL, __WALL);
	(void)close(result->pidfd);
	return -1;
}

int
vspawn(struct vspawner *v, const struct vspawn_plan *plan,
    struct vspawn_result *result)
{
	struct child_arg arg = { .vspawner = v,
		.plan = plan,
		.result = result,
		.parent = getpid(),
		.cgroup_procs = -1 };
	int rc = -1;

	*result = (struct vspawn_result){ .step = VSPAWN_CLONE, .pidfd = -1 };
	if (place_files(v, plan) == -1)
		result->error = errno;
	else
		rc = clone_child(&arg, result);
	release_files(v, plan);
	return rc;
}
