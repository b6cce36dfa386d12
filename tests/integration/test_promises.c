/* What was answered OK holds: after kill -9, a stop at once and the end of a
 * drain. And no run that began vanishes with its server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "command.h"
#include "daemon.h"
#include "wire.h"

#define T_2100 "4102444800000000000"
#define STEPS_MAX 5

/*
 * A request and what its reply holds, which it is repeated for until it does;
 * with a `=` before it the reply begins so, and it is sent once. `<` instead of
 * a request: a line that comes by itself begins so.
 */
struct step_of {
	const char *request, *reply;
};

struct promise {
	enum cmd_id command;
	struct step_of before[STEPS_MAX]; /* the last one is what is promised */
	struct step_of after[STEPS_MAX];
};

#define LASTING "RULE SET r j shell \"sleep 1000\""
#define RUNNING                             \
	{                                   \
		"EXECUTIONS", " r running " \
	}

static const struct promise promises[] = {
	{ CMD_SET, { { "=SET j " T_2100 " PAYLOAD p", "OK" } },
	    { { "GET j", "OK planned " T_2100 },
		{ "INFO j", " payload p\n" } } },
	{ CMD_REMOVE, { { "=SET j " T_2100, "OK" }, { "=REMOVE j", "OK" } },
	    { { "GET j", "ERROR not_found" } } },
	{ CMD_RUN,
	    { { "=RULE SET r j direct /bin/true", "OK" },
		{ "=RULE PAUSE r", "OK" }, { "=SET j " T_2100, "OK" },
		{ "=RUN j", "OK" } },
	    { { "GET j", "OK triggered" }, { "INFO j", " hold paused\n" } } },
	{ CMD_CANCEL,
	    { { "=" LASTING, "OK" }, { "=SET j now", "OK" }, RUNNING,
		{ "=CANCEL j", "OK" } },
	    { { "GET j", "OK failed" }, { "HISTORY j", " cancelled " },
		{ "EXECUTIONS", "1 OK" } } },
	{ CMD_CANCEL, /* a recurring one */
	    { { "=" LASTING, "OK" }, { "=SET j now EVERY 3650d", "OK" },
		RUNNING, { "=CANCEL j FORCE", "OK" } },
	    { { "GET j", "OK planned" }, { "HISTORY j", " cancelled " } } },
	{ CMD_CANCEL, /* one that waits */
	    { { "=" LASTING, "OK" }, { "=RULE PAUSE r", "OK" },
		{ "=SET j now", "OK" }, { "INFO j", " hold paused\n" },
		{ "=CANCEL j", "OK" } },
	    { { "GET j", "OK failed" }, { "HISTORY j", " cancelled " } } },
	{ CMD_RULE_SET, { { "=RULE SET r j direct /bin/true", "OK" } },
	    { { "LISTRULES", "1 r j direct /bin/true\n" } } },
	{ CMD_RULE_OPTIONS,
	    { { "=" LASTING, "OK" }, { "=RULE OPTIONS r retries=7", "OK" } },
	    { { "RULE GET r", " retries 7\n" } } },
	{ CMD_RULE_PAUSE, { { "=" LASTING, "OK" }, { "=RULE PAUSE r", "OK" } },
	    { { "RULE GET r", " paused 1\n" } } },
	{ CMD_RULE_RESUME,
	    { { "=" LASTING, "OK" }, { "=RULE PAUSE r", "OK" },
		{ "=RULE RESUME r", "OK" } },
	    { { "RULE GET r", " paused 0\n" } } },
	{ CMD_REMOVERULE, { { "=" LASTING, "OK" }, { "=REMOVERULE r", "OK" } },
	    { { "RULE GET r", "ERROR not_found" } } },
	{ CMD_AGENT_STOP, /* by force, and its execution is lost */
	    { { "=RULE SET r j agent", "OK" },
		{ "=RULE OPTIONS r on_crash=fail", "OK" },
		{ "=AGENT ATTACH r", "OK 1" }, { "=SET j now", "OK" },
		{ "<", "RUN 1 j " } }, /* so its start is recorded */
	    { { "GET j", "OK failed" }, { "HISTORY j", " lost - 1 r " } } },
	{ CMD_AGENT_CLEANUP,
	    { { "=" LASTING, "OK" }, { "=SET j now", "OK" }, RUNNING,
		{ "=AGENT CLEANUP", "OK 1" } },
	    { { "GET j", "OK failed" }, { "HISTORY j", " cancelled " } } },
	{ CMD_DONE,
	    { { "=RULE SET r j agent", "OK" }, { "=AGENT ATTACH r", "OK 1" },
		{ "=SET j now", "OK" }, { "<", "RUN 1 j " },
		{ "=DONE 1 0", "OK" } },
	    { { "GET j", "OK executed" }, { "HISTORY j", " success 0 " } } },
	{ CMD_INTEGRATION_SET,
	    { { "=INTEGRATION SET i exec /bin/true", "OK" } },
	    { { "INTEGRATION LIST", "1 i " } } },
	{ CMD_INTEGRATION_REMOVE,
	    { { "=INTEGRATION SET i exec /bin/true", "OK" },
		{ "=INTEGRATION REMOVE i", "OK" } },
	    { { "INTEGRATION LIST", "1 OK" } } },
	{ CMD_ALERT_SET, { { "=ALERT SET cpu_warning 77", "OK" } },
	    { { "ALERT THRESHOLDS", " cpu_warning 77\n" } } },
	{ CMD_ALERT_ACK,
	    { { "=" LASTING, "OK" }, { "=RULE PAUSE r", "OK" },
		{ "=SET j now", "OK" },
		{ "ALERT LIST", "1 1 info system queue " },
		{ "=ALERT ACK 1", "OK" } },
	    { { "ALERT LIST", " 0 1 \"the number of due jobs" } } },
};

