#include "json.h"

#include "utf8.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

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
		n = utf8_sequence(slice_of(s.ptr + i, s.len - i));
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
