/* The general calls of tick.h: any request, any reply. */
#include <string.h>

#include "tick_internal.h"

const char *
tick_version(void)
{
	return TICKD_VERSION;
}

/*
 * Sinks.
 */

static enum tick_error
store_row(const struct tick_row *row, void *arg)
{
	return reply_store_add(arg, row);
}

/* What the user's callback is called with. */
struct user_rows {
	tick_row_cb *cb;
	void *arg;
};

static enum tick_error
user_row(const struct tick_row *row, void *arg)
{
	const struct user_rows *u = arg;

	return u->cb(row, u->arg) == 0 ? TICK_OK : TICK_ERR_STOPPED;
}

/* The rows are in the store; add the words after OK, make *reply of it. */
static int
keep_reply(struct tick *t, struct reply_store *store, struct tick_reply **reply)
{
	enum tick_error e = reply_store_add(store, &t->ok);

	if (e == TICK_OK && (*reply = reply_store_copy(store)) == NULL)
		e = TICK_ERR_MEMORY;
	return e == TICK_OK ? 0 : handle_break_with(t, e);
}

/* Finish the request that is being appended (or, with `read_only`, none) and
 * keep its reply in *reply unless that is NULL. */
static int
into_reply(struct tick *t, struct tick_reply **reply, bool read_only)
{
	struct reply_store store = { .max_bytes = t->max_reply_bytes };
	struct sink sink = { 0 };
	int r;

	if (reply != NULL)
		sink = (struct sink){ store_row, &store, false };
	if (read_only)
		r = handle_read(t, &sink, net_deadline(t->request_timeout_ms));
	else
		r = handle_finish(t, &sink);
	if (r == 0 && reply != NULL)
		r = keep_reply(t, &store, reply);
	reply_store_fini(&store);
	return r;
}

/*
 * Appending. Each begins the call and adds the words; the caller ends it.
 */

static int
open_strings(struct tick *t, const char *const *words, size_t n_words)
{
	if (call_begin(t) == -1)
		return -1;
	if (n_words == 0)
		return failure_set(&t->failure, TICK_ERR_USAGE,
		    "a request without words");
	if (words == NULL)
		return call_lacks(t, "the array of words");
	line_open(t);
	for (size_t i = 0; i < n_words; i++)
		line_word(t, words[i]);
	return 0;
}

static int
open_words(struct tick *t, const struct tick_word *words, size_t n_words)
{
	if (call_begin(t) == -1)
		return -1;
	if (n_words == 0)
		return failure_set(&t->failure, TICK_ERR_USAGE,
		    "a request without words");
	if (words == NULL)
		return call_lacks(t, "the array of words");
	line_open(t);
	for (size_t i = 0; i < n_words; i++)
		line_bytes(t, words[i].ptr, words[i].len);
	return 0;
}

static int
open_line(struct tick *t, const char *line)
{
	if (call_begin(t) == -1)
		return -1;
	if (line == NULL)
		return call_lacks(t, "the line");
	if (strchr(line, '\n') != NULL)
		return failure_set(&t->failure, TICK_ERR_USAGE,
		    "a request line with a newline in it");
	line_open(t);
	line_raw(t, line);
	return 0;
}

int
tick_append(struct tick *t, const char *const *words, size_t n_words)
{
	return open_strings(t, words, n_words) == -1 ? -1 : line_end(t);
}

int
tick_append_words(struct tick *t, const struct tick_word *words, size_t n_words)
{
	return open_words(t, words, n_words) == -1 ? -1 : line_end(t);
}

int
tick_append_line(struct tick *t, const char *line)
{
	return open_line(t, line) == -1 ? -1 : line_end(t);
}

/*
 * Calling.
 */

int
tick_call(struct tick *t, struct tick_reply **reply, const char *const *words,
    size_t n_words)
{
	if (reply != NULL)
		*reply = NULL;
	if (open_strings(t, words, n_words) == -1)
		return -1;
	return into_reply(t, reply, false);
}

int
tick_call_words(struct tick *t, struct tick_reply **reply,
    const struct tick_word *words, size_t n_words)
{
	if (reply != NULL)
		*reply = NULL;
	if (open_words(t, words, n_words) == -1)
		return -1;
	return into_reply(t, reply, false);
}

int
tick_call_line(struct tick *t, struct tick_reply **reply, const char *line)
{
	if (reply != NULL)
		*reply = NULL;
	if (open_line(t, line) == -1)
		return -1;
	return into_reply(t, reply, false);
}

int
tick_call_rows(struct tick *t, const struct tick_word *words, size_t n_words,
    tick_row_cb *cb, void *arg)
{
	struct user_rows user = { cb, arg };
	const struct sink sink = { user_row, &user, true };

	if (call_begin(t) == -1)
		return -1;
	if (cb == NULL)
		return call_lacks(t, "the callback");
	if (open_words(t, words, n_words) == -1)
		return -1;
	return handle_finish(t, &sink);
}

/* Begin a call that reads the reply of an appended request. */
static int
begin_read(struct tick *t)
{
	if (call_begin(t) == -1)
		return -1;
	if (tick_pending(t) == 0)
		return failure_set(&t->failure, TICK_ERR_USAGE,
		    "no reply is to come");
	return 0;
}

int
tick_read(struct tick *t, struct tick_reply **reply)
{
	if (reply != NULL)
		*reply = NULL;
	return begin_read(t) == -1 ? -1 : into_reply(t, reply, true);
}

int
tick_read_rows(struct tick *t, tick_row_cb *cb, void *arg)
{
	struct user_rows user = { cb, arg };
	const struct sink sink = { user_row, &user, true };

	if (begin_read(t) == -1)
		return -1;
	if (cb == NULL)
		return call_lacks(t, "the callback");
	return handle_read(t, &sink, net_deadline(t->request_timeout_ms));
}
