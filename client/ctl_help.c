#include "ctl_help.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "ctl_args.h"
#include "ctl_view.h"

static const char options_text[] =
    "usage: tickctl [options] <command> [argument ...]\n"
    "\n"
    "Options:\n"
    "  -a, --address <a>    host:port, [v6]:port or unix:/path of the server\n"
    "                       (default: $TICKD_ADDRESS, else 127.0.0.1:5678)\n"
    "      --token-file <f> file whose first line is the secret\n"
    "                       (default: $TICKD_SECRET, else none)\n"
    "      --timeout <t>    longest wait: seconds, or 500ms, 2m\n"
    "      --json           an object, or one a line for a list\n"
    "      --plain          words between tabs, raw values\n"
    "      --table          columns for people (default on a terminal)\n"
    "  -q, --quiet          do not print a bare OK\n"
    "  -h, --help           show this text\n"
    "  -V, --version        show the version\n"
    "\n"
    "Commands:\n";

static void
print_lower(FILE *to, const char *s)
{
	for (; *s != '\0'; s++)
		(void)fputc(tolower((unsigned char)*s), to);
}

void
help_overview(FILE *to)
{
	(void)fputs(options_text, to);
	for (size_t i = 0; i < CMD_COUNT; i++) {
		if (!own_is_offered(&commands[i]))
			continue;
		(void)fputs("  ", to);
		print_lower(to, commands[i].words);
		(void)fprintf(to, "%*s%s\n",
		    (int)(21 - strlen(commands[i].words)), "",
		    commands[i].help);
	}
	for (size_t i = 0; i < OWN_COUNT; i++)
		(void)fprintf(to, "  %-21s%s\n", own_commands[i].words,
		    own_commands[i].help);
	(void)fputs("\nA command's form: tickctl help <command>.\n", to);
}

/* Whether `text` begins with these words, in any case, whole words each. */
static bool
begins_with(const char *text, char **words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(words[i]);

		if (strncasecmp(text, words[i], len) != 0 ||
		    (text[len] != ' ' && text[len] != '\0'))
			return false;
		text += len;
		text += *text == ' ';
	}
	return true;
}

void
help_command(FILE *to, const struct command *c)
{
	struct buf usage = { 0 };

	ctl_put_usage(&usage, c);
	buf_add_byte(&usage, '\0');
	(void)fprintf(to, "%s\n    %s\n", usage.failed ? c->usage : usage.ptr,
	    c->help);
	buf_free(&usage);
}

void
help_own(FILE *to, const struct own_command *c)
{
	(void)fprintf(to, "tickctl %s\n    %s\n", c->usage, c->help);
}

int
help_commands(FILE *to, char **words, size_t n)
{
	int found = -1;

	for (size_t i = 0; i < CMD_COUNT; i++) {
		if (!own_is_offered(&commands[i]) ||
		    !begins_with(commands[i].words, words, n))
			continue;
		help_command(to, &commands[i]);
		found = 0;
	}
	for (size_t i = 0; i < OWN_COUNT; i++) {
		if (!begins_with(own_commands[i].words, words, n))
			continue;
		help_own(to, &own_commands[i]);
		found = 0;
	}
	return found;
}

/*
 * Completion.
 */

static void
print_lower_n(FILE *to, const char *s, size_t n)
{
	for (; n > 0; n--)
		(void)fputc(tolower((unsigned char)*s++), to);
}

/* The words of the i-th command of both tables, "" when it is not offered. */
static const char *
words_of(size_t i)
{
	if (i >= CMD_COUNT)
		return own_commands[i - CMD_COUNT].words;
	return own_is_offered(&commands[i]) ? commands[i].words : "";
}

#define N_WORDS ((size_t)CMD_COUNT + OWN_COUNT)

/* Whether an earlier command has the same first word (n bytes). */
static bool
is_repeated(size_t i, size_t n)
{
	const char *w = words_of(i);

	for (size_t k = 0; k < i; k++) {
		const char *other = words_of(k);

		if (strcspn(other, " ") == n && strncasecmp(other, w, n) == 0)
			return true;
	}
	return false;
}

/* The first words of all commands, each once. */
static void
print_first_words(FILE *to)
{
	for (size_t i = 0; i < N_WORDS; i++) {
		size_t n = strcspn(words_of(i), " ");

		if (n == 0 || is_repeated(i, n))
			continue;
		print_lower_n(to, words_of(i), n);
		(void)fputc(' ', to);
	}
}

/* The second words that follow a first one (n bytes): how many. */
static size_t
print_seconds_of(FILE *to, const char *first, size_t n, const char *before)
{
	size_t found = 0;

	for (size_t i = 0; i < N_WORDS; i++) {
		const char *w = words_of(i);

		if (strncasecmp(w, first, n) != 0 || w[n] != ' ')
			continue;
		(void)fputs(found++ == 0 ? before : " ", to);
		print_lower(to, w + n + 1);
	}
	return found;
}

/* `rule) words="..."`, for each first word that has second ones. */
static void
print_second_words(FILE *to)
{
	for (size_t i = 0; i < N_WORDS; i++) {
		const char *w = words_of(i);
		size_t n = strcspn(w, " ");
		char before[64];

		if (n == 0 || is_repeated(i, n))
			continue;
		(void)snprintf(before, sizeof(before),
		    "\t\t%.*s)\n\t\t\twords=\"", (int)n, w);
		for (char *p = before; *p != '\0'; p++)
			*p = (char)tolower((unsigned char)*p);
		if (print_seconds_of(to, w, n, before) > 0)
			(void)fputs("\"\n\t\t\t;;\n", to);
	}
}

