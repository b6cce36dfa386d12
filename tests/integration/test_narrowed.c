/*
 * RELOAD takes a namespace from a token while lists that it has asked for are
 * under way: from then on they have no row of what was lost.
 *
 * Each list begins with much of what is kept and ends with what is lost. The
 * client reads no more than the first line before RELOAD, through buffers that
 * are far too small for the rest.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon.h"
#include "wire.h"

#define T_2100 "4102444800000000000"

/* Of what is kept, and of what is lost. */
#define N_KEPT 3000
#define N_FAILED 1900
#define N_LOST 3

/* Rows have to be long. */
#define PAD                                                    \
	"0123456789012345678901234567890123456789012345678901" \
	"0123456789012345678901234567890123456789012345678901" \
	"0123456789012345678901234567890123456789012345678901" \
	"0123456789012345678901234567890123456789012345678901"

static const char wide[] = "[token.root]\nsecret = rootsecret\nnamespace = *\n"
			   "[token.t]\nsecret = tsecret\nnamespace = *\n"
			   "role = reader\n";
static const char narrow[] =
    "[token.root]\nsecret = rootsecret\nnamespace = *\n"
    "[token.t]\nsecret = tsecret\nnamespace = a.\nrole = reader\n";
static const char none[] = "[token.root]\nsecret = rootsecret\nnamespace = *\n";

static void
write_tokens(const struct daemon *d, const char *text)
{
	int fd = open(daemon_path(d, "tokens"),
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
}

static void
open_as(struct wire *w, const struct daemon *d, const char *secret)
{
	wire_open(w, d->port);
	wire_sendf(w, "AUTH %s\n", secret);
	wire_expect(w, "OK");
}

/* Little fits between the server and this client. */
static void
open_slow(struct wire *w, const struct daemon *d)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	int bytes = 4096, segment = 1000;

	sin.sin_port = htons((uint16_t)d->port);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*w = (struct wire){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC,
				0) };
	assert_int_not_equal(w->fd, -1);
	assert_int_equal(
	    setsockopt(w->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)), 0);
	assert_int_equal(setsockopt(w->fd, IPPROTO_TCP, TCP_MAXSEG, &segment,
			     sizeof(segment)),
	    0);
	if (connect(w->fd, (struct sockaddr *)&sin, sizeof(sin)) == -1)
		fail_msg("connect: %s", strerror(errno));
	w->buf = malloc(WIRE_LINE_MAX);
	assert_non_null(w->buf);
	wire_send(w, "AUTH tsecret\n");
	wire_expect(w, "OK");
}

static void
hurry(const struct wire *w)
{
	int bytes = 1 << 20;

	assert_int_equal(
	    setsockopt(w->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)), 0);
}

/* n requests, each made from a number and answered with OK. */
static void
ask_all(struct wire *w, int n, const char *fmt)
{
	static char line[4096];

	for (int i = 0; i < n; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		(void)snprintf(line, sizeof(line), fmt, i, i, i);
#pragma GCC diagnostic pop
		wire_sendf(w, "1 %s\n", line);
	}
	for (int i = 0; i < n; i++)
		wire_expect(w, "1 OK");
}

static void
wait_for_alerts(struct wire *w, uint64_t n)
{
	while (wire_row_u64(w, "1 HEALTH ALERTS", "warning") < n)
		;
}

/* Rules and jobs of a namespace. Those of the rules that fail come first: of
 * alerts the newest are listed first. */
static void
fill_b(struct wire *w)
{
	ask_all(w, N_LOST, "RULE SET b.f%d b.f%d direct /bin/false");
	ask_all(w, N_LOST, "RULE OPTIONS b.f%d breaker=off");
	ask_all(w, N_LOST, "SET b.f%d now");
	wait_for_alerts(w, N_LOST);
	ask_all(w, N_LOST, "RULE SET b.r%d b.r%d http GET http://b.%d/");
	wire_ask(w,
	    "1 RULE SET b.out b.out shell \"head -c 200000 /dev/zero; "
	    "head -c 200000 /dev/zero >&2\"",
	    "1 OK");
	wire_ask(w, "1 SET b.out now", "1 OK");
	wire_until(w, "1 GET b.out", "1 OK executed");
}

