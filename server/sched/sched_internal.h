/*
 * What the files of the scheduler share:
 *
 *	sched.c       due jobs in, runs out; what other modules call
 *	executions.c  the executions themselves, their lists, EXECUTIONS
 *	journal.c     records of what becomes of them
 *	hold.c        paused rules, concurrency
 *	gates.c       breakers by name and namespace
 *	breakers.c    breakers that are not closed
 *	retry.c       attempts after a failure
 *	recur.c       the next time of a recurring job
 *	replan.c      and when the clock is set
 *	cancel.c      CANCEL
 *	recovery.c    what the last server was about when it ended
 *	room.c        room for results in the log
 *	requester.c   who waits for all that
 *	clock.c       what the wall clock does
 *
 * An execution is a job that is due, from the moment it is taken out of the
 * plan until its result is durable:
 *
 *	triggering  its TRIGGER record is under way
 *	barred      its breaker lets none through, or none yet
 *	held        its rule is paused, or runs as many as it may, or as many
 *	            as it has sessions for
 *	ready       waits for its turn
 *	retrying    waits for its next attempt
 *	starting    its START record must be durable first (on_crash=fail)
 *	running     with the processor
 *	finishing   its FINISH record is under way
 *
 * In triggering, starting and finishing a record may be refused, because the
 * disk is full for one. The execution then waits in the list `refused` and
 * asks again (`hold storage`); and no further job is taken meanwhile. While a
 * change to its job is under way, it waits in `blocked` for that to end. A job
 * that is set anew or removed takes back what has not begun.
 *
 * Invariants:
 *  S1  A job in phase taken, queued or running has exactly one execution, and
 *      its extra points to it. Other executions are detached: their job has
 *      been set anew or removed since they started, or has begun its next
 *      run beside them (overlap=allow).
 *  S2  n_inflight counts those starting and running, wherever they stand;
 *      n_processing counts those of them whose rule needs no session, and is
 *      at most max_inflight.
 *  S3  A rule has at most `limit` executions ready, starting and running,
 *      unless the limit was lowered meanwhile.
 *  S4  n_going of a breaker counts the executions ready, starting and running
 *      that it let through in its present era; those of an earlier one that
 *      are still ready come to it again before they start.
 */
#ifndef SCHED_SCHED_INTERNAL_H
#define SCHED_SCHED_INTERNAL_H

#include "sched.h"

#include "breaker.h"
#include "breakers.h"
#include "clock.h"
#include "crew.h"
#include "names.h"
#include "waitq.h"

/* Between two attempts to record what was refused. */
#define REFUSED_PAUSE_NS INT64_C(100000000)

/* Reasons that HISTORY shows. */
#define SCHED_NO_RULE "no rule matched"
#define SCHED_MISSED "fell due while the server was down (misfire=skip)"
#define SCHED_DEADLY "the server died or was stopped, twice in a row"
#define SCHED_GONE "its session is gone, and its job has another plan"
#define SCHED_LOST "the server died or was stopped"

enum execution_state {
	EXECUTION_TRIGGERING,
	EXECUTION_BARRED,
	EXECUTION_HELD,
	EXECUTION_READY,
	EXECUTION_RETRYING,
	EXECUTION_STARTING,
	EXECUTION_RUNNING,
	EXECUTION_FINISHING
};

struct list {
	struct execution *first, *last;
	size_t n;
};

/* A breaker as the scheduler has it. Referred to by the rules and executions
 * that go through it, by the list `open`, and by who has isolated it. */
struct gate {
	struct named named; /* first; the name is a key, owned, terminated */
	struct breaker breaker;
	unsigned refs;
	struct gates *gates; /* it is in */
	struct rule_state *rules;
	struct waitq held;	 /* barred, by due time */
	struct waitq_node alarm; /* the breaker's, if it has set one */
	enum breaker_state told; /* the last that was told of */
	bool open;		 /* in gates->open, which has a reference */
	bool left;		 /* by rules whose namespace is another */
	struct gate *next_open;
	int64_t opened_mono_ns; /* the last time; 0: never */
	char *last_error;	/* owned; NULL: none */
};

struct gates {
	struct names by_name;
	struct waitq alarms; /* by their time, which is monotonic */
	struct gate *open;   /* may let go of what they hold */
	size_t count[BREAKER_STATE_COUNT];
	size_t n_held;
};

/* What the scheduler knows of a rule; outlives the rule while executions
 * that matched it go on. */
