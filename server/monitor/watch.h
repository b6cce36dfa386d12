/*
 * WATCH: what happens is told to the connections that asked for it, one line
 * an event, without being asked again. A connection that reads too slowly
 * loses events and is told how many.
 *
 * To tell of something: if watch_wanted, put the fields into what watch_begin
 * gives, then watch_end. Main thread.
 */
#ifndef MONITOR_WATCH_H
#define MONITOR_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "alert.h"
#include "buf.h"
#include "err.h"
#include "hub.h"
#include "request.h"
#include "sched.h"
#include "slice.h"

struct conn;
struct server;
struct watcher;

#define WATCHES_PER_CONN 64
/* Tokens, rules and integrations; the alerts of a token count for so many. */
#define WATCH_HEALTH_SLICE 256
#define WATCH_HEALTH_TOKEN 32

/* For telling watches, of a turn of the loop. */
#define WATCH_TURN_US 1000

struct watches {
	struct hub *hub; /* owned */
	size_t n[WATCH_TOPIC_COUNT];
	struct buf row; /* the event being made */
	enum watch_topic topic;
};

/* 0, or -1 with *e. */
int watches_init(struct watches *w, struct err *e);
void watches_fini(struct watches *w);

/* WATCH: 0, or -1 with ERR_CONFLICT (there is one with that request id),
 * ERR_LIMIT. */
int watch_add(struct conn *c, struct slice id, enum watch_topic topic,
    struct slice prefix, struct err *e);
/* UNWATCH: 0, or -1 with ERR_NOT_FOUND. */
int watch_remove(struct conn *c, struct slice id, struct err *e);
/* The connection is closed. */
void watch_remove_all(struct conn *c);
/* Its token is another now. */
void watch_rebind(struct conn *c);
/* Each turn of the loop: tell for a while. True: there is more to tell. */
bool watch_tell_some(struct server *s);
/* Events that wait are about to be sent: tell what was lost behind them. */
void watch_put_dropped(struct conn *c, struct buf *out);

bool watch_wanted(const struct server *s, enum watch_topic topic);
/* A row with `EVENT <topic> <now>`, for the fields to be added. */
struct buf *watch_begin(struct server *s, enum watch_topic topic);
/* Send it to all that watch the topic with a prefix of `subject` and may see
 * what it is about, as `visible` says when it is asked for `what`. */
typedef bool watch_visible_cb(const struct conn *c, const void *what);
void watch_end(struct server *s, struct slice subject,
    watch_visible_cb *visible, const void *what);

/* What becomes of executions. */
void watch_execution(struct server *s, const struct sched_event *event);
/* What becomes of alerts. */
void watch_alert(struct server *s, enum alert_event event,
    const struct alert *a);
/* A breaker is in another state now. */
void watch_breaker(struct server *s, struct slice key,
    enum breaker_state state);
/* The status of each part, of each agent and of each integration, on a poll: a
 * slice at a time, so that others get their turn. Call it again with the same
 * `at`, zeroed at first, until it returns true. Who begins to watch in between
 * is told the rest. */
struct watch_walk {
	size_t token;		    /* of auth: where the next slice begins */
	uint32_t rule, integration; /* slots */
};
bool watch_health(struct server *s, struct watch_walk *at);

#endif
