/*
 * What the files of alerts share:
 *
 *	alert.c          judging; what becomes of alerts
 *	alert_list.c     where they stand
 *	alert_store.c    what of them is durable
 *	alert_request.c  what clients change
 *	alert_text.c     words, and how an alert is stored
 *
 * An alert begins as a condition that is amiss with some source and has no
 * number yet; until then, and while it is active, it stands in a bucket by
 * condition and source. When it has its number and is written it comes into
 * `shown`, in the order of ALERT LIST, and stays there when it has been
 *cleared; it then stands in the line of those cleared, oldest first, until it
 *is dropped.
 *
 * Invariants:
 *  A1  Of a condition and a source there is at most one in the buckets.
 *  A2  A change of a numbered alert is written, or it is dirty.
 *  A3  What the store still has to answer for is not freed.
 */
#ifndef MONITOR_ALERT_INTERNAL_H
#define MONITOR_ALERT_INTERNAL_H

#include "alert.h"

#define ALERT_BUCKETS 2048u

/* Instead of a configuration key: a level that is not there, and one that is
 * beyond with any value but 0. */
enum { THRESHOLD_NONE = -1, THRESHOLD_ANY = -2 };

/* A row of alert.def. */
struct condition {
	const char *word;
	enum alert_source_type source_type;
	unsigned sections;
	int key[ALERT_SEVERITY_COUNT]; /* enum config_id, or as above */
	bool below, action;
	const char *self, *what, *unit;
};

extern const struct condition alert_conditions[CONDITION_COUNT];

/* A level's threshold, and how far back the value must come. */
struct limit {
	bool used;
	double threshold, mark;
};

struct request_wait;

struct alerts {
	struct alerts_options options;
	struct limit limit[CONDITION_COUNT][ALERT_SEVERITY_COUNT];
	uint64_t poll;
	uint64_t last_id;
	struct alert *bucket[ALERT_BUCKETS];
	size_t n_sources; /* in the buckets, agents and integrations */
	bool left_out, was_left_out; /* some are too many, in this poll */
	struct alert **shown;	     /* owned */
	size_t n_shown, cap_shown, n_hidden;
	struct alert *cleared, **cleared_end;
	size_t n_cleared;
	struct alerts_stats stats;
	bool any_dirty;
	struct request_wait *waits; /* owned */
	struct buf text;	    /* scratch */
};

/* alert.c */

/* Whether it is on the wrong side of a threshold. */
bool alert_is_beyond(enum alert_condition condition, double value,
    double limit);
/* Show one that was raised, and tell of it. */
void alert_announce(struct alert *a);
/* Into the log, and to who wants to know. */
void alert_tell(const struct alert *a, enum alert_event event);

/* alert_list.c */

/* An alert without a number, in no list; NULL: no memory. */
struct alert *alert_new(struct alerts *s, enum alert_condition condition,
    struct slice source);
/* Whether it is about an agent or an integration, of which there are many. */
bool alert_is_of_many(const struct alert *a);
/* The buckets. */
struct alert **alerts_bucket(struct alerts *s, enum alert_condition condition,
    struct slice source);
struct alert *alerts_find_live(struct alerts *s, enum alert_condition condition,
    struct slice source);
void alert_enter(struct alert *a);
void alert_leave(struct alert *a, struct alert **at); /* points to it */
/* The list: room for one more beside the hidden ones (false: no memory), in,
 * and out. */
bool alerts_reserve(struct alerts *s);
void alert_show(struct alert *a);
void alert_hide(struct alert *a);
/* An active one comes into the counts, or goes. */
void alert_tally(const struct alert *a, bool comes);
/* The line of those cleared: in at the end, out the oldest. */
void alert_line_up(struct alert *a);
struct alert *alerts_take_cleared(struct alerts *s);

/* alert_store.c */

/* Ask the store to keep it as it is, or (acknowledged) as it will be. */
int alert_write(struct alert *a, bool acknowledged,
    const struct store_waiter *w, struct err *e);
/* Keep it as it is, now or when that works; and all that had to wait. */
void alert_save(struct alert *a);
void alerts_save_dirty(struct alerts *s);
/* Drop those that were cleared long ago, or are too many. */
void alerts_drop_cleared(struct alerts *s, int64_t now_ns);
/* Take up what the store knows. */
int alerts_restore(struct alerts *s, struct err *e);

/* alert_request.c */

/* Take up the thresholds that were set by a command. */
void alerts_load_thresholds(struct alerts *s);
/* Nobody waits any more. */
void alerts_drop_waits(struct alerts *s);

#endif
