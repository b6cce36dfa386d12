#include "map_limit.h"

#include "arena.h"

static void *(*real_map)(size_t n);
static long n_left;

static void *
limited_map(size_t n)
{
	if (n_left == 0)
		return NULL;
	n_left--;
	return real_map(n);
}

void
map_limit(long n)
{
	if (real_map == NULL)
		real_map = arena_map;
	n_left = n;
	arena_map = n < 0 ? real_map : limited_map;
}
