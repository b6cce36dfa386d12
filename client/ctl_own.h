/* The table of commands that tickctl adds to the server's: help, completion
 * and the command line are made from both. */
#ifndef CLIENT_CTL_OWN_H
#define CLIENT_CTL_OWN_H

#include <stdbool.h>
#include <stddef.h>

#include "command.h"
#include "slice.h"

enum ctl_action {
	ACTION_COMMAND,
	ACTION_RAW,
	ACTION_HELP,
	ACTION_VERSION,
	ACTION_COMPLETION,
	ACTION_WATCH,
	ACTION_CHECK,
	ACTION_TOP
};

struct own_command {
	const char *words; /* one or two, lower case */
	const char *usage;
	const char *help;
	enum ctl_action action;
	const char *stands_for; /* of ACTION_COMMAND: the server's command */
};

#define OWN_COUNT 15

extern const struct own_command own_commands[OWN_COUNT];

/* The one that these words begin with, NULL: none. *taken is how many words
 * it has. */
const struct own_command *own_find(char **words, size_t *taken);

/* The server's command of these words ("RULE SET"), NULL: none. */
const struct command *own_server_command(const char *words);

/* Whether the server's command is offered as it is: not where tickctl has its
 * own of that name, nor where it is about the connection itself. */
bool own_is_offered(const struct command *c);

#endif
