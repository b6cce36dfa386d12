/*
 * A load generator that costs little: it shares the machine with the server
 * it measures. One thread, one epoll; every connection keeps `depth` requests
 * in flight, and as many are sent as were answered.
 *
 *     load [-a host:port] [-p tickd|redis|beanstalkd] [-o set|get|ping]
 *          [-c connections] [-d depth] [-n requests] [-f first] [-t seconds]
 *          [-i interval_us] [-w when]
 *
 * Jobs are bench.job.<13 digits>, counted from `first`. It ends after -n
 * requests, -t seconds or SIGTERM, and prints one line of JSON. With -i, one
 * connection sends a request every so often, and latency counts from when the
 * request was meant to be sent, so that a stall of the server is seen in full.
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <err.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "latency.h"

#define REQUEST_MAX 192
#define DEPTH_MAX 1024
#define DIGITS 13
#define READ_SIZE 65536

/*
 * What is sent and what comes back. '#' stands for the digits of the job's
 * identifier, '@' for the due time. Every reply is one line that begins with
 * `good`.
 */
struct protocol {
	const char *name;
	const char *op;
	const char *request;
	const char *good;
};

static const struct protocol protocols[] = {
	{ "tickd", "set", "1 SET bench.job.# @\n", "1 OK" },
	{ "tickd", "get", "1 GET bench.job.#\n", "1 OK" },
	{ "tickd", "ping", "1 PING\n", "1 OK" },
	{ "redis", "set",
	    "*3\r\n$3\r\nSET\r\n$23\r\nbench.job.#\r\n$19\r\n@\r\n", "+OK" },
	{ "redis", "ping", "*1\r\n$4\r\nPING\r\n", "+PONG" },
	/* Delayed by a year: a job that waits for its time, as the others. */
	{ "beanstalkd", "set", "put 0 31536000 60 23\r\nbench.job.#\r\n",
	    "INSERTED" },
};

/* Requests sent at one moment and not yet answered. */
struct sent {
	uint64_t at_ns;
	unsigned n;
};

struct conn {
	int fd;
	char *out; /* room for `depth` requests */
	size_t out_len;
	size_t out_done;
	bool wants_write;
	size_t matched;	    /* of `good`, in a line that came in part */
	struct sent *queue; /* a ring of depth entries */
	unsigned head, entries;
	unsigned inflight;
};

struct load {
	const struct protocol *protocol;
	char request[REQUEST_MAX];
	size_t request_len;
	size_t digits_at; /* 0: the request has none */
	char digits[DIGITS + 1];
	size_t good_len;
	unsigned depth;
	uint64_t total; /* requests to send; UINT64_MAX: until deadline_ns */
	uint64_t deadline_ns;
	uint64_t sent;
	uint64_t answered;
	struct latency latency;
};

static volatile sig_atomic_t stopped;

static void
on_signal(int sig)
{
	(void)sig;
	stopped = 1;
}

static uint64_t
mono_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int
connect_to(const char *address)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *ai;
	const char *colon = strrchr(address, ':');
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
	freeaddrinfo(ai);
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == -1)
		err(1, "TCP_NODELAY");
	return fd;
}

/* Fill in the template; the digits follow later, for each request. */
static void
make_request(struct load *l, const char *when)
{
	const char *p;
	size_t n = 0;

	for (p = l->protocol->request; *p != '\0'; p++) {
		if (n + DIGITS + strlen(when) >= sizeof(l->request))
			errx(2, "request too long");
		if (*p == '#') {
			l->digits_at = n;
			n += DIGITS;
		} else if (*p == '@') {
			memcpy(l->request + n, when, strlen(when));
			n += strlen(when);
		} else {
			l->request[n++] = *p;
		}
	}
	l->request_len = n;
	l->good_len = strlen(l->protocol->good);
}

/* Add one to the decimal digits, in place. */
static void
count_up(char *digits)
{
	char *p = digits + DIGITS - 1;

	while (*p == '9')
		*p-- = '0';
	(*p)++;
}

static void
add_request(struct load *l, struct conn *c)
{
	char *p = c->out + c->out_len;

	memcpy(p, l->request, l->request_len);
	if (l->digits_at != 0) {
		memcpy(p + l->digits_at, l->digits, DIGITS);
		count_up(l->digits);
	}
	c->out_len += l->request_len;
}

static void
flush(struct conn *c)
{
	ssize_t n;

	while (c->out_done < c->out_len) {
		n = send(c->fd, c->out + c->out_done, c->out_len - c->out_done,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n == -1 && errno == EAGAIN)
			return;
		if (n == -1)
			err(1, "send");
		c->out_done += (size_t)n;
	}
	c->out_len = c->out_done = 0;
}

