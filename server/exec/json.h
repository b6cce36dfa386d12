/*
 * The little JSON the server writes itself; jansson would refuse strings that
 * are not UTF-8, and a webhook has to be sent all the same.
 */
#ifndef EXEC_JSON_H
#define EXEC_JSON_H

#include "buf.h"

/* Append s as a JSON string. Each byte that is not part of valid UTF-8 becomes
 * U+FFFD. */
void json_put_string(struct buf *out, struct slice s);

#endif
