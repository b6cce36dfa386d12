/*
 * What a log is made of, and what may be wrong with it: a start, `tickd
 * check`, `tickd dump` and `tickd -n` tell the same, and what was mended goes
 * on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <dirent.h>

#include "daemon.h"
#include "tool.h"
#include "wire.h"

#define T_2100 "4102444800000000000"
#define IMAGE_JOBS 10u
#define LOG_JOBS 10u

static void
compress(struct wire *w)
{
	wire_ask(w, "1 COMPRESS", "1 OK");
	while (strcmp(wire_row(w, "1 STAT", "compression"), "success") != 0)
		(void)usleep(1000);
}

/* A log with jobs 00 to 09 in its image and 10 to 19 in its segment. */
static void
make_log(struct daemon *d)
{
	struct wire w;

	wire_start(&w, d);
	for (unsigned i = 0; i < IMAGE_JOBS + LOG_JOBS; i++) {
		if (i == IMAGE_JOBS)
			compress(&w);
		wire_sendf(&w, "1 SET job%02u " T_2100 "\n", i);
		wire_expect(&w, "1 OK");
	}
	wire_stop(&w, d);
}

static unsigned
count_jobs(struct daemon *d)
{
	struct wire w;
	unsigned n;

	wire_start(&w, d);
	n = (unsigned)wire_row_u64(&w, "1 STAT", "jobs_total");
	wire_stop(&w, d);
	return n;
}

/* The start is refused, and says where to look; so does check. */
static void
expect_damaged(struct daemon *d, const char *why)
{
	char hint[128];

	(void)snprintf(hint, sizeof(hint), "tickd check %s/logfile", d->dir);
	assert_int_equal(daemon_start_refused(d), 3);
	tool_expect_in(daemon_log(d), why);
	tool_expect_in(daemon_log(d), hint);
	tool_expect_said(d, "check logfile", 3, why);
	tool_expect_said(d, "check logfile", 3, "tickd check --repair logfile");
}

static void
expect_mended(struct daemon *d, const char *said, unsigned jobs)
{
	tool_expect_said(d, "check --repair logfile", 0, said);
	tool_expect_said(d, "check logfile", 0, "logfile: ok\n");
	assert_int_equal(count_jobs(d), jobs);
}

static int
setup_log(void **state)
{
	struct daemon *d;
	char path[128];

	if (daemon_setup(state) != 0)
		return -1;
	d = *state;
	(void)snprintf(path, sizeof(path), "database.logfile_path=%s/logfile",
	    d->dir);
	daemon_set(d, path);
	daemon_set(d, "health.polling_enabled=false");
	return 0;
}

#define LOG_TEST(f) \
	cmocka_unit_test_setup_teardown(f, setup_log, daemon_teardown)

static void
rename_file(const struct daemon *d, const char *from, const char *to)
{
	assert_int_equal(rename(daemon_path(d, from), daemon_path(d, to)), 0);
}

/* --- a start, a check and a repair --- */

static void
test_log_is_missing(void **state)
{
	struct daemon *d = *state;

	make_log(d);
	rename_file(d, "logfile", "away");
	expect_damaged(d,
	    "missing, but what is beside it goes up to record 10");
	/* It was not started, so nothing of it is in the way. */
	rename_file(d, "away", "logfile");
	assert_int_equal(count_jobs(d), 20);
	rename_file(d, "logfile", "away");
	expect_mended(d, "made, the next record is 11", 10);
}

static void
test_log_is_empty(void **state)
{
	struct daemon *d = *state;

	make_log(d);
	tool_write(daemon_path(d, "logfile"), "", 0);
	expect_damaged(d,
	    "has no header, but what is beside it goes up to record 10");
	expect_mended(d, "made, the next record is 11", 10);
}

static void
test_image_is_empty(void **state)
{
	struct daemon *d = *state;

	make_log(d);
	tool_write(daemon_path(d, "logfile.base"), "", 0);
	expect_damaged(d, "logfile.base: no header: nothing is in it");
	expect_mended(d, "records 1 to 10 are lost", 10);
}

static void
test_names_exchanged(void **state)
{
	struct daemon *d = *state;

	make_log(d);
	rename_file(d, "logfile", "spare");
	rename_file(d, "logfile.base", "logfile");
	rename_file(d, "spare", "logfile.base");
	expect_damaged(d, "a segment of a log, where its image should be");
	expect_mended(d, "has its own again", 20);
}

