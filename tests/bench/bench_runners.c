/*
 * How many runs a second the network runners reach, against the same server
 * asked without a scheduler in between: http to an nginx, with as many kept
 * connections as runs in flight; redis to a redis-server, pipelined as deep.
 * Both servers are started here. The two take turns.
 *
 *     bench_runners [-n runs] [-i inflight] [-r rounds] [http|redis]
 *
 * Prints a line of JSON for each.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <hiredis/hiredis.h>

#include "peer.h"
#include "processor.h"
#include "service.h"

#define INFLIGHT_MAX 1024u

struct settings {
	unsigned n, inflight, rounds;
};

static void
die(const char *why)
{
	fprintf(stderr, "bench_runners: %s\n", why);
	exit(1);
}

static double
now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* With the processor. */

static void
wake(void *arg)
{
	(void)sem_post(arg);
}

static struct run *
new_run(struct rule_spec *spec, uint64_t id)
{
	struct run *run = calloc(1, sizeof(*run));

	if (run == NULL || (run->job = strdup("bench")) == NULL ||
	    (run->rule = strdup("bench")) == NULL)
		die("out of memory");
	run->execution_id = id;
	run->attempt = 1;
	run->due_ns = 1711612800000000000;
	run->spec = rule_spec_ref(spec);
	return run;
}

/* Seconds for n runs. */
static double
with_processor(struct processor *p, struct rule_spec *spec, sem_t *woken,
    const struct settings *s)
{
	unsigned started = 0, ended = 0;
	struct run_event event;
	double start = now_s();

	while (ended < s->n) {
		while (started < s->n && started - ended < s->inflight)
			if (!processor_submit(p, new_run(spec, ++started)))
				die("the processor is full");
		if (!processor_take(p, &event)) {
			(void)sem_wait(woken);
			continue;
		}
		if (event.kind != RUN_FINISHED)
			continue;
		if (event.run->outcome != RUN_SUCCESS)
			die(event.run->reason);
		rule_spec_unref(event.run->spec);
		run_free(event.run);
		ended++;
	}
	return now_s() - start;
}

/* Without: keep-alive connections with one request each, all the time. */

#define REQUEST_BODY                                               \
	"{\"job_id\":\"bench\",\"execution\":1711612800000000000," \
	"\"attempt\":1,\"payload\":null}"

static int
connect_to(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1 || connect(fd, (struct sockaddr *)&a, sizeof(a)) == -1)
		die("cannot connect");
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static void
ask(int fd, int port)
{
	char text[512];
	int n = snprintf(text, sizeof(text),
	    "POST / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: bench\r\n"
	    "Accept: */*\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\n\r\n%s",
	    port, sizeof(REQUEST_BODY) - 1, REQUEST_BODY);

	if (send(fd, text, (size_t)n, MSG_NOSIGNAL) != n)
		die("cannot send");
}

/* An answer is small: it comes in one piece. */
static void
hear(int fd)
{
	char text[4096];
	ssize_t n = recv(fd, text, sizeof(text), 0);

	if (n < 12 || memcmp(text, "HTTP/1.1 200", 12) != 0)
		die("nginx does not answer 200");
}

static double
bare_http(int port, const struct settings *s)
{
	struct epoll_event event = { .events = EPOLLIN }, ready[64];
	int fd[INFLIGHT_MAX], epoll = epoll_create1(EPOLL_CLOEXEC), n, i;
	unsigned started = 0, ended = 0;
	double start;

	for (i = 0; i < (int)s->inflight; i++) {
		event.data.fd = fd[i] = connect_to(port);
		(void)epoll_ctl(epoll, EPOLL_CTL_ADD, fd[i], &event);
	}
	start = now_s();
	for (i = 0; i < (int)s->inflight && started < s->n; i++, started++)
		ask(fd[i], port);
	while (ended < s->n) {
		n = epoll_wait(epoll, ready, 64, -1);
		for (i = 0; i < n; i++) {
			hear(ready[i].data.fd);
			ended++;
			if (started++ < s->n)
				ask(ready[i].data.fd, port);
		}
	}
	start = now_s() - start;
	for (i = 0; i < (int)s->inflight; i++)
		(void)close(fd[i]);
	(void)close(epoll);
	return start;
}

