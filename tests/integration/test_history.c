/* HEALTH HISTORY on a real server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon.h"
#include "wire.h"

/* Of the rows of a reply: the sums of the columns total and failed. Midnight
 * may pass during a test, so nothing rests on how many rows. */
struct sums {
	unsigned rows;
	unsigned long total, failed;
};

/* The next word of a row as a number. */
static unsigned long
number(char **save)
{
	char *word = strtok_r(NULL, " ", save), *end;
	unsigned long n;

	assert_non_null(word);
	n = strtoul(word, &end, 10);
	assert_true(*end == '\0');
	return n;
}

static void
add_row(struct sums *s, char *line, unsigned long *before_ns)
{
	char *save, *status;
	unsigned long begin_ns, total, completed, failed;
	double score;

	assert_string_equal(strtok_r(line, " ", &save), "h");
	begin_ns = number(&save);
	score = strtod(strtok_r(NULL, " ", &save), NULL);
	status = strtok_r(NULL, " ", &save);
	total = number(&save);
	completed = number(&save);
	failed = number(&save);
	assert_true(begin_ns > *before_ns && score >= 0 && score <= 1);
	assert_string_equal(status,
	    score >= 0.9       ? "healthy"
		: score >= 0.5 ? "degraded"
			       : "critical");
	assert_int_equal(total, completed + failed);
	*before_ns = begin_ns;
	s->rows++;
	s->total += total;
	s->failed += failed;
}

static struct sums
sum(struct wire *w, const char *request)
{
	struct sums s = { 0 };
	char *reply = wire_reply(w, request);
	char *save, *line = strtok_r(reply, "\n", &save);
	unsigned long before_ns = 0;

	for (; line != NULL && strcmp(line, "h OK") != 0;
	     line = strtok_r(NULL, "\n", &save))
		add_row(&s, line, &before_ns);
	assert_non_null(line);
	free(reply);
	return s;
}

static void
expect_sums(struct wire *w, const char *request, unsigned long total,
    unsigned long failed)
{
	struct sums s = sum(w, request);

	assert_int_equal(s.total, total);
	assert_int_equal(s.failed, failed);
	assert_true(s.rows >= 1);
}

/* Run ten jobs, of which one fails, and wait until there have been so many. */
static void
run_ten(struct wire *w, const char *round, unsigned long total)
{
	for (int i = 0; i < 10; i++) {
		wire_sendf(w, "s SET j.%s.%d now\n", round, i);
		wire_expect(w, "s OK");
	}
	while (sum(w, "h HEALTH HISTORY agent r").total < total)
		;
}

static void
test_outlives_restarts(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	wire_shell_rule(&w, d, "r", "j.",
	    "case $TICK_JOB in *7) exit 3;; esac");
	wire_ask(&w, "o RULE OPTIONS r breaker=off", "o OK");
	expect_sums(&w, "h HEALTH HISTORY agent r", 0, 0);
	run_ten(&w, "one", 10);
	expect_sums(&w, "h HEALTH HISTORY agent r", 10, 1);
	expect_sums(&w, "h HEALTH HISTORY agent r STEP hour DAYS 1", 10, 1);
	wire_stop(&w, d); /* which saves it */

	wire_start(&w, d);
	expect_sums(&w, "h HEALTH HISTORY agent r", 10, 1);
	run_ten(&w, "two", 20);
	wire_ask(&w, "c COMPRESS", "c OK");
	wire_until(&w, "t STAT", "t uptime_ns ");
	wire_stop(&w, d);

	wire_start(&w, d);
	wire_ask(&w, "c COMPRESS", "c OK");
	expect_sums(&w, "h HEALTH HISTORY agent r DAYS 400", 20, 2);
	expect_sums(&w, "h HEALTH HISTORY agent r STEP hour", 20, 2);
	wire_stop(&w, d);
	daemon_start(d);
	wire_open(&w, d->port);
	expect_sums(&w, "h HEALTH HISTORY agent r", 20, 2);
	/* It is kept for the next rule of that name. */
	wire_ask(&w, "r REMOVERULE r", "r OK");
	wire_ask_start(&w, "h HEALTH HISTORY agent r", "h ERROR not_found ");
	wire_ask(&w, "r RULE SET r k. shell true", "r OK");
	expect_sums(&w, "h HEALTH HISTORY agent r", 20, 2);
	wire_stop(&w, d);
}

