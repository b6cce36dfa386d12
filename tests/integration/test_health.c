/* STAT, HEALTH and its sections on a real server: their order, and that the
 * numbers make sense. */
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
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "daemon.h"
#include "metric_order.h"
#include "wire.h"

#define ALL SIZE_MAX
#define CLIENTS 40

/* ---- Order ---- */

/* What a reply consists of: sections, and of ROWS how many there are. */
static const struct reply {
	const char *request;
	struct part {
		enum metric_section section;
		size_t rows; /* of ROWS; 0: there is no such part */
	} part[2];
} replies[] = {
	{ "1 STAT", { { METRIC_SECTION_STAT, 1 } } },
	{ "1 HEALTH SYSTEM", { { METRIC_SECTION_SYSTEM, 1 } } },
	{ "1 HEALTH SCHEDULER", { { METRIC_SECTION_SCHEDULER, 1 } } },
	{ "1 HEALTH STORAGE", { { METRIC_SECTION_STORAGE, 1 } } },
	{ "1 HEALTH PROTOCOL",
	    { { METRIC_SECTION_PROTOCOL, 1 },
		{ METRIC_SECTION_COMMAND, ALL } } },
	{ "1 HEALTH BACKGROUND", { { METRIC_SECTION_BACKGROUND, 7 } } },
	{ "1 HEALTH AGENTS", { { METRIC_SECTION_AGENTS, 1 } } },
	{ "1 HEALTH AGENT rule", { { METRIC_SECTION_AGENT, 1 } } },
	{ "1 HEALTH INTEGRATIONS", { { METRIC_SECTION_INTEGRATIONS, 1 } } },
	{ "1 HEALTH INTEGRATION probed",
	    { { METRIC_SECTION_INTEGRATION, 1 } } },
	{ "1 HEALTH SESSIONS", { { METRIC_SECTION_SESSIONS, 1 } } },
	{ "1 HEALTH SESSIONS", { { METRIC_SECTION_SESSIONS, 1 } } },
	{ "1 HEALTH BREAKERS", { { METRIC_SECTION_BREAKERS, 1 } } },
	{ "1 HEALTH ALERTS", { { METRIC_SECTION_ALERTS, 1 } } },
	{ "1 HEALTH SANDBOX",
	    { { METRIC_SECTION_SANDBOX_KIND, 4 },
		{ METRIC_SECTION_SANDBOX, 1 } } },
	{ "1 HEALTH HISTORY agent rule", { { METRIC_SECTION_HISTORY, ALL } } },
	{ "1 HEALTH HISTORY system -",
	    { { METRIC_SECTION_HISTORY_SYSTEM, ALL } } },
};

/* The length of a word that may be quoted. */
static size_t
word_len(const char *p)
{
	const char *begin = p;

	if (*p != '"')
		return strcspn(p, " ");
	for (p++; *p != '"'; p++)
		p += *p == '\\';
	return (size_t)(p + 1 - begin);
}

static size_t
count_words(const char *p)
{
	size_t n = 0;

	for (;; p++) {
		n++;
		p += word_len(p);
		if (*p == '\0')
			return n;
		assert_int_equal(*p, ' ');
	}
}

/* The next row without its id. */
static const char *
next_row(struct wire *w)
{
	const char *line = wire_line(w);

	assert_int_equal(strncmp(line, "1 ", 2), 0);
	return line + 2;
}

/* Rows `<name> <value>` are those of metrics.def, and of PROTOCOL.md. */
static void
expect_pairs(struct wire *w, enum metric_section section, const char *row)
{
	const char *order = metric_order[section];

	for (int i = 0; i < METRIC_COUNT; i++) {
		size_t n = strlen(metrics[i].name);

		if (metrics[i].section != section)
			continue;
		if (row == NULL)
			row = next_row(w);
		if (strncmp(row, metrics[i].name, n) != 0 ||
		    strncmp(row, order, n) != 0 || row[n] != ' ' ||
		    count_words(row) != 2)
			fail_msg("%s is no row %s", row, metrics[i].name);
		order += n + (order[n] == ' ');
		row = NULL;
	}
	assert_int_equal(*order, '\0');
}

