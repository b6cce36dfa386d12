/*
 * Reads the text of a configuration file: `[section]` and `key = value` lines,
 * values bare or in TOML's one-line forms ("text", 'text', ["a", "b"]), `#`
 * and `;` comments. Pure: the caller brings the text and says what it means.
 */
#ifndef SERVER_INI_H
#define SERVER_INI_H

#include <stddef.h>
#include <sys/types.h>

#include "buf.h"
#include "err.h"
#include "rule_spec.h"
#include "slice.h"

#define INI_FILE_MAX ((size_t)1024 * 1024)
#define INI_LINE_MAX ((size_t)16 * 1024)

enum ini_item { INI_END, INI_SECTION, INI_PAIR };

/* Zero it and set `file` and `rest` to begin. Slices point into the text. */
struct ini {
	const char *file;     /* borrowed; names the text in messages */
	struct slice rest;    /* what has not been read */
	unsigned line;	      /* of the item, from 1 */
	struct slice section; /* empty before the first one */
	struct slice key;
	struct slice value; /* raw: quotes and brackets are still there */
};

/* The next enum ini_item, or -1 with ERR_INVALID beginning `file:line: `. */
int ini_next(struct ini *in, struct err *e);

/* As err_set with ERR_INVALID and `file:line: ` before the message. */
int ini_error(const struct ini *in, struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Append the text a raw value stands for. 0, or -1 with ERR_INVALID: it is
 * quoted and not closed, has a bad escape or holds a NUL. */
int ini_string(struct slice raw, struct buf *out, struct err *e);

/* Add the strings of a raw value: `["a", "b"]`, or `a, b`. 0, or -1 with
 * ERR_INVALID, ERR_LIMIT. */
int ini_list(struct slice raw, struct strings *out, struct err *e);

/*
 * Read a whole file of at most INI_FILE_MAX bytes; *mode is its st_mode. The
 * memory never moves, so a caller with secrets has one place to wipe.
 * 0, or -1 with ERR_NOT_FOUND when it does not exist, else ERR_INVALID.
 */
int ini_read_file(const char *path, struct buf *out, mode_t *mode,
    struct err *e);

#endif
