/*
 * What the files of the store share: store.c (open, requests, commits),
 * store_apply.c (what a record does) and store_compression.c (when to
 * compress). Everybody else includes store.h.
 */
#ifndef STORAGE_STORE_INTERNAL_H
#define STORAGE_STORE_INTERNAL_H

#include "compress.h"
#include "image.h"
#include "lock.h"
#include "rebuild.h"
#include "store.h"
#include "wal.h"

#define STORE_SLOTS (1u << 17)

/* Who waits for BACKUP. */
struct backup {
	char *path; /* owned */
	bool begun; /* the compression that makes it runs */
	store_backup_cb *done;
	void *arg;
	uint8_t note_len;
	char note[OP_NOTE_MAX];
};

/* How far a walk over all there is has come. */
struct rebuild_place {
	unsigned stage; /* rules, jobs, entries of each kind */
	bool begun;	/* behind the identifier */
	size_t id_len;
	char id[RADIX_KEY_MAX];
};

struct store {
	struct jobs jobs;
	struct rules rules;
	struct entries entries;
	uint64_t last_execution_id;
	struct commit *commit;
	struct batch *applying; /* as far as n_applied; NULL: none */
	size_t n_applied;
	struct wal wal;
	bool has_log;
	bool made_log; /* at this start, where nothing was */
	char *path;    /* owned */
	struct store_options options;
	struct log_lock lock;
	size_t n_under_way;
	size_t n_rules_under_way;		    /* of these, RULE SET */
	size_t n_entries_under_way[ENTRY_KIND_END]; /* and set entries */
	struct store_hooks hooks;
	store_job_cb *job_changed; /* NULL: nobody watches */
	void *job_changed_ctx;
	struct store_stats stats;

	/* Compression: a segment to be folded, switched to, being folded. */
	struct compress *compress; /* NULL: none runs */
	int64_t compression_began_ns, compression_ended_ns; /* monotonic */
	bool switching;
	bool compress_again; /* when the one under way has ended */
	bool unfolded;	     /* `<path>.old` exists */
	uint64_t first_seq;  /* of the active segment */
	uint64_t switches;   /* of the log, as far as known here */
	struct backup *backup;

	/* The log was lost, and is written anew. */
	unsigned char log_id[LOG_ID_LEN];
	uint64_t epoch;
	bool checking, losing;	 /* wal_check, wal_lose are under way */
	bool rebuild_wanted;	 /* soon */
	bool rebuilding;	 /* image or names are being made */
	struct rebuild *rebuild; /* NULL: no image is being made */
	struct rebuild_place place;
	struct wal_state lost; /* when it was */

	/* Recovery. */
	uint64_t seen;
	int64_t seen_ns;
	uint64_t releases;
	size_t promised;	    /* to results, see store_promise */
	off_t room;		    /* for them, of the batch taken back last */
	uint16_t slot[STORE_SLOTS]; /* changes under way: see store_busy */
};

/* Apply one durable record. `prepared` is what was made for it before it was
 * logged, and is taken over; NULL at recovery, which makes it here. */
int store_apply(struct store *s, const struct record *r, void *prepared,
    struct err *e);
/* The callbacks of recovery (recover.h); arg is the store. */
int store_recover_record(void *arg, const struct record *r, struct err *e);
int store_recover_entry(void *arg, const struct image_entry *entry,
    struct err *e);

/* The path without links, so that a log is known by one name; one that does
 * not exist stays as it is. Owned by the caller; NULL: out of memory. */
char *store_resolve(const char *path);

/* Follow a compression under way. */
void compression_poll(struct store *s);
/* A batch has ended: see whether the log went on in a new file. */
void compression_follow(struct store *s, const struct wal_state *wal,
    bool failed);
/* Break off what runs; nobody is told. */
void compression_stop(struct store *s);

/* Begin one, or let it follow what is under way. */
void compression_start(struct store *s);

/* What the log is like: take note of it when it is lost, for which *why is the
 * reason. */
void rebuild_note(struct store *s, const struct wal_state *wal,
    const char *why);
/* A compression found out that a file is gone. */
void rebuild_order(struct store *s);
/* After a turn's batches: write it anew, a piece more. was_lost: before they
 * were applied it was known already. */
void rebuild_follow(struct store *s, bool was_lost);

#endif
