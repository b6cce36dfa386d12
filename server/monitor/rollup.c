/*
 * Sources are numbered, since an identifier may be as long as a key of an
 * entry. The entries:
 *
 *	history_source	<number>	u8 source, name identifier and, if there
 *					is one, name namespace (see scoped.h)
 *	history		<number>.<day>	see bucket.h
 *
 * with the number in eight hexadecimal digits, and the day counted from the
 * epoch in six decimal ones. A number is given again only when no entry is
 * left that has it.
 *
 * A source has the last two days it was told of in memory, whole: so all that
 * is written is absolute, and a save that was refused is simply done again.
 * Only a clock that jumps to and fro over days, or a store that refuses for
 * more than one, makes it forget what was not saved.
 */
#include "rollup.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "scoped.h"

#define KEY_MAX 24
#define NUMBER_LEN 8
#define HEADS 1024u	/* of hash chains */
#define TIDY_SLICE 1024 /* entries looked at in one call */
#define CACHED_DAYS 2

struct cached_day {
	bool valid;
	bool dirty;  /* the entry has not all of it */
	bool saving; /* and is being written */
	uint32_t day;
	struct day content;
};

struct source {
	enum history_source kind;
	struct slice id; /* owned */
	uint32_t number;
	int64_t last_ns; /* when something happened, as far as known */
	struct cached_day cached[CACHED_DAYS];
	struct source *next; /* in its hash chain */
};

struct rollup {
	struct store *store;
	struct source *source[ROLLUP_SOURCES_MAX]; /* owned; NULL: free */
	struct source *head[HEADS];
	uint32_t next_number;
	int64_t full_until_ns; /* nobody can be given up before that */
	bool full_said;
	size_t n_refused;
	/* Where rollup_tidy goes on. */
	char tidy_key[RADIX_KEY_MAX];
	size_t tidy_len;
};

/* --- keys --- */

static struct slice
source_key(char out[KEY_MAX], uint32_t number)
{
	return slice_of(out,
	    (size_t)snprintf(out, KEY_MAX, "%08lx", (unsigned long)number));
}

static struct slice
day_key(char out[KEY_MAX], uint32_t number, uint32_t day)
{
	return slice_of(out,
	    (size_t)snprintf(out, KEY_MAX, "%08lx.%06lu", (unsigned long)number,
		(unsigned long)day));
}

/* The number that a key begins with, and the day of that of a day; false: it
 * is no such key. */
static bool
read_key(struct slice key, uint32_t *number, uint32_t *day)
{
	char again[KEY_MAX];
	unsigned long n, d = 0;

	if (key.len < NUMBER_LEN || key.len >= sizeof(again))
		return false;
	memcpy(again, key.ptr, key.len);
	again[key.len] = '\0';
	n = strtoul(again, NULL, 16);
	if (key.len > NUMBER_LEN)
		d = strtoul(again + NUMBER_LEN + 1, NULL, 10);
	if (n > UINT32_MAX || d > UINT32_MAX)
		return false;
	*number = (uint32_t)n;
	*day = (uint32_t)d;
	return slice_eq(key,
	    key.len == NUMBER_LEN ? source_key(again, *number)
				  : day_key(again, *number, *day));
}

static uint32_t
day_of(int64_t ns)
{
	return (uint32_t)(ns / DAY_NS);
}

static unsigned
hour_of(int64_t ns)
{
	return (unsigned)(ns % DAY_NS / HOUR_NS);
}

/* --- sources --- */

static struct source **
chain(struct rollup *r, enum history_source kind, struct slice id)
{
	uint32_t h = 2166136261u ^ (uint32_t)kind;

	for (size_t i = 0; i < id.len; i++)
		h = (h ^ (unsigned char)id.ptr[i]) * 16777619u;
	return &r->head[(h ^ h >> 16) % HEADS];
}

static struct source *
find(const struct rollup *r, enum history_source kind, struct slice id)
{
	/* Nothing is changed through it. */
	struct source *s = *chain((struct rollup *)r, kind, id);

	while (s != NULL && (s->kind != kind || !slice_eq(s->id, id)))
		s = s->next;
	return s;
}

static struct source *
find_number(const struct rollup *r, uint32_t number)
{
	for (unsigned i = 0; i < ROLLUP_SOURCES_MAX; i++)
		if (r->source[i] != NULL && r->source[i]->number == number)
			return r->source[i];
	return NULL;
}

