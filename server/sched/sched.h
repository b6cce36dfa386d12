/*
 * The scheduler: takes due jobs out of the plan, finds their rule, holds or
 * queues them, hands them to the processor, and records what became of them:
 * over and over when they fail or recur. It does no I/O: records go to the
 * store, runs through a callback, and the clock is that of struct os. Main
 * thread.
 */
#ifndef SCHED_SCHED_H
#define SCHED_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "breaker.h"
#include "crew.h"
#include "processor.h"
#include "run.h"
#include "store.h"

#define SCHED_NEVER INT64_MAX
#define SCHED_SLICE 256 /* steps of one kind in one call */

struct sched;

struct zones;

/*
 * What becomes of executions, told as it happens: TRIGGERED when a job that
 * fell due is known to be, then QUEUED, and of each attempt STARTED and ENDED
 * (and QUEUED again, if another follows); STOPPING when a run has been told
 * to end. An execution may end without having started.
 */
enum sched_event_kind {
	SCHED_TRIGGERED,
	SCHED_QUEUED, /* or held */
	SCHED_STARTED,
	SCHED_STOPPING,
	SCHED_ENDED /* its record is durable */
};

struct sched_event { /* pointers: until the call returns */
	enum sched_event_kind kind;
	uint64_t execution_id;
	struct slice job;
	const char *rule;	      /* NULL: none matched */
	const struct rule_spec *spec; /* as matched; NULL: none */
	uint32_t attempt;
	bool manual;  /* by RUN */
	bool missed;  /* fell due while the server was down */
	bool retried; /* ENDED: another attempt follows */
	bool gave_up; /* ENDED: lost with the server twice in a row */
	int64_t now_ns;
	int64_t due_ns;
	int64_t late_ns;       /* TRIGGERED: since it could have been */
	int64_t waited_ns;     /* STARTED: how long it only waited its turn */
	const struct run *run; /* ENDED: the result; NULL: memory was out */
};

struct sched_options {
	struct store *store; /* borrowed; its hooks become the scheduler's */
	uint32_t framerate;
	unsigned max_inflight;
	struct zones *zones; /* borrowed */
	unsigned max_sessions;
	/* Orders to the processor or, where run->crew is set, to a session:
	 * see processor_submit and _cancel. False, and the run stays the
	 * caller's, only when no session is there for it after all. */
	bool (*submit)(void *ctx, struct run *run);
	void (*cancel)(void *ctx, uint64_t execution_id, bool force);
	/* In sched_recover: it ran when the last server ended; may be NULL. */
	void (*lost)(void *ctx, uint64_t execution_id, int64_t due_ns,
	    int64_t attempt);
	uint64_t (*random)(void *ctx);
	/* What the rule of a crew is has changed; may be NULL. Must not call
	 * the scheduler, but for sched_crew_changed and _spare_sessions. */
	void (*crew_changed)(void *ctx, struct crew *crew);
	/* May be NULL. Must not call the scheduler. */
	void (*observe)(void *ctx, const struct sched_event *event);
	/* A rule has been set, is about to be freed; likewise. */
	void (*rule_changed)(void *ctx, const struct rule *rule);
	void (*rule_removed)(void *ctx, struct rule *rule);
	/* A breaker is in another state now; likewise. Its key: scoped.h. */
	void (*breaker_changed)(void *ctx, struct slice key,
	    enum breaker_state state);
	/* The namespace of auth_file that a rule lies in: rules of different
	 * ones share no breaker. NULL: there is but one. */
	struct slice (*namespace_of)(void *ctx, const struct rule *rule);
	void *ctx;
};

struct sched *sched_new(const struct sched_options *o, struct err *e);
/* The store must have been closed, or have no op of the scheduler left. */
void sched_free(struct sched *s);

/* Once, after recovery: takes up what was queued or running when the last
 * server ended. 0, or -1 when memory is out. */
int sched_recover(struct sched *s, int64_t now_ns, struct err *e);

/*
 * Take jobs that are due in the frame of now_ns, let go what was held or
 * waited for another attempt, and start what can be started: of each at most
 * SCHED_SLICE. Returns when to call again: now_ns when there is
 * more to do at once (let others work first), SCHED_NEVER when nothing is
 * planned. A job set meanwhile makes it earlier: ask sched_wake_ns.
 */
int64_t sched_tick(struct sched *s, int64_t now_ns);
int64_t sched_wake_ns(const struct sched *s, int64_t now_ns);

/* What is due after these, and was not before, is not late: before the store
 * is polled, and when the clock was set. */
