/* What a valid checksum does not tell: that contents make sense, and come in
 * order. */
#ifndef STORAGE_VERIFY_H
#define STORAGE_VERIFY_H

#include <stddef.h>

#include "err.h"
#include "image.h"
#include "record.h"

/* 0, or -1 with ERR_INVALID: recovery would stop at this record. */
int verify_record(const struct record *r, struct err *e);

/* The entry of an image before the next: the order is that of image.h. Zero
 * it once. */
struct verify_order {
	enum image_kind kind;
	unsigned entry_kind; /* 0 for rules and jobs */
	size_t len;
	char id[255];
};

/* Whether the entry may come next: 0, or -1 with ERR_INVALID. */
int verify_entry(const struct verify_order *o, const struct image_entry *entry,
    struct err *e);
/* It does: it is the one before the next. */
void verify_advance(struct verify_order *o, const struct image_entry *entry);

#endif
