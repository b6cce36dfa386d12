#include "names.h"

#include <search.h>
#include <stdbool.h>

static int
compare_items(const void *a, const void *b)
{
	const struct named *x = a, *y = b;

	return slice_cmp(x->name, y->name);
}

int
names_add(struct names *n, struct named *item)
{
	return tsearch(item, &n->root, compare_items) == NULL ? -1 : 0;
}

void
names_remove(struct names *n, const struct named *item)
{
	(void)tdelete(item, &n->root, compare_items);
}

static int
compare_name(const void *a, const void *b)
{
	const struct slice *name = a;
	const struct named *item = b;

	return slice_cmp(*name, item->name);
}

struct named *
names_find(const struct names *n, struct slice name)
{
	struct named **found = tfind(&name, &n->root, compare_name);

	return found == NULL ? NULL : *found;
}

/* Goes down to where a name that comes right after this one would be; the last
 * it passes on the left is the next. */
struct descent {
	struct slice name;
	struct slice next; /* its name; ptr NULL: none */
};

static int
compare_descent(const void *a, const void *b)
{
	struct descent *d = *(struct descent *const *)a;
	struct slice name = ((const struct named *)b)->name;

	if (slice_cmp(d->name, name) >= 0)
		return 1;
	d->next = name;
	return -1;
}

struct named *
names_after(const struct names *n, struct slice name)
{
	struct descent descent = { .name = name }, *key = &descent;

	(void)tfind(&key, &n->root, compare_descent); /* finds none */
	return descent.next.ptr == NULL ? NULL : names_find(n, descent.next);
}

struct tour {
	names_each_cb *each;
	void *ctx;
};

static void
visit(const void *node, VISIT when, void *arg)
{
	const struct tour *tour = arg;

	if (when == postorder || when == leaf)
		tour->each(tour->ctx, *(const struct named *const *)node);
}

void
names_each(const struct names *n, names_each_cb *each, void *ctx)
{
	struct tour tour = { .each = each, .ctx = ctx };

	twalk_r(n->root, visit, &tour);
}
