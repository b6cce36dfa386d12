/* tickctl top in a terminal of the test's own, against a real server. */
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon.h"
#include "tick.h"

#define OUTPUT_MAX (1 << 20)
#define LEAVES_SCREEN "\033[?1049l"

/* The terminal, and what was written to it since the last forget. */
struct terminal {
	int fd;
	pid_t pid;
	struct termios before;
	char output[OUTPUT_MAX];
	size_t n;
};

static struct terminal terminal;

static void
resize(struct terminal *t, unsigned short rows, unsigned short cols)
{
	const struct winsize size = { .ws_row = rows, .ws_col = cols };

	assert_int_equal(ioctl(t->fd, TIOCSWINSZ, &size), 0);
}

static void
forget(struct terminal *t)
{
	t->n = 0;
	t->output[0] = '\0';
}

/* `tickctl top` on a fresh terminal of 24 x 80. */
static void
begin(struct terminal *t, const struct daemon *d, const char *term,
    const char *no_color)
{
	const char *program = getenv("TICKCTL");
	const struct winsize size = { .ws_row = 24, .ws_col = 80 };
	char address[32];

	(void)snprintf(address, sizeof(address), "127.0.0.1:%d", d->port);
	forget(t);
	t->pid = forkpty(&t->fd, NULL, NULL, &size);
	assert_int_not_equal(t->pid, -1);
	if (t->pid == 0) {
		char go;

		/* Not before its settings were looked at. */
		if (read(STDIN_FILENO, &go, 1) != 1)
			_exit(126);
		(void)setenv("TERM", term, 1);
		(void)setenv("NO_COLOR", no_color, 1);
		(void)setenv("LC_ALL", "C", 1);
		(void)execl(program != NULL ? program : "build/tickctl",
		    "tickctl", "-a", address, "--timeout", "1m", "top",
		    "--interval", "50ms", (char *)NULL);
		_exit(127);
	}
	assert_int_equal(tcgetattr(t->fd, &t->before), 0);
	assert_int_equal(write(t->fd, "\n", 1), 1);
}

/* Read more of its output. False: it has closed the terminal. */
static bool
read_more(struct terminal *t)
{
	struct pollfd p = { .fd = t->fd, .events = POLLIN };
	ssize_t n;

	if (poll(&p, 1, DEADLINE_MS) != 1)
		fail_msg("nothing more than '%s'", t->output);
	if (t->n > OUTPUT_MAX / 2) {
		memmove(t->output, t->output + OUTPUT_MAX / 4,
		    t->n - OUTPUT_MAX / 4);
		t->n -= OUTPUT_MAX / 4;
	}
	n = read(t->fd, t->output + t->n, OUTPUT_MAX - 1 - t->n);
	if (n <= 0)
		return false; /* EIO: nobody has it open */
	t->n += (size_t)n;
	t->output[t->n] = '\0';
	return true;
}

static void
expect(struct terminal *t, const char *text)
{
	while (strstr(t->output, text) == NULL) {
		if (!read_more(t))
			fail_msg("it ended without '%s': %s", text, t->output);
	}
}

static void
press(struct terminal *t, const char *keys)
{
	assert_int_equal(write(t->fd, keys, strlen(keys)), strlen(keys));
}

/* Wait for its end; the terminal must be as it was. Returns the status of
 * waitpid. */
static int
end(struct terminal *t)
{
	struct termios after;
	int status;

	expect(t, LEAVES_SCREEN);
	assert_int_equal(waitpid(t->pid, &status, 0), t->pid);
	assert_int_equal(tcgetattr(t->fd, &after), 0);
	assert_int_equal(after.c_lflag, t->before.c_lflag);
	assert_int_equal(after.c_iflag, t->before.c_iflag);
	assert_int_equal(after.c_oflag, t->before.c_oflag);
	(void)close(t->fd);
	return status;
}

static void
expect_panes(struct terminal *t)
{
	expect(t, "tickd 127.0.0.1:");
	expect(t, "AGENTS");
	expect(t, "INTEGRATIONS");
	expect(t, "ALERTS");
	expect(t, "BREAKERS");
	expect(t, "q quit");
}

