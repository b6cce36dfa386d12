/* ALERT, HEALTH ALERTS and what alerts do to HEALTH on a real server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "daemon.h"
#include "wire.h"

/* Polls come often, and only the queue and agents can be amiss, however busy
 * the machine is. */
static void
quick_polls(struct daemon *d)
{
	daemon_set(d, "health.polling_interval=100ms");
	daemon_set(d, "alerts.cpu_warning=100");
	daemon_set(d, "alerts.cpu_critical=100");
	daemon_set(d, "alerts.memory_warning=100");
	daemon_set(d, "alerts.memory_critical=100");
	daemon_set(d, "alerts.disk_warning=100");
	daemon_set(d, "alerts.disk_critical=100");
	daemon_set(d, "alerts.trigger_lateness_ms=4294967295");
	daemon_set(d, "alerts.agent_confidence=0");
}

static unsigned long
polls(struct wire *w)
{
	static const char begin[] = "b health_poll ";
	unsigned long runs = 0;
	const char *line;

	wire_send(w, "b HEALTH BACKGROUND\n");
	while (strcmp(line = wire_line(w), "b OK") != 0) {
		if (strncmp(line, begin, sizeof(begin) - 1) != 0)
			continue;
		line = strchr(line + sizeof(begin), ' '); /* the state */
		assert_non_null(line);
		runs = strtoul(line, NULL, 10);
	}
	return runs;
}

/* Wait for so many whole polls. */
static void
wait_polls(struct wire *w, unsigned n)
{
	unsigned long begin = polls(w);

	while (polls(w) <= begin + n)
		;
}

/* A rule that holds its jobs, and n of them. */
static void
fill_queue(struct wire *w, int n)
{
	wire_ask(w, "r RULE SET q q. shell true", "r OK");
	wire_ask(w, "p RULE PAUSE q", "p OK");
	for (int i = 0; i < n; i++) {
		wire_sendf(w, "s SET q.%04d now\n", i);
		wire_expect(w, "s OK");
	}
}

static void
remove_job(struct wire *w, int i)
{
	wire_sendf(w, "s REMOVE q.%04d\n", i);
	wire_expect(w, "s OK");
}

/* Wait until the list is one row with these words before and after its time;
 * returns the time. */
static uint64_t
wait_row(struct wire *w, const char *before, const char *after)
{
	char *reply, *at;
	uint64_t raised_ns = 0;
	size_t n = strlen(before);

	do {
		reply = wire_reply(w, "l ALERT LIST");
		if (strncmp(reply, before, n) == 0 && reply[n] == ' ') {
			raised_ns = strtoull(reply + n + 1, &at, 10);
			if (strncmp(at + 1, after, strlen(after)) != 0 ||
			    strcmp(at + 1 + strlen(after), "\nl OK\n") != 0)
				raised_ns = 0;
		}
		free(reply);
	} while (raised_ns == 0);
	return raised_ns;
}

static void
wait_none(struct wire *w)
{
	char *reply;
	bool none;

	do {
		reply = wire_reply(w, "l ALERT LIST");
		none = strcmp(reply, "l OK\n") == 0;
		free(reply);
	} while (!none);
}

static void
restart_killed(struct wire *w, struct daemon *d)
{
	daemon_kill(d);
	wire_close(w);
	wire_start(w, d);
}

