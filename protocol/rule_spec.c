#include "rule_spec.h"

#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "rule_option.h"
#include "token.h"
#include "url.h"

/* --- lists of strings --- */

struct slice
strings_get(const struct strings *s, size_t i)
{
	const char *p = s->bytes;

	while (i-- > 0)
		p += strlen(p) + 1;
	return slice_str(p);
}

int
strings_add(struct strings *s, struct slice v, struct err *e)
{
	char *bytes;

	if (v.len != 0 && memchr(v.ptr, '\0', v.len) != NULL) {
		return err_quote(e, ERR_INVALID, v,
		    "a NUL byte is not allowed in");
	}
	if ((bytes = realloc(s->bytes, s->len + v.len + 1)) == NULL)
		return err_nomem(e);
	if (v.len != 0)
		memcpy(bytes + s->len, v.ptr, v.len);
	bytes[s->len + v.len] = '\0';
	s->bytes = bytes;
	s->len += v.len + 1;
	s->n++;
	return 0;
}

int
strings_copy(struct strings *to, const struct strings *from, struct err *e)
{
	*to = (struct strings){ 0 };
	if (from->n == 0)
		return 0;
	if ((to->bytes = malloc(from->len)) == NULL)
		return err_nomem(e);
	memcpy(to->bytes, from->bytes, from->len);
	to->len = from->len;
	to->n = from->n;
	return 0;
}

void
strings_free(struct strings *s)
{
	free(s->bytes);
	*s = (struct strings){ 0 };
}

/* --- checking the arguments of a runner --- */

/* Each checks the words after the runner, whose number is already right. */
typedef int check_cb(const struct slice *args, size_t n, struct err *e);

static int
check_not_empty(struct slice arg, const char *what, struct err *e)
{
	if (arg.len == 0)
		return err_set(e, ERR_INVALID, "%s is empty", what);
	return 0;
}

/* A URL whose scheme is one of two. Its text is never part of the message:
 * it may hold a password. */
static int
check_url(struct slice arg, const char *scheme, const char *tls_scheme,
    struct err *e)
{
	struct url u;

	if (url_split(arg, &u, e) == -1)
		return -1;
	if (!url_has_scheme(&u, scheme) && !url_has_scheme(&u, tls_scheme)) {
		return err_quote(e, ERR_INVALID, u.scheme,
		    "the url must be %s:// or %s://, not", scheme, tls_scheme);
	}
	return 0;
}

/* The upper-case word of a list that s is in any case, or NULL. */
static const char *
word_in_list(struct slice s, const char *const *list)
{
	for (; *list != NULL; list++) {
		if (token_is_word(s, *list))
			return *list;
	}
	return NULL;
}

static const char *const http_methods[] = { "GET", "POST", "PUT", "DELETE",
	NULL };
static const char *const http_probes[] = { "GET", "HEAD", NULL };
static const char *const redis_verbs[] = { "PUBLISH", "RPUSH", "LPUSH", "SET",
	NULL };

static int
check_shell(const struct slice *args, size_t n, struct err *e)
{
	(void)n;
	return check_not_empty(args[0], "the command", e);
}

static int
check_direct(const struct slice *args, size_t n, struct err *e)
{
	(void)n;
	return check_not_empty(args[0], "the executable", e);
}

static int
check_request(const struct slice *args, const char *const *methods,
    struct err *e)
{
	if (word_in_list(args[0], methods) == NULL)
		return err_quote(e, ERR_INVALID, args[0],
		    "unknown http method");
	return check_url(args[1], "http", "https", e);
}

static int
check_http(const struct slice *args, size_t n, struct err *e)
{
	(void)n;
	return check_request(args, http_methods, e);
}

static int
check_redis(const struct slice *args, size_t n, struct err *e)
{
	(void)n;
	if (check_url(args[0], "redis", "rediss", e) == -1)
		return -1;
	if (word_in_list(args[1], redis_verbs) == NULL)
		return err_quote(e, ERR_INVALID, args[1],
		    "unknown redis command");
	return check_not_empty(args[2], "the key", e);
}

static int
check_amqp(const struct slice *args, size_t n, struct err *e)
{
	(void)n;
	if (check_url(args[0], "amqp", "amqps", e) == -1)
		return -1;
	/* The default exchange delivers to the queue named by the key. */
	if (args[1].len == 0)
		return check_not_empty(args[2], "the routing key", e);
	return 0;
}

