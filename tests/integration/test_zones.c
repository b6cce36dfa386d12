/* The rules of a time zone change under a server, and while it is down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon.h"
#include "wire.h"

#define HOUR INT64_C(3600000000000)

/* A zone has from now on the rules of one of the system's. */
static void
be_like(const struct daemon *d, const char *name, const char *zone)
{
	char bytes[4096], path[128];
	size_t n;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", zone);
	f = fopen(path, "r");
	assert_non_null(f);
	n = fread(bytes, 1, sizeof(bytes), f);
	assert_int_equal(fclose(f), 0);
	f = fopen(daemon_path(d, name), "w");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static int64_t
due(struct wire *w, const char *job)
{
	char request[64];

	(void)snprintf(request, sizeof(request), "1 INFO %s", job);
	return (int64_t)wire_row_u64(w, request, "execution_ns");
}

static void
set_jobs(struct wire *w, const struct daemon *d)
{
	wire_shell_rule(w, d, "r", "ran", "echo >> ran");
	wire_ask(w, "1 SET fixed cron CRON \"0 9 1 1 *\" TZ Test", "1 OK");
	wire_ask(w, "1 SET hourly cron CRON \"0 * 1 1 *\" TZ Test", "1 OK");
	wire_ask(w, "1 SET other cron CRON \"0 9 1 1 *\" TZ Other", "1 OK");
	wire_ask(w,
	    "1 SET given 2099-06-01T08:17:00Z CRON \"0 9 1 1 *\" TZ Test",
	    "1 OK");
	wire_ask(w, "1 SET ran now CRON \"0 9 1 1 *\" TZ Test", "1 OK");
	daemon_wait_lines(d, "ran", 1);
	wire_until(w, "1 GET ran", "1 OK planned ");
	wire_ask(w, "1 SET utc cron CRON \"0 9 1 1 *\"", "1 OK");
	wire_ask(w, "1 SET each +1d EVERY 1d", "1 OK");
}

static const struct {
	const char *job;
	int moves; /* with the zone */
} jobs[] = {
	{ "fixed", 1 },
	{ "hourly", 1 },
	{ "ran", 1 },
	{ "other", 0 },
	{ "given", 0 },
	{ "utc", 0 },
	{ "each", 0 },
};

#define N_JOBS (sizeof(jobs) / sizeof(jobs[0]))

static void
note(struct wire *w, int64_t before[N_JOBS])
{
	for (size_t i = 0; i < N_JOBS; i++)
		before[i] = due(w, jobs[i].job);
}

static void
expect_moved(struct wire *w, const int64_t before[N_JOBS], int hours)
{
	for (size_t i = 0; i < N_JOBS; i++) {
		int64_t by = due(w, jobs[i].job) - before[i];

		if (by != jobs[i].moves * hours * HOUR)
			fail_msg("%s moved by %lld s", jobs[i].job,
			    (long long)(by / 1000000000));
	}
}

static void
begin(struct wire *w, struct daemon *d, int64_t before[N_JOBS])
{
	assert_int_equal(setenv("TZDIR", d->dir, 1), 0);
	be_like(d, "Test", "Etc/GMT-9");
	be_like(d, "Other", "Etc/GMT-9");
	wire_start(w, d);
	set_jobs(w, d);
	note(w, before);
}

static void
end(struct wire *w, struct daemon *d)
{
	wire_stop(w, d);
	assert_int_equal(unsetenv("TZDIR"), 0);
}

static void
test_at_reload(void **state)
{
	struct daemon *d = *state;
	int64_t before[N_JOBS];
	struct wire w;

	begin(&w, d, before);
	be_like(d, "Test", "Etc/GMT-8");
	expect_moved(&w, before, 0);
	wire_ask(&w, "1 RELOAD", "1 OK");
	expect_moved(&w, before, 1);
	wire_ask(&w, "1 RELOAD", "1 OK");
	expect_moved(&w, before, 1);
	be_like(d, "Test", "Etc/GMT-11");
	wire_ask(&w, "1 RELOAD", "1 OK");
	expect_moved(&w, before, -2);
	end(&w, d);
}

static void
test_at_a_start(void **state)
{
	struct daemon *d = *state;
	int64_t before[N_JOBS];
	struct wire w;

	begin(&w, d, before);
	wire_close(&w);
	daemon_kill(d);
	be_like(d, "Test", "Etc/GMT-7");
	wire_start(&w, d);
	expect_moved(&w, before, 2);
	/* What it has found is what a reload compares with. */
	be_like(d, "Test", "Etc/GMT-8");
	wire_ask(&w, "1 RELOAD", "1 OK");
	expect_moved(&w, before, 1);
	/* The image tells the same. */
	wire_ask(&w, "1 COMPRESS", "1 OK");
	wire_until(&w, "1 STAT", "1 uptime");
	daemon_wait_log(d, "event=compressed");
	wire_stop(&w, d);
	be_like(d, "Test", "Etc/GMT-9");
	wire_start(&w, d);
	assert_int_equal(due(&w, "fixed"), before[0]);
	assert_int_equal(due(&w, "given"), before[4]);
	end(&w, d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DAEMON_TEST(test_at_reload),
		DAEMON_TEST(test_at_a_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
