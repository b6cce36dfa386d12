/*
 * What a client may see: the one place that decides it. It is asked for each
 * row at the moment that is made, and goes by the token that the client has
 * then: one that RELOAD has narrowed shows no more of what it lost, also in a
 * list that is under way and to who watches.
 *
 * Main thread.
 */
#ifndef NET_SCOPE_H
#define NET_SCOPE_H

#include <stdbool.h>
#include <stddef.h>

#include "rules.h"
#include "slice.h"

struct alert;
struct alerts_stats;
struct breaker_counts;
struct conn;
struct integration;
struct session;

/* All there is: no auth_file, or the namespace *. */
bool scope_is_all(const struct conn *c);
/* Whether an identifier, or a pattern, lies in the namespace. */
bool scope_sees_name(const struct conn *c, struct slice name);
/* A rule lies there when its identifier and its pattern do; of one that is gone
 * the identifier alone is left to go by. */
bool scope_sees_rule(const struct conn *c, const struct rule *rule);
bool scope_sees_rule_id(const struct conn *c, struct slice id);
bool scope_sees_session(const struct conn *c, const struct session *session);
bool scope_sees_integration(const struct conn *c, const struct integration *i);
bool scope_sees_breaker(const struct conn *c, struct slice key);
/* That of a rule or an integration, or one about the server. */
bool scope_sees_alert(const struct conn *c, const struct alert *a);

/* What HEALTH counts, of what the client sees. */
struct scope_counts {
	size_t rules, busy_rules;
	size_t integrations, healthy_integrations;
};
void scope_count(const struct conn *c, struct scope_counts *out);
void scope_alerts(const struct conn *c, struct alerts_stats *out);
void scope_breakers(const struct conn *c, struct breaker_counts *out);

/* The prefix that a list may show: within `asked` and the namespace. False
 * when that is nothing. */
bool scope_prefix(const struct conn *c, struct slice asked,
    struct slice *prefix);

#endif
