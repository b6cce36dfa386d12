/*
 * Every value, wherever it comes from, goes through assign(): parsed by the
 * type of its row into a union, then moved into its field, so that a bad or a
 * weaker value changes nothing. Reasons are made without a place; blame()
 * puts the place in front, once, where it is known.
 */
#include "config.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ini.h"
#include "token.h"
#include "tstamp.h"

#define PATH_BYTES_MAX 4095
#define LOGFILE_PATH_MAX 4080 /* room for ".base.tmp" */
#define COUNT_MAX UINT32_MAX
#define BYTES_MAX (INT64_C(1) << 50)
/* Over a century: now plus this is still a time. */
#define DURATION_MAX (UINT32_MAX * NS_PER_S)
#define DECIMAL_ONE 10000
#define DECIMAL_PLACES 4

#define VARIABLE_MAX 64

enum config_type {
	TYPE_BOOL,
	TYPE_COUNT,
	TYPE_BYTES,
	TYPE_DURATION,
	TYPE_DECIMAL,
	TYPE_STRING,
	TYPE_WORD,
	TYPE_STRINGS
};

static const size_t type_size[] = {
	[TYPE_BOOL] = sizeof(CONFIG_C_BOOL),
	[TYPE_COUNT] = sizeof(CONFIG_C_COUNT),
	[TYPE_BYTES] = sizeof(CONFIG_C_BYTES),
	[TYPE_DURATION] = sizeof(CONFIG_C_DURATION),
	[TYPE_DECIMAL] = sizeof(CONFIG_C_DECIMAL),
	[TYPE_STRING] = sizeof(CONFIG_C_STRING),
	[TYPE_WORD] = sizeof(CONFIG_C_WORD),
	[TYPE_STRINGS] = sizeof(CONFIG_C_STRINGS),
};

union value {
	CONFIG_C_BOOL yes;
	CONFIG_C_COUNT count;
	CONFIG_C_BYTES bytes;
	CONFIG_C_DURATION duration_ns;
	CONFIG_C_DECIMAL decimal;
	CONFIG_C_STRING string;
	CONFIG_C_WORD word;
	CONFIG_C_STRINGS strings;
};

struct config_key {
	const char *section;
	const char *key;
	const char *name; /* section.key */
	enum config_type type;
	size_t offset; /* of the field in struct config */
	const char *def;
	const char *words; /* WORD: separated by '|' */
	int64_t min;	   /* DECIMAL: in 1/DECIMAL_ONE */
	int64_t max;
	const char *help;
};

#define BOUNDS_BOOL(lo, hi) .max = 1
#define BOUNDS_COUNT(lo, hi) .min = (lo), .max = (hi)
#define BOUNDS_BYTES(lo, hi) .min = (lo), .max = (hi)
#define BOUNDS_DURATION(lo, hi) .min = (lo), .max = (hi)
#define BOUNDS_DECIMAL(lo, hi) .min = (lo)*DECIMAL_ONE, .max = (hi)*DECIMAL_ONE
#define BOUNDS_STRING(lo, hi) .min = (lo), .max = (hi)
#define BOUNDS_WORD(lo, hi) .words = (lo)
#define BOUNDS_STRINGS(lo, hi) .min = (lo), .max = (hi)