/* Each row has as many columns. Returns the first that is none of them. */
static const char *
expect_rows(struct wire *w, const struct part *part, const char *row)
{
	size_t columns = count_words(metric_order[part->section]);
	size_t n = 0;

	while (n < part->rows && strncmp(row, "OK", 2) != 0) {
		if (count_words(row) != columns)
			fail_msg("%s has not %zu columns", row, columns);
		n++;
		row = next_row(w);
	}
	assert_true(n == part->rows || (part->rows == ALL && n > 0));
	return row;
}

static void
test_order(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	wire_shell_rule(&w, d, "rule", "job", "true");
	wire_ask(&w, "1 INTEGRATION SET probed exec /bin/true", "1 OK");
	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
		const char *row;

		wire_sendf(&w, "%s\n", replies[i].request);
		row = next_row(&w);
		for (int k = 0; k < 2 && replies[i].part[k].rows > 0; k++) {
			const struct part *part = &replies[i].part[k];

			if (metric_sections[part->section].form ==
			    METRIC_ROWS) {
				row = expect_rows(&w, part, row);
			} else {
				expect_pairs(&w, part->section, row);
				row = next_row(&w);
			}
		}
		assert_string_equal(row, "OK");
	}
	wire_stop(&w, d);
}

static const struct step whole[] = {
	{ "1 HEALTH",
	    "1 system healthy\n1 scheduler healthy\n1 storage healthy\n"
	    "1 protocol healthy\n1 background healthy\n1 agents healthy\n"
	    "1 integrations healthy\n1 sessions healthy\n"
	    "1 breakers healthy\n1 alerts healthy\n1 OK healthy" },
	{ "1 health System x", "1 ERROR syntax ..." },
	{ "1 HEALTH NOTHING", "1 ERROR unknown_command ..." },
	{ NULL, NULL },
};

static void
test_whole(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	wire_play(&w, whole);
	wire_stop(&w, d);
}

/* ---- Sections ---- */

static uint64_t
number(struct wire *w, const char *section, const char *key)
{
	char request[64];

	(void)snprintf(request, sizeof(request), "1 HEALTH %s", section);
	return wire_row_u64(w, request, key);
}

static double
decimal(struct wire *w, const char *section, const char *key)
{
	char request[64];

	(void)snprintf(request, sizeof(request), "1 HEALTH %s", section);
	return strtod(wire_row(w, request, key), NULL);
}

static void
until(struct wire *w, const char *section, const char *key, uint64_t least)
{
	while (number(w, section, key) < least)
		;
}

static void
test_system(void **state)
{
	struct daemon *d = *state;
	struct wire w, other[CLIENTS];
	uint64_t fds;

	wire_start(&w, d);
	assert_true(decimal(&w, "SYSTEM", "memory_usage") > 0);
	assert_true(decimal(&w, "SYSTEM", "memory_usage") < 100);
	assert_true(decimal(&w, "SYSTEM", "disk_usage") > 0);
	assert_true(decimal(&w, "SYSTEM", "cpu_usage") <= 100);
	assert_true(number(&w, "SYSTEM", "process_rss_bytes") > 100000);
	assert_true(number(&w, "SYSTEM", "threads") >= 3);
	fds = number(&w, "SYSTEM", "open_fds");
	assert_in_range(fds, 5, 1000);
	for (int i = 0; i < CLIENTS; i++)
		wire_open(&other[i], d->port);
	/* Some that were open at the start have been closed. */
	until(&w, "SYSTEM", "open_fds", fds + CLIENTS / 2);
	assert_in_range(number(&w, "SYSTEM", "open_fds"), CLIENTS,
	    fds + CLIENTS + 5);

	assert_int_equal(mkfifo(daemon_path(d, "fifo"), 0600), 0);
	wire_shell_rule(&w, d, "run", "run", "read x < fifo");
	wire_shell_rule(&w, d, "wait", "wait", "true");
	wire_ask(&w, "1 RULE PAUSE wait", "1 OK");
	wire_ask(&w, "1 SET run.1 now", "1 OK");
	wire_ask(&w, "1 SET wait.1 now", "1 OK");
	until(&w, "SYSTEM", "active_operations", 1);
	until(&w, "SYSTEM", "queue_depth", 1);
	assert_int_equal(number(&w, "SYSTEM", "total_agents"), 2);
	assert_int_equal(number(&w, "SYSTEM", "active_agents"), 1);
	wire_ask(&w, "1 CANCEL run.1 FORCE", "1 OK");
	wire_until(&w, "1 GET run.1", "1 OK failed");
	assert_int_equal(number(&w, "SYSTEM", "active_operations"), 0);
	assert_int_equal(number(&w, "SYSTEM", "active_agents"), 0);
	for (int i = 0; i < CLIENTS; i++)
		wire_close(&other[i]);
	wire_stop(&w, d);
}