static void
fill_a(struct wire *w)
{
	ask_all(w, N_FAILED,
	    "RULE SET a.f%d" PAD " a.f%d" PAD " direct /bin/false");
	ask_all(w, N_FAILED, "RULE OPTIONS a.f%d" PAD " breaker=off");
	ask_all(w, N_FAILED, "SET a.f%d" PAD " now");
	wait_for_alerts(w, N_FAILED + N_LOST);
	ask_all(w, N_KEPT,
	    "RULE SET a.r%d" PAD " a.r%d" PAD " http GET http://a" PAD ".%d/");
	wire_ask(w, "1 RULE SET a.p" PAD " a.p direct /bin/true", "1 OK");
	wire_ask(w, "1 RULE PAUSE a.p" PAD, "1 OK");
	wire_ask(w, "1 RULE SET b.p b.p direct /bin/true", "1 OK");
	wire_ask(w, "1 RULE PAUSE b.p", "1 OK");
	ask_all(w, N_KEPT, "SET a.p%d" PAD " now");
	ask_all(w, N_LOST, "SET b.p%d now");
	while (
	    wire_row_u64(w, "1 STAT", "executions_pending") < N_KEPT + N_LOST)
		;
}

/* What is asked, and how each row that must not come begins. */
static const char *const lists[][2] = {
	{ "l QUERY", "l b." },
	{ "l EXECUTIONS", " b." },
	{ "l LISTRULES", "l b." },
	{ "l HEALTH AGENTS", "l b." },
	{ "l HEALTH INTEGRATIONS", "l http://b." },
	{ "l INTEGRATION LIST", "l http://b." },
	{ "l BREAKER LIST", "l rule:b." },
	{ "l ALERT LIST", " b." },
};
#define N_LISTS (sizeof(lists) / sizeof(lists[0]))

static void
start(struct daemon *d, struct wire *root)
{
	write_tokens(d, wide);
	daemon_set(d, "controller.auth_file=tokens");
	daemon_set(d, "database.persistence=memory");
	daemon_set(d, "processor.max_output=256KiB");
	daemon_set(d, "health.polling_interval=100ms");
	daemon_set(d, "alerts.agent_min_executions=1");
	daemon_set(d, "alerts.agent_confidence=0");
	daemon_set(d, "alerts.raise_after=1");
	daemon_start(d);
	open_as(root, d, "rootsecret");
	fill_b(root);
	fill_a(root);
}

static void
test_lists_under_way(void **state)
{
	struct daemon *d = *state;
	struct wire root, w[N_LISTS], out;
	size_t bytes = 0;
	char *line;

	start(d, &root);
	for (size_t i = 0; i < N_LISTS; i++) {
		open_slow(&w[i], d);
		wire_sendf(&w[i], "%s\n", lists[i][0]);
		wire_expect_start(&w[i], "l ");
	}
	open_slow(&out, d);
	wire_send(&out, "l OUTPUT b.out\n");
	wire_expect_start(&out, "l stdout ");
	write_tokens(d, narrow);
	wire_ask(&root, "1 RELOAD", "1 OK");
	for (size_t i = 0; i < N_LISTS; i++) {
		size_t rows = 1;

		hurry(&w[i]);
		while (strcmp(line = wire_line(&w[i]), "l OK") != 0) {
			rows++;
			if (strstr(line, lists[i][1]) != NULL)
				fail_msg("%s: %s", lists[i][0], line);
		}
		assert_true(rows >= N_FAILED);
		wire_close(&w[i]);
	}
	hurry(&out);
	while (strcmp(line = wire_line(&out), "l OK") != 0)
		bytes += strlen(line);
	assert_true(bytes < 4 * 300000);
	wire_ask_start(&out, "m OUTPUT b.out", "m ERROR denied ");
	wire_close(&out);
	wire_close(&root);
	daemon_stop(d);
}

/* A token that is gone shows nothing more at all. */
static void
test_token_gone(void **state)
{
	struct daemon *d = *state;
	struct wire root, w[N_LISTS];
	char *line;

	start(d, &root);
	for (size_t i = 0; i < N_LISTS; i++) {
		open_slow(&w[i], d);
		wire_sendf(&w[i], "%s\n", lists[i][0]);
		wire_expect_start(&w[i], "l ");
	}
	write_tokens(d, none);
	wire_ask(&root, "1 RELOAD", "1 OK");
	for (size_t i = 0; i < N_LISTS; i++) {
		hurry(&w[i]);
		while ((line = wire_line_or_end(&w[i])) != NULL)
			if (strcmp(line, "l OK") == 0 ||
			    strstr(line, lists[i][1]) != NULL)
				fail_msg("%s: %s", lists[i][0], line);
		wire_close(&w[i]);
	}
	wire_close(&root);
	daemon_stop(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DAEMON_TEST(test_lists_under_way),
		DAEMON_TEST(test_token_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
