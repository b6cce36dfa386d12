/*
 * How fast a session is that answers at once: plans jobs on a tickd, attaches
 * itself to the rule `attached`, answers each RUN with DONE and waits until
 * all results are durable.
 *
 *     attached [-a host:port] [-n jobs]
 *
 * There must be a rule `attached` for `att.`, of an agent without executable.
 * Prints one line of JSON: rate is runs divided by the time from the first
 * RUN to the last OK.
 */
#include <sys/socket.h>

#include <err.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BATCH 1024 /* requests in flight */

static int
connect_to(const char *address)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	const char *colon = strrchr(address, ':');
	struct addrinfo *ai;
	char host[256];
	int fd, status, on = 1;

	if (colon == NULL || (size_t)(colon - address) >= sizeof(host))
		errx(2, "%s: not host:port", address);
	(void)snprintf(host, sizeof(host), "%.*s", (int)(colon - address),
	    address);
	if ((status = getaddrinfo(host, colon + 1, &hints, &ai)) != 0)
		errx(1, "%s: %s", address, gai_strerror(status));
	fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC, 0);
	if (fd == -1 || connect(fd, ai->ai_addr, ai->ai_addrlen) == -1)
		err(1, "connect %s", address);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	freeaddrinfo(ai);
	return fd;
}

static double
now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
send_all(int fd, const char *text, size_t n)
{
	while (n > 0) {
		ssize_t k = send(fd, text, n, MSG_NOSIGNAL);

		if (k == -1)
			err(1, "send");
		text += k;
		n -= (size_t)k;
	}
}

/* The next line without its newline, as long as the next call. */
static char *
read_line(int fd)
{
	static char buf[65536];
	static size_t start, end;
	char *newline, *line;
	ssize_t n;

	while ((newline = memchr(buf + start, '\n', end - start)) == NULL) {
		memmove(buf, buf + start, end - start);
		end -= start;
		start = 0;
		if ((n = recv(fd, buf + end, sizeof(buf) - end, 0)) <= 0)
			errx(1, "the server closed the connection");
		end += (size_t)n;
	}
	*newline = '\0';
	line = buf + start;
	start = (size_t)(newline + 1 - buf);
	return line;
}

static void
plan(int fd, unsigned n)
{
	static char text[BATCH * 32];
	size_t len;

	for (unsigned i = 0, k; i < n; i += k) {
		len = 0;
		for (k = 0; k < BATCH && i + k < n; k++)
			len += (size_t)snprintf(text + len, sizeof(text) - len,
			    "1 SET att.%u now\n", i + k);
		send_all(fd, text, len);
		for (unsigned j = 0; j < k; j++)
			if (strcmp(read_line(fd), "1 OK") != 0)
				errx(1, "SET was refused");
	}
}

static double
serve(int fd, unsigned n)
{
	unsigned runs = 0, answers = 0;
	double start = 0;
	char reply[64];

	send_all(fd, "w AGENT ATTACH attached\n", 24);
	if (strncmp(read_line(fd), "w OK ", 5) != 0)
		errx(1, "AGENT ATTACH was refused");
	while (answers < n) {
		const char *line = read_line(fd);

		if (start == 0)
			start = now_s();
		if (strncmp(line, "w RUN ", 6) == 0) {
			send_all(fd, reply,
			    (size_t)snprintf(reply, sizeof(reply),
				"w DONE %lu 0\n", strtoul(line + 6, NULL, 10)));
			runs++;
		} else if (strcmp(line, "w OK") == 0) {
			answers++;
		} else {
			errx(1, "unexpected: %s", line);
		}
	}
	if (runs != n)
		errx(1, "%u runs of %u jobs", runs, n);
	return now_s() - start;
}

int
main(int argc, char **argv)
{
	const char *address = "127.0.0.1:5678";
	unsigned n = 100000;
	double seconds;
	int opt, fd;

	while ((opt = getopt(argc, argv, "a:n:")) != -1)
		if (opt == 'a')
			address = optarg;
		else if (opt == 'n')
			n = (unsigned)strtoul(optarg, NULL, 10);
		else
			return 2;
	if (n == 0 || optind != argc)
		errx(2, "usage: attached [-a host:port] [-n jobs]");
	fd = connect_to(address);
	plan(fd, n);
	seconds = serve(fd, n);
	printf("{\"jobs\":%u,\"rate\":%.0f,\"us\":%.1f}\n", n, n / seconds,
	    1e6 * seconds / n);
	(void)close(fd);
	return 0;
}
