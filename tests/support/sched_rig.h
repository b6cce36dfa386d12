/*
 * A scheduler under test: time is what the test says, a run is what stands in
 * a list until the test ends it. Its store is in memory or on a simulated file
 * system. An assertion that fails in here fails the test.
 */
#ifndef TESTS_SCHED_RIG_H
#define TESTS_SCHED_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault_os.h"
#include "sched.h"
#include "sim_fs.h"
#include "store_box.h"
#include "zone.h"

#define RIG_RUNS_MAX 4096u
#define RIG_FRAMERATE 512u

struct rig {
	struct box box;
	struct sched *sched;
	struct sim_fs *fs;
	const char *path; /* NULL: in memory */
	unsigned max_inflight;
	int64_t now_ns;
	int64_t mono_ns;  /* goes on by what now_ns does, never back */
	int64_t again_ns; /* what the last tick gave */
	struct run *run[RIG_RUNS_MAX]; /* submitted and not ended, in order */
	size_t n_runs;
	size_t n_submitted;	/* ever */
	unsigned n_run_answers; /* to rig_run */
	bool run_refused;	/* the last of them */
	uint64_t cancelled;	/* the last execution ordered to end */
	uint64_t random;	/* what the scheduler draws */
	bool no_session;	/* runs that need one are refused */
	struct zones *zones;
	/* Told of each run that is submitted; or NULL. */
	void (*on_submit)(void *arg, const struct run *run);
	void *on_submit_arg;
	/* The observer; or NULL. */
	void (*on_event)(void *arg, const struct sched_event *event);
	void *on_event_arg;
};

/* Begin at a time, with a store at path. */
void rig_begin(struct rig *r, const char *path, unsigned max_inflight,
    int64_t now_ns);
void rig_end(struct rig *r);

/* Hand over, wait, apply and start until the store is idle. */
void rig_settle(struct rig *r);
/* The time is now (both clocks go on): one tick, and rig_settle. */
void rig_tick(struct rig *r, int64_t now_ns);
/* The clock is set: no time has passed. */
void rig_set_clock(struct rig *r, int64_t now_ns);
/* Ticks as long as there is more to do at once. How many there were. */
unsigned rig_at(struct rig *r, int64_t now_ns);

/* The server dies and starts again at a time. Runs are lost. */
void rig_kill(struct rig *r, int64_t now_ns);
/* The server stops in order, with nothing running, and starts again. */
void rig_restart(struct rig *r, int64_t now_ns);

/* End run i of the list. */
void rig_finish(struct rig *r, size_t i, enum run_outcome outcome);
void rig_finish_all(struct rig *r);

/* RUN: 0, or -1 with r->box.err. Settles. */
int rig_run(struct rig *r, const char *job);

/* The jobs of the list are these, in order, with a space between. */
void rig_expect(const struct rig *r, const char *jobs);
/* The job is in this phase; PHASE_COUNT: it does not exist. */
void rig_expect_phase(struct rig *r, const char *job, enum job_phase phase);
void rig_expect_stats(const struct rig *r, size_t pending, size_t inflight);
const char *rig_hold(struct rig *r, const char *job);

/* Counts and phases agree. */
void rig_check(struct rig *r);

#endif
