/* The processes of runs: how they are stopped, what they inherit, and what
 * becomes of those that a run or a server leaves behind. */
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon.h"
#include "wire.h"

/* Works until SIGTERM, then finishes in its own time. */
#define WORKER                                                \
	"trap 'sleep 0.3; echo finished >> out; exit' TERM\n" \
	"echo $$ >> pid; while :; do sleep 0.01; done\n"
/* Does not hear SIGTERM. */
#define DEAF             \
	"trap '' TERM\n" \
	"echo $$ >> pid; while :; do sleep 0.01; done\n"

static void
write_file(const struct daemon *d, const char *name, const char *text)
{
	int fd =
	    open(daemon_path(d, name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(close(fd), 0);
}

static pid_t
written_pid(const struct daemon *d, const char *name)
{
	daemon_wait_lines(d, name, 1);
	return (pid_t)strtol(daemon_content(d, name), NULL, 10);
}

static const char *const groups[] = {
	"sh worker & wait",
	"sh worker | cat",
	"cd /tmp; cd -; sh worker; true",
	"(sh worker; true) & (true; sh worker & wait) & wait",
};

#define N_GROUPS (sizeof(groups) / sizeof(groups[0]))

static void
start_group(struct wire *w, struct daemon *d, const char *command)
{
	(void)unlink(daemon_path(d, "pid"));
	(void)unlink(daemon_path(d, "out"));
	wire_shell_rule(w, d, "r", "a", command);
	wire_ask(w, "1 SET a now", "1 OK");
	daemon_wait_lines(d, "pid", strstr(command, "& (") != NULL ? 2 : 1);
}

/* The shell dies at once of the signal that its command finishes by. */
static void
test_cancel_gives_the_group_its_time(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	write_file(d, "worker", WORKER);
	wire_start(&w, d);
	for (size_t i = 0; i < N_GROUPS; i++) {
		start_group(&w, d, groups[i]);
		wire_ask(&w, "1 CANCEL a", "1 OK");
		wire_until(&w, "1 GET a", "1 OK failed ");
		assert_string_equal(daemon_content(d, "out"),
		    i == 3 ? "finished\nfinished\n" : "finished\n");
		assert_string_equal(wire_row(&w, "1 INFO a", "last_outcome"),
		    "cancelled");
		daemon_await_gone(written_pid(d, "pid"));
	}
	wire_stop(&w, d);
}

static void
test_timeout_gives_the_group_its_time(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	write_file(d, "worker", WORKER);
	wire_start(&w, d);
	wire_shell_rule(&w, d, "r", "a", "true");
	wire_ask(&w, "1 RULE OPTIONS r timeout=1s kill_after=30s", "1 OK");
	for (size_t i = 0; i < N_GROUPS; i++) {
		start_group(&w, d, groups[i]);
		wire_until(&w, "1 GET a", "1 OK failed ");
		assert_string_equal(daemon_content(d, "out"),
		    i == 3 ? "finished\nfinished\n" : "finished\n");
		assert_string_equal(wire_row(&w, "1 INFO a", "last_outcome"),
		    "timeout");
	}
	wire_stop(&w, d);
}

static void
test_kill_after_is_the_end(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	write_file(d, "worker", DEAF);
	wire_start(&w, d);
	wire_shell_rule(&w, d, "r", "a", "true");
	wire_ask(&w, "1 RULE OPTIONS r kill_after=300ms", "1 OK");
	for (size_t i = 0; i < N_GROUPS; i++) {
		start_group(&w, d, groups[i]);
		wire_ask(&w, "1 CANCEL a", "1 OK");
		wire_until(&w, "1 GET a", "1 OK failed ");
		daemon_await_gone(written_pid(d, "pid"));
	}
	/* FORCE does not wait, neither at first nor afterwards. */
	wire_ask(&w, "1 RULE OPTIONS r kill_after=1h", "1 OK");
	for (int later = 0; later < 2; later++) {
		start_group(&w, d, groups[0]);
		if (later)
			wire_ask(&w, "1 CANCEL a", "1 OK");
		wire_ask(&w, "1 CANCEL a FORCE", "1 OK");
		wire_until(&w, "1 GET a", "1 OK failed ");
		daemon_await_gone(written_pid(d, "pid"));
	}
	wire_stop(&w, d);
}

/* At the end of a drain: SIGTERM, the same time, and it counts as lost. */
static void
test_drain_gives_the_group_its_time(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	write_file(d, "worker", WORKER);
	daemon_set(d, "processor.drain_timeout=10ms");
	for (size_t i = 0; i < N_GROUPS; i++) {
		wire_start(&w, d);
		start_group(&w, d, groups[i]);
		wire_stop(&w, d);
		assert_string_equal(daemon_content(d, "out"),
		    i == 3 ? "finished\nfinished\n" : "finished\n");
		daemon_await_gone(written_pid(d, "pid"));
		(void)unlink(daemon_path(d, "pid"));
		/* The same job goes on, and can be ended. */
		wire_start(&w, d);
		daemon_wait_lines(d, "pid", 1);
		wire_ask(&w, "1 CANCEL a FORCE", "1 OK");
		wire_until(&w, "1 GET a", "1 OK failed ");
		wire_stop(&w, d);
	}
	/* However often: it is not the run that ends the server. */
	wire_start(&w, d);
	start_group(&w, d, groups[0]);
	for (size_t i = 2; i < 5; i++) {
		wire_stop(&w, d);
		wire_start(&w, d);
		daemon_wait_lines(d, "pid", i);
	}
	wire_ask_start(&w, "1 GET a", "1 OK triggered ");
	wire_ask(&w, "1 CANCEL a FORCE", "1 OK");
	wire_until(&w, "1 GET a", "1 OK failed ");
	wire_stop(&w, d);
	/* What was cancelled before stays so. */
	wire_start(&w, d);
	start_group(&w, d, groups[0]);
	wire_ask(&w, "1 CANCEL a", "1 OK");
	wire_stop(&w, d);
	wire_start(&w, d);
	wire_ask_start(&w, "1 GET a", "1 OK failed ");
	assert_string_equal(wire_row(&w, "1 INFO a", "last_outcome"),
	    "cancelled");
	/* A second signal does not wait. */
	wire_ask(&w, "1 RULE OPTIONS r kill_after=1h", "1 OK");
	(void)unlink(daemon_path(d, "worker"));
	write_file(d, "worker", DEAF);
	start_group(&w, d, groups[0]);
	assert_int_equal(kill(d->pid, SIGTERM), 0);
	daemon_wait_log(d, "event=drain_timeout");
	wire_stop(&w, d);
	daemon_await_gone(written_pid(d, "pid"));
}

/* What a started session does in the background has its time as well. */
static void
test_sessions_give_the_group_its_time(void **state)
{
	struct daemon *d = *state;
	struct wire w;
	char request[512];

	write_file(d, "worker", WORKER);
	write_file(d, "session",
	    "echo 1 HELLO; while read id verb rest; do\n"
	    "test \"$verb\" != RUN || sh worker & done; wait\n");
	daemon_set(d, "processor.drain_timeout=10ms");
	wire_start(&w, d);
	(void)snprintf(request, sizeof(request),
	    "1 RULE SET r a agent /bin/sh -c \"cd %s; exec sh session\"",
	    d->dir);
	wire_ask(&w, request, "1 OK");
	for (int drain = 0; drain < 2; drain++) {
		(void)unlink(daemon_path(d, "pid"));
		(void)unlink(daemon_path(d, "out"));
		wire_ask(&w, "1 SET a now", "1 OK");
		daemon_wait_lines(d, "pid", 1);
		if (drain) {
			wire_stop(&w, d);
		} else {
			wire_ask(&w, "1 CANCEL a", "1 OK");
			wire_until(&w, "1 GET a", "1 OK failed ");
		}
		assert_string_equal(daemon_content(d, "out"), "finished\n");
		daemon_await_gone(written_pid(d, "pid"));
	}
}

/* What left the process group is stopped with its run, and nobody else's. */
static void
test_stops_what_left_the_group(void **state)
{
	struct daemon *d = *state;
	struct wire w;
	pid_t other;

	write_file(d, "worker", WORKER);
	wire_start(&w, d);
	wire_shell_rule(&w, d, "other", "b",
	    "(setsid sleep 1000 & echo $! > other); read x < fifo");
	wire_ask(&w, "1 SET b now", "1 OK");
	other = written_pid(d, "other");
	start_group(&w, d, "(setsid sh worker &); exec sleep 1000");
	wire_ask(&w, "1 CANCEL a", "1 OK");
	wire_until(&w, "1 GET a", "1 OK failed ");
	assert_string_equal(daemon_content(d, "out"), "finished\n");
	daemon_await_gone(written_pid(d, "pid"));
	/* When it ends by itself, what it left lives on. */
	wire_shell_rule(&w, d, "r", "a", "(setsid sleep 1000 & echo $! > pid)");
	assert_int_equal(unlink(daemon_path(d, "pid")), 0);
	wire_ask(&w, "1 SET a now", "1 OK");
	wire_until(&w, "1 GET a", "1 OK executed ");
	assert_int_equal(kill(written_pid(d, "pid"), 0), 0);
	assert_int_equal(kill(written_pid(d, "pid"), SIGKILL), 0);
	daemon_await_gone(written_pid(d, "pid"));
	assert_int_equal(kill(other, 0), 0);
	assert_int_equal(kill(other, SIGKILL), 0);
	daemon_await_gone(other);
	wire_stop(&w, d);
}

/* The process beside the server that ends what runs after it. */
static pid_t
keeper_of(struct daemon *d)
{
	const char *line = strstr(daemon_log(d), "event=keeper_started");
	const char *pid = line == NULL ? NULL : strstr(line, "pid=");

	if (pid == NULL) {
		fail_msg("no keeper was started");
		return 0;
	}
	return (pid_t)strtol(pid + 4, NULL, 10);
}

static const char *const stubborn[] = {
	"sh worker & wait",
	"sh worker | cat",
	"cd /tmp; cd -; sh worker; true",
	"env -i PATH=$PATH sh worker & wait",
	"setsid sh worker & wait",
	"(setsid sh worker &); exec sleep 1000",
};

/* Killed, and nobody starts it again: what ran goes all the same, though what
 * an earlier run left in the background does not. */
static void
test_runs_die_with_their_server(void **state)
{
	struct daemon *d = *state;
	struct wire w;
	pid_t left;

	write_file(d, "worker", DEAF);
	wire_start(&w, d);
	wire_shell_rule(&w, d, "b", "b", "sleep 1000 & echo $! > left");
	wire_ask(&w, "1 SET b now", "1 OK");
	wire_until(&w, "1 GET b", "1 OK executed ");
	left = written_pid(d, "left");
	wire_ask(&w, "1 SET b cron CRON @yearly", "1 OK");
	for (size_t i = 0; i < sizeof(stubborn) / sizeof(stubborn[0]); i++) {
		start_group(&w, d, stubborn[i]);
		daemon_kill(d);
		wire_close(&w);
		daemon_await_gone(written_pid(d, "pid"));
		/* It runs again by itself; that does not count here. */
		(void)unlink(daemon_path(d, "pid"));
		wire_start(&w, d);
		daemon_wait_lines(d, "pid", 1);
		wire_ask(&w, "1 CANCEL a FORCE", "1 OK");
		wire_until(&w, "1 GET a", "1 OK failed ");
	}
	assert_int_equal(kill(left, 0), 0);
	assert_int_equal(kill(left, SIGKILL), 0);
	wire_stop(&w, d);
	daemon_await_gone(left);
}

/* Both killed at once: the next server ends what runs before it runs the job
 * again. */
static void
test_never_two_alive(void **state)
{
	struct daemon *d = *state;
	struct wire w;
	pid_t first;

	write_file(d, "worker", DEAF);
	wire_start(&w, d);
	wire_shell_rule(&w, d, "r", "a", "true");
	wire_ask(&w, "1 RULE OPTIONS r concurrency=1", "1 OK");
	for (size_t i = 0; i < sizeof(stubborn) / sizeof(stubborn[0]); i++) {
		if (strstr(stubborn[i], "env -i") != NULL)
			continue;
		start_group(&w, d, stubborn[i]);
		first = written_pid(d, "pid");
		assert_int_equal(kill(keeper_of(d), SIGKILL), 0);
		daemon_wait_log(d, "event=keeper_lost");
		daemon_kill(d);
		wire_close(&w);
		assert_int_equal(kill(first, 0), 0);
		wire_start(&w, d);
		daemon_await_gone(first);
		daemon_wait_lines(d, "pid", 2);
		wire_ask(&w, "1 CANCEL a FORCE", "1 OK");
		wire_until(&w, "1 GET a", "1 OK failed ");
	}
	wire_stop(&w, d);
}

/* A keeper that is late: what the next server has begun again meanwhile is not
 * its business. */
static void
test_late_keeper(void **state)
{
	struct daemon *d = *state;
	struct wire w;
	pid_t keeper, again;

	write_file(d, "worker", DEAF);
	wire_start(&w, d);
	start_group(&w, d, "sh worker & wait");
	keeper = keeper_of(d);
	assert_int_equal(kill(keeper, SIGSTOP), 0);
	daemon_kill(d);
	wire_close(&w);
	wire_start(&w, d);
	daemon_wait_lines(d, "pid", 2);
	again = (pid_t)strtol(strchr(daemon_content(d, "pid"), '\n'), NULL, 10);
	assert_int_equal(kill(keeper, SIGCONT), 0);
	daemon_await_gone(keeper);
	assert_int_equal(kill(again, 0), 0);
	wire_ask_start(&w, "1 GET a", "1 OK triggered ");
	wire_ask(&w, "1 CANCEL a FORCE", "1 OK");
	wire_until(&w, "1 GET a", "1 OK failed ");
	wire_stop(&w, d);
}

static void
test_sessions_die_with_their_server(void **state)
{
	struct daemon *d = *state;
	struct wire w;
	char request[512];

	write_file(d, "worker", DEAF);
	write_file(d, "session",
	    "echo 1 HELLO; while read id verb rest; do\n"
	    "test \"$verb\" != RUN || sh worker & done; wait\n");
	wire_start(&w, d);
	(void)snprintf(request, sizeof(request),
	    "1 RULE SET r a agent /bin/sh -c \"cd %s; exec sh session\"",
	    d->dir);
	wire_ask(&w, request, "1 OK");
	wire_ask(&w, "1 SET a now", "1 OK");
	daemon_wait_lines(d, "pid", 1);
	daemon_kill(d);
	wire_close(&w);
	daemon_await_gone(written_pid(d, "pid"));
}

/* Wait for the end of what a run left in the background. */
static void
test_waits_for_orphans(void **state)
{
	struct daemon *d = *state;
	struct wire w;
	pid_t pid;

	wire_start(&w, d);
	wire_shell_rule(&w, d, "r", "a",
	    "(sh -c 'read x < fifo' & echo $! > pid)");
	assert_int_equal(mkfifo(daemon_path(d, "fifo"), 0600), 0);
	wire_ask(&w, "1 SET a now", "1 OK");
	wire_until(&w, "1 GET a", "1 OK executed ");
	pid = written_pid(d, "pid");
	assert_int_equal(kill(pid, SIGKILL), 0);
	daemon_await_gone(pid);
	wire_stop(&w, d);
}

/* Whatever the parent has blocked and ignored. */
static void
test_signals_of_the_parent(void **state)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1,
		SIGUSR2, SIGCHLD, SIGALRM };
	struct daemon *d = *state;
	sigset_t set, old;
	struct wire w;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		assert_true(signal(signals[i], SIG_IGN) != SIG_ERR);
		(void)sigaddset(&set, signals[i]);
	}
	assert_int_equal(sigprocmask(SIG_BLOCK, &set, &old), 0);
	wire_start(&w, d);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		assert_true(signal(signals[i], SIG_DFL) != SIG_ERR);
	assert_int_equal(sigprocmask(SIG_SETMASK, &old, NULL), 0);
	wire_shell_rule(&w, d, "r", "a",
	    "grep -E 'Sig(Blk|Ign)' /proc/self/status > out");
	wire_ask(&w, "1 SET a now", "1 OK");
	wire_until(&w, "1 GET a", "1 OK executed ");
	assert_string_equal(daemon_content(d, "out"),
	    "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
	assert_int_equal(kill(d->pid, SIGUSR2), 0);
	wire_ask(&w, "1 PING", "1 OK");
	assert_int_equal(kill(d->pid, SIGHUP), 0);
	daemon_wait_log(d, "event=reloaded");
	wire_stop(&w, d);
}

