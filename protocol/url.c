#include "url.h"

#include <stdbool.h>

#include "token.h"

/* The slice of s before the first of its bytes that is in `stop`. */
static struct slice
before_any(struct slice s, const char *stop)
{
	size_t n = strlen(stop);
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (memchr(stop, s.ptr[i], n) != NULL)
			break;
	}
	return slice_of(s.ptr, i);
}

static struct slice
after(struct slice s, size_t n)
{
	return slice_of(s.ptr + n, s.len - n);
}

/* Where scheme, user info and the rest are. False when there is no "://". */
static bool
cut(struct slice text, struct slice *scheme, struct slice *user_info,
    struct slice *host_port, struct slice *rest)
{
	struct slice authority;
	size_t at;

	if (text.len == 0)
		return false;
	*scheme = before_any(text, ":/?#");
	if (!slice_has_prefix(after(text, scheme->len), slice_str("://")))
		return false;
	*rest = after(text, scheme->len + 3);
	authority = before_any(*rest, "/?#");
	*rest = after(*rest, authority.len);
	/* The last '@' ends it: one inside would else show half of it. */
	at = authority.len;
	while (at > 0 && authority.ptr[at - 1] != '@')
		at--;
	*user_info = slice_of(authority.ptr, at == 0 ? 0 : at - 1);
	*host_port = after(authority, at);
	return true;
}

static bool
is_scheme(struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		char c = (char)(s.ptr[i] | 0x20);

		if (c < 'a' || c > 'z')
			return false;
	}
	return s.len != 0;
}

static bool
has_bad_byte(struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c <= ' ' || c == 0x7f || c == '\\' || c == '"')
			return true;
	}
	return false;
}

/* host, host:port, [address] or [address]:port. */
static int
split_host(struct slice s, struct url *u)
{
	struct slice rest;
	uint64_t port;

	if (s.len != 0 && s.ptr[0] == '[') {
		u->host = before_any(after(s, 1), "]");
		if (u->host.len + 2 > s.len)
			return -1;
		rest = after(s, u->host.len + 2);
	} else {
		u->host = before_any(s, ":");
		rest = after(s, u->host.len);
	}
	u->port = 0;
	if (u->host.len == 0)
		return -1;
	if (rest.len == 0)
		return 0;
	if (rest.ptr[0] != ':' ||
	    token_u64(after(rest, 1), UINT16_MAX, &port) == -1 || port == 0)
		return -1;
	u->port = (uint16_t)port;
	return 0;
}

int
url_split(struct slice text, struct url *u, struct err *e)
{
	struct slice host_port;

	if (has_bad_byte(text) ||
	    !cut(text, &u->scheme, &u->user_info, &host_port, &u->rest) ||
	    !is_scheme(u->scheme))
		return err_set(e, ERR_INVALID, "malformed url");
	/* Not quoted: of a malformed URL this may be half a password. */
	if (split_host(host_port, u) == -1)
		return err_set(e, ERR_INVALID,
		    "invalid host or port in the url");
	return 0;
}

bool
url_has_scheme(const struct url *u, const char *scheme)
{
	size_t i;

	for (i = 0; i < u->scheme.len; i++) /* letters, see is_scheme */
		if (scheme[i] != (char)(u->scheme.ptr[i] | 0x20))
			return false;
	return scheme[i] == '\0';
}

struct url_rest
url_split_rest(const struct url *u)
{
	struct url_rest r = { .path = before_any(u->rest, "?#") };
	struct slice left = after(u->rest, r.path.len);

	r.has_query = left.len > 0 && left.ptr[0] == '?';
	r.has_fragment = before_any(left, "#").len < left.len;
	return r;
}

int
url_split_address(struct slice text, struct url *u, struct err *e)
{
	*u = (struct url){ .host = { .len = 0 } };
	if (has_bad_byte(text) || before_any(text, "/?#@").len != text.len ||
	    split_host(text, u) == -1 || u->port == 0)
		return err_set(e, ERR_INVALID, "an address is host:port");
	return 0;
}

static const char mask[] = "***";

/* A query: the names before `=` stay, and a word without one may itself be
 * what is to be kept secret. */
static void
put_masked_query(struct buf *out, struct slice query)
{
	while (query.len > 0) {
		struct slice pair = before_any(query, "&;");
		struct slice name = before_any(pair, "=");

		if (name.len < pair.len) {
			buf_add_slice(out, name);
			buf_add_byte(out, '=');
		}
		if (pair.len > 0)
			buf_add_str(out, mask);
		query = after(query, pair.len);
		if (query.len > 0)
			buf_add_byte(out, query.ptr[0]);
		query = after(query, query.len > 0);
	}
}

void
url_put_masked(struct buf *out, struct slice text)
{
	struct slice scheme, user_info, host_port, rest, path;

	if (!cut(text, &scheme, &user_info, &host_port, &rest)) {
		buf_add_slice(out, text);
		return;
	}
	buf_add_slice(out, scheme);
	buf_add_str(out, "://");
	if (host_port.ptr != scheme.ptr + scheme.len + 3) {
		buf_add_str(out, mask);
		buf_add_byte(out, '@');
	}
	buf_add_slice(out, host_port);
	path = before_any(rest, "?#");
	buf_add_slice(out, path);
	rest = after(rest, path.len);
	if (rest.len > 0 && rest.ptr[0] == '?') {
		struct slice query = before_any(rest, "#");

		buf_add_byte(out, '?');
		put_masked_query(out, after(query, 1));
		rest = after(rest, query.len);
	}
	if (rest.len > 0) {
		buf_add_byte(out, '#');
		buf_add_str(out, rest.len > 1 ? mask : "");
	}
}

static const struct known_scheme {
	const char *scheme;
	uint16_t port;
} known_schemes[] = {
	{ "http", 80 },
	{ "https", 443 },
	{ "redis", 6379 },
	{ "rediss", 6379 },
	{ "amqp", 5672 },
	{ "amqps", 5671 },
};

/* NULL: none of them. */
static const struct known_scheme *
find_scheme(const struct url *u)
{
	size_t n = sizeof(known_schemes) / sizeof(known_schemes[0]);

	for (size_t i = 0; i < n; i++)
		if (url_has_scheme(u, known_schemes[i].scheme))
			return &known_schemes[i];
	return NULL;
}

void
url_put_endpoint(struct buf *out, struct slice text)
{
	struct url u = { .host = slice_str("") };
	const struct known_scheme *known;
	struct err e;
	bool v6;

	if (url_split(text, &u, &e) == -1 || (known = find_scheme(&u)) == NULL)
		return;
	v6 = memchr(u.host.ptr, ':', u.host.len) != NULL;
	buf_add_str(out, known->scheme);
	buf_add_str(out, v6 ? "://[" : "://");
	for (size_t i = 0; i < u.host.len; i++) {
		char c = u.host.ptr[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c | 0x20);
		buf_add_byte(out, c);
	}
	buf_add_str(out, v6 ? "]:" : ":");
	buf_add_u64(out, u.port != 0 ? u.port : known->port);
}
