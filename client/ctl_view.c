#include "ctl_view.h"

#include <string.h>

#include "metric.h"
#include "token.h"

/* The metrics, in the order of their table. */
static const struct field metric_fields[METRIC_COUNT] = {
#define FIELD_OF_COUNTER FIELD_NUMBER
#define FIELD_OF_GAUGE FIELD_NUMBER
#define FIELD_OF_FLAG FIELD_FLAG
#define FIELD_OF_SPAN FIELD_SPAN
#define FIELD_OF_RATIO FIELD_NUMBER
#define FIELD_OF_MS FIELD_NUMBER
#define FIELD_OF_TIME FIELD_TIME
#define FIELD_OF_WORD FIELD_WORD
#define METRIC(section, name, kind, help) { #name, FIELD_OF_##kind },
#include "metrics.def"
#undef METRIC
};

static const struct field get_fields[] = {
	{ "status", FIELD_TEXT },
	{ "execution_ns", FIELD_TIME },
};

static const struct field info_fields[] = {
	{ "job", FIELD_TEXT },
	{ "status", FIELD_TEXT },
	{ "execution_ns", FIELD_TIME },
	{ "rule", FIELD_WORD },
	{ "runner", FIELD_WORD },
	{ "schedule", FIELD_WORD },
	{ "timezone", FIELD_WORD },
	{ "until_ns", FIELD_TIME },
	{ "payload", FIELD_WORD },
	{ "attempts", FIELD_NUMBER },
	{ "last_start_ns", FIELD_TIME },
	{ "last_end_ns", FIELD_TIME },
	{ "last_outcome", FIELD_WORD },
	{ "last_exit", FIELD_NUMBER },
	{ "last_duration_ms", FIELD_NUMBER },
	{ "hold", FIELD_WORD },
	{ "last_reason", FIELD_WORD },
};

static const struct field query_fields[] = {
	{ "job", FIELD_TEXT },
	{ "status", FIELD_TEXT },
	{ "execution_ns", FIELD_TIME },
};

static const struct field executions_fields[] = {
	{ "execution_id", FIELD_NUMBER },
	{ "job", FIELD_TEXT },
	{ "rule", FIELD_WORD },
	{ "state", FIELD_TEXT },
	{ "attempt", FIELD_NUMBER },
	{ "pid", FIELD_NUMBER },
	{ "started_ns", FIELD_TIME },
	{ "cpu_ms", FIELD_NUMBER },
	{ "rss_bytes", FIELD_NUMBER },
};

static const struct field output_fields[] = {
	{ "stream", FIELD_TEXT },
	{ "line", FIELD_TEXT },
};

static const struct field history_fields[] = {
	{ "execution_id", FIELD_NUMBER },
	{ "started_ns", FIELD_TIME },
	{ "ended_ns", FIELD_TIME },
	{ "outcome", FIELD_TEXT },
	{ "exit", FIELD_NUMBER },
	{ "attempt", FIELD_NUMBER },
	{ "rule", FIELD_WORD },
	{ "reason", FIELD_WORD },
};

