/* Who may come in, and what each may do: PROTOCOL section 4. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon.h"
#include "wire.h"

#define T_2100 "4102444800000000000"

static const char tokens[] = "[token.root]\n"
			     "secret = \"rootsecret\"\n"
			     "namespace = \"*\"\n"
			     "[token.team]\n"
			     "secret = \"teamsecret\"\n"
			     "namespace = \"team.\"\n"
			     "[token.viewer]\n"
			     "secret = \"viewsecret\"\n"
			     "namespace = \"team.\"\n"
			     "role = \"reader\"\n"
			     "[token.shellonly]\n"
			     "secret = \"shellsecret\"\n"
			     "namespace = \"team.\"\n"
			     "runners = [\"shell\"]\n"
			     "[token.agentonly]\n"
			     "secret = \"agentsecret\"\n"
			     "namespace = \"team.\"\n"
			     "runners = [\"agent\"]\n";

static void
write_tokens(const struct daemon *d, const char *text)
{
	int fd = open(daemon_path(d, "tokens"),
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
}

static void
start_with_tokens(struct daemon *d)
{
	write_tokens(d, tokens);
	daemon_set(d, "controller.auth_file=tokens");
	daemon_start(d);
}

static void
open_as(struct wire *w, const struct daemon *d, const char *secret)
{
	wire_open(w, d->port);
	wire_sendf(w, "AUTH %s\n", secret);
	wire_expect(w, "OK");
}

static void
test_forms(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	start_with_tokens(d);
	open_as(&w, d, "rootsecret");
	wire_ask(&w, "1 WHOAMI", "1 OK root admin *");
	wire_ask_start(&w, "1 AUTH rootsecret", "1 ERROR conflict ");
	wire_send(&w, "auth rootsecret\n");
	wire_expect_start(&w, "ERROR conflict ");
	assert_int_equal(wire_row_u64(&w, "1 STAT", "auth_enabled"), 1);
	wire_close(&w);

	wire_open(&w, d->port);
	wire_ask(&w, "x auth teamsecret", "x OK");
	wire_ask(&w, "1 WHOAMI", "1 OK team operator team.");
	wire_close(&w);

	wire_open(&w, d->port);
	wire_send(&w, "AUTH viewsecret\n1 WHOAMI\n");
	wire_expect(&w, "OK");
	wire_expect(&w, "1 OK viewer reader team.");
	wire_stop(&w, d);
}

static void
test_denied_and_closed(void **state)
{
	/* Sent first on a connection, and the last line that comes back. */
	static const char *const first[][2] = {
		{ "AUTH wrong\n1 PING\n", "ERROR denied " },
		{ "AUTH rootsecretx\n", "ERROR denied " },
		{ "AUTH \"\"\n", "ERROR denied " },
		{ "7 AUTH rootsecre\n", "7 ERROR denied " },
		{ "1 PING\n2 PING\n", "1 ERROR denied " },
		{ "1 SET a +1h\nAUTH rootsecret\n", "1 ERROR denied " },
		{ "1 NOSUCH\n", "1 ERROR denied " },
	};
	struct daemon *d = *state;
	struct wire w;
	size_t i;

	start_with_tokens(d);
	for (i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		wire_open(&w, d->port);
		wire_send(&w, first[i][0]);
		wire_expect_start(&w, first[i][1]);
		wire_expect_end(&w);
		wire_close(&w);
	}
	open_as(&w, d, "rootsecret");
	wire_ask_start(&w, "1 GET a", "1 ERROR not_found ");
	wire_stop(&w, d);
}

static unsigned
count_text(const char *in, const char *text)
{
	unsigned n = 0;

	for (; (in = strstr(in, text)) != NULL; in++)
		n++;
	return n;
}

/* One line a second tells of an address that goes on failing; the answers
 * come all the same, however late. */
