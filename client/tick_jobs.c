/* Jobs: set, get, remove, run, query. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tick_internal.h"

static const char *const status_words[] = {
	[TICK_JOB_PLANNED] = "planned",
	[TICK_JOB_TRIGGERED] = "triggered",
	[TICK_JOB_EXECUTED] = "executed",
	[TICK_JOB_FAILED] = "failed",
};

static bool
is_status(int status)
{
	return status >= TICK_JOB_PLANNED && status <= TICK_JOB_FAILED;
}

static enum tick_error
parse_status(const struct tick_word *w, enum tick_status *status)
{
	for (int i = TICK_JOB_PLANNED; i <= TICK_JOB_FAILED; i++) {
		if (strcmp(w->ptr, status_words[i]) == 0) {
			*status = (enum tick_status)i;
			return TICK_OK;
		}
	}
	return TICK_ERR_PROTOCOL;
}

static enum tick_error
parse_time(const struct tick_word *w, int64_t *ns)
{
	uint64_t v;

	if (token_u64(slice_of(w->ptr, w->len), INT64_MAX, &v) == -1)
		return TICK_ERR_PROTOCOL;
	*ns = (int64_t)v;
	return TICK_OK;
}

/*
 * SET.
 */

static void
add_due(struct tick *t, int64_t due_ns)
{
	if (due_ns == TICK_DUE_NOW)
		line_word(t, "now");
	else if (due_ns == TICK_DUE_CRON)
		line_word(t, "cron");
	else
		line_i64(t, due_ns);
}

static void
add_duration(struct tick *t, const char *key, int64_t ns)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%" PRId64 "ns", ns);
	line_word(t, key);
	line_word(t, text);
}

static void
add_option(struct tick *t, const char *key, const char *value)
{
	line_word(t, key);
	line_word(t, value);
}

static void
add_set_options(struct tick *t, const struct tick_set_options *o)
{
	if ((o->flags & TICK_SET_NX) != 0)
		line_word(t, "NX");
	if ((o->flags & TICK_SET_XX) != 0)
		line_word(t, "XX");
	if ((o->flags & TICK_SET_MATCHED) != 0)
		line_word(t, "MATCHED");
	if (o->every_ns != 0)
		add_duration(t, "EVERY", o->every_ns);
	if (o->cron != NULL)
		add_option(t, "CRON", o->cron);
	if (o->zone != NULL)
		add_option(t, "TZ", o->zone);
	if (o->until_ns != 0) {
		line_word(t, "UNTIL");
		line_i64(t, o->until_ns);
	}
	if (o->jitter_ns != 0)
		add_duration(t, "JITTER", o->jitter_ns);
	if (o->payload != NULL) {
		line_word(t, "PAYLOAD");
		line_bytes(t, o->payload, o->payload_len);
	}
}

int
tick_set(struct tick *t, const char *job, int64_t due_ns,
    const struct tick_set_options *options)
{
	static const struct sink nowhere = { 0 };
	struct tick_set_options o = TICK_SET_OPTIONS_INIT;

	if (options != NULL)
		memcpy(&o, options,
		    options->size < sizeof(o) ? options->size : sizeof(o));
	if (call_begin(t) == -1)
		return -1;
	line_open(t);
	line_word(t, "SET");
	line_word(t, job);
	add_due(t, due_ns);
	add_set_options(t, &o);
	return handle_finish(t, &nowhere);
}

/*
 * GET and the commands that only name a job.
 */

int
tick_get(struct tick *t, const char *job, enum tick_status *status,
    int64_t *due_ns)
{
	static const struct sink nowhere = { 0 };
	enum tick_status s;
	int64_t due;

	if (handle_command(t, "GET", job, &nowhere) == -1)
		return -1;
	if (t->ok.n_words < 2 || parse_status(&t->ok.words[0], &s) != TICK_OK ||
	    parse_time(&t->ok.words[1], &due) != TICK_OK)
		return handle_break_with(t, TICK_ERR_PROTOCOL);
	if (status != NULL)
		*status = s;
	if (due_ns != NULL)
		*due_ns = due;
	return 0;
}

int
tick_remove(struct tick *t, const char *job)
{
	static const struct sink nowhere = { 0 };

	return handle_command(t, "REMOVE", job, &nowhere);
}

int
tick_run(struct tick *t, const char *job)
{
	static const struct sink nowhere = { 0 };

	return handle_command(t, "RUN", job, &nowhere);
}

/*
 * QUERY.
 */

struct query {
	tick_job_cb *cb;
	void *arg;
};

static enum tick_error
query_row(const struct tick_row *row, void *arg)
{
	const struct query *q = arg;
	struct tick_job job;

	if (row->n_words < 3)
		return TICK_ERR_PROTOCOL;
	job.job = row->words[0].ptr;
	if (parse_status(&row->words[1], &job.status) != TICK_OK ||
	    parse_time(&row->words[2], &job.due_ns) != TICK_OK)
		return TICK_ERR_PROTOCOL;
	return q->cb(&job, q->arg) == 0 ? TICK_OK : TICK_ERR_STOPPED;
}

static void
add_query_options(struct tick *t, const struct tick_query_options *o)
{
	if (is_status((int)o->status))
		add_option(t, "STATUS", status_words[o->status]);
	if (o->after != NULL)
		add_option(t, "AFTER", o->after);
	if (o->limit != 0) {
		line_word(t, "LIMIT");
		line_u64(t, o->limit);
	}
}

int
tick_query(struct tick *t, const char *prefix,
    const struct tick_query_options *options, tick_job_cb *cb, void *arg)
{
	struct tick_query_options o = TICK_QUERY_OPTIONS_INIT;
	struct query q = { cb, arg };
	const struct sink sink = { query_row, &q, true };

	if (options != NULL)
		memcpy(&o, options,
		    options->size < sizeof(o) ? options->size : sizeof(o));
	if (call_begin(t) == -1)
		return -1;
	if (cb == NULL)
		return call_lacks(t, "the callback");
	if ((int)o.status != 0 && !is_status((int)o.status))
		return failure_set(&t->failure, TICK_ERR_USAGE,
		    "%d is not a status", (int)o.status);
	line_open(t);
	line_word(t, "QUERY");
	line_word(t, prefix != NULL ? prefix : "");
	add_query_options(t, &o);
	return handle_finish(t, &sink);
}
