/* The configuration: what is refused with exit 2, which setting wins, and
 * what a start without a server does. */
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
#include "store_box.h"
#include "wire.h"

static void
write_file(const struct daemon *d, const char *name, const char *text)
{
	int fd = open(daemon_path(d, name),
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
}

static void
test_bad_files(void **state)
{
	/* The text, and what the message must name. */
	static const char *const files[][2] = {
		{ "[database]\n\nframerat=5\n", "tickd.conf:3" },
		{ "[nosuch]\nx=1\n", "tickd.conf:1" },
		{ "[database]\nframerate=0\n", "framerate" },
		{ "[database]\nframerate=65536\n", "tickd.conf:2" },
		{ "[database]\nframerate=fast\n", "framerate" },
		{ "[database]\npersistence=tape\n", "persistence" },
		{ "[database]\nfsync_on_persist=maybe\n", "fsync_on_persist" },
		{ "[controller]\nauth_timeout=-1s\n", "auth_timeout" },
		{ "[log]\nlevel=loud\n", "level" },
		{ "[database\n", "tickd.conf:1" },
		{ "framerate=5\n", "tickd.conf:1" },
		{ "[database]\nframerate\n", "tickd.conf:2" },
	};
	struct daemon *d = *state;
	size_t i;

	daemon_arg(d, "-c");
	daemon_arg(d, "tickd.conf");
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		write_file(d, "tickd.conf", files[i][0]);
		if (daemon_start_refused(d) != 2 ||
		    strstr(daemon_log(d), files[i][1]) == NULL)
			fail_msg("%s exit %d, no `%s` in:\n%s", files[i][0],
			    d->exit_status, files[i][1], daemon_log(d));
	}
	assert_int_equal(access(daemon_path(d, "logfile"), F_OK), -1);
}

static void
test_missing_file(void **state)
{
	struct daemon *d = *state;

	daemon_arg(d, "-c");
	daemon_arg(d, "nosuch.conf");
	assert_int_equal(daemon_start_refused(d), 2);
	assert_non_null(strstr(daemon_log(d), "nosuch.conf"));
}

static void
refuse(const char *const *args, int status, const char *word)
{
	struct daemon d;

	daemon_init(&d);
	for (; *args != NULL; args++)
		daemon_arg(&d, *args);
	if (daemon_start_refused(&d) != status ||
	    strstr(daemon_log(&d), word) == NULL)
		fail_msg("exit %d, not %d; no `%s` in:\n%s", d.exit_status,
		    status, word, daemon_log(&d));
	daemon_fini(&d);
}

/* What this version knows and does nothing with is not taken. */
static void
test_without_effect(void **state)
{
	static const struct {
		const char *setting, *why;
	} cases[] = {
		{ "controller.tls_cert=c",
		    "tls_cert: this version has no TLS" },
		{ "controller.listen=unix:s, tls:127.0.0.1:0",
		    "tls: this version has no TLS" },
		{ "controller.tls_min_version=1.3", "no TLS" },
		{ "controller.handshake_timeout=1s", "no TLS" },
		{ "security.secret_key_file=k", "keeps no secrets" },
		{ "security.audit_limit=5", "keeps no audit" },
		{ "security.audit_jobs=true", "keeps no audit" },
	};
	static const char *const both[] = { "--set", "controller.listen=unix:s",
		"--set", "controller.tls_cert=c", "--set",
		"controller.tls_key=k", NULL };
	static const char *const token[] = { "--set",
		"controller.auth_file=auth.conf", NULL };
	const char *args[] = { "--set", NULL, NULL };
	struct daemon *d = *state;
	struct wire w;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		args[1] = cases[i].setting;
		refuse(args, 2, cases[i].why);
	}
	refuse(both, 2, "no TLS");
	write_file(d, "auth.conf",
	    "[token.a]\ncertificate = a.example\nnamespace = *\n");
	daemon_arg(d, token[0]);
	daemon_arg(d, token[1]);
	assert_int_equal(daemon_start_refused(d), 2);
	assert_non_null(strstr(daemon_log(d),
	    "token.a: certificate: this version has no TLS"));
	daemon_set(d, "controller.auth_file=-");
	wire_start(&w, d);
	wire_ask(&w, "1 RULE SET r r direct /bin/true", "1 OK");
	wire_ask(&w, "2 RULE OPTIONS r approval=required",
	    "2 ERROR invalid approval=required: this version holds no run for "
	    "approval");
	wire_ask(&w, "3 RULE OPTIONS r approval=auto", "3 OK");
	wire_stop(&w, d);
}

/* A log in which it was taken. */
static void
test_approval_of_an_older_log(void **state)
{
	struct daemon *d = *state;
	struct box box;

	box_init(&box);
	assert_int_equal(box_open(&box, daemon_path(d, "logfile")), 0);
	box_rule(&box, "r", "r", "direct /bin/true -- approval=required");
	box_settle(&box);
	box_fini(&box);
	daemon_start(d);
	assert_non_null(
	    strstr(daemon_log(d), "event=approval_not_kept rules=1 rule=r"));
	daemon_stop(d);
}