/* An image of another log, and one that goes beyond this one. */
static void
test_foreign_image(void **state)
{
	struct daemon *d = *state;
	size_t n;
	char *log, *image;

	make_log(d);
	log = tool_read(daemon_path(d, "logfile"), &n);
	rename_file(d, "logfile.base", "spare");
	assert_int_equal(unlink(daemon_path(d, "logfile")), 0);
	make_log(d);
	rename_file(d, "spare", "logfile.base");
	expect_damaged(d,
	    "logfile.base: belongs to another log than the files beside it");
	expect_mended(d, "records 1 to 10 are lost", 10);
	(void)unlink(daemon_path(d, "logfile.base.damaged"));
	free(log);

	assert_int_equal(unlink(daemon_path(d, "logfile")), 0);
	assert_int_equal(unlink(daemon_path(d, "logfile.base")), 0);
	make_log(d);
	log = tool_read(daemon_path(d, "logfile"), &n);
	{
		struct wire w;

		wire_start(&w, d);
		wire_ask(&w, "1 SET one.more " T_2100, "1 OK");
		compress(&w);
		wire_stop(&w, d);
	}
	tool_write(daemon_path(d, "logfile"), log, n); /* an older copy */
	expect_damaged(d,
	    "ends with record 20, but the image beside it goes up to record "
	    "21");
	expect_mended(d, "set aside, it is", 21);
	image = tool_read(daemon_path(d, "logfile.damaged"), &n);
	assert_memory_equal(image, log, n);
	free(image);
	free(log);
}

static void
test_no_files(void **state)
{
	static const char *const names[] = { "logfile", "logfile.base",
		"logfile.old", "logfile.new", "logfile.lock" };
	static const char *const what[] = { "a FIFO", "a folder",
		"a loop of symbolic links", "a symbolic link to nothing",
		"a device" };
	struct daemon *d = *state;

	make_log(d);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		for (size_t k = 0; k < sizeof(what) / sizeof(what[0]); k++) {
			char path[128], said[64];

			(void)snprintf(path, sizeof(path), "%s/%s", d->dir,
			    names[i]);
			(void)snprintf(said, sizeof(said), "not a file, but %s",
			    what[k]);
			(void)rename(path, daemon_path(d, "spare"));
			if (k == 0)
				assert_int_equal(mkfifo(path, 0600), 0);
			else if (k == 1)
				assert_int_equal(mkdir(path, 0700), 0);
			else
				assert_int_equal(symlink(k == 2 ? names[i]
							 : k == 3
							 ? "/no/such/file"
							 : "/dev/zero",
						     path),
				    0);
			tool_expect_said(d, "check logfile", 1, said);
			tool_expect_said(d, "dump logfile", 1, said);
			tool_expect_said(d, "check --repair logfile", 1,
			    i == 4 ? "logfile.lock" : said);
			assert_int_equal(daemon_start_refused(d), 1);
			if (i < 4)
				tool_expect_in(daemon_log(d), said);
			assert_int_equal(remove(path), 0);
			(void)rename(daemon_path(d, "spare"), path);
		}
	assert_int_equal(count_jobs(d), 20);
}

/* --- behind the damage --- */