static void
test_requests(void **state)
{
	static const struct step steps[] = {
		{ "h HEALTH HISTORY", "h ERROR syntax ..." },
		{ "h HEALTH HISTORY agent", "h ERROR syntax ..." },
		{ "h HEALTH HISTORY agent r DAYS", "h ERROR syntax ..." },
		{ "h HEALTH HISTORY agent r DAYS 1 STEP day x",
		    "h ERROR syntax ..." },
		{ "h HEALTH HISTORY agent r DAYS 0", "h ERROR invalid ..." },
		{ "h HEALTH HISTORY agent r DAYS 401", "h ERROR invalid ..." },
		{ "h HEALTH HISTORY agent r DAYS x", "h ERROR invalid ..." },
		{ "h HEALTH HISTORY agent r STEP week", "h ERROR invalid ..." },
		{ "h HEALTH HISTORY agent r HOURS 2", "h ERROR invalid ..." },
		{ "h HEALTH HISTORY job r", "h ERROR invalid ..." },
		{ "h HEALTH HISTORY system r", "h ERROR invalid ..." },
		{ "h HEALTH HISTORY agent r", "h ERROR not_found ..." },
		{ "h HEALTH HISTORY integration i", "h ERROR not_found ..." },
		{ NULL, NULL },
	};
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	wire_play(&w, steps);
	wire_ask_start(&w, "h HEALTH HISTORY system -", "h 1");
	wire_expect(&w, "h OK");
	wire_sendf(&w, "b HEALTH BACKGROUND\n");
	while (strncmp(wire_line(&w), "b history_rollup idle 0 0 ", 26) != 0)
		;
	while (strcmp(wire_line(&w), "b OK") != 0)
		;
	wire_stop(&w, d);
}

static void
test_namespaces(void **state)
{
	static const char tokens[] = "[token.root]\nsecret = \"root\"\n"
				     "namespace = \"*\"\n"
				     "[token.team]\nsecret = \"team\"\n"
				     "namespace = \"team.\"\n"
				     "role = \"reader\"\n";
	struct daemon *d = *state;
	struct wire w;
	int fd = open(daemon_path(d, "tokens"), O_WRONLY | O_CREAT | O_CLOEXEC,
	    0600);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, tokens, sizeof(tokens) - 1),
	    sizeof(tokens) - 1);
	(void)close(fd);
	daemon_set(d, "controller.auth_file=tokens");
	wire_start(&w, d);
	wire_ask(&w, "a AUTH root", "a OK");
	wire_ask(&w, "r RULE SET team.r team. shell true", "r OK");
	wire_ask(&w, "r RULE SET team.wide \"\" shell true", "r OK");
	wire_ask(&w, "r RULE SET other other. shell true", "r OK");
	wire_close(&w);
	wire_open(&w, d->port);
	wire_ask(&w, "a AUTH team", "a OK");
	expect_sums(&w, "h HEALTH HISTORY agent team.r", 0, 0);
	wire_ask_start(&w, "h HEALTH HISTORY agent team.wide",
	    "h ERROR denied ");
	wire_ask_start(&w, "h HEALTH HISTORY agent other", "h ERROR denied ");
	wire_ask_start(&w, "h HEALTH HISTORY agent none", "h ERROR denied ");
	wire_ask_start(&w, "h HEALTH HISTORY agent team.none",
	    "h ERROR not_found ");
	wire_stop(&w, d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DAEMON_TEST(test_outlives_restarts),
		DAEMON_TEST(test_requests),
		DAEMON_TEST(test_namespaces),
	};

	return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
