#include "config_value.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "duration.h"
#include "ini.h"
#include "number.h"
#include "token.h"

#define BYTES_MAX (UINT64_C(1) << 60)

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* ---- Text to values ---- */

static int
parse_bool(struct slice text, bool *yes, struct err *e)
{
	static const char *const words[] = { "false", "true", "off", "on", "no",
		"yes", "0", "1" };
	size_t i;

	for (i = 0; i < COUNT_OF(words); i++) {
		if (slice_eq(text, slice_str(words[i]))) {
			*yes = i % 2 == 1;
			return 0;
		}
	}
	return err_quote(e, ERR_INVALID, text, "neither true nor false:");
}

static int
parse_word(const struct config_key *k, struct slice text, int *index,
    struct err *e)
{
	if ((*index = number_of_word(text, k->words)) == -1)
		return err_quote(e, ERR_INVALID, text, "none of %s:", k->words);
	return 0;
}

static int
parse_number(enum config_type type, struct slice text, int64_t *number,
    struct err *e)
{
	uint64_t n = 0;

	switch (type) {
	case TYPE_COUNT:
		if (token_u64(text, INT64_MAX, &n) == -1)
			return err_quote(e, ERR_INVALID, text,
			    "not a whole number:");
		break;
	case TYPE_BYTES:
		if (number_parse_bytes(text, BYTES_MAX, &n) == -1)
			return err_quote(e, ERR_INVALID, text,
			    "not a size such as 64KiB:");
		break;
	case TYPE_DURATION:
		return duration_parse(text, number, e);
	default:
		if (number_parse_decimal(text, DECIMAL_PLACES, &n) == -1)
			return err_quote(e, ERR_INVALID, text,
			    "not a number with at most %d places:",
			    DECIMAL_PLACES);
	}
	*number = (int64_t)n;
	return 0;
}

static int
parse_string(const struct config_key *k, struct slice text, char **string,
    struct err *e)
{
	if (text.len == 0 || slice_eq(text, slice_str("-"))) {
		if (k->min > 0)
			return err_set(e, ERR_INVALID, "must not be empty");
		*string = NULL;
		return 0;
	}
	if (text.len > (size_t)k->max)
		return err_set(e, ERR_INVALID, "longer than %zu bytes",
		    (size_t)k->max);
	*string = slice_dup(text);
	return *string == NULL ? err_nomem(e) : 0;
}

static bool
is_list(enum config_type type)
{
	return type == TYPE_STRINGS || type == TYPE_ADDRESSES;
}

static int
check_list(const struct config_key *k, const struct strings *list,
    struct err *e)
{
	struct address ignored;
	size_t i;

	if (list->n < (size_t)k->min)
		return err_set(e, ERR_INVALID, "must not be empty");
	if (list->n > (size_t)k->max)
		return err_set(e, ERR_INVALID, "more than %zu items",
		    (size_t)k->max);
	if (k->type != TYPE_ADDRESSES)
		return 0;
	for (i = 0; i < list->n; i++) {
		if (address_parse(strings_get(list, i), &ignored, e) == -1)
			return -1;
	}
	return 0;
}

static int
parse_list(const struct config_key *k, struct slice raw, struct strings *list,
    struct err *e)
{
	bool none = slice_eq(raw, slice_str("-"));

	*list = (struct strings){ 0 };
	if ((none || ini_list(raw, list, e) == 0) &&
	    check_list(k, list, e) == 0)
		return 0;
	strings_free(list);
	return -1;
}

/* ---- Values to text ---- */

static void
put_number(enum config_type type, int64_t number, struct buf *out)
{
	switch (type) {
	case TYPE_BYTES:
		number_put_bytes(out, (uint64_t)number);
		break;
	case TYPE_DURATION:
		duration_put(out, number);
		break;
	case TYPE_DECIMAL:
		buf_add_decimal(out, (uint64_t)number, DECIMAL_PLACES);
		break;
	default:
		buf_add_i64(out, number);
	}
}

/* As ini_string reads it back. */
static void
put_quoted(struct slice s, struct buf *out)
{
	static const char bytes[] = "\"\\\n\r\t";
	static const char letters[] = "\"\\nrt";
	const char *known;
	size_t i;

	buf_add_byte(out, '"');
	for (i = 0; i < s.len; i++) {
		known = memchr(bytes, s.ptr[i], sizeof(bytes) - 1);
		if (known == NULL) {
			buf_add_byte(out, s.ptr[i]);
			continue;
		}
		buf_add_byte(out, '\\');
		buf_add_byte(out, letters[known - bytes]);
	}
	buf_add_byte(out, '"');
}

static void
put_string(const char *s, struct buf *out)
{
	if (s == NULL)
		buf_add_byte(out, '-');
	else if (s[0] == '"' || s[0] == '\'')
		put_quoted(slice_str(s), out);
	else
		buf_add_str(out, s);
}

/* Whether the items can stand side by side with commas between them. */
static bool
is_plain(const struct strings *strings)
{
	struct slice s;
	size_t i;
	size_t j;

	for (i = 0; i < strings->n; i++) {
		s = strings_get(strings, i);
		if (s.len == 0 || slice_eq(s, slice_str("-")))
			return false;
		for (j = 0; j < s.len; j++) {
			if ((unsigned char)s.ptr[j] <= ' ' ||
			    strchr(",\"'[", s.ptr[j]) != NULL)
				return false;
		}
	}
	return true;
}

