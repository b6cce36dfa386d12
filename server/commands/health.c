/*
 * STAT, HEALTH and those of its sections that main itself can tell: SYSTEM
 * SCHEDULER STORAGE PROTOCOL BACKGROUND SESSIONS BREAKERS SANDBOX. Nothing here
 * may grow with the number of jobs or of connections.
 */
#include "commands.h"

#include <stdio.h>

#include "alert.h"
#include "breakers.h"
#include "health.h"
#include "integration_health.h"
#include "metric.h"
#include "os.h"
#include "reply.h"
#include "scope.h"
#include "session.h"

static const char *const compression_word[] = {
	[COMPRESSION_IDLE] = "idle",
	[COMPRESSION_RUNNING] = "running",
	[COMPRESSION_SUCCESS] = "success",
	[COMPRESSION_FAILURE] = "failure",
};

static const char *
persistence_word(const struct server *s)
{
	return store_is_durable(s->store) ? "logfile" : "memory";
}

static const char *
status_word(const struct server *s, enum health_section section)
{
	return health_status_word(health_of(s, section));
}

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
	v[METRIC_STAT_persistence].word = persistence_word(s);
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
	struct buf *out = conn_reply(c);
	struct alerts_stats alerts;

	(void)e;
	scope_alerts(c, &alerts);
	for (int i = 0; i < HEALTH_SECTION_COUNT; i++) {
		enum health_section section = (enum health_section)i;

		reply_row_word(out, r->id, health_section_word(section),
		    slice_str(
			health_status_word(alerts_status(&alerts, section))));
	}
	reply_ok_word(out, r->id,
	    slice_str(health_status_word(health_of_all(&alerts))));
	return HANDLED;
}

static void
fill_system(const struct conn *c, struct metric_value *v)
{
	const struct server *s = c->server;
	const struct system_sample *sample = &s->monitor.system.sample;
	struct alerts_stats alerts;
	struct scope_counts counts;
	struct sched_stats sched;

	sched_stats(s->sched, &sched);
	scope_alerts(c, &alerts);
	scope_count(c, &counts);
	v[METRIC_SYSTEM_status].word = status_word(s, HEALTH_SYSTEM);
	v[METRIC_SYSTEM_cpu_usage].ratio = sample->cpu_usage;
	v[METRIC_SYSTEM_memory_usage].ratio = sample->memory_usage;
	v[METRIC_SYSTEM_disk_usage].ratio = sample->disk_usage;
	v[METRIC_SYSTEM_active_operations].number = sched.inflight;
	v[METRIC_SYSTEM_queue_depth].number = sched.pending;
	v[METRIC_SYSTEM_total_agents].number = counts.rules;
	v[METRIC_SYSTEM_active_agents].number = counts.busy_rules;
	v[METRIC_SYSTEM_total_integrations].number = counts.integrations;
	v[METRIC_SYSTEM_healthy_integrations].number =
	    counts.healthy_integrations;
	v[METRIC_SYSTEM_alerts_critical].number = alerts.active[ALERT_CRITICAL];
	v[METRIC_SYSTEM_alerts_warning].number = alerts.active[ALERT_WARNING];
	v[METRIC_SYSTEM_alerts_info].number = alerts.active[ALERT_INFO];
	v[METRIC_SYSTEM_process_cpu_usage].ratio = sample->process_cpu_usage;
	v[METRIC_SYSTEM_process_rss_bytes].number = sample->process_rss_bytes;
	v[METRIC_SYSTEM_open_fds].number = sample->open_fds;
	v[METRIC_SYSTEM_threads].number = sample->threads;
	v[METRIC_SYSTEM_load1].ratio = sample->load1;
	v[METRIC_SYSTEM_sampled_ns].ns = sample->sampled_ns;
}

int
cmd_health_system(struct conn *c, const struct request *r, struct err *e)
{
	struct metric_value v[METRIC_COUNT] = { 0 };
	struct buf *out = conn_reply(c);

	(void)e;
	system_refresh(&c->server->monitor.system);
	fill_system(c, v);
	metric_put_pairs(out, r->id, METRIC_SECTION_SYSTEM, v);
	reply_ok(out, r->id);
	return HANDLED;
}

