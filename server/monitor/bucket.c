#include "bucket.h"

#include <string.h>

#include "record.h"

static unsigned
n_fields(enum history_source source)
{
	return source == HISTORY_SYSTEM ? POLLS_FIELDS : CALLS_FIELDS;
}

struct bucket
bucket_of_poll(const struct poll_sample *sample)
{
	struct bucket b = { 0 };

	b.v[POLLS] = 1;
	b.v[POLLS_DEGRADED] = sample->status == HEALTH_DEGRADED;
	b.v[POLLS_CRITICAL] = sample->status == HEALTH_CRITICAL;
	b.v[POLLS_CPU] = (uint64_t)(sample->cpu * 100 + 0.5);
	b.v[POLLS_MEMORY] = (uint64_t)(sample->memory * 100 + 0.5);
	b.v[POLLS_QUEUE] = sample->queue_depth;
	b.v[POLLS_ALERTS] = sample->alerts;
	return b;
}

void
bucket_add(enum history_source source, struct bucket *to,
    const struct bucket *from)
{
	for (unsigned i = 0; i < n_fields(source); i++) {
		if (source != HISTORY_SYSTEM || i != POLLS_ALERTS)
			to->v[i] += from->v[i];
		else if (to->v[i] < from->v[i])
			to->v[i] = from->v[i];
	}
}

double
bucket_score(enum history_source source, const struct bucket *b)
{
	double lost = (double)b->v[CALLS_FAILED];

	if (bucket_is_empty(b))
		return 1;
	if (source == HISTORY_SYSTEM)
		lost = 0.5 * (double)b->v[POLLS_DEGRADED] +
		    (double)b->v[POLLS_CRITICAL];
	return 1 - lost / (double)b->v[0];
}

enum health_status
bucket_status(enum history_source source, const struct bucket *b)
{
	double score = bucket_score(source, b);

	if (source == HISTORY_SYSTEM)
		return b->v[POLLS_CRITICAL] > 0 ? HEALTH_CRITICAL
		    : b->v[POLLS_DEGRADED] > 0	? HEALTH_DEGRADED
						: HEALTH_HEALTHY;
	return score >= BUCKET_HEALTHY ? HEALTH_HEALTHY
	    : score >= BUCKET_DEGRADED ? HEALTH_DEGRADED
				       : HEALTH_CRITICAL;
}

void
day_sum(enum history_source source, const struct day *d, struct bucket *out)
{
	memset(out, 0, sizeof(*out));
	if (d->mask == DAY_WHOLE) {
		*out = d->hour[0];
		return;
	}
	for (unsigned h = 0; h < HOURS_A_DAY; h++)
		if (d->mask & 1u << h)
			bucket_add(source, out, &d->hour[h]);
}

void
day_thin(enum history_source source, struct day *d)
{
	struct bucket sum;

	day_sum(source, d, &sum);
	d->hour[0] = sum;
	d->mask = DAY_WHOLE;
}

/* How many buckets a day of this mask has. */
static unsigned
n_buckets(uint32_t mask)
{
	return mask == DAY_WHOLE ? 1 : HOURS_A_DAY;
}

static bool
has_bucket(uint32_t mask, unsigned h)
{
	return mask == DAY_WHOLE || (mask & 1u << h) != 0;
}

void
day_put(struct buf *out, enum history_source source, const struct day *d)
{
	record_put_u8(out, (unsigned)source);
	record_put_u32(out, d->mask);
	for (unsigned h = 0; h < n_buckets(d->mask); h++)
		for (unsigned i = 0; i < n_fields(source); i++)
			if (has_bucket(d->mask, h))
				record_put_u64(out, d->hour[h].v[i]);
}

bool
day_get(struct slice value, enum history_source source, struct day *d)
{
	struct record_reader in;
	bool good;

	memset(d, 0, sizeof(*d));
	record_read(&in, value);
	good = record_get_u8(&in) == (unsigned)source;
	d->mask = record_get_u32(&in);
	good = good && d->mask <= DAY_WHOLE;
	for (unsigned h = 0; good && h < n_buckets(d->mask); h++)
		for (unsigned i = 0; i < n_fields(source); i++)
			if (has_bucket(d->mask, h))
				d->hour[h].v[i] = record_get_u64(&in);
	if (good && record_done(&in))
		return true;
	memset(d, 0, sizeof(*d));
	return false;
}
