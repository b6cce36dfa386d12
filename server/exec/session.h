/*
 * Sessions: workers that stay and are given one run after the other. The
 * server starts those of a rule that names an executable (first class); others
 * are connections that have attached themselves (second class). This file
 * decides which session does what and when it ends; it talks to them, and to
 * the scheduler, through the callbacks of its options, and does no I/O.
 *
 * Bounds: max_sessions sessions of both kinds, one run for each, and the last
 * SESSIONS_KEPT that have ended. When there are so many, those that the server
 * started and that have no work are soon ended, for others to be started. Main
 * thread.
 */
#ifndef EXEC_SESSION_H
#define EXEC_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"
#include "crew.h"
#include "err.h"
#include "processor.h"
#include "run.h"
#include "session_stats.h"
#include "token.h"
#include "waitq.h"

#define SESSIONS_KEPT 100
#define SESSION_PEER_MAX 128
#define SESSION_NEVER INT64_MAX

struct conn;
struct sessions;

enum session_state {
	SESSION_CONNECTING, /* started, has said nothing yet */
	SESSION_IDLE,
	SESSION_BUSY,	  /* has a run, or its result is being recorded */
	SESSION_STOPPING, /* was told to end, and has not */
	SESSION_STOPPED,  /* has ended, in order */
	SESSION_ERROR	  /* has ended: see `error` */
};

struct session {
	struct session *prev, *next; /* by id: those that live, or have ended */
	struct session *prev_idle, *next_idle; /* in crew->idle */
	struct sessions *all;
	uint64_t id;
	struct crew *crew;	/* a reference */
	struct rule_spec *spec; /* started as, a reference; NULL: attached */
	enum session_state state;
	struct run *run; /* owned; NULL: none */
	uint64_t executions;
	int64_t started_ns, stopped_ns; /* wall clock; 0: not yet */
	int exit;			/* RUN_EXIT_NONE: none */
	char error[RUN_REASON_MAX];	/* "": none */

	/* Of a started one. */
	unsigned agent; /* its number with the processor */
	pid_t pid;	/* 0: not known yet */

	/* Of an attached one. */
	struct conn *conn; /* NULL: gone */
	char id_of_attach[REQUEST_ID_MAX];
	size_t id_of_attach_len;
	char peer[SESSION_PEER_MAX];

	/* session.c's own. */
	struct waitq_node deadline; /* what is due then goes by the state */
	int64_t born_mono_ns, idle_mono_ns;
	enum run_outcome outcome; /* that its run will have; RUN_NONE: open */
	enum session_end why;
	uint8_t counted; /* how, in its crew */
	uint8_t pressed; /* 0, or 1 + the strongest enum agent_stop so far */
	bool sent;	 /* its run has been sent */
	bool answering;	 /* its result is being recorded */
	bool retiring;	 /* ends when it has no run */
};

struct sessions_options {
	unsigned max_sessions;
	int64_t connect_timeout_ns, idle_timeout_ns, max_lifespan_ns;
	size_t max_output; /* bytes of output kept of a run */

	/* Orders for those that are started: see processor_agent_*. */
	int (*start)(void *ctx, struct run *launch);
	void (*send)(void *ctx, unsigned agent, uint64_t execution_id,
	    char *line, size_t n);
	void (*answer)(void *ctx, unsigned agent);
	void (*stop)(void *ctx, unsigned agent, enum agent_stop how);

	/* For attached ones: whether it may know of the job, where to append a
	 * line (NULL: it reads too slowly), and to close, at once or when all
	 * before is sent. */
	bool (*may_have)(void *ctx, const struct conn *conn, const char *job);
	struct buf *(*event)(void *ctx, struct conn *conn);
	void (*close)(void *ctx, struct conn *conn, bool now);

	/* To the scheduler: RUN_STARTED to RUN_FINISHED of runs; that a crew
	 * may have room; how many more sessions there may be. */
	void (*run_event)(void *ctx, const struct run_event *event);
	void (*room)(void *ctx, const struct crew *crew);
	void (*spare)(void *ctx, int64_t n);
	void *ctx;
};

/* NULL: no memory. sessions_free drops all without a word. */
struct sessions *sessions_new(const struct sessions_options *o, struct err *e);
void sessions_free(struct sessions *all);

/* For struct sched_options. */
bool sessions_submit(struct sessions *all, struct run *run);
void sessions_crew_changed(struct sessions *all, struct crew *crew);
/* False: no session has that execution. */
bool sessions_cancel(struct sessions *all, uint64_t execution_id, bool force);

/* An AGENT_ event of the processor. */
void sessions_event(struct sessions *all, const struct run_event *event);

/* Make a connection a session, which owns a reference to the crew: NULL with
 * ERR_LIMIT or ERR_UNAVAILABLE. `peer` is shown as its address, `id` stands
 * before each line that it is sent. */
struct session *sessions_attach(struct sessions *all, struct crew *crew,
    struct conn *conn, struct slice id, const char *peer, struct err *e);

/* DONE by an attached session: 0 and the waiter will be told; or -1 with
 * ERR_CONFLICT or ERR_NOT_FOUND. */
struct request_done;
int session_done(struct session *s, const struct request_done *q,
    const struct store_waiter *w, struct err *e);

/* Its connection has ended or will take no more. */
void session_lost(struct session *s);

/* When to call sessions_tick; SESSION_NEVER: no need. Times are monotonic. */
int64_t sessions_wake_ns(const struct sessions *all);
void sessions_tick(struct sessions *all, int64_t now_ns);

/* By id, those that have ended too; NULL: unknown. */
const struct session *sessions_find(const struct sessions *all, uint64_t id);
/* The first that lives with a greater id; NULL: none. */
const struct session *sessions_after(const struct sessions *all, uint64_t id);
/* "connecting" ... */
const char *session_state_word(const struct session *s);

/* AGENT STOP: 0, or -1 with ERR_NOT_FOUND, ERR_CONFLICT. */
int sessions_stop(struct sessions *all, uint64_t id, bool force, struct err *e);
/* All of them end when they have no run: how many. */
size_t sessions_stop_all(struct sessions *all);
/* From now on they end as soon as they have no run. */
void sessions_drain(struct sessions *all);
/* And those that have one are told to end, their runs being lost. */
void sessions_abandon(struct sessions *all);
size_t sessions_alive(const struct sessions *all);

/* Numbers for HEALTH. */
struct sessions_count {
	size_t state[SESSION_STOPPING + 1];
	size_t first_class, second_class;
};

void sessions_count(const struct sessions *all, struct sessions_count *out);
/* How many serve a rule. */
size_t sessions_of_rule(const struct sessions *all, const char *rule);
const struct session_stats *sessions_stats(const struct sessions *all);

#endif
