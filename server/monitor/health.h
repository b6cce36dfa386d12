/*
 * The sections of HEALTH and their status: that of the worst alert that is
 * active in it, acknowledged or not.
 */
#ifndef MONITOR_HEALTH_H
#define MONITOR_HEALTH_H

struct server;

enum health_status { HEALTH_HEALTHY, HEALTH_DEGRADED, HEALTH_CRITICAL };

/* In the order of HEALTH's rows. */
enum health_section {
	HEALTH_SYSTEM,
	HEALTH_SCHEDULER,
	HEALTH_STORAGE,
	HEALTH_PROTOCOL,
	HEALTH_BACKGROUND,
	HEALTH_AGENTS,
	HEALTH_INTEGRATIONS,
	HEALTH_SESSIONS,
	HEALTH_BREAKERS,
	HEALTH_ALERTS,
	HEALTH_SECTION_COUNT
};

const char *health_section_word(enum health_section section);
const char *health_status_word(enum health_status status);

/* Of the server; what a client sees of it: alerts_status, with the alerts that
 * scope_alerts counts. */
enum health_status health_of(const struct server *s,
    enum health_section section);
/* The worst of all. */
struct alerts_stats;
enum health_status health_of_all(const struct alerts_stats *stats);

#endif