/* RULE OPTIONS shows the last of these. */
static const struct field rule_fields[] = {
	{ "rule", FIELD_TEXT },
	{ "pattern", FIELD_TEXT },
	{ "runner", FIELD_TEXT },
	{ "arguments", FIELD_LIST },
	{ "paused", FIELD_FLAG },
#define FIELD_OF_DURATION FIELD_WORD
#define FIELD_OF_COUNT FIELD_NUMBER
#define FIELD_OF_BYTES FIELD_WORD
#define FIELD_OF_CORES FIELD_NUMBER
#define FIELD_OF_TEXT FIELD_WORD
#define FIELD_OF_LIST FIELD_LIST
#define FIELD_OF_CODES FIELD_WORD
#define OPTION(name, type, def, min, max, admin, help) \
	{ #name, FIELD_OF_##type },
#include "options.def"
#undef OPTION
};

static const struct field list_fields[] = {
	{ "rule", FIELD_TEXT },
	{ "pattern", FIELD_TEXT },
	{ "runner", FIELD_TEXT },
	{ "arguments", FIELD_LIST },
};

static const struct field hello_fields[] = {
	{ "name", FIELD_TEXT },
	{ "version", FIELD_TEXT },
	{ "", FIELD_TEXT }, /* the word "protocol" */
	{ "protocol", FIELD_NUMBER },
};

static const struct field whoami_fields[] = {
	{ "token", FIELD_WORD },
	{ "role", FIELD_TEXT },
	{ "namespace", FIELD_TEXT },
};

static const struct field status_fields[] = {
	{ "status", FIELD_TEXT },
};

static const struct field agent_list_fields[] = {
	{ "session_id", FIELD_TEXT },
	{ "rule", FIELD_TEXT },
	{ "class", FIELD_TEXT },
	{ "state", FIELD_TEXT },
	{ "started_ns", FIELD_TIME },
	{ "executions", FIELD_NUMBER },
	{ "pid_or_address", FIELD_WORD },
};

static const struct field agent_get_fields[] = {
	{ "pid", FIELD_NUMBER },
	{ "address", FIELD_WORD },
	{ "started_ns", FIELD_TIME },
	{ "stopped_ns", FIELD_TIME },
	{ "executions", FIELD_NUMBER },
	{ "exit", FIELD_NUMBER },
	{ "error", FIELD_WORD },
};

static const struct field integration_list_fields[] = {
	{ "integration", FIELD_TEXT },
	{ "probe", FIELD_LIST },
};

static const struct field audit_fields[] = {
	{ "seq", FIELD_NUMBER },
	{ "time_ns", FIELD_TIME },
	{ "actor", FIELD_WORD },
	{ "address", FIELD_WORD },
	{ "command", FIELD_TEXT },
	{ "target", FIELD_WORD },
	{ "outcome", FIELD_TEXT },
	{ "detail", FIELD_WORD },
};

#define FIELDS(a)                             \
	{                                     \
		a, sizeof(a) / sizeof((a)[0]) \
	}

/* Replies that are not in the table of metrics, by the command's words. */
static const struct view_row {
	const char *words;
	struct view view;
} views[] = {
	{ "HELLO", { VIEW_VALUES, .fields = FIELDS(hello_fields) } },
	{ "WHOAMI", { VIEW_VALUES, .fields = FIELDS(whoami_fields) } },
	{ "GET", { VIEW_VALUES, .fields = FIELDS(get_fields) } },
	{ "INFO", { VIEW_PAIRS, .fields = FIELDS(info_fields) } },
	{ "QUERY", { VIEW_ROWS, .fields = FIELDS(query_fields) } },
	{ "EXECUTIONS", { VIEW_ROWS, .fields = FIELDS(executions_fields) } },
	{ "OUTPUT", { VIEW_ROWS, .fields = FIELDS(output_fields) } },
	{ "HISTORY", { VIEW_ROWS, .fields = FIELDS(history_fields) } },
	{ "RULE GET", { VIEW_PAIRS, .fields = FIELDS(rule_fields) } },
	{ "RULE OPTIONS", { VIEW_PAIRS, .fields = FIELDS(rule_fields) } },
	{ "RULE ENVIRONMENT", { VIEW_PAIRS, .otherwise = FIELD_TEXT } },
	{ "LISTRULES", { VIEW_ROWS, .fields = FIELDS(list_fields) } },
	{ "HEALTH", { VIEW_PAIRS, .ok = FIELDS(status_fields) } },
	{ "ALERT THRESHOLDS", { VIEW_PAIRS, .otherwise = FIELD_NUMBER } },
	{ "INTEGRATION LIST",
	    { VIEW_ROWS, .fields = FIELDS(integration_list_fields) } },
	{ "AGENT LIST", { VIEW_ROWS, .fields = FIELDS(agent_list_fields) } },
	{ "AGENT GET", { VIEW_PAIRS, .fields = FIELDS(agent_get_fields) } },
	{ "AUDIT", { VIEW_ROWS, .fields = FIELDS(audit_fields) } },
};

const struct view view_lines = { .kind = VIEW_LINES };

/*
 * Metrics.
 */

struct fields
view_section(int section)
{
	size_t first = 0, n = 0;

	while (first < METRIC_COUNT && (int)metrics[first].section != section)
		first++;
	while (first + n < METRIC_COUNT &&
	    (int)metrics[first + n].section == section)
		n++;
	return (struct fields){ metric_fields + first, n };
}

/* Whether the text, such as "BREAKER LIST and BREAKER GET", names the
 * command. */
static bool
names_command(const char *text, const char *words)
{
	size_t n = strlen(words);
	const char *p;

	for (p = strstr(text, words); p != NULL; p = strstr(p + 1, words)) {
		if ((p == text || p[-1] == ' ') &&
		    (p[n] == ' ' || p[n] == '\0'))
			return true;
	}
	return false;
}

/* Of one thing out of a list the metrics come as pairs. */
static bool
is_one_of_list(const char *words)
{
	size_t n = strlen(words);

	return n > 4 && strcmp(words + n - 4, " GET") == 0;
}

static struct view
view_of_metrics(const char *words, bool of_system)
{
	struct view v = { .kind = VIEW_ANY };

	for (int s = 0; s < METRIC_SECTION_COUNT; s++) {
		if (!names_command(metric_sections[s].reply, words))
			continue;
		if (s == METRIC_SECTION_HISTORY_SYSTEM && !of_system)
			continue;
		if (metric_sections[s].form == METRIC_ROWS &&
		    !is_one_of_list(words))
			v.rows = view_section(s);
		else
			v.fields = view_section(s);
	}
	if (v.fields.n > 0) {
		v.kind = VIEW_PAIRS;
	} else if (v.rows.n > 0) {
		v.kind = VIEW_ROWS;
		v.fields = v.rows;
	}
	return v;
}

struct view
view_of(const struct command *c, struct slice arg)
{
	struct view v;

	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
		if (strcmp(views[i].words, c->words) == 0)
			return views[i].view;
	}
	v = view_of_metrics(c->words, token_is_word(arg, "SYSTEM"));
	if (strcmp(c->words, "HEALTH HISTORY") == 0)
		v.bar = "health_score";
	return v;
}

