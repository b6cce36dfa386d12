/* Circuit breakers on a real server, with a real webhook. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon.h"
#include "peer.h"
#include "wire.h"

#define FAILING 3 /* calls of the webhook, then it works */

static struct peer peer;
static sem_t may_answer;

/* Fails at first; then answers each call when the test lets it. */
static void
webhook(struct peer *p)
{
	if (!peer_receive_until(p, "}"))
		return;
	if (atomic_load(&p->connections) <= FAILING) {
		(void)peer_send(p,
		    "HTTP/1.1 500 Ouch\r\n"
		    "Content-Length: 0\r\n"
		    "Connection: close\r\n\r\n");
		return;
	}
	while (sem_wait(&may_answer) == -1)
		;
	(void)peer_send(p,
	    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
	    "Connection: close\r\n\r\n");
}

static void
answer(void)
{
	assert_int_equal(sem_post(&may_answer), 0);
}

/* Events up to the one of breakers that ends so: its time. No run may begin
 * before it but those of the job `running`. */
static uint64_t
until_breaker(struct wire *w, const char *state, const char *running)
{
	for (;;) {
		char *line = wire_line(w);
		char *time = strstr(line, " breakers ");

		if (strstr(line, " running ") != NULL &&
		    (running == NULL || strstr(line, running) == NULL))
			fail_msg("%s", line);
		if (time != NULL && strstr(time, state) != NULL)
			return strtoull(time + strlen(" breakers "), NULL, 10);
	}
}

static void
get(struct wire *w, const char *key, char value[256])
{
	char request[128];

	(void)snprintf(request, sizeof(request),
	    "1 BREAKER GET http://127.0.0.1:%d", peer.port);
	(void)snprintf(value, 256, "%s", wire_row(w, request, key));
}

static void
expect_row(struct wire *w, const char *key, const char *expected)
{
	char value[256];

	get(w, key, value);
	assert_string_equal(value, expected);
}

static void
webhook_rule(struct wire *w, const char *options)
{
	wire_sendf(w,
	    "1 RULE SET hook h. http POST http://me:geheim@127.0.0.1:%d/x\n"
	    "2 RULE OPTIONS hook breaker_consecutive=%d %s\n",
	    peer.port, FAILING, options);
	wire_expect(w, "1 OK");
	wire_expect(w, "2 OK");
}

/* When the last run of h.0 ended. */
static uint64_t
ended_ns(struct wire *w)
{
	char *reply = wire_reply(w, "1 HISTORY h.0"), *at = reply;
	uint64_t ns;

	for (int i = 0; i < 3; i++) /* id, execution, start */
		at = strchr(at, ' ') + 1;
	ns = strtoull(at, NULL, 10);
	free(reply);
	return ns;
}

/* A job that was set may not have been triggered yet. */
static void
await_held(struct wire *w, const char *info)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	for (int left = DEADLINE_MS; left > 0; left--) {
		if (strcmp(wire_row(w, info, "hold"), "breaker") == 0)
			return;
		(void)nanosleep(&pause, NULL);
	}
	fail_msg("%s: not held by the breaker", info);
}

/* It fails, the breaker opens; the next jobs are held and not sent; it heals;
 * half open one goes; then all, and the breaker is closed. */
