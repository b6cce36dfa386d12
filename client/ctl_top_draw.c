/*
 * How `tickctl top` looks. A pane is a table whose columns are metrics of its
 * section.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_bar.h"
#include "ctl_top_model.h"
#include "metric.h"
#include "token.h"
#include "tstamp.h"

#define HEAD_LINES 3
#define WIDE_COLS 140 /* from here on panes stand side by side */
#define GUTTER 2      /* before a row: the mark of the selected one */
#define GAP 1	      /* between columns */

/*
 * Layout.
 */

void
top_share(int avail, const int *want, int n, int *got)
{
	bool given = true;

	for (int i = 0; i < n; i++)
		got[i] = 0;
	while (given) {
		given = false;
		for (int i = 0; i < n && avail > 0; i++) {
			if (got[i] > 0 && got[i] >= want[i])
				continue;
			got[i]++;
			avail--;
			given = true;
		}
	}
}

/* Stack the panes first .. first + n in a column of the screen. */
static void
stack(const struct top *t, struct top_rect *rects, int first, int n,
    struct top_rect area)
{
	int want[PANE_COUNT] = { 0 }, got[PANE_COUNT];
	int y = area.y;

	for (int i = 0; i < n; i++)
		want[i] = (int)top_rows(top_pane_source(t, first + i));
	top_share(area.rows - n, want, n, got);
	for (int i = 0; i < n; i++) {
		rects[first + i] =
		    (struct top_rect){ y, area.x, got[i] + 1, area.cols };
		y += got[i] + 1;
	}
}

void
top_layout(const struct top *t, int rows, int cols,
    struct top_rect rects[PANE_COUNT])
{
	struct top_rect area = { HEAD_LINES, 0, rows - HEAD_LINES - 1, cols };
	int half = PANE_COUNT / 2;

	memset(rects, 0, PANE_COUNT * sizeof(*rects));
	if (area.rows < 1) {
		return; /* the lines above and below are all there is */
	}
	if (cols >= WIDE_COLS && area.rows >= 2 * half) {
		area.cols = cols / 2 - 1;
		stack(t, rects, 0, half, area);
		area.x = cols / 2 + 1;
		area.cols = cols - area.x;
		stack(t, rects, half, half, area);
	} else if (area.rows >= 2 * PANE_COUNT) {
		stack(t, rects, 0, PANE_COUNT, area);
	} else {
		rects[t->focus] = area;
	}
}

/*
 * Values as people read them, into a buffer that the caller has emptied.
 */

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

/* Microseconds. */
static void
put_us(struct buf *b, const char *text)
{
	uint64_t us;

	if (token_u64(slice_str(text), INT64_MAX / NS_PER_US, &us) == -1)
		buf_add_str(b, text);
	else if (us < 1000)
		buf_addf(b, "%dus", (int)us);
	else if (us < 1000000)
		buf_addf(b, "%.3gms", (double)us / 1e3);
	else
		buf_addf(b, "%.4gs", (double)us / 1e6);
}