/* This process and so the server have one: see main. */
static void
test_no_terminal(void **state)
{
	struct daemon *d = *state;
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct wire w;

	assert_int_not_equal(fd, -1);
	assert_int_equal(close(fd), 0);
	wire_start(&w, d);
	wire_shell_rule(&w, d, "r", "a",
	    "(read x </dev/tty) 2> out; echo $? > status");
	wire_ask(&w, "1 SET a now", "1 OK");
	wire_until(&w, "1 GET a", "1 OK executed ");
	assert_string_not_equal(daemon_content(d, "status"), "0\n");
	assert_non_null(strstr(daemon_content(d, "out"), "/dev/tty"));
	wire_stop(&w, d);
}

/* What the server says of it is what a run finds. */
static void
test_rule_environment(void **state)
{
	struct daemon *d = *state;
	struct wire w;
	const char *path = getenv("PATH");

	assert_non_null(path);
	assert_int_equal(setenv("NOTIFY_SOCKET", "/no/such", 1), 0);
	assert_int_equal(setenv("TICKD_LOG_LEVEL", "info", 1), 0);
	assert_int_equal(setenv("SECRET_OF_SERVER", "x", 1), 0);
	assert_int_equal(setenv("TZ", "UTC", 1), 0);
	wire_start(&w, d);
	wire_shell_rule(&w, d, "r", "a",
	    "env | grep -vE '^(PWD|OLDPWD|SHLVL|_)=' | cut -d= -f1 | sort > "
	    "seen; env | grep -E '^(A|TZ)=' | sort >> seen");
	wire_ask(&w, "1 RULE OPTIONS r env=A=b env=TZ=Asia/Tokyo", "1 OK");
	assert_string_equal(wire_row(&w, "1 RULE ENVIRONMENT r", "A"), "b");
	assert_string_equal(wire_row(&w, "1 RULE ENVIRONMENT r", "TZ"),
	    "Asia/Tokyo");
	assert_string_equal(wire_row(&w, "1 RULE ENVIRONMENT r", "PATH"), path);
	assert_string_equal(wire_row(&w, "1 RULE ENVIRONMENT r", "TICK_RULE"),
	    "r");
	assert_string_equal(wire_row(&w, "1 RULE ENVIRONMENT r", "TICK_JOB"),
	    "-");
	wire_ask(&w, "1 SET a now", "1 OK");
	wire_until(&w, "1 GET a", "1 OK executed ");
	for (char *rest = NULL,
		  *name = strtok_r((char *)(uintptr_t)daemon_content(d, "seen"),
		      "\n", &rest);
	     name != NULL; name = strtok_r(NULL, "\n", &rest)) {
		assert_string_not_equal(name, "NOTIFY_SOCKET");
		assert_null(strstr(name, "TICKD_"));
		assert_string_not_equal(name, "SECRET_OF_SERVER");
		if (strchr(name, '=') != NULL)
			assert_true(strcmp(name, "A=b") == 0 ||
			    strcmp(name, "TZ=Asia/Tokyo") == 0);
		else
			(void)wire_row(&w, "1 RULE ENVIRONMENT r", name);
	}
	/* Secrets and credentials are not told. */
	wire_ask(&w,
	    "1 RULE OPTIONS r env=A=x secret=A=s.1 secret=B=s.2 "
	    "env=U=redis://u:p@h/1",
	    "1 OK");
	assert_string_equal(wire_row(&w, "1 RULE ENVIRONMENT r", "A"), "***");
	assert_string_equal(wire_row(&w, "1 RULE ENVIRONMENT r", "B"), "***");
	assert_string_equal(wire_row(&w, "1 RULE ENVIRONMENT r", "U"),
	    "redis://***@h/1");
	wire_ask(&w, "1 RULE OPTIONS r user=root", "1 OK");
	assert_string_equal(wire_row(&w, "1 RULE ENVIRONMENT r", "HOME"),
	    "/root");
	wire_ask(&w, "1 RULE OPTIONS r user=no-such-user", "1 OK");
	assert_string_equal(wire_row(&w, "1 RULE ENVIRONMENT r", "HOME"), "-");
	assert_string_equal(wire_row(&w, "1 RULE ENVIRONMENT r", "USER"),
	    "no-such-user");
	/* No process, no environment; a session has its own. */
	wire_ask(&w, "1 RULE SET h h http GET http://127.0.0.1:1/", "1 OK");
	wire_ask(&w, "1 RULE ENVIRONMENT h", "1 OK");
	wire_ask(&w, "1 RULE SET s s agent", "1 OK");
	wire_ask(&w, "1 RULE ENVIRONMENT s", "1 OK");
	wire_ask(&w, "1 RULE SET s s agent /bin/cat", "1 OK");
	assert_string_equal(
	    wire_row(&w, "1 RULE ENVIRONMENT s", "TICK_SESSION_ID"), "-");
	wire_ask_start(&w, "1 RULE ENVIRONMENT none", "1 ERROR not_found ");
	wire_stop(&w, d);
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
	assert_int_equal(unsetenv("TICKD_LOG_LEVEL"), 0);
	assert_int_equal(unsetenv("SECRET_OF_SERVER"), 0);
}