static void
test_webhook(void **state)
{
	struct daemon *d = *state;
	struct wire watcher, w;
	uint64_t failed_ns;
	char value[256], request[128];

	assert_int_equal(sem_init(&may_answer, 0, 0), 0);
	peer_start(&peer, webhook);
	wire_start(&w, d);
	webhook_rule(&w, "breaker_open=300ms");
	wire_open(&watcher, d->port);
	wire_ask(&watcher, "1 WATCH breakers", "1 OK");
	wire_ask(&watcher, "2 WATCH executions", "2 OK");
	for (int i = 1; i <= FAILING; i++) {
		wire_sendf(&w, "s SET h.0 now\n");
		wire_expect(&w, "s OK");
		wire_until(&w, "g GET h.0", "g OK failed");
	}
	(void)until_breaker(&watcher, " open", " h.0 ");
	failed_ns = ended_ns(&w);

	/* Whenever these come, one at most is tried, and it is the first. */
	wire_send(&w, "4 SET h.4 now\n5 SET h.5 now\n6 SET h.6 now\n");
	wire_expect(&w, "4 OK");
	wire_expect(&w, "5 OK");
	wire_expect(&w, "6 OK");
	for (int i = 0; i <= FAILING; i++)
		peer_await_connection(&peer);
	assert_int_equal(atomic_load(&peer.connections), FAILING + 1);
	assert_string_equal(wire_row(&w, "1 INFO h.4", "hold"), "-");
	await_held(&w, "1 INFO h.5");
	await_held(&w, "1 INFO h.6");
	assert_string_equal(wire_row(&w, "1 INFO h.6", "status"), "triggered");
	expect_row(&w, "state", "half_open");
	(void)snprintf(request, sizeof(request),
	    "1 HEALTH INTEGRATION http://127.0.0.1:%d", peer.port);
	assert_string_equal(wire_row(&w, request, "breaker"), "half_open");
	assert_int_equal(wire_row_u64(&w, "1 HEALTH BREAKERS", "held_jobs"), 2);
	assert_int_equal(wire_row_u64(&w, "1 HEALTH BREAKERS", "half_open"), 1);
	get(&w, "last_error", value);
	assert_non_null(strstr(value, "500"));
	assert_null(strstr(value, "geheim"));

	for (int i = 0; i < 3; i++)
		answer();
	wire_until(&w, "1 GET h.6", "1 OK executed");
	wire_until(&w, "1 GET h.5", "1 OK executed");
	wire_ask_start(&w, "1 GET h.4", "1 OK executed");
	expect_row(&w, "state", "closed");
	assert_int_equal(wire_row_u64(&w, "1 HEALTH BREAKERS", "held_jobs"), 0);
	assert_int_equal(atomic_load(&peer.connections), FAILING + 3);
	daemon_wait_log(d, "state=half_open");
	daemon_wait_log(d, "state=closed");
	wire_stop(&w, d);

	/* The same in the order in which it happened. */
	assert_true(until_breaker(&watcher, " half_open", NULL) >=
	    failed_ns + 300000000);
	(void)until_breaker(&watcher, " closed", " h.4 ");
	wire_close(&watcher);
	peer_stop(&peer);
	assert_int_equal(sem_destroy(&may_answer), 0);
}

static void
test_open_and_reset(void **state)
{
	static const struct step steps[] = {
		{ "1 BREAKER LIST", "1 OK" },
		{ "1 BREAKER GET rule:r", "1 ERROR not_found ..." },
		{ "1 BREAKER OPEN rule:r", "1 ERROR not_found ..." },
		{ "1 BREAKER RESET rule:r", "1 ERROR not_found ..." },
		{ "1 BREAKER", "1 ERROR syntax ..." },
		{ "1 BREAKER OPEN", "1 ERROR syntax ..." },
		{ "1 BREAKER FREEZE rule:r", "1 ERROR unknown_command ..." },
		{ "1 RULE SET r a direct /bin/true", "1 OK" },
		{ "1 RULE SET off b direct /bin/true", "1 OK" },
		{ "1 RULE OPTIONS off breaker=off", "1 OK" },
		{ "1 RULE SET redis c redis redis://u:p@Cache.example PUBLISH "
		  "k",
		    "1 OK" },
		{ "1 BREAKER LIST",
		    "1 redis://cache.example:6379 closed 0 0 0 0\n"
		    "1 rule:r closed 0 0 0 0\n1 OK" },
		{ "1 HEALTH BREAKERS",
		    "1 status healthy\n1 closed 2\n1 open 0\n1 half_open 0\n"
		    "1 isolated 0\n1 held_jobs 0\n1 OK" },
		{ "1 BREAKER GET rule:r",
		    "1 breaker rule:r\n1 state closed\n1 failure_ratio 0\n"
		    "1 calls 0\n1 opened_ns 0\n1 retry_ns 0\n1 last_error -\n"
		    "1 OK" },
		{ "1 BREAKER OPEN rule:r", "1 OK" },
		{ "1 BREAKER OPEN rule:r", "1 OK" },
		{ "1 SET a now", "1 OK" },
		{ "1 SET a.2 now", "1 OK" },
		{ 0 },
	};
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	wire_play(&w, steps);
	while (strcmp(wire_row(&w, "1 INFO a.2", "hold"), "breaker") != 0)
		;
	assert_string_equal(wire_row(&w, "1 INFO a", "hold"), "breaker");
	wire_ask_start(&w, "1 GET a", "1 OK triggered");
	assert_int_equal(wire_row_u64(&w, "1 HEALTH BREAKERS", "isolated"), 1);
	assert_int_equal(wire_row_u64(&w, "1 HEALTH BREAKERS", "held_jobs"), 2);
	assert_int_equal(wire_row_u64(&w, "1 STAT", "executions_pending"), 2);
	assert_string_equal(wire_row(&w, "1 BREAKER GET rule:r", "state"),
	    "isolated");
	assert_int_equal(wire_row_u64(&w, "1 BREAKER GET rule:r", "retry_ns"),
	    0);
	assert_true(wire_row_u64(&w, "1 BREAKER GET rule:r", "opened_ns") > 0);
	wire_ask(&w, "1 BREAKER RESET rule:r", "1 OK");
	wire_until(&w, "1 GET a", "1 OK executed");
	wire_until(&w, "1 GET a.2", "1 OK executed");

	/* A restart closes. */
	wire_ask(&w, "1 BREAKER OPEN rule:r", "1 OK");
	wire_ask(&w, "1 SET a now", "1 OK");
	while (strcmp(wire_row(&w, "1 INFO a", "hold"), "breaker") != 0)
		;
	daemon_kill(d);
	wire_close(&w);
	wire_start(&w, d);
	assert_string_equal(wire_row(&w, "1 BREAKER GET rule:r", "state"),
	    "closed");
	wire_until(&w, "1 GET a", "1 OK executed");
	wire_stop(&w, d);
}