struct rule_state {
	unsigned refs;
	char *id; /* owned */
	bool paused;
	int64_t limit; /* runs at once; 0: any number */
	int64_t n_ready, n_running;
	const struct rule *rule; /* NULL: it is gone */
	struct gate *gate;	 /* a reference; NULL: breaker=off */
	struct rule_state *next_at_gate, **link_at_gate;
	struct crew *crew; /* a reference; NULL: its runs need no session */
	struct rule_state *next_in_crew;
	struct waitq held; /* by due time */
	bool open;	   /* in sched->open, which has a reference */
	struct rule_state *next_open;
};

struct execution {
	uint64_t id;
	int64_t due_ns;
	struct execution *prev, *next;	 /* in *list */
	struct list *list;		 /* NULL: in none */
	struct execution *older, *newer; /* in the roster */
	struct execution *next_detached, **link_detached;
	uint64_t serial; /* increases along the roster */
	struct waitq_node
	    wait; /* barred, held, retrying; running: in overlaps */
	struct rule_state *rule;     /* NULL: no rule matched */
	struct gate *gate;	     /* of its spec, a reference; NULL: none */
	uint64_t era;		     /* of the gate, when let through last */
	struct rule_spec *spec;	     /* a reference; NULL as above */
	struct run *run;	     /* starting: order; finishing: result */
	struct requester *requester; /* of RUN until triggered, or of CANCEL */
	/* The job's next time where it is known and not to be computed from
	 * due_ns: RUN keeps the plan. 0: none. */
	int64_t keep_due_ns;
	int64_t due_mono_ns;   /* when its job could have been taken at first */
	int64_t ready_mono_ns; /* when it became ready last */
	int64_t began_ns;      /* its first attempt; 0: not yet */
	int64_t started_ns;    /* this attempt; 0: not yet */
	int64_t retry_at_ns;   /* the next attempt; 0: there is none */
	int64_t retry_mono_ns; /* and when it comes */
	pid_t pid;	       /* 0: none, or not known yet */
	uint32_t attempt;
	uint32_t n_cursors; /* that stand at it */
	uint32_t promised;  /* bytes of the log, to its result */
	uint16_t lost;	    /* attempts, with a server; they are no retries */
	uint32_t n_set;	    /* the clock's, when its record was made */
	uint8_t state;
	bool manual;   /* by RUN */
	bool missed;   /* fell due while the server was down */
	bool beside;   /* its job had another plan, or run, when triggered */
	bool detached; /* see S1 */
	bool removed;  /* its job is gone */
	bool starved;  /* its last start failed for want of resources */
	bool stopping; /* cancelled while it ran: no further attempt */
	bool timed_out;
	bool wary; /* there when the server died: what begins it is recorded */
	bool deadly;	   /* lost with a server for good: no further attempt */
	bool gave_up;	   /* since that came twice in a row */
	char *why_stopped; /* owned, for HISTORY; NULL: nothing is known */
	uint8_t job_len;
	char job[]; /* identifier, terminated */
};

/* The client that waits for one or several records. */
struct requester {
	struct store_waiter waiter;
	char note[OP_NOTE_MAX];
	char *why;	  /* owned: why runs end; or NULL */
	unsigned n_waits; /* records under way */
	bool sealed;	  /* there will be no more */
	bool force, any;  /* CANCEL's */
	bool failed;	  /* one of them was, with: */
	struct err err;
	struct requester *next, **link; /* in sched->requesters */
};

struct sched {
	struct sched_options options;
	struct store *store;
	struct jobs *jobs;
	struct rules *rules;
	struct list ready;
	struct list seated;	 /* ready, and a session is there for it */
	struct list running;	 /* starting, running */
	struct list recording;	 /* triggering, finishing */
	struct list refused;	 /* waiting to record again */
	struct list blocked;	 /* waiting for changes to their job to end */
	uint64_t releases;	 /* of the store, when they last looked */
	struct waitq retries;	 /* by retry_mono_ns */
	struct waitq overlaps;	 /* running, by when their job starts again */
	struct rule_state *open; /* may let go of what they hold */
	size_t n_held, n_inflight, n_processing;
	struct gates gates;
	struct crews crews;
	size_t n_busy_rules;	 /* with something in flight */
	int64_t refused_mono_ns; /* when to ask for the refused again */
	struct clock clock;
	int64_t clear_mono_ns; /* nothing was due then */
	int64_t frame;	       /* the last in which a job was taken */
	uint64_t n_frames, n_late_frames;
	bool replanning; /* the clock was set back */
	bool retry_all;	 /* after the start, whatever they wait for */
	bool draining;
	bool abandoning; /* see sched_abandon */

	/* All executions, in the order in which they were made. */
	struct execution *oldest, *newest;
	uint64_t last_serial;
	struct sched_cursor *cursors;
	struct execution *detached; /* all that are, see S1 */
	struct requester *requesters;

	/* See room.c. */
	size_t promised;	  /* to all of them */
	struct execution *asking; /* whose START record asks for room */
	int64_t room_mono_ns;	  /* not before that, there was none */
	bool short_of_room;
};

