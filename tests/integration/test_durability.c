/* No acknowledged write is lost, none that was refused is seen: kill -9, cut
 * and damaged logs, a full disk. */
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <endian.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon.h"
#include "prng.h"
#include "record.h"
#include "wire.h"

#define T_2100 "4102444800000000000"

/*
 * A fixed sequence of writes: two jobs are set, the older is removed again,
 * and so on. After its first k writes the server holds exactly model(k).
 */
static void
send_op(struct wire *w, uint32_t i)
{
	if (i % 3 == 2)
		wire_sendf(w, "1 REMOVE j%08u\n", i - 2);
	else
		wire_sendf(w, "1 SET j%08u " T_2100 "\n", i);
}

/* The sum, over all jobs held after k writes, of what job_weight gives. */
static uint64_t
job_weight(uint32_t i)
{
	return (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

static uint64_t
model_step(uint64_t sum, uint32_t i)
{
	return i % 3 == 2 ? sum - job_weight(i - 2) : sum + job_weight(i);
}

/* The number of a row `1 j<number> planned <due>`. */
static uint32_t
job_number(const char *row)
{
	uint32_t i = (uint32_t)strtoul(row + 3, NULL, 10);
	char expected[64];

	(void)snprintf(expected, sizeof(expected), "1 j%08u planned " T_2100,
	    i);
	assert_string_equal(row, expected);
	return i;
}

/* The same sum of what the server lists. */
static uint64_t
listed_sum(struct wire *w)
{
	uint64_t sum = 0;
	char *line;

	wire_send(w, "1 QUERY j\n");
	while (strcmp(line = wire_line(w), "1 OK") != 0)
		sum += job_weight(job_number(line));
	return sum;
}

/*
 * Write from `first` on and kill the server in the middle. Returns how many
 * writes were acknowledged; *sent is how many were asked for.
 */
static uint32_t
write_and_kill(struct daemon *d, uint32_t first, uint32_t at_least,
    uint32_t *sent)
{
	uint32_t acked = 0;
	struct wire w;
	char *line;
	uint32_t i;

	wire_open(&w, d->port);
	*sent = 0;
	while (acked < at_least) {
		for (i = 0; i < 100; i++)
			send_op(&w, first + (*sent)++);
		for (i = 0; i < 50; i++, acked++)
			wire_expect(&w, "1 OK");
	}
	daemon_kill(d);
	while ((line = wire_line_or_end(&w)) != NULL) {
		assert_string_equal(line, "1 OK");
		acked++;
	}
	wire_close(&w);
	return acked;
}

static void
kill_loop(struct daemon *d, int rounds)
{
	uint32_t done = 0, acked, sent, k;
	struct prng rng = { .state = 4711 };
	uint64_t sum = 0, listed;
	struct wire w;

	while (rounds-- > 0) {
		daemon_start(d);
		acked = write_and_kill(d, done, 100 + prng_below(&rng, 3000),
		    &sent);
		assert_true(acked <= sent);
		wire_start(&w, d);
		listed = listed_sum(&w);
		for (k = 0; k < acked; k++)
			sum = model_step(sum, done + k);
		while (sum != listed && k < sent)
			sum = model_step(sum, done + k++);
		if (sum != listed)
			fail_msg("%u acknowledged, %u sent: the jobs listed "
				 "are those after no number of writes",
			    acked, sent);
		done += k;
		wire_stop(&w, d);
	}
}

static void
test_kill_loop(void **state)
{
	kill_loop(*state, 8);
}

/* Without fsync a write still outlives the process. */
static void
test_kill_loop_without_fsync(void **state)
{
	daemon_set(*state, "database.fsync_on_persist=false");
	kill_loop(*state, 4);
}

static void
test_kill_at_start(void **state)
{
	struct daemon *d = *state;
	struct wire w;
	int i;

	for (i = 0; i < 20; i++) {
		daemon_start(d);
		daemon_kill(d);
	}
	wire_start(&w, d);
	wire_ask(&w, "1 SET a " T_2100, "1 OK");
	daemon_kill(d);
	wire_close(&w);
	wire_start(&w, d);
	wire_ask(&w, "1 GET a", "1 OK planned " T_2100);
	wire_stop(&w, d);
}

static void
test_rules_survive(void **state)
{
	static const struct step before[] = {
		{ "1 RULE SET r.a a. shell \"echo \\\"x y\\\"\"", "1 OK" },
		{ "1 RULE SET r.b b. direct /bin/echo \"\" z", "1 OK" },
		{ "1 RULE SET r.c c. awf w", "1 OK" },
		{ "1 RULE PAUSE r.b", "1 OK" },
		{ "1 REMOVERULE r.c", "1 OK" },
		{ "1 SET a " T_2100 " PAYLOAD \"p\\n\\\"q\\\"\"", "1 OK" },
		{ 0 },
	};
	static const struct step after[] = {
		{ "1 LISTRULES",
		    "1 r.a a. shell \"echo \\\"x y\\\"\"\n"
		    "1 r.b b. direct /bin/echo \"\" z\n1 OK" },
		{ 0 },
	};
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	wire_play(&w, before);
	daemon_kill(d);
	wire_close(&w);
	wire_start(&w, d);
	wire_play(&w, after);
	assert_string_equal(wire_row(&w, "1 RULE GET r.b", "paused"), "1");
	assert_string_equal(wire_row(&w, "1 INFO a", "payload"),
	    "\"p\\n\\\"q\\\"\"");
	wire_stop(&w, d);
}

/* A small log to cut and damage: its bytes up to a little behind the last
 * record, and where each write ended. Write i sets job j<i>. */
#define LOG_WRITES 8
#define LOG_BEHIND 40

struct log {
	unsigned char *bytes;
	size_t len;
	size_t end_of[LOG_WRITES];
};

static void
log_make(struct log *l, struct daemon *d)
{
	char request[64];
	struct wire w;
	uint32_t n;
	size_t i, at = LOG_HEADER_LEN;
	int fd;

	wire_start(&w, d);
	for (i = 0; i < LOG_WRITES; i++) {
		(void)snprintf(request, sizeof(request), "1 SET j%08zu " T_2100,
		    i);
		wire_ask(&w, request, "1 OK");
	}
	daemon_kill(d);
	wire_close(&w);
	l->bytes = calloc(1, 4096);
	assert_non_null(l->bytes);
	fd = open(daemon_path(d, "logfile"), O_RDONLY | O_CLOEXEC);
	assert_true(read(fd, l->bytes, 4096) > 0);
	(void)close(fd);
	for (i = 0; i < LOG_WRITES; i++) {
		memcpy(&n, l->bytes + at + 4, sizeof(n));
		at += RECORD_HEADER_LEN + le32toh(n);
		l->end_of[i] = at;
	}
	l->len = at + LOG_BEHIND;
	assert_true(l->len < 4096);
}

static void
log_write(const struct daemon *d, const void *bytes, size_t n)
{
	int fd = open(daemon_path(d, "logfile"),
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, bytes, n), n);
	(void)close(fd);
}

/* Start on the log as it is. Returns how many of the jobs are there, which
 * must be the first ones; -1 when the start was refused with exit 3. */
static int
jobs_found(struct daemon *d, bool may_refuse)
{
	struct wire w;
	int n = 0;
	char *line;

	if (!daemon_try_start(d)) {
		assert_true(may_refuse);
		assert_int_equal(d->exit_status, 3);
		return -1;
	}
	wire_open(&w, d->port);
	wire_send(&w, "1 QUERY\n");
	while (strcmp(line = wire_line(&w), "1 OK") != 0)
		assert_int_equal(job_number(line), n++);
	wire_close(&w);
	daemon_kill(d);
	return n;
}

/* Cut anywhere, it starts with all the writes that are whole. */
static void
test_truncated(void **state)
{
	struct daemon *d = *state;
	struct log l;
	size_t cut, whole = 0;
	int found;

	log_make(&l, d);
	for (cut = LOG_HEADER_LEN; cut <= l.len; cut++) {
		log_write(d, l.bytes, cut);
		while (whole < LOG_WRITES && l.end_of[whole] <= cut)
			whole++;
		found = jobs_found(d, false);
		if (found != (int)whole)
			fail_msg("cut at %zu of %zu: %d jobs, not %zu", cut,
			    l.len, found, whole);
	}
	/* Inside the header nothing was ever acknowledged. */
	for (cut = 0; cut < LOG_HEADER_LEN; cut++) {
		log_write(d, l.bytes, cut);
		assert_true(jobs_found(d, true) <= 0);
	}
	free(l.bytes);
}

/* One bit wrong: the start is refused, or all is there; only the last write
 * may go, with a warning, since a crash leaves the same bytes. */
static void
test_bit_flips(void **state)
{
	struct daemon *d = *state;
	struct log l;
	size_t at;
	int found;

	log_make(&l, d);
	for (at = 0; at < l.len; at++) {
		l.bytes[at] ^= (unsigned char)(1u << (at % 8));
		log_write(d, l.bytes, l.len);
		l.bytes[at] ^= (unsigned char)(1u << (at % 8));
		found = jobs_found(d, true);
		if (found == -1 || found == LOG_WRITES)
			continue;
		if (at < l.end_of[LOG_WRITES - 2] || found != LOG_WRITES - 1)
			fail_msg("byte %zu of %zu: %d jobs of %d", at, l.len,
			    found, LOG_WRITES);
		assert_non_null(strstr(daemon_log(d), "level=warn"));
	}
	free(l.bytes);
}

/* What a crash may leave after the last whole record. */
static void
test_bad_tails(void **state)
{
	static const unsigned char zeros[8192];
	struct daemon *d = *state;
	unsigned char *bytes;
	struct log l;
	size_t i;

	log_make(&l, d);
	bytes = malloc(l.len + sizeof(zeros));
	assert_non_null(bytes);
	memcpy(bytes, l.bytes, l.len);
	memset(bytes + l.len, 0, sizeof(zeros));
	log_write(d, bytes, l.len + sizeof(zeros));
	assert_int_equal(jobs_found(d, false), LOG_WRITES);
	for (i = 0; i < sizeof(zeros); i++)
		bytes[l.len + i] = (unsigned char)(i * 37 + 11);
	log_write(d, bytes, l.len + sizeof(zeros));
	assert_int_equal(jobs_found(d, false), LOG_WRITES);
	/* What was cut off is gone for good: the log goes on after it. */
	assert_int_equal(jobs_found(d, false), LOG_WRITES);
	free(bytes);
	free(l.bytes);
}

static void
test_damage_is_named(void **state)
{
	struct daemon *d = *state;
	struct log l;

	log_make(&l, d);
	l.bytes[l.end_of[2] + 5] ^= 0x10;
	log_write(d, l.bytes, l.len);
	assert_int_equal(daemon_start_refused(d), 3);
	assert_non_null(strstr(daemon_log(d), "logfile"));
	log_write(d,
	    "not a log of tickd, but long enough to be one......"
	    "........................................................",
	    100);
	assert_int_equal(daemon_start_refused(d), 3);
	free(l.bytes);
}

static void
test_logfile_in_use(void **state)
{
	struct daemon *d = *state, second;
	char setting[128];
	struct stat st;
	struct wire w;

	wire_start(&w, d);
	assert_int_equal(stat(daemon_path(d, "logfile"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	daemon_init(&second);
	(void)snprintf(setting, sizeof(setting), "database.logfile_path=%s",
	    daemon_path(d, "logfile"));
	daemon_set(&second, setting);
	assert_int_equal(daemon_start_refused(&second), 4);
	daemon_fini(&second);
	wire_ask(&w, "1 SET a " T_2100, "1 OK");
	wire_stop(&w, d);
}

static void
test_memory(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	daemon_set(d, "database.persistence=memory");
	wire_start(&w, d);
	wire_ask(&w, "1 SET a " T_2100, "1 OK");
	wire_ask(&w, "1 GET a", "1 OK planned " T_2100);
	assert_string_equal(wire_row(&w, "1 STAT", "persistence"), "memory");
	wire_stop(&w, d);
	assert_int_equal(access(daemon_path(d, "logfile"), F_OK), -1);
	wire_start(&w, d);
	wire_ask_start(&w, "1 GET a", "1 ERROR not_found ");
	wire_stop(&w, d);
}

/* A small file system of its own for the log, filled but for `room` bytes. */
static bool
mount_small(const struct daemon *d, size_t room)
{
	const char *dir = daemon_path(d, "small");
	char *bytes;
	int fd;

	assert_int_equal(mkdir(dir, 0700), 0);
	if (mount("tickd-test", dir, "tmpfs", 0, "size=2M,mode=0700") == -1)
		return false;
	fd = open(daemon_path(d, "small/ballast"),
	    O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	bytes = calloc(1, (2 << 20) - room);
	assert_non_null(bytes);
	assert_int_equal(write(fd, bytes, (2 << 20) - room), (2 << 20) - room);
	free(bytes);
	(void)close(fd);
	return true;
}

/* Set jobs with a payload until one is refused; the number of the first that
 * was. */
static int
fill_disk(struct wire *w)
{
	char request[4200], start[16];
	int i, n;

	n = snprintf(request, sizeof(request),
	    "1 SET j000 " T_2100 " PAYLOAD ");
	memset(request + n, 'p', 4000);
	request[n + 4000] = '\0';
	for (i = 0; i < 1000; i++) {
		(void)snprintf(start, sizeof(start), "j%03d", i);
		memcpy(request + 6, start, 4);
		wire_sendf(w, "%s\n", request);
		if (strncmp(wire_line(w), "1 ERROR storage ", 16) == 0)
			return i;
	}
	fail_msg("the disk never got full");
	return -1;
}

static int
count_jobs(struct wire *w)
{
	int n = 0;

	wire_send(w, "1 QUERY j\n");
	while (strcmp(wire_line(w), "1 OK") != 0)
		n++;
	return n;
}

static void
expect_storage(struct wire *w, const char *status)
{
	char row[64], *reply;

	assert_string_equal(wire_row(w, "1 HEALTH STORAGE", "status"), status);
	(void)snprintf(row, sizeof(row), "1 storage %s\n", status);
	reply = wire_reply(w, "1 HEALTH");
	if (strstr(reply, row) == NULL)
		fail_msg("%s: %s", row, reply);
	free(reply);
}

/* A limit on the length of files is a full disk, and no signal kills. Runs
 * have the signal as ever. */
static void
test_file_size_limit(void **state)
{
	const struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };
	struct daemon *d = *state;
	struct wire w;
	char *row;
	int full;

	d->file_bytes = 700 * 1024;
	daemon_set(d, "health.polling_enabled=false");
	daemon_set(d, "health.polling_interval=1");
	daemon_set(d, "alerts.clear_after=1");
	wire_start(&w, d);
	wire_shell_rule(&w, d, "r", "run", "kill -XFSZ $$; exit 7");
	wire_ask(&w, "1 SET run.1 +1h", "1 OK");
	full = fill_disk(&w);
	assert_true(full > 0);
	expect_storage(&w, "critical");
	assert_int_equal(count_jobs(&w), full);
	assert_int_equal(prlimit(d->pid, RLIMIT_FSIZE, &none, NULL), 0);
	do
		wire_until(&w, "1 SET after " T_2100, "1 OK");
	while (
	    strcmp(wire_row(&w, "1 HEALTH STORAGE", "status"), "healthy") != 0);
	wire_ask(&w, "1 RUN run.1", "1 OK");
	wire_until(&w, "1 GET run.1", "1 OK failed ");
	row = wire_reply(&w, "1 HISTORY run.1 LIMIT 1");
	assert_non_null(strstr(row, " failure 153 ")); /* 128 + SIGXFSZ */
	free(row);
	daemon_kill(d);
	wire_close(&w);
	wire_start(&w, d);
	assert_int_equal(count_jobs(&w), full);
	wire_ask(&w, "1 GET after", "1 OK planned " T_2100);
	wire_stop(&w, d);
}

static void
test_disk_full(void **state)
{
	struct daemon *d = *state;
	char request[64];
	struct wire w;
	int full;

	if (geteuid() != 0 || !mount_small(d, 700 * 1024))
		skip();
	daemon_set(d, "database.logfile_path=small/logfile");
	/* One poll clears it; disk use stays high meanwhile. */
	daemon_set(d, "health.polling_interval=1");
	daemon_set(d, "alerts.clear_after=1");
	daemon_set(d, "alerts.raise_after=1000");
	daemon_set(d, "alerts.disk_warning=100");
	daemon_set(d, "alerts.disk_critical=100");
	wire_start(&w, d);
	wire_ask(&w, "1 RULE SET r run direct /bin/true", "1 OK");
	wire_ask(&w, "1 SET run.1 +1h", "1 OK");
	wire_ask(&w, "1 SET kept " T_2100, "1 OK");
	full = fill_disk(&w);
	assert_true(full > 0);
	expect_storage(&w, "critical"); /* whoever was refused can see why */

	/* Refused is refused: nothing of it is seen, reads go on. */
	assert_int_equal(count_jobs(&w), full);
	(void)snprintf(request, sizeof(request), "1 GET j%03d", full);
	wire_ask_start(&w, request, "1 ERROR not_found ");
	wire_ask(&w, "1 GET kept", "1 OK planned " T_2100);
	assert_int_equal(wire_row_u64(&w, "1 STAT", "jobs_total"), full + 2);

	/* When space returns, so does service. */
	assert_int_equal(unlink(daemon_path(d, "small/ballast")), 0);
	wire_until(&w, "1 SET after " T_2100, "1 OK");
	wire_ask(&w, "1 RUN run.1", "1 OK");
	wire_until(&w, "1 GET run.1", "1 OK executed ");
	while (
	    strcmp(wire_row(&w, "1 HEALTH STORAGE", "status"), "healthy") != 0)
		;
	daemon_kill(d);
	wire_close(&w);

	wire_start(&w, d);
	assert_int_equal(count_jobs(&w), full);
	wire_ask(&w, "1 GET after", "1 OK planned " T_2100);
	wire_ask(&w, "1 GET kept", "1 OK planned " T_2100);
	wire_ask_start(&w, "1 GET run.1", "1 OK executed ");
	wire_stop(&w, d);
}

#define MANY_RUNS 3000

/* On a full disk no run begins whose result could not be recorded: none runs
 * for the second time. */
static void
test_runs_on_a_full_disk(void **state)
{
	struct daemon *d = *state;
	struct stat st;
	struct wire w;

	if (geteuid() != 0 || !mount_small(d, 1000 * 1024))
		skip();
	daemon_set(d, "database.logfile_path=small/logfile");
	wire_start(&w, d);
	wire_shell_rule(&w, d, "r", "run", "echo >> ran");
	for (int i = 0; i < MANY_RUNS; i++)
		wire_sendf(&w, "1 SET run.%04d +2s\n", i);
	for (int i = 0; i < MANY_RUNS; i++)
		wire_expect(&w, "1 OK");
	(void)fill_disk(&w);
	while (strcmp(wire_row(&w, "1 INFO run.2999", "hold"), "storage") != 0)
		;
	wire_close(&w);
	daemon_stop(d); /* when all that began has been recorded */
	assert_int_equal(unlink(daemon_path(d, "small/ballast")), 0);
	wire_start(&w, d);
	while (wire_row_u64(&w, "1 STAT", "jobs_executed") < MANY_RUNS)
		;
	assert_int_equal(stat(daemon_path(d, "ran"), &st), 0);
	assert_int_equal(st.st_size, MANY_RUNS);
	wire_stop(&w, d);
}

static int
disk_teardown(void **state)
{
	struct daemon *d = *state;

	if (access(daemon_path(d, "small/."), F_OK) == 0)
		(void)umount2(daemon_path(d, "small"), MNT_DETACH);
	return daemon_teardown(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DAEMON_TEST(test_kill_loop),
		DAEMON_TEST(test_kill_loop_without_fsync),
		DAEMON_TEST(test_kill_at_start),
		DAEMON_TEST(test_rules_survive),
		DAEMON_TEST(test_truncated),
		DAEMON_TEST(test_bit_flips),
		DAEMON_TEST(test_bad_tails),
		DAEMON_TEST(test_damage_is_named),
		DAEMON_TEST(test_logfile_in_use),
		DAEMON_TEST(test_memory),
		DAEMON_TEST(test_file_size_limit),
		cmocka_unit_test_setup_teardown(test_runs_on_a_full_disk,
		    daemon_setup, disk_teardown),
		cmocka_unit_test_setup_teardown(test_disk_full, daemon_setup,
		    disk_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