static const struct config_key keys[CONFIG_COUNT] = {
#define CONFIG(section_, key_, type_, def_, min_, max_, help_) \
	[CONFIG_##section_##_##key_] = { .section = #section_, \
		.key = #key_, \
		.name = #section_ "." #key_, \
		.type = TYPE_##type_, \
		.offset = offsetof(struct config, section_##_##key_), \
		.def = (def_), \
		BOUNDS_##type_(min_, max_), \
		.help = (help_) },
#include "config.def"
#undef CONFIG
};

/* Names of the environment beside TICKD_SECTION_KEY, which is stronger. */
static const struct {
	const char *variable;
	enum config_id id;
} aliases[] = {
	{ "HEALTH_POLLING_ENABLED", CONFIG_health_polling_enabled },
	{ "HEALTH_POLLING_INTERVAL", CONFIG_health_polling_interval },
	{ "ALERT_ERROR_RATE_THRESHOLD", CONFIG_alerts_agent_error_rate },
	{ "ALERT_LATENCY_THRESHOLD", CONFIG_alerts_integration_latency_ms },
	{ "ALERT_QUEUE_DEPTH_THRESHOLD", CONFIG_alerts_queue_depth_warning },
};

/* Long forms first: they are the ones shown. */
static const struct {
	const char *suffix;
	unsigned shift;
} byte_units[] = {
	{ "TiB", 40 },
	{ "GiB", 30 },
	{ "MiB", 20 },
	{ "KiB", 10 },
	{ "T", 40 },
	{ "G", 30 },
	{ "M", 20 },
	{ "K", 10 },
	{ "B", 0 },
	{ "", 0 },
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static struct slice
skip(struct slice s, size_t n)
{
	return slice_of(s.ptr + n, s.len - n);
}

static void *
field_of(struct config *c, const struct config_key *k)
{
	return (char *)c + k->offset;
}

static const void *
value_of(const struct config *c, const struct config_key *k)
{
	return (const char *)c + k->offset;
}

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
	const char *word = k->words;
	size_t n;
	int i;

	for (i = 0;; i++) {
		n = strcspn(word, "|");
		if (slice_eq(text, slice_of(word, n))) {
			*index = i;
			return 0;
		}
		if (word[n] == '\0')
			break;
		word += n + 1;
	}
	return err_quote(e, ERR_INVALID, text, "none of %s:", k->words);
}

/* A whole number with a unit of byte_units. */
static int
parse_bytes(struct slice s, int64_t *bytes)
{
	struct slice digits = s;
	uint64_t number;
	size_t i;

	while (digits.len > 0 && isalpha((unsigned char)digits.ptr[digits.len - 1]))
		digits.len--;
	for (i = 0; i < COUNT_OF(byte_units); i++) {
		if (slice_eq(skip(s, digits.len),
			slice_str(byte_units[i].suffix)))
			break;
	}
	if (i == COUNT_OF(byte_units) ||
	    token_u64(digits, UINT64_C(1) << 60, &number) == -1 ||
	    number > (UINT64_C(1) << 60) >> byte_units[i].shift)
		return -1;
	*bytes = (int64_t)(number << byte_units[i].shift);
	return 0;
}

/* `12`, `0.25`: to 1/DECIMAL_ONE. */
static int
parse_decimal(struct slice s, int64_t *decimal)
{
	const char *point = memchr(s.ptr, '.', s.len);
	struct slice whole = s;
	struct slice places = slice_str("0");
	uint64_t w;
	uint64_t p;
	size_t i;

	if (point != NULL) {
		whole.len = (size_t)(point - s.ptr);
		places = skip(s, whole.len + 1);
	}
	if (places.len > DECIMAL_PLACES ||
	    token_u64(whole, UINT32_MAX, &w) == -1 ||
	    token_u64(places, UINT32_MAX, &p) == -1)
		return -1;
	for (i = places.len; i < DECIMAL_PLACES; i++)
		p *= 10;
	*decimal = (int64_t)(w * DECIMAL_ONE + p);
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
		*number = (int64_t)n;
		return 0;
	case TYPE_BYTES:
		if (parse_bytes(text, number) == -1)
			return err_quote(e, ERR_INVALID, text,
			    "not a size such as 64KiB:");
		return 0;
	case TYPE_DURATION:
		return tstamp_parse_setting(text, number, e);
	default:
		if (parse_decimal(text, number) == -1)
			return err_quote(e, ERR_INVALID, text,
			    "not a number with at most %d places:",
			    DECIMAL_PLACES);
		return 0;
	}
}

static int
parse_string(const struct config_key *k, struct slice text, char **string,
    struct err *e)
{
	if (text.len == 0 || slice_eq(text, slice_str("-"))) {
		*string = NULL;
		return k->min == 0 ? 0 :
		    err_set(e, ERR_INVALID, "must not be empty");
	}
	if (text.len > (size_t)k->max)
		return err_set(e, ERR_INVALID, "longer than %zu bytes",
		    (size_t)k->max);
	*string = strndup(text.ptr, text.len);
	return *string == NULL ? err_nomem(e) : 0;
}

