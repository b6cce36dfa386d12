#include "ctl_text.h"

#include "utf8.h"

size_t
text_width(struct slice s)
{
	size_t width = 0;

	for (size_t i = 0; i < s.len; i++)
		width += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
	return width;
}

static void
put_escaped(struct buf *out, unsigned char c)
{
	switch (c) {
	case '\t':
		buf_add_str(out, "\\t");
		break;
	case '\n':
		buf_add_str(out, "\\n");
		break;
	case '\r':
		buf_add_str(out, "\\r");
		break;
	case '\\':
		buf_add_str(out, "\\\\");
		break;
	default:
		buf_addf(out, "\\x%02x", c);
		break;
	}
}

/* Whether the valid sequence p of n bytes is a C1 control, U+0080..U+009F. */
static bool
is_c1(const char *p, size_t n)
{
	return n == 2 && (unsigned char)p[0] == 0xc2 &&
	    (unsigned char)p[1] < 0xa0;
}

void
text_put_visible(struct buf *out, struct slice s, bool terminal)
{
	for (size_t i = 0; i < s.len;) {
		unsigned char c = (unsigned char)s.ptr[i];
		size_t n = utf8_sequence(slice_of(s.ptr + i, s.len - i));

		if (c < 0x20 || c == 0x7f || c == '\\' ||
		    (terminal && (n == 0 || is_c1(s.ptr + i, n)))) {
			put_escaped(out, c);
			/* The rest of a C1 control comes by as invalid. */
			i++;
			continue;
		}
		if (n == 0)
			n = 1;
		buf_add(out, s.ptr + i, n);
		i += n;
	}
}

void
text_put_utf8(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.len;) {
		unsigned char c = (unsigned char)s.ptr[i];
		size_t n = utf8_sequence(slice_of(s.ptr + i, s.len - i));

		if (n > 0) {
			buf_add(out, s.ptr + i, n);
			i += n;
			continue;
		}
		buf_add_byte(out, (char)(0xc0 | c >> 6));
		buf_add_byte(out, (char)(0x80 | (c & 0x3f)));
		i++;
	}
}