/* executions.c */

/* An execution of a job under the rule it matches now, in no list yet; NULL:
 * no memory. */
struct execution *executions_new(struct sched *s, const struct job *job);
void executions_free(struct sched *s, struct execution *x);
void list_add(struct list *list, struct execution *x);
void list_remove(struct execution *x);
/* Move an execution to a state, and to the list that goes with it. */
void executions_enter(struct sched *s, struct execution *x,
    enum execution_state state);
/* It is no longer its job's: see S1. */
void execution_detach(struct sched *s, struct execution *x);
struct execution *execution_of_wait(struct waitq_node *node);
struct slice execution_job(const struct execution *x);
uint32_t execution_slot(const struct execution *x);
/* The job whose run this is, or JOB_NONE when it has another by now. */
uint32_t current_job(const struct sched *s, const struct execution *x);

/* cancel.c */

/* Why a run that was told to end was, in words. */
const char *why_stopped(const struct execution *x);

/* The time of an attempt is over, and it is being told to end. */
void cancel_timed_out(struct sched *s, const struct execution *x);

/* journal.c */

/* Ask the store to record the state an execution is in. */
void journal_record(struct sched *s, struct execution *x);
/* Record again what had to wait. */
void journal_again(struct sched *s, struct list *from);
/* Record that an execution has ended without the processor, and why. */
void journal_finish(struct sched *s, struct execution *x,
    enum run_outcome outcome, const char *why, int64_t started_ns,
    int64_t now_ns);
/* Record that an attempt begins, without waiting for it. */
void journal_started(struct sched *s, struct execution *x);
/* Record that an attempt was lost with the server that ran it, by a crash or
 * by the end of a drain, and that another follows, without waiting for it. */
void journal_lost(struct sched *s, struct execution *x, bool crash,
    int64_t now_ns);
/* Record that an attempt is to end, and how it then has ended. 0, and the
 * waiter will be told; or -1. */
int journal_stop(struct sched *s, const struct execution *x,
    enum run_outcome outcome, enum wal_urgency urgency,
    const struct store_waiter *w, struct err *e);

/* room.c */

/* Whether it cannot start for there may be no room for its result. */
bool room_waits(const struct sched *s, const struct execution *x);
/* When to ask for room again; SCHED_NEVER: not only for that. */
int64_t room_wake_ns(const struct sched *s, int64_t now_ns);
/* It starts: false when it must wait until its START record is durable. */
bool room_take(struct sched *s, struct execution *x);
/* That has been refused, or become durable; all of it has been recorded. */
void room_refused(struct sched *s, struct execution *x, const struct err *e);
void room_made(struct sched *s, const struct execution *x);
void room_release(struct sched *s, struct execution *x);

/* requester.c */

/* With a copy of the waiter; NULL: no memory. */
struct requester *requester_new(struct sched *s, const struct store_waiter *w,
    const char *why);
/* One of its records is durable, or was refused. */
void requester_tell(struct requester *r, const struct err *e);
/* All its records have been asked for, or (rc -1, *e) one could not be. 1 when
 * it will be told; 0 or -1 when none is under way. */
int requester_seal(struct requester *r, int rc, struct err *e);
void requesters_fini(struct sched *s);

/* sched.c */

/* Tell the observer what has just become of an execution. */
void sched_tell(const struct sched *s, const struct execution *x,
    enum sched_event_kind kind);
/* Hand an execution in state starting to the processor. */
void sched_submit(struct sched *s, struct execution *x);
/* How late, at now_ns, is what should have been taken at start_ns. */
int64_t sched_lateness(const struct sched *s, int64_t start_ns, int64_t now_ns);
/* Whether this monotonic time has come. */
bool sched_reached(struct sched *s, int64_t at_mono_ns, int64_t now_ns);

/* hold.c */

/* The state kept for a rule, made when it is first needed; NULL: no memory. */
struct rule_state *hold_rule(struct sched *s, struct rule *rule);
/* Make it for all rules there are. 0, or -1: no memory. */
int hold_rules(struct sched *s);
void hold_unref(struct rule_state *rule);
/* Where an execution goes whose job is due and known to be. */
void hold_queue(struct sched *s, struct execution *x);
/* The same, when its breaker has let it through. */
void hold_by_rule(struct sched *s, struct execution *x);
/* Whether one more of the rule may start now. */
bool hold_allows(const struct rule_state *rule);
/* Hooks of the store. */
void hold_rule_changed(void *ctx, struct rule *rule);
void hold_rule_removed(void *ctx, struct rule *rule);
/* The rule may have room: see hold_release. */
void hold_open(struct sched *s, struct rule_state *rule);
/* Make ready what need not be held any more, a slice of it. */
void hold_release(struct sched *s);

