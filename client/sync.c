/*
 * Blocking calls: connecting, appending requests, reading replies.
 *
 * Writing and reading go on together. A server that has filled its side with
 * replies reads no more requests until we take some, so a client that first
 * sent everything would wait for ever.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tick_internal.h"
#include "tstamp.h"

#define DEFAULT_CONNECT_TIMEOUT_MS 5000
#define DEFAULT_REQUEST_TIMEOUT_MS 30000
#define DEFAULT_MAX_REPLY_BYTES ((size_t)64 << 20)

#define READ_CHUNK 16384
#define OUT_KEEP 65536 /* sent bytes that may lie in front of the others */

/*
 * The handle.
 */

int
call_begin(struct tick *t)
{
	if (t == NULL || t->net.fd == -1)
		return -1;
	if (t->busy)
		return failure_set(&t->failure, TICK_ERR_USAGE,
		    "the handle was used in a row callback");
	t->ok = (struct tick_row){ 0 };
	failure_clear(&t->failure);
	return 0;
}

int
call_lacks(struct tick *t, const char *what)
{
	return failure_set(&t->failure, TICK_ERR_USAGE, "%s is NULL", what);
}

/* Empty a buffer that may hold a secret. */
static void
wipe(struct buf *b)
{
	if (b->ptr != NULL)
		explicit_bzero(b->ptr, b->cap);
	buf_free(b);
}

int
handle_break(struct tick *t)
{
	net_close(&t->net);
	wipe(&t->out);
	buf_free(&t->in);
	buf_free(&t->events);
	t->ok = (struct tick_row){ 0 };
	t->out_pos = t->in_pos = t->in_scan = t->events_pos = 0;
	t->events_lost = 0;
	t->next_id = t->reply_id = 1;
	return -1;
}

static int
copy_string(char **to, const char *from)
{
	*to = NULL;
	return from == NULL || (*to = strdup(from)) != NULL ? 0 : -1;
}

static int
default_ms(int ms, int otherwise)
{
	return ms != 0 ? ms : otherwise;
}

static int
take_options(struct tick *t, const struct tick_options *given)
{
	struct tick_options o = TICK_OPTIONS_INIT;

	if (given != NULL)
		memcpy(&o, given,
		    given->size < sizeof(o) ? given->size : sizeof(o));
	if (o.address == NULL)
		o.address = TICK_DEFAULT_ADDRESS;
	t->connect_timeout_ms =
	    default_ms(o.connect_timeout_ms, DEFAULT_CONNECT_TIMEOUT_MS);
	t->request_timeout_ms =
	    default_ms(o.request_timeout_ms, DEFAULT_REQUEST_TIMEOUT_MS);
	t->max_reply_bytes = o.max_reply_bytes != 0 ? o.max_reply_bytes
						    : DEFAULT_MAX_REPLY_BYTES;
	if (copy_string(&t->address, o.address) == -1)
		return -1;
	return copy_string(&t->secret, o.secret);
}

struct tick *
tick_connect(const struct tick_options *options)
{
	struct tick *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->net.fd = -1;
	if (take_options(t, options) == -1) {
		tick_close(t);
		return NULL;
	}
	(void)tick_reconnect(t); /* tick_err tells */
	return t;
}

static int
authenticate(struct tick *t, int64_t deadline)
{
	static const struct sink nowhere = { 0 };
	int r;

	line_open(t);
	line_word(t, "AUTH");
	line_word(t, t->secret);
	if (line_end(t) == -1)
		return handle_break(t);
	r = handle_read(t, &nowhere, deadline);
	wipe(&t->out);
	t->out_pos = 0;
	if (r == 0)
		return 0;
	/* The server asks for no authentication, or the connection itself
	 * has already proved who we are. */
	if (t->net.fd != -1 && t->failure.code == TICK_ERR_CONFLICT) {
		failure_clear(&t->failure);
		return 0;
	}
	return handle_break(t);
}

int
tick_reconnect(struct tick *t)
{
	struct net_address address;
	int64_t deadline;

	if (t == NULL || t->busy)
		return call_begin(t);
	deadline = net_deadline(t->connect_timeout_ms);
	(void)handle_break(t);
	t->write_failed = false;
	failure_clear(&t->failure);
	if (net_parse_address(t->address, &address, &t->failure) == -1 ||
	    net_open(&t->net, &address, deadline, &t->failure) == -1)
		return -1;
	return t->secret != NULL ? authenticate(t, deadline) : 0;
}

void
tick_close(struct tick *t)
{
	if (t == NULL)
		return;
	(void)handle_break(t);
	if (t->secret != NULL)
		explicit_bzero(t->secret, strlen(t->secret));
	free(t->secret);
	free(t->address);
	token_fini(&t->tokens);
	buf_free(&t->words);
	free(t);
}

int
tick_is_open(const struct tick *t)
{
	return t != NULL && t->net.fd != -1;
}

int
tick_fd(const struct tick *t)
{
	return t == NULL ? -1 : t->net.fd;
}

