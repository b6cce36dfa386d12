#include "integrations.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "rollup.h"
#include "scoped.h"
#include "token.h"

/*
 * An integration is there while it is set or a rule calls it: `uses` says of
 * each rule what it calls.
 *
 * A change becomes visible when its record is durable, and must not fail then:
 * integrations_set makes all it will need before, and reserves room for one
 * more integration for each change under way.
 */

/* A change under way. */
struct change {
	struct change *prev, *next;
	struct integrations *t;
	struct integration *made; /* owned; SET of one that is new, or REMOVE */
	struct probe *probe;	  /* owned; NULL: REMOVE */
	struct store_waiter waiter;
	char note[OP_NOTE_MAX];
};

struct integrations {
	struct integrations_options o;
	struct arena arena; /* the index's */
	struct radix by_id;
	struct integration **at; /* owned; by slot, from 1; NULL: free */
	uint32_t n_slots, cap_slots;
	uint32_t free_slot; /* one known to be free, or 0 */
	uint32_t *uses; /* owned; by slot of the rule: what it calls, or 0 */
	uint32_t n_uses;
	size_t n_endpoints;
	bool left_out; /* an endpoint: said so once */
	struct change *changes;
	size_t n_changes;
	struct buf text; /* scratch */
};

/* Probes */

struct rule_spec *
probe_decode(struct slice value, struct err *e)
{
	struct rule_spec *probe = NULL;
	struct tokens words = { 0 };
	char *line = slice_dup(value);

	if (line == NULL)
		(void)err_nomem(e);
	else if (token_split(line, value.len, &words, e) == 0)
		probe = rule_spec_parse_probe(words.word, words.n, e);
	token_fini(&words);
	if (line != NULL)
		explicit_bzero(line, value.len); /* may hold a password */
	free(line);
	return probe;
}

void
probe_encode(struct buf *out, const struct rule_spec *probe)
{
	buf_add_str(out, runner_word(probe->runner));
	for (size_t i = 0; i < probe->args.n; i++) {
		buf_add_byte(out, ' ');
		token_quote(out, strings_get(&probe->args, i));
	}
}

static void
probe_free(struct probe *probe)
{
	if (probe == NULL)
		return;
	rule_spec_unref(probe->spec);
	free(probe);
}

static struct probe *
probe_new(const struct integrations *t, struct rule_spec *spec)
{
	struct probe *probe = calloc(1, sizeof(*probe));

	if (probe == NULL)
		return NULL;
	spec->number[OPTION_timeout] = t->o.probe_limit_ns;
	spec->number[OPTION_kill_after] = 0;
	probe->spec = rule_spec_ref(spec);
	return probe;
}

/* The table */

static struct slice
id_of(const void *ctx, uint32_t slot)
{
	return integration_key(integrations_at(ctx, slot));
}

struct integration *
integrations_find(const struct integrations *t, struct slice key)
{
	uint32_t slot = radix_find(&t->by_id, key);

	return slot == RADIX_NONE ? NULL : t->at[slot];
}

struct integration *
integrations_at(const struct integrations *t, uint32_t slot)
{
	return t->at[slot];
}

const struct radix *
integrations_index(const struct integrations *t)
{
	return &t->by_id;
}

size_t
integrations_count(const struct integrations *t)
{
	return t->by_id.n;
}

struct integration *
integrations_next(const struct integrations *t, uint32_t *slot)
{
	while (++*slot < t->n_slots)
		if (t->at[*slot] != NULL)
			return t->at[*slot];
	return NULL;
}

static struct integration *
integration_new(struct slice key)
{
	struct integration *i = calloc(1, sizeof(*i) + key.len + 1);

	if (i == NULL)
		return NULL;
	i->key_len = (uint8_t)key.len;
	memcpy(i->id, key.ptr, key.len);
	return i;
}

static void
integration_free(struct integration *i)
{
	if (i == NULL)
		return;
	probe_free(i->probe);
	free(i);
}

