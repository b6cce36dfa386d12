/* The handlers of all commands: see handler in net/dispatch.h. */
#ifndef COMMANDS_COMMANDS_H
#define COMMANDS_COMMANDS_H

#include "dispatch.h"

handler cmd_auth, cmd_ping, cmd_hello, cmd_help, cmd_whoami, cmd_quit;
handler cmd_set, cmd_get, cmd_info, cmd_query, cmd_remove, cmd_run;
handler cmd_history;
handler cmd_rule_set, cmd_rule_get, cmd_rule_options;
handler cmd_rule_pause, cmd_rule_resume, cmd_removerule, cmd_listrules;
handler cmd_stat;
handler cmd_compress, cmd_backup, cmd_reload, cmd_shutdown;

/* The prefix that a list may show: within `asked` and the client's namespace.
 * False when that is nothing. */
bool visible_prefix(const struct conn *c, struct slice asked,
    struct slice *prefix);

#endif
