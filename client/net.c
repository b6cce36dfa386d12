#include "net.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "token.h"
#include "tstamp.h"

#define UNIX_RETRY_MS 5

_Static_assert(NET_PATH_MAX <= sizeof(((struct sockaddr_un *)0)->sun_path),
    "NET_PATH_MAX over sun_path");

int64_t
net_mono_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail */
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

int64_t
net_deadline(int timeout_ms)
{
	if (timeout_ms < 0)
		return NET_NO_DEADLINE;
	return net_mono_ns() + timeout_ms * NS_PER_MS;
}

/* Copy n bytes as a string into to[size]. 0, or -1 when empty or too long. */
static int
copy_part(char *to, size_t size, const char *from, size_t n)
{
	if (n == 0 || n >= size)
		return -1;
	memcpy(to, from, n);
	to[n] = '\0';
	return 0;
}

/* "host:port", "[v6]:port" or either without ":port". */
static int
parse_host_port(const char *text, struct net_address *a)
{
	const char *host = text;
	const char *end, *port = NULL;

	if (*text == '[') {
		host++;
		if ((end = strchr(host, ']')) == NULL)
			return -1;
		if (end[1] == ':')
			port = end + 2;
		else if (end[1] != '\0')
			return -1;
	} else if ((end = strrchr(text, ':')) == NULL) {
		end = text + strlen(text);
	} else {
		if (memchr(text, ':', (size_t)(end - text)) != NULL)
			return -1; /* IPv6 needs its brackets */
		port = end + 1;
	}
	if (port == NULL)
		port = NET_DEFAULT_PORT;
	if (copy_part(a->host, sizeof(a->host), host, (size_t)(end - host)) ==
	    -1)
		return -1;
	return copy_part(a->port, sizeof(a->port), port, strlen(port));
}

int
net_parse_address(const char *text, struct net_address *a, struct failure *f)
{
	uint64_t port;

	memset(a, 0, sizeof(*a));
	if (strncmp(text, "unix:", 5) == 0) {
		if (copy_part(a->path, sizeof(a->path), text + 5,
			strlen(text + 5)) == -1)
			return failure_set(f, TICK_ERR_ADDRESS,
			    "address %s: the path must have 1 to %d bytes",
			    text, NET_PATH_MAX - 1);
		return 0;
	}
	if (strstr(text, "://") != NULL)
		return failure_set(f, TICK_ERR_ADDRESS,
		    "address %s: no scheme is known but unix:; give "
		    "host:port, [v6]:port or unix:/path",
		    text);
	if (parse_host_port(text, a) == -1)
		return failure_set(f, TICK_ERR_ADDRESS,
		    "address %s: not host:port, [v6]:port or unix:/path", text);
	if (token_u64(slice_str(a->port), UINT16_MAX, &port) == -1 || port == 0)
		return failure_set(f, TICK_ERR_ADDRESS,
		    "address %s: the port is not a number from 1 to 65535",
		    text);
	return 0;
}

/* Poll until one of `events` (or an error) or the deadline: 1, 0 for the
 * deadline, -1 with errno. */
static int
poll_until(int fd, short events, int64_t deadline_mono_ns)
{
	struct pollfd p = { .fd = fd, .events = events };

	for (;;) {
		int timeout = -1, r;

		if (deadline_mono_ns != NET_NO_DEADLINE) {
			int64_t ns = deadline_mono_ns - net_mono_ns();
			int64_t ms = (ns + NS_PER_MS - 1) / NS_PER_MS;

			if (ns <= 0)
				ms = 0;
			timeout = ms > INT_MAX ? INT_MAX : (int)ms;
		}
		r = poll(&p, 1, timeout);
		if (r >= 0)
			return r;
		if (errno != EINTR)
			return -1;
	}
}

/* One address: a connected socket, or -1 with errno. */
static int
connect_one(const struct sockaddr *addr, socklen_t len, int64_t deadline)
{
	int error = 0;
	socklen_t size = sizeof(error);
	int fd, r;

	fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	if (fd == -1)
		return -1;
	if (connect(fd, addr, len) == 0)
		return fd;
	/* An interrupted connect goes on by itself, as one in progress. */
	if (errno != EINPROGRESS && errno != EINTR) {
		error = errno;
		goto fail;
	}
	if ((r = poll_until(fd, POLLOUT, deadline)) <= 0) {
		error = r == 0 ? ETIMEDOUT : errno;
		goto fail;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == -1)
		error = errno;
	if (error == 0)
		return fd;
fail:
	(void)close(fd); /* nothing was written */
	errno = error;
	return -1;
}

