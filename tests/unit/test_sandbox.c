#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runs.h"
#include "sandbox.h"

/*
 * What a machine cannot do is skipped, with a word that says why: sandboxes
 * need a program that is installed and namespaces that are allowed.
 */

#define MAX_OUTPUT 8192

static struct {
	struct ev_loop *loop;
	struct sandboxes found;
	struct vspawner vspawner;
	struct child child;
	struct output output[OUTPUT_STREAMS];
	int exit;
	bool ended;
	unsigned files_before;
} t;

static void
on_ended(struct child *c, int exit, int signal)
{
	(void)c;
	(void)signal;
	t.exit = exit;
	t.ended = true;
}

static int
setup(void **state)
{
	sigset_t all;
	struct err e;

	(void)state;
	(void)alarm(300);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	memset(&t, 0, sizeof(t));
	t.files_before = runs_open_files();
	t.loop = ev_loop_new(0);
	assert_non_null(t.loop);
	sandboxes_find(&t.found, t.loop);
	(void)sigfillset(&all);
	assert_int_equal(sigprocmask(SIG_SETMASK, &all, NULL), 0);
	assert_int_equal(vspawner_init(&t.vspawner, &e), 0);
	t.child.output[OUTPUT_STDOUT] = &t.output[OUTPUT_STDOUT];
	t.child.output[OUTPUT_STDERR] = &t.output[OUTPUT_STDERR];
	t.child.max_output = MAX_OUTPUT;
	t.child.ended = on_ended;
	return 0;
}

static int
teardown(void **state)
{
	sigset_t none;

	(void)state;
	output_free(&t.output[OUTPUT_STDOUT]);
	output_free(&t.output[OUTPUT_STDERR]);
	vspawner_fini(&t.vspawner);
	sandboxes_free(&t.found);
	ev_loop_destroy(t.loop);
	/* What ends behind its parent's back becomes ours to wait for. */
	while (waitpid(-1, NULL, 0) > 0)
		;
	assert_int_equal(runs_open_files(), t.files_before);
	(void)sigemptyset(&none);
	assert_int_equal(sigprocmask(SIG_SETMASK, &none, NULL), 0);
	return 0;
}

static void
await_trials(void)
{
	for (int i = SANDBOX_BWRAP; i <= SANDBOX_KATA; i++)
		while (t.found.of[i].state == SANDBOX_TRIED)
			(void)ev_run(t.loop, EVRUN_ONCE);
}

static void
needs(int kind)
{
	await_trials();
	if (t.found.of[kind].state == SANDBOX_WORKS)
		return;
	print_message("SKIPPED, no %s on this machine: %s\n",
	    sandbox_word(kind), t.found.of[kind].detail);
	skip();
}

static void
start(int kind, int network, const char *command)
{
	struct rule_spec spec = { 0 };
	struct words argv = { 0 };
	char *envp[] = { (char[]){ "X=env" }, (char[]){ "PATH=/usr/bin:/bin" },
		NULL };
	struct vspawn_plan plan = { .envp = envp, .fd = { -1, -1, -1 } };
	struct vspawn_result result;
	char shell[] = "/bin/sh", option[] = "-c", text[512];

	spec.number[OPTION_sandbox] = kind;
	spec.number[OPTION_network] = network;
	assert_true(strlen(command) < sizeof(text));
	memcpy(text, command, strlen(command) + 1);
	t.child.term = sandbox_enter(&argv, &spec);
	words_add(&argv, shell);
	words_add(&argv, option);
	words_add(&argv, text);
	plan.argv = argv.at;
	t.ended = false;
	assert_int_equal(
	    child_start(&t.child, t.loop, &t.vspawner, &plan, &result), 0);
	words_free(&argv);
}

static void
await_end(void)
{
	while (!t.ended)
		(void)ev_run(t.loop, EVRUN_ONCE);
	output_settle(&t.output[OUTPUT_STDOUT]);
}

static void
await_output(void)
{
	while (t.output[OUTPUT_STDOUT].len == 0)
		(void)ev_run(t.loop, EVRUN_ONCE);
}

static void
expect(int exit, const char *text)
{
	const struct output *o = &t.output[OUTPUT_STDOUT];
	const struct output *said = &t.output[OUTPUT_STDERR];

	await_end();
	if (t.exit != exit ||
	    !slice_eq(slice_of(o->bytes, o->len), slice_str(text)))
		fail_msg("exit %d, \"%.*s\", not \"%s\"; stderr \"%.*s\"",
		    t.exit, (int)o->len, o->bytes, text, (int)said->len,
		    said->bytes);
}

