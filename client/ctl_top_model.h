/*
 * What `tickctl top` knows, shows and does with keys, without a terminal and
 * without a connection: replies and keys come in, a canvas and actions go
 * out. Time is an argument.
 */
#ifndef CLIENT_CTL_TOP_MODEL_H
#define CLIENT_CTL_TOP_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "ctl_canvas.h"
#include "tick.h"

/* The requests of a poll, in this order. */
#define TOP_SOURCES                                     \
	TOP_SOURCE(HEALTH, "HEALTH")                    \
	TOP_SOURCE(STAT, "STAT")                        \
	TOP_SOURCE(SYSTEM, "HEALTH SYSTEM")             \
	TOP_SOURCE(SCHEDULER, "HEALTH SCHEDULER")       \
	TOP_SOURCE(STORAGE, "HEALTH STORAGE")           \
	TOP_SOURCE(PROTOCOL, "HEALTH PROTOCOL")         \
	TOP_SOURCE(AGENTS, "HEALTH AGENTS")             \
	TOP_SOURCE(INTEGRATIONS, "HEALTH INTEGRATIONS") \
	TOP_SOURCE(ALERTS, "ALERT LIST")                \
	TOP_SOURCE(BREAKERS, "BREAKER LIST")

enum top_source_id {
#define TOP_SOURCE(id, request) TOP_##id,
	TOP_SOURCES
#undef TOP_SOURCE
	    TOP_SOURCE_COUNT
};

extern const char *const top_requests[TOP_SOURCE_COUNT];

#define TOP_ROWS_MAX 4096 /* kept of a reply; the others are counted */
#define TOP_WORDS_MAX 8	  /* kept of a row */
#define TOP_WORD_MAX 1024 /* bytes kept of a word */

/* A reply. Zeroed: empty. */
struct top_source {
	struct buf bytes; /* the words, each terminated */
	struct buf rows;  /* struct top_row */
	size_t total;	  /* rows that came */
	char problem[32]; /* why there is none: "denied"; "": there is one */
};

enum top_pane {
	PANE_AGENTS,
	PANE_INTEGRATIONS,
	PANE_ALERTS,
	PANE_BREAKERS,
	PANE_COUNT
};

/* Where a pane is: its heading and the rows below it. No rows: not shown. */
struct top_rect {
	int y, x;
	int rows, cols;
};

struct top_selection {
	size_t row;
	size_t first;	       /* row shown first */
	char id[TOP_WORD_MAX]; /* of the row: it stays selected when
				* others come and go */
};

enum top_mode { TOP_BROWSE, TOP_HELP, TOP_ASK_OPEN, TOP_ASK_RESET };

enum top_action { TOP_NOTHING, TOP_QUIT, TOP_ACK, TOP_OPEN, TOP_RESET };

#define TOP_PAST 60 /* polls that the line of the queue goes back */

struct top {
	const char *address; /* borrowed */
	bool utf8;

	struct top_source source[TOP_SOURCE_COUNT];
	char health[32]; /* after the OK of HEALTH */
	bool connected;
	double past[TOP_PAST]; /* queue depths, the newest last */
	size_t n_past;

	enum top_mode mode;
	enum top_pane focus;
	struct top_selection selection[PANE_COUNT];
	char target[TOP_WORD_MAX]; /* of the action */

	char message[256]; /* "": the keys are shown instead */
	bool message_bad;
};

void top_init(struct top *t, const char *address, bool utf8);
void top_fini(struct top *t);

/* A reply comes: begin, its rows, end with the words after OK or with a
 * problem (an error's word). Memory that is exhausted is a problem, too. */
void top_reply_begin(struct top *t, enum top_source_id id);
void top_reply_row(struct top *t, enum top_source_id id,
    const struct tick_row *row);
void top_reply_end(struct top *t, enum top_source_id id,
    const struct tick_row *ok);
void top_reply_problem(struct top *t, enum top_source_id id,
    const char *problem);

/* After the last reply of a poll. */
void top_polled(struct top *t);

/* There is no connection; the message says why. */
void top_lost(struct top *t, const char *why);

/* Show a message until the next key. */
void top_say(struct top *t, bool bad, const char *what, const char *why);

/* A key: Tab (or l) and h between panes, j k g G and the blank and b in one,
 * a o r ? q y n. What it asks for; t->target says of what. */
enum top_action top_key(struct top *t, int key);

/*
 * For drawing.
 */

/* 0 fine, 1 to look at, 2 bad: of a status, a state or a severity. */
int top_badness(const char *word);

/* The rows kept of a reply, and a word of one, "-" when it has no such. */
size_t top_rows(const struct top_source *s);
const char *top_word(const struct top_source *s, size_t row, size_t column);

/* The value of a pair, "-" when there is none. */
const char *top_value(const struct top *t, enum top_source_id id,
    const char *name);

const struct top_source *top_pane_source(const struct top *t, int pane);

/* Divide `avail` lines among n panes that want some: each gets one as far as
 * they go, then they share what is left until they have what they want. */
void top_share(int avail, const int *want, int n, int *got);

/* Where the panes are on a screen of this size. */
void top_layout(const struct top *t, int rows, int cols,
    struct top_rect rects[PANE_COUNT]);

/* What a status, a state or a severity is drawn with. */
enum ink top_ink(const char *word);

/* Draw a pane of at least two lines, scrolled to its selection. */
void top_draw_pane(struct top *t, struct canvas *c, int pane,
    struct top_rect at, int64_t now_ns);

/* Draw it all. */
void top_draw(struct top *t, struct canvas *c, int64_t now_ns);

#endif
