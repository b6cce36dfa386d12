#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hiredis/hiredis.h>

#include "hung_name.h"
#include "peer.h"
#include "runs.h"
#include "service.h"

#define SECOND INT64_C(1000000000)
#define N_MANY 5000u

static struct peer peer;
static const char *answer;

/* Runs. */

static const char *
line(const char *authority, int port, const char *rest)
{
	static char text[512];

	(void)snprintf(text, sizeof(text), "redis\tredis://%s127.0.0.1:%d%s",
	    authority, port, rest);
	return text;
}

static void
submit_payload(uint64_t id, const char *text, const char *payload, size_t n)
{
	struct run *run = runs_new(id, text);

	run->payload = malloc(n + 1);
	assert_non_null(run->payload);
	memcpy(run->payload, payload, n);
	run->payload[n] = '\0';
	run->payload_len = n;
	assert_true(processor_submit(runs_processor(), run));
}

static void
expect_reason(const struct run *run, const char *part)
{
	if (strstr(run->reason, part) == NULL)
		fail_msg("reason \"%s\" lacks \"%s\"", run->reason, part);
}

static void
expect_failure(const struct run *run, const char *part)
{
	runs_expect(run, RUN_FAILURE, RUN_EXIT_NONE, "");
	expect_reason(run, part);
	assert_null(strstr(run->reason, "secret"));
}

static void
await_start(uint64_t id)
{
	struct run_event event = runs_event();

	assert_int_equal(event.kind, RUN_STARTED);
	assert_int_equal(event.execution_id, id);
}

/* With a redis-server. */

static struct service server;
static int server_port;

static int
server_setup(void **state)
{
	(void)state;
	if (!service_exists("redis-server"))
		return 0;
	server_port = peer_free_port();
	service_redis(&server, server_port);
	return 0;
}

static int
server_teardown(void **state)
{
	(void)state;
	service_kill(&server);
	return 0;
}

#define NEEDS_SERVER()               \
	do {                         \
		if (server.pid == 0) \
			skip();      \
	} while (0)

/* What the server says to a command of a client of our own. */
static const char *
ask(const char *command)
{
	static char text[256];
	redisContext *c = redisConnect("127.0.0.1", server_port);
	redisReply *r;

	assert_non_null(c);
	r = redisCommand(c, command);
	assert_non_null(r);
	if (r->type == REDIS_REPLY_INTEGER)
		(void)snprintf(text, sizeof(text), "%lld", r->integer);
	else if (r->type == REDIS_REPLY_ARRAY && r->elements > 0)
		(void)snprintf(text, sizeof(text), "%s", r->element[0]->str);
	else
		(void)snprintf(text, sizeof(text), "%s",
		    r->str == NULL ? "nil" : r->str);
	freeReplyObject(r);
	redisFree(c);
	return text;
}

static const struct run *
run_server(const char *rest)
{
	return runs_run(line("", server_port, rest));
}

static void
sends_each_command(void **state)
{
	(void)state;
	NEEDS_SERVER();
	runs_expect(run_server("\tSET\tkey one"), RUN_SUCCESS, RUN_EXIT_NONE,
	    "OK\n");
	assert_string_equal(ask("KEYS key*"), "key one");
	runs_expect(run_server("\tRPUSH\tlist"), RUN_SUCCESS, RUN_EXIT_NONE,
	    "1\n");
	submit_payload(1, line("", server_port, "\tLPUSH\tlist"), "first", 5);
	runs_expect(runs_finished(1), RUN_SUCCESS, RUN_EXIT_NONE, "2\n");
	assert_string_equal(ask("LINDEX list 0"), "first");
	assert_string_equal(ask("LINDEX list 1"), "test.job");
}

static void
sends_any_payload(void **state)
{
	(void)state;
	NEEDS_SERVER();
	submit_payload(1, line("", server_port, "\tSET\tbytes"), "a\0\r\n\xff",
	    5);
	runs_expect(runs_finished(1), RUN_SUCCESS, RUN_EXIT_NONE, "OK\n");
	assert_string_equal(ask("STRLEN bytes"), "5");
	submit_payload(1, line("", server_port, "\tSET\tbytes"), "", 0);
	runs_expect(runs_finished(1), RUN_SUCCESS, RUN_EXIT_NONE, "OK\n");
	assert_string_equal(ask("STRLEN bytes"), "0");
}

