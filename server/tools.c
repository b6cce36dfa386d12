#include "tools.h"

#include <getopt.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "dump.h"
#include "files.h"
#include "run.h"
#include "server.h"

enum {
	OPT_FORMAT = 256,
	OPT_ALL,
	OPT_CHANGES,
	OPT_COMPACT,
	OPT_ENDED,
	OPT_FOLLOW,
	OPT_REPAIR
};

static const char dump_usage[] =
    "usage: tickd dump [--format text|json] [--ended] [--compact | --changes | "
    "--all]\n"
    "                  [--follow] FILE...\n";
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

/* A command line that makes no sense: what of it, and how it should be. */
static int
usage(const char *text, const char *tool, const struct err *e)
{
	(void)fprintf(stderr, "tickd %s: %s\n%s", tool, e->msg, text);
	return EXIT_USAGE;
}

/* A message, about a file where it does not say itself about which. */
static void
complain(const char *tool, const char *path, const struct err *e)
{
	if (e->msg[0] != '\0')
		(void)fprintf(stderr, "tickd %s: %s%s%s\n", tool,
		    path == NULL ? "" : path, path == NULL ? "" : ": ", e->msg);
}

/* The log that a file belongs to, as it can be found from here: its path,
 * owned by the caller. NULL: out of memory. */
static char *
log_of(const char *file)
{
	char *stem = strndup(file, (size_t)files_stem_len(file));
	char *path = stem == NULL ? NULL : files_resolve(stem);

	free(stem);
	return path;
}

/* Whether an earlier argument named a file of the same log. */
static bool
named_before(char **files, int i)
{
	size_t len = (size_t)files_stem_len(files[i]);

	for (int k = 0; k < i; k++)
		if ((size_t)files_stem_len(files[k]) == len &&
		    strncmp(files[k], files[i], len) == 0)
			return true;
	return false;
}

/* --- dump --- */

struct dump_args {
	struct dump_options options;
	bool follow;
};

static int
set_format(struct dump_args *a, const char *word, struct err *e)
{
	a->options.json = strcmp(word, "json") == 0;
	if (a->options.json || strcmp(word, "text") == 0)
		return 0;
	return err_quote(e, ERR_SYNTAX, slice_str(word),
	    "--format takes text or json, not");
}

/* The word that getopt_long could not take. */
static int
refuse_option(int c, char **argv, struct err *e)
{
	struct slice word = slice_str(argv[optind - 1]);

	if (c == ':')
		return err_quote(e, ERR_SYNTAX, word, "no value for option");
	/* With a code it is known, and has a value that it may not have. */
	return err_quote(e, ERR_SYNTAX, word,
	    optopt >= OPT_FORMAT ? "no value is taken by option"
				 : "unknown option");
}

static int
set_dump_option(struct dump_args *a, int c, char **argv, struct err *e)
{
	switch (c) {
	case OPT_FORMAT:
		return set_format(a, optarg, e);
	case OPT_ALL:
		a->options.all = true;
		return 0;
	case OPT_CHANGES:
		a->options.changes = true;
		return 0;
	case OPT_COMPACT:
		a->options.compact = true;
		return 0;
	case OPT_ENDED:
		a->options.ended = true;
		return 0;
	case OPT_FOLLOW:
		a->follow = true;
		return 0;
	default:
		return refuse_option(c, argv, e);
	}
}

/* Which of the options go together, and what they come to. */
static int
settle_dump(struct dump_args *a, struct err *e)
{
	struct dump_options *o = &a->options;
	int forms = o->all + o->compact + o->changes;

	if (forms > 1)
		return err_set(e, ERR_SYNTAX,
		    "only one of --all, --changes and --compact");
	if (a->follow && (o->compact || o->changes || o->ended))
		return err_set(e, ERR_SYNTAX,
		    "--follow prints records as they come: not with "
		    "--compact, --changes or --ended");
	if (o->ended && (o->all || o->changes))
		return err_set(e, ERR_SYNTAX,
		    "--ended does not go with --all or --changes");
	o->entries = o->compact;
	o->compact = !o->all && !a->follow;
	return 0;
}

