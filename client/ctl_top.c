/*
 * The loop: draw, wait for a key, the replies or the time to ask again. All
 * requests of a poll go out together, and nothing is read before the first
 * reply is there: a server that hangs does not hold up keys.
 *
 * Signals that end us are blocked but while we wait for keys: the flag is
 * looked at after every wait, so none comes unseen.
 */
#include "ctl_top.h"

#include <curses.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <term.h>
#include <time.h>
#include <unistd.h>

#include "ctl_bar.h"
#include "ctl_top_model.h"
#include "tstamp.h"

#define RETRY_MAX_MS 10000 /* between attempts to connect */
#define REDRAW_MS 1000	   /* ages grow between polls, too */

struct ui {
	struct tick *tick;
	struct top top;
	struct canvas canvas;
	bool colours;
	int interval_ms;
	int timeout_ms;
	int retry_ms;
	bool asked;	      /* the replies of a poll are to come */
	bool lost;	      /* the connection is of no use */
	int64_t next_mono_ns; /* when to ask, or to wait no longer */
	sigset_t unblocked;   /* the mask while waiting */
};

static const int ending_signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

#define N_SIGNALS (sizeof(ending_signals) / sizeof(ending_signals[0]))

static volatile sig_atomic_t ending_signal; /* 0: none has come */