/* p50, p99 and max of a window, as three metrics. */
static void
fill_window(struct metric_value *v, const struct window *w)
{
	struct histogram h;

	window_sum(w, os->mono_ns(), &h);
	v[0].number = histogram_quantile(&h, 0.5);
	v[1].number = histogram_quantile(&h, 0.99);
	v[2].number = h.max;
}

static void
fill_scheduler(const struct server *s, struct metric_value *v)
{
	const struct pace *pace = &s->monitor.pace;
	struct sched_stats sched;
	int64_t next_ns;

	sched_stats(s->sched, &sched);
	v[METRIC_SCHEDULER_status].word = status_word(s, HEALTH_SCHEDULER);
	v[METRIC_SCHEDULER_framerate].number = s->config->database_framerate;
	v[METRIC_SCHEDULER_frames_total].number = sched.frames;
	v[METRIC_SCHEDULER_frames_late].number = sched.late_frames;
	v[METRIC_SCHEDULER_triggered_total].number = pace->triggered;
	v[METRIC_SCHEDULER_executed_total].number = pace->executed;
	v[METRIC_SCHEDULER_failed_total].number = pace->failed;
	v[METRIC_SCHEDULER_retried_total].number = pace->retried;
	v[METRIC_SCHEDULER_missed_total].number = pace->missed;
	if (jobs_next_due(store_jobs(s->store), &next_ns))
		v[METRIC_SCHEDULER_next_due_ns].ns = next_ns;
	fill_window(&v[METRIC_SCHEDULER_trigger_lateness_us_p50],
	    &pace->lateness_us);
	fill_window(&v[METRIC_SCHEDULER_queue_wait_us_p50],
	    &pace->queue_wait_us);
}

int
cmd_health_scheduler(struct conn *c, const struct request *r, struct err *e)
{
	(void)e;
	return reply_pairs(c, r, METRIC_SECTION_SCHEDULER, fill_scheduler);
}

static double
quotient(uint64_t a, uint64_t b)
{
	return b == 0 ? 0 : (double)a / (double)b;
}

static void
fill_storage(const struct server *s, struct metric_value *v)
{
	const struct store_stats *stats = store_stats(s->store);
	const struct store_recovery *recovery = &s->recovery;

	v[METRIC_STORAGE_status].word = status_word(s, HEALTH_STORAGE);
	v[METRIC_STORAGE_persistence].word = persistence_word(s);
	v[METRIC_STORAGE_appended_records_total].number = stats->records;
	v[METRIC_STORAGE_appended_bytes_total].number = stats->bytes;
	v[METRIC_STORAGE_commits_total].number = stats->commits;
	fill_window(&v[METRIC_STORAGE_commit_us_p50], &s->monitor.commit_us);
	v[METRIC_STORAGE_group_size_mean].ratio =
	    quotient(stats->records, stats->commits);
	v[METRIC_STORAGE_logfile_bytes].number = (uint64_t)stats->log_bytes;
	v[METRIC_STORAGE_base_bytes].number = (uint64_t)stats->image_bytes;
	v[METRIC_STORAGE_compression].word =
	    compression_word[stats->compression];
	v[METRIC_STORAGE_compression_last_ns].ns = stats->compression_ended_ns;
	v[METRIC_STORAGE_compression_last_ms].ns = stats->compression_ns;
	v[METRIC_STORAGE_compression_ratio].ratio =
	    quotient((uint64_t)stats->fold.input_bytes,
		(uint64_t)stats->fold.image_bytes);
	v[METRIC_STORAGE_recovered_records].number = recovery->records;
	v[METRIC_STORAGE_recovery_ms].ns = recovery->duration_ns;
	v[METRIC_STORAGE_discarded_bytes].number =
	    (uint64_t)recovery->discarded_bytes;
	v[METRIC_STORAGE_last_error].word =
	    stats->last_error[0] == '\0' ? NULL : stats->last_error;
	v[METRIC_STORAGE_backend_status].word =
	    stats->failing ? "failed" : "connected";
}

