/* tickctl: one request from the command line. Exit: 0 done, 1 the server said
 * ERROR, 2 wrong usage, no connection or no output; `check` has its own. */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_args.h"
#include "ctl_check.h"
#include "ctl_help.h"
#include "ctl_out.h"
#include "ctl_text.h"
#include "ctl_top.h"
#include "ctl_watch.h"
#include "tick.h"

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_FAILED = 2 };

#define SECRET_MAX 1024

static int
fail(const char *what, const char *why)
{
	(void)fprintf(stderr, "tickctl: %s: %s\n", what, why);
	return EXIT_FAILED;
}

/* The first line of a file. 0, or -1 having said why. */
static int
read_secret(const char *path, char secret[SECRET_MAX])
{
	FILE *f = fopen(path, "re");
	int r = 0;

	if (f == NULL || fgets(secret, SECRET_MAX, f) == NULL) {
		(void)fail(path,
		    f == NULL || ferror(f) ? strerror(errno) : "is empty");
		r = -1;
	} else {
		secret[strcspn(secret, "\r\n")] = '\0';
	}
	if (f != NULL)
		(void)fclose(f); /* only read */
	return r;
}

/* What the server or the connection has to say, made harmless. */
static int
report(const struct tick *t)
{
	enum tick_error e = tick_err(t);
	struct buf text = { 0 };

	if (e <= TICK_ERR_OTHER) {
		buf_add_str(&text, tick_errword(t));
		buf_add_str(&text, ": ");
	}
	text_put_visible(&text, slice_str(tick_errstr(t)), true);
	(void)fprintf(stderr, "tickctl: %.*s\n", (int)text.len,
	    text.len > 0 ? text.ptr : "");
	buf_free(&text);
	return e <= TICK_ERR_OTHER ? EXIT_REFUSED : EXIT_FAILED;
}

static int
give_row(const struct tick_row *row, void *arg)
{
	return out_row(arg, row);
}

static int
send_request(struct tick *t, const struct ctl_args *a, struct out *o)
{
	if (a->action == ACTION_RAW) {
		if (tick_append_line(t, a->raw.ptr) == -1 ||
		    tick_read_rows(t, give_row, o) == -1)
			return -1;
		return 0;
	}
	return tick_call_rows(t, a->words, a->n_words, give_row, o);
}

static struct slice
first_argument(const struct ctl_args *a)
{
	const struct tick_word *w = &a->words[a->n_words - a->n_args];

	return a->n_args > 0 ? slice_of(w->ptr, w->len) : slice_of("", 0);
}

/* A job that no rule matches fails when it is due, and nobody may be looking
 * then. What the server does not tell is not worth a word. */
static void
warn_unmatched(struct tick *t, struct slice job)
{
	const struct tick_word info[] = { { "INFO", 4 }, { job.ptr, job.len } };
	struct buf name = { 0 };
	struct tick_reply *reply;

	if (tick_call_words(t, &reply, info, 2) == -1)
		return;
	for (size_t i = 0; i < reply->n_rows; i++) {
		const struct tick_row *row = &reply->rows[i];

		if (row->n_words != 2 ||
		    strcmp(row->words[0].ptr, "rule") != 0 ||
		    strcmp(row->words[1].ptr, "-") != 0)
			continue;
		text_put_visible(&name, job, true);
		(void)fprintf(stderr,
		    "tickctl: warning: no rule matches %.*s\n", (int)name.len,
		    name.len > 0 ? name.ptr : "");
	}
	buf_free(&name);
	tick_reply_free(reply);
}

static int
run_request(struct tick *t, const struct ctl_args *a)
{
	struct view view = view_lines;
	struct out o;
	int r;

	if (a->action == ACTION_COMMAND)
		view = view_of(a->command, first_argument(a));
	out_init(&o, stdout, a->form, a->quiet, &view);
	r = send_request(t, a, &o);
	if (r == -1 && tick_err(t) != TICK_ERR_STOPPED)
		r = report(t);
	else if (r == -1 || out_end(&o, tick_ok(t)) == -1)
		r = fail("standard output", strerror(errno));
	else if (a->action == ACTION_COMMAND && a->command->id == CMD_SET)
		warn_unmatched(t, first_argument(a));
	out_fini(&o);
	return r;
}

