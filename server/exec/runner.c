#include "runner.h"

static const struct runner_ops *const runners[RUNNER_COUNT] = {
	[RUNNER_SHELL] = &runner_shell,
	[RUNNER_DIRECT] = &runner_direct,
};

const struct runner_ops *
runner_find(enum runner r)
{
	return runners[r];
}