static double
bare_redis(int port, const struct settings *s)
{
	redisContext *c = redisConnect("127.0.0.1", port);
	unsigned started = 0, ended = 0;
	double start = now_s();
	void *reply;

	if (c == NULL || c->err != 0)
		die("cannot connect to redis");
	while (ended < s->n) {
		while (started < s->n && started - ended < s->inflight) {
			(void)redisAppendCommand(c, "SET bench bench");
			started++;
		}
		/* Half of them, so that the server always has work. */
		while (ended < started &&
		    (started == s->n || started - ended > s->inflight / 2)) {
			if (redisGetReply(c, &reply) != REDIS_OK)
				die("redis does not answer");
			freeReplyObject(reply);
			ended++;
		}
	}
	start = now_s() - start;
	redisFree(c);
	return start;
}

static void
measure(const char *name, const struct settings *s, int port,
    double bare(int, const struct settings *), const char *const *words,
    size_t n_words)
{
	const struct strings no_words = { 0 };
	sem_t woken;
	const struct processor_options o = { .shell_path = "/bin/sh",
		.shell_args = &no_words,
		.max_inflight = s->inflight,
		.max_output = 65536,
		.wake = wake,
		.wake_arg = &woken };
	double bare_s = 0, runner_s = 0, n = (double)s->n * s->rounds;
	struct slice word[4];
	struct rule_spec *spec;
	struct processor *p;
	struct err e;
	unsigned i;

	for (i = 0; i < n_words; i++)
		word[i] = slice_str(words[i]);
	(void)sem_init(&woken, 0, 0);
	if ((spec = rule_spec_parse(word, n_words, &e)) == NULL ||
	    (p = processor_start(&o, &e)) == NULL)
		die(e.msg);
	for (i = 0; i < s->rounds; i++) {
		bare_s += bare(port, s);
		runner_s += with_processor(p, spec, &woken, s);
	}
	processor_stop(p);
	rule_spec_unref(spec);
	printf("{\"bench\":\"%s\",\"inflight\":%u,\"bare_per_s\":%.0f,"
	       "\"runner_per_s\":%.0f,\"ratio\":%.3f}\n",
	    name, s->inflight, n / bare_s, n / runner_s, bare_s / runner_s);
	(void)fflush(stdout);
}

static void
bench_http(const struct settings *s)
{
	char url[64];
	const char *const words[] = { "http", "POST", url };
	struct service_nginx nginx = { 0 };
	int port = peer_free_port();

	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/", port);
	service_nginx(&nginx, port);
	measure("http", s, port, bare_http, words, 3);
	service_nginx_end(&nginx);
}

static void
bench_redis(const struct settings *s)
{
	char url[64];
	const char *const words[] = { "redis", url, "SET", "bench" };
	struct service redis = { 0 };
	int port = peer_free_port();

	(void)snprintf(url, sizeof(url), "redis://127.0.0.1:%d", port);
	service_redis(&redis, port);
	measure("redis", s, port, bare_redis, words, 4);
	service_kill(&redis);
}

static unsigned
number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (end == text || *end != '\0' || n > 10000000)
		die("not a number");
	return (unsigned)n;
}

int
main(int argc, char **argv)
{
	struct settings s = { .n = 20000, .inflight = 64, .rounds = 3 };
	const char *only;
	int opt;

	while ((opt = getopt(argc, argv, "n:i:r:")) != -1) {
		if (opt == 'n')
			s.n = number(optarg);
		else if (opt == 'i')
			s.inflight = number(optarg);
		else if (opt == 'r')
			s.rounds = number(optarg);
		else
			return 2;
	}
	if (s.n == 0 || s.inflight == 0 || s.rounds == 0 ||
	    s.inflight > INFLIGHT_MAX)
		die("nothing to do, or too much");
	(void)signal(SIGPIPE, SIG_IGN);
	only = argv[optind] == NULL ? "" : argv[optind];
	if (*only == '\0' || strcmp(only, "http") == 0)
		bench_http(&s);
	if (*only == '\0' || strcmp(only, "redis") == 0)
		bench_redis(&s);
	return 0;
}
