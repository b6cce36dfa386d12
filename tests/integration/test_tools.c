/* `tickd dump` and `tickd check` on the files of a real server. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "daemon.h"
#include "prng.h"
#include "record.h"
#include "tool.h"
#include "wire.h"

#define T_2100 "4102444800000000000"

static void
test_usage(void **state)
{
	static const char *const wrong[] = { "dump", "check", "dump --all",
		"dump --nonsense x", "dump --format xml x", "dump --format",
		"dump --all --compact x", "dump --compact --follow x",
		"check --repair", "check --repair=1 x", "check -x y" };
	struct tool t;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		tool_run(&t, *state, wrong[i]);
		if (t.status != 2)
			fail_msg("%s: exit %d", wrong[i], t.status);
		assert_string_equal(t.out, "");
		tool_expect_in(t.err, "usage: tickd ");
		tool_free(&t);
	}
}

static void
test_missing(void **state)
{
	struct tool t;

	tool_run(&t, *state, "dump nothing");
	assert_int_equal(t.status, 1);
	tool_expect_in(t.err, "tickd dump: nothing: open: No such file");
	tool_free(&t);
	tool_run(&t, *state, "check nothing");
	assert_int_equal(t.status, 1);
	tool_expect_in(t.err, "tickd check: nothing: open: No such file");
	tool_free(&t);
}

static const struct step writes[] = {
	{ "1 RULE SET r.a a. shell \"echo \\\"x y\\\"\"", "1 OK" },
	{ "1 RULE SET r.b b. direct /bin/echo \"\" z", "1 OK" },
	{ "1 SET a.1 " T_2100 " PAYLOAD \"p\\n\\\"q\\\"\"", "1 OK" },
	{ "1 SET b.1 " T_2100, "1 OK" },
	{ "1 SET b.2 " T_2100, "1 OK" },
	{ "1 REMOVE b.1", "1 OK" },
	{ "1 RULE PAUSE r.a", "1 OK" },
	{ 0 },
};

static const char compact[] = "RULE SET r.a a. shell \"echo \\\"x y\\\"\"\n"
			      "RULE PAUSE r.a\n"
			      "RULE SET r.b b. direct /bin/echo \"\" z\n"
			      "SET a.1 " T_2100 " PAYLOAD \"p\\n\\\"q\\\"\"\n"
			      "SET b.2 " T_2100 "\n";

static const char compressed[] =
    "RULE SET r.a a. shell \"echo \\\"x y\\\"\"\n"
    "RULE PAUSE r.a\n"
    "RULE SET r.b b. direct /bin/echo \"\" z\n"
    "SET a.1 " T_2100 " PAYLOAD \"p\\n\\\"q\\\"\"\n"
    "SET b.2 " T_2100 "\n"
    "SET c " T_2100 "\n";

/* While a server writes, after it is gone, and in an image, by whichever of
 * its files it is called. */
static void
test_dump(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	wire_play(&w, writes);
	tool_expect(d, "dump logfile", 0, compact);
	tool_expect(d, "dump --compact logfile", 0, compact);
	wire_ask(&w, "1 COMPRESS", "1 OK");
	wire_until(&w, "1 SET c " T_2100, "1 OK");
	while (strcmp(wire_row(&w, "1 STAT", "compression"), "success") != 0)
		(void)usleep(1000);
	wire_stop(&w, d);
	tool_expect(d, "dump logfile", 0, compressed);
	tool_expect(d, "dump logfile.base", 0, compressed);
	tool_expect(d, "dump logfile.old logfile.base logfile", 0, compressed);
	tool_expect(d, "dump --compact logfile", 0, compressed);
	assert_int_equal(rename(daemon_path(d, "logfile.base"),
			     daemon_path(d, "other.base")),
	    0);
	tool_expect(d, "dump other.base", 0, compact);
}

