/*
 * Clients get no more descriptors than leave enough for runs and for the log.
 * One who comes beyond that, or when the system has none, is told so and
 * closed: with the spare descriptor, when it has to be. Where tokens are used,
 * a few places more are for admins, who show only with AUTH that they are.
 *
 * When not even that helps, accepting stops until a descriptor is closed or a
 * moment has passed: a listener that stays readable would keep the loop
 * spinning.
 */
#include "listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "conn.h"
#include "log.h"
#include "os.h"
#include "tstamp.h"
#include "systemd.h"
#include "token.h"

#define BACKLOG 4096
#define ACCEPTS_PER_TURN 64
#define ACCEPT_PAUSE 0.1 /* seconds */
/* Of the log, the loops and whatever else there is once. */
#define DESCRIPTORS_FIXED 48
/* Of a run: pipes and what watches its process. */
#define DESCRIPTORS_PER_RUN 4
#define ADMIN_PLACES 8u
#define REFUSALS_LOGGED_NS (60 * NS_PER_S)

/*
 * A peer that vanished without a word is found: after this long in silence it
 * is asked for a sign of life, every few seconds, and when none has come, or
 * what was sent has not been acknowledged, for PEER_GONE, it is cut off. A
 * client that lives but takes nothing for so long looks the same to TCP.
 */
#define PEER_SILENT_S 30
#define PEER_ASK_S 10
#define PEER_GONE_MS 120000

struct listener {
	ev_io io;
	int fd;
	struct address address;
	bool has_path; /* the socket at address.path is ours */
};

/* What clients may have of the descriptors that the system lets us have. */
static size_t
conns_limit(const struct config *c)
{
	uint64_t kept = DESCRIPTORS_FIXED +
	    DESCRIPTORS_PER_RUN * (uint64_t)c->processor_max_inflight;
	uint64_t want = c->controller_max_connections, n;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return want;
	n = limit.rlim_cur;
	n -= kept < n / 2 ? kept : n / 2;
	if (n >= want)
		return want;
	LOG_WARN("connections_limited", LOG_U64("max_connections", want),
	    LOG_U64("possible", n), LOG_U64("descriptors", limit.rlim_cur));
	return n;
}

static void
open_spare(struct server *s)
{
	if (s->spare_fd == -1)
		s->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void
close_spare(struct server *s)
{
	if (s->spare_fd != -1)
		(void)close(s->spare_fd);
	s->spare_fd = -1;
}

static void
log_refusals(struct server *s, const char *reason)
{
	int64_t now_ns = os->mono_ns();

	if (s->refusals_logged_ns != 0 &&
	    now_ns - s->refusals_logged_ns < REFUSALS_LOGGED_NS)
		return;
	s->refusals_logged_ns = now_ns;
	LOG_WARN("connections_refused", LOG_STR("reason", reason),
	    LOG_U64("connections", s->conns.n),
	    LOG_U64("refused_total", s->conns_refused));
}

static void
refuse(struct server *s, int fd, const char *reason)
{
	static const char reply[] = "- ERROR limit too many connections\n";

	s->conns_refused++;
	log_refusals(s, reason);
	/* A fresh socket has room for it; and it is only a courtesy. */
	(void)!send(fd, reply, sizeof(reply) - 1, MSG_NOSIGNAL);
	(void)close(fd);
}

/* There is no descriptor for the client that comes next, save the spare one.
 * Whether it could be told. */
static bool
refuse_with_spare(struct server *s, int listener)
{
	int fd;

	if (s->spare_fd == -1)
		return false;
	close_spare(s);
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd != -1)
		refuse(s, fd, "no descriptors are left");
	open_spare(s);
	return fd != -1;
}

/* Whether one more may come in, perhaps an admin, when all places are taken.
 * The one who has shown no token for the longest time makes room. */
static bool
has_admin_place(struct server *s)
{
	if (s->auth == NULL)
		return false;
	if (s->conns.n < s->max_conns + ADMIN_PLACES)
		return true;
	for (struct conn *c = s->conns.first; c != NULL; c = c->next) {
		if (c->fd == -1 || !c->extra || c->authenticated)
			continue;
		conn_kill(c);
		return true;
	}
	return false;
}

