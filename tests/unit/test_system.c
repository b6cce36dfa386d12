/* What is made of the files of /proc: of a folder that the test fills. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os.h"
#include "system.h"

#define T0 (1000 * NS_PER_S)

static char dir[] = "/tmp/test_system.XXXXXX";
static struct system sys;
static int64_t now_ns;

static int64_t
clock_ns(void)
{
	return now_ns;
}

static const struct os test_os = { .mono_ns = clock_ns, .wall_ns = clock_ns };

static const char *
path_of(const char *name)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void
put(const char *name, const char *text)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(close(fd), 0);
}

static const char *const names[] = { "stat", "meminfo", "loadavg", "self/stat",
	"self/fd" };

static int
setup(void **state)
{
	(void)state;
	os = &test_os;
	now_ns = T0;
	system_init(&sys, dir, dir);
	put("stat", "cpu  100 0 100 700 100 0 0 0 50 0\ncpu0 1 2 3\n");
	put("meminfo",
	    "MemTotal:       1000 kB\nMemFree:          10 kB\n"
	    "MemAvailable:    250 kB\n");
	put("loadavg", "1.25 0.50 0.25 1/200 4242\n");
	/* A name may hold anything. */
	put("self/stat",
	    "42 (a) b (c) S 1 42 42 0 -1 4194560 10 0 0 0 200 100 0 0 20 0 7 "
	    "0 12345 1000000 50 18446744073709551615\n");
	put("self/fd", "0123456789");
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlink(path_of(names[i]));
	os = &os_system;
	return 0;
}

static int
group_setup(void **state)
{
	(void)state;
	return mkdtemp(dir) == NULL ? -1 : mkdir(path_of("self"), 0700);
}

static int
group_teardown(void **state)
{
	(void)state;
	return rmdir(path_of("self")) == -1 ? -1 : rmdir(dir);
}

static void
expect(double got, double want)
{
	assert_float_equal(got, want, 0.0001);
}

static void
what_stands_there_is_shown(void **state)
{
	const struct system_sample *sample = &sys.sample;

	(void)state;
	system_look(&sys);
	expect(sample->cpu_usage, 0); /* nothing to compare with */
	expect(sample->process_cpu_usage, 0);
	expect(sample->memory_usage, 75);
	expect(sample->load1, 1.25);
	assert_int_equal(sample->threads, 7);
	assert_int_equal(sample->process_rss_bytes, 50 * sysconf(_SC_PAGESIZE));
	assert_int_equal(sample->open_fds, 10);
	assert_int_equal(sample->sampled_ns, T0);
	assert_true(sample->disk_usage > 0 && sample->disk_usage <= 100);
}

static void
use_of_the_processor_is_a_difference(void **state)
{
	(void)state;
	system_look(&sys);
	put("stat", "cpu  150 0 125 725 100 0 0 0 0 0\n");
	put("self/stat",
	    "42 (x) R 1 42 42 0 -1 4194560 10 0 0 0 300 150 0 0 20 0 7 0 1 1 "
	    "50 1\n");
	now_ns += 3 * NS_PER_S;
	system_look(&sys);
	expect(sys.sample.cpu_usage, 75);
	expect(sys.sample.process_cpu_usage,
	    100 * 150.0 / (double)sysconf(_SC_CLK_TCK) / 3);
	/* Soon after, it is compared with the look before that. */
	put("stat", "cpu  150 0 125 825 100 0 0 0 0 0\n");
	now_ns += SYSTEM_CPU_NS / 2;
	system_look(&sys);
	expect(sys.sample.cpu_usage, 37.5);
	now_ns += SYSTEM_CPU_NS / 2;
	system_look(&sys);
	expect(sys.sample.cpu_usage, 0);
}

static void
a_fresh_look_will_do(void **state)
{
	(void)state;
	system_refresh(&sys);
	put("loadavg", "9.5 0 0 1/1 1\n");
	now_ns += SYSTEM_FRESH_NS;
	system_refresh(&sys);
	expect(sys.sample.load1, 1.25);
	now_ns++;
	system_refresh(&sys);
	expect(sys.sample.load1, 9.5);
}

static void
nonsense_changes_nothing(void **state)
{
	static const char *const texts[] = { "", "\n", "cpu", "cpu  ", "cpu 1",
		"cpu x y z", "MemTotal:", "MemTotal: x\nMemAvailable: y",
		"MemTotal: 0 kB\nMemAvailable: 0 kB\n", "x 1 2", "42 (tickd",
		"42 (tickd)", "42 (tickd) S", "42 (tickd) S 1 2 3", "-", "\xff",
		"nan?" };
	struct system_sample before;

	(void)state;
	system_look(&sys);
	before = sys.sample;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		for (size_t k = 0; k < 4; k++)
			put(names[k], texts[i]);
		now_ns += NS_PER_S;
		system_look(&sys);
		expect(sys.sample.cpu_usage, before.cpu_usage);
		expect(sys.sample.memory_usage, before.memory_usage);
		expect(sys.sample.process_cpu_usage, 0);
		assert_int_equal(sys.sample.threads, before.threads);
	}
	(void)teardown(NULL); /* the files are gone */
	os = &test_os;
	system_look(&sys);
	assert_int_equal(sys.sample.open_fds, before.open_fds);
}

static void
shares_stay_within_their_bounds(void **state)
{
	(void)state;
	system_look(&sys);
	put("meminfo", "MemTotal: 10 kB\nMemAvailable: 11 kB\n");
	put("stat", "cpu  200 0 100 690 100 0 0 0\n"); /* idle goes back */
	now_ns += NS_PER_S;
	system_look(&sys);
	expect(sys.sample.memory_usage, 0);
	expect(sys.sample.cpu_usage, 100);
}

static void
entries_are_counted(void **state)
{
	(void)state;
	assert_int_equal(system_count_entries(path_of("self")), 2);
	assert_int_equal(system_count_entries(path_of("none")), 0);
}

/* And what is really there makes sense. */
static void
of_this_system(void **state)
{
	(void)state;
	os = &os_system;
	system_init(&sys, "/proc", "/");
	system_look(&sys);
	assert_int_equal(sys.sample.threads, 1);
	assert_in_range(sys.sample.open_fds, 3, 1000);
	assert_true(sys.sample.process_rss_bytes > 100000);
	assert_true(sys.sample.memory_usage > 0);
	assert_true(sys.sample.memory_usage < 100);
	assert_true(sys.sample.disk_usage >= 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_stands_there_is_shown),
		TEST(use_of_the_processor_is_a_difference),
		TEST(a_fresh_look_will_do),
		TEST(nonsense_changes_nothing),
		TEST(shares_stay_within_their_bounds),
		TEST(entries_are_counted),
		TEST(of_this_system),
	};

	return cmocka_run_group_tests_name("system", tests, group_setup,
	    group_teardown);
}
