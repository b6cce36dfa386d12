/*
 * Plans jobs on a tickd, waits until all have run, and tells from their INFO
 * how fast and how late they were.
 *
 *     execute [-a host:port] [-n jobs] [-r a_second] [-s delay_ms]
 *
 * The jobs run.<n> fall due delay_ms from now: all at once, or so many a
 * second with -r. There must be a rule for `run.`. Prints one line of JSON:
 * rate is jobs divided by the time from the first due time to the last end,
 * lateness is a start minus its due time.
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

#define BATCH 256 /* requests in flight */

/* One stream a direction: a socket cannot be turned round as stdio would. */
struct client {
	FILE *in, *out;
};

struct results {
	struct latency lateness;
	int64_t first_due_ns;
	int64_t last_end_ns;
	uint64_t failed;
};

static struct client
connect_to(const char *address)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *ai;
	const char *colon = strrchr(address, ':');
	char host[256];
	struct client c;
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
	c.in = fdopen(fd, "r");
	c.out = fdopen(dup(fd), "w");
	if (c.in == NULL || c.out == NULL)
		err(1, "fdopen");
	return c;
}

static char *
read_line(const struct client *c)
{
	static char line[4096];

	if (fgets(line, sizeof(line), c->in) == NULL)
		errx(1, "the server closed the connection");
	return line;
}

static int64_t
now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* The value of a row `1 <key> <value>`, when it is that row. */
static void
take(const char *line, const char *key, int64_t *value)
{
	size_t n = strlen(key);

	if (strncmp(line + 2, key, n) == 0 && line[2 + n] == ' ')
		*value = strtoll(line + 3 + n, NULL, 10);
}

static void
plan(const struct client *c, unsigned n, unsigned per_second, int64_t due_ns)
{
	unsigned i, k;

	for (i = 0; i < n; i += k) {
		for (k = 0; k < BATCH && i + k < n; k++) {
			(void)fprintf(c->out, "1 SET run.%u %lld\n", i + k,
			    (long long)due_ns);
			if (per_second != 0)
				due_ns += 1000000000 / per_second;
		}
		(void)fflush(c->out);
		for (k = 0; k < BATCH && i + k < n; k++)
			if (strcmp(read_line(c), "1 OK\n") != 0)
				errx(1, "SET was refused");
	}
}

static void
wait_done(const struct client *c)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	int64_t planned, triggered, target = -1;
	char *line;

	/* What is planned besides stays planned: wait until no more is due. */
	for (;;) {
		planned = triggered = 0;
		(void)fputs("1 STAT\n", c->out);
		(void)fflush(c->out);
		while (strcmp(line = read_line(c), "1 OK\n") != 0) {
			take(line, "jobs_planned", &planned);
			take(line, "jobs_triggered", &triggered);
		}
		if (triggered == 0 && planned == target)
			return;
		target = planned;
		(void)nanosleep(&pause, NULL);
	}
}

static void
collect(const struct client *c, unsigned n, struct results *r)
{
	int64_t due, start, end;
	unsigned i;
	char *line;

	for (i = 0; i < n; i++) {
		due = start = end = 0;
		(void)fprintf(c->out, "1 INFO run.%u\n", i);
		(void)fflush(c->out);
		while (strcmp(line = read_line(c), "1 OK\n") != 0) {
			if (strncmp(line, "1 ERROR", 7) == 0)
				errx(1, "INFO: %s", line);
			if (strcmp(line, "1 status failed\n") == 0)
				r->failed++;
			take(line, "execution_ns", &due);
			take(line, "last_start_ns", &start);
			take(line, "last_end_ns", &end);
		}
		latency_add(&r->lateness,
		    start > due ? (uint64_t)(start - due) : 0, 1);
		if (end > r->last_end_ns)
			r->last_end_ns = end;
	}
}

int
main(int argc, char **argv)
{
	const char *address = "127.0.0.1:5678";
	unsigned n = 1000, per_second = 0, delay_ms = 1000;
	static struct results r;
	struct timespec pause;
	int64_t last_due_ns;
	struct client c;
	int opt;

	while ((opt = getopt(argc, argv, "a:n:r:s:")) != -1)
		switch (opt) {
		case 'a':
			address = optarg;
			break;
		case 'n':
			n = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'r':
			per_second = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 's':
			delay_ms = (unsigned)strtoul(optarg, NULL, 10);
			break;
		default:
			return 2;
		}
	if (n == 0 || optind != argc)
		errx(2,
		    "usage: execute [-a host:port] [-n jobs] "
		    "[-r a_second] [-s delay_ms]");
	c = connect_to(address);
	r.first_due_ns = now_ns() + (int64_t)delay_ms * 1000000;
	plan(&c, n, per_second, r.first_due_ns);

	last_due_ns = r.first_due_ns;
	if (per_second != 0)
		last_due_ns += (int64_t)n * 1000000000 / per_second;
	pause.tv_sec = last_due_ns / 1000000000;
	pause.tv_nsec = last_due_ns % 1000000000;
	(void)clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &pause, NULL);
	wait_done(&c);
	collect(&c, n, &r);
	printf("{\"jobs\":%u,\"failed\":%llu,\"rate\":%.0f", n,
	    (unsigned long long)r.failed,
	    (double)n / ((double)(r.last_end_ns - r.first_due_ns) / 1e9));
	printf(",\"lateness_p50_ms\":%.3f,\"lateness_p99_ms\":%.3f",
	    (double)latency_quantile(&r.lateness, 0.5) / 1e6,
	    (double)latency_quantile(&r.lateness, 0.99) / 1e6);
	printf(",\"lateness_max_ms\":%.3f}\n", (double)r.lateness.max_ns / 1e6);
	(void)fclose(c.in);
	(void)fclose(c.out);
	return 0;
}
