/* Every command's replies, to the byte: PROTOCOL sections 1 to 7. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "command.h"
#include "daemon.h"
#include "wire.h"

#define T_2100 "4102444800000000000" /* 2100-01-01 00:00:00 UTC */

static void
play(void **state, const struct step *steps)
{
	struct wire w;

	wire_start(&w, *state);
	wire_play(&w, steps);
	wire_stop(&w, *state);
}

static void
test_ping(void **state)
{
	static const struct step steps[] = {
		{ "1 PING", "1 OK" },
		{ "1 ping", "1 OK" },
		{ "1\tPing \t pong ", "1 OK pong" },
		{ "1 PING \"two words\"", "1 OK \"two words\"" },
		{ "1 PING \"\"", "1 OK \"\"" },
		{ "1 PING a\"b", "1 OK \"a\\\"b\"" },
		{ "1 PING \"\\\"\\\\\\n\\r\\t\\x01\"",
		    "1 OK \"\\\"\\\\\\n\\r\\t\\x01\"" },
		{ "1 PING \"\\x41\"", "1 OK A" },
		{ "1 PING gr\xc3\xbc\xc3\x9f", "1 OK gr\xc3\xbc\xc3\x9f" },
		{ "1 PING a b", "1 ERROR syntax ..." },
		{ 0 },
	};

	play(state, steps);
}

static void
test_hello_whoami(void **state)
{
	static const struct step steps[] = {
		{ "1 HELLO x", "1 ERROR syntax ..." },
		{ "1 WHOAMI", "1 OK - admin *" },
		{ "1 AUTH secret", "1 ERROR conflict ..." },
		{ 0 },
	};
	char *reply;
	struct wire w;

	wire_start(&w, *state);
	reply = wire_reply(&w, "1 HELLO");
	assert_memory_equal(reply, "1 OK tickd ", 11);
	assert_non_null(strstr(reply, " protocol 1\n"));
	free(reply);
	wire_play(&w, steps);
	wire_send(&w, "AUTH secret\n");
	wire_expect_start(&w, "ERROR conflict ");
	wire_stop(&w, *state);
}

static void
test_help(void **state)
{
	static const struct step steps[] = {
		{ "1 HELP ping", "1 PING reader \"PING [word]\" ..." },
		{ "1 HELP RULE SET", "1 \"RULE SET\" operator \"RULE SET ..." },
		{ "1 HELP NOSUCH", "1 ERROR ..." },
		{ 0 },
	};
	struct wire w;
	size_t rows = 0;
	char *reply, *p;

	wire_start(&w, *state);
	reply = wire_reply(&w, "1 HELP");
	for (p = reply; (p = strchr(p, '\n')) != NULL; p++)
		rows++;
	assert_int_equal(rows, CMD_COUNT + 1);
	assert_memory_equal(reply, "1 AUTH - ", 9);
	free(reply);
	wire_play(&w, steps);
	wire_stop(&w, *state);
}

static void
test_quit(void **state)
{
	struct wire w;

	wire_start(&w, *state);
	wire_send(&w, "1 PING\n2 QUIT\n3 PING\n");
	wire_expect(&w, "1 OK");
	wire_expect(&w, "2 OK");
	wire_expect_end(&w);
	wire_stop(&w, *state);
}