/* --- what is there --- */

static void
tells_what_works(void **state)
{
	struct err e;

	(void)state;
	await_trials();
	for (int i = SANDBOX_NONE; i <= SANDBOX_KATA; i++) {
		const struct sandbox *x = &t.found.of[i];
		bool works = x->state == SANDBOX_WORKS;

		print_message("%s %d %s\n", sandbox_word(i), works, x->detail);
		assert_int_equal(sandbox_check(&t.found, i, &e),
		    works ? 0 : -1);
		assert_true(x->detail[0] != '\0');
	}
	assert_int_equal(t.found.of[SANDBOX_NONE].state, SANDBOX_WORKS);
	assert_int_not_equal(t.found.of[SANDBOX_KATA].state, SANDBOX_WORKS);
}

/* The first that PATH has is one that pretends. */
static void
tells_why_one_does_not_work(void **state)
{
	static const char script[] =
	    "#!/bin/sh\n[ \"$1\" != --version ] || { echo v1; exit; }\n"
	    "echo no namespaces >&2; echo more >&2; exit 1\n";
	char dir[] = "/tmp/test_sandbox.XXXXXX", file[64], path[4096];
	const char *set = getenv("PATH");
	char *old = strdup(set == NULL ? "/usr/bin:/bin" : set);
	struct err e;
	FILE *f;

	(void)state;
	assert_non_null(old);
	assert_non_null(mkdtemp(dir));
	(void)snprintf(file, sizeof(file), "%s/bwrap", dir);
	assert_non_null(f = fopen(file, "we"));
	assert_true(fputs(script, f) >= 0);
	assert_int_equal(fchmod(fileno(f), 0700), 0);
	assert_int_equal(fclose(f), 0);
	(void)snprintf(path, sizeof(path), "%s:%s", dir, old);
	assert_int_equal(setenv("PATH", path, 1), 0);
	sandboxes_free(&t.found);
	memset(&t.found, 0, sizeof(t.found));
	sandboxes_find(&t.found, t.loop);
	assert_int_equal(sandbox_check(&t.found, SANDBOX_BWRAP, &e), 0);
	await_trials();
	assert_int_equal(sandbox_check(&t.found, SANDBOX_BWRAP, &e), -1);
	(void)snprintf(path, sizeof(path),
	    "sandbox bwrap does not work here: %s: no namespaces", file);
	assert_string_equal(e.msg, path);
	assert_int_equal(setenv("PATH", old, 1), 0);
	free(old);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(rmdir(dir), 0);
}

/* --- what it isolates --- */

static void
encloses(int kind)
{
	char expected[64];

	needs(kind);
	start(kind, NETWORK_ON,
	    "touch /etc/tickd.test 2>/dev/null; echo $X $(id -u);"
	    "[ $(ls /proc | grep -c '^[0-9]*$') -lt 9 ] && echo few; exit 7");
	(void)snprintf(expected, sizeof(expected), "env %u\nfew\n",
	    (unsigned)geteuid());
	expect(7, expected);
	assert_int_equal(access("/etc/tickd.test", F_OK), -1);
}

static void
bwrap_encloses(void **state)
{
	(void)state;
	encloses(SANDBOX_BWRAP);
}

static void
runsc_encloses(void **state)
{
	(void)state;
	encloses(SANDBOX_RUNSC);
}

static void
bwrap_has_its_own_folders(void **state)
{
	(void)state;
	needs(SANDBOX_BWRAP);
	start(SANDBOX_BWRAP, NETWORK_ON,
	    "ls -A /tmp; touch /tmp/x && ls /tmp;"
	    "touch /usr/x 2>/dev/null || echo no;"
	    "mount -o remount,rw / 2>/dev/null || echo never;"
	    "grep CapEff /proc/self/status");
	expect(0, "x\nno\nnever\nCapEff:\t0000000000000000\n");
}

/* Of the network nothing but the loopback is left. */
static void
cuts_the_network(int kind)
{
	needs(kind);
	start(kind, NETWORK_OFF, "grep -c : /proc/net/dev");
	expect(0, "1\n");
}

static void
bwrap_cuts_the_network(void **state)
{
	(void)state;
	cuts_the_network(SANDBOX_BWRAP);
}

static void
runsc_cuts_the_network(void **state)
{
	(void)state;
	cuts_the_network(SANDBOX_RUNSC);
}

/* --- how it ends --- */

/* Nobody is left who was below this process. */
static void
expect_all_gone(void)
{
	while (waitpid(-1, NULL, 0) > 0)
		;
	assert_int_equal(errno, ECHILD);
}

