/*
 * Group commit. Main fills a batch while the log writer thread makes the one
 * before it durable; a hundred writers cost one sync. At any time there are
 * at most a batch being filled, one being written, one that is done and one in
 * doubt: it was refused, but a dying disk may show it to a restart. That one
 * is done when the log could be mended; or, after COMMIT_DOUBT_NS, with
 * ERR_UNKNOWN. What comes meanwhile is refused at once, and not written.
 *
 * All functions are main's; the writer thread lives inside.
 */
#ifndef STORAGE_COMMIT_H
#define STORAGE_COMMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "wal.h"

/* A full batch takes no more records until it has been handed over. */
#define BATCH_BYTES_MAX (512u * 1024u)
#define BATCH_OPS_MAX 8192u
#define OP_NOTE_MAX 77
#define COMMIT_DOUBT_NS 5000000000 /* so long may an answer wait for that */

/*
 * Told once for every record, in order: with e NULL when it is durable (and
 * applied), else why it is not, and never will be.
 */
typedef void op_done_cb(void *arg, struct slice note, const struct err *e);

/* One record of a batch, and who waits for it. */
struct op {
	uint32_t offset;  /* of the record in the batch */
	uint32_t slot;	  /* the store's */
	void *prepared;	  /* the store's: memory that applying will need */
	op_done_cb *done; /* may be NULL */
	void *arg;
	uint8_t urgency; /* enum wal_urgency */
	bool failed;	 /* the result, by the writer: see the batch's err */
	uint8_t note_len;
	char note[OP_NOTE_MAX]; /* the caller's: what it needs to answer */
};

struct batch {
	struct buf records;
	struct op *ops; /* owned */
	size_t n_ops;
	size_t cap_ops;
	uint8_t urgency; /* the highest of its ops' */
	size_t promised; /* see struct wal */
	/* the result, by the writer */
	bool failed; /* some ops failed */
	enum { DOUBT_NONE, DOUBT_OPEN, DOUBT_ENDED } doubt; /* by the mutex */
	struct err err;
	uint64_t last_seq; /* of its last record */
	struct wal_state wal;
	int64_t submitted_ns, durable_ns; /* monotonic */
};

/* Whether it comes for the second time. */
bool batch_was_in_doubt(const struct batch *b);

struct commit;

/* wal NULL: no log; a batch is done as soon as it is handed over. wake is
 * called on the writer thread when commit_take has something. wal is the
 * writer's until commit_stop. NULL on failure. */
struct commit *commit_start(struct wal *wal, void (*wake)(void *arg),
    void *wake_arg, struct err *e);

/* Bytes of records that no batch taken back tells of yet. */
size_t commit_under_way(const struct commit *c);

/* The batch to fill. */
struct batch *commit_filling(struct commit *c);

/* Whether it must be handed over before more goes in. */
bool commit_full(const struct commit *c);

/* A place for one more op, zeroed but for its note; NULL: out of memory. It
 * is for the record that begins at the end of b->records. */
struct op *batch_add(struct batch *b);

/* Hand the filled batch to the writer if that is idle and there are at least
 * min_bytes (1: something) to write. */
void commit_kick(struct commit *c, size_t min_bytes);

/* The batch that is done, or NULL. Give it back with commit_recycle before
 * the next commit_take; but one that is in doubt comes again when it is not. */
struct batch *commit_take(struct commit *c, bool *in_doubt);
void commit_recycle(struct commit *c, struct batch *b);

/*
 * Ask the writer to do something else, when it is between batches. Its end: 1,
 * and what the log is like then; 0 not yet; -1 with *e. Only one request of a
 * kind at a time; not without a log.
 */
enum commit_order {
	ORDER_SWITCH,  /* wal_switch */
	ORDER_CHECK,   /* wal_check */
	ORDER_LOSE,    /* wal_lose */
	ORDER_REPLACE, /* wal_replace_lost */
	ORDER_COUNT
};
void commit_order(struct commit *c, enum commit_order what);
int commit_ended(struct commit *c, enum commit_order what,
    struct wal_state *wal, struct err *e);

/* Whether nothing is waiting, being written or done. */
bool commit_idle(const struct commit *c);

/* Ends the thread after the batch it is writing. Batches that were not taken
 * are given to drop, which may be NULL, and are gone. */
void commit_stop(struct commit *c, void (*drop)(const struct batch *b));

#endif
