/*
 * The bytes as an alert in the log. What is one can be written, and what was
 * written is the same alert.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "alert.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static struct buf text;

static void
expect_same(const struct alert_saved *a, const struct alert_saved *b)
{
	assert(a->condition == b->condition && a->severity == b->severity);
	assert(a->raised_ns == b->raised_ns && a->cleared_ns == b->cleared_ns);
	assert(a->acknowledged == b->acknowledged);
	assert(a->value >= b->value && a->value <= b->value);
	assert(a->threshold >= b->threshold && a->threshold <= b->threshold);
	assert(strcmp(a->source, b->source) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct alert_saved saved, again;
	struct err e;

	if (alert_decode(slice_of((const char *)bytes, n), &saved, &e) == -1)
		return 0;
	buf_clear(&text);
	alert_encode(&text, &saved);
	assert(!text.failed);
	assert(alert_decode(buf_slice(&text), &again, &e) == 0);
	expect_same(&saved, &again);
	return 0;
}
