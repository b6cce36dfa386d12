/* What `tickd dump` prints, of files made here. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>
#include <jansson.h>

#include "dump.h"
#include "history.h"
#include "log_maker.h"
#include "request.h"
#include "tstamp.h"

#define T "4102444800000000000"

static atomic_bool stop;

/* One way of calling it, and what came out. */
struct call {
	struct dump_options options;
	enum dump_result result; /* of the last file */
	struct err e;
	char *text; /* owned */
};

static const char *
word(unsigned outcome)
{
	return outcome == 1 ? "success" : outcome == 2 ? "failure" : NULL;
}

static void
call_init(struct call *c)
{
	memset(c, 0, sizeof(*c));
	c->options.fd = memfd_create("dump", MFD_CLOEXEC);
	assert_int_not_equal(c->options.fd, -1);
	c->options.outcome = word;
	c->options.stop = &stop;
}

/* The output so far. */
static const char *
call_text(struct call *c)
{
	off_t n = lseek(c->options.fd, 0, SEEK_END);

	free(c->text);
	c->text = malloc((size_t)n + 1);
	assert_non_null(c->text);
	assert_int_equal(pread(c->options.fd, c->text, (size_t)n, 0), n);
	c->text[n] = '\0';
	return c->text;
}

static void
call_fini(struct call *c)
{
	(void)close(c->options.fd);
	free(c->text);
}

/* Dump the files, the last argument being NULL; returns the output. */
static const char *
dump_of(struct call *c, ...)
{
	struct dump *d = dump_new(&c->options, &c->e);
	const char *path, *next;
	struct err e;
	va_list ap;

	assert_non_null(d);
	va_start(ap, c);
	for (path = va_arg(ap, const char *); path != NULL; path = next) {
		next = va_arg(ap, const char *);
		c->result = dump_file(d, path, next, &c->e);
	}
	va_end(ap);
	assert_int_equal(dump_finish(d, &e), DUMP_DONE);
	dump_free(d);
	return call_text(c);
}

/* One of each record. */
static void
make_all_kinds(const char *path)
{
	struct record_run run = { .job = slice_str("a"),
		.rule = slice_str("r"),
		.execution_id = 9,
		.attempt = 1,
		.started_ns = 1000 };
	struct record_set s = { .job = slice_str("c"),
		.due_ns = MAKER_DUE,
		.cron = slice_str("0 2 * * 1"),
		.zone = slice_str("Europe/Berlin"),
		.until_ns = MAKER_DUE + 5,
		.jitter_ns = 90 * NS_PER_S,
		.payload = slice_str("x \"y\"\n\xff\xc3\xbc") };
	struct log_maker m;

	log_begin(&m, path, 1, 1);
	log_rule(&m, "r", "a", "shell\techo 1 2\t--\ttimeout=5s\tenv=A=b c",
	    true);
	log_set(&m, "a");
	log_set_plan(&m, &s);
	log_set_plan(&m,
	    &(struct record_set){ .job = slice_str("e"),
		.due_ns = MAKER_DUE,
		.every_ns = 3600 * NS_PER_S });
	log_commit(&m);
	log_run(&m, RECORD_JOB_TRIGGER, &run);
	log_run(&m, RECORD_JOB_START, &run);
	run.ended_ns = 2000;
	run.outcome = 2;
	run.exit = 3;
	run.flags = RECORD_FINISH_RETRY;
	run.next_due_ns = 7000;
	log_run(&m, RECORD_JOB_FINISH, &run);
	run.rule = slice_str("");
	run.outcome = 77;
	run.exit = RECORD_EXIT_NONE;
	run.flags = RECORD_FINISH_ORPHAN | RECORD_FINISH_SILENT;
	run.next_due_ns = 0;
	run.reason = slice_str("no \"x\"");
	log_run(&m, RECORD_JOB_FINISH, &run);
	log_name(&m, RECORD_JOB_REMOVE, "a");
	log_pause(&m, "r", false);
	log_pause(&m, "r", true);
	log_name(&m, RECORD_RULE_REMOVE, "r");
	log_end(&m);
}

#define RULE_LINES                                  \
	"RULE SET r a shell \"echo 1 2\"\n"         \
	"RULE OPTIONS r timeout=5s \"env=A=b c\"\n" \
	"RULE PAUSE r\n"
