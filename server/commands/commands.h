/* The handlers of all commands: see handler in net/dispatch.h. */
#ifndef COMMANDS_COMMANDS_H
#define COMMANDS_COMMANDS_H

#include "dispatch.h"
#include "listing.h"

handler cmd_auth, cmd_ping, cmd_hello, cmd_help, cmd_whoami, cmd_quit;
handler cmd_set, cmd_get, cmd_info, cmd_query, cmd_remove, cmd_run;
handler cmd_cancel, cmd_executions, cmd_history, cmd_output;
handler cmd_rule_set, cmd_rule_get, cmd_rule_options, cmd_rule_environment;
handler cmd_rule_pause, cmd_rule_resume, cmd_removerule, cmd_listrules;
handler cmd_stat, cmd_health;
handler cmd_health_system, cmd_health_scheduler, cmd_health_storage;
handler cmd_health_protocol, cmd_health_background, cmd_health_sandbox;
handler cmd_health_integrations, cmd_health_integration;
handler cmd_health_agents, cmd_health_agent, cmd_health_alerts;
handler cmd_alert_list, cmd_alert_ack, cmd_alert_thresholds, cmd_alert_set;
handler cmd_health_history;
handler cmd_integration_set, cmd_integration_remove, cmd_integration_list;
handler cmd_health_breakers;
handler cmd_breaker_list, cmd_breaker_get, cmd_breaker_open, cmd_breaker_reset;
handler cmd_watch, cmd_unwatch;
handler cmd_agent_attach, cmd_agent_list, cmd_agent_get, cmd_agent_stop;
handler cmd_agent_cleanup, cmd_done, cmd_health_sessions;
handler cmd_compress, cmd_backup, cmd_reload, cmd_shutdown;

/* Wait when a decision about this job must: see store_busy. True: return
 * WAIT. */
bool job_must_wait(struct conn *c, struct slice job, bool decides);
/* The job of a request that only reads; NULL with *e. */
const struct job *job_find(struct conn *c, struct slice id, struct err *e);
/* The rule a request names; NULL with *e. */
struct rule *rule_find(struct conn *c, struct slice id, struct err *e);
/* Answer with a list that may have a row for each rule below a prefix. */
int rules_list(struct conn *c, struct slice id, struct slice prefix,
    listing_row *row, struct err *e);
/* The integration a request names; NULL with *e. */
struct integration *integration_find(struct conn *c, struct slice id,
    struct err *e);
/* Append the word for how a run ended, and for why it was no success. */
void put_exit(struct buf *out, const struct record_run *run);
void put_reason(struct buf *out, const struct record_run *run);
/* "cancelled by admin": what was done and by whom, into to[0 .. size). */
void put_who(const struct conn *c, const char *what, char *to, size_t size);

#endif