/* gates.c */

/* By its key, and the first whose key comes after one in byte order; NULL. */
struct gate *gate_find(const struct sched *s, struct slice key);
struct gate *gate_after(const struct sched *s, struct slice key);
/* Those of a name, one for each namespace; NULL: no more. */
struct gate *gate_first(const struct sched *s, struct slice name);
struct gate *gate_next(const struct sched *s, const struct gate *g);
/* The one of a rule, with a reference; NULL: no memory. */
struct gate *gate_of(struct sched *s, const struct rule *rule);
struct gate *gate_ref(struct gate *g);
void gate_unref(struct gate *g);
/* An execution that has not been let through comes to its breaker: that may
 * be another now, see sched_namespaces_changed. */
void gate_follow(struct execution *x);

/* breakers.c */

/* Whatever may have changed, for the breaker or for what it holds. */
void breakers_look(struct sched *s, struct gate *g);
/* False: too many are isolated. */
bool breakers_isolate_gate(struct sched *s, struct gate *g);

/* See that the rule goes through the breaker its spec asks for. 0, or -1: no
 * memory, and it has none. */
int breakers_attach(struct sched *s, struct rule_state *state,
    const struct rule *rule);
void breakers_detach(struct rule_state *state);

/* An execution of the rule is to go through its breaker. 0, or -1: no memory.
 * It has moved from one state to another. It is going to be freed. */
int breakers_join(struct sched *s, struct execution *x,
    const struct rule *rule);
void breakers_moved(struct sched *s, struct execution *x, uint8_t from);
void breakers_quit(struct sched *s, struct execution *x);

/* Whether it may become ready; whether it may when its rule held it, which
 * keeps the pace itself; whether, being ready, it must ask again. */
bool breakers_allow(const struct execution *x);
bool breakers_allow_again(const struct execution *x, bool paced);
bool breakers_recall(const struct execution *x);
/* It has run, and x->run says how that ended. */
void breakers_judge(struct sched *s, struct execution *x);

/* Let go what need not be held any more, *left of it at most. */
void breakers_release(struct sched *s, int *left);
/* Those whose time has come let one through, a slice of them. */
void breakers_tick(struct sched *s, int64_t now_ns);
/* When there is something to be done; SCHED_NEVER. */
int64_t breakers_wake_ns(const struct sched *s, int64_t now_ns);
/* Nothing else refers to any. */
void breakers_fini(struct sched *s);

/* retry.c */

/* Whether an attempt with this result is followed by another: when, which its
 * execution then knows, else 0. */
int64_t retry_at(struct sched *s, struct execution *x, int64_t now_ns);
/* Wait for the next attempt. */
void retry_wait(struct sched *s, struct execution *x);
/* Or, as it could not begin, for the same one, a moment later. */
void retry_starved(struct sched *s, struct execution *x);
/* Queue those whose time has come, a slice of them. */
void retry_release(struct sched *s, int64_t now_ns);
/* When there is one to be queued; SCHED_NEVER: none waits. */
int64_t retry_wake_ns(const struct sched *s, int64_t now_ns);

/* recur.c */

bool recurs(const struct job *job);

/* The first time after due_ns that starts after after_ns; 0: none. */
int64_t recur_after(struct sched *s, const struct job_plan *plan,
    struct slice job, int64_t due_ns, int64_t after_ns);
/* The job of an execution that has ended is due next at ...; 0: no more. */
int64_t recur_next(struct sched *s, const struct execution *x, int64_t now_ns);
/* When the run of a due job starts. */
int64_t recur_start_ns(const struct job *job);
/* With overlap=queue: whether the next run waits for this one to end. */
bool recur_waits(struct sched *s, const struct execution *x, int64_t now_ns);
/* With overlap=allow: see that the next run starts in time. */
void recur_watch(struct sched *s, struct execution *x);
/* Start what is due beside a run that goes on, a slice of it. */
void recur_overlap(struct sched *s, int64_t now_ns);

/* replan.c */

/* This due time of a job has come and is taken. */
void replan_taken(const struct sched *s, const struct job *job, int64_t due_ns);
/* As recur_after, but due_ns may be later than after_ns when the clock was set
 * back; and what has been taken is left out. */
int64_t replan_next(struct sched *s, const struct job_plan *plan,
    struct slice job, int64_t due_ns, int64_t after_ns);
/* See that recurring jobs are planned by the clock as it is now, a slice of
 * them at each step. */
void replan_begin(struct sched *s);
/* The clock may have been set while the record of this execution was written,
 * which tells of what follows for its job. */
void replan_recorded(struct sched *s, const struct execution *x);
void replan_step(struct sched *s, int64_t now_ns);

#endif
