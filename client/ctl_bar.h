/* Bars and spark lines of characters, for terminals. */
#ifndef CLIENT_CTL_BAR_H
#define CLIENT_CTL_BAR_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

#define BAR_WIDTH 10

/* Whether the locale's characters are UTF-8: else they are drawn in ASCII. */
bool bar_utf8(void);

/* Append a bar of at most `width` columns for a share from 0 to 1. Nothing
 * above 0 is drawn as nothing. */
void bar_put(struct buf *out, double share, size_t width, bool utf8);

/* Append one column for each value: its height between 0 and max. */
void spark_put(struct buf *out, const double *values, size_t n, double max,
    bool utf8);

#endif