/* What they do ends with the server, or is a file of its own. */
static const enum cmd_id fleeting[] = { CMD_AGENT_ATTACH, CMD_BREAKER_OPEN,
	CMD_BREAKER_RESET, CMD_COMPRESS, CMD_BACKUP, CMD_RELOAD, CMD_SHUTDOWN };

#define N(a) (sizeof(a) / sizeof((a)[0]))

static bool
has_case(enum cmd_id id)
{
	for (size_t i = 0; i < N(promises); i++)
		if (promises[i].command == id)
			return true;
	for (size_t i = 0; i < N(fleeting); i++)
		if (fleeting[i] == id)
			return true;
	return false;
}

/* A command that changes something and is not tried here fails this. */
static void
test_every_command_is_tried(void **state)
{
	(void)state;
	for (int id = 0; id < CMD_COUNT; id++)
		if (commands[id].role >= ROLE_OPERATOR &&
		    !has_case((enum cmd_id)id))
			fail_msg("%s is tried by no case", commands[id].words);
}

static bool
holds(struct wire *w, const char *request, const char *text)
{
	char line[256];
	char *reply;
	bool found;

	(void)snprintf(line, sizeof(line), "1 %s", request);
	reply = wire_reply(w, line);
	found = strstr(reply, text) != NULL;
	free(reply);
	return found;
}

static void
take_step(struct wire *w, const struct step_of *step)
{
	char line[256], start[256];

	(void)snprintf(line, sizeof(line), "1 %s", step->request + 1);
	(void)snprintf(start, sizeof(start), "1 %s", step->reply);
	if (step->request[0] == '=')
		wire_ask_start(w, line, start);
	else if (step->request[0] == '<')
		wire_expect_start(w, start);
	else
		while (!holds(w, step->request, step->reply))
			;
}

static void
take_steps(struct wire *w, const struct step_of *steps)
{
	for (int i = 0; i < STEPS_MAX && steps[i].request != NULL; i++)
		take_step(w, &steps[i]);
}

/* No other alert than the one that is wanted. */
static const char *const calm[] = { "alerts.cpu_warning=100",
	"alerts.cpu_critical=100", "alerts.memory_warning=100",
	"alerts.memory_critical=100", "alerts.disk_warning=100",
	"alerts.disk_critical=100" };

enum end { BY_KILL, BY_STOP_NOW, BY_DRAIN, ENDS };

