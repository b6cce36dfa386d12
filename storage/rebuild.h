/*
 * Writing the whole state anew, when the files of the log are gone: main hands
 * over all rules, jobs and entries in order, a piece at a time, and a thread
 * makes `<path>.base.tmp` of them, durable. Main thread.
 */
#ifndef STORAGE_REBUILD_H
#define STORAGE_REBUILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "buf.h"
#include "err.h"
#include "image.h"

struct rebuild;

/* wake is called on the thread when it wants more, and at its end. NULL with
 * *e. */
struct rebuild *rebuild_start(const char *path, const struct image_header *h,
    void (*wake)(void *arg), void *wake_arg, struct err *e);

/* The buffer to fill when more is wanted, or NULL; then rebuild_give. */
struct buf *rebuild_buffer(struct rebuild *r);
void rebuild_give(struct rebuild *r, bool last);
/* Append an entry to it. */
void rebuild_put(struct buf *out, const struct image_entry *entry);

/* 0 while it runs; 1 when the image is there, *bytes long; -1 with *e. With
 * the last two *r is gone. */
int rebuild_poll(struct rebuild **r, off_t *bytes, struct err *e);
void rebuild_stop(struct rebuild *r); /* NULL is allowed */

#endif
