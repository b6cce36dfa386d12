/*
 * What the newest runs have written, within a total number of bytes: the
 * oldest give way. In memory only. Main thread.
 */
#ifndef SCHED_OUTPUTS_H
#define SCHED_OUTPUTS_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "output.h"
#include "run.h"

struct outputs;

/* The output of one attempt. */
struct kept {
	uint64_t execution_id;
	uint32_t attempt;
	unsigned refs;
	struct output output[OUTPUT_STREAMS];
	struct kept *newer;
	size_t bytes; /* all of it, counted in the total */
};

/* NULL when memory is out. */
struct outputs *outputs_new(size_t max_bytes, struct err *e);
void outputs_free(struct outputs *o);

/* Take the output of a run that has ended out of it, and leave how much that
 * was. One that wrote nothing leaves no trace; nor does any when memory is
 * out. */
void outputs_keep(struct outputs *o, struct run *run);

/* A reference to what is kept of an attempt, to be given back with
 * outputs_drop; NULL: nothing. O(log n). What is referred to stays, beyond
 * the limit if need be. */
struct kept *outputs_find(const struct outputs *o, uint64_t execution_id,
    uint32_t attempt);
void outputs_drop(struct kept *kept);

#endif