bool
view_is_pair(const struct view *v, const struct tick_row *row)
{
	if (v->kind != VIEW_PAIRS || row->n_words == 0)
		return false;
	return v->rows.n == 0 || row->n_words == 2;
}

enum field_type
view_key_type(const struct view *v, struct slice key)
{
	for (size_t i = 0; i < v->fields.n; i++) {
		if (slice_eq(key, slice_str(v->fields.at[i].name)))
			return v->fields.at[i].type;
	}
	return v->otherwise;
}

/*
 * Events.
 */

static const struct field event_fields[] = {
	{ "topic", FIELD_TEXT },
	{ "time_ns", FIELD_TIME },
};

static const struct field event_executions_fields[] = {
	{ "execution_id", FIELD_NUMBER },
	{ "job", FIELD_TEXT },
	{ "rule", FIELD_WORD },
	{ "state", FIELD_TEXT },
	{ "attempt", FIELD_NUMBER },
	{ "exit", FIELD_NUMBER },
};

static const struct field change_fields[] = {
	{ "change", FIELD_TEXT },
};

static const struct field health_fields[] = {
	{ "section", FIELD_TEXT },
	{ "status", FIELD_TEXT },
};

static const struct field section_fields[] = {
	{ "section", FIELD_TEXT },
};

static const struct field dropped_fields[] = {
	{ "count", FIELD_NUMBER },
};

/* What follows `EVENT <topic> <time_ns>`: `own`, then a section's metrics.
 * Health says by its first word which. */
static const struct topic_row {
	const char *topic;
	const char *first; /* NULL: any */
	struct fields own;
	int section; /* -1: none */
} topics[] = {
	{ "jobs", NULL, FIELDS(query_fields), -1 },
	{ "executions", NULL, FIELDS(event_executions_fields), -1 },
	{ "alerts", NULL, FIELDS(change_fields), METRIC_SECTION_ALERT },
	{ "breakers", NULL, { NULL, 0 }, METRIC_SECTION_BREAKER },
	{ "health", "agent", FIELDS(section_fields), METRIC_SECTION_AGENTS },
	{ "health", "integration", FIELDS(section_fields),
	    METRIC_SECTION_INTEGRATIONS },
	{ "health", NULL, FIELDS(health_fields), -1 },
	{ "audit", NULL, FIELDS(audit_fields), -1 },
	{ "dropped", NULL, FIELDS(dropped_fields), -1 },
};

static size_t
add_fields(struct field to[VIEW_EVENT_MAX], size_t n, struct fields from)
{
	for (size_t i = 0; i < from.n && n < VIEW_EVENT_MAX; i++)
		to[n++] = from.at[i];
	return n;
}

static const struct topic_row *
find_topic(const struct tick_event *e)
{
	for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
		const struct topic_row *r = &topics[i];

		if (strcmp(r->topic, e->topic) == 0 &&
		    (r->first == NULL ||
			(e->fields.n_words > 0 &&
			    strcmp(r->first, e->fields.words[0].ptr) == 0)))
			return r;
	}
	return NULL;
}

size_t
view_event(const struct tick_event *e, struct field to[VIEW_EVENT_MAX])
{
	const struct topic_row *r = find_topic(e);
	size_t n = add_fields(to, 0, (struct fields)FIELDS(event_fields));

	if (r == NULL)
		return n;
	n = add_fields(to, n, r->own);
	return r->section == -1 ? n
				: add_fields(to, n, view_section(r->section));
}

const char *
view_topic(size_t i)
{
	const char *last = "";

	for (size_t k = 0; k < sizeof(topics) / sizeof(topics[0]); k++) {
		const char *topic = topics[k].topic;

		if (strcmp(topic, last) == 0 || strcmp(topic, "dropped") == 0)
			continue;
		last = topic;
		if (i-- == 0)
			return topic;
	}
	return NULL;
}
