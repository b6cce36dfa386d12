/* Peers that vanish without closing their connection. */
#include <dirent.h>
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
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon.h"
#include "wire.h"

static in_port_t
port_of(int fd, int (*name)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_in sin = { 0 };
	socklen_t n = sizeof(sin);

	if (name(fd, (struct sockaddr *)&sin, &n) == -1 ||
	    sin.sin_family != AF_INET)
		return 0;
	return sin.sin_port;
}

/* The server's end of a connection, as a descriptor of ours; -1: this machine
 * does not let us have it. */
static int
other_end(const struct daemon *d, const struct wire *w)
{
	in_port_t port = port_of(w->fd, getsockname);
	int pidfd = (int)syscall(SYS_pidfd_open, d->pid, 0), found = -1;
	char path[64];
	struct dirent *e;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)d->pid);
	dir = opendir(path);
	assert_non_null(dir);
	while (pidfd != -1 && found == -1 && (e = readdir(dir)) != NULL) {
		int fd = (int)strtol(e->d_name, NULL, 10);
		int copy = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);

		if (copy == -1)
			continue;
		if (e->d_name[0] != '.' && port_of(copy, getpeername) == port)
			found = copy;
		else
			(void)close(copy);
	}
	(void)closedir(dir);
	if (pidfd != -1)
		(void)close(pidfd);
	return found;
}

static int
option(int fd, int level, int name)
{
	socklen_t n = sizeof(int);
	int value = -1;

	assert_int_equal(getsockopt(fd, level, name, &value, &n), 0);
	return value;
}

/* Nothing is sent any more from our end, not even that it closes. */
static bool
vanish(struct wire *w)
{
	const int on = 1;

	if (setsockopt(w->fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)) == -1)
		return false;
	wire_close(w);
	return true;
}

/* As if the time after which a silent peer is asked had passed. */
static void
hurry(int fd)
{
	const int second = 1;

	assert_int_equal(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
	assert_in_range(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 1, 60);
	assert_in_range(option(fd, IPPROTO_TCP, TCP_KEEPINTVL), 1, 60);
	assert_in_range(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 1, 180000);
	assert_int_equal(
	    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &second, sizeof(second)),
	    0);
	(void)close(fd);
}

static void
await_connections(struct wire *w, uint64_t n)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	for (int left = DEADLINE_MS; left > 0; left--) {
		if (wire_row_u64(w, "1 STAT", "connections") == n)
			return;
		(void)nanosleep(&pause, NULL);
	}
	fail_msg("a connection stays");
}

static void
test_busy_worker(void **state)
{
	struct daemon *d = *state;
	struct wire w, worker;
	int end;

	wire_start(&w, d);
	wire_ask(&w, "1 RULE SET r j agent", "1 OK");
	wire_ask(&w, "1 RULE OPTIONS r on_crash=fail", "1 OK");
	wire_open(&worker, d->port);
	wire_ask(&worker, "w AGENT ATTACH r", "w OK 1");
	wire_ask(&w, "1 SET j now", "1 OK");
	wire_expect_start(&worker, "w RUN 1 j ");
	end = other_end(d, &worker);
	if (end == -1 || !vanish(&worker)) {
		print_message("SKIPPED, a peer cannot vanish here\n");
		wire_stop(&w, d);
		skip();
	}
	hurry(end);
	wire_until(&w, "1 GET j", "1 OK failed ");
	wire_ask_start(&w, "1 HISTORY j", "1 1 ");
	wire_expect(&w, "1 OK");
	assert_string_equal(wire_row(&w, "1 INFO j", "last_outcome"), "lost");
	await_connections(&w, 1);
	wire_stop(&w, d);
}

static void
test_idle_client(void **state)
{
	struct daemon *d = *state;
	struct wire w, idle;
	int end;

	wire_start(&w, d);
	wire_open(&idle, d->port);
	wire_ask(&idle, "1 PING", "1 OK");
	assert_int_equal(wire_row_u64(&w, "1 STAT", "connections"), 2);
	end = other_end(d, &idle);
	if (end == -1 || !vanish(&idle)) {
		print_message("SKIPPED, a peer cannot vanish here\n");
		wire_stop(&w, d);
		skip();
	}
	hurry(end);
	await_connections(&w, 1);
	wire_stop(&w, d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DAEMON_TEST(test_busy_worker),
		DAEMON_TEST(test_idle_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
