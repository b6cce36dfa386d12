/*
 * A rectangle of characters to draw on without a terminal: what a full-screen
 * program shows is decided here, and only copied to the screen elsewhere.
 */
#ifndef CLIENT_CTL_CANVAS_H
#define CLIENT_CTL_CANVAS_H

#include <stdbool.h>

#include "buf.h"
#include "slice.h"

/* What a character is drawn with; means may lack colours. */
enum ink { INK_PLAIN, INK_TITLE, INK_DIM, INK_GOOD, INK_WARN, INK_BAD };

#define CANVAS_MAX 1000 /* rows and columns; more are left blank */

struct cell {
	char bytes[4]; /* one character, UTF-8 */
	unsigned char n;
	unsigned char ink;
	bool selected;
};

/* Zeroed: of no size. */
struct canvas {
	int rows;
	int cols;
	struct cell *cells; /* owned; n 0: second half of a wide character */
};

/* Make it blank and of this size. 0, or -1 when out of memory, and then it is
 * of no size. */
int canvas_reset(struct canvas *c, int rows, int cols);
void canvas_fini(struct canvas *c);

/*
 * Write a text from (y, x) on, at most `width` columns, and return how many it
 * took. What the locale cannot print becomes '?'; a text that is cut ends in
 * '~'. Outside of the canvas nothing is written.
 */
int canvas_text(struct canvas *c, int y, int x, int width, enum ink ink,
    struct slice text);

/* Mark the cells of a row as selected. */
void canvas_select(struct canvas *c, int y, int x, int width);

/* Append a row's characters, without blanks at the end. */
void canvas_put_row(const struct canvas *c, int y, struct buf *out);

#endif
