/* Request lines: the id, the words with the quoting they need, the newline. */
#include <string.h>

#include "tick_internal.h"

void
line_open(struct tick *t)
{
	t->line_start = t->out.len;
	t->line_bad = false;
	buf_add_u64(&t->out, t->next_id);
}

void
line_raw(struct tick *t, const char *text)
{
	buf_add_byte(&t->out, ' ');
	buf_add_str(&t->out, text);
}

/* A line that ends so would be taken for a browser's, and the connection
 * closed; quoted it is a word like any other. */
static bool
is_http_version(const char *ptr, size_t len)
{
	return len >= 8 && memcmp(ptr + len - 8, "HTTP/1.", 7) == 0 &&
	    (ptr[len - 1] == '0' || ptr[len - 1] == '1');
}

void
line_bytes(struct tick *t, const char *ptr, size_t len)
{
	size_t start;

	if (ptr == NULL && len > 0) {
		t->line_bad = true;
		return;
	}
	buf_add_byte(&t->out, ' ');
	start = t->out.len;
	token_quote(&t->out, slice_of(ptr, len));
	if (is_http_version(ptr, len) && !t->out.failed &&
	    t->out.ptr[start] != '"') {
		t->out.len = start;
		buf_add_byte(&t->out, '"');
		buf_add(&t->out, ptr, len);
		buf_add_byte(&t->out, '"');
	}
}

void
line_word(struct tick *t, const char *word)
{
	if (word == NULL)
		t->line_bad = true;
	else
		line_bytes(t, word, strlen(word));
}

void
line_i64(struct tick *t, int64_t v)
{
	buf_add_byte(&t->out, ' ');
	buf_add_i64(&t->out, v);
}

void
line_u64(struct tick *t, uint64_t v)
{
	buf_add_byte(&t->out, ' ');
	buf_add_u64(&t->out, v);
}

int
line_end(struct tick *t)
{
	buf_add_byte(&t->out, '\n');
	if (t->out.failed) {
		(void)failure_nomem(&t->failure);
		return handle_break(t);
	}
	if (t->line_bad) {
		t->out.len = t->line_start;
		return failure_set(&t->failure, TICK_ERR_USAGE,
		    "a word of the request is NULL");
	}
	if (t->out.len - t->line_start > LINE_MAX_CEILING) {
		t->out.len = t->line_start;
		return failure_set(&t->failure, TICK_ERR_TOO_LONG,
		    "the request is longer than %d bytes", LINE_MAX_CEILING);
	}
	t->next_id++;
	return 0;
}
