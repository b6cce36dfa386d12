#include "program.h"
#include "runner.h"

/*
 * direct <executable> [args...]: no shell. An executable without a slash is
 * searched in the PATH that the run sees.
 */
static int
direct_start(struct execution *x)
{
	words_add_list(program_argv(x), &x->run->spec->args);
	return program_start(x);
}

const struct runner_ops runner_direct = {
	.sandboxed = true,
	.start = direct_start,
	.stop = program_stop,
};
