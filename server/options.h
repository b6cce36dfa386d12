/* The command line of tickd. */
#ifndef SERVER_OPTIONS_H
#define SERVER_OPTIONS_H

#include <stddef.h>

#include "err.h"

#ifndef TICKD_VERSION
#define TICKD_VERSION "unknown" /* the Makefile knows */
#endif

#define OPTIONS_SETS_MAX 256

enum options_action {
	OPTIONS_SERVE,
	OPTIONS_CHECK_CONFIG, /* -n */
	OPTIONS_SAMPLE,	      /* print a configuration file */
	OPTIONS_VERSION,
	OPTIONS_HELP,
	OPTIONS_DUMP, /* `tickd dump ...` and `tickd check ...`: the offline */
	OPTIONS_CHECK /* tools read their own arguments */
};

/* Points into argv. */
struct options {
	enum options_action action;
	const char *config_path; /* NULL: the default file, if it exists */
	const char *sets[OPTIONS_SETS_MAX]; /* "section.key=value" */
	size_t n_sets;
	int tool_argc; /* DUMP, CHECK: argv from the word on */
	char **tool_argv;
};

/* 0, or -1 with ERR_SYNTAX: the message names the option. */
int options_parse(int argc, char **argv, struct options *o, struct err *e);

/* What --help prints. */
extern const char options_help[];

#endif
