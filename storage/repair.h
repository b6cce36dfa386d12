/* Replacing a damaged file by what is left of it: see check.h. */
#ifndef STORAGE_REPAIR_H
#define STORAGE_REPAIR_H

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"
#include "header.h"
#include "lock.h"

/* Keep every server off the log that the file is a part of, until the lock is
 * dropped. 0; or -1 with ERR_CONFLICT (a server uses it) or ERR_STORAGE. */
int repair_lock(struct log_lock *lock, const char *path, struct err *e);

/* The name for a file that is damaged: `<path>.damaged`, which must be free;
 * or, if any will do, the next such one that is. 0, or -1 with ERR_EXISTS. */
int repair_name(char damaged[PATH_MAX], const char *path, bool any,
    struct err *e);

/* What is left of the file takes its place, under the header as it is in *h:
 * of a log the bytes up to `end`, of an image every entry that can be read.
 * The file itself gets the name `damaged`. 0 or -1. */
int repair(const char *path, const struct header *h, off_t end,
    const char *damaged, struct err *e);

/*
 * The valid records of the segment from `end` on, where it awaited next_seq,
 * up to but without limit, as a log of their own: `<path>.behind`, whose name
 * goes to `behind`. *n: how many; with none there is no file. 0 or -1.
 */
int repair_keep_behind(const char *path, const struct header *h, off_t end,
    uint64_t next_seq, uint64_t limit, char behind[PATH_MAX], uint64_t *n,
    struct err *e);

/* An image with nothing in it takes the place of those that are lost: up to
 * the record before the segment's first. */
int repair_make_image(const char *path, const struct log_header *h,
    struct err *e);

/* The two files have each other's name. */
int repair_exchange(const char *a, const char *b, struct err *e);
int repair_rename(const char *from, const char *to, struct err *e);

#endif
