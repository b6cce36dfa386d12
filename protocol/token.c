/*
 * A line is split in one pass. Most words need no change and are only
 * measured; a quoted word with escapes is rewritten in place, which works
 * because an escape is never shorter than the byte it stands for.
 */
#include "token.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define TOKENS_FIRST 32 /* words of room at first */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Bytes are looked at eight at a time, as one integer. */
#define EACH_BYTE(c) (UINT64_C(0x0101010101010101) * (c))

/* Whether a byte of v is below c (c <= 0x80). Exact as a yes or no. */
static bool
any_below(uint64_t v, uint64_t c)
{
	return ((v - EACH_BYTE(c)) & ~v & EACH_BYTE(0x80)) != 0;
}

static bool
any_equal(uint64_t v, uint64_t c)
{
	return any_below(v ^ EACH_BYTE(c), 1);
}

/* Where the word at p ends. Eight bytes at a time as long as none is a
 * blank. */
static char *
word_end(char *p, const char *end)
{
	uint64_t v;

	while ((size_t)(end - p) >= sizeof(v)) {
		memcpy(&v, p, sizeof(v));
		if (any_equal(v, ' ') || any_equal(v, '\t'))
			break;
		p += sizeof(v);
	}
	while (p < end && !is_blank(*p))
		p++;
	return p;
}

/* Make room for one more word. */
static int
grow(struct tokens *t, struct err *e)
{
	size_t cap = t->cap == 0 ? TOKENS_FIRST : t->cap * 2;
	struct slice *word;

	if (t->cap >= TOKENS_MAX) {
		return err_set(e, ERR_TOO_LONG, "more than %d words",
		    TOKENS_MAX);
	}
	if ((word = realloc(t->word, cap * sizeof(*word))) == NULL)
		return err_nomem(e);
	t->word = word;
	t->cap = cap;
	return 0;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Read the escape at `in`, behind its backslash. Returns what follows it, or
 * NULL when it is none. */
static char *
unescape(char *in, const char *end, char *out)
{
	int high, low;

	if (in == end)
		return NULL;
	switch (*in++) {
	case '"':
		*out = '"';
		return in;
	case '\\':
		*out = '\\';
		return in;
	case 'n':
		*out = '\n';
		return in;
	case 'r':
		*out = '\r';
		return in;
	case 't':
		*out = '\t';
		return in;
	case 'x':
		if (end - in < 2 || (high = hex_digit(in[0])) == -1 ||
		    (low = hex_digit(in[1])) == -1)
			return NULL;
		*out = (char)(high << 4 | low);
		return in + 2;
	default:
		return NULL;
	}
}

static char *
unterminated(struct err *e)
{
	(void)err_set(e, ERR_SYNTAX, "unterminated quote");
	return NULL;
}

/* Unescape in place from `in`, the first backslash of a quoted word. Returns
 * the closing quote and sets *last to the end of the word, or NULL. */
static char *
unescape_word(char *in, char *end, char **last, struct err *e)
{
	char *out = in;
	char *next;

	while (in < end && *in != '"') {
		if (*in != '\\') {
			*out++ = *in++;
			continue;
		}
		if ((next = unescape(in + 1, end, out)) == NULL) {
			size_t n = end - in < 2 ? 1 : 2;

			(void)err_quote(e, ERR_SYNTAX, slice_of(in, n),
			    "bad escape");
			return NULL;
		}
		out++;
		in = next;
	}
	*last = out;
	return in < end ? in : unterminated(e);
}

/* Read the quoted word that begins at p. Returns what follows its closing
 * quote, or NULL. */
static char *
split_quoted(char *p, char *end, struct slice *word, struct err *e)
{
	char *start = p + 1;
	char *last, *escaped, *quote;

	if ((quote = memchr(start, '"', (size_t)(end - start))) == NULL)
		return unterminated(e);
	last = quote;
	escaped = memchr(start, '\\', (size_t)(quote - start));
	if (escaped != NULL) {
		quote = unescape_word(escaped, end, &last, e);
		if (quote == NULL)
			return NULL;
	}
	p = quote + 1;
	if (p < end && !is_blank(*p)) {
		(void)err_set(e, ERR_SYNTAX, "no space after a closing quote");
		return NULL;
	}
	*word = slice_of(start, (size_t)(last - start));
	return p;
}

int
token_split(char *line, size_t n, struct tokens *t, struct err *e)
{
	char *p = line;
	char *end;

	t->n = 0;
	if (n == 0)
		return 0; /* of an empty buffer, line is NULL */
	end = line + n;
	for (;;) {
		char *start;

		while (p < end && is_blank(*p))
			p++;
		if (p == end)
			return 0;
		if (t->n == t->cap && grow(t, e) == -1)
			return -1;
		start = p;
		if (*p == '"') {
			p = split_quoted(p, end, &t->word[t->n], e);
			if (p == NULL)
				return -1;
		} else {
			p = word_end(p, end);
			t->word[t->n] = slice_of(start, (size_t)(p - start));
		}
		t->n++;
	}
}

void
token_fini(struct tokens *t)
{
	free(t->word);
	*t = (struct tokens){ 0 };
}

/* Bytes that an identifier may hold, which are also those that an output
 * word may hold unquoted. */
static bool
is_plain(unsigned char c)
{
	return c > ' ' && c != 0x7f && c != '"' && c != '\\';
}

/* is_plain for all of s, eight bytes at a time. */
static bool
all_plain(struct slice s)
{
	uint64_t v;
	size_t i;

	for (i = 0; s.len - i >= sizeof(v); i += sizeof(v)) {
		memcpy(&v, s.ptr + i, sizeof(v));
		if (any_below(v, 0x21) || any_equal(v, 0x7f) ||
		    any_equal(v, '"') || any_equal(v, '\\'))
			return false;
	}
	for (; i < s.len; i++) {
		if (!is_plain((unsigned char)s.ptr[i]))
			return false;
	}
	return true;
}

bool
token_is_prefix(struct slice s, const char *what, struct err *e)
{
	if (s.len > ID_MAX) {
		(void)err_set(e, ERR_TOO_LONG, "%s is longer than %d bytes",
		    what, ID_MAX);
		return false;
	}
	if (!all_plain(s)) {
		(void)err_quote(e, ERR_INVALID, s, "invalid %s", what);
		return false;
	}
	return true;
}

bool
token_is_identifier(struct slice s, const char *what, struct err *e)
{
	if (s.len == 0) {
		(void)err_set(e, ERR_INVALID, "%s is empty", what);
		return false;
	}
	return token_is_prefix(s, what, e);
}

bool
token_is_request_id(struct slice s)
{
	size_t i;

	/* It is echoed as it is: a leading quote would open a word there. */
	if (s.len == 0 || s.len > REQUEST_ID_MAX || s.ptr[0] == '"')
		return false;
	for (i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c <= ' ' || c >= 0x7f)
			return false;
	}
	return true;
}

