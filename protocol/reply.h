/*
 * Replies: writing rows and last lines into a buffer, and an incremental
 * parser for whoever receives them. No I/O.
 */
#ifndef PROTOCOL_REPLY_H
#define PROTOCOL_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "err.h"
#include "slice.h"
#include "token.h"

/*
 * Writing. A row: reply_begin, one reply_* per word, reply_end. An empty id
 * (the bare form of AUTH) leaves out the id and its space. A row whose first
 * word would be a bare OK or ERROR gets it quoted.
 */
void reply_begin(struct buf *out, struct slice id);
void reply_word(struct buf *out, struct slice word); /* quoted as needed */
void reply_str(struct buf *out, const char *word);
void reply_u64(struct buf *out, uint64_t v);
void reply_i64(struct buf *out, int64_t v);
void reply_ratio(struct buf *out, double v); /* at most 4 places: 0.92 */
void reply_ms(struct buf *out, int64_t ns);  /* milliseconds, 2 places */
void reply_end(struct buf *out);

void reply_ok(struct buf *out, struct slice id);
/* `<id> OK word`. */
void reply_ok_word(struct buf *out, struct slice id, struct slice word);
/* The reply to HELLO. */
void reply_hello(struct buf *out, struct slice id, const char *version);
/* Begins `<id> OK`; the caller adds words with reply_word and reply_end. */
void reply_begin_ok(struct buf *out, struct slice id);
/* Control bytes of the message are replaced, so that it stays one line. */
void reply_error(struct buf *out, struct slice id, const struct err *e);

/* `<id> <key> <value>` in one call. */
void reply_row_u64(struct buf *out, struct slice id, const char *key,
    uint64_t v);
void reply_row_i64(struct buf *out, struct slice id, const char *key,
    int64_t v);
void reply_row_word(struct buf *out, struct slice id, const char *key,
    struct slice v);

/* Reading: what a line of the server is. */
enum reply_kind { REPLY_ROW, REPLY_OK, REPLY_ERROR, REPLY_EVENT };

struct reply_line {
	enum reply_kind kind;
	struct slice id;
	const struct slice *words; /* after the id, and after OK or ERROR */
	size_t n_words;
	struct slice text; /* ERROR: the message after the code */
};

/*
 * Parse one line (n bytes, no newline); changed in place, `t` is scratch.
 * A bare `OK` or `ERROR ...` has an empty id. Of an error, words holds the
 * code alone. An event keeps EVENT as its first word, since a row may begin
 * so too: whether the id is that of a WATCH tells them apart.
 * 0, or -1 with ERR_SYNTAX.
 */
int reply_parse(char *line, size_t n, struct tokens *t, struct reply_line *r,
    struct err *e);

#endif