#define SET_C                                                               \
	"SET c " T " CRON \"0 2 * * 1\" TZ Europe/Berlin UNTIL "            \
	"4102444800000000005 JITTER 1m30s PAYLOAD \"x \\\"y\\\"\\n\xff\xc3" \
	"\xbc\"\n"

static void
test_text(void **state)
{
	const char *path = folder_path(*state, "log");
	struct call c;

	make_all_kinds(path);
	call_init(&c);
	assert_string_equal(dump_of(&c, path, NULL),
	    RULE_LINES "SET a " T "\n" SET_C "SET e " T " EVERY 1h\n"
		       "REMOVE a\n"
		       "RULE RESUME r\n"
		       "RULE PAUSE r\n"
		       "REMOVERULE r\n");
	assert_int_equal(c.result, DUMP_DONE);
	assert_string_equal(c.e.msg, "");
	call_fini(&c);
}

static void
test_all(void **state)
{
	const char *path = folder_path(*state, "log");
	struct call c;

	make_all_kinds(path);
	call_init(&c);
	c.options.all = true;
	assert_string_equal(dump_of(&c, path, NULL),
	    "1 RULE SET r a shell \"echo 1 2\"\n"
	    "1 RULE OPTIONS r timeout=5s \"env=A=b c\"\n"
	    "1 RULE PAUSE r\n"
	    "2 SET a " T "\n"
	    "3 " SET_C "4 SET e " T " EVERY 1h\n"
	    "5 TRIGGER a 9 due\n"
	    "6 START a 9 1 r 1000\n"
	    "7 FINISH a 9 1 r 1000 failure 3 2000 RETRY 7000\n"
	    "8 FINISH a 9 1 - 1000 77 - 2000 ORPHAN SILENT REASON "
	    "\"no \\\"x\\\"\"\n"
	    "9 REMOVE a\n"
	    "10 RULE RESUME r\n"
	    "11 RULE PAUSE r\n"
	    "12 REMOVERULE r\n");
	call_fini(&c);
}

/* Runs that leave the plan of their job as it is. */
static void
test_beside(void **state)
{
	struct record_run run = { .job = slice_str("a"),
		.execution_id = 9,
		.due_ns = 5,
		.next_due_ns = MAKER_DUE,
		.flags = RECORD_TRIGGER_BESIDE };
	const char *path = folder_path(*state, "log");
	struct log_maker m;
	struct call c;

	log_begin(&m, path, 1, 1);
	log_set(&m, "a");
	log_run(&m, RECORD_JOB_TRIGGER, &run);
	run.execution_id = 10;
	run.flags |= RECORD_TRIGGER_MANUAL;
	log_run(&m, RECORD_JOB_TRIGGER, &run);
	log_end(&m);
	call_init(&c);
	c.options.all = true;
	assert_string_equal(dump_of(&c, path, NULL),
	    "1 SET a " T "\n"
	    "2 TRIGGER a 9 due AT 5 PLAN " T "\n"
	    "3 TRIGGER a 10 manual AT 5 PLAN " T "\n");
	call_fini(&c);
	call_init(&c);
	c.options.all = c.options.json = true;
	assert_string_equal(dump_of(&c, path, NULL),
	    "{\"type\":\"set\",\"seq\":1,\"identifier\":\"a\","
	    "\"execution\":" T ",\"status\":\"planned\"}\n"
	    "{\"type\":\"trigger\",\"seq\":2,\"identifier\":\"a\","
	    "\"execution_id\":9,\"manual\":false,\"execution\":5,"
	    "\"next_execution\":" T "}\n"
	    "{\"type\":\"trigger\",\"seq\":3,\"identifier\":\"a\","
	    "\"execution_id\":10,\"manual\":true,\"execution\":5,"
	    "\"next_execution\":" T "}\n");
	call_fini(&c);
}

