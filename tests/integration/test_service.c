/* A server and its service manager: what it is told, and what it gives. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "beat.h"
#include "daemon.h"
#include "systemd.h"
#include "wire.h"

/* The service manager's end, and the last message that it took. */
static int manager = -1;
static char message[2048];

/* Be the one who is told, at a path or (with `@`) an abstract name. */
static void
listen_at(const char *name)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	size_t n = strlen(name);
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);

	assert_true(n < sizeof(sun.sun_path));
	memcpy(sun.sun_path, name, n);
	if (name[0] == '@')
		sun.sun_path[0] = '\0';
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_not_equal(manager, -1);
	assert_int_equal(bind(manager, (struct sockaddr *)&sun, len), 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
}

static void
listen_in(const struct daemon *d)
{
	listen_at(daemon_path(d, "notify"));
}

static const char *
next_message(void)
{
	struct pollfd p = { .fd = manager, .events = POLLIN };
	ssize_t n;

	assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
	n = recv(manager, message, sizeof(message) - 1, 0);
	assert_true(n > 0);
	message[n] = '\0';
	return message;
}

/* Whether the last message has a line that begins so. */
static bool
has_line(const char *start)
{
	const char *line = message;

	while (strncmp(line, start, strlen(start)) != 0) {
		if ((line = strchr(line, '\n')) == NULL)
			return false;
		line++;
	}
	return true;
}

/* Take messages up to the one with such a line. */
static void
until(const char *start)
{
	do
		(void)next_message();
	while (!has_line(start));
}

/* All that was sent by one that has ended: whether any had such a line. */
static bool
any_left(const char *start)
{
	ssize_t n;

	while ((n = recv(manager, message, sizeof(message) - 1, MSG_DONTWAIT)) >
	    0) {
		message[n] = '\0';
		if (has_line(start))
			return true;
	}
	return false;
}

static int
setup(void **state)
{
	manager = -1;
	return daemon_setup(state);
}

static int
teardown(void **state)
{
	static const char *const variables[] = { "NOTIFY_SOCKET",
		"WATCHDOG_USEC", "WATCHDOG_PID", "JOURNAL_STREAM",
		"CREDENTIALS_DIRECTORY" };

	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		(void)unsetenv(variables[i]);
	if (manager != -1)
		(void)close(manager);
	return daemon_teardown(state);
}

/* RELOADING comes with the time, as Type=notify-reload wants it. */
static void
test_told(void **state)
{
	struct daemon *d = *state;

	listen_in(d);
	daemon_start(d);
	(void)next_message();
	assert_true(has_line("READY=1"));
	assert_true(has_line("STATUS=0 jobs, 0 planned;"));
	assert_int_equal(kill(d->pid, SIGHUP), 0);
	until("RELOADING=1");
	assert_true(has_line("MONOTONIC_USEC="));
	assert_true(strtoull(strstr(message, "USEC=") + 5, NULL, 10) > 0);
	(void)next_message();
	assert_true(has_line("READY=1"));
	assert_true(has_line("STATUS=reloaded"));
	daemon_stop(d);
	until("STOPPING=1");
	assert_true(has_line("EXTEND_TIMEOUT_USEC="));
}