static void
publishes(void **state)
{
	redisContext *c;
	redisReply *r;
	void *reply;

	(void)state;
	NEEDS_SERVER();
	runs_expect(run_server("\tPUBLISH\tnews"), RUN_SUCCESS, RUN_EXIT_NONE,
	    "0\n");
	c = redisConnect("127.0.0.1", server_port);
	assert_non_null(c);
	freeReplyObject(redisCommand(c, "SUBSCRIBE news"));
	runs_expect(run_server("\tPUBLISH\tnews"), RUN_SUCCESS, RUN_EXIT_NONE,
	    "1\n");
	assert_int_equal(redisGetReply(c, &reply), REDIS_OK);
	r = reply;
	assert_string_equal(r->element[2]->str, "test.job");
	freeReplyObject(reply);
	redisFree(c);
}

static void
tells_errors_of_the_server(void **state)
{
	const struct run *run;

	(void)state;
	NEEDS_SERVER();
	runs_expect(run_server("\tSET\tplain"), RUN_SUCCESS, RUN_EXIT_NONE,
	    "OK\n");
	run = run_server("\tRPUSH\tplain");
	expect_failure(run, "redis: WRONGTYPE ");
	assert_memory_equal(run->output[OUTPUT_STDERR].bytes, "WRONGTYPE ", 10);
	/* The connection is as good as before. */
	runs_expect(run_server("\tSET\tplain"), RUN_SUCCESS, RUN_EXIT_NONE,
	    "OK\n");
}

static void
logs_in_and_selects(void **state)
{
	(void)state;
	NEEDS_SERVER();
	assert_string_equal(ask("ACL SETUSER us:er on >s@secret allkeys "
				"allcommands"),
	    "OK");
	runs_expect(
	    runs_run(line("us%3aer:s%40secret@", server_port, "/3\tSET\tmine")),
	    RUN_SUCCESS, RUN_EXIT_NONE, "OK\n");
	assert_string_equal(ask("EXISTS mine"), "0");
	runs_expect(
	    runs_run(line("us%3aer:s%40secret@", server_port, "\tSET\tmine")),
	    RUN_SUCCESS, RUN_EXIT_NONE, "OK\n");
	assert_string_equal(ask("EXISTS mine"), "1");
	expect_failure(
	    runs_run(line("us%3aer:secret@", server_port, "\tSET\tmine")),
	    "refuses user or password");
	expect_failure(run_server("/77\tSET\tmine"), "refuses the database");
	expect_failure(run_server("/x\tSET\tmine"), "/<database>");
	expect_failure(
	    runs_run(line("%zz:secret@", server_port, "\tSET\tmine")),
	    "percent");
}

static void
shares_a_connection(void **state)
{
	unsigned started = 0, ended = 0;
	long before;

	(void)state;
	NEEDS_SERVER();
	(void)ask("DEL many");
	(void)ask("CONFIG RESETSTAT");
	while (ended < N_MANY) {
		while (started < N_MANY && started - ended < 64)
			runs_submit(++started,
			    line("", server_port, "\tRPUSH\tmany"));
		assert_int_equal(runs_finished(0)->outcome, RUN_SUCCESS);
		ended++;
	}
	assert_int_equal(strtol(ask("LLEN many"), NULL, 10), N_MANY);
	before = strtol(strstr(ask("INFO stats"), "received:") + 9, NULL, 10);
	assert_true(before <= 4); /* ours, and those that asked */
}

static void
comes_back_after_a_restart(void **state)
{
	(void)state;
	NEEDS_SERVER();
	runs_expect(run_server("\tSET\tkey"), RUN_SUCCESS, RUN_EXIT_NONE,
	    "OK\n");
	service_kill(&server);
	/* By the kept connection, or by one that is refused. */
	expect_failure(run_server("\tSET\tkey"), "redis: ");
	expect_failure(run_server("\tSET\tkey"), "refused");
	service_redis(&server, server_port);
	runs_expect(run_server("\tSET\tkey"), RUN_SUCCESS, RUN_EXIT_NONE,
	    "OK\n");
}

/* It stops answering, with a run waiting; then it dies. */
static void
survives_a_death_in_the_middle(void **state)
{
	(void)state;
	NEEDS_SERVER();
	runs_expect(run_server("\tSET\tkey"), RUN_SUCCESS, RUN_EXIT_NONE,
	    "OK\n");
	(void)kill(server.pid, SIGSTOP);
	runs_submit(1, line("", server_port, "\tSET\tkey"));
	await_start(1);
	service_kill(&server);
	runs_expect(runs_finished(1), RUN_FAILURE, RUN_EXIT_NONE, "");
	service_redis(&server, server_port);
	runs_expect(run_server("\tSET\tkey"), RUN_SUCCESS, RUN_EXIT_NONE,
	    "OK\n");
}

