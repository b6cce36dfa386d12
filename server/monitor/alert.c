/*
 * An alert begins as a condition that is amiss with some source and has no
 * number yet; until then, and while it is active, it stands in a bucket by
 * condition and source. With its number it comes into `shown`, in the order
 * of ALERT LIST, and stays there when it has been cleared; it then stands in
 * the line of those cleared, oldest first, until it is dropped.
 *
 * Invariants:
 *  A1  Of a condition and a source there is at most one in the buckets.
 *  A2  A change of a numbered alert is written, or it is dirty.
 *  A3  What the store still has to answer for is not freed.
 */
#include "alert.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "os.h"

#define BUCKETS 2048u
#define ID_TEXT_MAX 24

enum { NONE = -1, ANY = -2 };
#define KEY(key) CONFIG_alerts_##key
#define IN(section) (1u << HEALTH_##section)

static const struct {
	unsigned sections;
	int key[ALERT_SEVERITY_COUNT]; /* enum config_id, NONE or ANY */
	bool below;
	enum alert_source_type source_type;
	const char *self;
} conditions[CONDITION_COUNT] = {
#define CONDITION(id, source, in, info, warning, critical, under, action, \
    name, what, unit)                                                     \
	[CONDITION_##id] = { .sections = (in),                            \
		.key = { info, warning, critical },                       \
		.below = (under),                                         \
		.source_type = SOURCE_##source,                           \
		.self = (name) },
#include "alert.def"
#undef CONDITION
};

/* A level's threshold, and how far back the value must come. */
struct limit {
	bool used;
	double threshold, mark;
};

/* A client waits for a change to be durable. */
struct request_wait {
	struct request_wait *next, **back; /* of the owner */
	struct alerts *owner;
	struct alert *alert; /* to be acknowledged; NULL: a threshold */
	struct store_waiter waiter;
	char note[OP_NOTE_MAX];
};

struct alerts {
	struct alerts_options options;
	struct limit limit[CONDITION_COUNT][ALERT_SEVERITY_COUNT];
	uint64_t poll;
	uint64_t last_id;
	struct alert *bucket[BUCKETS];
	size_t n_sources; /* in the buckets, agents and integrations */
	bool left_out, was_left_out; /* some are too many, in this poll */
	struct alert **shown;	     /* owned */
	size_t n_shown, cap_shown;
	struct alert *cleared, **cleared_end;
	size_t n_cleared;
	size_t in_section[HEALTH_SECTION_COUNT][ALERT_SEVERITY_COUNT];
	struct alerts_stats stats;
	bool any_dirty;
	struct request_wait *waits;
	struct buf text;
};

/* ---- Finding them ---- */

static struct alert **
bucket_of(struct alerts *s, enum alert_condition condition, struct slice source)
{
	uint32_t h = 2166136261u ^ (uint32_t)condition; /* FNV-1a */

	for (size_t i = 0; i < source.len; i++)
		h = (h ^ (unsigned char)source.ptr[i]) * 16777619u;
	return &s->bucket[h % BUCKETS];
}

static struct slice
source_of(const struct alert *a)
{
	return slice_of(a->source, a->source_len);
}

static struct alert *
find_live(struct alerts *s, enum alert_condition condition, struct slice source)
{
	struct alert *a = *bucket_of(s, condition, source);

	while (a != NULL &&
	    (a->condition != condition || !slice_eq(source_of(a), source)))
		a = a->next;
	return a;
}

static bool
is_many(const struct alert *a)
{
	return conditions[a->condition].self == NULL;
}

static void
enter_bucket(struct alert *a)
{
	struct alert **at = bucket_of(a->owner, a->condition, source_of(a));

	a->next = *at;
	*at = a;
	a->owner->n_sources += is_many(a);
}

static void
leave_bucket(struct alert *a, struct alert **at)
{
	*at = a->next;
	a->next = NULL;
	a->owner->n_sources -= is_many(a);
}

