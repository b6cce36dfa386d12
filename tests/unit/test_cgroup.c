#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "runs.h"

/*
 * Where this process may not make groups (not delegated, not alone in its own,
 * no cgroup v2), what needs them is skipped, with a word that says why.
 */

static char base[PATH_MAX];

static void
needs_cgroups(void)
{
	const char *why, *path = processor_cgroups(runs_processor(), &why);

	if (path == NULL) {
		print_message("SKIPPED, no cgroups here: %s\n", why);
		skip();
		return;
	}
	(void)snprintf(base, sizeof(base), "%s", path);
}

static void
read_file(const char *folder, const char *name, char *text, size_t size)
{
	char path[PATH_MAX];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "%.2000s/%.2000s", folder, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	n = read(fd, text, size - 1);
	assert_true(n >= 0);
	text[n] = '\0';
	assert_int_equal(close(fd), 0);
}

/* How many groups of runs there are; the name of one of them. */
static unsigned
count_groups(char name[NAME_MAX + 1])
{
	DIR *dir = opendir(base);
	struct dirent *entry;
	unsigned n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (strncmp(entry->d_name, "run.", 4) != 0)
			continue;
		(void)snprintf(name, NAME_MAX + 1, "%s", entry->d_name);
		n++;
	}
	assert_int_equal(closedir(dir), 0);
	return n;
}

static void
expect_none_left(void)
{
	char name[NAME_MAX + 1];

	while (waitpid(-1, NULL, 0) > 0)
		;
	assert_int_equal(errno, ECHILD);
	while (count_groups(name) > 0)
		(void)usleep(1000);
}

static void
expect_refused(const char *own, const char *why)
{
	struct ev_loop *loop = ev_loop_new(0);
	struct err e = { 0 };

	assert_non_null(loop);
	assert_null(cgroups_open(own, 0, loop, &e));
	if (strstr(e.msg, why) == NULL)
		fail_msg("\"%s\", not \"%s\"", e.msg, why);
	ev_loop_destroy(loop);
}

static void
tells_why_there_are_none(void **state)
{
	char dir[] = "/tmp/test_cgroup.XXXXXX";

	(void)state;
	expect_refused("/no/such", "No such file");
	assert_non_null(mkdtemp(dir));
	expect_refused(dir, "controls neither");
	assert_int_equal(rmdir(dir), 0);
	assert_false(cgroups_can(NULL, CGROUP_CPU));
	cgroups_close(NULL);
}

static void
bounds_memory(void **state)
{
	const struct run *run;

	(void)state;
	needs_cgroups();
	runs_submit(1,
	    "shell\tsleep 1000 & dd if=/dev/zero of=/dev/null bs=64M count=1"
	    "\t--\tmemory=16MiB");
	run = runs_finished(1);
	assert_int_equal(run->outcome, RUN_FAILURE);
	assert_int_equal(run->exit, 128 + SIGKILL);
	assert_string_equal(run->reason, "out of its memory");
	expect_none_left();
	/* Address space alone is no memory. */
	runs_expect(runs_run("shell\tulimit -v\t--\tmemory=16MiB"), RUN_SUCCESS,
	    0, "unlimited\n");
}

static void
bounds_processes(void **state)
{
	(void)state;
	needs_cgroups();
	runs_expect(runs_run("shell\tfor i in 1 2 3 4 5 6 7; do sleep 1000 & "
			     "done; :\t--\tprocesses=4"),
	    RUN_FAILURE, 2, "");
	expect_none_left();
	runs_expect(runs_run("shell\tsleep 0 & wait; echo two\t--\t"
			     "processes=2"),
	    RUN_SUCCESS, 0, "two\n");
}

static void
expect_cpu_max(const char *option, const char *expected)
{
	char line[64], name[NAME_MAX + 1], folder[PATH_MAX], text[64];

	(void)snprintf(line, sizeof(line), "direct\tsleep\t1000\t--\tcpu=%s",
	    option);
	runs_submit(1, line);
	(void)runs_started(1);
	assert_int_equal(count_groups(name), 1);
	(void)snprintf(folder, sizeof(folder), "%.3000s/%s", base, name);
	read_file(folder, "cpu.max", text, sizeof(text));
	assert_string_equal(text, expected);
	read_file(folder, "cgroup.procs", text, sizeof(text));
	assert_true(strtol(text, NULL, 10) > 1);
	processor_cancel(runs_processor(), 1, false);
	runs_expect(runs_finished(1), RUN_CANCELLED, 128 + SIGTERM, "");
	expect_none_left();
}

