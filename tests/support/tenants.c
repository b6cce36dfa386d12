#include "tenants.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "buf.h"

struct world worlds[N_WORLDS];
struct peer peer;

/* The endpoint that both tenants call. */
static void
serve(struct peer *p)
{
	if (!peer_receive_until(p, "\r\n\r\n"))
		return;
	(void)peer_send(p,
	    strstr(p->received, " /fail") != NULL
		? "HTTP/1.1 500 No\r\nContent-Length: 0\r\n"
		  "Connection: close\r\n\r\n"
		: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
		  "Connection: close\r\n\r\n");
}

bool
world_has_b(const struct world *w)
{
	return w->kind != ALONE;
}

void
world_tokens(const struct world *w, const char *namespace)
{
	struct buf text = { 0 };
	int fd = open(daemon_path(&w->d, "tokens"),
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_not_equal(fd, -1);
	buf_addf(&text,
	    "[token.root]\nsecret = root\nnamespace = *\n"
	    "[token.operator]\nsecret = operator\nnamespace = %s\n"
	    "role = operator\n"
	    "[token.reader]\nsecret = reader\nnamespace = %s\n"
	    "role = reader\n"
	    "[token.worker]\nsecret = worker\nnamespace = a.\n",
	    namespace, namespace);
	if (world_has_b(w))
		buf_addf(&text, "[token.b]\nsecret = b\nnamespace = b.\n");
	assert_int_equal(write(fd, text.ptr, text.len), text.len);
	buf_free(&text);
	(void)close(fd);
}

void
world_open(struct wire *wire, const struct world *w, const char *secret)
{
	wire_open(wire, w->d.port);
	wire_sendf(wire, "AUTH %s\n", secret);
	wire_expect(wire, "OK");
}

/* Requests answered with OK; ^ is the peer's port, ~ the tenant. */
static void
ask(struct wire *wire, const char *const *requests, char tenant)
{
	for (; *requests != NULL; requests++) {
		struct buf line = { 0 };

		for (const char *p = *requests; *p != '\0'; p++) {
			if (*p == '~')
				buf_add_byte(&line, tenant);
			else if (*p == '^')
				buf_add_u64(&line, (uint64_t)peer.port);
			else
				buf_add_byte(&line, *p);
		}
		buf_add_byte(&line, '\0');
		wire_sendf(wire, "1 %s\n", line.ptr);
		wire_expect(wire, "1 OK");
		buf_free(&line);
	}
}

void
until_row(struct wire *wire, const char *request, const char *text)
{
	for (bool found = false; !found;) {
		char *reply = wire_reply(wire, request);

		found = strstr(reply, text) != NULL;
		free(reply);
	}
}

/* The number that begins the row of a list with this text in it. */
static uint64_t
row_number(struct wire *wire, const char *request, const char *text)
{
	char *reply = wire_reply(wire, request);
	char *at = strstr(reply, text);
	uint64_t n;

	assert_non_null(at);
	while (at > reply && at[-1] != '\n')
		at--;
	n = strtoull(strchr(at, ' '), NULL, 10);
	free(reply);
	return n;
}

/* What a tenant has. b's calls fail. */
static void
fill(struct world *w, char tenant)
{
	static const char *const rules[] = {
		("RULE SET ~.web ~.web http GET "
		 "http://u:p@127.0.0.1:^/ok?token=~&x=1"),
		"RULE OPTIONS ~.web breaker_consecutive=1 breaker_open=1h",
		"RULE SET ~.run ~.run shell \"echo hello; echo ~ >&2\"",
		"RULE SET ~.bad ~.bad direct /bin/false",
		"RULE OPTIONS ~.bad breaker=off",
		"RULE SET ~.held ~.held direct /bin/true",
		"RULE PAUSE ~.held",
		"RULE SET ~.tmp ~.tmp direct /bin/true",
		"RULE SET ~.work ~.work agent",
		("SET ~.later " T_2100 " PAYLOAD ~"),
		("SET ~.tmp " T_2100),
		"SET ~.run now",
		"SET ~.bad now",
		"SET ~.held.1 now",
		"SET ~.held.2 now",
		NULL,
	};
	static const char *const fail[] = {
		"RULE SET b.web b.web http GET http://127.0.0.1:^/fail?token=b",
		"RULE SET b.own b.own http GET http://127.0.0.1:1/",
		"SET b.own now",
		NULL,
	};
	static const char *const call[] = { "SET ~.web now", NULL };
	static const char *const probe[] = {
		"INTEGRATION SET ~.probe tcp 127.0.0.1:^",
		NULL,
	};
	static const char *const bad_probe[] = {
		"INTEGRATION SET b.probe tcp 127.0.0.1:1",
		("INTEGRATION SET http://127.0.0.1:^ http GET "
		 "http://127.0.0.1:^/fail?key=b"),
		NULL,
	};
	char text[64];

	ask(&w->root, rules, tenant);
	if (tenant == 'b')
		ask(&w->root, fail, tenant);
	ask(&w->root, call, tenant);
	ask(&w->root, tenant == 'b' ? bad_probe : probe, tenant);
	(void)snprintf(text, sizeof(text), "1 GET %c.web", tenant);
	wire_until(&w->root, text,
	    tenant == 'b' ? "1 OK failed" : "1 OK executed");
	(void)snprintf(text, sizeof(text), "1 GET %c.run", tenant);
	wire_until(&w->root, text, "1 OK executed");
	(void)snprintf(text, sizeof(text), " agent %c.bad ", tenant);
	until_row(&w->root, "1 ALERT LIST", text);
	if (tenant == 'b')
		until_row(&w->root, "1 ALERT LIST", " integration b.probe ");
	else
		until_row(&w->root, "1 HEALTH INTEGRATIONS",
		    "a.probe healthy 1");
	world_open(&w->workers[tenant - 'a'], w,
	    tenant == 'a' ? "worker" : "b");
	(void)snprintf(text, sizeof(text), "1 AGENT ATTACH %c.work", tenant);
	wire_ask_start(&w->workers[tenant - 'a'], text, "1 OK ");
}

static void
start(struct world *w, enum world_kind kind)
{
	static const char *const settings[] = {
		"controller.auth_file=tokens",
		"database.persistence=memory",
		"health.polling_interval=100ms",
		"alerts.raise_after=1",
		"alerts.agent_min_executions=1",
		"alerts.agent_confidence=0",
		"alerts.cpu_warning=100",
		"alerts.cpu_critical=100",
		"alerts.memory_warning=100",
		"alerts.memory_critical=100",
		"alerts.disk_warning=100",
		"alerts.disk_critical=100",
		"alerts.queue_depth_warning=1000",
		"alerts.trigger_lateness_ms=4294967295",
		"alerts.integration_latency_ms=4294967295",
	};

	memset(w, 0, sizeof(*w));
	w->kind = kind;
	daemon_init(&w->d);
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		daemon_set(&w->d, settings[i]);
	world_tokens(w, kind == NARROWED ? "*" : "a.");
	daemon_start(&w->d);
	world_open(&w->root, w, "root");
	world_open(&w->operator, w, "operator");
	world_open(&w->reader, w, "reader");
	fill(w, 'a');
	if (world_has_b(w))
		fill(w, 'b');
	w->session = row_number(&w->root, "1 AGENT LIST", " a.work ");
	w->alert = row_number(&w->root, "1 ALERT LIST", " agent a.bad ");
	w->other_session = w->other_alert = 999;
	if (world_has_b(w)) {
		w->other_session =
		    row_number(&w->root, "1 AGENT LIST", " b.work ");
		w->other_alert =
		    row_number(&w->root, "1 ALERT LIST", " agent b.bad ");
	}
	for (int i = 0; i < WATCH_TOPIC_COUNT; i++) {
		world_open(&w->watcher[i], w, "reader");
		wire_sendf(&w->watcher[i], "1 WATCH %s\n",
		    watch_topic_word((enum watch_topic)i));
		wire_expect(&w->watcher[i], "1 OK");
	}
}

static void
narrow(struct world *w)
{
	world_tokens(w, "a.");
	wire_ask(&w->root, "1 RELOAD", "1 OK");
}

int
tenants_setup(void **state)
{
	(void)state;
	peer_start(&peer, serve);
	for (int i = 0; i < N_WORLDS; i++)
		start(&worlds[i], (enum world_kind)i);
	narrow(&worlds[NARROWED]);
	return 0;
}

int
tenants_teardown(void **state)
{
	(void)state;
	for (int i = 0; i < N_WORLDS; i++)
		daemon_fini(&worlds[i].d);
	peer_stop(&peer);
	return 0;
}
