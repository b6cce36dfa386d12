/*
 * The command line of tickctl: options, then a command as one types it, to
 * the words of a request.
 */
#ifndef CLIENT_CTL_ARGS_H
#define CLIENT_CTL_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "command.h"
#include "ctl_own.h"
#include "tick.h"

enum ctl_form { FORM_AUTO, FORM_TABLE, FORM_PLAIN, FORM_JSON };

#define CTL_ERROR_MAX 512

struct ctl_args {
	const char *address;	/* NULL: not given */
	const char *token_file; /* NULL: not given */
	int timeout_ms;		/* 0: not given */
	enum ctl_form form;
	bool quiet;

	enum ctl_action action;
	const struct own_command *own; /* that was typed; NULL: none */
	const struct command *command; /* of ACTION_COMMAND; of ACTION_HELP
					* when it was <command> --help */
	struct tick_word *words;       /* owned array: the request */
	size_t n_words;
	size_t n_args;	/* words after the command's own */
	struct buf raw; /* of ACTION_RAW: the line, terminated */
	char **rest;	/* ACTION_HELP: what to help with, n_rest of them */
	size_t n_rest;

	const char *topic;  /* ACTION_WATCH */
	const char *prefix; /* NULL: not given */

	const char *metric; /* ACTION_CHECK; each NULL: not given */
	const char *warning;
	const char *critical;

	int interval_ms; /* ACTION_TOP; 0: not given */

	char error[CTL_ERROR_MAX];
};

/*
 * Parse. 0, or -1 with a->error saying what is wrong (usage included). The
 * words point into argv and static tables. ctl_args_fini in both cases.
 *
 * After a command its options can be written --limit 10 or --limit=10 as well
 * as LIMIT 10; --json, --plain, --table and --quiet are recognised there too.
 * A lone -- ends that. The words of a runner are never looked at.
 */
int ctl_args_parse(struct ctl_args *a, int argc, char **argv);
void ctl_args_fini(struct ctl_args *a);

/* Append how a command of this usage is typed: "tickctl get <job>". */
void ctl_put_usage(struct buf *out, const struct command *c);

/* The option keyword of this name (n bytes, any case) in a command's usage,
 * such as LIMIT, or a NULL slice. *has_value: whether a value follows. */
struct slice ctl_keyword(const struct command *c, const char *name, size_t n,
    bool *has_value);

/* The keyword at or after *at in the usage of c; moves *at behind it. For
 * all of them begin with *at NULL. */
struct slice ctl_keyword_next(const struct command *c, const char **at,
    bool *has_value);

#endif
