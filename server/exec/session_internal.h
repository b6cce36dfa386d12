/*
 * What the files of sessions share:
 *
 *	session.c       what sessions are given to do, say, and are told
 *	session_life.c  their states and deadlines, beginning and end
 *	session_roll.c  looking them up and counting them
 *
 * From state to state:
 *
 *	(start)     CONNECTING      with the run it was started for
 *	(attach)    IDLE
 *	CONNECTING  BUSY            it spoke: the run is sent
 *	CONNECTING  STOPPING        it is silent, the run cancelled, or STOP
 *	IDLE        BUSY            a run is submitted
 *	IDLE        STOPPING        without work for too long, too old, or STOP
 *	BUSY        IDLE            done, and that is recorded
 *	BUSY        STOPPING        time-out, CANCEL, or STOP FORCE
 *	STOPPING    STOPPED, ERROR  it has ended, or was killed in the end
 *
 * An attached session stops by losing its connection, which takes no time: it
 * is never in STOPPING. From every state a session may be gone by itself.
 *
 * Invariants:
 *  1. Idle sessions stand in crew->idle, no others.
 *  2. A crew's n_serving counts its sessions that are idle or have a run,
 *     n_away those that live besides: see session_account().
 *  3. In CONNECTING a session has a run that has not been sent.
 *  4. Whoever ends a run does so last, for the scheduler may then give the
 *     next one to any session, this one too. What ends in the middle of
 *     something, the scheduler's or a connection's, ends in sessions_tick.
 */
#ifndef EXEC_SESSION_INTERNAL_H
#define EXEC_SESSION_INTERNAL_H

#include "session.h"

struct session_list {
	struct session *first, *last;
	size_t n;
};

struct sessions {
	struct sessions_options o;
	struct session_list alive, ended;
	uint64_t last_id;
	size_t n_stopping; /* of those alive */
	struct waitq deadlines;
	struct run *over; /* runs to be ended, their outcome set */
	bool draining;
	struct session_stats stats;
};

/* session_life.c */

/* A later time; not beyond the end of it. */
int64_t deadline_after(int64_t from_ns, int64_t ns);

/* NULL: no memory. It is nowhere yet. */
struct session *session_new(struct sessions *all, struct crew *crew);
void session_free(struct session *s);
/* It counts from now on. */
void session_join(struct session *s);
void session_set_state(struct session *s, enum session_state state);
/* Keep the numbers of its crew true when its run has come or gone. */
void session_account(struct session *s);
void session_set_deadline(struct session *s, int64_t at_ns);
bool session_is_expired(const struct session *s, int64_t now_ns);
/* Whether its rule is no longer what it was when the session began. It may
 * still serve executions that matched the rule before. */
bool session_is_stale(const struct session *s);
/* When one without a run ends. */
int64_t session_idle_deadline(const struct session *s);
/* As much of the text as there is room for, no character cut. */
void session_copy(char *to, size_t size, const char *text);
/* Why it ends, if nothing was said before. */
void session_blame(struct session *s, const char *why);
/* End a started session in this way, unless a stronger one was tried. */
void session_press(struct session *s, enum agent_stop how);
/* End one that has no run. */
void session_end(struct session *s, bool force);
/* It is no more, and has no run. What is left is for AGENT GET. */
void session_gone(struct session *s);

/* session_roll.c */

/* NULL: there is none that lives. */
struct session *sessions_find_alive(const struct sessions *all, uint64_t id);

#endif