/* See that n more find room. 0, or -1: out of memory. */
static int
reserve(struct integrations *t, size_t n)
{
	uint32_t cap = t->cap_slots == 0 ? 64 : t->cap_slots;
	struct integration **at;

	if (arena_reserve(&t->arena, n * RADIX_INSERT_BYTES) == -1)
		return -1;
	while (cap < t->n_slots + n)
		cap *= 2;
	if (cap == t->cap_slots)
		return 0;
	if ((at = realloc(t->at, cap * sizeof(struct integration *))) == NULL)
		return -1;
	memset(at + t->cap_slots, 0,
	    (cap - t->cap_slots) * sizeof(struct integration *));
	t->at = at;
	t->cap_slots = cap;
	return 0;
}

static uint32_t
take_slot(struct integrations *t)
{
	uint32_t slot = t->free_slot;

	if (slot == 0)
		return t->n_slots++;
	t->free_slot = 0;
	for (uint32_t i = 1; i < t->n_slots && t->free_slot == 0; i++)
		if (i != slot && t->at[i] == NULL)
			t->free_slot = i;
	return slot;
}

/* Room for it was reserved. */
static void
insert(struct integrations *t, struct integration *i)
{
	uint32_t other;
	int rc;

	i->slot = take_slot(t);
	t->at[i->slot] = i;
	rc = radix_insert(&t->by_id, integration_key(i), i->slot, &other);
	assert(rc == 0);
	(void)rc;
}

/* Nobody calls it any more, or it is no longer set. */
static void
settle(struct integrations *t, struct integration *i)
{
	if (i->probe != NULL || i->n_rules > 0)
		return;
	(void)radix_remove(&t->by_id, integration_key(i));
	t->at[i->slot] = NULL;
	t->free_slot = i->slot;
	integration_free(i);
}

/* Rules */

static void
leave(struct integrations *t, uint32_t rule)
{
	struct integration *i;

	if (t->uses[rule] == 0)
		return;
	i = t->at[t->uses[rule]];
	t->uses[rule] = 0;
	if (--i->n_rules == 0)
		t->n_endpoints--;
	settle(t, i);
}

static void
join(struct integrations *t, uint32_t rule, struct integration *i)
{
	if (i->n_rules++ == 0)
		t->n_endpoints++;
	t->uses[rule] = i->slot;
}

/* Room for what a rule calls. 0, or -1: out of memory. */
static int
make_use(struct integrations *t, uint32_t rule)
{
	uint32_t n = t->n_uses == 0 ? 64 : t->n_uses;
	uint32_t *uses;

	while (n <= rule)
		n *= 2;
	if (n == t->n_uses)
		return 0;
	if ((uses = realloc(t->uses, n * sizeof(*uses))) == NULL)
		return -1;
	memset(uses + t->n_uses, 0, (n - t->n_uses) * sizeof(*uses));
	t->uses = uses;
	t->n_uses = n;
	return 0;
}

/* The integration of an endpoint that a rule begins to call; NULL: it cannot
 * be watched. */
static struct integration *
watch_endpoint(struct integrations *t, struct slice endpoint)
{
	struct integration *i = integrations_find(t, endpoint);
	const char *why = "out of memory";

	if (i != NULL && i->n_rules > 0)
		return i;
	if (t->n_endpoints == INTEGRATIONS_ENDPOINTS_MAX)
		why = "there are too many";
	else if (i != NULL)
		return i;
	else if (reserve(t, t->n_changes + 1) == 0 &&
	    (i = integration_new(endpoint)) != NULL) {
		insert(t, i);
		return i;
	}
	if (!t->left_out)
		LOG_WARN("endpoints_left_out",
		    LOG_SLICE("first", scoped_name(endpoint)),
		    LOG_STR("error", why), scoped_log(endpoint));
	t->left_out = true;
	return NULL;
}

/* The key of what a spec of the rule calls, in t->text; empty: nothing, or it
 * is too long. */
static struct slice
endpoint_of(struct integrations *t, const struct rule *rule,
    const struct rule_spec *spec)
{
	buf_clear(&t->text);
	rule_spec_put_endpoint(&t->text, spec);
	if (t->text.len > 0 && t->o.namespace_of != NULL)
		scoped_put(&t->text, slice_of("", 0),
		    t->o.namespace_of(t->o.ctx, rule));
	if (t->text.failed || t->text.len > INTEGRATION_KEY_MAX)
		buf_clear(&t->text);
	return buf_slice(&t->text);
}