/* Put in a new one at a free place. NULL: memory is out. */
static struct source *
add_source(struct rollup *r, unsigned place, enum history_source kind,
    struct slice id, uint32_t number)
{
	struct source **head = chain(r, kind, id);
	struct source *s = calloc(1, sizeof(*s));
	char *copy = slice_dup(id);

	if (s == NULL || copy == NULL) {
		free(s);
		free(copy);
		return NULL;
	}
	s->kind = kind;
	s->id = slice_of(copy, id.len);
	s->number = number;
	s->next = *head;
	*head = s;
	r->source[place] = s;
	if (r->next_number <= number)
		r->next_number = number + 1;
	return s;
}

static void
source_free(struct source *s)
{
	if (s == NULL)
		return;
	free((char *)s->id.ptr);
	free(s);
}

/* Take it out, and its entry; those of its days follow in rollup_tidy. */
static void
forget(struct rollup *r, unsigned place)
{
	const struct store_waiter nobody = { 0 };
	struct source *s = r->source[place];
	struct source **at = chain(r, s->kind, s->id);
	char key[KEY_MAX];
	struct err e;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	r->source[place] = NULL;
	r->full_until_ns = 0;
	/* If it is refused, the source is there again after a restart. */
	if (store_entry_remove(r->store, ENTRY_HISTORY_SOURCE,
		source_key(key, s->number), &nobody, &e) == -1)
		r->n_refused++;
	source_free(s);
}

/* The source that was silent the longest, or a free place. */
static unsigned
find_oldest(const struct rollup *r)
{
	unsigned oldest = 0;

	for (unsigned i = 0; i < ROLLUP_SOURCES_MAX; i++) {
		if (r->source[i] == NULL)
			return i;
		if (r->source[i]->last_ns < r->source[oldest]->last_ns)
			oldest = i;
	}
	return oldest;
}

/* A place for a new source, or ROLLUP_SOURCES_MAX. */
static unsigned
find_place(struct rollup *r, int64_t now_ns)
{
	unsigned place;

	if (now_ns <= r->full_until_ns || store_full(r->store))
		return ROLLUP_SOURCES_MAX;
	place = find_oldest(r);
	if (r->source[place] == NULL)
		return place;
	if (r->source[place]->last_ns >= now_ns - DAY_NS) {
		r->full_until_ns = r->source[place]->last_ns + DAY_NS;
		return ROLLUP_SOURCES_MAX;
	}
	forget(r, place);
	return place;
}

static struct source *
find_or_add(struct rollup *r, enum history_source kind, struct slice id,
    int64_t now_ns)
{
	struct source *s = find(r, kind, id);
	unsigned place;

	if (s != NULL)
		return s;
	place = find_place(r, now_ns);
	if (place < ROLLUP_SOURCES_MAX)
		return add_source(r, place, kind, id, r->next_number);
	if (!r->full_said)
		LOG_WARN("history_full", LOG_U64("sources", ROLLUP_SOURCES_MAX),
		    LOG_SLICE("first_without", scoped_name(id)),
		    scoped_log(id));
	r->full_said = true;
	return NULL;
}

/* --- days --- */

/* What is saved of a day. */
static void
read_day(const struct rollup *r, const struct source *s, uint32_t day,
    struct day *out)
{
	char key[KEY_MAX];
	struct slice value = entries_get(store_entries(r->store), ENTRY_HISTORY,
	    day_key(key, s->number, day));

	/* One that makes no sense counts as none. */
	(void)day_get(value, s->kind, out);
}

/* A day as it is now; *scratch is for one that is not in memory. */
static const struct day *
look_at_day(const struct rollup *r, const struct source *s, uint32_t day,
    struct day *scratch)
{
	for (unsigned i = 0; i < CACHED_DAYS; i++)
		if (s->cached[i].valid && s->cached[i].day == day)
			return &s->cached[i].content;
	read_day(r, s, day, scratch);
	return scratch;
}

/* The place of the two that is better given up: one that is saved, or else
 * that of the older day. */
static struct cached_day *
give_up(struct source *s)
{
	struct cached_day *a = &s->cached[0], *b = &s->cached[1];
	bool keep_a = a->valid && (a->dirty || a->saving);
	bool keep_b = b->valid && (b->dirty || b->saving);

	if (keep_a != keep_b)
		return keep_a ? b : a;
	return !a->valid || (b->valid && a->day < b->day) ? a : b;
}

