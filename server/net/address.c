#include "address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <string.h>

#include "token.h"

static struct slice
skip(struct slice s, size_t n)
{
	return slice_of(s.ptr + n, s.len - n);
}

/* What a resolver may be asked: no colon, so that an IPv6 address without
 * brackets is not taken for a name and a port. */
static bool
is_host(struct slice s)
{
	size_t i;

	if (s.len == 0 || s.len > ADDRESS_HOST_MAX)
		return false;
	for (i = 0; i < s.len; i++) {
		if (!isalnum((unsigned char)s.ptr[i]) &&
		    memchr(".-_", s.ptr[i], 3) == NULL)
			return false;
	}
	return true;
}

static void
copy_host(struct address *a, struct slice host)
{
	memcpy(a->host, host.ptr, host.len);
	a->host[host.len] = '\0';
}

/* `[host]`; *rest is what follows the bracket. */
static int
parse_ipv6(struct slice s, struct address *a, struct slice *rest)
{
	const char *close = memchr(s.ptr, ']', s.len);
	struct slice host;
	struct in6_addr ip;

	if (close == NULL)
		return -1;
	host = slice_of(s.ptr + 1, (size_t)(close - s.ptr) - 1);
	*rest = skip(s, host.len + 2);
	if (host.len >= INET6_ADDRSTRLEN)
		return -1;
	copy_host(a, host);
	return inet_pton(AF_INET6, a->host, &ip) == 1 ? 0 : -1;
}

static int
parse_host(struct slice s, struct address *a, struct slice *rest)
{
	const char *colon = memchr(s.ptr, ':', s.len);
	struct slice host = s;

	if (colon != NULL)
		host.len = (size_t)(colon - s.ptr);
	*rest = skip(s, host.len);
	if (!is_host(host))
		return -1;
	copy_host(a, host);
	return 0;
}

static int
parse_host_port(struct slice text, struct slice s, struct address *a,
    struct err *e)
{
	struct slice rest;
	uint64_t port;

	if (s.len == 0)
		return err_quote(e, ERR_INVALID, text, "no host:");
	if (s.ptr[0] == '[' && parse_ipv6(s, a, &rest) == -1)
		return err_quote(e, ERR_INVALID, text, "bad IPv6 address:");
	if (s.ptr[0] != '[' && parse_host(s, a, &rest) == -1)
		return err_quote(e, ERR_INVALID, text, "bad host:");
	if (rest.len < 2 || rest.ptr[0] != ':')
		return err_quote(e, ERR_INVALID, text, "no port:");
	if (memchr(rest.ptr + 1, ':', rest.len - 1) != NULL)
		return err_quote(e, ERR_INVALID, text,
		    "an IPv6 address needs brackets:");
	if (token_u64(skip(rest, 1), UINT16_MAX, &port) == -1)
		return err_quote(e, ERR_INVALID, text,
		    "port above 65535 or no number:");
	a->port = (uint16_t)port;
	return 0;
}

/* The value of `mode=`: octal digits, of reading and writing only, as a socket
 * knows nothing else. */
static int
parse_mode(struct slice text, struct slice s, struct address *a, struct err *e)
{
	size_t i;

	a->mode = 0;
	for (i = 0;
	     i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '7' && a->mode <= 0777;
	     i++)
		a->mode = a->mode * 8 + (unsigned)(s.ptr[i] - '0');
	if (s.len == 0 || i < s.len || (a->mode & ~0666u) != 0)
		return err_quote(e, ERR_INVALID, text,
		    "mode is none of 0600, 0660, 0666 and the like:");
	return 0;
}

static int
parse_group(struct slice text, struct slice s, struct address *a, struct err *e)
{
	if (s.len == 0 || s.len > ADDRESS_GROUP_MAX)
		return err_quote(e, ERR_INVALID, text, "bad group:");
	memcpy(a->group, s.ptr, s.len);
	a->group[s.len] = '\0';
	return 0;
}

/* Take ` mode=...` and ` group=...` off the end of *s, which may also be a
 * path with blanks. */
static int
take_options(struct slice text, struct slice *s, struct address *a,
    struct err *e)
{
	const struct slice mode = slice_str("mode=");
	const struct slice group = slice_str("group=");
	const char *blank;

	while ((blank = memrchr(s->ptr, ' ', s->len)) != NULL) {
		size_t at = (size_t)(blank - s->ptr);
		struct slice word = skip(*s, at + 1);

		if (slice_has_prefix(word, mode)) {
			if (parse_mode(text, skip(word, mode.len), a, e) == -1)
				return -1;
		} else if (slice_has_prefix(word, group)) {
			if (parse_group(text, skip(word, group.len), a, e) ==
			    -1)
				return -1;
		} else if (word.len > 0) {
			break;
		}
		s->len = at;
	}
	return 0;
}

static int
parse_path(struct slice text, struct slice s, struct address *a, struct err *e)
{
	a->mode = ADDRESS_MODE;
	if (take_options(text, &s, a, e) == -1)
		return -1;
	if (s.len == 0)
		return err_quote(e, ERR_INVALID, text, "no path:");
	if (s.len > ADDRESS_PATH_MAX)
		return err_quote(e, ERR_INVALID, text,
		    "the path is over 107 bytes:");
	if (memchr(s.ptr, '\0', s.len) != NULL)
		return err_quote(e, ERR_INVALID, text, "NUL byte:");
	memcpy(a->path, s.ptr, s.len); /* *a was zeroed */
	return 0;
}

int
address_parse(struct slice text, struct address *a, struct err *e)
{
	memset(a, 0, sizeof(*a));
	if (slice_has_prefix(text, slice_str("unix:"))) {
		a->kind = ADDRESS_UNIX;
		return parse_path(text, skip(text, 5), a, e);
	}
	if (slice_has_prefix(text, slice_str("tls:"))) {
		a->kind = ADDRESS_TLS;
		return parse_host_port(text, skip(text, 4), a, e);
	}
	a->kind = ADDRESS_TCP;
	return parse_host_port(text, text, a, e);
}

bool
address_is_local(const struct address *a)
{
	struct in6_addr ip6;
	struct in_addr ip4;

	if (a->kind == ADDRESS_UNIX || strcmp(a->host, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, a->host, &ip4) == 1)
		return ntohl(ip4.s_addr) >> 24 == IN_LOOPBACKNET;
	return inet_pton(AF_INET6, a->host, &ip6) == 1 &&
	    IN6_IS_ADDR_LOOPBACK(&ip6);
}

void
address_put(struct buf *out, const struct address *a)
{
	if (a->kind == ADDRESS_UNIX) {
		buf_add_str(out, "unix:");
		buf_add_str(out, a->path);
		return;
	}
	buf_addf(out, strchr(a->host, ':') != NULL ? "%s[%s]:%u" : "%s%s:%u",
	    a->kind == ADDRESS_TLS ? "tls:" : "", a->host, (unsigned)a->port);
}
