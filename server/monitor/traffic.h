/*
 * What clients ask of the server: requests, errors and latencies by the first
 * word of the command, bytes, refusals. The latency of a request is from when
 * it was read until its answer is about to be sent, so a write's until it is
 * durable; a list's until its beginning is.
 *
 * This is on the path of every request. So no clock is read for one: it
 * carries the time of the read that brought it, together with its command, in
 * a stamp; and answers are gathered in runs of equal stamps, which are settled
 * together when the replies of a turn are sent.
 *
 * Main thread.
 */
#ifndef MONITOR_TRAFFIC_H
#define MONITOR_TRAFFIC_H

#include <stdint.h>

#include "command.h"
#include "metrics.h"

/* Of a line that names no command. */
#define TRAFFIC_NO_COMMAND CMD_COUNT

#define TRAFFIC_STAMP_BITS 8
#define TRAFFIC_WORD_MAX 16
#define TRAFFIC_RUNS 64

struct traffic_word {
	uint64_t requests, errors;
	struct window latency_us;
};

/* Requests read at the same time, with the same first word, that were
 * answered one after the other. */
struct traffic_run {
	uint64_t stamp;
	uint32_t n;
};

struct traffic {
	/* By the first command with that word; others stay empty. */
	struct traffic_word word[CMD_COUNT + 1];
	uint8_t first[CMD_COUNT + 1]; /* of each command, such a one */
	uint64_t bytes_in, bytes_out;
	/* Refused authentications, requests before any, and browsers. */
	uint64_t auth_failures_total;
	struct rate auth_failures;
	uint64_t rate_limited;
	struct rate requests;
	unsigned n_runs;
	struct traffic_run run[TRAFFIC_RUNS];
};

/* The first word of a command, terminated. */
void traffic_word_name(int command, char name[TRAFFIC_WORD_MAX]);

struct traffic *traffic_new(void); /* NULL: out of memory */
void traffic_free(struct traffic *t);

/* The stamp of a request; read_us: monotonic. */
static inline uint64_t
traffic_stamp(const struct traffic *t, int64_t read_us, int command)
{
	return (uint64_t)read_us << TRAFFIC_STAMP_BITS | t->first[command];
}

void traffic_begin_run(struct traffic *t, uint64_t stamp);

/* Its answer has been written. */
static inline void
traffic_answered(struct traffic *t, uint64_t stamp)
{
	if (t->n_runs > 0 && t->run[t->n_runs - 1].stamp == stamp)
		t->run[t->n_runs - 1].n++;
	else
		traffic_begin_run(t, stamp);
}

/* And is an error. */
void traffic_failed(struct traffic *t, uint64_t stamp);

void traffic_auth_failed(struct traffic *t);

/* The answers go out now, if there are any; and before one looks at this. */
void traffic_settle(struct traffic *t);

/* The latencies of all, and what was counted. */
struct traffic_total {
	uint64_t requests, errors;
	struct histogram latency_us;
};

void traffic_sum(const struct traffic *t, int64_t now_mono_ns,
    struct traffic_total *total);

#endif