void sched_before_changes(struct sched *s, int64_t now_ns);
void sched_clock_set(struct sched *s);

/* Whether the wall clock has been set; then call sched_tick. Its timer tells
 * too, but forgets when it is armed anew. */
bool sched_look_at_clock(struct sched *s, int64_t now_ns);

/* The rules of time zones may have changed: plan by them. */
void sched_reload_zones(struct sched *s);

/* A monotonic time as the wall clock shows it now. */
int64_t sched_wall_of(const struct sched *s, int64_t mono_ns);

/* Start what is ready, as far as there is room: after the store was polled. */
void sched_start(struct sched *s);

/* The crew of a rule whose runs need sessions, else NULL; NULL also when
 * memory is out. Borrowed. */
struct crew *sched_crew(struct sched *s, struct rule *rule);
/* A crew may have room: call sched_start soon. */
void sched_crew_changed(struct sched *s, const struct crew *crew);
/* So many sessions may still be added; likewise. */
void sched_spare_sessions(struct sched *s, int64_t n);

/* At the end of a drain: runs that end as lost from now on run again with the
 * next server, if their rule wants that; however often it happens. */
void sched_abandon(struct sched *s);
/* The server stops now, and the runs that go on with it: the same for them. */
void sched_stop_now(struct sched *s);

/* What the processor tells. What run->recorded is set to is told when the
 * result is durable. */
void sched_run_event(struct sched *s, const struct run_event *event);

/* RUN <job>: due now, whatever its plan. 0 and the waiter will be told, or -1
 * with ERR_NOT_FOUND, ERR_CONFLICT or ERR_LIMIT. The job must not be busy in
 * the store. */
int sched_run_job(struct sched *s, struct slice job,
    const struct store_waiter *w, struct err *e);

/*
 * CANCEL <job>. 1: the waiter will be told, when that is durable. 0: its runs
 * were about to end already. -1 with ERR_NOT_FOUND, ERR_CONFLICT (nothing to be
 * cancelled), ERR_STORAGE or ERR_LIMIT. The job must not be busy in the store.
 * What is cancelled has `why` as its reason.
 */
int sched_cancel(struct sched *s, struct slice job, const char *why, bool force,
    const struct store_waiter *w, struct err *e);

/* Tell every run that is a child process, or a session's, to end, for this
 * reason. *n: how many are no session's. 1: the waiter will be told, when that
 * is durable; 0: there are none; -1. */
int sched_stop_children(struct sched *s, const char *why,
    const struct store_waiter *w, size_t *n, struct err *e);

/*
 * All executions there are when the list begins, in no particular order. A
 * cursor stays valid whatever ends in between; who began it must end it.
 */
struct sched_cursor {
	struct execution *at; /* NULL: at the end */
	uint64_t end;
	struct sched_cursor *other, **back;
};

struct sched_row {
	uint64_t execution_id;
	struct slice job; /* this and rule: until the scheduler is called */
	const char *rule;
	const char *state; /* NULL: neither queued nor running at present */
	uint32_t attempt;
	pid_t pid;	    /* 0: none */
	int64_t started_ns; /* 0: not yet */
};

void sched_list_begin(struct sched *s, struct sched_cursor *c);
/* The next; false at the end. */
bool sched_list_next(struct sched_cursor *c, struct sched_row *row);
void sched_list_end(struct sched_cursor *c);

/* No run starts from now on; those that go on are recorded. */
void sched_drain(struct sched *s);
/* Whether all that was started has been recorded. */
bool sched_idle(const struct sched *s);

/* namespace_of says otherwise than before: rules go through the breakers that
 * are theirs now, and what waits goes with them. Call sched_start soon. */
void sched_namespaces_changed(struct sched *s);

/* Why a job that is due does not run: `-`, `paused`, `storage` ... */
const char *sched_hold_word(struct sched *s, const struct job *job,
    int64_t now_ns);

/* How many executions of a rule run, and the job of one of them (its ptr is
 * NULL: of none), valid until the scheduler is called. */
size_t sched_rule_running(const struct rule *rule);
struct slice sched_rule_job(const struct sched *s, const struct rule *rule);

struct sched_stats {
	size_t pending;	      /* executions queued or held */
	size_t inflight;      /* executions running */
	size_t busy_rules;    /* that have one running */
	uint64_t frames;      /* in which jobs were taken */
	uint64_t late_frames; /* those with jobs of an earlier frame */
};

void sched_stats(const struct sched *s, struct sched_stats *out);

#endif
