/* Clients without end: what others have left to work with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "daemon.h"
#include "wire.h"

#define MANY 150

/* Connections that were let in, and are kept. */
struct crowd {
	struct wire in[MANY];
	size_t n;
};

/* Whether one more is let in and answered; the others are told why not. */
static bool
come_in(struct crowd *crowd, const struct daemon *d)
{
	struct wire *w = &crowd->in[crowd->n];
	const char *line;
	bool in;

	wire_open(w, d->port);
	wire_send(w, "1 PING\n");
	line = wire_line_or_end(w);
	in = line != NULL && strcmp(line, "1 OK") == 0;
	if (in) {
		crowd->n++;
		return true;
	}
	/* Closing with our request unread can cost us the message. */
	if (line != NULL)
		assert_string_equal(line, "- ERROR limit too many connections");
	wire_close(w);
	return false;
}

static void
leave(struct crowd *crowd)
{
	while (crowd->n > 0)
		wire_close(&crowd->in[--crowd->n]);
}

static unsigned
count_text(const char *in, const char *text)
{
	unsigned n = 0;

	for (; (in = strstr(in, text)) != NULL; in++)
		n++;
	return n;
}

static void
test_runs_keep_theirs(void **state)
{
	static struct crowd crowd;
	struct daemon *d = *state;
	struct wire *w = &crowd.in[0];

	d->n_descriptors = MANY;
	daemon_start(d);
	assert_non_null(strstr(daemon_log(d), "event=connections_limited"));
	while (come_in(&crowd, d))
		assert_true(crowd.n < MANY);
	assert_true(crowd.n >= MANY / 2);
	for (int i = 0; i < 50; i++)
		assert_false(come_in(&crowd, d));
	/* All of the places are taken, and yet jobs run and are kept. */
	wire_ask(w, "1 RULE SET r j shell \"echo $TICK_JOB; cat\"", "1 OK");
	for (int i = 0; i < 8; i++) {
		wire_sendf(w, "1 SET j%d now\n", i);
		wire_expect(w, "1 OK");
	}
	for (int i = 0; i < 8; i++) {
		char request[32];

		(void)snprintf(request, sizeof(request), "1 GET j%d", i);
		wire_until(w, request, "1 OK executed ");
	}
	wire_ask(w, "1 COMPRESS", "1 OK");
	wire_until(w, "1 HEALTH STORAGE", "1 status healthy");
	while (strcmp(wire_line(w), "1 OK") != 0)
		;
	assert_true(
	    wire_row_u64(w, "1 HEALTH PROTOCOL", "connections_refused") >= 51);
	assert_int_equal(count_text(daemon_log(d), "event=connections_refused"),
	    1);
	leave(&crowd);
	daemon_stop(d);
}

/* Fewer than the server was told at its start. */
static void
test_none_left(void **state)
{
	static struct crowd crowd;
	struct daemon *d = *state;
	struct rlimit limit = { 40, 4096 };
	unsigned n_refused = 0;

	daemon_start(d);
	assert_true(come_in(&crowd, d));
	if (prlimit(d->pid, RLIMIT_NOFILE, &limit, NULL) == -1)
		skip();
	/* A descriptor that was in use for a moment may let one more in. */
	while (n_refused < 50) {
		n_refused += !come_in(&crowd, d);
		assert_true(crowd.n < MANY);
	}
	wire_ask(&crowd.in[0], "1 SET a +1h", "1 OK");
	assert_int_equal(count_text(daemon_log(d), "event=connections_refused"),
	    1);
	assert_true(wire_row_u64(&crowd.in[0], "1 HEALTH PROTOCOL",
			"connections_refused") >= 50);
	wire_close(&crowd.in[--crowd.n]);
	while (!come_in(&crowd, d)) /* as soon as it has seen that */
		;
	leave(&crowd);
	daemon_stop(d);
}

