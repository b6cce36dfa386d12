#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth.h"
#include "buf.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))
#define HASH "$scrypt$ln=15,r=8,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA"

static struct err err;

static struct auth *
parse(const char *text)
{
	return auth_parse("a.conf", slice_str(text), &err);
}

static const struct auth_token *
by_secret(const struct auth *auth, const char *secret)
{
	return auth_find_secret(auth, slice_str(secret));
}

static void
test_tokens(void **state)
{
	struct auth *auth = parse("# tokens\n"
				  "[token.deploy]\n"
				  "secret = \"sk_deploy_a1b2c3d4e5f6\"\n"
				  "namespace = \"deploy.\"\n"
				  "\n"
				  "[token.root]\n"
				  "secret = 'a \"quoted\" # one' # not this\n"
				  "namespace = *\n"
				  "[token.look]\n"
				  "secret = s3\n"
				  "namespace = *\n"
				  "role = reader\n"
				  "runners = [\"http\", \"shell\"]\n"
				  "[token.tls-client_1.a]\n"
				  "certificate = ci.example.org\n"
				  "namespace = ci.\n"
				  "role = operator\n"
				  "runners = []\n");
	const struct auth_token *t;

	(void)state;
	assert_non_null(auth);
	assert_int_equal(auth->n, 4);
	assert_false(auth->exposed);

	t = by_secret(auth, "sk_deploy_a1b2c3d4e5f6");
	assert_non_null(t);
	assert_string_equal(t->name, "deploy");
	assert_string_equal(auth_namespace_word(t), "deploy.");
	assert_int_equal(t->role, ROLE_OPERATOR);
	assert_true((t->runners & 1u << RUNNER_SHELL) != 0);
	assert_true((t->runners & 1u << RUNNER_AGENT) != 0);

	t = by_secret(auth, "a \"quoted\" # one");
	assert_non_null(t);
	assert_string_equal(t->name, "root");
	assert_string_equal(auth_namespace_word(t), "*");
	assert_int_equal(t->role, ROLE_ADMIN);

	t = by_secret(auth, "s3");
	assert_non_null(t);
	assert_int_equal(t->role, ROLE_READER);
	assert_true((t->runners & 1u << RUNNER_HTTP) != 0);
	assert_true((t->runners & 1u << RUNNER_SHELL) != 0);
	assert_false((t->runners & 1u << RUNNER_DIRECT) != 0);

	t = auth_find_certificate(auth, slice_str("ci.example.org"));
	assert_non_null(t);
	assert_string_equal(t->name, "tls-client_1.a");
	assert_ptr_equal(t, auth_find_name(auth, slice_str("tls-client_1.a")));
	assert_false((t->runners & 1u << RUNNER_SHELL) != 0);
	auth_free(auth);
}

static void
test_wrong_secrets(void **state)
{
	static const char zeros[AUTH_DIGEST_LEN];
	struct auth *auth = parse("[token.a]\n"
				  "secret = right\n"
				  "namespace = a.\n"
				  "[token.b]\n"
				  "certificate = b\n"
				  "namespace = b.\n");

	(void)state;
	assert_non_null(auth);
	assert_non_null(by_secret(auth, "right"));
	assert_null(by_secret(auth, ""));
	assert_null(auth_find_secret(auth, slice_of(NULL, 0)));
	assert_null(by_secret(auth, "righ"));
	assert_null(by_secret(auth, "rightt"));
	assert_null(by_secret(auth, "Right"));
	assert_null(auth_find_secret(auth, slice_of("right\0", 6)));
	assert_null(auth_find_secret(auth, slice_of(zeros, sizeof(zeros))));
	/* A certificate's name is no secret, nor the other way round. */
	assert_null(by_secret(auth, "b"));
	assert_null(auth_find_certificate(auth, slice_str("right")));
	assert_null(auth_find_certificate(auth, slice_str("")));
	assert_null(auth_find_name(auth, slice_str("right")));
	auth_free(auth);
}

