/*
 * What a service manager gives the server, and what it is told: the protocols
 * of sd_notify(3), sd_watchdog_enabled(3) and sd_listen_fds(3). There is one
 * for the process. Main thread.
 */
#ifndef SERVICE_SYSTEMD_H
#define SERVICE_SYSTEMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

/* The descriptor of the first socket that was passed. */
#define SYSTEMD_FIRST_SOCKET 3

/*
 * Take all of it out of the environment, where no run shall see it. What is
 * meant for another process, or makes no sense, counts as not there. To be
 * called again only by tests.
 */
void systemd_take(void);

/* Whether somebody wants to be told. */
bool systemd_listens(void);

/* Tell one or more lines such as "READY=1\nSTATUS=...", in which nothing but
 * literals may hold a newline. Never fails and never waits for long: it is
 * only news. */
void systemd_notify(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* RELOADING=1, to be followed by READY=1. */
void systemd_reloading(void);

/* How long the service manager waits for a WATCHDOG=1; 0: it does not. */
int64_t systemd_watchdog_ns(void);

/*
 * Copy a path in which `%d/` at the start stands for the folder of credentials
 * (CREDENTIALS_DIRECTORY). 0, or -1 with *e: it is too long, or there is no
 * such folder.
 */
int systemd_path(const char *path, char *out, size_t cap, struct err *e);

/* How many sockets were passed: descriptors from SYSTEMD_FIRST_SOCKET on, set
 * to be closed on exec. */
unsigned systemd_sockets(void);

#endif
