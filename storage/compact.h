/*
 * Jobs, rules and entries as records leave them, for `dump --compact`: as
 * recovery does it, but from any files, and with no log to go on in.
 */
#ifndef STORAGE_COMPACT_H
#define STORAGE_COMPACT_H

#include <stdbool.h>

#include "err.h"
#include "image.h"
#include "print.h"
#include "record.h"

struct compact;

struct compact *compact_new(struct err *e);
void compact_free(struct compact *c); /* NULL is allowed */

/* 0, or -1 with ERR_LIMIT (memory) or ERR_INVALID: it makes no sense. */
int compact_record(struct compact *c, const struct record *r, struct err *e);
int compact_entry(struct compact *c, const struct image_entry *entry,
    struct err *e);

/* Append the next of what is left, rules, then jobs, then entries, each in
 * ascending order of identifier. False at the end. No record may come after the
 * first call. */
bool compact_print(struct compact *c, struct buf *out, const struct print *p);

#endif
