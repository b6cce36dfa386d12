#include "program.h"
#include "runner.h"

/*
 * shell <command>: the configured shell gets the command as one word. Nothing
 * of the job is ever pasted into it; that is what the environment is for.
 */
static int
shell_start(struct execution *x)
{
	struct words *argv = program_argv(x);

	words_add(argv, x->executor->shell_path);
	words_add_list(argv, &x->executor->shell_args);
	words_add_list(argv, &x->run->spec->args);
	return program_start(x);
}

const struct runner_ops runner_shell = {
	.sandboxed = true,
	.start = shell_start,
	.stop = program_stop,
};
