/* A pane of `tickctl top`: a table whose columns are metrics of its section. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_bar.h"
#include "ctl_top_model.h"
#include "metric.h"
#include "token.h"
#include "tstamp.h"

#define GUTTER 2 /* before a row: the mark of the selected one */
#define GAP 1	 /* between columns */

enum ink
top_ink(const char *word)
{
	static const char *const good[] = { "healthy", "active", "closed",
		"connected" };

	switch (top_badness(word)) {
	case 2:
		return INK_BAD;
	case 1:
		return INK_WARN;
	default:
		break;
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (strcmp(good[i], word) == 0)
			return INK_GOOD;
	}
	return INK_PLAIN;
}

/* A time that has passed, or is to come: 3s 5m 2h 4d. */
static void
put_distance(struct buf *b, const char *ns_text, int64_t now_ns)
{
	static const struct {
		int64_t seconds;
		char letter;
	} units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	uint64_t ns;
	int64_t s;

	if (token_u64(slice_str(ns_text), INT64_MAX, &ns) == -1 || ns == 0) {
		buf_add_byte(b, '-');
		return;
	}
	s = (now_ns - (int64_t)ns) / NS_PER_S;
	if (s < 0)
		s = -s;
	for (size_t i = 0; i < 4; i++) {
		if (s >= units[i].seconds || i == 3) {
			buf_add_i64(b, s / units[i].seconds);
			buf_add_byte(b, units[i].letter);
			break;
		}
	}
}

/* A share from 0 to 1. */
static void
put_percent(struct buf *b, const char *text)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end != '\0')
		buf_add_str(b, text);
	else
		buf_addf(b, "%.0f%%", v * 100);
}

enum shown { SHOW_TEXT, SHOW_PERCENT, SHOW_BAR, SHOW_DISTANCE, SHOW_FLAG };

struct column {
	enum metric_id metric;
	const char *title;
	int width; /* 0: takes a share of what is left */
	enum shown shown;
};

#define COLUMNS_MAX 6

static const struct pane {
	const char *name;
	struct column columns[COLUMNS_MAX]; /* a NULL title ends them */
} panes[PANE_COUNT] = {
	[PANE_AGENTS] = { "AGENTS",
	    { { METRIC_AGENTS_rule, "", 0, SHOW_TEXT },
		{ METRIC_AGENTS_status, "STATUS", 7, SHOW_TEXT },
		{ METRIC_AGENTS_success_rate, "SUCCESS", BAR_WIDTH, SHOW_BAR },
		{ METRIC_AGENTS_success_rate, "", 4, SHOW_PERCENT },
		{ METRIC_AGENTS_operations_completed, "DONE", 8, SHOW_TEXT },
		{ METRIC_AGENTS_health_trend, "TREND", 10, SHOW_TEXT } } },
	[PANE_INTEGRATIONS] = { "INTEGRATIONS",
	    { { METRIC_INTEGRATIONS_integration, "", 0, SHOW_TEXT },
		{ METRIC_INTEGRATIONS_status, "STATUS", 8, SHOW_TEXT },
		{ METRIC_INTEGRATIONS_latency_ms, "MS", 9, SHOW_TEXT },
		{ METRIC_INTEGRATIONS_error_rate, "ERRORS", 6, SHOW_PERCENT },
		{ METRIC_INTEGRATIONS_connection_status, "CONNECTION", 12,
		    SHOW_TEXT },
		{ METRIC_INTEGRATIONS_health_trend, "TREND", 10,
		    SHOW_TEXT } } },
	[PANE_ALERTS] = { "ALERTS",
	    { { METRIC_ALERT_severity, "", 8, SHOW_TEXT },
		{ METRIC_ALERT_raised_ns, "AGE", 4, SHOW_DISTANCE },
		{ METRIC_ALERT_acknowledged, "ACK", 3, SHOW_FLAG },
		{ METRIC_ALERT_source_id, "SOURCE", 16, SHOW_TEXT },
		{ METRIC_ALERT_message, "MESSAGE", 0, SHOW_TEXT } } },
	[PANE_BREAKERS] = { "BREAKERS",
	    { { METRIC_BREAKER_breaker, "", 0, SHOW_TEXT },
		{ METRIC_BREAKER_state, "STATE", 9, SHOW_TEXT },
		{ METRIC_BREAKER_failure_ratio, "FAILED", 6, SHOW_PERCENT },
		{ METRIC_BREAKER_calls, "CALLS", 7, SHOW_TEXT },
		{ METRIC_BREAKER_opened_ns, "OPENED", 6, SHOW_DISTANCE },
		{ METRIC_BREAKER_retry_ns, "RETRY", 5, SHOW_DISTANCE } } },
};

/* The word of a row that is this metric. */
static size_t
word_of(enum metric_id id)
{
	size_t n = 0;

	while (n < (size_t)id &&
	    metrics[(size_t)id - n - 1].section == metrics[id].section)
		n++;
	return n;
}

