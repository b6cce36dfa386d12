#include "tools.h"

#include <getopt.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "dump.h"
#include "run.h"
#include "server.h"

enum { OPT_FORMAT = 256, OPT_ALL, OPT_COMPACT, OPT_FOLLOW, OPT_REPAIR };

static const char dump_usage[] =
    "usage: tickd dump [--format text|json] [--all | --compact] [--follow] "
    "FILE...\n";
static const char check_usage[] = "usage: tickd check [--repair] FILE...\n";

static atomic_bool stop;

static void
on_signal(int number)
{
	(void)number;
	atomic_store(&stop, true);
}

static const char *
outcome_word(unsigned outcome)
{
	if (outcome >= RUN_OUTCOME_COUNT)
		return NULL;
	return run_outcome_word((enum run_outcome)outcome);
}

static int
usage(const char *text)
{
	(void)fputs(text, stderr);
	return EXIT_USAGE;
}

/* A message about a file. */
static void
complain(const char *tool, const char *path, const struct err *e)
{
	if (e->msg[0] != '\0')
		(void)fprintf(stderr, "tickd %s: %s: %s\n", tool, path, e->msg);
}

/* --- dump --- */

struct dump_args {
	struct dump_options options;
	bool follow;
};

static bool
set_dump_option(struct dump_args *a, int c)
{
	switch (c) {
	case OPT_FORMAT:
		a->options.json = strcmp(optarg, "json") == 0;
		return a->options.json || strcmp(optarg, "text") == 0;
	case OPT_ALL:
		a->options.all = true;
		return true;
	case OPT_COMPACT:
		a->options.compact = true;
		return true;
	case OPT_FOLLOW:
		a->follow = true;
		return true;
	default:
		return false;
	}
}

/* Read the options; what is left in argv from optind on are files. */
static bool
read_dump_args(struct dump_args *a, int argc, char **argv)
{
	static const struct option options[] = {
		{ "format", required_argument, NULL, OPT_FORMAT },
		{ "all", no_argument, NULL, OPT_ALL },
		{ "compact", no_argument, NULL, OPT_COMPACT },
		{ "follow", no_argument, NULL, OPT_FOLLOW },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	memset(a, 0, sizeof(*a));
	a->options.fd = STDOUT_FILENO;
	a->options.outcome = outcome_word;
	a->options.stop = &stop;
	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (!set_dump_option(a, c))
			return false;
	return optind < argc &&
	    !(a->options.compact && (a->options.all || a->follow));
}

/* Print the files. Whether to go on; *exit_code becomes what it has to. */
static bool
dump_files(struct dump *d, const struct dump_args *a, char **paths, int n,
    int *exit_code)
{
	enum dump_result result;
	struct err e;

	for (int i = 0; i < n; i++) {
		bool last = i == n - 1;

		result = last && a->follow
		    ? dump_follow(d, paths[i], &e)
		    : dump_file(d, paths[i], last ? NULL : paths[i + 1], &e);
		if (result == DUMP_CLOSED)
			return false;
		complain("dump", paths[i], &e);
		if (result == DUMP_FAILED)
			*exit_code = EXIT_RUNTIME;
	}
	return true;
}

int
tools_dump(int argc, char **argv)
{
	struct sigaction on_end = { .sa_handler = on_signal };
	int exit_code = EXIT_OK;
	struct dump_args a;
	struct dump *d;
	struct err e;

	if (!read_dump_args(&a, argc, argv))
		return usage(dump_usage);
	(void)signal(SIGPIPE, SIG_IGN);
	if (a.follow) {
		(void)sigaction(SIGINT, &on_end, NULL);
		(void)sigaction(SIGTERM, &on_end, NULL);
	}
	d = dump_new(&a.options, &e);
	if (d == NULL) {
		complain("dump", argv[optind], &e);
		return EXIT_RUNTIME;
	}
	if (dump_files(d, &a, argv + optind, argc - optind, &exit_code) &&
	    dump_finish(d, &e) == DUMP_FAILED) {
		complain("dump", "output", &e);
		exit_code = EXIT_RUNTIME;
	}
	dump_free(d);
	return exit_code;
}

/* --- check --- */

static bool
read_check_args(struct check *c, int argc, char **argv)
{
	static const struct option options[] = {
		{ "repair", no_argument, NULL, OPT_REPAIR },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	memset(c, 0, sizeof(*c));
	opterr = 0;
	optind = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option != OPT_REPAIR)
			return false;
		c->repair = true;
	}
	return optind < argc;
}

static int
check_exit(enum check_result result)
{
	switch (result) {
	case CHECK_FINE:
	case CHECK_MENDED:
		return EXIT_OK;
	case CHECK_DAMAGED:
		return EXIT_DAMAGED;
	case CHECK_LOCKED:
		return EXIT_LOCKED;
	default:
		return EXIT_RUNTIME;
	}
}

/* Before what goes to standard error. */
static void
print_report(const struct buf *report)
{
	if (report->failed)
		(void)fputs("tickd check: out of memory\n", stderr);
	if (report->len > 0)
		(void)fwrite(report->ptr, 1, report->len, stdout);
	(void)fflush(stdout); /* main looks at the result */
}

int
tools_check(int argc, char **argv)
{
	int exit_code = EXIT_OK;
	struct buf report = { 0 };
	struct check c;
	struct err e;

	if (!read_check_args(&c, argc, argv))
		return usage(check_usage);
	for (int i = optind; i < argc; i++) {
		int code = check_exit(check_file(&c, argv[i], &report, &e));

		print_report(&report);
		complain("check", argv[i], &e);
		if (exit_code == EXIT_OK || code == EXIT_DAMAGED)
			exit_code = code;
		buf_clear(&report);
	}
	buf_free(&report);
	return exit_code;
}
