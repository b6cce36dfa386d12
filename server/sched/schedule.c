#include "schedule.h"

#include "tstamp.h"

/* Each local time counts once. zone_first never decreases from one local time
 * to a later one, so the first match that is still to come comes first. */
static bool
next_once(const struct cron *c, const struct zone *z, int64_t after, int64_t *s)
{
	int64_t local;

	if (!cron_next(c, zone_reached(z, after), &local))
		return false;
	*s = zone_first(z, local);
	return true;
}

/*
 * Each time the clock shows a match. It is looked for in what the clock shows
 * until its offset changes, and then from there on: where the change skips a
 * match, its moment is that of the change.
 */
static bool
next_shown(const struct cron *c, const struct zone *z, int64_t after,
    int64_t *s)
{
	int64_t begin = after, until, local;
	int32_t offset = zone_offset_until(z, after, &until), before;
	int64_t shown = after + offset;

	for (;;) {
		if (!cron_next(c, shown, &local))
			return false;
		*s = local - offset > begin ? local - offset : begin;
		if (*s < until)
			return true;
		before = offset;
		begin = until;
		offset = zone_offset_until(z, begin, &until);
		shown = begin + (offset < before ? offset : before) - 1;
	}
}

bool
schedule_cron(const struct cron *c, const struct zone *z, int64_t after_ns,
    int64_t *next_ns)
{
	int64_t after = after_ns / NS_PER_S, s = 0;

	if (!(c->runs_on ? next_shown : next_once)(c, z, after, &s) ||
	    s > TSTAMP_MAX_NS / NS_PER_S)
		return false;
	*next_ns = s * NS_PER_S;
	return true;
}

/* 1: found, 0: none, -1: *e. A zone whose ptr is NULL is UTC. */
static int
next_cron(struct zones *zs, struct slice text, struct slice name,
    int64_t after_ns, int64_t *next_ns, struct err *e)
{
	const struct zone *z = zone_utc();
	struct cron c;

	if (cron_parse(text, &c, e) == -1)
		return -1;
	if (name.ptr != NULL && (z = zones_get(zs, name, e)) == NULL)
		return -1;
	return schedule_cron(&c, z, after_ns, next_ns);
}

static int
next_every(int64_t every_ns, int64_t due_ns, int64_t after_ns, int64_t *next_ns)
{
	int64_t k = (after_ns - due_ns) / every_ns + 1;

	if (k > (TSTAMP_MAX_NS - due_ns) / every_ns)
		return 0;
	*next_ns = due_ns + k * every_ns;
	return 1;
}

int
schedule_check(struct zones *zs, const struct request_set *set, int64_t now_ns,
    int64_t *due_ns, struct err *e)
{
	int64_t due = set->due_ns;
	int64_t first;
	int found;

	if (set->cron.ptr != NULL) {
		found = next_cron(zs, set->cron, set->zone, now_ns, &first, e);
		if (found == -1)
			return -1;
		if (set->due_is_cron && found == 0)
			return err_quote(e, ERR_INVALID, set->cron,
			    "no time before 2262 matches");
		if (set->due_is_cron)
			due = first;
	}
	if (set->until_ns != 0 && due > set->until_ns)
		return err_set(e, ERR_INVALID, "the first time is after UNTIL");
	*due_ns = due;
	return 0;
}

/* FNV-1a, then the final steps of MurmurHash3 to spread similar identifiers.
 * Never to change: a job keeps its place from version to version. */
static uint64_t
hash(struct slice s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	size_t i;

	for (i = 0; i < s.len; i++)
		h = (h ^ (unsigned char)s.ptr[i]) * UINT64_C(0x100000001b3);
	h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 33;
}

static int64_t
jitter_of(const struct job_plan *plan, struct slice job)
{
	if (plan == NULL || plan->jitter_ns <= 0)
		return 0;
	return (int64_t)(hash(job) % ((uint64_t)plan->jitter_ns + 1));
}

int64_t
schedule_start_ns(const struct job_plan *plan, struct slice job, int64_t due_ns)
{
	int64_t jitter = jitter_of(plan, job);

	if (jitter > TSTAMP_MAX_NS - due_ns)
		return TSTAMP_MAX_NS;
	return due_ns + jitter;
}

int
schedule_next(struct zones *zs, const struct job_plan *plan, struct slice job,
    int64_t due_ns, int64_t now_ns, int64_t *next_ns, struct err *e)
{
	int64_t after_ns = now_ns - jitter_of(plan, job);
	struct slice zone = { 0 };
	int64_t next;
	int found = 0;

	if (after_ns < due_ns)
		after_ns = due_ns;
	if (after_ns >= TSTAMP_MAX_NS)
		return 0;
	if (plan->every_ns > 0) {
		found = next_every(plan->every_ns, due_ns, after_ns, &next);
	} else if (plan->cron != NULL) {
		if (plan->zone != NULL)
			zone = slice_str(plan->zone);
		found = next_cron(zs, slice_str(plan->cron), zone, after_ns,
		    &next, e);
	}
	if (found != 1)
		return found;
	if (plan->until_ns != 0 && next > plan->until_ns)
		return 0;
	*next_ns = next;
	return 1;
}
