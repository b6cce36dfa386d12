/* Why a call of libtick failed: the error's number and its message. */
#ifndef CLIENT_FAILURE_H
#define CLIENT_FAILURE_H

#include "tick.h"

#define FAILURE_MSG_MAX 512

struct failure {
	enum tick_error code;
	char msg[FAILURE_MSG_MAX]; /* terminated */
};

/* Fill *f. Return -1 always, so that a caller can return the call itself. */
int failure_set(struct failure *f, enum tick_error code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with ": " and the text of errno value `error` appended. */
int failure_sys(struct failure *f, enum tick_error code, int error,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

int failure_nomem(struct failure *f);

void failure_clear(struct failure *f);

/* One word for a code: "ok", "not_found", "timeout". Static. */
const char *failure_word(enum tick_error code);

/* The code of a word of the protocol, or TICK_ERR_OTHER. */
enum tick_error failure_code(const char *word, size_t len);

#endif
