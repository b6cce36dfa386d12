/* Replies come in the order of requests, whatever each waits for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "buf.h"
#include "daemon.h"
#include "prng.h"
#include "wire.h"

static void
attach(struct wire *worker, const struct daemon *d)
{
	wire_open(worker, d->port);
	wire_ask(worker, "w AGENT ATTACH r", "w OK 1");
}

/* The execution in a RUN. */
static unsigned long
run_id(const char *line)
{
	if (strncmp(line, "w RUN ", 6) != 0)
		fail_msg("got `%s`, expected a RUN", line);
	return strtoul(line + 6, NULL, 10);
}

/* What a session is told beside its replies. */
static bool
is_run(const char *line)
{
	return strncmp(line, "w RUN ", 6) == 0;
}

/* The next reply's line is of this request. */
static void
expect_id(struct wire *w, char id)
{
	const char *line = wire_line(w);

	while (is_run(line))
		line = wire_line(w);
	if (line[0] != id || line[1] != ' ')
		fail_msg("got `%s`, expected the reply to %c", line, id);
}

static void
test_done_of_a_job_set_anew(void **state)
{
	struct daemon *d = *state;
	struct wire w, worker;
	unsigned long id;

	wire_start(&w, d);
	wire_ask(&w, "1 RULE SET r j agent", "1 OK");
	attach(&worker, d);
	for (int i = 0; i < 20; i++) {
		wire_ask(&w, "1 SET j now", "1 OK");
		id = run_id(wire_line(&worker));
		wire_sendf(&worker,
		    "a SET j +1h\nb DONE %lu 0\nc SET x +1h\nd GET x\n", id);
		for (const char *at = "abcd"; *at != '\0'; at++)
			expect_id(&worker, *at);
	}
	wire_close(&worker);
	wire_stop(&w, d);
}

static void
test_backup(void **state)
{
	struct daemon *d = *state;
	struct buf request = { 0 };
	struct wire w;

	wire_start(&w, d);
	buf_addf(&request,
	    "a SET x +1h\nb BACKUP %s/copy\nc SET y +1h\n"
	    "d BACKUP relative\ne SET z +1h\nf PING\n",
	    d->dir);
	buf_add_byte(&request, '\0');
	assert_false(request.failed);
	wire_send(&w, request.ptr);
	for (const char *at = "abcdef"; *at != '\0'; at++)
		expect_id(&w, *at);
	buf_free(&request);
	wire_stop(&w, d);
}

/* One of many requests on few jobs, so that they wait for each other. */
static void
add_request(struct buf *out, struct prng *r, unsigned n, unsigned long run)
{
	static const char *const forms[][2] = {
		{ "SET j", " now" },
		{ "SET j", " +1h" },
		{ "SET k", " now" },
		{ "REMOVE j", "" },
		{ "RUN j", "" },
		{ "RUN k", "" },
		{ "CANCEL k", " FORCE" },
		{ "GET j", "" },
		{ "RULE PAUSE s", "" },
		{ "RULE RESUME s", "" },
		{ "DONE 999999", " 0" },
		{ "BACKUP relative", "" },
		{ "PING ", "" },
		{ "NONSENSE ", "" },
	};
	uint32_t form = prng_below(r, sizeof(forms) / sizeof(forms[0]));

	if (run != 0)
		buf_addf(out, "%u DONE %lu 0\n", n, run);
	else
		buf_addf(out, "%u %s%u%s\n", n, forms[form][0],
		    prng_below(r, 3), forms[form][1]);
}

/*
 * Take replies until all n are there, in order; GET has one line like the
 * others. Returns a run the session was told of meanwhile, or 0.
 */
static unsigned long
expect_in_order(struct wire *w, unsigned n)
{
	unsigned long run = 0, id;
	const char *line;
	char *end;

	for (unsigned next = 0; next < n;) {
		line = wire_line(w);
		if (is_run(line)) {
			run = run_id(line);
			continue;
		}
		id = strtoul(line, &end, 10);
		if (*end != ' ' || id != next)
			fail_msg("got `%s`, expected the reply to %u", line,
			    next);
		next++;
	}
	return run;
}

static void
test_storm(void **state)
{
	struct prng r = { .state = 20261201 };
	struct daemon *d = *state;
	unsigned long run = 0, done = 0;
	struct wire w, worker;

	wire_start(&w, d);
	wire_ask(&w, "1 RULE SET r j agent", "1 OK");
	wire_ask(&w, "1 RULE SET s k direct /bin/true", "1 OK");
	attach(&worker, d);
	for (int i = 0; i < 300; i++) {
		struct buf requests = { 0 };
		unsigned n = 1 + prng_below(&r, 60);
		unsigned at = prng_below(&r, n);

		for (unsigned k = 0; k < n; k++)
			add_request(&requests, &r, k, k == at ? run : 0);
		done += run != 0;
		buf_add_byte(&requests, '\0');
		assert_false(requests.failed);
		wire_send(&worker, requests.ptr);
		run = expect_in_order(&worker, n);
		buf_free(&requests);
	}
	assert_true(done > 50);
	wire_close(&worker);
	wire_stop(&w, d);
}

/* More than one turn of the loop takes: others are served between. */
static void
test_long_pipeline(void **state)
{
	struct daemon *d = *state;
	struct buf requests = { 0 };
	struct wire w, other;
	char expected[32];

	wire_start(&w, d);
	wire_open(&other, d->port);
	for (unsigned i = 0; i < 20000; i++)
		buf_addf(&requests, "%u PING %u\n%s", i, i,
		    i % 100 == 99 ? "h HEALTH BREAKERS\n" : "");
	assert_false(requests.failed);
	wire_send_bytes(&w, requests.ptr, requests.len);
	for (unsigned i = 0; i < 20000; i++) {
		(void)snprintf(expected, sizeof(expected), "%u OK %u", i, i);
		wire_expect(&w, expected);
		if (i % 100 == 99)
			while (strcmp(wire_line(&w), "h OK") != 0)
				;
		if (i % 1000 == 0)
			wire_ask(&other, "o PING", "o OK");
	}
	buf_free(&requests);
	wire_close(&other);
	wire_stop(&w, d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DAEMON_TEST(test_done_of_a_job_set_anew),
		DAEMON_TEST(test_backup),
		DAEMON_TEST(test_storm),
		DAEMON_TEST(test_long_pipeline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
