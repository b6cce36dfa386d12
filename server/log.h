/*
 * The operator's log: one line on standard error per event, in logfmt or
 * JSON. Every thread may use it; no lock, no stdio, no allocation. A line that
 * cannot be written is dropped: the log never holds the server up.
 *
 *     LOG_INFO("ready", LOG_STR("listen", text), LOG_U64("jobs", n));
 *     LOG_ERROR("store", LOG_ERR(&e));
 *
 * Never log a secret, a payload or a command line that may hold one.
 */
#ifndef SERVER_LOG_H
#define SERVER_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "slice.h"

#define LOG_LINE_MAX 4096  /* one write of this size is whole on a pipe */
#define LOG_VALUE_MAX 1024 /* a longer value ends in "..." */

/* In the order of the words of log.level; a line is written when its level is
 * at most the one set. */
enum log_level {
	LOG_LEVEL_OFF,
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_TRACE
};

/* In the order of the words of log.format. */
enum log_format { LOG_LOGFMT, LOG_JSON };

enum log_kind {
	LOG_KIND_END, /* ends the list */
	LOG_KIND_TEXT,
	LOG_KIND_U64,
	LOG_KIND_I64,
	LOG_KIND_BOOL,
	LOG_KIND_MS
};

/* Made by the macros below; lives for the call only. */
struct log_field {
	const char *key; /* a literal: letters, digits, '_' */
	enum log_kind kind;
	union {
		struct slice text;
		uint64_t u64;
		int64_t i64;
		bool yes;
	} v;
};

#define LOG_SLICE(key_, slice_)             \
	((struct log_field){ .key = (key_), \
	    .kind = LOG_KIND_TEXT,          \
	    .v.text = (slice_) })
#define LOG_STR(key_, str_) LOG_SLICE((key_), slice_str(str_))
#define LOG_U64(key_, n_)                   \
	((struct log_field){ .key = (key_), \
	    .kind = LOG_KIND_U64,           \
	    .v.u64 = (n_) })
#define LOG_I64(key_, n_)                   \
	((struct log_field){ .key = (key_), \
	    .kind = LOG_KIND_I64,           \
	    .v.i64 = (n_) })
#define LOG_BOOL(key_, yes_)                \
	((struct log_field){ .key = (key_), \
	    .kind = LOG_KIND_BOOL,          \
	    .v.yes = (yes_) })
/* A duration in nanoseconds, shown in milliseconds: name the key `..._ms`. */
#define LOG_MS(key_, ns_)                   \
	((struct log_field){ .key = (key_), \
	    .kind = LOG_KIND_MS,            \
	    .v.i64 = (ns_) })
/* The message of a struct err, and the text of an errno. */
#define LOG_ERR(err_) LOG_STR("error", (err_)->msg)
#define LOG_ERRNO(errno_) log_errno(errno_)

/* LOG_INFO("event") or LOG_INFO("event", field, ...). Fields are not evaluated
 * when the level is off. */
#define LOG_ERROR(...) LOG_AT_(LOG_LEVEL_ERROR, __VA_ARGS__, LOG_END_)
#define LOG_WARN(...) LOG_AT_(LOG_LEVEL_WARN, __VA_ARGS__, LOG_END_)
#define LOG_INFO(...) LOG_AT_(LOG_LEVEL_INFO, __VA_ARGS__, LOG_END_)
#define LOG_DEBUG(...) LOG_AT_(LOG_LEVEL_DEBUG, __VA_ARGS__, LOG_END_)
#define LOG_TRACE(...) LOG_AT_(LOG_LEVEL_TRACE, __VA_ARGS__, LOG_END_)

#define LOG_END_ ((struct log_field){ .kind = LOG_KIND_END })
#define LOG_AT_(level_, event_, ...)                                    \
	do {                                                            \
		if (log_enabled(level_))                                \
			log_event((level_), (event_),                   \
			    (const struct log_field[]){ __VA_ARGS__ }); \
	} while (0)

/* May be called again at any time, by RELOAD for one. Before the first call:
 * logfmt at level info on descriptor 2. */
void log_setup(enum log_level level, enum log_format format, int fd);

/* Whether each line begins with its priority, `<3>`, as the journal reads it
 * (sd-daemon(3)). */
void log_prefix(bool wanted);

bool log_enabled(enum log_level level);
void log_event(enum log_level level, const char *event,
    const struct log_field *fields);

/* The line of log_event for the time now_ns: its length, newline included. */
size_t log_format(char line[LOG_LINE_MAX], enum log_format format,
    enum log_level level, int64_t now_ns, const char *event,
    const struct log_field *fields);

/* "error" with the text of errnum; each thread has its own text. */
struct log_field log_errno(int errnum);

#endif
