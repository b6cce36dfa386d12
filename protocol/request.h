/*
 * One line to one typed request: the id, the command and its arguments,
 * checked as far as that is possible without knowing the server's state.
 */
#ifndef PROTOCOL_REQUEST_H
#define PROTOCOL_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "command.h"
#include "err.h"
#include "slice.h"
#include "token.h"

#define NO_LIMIT UINT64_MAX

enum job_status {
	JOB_PLANNED,
	JOB_TRIGGERED,
	JOB_EXECUTED,
	JOB_FAILED,
	JOB_STATUS_COUNT
};

/* "planned" ...; job_status_parse gives -1 for an unknown word. */
const char *job_status_word(enum job_status s);
int job_status_parse(struct slice s);

/* Slices point into the line, and live as long as it. */
struct request_set {
	struct slice job;
	int64_t due_ns;	  /* unless due_is_cron */
	bool due_is_cron; /* `cron` for <when> */
	bool nx, xx;
	bool matched;	      /* a rule must match the job */
	int64_t every_ns;     /* 0: none */
	struct slice cron;    /* ptr NULL: none */
	struct slice zone;    /* ptr NULL: none */
	int64_t until_ns;     /* 0: none */
	int64_t jitter_ns;    /* 0: none */
	struct slice payload; /* ptr NULL: none; may be empty */
};

struct request_query {
	struct slice prefix; /* empty: all */
	int status;	     /* enum job_status, or -1: any */
	struct slice after;  /* ptr NULL: from the start */
	uint64_t limit;	     /* NO_LIMIT: none */
};

struct request_history {
	struct slice job;
	uint64_t limit; /* NO_LIMIT: none */
};

struct request_cancel {
	struct slice job;
	bool force;
};

struct request_output {
	struct slice job;
	uint64_t execution_id; /* 0: the newest */
};

/* Whose history. Stored in the log: never renumber. */
enum history_source {
	HISTORY_AGENT = 1,
	HISTORY_INTEGRATION = 2,
	HISTORY_SYSTEM = 3,
	HISTORY_SOURCE_END
};

#define HISTORY_DAYS_MAX 400

struct request_health_history {
	enum history_source source;
	struct slice id; /* of the system: "-" */
	unsigned days;	 /* 1 .. HISTORY_DAYS_MAX */
	bool by_hour;
};

/* The topics of WATCH. */
enum watch_topic {
	WATCH_JOBS,
	WATCH_EXECUTIONS,
	WATCH_ALERTS,
	WATCH_BREAKERS,
	WATCH_HEALTH,
	WATCH_TOPIC_COUNT
};

/* "jobs" ... */
const char *watch_topic_word(enum watch_topic topic);

struct request_watch {
	enum watch_topic topic;
	struct slice prefix; /* empty: all */
};

struct request_done {
	uint64_t execution_id;
	int exit;
	struct slice output; /* empty: none */
};

struct request_agent {
	uint64_t session_id;
	bool force;
};

struct request_rule_set {
	struct slice rule;
	struct slice pattern;
	struct rule_spec *spec; /* one reference, see request_clear */
};

struct request_integration_set {
	struct slice integration;
	struct rule_spec *probe; /* one reference, see request_clear */
};

struct request {
	struct slice id;	       /* "-" when the line had no valid one */
	const struct command *command; /* NULL when unknown */
	const struct slice *words;     /* all of the line, id included */
	size_t n_words;
	const struct slice *args; /* after the command words */
	size_t n_args;
	union {
		struct request_set set;
		struct request_query query;
		struct request_history history;
		struct request_cancel cancel;
		struct request_output output;
		struct request_rule_set rule_set;
		struct request_integration_set integration_set;
		struct request_watch watch;
		struct request_health_history health_history;
		struct request_done done;
		struct request_agent agent; /* AGENT GET, AGENT STOP */
		/* The one identifier: GET, INFO, REMOVE, RUN, RULE GET, RULE
		 * OPTIONS (its pairs are args from 1 on), RULE PAUSE, RULE
		 * RESUME, REMOVERULE, HEALTH AGENT, HEALTH INTEGRATION,
		 * INTEGRATION REMOVE, AGENT ATTACH. */
		struct slice name;
		bool all;	 /* ALERT LIST: those cleared too */
		uint64_t number; /* ALERT ACK: the alert */
		/* AUTH secret, PING word, EXECUTIONS and LISTRULES
		 * prefix, BACKUP path, UNWATCH request id; ptr NULL when not
		 * given. */
		struct slice text;
	} u;
};

/*
 * Parse a line of n bytes without its newline (a '\r' before it is dropped
 * here). The line is changed in place, `t` is scratch that outlives the
 * request. A line whose first word is AUTH (any case) is the bare form: its
 * id is empty, and replies to it carry none.
 * 0, or -1 with *e; r->id and, where it is known, r->command are set on
 * failure too. A blank line: 1, to be ignored.
 *
 * Split in two so that the caller can check authentication, role and
 * namespace in between: request_begin splits, finds id, command and arity;
 * request_args fills u. After request_args succeeded, request_clear frees
 * what u owns.
 */
int request_begin(char *line, size_t n, struct tokens *t, struct request *r,
    struct err *e);
int request_args(struct request *r, int64_t now_ns, struct err *e);
void request_clear(struct request *r);

/* Whether a raw line is a browser's: begins with "Host:" or ends in HTTP/1.0
 * or HTTP/1.1. (A '\r' at the end is ignored, case counts.) */
bool request_is_http(struct slice line);
/* The same by its end alone; REQUEST_HTTP_END bytes are enough. */
#define REQUEST_HTTP_END 9u
bool request_ends_http(struct slice end);

/* The request id that a line too long to be kept begins with, or "-". */
struct slice request_id_of(struct slice head);

#endif