static void
test_many_failures(void **state)
{
	struct daemon *d = *state;
	unsigned n_lines;
	struct wire w;

	start_with_tokens(d);
	for (int i = 0; i < 25; i++) {
		wire_open(&w, d->port);
		wire_ask_start(&w, i % 2 == 0 ? "AUTH wrong" : "1 PING",
		    i % 2 == 0 ? "ERROR denied " : "1 ERROR denied ");
		wire_expect_end(&w);
		wire_close(&w);
	}
	n_lines = count_text(daemon_log(d), "event=auth_failed") +
	    count_text(daemon_log(d), "event=auth_missing");
	assert_in_range(n_lines, 1, 24);
	assert_non_null(strstr(daemon_log(d), "address=127.0.0.1:"));
	open_as(&w, d, "rootsecret");
	assert_int_equal(
	    wire_row_u64(&w, "1 HEALTH PROTOCOL", "auth_failures_total"), 25);
	wire_stop(&w, d);
}

/* Who has not authenticated cannot have much kept. */
static void
test_half_a_line_before_auth(void **state)
{
	static char line[5000];
	struct daemon *d = *state;
	struct wire w;

	start_with_tokens(d);
	wire_open(&w, d->port);
	memset(line, 'x', sizeof(line));
	wire_send_bytes(&w, line, sizeof(line));
	wire_expect_start(&w, "- ERROR denied ");
	wire_close(&w);

	/* After AUTH the same is a line like others, also in one write. */
	wire_open(&w, d->port);
	wire_send(&w, "AUTH rootsecret\n1 PING ");
	wire_send_bytes(&w, line, sizeof(line));
	wire_send(&w, "\n2 PING\n");
	wire_expect(&w, "OK");
	wire_expect_start(&w, "1 OK xxxx");
	wire_expect(&w, "2 OK");
	wire_stop(&w, d);
}

/* Before AUTH a line may not be as long as after it has to be. */
static void
test_long_line_before_auth(void **state)
{
	static char line[200000];
	struct daemon *d = *state;
	struct wire w;

	start_with_tokens(d);
	wire_open(&w, d->port);
	memset(line, 'x', sizeof(line) - 2);
	line[1] = ' ';
	line[sizeof(line) - 2] = '\n';
	/* The server may close before it has read all of it. */
	(void)!write(w.fd, line, 60000);
	(void)!write(w.fd, "\n", 1);
	wire_expect_start(&w, "x ERROR ");
	wire_expect_end(&w);
	wire_close(&w);
	daemon_stop(d);
}

static void
test_timeout(void **state)
{
	struct daemon *d = *state;
	struct wire idle, w;

	daemon_set(d, "controller.auth_timeout=200ms");
	start_with_tokens(d);
	wire_open(&idle, d->port);
	wire_send(&idle, "AUTH rootsec");
	open_as(&w, d, "rootsecret");
	wire_expect_end(&idle);
	wire_close(&idle);
	wire_ask(&w, "1 PING", "1 OK"); /* who is in stays in */
	wire_stop(&w, d);
}

