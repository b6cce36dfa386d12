#include "stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

/*
 *     CLOSED --> LOOKUP --> CONNECT --> HANDSHAKE --> OPEN
 *       |    numeric host   ^  |  |       without TLS  ^
 *       |___________________|  |__|____________________|
 *                            next address
 *
 * The handshake is not tried with another address: that a host cannot prove
 * its name is not a fault of the network.
 */
#define READ_MAX 16384

static void
explain(char why[STREAM_WHY_MAX], const struct stream *s, const char *text)
{
	(void)snprintf(why, STREAM_WHY_MAX, "%.64s port %u: %s", s->host,
	    (unsigned)s->port, text);
}

static void
fail(struct stream *s, const char *text)
{
	char why[STREAM_WHY_MAX];

	explain(why, s, text);
	stream_close(s);
	s->broken(s->arg, why);
}

static void
watch(struct stream *s, int events)
{
	if ((s->io.events & (EV_READ | EV_WRITE)) == events &&
	    ev_is_active(&s->io))
		return;
	ev_io_stop(s->loop, &s->io);
	ev_io_set(&s->io, s->io.fd, events);
	ev_io_start(s->loop, &s->io);
}

/* TLS */

SSL_CTX *
stream_tls_new(void)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());

	if (tls == NULL)
		return NULL;
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
	(void)SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
	(void)SSL_CTX_set_mode(tls,
	    SSL_MODE_ENABLE_PARTIAL_WRITE |
		SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (SSL_CTX_set_default_verify_paths(tls) == 1)
		return tls;
	SSL_CTX_free(tls);
	return NULL;
}

static bool
is_numeric(const char *host)
{
	ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);

	ASN1_OCTET_STRING_free(address);
	return address != NULL;
}

static int
tls_begin(struct stream *s)
{
	X509_VERIFY_PARAM *param;

	ERR_clear_error();
	if ((s->ssl = SSL_new(s->tls)) == NULL ||
	    SSL_set_fd(s->ssl, s->io.fd) != 1)
		return -1;
	param = SSL_get0_param(s->ssl);
	if (is_numeric(s->host)) {
		if (X509_VERIFY_PARAM_set1_ip_asc(param, s->host) != 1)
			return -1;
	} else if (X509_VERIFY_PARAM_set1_host(param, s->host, 0) != 1 ||
	    SSL_set_tlsext_host_name(s->ssl, s->host) != 1)
		return -1;
	SSL_set_connect_state(s->ssl);
	return 0;
}

static void
tls_fail(struct stream *s, int rc, int error)
{
	long verified = SSL_get_verify_result(s->ssl);
	const char *text = NULL;

	if (verified != X509_V_OK)
		text = X509_verify_cert_error_string(verified);
	else if (SSL_get_error(s->ssl, rc) == SSL_ERROR_SSL)
		text = ERR_reason_error_string(ERR_peek_last_error());
	else if (error != 0)
		text = strerrordesc_np(error);
	fail(s, text != NULL ? text : "connection closed");
}

/* What to wait for; 0: it cannot go on. */
static int
tls_wants(struct stream *s, int rc)
{
	switch (SSL_get_error(s->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		return EV_READ;
	case SSL_ERROR_WANT_WRITE:
		return EV_WRITE;
	default:
		return 0;
	}
}

static void
become_open(struct stream *s)
{
	s->state = STREAM_OPEN;
	watch(s, EV_READ);
	s->opened(s->arg);
}

static void
shake_hands(struct stream *s)
{
	int rc, wants;

	ERR_clear_error();
	errno = 0;
	if ((rc = SSL_do_handshake(s->ssl)) == 1)
		become_open(s);
	else if ((wants = tls_wants(s, rc)) != 0)
		watch(s, wants);
	else
		tls_fail(s, rc, errno);
}

/* Bytes: the result of read or write, or -1 with errno and *wants. */

static ssize_t
read_some(struct stream *s, char *bytes, size_t n)
{
	int rc;

	if (s->ssl == NULL)
		return recv(s->io.fd, bytes, n, 0);
	ERR_clear_error();
	errno = 0;
	if ((rc = SSL_read(s->ssl, bytes, (int)n)) > 0)
		return rc;
	if (tls_wants(s, rc) != 0)
		errno = EAGAIN;
	else if (SSL_get_error(s->ssl, rc) == SSL_ERROR_ZERO_RETURN)
		return 0;
	else if (errno == 0)
		errno = ECONNRESET;
	return -1;
}

static ssize_t
write_some(struct stream *s, const char *bytes, size_t n)
{
	int rc;

	if (s->ssl == NULL)
		return send(s->io.fd, bytes, n, MSG_NOSIGNAL);
	ERR_clear_error();
	errno = 0;
	rc = SSL_write(s->ssl, bytes, (int)(n > READ_MAX ? READ_MAX : n));
	if (rc > 0)
		return rc;
	if (tls_wants(s, rc) != 0)
		errno = EAGAIN;
	else if (errno == 0)
		errno = ECONNRESET;
	return -1;
}

/* False: it is closed. */
static bool
send_out(struct stream *s)
{
	ssize_t n;
	size_t done = 0;

	while (done < s->out.len) {
		n = write_some(s, s->out.ptr + done, s->out.len - done);
		if (n > 0)
			done += (size_t)n;
		else if (errno == EAGAIN)
			break;
		else if (errno != EINTR) {
			fail(s, strerrordesc_np(errno));
			return false;
		}
	}
	buf_drop(&s->out, done);
	watch(s, s->out.len > 0 ? EV_READ | EV_WRITE : EV_READ);
	return true;
}

static void
receive(struct stream *s)
{
	char bytes[READ_MAX];
	ssize_t n;

	do {
		n = read_some(s, bytes, sizeof(bytes));
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			fail(s,
			    n == 0 ? "connection closed"
				   : strerrordesc_np(errno));
			return;
		}
		if (!s->input(s->arg, bytes, (size_t)n))
			return;
		/* What OpenSSL has read already makes nothing readable. */
	} while (s->ssl != NULL && SSL_pending(s->ssl) > 0);
}