enum tick_error
tick_err(const struct tick *t)
{
	return t == NULL ? TICK_ERR_USAGE : t->failure.code;
}

const char *
tick_errword(const struct tick *t)
{
	return failure_word(tick_err(t));
}

const char *
tick_errstr(const struct tick *t)
{
	return t == NULL ? "the handle is NULL" : t->failure.msg;
}

const struct tick_row *
tick_ok(const struct tick *t)
{
	static const struct tick_row none = { 0 };

	return t == NULL ? &none : &t->ok;
}

size_t
tick_pending(const struct tick *t)
{
	return t == NULL ? 0 : (size_t)(t->next_id - t->reply_id);
}

/*
 * Moving bytes.
 */

/* Send what the socket takes. 0, or -1 for a failure other than a peer that
 * reads no more: what it said before is still to be read. */
static int
send_some(struct tick *t)
{
	while (t->out_pos < t->out.len && !t->write_failed) {
		ssize_t r = net_write(&t->net, t->out.ptr + t->out_pos,
		    t->out.len - t->out_pos, &t->failure);

		if (r == 0)
			return 0;
		if (r > 0)
			t->out_pos += (size_t)r;
		else if (t->failure.code == TICK_ERR_CLOSED)
			t->write_failed = true;
		else
			return -1;
	}
	if (t->out_pos == t->out.len || t->write_failed) {
		buf_clear(&t->out);
		t->out_pos = 0;
	} else if (t->out_pos > OUT_KEEP && t->out_pos > t->out.len / 2) {
		buf_drop(&t->out, t->out_pos);
		t->out_pos = 0;
	}
	return 0;
}

int
tick_flush(struct tick *t)
{
	if (call_begin(t) == -1)
		return -1;
	return send_some(t) == -1 ? handle_break(t) : 0;
}

/* Read what is there: the number of bytes, or -1. */
static ssize_t
receive_some(struct tick *t)
{
	ssize_t r;

	if (t->in_pos > 0) {
		buf_drop(&t->in, t->in_pos);
		t->in_scan -= t->in_pos;
		t->in_pos = 0;
	}
	if (buf_reserve(&t->in, READ_CHUNK) == NULL)
		return failure_nomem(&t->failure);
	r = net_read(&t->net, t->in.ptr + t->in.len, READ_CHUNK, &t->failure);
	if (r > 0)
		t->in.len += (size_t)r;
	return r;
}

/* Cut one line off the input: 1 and *line (*n bytes, no newline), 0 when it is
 * not complete, -1 when it is too long. */
static int
take_line(struct tick *t, char **line, size_t *n)
{
	size_t unread = t->in.len - t->in_scan;
	char *end = NULL;
	size_t len;

	if (unread > 0)
		end = memchr(t->in.ptr + t->in_scan, '\n', unread);
	len = end != NULL ? (size_t)(end - t->in.ptr) - t->in_pos
			  : t->in.len - t->in_pos;
	if (len > REPLY_LINE_MAX)
		return failure_set(&t->failure, TICK_ERR_PROTOCOL,
		    "the server sent a line over %d bytes", REPLY_LINE_MAX);
	if (end == NULL) {
		t->in_scan = t->in.len;
		return 0;
	}
	*line = t->in.ptr + t->in_pos;
	t->in_pos += len + 1;
	t->in_scan = t->in_pos;
	if (len > 0 && (*line)[len - 1] == '\r')
		len--;
	*n = len;
	return 1;
}

int
handle_line(struct tick *t, int64_t deadline, char **line, size_t *n)
{
	for (bool looked = false;; looked = true) {
		int have = take_line(t, line, n);
		ssize_t r;

		if (have != 0)
			return have == 1 ? 0 : -1;
		if (looked && net_mono_ns() >= deadline)
			return failure_set(&t->failure, TICK_ERR_TIMEOUT,
			    "the server did not answer in time");
		if (send_some(t) == -1 || (r = receive_some(t)) == -1)
			return -1;
		if (r == 0 &&
		    net_wait(&t->net, t->out.len > 0, deadline, &t->failure) ==
			-1)
			return -1;
	}
}

/*
 * Replies.
 */

/* The byte after a word is a blank, a closing quote or the line's end, all of
 * it ours. */
enum tick_error
handle_row(struct tick *t, char *line, const struct reply_line *from,
    struct tick_row *row)
{
	buf_clear(&t->words);
	for (size_t i = 0; i < from->n_words; i++) {
		struct tick_word w = { from->words[i].ptr, from->words[i].len };

		if (w.len == 0)
			w.ptr = "";
		else
			line[(w.ptr - line) + (ptrdiff_t)w.len] = '\0';
		buf_add(&t->words, &w, sizeof(w));
	}
	if (t->words.failed)
		return TICK_ERR_MEMORY;
	row->words = (const struct tick_word *)(const void *)t->words.ptr;
	row->n_words = from->n_words;
	return TICK_OK;
}

