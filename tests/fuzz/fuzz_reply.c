/*
 * Bytes as a line from a server, and then, cut at their newlines, as the
 * words of a row that is written and read back.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static struct tokens tokens;
static struct buf row;

static void
check_line(const uint8_t *bytes, size_t n)
{
	struct reply_line r;
	struct err e;
	char *line = malloc(n + 1);
	size_t i;

	assert(line != NULL);
	if (n != 0)
		memcpy(line, bytes, n);
	if (reply_parse(line, n, &tokens, &r, &e) == 0) {
		assert(r.id.len == 0 || token_is_request_id(r.id));
		assert(r.id.len != 0 || r.kind == REPLY_OK ||
		    r.kind == REPLY_ERROR);
		assert(r.kind == REPLY_OK || r.n_words > 0);
		assert(r.kind != REPLY_ERROR || r.n_words == 1);
		for (i = 0; i < r.n_words; i++) {
			assert(r.words[i].ptr >= line);
			assert(r.words[i].ptr + r.words[i].len <= line + n);
		}
		assert(r.text.len <= n);
	}
	free(line);
}

/* The word that ends at the next newline of *rest. */
static struct slice
next_word(struct slice *rest)
{
	const char *end = memchr(rest->ptr, '\n', rest->len);
	size_t n = end == NULL ? rest->len : (size_t)(end - rest->ptr);
	struct slice word = slice_of(rest->ptr, n);

	n += end != NULL;
	*rest = slice_of(rest->ptr + n, rest->len - n);
	return word;
}

static void
check_row(struct slice bytes)
{
	struct slice rest = bytes;
	struct reply_line r;
	struct err e;
	size_t i = 0;

	buf_clear(&row);
	reply_begin(&row, slice_str("r1"));
	while (rest.len != 0 && i++ < TOKENS_MAX - 1)
		reply_word(&row, next_word(&rest));
	reply_end(&row);
	assert(memchr(row.ptr, '\n', row.len) == row.ptr + row.len - 1);
	assert(reply_parse(row.ptr, row.len - 1, &tokens, &r, &e) == 0);
	assert(r.kind == REPLY_ROW || r.kind == REPLY_EVENT);
	assert(slice_eq(r.id, slice_str("r1")));
	assert(r.n_words == i || i == TOKENS_MAX);
	for (rest = bytes, i = 0; i < r.n_words; i++)
		assert(slice_eq(r.words[i], next_word(&rest)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	check_line(bytes, n);
	if (n != 0)
		check_row(slice_of((const char *)bytes, n));
	return 0;
}
