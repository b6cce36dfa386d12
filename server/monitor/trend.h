/*
 * Where the success rate of something is going: that of the recent past
 * against the time before.
 */
#ifndef MONITOR_TREND_H
#define MONITOR_TREND_H

#include <stdint.h>

/* It is stable within the band, and while one of the two has too few to
 * tell. */
#define TREND_BAND 0.05
#define TREND_MIN 5

enum trend { TREND_STABLE, TREND_IMPROVING, TREND_DECLINING };

struct trend_part {
	uint64_t n, failures;
};

enum trend trend_of(struct trend_part now, struct trend_part before);
const char *trend_word(enum trend trend);

#endif
