/*
 * One server, or one repair, at a time for a log: a lock on `<path>.lock`,
 * for the name; and one on the log itself, which is met under whatever other
 * name somebody comes to it, and when `<path>.lock` was removed. The second
 * goes on with the log from file to file (wal.h).
 */
#ifndef STORAGE_LOCK_H
#define STORAGE_LOCK_H

#include <stdbool.h>

#include "err.h"

struct log_lock {
	int name_fd;
	int log_fd;	/* -1: there was no log */
	bool made_name; /* there was no `<path>.lock` */
};

/*
 * Take both. What a process that has just died leaves locked, because a child
 * it was about to become has its descriptors yet, is waited for, a second
 * long. 0; or -1 with ERR_CONFLICT when another has it, or ERR_STORAGE.
 */
int log_lock_take(struct log_lock *l, const char *path, struct err *e);
void log_lock_drop(struct log_lock *l);
/* As log_lock_drop; a file that was made for it is removed. */
void log_lock_undo(struct log_lock *l, const char *path);

/* Lock an open file without waiting: 0, or -1 as above; path names it in the
 * error. */
int log_lock_fd(int fd, const char *path, struct err *e);

/* Whether the name stands for the open file. An unclear answer counts as
 * `unclear`. */
bool log_has_name(int fd, const char *path, bool unclear);

#endif