/* With a server that does what it should not. */

static void
answer_each(struct peer *p)
{
	do
		peer_forget(p);
	while (peer_receive_until(p, "test.job\r\n") && peer_send(p, answer));
}

static void
answer_once(struct peer *p)
{
	if (peer_receive_until(p, "\r\n") && peer_send(p, answer))
		peer_await_end(p);
}

static void
answer_and_close(struct peer *p)
{
	if (peer_receive_until(p, "test.job\r\n"))
		(void)peer_send(p, answer);
}

static void
answer_twice(struct peer *p)
{
	if (peer_receive_until(p, "test.job\r\n") &&
	    peer_send_bytes(p, "+OK\r\n+OK\r\n", 10))
		peer_await_end(p);
}

static void
flood(struct peer *p)
{
	static char bytes[65536];

	memset(bytes, 'x', sizeof(bytes));
	if (!peer_receive_until(p, "test.job\r\n") || !peer_send(p, answer))
		return;
	while (peer_send_bytes(p, bytes, sizeof(bytes)))
		;
}

static const struct run *
run_peer(const char *authority, const char *rest)
{
	return runs_run(line(authority, peer.port, rest));
}

static const struct run *
meet(peer_cb *serve, const char *text, const char *options)
{
	char rest[128];
	const struct run *run;

	answer = text;
	peer_start(&peer, serve);
	(void)snprintf(rest, sizeof(rest), "\tSET\tkey%s%s",
	    *options == '\0' ? "" : "\t--\t", options);
	run = run_peer("", rest);
	runs_restart(64);
	peer_stop(&peer);
	return run;
}

static void
speaks_resp(void **state)
{
	(void)state;
	runs_expect(meet(answer_each, "+OK\r\n", ""), RUN_SUCCESS,
	    RUN_EXIT_NONE, "OK\n");
	runs_expect(meet(answer_each, "$5\r\na\nb\r\n\r\n", ""), RUN_SUCCESS,
	    RUN_EXIT_NONE, "a\nb\r\n\n");
	runs_expect(meet(answer_each, "$-1\r\n", ""), RUN_SUCCESS,
	    RUN_EXIT_NONE, "(nil)\n");
	assert_string_equal(
	    meet(answer_each, "-ERR no \x1b[31mway\r\n", "")->reason,
	    "redis: ERR no ?[31mway");
}

/* The first connection leads to what is no master, the next to one. */
static void
answer_by_role(struct peer *p)
{
	bool first = p->connections == 1;

	for (peer_forget(p); peer_receive_until(p, "test.job\r\n");
	     peer_forget(p))
		if (!peer_send(p, first ? answer : "+OK\r\n"))
			break;
}

static void
leaves_what_is_no_master(void **state)
{
	static const char *const answers[] = {
		"-READONLY You can't write against a read only replica.\r\n",
		"-MASTERDOWN Link with MASTER is down\r\n",
		"-LOADING Redis is loading the dataset in memory\r\n",
		"-CLUSTERDOWN The cluster is down\r\n",
		"-NOREPLICAS Not enough good replicas to write.\r\n",
		"-MISCONF Redis is configured to save RDB snapshots\r\n",
		"-READONLY\r\n"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		char reason[64];

		(void)snprintf(reason, sizeof(reason), "redis: %.*s",
		    (int)strcspn(answers[i], " \r") - 1, answers[i] + 1);
		answer = answers[i];
		peer_start(&peer, answer_by_role);
		expect_reason(run_peer("", "\tSET\tkey"), reason);
		runs_expect(run_peer("", "\tSET\tkey"), RUN_SUCCESS,
		    RUN_EXIT_NONE, "OK\n");
		runs_expect(run_peer("", "\tSET\tkey"), RUN_SUCCESS,
		    RUN_EXIT_NONE, "OK\n");
		assert_int_equal(peer.connections, 2);
		runs_restart(64);
		peer_stop(&peer);
	}
	/* Other errors are of the command alone. */
	answer = "-READONLYISH no\r\n";
	peer_start(&peer, answer_by_role);
	for (int i = 0; i < 2; i++)
		expect_reason(run_peer("", "\tSET\tkey"),
		    "redis: READONLYISH no");
	assert_int_equal(peer.connections, 1);
	runs_restart(64);
	peer_stop(&peer);
}

