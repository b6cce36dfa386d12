/*
 * Rows are sorted by how bad their status is, so that what needs somebody is
 * never below the edge; of equal ones the server's order stays.
 */
#include "ctl_top_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where a row has its status, state or severity, in all that are listed. */
#define STATUS_WORD 1

const char *const top_requests[TOP_SOURCE_COUNT] = {
#define TOP_SOURCE(id, request) request,
	TOP_SOURCES
#undef TOP_SOURCE
};

struct top_row {
	uint32_t at[TOP_WORDS_MAX]; /* of each word, in the source's bytes */
	uint32_t n_words;
	uint32_t order; /* in the reply */
	int badness;
};

/*
 * Replies.
 */

int
top_badness(const char *word)
{
	static const char *const words[][6] = {
		{ "degraded", "warning", "half_open", "paused" },
		{ "critical", "error", "open", "isolated", "disconnected" },
	};

	for (int b = 2; b > 0; b--) {
		for (size_t i = 0; words[b - 1][i] != NULL; i++) {
			if (strcmp(words[b - 1][i], word) == 0)
				return b;
		}
	}
	return 0;
}

size_t
top_rows(const struct top_source *s)
{
	return s->rows.len / sizeof(struct top_row);
}

static const struct top_row *
source_row(const struct top_source *s, size_t i)
{
	const struct top_row *rows = (const void *)s->rows.ptr;

	return &rows[i];
}

const char *
top_word(const struct top_source *s, size_t row, size_t column)
{
	const struct top_row *r = source_row(s, row);

	return column < r->n_words ? s->bytes.ptr + r->at[column] : "-";
}

static void
source_clear(struct top_source *s)
{
	buf_clear(&s->bytes);
	buf_clear(&s->rows);
	s->total = 0;
	s->problem[0] = '\0';
}

void
top_reply_begin(struct top *t, enum top_source_id id)
{
	source_clear(&t->source[id]);
}

void
top_reply_row(struct top *t, enum top_source_id id, const struct tick_row *row)
{
	struct top_source *s = &t->source[id];
	struct top_row r = { .order = (uint32_t)top_rows(s) };

	s->total++;
	if (top_rows(s) == TOP_ROWS_MAX)
		return;
	for (size_t i = 0; i < row->n_words && i < TOP_WORDS_MAX; i++) {
		const struct tick_word *w = &row->words[i];
		size_t n = w->len < TOP_WORD_MAX ? w->len : TOP_WORD_MAX - 1;

		r.at[r.n_words++] = (uint32_t)s->bytes.len;
		buf_add(&s->bytes, w->ptr, n);
		buf_add_byte(&s->bytes, '\0');
	}
	if (row->n_words > STATUS_WORD)
		r.badness = top_badness(row->words[STATUS_WORD].ptr);
	buf_add(&s->rows, &r, sizeof(r));
}

void
top_reply_problem(struct top *t, enum top_source_id id, const char *problem)
{
	source_clear(&t->source[id]);
	(void)snprintf(t->source[id].problem, sizeof(t->source[id].problem),
	    "%s", problem);
	if (id == TOP_HEALTH)
		t->health[0] = '\0';
}

void
top_init(struct top *t, const char *address, bool utf8)
{
	*t = (struct top){ .address = address, .utf8 = utf8 };
	for (int i = 0; i < TOP_SOURCE_COUNT; i++)
		top_reply_problem(t, (enum top_source_id)i, "no reply");
}

void
top_fini(struct top *t)
{
	for (int i = 0; i < TOP_SOURCE_COUNT; i++) {
		buf_free(&t->source[i].bytes);
		buf_free(&t->source[i].rows);
	}
}