static void
test_life(void **state)
{
	static const char before[] = "l 1 info system queue";
	struct daemon *d = *state;
	uint64_t raised_ns;
	struct wire w;
	char *reply;

	quick_polls(d);
	daemon_set(d, "alerts.queue_depth_info=10");
	wire_start(&w, d);
	fill_queue(&w, 10);
	wait_polls(&w, 4); /* strictly greater */
	wire_ask(&w, "l ALERT LIST", "l OK");
	wire_ask(&w, "s SET q.0010 now", "s OK");
	(void)wait_row(&w, before,
	    "0 0 \"the number of due jobs that wait is 11, over 10\"");
	wire_ask(&w, "a ALERT ACK 1", "a OK");
	wire_ask(&w, "a ALERT ACK 1", "a OK"); /* again */
	raised_ns = wait_row(&w, before,
	    "0 1 \"the number of due jobs that wait is 11, over 10\"");
	/* It is the same after a kill, and after a compression. */
	restart_killed(&w, d);
	assert_true(wait_row(&w, before,
			"0 1 \"the number of due jobs that wait is 11, "
			"over 10\"") == raised_ns);
	wire_ask(&w, "c COMPRESS", "c OK");
	while (strcmp(wire_row(&w, "q STAT", "compression"), "success") != 0)
		;
	restart_killed(&w, d);
	wait_polls(&w, 4);
	assert_true(wait_row(&w, before,
			"0 1 \"the number of due jobs that wait is 11, "
			"over 10\"") == raised_ns);
	assert_int_equal(wire_row_u64(&w, "h HEALTH ALERTS", "raised_total"),
	    0);
	assert_int_equal(wire_row_u64(&w, "h HEALTH ALERTS", "acknowledged"),
	    1);
	/* It stays until it is a tenth below. */
	remove_job(&w, 0);
	wait_polls(&w, 5);
	assert_true(wait_row(&w, before,
			"0 1 \"the number of due jobs that wait is 11, "
			"over 10\"") == raised_ns);
	remove_job(&w, 1);
	wait_none(&w);
	assert_int_equal(wire_row_u64(&w, "h HEALTH ALERTS", "cleared_total"),
	    1);
	wire_ask_start(&w, "a ALERT ACK 1", "a ERROR conflict ");
	wire_ask_start(&w, "a ALERT ACK 2", "a ERROR not_found ");
	wire_ask_start(&w, "a ALERT ACK x", "a ERROR invalid ");
	reply = wire_reply(&w, "l ALERT LIST ALL");
	assert_memory_equal(reply, before, sizeof(before) - 1);
	assert_non_null(strstr(reply, " 0 1 \"cleared: the number of due"));
	free(reply);
	/* The next one has the next number, whatever happens in between. */
	restart_killed(&w, d);
	wire_ask(&w, "s SET q.0000 now", "s OK");
	wire_ask(&w, "s SET q.0001 now", "s OK");
	wire_ask(&w, "s SET q.0011 now", "s OK");
	assert_true(wait_row(&w, "l 2 info system queue",
			"0 0 \"the number "
			"of due jobs that wait is 12, over 10\"") > raised_ns);
	wire_stop(&w, d);
}

static void
wait_health(struct wire *w, const char *section, const char *status)
{
	while (strcmp(wire_row(w, "h HEALTH", section), status) != 0)
		;
}

/* Three severities of one condition: the highest that is exceeded counts. */
static void
test_severities(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	quick_polls(d);
	daemon_set(d, "alerts.queue_depth_info=2");
	daemon_set(d, "alerts.queue_depth_warning=4");
	daemon_set(d, "alerts.queue_depth_critical=6");
	wire_start(&w, d);
	wire_ask(&w, "h HEALTH", "h system healthy");
	for (int i = 1; i < 10; i++)
		(void)wire_line(&w);
	wire_expect(&w, "h OK healthy");
	fill_queue(&w, 3);
	(void)wait_row(&w, "l 1 info system queue",
	    "0 0 \"the number of due jobs that wait is 3, over 2\"");
	wait_health(&w, "system", "healthy");
	fill_queue(&w, 5);
	(void)wait_row(&w, "l 1 warning system queue",
	    "0 0 \"the number of due jobs that wait is 5, over 4\"");
	wait_health(&w, "system", "degraded");
	wait_health(&w, "alerts", "degraded");
	wait_health(&w, "agents", "healthy");
	fill_queue(&w, 7);
	(void)wait_row(&w, "l 1 critical system queue",
	    "0 0 \"the number of due jobs that wait is 7, over 6\"");
	wait_health(&w, "system", "critical");
	assert_string_equal(wire_row(&w, "h HEALTH ALERTS", "status"),
	    "critical");
	assert_int_equal(wire_row_u64(&w, "h HEALTH ALERTS", "critical"), 1);
	assert_int_equal(wire_row_u64(&w, "h HEALTH ALERTS", "warning"), 0);
	for (int i = 0; i < 4; i++)
		remove_job(&w, i);
	(void)wait_row(&w, "l 1 info system queue",
	    "0 0 \"the number of due jobs that wait is 3, over 2\"");
	wait_health(&w, "system", "healthy");
	wire_stop(&w, d);
}

