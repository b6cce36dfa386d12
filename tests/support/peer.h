/*
 * The other end of a network runner: a server on the loopback in a thread of
 * its own, which does with each connection what the test says, one after the
 * other. Optionally with TLS, and a certificate nobody has signed.
 */
#ifndef SUPPORT_PEER_H
#define SUPPORT_PEER_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>

struct peer;

/* Called with each connection on the peer's thread; it is closed after. */
typedef void peer_cb(struct peer *p);

#define PEER_RECEIVED_MAX 262144

struct peer {
	int port;
	atomic_int connections;
	char
	    received[PEER_RECEIVED_MAX]; /* the last peer_receive; terminated */
	size_t n_received;

	/* peer.c's own. */
	peer_cb *serve;
	pthread_t thread;
	sem_t accepted;
	int listener;
	int fd;
	SSL_CTX *tls;
	SSL *ssl;
};

void peer_start(struct peer *p, peer_cb *serve);

/* With a key and a self-signed certificate for `name`, which is written to
 * the file `certificate` as PEM. */
void peer_start_tls(struct peer *p, peer_cb *serve, const char *name,
    const char *certificate);

/* After the last connection has ended. */
void peer_stop(struct peer *p);

/* Wait until it has one more connection. */
void peer_await_connection(struct peer *p);

/* A port of the loopback where nobody listens. */
int peer_free_port(void);

/* For callbacks. Whether everything was sent: the other side may close. */
bool peer_send(struct peer *p, const char *text);
bool peer_send_bytes(struct peer *p, const void *bytes, size_t n);

/* Read into `received`, behind what is there, until it holds `text`. False:
 * the other side has closed. */
bool peer_receive_until(struct peer *p, const char *text);
bool peer_receive_bytes(struct peer *p, const void *bytes, size_t n);

/* Read n bytes more, or all that comes. */
bool peer_receive(struct peer *p, size_t n);

/* Forget what was received. */
void peer_forget(struct peer *p);

/* Read until the other side closes. */
void peer_await_end(struct peer *p);

#endif
