#include "zone_list.h"

#include <assert.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *
zone_list_folder(void)
{
	const char *folder = getenv("TZDIR");

	return folder == NULL ? "/usr/share/zoneinfo" : folder;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
is_zone_file(const char *path)
{
	char magic[4] = { 0 };
	FILE *f = fopen(path, "rb");

	if (f == NULL)
		return 0;
	(void)!fread(magic, 1, sizeof(magic), f);
	(void)fclose(f);
	return memcmp(magic, "TZif", sizeof(magic)) == 0;
}

void
zone_list_read(struct zone_list *list)
{
	char *paths[] = { strdup(zone_list_folder()), NULL };
	size_t skip = strlen(zone_list_folder()) + 1;
	FTSENT *entry;
	FTS *fts;

	memset(list, 0, sizeof(*list));
	fts = fts_open(paths, FTS_LOGICAL | FTS_NOCHDIR, NULL);
	assert(fts != NULL);
	while ((entry = fts_read(fts)) != NULL) {
		if (entry->fts_info == FTS_D && entry->fts_level == 1 &&
		    (strcmp(entry->fts_name, "posix") == 0 ||
			strcmp(entry->fts_name, "right") == 0))
			(void)fts_set(fts, entry, FTS_SKIP);
		if (entry->fts_info != FTS_F || !is_zone_file(entry->fts_path))
			continue;
		assert(list->n < ZONE_LIST_MAX);
		list->name[list->n++] = strdup(entry->fts_path + skip);
	}
	(void)fts_close(fts);
	free(paths[0]);
	qsort(list->name, list->n, sizeof(list->name[0]), by_name);
}

void
zone_list_free(struct zone_list *list)
{
	while (list->n > 0)
		free(list->name[--list->n]);
}

void
zone_list_use(const char *name)
{
	char tz[256];

	(void)snprintf(tz, sizeof(tz), ":%s", name);
	(void)setenv("TZ", tz, 1);
	tzset();
}
