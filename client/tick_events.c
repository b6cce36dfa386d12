/*
 * Events: pushed rows that belong to no reply.
 *
 * Those that come while a reply is waited for are kept as lines, quoted
 * again, and parsed once more when they are asked for. When there is no more
 * room events are counted instead, until all that were kept are handed out:
 * then one `dropped` says how many are missing, at the place where they are.
 */
#include <string.h>

#include "tick_internal.h"

#define DROPPED "dropped"

/*
 * Keeping.
 */

/* How many events are lost when this line is. */
static uint64_t
events_in(const struct reply_line *line)
{
	uint64_t n;

	if (line->n_words == 3 &&
	    slice_eq(line->words[1], slice_str(DROPPED)) &&
	    token_u64(line->words[2], UINT32_MAX, &n) == 0)
		return n;
	return 1;
}

int
events_keep(struct tick *t, const struct reply_line *line)
{
	size_t start;

	if (t->events_pos > t->events.len / 2) {
		buf_drop(&t->events, t->events_pos);
		t->events_pos = 0;
	}
	start = t->events.len;
	if (t->events_lost == 0) {
		buf_add_slice(&t->events, line->id);
		for (size_t i = 0; i < line->n_words; i++) {
			buf_add_byte(&t->events, ' ');
			token_quote(&t->events, line->words[i]);
		}
		buf_add_byte(&t->events, '\n');
	}
	if (t->events.failed)
		return handle_break_with(t, TICK_ERR_MEMORY);
	if (t->events_lost > 0 ||
	    t->events.len - t->events_pos > TICK_EVENTS_MAX_BYTES) {
		t->events.len = start;
		t->events_lost += events_in(line);
	}
	return 0;
}

/*
 * Handing out.
 */

/* `EVENT <topic> <time_ns> <fields...>`, or `EVENT dropped <count>`. */
static int
fill_event(struct tick *t, struct slice id, struct tick_row row)
{
	struct tick_event *e = &t->event;
	const struct tick_word *w = row.words;
	uint64_t time_ns = 0;
	size_t before = 3;

	if (row.n_words < 3 || token_u64(id, UINT64_MAX, &e->watch) == -1)
		return handle_break_with(t, TICK_ERR_PROTOCOL);
	if (strcmp(w[1].ptr, DROPPED) == 0)
		before = 2;
	else if (token_u64(slice_of(w[2].ptr, w[2].len), INT64_MAX, &time_ns) ==
	    -1)
		return handle_break_with(t, TICK_ERR_PROTOCOL);
	e->topic = w[1].ptr;
	e->time_ns = (int64_t)time_ns;
	e->fields.words = w + before;
	e->fields.n_words = row.n_words - before;
	return 0;
}

static int
parse_event(struct tick *t, char *text, size_t n)
{
	struct reply_line line;
	struct tick_row row;

	if (handle_parse(t, text, n, &line) == -1)
		return -1;
	if (line.kind != REPLY_EVENT)
		return handle_foreign(t, &line);
	if (handle_row(t, text, &line, &row) != TICK_OK)
		return handle_break_with(t, TICK_ERR_MEMORY);
	return fill_event(t, line.id, row);
}

static int
kept_event(struct tick *t)
{
	char *line = t->events.ptr + t->events_pos;
	char *end = memchr(line, '\n', t->events.len - t->events_pos);

	t->events_pos += (size_t)(end - line) + 1;
	return parse_event(t, line, (size_t)(end - line));
}

/* As if the server had said it. */
static int
lost_event(struct tick *t)
{
	struct buf *b = &t->events;

	buf_clear(b);
	buf_add_str(b, "0 EVENT " DROPPED " ");
	buf_add_u64(b, t->events_lost);
	buf_add_byte(b, '\n');
	t->events_pos = t->events_lost = 0;
	return b->failed ? handle_break_with(t, TICK_ERR_MEMORY)
			 : kept_event(t);
}

/* From the socket: 1 when it has none in time. */
static int
new_event(struct tick *t, int timeout_ms)
{
	char *text;
	size_t n;

	if (handle_line(t, net_deadline(timeout_ms), &text, &n) == 0)
		return parse_event(t, text, n);
	if (t->failure.code != TICK_ERR_TIMEOUT)
		return handle_break(t);
	failure_clear(&t->failure);
	return 1;
}

int
tick_next_event(struct tick *t, const struct tick_event **event, int timeout_ms)
{
	int r;

	if (event != NULL)
		*event = NULL;
	if (call_begin(t) == -1)
		return -1;
	if (event == NULL)
		return call_lacks(t, "the place of the event");
	if (tick_pending(t) > 0)
		return failure_set(&t->failure, TICK_ERR_USAGE,
		    "replies have not been read");
	if (t->events_pos < t->events.len)
		r = kept_event(t);
	else if (t->events_lost > 0)
		r = lost_event(t);
	else
		r = new_event(t, timeout_ms);
	if (r == 0)
		*event = &t->event;
	return r == -1 ? -1 : 0;
}

/*
 * Beginning and ending.
 */

int
tick_watch(struct tick *t, const char *topic, const char *prefix,
    uint64_t *watch)
{
	static const struct sink nowhere = { 0 };
	uint64_t id;

	if (call_begin(t) == -1)
		return -1;
	id = t->next_id;
	line_open(t);
	line_raw(t, "WATCH");
	line_word(t, topic);
	if (prefix != NULL && *prefix != '\0')
		line_word(t, prefix);
	if (handle_finish(t, &nowhere) == -1)
		return -1;
	if (watch != NULL)
		*watch = id;
	return 0;
}

int
tick_unwatch(struct tick *t, uint64_t watch)
{
	static const struct sink nowhere = { 0 };

	if (call_begin(t) == -1)
		return -1;
	line_open(t);
	line_raw(t, "UNWATCH");
	line_u64(t, watch);
	return handle_finish(t, &nowhere);
}