static int
check_awf(const struct slice *args, size_t n, struct err *e)
{
	size_t i;

	if (check_not_empty(args[0], "the workflow", e) == -1)
		return -1;
	if (args[0].ptr[0] == '-')
		return err_quote(e, ERR_INVALID, args[0], "invalid workflow");
	for (i = 1; i < n; i += 2) {
		if (!slice_eq(args[i], slice_str("--input")))
			return err_quote(e, ERR_INVALID, args[i],
			    "expected --input, not");
		if (i + 1 == n)
			return err_set(e, ERR_INVALID,
			    "--input needs a key=value");
		if (args[i + 1].len == 0 || args[i + 1].ptr[0] == '=' ||
		    memchr(args[i + 1].ptr, '=', args[i + 1].len) == NULL)
			return err_quote(e, ERR_INVALID, args[i + 1],
			    "--input needs a key=value, not");
	}
	return 0;
}

static int
check_agent(const struct slice *args, size_t n, struct err *e)
{
	return n == 0 ? 0 : check_not_empty(args[0], "the executable", e);
}

static int
check_http_probe(const struct slice *args, size_t n, struct err *e)
{
	(void)n;
	return check_request(args, http_probes, e);
}

static int
check_tcp_probe(const struct slice *args, size_t n, struct err *e)
{
	struct url u;

	(void)n;
	return url_split_address(args[0], &u, e);
}

static int
check_redis_probe(const struct slice *args, size_t n, struct err *e)
{
	(void)n;
	return check_url(args[0], "redis", "rediss", e);
}

static int
check_amqp_probe(const struct slice *args, size_t n, struct err *e)
{
	(void)n;
	return check_url(args[0], "amqp", "amqps", e);
}

#define NO_WORD (-1)

static const struct form {
	const char *word;
	size_t min_args;
	size_t max_args;
	check_cb *check;
	int url;  /* which argument is one, or NO_WORD */
	int verb; /* which argument is of verbs */
	const char *const *verbs;
	const char *usage;
} forms[PROBE_END] = {
	[RUNNER_SHELL] = { "shell", 1, 1, check_shell, NO_WORD, NO_WORD, NULL,
	    "shell <command>" },
	[RUNNER_DIRECT] = { "direct", 1, RULE_ARGS_MAX, check_direct, NO_WORD,
	    NO_WORD, NULL, "direct <executable> [args...]" },
	[RUNNER_HTTP] = { "http", 2, 2, check_http, 1, 0, http_methods,
	    "http <GET|POST|PUT|DELETE> <url>" },
	[RUNNER_REDIS] = { "redis", 3, 3, check_redis, 0, 1, redis_verbs,
	    "redis <url> <PUBLISH|RPUSH|LPUSH|SET> <key>" },
	[RUNNER_AMQP] = { "amqp", 3, 3, check_amqp, 0, NO_WORD, NULL,
	    "amqp <dsn> <exchange> <routing_key>" },
	[RUNNER_AWF] = { "awf", 1, RULE_ARGS_MAX, check_awf, NO_WORD, NO_WORD,
	    NULL, "awf <workflow> [--input k=v ...]" },
	[RUNNER_AGENT] = { "agent", 0, RULE_ARGS_MAX, check_agent, NO_WORD,
	    NO_WORD, NULL, "agent [executable args...]" },
	[PROBE_HTTP] = { "http", 2, 2, check_http_probe, 1, 0, http_probes,
	    "http <GET|HEAD> <url>" },
	[PROBE_TCP] = { "tcp", 1, 1, check_tcp_probe, NO_WORD, NO_WORD, NULL,
	    "tcp <host:port>" },
	[PROBE_REDIS] = { "redis", 1, 1, check_redis_probe, 0, NO_WORD, NULL,
	    "redis <url>" },
	[PROBE_AMQP] = { "amqp", 1, 1, check_amqp_probe, 0, NO_WORD, NULL,
	    "amqp <dsn>" },
	[PROBE_EXEC] = { "exec", 1, RULE_ARGS_MAX, check_direct, NO_WORD,
	    NO_WORD, NULL, "exec <path args...>" },
};

const char *
runner_word(enum runner r)
{
	return forms[r].word;
}

