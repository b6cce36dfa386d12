/* COMPRESS, BACKUP, retention, RELOAD and SHUTDOWN on a real server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon.h"
#include "prng.h"
#include "wire.h"

#define N_JOBS 500
#define ANSWER_MAX (256 * 1024)

/* Set all jobs, to times that tell the round. */
static void
set_jobs(struct wire *w, unsigned round)
{
	for (unsigned i = 0; i < N_JOBS; i++)
		wire_sendf(w, "s SET job.%04u %u00000000%04u PAYLOAD p%u\n", i,
		    3000000u + round, i, round);
	for (unsigned i = 0; i < N_JOBS; i++)
		wire_expect(w, "s OK");
}

/* The whole answer to a request, its lines one after the other. */
static void
ask(struct wire *w, const char *request, char answer[ANSWER_MAX])
{
	size_t n = 0;
	const char *line;

	wire_sendf(w, "%s\n", request);
	do {
		line = wire_line(w);
		n += (size_t)snprintf(answer + n, ANSWER_MAX - n, "%s\n", line);
		assert_true(n < ANSWER_MAX);
	} while (strcmp(line, "q OK") != 0);
}

static void
expect_same(struct wire *w, const char *before)
{
	static char now[ANSWER_MAX];

	ask(w, "q QUERY", now);
	assert_string_equal(now, before);
}

static long
size_of(const struct daemon *d, const char *name)
{
	struct stat st;

	return stat(daemon_path(d, name), &st) == 0 ? (long)st.st_size : 0;
}

static void
wait_compression(struct wire *w, const char *word)
{
	static char answer[ANSWER_MAX];

	do
		ask(w, "q STAT", answer);
	while (strstr(answer, "q compression running") != NULL);
	assert_non_null(strstr(answer, word));
}

static void
test_compress(void **state)
{
	static char before[ANSWER_MAX];
	struct daemon *d = *state;
	struct wire w;
	long bytes;

	wire_start(&w, d);
	for (unsigned round = 0; round < 40; round++)
		set_jobs(&w, round);
	wire_ask(&w, "r RULE SET r job. shell true", "r OK");
	wire_ask(&w, "x REMOVE job.0007", "x OK");
	ask(&w, "q QUERY", before);
	bytes = size_of(d, "logfile");
	wire_ask(&w, "c COMPRESS", "c OK");
	wait_compression(&w, "q compression success");
	assert_true(
	    size_of(d, "logfile") + size_of(d, "logfile.base") < bytes / 10);
	assert_int_equal(size_of(d, "logfile.old"), 0);
	expect_same(&w, before);
	daemon_kill(d);
	wire_close(&w);
	wire_start(&w, d);
	expect_same(&w, before);
	wire_ask(&w, "l LISTRULES", "l r job. shell true");
	wire_expect(&w, "l OK");
	wire_stop(&w, d);
}

/* The server is killed at any moment of a compression, again and again. */
static void
test_compress_killed(void **state)
{
	static char before[ANSWER_MAX];
	struct daemon *d = *state;
	struct prng random = { 7 };
	struct wire w;

	for (unsigned round = 0; round < 30; round++) {
		wire_start(&w, d);
		if (round > 0)
			expect_same(&w, before);
		set_jobs(&w, round);
		ask(&w, "q QUERY", before);
		wire_ask(&w, "c COMPRESS", "c OK");
		/* So many answers later it is somewhere in its course. */
		for (uint32_t i = prng_below(&random, 60); i > 0; i--)
			wire_ask(&w, "p PING", "p OK");
		daemon_kill(d);
		wire_close(&w);
	}
	wire_start(&w, d);
	expect_same(&w, before);
	wire_stop(&w, d);
}

/* What is in the way of the image leaves everything as it was. */
static void
test_compress_fails(void **state)
{
	static char before[ANSWER_MAX];
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	set_jobs(&w, 1);
	ask(&w, "q QUERY", before);
	assert_int_equal(mkdir(daemon_path(d, "logfile.base.tmp"), 0700), 0);
	wire_ask(&w, "c COMPRESS", "c OK");
	wait_compression(&w, "q compression failure");
	daemon_wait_log(d, "event=compression_failed");
	expect_same(&w, before);
	wire_ask(&w, "s SET job.0000 3000000100000000000", "s OK");
	ask(&w, "q QUERY", before);
	daemon_kill(d);
	wire_close(&w);
	wire_start(&w, d);
	expect_same(&w, before);
	assert_int_equal(rmdir(daemon_path(d, "logfile.base.tmp")), 0);
	assert_int_equal(kill(d->pid, SIGUSR1), 0);
	daemon_wait_log(d, "event=compressed");
	wait_compression(&w, "q compression success");
	expect_same(&w, before);
	wire_stop(&w, d);
}

