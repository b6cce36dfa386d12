#include "program.h"

#include <stddef.h>
#include <string.h>

#include "sandbox.h"

struct words *
program_argv(struct execution *x)
{
	struct words *argv = &x->executor->launcher.argv;

	words_clear(argv);
	x->child.term = sandbox_enter(argv, x->run->spec);
	return argv;
}

void
program_explain(struct run *run, const struct child *c, int signal)
{
	const char *name = sigabbrev_np(signal);

	if (run->exit == RUN_EXIT_NONE)
		(void)run_explain(run,
		    "its exit status was taken by another wait");
	else if (signal == 0)
		(void)run_explain(run, "exit status %d", run->exit);
	else if (name == NULL)
		(void)run_explain(run, "killed by signal %d", signal);
	else
		(void)run_explain(run, "killed by SIG%s", name);
	if (c->cgroup != NULL && cgroup_ran_out_of_memory(c->cgroup))
		(void)run_explain(run, "out of its memory");
}

static void
on_ended(struct child *c, int exit, int signal)
{
	struct execution *x = (struct execution *)(void *)((char *)c -
	    offsetof(struct execution, child));
	bool success = exit != CHILD_EXIT_UNKNOWN &&
	    run_exit_is_success(x->run->spec, exit);

	x->run->answered = exit != CHILD_EXIT_UNKNOWN;
	x->run->exit = exit == CHILD_EXIT_UNKNOWN ? RUN_EXIT_NONE : exit;
	if (!success)
		program_explain(x->run, c, signal);
	execution_end(x, success);
}

int
program_start(struct execution *x)
{
	struct executor *ex = x->executor;
	int i;

	for (i = 0; i < OUTPUT_STREAMS; i++)
		x->child.output[i] = &x->run->output[i];
	x->child.max_output = ex->max_output;
	x->child.ended = on_ended;
	if (launcher_start(&ex->launcher, x->run, &x->child, ex->loop) == -1)
		return -1;
	x->pid = x->child.pid;
	return 0;
}

void
program_stop(struct execution *x, bool force)
{
	child_stop(&x->child, force);
}
