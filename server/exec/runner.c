#include "runner.h"

#include <stddef.h>

/* `make WITHOUT="redis ..."` leaves some out. */
static const struct runner_ops *const runners[PROBE_END] = {
	[RUNNER_SHELL] = &runner_shell,
	[RUNNER_DIRECT] = &runner_direct,
#ifndef WITHOUT_HTTP
	[RUNNER_HTTP] = &runner_http,
	[PROBE_HTTP] = &runner_http,
#endif
#ifndef WITHOUT_REDIS
	[RUNNER_REDIS] = &runner_redis,
	[PROBE_REDIS] = &runner_redis,
#endif
#ifndef WITHOUT_AMQP
	[RUNNER_AMQP] = &runner_amqp,
	[PROBE_AMQP] = &runner_amqp,
#endif
	[RUNNER_AWF] = &runner_awf,
	[PROBE_TCP] = &probe_tcp,
	[PROBE_EXEC] = &runner_direct,
};

const struct runner_ops *
runner_find(enum runner r)
{
	return runners[r];
}

bool
runner_is_built(enum runner r)
{
	return r == RUNNER_AGENT || runners[r] != NULL;
}

void
runners_close(struct executor *ex)
{
	int r;

	for (r = 0; r < PROBE_END; r++)
		if (runners[r] != NULL && runners[r]->close != NULL)
			runners[r]->close(ex);
}
