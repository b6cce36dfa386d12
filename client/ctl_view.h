/* What the words of each command's reply mean: names and types. */
#ifndef CLIENT_CTL_VIEW_H
#define CLIENT_CTL_VIEW_H

#include <stdbool.h>
#include <stddef.h>

#include "command.h"
#include "slice.h"
#include "tick.h"

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
			   * object's member */
	enum field_type type;
};

/* Borrowed from static tables. */
struct fields {
	const struct field *at;
	size_t n;
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
	struct fields fields;	   /* none for ANY and LINES */
	enum field_type otherwise; /* of a key that is not among them */
	struct fields rows;	   /* of VIEW_PAIRS: what rows that are no pairs
				    * have, as in HEALTH PROTOCOL; may be none */
	struct fields ok;	   /* of VIEW_PAIRS: the words after OK */
	const char *bar;	   /* field from 0 to 1 that a table draws as
				    * well; NULL: none */
	bool untitled;		   /* a table has no heading */
};

extern const struct view view_lines;

/* The view of a command's reply, which may depend on its first argument. */
struct view view_of(const struct command *c, struct slice arg);

/* The metrics of a section, as fields. */
struct fields view_section(int metric_section);

/* The fields of an event as a row: topic, time_ns, and what the topic has.
 * Returns their number. */
#define VIEW_EVENT_MAX 16
size_t view_event(const struct tick_event *e, struct field to[VIEW_EVENT_MAX]);

/* The i-th topic that can be watched, NULL behind the last. */
const char *view_topic(size_t i);

/* Whether a row is `<key> <value...>`. */
bool view_is_pair(const struct view *v, const struct tick_row *row);

/* The type of a key of VIEW_PAIRS. */
enum field_type view_key_type(const struct view *v, struct slice key);

#endif
