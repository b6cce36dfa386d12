/*
 * A tickd of the test's own: its working directory, its configuration, and
 * any number of starts and ends. It listens on a free port of the loopback
 * and dies with the test. Whatever goes wrong fails the test.
 */
#ifndef SUPPORT_DAEMON_H
#define SUPPORT_DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* No event that a test waits for takes this long; only a failure does. */
#define DEADLINE_MS 60000

#define DAEMON_ARGS_MAX 32

struct daemon {
	char dir[64]; /* its working directory */
	char *args[DAEMON_ARGS_MAX];
	size_t n_args;
	unsigned long n_descriptors; /* it may have; 0: as many as we */
	unsigned long file_bytes;    /* of its largest file; 0: no limit */
	pid_t pid;		     /* 0: not running */
	int port;		     /* of the last start */
	int exit_status;	     /* of the last start that was refused */
	int log_watch;		     /* inotify on the log file */
	size_t log_start;	     /* where the last start began in the log */
	char *log;		     /* what daemon_log returned last */
};

/* A fresh directory, and a configuration that differs from the defaults only
 * in listening on port 0. */
void daemon_init(struct daemon *d);

/* Another `--set key=value` (or other arguments) for starts from now on. */
void daemon_set(struct daemon *d, const char *key_value);
void daemon_arg(struct daemon *d, const char *arg);

/* Start it and wait until it is ready. */
void daemon_start(struct daemon *d);

/* Start it where it may be refused: false when it ended instead of getting
 * ready, and exit_status says how. */
bool daemon_try_start(struct daemon *d);

/* Start it where it must be refused; returns its exit status. */
int daemon_start_refused(struct daemon *d);

/* SIGTERM; the exit status must be 0. */
void daemon_stop(struct daemon *d);

/* SIGKILL, and wait until it is gone. */
void daemon_kill(struct daemon *d);

/* End it if it runs, remove the directory. Safe after any failure. */
void daemon_fini(struct daemon *d);

/* What it logged since the last start; valid until the next call. */
const char *daemon_log(struct daemon *d);

/* Wait until that holds the text. */
void daemon_wait_log(struct daemon *d, const char *text);

/* `dir/name`, valid until the fourth call after. */
const char *daemon_path(const struct daemon *d, const char *name);

/* The content of a file in its directory, at most 8191 bytes; "" when it is
 * not there. Valid until the next call. */
const char *daemon_content(const struct daemon *d, const char *name);

/* Wait until a file has so many lines. */
void daemon_wait_lines(const struct daemon *d, const char *name, size_t lines);

/* Wait until a process is gone that a server has started, even if it is left
 * to this process, which adopts what nobody waits for. */
void daemon_await_gone(pid_t pid);

/* Setup and teardown of a cmocka test whose state is a struct daemon, made
 * but not started; DAEMON_TEST is such a test. */
int daemon_setup(void **state);
int daemon_teardown(void **state);

#define DAEMON_TEST(f) \
	cmocka_unit_test_setup_teardown(f, daemon_setup, daemon_teardown)

#endif
