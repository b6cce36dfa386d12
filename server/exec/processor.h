/*
 * The processor: the single thread that executes. Main submits runs and takes
 * results; everything in between happens on the processor's own loop, where
 * nothing blocks: children are watched, pipes are read as they come.
 *
 * All functions here are main's. Bounds: at most max_inflight runs are with
 * the processor at any time (submitted and not yet taken back finished), and
 * beside them PROCESSOR_PROBES probes of integrations.
 */
#ifndef EXEC_PROCESSOR_H
#define EXEC_PROCESSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "err.h"
#include "run.h"

struct keeper;

struct processor_options {
	const char *shell_path;		  /* copied at start */
	const struct strings *shell_args; /* words before the command; copied */
	unsigned max_inflight;
	unsigned max_agents; /* sessions at once that it starts */
	size_t max_output;   /* bytes kept of each stream of a run */
	size_t max_line;     /* that a session may say */
	/* How long a run of a rule without a timeout may wait for a network
	 * connection, and then for each answer; 0: 30 s. */
	int64_t network_limit_ns;
	/* Below which runs with limits get cgroups of their own; NULL: the one
	 * that this process is in. */
	const char *cgroup;
	struct keeper *keeper; /* told of what runs; NULL: nobody is */
	/* Called on the processor thread when processor_take has something
	 * new, once for several; only wakes main (ev_async_send). */
	void (*wake)(void *arg);
	void *wake_arg;
};

#define PROCESSOR_PROBES 16u

enum run_event_kind {
	RUN_STARTED,
	RUN_TIMED_OUT, /* it has been told to end */
	RUN_FINISHED,
	RUN_PROBED, /* a probe has ended: its only event */
	/* Of sessions; see processor_agent_start. */
	AGENT_STARTED,
	AGENT_SPOKE, /* its first line */
	AGENT_DONE,
	AGENT_ENDED
};

struct run_event {
	enum run_event_kind kind;
	uint64_t execution_id;
	void *owner;	    /* of the run */
	pid_t pid;	    /* STARTED: 0 when it is no process */
	int64_t started_ns; /* RUN_STARTED */
	int exit;	    /* AGENT_DONE, AGENT_ENDED */
	/* RUN_FINISHED, RUN_PROBED, AGENT_ENDED: ownership comes back.
	 * AGENT_DONE: it has the output of the execution, to be taken before
	 * the answer. */
	struct run *run;
};

/* How a session is ended, each way stronger than the one before. */
enum agent_stop {
	AGENT_END, /* it gets no more input */
	AGENT_TERM,
	AGENT_KILL
};

struct processor;

/*
 * Before connections are opened, for their descriptors would make each child
 * cost more; with 0, 1 and 2 open. Sets SIGCHLD to its default. From then on
 * main must not wait for children it did not start, which rules out
 * ev_default_loop: that one waits for any.
 */
struct processor *processor_start(const struct processor_options *o,
    struct err *e);

/* Where runs with limits get their cgroups, or NULL; and why not all can be
 * had. */
const char *processor_cgroups(const struct processor *p, const char **why);

/* What runs inherit of the server's environment; as long as p lives. */
struct environment;
const struct environment *processor_environment(const struct processor *p);

/* Whether all limits that a rule sets on what its runs use are kept for a run
 * as a whole. */
bool processor_limits(const struct processor *p, const struct rule_spec *spec);

/* Ownership of run moves in. False when max_inflight runs are there already;
 * then the run stays the caller's. */
bool processor_submit(struct processor *p, struct run *run);

/* The same of a probe, which is a run whose spec is one: false when there are
 * PROCESSOR_PROBES. It takes no place of a run. */
bool processor_probe(struct processor *p, struct run *run);

/* SIGTERM to the run's process group, SIGKILL after its kill_after; with
 * force SIGKILL at once. Its outcome will be RUN_CANCELLED, unless it has
 * ended already. An id that is not running is ignored. */
void processor_cancel(struct processor *p, uint64_t execution_id, bool force);

/* The same with all runs at the end of a drain: they have kill_after, and those
 * that are not being stopped already end as RUN_LOST. */
void processor_abandon(struct processor *p);

/*
 * Start what launch->spec says as a session: launch is a run without a job,
 * whose execution_id is that of the session. Ownership moves in; its number
 * for the calls below comes out, or -1 when there are max_agents already.
 * AGENT_STARTED may follow; AGENT_ENDED does at last, and the number is free.
 */
int processor_agent_start(struct processor *p, struct run *launch);

/* Once it has spoken, and has no execution, and its last AGENT_DONE has been
 * answered: send it a line, n bytes at `line`, which moves in. AGENT_DONE or
 * AGENT_ENDED follows. */
void processor_agent_run(struct processor *p, unsigned agent,
    uint64_t execution_id, char *line, size_t n);
void processor_agent_answer(struct processor *p, unsigned agent);

/* End it; each way once, if it has not ended. */
void processor_agent_stop(struct processor *p, unsigned agent,
    enum agent_stop how);

/* The next event in order; false when there is none now. Of one run,
 * RUN_STARTED comes before RUN_TIMED_OUT and that before RUN_FINISHED; a run
 * that could not be started has only the latter. */
bool processor_take(struct processor *p, struct run_event *event);

/* Kills what still runs (SIGKILL to each process group), waits for it, ends
 * the thread and frees all. Runs not taken back are freed, their spec
 * references dropped. */
void processor_stop(struct processor *p);

#endif
