/*
 * libtick: talk to tickd, a time-based job scheduler, from C or C++.
 *
 *	struct tick *t = tick_connect(NULL);
 *	if (t == NULL || tick_err(t) != TICK_OK)
 *		...
 *	if (tick_set(t, "invoice.4711", due_ns, NULL) == -1)
 *		fprintf(stderr, "%s\n", tick_errstr(t));
 *	tick_close(t);
 *
 * Results. Functions that return int give 0 when the server said OK, and -1
 * otherwise; tick_err then tells why, and tick_is_open whether the handle can
 * go on. An answer of ERROR leaves it open. A broken connection, a deadline
 * or exhausted memory closes it: from then on every call fails with that same
 * error until tick_reconnect, and requests without a reply may or may not
 * have been carried out.
 *
 * Threads. A handle belongs to one thread at a time; different handles are
 * independent. The library has no global state, starts no threads, blocks on
 * nothing but the handle's socket and name lookup, raises no SIGPIPE and
 * prints nothing.
 *
 * Units. Times (`_ns`) are nanoseconds since the Unix epoch, durations
 * nanoseconds, timeouts (`_ms`) milliseconds.
 *
 * Growth. Structs that the caller fills begin with their size; initialise
 * them with their _INIT macro. Structs that the library hands out may grow at
 * their end, except tick_word and tick_row.
 */
#ifndef TICK_H
#define TICK_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TICK_DEFAULT_ADDRESS "127.0.0.1:5678"

/* Opaque: one connection. */
struct tick;

enum tick_error {
	TICK_OK = 0,

	/* The server answered ERROR: the codes of tick-protocol(7). */
	TICK_ERR_SYNTAX = 1,
	TICK_ERR_UNKNOWN_COMMAND = 2,
	TICK_ERR_TOO_LONG = 3, /* also from the library, before sending */
	TICK_ERR_INVALID = 4,
	TICK_ERR_DENIED = 5,
	TICK_ERR_NOT_FOUND = 6,
	TICK_ERR_EXISTS = 7,
	TICK_ERR_CONFLICT = 8,
	TICK_ERR_LIMIT = 9,
	TICK_ERR_STORAGE = 10,
	TICK_ERR_UNAVAILABLE = 11,
	TICK_ERR_INTERNAL = 12,
	TICK_ERR_OTHER = 63, /* a code newer than this library */

	/* The call was refused or cut short here; the handle stays open. */
	TICK_ERR_USAGE = 64,   /* nothing was sent: the call makes no sense now,
				* or what it needs is NULL */
	TICK_ERR_STOPPED = 65, /* the row callback asked for it */

	/* The connection is gone. */
	TICK_ERR_ADDRESS = 128,	 /* not an address, or an unknown host */
	TICK_ERR_CONNECT = 129,	 /* nobody answers there */
	TICK_ERR_TIMEOUT = 130,	 /* the deadline has passed */
	TICK_ERR_CLOSED = 131,	 /* the server closed the connection */
	TICK_ERR_IO = 132,	 /* the system refused a call */
	TICK_ERR_PROTOCOL = 133, /* that is no tickd, or it is broken */
	TICK_ERR_MEMORY = 134,
	TICK_ERR_REPLY_SIZE = 135 /* a reply over max_reply_bytes */
};

/*
 * Connecting.
 */

struct tick_options {
	size_t size; /* set by TICK_OPTIONS_INIT */

	/* "host:port", "[::1]:port", "host" (port 5678) or "unix:/path".
	 * NULL: TICK_DEFAULT_ADDRESS. */
	const char *address;

	/* Sent as AUTH on connecting; NULL: none. A server that wants no
	 * authentication is not an error. */
	const char *secret;

	/* For all of connecting, AUTH included, but not for the lookup of a
	 * name. 0: 5000; negative: no limit. */
	int connect_timeout_ms;

	/* From the call to the last line of its reply; where rows are handed
	 * to a callback, for each row anew. 0: 30000; negative: no limit. */
	int request_timeout_ms;

	/* Largest reply kept in memory as a struct tick_reply.
	 * 0: 64 MiB. */
	size_t max_reply_bytes;
};

#define TICK_OPTIONS_INIT                                        \
	{                                                        \
		sizeof(struct tick_options), NULL, NULL, 0, 0, 0 \
	}

/*
 * Connect and authenticate. The options are copied; NULL stands for the
 * defaults. Returns a handle for tick_close in any case but exhausted memory
 * (NULL): look at tick_err to see whether it is connected.
 */
struct tick *tick_connect(const struct tick_options *options);

/* Drop the connection, if any, with what was appended and not answered, and
 * connect again with the same options. 0 or -1. */
int tick_reconnect(struct tick *t);

