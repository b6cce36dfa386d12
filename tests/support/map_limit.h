/* Lets the memory of arenas and heaps run out. */
#ifndef TESTS_MAP_LIMIT_H
#define TESTS_MAP_LIMIT_H

/* From now on n calls of arena_map succeed, then all fail; n < 0 ends this. */
void map_limit(long n);

#endif
