/*
 * Words for alerts, and how they are stored: a line of words
 *
 *	<condition> <severity> <raised_ns> <cleared_ns> <acknowledged>
 *	<value> <threshold> <source> [namespace]
 *
 * with the namespace of an integration that has one (see scoped.h);
 * value and threshold in 1/10000. Later versions may add words at the end.
 */
#include "alert_internal.h"

#include <math.h>
#include <string.h>

#include "metric.h"
#include "reply.h"
#include "scoped.h"

#define ONE 10000.0
#define STORED_MAX UINT64_C(1000000000000000) /* exact as a double */
#define STORED_WORDS 8			      /* without a namespace */
#define STORED_BYTES 2048

const char *
alert_severity_word(enum alert_severity severity)
{
	static const char *const words[] = {
		[ALERT_INFO] = "info",
		[ALERT_WARNING] = "warning",
		[ALERT_CRITICAL] = "critical",
	};

	return words[severity];
}

const char *
alert_source_word(enum alert_source_type type)
{
	static const char *const words[] = {
		[SOURCE_SYSTEM] = "system",
		[SOURCE_AGENT] = "agent",
		[SOURCE_INTEGRATION] = "integration",
		[SOURCE_STORAGE] = "storage",
		[SOURCE_SECURITY] = "security",
	};

	return words[type];
}

const char *
alert_event_word(enum alert_event event)
{
	static const char *const words[] = {
		[ALERT_RAISED] = "raised",
		[ALERT_ACKNOWLEDGED] = "acknowledged",
		[ALERT_CLEARED] = "cleared",
	};

	return words[event];
}

static uint64_t
stored(double v)
{
	if (!(v > 0))
		return 0;
	return v >= (double)STORED_MAX / ONE ? STORED_MAX
					     : (uint64_t)llround(v * ONE);
}

/* With its unit, and no more places than anybody reads: a share has four. */
static void
put_number(struct buf *out, double v, const char *unit)
{
	if (unit[0] == '\0')
		buf_add_decimal(out, stored(v), 4);
	else
		buf_add_decimal(out, stored(v) / 100, 2);
	buf_add_str(out, unit);
}

static bool
is_measured(enum alert_condition condition)
{
	for (int i = 0; i < ALERT_SEVERITY_COUNT; i++)
		if (alert_conditions[condition].key[i] >= 0)
			return true;
	return false;
}

void
alert_put_message(struct buf *out, const struct alert *a)
{
	const struct condition *c = &alert_conditions[a->condition];

	if (a->cleared_ns != 0)
		buf_add_str(out, "cleared: ");
	buf_add_str(out, c->what);
	if (!is_measured(a->condition))
		return;
	buf_add_str(out, " is ");
	put_number(out, a->value, c->unit);
	/* A lower level may be on although it is back within the margin. */
	buf_add_str(out,
	    alert_is_beyond(a->condition, a->value, a->threshold) ? ", "
								  : ", was ");
	buf_add_str(out, c->below ? "under " : "over ");
	put_number(out, a->threshold, c->unit);
}

void
alert_put_words(struct buf *out, const struct alert *a)
{
	struct buf id = { 0 }, message = { 0 };
	struct metric_value v[METRIC_COUNT];

	buf_add_u64(&id, a->id);
	buf_add_byte(&id, '\0');
	alert_put_message(&message, a);
	buf_add_byte(&message, '\0');
	if (id.failed || message.failed) {
		out->failed = true;
	} else {
		v[METRIC_ALERT_alert_id].word = id.ptr;
		v[METRIC_ALERT_severity].word =
		    alert_severity_word(a->severity);
		v[METRIC_ALERT_source_type].word =
		    alert_source_word(alert_source_type(a));
		v[METRIC_ALERT_source_id].word = a->source;
		v[METRIC_ALERT_raised_ns].ns = a->raised_ns;
		v[METRIC_ALERT_action_required].number =
		    a->cleared_ns == 0 && alert_conditions[a->condition].action;
		v[METRIC_ALERT_acknowledged].number = a->acknowledged;
		v[METRIC_ALERT_message].word = message.ptr;
		metric_put_words(out, METRIC_SECTION_ALERT, v);
	}
	buf_free(&id);
	buf_free(&message);
}

