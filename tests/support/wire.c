#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "wire.h"

void
wire_open(struct wire *w, int port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	int on = 1;

	sin.sin_port = htons((uint16_t)port);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*w = (struct wire){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC,
				0) };
	assert_int_not_equal(w->fd, -1);
	if (connect(w->fd, (struct sockaddr *)&sin, sizeof(sin)) == -1)
		fail_msg("connect to port %d: %s", port, strerror(errno));
	assert_int_equal(
	    setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
	w->buf = malloc(WIRE_LINE_MAX);
	assert_non_null(w->buf);
}

void
wire_close(struct wire *w)
{
	(void)close(w->fd);
	free(w->buf);
	*w = (struct wire){ .fd = -1 };
}

void
wire_start(struct wire *w, struct daemon *d)
{
	daemon_start(d);
	wire_open(w, d->port);
}

void
wire_stop(struct wire *w, struct daemon *d)
{
	wire_close(w);
	daemon_stop(d);
}

/* Wait for the events; what does not come in time fails the test. */
static void
await(const struct wire *w, short events)
{
	struct pollfd p = { .fd = w->fd, .events = events };

	if (poll(&p, 1, DEADLINE_MS) != 1)
		fail_msg("nothing within %d ms", DEADLINE_MS);
}

void
wire_send_bytes(struct wire *w, const void *bytes, size_t n)
{
	const char *p = bytes;
	ssize_t sent;

	while (n > 0) {
		await(w, POLLOUT);
		sent = send(w->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent == -1 && errno == EAGAIN)
			continue;
		if (sent == -1)
			fail_msg("send: %s", strerror(errno));
		p += sent;
		n -= (size_t)sent;
	}
}

void
wire_send(struct wire *w, const char *text)
{
	wire_send_bytes(w, text, strlen(text));
}

void
wire_sendf(struct wire *w, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	assert_int_not_equal(vasprintf(&text, fmt, ap), -1);
	va_end(ap);
	wire_send(w, text);
	free(text);
}

void
wire_half_close(struct wire *w)
{
	assert_int_equal(shutdown(w->fd, SHUT_WR), 0);
}

/* More bytes into the buffer: false at the end of the stream. */
static bool
receive(struct wire *w)
{
	ssize_t n;

	if (w->start > 0) {
		memmove(w->buf, w->buf + w->start, w->end - w->start);
		w->end -= w->start;
		w->start = 0;
	}
	assert_true(w->end < WIRE_LINE_MAX);
	await(w, POLLIN);
	n = recv(w->fd, w->buf + w->end, WIRE_LINE_MAX - w->end, 0);
	if (n == -1 && errno != ECONNRESET)
		fail_msg("recv: %s", strerror(errno));
	if (n <= 0)
		return false;
	w->end += (size_t)n;
	return true;
}

char *
wire_line_or_end(struct wire *w)
{
	char *newline, *line;
	size_t seen = 0;

	for (;;) {
		newline = memchr(w->buf + w->start + seen, '\n',
		    w->end - w->start - seen);
		if (newline != NULL)
			break;
		seen = w->end - w->start;
		if (!receive(w)) {
			assert_int_equal(seen, 0); /* no half line */
			return NULL;
		}
	}
	*newline = '\0';
	line = w->buf + w->start;
	w->start = (size_t)(newline + 1 - w->buf);
	return line;
}

char *
wire_line(struct wire *w)
{
	char *line = wire_line_or_end(w);

	if (line == NULL)
		fail_msg("the server closed the connection");
	return line;
}

void
wire_expect(struct wire *w, const char *line)
{
	assert_string_equal(wire_line(w), line);
}

static void
check_start(const char *line, const char *start)
{
	if (strncmp(line, start, strlen(start)) != 0)
		fail_msg("got `%s`, expected `%s...`", line, start);
}

void
wire_expect_start(struct wire *w, const char *start)
{
	check_start(wire_line(w), start);
}

void
wire_expect_end(struct wire *w)
{
	const char *line = wire_line_or_end(w);

	if (line != NULL)
		fail_msg("got `%s`, expected the end", line);
}

