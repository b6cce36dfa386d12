#include "integration_health.h"

#include <math.h>

#include "breakers.h"
#include "metric.h"
#include "os.h"
#include "server.h"

static enum integration_status
status_of(const struct integration *i, const struct config *c,
    const struct calls_view *calls)
{
	int64_t limit_ns =
	    (int64_t)c->alerts_integration_latency_ms * NS_PER_MS;
	const struct probe *probe = i->probe;

	if ((probe != NULL && probe->failed) ||
	    calls->error_rate > c->alerts_integration_error_rate)
		return INTEGRATION_ERROR;
	if (i->last_failed || calls->latency_ns > limit_ns ||
	    (probe != NULL && probe->took_ns > limit_ns))
		return INTEGRATION_DEGRADED;
	return INTEGRATION_HEALTHY;
}

void
integration_look(const struct integration *i, const struct server *s,
    struct integration_view *v)
{
	calls_look(&i->calls, &v->calls);
	v->status = status_of(i, s->config, &v->calls);
}

static const char *
status_word(enum integration_status status)
{
	static const char *const words[] = {
		[INTEGRATION_HEALTHY] = "healthy",
		[INTEGRATION_DEGRADED] = "degraded",
		[INTEGRATION_ERROR] = "error",
	};

	return words[status];
}

static const char *
connection_word(const struct integration *i)
{
	if (i->calls_total == 0)
		return "unknown";
	return i->last_answered ? "connected" : "disconnected";
}

static const char *
sync_word(const struct probe *probe, int64_t polling_interval)
{
	if (probe == NULL || probe->last_ns == 0)
		return "never";
	if (os->mono_ns() - probe->last_mono_ns > 2 * polling_interval)
		return "stale";
	return probe->failed ? "failed" : "synced";
}

static const char *
result_word(const struct probe *probe)
{
	if (probe == NULL || probe->last_ns == 0)
		return NULL;
	return probe->failed ? probe->why : "ok";
}

/* Of no calls at all there is none. */
static double
error_rate(const struct integration *i, const struct integration_view *v)
{
	return i->calls_total == 0 ? NAN : v->calls.error_rate;
}

void
integration_put_words(struct buf *out, const struct server *s,
    const struct integration *i)
{
	struct metric_value m[METRIC_COUNT];
	struct integration_view v;

	integration_look(i, s, &v);
	m[METRIC_INTEGRATIONS_integration].word = i->id;
	m[METRIC_INTEGRATIONS_status].word = status_word(v.status);
	m[METRIC_INTEGRATIONS_last_used_ns].ns = i->last_used_ns;
	m[METRIC_INTEGRATIONS_latency_ms].ns = v.calls.latency_ns;
	m[METRIC_INTEGRATIONS_error_rate].ratio = error_rate(i, &v);
	m[METRIC_INTEGRATIONS_health_trend].word = trend_word(v.calls.trend);
	m[METRIC_INTEGRATIONS_connection_status].word = connection_word(i);
	metric_put_words(out, METRIC_SECTION_INTEGRATIONS, m);
}

static void
fill_probe(struct metric_value *m, const struct probe *probe,
    int64_t polling_interval, const char *shown)
{
	m[METRIC_INTEGRATION_probe].word = shown;
	m[METRIC_INTEGRATION_probe_last_ns].ns =
	    probe == NULL ? 0 : probe->last_ns;
	m[METRIC_INTEGRATION_probe_last_result].word = result_word(probe);
	m[METRIC_INTEGRATION_sync_status].word =
	    sync_word(probe, polling_interval);
}

void
integration_put_one(struct buf *out, struct slice id, const struct server *s,
    const struct integration *i)
{
	struct metric_value m[METRIC_COUNT];
	struct integration_view v;
	struct buf shown = { 0 };

	if (i->probe != NULL) {
		buf_add_str(&shown, runner_word(i->probe->spec->runner));
		rule_spec_put_args(&shown, i->probe->spec);
		buf_add_byte(&shown, '\0');
	}
	out->failed |= shown.failed;
	integration_look(i, s, &v);
	m[METRIC_INTEGRATION_integration_id].word = i->id;
	m[METRIC_INTEGRATION_integration_name].word = i->id;
	m[METRIC_INTEGRATION_status].word = status_word(v.status);
	m[METRIC_INTEGRATION_last_used_ns].ns = i->last_used_ns;
	m[METRIC_INTEGRATION_latency_ms].ns = v.calls.latency_ns;
	m[METRIC_INTEGRATION_error_rate].ratio = error_rate(i, &v);
	m[METRIC_INTEGRATION_health_trend].word = trend_word(v.calls.trend);
	m[METRIC_INTEGRATION_connection_status].word = connection_word(i);
	m[METRIC_INTEGRATION_calls_total].number = i->calls_total;
	m[METRIC_INTEGRATION_errors_total].number = i->errors_total;
	fill_probe(m, i->probe, s->config->health_polling_interval,
	    shown.failed ? NULL : shown.ptr);
	m[METRIC_INTEGRATION_breaker].word =
	    breakers_state_word(s->sched, integration_key(i));
	metric_put_pairs(out, id, METRIC_SECTION_INTEGRATION, m);
	buf_free(&shown);
}
