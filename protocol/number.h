/* Numbers and words as settings have them: of a rule, of the configuration. */
#ifndef PROTOCOL_NUMBER_H
#define PROTOCOL_NUMBER_H

#include <stdint.h>

#include "buf.h"
#include "slice.h"

/* A size: a whole number, alone or with B, K, KiB ... T, TiB. 0, or -1 when
 * it is none or greater than max. */
int number_parse_bytes(struct slice s, uint64_t max, uint64_t *out);
/* In the largest unit that leaves it whole. */
void number_put_bytes(struct buf *out, uint64_t bytes);

/* `12`, `0.25`: a decimal with at most `places` (0..9) of a fraction, as a
 * whole number of 1/10^places. 0 or -1. */
int number_parse_decimal(struct slice s, unsigned places, uint64_t *out);

/* The place of a word in a list "a|b|c", from 0 on, or -1; and the word at a
 * place that there is. */
int number_of_word(struct slice word, const char *words);
struct slice number_word(const char *words, int64_t place);

#endif