static struct alert *
alert_new(struct alerts *s, enum alert_condition condition, struct slice source)
{
	struct alert *a = calloc(1, sizeof(*a) + source.len + 1);

	if (a == NULL)
		return NULL;
	a->owner = s;
	a->condition = condition;
	a->source_len = (uint8_t)source.len;
	memcpy(a->source, source.ptr, source.len);
	return a;
}

/* ---- The list of those raised ---- */

struct alert_place
alert_place(const struct alert *a)
{
	return (struct alert_place){ a->severity, a->raised_ns, a->id };
}

static int
place_cmp(const struct alert_place *a, const struct alert_place *b)
{
	if (a->severity != b->severity)
		return a->severity > b->severity ? -1 : 1;
	if (a->raised_ns != b->raised_ns)
		return a->raised_ns > b->raised_ns ? -1 : 1;
	return (a->id < b->id) - (a->id > b->id);
}

/* How many of the list come before a place, or (with) at it. */
static size_t
rank(const struct alerts *s, const struct alert_place *place, bool with)
{
	size_t low = 0, high = s->n_shown;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		struct alert_place there = alert_place(s->shown[middle]);
		int order = place_cmp(&there, place);

		if (order < 0 || (with && order == 0))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Room for one more. False: no memory. */
static bool
reserve_shown(struct alerts *s)
{
	size_t cap = s->cap_shown == 0 ? 64 : 2 * s->cap_shown;
	struct alert **shown;

	if (s->n_shown < s->cap_shown)
		return true;
	if ((shown = realloc(s->shown, cap * sizeof(struct alert *))) == NULL)
		return false;
	s->shown = shown;
	s->cap_shown = cap;
	return true;
}

static void
show(struct alert *a)
{
	struct alerts *s = a->owner;
	struct alert_place place = alert_place(a);
	size_t i = rank(s, &place, false);

	memmove(&s->shown[i + 1], &s->shown[i],
	    (s->n_shown - i) * sizeof(struct alert *));
	s->shown[i] = a;
	s->n_shown++;
}

static void
hide(struct alert *a)
{
	struct alerts *s = a->owner;
	struct alert_place place = alert_place(a);
	size_t i = rank(s, &place, false);

	s->n_shown--;
	memmove(&s->shown[i], &s->shown[i + 1],
	    (s->n_shown - i) * sizeof(struct alert *));
}

const struct alert *
alerts_next(const struct alerts *s, const struct alert_place *after)
{
	size_t i = after == NULL ? 0 : rank(s, after, true);

	return i < s->n_shown ? s->shown[i] : NULL;
}

struct alert *
alerts_find(const struct alerts *s, uint64_t id)
{
	for (size_t i = 0; i < s->n_shown; i++)
		if (s->shown[i]->id == id)
			return s->shown[i];
	return NULL;
}

static void
adjust(size_t *n, bool more)
{
	if (more)
		++*n;
	else
		--*n;
}

/* An active alert comes into the counts, or goes. */
static void
tally(const struct alert *a, bool comes)
{
	struct alerts *s = a->owner;

	adjust(&s->stats.active[a->severity], comes);
	if (a->acknowledged)
		adjust(&s->stats.acknowledged, comes);
	for (int i = 0; i < HEALTH_SECTION_COUNT; i++)
		if (conditions[a->condition].sections & 1u << i)
			adjust(&s->in_section[i][a->severity], comes);
}

static void
line_up_cleared(struct alert *a)
{
	struct alerts *s = a->owner;

	a->next = NULL;
	*s->cleared_end = a;
	s->cleared_end = &a->next;
	s->n_cleared++;
}

/* ---- What is durable ---- */

static struct slice
id_text(const struct alert *a, char text[ID_TEXT_MAX])
{
	int n = snprintf(text, ID_TEXT_MAX, "%llu", (unsigned long long)a->id);

	return slice_of(text, (size_t)n);
}

uint32_t
alert_slot(const struct alert *a)
{
	char text[ID_TEXT_MAX];

	return store_entry_slot(ENTRY_ALERT, id_text(a, text));
}

static void
set_dirty(struct alert *a)
{
	a->dirty = true;
	a->owner->any_dirty = true;
}

/* Ask the store to keep it as it is, or (acknowledged) as it will be. */
static int
write_entry(struct alert *a, bool acknowledged, const struct store_waiter *w,
    struct err *e)
{
	struct alerts *s = a->owner;
	struct alert_saved saved = {
		.condition = a->condition,
		.severity = a->severity,
		.raised_ns = a->raised_ns,
		.cleared_ns = a->cleared_ns,
		.acknowledged = acknowledged,
		.value = a->value,
		.threshold = a->threshold,
	};
	char text[ID_TEXT_MAX];

	memcpy(saved.source, a->source, a->source_len + 1u);
	buf_clear(&s->text);
	alert_encode(&s->text, &saved);
	if (s->text.failed)
		return err_nomem(e);
	return store_entry_set(s->options.store, ENTRY_ALERT, id_text(a, text),
	    buf_slice(&s->text), w, e);
}

static void
saved(void *arg, struct slice note, const struct err *e)
{
	struct alert *a = arg;

	(void)note;
	a->saves--;
	if (e != NULL)
		set_dirty(a);
}

static void
save(struct alert *a)
{
	const struct store_waiter w = { .done = saved, .arg = a };
	struct err e;

	/* What is being acknowledged is written when that has come out. */
	if (a->acking || store_full(a->owner->options.store) ||
	    write_entry(a, a->acknowledged, &w, &e) == -1) {
		set_dirty(a);
		return;
	}
	a->dirty = false;
	a->saves++;
}

static void
save_dirty(struct alerts *s)
{
	if (!s->any_dirty)
		return;
	s->any_dirty = false;
	for (size_t i = 0; i < s->n_shown; i++)
		if (s->shown[i]->dirty)
			save(s->shown[i]);
}

/* ---- What becomes of them ---- */

static void
tell(const struct alert *a, enum alert_event event)
{
	const struct alerts_options *o = &a->owner->options;
	struct buf message = { 0 };

	alert_put_message(&message, a);
	LOG_WARN("alert", LOG_STR("event", alert_event_word(event)),
	    LOG_U64("alert", a->id),
	    LOG_STR("severity", alert_severity_word(a->severity)),
	    LOG_STR("source_type", alert_source_word(alert_source_type(a))),
	    LOG_STR("source", a->source),
	    LOG_SLICE("message", buf_slice(&message)));
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
	if (!reserve_shown(a->owner))
		return; /* the next poll tries again */
	describe(a, severity);
	a->id = ++a->owner->last_id;
	a->raised_ns = now_ns;
	a->owner->stats.raised++;
	show(a);
	tally(a, true);
	save(a);
	tell(a, ALERT_RAISED);
}

static void
change_severity(struct alert *a, enum alert_severity severity)
{
	tally(a, false);
	hide(a);
	describe(a, severity);
	show(a);
	tally(a, true);
	save(a);
	tell(a, ALERT_RAISED);
}

static void
clear(struct alert *a, int64_t now_ns)
{
	tally(a, false);
	a->cleared_ns = now_ns;
	a->owner->stats.cleared++;
	line_up_cleared(a);
	save(a);
	tell(a, ALERT_CLEARED);
}

/* ---- Judging ---- */

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

void
alerts_begin(struct alerts *s)
{
	const struct config *c = s->options.config;

	s->poll++;
	for (int i = 0; i < CONDITION_COUNT; i++)
		for (int k = 0; k < ALERT_SEVERITY_COUNT; k++) {
			struct limit *limit = &s->limit[i][k];
			int key = conditions[i].key[k];

			limit->used = key != NONE;
			limit->threshold =
			    key < 0 ? 0 : config_number(c, (enum config_id)key);
			limit->mark = mark_of(limit->threshold,
			    conditions[i].below, c->alerts_clear_margin);
		}
}

static bool
beyond(enum alert_condition condition, double value, double limit)
{
	return conditions[condition].below ? value < limit : value > limit;
}

/* Whether it is beyond the threshold (or the mark) of a level. */
static bool
is_amiss(const struct alerts *s, enum alert_condition condition, double value,
    bool mark)
{
	for (int i = 0; i < ALERT_SEVERITY_COUNT; i++) {
		const struct limit *limit = &s->limit[condition][i];

		if (limit->used &&
		    beyond(condition, value,
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
	if (conditions[condition].self != NULL)
		source = slice_str(conditions[condition].self);
	a = find_live(s, condition, source);
	if (a == NULL) {
		if (!is_amiss(s, condition, value, false))
			return;
		if (conditions[condition].self == NULL &&
		    s->n_sources >= ALERT_SOURCES_MAX) {
			s->left_out = true;
			return;
		}
		if ((a = alert_new(s, condition, source)) == NULL)
			return; /* the next poll tries again */
		enter_bucket(a);
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
	bool over = a->poll == s->poll && beyond(a->condition, a->judged, edge);

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
	int highest = step(a, &quiet);

	if (highest == -1 && a->id == 0 && quiet) {
		leave_bucket(a, at);
		free(a);
		return false;
	}
	if (highest == -1 && a->id != 0) {
		leave_bucket(a, at);
		clear(a, now_ns);
		return false;
	}
	if (highest != -1 && a->id == 0)
		raise_alert(a, (enum alert_severity)highest, now_ns);
	else if (highest != -1 && (int)a->severity != highest)
		change_severity(a, (enum alert_severity)highest);
	return true;
}

/* Take the oldest of those cleared out of their line. */
static struct alert *
take_cleared(struct alerts *s)
{
	struct alert *a = s->cleared;

	s->cleared = a->next;
	if (s->cleared == NULL)
		s->cleared_end = &s->cleared;
	s->n_cleared--;
	return a;
}

/* Drop those that were cleared long ago, or are too many. */
static void
drop_cleared(struct alerts *s, int64_t now_ns)
{
	const struct store_waiter nobody = { 0 };
	char text[ID_TEXT_MAX];
	struct alert *a;
	struct err e;

	while ((a = s->cleared) != NULL && a->next != NULL &&
	    (s->n_cleared > ALERTS_CLEARED_MAX ||
		now_ns - a->cleared_ns > ALERT_KEEP_NS)) {
		if (a->id == s->last_id) { /* always kept */
			line_up_cleared(take_cleared(s));
			continue;
		}
		if (a->saves > 0 || a->acking || store_full(s->options.store))
			return; /* the next poll goes on */
		/* If it is refused, the next start finds it, and drops it. */
		(void)store_entry_remove(s->options.store, ENTRY_ALERT,
		    id_text(a, text), &nobody, &e);
		(void)take_cleared(s);
		hide(a);
		free(a);
	}
}

void
alerts_end(struct alerts *s, int64_t now_ns)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		struct alert **at = &s->bucket[i];

		while (*at != NULL)
			if (settle(*at, at, now_ns))
				at = &(*at)->next;
	}
	if (s->left_out && !s->was_left_out)
		LOG_WARN("alerts_full", LOG_U64("sources", s->n_sources));
	s->was_left_out = s->left_out;
	s->left_out = false;
	drop_cleared(s, now_ns);
	save_dirty(s);
}

/* ---- What clients ask for ---- */

/* The thresholds that were set by a command. */
static void
load_thresholds(struct alerts *s)
{
	const struct entries *entries = store_entries(s->options.store);

	for (int i = THRESHOLD_FIRST; i <= THRESHOLD_LAST; i++) {
		enum config_id id = (enum config_id)i;
		struct slice value = entries_get(entries, ENTRY_THRESHOLD,
		    slice_str(threshold_name(id)));
		struct err e;

		if (value.ptr != NULL &&
		    config_set(s->options.config, slice_str(config_name(id)),
			value, CONFIG_FROM_COMMAND, &e) == -1)
			LOG_WARN("threshold_ignored", LOG_ERR(&e));
	}
}

static struct request_wait *
wait_new(struct alerts *s, struct alert *a, const struct store_waiter *w,
    struct err *e)
{
	struct request_wait *wait = calloc(1, sizeof(*wait));

	if (wait == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	wait->owner = s;
	wait->alert = a;
	wait->waiter = *w;
	memcpy(wait->note, w->note.ptr, w->note.len);
	wait->waiter.note.ptr = wait->note;
	wait->next = s->waits;
	if (wait->next != NULL)
		wait->next->back = &wait->next;
	wait->back = &s->waits;
	s->waits = wait;
	return wait;
}

static void
wait_free(struct request_wait *wait)
{
	*wait->back = wait->next;
	if (wait->next != NULL)
		wait->next->back = wait->back;
	free(wait);
}

static void
wait_over(struct request_wait *wait, const struct err *e)
{
	wait->waiter.done(wait->waiter.arg, wait->waiter.note, e);
	wait_free(wait);
}

static void
acknowledged(void *arg, struct slice note, const struct err *e)
{
	struct request_wait *wait = arg;
	struct alert *a = wait->alert;

	(void)note;
	a->acking = false;
	if (e == NULL && !a->acknowledged) {
		a->acknowledged = true;
		if (a->cleared_ns == 0)
			a->owner->stats.acknowledged++;
		tell(a, ALERT_ACKNOWLEDGED);
	}
	if (a->dirty)
		save(a);
	wait_over(wait, e);
}

int
alerts_acknowledge(struct alerts *s, struct alert *a,
    const struct store_waiter *w, struct err *e)
{
	struct store_waiter mine = { .done = acknowledged };

	if (a->cleared_ns != 0)
		return err_set(e, ERR_CONFLICT, "the alert has been cleared");
	if ((mine.arg = wait_new(s, a, w, e)) == NULL)
		return -1;
	if (write_entry(a, true, &mine, e) == -1) {
		wait_free(mine.arg);
		return -1;
	}
	a->acking = true;
	return 0;
}

static void
threshold_set(void *arg, struct slice note, const struct err *e)
{
	struct request_wait *wait = arg;

	(void)note;
	if (e == NULL)
		load_thresholds(wait->owner);
	wait_over(wait, e);
}

int
alerts_set_threshold(struct alerts *s, struct slice name, struct slice value,
    const struct store_waiter *w, struct err *e)
{
	struct store_waiter mine = { .done = threshold_set };
	int id = THRESHOLD_FIRST;

	while (id <= THRESHOLD_LAST &&
	    !slice_eq(name, slice_str(threshold_name((enum config_id)id))))
		id++;
	if (id > THRESHOLD_LAST)
		return err_quote(e, ERR_NOT_FOUND, name, "no threshold");
	buf_clear(&s->text);
	if (config_normalize((enum config_id)id, value, &s->text, e) == -1 ||
	    (mine.arg = wait_new(s, NULL, w, e)) == NULL)
		return -1;
	if (store_entry_set(s->options.store, ENTRY_THRESHOLD, name,
		buf_slice(&s->text), &mine, e) == -1) {
		wait_free(mine.arg);
		return -1;
	}
	return 0;
}

const char *
threshold_name(enum config_id id)
{
	return config_name(id) + strlen("alerts.");
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
alerts_status(const struct alerts *s, enum health_section section)
{
	const size_t *n =
	    section == HEALTH_ALERTS ? s->stats.active : s->in_section[section];

	if (n[ALERT_CRITICAL] > 0)
		return HEALTH_CRITICAL;
	return n[ALERT_WARNING] > 0 ? HEALTH_DEGRADED : HEALTH_HEALTHY;
}

enum alert_source_type
alert_source_type(const struct alert *a)
{
	return conditions[a->condition].source_type;
}

/* ---- Beginning and end ---- */

/* An alert of the store's. Levels at and below its severity were on. */
static struct alert *
restore(struct alerts *s, uint64_t id, const struct alert_saved *saved)
{
	struct alert *a =
	    alert_new(s, saved->condition, slice_str(saved->source));

	if (a == NULL || !reserve_shown(s)) {
		free(a);
		return NULL;
	}
	a->id = id;
	a->severity = saved->severity;
	a->raised_ns = saved->raised_ns;
	a->cleared_ns = saved->cleared_ns;
	a->acknowledged = saved->acknowledged;
	a->value = a->judged = saved->value;
	a->threshold = saved->threshold;
	for (int i = 0; i <= (int)saved->severity; i++)
		a->level[i].on = conditions[a->condition].key[i] != NONE;
	return a;
}

/* Its being cleared was not written: another one was raised since. */
static void
supersede(struct alert *a, int64_t now_ns)
{
	a->cleared_ns = now_ns;
	set_dirty(a);
}

/* One of two that are about the same is over. */
static void
restore_live(struct alert *a, int64_t now_ns)
{
	struct alert **at = bucket_of(a->owner, a->condition, source_of(a));
	struct alert *other = find_live(a->owner, a->condition, source_of(a));

	if (other != NULL && other->id > a->id) {
		supersede(a, now_ns);
		return;
	}
	while (other != NULL && *at != other)
		at = &(*at)->next;
	if (other != NULL) {
		tally(other, false);
		leave_bucket(other, at);
		supersede(other, now_ns);
	}
	enter_bucket(a);
	tally(a, true);
}

static int
cleared_cmp(const void *x, const void *y)
{
	const struct alert *a = *(struct alert *const *)x;
	const struct alert *b = *(struct alert *const *)y;

	return (a->cleared_ns > b->cleared_ns) -
	    (a->cleared_ns < b->cleared_ns);
}

static int
line_up_all_cleared(struct alerts *s, struct err *e)
{
	struct alert **cleared;
	size_t n = 0;

	if (s->n_shown == 0)
		return 0;
	if ((cleared = calloc(s->n_shown, sizeof(struct alert *))) == NULL)
		return err_nomem(e);
	for (size_t i = 0; i < s->n_shown; i++)
		if (s->shown[i]->cleared_ns != 0)
			cleared[n++] = s->shown[i];
	qsort(cleared, n, sizeof(struct alert *), cleared_cmp);
	for (size_t i = 0; i < n; i++)
		line_up_cleared(cleared[i]);
	free(cleared);
	return 0;
}

static int
load_alerts(struct alerts *s, struct err *e)
{
	int64_t now_ns = os->wall_ns();
	const struct entry *entry;
	struct alert_saved saved;
	struct entries_walk walk;
	struct alert *a;
	uint64_t id;

	entries_seek(&walk, store_entries(s->options.store), ENTRY_ALERT,
	    slice_of("", 0), false);
	while ((entry = entries_step(&walk)) != NULL) {
		if (token_u64(entry_id(entry), UINT64_MAX - 1, &id) == -1 ||
		    alert_decode(entry_value(entry), &saved, e) == -1) {
			LOG_WARN("alert_ignored",
			    LOG_SLICE("alert", entry_id(entry)));
			continue;
		}
		if ((a = restore(s, id, &saved)) == NULL)
			return err_nomem(e);
		if (s->last_id < id)
			s->last_id = id;
		if (a->cleared_ns == 0)
			restore_live(a, now_ns);
		show(a);
	}
	return line_up_all_cleared(s, e);
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
	load_thresholds(s);
	if (load_alerts(s, e) == 0)
		return s;
	alerts_free(s);
	return NULL;
}

void
alerts_free(struct alerts *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		while (s->bucket[i] != NULL) {
			struct alert *a = s->bucket[i];

			s->bucket[i] = a->next;
			if (a->id == 0) /* the others are shown */
				free(a);
		}
	for (size_t i = 0; i < s->n_shown; i++)
		free(s->shown[i]);
	while (s->waits != NULL)
		wait_free(s->waits);
	free(s->shown);
	buf_free(&s->text);
	free(s);
}
