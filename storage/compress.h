/*
 * Background compression: a thread of its own for each fold (fold.h), which
 * may also copy the image elsewhere afterwards (BACKUP). Main thread.
 */
#ifndef STORAGE_COMPRESS_H
#define STORAGE_COMPRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"
#include "fold.h"

struct compress;

struct compress_result {
	bool failed;
	struct err err;
	struct fold_result fold;
	char *backup; /* owned: as asked for, or NULL */
	bool backup_failed;
	struct err backup_err;
	off_t backup_bytes;
};

/*
 * Start folding `<path>.old` below limit_seq into the image (with limit_seq 0
 * there is nothing to fold); then, if backup is not NULL, copy the image
 * there. wake is called on the thread at its end. NULL with *e.
 */
struct compress *compress_start(const char *path, uint64_t limit_seq,
    const char *backup, void (*wake)(void *arg), void *wake_arg, struct err *e);

/* Whether it has ended; then *result is filled, *c gone. */
bool compress_poll(struct compress **c, struct compress_result *result);

/* Break it off, wait for it, free. What is done so far stays valid. */
void compress_stop(struct compress *c);

#endif
