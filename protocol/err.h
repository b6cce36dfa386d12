/*
 * An error: one of the wire's codes and a message for people. Functions that
 * can fail take a struct err, fill it and return -1 or NULL; they never print.
 */
#ifndef PROTOCOL_ERR_H
#define PROTOCOL_ERR_H

#include <stdbool.h>

#include "slice.h"

#define ERR_MSG_MAX 512

/* In the order of the protocol's table; err_word gives the wire word. */
enum err_code {
	ERR_SYNTAX,
	ERR_UNKNOWN_COMMAND,
	ERR_TOO_LONG,
	ERR_INVALID,
	ERR_DENIED,
	ERR_NOT_FOUND,
	ERR_EXISTS,
	ERR_CONFLICT,
	ERR_LIMIT,
	ERR_STORAGE,
	ERR_UNAVAILABLE,
	ERR_INTERNAL,
	ERR_CODE_COUNT,
	/* Not of the wire: nobody knows yet whether it is done, and a restart
	 * will show. No answer would be true, the connection is closed. */
	ERR_UNKNOWN = ERR_CODE_COUNT
};

struct err {
	enum err_code code;
	char msg[ERR_MSG_MAX]; /* always terminated; may hold any byte */
};

/* The word of the protocol, such as "not_found". Static. */
const char *err_word(enum err_code code);
/* The code of a word, or -1. */
int err_parse(struct slice s);

/* Fill *e. Return -1 always, so that a caller can return the call itself. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* As err_set with ": " and the text of errno appended; keeps errno. */
int err_sys(struct err *e, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* As err_set with the word appended in quotes, escaped and cut when long:
 * err_quote(e, ERR_INVALID, s, "invalid time") gives invalid time "noon". */
int err_quote(struct err *e, enum err_code code, struct slice word,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Append to the message of an error that is filled. Returns -1. */
int err_add(struct err *e, const char *text);

/* ERR_LIMIT "out of memory". Returns -1. */
int err_nomem(struct err *e);
bool err_is_nomem(const struct err *e);

#endif
