/*
 * The log format, version 1. All integers are little-endian.
 *
 * A log file (segment) is a header and then records, one after the other:
 *
 *     offset  size  header field
 *          0     8  magic "TICKDLOG"
 *          8     4  format version, 1
 *         12     4  CRC-32 of the whole header, this field taken as zero
 *         16    16  log id, random, the same in all segments and the image
 *         32     8  epoch, 0 (room for a fenced leader)
 *         40     8  sequence number of the first record of this segment
 *         48     8  time of creation, ns since the Unix epoch
 *         56     8  zero
 *
 *     offset  size  record field
 *          0     4  CRC-32 of all that follows, seeded with the log id's
 *          4     4  n, length of the payload, 0 .. RECORD_PAYLOAD_MAX
 *          8     8  sequence number
 *         16     1  type (enum record_type); bit 7: first of its group
 *         17     n  payload, see enum record_type
 *
 * A record is valid if and only if (R1) its length is in range, (R2) it ends
 * within the file, (R3) its CRC matches, (R4) its type is known, and (R5) its
 * sequence number is one more than that of the record before it (of the
 * first: what the header says).
 *
 * Records are written in groups, each made durable by one sync; a group is
 * written only when the one before it is durable. Behind the last group may
 * stand a mark (RECORD_MARK, n = 0, its number that of the last durable
 * record), not synced, which the next group overwrites; behind it zeros that
 * were written ahead. So behind a record that is not valid
 *
 *   - a valid first-of-group record or mark with a higher number proves that
 *     the bad one had been durable: the file is damaged, never cut off;
 *   - anything else is the tail of a group whose sync never ended: nobody was
 *     told that it is there, and it is cut off.
 *
 * A segment's records from the next segment's first number on are superseded:
 * they were refused, and are skipped.
 *
 * A program takes a record of a type it does not know for damage (R4). So once
 * this version is released a new type of record, or kind of block in the
 * image, makes a new version; a new kind of entry does not.
 */
#ifndef STORAGE_RECORD_H
#define STORAGE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "slice.h"

#define LOG_MAGIC "TICKDLOG"
#define LOG_VERSION 1u
#define LOG_HEADER_LEN 64u
#define LOG_ID_LEN 16u
#define RECORD_HEADER_LEN 17u
#define RECORD_PAYLOAD_MAX 262144u
#define RECORD_GROUP_FIRST 0x80u

/*
 * Payloads; `name` is one length byte and so many bytes, `text` four length
 * bytes (u32) and so many bytes. Never renumber.
 */
enum record_type {
	/* Nothing: the end of what is durable. Takes no sequence number. */
	RECORD_MARK = 1,
	/* u8 flags (RECORD_SET_*), i64 due_ns, name job, then what the flags
	 * announce, in this order: i64 every_ns; text cron; name zone;
	 * i64 until_ns; i64 jitter_ns; text payload */
	RECORD_JOB_SET = 2,
	/* name job */
	RECORD_JOB_REMOVE = 3,
	/* The job is due and queued: u64 execution_id, u8 flags
	 * (RECORD_TRIGGER_*), name job; with _BESIDE: i64 due_ns of the run,
	 * i64 due_ns of the plan from now on */
	RECORD_JOB_TRIGGER = 4,
	/* An attempt begins: u64 execution_id, u32 attempt, i64 started_ns,
	 * name job, name rule */
	RECORD_JOB_START = 5,
	/* It ended: u64 execution_id, u32 attempt, i64 started_ns,
	 * i64 ended_ns, u8 outcome, i32 exit, u8 flags (RECORD_FINISH_*),
	 * i64 next_due_ns (0: none), name job, name rule (may be empty),
	 * with _REASON: name reason */
	RECORD_JOB_FINISH = 6,
	/* u8 paused, name rule, name pattern, u16 n, n text: runner and
	 * arguments, u16 m, m text: key=value of each option set */
	RECORD_RULE_SET = 7,
	/* name rule */
	RECORD_RULE_REMOVE = 8,
	/* u8 paused, name rule */
	RECORD_RULE_PAUSE = 9,
	/* u8 kind (enum entry_kind), name identifier, text value */
	RECORD_ENTRY_SET = 10,
	/* u8 kind, name identifier */
	RECORD_ENTRY_REMOVE = 11,
	/* A run was told to end, and how it then has ended, whatever comes:
	 * u64 execution_id, u8 outcome, name job */
	RECORD_JOB_STOP = 12,
	RECORD_TYPE_END
};

