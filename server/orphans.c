#include "orphans.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "log.h"
#include "sandbox.h"

/*
 * An orphan becomes the child of the main thread, while a run is the child of
 * the processor's thread, which alone waits for it. So main waits for the
 * children of its own thread and for nobody else's. The trials of sandboxes are
 * among them; what comes while one goes on has to wait.
 */
#define AGAIN_SECONDS 1.

void
orphans_set_signals(void)
{
	const struct sigaction standard = { .sa_handler = SIG_DFL };
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct sigaction now;
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		if (sigaction(i, NULL, &now) == 0 && now.sa_handler == SIG_IGN)
			(void)sigaction(i, &standard, NULL);
	(void)sigaction(SIGPIPE, &ignore, NULL);
	/* A write over the limit on files fails: a full disk. */
	(void)sigaction(SIGXFSZ, &ignore, NULL);
	(void)sigaction(SIGUSR2, &ignore, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void
reap(struct orphans *o, struct ev_loop *loop)
{
	siginfo_t info = { 0 };

	if (sandboxes_trying(o->tried)) {
		ev_timer_again(loop, &o->again);
		return;
	}
	ev_timer_stop(loop, &o->again);
	while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | __WNOTHREAD) == 0 &&
	    info.si_pid != 0)
		info.si_pid = 0;
}

static void
on_child(struct ev_loop *loop, ev_signal *w, int revents)
{
	(void)revents;
	reap(w->data, loop);
}

static void
on_again(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)revents;
	reap(w->data, loop);
}

void
orphans_start(struct orphans *o, struct ev_loop *loop,
    const struct sandboxes *tried)
{
	o->tried = tried;
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == -1)
		LOG_WARN("orphans_not_adopted", LOG_ERRNO(errno));
	ev_signal_init(&o->on_child, on_child, SIGCHLD);
	ev_timer_init(&o->again, on_again, 0., AGAIN_SECONDS);
	o->on_child.data = o->again.data = o;
	ev_signal_start(loop, &o->on_child);
	reap(o, loop); /* a process that became this one may have had some */
}

void
orphans_stop(struct orphans *o, struct ev_loop *loop)
{
	ev_signal_stop(loop, &o->on_child);
	ev_timer_stop(loop, &o->again);
}
