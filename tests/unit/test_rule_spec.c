#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "rule_spec.h"
#include "token.h"
#include "tstamp.h"

#define S(text) slice_of(text, sizeof(text) - 1)

/* A spec from words as they stand in a request. */
typedef struct rule_spec *parse_cb(const struct slice *words, size_t n,
    struct err *e);

static struct rule_spec *
parse_by(parse_cb *parse_words, const char *text, struct err *e)
{
	static char line[LINE_MAX_CEILING];
	struct tokens t = { 0 };
	struct rule_spec *spec;

	assert_true(strlen(text) < sizeof(line));
	memcpy(line, text, strlen(text));
	assert_int_equal(token_split(line, strlen(text), &t, e), 0);
	memset(e, 0, sizeof(*e));
	spec = parse_words(t.word, t.n, e);
	token_fini(&t);
	return spec;
}

static struct rule_spec *
parse(const char *text, struct err *e)
{
	return parse_by(rule_spec_parse, text, e);
}

static struct rule_spec *
must_parse(const char *text)
{
	struct err e;
	struct rule_spec *spec = parse(text, &e);

	assert_non_null(spec);
	return spec;
}

/* The arguments as a reply shows them. */
static void
assert_args(const struct rule_spec *spec, const char *want)
{
	struct buf b = { 0 };

	buf_add_str(&b, runner_word(spec->runner));
	rule_spec_put_args(&b, spec);
	buf_add_byte(&b, '\0');
	assert_false(b.failed);
	assert_string_equal(b.ptr, want);
	buf_free(&b);
}

static void
test_runner_words(void **state)
{
	static const char *const words[RUNNER_COUNT] = { "shell", "direct",
		"http", "redis", "amqp", "awf", "agent" };
	int i;

	(void)state;
	for (i = 0; i < RUNNER_COUNT; i++) {
		assert_string_equal(runner_word((enum runner)i), words[i]);
		assert_int_equal(runner_parse(slice_str(words[i])), i);
	}
	assert_int_equal(runner_parse(S("Shell")), -1);
	assert_int_equal(runner_parse(S("")), -1);
	assert_int_equal(runner_parse(S("shell\0")), -1);
}

static void
test_parse(void **state)
{
	static const struct {
		const char *text, *shown; /* NULL: the same */
	} rows[] = {
		{ "shell \"echo hi; exit 1\"", NULL },
		{ "direct /bin/true", NULL },
		{ "direct /bin/echo a \"b c\" \"\" -n", NULL },
		{ "http GET http://example.org/", NULL },
		{ "http post https://u:p@example.org:8443/x?y=@z",
		    "http POST https://***@example.org:8443/x?y=***" },
		{ "http DELETE http://h", NULL },
		{ "http PUT http://[::1]:8080/", NULL },
		{ "redis redis://localhost/0 PUBLISH ch", NULL },
		{ "redis rediss://:secret@h:6380 lpush key",
		    "redis rediss://***@h:6380 LPUSH key" },
		{ "redis redis://h RPUSH \"a key\"", NULL },
		{ "redis redis://h SET k", NULL },
		{ "amqp amqp://u:p@h:5672/%2f ex key",
		    "amqp amqp://***@h:5672/%2f ex key" },
		{ "amqp amqps://h \"\" queue", NULL },
		{ "amqp amqp://h fanout \"\"", NULL },
		{ "awf deploy", NULL },
		{ "awf deploy --input a=b --input \"c=d e\" --input f=", NULL },
		{ "agent", NULL },
		{ "agent /usr/bin/agent --model x", NULL },
		/* Only the URL of a runner that has one is masked. */
		{ "direct curl http://u:p@h", NULL },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rule_spec *spec = must_parse(rows[i].text);

		assert_args(spec,
		    rows[i].shown != NULL ? rows[i].shown : rows[i].text);
		assert_int_equal(spec->refs, 1);
		rule_spec_unref(spec);
	}
}