static void
put_bytes(struct buf *b, const char *text)
{
	static const char units[] = "BKMGT";
	uint64_t n;
	size_t unit = 0;
	double v;

	if (token_u64(slice_str(text), UINT64_MAX, &n) == -1) {
		buf_add_str(b, text);
		return;
	}
	for (v = (double)n; v >= 1000 && unit + 2 < sizeof(units); unit++)
		v /= 1024;
	buf_addf(b, v < 10 && unit > 0 ? "%.1f%c" : "%.0f%c", v, units[unit]);
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

/*
 * Drawing.
 */

static enum ink
ink_of(const char *word)
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

/* A line that is written from left to right. */
struct pen {
	struct canvas *c;
	int y, x;
};

static void
pen_put(struct pen *p, enum ink ink, struct slice text)
{
	p->x += canvas_text(p->c, p->y, p->x, p->c->cols - p->x, ink, text);
}

/* `name value`, two blanks after it. */
static void
pen_pair(struct pen *p, const char *name, enum ink ink, const struct buf *value)
{
	pen_put(p, INK_DIM, slice_str(name));
	p->x++;
	pen_put(p, ink, value->failed ? slice_str("?") : buf_slice(value));
	p->x += 2;
}

/* What is wrong: `degraded (agents, alerts)`. */
static void
draw_health(const struct top *t, struct pen *p)
{
	const struct top_source *s = &t->source[TOP_HEALTH];
	const char *before = " (", *word = t->health;
	bool named = false;

	if (!t->connected && t->message[0] != '\0')
		word = "disconnected";
	else if (!t->connected || *word == '\0')
		word = "-";
	pen_put(p, ink_of(word), slice_str(word));
	for (size_t i = 0; i < top_rows(s) && t->connected; i++) {
		const char *status = top_word(s, i, 1);

		if (top_badness(status) == 0)
			continue;
		pen_put(p, INK_PLAIN, slice_str(before));
		pen_put(p, ink_of(status), slice_str(top_word(s, i, 0)));
		before = ", ";
		named = true;
	}
	if (named)
		pen_put(p, INK_PLAIN, slice_str(")"));
	p->x += 2;
}

static void
draw_title(const struct top *t, struct canvas *c, int64_t now_ns)
{
	struct pen p = { c, 0, 0 };
	struct buf b = { 0 };
	uint64_t ns;

	pen_put(&p, INK_TITLE, slice_str("tickd "));
	pen_put(&p, INK_TITLE, slice_str(t->address));
	p.x += 2;
	draw_health(t, &p);
	if (token_u64(slice_str(top_value(t, TOP_STAT, "uptime_ns")), INT64_MAX,
		&ns) == 0)
		tstamp_put_duration(&b, (int64_t)ns / NS_PER_S * NS_PER_S);
	pen_pair(&p, "up", INK_PLAIN, &b);
	buf_clear(&b);
	buf_addf(&b, "%02d:%02d:%02dZ", (int)(now_ns / NS_PER_S / 3600 % 24),
	    (int)(now_ns / NS_PER_S / 60 % 60), (int)(now_ns / NS_PER_S % 60));
	if (!b.failed && p.x + (int)b.len <= c->cols)
		(void)canvas_text(c, 0, c->cols - (int)b.len, (int)b.len,
		    INK_DIM, buf_slice(&b));
	buf_free(&b);
}

/* A percentage of the machine, as a bar when there is room for it. */
static void
draw_usage(const struct top *t, struct pen *p, const char *name,
    const char *metric)
{
	enum { WIDTH = 8 };
	const char *text = top_value(t, TOP_SYSTEM, metric);
	struct buf b = { 0 };
	char *end;
	double v = strtod(text, &end);
	int x;

	pen_put(p, INK_DIM, slice_str(name));
	p->x++;
	if (end != text && p->c->cols >= 100) {
		bar_put(&b, v / 100, WIDTH, t->utf8);
		pen_put(p, INK_DIM, slice_str("["));
		x = p->x;
		pen_put(p,
		    v > 90	 ? INK_BAD
			: v > 80 ? INK_WARN
				 : INK_GOOD,
		    buf_slice(&b));
		p->x = x + WIDTH;
		pen_put(p, INK_DIM, slice_str("] "));
		buf_clear(&b);
	}
	if (end != text)
		buf_addf(&b, "%.0f%%", v);
	else
		buf_add_str(&b, text);
	pen_put(p, INK_PLAIN, buf_slice(&b));
	p->x += 2;
	buf_free(&b);
}

static void
draw_plain(const struct top *t, struct pen *p, const char *name,
    enum top_source_id id, const char *metric)
{
	struct buf b = { 0 };

	buf_add_str(&b, top_value(t, id, metric));
	pen_pair(p, name, INK_PLAIN, &b);
	buf_free(&b);
}

static void
draw_system(const struct top *t, struct canvas *c)
{
	struct pen p = { c, 1, 0 };
	struct buf b = { 0 };

	draw_usage(t, &p, "cpu", "cpu_usage");
	draw_usage(t, &p, "mem", "memory_usage");
	draw_usage(t, &p, "disk", "disk_usage");
	draw_plain(t, &p, "load", TOP_SYSTEM, "load1");
	put_bytes(&b, top_value(t, TOP_SYSTEM, "process_rss_bytes"));
	pen_pair(&p, "rss", INK_PLAIN, &b);
	draw_plain(t, &p, "fds", TOP_SYSTEM, "open_fds");
	draw_plain(t, &p, "clients", TOP_STAT, "connections");
	draw_plain(t, &p, "req/s", TOP_PROTOCOL, "requests_per_second");
	buf_free(&b);
}

static void
draw_us(const struct top *t, struct pen *p, const char *name,
    enum top_source_id id, const char *metric)
{
	struct buf b = { 0 };

	put_us(&b, top_value(t, id, metric));
	pen_pair(p, name, INK_PLAIN, &b);
	buf_free(&b);
}

/* The depth of the queue, and how it went. */
static void
draw_past(const struct top *t, struct pen *p)
{
	struct buf b = { 0 };
	size_t n = p->c->cols >= 120 ? TOP_PAST : 12;
	double max = 1;

	n = n < t->n_past ? n : t->n_past;
	for (size_t i = t->n_past - n; i < t->n_past; i++)
		max = t->past[i] > max ? t->past[i] : max;
	spark_put(&b, t->past + t->n_past - n, n, max, t->utf8);
	if (!b.failed)
		pen_put(p, INK_GOOD, buf_slice(&b));
	p->x += 2;
	buf_free(&b);
}

static void
draw_queue(const struct top *t, struct canvas *c)
{
	struct pen p = { c, 2, 0 };

	draw_plain(t, &p, "queue", TOP_STAT, "executions_pending");
	draw_past(t, &p);
	draw_plain(t, &p, "run", TOP_STAT, "executions_inflight");
	draw_us(t, &p, "late99", TOP_SCHEDULER, "trigger_lateness_us_p99");
	draw_us(t, &p, "commit99", TOP_STORAGE, "commit_us_p99");
	draw_plain(t, &p, "planned", TOP_STAT, "jobs_planned");
	draw_plain(t, &p, "failed", TOP_STAT, "jobs_failed");
}

/*
 * Panes.
 */

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

	if (col->shown == SHOW_BAR)
		return v < 0.5 ? INK_BAD : v < 0.9 ? INK_WARN : INK_GOOD;
	return col->width > 0 ? ink_of(word) : INK_PLAIN;
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

static void
draw_pane(struct top *t, struct canvas *c, int pane, struct top_rect at,
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

static void
draw_help(struct canvas *c)
{
	static const char *const lines[] = {
		"Tab, Right, l     next pane",
		"Left, h           pane before",
		"Down, j   Up, k   next row, row before",
		"PgDn, Space       ten rows down",
		"PgUp, b           ten rows up",
		"Home, g   End, G  first row, last row",
		"a                 acknowledge the selected alert",
		"o                 open the selected breaker: jobs are held",
		"r                 reset the selected breaker",
		"?                 this help; any key ends it",
		"q                 quit",
	};

	for (int i = 0; i < (int)(sizeof(lines) / sizeof(lines[0])); i++)
		(void)canvas_text(c, HEAD_LINES + 1 + i, 2, c->cols - 2,
		    INK_PLAIN, slice_str(lines[i]));
}

/* The last line: a question, a message, or the keys. */
static void
draw_status(const struct top *t, struct canvas *c)
{
	static const char keys[] =
	    "q quit  ? help  Tab pane  j k row  a ack  o open  r reset";
	struct pen p = { c, c->rows - 1, 0 };
	bool open = t->mode == TOP_ASK_OPEN;

	if (open || t->mode == TOP_ASK_RESET) {
		pen_put(&p, INK_WARN,
		    slice_str(open ? "Open, and hold the jobs of, "
				   : "Reset, and let the jobs run of, "));
		pen_put(&p, INK_TITLE, slice_str(t->target));
		pen_put(&p, INK_WARN, slice_str("? y/n"));
	} else if (t->message[0] != '\0') {
		pen_put(&p, t->message_bad ? INK_BAD : INK_PLAIN,
		    slice_str(t->message));
	} else {
		pen_put(&p, INK_DIM, slice_str(keys));
	}
}

void
top_draw(struct top *t, struct canvas *c, int64_t now_ns)
{
	struct top_rect rects[PANE_COUNT];

	draw_title(t, c, now_ns);
	if (c->rows > HEAD_LINES) {
		draw_system(t, c);
		draw_queue(t, c);
	}
	top_layout(t, c->rows, c->cols, rects);
	if (t->mode == TOP_HELP) {
		draw_help(c);
	} else {
		for (int pane = 0; pane < PANE_COUNT; pane++) {
			if (rects[pane].rows > 1)
				draw_pane(t, c, pane, rects[pane], now_ns);
		}
	}
	if (c->rows > 1)
		draw_status(t, c);
}