static void
test_namespaces(void **state)
{
	static const struct step as_root[] = {
		{ "1 SET team.1 " T_2100, "1 OK" },
		{ "1 SET other.1 " T_2100, "1 OK" },
		{ "1 RULE SET other.r other. direct /bin/true", "1 OK" },
		{ "1 RULE SET team.mixed other. direct /bin/true", "1 OK" },
		{ 0 },
	};
	static const struct step as_team[] = {
		{ "1 SET team.2 " T_2100, "1 OK" },
		{ "1 SET other.2 " T_2100, "1 ERROR denied ..." },
		{ "1 SET team " T_2100, "1 ERROR denied ..." },
		{ "1 GET other.1", "1 ERROR denied ..." },
		{ "1 GET other.nosuch", "1 ERROR denied ..." },
		{ "1 INFO other.1", "1 ERROR denied ..." },
		{ "1 REMOVE other.1", "1 ERROR denied ..." },
		{ "1 RUN other.1", "1 ERROR denied ..." },
		{ "1 CANCEL other.1", "1 ERROR denied ..." },
		{ "1 HISTORY other.1", "1 ERROR denied ..." },
		{ "1 OUTPUT other.1", "1 ERROR denied ..." },
		{ "1 QUERY",
		    "1 team.1 planned " T_2100 "\n"
		    "1 team.2 planned " T_2100 "\n1 OK" },
		{ "1 QUERY t",
		    "1 team.1 planned " T_2100 "\n"
		    "1 team.2 planned " T_2100 "\n1 OK" },
		{ "1 QUERY other", "1 OK" },
		{ "1 QUERY \"\" AFTER a",
		    "1 team.1 planned " T_2100 "\n"
		    "1 team.2 planned " T_2100 "\n1 OK" },
		{ "1 RULE SET team.r team.x direct /bin/true", "1 OK" },
		{ "1 RULE SET team.r2 t direct /bin/true",
		    "1 ERROR denied ..." },
		{ "1 RULE SET x team. direct /bin/true", "1 ERROR denied ..." },
		{ "1 RULE SET team.mixed team. direct /bin/true",
		    "1 ERROR denied ..." },
		{ "1 LISTRULES", "1 team.r team.x direct /bin/true\n1 OK" },
		{ "1 RULE GET other.r", "1 ERROR denied ..." },
		{ "1 RULE PAUSE other.r", "1 ERROR denied ..." },
		{ "1 REMOVERULE other.r", "1 ERROR denied ..." },
		{ "1 RULE PAUSE team.mixed", "1 ERROR denied ..." },
		{ "1 REMOVERULE team.mixed", "1 ERROR denied ..." },
		{ "1 REMOVE team.2", "1 OK" },
		{ 0 },
	};
	struct daemon *d = *state;
	struct wire w;

	start_with_tokens(d);
	open_as(&w, d, "rootsecret");
	wire_play(&w, as_root);
	wire_close(&w);
	open_as(&w, d, "teamsecret");
	wire_play(&w, as_team);
	assert_int_equal(wire_row_u64(&w, "1 STAT", "jobs_total"), 2);
	wire_stop(&w, d);
}

static void
test_executions_and_options(void **state)
{
	static const struct step as_root[] = {
		{ "1 RULE SET other.r other. direct /bin/true", "1 OK" },
		{ "1 RULE SET team.r team. direct /bin/true", "1 OK" },
		{ "1 RULE PAUSE other.r", "1 OK" },
		{ "1 RULE PAUSE team.r", "1 OK" },
		{ "1 RULE OPTIONS team.r secret=A=other.db",
		    "1 ERROR invalid ..." },
		{ "1 RULE OPTIONS team.r secret=A=team.db level=high", "1 OK" },
		{ "1 SET other.1 now", "1 OK" },
		{ "1 SET team.1 now", "1 OK" },
		{ 0 },
	};
	static const struct step as_team[] = {
		{ "1 EXECUTIONS", "1 2 team.1 team.r queued 1 - 0 0 0\n1 OK" },
		{ "1 EXECUTIONS t",
		    "1 2 team.1 team.r queued 1 - 0 0 0\n1 OK" },
		{ "1 EXECUTIONS other.", "1 OK" },
		{ "1 RULE OPTIONS team.r retries=1", "1 OK" },
		{ "1 RULE OPTIONS team.r retries=2 approval=required",
		    "1 ERROR denied ..." },
		{ "1 RULE OPTIONS team.r secret=", "1 ERROR denied ..." },
		{ "1 RULE OPTIONS other.r retries=1", "1 ERROR denied ..." },
		{ "1 RULE OPTIONS other.r", "1 ERROR denied ..." },
		{ 0 },
	};
	struct daemon *d = *state;
	struct wire w;

	start_with_tokens(d);
	open_as(&w, d, "rootsecret");
	wire_play(&w, as_root);
	while (wire_row_u64(&w, "1 STAT", "executions_pending") != 2)
		;
	wire_close(&w);
	open_as(&w, d, "teamsecret");
	wire_play(&w, as_team);
	assert_int_equal(wire_row_u64(&w, "1 RULE GET team.r", "retries"), 1);
	wire_stop(&w, d);
}

