/*
 * The last runs of a job, newest first, in the form in which they are kept in
 * memory and in the image: one after the other, each
 *
 *     u64 execution_id, u32 attempt, i64 started_ns, i64 ended_ns,
 *     u8 outcome and HISTORY_*, i32 exit, name rule,
 *     with HISTORY_REASON: name reason
 */
#ifndef STORAGE_HISTORY_H
#define STORAGE_HISTORY_H

#include <stdbool.h>

#include "buf.h"
#include "record.h"
#include "slice.h"

#define HISTORY_RUNS_MAX 16
/* None of them in what was kept by earlier versions. */
#define HISTORY_REASON 0x80u
#define HISTORY_SILENT 0x40u /* RECORD_FINISH_SILENT */

/* Append to *out the run that *r (of a FINISH record) tells of, then as many
 * of `old` as are kept. */
void history_add(struct buf *out, const struct record_run *r, struct slice old);

/* The next run; job and all flags but RECORD_FINISH_SILENT are not set. False
 * at the end. */
bool history_next(struct record_reader *in, struct record_run *r);

#endif
