#include "ctl_help.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "ctl_args.h"

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

/* What tickctl itself adds to the server's commands. */
static const struct {
	const char *words;
	const char *usage;
	const char *help;
} own_commands[] = {
	{ "rules", "rules [prefix]", "The same as listrules" },
	{ "rule list", "rule list [prefix]", "The same as listrules" },
	{ "rule remove", "rule remove <rule>", "The same as removerule" },
	{ "raw", "raw <line>", "Send a request line as it is" },
	{ "help", "help [command]", "Show how commands are used" },
	{ "completion", "completion bash", "Print a completion script" },
};

#define N_OWN (sizeof(own_commands) / sizeof(own_commands[0]))

/* Commands about the connection itself make no sense for a single call. */
static bool
is_offered(const struct command *c)
{
	return c->role != ROLE_NONE && c->id != CMD_HELP;
}

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
		if (!is_offered(&commands[i]))
			continue;
		(void)fputs("  ", to);
		print_lower(to, commands[i].words);
		(void)fprintf(to, "%*s%s\n",
		    (int)(21 - strlen(commands[i].words)), "",
		    commands[i].help);
	}
	for (size_t i = 0; i < N_OWN; i++)
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

int
help_commands(FILE *to, char **words, size_t n)
{
	int found = -1;

	for (size_t i = 0; i < CMD_COUNT; i++) {
		if (!is_offered(&commands[i]) ||
		    !begins_with(commands[i].words, words, n))
			continue;
		help_command(to, &commands[i]);
		found = 0;
	}
	for (size_t i = 0; i < N_OWN; i++) {
		if (!begins_with(own_commands[i].words, words, n))
			continue;
		(void)fprintf(to, "tickctl %s\n    %s\n", own_commands[i].usage,
		    own_commands[i].help);
		found = 0;
	}
	return found;
}

/*
 * Completion.
 */

/* The first words of all commands, each once. */
static void
print_first_words(FILE *to)
{
	const char *last = "";
	size_t n_last = 0;

	for (size_t i = 0; i < CMD_COUNT; i++) {
		const char *w = commands[i].words;
		size_t n = strcspn(w, " ");

		/* Rows of one word stand together. */
		if (!is_offered(&commands[i]) ||
		    (n == n_last && strncmp(w, last, n) == 0))
			continue;
		last = w;
		n_last = n;
		for (size_t k = 0; k < n; k++)
			(void)fputc(tolower((unsigned char)w[k]), to);
		(void)fputc(' ', to);
	}
	for (size_t i = 0; i < N_OWN; i++) {
		if (strchr(own_commands[i].words, ' ') == NULL)
			(void)fprintf(to, "%s ", own_commands[i].words);
	}
}

/* `rule) ... second words ...`, for each command that has some. */
static void
print_second_words(FILE *to)
{
	for (size_t i = 0; i < CMD_COUNT;) {
		const char *w = commands[i].words;
		size_t n = strcspn(w, " ");

		if (w[n] == '\0') {
			i++;
			continue;
		}
		(void)fputs("\t\t", to);
		for (size_t k = 0; k < n; k++)
			(void)fputc(tolower((unsigned char)w[k]), to);
		(void)fputs(")\n\t\t\twords=\"", to);
		for (; i < CMD_COUNT && strncmp(commands[i].words, w, n) == 0 &&
		     commands[i].words[n] == ' ';
		     i++) {
			print_lower(to, commands[i].words + n + 1);
			(void)fputc(' ', to);
		}
		if (n == 4 && strncmp(w, "RULE", 4) == 0)
			(void)fputs("list remove ", to);
		(void)fputs("\"\n\t\t\t;;\n", to);
	}
}

/* `set) ... --nx --xx ...`, for each command with keywords. */
static void
print_keywords(FILE *to)
{
	for (size_t i = 0; i < CMD_COUNT; i++) {
		const struct command *c = &commands[i];
		const char *at = NULL;
		bool has_value;
		struct slice k = ctl_keyword_next(c, &at, &has_value);

		if (k.ptr == NULL || !is_offered(c))
			continue;
		(void)fputs("\t\t", to);
		print_lower(to, c->words);
		(void)fputs(")\n\t\t\twords=\"$words", to);
		for (; k.ptr != NULL;
		     k = ctl_keyword_next(c, &at, &has_value)) {
			(void)fputs(" --", to);
			for (size_t n = 0; n < k.len; n++)
				(void)fputc(tolower((unsigned char)k.ptr[n]),
				    to);
		}
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
	(void)fputs("\t\tcompletion)\n\t\t\twords=bash\n\t\t\t;;\n"
		    "\t\tesac\n"
		    "\tfi\n"
		    "\tif [[ $cur == -* ]]; then\n"
		    "\t\twords='--json --plain --table --quiet'\n"
		    "\t\tcase ${COMP_WORDS[at]} in\n",
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
