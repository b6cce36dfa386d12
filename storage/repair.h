/* Replacing a damaged file by what is left of it: see check.h. */
#ifndef STORAGE_REPAIR_H
#define STORAGE_REPAIR_H

#include <sys/types.h>

#include "err.h"
#include "header.h"
#include "lock.h"

/* Keep every server off the log that the file is a part of, until the lock is
 * dropped. 0; or -1 with ERR_CONFLICT (a server uses it) or ERR_STORAGE. */
int repair_lock(struct log_lock *lock, const char *path, struct err *e);

/* What is left of the file takes its place, under the header as it is in *h:
 * of a log the bytes up to `end`, of an image every entry that can be read.
 * 0 or -1. */
int repair(const char *path, const struct header *h, off_t end, struct err *e);

/* Nothing of it can be kept: it only gets its other name. */
int repair_set_aside(const char *path, struct err *e);

#endif