/* What the report tells to do with what could be read behind the damage. */
static void
test_behind(void **state)
{
	struct daemon *d = *state;
	char *log, *line, *save = NULL;
	struct tool t;
	struct wire w;
	size_t n;

	wire_start(&w, d);
	wire_ask(&w, "1 RULE SET r early direct /bin/true", "1 OK");
	wire_ask(&w, "1 SET job.gone " T_2100, "1 OK");
	wire_ask(&w, "1 SET job.hit " T_2100, "1 OK");
	wire_ask(&w, "1 SET early " T_2100, "1 OK");
	wire_ask(&w, "1 SET job.kept " T_2100, "1 OK");
	wire_ask(&w, "1 REMOVE job.gone", "1 OK");
	wire_ask(&w, "1 RUN early", "1 OK");
	wire_until(&w, "1 GET early", "1 OK executed ");
	wire_ask(&w, "1 RULE SET s job. direct /bin/true", "1 OK");
	wire_stop(&w, d);
	log = tool_read(daemon_path(d, "logfile"), &n);
	line = memmem(log, n, "job.hit", 7);
	assert_non_null(line);
	line[0] ^= 1;
	tool_write(daemon_path(d, "logfile"), log, n);
	free(log);

	assert_int_equal(daemon_start_refused(d), 3);
	tool_run(&t, d, "check --repair logfile");
	assert_int_equal(t.status, 0);
	tool_expect_in(t.out, "kept in logfile.behind\n");
	tool_expect_in(t.out,
	    "look at them: tickd dump --all logfile.behind\n");
	tool_expect_in(t.out,
	    "tickd dump --changes logfile.behind | sed 's/^/1 /' | nc -N "
	    "localhost 5678\n");
	tool_free(&t);
	tool_expect_said(d, "check logfile.behind", 0, "logfile.behind: ok\n");
	tool_expect_said(d, "dump --all logfile.behind", 0,
	    " REMOVE job.gone\n");
	tool_run(&t, d, "dump --changes logfile.behind");
	assert_int_equal(t.status, 0);
	assert_string_equal(t.out,
	    "REMOVE job.gone\n"
	    "REMOVE early\n"
	    "RULE SET s job. direct /bin/true\n"
	    "SET job.kept " T_2100 "\n");
	wire_start(&w, d);
	assert_int_equal(wire_row_u64(&w, "1 STAT", "jobs_total"), 1);
	for (line = strtok_r(t.out, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		wire_sendf(&w, "1 %s\n", line);
		(void)wire_line(&w);
	}
	tool_free(&t);
	wire_ask(&w, "1 GET job.kept", "1 OK planned " T_2100);
	wire_ask_start(&w, "1 GET job.gone", "1 ERROR not_found");
	wire_ask_start(&w, "1 GET early", "1 ERROR not_found");
	wire_stop(&w, d);
}

/* --- dump --- */

/* Jobs that have ended do not run again elsewhere. */
static void
test_ended(void **state)
{
	static const char to_come[] = "RULE SET r done direct /bin/true\n"
				      "RULE SET s failed direct /bin/false\n"
				      "SET planned " T_2100 "\n"
				      "ALERT SET cpu_warning 77\n";
	struct daemon *d = *state;
	struct tool t;
	struct wire w;

	wire_start(&w, d);
	wire_ask(&w, "1 RULE SET r done direct /bin/true", "1 OK");
	wire_ask(&w, "1 RULE SET s failed direct /bin/false", "1 OK");
	wire_ask(&w, "1 ALERT SET cpu_warning 77", "1 OK");
	wire_ask(&w, "1 SET done now", "1 OK");
	wire_ask(&w, "1 SET failed now", "1 OK");
	wire_until(&w, "1 GET done", "1 OK executed ");
	wire_until(&w, "1 GET failed", "1 OK failed ");
	compress(&w);
	wire_ask(&w, "1 SET planned " T_2100, "1 OK");
	wire_stop(&w, d);
	tool_expect(d, "dump logfile", 0, to_come);
	tool_expect(d, "dump --compact logfile", 0, to_come);
	tool_expect(d, "dump logfile.base", 0, to_come);
	tool_run(&t, d, "dump --ended logfile");
	assert_int_equal(t.status, 0);
	tool_expect_in(t.out, "SET done ");
	tool_expect_in(t.out, "SET failed ");
	tool_expect_in(t.out, "SET planned ");
	tool_free(&t);
	tool_run(&t, d, "dump --format json logfile");
	tool_expect_in(t.out, "\"identifier\":\"planned\"");
	tool_expect_in(t.out, "\"kind\":\"threshold\"");
	assert_null(strstr(t.out, "\"identifier\":\"done\""));
	assert_null(strstr(t.out, "history"));
	tool_free(&t);
	tool_expect_said(d, "dump --compact --ended --format json logfile", 0,
	    "\"status\":\"executed\"");
	tool_expect_said(d, "dump --compact --format json logfile", 0,
	    "\"kind\":\"history\"");
}

/* An image of another log is not mixed in. */
static void
test_dump_foreign(void **state)
{
	struct daemon *d = *state;
	struct tool t;

	make_log(d);
	rename_file(d, "logfile.base", "spare");
	assert_int_equal(unlink(daemon_path(d, "logfile")), 0);
	make_log(d);
	rename_file(d, "spare", "logfile.base");
	tool_run(&t, d, "dump logfile");
	assert_int_equal(t.status, 1);
	tool_expect_in(t.err, "belongs to another log");
	tool_expect_in(t.err, "begins with record 11");
	assert_null(strstr(t.out, "job00"));
	tool_expect_in(t.out, "SET job10 ");
	tool_free(&t);
}

/* --- starts that fail --- */

/* The names in the server's folder, but for what the test itself keeps. */
static void
expect_files(const struct daemon *d, const char *expected)
{
	DIR *dir = opendir(d->dir);
	struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		char name[300];

		if (entry->d_name[0] == '.' ||
		    strcmp(entry->d_name, "stderr.log") == 0 ||
		    strcmp(entry->d_name, "tickd.conf") == 0)
			continue;
		(void)snprintf(name, sizeof(name), " %s ", entry->d_name);
		if (strstr(expected, name) == NULL)
			fail_msg("%s is there", entry->d_name);
	}
	(void)closedir(dir);
}

