/* What is UTF-8 and what only bytes. */
#ifndef PROTOCOL_UTF8_H
#define PROTOCOL_UTF8_H

#include <stddef.h>

#include "slice.h"

/* Length of the valid UTF-8 sequence that s begins with: in its shortest
 * form, no surrogate, up to U+10FFFF. 0 when it begins with none. */
size_t utf8_sequence(struct slice s);

/* Length of s without the beginning of a sequence that its end cuts off. */
size_t utf8_whole(struct slice s);

/* How many bytes s begins with that can be the end of a sequence which its
 * beginning cuts off. */
size_t utf8_remainder(struct slice s);

#endif
