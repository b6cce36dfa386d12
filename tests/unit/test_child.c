#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "runs.h"

#define MAX_OUTPUT 8192
#define NOBODY 65534
#define DESCRIPTORS_NEEDED 5 /* two pipes and the pidfd */

static struct {
	struct ev_loop *loop;
	struct vspawner vspawner;
	struct child child;
	struct output output[OUTPUT_STREAMS];
	struct vspawn_plan plan;
	struct vspawn_result result;
	int exit, signal;
	unsigned n_ended;
	unsigned files_before;
} t;

static char *no_environment[] = { NULL };

static void
on_ended(struct child *c, int exit, int signal)
{
	assert_ptr_equal(c, &t.child);
	t.exit = exit;
	t.signal = signal;
	t.n_ended++;
	ev_break(t.loop, EVBREAK_ALL);
}

static int
setup(void **state)
{
	struct err e;
	sigset_t all;

	(void)state;
	(void)alarm(300);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	(void)sigfillset(&all);
	(void)sigdelset(&all, SIGALRM);
	assert_int_equal(sigprocmask(SIG_SETMASK, &all, NULL), 0);
	memset(&t, 0, sizeof(t));
	t.files_before = runs_open_files();
	t.loop = ev_loop_new(0);
	assert_non_null(t.loop);
	assert_int_equal(vspawner_init(&t.vspawner, &e), 0);
	t.child.output[OUTPUT_STDOUT] = &t.output[OUTPUT_STDOUT];
	t.child.output[OUTPUT_STDERR] = &t.output[OUTPUT_STDERR];
	t.child.max_output = MAX_OUTPUT;
	t.child.ended = on_ended;
	t.plan.envp = no_environment;
	t.plan.fd[0] = -1;
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
	ev_loop_destroy(t.loop);
	assert_int_equal(runs_open_files(), t.files_before);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	(void)sigemptyset(&none);
	assert_int_equal(sigprocmask(SIG_SETMASK, &none, NULL), 0);
	return 0;
}

static int
try_start(char *const *argv)
{
	t.plan.argv = argv;
	t.n_ended = 0;
	return child_start(&t.child, t.loop, &t.vspawner, &t.plan, &t.result);
}

static int
try_shell(const char *command)
{
	char path[] = "/bin/sh", option[] = "-c", text[512];
	char *argv[] = { path, option, text, NULL };

	assert_true(strlen(command) < sizeof(text));
	memcpy(text, command, strlen(command) + 1);
	return try_start(argv);
}

static void
start_shell(const char *command)
{
	assert_int_equal(try_shell(command), 0);
	assert_true(t.child.pid > 1);
}

static void
await_end(void)
{
	while (t.n_ended == 0)
		(void)ev_run(t.loop, 0);
	assert_int_equal(t.n_ended, 1);
	output_settle(&t.output[OUTPUT_STDOUT]);
	output_settle(&t.output[OUTPUT_STDERR]);
}

static void
await_output(void)
{
	while (t.output[OUTPUT_STDOUT].len == 0)
		(void)ev_run(t.loop, EVRUN_ONCE);
}

static void
run_shell(const char *command)
{
	start_shell(command);
	await_end();
}

static void
expect_output(enum output_stream i, const char *text)
{
	const struct output *o = &t.output[i];

	if (!slice_eq(slice_of(o->bytes, o->len), slice_str(text)))
		fail_msg("\"%.*s\", not \"%s\"", (int)o->len, o->bytes, text);
}

/* Shells have a word to say about killed commands. */
static void
expect_last(enum output_stream i, const char *line)
{
	const struct output *o = &t.output[i];
	size_t n = strlen(line);

	if (o->len < n || memcmp(o->bytes + o->len - n, line, n) != 0)
		fail_msg("\"%.*s\"", (int)o->len, o->bytes);
}

