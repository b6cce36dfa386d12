/*
 * One line to tokens (PROTOCOL section 1): words separated by spaces or tabs,
 * "..." with escapes. Also the rules for identifiers and request ids.
 */
#ifndef PROTOCOL_TOKEN_H
#define PROTOCOL_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "err.h"
#include "slice.h"

#define ID_MAX 255 /* job, rule, channel, integration, secret */
#define REQUEST_ID_MAX 64
#define PAYLOAD_MAX 32768
#define LINE_MAX_DEFAULT 65536	/* bytes, the newline included */
#define LINE_MAX_CEILING 131072 /* highest max_line that can be set */
#define REPLY_LINE_MAX 196608
#define TOKENS_MAX 4096 /* words in one line; more is `too_long` */

/* The words of one line. Reused from line to line: zero it once, token_fini
 * it at the end. */
struct tokens {
	struct slice *word; /* owned array; the bytes are in the line */
	size_t n;
	size_t cap;
};

/*
 * Split `line` (n bytes, no newline). Quoted words are unescaped in place, so
 * the line is changed and the slices point into it. Words before a bad one
 * are in *t also on failure, so that the request id is known.
 * 0, or -1 with ERR_SYNTAX (unterminated quote, bad escape, bytes after a
 * closing quote) or ERR_TOO_LONG (over TOKENS_MAX words) or ERR_LIMIT.
 */
int token_split(char *line, size_t n, struct tokens *t, struct err *e);
void token_fini(struct tokens *t);

/* Whether s may be an identifier; false says why in *e (ERR_TOO_LONG when
 * over ID_MAX bytes, else ERR_INVALID), naming it as `what` ("job"). */
bool token_is_identifier(struct slice s, const char *what, struct err *e);

/* A prefix of identifiers (a pattern, a namespace): as an identifier, but it
 * may be empty. */
bool token_is_prefix(struct slice s, const char *what, struct err *e);

/* 1..REQUEST_ID_MAX printable bytes without space (0x21..0x7e), the first
 * not a quote. */
bool token_is_request_id(struct slice s);

/* Whether s is the word `upper` (A-Z and such) in any case. */
bool token_is_word(struct slice s, const char *upper);

/* Append s as one output word: as it is, or quoted with escapes when it is
 * empty or holds a space, quote, backslash or control byte. */
void token_quote(struct buf *out, struct slice s);

/* Decimal without sign, blanks or leading '+': 0, or -1 when it is not a
 * number or above max. The one place where numbers from outside are read. */
int token_u64(struct slice s, uint64_t max, uint64_t *out);

#endif
