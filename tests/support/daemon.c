#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon.h"

#define LOG_NAME "stderr.log"

static const char *
program(void)
{
	const char *path = getenv("TICKD");

	return path != NULL ? path : "build/tickd";
}

static int64_t
mono_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void
daemon_init(struct daemon *d)
{
	*d = (struct daemon){ .log_watch = -1 };
	(void)snprintf(d->dir, sizeof(d->dir), "/tmp/tickd-test.XXXXXX");
	assert_non_null(mkdtemp(d->dir));
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	daemon_set(d, "controller.listen=127.0.0.1:0");
}

void
daemon_arg(struct daemon *d, const char *arg)
{
	assert_true(d->n_args < DAEMON_ARGS_MAX);
	d->args[d->n_args] = strdup(arg);
	assert_non_null(d->args[d->n_args++]);
}

void
daemon_set(struct daemon *d, const char *key_value)
{
	daemon_arg(d, "--set");
	daemon_arg(d, key_value);
}

const char *
daemon_path(const struct daemon *d, const char *name)
{
	static char paths[4][256];
	static unsigned next;
	char *path = paths[next++ % 4];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", d->dir, name);
	return path;
}

/* The child's side of spawn: everything is prepared, nothing returns. */
static void
become(const struct daemon *d, const char *path, char **argv, int log_fd)
{
	const struct rlimit limit = { d->n_descriptors, d->n_descriptors };
	const struct rlimit bytes = { d->file_bytes, RLIM_INFINITY };

	if (bytes.rlim_cur != 0 && setrlimit(RLIMIT_FSIZE, &bytes) == -1)
		_exit(126);
	if (limit.rlim_cur != 0 && setrlimit(RLIMIT_NOFILE, &limit) == -1)
		_exit(126);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || chdir(d->dir) == -1 ||
	    dup2(log_fd, STDOUT_FILENO) == -1 ||
	    dup2(log_fd, STDERR_FILENO) == -1)
		_exit(126);
	execv(path, argv);
	_exit(127);
}

