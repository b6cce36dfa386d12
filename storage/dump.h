/*
 * `tickd dump`: logs and images as text or JSON, in constant memory (but for
 * `compact`, which remembers all). Blocking; a server may be writing to the
 * files meanwhile.
 */
#ifndef STORAGE_DUMP_H
#define STORAGE_DUMP_H

#include <stdatomic.h>
#include <stdbool.h>

#include "err.h"

struct dump_options {
	int fd; /* where the output goes; SIGPIPE must be ignored */
	bool json;
	bool all;     /* every record, not only those of SET and REMOVE */
	bool compact; /* instead: what is left of each identifier at the end */
	bool ended;   /* with compact: jobs that have ended too */
	bool entries; /* with compact: entries that no request sets too */
	bool changes; /* compact, behind a removal of all that was removed or
		       * has ended: for a log that is no whole */
	const char *(*outcome)(unsigned outcome); /* see print.h */
	const atomic_bool *stop;		  /* ends dump_follow */
};

struct dump;

enum dump_result {
	DUMP_DONE,   /* *e has a message where there is something to note */
	DUMP_FAILED, /* *e says why; what is valid before it was printed */
	DUMP_CLOSED  /* nobody reads the output any more */
};

struct dump *dump_new(const struct dump_options *o, struct err *e);
void dump_free(struct dump *d); /* NULL is allowed */

/*
 * Print a file. Of files that belong to one log, given in the order in which
 * recovery reads them, no record is printed twice, and none that was refused:
 * next_path is the file to follow, or NULL.
 */
enum dump_result dump_file(struct dump *d, const char *path,
    const char *next_path, struct err *e);

/*
 * Print the files of the log at path, those that are there, as dump_file does;
 * with follow, go on with the log as dump_follow does. What there is to tell
 * goes to note, with the file it is about (NULL: the message says that), also
 * when its message is "".
 */
typedef void dump_note_cb(const char *path, const struct err *e);
enum dump_result dump_log(struct dump *d, const char *path, bool follow,
    dump_note_cb *note);

/*
 * Print a log and go on as it grows, also in the segments that take its name.
 * A record is printed when it is known to be durable: when another one or a
 * mark follows its group. Ends when *stop is set, or by a failure.
 */
enum dump_result dump_follow(struct dump *d, const char *path, struct err *e);

/* Print what is still to be printed. */
enum dump_result dump_finish(struct dump *d, struct err *e);

#endif
