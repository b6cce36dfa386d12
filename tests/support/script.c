#include "script.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#define PATIENCE_MS 20000

static int wrong(struct script *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static int
wrong(struct script *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(s->wrong, sizeof(s->wrong), fmt, ap);
	va_end(ap);
	return -1;
}

static int
wait_readable(struct script *s, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (poll(&p, 1, PATIENCE_MS) != 1)
		return wrong(s, "the client sends nothing");
	return 0;
}

static int
play_receive(struct script *s, int fd, const struct step *step)
{
	char *got = calloc(1, step->len + 1);
	size_t n = 0;
	int r = 0;

	while (n < step->len && r == 0) {
		ssize_t k;

		if ((r = wait_readable(s, fd)) == -1)
			break;
		k = recv(fd, got + n, step->len - n, 0);
		if (k <= 0)
			r = wrong(s, "got '%s' and the end", got);
		else
			n += (size_t)k;
	}
	if (r == 0 && memcmp(got, step->bytes, step->len) != 0)
		r = wrong(s, "expected '%.100s', got '%.100s'", step->bytes,
		    got);
	free(got);
	return r;
}

/* A client that has gone is no failure: that may be the test. */
static int
send_all(int fd, const char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t k = send(fd, bytes, n, MSG_NOSIGNAL);

		if (k <= 0)
			return 1;
		bytes += k;
		n -= (size_t)k;
	}
	return 0;
}

static void
play_send(int fd, const struct step *step)
{
	size_t piece = step->kind == STEP_SEND_BYTEWISE ? 1 : step->len;

	for (size_t i = 0; i < step->times; i++) {
		for (size_t at = 0; at < step->len; at += piece) {
			if (send_all(fd, step->bytes + at, piece) != 0)
				return;
		}
	}
}

static int
play_wait_end(struct script *s, int fd)
{
	char bytes[4096];
	ssize_t n;

	do {
		if (wait_readable(s, fd) == -1)
			return -1;
		n = recv(fd, bytes, sizeof(bytes), 0);
	} while (n > 0);
	return 0;
}

static int
play_accept(struct script *s)
{
	int on = 1, fd;

	if (wait_readable(s, s->listener) == -1)
		return -1;
	if ((fd = accept(s->listener, NULL, NULL)) == -1)
		return wrong(s, "accept: %s", strerror(errno));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static int
play_step(struct script *s, int *fd, const struct step *step)
{
	const struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	switch (step->kind) {
	case STEP_RECEIVE:
		return play_receive(s, *fd, step);
	case STEP_SEND:
	case STEP_SEND_BYTEWISE:
	case STEP_FLOOD:
		play_send(*fd, step);
		return 0;
	case STEP_WAIT_END:
		return play_wait_end(s, *fd);
	case STEP_RESET:
		(void)setsockopt(*fd, SOL_SOCKET, SO_LINGER, &reset,
		    sizeof(reset));
		return 0;
	case STEP_ACCEPT:
		(void)close(*fd);
		*fd = play_accept(s);
		return *fd == -1 ? -1 : 0;
	}
	return wrong(s, "no such step");
}

static void *
play(void *arg)
{
	struct script *s = arg;
	int fd = play_accept(s);

	for (size_t i = 0; i < s->n_steps && fd != -1; i++) {
		if (play_step(s, &fd, &s->steps[i]) == -1)
			break;
	}
	if (fd != -1)
		(void)close(fd);
	return NULL;
}

void
script_start(struct script *s, const struct step *steps, size_t n)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(sin);

	*s = (struct script){ .steps = steps, .n_steps = n };
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_not_equal(s->listener, -1);
	assert_int_equal(
	    bind(s->listener, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(listen(s->listener, 8), 0);
	assert_int_equal(
	    getsockname(s->listener, (struct sockaddr *)&sin, &len), 0);
	(void)snprintf(s->address, sizeof(s->address), "127.0.0.1:%d",
	    ntohs(sin.sin_port));
	assert_int_equal(pthread_create(&s->thread, NULL, play, s), 0);
}

void
script_end(struct script *s)
{
	assert_int_equal(pthread_join(s->thread, NULL), 0);
	(void)close(s->listener);
	assert_string_equal(s->wrong, "");
}