static void
test_namespaces(void **state)
{
	static const struct {
		const char *namespace;
		const char *name;
		bool inside;
	} cases[] = {
		{ "deploy.", "deploy.web", true },
		{ "deploy.", "deploy.", true },
		{ "deploy.", "deploy", false },
		{ "deploy.", "Deploy.web", false },
		{ "deploy.", "backup.deploy.", false },
		{ "deploy.", "", false },
		{ "*", "anything", true },
		{ "*", "", true },
		{ "*.", "*.a", true }, /* only a lone * stands for all */
		{ "*.", "a", false },
		{ "**", "a", false },
	};
	const struct auth_token *t;
	struct auth *auth;
	char text[128];
	size_t i;

	(void)state;
	for (i = 0; i < LEN(cases); i++) {
		(void)snprintf(text, sizeof(text),
		    "[token.t]\nsecret = s\nnamespace = %s\n",
		    cases[i].namespace);
		auth = parse(text);
		assert_non_null(auth);
		t = by_secret(auth, "s");
		assert_int_equal(auth_allows_name(t, slice_str(cases[i].name)),
		    cases[i].inside);
		auth_free(auth);
	}
}

/* The longest namespace in which a rule lies. */
static void
test_namespace_of(void **state)
{
	static const char namespaces[][8] = { "b.", "*", "a.", "a.b.c.", "a.b",
		"a.", "a.b.x", "a.ba", "b.b", "zz" };
	static const struct {
		const char *id, *pattern, *namespace;
	} cases[] = {
		{ "a.r", "a.", "a." },
		{ "a.r", "b.", "" },
		{ "a.b.c.d.e", "a.b.c.d.f", "a.b.c." },
		{ "a.b.c.d", "a.b.d", "a.b" },
		{ "a.b.c.d", "a.", "a." },
		{ "a.b.x", "a.b.xy", "a.b.x" },
		{ "a.b.w", "a.b.w", "a.b" },
		{ "a.bb", "a.bb", "a.b" },
		{ "a.baa", "a.ba", "a.ba" },
		{ "a.c", "a.c", "a." },
		{ "a", "a", "" },
		{ "b.c", "b.c", "b." },
		{ "zy", "zy", "" },
		{ "zzz", "zzz", "zz" },
		{ "0", "0", "" },
		{ "a.r", "", "" },
	};
	struct buf text = { 0 };
	struct auth *auth, *other;

	(void)state;
	for (size_t i = 0; i < LEN(namespaces); i++)
		buf_addf(&text, "[token.t%zu]\nsecret = s%zu\nnamespace = %s\n",
		    i, i, namespaces[i]);
	buf_add_byte(&text, '\0');
	assert_non_null(auth = parse(text.ptr));
	for (size_t i = 0; i < LEN(cases); i++) {
		struct slice found = auth_namespace_of(auth,
		    slice_str(cases[i].id), slice_str(cases[i].pattern));

		if (!slice_eq(found, slice_str(cases[i].namespace)))
			fail_msg("%s %s: %.*s", cases[i].id, cases[i].pattern,
			    (int)found.len, found.ptr);
	}
	assert_int_equal(
	    auth_namespace_of(NULL, slice_str("a.r"), slice_str("a.")).len, 0);
	assert_non_null(other = parse("[token.a]\nsecret = s\n"
				      "namespace = a.\n"));
	assert_true(auth_same_namespaces(auth, auth));
	assert_false(auth_same_namespaces(auth, other));
	auth_free(other);
	auth_free(auth);
	buf_free(&text);
}

