/*
 * A vector of pointers to strings such as exec takes: argv, envp. It borrows
 * the strings and owns the vector. As in a buf, a failed allocation sets
 * `failed`, which sticks until words_clear. A zeroed struct is empty.
 */
#ifndef EXEC_WORDS_H
#define EXEC_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "rule_spec.h"

struct words {
	char **at; /* at[n] is NULL once something was added */
	size_t n;
	size_t cap;
	bool failed;
};

void words_add(struct words *w, char *word);

/* Every string of the list. */
void words_add_list(struct words *w, const struct strings *list);

/* n terminated strings that lie one behind the other. Returns what is behind
 * the last. */
char *words_add_packed(struct words *w, char *packed, size_t n);

/* The same for entries NAME=value: each takes the place of one of the same
 * name, if there is one. */
char *words_put_env(struct words *w, char *packed, size_t n);

void words_clear(struct words *w); /* keeps the memory */
void words_free(struct words *w);

#endif