static enum tick_error
give_row(struct tick *t, const struct sink *sink, char *line,
    const struct reply_line *from)
{
	struct tick_row row;
	enum tick_error e;

	if (sink->row == NULL)
		return TICK_OK;
	if ((e = handle_row(t, line, from, &row)) != TICK_OK)
		return e;
	t->busy = true;
	e = sink->row(&row, sink->arg);
	t->busy = false;
	return e;
}

int
handle_break_with(struct tick *t, enum tick_error code)
{
	const char *msg =
	    "the server sent what is no reply of the tickd protocol";

	if (code == TICK_ERR_MEMORY)
		msg = "out of memory";
	else if (code == TICK_ERR_REPLY_SIZE)
		msg = "the reply is larger than max_reply_bytes";
	(void)failure_set(&t->failure, code, "%s", msg);
	return handle_break(t);
}

static int
take_error(struct tick *t, const struct reply_line *line)
{
	struct slice code = { "", 0 };

	if (line->n_words > 0)
		code = line->words[0];
	return failure_set(&t->failure, failure_code(code.ptr, code.len),
	    "%.*s", (int)line->text.len, line->text.ptr);
}

/* A web server answers a request that it does not understand with a line of
 * HTTP, or with a page alone. */
static bool
is_http(const struct reply_line *line)
{
	return (line->id.len >= 5 && memcmp(line->id.ptr, "HTTP/", 5) == 0) ||
	    (line->id.len >= 1 && line->id.ptr[0] == '<');
}

int
handle_foreign(struct tick *t, const struct reply_line *line)
{
	if (line->kind == REPLY_EVENT)
		return events_keep(t, line);
	/* Not about a request: the server turns the connection away. */
	if (line->kind == REPLY_ERROR &&
	    (line->id.len == 0 || slice_eq(line->id, slice_str("-")))) {
		(void)take_error(t, line);
		return handle_break(t);
	}
	if (is_http(line)) {
		(void)failure_set(&t->failure, TICK_ERR_PROTOCOL,
		    "%s speaks HTTP, not the tickd protocol", t->address);
		return handle_break(t);
	}
	return handle_break_with(t, TICK_ERR_PROTOCOL);
}

static int
take_ok(struct tick *t, enum tick_error rows, char *text,
    const struct reply_line *line)
{
	enum tick_error e = handle_row(t, text, line, &t->ok);

	t->reply_id++;
	if (e != TICK_OK)
		return handle_break_with(t, e);
	if (rows == TICK_ERR_STOPPED)
		return failure_set(&t->failure, rows,
		    "the row callback stopped the list");
	/* What failed on the way, such as writing to a server that had
	 * already said enough, did not matter. */
	failure_clear(&t->failure);
	return 0;
}

int
handle_parse(struct tick *t, char *text, size_t n, struct reply_line *line)
{
	struct err e;

	if (reply_parse(text, n, &t->tokens, line, &e) == 0)
		return 0;
	return handle_break_with(t,
	    e.code == ERR_LIMIT ? TICK_ERR_MEMORY : TICK_ERR_PROTOCOL);
}

int
handle_read(struct tick *t, const struct sink *sink, int64_t deadline_mono_ns)
{
	enum tick_error rows = TICK_OK;
	struct reply_line line;
	char id[24], *text = NULL;
	size_t n = 0;

	(void)snprintf(id, sizeof(id), "%" PRIu64, t->reply_id);
	if (send_some(t) == -1)
		return handle_break(t);
	for (;;) {
		if (handle_line(t, deadline_mono_ns, &text, &n) == -1)
			return handle_break(t);
		if (handle_parse(t, text, n, &line) == -1)
			return -1;
		if (!slice_eq(line.id, slice_str(id))) {
			if (handle_foreign(t, &line) == -1)
				return -1;
			continue; /* no sign that the reply goes on */
		}
		if (line.kind == REPLY_OK) {
			return take_ok(t, rows, text, &line);
		} else if (line.kind == REPLY_ERROR) {
			t->reply_id++;
			return take_error(t, &line);
		} else if (rows == TICK_OK) {
			rows = give_row(t, sink, text, &line);
			if (rows != TICK_OK && rows != TICK_ERR_STOPPED)
				return handle_break_with(t, rows);
		}
		if (sink->streams)
			deadline_mono_ns = net_deadline(t->request_timeout_ms);
	}
}

int
handle_finish(struct tick *t, const struct sink *sink)
{
	uint64_t pending = t->next_id - t->reply_id;

	if (pending > 0) {
		t->out.len = t->line_start;
		return failure_set(&t->failure, TICK_ERR_USAGE,
		    "%" PRIu64 " replies have not been read", pending);
	}
	if (line_end(t) == -1)
		return -1;
	return handle_read(t, sink, net_deadline(t->request_timeout_ms));
}

int
handle_command(struct tick *t, const char *command, const char *arg,
    const struct sink *sink)
{
	if (call_begin(t) == -1)
		return -1;
	line_open(t);
	line_raw(t, command);
	line_word(t, arg);
	return handle_finish(t, sink);
}
