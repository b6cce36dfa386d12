#include "sandbox.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const program[SANDBOX_KATA + 1] = {
	[SANDBOX_BWRAP] = "bwrap",
	[SANDBOX_RUNSC] = "runsc",
	[SANDBOX_KATA] = "kata-runtime",
};

/* The program's path, the caller's to free; NULL: not there, or no memory. */
static char *
find(const char *folders, const char *name)
{
	char path[PATH_MAX];

	for (;;) {
		size_t n = strcspn(folders, ":");

		if (n > 0 &&
		    snprintf(path, sizeof(path), "%.*s/%s", (int)n, folders,
			name) < (int)sizeof(path) &&
		    access(path, X_OK) == 0)
			return strdup(path);
		if (folders[n] == '\0')
			return NULL;
		folders += n + 1;
	}
}

void
sandboxes_find(struct sandboxes *s)
{
	const char *folders = getenv("PATH");

	if (folders == NULL)
		folders = "/usr/local/bin:/usr/bin:/bin";
	for (int i = SANDBOX_BWRAP; i <= SANDBOX_KATA; i++)
		s->path[i] = find(folders, program[i]);
}

void
sandboxes_free(struct sandboxes *s)
{
	for (int i = SANDBOX_BWRAP; i <= SANDBOX_KATA; i++)
		free(s->path[i]);
}

int
sandbox_check(const struct sandboxes *s, int sandbox, struct err *e)
{
	if (sandbox == SANDBOX_NONE || s->path[sandbox] != NULL)
		return 0;
	return err_set(e, ERR_INVALID, "%s is not installed", program[sandbox]);
}
