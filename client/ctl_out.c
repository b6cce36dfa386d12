#include "ctl_out.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl_bar.h"
#include "ctl_json.h"
#include "ctl_text.h"
#include "duration.h"
#include "token.h"
#include "tstamp.h"

void
out_init(struct out *o, FILE *to, enum ctl_form form, bool quiet,
    const struct view *view)
{
	*o = (struct out){ .to = to, .quiet = quiet, .view = *view };
	o->utf8 = bar_utf8();
	o->form = form;
	if (form == FORM_AUTO)
		o->form = isatty(fileno(to)) ? FORM_TABLE : FORM_PLAIN;
}

void
out_fini(struct out *o)
{
	table_fini(&o->table);
	buf_free(&o->line);
	json_decref(o->object);
}

static struct slice
word_slice(const struct tick_word *w)
{
	return slice_of(w->ptr, w->len);
}

/* Print o->line and a newline, and empty it. */
static int
print_line(struct out *o)
{
	buf_add_byte(&o->line, '\n');
	if (o->line.failed)
		return -1;
	(void)fwrite(o->line.ptr, 1, o->line.len, o->to);
	buf_clear(&o->line);
	return ferror(o->to) ? -1 : 0;
}

/* The protocol's own line. */
static int
print_words(struct out *o, const char *first, const struct tick_row *row)
{
	buf_add_str(&o->line, first);
	for (size_t i = 0; i < row->n_words; i++) {
		if (o->line.len > 0)
			buf_add_byte(&o->line, ' ');
		token_quote(&o->line, word_slice(&row->words[i]));
	}
	return print_line(o);
}

/*
 * Plain: words between tabs.
 */

static int
print_plain(struct out *o, const char *first, const struct tick_row *row)
{
	buf_add_str(&o->line, first);
	for (size_t i = 0; i < row->n_words; i++) {
		if (i > 0 || *first != '\0')
			buf_add_byte(&o->line, '\t');
		text_put_visible(&o->line, word_slice(&row->words[i]), false);
	}
	return print_line(o);
}

/*
 * Tables.
 */

/* A duration, to the precision that somebody looks at. */
static void
put_span(struct buf *out, uint64_t ns)
{
	uint64_t unit = ns >= 60 * (uint64_t)NS_PER_S ? (uint64_t)NS_PER_S
						      : (uint64_t)NS_PER_MS;

	duration_put(out, (int64_t)(ns >= unit ? ns / unit * unit : ns));
}

/* A value as people read it, into the table. */
static void
show_value(struct out *o, enum field_type type, const struct tick_word *w)
{
	uint64_t v;

	buf_clear(&o->line);
	if ((type != FIELD_TIME && type != FIELD_SPAN) ||
	    token_u64(word_slice(w), INT64_MAX, &v) == -1) {
		table_cell(&o->table, word_slice(w));
		return;
	}
	if (type == FIELD_SPAN)
		put_span(&o->line, v);
	else if (v == 0)
		buf_add_str(&o->line, "never");
	else
		tstamp_put_utc(&o->line, (int64_t)v / NS_PER_MS * NS_PER_MS);
	table_cell(&o->table, buf_slice(&o->line));
	buf_clear(&o->line);
}

/* Several words as one value, quoted where they need it. */
static void
show_list(struct out *o, const struct tick_word *words, size_t n)
{
	buf_clear(&o->line);
	if (n == 1) {
		table_cell(&o->table, word_slice(words));
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_add_byte(&o->line, ' ');
		token_quote(&o->line, word_slice(&words[i]));
	}
	table_cell(&o->table, buf_slice(&o->line));
	buf_clear(&o->line);
}

/* The name of a field, without the unit that is no longer there. */
static struct slice
shown_name(const char *name, size_t n, enum field_type type)
{
	if ((type == FIELD_TIME || type == FIELD_SPAN) && n > 3 &&
	    memcmp(name + n - 3, "_ns", 3) == 0)
		n -= 3;
	return slice_of(name, n);
}

/* Of the columns that the first row has. */
static int
show_heading(struct out *o, struct fields fields, size_t n)
{
	for (size_t k = 0; k < fields.n && k < n; k++) {
		const struct field *f = &fields.at[k];
		struct slice name =
		    shown_name(f->name, strlen(f->name), f->type);

		buf_clear(&o->line);
		for (size_t i = 0; i < name.len; i++) {
			int c = toupper((unsigned char)name.ptr[i]);

			buf_add_byte(&o->line, (char)c);
		}
		table_cell(&o->table, buf_slice(&o->line));
	}
	buf_clear(&o->line);
	return table_end_row(&o->table, o->to);
}

/* A share from 0 to 1 as a bar. */
static void
show_bar(struct out *o, const struct tick_word *w)
{
	buf_clear(&o->line);
	bar_put(&o->line, strtod(w->ptr, NULL), BAR_WIDTH, o->utf8);
	table_cell(&o->table, buf_slice(&o->line));
	buf_clear(&o->line);
}

/* The words of a row by these fields; beyond them as they are. */
static int
show_fields(struct out *o, struct fields fields, const struct tick_row *row)
{
	const struct tick_word *bar = NULL;

	for (size_t i = 0; i < row->n_words; i++) {
		static const struct field unknown = { "", FIELD_TEXT };
		const struct field *f = i < fields.n ? &fields.at[i] : &unknown;

		if (f->type == FIELD_LIST) {
			show_list(o, row->words + i, row->n_words - i);
			break;
		}
		if (o->view.bar != NULL && strcmp(f->name, o->view.bar) == 0)
			bar = &row->words[i];
		show_value(o, f->type, &row->words[i]);
	}
	if (bar != NULL)
		show_bar(o, bar);
	return table_end_row(&o->table, o->to);
}