static int
parse_strings(const struct config_key *k, struct slice raw,
    struct strings *strings, struct err *e)
{
	memset(strings, 0, sizeof(*strings));
	if (!slice_eq(raw, slice_str("-")) && ini_list(raw, strings, e) == -1)
		goto fail;
	if (strings->n < (size_t)k->min) {
		(void)err_set(e, ERR_INVALID, "must not be empty");
		goto fail;
	}
	if (strings->n > (size_t)k->max) {
		(void)err_set(e, ERR_INVALID, "more than %zu items",
		    (size_t)k->max);
		goto fail;
	}
	return 0;
fail:
	strings_free(strings);
	return -1;
}

/* ---- Values to text ---- */

static void
put_bytes(struct buf *out, int64_t bytes)
{
	size_t i = 0;

	while (byte_units[i].shift > 0 &&
	    (bytes == 0 || bytes % (INT64_C(1) << byte_units[i].shift) != 0))
		i++;
	buf_add_i64(out, bytes >> byte_units[i].shift);
	if (byte_units[i].shift > 0)
		buf_add_str(out, byte_units[i].suffix);
}

static void
put_decimal(struct buf *out, int64_t decimal)
{
	int64_t places = decimal % DECIMAL_ONE;
	int64_t one = DECIMAL_ONE;

	buf_add_i64(out, decimal / DECIMAL_ONE);
	if (places > 0)
		buf_add_byte(out, '.');
	while (places > 0) {
		one /= 10;
		buf_add_i64(out, places / one);
		places %= one;
	}
}

static void
put_number(enum config_type type, int64_t number, struct buf *out)
{
	switch (type) {
	case TYPE_BYTES:
		put_bytes(out, number);
		break;
	case TYPE_DURATION:
		tstamp_put_duration(out, number);
		break;
	case TYPE_DECIMAL:
		put_decimal(out, number);
		break;
	default:
		buf_add_i64(out, number);
	}
}