/* So many descriptors from now on; returns how many there were. */
static rlim_t
allow(const struct daemon *d, rlim_t n)
{
	struct rlimit limit, before;

	assert_int_equal(prlimit(d->pid, RLIMIT_NOFILE, NULL, &before), 0);
	limit = (struct rlimit){ n, before.rlim_max };
	assert_int_equal(prlimit(d->pid, RLIMIT_NOFILE, &limit, NULL), 0);
	return before.rlim_cur;
}

/* Out of descriptors, what is due waits, and then runs. */
static void
test_run_waits_for_descriptors(void **state)
{
	struct daemon *d = *state;
	struct wire w;
	rlim_t before;

	wire_start(&w, d);
	wire_ask(&w, "1 RULE SET r j shell \"exit 3\"", "1 OK");
	wire_ask(&w, "1 RULE OPTIONS r on_crash=fail success=3", "1 OK");
	before = allow(d, 1);
	wire_ask(&w, "1 SET j.1 now", "1 OK");
	daemon_wait_log(d, "event=run_waits_for_resources job=j.1");
	while (strcmp(wire_row(&w, "1 INFO j.1", "hold"), "resources") != 0)
		assert_string_equal(wire_row(&w, "1 INFO j.1", "status"),
		    "triggered");
	(void)allow(d, before);
	wire_until(&w, "1 GET j.1", "1 OK executed ");
	wire_ask_start(&w, "1 HISTORY j.1", "1 1 ");
	wire_expect(&w, "1 OK");
	assert_string_equal(wire_row(&w, "1 INFO j.1", "attempts"), "1");
	wire_stop(&w, d);
}

/* What is told to end does not wait. */
static void
test_cancel_of_what_waits(void **state)
{
	struct daemon *d = *state;
	struct wire w;
	rlim_t before;

	wire_start(&w, d);
	wire_ask(&w, "1 RULE SET r j shell \"exit 3\"", "1 OK");
	before = allow(d, 1);
	wire_ask(&w, "1 SET j.1 now", "1 OK");
	daemon_wait_log(d, "event=run_waits_for_resources job=j.1");
	wire_until(&w, "1 CANCEL j.1", "1 OK");
	wire_until(&w, "1 GET j.1", "1 OK failed ");
	assert_string_equal(wire_row(&w, "1 INFO j.1", "last_outcome"),
	    "cancelled");
	(void)allow(d, before);
	wire_stop(&w, d);
}

static void
write_tokens(const struct daemon *d)
{
	FILE *f = fopen(daemon_path(d, "auth"), "w");

	assert_non_null(f);
	assert_true(fputs("[token.root]\nsecret = s-root\nnamespace = *\n"
			  "[token.team]\nsecret = s-team\nnamespace = team.\n",
			f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void
test_admins_have_a_place(void **state)
{
	struct daemon *d = *state;
	struct wire team[2], stranger[20], w;
	size_t i;

	write_tokens(d);
	daemon_set(d, "controller.auth_file=auth");
	daemon_set(d, "controller.max_connections=2");
	daemon_set(d, "controller.auth_timeout=1h");
	daemon_start(d);
	for (i = 0; i < 2; i++) {
		wire_open(&team[i], d->port);
		wire_ask(&team[i], "AUTH s-team", "OK");
	}
	wire_open(&w, d->port);
	wire_ask_start(&w, "1 AUTH s-team", "1 ERROR limit ");
	wire_expect_end(&w);
	wire_close(&w);
	/* Strangers who say nothing do not keep an admin out. */
	for (i = 0; i < 20; i++)
		wire_open(&stranger[i], d->port);
	wire_open(&w, d->port);
	wire_ask(&w, "1 AUTH s-root", "1 OK");
	wire_ask(&w, "1 PING", "1 OK");
	wire_ask(&team[0], "1 PING", "1 OK");
	for (i = 0; i < 20; i++)
		wire_close(&stranger[i]);
	wire_close(&team[0]);
	wire_close(&team[1]);
	wire_stop(&w, d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DAEMON_TEST(test_runs_keep_theirs),
		DAEMON_TEST(test_none_left),
		DAEMON_TEST(test_run_waits_for_descriptors),
		DAEMON_TEST(test_cancel_of_what_waits),
		DAEMON_TEST(test_admins_have_a_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
