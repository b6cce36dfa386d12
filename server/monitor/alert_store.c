#include "alert_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "os.h"

#define ID_TEXT_MAX 24

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

int
alert_write(struct alert *a, bool acknowledged, const struct store_waiter *w,
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
	saved.source_len = a->source_len;
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
	if (a->hidden)
		alert_announce(a);
}

void
alert_save(struct alert *a)
{
	const struct store_waiter w = { .done = saved, .arg = a };
	struct err e;

	/* What is being acknowledged is written when that has come out. */
	if (a->acking || store_full(a->owner->options.store) ||
	    alert_write(a, a->acknowledged, &w, &e) == -1) {
		set_dirty(a);
		return;
	}
	a->dirty = false;
	a->saves++;
}

void
alerts_save_dirty(struct alerts *s)
{
	if (!s->any_dirty)
		return;
	s->any_dirty = false;
	for (size_t i = 0; i < s->n_shown; i++)
		if (s->shown[i]->dirty)
			alert_save(s->shown[i]);
}

void
alerts_save_again(struct alerts *s)
{
	if (!store_stats(s->options.store)->failing)
		alerts_save_dirty(s);
}

void
alerts_drop_cleared(struct alerts *s, int64_t now_ns)
{
	const struct store_waiter nobody = { 0 };
	char text[ID_TEXT_MAX];
	struct alert *a;
	struct err e;

	while ((a = s->cleared) != NULL && a->next != NULL &&
	    (s->n_cleared > ALERTS_CLEARED_MAX ||
		now_ns - a->cleared_ns > ALERT_KEEP_NS)) {
		if (a->id == s->last_id) { /* always kept */
			alert_line_up(alerts_take_cleared(s));
			continue;
		}
		if (a->saves > 0 || a->acking || store_full(s->options.store))
			return; /* the next poll goes on */
		/* If it is refused, the next start finds it, and drops it. */
		(void)store_entry_remove(s->options.store, ENTRY_ALERT,
		    id_text(a, text), &nobody, &e);
		(void)alerts_take_cleared(s);
		alert_hide(a);
		free(a);
	}
}

/* An alert of the store's. Levels at and below its severity were on. */
static struct alert *
restore(struct alerts *s, uint64_t id, const struct alert_saved *saved)
{
	struct alert *a = alert_new(s, saved->condition,
	    slice_of(saved->source, saved->source_len));

	if (a == NULL || !alerts_reserve(s)) {
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
		a->level[i].on =
		    alert_conditions[a->condition].key[i] != THRESHOLD_NONE;
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
	struct alert **at =
	    alerts_bucket(a->owner, a->condition, alert_source(a));
	struct alert *other =
	    alerts_find_live(a->owner, a->condition, alert_source(a));

	if (other != NULL && other->id > a->id) {
		supersede(a, now_ns);
		return;
	}
	while (other != NULL && *at != other)
		at = &(*at)->next;
	if (other != NULL) {
		alert_tally(other, false);
		alert_leave(other, at);
		supersede(other, now_ns);
	}
	alert_enter(a);
	alert_tally(a, true);
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
		alert_line_up(cleared[i]);
	free(cleared);
	return 0;
}

int
alerts_restore(struct alerts *s, struct err *e)
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
		alert_show(a);
	}
	return line_up_all_cleared(s, e);
}
