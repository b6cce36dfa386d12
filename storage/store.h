/*
 * The face of this folder: the durable state of the server. A change is asked
 * for with store_*; it is logged, made durable together with others, applied
 * to jobs and rules, and then its waiter is told. Nothing is visible before
 * it is durable, and nothing that was refused ever is.
 *
 * Because changes apply later, a decision that rests on the state (does this
 * job exist?) must wait while a change to the same name is under way:
 * store_busy.
 *
 * Main thread.
 */
#ifndef STORAGE_STORE_H
#define STORAGE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "commit.h"
#include "entries.h"
#include "err.h"
#include "fold.h"
#include "jobs.h"
#include "record.h"
#include "rules.h"

enum store_fault { STORE_FAILED, STORE_DAMAGED, STORE_LOCKED };

struct store_recovery {
	uint64_t records; /* and entries of the image */
	bool made_log;	  /* nothing was there before */
	bool unfolded;	  /* an earlier segment waits to be compressed */
	uint64_t last_execution_id; /* that the image tells of */
	int64_t duration_ns;
	off_t discarded_bytes; /* a torn tail, cut off */
	off_t zero_bytes;      /* space written ahead, cut off */
	off_t image_bytes;     /* of the image; 0: there was none */
	struct err discarded;  /* why; its message is "" for nothing */
};

enum store_compression {
	COMPRESSION_IDLE, /* none since the start */
	COMPRESSION_RUNNING,
	COMPRESSION_SUCCESS,
	COMPRESSION_FAILURE
};

struct store_stats {
	uint64_t commits, failed_commits;
	uint64_t records, bytes;      /* made durable since the start */
	char last_error[ERR_MSG_MAX]; /* of the last refused commit, or "" */
	bool failing;		      /* the last commit was refused */
	bool lost; /* the log was removed, replaced or cut: nothing can be
		    * written before it was written anew */
	uint64_t losses, rebuilds;	 /* how often; and came to an end */
	char lost_error[ERR_MSG_MAX];	 /* of the last one, or "" */
	char rebuild_error[ERR_MSG_MAX]; /* why it cannot be, or "" */
	off_t log_bytes;		 /* length of the active segment */
	off_t image_bytes;		 /* of the compressed image; 0: none */
	enum store_compression compression;
	char compression_error[ERR_MSG_MAX]; /* of the last one, or "" */
	struct fold_result fold;	     /* of the last that succeeded */
	int64_t compression_ns;		     /* how long the last one took */
	int64_t compression_ended_ns;	     /* wall clock; 0: none has */
};

/* What the scheduler must know of changes, told just before they apply:
 * that a job is set anew, or (removed) removed; and rules. */
struct store_hooks {
	void *ctx;
	void (*job_changing)(void *ctx, const struct job *job, bool removed);
	void (*rule_changed)(void *ctx, struct rule *rule);
	void (*rule_removed)(void *ctx, struct rule *rule); /* already out */
};

struct store;

struct store_options {
	const char *path; /* of the log; NULL: in memory only */
	bool sync;	  /* against power loss too */
	/* Called from another thread when store_poll has work. */
	void (*wake)(void *arg);
	/* Called about every second of a long recovery; or NULL. */
	void (*progress)(void *arg, uint64_t records);
	/* Called, in main, for each group of records that was made durable or
	 * refused, with the time from hand-over to that; and whenever a
	 * compression has begun or ended. Or NULL. */
	void (*committed)(void *arg, int64_t took_ns);
	void (*compression)(void *arg, const struct store_stats *stats);
	void *arg;
};

/* Open, and recover. NULL on failure, with *fault and *e. */
struct store *store_open(const struct store_options *o,
    struct store_recovery *recovery, enum store_fault *fault, struct err *e);

/* Waits for the batch being written, leaves the log clean, frees all.
 * Changes still waiting are dropped without a word. */
void store_close(struct store *s);
/* As store_close, when the start fails after all: the files that it made where
 * none were are gone again. */
void store_undo(struct store *s);

void store_set_hooks(struct store *s, const struct store_hooks *hooks);
struct jobs *store_jobs(struct store *s);
struct rules *store_rules(struct store *s);
const struct entries *store_entries(const struct store *s);
const struct store_stats *store_stats(const struct store *s);
bool store_is_durable(const struct store *s); /* has a log */
/* Memory that jobs have given back and others can have, in bytes. */
size_t store_free_bytes(const struct store *s);

/* Have each change of a job told that can be seen: NULL for one that is gone.
 * changed NULL: no more. */
typedef void store_job_cb(void *ctx, struct slice id, const struct job *job);
void store_watch_jobs(struct store *s, store_job_cb *changed, void *ctx);

