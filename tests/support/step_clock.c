#include "step_clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "config.h"
#include "log.h"
#include "options.h"
#include "os.h"
#include "server.h"

#define NAME "TEST_STEP_CLOCK" /* in the environment: a descriptor */
/* The kernel's clock is not set, so nothing tells the server. It looks at its
 * clock as often as this. */
#define LOOK_NS INT64_C(20000000)

extern char **environ;

static _Atomic int64_t *offset_ns; /* shared by the test and its servers */

static void
share(int fd)
{
	void *p = mmap(NULL, sizeof(*offset_ns), PROT_READ | PROT_WRITE,
	    MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		abort();
	offset_ns = p;
}

static int64_t
wall_ns(void)
{
	return os_system.wall_ns() + atomic_load(offset_ns);
}

static int
timer_set(int fd, int64_t at_ns)
{
	int64_t look_ns = os_system.wall_ns() + LOOK_NS;

	if (at_ns != INT64_MAX)
		at_ns -= atomic_load(offset_ns);
	if (at_ns < 1)
		at_ns = 1;
	return os_system.timer_set(fd, at_ns < look_ns ? at_ns : look_ns);
}

bool
step_clock_is_server(void)
{
	return getenv(NAME) != NULL;
}

int
step_clock_serve(int argc, char **argv)
{
	static struct os stepped;
	const char *fd = getenv(NAME);
	struct options o;
	struct server s;
	struct config c;
	struct err e;
	int exit_code;

	if (fd == NULL)
		return EXIT_USAGE;
	share((int)strtol(fd, NULL, 10));
	stepped = os_system;
	stepped.wall_ns = wall_ns;
	stepped.timer_set = timer_set;
	os = &stepped;
	if (options_parse(argc, argv, &o, &e) == -1 ||
	    config_load(&c, o.config_path, environ, o.sets, o.n_sets, &e) ==
		-1) {
		(void)fprintf(stderr, "%s\n", e.msg);
		return EXIT_USAGE;
	}
	log_setup((enum log_level)c.log_level, (enum log_format)c.log_format,
	    STDERR_FILENO);
	if (server_init(&s, &o, &c, &e) == -1)
		exit_code = s.exit_code;
	else
		exit_code = server_run(&s);
	server_fini(&s);
	config_fini(&c);
	return exit_code;
}

void
step_clock_use(void)
{
	int fd = memfd_create("clock", 0);
	char text[16], path[4096];
	ssize_t n;

	assert_int_not_equal(fd, -1);
	assert_int_equal(ftruncate(fd, sizeof(*offset_ns)), 0);
	share(fd);
	n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	assert_true(n > 0);
	path[n] = '\0';
	(void)snprintf(text, sizeof(text), "%d", fd);
	assert_int_equal(setenv(NAME, text, 1), 0);
	assert_int_equal(setenv("TICKD", path, 1), 0);
}

void
step_clock_by(int64_t ns)
{
	(void)atomic_fetch_add(offset_ns, ns);
}

int64_t
step_clock_wall_ns(void)
{
	return wall_ns();
}
