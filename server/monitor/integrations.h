/*
 * The systems that the server calls: the endpoints of http, redis and amqp
 * rules, by themselves, as long as there is such a rule; and what INTEGRATION
 * SET names, which is probed on each poll. An endpoint of rules in different
 * namespaces of auth_file is one integration for each of them, all with the
 * same identifier; that of rules in none, when it is set too, is one with
 * both.
 *
 * A call is an attempt of a run that succeeded, failed or timed out, or a
 * probe that ended. It is an error when nobody answered in time, or the answer
 * is a failure; but not when an HTTP server says with a code below 500 that it
 * does not like what a run asks for: it is up.
 *
 * What is known of calls is of the time since the server started. Identifiers
 * and probes that were set are durable: entries of the store.
 *
 * Bounds: entries.def says how many are set; INTEGRATIONS_ENDPOINTS_MAX are
 * watched by themselves, more endpoints are left out and the log says so; so
 * are those whose key (see scoped.h) is over INTEGRATION_KEY_MAX bytes. Half
 * a KiB each, and 4 bytes a rule. Main thread.
 */
#ifndef MONITOR_INTEGRATIONS_H
#define MONITOR_INTEGRATIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "calls.h"
#include "err.h"
#include "radix.h"
#include "rules.h"
#include "run.h"
#include "store.h"

#define INTEGRATIONS_ENDPOINTS_MAX 10000u
#define INTEGRATION_KEY_MAX RADIX_KEY_MAX

/* What INTEGRATION SET has set, and how the last probe ended. */
struct probe {
	struct rule_spec *spec; /* one reference */
	uint64_t number;	/* of the run under way; 0: none */
	int64_t last_ns;	/* wall clock; 0: never */
	int64_t last_mono_ns;
	int64_t took_ns;
	bool failed;
	char why[RUN_REASON_MAX]; /* it failed */
};

struct integration {
	struct probe *probe; /* owned; NULL: not set */
	uint32_t slot;
	uint32_t n_rules; /* that call it */
	struct calls calls;
	uint64_t calls_total, errors_total;
	int64_t last_used_ns; /* wall clock; 0: never */
	bool last_failed, last_answered;
	uint8_t key_len;
	char id[]; /* terminated: the key, of which this is the identifier */
};

struct integrations;

struct rollup;

struct integrations_options {
	struct store *store;	/* borrowed */
	struct rollup *history; /* borrowed, told of each call; or NULL */
	int64_t probe_limit_ns; /* a probe may take so long */
	/* The namespace of auth_file that a rule lies in. NULL: there is but
	 * one. */
	struct slice (*namespace_of)(void *ctx, const struct rule *rule);
	void *ctx;
};

/* With those that the store has and the endpoints of its rules. */
struct integrations *integrations_new(const struct integrations_options *o,
    struct err *e);
/* NULL is allowed. Changes under way are not told of any more. */
void integrations_free(struct integrations *t);

/* A rule has been set, or lies in another namespace; and is about to go. */
void integrations_rule_changed(struct integrations *t, const struct rule *rule);
void integrations_rule_removed(struct integrations *t, const struct rule *rule);

/* An attempt has ended, of a rule as its execution has matched it. */
void integrations_called(struct integrations *t, struct slice rule,
    const struct rule_spec *spec, const struct run *run, int64_t now_mono_ns);
/* The probe with i->probe->number has ended. */
void integrations_probed(struct integrations *t, struct integration *i,
    const struct run *run, int64_t now_mono_ns);

/*
 * Ask for a change: 0, and the waiter will be told when it is durable; or -1
 * with *e. The probe is as rule_spec_parse_probe made it and becomes
 * immutable; a reference is taken.
 */
int integrations_set(struct integrations *t, struct slice id,
    struct rule_spec *probe, const struct store_waiter *w, struct err *e);
int integrations_remove(struct integrations *t, struct slice id,
    const struct store_waiter *w, struct err *e);

/* By its key: that of one that is set is the identifier. NULL: there is none.
 * Valid until the next change or removed rule. */
struct integration *integrations_find(const struct integrations *t,
    struct slice key);
/* The one in a slot; the index has these as its leaves. */
struct integration *integrations_at(const struct integrations *t,
    uint32_t slot);
const struct radix *integrations_index(const struct integrations *t);
size_t integrations_count(const struct integrations *t);
/* All of them, in no order: *slot is 0 to begin with. NULL: the end. */
struct integration *integrations_next(const struct integrations *t,
    uint32_t *slot);

/*
 * The probe of an entry of the store, NULL with *e; and the entry of a probe:
 * its words as INTEGRATION SET has them.
 */
struct rule_spec *probe_decode(struct slice value, struct err *e);
void probe_encode(struct buf *out, const struct rule_spec *probe);

static inline struct slice
integration_key(const struct integration *i)
{
	return slice_of(i->id, i->key_len);
}

static inline struct slice
integration_id(const struct integration *i)
{
	return slice_str(i->id);
}

#endif
