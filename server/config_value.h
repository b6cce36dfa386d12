/*
 * One value of the configuration: its type, and text to value and back. Only
 * for config.c; for everybody else values are the fields of struct config.
 */
#ifndef SERVER_CONFIG_VALUE_H
#define SERVER_CONFIG_VALUE_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "config.h"
#include "err.h"
#include "slice.h"

#define DECIMAL_PLACES 4
#define DECIMAL_ONE 10000

enum config_type {
	TYPE_BOOL,
	TYPE_COUNT,
	TYPE_BYTES,
	TYPE_DURATION,
	TYPE_DECIMAL,
	TYPE_STRING,
	TYPE_WORD,
	TYPE_STRINGS,
	TYPE_ADDRESSES
};

union config_value {
	CONFIG_C_BOOL yes;
	CONFIG_C_COUNT count;
	CONFIG_C_BYTES bytes;
	CONFIG_C_DURATION duration_ns;
	CONFIG_C_DECIMAL decimal;
	CONFIG_C_STRING string;
	CONFIG_C_WORD word;
	CONFIG_C_STRINGS strings;
};

/* A row of config.def. */
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

/* Bytes of a value of that type. */
size_t config_value_size(enum config_type type);

/* Parse raw text (quoted, a list, or bare) for a row. 0, or -1 with the reason
 * in *e, which does not name the key; then there is nothing to clear. */
int config_value_parse(const struct config_key *k, struct slice raw,
    union config_value *v, struct err *e);

/* Free what a value owns. */
void config_value_clear(enum config_type type, void *value);

/* Append the text that config_value_parse reads back. */
void config_value_put(const struct config_key *k, const void *value,
    struct buf *out);

/* Append what a value may be, such as " (1 to 65535)"; nothing where the type
 * says it all. */
void config_value_put_range(const struct config_key *k, struct buf *out);

#endif