static void
test_json(void **state)
{
	const char *path = folder_path(*state, "log");
	struct call c;

	make_all_kinds(path);
	call_init(&c);
	c.options.all = c.options.json = true;
	assert_string_equal(dump_of(&c, path, NULL),
	    "{\"type\":\"rule_set\",\"seq\":1,\"identifier\":\"r\","
	    "\"pattern\":\"a\",\"runner\":\"shell\","
	    "\"arguments\":[\"echo 1 2\"],"
	    "\"options\":[\"timeout=5s\",\"env=A=b c\"],\"paused\":true}\n"
	    "{\"type\":\"set\",\"seq\":2,\"identifier\":\"a\","
	    "\"execution\":" T ",\"status\":\"planned\"}\n"
	    "{\"type\":\"set\",\"seq\":3,\"identifier\":\"c\","
	    "\"execution\":" T ",\"status\":\"planned\","
	    "\"cron\":\"0 2 * * 1\",\"timezone\":\"Europe/Berlin\","
	    "\"until_ns\":4102444800000000005,\"jitter_ns\":90000000000,"
	    "\"payload\":\"x \\\"y\\\"\\u000a\\u00ff\xc3\xbc\"}\n"
	    "{\"type\":\"set\",\"seq\":4,\"identifier\":\"e\","
	    "\"execution\":" T ",\"status\":\"planned\","
	    "\"every_ns\":3600000000000}\n"
	    "{\"type\":\"trigger\",\"seq\":5,\"identifier\":\"a\","
	    "\"execution_id\":9,\"manual\":false}\n"
	    "{\"type\":\"start\",\"seq\":6,\"identifier\":\"a\","
	    "\"execution_id\":9,\"attempt\":1,\"rule\":\"r\","
	    "\"started_ns\":1000}\n"
	    "{\"type\":\"finish\",\"seq\":7,\"identifier\":\"a\","
	    "\"execution_id\":9,\"attempt\":1,\"rule\":\"r\","
	    "\"started_ns\":1000,\"ended_ns\":2000,\"outcome\":\"failure\","
	    "\"exit\":3,\"next_execution\":7000,\"retry\":true,"
	    "\"orphan\":false,\"silent\":false}\n"
	    "{\"type\":\"finish\",\"seq\":8,\"identifier\":\"a\","
	    "\"execution_id\":9,\"attempt\":1,\"started_ns\":1000,"
	    "\"ended_ns\":2000,\"outcome\":77,\"retry\":false,"
	    "\"orphan\":true,\"silent\":true,\"reason\":\"no \\\"x\\\"\"}\n"
	    "{\"type\":\"remove\",\"seq\":9,\"identifier\":\"a\"}\n"
	    "{\"type\":\"rule_pause\",\"seq\":10,\"identifier\":\"r\","
	    "\"paused\":false}\n"
	    "{\"type\":\"rule_pause\",\"seq\":11,\"identifier\":\"r\","
	    "\"paused\":true}\n"
	    "{\"type\":\"rule_remove\",\"seq\":12,\"identifier\":\"r\"}\n");
	call_fini(&c);
}

/* Any bytes in a payload: each line is a JSON object, and says the same. */
static void
test_json_bytes(void **state)
{
	const char *path = folder_path(*state, "log");
	struct log_maker m;
	struct call c;
	char *line, *save;
	int n = 0;

	log_begin(&m, path, 1, 1);
	for (unsigned i = 0; i < 256; i++) {
		char bytes[3] = { 'a', (char)i, 'z' };

		log_set_plan(&m,
		    &(struct record_set){ .job = slice_str("j"),
			.due_ns = 1,
			.payload = slice_of(bytes, 3) });
	}
	log_end(&m);
	call_init(&c);
	c.options.json = true;
	(void)dump_of(&c, path, NULL);
	for (line = strtok_r(c.text, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save), n++) {
		json_t *object = json_loads(line, JSON_ALLOW_NUL, NULL);
		json_t *payload = json_object_get(object, "payload");
		const unsigned char *s =
		    (const unsigned char *)json_string_value(payload);
		unsigned value;

		assert_non_null(s);
		value = s[1];
		if (json_string_length(payload) == 4)
			value = (s[1] & 0x1fu) << 6 | (s[2] & 0x3fu);
		assert_int_equal(value, n);
		json_decref(object);
	}
	assert_int_equal(n, 256);
	call_fini(&c);
}