static void
test_scheduler(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	assert_int_equal(number(&w, "SCHEDULER", "next_due_ns"), 0);
	wire_shell_rule(&w, d, "good", "good", "true");
	wire_shell_rule(&w, d, "bad", "bad", "false");
	wire_ask(&w, "1 RULE OPTIONS bad retries=1 backoff=1ms", "1 OK");
	wire_ask(&w, "1 SET good.late 2100-01-01 00:00:00", "1 OK");
	for (int i = 0; i < 10; i++)
		wire_sendf(&w, "1 SET good.%d now\n", i);
	for (int i = 0; i < 10; i++)
		wire_expect(&w, "1 OK");
	until(&w, "SCHEDULER", "executed_total", 10);
	wire_ask(&w, "1 SET bad.1 now", "1 OK");
	wire_ask(&w, "1 SET unmatched now", "1 OK");
	until(&w, "SCHEDULER", "failed_total", 2);
	assert_int_equal(number(&w, "SCHEDULER", "triggered_total"), 12);
	assert_int_equal(number(&w, "SCHEDULER", "executed_total"), 10);
	assert_int_equal(number(&w, "SCHEDULER", "failed_total"), 2);
	assert_int_equal(number(&w, "SCHEDULER", "retried_total"), 1);
	assert_int_equal(number(&w, "SCHEDULER", "missed_total"), 0);
	assert_int_equal(number(&w, "SCHEDULER", "framerate"), 512);
	assert_int_equal(number(&w, "SCHEDULER", "next_due_ns"),
	    4102444800000000000);
	assert_in_range(number(&w, "SCHEDULER", "frames_total"), 1, 12);
	assert_true(number(&w, "SCHEDULER", "frames_late") <=
	    number(&w, "SCHEDULER", "frames_total"));
	assert_true(number(&w, "SCHEDULER", "trigger_lateness_us_max") > 0);
	assert_true(number(&w, "SCHEDULER", "trigger_lateness_us_max") >=
	    number(&w, "SCHEDULER", "trigger_lateness_us_p50"));
	assert_true(number(&w, "SCHEDULER", "queue_wait_us_max") > 0);
	wire_stop(&w, d);
}

/* Set a job that falls due when the server has been stopped; false: it was
 * too slow for that, and has the job held. */
