/*
 * Replies kept in memory. While rows come in, their bytes, word lengths and
 * word counts grow in three buffers; the reply is then built from them as one
 * block: the struct, the rows, the words, the bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "tick_internal.h"

enum tick_error
reply_store_add(struct reply_store *s, const struct tick_row *row)
{
	for (size_t i = 0; i < row->n_words; i++) {
		const struct tick_word *w = &row->words[i];

		buf_add(&s->bytes, w->ptr, w->len);
		buf_add_byte(&s->bytes, '\0');
		buf_add(&s->lens, &w->len, sizeof(w->len));
	}
	buf_add(&s->counts, &row->n_words, sizeof(row->n_words));
	if (s->bytes.failed || s->lens.failed || s->counts.failed)
		return TICK_ERR_MEMORY;
	if (s->bytes.len + s->lens.len + s->counts.len > s->max_bytes)
		return TICK_ERR_REPLY_SIZE;
	return TICK_OK;
}

static size_t
size_at(const struct buf *b, size_t i)
{
	size_t v;

	memcpy(&v, b->ptr + i * sizeof(v), sizeof(v));
	return v;
}

/* Point the n words at w to their bytes; return where the bytes end. */
static char *
link_words(struct tick_word *w, size_t n, const struct buf *lens, size_t first,
    char *bytes)
{
	for (size_t i = 0; i < n; i++) {
		w[i].ptr = bytes;
		w[i].len = size_at(lens, first + i);
		bytes += w[i].len + 1;
	}
	return bytes;
}

struct tick_reply *
reply_store_copy(const struct reply_store *s)
{
	size_t n_words = s->lens.len / sizeof(size_t);
	size_t n_rows = s->counts.len / sizeof(size_t);
	struct tick_reply *reply;
	struct tick_row *rows;
	struct tick_word *words;
	char *bytes;
	size_t taken = 0;

	reply = malloc(sizeof(*reply) + n_rows * sizeof(*rows) +
	    n_words * sizeof(*words) + s->bytes.len);
	if (reply == NULL)
		return NULL;
	rows = (struct tick_row *)(void *)(reply + 1);
	words = (struct tick_word *)(void *)(rows + n_rows);
	bytes = (char *)(words + n_words);
	if (s->bytes.len > 0)
		memcpy(bytes, s->bytes.ptr, s->bytes.len);
	for (size_t i = 0; i < n_rows; i++) {
		rows[i].n_words = size_at(&s->counts, i);
		rows[i].words = words + taken;
		bytes = link_words(words + taken, rows[i].n_words, &s->lens,
		    taken, bytes);
		taken += rows[i].n_words;
	}
	reply->rows = rows;
	reply->n_rows = n_rows - 1;
	reply->ok = rows[n_rows - 1];
	return reply;
}

void
reply_store_fini(struct reply_store *s)
{
	buf_free(&s->bytes);
	buf_free(&s->lens);
	buf_free(&s->counts);
}

void
tick_reply_free(struct tick_reply *reply)
{
	free(reply);
}