int
cmd_health_storage(struct conn *c, const struct request *r, struct err *e)
{
	(void)e;
	return reply_pairs(c, r, METRIC_SECTION_STORAGE, fill_storage);
}

static void
fill_protocol(const struct server *s, struct metric_value *v)
{
	const struct traffic *t = s->traffic;
	int64_t now_ns = os->mono_ns();
	struct traffic_total total;
	const struct histogram *us = &total.latency_us;

	traffic_sum(t, now_ns, &total);
	v[METRIC_PROTOCOL_status].word = status_word(s, HEALTH_PROTOCOL);
	v[METRIC_PROTOCOL_connections].number = s->conns.n;
	v[METRIC_PROTOCOL_connections_total].number = s->conns_total;
	v[METRIC_PROTOCOL_connections_refused].number = s->conns_refused;
	v[METRIC_PROTOCOL_requests_total].number = total.requests;
	v[METRIC_PROTOCOL_errors_total].number = total.errors;
	v[METRIC_PROTOCOL_requests_per_second].ratio =
	    (double)rate_sum(&t->requests, now_ns) / RATE_SECONDS;
	v[METRIC_PROTOCOL_bytes_in].number = t->bytes_in;
	v[METRIC_PROTOCOL_bytes_out].number = t->bytes_out;
	v[METRIC_PROTOCOL_latency_us_p50].number = histogram_quantile(us, 0.5);
	v[METRIC_PROTOCOL_latency_us_p95].number = histogram_quantile(us, 0.95);
	v[METRIC_PROTOCOL_latency_us_p99].number = histogram_quantile(us, 0.99);
	v[METRIC_PROTOCOL_latency_us_max].number = us->max;
	v[METRIC_PROTOCOL_auth_failures_total].number = t->auth_failures_total;
	v[METRIC_PROTOCOL_rate_limited_total].number = t->rate_limited;
}

/* A row for each first word. */
static void
put_commands(struct buf *out, struct slice id, const struct traffic *t)
{
	for (int i = 0; i < CMD_COUNT; i++) {
		const struct traffic_word *word = &t->word[i];
		struct metric_value v[METRIC_COUNT];
		struct metric_value quantile[3];
		char name[TRAFFIC_WORD_MAX];

		if (t->first[i] != i)
			continue;
		fill_window(quantile, &word->latency_us);
		traffic_word_name(i, name);
		v[METRIC_COMMAND_command].word = "command";
		v[METRIC_COMMAND_name].word = name;
		v[METRIC_COMMAND_requests].number = word->requests;
		v[METRIC_COMMAND_errors].number = word->errors;
		v[METRIC_COMMAND_latency_us_p50] = quantile[0];
		v[METRIC_COMMAND_latency_us_p99] = quantile[1];
		metric_put_row(out, id, METRIC_SECTION_COMMAND, v);
	}
}

int
cmd_health_protocol(struct conn *c, const struct request *r, struct err *e)
{
	struct metric_value v[METRIC_COUNT] = { 0 };
	struct buf *out = conn_reply(c);

	(void)e;
	traffic_settle(c->server->traffic);
	fill_protocol(c->server, v);
	metric_put_pairs(out, r->id, METRIC_SECTION_PROTOCOL, v);
	put_commands(out, r->id, c->server->traffic);
	reply_ok(out, r->id);
	return HANDLED;
}

int
cmd_health_background(struct conn *c, const struct request *r, struct err *e)
{
	struct buf *out = conn_reply(c);

	(void)e;
	background_put(out, r->id, c->server->monitor.tasks, c->server->sched);
	reply_ok(out, r->id);
	return HANDLED;
}

static void
fill_breakers(const struct conn *c, struct metric_value *v)
{
	const struct server *s = c->server;
	struct breaker_counts counts;

	scope_breakers(c, &counts);
	v[METRIC_BREAKERS_status].word =
	    health_status_word(health_of(s, HEALTH_BREAKERS));
	v[METRIC_BREAKERS_closed].number = counts.state[BREAKER_CLOSED];
	v[METRIC_BREAKERS_open].number = counts.state[BREAKER_OPEN];
	v[METRIC_BREAKERS_half_open].number = counts.state[BREAKER_HALF_OPEN];
	v[METRIC_BREAKERS_isolated].number = counts.state[BREAKER_ISOLATED];
	v[METRIC_BREAKERS_held_jobs].number = counts.held;
}