static void
test_reader(void **state)
{
	static const struct step steps[] = {
		{ "1 SET team.1 +1h", "1 ERROR denied ..." },
		{ "1 REMOVE team.1", "1 ERROR denied ..." },
		{ "1 RUN team.1", "1 ERROR denied ..." },
		{ "1 CANCEL team.1", "1 ERROR denied ..." },
		{ "1 RULE OPTIONS team.r retries=1", "1 ERROR denied ..." },
		{ "1 RULE SET team.r team. direct /x", "1 ERROR denied ..." },
		{ "1 RULE PAUSE team.r", "1 ERROR denied ..." },
		{ "1 RULE RESUME team.r", "1 ERROR denied ..." },
		{ "1 REMOVERULE team.r", "1 ERROR denied ..." },
		{ "1 GET team.1", "1 ERROR not_found ..." },
		{ "1 QUERY", "1 OK" },
		{ "1 LISTRULES", "1 OK" },
		{ "1 PING", "1 OK" },
		{ "1 HELP PING", "1 PING ..." },
		{ 0 },
	};
	struct daemon *d = *state;
	struct wire w;

	start_with_tokens(d);
	open_as(&w, d, "viewsecret");
	wire_play(&w, steps);
	wire_stop(&w, d);
}

/* Runners bound the rules a token may make, and those whose options it may
 * change; which rules run, pause and go is a matter of the namespace. */
static void
test_runners(void **state)
{
	static const struct step as_root[] = {
		{ "1 RULE SET team.d team.d direct /bin/true", "1 OK" },
		{ "1 RULE SET team.e team.e agent /bin/cat", "1 OK" },
		{ "1 RULE OPTIONS team.d env=A=1", "1 OK" },
		{ 0 },
	};
	static const struct step as_shell[] = {
		{ "1 RULE SET team.a team. shell true", "1 OK" },
		{ "1 RULE SET team.b team. direct /bin/true",
		    "1 ERROR denied token shellonly may not use runner "
		    "direct" },
		{ "1 RULE SET team.c team. http GET http://h/",
		    "1 ERROR denied token shellonly may not use runner http" },
		{ "1 RULE OPTIONS team.a env=BASH_ENV=/tmp/x", "1 OK" },
		{ "1 RULE OPTIONS team.d env=BASH_ENV=/tmp/x",
		    "1 ERROR denied token shellonly may not use runner "
		    "direct" },
		{ "1 RULE OPTIONS team.d retries=1",
		    "1 ERROR denied token shellonly may not use runner "
		    "direct" },
		{ "1 RULE SET team.d team.d shell true",
		    "1 ERROR denied the rule has runner direct: token "
		    "shellonly may not use runner direct" },
		{ "1 RULE OPTIONS team.d", "1 timeout 0..." },
		{ "1 RULE PAUSE team.d", "1 OK" },
		{ "1 RULE RESUME team.d", "1 OK" },
		{ "1 REMOVERULE team.d", "1 OK" },
		{ "1 RULE SET team.d team.d shell true", "1 OK" },
		{ 0 },
	};
	static const struct step as_agents[] = {
		{ "1 RULE SET team.f team. agent", "1 OK" },
		{ "1 RULE OPTIONS team.f concurrency=2", "1 OK" },
		{ "1 RULE SET team.f team. agent /bin/sh -c id",
		    "1 ERROR denied token agentonly may not use runner "
		    "direct, which agent with an executable needs" },
		{ "1 RULE OPTIONS team.e env=BASH_ENV=/tmp/x",
		    "1 ERROR denied token agentonly may not use runner "
		    "direct, which agent with an executable needs" },
		{ 0 },
	};
	struct daemon *d = *state;
	struct wire w;

	start_with_tokens(d);
	open_as(&w, d, "rootsecret");
	wire_play(&w, as_root);
	wire_close(&w);
	open_as(&w, d, "shellsecret");
	wire_play(&w, as_shell);
	wire_close(&w);
	open_as(&w, d, "agentsecret");
	wire_play(&w, as_agents);
	wire_stop(&w, d);
}

