/*
 * Counts by time are kept in rings, as in metrics.c: a slice whose number is
 * too old counts as empty, and is emptied when its turn comes.
 */
#include "agents.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "histogram.h"
#include "metric.h"
#include "os.h"
#include "rollup.h"
#include "server.h"
#include "session.h"

#define MINUTE_NS (60 * NS_PER_S)

struct slot { /* of the counts */
	int64_t no;
	uint32_t n, failures;
};

struct minute { /* of the times */
	int64_t no;
	uint16_t bucket[AGENT_TIME_BUCKETS];
};

struct agent_stats {
	uint64_t operations, failures;
	uint64_t failures_in_row;
	uint64_t total_ns;
	int64_t last_active_ns, last_success_ns;
	int64_t gave_up_mono_ns;	    /* the last time; 0: never */
	struct slot slot[2 * AGENT_SLICES]; /* a window and the one before */
	struct minute minute[AGENT_MINUTES];
};

struct agent_stats *
agent_stats_new(void)
{
	return calloc(1, sizeof(struct agent_stats));
}

void
agent_stats_free(struct agent_stats *a)
{
	free(a);
}

void
agent_stats_active(struct agent_stats *a, int64_t now_ns)
{
	a->last_active_ns = now_ns;
}

static void
count(struct agent_stats *a, bool failed, int64_t now_mono_ns)
{
	int64_t no = now_mono_ns / AGENT_SLICE_NS + 1;
	struct slot *slot = &a->slot[no % (2 * AGENT_SLICES)];

	if (slot->no != no)
		*slot = (struct slot){ .no = no };
	slot->n++;
	slot->failures += failed;
}

static void
count_time(struct agent_stats *a, uint64_t took_ns, int64_t now_mono_ns)
{
	int64_t no = now_mono_ns / MINUTE_NS + 1;
	struct minute *minute = &a->minute[no % AGENT_MINUTES];
	unsigned bucket = histogram_bucket(took_ns >> AGENT_TIME_SHIFT);

	if (minute->no != no) {
		memset(minute, 0, sizeof(*minute));
		minute->no = no;
	}
	if (bucket >= AGENT_TIME_BUCKETS)
		bucket = AGENT_TIME_BUCKETS - 1;
	if (minute->bucket[bucket] < UINT16_MAX)
		minute->bucket[bucket]++;
}

void
agent_stats_operation(struct agent_stats *a, bool failed, int64_t took_ns,
    int64_t now_ns, int64_t now_mono_ns)
{
	uint64_t took = took_ns < 0 ? 0 : (uint64_t)took_ns; /* clock set */

	a->operations++;
	a->failures += failed;
	a->failures_in_row = failed ? a->failures_in_row + 1 : 0;
	a->total_ns += took;
	a->last_active_ns = now_ns;
	if (!failed)
		a->last_success_ns = now_ns;
	count(a, failed, now_mono_ns);
	count_time(a, took, now_mono_ns);
}

double
wilson_lower(uint64_t succeeded, uint64_t n)
{
	const double z = 1.959963984540054;
	double p, zz_n;

	if (n == 0)
		return 0;
	p = (double)succeeded / (double)n;
	zz_n = z * z / (double)n;
	p = (p + zz_n / 2 -
		z * sqrt(p * (1 - p) / (double)n + zz_n / (4 * (double)n))) /
	    (1 + zz_n);
	return p < 0 ? 0 : p; /* by rounding */
}

void
agent_stats_look(const struct agent_stats *a, int64_t now_mono_ns,
    struct agent_view *v)
{
	int64_t newest = now_mono_ns / AGENT_SLICE_NS + 1;
	struct trend_part sum[2] = { 0 }; /* the window, and the one before */

	memset(v, 0, sizeof(*v));
	if (a == NULL)
		return;
	for (int i = 0; i < 2 * AGENT_SLICES; i++) {
		const struct slot *slot = &a->slot[i];
		int64_t age = newest - slot->no;
		struct trend_part *part = &sum[age >= AGENT_SLICES];

		if (slot->no > 0 && age < 2 * AGENT_SLICES) {
			part->n += slot->n;
			part->failures += slot->failures;
		}
	}
	v->operations = a->operations;
	if (a->operations > 0) {
		uint64_t succeeded = a->operations - a->failures;

		v->success_rate = (double)succeeded / (double)a->operations;
		v->confidence = wilson_lower(succeeded, a->operations);
		v->average_ns = (int64_t)(a->total_ns / a->operations);
	}
	v->recent = sum[0].n;
	v->recent_failures = sum[0].failures;
	if (sum[0].n > 0)
		v->error_rate = (double)sum[0].failures / (double)sum[0].n;
	v->failures_in_row = a->failures_in_row;
	v->gave_up = a->gave_up_mono_ns != 0 &&
	    now_mono_ns - a->gave_up_mono_ns < AGENT_SLICES * AGENT_SLICE_NS;
	v->trend = trend_of(sum[0], sum[1]);
	v->last_active_ns = a->last_active_ns;
	v->last_success_ns = a->last_success_ns;
}