/* "set", "rule_pause" ...: what dump, check and tickd-log(5) call it. */
const char *record_type_name(enum record_type type);

/* What an entry is about. */
enum entry_kind {
#define ENTRY(id, number, word, max, command) ENTRY_##id = (number),
#include "entries.def"
#undef ENTRY
	ENTRY_KIND_END
};

#define ENTRY_VALUE_MAX 65536u

/* "threshold" ...: what dump, check and tickd-log(5) call it. */
const char *entry_kind_word(enum entry_kind kind);
/* The first word of the requests that set and remove it; or NULL. */
const char *entry_kind_command(enum entry_kind kind);

#define RECORD_SET_EVERY 0x01u
#define RECORD_SET_CRON 0x02u
#define RECORD_SET_ZONE 0x04u
#define RECORD_SET_UNTIL 0x08u
#define RECORD_SET_JITTER 0x10u
#define RECORD_SET_PAYLOAD 0x20u
#define RECORD_SET_BY_CRON 0x40u /* due_ns is the expression's, not given */
#define RECORD_SET_FLAGS 0x7fu

#define RECORD_TRIGGER_MANUAL 0x01u /* by RUN */
/* Not the run of the time planned: RUN of a job that recurs, or its next run
 * beside one that goes on. */
#define RECORD_TRIGGER_BESIDE 0x02u
#define RECORD_TRIGGER_FLAGS 0x03u

/* The job was removed (and perhaps set anew) since: leave it alone. */
#define RECORD_FINISH_ORPHAN 0x01u
/* Another attempt follows at next_due_ns: the job stays queued. */
#define RECORD_FINISH_RETRY 0x02u
/* Why it was no success follows at the end. */
#define RECORD_FINISH_REASON 0x04u
/* It has written nothing. */
#define RECORD_FINISH_SILENT 0x08u
/* It was lost with the server. */
#define RECORD_FINISH_CRASH 0x10u
#define RECORD_FINISH_FLAGS 0x1fu
#define RECORD_OUTCOME_SUCCESS 1u /* the others: enum run_outcome */
#define RECORD_EXIT_NONE (-1)	  /* it has no exit status */

struct log_header {
	unsigned char log_id[LOG_ID_LEN];
	uint64_t epoch;
	uint64_t first_seq;
	int64_t created_ns;
};

void log_header_encode(unsigned char out[LOG_HEADER_LEN],
    const struct log_header *h);
/* 0, or -1 with ERR_INVALID. */
int log_header_decode(const unsigned char in[LOG_HEADER_LEN],
    struct log_header *h, struct err *e);

/* The CRC that every record's begins from. */
uint32_t record_seed(const unsigned char log_id[LOG_ID_LEN]);

/*
 * Encoding. record_begin leaves room for the header and returns where the
 * record starts; append the payload with the record_put_* functions; then
 * record_end fills in length and type. Number and CRC are the log writer's:
 * record_seal.
 */
size_t record_begin(struct buf *out);
void record_end(struct buf *out, size_t start, enum record_type type);
void record_put_u8(struct buf *out, unsigned v);
void record_put_u16(struct buf *out, unsigned v);
void record_put_u32(struct buf *out, uint32_t v);
void record_put_u64(struct buf *out, uint64_t v);
void record_put_i64(struct buf *out, int64_t v);
void record_put_name(struct buf *out, struct slice s); /* at most 255 */
void record_put_text(struct buf *out, struct slice s);

