/* The files of the log are removed, replaced, cut or moved under a server, by
 * somebody who means well: it says so, and nothing is lost. */
#include <sys/stat.h>

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
#include "wire.h"

#define T_2100 "4102444800000000000"

static void
begin(struct wire *w, struct daemon *d)
{
	daemon_set(d, "health.polling_interval=1");
	daemon_set(d, "alerts.raise_after=1000");
	daemon_set(d, "alerts.clear_after=1000");
	wire_start(w, d);
	wire_ask(w, "1 RULE SET r run shell true", "1 OK");
	wire_ask(w, "1 SET early " T_2100 " PAYLOAD text", "1 OK");
	wire_ask(w, "1 COMPRESS", "1 OK");
	daemon_wait_log(d, "event=compressed");
	wire_ask(w, "1 SET run.1 now", "1 OK");
	wire_until(w, "1 GET run.1", "1 OK executed ");
}

/* It is seen without a write, and all is durable again. */
static void
expect_rebuilt(struct wire *w, struct daemon *d, const char *why)
{
	char *alerts;

	daemon_wait_log(d, "event=logfile_lost");
	daemon_wait_log(d, why);
	assert_string_equal(wire_row(w, "1 HEALTH STORAGE", "status"),
	    "critical");
	alerts = wire_reply(w, "1 ALERT LIST");
	assert_non_null(strstr(alerts, "critical storage logfile"));
	free(alerts);
	daemon_wait_log(d, "event=logfile_rebuilt");
	wire_ask(w, "1 SET late " T_2100, "1 OK");
	daemon_kill(d);
	wire_close(w);
	wire_start(w, d);
	wire_ask(w, "1 GET early", "1 OK planned " T_2100);
	wire_ask(w, "1 GET late", "1 OK planned " T_2100);
	wire_ask_start(w, "1 GET run.1", "1 OK executed ");
	assert_string_equal(wire_row(w, "1 INFO early", "payload"), "text");
	assert_string_equal(wire_row(w, "1 RULE GET r", "runner"), "shell");
	wire_stop(w, d);
}

static void
test_removed(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	begin(&w, d);
	assert_int_equal(unlink(daemon_path(d, "logfile")), 0);
	assert_int_equal(unlink(daemon_path(d, "logfile.base")), 0);
	assert_int_equal(unlink(daemon_path(d, "logfile.lock")), 0);
	expect_rebuilt(&w, d, "was removed");
}

static void
copy_over(struct daemon *d)
{
	char command[512];

	(void)snprintf(command, sizeof(command), "cp '%s' '%s' && mv '%s' '%s'",
	    daemon_path(d, "logfile"), daemon_path(d, "copy"),
	    daemon_path(d, "copy"), daemon_path(d, "logfile"));
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
}

static void
test_replaced(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	begin(&w, d);
	copy_over(d);
	expect_rebuilt(&w, d, "another file has its name");
	assert_int_equal(access(daemon_path(d, "logfile.displaced"), F_OK), 0);
}

/* As logrotate does with `copytruncate`. */
static void
test_truncated(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	begin(&w, d);
	assert_int_equal(truncate(daemon_path(d, "logfile"), 0), 0);
	expect_rebuilt(&w, d, "logfile was ");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DAEMON_TEST(test_removed),
		DAEMON_TEST(test_replaced),
		DAEMON_TEST(test_truncated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
