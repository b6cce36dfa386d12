/*
 * What can isolate a run, as far as it is installed. Main thread.
 */
#ifndef EXEC_SANDBOX_H
#define EXEC_SANDBOX_H

#include "err.h"
#include "rule_spec.h"

struct sandboxes {
	char *path[SANDBOX_KATA + 1]; /* owned; NULL: not installed */
};

/* Look for them in PATH, once at the start. */
void sandboxes_find(struct sandboxes *s);
void sandboxes_free(struct sandboxes *s);

/* 0 when a rule may use it, or -1 with ERR_INVALID. */
int sandbox_check(const struct sandboxes *s, int sandbox, struct err *e);

#endif
