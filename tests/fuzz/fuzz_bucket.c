/*
 * Bytes as the value of a day of history, behind one that says whose it is:
 * what is read is written again as it was.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "bucket.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static struct buf again;

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	enum history_source source;
	struct bucket sum;
	struct slice value;
	struct day d;

	if (n == 0)
		return 0;
	source = (enum history_source)(HISTORY_AGENT + bytes[0] % 3);
	value = slice_of((const char *)bytes + 1, n - 1);
	if (!day_get(value, source, &d)) {
		assert(d.mask == 0);
		return 0;
	}
	buf_clear(&again);
	day_put(&again, source, &d);
	assert(!again.failed && slice_eq(buf_slice(&again), value));
	day_sum(source, &d, &sum);
	(void)bucket_score(source, &sum);
	(void)bucket_status(source, &sum);
	day_thin(source, &d);
	assert(d.mask == DAY_WHOLE);
	assert(memcmp(&d.hour[0], &sum, sizeof(sum)) == 0);
	return 0;
}
