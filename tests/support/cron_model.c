#include "cron_model.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define ITEMS_MAX 3u

static const struct {
	unsigned min, max;
	const char *names; /* of three letters each, or NULL */
} fields[CRON_FIELDS] = {
	[CRON_MINUTE] = { 0, 59, NULL },
	[CRON_HOUR] = { 0, 23, NULL },
	[CRON_DAY] = { 1, 31, NULL },
	[CRON_MONTH] = { 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec" },
	[CRON_WEEKDAY] = { 0, 7, "SunmOnTUEwedThuFrisat" },
};

static void put(struct cron_model *m, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
put(struct cron_model *m, const char *fmt, ...)
{
	size_t n = strlen(m->text);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(m->text + n, sizeof(m->text) - n, fmt, ap);
	va_end(ap);
	assert(strlen(m->text) < sizeof(m->text) - 1);
}

static void
put_value(struct cron_model *m, struct prng *p, int field, unsigned v)
{
	const char *names = fields[field].names;

	if (names != NULL && prng_below(p, 2) == 0 &&
	    v - fields[field].min < strlen(names) / 3)
		put(m, "%.3s", names + (size_t)(v - fields[field].min) * 3);
	else
		put(m, "%u", v);
}

static unsigned
value(struct prng *p, unsigned low, unsigned high)
{
	return low + prng_below(p, high - low + 1);
}

static void
make_item(struct cron_model *m, struct prng *p, int field)
{
	unsigned low = fields[field].min, high = fields[field].max;
	unsigned step = 1, kind = prng_below(p, 6);

	if (kind == 0) {
		put(m, "*");
	} else {
		low = value(p, low, high);
		put_value(m, p, field, low);
		high = kind < 3 ? low : value(p, low, high);
		if (kind >= 3) {
			put(m, "-");
			put_value(m, p, field, high);
		}
	}
	if ((kind == 0 || kind >= 3) && prng_below(p, 2) == 0) {
		step = value(p, 1, fields[field].max);
		if (prng_below(p, 2) == 0)
			step = value(p, 1, 5);
		put(m, "/%u", step);
	}
	for (; low <= high; low += step)
		m->on[field][field == CRON_WEEKDAY ? low % 7 : low] = true;
}

static void
make_field(struct cron_model *m, struct prng *p, int field, bool all)
{
	size_t start = strlen(m->text);
	unsigned n = 1 + prng_below(p, ITEMS_MAX);

	if (all) {
		put(m, "*");
		memset(m->on[field], true, sizeof(m->on[field]));
	} else {
		make_item(m, p, field);
		while (--n > 0) {
			put(m, ",");
			make_item(m, p, field);
		}
	}
	m->star[field] = m->text[start] == '*';
}

void
cron_model_make(struct cron_model *m, struct prng *p, bool dense)
{
	int field;

	memset(m, 0, sizeof(*m));
	for (field = 0; field < CRON_FIELDS; field++) {
		unsigned often = dense && field >= CRON_DAY ? 8 : 2;

		if (field > 0)
			put(m, prng_below(p, 8) == 0 ? " \t " : " ");
		make_field(m, p, field, prng_below(p, often) != 0);
	}
}

bool
cron_model_matches(const struct cron_model *m, const struct tm *tm)
{
	bool day = m->on[CRON_DAY][tm->tm_mday];
	bool weekday = m->on[CRON_WEEKDAY][tm->tm_wday];

	if (!m->on[CRON_MINUTE][tm->tm_min] || !m->on[CRON_HOUR][tm->tm_hour] ||
	    !m->on[CRON_MONTH][tm->tm_mon + 1])
		return false;
	if (m->star[CRON_DAY] || m->star[CRON_WEEKDAY])
		return day && weekday;
	return day || weekday;
}
