#include "alert_internal.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "scoped.h"

#define NONE THRESHOLD_NONE
#define ANY THRESHOLD_ANY
#define KEY(key) CONFIG_alerts_##key
#define IN(section) (1u << HEALTH_##section)

const struct condition alert_conditions[CONDITION_COUNT] = {
#define CONDITION(id, source, in, info, warning, critical, under, act, name, \
    what_, unit_)                                                            \
	[CONDITION_##id] = { .word = #id,                                    \
		.source_type = SOURCE_##source,                              \
		.sections = (in),                                            \
		.key = { info, warning, critical },                          \
		.below = (under),                                            \
		.action = (act),                                             \
		.self = (name),                                              \
		.what = (what_),                                             \
		.unit = (unit_) },
#include "alert.def"
#undef CONDITION
};

static const char *const event_names[] = {
	[ALERT_RAISED] = "alert_raised",
	[ALERT_ACKNOWLEDGED] = "alert_acknowledged",
	[ALERT_CLEARED] = "alert_cleared",
};

void
alert_tell(const struct alert *a, enum alert_event event)
{
	const struct alerts_options *o = &a->owner->options;
	enum log_level level =
	    event == ALERT_RAISED && a->severity != ALERT_INFO ? LOG_LEVEL_WARN
							       : LOG_LEVEL_INFO;
	struct buf message = { 0 };

	alert_put_message(&message, a);
	LOG_AT_(level, event_names[event], LOG_U64("alert", a->id),
	    LOG_STR("severity", alert_severity_word(a->severity)),
	    LOG_STR("source_type", alert_source_word(alert_source_type(a))),
	    LOG_STR("source", a->source),
	    LOG_SLICE("message", buf_slice(&message)),
	    scoped_log(alert_source(a)), LOG_END_);
	buf_free(&message);
	if (o->tell != NULL)
		o->tell(o->ctx, event, a);
}

static void
describe(struct alert *a, enum alert_severity severity)
{
	a->severity = severity;
	a->value = a->judged;
	a->threshold = a->owner->limit[a->condition][severity].threshold;
}

static void
raise_alert(struct alert *a, enum alert_severity severity, int64_t now_ns)
{
	if (!alerts_reserve(a->owner))
		return; /* the next poll tries again */
	describe(a, severity);
	a->id = ++a->owner->last_id;
	a->raised_ns = now_ns;
	a->hidden = true;
	a->owner->n_hidden++;
	alert_save(a);
	if (a->saves == 0) /* the store takes nothing: no need to wait */
		alert_announce(a);
}

void
alert_announce(struct alert *a)
{
	a->hidden = false;
	a->owner->n_hidden--;
	a->owner->stats.raised++;
	alert_show(a);
	alert_tally(a, true);
	alert_tell(a, ALERT_RAISED);
}

static void
change_severity(struct alert *a, enum alert_severity severity)
{
	alert_tally(a, false);
	alert_hide(a);
	describe(a, severity);
	alert_show(a);
	alert_tally(a, true);
	alert_save(a);
	alert_tell(a, ALERT_RAISED);
}

static void
clear(struct alert *a, int64_t now_ns)
{
	alert_tally(a, false);
	a->cleared_ns = now_ns;
	a->owner->stats.cleared++;
	alert_line_up(a);
	alert_save(a);
	alert_tell(a, ALERT_CLEARED);
}

/* With `below`, the mark keeps within what a share from 0 to 1 can reach. */
static double
mark_of(double threshold, bool below, double margin)
{
	if (!below)
		return threshold * (1 - margin);
	if (threshold > 0.5)
		return threshold + margin * (1 - threshold);
	return threshold * (1 + margin);
}

static void
set_limits(struct alerts *s)
{
	const struct config *c = s->options.config;

	for (int i = 0; i < CONDITION_COUNT; i++)
		for (int k = 0; k < ALERT_SEVERITY_COUNT; k++) {
			struct limit *limit = &s->limit[i][k];
			int key = alert_conditions[i].key[k];

			limit->used = key != THRESHOLD_NONE;
			limit->threshold =
			    key < 0 ? 0 : config_number(c, (enum config_id)key);
			limit->mark = mark_of(limit->threshold,
			    alert_conditions[i].below, c->alerts_clear_margin);
		}
}

void
alerts_begin(struct alerts *s)
{
	s->poll++;
	set_limits(s);
}

bool
alert_is_beyond(enum alert_condition condition, double value, double limit)
{
	return alert_conditions[condition].below ? value < limit
						 : value > limit;
}

/* Whether it is beyond the threshold (or the mark) of a level. */
static bool
is_amiss(const struct alerts *s, enum alert_condition condition, double value,
    bool mark)
{
	for (int i = 0; i < ALERT_SEVERITY_COUNT; i++) {
		const struct limit *limit = &s->limit[condition][i];

		if (limit->used &&
		    alert_is_beyond(condition, value,
			mark ? limit->mark : limit->threshold))
			return true;
	}
	return false;
}

void
alerts_judge(struct alerts *s, enum alert_condition condition,
    struct slice source, double value)
{
	struct alert *a;

	if (!is_amiss(s, condition, value, true))
		return; /* as if it was not judged */
	if (alert_conditions[condition].self != NULL)
		source = slice_str(alert_conditions[condition].self);
	a = alerts_find_live(s, condition, source);
	if (a == NULL) {
		if (!is_amiss(s, condition, value, false))
			return;
		if (alert_conditions[condition].self == NULL &&
		    s->n_sources >= ALERT_SOURCES_MAX) {
			s->left_out = true;
			return;
		}
		if ((a = alert_new(s, condition, source)) == NULL)
			return; /* the next poll tries again */
		alert_enter(a);
	}
	a->poll = s->poll;
	a->judged = value;
}

