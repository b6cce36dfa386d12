/*
 * One client: its buffers, the order of its replies, backpressure, time-outs.
 *
 * Replies come in the order of requests. Writes are answered when they are
 * durable, many at a time, and an answer that comes before its turn is kept
 * for it. A request that is no write waits until the writes before it have
 * been answered, and the rest of the input with it.
 *
 * Main thread.
 */
#ifndef NET_CONN_H
#define NET_CONN_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth.h"
#include "buf.h"
#include "command.h"
#include "err.h"
#include "request.h"
#include "server.h"

/* Longest line of a client that has not authenticated yet: AUTH needs no more,
 * and all of them together keep no more than this each. */
#define STRANGER_LINE_MAX 4096u
/* Replies that may wait to be read before requests are left alone. */
#define CONN_OUT_HIGH (256u * 1024u)
/* Events that may wait to be sent before more are refused. */
#define CONN_EVENTS_HIGH (256u * 1024u)

/* Answers that may be kept for their turn before no more is asked for. */
#define CONN_EARLY_MAX 1024u

/* A list being sent piece by piece, as the client reads. */
struct stream {
	struct slice id; /* of the request; owned with the struct */
	/* Append some rows; true when that was all, then the stream is over
	 * and its last line has been written. */
	bool (*more)(struct conn *c, struct stream *st);
	void (*free)(struct stream *st);
};

enum conn_hold {
	CONN_READY,
	CONN_HELD_PENDING, /* until its writes are answered */
	CONN_HELD_STORE,   /* in the line of waiters */
	CONN_HELD_OUTPUT,  /* until the client has read */
	CONN_HELD_STREAM,  /* until the list has been sent */
	CONN_HELD_TURN	   /* its share of this turn is used up */
};

struct conn {
	struct server *server;
	struct conn *prev, *next; /* in server->conns */
	struct conn *next_dirty;  /* see `dirty` */
	struct conn *next_waiter;
	struct conn *next_runnable;
	uint64_t number;
	int fd; /* -1: closed, waits for its pending writes */
	ev_io reader, writer;
	ev_timer deadline; /* for AUTH, or when `delayed` or `lingering` ends */

	struct buf in; /* input not handled yet */
	/* When it was read, in monotonic microseconds: the first `older` bytes,
	 * and what came later (older SIZE_MAX: nothing did). */
	int64_t read_us, later_us;
	size_t older;
	struct buf out;
	size_t sent;		 /* of out */
	struct buf events;	 /* lines to follow the reply being sent */
	unsigned n_listens;	 /* what sends it events: it may be silent */
	struct watcher *watcher; /* monitor/watch.c; NULL: it has no watch */
	size_t pending;		 /* writes under way */
	/* Each write asked for has a place in the order of answers: the next to
	 * be given, and the one whose answer is to be sent next. Both wrap. */
	uint32_t next_place, turn;
	struct early_answer
	    *early; /* owned; answers that came before their turn */
	size_t n_early;
	enum conn_hold hold;
	uint32_t claimed;      /* slot + 1 while it waits for a name; 0: none */
	struct stream *stream; /* owned */
	bool asked;	       /* its request is answered when the store has */
	bool dirty, runnable;
	bool discarding; /* the rest of a line over max_line */
	bool lingering;	 /* all is sent; what still comes is thrown away */
	bool delayed;	 /* nothing is sent until the deadline */
	char tail[REQUEST_HTTP_END]; /* the last bytes thrown away */
	bool eof;		     /* the client sends no more */
	bool closing;		     /* close when all is sent */
	bool lost;		     /* an answer that will never be given */

	bool extra; /* beyond max_conns, until it is seen to be an admin */
	bool authenticated;
	const struct auth_token *token; /* NULL: no auth_file */
	enum role role;

	struct session *session; /* that it has become; NULL: none */
	uint64_t requests;
	int64_t rate_second; /* requests are counted in this one */
	uint32_t rate_count;
	double active; /* loop time of the last input */
};

/* Takes over fd; NULL when memory is out (fd is closed). */
struct conn *conn_new(struct server *s, int fd);
/* Close at once, nothing more sent. */
void conn_kill(struct conn *c);
/* Look at no more requests; close when all before is answered and sent. */
void conn_finish(struct conn *c);
/* The same, with nothing sent before that time is over. */
void conn_finish_later(struct conn *c, int64_t delay_ns);

/* The buffer replies go to; they are sent before the loop waits again. */
struct buf *conn_reply(struct conn *c);

/* The waiter that answers a write of this connection under its request's id,
 * and what a handler returns after asking the store with it. */
struct store_waiter conn_waiter(struct conn *c, struct slice id);
int conn_asked(struct conn *c, int rc);
/*
 * Or, where another callback answers: the note for it, valid until the next
 * call; and from that the id to answer under. It appends its reply to what
 * conn_answer returns, and calls conn_answered. It may do so within the call
 * that asks.
 */
struct slice conn_note(struct conn *c, struct slice id);
struct slice conn_noted_id(struct slice note);
struct buf *conn_answer(struct conn *c, struct slice note);
void conn_answered(struct conn *c, struct slice note, bool failed);

/* For the handler of a write that can answer at once: whether the answer would
 * overtake those of earlier writes. Then it returns WAIT. */
bool conn_overtakes(struct conn *c);

/*
 * Where lines go that answer no request: appended whole, they are sent in
 * order, after the reply being written and never within a list. NULL when so
 * many wait already that the client must do without, or it is closed.
 */
struct buf *conn_event(struct conn *c);
/* Before the OK that no event may follow: those that wait go first. */
void conn_settle_events(struct conn *c);

/* It is a session from now on, or no more. */
void conn_set_session(struct conn *c, struct session *session);

/* Send a list. The conn owns it from here on. */
void conn_stream(struct conn *c, struct stream *st);

/* The request must wait for a slot of the store: asked again later. */
void conn_wait(struct conn *c, uint32_t slot);

/* Each turn of the loop, before it waits: */
void conns_flush(struct server *s);
/* After the store has been polled: those who waited ask again, in order. */
void conns_retry(struct server *s);
/* Look at input again where something that held it is over; what is left for
 * the next turn is in server->runnable. */
void conns_run(struct server *s);
/* Close those idle for too long. */
void conns_sweep(struct server *s);
/* Tokens have been read again: give each client the one of its name, and send
 * away who has none any more. */
void conns_rebind(struct server *s, const struct auth *auth);
/* Whether something is still to be answered or sent to anybody. */
bool conns_busy(const struct server *s);
void conns_kill_all(struct server *s);

#endif