/* A planned job is due at another time: see jobs_move. */
void store_move_job(struct store *s, uint32_t ref, int64_t due_ns);

/* Who is told, once: see op_done_cb. note is copied. */
struct store_waiter {
	op_done_cb *done; /* NULL: nobody */
	void *arg;
	struct slice note; /* at most OP_NOTE_MAX - 1 bytes */
};

/* No change may be asked for while this is true: hand over first. */
bool store_full(const struct store *s);
/*
 * Room in the log for results that must find it on a full disk: how many bytes
 * are promised in all, from now on. Whether there is room for so many, which
 * other records do not take away; if not, a TRIGGER or START record that
 * becomes durable has made it.
 */
void store_promise(struct store *s, size_t bytes);
bool store_has_room(const struct store *s, size_t bytes);

/* Ask for a change: 0, and the waiter will be told; or -1 with *e, and
 * nothing was changed. */
int store_set(struct store *s, const struct record_set *set,
    const struct store_waiter *w, struct err *e);
int store_remove(struct store *s, struct slice job,
    const struct store_waiter *w, struct err *e);
/* type is TRIGGER, START or FINISH; urgency says how hard to try when space
 * runs out. The job need not exist any more for START and FINISH. */
int store_run(struct store *s, enum record_type type,
    const struct record_run *run, enum wal_urgency urgency,
    const struct store_waiter *w, struct err *e);
int store_rule_set(struct store *s, struct slice rule, struct slice pattern,
    const struct rule_spec *spec, bool paused, const struct store_waiter *w,
    struct err *e);
int store_rule_remove(struct store *s, struct slice rule,
    const struct store_waiter *w, struct err *e);
int store_rule_pause(struct store *s, struct slice rule, bool paused,
    const struct store_waiter *w, struct err *e);
/* Entries (entries.h); the bound on their number is looked at here. Removing
 * one that is not there changes nothing. */
int store_entry_set(struct store *s, enum entry_kind kind, struct slice id,
    struct slice value, const struct store_waiter *w, struct err *e);
int store_entry_remove(struct store *s, enum entry_kind kind, struct slice id,
    const struct store_waiter *w, struct err *e);

/*
 * Names with changes under way are counted in slots, by a hash: two names may
 * share one, and then one waits for the other without need.
 */
enum store_kind { STORE_JOB, STORE_RULE, STORE_ENTRY };
uint32_t store_slot(enum store_kind kind, struct slice name);
uint32_t store_entry_slot(enum entry_kind kind, struct slice id);

/*
 * Whether the caller must wait before asking for a change to a name of this
 * slot: always while somebody who came earlier waits for it; and, when the
 * decision rests on the state (`decides`), while changes are under way. Who
 * waits claims the slot, so that no later change slips in, and unclaims it
 * before asking again.
 */
bool store_busy(const struct store *s, uint32_t slot, bool decides);
void store_claim(struct store *s, uint32_t slot);
void store_unclaim(struct store *s, uint32_t slot);
/* Grows when changes have ended or a claim is given up: what was busy before
 * need not be asked about again until then. */
uint64_t store_releases(const struct store *s);

/*
 * Compress: go on in a new segment and fold what there was into the image, in
 * the background. While one runs, another follows it. 0, or -1 with
 * ERR_CONFLICT when there is no log.
 */
int store_compress(struct store *s, struct err *e);

/* As store_compress, then copy the image to `path`, which must not exist; done
 * is told once. Only one at a time. */
typedef void store_backup_cb(void *arg, struct slice note, off_t bytes,
    const struct err *e);
int store_backup(struct store *s, const char *path, store_backup_cb *done,
    void *arg, struct slice note, struct err *e);

/* See that the log is still where it was, and as it was: what is not is told in
 * store_stats, and written anew from memory. Returns at once. */
void store_check(struct store *s);

/* Hand what was asked for to the log writer, if it is idle: whatever there
 * is; or only when it fills a good write, so that writing overlaps with
 * asking for more. */
void store_kick(struct store *s);
void store_kick_early(struct store *s);

/* Apply what has become durable and tell the waiters, for some milliseconds.
 * True when there was something. */
bool store_poll(struct store *s);
/* Whether store_poll has left something for its next call. */
bool store_unfinished(const struct store *s);

/* At the end: make durable what was asked for, and wait for it no longer than
 * so. */
void store_flush(struct store *s, int64_t most_ns);

/* Whether every change asked for has been answered. */
bool store_idle(const struct store *s);

/* An identifier for a run, greater than any in the log. */
uint64_t store_next_execution_id(struct store *s);

#endif
