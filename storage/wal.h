/*
 * The active log file: appends groups of records and makes them durable. The
 * format is record.h's. Used by one thread at a time: recovery hands it to
 * the log writer.
 */
#ifndef STORAGE_WAL_H
#define STORAGE_WAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"
#include "record.h"

/* Blocks kept behind the end of the log, so that what must be recorded can
 * be recorded on a full disk. */
#define WAL_RESERVE 262144

#define WAL_ROOM_MAX INT64_MAX

/* How far into the reserve a record may reach. */
enum wal_urgency {
	WAL_REQUEST, /* of a client: not at all */
	WAL_TRIGGER, /* the start of a run: a quarter must stay, and what was
		      * promised to results */
	WAL_RESULT,  /* the result of a run: all of it */
	WAL_URGENCY_COUNT
};

/* What others may know of it, copied with each batch. */
struct wal_state {
	uint64_t first_seq; /* of this segment */
	off_t bytes;	    /* its length */
	off_t room;	    /* behind it, that nobody can take away */
	uint64_t switches;  /* segments begun since the start */
	uint64_t next_seq;
	bool lost; /* see wal_check */
};

struct wal {
	char *path; /* owned */
	int fd;
	int lock_fd;	 /* has the lock on the file; -1: fd has it */
	bool sync;	 /* make every group durable against power loss */
	bool suspect;	 /* a sync or cut failed: go on in a new file */
	bool unsettled;	 /* the names of its files may not last yet */
	bool doubt;	 /* what was refused last may be found by a restart */
	int next_fd;	 /* `<path>.new`, when the file is `<path>.old` already
			  * and the name could not be given on; or -1 */
	bool no_reserve; /* the filesystem has no fallocate */
	struct log_header header, next_header;
	uint32_t seed;
	uint64_t next_seq;
	off_t end;	    /* where the next group goes */
	off_t written_end;  /* file size: zeros were written up to here */
	off_t reserved_end; /* blocks are allocated up to here */
	off_t size_limit;   /* the system lets no file become longer */
	/* Bytes for the results of runs that have begun, of which other records
	 * take none. Set before an append. */
	off_t promised;
	uint64_t syncs;
	uint64_t switches; /* segments begun since the start */
	uint64_t doubts;   /* appends that ended in doubt */
	bool lost;	   /* somebody has taken or changed the file */
	struct err why_lost;
	atomic_bool has_image; /* `<path>.base` must be there; anybody's */
};

/*
 * Create the log file at path with a header, through a temporary name, so
 * that no crash leaves half of one. 0600; the folder is synced.
 * 0 and *w ready, or -1.
 */
int wal_create(struct wal *w, const char *path, const struct log_header *h,
    bool sync, struct err *e);
/* As wal_create; what stands at path gets the name aside. NULL: nothing
 * does. */
int wal_replace(struct wal *w, const char *path, const char *aside,
    const struct log_header *h, bool sync, struct err *e);

/* Go on in an existing file: everything up to `end` is valid, the next record
 * gets next_seq; what stands behind `end` is cut off. 0 or -1. */
int wal_resume(struct wal *w, const char *path, const struct log_header *h,
    off_t end, uint64_t next_seq, bool sync, struct err *e);

/*
 * Lock the file, as of wal_resume: a later one is locked before it gets its
 * name. lock_fd may have the lock already (or be -1), and is taken over. 0; or
 * -1 with ERR_CONFLICT (another server has it) or ERR_STORAGE.
 */
int wal_lock(struct wal *w, int lock_fd, struct err *e);

/*
 * Seal and append the records in bytes[0..n) as one group. On 0 they are
 * durable. On -1 none is, and none will be after any restart, unless the log
 * is in doubt: then a restart may find them, until wal_mend or an append
 * succeeds. While that fails, nothing more is written. A group that would eat
 * further into the reserve than its urgency allows is refused.
 */
int wal_append(struct wal *w, unsigned char *bytes, size_t n,
    enum wal_urgency urgency, struct err *e);

/* Make it so that what was refused is not found by any restart: 0; or -1, try
 * again. The next append does the same. */
int wal_mend(struct wal *w, struct err *e);

/* Leave the mark behind the last group. Never fails; not synced. */
void wal_mark(struct wal *w);

/* Continue in a new segment at the same path; the file so far becomes
 * `<path>.old`, which must not exist. 0 or -1 with nothing changed. That the
 * names last is seen to here or before the next append. */
int wal_switch(struct wal *w, struct err *e);

/*
 * Whether the name still stands for the file, and the file is as we left it: 0,
 * or -1 with *e: the log is lost, and takes nothing any more until its name is
 * back, or wal_replace_lost. Looked at too when something is appended, as far
 * as that costs nothing, and before a switch.
 */
int wal_check(struct wal *w, struct err *e);

/* What is beside it is lost: then it is too. Always -1. */
int wal_lose(struct wal *w, struct err *e);

/*
 * Of a log that is lost: everything before its next record is in the image at
 * `<path>.base.tmp`, durable. That becomes `<path>.base`, and a new segment
 * gets the name; what has it now is `<path>.displaced`. 0; or -1, and it is
 * lost as before.
 */
int wal_replace_lost(struct wal *w, struct err *e);

void wal_state(const struct wal *w, struct wal_state *out);

/* Cut off what was written ahead, sync, close. */
void wal_close(struct wal *w);

#endif