static void
test_thresholds(void **state)
{
	static const char names[] =
	    "cpu_warning cpu_critical memory_warning memory_critical "
	    "disk_warning disk_critical queue_depth_info queue_depth_warning "
	    "queue_depth_critical agent_error_rate agent_confidence "
	    "agent_failures_per_hour agent_min_executions "
	    "integration_latency_ms integration_error_rate "
	    "trigger_lateness_ms auth_failures_per_minute certificate_days "
	    "raise_after clear_after clear_margin ";
	struct daemon *d = *state;
	struct buf found = { 0 };
	struct wire w;
	const char *line;

	daemon_set(d, "alerts.queue_depth_info=60");
	wire_start(&w, d);
	wire_send(&w, "t ALERT THRESHOLDS\n");
	while (strcmp(line = wire_line(&w), "t OK") != 0) {
		buf_add(&found, line + 2, strcspn(line + 2, " "));
		buf_add_byte(&found, ' ');
	}
	buf_add_byte(&found, '\0');
	assert_string_equal(found.ptr, names);
	buf_free(&found);
	assert_string_equal(
	    wire_row(&w, "t ALERT THRESHOLDS", "queue_depth_info"), "60");
	wire_ask(&w, "s ALERT SET queue_depth_info 70", "s OK");
	wire_ask(&w, "s ALERT SET agent_error_rate 0.25", "s OK");
	wire_ask_start(&w, "s ALERT SET nosuch 1", "s ERROR not_found ");
	wire_ask_start(&w, "s ALERT SET cpu_warning 101", "s ERROR invalid ");
	wire_ask_start(&w, "s ALERT SET cpu_warning x", "s ERROR invalid ");
	wire_ask_start(&w, "s ALERT SET cpu_warning", "s ERROR syntax ");
	/* A command beats a flag, and outlives the server. */
	wire_ask(&w, "r RELOAD", "r OK");
	for (int i = 0; i < 2; i++) {
		assert_string_equal(
		    wire_row(&w, "t ALERT THRESHOLDS", "queue_depth_info"),
		    "70");
		assert_string_equal(
		    wire_row(&w, "t ALERT THRESHOLDS", "agent_error_rate"),
		    "0.25");
		assert_string_equal(
		    wire_row(&w, "t ALERT THRESHOLDS", "cpu_warning"), "80");
		restart_killed(&w, d);
		wire_ask(&w, "c COMPRESS", "c OK");
		while (strcmp(wire_row(&w, "q STAT", "compression"),
			   "success") != 0)
			;
	}
	wire_stop(&w, d);
}

static void
write_file(const struct daemon *d, const char *name, const char *text)
{
	FILE *f = fopen(daemon_path(d, name), "w");

	assert_non_null(f);
	(void)fputs(text, f);
	(void)fclose(f);
}

static void
test_reload(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	daemon_arg(d, "-c");
	daemon_arg(d, "alerts.conf");
	write_file(d, "alerts.conf", "[alerts]\ncpu_warning = 11\n");
	wire_start(&w, d);
	assert_string_equal(wire_row(&w, "t ALERT THRESHOLDS", "cpu_warning"),
	    "11");
	wire_ask(&w, "s ALERT SET cpu_critical 22", "s OK");
	write_file(d, "alerts.conf",
	    "[alerts]\ncpu_warning = 12\ncpu_critical = 13\n");
	wire_ask(&w, "r RELOAD", "r OK");
	assert_string_equal(wire_row(&w, "t ALERT THRESHOLDS", "cpu_warning"),
	    "12");
	assert_string_equal(wire_row(&w, "t ALERT THRESHOLDS", "cpu_critical"),
	    "22");
	wire_stop(&w, d);
}

/* Skip time and alert of an event. */
static void
expect_event(struct wire *w, const char *event, const char *rest)
{
	char *line = wire_line(w);
	char found[32] = "", tail[256] = "";

	assert_int_equal(
	    sscanf(line, "e EVENT alerts %*u %31s %*u %255[^\n]", found, tail),
	    2);
	assert_string_equal(found, event);
	assert_memory_equal(tail, rest, strlen(rest));
}

