/*
 * A list of what an index holds below a prefix, sent piece by piece: any
 * number of rows in constant memory, while others are served in between.
 */
#ifndef COMMANDS_LISTING_H
#define COMMANDS_LISTING_H

#include <stdbool.h>
#include <stdint.h>

#include "conn.h"
#include "radix.h"
#include "token.h"

struct listing;

/* The row of a leaf that the client may see, if it has one. False when the list
 * has all it may. */
typedef bool listing_row(struct conn *c, struct listing *l, uint32_t leaf);

struct listing {
	struct stream stream; /* first */
	const struct radix *index;
	struct slice (*id_of)(const struct conn *c, uint32_t leaf);
	/* Asked before each row: see net/scope.h. */
	bool (*visible)(const struct conn *c, uint32_t leaf);
	listing_row *row;
	int status;    /* the caller's: which jobs */
	uint64_t left; /* the caller's: rows that may still be shown */
	bool after;    /* go on behind `from`, not at it */
	char prefix[ID_MAX];
	size_t prefix_len;
	char from[ID_MAX];
	size_t from_len;
	char id[REQUEST_ID_MAX];
};

/* A list of all below `prefix`, answering request `id`; the caller fills in
 * the callbacks and its own fields, then calls listing_start. NULL with *e. */
struct listing *listing_new(const struct radix *index, struct slice id,
    struct slice prefix, struct err *e);
/* Begin behind `after`. */
void listing_after(struct listing *l, struct slice after);
void listing_start(struct conn *c, struct listing *l);

#endif
