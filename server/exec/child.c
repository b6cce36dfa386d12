#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc.h"

/*
 * The child has ended when its leader has, not when its pipes have: a process
 * it left in the background may hold them open for ever. What is in a pipe at
 * that moment is read, what comes later is not.
 *
 * One that was asked to stop goes on without its leader until nobody is left
 * in its group: a shell dies of the SIGTERM that its command may take its time
 * about. Nothing tells when a group becomes empty, so it is looked at from
 * time to time. The kernel gives the number of a group to nobody else while a
 * process is in it, and takes far longer than from one look to the next to
 * come round to it again.
 */
#define READ_MAX 65536 /* a pipe's usual capacity */

#define BELOW_MAX 1024 /* processes of a run that hear its SIGTERM */

#define LOOK_SECONDS 0.02

static void
pipe_close(struct child *c, ev_io *w)
{
	if (w->fd == -1)
		return;
	ev_io_stop(c->loop, w);
	(void)close(w->fd); /* only read from: nothing to lose */
	w->fd = -1;
}

/* Read once, at most n bytes. False when no more will come. */
static bool
pipe_read(struct child *c, enum output_stream i, size_t n)
{
	char bytes[READ_MAX];
	ssize_t got;

	got = read(c->io[i].fd, bytes, n < READ_MAX ? n : READ_MAX);
	if (got > 0 && i == OUTPUT_STDOUT && c->said != NULL)
		c->said(c, bytes, (size_t)got);
	else if (got > 0)
		output_add(c->output[i], bytes, (size_t)got, c->max_output);
	return got > 0 || (got == -1 && (errno == EAGAIN || errno == EINTR));
}

static void
on_readable(struct ev_loop *loop, ev_io *w, int revents)
{
	struct child *c = w->data;

	(void)loop;
	(void)revents;
	if (pipe_read(c, (enum output_stream)(w - c->io), READ_MAX))
		return;
	pipe_close(c, w);
	if (w == &c->io[OUTPUT_STDOUT] && c->said != NULL)
		c->said(c, NULL, 0);
}

/* Read what is there now and no more, however fast somebody goes on
 * writing. */
static void
pipe_drain(struct child *c, enum output_stream i)
{
	int n = 0;

	if (c->io[i].fd == -1 || ioctl(c->io[i].fd, FIONREAD, &n) == -1)
		return;
	for (; n > 0; n -= READ_MAX)
		if (!pipe_read(c, i, (size_t)n))
			return;
}

/* Those outside its group that belong to it. */
static size_t
find_strays(const struct child *c, pid_t stray[BELOW_MAX])
{
	if (c->term != CHILD_TERM_GROUP)
		return 0;
	return proc_strays(c->pid, c->mark, stray, BELOW_MAX);
}

static size_t
signal_strays(const struct child *c, int signal)
{
	pid_t stray[BELOW_MAX];
	size_t i, n = find_strays(c, stray);

	for (i = 0; i < n; i++) {
		(void)kill(stray[i], signal);
		if (signal == SIGTERM) /* or a stopped one would not hear it */
			(void)kill(stray[i], SIGCONT);
	}
	return n;
}

/* The leader is reaped: whether anybody else is left. Those of its group that
 * have become children of this process and are dead would count as well. */
static bool
goes_on(const struct child *c)
{
	siginfo_t info = { 0 };

	while (waitid(P_PGID, (id_t)c->pid, &info, WEXITED | WNOHANG) == 0 &&
	    info.si_pid != 0)
		info.si_pid = 0;
	return kill(-c->pid, 0) == 0 || errno == EPERM ||
	    signal_strays(c, 0) > 0;
}

static void
kill_all(struct child *c)
{
	if (c->cgroup != NULL)
		cgroup_kill(c->cgroup);
	(void)kill(-c->pid, SIGKILL);
	/* Killing one may make another our child: once more finds it. */
	for (int i = 0; i < 8 && signal_strays(c, SIGKILL) > 0; i++)
		;
}

static void
close_all(struct child *c)
{
	for (int i = 0; i < OUTPUT_STREAMS; i++) {
		pipe_drain(c, (enum output_stream)i);
		pipe_close(c, &c->io[i]);
	}
	child_close_input(c);
	ev_timer_stop(c->loop, &c->look);
	if (c->kept != NULL)
		atomic_store(c->kept, 0);
	c->kept = NULL;
}

static void
end(struct child *c)
{
	struct cgroup *cgroup = c->cgroup; /* c may be used again by then */

	close_all(c);
	c->ended(c, c->exit, c->signal);
	if (cgroup != NULL)
		cgroup_end(cgroup);
}

/* The leader is gone or, without WNOHANG, is waited for. False: not yet. */
static bool
reap(struct child *c, int flags)
{
	siginfo_t info = { 0 };

	if (waitid(P_PIDFD, (id_t)c->exited.fd, &info, WEXITED | flags) == 0 &&
	    info.si_pid == 0)
		return false;
	if (info.si_pid == 0)
		c->exit = CHILD_EXIT_UNKNOWN;
	else if (info.si_code == CLD_EXITED)
		c->exit = info.si_status;
	else
		c->exit = 128 + (c->signal = info.si_status);
	c->leader_gone = true;
	ev_io_stop(c->loop, &c->exited);
	(void)close(c->exited.fd);
	return true;
}

static void
on_look(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct child *c = w->data;

	(void)loop;
	(void)revents;
	if (c->killed || !goes_on(c))
		end(c);
}