void
agent_stats_gave_up(struct agent_stats *a, int64_t now_mono_ns)
{
	a->gave_up_mono_ns = now_mono_ns;
}

int64_t
agent_stats_quantile(const struct agent_stats *a, double q, int64_t now_mono_ns)
{
	int64_t newest = now_mono_ns / MINUTE_NS + 1;
	uint32_t sum[AGENT_TIME_BUCKETS] = { 0 };
	uint64_t n = 0, seen = 0;
	unsigned bucket = 0;

	for (int i = 0; a != NULL && i < AGENT_MINUTES; i++) {
		const struct minute *minute = &a->minute[i];

		if (minute->no <= newest - AGENT_MINUTES || minute->no == 0)
			continue;
		for (unsigned k = 0; k < AGENT_TIME_BUCKETS; k++) {
			sum[k] += minute->bucket[k];
			n += minute->bucket[k];
		}
	}
	if (n == 0)
		return 0;
	while ((seen += sum[bucket]) == 0 || (double)seen < q * (double)n)
		bucket++;
	return (
	    int64_t)((histogram_bucket_end(bucket) + 1) << AGENT_TIME_SHIFT);
}

/* The stats of the rule of an execution, made at its first run; NULL: the rule
 * is gone, or there is no memory, and then this run goes uncounted. */
static struct agent_stats *
stats_for(const struct server *s, const struct sched_event *event)
{
	struct rule *rule = event->rule == NULL
	    ? NULL
	    : rules_find(store_rules(s->store), slice_str(event->rule));

	if (rule == NULL)
		return NULL;
	if (rule->stats == NULL)
		rule->stats = agent_stats_new();
	return rule->stats;
}

/* Whether the end of an execution is that of an operation. */
static bool
is_operation(const struct sched_event *event)
{
	if (event->retried)
		return false;
	switch (event->run == NULL ? RUN_FAILURE : event->run->outcome) {
	case RUN_SUCCESS:
	case RUN_FAILURE:
	case RUN_TIMEOUT:
	case RUN_LOST:
		return true;
	default:
		return false;
	}
}

static void
count_operation(struct server *s, struct agent_stats *a,
    const struct sched_event *event)
{
	const struct run *run = event->run;
	bool failed = run == NULL || run->outcome != RUN_SUCCESS;
	int64_t took_ns = run == NULL ? 0 : run_took_ns(run);

	agent_stats_operation(a, failed, took_ns, event->now_ns, os->mono_ns());
	rollup_add(s->monitor.history.rollup, HISTORY_AGENT,
	    slice_str(event->rule), !failed, took_ns, event->now_ns);
}

void
agents_observe(struct server *s, const struct sched_event *event)
{
	struct agent_stats *a;

	if (event->kind != SCHED_STARTED && event->kind != SCHED_ENDED)
		return;
	if ((a = stats_for(s, event)) == NULL)
		return;
	if (event->kind == SCHED_STARTED || !is_operation(event))
		agent_stats_active(a, event->now_ns);
	else
		count_operation(s, a, event);
	if (!event->gave_up)
		return;
	agent_stats_gave_up(a, os->mono_ns());
	alerts_judge_now(s->monitor.alerts, CONDITION_agent_run_lost,
	    slice_str(event->rule), 1, event->now_ns);
}

void
agents_forget(struct rule *rule)
{
	agent_stats_free(rule->stats);
	rule->stats = NULL;
}

void
agents_fini(struct server *s)
{
	struct rules *rules;

	if (s->store == NULL)
		return;
	rules = store_rules(s->store);
	for (uint32_t i = 1; i < rules->n_slots; i++)
		if (rules_by_slot(rules, i) != NULL)
			agents_forget(rules_by_slot(rules, i));
}