/* Which of the forms from `first` to before `end` a word names, or -1. */
static int
find_form(struct slice s, int first, int end)
{
	int i;

	for (i = first; i < end; i++) {
		if (slice_eq(s, slice_str(forms[i].word)))
			return i;
	}
	return -1;
}

int
runner_parse(struct slice s)
{
	return find_form(s, 0, RUNNER_COUNT);
}

/* --- specs --- */

static int
check_args(enum runner runner, const struct slice *args, size_t n,
    struct err *e)
{
	const struct form *form = &forms[runner];

	if (n > RULE_ARGS_MAX)
		return err_set(e, ERR_LIMIT, "more than %d arguments",
		    RULE_ARGS_MAX);
	if (n < form->min_args)
		return err_set(e, ERR_SYNTAX, "too few arguments: %s",
		    form->usage);
	if (n > form->max_args)
		return err_set(e, ERR_SYNTAX, "too many arguments: %s",
		    form->usage);
	return form->check(args, n, e);
}

/* Verbs are stored in upper case. */
static int
add_args(struct rule_spec *spec, const struct slice *args, size_t n,
    struct err *e)
{
	const struct form *form = &forms[spec->runner];
	struct slice arg;
	size_t i;

	for (i = 0; i < n; i++) {
		arg = args[i];
		if ((int)i == form->verb)
			arg = slice_str(word_in_list(arg, form->verbs));
		if (strings_add(&spec->args, arg, e) == -1)
			return -1;
	}
	return 0;
}