void
integrations_rule_changed(struct integrations *t, const struct rule *rule)
{
	struct slice endpoint = endpoint_of(t, rule, rule->spec);
	struct integration *i = NULL;
	uint32_t before;

	if (make_use(t, rule->slot) == -1)
		return; /* it calls what is not watched */
	before = t->uses[rule->slot];
	if (before != 0 && slice_eq(integration_key(t->at[before]), endpoint))
		return;
	if (endpoint.len > 0)
		i = watch_endpoint(t, endpoint);
	leave(t, rule->slot);
	if (i != NULL)
		join(t, rule->slot, i);
}

void
integrations_rule_removed(struct integrations *t, const struct rule *rule)
{
	if (rule->slot < t->n_uses)
		leave(t, rule->slot);
}

/* Calls */

static void
count(const struct integrations *t, struct integration *i,
    const struct run *run, bool failed, int64_t now_mono_ns)
{
	int64_t took_ns = run_took_ns(run);

	i->calls_total++;
	i->errors_total += failed;
	i->last_failed = failed;
	i->last_answered = run->answered;
	i->last_used_ns = run->ended_ns;
	calls_add(&i->calls, failed, run->answered, took_ns, now_mono_ns);
	if (t->o.history != NULL)
		rollup_add(t->o.history, HISTORY_INTEGRATION,
		    integration_key(i), !failed, took_ns, run->ended_ns);
}

static bool
is_error(const struct rule_spec *spec, const struct run *run)
{
	if (run->outcome == RUN_FAILURE && run->answered &&
	    spec->runner == RUNNER_HTTP)
		return run->exit >= 500;
	return run->outcome != RUN_SUCCESS;
}

void
integrations_called(struct integrations *t, struct slice rule,
    const struct rule_spec *spec, const struct run *run, int64_t now_mono_ns)
{
	const struct rule *of;
	struct integration *i;
	struct slice endpoint;

	if (run->outcome != RUN_SUCCESS && run->outcome != RUN_FAILURE &&
	    run->outcome != RUN_TIMEOUT)
		return;
	if (!rule_spec_has_endpoint(spec))
		return;
	/* When the rule is gone, nobody knows whose call it was. */
	if ((of = rules_find(store_rules(t->o.store), rule)) == NULL)
		return;
	endpoint = endpoint_of(t, of, spec);
	if (endpoint.len == 0 || (i = integrations_find(t, endpoint)) == NULL)
		return;
	count(t, i, run, is_error(spec, run), now_mono_ns);
}

void
integrations_probed(struct integrations *t, struct integration *i,
    const struct run *run, int64_t now_mono_ns)
{
	struct probe *probe = i->probe;

	probe->number = 0;
	probe->last_ns = run->ended_ns;
	probe->last_mono_ns = now_mono_ns;
	probe->took_ns = run_took_ns(run);
	probe->failed = run->outcome != RUN_SUCCESS;
	memcpy(probe->why, run->reason, sizeof(probe->why));
	count(t, i, run, probe->failed, now_mono_ns);
}

/* Changes */

static void
change_free(struct change *c)
{
	integration_free(c->made);
	probe_free(c->probe);
	free(c);
}

static void
change_end(struct change *c)
{
	struct integrations *t = c->t;

	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		t->changes = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	t->n_changes--;
	change_free(c);
}

static struct change *
change_new(struct integrations *t, struct slice id,
    const struct store_waiter *w)
{
	struct change *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	if ((c->made = integration_new(id)) == NULL) {
		free(c);
		return NULL;
	}
	c->t = t;
	c->waiter = *w;
	if (w->note.len > 0)
		memcpy(c->note, w->note.ptr, w->note.len);
	c->waiter.note.ptr = c->note;
	if ((c->next = t->changes) != NULL)
		c->next->prev = c;
	t->changes = c;
	t->n_changes++;
	return c;
}