static struct cached_day *
open_day(const struct rollup *r, struct source *s, uint32_t day)
{
	struct cached_day *c;

	for (unsigned i = 0; i < CACHED_DAYS; i++)
		if (s->cached[i].valid && s->cached[i].day == day)
			return &s->cached[i];
	c = give_up(s);
	*c = (struct cached_day){ .valid = true, .day = day };
	read_day(r, s, day, &c->content);
	return c;
}

static void
add(struct rollup *r, enum history_source kind, struct slice id,
    const struct bucket *b, int64_t now_ns)
{
	struct source *s = find_or_add(r, kind, id, now_ns);
	unsigned hour = hour_of(now_ns);
	struct cached_day *c;

	if (s == NULL)
		return;
	c = open_day(r, s, day_of(now_ns));
	if (c->content.mask == DAY_WHOLE) /* the clock jumped back: so far */
		hour = 0;
	else
		c->content.mask |= 1u << hour;
	bucket_add(kind, &c->content.hour[hour], b);
	c->dirty = true;
	s->last_ns = now_ns;
}

void
rollup_add(struct rollup *r, enum history_source source, struct slice id,
    bool success, int64_t duration_ns, int64_t now_ns)
{
	struct bucket b = { 0 };

	b.v[CALLS] = 1;
	b.v[CALLS_FAILED] = !success;
	b.v[CALLS_US] =
	    duration_ns < 0 ? 0 : (uint64_t)(duration_ns / NS_PER_US);
	add(r, source, id, &b, now_ns);
}

void
rollup_poll(struct rollup *r, const struct poll_sample *sample, int64_t now_ns)
{
	const struct bucket b = bucket_of_poll(sample);

	add(r, HISTORY_SYSTEM, slice_str("-"), &b, now_ns);
}

/* --- saving --- */

/* Who asked for a day to be saved; the note of the waiter. */
struct save_note {
	uint32_t place, number, day;
};

static void
saved(void *arg, struct slice note, const struct err *e)
{
	struct rollup *r = arg;
	struct save_note n;
	struct source *s;

	memcpy(&n, note.ptr, sizeof(n));
	s = r->source[n.place];
	r->n_refused += e != NULL;
	if (s == NULL || s->number != n.number)
		return;
	for (unsigned i = 0; i < CACHED_DAYS; i++) {
		struct cached_day *c = &s->cached[i];

		if (!c->valid || c->day != n.day)
			continue;
		c->saving = false;
		c->dirty = c->dirty || e != NULL;
	}
}

/* See that the store knows the source. */
static int
save_source(struct rollup *r, const struct source *s, struct err *e)
{
	const struct store_waiter nobody = { 0 };
	struct buf value = { 0 };
	char text[KEY_MAX];
	struct slice key = source_key(text, s->number);
	int rc;

	if (entries_get(store_entries(r->store), ENTRY_HISTORY_SOURCE, key)
		.ptr != NULL)
		return 0;
	record_put_u8(&value, (unsigned)s->kind);
	record_put_name(&value, scoped_name(s->id));
	if (scoped_namespace(s->id).len > 0)
		record_put_name(&value, scoped_namespace(s->id));
	rc = value.failed ? err_nomem(e)
			  : store_entry_set(r->store, ENTRY_HISTORY_SOURCE, key,
				buf_slice(&value), &nobody, e);
	buf_free(&value);
	return rc;
}

static int
set_day(struct rollup *r, const struct source *s, uint32_t day,
    const struct day *content, const struct store_waiter *w)
{
	struct buf value = { 0 };
	char key[KEY_MAX];
	struct err e;
	int rc = -1;

	day_put(&value, s->kind, content);
	if (!value.failed)
		rc = store_entry_set(r->store, ENTRY_HISTORY,
		    day_key(key, s->number, day), buf_slice(&value), w, &e);
	buf_free(&value);
	r->n_refused += rc == -1;
	return rc;
}

static void
save_day(struct rollup *r, unsigned place, struct cached_day *c)
{
	const struct source *s = r->source[place];
	const struct save_note note = { place, s->number, c->day };
	const struct store_waiter w = { .done = saved,
		.arg = r,
		.note = slice_of((const char *)&note, sizeof(note)) };
	struct err e;

	if (save_source(r, s, &e) == -1) {
		r->n_refused++;
		return;
	}
	if (set_day(r, s, c->day, &c->content, &w) == -1)
		return;
	c->dirty = false;
	c->saving = true;
}

