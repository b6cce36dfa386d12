#include "ctl_json.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_text.h"

json_t *
json_text(const struct tick_word *w)
{
	struct buf text = { 0 };
	json_t *value = NULL;

	text_put_utf8(&text, slice_of(w->ptr, w->len));
	if (!text.failed)
		value = json_stringn(text.len > 0 ? text.ptr : "", text.len);
	buf_free(&text);
	return value;
}

json_t *
json_list(const struct tick_word *words, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n && list != NULL; i++) {
		if (json_array_append_new(list, json_text(&words[i])) == -1) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

/* A number; text where it is none, for a server newer than we are. */
static json_t *
json_number_of(const struct tick_word *w)
{
	char *end;
	long long integer;
	double real;

	if (w->len == 0 || strspn(w->ptr, "0123456789.-") != w->len)
		return json_text(w);
	errno = 0;
	integer = strtoll(w->ptr, &end, 10);
	if (*end == '\0' && errno == 0)
		return json_integer(integer);
	errno = 0;
	real = strtod(w->ptr, &end);
	if (*end == '\0' && errno == 0 && strchr(w->ptr, '.') != NULL)
		return json_real(real);
	return json_text(w);
}

static json_t *
json_value(enum field_type type, const struct tick_word *w)
{
	bool none = w->len == 1 && w->ptr[0] == '-';

	switch (type) {
	case FIELD_NUMBER:
	case FIELD_TIME:
	case FIELD_SPAN:
		return none ? json_null() : json_number_of(w);
	case FIELD_FLAG:
		if (w->len == 1 && (w->ptr[0] == '0' || w->ptr[0] == '1'))
			return json_boolean(w->ptr[0] == '1');
		return json_text(w);
	case FIELD_WORD:
		return none ? json_null() : json_text(w);
	default:
		return json_text(w);
	}
}

/* "-" alone stands for no value. */
static bool
is_no_value(const struct tick_word *words, size_t n)
{
	return n == 1 && strcmp(words[0].ptr, "-") == 0;
}

int
json_set_fields(json_t *object, struct fields fields,
    const struct tick_row *row)
{
	for (size_t i = 0; i < row->n_words && i < fields.n; i++) {
		const struct field *f = &fields.at[i];
		const struct tick_word *w = &row->words[i];
		bool list = f->type == FIELD_LIST;
		size_t n = row->n_words - i;

		if (f->name[0] == '\0')
			continue;
		if (is_no_value(w, n))
			n = 0;
		if (json_object_set_new(object, f->name,
			list ? json_list(w, n) : json_value(f->type, w)) == -1)
			return -1;
		if (list)
			break;
	}
	return 0;
}

json_t *
json_fields(struct fields fields, const struct tick_row *row)
{
	json_t *object = json_object();

	if (object != NULL && json_set_fields(object, fields, row) == -1) {
		json_decref(object);
		return NULL;
	}
	return object;
}

int
json_add_row(json_t *object, struct fields fields, const struct tick_row *row)
{
	const char *key = fields.at[0].name;
	json_t *list = json_object_get(object, key);

	if (list == NULL) {
		if ((list = json_array()) == NULL ||
		    json_object_set_new(object, key, list) == -1)
			return -1;
	}
	return json_array_append_new(list, json_fields(fields, row));
}

/* Make the member `key` an array, if it is none, and append the words. */
static int
append_values(json_t *object, const char *key, const struct tick_word *words,
    size_t n)
{
	json_t *list = json_object_get(object, key);

	if (list == NULL || !json_is_array(list)) {
		json_t *first = list;

		if ((list = json_array()) == NULL ||
		    (first != NULL && json_array_append(list, first) == -1) ||
		    json_object_set_new(object, key, list) == -1)
			return -1;
	}
	if (is_no_value(words, n))
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (json_array_append_new(list, json_text(&words[i])) == -1)
			return -1;
	}
	return 0;
}

int
json_add_pair(json_t *object, const struct view *v, const struct tick_row *row)
{
	const struct tick_word *w = row->words;
	struct buf key = { 0 };
	enum field_type type;
	int r;

	text_put_utf8(&key, slice_of(w[0].ptr, w[0].len));
	buf_add_byte(&key, '\0');
	if (key.failed)
		return -1;
	type = view_key_type(v, slice_of(w[0].ptr, w[0].len));
	if (type == FIELD_LIST || row->n_words != 2 ||
	    json_object_get(object, key.ptr) != NULL)
		r = append_values(object, key.ptr, w + 1, row->n_words - 1);
	else
		r = json_object_set_new(object, key.ptr,
		    json_value(type, &w[1]));
	buf_free(&key);
	return r;
}
