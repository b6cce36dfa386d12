/*
 * Folding the records of an earlier segment into the image: one merge of two
 * ordered streams. Blocking, on whatever thread; memory in proportion to the
 * records folded in, up to FOLD_BYTES_MAX of them at a time, and independent
 * of the number of jobs.
 */
#ifndef STORAGE_FOLD_H
#define STORAGE_FOLD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"

#define FOLD_BYTES_MAX ((size_t)1 << 30) /* of records, in one pass */

struct fold_result {
	uint64_t records;  /* folded in */
	off_t input_bytes; /* of the segment and the image before */
	off_t image_bytes; /* of the image after */
};

/*
 * Fold `<path>.old`, its records below limit_seq, into `<path>.base` and
 * unlink it. Every step may be cut off and the whole called again. 0; or -1
 * with *e and the files as they were, or with some records folded in;
 * ERR_NOT_FOUND: one of them is gone, or another has its place. *stop
 * is looked at now and then: true ends it with ERR_UNAVAILABLE.
 */
int fold(const char *path, uint64_t limit_seq, const atomic_bool *stop,
    struct fold_result *out, struct err *e);

/* Copy the image of the log at `path` to a file `to` that must not exist,
 * durably. 0 and *bytes, or -1 with *e. */
int fold_copy_image(const char *path, const char *to, off_t *bytes,
    struct err *e);

#endif
