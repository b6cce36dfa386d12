#include "alert_internal.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"

/* A client waits for a change to be durable. */
struct request_wait {
	struct request_wait *next, **back; /* of the owner */
	struct alerts *owner;
	struct alert *alert; /* to be acknowledged; NULL: a threshold */
	struct store_waiter waiter;
	char note[OP_NOTE_MAX];
};

void
alerts_load_thresholds(struct alerts *s)
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
		alert_tell(a, ALERT_ACKNOWLEDGED);
	}
	if (a->dirty)
		alert_save(a);
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
	if (alert_write(a, true, &mine, e) == -1) {
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
		alerts_load_thresholds(wait->owner);
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

void
alerts_drop_waits(struct alerts *s)
{
	struct request_wait *next;

	for (struct request_wait *w = s->waits; w != NULL; w = next) {
		next = w->next;
		free(w);
	}
	s->waits = NULL;
}
