#include "words.h"

#include <stdlib.h>
#include <string.h>

#define WORDS_FIRST 64

static int
words_grow(struct words *w)
{
	size_t cap = w->cap == 0 ? WORDS_FIRST : 2 * w->cap;
	char **at;

	if ((at = realloc(w->at, cap * sizeof(*at))) == NULL) {
		w->failed = true;
		return -1;
	}
	w->at = at;
	w->cap = cap;
	return 0;
}

void
words_add(struct words *w, char *word)
{
	if (w->failed || (w->n + 1 >= w->cap && words_grow(w) == -1))
		return;
	w->at[w->n++] = word;
	w->at[w->n] = NULL;
}

char *
words_add_packed(struct words *w, char *packed, size_t n)
{
	for (; n > 0; n--) {
		words_add(w, packed);
		packed += strlen(packed) + 1;
	}
	return packed;
}

void
words_add_list(struct words *w, const struct strings *list)
{
	(void)words_add_packed(w, list->bytes, list->n);
}

/* Whether two entries have the same text up to their `=`. */
static bool
same_name(const char *a, const char *b)
{
	while (*a == *b && *a != '=' && *a != '\0') {
		a++;
		b++;
	}
	return *a == *b;
}

static void
put_entry(struct words *w, char *entry)
{
	size_t i;

	for (i = 0; i < w->n; i++)
		if (same_name(w->at[i], entry)) {
			w->at[i] = entry;
			return;
		}
	words_add(w, entry);
}

char *
words_put_env(struct words *w, char *packed, size_t n)
{
	for (; n > 0; n--) {
		put_entry(w, packed);
		packed += strlen(packed) + 1;
	}
	return packed;
}

void
words_clear(struct words *w)
{
	w->n = 0;
	w->failed = false;
	if (w->at != NULL)
		w->at[0] = NULL;
}

void
words_free(struct words *w)
{
	free(w->at);
	*w = (struct words){ 0 };
}
