/*
 * What is kept for each namespace of auth_file apart has a key: its name, or
 * its name, a NUL and the namespace. As a C string it is the name alone; keys
 * of one name stand together, that without a namespace first.
 */
#ifndef SCHED_SCOPED_H
#define SCHED_SCOPED_H

#include "buf.h"
#include "log.h"
#include "slice.h"

/* Append the key. */
static inline void
scoped_put(struct buf *out, struct slice name, struct slice namespace)
{
	buf_add_slice(out, name);
	if (namespace.len > 0) {
		buf_add_byte(out, '\0');
		buf_add_slice(out, namespace);
	}
}

static inline struct slice
scoped_name(struct slice key)
{
	const char *end = key.len == 0 ? NULL : memchr(key.ptr, '\0', key.len);

	return slice_of(key.ptr,
	    end == NULL ? key.len : (size_t)(end - key.ptr));
}

/* Empty: none. */
static inline struct slice
scoped_namespace(struct slice key)
{
	size_t skip = scoped_name(key).len + 1;

	return skip > key.len ? slice_of("", 0)
			      : slice_of(key.ptr + skip, key.len - skip);
}

/* The last field of a line in the log about it; without a namespace none. */
static inline struct log_field
scoped_log(struct slice key)
{
	struct slice namespace = scoped_namespace(key);

	return namespace.len == 0 ? LOG_END_
				  : LOG_SLICE("namespace", namespace);
}

#endif
