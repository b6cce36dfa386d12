/*
 * A client that speaks raw bytes, for tests: what it expects and does not
 * get fails the test.
 */
#ifndef SUPPORT_WIRE_H
#define SUPPORT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon.h"

#define WIRE_LINE_MAX (256 * 1024)

struct wire {
	int fd;
	char *buf;
	size_t start, end; /* what was received and not yet taken */
};

void wire_open(struct wire *w, int port);
void wire_close(struct wire *w);

/* Start the server and connect; close and stop the server. */
void wire_start(struct wire *w, struct daemon *d);
void wire_stop(struct wire *w, struct daemon *d);

void wire_send(struct wire *w, const char *text);
void wire_send_bytes(struct wire *w, const void *bytes, size_t n);
void wire_sendf(struct wire *w, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void wire_half_close(struct wire *w);

/* The next line without its newline; valid until the next call. NULL when
 * the server has closed the connection instead. */
char *wire_line_or_end(struct wire *w);
char *wire_line(struct wire *w);

/* The next line is exactly this, or begins so. */
void wire_expect(struct wire *w, const char *line);
void wire_expect_start(struct wire *w, const char *start);

/* The server has closed the connection, with nothing more sent. */
void wire_expect_end(struct wire *w);

/* Send a request (a newline is added) and expect the one line of its reply;
 * wire_ask_start only its beginning. */
void wire_ask(struct wire *w, const char *request, const char *reply);
void wire_ask_start(struct wire *w, const char *request, const char *start);

/* A request and the whole of its reply: lines separated by newlines, none
 * after the last. `...` at the end stands for anything more. */
struct step {
	const char *request;
	const char *reply;
};

/* Play the steps up to the one without a request. */
void wire_play(struct wire *w, const struct step *steps);

/* Ask again until the reply begins so. */
void wire_until(struct wire *w, const char *request, const char *start);

/* The value of a row `<id> <key> <value>` of a reply to a listing command
 * (STAT, INFO job, RULE GET rule); text is valid until the next call. */
const char *wire_row(struct wire *w, const char *request, const char *key);
uint64_t wire_row_u64(struct wire *w, const char *request, const char *key);

/* RULE SET a rule with the runner shell; the command runs in the server's
 * folder. */
void wire_shell_rule(struct wire *w, const struct daemon *d, const char *rule,
    const char *pattern, const char *command);

/* The whole reply to a request, up to the line with OK or ERROR, newlines
 * included. Owned by the caller. */
char *wire_reply(struct wire *w, const char *request);

#endif