static void
test_arguments(void **state)
{
	static const char *const unknown[] = { "--nosuch", NULL };
	static const char *const operand[] = { "nosuch", NULL };
	static const char *const no_pair[] = { "--set", "framerate", NULL };
	static const char *const no_key[] = { "--set", "database.x=1", NULL };
	static const char *const bad[] = { "--set", "database.framerate=-1",
		NULL };
	static const char *const nowhere[] = { "--set",
		"controller.listen=nowhere", NULL };
	static const char *const open_door[] = { "--set",
		"controller.listen=0.0.0.0:0", NULL };
	static const char *const no_dir[] = { "--set",
		"database.logfile_path=nosuch/logfile", NULL };
	static const char *const no_auth[] = { "--set",
		"controller.auth_file=nosuch", NULL };
	static const char *const version[] = { "--version", NULL };
	static const char *const help[] = { "--help", NULL };
	static const char *const check[] = { "-n", NULL };

	(void)state;
	refuse(unknown, 2, "nosuch");
	refuse(operand, 2, "nosuch");
	refuse(no_pair, 2, "framerate");
	refuse(no_key, 2, "database.x");
	refuse(bad, 2, "framerate");
	refuse(nowhere, 2, "nowhere");
	refuse(open_door, 2, "allow_unauthenticated");
	refuse(no_dir, 1, "nosuch/logfile");
	refuse(no_auth, 2, "nosuch");
	refuse(version, 0, "tickd ");
	refuse(help, 0, "--set");
	refuse(check, 0, "");
}

/* Flag beats environment beats file beats default. */
static void
test_precedence(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	write_file(d, "tickd.conf",
	    "# a comment\n[database]\nframerate = 100\n"
	    "[processor]\nmax_inflight=3\n");
	daemon_arg(d, "-c");
	daemon_arg(d, "tickd.conf");
	wire_start(&w, d);
	assert_int_equal(wire_row_u64(&w, "1 STAT", "framerate"), 100);
	wire_stop(&w, d);

	assert_int_equal(setenv("TICKD_DATABASE_FRAMERATE", "200", 1), 0);
	assert_int_equal(setenv("TICKD_PORT_5678_TCP", "tcp://x", 1), 0);
	wire_start(&w, d);
	assert_int_equal(wire_row_u64(&w, "1 STAT", "framerate"), 200);
	wire_stop(&w, d);

	daemon_set(d, "database.framerate=300");
	wire_start(&w, d);
	assert_int_equal(wire_row_u64(&w, "1 STAT", "framerate"), 300);
	wire_stop(&w, d);

	assert_int_equal(setenv("TICKD_DATABASE_FRAMERATE", "x", 1), 0);
	assert_int_equal(daemon_start_refused(d), 2);
	assert_non_null(strstr(daemon_log(d), "TICKD_DATABASE_FRAMERATE"));
	assert_int_equal(unsetenv("TICKD_DATABASE_FRAMERATE"), 0);
	assert_int_equal(unsetenv("TICKD_PORT_5678_TCP"), 0);
}

/* A file of ztick 0.1, as it is. */
static void
test_ztick_file(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	write_file(d, "ztick.toml",
	    "[log]\nlevel = \"info\"\n\n[controller]\n"
	    "listen = \"127.0.0.1:5678\"\n\n[database]\n"
	    "fsync_on_persist = true\nframerate = 256\n"
	    "logfile_path = \"ztick.log\"\n"
	    "compression_interval = 3600\n\n[shell]\npath = \"/bin/sh\"\n"
	    "args = [\"-c\"]\n\n[telemetry]\nenabled = false\n"
	    "endpoint = \"http://localhost:4318\"\n[http]\n"
	    "listen = \"127.0.0.1:8080\"\n");
	daemon_arg(d, "-c");
	daemon_arg(d, "ztick.toml");
	wire_start(&w, d);
	assert_int_equal(wire_row_u64(&w, "1 STAT", "framerate"), 256);
	assert_int_equal(access(daemon_path(d, "ztick.log"), F_OK), 0);
	assert_non_null(strstr(daemon_log(d), "level=warn"));
	wire_stop(&w, d);
}

static void
test_several_listeners(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	daemon_set(d, "controller.listen=127.0.0.1:0,unix:socket,127.0.0.1:0");
	wire_start(&w, d);
	wire_ask(&w, "1 PING", "1 OK");
	assert_int_equal(access(daemon_path(d, "socket"), F_OK), 0);
	wire_stop(&w, d);
	/* The socket left behind by a crash is no obstacle. */
	daemon_start(d);
	daemon_kill(d);
	daemon_start(d);
	daemon_stop(d);
}

static void
test_port_in_use(void **state)
{
	struct daemon *d = *state, second;
	char setting[64];

	daemon_start(d);
	daemon_init(&second);
	(void)snprintf(setting, sizeof(setting),
	    "controller.listen=127.0.0.1:%d", d->port);
	daemon_set(&second, setting);
	assert_int_equal(daemon_start_refused(&second), 1);
	assert_non_null(strstr(daemon_log(&second), setting + 18));
	daemon_fini(&second);
	daemon_stop(d);
}

/* What was recovered is in the line `ready`. */
static void
test_ready_line(void **state)
{
	struct daemon *d = *state;
	struct wire w;

	wire_start(&w, d);
	assert_non_null(strstr(daemon_log(d), " jobs=0 rules=0 "));
	wire_ask(&w, "1 SET a +1h", "1 OK");
	wire_ask(&w, "1 RULE SET r p direct /bin/true", "1 OK");
	wire_stop(&w, d);
	wire_start(&w, d);
	assert_non_null(strstr(daemon_log(d), " jobs=1 rules=1 "));
	wire_stop(&w, d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DAEMON_TEST(test_bad_files),
		DAEMON_TEST(test_missing_file),
		DAEMON_TEST(test_arguments),
		DAEMON_TEST(test_without_effect),
		DAEMON_TEST(test_approval_of_an_older_log),
		DAEMON_TEST(test_precedence),
		DAEMON_TEST(test_ztick_file),
		DAEMON_TEST(test_several_listeners),
		DAEMON_TEST(test_port_in_use),
		DAEMON_TEST(test_ready_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
