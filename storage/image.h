/*
 * The image: all rules, jobs and entries as of a sequence number, compressed.
 * Beside a log at `<path>` it is `<path>.base`; BACKUP writes one anywhere. The
 * format, version 1, little-endian; name and text as in record.h:
 *
 *     offset  size  header field
 *          0     8  magic "TICKDIMG"
 *          8     4  format version, 1
 *         12     4  CRC-32 of the whole header, this field taken as zero
 *         16    16  log id of the log it belongs to
 *         32     8  epoch
 *         40     8  sequence number of the last record it covers
 *         48     8  time of creation, ns since the Unix epoch
 *         56     8  the greatest execution id given so far
 *
 * Then blocks, each
 *
 *          0     4  CRC-32 of all that follows, seeded with the log id's
 *          4     4  n, bytes stored
 *          8     4  bytes after inflating, at most IMAGE_BLOCK_MAX
 *         12     4  entries
 *         16     1  kind (enum image_kind)
 *         17     n  the entries, deflated (zlib format, RFC 1950)
 *
 * first those with rules, in order of their identifiers, then those with
 * jobs, in order of theirs, then those with entries, in order of kind and
 * identifier, and last one of kind IMAGE_END: nothing in it, n = 0. A file
 * without it is not an image. A rule and an entry are a text, the payload of
 * the RULE_SET or ENTRY_SET record. A job is
 *
 *     u8 how many first bytes of its identifier are those of the one before
 *     it in this block, name the rest of it, u8 phase and flags (IMAGE_JOB_*),
 *     varint due_ns, as the zigzag difference to the one before in this block,
 *     then what the flags announce:
 *     IMAGE_JOB_PLAN: u8 flags and what they announce, as in a SET record
 *     IMAGE_JOB_RUN: u64 execution_id, u32 attempt, i64 started_ns
 *     IMAGE_JOB_BESIDE: i64 due_ns of the run, which is not the plan's
 *     IMAGE_JOB_HISTORY: text, as in history.h
 *     IMAGE_JOB_MORE: u16 lost, u8 losses, u8 stop, text, as in going.h
 */
#ifndef STORAGE_IMAGE_H
#define STORAGE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"
#include "err.h"
#include "job_run.h"
#include "record.h"
#include "slice.h"

#define IMAGE_MAGIC "TICKDIMG"
#define IMAGE_BLOCK_BYTES 65536u /* a block is closed when it holds as much */
#define IMAGE_BLOCK_MAX (IMAGE_BLOCK_BYTES + 2 * RECORD_PAYLOAD_MAX)

enum image_kind {
	IMAGE_RULES = 1,
	IMAGE_JOBS = 2,
	IMAGE_END = 3,
	IMAGE_ENTRIES = 4,
	IMAGE_KIND_END
};

/* "rules" ...: what check and tickd-log(5) call it. */
const char *image_kind_name(enum image_kind kind);
/* The record whose payload a rule or an entry is. */
enum record_type image_record_type(enum image_kind kind);

#define IMAGE_JOB_PHASE 0x07u
#define IMAGE_JOB_PLAN 0x08u
#define IMAGE_JOB_RUN 0x10u
#define IMAGE_JOB_HISTORY 0x20u
#define IMAGE_JOB_BESIDE 0x40u
#define IMAGE_JOB_MORE 0x80u

#define IMAGE_HEADER_LEN 64u

struct image_header {
	unsigned char log_id[LOG_ID_LEN];
	uint64_t epoch;
	uint64_t last_seq;
	int64_t created_ns;
	uint64_t last_execution_id;
};

/* 0, or -1 with ERR_INVALID. */
int image_header_decode(const unsigned char in[IMAGE_HEADER_LEN],
    struct image_header *h, struct err *e);

/* A rule, a job or an entry. Slices are valid until the next image_next. */
struct image_entry {
	enum image_kind kind;
	struct slice payload;  /* of image_record_type; not IMAGE_JOBS */
	struct record_set set; /* IMAGE_JOBS: identifier and plan; due_ns too */
	struct job_run run;
	struct slice history;
	struct slice going;
};

struct slice image_entry_id(const struct image_entry *entry);

/* Writing. Rules first, then jobs, then entries, in ascending order. */
struct image_writer;

/* Creates the file, 0600; what stands there is replaced. NULL or -1 with *e;
 * then image_abandon. */
struct image_writer *image_create(const char *path,
    const struct image_header *h, struct err *e);
int image_add(struct image_writer *w, const struct image_entry *entry,
    struct err *e);
/* The end block, sync, close, free. *bytes: its length. On -1 the file is
 * gone. */
int image_finish(struct image_writer *w, uint64_t last_execution_id,
    off_t *bytes, struct err *e);
/* Close, unlink, free. */
void image_abandon(struct image_writer *w);

/* Reading, in constant memory. */
struct image_reader;

/* NULL with *e: ERR_NOT_FOUND when there is no file, ERR_INVALID when it is
 * no image or damaged, ERR_STORAGE when it cannot be read, ERR_LIMIT. */
struct image_reader *image_open(const char *path, struct err *e);
/* As image_open with a header that is known to be right, whatever the file
 * has in its place. */
struct image_reader *image_open_as(const char *path,
    const struct image_header *h, struct err *e);
/* As image_open_as of an open file, which is closed with the reader, or on
 * failure. h may be NULL. */
struct image_reader *image_open_fd(int fd, const struct image_header *h,
    struct err *e);
const struct image_header *image_header(const struct image_reader *r);
/* 1 and an entry; 0 at the end; -1 with *e as above, naming the offset. */
int image_next(struct image_reader *r, struct image_entry *entry,
    struct err *e);
/* Where the block being read begins. */
off_t image_offset(const struct image_reader *r);
/* Behind the block that was read last. */
off_t image_end(const struct image_reader *r);
/* After image_next found damage: leave that block and go on at the next valid
 * one. 1, and *lost entries were left out (0: nobody knows how many); 0 when
 * none follows; -1 when the file cannot be read. */
int image_skip(struct image_reader *r, uint32_t *lost, struct err *e);
void image_close(struct image_reader *r);

#endif
