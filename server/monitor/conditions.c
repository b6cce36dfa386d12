#include "conditions.h"

#include "agents.h"
#include "alert.h"
#include "integration_health.h"
#include "os.h"
#include "server.h"

static void
judge(struct server *s, enum alert_condition condition, double value)
{
	alerts_judge(s->monitor.alerts, condition, slice_of("", 0), value);
}

static void
judge_system(struct server *s)
{
	const struct system_sample *sample = &s->monitor.system.sample;
	struct sched_stats stats;

	sched_stats(s->sched, &stats);
	judge(s, CONDITION_cpu, sample->cpu_usage);
	judge(s, CONDITION_memory, sample->memory_usage);
	judge(s, CONDITION_disk, sample->disk_usage);
	judge(s, CONDITION_queue_depth, (double)stats.pending);
}

/* One job in a hundred was later than this in the last minutes. */
static void
judge_lateness(struct server *s, int64_t now_mono_ns)
{
	struct histogram late;

	window_sum(&s->monitor.pace.lateness_us, now_mono_ns, &late);
	judge(s, CONDITION_trigger_lateness,
	    (double)histogram_quantile(&late, 0.99) * NS_PER_US / NS_PER_MS);
}

/* Refused now, or since the last poll: results have a reserve of space, so
 * that some writes succeed on a full disk. */
static void
judge_storage(struct conditions *c, struct server *s)
{
	const struct store_stats *stats = store_stats(s->store);

	judge(s, CONDITION_storage_refused,
	    stats->failing || stats->failed_commits != c->failed_commits);
	judge(s, CONDITION_logfile_lost,
	    stats->lost || stats->losses != c->losses);
	c->losses = stats->losses;
	judge(s, CONDITION_compression_failed,
	    stats->compression == COMPRESSION_FAILURE);
	c->failed_commits = stats->failed_commits;
}

void
conditions_storage(struct conditions *c, struct server *s)
{
	const struct store_stats *stats = store_stats(s->store);
	const struct config *config = s->config;
	int64_t now_mono_ns = os->mono_ns();
	bool refused = stats->failed_commits != c->told_failed;
	bool lost = stats->losses != c->told_losses;

	c->told_failed = stats->failed_commits;
	c->told_losses = stats->losses;
	if (refused)
		alerts_judge_now(s->monitor.alerts, CONDITION_storage_refused,
		    slice_str(""), 1, os->wall_ns());
	if (lost)
		alerts_judge_now(s->monitor.alerts, CONDITION_logfile_lost,
		    slice_str(""), 1, os->wall_ns());
	if (refused || lost)
		c->told_mono_ns = now_mono_ns;
	if (config->health_polling_enabled || stats->failing || stats->lost ||
	    now_mono_ns - c->told_mono_ns < config->health_polling_interval *
		    (int64_t)config->alerts_clear_after)
		return;
	alerts_clear_now(s->monitor.alerts, CONDITION_storage_refused,
	    os->wall_ns());
	alerts_clear_now(s->monitor.alerts, CONDITION_logfile_lost,
	    os->wall_ns());
}

static void
judge_agent(struct server *s, const struct rule *rule, int64_t now_mono_ns)
{
	uint32_t enough = s->config->alerts_agent_min_executions;
	struct alerts *alerts = s->monitor.alerts;
	struct agent_view v;

	agent_stats_look(agent_stats_of(rule), now_mono_ns, &v);
	if (v.recent >= enough)
		alerts_judge(alerts, CONDITION_agent_error_rate, rule_id(rule),
		    v.error_rate);
	alerts_judge(alerts, CONDITION_agent_run_lost, rule_id(rule),
	    v.gave_up ? 1 : 0);
	if (v.operations < enough)
		return;
	alerts_judge(alerts, CONDITION_agent_failures, rule_id(rule),
	    (double)v.recent_failures);
	if (v.operations > 0)
		alerts_judge(alerts, CONDITION_agent_confidence, rule_id(rule),
		    v.confidence);
}

/* At most so many more; returns how many may still follow. */
static int
judge_agents(struct conditions *c, struct server *s, int left)
{
	const struct rules *rules = store_rules(s->store);
	int64_t now_mono_ns = os->mono_ns();

	for (; left > 0 && c->rule < rules->n_slots; c->rule++, left--) {
		const struct rule *rule = rules_by_slot(rules, c->rule);

		if (rule != NULL && agent_stats_of(rule) != NULL)
			judge_agent(s, rule, now_mono_ns);
	}
	return left;
}

static double
ms(int64_t ns)
{
	return (double)ns / NS_PER_MS;
}

/* Down: its probe fails, or its last call was not answered. */
static void
judge_integration(struct server *s, const struct integration *i)
{
	struct alerts *alerts = s->monitor.alerts;
	const struct probe *probe = i->probe;
	struct slice id = integration_key(i);
	struct integration_view v;
	int64_t latency_ns;

	integration_look(i, s, &v);
	latency_ns = v.calls.latency_ns;
	if (probe != NULL && latency_ns < probe->took_ns)
		latency_ns = probe->took_ns;
	alerts_judge(alerts, CONDITION_integration_down, id,
	    (probe != NULL && probe->failed) ||
		(i->calls_total > 0 && !i->last_answered));
	alerts_judge(alerts, CONDITION_integration_latency, id, ms(latency_ns));
	alerts_judge(alerts, CONDITION_integration_error_rate, id,
	    v.calls.error_rate);
}

static int
judge_integrations(struct conditions *c, struct server *s, int left)
{
	struct integrations *all = s->monitor.integrations;
	const struct integration *i;

	for (; left > 0; left--) {
		if ((i = integrations_next(all, &c->integration)) == NULL)
			break;
		judge_integration(s, i);
	}
	return left;
}

void
conditions_begin(struct conditions *c, struct server *s)
{
	int64_t now_mono_ns = os->mono_ns();

	c->running = true;
	c->rule = 1;
	c->integration = 0;
	alerts_begin(s->monitor.alerts);
	judge_system(s);
	judge_lateness(s, now_mono_ns);
	judge_storage(c, s);
	judge(s, CONDITION_auth_failures,
	    (double)rate_sum(&s->traffic->auth_failures, now_mono_ns));
}

bool
conditions_step(struct conditions *c, struct server *s)
{
	int left = judge_agents(c, s, CONDITIONS_SLICE);

	if (judge_integrations(c, s, left) == 0)
		return false;
	alerts_end(s->monitor.alerts, os->wall_ns());
	c->running = false;
	return true;
}
