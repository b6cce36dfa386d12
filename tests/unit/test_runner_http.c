#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "hung_name.h"
#include "peer.h"
#include "runs.h"

#define SECOND INT64_C(1000000000)

static struct peer peer;
static const char *answer;

/* What the peer does. */

/* Receive one request, with its body. False: no more come. */
static bool
receive_request(struct peer *p)
{
	const char *length, *body;
	size_t n, got;

	peer_forget(p);
	if (!peer_receive_until(p, "\r\n\r\n"))
		return false;
	if ((length = strstr(p->received, "Content-Length: ")) == NULL)
		return true;
	n = strtoul(length + strlen("Content-Length: "), NULL, 10);
	body = strstr(p->received, "\r\n\r\n") + 4;
	got = (size_t)(p->received + p->n_received - body);
	return got >= n || peer_receive(p, n - got);
}

static void
answer_each(struct peer *p)
{
	while (receive_request(p))
		if (!peer_send(p, answer))
			return;
}

static void
answer_and_close(struct peer *p)
{
	if (receive_request(p))
		(void)peer_send(p, answer);
}

static void
answer_and_wait(struct peer *p)
{
	if (receive_request(p) && peer_send(p, answer))
		peer_await_end(p);
}

static void
flood(struct peer *p)
{
	static char zeros[65536];

	if (!receive_request(p) ||
	    !peer_send(p, "HTTP/1.1 200 OK\r\n\r\nbegin"))
		return;
	while (peer_send_bytes(p, zeros, sizeof(zeros)))
		;
}

/* Runs. */

static const char *
line(const char *method, const char *path, const char *options)
{
	static char text[512];

	(void)snprintf(text, sizeof(text),
	    "http\t%s\thttp://127.0.0.1:%d%s%s%s", method, peer.port, path,
	    *options == '\0' ? "" : "\t--\t", options);
	return text;
}

static const struct run *
get(const char *options)
{
	return runs_run(line("GET", "/", options));
}

/* One run against a peer that does this. */
static const struct run *
meet(peer_cb *serve, const char *text, const char *options)
{
	const struct run *run;

	answer = text;
	peer_start(&peer, serve);
	run = get(options);
	runs_restart(64); /* closes what is kept */
	peer_stop(&peer);
	return run;
}

static void
expect_reason(const struct run *run, const char *part)
{
	if (strstr(run->reason, part) == NULL)
		fail_msg("reason \"%s\" lacks \"%s\"", run->reason, part);
}

#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n"

static void
gets(void **state)
{
	(void)state;
	runs_expect(meet(answer_each, OK_HELLO, ""), RUN_SUCCESS, 200,
	    "hello\n");
}

static void
reads_chunks(void **state)
{
	(void)state;
	runs_expect(meet(answer_each,
			"HTTP/1.1 201 Created\r\n"
			"Transfer-Encoding: chunked\r\n\r\n"
			"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n",
			""),
	    RUN_SUCCESS, 201, "abcdefg");
}

static void
judges_by_the_code(void **state)
{
	const struct run *run;

	(void)state;
	run = meet(answer_each,
	    "HTTP/1.1 500 Oh\r\nContent-Length: 4\r\n\r\nwhy\n", "");
	runs_expect(run, RUN_FAILURE, 500, "why\n");
	assert_string_equal(run->reason, "HTTP 500");
	runs_expect(meet(answer_each,
			"HTTP/1.1 404 Gone\r\nContent-Length: 0\r\n\r\n",
			"success=200-299,404"),
	    RUN_SUCCESS, 404, "");
	runs_expect(meet(answer_each, OK_HELLO, "success=201"), RUN_FAILURE,
	    200, "hello\n");
}

static void
follows_no_redirect(void **state)
{
	const struct run *run;

	(void)state;
	run = meet(answer_each,
	    "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n"
	    "Content-Length: 0\r\n\r\n",
	    "");
	runs_expect(run, RUN_FAILURE, 302, "");
	expect_reason(run, "redirects are not followed");
	assert_int_equal(atomic_load(&peer.connections), 1);
	runs_expect(meet(answer_each,
			"HTTP/1.1 307 Temporary\r\nLocation: /\r\n"
			"Content-Length: 0\r\n\r\n",
			"success=307"),
	    RUN_SUCCESS, 307, "");
}

/* What the peer has received of a run with this payload. */
static const char *
posted(const char *method, const char *payload, size_t len)
{
	struct run *run;

	answer = OK_HELLO;
	peer_start(&peer, answer_and_close);
	run = runs_new(1, line(method, "/hook?x=1", ""));
	run->attempt = 3;
	if (payload != NULL) {
		run->payload = malloc(len + 1);
		assert_non_null(run->payload);
		memcpy(run->payload, payload, len);
		run->payload[len] = '\0';
		run->payload_len = len;
	}
	assert_true(processor_submit(runs_processor(), run));
	runs_expect(runs_finished(1), RUN_SUCCESS, 200, "hello\n");
	peer_stop(&peer);
	return strstr(peer.received, "\r\n\r\n") + 4;
}

