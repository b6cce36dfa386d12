/* What encloses and limits runs, as far as this machine has it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon.h"
#include "wire.h"

/* HEALTH SANDBOX when all have been tried; the caller's to free. */
static char *
sandboxes(struct wire *w)
{
	char *rows;

	for (;;) {
		rows = wire_reply(w, "1 HEALTH SANDBOX");
		if (strstr(rows, "being tried") == NULL)
			return rows;
		free(rows);
	}
}

/* The row begins so. */
static bool
has_row(const char *rows, const char *start)
{
	size_t n = strlen(start);

	for (; rows != NULL && *rows != '\0'; rows = strchr(rows, '\n') + 1)
		if (strncmp(rows, start, n) == 0)
			return true;
	return false;
}

static void
test_health(void **state)
{
	static const char *const start[] = { "none 1 \"limits by ", "bwrap ",
		"runsc ", "kata 0 ", "max_agents 100\n", "current_agents 0\n",
		"agents_connecting 0\n", "agents_idle 0\n", "agents_busy 0\n",
		"agents_stopping 0\n" };
	struct daemon *d = *state;
	char *rows, *row;
	struct wire w;

	wire_start(&w, d);
	row = rows = sandboxes(&w);
	print_message("%s", rows);
	for (size_t i = 0; i < sizeof(start) / sizeof(start[0]); i++) {
		assert_memory_equal(row, "1 ", 2);
		assert_memory_equal(row + 2, start[i], strlen(start[i]));
		row = strchr(row, '\n') + 1;
	}
	assert_string_equal(row, "1 OK\n");
	free(rows);
	wire_stop(&w, d);
}

static bool
works(struct wire *w, const char *kind)
{
	char start[32], *rows = sandboxes(w);
	bool yes;

	(void)snprintf(start, sizeof(start), "1 %s 1", kind);
	yes = has_row(rows, start);
	free(rows);
	if (!yes)
		print_message("SKIPPED, no %s on this machine\n", kind);
	return yes;
}

static void
until_running(struct wire *w)
{
	bool running = false;
	char *rows;

	while (!running) {
		rows = wire_reply(w, "1 EXECUTIONS");
		running = strstr(rows, " running ") != NULL;
		free(rows);
	}
}

static void
test_sandbox(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	wire_ask(&w,
	    "1 RULE SET r a shell \"ls -A /tmp; grep -c : /proc/net/dev; "
	    "read x\"",
	    "1 OK");
	if (!works(&w, "bwrap")) {
		wire_ask_start(&w, "1 RULE OPTIONS r sandbox=bwrap",
		    "1 ERROR invalid ");
		wire_stop(&w, d);
		return;
	}
	wire_ask(&w, "1 RULE OPTIONS r sandbox=bwrap network=off success=1",
	    "1 OK");
	wire_ask(&w, "1 SET a now", "1 OK");
	wire_until(&w, "1 GET a", "1 OK executed");
	wire_ask_start(&w, "1 OUTPUT a", "1 stdout 1");
	wire_expect(&w, "1 OK");
	wire_ask(&w, "1 RULE SET r a direct sleep 1000", "1 OK");
	wire_ask(&w, "1 SET a now", "1 OK");
	until_running(&w);
	wire_ask(&w, "1 CANCEL a", "1 OK");
	wire_until(&w, "1 GET a", "1 OK failed");
	wire_ask_start(&w, "1 HISTORY a LIMIT 1", "1 2 ");
	wire_expect(&w, "1 OK");
	wire_stop(&w, d);
}

static int
warnings(struct daemon *d)
{
	const char *log = daemon_log(d);
	int n = 0;

	while ((log = strstr(log, "event=limits_not_kept")) != NULL) {
		log++;
		n++;
	}
	return n;
}

/* What cannot be kept is run all the same, with a word in the log. */
static void
test_limits(void **state)
{
	struct daemon *d = *state;
	bool cgroups;
	char *rows;
	struct wire w;

	wire_start(&w, d);
	rows = sandboxes(&w);
	cgroups = strstr(rows, "\"limits by cgroups") != NULL;
	free(rows);
	wire_ask(&w, "1 RULE SET r a direct true", "1 OK");
	wire_ask(&w, "1 SET a.1 now", "1 OK");
	wire_until(&w, "1 GET a.1", "1 OK executed");
	assert_int_equal(warnings(d), 0);
	wire_ask(&w, "1 RULE OPTIONS r cpu=0.5 memory=64MiB processes=9",
	    "1 OK");
	wire_ask(&w, "1 SET a.2 now", "1 OK");
	wire_until(&w, "1 GET a.2", "1 OK executed");
	wire_ask(&w, "1 SET a.3 now", "1 OK");
	wire_until(&w, "1 GET a.3", "1 OK executed");
	assert_int_equal(warnings(d), cgroups ? 0 : 1);
	wire_stop(&w, d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DAEMON_TEST(test_health),
		DAEMON_TEST(test_sandbox),
		DAEMON_TEST(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
