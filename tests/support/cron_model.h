/*
 * A cron expression by chance: its text, and what it must mean as plain
 * tables that are looked up minute by minute.
 */
#ifndef TESTS_CRON_MODEL_H
#define TESTS_CRON_MODEL_H

#include <stdbool.h>
#include <time.h>

#include "prng.h"

enum {
	CRON_MINUTE,
	CRON_HOUR,
	CRON_DAY,
	CRON_MONTH,
	CRON_WEEKDAY,
	CRON_FIELDS
};

struct cron_model {
	bool on[CRON_FIELDS][60];
	bool star[CRON_FIELDS];
	char text[512];
};

/* Dense: most months and days match. Otherwise anything goes. */
void cron_model_make(struct cron_model *m, struct prng *p, bool dense);

bool cron_model_matches(const struct cron_model *m, const struct tm *tm);

#endif
