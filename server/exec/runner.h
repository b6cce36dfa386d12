/*
 * What a runner provides, one row for each; how it does it is in the file of
 * its name. Processor thread only, and nothing here may block.
 */
#ifndef EXEC_RUNNER_H
#define EXEC_RUNNER_H

#include <stdbool.h>

#include "rule_spec.h"

struct execution;
struct executor;

struct runner_ops {
	bool sandboxed; /* honours the option sandbox */

	/*
	 * Begin x->run. 0 when it runs: execution_end must follow some time,
	 * but not from in here; x->pid is set if it is a process. Or -1 with
	 * reason, and exit if there is one, of x->run set.
	 */
	int (*start)(struct execution *x);

	/* Make it end, with force at once; execution_end follows, now or
	 * later. May be called again. */
	void (*stop)(struct execution *x, bool force);

	/* Free what it made for all runs, if anything. No run is left; the
	 * processor's thread does not run any more. May be NULL. */
	void (*close)(struct executor *ex);
};

extern const struct runner_ops runner_shell;
extern const struct runner_ops runner_direct;
extern const struct runner_ops runner_http;
extern const struct runner_ops runner_redis;
extern const struct runner_ops runner_amqp;
extern const struct runner_ops runner_awf;
extern const struct runner_ops probe_tcp;

/* NULL: that runner is not built in. Most probes of integrations are told from
 * runs by their runners: see rule_spec_is_probe. */
const struct runner_ops *runner_find(enum runner r);
/* Whether this build has what runs, or probes, of that kind need. */
bool runner_is_built(enum runner r);

/* Close them all. */
void runners_close(struct executor *ex);

#endif
