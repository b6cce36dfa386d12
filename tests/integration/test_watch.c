/* WATCH and UNWATCH on a real server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "wire.h"

/* The next line is `<start> <time> <fields>`. */
static void
expect_event(struct wire *w, const char *start, const char *fields)
{
	char *line = wire_line(w);
	size_t n = strlen(start);
	char *end;

	if (strncmp(line, start, n) != 0 || line[n] != ' ')
		fail_msg("%s instead of %s", line, start);
	assert_true(strtoull(line + n + 1, &end, 10) > 1700000000000000000u);
	assert_int_equal(*end, ' ');
	assert_string_equal(end + 1, fields);
}

static void
test_jobs(void **state)
{
	struct daemon *d = *state;
	struct wire watcher, w;

	wire_start(&w, d);
	wire_open(&watcher, d->port);
	wire_ask(&watcher, "a WATCH jobs in.", "a OK");
	wire_ask(&w, "1 SET in.a 4000000000000000000", "1 OK");
	wire_ask(&w, "2 SET out.a 4000000000000000000", "2 OK");
	wire_ask(&w, "3 SET in.a 4000000000000000001", "3 OK");
	wire_ask(&w, "4 REMOVE in.a", "4 OK");
	wire_ask(&w, "5 SET in.now 7", "5 OK"); /* there is no rule for it */
	expect_event(&watcher, "a EVENT jobs",
	    "in.a planned 4000000000000000000");
	expect_event(&watcher, "a EVENT jobs",
	    "in.a planned 4000000000000000001");
	expect_event(&watcher, "a EVENT jobs", "in.a removed 0");
	expect_event(&watcher, "a EVENT jobs", "in.now planned 7");
	expect_event(&watcher, "a EVENT jobs", "in.now triggered 7");
	expect_event(&watcher, "a EVENT jobs", "in.now failed 7");
	wire_close(&watcher);
	wire_stop(&w, d);
}

/* The id is that of the only execution. */
static void
expect_execution(struct wire *w, const char *id, const char *fields)
{
	char text[256];

	(void)snprintf(text, sizeof(text), "%s %s", id, fields);
	expect_event(w, "e EVENT executions", text);
}

static void
test_executions(void **state)
{
	struct daemon *d = *state;
	struct wire watcher, w;
	char id[32];

	wire_start(&w, d);
	wire_open(&watcher, d->port);
	wire_ask(&watcher, "e WATCH executions", "e OK");
	wire_shell_rule(&w, d, "r", "j.", "exit 3");
	wire_ask(&w, "o RULE OPTIONS r retries=1 backoff=1ms", "o OK");
	wire_ask(&w, "s SET j.a now", "s OK");
	wire_until(&w, "g GET j.a", "g OK failed");
	wire_ask_start(&w, "h HISTORY j.a LIMIT 1", "h ");
	wire_expect(&w, "h OK");
	/* Its first event says which execution it is. */
	assert_int_equal(sscanf(wire_line(&watcher),
			     "e EVENT executions %*d %31s j.a r queued 1 -",
			     id),
	    1);
	expect_execution(&watcher, id, "j.a r running 1 -");
	expect_execution(&watcher, id, "j.a r failure 1 3");
	expect_execution(&watcher, id, "j.a r queued 2 -");
	expect_execution(&watcher, id, "j.a r running 2 -");
	expect_execution(&watcher, id, "j.a r failure 2 3");
	wire_close(&watcher);
	wire_stop(&w, d);
}

static void
test_requests(void **state)
{
	static const struct step steps[] = {
		{ "1 WATCH", "1 ERROR syntax ..." },
		{ "1 WATCH weather", "1 ERROR invalid ..." },
		{ "1 WATCH jobs \"a b\"", "1 ERROR invalid ..." },
		{ "1 UNWATCH 1", "1 ERROR not_found ..." },
		{ "1 WATCH alerts", "1 OK" },
		{ "1 WATCH jobs", "1 ERROR conflict ..." },
		{ "2 WATCH breakers x", "2 OK" },
		{ "3 UNWATCH 1", "3 OK" },
		{ "3 UNWATCH 1", "3 ERROR not_found ..." },
		{ "1 WATCH jobs", "1 OK" },
		{ NULL, NULL },
	};
	struct daemon *d = *state;
	struct wire w;
	char line[64];

	wire_start(&w, d);
	wire_play(&w, steps);
	for (int i = 2; i < 64; i++) {
		wire_sendf(&w, "n%d WATCH health\n", i);
		(void)snprintf(line, sizeof(line), "n%d OK", i);
		wire_expect(&w, line);
	}
	wire_ask_start(&w, "n64 WATCH health", "n64 ERROR limit ");
	wire_stop(&w, d);
}

/* No event comes after the OK of UNWATCH, and all that were before it do. */
static void
test_unwatch(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	wire_ask(&w, "a WATCH jobs", "a OK");
	wire_send(&w,
	    "1 SET j 4000000000000000000\n2 UNWATCH a\n"
	    "3 SET k 4000000000000000000\n4 PING\n");
	wire_expect(&w, "1 OK");
	expect_event(&w, "a EVENT jobs", "j planned 4000000000000000000");
	wire_expect(&w, "2 OK");
	wire_expect(&w, "3 OK");
	wire_expect(&w, "4 OK");
	wire_stop(&w, d);
}

