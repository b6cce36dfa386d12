/* Which handler a row of the command table has, and what handlers share. */
#include "commands.h"

#include <stdio.h>

#include "auth.h"
#include "peer.h"
#include "reply.h"
#include "run.h"

handler *const handlers[CMD_COUNT] = {
	[CMD_AUTH] = cmd_auth,
	[CMD_PING] = cmd_ping,
	[CMD_HELLO] = cmd_hello,
	[CMD_HELP] = cmd_help,
	[CMD_WHOAMI] = cmd_whoami,
	[CMD_QUIT] = cmd_quit,
	[CMD_SET] = cmd_set,
	[CMD_GET] = cmd_get,
	[CMD_INFO] = cmd_info,
	[CMD_QUERY] = cmd_query,
	[CMD_REMOVE] = cmd_remove,
	[CMD_RUN] = cmd_run,
	[CMD_CANCEL] = cmd_cancel,
	[CMD_EXECUTIONS] = cmd_executions,
	[CMD_HISTORY] = cmd_history,
	[CMD_OUTPUT] = cmd_output,
	[CMD_RULE_SET] = cmd_rule_set,
	[CMD_RULE_GET] = cmd_rule_get,
	[CMD_RULE_OPTIONS] = cmd_rule_options,
	[CMD_RULE_ENVIRONMENT] = cmd_rule_environment,
	[CMD_RULE_PAUSE] = cmd_rule_pause,
	[CMD_RULE_RESUME] = cmd_rule_resume,
	[CMD_REMOVERULE] = cmd_removerule,
	[CMD_LISTRULES] = cmd_listrules,
	[CMD_AGENT_ATTACH] = cmd_agent_attach,
	[CMD_AGENT_LIST] = cmd_agent_list,
	[CMD_AGENT_GET] = cmd_agent_get,
	[CMD_AGENT_STOP] = cmd_agent_stop,
	[CMD_AGENT_CLEANUP] = cmd_agent_cleanup,
	[CMD_DONE] = cmd_done,
	[CMD_STAT] = cmd_stat,
	[CMD_HEALTH] = cmd_health,
	[CMD_HEALTH_SYSTEM] = cmd_health_system,
	[CMD_HEALTH_SCHEDULER] = cmd_health_scheduler,
	[CMD_HEALTH_STORAGE] = cmd_health_storage,
	[CMD_HEALTH_PROTOCOL] = cmd_health_protocol,
	[CMD_HEALTH_BACKGROUND] = cmd_health_background,
	[CMD_HEALTH_AGENTS] = cmd_health_agents,
	[CMD_HEALTH_AGENT] = cmd_health_agent,
	[CMD_HEALTH_INTEGRATIONS] = cmd_health_integrations,
	[CMD_HEALTH_INTEGRATION] = cmd_health_integration,
	[CMD_HEALTH_SESSIONS] = cmd_health_sessions,
	[CMD_HEALTH_BREAKERS] = cmd_health_breakers,
	[CMD_HEALTH_SANDBOX] = cmd_health_sandbox,
	[CMD_HEALTH_HISTORY] = cmd_health_history,
	[CMD_INTEGRATION_SET] = cmd_integration_set,
	[CMD_INTEGRATION_REMOVE] = cmd_integration_remove,
	[CMD_INTEGRATION_LIST] = cmd_integration_list,
	[CMD_HEALTH_ALERTS] = cmd_health_alerts,
	[CMD_ALERT_LIST] = cmd_alert_list,
	[CMD_ALERT_ACK] = cmd_alert_ack,
	[CMD_ALERT_THRESHOLDS] = cmd_alert_thresholds,
	[CMD_ALERT_SET] = cmd_alert_set,
	[CMD_BREAKER_LIST] = cmd_breaker_list,
	[CMD_BREAKER_GET] = cmd_breaker_get,
	[CMD_BREAKER_OPEN] = cmd_breaker_open,
	[CMD_BREAKER_RESET] = cmd_breaker_reset,
	[CMD_WATCH] = cmd_watch,
	[CMD_UNWATCH] = cmd_unwatch,
	[CMD_COMPRESS] = cmd_compress,
	[CMD_BACKUP] = cmd_backup,
	[CMD_RELOAD] = cmd_reload,
	[CMD_SHUTDOWN] = cmd_shutdown,
};

bool
job_must_wait(struct conn *c, struct slice job, bool decides)
{
	uint32_t slot = store_slot(STORE_JOB, job);

	if (!store_busy(c->server->store, slot, decides))
		return false;
	conn_wait(c, slot);
	return true;
}

const struct job *
job_find(struct conn *c, struct slice id, struct err *e)
{
	struct jobs *jobs = store_jobs(c->server->store);
	uint32_t ref;

	if (!allowed(c, id, "job", e))
		return NULL;
	if ((ref = jobs_find(jobs, id)) == JOB_NONE) {
		(void)err_quote(e, ERR_NOT_FOUND, id, "no such job");
		return NULL;
	}
	return jobs_get(jobs, ref);
}

void
put_who(const struct conn *c, const char *what, char *to, size_t size)
{
	char peer[PEER_NAME_MAX];

	if (c->token != NULL) {
		(void)snprintf(to, size, "%s by %s", what, c->token->name);
		return;
	}
	peer_name(c->fd, peer);
	(void)snprintf(to, size, "%s by %s", what, peer);
}

void
put_reason(struct buf *out, const struct record_run *run)
{
	reply_word(out, run->reason.len > 0 ? run->reason : slice_str("-"));
}

void
put_exit(struct buf *out, const struct record_run *run)
{
	if (run->outcome == RUN_NONE || run->exit == RUN_EXIT_NONE)
		reply_str(out, "-");
	else
		reply_i64(out, run->exit);
}