static int64_t
clock_ns(clockid_t id)
{
	struct timespec ts;

	(void)clock_gettime(id, &ts); /* cannot fail */
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/*
 * Signals.
 */

static void
note_signal(int number)
{
	ending_signal = number;
}

static void
block_signals(struct ui *ui)
{
	const struct sigaction action = { .sa_handler = note_signal };
	sigset_t blocked;

	(void)sigemptyset(&blocked);
	for (size_t i = 0; i < N_SIGNALS; i++) {
		(void)sigaddset(&blocked, ending_signals[i]);
		(void)sigaction(ending_signals[i], &action, NULL);
	}
	(void)sigprocmask(SIG_BLOCK, &blocked, &ui->unblocked);
}

/* Ended by a signal is what whoever waits for us shall see. */
static void
restore_signals(struct ui *ui)
{
	for (size_t i = 0; i < N_SIGNALS; i++)
		(void)signal(ending_signals[i], SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, &ui->unblocked, NULL);
	if (ending_signal != 0 && ending_signal != SIGINT)
		(void)raise(ending_signal);
}

/*
 * The server.
 */

struct reply {
	struct top *top;
	enum top_source_id id;
};

static int
take_row(const struct tick_row *row, void *arg)
{
	const struct reply *r = arg;

	top_reply_row(r->top, r->id, row);
	return 0;
}

/* One reply. -1 when the connection has ended. */
static int
read_reply(struct ui *ui, enum top_source_id id)
{
	struct reply r = { &ui->top, id };

	top_reply_begin(&ui->top, id);
	if (tick_read_rows(ui->tick, take_row, &r) == 0)
		top_reply_end(&ui->top, id, tick_ok(ui->tick));
	else if (tick_is_open(ui->tick))
		top_reply_problem(&ui->top, id, tick_errword(ui->tick));
	else
		return -1;
	return 0;
}

static void
set_time(struct ui *ui, int ms)
{
	ui->next_mono_ns = clock_ns(CLOCK_MONOTONIC) + ms * NS_PER_MS;
}

/* No connection: try again, later and later. */
static void
lose(struct ui *ui, const char *why)
{
	top_lost(&ui->top, why);
	ui->asked = false;
	ui->lost = true;
	ui->retry_ms = ui->retry_ms == 0 ? REDRAW_MS : 2 * ui->retry_ms;
	if (ui->retry_ms > RETRY_MAX_MS)
		ui->retry_ms = RETRY_MAX_MS;
	set_time(ui, ui->retry_ms);
}

/* Begin a poll. 0 or -1. */
static int
ask(struct ui *ui)
{
	if ((ui->lost || !tick_is_open(ui->tick)) &&
	    tick_reconnect(ui->tick) == -1)
		return -1;
	ui->lost = false;
	for (int i = 0; i < TOP_SOURCE_COUNT; i++) {
		if (tick_append_line(ui->tick, top_requests[i]) == -1)
			return -1;
	}
	if (tick_flush(ui->tick) == -1)
		return -1;
	ui->asked = true;
	set_time(ui, ui->timeout_ms);
	return 0;
}

/* End it. */
static int
read_replies(struct ui *ui)
{
	for (int i = 0; i < TOP_SOURCE_COUNT; i++) {
		if (read_reply(ui, (enum top_source_id)i) == -1)
			return -1;
	}
	top_polled(&ui->top);
	ui->asked = false;
	ui->retry_ms = 0;
	set_time(ui, ui->interval_ms);
	return 0;
}

/* What the time or the socket asks for. */
static void
step(struct ui *ui, bool readable)
{
	bool is_time = clock_ns(CLOCK_MONOTONIC) >= ui->next_mono_ns;
	int r = 0;

	if (ui->asked && readable)
		r = read_replies(ui);
	else if (ui->asked && is_time)
		lose(ui, "the server did not answer in time");
	else if (is_time)
		r = ask(ui);
	if (r == -1)
		lose(ui, tick_errstr(ui->tick));
}

/* Do what a key asked for, after the poll that is under way; what comes of it
 * is seen at once. */
static void
act(struct ui *ui, enum top_action action)
{
	static const struct {
		const char *words[2];
		const char *done;
	} actions[] = {
		[TOP_ACK] = { { "ALERT", "ACK" }, "Acknowledged" },
		[TOP_OPEN] = { { "BREAKER", "OPEN" }, "Opened" },
		[TOP_RESET] = { { "BREAKER", "RESET" }, "Reset" },
	};
	const char *words[3] = { actions[action].words[0],
		actions[action].words[1], ui->top.target };

	if (ui->lost)
		return; /* the last line says so */
	if (ui->asked && read_replies(ui) == -1) {
		lose(ui, tick_errstr(ui->tick));
		return;
	}
	if (tick_call(ui->tick, NULL, words, 3) == 0) {
		top_say(&ui->top, false, actions[action].done, words[2]);
	} else if (tick_is_open(ui->tick)) {
		top_say(&ui->top, true, tick_errword(ui->tick),
		    tick_errstr(ui->tick));
	} else {
		lose(ui, tick_errstr(ui->tick));
		return;
	}
	set_time(ui, 0);
}

/*
 * The screen.
 */

static attr_t
attribute(const struct ui *ui, const struct cell *cell)
{
	static const attr_t plain[] = {
		[INK_PLAIN] = A_NORMAL,
		[INK_TITLE] = A_BOLD,
		[INK_DIM] = A_DIM,
		[INK_GOOD] = A_NORMAL,
		[INK_WARN] = A_BOLD,
		[INK_BAD] = A_BOLD,
	};
	attr_t a = plain[cell->ink];

	if (ui->colours)
		a |= COLOR_PAIR(cell->ink);
	return cell->selected ? a | A_REVERSE : a;
}

static void
draw(struct ui *ui)
{
	struct canvas *c = &ui->canvas;

	(void)erase();
	if (canvas_reset(c, LINES, COLS) == -1)
		return;
	top_draw(&ui->top, c, clock_ns(CLOCK_REALTIME));
	for (int y = 0; y < c->rows; y++) {
		for (int x = 0; x < c->cols; x++) {
			const struct cell *cell =
			    &c->cells[(size_t)y * (size_t)c->cols + (size_t)x];

			(void)attrset((int)attribute(ui, cell));
			(void)mvaddnstr(y, x, cell->bytes, cell->n);
		}
	}
	(void)attrset(A_NORMAL);
	(void)refresh();
}

static void
begin_colours(struct ui *ui)
{
	const char *no = getenv("NO_COLOR");

	ui->colours = (no == NULL || *no == '\0') && has_colors() &&
	    start_color() == OK && use_default_colors() == OK;
	if (!ui->colours)
		return;
	(void)init_pair(INK_TITLE, COLOR_CYAN, -1);
	(void)init_pair(INK_DIM, -1, -1);
	(void)init_pair(INK_GOOD, COLOR_GREEN, -1);
	(void)init_pair(INK_WARN, COLOR_YELLOW, -1);
	(void)init_pair(INK_BAD, COLOR_RED, -1);
}

/* 0, or -1 with *why. */
static int
begin_screen(struct ui *ui, const char **why)
{
	int error; /* written; the result says it, too */
	bool fit;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		*why = "not a terminal";
		return -1;
	}
	if (setupterm(NULL, STDOUT_FILENO, &error) == ERR) {
		*why = "this terminal is not known (TERM)";
		return -1;
	}
	fit = cursor_address != NULL;
	(void)del_curterm(cur_term);
	if (!fit || newterm(NULL, stdout, stdin) == NULL) {
		*why = "this terminal cannot move its cursor (TERM)";
		return -1;
	}
	(void)cbreak();
	(void)noecho();
	(void)nodelay(stdscr, TRUE);
	(void)keypad(stdscr, TRUE);
	(void)set_escdelay(25);
	(void)curs_set(0);
	begin_colours(ui);
	return 0;
}