/* A session with a terminal, whoever starts the tests. */
static void
get_terminal(void)
{
	int status, fd;
	pid_t pid = fork();

	if (pid == -1)
		_exit(1);
	if (pid > 0) {
		if (waitpid(pid, &status, 0) == -1)
			_exit(1);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
	}
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (setsid() == -1 || fd == -1 || grantpt(fd) == -1 ||
	    unlockpt(fd) == -1 || open(ptsname(fd), O_RDWR | O_CLOEXEC) == -1)
		_exit(1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DAEMON_TEST(test_cancel_gives_the_group_its_time),
		DAEMON_TEST(test_timeout_gives_the_group_its_time),
		DAEMON_TEST(test_kill_after_is_the_end),
		DAEMON_TEST(test_drain_gives_the_group_its_time),
		DAEMON_TEST(test_sessions_give_the_group_its_time),
		DAEMON_TEST(test_stops_what_left_the_group),
		DAEMON_TEST(test_runs_die_with_their_server),
		DAEMON_TEST(test_never_two_alive),
		DAEMON_TEST(test_late_keeper),
		DAEMON_TEST(test_sessions_die_with_their_server),
		DAEMON_TEST(test_waits_for_orphans),
		DAEMON_TEST(test_signals_of_the_parent),
		DAEMON_TEST(test_no_terminal),
		DAEMON_TEST(test_rule_environment),
	};

	get_terminal();
	return cmocka_run_group_tests_name("processes", tests, NULL, NULL);
}
