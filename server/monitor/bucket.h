/*
 * What happened in an hour or a day, as a few sums: of the attempts to run an
 * agent's jobs, of the calls of an integration, or of the polls of the
 * system. And a day of them as an entry of the store keeps it.
 */
#ifndef MONITOR_BUCKET_H
#define MONITOR_BUCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "health.h"
#include "request.h"
#include "slice.h"
#include "tstamp.h"

/* Of agents and integrations. */
enum {
	CALLS, /* attempts or calls that have ended */
	CALLS_FAILED,
	CALLS_US, /* their time in sum, microseconds */
	CALLS_FIELDS
};

/* Of the system. */
enum {
	POLLS,
	POLLS_DEGRADED,
	POLLS_CRITICAL,
	POLLS_CPU,    /* in sum, hundredths of a percent */
	POLLS_MEMORY, /* as well */
	POLLS_QUEUE,  /* in sum */
	POLLS_ALERTS, /* the most at one */
	POLLS_FIELDS
};

struct bucket {
	uint64_t v[POLLS_FIELDS];
};

/* What a poll of the system saw. */
struct poll_sample {
	double cpu, memory; /* percent */
	size_t queue_depth;
	size_t alerts; /* active */
	enum health_status status;
};

/* A bucket with one poll in it. */
struct bucket bucket_of_poll(const struct poll_sample *sample);

/* Add what happened in one to another. */
void bucket_add(enum history_source source, struct bucket *to,
    const struct bucket *from);
static inline bool
bucket_is_empty(const struct bucket *b)
{
	return b->v[0] == 0;
}

/*
 * From 0 to 1: of calls, the part that succeeded; of polls, the mean of 1 for
 * a healthy one, 0.5 for a degraded one and 0 for a critical one. An empty
 * bucket has 1.
 */
double bucket_score(enum history_source source, const struct bucket *b);
/* Of calls, by the score: healthy from BUCKET_HEALTHY on, degraded from
 * BUCKET_DEGRADED on; of polls, the worst. */
#define BUCKET_HEALTHY 0.9
#define BUCKET_DEGRADED 0.5
enum health_status bucket_status(enum history_source source,
    const struct bucket *b);

#define HOURS_A_DAY 24
#define HOUR_NS (3600 * NS_PER_S)
#define DAY_NS (HOURS_A_DAY * HOUR_NS)
#define DAY_WHOLE (1u << HOURS_A_DAY)

struct day {
	/* Bit h: hour[h] is not empty. Or DAY_WHOLE: what is left is the sum
	 * of the day, in hour[0]. */
	uint32_t mask;
	struct bucket hour[HOURS_A_DAY];
};

void day_sum(enum history_source source, const struct day *d,
    struct bucket *out);
/* Leave the sum of the day. */
void day_thin(enum history_source source, struct day *d);

/*
 * The value of an entry: u8 source, u32 mask, and for each bit of the mask the
 * fields of the source, all u64. False: it is none of this source, and *d is
 * empty.
 */
void day_put(struct buf *out, enum history_source source, const struct day *d);
bool day_get(struct slice value, enum history_source source, struct day *d);

#endif
