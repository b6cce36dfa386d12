/*
 * The running server: what main owns. Everything that handles requests or
 * events gets to the rest through here. Main thread.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth.h"
#include "beat.h"
#include "config.h"
#include "keeper.h"
#include "monitor.h"
#include "options.h"
#include "orphans.h"
#include "outputs.h"
#include "processor.h"
#include "reserve.h"
#include "retention.h"
#include "sandbox.h"
#include "sched.h"
#include "store.h"
#include "strangers.h"
#include "token.h"
#include "traffic.h"
#include "watch.h"
#include "zone.h"

struct conn;
struct listener;
struct sessions;

/* Doubly linked through the conns themselves. */
struct conn_list {
	struct conn *first, *last;
	size_t n;
};

struct server {
	struct ev_loop *loop;
	const struct options *options; /* for reading all again */
	struct config *config;	       /* its [alerts] can change */
	struct auth *auth;	       /* NULL: every client is admin */
	struct store *store;
	struct sched *sched;
	struct processor *processor;
	struct sessions *sessions;
	struct sandboxes sandboxes;
	struct orphans orphans;
	struct keeper keeper;
	ev_io keeper_gone;
	struct remains *lost; /* at the start: runs of the last server */
	size_t n_lost;
	struct reserve reserve;
	struct zones *zones;
	struct outputs *outputs;
	struct monitor monitor;
	struct watches watches;
	int64_t started_mono_ns;
	bool running; /* it has started */
	bool draining;
	bool drained; /* all runs have ended; the last replies go out */
	bool warned_of_limits;
	bool storage_failing;			   /* as last looked at */
	uint64_t logfile_losses, logfile_rebuilds; /* the same */
	int exit_code;

	/* net/listener.c */
	struct listener *listeners; /* owned array */
	size_t n_listeners;
	bool accepting;
	ev_timer accept_pause;
	size_t max_conns;	    /* as configured, or as descriptors allow */
	int spare_fd;		    /* to refuse a client with; -1: none */
	int64_t refusals_logged_ns; /* monotonic; 0: never */
	bool tls_enabled;

	/* net/conn.c */
	struct conn_list conns;
	struct conn *dirty; /* replies to be sent this turn */
	struct conn
	    *waiters; /* for a name or for room in the store, in order */
	struct conn **waiters_end;
	struct conn *runnable; /* input to be looked at again this turn */
	size_t n_sharing;      /* conns whose input is more than a share */
	int64_t now_ns;	       /* wall clock when the input came */
	char *input;	       /* shared read buffer */
	char *line;	       /* the line being handled, unescaped in place */
	struct tokens tokens;
	uint64_t conns_total, conns_refused;
	struct traffic *traffic;
	struct strangers strangers;
	uint64_t stamp; /* of the request being handled: see traffic.h */
	char note[OP_NOTE_MAX]; /* see conn_note */

	/* sessions.c */
	ev_timer session_timer;
	int64_t session_wake_ns; /* when it goes off; SESSION_NEVER: not set */

	/* server.c */
	ev_async store_wake, processor_wake;
	ev_prepare before_wait;
	ev_idle more; /* runs while there is work that must not wait */
	ev_io frame_timer;
	int frame_fd;		/* a timerfd on the wall clock */
	int64_t frame_armed_ns; /* when it goes off; SCHED_NEVER: not set */
	bool tick_wanted;	/* this turn */
	ev_timer sweep;
	ev_signal on_term, on_int, on_usr1, on_hup;
	ev_timer compression_timer;
	struct retention retention;
	ev_timer drain_timer;
	struct beat beat;
	struct store_recovery recovery;
};

/* What only the files that a configuration names can tell, and what this
 * version cannot do. 0, or -1 with *e. */
int server_check(const struct config *c, struct err *e);

/*
 * Build everything from the configuration and recover the log. 0; or -1 with
 * the exit code in s->exit_code and *e, and server_fini to be called.
 */
int server_init(struct server *s, const struct options *o, struct config *c,
    struct err *e);
/* Until a signal ends it; returns the exit code. */
int server_run(struct server *s);
void server_fini(struct server *s);

/* Read tokens and log settings again. 0; or -1 with *e, nothing changed. */
int server_reload(struct server *s, struct err *e);
/* Let what runs end, then stop; with now, or the second time: stop. */
void server_stop(struct server *s, bool now, const char *why);

/* The longest namespace of auth_file that holds a rule; empty: none. */
struct slice server_namespace_of(const struct server *s,
    const struct rule *rule);

/* Exit codes of tickd. */
enum {
	EXIT_OK = 0,
	EXIT_RUNTIME = 1,
	EXIT_USAGE = 2,
	EXIT_DAMAGED = 3,
	EXIT_LOCKED = 4
};

#endif
