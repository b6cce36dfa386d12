/*
 * Alerts: conditions that are judged on each poll, what is raised about them,
 * and who has taken note.
 *
 * A condition has up to three levels, each a severity with its threshold. A
 * level is on after the value was strictly beyond its threshold in raise_after
 * polls in a row, and off after it was beyond the clearing mark in none of
 * clear_after polls in a row; the mark is clear_margin before the threshold.
 * What is not judged in a poll is not beyond anything. While a level of a
 * condition is on for a source, there is one alert about it, with the highest
 * severity that is on, whichever threshold is the larger; it is cleared when
 * none is on.
 *
 * Alerts are durable: written when they are raised, change, are acknowledged
 * or cleared, and again with each poll as long as that is refused. A new one is
 * shown and told when it is written or that has failed, with the next poll at
 * the latest: who has seen one finds it after a crash, and its number is not
 * given to another. An acknowledgement waits, too. Main thread.
 */
#ifndef MONITOR_ALERT_H
#define MONITOR_ALERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "config.h"
#include "health.h"
#include "slice.h"
#include "store.h"
#include "token.h"
#include "tstamp.h"

/* Agents and integrations with something amiss; the rest are few. */
#define ALERT_SOURCES_MAX 2000
/* Alerts kept when they have been cleared, the last ones, and for how long.
 * Of all there ever were the last is always kept: its number must not be given
 * again. */
#define ALERTS_CLEARED_MAX 1024
#define ALERT_KEEP_NS (24 * 3600 * NS_PER_S)

enum alert_severity {
	ALERT_INFO,
	ALERT_WARNING,
	ALERT_CRITICAL,
	ALERT_SEVERITY_COUNT
};

enum alert_source_type {
	SOURCE_SYSTEM,
	SOURCE_AGENT,
	SOURCE_INTEGRATION,
	SOURCE_STORAGE,
	SOURCE_SECURITY
};

enum alert_condition {
#define CONDITION(id, source, sections, info, warning, critical, ...) \
	CONDITION_##id,
#include "alert.def"
#undef CONDITION
	CONDITION_COUNT
};

struct alert_level {
	bool on;
	uint16_t streak; /* polls in a row that speak for a change */
};

struct alert {
	struct alert
	    *next; /* of its bucket; cleared: of those, cleared later */
	struct alerts *owner;
	enum alert_condition condition;
	struct alert_level level[ALERT_SEVERITY_COUNT];
	uint64_t poll; /* the last one it was judged in */
	double judged; /* its value then */

	uint64_t id; /* 0: not raised yet */
	enum alert_severity severity;
	int64_t raised_ns;
	int64_t cleared_ns; /* 0: active */
	bool acknowledged;
	double value, threshold; /* when raised, or when the severity changed */

	bool hidden;	/* raised, and not shown yet */
	bool dirty;	/* to be written */
	bool acking;	/* an acknowledgement is under way */
	unsigned saves; /* under way */
	uint8_t source_len;
	/* Terminated. That of an integration is its key (see scoped.h): as a C
	 * string its identifier. */
	char source[];
};

enum alert_event { ALERT_RAISED, ALERT_ACKNOWLEDGED, ALERT_CLEARED };

struct alerts;

struct alerts_options {
	struct config *config; /* borrowed: its [alerts] are ours to change */
	struct store *store;   /* borrowed */
	/* Told of each; RAISED also when the severity has changed. */
	void (*tell)(void *ctx, enum alert_event event, const struct alert *a);
	void *ctx;
};

/* With what the store knows of alerts and thresholds. NULL with *e. */
struct alerts *alerts_new(const struct alerts_options *o, struct err *e);
/* When the store tells nobody any more. */
void alerts_free(struct alerts *s);

/*
 * A poll: what is amiss or may be, in any order, and the end of it. Whether
 * something is wrong that has no measure is judged as 0 or 1. source: "" for
 * the condition's own.
 */
