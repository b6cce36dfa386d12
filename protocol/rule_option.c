/*
 * The options of a rule, all made from options.def: each type has one reader
 * and one writer, and the writer's text always reads back as the same value.
 */
#include "rule_option.h"

#include <string.h>

#include "duration.h"
#include "number.h"
#include "token.h"
#include "tstamp.h"

/* Ten years and a pebibyte: far from any overflow of a later sum. */
#define DURATION_MAX (INT64_C(3650) * 86400 * NS_PER_S)
#define BYTES_MAX (INT64_C(1) << 50)
#define CODE_MAX 999

#define RATIO_PLACES 4
#define CORES_PLACES 3

enum option_type {
	TYPE_DURATION,
	TYPE_COUNT,
	TYPE_BYTES,
	TYPE_RATIO,
	TYPE_CORES,
	TYPE_WORD,
	TYPE_TEXT,
	TYPE_LIST,
	TYPE_CODES
};

/* The fields of a row by type: WORD has its words where others have min. */
#define BOUNDS_NUMBER(min, max) NULL, min, max
#define BOUNDS_WORD(min, max) min, 0, max
#define BOUNDS_DURATION BOUNDS_NUMBER
#define BOUNDS_COUNT BOUNDS_NUMBER
#define BOUNDS_BYTES BOUNDS_NUMBER
#define BOUNDS_RATIO BOUNDS_NUMBER
#define BOUNDS_CORES BOUNDS_NUMBER
#define BOUNDS_TEXT BOUNDS_NUMBER
#define BOUNDS_LIST BOUNDS_NUMBER
#define BOUNDS_CODES BOUNDS_NUMBER

#define OPTION(name, type, def, min, max, admin, help) \
	{ #name, def, BOUNDS_##type(min, max), TYPE_##type, admin },

static const struct option {
	const char *name;
	const char *def;
	const char *words; /* WORD: "a|b|c" */
	int64_t min;
	int64_t max;
	enum option_type type;
	bool admin;
} options[OPTION_COUNT] = {
#include "options.def"
};

#undef OPTION

/* --- reading --- */

/* A value of every type that is kept as a number. */
static int
parse_number(const struct option *o, struct slice s, int64_t *out)
{
	struct err ignored;
	uint64_t v;
	int64_t ns;
	int i;

	switch (o->type) {
	case TYPE_DURATION:
		if (duration_parse(s, &ns, &ignored) == -1)
			return -1;
		v = (uint64_t)ns;
		break;
	case TYPE_COUNT:
		if (token_u64(s, INT64_MAX, &v) == -1)
			return -1;
		break;
	case TYPE_BYTES:
		if (number_parse_bytes(s, BYTES_MAX, &v) == -1)
			return -1;
		break;
	case TYPE_RATIO:
		if (number_parse_decimal(s, RATIO_PLACES, &v) == -1)
			return -1;
		break;
	case TYPE_CORES:
		if (number_parse_decimal(s, CORES_PLACES, &v) == -1)
			return -1;
		break;
	default:
		if ((i = number_of_word(s, o->words)) == -1)
			return -1;
		*out = i;
		return 0;
	}
	if ((int64_t)v < o->min || (int64_t)v > o->max)
		return -1;
	*out = (int64_t)v;
	return 0;
}

static bool
is_text_type(const struct option *o)
{
	return o->type == TYPE_TEXT || o->type == TYPE_LIST ||
	    o->type == TYPE_CODES;
}

/* Take "n" or "n-m" and the comma behind it from the front of *s. */
static int
take_codes(struct slice *s, uint64_t *low, uint64_t *high)
{
	const char *comma = memchr(s->ptr, ',', s->len);
	size_t n = comma == NULL ? s->len : (size_t)(comma - s->ptr);
	const char *dash = memchr(s->ptr, '-', n);
	size_t first = dash == NULL ? n : (size_t)(dash - s->ptr);

	if (token_u64(slice_of(s->ptr, first), CODE_MAX, low) == -1)
		return -1;
	*high = *low;
	if (dash != NULL &&
	    token_u64(slice_of(dash + 1, n - first - 1), CODE_MAX, high) == -1)
		return -1;
	n += comma != NULL;
	*s = slice_of(s->ptr + n, s->len - n);
	/* A comma at the end promises another code. */
	return *low > *high || (comma != NULL && s->len == 0) ? -1 : 0;
}

static bool
is_codes(struct slice s)
{
	uint64_t low, high;

	while (s.len != 0) {
		if (take_codes(&s, &low, &high) == -1)
			return false;
	}
	return true;
}

bool
rule_codes_match(struct slice codes, unsigned code)
{
	uint64_t low, high;

	while (codes.len != 0 && take_codes(&codes, &low, &high) == 0) {
		if (code >= low && code <= high)
			return true;
	}
	return false;
}

/* The length of the NAME of NAME=value, or 0 when it is none. */
static size_t
name_length(struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (c == '=')
			return i;
		if (!(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') &&
		    c != '_' && (i == 0 || c < '0' || c > '9'))
			return 0;
	}
	return 0;
}

static bool
has_control_byte(struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c < 0x20 || c == 0x7f)
			return true;
	}
	return false;
}

