/*
 * A server that plays a script, in a thread of its own: what it expects to
 * receive, and what it sends then. For tests of the client library.
 */
#ifndef SUPPORT_SCRIPT_H
#define SUPPORT_SCRIPT_H

#include <pthread.h>
#include <stddef.h>

enum step_kind {
	STEP_RECEIVE, /* exactly these bytes come */
	STEP_SEND,
	STEP_SEND_BYTEWISE, /* each in a packet of its own */
	STEP_FLOOD,	    /* these bytes, `times` times */
	STEP_WAIT_END,	    /* read until the client closes */
	STEP_ACCEPT,	    /* close, and take the next connection */
	STEP_RESET	    /* close with unread input: a reset */
};

struct step {
	enum step_kind kind;
	const char *bytes;
	size_t len;
	size_t times;
};

#define RECEIVE(s)                                \
	{                                         \
		STEP_RECEIVE, s, sizeof(s) - 1, 1 \
	}
#define SEND(s)                                \
	{                                      \
		STEP_SEND, s, sizeof(s) - 1, 1 \
	}
#define SEND_BYTEWISE(s)                                \
	{                                               \
		STEP_SEND_BYTEWISE, s, sizeof(s) - 1, 1 \
	}
#define FLOOD(s, n)                             \
	{                                       \
		STEP_FLOOD, s, sizeof(s) - 1, n \
	}
#define WAIT_END                        \
	{                               \
		STEP_WAIT_END, "", 0, 1 \
	}
#define ACCEPT                        \
	{                             \
		STEP_ACCEPT, "", 0, 1 \
	}
#define RESET                        \
	{                            \
		STEP_RESET, "", 0, 1 \
	}

struct script {
	char address[64]; /* for tick_connect */
	const struct step *steps;
	size_t n_steps;
	pthread_t thread;
	int listener;
	char wrong[512]; /* what did not go by the script; "" */
};

/* Listen and play. The first connection is accepted before the first step;
 * after the last the connection is closed. */
void script_start(struct script *s, const struct step *steps, size_t n);

/* Wait for the end. Fails the test if something went wrong. */
void script_end(struct script *s);

#endif
