/* Reading the log back at start. */
#ifndef STORAGE_RECOVER_H
#define STORAGE_RECOVER_H

#include "store.h"
#include "wal.h"

/* Applies one record: 0, or -1 with *e. */
typedef int recover_apply_cb(void *arg, const struct record *r,
    struct err *e);

/*
 * Replay the segments of the log at path through apply, cut off a torn tail
 * and leave *w ready for the next record; a log that does not exist is
 * created. 0, or -1 with *fault and *e, the files unchanged.
 */
int recover(const char *path, bool sync, recover_apply_cb *apply, void *arg,
    struct wal *w, struct store_recovery *out, enum store_fault *fault,
    struct err *e);

#endif