static void
test_parse_refuses(void **state)
{
	static const struct {
		const char *text;
		enum err_code code;
		const char *msg; /* NULL: not looked at */
	} rows[] = {
		{ "", ERR_SYNTAX, "a runner is missing" },
		{ "bash x", ERR_INVALID, "unknown runner \"bash\"" },
		{ "SHELL x", ERR_INVALID, NULL },
		{ "shell", ERR_SYNTAX, "too few arguments: shell <command>" },
		{ "shell a b", ERR_SYNTAX,
		    "too many arguments: shell <command>" },
		{ "shell \"\"", ERR_INVALID, "the command is empty" },
		{ "shell \"a\\x00b\"", ERR_INVALID,
		    "a NUL byte is not allowed in \"a\\x00b\"" },
		{ "direct", ERR_SYNTAX, NULL },
		{ "direct \"\" a", ERR_INVALID, "the executable is empty" },
		{ "direct a \"\\x00\"", ERR_INVALID, NULL },
		{ "http GET", ERR_SYNTAX, NULL },
		{ "http GET http://h extra", ERR_SYNTAX, NULL },
		{ "http PATCH http://h", ERR_INVALID,
		    "unknown http method \"PATCH\"" },
		{ "http GET ftp://h", ERR_INVALID,
		    "the url must be http:// or https://, not \"ftp\"" },
		{ "http GET h", ERR_INVALID, NULL },
		{ "http GET http://", ERR_INVALID,
		    "invalid host or port in the url" },
		{ "http GET http://:80/", ERR_INVALID, NULL },
		{ "http GET \"http://h/a b\"", ERR_INVALID, "malformed url" },
		{ "http GET \"http://h\\r\\nX: y\"", ERR_INVALID, NULL },
		{ "http GET \"http://h\\x00\"", ERR_INVALID, NULL },
		{ "redis redis://h SET", ERR_SYNTAX, NULL },
		{ "redis redis://h DEL k", ERR_INVALID,
		    "unknown redis command \"DEL\"" },
		{ "redis http://h SET k", ERR_INVALID, NULL },
		{ "redis redis://h SET \"\"", ERR_INVALID, NULL },
		{ "redis redis://h SET k v", ERR_SYNTAX, NULL },
		{ "amqp amqp://h e", ERR_SYNTAX, NULL },
		{ "amqp amqp://h e k x", ERR_SYNTAX, NULL },
		{ "amqp redis://h e k", ERR_INVALID, NULL },
		{ "amqp amqp://h \"\" \"\"", ERR_INVALID, NULL },
		{ "awf", ERR_SYNTAX, NULL },
		{ "awf \"\"", ERR_INVALID, NULL },
		{ "awf --help", ERR_INVALID, NULL },
		{ "awf w x", ERR_INVALID, "expected --input, not \"x\"" },
		{ "awf w --input", ERR_INVALID, NULL },
		{ "awf w --input k", ERR_INVALID, NULL },
		{ "awf w --input =v", ERR_INVALID, NULL },
		{ "awf w --input \"\"", ERR_INVALID, NULL },
		{ "awf w --input a=b --input", ERR_INVALID, NULL },
		{ "agent \"\"", ERR_INVALID, NULL },
	};
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_null(parse(rows[i].text, &e));
		assert_int_equal(e.code, rows[i].code);
		if (rows[i].msg != NULL)
			assert_string_equal(e.msg, rows[i].msg);
	}
}

/* A URL may have parts that its runner would not heed: they are refused when
 * a client asks for them, while a log that holds some is read. */
