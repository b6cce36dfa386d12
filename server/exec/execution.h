/*
 * One run while the processor has it: started, watched, stopped when its time
 * is over or somebody cancels it, ended. What happens in between is its
 * runner's. Processor thread only.
 */
#ifndef EXEC_EXECUTION_H
#define EXEC_EXECUTION_H

#include <stdbool.h>
#include <sys/types.h>

#include <ev.h>

#include "child.h"
#include "launcher.h"
#include "processor.h"
#include "run.h"
#include "runner.h"
#include "token.h"

struct agent;
struct execution;

/* What the executions of a processor share; runners find their means here. */
struct executor {
	struct ev_loop *loop;
	struct launcher launcher;
	char *shell_path;
	struct strings shell_args;
	size_t max_output;
	size_t max_line;      /* that a session may say */
	struct tokens tokens; /* scratch of the line being handled */
	/* Without a timeout in its rule, how long a run may wait for its
	 * connection, and then for each answer. */
	int64_t network_limit_ns;

	/* The runners' own, made by the first run that needs it. */
	struct http *http;
	struct pool *redis;
	struct pool *amqp;

	/* It runs. Not called for a run that could not be started. */
	void (*started)(struct execution *x);
	/* Its time is over, and it is about to be told to end. */
	void (*timed_out)(struct execution *x);
	/* Ownership of the run goes to the callee, x is free again. */
	void (*ended)(struct execution *x, struct run *run);
	/* Of sessions: the AGENT_ kinds. */
	void (*agent)(struct agent *a, const struct run_event *event);
	void *arg;
};

enum execution_phase {
	EXECUTION_FREE,
	EXECUTION_RUNNING,
	EXECUTION_STOPPING /* asked to end; its outcome is settled */
};

struct execution {
	struct executor *executor;
	enum execution_phase phase;
	struct run *run; /* owned unless free */
	const struct runner_ops *runner;
	ev_timer deadline; /* running: timeout; stopping: kill_after */
	pid_t pid;	   /* 0 when it is no process */

	/* The runners' own. */
	struct child child;
	void *own;
};

void execution_init(struct execution *x, struct executor *executor);

/* Takes the run; x was free. */
void execution_begin(struct execution *x, struct run *run);

/* Ends as cancelled. Nothing happens when x is free. */
void execution_cancel(struct execution *x, bool force);

/* The server ends: stopped as if it was cancelled, it ends as lost, unless it
 * is being stopped already. */
void execution_abandon(struct execution *x);

/*
 * For runners: a started run has ended, exit and reason of x->run are set.
 * Not to be called before `start` has returned.
 */
void execution_end(struct execution *x, bool success);

#endif