/* Close and free. Nothing is waited for. NULL is allowed. */
void tick_close(struct tick *t);

/* Whether the handle is connected, as far as is known without asking. */
int tick_is_open(const struct tick *t);

/* The handle's socket, to wait until it is readable in a loop of one's own;
 * -1 when closed. Reading and writing it is the library's. */
int tick_fd(const struct tick *t);

/* Of the latest call: what went wrong, as a number, as one word ("ok",
 * "not_found", "timeout") and as a message for people. The strings belong to
 * the handle and live until its next call. */
enum tick_error tick_err(const struct tick *t);
const char *tick_errword(const struct tick *t);
const char *tick_errstr(const struct tick *t);

/* The library's version, "0.1.0". Static. */
const char *tick_version(void);

/*
 * Requests. A request is a list of words, such as {"GET", "invoice.4711"};
 * the library chooses the request id and does the quoting. The forms with
 * tick_word take words with any byte in them.
 */

/* Some bytes. Where the library hands one out, ptr[len] is '\0'. */
struct tick_word {
	const char *ptr;
	size_t len;
};

struct tick_row {
	const struct tick_word *words;
	size_t n_words;
};

/* An OK reply; one allocation, for tick_reply_free. */
struct tick_reply {
	const struct tick_row *rows;
	size_t n_rows;
	struct tick_row ok; /* the words after OK */
};

void tick_reply_free(struct tick_reply *reply); /* NULL is allowed */

/*
 * Send one request and wait for its reply. On 0 *reply belongs to the caller;
 * on -1 it is NULL. `reply` may be NULL when only the result matters.
 * Replies of appended requests must have been read (TICK_ERR_USAGE).
 */
int tick_call(struct tick *t, struct tick_reply **reply,
    const char *const *words, size_t n_words);
int tick_call_words(struct tick *t, struct tick_reply **reply,
    const struct tick_word *words, size_t n_words);

/* The same with a line as one would type it, without a request id: quoting is
 * the caller's. It must not hold a newline. */
int tick_call_line(struct tick *t, struct tick_reply **reply, const char *line);

/*
 * Called for each row; the row lives until the callback returns, and the
 * callback must not use the handle. Nonzero stops: the remaining rows are
 * read and dropped, and the call fails with TICK_ERR_STOPPED.
 */
typedef int tick_row_cb(const struct tick_row *row, void *arg);

/* As tick_call_words, with the rows going to `cb` one by one: memory does not
 * grow with their number. */
int tick_call_rows(struct tick *t, const struct tick_word *words,
    size_t n_words, tick_row_cb *cb, void *arg);

/*
 * Pipelining: append any number of requests, then read as many replies, which
 * come in the same order. Appended requests are kept in memory and sent by
 * the reading calls. An append that fails with TICK_ERR_USAGE or
 * TICK_ERR_TOO_LONG has added nothing.
 */
int tick_append(struct tick *t, const char *const *words, size_t n_words);
int tick_append_words(struct tick *t, const struct tick_word *words,
    size_t n_words);
int tick_append_line(struct tick *t, const char *line);

/* Send what was appended as far as that goes without waiting; the reading
 * calls send the rest. */
int tick_flush(struct tick *t);

/* Wait for the next reply, as tick_call and tick_call_rows do. With none to
 * come: TICK_ERR_USAGE. */
int tick_read(struct tick *t, struct tick_reply **reply);
int tick_read_rows(struct tick *t, tick_row_cb *cb, void *arg);

/* The words after OK of the latest call, none unless it returned 0. They
 * belong to the handle and live until its next call. */
const struct tick_row *tick_ok(const struct tick *t);

/* How many replies are still to be read. */
size_t tick_pending(const struct tick *t);

/*
 * Jobs. Identifiers are 1..255 bytes without blanks, control bytes, quotes
 * and backslashes.
 */

enum tick_status {
	TICK_JOB_PLANNED = 1, /* waits for its time */
	TICK_JOB_TRIGGERED,   /* due: queued, running or held */
	TICK_JOB_EXECUTED,    /* succeeded */
	TICK_JOB_FAILED
};

/* For due_ns of tick_set: the server's clock; the next time of `cron`. */
#define TICK_DUE_NOW INT64_C(-1)
#define TICK_DUE_CRON INT64_C(-2)

#define TICK_SET_NX 1u	    /* only if there is none: else TICK_ERR_EXISTS */
#define TICK_SET_XX 2u	    /* only if there is one: else TICK_ERR_NOT_FOUND */
#define TICK_SET_MATCHED 4u /* only if a rule matches: else likewise */