static void
test_parts_of_urls(void **state)
{
	static const struct {
		const char *text, *msg; /* NULL: good */
	} rows[] = {
		{ "http GET http://h/a?b=c&d", NULL },
		{ "http GET HTTP://h/", NULL },
		{ "http GET http://u:p%20@h/%zz", NULL }, /* the server's */
		{ "http GET http://h/a#b", "http takes no fragment (" },
		{ "http GET http://h/?a#b", "http takes no fragment (" },
		{ "http GET http://u%2:p@h/", "user and password" },
		{ "redis redis://h SET k", NULL },
		{ "redis Redis://h/ SET k", NULL },
		{ "redis REDISS://h/15 SET k", NULL },
		{ "redis redis://h/2147483647 SET k", NULL },
		{ "redis redis://h/2147483648 SET k", "must be /<database>" },
		{ "redis redis://h/x SET k", "must be /<database>" },
		{ "redis redis://h/-1 SET k", "must be /<database>" },
		{ "redis redis://h/1/ SET k", "must be /<database>" },
		{ "redis redis://h//1 SET k", "must be /<database>" },
		{ "redis redis://h?db=1 SET k", "redis takes no query (" },
		{ "redis redis://h/1? SET k", "redis takes no query (" },
		{ "redis redis://h/1#x SET k", "redis takes no fragment (" },
		{ "redis redis://u:%zz@h SET k", "user and password" },
		{ "redis redis://u:%00@h SET k", "user and password" },
		{ "amqp AMQP://h/%2fv e k", NULL },
		{ "amqp amqps://h/a/b e k", NULL },
		{ "amqp amqp://h/?heartbeat=10 e k", "amqp takes no query (" },
		{ "amqp amqp://h?x e k", "amqp takes no query (" },
		{ "amqp amqp://h/v#x e k", "amqp takes no fragment (" },
		{ "amqp amqp://h/%2 e k", "the path of the url is not" },
		{ "amqp amqp://h/%00 e k", "the path of the url is not" },
		{ "shell \"curl http://h#x\"", NULL },
	};
	struct rule_spec *spec;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		spec = must_parse(rows[i].text);
		if (rows[i].msg == NULL) {
			assert_int_equal(rule_spec_check_url(spec, &e), 0);
		} else {
			assert_int_equal(rule_spec_check_url(spec, &e), -1);
			assert_int_equal(e.code, ERR_INVALID);
			if (strstr(e.msg, rows[i].msg) == NULL)
				fail_msg("%s: %s", rows[i].text, e.msg);
		}
		rule_spec_unref(spec);
	}
}

static void
test_long_vhost(void **state)
{
	char text[600];
	struct rule_spec *spec;
	struct err e;

	(void)state;
	for (int n = 255; n <= 256; n++) {
		(void)snprintf(text, sizeof(text), "amqp amqp://h/%%41%0*d e k",
		    n - 1, 0);
		spec = must_parse(text);
		assert_int_equal(rule_spec_check_url(spec, &e),
		    n == 255 ? 0 : -1);
		rule_spec_unref(spec);
	}
	assert_non_null(strstr(e.msg, "over 255 bytes"));
}

static void
test_limits_arguments(void **state)
{
	static struct slice words[RULE_ARGS_MAX + 2];
	struct rule_spec *spec;
	struct err e;
	size_t i;

	(void)state;
	words[0] = S("direct");
	for (i = 1; i < RULE_ARGS_MAX + 2; i++)
		words[i] = S("x");
	spec = rule_spec_parse(words, RULE_ARGS_MAX + 1, &e);
	assert_non_null(spec);
	assert_int_equal(spec->args.n, RULE_ARGS_MAX);
	rule_spec_unref(spec);
	assert_null(rule_spec_parse(words, RULE_ARGS_MAX + 2, &e));
	assert_int_equal(e.code, ERR_LIMIT);
}

/* A password is in no message, whatever is wrong with the URL. */
static void
test_errors_show_no_password(void **state)
{
	static const char *const rows[] = {
		"http GET http://u:hunter2@",
		"http GET http://u:hunter2@h:x",
		"http GET ftp://u:hunter2@h",
		"http GET http://u:hunter2/@h",
		"redis redis://:hunter2/x@h SET k",
		"redis redis://:hunter2@h FROB k",
		"amqp http://u:hunter2@h e k",
		"http GET hunter2@h",
	};
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_null(parse(rows[i], &e));
		assert_null(strstr(e.msg, "hunter"));
	}
}