static void
end_server(struct daemon *d, struct wire *w, enum end end)
{
	if (end == BY_STOP_NOW)
		wire_send(w, "1 SHUTDOWN NOW\n");
	else if (end == BY_DRAIN)
		wire_send(w, "1 SHUTDOWN\n");
	else
		daemon_kill(d);
	while (wire_line_or_end(w) != NULL)
		;
	wire_close(w);
	if (end != BY_KILL)
		daemon_stop(d);
}

static void
keep(struct daemon *d, const struct promise *p, enum end end)
{
	struct wire w;

	daemon_set(d, "health.polling_interval=100ms");
	daemon_set(d, "alerts.raise_after=1");
	for (size_t i = 0; i < N(calm); i++)
		daemon_set(d, calm[i]);
	daemon_set(d, "alerts.queue_depth_info=0");
	daemon_set(d, "processor.drain_timeout=10ms");
	wire_start(&w, d);
	take_steps(&w, p->before);
	end_server(d, &w, end);
	wire_start(&w, d);
	take_steps(&w, p->after);
	/* And once more, when all of it is in the image. */
	wire_ask(&w, "1 COMPRESS", "1 OK");
	while (strcmp(wire_row(&w, "1 STAT", "compression"), "success") != 0)
		;
	end_server(d, &w, BY_KILL);
	wire_start(&w, d);
	take_steps(&w, p->after);
	end_server(d, &w, BY_STOP_NOW);
}

static void
test_promises(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(promises); i++)
		for (enum end end = BY_KILL; end < ENDS; end++) {
			void *d;

			assert_int_equal(daemon_setup(&d), 0);
			keep(d, &promises[i], end);
			assert_int_equal(daemon_teardown(&d), 0);
		}
}

/* A run stopped by its time-out is one, whatever ends its server then. */
static void
test_timeout(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	wire_shell_rule(&w, d, "r", "j", "trap '' TERM; sleep 1000");
	wire_ask(&w, "1 RULE OPTIONS r timeout=10ms kill_after=1000s", "1 OK");
	wire_ask(&w, "1 SET j now", "1 OK");
	while (!holds(&w, "EXECUTIONS", " r stopping "))
		;
	end_server(d, &w, BY_KILL);
	wire_start(&w, d);
	while (!holds(&w, "GET j", "OK failed"))
		;
	assert_true(holds(&w, "HISTORY j", " timeout - 1 r "));
	assert_false(holds(&w, "HISTORY j", " lost "));
	end_server(d, &w, BY_STOP_NOW);
}

static size_t
count(const char *text, const char *word)
{
	size_t n = 0;

	for (; (text = strstr(text, word)) != NULL; text++)
		n++;
	return n;
}

/* Runs of a job that was set anew meanwhile: each is lost, and each runs again
 * with the payload it had. */
static void
test_set_anew(void **state)
{
	struct daemon *d = *state;
	struct wire w;
	char *reply;

	wire_start(&w, d);
	wire_shell_rule(&w, d, "r", "j",
	    "echo $TICK_PAYLOAD $TICK_ATTEMPT >> ran; "
	    "test $TICK_ATTEMPT = 2 || sleep 1000");
	for (size_t i = 1; i <= 3; i++) {
		wire_sendf(&w, "1 SET j now PAYLOAD p%zu\n", i);
		wire_expect(&w, "1 OK");
		daemon_wait_lines(d, "ran", i);
	}
	wire_ask(&w, "1 SET j " T_2100, "1 OK");
	end_server(d, &w, BY_KILL);
	wire_start(&w, d);
	while (reply = wire_reply(&w, "1 HISTORY j"),
	    count(reply, " success 0 2 r ") < 3)
		free(reply);
	assert_int_equal(count(reply, " lost - 1 r "), 3);
	free(reply);
	wire_ask(&w, "1 GET j", "1 OK planned " T_2100);
	for (int i = 1; i <= 3; i++) {
		char line[16];

		(void)snprintf(line, sizeof(line), "p%d 2\n", i);
		assert_int_equal(count(daemon_content(d, "ran"), line), 1);
	}
	end_server(d, &w, BY_STOP_NOW);
}

