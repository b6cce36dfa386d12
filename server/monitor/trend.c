#include "trend.h"

static double
failing(struct trend_part part)
{
	return (double)part.failures / (double)part.n;
}

enum trend
trend_of(struct trend_part now, struct trend_part before)
{
	double change;

	if (now.n < TREND_MIN || before.n < TREND_MIN)
		return TREND_STABLE;
	change = failing(before) - failing(now);
	if (change > TREND_BAND)
		return TREND_IMPROVING;
	return change < -TREND_BAND ? TREND_DECLINING : TREND_STABLE;
}

const char *
trend_word(enum trend trend)
{
	static const char *const words[] = {
		[TREND_STABLE] = "stable",
		[TREND_IMPROVING] = "improving",
		[TREND_DECLINING] = "declining",
	};

	return words[trend];
}
