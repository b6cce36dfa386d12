#include "reply.h"

#include <math.h>
#include <string.h>

/* --- writing --- */

static bool
at_line_start(const struct buf *out)
{
	return out->len == 0 || out->ptr[out->len - 1] == '\n';
}

void
reply_begin(struct buf *out, struct slice id)
{
	buf_add_slice(out, id);
}

/* Whether a row at the end of out has its id, and no word yet. */
static bool
is_first_word(const struct buf *out)
{
	const char *p = out->ptr + out->len;

	while (p > out->ptr && p[-1] != '\n') {
		if (*--p == ' ')
			return false;
	}
	return true;
}

static void
put_space(struct buf *out)
{
	if (!at_line_start(out))
		buf_add_byte(out, ' ');
}

void
reply_word(struct buf *out, struct slice word)
{
	bool last_line = slice_eq(word, slice_str("OK")) ||
	    slice_eq(word, slice_str("ERROR"));
	bool quote = last_line && is_first_word(out);

	put_space(out);
	if (!quote) {
		token_quote(out, word);
		return;
	}
	buf_add_byte(out, '"');
	buf_add_slice(out, word);
	buf_add_byte(out, '"');
}

void
reply_str(struct buf *out, const char *word)
{
	reply_word(out, slice_str(word));
}

void
reply_u64(struct buf *out, uint64_t v)
{
	put_space(out);
	buf_add_u64(out, v);
}

void
reply_i64(struct buf *out, int64_t v)
{
	put_space(out);
	buf_add_i64(out, v);
}

#define RATIO_MAX 1e15 /* beyond, ten thousandths do not fit in 64 bits */

void
reply_ratio(struct buf *out, double v)
{
	double size = v < 0 ? -v : v;
	uint64_t scaled;

	put_space(out);
	if (!isfinite(v)) {
		buf_add_byte(out, '-');
		return;
	}
	if (size > RATIO_MAX)
		size = RATIO_MAX;
	scaled = (uint64_t)(size * 10000 + 0.5);
	if (v < 0 && scaled != 0)
		buf_add_byte(out, '-');
	buf_add_decimal(out, scaled, 4);
}

#define NS_PER_CENTI_MS 10000

void
reply_ms(struct buf *out, int64_t ns)
{
	uint64_t v = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
	uint64_t rounded = (v + NS_PER_CENTI_MS / 2) / NS_PER_CENTI_MS;

	put_space(out);
	if (ns < 0 && rounded != 0)
		buf_add_byte(out, '-');
	buf_add_decimal(out, rounded, 2);
}

void
reply_end(struct buf *out)
{
	buf_add_byte(out, '\n');
}

void
reply_begin_ok(struct buf *out, struct slice id)
{
	reply_begin(out, id);
	put_space(out);
	buf_add(out, "OK", 2);
}

void
reply_ok(struct buf *out, struct slice id)
{
	reply_begin_ok(out, id);
	reply_end(out);
}

void
reply_ok_word(struct buf *out, struct slice id, struct slice word)
{
	reply_begin_ok(out, id);
	reply_word(out, word);
	reply_end(out);
}

#define PROTOCOL_VERSION 1

void
reply_hello(struct buf *out, struct slice id, const char *version)
{
	reply_begin_ok(out, id);
	reply_str(out, "tickd");
	reply_str(out, version);
	reply_str(out, "protocol");
	reply_u64(out, PROTOCOL_VERSION);
	reply_end(out);
}

void
reply_error(struct buf *out, struct slice id, const struct err *e)
{
	const char *p;

	reply_begin(out, id);
	put_space(out);
	buf_add_str(out, "ERROR ");
	buf_add_str(out, err_word(e->code));
	if (e->msg[0] != '\0')
		buf_add_byte(out, ' ');
	for (p = e->msg; *p != '\0'; p++) {
		bool control = (unsigned char)*p < 0x20 || *p == 0x7f;

		buf_add_byte(out, (char)(control ? '?' : *p));
	}
	reply_end(out);
}

void
reply_row_u64(struct buf *out, struct slice id, const char *key, uint64_t v)
{
	reply_begin(out, id);
	reply_str(out, key);
	reply_u64(out, v);
	reply_end(out);
}

void
reply_row_i64(struct buf *out, struct slice id, const char *key, int64_t v)
{
	reply_begin(out, id);
	reply_str(out, key);
	reply_i64(out, v);
	reply_end(out);
}

void
reply_row_word(struct buf *out, struct slice id, const char *key,
    struct slice v)
{
	reply_begin(out, id);
	reply_str(out, key);
	reply_word(out, v);
	reply_end(out);
}

/* --- reading --- */

/* Take the next run of bytes without blanks, as it stands in the line. */
static struct slice
take_raw(struct slice *rest)
{
	const char *p = rest->ptr;
	const char *end = p + rest->len;
	struct slice word;

	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	word = slice_of(p, 0);
	while (p < end && *p != ' ' && *p != '\t')
		p++;
	word.len = (size_t)(p - word.ptr);
	*rest = slice_of(p, (size_t)(end - p));
	return word;
}

/* What the line is, and how many of its words stand before r->words. Looked
 * up before quotes are removed: a quoted "OK" is a word of a row. *rest is
 * what follows those words. */
static size_t
classify(struct slice *rest, struct reply_line *r)
{
	struct slice first = take_raw(rest);
	struct slice after_id = *rest;
	struct slice second = take_raw(rest);
	bool bare_ok = second.len == 0 && slice_eq(first, slice_str("OK"));
	bool bare_error =
	    slice_eq(first, slice_str("ERROR")) && err_parse(second) != -1;

	if (bare_ok || bare_error) {
		r->kind = bare_ok ? REPLY_OK : REPLY_ERROR;
		r->id = slice_of(first.ptr, 0);
		*rest = after_id;
		return 1;
	}
	r->id = first;
	if (slice_eq(second, slice_str("OK")))
		r->kind = REPLY_OK;
	else if (slice_eq(second, slice_str("ERROR")))
		r->kind = REPLY_ERROR;
	else if (slice_eq(second, slice_str("EVENT")))
		r->kind = REPLY_EVENT;
	return r->kind == REPLY_OK || r->kind == REPLY_ERROR ? 2 : 1;
}

int
reply_parse(char *line, size_t n, struct tokens *t, struct reply_line *r,
    struct err *e)
{
	struct slice rest;
	size_t before;

	*r = (struct reply_line){ .kind = REPLY_ROW };
	if (n > 0 && line[n - 1] == '\r')
		n--;
	rest = slice_of(line, n);
	before = classify(&rest, r);
	if (r->id.len != 0 && !token_is_request_id(r->id))
		return err_set(e, ERR_SYNTAX, "a reply without an id");
	if (r->kind == REPLY_ERROR) {
		/* The message is for people, and is not split. */
		(void)take_raw(&rest);
		n = (size_t)(rest.ptr - line);
		if (rest.len != 0)
			rest = slice_of(rest.ptr + 1, rest.len - 1);
		r->text = rest;
	}
	if (token_split(line, n, t, e) == -1)
		return -1;
	if (t->n < before || (t->n == before && r->kind != REPLY_OK))
		return err_set(e, ERR_SYNTAX, "an incomplete reply");
	r->words = t->word + before;
	r->n_words = t->n - before;
	return 0;
}
