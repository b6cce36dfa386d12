/*
 * Bytes as a cron expression. One that is accepted has a next time, later and
 * on what its masks say, and looking from just before it gives the same.
 */
#include <assert.h>
#include <stdint.h>

#include "cron.h"
#include "tstamp.h"

#define STEPS 6 /* of 40 years at most */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void
check_match(const struct cron *c, int64_t local)
{
	unsigned minute = (unsigned)(local / 60 % 60);
	unsigned hour = (unsigned)(local / 3600 % 24);
	unsigned weekday = (unsigned)((local / 86400 + 4) % 7);
	unsigned month, day;
	bool by_day, by_weekday;
	int64_t year;

	tstamp_civil_from_days(local / 86400, &year, &month, &day);
	by_day = (c->days >> day & 1) != 0;
	by_weekday = (c->weekdays >> weekday & 1) != 0;
	assert(local % 60 == 0);
	assert((c->minutes >> minute & 1) != 0);
	assert((c->hours >> hour & 1) != 0);
	assert((c->months >> month & 1) != 0);
	assert(c->either_day ? by_day || by_weekday : by_day && by_weekday);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice text = slice_of((const char *)bytes, n);
	int64_t local = 0, next, again;
	struct cron c;
	struct err e;
	int i;

	if (cron_parse(text, &c, &e) == -1) {
		assert(e.code == ERR_INVALID || e.code == ERR_TOO_LONG);
		return 0;
	}
	for (i = 0; i < STEPS; i++) {
		assert(cron_next(&c, local, &next));
		assert(next > local);
		check_match(&c, next);
		assert(cron_next(&c, next - 1, &again) && again == next);
		local = next + (INT64_C(1) << (4 * i));
	}
	return 0;
}
