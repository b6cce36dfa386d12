#include "ctl_view.h"

#include "metric.h"
#include "rule_spec.h"

static const struct field get_fields[] = {
	{ "status", FIELD_TEXT },
	{ "execution_ns", FIELD_TIME },
	{ NULL, FIELD_TEXT },
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
	{ NULL, FIELD_TEXT },
};

static const struct field query_fields[] = {
	{ "job", FIELD_TEXT },
	{ "status", FIELD_TEXT },
	{ "execution_ns", FIELD_TIME },
	{ NULL, FIELD_TEXT },
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
	{ NULL, FIELD_TEXT },
};

static const struct field output_fields[] = {
	{ "stream", FIELD_TEXT },
	{ "line", FIELD_TEXT },
	{ NULL, FIELD_TEXT },
};

static const struct field history_fields[] = {
	{ "execution_id", FIELD_NUMBER },
	{ "started_ns", FIELD_TIME },
	{ "ended_ns", FIELD_TIME },
	{ "outcome", FIELD_TEXT },
	{ "exit", FIELD_NUMBER },
	{ "attempt", FIELD_NUMBER },
	{ "rule", FIELD_WORD },
	{ NULL, FIELD_TEXT },
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
#define FIELD_OF_RATIO FIELD_NUMBER
#define FIELD_OF_CORES FIELD_NUMBER
#define FIELD_OF_WORD FIELD_WORD
#define FIELD_OF_TEXT FIELD_WORD
#define FIELD_OF_LIST FIELD_LIST
#define FIELD_OF_CODES FIELD_WORD
#define OPTION(name, type, def, min, max, admin, help) \
	{ #name, FIELD_OF_##type },
#include "options.def"
#undef OPTION
	{ NULL, FIELD_TEXT },
};

static const struct field list_fields[] = {
	{ "rule", FIELD_TEXT },
	{ "pattern", FIELD_TEXT },
	{ "runner", FIELD_TEXT },
	{ "arguments", FIELD_LIST },
	{ NULL, FIELD_TEXT },
};

static const struct field stat_fields[] = {
	{ "uptime_ns", FIELD_SPAN },
	{ "auth_enabled", FIELD_FLAG },
	{ "tls_enabled", FIELD_FLAG },
	{ NULL, FIELD_TEXT },
};

static const struct field hello_fields[] = {
	{ "name", FIELD_TEXT },
	{ "version", FIELD_TEXT },
	{ "", FIELD_TEXT }, /* the word "protocol" */
	{ "protocol", FIELD_NUMBER },
	{ NULL, FIELD_TEXT },
};

static const struct field whoami_fields[] = {
	{ "token", FIELD_WORD },
	{ "role", FIELD_TEXT },
	{ "namespace", FIELD_TEXT },
	{ NULL, FIELD_TEXT },
};

static const struct view views[CMD_COUNT] = {
	[CMD_HELLO] = { VIEW_VALUES, hello_fields },
	[CMD_WHOAMI] = { VIEW_VALUES, whoami_fields },
	[CMD_GET] = { VIEW_VALUES, get_fields },
	[CMD_INFO] = { VIEW_PAIRS, info_fields },
	[CMD_QUERY] = { VIEW_ROWS, query_fields },
	[CMD_EXECUTIONS] = { VIEW_ROWS, executions_fields },
	[CMD_OUTPUT] = { VIEW_ROWS, output_fields },
	[CMD_HISTORY] = { VIEW_ROWS, history_fields },
	[CMD_RULE_GET] = { VIEW_PAIRS, rule_fields },
	[CMD_RULE_OPTIONS] = { VIEW_PAIRS, rule_fields },
	[CMD_LISTRULES] = { VIEW_ROWS, list_fields },
	[CMD_STAT] = { VIEW_PAIRS, stat_fields },
};

const struct view view_lines = { VIEW_LINES, NULL };

const struct view *
view_of(enum cmd_id id)
{
	return &views[id];
}

enum field_type
view_key_type(const struct view *v, struct slice key)
{
	for (const struct field *f = v->fields; f->name != NULL; f++) {
		if (slice_eq(key, slice_str(f->name)))
			return f->type;
	}
	for (size_t i = 0; i < METRIC_COUNT; i++) {
		if (slice_eq(key, slice_str(metrics[i].name)))
			return metrics[i].kind == METRIC_WORD ? FIELD_TEXT
							      : FIELD_NUMBER;
	}
	return FIELD_TEXT;
}
