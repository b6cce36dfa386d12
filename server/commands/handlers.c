/* Which handler a row of the command table has. */
#include "commands.h"

#include "auth.h"

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
	[CMD_HISTORY] = cmd_history,
	[CMD_RULE_SET] = cmd_rule_set,
	[CMD_RULE_GET] = cmd_rule_get,
	[CMD_RULE_OPTIONS] = cmd_rule_options,
	[CMD_RULE_PAUSE] = cmd_rule_pause,
	[CMD_RULE_RESUME] = cmd_rule_resume,
	[CMD_REMOVERULE] = cmd_removerule,
	[CMD_LISTRULES] = cmd_listrules,
	[CMD_STAT] = cmd_stat,
	[CMD_COMPRESS] = cmd_compress,
	[CMD_BACKUP] = cmd_backup,
	[CMD_RELOAD] = cmd_reload,
	[CMD_SHUTDOWN] = cmd_shutdown,
};

bool
visible_prefix(const struct conn *c, struct slice asked, struct slice *prefix)
{
	struct slice namespace;

	*prefix = asked;
	if (c->token == NULL)
		return true;
	namespace = slice_str(c->token->namespace);
	if (slice_has_prefix(namespace, asked))
		*prefix = namespace;
	return slice_has_prefix(*prefix, namespace);
}
