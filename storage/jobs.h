/*
 * Every job: the owner of job objects, of the index by identifier and of the
 * due-time heap, which it keeps in step. Changes come only as records that
 * are durable (jobs_apply_*), the same way live and at recovery; besides
 * these, only taking a due job out of the plan (jobs_take_due). Main thread.
 */
#ifndef STORAGE_JOBS_H
#define STORAGE_JOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "going.h"
#include "heap.h"
#include "job_run.h"
#include "radix.h"
#include "record.h"
#include "request.h"
#include "slice.h"

/* What is known of a job that recurs, in memory only. */
struct job_cadence {
	struct job_plan *next, **link; /* in the list of all that recur */
	uint32_t job;
	bool by_cron;	  /* its first time was the expression's own */
	int64_t first_ns; /* else, what it was set for; 0: not known any more */
	int64_t ran_ns;	  /* the latest due time that was taken; 0: none */
	int64_t gap_ns;	  /* the last that the clock had jumped over; or 0 */
};

/* How a job recurs and what it carries; most jobs have none. One block. */
struct job_plan {
	struct job_cadence *cadence;	       /* NULL: it does not recur */
	int64_t every_ns, until_ns, jitter_ns; /* 0: none */
	const char *cron, *zone;	       /* NULL: none */
	const char *payload;		       /* terminated; NULL: none */
	size_t payload_len;
};

/* What only a job that has a plan of its own, or has run, needs. */
struct job_extra {
	struct job_plan *plan;	 /* owned; NULL: none */
	char *history;		 /* owned; see history.h */
	struct going_list going; /* owned */
	uint32_t history_len;
	uint32_t attempt; /* see struct job_run */
	uint16_t lost;
	uint8_t losses, stop;
	int64_t started_ns;
	int64_t run_due_ns;
	uint64_t execution_id;
	void *execution; /* the scheduler's, of that run; or NULL */
};

struct job {
	int64_t due_ns;
	struct job_extra *extra; /* owned; NULL: none */
	uint32_t heap_pos;
	uint8_t phase;
	uint8_t id_len;
	char id[]; /* not terminated */
};

struct jobs {
	struct arena arena;
	struct radix index;
	struct heap due;
	size_t count[JOB_STATUS_COUNT];
	size_t n_going; /* jobs with runs in their list of those */
	/* Jobs set with an earlier due time are placed as if due now: what
	 * stands before it in the heap was due while the server was down. */
	int64_t floor_ns;
	struct job_plan *recurring; /* all, in no order */
	struct job_plan *at;	    /* where a walk through them has come */
	/* Told before a job that has run is set anew or removed; or NULL. */
	void (*changing)(void *ctx, const struct job *job, bool removed);
	void *changing_ctx;
};

#define JOB_NONE ARENA_NONE

/* The most that applying one record of any kind, a rule's too, takes from the
 * arena: a job with the longest identifier and a path in two indexes. */
#define JOBS_RECORD_BYTES (280u + 2 * RADIX_INSERT_BYTES)

int jobs_init(struct jobs *j); /* 0 or -1: out of memory */
void jobs_fini(struct jobs *j);

/* A job's reference, valid until it is removed; JOB_NONE if unknown. */
uint32_t jobs_find(const struct jobs *j, struct slice id);

static inline struct job *
jobs_get(const struct jobs *j, uint32_t ref)
{
	return arena_ptr(&j->arena, ref);
}

static inline struct slice
job_id(const struct job *job)
{
	return slice_of(job->id, job->id_len);
}

static inline struct slice
job_history(const struct job *job)
{
	if (job->extra == NULL)
		return slice_of("", 0);
	return slice_of(job->extra->history, job->extra->history_len);
}

enum job_status job_phase_status(unsigned phase); /* enum job_phase */
enum job_status job_status(const struct job *job);
size_t jobs_total(const struct jobs *j);

/*
 * Applying a durable record must not fail. So memory is taken before a record
 * is logged: in the indexes, for all of the n records under way together; and
 * what the job itself will own. 0, or -1 when memory is out.
 */
int jobs_reserve(struct jobs *j, size_t n);
/* What a SET with a plan of its own adds to the job: *extra is for
 * jobs_apply_set to take over, or NULL where there is nothing to add. */
int job_extra_new(const struct record_set *s, struct job_extra **extra);
void job_extra_free(struct job_extra *extra); /* NULL is allowed */
/* See that this job can record a run. */
int jobs_prepare_run(struct jobs *j, uint32_t ref);

/* Apply a durable record. -1 only when memory is out, which cannot happen
 * after the calls above; then nothing was changed. */
int jobs_apply_set(struct jobs *j, const struct record_set *s,
    struct job_extra *extra);
void jobs_apply_remove(struct jobs *j, struct slice id);
int jobs_apply_run(struct jobs *j, enum record_type type,
    const struct record_run *r);

/* Put in a job from the image. -1: out of memory. */
int jobs_load(struct jobs *j, const struct record_set *set,
    const struct job_run *run, struct slice history, struct slice going);

/* The first planned job due at or before now_ns, or JOB_NONE; *missed: it
 * was due before floor_ns. */
uint32_t jobs_first_due(const struct jobs *j, int64_t now_ns, bool *missed);
/* When the first of all is due: false when none is planned. */
bool jobs_next_due(const struct jobs *j, int64_t *due_ns);
/* planned -> taken: out of the heap, for the run execution_id. Needs
 * jobs_prepare_run. */
void jobs_take_due(struct jobs *j, uint32_t ref, uint64_t execution_id,
    void *execution);
/* Look at a planned job again at at_ns, its due time unchanged. */
void jobs_postpone(struct jobs *j, uint32_t ref, int64_t at_ns);
/* A planned job is due at another time. No record tells: it follows from what
 * the records tell and from the clock, whose fault the former time was. */
void jobs_move(struct jobs *j, uint32_t ref, int64_t due_ns);

/* A walk through the jobs that recur; between two steps anything may change,
 * and those that are new since the beginning are left out. JOB_NONE: the end.
 * There is one walk: to begin again gives up the one before. */
void jobs_walk_begin(struct jobs *j);
uint32_t jobs_walk(struct jobs *j);

#endif
