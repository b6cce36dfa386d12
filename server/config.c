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

#include "config_value.h"
#include "ini.h"
#include "token.h"
#include "tstamp.h"

#define PATH_BYTES_MAX 4095
#define LOGFILE_PATH_MAX 4080 /* room for ".base.tmp" */
#define COUNT_MAX UINT32_MAX
#define BYTES_MAX (INT64_C(1) << 50)
/* 5200 weeks: now plus a century is still a time. */
#define DURATION_MAX (5200 * INT64_C(604800) * NS_PER_S)

#define VARIABLE_MAX 64

#define BOUNDS_BOOL(lo, hi) .max = 1
#define BOUNDS_COUNT(lo, hi) .min = (lo), .max = (hi)
#define BOUNDS_BYTES(lo, hi) .min = (lo), .max = (hi)
#define BOUNDS_DURATION(lo, hi) .min = (lo), .max = (hi)
#define BOUNDS_DECIMAL(lo, hi) .min = (lo)*DECIMAL_ONE, .max = (hi)*DECIMAL_ONE
#define BOUNDS_STRING(lo, hi) .min = (lo), .max = (hi)
#define BOUNDS_WORD(lo, hi) .words = (lo)
#define BOUNDS_STRINGS(lo, hi) .min = (lo), .max = (hi)
#define BOUNDS_ADDRESSES(lo, hi) .min = (lo), .max = (hi)

static const struct config_key keys[CONFIG_COUNT] = {
#define CONFIG(section_, key_, type_, def_, min_, max_, help_)        \
	[CONFIG_##section_##_##key_] = { .section = #section_,        \
		.key = #key_,                                         \
		.name = #section_ "." #key_,                          \
		.type = TYPE_##type_,                                 \
		.offset = offsetof(struct config, section_##_##key_), \
		.def = (def_),                                        \
		BOUNDS_##type_(min_, max_),                           \
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

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

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

int
config_blame(const struct config *c, enum config_id id, struct err *e)
{
	return blame(c, &keys[id], &c->origin[id], e);
}

static int
assign(struct config *c, enum config_id id, struct slice raw,
    const struct config_origin *from, struct err *e)
{
	const struct config_key *k = &keys[id];
	union config_value v;

	if (config_value_parse(k, raw, &v, e) == -1)
		return blame(c, k, from, e);
	if (from->source < c->origin[id].source) {
		config_value_clear(k->type, &v);
		return 0;
	}
	config_value_clear(k->type, field_of(c, k));
	memcpy(field_of(c, k), &v, config_value_size(k->type));
	c->origin[id] = *from;
	return 0;
}

int
config_normalize(enum config_id id, struct slice value, struct buf *out,
    struct err *e)
{
	const struct config_key *k = &keys[id];
	union config_value v;

	if (config_value_parse(k, value, &v, e) == -1) {
		struct err reason = *e;

		return err_set(e, reason.code, "%s: %s", k->name, reason.msg);
	}
	config_value_put(k, &v, out);
	config_value_clear(k->type, &v);
	return out->failed ? err_nomem(e) : 0;
}

void
config_adopt(struct config *c, const struct config *other, enum config_id from,
    enum config_id to)
{
	for (int i = (int)from; i <= (int)to; i++) {
		const struct config_key *k = &keys[i];

		assert(k->type == TYPE_COUNT || k->type == TYPE_DECIMAL);
		if (c->origin[i].source == CONFIG_FROM_COMMAND)
			continue;
		memcpy(field_of(c, k), value_of(other, k),
		    config_value_size(k->type));
		c->origin[i] = other->origin[i];
	}
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
		config_value_clear(keys[i].type, field_of(c, &keys[i]));
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

static int
read_variable(struct config *c, char *const *envp, const char *name,
    enum config_id id, const struct config_origin *from, struct err *e)
{
	const char *value = lookup(envp, name);

	return value == NULL ? 0 : assign(c, id, slice_str(value), from, e);
}

int
config_read_env(struct config *c, char *const *envp, struct err *e)
{
	struct config_origin from = { .source = CONFIG_FROM_ENV };
	char name[VARIABLE_MAX];
	size_t i;

	for (i = 0; i < COUNT_OF(aliases); i++) {
		from.variable = aliases[i].variable;
		if (read_variable(c, envp, from.variable, aliases[i].id, &from,
			e) == -1)
			return -1;
	}
	from.variable = NULL;
	for (i = 0; i < CONFIG_COUNT; i++) {
		variable_name(&keys[i], name);
		if (read_variable(c, envp, name, (enum config_id)i, &from, e) ==
		    -1)
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
	struct slice value;
	struct err reason;

	if (equals == NULL)
		return err_set(e, ERR_INVALID, "--set %s: no =", pair);
	name = slice_of(pair, (size_t)(equals - pair));
	value = slice_str(equals + 1);
	if (config_set(c, name, value, CONFIG_FROM_FLAG, e) == 0)
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
	/* First: what is missing for TLS is no use to know without it. */
	return config_acts(c, e) == -1 ? -1 : config_check(c, e);
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
static int refuse(const struct config *c, enum config_id id, struct err *e,
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

	if (config_listen(c, i, &a, e) == -1)
		return -1; /* cannot be: its type has parsed it */
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
config_acts(const struct config *c, struct err *e)
{
	static const struct {
		enum config_id id;
		const char *why;
	} idle[] = {
		{ CONFIG_controller_tls_cert, "this version has no TLS" },
		{ CONFIG_controller_tls_key, "this version has no TLS" },
		{ CONFIG_controller_tls_client_ca, "this version has no TLS" },
		{ CONFIG_controller_tls_min_version,
		    "this version has no TLS" },
		{ CONFIG_controller_handshake_timeout,
		    "this version has no TLS" },
		{ CONFIG_security_secret_key_file,
		    "this version keeps no secrets" },
		{ CONFIG_security_audit_limit, "this version keeps no audit" },
		{ CONFIG_security_audit_jobs, "this version keeps no audit" },
	};

	for (size_t i = 0; i < COUNT_OF(idle); i++)
		if (c->origin[idle[i].id].source != CONFIG_FROM_DEFAULT)
			return refuse(c, idle[i].id, e, "%s", idle[i].why);
	if (has_tls_entry(c))
		return refuse(c, CONFIG_controller_listen, e,
		    "tls: this version has no TLS");
	return 0;
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
	config_value_put(&keys[id], value_of(c, &keys[id]), out);
}

void
config_put_sample(struct buf *out)
{
	const char *section = "";
	const struct config_key *k;

	buf_add_str(out,
	    "# tickd.conf, see tickd.conf(5). Every line that is "
	    "commented out\n# shows the default.\n");
	for (k = keys; k < keys + CONFIG_COUNT; k++) {
		if (strcmp(section, k->section) != 0)
			buf_addf(out, "\n[%s]\n", k->section);
		section = k->section;
		buf_addf(out, "# %s", k->help);
		config_value_put_range(k, out);
		buf_addf(out, "\n#%s =%s%s\n", k->key,
		    k->def[0] == '\0' ? "" : " ", k->def);
	}
}
