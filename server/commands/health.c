/* STAT HEALTH, HEALTH BACKGROUND, HEALTH SANDBOX */
#include "commands.h"

#include <stdio.h>

#include "health.h"
#include "metric.h"
#include "os.h"
#include "reply.h"

static const char *const compression_word[] = {
	[COMPRESSION_IDLE] = "idle",
	[COMPRESSION_RUNNING] = "running",
	[COMPRESSION_SUCCESS] = "success",
	[COMPRESSION_FAILURE] = "failure",
};

static void
fill_stat(const struct server *s, struct metric_value *v)
{
	const struct jobs *jobs = store_jobs(s->store);
	struct sched_stats sched;

	sched_stats(s->sched, &sched);
	v[METRIC_STAT_uptime_ns].number =
	    (uint64_t)(os->mono_ns() - s->started_mono_ns);
	v[METRIC_STAT_connections].number = s->conns.n;
	v[METRIC_STAT_jobs_total].number = jobs_total(jobs);
	v[METRIC_STAT_jobs_planned].number = jobs->count[JOB_PLANNED];
	v[METRIC_STAT_jobs_triggered].number = jobs->count[JOB_TRIGGERED];
	v[METRIC_STAT_jobs_executed].number = jobs->count[JOB_EXECUTED];
	v[METRIC_STAT_jobs_failed].number = jobs->count[JOB_FAILED];
	v[METRIC_STAT_rules_total].number = store_rules(s->store)->n;
	v[METRIC_STAT_executions_pending].number = sched.pending;
	v[METRIC_STAT_executions_inflight].number = sched.inflight;
	v[METRIC_STAT_persistence].word =
	    store_is_durable(s->store) ? "logfile" : "memory";
	v[METRIC_STAT_compression].word =
	    compression_word[store_stats(s->store)->compression];
	v[METRIC_STAT_auth_enabled].number = s->auth != NULL;
	v[METRIC_STAT_tls_enabled].number = s->tls_enabled;
	v[METRIC_STAT_framerate].number = s->config->database_framerate;
}

/* A section whose rows are `<name> <value>`. */
static int
reply_pairs(struct conn *c, const struct request *r,
    enum metric_section section,
    void (*fill)(const struct server *s, struct metric_value *v))
{
	struct metric_value v[METRIC_COUNT] = { 0 };
	struct buf *out = conn_reply(c);

	fill(c->server, v);
	metric_put_pairs(out, r->id, section, v);
	reply_ok(out, r->id);
	return HANDLED;
}

int
cmd_stat(struct conn *c, const struct request *r, struct err *e)
{
	(void)e;
	return reply_pairs(c, r, METRIC_SECTION_STAT, fill_stat);
}

int
cmd_health(struct conn *c, const struct request *r, struct err *e)
{
	const struct server *s = c->server;
	struct buf *out = conn_reply(c);

	(void)e;
	for (int i = 0; i < HEALTH_SECTION_COUNT; i++) {
		enum health_section section = (enum health_section)i;

		reply_row_word(out, r->id, health_section_word(section),
		    slice_str(health_status_word(health_of(s, section))));
	}
	reply_ok_word(out, r->id,
	    slice_str(health_status_word(health_of_all(s))));
	return HANDLED;
}

int
cmd_health_background(struct conn *c, const struct request *r, struct err *e)
{
	struct buf *out = conn_reply(c);

	(void)e;
	background_put(out, r->id, c->server->monitor.tasks);
	reply_ok(out, r->id);
	return HANDLED;
}

/* The row of `none` tells how runs are limited without one. */
static const char *
limits_detail(const struct server *s, char text[SANDBOX_DETAIL_MAX])
{
	const char *why, *path = processor_cgroups(s->processor, &why);

	if (path == NULL)
		(void)snprintf(text, SANDBOX_DETAIL_MAX,
		    "limits by setrlimit alone, no cgroups: %s", why);
	else
		(void)snprintf(text, SANDBOX_DETAIL_MAX,
		    "limits by cgroups in %s", path);
	return text;
}

static void
put_sandboxes(struct buf *out, struct slice id, const struct server *s)
{
	char text[SANDBOX_DETAIL_MAX];

	for (int i = SANDBOX_NONE; i <= SANDBOX_KATA; i++) {
		const struct sandbox *x = &s->sandboxes.of[i];
		struct metric_value v[METRIC_COUNT] = { 0 };

		v[METRIC_SANDBOX_KIND_kind].word = sandbox_word(i);
		v[METRIC_SANDBOX_KIND_available].number =
		    x->state == SANDBOX_WORKS;
		v[METRIC_SANDBOX_KIND_detail].word =
		    i == SANDBOX_NONE ? limits_detail(s, text) : x->detail;
		metric_put_row(out, id, METRIC_SECTION_SANDBOX_KIND, v);
	}
}

/* There are no sessions yet. */
static void
fill_sandbox(const struct server *s, struct metric_value *v)
{
	v[METRIC_SANDBOX_max_agents].number = s->config->agents_max_sessions;
}

int
cmd_health_sandbox(struct conn *c, const struct request *r, struct err *e)
{
	(void)e;
	put_sandboxes(conn_reply(c), r->id, c->server);
	return reply_pairs(c, r, METRIC_SECTION_SANDBOX, fill_sandbox);
}
