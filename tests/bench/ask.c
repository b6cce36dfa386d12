/*
 * Asks a tickd the same, again and again, each time when the whole reply to
 * the last has come, and tells how long that takes.
 *
 *     ask [-a host:port] [-n times] [-i interval_us] request
 *
 * The request comes without an id. Prints one line of JSON.
 */
#include <sys/socket.h>

#include <err.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "latency.h"

static int
connect_to(const char *address)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *ai;
	const char *colon = strrchr(address, ':');
	char host[256];
	int fd, status;

	if (colon == NULL || (size_t)(colon - address) >= sizeof(host))
		errx(2, "%s: not host:port", address);
	(void)snprintf(host, sizeof(host), "%.*s", (int)(colon - address),
	    address);
	if ((status = getaddrinfo(host, colon + 1, &hints, &ai)) != 0)
		errx(1, "%s: %s", address, gai_strerror(status));
	fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC, 0);
	if (fd == -1 || connect(fd, ai->ai_addr, ai->ai_addrlen) == -1)
		err(1, "connect %s", address);
	freeaddrinfo(ai);
	return fd;
}

static uint64_t
mono_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Read a reply to its end; returns its lines. */
static unsigned
read_reply(FILE *in)
{
	static char *line;
	static size_t cap;
	unsigned n = 0;

	do {
		if (getline(&line, &cap, in) == -1)
			errx(1, "the server has closed the connection");
		n++;
		if (strncmp(line, "1 ERROR", 7) == 0)
			errx(1, "%s", line);
	} while (strncmp(line, "1 OK", 4) != 0);
	return n;
}

int
main(int argc, char **argv)
{
	static struct latency latency;
	const char *address = "127.0.0.1:5678";
	unsigned long times = 1000, interval_us = 0;
	char request[256];
	unsigned lines = 0;
	uint64_t begin_ns;
	FILE *in;
	int fd, opt, n;

	while ((opt = getopt(argc, argv, "a:n:i:")) != -1) {
		if (opt == 'a')
			address = optarg;
		else if (opt == 'n')
			times = strtoul(optarg, NULL, 10);
		else if (opt == 'i')
			interval_us = strtoul(optarg, NULL, 10);
		else
			errx(2,
			    "usage: ask [-a address] [-n times] "
			    "[-i interval_us] request");
	}
	if (optind != argc - 1)
		errx(2, "one request is needed");
	n = snprintf(request, sizeof(request), "1 %s\n", argv[optind]);
	if (n >= (int)sizeof(request))
		errx(2, "request too long");
	fd = connect_to(address);
	if ((in = fdopen(fd, "r")) == NULL)
		err(1, "fdopen");
	for (unsigned long i = 0; i < times; i++) {
		begin_ns = mono_ns();
		if (send(fd, request, (size_t)n, 0) != n)
			err(1, "send");
		lines = read_reply(in);
		latency_add(&latency, mono_ns() - begin_ns, 1);
		if (interval_us > 0)
			(void)usleep((useconds_t)interval_us);
	}
	printf("{\"request\":\"%s\",\"times\":%lu,\"lines\":%u,"
	       "\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f}\n",
	    argv[optind], times, lines,
	    (double)latency_quantile(&latency, 0.5) / 1e3,
	    (double)latency_quantile(&latency, 0.99) / 1e3,
	    (double)latency.max_ns / 1e3);
	return fclose(in) == 0 ? 0 : 1;
}