static int
expect_files(int argc, struct err *e)
{
	return optind < argc ? 0 : err_set(e, ERR_SYNTAX, "no file is named");
}

/* Read the options; what is left in argv from optind on are files. */
static int
read_dump_args(struct dump_args *a, int argc, char **argv, struct err *e)
{
	static const struct option options[] = {
		{ "format", required_argument, NULL, OPT_FORMAT },
		{ "all", no_argument, NULL, OPT_ALL },
		{ "changes", no_argument, NULL, OPT_CHANGES },
		{ "compact", no_argument, NULL, OPT_COMPACT },
		{ "ended", no_argument, NULL, OPT_ENDED },
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
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1)
		if (set_dump_option(a, c, argv, e) == -1)
			return -1;
	return settle_dump(a, e) == -1 ? -1 : expect_files(argc, e);
}

static void
note_dump(const char *path, const struct err *e)
{
	complain("dump", path, e);
}

/* Print the logs that the files belong to. Whether to go on; *exit_code
 * becomes what it has to. */
static bool
dump_files(struct dump *d, const struct dump_args *a, char **files, int n,
    int *exit_code)
{
	enum dump_result result = DUMP_DONE;

	for (int i = 0; i < n && result != DUMP_CLOSED; i++) {
		bool last = true;
		char *path;

		for (int k = i + 1; k < n; k++)
			last = last && named_before(files, k);
		if (named_before(files, i))
			continue;
		if ((path = log_of(files[i])) == NULL) {
			*exit_code = EXIT_RUNTIME;
			return false;
		}
		result = dump_log(d, path, last && a->follow, note_dump);
		free(path);
		if (result == DUMP_FAILED)
			*exit_code = EXIT_RUNTIME;
	}
	return result != DUMP_CLOSED;
}

int
tools_dump(int argc, char **argv)
{
	struct sigaction on_end = { .sa_handler = on_signal };
	int exit_code = EXIT_OK;
	struct dump_args a;
	struct dump *d;
	struct err e;

	if (read_dump_args(&a, argc, argv, &e) == -1)
		return usage(dump_usage, "dump", &e);
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

static int
read_check_args(bool *repair, int argc, char **argv, struct err *e)
{
	static const struct option options[] = {
		{ "repair", no_argument, NULL, OPT_REPAIR },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*repair = false;
	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (c != OPT_REPAIR)
			return refuse_option(c, argv, e);
		*repair = true;
	}
	return expect_files(argc, e);
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

static void
put_repair(const char *path)
{
	struct buf hint = { 0 };

	buf_add_str(&hint,
	    "tickd check: a start is refused; what can be kept is kept by: "
	    "tickd check --repair ");
	check_put_word(&hint, path);
	buf_add_byte(&hint, '\n');
	if (!hint.failed)
		(void)fwrite(hint.ptr, 1, hint.len, stderr);
	buf_free(&hint);
}

/* Check the log that the file belongs to: the exit status. */
static int
check_one(const char *file, bool repair)
{
	struct buf report = { 0 };
	char *path = log_of(file);
	struct err e;
	int code;

	if (path == NULL) {
		(void)err_nomem(&e);
		complain("check", file, &e);
		return EXIT_RUNTIME;
	}
	code = check_exit(check_log(path, repair, &report, &e));
	print_report(&report);
	complain("check", NULL, &e);
	if (code == EXIT_DAMAGED && !repair)
		put_repair(path);
	buf_free(&report);
	free(path);
	return code;
}

int
tools_check(int argc, char **argv)
{
	int exit_code = EXIT_OK, code;
	struct err e;
	bool repair;

	if (read_check_args(&repair, argc, argv, &e) == -1)
		return usage(check_usage, "check", &e);
	for (int i = optind; i < argc; i++) {
		if (named_before(argv + optind, i - optind))
			continue;
		code = check_one(argv[i], repair);
		if (exit_code == EXIT_OK || code == EXIT_DAMAGED)
			exit_code = code;
	}
	return exit_code;
}