static void
posts(void **state)
{
	(void)state;
	assert_string_equal(posted("POST", NULL, 0),
	    "{\"job_id\":\"test.job\",\"execution\":1711612800000000000,"
	    "\"attempt\":3,\"payload\":null}");
	assert_non_null(strstr(peer.received, "POST /hook?x=1 HTTP/1.1\r\n"));
	assert_non_null(
	    strstr(peer.received, "Content-Type: application/json\r\n"));
	assert_null(strstr(peer.received, "Expect:"));
	assert_string_equal(posted("PUT", "", 0),
	    "{\"job_id\":\"test.job\",\"execution\":1711612800000000000,"
	    "\"attempt\":3,\"payload\":\"\"}");
	assert_non_null(strstr(peer.received, "PUT /hook?x=1 HTTP/1.1\r\n"));
}

static void
posts_any_payload(void **state)
{
	static const char payload[] = "a\"\\/\b\n\0\x1f\x7fü€😀"
				      "<\xff\xc0\x80\xed\xa0\x80\xe2\x82>";
	static const char decoded[] =
	    "a\"\\/\b\n\0\x1f\x7fü€😀<"
	    "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
	    "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd>";
	json_t *body, *text;

	(void)state;
	body = json_loads(posted("POST", payload, sizeof(payload) - 1),
	    JSON_ALLOW_NUL, NULL);
	assert_non_null(body);
	text = json_object_get(body, "payload");
	assert_int_equal(json_string_length(text), sizeof(decoded) - 1);
	assert_memory_equal(json_string_value(text), decoded, sizeof(decoded));
	json_decref(body);
}

static void
sends_nothing_with_get_and_delete(void **state)
{
	(void)state;
	assert_string_equal(posted("GET", "x", 1), "");
	assert_non_null(strstr(peer.received, "GET /hook?x=1 HTTP/1.1\r\n"));
	assert_string_equal(posted("DELETE", "x", 1), "");
	assert_non_null(strstr(peer.received, "DELETE /hook?x=1 HTTP/1.1\r\n"));
}

static void
keeps_credentials_to_itself(void **state)
{
	const struct run *run;
	char text[128];

	(void)state;
	answer = OK_HELLO;
	peer_start(&peer, answer_and_close);
	(void)snprintf(text, sizeof(text),
	    "http\tGET\thttp://us%%3aer:s%%40cret@127.0.0.1:%d/", peer.port);
	runs_expect(runs_run(text), RUN_SUCCESS, 200, "hello\n");
	peer_stop(&peer);
	/* us:er:s@cret */
	assert_non_null(
	    strstr(peer.received, "Authorization: Basic dXM6ZXI6c0BjcmV0\r\n"));
	run = runs_run(text);
	runs_expect(run, RUN_FAILURE, RUN_EXIT_NONE, "");
	assert_null(strstr(run->reason, "cret"));
	run = runs_run("http\tGET\thttp://user:se%00cret@127.0.0.1/");
	runs_expect(run, RUN_FAILURE, RUN_EXIT_NONE, "");
	assert_null(strstr(run->reason, "cret"));
}

static void
ignores_the_environments_proxy(void **state)
{
	(void)state;
	assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
	runs_expect(meet(answer_each, OK_HELLO, ""), RUN_SUCCESS, 200, NULL);
	assert_int_equal(unsetenv("http_proxy"), 0);
}

static void
keeps_connections(void **state)
{
	int i;

	(void)state;
	answer = OK_HELLO;
	peer_start(&peer, answer_each);
	for (i = 0; i < 100; i++)
		runs_expect(get(""), RUN_SUCCESS, 200, "hello\n");
	runs_restart(64);
	peer_stop(&peer);
	assert_int_equal(atomic_load(&peer.connections), 1);
}

/* The server closes each connection after its answer, without having said
 * so. */
static void
survives_connections_that_end(void **state)
{
	int i;

	(void)state;
	answer = OK_HELLO;
	peer_start(&peer, answer_and_close);
	for (i = 0; i < 100; i++)
		runs_expect(get(""), RUN_SUCCESS, 200, "hello\n");
	runs_restart(64);
	peer_stop(&peer);
	assert_int_equal(atomic_load(&peer.connections), 100);
}

static void
tells_broken_answers(void **state)
{
	(void)state;
	runs_expect(meet(answer_and_close, "", ""), RUN_FAILURE, RUN_EXIT_NONE,
	    "");
	runs_expect(meet(answer_and_close, "SSH-2.0-Open\r\n", ""), RUN_FAILURE,
	    RUN_EXIT_NONE, "");
	runs_expect(meet(answer_and_close,
			"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", ""),
	    RUN_FAILURE, 200, "half");
}