static void
refuses_broken_replies(void **state)
{
	(void)state;
	expect_failure(meet(answer_and_close, "", ""), "connection closed");
	expect_failure(meet(answer_and_close, "+O", ""), "connection closed");
	expect_failure(meet(answer_each, "HTTP/1.1 400 Bad\r\n", ""),
	    "no reply of a redis server");
	expect_failure(meet(answer_each, "*2147483647\r\n", ""),
	    "no reply of a redis server");
	expect_failure(meet(flood, "$10000000000\r\n", ""), "");
	expect_failure(meet(flood, "$1000000000\r\n", ""), "too long");
	expect_failure(meet(flood, "+", ""), "too long");
	runs_expect(meet(answer_twice, "", ""), RUN_SUCCESS, RUN_EXIT_NONE,
	    "OK\n");
}

/* Some servers quote the command they do not like. */
static void
keeps_credentials_to_itself(void **state)
{
	(void)state;
	answer = "-ERR unknown command `AUTH`, with args: `secret`\r\n";
	peer_start(&peer, answer_once);
	expect_failure(run_peer("user:secret@", "\tSET\tkey"),
	    "refuses user or password");
	expect_failure(run_peer("secret@", "\tSET\tkey"),
	    "refuses user or password");
	peer_stop(&peer);
	expect_failure(run_peer("secret@", "\tSET\tkey"), "refused");
}

/* Nothing is sent to a database that could not be selected. */
static void
sends_nothing_before_the_setup(void **state)
{
	(void)state;
	answer = "-ERR no\r\n";
	peer_start(&peer, answer_once);
	expect_failure(run_peer("", "/1\tSET\tkey"), "refuses the database");
	peer_stop(&peer);
	assert_null(strstr(peer.received, "key"));
}

static void
times_out(void **state)
{
	(void)state;
	runs_expect(meet(answer_once, "", "timeout=50ms"), RUN_TIMEOUT,
	    RUN_EXIT_NONE, "");
	runs_expect(meet(answer_once, "+O", "timeout=50ms"), RUN_TIMEOUT,
	    RUN_EXIT_NONE, "");
}

static void
limits_silence_without_a_timeout(void **state)
{
	(void)state;
	answer = "";
	peer_start(&peer, answer_once);
	runs_restart_limited(SECOND / 20);
	expect_failure(run_peer("", "\tSET\tkey"), "no answer within 0.05 s");
	expect_failure(run_peer("secret@", "\tSET\tkey"),
	    "no connection within 0.05 s");
	peer_stop(&peer);
}

/* What has let a run down is not used for the next. */
static void
leaves_connections_that_hang(void **state)
{
	(void)state;
	answer = "";
	peer_start(&peer, answer_once);
	runs_submit(1, line("", peer.port, "\tSET\tkey"));
	await_start(1);
	peer_await_connection(&peer);
	runs_submit(2, line("", peer.port, "\tSET\tkey"));
	await_start(2);
	processor_cancel(runs_processor(), 2, false);
	runs_expect(runs_finished(2), RUN_CANCELLED, RUN_EXIT_NONE, "");
	/* The first still waits on it; the next gets one of its own. */
	runs_submit(3, line("", peer.port, "\tSET\tkey"));
	await_start(3);
	processor_cancel(runs_processor(), 1, false);
	runs_expect(runs_finished(1), RUN_CANCELLED, RUN_EXIT_NONE, "");
	peer_await_connection(&peer);
	runs_restart(64);
	peer_stop(&peer);
	assert_int_equal(atomic_load(&peer.connections), 2);
}

static void
finds_hosts_by_name(void **state)
{
	char text[64];

	(void)state;
	answer = "+OK\r\n";
	peer_start(&peer, answer_each);
	(void)snprintf(text, sizeof(text),
	    "redis\tredis://localhost:%d\tSET\tkey", peer.port);
	runs_expect(runs_run(text), RUN_SUCCESS, RUN_EXIT_NONE, "OK\n");
	runs_restart(64);
	peer_stop(&peer);
	expect_failure(runs_run("redis\tredis://no.such.host.invalid\tSET\tk"),
	    "no.such.host.invalid port 6379: ");
}

static void
does_not_wait_for_names(void **state)
{
	static const char hung[] = "redis\tredis://" HUNG_NAME "\tSET\tk";

	(void)state;
	runs_submit(1, hung);
	await_start(1);
	hung_name_await();
	runs_expect(runs_run("direct\ttrue"), RUN_SUCCESS, 0, "");
	processor_cancel(runs_processor(), 1, false);
	runs_expect(runs_finished(1), RUN_CANCELLED, RUN_EXIT_NONE, "");
	runs_submit(2, hung);
	await_start(2);
	hung_name_await();
	runs_restart(64);
	runs_expect(runs_run("direct\ttrue"), RUN_SUCCESS, 0, "");
	hung_name_release(2);
	runs_await_files();
}