static void
write_file(const struct daemon *d, const char *name, const char *text)
{
	FILE *f = fopen(daemon_path(d, name), "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void
test_reload_that_fails(void **state)
{
	struct daemon *d = *state;

	listen_in(d);
	write_file(d, "tickd.conf", "[log]\nlevel=info\n");
	daemon_arg(d, "-c");
	daemon_arg(d, "tickd.conf");
	daemon_start(d);
	write_file(d, "tickd.conf", "[log]\nlevel=loud\n");
	assert_int_equal(kill(d->pid, SIGHUP), 0);
	until("RELOADING=1");
	(void)next_message();
	assert_true(has_line("READY=1"));
	assert_true(has_line("STATUS=not reloaded: tickd.conf:2: log.level"));
	daemon_stop(d);
	assert_int_equal(daemon_start_refused(d), 2);
	until("STATUS=tickd.conf:2: log.level");
}

static void
test_abstract_name(void **state)
{
	struct daemon *d = *state;
	char name[64];

	(void)snprintf(name, sizeof(name), "@tickd-test-%ld", (long)getpid());
	listen_at(name);
	daemon_start(d);
	until("READY=1");
	daemon_stop(d);
}

/* No run sees what is meant for the server. */
static void
test_kept_from_runs(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	listen_in(d);
	assert_int_equal(setenv("WATCHDOG_USEC", "60000000", 1), 0);
	assert_int_equal(setenv("JOURNAL_STREAM", "1:2", 1), 0);
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", d->dir, 1), 0);
	wire_start(&w, d);
	wire_shell_rule(&w, d, "r", "j", "env >env.tmp; mv env.tmp env");
	wire_ask(&w, "s SET j now", "s OK");
	daemon_wait_lines(d, "env", 1);
	assert_null(strstr(daemon_content(d, "env"), "NOTIFY_SOCKET"));
	assert_null(strstr(daemon_content(d, "env"), "WATCHDOG"));
	assert_null(strstr(daemon_content(d, "env"), "JOURNAL_STREAM"));
	assert_null(strstr(daemon_content(d, "env"), "CREDENTIALS"));
	wire_stop(&w, d);
}

static void
test_watchdog(void **state)
{
	struct daemon *d = *state;

	listen_in(d);
	assert_int_equal(setenv("WATCHDOG_USEC", "20000", 1), 0);
	daemon_start(d);
	until("READY=1");
	for (int i = 0; i < 3; i++)
		until("WATCHDOG=1");
	assert_true(has_line("STATUS=0 jobs"));
	daemon_stop(d);
}

/* One of another process, the one that started it, say. */
static void
test_watchdog_of_another(void **state)
{
	struct daemon *d = *state;
	char pid[32];

	listen_in(d);
	(void)snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	assert_int_equal(setenv("WATCHDOG_USEC", "20000", 1), 0);
	assert_int_equal(setenv("WATCHDOG_PID", pid, 1), 0);
	daemon_start(d);
	until("READY=1");
	daemon_stop(d);
	assert_false(any_left("WATCHDOG=1"));
}

/* More time is asked for while runs end, and the watchdog goes on. */
static void
test_drain(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	listen_in(d);
	assert_int_equal(setenv("WATCHDOG_USEC", "20000", 1), 0);
	assert_int_equal(mkfifo(daemon_path(d, "go"), 0600), 0);
	wire_start(&w, d);
	wire_shell_rule(&w, d, "r", "j", "echo >begun; read x <go");
	wire_ask(&w, "s SET j now", "s OK");
	daemon_wait_lines(d, "begun", 1);
	assert_int_equal(kill(d->pid, SIGTERM), 0);
	until("STOPPING=1");
	assert_true(has_line("STATUS=draining: 1 jobs"));
	for (int i = 0; i < 3; i++) {
		until("WATCHDOG=1");
		assert_true(has_line("EXTEND_TIMEOUT_USEC="));
	}
	write_file(d, "go", "x\n");
	until("STATUS=stopping");
	wire_close(&w);
	assert_int_equal(waitpid(d->pid, NULL, 0), d->pid);
	d->pid = 0;
	wire_start(&w, d);
	wire_ask_start(&w, "g GET j", "g OK executed");
	wire_stop(&w, d);
}

/* What a server reports that reads a long log: here by the same code without
 * one, as it does so at most once a second. */
static void
test_recovery(void **state)
{
	listen_in(*state);
	systemd_take();
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_true(systemd_listens());
	beat_recovering(65536);
	(void)next_message();
	assert_true(has_line("EXTEND_TIMEOUT_USEC="));
	assert_true(has_line("STATUS=recovering: 65536 records so far"));
	systemd_take();
	assert_false(systemd_listens());
}

/* Lines have priorities where standard error is the stream to the journal. */
static void
test_journal(void **state)
{
	struct daemon *d = *state;
	char stream[64];
	struct stat st;

	daemon_start(d);
	daemon_stop(d);
	assert_true(strncmp(daemon_log(d), "time=", 5) == 0);
	assert_int_equal(stat(daemon_path(d, "stderr.log"), &st), 0);
	(void)snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
	daemon_start(d);
	assert_non_null(strstr(daemon_log(d), "<6>time="));
	assert_int_equal(kill(d->pid, SIGUSR1), 0);
	daemon_set(d, "controller.listen=unix:/no/such/folder/socket");
	daemon_stop(d);
	assert_int_equal(daemon_start_refused(d), 1);
	assert_non_null(strstr(daemon_log(d), "<3>time="));
	assert_int_equal(setenv("JOURNAL_STREAM", "1:2", 1), 0);
	assert_int_equal(daemon_start_refused(d), 1);
	assert_true(strncmp(daemon_log(d), "time=", 5) == 0);
}

static int
connect_unix(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	assert_int_not_equal(fd, -1);
	assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	return fd;
}

static void
expect_pong(int fd)
{
	char reply[64];
	ssize_t n;

	assert_int_equal(write(fd, "p PING\n", 7), 7);
	n = read(fd, reply, sizeof(reply));
	assert_int_equal(n, 5);
	assert_memory_equal(reply, "p OK\n", 5);
	(void)close(fd);
}

static void
test_unix_sockets(void **state)
{
	struct daemon *d = *state;
	char set[128];
	struct stat st;

	(void)snprintf(set, sizeof(set),
	    "controller.listen=127.0.0.1:0, unix:plain, "
	    "unix:shared mode=0660 group=%ld, unix:a b group=%ld",
	    (long)getgid(), (long)getgid());
	daemon_set(d, set);
	daemon_start(d);
	assert_int_equal(stat(daemon_path(d, "plain"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(daemon_path(d, "shared"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_int_equal(st.st_gid, getgid());
	assert_int_equal(stat(daemon_path(d, "a b"), &st), 0);
	expect_pong(connect_unix(daemon_path(d, "shared")));
	daemon_stop(d);
	daemon_set(d, "controller.listen=unix:s group=no-such-group");
	assert_int_equal(daemon_start_refused(d), 2);
	assert_non_null(strstr(daemon_log(d), "no group no-such-group"));
	daemon_set(d, "controller.listen=unix:s mode=0777");
	assert_int_equal(daemon_start_refused(d), 2);
	assert_non_null(strstr(daemon_log(d), "mode is none of"));
}

static void
test_credentials(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	daemon_set(d, "controller.auth_file=%d/auth.conf");
	assert_int_equal(daemon_start_refused(d), 2);
	assert_non_null(strstr(daemon_log(d), "CREDENTIALS_DIRECTORY"));
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", d->dir, 1), 0);
	write_file(d, "auth.conf",
	    "[token.a]\nsecret = xyzzy-1234\nnamespace = *\n");
	wire_start(&w, d);
	wire_ask(&w, "a AUTH xyzzy-1234", "a OK");
	wire_ask(&w, "c RELOAD", "c OK");
	wire_stop(&w, d);
}

/* The child's side: a service manager passes the socket as the third. */
static void
become(const struct daemon *d, char **argv, int fd)
{
	char pid[32];

	(void)snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || dup2(fd, 3) == -1 ||
	    fcntl(3, F_SETFD, 0) == -1 || chdir(d->dir) == -1 ||
	    setenv("LISTEN_PID", pid, 1) == -1 ||
	    setenv("LISTEN_FDS", "1", 1) == -1)
		_exit(126);
	execv(argv[0], argv);
	_exit(127);
}

/* Start a server that is given a socket. */
static pid_t
start_given(const struct daemon *d, int fd, const char *extra)
{
	const char *program = getenv("TICKD");
	char *path = realpath(program == NULL ? "build/tickd" : program, NULL);
	char memory[] = "--set=database.persistence=memory";
	char extra_copy[128];
	char *argv[] = { path, memory, extra_copy, NULL };
	pid_t pid;

	assert_non_null(path);
	(void)snprintf(extra_copy, sizeof(extra_copy), "%s", extra);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0)
		become(d, argv, fd);
	free(path);
	return pid;
}

static void
test_passed_sockets(void **state)
{
	struct daemon *d = *state;
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int status;
	pid_t pid;

	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/passed", d->dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	/* One that does not listen is refused. */
	pid = start_given(d, fd, "--set=log.level=off");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_int_equal(listen(fd, 5), 0);
	/* Of controller.listen nothing is opened. */
	pid = start_given(d, fd,
	    "--set=controller.listen=unix:/no/such/folder/socket");
	expect_pong(connect_unix(sun.sun_path));
	assert_int_equal(kill(pid, SIGTERM), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(access(sun.sun_path, F_OK), 0);
	(void)close(fd);
}

#define SERVICE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SERVICE_TEST(test_told),
		SERVICE_TEST(test_reload_that_fails),
		SERVICE_TEST(test_abstract_name),
		SERVICE_TEST(test_kept_from_runs),
		SERVICE_TEST(test_watchdog),
		SERVICE_TEST(test_watchdog_of_another),
		SERVICE_TEST(test_drain),
		SERVICE_TEST(test_recovery),
		SERVICE_TEST(test_journal),
		SERVICE_TEST(test_unix_sockets),
		SERVICE_TEST(test_credentials),
		SERVICE_TEST(test_passed_sockets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
