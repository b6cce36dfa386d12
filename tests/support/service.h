/*
 * A server of another project, started for a test in a directory of its own,
 * which says on its standard output when it is ready.
 */
#ifndef SUPPORT_SERVICE_H
#define SUPPORT_SERVICE_H

#include <stdbool.h>
#include <sys/types.h>

struct service {
	pid_t pid; /* 0: does not run */
	int output;
};

/* Whether there is such a program in PATH or an sbin. */
bool service_exists(const char *program);

/* Start argv and wait until it has written `ready`. The test fails when it
 * ends before. */
void service_start(struct service *s, char *const *argv, const char *ready);

/* SIGKILL to its process group; wait until it and all that it has started are
 * gone. Safe when it does not run. */
void service_kill(struct service *s);

#endif
