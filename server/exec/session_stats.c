#include "session_stats.h"

/* The last bucket takes all. */
static void
add(uint64_t le[SESSION_BUCKETS], const uint64_t bound[SESSION_BUCKETS - 1],
    uint64_t value)
{
	for (int i = 0; i < SESSION_BUCKETS; i++)
		if (i == SESSION_BUCKETS - 1 || value <= bound[i])
			le[i]++;
}

void
session_stats_ended(struct session_stats *s, int64_t now_mono_ns,
    enum session_end why, int64_t lived_ns, uint64_t executions)
{
	static const uint64_t lived[] = { 1 * NS_PER_S, 5 * NS_PER_S,
		15 * NS_PER_S, 60 * NS_PER_S, 300 * NS_PER_S, 900 * NS_PER_S,
		1500 * NS_PER_S };
	static const uint64_t executed[] = { 0, 1, 2, 5, 10, 50, 100 };

	add(s->seconds_le, lived, (uint64_t)lived_ns);
	add(s->executions_le, executed, executions);
	switch (why) {
	case SESSION_END_IDLE:
		s->idle++;
		rate_add(&s->idle_rate, now_mono_ns, 1);
		break;
	case SESSION_END_EXPIRED:
		s->expired++;
		rate_add(&s->expired_rate, now_mono_ns, 1);
		break;
	case SESSION_END_ZOMBIE:
		s->zombies++;
		rate_add(&s->zombie_rate, now_mono_ns, 1);
		break;
	case SESSION_END_LOST:
		s->lost++;
		break;
	case SESSION_END_OTHER:
		break;
	}
}