static int
show_pair(struct out *o, const struct tick_row *row)
{
	struct slice key = word_slice(&row->words[0]);
	enum field_type type = view_key_type(&o->view, key);

	table_cell(&o->table, shown_name(key.ptr, key.len, type));
	if (row->n_words == 2)
		show_value(o, type, &row->words[1]);
	else
		show_list(o, row->words + 1, row->n_words - 1);
	return table_end_row(&o->table, o->to);
}

/* Between pairs and a list: a blank line, and columns of their own. */
static int
change_table(struct out *o, bool to_list)
{
	o->in_list = to_list;
	if (o->n_rows == 1)
		return 0;
	if (table_flush(&o->table, o->to) == -1)
		return -1;
	table_fini(&o->table);
	o->table = (struct table){ 0 };
	return fputc('\n', o->to) == EOF ? -1 : 0;
}

static int
show_row(struct out *o, const struct tick_row *row)
{
	bool pair = view_is_pair(&o->view, row);
	struct fields fields = { NULL, 0 };
	bool first = o->n_rows == 1 || o->in_list == pair;

	if (o->in_list == pair && change_table(o, !pair) == -1)
		return -1;
	if (pair)
		return show_pair(o, row);
	if (o->view.kind == VIEW_ROWS)
		fields = o->view.fields;
	else if (o->view.kind == VIEW_PAIRS)
		fields = o->view.rows;
	if (first && fields.n > 0 && !o->view.untitled &&
	    show_heading(o, fields, row->n_words) == -1)
		return -1;
	return show_fields(o, fields, row);
}

/*
 * JSON.
 */

/* Print and release; NULL is a failure. */
static int
print_json(struct out *o, json_t *value)
{
	const size_t flags = JSON_COMPACT | JSON_REAL_PRECISION(15);
	int r = -1;

	if (value != NULL && json_dumpf(value, o->to, flags) == 0 &&
	    fputc('\n', o->to) != EOF)
		r = 0;
	json_decref(value);
	return r;
}

/* {"ok":true}, or the words. */
static json_t *
json_ok(const struct tick_row *ok)
{
	if (ok->n_words == 0)
		return json_pack("{s:b}", "ok", 1);
	return json_pack("{s:o}", "ok", json_list(ok->words, ok->n_words));
}

static int
row_as_json(struct out *o, const struct tick_row *row)
{
	if (o->view.kind == VIEW_ROWS)
		return print_json(o, json_fields(o->view.fields, row));
	if (o->view.kind != VIEW_PAIRS || row->n_words == 0)
		return print_json(o,
		    json_pack("{s:o}", "row",
			json_list(row->words, row->n_words)));
	if (o->object == NULL && (o->object = json_object()) == NULL)
		return -1;
	return view_is_pair(&o->view, row)
	    ? json_add_pair(o->object, &o->view, row)
	    : json_add_row(o->object, o->view.rows, row);
}

static int
end_as_json(struct out *o, const struct tick_row *ok)
{
	json_t *object = o->object;

	if (object != NULL) {
		if (json_set_fields(object, o->view.ok, ok) == -1)
			return -1;
		o->object = NULL;
		return print_json(o, object);
	}
	if (ok->n_words == 0 && (o->quiet || o->view.kind == VIEW_ROWS))
		return 0;
	if (o->view.kind == VIEW_VALUES)
		return print_json(o, json_fields(o->view.fields, ok));
	return print_json(o, json_ok(ok));
}

/*
 * Any form.
 */

int
out_row(struct out *o, const struct tick_row *row)
{
	o->n_rows++;
	if (o->form == FORM_JSON)
		return row_as_json(o, row);
	if (o->view.kind == VIEW_LINES)
		return print_words(o, "", row);
	return o->form == FORM_TABLE ? show_row(o, row)
				     : print_plain(o, "", row);
}

/* The last line, when it has something to say. */
static int
end_as_text(struct out *o, const struct tick_row *ok)
{
	if (o->view.kind == VIEW_LINES)
		return o->quiet && ok->n_words == 0 ? 0
						    : print_words(o, "OK", ok);
	if (o->view.kind == VIEW_ROWS && o->n_rows == 0 &&
	    o->form == FORM_TABLE && !o->quiet)
		return print_plain(o, "(none)", ok);
	if (ok->n_words == 0) {
		bool bare = o->n_rows == 0 && !o->quiet &&
		    o->view.kind != VIEW_ROWS && o->view.kind != VIEW_PAIRS;

		return bare ? print_plain(o, "OK", ok) : 0;
	}
	if (o->view.kind != VIEW_VALUES && o->n_rows > 0)
		return print_plain(o, "OK", ok);
	if (o->form != FORM_TABLE)
		return print_plain(o, "", ok);
	if (show_fields(o, o->view.fields, ok) == -1)
		return -1;
	return table_flush(&o->table, o->to);
}

int
out_flush(struct out *o)
{
	if (table_flush(&o->table, o->to) == -1)
		return -1;
	return fflush(o->to) == 0 && !ferror(o->to) ? 0 : -1;
}

int
out_end(struct out *o, const struct tick_row *ok)
{
	if (table_flush(&o->table, o->to) == -1)
		return -1;
	if ((o->form == FORM_JSON ? end_as_json(o, ok) : end_as_text(o, ok)) ==
	    -1)
		return -1;
	return out_flush(o);
}
