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

/* A redis-server on a port of the loopback that keeps nothing. */
void service_redis(struct service *s, int port);

/* An nginx that keeps connections and answers 200 to all; its files are in a
 * folder of its own, which service_nginx_end removes with it. */
struct service_nginx {
	struct service service;
	char dir[32];
};

void service_nginx(struct service_nginx *n, int port);
void service_nginx_end(struct service_nginx *n);

#endif