bool
rollup_save(struct rollup *r)
{
	for (unsigned i = 0; i < ROLLUP_SOURCES_MAX; i++) {
		struct source *s = r->source[i];

		for (unsigned k = 0; s != NULL && k < CACHED_DAYS; k++) {
			struct cached_day *c = &s->cached[k];

			if (!c->valid || !c->dirty || c->saving)
				continue;
			if (store_full(r->store)) /* and let go if it refuses */
				return r->n_refused > 0;
			save_day(r, i, c);
		}
	}
	return true;
}

/* --- keeping it small --- */

static void
remove_day(struct rollup *r, struct slice key)
{
	const struct store_waiter nobody = { 0 };
	struct err e;

	if (store_entry_remove(r->store, ENTRY_HISTORY, key, &nobody, &e) == -1)
		r->n_refused++;
}

/* Leave only the sum of a day, if it is not done yet. */
static void
thin(struct rollup *r, const struct source *s, uint32_t day, struct slice value)
{
	const struct store_waiter nobody = { 0 };
	struct day content;

	if (!day_get(value, s->kind, &content) || content.mask == DAY_WHOLE)
		return;
	day_thin(s->kind, &content);
	(void)set_day(r, s, day, &content, &nobody);
}

static void
tidy_entry(struct rollup *r, const struct entry *entry, const struct source **s,
    uint32_t today)
{
	uint32_t number, day;

	if (!read_key(entry_id(entry), &number, &day)) {
		remove_day(r, entry_id(entry));
		return;
	}
	/* The days of a source stand together. */
	if (*s == NULL || (*s)->number != number)
		*s = find_number(r, number);
	if (*s == NULL || day + ROLLUP_DAYS <= today)
		remove_day(r, entry_id(entry));
	else if (day + ROLLUP_HOUR_DAYS < today)
		thin(r, *s, day, entry_value(entry));
}

/* Sources of which nothing is left. */
static void
tidy_sources(struct rollup *r, int64_t now_ns)
{
	for (unsigned i = 0; i < ROLLUP_SOURCES_MAX; i++)
		if (r->source[i] != NULL && !store_full(r->store) &&
		    r->source[i]->last_ns < now_ns - ROLLUP_DAYS * DAY_NS)
			forget(r, i);
}

bool
rollup_tidy(struct rollup *r, int64_t now_ns)
{
	const struct entry *entry = NULL;
	const struct source *s = NULL;
	struct entries_walk w;

	entries_seek(&w, store_entries(r->store), ENTRY_HISTORY,
	    slice_of(r->tidy_key, r->tidy_len), r->tidy_len > 0);
	for (int i = 0; i < TIDY_SLICE; i++) {
		if (store_full(r->store))
			return false;
		if ((entry = entries_step(&w)) == NULL)
			break;
		r->tidy_len = entry->id_len;
		memcpy(r->tidy_key, entry->id, r->tidy_len);
		tidy_entry(r, entry, &s, day_of(now_ns));
	}
	if (entry != NULL)
		return false;
	r->tidy_len = 0;
	tidy_sources(r, now_ns);
	return true;
}

size_t
rollup_refused(struct rollup *r)
{
	size_t n = r->n_refused;

	r->n_refused = 0;
	return n;
}

/* --- asking --- */

bool
rollup_knows(const struct rollup *r, enum history_source source,
    struct slice id)
{
	return find(r, source, id) != NULL;
}

/* What rollup_rows goes by. */
struct rows {
	const struct rollup *rollup;
	const struct source *source; /* NULL: nothing happened to it */
	int64_t now_ns;
	rollup_row_cb *row;
	void *arg;
};

static void
day_row(const struct rows *rows, uint32_t day)
{
	struct bucket sum = { 0 };
	struct day scratch;

	if (rows->source != NULL)
		day_sum(rows->source->kind,
		    look_at_day(rows->rollup, rows->source, day, &scratch),
		    &sum);
	if (!bucket_is_empty(&sum) || day == day_of(rows->now_ns))
		rows->row(rows->arg, day * DAY_NS, &sum);
}

