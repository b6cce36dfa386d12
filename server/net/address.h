/* Where a listener listens: one entry of controller.listen. Pure. */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "slice.h"

#define ADDRESS_HOST_MAX 255
#define ADDRESS_PATH_MAX 107 /* what sockaddr_un holds */
#define ADDRESS_GROUP_MAX 63
#define ADDRESS_MODE 0600 /* of a socket where nothing is said */

enum address_kind { ADDRESS_TCP, ADDRESS_TLS, ADDRESS_UNIX };

struct address {
	enum address_kind kind;
	char host[ADDRESS_HOST_MAX + 1]; /* an IPv6 without brackets */
	uint16_t port;			 /* 0: any */
	/* UNIX, which has no host */
	char path[ADDRESS_PATH_MAX + 1];
	unsigned mode;
	char group[ADDRESS_GROUP_MAX + 1]; /* "": the server's own */
};

/* `host:port`, `tls:host:port`, `unix:/path[ mode=0660][ group=name]`; an IPv6
 * host in brackets. 0, or -1 with ERR_INVALID naming the text and what is
 * wrong. */
int address_parse(struct slice text, struct address *a, struct err *e);

/* Whether only this machine can reach it: unix, 127.0.0.0/8, ::1, localhost. */
bool address_is_local(const struct address *a);

/* Append where it is: the text without mode and group. */
void address_put(struct buf *out, const struct address *a);

#endif