/* --- options --- */

static void
assert_option(const struct rule_spec *spec, enum rule_option_id id,
    const char *want)
{
	struct buf b = { 0 };
	size_t i;

	for (i = 0; rule_option_value(spec, id, i, &b); i++)
		buf_add_byte(&b, '|');
	assert_true(b.len > 0);
	b.ptr[b.len - 1] = '\0';
	assert_string_equal(b.ptr, want);
	buf_free(&b);
}

#define OPTION(name, type, def, min, max, admin, help) { #name, def, admin },
static const struct {
	const char *name, *def;
	bool admin;
} table[OPTION_COUNT] = {
#include "options.def"
};
#undef OPTION

static void
test_defaults(void **state)
{
	struct rule_spec *spec = must_parse("shell x");
	struct buf pair = { 0 };
	struct err e;
	int i;

	(void)state;
	assert_int_equal(rule_spec_check(spec, &e), 0);
	for (i = 0; i < OPTION_COUNT; i++) {
		enum rule_option_id id = (enum rule_option_id)i;
		bool admin = false;

		assert_string_equal(rule_option_name(id), table[i].name);
		assert_true(rule_option_is_default(spec, id));
		assert_option(spec, id, table[i].def);

		/* The default is a value of its own option. */
		buf_clear(&pair);
		buf_addf(&pair, "%s=%s", table[i].name, table[i].def);
		assert_int_equal(
		    rule_spec_set_option(spec, buf_slice(&pair), &admin, &e),
		    0);
		assert_int_equal(admin, table[i].admin);
		assert_true(rule_option_is_default(spec, id));
	}
	buf_free(&pair);
	rule_spec_unref(spec);
}

static const struct option_row {
	const char *pair;
	enum rule_option_id id;
	const char *shown;
} option_rows[] = {
	{ "timeout=90s", OPTION_timeout, "1m30s" },
	{ "timeout=90", OPTION_timeout, "1m30s" },
	{ "timeout=1.5h", OPTION_timeout, "1h30m" },
	{ "timeout=3650d", OPTION_timeout, "3650d" },
	{ "kill_after=0", OPTION_kill_after, "0" },
	{ "kill_after=250ms", OPTION_kill_after, "250ms" },
	{ "retries=1000000", OPTION_retries, "1000000" },
	{ "concurrency=65535", OPTION_concurrency, "65535" },
	{ "overlap=queue", OPTION_overlap, "queue" },
	{ "overlap=allow", OPTION_overlap, "allow" },
	{ "misfire=skip", OPTION_misfire, "skip" },
	{ "on_crash=fail", OPTION_on_crash, "fail" },
	{ "approval=required", OPTION_approval, "required" },
	{ "level=critical", OPTION_level, "critical" },
	{ "sandbox=kata", OPTION_sandbox, "kata" },
	{ "cpu=0.5", OPTION_cpu, "0.5" },
	{ "cpu=2.125", OPTION_cpu, "2.125" },
	{ "cpu=4096", OPTION_cpu, "4096" },
	{ "memory=1000", OPTION_memory, "1000" },
	{ "memory=1024", OPTION_memory, "1KiB" },
	{ "memory=1536K", OPTION_memory, "1536KiB" },
	{ "memory=64MiB", OPTION_memory, "64MiB" },
	{ "memory=64M", OPTION_memory, "64MiB" },
	{ "memory=2048M", OPTION_memory, "2GiB" },
	{ "memory=7B", OPTION_memory, "7" },
	{ "disk=1048576G", OPTION_disk, "1024TiB" },
	{ "processes=10", OPTION_processes, "10" },
	{ "network=off", OPTION_network, "off" },
	{ "user=www-data", OPTION_user, "www-data" },
	{ "user=1000", OPTION_user, "1000" },
	{ "directory=/var/tmp/a b", OPTION_directory, "/var/tmp/a b" },
	{ "env=A=1", OPTION_env, "A=1" },
	{ "env=_b2=a=b c", OPTION_env, "_b2=a=b c" },
	{ "env=EMPTY=", OPTION_env, "EMPTY=" },
	{ "secret=TOKEN=api.key", OPTION_secret, "TOKEN=api.key" },
	{ "success=0", OPTION_success, "0" },
	{ "success=200-299,304", OPTION_success, "200-299,304" },
	{ "breaker=off", OPTION_breaker, "off" },
	{ "breaker_ratio=1", OPTION_breaker_ratio, "1" },
	{ "breaker_ratio=0.0001", OPTION_breaker_ratio, "0.0001" },
	{ "breaker_ratio=0.2500", OPTION_breaker_ratio, "0.25" },
	{ "breaker_calls=1", OPTION_breaker_calls, "1" },
	{ "breaker_window=1ms", OPTION_breaker_window, "1ms" },
	{ "name=Nightly build", OPTION_name, "Nightly build" },
};

