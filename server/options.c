#include "options.h"

#include <getopt.h>
#include <string.h>

enum { OPT_SET = 256, OPT_SAMPLE, OPT_VERSION };

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "set", required_argument, NULL, OPT_SET },
	{ "check", no_argument, NULL, 'n' },
	{ "sample", no_argument, NULL, OPT_SAMPLE },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

const char options_help[] =
    "usage: tickd [-n] [-c FILE] [--set SECTION.KEY=VALUE]...\n"
    "       tickd dump [--format text|json] [--ended] [--compact | --changes "
    "| --all]\n"
    "                  [--follow] FILE...\n"
    "       tickd check [--repair] FILE...\n"
    "       tickd --sample | --version | --help\n"
    "\n"
    "The job scheduler, in the foreground; its log goes to standard error.\n"
    "\n"
    "  -c, --config FILE        configuration file [/etc/tickd/tickd.conf]\n"
    "      --set SECTION.KEY=VALUE\n"
    "                           set a key; stronger than environment and file\n"
    "  -n, --check              check the configuration and exit\n"
    "      --sample             print a configuration file with all defaults\n"
    "      --version            print the version\n"
    "  -h, --help               print this text\n"
    "\n"
    "  dump FILE...             print what a logfile has to do: rules, jobs\n"
    "  check FILE...            check a logfile, with --repair mend it\n"
    "\n"
    "Every key can also be set as TICKD_SECTION_KEY in the environment.\n"
    "Exit status: 0 done, 1 failed while running, 2 bad usage or\n"
    "configuration, 3 logfile damaged, 4 logfile in use by another tickd.\n"
    "See tickd(8) and tickd.conf(5).\n";

static int
add_set(struct options *o, const char *pair, struct err *e)
{
	if (o->n_sets == OPTIONS_SETS_MAX)
		return err_set(e, ERR_SYNTAX, "more than %d times --set",
		    OPTIONS_SETS_MAX);
	o->sets[o->n_sets++] = pair;
	return 0;
}

/* What getopt_long did not understand. */
static int
refuse(int c, char **argv, struct err *e)
{
	const char *arg = argv[optind - 1];

	if (optopt != 0 && optopt < OPT_SET && strncmp(arg, "--", 2) != 0)
		return err_set(e, ERR_SYNTAX,
		    c == ':' ? "option -%c needs a value"
			     : "unknown option -%c",
		    optopt);
	if (c == ':')
		return err_set(e, ERR_SYNTAX, "option %s needs a value", arg);
	/* With a code the option is known, and has a value it may not have. */
	return err_set(e, ERR_SYNTAX,
	    optopt != 0 ? "option %s takes no value" : "unknown option %s",
	    arg);
}

static int
set_option(struct options *o, int c, char **argv, struct err *e)
{
	switch (c) {
	case 'c':
		o->config_path = optarg;
		return 0;
	case OPT_SET:
		return add_set(o, optarg, e);
	case 'n':
		o->action = OPTIONS_CHECK_CONFIG;
		return 0;
	case OPT_SAMPLE:
		o->action = OPTIONS_SAMPLE;
		return 0;
	case OPT_VERSION:
		o->action = OPTIONS_VERSION;
		return 0;
	case 'h':
		o->action = OPTIONS_HELP;
		return 0;
	default:
		return refuse(c, argv, e);
	}
}

/* The first word that is no option: a tool, which reads the rest itself. */
static int
set_tool(struct options *o, int argc, char **argv, struct err *e)
{
	if (strcmp(argv[optind], "dump") == 0)
		o->action = OPTIONS_DUMP;
	else if (strcmp(argv[optind], "check") == 0)
		o->action = OPTIONS_CHECK;
	else
		return err_set(e, ERR_SYNTAX, "unknown command %s",
		    argv[optind]);
	o->tool_argc = argc - optind;
	o->tool_argv = argv + optind;
	return 0;
}

int
options_parse(int argc, char **argv, struct options *o, struct err *e)
{
	int c;

	memset(o, 0, sizeof(*o));
	opterr = 0;
	optind = 0; /* forget an earlier call: tests, and RESTART */
	while (
	    (c = getopt_long(argc, argv, "+:c:nh", long_options, NULL)) != -1) {
		if (set_option(o, c, argv, e) == -1)
			return -1;
	}
	if (optind < argc)
		return set_tool(o, argc, argv, e);
	return 0;
}