static void
put_strings(const struct strings *strings, struct buf *out)
{
	bool plain = is_plain(strings);
	size_t i;

	if (strings->n == 0)
		buf_add_byte(out, '-');
	for (i = 0; i < strings->n; i++) {
		if (plain) {
			buf_add_str(out, i == 0 ? "" : ",");
			buf_add_slice(out, strings_get(strings, i));
		} else {
			buf_add_str(out, i == 0 ? "[" : ", ");
			put_quoted(strings_get(strings, i), out);
		}
	}
	if (!plain)
		buf_add_byte(out, ']');
}

/* ---- One value ---- */

size_t
config_value_size(enum config_type type)
{
	static const size_t sizes[] = {
		[TYPE_BOOL] = sizeof(CONFIG_C_BOOL),
		[TYPE_COUNT] = sizeof(CONFIG_C_COUNT),
		[TYPE_BYTES] = sizeof(CONFIG_C_BYTES),
		[TYPE_DURATION] = sizeof(CONFIG_C_DURATION),
		[TYPE_DECIMAL] = sizeof(CONFIG_C_DECIMAL),
		[TYPE_STRING] = sizeof(CONFIG_C_STRING),
		[TYPE_WORD] = sizeof(CONFIG_C_WORD),
		[TYPE_STRINGS] = sizeof(CONFIG_C_STRINGS),
		[TYPE_ADDRESSES] = sizeof(CONFIG_C_ADDRESSES),
	};

	return sizes[type];
}

void
config_value_clear(enum config_type type, void *value)
{
	if (type == TYPE_STRING)
		free(*(char **)value);
	if (is_list(type))
		strings_free(value);
}

static void
store_number(enum config_type type, int64_t number, union config_value *v)
{
	switch (type) {
	case TYPE_COUNT:
		v->count = (uint32_t)number;
		break;
	case TYPE_BYTES:
		v->bytes = (size_t)number;
		break;
	case TYPE_DURATION:
		v->duration_ns = number;
		break;
	default:
		v->decimal = (double)number / DECIMAL_ONE;
	}
}

static int64_t
load_number(enum config_type type, const void *value)
{
	switch (type) {
	case TYPE_COUNT:
		return *(const uint32_t *)value;
	case TYPE_BYTES:
		return (int64_t)((const size_t *)value)[0];
	case TYPE_DURATION:
		return *(const int64_t *)value;
	default: /* DECIMAL: a multiple of 1/DECIMAL_ONE when it was stored */
		return (int64_t)(*(const double *)value * DECIMAL_ONE + 0.5);
	}
}

static int
check_bounds(const struct config_key *k, int64_t number, struct err *e)
{
	bool above = number > k->max;
	struct buf why = { 0 };

	if (!above && number >= k->min)
		return 0;
	put_number(k->type, number, &why);
	buf_add_str(&why, above ? " is above " : " is below ");
	put_number(k->type, above ? k->max : k->min, &why);
	if (why.failed)
		(void)err_nomem(e);
	else
		(void)err_set(e, ERR_INVALID, "%.*s", (int)why.len, why.ptr);
	buf_free(&why);
	return -1;
}

/* A value whose quotes are gone. */
static int
parse_text(const struct config_key *k, struct slice text, union config_value *v,
    struct err *e)
{
	int64_t number = 0;

	switch (k->type) {
	case TYPE_BOOL:
		return parse_bool(text, &v->yes, e);
	case TYPE_WORD:
		return parse_word(k, text, &v->word, e);
	case TYPE_STRING:
		return parse_string(k, text, &v->string, e);
	default:
		if (parse_number(k->type, text, &number, e) == -1 ||
		    check_bounds(k, number, e) == -1)
			return -1;
		store_number(k->type, number, v);
		return 0;
	}
}

int
config_value_parse(const struct config_key *k, struct slice raw,
    union config_value *v, struct err *e)
{
	struct buf text = { 0 };
	int r;

	if (is_list(k->type))
		return parse_list(k, raw, &v->strings, e);
	r = ini_string(raw, &text, e);
	if (r == 0)
		r = parse_text(k, buf_slice(&text), v, e);
	buf_free(&text);
	return r;
}

void
config_value_put(const struct config_key *k, const void *value, struct buf *out)
{
	switch (k->type) {
	case TYPE_BOOL:
		buf_add_byte(out, *(const bool *)value ? '1' : '0');
		break;
	case TYPE_WORD:
		buf_add_slice(out, number_word(k->words, *(const int *)value));
		break;
	case TYPE_STRING:
		put_string(*(char *const *)value, out);
		break;
	case TYPE_STRINGS:
	case TYPE_ADDRESSES:
		put_strings(value, out);
		break;
	default:
		put_number(k->type, load_number(k->type, value), out);
	}
}

void
config_value_put_range(const struct config_key *k, struct buf *out)
{
	switch (k->type) {
	case TYPE_BOOL:
		buf_add_str(out, " (true or false)");
		break;
	case TYPE_WORD:
		buf_addf(out, " (%s)", k->words);
		break;
	case TYPE_STRING:
	case TYPE_STRINGS:
	case TYPE_ADDRESSES:
		break;
	default:
		buf_add_str(out, " (");
		put_number(k->type, k->min, out);
		buf_add_str(out, " to ");
		put_number(k->type, k->max, out);
		buf_add_byte(out, ')');
	}
}
