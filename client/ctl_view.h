/* What the words of each command's reply mean: names and types. */
#ifndef CLIENT_CTL_VIEW_H
#define CLIENT_CTL_VIEW_H

#include <stddef.h>

#include "command.h"
#include "slice.h"

enum field_type {
	FIELD_TEXT,   /* as it is */
	FIELD_WORD,   /* text, "-" for none */
	FIELD_NUMBER, /* "-" for none */
	FIELD_TIME,   /* nanoseconds since 1970; 0: never */
	FIELD_SPAN,   /* nanoseconds */
	FIELD_FLAG,   /* 0 or 1 */
	FIELD_LIST    /* all words from here on */
};

struct field {
	const char *name; /* as the protocol calls it; "": not shown as an
			   * object's member; NULL ends an array */
	enum field_type type;
};

enum view_kind {
	VIEW_ANY,    /* nothing is known */
	VIEW_VALUES, /* no rows; the words after OK are the fields */
	VIEW_PAIRS,  /* rows `<key> <value...>`, the fields by key */
	VIEW_ROWS,   /* rows of the fields */
	VIEW_LINES   /* show the protocol's own lines */
};

struct view {
	enum view_kind kind;
	const struct field *fields; /* NULL for ANY and LINES */
};

extern const struct view view_lines;

/* The view of a command; never NULL. */
const struct view *view_of(enum cmd_id id);

/* The type of a key of VIEW_PAIRS. */
enum field_type view_key_type(const struct view *v, struct slice key);

#endif