void alerts_begin(struct alerts *s);
void alerts_judge(struct alerts *s, enum alert_condition condition,
    struct slice source, double value);
void alerts_end(struct alerts *s, int64_t now_ns);

/*
 * What cannot wait for a poll: each level whose threshold the value is beyond
 * is on at once. It goes off as any other; or at once, where nobody polls, of a
 * condition with a source of its own.
 */
void alerts_judge_now(struct alerts *s, enum alert_condition condition,
    struct slice source, double value, int64_t now_ns);
void alerts_clear_now(struct alerts *s, enum alert_condition condition,
    int64_t now_ns);

/* The store has answered: write what found no room in it. While it refuses,
 * that is left to the next poll. */
void alerts_save_again(struct alerts *s);

/* Those raised, critical first, then newest: the one after `after` (NULL: the
 * first), which need not be there any more. NULL: no more. Valid until the
 * next poll. */
struct alert_place {
	enum alert_severity severity;
	int64_t raised_ns;
	uint64_t id;
};
struct alert_place alert_place(const struct alert *a);
const struct alert *alerts_next(const struct alerts *s,
    const struct alert_place *after);
struct alert *alerts_find(const struct alerts *s, uint64_t id);

/* Acknowledge: 0, and the waiter will be told; or -1 with ERR_CONFLICT (it is
 * cleared), or as store_entry_set. No change to its entry may be under way:
 * store_busy of alert_slot. */
int alerts_acknowledge(struct alerts *s, struct alert *a,
    const struct store_waiter *w, struct err *e);
uint32_t alert_slot(const struct alert *a);

/* The thresholds: configuration keys from ... to. */
#define THRESHOLD_FIRST CONFIG_alerts_cpu_warning
#define THRESHOLD_LAST CONFIG_alerts_clear_margin
/* "cpu_warning" ... */
const char *threshold_name(enum config_id id);
/* ALERT SET: 0, and the waiter will be told; or -1 with ERR_NOT_FOUND,
 * ERR_INVALID, or as store_entry_set. */
int alerts_set_threshold(struct alerts *s, struct slice name,
    struct slice value, const struct store_waiter *w, struct err *e);

struct alerts_stats {
	size_t active[ALERT_SEVERITY_COUNT];
	size_t acknowledged; /* of the active */
	size_t in_section[HEALTH_SECTION_COUNT][ALERT_SEVERITY_COUNT];
	uint64_t raised, cleared; /* since the start */
};
const struct alerts_stats *alerts_stats(const struct alerts *s);
/* The same of those that `sees` lets through; `raised` and `cleared` are of
 * those still kept. O(alerts). */
typedef bool alerts_filter_cb(const void *ctx, const struct alert *a);
void alerts_count(const struct alerts *s, alerts_filter_cb *sees,
    const void *ctx, struct alerts_stats *out);
size_t alerts_active(const struct alerts *s); /* of any severity */
enum health_status alerts_status(const struct alerts_stats *stats,
    enum health_section section);

const char *alert_severity_word(enum alert_severity severity);
const char *alert_source_word(enum alert_source_type type);
const char *alert_event_word(enum alert_event event);
enum alert_source_type alert_source_type(const struct alert *a);
struct slice alert_source(const struct alert *a);
/* What is wrong, for people. */
void alert_put_message(struct buf *out, const struct alert *a);
/* Append the columns of ALERT LIST. */
void alert_put_words(struct buf *out, const struct alert *a);

/* An alert as it is stored. 0, or -1 with ERR_INVALID: not one of ours. */
struct alert_saved {
	enum alert_condition condition;
	enum alert_severity severity;
	int64_t raised_ns, cleared_ns;
	bool acknowledged;
	double value, threshold;
	char source[ID_MAX + 1]; /* as above */
	size_t source_len;
};
int alert_decode(struct slice value, struct alert_saved *out, struct err *e);
void alert_encode(struct buf *out, const struct alert_saved *saved);

#endif
