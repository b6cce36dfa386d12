/*
 * How far a job has come, and what each record of a run changes in that: the
 * one place for it, live, at recovery and in compression.
 *
 *	 SET             take_due          TRIGGER           START
 *	-----> planned ------------> taken --------> queued ------> running
 *	          ^                                   |  ^             |
 *	          |                     FINISH, retry |  +-------------+
 *	          |   FINISH                          v      FINISH, retry
 *	          +----------- a recurring job; others: executed, failed
 *
 * SET leads from every phase to planned, REMOVE from every phase to nothing,
 * RUN's TRIGGER from planned, executed and failed to queued, and that of a run
 * beside another from running to queued. `taken` is known in memory only. A run
 * that goes on when SET or TRIGGER takes its place: see going.h. STOP changes
 * nothing but how the run will have ended.
 */
#ifndef STORAGE_JOB_RUN_H
#define STORAGE_JOB_RUN_H

#include <stdint.h>

#include "record.h"

/* Stored in the image: never renumber. */
enum job_phase {
	PHASE_PLANNED,
	PHASE_TAKEN, /* due; its TRIGGER record is not durable yet */
	PHASE_QUEUED,
	PHASE_RUNNING,
	PHASE_EXECUTED,
	PHASE_FAILED,
	PHASE_COUNT
};

struct job_run {
	enum job_phase phase;
	int64_t due_ns;	       /* of the plan */
	uint64_t execution_id; /* of the run in queued and running; 0: none */
	uint32_t attempt;      /* the one that began last */
	int64_t started_ns;    /* when that was */
	int64_t run_due_ns; /* of that run, when it is not the plan's; or 0 */
	uint16_t lost;	    /* its attempts that were lost with the server */
	uint8_t losses;	    /* in a row, up to the last attempt */
	uint8_t stop; /* told to end: how it has then ended; 0: it was not */
};

/* What the FINISH record of an attempt makes of those numbers. */
static inline void
job_run_count_loss(const struct record_run *r, uint8_t *losses, uint16_t *lost)
{
	if (!(r->flags & RECORD_FINISH_CRASH)) {
		*losses = 0;
		return;
	}
	if (*losses < UINT8_MAX)
		(*losses)++;
	if (*lost < UINT16_MAX)
		(*lost)++;
}

static inline void
job_run_set(struct job_run *run, int64_t due_ns)
{
	run->phase = PHASE_PLANNED;
	run->due_ns = due_ns;
	run->run_due_ns = 0;
	run->execution_id = 0; /* a run that goes on is no longer its */
	run->lost = 0;
	run->losses = run->stop = 0;
}

/* A TRIGGER, START, FINISH or STOP record of the job. */
static inline void
job_run_apply(struct job_run *run, enum record_type type,
    const struct record_run *r)
{
	if (type == RECORD_JOB_TRIGGER) {
		run->phase = PHASE_QUEUED;
		run->execution_id = r->execution_id;
		run->attempt = 0;
		run->started_ns = 0;
		run->run_due_ns = 0;
		run->lost = 0;
		run->losses = run->stop = 0;
		if (r->flags & RECORD_TRIGGER_BESIDE) {
			run->due_ns = r->next_due_ns;
			if (r->due_ns != r->next_due_ns)
				run->run_due_ns = r->due_ns;
		}
		return;
	}
	if (run->execution_id != r->execution_id ||
	    (run->phase != PHASE_QUEUED && run->phase != PHASE_RUNNING))
		return;
	if (type == RECORD_JOB_STOP) {
		run->stop = (uint8_t)r->outcome;
		return;
	}
	run->attempt = r->attempt;
	run->started_ns = r->started_ns;
	if (type == RECORD_JOB_START) {
		run->phase = PHASE_RUNNING;
		run->stop = 0;
		return;
	}
	run->stop = 0;
	job_run_count_loss(r, &run->losses, &run->lost);
	if (r->flags & RECORD_FINISH_RETRY) {
		run->phase = PHASE_QUEUED;
	} else if (r->next_due_ns != 0) {
		run->phase = PHASE_PLANNED;
		run->due_ns = r->next_due_ns;
		run->run_due_ns = 0;
	} else if (r->outcome == RECORD_OUTCOME_SUCCESS) {
		run->phase = PHASE_EXECUTED;
	} else {
		run->phase = PHASE_FAILED;
	}
}

#endif
