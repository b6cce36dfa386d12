/* Help and shell completion, made from the command table. */
#ifndef CLIENT_CTL_HELP_H
#define CLIENT_CTL_HELP_H

#include <stddef.h>
#include <stdio.h>

#include "command.h"
#include "ctl_own.h"

/* Options and all commands. */
void help_overview(FILE *to);

/* The usage of one command. */
void help_command(FILE *to, const struct command *c);

void help_own(FILE *to, const struct own_command *c);

/* The usage of each command that begins with these words. 0, or -1 when
 * there is none. */
int help_commands(FILE *to, char **words, size_t n);

/* A bash script: complete commands, subcommands, option keywords. */
void help_bash(FILE *to);

#endif
