/*
 * A workload on a store whose log lies in a simulated file system, and what
 * may be found after it: beside each batch of changes stand the states that
 * the store may have when all ends while the batch is under way, and the one
 * it must have from then on. They come from a second store, in memory, that is
 * asked for the same. To test something new, add steps.
 */
#ifndef TESTS_CRASH_WORK_H
#define TESTS_CRASH_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault_os.h"
#include "sim_fs.h"
#include "store_box.h"

#define WORK_PATH "log"

enum work_verb {
	/* Changes: asked for, and made durable with the next COMMIT. */
	WORK_SET,	   /* name, n: due */
	WORK_SET_PAYLOAD,  /* name, n: due, text: payload */
	WORK_SET_EVERY,	   /* name, n: due */
	WORK_REMOVE,	   /* name */
	WORK_TRIGGER,	   /* name, n: execution */
	WORK_START,	   /* name, n: execution */
	WORK_FINISH,	   /* name, n: execution */
	WORK_FAIL,	   /* name, n: execution */
	WORK_AGAIN,	   /* name, n: execution; planned again */
	WORK_RULE,	   /* name, text: "pattern runner ..." */
	WORK_RULE_REMOVE,  /* name */
	WORK_PAUSE,	   /* name */
	WORK_RESUME,	   /* name */
	WORK_ENTRY,	   /* name, n: kind, text: value */
	WORK_ENTRY_REMOVE, /* name, n: kind */
	/* Events. */
	WORK_COMMIT,
	WORK_MARK, /* wait until the log writer has left its mark */
	WORK_COMPRESS,
	WORK_RESTART,	  /* a clean stop, and a start */
	WORK_KILL,	  /* kill -9, and a start; what was asked is lost */
	WORK_WRITE_FAILS, /* the next write; n: how often */
	WORK_SYNC_FAILS	  /* the next sync */
};

struct work_step {
	enum work_verb verb;
	const char *name;
	int64_t n;
	const char *text;
};

#define WORK_BATCH_MAX 64u

/* A batch of changes. */
struct work_batch {
	size_t from, to; /* operations done when it began and ended */
	char **text;	 /* [0] the state before; all that are possible */
	size_t n_texts;
	size_t after; /* the state from `to` on */
};

struct work {
	struct sim_fs *fs;
	struct box box;
	struct box oracle;
	const struct work_step *accepted[4096]; /* all changes that were */
	size_t n_accepted;
	const struct work_step *asked[WORK_BATCH_MAX]; /* since the COMMIT */
	bool answered[WORK_BATCH_MAX], refused[WORK_BATCH_MAX];
	size_t n_asked;
	struct work_batch *batch;
	size_t n_batches;
	size_t n_refused;	  /* batches, in part or whole */
	size_t n_failed_restarts; /* that succeeded at the next try */
	uint64_t n_marks;	  /* tried before the last batch */
	bool mark_due;
	bool capturing;
	size_t captured;
};

/* Begin with an empty file system and a store on it; the layer of fault_os is
 * put over it. 0, or -1 when a fault hit. */
void work_begin(struct work *w);
void work_do(struct work *w, const struct work_step *steps, size_t n);
void work_end(struct work *w);

/* Whether `text` may be what is found when n_ops operations were done. */
bool work_allows(const struct work *w, size_t n_ops, const char *text);

/* The state after the batch that was under way or the last then. */
const char *work_after(const struct work *w, size_t n_ops);

/* Die as by kill -9; and start again. */
void work_die(struct work *w);
void work_kill(struct work *w);

/* The state that the store must have now. */
const char *work_expected(const struct work *w);

/* Assert that the store has it. */
void work_check(struct work *w);

#endif
