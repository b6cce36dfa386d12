/*
 * Lookup is by a hash of the first word, made from the table at the first
 * use: slots[] gives the first row of a word, and rows of one word stand
 * together in the table (checked by a test), so that a subcommand is found
 * by walking on from there.
 */
#include "command.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "token.h"

#define COMMAND(id, words, min, max, role, flags, usage, help) \
	{ CMD_##id, words, min, max, role, flags, usage, help },

const struct command commands[CMD_COUNT] = {
#include "commands.def"
};

#undef COMMAND

#define WORD_MAX 15 /* longest command word */
#define SLOTS 256   /* a power of two, well above the number of rows */

_Static_assert(CMD_COUNT < SLOTS / 2, "the command hash is too full");

static pthread_once_t slots_once = PTHREAD_ONCE_INIT;
static unsigned char slots[SLOTS];	   /* row + 1, 0: free */
static unsigned char first_len[CMD_COUNT]; /* of the first word of a row */

/* Letters lose their case; what else collides is told apart by same_word. */
static unsigned
hash(const char *word, size_t n)
{
	unsigned h = 0;
	size_t i;

	for (i = 0; i < n; i++)
		h = h * 31 + ((unsigned char)word[i] & 0xdfu);
	return (h ^ h >> 8) % SLOTS;
}

/* Whether s is the n bytes at `upper` in any case. Command words are made
 * of letters, so clearing the case bit cannot make others equal. */
static bool
same_word(struct slice s, const char *upper, size_t n)
{
	size_t i;

	if (s.len != n)
		return false;
	for (i = 0; i < n; i++) {
		if (((unsigned char)s.ptr[i] & 0xdf) != (unsigned char)upper[i])
			return false;
	}
	return true;
}

static void
fill_slots(void)
{
	unsigned i, slot;

	for (i = 0; i < CMD_COUNT; i++) {
		const char *words = commands[i].words;

		first_len[i] = (unsigned char)strcspn(words, " ");
		slot = hash(words, first_len[i]);
		while (slots[slot] != 0) {
			struct slice w = slice_of(words, first_len[i]);
			unsigned row = slots[slot] - 1u;

			if (same_word(w, commands[row].words, first_len[row]))
				break;
			slot = (slot + 1) % SLOTS;
		}
		if (slots[slot] == 0)
			slots[slot] = (unsigned char)(i + 1);
	}
}

/* The first row whose first word is w, or CMD_COUNT. */
static unsigned
first_row(struct slice w)
{
	unsigned row, slot;

	if (w.len == 0 || w.len > WORD_MAX)
		return CMD_COUNT;
	for (slot = hash(w.ptr, w.len); slots[slot] != 0;
	     slot = (slot + 1) % SLOTS) {
		row = slots[slot] - 1u;
		if (same_word(w, commands[row].words, first_len[row]))
			return row;
	}
	return CMD_COUNT;
}

/* The second word of a row, or NULL. */
static const char *
subcommand(unsigned row)
{
	const char *rest = commands[row].words + first_len[row];

	return *rest == ' ' ? rest + 1 : NULL;
}

const struct command *
command_find(const struct slice *words, size_t n, size_t *taken, struct err *e)
{
	const struct command *plain = NULL; /* the row of one word */
	bool has_subcommands = false;
	unsigned row;

	(void)pthread_once(&slots_once, fill_slots);
	if (n == 0) {
		(void)err_set(e, ERR_SYNTAX, "no command");
		return NULL;
	}
	for (row = first_row(words[0]); row < CMD_COUNT; row++) {
		const char *sub = subcommand(row);

		if (!same_word(words[0], commands[row].words, first_len[row]))
			break;
		if (sub == NULL) {
			plain = &commands[row];
			continue;
		}
		has_subcommands = true;
		if (n > 1 && same_word(words[1], sub, strlen(sub))) {
			*taken = 2;
			return &commands[row];
		}
	}
	/* HEALTH with a wrong section is no HEALTH with an argument. */
	if (plain != NULL &&
	    (n == 1 || !has_subcommands || plain->max_args > 0)) {
		*taken = 1;
		return plain;
	}
	if (!has_subcommands)
		(void)err_quote(e, ERR_UNKNOWN_COMMAND, words[0],
		    "unknown command");
	else if (n == 1)
		(void)err_quote(e, ERR_SYNTAX, words[0],
		    "a subcommand is missing after");
	else
		(void)err_quote(e, ERR_UNKNOWN_COMMAND, words[1],
		    "unknown subcommand");
	return NULL;
}

static const char *const role_words[] = {
	[ROLE_NONE] = "-",
	[ROLE_READER] = "reader",
	[ROLE_OPERATOR] = "operator",
	[ROLE_ADMIN] = "admin",
};

const char *
role_word(enum role role)
{
	return role_words[role];
}

int
role_parse(struct slice s)
{
	int i;

	for (i = ROLE_READER; i <= ROLE_ADMIN; i++) {
		if (slice_eq(s, slice_str(role_words[i])))
			return i;
	}
	return -1;
}