static void
test_agents_and_namespaces(void **state)
{
	struct daemon *d = *state;
	struct wire w, tenant, watcher;
	char *reply;

	quick_polls(d);
	write_file(d, "auth",
	    "[token.all]\nsecret = s-all\nnamespace = *\n"
	    "[token.a]\nsecret = s-a\nnamespace = a.\n");
	daemon_set(d, "controller.auth_file=auth");
	daemon_set(d, "alerts.queue_depth_info=2");
	wire_start(&w, d);
	wire_ask(&w, "AUTH s-all", "OK");
	wire_open(&tenant, d->port);
	wire_ask(&tenant, "AUTH s-a", "OK");
	wire_open(&watcher, d->port);
	wire_ask(&watcher, "AUTH s-a", "OK");
	wire_ask(&watcher, "e WATCH alerts", "e OK");
	wire_ask(&w, "s ALERT SET agent_failures_per_hour 1000", "s OK");
	wire_ask(&w, "r RULE SET b.bad b. shell false", "r OK");
	wire_ask(&w, "o RULE OPTIONS b.bad breaker=off", "o OK");
	for (int i = 0; i < 5; i++) {
		wire_sendf(&w, "s SET b.%d now\n", i);
		wire_expect(&w, "s OK");
	}
	(void)wait_row(&w, "l 1 warning agent b.bad",
	    "1 0 \"the error rate is 1, over 0.5\"");
	wait_health(&w, "agents", "degraded");
	/* Other tenants do not see it. */
	wire_ask(&tenant, "l ALERT LIST", "l OK");
	wire_ask(&tenant, "a ALERT ACK 1",
	    "a ERROR not_found no such alert \"1\"");
	/* What is the server's they see, and leave to others. */
	fill_queue(&w, 3);
	(void)wait_row(&tenant, "l 2 info system queue",
	    "0 0 \"the number of due jobs that wait is 3, over 2\"");
	wire_ask_start(&tenant, "a ALERT ACK 2", "a ERROR denied ");
	wire_ask(&w, "a ALERT ACK 2", "a OK");
	wire_ask(&w, "r RULE SET a.bad a. shell false", "r OK");
	wire_ask(&w, "o RULE OPTIONS a.bad breaker=off", "o OK");
	for (int i = 0; i < 5; i++) {
		wire_sendf(&w, "s SET a.%d now\n", i);
		wire_expect(&w, "s OK");
	}
	expect_event(&watcher, "raised", "info system queue ");
	expect_event(&watcher, "acknowledged", "info system queue ");
	expect_event(&watcher, "raised", "warning agent a.bad ");
	wire_ask(&tenant, "a ALERT ACK 3", "a OK");
	expect_event(&watcher, "acknowledged", "warning agent a.bad ");
	reply = wire_reply(&tenant, "l ALERT LIST");
	assert_memory_equal(reply, "l 3 warning agent a.bad ", 24);
	assert_non_null(strstr(reply, "\nl 2 info system queue "));
	assert_null(strstr(reply, "b.bad"));
	free(reply);
	/* Without the rule nothing speaks for the alert any more. */
	wire_ask(&w, "r REMOVERULE a.bad", "r OK");
	wire_ask(&w, "r REMOVERULE b.bad", "r OK");
	(void)wait_row(&w, "l 2 info system queue",
	    "0 1 \"the number of due jobs that wait is 3, over 2\"");
	wire_close(&tenant);
	wire_close(&watcher);
	wire_stop(&w, d);
}

/* Wait until some row of the list begins so. */
static void
wait_some_row(struct wire *w, const char *start)
{
	char *reply;
	bool found;

	do {
		reply = wire_reply(w, "l ALERT LIST");
		found = strstr(reply, start) != NULL;
		free(reply);
	} while (!found);
}

/* Each of the others, where anything at all is too much. */
static void
test_other_sources(void **state)
{
	struct daemon *d = *state;
	struct wire w, stranger;

	quick_polls(d);
	daemon_set(d, "alerts.memory_warning=0");
	daemon_set(d, "alerts.disk_critical=0");
	daemon_set(d, "alerts.trigger_lateness_ms=0");
	daemon_set(d, "alerts.auth_failures_per_minute=2");
	daemon_set(d, "controller.auth_file=auth");
	write_file(d, "auth", "[token.all]\nsecret = s-all\nnamespace = *\n");
	wire_start(&w, d);
	wire_ask(&w, "AUTH s-all", "OK");
	wait_some_row(&w, " warning system memory ");
	wait_some_row(&w, " critical system disk ");
	wait_health(&w, "storage", "critical");
	wait_health(&w, "protocol", "healthy");
	for (int i = 0; i < 3; i++) {
		wire_open(&stranger, d->port);
		wire_ask_start(&stranger, "AUTH wrong", "ERROR denied ");
		wire_close(&stranger);
	}
	wait_some_row(&w, " warning security authentication ");
	wait_health(&w, "protocol", "degraded");
	wire_ask(&w, "r RULE SET r j. shell true", "r OK");
	wire_ask(&w, "s SET j.1 +10ms", "s OK");
	wait_some_row(&w, " warning system scheduler ");
	wait_health(&w, "scheduler", "degraded");
	/* Nobody listens there. */
	wire_ask(&w, "i INTEGRATION SET nobody tcp 127.0.0.1:1", "i OK");
	wait_some_row(&w, " critical integration nobody ");
	wait_health(&w, "integrations", "critical");
	assert_int_equal(wire_row_u64(&w, "h HEALTH SYSTEM", "alerts_critical"),
	    2);
	wire_ask(&w, "i INTEGRATION REMOVE nobody", "i OK");
	wait_health(&w, "integrations", "healthy");
	wire_stop(&w, d);
}

