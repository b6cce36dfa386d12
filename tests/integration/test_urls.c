/* What may stand in a URL: any case of the scheme, no part without effect. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon.h"
#include "peer.h"
#include "wire.h"

static void
test_parts_without_effect(void **state)
{
	static const struct step steps[] = {
		{ "1 RULE SET r a redis redis://h/x SET k",
		    "1 ERROR invalid the path of a redis url must be "
		    "/<database>, a number" },
		{ "1 RULE SET r a redis redis://h?db=1 SET k",
		    "1 ERROR invalid the url of redis takes no query (what "
		    "follows ?)" },
		{ "1 RULE SET r a amqp amqp://h/?x=1 e k",
		    "1 ERROR invalid the url of amqp takes no query (what "
		    "follows ?)" },
		{ "1 RULE SET r a http GET http://h/#x",
		    "1 ERROR invalid the url of http takes no fragment (what "
		    "follows #)" },
		{ "1 RULE GET r", "1 ERROR not_found ..." },
		{ "1 INTEGRATION SET i redis redis://h/x",
		    "1 ERROR invalid ..." },
		{ "1 INTEGRATION SET i redis redis://h?db=1",
		    "1 ERROR invalid ..." },
		{ "1 INTEGRATION SET i amqp amqp://h/?x=1",
		    "1 ERROR invalid ..." },
		{ "1 INTEGRATION SET i http GET http://h/#x",
		    "1 ERROR invalid ..." },
		{ "1 HEALTH INTEGRATION i", "1 ERROR not_found ..." },
		{ "1 RULE SET r a redis redis://h/1 SET k", "1 OK" },
		{ "1 RULE SET r a amqp amqp://h/v e k", "1 OK" },
		{ "1 RULE SET r a http GET http://h/?x=1", "1 OK" },
		{ 0 },
	};
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	wire_play(&w, steps);
	wire_stop(&w, d);
}

static void
answer_http(struct peer *p)
{
	if (peer_receive_until(p, "\r\n\r\n"))
		(void)peer_send(p,
		    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
		    "Connection: close\r\n\r\n");
}

static void
answer_redis(struct peer *p)
{
	while (peer_receive_until(p, "\r\n") && peer_send(p, "+OK\r\n"))
		peer_forget(p);
}

/* A job of it succeeds, and its breaker has its name in lower case. */
static void
run_one(struct wire *w, const char *words, const char *breaker)
{
	char request[128];

	wire_sendf(w, "1 RULE SET r a %s\n", words);
	wire_expect(w, "1 OK");
	wire_ask(w, "1 SET a now", "1 OK");
	wire_until(w, "1 GET a", "1 OK executed ");
	(void)snprintf(request, sizeof(request), "1 BREAKER GET %s", breaker);
	assert_string_equal(wire_row(w, request, "state"), "closed");
}

static void
test_scheme_in_any_case(void **state)
{
	struct daemon *d = *state;
	char words[128], breaker[64];
	static struct peer peer;
	struct wire w;

	wire_start(&w, d);
	peer_start(&peer, answer_http);
	(void)snprintf(words, sizeof(words), "http GET HTTP://LocalHost:%d/",
	    peer.port);
	(void)snprintf(breaker, sizeof(breaker), "http://localhost:%d",
	    peer.port);
	run_one(&w, words, breaker);
	peer_stop(&peer);
	peer_start(&peer, answer_redis);
	(void)snprintf(words, sizeof(words), "redis Redis://127.0.0.1:%d SET k",
	    peer.port);
	(void)snprintf(breaker, sizeof(breaker), "redis://127.0.0.1:%d",
	    peer.port);
	run_one(&w, words, breaker);
	wire_stop(&w, d);
	peer_stop(&peer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DAEMON_TEST(test_parts_without_effect),
		DAEMON_TEST(test_scheme_in_any_case),
	};

	return cmocka_run_group_tests_name("urls", tests, NULL, NULL);
}