static void
put_word(const char *words, int index, struct buf *out)
{
	while (index-- > 0)
		words += strcspn(words, "|") + 1;
	buf_add(out, words, strcspn(words, "|"));
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
		if (known != NULL)
			buf_add_byte(out, '\\');
		buf_add_byte(out,
		    known == NULL ? s.ptr[i] : letters[known - bytes]);
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

static void
clear(enum config_type type, void *value)
{
	if (type == TYPE_STRING)
		free(*(char **)value);
	if (type == TYPE_STRINGS)
		strings_free(value);
}

static void
store_number(enum config_type type, int64_t number, union value *v)
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
		return (int64_t) * (const size_t *)value;
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
parse_text(const struct config_key *k, struct slice text, union value *v,
    struct err *e)
{
	int64_t number;

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

static int
parse_value(const struct config_key *k, struct slice raw, union value *v,
    struct err *e)
{
	struct buf text = { 0 };
	int r;

	if (k->type == TYPE_STRINGS)
		return parse_strings(k, raw, &v->strings, e);
	r = ini_string(raw, &text, e);
	if (r == 0)
		r = parse_text(k, buf_slice(&text), v, e);
	buf_free(&text);
	return r;
}

/* ---- Where a value came from ---- */

/* TICKD_SECTION_KEY */
static void
variable_name(const struct config_key *k, char name[VARIABLE_MAX])
{
	char *p;

	(void)snprintf(name, VARIABLE_MAX, "TICKD_%s_%s", k->section, k->key);
	for (p = name; *p != '\0'; p++)
		*p = (char)toupper((unsigned char)*p);
}

/* Put the place of a value in front of the reason in *e. Returns -1. */
static int
blame(const struct config *c, const struct config_key *k,
    const struct config_origin *from, struct err *e)
{
	struct err reason = *e;
	char name[VARIABLE_MAX];

	switch (from->source) {
	case CONFIG_FROM_FILE:
		return err_set(e, reason.code, "%s:%u: %s: %s", c->file,
		    from->line, k->name, reason.msg);
	case CONFIG_FROM_ENV:
		variable_name(k, name);
		return err_set(e, reason.code, "%s: %s",
		    from->variable != NULL ? from->variable : name, reason.msg);
	case CONFIG_FROM_FLAG:
		return err_set(e, reason.code, "--set %s: %s", k->name,
		    reason.msg);
	default:
		return err_set(e, reason.code, "%s: %s", k->name, reason.msg);
	}
}

static int
assign(struct config *c, enum config_id id, struct slice raw,
    const struct config_origin *from, struct err *e)
{
	const struct config_key *k = &keys[id];
	union value v;

	if (parse_value(k, raw, &v, e) == -1)
		return blame(c, k, from, e);
	if (from->source < c->origin[id].source) {
		clear(k->type, &v);
		return 0;
	}
	clear(k->type, field_of(c, k));
	memcpy(field_of(c, k), &v, type_size[k->type]);
	c->origin[id] = *from;
	return 0;
}

/* ---- The sources ---- */

int
config_init(struct config *c, struct err *e)
{
	struct config_origin from = { .source = CONFIG_FROM_DEFAULT };
	size_t i;

	memset(c, 0, sizeof(*c));
	for (i = 0; i < CONFIG_COUNT; i++) {
		if (assign(c, (enum config_id)i, slice_str(keys[i].def), &from,
			e) == -1)
			return -1;
	}
	return 0;
}

void
config_fini(struct config *c)
{
	size_t i;

	for (i = 0; i < CONFIG_COUNT; i++)
		clear(keys[i].type, field_of(c, &keys[i]));
	free(c->file);
	memset(c, 0, sizeof(*c));
}

static bool
is_section(struct slice name)
{
	size_t i;

	for (i = 0; i < CONFIG_COUNT; i++) {
		if (slice_eq(name, slice_str(keys[i].section)))
			return true;
	}
	return false;
}

/* Sections of a ztick file that mean nothing here. */
static bool *
ignored_section(struct config *c, struct slice name)
{
	if (slice_eq(name, slice_str("http")))
		return &c->ignored_http;
	if (slice_eq(name, slice_str("telemetry")))
		return &c->ignored_telemetry;
	return NULL;
}

static int
read_section(struct config *c, const struct ini *in, struct err *e)
{
	bool *ignored = ignored_section(c, in->section);

	if (ignored != NULL)
		*ignored = true;
	else if (!is_section(in->section))
		return ini_error(in, e, "[%.*s]: no such section",
		    (int)in->section.len, in->section.ptr);
	return 0;
}

static int
find(struct slice section, struct slice key)
{
	int i;

	for (i = 0; i < CONFIG_COUNT; i++) {
		if (slice_eq(section, slice_str(keys[i].section)) &&
		    slice_eq(key, slice_str(keys[i].key)))
			return i;
	}
	return -1;
}

/* `lines` is where the file set each key, 0: nowhere yet. */
static int
read_pair(struct config *c, const struct ini *in, unsigned *lines,
    struct err *e)
{
	struct config_origin from = { .source = CONFIG_FROM_FILE,
		.line = in->line };
	int id;

	if (in->section.len == 0)
		return ini_error(in, e, "%.*s: not in a section",
		    (int)in->key.len, in->key.ptr);
	if (ignored_section(c, in->section) != NULL)
		return 0;
	id = find(in->section, in->key);
	if (id == -1)
		return ini_error(in, e, "%.*s.%.*s: no such setting",
		    (int)in->section.len, in->section.ptr, (int)in->key.len,
		    in->key.ptr);
	if (lines[id] != 0)
		return ini_error(in, e, "%s: already set on line %u",
		    keys[id].name, lines[id]);
	lines[id] = in->line;
	return assign(c, (enum config_id)id, in->value, &from, e);
}

int
config_read_text(struct config *c, const char *file, struct slice text,
    struct err *e)
{
	unsigned lines[CONFIG_COUNT] = { 0 };
	struct ini in = { .file = file, .rest = text };
	int item;
	int r = 0;

	free(c->file);
	c->file = strdup(file);
	if (c->file == NULL)
		return err_nomem(e);
	while (r == 0 && (item = ini_next(&in, e)) != INI_END) {
		if (item == INI_SECTION)
			r = read_section(c, &in, e);
		else if (item == INI_PAIR)
			r = read_pair(c, &in, lines, e);
		else
			r = -1;
	}
	return r;
}

int
config_read_file(struct config *c, const char *path, struct err *e)
{
	struct buf text = { 0 };
	mode_t mode;
	int r;

	r = ini_read_file(path, &text, &mode, e);
	if (r == 0)
		r = config_read_text(c, path, buf_slice(&text), e);
	buf_free(&text);
	return r;
}

/* The value of a variable, or NULL. */
static const char *
lookup(char *const *envp, const char *name)
{
	size_t n = strlen(name);

	for (; *envp != NULL; envp++) {
		if (strncmp(*envp, name, n) == 0 && (*envp)[n] == '=')
			return *envp + n + 1;
	}
	return NULL;
}

int
config_read_env(struct config *c, char *const *envp, struct err *e)
{
	struct config_origin from = { .source = CONFIG_FROM_ENV };
	char name[VARIABLE_MAX];
	const char *value;
	size_t i;

	for (i = 0; i < COUNT_OF(aliases); i++) {
		from.variable = aliases[i].variable;
		value = lookup(envp, from.variable);
		if (value != NULL && assign(c, aliases[i].id, slice_str(value),
			&from, e) == -1)
			return -1;
	}
	from.variable = NULL;
	for (i = 0; i < CONFIG_COUNT; i++) {
		variable_name(&keys[i], name);
		value = lookup(envp, name);
		if (value != NULL && assign(c, (enum config_id)i,
			slice_str(value), &from, e) == -1)
			return -1;
	}
	return 0;
}

int
config_set(struct config *c, struct slice name, struct slice value,
    enum config_source source, struct err *e)
{
	struct config_origin from = { .source = source };
	int id = config_find(name);

	if (id == -1)
		return err_quote(e, ERR_NOT_FOUND, name, "no setting");
	return assign(c, (enum config_id)id, value, &from, e);
}

int
config_set_pair(struct config *c, const char *pair, struct err *e)
{
	const char *equals = strchr(pair, '=');
	struct slice name;
	struct err reason;

	if (equals == NULL)
		return err_set(e, ERR_INVALID, "--set %s: no =", pair);
	name = slice_of(pair, (size_t)(equals - pair));
	if (config_set(c, name, slice_str(equals + 1), CONFIG_FROM_FLAG, e) == 0)
		return 0;
	if (e->code != ERR_NOT_FOUND)
		return -1; /* names the flag already */
	reason = *e;
	return err_set(e, ERR_INVALID, "--set %s", reason.msg);
}

static int
load(struct config *c, const char *path, char *const *envp,
    const char *const *sets, size_t n_sets, struct err *e)
{
	size_t i;
	int r;

	if (config_init(c, e) == -1)
		return -1;
	r = config_read_file(c, path == NULL ? CONFIG_DEFAULT_PATH : path, e);
	if (r == -1 && (path != NULL || e->code != ERR_NOT_FOUND))
		return -1;
	if (config_read_env(c, envp, e) == -1)
		return -1;
	for (i = 0; i < n_sets; i++) {
		if (config_set_pair(c, sets[i], e) == -1)
			return -1;
	}
	return config_check(c, e);
}

int
config_load(struct config *c, const char *path, char *const *envp,
    const char *const *sets, size_t n_sets, struct err *e)
{
	if (load(c, path, envp, sets, n_sets, e) == 0)
		return 0;
	config_fini(c);
	return -1;
}

/* ---- Checks across keys ---- */

/* Blame the value of a key. Returns -1. */
static int
refuse(const struct config *c, enum config_id id, struct err *e,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static int
refuse(const struct config *c, enum config_id id, struct err *e,
    const char *fmt, ...)
{
	char msg[ERR_MSG_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(msg, sizeof(msg), fmt, ap); /* cut off when too long */
	va_end(ap);
	(void)err_set(e, ERR_INVALID, "%s", msg);
	return blame(c, &keys[id], &c->origin[id], e);
}

static int
check_tls(const struct config *c, struct err *e)
{
	if (c->controller_tls_cert != NULL && c->controller_tls_key == NULL)
		return refuse(c, CONFIG_controller_tls_cert, e,
		    "needs controller.tls_key");
	if (c->controller_tls_key != NULL && c->controller_tls_cert == NULL)
		return refuse(c, CONFIG_controller_tls_key, e,
		    "needs controller.tls_cert");
	if (c->controller_tls_client_ca != NULL &&
	    c->controller_tls_cert == NULL)
		return refuse(c, CONFIG_controller_tls_client_ca, e,
		    "needs controller.tls_cert");
	return 0;
}

static int
check_listener(const struct config *c, size_t i, struct err *e)
{
	struct slice text = strings_get(&c->controller_listen, i);
	struct address a;
	struct err reason;

	if (config_listen(c, i, &a, &reason) == -1)
		return refuse(c, CONFIG_controller_listen, e, "%s", reason.msg);
	if (a.kind == ADDRESS_TLS && c->controller_tls_cert == NULL)
		return refuse(c, CONFIG_controller_listen, e,
		    "%.*s needs controller.tls_cert", (int)text.len, text.ptr);
	if (c->controller_auth_file == NULL &&
	    !c->controller_allow_unauthenticated && !address_is_local(&a))
		return refuse(c, CONFIG_controller_listen, e,
		    "%.*s is open to other machines: set controller.auth_file "
		    "(or controller.allow_unauthenticated)",
		    (int)text.len, text.ptr);
	return 0;
}

int
config_check(const struct config *c, struct err *e)
{
	size_t i;

	if (check_tls(c, e) == -1)
		return -1;
	for (i = 0; i < c->controller_listen.n; i++) {
		if (check_listener(c, i, e) == -1)
			return -1;
	}
	/* The default may be missing where no rule uses a shell. */
	if (c->origin[CONFIG_shell_path].source != CONFIG_FROM_DEFAULT &&
	    access(c->shell_path, X_OK) == -1)
		return refuse(c, CONFIG_shell_path, e, "%s: %s", c->shell_path,
		    strerror(errno));
	return 0;
}

static bool
has_tls_entry(const struct config *c)
{
	size_t i;

	for (i = 0; i < c->controller_listen.n; i++) {
		if (slice_has_prefix(strings_get(&c->controller_listen, i),
			slice_str("tls:")))
			return true;
	}
	return false;
}

int
config_listen(const struct config *c, size_t i, struct address *a,
    struct err *e)
{
	if (address_parse(strings_get(&c->controller_listen, i), a, e) == -1)
		return -1;
	if (a->kind == ADDRESS_TCP && c->controller_tls_cert != NULL &&
	    !has_tls_entry(c))
		a->kind = ADDRESS_TLS;
	return 0;
}

/* ---- Listing ---- */

const char *
config_name(enum config_id id)
{
	return keys[id].name;
}

const char *
config_help(enum config_id id)
{
	return keys[id].help;
}

int
config_find(struct slice name)
{
	int i;

	for (i = 0; i < CONFIG_COUNT; i++) {
		if (slice_eq(name, slice_str(keys[i].name)))
			return i;
	}
	return -1;
}

const char *
config_source_word(enum config_source source)
{
	static const char *const words[] = { "default", "file", "env", "flag",
		"command" };

	return words[source];
}

double
config_number(const struct config *c, enum config_id id)
{
	const struct config_key *k = &keys[id];

	assert(k->type == TYPE_COUNT || k->type == TYPE_DECIMAL);
	if (k->type == TYPE_COUNT)
		return *(const uint32_t *)value_of(c, k);
	return *(const double *)value_of(c, k);
}

void
config_put_value(const struct config *c, enum config_id id, struct buf *out)
{
	const struct config_key *k = &keys[id];
	const void *value = value_of(c, k);

	switch (k->type) {
	case TYPE_BOOL:
		buf_add_byte(out, *(const bool *)value ? '1' : '0');
		break;
	case TYPE_WORD:
		put_word(k->words, *(const int *)value, out);
		break;
	case TYPE_STRING:
		put_string(*(char *const *)value, out);
		break;
	case TYPE_STRINGS:
		put_strings(value, out);
		break;
	default:
		put_number(k->type, load_number(k->type, value), out);
	}
}

/* Such as "1 to 65535"; nothing where the type says it all. */
static void
put_range(const struct config_key *k, struct buf *out)
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
		break;
	default:
		buf_add_str(out, " (");
		put_number(k->type, k->min, out);
		buf_add_str(out, " to ");
		put_number(k->type, k->max, out);
		buf_add_byte(out, ')');
	}
}

void
config_put_sample(struct buf *out)
{
	const char *section = "";
	const struct config_key *k;

	buf_add_str(out, "# tickd.conf, see tickd.conf(5). Every line that is "
	    "commented out\n# shows the default.\n");
	for (k = keys; k < keys + CONFIG_COUNT; k++) {
		if (strcmp(section, k->section) != 0)
			buf_addf(out, "\n[%s]\n", k->section);
		section = k->section;
		buf_addf(out, "# %s", k->help);
		put_range(k, out);
		buf_addf(out, "\n#%s = %s\n", k->key, k->def);
	}
}
