/* Every zone of the system's database, and the C library's view of one. */
#ifndef TESTS_ZONE_LIST_H
#define TESTS_ZONE_LIST_H

#include <stddef.h>

#define ZONE_LIST_MAX 2000u

struct zone_list {
	size_t n;
	char *name[ZONE_LIST_MAX]; /* owned; in order */
};

/* The folder of the database. Static. */
const char *zone_list_folder(void);

/* Zones with leap seconds and second copies (right/, posix/) are left out. */
void zone_list_read(struct zone_list *list);
void zone_list_free(struct zone_list *list);

/* Let localtime_r speak of this zone. */
void zone_list_use(const char *name);

#endif
