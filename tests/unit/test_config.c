#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config.h"
#include "log.h"
#include "tstamp.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

/* An environment of literals, which the type of environ does not allow for. */
#define ENV(...) \
	((char *const *)(uintptr_t)(const char *const[]){ __VA_ARGS__, NULL })
#define NO_ENV ENV(NULL)

static struct config config;
static struct err err;

static int
setup(void **state)
{
	(void)state;
	return config_init(&config, &err);
}

static int
teardown(void **state)
{
	(void)state;
	config_fini(&config);
	return 0;
}

static int
read_text(const char *text)
{
	return config_read_text(&config, "t.conf", slice_str(text), &err);
}

/* The value of a key as CONFIG shows it; the caller frees it. */
static char *
value_text(const struct config *c, const char *name)
{
	struct buf out = { 0 };
	int id = config_find(slice_str(name));

	assert_int_not_equal(id, -1);
	config_put_value(c, (enum config_id)id, &out);
	buf_add_byte(&out, '\0');
	assert_false(out.failed);
	return out.ptr;
}

static void
assert_value(const char *name, const char *want, enum config_source source)
{
	char *got = value_text(&config, name);
	int id = config_find(slice_str(name));

	assert_string_equal(got, want);
	assert_int_equal(config.origin[id].source, source);
	free(got);
}

static void
test_defaults(void **state)
{
	static const char *const want[][2] = {
		{ "log.level", "info" },
		{ "log.format", "logfmt" },
		{ "controller.listen", "127.0.0.1:5678" },
		{ "controller.allow_unauthenticated", "0" },
		{ "controller.auth_file", "-" },
		{ "controller.tls_cert", "-" },
		{ "controller.tls_key", "-" },
		{ "controller.tls_client_ca", "-" },
		{ "controller.tls_min_version", "1.2" },
		{ "controller.auth_timeout", "5s" },
		{ "controller.idle_timeout", "0s" },
		{ "controller.handshake_timeout", "5s" },
		{ "controller.max_connections", "10000" },
		{ "controller.max_line", "64KiB" },
		{ "controller.max_output", "16MiB" },
		{ "controller.rate_limit", "0" },
		{ "shell.path", "/bin/sh" },
		{ "shell.args", "-c" },
		{ "database.persistence", "logfile" },
		{ "database.fsync_on_persist", "1" },
		{ "database.framerate", "512" },
		{ "database.logfile_path", "logfile" },
		{ "database.compression_interval", "1h" },
		{ "database.compression_min_bytes", "64MiB" },
		{ "database.retain", "1w" },
		{ "processor.max_inflight", "64" },
		{ "processor.max_output", "64KiB" },
		{ "processor.drain_timeout", "30s" },
		{ "processor.output_memory", "64MiB" },
		{ "agents.connect_timeout", "30s" },
		{ "agents.idle_timeout", "5m" },
		{ "agents.max_lifespan", "25m" },
		{ "agents.max_sessions", "100" },
		{ "health.polling_enabled", "1" },
		{ "health.polling_interval", "30s" },
		{ "health.probe_timeout", "10s" },
		{ "alerts.cpu_warning", "80" },
		{ "alerts.cpu_critical", "90" },
		{ "alerts.memory_warning", "80" },
		{ "alerts.memory_critical", "90" },
		{ "alerts.disk_warning", "85" },
		{ "alerts.disk_critical", "95" },
		{ "alerts.queue_depth_info", "50" },
		{ "alerts.queue_depth_warning", "100" },
		{ "alerts.queue_depth_critical", "200" },
		{ "alerts.agent_error_rate", "0.5" },
		{ "alerts.agent_confidence", "0.3" },
		{ "alerts.agent_failures_per_hour", "3" },
		{ "alerts.agent_min_executions", "5" },
		{ "alerts.integration_latency_ms", "5000" },
		{ "alerts.integration_error_rate", "0.5" },
		{ "alerts.trigger_lateness_ms", "1000" },
		{ "alerts.auth_failures_per_minute", "20" },
		{ "alerts.certificate_days", "14" },
		{ "alerts.raise_after", "2" },
		{ "alerts.clear_after", "3" },
		{ "alerts.clear_margin", "0.1" },
		{ "security.secret_key_file", "-" },
		{ "security.audit_limit", "100000" },
		{ "security.audit_jobs", "0" },
	};
	char *text;
	size_t i;

	(void)state;
	assert_int_equal(CONFIG_COUNT, LEN(want));
	for (i = 0; i < LEN(want); i++) {
		assert_string_equal(config_name((enum config_id)i), want[i][0]);
		text = value_text(&config, want[i][0]);
		assert_string_equal(text, want[i][1]);
		free(text);
		assert_int_equal(config.origin[i].source, CONFIG_FROM_DEFAULT);
		assert_true(strlen(config_help((enum config_id)i)) > 0);
	}
	assert_int_equal(config_check(&config, &err), 0);
}