static void
test_nothing_is_left(void **state)
{
	struct daemon *d = *state, other;
	char listen[256];

	daemon_init(&other);
	daemon_start(&other);
	(void)snprintf(listen, sizeof(listen),
	    "controller.listen=unix:%s/socket,127.0.0.1:%d", d->dir,
	    other.port);
	daemon_set(d, listen);
	assert_int_equal(daemon_start_refused(d), 1);
	expect_files(d, "");
	tool_write(daemon_path(d, "logfile"), "garbage that is no log", 22);
	assert_int_equal(daemon_start_refused(d), 3);
	expect_files(d, " logfile ");
	daemon_stop(&other);
	daemon_fini(&other);
}

static void
test_config_check(void **state)
{
	struct daemon *d = *state;
	const char *file = daemon_path(d, "file");
	char words[256];

	tool_write(file, "x", 1);
	(void)snprintf(words, sizeof(words),
	    "-n --set database.logfile_path=%s/logfile", d->dir);
	tool_expect(d, words, 0, "configuration ok\n");
	expect_files(d, " file ");
	tool_expect_said(d, "-n --set database.logfile_path=/no/such/log", 2,
	    "--set database.logfile_path: folder /no/such/: No such file");
	tool_expect_said(d, "-n --set database.logfile_path=file/log", 2,
	    "--set database.logfile_path: folder file/: Not a directory");
	tool_expect_said(d, "-n --set controller.listen=unix:/no/such/socket",
	    2, "controller.listen: folder /no/such/: No such file");
	(void)snprintf(words, sizeof(words),
	    "-n --set controller.listen=unix:%s", file);
	tool_expect_said(d, words, 2, "exists and is no socket");
	tool_expect_said(d, "-n --set controller.auth_file=/no/such/file", 2,
	    "/no/such/file");
	assert_int_equal(mkfifo(daemon_path(d, "logfile"), 0600), 0);
	tool_expect_said(d, "-n", 2, "logfile: not a file, but a FIFO");
}

/* --- usage --- */

static void
test_usage(void **state)
{
	static const struct {
		const char *words, *said;
	} wrong[] = {
		{ "dump", "no file is named" },
		{ "check --repair", "no file is named" },
		{ "dump --format xml x",
		    "--format takes text or json, not \"xml\"" },
		{ "dump --format", "no value for option \"--format\"" },
		{ "dump --nonsense x", "unknown option \"--nonsense\"" },
		{ "dump --all=x y", "no value is taken by option \"--all=x\"" },
		{ "dump --all --compact x",
		    "only one of --all, --changes and --compact" },
		{ "dump --follow --compact x", "not with --compact" },
		{ "dump --all --ended x", "--ended does not go with --all" },
		{ "check -x y", "unknown option" },
		{ "chekc logfile", "unknown command chekc" },
	};
	struct tool t;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		tool_run(&t, *state, wrong[i].words);
		if (t.status != 2)
			fail_msg("%s: exit %d", wrong[i].words, t.status);
		assert_string_equal(t.out, "");
		tool_expect_in(t.err, wrong[i].said);
		tool_free(&t);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LOG_TEST(test_log_is_missing),
		LOG_TEST(test_log_is_empty),
		LOG_TEST(test_image_is_empty),
		LOG_TEST(test_names_exchanged),
		LOG_TEST(test_foreign_image),
		LOG_TEST(test_no_files),
		LOG_TEST(test_behind),
		LOG_TEST(test_ended),
		LOG_TEST(test_dump_foreign),
		LOG_TEST(test_nothing_is_left),
		LOG_TEST(test_config_check),
		LOG_TEST(test_usage),
	};

	return cmocka_run_group_tests_name("logs", tests, NULL, NULL);
}