/* More rules than are judged in one go: the last one is judged too. */
static void
test_many_rules(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	quick_polls(d);
	wire_start(&w, d);
	for (int i = 0; i < 2500; i++)
		wire_sendf(&w, "r RULE SET r%04d j%04d. shell false\n", i, i);
	for (int i = 0; i < 2500; i++)
		wire_expect(&w, "r OK");
	wire_ask(&w, "o RULE OPTIONS r2499 breaker=off", "o OK");
	for (int i = 0; i < 5; i++) {
		wire_sendf(&w, "s SET j2499.%d now\n", i);
		wire_expect(&w, "s OK");
	}
	wait_some_row(&w, " warning agent r2499 ");
	wire_stop(&w, d);
}

#define FAILING 400u

/* More alerts than are listed in one go: all are there, the newest first. */
static void
test_many_alerts(void **state)
{
	struct daemon *d = *state;
	struct wire w;
	unsigned n;

	quick_polls(d);
	daemon_set(d, "alerts.agent_min_executions=1");
	daemon_set(d, "alerts.agent_failures_per_hour=0");
	daemon_set(d, "alerts.clear_after=1000");
	daemon_set(d, "alerts.queue_depth_info=1000");
	daemon_set(d, "alerts.queue_depth_warning=1000");
	daemon_set(d, "alerts.queue_depth_critical=1000");
	wire_start(&w, d);
	for (unsigned i = 0; i < FAILING; i++) {
		wire_sendf(&w, "r RULE SET r%u j%u. direct /bin/false\n", i, i);
		wire_sendf(&w, "s SET j%u. now\n", i);
		wire_expect(&w, "r OK");
		wire_expect(&w, "s OK");
	}
	/* Of each its error rate and its failures. */
	while (wire_row_u64(&w, "h HEALTH ALERTS", "warning") < 2 * FAILING)
		;
	n = 0;
	wire_send(&w, "l ALERT LIST\n");
	for (uint64_t last = UINT64_MAX;; n++) {
		char *line = wire_line(&w);
		uint64_t id;

		if (strcmp(line, "l OK") == 0)
			break;
		id = strtoull(line + 2, &line, 10);
		assert_true(id < last);
		last = id;
		assert_memory_equal(line, " warning agent r", 16);
	}
	assert_int_equal(n, 2 * FAILING);
	/* A disk that took longer than a poll has now written all of them. */
	wire_ask(&w, "b SET later +1d", "b OK");
	restart_killed(&w, d);
	assert_int_equal(wire_row_u64(&w, "h HEALTH ALERTS", "warning"),
	    2 * FAILING);
	wire_stop(&w, d);
}

static void
test_no_polls_no_alerts(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	daemon_set(d, "health.polling_enabled=false");
	daemon_set(d, "alerts.queue_depth_info=0");
	daemon_set(d, "alerts.raise_after=1");
	wire_start(&w, d);
	fill_queue(&w, 3);
	assert_int_equal(polls(&w), 0);
	wire_ask(&w, "l ALERT LIST", "l OK");
	assert_string_equal(wire_row(&w, "h HEALTH", "system"), "healthy");
	wire_stop(&w, d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DAEMON_TEST(test_life),
		DAEMON_TEST(test_severities),
		DAEMON_TEST(test_thresholds),
		DAEMON_TEST(test_reload),
		DAEMON_TEST(test_agents_and_namespaces),
		DAEMON_TEST(test_other_sources),
		DAEMON_TEST(test_many_rules),
		DAEMON_TEST(test_many_alerts),
		DAEMON_TEST(test_no_polls_no_alerts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
