/*
 * A connection to another system, in a loop: its name is looked up, each of
 * its addresses is tried, TLS is begun if wanted, bytes go out and come in.
 * Nothing blocks. Limits of time are the user's.
 */
#ifndef EXEC_STREAM_H
#define EXEC_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ev.h>
#include <openssl/ssl.h>

#include "buf.h"
#include "lookup.h"

#define STREAM_WHY_MAX 160

enum stream_state {
	STREAM_CLOSED,
	STREAM_LOOKUP,
	STREAM_CONNECT,
	STREAM_HANDSHAKE,
	STREAM_OPEN
};

struct stream {
	/* Set before stream_open, and left alone until it is closed. */
	struct ev_loop *loop;
	const char *host;
	uint16_t port;
	SSL_CTX *tls; /* NULL: none */
	void *arg;
	void (*opened)(void *arg);
	/* False: the stream is closed and perhaps freed. */
	bool (*input)(void *arg, const char *bytes, size_t n);
	/* It is closed already. */
	void (*broken)(void *arg, const char *why);

	/* What is to be sent: add to it, then call stream_flush. */
	struct buf out;

	/* stream.c's own. */
	enum stream_state state;
	struct lookup *lookup;
	struct addrinfo *addresses; /* owned */
	struct addrinfo *next;	    /* to be tried */
	int error;		    /* of the last address tried */
	ev_io io;
	ev_prepare flush;
	SSL *ssl;
};

/*
 * One for all streams of a loop: verifies certificates with the system's
 * authorities, or those of SSL_CERT_FILE and SSL_CERT_DIR. NULL: no memory.
 */
SSL_CTX *stream_tls_new(void);

/* 0: one of the callbacks follows, not from in here. Or -1 and `why`. */
int stream_open(struct stream *s, char why[STREAM_WHY_MAX]);

/* Send before the loop sleeps what is in `out` then. */
void stream_flush(struct stream *s);

/* Send what can be sent at once, before it is closed. */
void stream_farewell(struct stream *s);

/* No callback follows. May be called from any of them; of a closed or zeroed
 * one nothing happens. */
void stream_close(struct stream *s);

#endif
