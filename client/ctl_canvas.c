#include "ctl_canvas.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "utf8.h"

static struct cell *
cell_at(const struct canvas *c, int y, int x)
{
	return &c->cells[(size_t)y * (size_t)c->cols + (size_t)x];
}

static void
set_cell(struct cell *cell, const char *bytes, size_t n, enum ink ink)
{
	memset(cell, 0, sizeof(*cell));
	memcpy(cell->bytes, bytes, n);
	cell->n = (unsigned char)n;
	cell->ink = (unsigned char)ink;
}

static int
clamp(int v, int max)
{
	if (v < 0)
		return 0;
	return v < max ? v : max;
}

int
canvas_reset(struct canvas *c, int rows, int cols)
{
	rows = clamp(rows, CANVAS_MAX);
	cols = clamp(cols, CANVAS_MAX);
	if (rows != c->rows || cols != c->cols) {
		size_t n = (size_t)rows * (size_t)cols;

		canvas_fini(c);
		if ((c->cells = calloc(n + 1, sizeof(*c->cells))) == NULL)
			return -1;
		c->rows = rows;
		c->cols = cols;
	}
	for (int y = 0; y < rows; y++) {
		for (int x = 0; x < cols; x++)
			set_cell(cell_at(c, y, x), " ", 1, INK_PLAIN);
	}
	return 0;
}

void
canvas_fini(struct canvas *c)
{
	free(c->cells);
	*c = (struct canvas){ 0 };
}

/* The code point of a valid sequence of n bytes. */
static wchar_t
decode(const char *p, size_t n)
{
	static const unsigned char first[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	unsigned v = (unsigned char)p[0] & first[n];

	for (size_t i = 1; i < n; i++)
		v = v << 6 | ((unsigned char)p[i] & 0x3f);
	return (wchar_t)v;
}

/* The next character of the text as it is shown: its bytes, its columns (1 or
 * 2). Cut off from *text. */
static struct slice
next_character(struct slice *text, int *columns)
{
	size_t n = utf8_sequence(*text);
	struct slice shown = slice_of(text->ptr, n);

	*columns = n > 0 ? wcwidth(decode(text->ptr, n)) : -1;
	if (*columns < 1) {
		shown = slice_str("?");
		*columns = 1;
	}
	if (n == 0)
		n = 1;
	*text = slice_of(text->ptr + n, text->len - n);
	return shown;
}

int
canvas_text(struct canvas *c, int y, int x, int width, enum ink ink,
    struct slice text)
{
	int start = x;

	if (y < 0 || y >= c->rows || x < 0 || x >= c->cols)
		return 0;
	if (width > c->cols - x)
		width = c->cols - x;
	while (text.len > 0 && width > 0) {
		int columns;
		struct slice shown = next_character(&text, &columns);

		if (columns > width || (columns == width && text.len > 0)) {
			/* It would fit, but what follows would not. */
			set_cell(cell_at(c, y, x), "~", 1, ink);
			x++;
			break;
		}
		set_cell(cell_at(c, y, x), shown.ptr, shown.len, ink);
		if (columns == 2)
			set_cell(cell_at(c, y, x + 1), "", 0, ink);
		x += columns;
		width -= columns;
	}
	return x - start;
}

void
canvas_select(struct canvas *c, int y, int x, int width)
{
	if (y < 0 || y >= c->rows)
		return;
	for (; width > 0 && x < c->cols; x++, width--)
		cell_at(c, y, x)->selected = true;
}

void
canvas_put_row(const struct canvas *c, int y, struct buf *out)
{
	size_t start = out->len;

	for (int x = 0; x < c->cols; x++) {
		const struct cell *cell = cell_at(c, y, x);

		buf_add(out, cell->bytes, cell->n);
	}
	while (out->len > start && out->ptr[out->len - 1] == ' ')
		out->len--;
}