bool
listener_has_place(const struct server *s, const struct conn *c)
{
	return !c->extra || c->role == ROLE_ADMIN || s->conns.n <= s->max_conns;
}

static void
pause_accepting(struct server *s)
{
	log_refusals(s, "no descriptors are left, or no memory");
	for (size_t i = 0; i < s->n_listeners; i++)
		ev_io_stop(s->loop, &s->listeners[i].io);
	s->accepting = false;
	ev_timer_again(s->loop, &s->accept_pause);
}

/* All of this fails on a unix socket, whose peers cannot vanish. */
static void
set_options(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{ IPPROTO_TCP, TCP_NODELAY, 1 },
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, PEER_SILENT_S },
		{ IPPROTO_TCP, TCP_KEEPINTVL, PEER_ASK_S },
		{ IPPROTO_TCP, TCP_USER_TIMEOUT, PEER_GONE_MS },
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		(void)setsockopt(fd, options[i].level, options[i].name,
		    &options[i].value, sizeof(options[i].value));
}

static void
on_connection(struct ev_loop *loop, ev_io *w, int revents)
{
	struct server *s = w->data;

	(void)loop;
	(void)revents;
	for (int i = 0; i < ACCEPTS_PER_TURN && s->accepting; i++) {
		int fd =
		    accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct conn *c;
		bool extra;

		if (fd == -1 && (errno == EMFILE || errno == ENFILE) &&
		    refuse_with_spare(s, w->fd))
			continue;
		if (fd == -1 &&
		    (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			errno == ENOMEM))
			pause_accepting(s);
		if (fd == -1)
			return;
		extra = s->conns.n >= s->max_conns;
		if (extra && !has_admin_place(s)) {
			refuse(s, fd, "max_connections is reached");
			continue;
		}
		set_options(fd);
		if ((c = conn_new(s, fd)) == NULL)
			s->conns_refused++; /* for want of memory */
		else
			c->extra = extra;
	}
}

static void
on_accept_pause(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct server *s = w->data;

	(void)revents;
	ev_timer_stop(loop, w);
	if (!s->accepting)
		listeners_start(s);
}

/* A socket that an earlier server left behind is in the way, and goes; one
 * that somebody answers on, or any other file, stays. */
static int
clear_unix_path(const struct sockaddr_un *sun, struct err *e)
{
	struct stat st;
	int fd, rc;

	if (lstat(sun->sun_path, &st) == -1)
		return errno == ENOENT
		    ? 0
		    : err_sys(e, ERR_CONFLICT, "look at %s", sun->sun_path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, ERR_CONFLICT, "%s exists and is no socket",
		    sun->sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return err_sys(e, ERR_LIMIT, "socket");
	rc = connect(fd, (const struct sockaddr *)sun, sizeof(*sun));
	if (rc == -1 && errno == ECONNREFUSED)
		rc = 1;	 /* nobody is there */
	(void)close(fd); /* only tried */
	if (rc != 1)
		return err_set(e, ERR_CONFLICT, "%s is in use", sun->sun_path);
	if (unlink(sun->sun_path) == -1)
		return err_sys(e, ERR_CONFLICT, "replace %s", sun->sun_path);
	return 0;
}

int
listener_group(const struct address *a, gid_t *gid, struct err *e)
{
	const struct group *group;
	uint64_t n;

	*gid = (gid_t)-1; /* leaves it as it is */
	if (a->group[0] == '\0')
		return 0;
	if (token_u64(slice_str(a->group), UINT32_MAX - 1, &n) == 0) {
		*gid = (gid_t)n;
		return 0;
	}
	if ((group = getgrnam(a->group)) == NULL)
		return err_set(e, ERR_INVALID, "listen on unix:%s: no group %s",
		    a->path, a->group);
	*gid = group->gr_gid;
	return 0;
}

/* Open to whom the address says; until then the socket was its owner's. */
static int
share_unix(const struct address *a, struct err *e)
{
	gid_t gid;

	if (listener_group(a, &gid, e) == -1)
		return -1;
	if (gid != (gid_t)-1 && lchown(a->path, (uid_t)-1, gid) == -1)
		return err_sys(e, ERR_CONFLICT, "give %s to the group %s",
		    a->path, a->group);
	if (a->mode != ADDRESS_MODE && chmod(a->path, a->mode) == -1)
		return err_sys(e, ERR_CONFLICT, "change the mode of %s",
		    a->path);
	return 0;
}

static int
bind_unix(struct listener *l, struct err *e)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	mode_t old_mask;
	int rc;

	memcpy(sun.sun_path, l->address.path, strlen(l->address.path) + 1);
	if (clear_unix_path(&sun, e) == -1)
		return -1;
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd == -1)
		return err_sys(e, ERR_LIMIT, "socket");
	old_mask = umask(0777 & ~ADDRESS_MODE);
	rc = bind(l->fd, (struct sockaddr *)&sun, sizeof(sun));
	(void)umask(old_mask);
	if (rc == -1)
		return err_sys(e, ERR_CONFLICT, "bind %s", sun.sun_path);
	l->has_path = true;
	return share_unix(&l->address, e);
}

