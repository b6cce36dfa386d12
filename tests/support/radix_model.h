/*
 * A radix tree beside a sorted array that says what it must do. Each call does
 * one thing to both and aborts where they disagree; so a test or a fuzzer only
 * has to think of calls.
 */
#ifndef TESTS_RADIX_MODEL_H
#define TESTS_RADIX_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "radix.h"

#define MODEL_KEYS_MAX 1024u

struct model_key {
	size_t len;
	char *bytes; /* owned, of exactly len, so that sanitizers see limits */
};

struct radix_model {
	struct arena arena;
	struct radix radix;
	struct model_key key[MODEL_KEYS_MAX + 1]; /* by leaf */
	uint32_t sorted[MODEL_KEYS_MAX];	  /* leaves, by key */
	uint32_t n;
	uint32_t spare[MODEL_KEYS_MAX]; /* leaves not in use */
	uint32_t n_spare;
	struct arena kept; /* free lists and rest of the arena when starved */
	bool starved;
};

void model_init(struct radix_model *m);
void model_fini(struct radix_model *m);

/* Let every allocation of a block not released before fail, or no more. */
void model_starve(struct radix_model *m, bool starve);

void model_insert(struct radix_model *m, struct slice key);
void model_remove(struct radix_model *m, struct slice key);
void model_replace(struct radix_model *m, struct slice key);
void model_find(struct radix_model *m, struct slice key);
void model_longest_prefix(struct radix_model *m, struct slice s);
/* Walk at most n steps. */
void model_walk(struct radix_model *m, struct slice from, bool after,
    uint32_t n);

/* The whole tree: every key in order, and no more memory than a tree built
 * anew of the same keys. */
void model_check(struct radix_model *m);

#endif