#define N_OPTION_ROWS (sizeof(option_rows) / sizeof(option_rows[0]))

static void
must_set(struct rule_spec *spec, const char *pair)
{
	bool admin = false;
	struct err e;

	assert_int_equal(
	    rule_spec_set_option(spec, slice_str(pair), &admin, &e), 0);
}

/* Set it, see it, set what was seen, see the same, and go back. */
static void
test_set_option(void **state)
{
	struct buf b = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < N_OPTION_ROWS; i++) {
		const struct option_row *row = &option_rows[i];
		struct rule_spec *spec = must_parse("shell x");
		const char *name = rule_option_name(row->id);

		must_set(spec, row->pair);
		assert_option(spec, row->id, row->shown);
		assert_false(rule_option_is_default(spec, row->id));

		buf_clear(&b);
		buf_addf(&b, "%s=%s", name, row->shown);
		buf_add_byte(&b, '\0');
		must_set(spec, b.ptr);
		assert_option(spec, row->id, row->shown);

		buf_clear(&b);
		buf_addf(&b, "%s=", name);
		if (i % 2 == 0)
			buf_add_byte(&b, '-');
		buf_add_byte(&b, '\0');
		must_set(spec, b.ptr);
		assert_option(spec, row->id, table[row->id].def);
		rule_spec_unref(spec);
	}
	buf_free(&b);
}