#define LIST_JOBS 20000

/* Events wait for the end of a list, however long it takes to be sent. */
static void
test_not_within_a_list(void **state)
{
	struct daemon *d = *state;
	struct wire watcher, w;
	int rows = 0, events = 0;
	const char *line;

	wire_start(&w, d);
	for (int i = 0; i < LIST_JOBS; i++)
		wire_sendf(&w, "s SET list.%060d 4000000000000000000\n", i);
	for (int i = 0; i < LIST_JOBS; i++)
		wire_expect(&w, "s OK");
	wire_open(&watcher, d->port);
	wire_send(&watcher, "a WATCH jobs new.\nq QUERY list.\n");
	wire_expect(&watcher, "a OK");
	wire_expect_start(&watcher, "q list.");
	for (int i = 0; i < 10; i++)
		wire_ask(&w, "n SET new.job 4000000000000000000", "n OK");
	for (rows = 1; strcmp(line = wire_line(&watcher), "q OK") != 0; rows++)
		assert_memory_equal(line, "q list.", 7);
	assert_int_equal(rows, LIST_JOBS);
	for (events = 0; events < 10; events++)
		expect_event(&watcher, "a EVENT jobs",
		    "new.job planned 4000000000000000000");
	wire_close(&watcher);
	wire_stop(&w, d);
}

#define SLOW_JOBS 60000

/* Who does not read loses events, and is told how many; the server's memory
 * does not grow with them, nor does anybody wait. */
static void
test_slow_reader(void **state)
{
	struct daemon *d = *state;
	static const char lost[] = "a EVENT dropped ";
	unsigned long sent = 0, dropped = 0;
	struct wire watcher, w;
	const char *line;

	wire_start(&w, d);
	wire_open(&watcher, d->port);
	wire_ask(&watcher, "a WATCH jobs", "a OK");
	for (int i = 0; i < SLOW_JOBS; i += 100) {
		for (int k = 0; k < 100; k++)
			wire_sendf(&w, "s SET %0240d 4000000000000000000\n",
			    i + k);
		for (int k = 0; k < 100; k++)
			wire_expect(&w, "s OK");
	}
	wire_send(&watcher, "u UNWATCH a\n");
	while (strcmp(line = wire_line(&watcher), "u OK") != 0) {
		if (strncmp(line, lost, sizeof(lost) - 1) == 0) {
			dropped += strtoul(line + sizeof(lost) - 1, NULL, 10);
		} else {
			assert_memory_equal(line, "a EVENT jobs ", 13);
			sent++;
		}
	}
	assert_true(dropped > 0);
	assert_int_equal(sent + dropped, SLOW_JOBS);
	wire_close(&watcher);
	wire_stop(&w, d);
}

static void
test_health(void **state)
{
	static const char *const sections[] = { "system", "scheduler",
		"storage", "protocol", "background", "agents", "integrations",
		"sessions", "breakers", "alerts" };
	struct daemon *d = *state;
	struct wire w;

	daemon_set(d, "health.polling_interval=100ms");
	daemon_set(d, "alerts.raise_after=1000"); /* a busy machine is fine */
	wire_start(&w, d);
	wire_ask(&w, "r RULE SET r j. shell true", "r OK");
	wire_ask(&w, "h WATCH health", "h OK");
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		char text[64];

		(void)snprintf(text, sizeof(text), "%s healthy", sections[i]);
		expect_event(&w, "h EVENT health", text);
	}
	expect_event(&w, "h EVENT health", "agent r idle - - 0 stable");
	wire_stop(&w, d);
}

/* Each poll tells of all of them, however many there are. */
static void
test_health_of_many(void **state)
{
	enum { RULES = 700, INTEGRATIONS = 300 };
	struct daemon *d = *state;
	int agents = 0, integrations = 0;
	const char *line;
	struct wire w;

	daemon_set(d, "health.polling_interval=100ms");
	wire_start(&w, d);
	for (int i = 0; i < RULES; i++) {
		wire_sendf(&w, "r RULE SET r%d j. shell true\n", i);
		wire_expect(&w, "r OK");
	}
	for (int i = 0; i < INTEGRATIONS; i++) {
		wire_sendf(&w, "i INTEGRATION SET i%d exec true\n", i);
		wire_expect(&w, "i OK");
	}
	wire_ask(&w, "h WATCH health", "h OK");
	while (strstr(wire_line(&w), " system ") == NULL)
		;
	while (strstr(line = wire_line(&w), " system ") == NULL) {
		agents += strstr(line, " agent r") != NULL;
		integrations += strstr(line, " integration i") != NULL;
	}
	assert_int_equal(agents, RULES);
	assert_int_equal(integrations, INTEGRATIONS);
	wire_stop(&w, d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DAEMON_TEST(test_jobs),
		DAEMON_TEST(test_executions),
		DAEMON_TEST(test_requests),
		DAEMON_TEST(test_unwatch),
		DAEMON_TEST(test_not_within_a_list),
		DAEMON_TEST(test_slow_reader),
		DAEMON_TEST(test_health),
		DAEMON_TEST(test_health_of_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