static void
test_bad_token_files(void **state)
{
	static const char *const files[] = {
		"[token.a]\nsecret = x\n",
		"[token.a]\nnamespace = a.\n",
		"[token.a]\nsecret = x\nnamespace = \"\"\n",
		"[token.a]\nsecret = x\nnamespace = a.\nrole = boss\n",
		"[token.a]\nsecret = x\nnamespace = a.\nrole = admin\n",
		"[token.a]\nsecret = x\nnamespace = a.\nnosuch = 1\n",
		("[token.a]\nsecret = x\nnamespace = a.\n"
		 "[token.b]\nsecret = x\nnamespace = b.\n"),
		"[nosuch]\nsecret = x\n",
		"secret = x\n",
	};
	struct daemon *d = *state;
	size_t i;

	daemon_set(d, "controller.auth_file=tokens");
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		write_tokens(d, files[i]);
		if (daemon_start_refused(d) != 2 ||
		    strstr(daemon_log(d), "tokens") == NULL)
			fail_msg("exit %d for:\n%s%s", d->exit_status, files[i],
			    daemon_log(d));
	}
}

/* Events are of what the client may see. */
static void
test_watch(void **state)
{
	struct daemon *d = *state;
	struct wire root, team;

	start_with_tokens(d);
	open_as(&root, d, "rootsecret");
	open_as(&team, d, "viewsecret");
	wire_ask(&team, "w WATCH jobs", "w OK");
	wire_ask(&root, "1 SET other.a " T_2100, "1 OK");
	wire_ask(&root, "1 SET team.a " T_2100, "1 OK");
	assert_non_null(strstr(wire_line(&team), " team.a planned " T_2100));
	wire_ask(&team, "u UNWATCH w", "u OK");
	wire_close(&team);
	wire_close(&root);
	daemon_stop(d);
}

/* A list that is under way does not become that of a client who sees all. */
static void
test_revoked_in_a_list(void **state)
{
	static char long_word[60001];
	struct daemon *d = *state;
	struct wire root, w;
	const char *line;

	start_with_tokens(d);
	memset(long_word, 'x', sizeof(long_word) - 1);
	open_as(&root, d, "rootsecret");
	for (int i = 0; i < 120; i++) {
		wire_sendf(&root, "1 RULE SET team.%d team. shell %s\n", i,
		    long_word);
		wire_expect(&root, "1 OK");
		wire_sendf(&root, "1 RULE SET team.%dx other. shell true\n", i);
		wire_expect(&root, "1 OK");
	}
	open_as(&w, d, "viewsecret");
	wire_send(&w, "1 LISTRULES\n");
	wire_expect_start(&w, "1 team.0 team. shell xxx");
	write_tokens(d,
	    "[token.root]\n"
	    "secret = \"rootsecret\"\n"
	    "namespace = \"*\"\n");
	wire_ask(&root, "1 RELOAD", "1 OK");
	while ((line = wire_line_or_end(&w)) != NULL)
		assert_null(strstr(line, "other."));
	wire_close(&w);
	wire_stop(&root, d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DAEMON_TEST(test_forms),
		DAEMON_TEST(test_denied_and_closed),
		DAEMON_TEST(test_long_line_before_auth),
		DAEMON_TEST(test_many_failures),
		DAEMON_TEST(test_half_a_line_before_auth),
		DAEMON_TEST(test_timeout),
		DAEMON_TEST(test_revoked_in_a_list),
		DAEMON_TEST(test_namespaces),
		DAEMON_TEST(test_executions_and_options),
		DAEMON_TEST(test_reader),
		DAEMON_TEST(test_runners),
		DAEMON_TEST(test_bad_token_files),
		DAEMON_TEST(test_watch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