static void
print_topics(FILE *to)
{
	const char *topic;

	(void)fputs("\t\twatch)\n\t\t\twords=\"", to);
	for (size_t i = 0; (topic = view_topic(i)) != NULL; i++)
		(void)fprintf(to, "%s%s", i > 0 ? " " : "", topic);
	(void)fputs("\"\n\t\t\t;;\n", to);
}

/* ` --nx --every`: the keywords of a server's command. */
static void
print_keywords_of(FILE *to, const struct command *c)
{
	const char *at = NULL;
	bool has_value;
	struct slice k;

	while ((k = ctl_keyword_next(c, &at, &has_value)).ptr != NULL) {
		(void)fputs(" --", to);
		print_lower_n(to, k.ptr, k.len);
	}
}

/* The options that a usage shows as they are. */
static void
print_options_of(FILE *to, const char *usage)
{
	const char *p = usage;

	while ((p = strstr(p, "--")) != NULL) {
		size_t n = strcspn(p, " ]");

		(void)fprintf(to, " %.*s", (int)n, p);
		p += n;
	}
}

static bool
has_keyword(const struct command *c)
{
	const char *at = NULL;
	bool has_value;

	return c != NULL && ctl_keyword_next(c, &at, &has_value).ptr != NULL;
}

/* A pattern for the first word and the next: `"set "*)`, `"rule set")`. */
static void
print_pattern(FILE *to, const char *words)
{
	(void)fputs("\t\t\"", to);
	print_lower(to, words);
	(void)fputs(strchr(words, ' ') != NULL ? "\"" : " \"*", to);
	(void)fputs(")\n\t\t\twords=\"", to);
}

/* The longer of two patterns that both match comes first: tickctl's own are
 * the only ones that differ in length. */
static void
print_keywords(FILE *to)
{
	for (size_t i = 0; i < OWN_COUNT; i++) {
		const struct own_command *o = &own_commands[i];
		const struct command *c = o->stands_for == NULL
		    ? NULL
		    : own_server_command(o->stands_for);

		if (strstr(o->usage, "--") == NULL && !has_keyword(c))
			continue;
		print_pattern(to, o->words);
		print_options_of(to, o->usage);
		if (c != NULL) {
			(void)fputs("$words", to);
			print_keywords_of(to, c);
		}
		(void)fputs("\"\n\t\t\t;;\n", to);
	}
	for (size_t i = 0; i < CMD_COUNT; i++) {
		if (!has_keyword(&commands[i]) || !own_is_offered(&commands[i]))
			continue;
		print_pattern(to, commands[i].words);
		(void)fputs("$words", to);
		print_keywords_of(to, &commands[i]);
		(void)fputs("\"\n\t\t\t;;\n", to);
	}
}

void
help_bash(FILE *to)
{
	(void)fputs("# bash completion for tickctl; made by "
		    "`tickctl completion bash`\n"
		    "_tickctl()\n{\n"
		    "\tlocal cur=${COMP_WORDS[COMP_CWORD]}\n"
		    "\tlocal at=1 words\n"
		    "\n"
		    "\twhile ((at < COMP_CWORD)); do\n"
		    "\t\tcase ${COMP_WORDS[at]} in\n"
		    "\t\t-a | --address | --timeout | --token-file)\n"
		    "\t\t\t((at += 2))\n\t\t\t;;\n"
		    "\t\t-*)\n\t\t\t((at += 1))\n\t\t\t;;\n"
		    "\t\t*)\n\t\t\tbreak\n\t\t\t;;\n"
		    "\t\tesac\n"
		    "\tdone\n"
		    "\tCOMPREPLY=()\n"
		    "\tif ((at > COMP_CWORD)); then\n"
		    "\t\treturn\n"
		    "\tfi\n"
		    "\tif ((at == COMP_CWORD)); then\n"
		    "\t\twords=\"",
	    to);
	print_first_words(to);
	(void)fputs("--address --token-file --timeout"
		    " --json --plain --table --quiet --help --version\"\n"
		    "\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- "
		    "\"$cur\")\n"
		    "\t\treturn\n"
		    "\tfi\n"
		    "\twords=\n"
		    "\tif ((at + 1 == COMP_CWORD)); then\n"
		    "\t\tcase ${COMP_WORDS[at]} in\n",
	    to);
	print_second_words(to);
	print_topics(to);
	(void)fputs("\t\tcompletion)\n\t\t\twords=bash\n\t\t\t;;\n"
		    "\t\tesac\n"
		    "\tfi\n"
		    "\tif [[ $cur == -* ]]; then\n"
		    "\t\twords='--json --plain --table --quiet'\n"
		    "\t\tcase \"${COMP_WORDS[at]} ${COMP_WORDS[at + 1]}\" in\n",
	    to);
	print_keywords(to);
	(void)fputs("\t\tesac\n"
		    "\tfi\n"
		    "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- "
		    "\"$cur\")\n"
		    "}\n"
		    "complete -F _tickctl tickctl\n",
	    to);
}