static void
apply(struct change *c)
{
	struct integrations *t = c->t;
	struct integration *i = integrations_find(t, integration_key(c->made));

	if (i == NULL && c->probe == NULL)
		return;
	if (i == NULL) {
		insert(t, i = c->made);
		c->made = NULL;
	}
	probe_free(i->probe);
	i->probe = c->probe;
	c->probe = NULL;
	settle(t, i);
}

static void
on_changed(void *arg, struct slice note, const struct err *e)
{
	struct change *c = arg;

	(void)note;
	if (e == NULL)
		apply(c);
	c->waiter.done(c->waiter.arg, c->waiter.note, e);
	change_end(c);
}

int
integrations_set(struct integrations *t, struct slice id,
    struct rule_spec *probe, const struct store_waiter *w, struct err *e)
{
	struct change *c = change_new(t, id, w);
	struct store_waiter ours = { .done = on_changed, .arg = c };
	int rc;

	if (c == NULL)
		return err_nomem(e);
	buf_clear(&t->text);
	probe_encode(&t->text, probe);
	if (t->text.failed || (c->probe = probe_new(t, probe)) == NULL ||
	    reserve(t, t->n_changes) == -1)
		rc = err_nomem(e);
	else
		rc = store_entry_set(t->o.store, ENTRY_INTEGRATION, id,
		    buf_slice(&t->text), &ours, e);
	if (rc == -1)
		change_end(c);
	return rc;
}

int
integrations_remove(struct integrations *t, struct slice id,
    const struct store_waiter *w, struct err *e)
{
	struct change *c = change_new(t, id, w);
	struct store_waiter ours = { .done = on_changed, .arg = c };
	int rc;

	if (c == NULL)
		return err_nomem(e);
	rc = store_entry_remove(t->o.store, ENTRY_INTEGRATION, id, &ours, e);
	if (rc == -1)
		change_end(c);
	return rc;
}

/* Start and end */

/* One that a later version has set is left alone. */
static int
load_entry(struct integrations *t, const struct entry *entry, struct err *e)
{
	struct rule_spec *spec = probe_decode(entry_value(entry), e);
	struct integration *i = NULL;

	if (spec == NULL && e->code != ERR_LIMIT) {
		LOG_WARN("integration_left_out",
		    LOG_SLICE("integration", entry_id(entry)), LOG_ERR(e));
		return 0;
	}
	if (spec == NULL)
		return -1;
	if (reserve(t, 1) == 0 &&
	    (i = integration_new(entry_id(entry))) != NULL) {
		insert(t, i);
		i->probe = probe_new(t, spec);
	}
	rule_spec_unref(spec);
	return i == NULL || i->probe == NULL ? err_nomem(e) : 0;
}

static int
load(struct integrations *t, struct err *e)
{
	const struct rules *rules = store_rules(t->o.store);
	const struct entry *entry;
	struct entries_walk walk;

	entries_seek(&walk, store_entries(t->o.store), ENTRY_INTEGRATION,
	    slice_of("", 0), false);
	while ((entry = entries_step(&walk)) != NULL)
		if (load_entry(t, entry, e) == -1)
			return -1;
	for (uint32_t i = 1; i < rules->n_slots; i++)
		if (rules_by_slot(rules, i) != NULL)
			integrations_rule_changed(t, rules_by_slot(rules, i));
	return 0;
}

struct integrations *
integrations_new(const struct integrations_options *o, struct err *e)
{
	struct integrations *t = calloc(1, sizeof(*t));

	if (t == NULL || arena_init(&t->arena) == -1) {
		free(t);
		(void)err_nomem(e);
		return NULL;
	}
	t->o = *o;
	t->n_slots = 1;
	radix_init(&t->by_id, &t->arena, id_of, t);
	if (load(t, e) == 0)
		return t;
	integrations_free(t);
	return NULL;
}

void
integrations_free(struct integrations *t)
{
	struct change *c, *next;

	if (t == NULL)
		return;
	for (c = t->changes; c != NULL; c = next) {
		next = c->next;
		change_free(c);
	}
	for (uint32_t i = 1; i < t->n_slots; i++)
		integration_free(t->at[i]);
	arena_fini(&t->arena);
	free(t->at);
	free(t->uses);
	buf_free(&t->text);
	free(t);
}
