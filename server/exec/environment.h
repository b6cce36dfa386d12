/*
 * What a child finds in its environment. Of the server's it inherits the
 * entries that say where it is and who it is, and nothing else; then come
 * those of the user it changes to, of its rule, and its own, each over the
 * ones before.
 */
#ifndef EXEC_ENVIRONMENT_H
#define EXEC_ENVIRONMENT_H

#include "buf.h"
#include "err.h"
#include "run.h"
#include "user.h"
#include "words.h"

/* The server's share. Once it is made any thread may read it. */
struct environment {
	struct words entries;
	struct buf text;
};

/* from: NAME=value, NULL at the end; copied. A zeroed struct may be freed. */
int environment_init(struct environment *env, char *const *from, struct err *e);
void environment_fini(struct environment *env);

/*
 * Of a run, or of a session, which has no job; a probe has no entries of its
 * own. user: NULL, or the one of the rule's option. The vector borrows from
 * env, from the run's spec and from text. -1: no memory.
 */
int environment_make(const struct environment *env, const struct run *run,
    const struct user *user, struct words *envp, struct buf *text);

/* The value of an entry, or NULL. */
const char *environment_get(const struct words *envp, const char *name);

#endif