/* Until the server closes the connection, or a signal ends us. */
static int
run_watch(struct tick *t, const struct ctl_args *a)
{
	enum watch_end end;
	struct out o;
	int r;

	out_init(&o, stdout, a->form, a->quiet, &view_lines);
	end = watch_run(t, a->topic, a->prefix, &o);
	if (end == WATCH_NO_OUTPUT) {
		r = fail("standard output", strerror(errno));
	} else {
		r = report(t);
		if (end == WATCH_ENDED)
			r = EXIT_REFUSED;
	}
	out_fini(&o);
	return r;
}

static const char *
address_of(const struct ctl_args *a)
{
	const char *address = a->address;

	if (address == NULL)
		address = getenv("TICKD_ADDRESS");
	return address != NULL ? address : TICK_DEFAULT_ADDRESS;
}

/* 0: the library's. */
static int
timeout_of(const struct ctl_args *a)
{
	if (a->timeout_ms == 0 && a->action == ACTION_TOP)
		return TOP_TIMEOUT_MS;
	return a->timeout_ms;
}

static int
run_top(struct tick *t, const struct ctl_args *a)
{
	int interval_ms =
	    a->interval_ms != 0 ? a->interval_ms : TOP_INTERVAL_MS;
	const char *why;

	if (top_run(t, address_of(a), interval_ms, timeout_of(a), &why) == -1)
		return fail("top", why);
	return EXIT_DONE;
}

static int
run_connected(struct tick *t, const struct ctl_args *a)
{
	if (a->action == ACTION_CHECK)
		return (int)check_run(t, a->metric, a->warning, a->critical,
		    stdout);
	if (tick_err(t) != TICK_OK)
		return report(t);
	if (a->action == ACTION_WATCH)
		return run_watch(t, a);
	return a->action == ACTION_TOP ? run_top(t, a) : run_request(t, a);
}

static int
connect_and_run(const struct ctl_args *a)
{
	struct tick_options options = TICK_OPTIONS_INIT;
	char secret[SECRET_MAX];
	struct tick *t;
	int r;

	options.address = address_of(a);
	options.secret = getenv("TICKD_SECRET");
	options.connect_timeout_ms = timeout_of(a);
	options.request_timeout_ms = timeout_of(a);
	if (a->token_file != NULL) {
		if (read_secret(a->token_file, secret) == -1)
			return EXIT_FAILED;
		options.secret = secret;
	}
	t = tick_connect(&options);
	explicit_bzero(secret, sizeof(secret));
	if (t == NULL)
		return fail("connect", "out of memory");
	r = run_connected(t, a);
	tick_close(t);
	return r;
}

static int
run(const struct ctl_args *a)
{
	switch (a->action) {
	case ACTION_VERSION:
		(void)printf("tickctl %s\n", tick_version());
		break;
	case ACTION_COMPLETION:
		help_bash(stdout);
		break;
	case ACTION_HELP:
		if (a->own != NULL)
			help_own(stdout, a->own);
		else if (a->command != NULL)
			help_command(stdout, a->command);
		else if (a->n_rest == 0)
			help_overview(stdout);
		else if (help_commands(stdout, a->rest, a->n_rest) == -1)
			return fail("help", "no command begins so");
		break;
	default:
		return connect_and_run(a);
	}
	if (fflush(stdout) != 0 || ferror(stdout))
		return fail("standard output", strerror(errno));
	return EXIT_DONE;
}

int
main(int argc, char **argv)
{
	struct ctl_args a;
	int r;

	(void)setlocale(LC_CTYPE, ""); /* without: ASCII */
	if (ctl_args_parse(&a, argc, argv) == 0) {
		r = run(&a);
	} else if (a.action == ACTION_CHECK) {
		r = (int)check_usage(stdout, a.error);
	} else {
		(void)fprintf(stderr, "tickctl: %s\n", a.error);
		r = EXIT_FAILED;
	}
	ctl_args_fini(&a);
	return r;
}