static void
test_set_option_refuses(void **state)
{
	const struct {
		struct slice pair;
		const char *msg; /* NULL: not looked at */
	} rows[] = {
		{ S(""), "expected key=value, not \"\"" },
		{ S("timeout"), "expected key=value, not \"timeout\"" },
		{ S("=1"), "unknown option \"\"" },
		{ S("Timeout=1"), "unknown option \"Timeout\"" },
		{ S("timeout\0=1"), "unknown option \"timeout\\x00\"" },
		{ S("timeout=x"),
		    "option timeout: invalid value \"x\": write 90 (seconds), "
		    "or units ns us ms s m h d w, as in 1h30m or 1.5h" },
		{ S("timeout=-1"), NULL },
		{ S("timeout=3651d"), NULL },
		{ S("timeout=1s\0"), NULL },
		{ S("breaker_window=0"), NULL },
		{ S("breaker_window=999us"), NULL },
		{ S("retries=1000001"), NULL },
		{ S("retries=1.5"), NULL },
		{ S("retries=1k"), NULL },
		{ S("breaker_calls=0"), NULL },
		{ S("overlap=SKIP"), NULL },
		{ S("overlap=ski"), NULL },
		{ S("overlap=skip|queue"), NULL },
		{ S("overlap=|"), NULL },
		{ S("cpu=0.0001"), NULL },
		{ S("cpu=4096.001"), NULL },
		{ S("cpu=."), NULL },
		{ S("cpu=.5"), NULL },
		{ S("cpu=1."), NULL },
		{ S("cpu=99999999999999999999"), NULL },
		{ S("memory=1.5G"), NULL },
		{ S("memory=G"), NULL },
		{ S("memory=1k"), NULL },
		{ S("memory=1 G"), NULL },
		{ S("memory=1GB"), NULL },
		{ S("memory=1048577G"), NULL },
		{ S("memory=18446744073709551615G"), NULL },
		{ S("breaker_ratio=1.0001"), NULL },
		{ S("breaker_ratio=0.00001"), NULL },
		{ S("user=a b"), "option user: not a user: \"a b\"" },
		{ S("user=-x"), NULL },
		{ S("user=a:b"), NULL },
		{ S("directory=tmp"), NULL },
		{ S("directory=/a\0b"), NULL },
		{ S("directory=/a\nb"), NULL },
		{ S("env=A"), "option env: not NAME=value: \"A\"" },
		{ S("env==b"), NULL },
		{ S("env=1A=b"), NULL },
		{ S("env=A B=c"), NULL },
		{ S("env=A\0=c"), NULL },
		{ S("env=A=\0"), NULL },
		{ S("secret=A"), NULL },
		{ S("secret=A="), NULL },
		{ S("secret=A=b c"), NULL },
		{ S("secret=A=b\0"), NULL },
		{ S("success=x"), NULL },
		{ S("success=1,"), NULL },
		{ S("success=,1"), NULL },
		{ S("success=1,,2"), NULL },
		{ S("success=2-1"), NULL },
		{ S("success=1-"), NULL },
		{ S("success=-1"), NULL },
		{ S("success=1-2-3"), NULL },
		{ S("success=1000"), NULL },
		{ S("success=1 2"), NULL },
		{ S("name=a\nb"), NULL },
		{ S("name=a\0"), NULL },
	};
	struct rule_spec *spec = must_parse("shell x");
	bool admin;
	struct err e;
	size_t i;
	int id;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(
		    rule_spec_set_option(spec, rows[i].pair, &admin, &e), -1);
		assert_int_equal(e.code, ERR_INVALID);
		if (rows[i].msg != NULL)
			assert_string_equal(e.msg, rows[i].msg);
	}
	for (id = 0; id < OPTION_COUNT; id++)
		assert_true(
		    rule_option_is_default(spec, (enum rule_option_id)id));
	rule_spec_unref(spec);
}

static void
test_lists(void **state)
{
	struct rule_spec *spec = must_parse("shell x");

	(void)state;
	must_set(spec, "env=A=1");
	must_set(spec, "env=B=2");
	must_set(spec, "env=AB=3");
	assert_option(spec, OPTION_env, "A=1|B=2|AB=3");
	/* A name that is there gets the new value. */
	must_set(spec, "env=A=4");
	assert_option(spec, OPTION_env, "B=2|AB=3|A=4");
	must_set(spec, "env=-");
	assert_option(spec, OPTION_env, "-");
	rule_spec_unref(spec);
}

static void
test_limits_lists(void **state)
{
	struct rule_spec *spec = must_parse("shell x");
	struct buf b = { 0 };
	bool admin = false;
	struct err e;
	int i;

	(void)state;
	for (i = 0; i <= RULE_LIST_MAX; i++) {
		buf_clear(&b);
		buf_addf(&b, "env=V%d=x", i);
		assert_int_equal(
		    rule_spec_set_option(spec, buf_slice(&b), &admin, &e),
		    i < RULE_LIST_MAX ? 0 : -1);
	}
	assert_int_equal(e.code, ERR_LIMIT);
	assert_int_equal(spec->text[OPTION_env].n, RULE_LIST_MAX);
	must_set(spec, "env=V0=y"); /* replaces one: no more than before */
	assert_int_equal(spec->text[OPTION_env].n, RULE_LIST_MAX);
	buf_free(&b);
	rule_spec_unref(spec);
}