/* A user's name as useradd takes it, or a numeric id. */
static bool
is_user(struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (!(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') &&
		    !(c >= '0' && c <= '9') && c != '_' && c != '.' &&
		    (c != '-' || i == 0))
			return false;
	}
	return true;
}

/* Why a value of a text type is refused, or NULL. */
static const char *
text_fault(enum rule_option_id id, struct slice v)
{
	struct err ignored;
	bool has_nul;
	size_t n;

	if (v.len > (size_t)options[id].max)
		return "the value is too long";
	switch (id) {
	case OPTION_env:
		if (name_length(v) == 0)
			return "not NAME=value";
		has_nul = memchr(v.ptr, '\0', v.len) != NULL;
		return has_nul ? "a NUL byte in the value" : NULL;
	case OPTION_secret:
		n = name_length(v);
		if (n == 0)
			return "not NAME=secret_id";
		v = slice_of(v.ptr + n + 1, v.len - n - 1);
		return token_is_identifier(v, "secret", &ignored)
		    ? NULL
		    : "not NAME=secret_id";
	case OPTION_success:
		return is_codes(v) ? NULL : "not a list of codes";
	case OPTION_user:
		return is_user(v) ? NULL : "not a user";
	case OPTION_directory:
		if (v.ptr[0] != '/')
			return "not an absolute path";
		break;
	default:
		break;
	}
	return has_control_byte(v) ? "a control byte in the value" : NULL;
}

/* --- setting --- */

/* *to = from without the value of the same NAME, and with v. */
static int
replace_by_name(struct strings *to, const struct strings *from, struct slice v,
    struct err *e)
{
	struct slice key = slice_of(v.ptr, name_length(v) + 1);
	size_t i;

	*to = (struct strings){ 0 };
	for (i = 0; i < from->n; i++) {
		struct slice old = strings_get(from, i);

		if (slice_has_prefix(old, key))
			continue;
		if (strings_add(to, old, e) == -1)
			goto free_strings;
	}
	if (to->n == RULE_LIST_MAX) {
		(void)err_set(e, ERR_LIMIT, "more than %d values",
		    RULE_LIST_MAX);
		goto free_strings;
	}
	if (strings_add(to, v, e) == -1)
		goto free_strings;
	return 0;
free_strings:
	strings_free(to);
	return -1;
}

static int
set_text(struct rule_spec *spec, enum rule_option_id id, struct slice v,
    struct err *e)
{
	const struct option *o = &options[id];
	const char *fault = text_fault(id, v);
	struct strings next = { 0 };

	if (fault != NULL)
		return err_quote(e, ERR_INVALID, v, "option %s: %s:", o->name,
		    fault);
	if (o->type == TYPE_LIST) {
		if (replace_by_name(&next, &spec->text[id], v, e) == -1)
			return -1;
	} else if (strings_add(&next, v, e) == -1) {
		return -1;
	}
	strings_free(&spec->text[id]);
	spec->text[id] = next;
	return 0;
}

