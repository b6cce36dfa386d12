/*
 * Bytes as a time zone file. One that is accepted keeps the promises of
 * zone.h at any time; and an expression that runs in it goes forward.
 */
#include <assert.h>
#include <stdint.h>

#include "schedule.h"
#include "tstamp.h"
#include "zone.h"

#define FIRST INT64_C(86400)
#define LAST (TSTAMP_MAX_NS / NS_PER_S)
#define STEP (INT64_C(60) * 86400 + 4711)
#define FORWARD 50

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void
check_order(const struct zone *z, int64_t utc, int64_t local)
{
	int64_t first = zone_first(z, local);

	assert(first + zone_offset(z, first) >= local);
	assert(first - 1 + zone_offset(z, first - 1) < local);
	assert(zone_reached(z, utc) >= utc + zone_offset(z, utc));
	assert((first > utc) == (local > zone_reached(z, utc)));
	assert(zone_first(z, zone_reached(z, utc)) <= utc);
	assert(zone_first(z, zone_reached(z, utc) + 1) > utc);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct zone *z;
	struct cron c;
	struct err e;
	int64_t t, next;
	int i;

	if ((z = zone_parse(bytes, n, &e)) == NULL) {
		assert(e.code == ERR_INVALID);
		return 0;
	}
	for (t = FIRST; t < LAST; t += STEP)
		check_order(z, t, t + t % 100000 - 50000);
	assert(cron_parse(slice_str("*/7 1-3 * * *"), &c, &e) == 0);
	for (t = FIRST * NS_PER_S, i = 0; i < FORWARD; i++, t = next) {
		assert(schedule_cron(&c, z, t, &next));
		assert(next > t);
	}
	zone_free(z);
	return 0;
}
