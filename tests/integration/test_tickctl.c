/* tickctl and libtick against a real server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "daemon.h"
#include "tick.h"

#define OUTPUT_MAX 65536

/* `tickctl arguments`, by the shell: its exit status, and in `output` what it
 * said on both of its streams. */
static int
run(const struct daemon *d, const char *arguments, char output[OUTPUT_MAX])
{
	const char *program = getenv("TICKCTL");
	char line[2048];
	size_t n;
	FILE *p;
	int status;

	(void)snprintf(line, sizeof(line), "%s -a 127.0.0.1:%d %s 2>&1",
	    program != NULL ? program : "build/tickctl", d->port, arguments);
	/* NOLINTNEXTLINE(cert-env33-c): a shell splits our own words */
	assert_non_null(p = popen(line, "r"));
	n = fread(output, 1, OUTPUT_MAX - 1, p);
	output[n] = '\0';
	status = pclose(p);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
expect(const struct daemon *d, const char *arguments, const char *output)
{
	static char got[OUTPUT_MAX];

	assert_int_equal(run(d, arguments, got), 0);
	assert_string_equal(got, output);
}

static void
expect_failure(const struct daemon *d, const char *arguments, int status,
    const char *part)
{
	static char got[OUTPUT_MAX];

	assert_int_equal(run(d, arguments, got), status);
	if (strstr(got, part) == NULL)
		fail_msg("%s: '%s' does not say '%s'", arguments, got, part);
}

static void
test_jobs(void **state)
{
	struct daemon *d = *state;

	daemon_start(d);
	expect(d, "ping", "OK\n");
	expect(d, "-q ping", "");
	expect(d, "set invoice.1 2099-12-01 09:00:00 payload 'two words'",
	    "OK\n");
	expect(d, "set invoice.2 2099-12-01T09:00:00Z --payload HTTP/1.1",
	    "OK\n");
	expect(d, "get invoice.1", "planned\t4099798800000000000\n");
	expect(d, "--table get invoice.1", "planned  2099-12-01T09:00:00Z\n");
	expect(d, "query invoice. --limit 1 --status planned",
	    "invoice.1\tplanned\t4099798800000000000\n");
	expect(d, "--json query --after invoice.1",
	    "{\"job\":\"invoice.2\",\"status\":\"planned\","
	    "\"execution_ns\":4099798800000000000}\n");
	expect(d, "info invoice.1 | grep payload", "payload\ttwo words\n");
	expect(d, "info invoice.2 | grep payload", "payload\tHTTP/1.1\n");
	expect(d, "raw 'QUERY \"\" LIMIT 1'",
	    "invoice.1 planned 4099798800000000000\nOK\n");
	expect_failure(d, "set invoice.1 now --nx", 1, "tickctl: exists: ");
	expect(d, "remove invoice.1", "OK\n");
	expect_failure(d, "get invoice.1", 1, "tickctl: not_found: ");
	expect_failure(d, "set x not-a-time", 1, "tickctl: invalid: ");
}

static void
test_rules(void **state)
{
	struct daemon *d = *state;

	daemon_start(d);
	expect(d, "rule set r1 invoice. shell 'echo \"a b\" >> /dev/null'",
	    "OK\n");
	expect(d, "rules", "r1\tinvoice.\tshell\techo \"a b\" >> /dev/null\n");
	expect(d, "--json rules",
	    "{\"rule\":\"r1\",\"pattern\":\"invoice.\",\"runner\":\"shell\","
	    "\"arguments\":[\"echo \\\"a b\\\" >> /dev/null\"]}\n");
	expect(d, "rule pause r1", "OK\n");
	expect(d, "--json rule get r1 | grep -o '\"paused\":[a-z]*'",
	    "\"paused\":true\n");
	expect(d, "rule remove r1", "OK\n");
	expect(d, "rules", "");
}

static void
test_trouble(void **state)
{
	struct daemon *d = *state;

	daemon_start(d);
	expect_failure(d, "nonsense", 2, "tickctl help");
	expect_failure(d, "get", 2, "usage: tickctl get <job>");
	expect_failure(d, "--token-file /nonexistent ping", 2, "/nonexistent");
	expect_failure(d, "ping > /dev/full", 2, ""); /* both streams */
	daemon_stop(d);
	expect_failure(d, "ping", 2, "refused");
}

/* A handle outlives its server. */
static void
test_restart(void **state)
{
	struct daemon *d = *state;
	struct tick_options o = TICK_OPTIONS_INIT;
	enum tick_status status;
	char address[32];
	struct tick *t;
	int64_t due_ns;

	daemon_start(d);
	(void)snprintf(address, sizeof(address), "127.0.0.1:%d", d->port);
	o.address = address;
	t = tick_connect(&o);
	assert_non_null(t);
	assert_int_equal(tick_set(t, "a", INT64_C(4099798800000000000), NULL),
	    0);
	daemon_kill(d);
	assert_int_equal(tick_get(t, "a", NULL, NULL), -1);
	assert_int_equal(tick_err(t), TICK_ERR_CLOSED);
	assert_int_equal(tick_reconnect(t), -1);
	assert_int_equal(tick_err(t), TICK_ERR_CONNECT);
	tick_close(t);

	daemon_start(d);
	(void)snprintf(address, sizeof(address), "127.0.0.1:%d", d->port);
	t = tick_connect(&o);
	assert_non_null(t);
	assert_int_equal(tick_get(t, "a", &status, &due_ns), 0);
	assert_int_equal(status, TICK_JOB_PLANNED);
	assert_true(due_ns == INT64_C(4099798800000000000));
	tick_close(t);
}

int
main(void)
{
#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, daemon_setup, daemon_teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_jobs),
		TEST(test_rules),
		TEST(test_trouble),
		TEST(test_restart),
	};

	return cmocka_run_group_tests_name("tickctl", tests, NULL, NULL);
}