static void
test_set_times(void **state)
{
	static const struct step steps[] = {
		{ "1 SET a " T_2100, "1 OK" },
		{ "1 GET a", "1 OK planned " T_2100 },
		{ "1 SET a 2100-01-01 00:00:01", "1 OK" },
		{ "1 GET a", "1 OK planned 4102444801000000000" },
		{ "1 SET a 2100-01-01 00:00:00.5", "1 OK" },
		{ "1 GET a", "1 OK planned 4102444800500000000" },
		{ "1 SET a 2100-01-01T00:00:00Z", "1 OK" },
		{ "1 GET a", "1 OK planned " T_2100 },
		{ "1 SET a 2100-01-01T02:00:00.25+02:00", "1 OK" },
		{ "1 GET a", "1 OK planned 4102444800250000000" },
		{ "1 SET a 2261-12-31T23:59:59Z", "1 OK" },
		{ "1 SET a 2262-01-01T00:00:00Z", "1 ERROR invalid ..." },
		{ "1 SET a 1969-12-31 23:59:59", "1 ERROR invalid ..." },
		{ "1 SET a 2100-02-29 00:00:00", "1 ERROR invalid ..." },
		{ "1 SET a 2100-01-01 24:00:01", "1 ERROR invalid ..." },
		{ "1 SET a 2100-01-01", "1 ERROR ..." },
		{ "1 SET a -1", "1 ERROR invalid ..." },
		{ "1 SET a 99999999999999999999", "1 ERROR invalid ..." },
		{ "1 SET a tomorrow", "1 ERROR invalid ..." },
		{ "1 SET a +5x", "1 ERROR invalid ..." },
		{ "1 SET a +", "1 ERROR invalid ..." },
		{ "1 SET a +300000d", "1 ERROR invalid ..." },
		{ "1 SET a \"\"", "1 ERROR invalid ..." },
		{ "1 SET a", "1 ERROR syntax ..." },
		{ "1 SET", "1 ERROR syntax ..." },
		{ "1 GET a", "1 OK planned 9214646399000000000" },
		{ "1 GET", "1 ERROR syntax ..." },
		{ "1 GET a b", "1 ERROR syntax ..." },
		{ "1 GET nosuch", "1 ERROR not_found ..." },
		{ 0 },
	};

	play(state, steps);
}

static void
test_set_relative(void **state)
{
	struct timespec now;
	struct wire w;
	int64_t due, ns;

	wire_start(&w, *state);
	wire_ask(&w, "1 SET a +1h30m", "1 OK");
	due = (int64_t)wire_row_u64(&w, "1 INFO a", "execution_ns");
	(void)clock_gettime(CLOCK_REALTIME, &now);
	ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	assert_in_range(due - ns, INT64_C(5340) * 1000000000,
	    INT64_C(5400) * 1000000000);
	wire_stop(&w, *state);
}

static void
test_set_options(void **state)
{
	static const struct step steps[] = {
		{ "1 SET a " T_2100 " XX", "1 ERROR not_found ..." },
		{ "1 GET a", "1 ERROR not_found ..." },
		{ "1 SET a " T_2100 " NX", "1 OK" },
		{ "1 SET a now NX", "1 ERROR exists ..." },
		{ "1 GET a", "1 OK planned " T_2100 },
		{ "1 SET a 2100-01-01 00:00:01 xx payload \"p \\\"q\\\"\"",
		    "1 OK" },
		{ "1 GET a", "1 OK planned 4102444801000000000" },
		{ "1 SET a +1h NX XX", "1 ERROR ..." },
		{ "1 SET a +1h UNTIL +2h", "1 ERROR invalid ..." },
		{ "1 SET a +1h EVERY 0s", "1 ERROR invalid ..." },
		{ "1 SET a +1h EVERY 5m UNTIL +30m", "1 ERROR invalid ..." },
		{ "1 SET a +1h JITTER 5m", "1 ERROR invalid ..." },
		{ "1 SET a +1h TZ UTC", "1 ERROR invalid ..." },
		{ "1 SET a cron CRON \"* * * *\"", "1 ERROR invalid ..." },
		{ "1 SET a cron CRON \"0 0 30 2 *\"", "1 ERROR invalid ..." },
		{ "1 SET a cron CRON @daily TZ No/Where",
		    "1 ERROR invalid ..." },
		{ "1 SET a cron", "1 ERROR invalid ..." },
		{ "1 SET a +1h PAYLOAD", "1 ERROR ..." },
		{ "1 SET a +1h NOSUCH", "1 ERROR invalid ..." },
		{ "1 GET a", "1 OK planned 4102444801000000000" },
		{ 0 },
	};

	play(state, steps);
}

