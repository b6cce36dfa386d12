/* With UTF-8 a bar ends in eighths of a block, U+258F to U+2588, and the
 * columns of a spark line are U+2581 to U+2588. */
#include "ctl_bar.h"

#include <langinfo.h>
#include <string.h>

#define LEVELS 8

bool
bar_utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* The block character of three bytes, U+2580 + n. */
static void
put_block(struct buf *out, unsigned n)
{
	buf_add_str(out, "\xe2\x96");
	buf_add_byte(out, (char)(0x80 + n));
}

/* share * steps, rounded; at least 1 for what is above 0. Not a number is
 * 0. */
static size_t
steps_of(double share, size_t steps)
{
	size_t n;

	if (!(share > 0))
		return 0;
	if (share >= 1)
		return steps;
	n = (size_t)(share * (double)steps + 0.5);
	return n > 0 ? n : 1;
}

void
bar_put(struct buf *out, double share, size_t width, bool utf8)
{
	size_t n = steps_of(share, utf8 ? width * LEVELS : width);

	if (!utf8) {
		for (; n > 0; n--)
			buf_add_byte(out, '#');
		return;
	}
	for (; n >= LEVELS; n -= LEVELS)
		put_block(out, 8);
	if (n > 0)
		put_block(out, 16 - (unsigned)n);
}

void
spark_put(struct buf *out, const double *values, size_t n, double max,
    bool utf8)
{
	static const char ascii[] = "_.:-=+*#";

	for (size_t i = 0; i < n; i++) {
		size_t level =
		    steps_of(max > 0 ? values[i] / max : 0, LEVELS - 1);

		if (utf8)
			put_block(out, 1 + (unsigned)level);
		else
			buf_add_byte(out, ascii[level]);
	}
}
