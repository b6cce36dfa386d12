#include "rules.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static struct slice
id_of(const void *ctx, uint32_t slot)
{
	const struct rules *r = ctx;

	return rule_id(r->slot[slot]);
}

static struct slice
pattern_of(const void *ctx, uint32_t slot)
{
	const struct rules *r = ctx;

	return rule_pattern(r->slot[slot]);
}

void
rules_init(struct rules *r, struct arena *a)
{
	memset(r, 0, sizeof(*r));
	r->arena = a;
	r->n_slots = 1;
	radix_init(&r->by_id, a, id_of, r);
	radix_init(&r->by_pattern, a, pattern_of, r);
}

void
rules_fini(struct rules *r)
{
	for (uint32_t i = 1; i < r->n_slots; i++)
		rule_free(r->slot[i]);
	free(r->slot);
	memset(r, 0, sizeof(*r));
}

void
rule_free(struct rule *rule)
{
	if (rule == NULL)
		return;
	rule_spec_unref(rule->spec);
	free(rule->id);
	free(rule->pattern);
	free(rule);
}

struct rule *
rules_find(const struct rules *r, struct slice id)
{
	uint32_t slot = radix_find(&r->by_id, id);

	return slot == RADIX_NONE ? NULL : r->slot[slot];
}

struct rule *
rules_match(const struct rules *r, struct slice job)
{
	uint32_t slot = radix_longest_prefix(&r->by_pattern, job);

	return slot == RADIX_NONE ? NULL : r->slot[slot];
}

struct rule *
rules_by_slot(const struct rules *r, uint32_t slot)
{
	return r->slot[slot];
}

static void
put_options(struct buf *out, const struct rule_spec *spec)
{
	struct buf pair = { 0 };
	size_t count_at = out->len;
	unsigned n = 0;

	record_put_u16(out, 0);
	for (int id = 0; id < OPTION_COUNT; id++) {
		if (rule_option_is_default(spec, (enum rule_option_id)id))
			continue;
		for (size_t i = 0;; i++, n++) {
			buf_clear(&pair);
			buf_add_str(&pair,
			    rule_option_name((enum rule_option_id)id));
			buf_add_byte(&pair, '=');
			if (!rule_option_value(spec, (enum rule_option_id)id, i,
				&pair))
				break;
			record_put_text(out, buf_slice(&pair));
			if (pair.failed) /* which buf_clear forgets */
				out->failed = true;
		}
	}
	if (!out->failed) {
		out->ptr[count_at] = (char)(n & 0xff);
		out->ptr[count_at + 1] = (char)(n >> 8);
	}
	buf_free(&pair);
}

void
rules_put_record(struct buf *out, struct slice id, struct slice pattern,
    const struct rule_spec *spec, bool paused)
{
	record_put_u8(out, paused);
	record_put_name(out, id);
	record_put_name(out, pattern);
	record_put_u16(out, (unsigned)spec->args.n + 1);
	record_put_text(out, slice_str(runner_word(spec->runner)));
	for (size_t i = 0; i < spec->args.n; i++)
		record_put_text(out, strings_get(&spec->args, i));
	put_options(out, spec);
}

static struct rule_spec *
read_spec(struct record_reader *in, struct err *e)
{
	struct slice words[RULE_ARGS_MAX + 1];
	struct rule_spec *spec;
	unsigned n = record_get_u16(in);
	bool admin;

	if (n == 0 || n > RULE_ARGS_MAX + 1) {
		(void)err_set(e, ERR_INVALID, "a rule of %u words", n);
		return NULL;
	}
	for (unsigned i = 0; i < n; i++)
		words[i] = record_get_text(in);
	if ((spec = rule_spec_parse(words, n, e)) == NULL)
		return NULL;
	for (n = record_get_u16(in); n > 0 && !in->bad; n--) {
		if (rule_spec_set_option(spec, record_get_text(in), &admin,
			e) == -1) {
			rule_spec_unref(spec);
			return NULL;
		}
	}
	return spec;
}