static void
tells_refused_connections(void **state)
{
	const struct run *run;

	(void)state;
	peer.port = peer_free_port();
	run = get("");
	runs_expect(run, RUN_FAILURE, RUN_EXIT_NONE, "");
	expect_reason(run, "refused");
}

static void
tells_unknown_hosts(void **state)
{
	const struct run *run;

	(void)state;
	run = runs_run("http\tGET\thttp://no.such.host.invalid/");
	runs_expect(run, RUN_FAILURE, RUN_EXIT_NONE, "");
	expect_reason(run, "resolve");
}

static void
bounds_the_body(void **state)
{
	static const char note[] = "the body was cut after 16 MiB\n";
	const struct run *run = meet(flood, "", "");

	(void)state;
	runs_expect(run, RUN_SUCCESS, 200, NULL);
	assert_int_equal(run->output[OUTPUT_STDOUT].len, RUNS_MAX_OUTPUT);
	assert_true(run->output[OUTPUT_STDOUT].total > 16 << 20);
	assert_true(run->output[OUTPUT_STDOUT].total < 17 << 20);
	assert_int_equal(run->output[OUTPUT_STDERR].len, sizeof(note) - 1);
	assert_memory_equal(run->output[OUTPUT_STDERR].bytes, note,
	    sizeof(note) - 1);
}

static void
times_out(void **state)
{
	(void)state;
	runs_expect(meet(answer_and_wait, "", "timeout=50ms"), RUN_TIMEOUT,
	    RUN_EXIT_NONE, "");
	runs_expect(meet(answer_and_wait, "HTTP/1.1 200 OK\r\nContent-",
			"timeout=50ms"),
	    RUN_TIMEOUT, RUN_EXIT_NONE, "");
	runs_expect(meet(answer_and_wait,
			"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
			"timeout=50ms"),
	    RUN_TIMEOUT, RUN_EXIT_NONE, "half");
}

static void
limits_silence_without_a_timeout(void **state)
{
	const struct run *run;

	(void)state;
	answer = "HTTP/1.1 200 OK\r\n";
	peer_start(&peer, answer_and_wait);
	runs_restart_limited(SECOND);
	run = get("");
	runs_expect(run, RUN_FAILURE, 200, "");
	expect_reason(run, "too slow");
	assert_true(run->ended_ns - run->started_ns > SECOND / 2);
	runs_restart(64);
	peer_stop(&peer);
}

/* A byte now and then, for as long as somebody listens. */
static void
answer_and_drip(struct peer *p)
{
	if (!receive_request(p) ||
	    !peer_send(p, "HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"))
		return;
	while (peer_send(p, "x"))
		(void)usleep(50000);
}

static void
limits_the_whole_without_a_timeout(void **state)
{
	const struct run *run;

	(void)state;
	peer_start(&peer, answer_and_drip);
	runs_restart_limited(SECOND / 5);
	run = get("");
	runs_expect(run, RUN_FAILURE, 200, NULL);
	assert_true(run->ended_ns - run->started_ns > SECOND / 2);
	runs_restart(64);
	peer_stop(&peer);
}

static void
await_start(uint64_t id)
{
	struct run_event event = runs_event();

	assert_int_equal(event.kind, RUN_STARTED);
	assert_int_equal(event.execution_id, id);
	assert_int_equal(event.pid, 0);
}

static void
cancels(void **state)
{
	(void)state;
	answer = "";
	peer_start(&peer, answer_and_wait);
	runs_submit(1, line("GET", "/", ""));
	await_start(1);
	processor_cancel(runs_processor(), 1, false);
	runs_expect(runs_finished(1), RUN_CANCELLED, RUN_EXIT_NONE, "");
	peer_stop(&peer); /* the connection has ended, too */
}

/* Neither the processor nor its end waits for a name server. */
static void
does_not_wait_for_names(void **state)
{
	(void)state;
	runs_submit(1, "http\tGET\thttp://" HUNG_NAME "/");
	await_start(1);
	hung_name_await();
	runs_submit(2, "http\tGET\thttp://" HUNG_NAME ":81/");
	await_start(2);
	hung_name_await();
	runs_expect(runs_run("http\tGET\thttp://127.0.0.1:1/"), RUN_FAILURE,
	    RUN_EXIT_NONE, "");
	processor_cancel(runs_processor(), 2, false);
	runs_expect(runs_finished(2), RUN_CANCELLED, RUN_EXIT_NONE, "");
	runs_restart(64);
	runs_expect(runs_run("direct\ttrue"), RUN_SUCCESS, 0, "");
	hung_name_release(2);
	runs_await_files();
}