int
cmd_health_breakers(struct conn *c, const struct request *r, struct err *e)
{
	struct metric_value v[METRIC_COUNT] = { 0 };
	struct buf *out = conn_reply(c);

	(void)e;
	fill_breakers(c, v);
	metric_put_pairs(out, r->id, METRIC_SECTION_BREAKERS, v);
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

static void
fill_sandbox(const struct server *s, struct metric_value *v)
{
	struct sessions_count n;

	sessions_count(s->sessions, &n);
	v[METRIC_SANDBOX_max_agents].number = s->config->agents_max_sessions;
	v[METRIC_SANDBOX_current_agents].number =
	    n.first_class + n.second_class;
	v[METRIC_SANDBOX_agents_connecting].number =
	    n.state[SESSION_CONNECTING];
	v[METRIC_SANDBOX_agents_idle].number = n.state[SESSION_IDLE];
	v[METRIC_SANDBOX_agents_busy].number = n.state[SESSION_BUSY];
	v[METRIC_SANDBOX_agents_stopping].number = n.state[SESSION_STOPPING];
}

/* The rows of a histogram stand together, in the order of its buckets. */
static void
fill_lifespan(struct metric_value *v, const uint64_t le[SESSION_BUCKETS])
{
	for (int i = 0; i < SESSION_BUCKETS; i++)
		v[i].number = le[i];
}

static void
fill_sessions(const struct server *s, struct metric_value *v)
{
	const struct session_stats *stats = sessions_stats(s->sessions);
	int64_t now_ns = os->mono_ns();
	struct sessions_count n;

	sessions_count(s->sessions, &n);
	v[METRIC_SESSIONS_created_sessions].number = stats->created;
	v[METRIC_SESSIONS_created_per_minute].ratio =
	    (double)rate_sum(&stats->created_rate, now_ns);
	v[METRIC_SESSIONS_force_terminated_zombies].number = stats->zombies;
	v[METRIC_SESSIONS_force_terminated_per_minute].ratio =
	    (double)rate_sum(&stats->zombie_rate, now_ns);
	v[METRIC_SESSIONS_total_watched].number =
	    n.first_class + n.second_class;
	v[METRIC_SESSIONS_first_class].number = n.first_class;
	v[METRIC_SESSIONS_second_class].number = n.second_class;
	v[METRIC_SESSIONS_connecting].number = n.state[SESSION_CONNECTING];
	v[METRIC_SESSIONS_completed].number = stats->executions;
	v[METRIC_SESSIONS_completed_per_minute].ratio =
	    (double)rate_sum(&stats->execution_rate, now_ns);
	v[METRIC_SESSIONS_ended_idle].number = stats->idle;
	v[METRIC_SESSIONS_ended_idle_per_minute].ratio =
	    (double)rate_sum(&stats->idle_rate, now_ns);
	v[METRIC_SESSIONS_ended_expired].number = stats->expired;
	v[METRIC_SESSIONS_ended_expired_per_minute].ratio =
	    (double)rate_sum(&stats->expired_rate, now_ns);
	fill_lifespan(&v[METRIC_SESSIONS_lifespan_seconds_le_1],
	    stats->seconds_le);
	fill_lifespan(&v[METRIC_SESSIONS_lifespan_executions_le_0],
	    stats->executions_le);
	v[METRIC_SESSIONS_ended_lost].number = stats->lost;
}

int
cmd_health_sessions(struct conn *c, const struct request *r, struct err *e)
{
	(void)e;
	return reply_pairs(c, r, METRIC_SECTION_SESSIONS, fill_sessions);
}

int
cmd_health_sandbox(struct conn *c, const struct request *r, struct err *e)
{
	(void)e;
	put_sandboxes(conn_reply(c), r->id, c->server);
	return reply_pairs(c, r, METRIC_SECTION_SANDBOX, fill_sandbox);
}