/* What a dump prints sets up a server that holds the same. */
static void
test_dump_again(void **state)
{
	struct daemon *d = *state, second;
	struct wire w;
	struct tool t;
	char *save = NULL;

	wire_start(&w, d);
	wire_play(&w, writes);
	wire_stop(&w, d);
	tool_run(&t, d, "dump logfile");
	daemon_init(&second);
	wire_start(&w, &second);
	for (char *line = strtok_r(t.out, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		wire_sendf(&w, "7 %s\n", line);
		wire_expect(&w, "7 OK");
	}
	wire_stop(&w, &second);
	tool_expect(&second, "dump logfile", 0, compact);
	tool_expect(&second, "dump --compact logfile", 0, compact);
	daemon_fini(&second);
	tool_free(&t);
}

/* The settings, too, make the same server elsewhere. */
static void
test_settings_again(void **state)
{
	static const struct step settings[] = {
		{ "1 ALERT SET cpu_warning 77", "1 OK" },
		{ "1 ALERT SET cpu_warning 77.5", "1 OK" },
		{ "1 INTEGRATION SET gone tcp 127.0.0.1:1", "1 OK" },
		{ "1 INTEGRATION SET i exec /bin/echo \"a b\" \"\"", "1 OK" },
		{ "1 INTEGRATION REMOVE gone", "1 OK" },
		{ 0 },
	};
	struct daemon *d = *state, second;
	struct wire w;
	struct tool first;
	char *lines, *save = NULL;

	daemon_set(d, "health.polling_enabled=false");
	wire_start(&w, d);
	wire_play(&w, writes);
	wire_play(&w, settings);
	wire_stop(&w, d);
	tool_run(&first, d, "dump --compact logfile");
	assert_non_null(strstr(first.out,
	    "ALERT SET cpu_warning 77.5\n"
	    "INTEGRATION SET i exec /bin/echo \"a b\" \"\"\n"));
	daemon_init(&second);
	daemon_set(&second, "health.polling_enabled=false");
	wire_start(&w, &second);
	assert_non_null(lines = strdup(first.out));
	for (char *line = strtok_r(lines, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		wire_sendf(&w, "7 %s\n", line);
		wire_expect(&w, "7 OK");
	}
	wire_stop(&w, &second);
	tool_expect(&second, "dump --compact logfile", 0, first.out);
	daemon_fini(&second);
	tool_free(&first);
	free(lines);
}

/* The member of a JSON line as text; numbers in decimal. */
static const char *
member(const json_t *object, const char *key)
{
	static char number[32];
	const json_t *v = json_object_get(object, key);

	if (json_is_integer(v)) {
		(void)snprintf(number, sizeof(number), "%lld",
		    (long long)json_integer_value(v));
		return number;
	}
	return json_is_string(v) ? json_string_value(v) : "";
}

static void
test_json(void **state)
{
	static const struct {
		const char *type, *identifier;
	} expected[] = { { "rule_set", "r.a" }, { "rule_set", "r.b" },
		{ "set", "a.1" }, { "set", "b.1" }, { "set", "b.2" },
		{ "remove", "b.1" }, { "rule_pause", "r.a" },
		{ "trigger", "b.2" }, { "start", "b.2" }, { "finish", "b.2" },
		/* The history, at the stop: who, and what today. */
		{ "entry_set", "00000000" }, { "entry_set", NULL } };
	struct daemon *d = *state;
	char *save = NULL, *line;
	size_t n = 0;
	struct wire w;
	struct tool t;

	wire_start(&w, d);
	wire_play(&w, writes);
	wire_ask(&w, "1 RUN b.2", "1 OK");
	wire_until(&w, "1 GET b.2", "1 OK executed ");
	wire_stop(&w, d);
	tool_run(&t, d, "dump --all --format json logfile");
	assert_int_equal(t.status, 0);
	for (line = strtok_r(t.out, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save), n++) {
		json_t *o = json_loads(line,
		    JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);

		assert_non_null(o);
		assert_true(n < sizeof(expected) / sizeof(expected[0]));
		assert_string_equal(member(o, "type"), expected[n].type);
		if (expected[n].identifier != NULL)
			assert_string_equal(member(o, "identifier"),
			    expected[n].identifier);
		assert_int_equal(json_integer_value(json_object_get(o, "seq")),
		    n + 1);
		if (n == 2) {
			assert_string_equal(member(o, "execution"), T_2100);
			assert_string_equal(member(o, "payload"), "p\n\"q\"");
			assert_string_equal(member(o, "status"), "planned");
		}
		if (n == 9)
			assert_string_equal(member(o, "outcome"), "success");
		json_decref(o);
	}
	assert_int_equal(n, 12);
	tool_free(&t);
}

/* Wait until the output of the tool that runs is this. */
static void
await_out(const struct daemon *d, const char *text)
{
	for (int i = 0; i < DEADLINE_MS / 10; i++) {
		char *out = tool_read(daemon_path(d, "out"), NULL);
		bool same = strcmp(out, text) == 0;

		free(out);
		if (same)
			return;
		(void)usleep(10000);
	}
	fail_msg("never printed: %s", text);
}

static void
test_follow(void **state)
{
	struct daemon *d = *state;
	struct wire w;
	struct tool t;

	wire_start(&w, d);
	wire_ask(&w, "1 SET a " T_2100, "1 OK");
	tool_start(&t, d, "dump --follow logfile");
	while (access(daemon_path(d, "out"), F_OK) == -1)
		(void)usleep(1000);
	await_out(d, "SET a " T_2100 "\n");
	wire_ask(&w, "1 SET b " T_2100, "1 OK");
	await_out(d, "SET a " T_2100 "\nSET b " T_2100 "\n");
	wire_ask(&w, "1 COMPRESS", "1 OK"); /* a new segment */
	wire_ask(&w, "1 REMOVE a", "1 OK");
	await_out(d, "SET a " T_2100 "\nSET b " T_2100 "\nREMOVE a\n");
	daemon_kill(d);
	wire_close(&w);
	wire_start(&w, d);
	wire_ask(&w, "1 REMOVE b", "1 OK");
	await_out(d,
	    "SET a " T_2100 "\nSET b " T_2100 "\nREMOVE a\nREMOVE b\n");
	assert_int_equal(kill(t.pid, SIGTERM), 0);
	tool_end(&t, d);
	assert_int_equal(t.status, 0);
	assert_string_equal(t.err, "");
	tool_free(&t);
	wire_stop(&w, d);
}

static void
test_output_closed(void **state)
{
	struct daemon *d = *state;
	const char *path = getenv("TICKD");
	char command[512], *text;
	struct wire w;

	wire_start(&w, d);
	wire_play(&w, writes);
	wire_stop(&w, d);
	(void)snprintf(command, sizeof(command),
	    "{ sleep 0.1; %s dump %s; echo $? >%s; } | true",
	    path == NULL ? "build/tickd" : path, daemon_path(d, "logfile"),
	    daemon_path(d, "status"));
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): fixed */
	text = tool_read(daemon_path(d, "status"), NULL);
	assert_string_equal(text, "0\n");
	free(text);
}

static void
test_check_in_use(void **state)
{
	struct daemon *d = *state;
	struct tool t;
	struct wire w;

	wire_start(&w, d);
	wire_play(&w, writes);
	tool_run(&t, d, "check logfile");
	assert_int_equal(t.status, 0);
	tool_expect_in(t.out, "7 records, 1 to 7");
	tool_expect_in(t.out, "logfile: ok\n");
	tool_free(&t);
	tool_run(&t, d, "check --repair logfile");
	assert_int_equal(t.status, 4);
	tool_expect_in(t.err, "a server uses it");
	tool_free(&t);
	wire_stop(&w, d);
}

/* --- one wrong bit --- */

#define JOBS 300u
#define FLIPS 60u

/* Where each record of the log ends. */
static size_t
find_ends(const char *log, size_t n, size_t *ends)
{
	size_t at = LOG_HEADER_LEN, n_records = 0;
	struct record r;

	while (n_records < JOBS && at + RECORD_HEADER_LEN < n) {
		record_view((const unsigned char *)log + at, &r);
		at += r.len;
		ends[n_records++] = at;
	}
	return n_records;
}

/* How many jobs the server lists, which must be j0000 and those behind it. */
static unsigned
count_jobs(struct daemon *d)
{
	char expected[64];
	unsigned n = 0;
	struct wire w;
	char *line;

	wire_start(&w, d);
	wire_send(&w, "1 QUERY\n");
	while (strcmp(line = wire_line(&w), "1 OK") != 0) {
		(void)snprintf(expected, sizeof(expected),
		    "1 j%04u planned " T_2100, n++);
		assert_string_equal(line, expected);
	}
	wire_stop(&w, d);
	return n;
}

/* A log with one bit wrong: refused, found, and mended to what is before. */
static void
mend_one(struct daemon *d, size_t damage_at, unsigned before)
{
	char place[64];
	struct tool t;

	assert_int_equal(daemon_start_refused(d), 3);
	tool_run(&t, d, "check logfile");
	assert_int_equal(t.status, 3);
	if (damage_at >= LOG_HEADER_LEN) {
		(void)snprintf(place, sizeof(place), "damaged at offset %zu",
		    damage_at);
		tool_expect_in(daemon_log(d), place);
		tool_expect_in(t.out, place);
	} else {
		tool_expect_in(t.out, "damaged header: one bit is wrong");
	}
	tool_free(&t);
	tool_run(&t, d, "check --repair logfile");
	assert_int_equal(t.status, 0);
	tool_free(&t);
	assert_int_equal(count_jobs(d), before);
	assert_int_equal(unlink(daemon_path(d, "logfile.damaged")), 0);
}

static void
test_bit_flips(void **state)
{
	struct daemon *d = *state;
	struct prng rng = { .state = 815 };
	static size_t ends[JOBS];
	struct wire w;
	char *log;
	size_t n;

	wire_start(&w, d);
	for (unsigned i = 0; i < JOBS; i++) {
		wire_sendf(&w, "1 SET j%04u " T_2100 "\n", i);
		wire_expect(&w, "1 OK");
	}
	wire_stop(&w, d);
	log = tool_read(daemon_path(d, "logfile"), &n);
	assert_int_equal(find_ends(log, n, ends), JOBS);
	for (unsigned i = 0; i < FLIPS; i++) {
		/* The header now and then; it is small. */
		uint32_t limit =
		    i % 10 == 0 ? LOG_HEADER_LEN * 8 : (uint32_t)n * 8 * 2 / 3;
		size_t bit = prng_below(&rng, limit), at = 0;
		unsigned before = 0;

		if (bit / 8 < LOG_HEADER_LEN) {
			before = JOBS;
		} else {
			while (ends[before] <= bit / 8)
				before++;
			at = before == 0 ? LOG_HEADER_LEN : ends[before - 1];
		}
		log[bit / 8] = (char)(log[bit / 8] ^ 1 << bit % 8);
		tool_write(daemon_path(d, "logfile"), log, n);
		log[bit / 8] = (char)(log[bit / 8] ^ 1 << bit % 8);
		mend_one(d, at, before);
	}
	free(log);
}

/* An image with a hole: all other jobs are there, and it says which are not. */
static void
test_image_hole(void **state)
{
	struct daemon *d = *state;
	size_t n, at;
	struct wire w;
	struct tool t;
	char *image;
	uint64_t left;

	wire_start(&w, d);
	for (unsigned i = 0; i < 20000; i++)
		wire_sendf(&w, "1 SET job.%06u.%08x " T_2100 "\n", i,
		    i * 2654435761u);
	for (unsigned i = 0; i < 20000; i++)
		wire_expect(&w, "1 OK");
	wire_ask(&w, "1 COMPRESS", "1 OK");
	while (strcmp(wire_row(&w, "1 STAT", "compression"), "success") != 0)
		(void)usleep(1000);
	wire_stop(&w, d);
	image = tool_read(daemon_path(d, "logfile.base"), &n);
	at = n / 2;
	image[at] ^= 1;
	tool_write(daemon_path(d, "logfile.base"), image, n);
	free(image);

	assert_int_equal(daemon_start_refused(d), 3);
	tool_expect_in(daemon_log(d), "logfile.base");
	tool_run(&t, d, "check --repair logfile.base logfile");
	assert_int_equal(t.status, 0);
	tool_expect_in(t.out, "checksum does not match; ");
	tool_expect_in(t.out, " entries lost, behind job.");
	tool_free(&t);
	wire_start(&w, d);
	left = wire_row_u64(&w, "1 STAT", "jobs_total");
	assert_in_range(left, 10000, 19999);
	wire_ask(&w, "1 GET job.000000.00000000", "1 OK planned " T_2100);
	wire_ask_start(&w, "1 QUERY job.019999", "1 job.019999.");
	wire_expect(&w, "1 OK");
	wire_stop(&w, d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DAEMON_TEST(test_usage),
		DAEMON_TEST(test_missing),
		DAEMON_TEST(test_dump),
		DAEMON_TEST(test_dump_again),
		DAEMON_TEST(test_settings_again),
		DAEMON_TEST(test_json),
		DAEMON_TEST(test_follow),
		DAEMON_TEST(test_output_closed),
		DAEMON_TEST(test_check_in_use),
		DAEMON_TEST(test_bit_flips),
		DAEMON_TEST(test_image_hole),
	};

	return cmocka_run_group_tests_name("tools", tests, NULL, NULL);
}