static struct rule_spec *
spec_new(enum runner runner, const struct slice *args, size_t n, struct err *e)
{
	struct rule_spec *spec;

	if (check_args(runner, args, n, e) == -1)
		return NULL;
	if ((spec = calloc(1, sizeof(*spec))) == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	spec->refs = 1;
	spec->runner = runner;
	rule_option_defaults(spec);
	if (add_args(spec, args, n, e) == -1) {
		rule_spec_unref(spec);
		return NULL;
	}
	return spec;
}

struct rule_spec *
rule_spec_parse(const struct slice *words, size_t n, struct err *e)
{
	int runner;

	if (n == 0) {
		(void)err_set(e, ERR_SYNTAX, "a runner is missing");
		return NULL;
	}
	if ((runner = runner_parse(words[0])) == -1) {
		(void)err_quote(e, ERR_INVALID, words[0], "unknown runner");
		return NULL;
	}
	return spec_new((enum runner)runner, words + 1, n - 1, e);
}

struct rule_spec *
rule_spec_parse_probe(const struct slice *words, size_t n, struct err *e)
{
	int probe;

	if (n == 0) {
		(void)err_set(e, ERR_SYNTAX, "a probe is missing");
		return NULL;
	}
	if ((probe = find_form(words[0], RUNNER_COUNT, PROBE_END)) == -1) {
		(void)err_quote(e, ERR_INVALID, words[0],
		    "a probe is http, tcp, redis, amqp or exec, not");
		return NULL;
	}
	return spec_new((enum runner)probe, words + 1, n - 1, e);
}

/* --- the parts of a URL that its runner takes --- */

#define VHOST_MAX 255u

static int
hex_value(char c)
{
	const char *digits = "0123456789abcdef", *at;

	at = memchr(digits, c >= 'A' && c <= 'F' ? c | 0x20 : c, 16);
	return at == NULL ? -1 : (int)(at - digits);
}

/* Length of what is percent-encoded in s, or -1 when it is not; no NUL. */
static ssize_t
decoded_len(struct slice s)
{
	ssize_t n = 0;

	for (size_t i = 0; i < s.len; i++, n++) {
		if (s.ptr[i] != '%')
			continue;
		if (s.len - i < 3 || hex_value(s.ptr[i + 1]) == -1 ||
		    hex_value(s.ptr[i + 2]) == -1 ||
		    hex_value(s.ptr[i + 1]) + hex_value(s.ptr[i + 2]) == 0)
			return -1;
		i += 2;
	}
	return n;
}

static int
refuse_part(const char *runner, const char *part, struct err *e)
{
	return err_set(e, ERR_INVALID, "the url of %s takes no %s", runner,
	    part);
}

static int
check_database(struct slice path, struct err *e)
{
	uint64_t n;

	if (path.len > 1 &&
	    token_u64(slice_of(path.ptr + 1, path.len - 1), INT32_MAX, &n) ==
		-1)
		return err_set(e, ERR_INVALID,
		    "the path of a redis url must be /<database>, a number");
	return 0;
}

static int
check_vhost(struct slice path, struct err *e)
{
	ssize_t n = decoded_len(path);

	if (n == -1)
		return err_set(e, ERR_INVALID,
		    "the path of the url is not percent-encoded as it should");
	if (n > (ssize_t)VHOST_MAX + 1)
		return err_set(e, ERR_INVALID,
		    "the virtual host in the url is over %u bytes", VHOST_MAX);
	return 0;
}

/* No message quotes: any part may hold a piece of a password. */
int
rule_spec_check_url(const struct rule_spec *spec, struct err *e)
{
	const struct form *form = &forms[spec->runner];
	bool http, redis;
	struct url_rest rest;
	struct url u;

	if (form->url == NO_WORD)
		return 0;
	if (url_split(strings_get(&spec->args, (size_t)form->url), &u, e) == -1)
		return -1;
	http = spec->runner == RUNNER_HTTP || spec->runner == PROBE_HTTP;
	redis = spec->runner == RUNNER_REDIS || spec->runner == PROBE_REDIS;
	rest = url_split_rest(&u);
	if (decoded_len(u.user_info) == -1)
		return err_set(e, ERR_INVALID,
		    "user and password in the url are not percent-encoded as "
		    "they should");
	if (rest.has_query && !http)
		return refuse_part(form->word, "query (what follows ?)", e);
	if (rest.has_fragment)
		return refuse_part(form->word, "fragment (what follows #)", e);
	if (http)
		return 0;
	return redis ? check_database(rest.path, e) : check_vhost(rest.path, e);
}

struct rule_spec *
rule_spec_copy(const struct rule_spec *spec, struct err *e)
{
	struct rule_spec *copy = calloc(1, sizeof(*copy));
	size_t i;

	if (copy == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	copy->refs = 1;
	copy->runner = spec->runner;
	memcpy(copy->number, spec->number, sizeof(copy->number));
	if (strings_copy(&copy->args, &spec->args, e) == -1)
		goto unref;
	for (i = 0; i < OPTION_COUNT; i++) {
		if (strings_copy(&copy->text[i], &spec->text[i], e) == -1)
			goto unref;
	}
	return copy;
unref:
	rule_spec_unref(copy);
	return NULL;
}

struct rule_spec *
rule_spec_ref(struct rule_spec *spec)
{
	spec->refs++;
	return spec;
}

void
rule_spec_unref(struct rule_spec *spec)
{
	size_t i;

	if (spec == NULL || --spec->refs != 0)
		return;
	strings_free(&spec->args);
	for (i = 0; i < OPTION_COUNT; i++)
		strings_free(&spec->text[i]);
	free(spec);
}

void
rule_spec_put_arg(struct buf *out, const struct rule_spec *spec, size_t i)
{
	struct slice arg = strings_get(&spec->args, i);
	struct buf shown = { 0 };

	if ((int)i != forms[spec->runner].url) {
		token_quote(out, arg);
		return;
	}
	url_put_masked(&shown, arg);
	if (shown.failed)
		out->failed = true;
	else
		token_quote(out, buf_slice(&shown));
	buf_free(&shown);
}

void
rule_spec_put_args(struct buf *out, const struct rule_spec *spec)
{
	size_t i;

	for (i = 0; i < spec->args.n; i++) {
		buf_add_byte(out, ' ');
		rule_spec_put_arg(out, spec, i);
	}
}

bool
rule_spec_has_endpoint(const struct rule_spec *spec)
{
	return spec->runner == RUNNER_HTTP || spec->runner == RUNNER_REDIS ||
	    spec->runner == RUNNER_AMQP;
}

void
rule_spec_put_endpoint(struct buf *out, const struct rule_spec *spec)
{
	switch (spec->runner) {
	case RUNNER_HTTP: /* after the method */
		url_put_endpoint(out, strings_get(&spec->args, 1));
		break;
	case RUNNER_REDIS:
	case RUNNER_AMQP:
		url_put_endpoint(out, strings_get(&spec->args, 0));
		break;
	default:
		break;
	}
}
