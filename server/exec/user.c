#include "user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
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

static int
copy_strings(struct user *u, const struct passwd *pw)
{
	u->home = strdup(pw->pw_dir);
	u->shell = strdup(pw->pw_shell[0] == '\0' ? "/bin/sh" : pw->pw_shell);
	return u->home == NULL || u->shell == NULL ? -1 : 0;
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
	if (copy_strings(u, found) == -1) {
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

int
user_read(struct user *u, const char *name)
{
	FILE *f = fopen("/etc/passwd", "re");
	struct passwd pw, *found = NULL;
	char text[ENTRY_FIRST];
	int rc = -1;

	*u = (struct user){ 0 };
	if (f == NULL)
		return -1;
	while (fgetpwent_r(f, &pw, text, sizeof(text), &found) == 0 &&
	    strcmp(pw.pw_name, name) != 0)
		found = NULL;
	(void)fclose(f); /* only read */
	if (found != NULL && (rc = copy_strings(u, found)) == -1)
		user_fini(u);
	return rc;
}

void
user_fini(struct user *u)
{
	free(u->groups);
	free(u->home);
	free(u->shell);
	*u = (struct user){ 0 };
}