void
wire_ask(struct wire *w, const char *request, const char *reply)
{
	const char *line;

	wire_sendf(w, "%s\n", request);
	line = wire_line(w);
	if (strcmp(line, reply) != 0)
		fail_msg("%s\n got      `%s`\n expected `%s`", request, line,
		    reply);
}

void
wire_ask_start(struct wire *w, const char *request, const char *start)
{
	const char *line;

	wire_sendf(w, "%s\n", request);
	line = wire_line(w);
	if (strncmp(line, start, strlen(start)) != 0)
		fail_msg("%s\n got      `%s`\n expected `%s...`", request, line,
		    start);
}

void
wire_until(struct wire *w, const char *request, const char *start)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	const char *line;
	int left = DEADLINE_MS;

	for (;;) {
		wire_sendf(w, "%s\n", request);
		line = wire_line(w);
		if (strncmp(line, start, strlen(start)) == 0)
			return;
		if (left-- == 0)
			fail_msg("%s\n still `%s`, expected `%s...`", request,
			    line, start);
		(void)nanosleep(&pause, NULL);
	}
}

/* The text after the request id. */
static char *
after_id(char *line)
{
	char *space = strchr(line, ' ');

	assert_non_null(space);
	return space + 1;
}

static bool
is_last(const char *rest)
{
	return strcmp(rest, "OK") == 0 || strncmp(rest, "OK ", 3) == 0 ||
	    strncmp(rest, "ERROR ", 6) == 0;
}

char *
wire_reply(struct wire *w, const char *request)
{
	size_t len = 0, n;
	char *reply = NULL, *line;

	wire_sendf(w, "%s\n", request);
	do {
		line = wire_line(w);
		n = strlen(line);
		reply = realloc(reply, len + n + 2);
		assert_non_null(reply);
		(void)sprintf(reply + len, "%s\n", line);
		len += n + 1;
	} while (!is_last(after_id(line)));
	return reply;
}

const char *
wire_row(struct wire *w, const char *request, const char *key)
{
	static char value[WIRE_LINE_MAX];
	size_t key_len = strlen(key);
	bool found = false;
	char *rest;

	wire_sendf(w, "%s\n", request);
	for (;;) {
		rest = after_id(wire_line(w));
		if (is_last(rest))
			break;
		if (strncmp(rest, key, key_len) == 0 && rest[key_len] == ' ') {
			(void)snprintf(value, sizeof(value), "%s",
			    rest + key_len + 1);
			found = true;
		}
	}
	if (!found)
		fail_msg("%s: no row %s before `%s`", request, key, rest);
	return value;
}

uint64_t
wire_row_u64(struct wire *w, const char *request, const char *key)
{
	const char *text = wire_row(w, request, key);
	char *end;
	uint64_t v = strtoull(text, &end, 10);

	if (*text == '\0' || *end != '\0')
		fail_msg("%s: %s is `%s`, no number", request, key, text);
	return v;
}

static bool
reply_matches(const char *reply, const char *expected)
{
	size_t n = strlen(expected), len = strlen(reply);

	if (n >= 3 && strcmp(expected + n - 3, "...") == 0)
		return strncmp(reply, expected, n - 3) == 0;
	return len == n + 1 && memcmp(reply, expected, n) == 0;
}

void
wire_play(struct wire *w, const struct step *steps)
{
	char *reply;

	for (; steps->request != NULL; steps++) {
		reply = wire_reply(w, steps->request);
		if (!reply_matches(reply, steps->reply))
			fail_msg("%s\n got:\n%s expected:\n%s", steps->request,
			    reply, steps->reply);
		free(reply);
	}
}

void
wire_shell_rule(struct wire *w, const struct daemon *d, const char *rule,
    const char *pattern, const char *command)
{
	char request[1024];

	(void)snprintf(request, sizeof(request),
	    "1 RULE SET %s %s shell \"cd %s; %s\"", rule, pattern, d->dir,
	    command);
	wire_ask(w, request, "1 OK");
}
