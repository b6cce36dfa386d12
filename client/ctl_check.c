/*
 * After the Monitoring Plugins Development Guidelines. A server that cannot
 * be reached is CRITICAL, not UNKNOWN: by the guidelines that is a service
 * that is not running, and UNKNOWN is for trouble of the plugin's own, a wrong
 * command line, or a question that the server does not answer.
 */
#include "ctl_check.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ctl_range.h"
#include "ctl_text.h"
#include "ctl_view.h"

/* What is going to be printed. Zeroed: nothing. */
struct check {
	enum check_status status;
	struct buf text;
	struct buf perfdata;
};

static const char *
status_word(enum check_status s)
{
	static const char *const words[] = { "OK", "WARNING", "CRITICAL",
		"UNKNOWN" };

	return words[s];
}

/* The line's text: a bar would begin the perfdata, a newline more text. */
static void
put_text(struct buf *out, const char *text)
{
	size_t start = out->len;

	text_put_visible(out, slice_str(text), true);
	for (size_t i = start; i < out->len; i++) {
		if (out->ptr[i] == '|')
			out->ptr[i] = '/';
	}
}

static enum check_status
print_check(struct check *c, FILE *to)
{
	if (c->text.failed || c->perfdata.failed) {
		c->status = CHECK_UNKNOWN;
		(void)fputs("UNKNOWN - out of memory\n", to);
	} else {
		(void)fprintf(to, "%s - %.*s", status_word(c->status),
		    (int)c->text.len, c->text.len > 0 ? c->text.ptr : "");
		if (c->perfdata.len > 0)
			(void)fprintf(to, " | %.*s", (int)c->perfdata.len,
			    c->perfdata.ptr);
		(void)fputc('\n', to);
	}
	buf_free(&c->text);
	buf_free(&c->perfdata);
	return fflush(to) == 0 && !ferror(to) ? c->status : CHECK_UNKNOWN;
}

enum check_status
check_usage(FILE *to, const char *message)
{
	struct check c = { .status = CHECK_UNKNOWN };

	/* The first line says what is wrong. */
	buf_add(&c.text, message, strcspn(message, "\n"));
	return print_check(&c, to);
}

static void
unknown(struct check *c, const char *what, const char *why)
{
	c->status = CHECK_UNKNOWN;
	put_text(&c->text, what);
	buf_add_str(&c->text, ": ");
	put_text(&c->text, why);
}

/* The server did not do as it was asked, or is not there. */
static void
failed(struct check *c, const struct tick *t)
{
	switch (tick_err(t)) {
	case TICK_ERR_UNAVAILABLE:
	case TICK_ERR_ADDRESS:
	case TICK_ERR_CONNECT:
	case TICK_ERR_TIMEOUT:
	case TICK_ERR_CLOSED:
	case TICK_ERR_PROTOCOL:
		c->status = CHECK_CRITICAL;
		put_text(&c->text, tick_errstr(t));
		break;
	default:
		unknown(c, tick_errword(t), tick_errstr(t));
		break;
	}
}

/*
 * Perfdata.
 */

void
check_put_perfdata(struct buf *out, const char *label, const char *value,
    const char *unit, const char *warning, const char *critical)
{
	if (out->len > 0)
		buf_add_byte(out, ' ');
	buf_add_byte(out, '\'');
	for (; *label != '\0'; label++) {
		if (*label == '\'')
			buf_add_byte(out, '\'');
		buf_add_byte(out, *label);
	}
	buf_add_str(out, "'=");
	buf_add_str(out, value);
	buf_add_str(out, unit);
	if (warning == NULL && critical == NULL)
		return;
	buf_add_byte(out, ';');
	buf_add_str(out, warning != NULL ? warning : "");
	if (critical == NULL)
		return;
	buf_add_byte(out, ';');
	buf_add_str(out, critical);
}

static bool
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);

	return n >= k && strcmp(s + n - k, end) == 0;
}

