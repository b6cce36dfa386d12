/*
 * Those who failed to authenticate, by address: how long the next answer to
 * one of them waits, and when the log hears of it. A fixed table; the address
 * heard of longest ago makes room for a new one.
 *
 * Of each address STRANGER_BURST failures are answered at once, and then
 * STRANGER_RATE a second, none later than STRANGER_DELAY_MAX_NS. Main thread.
 */
#ifndef NET_STRANGERS_H
#define NET_STRANGERS_H

#include <stdint.h>
#include <sys/socket.h>

#define STRANGERS_MAX 256u
#define STRANGER_BURST 10
#define STRANGER_RATE 10
#define STRANGER_DELAY_MAX_NS (2 * INT64_C(1000000000))

/* Of an address: an IPv4 one, the first half of an IPv6 one (a customer has
 * all of the other half), or 0 for unix sockets. */
struct stranger {
	uint64_t address;
	uint8_t family;
	int64_t full_mono_ns;	/* when its next failure may be answered */
	int64_t logged_mono_ns; /* the last line in the log; 0: none */
	int64_t seen_mono_ns;	/* 0: this place is free */
	uint64_t n_unlogged;
};

struct strangers {
	struct stranger by_hash[STRANGERS_MAX];
};

struct stranger_verdict {
	int64_t delay_ns; /* of the answer */
	uint64_t n_log;	  /* failures that a line is due for now; 0: no line */
};

/* A failure of this peer (as of getpeername). */
struct stranger_verdict strangers_failed(struct strangers *s,
    const struct sockaddr_storage *peer, int64_t now_mono_ns);

#endif