static void
test_limits_text(void **state)
{
	struct rule_spec *spec = must_parse("shell x");
	char pair[5 + 256];
	bool admin = false;
	struct err e;

	(void)state;
	memcpy(pair, "name=", 5);
	memset(pair + 5, 'n', 256);
	assert_int_equal(
	    rule_spec_set_option(spec, slice_of(pair, 5 + 255), &admin, &e), 0);
	assert_int_equal(
	    rule_spec_set_option(spec, slice_of(pair, 5 + 256), &admin, &e),
	    -1);
	rule_spec_unref(spec);
}

static void
test_check(void **state)
{
	struct rule_spec *spec = must_parse("shell x");
	struct err e;

	(void)state;
	must_set(spec, "network=off");
	assert_int_equal(rule_spec_check(spec, &e), -1);
	assert_int_equal(e.code, ERR_INVALID);
	must_set(spec, "sandbox=bwrap");
	assert_int_equal(rule_spec_check(spec, &e), 0);
	must_set(spec, "network=on");
	must_set(spec, "sandbox=none");
	assert_int_equal(rule_spec_check(spec, &e), 0);
	rule_spec_unref(spec);
}

static void
test_enums_match_the_table(void **state)
{
	static const struct {
		const char *pair;
		enum rule_option_id id;
		int64_t v;
	} rows[] = {
		{ "overlap=skip", OPTION_overlap, OVERLAP_SKIP },
		{ "overlap=queue", OPTION_overlap, OVERLAP_QUEUE },
		{ "overlap=allow", OPTION_overlap, OVERLAP_ALLOW },
		{ "misfire=run", OPTION_misfire, MISFIRE_RUN },
		{ "misfire=skip", OPTION_misfire, MISFIRE_SKIP },
		{ "on_crash=rerun", OPTION_on_crash, ON_CRASH_RERUN },
		{ "on_crash=fail", OPTION_on_crash, ON_CRASH_FAIL },
		{ "approval=auto", OPTION_approval, APPROVAL_AUTO },
		{ "approval=required", OPTION_approval, APPROVAL_REQUIRED },
		{ "sandbox=none", OPTION_sandbox, SANDBOX_NONE },
		{ "sandbox=bwrap", OPTION_sandbox, SANDBOX_BWRAP },
		{ "sandbox=runsc", OPTION_sandbox, SANDBOX_RUNSC },
		{ "sandbox=kata", OPTION_sandbox, SANDBOX_KATA },
		{ "timeout=2s", OPTION_timeout, 2 * NS_PER_S },
		{ "cpu=1.5", OPTION_cpu, 1500 },
		{ "memory=2K", OPTION_memory, 2048 },
		{ "breaker_ratio=0.25", OPTION_breaker_ratio, 2500 },
	};
	struct rule_spec *spec = must_parse("shell x");
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		must_set(spec, rows[i].pair);
		assert_int_equal(spec->number[rows[i].id], rows[i].v);
	}
	rule_spec_unref(spec);
}

static void
test_copy_and_references(void **state)
{
	struct rule_spec *spec = must_parse("direct /bin/echo a \"\" b");
	struct rule_spec *copy;
	struct err e;

	(void)state;
	must_set(spec, "env=A=1");
	must_set(spec, "retries=3");
	copy = rule_spec_copy(spec, &e);
	assert_non_null(copy);
	assert_int_equal(copy->refs, 1);
	must_set(copy, "env=B=2");
	must_set(copy, "retries=4");
	assert_option(spec, OPTION_env, "A=1");
	assert_option(spec, OPTION_retries, "3");
	assert_option(copy, OPTION_env, "A=1|B=2");
	assert_ptr_equal(rule_spec_ref(spec), spec);
	rule_spec_unref(spec);
	assert_args(spec, "direct /bin/echo a \"\" b");
	rule_spec_unref(spec);
	assert_args(copy, "direct /bin/echo a \"\" b");
	rule_spec_unref(copy);
	rule_spec_unref(NULL);
}