/* Send as many as the depth allows; nothing while older bytes are stuck. */
static void
fill(struct load *l, struct conn *c)
{
	unsigned i, n;
	struct sent *s;

	if (c->out_len > 0) {
		flush(c);
		if (c->out_len > 0)
			return;
	}
	n = l->depth - c->inflight;
	if (n > l->total - l->sent)
		n = (unsigned)(l->total - l->sent);
	if (n == 0)
		return;
	for (i = 0; i < n; i++)
		add_request(l, c);
	s = &c->queue[(c->head + c->entries++) % l->depth];
	*s = (struct sent){ .at_ns = mono_ns(), .n = n };
	c->inflight += n;
	l->sent += n;
	flush(c);
}

/* n replies came: they belong to the oldest requests. */
static void
account(struct load *l, struct conn *c, unsigned n)
{
	uint64_t now = mono_ns();
	struct sent *s;
	unsigned part;

	if (n > c->inflight)
		errx(1, "more replies than requests");
	c->inflight -= n;
	l->answered += n;
	while (n > 0) {
		s = &c->queue[c->head];
		part = n < s->n ? n : s->n;
		latency_add(&l->latency, now - s->at_ns, part);
		n -= part;
		s->n -= part;
		if (s->n == 0) {
			c->head = (c->head + 1) % l->depth;
			c->entries--;
		}
	}
}

/* Count the lines of a read, each of which must begin with `good`. */
static unsigned
count_replies(struct load *l, struct conn *c, const char *p, size_t n)
{
	const char *good = l->protocol->good, *end = p + n, *newline;
	unsigned lines = 0;

	while (p < end) {
		while (c->matched < l->good_len && p < end) {
			if (*p != good[c->matched])
				errx(1, "unexpected reply: %.*s",
				    (int)(end - p < 200 ? end - p : 200), p);
			c->matched++;
			p++;
		}
		newline = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
		if (newline == NULL)
			break;
		lines++;
		c->matched = 0;
		p = newline + 1;
	}
	return lines;
}

static void
receive(struct load *l, struct conn *c)
{
	static char bytes[READ_SIZE];
	ssize_t n = recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n == 0)
		errx(1, "the server closed the connection");
	if (n > 0)
		account(l, c, count_replies(l, c, bytes, (size_t)n));
	else if (errno != EAGAIN)
		err(1, "recv");
}

static void
conn_open(struct load *l, struct conn *c, const char *address, int epfd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };

	*c = (struct conn){ .fd = connect_to(address) };
	c->out = malloc(l->depth * l->request_len + 1);
	c->queue = calloc(l->depth, sizeof(*c->queue));
	if (c->out == NULL || c->queue == NULL)
		err(1, NULL);
	if (epoll_ctl(epfd, EPOLL_CTL_ADD, c->fd, &ev) == -1)
		err(1, "epoll_ctl");
}

/* Ask for writability only while bytes are stuck. */
static void
conn_watch(struct conn *c, int epfd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
	bool wants = c->out_len > 0;

	if (wants == c->wants_write)
		return;
	c->wants_write = wants;
	if (wants)
		ev.events |= EPOLLOUT;
	if (epoll_ctl(epfd, EPOLL_CTL_MOD, c->fd, &ev) == -1)
		err(1, "epoll_ctl");
}

static void
run_flat_out(struct load *l, struct conn *conns, unsigned n_conns, int epfd)
{
	struct epoll_event events[256];
	struct conn *c;
	unsigned i;
	int n;

	for (i = 0; i < n_conns; i++)
		fill(l, &conns[i]);
	while (l->answered < l->total) {
		n = epoll_wait(epfd, events, 256, 10000);
		if (n == -1 && errno != EINTR)
			err(1, "epoll_wait");
		if (n == 0)
			errx(1, "no reply for 10 s");
		for (i = 0; n > 0 && i < (unsigned)n; i++) {
			c = events[i].data.ptr;
			if (events[i].events & ~(unsigned)EPOLLOUT)
				receive(l, c);
			fill(l, c);
			conn_watch(c, epfd);
		}
		if (stopped ||
		    (l->deadline_ns != 0 && mono_ns() >= l->deadline_ns))
			l->total = l->sent;
	}
}

/* One request at a time, each due an interval after the one before. */
static void
run_paced(struct load *l, struct conn *c, uint64_t interval_ns)
{
	char bytes[READ_SIZE];
	uint64_t due_ns = mono_ns(), now;
	struct timespec at;
	ssize_t n;

	while (!stopped && l->sent < l->total &&
	    (l->deadline_ns == 0 || due_ns < l->deadline_ns)) {
		at.tv_sec = (time_t)(due_ns / 1000000000u);
		at.tv_nsec = (long)(due_ns % 1000000000u);
		(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at,
		    NULL);
		if (stopped) /* and woken early */
			break;
		add_request(l, c);
		flush(c);
		l->sent++;
		while (l->answered < l->sent) {
			if ((n = recv(c->fd, bytes, sizeof(bytes), 0)) <= 0)
				err(1, "recv");
			l->answered += count_replies(l, c, bytes, (size_t)n);
		}
		now = mono_ns();
		latency_add(&l->latency, now - due_ns, 1);
		due_ns += interval_ns;
	}
}

