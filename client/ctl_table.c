#include "ctl_table.h"

#include <string.h>

#include "ctl_text.h"

#define GAP 2 /* blanks between columns */

void
table_cell(struct table *t, struct slice text)
{
	size_t start = t->cells.len;
	size_t width;

	/* What is shown holds no control byte, so '\0' and '\n' are ours. */
	text_put_visible(&t->cells, text, true);
	if (t->cells.failed)
		return;
	width =
	    text_width(slice_of(t->cells.ptr + start, t->cells.len - start));
	if (t->column < TABLE_COLUMNS_MAX && width > t->width[t->column] &&
	    t->n_rows < TABLE_SAMPLE)
		t->width[t->column] = width;
	t->column++;
	buf_add_byte(&t->cells, '\0');
}

int
table_end_row(struct table *t, FILE *to)
{
	buf_add_byte(&t->cells, '\n');
	t->column = 0;
	t->n_rows++;
	if (t->cells.failed)
		return -1;
	return t->n_rows < TABLE_SAMPLE ? 0 : table_flush(t, to);
}

static void
print_cell(struct table *t, FILE *to, const char *cell, bool last)
{
	size_t width = text_width(slice_str(cell));

	(void)fputs(cell, to);
	if (last)
		return;
	do {
		(void)fputc(' ', to);
	} while (t->column < TABLE_COLUMNS_MAX &&
	    ++width < t->width[t->column] + GAP);
}

int
table_flush(struct table *t, FILE *to)
{
	const char *p = t->cells.ptr;
	const char *end;

	if (t->cells.failed)
		return -1;
	if (t->cells.len == 0)
		return ferror(to) ? -1 : 0;
	end = p + t->cells.len;
	while (p != end) {
		if (*p == '\n') {
			(void)fputc('\n', to);
			t->column = 0;
			p++;
			continue;
		}
		print_cell(t, to, p, p[strlen(p) + 1] == '\n');
		t->column++;
		p += strlen(p) + 1;
	}
	t->column = 0;
	t->n_rows = 0;
	buf_clear(&t->cells);
	return ferror(to) ? -1 : 0;
}

void
table_fini(struct table *t)
{
	buf_free(&t->cells);
}