static const char *
status_word(const struct config *c, const struct rule *rule,
    const struct agent_view *v)
{
	if (rule->paused)
		return "paused";
	if (v->failures_in_row >= AGENT_ERROR_RUN ||
	    (v->recent >= c->alerts_agent_min_executions &&
		v->error_rate > c->alerts_agent_error_rate))
		return "error";
	return sched_rule_running(rule) > 0 ? "active" : "idle";
}

/* The share of something there was none of yet. */
static double
rate_of(const struct agent_view *v, double rate)
{
	return v->operations == 0 ? NAN : rate;
}

void
agents_put_words(struct buf *out, const struct server *s,
    const struct rule *rule)
{
	struct metric_value m[METRIC_COUNT];
	struct agent_view v;

	agent_stats_look(rule->stats, os->mono_ns(), &v);
	m[METRIC_AGENTS_rule].word = rule->id;
	m[METRIC_AGENTS_status].word = status_word(s->config, rule, &v);
	m[METRIC_AGENTS_success_rate].ratio = rate_of(&v, v.success_rate);
	m[METRIC_AGENTS_confidence_score].ratio = rate_of(&v, v.confidence);
	m[METRIC_AGENTS_operations_completed].number = v.operations;
	m[METRIC_AGENTS_health_trend].word = trend_word(v.trend);
	metric_put_words(out, METRIC_SECTION_AGENTS, m);
}

static void
fill_times(struct metric_value *m, const struct agent_stats *a,
    int64_t now_mono_ns)
{
	m[METRIC_AGENT_execution_time_ms_p50].ns =
	    agent_stats_quantile(a, 0.50, now_mono_ns);
	m[METRIC_AGENT_execution_time_ms_p95].ns =
	    agent_stats_quantile(a, 0.95, now_mono_ns);
	m[METRIC_AGENT_execution_time_ms_p99].ns =
	    agent_stats_quantile(a, 0.99, now_mono_ns);
}

static void
fill_view(struct metric_value *m, const struct agent_view *v)
{
	m[METRIC_AGENT_operations_completed].number = v->operations;
	m[METRIC_AGENT_success_rate].ratio = rate_of(v, v->success_rate);
	m[METRIC_AGENT_confidence_score].ratio = rate_of(v, v->confidence);
	m[METRIC_AGENT_last_active_ns].ns = v->last_active_ns;
	m[METRIC_AGENT_health_trend].word = trend_word(v->trend);
	m[METRIC_AGENT_avg_execution_time_ms].ns = v->average_ns;
	m[METRIC_AGENT_error_rate].ratio = rate_of(v, v->error_rate);
	m[METRIC_AGENT_recent_executions].number = v->recent;
	m[METRIC_AGENT_recent_failures].number = v->recent_failures;
	m[METRIC_AGENT_last_success_ns].ns = v->last_success_ns;
}

/* An option's value, terminated; NULL: no memory. */
static const char *
option_word(struct buf *value, const struct rule *rule,
    enum rule_option_id option)
{
	(void)rule_option_value(rule->spec, option, 0, value);
	buf_add_byte(value, '\0');
	return value->failed ? NULL : value->ptr;
}

void
agents_put_one(struct buf *out, struct slice id, const struct server *s,
    const struct rule *rule)
{
	struct buf job = { 0 }, name = { 0 }, sandbox = { 0 };
	struct slice running = sched_rule_job(s->sched, rule);
	struct metric_value m[METRIC_COUNT];
	int64_t now_mono_ns = os->mono_ns();
	struct agent_view v;

	agent_stats_look(rule->stats, now_mono_ns, &v);
	fill_view(m, &v);
	fill_times(m, rule->stats, now_mono_ns);
	m[METRIC_AGENT_agent_id].word = rule->id;
	m[METRIC_AGENT_agent_name].word = option_word(&name, rule, OPTION_name);
	m[METRIC_AGENT_status].word = status_word(s->config, rule, &v);
	buf_add_slice(&job, running);
	buf_add_byte(&job, '\0');
	m[METRIC_AGENT_current_operation].word =
	    running.ptr == NULL ? NULL : job.ptr;
	m[METRIC_AGENT_sandbox].word =
	    option_word(&sandbox, rule, OPTION_sandbox);
	m[METRIC_AGENT_sessions].number =
	    sessions_of_rule(s->sessions, rule->id);
	metric_put_pairs(out, id, METRIC_SECTION_AGENT, m);
	buf_free(&job);
	buf_free(&name);
	buf_free(&sandbox);
}
