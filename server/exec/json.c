#include "json.h"

#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* Whether the byte at s[i] can follow in a sequence of UTF-8. */
static bool
follows(struct slice s, size_t i)
{
	return i < s.len && ((unsigned char)s.ptr[i] & 0xc0) == 0x80;
}

/* The length of the character at s[i] when it is one in its shortest form and
 * no surrogate; 0 when it is none. */
static size_t
character_len(struct slice s, size_t i)
{
	unsigned char first = (unsigned char)s.ptr[i];
	unsigned char second = i + 1 < s.len ? (unsigned char)s.ptr[i + 1] : 0;

	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4 || !follows(s, i + 1))
		return 0;
	if (first < 0xe0)
		return 2;
	if (!follows(s, i + 2) || (first == 0xe0 && second < 0xa0) ||
	    (first == 0xed && second > 0x9f))
		return 0;
	if (first < 0xf0)
		return 3;
	if (!follows(s, i + 3) || (first == 0xf0 && second < 0x90) ||
	    (first == 0xf4 && second > 0x8f))
		return 0;
	return 4;
}

/* Whether a byte stands for itself and is a whole character. */
static bool
is_plain(char c)
{
	return c >= ' ' && c < 0x7f && c != '"' && c != '\\';
}

static void
put_escaped(struct buf *out, char c)
{
	if (c == '"' || c == '\\') {
		buf_add_byte(out, '\\');
		buf_add_byte(out, c);
	} else if (c == '\n')
		buf_add_str(out, "\\n");
	else
		buf_addf(out, "\\u%04x", (unsigned)c);
}

void
json_put_string(struct buf *out, struct slice s)
{
	size_t i = 0, n;

	buf_add_byte(out, '"');
	while (i < s.len) {
		for (n = 0; i + n < s.len && is_plain(s.ptr[i + n]); n++)
			;
		buf_add(out, s.ptr + i, n);
		if ((i += n) == s.len)
			break;
		n = character_len(s, i);
		if (n == 1)
			put_escaped(out, s.ptr[i]);
		else if (n == 0)
			buf_add_str(out, REPLACEMENT);
		else
			buf_add(out, s.ptr + i, n);
		i += n == 0 ? 1 : n;
	}
	buf_add_byte(out, '"');
}
