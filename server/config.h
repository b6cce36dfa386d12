/*
 * The server's configuration: the keys of config.def, read from defaults, a
 * file, the environment and the command line, each stronger than the one
 * before, in whatever order they come. Main thread.
 */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "buf.h"
#include "err.h"
#include "rule_spec.h"
#include "slice.h"

#define CONFIG_DEFAULT_PATH "/etc/tickd/tickd.conf"

/* The values of the WORD keys, in the order of config.def; those of [log] are
 * enum log_level and enum log_format. */
enum { TLS_MIN_1_2, TLS_MIN_1_3 };
enum { PERSISTENCE_LOGFILE, PERSISTENCE_MEMORY };

enum config_id {
#define CONFIG(section, key, type, def, min, max, help) \
	CONFIG_##section##_##key,
#include "config.def"
#undef CONFIG
	CONFIG_COUNT
};

/* Where a value came from, the weakest first. */
enum config_source {
	CONFIG_FROM_DEFAULT,
	CONFIG_FROM_FILE,
	CONFIG_FROM_ENV,
	CONFIG_FROM_FLAG,
	CONFIG_FROM_COMMAND
};

struct config_origin {
	enum config_source source;
	unsigned line;	      /* CONFIG_FROM_FILE */
	const char *variable; /* CONFIG_FROM_ENV; static */
};

#define CONFIG_C_BOOL bool
#define CONFIG_C_COUNT uint32_t
#define CONFIG_C_BYTES size_t
#define CONFIG_C_DURATION int64_t /* ns */
#define CONFIG_C_DECIMAL double
#define CONFIG_C_STRING char * /* owned; NULL: none */
#define CONFIG_C_WORD int
#define CONFIG_C_STRINGS struct strings
#define CONFIG_C_ADDRESSES struct strings

/* A field is named section_key: config->database_framerate. */
struct config { /* NOLINT(*.Padding): in the order of the listing */
#define CONFIG(section, key, type, def, min, max, help) \
	CONFIG_C_##type section##_##key;
#include "config.def"
#undef CONFIG
	struct config_origin origin[CONFIG_COUNT];
	char *file;	   /* owned; names the file in messages */
	bool ignored_http; /* the file has ztick's [http]: worth a warning */
	bool ignored_telemetry;
};

/*
 * All at once, as tickd starts and reloads: defaults, the file, envp, then
 * n_sets of `section.key=value`, config_acts and config_check. With path NULL
 * the default file is read if it exists. 0, or -1 with nothing to free and *e
 * naming where (`/etc/tickd/tickd.conf:12: database.framerate: ...`) and why.
 */
int config_load(struct config *c, const char *path, char *const *envp,
    const char *const *sets, size_t n_sets, struct err *e);
void config_fini(struct config *c);

/*
 * The steps of config_load. Each returns 0, or -1 with *e; the keys before the
 * bad one are then set. A weaker source than the one a value came from is
 * checked, and changes nothing.
 */
int config_init(struct config *c, struct err *e);
int config_read_file(struct config *c, const char *path, struct err *e);
int config_read_text(struct config *c, const char *file, struct slice text,
    struct err *e);
int config_read_env(struct config *c, char *const *envp, struct err *e);
/* `section.key=value`, as --set has it. */
int config_set_pair(struct config *c, const char *pair, struct err *e);
/* One key; `value` may be quoted or a list as in the file. ERR_NOT_FOUND for
 * an unknown key. */
int config_set(struct config *c, struct slice name, struct slice value,
    enum config_source source, struct err *e);
/* Append a value of a key as config_put_value shows it, if it is one. */
int config_normalize(enum config_id id, struct slice value, struct buf *out,
    struct err *e);
/* Take over the keys from ... to of another configuration, but for those that
 * a command has set. Numbers only. */
void config_adopt(struct config *c, const struct config *other,
    enum config_id from, enum config_id to);
/* What only holds across keys. */
int config_check(const struct config *c, struct err *e);
/* Whether no key is set that this version knows and does nothing with: who sets
 * it counts on it. 0, or -1 with *e. */
int config_acts(const struct config *c, struct err *e);

/* Put in front of the reason in *e which key it is about, and where that was
 * set. Returns -1. */
int config_blame(const struct config *c, enum config_id id, struct err *e);

/* Entry i < c->controller_listen.n. A plain TCP entry becomes TLS when there
 * is a certificate and no tls: entry. 0, or -1 with ERR_INVALID. */
int config_listen(const struct config *c, size_t i, struct address *a,
    struct err *e);

/* For CONFIG: "database.framerate", its value as text that config_set reads
 * back ("-" for none), and "default" ... "command". */
const char *config_name(enum config_id id);
const char *config_help(enum config_id id);
void config_put_value(const struct config *c, enum config_id id,
    struct buf *out);
/* The number of a COUNT or DECIMAL key, for those who go by name: alerts. */
double config_number(const struct config *c, enum config_id id);
/* The key of a name, or -1. */
int config_find(struct slice name);
const char *config_source_word(enum config_source source);

/* A configuration file with every key at its default, commented out. */
void config_put_sample(struct buf *out);

#endif
