#include "ctl_own.h"

#include <string.h>
#include <strings.h>

#define HISTORY_OPTIONS " [DAYS <n>] [STEP <hour|day>]"

const struct own_command own_commands[OWN_COUNT] = {
	{ "rules", "rules [prefix]", "The same as listrules", ACTION_COMMAND,
	    "LISTRULES" },
	{ "rule list", "rule list [prefix]", "The same as listrules",
	    ACTION_COMMAND, "LISTRULES" },
	{ "rule remove", "rule remove <rule>", "The same as removerule",
	    ACTION_COMMAND, "REMOVERULE" },
	{ "alerts", "alerts [ALL]", "The same as alert list", ACTION_COMMAND,
	    "ALERT LIST" },
	{ "ack", "ack <alert_id>", "The same as alert ack", ACTION_COMMAND,
	    "ALERT ACK" },
	{ "breakers", "breakers", "The same as breaker list", ACTION_COMMAND,
	    "BREAKER LIST" },
	{ "history agent", "history agent <rule>" HISTORY_OPTIONS,
	    "Show how an agent did, by day or hour", ACTION_COMMAND,
	    "HEALTH HISTORY" },
	{ "history integration",
	    "history integration <integration>" HISTORY_OPTIONS,
	    "Show how an integration did, by day or hour", ACTION_COMMAND,
	    "HEALTH HISTORY" },
	{ "history system", "history system" HISTORY_OPTIONS,
	    "Show how the server did, by day or hour", ACTION_COMMAND,
	    "HEALTH HISTORY" },
	{ "watch", "watch <topic> [prefix]",
	    "Print what happens, as it happens", ACTION_WATCH, NULL },
	{ "check",
	    "check [--metric <metric>] [--warning <range>] "
	    "[--critical <range>]",
	    "Check the health, as a monitoring plugin", ACTION_CHECK, NULL },
	{ "top", "top [--interval <time>]", "Show the server on a full screen",
	    ACTION_TOP, NULL },
	{ "raw", "raw <line>", "Send a request line as it is", ACTION_RAW,
	    NULL },
	{ "help", "help [command]", "Show how commands are used", ACTION_HELP,
	    NULL },
	{ "completion", "completion bash", "Print a completion script",
	    ACTION_COMPLETION, NULL },
};

/* How many of the words `own` has, 0 when they do not begin with it. */
static size_t
begins_with(char **words, const char *own)
{
	size_t n = strcspn(own, " ");

	if (strncasecmp(words[0], own, n) != 0 || words[0][n] != '\0')
		return 0;
	if (own[n] == '\0')
		return 1;
	return words[1] != NULL && strcasecmp(words[1], own + n + 1) == 0 ? 2
									  : 0;
}

/*
 * `history agent` alone, or with an option of the server's HISTORY, is about
 * a job of that name; with one more word it is about an agent. `history
 * system` is about the server unless it has HISTORY's option.
 */
static bool
is_of_a_job(const struct own_command *c, const char *next)
{
	if (strncmp(c->words, "history ", 8) != 0)
		return false;
	if (next == NULL)
		return strcmp(c->words, "history system") != 0;
	return strcasecmp(next, "LIMIT") == 0 ||
	    strncasecmp(next, "--limit", 7) == 0;
}

const struct own_command *
own_find(char **words, size_t *taken)
{
	for (size_t i = 0; i < OWN_COUNT; i++) {
		const struct own_command *c = &own_commands[i];

		*taken = begins_with(words, c->words);
		if (*taken > 0 && !is_of_a_job(c, words[*taken]))
			return c;
	}
	return NULL;
}

const struct command *
own_server_command(const char *words)
{
	for (size_t i = 0; i < CMD_COUNT; i++) {
		if (strcmp(commands[i].words, words) == 0)
			return &commands[i];
	}
	return NULL;
}

bool
own_is_offered(const struct command *c)
{
	static const char *const of_the_connection[] = { "UNWATCH",
		"AGENT ATTACH", "DONE" };

	if (c->role == ROLE_NONE)
		return false;
	for (size_t i = 0; i < 3; i++) {
		if (strcmp(of_the_connection[i], c->words) == 0)
			return false;
	}
	for (size_t i = 0; i < OWN_COUNT; i++) {
		if (strcasecmp(own_commands[i].words, c->words) == 0)
			return false;
	}
	return true;
}