struct rule *
rule_new(struct slice payload, struct err *e)
{
	struct record_reader in;
	struct slice id, pattern;
	struct rule *rule = calloc(1, sizeof(*rule));

	if (rule == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	record_read(&in, payload);
	rule->paused = record_get_u8(&in) != 0;
	id = record_get_name(&in);
	pattern = record_get_name(&in);
	rule->id_len = id.len;
	rule->pattern_len = pattern.len;
	if ((rule->id = slice_dup(id)) == NULL ||
	    (rule->pattern = slice_dup(pattern)) == NULL) {
		(void)err_nomem(e);
		goto fail;
	}
	if ((rule->spec = read_spec(&in, e)) == NULL)
		goto fail;
	if (!record_done(&in) || id.len == 0) {
		(void)err_set(e, ERR_INVALID, "not a rule record");
		goto fail;
	}
	return rule;
fail:
	rule_free(rule);
	return NULL;
}

int
rules_reserve(struct rules *r, size_t n, struct err *e)
{
	uint32_t cap = r->cap_slots == 0 ? 64 : r->cap_slots;
	struct rule **slot;

	while (cap < r->n_slots + n)
		cap *= 2;
	if (cap == r->cap_slots)
		return 0;
	if ((slot = realloc(r->slot, cap * sizeof(*slot))) == NULL)
		return err_nomem(e);
	memset(slot + r->cap_slots, 0, (cap - r->cap_slots) * sizeof(*slot));
	r->slot = slot;
	r->cap_slots = cap;
	return 0;
}

static uint32_t
take_slot(struct rules *r)
{
	uint32_t slot = r->free_slot;

	if (slot == 0)
		return r->n_slots++;
	r->free_slot = 0;
	for (uint32_t i = 1; i < r->n_slots; i++)
		if (i != slot && r->slot[i] == NULL)
			r->free_slot = i;
	return slot;
}

/* Put the rule among those with its pattern, in order of identifier. */
static void
link_pattern(struct rules *r, struct rule *rule)
{
	struct slice pattern = rule_pattern(rule);
	uint32_t first;
	struct rule **at;
	struct rule *head;

	rule->next = NULL;
	switch (radix_insert(&r->by_pattern, pattern, rule->slot, &first)) {
	case 0:
		return;
	case -1: /* jobs_reserve */
		abort();
	}
	head = r->slot[first];
	for (at = &head; *at != NULL; at = &(*at)->next)
		if (slice_cmp(rule_id(rule), rule_id(*at)) < 0)
			break;
	rule->next = *at;
	*at = rule;
	if (head == rule)
		radix_replace(&r->by_pattern, pattern, rule->slot);
}

static void
unlink_pattern(struct rules *r, struct rule *rule)
{
	struct slice pattern = rule_pattern(rule);
	struct rule *head = r->slot[radix_find(&r->by_pattern, pattern)];

	if (head != rule) {
		while (head->next != rule)
			head = head->next;
		head->next = rule->next;
	} else if (rule->next != NULL) {
		radix_replace(&r->by_pattern, pattern, rule->next->slot);
	} else {
		(void)radix_remove(&r->by_pattern, pattern);
	}
}

static void
replace(struct rules *r, struct rule *old, struct rule *rule)
{
	unlink_pattern(r, old);
	rule->slot = old->slot;
	rule->runtime = old->runtime;
	rule->stats = old->stats;
	r->slot[rule->slot] = rule;
	link_pattern(r, rule);
	rule_free(old);
}

struct rule *
rules_apply_set(struct rules *r, struct rule *rule)
{
	struct rule *old = rules_find(r, rule_id(rule));
	uint32_t other;
	int rc;

	if (old != NULL) {
		replace(r, old, rule);
		return rule;
	}
	rule->slot = take_slot(r);
	r->slot[rule->slot] = rule;
	rc = radix_insert(&r->by_id, rule_id(rule), rule->slot, &other);
	assert(rc == 0); /* jobs_reserve */
	(void)rc;
	link_pattern(r, rule);
	r->n++;
	return rule;
}

struct rule *
rules_apply_remove(struct rules *r, struct slice id)
{
	struct rule *rule = rules_find(r, id);

	if (rule == NULL)
		return NULL;
	unlink_pattern(r, rule);
	(void)radix_remove(&r->by_id, id);
	r->slot[rule->slot] = NULL;
	r->free_slot = rule->slot;
	r->n--;
	return rule;
}

struct rule *
rules_apply_pause(struct rules *r, struct slice id, bool paused)
{
	struct rule *rule = rules_find(r, id);

	if (rule != NULL)
		rule->paused = paused;
	return rule;
}