static int
connect_failed(int error, struct failure *f, const char *host, const char *port)
{
	if (error == ETIMEDOUT || error == EAGAIN)
		return failure_set(f, TICK_ERR_TIMEOUT,
		    "connect %s:%s: no answer in time", host, port);
	return failure_sys(f, TICK_ERR_CONNECT, error, "connect %s:%s", host,
	    port);
}

static int
open_unix(struct net *n, const struct net_address *a, int64_t deadline,
    struct failure *f)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	memcpy(sun.sun_path, a->path, strlen(a->path));
	for (;;) {
		n->fd = connect_one((const struct sockaddr *)&sun, sizeof(sun),
		    deadline);
		/* EAGAIN: the listener's queue is full, and nothing tells
		 * when it no longer is. */
		if (n->fd != -1 || errno != EAGAIN || net_mono_ns() >= deadline)
			break;
		(void)poll(NULL, 0, UNIX_RETRY_MS);
	}
	if (n->fd == -1)
		return connect_failed(errno, f, "unix", a->path);
	return 0;
}

/* Each address gets an equal share of the time that is left, so that a first
 * one that does not answer leaves some for the others. */
static int
connect_any(const struct addrinfo *list, int64_t deadline)
{
	const struct addrinfo *i;
	int left = 0, fd = -1;

	for (i = list; i != NULL; i = i->ai_next)
		left++;
	for (i = list; i != NULL && fd == -1; i = i->ai_next, left--) {
		int64_t now = net_mono_ns();
		int64_t until = deadline;

		if (deadline != NET_NO_DEADLINE && deadline > now)
			until = now + (deadline - now) / left;
		fd = connect_one(i->ai_addr, i->ai_addrlen, until);
	}
	return fd;
}

static int
open_tcp(struct net *n, const struct net_address *a, int64_t deadline,
    struct failure *f)
{
	const struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *list;
	int on = 1, r, error;

	if ((r = getaddrinfo(a->host, a->port, &hints, &list)) != 0) {
		if (r == EAI_MEMORY)
			return failure_nomem(f);
		return failure_set(f, TICK_ERR_ADDRESS, "look up %s:%s: %s",
		    a->host, a->port, gai_strerror(r));
	}
	n->fd = connect_any(list, deadline);
	error = errno;
	freeaddrinfo(list);
	if (n->fd == -1)
		return connect_failed(error, f, a->host, a->port);
	/* Only costs latency when it fails. */
	(void)setsockopt(n->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return 0;
}

int
net_open(struct net *n, const struct net_address *a, int64_t deadline_mono_ns,
    struct failure *f)
{
	n->fd = -1;
	if (a->path[0] != '\0')
		return open_unix(n, a, deadline_mono_ns, f);
	return open_tcp(n, a, deadline_mono_ns, f);
}

void
net_close(struct net *n)
{
	if (n->fd == -1)
		return;
	(void)close(n->fd); /* a socket: nothing is lost that could be kept */
	n->fd = -1;
}

/* What a failed send or recv means. */
static ssize_t
moved_nothing(int error, const char *what, struct failure *f)
{
	if (error == EAGAIN || error == EWOULDBLOCK)
		return 0;
	if (error == ECONNRESET || error == EPIPE)
		return failure_set(f, TICK_ERR_CLOSED,
		    "the server closed the connection");
	return failure_sys(f, TICK_ERR_IO, error, "%s", what);
}

ssize_t
net_read(struct net *n, void *to, size_t len, struct failure *f)
{
	ssize_t r;

	do {
		r = recv(n->fd, to, len, 0);
	} while (r == -1 && errno == EINTR);
	if (r == 0)
		return failure_set(f, TICK_ERR_CLOSED,
		    "the server closed the connection");
	return r > 0 ? r : moved_nothing(errno, "read from the server", f);
}

ssize_t
net_write(struct net *n, const void *from, size_t len, struct failure *f)
{
	ssize_t r;

	do {
		r = send(n->fd, from, len, MSG_NOSIGNAL);
	} while (r == -1 && errno == EINTR);
	return r >= 0 ? r : moved_nothing(errno, "write to the server", f);
}

int
net_wait(struct net *n, bool writing, int64_t deadline_mono_ns,
    struct failure *f)
{
	short events = (short)(POLLIN | (writing ? POLLOUT : 0));
	int r = poll_until(n->fd, events, deadline_mono_ns);

	if (r == 0)
		return failure_set(f, TICK_ERR_TIMEOUT,
		    "the server did not answer in time");
	if (r == -1)
		return failure_sys(f, TICK_ERR_IO, errno, "poll");
	return 0;
}
