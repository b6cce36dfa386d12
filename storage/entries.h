/*
 * Entries: small durable values of other modules (thresholds, alerts,
 * integrations, history), each under a kind and an identifier; entries.def
 * lists the kinds. This is the owner of all of them. Main thread; changes
 * come as durable records.
 *
 * An identifier has 1 to 255 bytes, a value up to ENTRY_VALUE_MAX. A module
 * reads its entries after store_open and changes them with store_entry_set
 * and store_entry_remove; what it reads is what is durable.
 */
#ifndef STORAGE_ENTRIES_H
#define STORAGE_ENTRIES_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "radix.h"
#include "record.h"
#include "slice.h"

struct entry {
	char *value; /* owned, terminated */
	uint32_t value_len;
	uint8_t id_len;
	char id[]; /* not terminated */
};

struct entries {
	struct arena *arena;		    /* borrowed */
	struct radix by_id[ENTRY_KIND_END]; /* leaf: reference of an entry */
};

void entries_init(struct entries *s, struct arena *a);
void entries_fini(struct entries *s);

/* How many there may be of a kind, and how many there are. */
size_t entries_max(enum entry_kind kind);
size_t entries_count(const struct entries *s, enum entry_kind kind);

/* The value, valid until the next change; its ptr is NULL: there is none. */
struct slice entries_get(const struct entries *s, enum entry_kind kind,
    struct slice id);

/* Walk the entries of a kind in ascending order of identifier, from the first
 * one at (with `after`: behind) `from` on. A change ends the walk. */
struct entries_walk {
	const struct entries *entries;
	struct radix_walk walk;
};
void entries_seek(struct entries_walk *w, const struct entries *s,
    enum entry_kind kind, struct slice from, bool after);
const struct entry *entries_step(struct entries_walk *w); /* NULL: the end */

/* Memory for a value, for entries_apply_set to take over; or NULL with *e. */
char *entry_value_new(struct slice value, struct err *e);

/* Apply a durable record. jobs_reserve covers the arena, so none can fail. */
void entries_apply_set(struct entries *s, const struct record_entry *r,
    char *value);
void entries_apply_remove(struct entries *s, const struct record_entry *r);

static inline struct slice
entry_id(const struct entry *entry)
{
	return slice_of(entry->id, entry->id_len);
}

static inline struct slice
entry_value(const struct entry *entry)
{
	return slice_of(entry->value, entry->value_len);
}

#endif