static void
test_payload_limit(void **state)
{
	static char request[40000];
	struct wire w;
	int n;

	wire_start(&w, *state);
	n = snprintf(request, sizeof(request), "1 SET a +1h PAYLOAD ");
	memset(request + n, 'p', 32769);
	wire_ask_start(&w, request, "1 ERROR too_long ");
	wire_ask_start(&w, "1 GET a", "1 ERROR not_found ");
	request[n + 32768] = '\0';
	wire_ask(&w, request, "1 OK");
	assert_string_equal(wire_row(&w, "1 INFO a", "payload"), request + n);
	wire_stop(&w, *state);
}

static void
test_identifiers(void **state)
{
	static const struct step steps[] = {
		{ "1 SET \"\" +1h", "1 ERROR invalid ..." },
		{ "1 SET \"a b\" +1h", "1 ERROR invalid ..." },
		{ "1 SET a\"b +1h", "1 ERROR invalid ..." },
		{ "1 SET a\\b +1h", "1 ERROR invalid ..." },
		{ "1 SET \"a\\x7f\" +1h", "1 ERROR invalid ..." },
		{ "1 SET \"a\\n\" +1h", "1 ERROR invalid ..." },
		{ "1 SET \xc3\xbc\xff " T_2100, "1 OK" },
		{ "1 QUERY \xc3", "1 \xc3\xbc\xff planned " T_2100 "\n1 OK" },
		{ 0 },
	};
	char name[300], request[400], reply[400];
	struct wire w;

	wire_start(&w, *state);
	memset(name, 'n', sizeof(name));
	name[256] = '\0';
	(void)snprintf(request, sizeof(request), "1 SET %s +1h", name);
	wire_ask_start(&w, request, "1 ERROR too_long ");
	name[255] = '\0';
	(void)snprintf(request, sizeof(request), "1 SET %s " T_2100, name);
	wire_ask(&w, request, "1 OK");
	(void)snprintf(reply, sizeof(reply), "1 %s planned " T_2100, name);
	wire_send(&w, "1 QUERY n\n");
	wire_expect(&w, reply);
	wire_expect(&w, "1 OK");
	wire_play(&w, steps);
	wire_stop(&w, *state);
}

/* The reply's first words, one a line, are exactly these. */
static void
expect_keys(struct wire *w, const char *request, const char *const *keys,
    size_t n)
{
	char expected[64], *reply = wire_reply(w, request), *line, *rest;
	size_t i;

	line = strtok_r(reply, "\n", &rest);
	for (i = 0; i < n; i++) {
		(void)snprintf(expected, sizeof(expected), "1 %s ", keys[i]);
		assert_non_null(line);
		assert_memory_equal(line, expected, strlen(expected));
		line = strtok_r(NULL, "\n", &rest);
	}
	assert_string_equal(line, "1 OK");
	free(reply);
}

static void
test_info(void **state)
{
	static const struct step steps[] = {
		{ "1 INFO a", "1 ERROR not_found ..." },
		{ "1 SET a " T_2100 " PAYLOAD \"x y\"", "1 OK" },
		{ "1 INFO a",
		    "1 job a\n1 status planned\n1 execution_ns " T_2100
		    "\n1 rule -\n1 runner -\n1 schedule -\n1 timezone -\n"
		    "1 until_ns 0\n1 payload \"x y\"\n1 attempts 0\n"
		    "1 last_start_ns 0\n1 last_end_ns 0\n1 last_outcome -\n"
		    "1 last_exit -\n..." },
		{ "1 SET a " T_2100, "1 OK" },
		{ 0 },
	};
	static const char *const keys[] = { "job", "status", "execution_ns",
		"rule", "runner", "schedule", "timezone", "until_ns", "payload",
		"attempts", "last_start_ns", "last_end_ns", "last_outcome",
		"last_exit", "last_duration_ms", "hold", "last_reason" };
	struct wire w;

	wire_start(&w, *state);
	wire_play(&w, steps);
	expect_keys(&w, "1 INFO a", keys, sizeof(keys) / sizeof(keys[0]));
	assert_string_equal(wire_row(&w, "1 INFO a", "payload"), "-");
	assert_string_equal(wire_row(&w, "1 INFO a", "hold"), "-");
	wire_stop(&w, *state);
}