/* Runs beside each other: each is lost, and each due time is run again. */
static void
test_beside(void **state)
{
	struct daemon *d = *state;
	size_t n_lost, n_again;
	struct wire w;
	char *reply;

	wire_start(&w, d);
	wire_shell_rule(&w, d, "r", "j",
	    "echo $TICK_ATTEMPT >> ran; test $TICK_ATTEMPT = 2 || sleep 1000");
	wire_ask(&w, "1 RULE OPTIONS r overlap=allow", "1 OK");
	wire_ask(&w, "1 SET j now EVERY 2s", "1 OK");
	daemon_wait_lines(d, "ran", 3);
	/* What was recorded before this is in the log, the third start too:
	 * or it could be no more than due. */
	wire_ask(&w, "1 SET other " T_2100, "1 OK");
	end_server(d, &w, BY_KILL);
	wire_start(&w, d);
	do {
		reply = wire_reply(&w, "1 HISTORY j");
		n_lost = count(reply, " lost - 1 r ");
		n_again = count(reply, " success 0 2 r ");
		free(reply);
	} while (n_lost < 3 || n_again < n_lost);
	assert_int_equal(n_again, n_lost);
	end_server(d, &w, BY_STOP_NOW);
}

/* What the attempt waits for. */
static void
let_go(const struct daemon *d, size_t attempt)
{
	char name[16];
	FILE *f;

	(void)snprintf(name, sizeof(name), "go%zu", attempt);
	f = fopen(daemon_path(d, name), "w");
	assert_non_null(f);
	assert_int_equal(fclose(f), 0);
}

/* A run that ends its server is not tried for ever. */
static void
test_deadly(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	wire_shell_rule(&w, d, "r", "j",
	    "echo >> ran; until [ -e go$TICK_ATTEMPT ]; do sleep 0.01; done; "
	    "kill -9 $PPID");
	wire_ask(&w, "1 RULE OPTIONS r retries=9", "1 OK");
	wire_ask(&w, "1 SET j now", "1 OK");
	for (size_t i = 1; i <= 2; i++) {
		daemon_wait_lines(d, "ran", i);
		/* With this its start is in the log, too. */
		wire_ask(&w, "1 SET other " T_2100, "1 OK");
		let_go(d, i);
		wire_expect_end(&w);
		wire_close(&w);
		daemon_kill(d);
		while (!daemon_try_start(d))
			;
		wire_open(&w, d->port);
	}
	while (!holds(&w, "GET j", "OK failed"))
		;
	assert_true(holds(&w, "HISTORY j", " lost - 2 r "));
	assert_true(holds(&w, "HISTORY j", " lost - 1 r "));
	while (!holds(&w, "ALERT LIST", " critical agent r "))
		;
	assert_true(
	    holds(&w, "ALERT LIST", "lost with the server twice in a row"));
	assert_string_equal(daemon_content(d, "ran"), "\n\n");
	end_server(d, &w, BY_STOP_NOW);
}

/* A run that is stopped with its server, on purpose, begins again however
 * often that happens. */
static void
test_stops_are_no_crashes(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	daemon_set(d, "processor.drain_timeout=10ms");
	wire_start(&w, d);
	wire_shell_rule(&w, d, "r", "j", "echo >> ran; exec sleep 1000");
	wire_ask(&w, "1 RULE OPTIONS r kill_after=0", "1 OK");
	wire_ask(&w, "1 SET j now", "1 OK");
	for (size_t i = 1; i <= 4; i++) {
		daemon_wait_lines(d, "ran", i);
		end_server(d, &w, i % 2 == 0 ? BY_STOP_NOW : BY_DRAIN);
		wire_start(&w, d);
	}
	daemon_wait_lines(d, "ran", 5);
	wire_ask_start(&w, "1 GET j", "1 OK triggered ");
	assert_true(holds(&w, "HISTORY j", " lost - 4 r "));
	end_server(d, &w, BY_STOP_NOW);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_command_is_tried),
		cmocka_unit_test(test_promises),
		DAEMON_TEST(test_timeout),
		DAEMON_TEST(test_set_anew),
		DAEMON_TEST(test_beside),
		DAEMON_TEST(test_deadly),
		DAEMON_TEST(test_stops_are_no_crashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
