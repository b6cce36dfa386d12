#include "systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"
#include "os.h"
#include "slice.h"
#include "token.h"
#include "tstamp.h"

#define MESSAGE_MAX 1024
#define SOCKETS_MAX 64 /* as many as controller.listen has addresses */
/* A receiver with a full queue gets so long to take something. */
#define FULL_MS 1000

static struct {
	int fd; /* connected, as only then a full queue shows; -1: nobody
		 * listens */
	int64_t watchdog_ns;
	unsigned n_sockets;
	char credentials[PATH_MAX]; /* "": none */
} given = { .fd = -1 };

/* The number in a variable; 0 when it is none. */
static uint64_t
number_of(const char *variable)
{
	const char *text = getenv(variable);
	uint64_t n;

	if (text == NULL || token_u64(slice_str(text), INT64_MAX, &n) == -1)
		return 0;
	return n;
}

/* Whether what the variable names is this process, or it names none. */
static bool
is_mine(const char *variable)
{
	return getenv(variable) == NULL ||
	    number_of(variable) == (uint64_t)getpid();
}

/* A datagram socket connected to the path, or -1. */
static int
connect_to(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	size_t n = strlen(path);
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	int fd;

	if ((path[0] != '/' && path[0] != '@') || n >= sizeof(sun.sun_path))
		return -1;
	memcpy(sun.sun_path, path, n);
	if (path[0] == '@') /* an abstract name */
		sun.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd != -1 && connect(fd, (const struct sockaddr *)&sun, len) == -1) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

static void
take_notify(void)
{
	const char *path = getenv("NOTIFY_SOCKET");

	if (given.fd != -1)
		(void)close(given.fd);
	given.fd = path == NULL ? -1 : connect_to(path);
	if (path != NULL && given.fd == -1)
		LOG_WARN("not_told", LOG_STR("notify_socket", path),
		    LOG_ERRNO(errno));
}

static void
take_watchdog(void)
{
	uint64_t us = number_of("WATCHDOG_USEC");

	given.watchdog_ns = 0;
	if (is_mine("WATCHDOG_PID") && us <= INT64_MAX / NS_PER_US)
		given.watchdog_ns = (int64_t)us * NS_PER_US;
}

static void
take_sockets(void)
{
	uint64_t n = number_of("LISTEN_FDS");

	given.n_sockets = 0;
	if (getenv("LISTEN_PID") == NULL || !is_mine("LISTEN_PID") ||
	    n > SOCKETS_MAX)
		return;
	for (uint64_t i = 0; i < n; i++)
		if (fcntl((int)(SYSTEMD_FIRST_SOCKET + i), F_SETFD,
			FD_CLOEXEC) == -1)
			return; /* there is no such descriptor */
	given.n_sockets = (unsigned)n;
}

/* Whether standard error is the stream to the journal. */
static bool
is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char own[64];
	struct stat st;

	if (stream == NULL || fstat(STDERR_FILENO, &st) == -1)
		return false;
	(void)snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	return strcmp(stream, own) == 0;
}

void
systemd_take(void)
{
	static const char *const variables[] = { "NOTIFY_SOCKET",
		"WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID",
		"LISTEN_FDNAMES", "JOURNAL_STREAM", "CREDENTIALS_DIRECTORY" };
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");

	take_notify();
	take_watchdog();
	take_sockets();
	(void)snprintf(given.credentials, sizeof(given.credentials), "%s",
	    credentials == NULL ? "" : credentials);
	log_prefix(is_journal());
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		(void)unsetenv(variables[i]);
}

bool
systemd_listens(void)
{
	return given.fd != -1;
}

static bool
send_message(const char *text, size_t n)
{
	return send(given.fd, text, n, MSG_NOSIGNAL) != -1 || errno != EAGAIN;
}

void
systemd_notify(const char *fmt, ...)
{
	struct pollfd room = { .fd = given.fd, .events = POLLOUT };
	char text[MESSAGE_MAX];
	va_list ap;
	int n;

	if (given.fd == -1)
		return;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap); /* cut off when longer */
	va_end(ap);
	if (n >= MESSAGE_MAX)
		n = MESSAGE_MAX - 1;
	if (n > 0 && !send_message(text, (size_t)n)) {
		(void)poll(&room, 1, FULL_MS);
		(void)send_message(text, (size_t)n);
	}
}

void
systemd_reloading(void)
{
	systemd_notify("RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=reloading",
	    (long long)(os->mono_ns() / NS_PER_US));
}

int64_t
systemd_watchdog_ns(void)
{
	return given.watchdog_ns;
}

unsigned
systemd_sockets(void)
{
	return given.n_sockets;
}

int
systemd_path(const char *path, char *out, size_t cap, struct err *e)
{
	bool relative = strncmp(path, "%d/", 3) == 0;
	int n;

	if (relative && given.credentials[0] == '\0')
		return err_set(e, ERR_INVALID,
		    "%s: CREDENTIALS_DIRECTORY is not set", path);
	n = snprintf(out, cap, "%s%s", relative ? given.credentials : "",
	    relative ? path + 2 : path);
	if (n < 0 || (size_t)n >= cap)
		return err_set(e, ERR_INVALID, "%s: the path is too long",
		    path);
	return 0;
}
