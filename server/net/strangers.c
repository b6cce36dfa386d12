/*
 * An address has one of a few neighbouring places, by its hash; the one seen
 * longest ago goes when all are taken. The rate is kept as a single time, as
 * in the generic cell rate algorithm (ITU-T I.371): each failure moves it by
 * one interval, and it is the burst ahead of the clock at most before an
 * answer has to wait.
 */
#include "strangers.h"

#include <netinet/in.h>
#include <string.h>

#include "tstamp.h"

#define PLACES 8u
#define INTERVAL_NS (NS_PER_S / STRANGER_RATE)

static uint64_t
address_of(const struct sockaddr_storage *peer)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	uint64_t half = 0;

	if (peer->ss_family == AF_INET) {
		memcpy(&v4, peer, sizeof(v4));
		return v4.sin_addr.s_addr;
	}
	if (peer->ss_family == AF_INET6) {
		memcpy(&v6, peer, sizeof(v6));
		memcpy(&half, &v6.sin6_addr, sizeof(half));
	}
	return half;
}

/* The place of an address, made anew where it has none. */
static struct stranger *
place_of(struct strangers *s, const struct sockaddr_storage *peer)
{
	uint64_t address = address_of(peer);
	uint32_t hash = (uint32_t)(address * 0x9e3779b97f4a7c15ULL >> 32);
	struct stranger *oldest = NULL;

	for (uint32_t i = 0; i < PLACES; i++) {
		struct stranger *at = &s->by_hash[(hash + i) % STRANGERS_MAX];

		if (at->seen_mono_ns != 0 && at->address == address &&
		    at->family == (uint8_t)peer->ss_family)
			return at;
		if (oldest == NULL || at->seen_mono_ns < oldest->seen_mono_ns)
			oldest = at;
	}
	*oldest = (struct stranger){
		.address = address,
		.family = (uint8_t)peer->ss_family,
	};
	return oldest;
}

static int64_t
next_delay(struct stranger *at, int64_t now_ns)
{
	int64_t late_ns;

	if (at->full_mono_ns < now_ns - STRANGER_BURST * INTERVAL_NS)
		at->full_mono_ns = now_ns - STRANGER_BURST * INTERVAL_NS;
	at->full_mono_ns += INTERVAL_NS;
	late_ns = at->full_mono_ns - now_ns;
	if (late_ns <= 0)
		return 0;
	if (late_ns <= STRANGER_DELAY_MAX_NS)
		return late_ns;
	at->full_mono_ns = now_ns + STRANGER_DELAY_MAX_NS;
	return STRANGER_DELAY_MAX_NS;
}

struct stranger_verdict
strangers_failed(struct strangers *s, const struct sockaddr_storage *peer,
    int64_t now_mono_ns)
{
	struct stranger *at = place_of(s, peer);
	struct stranger_verdict v = { .delay_ns = next_delay(at, now_mono_ns) };

	at->seen_mono_ns = now_mono_ns;
	at->n_unlogged++;
	if (at->logged_mono_ns == 0 ||
	    now_mono_ns - at->logged_mono_ns >= NS_PER_S) {
		v.n_log = at->n_unlogged;
		at->n_unlogged = 0;
		at->logged_mono_ns = now_mono_ns;
	}
	return v;
}