static void
ask_to_end(int kind)
{
	needs(kind);
	start(kind, NETWORK_ON,
	    "trap 'echo bye; exit 4' TERM; echo ready; sleep 1000 & wait");
	await_output();
	child_stop(&t.child, false);
}

static void
bwrap_ends_in_good_order(void **state)
{
	(void)state;
	ask_to_end(SANDBOX_BWRAP);
	expect(4, "ready\nbye\n");
	expect_all_gone();
}

/* It passes signals on from a moment after the start on; before, it dies. */
static void
runsc_ends_in_good_order(void **state)
{
	(void)state;
	ask_to_end(SANDBOX_RUNSC);
	await_end();
	if (t.exit != 128 + SIGTERM)
		expect(4, "ready\nbye\n");
	expect_all_gone();
}

/* One that is deaf, and one that left the group. */
static void
leaves_nothing(int kind)
{
	needs(kind);
	start(kind, NETWORK_ON,
	    "trap '' TERM; setsid sleep 1000 & echo ready; sleep 1000; :");
	await_output();
	child_stop(&t.child, false);
	child_stop(&t.child, true);
	await_end();
	assert_int_equal(t.exit, 128 + SIGKILL);
	expect_all_gone();
}

static void
bwrap_leaves_nothing(void **state)
{
	(void)state;
	leaves_nothing(SANDBOX_BWRAP);
}

static void
runsc_leaves_nothing(void **state)
{
	(void)state;
	leaves_nothing(SANDBOX_RUNSC);
}

/* Before anything runs in it. */
static void
bwrap_is_stopped_at_once(void **state)
{
	(void)state;
	needs(SANDBOX_BWRAP);
	start(SANDBOX_BWRAP, NETWORK_ON, "sleep 1000");
	child_stop(&t.child, false);
	while (!t.ended) {
		(void)ev_run(t.loop, EVRUN_NOWAIT);
		child_stop(&t.child, false);
	}
	expect_all_gone();
}

/* --- as rules have it --- */

static void
runs_what_a_rule_says(void **state)
{
	const char *line =
	    "direct\tenv\t--\tenv=TICK_X=1\tsandbox=bwrap\tnetwork=off";
	const struct output *o;

	needs(SANDBOX_BWRAP);
	expect_all_gone(); /* of the trials */
	assert_int_equal(runs_setup(state), 0);
	o = &runs_run(line)->output[OUTPUT_STDOUT];
	assert_non_null(memmem(o->bytes, o->len, "\nTICK_X=1\n", 10));
	assert_non_null(
	    memmem(o->bytes, o->len, "\nTICK_RULE=test.rule\n", 21));
	runs_expect(runs_run("shell\tpwd; exit 3\t--\tsandbox=bwrap"
			     "\tdirectory=/usr\tsuccess=3"),
	    RUN_SUCCESS, 3, "/usr\n");
	runs_expect(runs_run("shell\tsleep 1000 & sleep 1000\t--\t"
			     "sandbox=bwrap\ttimeout=300ms"),
	    RUN_TIMEOUT, 128 + SIGTERM, "");
	expect_all_gone();
	assert_int_equal(runs_teardown(state), 0);
}

static void
refuses_what_no_sandbox_takes(void **state)
{
	await_trials();
	expect_all_gone();
	assert_int_equal(runs_setup(state), 0);
	runs_expect(runs_run("direct\ttrue\t--\tsandbox=kata"), RUN_FAILURE,
	    RUN_EXIT_NONE, "");
	runs_expect(runs_run("http\tGET\thttp://127.0.0.1:1/\t--\t"
			     "sandbox=bwrap"),
	    RUN_FAILURE, RUN_EXIT_NONE, "");
	assert_int_equal(runs_teardown(state), 0);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(tells_what_works),
		TEST(tells_why_one_does_not_work),
		TEST(bwrap_encloses),
		TEST(bwrap_has_its_own_folders),
		TEST(bwrap_cuts_the_network),
		TEST(bwrap_ends_in_good_order),
		TEST(bwrap_leaves_nothing),
		TEST(bwrap_is_stopped_at_once),
		TEST(runsc_encloses),
		TEST(runsc_cuts_the_network),
		TEST(runsc_ends_in_good_order),
		TEST(runsc_leaves_nothing),
		TEST(runs_what_a_rule_says),
		TEST(refuses_what_no_sandbox_takes),
	};

	return cmocka_run_group_tests_name("sandbox", tests, NULL, NULL);
}