static void
test_backup(void **state)
{
	static char before[ANSWER_MAX];
	struct daemon *d = *state, other;
	struct wire w, v;

	wire_start(&w, d);
	set_jobs(&w, 1);
	ask(&w, "q QUERY", before);
	wire_ask_start(&w, "b BACKUP relative", "b ERROR invalid ");
	wire_sendf(&w, "b BACKUP %s\n", daemon_path(d, "logfile.old"));
	wire_expect_start(&w, "b ERROR invalid ");
	daemon_init(&other);
	/* Not answered before the copy is there, nor overtaken. */
	wire_sendf(&w, "b BACKUP %s\ns SET job.0000 now\np PING\n",
	    daemon_path(&other, "logfile"));
	wire_expect_start(&w, "b OK ");
	wire_expect(&w, "s OK");
	wire_expect(&w, "p OK");
	wire_sendf(&w, "b BACKUP %s\n", daemon_path(&other, "logfile"));
	wire_expect_start(&w, "b ERROR exists ");
	wire_start(&v, &other);
	expect_same(&v, before);
	wire_stop(&v, &other);
	daemon_fini(&other);
	wire_stop(&w, d);
}

static void
test_retention(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	daemon_set(d, "database.retain=1s");
	wire_start(&w, d);
	wire_ask(&w, "r RULE SET r run. direct true", "r OK");
	wire_ask(&w, "s SET keep.planned +1h", "s OK");
	wire_ask(&w, "s SET run.succeeds now", "s OK");
	wire_ask(&w, "s SET fails.without.rule now", "s OK");
	wire_until(&w, "g GET run.succeeds", "g ERROR not_found");
	wire_until(&w, "g GET fails.without.rule", "g ERROR not_found");
	wire_ask_start(&w, "g GET keep.planned", "g OK planned ");
	wire_stop(&w, d);
	wire_start(&w, d);
	wire_ask_start(&w, "g GET run.succeeds", "g ERROR not_found");
	wire_stop(&w, d);
}

static void
write_tokens(const struct daemon *d, const char *text)
{
	FILE *f = fopen(daemon_path(d, "tokens"), "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(daemon_path(d, "tokens"), 0600), 0);
}

static void
test_reload(void **state)
{
	struct daemon *d = *state;
	struct wire admin, worker;

	write_tokens(d,
	    "[token.root]\nsecret = r\nnamespace = *\n"
	    "[token.app]\nsecret = a\nnamespace = app.\n");
	daemon_set(d, "controller.auth_file=tokens");
	wire_start(&admin, d);
	wire_ask(&admin, "AUTH r", "OK");
	wire_open(&worker, d->port);
	wire_ask(&worker, "AUTH a", "OK");
	wire_ask_start(&worker, "1 RELOAD", "1 ERROR denied");
	write_tokens(d,
	    "[token.root]\nsecret = new\nnamespace = *\n"
	    "[token.app]\nnamespace = app.\n");
	wire_ask_start(&admin, "1 RELOAD", "1 ERROR invalid ");
	wire_ask(&worker, "2 PING", "2 OK"); /* nothing has changed */
	write_tokens(d, "[token.root]\nsecret = new\nnamespace = *\n");
	wire_ask(&admin, "2 RELOAD", "2 OK");
	wire_expect_end(&worker); /* its token is gone */
	wire_ask(&admin, "3 WHOAMI", "3 OK root admin *");
	wire_close(&worker);
	wire_open(&worker, d->port);
	wire_ask_start(&worker, "AUTH r", "ERROR denied");
	wire_close(&worker);
	assert_int_equal(kill(d->pid, SIGHUP), 0);
	daemon_wait_log(d, "event=reloaded");
	wire_stop(&admin, d);
}

static void
test_shutdown(void **state)
{
	struct daemon *d = *state;
	struct wire w;
	int status;

	wire_start(&w, d);
	wire_ask_start(&w, "1 SHUTDOWN LATER", "1 ERROR invalid ");
	wire_ask(&w, "2 SHUTDOWN", "2 OK");
	wire_expect_end(&w);
	assert_int_equal(waitpid(d->pid, &status, 0), d->pid);
	d->pid = 0;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	wire_close(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DAEMON_TEST(test_compress),
		DAEMON_TEST(test_compress_killed),
		DAEMON_TEST(test_compress_fails),
		DAEMON_TEST(test_backup),
		DAEMON_TEST(test_retention),
		DAEMON_TEST(test_reload),
		DAEMON_TEST(test_shutdown),
	};

	return cmocka_run_group_tests_name("operations", tests, NULL, NULL);
}