bool
token_is_word(struct slice s, const char *upper)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		if (upper[i] == '\0' || c != upper[i])
			return false;
	}
	return upper[i] == '\0';
}

/* Append one byte of a quoted word. */
static void
quote_byte(struct buf *out, char c)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char u = (unsigned char)c;

	switch (c) {
	case '"':
		buf_add(out, "\\\"", 2);
		return;
	case '\\':
		buf_add(out, "\\\\", 2);
		return;
	case '\n':
		buf_add(out, "\\n", 2);
		return;
	case '\r':
		buf_add(out, "\\r", 2);
		return;
	case '\t':
		buf_add(out, "\\t", 2);
		return;
	default:
		break;
	}
	if (u >= 0x20 && u != 0x7f) {
		buf_add_byte(out, c);
		return;
	}
	buf_add(out, "\\x", 2);
	buf_add_byte(out, hex[u >> 4]);
	buf_add_byte(out, hex[u & 15]);
}

void
token_quote(struct buf *out, struct slice s)
{
	size_t from = 0;
	size_t i;

	if (s.len != 0 && all_plain(s)) {
		buf_add_slice(out, s);
		return;
	}
	buf_add_byte(out, '"');
	for (i = 0; i < s.len; i++) {
		if (s.ptr[i] == ' ' || is_plain((unsigned char)s.ptr[i]))
			continue;
		buf_add(out, s.ptr + from, i - from);
		quote_byte(out, s.ptr[i]);
		from = i + 1;
	}
	if (from < s.len)
		buf_add(out, s.ptr + from, s.len - from);
	buf_add_byte(out, '"');
}

int
token_u64(struct slice s, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;
	size_t i;

	if (s.len == 0)
		return -1;
	for (i = 0; i < s.len; i++) {
		unsigned d = (unsigned)(unsigned char)s.ptr[i] - '0';

		if (d > 9)
			return -1;
		/* 19 digits always fit, so most numbers skip the check. */
		if (i >= 19 && (v > UINT64_MAX / 10 || v * 10 > UINT64_MAX - d))
			return -1;
		v = v * 10 + d;
	}
	if (v > max)
		return -1;
	*out = v;
	return 0;
}
