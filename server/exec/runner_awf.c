#include "program.h"
#include "runner.h"

/*
 * awf <workflow> [--input k=v ...]: the program awf, searched in the PATH that
 * the run sees, is given the workflow and its inputs word by word.
 */
static int
awf_start(struct execution *x)
{
	static char awf[] = "awf", verb[] = "run";
	struct words *argv = program_argv(x);

	words_add(argv, awf);
	words_add(argv, verb);
	words_add_list(argv, &x->run->spec->args);
	return program_start(x);
}

const struct runner_ops runner_awf = {
	.sandboxed = true,
	.start = awf_start,
	.stop = program_stop,
};