static void
expect_failure(char *const *argv, enum vspawn_step step, int error)
{
	assert_int_equal(try_start(argv), -1);
	assert_int_equal(t.result.step, step);
	assert_int_equal(t.result.error, error);
	assert_int_equal(t.n_ended, 0);
}

static void
tells_exit_and_output(void **state)
{
	(void)state;
	run_shell("echo one; echo two >&2; exit 7");
	assert_int_equal(t.exit, 7);
	assert_int_equal(t.signal, 0);
	expect_output(OUTPUT_STDOUT, "one\n");
	expect_output(OUTPUT_STDERR, "two\n");
}

static void
tells_the_signal(void **state)
{
	(void)state;
	run_shell("kill -KILL $$");
	assert_int_equal(t.exit, 128 + SIGKILL);
	assert_int_equal(t.signal, SIGKILL);
}

static void
tells_why_it_did_not_start(void **state)
{
	char *missing[] = { (char[]){ "/no/such/program" }, NULL };
	char *unknown[] = { (char[]){ "no-such-program" }, NULL };
	char *folder[] = { (char[]){ "/etc" }, NULL };
	char *shell[] = { (char[]){ "/bin/sh" }, NULL };

	(void)state;
	expect_failure(missing, VSPAWN_EXEC, ENOENT);
	expect_failure(unknown, VSPAWN_EXEC, ENOENT);
	expect_failure(folder, VSPAWN_EXEC, EACCES);
	t.plan.directory = "/no/such/folder";
	expect_failure(shell, VSPAWN_DIRECTORY, ENOENT);
	t.plan.directory = NULL;
	run_shell("exit 3"); /* and the next one does */
	assert_int_equal(t.exit, 3);
}

static void
gives_nothing_of_the_server(void **state)
{
	int leaked = dup(STDERR_FILENO); /* not close-on-exec */

	(void)state;
	assert_true(leaked > 2);
	/* 3 is what the shell lists the folder with. */
	run_shell("cd /proc/$$/fd; echo *; readlink 0;"
		  "grep -E 'Sig(Blk|Ign)' /proc/self/status;"
		  "cut -d' ' -f5 /proc/self/stat | grep -qx $$ && echo group");
	expect_output(OUTPUT_STDOUT,
	    "0 1 2 3\n"
	    "/dev/null\n"
	    "SigBlk:\t0000000000000000\n"
	    "SigIgn:\t0000000000000000\n"
	    "group\n");
	output_free(&t.output[OUTPUT_STDOUT]);
	t.plan.session = true;
	run_shell("cut -d' ' -f5,6 /proc/self/stat | grep -qx \"$$ $$\" &&"
		  "echo session");
	expect_output(OUTPUT_STDOUT, "session\n");
	assert_int_equal(close(leaked), 0);
}

static void
changes_directory(void **state)
{
	(void)state;
	t.plan.directory = "/usr";
	run_shell("pwd");
	expect_output(OUTPUT_STDOUT, "/usr\n");
}

static void
keeps_the_end_of_a_flood(void **state)
{
	(void)state;
	run_shell("head -c 1048576 /dev/zero | tr '\\0' x; printf end;"
		  "head -c 1048576 /dev/zero >&2");
	assert_int_equal(t.exit, 0);
	assert_int_equal(t.output[OUTPUT_STDOUT].total, 1048576 + 3);
	assert_int_equal(t.output[OUTPUT_STDERR].total, 1048576);
	assert_true(output_is_cut(&t.output[OUTPUT_STDOUT]));
	assert_int_equal(t.output[OUTPUT_STDOUT].len, MAX_OUTPUT);
	assert_memory_equal(t.output[OUTPUT_STDOUT].bytes + MAX_OUTPUT - 4,
	    "xend", 4);
}