static void
test_fields(void **state)
{
	(void)state;
	assert_int_equal(read_text("[log]\n"
				   "level = debug\n"
				   "format = json\n"
				   "[controller]\n"
				   "auth_timeout = 250ms\n"
				   "auth_file = \"/etc/a b\"\n"
				   "max_line = 128KiB\n"
				   "tls_min_version = 1.3\n"
				   "listen = a:1, b:2\n"
				   "[database]\n"
				   "persistence = memory\n"
				   "fsync_on_persist = off\n"
				   "framerate = 65535\n"
				   "[alerts]\n"
				   "agent_error_rate = 0.0625\n"
				   "cpu_warning = 99.9\n"),
	    0);
	assert_int_equal(config.log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(config.log_format, LOG_JSON);
	assert_int_equal(config.controller_auth_timeout, 250 * NS_PER_MS);
	assert_string_equal(config.controller_auth_file, "/etc/a b");
	assert_int_equal(config.controller_max_line, 131072);
	assert_int_equal(config.controller_tls_min_version, TLS_MIN_1_3);
	assert_int_equal(config.controller_listen.n, 2);
	assert_int_equal(config.database_persistence, PERSISTENCE_MEMORY);
	assert_false(config.database_fsync_on_persist);
	assert_int_equal(config.database_framerate, 65535);
	assert_true(config.alerts_agent_error_rate == 0.0625);
	assert_true(config_number(&config, CONFIG_alerts_cpu_warning) == 99.9);
	assert_true(config_number(&config, CONFIG_alerts_raise_after) == 2);
	assert_value("alerts.cpu_warning", "99.9", CONFIG_FROM_FILE);
	assert_null(config.controller_tls_cert);
}

/* Every way to write one value, and how it is shown. */
static void
test_spellings(void **state)
{
	static const struct {
		const char *name;
		const char *value;
		const char *shown;
	} cases[] = {
		{ "database.fsync_on_persist", "true", "1" },
		{ "database.fsync_on_persist", "false", "0" },
		{ "database.fsync_on_persist", "on", "1" },
		{ "database.fsync_on_persist", "off", "0" },
		{ "database.fsync_on_persist", "yes", "1" },
		{ "database.fsync_on_persist", "no", "0" },
		{ "database.fsync_on_persist", "1", "1" },
		{ "database.fsync_on_persist", "0", "0" },
		{ "database.fsync_on_persist", "\"true\"", "1" },
		{ "database.framerate", "1", "1" },
		{ "database.framerate", "\"512\"", "512" },
		{ "database.retain", "0", "0s" },
		{ "database.retain", "90", "1m30s" },
		{ "database.retain", "1h30m", "1h30m" },
		{ "database.retain", "100w", "100w" },
		{ "database.compression_min_bytes", "0", "0" },
		{ "database.compression_min_bytes", "1000", "1000" },
		{ "database.compression_min_bytes", "1000B", "1000" },
		{ "database.compression_min_bytes", "1024", "1KiB" },
		{ "database.compression_min_bytes", "3K", "3KiB" },
		{ "database.compression_min_bytes", "2M", "2MiB" },
		{ "database.compression_min_bytes", "3G", "3GiB" },
		{ "database.compression_min_bytes", "1T", "1TiB" },
		{ "database.compression_min_bytes", "1024TiB", "1024TiB" },
		{ "alerts.clear_margin", "0", "0" },
		{ "alerts.clear_margin", "1", "1" },
		{ "alerts.clear_margin", "0.25", "0.25" },
		{ "alerts.clear_margin", "0.0001", "0.0001" },
		{ "alerts.clear_margin", "0.9999", "0.9999" },
		{ "alerts.clear_margin", "1.0", "1" },
		{ "controller.auth_file", "", "-" },
		{ "controller.auth_file", "-", "-" },
		{ "controller.auth_file", "/a b", "/a b" },
		{ "controller.auth_file", "'\"q\"'", "\"\\\"q\\\"\"" },
		{ "shell.args", "", "-" },
		{ "shell.args", "-", "-" },
		{ "shell.args", "[]", "-" },
		{ "shell.args", "-e,-c", "-e,-c" },
		{ "shell.args", "[\"-e\", \"-c\"]", "-e,-c" },
		{ "shell.args", "[\"a b\", \"c\"]", "[\"a b\", \"c\"]" },
		{ "shell.args", "[\"a,b\"]", "[\"a,b\"]" },
		{ "shell.args", "[\"-\"]", "[\"-\"]" },
		{ "shell.args", "[\"\"]", "[\"\"]" },
		{ "shell.args", "[\"\\\"\\n\"]", "[\"\\\"\\n\"]" },
	};
	char *first;
	size_t i;

	(void)state;
	for (i = 0; i < LEN(cases); i++) {
		assert_int_equal(config_set(&config, slice_str(cases[i].name),
				     slice_str(cases[i].value),
				     CONFIG_FROM_FLAG, &err),
		    0);
		assert_value(cases[i].name, cases[i].shown, CONFIG_FROM_FLAG);
		/* What is shown can be set, and says the same. */
		first = value_text(&config, cases[i].name);
		assert_int_equal(config_set(&config, slice_str(cases[i].name),
				     slice_str(first), CONFIG_FROM_FLAG, &err),
		    0);
		assert_value(cases[i].name, cases[i].shown, CONFIG_FROM_FLAG);
		free(first);
	}
}

/* A bad value is refused with its place, and changes nothing. */
static void
test_bad_values(void **state)
{
	static const struct {
		const char *name;
		const char *value;
		const char *reason;
	} cases[] = {
		{ "log.level", "verbose",
		    "none of off|error|warn|info|debug|trace: \"verbose\"" },
		{ "log.level", "",
		    "none of off|error|warn|info|debug|trace: \"\"" },
		{ "log.level", "inf",
		    "none of off|error|warn|info|debug|trace: \"inf\"" },
		{ "log.level", "off|error",
		    "none of off|error|warn|info|debug|trace: \"off|error\"" },
		{ "database.fsync_on_persist", "maybe",
		    "neither true nor false: \"maybe\"" },
		{ "database.fsync_on_persist", "2",
		    "neither true nor false: \"2\"" },
		{ "database.framerate", "70000", "70000 is above 65535" },
		{ "database.framerate", "0", "0 is below 1" },
		{ "database.framerate", "-1", "not a whole number: \"-1\"" },
		{ "database.framerate", "1.5", "not a whole number: \"1.5\"" },
		{ "database.framerate", "ten", "not a whole number: \"ten\"" },
		{ "database.framerate", "", "not a whole number: \"\"" },
		{ "database.framerate", "99999999999999999999",
		    "not a whole number: \"99999999999999999999\"" },
		{ "database.framerate", "[\"1\"]",
		    "not a whole number: \"[\\\"1\\\"]\"" },
		{ "controller.max_line", "1M", "1MiB is above 128KiB" },
		{ "controller.max_line", "100", "100 is below 1KiB" },
		{ "controller.max_line", "64 KiB",
		    "not a size such as 64KiB: \"64 KiB\"" },
		{ "controller.max_line", "KiB",
		    "not a size such as 64KiB: \"KiB\"" },
		{ "controller.max_line", "1XiB",
		    "not a size such as 64KiB: \"1XiB\"" },
		{ "controller.max_line", "99999999TiB",
		    "not a size such as 64KiB: \"99999999TiB\"" },
		{ "controller.max_line", "18446744073709551616",
		    "not a size such as 64KiB: \"18446744073709551616\"" },
		{ "controller.auth_timeout", "0", "0s is below 1ms" },
		{ "controller.auth_timeout", "6000w", "6000w is above 5200w" },
		{ "alerts.clear_margin", "1.1", "1.1 is above 1" },
		{ "alerts.clear_margin", "0.00001",
		    "not a number with at most 4 places: \"0.00001\"" },
		{ "alerts.clear_margin", ".5",
		    "not a number with at most 4 places: \".5\"" },
		{ "alerts.clear_margin", "1.",
		    "not a number with at most 4 places: \"1.\"" },
		{ "alerts.clear_margin", "1e3",
		    "not a number with at most 4 places: \"1e3\"" },
		{ "alerts.clear_margin", "nan",
		    "not a number with at most 4 places: \"nan\"" },
		{ "database.logfile_path", "", "must not be empty" },
		{ "controller.listen", "", "must not be empty" },
		{ "controller.listen", "[]", "must not be empty" },
		{ "controller.listen", "nowhere", "no port: \"nowhere\"" },
		{ "controller.listen", "a:1, [::1:2",
		    "bad IPv6 address: \"[::1:2\"" },
		{ "controller.listen", "a:1,,b:1", "empty item in the list" },
		{ "log.level", "\"info", "unbalanced quotes" },
	};
	char want[512];
	char *before;
	size_t i;

	(void)state;
	for (i = 0; i < LEN(cases); i++) {
		before = value_text(&config, cases[i].name);
		assert_int_equal(config_set(&config, slice_str(cases[i].name),
				     slice_str(cases[i].value),
				     CONFIG_FROM_COMMAND, &err),
		    -1);
		assert_int_equal(err.code, ERR_INVALID);
		(void)snprintf(want, sizeof(want), "%s: %s", cases[i].name,
		    cases[i].reason);
		assert_string_equal(err.msg, want);
		assert_value(cases[i].name, before, CONFIG_FROM_DEFAULT);
		free(before);
	}
}

static void
test_bad_time(void **state)
{
	static const char *const values[] = { "5 s", "soon", "-1", "", "1y" };
	size_t i;

	(void)state;
	for (i = 0; i < LEN(values); i++) {
		assert_int_equal(
		    config_set(&config, slice_str("database.retain"),
			slice_str(values[i]), CONFIG_FROM_COMMAND, &err),
		    -1);
		assert_memory_equal(err.msg, "database.retain: ", 17);
		assert_true(strlen(err.msg) > 17);
	}
	assert_value("database.retain", "1w", CONFIG_FROM_DEFAULT);
}

static void
test_long_values(void **state)
{
	static char path[4097];
	static char list[200];
	size_t i;

	(void)state;
	memset(path, 'p', 4096);
	assert_int_equal(config_set(&config, slice_str("controller.tls_key"),
			     slice_str(path), CONFIG_FROM_FLAG, &err),
	    -1);
	assert_string_equal(err.msg,
	    "--set controller.tls_key: longer than 4095 bytes");
	path[4095] = '\0';
	assert_int_equal(config_set(&config, slice_str("controller.tls_key"),
			     slice_str(path), CONFIG_FROM_FLAG, &err),
	    0);
	for (i = 0; i < 65; i++)
		memcpy(list + 2 * i, "a,", 3);
	assert_int_equal(config_set(&config, slice_str("shell.args"),
			     slice_str(list), CONFIG_FROM_FLAG, &err),
	    -1);
	assert_string_equal(err.msg, "--set shell.args: more than 64 items");
}

/* ---- The file ---- */

static void
test_bad_files(void **state)
{
	static const struct {
		const char *text;
		const char *message;
	} cases[] = {
		{ "\n\n[database]\nframerate = 70000\n",
		    "t.conf:4: database.framerate: 70000 is above 65535" },
		{ "[database]\nframerat = 1\n",
		    "t.conf:2: database.framerat: no such setting" },
		{ "[databse]\n", "t.conf:1: [databse]: no such section" },
		{ "[databse]\nframerate = 1\n",
		    "t.conf:1: [databse]: no such section" },
		{ "framerate = 1\n", "t.conf:1: framerate: not in a section" },
		{ "[log]\nlevel = info\n[database]\n[log]\nlevel = warn\n",
		    "t.conf:5: log.level: already set on line 2" },
		{ "[log]\nlevel\n",
		    "t.conf:2: neither a section nor key = value" },
		{ "[log]\nlevel = \"info\n",
		    "t.conf:2: level: no closing quote on this line" },
		{ "[log]\nlevel = \"\\z\"\n",
		    "t.conf:2: log.level: escape other than"
		    " \\\" \\\\ \\n \\r \\t" },
		{ "[shell]\nargs = [\"-c\"\n]\n",
		    "t.conf:2: args: no closing bracket on this line" },
		{ "[Log]\n", "t.conf:1: [Log]: no such section" },
		{ "[log]\nLEVEL = info\n",
		    "t.conf:2: log.LEVEL: no such setting" },
		{ "[log.level]\n", "t.conf:1: [log.level]: no such section" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < LEN(cases); i++) {
		assert_int_equal(read_text(cases[i].text), -1);
		assert_int_equal(err.code, ERR_INVALID);
		assert_string_equal(err.msg, cases[i].message);
		config_fini(&config);
		assert_int_equal(config_init(&config, &err), 0);
	}
}

/* The file of a ztick user, with all it can hold. */
static void
test_ztick_file(void **state)
{
	(void)state;
	assert_int_equal(read_text("# ztick\n"
				   "[log]\n"
				   "level = \"trace\"\n"
				   "\n"
				   "[controller]\n"
				   "listen = \"127.0.0.1:5679\"\n"
				   "tls_cert = \"/etc/ztick/cert.pem\"\n"
				   "tls_key = \"/etc/ztick/key.pem\"\n"
				   "auth_file = \"/etc/ztick/auth.toml\"\n"
				   "\n"
				   "[shell]\n"
				   "path = \"/bin/sh\"\n"
				   "args = [\"-e\", \"-c\"]\n"
				   "\n"
				   "[database]\n"
				   "persistence = \"logfile\"\n"
				   "logfile_path = \"data/ztick.log\"\n"
				   "fsync_on_persist = false\n"
				   "framerate = 100\n"
				   "compression_interval = 1800\n"
				   "\n"
				   "[telemetry]\n"
				   "enabled = true\n"
				   "endpoint = \"http://otel-collector:4318\"\n"
				   "service_name = \"ztick-prod\"\n"
				   "flush_interval_ms = 10000\n"
				   "\n"
				   "[http]\n"
				   "listen = \"127.0.0.1:5680\""),
	    0);
	assert_int_equal(config_check(&config, &err), 0);
	assert_value("log.level", "trace", CONFIG_FROM_FILE);
	assert_value("controller.listen", "127.0.0.1:5679", CONFIG_FROM_FILE);
	assert_value("controller.tls_cert", "/etc/ztick/cert.pem",
	    CONFIG_FROM_FILE);
	assert_value("shell.args", "-e,-c", CONFIG_FROM_FILE);
	assert_value("database.logfile_path", "data/ztick.log",
	    CONFIG_FROM_FILE);
	assert_value("database.compression_interval", "30m", CONFIG_FROM_FILE);
	assert_true(config.ignored_http);
	assert_true(config.ignored_telemetry);
}

static void
test_nothing_ignored(void **state)
{
	(void)state;
	assert_int_equal(read_text("[log]\nlevel = \"info\"\n"), 0);
	assert_false(config.ignored_http);
	assert_false(config.ignored_telemetry);
}

/* The sample loads; with its settings uncommented it says the defaults. */
static void
test_sample(void **state)
{
	struct config plain;
	struct buf sample = { 0 };
	char *got;
	char *want;
	size_t i;

	(void)state;
	config_put_sample(&sample);
	assert_false(sample.failed);
	assert_int_equal(
	    config_read_text(&config, "sample", buf_slice(&sample), &err), 0);
	assert_int_equal(config.origin[CONFIG_log_level].source,
	    CONFIG_FROM_DEFAULT);
	for (i = 1; i + 1 < sample.len; i++) {
		if (sample.ptr[i] == '#' && sample.ptr[i - 1] == '\n' &&
		    sample.ptr[i + 1] != ' ')
			sample.ptr[i] = ' ';
	}
	assert_int_equal(
	    config_read_text(&config, "sample", buf_slice(&sample), &err), 0);
	assert_int_equal(config_init(&plain, &err), 0);
	for (i = 0; i < CONFIG_COUNT; i++) {
		got = value_text(&config, config_name((enum config_id)i));
		want = value_text(&plain, config_name((enum config_id)i));
		assert_string_equal(got, want);
		assert_int_equal(config.origin[i].source, CONFIG_FROM_FILE);
		free(got);
		free(want);
	}
	config_fini(&plain);
	buf_free(&sample);
}

/* ---- Environment, flags, precedence ---- */

static void
test_env(void **state)
{
	char *const *env = ENV("PATH=/bin", "TICKD_DATABASE_FRAMERATE=100",
	    "TICKD_SHELL_ARGS=[\"-x\", \"a b\"]", "TICKD_PORT=tcp://1.2.3.4",
	    "TICKD_PORT_5678_TCP=x", "TICKD_DATABASE_FRAMERATES=bad",
	    "TICKD_SERVICE_HOST=10.0.0.1", "TICKD_=", "TICKD",
	    "ALERT_LATENCY_THRESHOLD=1234", "ALERT_QUEUE_DEPTH_THRESHOLD=7",
	    "HEALTH_POLLING_ENABLED=false", "HEALTH_POLLING_INTERVAL=10",
	    "ALERT_ERROR_RATE_THRESHOLD=0.25");

	(void)state;
	assert_int_equal(config_read_env(&config, env, &err), 0);
	assert_value("database.framerate", "100", CONFIG_FROM_ENV);
	assert_value("shell.args", "[\"-x\", \"a b\"]", CONFIG_FROM_ENV);
	assert_value("alerts.integration_latency_ms", "1234", CONFIG_FROM_ENV);
	assert_value("alerts.queue_depth_warning", "7", CONFIG_FROM_ENV);
	assert_value("health.polling_enabled", "0", CONFIG_FROM_ENV);
	assert_value("health.polling_interval", "10s", CONFIG_FROM_ENV);
	assert_value("alerts.agent_error_rate", "0.25", CONFIG_FROM_ENV);
	assert_value("log.level", "info", CONFIG_FROM_DEFAULT);
}

static void
test_env_own_name_wins(void **state)
{
	char *const *env = ENV("TICKD_HEALTH_POLLING_INTERVAL=20",
	    "HEALTH_POLLING_INTERVAL=10");

	(void)state;
	assert_int_equal(config_read_env(&config, env, &err), 0);
	assert_value("health.polling_interval", "20s", CONFIG_FROM_ENV);
}

static void
test_bad_env(void **state)
{
	char *const *own = ENV("TICKD_CONTROLLER_MAX_LINE=huge");
	char *const *alias = ENV("ALERT_ERROR_RATE_THRESHOLD=2");
	char *const *empty = ENV("TICKD_LOG_LEVEL=");

	(void)state;
	assert_int_equal(config_read_env(&config, own, &err), -1);
	assert_string_equal(err.msg,
	    "TICKD_CONTROLLER_MAX_LINE: "
	    "not a size such as 64KiB: \"huge\"");
	assert_int_equal(config_read_env(&config, alias, &err), -1);
	assert_string_equal(err.msg,
	    "ALERT_ERROR_RATE_THRESHOLD: 2 is above 1");
	assert_int_equal(config_read_env(&config, empty, &err), -1);
	assert_string_equal(err.msg,
	    "TICKD_LOG_LEVEL: none of "
	    "off|error|warn|info|debug|trace: \"\"");
}

static void
test_set_pair(void **state)
{
	static const char *const bad[][2] = {
		{ "log.level", "--set log.level: no =" },
		{ "log.levels=info", "--set no setting \"log.levels\"" },
		{ "=info", "--set no setting \"\"" },
		{ "level=info", "--set no setting \"level\"" },
		{ "log.=info", "--set no setting \"log.\"" },
		{ "database.framerate=0",
		    "--set database.framerate: 0 is below 1" },
	};
	size_t i;

	(void)state;
	assert_int_equal(
	    config_set_pair(&config, "database.logfile_path=/a=b # c", &err),
	    0);
	assert_value("database.logfile_path", "/a=b # c", CONFIG_FROM_FLAG);
	for (i = 0; i < LEN(bad); i++) {
		assert_int_equal(config_set_pair(&config, bad[i][0], &err), -1);
		assert_string_equal(err.msg, bad[i][1]);
		assert_int_equal(err.code, ERR_INVALID);
	}
}

static void
set(const char *value, enum config_source source)
{
	assert_int_equal(config_set(&config, slice_str("shell.args"),
			     slice_str(value), source, &err),
	    0);
}

/* Whatever the order they come in, the stronger source keeps its value. */
static void
test_precedence(void **state)
{
	(void)state;
	set("file", CONFIG_FROM_FILE);
	assert_value("shell.args", "file", CONFIG_FROM_FILE);
	set("command", CONFIG_FROM_COMMAND);
	set("env", CONFIG_FROM_ENV);
	set("flag", CONFIG_FROM_FLAG);
	set("file", CONFIG_FROM_FILE);
	assert_value("shell.args", "command", CONFIG_FROM_COMMAND);
	set("again", CONFIG_FROM_COMMAND);
	assert_value("shell.args", "again", CONFIG_FROM_COMMAND);
}

/* What is read again replaces all but what a command has set. */
static void
test_adopt(void **state)
{
	struct config other;

	(void)state;
	assert_int_equal(config_init(&other, &err), 0);
	assert_int_equal(config_set_pair(&other, "alerts.cpu_warning=11", &err),
	    0);
	assert_int_equal(
	    config_set_pair(&other, "alerts.cpu_critical=12", &err), 0);
	assert_int_equal(
	    config_set_pair(&other, "alerts.clear_margin=0.25", &err), 0);
	assert_int_equal(config_set(&config, slice_str("alerts.cpu_critical"),
			     slice_str("77"), CONFIG_FROM_COMMAND, &err),
	    0);
	config_adopt(&config, &other, CONFIG_alerts_cpu_warning,
	    CONFIG_alerts_clear_margin);
	assert_value("alerts.cpu_warning", "11", CONFIG_FROM_FLAG);
	assert_value("alerts.cpu_critical", "77", CONFIG_FROM_COMMAND);
	assert_value("alerts.clear_margin", "0.25", CONFIG_FROM_FLAG);
	config_fini(&other);
}

static void
test_normalize(void **state)
{
	struct buf out = { 0 };

	(void)state;
	assert_int_equal(config_normalize(CONFIG_alerts_cpu_warning,
			     slice_str("080.50"), &out, &err),
	    0);
	buf_add_byte(&out, '\0');
	assert_string_equal(out.ptr, "80.5");
	assert_int_equal(config_normalize(CONFIG_alerts_cpu_warning,
			     slice_str("100.5"), &out, &err),
	    -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_memory_equal(err.msg, "alerts.cpu_warning: ", 20);
	buf_free(&out);
}

/* A value that a stronger one hides must make sense all the same. */
static void
test_hidden_values_are_checked(void **state)
{
	(void)state;
	assert_int_equal(
	    config_set_pair(&config, "controller.listen=127.0.0.1:0", &err), 0);
	assert_int_equal(read_text("[controller]\nlisten = nowhere\n"), -1);
	assert_string_equal(err.msg,
	    "t.conf:2: controller.listen: no port: \"nowhere\"");
	assert_value("controller.listen", "127.0.0.1:0", CONFIG_FROM_FLAG);
}

static void
test_source_words(void **state)
{
	(void)state;
	assert_string_equal(config_source_word(CONFIG_FROM_DEFAULT), "default");
	assert_string_equal(config_source_word(CONFIG_FROM_FILE), "file");
	assert_string_equal(config_source_word(CONFIG_FROM_ENV), "env");
	assert_string_equal(config_source_word(CONFIG_FROM_FLAG), "flag");
	assert_string_equal(config_source_word(CONFIG_FROM_COMMAND), "command");
}

/* ---- All at once ---- */

static void
write_file(char *path, const char *text)
{
	int fd = mkstemp(path);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(close(fd), 0);
}

static void
test_load(void **state)
{
	char path[] = "/tmp/test_config.XXXXXX";
	char *const *env =
	    ENV("TICKD_DATABASE_FRAMERATE=2", "TICKD_LOG_LEVEL=warn");
	const char *const sets[] = { "database.framerate=3" };
	struct config c;

	(void)state;
	write_file(path, "[database]\nframerate = 1\nretain = 1d\n");
	assert_int_equal(config_load(&c, path, env, sets, LEN(sets), &err), 0);
	assert_int_equal(c.database_framerate, 3);
	assert_int_equal(c.log_level, LOG_LEVEL_WARN);
	assert_int_equal(c.database_retain, 86400 * NS_PER_S);
	assert_int_equal(c.processor_max_inflight, 64);
	config_fini(&c);
	assert_int_equal(unlink(path), 0);
}

static void
test_load_fails(void **state)
{
	char path[] = "/tmp/test_config.XXXXXX";
	const char *const sets[] = { "controller.listen=0.0.0.0:1" };
	const char *const typo[] = { "log.levels=info" };
	char *const *env = ENV("TICKD_LOG_LEVEL=x");
	char want[512];
	struct config c;

	(void)state;
	write_file(path, "[database]\nframerate = 0\n");
	assert_int_equal(config_load(&c, path, NO_ENV, NULL, 0, &err), -1);
	(void)snprintf(want, sizeof(want),
	    "%s:2: database.framerate: 0 is below 1", path);
	assert_string_equal(err.msg, want);
	assert_int_equal(unlink(path), 0);

	assert_int_equal(config_load(&c, path, NO_ENV, NULL, 0, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_non_null(strstr(err.msg, path));
	assert_int_equal(config_load(&c, "/dev/null", env, NULL, 0, &err), -1);
	assert_int_equal(config_load(&c, "/dev/null", NO_ENV, typo, 1, &err),
	    -1);
	assert_int_equal(config_load(&c, "/dev/null", NO_ENV, sets, 1, &err),
	    -1);
	assert_string_equal(err.msg,
	    "--set controller.listen: 0.0.0.0:1 is open to other machines: set "
	    "controller.auth_file (or controller.allow_unauthenticated)");
}

/* ---- Across keys ---- */

static void
test_check(void **state)
{
	static const struct {
		const char *text;
		const char *message; /* NULL: it is fine */
	} cases[] = {
		{ "tls_cert = c\n",
		    "t.conf:2: controller.tls_cert: needs controller.tls_key" },
		{ "tls_key = k\n",
		    "t.conf:2: controller.tls_key: needs controller.tls_cert" },
		{ "tls_client_ca = a\n",
		    "t.conf:2: controller.tls_client_ca: "
		    "needs controller.tls_cert" },
		{ "tls_cert = c\ntls_key = k\ntls_client_ca = a\n", NULL },
		{ "listen = tls:127.0.0.1:1\n",
		    "t.conf:2: controller.listen: tls:127.0.0.1:1 "
		    "needs controller.tls_cert" },
		{ "listen = tls:127.0.0.1:1\ntls_cert = c\ntls_key = k\n",
		    NULL },
		{ "listen = 127.0.0.1:1, [::1]:1, unix:/s, localhost:1\n",
		    NULL },
		{ "listen = 127.0.0.1:1, [::]:1\n",
		    "t.conf:2: controller.listen: [::]:1 is open to other "
		    "machines: set controller.auth_file "
		    "(or controller.allow_unauthenticated)" },
		{ "listen = 0.0.0.0:1\nauth_file = a\n", NULL },
		{ "listen = 0.0.0.0:1\nallow_unauthenticated = true\n", NULL },
		{ "listen = example.org:1\n",
		    "t.conf:2: controller.listen: example.org:1 is open to "
		    "other machines: set controller.auth_file "
		    "(or controller.allow_unauthenticated)" },
		{ "[shell]\npath = /bin/sh\n", NULL },
		{ "[shell]\npath = /no/such/shell\n",
		    "t.conf:3: shell.path: /no/such/shell: "
		    "No such file or directory" },
	};
	char text[512];
	size_t i;

	(void)state;
	for (i = 0; i < LEN(cases); i++) {
		(void)snprintf(text, sizeof(text), "[controller]\n%s",
		    cases[i].text);
		assert_int_equal(read_text(text), 0);
		if (cases[i].message == NULL) {
			assert_int_equal(config_check(&config, &err), 0);
		} else {
			assert_int_equal(config_check(&config, &err), -1);
			assert_string_equal(err.msg, cases[i].message);
			assert_int_equal(err.code, ERR_INVALID);
		}
		config_fini(&config);
		assert_int_equal(config_init(&config, &err), 0);
	}
}

/* The place of a value is that of its source, also where keys clash. */
static void
test_check_blames_env(void **state)
{
	char *const *env = ENV("TICKD_CONTROLLER_TLS_CERT=c");

	(void)state;
	assert_int_equal(config_read_env(&config, env, &err), 0);
	assert_int_equal(config_check(&config, &err), -1);
	assert_string_equal(err.msg,
	    "TICKD_CONTROLLER_TLS_CERT: needs controller.tls_key");
}

static enum address_kind
kind_of(size_t i)
{
	struct address a;

	assert_int_equal(config_listen(&config, i, &a, &err), 0);
	return a.kind;
}

static void
test_listen_tls(void **state)
{
	(void)state;
	assert_int_equal(read_text("[controller]\n"
				   "listen = 127.0.0.1:1, unix:/s\n"
				   "tls_cert = c\n"
				   "tls_key = k\n"),
	    0);
	assert_int_equal(kind_of(0), ADDRESS_TLS);
	assert_int_equal(kind_of(1), ADDRESS_UNIX);
	assert_int_equal(read_text("[controller]\n"
				   "listen = 127.0.0.1:1, tls:127.0.0.1:2\n"),
	    0);
	assert_int_equal(kind_of(0), ADDRESS_TCP);
	assert_int_equal(kind_of(1), ADDRESS_TLS);
}

/* ---- The manual ---- */

/* `.It Ic key No = default` of the manual, below `.Ss section`. The key it is
 * about, or -1 for another line; *def is the default, "" where there is none.
 */
static int
manual_item(char *line, const char *section, const char **def)
{
	char key[64];
	char name[130];
	char *equals;
	int id;

	if (sscanf(line, ".It Ic %63[a-z_]", key) != 1)
		return -1;
	(void)snprintf(name, sizeof(name), "%s.%s", section, key);
	id = config_find(slice_str(name));
	if (id == -1)
		fail_msg("tickd.conf(5) has %s, config.def not", name);
	line[strcspn(line, "\n")] = '\0';
	equals = strstr(line, " No = ");
	*def = equals == NULL ? "" : equals + strlen(" No = ");
	if (**def == '\\')
		(*def)++; /* \- is a dash */
	return id;
}

/* A default as the manual has it is the default. */
static void
assert_manual_default(enum config_id id, const char *def)
{
	char *want = value_text(&config, config_name(id));
	char *got;

	assert_int_equal(config_set(&config, slice_str(config_name(id)),
			     slice_str(def), CONFIG_FROM_COMMAND, &err),
	    0);
	got = value_text(&config, config_name(id));
	if (strcmp(got, want) != 0)
		fail_msg("tickd.conf(5): the default of %s is %s, not %s",
		    config_name(id), want, got);
	free(want);
	free(got);
}

/* tickd.conf(5) has an item for every key, under the heading of its section,
 * and every item is a key. */
static void
test_manual(void **state)
{
	FILE *f = fopen("man/tickd.conf.5", "r");
	bool seen[CONFIG_COUNT] = { false };
	char line[1024];
	char section[64] = "";
	const char *def;
	int id;
	size_t i;

	(void)state;
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, ".Ss %63[a-z]", section) == 1)
			continue;
		id = manual_item(line, section, &def);
		if (id == -1)
			continue;
		assert_manual_default((enum config_id)id, def);
		seen[id] = true;
	}
	(void)fclose(f);
	for (i = 0; i < CONFIG_COUNT; i++) {
		if (!seen[i])
			fail_msg("tickd.conf(5) lacks %s",
			    config_name((enum config_id)i));
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_defaults),
		TEST(test_fields),
		TEST(test_spellings),
		TEST(test_bad_values),
		TEST(test_bad_time),
		TEST(test_long_values),
		TEST(test_bad_files),
		TEST(test_ztick_file),
		TEST(test_nothing_ignored),
		TEST(test_sample),
		TEST(test_env),
		TEST(test_env_own_name_wins),
		TEST(test_bad_env),
		TEST(test_set_pair),
		TEST(test_precedence),
		TEST(test_adopt),
		TEST(test_normalize),
		TEST(test_hidden_values_are_checked),
		TEST(test_source_words),
		TEST(test_load),
		TEST(test_load_fails),
		TEST(test_check),
		TEST(test_check_blames_env),
		TEST(test_listen_tls),
		TEST(test_manual),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
