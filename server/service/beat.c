#include "beat.h"

#include <stdio.h>

#include "server.h"
#include "systemd.h"

/* However long the watchdog waits, the status is told so often. */
#define BEAT_SECONDS 5.0
#define BEAT_SECONDS_MIN 0.001

/* What each beat adds to the time that a start or a stop may take: many beats,
 * as a machine may be slow; bounded by drain_timeout alone. */
#define EXTEND "EXTEND_TIMEOUT_USEC=60000000\n"

#define STATUS_MAX 160

static void
put_status(const struct server *s, char status[STATUS_MAX])
{
	const struct jobs *jobs = store_jobs(s->store);
	struct sched_stats stats;

	sched_stats(s->sched, &stats);
	(void)snprintf(status, STATUS_MAX,
	    "%s%zu jobs, %zu planned; %zu executions wait, %zu run",
	    s->draining ? "draining: " : "", jobs_total(jobs),
	    jobs->count[JOB_PLANNED], stats.pending, stats.inflight);
}

static void
on_beat(struct ev_loop *loop, ev_timer *w, int revents)
{
	const struct beat *b = w->data;
	char status[STATUS_MAX];

	(void)loop;
	(void)revents;
	put_status(b->server, status);
	systemd_notify("%s%sSTATUS=%s",
	    systemd_watchdog_ns() > 0 ? "WATCHDOG=1\n" : "",
	    b->server->draining ? EXTEND : "", status);
}

void
beat_recovering(uint64_t records)
{
	systemd_notify(EXTEND "STATUS=recovering: %llu records so far",
	    (unsigned long long)records);
}

void
beat_start(struct beat *b, struct server *s)
{
	double seconds = (double)systemd_watchdog_ns() / 1e9 / 2;
	char status[STATUS_MAX];

	if (seconds <= 0 || seconds > BEAT_SECONDS)
		seconds = BEAT_SECONDS;
	if (seconds < BEAT_SECONDS_MIN)
		seconds = BEAT_SECONDS_MIN;
	b->server = s;
	ev_timer_init(&b->timer, on_beat, seconds, seconds);
	b->timer.data = b;
	if (systemd_listens())
		ev_timer_start(s->loop, &b->timer);
	put_status(s, status);
	systemd_notify("READY=1\nSTATUS=%s", status);
}

/* While it drains the service manager must not take it for ready again. */
void
beat_reloading(const struct beat *b)
{
	if (!b->server->draining)
		systemd_reloading();
}

void
beat_reloaded(const struct beat *b, const char *fault)
{
	if (b->server->draining)
		return;
	if (fault == NULL)
		systemd_notify("READY=1\nSTATUS=reloaded");
	else
		systemd_notify("READY=1\nSTATUS=not reloaded: %s", fault);
}

void
beat_draining(const struct beat *b)
{
	char status[STATUS_MAX];

	put_status(b->server, status);
	systemd_notify("STOPPING=1\n" EXTEND "STATUS=%s", status);
}

void
beat_stop(struct beat *b)
{
	ev_timer_stop(b->server->loop, &b->timer);
	systemd_notify("STOPPING=1\n" EXTEND "STATUS=stopping");
}