static void
outlives_its_pipes(void **state)
{
	int i;

	(void)state;
	start_shell("echo out; exec >&- 2>&-; kill -STOP $$; exit 5");
	while (t.child.io[OUTPUT_STDOUT].fd != -1 ||
	    t.child.io[OUTPUT_STDERR].fd != -1)
		(void)ev_run(t.loop, EVRUN_ONCE);
	assert_int_equal(t.n_ended, 0);
	/* Until it has stopped itself there is nothing to continue. */
	assert_int_equal(waitpid(t.child.pid, &i, WUNTRACED), t.child.pid);
	assert_int_equal(kill(t.child.pid, SIGCONT), 0);
	await_end();
	assert_int_equal(t.exit, 5);
	expect_output(OUTPUT_STDOUT, "out\n");
}

/* A process left in the background holds the pipes; it is not waited for, and
 * it is left alone. */
static void
ends_before_its_background(void **state)
{
	pid_t group;

	(void)state;
	run_shell("sleep 1000 & echo started");
	assert_int_equal(t.exit, 0);
	expect_output(OUTPUT_STDOUT, "started\n");
	group = t.child.pid;
	assert_int_equal(kill(-group, 0), 0);
	assert_int_equal(kill(-group, SIGKILL), 0);
	runs_await_group_gone(group);
}

static void
stops_the_whole_group(void **state)
{
	(void)state;
	start_shell("sleep 1000 & (sleep 1000 & sleep 1000) & sleep 1000");
	child_stop(&t.child, false);
	await_end();
	assert_int_equal(t.signal, SIGTERM);
	runs_await_group_gone(t.child.pid);
}

static void
await_leader_gone(void)
{
	while (!t.child.leader_gone)
		(void)ev_run(t.loop, EVRUN_ONCE);
}

/* The leader ends by itself after SIGTERM, the others ignore it: they have
 * until they are killed. */
static void
kills_what_the_leader_leaves(void **state)
{
	(void)state;
	start_shell("(trap '' TERM; echo ready; exec sleep 1000) & wait");
	await_output();
	child_stop(&t.child, false);
	await_leader_gone();
	assert_int_equal(kill(-t.child.pid, 0), 0);
	child_stop(&t.child, true);
	assert_int_equal(t.n_ended, 0); /* not from within */
	await_end();
	assert_int_equal(t.signal, SIGTERM);
	runs_await_group_gone(t.child.pid);
}

/* A shell that dies of the SIGTERM does not take its command's time away. */
static void
lets_the_group_finish(void **state)
{
	static const char *const commands[] = {
		"/bin/sh -c \"$W\" & wait",
		"/bin/sh -c \"$W\" | cat",
		"cd /; /bin/sh -c \"$W\"; true",
	};
	static char worker[] =
	    "W=trap 'sleep 0.3; echo finished >&2; exit' TERM; echo ready >&2;"
	    "while :; do sleep 0.01; done";
	static char path[] = "PATH=/usr/bin:/bin";
	char *environment[] = { worker, path, NULL };

	(void)state;
	t.plan.envp = environment;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		start_shell(commands[i]);
		while (t.output[OUTPUT_STDERR].len == 0)
			(void)ev_run(t.loop, EVRUN_ONCE);
		child_stop(&t.child, false);
		await_end();
		expect_last(OUTPUT_STDERR, "finished\n");
		runs_await_group_gone(t.child.pid);
		output_free(&t.output[OUTPUT_STDERR]);
	}
}

/* Those that have left the group: with a parent that is still there, and
 * without one. */
static void
stops_what_left_the_group(void **state)
{
	static char mark[] = "MARK=1";
	static char path[] = "PATH=/usr/bin:/bin";
	char *environment[] = { mark, path, NULL };

	(void)state;
	t.plan.envp = environment;
	memcpy(t.child.mark, mark, sizeof(mark));
	start_shell(
	    "setsid sleep 1000 & (setsid sh -c 'trap \"echo finished; exit\" "
	    "TERM; echo ready;"
	    "while :; do sleep 0.01; done' &) ; wait");
	await_output();
	child_stop(&t.child, false);
	await_end();
	expect_last(OUTPUT_STDOUT, "finished\n");
	while (waitpid(-1, NULL, 0) > 0)
		;
	output_free(&t.output[OUTPUT_STDOUT]);
	start_shell("(setsid sh -c 'trap \"\" TERM; echo ready; sleep 1000' &)"
		    "; sleep 1000");
	await_output();
	child_stop(&t.child, false);
	await_leader_gone();
	child_stop(&t.child, true);
	await_end();
	while (waitpid(-1, NULL, 0) > 0)
		;
	assert_int_equal(errno, ECHILD);
}