/* Give the record at p its number, group flag and CRC; returns its length. */
size_t record_seal(unsigned char *p, uint32_t seed, uint64_t seq,
    bool group_first);

/* Decoding: one record as it lies in a buffer. */
struct record {
	enum record_type type;
	bool group_first;
	uint64_t seq;
	struct slice payload;
	size_t len; /* all of it, header included */
};

enum record_check {
	RECORD_VALID,
	RECORD_SHORT, /* could be valid, but n bytes do not hold all of it */
	RECORD_BAD
};

/* The record at p, which is known to be whole and valid. */
void record_view(const unsigned char *p, struct record *r);

/* The number in the RECORD_HEADER_LEN bytes at p, valid or not. */
uint64_t record_peek_seq(const unsigned char *p);

/* Check the record at p by R1 to R4. */
enum record_check record_decode(const unsigned char *p, size_t n, uint32_t seed,
    struct record *r);

/*
 * Reading a payload: a cursor that remembers running over the end. Values
 * read after that are zero or empty; look at record_done at the end.
 */
struct record_reader {
	const unsigned char *p;
	size_t left;
	bool bad;
};

void record_read(struct record_reader *r, struct slice payload);
unsigned record_get_u8(struct record_reader *r);
unsigned record_get_u16(struct record_reader *r);
uint32_t record_get_u32(struct record_reader *r);
uint64_t record_get_u64(struct record_reader *r);
int64_t record_get_i64(struct record_reader *r);
struct slice record_get_name(struct record_reader *r);
struct slice record_get_text(struct record_reader *r);
/* All read, nothing left, nothing missing. */
bool record_done(const struct record_reader *r);

/* Payloads with more than a name, decoded; slices point into the payload. */
struct record_set {
	struct slice job;
	int64_t due_ns;
	int64_t every_ns, until_ns, jitter_ns; /* 0: none */
	struct slice cron, zone, payload;      /* ptr NULL: none */
	bool by_cron;			       /* RECORD_SET_BY_CRON */
};

struct record_run { /* TRIGGER to FINISH, STOP; others' fields are zero */
	struct slice job;
	struct slice rule;
	uint64_t execution_id;
	uint32_t attempt;
	int64_t started_ns, ended_ns;
	unsigned outcome; /* enum run_outcome of the server */
	int32_t exit;
	unsigned flags;	     /* RECORD_FINISH_* but _REASON, RECORD_TRIGGER_* */
	int64_t due_ns;	     /* TRIGGER with _BESIDE: of the run */
	int64_t next_due_ns; /* and of the plan; FINISH: 0 none */
	/* FINISH: why it was no success, in words; empty: nobody knows, or it
	 * was one. At most 255 bytes. */
	struct slice reason;
};

/* The part of a SET record behind the job's name, and its flags. */
unsigned record_plan_flags(const struct record_set *s);
void record_put_plan(struct buf *out, const struct record_set *s);
void record_get_plan(struct record_reader *r, unsigned flags,
    struct record_set *s);

struct record_entry { /* ENTRY_SET and ENTRY_REMOVE, which has no value */
	enum entry_kind kind;
	struct slice id;
	struct slice value;
};

void record_put_set(struct buf *out, const struct record_set *s);
bool record_get_set(struct slice payload, struct record_set *s);
/* The identifier of the job, rule or entry that a payload is about; empty when
 * it is too short to have one. */
struct slice record_subject(enum record_type type, struct slice payload);

void record_put_run(struct buf *out, enum record_type type,
    const struct record_run *r);
bool record_get_run(enum record_type type, struct slice payload,
    struct record_run *r);

void record_put_entry(struct buf *out, enum record_type type,
    const struct record_entry *entry);
/* 0, or -1 with ERR_INVALID. */
int record_get_entry(enum record_type type, struct slice payload,
    struct record_entry *entry, struct err *e);

#endif
