#include "user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#define ENTRY_FIRST 1024
#define ENTRY_MAX (1024u * 1024)
#define GROUPS_FIRST 16
#define GROUPS_MAX 65536 /* the kernel's NGROUPS_MAX */

/* The entry of name: pw, with its strings in *text, which the caller frees in
 * any case; or NULL. */
static const struct passwd *
find_entry(const char *name, struct passwd *pw, char **text, struct err *e)
{
	struct passwd *found = NULL;
	size_t len;
	char *bigger;
	int rc;

	for (len = ENTRY_FIRST; len <= ENTRY_MAX; len *= 2) {
		if ((bigger = realloc(*text, len)) == NULL) {
			(void)err_nomem(e);
			return NULL;
		}
		*text = bigger;
		rc = getpwnam_r(name, pw, *text, len, &found);
		if (rc == ERANGE)
			continue;
		if (found == NULL && (rc == 0 || rc == ENOENT || rc == ESRCH))
			(void)err_set(e, ERR_INVALID, "no user %s", name);
		else if (found == NULL)
			(void)err_set(e, ERR_LIMIT, "cannot look up %s: %s",
			    name, strerrordesc_np(rc));
		return found;
	}
	(void)err_set(e, ERR_LIMIT, "the entry of user %s is too long", name);
	return NULL;
}

static int
find_groups(struct user *u, const char *name, struct err *e)
{
	gid_t *bigger;
	int n, wanted = GROUPS_FIRST;

	do {
		n = wanted;
		bigger = realloc(u->groups, (size_t)n * sizeof(*u->groups));
		if (bigger == NULL)
			return err_nomem(e);
		u->groups = bigger;
		if (getgrouplist(name, u->gid, u->groups, &wanted) != -1) {
			u->n_groups = (size_t)wanted;
			return 0;
		}
		/* It should have told how many there are; make sure. */
		if (wanted <= n)
			wanted = 2 * n;
	} while (wanted <= GROUPS_MAX);
	return err_set(e, ERR_LIMIT, "user %s is in too many groups", name);
}

int
user_find(struct user *u, const char *name, struct err *e)
{
	const struct passwd *found;
	struct passwd pw;
	char *text = NULL;

	*u = (struct user){ 0 };
	if ((found = find_entry(name, &pw, &text, e)) == NULL)
		goto free_text;
	u->uid = found->pw_uid;
	u->gid = found->pw_gid;
	if (find_groups(u, name, e) == -1)
		goto free_user;
	if ((u->home = strdup(found->pw_dir)) == NULL) {
		(void)err_nomem(e);
		goto free_user;
	}
	free(text);
	return 0;
free_user:
	user_fini(u);
free_text:
	free(text);
	return -1;
}

void
user_fini(struct user *u)
{
	free(u->groups);
	free(u->home);
	*u = (struct user){ 0 };
}
