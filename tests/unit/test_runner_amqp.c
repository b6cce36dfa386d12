#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <ftw.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <amqp.h>
#include <amqp_tcp_socket.h>

#include "hung_name.h"
#include "peer.h"
#include "runs.h"
#include "service.h"

#define SECOND INT64_C(1000000000)
#define N_MANY 1000u

/* Runs. */

static const char *
line(const char *authority, int port, const char *rest)
{
	static char text[1024];

	(void)snprintf(text, sizeof(text), "amqp\tamqp://%s127.0.0.1:%d%s",
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
expect_failure(const struct run *run, const char *part)
{
	runs_expect(run, RUN_FAILURE, RUN_EXIT_NONE, "");
	if (strstr(run->reason, part) == NULL)
		fail_msg("reason \"%s\" lacks \"%s\"", run->reason, part);
	assert_null(strstr(run->reason, "secret"));
}

static void
expect_success(const struct run *run)
{
	runs_expect(run, RUN_SUCCESS, RUN_EXIT_NONE, "");
}

static void
await_start(uint64_t id)
{
	struct run_event event = runs_event();

	assert_int_equal(event.kind, RUN_STARTED);
	assert_int_equal(event.execution_id, id);
}

/* With a RabbitMQ, started once: it takes its time. */

static struct service epmd, broker;
static int broker_port, dist_port, epmd_port;
static char dir[] = "/tmp/test_runner_amqp.XXXXXX";

static void set(const char *name, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
set(const char *name, const char *fmt, ...)
{
	char value[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	assert_int_equal(setenv(name, value, 1), 0);
}

static void
start_broker(void)
{
	char program[] = "/usr/lib/rabbitmq/bin/rabbitmq-server";
	char *argv[] = { program, NULL };

	service_start(&broker, argv, "Server startup complete");
}

static void
start_epmd(void)
{
	char program[] = "epmd", debug[] = "-d", o1[] = "-port", port[16],
	     o2[] = "-address", address[] = "127.0.0.1";
	char *argv[] = { program, debug, o1, port, o2, address, NULL };

	(void)snprintf(port, sizeof(port), "%d", epmd_port);
	service_start(&epmd, argv, "epmd running");
}

static int
broker_setup(void **state)
{
	(void)state;
	if (access("/usr/lib/rabbitmq/bin/rabbitmq-server", X_OK) == -1)
		return 0;
	assert_non_null(mkdtemp(dir));
	broker_port = peer_free_port();
	dist_port = peer_free_port();
	epmd_port = peer_free_port();
	set("HOME", "%s", dir);
	set("RABBITMQ_NODENAME", "tickd-test-%d@localhost", broker_port);
	set("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1");
	set("RABBITMQ_NODE_PORT", "%d", broker_port);
	set("RABBITMQ_DIST_PORT", "%d", dist_port);
	set("RABBITMQ_MNESIA_BASE", "%s/mnesia", dir);
	set("RABBITMQ_LOG_BASE", "%s/log", dir);
	set("RABBITMQ_LOGS", "-");
	set("RABBITMQ_ENABLED_PLUGINS_FILE", "%s/plugins", dir);
	set("RABBITMQ_CONFIG_FILE", "%s/rabbitmq", dir);
	set("RABBITMQ_PID_FILE", "%s/pid", dir);
	set("RABBITMQ_CONF_ENV_FILE", "/dev/null");
	set("ERL_EPMD_PORT", "%d", epmd_port);
	set("ERL_EPMD_ADDRESS", "127.0.0.1");
	start_epmd();
	start_broker();
	return 0;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* What the broker has started is not to become a child of the test. */
static void
adopt_nobody(void)
{
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0), 0);
}

static int
broker_teardown(void **state)
{
	(void)state;
	adopt_nobody();
	if (broker_port == 0)
		return 0;
	service_kill(&broker);
	service_kill(&epmd);
	(void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return 0;
}

#define NEEDS_BROKER()               \
	do {                         \
		if (broker.pid == 0) \
			skip();      \
	} while (0)

/* A client of our own. */
static amqp_connection_state_t
client_open(void)
{
	amqp_connection_state_t c = amqp_new_connection();
	amqp_socket_t *s = amqp_tcp_socket_new(c);

	assert_int_equal(amqp_socket_open(s, "127.0.0.1", broker_port), 0);
	assert_int_equal(amqp_login(c, "/", 0, 131072, 0,
			     AMQP_SASL_METHOD_PLAIN, "guest", "guest")
			     .reply_type,
	    AMQP_RESPONSE_NORMAL);
	assert_non_null(amqp_channel_open(c, 1));
	return c;
}

static void
client_close(amqp_connection_state_t c)
{
	(void)amqp_connection_close(c, AMQP_REPLY_SUCCESS);
	(void)amqp_destroy_connection(c);
}

static void
declare_queue(const char *name, const char *length_argument)
{
	amqp_connection_state_t c = client_open();
	amqp_table_entry_t entry[2] = {
		{ .key = amqp_cstring_bytes("x-max-length"),
		    .value = { .kind = AMQP_FIELD_KIND_I32, .value.i32 = 1 } },
		{ .key = amqp_cstring_bytes("x-overflow"),
		    .value = { .kind = AMQP_FIELD_KIND_UTF8,
			.value.bytes =
			    amqp_cstring_bytes("reject-publish") } }
	};
	amqp_table_t table = { .num_entries = 2, .entries = entry };

	assert_non_null(amqp_queue_declare(c, 1, amqp_cstring_bytes(name), 0, 1,
	    0, 0, length_argument != NULL ? table : amqp_empty_table));
	client_close(c);
}

/* The oldest message of a queue is this. */
static void
expect_message(const char *queue, const char *bytes, size_t n,
    const char *message_id)
{
	amqp_connection_state_t c = client_open();
	amqp_message_t m;

	assert_int_equal(
	    amqp_basic_get(c, 1, amqp_cstring_bytes(queue), 1).reply.id,
	    AMQP_BASIC_GET_OK_METHOD);
	assert_int_equal(amqp_read_message(c, 1, &m, 0).reply_type,
	    AMQP_RESPONSE_NORMAL);
	assert_int_equal(m.body.len, n);
	if (n > 0)
		assert_memory_equal(m.body.bytes, bytes, n);
	assert_int_equal(m.properties.delivery_mode, 2);
	assert_int_equal(m.properties.message_id.len, strlen(message_id));
	assert_memory_equal(m.properties.message_id.bytes, message_id,
	    strlen(message_id));
	amqp_destroy_message(&m);
	client_close(c);
}

static const struct run *
run_broker(const char *rest)
{
	return runs_run(line("", broker_port, rest));
}

static void
publishes(void **state)
{
	static char large[32768];
	size_t i;

	(void)state;
	NEEDS_BROKER();
	declare_queue("q", NULL);
	expect_success(run_broker("\t\tq"));
	expect_message("q", "test.job", 8, "1");
	expect_success(run_broker("/%2F\t\tq"));
	expect_message("q", "test.job", 8, "1");
	for (i = 0; i < sizeof(large); i++)
		large[i] = (char)(i * 7);
	submit_payload(77, line("", broker_port, "\t\tq"), large,
	    sizeof(large));
	expect_success(runs_finished(77));
	expect_message("q", large, sizeof(large), "77");
	submit_payload(78, line("", broker_port, "\t\tq"), "", 0);
	expect_success(runs_finished(78));
	expect_message("q", "", 0, "78");
}

static void
tells_what_is_not_delivered(void **state)
{
	char text[600];

	(void)state;
	NEEDS_BROKER();
	declare_queue("q", NULL);
	expect_failure(run_broker("\t\tno.such.queue"),
	    "no queue takes the message (312)");
	expect_failure(run_broker("\tno.such.exchange\tk"),
	    "404 NOT_FOUND - no exchange 'no.such.exchange'");
	/* The connection goes on. */
	expect_success(run_broker("\t\tq"));
	expect_message("q", "test.job", 8, "1");
	(void)snprintf(text, sizeof(text), "\t\t%0256d", 1);
	expect_failure(run_broker(text), "at most 255 bytes");
	declare_queue("full", "1");
	expect_success(run_broker("\t\tfull"));
	expect_failure(run_broker("\t\tfull"), "refuses the message");
}

static void
tells_what_is_refused(void **state)
{
	(void)state;
	NEEDS_BROKER();
	expect_failure(runs_run(line("guest:secret@", broker_port, "\t\tq")),
	    "refuses user or password");
	expect_failure(run_broker("/no.such.vhost\t\tq"),
	    "refuses the virtual host");
}

static void
publishes_many_at_once(void **state)
{
	unsigned started = 0, ended = 0;
	amqp_connection_state_t c;

	(void)state;
	NEEDS_BROKER();
	declare_queue("many", NULL);
	while (ended < N_MANY) {
		while (started < N_MANY && started - ended < 64)
			runs_submit(++started,
			    line("", broker_port, "\t\tmany"));
		expect_success(runs_finished(0));
		ended++;
	}
	c = client_open();
	assert_int_equal(
	    amqp_queue_purge(c, 1, amqp_cstring_bytes("many"))->message_count,
	    N_MANY);
	client_close(c);
}

/* One bad exchange ends its channel, and nobody else's run. */
static void
keeps_runs_apart(void **state)
{
	uint64_t id;

	(void)state;
	NEEDS_BROKER();
	declare_queue("q", NULL);
	for (id = 1; id <= 60; id++)
		runs_submit(id,
		    line("", broker_port,
			id % 3 == 0 ? "\tno.such.exchange\tk" : "\t\tq"));
	for (id = 1; id <= 60; id++) {
		const struct run *run = runs_finished(0);

		assert_int_equal(run->outcome,
		    run->execution_id % 3 == 0 ? RUN_FAILURE : RUN_SUCCESS);
	}
}

static void
survives_a_restart(void **state)
{
	(void)state;
	NEEDS_BROKER();
	adopt_nobody();
	declare_queue("q", NULL);
	expect_success(run_broker("\t\tq"));
	/* It stops answering with a run waiting, and dies. */
	(void)kill(-broker.pid, SIGSTOP);
	runs_submit(1, line("", broker_port, "\t\tq"));
	await_start(1);
	service_kill(&broker);
	expect_failure(runs_finished(1), "amqp: ");
	expect_failure(run_broker("\t\tq"), "refused");
	start_broker();
	declare_queue("q", NULL);
	expect_success(run_broker("\t\tq"));
}

/* With a broker that does what it should not: frames as they are on the
 * wire. */

#define METHOD(channel, size, class, method) \
	"\x01\0" channel "\0\0\0" size "\0" class "\0" method
#define START                                \
	METHOD("\0", "\x1b", "\x0a", "\x0a") \
	"\0\x09\0\0\0\0\0\0\0\x05PLAIN\0\0\0\x04user\xce"
#define TUNE                                 \
	METHOD("\0", "\x0c", "\x0a", "\x1e") \
	"\x07\xff\0\x02\0\0\0\0\xce"
#define OPEN_OK METHOD("\0", "\x05", "\x0a", "\x29") "\0\xce"
#define CHANNEL_OPEN_OK METHOD("\1", "\x08", "\x14", "\x0b") "\0\0\0\0\xce"
#define SELECT_OK METHOD("\1", "\x04", "\x55", "\x0b") "\xce"
#define ACK(tag) \
	METHOD("\1", "\x0d", "\x3c", "\x50") "\0\0\0\0\0\0\0" tag "\0\xce"
#define HEARTBEAT "\x08\0\0\0\0\0\0\xce"

struct lines {
	const char *bytes;
	size_t n;
};
#define BYTES(s)                   \
	(struct lines)             \
	{                          \
		(s), sizeof(s) - 1 \
	}

static struct peer peer;
/* What it says when it hears the header, the login, the tuning, the opening
 * of a channel, the message; nothing more after that. */
static struct lines talk[5];
static bool closes;

static void
speak(struct peer *p)
{
	/* How what is awaited ends or, for the tuning and the channel, what
	 * is in it: connection.open and confirm.select. */
	static const struct lines heard[] = { { "AMQP\0\0\x09\x01", 8 },
		{ "\x05"
		  "en_US\xce",
		    7 },
		{ "\0\x0a\0\x28", 4 }, { "\0\x55\0\x0a\0\xce", 6 },
		{ "test.job\xce", 9 } };
	size_t i;

	for (i = 0; i < 5; i++) {
		if (!peer_receive_bytes(p, heard[i].bytes, heard[i].n) ||
		    !peer_send_bytes(p, talk[i].bytes, talk[i].n))
			return;
		if (talk[i].n == 0)
			break;
	}
	if (!closes)
		peer_await_end(p);
}

static void
say(struct lines a, struct lines b, struct lines c, struct lines d,
    struct lines e)
{
	talk[0] = a;
	talk[1] = b;
	talk[2] = c;
	talk[3] = d;
	talk[4] = e;
}

static const struct run *
meet(const char *options)
{
	char rest[64];
	const struct run *run;

	peer_start(&peer, speak);
	(void)snprintf(rest, sizeof(rest), "\t\tq%s%s",
	    *options == '\0' ? "" : "\t--\t", options);
	run = runs_run(line("user:secret@", peer.port, rest));
	runs_restart(64);
	peer_stop(&peer);
	return run;
}

/* All goes well up to the answer to the message. */
static const struct run *
meet_with(struct lines answer)
{
	say(BYTES(START), BYTES(TUNE), BYTES(OPEN_OK),
	    BYTES(CHANNEL_OPEN_OK SELECT_OK), answer);
	return meet("");
}

static void
speaks_amqp(void **state)
{
	(void)state;
	expect_success(meet_with(BYTES(HEARTBEAT ACK("\1"))));
	expect_success(meet_with(BYTES(METHOD("\1", "\x0d", "\x3c",
	    "\x50") "\0\0\0\0\0\0\0\0\1\xce"))); /* all so far */
	expect_failure(meet_with(BYTES(METHOD("\1", "\x0d", "\x3c",
			   "\x78") "\0\0\0\0\0\0\0\1\0\xce")),
	    "refuses the message");
	expect_failure(meet_with(BYTES(METHOD("\1", "\x11", "\x14",
			   "\x28") "\1\x94\6no\nway\0\0\0\0\xce")),
	    "404 no");
	expect_failure(meet_with(BYTES(METHOD("\0", "\x11", "\x0a",
			   "\x32") "\1\x40\6by\033bye\0\0\0\0\xce")),
	    "320 by?bye");
}

/* channel.flow, and its answer as it comes. */
#define FLOW(active) METHOD("\1", "\x05", "\x14", "\x14") active "\xce"
#define FLOW_OK(active) METHOD("\1", "\x05", "\x14", "\x15") active "\xce"

static sem_t go_on;
static bool published_early;

static bool
hear_and_say(struct peer *p, struct lines heard, struct lines said)
{
	return peer_receive_bytes(p, heard.bytes, heard.n) &&
	    peer_send_bytes(p, said.bytes, said.n);
}

/* Whether the message came before the answer to channel.flow, which may have
 * been received together. */
static bool
came_before(const struct peer *p, struct lines answer)
{
	const char *message = memmem(p->received, p->n_received, "test.job", 8);

	return message != NULL &&
	    message < (const char *)memmem(p->received, p->n_received,
			  answer.bytes, answer.n);
}

/* Stop the flow before the first message and again behind it; each time
 * nothing comes before it goes on. */
static void
stop_and_go(struct peer *p)
{
	if (!hear_and_say(p, BYTES("AMQP\0\0\x09\x01"), BYTES(START)) ||
	    !hear_and_say(p, BYTES("en_US\xce"), BYTES(TUNE)) ||
	    !hear_and_say(p, BYTES("\0\x0a\0\x28"), BYTES(OPEN_OK)) ||
	    !hear_and_say(p, BYTES("\0\x55\0\x0a\0\xce"),
		BYTES(CHANNEL_OPEN_OK FLOW("\0") SELECT_OK)))
		return;
	for (int i = 0; i < 2; i++) {
		if (!hear_and_say(p, BYTES(FLOW_OK("\0")), BYTES("")))
			return;
		(void)sem_wait(&go_on);
		if (!peer_send_bytes(p, FLOW("\1"), sizeof(FLOW("\1")) - 1) ||
		    !peer_receive_bytes(p, FLOW_OK("\1"),
			sizeof(FLOW_OK("\1")) - 1))
			return;
		published_early |= came_before(p, BYTES(FLOW_OK("\1")));
		if (!peer_receive_bytes(p, "test.job\xce", 9))
			return;
		peer_forget(p);
		if (!(i == 0 ? peer_send_bytes(p, FLOW("\0") ACK("\1"),
				   sizeof(FLOW("\0") ACK("\1")) - 1)
			     : peer_send_bytes(p, ACK("\2"),
				   sizeof(ACK("\2")) - 1)))
			return;
	}
	peer_await_end(p);
}

static void
obeys_the_flow(void **state)
{
	(void)state;
	published_early = false;
	assert_int_equal(sem_init(&go_on, 0, 0), 0);
	peer_start(&peer, stop_and_go);
	for (uint64_t id = 1; id <= 2; id++) {
		runs_submit(id, line("", peer.port, "\t\tq"));
		await_start(id);
		(void)sem_post(&go_on);
		expect_success(runs_finished(id));
	}
	assert_int_equal(peer.connections, 1);
	runs_restart(64);
	peer_stop(&peer);
	assert_false(published_early);
	(void)sem_destroy(&go_on);
}

/* Who waits for that is told so when its time is over. */
static void
limits_a_stopped_flow(void **state)
{
	(void)state;
	runs_restart_limited(SECOND / 20);
	say(BYTES(START), BYTES(TUNE), BYTES(OPEN_OK),
	    BYTES(CHANNEL_OPEN_OK FLOW("\0") SELECT_OK), BYTES(""));
	peer_start(&peer, speak);
	expect_failure(runs_run(line("", peer.port, "\t\tq")),
	    "not ready for it within 0.05 s");
	runs_restart(64);
	peer_stop(&peer);
}

static void
refuses_what_is_no_amqp(void **state)
{
	(void)state;
	expect_failure(meet_with(BYTES("HTTP/1.1 400 Bad\r\n")),
	    "no AMQP 0-9-1");
	expect_failure(meet_with(BYTES("\x01\0\x01\x7f\xff\xff\xff")),
	    "too large");
	expect_failure(meet_with(BYTES("\x01\0\x01\0\0\0\x02zz\xce")),
	    "malformed frame");
	expect_failure(meet_with(BYTES("\x01\0\x01\0\0\0\x04\0\x3c\0\x50!")),
	    "malformed frame");
	expect_failure(meet_with(BYTES("\x01\0\x01\0\0\0\x04\0\x3c\0\x50\xce")),
	    "malformed method");
	expect_failure(meet_with(BYTES(ACK("\7"))), "a confirm for nothing");
	expect_failure(meet_with(BYTES(SELECT_OK)), "not expected");
	expect_failure(
	    meet_with(BYTES(METHOD("\2", "\x04", "\x55", "\x0b") "\xce")),
	    "a channel that is closed");
	expect_failure(meet_with(BYTES(TUNE)), "not expected");
	say(BYTES("AMQP\0\1\0\x0a"), BYTES(""), BYTES(""), BYTES(""),
	    BYTES(""));
	expect_failure(meet(""), "no AMQP 0-9-1");
}

static void
keeps_credentials_to_itself(void **state)
{
	(void)state;
	/* connection.close in answer to the login, which it quotes */
	say(BYTES(START),
	    BYTES(METHOD("\0", "\x12", "\x0a",
		"\x32") "\2\x1d\7*secret\0\0\0\0\xce"),
	    BYTES(""), BYTES(""), BYTES(""));
	expect_failure(meet(""), "541 the broker refuses the connection");
	peer.port = peer_free_port();
	expect_failure(runs_run(line("u:secret@", peer.port, "\t\tq")),
	    "refused");
}

static void
times_out(void **state)
{
	(void)state;
	say(BYTES(""), BYTES(""), BYTES(""), BYTES(""), BYTES(""));
	runs_expect(meet("timeout=50ms"), RUN_TIMEOUT, RUN_EXIT_NONE, "");
	say(BYTES(START), BYTES(TUNE), BYTES(OPEN_OK),
	    BYTES(CHANNEL_OPEN_OK SELECT_OK), BYTES(""));
	runs_expect(meet("timeout=50ms"), RUN_TIMEOUT, RUN_EXIT_NONE, "");
}

static void
limits_silence_without_a_timeout(void **state)
{
	(void)state;
	runs_restart_limited(SECOND / 20);
	peer_start(&peer, speak);
	say(BYTES(START), BYTES(""), BYTES(""), BYTES(""), BYTES(""));
	expect_failure(runs_run(line("", peer.port, "\t\tq")),
	    "no connection within 0.05 s");
	peer_stop(&peer);
	say(BYTES(START), BYTES(TUNE), BYTES(OPEN_OK),
	    BYTES(CHANNEL_OPEN_OK SELECT_OK), BYTES(""));
	peer_start(&peer, speak);
	expect_failure(runs_run(line("", peer.port, "\t\tq")),
	    "no answer within 0.05 s");
	peer_stop(&peer);
}

static void
tells_early_ends(void **state)
{
	(void)state;
	closes = true;
	say(BYTES(""), BYTES(""), BYTES(""), BYTES(""), BYTES(""));
	expect_failure(meet(""), "connection closed");
	expect_failure(meet_with(BYTES("")), "connection closed");
	closes = false;
}

static void
cancels(void **state)
{
	(void)state;
	say(BYTES(START), BYTES(""), BYTES(""), BYTES(""), BYTES(""));
	peer_start(&peer, speak);
	runs_submit(1, line("", peer.port, "\t\tq"));
	await_start(1);
	peer_await_connection(&peer);
	processor_cancel(runs_processor(), 1, false);
	runs_expect(runs_finished(1), RUN_CANCELLED, RUN_EXIT_NONE, "");
	peer_stop(&peer); /* the connection has ended, too */
}

static void
verifies_certificates(void **state)
{
	char path[] = "/tmp/test_runner_amqp.XXXXXX", text[128];

	(void)state;
	assert_true(close(mkstemp(path)) == 0);
	say(BYTES(START), BYTES(TUNE), BYTES(OPEN_OK),
	    BYTES(CHANNEL_OPEN_OK SELECT_OK), BYTES(ACK("\1")));
	peer_start_tls(&peer, speak, "localhost", path);
	(void)snprintf(text, sizeof(text), "amqp\tamqps://localhost:%d\t\tq",
	    peer.port);
	expect_failure(runs_run(text), "self-signed certificate");
	assert_int_equal(setenv("SSL_CERT_FILE", path, 1), 0);
	runs_restart(64);
	expect_success(runs_run(text));
	assert_int_equal(unsetenv("SSL_CERT_FILE"), 0);
	runs_restart(64);
	peer_stop(&peer);
	assert_int_equal(unlink(path), 0);
}

static void
does_not_wait_for_names(void **state)
{
	(void)state;
	runs_submit(1, "amqp\tamqps://" HUNG_NAME "\t\tq");
	await_start(1);
	hung_name_await();
	runs_expect(runs_run("direct\ttrue"), RUN_SUCCESS, 0, "");
	runs_restart(64);
	hung_name_release(1);
	runs_await_files();
}

static void
expect_probe(const char *authority, int port, const char *rest,
    const char *reason)
{
	const struct run *run = runs_probe(line(authority, port, rest));

	if (reason == NULL)
		expect_success(run);
	else
		expect_failure(run, reason);
	assert_int_equal(run->answered, reason == NULL);
}

static void
probes(void **state)
{
	(void)state;
	NEEDS_BROKER();
	expect_probe("", broker_port, "", NULL);
	expect_probe("guest:secret@", broker_port, "",
	    "refuses user or password");
	expect_probe("", broker_port, "/no.such.vhost",
	    "refuses the virtual host");
	expect_probe("", peer_free_port(), "", "refused");
}

/* With a broker that opens twice, and one that is silent. */
static void
probes_what_is_ill(void **state)
{
	(void)state;
	say(BYTES(START), BYTES(TUNE OPEN_OK OPEN_OK), BYTES(""), BYTES(""),
	    BYTES(""));
	peer_start(&peer, speak);
	expect_probe("", peer.port, "", NULL);
	peer_stop(&peer);
	say(BYTES(START), BYTES(""), BYTES(""), BYTES(""), BYTES(""));
	peer_start(&peer, speak);
	runs_expect(runs_probe(line("", peer.port, "\t--\ttimeout=50ms")),
	    RUN_TIMEOUT, RUN_EXIT_NONE, "");
	peer_stop(&peer);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, runs_setup, runs_teardown)
	const struct CMUnitTest tests[] = {
		TEST(speaks_amqp),
		TEST(obeys_the_flow),
		TEST(limits_a_stopped_flow),
		TEST(refuses_what_is_no_amqp),
		TEST(keeps_credentials_to_itself),
		TEST(times_out),
		TEST(limits_silence_without_a_timeout),
		TEST(tells_early_ends),
		TEST(cancels),
		TEST(verifies_certificates),
		TEST(does_not_wait_for_names),
		TEST(publishes),
		TEST(tells_what_is_not_delivered),
		TEST(tells_what_is_refused),
		TEST(publishes_many_at_once),
		TEST(keeps_runs_apart),
		TEST(survives_a_restart),
		TEST(probes),
		TEST(probes_what_is_ill),
	};

	return cmocka_run_group_tests_name("runner_amqp", tests, broker_setup,
	    broker_teardown);
}
