/* Replies as JSON values (jansson); NULL means out of memory. */
#ifndef CLIENT_CTL_JSON_H
#define CLIENT_CTL_JSON_H

#include <jansson.h>

#include "ctl_view.h"
#include "tick.h"

/* A word as a string. Bytes that are not UTF-8 become U+0080 to U+00FF. */
json_t *json_text(const struct tick_word *w);

/* The words as an array of strings. */
json_t *json_list(const struct tick_word *words, size_t n);

/* A row as an object of these fields; words beyond them are left out. */
json_t *json_fields(struct fields fields, const struct tick_row *row);

/* The same as members of an object that is there. 0 or -1. */
int json_set_fields(json_t *object, struct fields fields,
    const struct tick_row *row);

/* Add such an object to the array that is the member with the name of the
 * first field. 0 or -1. */
int json_add_row(json_t *object, struct fields fields,
    const struct tick_row *row);

/* Add a row `<key> <value...>` to an object. A key that comes again, or is a
 * list by its type, has an array. 0 or -1. */
int json_add_pair(json_t *object, const struct view *v,
    const struct tick_row *row);

#endif