static void
slow_ones_delay_nobody(void **state)
{
	uint64_t id;

	(void)state;
	answer = "";
	peer_start(&peer, answer_and_wait);
	for (id = 2; id <= 21; id++)
		runs_submit(id, line("POST", "/", "timeout=1h"));
	runs_submit(1, "direct\ttrue");
	runs_expect(runs_finished(0), RUN_SUCCESS, 0, "");
	runs_restart(64);
	peer_stop(&peer);
}

static const struct run *
get_tls(const char *host)
{
	char text[128];

	(void)snprintf(text, sizeof(text), "http\tGET\thttps://%s:%d/", host,
	    peer.port);
	return runs_run(text);
}

static void
verifies_certificates(void **state)
{
	char path[] = "/tmp/test_runner_http.XXXXXX";
	const struct run *run;

	(void)state;
	assert_true(close(mkstemp(path)) == 0);
	answer = OK_HELLO;
	peer_start_tls(&peer, answer_and_close, "127.0.0.1", path);
	run = get_tls("127.0.0.1");
	runs_expect(run, RUN_FAILURE, RUN_EXIT_NONE, "");
	expect_reason(run, "self-signed certificate");
	/* Trusted, it is taken, but for its own name only. */
	assert_int_equal(setenv("SSL_CERT_FILE", path, 1), 0);
	runs_expect(get_tls("127.0.0.1"), RUN_SUCCESS, 200, "hello\n");
	run = get_tls("localhost");
	runs_expect(run, RUN_FAILURE, RUN_EXIT_NONE, "");
	expect_reason(run, "localhost");
	assert_int_equal(unsetenv("SSL_CERT_FILE"), 0);
	peer_stop(&peer);
	assert_int_equal(unlink(path), 0);
}

static const struct run *
probe(peer_cb *serve, const char *text, const char *method)
{
	const struct run *run;

	answer = text;
	peer_start(&peer, serve);
	run = runs_probe(line(method, "/", "timeout=5s"));
	runs_restart(64);
	peer_stop(&peer);
	return run;
}

static void
probes(void **state)
{
	const struct run *run;

	(void)state;
	run = probe(answer_each, OK_HELLO, "GET");
	runs_expect(run, RUN_SUCCESS, 200, NULL);
	assert_true(run->answered);
	/* To HEAD there is no body, whatever the length says. */
	run = probe(answer_and_close,
	    "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n", "head");
	runs_expect(run, RUN_SUCCESS, 200, "");
	assert_non_null(strstr(peer.received, "HEAD / HTTP/1.1\r\n"));
	run = probe(answer_each,
	    "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n"
	    "Content-Length: 0\r\n\r\n",
	    "GET");
	runs_expect(run, RUN_SUCCESS, 302, "");
	assert_int_equal(atomic_load(&peer.connections), 1);
	run = probe(answer_each,
	    "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "HEAD");
	runs_expect(run, RUN_FAILURE, 503, "");
	assert_true(run->answered);
	expect_reason(run, "HTTP 503");
}

static void
probes_what_is_not_there(void **state)
{
	const struct run *run;

	(void)state;
	peer.port = peer_free_port();
	run = runs_probe(line("GET", "/", ""));
	runs_expect(run, RUN_FAILURE, RUN_EXIT_NONE, "");
	assert_false(run->answered);
	expect_reason(run, "refused");
	peer_start(&peer, peer_await_end);
	run = runs_probe(line("GET", "/", "timeout=50ms"));
	runs_expect(run, RUN_TIMEOUT, RUN_EXIT_NONE, "");
	assert_false(run->answered);
	peer_stop(&peer);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, runs_setup, runs_teardown)
	const struct CMUnitTest tests[] = {
		TEST(gets),
		TEST(reads_chunks),
		TEST(judges_by_the_code),
		TEST(follows_no_redirect),
		TEST(posts),
		TEST(posts_any_payload),
		TEST(sends_nothing_with_get_and_delete),
		TEST(keeps_credentials_to_itself),
		TEST(ignores_the_environments_proxy),
		TEST(keeps_connections),
		TEST(survives_connections_that_end),
		TEST(tells_broken_answers),
		TEST(tells_refused_connections),
		TEST(tells_unknown_hosts),
		TEST(bounds_the_body),
		TEST(times_out),
		TEST(limits_silence_without_a_timeout),
		TEST(limits_the_whole_without_a_timeout),
		TEST(cancels),
		TEST(does_not_wait_for_names),
		TEST(slow_ones_delay_nobody),
		TEST(verifies_certificates),
		TEST(probes),
		TEST(probes_what_is_not_there),
	};

	return cmocka_run_group_tests_name("runner_http", tests, NULL, NULL);
}
