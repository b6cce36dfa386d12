/*
 * An ordered map by name, of any length: what is in it begins with its name.
 * O(log n). One thread.
 */
#ifndef SCHED_NAMES_H
#define SCHED_NAMES_H

#include "slice.h"

struct named {
	struct slice name; /* must not change while it is in the map */
};

struct names { /* zeroed: empty */
	void *root;
};

/* The name must not be there. 0, or -1: no memory. */
int names_add(struct names *n, struct named *item);
void names_remove(struct names *n, const struct named *item);

/* What has this name, or the first that comes after it in byte order; NULL:
 * nothing. */
struct named *names_find(const struct names *n, struct slice name);
struct named *names_after(const struct names *n, struct slice name);
/* Call `each` with all of them, in order; it must not change the map. */
typedef void names_each_cb(void *ctx, const struct named *item);
void names_each(const struct names *n, names_each_cb *each, void *ctx);

#endif
