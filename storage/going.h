/*
 * The runs of a job that go on although it has another plan, or another run
 * beside them, by now: each is known until its FINISH record, so that none is
 * forgotten when the server dies. In the form in which they are kept in memory
 * and in the image: one after the other, oldest first, each
 *
 *     u64 execution_id, i64 due_ns, i64 started_ns, u32 attempt, u16 lost,
 *     u8 losses, u8 stop (these as in struct job_run), u8 flags (GOING_*),
 *     with GOING_PAYLOAD: text payload
 */
#ifndef STORAGE_GOING_H
#define STORAGE_GOING_H

#include <stdbool.h>

#include "job_run.h"
#include "record.h"
#include "slice.h"

/* A job's runs take no more; what has no room for its payload cannot be run
 * again, and what has none for itself is forgotten. */
#define GOING_BYTES_MAX 262144u

#define GOING_RUNNING 0x01u /* else it waits for another attempt */
/* Its plan is gone, its payload is its own: that of the job is another's. */
#define GOING_OWN 0x02u
#define GOING_PAYLOAD 0x04u
#define GOING_UNKNOWN 0x08u /* the payload had no room */
#define GOING_FLAGS 0x0fu

struct going {
	uint64_t execution_id;
	int64_t due_ns;
	int64_t started_ns;
	uint32_t attempt;
	uint16_t lost;
	uint8_t losses, stop, flags;
	struct slice payload; /* ptr NULL: none */
};

/* Owned. */
struct going_list {
	char *ptr; /* NULL: none */
	uint32_t len;
};

/* The next run; false at the end. */
bool going_next(struct record_reader *in, struct going *g);

/*
 * What a record of the job changes in its list, called before it changes the
 * job itself; its payload is that of the plan so far (ptr NULL: none). With no
 * memory for one more it is not remembered, which is all.
 */
void going_set(struct going_list *list, const struct job_run *run,
    struct slice payload);
void going_apply(struct going_list *list, const struct job_run *run,
    enum record_type type, const struct record_run *r);

#endif