/* The columns' widths; those that do not fit get 0. */
static void
fit_columns(const struct pane *p, int cols, int widths[COLUMNS_MAX])
{
	enum { LEAST = 12 }; /* of what takes the rest */
	int left = cols - GUTTER;
	int rest = -1;

	for (int i = 0; i < COLUMNS_MAX; i++) {
		const struct column *col = &p->columns[i];
		int need = col->width > 0 ? col->width : LEAST;

		widths[i] = 0;
		if (col->title == NULL || need + GAP > left)
			continue;
		if (col->width == 0)
			rest = i;
		widths[i] = need;
		left -= need + GAP;
	}
	if (rest != -1)
		widths[rest] += left;
}

static void
put_cell(struct buf *b, const struct top *t, enum shown shown, const char *word,
    int64_t now_ns)
{
	switch (shown) {
	case SHOW_PERCENT:
		put_percent(b, word);
		break;
	case SHOW_BAR:
		if (strcmp(word, "-") != 0)
			bar_put(b, strtod(word, NULL), BAR_WIDTH, t->utf8);
		break;
	case SHOW_DISTANCE:
		put_distance(b, word, now_ns);
		break;
	case SHOW_FLAG:
		buf_add_str(b, strcmp(word, "1") == 0 ? "yes" : "");
		break;
	default:
		buf_add_str(b, word);
	}
}

static enum ink
cell_ink(const struct column *col, const char *word)
{
	double v = strtod(word, NULL);

	if (col->shown == SHOW_BAR && strcmp(word, "-") != 0)
		return v < 0.5 ? INK_BAD : v < 0.9 ? INK_WARN : INK_GOOD;
	return col->width > 0 ? top_ink(word) : INK_PLAIN;
}

static void
draw_row(const struct top *t, struct canvas *c, int pane, size_t row,
    struct top_rect at, int64_t now_ns)
{
	const struct top_source *s = top_pane_source(t, pane);
	const struct pane *p = &panes[pane];
	bool selected = t->selection[pane].row == row;
	int widths[COLUMNS_MAX];
	int x = at.x + GUTTER;

	fit_columns(p, at.cols, widths);
	if (selected && (int)t->focus == pane)
		(void)canvas_text(c, at.y, at.x, 1, INK_TITLE, slice_str(">"));
	for (int i = 0; i < COLUMNS_MAX; i++) {
		struct buf b = { 0 };
		const char *word;

		if (widths[i] == 0)
			continue;
		word = top_word(s, row, word_of(p->columns[i].metric));
		put_cell(&b, t, p->columns[i].shown, word, now_ns);
		if (!b.failed && b.len > 0)
			(void)canvas_text(c, at.y, x, widths[i],
			    cell_ink(&p->columns[i], word), buf_slice(&b));
		buf_free(&b);
		x += widths[i] + GAP;
	}
	if (selected && (int)t->focus == pane)
		canvas_select(c, at.y, at.x, at.cols);
}

/* `AGENTS 12`, `AGENTS 4096 of 5000`, `AGENTS (denied)`. */
static void
put_pane_title(struct buf *b, const struct top_source *s, const char *name)
{
	size_t n = top_rows(s);

	buf_add_str(b, name);
	if (s->problem[0] != '\0') {
		buf_addf(b, " (%s)", s->problem);
		return;
	}
	buf_add_byte(b, ' ');
	buf_add_u64(b, n);
	if (s->total > n)
		buf_addf(b, " of %zu", s->total);
}

static void
draw_heading(const struct top *t, struct canvas *c, int pane,
    struct top_rect at)
{
	enum ink ink = (int)t->focus == pane ? INK_TITLE : INK_DIM;
	const struct pane *p = &panes[pane];
	int widths[COLUMNS_MAX];
	struct buf b = { 0 };
	int x = at.x + GUTTER, end;

	fit_columns(p, at.cols, widths);
	put_pane_title(&b, top_pane_source(t, pane), p->name);
	end = at.x +
	    canvas_text(c, at.y, at.x, at.cols, INK_TITLE,
		b.failed ? slice_str(p->name) : buf_slice(&b));
	buf_free(&b);
	for (int i = 0; i < COLUMNS_MAX; i++) {
		if (widths[i] == 0)
			continue;
		/* The title may reach into the next columns. */
		if (x > end)
			(void)canvas_text(c, at.y, x, widths[i], ink,
			    slice_str(p->columns[i].title));
		x += widths[i] + GAP;
	}
}

void
top_draw_pane(struct top *t, struct canvas *c, int pane, struct top_rect at,
    int64_t now_ns)
{
	const struct top_source *s = top_pane_source(t, pane);
	struct top_selection *sel = &t->selection[pane];
	size_t n = top_rows(s), visible = (size_t)at.rows - 1;

	draw_heading(t, c, pane, at);
	if (n == 0) {
		(void)canvas_text(c, at.y + 1, at.x + GUTTER, at.cols - GUTTER,
		    INK_DIM, slice_str(s->problem[0] != '\0' ? "-" : "none"));
		return;
	}
	if (sel->row < sel->first)
		sel->first = sel->row;
	if (sel->row >= sel->first + visible)
		sel->first = sel->row - visible + 1;
	if (sel->first + visible > n)
		sel->first = n > visible ? n - visible : 0;
	at.rows = 1;
	for (size_t i = sel->first; i < n && i < sel->first + visible; i++) {
		at.y++;
		draw_row(t, c, pane, i, at, now_ns);
	}
}
