/* Reading the log back at start. */
#ifndef STORAGE_RECOVER_H
#define STORAGE_RECOVER_H

#include "image.h"
#include "store.h"
#include "wal.h"

/* Whom recovery tells what it finds, in order: the entries of the image, then
 * records. 0, or -1 with *e. */
struct recover_target {
	void *arg;
	int (*image)(void *arg, const struct image_entry *entry, struct err *e);
	int (*record)(void *arg, const struct record *r, struct err *e);
};

/*
 * Read the image and the segments of the log at path, cut off a torn tail and
 * leave *w ready for the next record; a log that does not exist is created. An
 * image that stands at path itself (a BACKUP) becomes the log's image. 0, or
 * -1 with *fault and *e, and nothing lost.
 */
int recover(const char *path, bool sync, const struct recover_target *target,
    struct wal *w, struct store_recovery *out, enum store_fault *fault,
    struct err *e);

#endif