void
alert_encode(struct buf *out, const struct alert_saved *saved)
{
	struct slice source = slice_of(saved->source, saved->source_len);

	reply_str(out, alert_conditions[saved->condition].word);
	reply_str(out, alert_severity_word(saved->severity));
	reply_i64(out, saved->raised_ns);
	reply_i64(out, saved->cleared_ns);
	reply_u64(out, saved->acknowledged);
	reply_u64(out, stored(saved->value));
	reply_u64(out, stored(saved->threshold));
	reply_str(out, saved->source);
	if (scoped_namespace(source).len > 0)
		reply_word(out, scoped_namespace(source));
}

static bool
read_ns(struct slice word, int64_t *ns)
{
	uint64_t v;

	if (token_u64(word, INT64_MAX, &v) == -1)
		return false;
	*ns = (int64_t)v;
	return true;
}

static bool
read_number(struct slice word, double *number)
{
	uint64_t v;

	if (token_u64(word, STORED_MAX, &v) == -1)
		return false;
	*number = (double)v / ONE;
	return true;
}

static bool
read_names(const struct slice *word, struct alert_saved *out)
{
	int condition = 0, severity = 0;
	struct err e;

	while (condition < CONDITION_COUNT &&
	    !slice_eq(word[0], slice_str(alert_conditions[condition].word)))
		condition++;
	while (severity < ALERT_SEVERITY_COUNT &&
	    !slice_eq(word[1],
		slice_str(alert_severity_word((enum alert_severity)severity))))
		severity++;
	if (condition == CONDITION_COUNT || severity == ALERT_SEVERITY_COUNT ||
	    !token_is_identifier(word[7], "source", &e))
		return false;
	out->condition = (enum alert_condition)condition;
	out->severity = (enum alert_severity)severity;
	memcpy(out->source, word[7].ptr, word[7].len);
	out->source[word[7].len] = '\0';
	out->source_len = word[7].len;
	return true;
}

/* Behind the source, where there is one. */
static bool
read_namespace(struct slice word, struct alert_saved *out)
{
	struct err e;

	if (word.len == 0 || !token_is_prefix(word, "namespace", &e) ||
	    out->source_len + 1 + word.len > ID_MAX)
		return false;
	memcpy(out->source + out->source_len + 1, word.ptr, word.len);
	out->source_len += 1 + word.len;
	out->source[out->source_len] = '\0';
	return true;
}

static bool
read_words(const struct slice *word, struct alert_saved *out)
{
	uint64_t acknowledged;

	if (!read_names(word, out) || !read_ns(word[2], &out->raised_ns) ||
	    !read_ns(word[3], &out->cleared_ns) ||
	    token_u64(word[4], 1, &acknowledged) == -1 ||
	    !read_number(word[5], &out->value) ||
	    !read_number(word[6], &out->threshold))
		return false;
	out->acknowledged = acknowledged != 0;
	return true;
}

int
alert_decode(struct slice value, struct alert_saved *out, struct err *e)
{
	struct tokens tokens = { 0 };
	char line[STORED_BYTES];
	int rc = -1;

	if (value.len <= sizeof(line)) {
		if (value.len > 0)
			memcpy(line, value.ptr, value.len);
		rc = token_split(line, value.len, &tokens, e);
	}
	if (rc == 0 &&
	    (tokens.n < STORED_WORDS || !read_words(tokens.word, out) ||
		(tokens.n > STORED_WORDS &&
		    !read_namespace(tokens.word[STORED_WORDS], out))))
		rc = -1;
	token_fini(&tokens);
	return rc == 0 ? 0 : err_set(e, ERR_INVALID, "not an alert");
}