static void
test_query(void **state)
{
	static const struct step steps[] = {
		{ "1 QUERY", "1 OK" },
		{ "1 SET b.2 " T_2100, "1 OK" },
		{ "1 SET b.1 " T_2100, "1 OK" },
		{ "1 SET b.10 " T_2100, "1 OK" },
		{ "1 SET a " T_2100, "1 OK" },
		{ "1 SET OK " T_2100, "1 OK" },
		{ "1 SET ERROR " T_2100, "1 OK" },
		{ "1 QUERY",
		    "1 \"ERROR\" planned " T_2100 "\n1 \"OK\" planned " T_2100
		    "\n1 a planned " T_2100 "\n1 b.1 planned " T_2100
		    "\n1 b.10 planned " T_2100 "\n1 b.2 planned " T_2100
		    "\n1 OK" },
		{ "1 QUERY b.1",
		    "1 b.1 planned " T_2100 "\n1 b.10 planned " T_2100
		    "\n1 OK" },
		{ "1 QUERY \"\" LIMIT 1 AFTER a",
		    "1 b.1 planned " T_2100 "\n1 OK" },
		{ "1 QUERY b AFTER b.100 STATUS planned",
		    "1 b.2 planned " T_2100 "\n1 OK" },
		{ "1 QUERY b AFTER a LIMIT 1",
		    "1 b.1 planned " T_2100 "\n1 OK" },
		{ "1 QUERY b AFTER c", "1 OK" },
		{ "1 QUERY \"\" STATUS failed", "1 OK" },
		{ "1 QUERY zzz", "1 OK" },
		{ "1 QUERY STATUS planned", "1 ERROR invalid ..." },
		{ "1 QUERY \"\" STATUS nosuch", "1 ERROR invalid ..." },
		{ "1 QUERY \"\" LIMIT x", "1 ERROR invalid ..." },
		{ "1 QUERY \"\" LIMIT -1", "1 ERROR invalid ..." },
		{ "1 QUERY \"\" NOSUCH x", "1 ERROR invalid ..." },
		{ "1 QUERY \"\" LIMIT", "1 ERROR ..." },
		{ 0 },
	};

	play(state, steps);
}

static void
test_remove(void **state)
{
	static const struct step steps[] = {
		{ "1 REMOVE a", "1 ERROR not_found ..." },
		{ "1 SET a " T_2100, "1 OK" },
		{ "1 SET ab " T_2100, "1 OK" },
		{ "1 REMOVE a", "1 OK" },
		{ "1 REMOVE a", "1 ERROR not_found ..." },
		{ "1 GET a", "1 ERROR not_found ..." },
		{ "1 QUERY", "1 ab planned " T_2100 "\n1 OK" },
		{ "1 REMOVE", "1 ERROR syntax ..." },
		{ "1 RUN a", "1 ERROR not_found ..." },
		{ "1 RUN", "1 ERROR syntax ..." },
		{ 0 },
	};

	play(state, steps);
}

