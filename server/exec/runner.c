#include "runner.h"

#include <stddef.h>

/* `make WITHOUT="redis ..."` leaves some out. */
static const struct runner_ops *const runners[RUNNER_COUNT] = {
	[RUNNER_SHELL] = &runner_shell,
	[RUNNER_DIRECT] = &runner_direct,
#ifndef WITHOUT_HTTP
	[RUNNER_HTTP] = &runner_http,
#endif
#ifndef WITHOUT_REDIS
	[RUNNER_REDIS] = &runner_redis,
#endif
#ifndef WITHOUT_AMQP
	[RUNNER_AMQP] = &runner_amqp,
#endif
	[RUNNER_AWF] = &runner_awf,
};

const struct runner_ops *
runner_find(enum runner r)
{
	return runners[r];
}

void
runners_close(struct executor *ex)
{
	int r;

	for (r = 0; r < RUNNER_COUNT; r++)
		if (runners[r] != NULL && runners[r]->close != NULL)
			runners[r]->close(ex);
}
