/*
 * Systems that runs talk to, and what goes wrong with runs: each ends with an
 * outcome, nothing of it stays behind, nobody else waits for it.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon.h"
#include "peer.h"
#include "proc.h"
#include "service.h"
#include "wire.h"

/* PORT in the command is replaced. */
static void
put_rule(struct wire *w, const char *rule, const char *command, int port,
    const char *options)
{
	const char *at = strstr(command, "PORT");

	if (at == NULL)
		wire_sendf(w, "1 RULE SET %s %s. %s\n", rule, rule, command);
	else
		wire_sendf(w, "1 RULE SET %s %s. %.*s%d%s\n", rule, rule,
		    (int)(at - command), command, port, at + strlen("PORT"));
	wire_expect(w, "1 OK");
	wire_sendf(w, "1 RULE OPTIONS %s breaker=off %s\n", rule,
	    options == NULL ? "" : options);
	wire_expect(w, "1 OK");
}

static void
await_inflight(struct wire *w, uint64_t n)
{
	while (wire_row_u64(w, "1 STAT", "executions_inflight") != n)
		;
}

/* Words 4 and 5 of the newest row of HISTORY: "success 0". */
static void
expect_outcome(struct wire *w, const char *job, const char *expected)
{
	char request[64], *rows, *p;

	(void)snprintf(request, sizeof(request), "1 HISTORY %s LIMIT 1", job);
	p = rows = wire_reply(w, request);
	for (int i = 0; i < 4 && p != NULL; i++)
		p = strchr(p, ' ') == NULL ? NULL : strchr(p, ' ') + 1;
	if (p == NULL || strncmp(p, expected, strlen(expected)) != 0)
		fail_msg("%s: \"%s\", not %s", job, rows, expected);
	free(rows);
}

static void
start(struct wire *w, const char *job)
{
	wire_sendf(w, "1 SET %s now\n", job);
	wire_expect(w, "1 OK");
}

static void
await_end(struct wire *w, const char *job, const char *outcome)
{
	bool ended = false;
	char request[64], *reply;

	(void)snprintf(request, sizeof(request), "1 GET %s", job);
	while (!ended) {
		reply = wire_reply(w, request);
		ended = strstr(reply, " executed ") != NULL ||
		    strstr(reply, " failed ") != NULL;
		free(reply);
	}
	expect_outcome(w, job, outcome);
}

static void
run_to_end(struct wire *w, const char *job, const char *outcome)
{
	start(w, job);
	await_end(w, job, outcome);
}

static void
test_http(void **state)
{
	struct service_nginx nginx = { 0 };
	int port = peer_free_port();
	struct daemon *d = *state;
	struct wire w;

	if (!service_exists("nginx")) {
		print_message("SKIPPED, no nginx on this machine\n");
		skip();
	}
	service_nginx(&nginx, port);
	wire_start(&w, d);
	put_rule(&w, "a", "http GET http://127.0.0.1:PORT/", port, NULL);
	put_rule(&w, "b", "http POST http://127.0.0.1:PORT/", port,
	    "success=201");
	run_to_end(&w, "a.1", "success 200");
	wire_ask(&w, "1 OUTPUT a.1", "1 stdout ok");
	wire_expect(&w, "1 OK");
	run_to_end(&w, "b.1", "failure 200");
	service_nginx_end(&nginx);
	run_to_end(&w, "a.1", "failure -");
	wire_stop(&w, d);
}

/* A thousand due in a frame, the server dies among them and comes back. */
static void
test_redis(void **state)
{
	enum { N = 1000 };
	struct daemon *d = *state;
	struct service redis = { 0 };
	int port = peer_free_port(), i;
	struct wire w;

	if (!service_exists("redis-server")) {
		print_message("SKIPPED, no redis-server on this machine\n");
		skip();
	}
	service_redis(&redis, port);
	wire_start(&w, d);
	put_rule(&w, "a", "redis redis://127.0.0.1:PORT RPUSH list", port,
	    "retries=1000000 backoff=20ms backoff_max=50ms");
	run_to_end(&w, "a.first", "success -");
	for (i = 0; i < N; i++)
		wire_sendf(&w, "1 SET a.%d 1\n", i);
	service_kill(&redis);
	for (i = 0; i < N; i++)
		wire_expect(&w, "1 OK");
	put_rule(&w, "q", "direct true", 0, NULL);
	run_to_end(&w, "q.1", "success 0");
	service_redis(&redis, port);
	while (wire_row_u64(&w, "1 STAT", "jobs_executed") != N + 2)
		;
	assert_int_equal(wire_row_u64(&w, "1 STAT", "jobs_failed"), 0);
	service_kill(&redis);
	wire_stop(&w, d);
}

