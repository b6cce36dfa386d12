#include "health.h"

#include "alert.h"
#include "server.h"

static const char *const section_words[HEALTH_SECTION_COUNT] = {
	[HEALTH_SYSTEM] = "system",
	[HEALTH_SCHEDULER] = "scheduler",
	[HEALTH_STORAGE] = "storage",
	[HEALTH_PROTOCOL] = "protocol",
	[HEALTH_BACKGROUND] = "background",
	[HEALTH_AGENTS] = "agents",
	[HEALTH_INTEGRATIONS] = "integrations",
	[HEALTH_SESSIONS] = "sessions",
	[HEALTH_BREAKERS] = "breakers",
	[HEALTH_ALERTS] = "alerts",
};

static const char *const status_words[] = {
	[HEALTH_HEALTHY] = "healthy",
	[HEALTH_DEGRADED] = "degraded",
	[HEALTH_CRITICAL] = "critical",
};

const char *
health_section_word(enum health_section section)
{
	return section_words[section];
}

const char *
health_status_word(enum health_status status)
{
	return status_words[status];
}

enum health_status
health_of(const struct server *s, enum health_section section)
{
	return alerts_status(alerts_stats(s->monitor.alerts), section);
}

enum health_status
health_of_all(const struct alerts_stats *stats)
{
	enum health_status worst = HEALTH_HEALTHY;

	for (int i = 0; i < HEALTH_SECTION_COUNT; i++) {
		enum health_status status =
		    alerts_status(stats, (enum health_section)i);

		if (worst < status)
			worst = status;
	}
	return worst;
}