static void
on_turn_over(struct ev_loop *loop, ev_prepare *w, int revents)
{
	struct stream *s = w->data;

	(void)revents;
	ev_prepare_stop(loop, w);
	if (s->out.failed)
		fail(s, "out of memory");
	else
		(void)send_out(s);
}

/* Connecting */

static void try_addresses(struct stream *s);

static void
on_connected(struct stream *s)
{
	socklen_t len = sizeof(s->error);
	int one = 1;

	if (getsockopt(s->io.fd, SOL_SOCKET, SO_ERROR, &s->error, &len) == -1)
		s->error = errno;
	if (s->error != 0) {
		ev_io_stop(s->loop, &s->io);
		(void)close(s->io.fd);
		s->io.fd = -1;
		try_addresses(s);
		return;
	}
	(void)setsockopt(s->io.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	(void)setsockopt(s->io.fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	freeaddrinfo(s->addresses);
	s->addresses = NULL;
	if (s->tls == NULL)
		become_open(s);
	else if (tls_begin(s) == -1)
		fail(s, "out of memory");
	else {
		s->state = STREAM_HANDSHAKE;
		shake_hands(s);
	}
}

static void
on_ready(struct ev_loop *loop, ev_io *w, int revents)
{
	struct stream *s = w->data;

	(void)loop;
	if (s->state == STREAM_CONNECT)
		on_connected(s);
	else if (s->state == STREAM_HANDSHAKE)
		shake_hands(s);
	else if (!(revents & EV_WRITE) || send_out(s))
		receive(s);
}

/* Begin with the next address. -1: there is none that can be begun with. */
static int
begin_connect(struct stream *s)
{
	const struct addrinfo *a;
	int fd;

	s->state = STREAM_CONNECT;
	while ((a = s->next) != NULL) {
		s->next = a->ai_next;
		fd = socket(a->ai_family,
		    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (fd == -1) {
			s->error = errno;
			continue;
		}
		if (connect(fd, a->ai_addr, a->ai_addrlen) == 0 ||
		    errno == EINPROGRESS) {
			s->io.fd = fd;
			watch(s, EV_WRITE);
			return 0;
		}
		s->error = errno;
		(void)close(fd);
	}
	return -1;
}

static void
try_addresses(struct stream *s)
{
	if (begin_connect(s) == -1)
		fail(s, strerrordesc_np(s->error));
}

static void
on_looked_up(void *arg, struct addrinfo *list, const char *why)
{
	struct stream *s = arg;

	s->lookup = NULL;
	if (list == NULL) {
		fail(s, why);
		return;
	}
	s->addresses = s->next = list;
	try_addresses(s);
}

int
stream_open(struct stream *s, char why[STREAM_WHY_MAX])
{
	ev_io_init(&s->io, on_ready, -1, 0);
	s->io.data = s;
	ev_prepare_init(&s->flush, on_turn_over);
	s->flush.data = s;
	s->addresses = s->next = lookup_numeric(s->host, s->port);
	if (s->addresses != NULL) {
		if (begin_connect(s) == 0)
			return 0;
		explain(why, s, strerrordesc_np(s->error));
	} else {
		s->state = STREAM_LOOKUP;
		s->lookup =
		    lookup_start(s->loop, s->host, s->port, on_looked_up, s);
		if (s->lookup != NULL)
			return 0;
		explain(why, s, "cannot look it up");
	}
	stream_close(s);
	return -1;
}

void
stream_flush(struct stream *s)
{
	if (s->state == STREAM_OPEN)
		ev_prepare_start(s->loop, &s->flush);
}

void
stream_farewell(struct stream *s)
{
	if (s->state == STREAM_OPEN && s->out.len > 0)
		(void)write_some(s, s->out.ptr, s->out.len);
	buf_clear(&s->out);
	if (s->state == STREAM_OPEN && s->ssl != NULL)
		(void)SSL_shutdown(s->ssl);
}

void
stream_close(struct stream *s)
{
	if (s->state == STREAM_CLOSED)
		return;
	s->state = STREAM_CLOSED;
	lookup_cancel(s->lookup);
	s->lookup = NULL;
	if (s->addresses != NULL)
		freeaddrinfo(s->addresses);
	s->addresses = NULL;
	ev_prepare_stop(s->loop, &s->flush);
	ev_io_stop(s->loop, &s->io);
	SSL_free(s->ssl);
	s->ssl = NULL;
	if (s->io.fd != -1)
		(void)close(s->io.fd);
	s->io.fd = -1;
	/* It may have held a password. */
	if (s->out.ptr != NULL)
		explicit_bzero(s->out.ptr, s->out.cap);
	buf_free(&s->out);
}