static int
worse_first(const void *a, const void *b)
{
	const struct top_row *x = a, *y = b;

	if (x->badness != y->badness)
		return x->badness > y->badness ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

void
top_reply_end(struct top *t, enum top_source_id id, const struct tick_row *ok)
{
	struct top_source *s = &t->source[id];

	if (s->bytes.failed || s->rows.failed) {
		top_reply_problem(t, id, "out of memory");
		return;
	}
	if (id >= TOP_AGENTS && s->rows.len > 0)
		qsort(s->rows.ptr, top_rows(s), sizeof(struct top_row),
		    worse_first);
	if (id == TOP_HEALTH)
		(void)snprintf(t->health, sizeof(t->health), "%s",
		    ok->n_words > 0 ? ok->words[0].ptr : "");
}

const char *
top_value(const struct top *t, enum top_source_id id, const char *name)
{
	const struct top_source *s = &t->source[id];

	for (size_t i = 0; i < top_rows(s); i++) {
		if (strcmp(top_word(s, i, 0), name) == 0)
			return top_word(s, i, 1);
	}
	return "-";
}

const struct top_source *
top_pane_source(const struct top *t, int pane)
{
	return &t->source[TOP_AGENTS + pane];
}

/*
 * Selection.
 */

static void
select_row(struct top *t, int pane, size_t row)
{
	const struct top_source *s = top_pane_source(t, pane);
	struct top_selection *sel = &t->selection[pane];
	size_t n = top_rows(s);

	sel->row = n == 0 ? 0 : row < n ? row : n - 1;
	(void)snprintf(sel->id, sizeof(sel->id), "%s",
	    n > 0 ? top_word(s, sel->row, 0) : "");
}

/* Rows have come and gone: find the selected one again. */
static void
follow_selection(struct top *t, int pane)
{
	const struct top_source *s = top_pane_source(t, pane);
	const char *id = t->selection[pane].id;
	size_t row = t->selection[pane].row;

	for (size_t i = 0; i < top_rows(s); i++) {
		if (strcmp(top_word(s, i, 0), id) == 0)
			row = i;
	}
	select_row(t, pane, row);
}

void
top_polled(struct top *t)
{
	const char *depth = top_value(t, TOP_STAT, "executions_pending");

	if (!t->connected)
		t->message[0] = '\0';
	t->connected = true;
	if (t->n_past == TOP_PAST)
		memmove(t->past, t->past + 1, --t->n_past * sizeof(t->past[0]));
	t->past[t->n_past++] = strtod(depth, NULL);
	for (int pane = 0; pane < PANE_COUNT; pane++)
		follow_selection(t, pane);
}

void
top_say(struct top *t, bool bad, const char *what, const char *why)
{
	(void)snprintf(t->message, sizeof(t->message), "%s: %s", what, why);
	t->message_bad = bad;
}

void
top_lost(struct top *t, const char *why)
{
	t->connected = false;
	top_say(t, true, "No connection", why);
}

/*
 * Keys.
 */

static enum top_action
ask_about_breaker(struct top *t, enum top_mode mode)
{
	const struct top_selection *sel = &t->selection[PANE_BREAKERS];

	if (t->focus != PANE_BREAKERS) {
		t->focus = PANE_BREAKERS;
		top_say(t, false, "Breakers",
		    "choose one, then press it again");
	} else if (sel->id[0] == '\0') {
		top_say(t, false, "Breakers", "there is none");
	} else {
		(void)snprintf(t->target, sizeof(t->target), "%s", sel->id);
		t->mode = mode;
	}
	return TOP_NOTHING;
}

static enum top_action
acknowledge(struct top *t)
{
	const struct top_selection *sel = &t->selection[PANE_ALERTS];

	if (t->focus != PANE_ALERTS) {
		t->focus = PANE_ALERTS;
		top_say(t, false, "Alerts", "choose one, then press it again");
		return TOP_NOTHING;
	}
	if (sel->id[0] == '\0') {
		top_say(t, false, "Alerts", "there is none");
		return TOP_NOTHING;
	}
	(void)snprintf(t->target, sizeof(t->target), "%s", sel->id);
	return TOP_ACK;
}

static void
move_focus(struct top *t, int by)
{
	t->focus =
	    (enum top_pane)(((int)t->focus + by + PANE_COUNT) % PANE_COUNT);
}

static void
move_selection(struct top *t, int key)
{
	enum { PAGE = 10 };
	size_t row = t->selection[t->focus].row;

	switch (key) {
	case 'j':
		row++;
		break;
	case 'k':
		row -= row > 0;
		break;
	case ' ':
		row += PAGE;
		break;
	case 'b':
		row -= row < PAGE ? row : PAGE;
		break;
	case 'g':
		row = 0;
		break;
	default:
		row = TOP_ROWS_MAX;
	}
	select_row(t, (int)t->focus, row);
}

/* While a question is open everything but y is no. */
static enum top_action
answer(struct top *t, int key)
{
	enum top_action yes = t->mode == TOP_ASK_OPEN ? TOP_OPEN : TOP_RESET;

	t->mode = TOP_BROWSE;
	return key == 'y' ? yes : TOP_NOTHING;
}

enum top_action
top_key(struct top *t, int key)
{
	if (t->connected)
		t->message[0] = '\0';
	if (t->mode == TOP_ASK_OPEN || t->mode == TOP_ASK_RESET)
		return answer(t, key);
	if (t->mode == TOP_HELP) {
		t->mode = TOP_BROWSE;
		return TOP_NOTHING;
	}
	switch (key) {
	case '\t':
	case 'l':
		move_focus(t, 1);
		break;
	case 'h':
		move_focus(t, -1);
		break;
	case 'j':
	case 'k':
	case ' ':
	case 'b':
	case 'g':
	case 'G':
		move_selection(t, key);
		break;
	case '?':
		t->mode = TOP_HELP;
		break;
	case 'a':
		return acknowledge(t);
	case 'o':
		return ask_about_breaker(t, TOP_ASK_OPEN);
	case 'r':
		return ask_about_breaker(t, TOP_ASK_RESET);
	case 'q':
		return TOP_QUIT;
	default:
		break;
	}
	return TOP_NOTHING;
}