const char *
check_unit(const struct metric *m)
{
	if (m->kind == METRIC_COUNTER)
		return "c";
	if (m->kind == METRIC_MS)
		return "ms";
	if (strstr(m->name, "_us_") != NULL)
		return "us";
	if (ends_with(m->name, "_bytes"))
		return "B";
	if (ends_with(m->name, "_usage"))
		return "%";
	return "";
}

static bool
is_number(const char *text)
{
	return *text != '\0' && strcmp(text, "-") != 0 &&
	    text[strspn(text, "-.0123456789")] == '\0';
}

/* The metric of this name in `reply` ("HEALTH SYSTEM"), NULL: not known. */
static const struct metric *
find_metric(const char *reply, const char *name)
{
	for (size_t i = 0; i < METRIC_COUNT; i++) {
		const struct metric *m = &metrics[i];

		if (strcmp(metric_sections[m->section].reply, reply) == 0 &&
		    strcmp(m->name, name) == 0)
			return m;
	}
	return NULL;
}

/* What a number is that has a course over time: not a time, not a word. */
static bool
is_measured(const struct metric *m)
{
	return m != NULL && m->kind != METRIC_TIME && m->kind != METRIC_WORD;
}

static void
add_pairs(struct check *c, const char *section, const struct tick_reply *r)
{
	for (size_t i = 0; i < r->n_rows; i++) {
		const struct tick_word *w = r->rows[i].words;
		const struct metric *m;

		if (r->rows[i].n_words != 2 || !is_number(w[1].ptr))
			continue;
		m = find_metric(section, w[0].ptr);
		if (is_measured(m))
			check_put_perfdata(&c->perfdata, m->name, w[1].ptr,
			    check_unit(m), NULL, NULL);
	}
}

/*
 * The health of the whole.
 */

static enum check_status
status_of(const char *health)
{
	if (strcmp(health, "healthy") == 0)
		return CHECK_OK;
	if (strcmp(health, "degraded") == 0)
		return CHECK_WARNING;
	return strcmp(health, "critical") == 0 ? CHECK_CRITICAL : CHECK_UNKNOWN;
}

/* `degraded: agents, alerts`. */
static void
put_health(struct check *c, const struct tick_reply *r)
{
	const char *before = ": ";

	c->status = CHECK_UNKNOWN;
	if (r->ok.n_words == 0) {
		buf_add_str(&c->text, "no status");
		return;
	}
	c->status = status_of(r->ok.words[0].ptr);
	put_text(&c->text, r->ok.words[0].ptr);
	for (size_t i = 0; i < r->n_rows; i++) {
		const struct tick_word *w = r->rows[i].words;

		if (r->rows[i].n_words != 2 || status_of(w[1].ptr) == CHECK_OK)
			continue;
		buf_add_str(&c->text, before);
		put_text(&c->text, w[0].ptr);
		before = ", ";
	}
}

static void
check_health(struct check *c, struct tick *t)
{
	static const char system_section[] = "HEALTH SYSTEM";
	struct tick_reply *r;

	if (tick_call_line(t, &r, "HEALTH") == -1) {
		failed(c, t);
		return;
	}
	put_health(c, r);
	tick_reply_free(r);
	/* A server that keeps its figures to itself is none the worse. */
	if (tick_call_line(t, &r, system_section) == 0)
		add_pairs(c, system_section, r);
	tick_reply_free(r);
}

/*
 * One metric.
 */

#define SECTION_MAX 64

/* A metric's parts: `section.id.name`. */
struct wanted {
	char reply[SECTION_MAX]; /* "HEALTH SYSTEM", "STAT" */
	const char *id;		 /* not terminated */
	size_t id_len;		 /* 0: none */
	const char *name;
};

static int
split_metric(const char *metric, struct wanted *w)
{
	const char *dot, *last;
	size_t n;
	int k;

	/* As the command is asked, so the metric may be named. */
	if (strncasecmp(metric, "health.", 7) == 0)
		metric += 7;
	dot = strchr(metric, '.');
	last = strrchr(metric, '.');
	if (dot == NULL || dot == metric || last[1] == '\0')
		return -1;
	n = (size_t)(dot - metric);
	k = snprintf(w->reply, sizeof(w->reply), "%s%.*s",
	    n == 4 && strncasecmp(metric, "stat", n) == 0 ? "" : "HEALTH ",
	    (int)n, metric);
	if (k >= SECTION_MAX)
		return -1;
	for (char *p = w->reply; *p != '\0'; p++)
		*p = (char)toupper((unsigned char)*p);
	w->name = last + 1;
	w->id = dot + 1;
	w->id_len = last > dot ? (size_t)(last - w->id) : 0;
	return 0;
}

