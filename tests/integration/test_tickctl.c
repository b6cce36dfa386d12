/* tickctl and libtick against a real server. */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* The same after a while. */
static void
await(const struct daemon *d, const char *arguments, const char *output)
{
	static char got[OUTPUT_MAX];

	do
		assert_int_equal(run(d, arguments, got), 0);
	while (strcmp(got, output) != 0);
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
	    "OK\ntickctl: warning: no rule matches invoice.1\n");
	expect_failure(d, "set invoice.2 now --matched", 1,
	    "tickctl: not_found: no rule matches");
	expect(d, "rule set r invoice direct /bin/true", "OK\n");
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
	/* Why it fails is in the tables. */
	expect(d, "set nobody now",
	    "OK\ntickctl: warning: no rule matches nobody\n");
	await(d, "info nobody | grep last_reason",
	    "last_reason\tno rule matched\n");
	expect(d, "--json history nobody | grep -o '\"reason\":.*'",
	    "\"reason\":\"no rule matched\"}\n");
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

static void
test_check(void **state)
{
	struct daemon *d = *state;
	static char got[OUTPUT_MAX];

	daemon_start(d);
	assert_int_equal(run(d, "check", got), 0);
	assert_non_null(strstr(got, "OK - healthy"));
	expect(d, "check --metric stat.jobs_failed -w 0 -c 5",
	    "OK - stat.jobs_failed is 0 | 'stat.jobs_failed'=0;0;5\n");
	expect_failure(d, "check --metric stat.connections -w @1", 1,
	    "WARNING - stat.connections is 1");
	expect_failure(d, "check --metric stat.connections -w @1 -c 0", 2,
	    "CRITICAL - stat.connections is 1");
	expect_failure(d, "check --metric nonsense.x", 3, "UNKNOWN - ");
	expect_failure(d, "check --nonsense", 3, "UNKNOWN - ");
	expect_failure(d, "check >/dev/full", 3, "");
	daemon_stop(d);
	expect_failure(d, "check", 2, "CRITICAL - connect ");
}

/* What a person looks at, by the names it has here. */
static void
test_observing(void **state)
{
	struct daemon *d = *state;
	static char got[OUTPUT_MAX];

	daemon_set(d, "alerts.memory_warning=0");
	daemon_set(d, "alerts.raise_after=1");
	daemon_set(d, "health.polling_interval=1");
	/* Nothing else, however busy the machine is. */
	daemon_set(d, "alerts.cpu_warning=100");
	daemon_set(d, "alerts.cpu_critical=100");
	daemon_set(d, "alerts.disk_warning=100");
	daemon_set(d, "alerts.disk_critical=100");
	daemon_start(d);
	expect(d, "rule set r a. shell true", "OK\n");
	expect(d, "breakers", "rule:r\tclosed\t0\t0\t0\t0\n");
	expect(d, "breaker open rule:r", "OK\n");
	expect(d, "--json breaker get rule:r | grep -o '\"state\":[^,]*'",
	    "\"state\":\"isolated\"\n");
	expect(d, "breaker reset rule:r", "OK\n");
	expect_failure(d, "history agent no-such-rule", 1, "not_found");
	expect_failure(d, "history system --step minute", 1, "invalid");
	expect(d, "--json history system | grep -c health_score", "1\n");
	expect(d, "--json health protocol | grep -c '\"command\":\\[{'", "1\n");
	expect_failure(d, "ack 4711", 1, "not_found");
	/* It is raised by the first poll. */
	while (run(d, "check", got) != 1)
		assert_int_equal(strncmp(got, "OK - healthy", 12), 0);
	assert_int_equal(strncmp(got, "WARNING - degraded: ", 20), 0);
	assert_non_null(strstr(got, " 'memory_usage'="));
	expect(d, "--json alerts | grep -c '\"acknowledged\":false'", "1\n");
}

/* `tickctl watch`, in a child with its output in a pipe. */
static pid_t
begin_watch(const struct daemon *d, FILE **output)
{
	const char *program = getenv("TICKCTL");
	char address[32];
	int ends[2];
	pid_t pid;

	(void)snprintf(address, sizeof(address), "127.0.0.1:%d", d->port);
	assert_int_equal(pipe(ends), 0);
	assert_int_not_equal(pid = fork(), -1);
	if (pid == 0) {
		(void)dup2(ends[1], STDOUT_FILENO);
		(void)close(ends[0]);
		(void)execl(program != NULL ? program : "build/tickctl",
		    "tickctl", "-a", address, "watch", "jobs", "w.",
		    (char *)NULL);
		_exit(127);
	}
	(void)close(ends[1]);
	assert_non_null(*output = fdopen(ends[0], "r"));
	return pid;
}

static int
exit_status(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Jobs come and go until the watch says something: it may begin after the
 * first ones. The line is of that job. */
static void
expect_event(const struct daemon *d, FILE *output)
{
	struct pollfd p = { .fd = fileno(output), .events = POLLIN };
	char line[256];

	do {
		expect(d, "set w.1 2099-12-01T09:00:00Z",
		    "OK\ntickctl: warning: no rule matches w.1\n");
		expect(d, "set other 2099-12-01T09:00:00Z",
		    "OK\ntickctl: warning: no rule matches other\n");
	} while (poll(&p, 1, 0) == 0);
	assert_non_null(fgets(line, sizeof(line), output));
	assert_int_equal(strncmp(line, "jobs\t", 5), 0);
	assert_non_null(strstr(line, "\tw.1\tplanned\t4099798800000000000\n"));
}

static void
test_watch(void **state)
{
	struct daemon *d = *state;
	FILE *output;
	pid_t pid;

	daemon_start(d);
	expect_failure(d, "watch nonsense", 1, "tickctl: invalid: ");
	pid = begin_watch(d, &output);
	expect_event(d, output);
	assert_int_equal(kill(pid, SIGINT), 0);
	assert_int_equal(exit_status(pid), 0);
	(void)fclose(output);

	pid = begin_watch(d, &output);
	expect_event(d, output);
	daemon_kill(d);
	assert_int_equal(exit_status(pid), 1);
	(void)fclose(output);
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
		TEST(test_check),
		TEST(test_observing),
		TEST(test_watch),
		TEST(test_restart),
	};

	return cmocka_run_group_tests_name("tickctl", tests, NULL, NULL);
}