/* Bind to one result of the name look-up; errno tells why not. */
static int
bind_tcp(struct listener *l, const struct addrinfo *ai)
{
	int on = 1;

	l->fd = socket(ai->ai_family,
	    ai->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, ai->ai_protocol);
	if (l->fd == -1)
		return -1;
	(void)setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (ai->ai_family == AF_INET6)
		(void)setsockopt(l->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on,
		    sizeof(on));
	return bind(l->fd, ai->ai_addr, ai->ai_addrlen);
}

/* The port it got, where any would do. */
static void
read_port(struct listener *l)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} sa = { 0 };
	socklen_t n = sizeof(sa);

	if (getsockname(l->fd, &sa.any, &n) == -1)
		return;
	l->address.port = ntohs(
	    sa.any.sa_family == AF_INET ? sa.v4.sin_port : sa.v6.sin6_port);
}

static int
open_tcp(struct listener *l, struct err *e)
{
	const struct addrinfo hints = {
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *list;
	char port[8];
	int rc;

	(void)snprintf(port, sizeof(port), "%u", l->address.port);
	rc = getaddrinfo(l->address.host[0] == '\0' ? NULL : l->address.host,
	    port, &hints, &list);
	if (rc != 0)
		return err_set(e, ERR_INVALID, "listen on %s: %s",
		    l->address.host, gai_strerror(rc));
	rc = bind_tcp(l, list);
	freeaddrinfo(list);
	if (rc == -1)
		return err_sys(e, ERR_CONFLICT, "listen on %s:%s",
		    l->address.host, port);
	read_port(l);
	return 0;
}

/* Where a socket that was passed listens, which is not ours to remove. */
static int
read_address(struct listener *l, struct err *e)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_un un;
	} sa = { 0 };
	socklen_t n = sizeof(sa) - 1; /* a path ends, whatever its length */
	struct address *a = &l->address;
	const void *ip = &sa.v4.sin_addr;

	if (getsockname(l->fd, &sa.any, &n) == -1)
		return err_sys(e, ERR_INVALID, "passed socket");
	if (sa.any.sa_family == AF_UNIX) {
		a->kind = ADDRESS_UNIX;
		(void)snprintf(a->path, sizeof(a->path), "%s", sa.un.sun_path);
		return 0;
	}
	if (sa.any.sa_family == AF_INET6)
		ip = &sa.v6.sin6_addr;
	a->kind = ADDRESS_TCP;
	if (inet_ntop(sa.any.sa_family, ip, a->host, sizeof(a->host)) == NULL)
		return err_sys(e, ERR_INVALID, "passed socket");
	read_port(l);
	return 0;
}