static void
step_level(const struct alert *a, struct alert_level *level,
    const struct limit *limit)
{
	const struct alerts *s = a->owner;
	const struct config *c = s->options.config;
	double edge = level->on ? limit->mark : limit->threshold;
	bool over = a->poll == s->poll &&
	    alert_is_beyond(a->condition, a->judged, edge);

	if (over == level->on) {
		level->streak = 0;
		return;
	}
	level->streak++;
	if (level->streak <
	    (level->on ? c->alerts_clear_after : c->alerts_raise_after))
		return;
	level->on = over;
	level->streak = 0;
}

/* Each level a step on. The highest that is on, or -1; *quiet: nothing speaks
 * for a change. */
static int
step(struct alert *a, bool *quiet)
{
	int highest = -1;

	*quiet = true;
	for (int i = 0; i < ALERT_SEVERITY_COUNT; i++) {
		const struct limit *limit = &a->owner->limit[a->condition][i];

		if (!limit->used)
			continue;
		step_level(a, &a->level[i], limit);
		if (a->level[i].on)
			highest = i;
		if (a->level[i].streak > 0)
			*quiet = false;
	}
	return highest;
}

/* False when it is gone from its bucket. */
static bool
settle(struct alert *a, struct alert **at, int64_t now_ns)
{
	bool quiet;
	int highest;

	if (a->hidden) /* the disk takes its time */
		alert_announce(a);
	highest = step(a, &quiet);
	if (highest == -1 && a->id == 0 && quiet) {
		alert_leave(a, at);
		free(a);
		return false;
	}
	if (highest == -1 && a->id != 0) {
		alert_leave(a, at);
		clear(a, now_ns);
		return false;
	}
	if (highest != -1 && a->id == 0)
		raise_alert(a, (enum alert_severity)highest, now_ns);
	else if (highest != -1 && (int)a->severity != highest)
		change_severity(a, (enum alert_severity)highest);
	return true;
}

void
alerts_end(struct alerts *s, int64_t now_ns)
{
	for (size_t i = 0; i < ALERT_BUCKETS; i++) {
		struct alert **at = &s->bucket[i];

		while (*at != NULL)
			if (settle(*at, at, now_ns))
				at = &(*at)->next;
	}
	if (s->left_out && !s->was_left_out)
		LOG_WARN("alerts_full", LOG_U64("sources", s->n_sources));
	s->was_left_out = s->left_out;
	s->left_out = false;
	alerts_drop_cleared(s, now_ns);
	alerts_save_dirty(s);
}

void
alerts_judge_now(struct alerts *s, enum alert_condition condition,
    struct slice source, double value, int64_t now_ns)
{
	struct alert *a;

	if (alert_conditions[condition].self != NULL)
		source = slice_str(alert_conditions[condition].self);
	set_limits(s);
	alerts_judge(s, condition, source, value);
	if ((a = alerts_find_live(s, condition, source)) == NULL)
		return;
	for (int i = 0; i < ALERT_SEVERITY_COUNT; i++) {
		struct alert_level *level = &a->level[i];
		const struct limit *limit = &s->limit[condition][i];

		if (!limit->used ||
		    !alert_is_beyond(condition, value, limit->threshold))
			continue;
		level->on = true;
		level->streak = 0;
		if (a->id == 0)
			raise_alert(a, (enum alert_severity)i, now_ns);
		else if (!a->hidden && a->severity < (enum alert_severity)i)
			change_severity(a, (enum alert_severity)i);
	}
	if (a->hidden) /* the disk may take its time */
		alert_announce(a);
}

void
alerts_clear_now(struct alerts *s, enum alert_condition condition,
    int64_t now_ns)
{
	struct slice source = slice_str(alert_conditions[condition].self);
	struct alert **at = alerts_bucket(s, condition, source);
	struct alert *a = alerts_find_live(s, condition, source);

	if (a == NULL)
		return;
	while (*at != a)
		at = &(*at)->next;
	alert_leave(a, at);
	if (a->hidden)
		alert_announce(a);
	if (a->id == 0)
		free(a);
	else
		clear(a, now_ns);
}

const struct alerts_stats *
alerts_stats(const struct alerts *s)
{
	return &s->stats;
}

size_t
alerts_active(const struct alerts *s)
{
	size_t n = 0;

	for (int i = 0; i < ALERT_SEVERITY_COUNT; i++)
		n += s->stats.active[i];
	return n;
}

enum health_status
alerts_status(const struct alerts_stats *stats, enum health_section section)
{
	const size_t *n = section == HEALTH_ALERTS ? stats->active
						   : stats->in_section[section];

	if (n[ALERT_CRITICAL] > 0)
		return HEALTH_CRITICAL;
	return n[ALERT_WARNING] > 0 ? HEALTH_DEGRADED : HEALTH_HEALTHY;
}

enum alert_source_type
alert_source_type(const struct alert *a)
{
	return alert_conditions[a->condition].source_type;
}

struct alerts *
alerts_new(const struct alerts_options *o, struct err *e)
{
	struct alerts *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	s->options = *o;
	s->cleared_end = &s->cleared;
	alerts_load_thresholds(s);
	if (alerts_restore(s, e) == 0)
		return s;
	alerts_free(s);
	return NULL;
}

void
alerts_free(struct alerts *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < ALERT_BUCKETS; i++)
		while (s->bucket[i] != NULL) {
			struct alert *a = s->bucket[i];

			s->bucket[i] = a->next;
			if (a->id == 0 || a->hidden) /* others are shown */
				free(a);
		}
	for (size_t i = 0; i < s->n_shown; i++)
		free(s->shown[i]);
	alerts_drop_waits(s);
	free(s->shown);
	buf_free(&s->text);
	free(s);
}
