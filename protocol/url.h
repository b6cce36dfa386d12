/* The parts of scheme://[user info@]host[:port][rest]. */
#ifndef PROTOCOL_URL_H
#define PROTOCOL_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "slice.h"

/* Slices point into the text that was split. */
struct url {
	struct slice scheme;	/* in any case: see url_has_scheme */
	struct slice user_info; /* without the '@'; empty: none */
	struct slice host;	/* without the brackets of an IPv6 address */
	uint16_t port;		/* 0: none given */
	struct slice rest;	/* from the first '/', '?' or '#'; or empty */
};

/* Split and check: a scheme of letters, a host, a port in range, no space,
 * control byte or backslash anywhere. 0, or -1 with ERR_INVALID. The error
 * never shows user info. */
int url_split(struct slice text, struct url *u, struct err *e);

/* Whether it is this one, given in lower case. */
bool url_has_scheme(const struct url *u, const char *scheme);

/* What follows the host. */
struct url_rest {
	struct slice path; /* with its '/'; may be empty */
	bool has_query, has_fragment;
};

struct url_rest url_split_rest(const struct url *u);

/* The same of `host:port` alone, and both must be there. */
int url_split_address(struct slice text, struct url *u, struct err *e);

/* Append text with *** for the user info, for each value of the query (and for
 * what is not of the form name=value), and for the fragment. For any text: it
 * need not be a valid URL, and is shown as it is if it has no `scheme://`. */
void url_put_masked(struct buf *out, struct slice text);

/* Append `scheme://host:port`, what connections, breakers and integrations
 * are shared by: scheme and host in lower case, the port given or the scheme's.
 * Nothing for a text that url_split refuses or a scheme it does not know. */
void url_put_endpoint(struct buf *out, struct slice text);

#endif