static bool
miss(struct wire *w, struct daemon *d, unsigned ms)
{
	struct timespec now;
	uint64_t due_ns;

	wire_sendf(w, "1 SET job.1 +%ums\n", ms);
	wire_expect(w, "1 OK");
	due_ns = wire_row_u64(w, "1 INFO job.1", "execution_ns");
	wire_stop(w, d);
	do
		assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
	while (
	    (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec < due_ns);
	wire_start(w, d);
	while (strcmp(wire_row(w, "1 INFO job.1", "status"), "failed") != 0)
		if (strcmp(wire_row(w, "1 INFO job.1", "hold"), "paused") == 0)
			return false;
	return true;
}

/* What fell due while no server ran is missed, and makes nothing late. */
static void
test_missed(void **state)
{
	struct daemon *d = *state;
	unsigned ms = 200;
	struct wire w;

	wire_start(&w, d);
	wire_shell_rule(&w, d, "rule", "job", "true");
	wire_ask(&w, "1 RULE OPTIONS rule misfire=skip", "1 OK");
	wire_ask(&w, "1 RULE PAUSE rule", "1 OK");
	while (!miss(&w, d, ms))
		ms *= 2;
	assert_int_equal(number(&w, "SCHEDULER", "missed_total"), 1);
	assert_int_equal(number(&w, "SCHEDULER", "triggered_total"), 1);
	assert_int_equal(number(&w, "SCHEDULER", "failed_total"), 0);
	assert_int_equal(number(&w, "SCHEDULER", "trigger_lateness_us_max"), 0);
	wire_stop(&w, d);
}

static void
test_storage(void **state)
{
	struct daemon *d = *state;
	struct stat st, log;
	struct wire w;

	wire_start(&w, d);
	assert_int_equal(number(&w, "STORAGE", "base_bytes"), 0);
	for (int i = 0; i < 100; i++)
		wire_sendf(&w, "1 SET job.%d 2100-01-01 00:00:00\n", i);
	for (int i = 0; i < 100; i++)
		wire_expect(&w, "1 OK");
	assert_int_equal(number(&w, "STORAGE", "appended_records_total"), 100);
	assert_true(number(&w, "STORAGE", "appended_bytes_total") > 2000);
	assert_in_range(number(&w, "STORAGE", "commits_total"), 1, 100);
	assert_true(decimal(&w, "STORAGE", "group_size_mean") >= 1);
	assert_true(number(&w, "STORAGE", "commit_us_max") > 0);
	assert_true(number(&w, "STORAGE", "logfile_bytes") >
	    number(&w, "STORAGE", "appended_bytes_total"));
	assert_string_equal(wire_row(&w, "1 HEALTH STORAGE", "last_error"),
	    "-");
	assert_string_equal(wire_row(&w, "1 HEALTH STORAGE", "backend_status"),
	    "connected");
	assert_string_equal(wire_row(&w, "1 HEALTH STORAGE", "compression"),
	    "idle");

	wire_ask(&w, "1 COMPRESS", "1 OK");
	while (strncmp(wire_row(&w, "1 HEALTH BACKGROUND", "compression"),
		   "idle 1 0 ", 9) != 0)
		;
	assert_string_equal(wire_row(&w, "1 HEALTH STORAGE", "compression"),
	    "success");
	assert_int_equal(stat(daemon_path(d, "logfile.base"), &st), 0);
	assert_int_equal(number(&w, "STORAGE", "base_bytes"), st.st_size);
	assert_true(decimal(&w, "STORAGE", "compression_ratio") > 1);
	assert_true(decimal(&w, "STORAGE", "compression_last_ms") > 0);
	assert_true(number(&w, "STORAGE", "compression_last_ns") > 0);
	assert_int_equal(stat(daemon_path(d, "logfile"), &log), 0);
	assert_int_equal(number(&w, "STORAGE", "logfile_bytes"), log.st_size);

	/* One with nothing to fold in leaves the image as it is. */
	wire_ask(&w, "1 COMPRESS", "1 OK");
	while (strncmp(wire_row(&w, "1 HEALTH BACKGROUND", "compression"),
		   "idle 2 0 ", 9) != 0)
		;
	assert_int_equal(number(&w, "STORAGE", "base_bytes"), st.st_size);
	assert_true(decimal(&w, "STORAGE", "compression_ratio") >= 1);

	daemon_kill(d);
	wire_close(&w);
	wire_start(&w, d);
	assert_int_equal(number(&w, "STORAGE", "recovered_records"), 100);
	assert_true(decimal(&w, "STORAGE", "recovery_ms") > 0);
	assert_int_equal(number(&w, "STORAGE", "base_bytes"), st.st_size);
	assert_int_equal(number(&w, "STORAGE", "discarded_bytes"), 0);
	assert_int_equal(number(&w, "STORAGE", "appended_records_total"), 0);
	wire_stop(&w, d);
}

static void
test_memory(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	daemon_set(d, "database.persistence=memory");
	wire_start(&w, d);
	wire_ask(&w, "1 SET job.1 2100-01-01 00:00:00", "1 OK");
	assert_string_equal(wire_row(&w, "1 HEALTH STORAGE", "persistence"),
	    "memory");
	assert_int_equal(number(&w, "STORAGE", "appended_records_total"), 1);
	assert_int_equal(number(&w, "STORAGE", "logfile_bytes"), 0);
	assert_string_equal(wire_row(&w, "1 HEALTH SYSTEM", "disk_usage"), "0");
	assert_string_equal(wire_row(&w, "1 HEALTH BACKGROUND", "compression"),
	    "off 0 0 0 0 0");
	wire_stop(&w, d);
}

/* Each compression counts, however short. */
static void
test_compression_fails(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	assert_int_equal(mkdir(daemon_path(d, "logfile.base.tmp"), 0700), 0);
	wire_ask(&w, "1 COMPRESS", "1 OK");
	while (strncmp(wire_row(&w, "1 HEALTH BACKGROUND", "compression"),
		   "idle 1 1 ", 9) != 0)
		;
	assert_string_equal(wire_row(&w, "1 HEALTH STORAGE", "compression"),
	    "failure");
	assert_true(number(&w, "STORAGE", "compression_last_ns") > 0);
	assert_int_equal(rmdir(daemon_path(d, "logfile.base.tmp")), 0);
	wire_ask(&w, "1 COMPRESS", "1 OK");
	while (strncmp(wire_row(&w, "1 HEALTH BACKGROUND", "compression"),
		   "idle 2 1 ", 9) != 0)
		;
	wire_stop(&w, d);
}

/* The columns requests and errors of a command. */
static void
expect_command(struct wire *w, const char *name, unsigned requests,
    unsigned errors)
{
	char row[64], want[64];

	(void)snprintf(row, sizeof(row), "command %s", name);
	(void)snprintf(want, sizeof(want), "%u %u ", requests, errors);
	assert_memory_equal(wire_row(w, "1 HEALTH PROTOCOL", row), want,
	    strlen(want));
}

static void
test_protocol(void **state)
{
	struct daemon *d = *state;
	uint64_t in, out;
	struct wire w, refused;

	daemon_set(d, "controller.max_connections=1");
	wire_start(&w, d);
	in = number(&w, "PROTOCOL", "bytes_in");
	out = number(&w, "PROTOCOL", "bytes_out");
	assert_int_equal(in, strlen("1 HEALTH PROTOCOL\n"));
	assert_true(out > 500);
	wire_ask(&w, "1 SET job.1 2100-01-01 00:00:00", "1 OK");
	wire_ask_start(&w, "1 SET job.1 nonsense", "1 ERROR invalid");
	wire_ask_start(&w, "1 GET job.2", "1 ERROR not_found");
	wire_ask(&w, "1 RULE SET rule job shell true", "1 OK");
	wire_ask_start(&w, "1 RULE GET none", "1 ERROR not_found");
	wire_ask_start(&w, "1 NOTHING", "1 ERROR unknown_command");
	assert_int_equal(number(&w, "PROTOCOL", "requests_total"), 8);
	assert_int_equal(number(&w, "PROTOCOL", "errors_total"), 4);
	expect_command(&w, "SET", 2, 1);
	expect_command(&w, "GET", 1, 1);
	expect_command(&w, "RULE", 2, 1);
	expect_command(&w, "HEALTH", 7, 0);
	expect_command(&w, "PING", 0, 0);
	assert_true(number(&w, "PROTOCOL", "latency_us_max") > 0);
	assert_true(number(&w, "PROTOCOL", "latency_us_p95") >=
	    number(&w, "PROTOCOL", "latency_us_p50"));
	assert_true(decimal(&w, "PROTOCOL", "requests_per_second") > 0);
	assert_int_equal(number(&w, "PROTOCOL", "connections"), 1);
	wire_open(&refused, d->port);
	until(&w, "PROTOCOL", "connections_refused", 1);
	wire_close(&refused);
	wire_stop(&w, d);
}

/* The first words of all commands, in the order of their table. */
static void
test_command_rows(void **state)
{
	struct daemon *d = *state;
	char last[32] = "", row[64];
	struct wire w;
	char *reply, *at;

	wire_start(&w, d);
	reply = wire_reply(&w, "1 HEALTH PROTOCOL");
	at = strstr(reply, "1 command ");
	for (int i = 0; i < CMD_COUNT; i++) {
		size_t n = strcspn(commands[i].words, " ");

		if (strncmp(last, commands[i].words, n) == 0 && last[n] == '\0')
			continue;
		(void)snprintf(last, sizeof(last), "%.*s", (int)n,
		    commands[i].words);
		(void)snprintf(row, sizeof(row), "1 command %s ", last);
		assert_non_null(at);
		assert_int_equal(strncmp(at, row, strlen(row)), 0);
		at = strchr(at, '\n') + 1;
	}
	assert_string_equal(at, "1 OK\n");
	free(reply);
	wire_stop(&w, d);
}

/* The latency of a write counts until it is durable; of what waits behind it,
 * from when that was read. */
static void
test_latency(void **state)
{
	struct daemon *d = *state;
	unsigned long p50;
	struct wire w;
	const char *row;

	wire_start(&w, d);
	wire_send(&w, "1 SET job.1 +1h\n1 GET job.1\n");
	wire_expect(&w, "1 OK");
	wire_expect_start(&w, "1 OK planned");
	row = wire_row(&w, "1 HEALTH PROTOCOL", "command GET");
	assert_int_equal(strncmp(row, "1 0 ", 4), 0);
	p50 = strtoul(row + 4, NULL, 10);
	assert_true(p50 > 0);
	assert_true(
	    p50 + p50 / 8 + 1 >= number(&w, "STORAGE", "commit_us_p50"));
	wire_stop(&w, d);
}

static void
test_security(void **state)
{
	static const char tokens[] = "[token.one]\nsecret = \"one\"\n"
				     "namespace = \"*\"\n";
	struct daemon *d = *state;
	struct wire w, v;
	int fd = open(daemon_path(d, "tokens"), O_WRONLY | O_CREAT | O_CLOEXEC,
	    0600);

	assert_int_equal(write(fd, tokens, strlen(tokens)), strlen(tokens));
	assert_int_equal(close(fd), 0);
	daemon_set(d, "controller.auth_file=tokens");
	daemon_set(d, "controller.rate_limit=1000");
	wire_start(&w, d);
	wire_ask(&w, "AUTH one", "OK");
	assert_int_equal(number(&w, "PROTOCOL", "auth_failures_total"), 0);
	wire_open(&v, d->port);
	wire_ask_start(&v, "AUTH two", "ERROR denied");
	wire_close(&v);
	wire_open(&v, d->port);
	wire_ask_start(&v, "1 GET job.1", "1 ERROR denied");
	wire_close(&v);
	wire_open(&v, d->port);
	wire_send(&v, "POST / HTTP/1.1\n");
	wire_expect_end(&v);
	wire_close(&v);
	assert_int_equal(number(&w, "PROTOCOL", "auth_failures_total"), 3);
	expect_command(&w, "AUTH", 2, 1);
	wire_stop(&w, d);
}

static void
test_rate(void **state)
{
	struct daemon *d = *state;
	uint64_t limited = 0;
	struct wire w, v;

	daemon_set(d, "controller.rate_limit=10");
	wire_start(&w, d);
	wire_open(&v, d->port);
	for (int i = 0; i < 100; i++)
		wire_send(&w, "1 PING\n");
	for (int i = 0; i < 100; i++)
		limited += strcmp(wire_line(&w), "1 OK") != 0;
	assert_true(limited > 0);
	assert_int_equal(number(&v, "PROTOCOL", "rate_limited_total"), limited);
	wire_close(&v);
	wire_stop(&w, d);
}

static void
test_background(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	daemon_set(d, "health.polling_interval=100ms");
	daemon_set(d, "database.retain=1s");
	daemon_set(d, "database.compression_interval=100ms");
	daemon_set(d, "database.compression_min_bytes=0");
	wire_start(&w, d);
	while (strtoul(wire_row(&w, "1 HEALTH BACKGROUND", "health_poll") + 5,
		   NULL, 10) < 3)
		;
	while (strtoul(wire_row(&w, "1 HEALTH BACKGROUND", "retention") + 5,
		   NULL, 10) < 2)
		;
	assert_string_not_equal(
	    wire_row(&w, "1 HEALTH BACKGROUND", "compression"),
	    "idle 0 0 0 0 0");
	assert_string_equal(
	    wire_row(&w, "1 HEALTH BACKGROUND", "certificate_check"),
	    "off 0 0 0 0 0");
	wire_stop(&w, d);
}

static void
test_no_polling(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	daemon_set(d, "health.polling_enabled=false");
	daemon_set(d, "database.retain=0");
	wire_start(&w, d);
	assert_string_equal(wire_row(&w, "1 HEALTH BACKGROUND", "health_poll"),
	    "off 0 0 0 0 0");
	assert_string_equal(wire_row(&w, "1 HEALTH BACKGROUND", "retention"),
	    "off 0 0 0 0 0");
	assert_true(number(&w, "SYSTEM", "sampled_ns") > 0);
	wire_stop(&w, d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DAEMON_TEST(test_order),
		DAEMON_TEST(test_whole),
		DAEMON_TEST(test_system),
		DAEMON_TEST(test_scheduler),
		DAEMON_TEST(test_missed),
		DAEMON_TEST(test_storage),
		DAEMON_TEST(test_compression_fails),
		DAEMON_TEST(test_memory),
		DAEMON_TEST(test_protocol),
		DAEMON_TEST(test_command_rows),
		DAEMON_TEST(test_latency),
		DAEMON_TEST(test_security),
		DAEMON_TEST(test_rate),
		DAEMON_TEST(test_background),
		DAEMON_TEST(test_no_polling),
	};

	return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