/* Take the socket of a service manager. It must be one of connections, and
 * open only to whom the configuration would let in. */
static int
adopt(const struct server *s, struct listener *l, int fd, struct err *e)
{
	const struct config *c = s->config;
	int type = 0, listens = 0;
	socklen_t n = sizeof(int);

	l->fd = fd;
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == -1 ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &n) == -1 ||
	    type != SOCK_STREAM || !listens ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) == -1)
		return err_set(e, ERR_INVALID,
		    "passed socket %d: it does not listen for connections", fd);
	if (read_address(l, e) == -1)
		return -1;
	if (c->controller_auth_file == NULL &&
	    !c->controller_allow_unauthenticated &&
	    !address_is_local(&l->address))
		return err_set(e, ERR_INVALID,
		    "passed socket %d: %s is open to other machines: set "
		    "controller.auth_file (or "
		    "controller.allow_unauthenticated)",
		    fd, l->address.host);
	return 0;
}

static int
bind_configured(const struct server *s, struct listener *l, size_t i,
    struct err *e)
{
	if (config_listen(s->config, i, &l->address, e) == -1)
		return -1;
	if ((l->address.kind == ADDRESS_UNIX ? bind_unix(l, e)
					     : open_tcp(l, e)) == -1)
		return -1;
	return listen(l->fd, BACKLOG) == 0 ? 0
					   : err_sys(e, ERR_CONFLICT, "listen");
}

static int
listener_open(struct server *s, struct listener *l, size_t i, struct err *e)
{
	int r;

	l->fd = -1;
	r = systemd_sockets() > 0
	    ? adopt(s, l, SYSTEMD_FIRST_SOCKET + (int)i, e)
	    : bind_configured(s, l, i, e);
	if (r == -1)
		return -1;
	ev_io_init(&l->io, on_connection, l->fd, EV_READ);
	l->io.data = s;
	return 0;
}

int
listeners_open(struct server *s, struct err *e)
{
	size_t n = systemd_sockets();

	s->max_conns = conns_limit(s->config);
	open_spare(s);
	if (n == 0)
		n = s->config->controller_listen.n;
	ev_timer_init(&s->accept_pause, on_accept_pause, 0, ACCEPT_PAUSE);
	s->accept_pause.data = s;
	if ((s->listeners = calloc(n, sizeof(*s->listeners))) == NULL)
		return err_nomem(e);
	for (size_t i = 0; i < n; i++) {
		s->n_listeners = i + 1;
		if (listener_open(s, &s->listeners[i], i, e) == -1)
			return -1;
	}
	return 0;
}

void
listeners_start(struct server *s)
{
	for (size_t i = 0; i < s->n_listeners; i++)
		ev_io_start(s->loop, &s->listeners[i].io);
	s->accepting = true;
}

void
listeners_stop(struct server *s)
{
	for (size_t i = 0; i < s->n_listeners; i++)
		ev_io_stop(s->loop, &s->listeners[i].io);
	ev_timer_stop(s->loop, &s->accept_pause);
	s->accepting = false;
}

void
listeners_close(struct server *s)
{
	close_spare(s);
	if (s->listeners == NULL)
		return;
	for (size_t i = 0; i < s->n_listeners; i++) {
		struct listener *l = &s->listeners[i];

		if (l->fd == -1)
			continue;
		ev_io_stop(s->loop, &l->io);
		if (l->has_path)
			(void)unlink(l->address.path);
		(void)close(l->fd); /* a listening socket holds nothing */
	}
	free(s->listeners);
	s->listeners = NULL;
	s->n_listeners = 0;
}

void
listener_resume(struct server *s)
{
	if (s->accepting || !ev_is_active(&s->accept_pause))
		return;
	ev_timer_stop(s->loop, &s->accept_pause);
	listeners_start(s);
}

void
listeners_put(const struct server *s, struct buf *out)
{
	for (size_t i = 0; i < s->n_listeners; i++) {
		if (i > 0)
			buf_add_byte(out, ',');
		address_put(out, &s->listeners[i].address);
	}
}
