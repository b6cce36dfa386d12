/*
 * The manual pages say what the tables say: every command with its usage,
 * every error code, metric and rule option in tick-protocol.7, in the tables'
 * order; every function and error of tick.h in libtick.3; tickctl's own
 * commands in tickctl.1; every kind of record and of an image's blocks in
 * tickd-log.5.
 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "buf.h"
#include "command.h"
#include "ctl_own.h"
#include "err.h"
#include "image.h"
#include "metric.h"
#include "record.h"
#include "tick.h"

static const struct {
	const char *name;
	const char *def;
} options[] = {
#define OPTION(name, type, def, min, max, admin, help) { #name, def },
#include "options.def"
#undef OPTION
};

static struct buf protocol, library, header, log_format, ctl;

/* A file of the source tree, found from where this file was compiled. */
static void
read_file(struct buf *to, const char *name)
{
	const char *self = strstr(__FILE__, "tests/unit/test_manual.c");
	char path[1024];
	FILE *f;
	size_t n;

	assert_non_null(self);
	(void)snprintf(path, sizeof(path), "%.*s%s", (int)(self - __FILE__),
	    __FILE__, name);
	if ((f = fopen(path, "r")) == NULL)
		fail_msg("cannot read %s", path);
	do {
		char *room = buf_reserve(to, 65536);

		assert_non_null(room);
		n = fread(room, 1, 65536, f);
		to->len += n;
	} while (n > 0);
	(void)fclose(f);
	buf_add_byte(to, '\0');
	assert_false(to->failed);
}

/* Undo the roff that a usage may be written with: \- is a minus, a backslash
 * at the end of a line joins it with the next. */
static void
undo_roff(struct buf *b)
{
	char *from = b->ptr, *to = b->ptr;

	while (*from != '\0') {
		if (from[0] == '\\' && from[1] == '\n')
			from += 2;
		else if (from[0] == '\\' && from[1] == '-')
			from++;
		else
			*to++ = *from++;
	}
	*to = '\0';
}

static int
setup(void **state)
{
	(void)state;
	read_file(&protocol, "man/tick-protocol.7");
	undo_roff(&protocol);
	read_file(&library, "man/libtick.3");
	read_file(&header, "client/tick.h");
	read_file(&log_format, "man/tickd-log.5");
	read_file(&ctl, "man/tickctl.1");
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	buf_free(&protocol);
	buf_free(&library);
	buf_free(&header);
	buf_free(&log_format);
	buf_free(&ctl);
	return 0;
}

/* The line in the page must come after `after`. Returns where it is. */
static const char *
expect_line(const char *after, const char *line)
{
	const char *found = strstr(after, line);

	if (found == NULL)
		fail_msg("tick-protocol.7 lacks, or has out of order:%s", line);
	return found;
}

static void
test_commands(void **state)
{
	char line[1024];

	(void)state;
	for (size_t i = 0; i < CMD_COUNT; i++) {
		(void)snprintf(line, sizeof(line), "\n.It Ic \"%s\"\n",
		    commands[i].usage);
		(void)expect_line(protocol.ptr, line);
	}
}

static void
test_roles(void **state)
{
	char text[1024];

	(void)state;
	for (size_t i = 0; i < CMD_COUNT; i++) {
		if (commands[i].role == ROLE_NONE)
			continue;
		(void)snprintf(text, sizeof(text), "\n.It Ic \"%s\"\n[%s] ",
		    commands[i].usage, role_word(commands[i].role));
		(void)expect_line(protocol.ptr, text);
	}
}

static void
test_error_codes(void **state)
{
	const char *at = protocol.ptr;
	char line[128];

	(void)state;
	for (int i = 0; i < ERR_CODE_COUNT; i++) {
		(void)snprintf(line, sizeof(line), "\n.It Er %s\n",
		    err_word((enum err_code)i));
		at = expect_line(at, line);
	}
}

static void
test_options(void **state)
{
	const char *at = protocol.ptr;
	char line[128];

	(void)state;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		(void)snprintf(line, sizeof(line), "\n.It Cm %s=%s\n",
		    options[i].name, options[i].def);
		at = expect_line(at, line);
	}
}

static void
test_metrics(void **state)
{
	const char *at = protocol.ptr;
	char line[128];

	(void)state;
	for (size_t i = 0; i < METRIC_COUNT; i++) {
		(void)snprintf(line, sizeof(line), "\n.It Va %s\n",
		    metrics[i].name);
		at = expect_line(at, line);
	}
}

/* Every word of tick.h that begins so and is followed by `next` (0: by
 * anything) is a word of libtick.3. */
static void
expect_words(const char *prefix, char next)
{
	const char *p = header.ptr;
	size_t found = 0;

	while ((p = strstr(p, prefix)) != NULL) {
		char word[64];
		size_t n = 0;

		while (isalnum((unsigned char)p[n]) || p[n] == '_')
			n++;
		assert_true(n < sizeof(word));
		memcpy(word, p, n);
		word[n] = '\0';
		p += n;
		if (next != 0 && *p != next)
			continue;
		found++;
		if (strstr(library.ptr, word) == NULL)
			fail_msg("libtick.3 lacks %s", word);
	}
	assert_true(found > 10);
}

static void
test_library(void **state)
{
	(void)state;
	expect_words("tick_", '(');
	expect_words("TICK_ERR_", 0);
}

/* tickctl's own commands. */
static void
test_own_commands(void **state)
{
	char text[128];

	(void)state;
	for (size_t i = 0; i < OWN_COUNT; i++) {
		if (strcmp(own_commands[i].words, "rule list") == 0)
			continue; /* named where `rules` is */
		(void)snprintf(text, sizeof(text), "\n.It Cm %s",
		    own_commands[i].words);
		if (strstr(ctl.ptr, text) == NULL)
			fail_msg("tickctl.1 lacks:%s", text);
	}
}

/* Every kind of record and block has a paragraph with its name and number. */
static void
expect_format(const char *name, int number)
{
	char line[128];

	(void)snprintf(line, sizeof(line), "\n.It Cm %s No = %d\n", name,
	    number);
	if (strstr(log_format.ptr, line) == NULL)
		fail_msg("tickd-log.5 lacks:%s", line);
}

static void
test_log_format(void **state)
{
	(void)state;
	for (int type = RECORD_MARK; type < RECORD_TYPE_END; type++)
		expect_format(record_type_name((enum record_type)type), type);
	for (int kind = IMAGE_RULES; kind < IMAGE_KIND_END; kind++)
		expect_format(image_kind_name((enum image_kind)kind), kind);
	for (int kind = 1; kind < ENTRY_KIND_END; kind++)
		expect_format(entry_kind_word((enum entry_kind)kind), kind);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_roles),
		cmocka_unit_test(test_error_codes),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_metrics),
		cmocka_unit_test(test_library),
		cmocka_unit_test(test_own_commands),
		cmocka_unit_test(test_log_format),
	};

	return cmocka_run_group_tests_name("manual", tests, setup, teardown);
}
