/* STAT */
#include "commands.h"

#include "metric.h"
#include "os.h"
#include "reply.h"

/* A value of the metric table: a number, or a word. */
struct value {
	uint64_t number;
	const char *word;
};

static const char *const compression_word[] = {
	[COMPRESSION_IDLE] = "idle",
	[COMPRESSION_RUNNING] = "running",
	[COMPRESSION_SUCCESS] = "success",
	[COMPRESSION_FAILURE] = "failure",
};

static void
fill(const struct server *s, struct value v[METRIC_COUNT])
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

int
cmd_stat(struct conn *c, const struct request *r, struct err *e)
{
	struct value v[METRIC_COUNT] = { 0 };
	struct buf *out = conn_reply(c);

	(void)e;
	fill(c->server, v);
	for (int i = 0; i < METRIC_COUNT; i++) {
		if (metrics[i].section != METRIC_SECTION_STAT)
			continue;
		if (metrics[i].kind == METRIC_WORD)
			reply_row_word(out, r->id, metrics[i].name,
			    slice_str(v[i].word == NULL ? "-" : v[i].word));
		else
			reply_row_u64(out, r->id, metrics[i].name, v[i].number);
	}
	reply_ok(out, r->id);
	return HANDLED;
}
