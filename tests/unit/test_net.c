/* The client's transport: addresses, connecting, deadlines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "net.h"
#include "script.h"
#include "tstamp.h"

static void
expect_address(const char *text, const char *host, const char *port,
    const char *path)
{
	struct net_address a;
	struct failure f = { 0 };

	assert_int_equal(net_parse_address(text, &a, &f), 0);
	assert_string_equal(a.host, host);
	assert_string_equal(a.port, port);
	assert_string_equal(a.path, path);
}

static void
test_addresses(void **state)
{
	(void)state;
	expect_address("127.0.0.1:5678", "127.0.0.1", "5678", "");
	expect_address("localhost", "localhost", "5678", "");
	expect_address("host.example:1", "host.example", "1", "");
	expect_address("[::1]:5679", "::1", "5679", "");
	expect_address("[fe80::1%lo]", "fe80::1%lo", "5678", "");
	expect_address("unix:/run/tickd.sock", "", "", "/run/tickd.sock");
	expect_address("unix:a:b", "", "", "a:b");
}

static void
test_bad_addresses(void **state)
{
	static const char *const bad[] = {
		"",
		":",
		":5678",
		"host:",
		"::1",
		"::1:5678",
		"[::1",
		"[::1]5678",
		"[]:1",
		"[::1]:",
		"unix:",
		"a:b:c",
		"host:1234567890123456789012345678901234567890",
		"host:99999",
		"host:65536",
		"host:0",
		"host:http",
		"host:-1",
		"[::1]:99999",
		"tls://host",
		"tcp://host:5678",
	};
	char long_path[200] = "unix:/";
	struct net_address a;
	struct failure f;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		f = (struct failure){ 0 };
		assert_int_equal(net_parse_address(bad[i], &a, &f), -1);
		assert_int_equal(f.code, TICK_ERR_ADDRESS);
		assert_string_not_equal(f.msg, "");
	}
	memset(long_path + 6, 'x', sizeof(long_path) - 7);
	assert_int_equal(net_parse_address(long_path, &a, &f), -1);
}

/* Connect to text within ms. The failure's code. */
static enum tick_error
connect_to(const char *text, int ms, struct net *n)
{
	struct net_address a;
	struct failure f = { 0 };

	assert_int_equal(net_parse_address(text, &a, &f), 0);
	if (net_open(n, &a, net_deadline(ms), &f) == -1) {
		assert_int_equal(n->fd, -1);
		assert_int_not_equal(f.code, TICK_OK);
	}
	return f.code;
}

static void
test_refused(void **state)
{
	struct script s;
	struct net n;

	(void)state;
	/* A port that was free a moment ago. */
	script_start(&s, NULL, 0);
	assert_int_equal(connect_to(s.address, 5000, &n), TICK_OK);
	net_close(&n);
	script_end(&s);
	assert_int_equal(connect_to(s.address, 5000, &n), TICK_ERR_CONNECT);
	assert_int_equal(connect_to("unix:/nonexistent/x", 5000, &n),
	    TICK_ERR_CONNECT);
}

/* A unix listener nobody accepts from, with a queue of one. */
static int
listen_unix(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_int_not_equal(fd, -1);
	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(fd, 0), 0);
	return fd;
}

static void
test_unix_queue_full(void **state)
{
	char dir[] = "/tmp/test_net.XXXXXX";
	char path[64], address[80];
	struct net a, b;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/s", dir);
	(void)snprintf(address, sizeof(address), "unix:%s", path);
	fd = listen_unix(path);
	assert_int_equal(connect_to(address, 1000, &a), TICK_OK);
	assert_int_equal(connect_to(address, 30, &b), TICK_ERR_TIMEOUT);
	/* Room in the queue lets the next one in. */
	(void)close(accept(fd, NULL, NULL));
	assert_int_equal(connect_to(address, 1000, &b), TICK_OK);
	net_close(&a);
	net_close(&b);
	net_close(&b); /* twice is nothing */
	(void)close(fd);
	(void)unlink(path);
	(void)rmdir(dir);
}

static void
test_read_write_and_end(void **state)
{
	static const struct step steps[] = { RECEIVE("hello"), SEND("you") };
	char bytes[8];
	struct script s;
	struct failure f = { 0 };
	struct net n;
	ssize_t r;

	(void)state;
	script_start(&s, steps, 2);
	assert_int_equal(connect_to(s.address, 5000, &n), TICK_OK);
	assert_int_equal(net_read(&n, bytes, sizeof(bytes), &f), 0);
	assert_int_equal(net_wait(&n, false, net_deadline(1), &f), -1);
	assert_int_equal(f.code, TICK_ERR_TIMEOUT);
	assert_int_equal(net_write(&n, "hello", 5, &f), 5);
	assert_int_equal(net_wait(&n, false, net_deadline(5000), &f), 0);
	assert_int_equal(net_read(&n, bytes, sizeof(bytes), &f), 3);
	assert_memory_equal(bytes, "you", 3);
	script_end(&s);
	assert_int_equal(net_wait(&n, true, NET_NO_DEADLINE, &f), 0);
	assert_int_equal(net_read(&n, bytes, sizeof(bytes), &f), -1);
	assert_int_equal(f.code, TICK_ERR_CLOSED);
	/* No SIGPIPE: the first write may still be taken, not the rest. */
	do {
		r = net_write(&n, "hello", 5, &f);
	} while (r >= 0);
	assert_int_equal(f.code, TICK_ERR_CLOSED);
	net_close(&n);
}

static void
test_deadlines(void **state)
{
	int64_t now = net_mono_ns();

	(void)state;
	assert_true(net_deadline(-1) == NET_NO_DEADLINE);
	assert_true(net_deadline(1000) >= now + NS_PER_S);
	assert_true(net_deadline(1000) < now + 60 * NS_PER_S);
	assert_true(net_deadline(2147483647) > now);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_bad_addresses),
		cmocka_unit_test(test_deadlines),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_unix_queue_full),
		cmocka_unit_test(test_read_write_and_end),
	};

	return cmocka_run_group_tests_name("net", tests, NULL, NULL);
}
