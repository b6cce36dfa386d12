/* How `tickctl top` looks: where its panes are, and what is around them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_bar.h"
#include "ctl_top_model.h"
#include "duration.h"
#include "metric.h"
#include "token.h"
#include "tstamp.h"

#define HEAD_LINES 3
#define WIDE_COLS 140 /* from here on panes stand side by side */

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
 * Values as people read them, appended to a buffer.
 */

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

/*
 * Drawing.
 */

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
	pen_put(p, top_ink(word), slice_str(word));
	for (size_t i = 0; i < top_rows(s) && t->connected; i++) {
		const char *status = top_word(s, i, 1);

		if (top_badness(status) == 0)
			continue;
		pen_put(p, INK_PLAIN, slice_str(before));
		pen_put(p, top_ink(status), slice_str(top_word(s, i, 0)));
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
		duration_put(&b, (int64_t)ns / NS_PER_S * NS_PER_S);
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
				top_draw_pane(t, c, pane, rects[pane], now_ns);
		}
	}
	if (c->rows > 1)
		draw_status(t, c);
}
