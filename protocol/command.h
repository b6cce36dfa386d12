/* The command table of commands.def, and looking a command up in it. */
#ifndef PROTOCOL_COMMAND_H
#define PROTOCOL_COMMAND_H

#include <stddef.h>

#include "err.h"
#include "slice.h"

enum role {
	ROLE_NONE, /* allowed before authentication */
	ROLE_READER,
	ROLE_OPERATOR,
	ROLE_ADMIN
};

#define CMD_WRITE 1u   /* changes durable state */
#define CMD_RESULT 2u  /* taken while the server drains, too */
#define CMD_LOGGED 4u  /* the log says who asked for it */
#define CMD_GROWS 8u   /* refused while memory is short */
#define ARGS_ANY 65535 /* no fixed number of arguments */

enum cmd_id {
#define COMMAND(id, words, min, max, role, flags, usage, help) CMD_##id,
#include "commands.def"
#undef COMMAND
	CMD_COUNT
};

struct command {
	enum cmd_id id;
	const char *words; /* "RULE SET" */
	unsigned min_args;
	unsigned max_args;
	enum role role;
	unsigned flags;
	const char *usage;
	const char *help;
};

extern const struct command commands[CMD_COUNT];

/*
 * Find the command that words[0..n) begin with, in any case. *taken is the
 * number of command words (1 or 2). NULL with ERR_UNKNOWN_COMMAND for an
 * unknown command or subcommand, ERR_SYNTAX where the subcommand is missing.
 */
const struct command *command_find(const struct slice *words, size_t n,
    size_t *taken, struct err *e);

/* "reader" ...; "-" for ROLE_NONE. */
const char *role_word(enum role role);
/* The role of a word, or -1. */
int role_parse(struct slice s);

#endif
