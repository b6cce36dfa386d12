/*
 * A run of the program under test in a server's folder, as `tickd dump` or
 * `tickd check` or otherwise, with its output in files there. Whatever goes
 * wrong fails the test, as does a run that does not end in time.
 */
#ifndef SUPPORT_TOOL_H
#define SUPPORT_TOOL_H

#include <stddef.h>
#include <sys/types.h>

#include "daemon.h"

struct tool {
	pid_t pid;
	int status;	 /* exit */
	char *out, *err; /* owned */
};

/* Start `tickd <words>`, the words separated by spaces. */
void tool_start(struct tool *t, const struct daemon *d, const char *words);
/* Wait for its end; then tool_free. */
void tool_end(struct tool *t, const struct daemon *d);
/* Both. */
void tool_run(struct tool *t, const struct daemon *d, const char *words);
void tool_free(struct tool *t);

/* Exit status and the whole output. */
void tool_expect(const struct daemon *d, const char *words, int status,
    const char *out);
/* Exit status, and what is in the output (out and err together). */
void tool_expect_said(const struct daemon *d, const char *words, int status,
    const char *part);

void tool_expect_in(const char *text, const char *part);

/* All of a file, terminated; the caller frees it. n may be NULL. */
char *tool_read(const char *path, size_t *n);
void tool_write(const char *path, const void *bytes, size_t n);

#endif