static int
ask(struct tick *t, const struct wanted *w, struct tick_reply **r)
{
	const char *space = strchr(w->reply, ' ');
	struct tick_word words[3];
	size_t n = 0;

	words[n++] = (struct tick_word){ w->reply,
		space != NULL ? (size_t)(space - w->reply) : strlen(w->reply) };
	if (space != NULL)
		words[n++] = (struct tick_word){ space + 1, strlen(space + 1) };
	if (w->id_len > 0)
		words[n++] = (struct tick_word){ w->id, w->id_len };
	return tick_call_words(t, r, words, n);
}

/* The value of a pair, NULL: there is none of that name. */
static const char *
find_value(const struct tick_reply *r, const char *name)
{
	for (size_t i = 0; i < r->n_rows; i++) {
		if (r->rows[i].n_words == 2 &&
		    strcmp(r->rows[i].words[0].ptr, name) == 0)
			return r->rows[i].words[1].ptr;
	}
	return NULL;
}

struct limits {
	const char *text[2]; /* warning, critical; NULL: none */
	struct range range[2];
};

static int
parse_limits(struct check *c, struct limits *l)
{
	for (int i = 0; i < 2; i++) {
		if (l->text[i] != NULL &&
		    range_parse(l->text[i], &l->range[i]) == -1) {
			unknown(c, l->text[i], "not a range");
			return -1;
		}
	}
	return 0;
}

/* Nothing has happened yet that it could be taken from. */
static void
no_value(struct check *c, const char *metric)
{
	put_text(&c->text, metric);
	buf_add_str(&c->text, " has no value yet");
	check_put_perfdata(&c->perfdata, metric, "U", "", NULL, NULL);
}

static void
judge(struct check *c, const struct limits *l, const char *metric,
    const struct metric *m, const char *value)
{
	double v = strtod(value, NULL);

	for (int i = 0; i < 2; i++) {
		if (l->text[i] != NULL && range_alerts(&l->range[i], v))
			c->status = i == 0 ? CHECK_WARNING : CHECK_CRITICAL;
	}
	put_text(&c->text, metric);
	buf_add_str(&c->text, " is ");
	buf_add_str(&c->text, value);
	check_put_perfdata(&c->perfdata, metric, value,
	    m != NULL ? check_unit(m) : "", l->text[0], l->text[1]);
}

static void
check_metric(struct check *c, struct tick *t, const char *metric,
    struct limits *l)
{
	struct tick_reply *r;
	struct wanted w;
	const char *value;

	if (split_metric(metric, &w) == -1) {
		unknown(c, metric,
		    "not section.name or section.id.name, such as "
		    "system.cpu_usage");
		return;
	}
	if (parse_limits(c, l) == -1)
		return;
	if (ask(t, &w, &r) == -1) {
		failed(c, t);
		return;
	}
	value = find_value(r, w.name);
	if (value == NULL)
		unknown(c, metric, "there is no such metric");
	else if (strcmp(value, "-") == 0)
		no_value(c, metric);
	else if (!is_number(value))
		unknown(c, metric, "not a number");
	else
		judge(c, l, metric, find_metric(w.reply, w.name), value);
	tick_reply_free(r);
}

enum check_status
check_run(struct tick *t, const char *metric, const char *warning,
    const char *critical, FILE *to)
{
	struct check c = { .status = CHECK_OK };
	struct limits l = { .text = { warning, critical } };

	if (tick_err(t) != TICK_OK)
		failed(&c, t);
	else if (metric == NULL)
		check_health(&c, t);
	else
		check_metric(&c, t, metric, &l);
	return print_check(&c, to);
}
