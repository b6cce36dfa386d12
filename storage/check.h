/*
 * `tickd check`: verify logs and images to the last byte, and mend them.
 * Blocking. A server may use the files while they are checked, but not while
 * they are mended.
 */
#ifndef STORAGE_CHECK_H
#define STORAGE_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "record.h"

enum check_result {
	CHECK_FINE,
	CHECK_MENDED,  /* it was damaged: what is left took its name */
	CHECK_DAMAGED, /* *e: why it could not be mended, or "" */
	CHECK_FAILED,  /* it cannot be read: *e */
	CHECK_LOCKED   /* a server uses it, so it is not mended: *e */
};

/* What the files checked before, in the order of recovery, tell about the
 * next. Zero it once. */
struct check {
	bool repair;
	bool locked;	 /* the log is, by the caller */
	bool any_name;	 /* `.damaged` may get a number behind it */
	bool no_verdict; /* of a file that is fine do not say so */
	uint64_t limit; /* of a segment: the first record superseded; 0: none */
	unsigned char log_id[LOG_ID_LEN];
	uint64_t next_seq; /* records up to it are in an earlier file; 0: none
			    * was given */
};

/*
 * Check a file and append a report to *out, lines that begin with its path.
 * With c->repair a damaged one is replaced: of a log the longest valid prefix
 * is kept, of an image every valid block. The damaged file stays, as
 * `<path>.damaged`, which must not exist; and records that can be read behind
 * the damage are put into a log of their own, `<path>.behind` or the
 * next such name that is free.
 */
enum check_result check_file(struct check *c, const char *path, struct buf *out,
    struct err *e);

/*
 * Check all files of the log at path together, as a start would take them:
 * fine is what starts, by recover_look. With repair, mend one fault after the
 * other until it does. A report as above.
 */
enum check_result check_log(const char *path, bool repair, struct buf *out,
    struct err *e);

/* A path as a shell takes it for one word. */
void check_put_word(struct buf *out, const char *path);

/* Say how records in the file at path, of which the log at `of` has none, are
 * looked at and taken over. */
void check_put_takeover(struct buf *out, const char *of, const char *path);

#endif