static void
spawn(struct daemon *d)
{
	char *argv[DAEMON_ARGS_MAX + 2];
	char *path = realpath(program(), NULL);
	struct stat st;
	int log_fd;

	assert_int_equal(d->pid, 0);
	if (path == NULL) {
		fail_msg("%s: %s", program(), strerror(errno));
		return;
	}
	log_fd = open(daemon_path(d, LOG_NAME),
	    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	assert_int_not_equal(log_fd, -1);
	assert_int_equal(fstat(log_fd, &st), 0);
	d->log_start = (size_t)st.st_size;
	if (d->log_watch == -1) {
		d->log_watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
		assert_int_not_equal(inotify_add_watch(d->log_watch,
					 daemon_path(d, LOG_NAME), IN_MODIFY),
		    -1);
	}
	argv[0] = path;
	memcpy(argv + 1, d->args, d->n_args * sizeof(argv[0]));
	argv[d->n_args + 1] = NULL;

	d->pid = fork();
	assert_int_not_equal(d->pid, -1);
	if (d->pid == 0)
		become(d, path, argv, log_fd);
	(void)close(log_fd);
	free(path);
}

const char *
daemon_log(struct daemon *d)
{
	struct stat st;
	size_t len;
	int fd = open(daemon_path(d, LOG_NAME), O_RDONLY | O_CLOEXEC);

	assert_int_not_equal(fd, -1);
	assert_int_equal(fstat(fd, &st), 0);
	len = (size_t)st.st_size - d->log_start;
	free(d->log);
	d->log = malloc(len + 1);
	assert_non_null(d->log);
	assert_int_equal(pread(fd, d->log, len, (off_t)d->log_start), len);
	d->log[len] = '\0';
	(void)close(fd);
	return d->log;
}

static bool
ends_within(pid_t pid, int ms)
{
	struct pollfd p = { .events = POLLIN };
	int n;

	p.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (p.fd == -1)
		return false;
	n = poll(&p, 1, ms);
	(void)close(p.fd);
	return n == 1;
}

/* Wait for the process to end; its wait status. */
static int
reap(struct daemon *d)
{
	pid_t pid = d->pid;
	int status;

	if (!ends_within(pid, DEADLINE_MS))
		(void)kill(pid, SIGABRT);
	d->pid = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* Wait until the log holds the text: true, or false when the server ended. */
static bool
log_gets(struct daemon *d, const char *text)
{
	struct pollfd p[2] = { { .fd = d->log_watch, .events = POLLIN },
		{ .events = POLLIN } };
	int64_t end = mono_ms() + DEADLINE_MS;
	char events[4096];
	bool ended = false;

	p[1].fd = (int)syscall(SYS_pidfd_open, d->pid, 0);
	assert_int_not_equal(p[1].fd, -1);
	while (strstr(daemon_log(d), text) == NULL && !ended) {
		if (mono_ms() > end)
			fail_msg("no `%s` in the log:\n%s", text, d->log);
		(void)poll(p, 2, 1000);
		(void)!read(d->log_watch, events, sizeof(events));
		ended = (p[1].revents & POLLIN) != 0;
	}
	(void)close(p[1].fd);
	return strstr(daemon_log(d), text) != NULL;
}

void
daemon_wait_log(struct daemon *d, const char *text)
{
	if (!log_gets(d, text))
		fail_msg("ended without `%s`:\n%s", text, d->log);
}

/* The port of the ready line. */
static int
port_of(const char *log)
{
	const char *listen = strstr(strstr(log, "event=ready"), "listen=");
	const char *colon = listen == NULL ? NULL : strchr(listen, ':');
	long port = colon == NULL ? 0 : strtol(colon + 1, NULL, 10);

	assert_in_range(port, 1, 65535);
	return (int)port;
}

bool
daemon_try_start(struct daemon *d)
{
	int status;

	spawn(d);
	if (log_gets(d, "event=ready")) {
		/* The line may still be on its way: wait for its end. */
		daemon_wait_log(d, "recovery_ms=");
		d->port = port_of(daemon_log(d));
		return true;
	}
	status = reap(d);
	if (!WIFEXITED(status))
		fail_msg("signal %d:\n%s", WTERMSIG(status), daemon_log(d));
	d->exit_status = WEXITSTATUS(status);
	return false;
}

void
daemon_start(struct daemon *d)
{
	if (!daemon_try_start(d))
		fail_msg("exit %d:\n%s", d->exit_status, daemon_log(d));
}

int
daemon_start_refused(struct daemon *d)
{
	if (daemon_try_start(d))
		fail_msg("it started:\n%s", daemon_log(d));
	return d->exit_status;
}

void
daemon_stop(struct daemon *d)
{
	int status;

	assert_int_equal(kill(d->pid, SIGTERM), 0);
	status = reap(d);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("wait status %d:\n%s", status, daemon_log(d));
}

void
daemon_kill(struct daemon *d)
{
	assert_int_equal(kill(d->pid, SIGKILL), 0);
	(void)reap(d);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void
daemon_fini(struct daemon *d)
{
	int status;
	size_t i;

	if (d->pid != 0) {
		/* Is it about to die, and this why the test failed? */
		if (ends_within(d->pid, 500) &&
		    waitpid(d->pid, &status, 0) == d->pid) {
			print_error("the server died, wait status %d:\n%s\n",
			    status, daemon_log(d));
		} else {
			(void)kill(d->pid, SIGKILL);
			(void)waitpid(d->pid, NULL, 0);
		}
		d->pid = 0;
	}
	if (d->log_watch != -1)
		(void)close(d->log_watch);
	(void)nftw(d->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	for (i = 0; i < d->n_args; i++)
		free(d->args[i]);
	free(d->log);
}

const char *
daemon_content(const struct daemon *d, const char *name)
{
	static char text[8192];
	int fd = open(daemon_path(d, name), O_RDONLY | O_CLOEXEC);
	ssize_t n = 0;

	if (fd != -1) {
		n = read(fd, text, sizeof(text) - 1);
		assert_true(n >= 0);
		(void)close(fd);
	}
	text[n] = '\0';
	return text;
}

void
daemon_wait_lines(const struct daemon *d, const char *name, size_t lines)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	const char *p;
	size_t n;
	int left;

	for (left = DEADLINE_MS; left > 0; left--) {
		n = 0;
		for (p = daemon_content(d, name); (p = strchr(p, '\n')) != NULL;
		     p++)
			n++;
		if (n >= lines)
			return;
		(void)nanosleep(&pause, NULL);
	}
	fail_msg("%s: never %zu lines", name, lines);
}

void
daemon_await_gone(pid_t pid)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	int left;

	for (left = DEADLINE_MS; left > 0 && kill(pid, 0) == 0; left--) {
		(void)waitpid(pid, NULL, WNOHANG);
		(void)nanosleep(&pause, NULL);
	}
	if (left == 0)
		fail_msg("process %d is still there", (int)pid);
}

int
daemon_setup(void **state)
{
	struct daemon *d = malloc(sizeof(*d));

	assert_non_null(d);
	daemon_init(d);
	*state = d;
	return 0;
}

int
daemon_teardown(void **state)
{
	daemon_fini(*state);
	free(*state);
	return 0;
}