static void
print_result(const struct load *l, uint64_t elapsed_ns)
{
	double seconds = (double)elapsed_ns / 1e9;

	printf("{\"requests\":%llu,\"seconds\":%.3f,\"rate\":%.0f",
	    (unsigned long long)l->answered, seconds,
	    (double)l->answered / seconds);
	printf(",\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f",
	    (double)latency_quantile(&l->latency, 0.5) / 1e3,
	    (double)latency_quantile(&l->latency, 0.99) / 1e3,
	    (double)latency_quantile(&l->latency, 0.999) / 1e3);
	printf(",\"max_us\":%.1f}\n", (double)l->latency.max_ns / 1e3);
}

static const struct protocol *
find_protocol(const char *name, const char *op)
{
	size_t i;

	for (i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
		if (strcmp(protocols[i].name, name) == 0 &&
		    strcmp(protocols[i].op, op) == 0)
			return &protocols[i];
	errx(2, "no operation %s for %s", op, name);
}

static uint64_t
number(const char *text, uint64_t max)
{
	char *end;
	unsigned long long v;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0' || end == text || v > max)
		errx(2, "%s: not a number up to %llu", text,
		    (unsigned long long)max);
	return v;
}

struct arguments {
	const char *address;
	const char *protocol;
	const char *op;
	const char *when;
	unsigned n_conns;
	unsigned depth;
	uint64_t total; /* 0: not given */
	uint64_t first;
	uint64_t seconds;
	uint64_t interval_us;
};

static void
read_arguments(struct arguments *a, int argc, char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv, "a:p:o:c:d:n:f:t:i:w:")) != -1)
		switch (opt) {
		case 'a':
			a->address = optarg;
			break;
		case 'p':
			a->protocol = optarg;
			break;
		case 'o':
			a->op = optarg;
			break;
		case 'w':
			a->when = optarg;
			break;
		case 'c':
			a->n_conns = (unsigned)number(optarg, 60000);
			break;
		case 'd':
			a->depth = (unsigned)number(optarg, DEPTH_MAX);
			break;
		case 'n':
			a->total = number(optarg, UINT32_MAX);
			break;
		case 'f':
			a->first = number(optarg, 999999999999u);
			break;
		case 't':
			a->seconds = number(optarg, 86400);
			break;
		case 'i':
			a->interval_us = number(optarg, 60000000);
			break;
		default:
			exit(2);
		}
	if (optind != argc || a->n_conns == 0 || a->depth == 0 ||
	    (a->total == 0 && a->seconds == 0))
		errx(2,
		    "usage: load [-a host:port] [-p protocol] [-o op] "
		    "[-c connections] [-d depth] [-f first] [-i interval_us] "
		    "[-w when] -n requests | -t seconds");
}

int
main(int argc, char **argv)
{
	struct arguments a = { .address = "127.0.0.1:5678",
		.protocol = "tickd",
		.op = "set",
		.when = "4102444800000000000",
		.n_conns = 1,
		.depth = 1 };
	static struct load l;
	struct conn *conns;
	uint64_t start_ns;
	unsigned i;
	int epfd;

	read_arguments(&a, argc, argv);
	l.protocol = find_protocol(a.protocol, a.op);
	l.depth = a.depth;
	l.total = a.total == 0 ? UINT64_MAX : a.total;
	(void)snprintf(l.digits, sizeof(l.digits), "%0*llu", DIGITS,
	    (unsigned long long)a.first);
	make_request(&l, a.when);

	if ((epfd = epoll_create1(EPOLL_CLOEXEC)) == -1)
		err(1, "epoll_create1");
	if ((conns = calloc(a.n_conns, sizeof(*conns))) == NULL)
		err(1, NULL);
	for (i = 0; i < a.n_conns; i++)
		conn_open(&l, &conns[i], a.address, epfd);

	(void)signal(SIGTERM, on_signal);
	start_ns = mono_ns();
	if (a.seconds != 0)
		l.deadline_ns = start_ns + a.seconds * 1000000000u;
	if (a.interval_us != 0)
		run_paced(&l, &conns[0], a.interval_us * 1000);
	else
		run_flat_out(&l, conns, a.n_conns, epfd);
	print_result(&l, mono_ns() - start_ns);

	for (i = 0; i < a.n_conns; i++) {
		(void)close(conns[i].fd);
		free(conns[i].out);
		free(conns[i].queue);
	}
	free(conns);
	(void)close(epfd);
	return 0;
}