static void
test_refuse(void **state)
{
	static const struct {
		const char *text;
		const char *message;
	} cases[] = {
		{ "\n[token.a]\nnamespace = a.\n",
		    "a.conf:2: token.a: needs a secret or a certificate" },
		{ "[token.a]\nsecret = s\n",
		    "a.conf:1: token.a: needs a namespace" },
		{ "[token.a]\n[token.b]\nsecret = s\nnamespace = *\n",
		    "a.conf:1: token.a: needs a secret or a certificate" },
		{ "[token.a]\nsecret = s\nnamespace =\n",
		    "a.conf:3: token.a: namespace: "
		    "must not be empty; * stands for all" },
		{ "[token.a]\nsecret = s\nnamespace = \"\"\n",
		    "a.conf:3: token.a: namespace: "
		    "must not be empty; * stands for all" },
		{ "[token.a]\nsecret = \"\"\nnamespace = a.\n",
		    "a.conf:2: token.a: secret: must not be empty" },
		{ "[token.a]\nsecret = s\nnamespace = a.\n"
		  "[token.b]\nsecret = \"s\"\nnamespace = b.\n",
		    "a.conf:4: token.b: has the credential of token.a" },
		{ "[token.a]\ncertificate = c\nnamespace = a.\n"
		  "[token.b]\ncertificate = c\nnamespace = b.\n",
		    "a.conf:4: token.b: has the credential of token.a" },
		{ "[token.a]\ncertificate =\n",
		    "a.conf:2: token.a: certificate: must have 1 to 255 "
		    "bytes" },
		{ "[token.a]\nsecret = s\nsecret = t\n",
		    "a.conf:3: token.a: secret: set twice" },
		{ "[token.a]\nnamespace = a\nnamespace = b\n",
		    "a.conf:3: token.a: namespace: set twice" },
		{ "[token.a]\nsecrets = s\n",
		    "a.conf:2: token.a: no such key: secrets" },
		{ "[token.a]\nrole = root\n",
		    "a.conf:2: token.a: role: "
		    "none of reader, operator, admin: \"root\"" },
		{ "[token.a]\nrole = -\n",
		    "a.conf:2: token.a: role: "
		    "none of reader, operator, admin: \"-\"" },
		{ "[token.a]\nsecret = s\nnamespace = a.\nrole = admin\n",
		    "a.conf:1: token.a: role admin needs namespace *" },
		{ "[token.a]\nrunners = shell, fax\n",
		    "a.conf:2: token.a: runners: no runner \"fax\"" },
		{ "[token.a]\nsecret = s\nnamespace = a.\n[token.a]\n",
		    "a.conf:4: [token.a]: defined twice" },
		{ "", "a.conf: no tokens" },
		{ "# none\n", "a.conf: no tokens" },
		{ "[tokens]\n", "a.conf:1: [tokens]: not [token.<name>]" },
		{ "[token]\n", "a.conf:1: [token]: not [token.<name>]" },
		{ "[token.]\n",
		    "a.conf:1: [token.]: a name has 1 to 64 letters, digits, "
		    "dots, dashes and underscores" },
		{ "[token.a b]\n",
		    "a.conf:1: [token.a b]: a name has 1 to 64 letters, "
		    "digits, dots, dashes and underscores" },
		{ "secret = s\n", "a.conf:1: secret: not in a section" },
		{ "[token.a]\nsecret = \"s\n",
		    "a.conf:2: secret: no closing quote on this line" },
		{ "[token.a]\nsecret = \"s\\q\"\n",
		    "a.conf:2: token.a: secret: "
		    "escape other than \\\" \\\\ \\n \\r \\t" },
		{ "[token.a]\nsecret_hash = sesame\n",
		    "a.conf:2: token.a: secret_hash: "
		    "not $scrypt$ln=..,r=..,p=..$salt$hash: another start" },
		{ "[token.a]\nsecret_hash = " HASH "\nnamespace = *\n",
		    "a.conf:2: token.a: secret_hash: "
		    "hashed secrets are not supported yet; give `secret`" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < LEN(cases); i++) {
		assert_null(parse(cases[i].text));
		assert_int_equal(err.code, ERR_INVALID);
		assert_string_equal(err.msg, cases[i].message);
	}
}

/* Names that share a long beginning stay two tokens. */
static void
test_long_names(void **state)
{
	char name[AUTH_NAME_MAX + 2];
	char text[512];
	struct auth *auth;

	(void)state;
	memset(name, 'n', sizeof(name));
	name[AUTH_NAME_MAX] = '\0';
	(void)snprintf(text, sizeof(text),
	    "[token.%s]\nsecret = s\nnamespace = a.\n"
	    "[token.%.*s]\nsecret = t\nnamespace = b.\n",
	    name, AUTH_NAME_MAX - 1, name);
	auth = parse(text);
	assert_non_null(auth);
	assert_string_equal(by_secret(auth, "s")->name, name);
	assert_string_equal(by_secret(auth, "t")->namespace, "b.");
	auth_free(auth);

	(void)snprintf(text, sizeof(text), "[token.n%s]\n", name);
	assert_null(parse(text));
	assert_non_null(strstr(err.msg, "a name has 1 to 64"));
}

static void
test_identifier_rules(void **state)
{
	char text[400];

	(void)state;
	assert_null(parse("[token.a]\nsecret = s\nnamespace = \"a b\"\n"));
	assert_memory_equal(err.msg, "a.conf:3: token.a: namespace: ", 30);
	memset(text, 0, sizeof(text));
	(void)snprintf(text, sizeof(text), "[token.a]\nnamespace = %0300d\n",
	    7);
	assert_null(parse(text));
	assert_memory_equal(err.msg, "a.conf:2: token.a: namespace: ", 30);
}

static void
add_tokens(struct buf *text, unsigned n)
{
	unsigned i;

	buf_clear(text);
	for (i = 0; i < n; i++)
		buf_addf(text, "[token.t%u]\nsecret = s%u\nnamespace = n%u.\n",
		    i, i, i);
	assert_false(text->failed);
}

static void
test_many_tokens(void **state)
{
	struct buf text = { 0 };
	struct auth *auth;

	(void)state;
	add_tokens(&text, AUTH_TOKENS_MAX);
	auth = auth_parse("a.conf", buf_slice(&text), &err);
	assert_non_null(auth);
	assert_int_equal(auth->n, AUTH_TOKENS_MAX);
	assert_string_equal(by_secret(auth, "s0")->name, "t0");
	assert_string_equal(by_secret(auth, "s4095")->name, "t4095");
	auth_free(auth);

	add_tokens(&text, AUTH_TOKENS_MAX + 1);
	assert_null(auth_parse("a.conf", buf_slice(&text), &err));
	assert_string_equal(err.msg, "a.conf:12289: more than 4096 tokens");
	buf_free(&text);
}

/* No message ever quotes what a secret or a hash may be. */
static void
test_no_secret_in_messages(void **state)
{
	static const char *const texts[] = {
		"[token.a]\nsecret = \"sesame\\q\"\n",
		"[token.a]\nsecret = \"sesame\n",
		"[token.a]\nsecret = \"sesame\" sesame\n",
		"[token.a]\nsecret = sesame\nsecret = sesame\n",
		"[token.a]\nsecret = sesame\n",
		"[token.a]\nsecret_hash = sesame\n",
		"[token.a]\nsecret_hash = $scrypt$sesame\n",
		"[token.a]\nsecret_hash = $scrypt$ln=15,r=8,p=1$sesame!$x\n",
		"[token.a]\nsecret sesame\n",
	};
	size_t i;

	(void)state;
	for (i = 0; i < LEN(texts); i++) {
		assert_null(parse(texts[i]));
		assert_null(strstr(err.msg, "sesame"));
	}
}

static void
test_load(void **state)
{
	static const char text[] = "[token.a]\nsecret = s\nnamespace = a.\n";
	char path[] = "/tmp/test_auth.XXXXXX";
	static const struct {
		mode_t mode;
		bool exposed;
	} cases[] = {
		{ 0600, false },
		{ 0640, false },
		{ 0644, true },
		{ 0602, true },
	};
	struct auth *auth;
	int fd = mkstemp(path);
	size_t i;

	(void)state;
	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	for (i = 0; i < LEN(cases); i++) {
		assert_int_equal(fchmod(fd, cases[i].mode), 0);
		auth = auth_load(path, &err);
		assert_non_null(auth);
		assert_int_equal(auth->exposed, cases[i].exposed);
		assert_non_null(by_secret(auth, "s"));
		auth_free(auth);
	}
	assert_int_equal(pwrite(fd, "[x]", 3, 0), 3);
	assert_null(auth_load(path, &err));
	assert_non_null(strstr(err.msg, path));
	(void)close(fd);
	assert_int_equal(unlink(path), 0);
	assert_null(auth_load(path, &err));
	assert_non_null(strstr(err.msg, path));
	auth_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_wrong_secrets),
		cmocka_unit_test(test_namespaces),
		cmocka_unit_test(test_namespace_of),
		cmocka_unit_test(test_refuse),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_identifier_rules),
		cmocka_unit_test(test_many_tokens),
		cmocka_unit_test(test_no_secret_in_messages),
		cmocka_unit_test(test_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