static void
on_leader_gone(struct ev_loop *loop, ev_io *w, int revents)
{
	struct child *c = w->data;

	(void)revents;
	/* A sandbox ends last, or with it nothing can end in good order. */
	if (c->stopped && c->term != CHILD_TERM_GROUP)
		c->killed = true;
	if (c->killed)
		kill_all(c); /* as long as it is not reaped: see above */
	if (!reap(c, WNOHANG))
		return;
	if (c->stopped && !c->killed && goes_on(c))
		ev_timer_again(loop, &c->look);
	else
		end(c);
}

static int
input_open(struct child *c, struct vspawn_plan *plan)
{
	int fd[2];

	if (pipe2(fd, O_CLOEXEC) == -1)
		return -1;
	plan->fd[0] = fd[0];
	c->input = fd[1];
	return fcntl(fd[1], F_SETFL, O_NONBLOCK) == -1 ? -1 : 0;
}

/* Its ends in plan->fd, where -1 stands for none. */
static int
pipes_open(struct child *c, struct vspawn_plan *plan)
{
	int fd[2], i;

	if (c->talks && input_open(c, plan) == -1)
		return -1;
	for (i = 0; i < OUTPUT_STREAMS; i++) {
		if (pipe2(fd, O_CLOEXEC) == -1)
			return -1;
		plan->fd[1 + i] = fd[1];
		ev_io_init(&c->io[i], on_readable, fd[0], EV_READ);
		c->io[i].data = c;
		/* Only our end: programs do not expect theirs to be so. */
		if (fcntl(fd[0], F_SETFL, O_NONBLOCK) == -1)
			return -1;
	}
	return 0;
}

static void
watch(struct child *c, const struct vspawn_result *s)
{
	int i;

	c->pid = s->pid;
	ev_io_init(&c->exited, on_leader_gone, s->pidfd, EV_READ);
	c->exited.data = c;
	ev_io_start(c->loop, &c->exited);
	ev_timer_init(&c->look, on_look, 0., LOOK_SECONDS);
	c->look.data = c;
	for (i = 0; i < OUTPUT_STREAMS; i++)
		ev_io_start(c->loop, &c->io[i]);
}

int
child_start(struct child *c, struct ev_loop *loop, struct vspawner *v,
    struct vspawn_plan *plan, struct vspawn_result *result)
{
	int i, rc;

	c->loop = loop;
	c->stopped = c->killed = c->leader_gone = false;
	c->exit = c->signal = 0;
	c->kept = plan->kept;
	c->input = plan->fd[0] = -1;
	for (i = 0; i < OUTPUT_STREAMS; i++)
		c->io[i].fd = plan->fd[1 + i] = -1;
	if ((rc = pipes_open(c, plan)) == 0)
		rc = vspawn(v, plan, result);
	else
		*result = (struct vspawn_result){ .step = VSPAWN_PIPE,
			.error = errno };
	if (rc == 0)
		watch(c, result);
	for (i = 0; i < OUTPUT_STREAMS; i++) {
		if (plan->fd[1 + i] != -1)
			(void)close(plan->fd[1 + i]);
		if (rc == -1)
			pipe_close(c, &c->io[i]);
	}
	if (plan->fd[0] != -1)
		(void)close(plan->fd[0]);
	if (rc == -1)
		child_close_input(c);
	if (rc == -1 && c->kept != NULL)
		atomic_store(c->kept, 0);
	return rc;
}

static void
terminate_leader(const struct child *c)
{
	if (!c->leader_gone)
		(void)kill(c->pid, SIGTERM);
}

static void
terminate_group(const struct child *c)
{
	(void)kill(-c->pid, SIGTERM);
	(void)signal_strays(c, SIGTERM);
}

/* A namespace's first process does not hear it. While there is no other,
 * nothing has begun that could end in good order. */
static void
terminate_below(const struct child *c)
{
	pid_t pid[BELOW_MAX];
	size_t i, n;

	if (c->leader_gone)
		return;
	n = proc_below(c->pid, pid, BELOW_MAX);
	if (n < 2)
		(void)kill(c->pid, SIGTERM);
	for (i = 0; i < n; i++)
		(void)kill(pid[i], SIGTERM);
}

void
child_close_input(struct child *c)
{
	if (c->input == -1)
		return;
	(void)close(c->input); /* a pipe: nothing more to learn */
	c->input = -1;
}

void
child_read_errors(struct child *c)
{
	pipe_drain(c, OUTPUT_STDERR);
}

void
child_listen(struct child *c, bool listen)
{
	ev_io *w = &c->io[OUTPUT_STDOUT];

	if (w->fd == -1)
		return;
	if (listen)
		ev_io_start(c->loop, w);
	else
		ev_io_stop(c->loop, w);
}

void
child_stop(struct child *c, bool force)
{
	c->stopped = true;
	c->killed |= force;
	if (force)
		kill_all(c);
	else if (c->term == CHILD_TERM_LEADER)
		terminate_leader(c);
	else if (c->term == CHILD_TERM_BELOW)
		terminate_below(c);
	else
		terminate_group(c);
	(void)kill(-c->pid, SIGCONT); /* or a stopped one would not hear it */
	if (force && c->leader_gone)
		ev_feed_event(c->loop, &c->look, EV_TIMER);
}

void
child_end(struct child *c)
{
	child_stop(c, true);
	if (!c->leader_gone)
		(void)reap(c, 0);
	close_all(c);
	if (c->cgroup != NULL)
		cgroup_end(c->cgroup);
}
