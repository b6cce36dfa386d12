/*
 * Ranges of the monitoring plugins' guidelines: `[@][start:][end]`. A value
 * alerts when it is outside of start..end, both inclusive; with @ when it is
 * inside. Start is 0 when missing, ~ is minus infinity; end is infinity when
 * missing after the colon.
 */
#ifndef CLIENT_CTL_RANGE_H
#define CLIENT_CTL_RANGE_H

#include <stdbool.h>

struct range {
	double start;
	double end;
	bool inside; /* @: alerts inside */
};

/* 0, or -1 when the text is no range. */
int range_parse(const char *text, struct range *r);
bool range_alerts(const struct range *r, double value);

#endif