/*
 * Keys.
 */

/* As the model knows them. */
static int
model_key(int key)
{
	switch (key) {
	case KEY_DOWN:
		return 'j';
	case KEY_UP:
		return 'k';
	case KEY_RIGHT:
		return 'l';
	case KEY_LEFT:
	case KEY_BTAB:
		return 'h';
	case KEY_NPAGE:
		return ' ';
	case KEY_PPAGE:
		return 'b';
	case KEY_HOME:
		return 'g';
	case KEY_END:
		return 'G';
	default:
		return key;
	}
}

/* All keys that have been pressed. False: quit. */
static bool
take_keys(struct ui *ui)
{
	int key;

	while ((key = getch()) != ERR) {
		enum top_action action;

		if (key == KEY_RESIZE)
			continue;
		action = top_key(&ui->top, model_key(key));
		if (action == TOP_QUIT)
			return false;
		if (action != TOP_NOTHING)
			act(ui, action);
	}
	return true;
}

/* Wait for a key, a signal, a reply or the time. False: the terminal is
 * gone. */
static bool
wait_for_key(const struct ui *ui, bool *readable)
{
	struct pollfd p[2] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = ui->asked ? tick_fd(ui->tick) : -1, .events = POLLIN },
	};
	int64_t ns = ui->next_mono_ns - clock_ns(CLOCK_MONOTONIC);
	struct timespec ts;

	if (ns > REDRAW_MS * NS_PER_MS)
		ns = REDRAW_MS * NS_PER_MS;
	if (ns < 0)
		ns = 0;
	ts.tv_sec = (time_t)(ns / NS_PER_S);
	ts.tv_nsec = (long)(ns % NS_PER_S);
	if (ppoll(p, 2, &ts, &ui->unblocked) == -1) {
		*readable = false;
		return errno == EINTR;
	}
	*readable = p[1].revents != 0;
	return (p[0].revents & (POLLHUP | POLLERR | POLLNVAL)) == 0;
}

static void
loop(struct ui *ui)
{
	bool readable = false;

	do {
		step(ui, readable);
		draw(ui);
	} while (
	    wait_for_key(ui, &readable) && ending_signal == 0 && take_keys(ui));
}

int
top_run(struct tick *t, const char *address, int interval_ms, int timeout_ms,
    const char **why)
{
	struct ui ui = { .tick = t, .interval_ms = interval_ms };
	int r;

	ui.timeout_ms = timeout_ms;
	block_signals(&ui);
	top_init(&ui.top, address, bar_utf8());
	if ((r = begin_screen(&ui, why)) == 0) {
		loop(&ui);
		/* For terminals without a second screen to come back from. */
		(void)move(LINES - 1, 0);
		(void)clrtoeol();
		(void)refresh();
		(void)endwin();
		delscreen(set_term(NULL));
	}
	top_fini(&ui.top);
	canvas_fini(&ui.canvas);
	restore_signals(&ui);
	return r;
}