/* Whatever kills the parent, the child is not left to this process, which
 * would wait for it here for ever. */
static void
dies_with_its_parent(void **state)
{
	pid_t pid = fork();

	(void)state;
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		start_shell("echo ready; exec sleep 1000");
		await_output();
		(void)kill(getpid(), SIGKILL);
		_exit(1);
	}
	while (waitpid(-1, NULL, 0) > 0)
		;
	assert_int_equal(errno, ECHILD);
}

static void
stops_a_stopped_one(void **state)
{
	int status;

	(void)state;
	start_shell("kill -STOP $$");
	assert_int_equal(waitpid(t.child.pid, &status, WUNTRACED), t.child.pid);
	child_stop(&t.child, false);
	await_end();
	assert_int_equal(t.signal, SIGTERM);
}

static void
forces(void **state)
{
	(void)state;
	start_shell("trap '' TERM; echo ready; while :; do sleep 1000; done");
	await_output();
	child_stop(&t.child, false);
	child_stop(&t.child, true);
	await_end();
	assert_int_equal(t.signal, SIGKILL);
	runs_await_group_gone(t.child.pid);
}

/* Whichever call runs out of descriptors, nothing stays open. */
static void
runs_out_of_descriptors(void **state)
{
	struct rlimit old, limit;
	int held[48] = { 0 }, n = 0, i;
	unsigned open_files;

	(void)state;
	run_shell(":"); /* the loop's own descriptors are there now */
	open_files = runs_open_files();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	limit = old;
	limit.rlim_cur = 48; /* enough for held */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	while ((held[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) != -1)
		n++;
	assert_int_equal(errno, EMFILE);
	for (i = 0; i < DESCRIPTORS_NEEDED; i++) {
		assert_int_equal(try_shell(":"), -1);
		assert_int_equal(t.result.step,
		    i < DESCRIPTORS_NEEDED - 1 ? VSPAWN_PIPE : VSPAWN_CLONE);
		assert_int_equal(t.result.error, EMFILE);
		assert_int_equal(close(held[--n]), 0);
	}
	run_shell("exit 9");
	assert_int_equal(t.exit, 9);
	while (n > 0)
		assert_int_equal(close(held[--n]), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(runs_open_files(), open_files);
}

static void
needs_root(void)
{
	if (geteuid() != 0)
		skip();
}

/* In a process of its own, for there is no way back from there. */
static void
runs_out_of_processes(void **state)
{
	const struct rlimit limit = { .rlim_cur = 1, .rlim_max = 1 };
	unsigned open_files = runs_open_files();
	int status;
	pid_t pid;

	(void)state;
	needs_root();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (setrlimit(RLIMIT_NPROC, &limit) == -1 ||
		    setresuid(NOBODY, NOBODY, NOBODY) == -1)
			_exit(2);
		if (try_shell(":") != -1 || t.result.step != VSPAWN_CLONE ||
		    t.result.error != EAGAIN)
			_exit(3);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(runs_open_files(), open_files);
}

static void
becomes_another_user(void **state)
{
	gid_t groups[] = { 1234, 5678 };
	const struct user user = { .uid = NOBODY,
		.gid = NOBODY,
		.groups = groups,
		.n_groups = 2 };

	(void)state;
	needs_root();
	t.plan.user = &user;
	run_shell("id -u; id -g; id -G; grep -E '^[UG]id:' /proc/self/status");
	expect_output(OUTPUT_STDOUT,
	    "65534\n65534\n65534 1234 5678\n"
	    "Uid:\t65534\t65534\t65534\t65534\n"
	    "Gid:\t65534\t65534\t65534\t65534\n");
	assert_int_equal(geteuid(), 0);
	assert_int_equal(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 1);
}

static void
enters_with_that_users_rights(void **state)
{
	const struct user user = { .uid = NOBODY, .gid = NOBODY };
	char path[] = "/tmp/test_child.XXXXXX"; /* only root's */
	char *shell[] = { (char[]){ "/bin/sh" }, NULL };

	(void)state;
	needs_root();
	assert_non_null(mkdtemp(path));
	t.plan.user = &user;
	t.plan.directory = path;
	expect_failure(shell, VSPAWN_DIRECTORY, EACCES);
	assert_int_equal(rmdir(path), 0);
}

static void
sets_limits(void **state)
{
	(void)state;
	t.plan.limit[0] = (struct vspawn_limit){ RLIMIT_FSIZE, 512 * 100 };
	t.plan.limit[1] = (struct vspawn_limit){ RLIMIT_AS, 1024 * 300000 };
	t.plan.n_limits = 2;
	run_shell("ulimit -f; ulimit -Hf; ulimit -v");
	expect_output(OUTPUT_STDOUT, "100\n100\n300000\n");
}

/* A fresh group of cgroup v2, where this process may make one. */
static int
make_cgroup(char path[64])
{
	static const char *const mounts[] = { "/sys/fs/cgroup",
		"/sys/fs/cgroup/unified" };
	char procs[96];

	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(path, 64, "%s/test_child.%d", mounts[i],
		    (int)getpid());
		(void)snprintf(procs, sizeof(procs), "%s/cgroup.procs", path);
		if (mkdir(path, 0755) == -1)
			continue;
		if (access(procs, W_OK) == 0)
			return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_int_equal(rmdir(path), 0);
	}
	print_message("SKIPPED, no cgroup v2 to make groups in\n");
	return -1;
}

static void
is_born_in_its_cgroup(void **state)
{
	const struct user user = { .uid = NOBODY, .gid = NOBODY };
	char path[64], expected[64];

	(void)state;
	needs_root();
	if ((t.plan.cgroup = make_cgroup(path)) == -1)
		skip();
	(void)snprintf(expected, sizeof(expected), "0::/test_child.%d\n",
	    (int)getpid());
	run_shell("grep ^0:: /proc/self/cgroup");
	expect_output(OUTPUT_STDOUT, expected);
	output_free(&t.output[OUTPUT_STDOUT]);
	t.plan.user = &user;
	run_shell("id -u");
	expect_output(OUTPUT_STDOUT, "65534\n");
	t.plan.directory = "/no/such/folder";
	assert_int_equal(try_shell(":"), -1);
	assert_int_equal(t.result.step, VSPAWN_DIRECTORY);
	assert_int_equal(close(t.plan.cgroup), 0);
	while (rmdir(path) == -1)
		assert_int_equal(errno, EBUSY);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(tells_exit_and_output),
		TEST(tells_the_signal),
		TEST(tells_why_it_did_not_start),
		TEST(gives_nothing_of_the_server),
		TEST(changes_directory),
		TEST(keeps_the_end_of_a_flood),
		TEST(outlives_its_pipes),
		TEST(ends_before_its_background),
		TEST(stops_the_whole_group),
		TEST(kills_what_the_leader_leaves),
		TEST(lets_the_group_finish),
		TEST(stops_what_left_the_group),
		TEST(dies_with_its_parent),
		TEST(stops_a_stopped_one),
		TEST(forces),
		TEST(runs_out_of_descriptors),
		TEST(runs_out_of_processes),
		TEST(becomes_another_user),
		TEST(enters_with_that_users_rights),
		TEST(sets_limits),
		TEST(is_born_in_its_cgroup),
	};

	return cmocka_run_group_tests_name("child", tests, NULL, NULL);
}