static void
test_screen(void **state)
{
	struct terminal *t = &terminal;
	struct daemon *d = *state;
	int status;

	daemon_start(d);
	begin(t, d, "xterm", "");
	expect_panes(t);
	expect(t, "\033[36m"); /* a colour */
	press(t, "?");
	expect(t, "ends it");
	press(t, "x");
	forget(t);
	resize(t, 50, 200);
	expect(t, "ALERTS"); /* beside the agents now */
	forget(t);
	daemon_kill(d);
	expect(t, "No connection");
	press(t, "\033[B\033[A\t"); /* keys go on */
	press(t, "q");
	status = end(t);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Wait until a row of this reply has this word there; asked again and
 * again. */
static void
await_word(struct tick *handle, const char *request, size_t at,
    const char *word)
{
	for (bool found = false; !found;) {
		struct tick_reply *r;

		assert_int_equal(tick_call_line(handle, &r, request), 0);
		for (size_t i = 0; i < r->n_rows; i++) {
			if (r->rows[i].n_words > at &&
			    strcmp(r->rows[i].words[at].ptr, word) == 0)
				found = true;
		}
		tick_reply_free(r);
	}
}

static struct tick *
connect_to(const struct daemon *d)
{
	struct tick_options o = TICK_OPTIONS_INIT;
	char address[32];
	struct tick *handle;

	(void)snprintf(address, sizeof(address), "127.0.0.1:%d", d->port);
	o.address = address;
	handle = tick_connect(&o);
	assert_non_null(handle);
	assert_int_equal(tick_err(handle), TICK_OK);
	return handle;
}

/* An alert is acknowledged, a breaker opened and reset, each with a key. What
 * comes of it is asked of the server: the screen shows only what changed. */
static void
test_actions(void **state)
{
	static const char *const runner[] = { "shell", "true" };
	struct terminal *t = &terminal;
	struct daemon *d = *state;
	struct tick *handle;

	daemon_set(d, "alerts.memory_warning=0");
	daemon_set(d, "alerts.raise_after=1");
	daemon_set(d, "health.polling_interval=1");
	daemon_start(d);
	handle = connect_to(d);
	assert_int_equal(tick_rule_set(handle, "r", "a.", runner, 2), 0);
	begin(t, d, "xterm", "");
	expect(t, "rule:r");
	expect(t, "over 0");
	press(t, "aa");
	await_word(handle, "ALERT LIST", 6, "1");
	press(t, "ooy");
	await_word(handle, "BREAKER LIST", 1, "isolated");
	press(t, "rn");
	press(t, "ry");
	await_word(handle, "BREAKER LIST", 1, "closed");
	press(t, "q");
	assert_int_equal(end(t), 0);
	tick_close(handle);
}

static void
expect_ended_by(const struct daemon *d, int number, const char *term)
{
	struct terminal *t = &terminal;
	int status;

	begin(t, d, term, "1");
	expect_panes(t);
	assert_null(strstr(t->output, "\033[36m"));
	assert_int_equal(kill(t->pid, number), 0);
	status = end(t);
	if (number == SIGINT) {
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	} else {
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), number);
	}
}

static void
test_signals(void **state)
{
	struct daemon *d = *state;

	daemon_start(d);
	expect_ended_by(d, SIGINT, "xterm");
	expect_ended_by(d, SIGTERM, "xterm-256color");
	expect_ended_by(d, SIGHUP, "xterm");
}

/* A server that does not answer any more holds up no key. */
static void
test_hanging_server(void **state)
{
	struct terminal *t = &terminal;
	struct daemon *d = *state;

	daemon_start(d);
	begin(t, d, "xterm", "");
	expect_panes(t);
	assert_int_equal(kill(d->pid, SIGSTOP), 0);
	press(t, "?");
	expect(t, "ends it");
	press(t, "xq");
	assert_int_equal(end(t), 0);
	assert_int_equal(kill(d->pid, SIGCONT), 0);
}

/* Where there is no screen to draw on it says so. */
static void
expect_unfit(const struct daemon *d, const char *term)
{
	struct terminal *t = &terminal;
	int status;

	begin(t, d, term, "");
	expect(t, "tickctl: top: this terminal ");
	assert_int_equal(waitpid(t->pid, &status, 0), t->pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 2);
	(void)close(t->fd);
}

static void
test_unfit_terminals(void **state)
{
	struct daemon *d = *state;

	daemon_start(d);
	expect_unfit(d, "dumb");
	expect_unfit(d, "no-such-terminal");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		DAEMON_TEST(test_screen),
		DAEMON_TEST(test_actions),
		DAEMON_TEST(test_hanging_server),
		DAEMON_TEST(test_signals),
		DAEMON_TEST(test_unfit_terminals),
	};

	return cmocka_run_group_tests_name("top", tests, NULL, NULL);
}
