/*
 * How the server's parts and its sessions work together: runs and news of the
 * scheduler go to the processor or to a session, what sessions do reaches
 * the processor, connections and the scheduler, and time passes for them.
 * Main thread.
 */
#ifndef SERVER_SESSIONS_H
#define SERVER_SESSIONS_H

#include "server.h"

/* After init_watchers and before the scheduler. 0, or -1 with *e. */
int server_open_sessions(struct server *s, struct err *e);
void server_close_sessions(struct server *s);

/* For struct sched_options. */
bool server_submit(void *ctx, struct run *run);
void server_cancel(void *ctx, uint64_t execution_id, bool force);
void server_crew_changed(void *ctx, struct crew *crew);

/* What the processor tells. */
void server_run_event(struct server *s, const struct run_event *event);

/* Each turn, before the loop waits: what is due for sessions, and see that
 * the loop wakes for the next. */
void server_run_sessions(struct server *s);

#endif