static void
bounds_the_processor(void **state)
{
	(void)state;
	needs_cgroups();
	expect_cpu_max("0.25", "25000 100000\n");
	expect_cpu_max("3", "300000 100000\n");
	expect_cpu_max("0.001", "1000 1000000\n");
}

/* Who left the group, is deaf, stays in the background. */
static void
leaves_nothing(void **state)
{
	(void)state;
	needs_cgroups();
	runs_expect(runs_run("shell\t(trap '' TERM; exec setsid sleep 1000) &"
			     "echo done\t--\tprocesses=9"),
	    RUN_SUCCESS, 0, "done\n");
	expect_none_left();
	runs_submit(1,
	    "shell\ttrap '' TERM; setsid sleep 1000 & sleep 1000; :"
	    "\t--\tprocesses=9\ttimeout=50ms\tkill_after=50ms");
	runs_expect(runs_finished(1), RUN_TIMEOUT, 128 + SIGKILL, "");
	expect_none_left();
}

static void
needs_none_without_limits(void **state)
{
	char name[NAME_MAX + 1];

	(void)state;
	needs_cgroups();
	runs_submit(1, "direct\tsleep\t1000");
	(void)runs_started(1);
	assert_int_equal(count_groups(name), 0);
}

static void
ends_what_could_not_start(void **state)
{
	(void)state;
	needs_cgroups();
	runs_expect(runs_run("direct\t/no/such\t--\tcpu=1"), RUN_FAILURE, 127,
	    "");
	expect_none_left();
}

/* As a crash leaves it: a group that nobody holds, a process in it. */
static void
removes_what_a_crash_left(void **state)
{
	char path[PATH_MAX], procs[PATH_MAX + 16];
	pid_t pid;
	int fd;

	(void)state;
	needs_cgroups();
	*strrchr(base, '/') = '\0';
	(void)snprintf(path, sizeof(path), "%.3000s/tickd.x", base);
	assert_int_equal(mkdir(path, 0755), 0);
	(void)snprintf(path, sizeof(path), "%.3000s/tickd.x/run.1", base);
	assert_int_equal(mkdir(path, 0755), 0);
	if ((pid = fork()) == 0) {
		(void)snprintf(procs, sizeof(procs), "%s/cgroup.procs", path);
		fd = open(procs, O_WRONLY | O_CLOEXEC);
		if (fd == -1 || write(fd, "0", 1) != 1)
			_exit(1);
		for (;;)
			(void)pause();
	}
	assert_true(pid > 0);
	do
		read_file(path, "cgroup.procs", procs, sizeof(procs));
	while (procs[0] == '\0');
	runs_restart(1);
	assert_int_equal(access(path, F_OK), -1);
	*strrchr(path, '/') = '\0';
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(waitpid(pid, &fd, 0), pid);
	assert_true(WIFSIGNALED(fd));
}

/* It goes as it came. */
static void
moves_back(void **state)
{
	char before[PATH_MAX], now[PATH_MAX];
	struct ev_loop *loop;
	struct cgroups *g;
	struct err e;

	(void)state;
	needs_cgroups();
	processor_stop(runs_processor());
	assert_non_null(loop = ev_loop_new(0));
	read_file("/proc/self", "cgroup", before, sizeof(before));
	assert_non_null(g = cgroups_open(NULL, 0, loop, &e));
	read_file("/proc/self", "cgroup", now, sizeof(now));
	assert_string_not_equal(before, now);
	cgroups_close(g);
	read_file("/proc/self", "cgroup", now, sizeof(now));
	assert_string_equal(before, now);
	assert_int_equal(access(base, F_OK), -1);
	ev_loop_destroy(loop);
	runs_start_again();
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, runs_setup, runs_teardown)
	const struct CMUnitTest tests[] = {
		TEST(tells_why_there_are_none),
		TEST(bounds_memory),
		TEST(bounds_processes),
		TEST(bounds_the_processor),
		TEST(leaves_nothing),
		TEST(needs_none_without_limits),
		TEST(ends_what_could_not_start),
		TEST(removes_what_a_crash_left),
		TEST(moves_back),
	};

	return cmocka_run_group_tests_name("cgroup", tests, NULL, NULL);
}