static const struct run *
run_tls(const char *host)
{
	char text[128];

	(void)snprintf(text, sizeof(text), "redis\trediss://%s:%d\tSET\tkey",
	    host, peer.port);
	return runs_run(text);
}

static void
verifies_certificates(void **state)
{
	char path[] = "/tmp/test_runner_redis.XXXXXX";

	(void)state;
	assert_true(close(mkstemp(path)) == 0);
	answer = "+OK\r\n";
	peer_start_tls(&peer, answer_each, "127.0.0.1", path);
	expect_failure(run_tls("127.0.0.1"), "self-signed certificate");
	assert_int_equal(setenv("SSL_CERT_FILE", path, 1), 0);
	runs_restart(64);
	expect_failure(run_tls("localhost"), "hostname mismatch");
	runs_expect(run_tls("127.0.0.1"), RUN_SUCCESS, RUN_EXIT_NONE, "OK\n");
	runs_expect(run_tls("127.0.0.1"), RUN_SUCCESS, RUN_EXIT_NONE, "OK\n");
	assert_int_equal(unsetenv("SSL_CERT_FILE"), 0);
	runs_restart(64);
	peer_stop(&peer);
	assert_int_equal(unlink(path), 0);
}

static void
refuses_a_server_without_tls(void **state)
{
	(void)state;
	answer = "-ERR\r\n";
	peer_start(&peer, answer_once);
	runs_restart_limited(SECOND);
	runs_expect(run_tls("127.0.0.1"), RUN_FAILURE, RUN_EXIT_NONE, "");
	peer_stop(&peer);
}

static void
probes(void **state)
{
	char text[128];
	const struct run *run;

	(void)state;
	NEEDS_SERVER();
	(void)snprintf(text, sizeof(text), "redis\tredis://127.0.0.1:%d/1",
	    server_port);
	/* Beside the connection of the runs. */
	runs_expect(run_server("\tSET\tk"), RUN_SUCCESS, RUN_EXIT_NONE, "OK\n");
	run = runs_probe(text);
	runs_expect(run, RUN_SUCCESS, RUN_EXIT_NONE, NULL);
	assert_true(run->answered);
	(void)snprintf(text, sizeof(text),
	    "redis\tredis://:secret@127.0.0.1:%d", server_port);
	expect_failure(runs_probe(text), "refuses user or password");
}

/* A server that says nothing, and one that says no. */
static void
probes_what_is_ill(void **state)
{
	const struct run *run;
	char text[128];

	(void)state;
	answer = "";
	peer_start(&peer, answer_once);
	(void)snprintf(text, sizeof(text),
	    "redis\tredis://127.0.0.1:%d\t--\ttimeout=50ms", peer.port);
	run = runs_probe(text);
	runs_expect(run, RUN_TIMEOUT, RUN_EXIT_NONE, "");
	assert_false(run->answered);
	peer_stop(&peer);
	answer = "-NOAUTH Authentication required.\r\n";
	peer_start(&peer, answer_once);
	(void)snprintf(text, sizeof(text), "redis\tredis://127.0.0.1:%d",
	    peer.port);
	run = runs_probe(text);
	expect_failure(run, "NOAUTH");
	assert_true(run->answered);
	peer_stop(&peer);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, runs_setup, runs_teardown)
	const struct CMUnitTest tests[] = {
		TEST(sends_each_command),
		TEST(sends_any_payload),
		TEST(publishes),
		TEST(tells_errors_of_the_server),
		TEST(logs_in_and_selects),
		TEST(shares_a_connection),
		TEST(comes_back_after_a_restart),
		TEST(survives_a_death_in_the_middle),
		TEST(speaks_resp),
		TEST(leaves_what_is_no_master),
		TEST(refuses_broken_replies),
		TEST(keeps_credentials_to_itself),
		TEST(sends_nothing_before_the_setup),
		TEST(times_out),
		TEST(limits_silence_without_a_timeout),
		TEST(leaves_connections_that_hang),
		TEST(finds_hosts_by_name),
		TEST(does_not_wait_for_names),
		TEST(verifies_certificates),
		TEST(refuses_a_server_without_tls),
		TEST(probes),
		TEST(probes_what_is_ill),
	};

	return cmocka_run_group_tests_name("runner_redis", tests, server_setup,
	    server_teardown);
}
