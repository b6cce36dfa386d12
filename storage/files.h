/*
 * The files of a log at `<path>`: which are there, and what they are by their
 * first bytes. Recovery, `tickd check` and `tickd dump` look through here, so
 * that they see the same.
 */
#ifndef STORAGE_FILES_H
#define STORAGE_FILES_H

#include <limits.h>
#include <stdbool.h>

#include "err.h"
#include "header.h"

/* In the order in which recovery reads them; then the one that is to become
 * the active segment. */
enum log_part { PART_BASE, PART_OLD, PART_ACTIVE, PART_NEW, PART_COUNT };

struct log_file {
	char path[PATH_MAX];
	int fd;		      /* -1: it is not there */
	struct header header; /* or, when that cannot be read, */
	bool unknown;	      /* true, and */
	struct err why;	      /* ERR_INVALID */
};

struct log_files {
	struct log_file file[PART_COUNT];
};

/*
 * Open a file to read it, without waiting for anything: what is no regular
 * file (a FIFO, a folder, a device, a symbolic link to nothing) is refused.
 * The descriptor; or -1 with ERR_NOT_FOUND or ERR_STORAGE.
 */
int files_open_one(const char *path, struct err *e);

/*
 * Open those that are there, the latest first: so they belong together even
 * while a server goes on in a new segment. 0, or -1 with ERR_STORAGE and
 * nothing open. The lock must be a file too.
 */
int files_open(struct log_files *f, const char *path, struct err *e);
void files_close(struct log_files *f);

/* The descriptor becomes the caller's. */
int files_take(struct log_files *f, enum log_part part);

bool files_is_there(const struct log_files *f, enum log_part part);

/* The length of the log's path in that of its file: without `.old` or
 * `.base`. */
int files_stem_len(const char *path);

/* The path without symbolic links in its last part, as far as it leads
 * anywhere: what stands beside a log stands beside its target. Owned by the
 * caller; NULL when memory is out. */
char *files_resolve(const char *path);

#endif
