/*
 * What options a command has is read off its usage in the command table:
 * "[LIMIT <n>]" makes --limit one with a value, "[NX|XX]" makes --nx one
 * without. A new command needs nothing here.
 */
#include "ctl_args.h"

#include <ctype.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "duration.h"
#include "tstamp.h"

static int failed(struct ctl_args *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static int
failed(struct ctl_args *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(a->error, sizeof(a->error), fmt, ap);
	va_end(ap);
	return -1;
}

/*
 * Keywords of a usage.
 */

struct slice
ctl_keyword_next(const struct command *c, const char **at, bool *has_value)
{
	const char *p = *at != NULL ? *at : c->usage + strlen(c->words);
	size_t n;

	for (; *p != '\0'; p++) {
		if (!isupper((unsigned char)*p))
			continue;
		for (n = 1; isupper((unsigned char)p[n]); n++)
			;
		*at = p + n;
		*has_value = p[n] == ' ' && p[n + 1] == '<';
		return slice_of(p, n);
	}
	return slice_of(NULL, 0);
}

struct slice
ctl_keyword(const struct command *c, const char *name, size_t n,
    bool *has_value)
{
	const char *at = NULL;
	struct slice k;

	while ((k = ctl_keyword_next(c, &at, has_value)).ptr != NULL) {
		if (k.len == n && strncasecmp(k.ptr, name, n) == 0)
			break;
	}
	return k;
}

/*
 * The words after the command.
 */

static void
add_word(struct ctl_args *a, const char *ptr, size_t len)
{
	a->words[a->n_words++] = (struct tick_word){ ptr, len };
}

static void
add_arg(struct ctl_args *a, const char *ptr, size_t len)
{
	add_word(a, ptr, len);
	a->n_args++;
}

static bool
is_output_option(struct ctl_args *a, const char *word)
{
	if (strcmp(word, "--json") == 0)
		a->form = FORM_JSON;
	else if (strcmp(word, "--plain") == 0)
		a->form = FORM_PLAIN;
	else if (strcmp(word, "--table") == 0)
		a->form = FORM_TABLE;
	else if (strcmp(word, "--quiet") == 0)
		a->quiet = true;
	else
		return false;
	return true;
}

/* `--limit 10`, `--limit=10` or `--nx`. How many of argv it took, or -1. */
static int
add_option(struct ctl_args *a, char **argv)
{
	const char *name = argv[0] + 2;
	const char *equals = strchr(name, '=');
	size_t n = equals != NULL ? (size_t)(equals - name) : strlen(name);
	bool has_value = false;
	struct slice k = ctl_keyword(a->command, name, n, &has_value);

	if (k.ptr == NULL)
		return failed(a,
		    "unknown option %s (-- before it makes it an argument)",
		    argv[0]);
	if (!has_value && equals != NULL)
		return failed(a, "option --%.*s takes no value", (int)n, name);
	if (has_value && equals == NULL && argv[1] == NULL)
		return failed(a, "option %s needs a value", argv[0]);
	/* The first argument is always the prefix, even when there is none. */
	if (a->n_args == 0 && strstr(a->command->usage, " [prefix]") != NULL)
		add_arg(a, "", 0);
	add_arg(a, k.ptr, k.len);
	if (!has_value)
		return 1;
	if (equals != NULL) {
		add_arg(a, equals + 1, strlen(equals + 1));
		return 1;
	}
	add_arg(a, argv[1], strlen(argv[1]));
	return 2;
}

/* A word as it is, and what follows a keyword with a value: `payload --nx`
 * is a payload. How many of argv were taken. */
static int
add_plain(struct ctl_args *a, char **argv)
{
	size_t n = strlen(argv[0]);
	bool has_value = false;
	bool keyword = a->n_args >= a->command->min_args &&
	    ctl_keyword(a->command, argv[0], n, &has_value).ptr != NULL;

	add_arg(a, argv[0], n);
	if (!keyword || !has_value || argv[1] == NULL)
		return 1;
	add_arg(a, argv[1], strlen(argv[1]));
	return 2;
}

void
ctl_put_usage(struct buf *out, const struct command *c)
{
	const char *p = c->usage;
	size_t n_words = strlen(c->words);

	buf_add_str(out, "tickctl ");
	for (; n_words > 0; n_words--)
		buf_add_byte(out, (char)tolower((unsigned char)*p++));
	buf_add_str(out, p);
}

static int
check_arity(struct ctl_args *a)
{
	const struct command *c = a->command;
	struct buf usage = { 0 };

	if (a->n_args >= c->min_args && a->n_args <= c->max_args)
		return 0;
	if (a->own != NULL)
		buf_addf(&usage, "tickctl %s", a->own->usage);
	else
		ctl_put_usage(&usage, c);
	(void)failed(a, "too %s arguments\nusage: %.*s",
	    a->n_args < c->min_args ? "few" : "many", (int)usage.len,
	    usage.len > 0 ? usage.ptr : "");
	buf_free(&usage);
	return -1;
}

static int
parse_arguments(struct ctl_args *a, char **argv)
{
	bool open_end = strstr(a->command->usage, "...") != NULL;
	bool literal = false;
	int taken;

	for (; *argv != NULL; argv += taken) {
		bool free_form =
		    literal || (open_end && a->n_args >= a->command->min_args);

		taken = 1;
		if (free_form)
			add_arg(a, *argv, strlen(*argv));
		else if (strcmp(*argv, "--") == 0)
			literal = true;
		else if (strncmp(*argv, "--", 2) != 0)
			taken = add_plain(a, argv);
		else if (strcmp(*argv, "--help") == 0)
			a->action = ACTION_HELP;
		else if (!is_output_option(a, *argv))
			taken = add_option(a, argv);
		if (taken == -1)
			return -1;
	}
	return a->action == ACTION_HELP ? 0 : check_arity(a);
}

/*
 * The command.
 */

static int
find_command(struct ctl_args *a, char **argv, size_t *taken)
{
	struct slice words[2] = { slice_str(argv[0]), { NULL, 0 } };
	size_t n = 1;
	struct err e;

	if (a->own != NULL) {
		a->command = own_server_command(a->own->stands_for);
		return a->command != NULL
		    ? 0
		    : failed(a, "%s is not known here", a->own->stands_for);
	}
	if (argv[1] != NULL)
		words[n++] = slice_str(argv[1]);
	a->command = command_find(words, n, taken, &e);
	if (a->command == NULL)
		return failed(a, "%s\ntry: tickctl help", e.msg);
	return 0;
}

/* The command's words, one by one. */
static void
add_command_words(struct ctl_args *a)
{
	const char *p = a->command->words;

	while (*p != '\0') {
		size_t n = strcspn(p, " ");

		add_word(a, p, n);
		p += n;
		p += strspn(p, " ");
	}
}

/* `history system` is HEALTH HISTORY system -: what it is the history of is
 * the first argument. */
static void
add_history_of(struct ctl_args *a)
{
	const char *of = strchr(a->own->words, ' ') + 1;

	add_arg(a, of, strlen(of));
	if (strcmp(of, "system") == 0)
		add_arg(a, "-", 1);
}

static int
parse_command(struct ctl_args *a, char **argv, size_t argc, size_t taken)
{
	if (find_command(a, argv, &taken) == -1)
		return -1;
	/* At most two command words, and an empty prefix or what a history
	 * is of come on top. */
	a->words = calloc(argc + 4, sizeof(*a->words));
	if (a->words == NULL)
		return failed(a, "out of memory");
	add_command_words(a);
	if (a->own != NULL && strncmp(a->own->words, "history ", 8) == 0)
		add_history_of(a);
	return parse_arguments(a, argv + taken);
}

static int
parse_raw(struct ctl_args *a, char **argv)
{
	if (*argv == NULL)
		return failed(a,
		    "too few arguments\nusage: tickctl raw <line>");
	if (strcmp(*argv, "--help") == 0 && argv[1] == NULL) {
		a->action = ACTION_HELP;
		return 0;
	}
	for (; *argv != NULL; argv++) {
		buf_add_str(&a->raw, *argv);
		buf_add_byte(&a->raw, argv[1] != NULL ? ' ' : '\0');
	}
	return a->raw.failed ? failed(a, "out of memory") : 0;
}

static int
parse_completion(struct ctl_args *a, char **argv)
{
	if (argv[0] == NULL || strcmp(argv[0], "bash") != 0 || argv[1] != NULL)
		return failed(a, "usage: tickctl completion bash");
	return 0;
}

static int
parse_watch(struct ctl_args *a, char **argv)
{
	for (; *argv != NULL; argv++) {
		if (strcmp(*argv, "--help") == 0) {
			a->action = ACTION_HELP;
			return 0;
		}
		if (is_output_option(a, *argv))
			continue;
		if (a->topic == NULL)
			a->topic = *argv;
		else if (a->prefix == NULL)
			a->prefix = *argv;
		else
			return failed(a,
			    "too many arguments\nusage: tickctl %s",
			    a->own->usage);
	}
	if (a->topic == NULL)
		return failed(a, "too few arguments\nusage: tickctl %s",
		    a->own->usage);
	return 0;
}

/* argv begins with the command. */
static int
parse_check(struct ctl_args *a, int argc, char **argv)
{
	static const struct option options[] = {
		{ "critical", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ "metric", required_argument, NULL, 'm' },
		{ "warning", required_argument, NULL, 'w' },
		{ NULL, 0, NULL, 0 },
	};
	int o;

	optind = 0;
	while ((o = getopt_long(argc, argv, "+c:hm:w:", options, NULL)) != -1) {
		switch (o) {
		case 'c':
			a->critical = optarg;
			break;
		case 'h':
			a->action = ACTION_HELP;
			return 0;
		case 'm':
			a->metric = optarg;
			break;
		case 'w':
			a->warning = optarg;
			break;
		default:
			return failed(a, "usage: tickctl %s", a->own->usage);
		}
	}
	if (argv[optind] != NULL ||
	    (a->metric == NULL && (a->warning != NULL || a->critical != NULL)))
		return failed(a, "usage: tickctl %s", a->own->usage);
	return 0;
}

/* A time from 1ms to 1d. */
static int
parse_ms(struct ctl_args *a, const char *option, const char *text, int *ms)
{
	struct err e;
	int64_t ns;

	if (duration_parse(slice_str(text), &ns, &e) == -1 || ns < NS_PER_MS ||
	    ns > 86400 * NS_PER_S)
		return failed(a, "%s %s: not a time from 1ms to 1d", option,
		    text);
	*ms = (int)(ns / NS_PER_MS);
	return 0;
}

static int
parse_top(struct ctl_args *a, int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "interval", required_argument, NULL, 'i' },
		{ NULL, 0, NULL, 0 },
	};
	int o;

	optind = 0;
	while ((o = getopt_long(argc, argv, "+hi:", options, NULL)) != -1) {
		if (o == 'h') {
			a->action = ACTION_HELP;
			return 0;
		}
		if (o != 'i')
			return failed(a, "usage: tickctl %s", a->own->usage);
		if (parse_ms(a, "--interval", optarg, &a->interval_ms) == -1)
			return -1;
	}
	if (argv[optind] != NULL)
		return failed(a, "usage: tickctl %s", a->own->usage);
	return 0;
}

