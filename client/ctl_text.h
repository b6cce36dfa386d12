/* Bytes of the server as text: valid UTF-8, and safe to show. */
#ifndef CLIENT_CTL_TEXT_H
#define CLIENT_CTL_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "slice.h"

/* Columns on a terminal, taking every character for one wide. */
size_t text_width(struct slice s);

/* Append s with control bytes and backslashes as \t \n \r \\ \xHH. With
 * `terminal` also what is not valid UTF-8 or is a C1 control character: no
 * byte of the server may steer a terminal. */
void text_put_visible(struct buf *out, struct slice s, bool terminal);

/* Append s, each byte of invalid UTF-8 turned into the character of that
 * number (U+0080 to U+00FF): always valid UTF-8. */
void text_put_utf8(struct buf *out, struct slice s);

#endif
