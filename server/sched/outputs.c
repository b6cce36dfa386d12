#include "outputs.h"

#include <assert.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

/* With a node of the tree and what malloc adds, about. */
#define KEPT_OVERHEAD (sizeof(struct kept) + 96)

struct outputs {
	void *tree; /* of tsearch, which keeps it balanced */
	struct kept *oldest, *newest;
	size_t bytes, max_bytes;
};

static int
compare(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;

	if (x->execution_id != y->execution_id)
		return x->execution_id < y->execution_id ? -1 : 1;
	return (x->attempt > y->attempt) - (x->attempt < y->attempt);
}

struct outputs *
outputs_new(size_t max_bytes, struct err *e)
{
	struct outputs *o = calloc(1, sizeof(*o));

	if (o == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	o->max_bytes = max_bytes;
	return o;
}

void
outputs_drop(struct kept *kept)
{
	if (--kept->refs > 0)
		return;
	for (int i = 0; i < OUTPUT_STREAMS; i++)
		output_free(&kept->output[i]);
	free(kept);
}

static void
forget_oldest(struct outputs *o)
{
	struct kept *kept = o->oldest;

	(void)tdelete(kept, &o->tree, compare);
	o->bytes -= kept->bytes;
	o->oldest = kept->newer;
	if (o->oldest == NULL)
		o->newest = NULL;
	outputs_drop(kept);
}

void
outputs_free(struct outputs *o)
{
	if (o == NULL)
		return;
	while (o->oldest != NULL)
		forget_oldest(o);
	free(o);
}

/* Put it in as the newest. False when there is no memory, or an attempt of
 * that number already. */
static bool
add(struct outputs *o, struct kept *kept)
{
	void *at = tsearch(kept, &o->tree, compare);

	if (at == NULL || *(struct kept **)at != kept)
		return false;
	if (o->newest != NULL)
		o->newest->newer = kept;
	else
		o->oldest = kept;
	o->newest = kept;
	o->bytes += kept->bytes;
	return true;
}

void
outputs_keep(struct outputs *o, struct run *run)
{
	size_t bytes = KEPT_OVERHEAD;
	struct kept *kept;

	for (int i = 0; i < OUTPUT_STREAMS; i++)
		bytes += run->output[i].len;
	if (bytes == KEPT_OVERHEAD || bytes > o->max_bytes)
		return;
	while (o->bytes + bytes > o->max_bytes)
		forget_oldest(o);
	if ((kept = calloc(1, sizeof(*kept))) == NULL)
		return;
	kept->execution_id = run->execution_id;
	kept->attempt = run->attempt;
	kept->bytes = bytes;
	kept->refs = 1;
	memcpy(kept->output, run->output, sizeof(kept->output));
	for (int i = 0; i < OUTPUT_STREAMS; i++)
		run->output[i] =
		    (struct output){ .total = run->output[i].total };
	if (!add(o, kept))
		outputs_drop(kept);
}

struct kept *
outputs_find(const struct outputs *o, uint64_t execution_id, uint32_t attempt)
{
	const struct kept key = {
		.execution_id = execution_id,
		.attempt = attempt,
	};
	struct kept **at = tfind(&key, &o->tree, compare);

	if (at == NULL)
		return NULL;
	(*at)->refs++;
	return *at;
}
