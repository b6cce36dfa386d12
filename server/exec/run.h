/*
 * One attempt to run a job: made by main, handed to the processor thread,
 * handed back with its result. Whoever holds it owns it and all it points to.
 */
#ifndef EXEC_RUN_H
#define EXEC_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "output.h"
#include "rule_spec.h"

/* Stored in the log: never renumber. */
enum run_outcome {
	RUN_NONE = 0, /* has not ended */
	RUN_SUCCESS = 1,
	RUN_FAILURE = 2,
	RUN_TIMEOUT = 3,
	RUN_CANCELLED = 4,
	RUN_REJECTED = 5,
	RUN_MISSED = 6,
	RUN_LOST = 7,
	RUN_OUTCOME_COUNT
};

#define RUN_EXIT_NONE (-1) /* no exit status: `-` */
#define RUN_REASON_MAX 192
#define RUN_WHY_TIMEOUT "did not end within its timeout"
#define RUN_NOTE_MAX 76

struct run {
	struct run *next; /* its holder's, for a list */

	/* The order, by main. */
	uint64_t execution_id;
	int64_t due_ns;
	uint32_t attempt;	/* 1 = first */
	struct rule_spec *spec; /* main's reference, which main drops */
	char *job;		/* identifier, terminated; NULL: see agent.h */
	char *rule;		/* identifier, terminated */
	char *payload;		/* terminated; NULL: none */
	size_t payload_len;
	void *owner;	   /* main's: what it belongs to */
	struct crew *crew; /* main's: whose sessions it needs; NULL: none */

	/* The result, by the processor. */
	enum run_outcome outcome;
	int exit; /* exit status, 128 + signal, HTTP code, or RUN_EXIT_NONE */
	bool answered; /* what it called has answered in full, if only no */
	bool starved;  /* it did not begin, for want of what others will free */
	int64_t started_ns;	     /* by the wall clock */
	int64_t started_mono_ns;     /* the same moment */
	int64_t ended_ns;	     /* started_ns and what was measured */
	char reason[RUN_REASON_MAX]; /* why it failed, in UTF-8; or "" */
	struct output output[OUTPUT_STREAMS]; /* the end of each, settled */

	/* Main's: who is told when the result is durable; NULL: nobody. */
	void (*recorded)(void *arg, struct slice note, const struct err *e);
	void *recorded_arg;
	char note[RUN_NOTE_MAX];
	size_t note_len;
};

/* "success" ... as HISTORY shows it; "-" for RUN_NONE. */
const char *run_outcome_word(enum run_outcome o);

/* Whether a child's exit status is a success, as the rule has it. */
bool run_exit_is_success(const struct rule_spec *spec, int exit);

/*
 * It begins, and it has ended, now. How long it took is measured by the
 * monotonic clock, and ended_ns is that much after started_ns: were the wall
 * clock set meanwhile, the end is told as if it had not been.
 */
void run_begins(struct run *r);
void run_ends(struct run *r);
/* How long it took; 0 when nobody knows: its server has died. */
int64_t run_took_ns(const struct run *r);

/* Fill the reason, with as much as there is room for. Returns -1 always, as
 * err_set does. */
int run_explain(struct run *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* It could not begin, with this errno: note whether that was for want of
 * descriptors, processes or memory, so that it is worth another try. */
void run_could_not_begin(struct run *r, int error);

struct store_waiter;
void run_set_waiter(struct run *r, const struct store_waiter *w);
/* Tell it, once. Nothing happens when r is NULL. */
void run_tell_recorded(struct run *r);

/* Frees all but the reference to spec, which must have been dropped. */
void run_free(struct run *r);

#endif
