/* Many clients, much work, and clients that misbehave: nobody else waits. */
#include <sys/resource.h>
#include <sys/socket.h>

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon.h"
#include "wire.h"

#define T_2100 "4102444800000000000"

static int64_t
mono_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Bytes resident of the server, from /proc. */
static size_t
resident(const struct daemon *d)
{
	char path[64], line[256], *end;
	unsigned long pages;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/statm", (int)d->pid);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	(void)fclose(f);
	(void)strtoul(line, &end, 10); /* the size; then what is resident */
	pages = strtoul(end, NULL, 10);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Set jobs j<first> .. j<first + n - 1>, many at a time. */
static void
set_jobs(struct wire *w, unsigned first, unsigned n)
{
	unsigned i, k;

	for (i = 0; i < n; i += k) {
		for (k = 0; k < 500 && i + k < n; k++)
			wire_sendf(w, "1 SET j%08u " T_2100 "\n",
			    first + i + k);
		for (k = 0; k < 500 && i + k < n; k++)
			wire_expect(w, "1 OK");
	}
}

struct sender {
	struct wire *wire;
	int n;
};

static void *
send_all(void *arg)
{
	struct sender *s = arg;
	char text[64 * 100];
	size_t len;
	int i, k;

	for (i = 0; i < s->n; i += 100) {
		len = 0;
		for (k = 0; k < 100; k++)
			len += (size_t)snprintf(text + len, sizeof(text) - len,
			    "i%d SET j%d " T_2100 "\n", i + k, i + k);
		wire_send_bytes(s->wire, text, len);
	}
	return NULL;
}

static void
test_pipelining(void **state)
{
	struct wire w;
	struct sender s = { .wire = &w, .n = 100000 };
	char expected[32];
	pthread_t thread;
	int i;

	wire_start(&w, *state);
	assert_int_equal(pthread_create(&thread, NULL, send_all, &s), 0);
	for (i = 0; i < s.n; i++) {
		(void)snprintf(expected, sizeof(expected), "i%d OK", i);
		wire_expect(&w, expected);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(wire_row_u64(&w, "1 STAT", "jobs_total"), s.n);
	wire_stop(&w, *state);
}

static void
test_many_connections(void **state)
{
	enum { MOST = 10000 };
	struct daemon *d = *state;
	struct rlimit limit;
	struct wire *w, extra;
	char *line;
	int i, n = MOST;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_cur < MOST + 400)
		n = (int)limit.rlim_cur - 400;
	w = calloc((size_t)n, sizeof(*w));
	assert_non_null(w);
	daemon_start(d);
	for (i = 0; i < n; i++) {
		wire_open(&w[i], d->port);
		free(w[i].buf); /* 10,000 of them would be 2.5 GB */
		w[i].buf = NULL;
	}
	for (i = 0; i < n; i++)
		wire_send(&w[i], "1 PING\n");
	for (i = 0; i < n; i++) {
		char reply[8] = "";

		assert_int_equal(read(w[i].fd, reply, 5), 5);
		assert_string_equal(reply, "1 OK\n");
	}
	if (n == MOST) { /* the default of max_connections */
		wire_open(&extra, d->port);
		line = wire_line_or_end(&extra);
		if (line != NULL) {
			assert_memory_equal(line, "- ERROR limit ", 14);
			wire_expect_end(&extra);
		}
		wire_close(&extra);
	}
	for (i = 0; i < n; i++)
		wire_close(&w[i]);
	free(w);
	/* They are gone once the server has seen them close. */
	for (;;) {
		wire_open(&extra, d->port);
		wire_send(&extra, "1 PING\n");
		line = wire_line_or_end(&extra);
		if (line != NULL && strcmp(line, "1 OK") == 0)
			break;
		wire_close(&extra);
	}
	while (wire_row_u64(&extra, "1 STAT", "connections") != 1)
		;
	wire_stop(&extra, d);
}

static void
test_connection_limit(void **state)
{
	struct daemon *d = *state;
	struct wire a, b, c;
	char *line;

	daemon_set(d, "controller.max_connections=2");
	wire_start(&a, d);
	wire_open(&b, d->port);
	wire_ask(&a, "1 PING", "1 OK");
	wire_ask(&b, "1 PING", "1 OK");
	wire_open(&c, d->port);
	line = wire_line_or_end(&c);
	if (line != NULL) {
		assert_memory_equal(line, "- ERROR limit ", 14);
		wire_expect_end(&c);
	}
	wire_close(&c);
	wire_ask(&a, "1 PING", "1 OK");
	wire_close(&b);
	wire_stop(&a, d);
}

/* Asks for far more than it may leave unread, and reads nothing. */
static void
test_never_reads(void **state)
{
	enum { JOBS = 20000, DEAF = 20 };
	struct daemon *d = *state;
	struct wire deaf[DEAF], w;
	size_t before, after;
	int64_t start, longest = 0, took;
	int i;

	wire_start(&w, d);
	set_jobs(&w, 0, JOBS);
	before = resident(d);
	for (i = 0; i < DEAF; i++) {
		wire_open(&deaf[i], d->port);
		for (int k = 0; k < 50; k++)
			wire_send(&deaf[i], "1 QUERY\n");
	}
	for (i = 0; i < 2000; i++) {
		start = mono_ms();
		wire_ask(&w, "1 PING", "1 OK");
		took = mono_ms() - start;
		if (took > longest)
			longest = took;
	}
	assert_true(longest < 2000);
	after = resident(d);
	/* max_output, 16 MiB, bounds each; streaming keeps far below. */
	assert_true(after - before < (size_t)DEAF * (17u << 20));
	for (i = 0; i < DEAF; i++)
		wire_close(&deaf[i]);
	wire_ask(&w, "1 SET a " T_2100, "1 OK");
	wire_stop(&w, d);
}

/* One that sends for ever and never reads is not read from for ever. */
static void
test_floods_and_never_reads(void **state)
{
	struct daemon *d = *state;
	struct wire flood, w;
	char pings[7 * 1000 + 1];
	size_t sent = 0;
	ssize_t n;
	int i;

	wire_start(&w, d);
	wire_open(&flood, d->port);
	for (i = 0; i < 1000; i++)
		memcpy(pings + 7 * i, "1 PING\n", 7);
	/* A round trip of the other client between the writes lets the
	 * server take what it will. */
	for (i = 0; i < 50; sent += (size_t)n) {
		n = send(flood.fd, pings, 7000, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n == -1) {
			assert_int_equal(errno, EAGAIN);
			n = 0;
			i++;
		}
		wire_ask(&w, "1 PING", "1 OK");
		assert_true(sent < (400u << 20));
	}
	assert_true(resident(d) < (400u << 20));
	wire_close(&flood);
	wire_stop(&w, d);
}

/* Every answer adds up while jobs come, fall due, run and go. */
static void *
busy_client(void *arg)
{
	struct wire *w = arg;
	unsigned i, n;

	for (i = 0; i < 1000; i++) {
		wire_sendf(w, "1 SET run%u now\n1 SET j%u +1h\n", i, i);
		wire_sendf(w, "1 REMOVE j%u\n1 REMOVE run%u\n", i / 2, i / 3);
		for (n = 0; n < 4; n++)
			(void)wire_line(w);
	}
	return NULL;
}

static void
check_sum(struct wire *w)
{
	static const char *const keys[] = { "jobs_total ", "jobs_planned ",
		"jobs_triggered ", "jobs_executed ", "jobs_failed " };
	uint64_t v[5];
	char *reply = wire_reply(w, "1 STAT"), *p;
	size_t i;

	for (i = 0; i < 5; i++) {
		p = strstr(reply, keys[i]);
		assert_non_null(p);
		v[i] = strtoull(p + strlen(keys[i]), NULL, 10);
	}
	free(reply);
	assert_int_equal(v[0], v[1] + v[2] + v[3] + v[4]);
}

static void
test_sums(void **state)
{
	struct daemon *d = *state;
	struct wire w, busy;
	pthread_t thread;
	int i;

	wire_start(&w, d);
	wire_ask(&w, "1 RULE SET r run direct /bin/true", "1 OK");
	wire_open(&busy, d->port);
	assert_int_equal(pthread_create(&thread, NULL, busy_client, &busy), 0);
	for (i = 0; i < 3000; i++)
		check_sum(&w);
	assert_int_equal(pthread_join(thread, NULL), 0);
	wire_close(&busy);
	while (wire_row_u64(&w, "1 STAT", "jobs_triggered") != 0)
		check_sum(&w);
	wire_stop(&w, d);
}

static void
test_big_query(void **state)
{
	enum { JOBS = 100000 };
	struct daemon *d = *state;
	struct wire w, other;
	char expected[64];
	unsigned i;

	daemon_set(d, "database.fsync_on_persist=false");
	wire_start(&w, d);
	set_jobs(&w, 0, JOBS);
	wire_open(&other, d->port);
	wire_send(&w, "1 QUERY j\n2 PING\n");
	for (i = 0; i < JOBS; i++) {
		if (i % 1000 == 0) /* changes underneath do no harm */
			wire_ask(&other, "1 SET a " T_2100, "1 OK");
		(void)snprintf(expected, sizeof(expected),
		    "1 j%08u planned " T_2100, i);
		wire_expect(&w, expected);
	}
	wire_expect(&w, "1 OK");
	wire_expect(&w, "2 OK");
	wire_close(&other);
	wire_stop(&w, d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DAEMON_TEST(test_pipelining),
		DAEMON_TEST(test_many_connections),
		DAEMON_TEST(test_connection_limit),
		DAEMON_TEST(test_never_reads),
		DAEMON_TEST(test_floods_and_never_reads),
		DAEMON_TEST(test_sums),
		DAEMON_TEST(test_big_query),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