static void
test_rules(void **state)
{
	static const struct step steps[] = {
		{ "1 LISTRULES", "1 OK" },
		{ "1 RULE SET r.shell s. shell \"date >> /tmp/x; echo "
		  "$TICK_JOB\"",
		    "1 OK" },
		{ "1 RULE SET r.direct d. direct /bin/echo a \"b c\" \"\"",
		    "1 OK" },
		{ "1 RULE SET r.http h. http POST https://example.org/hook",
		    "1 OK" },
		{ "1 RULE SET r.redis e. redis redis://localhost:6379 RPUSH "
		  "key",
		    "1 OK" },
		{ "1 RULE SET r.amqp q. amqp amqp://localhost/ exchange key",
		    "1 OK" },
		{ "1 RULE SET r.awf w. awf build --input k=v", "1 OK" },
		{ "1 RULE SET r.agent \"\" agent", "1 OK" },
		{ "1 LISTRULES",
		    "1 r.agent \"\" agent\n"
		    "1 r.amqp q. amqp amqp://localhost/ exchange key\n"
		    "1 r.awf w. awf build --input k=v\n"
		    "1 r.direct d. direct /bin/echo a \"b c\" \"\"\n"
		    "1 r.http h. http POST https://example.org/hook\n"
		    "1 r.redis e. redis redis://localhost:6379 RPUSH key\n"
		    "1 r.shell s. shell \"date >> /tmp/x; echo $TICK_JOB\"\n"
		    "1 OK" },
		{ "1 LISTRULES r.a",
		    "1 r.agent \"\" agent\n"
		    "1 r.amqp q. amqp amqp://localhost/ exchange key\n"
		    "1 r.awf w. awf build --input k=v\n1 OK" },
		{ "1 REMOVERULE r.agent", "1 OK" },
		{ "1 REMOVERULE r.agent", "1 ERROR not_found ..." },
		{ "1 RULE SET r.amqp q2. direct /bin/true", "1 OK" },
		{ "1 LISTRULES r.a",
		    "1 r.amqp q2. direct /bin/true\n"
		    "1 r.awf w. awf build --input k=v\n1 OK" },
		{ 0 },
	};

	play(state, steps);
}

static void
test_bad_rules(void **state)
{
	static const struct step steps[] = {
		{ "1 RULE", "1 ERROR syntax ..." },
		{ "1 RULE NOSUCH x", "1 ERROR unknown_command ..." },
		{ "1 RULE SET r p", "1 ERROR syntax ..." },
		{ "1 RULE SET r p nosuch x", "1 ERROR invalid ..." },
		{ "1 RULE SET r p shell", "1 ERROR ..." },
		{ "1 RULE SET r p direct", "1 ERROR ..." },
		{ "1 RULE SET r p http GET", "1 ERROR ..." },
		{ "1 RULE SET r p http FETCH http://h/",
		    "1 ERROR invalid ..." },
		{ "1 RULE SET r p http GET ftp://h/", "1 ERROR invalid ..." },
		{ "1 RULE SET r p http GET http://", "1 ERROR invalid ..." },
		{ "1 RULE SET r p redis redis://h EVAL k",
		    "1 ERROR invalid ..." },
		{ "1 RULE SET r p redis http://h SET k",
		    "1 ERROR invalid ..." },
		{ "1 RULE SET r p amqp http://h e k", "1 ERROR invalid ..." },
		{ "1 RULE SET \"r r\" p direct /x", "1 ERROR invalid ..." },
		{ "1 RULE SET r \"p p\" direct /x", "1 ERROR invalid ..." },
		{ "1 LISTRULES", "1 OK" },
		{ "1 RULE GET r", "1 ERROR not_found ..." },
		{ "1 RULE PAUSE r", "1 ERROR not_found ..." },
		{ "1 RULE RESUME r", "1 ERROR not_found ..." },
		{ 0 },
	};

	play(state, steps);
}

static void
test_credentials_hidden(void **state)
{
	struct wire w;
	char *reply;

	wire_start(&w, *state);
	wire_ask(&w, "1 RULE SET r p http GET http://me:s3cret@host/x", "1 OK");
	reply = wire_reply(&w, "1 LISTRULES");
	assert_null(strstr(reply, "s3cret"));
	assert_non_null(strstr(reply, "***"));
	free(reply);
	reply = wire_reply(&w, "1 RULE GET r");
	assert_null(strstr(reply, "s3cret"));
	free(reply);
	wire_stop(&w, *state);
}