struct tick_set_options {
	size_t size; /* set by TICK_SET_OPTIONS_INIT */
	unsigned flags;
	int64_t every_ns;    /* recurring: the distance; 0: not */
	const char *cron;    /* recurring: 5 fields or @daily; NULL: not */
	const char *zone;    /* time zone of cron; NULL: UTC */
	int64_t until_ns;    /* recurring: not after; 0: for ever */
	int64_t jitter_ns;   /* recurring: each run later by 0..this */
	const char *payload; /* NULL: none */
	size_t payload_len;
};

#define TICK_SET_OPTIONS_INIT                                                  \
	{                                                                      \
		sizeof(struct tick_set_options), 0, 0, NULL, NULL, 0, 0, NULL, \
		    0                                                          \
	}

/* Create or replace a job; due in the past means due at once. On 0 it is
 * stored durably. `options` may be NULL. */
int tick_set(struct tick *t, const char *job, int64_t due_ns,
    const struct tick_set_options *options);

/* TICK_ERR_NOT_FOUND when there is no such job. Either pointer may be
 * NULL. */
int tick_get(struct tick *t, const char *job, enum tick_status *status,
    int64_t *due_ns);

/* The job and its history are gone; a run that has begun ends by itself. */
int tick_remove(struct tick *t, const char *job);

/* Due now. TICK_ERR_CONFLICT while it runs or is queued. */
int tick_run(struct tick *t, const char *job);

struct tick_job {
	const char *job;
	enum tick_status status;
	int64_t due_ns;
};

/* As tick_row_cb, for a job. */
typedef int tick_job_cb(const struct tick_job *job, void *arg);

struct tick_query_options {
	size_t size;		 /* set by TICK_QUERY_OPTIONS_INIT */
	enum tick_status status; /* 0: any */
	const char *after;	 /* only identifiers above this; NULL: all */
	uint64_t limit;		 /* 0: none */
};

#define TICK_QUERY_OPTIONS_INIT                                               \
	{                                                                     \
		sizeof(struct tick_query_options), (enum tick_status)0, NULL, \
		    0                                                         \
	}

/* Every job whose identifier begins with prefix (NULL or "": all), in
 * ascending order of bytes. `options` may be NULL. */
int tick_query(struct tick *t, const char *prefix,
    const struct tick_query_options *options, tick_job_cb *cb, void *arg);

/*
 * Rules: which jobs run what. The longest pattern that a job's identifier
 * begins with wins.
 */

/* Create or replace. `runner` is the runner's name and its arguments, such as
 * {"shell", "date >> /tmp/log"}. The options of an existing rule stay. */
int tick_rule_set(struct tick *t, const char *rule, const char *pattern,
    const char *const *runner, size_t n_runner);
int tick_rule_remove(struct tick *t, const char *rule);

/* Hold the rule's due jobs, and let them go again. */
int tick_rule_pause(struct tick *t, const char *rule);
int tick_rule_resume(struct tick *t, const char *rule);

struct tick_rule {
	const char *rule;
	const char *pattern;
	const char *runner;
	const struct tick_word *args; /* credentials in them read *** */
	size_t n_args;
};

/* As tick_row_cb, for a rule. */
typedef int tick_rule_cb(const struct tick_rule *rule, void *arg);

/* Every rule whose identifier begins with prefix (NULL or "": all), in
 * ascending order of bytes. */
int tick_rules(struct tick *t, const char *prefix, tick_rule_cb *cb, void *arg);

/*
 * Watching: the server pushes events, which answer no request. They are read
 * with tick_next_event, in the order in which they came; those that come while
 * another call waits for its reply are kept, up to TICK_EVENTS_MAX_BYTES.
 */

#define TICK_EVENTS_MAX_BYTES ((size_t)1 << 20)

struct tick_event {
	uint64_t watch; /* what tick_watch gave */

	/* The topic. "dropped": events of this watch were lost, since we were
	 * too slow (watch 0: of any watch, in this library); their number is
	 * the only field, and time_ns is 0. */
	const char *topic;

	int64_t time_ns;
	struct tick_row fields; /* what tick-protocol(7) lists for the topic */
};

/* Watch a topic: "jobs", "executions", "alerts", "breakers" or "health";
 * only what begins with prefix (NULL or "": all). *watch, unless
 * NULL, is its number in events and for tick_unwatch. */
int tick_watch(struct tick *t, const char *topic, const char *prefix,
    uint64_t *watch);

/* No further events come; those already kept are still handed out. */
int tick_unwatch(struct tick *t, uint64_t watch);

/*
 * The next event, waiting for it at most timeout_ms (0: do not wait,
 * negative: no limit). 0 with *event, or with NULL when none has come, which
 * is no error; or -1. The event lives until the next call. Replies of
 * appended requests must have been read (TICK_ERR_USAGE).
 */
int tick_next_event(struct tick *t, const struct tick_event **event,
    int timeout_ms);

#ifdef __cplusplus
}
#endif

#endif
