/* INTEGRATION and HEALTH INTEGRATIONS on a real server, with systems that are
 * well, slow, silent and gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon.h"
#include "peer.h"
#include "wire.h"

/* The other system: an HTTP server in one of these moods. */

enum mood { WELL, SLOW, DOWN, SILENT };

#define SLOW_MS 600 /* with a threshold of 500 */

static _Atomic enum mood mood;
static struct peer peer;

static void
serve(struct peer *p)
{
	const struct timespec slow = { .tv_nsec = SLOW_MS * 1000000L };

	for (;;) {
		peer_forget(p);
		if (!peer_receive_until(p, "\r\n\r\n"))
			return;
		switch (atomic_load(&mood)) {
		case DOWN:
			return; /* without an answer */
		case SILENT:
			peer_await_end(p);
			return;
		case SLOW:
			(void)nanosleep(&slow, NULL);
			break;
		case WELL:
			break;
		}
		if (!peer_send(p,
			"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
			return;
	}
}

static int
setup(void **state)
{
	atomic_store(&mood, WELL);
	peer_start(&peer, serve);
	return daemon_setup(state);
}

static int
teardown(void **state)
{
	int rc = daemon_teardown(state);

	peer_stop(&peer); /* which waits for who is connected */
	return rc;
}

/* Poll as often as can be. */
static void
start(struct wire *w, struct daemon *d)
{
	daemon_set(d, "health.polling_interval=100ms");
	wire_start(w, d);
}

static const char *
row(struct wire *w, const char *id, const char *key)
{
	char request[300];

	(void)snprintf(request, sizeof(request), "h HEALTH INTEGRATION %s", id);
	return wire_row(w, request, key);
}

static void
expect_row(struct wire *w, const char *id, const char *key, const char *value)
{
	assert_string_equal(row(w, id, key), value);
}

static void
await_row(struct wire *w, const char *id, const char *key, const char *value)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	int left = DEADLINE_MS;

	while (strcmp(row(w, id, key), value) != 0) {
		if (left-- == 0)
			fail_msg("%s of %s is not %s", key, id, value);
		(void)nanosleep(&pause, NULL);
	}
}

static void
await_calls(struct wire *w, const char *id, uint64_t n)
{
	while (strtoull(row(w, id, "calls_total"), NULL, 10) < n)
		;
}

static const char *
endpoint(void)
{
	static char text[64];

	(void)snprintf(text, sizeof(text), "http://127.0.0.1:%d", peer.port);
	return text;
}

static void
set_web(struct wire *w, const char *method)
{
	wire_sendf(w, "i INTEGRATION SET web http %s %s/health\n", method,
	    endpoint());
	wire_expect(w, "i OK");
}

static void
test_well_slow_down_well(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	daemon_set(d, "alerts.integration_latency_ms=500");
	start(&w, d);
	set_web(&w, "GET");
	await_row(&w, "web", "sync_status", "synced");
	await_row(&w, "web", "status", "healthy");
	expect_row(&w, "web", "connection_status", "connected");
	expect_row(&w, "web", "probe_last_result", "ok");
	expect_row(&w, "web", "errors_total", "0");
	atomic_store(&mood, SLOW);
	await_row(&w, "web", "status", "degraded");
	expect_row(&w, "web", "connection_status", "connected");
	atomic_store(&mood, DOWN);
	await_row(&w, "web", "status", "error");
	expect_row(&w, "web", "connection_status", "disconnected");
	expect_row(&w, "web", "probe_last_result",
	    "\"Empty reply from server\"");
	atomic_store(&mood, WELL);
	await_row(&w, "web", "status", "healthy");
	expect_row(&w, "web", "connection_status", "connected");
	wire_ask_start(&w, "h HEALTH INTEGRATIONS", "h web healthy ");
	wire_expect(&w, "h OK");
	wire_ask_start(&w, "h HEALTH HISTORY integration web", "h 1");
	wire_expect(&w, "h OK");
	/* Probes are nobody's runs. */
	wire_ask(&w, "s EXECUTIONS", "s OK");
	wire_stop(&w, d);
}

/* One that hangs keeps neither runs nor other probes waiting. */
static void
test_silent(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	daemon_set(d, "processor.max_inflight=1");
	daemon_set(d, "health.probe_timeout=1h");
	start(&w, d);
	atomic_store(&mood, SILENT);
	set_web(&w, "HEAD");
	wire_ask(&w, "i INTEGRATION SET hung exec sleep 3600", "i OK");
	peer_await_connection(&peer);
	wire_ask(&w, "i INTEGRATION SET quick exec true", "i OK");
	await_calls(&w, "quick", 3);
	wire_ask(&w, "r RULE SET r j. direct true", "r OK");
	for (int i = 0; i < 50; i++) {
		wire_sendf(&w, "s SET j.%d now\n", i);
		wire_expect(&w, "s OK");
	}
	for (int i = 0; i < 50; i++) {
		char request[32];

		(void)snprintf(request, sizeof(request), "g GET j.%d", i);
		wire_until(&w, request, "g OK executed ");
	}
	/* And to each there is one. */
	expect_row(&w, "web", "calls_total", "0");
	expect_row(&w, "hung", "calls_total", "0");
	expect_row(&w, "web", "sync_status", "never");
	assert_int_equal(atomic_load(&peer.connections), 1);
	/* Set anew it does not wait for the old one. */
	wire_ask(&w, "i INTEGRATION SET hung exec true", "i OK");
	await_row(&w, "hung", "sync_status", "synced");
	wire_stop(&w, d);
}

static void
test_time_out(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	daemon_set(d, "health.probe_timeout=50ms");
	start(&w, d);
	atomic_store(&mood, SILENT);
	set_web(&w, "HEAD");
	wire_ask(&w,
	    "i INTEGRATION SET hung exec sh -c \"trap '' TERM; "
	    "sleep 3600\"",
	    "i OK");
	for (int i = 0; i < 2; i++) {
		const char *id = i == 0 ? "web" : "hung";

		await_calls(&w, id, 2);
		expect_row(&w, id, "status", "error");
		expect_row(&w, id, "error_rate", "1");
		expect_row(&w, id, "connection_status", "disconnected");
		expect_row(&w, id, "probe_last_result",
		    "\"did not end within its timeout\"");
	}
	atomic_store(&mood, WELL);
	await_row(&w, "web", "probe_last_result", "ok");
	wire_stop(&w, d);
}

static void
test_tcp_and_exec(void **state)
{
	struct daemon *d = *state;
	const char *line;
	struct wire w;

	start(&w, d);
	wire_sendf(&w, "i INTEGRATION SET up tcp 127.0.0.1:%d\n", d->port);
	wire_expect(&w, "i OK");
	wire_sendf(&w, "i INTEGRATION SET gone tcp 127.0.0.1:%d\n",
	    peer_free_port());
	wire_expect(&w, "i OK");
	wire_ask(&w, "i INTEGRATION SET bad exec sh -c \"exit 3\"", "i OK");
	await_row(&w, "up", "status", "healthy");
	await_row(&w, "up", "sync_status", "synced");
	await_row(&w, "gone", "status", "error");
	assert_non_null(
	    strstr(row(&w, "gone", "probe_last_result"), "Connection refused"));
	await_row(&w, "bad", "probe_last_result", "\"exit status 3\"");
	expect_row(&w, "bad", "connection_status", "connected");
	expect_row(&w, "bad", "sync_status", "failed");
	expect_row(&w, "bad", "probe", "\"exec sh -c \\\"exit 3\\\"\"");
	wire_ask(&w, "w WATCH health up", "w OK");
	do
		line = wire_line(&w);
	while (strstr(line, " integration up healthy ") == NULL);
	assert_memory_equal(line, "w EVENT health ", 15);
	wire_close(&w);
	wire_open(&w, d->port);
	while (strstr(wire_row(&w, "b HEALTH BACKGROUND", "integration_probe"),
		   "idle 0 ") != NULL)
		;
	wire_stop(&w, d);
}

/* How often the probes have run, when one is under way. */
static unsigned long
runs_while_probing(struct wire *w)
{
	static const char running[] = "running ";
	const char *row;

	do
		row = wire_row(w, "b HEALTH BACKGROUND", "integration_probe");
	while (strncmp(row, running, strlen(running)) != 0);
	return strtoul(row + strlen(running), NULL, 10);
}

/* One that hangs for several polls: each of them was a run nevertheless. */
static void
test_slow_probe(void **state)
{
	struct daemon *d = *state;
	unsigned long runs;
	struct wire w;

	daemon_set(d, "health.polling_interval=0.1");
	wire_start(&w, d);
	wire_ask(&w, "1 INTEGRATION SET slow exec sleep 1000", "1 OK");
	runs = runs_while_probing(&w);
	while (runs_while_probing(&w) < runs + 2)
		;
	wire_stop(&w, d);
}

static void
expect_list(struct wire *w, const char *want)
{
	char *list = wire_reply(w, "l INTEGRATION LIST");

	assert_string_equal(list, want);
	free(list);
}

/* The endpoints of rules come and go with them. */
static void
test_endpoints(void **state)
{
	struct daemon *d = *state;
	char text[256];
	struct wire w;

	wire_start(&w, d);
	wire_sendf(&w,
	    "r RULE SET r j. http POST http://u:secret@127.0.0.1"
	    ":%d/hook\n",
	    peer.port);
	wire_expect(&w, "r OK");
	wire_ask(&w, "r RULE SET q k. redis redis://Host SET key", "r OK");
	(void)snprintf(text, sizeof(text),
	    "l %s -\nl redis://host:6379 -\n"
	    "l OK\n",
	    endpoint());
	expect_list(&w, text);
	expect_row(&w, endpoint(), "connection_status", "unknown");
	expect_row(&w, endpoint(), "status", "healthy");
	wire_ask(&w, "s SET j.1 now", "s OK");
	await_calls(&w, endpoint(), 1);
	expect_row(&w, endpoint(), "connection_status", "connected");
	expect_row(&w, endpoint(), "error_rate", "0");
	expect_row(&w, endpoint(), "probe", "-");
	expect_row(&w, endpoint(), "sync_status", "never");
	atomic_store(&mood, DOWN);
	wire_ask(&w, "s SET j.2 now", "s OK");
	await_calls(&w, endpoint(), 2);
	expect_row(&w, endpoint(), "connection_status", "disconnected");
	expect_row(&w, endpoint(), "status", "degraded");
	wire_sendf(&w, "i INTEGRATION REMOVE %s\n", endpoint());
	wire_expect_start(&w, "i ERROR conflict ");
	(void)snprintf(text, sizeof(text), "%s",
	    wire_row(&w, "h HEALTH SYSTEM", "total_integrations"));
	assert_string_equal(text, "2");
	assert_string_equal(
	    wire_row(&w, "h HEALTH SYSTEM", "healthy_integrations"), "1");
	wire_ask(&w, "r REMOVERULE r", "r OK");
	wire_ask(&w, "r RULE SET q k. shell true", "r OK");
	expect_list(&w, "l OK\n");
	wire_sendf(&w, "h HEALTH INTEGRATION %s\n", endpoint());
	wire_expect_start(&w, "h ERROR not_found ");
	wire_stop(&w, d);
	assert_null(strstr(daemon_log(d), "secret"));
}

static void
test_survive(void **state)
{
	static const char list[] = "l a tcp h:1\n"
				   "l http://h:80 tcp h:80\n"
				   "l web http HEAD http://***@h/\n"
				   "l OK\n";
	struct daemon *d = *state;
	struct wire w;

	daemon_set(d, "health.polling_enabled=false");
	wire_start(&w, d);
	wire_ask(&w, "i INTEGRATION SET web http head http://u:secret@h/",
	    "i OK");
	wire_ask(&w, "i INTEGRATION SET a redis redis://h", "i OK");
	wire_ask(&w, "r RULE SET r j. http GET http://h/x", "r OK");
	wire_ask(&w, "c COMPRESS", "c OK");
	wire_ask(&w, "i INTEGRATION SET a tcp h:1", "i OK");
	wire_ask(&w, "i INTEGRATION SET gone exec true", "i OK");
	wire_ask(&w, "i INTEGRATION REMOVE gone", "i OK");
	wire_ask(&w, "i INTEGRATION SET http://h:80 tcp h:80", "i OK");
	expect_list(&w, list);
	wire_close(&w);
	for (int i = 0; i < 2; i++) {
		daemon_kill(d);
		daemon_start(d);
		wire_open(&w, d->port);
		expect_list(&w, list);
		expect_row(&w, "web", "sync_status", "never");
		wire_ask(&w, "c COMPRESS", "c OK");
		while (strcmp(wire_row(&w, "s STAT", "compression"),
			   "success") != 0)
			;
		wire_close(&w);
	}
	daemon_kill(d);
	daemon_start(d);
	wire_open(&w, d->port);
	expect_list(&w, list);
	wire_ask(&w, "r REMOVERULE r", "r OK");
	wire_ask(&w, "i INTEGRATION REMOVE http://h:80", "i OK");
	expect_list(&w, "l a tcp h:1\nl web http HEAD http://***@h/\nl OK\n");
	wire_stop(&w, d);
	assert_null(strstr(daemon_log(d), "secret"));
}

static void
test_refusals(void **state)
{
	static const struct step steps[] = {
		{ "1 INTEGRATION SET",
		    "1 ERROR syntax wrong number of "
		    "arguments: INTEGRATION SET ..." },
		{ "1 INTEGRATION SET a telepathy", "1 ERROR invalid ..." },
		{ "1 INTEGRATION SET a http GET",
		    "1 ERROR syntax too few arguments: http <GET|HEAD> <url>" },
		{ "1 INTEGRATION SET a http POST http://h",
		    "1 ERROR invalid unknown http method \"POST\"" },
		{ "1 INTEGRATION SET a tcp secret@h:1",
		    "1 ERROR invalid an address is host:port" },
		{ "1 INTEGRATION SET a\\b tcp h:1", "1 ERROR invalid ..." },
		{ "1 INTEGRATION REMOVE a",
		    "1 ERROR not_found no such integration \"a\"" },
		{ "1 HEALTH INTEGRATION a",
		    "1 ERROR not_found no such integration \"a\"" },
		{ "1 INTEGRATION LIST", "1 OK" },
		{ "1 HEALTH INTEGRATIONS", "1 OK" },
		{ NULL, NULL },
	};
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	wire_play(&w, steps);
	wire_stop(&w, d);
}

static void
test_who_may(void **state)
{
	static const struct step as_reader[] = {
		{ "1 INTEGRATION LIST",
		    "1 http://h:80 -\n1 in.x tcp h:1\n1 OK" },
		{ "1 HEALTH INTEGRATIONS",
		    "1 http://h:80 healthy 0 0 - stable unknown\n"
		    "1 in.x healthy 0 0 - stable unknown\n1 OK" },
		{ NULL, NULL },
	};
	struct daemon *d = *state;
	FILE *f = fopen(daemon_path(d, "auth"), "w");
	struct wire w;

	assert_non_null(f);
	(void)fputs("[token.root]\nsecret = s-root\nnamespace = *\n"
		    "[token.web]\nsecret = s-web\nnamespace = *\n"
		    "runners = http\n"
		    "[token.in]\nsecret = s-in\nnamespace = in.\n"
		    "role = operator\n",
	    f);
	(void)fclose(f);
	daemon_set(d, "controller.auth_file=auth");
	daemon_set(d, "health.polling_enabled=false");
	wire_start(&w, d);
	wire_ask(&w, "AUTH s-root", "OK");
	wire_ask(&w, "i INTEGRATION SET in.x tcp h:1", "i OK");
	wire_ask(&w, "i INTEGRATION SET x tcp h:1", "i OK");
	wire_ask(&w, "r RULE SET in.r in. http GET http://h/", "r OK");
	wire_ask(&w, "r RULE SET out out. redis redis://h SET k", "r OK");
	wire_close(&w);
	wire_open(&w, d->port);
	wire_ask(&w, "AUTH s-web", "OK");
	wire_ask_start(&w, "i INTEGRATION SET y exec true",
	    "i ERROR denied token web may not use runner direct");
	wire_ask(&w, "i INTEGRATION SET in.y http GET http://h/", "i OK");
	wire_ask(&w, "i INTEGRATION REMOVE in.y", "i OK");
	wire_close(&w);
	wire_open(&w, d->port);
	wire_ask(&w, "AUTH s-in", "OK");
	wire_play(&w, as_reader);
	wire_ask(&w, "1 HEALTH INTEGRATION in.x", "1 integration_id in.x");
	wire_close(&w);
	wire_open(&w, d->port);
	wire_ask(&w, "AUTH s-in", "OK");
	wire_ask_start(&w, "1 HEALTH INTEGRATION x", "1 ERROR denied ");
	wire_ask_start(&w, "1 HEALTH INTEGRATION none", "1 ERROR denied ");
	wire_ask_start(&w, "1 HEALTH INTEGRATION in.none",
	    "1 ERROR not_found ");
	wire_ask_start(&w, "1 HEALTH INTEGRATION redis://h:6379",
	    "1 ERROR denied ");
	wire_ask_start(&w, "1 HEALTH HISTORY integration x", "1 ERROR denied ");
	wire_ask_start(&w, "1 INTEGRATION SET in.z tcp h:1", "1 ERROR denied ");
	wire_ask_start(&w, "1 INTEGRATION REMOVE in.x", "1 ERROR denied ");
	wire_stop(&w, d);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_refusals),
		TEST(test_who_may),
		TEST(test_tcp_and_exec),
		TEST(test_slow_probe),
		TEST(test_endpoints),
		TEST(test_survive),
		TEST(test_well_slow_down_well),
		TEST(test_silent),
		TEST(test_time_out),
	};

	return cmocka_run_group_tests_name("integrations", tests, NULL, NULL);
}