/* The hours of a day that begin after from_ns and not after now. */
static void
hour_rows(const struct rows *rows, uint32_t day, int64_t from_ns)
{
	static const struct day nothing;
	const struct day *d = &nothing;
	struct day scratch;

	if (rows->source != NULL)
		d = look_at_day(rows->rollup, rows->source, day, &scratch);
	if (d->mask == DAY_WHOLE)
		d = &nothing;
	for (unsigned h = 0; h < HOURS_A_DAY; h++) {
		int64_t begin_ns = day * DAY_NS + h * HOUR_NS;

		if (begin_ns <= from_ns || begin_ns > rows->now_ns)
			continue;
		if ((d->mask & 1u << h) != 0 ||
		    begin_ns > rows->now_ns - HOUR_NS)
			rows->row(rows->arg, begin_ns, &d->hour[h]);
	}
}

void
rollup_rows(const struct rollup *r, const struct request_health_history *q,
    int64_t now_ns, rollup_row_cb *row, void *arg)
{
	const struct rows rows = { .rollup = r,
		.source = find(r, q->source, q->id),
		.now_ns = now_ns,
		.row = row,
		.arg = arg };
	uint32_t today = day_of(now_ns);

	if (q->by_hour) {
		for (uint32_t d = today - q->days; d <= today; d++)
			hour_rows(&rows, d, now_ns - q->days * DAY_NS);
	} else {
		for (uint32_t d = today - q->days + 1; d <= today; d++)
			day_row(&rows, d);
	}
}

/* --- beginning and end --- */

/* Whose it is, as it was saved; false: it makes no sense. The namespace came
 * later than the rest. */
static bool
read_source(struct slice value, unsigned *kind, struct buf *id)
{
	struct slice name, namespace = slice_of("", 0);
	struct record_reader in;

	record_read(&in, value);
	*kind = record_get_u8(&in);
	name = record_get_name(&in);
	if (!in.bad && in.left > 0)
	namespace = record_get_name(&in);
	if (!record_done(&in) || name.len == 0)
		return false;
	scoped_put(id, name, namespace);
	return true;
}

/* A source as it was saved; 0, or -1 when memory is out. */
static int
load_source(struct rollup *r, const struct entry *entry, unsigned place)
{
	struct buf id = { 0 };
	uint32_t number, day;
	unsigned kind;
	int rc = 0;

	/* What makes no sense is left alone: nothing else needs it. */
	if (read_source(entry_value(entry), &kind, &id) &&
	    kind >= HISTORY_AGENT && kind <= HISTORY_SYSTEM &&
	    read_key(entry_id(entry), &number, &day) &&
	    (id.failed ||
		find(r, (enum history_source)kind, buf_slice(&id)) == NULL))
		rc = id.failed ||
			add_source(r, place, (enum history_source)kind,
			    buf_slice(&id), number) == NULL
		    ? -1
		    : 0;
	buf_free(&id);
	return rc;
}

static int
load_sources(struct rollup *r)
{
	const struct entry *entry;
	struct entries_walk w;
	unsigned place = 0;

	entries_seek(&w, store_entries(r->store), ENTRY_HISTORY_SOURCE,
	    slice_of("", 0), false);
	while (
	    (entry = entries_step(&w)) != NULL && place < ROLLUP_SOURCES_MAX) {
		if (load_source(r, entry, place) == -1)
			return -1;
		place += r->source[place] != NULL;
	}
	return 0;
}

/* When each of them was last heard of at most, and which numbers are in use.
 */
static void
load_days(struct rollup *r)
{
	const struct entry *entry;
	struct entries_walk w;
	struct source *s = NULL;
	uint32_t number, day;

	entries_seek(&w, store_entries(r->store), ENTRY_HISTORY,
	    slice_of("", 0), false);
	while ((entry = entries_step(&w)) != NULL) {
		if (!read_key(entry_id(entry), &number, &day))
			continue;
		if (r->next_number <= number)
			r->next_number = number + 1;
		if (s == NULL || s->number != number)
			s = find_number(r, number);
		if (s != NULL)
			s->last_ns = (day + 1) * DAY_NS;
	}
}

struct rollup *
rollup_open(struct store *s, struct err *e)
{
	struct rollup *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	assert(entries_max(ENTRY_HISTORY_SOURCE) == ROLLUP_SOURCES_MAX);
	r->store = s;
	if (load_sources(r) == -1) {
		rollup_free(r);
		(void)err_nomem(e);
		return NULL;
	}
	load_days(r);
	return r;
}

void
rollup_free(struct rollup *r)
{
	if (r == NULL)
		return;
	for (unsigned i = 0; i < ROLLUP_SOURCES_MAX; i++)
		source_free(r->source[i]);
	free(r);
}