static void
set_default(struct rule_spec *spec, enum rule_option_id id)
{
	const struct option *o = &options[id];

	strings_free(&spec->text[id]);
	if (!is_text_type(o)) {
		(void)parse_number(o, slice_str(o->def), &spec->number[id]);
	}
}

void
rule_option_defaults(struct rule_spec *spec)
{
	enum rule_option_id id;

	for (id = 0; id < OPTION_COUNT; id++)
		set_default(spec, id);
}

/* OPTION_COUNT for an unknown name. */
static enum rule_option_id
find_option(struct slice name)
{
	enum rule_option_id id;

	for (id = 0; id < OPTION_COUNT; id++) {
		if (slice_eq(name, slice_str(options[id].name)))
			break;
	}
	return id;
}

static int
refuse_number(const struct option *o, struct slice value, struct err *e)
{
	struct err ignored;
	int64_t ns;

	(void)err_quote(e, ERR_INVALID, value, "option %s: invalid value",
	    o->name);
	if (o->type == TYPE_DURATION &&
	    duration_parse(value, &ns, &ignored) == -1)
		(void)err_add(e, ": write " DURATION_FORMS);
	return -1;
}

int
rule_spec_set_option(struct rule_spec *spec, struct slice pair, bool *admin,
    struct err *e)
{
	const char *equals =
	    pair.len == 0 ? NULL : memchr(pair.ptr, '=', pair.len);
	enum rule_option_id id;
	struct slice key, value;

	if (equals == NULL)
		return err_quote(e, ERR_INVALID, pair,
		    "expected key=value, not");
	key = slice_of(pair.ptr, (size_t)(equals - pair.ptr));
	value = slice_of(equals + 1, pair.len - key.len - 1);
	if ((id = find_option(key)) == OPTION_COUNT)
		return err_quote(e, ERR_INVALID, key, "unknown option");
	if (options[id].admin)
		*admin = true;
	if (value.len == 0 || slice_eq(value, slice_str("-"))) {
		set_default(spec, id);
		return 0;
	}
	if (is_text_type(&options[id]))
		return set_text(spec, id, value, e);
	if (parse_number(&options[id], value, &spec->number[id]) == -1)
		return refuse_number(&options[id], value, e);
	return 0;
}

int
rule_spec_check(const struct rule_spec *spec, struct err *e)
{
	if (spec->number[OPTION_network] == NETWORK_OFF &&
	    spec->number[OPTION_sandbox] == SANDBOX_NONE)
		return err_set(e, ERR_INVALID, "network=off needs a sandbox");
	return 0;
}

/* --- writing --- */

static void
put_number(struct buf *out, const struct option *o, int64_t v)
{
	switch (o->type) {
	case TYPE_DURATION:
		if (v == 0)
			buf_add_byte(out, '0');
		else
			duration_put(out, v);
		break;
	case TYPE_BYTES:
		number_put_bytes(out, (uint64_t)v);
		break;
	case TYPE_RATIO:
		buf_add_decimal(out, (uint64_t)v, RATIO_PLACES);
		break;
	case TYPE_CORES:
		buf_add_decimal(out, (uint64_t)v, CORES_PLACES);
		break;
	case TYPE_WORD:
		buf_add_slice(out, number_word(o->words, v));
		break;
	default:
		buf_add_i64(out, v);
		break;
	}
}

const char *
rule_option_name(enum rule_option_id id)
{
	return options[id].name;
}

bool
rule_option_value(const struct rule_spec *spec, enum rule_option_id id,
    size_t i, struct buf *out)
{
	const struct strings *text = &spec->text[id];

	if (is_text_type(&options[id]) && i < text->n) {
		buf_add_slice(out, strings_get(text, i));
		return true;
	}
	if (i > 0)
		return false;
	if (is_text_type(&options[id]))
		buf_add_byte(out, '-');
	else
		put_number(out, &options[id], spec->number[id]);
	return true;
}

bool
rule_option_is_default(const struct rule_spec *spec, enum rule_option_id id)
{
	int64_t v = 0;

	if (is_text_type(&options[id]))
		return spec->text[id].n == 0;
	(void)parse_number(&options[id], slice_str(options[id].def), &v);
	return spec->number[id] == v;
}
