#include "entries.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "jobs.h"

_Static_assert(offsetof(struct entry, id) + 255 + RADIX_INSERT_BYTES <=
	JOBS_RECORD_BYTES,
    "jobs_reserve covers an entry");

static struct entry *
at(const struct entries *s, uint32_t ref)
{
	return arena_ptr(s->arena, ref);
}

static struct slice
id_of(const void *ctx, uint32_t leaf)
{
	return entry_id(at(ctx, leaf));
}

void
entries_init(struct entries *s, struct arena *a)
{
	s->arena = a;
	for (size_t kind = 0; kind < ENTRY_KIND_END; kind++)
		radix_init(&s->by_id[kind], a, id_of, s);
}

void
entries_fini(struct entries *s)
{
	struct radix_walk w;
	uint32_t ref;

	for (size_t kind = 0; kind < ENTRY_KIND_END; kind++) {
		radix_seek(&w, &s->by_id[kind], slice_of("", 0), false);
		while ((ref = radix_step(&w)) != RADIX_NONE)
			free(at(s, ref)->value);
	}
}

size_t
entries_max(enum entry_kind kind)
{
	static const size_t max[ENTRY_KIND_END] = {
#define ENTRY(id, number, word, max, command) [ENTRY_##id] = (max),
#include "entries.def"
#undef ENTRY
	};

	return max[kind];
}

size_t
entries_count(const struct entries *s, enum entry_kind kind)
{
	return s->by_id[kind].n;
}

struct slice
entries_get(const struct entries *s, enum entry_kind kind, struct slice id)
{
	uint32_t ref = radix_find(&s->by_id[kind], id);

	return ref == RADIX_NONE ? slice_of(NULL, 0) : entry_value(at(s, ref));
}

void
entries_seek(struct entries_walk *w, const struct entries *s,
    enum entry_kind kind, struct slice from, bool after)
{
	w->entries = s;
	radix_seek(&w->walk, &s->by_id[kind], from, after);
}

const struct entry *
entries_step(struct entries_walk *w)
{
	uint32_t ref = radix_step(&w->walk);

	return ref == RADIX_NONE ? NULL : at(w->entries, ref);
}

char *
entry_value_new(struct slice value, struct err *e)
{
	char *copy = slice_dup(value);

	if (copy == NULL)
		(void)err_nomem(e);
	return copy;
}

void
entries_apply_set(struct entries *s, const struct record_entry *r, char *value)
{
	struct radix *index = &s->by_id[r->kind];
	uint32_t ref = radix_find(index, r->id), other;
	struct entry *entry;

	if (ref != RADIX_NONE) {
		entry = at(s, ref);
		free(entry->value);
	} else {
		ref = arena_alloc(s->arena,
		    offsetof(struct entry, id) + r->id.len);
		assert(ref != ARENA_NONE); /* jobs_reserve */
		entry = at(s, ref);
		entry->id_len = (uint8_t)r->id.len;
		memcpy(entry->id, r->id.ptr, r->id.len);
		if (radix_insert(index, r->id, ref, &other) != 0)
			abort(); /* jobs_reserve */
	}
	entry->value = value;
	entry->value_len = (uint32_t)r->value.len;
}

void
entries_apply_remove(struct entries *s, const struct record_entry *r)
{
	uint32_t ref = radix_remove(&s->by_id[r->kind], r->id);

	if (ref == RADIX_NONE)
		return;
	free(at(s, ref)->value);
	arena_release(s->arena, ref, offsetof(struct entry, id) + r->id.len);
}