/* It accepts, as far as the kernel does that by itself, and says nothing. */
static int
listen_silently(int *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(fd, 128), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

static void
test_slow_webhooks(void **state)
{
	enum { N = 20 };
	struct daemon *d = *state;
	struct wire w;
	int port, fd = listen_silently(&port), i;

	wire_start(&w, d);
	put_rule(&w, "a", "http GET http://127.0.0.1:PORT/", port,
	    "timeout=1h");
	put_rule(&w, "q", "direct true", 0, NULL);
	for (i = 0; i < N; i++) {
		wire_sendf(&w, "1 SET a.%d now\n", i);
		wire_expect(&w, "1 OK");
	}
	await_inflight(&w, N);
	run_to_end(&w, "q.1", "success 0");
	assert_int_equal(wire_row_u64(&w, "1 STAT", "executions_inflight"), N);
	for (i = 0; i < N; i++) {
		wire_sendf(&w, "1 CANCEL a.%d\n", i);
		wire_expect(&w, "1 OK");
	}
	await_end(&w, "a.0", "cancelled -");
	assert_int_equal(close(fd), 0);
	wire_stop(&w, d);
}

/* Ten gigabytes, for as long as somebody listens. */
static void
flood(struct peer *p)
{
	static char bytes[65536];

	if (!peer_receive_until(p, "\r\n\r\n") ||
	    !peer_send(p,
		"HTTP/1.1 200 OK\r\nContent-Length: 10737418240"
		"\r\n\r\n"))
		return;
	for (int i = 0; i < 163840; i++)
		if (!peer_send_bytes(p, bytes, sizeof(bytes)))
			return;
}

static unsigned
open_files(const struct daemon *d)
{
	char path[64];
	unsigned n = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)d->pid);
	assert_non_null(dir = opendir(path));
	while (readdir(dir) != NULL)
		n++;
	assert_int_equal(closedir(dir), 0);
	return n;
}

static const struct fault {
	const char *rule, *job, *command, *options, *outcome;
} faults[] = {
	{ "missing", "missing.1", "direct /no/such", NULL, "failure 127" },
	{ "folder", "folder.1", "direct /etc", NULL, "failure 126" },
	{ "refused", "refused.1", "http GET http://127.0.0.1:1/", NULL,
	    "failure -" },
	{ "flood", "flood.1", "http GET http://127.0.0.1:PORT/", NULL,
	    "success 200" },
	{ "http", "http.1", "http GET http://127.0.0.1:PORT/", "timeout=200ms",
	    "timeout -" },
	{ "redis", "redis.1", "redis redis://127.0.0.1:PORT SET key",
	    "timeout=200ms", "timeout -" },
	{ "amqp", "amqp.1", "amqp amqp://127.0.0.1:PORT/ exchange key",
	    "timeout=200ms", "timeout -" },
	{ "yes", "yes.1", "shell \"yes; yes >&2\"", "timeout=200ms",
	    "timeout 143" },
	{ "deaf", "deaf.1",
	    "shell \"trap '' TERM; exec >&- 2>&-; (sleep 1000 & sleep 1000) & "
	    "while :; do sleep 1000; done\"",
	    "timeout=100ms kill_after=100ms", "timeout 1" },
};

#define N_FAULTS (sizeof(faults) / sizeof(faults[0]))

static void
meet_all(struct wire *w)
{
	for (size_t i = 0; i < N_FAULTS; i++)
		start(w, faults[i].job);
	run_to_end(w, "q.1", "success 0");
	for (size_t i = 0; i < N_FAULTS; i++)
		await_end(w, faults[i].job, faults[i].outcome);
}

/* Processes of the server; the trials of sandboxes may still be on. */
static void
await_childless(const struct daemon *d)
{
	pid_t pid;

	while (proc_below(d->pid, &pid, 1) > 0)
		;
}

static void
test_faults(void **state)
{
	struct daemon *d = *state;
	static struct peer peer;
	int port, fd = listen_silently(&port);
	unsigned before;
	struct wire w;

	peer_start(&peer, flood);
	wire_start(&w, d);
	for (size_t i = 0; i < N_FAULTS; i++)
		put_rule(&w, faults[i].rule, faults[i].command,
		    strcmp(faults[i].rule, "flood") == 0 ? peer.port : port,
		    faults[i].options);
	put_rule(&w, "q", "direct true", 0, NULL);
	meet_all(&w); /* what is made once is there now */
	await_childless(d);
	before = open_files(d);
	for (int i = 0; i < 3; i++)
		meet_all(&w);
	await_childless(d);
	while (open_files(d) > before)
		; /* a last connection is being closed */
	assert_int_equal(close(fd), 0);
	peer_stop(&peer);
	wire_stop(&w, d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DAEMON_TEST(test_http),
		DAEMON_TEST(test_redis),
		DAEMON_TEST(test_slow_webhooks),
		DAEMON_TEST(test_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