static void
test_codes(void **state)
{
	(void)state;
	assert_true(rule_codes_match(S("0,3,200-299"), 0));
	assert_true(rule_codes_match(S("0,3,200-299"), 3));
	assert_true(rule_codes_match(S("0,3,200-299"), 200));
	assert_true(rule_codes_match(S("0,3,200-299"), 299));
	assert_false(rule_codes_match(S("0,3,200-299"), 1));
	assert_false(rule_codes_match(S("0,3,200-299"), 300));
	assert_false(rule_codes_match(S("0,3,200-299"), 1000));
	assert_false(rule_codes_match(S(""), 0));
	assert_false(rule_codes_match(S("x,0"), 0));
}

static void
test_probes(void **state)
{
	static const struct {
		const char *text, *shown;
	} rows[] = {
		{ "http GET http://example.org/", NULL },
		{ "http head https://u:p@h/x", "http HEAD https://***@h/x" },
		{ "tcp h:80", NULL },
		{ "tcp [::1]:22", NULL },
		{ "redis rediss://:secret@h/1", "redis rediss://***@h/1" },
		{ "amqp amqp://u:p@h/v", "amqp amqp://***@h/v" },
		{ "exec /bin/true", NULL },
		{ "exec check \"a b\" \"\"", NULL },
	};
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rule_spec *spec =
		    parse_by(rule_spec_parse_probe, rows[i].text, &e);

		assert_non_null(spec);
		assert_true(rule_spec_is_probe(spec));
		assert_args(spec,
		    rows[i].shown != NULL ? rows[i].shown : rows[i].text);
		rule_spec_unref(spec);
	}
}

static void
test_probes_refused(void **state)
{
	static const struct {
		const char *text;
		enum err_code code;
		const char *part;
	} rows[] = {
		{ "", ERR_SYNTAX, "a probe is missing" },
		{ "shell true", ERR_INVALID, "not \"shell\"" },
		{ "http GET", ERR_SYNTAX, "http <GET|HEAD> <url>" },
		{ "http POST http://h", ERR_INVALID, "method \"POST\"" },
		{ "http GET ftp://h", ERR_INVALID, "not \"ftp\"" },
		{ "tcp h", ERR_INVALID, "an address is host:port" },
		{ "tcp secret@h:80", ERR_INVALID, "an address is host:port" },
		{ "tcp h:80 x", ERR_SYNTAX, "too many arguments: tcp" },
		{ "redis redis://h PUBLISH k", ERR_SYNTAX, "redis <url>" },
		{ "redis http://h", ERR_INVALID, "redis:// or rediss://" },
		{ "amqp amqp://", ERR_INVALID, "invalid host" },
		{ "exec", ERR_SYNTAX, "exec <path args...>" },
		{ "exec \"\"", ERR_INVALID, "the executable is empty" },
	};
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_null(parse_by(rule_spec_parse_probe, rows[i].text, &e));
		assert_int_equal(e.code, rows[i].code);
		if (strstr(e.msg, rows[i].part) == NULL)
			fail_msg("\"%s\" lacks \"%s\"", e.msg, rows[i].part);
		assert_null(strstr(e.msg, "secret"));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runner_words),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_parts_of_urls),
		cmocka_unit_test(test_long_vhost),
		cmocka_unit_test(test_limits_arguments),
		cmocka_unit_test(test_errors_show_no_password),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_set_option),
		cmocka_unit_test(test_set_option_refuses),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_limits_lists),
		cmocka_unit_test(test_limits_text),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_enums_match_the_table),
		cmocka_unit_test(test_copy_and_references),
		cmocka_unit_test(test_codes),
		cmocka_unit_test(test_probes),
		cmocka_unit_test(test_probes_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