static void
test_rule_get(void **state)
{
	static const struct step steps[] = {
		{ "1 RULE GET r",
		    "1 rule r\n1 pattern p\n1 runner direct\n"
		    "1 arguments /bin/true\n1 paused 0\n1 timeout ..." },
		{ "1 RULE PAUSE r", "1 OK" },
		{ "1 RULE PAUSE r", "1 OK" },
		{ 0 },
	};
	static const char *const keys[] = {
		"rule",
		"pattern",
		"runner",
		"arguments",
		"paused",
#define OPTION(name, type, def, min, max, admin, help) #name,
#include "options.def"
#undef OPTION
	};
	struct wire w;

	wire_start(&w, *state);
	wire_ask(&w, "1 RULE SET r p direct /bin/true", "1 OK");
	expect_keys(&w, "1 RULE GET r", keys, sizeof(keys) / sizeof(keys[0]));
	wire_play(&w, steps);
	assert_string_equal(wire_row(&w, "1 RULE GET r", "paused"), "1");
	assert_string_equal(wire_row(&w, "1 RULE GET r", "kill_after"), "5s");
	assert_string_equal(wire_row(&w, "1 RULE GET r", "overlap"), "skip");
	wire_ask(&w, "1 RULE RESUME r", "1 OK");
	assert_string_equal(wire_row(&w, "1 RULE GET r", "paused"), "0");
	wire_stop(&w, *state);
}

static void
test_stat(void **state)
{
	static const char *const keys[] = { "uptime_ns", "connections",
		"jobs_total", "jobs_planned", "jobs_triggered", "jobs_executed",
		"jobs_failed", "rules_total", "executions_pending",
		"executions_inflight", "persistence", "compression",
		"auth_enabled", "tls_enabled", "framerate" };
	struct wire w, other;
	char *reply;

	wire_start(&w, *state);
	expect_keys(&w, "1 STAT", keys, 15);
	expect_keys(&w, "1 stat these are ignored", keys, 15);
	assert_true(wire_row_u64(&w, "1 STAT", "uptime_ns") > 0);
	wire_open(&other, ((struct daemon *)*state)->port);
	wire_ask(&other, "1 SET a " T_2100, "1 OK");
	wire_ask(&other, "1 RULE SET r p direct /bin/true", "1 OK");
	reply = wire_reply(&w, "1 STAT");
	assert_string_equal(strchr(reply, '\n'),
	    "\n1 connections 2\n1 jobs_total 1\n1 jobs_planned 1\n"
	    "1 jobs_triggered 0\n1 jobs_executed 0\n1 jobs_failed 0\n"
	    "1 rules_total 1\n1 executions_pending 0\n"
	    "1 executions_inflight 0\n1 persistence logfile\n"
	    "1 compression idle\n1 auth_enabled 0\n1 tls_enabled 0\n"
	    "1 framerate 512\n1 OK\n");
	free(reply);
	wire_close(&other);
	wire_stop(&w, *state);
}

/* The three lines of the README. */
static void
test_first_session(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, *state);
	wire_sendf(&w,
	    "r1 RULE SET rule.hello hello. shell "
	    "\"date >> %s; echo $TICK_JOB\"\n",
	    daemon_path(d, "hello"));
	wire_expect(&w, "r1 OK");
	wire_ask(&w, "r2 SET hello.world +1s", "r2 OK");
	daemon_kill(d);
	wire_close(&w);
	wire_start(&w, *state);
	wire_until(&w, "r3 GET hello.world", "r3 OK executed ");
	assert_int_equal(wire_row_u64(&w, "r4 STAT", "jobs_executed"), 1);
	wire_stop(&w, *state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DAEMON_TEST(test_ping),
		DAEMON_TEST(test_hello_whoami),
		DAEMON_TEST(test_help),
		DAEMON_TEST(test_quit),
		DAEMON_TEST(test_set_times),
		DAEMON_TEST(test_set_relative),
		DAEMON_TEST(test_set_options),
		DAEMON_TEST(test_payload_limit),
		DAEMON_TEST(test_identifiers),
		DAEMON_TEST(test_info),
		DAEMON_TEST(test_query),
		DAEMON_TEST(test_remove),
		DAEMON_TEST(test_rules),
		DAEMON_TEST(test_bad_rules),
		DAEMON_TEST(test_credentials_hidden),
		DAEMON_TEST(test_rule_get),
		DAEMON_TEST(test_stat),
		DAEMON_TEST(test_first_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