/*
 * Options before the command.
 */

/* 0, or -1; a->action may become ACTION_HELP or ACTION_VERSION. */
static int
parse_options(struct ctl_args *a, int argc, char **argv)
{
	static const struct option options[] = {
		{ "address", required_argument, NULL, 'a' },
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'j' },
		{ "plain", no_argument, NULL, 'p' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "table", no_argument, NULL, 't' },
		{ "timeout", required_argument, NULL, 'T' },
		{ "token", required_argument, NULL, 's' },
		{ "token-file", required_argument, NULL, 'f' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int o;

	optind = 0; /* start anew: tests parse many lines */
	opterr = 0;
	while ((o = getopt_long(argc, argv, "+a:hqV", options, NULL)) != -1) {
		switch (o) {
		case 'a':
			a->address = optarg;
			break;
		case 'f':
			a->token_file = optarg;
			break;
		case 'h':
			a->action = ACTION_HELP;
			break;
		case 'j':
			a->form = FORM_JSON;
			break;
		case 'p':
			a->form = FORM_PLAIN;
			break;
		case 'q':
			a->quiet = true;
			break;
		case 's':
			return failed(a,
			    "a secret on the command line is seen by all who "
			    "list processes: use --token-file or TICKD_SECRET");
		case 't':
			a->form = FORM_TABLE;
			break;
		case 'T':
			if (parse_ms(a, "--timeout", optarg, &a->timeout_ms) ==
			    -1)
				return -1;
			break;
		case 'V':
			a->action = ACTION_VERSION;
			break;
		default:
			return failed(a,
			    "option %s is unknown or lacks its "
			    "value\ntry: tickctl --help",
			    argv[optind - 1]);
		}
	}
	return 0;
}

/* What remains after the options and the command's words is its own. */
static int
parse_rest(struct ctl_args *a, int argc, char **argv, size_t taken)
{
	switch (a->action) {
	case ACTION_HELP:
		a->rest = argv + 1;
		a->n_rest = (size_t)argc - 1;
		a->own = NULL;
		return 0;
	case ACTION_RAW:
		return parse_raw(a, argv + 1);
	case ACTION_COMPLETION:
		return parse_completion(a, argv + 1);
	case ACTION_WATCH:
		return parse_watch(a, argv + 1);
	case ACTION_CHECK:
		return parse_check(a, argc, argv);
	case ACTION_TOP:
		return parse_top(a, argc, argv);
	default:
		return parse_command(a, argv, (size_t)argc, taken);
	}
}

int
ctl_args_parse(struct ctl_args *a, int argc, char **argv)
{
	size_t taken = 0;

	memset(a, 0, sizeof(*a));
	if (parse_options(a, argc, argv) == -1)
		return -1;
	argc -= optind;
	argv += optind;
	if (a->action != ACTION_COMMAND)
		return 0;
	if (*argv == NULL)
		return failed(a, "no command\ntry: tickctl help");
	if ((a->own = own_find(argv, &taken)) != NULL)
		a->action = a->own->action;
	return parse_rest(a, argc, argv, taken);
}

void
ctl_args_fini(struct ctl_args *a)
{
	free(a->words);
	a->words = NULL;
	buf_free(&a->raw);
}
