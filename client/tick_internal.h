/*
 * The handle of libtick, shared by its files. Functions here have no tick_
 * prefix: the version script exports all that do.
 *
 * Invariants:
 * (H1) Replies come in the order of requests, so the reply read next is that
 *	of request `reply_id`, and `next_id - reply_id` replies are pending.
 * (H2) net.fd is -1 if and only if the handle is closed; then nothing is
 *	pending, `out`, `in` and `events` are empty and `failure` is what
 *	closed it.
 * (H3) in.ptr[0 .. in_pos) is consumed, [in_pos .. in_scan) holds no newline,
 *	and what lies beyond in_pos is moved only before a read.
 * (H4) events.ptr[events_pos ..) holds whole lines. While events_lost is not
 *	0 none is added, so what was lost came after all of them.
 */
#ifndef CLIENT_TICK_INTERNAL_H
#define CLIENT_TICK_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "failure.h"
#include "net.h"
#include "reply.h"
#include "slice.h"
#include "tick.h"
#include "token.h"

struct tick {
	/* The options, resolved; the strings are owned. */
	char *address;
	char *secret; /* NULL: none; wiped when freed */
	int connect_timeout_ms;
	int request_timeout_ms;
	size_t max_reply_bytes;

	struct net net;
	bool write_failed; /* the peer reads no more; it may have said why */
	bool busy;	   /* a row callback is running */
	struct failure failure; /* of the latest call */
	struct tick_row ok;	/* the words after its OK, in `in` */

	struct buf out;	   /* appended requests */
	size_t out_pos;	   /* sent up to here */
	size_t line_start; /* of the request being appended */
	bool line_bad;	   /* a word of it is NULL */

	struct buf in;
	size_t in_pos;
	size_t in_scan;
	struct tokens tokens; /* scratch of reply_parse */
	struct buf words;     /* scratch: struct tick_word of a row */

	struct buf events;    /* lines that came while a reply was waited for */
	size_t events_pos;    /* handed out up to here */
	uint64_t events_lost; /* since `events` was full */
	struct tick_event event; /* what tick_next_event returned */

	uint64_t next_id;
	uint64_t reply_id;
};

/*
 * Begin a public call: clear the failure. 0, or -1 when the handle is closed
 * (its failure stays), a row callback is running, or there is no handle.
 */
int call_begin(struct tick *t);

/* In a call that has begun: the failure that the caller gave this as NULL.
 * Returns -1 always. */
int call_lacks(struct tick *t, const char *what);

/* Close the connection, keeping t->failure. Returns -1. */
int handle_break(struct tick *t);

/* A failure that the server's bytes or our memory caused, then break. */
int handle_break_with(struct tick *t, enum tick_error code);

/* The next line, waiting for it; it lives until the next call. 0, or -1 with
 * t->failure and nothing closed: TICK_ERR_TIMEOUT has taken nothing. What is
 * there already is read even when the deadline is past. */
int handle_line(struct tick *t, int64_t deadline_mono_ns, char **line,
    size_t *n);

/* reply_parse with our scratch. 0, or -1 and the handle broken. */
int handle_parse(struct tick *t, char *text, size_t n, struct reply_line *line);

/* The words of a parsed line as the user sees them, each terminated, in
 * t->words. TICK_OK or TICK_ERR_MEMORY. */
enum tick_error handle_row(struct tick *t, char *line,
    const struct reply_line *from, struct tick_row *row);

/* A line that is not of the reply being read: events are kept. 0 to go on,
 * or -1 and the handle broken. */
int handle_foreign(struct tick *t, const struct reply_line *line);

/* Keep an event for tick_next_event, or count it as lost. 0, or -1 and the
 * handle broken. */
int events_keep(struct tick *t, const struct reply_line *line);

/*
 * Append one request: open, its words, end. Memory, and words that are NULL,
 * are looked at in line_end only: 0, or -1 with t->failure and nothing
 * appended.
 */
void line_open(struct tick *t);
void line_word(struct tick *t, const char *word);
void line_bytes(struct tick *t, const char *ptr, size_t len);
void line_i64(struct tick *t, int64_t v);
void line_u64(struct tick *t, uint64_t v);
void line_raw(struct tick *t, const char *text); /* as it is */
int line_end(struct tick *t);

/*
 * Where the rows of a reply go. The callback says TICK_OK to go on,
 * TICK_ERR_STOPPED to have the remaining rows dropped, or any other error,
 * which breaks the handle. The row lives until it returns.
 */
typedef enum tick_error sink_cb(const struct tick_row *row, void *arg);

struct sink {
	sink_cb *row; /* NULL: rows are dropped */
	void *arg;
	bool streams; /* the deadline starts anew with each row */
};

/* Read the next reply. 0 for OK, with its words in t->ok, else -1 with
 * t->failure. */
int handle_read(struct tick *t, const struct sink *sink,
    int64_t deadline_mono_ns);

/* line_end, then handle_read of its reply within the request timeout; a
 * usage failure when replies are pending. */
int handle_finish(struct tick *t, const struct sink *sink);

/* A whole call of a command with one argument. */
int handle_command(struct tick *t, const char *command, const char *arg,
    const struct sink *sink);

/* Collecting one reply into a struct tick_reply (tick_reply.c). Zeroed:
 * empty. */
struct reply_store {
	struct buf bytes;  /* each word and a '\0' */
	struct buf lens;   /* size_t per word */
	struct buf counts; /* size_t per row */
	size_t max_bytes;
};

/* TICK_OK, TICK_ERR_MEMORY or TICK_ERR_REPLY_SIZE. */
enum tick_error reply_store_add(struct reply_store *s,
    const struct tick_row *row);

/* A copy of all that was added, the last row as `ok`; NULL when out of
 * memory. */
struct tick_reply *reply_store_copy(const struct reply_store *s);
void reply_store_fini(struct reply_store *s);

#endif