static const char tokens[] = "[token.root]\n"
			     "secret = \"rootsecret\"\n"
			     "namespace = \"*\"\n"
			     "[token.team]\n"
			     "secret = \"teamsecret\"\n"
			     "namespace = \"team.\"\n";

static void
open_as(struct wire *w, const struct daemon *d, const char *secret)
{
	wire_open(w, d->port);
	wire_sendf(w, "AUTH %s\n", secret);
	wire_expect(w, "OK");
}

/* One sees the breakers of one's rules, and opens none. */
static void
test_namespace(void **state)
{
	static const struct step all[] = {
		{ "1 RULE SET team.a team. shell true", "1 OK" },
		{ "1 RULE SET team.b other. shell true", "1 OK" },
		{ "1 RULE SET team.web team.web http GET http://x.example/",
		    "1 OK" },
		{ "1 RULE SET other.web other. http GET http://x.example/",
		    "1 OK" },
		{ "1 RULE SET other.own other. http GET http://y.example/",
		    "1 OK" },
		{ 0 },
	};
	static const struct step team_sees[] = {
		{ "1 BREAKER LIST",
		    "1 http://x.example:80 closed 0 0 0 0\n"
		    "1 rule:team.a closed 0 0 0 0\n1 OK" },
		{ "1 BREAKER GET http://y.example:80", "1 ERROR denied ..." },
		{ "1 BREAKER GET rule:other.a", "1 ERROR denied ..." },
		{ "1 BREAKER GET rule:team.b", "1 ERROR denied ..." },
		{ "1 BREAKER GET rule:team.c", "1 ERROR not_found ..." },
		{ "1 BREAKER GET http://z.example:80", "1 ERROR denied ..." },
		{ "1 BREAKER OPEN rule:team.a", "1 ERROR denied ..." },
		{ "1 BREAKER RESET rule:team.a", "1 ERROR denied ..." },
		{ "w WATCH breakers", "w OK" },
		{ 0 },
	};
	struct daemon *d = *state;
	struct wire root, team;
	int fd = open(daemon_path(d, "tokens"), O_WRONLY | O_CREAT | O_CLOEXEC,
	    0600);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, tokens, strlen(tokens)), strlen(tokens));
	(void)close(fd);
	daemon_set(d, "controller.auth_file=tokens");
	daemon_start(d);
	open_as(&root, d, "rootsecret");
	open_as(&team, d, "teamsecret");
	wire_play(&root, all);
	wire_play(&team, team_sees);
	wire_ask(&root, "1 BREAKER OPEN http://y.example:80", "1 OK");
	wire_ask(&root, "1 BREAKER OPEN rule:team.b", "1 OK");
	wire_ask(&root, "1 BREAKER OPEN http://x.example:80", "1 OK");
	wire_ask(&root, "1 BREAKER OPEN rule:team.a", "1 OK");
	assert_non_null(
	    strstr(wire_line(&team), " http://x.example:80 isolated"));
	assert_non_null(strstr(wire_line(&team), " rule:team.a isolated"));
	wire_close(&team);
	wire_close(&root);
	daemon_stop(d);
}

/* A long list comes in pieces. */
static void
test_long_list(void **state)
{
	struct daemon *d = *state;
	struct wire w;
	int n = 2000;

	wire_start(&w, d);
	for (int i = 0; i < n; i++)
		wire_sendf(&w, "1 RULE SET r.%04d a shell true\n", i);
	for (int i = 0; i < n; i++)
		wire_expect(&w, "1 OK");
	wire_send(&w, "2 BREAKER LIST\n3 PING\n");
	for (int i = 0; i < n; i++) {
		char line[64];

		(void)snprintf(line, sizeof(line),
		    "2 rule:r.%04d closed 0 0 0 0", i);
		wire_expect(&w, line);
	}
	wire_expect(&w, "2 OK");
	wire_expect(&w, "3 OK");
	wire_stop(&w, d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DAEMON_TEST(test_webhook),
		DAEMON_TEST(test_open_and_reset),
		DAEMON_TEST(test_namespace),
		DAEMON_TEST(test_long_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