/* With an id in front the server takes every line. */
static void
test_lines_are_requests(void **state)
{
	const char *path = folder_path(*state, "log");
	struct tokens tokens = { 0 };
	struct call c;
	char *line, *save;

	make_all_kinds(path);
	call_init(&c);
	(void)dump_of(&c, path, NULL);
	for (line = strtok_r(c.text, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		char request[512];
		struct request r;
		struct err e;

		(void)snprintf(request, sizeof(request), "1 %s", line);
		if (strncmp(line, "RULE OPTIONS", 12) == 0)
			continue; /* not a command yet */
		if (request_begin(request, strlen(request), &tokens, &r, &e) !=
			0 ||
		    request_args(&r, 0, &e) != 0)
			fail_msg("%s: %s", line, e.msg);
		if (slice_eq(r.u.set.job, slice_str("c")))
			assert_int_equal(r.u.set.payload.len, 9);
		request_clear(&r);
	}
	token_fini(&tokens);
	call_fini(&c);
}

/* A server takes no line of any length. */
static void
test_many_options(void **state)
{
	const char *path = folder_path(*state, "log");
	struct buf words = { 0 };
	struct log_maker m;
	struct call c;
	char *line, *save;
	int n = 0;

	buf_add_str(&words, "shell\ttrue\t--");
	for (int i = 0; i < 40; i++) {
		buf_addf(&words, "\tenv=N%02d=", i);
		for (int k = 0; k < 4000; k++)
			buf_add_byte(&words, 'x');
	}
	buf_add_byte(&words, '\0');
	log_begin(&m, path, 1, 1);
	log_rule(&m, "r", "", words.ptr, false);
	log_end(&m);
	buf_free(&words);
	call_init(&c);
	(void)dump_of(&c, path, NULL);
	for (line = strtok_r(c.text, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		assert_true(strlen(line) < 40000);
		for (const char *p = line; (p = strstr(p, "env=N")) != NULL;)
			p++, n++;
	}
	assert_int_equal(n, 40);
	call_fini(&c);
}

static void
test_image(void **state)
{
	const char *path = folder_path(*state, "log.base");
	struct call c;

	make_image(path, 1, 100, "j", 5);
	call_init(&c);
	assert_string_equal(dump_of(&c, path, NULL),
	    "RULE SET r \"\" shell true\n"
	    "SET j000000 4102444800000000000\n"
	    "SET j000001 4102444801000000000\n"
	    "SET j000002 4102444802000000000\n"
	    "SET j000003 4102444803000000000\n"
	    "SET j000004 4102444804000000000\n");
	call_fini(&c);
	call_init(&c);
	c.options.json = true;
	assert_non_null(strstr(dump_of(&c, path, NULL),
	    "{\"type\":\"set\",\"identifier\":\"j000004\",\"execution\":"
	    "4102444804000000000,\"status\":\"executed\"}\n"));
	call_fini(&c);
}

/* All an image knows of a job that has run and runs again. */
static void
test_image_runs(void **state)
{
	const char *path = folder_path(*state, "log.base");
	struct image_header h = { .last_seq = 5 };
	struct image_entry entry = { .kind = IMAGE_JOBS,
		.set = { .job = slice_str("j") },
		.run = { .phase = PHASE_RUNNING,
		    .due_ns = 50,
		    .execution_id = 12,
		    .attempt = 2,
		    .started_ns = 60 } };
	struct record_run old = { .rule = slice_str("r"),
		.execution_id = 11,
		.attempt = 1,
		.started_ns = 10,
		.ended_ns = 20,
		.outcome = 1 };
	struct buf history[2] = { { 0 }, { 0 } };
	struct image_writer *w;
	struct call c;
	off_t bytes;

	call_init(&c);
	history_add(&history[0], &old, slice_of("", 0));
	old.ended_ns = 30;
	old.outcome = 2;
	old.reason = slice_str("why");
	history_add(&history[1], &old, buf_slice(&history[0]));
	entry.history = buf_slice(&history[1]);
	assert_non_null(w = image_create(path, &h, &c.e));
	assert_int_equal(image_add(w, &entry, &c.e), 0);
	assert_int_equal(image_finish(w, 12, &bytes, &c.e), 0);
	c.options.all = true;
	assert_string_equal(dump_of(&c, path, NULL),
	    "- SET j 50\n"
	    "- FINISH j 11 1 r 10 success 0 20\n"
	    "- FINISH j 11 1 r 10 failure 0 30 REASON why\n"
	    "- TRIGGER j 12 -\n"
	    "- START j 12 2 - 60\n");
	buf_free(&history[0]);
	buf_free(&history[1]);
	call_fini(&c);
}

/* An image of 1 to 10, a segment whose last records were refused, and the one
 * that follows it. */
static void
make_three(struct folder *f)
{
	struct log_maker m;
	struct record_run run = { .job = slice_str("j000001"),
		.execution_id = 1 };

	make_image(folder_path(f, "log.base"), 1, 10, "j", 3);
	log_begin(&m, folder_path(f, "log.old"), 1, 9);
	log_set(&m, "covered.9");
	log_set(&m, "covered.10");
	log_name(&m, RECORD_JOB_REMOVE, "j000000"); /* 11 */
	log_run(&m, RECORD_JOB_TRIGGER, &run);
	log_set(&m, "refused.13");
	log_set(&m, "refused.14");
	log_end(&m);
	log_begin(&m, folder_path(f, "log"), 1, 13);
	log_set(&m, "new.13");
	log_name(&m, RECORD_RULE_REMOVE, "r");
	log_rule(&m, "q", "n", "direct\t/bin/true\t--\tretries=2", true);
	log_entry(&m, ENTRY_THRESHOLD, "cpu", "90");
	log_entry(&m, ENTRY_THRESHOLD, "disk", NULL);
	log_entry(&m, ENTRY_INTEGRATION, "i", "exec probe \"a b\"");
	log_entry(&m, ENTRY_HISTORY, "1", "\x01");
	log_end(&m);
}

static void
test_files_of_one_log(void **state)
{
	struct call c;

	make_three(*state);
	call_init(&c);
	assert_string_equal(dump_of(&c, folder_path(*state, "log.base"),
				folder_path(*state, "log.old"),
				folder_path(*state, "log"), NULL),
	    "RULE SET r \"\" shell true\n"
	    "SET j000000 4102444800000000000\n"
	    "SET j000001 4102444801000000000\n"
	    "SET j000002 4102444802000000000\n"
	    "REMOVE j000000\n"
	    "SET new.13 " T "\n"
	    "REMOVERULE r\n"
	    "RULE SET q n direct /bin/true\n"
	    "RULE OPTIONS q retries=2\n"
	    "RULE PAUSE q\n");
	assert_int_equal(c.result, DUMP_DONE);
	call_fini(&c);
}

static void
test_compact(void **state)
{
	struct call c;

	make_three(*state);
	call_init(&c);
	c.options.compact = c.options.ended = true;
	c.options.entries = true;
	assert_string_equal(dump_of(&c, folder_path(*state, "log.base"),
				folder_path(*state, "log.old"),
				folder_path(*state, "log"), NULL),
	    "RULE SET q n direct /bin/true\n"
	    "RULE OPTIONS q retries=2\n"
	    "RULE PAUSE q\n"
	    "SET j000001 4102444801000000000\n"
	    "SET j000002 4102444802000000000\n"
	    "SET new.13 " T "\n"
	    "ALERT SET cpu 90\n"
	    "INTEGRATION SET i exec probe \"a b\"\n");
	call_fini(&c);
	call_init(&c);
	c.options.compact = c.options.ended = true;
	c.options.json = c.options.entries = true;
	assert_non_null(strstr(dump_of(&c, folder_path(*state, "log.base"),
				   folder_path(*state, "log.old"),
				   folder_path(*state, "log"), NULL),
	    "{\"type\":\"set\",\"identifier\":\"j000001\",\"execution\":"
	    "4102444801000000000,\"status\":\"triggered\"}\n"));
	assert_non_null(strstr(c.text,
	    "{\"type\":\"entry_set\",\"identifier\":\"cpu\","
	    "\"kind\":\"alert\",\"value\":\"raised at\\u000a5\"}\n"
	    "{\"type\":\"entry_set\",\"identifier\":\"i\","
	    "\"kind\":\"integration\",\"value\":\"exec probe "
	    "\\\"a b\\\"\"}\n"
	    "{\"type\":\"entry_set\",\"identifier\":\"1\","
	    "\"kind\":\"history\",\"value\":\"\\u0001\"}\n"));
	call_fini(&c);
}

static void
test_all_entries(void **state)
{
	struct call c;

	make_three(*state);
	call_init(&c);
	c.options.all = true;
	assert_non_null(
	    strstr(dump_of(&c, folder_path(*state, "log.base"), NULL),
		"- ALERT SET cpu 80\n"
		"- ALERT SET disk 85\n"
		"- ENTRY SET alert cpu \"raised at\\n5\"\n"));
	call_fini(&c);
	call_init(&c);
	c.options.all = true;
	assert_non_null(strstr(dump_of(&c, folder_path(*state, "log"), NULL),
	    "16 ALERT SET cpu 90\n"
	    "17 ALERT REMOVE disk\n"
	    "18 INTEGRATION SET i exec probe \"a b\"\n"
	    "19 ENTRY SET history 1 \"\\x01\"\n"));
	call_fini(&c);
	call_init(&c);
	c.options.all = c.options.json = true;
	assert_non_null(strstr(dump_of(&c, folder_path(*state, "log"), NULL),
	    "{\"type\":\"entry_remove\",\"seq\":17,"
	    "\"identifier\":\"disk\",\"kind\":\"threshold\"}\n"));
	call_fini(&c);
}

/* The wrong order would print an old state as the last one. */
static void
test_compact_order(void **state)
{
	struct call c;

	make_three(*state);
	call_init(&c);
	c.options.compact = c.options.ended = true;
	c.options.entries = true;
	(void)dump_of(&c, folder_path(*state, "log"),
	    folder_path(*state, "log.base"), NULL);
	assert_int_equal(c.result, DUMP_FAILED);
	assert_non_null(strstr(c.e.msg, "before its segments"));
	call_fini(&c);
}

/* A recurring job stands at its next time. */
static void
test_compact_recurring(void **state)
{
	const char *path = folder_path(*state, "log");
	struct record_run run = { .job = slice_str("e"),
		.execution_id = 1,
		.attempt = 1,
		.outcome = 1,
		.next_due_ns = MAKER_DUE + 7 };
	struct log_maker m;
	struct call c;

	log_begin(&m, path, 1, 1);
	log_set_plan(&m,
	    &(struct record_set){ .job = slice_str("e"),
		.due_ns = MAKER_DUE,
		.every_ns = 7,
		.payload = slice_str("p") });
	log_run(&m, RECORD_JOB_TRIGGER, &run);
	log_run(&m, RECORD_JOB_FINISH, &run);
	log_end(&m);
	call_init(&c);
	c.options.compact = c.options.ended = true;
	c.options.entries = true;
	assert_string_equal(dump_of(&c, path, NULL),
	    "SET e 4102444800000000007 EVERY 7ns PAYLOAD p\n");
	call_fini(&c);
}

/* --- what is wrong with a file --- */

static void
make_pairs(const char *path)
{
	struct log_maker m;

	log_begin(&m, path, 1, 1);
	for (int i = 0; i < 4; i++) {
		log_set(&m, "a");
		log_set(&m, "b");
		log_commit(&m);
	}
	log_kill(&m);
}

#define PAIR_RECORD (RECORD_HEADER_LEN + 1 + 8 + 2)

static void
test_damage(void **state)
{
	const char *path = folder_path(*state, "log");
	struct call c;
	unsigned char *bytes;
	size_t n;

	make_pairs(path);
	bytes = file_read(path, &n);
	bytes[LOG_HEADER_LEN + PAIR_RECORD * 3 + 20] ^= 1;
	file_write(path, bytes, n);
	call_init(&c);
	assert_string_equal(dump_of(&c, path, NULL),
	    "SET a " T "\nSET b " T "\nSET a " T "\n");
	assert_int_equal(c.result, DUMP_FAILED);
	assert_non_null(strstr(c.e.msg, "damaged at offset 148:"));
	call_fini(&c);
	free(bytes);
}

static void
test_torn(void **state)
{
	const char *path = folder_path(*state, "log");
	struct call c;

	make_pairs(path);
	assert_int_equal(truncate(path, LOG_HEADER_LEN + PAIR_RECORD * 2 + 5),
	    0);
	call_init(&c);
	assert_string_equal(dump_of(&c, path, NULL),
	    "SET a " T "\nSET b " T "\n");
	assert_int_equal(c.result, DUMP_DONE);
	assert_non_null(strstr(c.e.msg, "5 bytes at offset 120"));
	call_fini(&c);
}

static void
test_damaged_header(void **state)
{
	const char *path = folder_path(*state, "log");
	struct call c;
	unsigned char *bytes;
	size_t n;

	make_pairs(path);
	bytes = file_read(path, &n);
	bytes[3] ^= 0x20;
	file_write(path, bytes, n);
	call_init(&c);
	assert_int_equal(strlen(dump_of(&c, path, NULL)),
	    8 * strlen("SET a " T "\n"));
	assert_int_equal(c.result, DUMP_FAILED);
	call_fini(&c);
	bytes[40] ^= 0x20; /* a second bit: now nobody knows */
	file_write(path, bytes, n);
	call_init(&c);
	assert_string_equal(dump_of(&c, path, NULL), "");
	assert_int_equal(c.result, DUMP_FAILED);
	call_fini(&c);
	free(bytes);
}

static void
test_not_a_log(void **state)
{
	const char *path = folder_path(*state, "log");
	struct call c;

	call_init(&c);
	(void)dump_of(&c, path, NULL);
	assert_int_equal(c.result, DUMP_FAILED);
	assert_non_null(strstr(c.e.msg, "No such file"));
	file_write(path, "hello", 5);
	(void)dump_of(&c, path, NULL);
	assert_int_equal(c.result, DUMP_FAILED);
	file_write(path, "", 0);
	(void)dump_of(&c, path, NULL);
	assert_int_equal(c.result, DUMP_DONE);
	assert_non_null(strstr(c.e.msg, "no header"));
	(void)dump_of(&c, folder_path(*state, ""), NULL);
	assert_int_equal(c.result, DUMP_FAILED);
	call_fini(&c);
}

/* A valid record of which nobody knows what it says. */
static void
test_nonsense(void **state)
{
	const char *path = folder_path(*state, "log");
	struct log_maker m;
	struct call c;

	log_begin(&m, path, 1, 1);
	log_set(&m, "a");
	log_name(&m, RECORD_JOB_SET, "x");
	log_end(&m);
	call_init(&c);
	assert_string_equal(dump_of(&c, path, NULL), "SET a " T "\n");
	assert_int_equal(c.result, DUMP_FAILED);
	assert_non_null(strstr(c.e.msg, "record 2 at offset 92"));
	call_fini(&c);
}

static void
test_closed_output(void **state)
{
	const char *path = folder_path(*state, "log");
	struct dump *d;
	struct call c;
	int pipe_fd[2];

	make_pairs(path);
	call_init(&c);
	(void)signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(pipe_fd), 0);
	(void)close(pipe_fd[0]);
	(void)close(c.options.fd);
	c.options.fd = pipe_fd[1];
	assert_non_null(d = dump_new(&c.options, &c.e));
	assert_int_equal(dump_file(d, path, NULL, &c.e), DUMP_CLOSED);
	dump_free(d);
	call_fini(&c);
}

/* --- following --- */

struct follower {
	struct call call;
	const char *path;
	pthread_t thread;
};

static void *
follow(void *arg)
{
	struct follower *f = arg;
	struct dump *d = dump_new(&f->call.options, &f->call.e);

	if (d != NULL)
		f->call.result = dump_follow(d, f->path, &f->call.e);
	dump_free(d);
	return NULL;
}

static void
follower_start(struct follower *f, const char *path)
{
	call_init(&f->call);
	f->path = path;
	atomic_store(&stop, false);
	assert_int_equal(pthread_create(&f->thread, NULL, follow, f), 0);
}

static void
follower_join(struct follower *f)
{
	assert_int_equal(pthread_join(f->thread, NULL), 0);
}

static void
follower_stop(struct follower *f)
{
	atomic_store(&stop, true);
	follower_join(f);
}

/* Wait until the output is this. */
static void
follower_expect(struct follower *f, const char *text)
{
	for (int i = 0; i < 6000; i++) {
		if (strcmp(call_text(&f->call), text) == 0)
			return;
		(void)usleep(10000);
	}
	assert_string_equal(f->call.text, text);
}

static void
test_follow(void **state)
{
	const char *path = folder_path(*state, "log");
	struct log_maker m;
	struct follower f;

	log_begin(&m, path, 1, 1);
	log_set(&m, "a");
	log_commit(&m);
	wal_mark(&m.wal);
	follower_start(&f, path);
	follower_expect(&f, "SET a " T "\n");
	log_set(&m, "b");
	log_commit(&m);
	log_set(&m, "c");
	log_commit(&m);
	/* Nobody knows of c yet whether it is durable. */
	follower_expect(&f, "SET a " T "\nSET b " T "\n");
	wal_mark(&m.wal);
	follower_expect(&f, "SET a " T "\nSET b " T "\nSET c " T "\n");
	follower_stop(&f);
	assert_int_equal(f.call.result, DUMP_DONE);
	call_fini(&f.call);
	log_end(&m);
}

/* The last group is printed when it ends, as it would be by a plain dump. */
static void
test_follow_end(void **state)
{
	const char *path = folder_path(*state, "log");
	struct follower f;

	make_pairs(path);
	follower_start(&f, path);
	follower_stop(&f);
	assert_int_equal(strlen(call_text(&f.call)),
	    8 * strlen("SET a " T "\n"));
	call_fini(&f.call);
}

/* The log goes on in a new segment; what was refused in the old one is not
 * shown. */
static void
test_follow_switch(void **state)
{
	const char *path = folder_path(*state, "log");
	struct log_maker m, refused;
	struct follower f;
	struct err e;

	log_begin(&m, path, 1, 1);
	log_set(&m, "a");
	log_commit(&m);
	wal_mark(&m.wal);
	follower_start(&f, path);
	follower_expect(&f, "SET a " T "\n");
	refused = m;
	refused.wal.path = strdup(path);
	refused.wal.fd = dup(m.wal.fd);
	memset(&refused.group, 0, sizeof(refused.group));
	log_set(&refused, "refused");
	log_kill(&refused);
	assert_int_equal(wal_switch(&m.wal, &e), 0);
	log_set(&m, "b");
	log_commit(&m);
	wal_mark(&m.wal);
	follower_expect(&f, "SET a " T "\nSET b " T "\n");
	follower_stop(&f);
	assert_int_equal(f.call.result, DUMP_DONE);
	call_fini(&f.call);
	log_end(&m);
}

/* What came and went between two looks cannot be shown, and it says so. */
static void
test_follow_gap(void **state)
{
	const char *path = folder_path(*state, "log");
	struct log_maker m;
	struct follower f;

	make_pairs(path);
	follower_start(&f, path);
	follower_expect(&f,
	    "SET a " T "\nSET b " T "\nSET a " T "\nSET b " T "\n"
	    "SET a " T "\nSET b " T "\n");
	log_begin(&m, path, 1, 20);
	log_set(&m, "x");
	log_end(&m);
	follower_join(&f);
	assert_int_equal(f.call.result, DUMP_FAILED);
	assert_non_null(strstr(f.call.e.msg, "records 9 to 19"));
	call_fini(&f.call);
}

static void
test_follow_damage(void **state)
{
	const char *path = folder_path(*state, "log");
	struct follower f;
	unsigned char *bytes;
	size_t n;

	make_pairs(path);
	bytes = file_read(path, &n);
	bytes[LOG_HEADER_LEN + PAIR_RECORD * 3 + 20] ^= 1;
	file_write(path, bytes, n);
	free(bytes);
	follower_start(&f, path);
	follower_join(&f);
	assert_int_equal(f.call.result, DUMP_FAILED);
	assert_string_equal(call_text(&f.call),
	    "SET a " T "\nSET b " T "\nSET a " T "\n");
	call_fini(&f.call);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		FOLDER_TEST(test_text),
		FOLDER_TEST(test_all),
		FOLDER_TEST(test_beside),
		FOLDER_TEST(test_json),
		FOLDER_TEST(test_json_bytes),
		FOLDER_TEST(test_lines_are_requests),
		FOLDER_TEST(test_many_options),
		FOLDER_TEST(test_image),
		FOLDER_TEST(test_image_runs),
		FOLDER_TEST(test_files_of_one_log),
		FOLDER_TEST(test_compact),
		FOLDER_TEST(test_all_entries),
		FOLDER_TEST(test_compact_order),
		FOLDER_TEST(test_compact_recurring),
		FOLDER_TEST(test_damage),
		FOLDER_TEST(test_torn),
		FOLDER_TEST(test_damaged_header),
		FOLDER_TEST(test_not_a_log),
		FOLDER_TEST(test_nonsense),
		FOLDER_TEST(test_closed_output),
		FOLDER_TEST(test_follow),
		FOLDER_TEST(test_follow_end),
		FOLDER_TEST(test_follow_switch),
		FOLDER_TEST(test_follow_gap),
		FOLDER_TEST(test_follow_damage),
	};

	return cmocka_run_group_tests_name("dump", tests, NULL, NULL);
}
