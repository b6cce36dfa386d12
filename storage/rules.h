/*
 * Every rule: the owner of rule objects and of their indexes by identifier
 * and by pattern. Main thread; changes come as durable records.
 */
#ifndef STORAGE_RULES_H
#define STORAGE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "radix.h"
#include "record.h"
#include "rule_spec.h"
#include "slice.h"

#define RULES_MAX 100000u

struct rule {
	char *id;      /* owned, terminated */
	char *pattern; /* owned, terminated; may be empty */
	size_t id_len, pattern_len;
	bool paused;
	struct rule_spec *spec; /* one reference */
	uint32_t slot;
	struct rule *next; /* same pattern, larger identifier */
	/* Kept over RULE SET; their owners free them when the rule goes. */
	void *runtime; /* the scheduler's */
	void *stats;   /* the monitor's */
};

struct rules {
	struct arena *arena; /* borrowed */
	struct rule **slot;  /* owned; by slot number, from 1; NULL: free */
	uint32_t n_slots;    /* of them in use or free, 0 included */
	uint32_t cap_slots;
	uint32_t free_slot; /* a slot known to be free, or 0 */
	struct radix by_id;
	struct radix by_pattern; /* leaf: the first of those with a pattern */
	size_t n;
};

void rules_init(struct rules *r, struct arena *a);
void rules_fini(struct rules *r);

struct rule *rules_find(const struct rules *r, struct slice id);
/* The rule a job falls under: longest pattern that is a prefix of it, then
 * the smallest identifier; NULL if none. */
struct rule *rules_match(const struct rules *r, struct slice job);
struct rule *rules_by_slot(const struct rules *r, uint32_t slot);

/* The payload of a RULE_SET record. */
void rules_put_record(struct buf *out, struct slice id, struct slice pattern,
    const struct rule_spec *spec, bool paused);

/* As jobs_reserve, which covers the arena: see that n more rules find room
 * here. 0, or -1 with ERR_LIMIT. RULES_MAX is for who asks to watch. */
int rules_reserve(struct rules *r, size_t n, struct err *e);

/* A rule made from such a payload, for rules_apply_set. NULL with ERR_LIMIT,
 * or ERR_INVALID: not a rule. */
struct rule *rule_new(struct slice payload, struct err *e);
void rule_free(struct rule *rule);

/* Take the rule over: a new one, or the place of that with its identifier
 * (whose runtime it keeps). The result is the rule in force. */
struct rule *rules_apply_set(struct rules *r, struct rule *prepared);
/* Take it out of the indexes; the caller frees it. NULL: unknown. */
struct rule *rules_apply_remove(struct rules *r, struct slice id);
struct rule *rules_apply_pause(struct rules *r, struct slice id, bool paused);

static inline struct slice
rule_id(const struct rule *rule)
{
	return slice_of(rule->id, rule->id_len);
}

static inline struct slice
rule_pattern(const struct rule *rule)
{
	return slice_of(rule->pattern, rule->pattern_len);
}

#endif
