/*
 * The user a run changes to: everything the child needs, looked up before it
 * is started, because between clone and exec nothing may be looked up.
 */
#ifndef EXEC_USER_H
#define EXEC_USER_H

#include <stddef.h>
#include <sys/types.h>

#include "err.h"

struct user {
	uid_t uid;
	gid_t gid;
	gid_t *groups; /* owned */
	size_t n_groups;
	char *home;  /* owned */
	char *shell; /* owned */
};

/*
 * Reads the system's user database; where that lies behind a network, the
 * answer should come from a local cache (nscd, sssd), for the calling thread
 * waits. 0, or -1 with ERR_INVALID (no such user) or ERR_LIMIT.
 */
int user_find(struct user *u, const char *name, struct err *e);

/* What /etc/passwd alone says, without the groups, which keeps nobody waiting:
 * 0, or -1 when it does not know the name. */
int user_read(struct user *u, const char *name);

void user_fini(struct user *u);

#endif
