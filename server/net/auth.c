/*
 * The file is read with ini.h: a section `[token.<name>]` a token. A secret
 * is kept as its digest alone; the text is wiped as soon as it is read.
 */
#include "auth.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "buf.h"
#include "ini.h"
#include "scrypt.h"
#include "token.h"

#define RUNNERS_ALL ((1u << RUNNER_COUNT) - 1)
#define CERTIFICATE_MAX 255

enum field_id {
	FIELD_SECRET,
	FIELD_SECRET_HASH,
	FIELD_CERTIFICATE,
	FIELD_NAMESPACE,
	FIELD_ROLE,
	FIELD_RUNNERS,
	FIELD_COUNT
};

static const char *const field_names[FIELD_COUNT] = { "secret", "secret_hash",
	"certificate", "namespace", "role", "runners" };

struct loader {
	struct auth *auth;
	struct ini in;
	size_t cap;	    /* of auth->tokens */
	struct ini section; /* where the token being read begins */
	unsigned seen;	    /* its fields, a bit 1 << enum field_id each */
};

/* ---- Fields: the functions give the reason, set_field the place ---- */

static int
digest_of(struct slice s, unsigned char digest[AUTH_DIGEST_LEN])
{
	const char *bytes = s.len == 0 ? "" : s.ptr;

	if (EVP_Digest(bytes, s.len, digest, NULL, EVP_sha256(), NULL) != 1)
		return -1;
	return 0;
}

static int
set_secret(struct auth_token *t, struct slice text, struct err *e)
{
	if (text.len == 0)
		return err_set(e, ERR_INVALID, "must not be empty");
	if (text.len > AUTH_SECRET_MAX)
		return err_set(e, ERR_INVALID, "is over %u bytes",
		    AUTH_SECRET_MAX);
	t->has_secret = true;
	return digest_of(text, t->digest) == 0 ? 0 : err_nomem(e);
}

static int
set_secret_hash(struct slice text, struct err *e)
{
	struct scrypt hash;

	if (scrypt_parse(text, &hash, e) == -1)
		return -1;
	/* Verifying takes longer than main may stand still. Without a thread
	 * for it such a token could never come in: better to say so now. */
	return err_set(e, ERR_INVALID,
	    "hashed secrets are not supported yet; give `secret`");
}

static int
set_certificate(struct auth_token *t, struct slice text, struct err *e)
{
	if (text.len == 0 || text.len > CERTIFICATE_MAX)
		return err_set(e, ERR_INVALID, "must have 1 to %d bytes",
		    CERTIFICATE_MAX);
	t->certificate = slice_dup(text);
	return t->certificate == NULL ? err_nomem(e) : 0;
}

static int
set_namespace(struct auth_token *t, struct slice text, struct err *e)
{
	if (text.len == 0)
		return err_set(e, ERR_INVALID,
		    "must not be empty; * stands for all");
	if (!token_is_prefix(text, "namespace", e))
		return -1;
	if (slice_eq(text, slice_str("*")))
		text.len = 0;
	t->namespace = slice_dup(text);
	return t->namespace == NULL ? err_nomem(e) : 0;
}

static int
set_role(struct auth_token *t, struct slice text, struct err *e)
{
	int role = role_parse(text);

	if (role == -1 || role == ROLE_NONE)
		return err_quote(e, ERR_INVALID, text,
		    "none of reader, operator, admin:");
	t->role = (enum role)role;
	return 0;
}

static int
set_runners(struct auth_token *t, struct slice raw, struct err *e)
{
	struct strings words = { 0 };
	struct slice word;
	int runner;
	size_t i;
	int r;

	t->runners = 0;
	r = ini_list(raw, &words, e);
	for (i = 0; r == 0 && i < words.n; i++) {
		word = strings_get(&words, i);
		runner = runner_parse(word);
		if (runner == -1)
			r = err_quote(e, ERR_INVALID, word, "no runner");
		else
			t->runners |= 1u << runner;
	}
	strings_free(&words);
	return r;
}

static int
set_text(struct auth_token *t, enum field_id id, struct slice text,
    struct err *e)
{
	switch (id) {
	case FIELD_SECRET:
		return set_secret(t, text, e);
	case FIELD_SECRET_HASH:
		return set_secret_hash(text, e);
	case FIELD_CERTIFICATE:
		return set_certificate(t, text, e);
	case FIELD_NAMESPACE:
		return set_namespace(t, text, e);
	default:
		return set_role(t, text, e);
	}
}

static int
set_value(struct auth_token *t, enum field_id id, struct slice raw,
    struct err *e)
{
	struct buf text = { 0 };
	int r;

	if (id == FIELD_RUNNERS)
		return set_runners(t, raw, e);
	r = ini_string(raw, &text, e);
	if (r == 0)
		r = set_text(t, id, buf_slice(&text), e);
	if (text.cap > 0)
		OPENSSL_cleanse(text.ptr, text.cap);
	buf_free(&text);
	return r;
}

static int
find_field(struct slice key)
{
	int i;

	for (i = 0; i < FIELD_COUNT; i++) {
		if (slice_eq(key, slice_str(field_names[i])))
			return i;
	}
	return -1;
}

static int
set_field(struct loader *l, struct err *e)
{
	struct auth_token *t;
	struct err reason;
	int id = find_field(l->in.key);

	if (l->auth->n == 0)
		return ini_error(&l->in, e, "%.*s: not in a section",
		    (int)l->in.key.len, l->in.key.ptr);
	t = &l->auth->tokens[l->auth->n - 1];
	if (id == -1)
		return ini_error(&l->in, e, "token.%s: no such key: %.*s",
		    t->name, (int)l->in.key.len, l->in.key.ptr);
	if ((l->seen & 1u << id) != 0)
		return ini_error(&l->in, e, "token.%s: %s: set twice", t->name,
		    field_names[id]);
	l->seen |= 1u << id;
	if (set_value(t, (enum field_id)id, l->in.value, &reason) == -1)
		return ini_error(&l->in, e, "token.%s: %s: %s", t->name,
		    field_names[id], reason.msg);
	return 0;
}

/* ---- Tokens ---- */

static bool
is_name(struct slice s)
{
	size_t i;

	if (s.len == 0 || s.len > AUTH_NAME_MAX)
		return false;
	for (i = 0; i < s.len; i++) {
		if (!isalnum((unsigned char)s.ptr[i]) &&
		    memchr("._-", s.ptr[i], 3) == NULL)
			return false;
	}
	return true;
}

/* A new last token, with what it may do by default. */
static int
add_token(struct loader *l, struct slice name, struct err *e)
{
	struct auth *auth = l->auth;
	struct auth_token *tokens;
	size_t cap = l->cap == 0 ? 8 : l->cap * 2;

	if (auth->n == l->cap) {
		tokens = realloc(auth->tokens, cap * sizeof(*tokens));
		if (tokens == NULL)
			return err_nomem(e);
		auth->tokens = tokens;
		l->cap = cap;
	}
	tokens = &auth->tokens[auth->n];
	*tokens = (struct auth_token){ .runners = RUNNERS_ALL };
	tokens->name = slice_dup(name);
	if (tokens->name == NULL)
		return err_nomem(e);
	auth->n++;
	return 0;
}

static int
begin_token(struct loader *l, struct err *e)
{
	static const char start[] = "token.";
	struct slice name = l->in.section;

	if (!slice_has_prefix(name, slice_str(start)))
		return ini_error(&l->in, e, "[%.*s]: not [token.<name>]",
		    (int)name.len, name.ptr);
	name = slice_of(name.ptr + strlen(start), name.len - strlen(start));
	if (!is_name(name))
		return ini_error(&l->in, e,
		    "[token.%.*s]: a name has 1 to %d "
		    "letters, digits, dots, dashes and underscores",
		    (int)name.len, name.ptr, AUTH_NAME_MAX);
	if (auth_find_name(l->auth, name) != NULL)
		return ini_error(&l->in, e, "[token.%.*s]: defined twice",
		    (int)name.len, name.ptr);
	if (l->auth->n == AUTH_TOKENS_MAX)
		return ini_error(&l->in, e, "more than %d tokens",
		    AUTH_TOKENS_MAX);
	l->section = l->in;
	l->seen = 0;
	return add_token(l, name, e);
}

/* The token before the last one that t shares a credential with. */
static const struct auth_token *
find_twin(const struct auth *auth, const struct auth_token *t)
{
	const struct auth_token *other;

	for (other = auth->tokens; other < t; other++) {
		if (t->has_secret && other->has_secret &&
		    CRYPTO_memcmp(t->digest, other->digest, AUTH_DIGEST_LEN) ==
			0)
			return other;
		if (t->certificate != NULL && other->certificate != NULL &&
		    strcmp(t->certificate, other->certificate) == 0)
			return other;
	}
	return NULL;
}

/* What can only be known when all fields of a token are read. */
static int
end_token(struct loader *l, struct err *e)
{
	const struct auth_token *twin;
	struct auth_token *t;

	if (l->auth->n == 0)
		return 0;
	t = &l->auth->tokens[l->auth->n - 1];
	if (!t->has_secret && t->certificate == NULL)
		return ini_error(&l->section, e,
		    "token.%s: needs a secret or a certificate", t->name);
	if (t->namespace == NULL)
		return ini_error(&l->section, e, "token.%s: needs a namespace",
		    t->name);
	if (t->role == ROLE_NONE)
		t->role = t->namespace[0] == '\0' ? ROLE_ADMIN : ROLE_OPERATOR;
	if (t->role == ROLE_ADMIN && t->namespace[0] != '\0')
		return ini_error(&l->section, e,
		    "token.%s: role admin needs namespace *", t->name);
	twin = find_twin(l->auth, t);
	if (twin != NULL)
		return ini_error(&l->section, e,
		    "token.%s: has the credential of token.%s", t->name,
		    twin->name);
	return 0;
}

static int
load_tokens(struct loader *l, struct err *e)
{
	int item;

	for (;;) {
		item = ini_next(&l->in, e);
		if (item == -1)
			return -1;
		if (item == INI_PAIR) {
			if (set_field(l, e) == -1)
				return -1;
			continue;
		}
		if (end_token(l, e) == -1)
			return -1;
		if (item == INI_END)
			break;
		if (begin_token(l, e) == -1)
			return -1;
	}
	if (l->auth->n == 0)
		return err_set(e, ERR_INVALID, "%s: no tokens", l->in.file);
	return 0;
}

/* ---- Namespaces ---- */

/* They are nested like the names that begin with them. */
struct auth_namespace {
	struct slice prefix;		     /* a token's */
	const struct auth_namespace *around; /* the next shorter; NULL: none */
};

static int
namespace_cmp(const void *a, const void *b)
{
	const struct auth_namespace *x = a, *y = b;

	return slice_cmp(x->prefix, y->prefix);
}

static const struct auth_namespace *
out_to(const struct auth_namespace *n, struct slice name)
{
	while (n != NULL && !slice_has_prefix(name, n->prefix))
		n = n->around;
	return n;
}

/* Sort them, leave out what is there twice, and nest them. */
static int
list_namespaces(struct auth *auth, struct err *e)
{
	struct auth_namespace *all = calloc(auth->n, sizeof(*all));
	size_t n = 0;

	if (all == NULL)
		return err_nomem(e);
	for (size_t i = 0; i < auth->n; i++)
		all[i].prefix = slice_str(auth->tokens[i].namespace);
	qsort(all, auth->n, sizeof(*all), namespace_cmp);
	for (size_t i = 0; i < auth->n; i++) {
		struct slice prefix = all[i].prefix;

		if (n > 0 && slice_eq(prefix, all[n - 1].prefix))
			continue;
		/* What is before it begins with whatever it begins with. */
		all[n].around = n == 0 ? NULL : out_to(&all[n - 1], prefix);
		all[n++].prefix = prefix;
	}
	auth->namespaces = all;
	auth->n_namespaces = n;
	return 0;
}

static struct slice
common_start(struct slice a, struct slice b)
{
	size_t n = 0;

	while (n < a.len && n < b.len && a.ptr[n] == b.ptr[n])
		n++;
	return slice_of(a.ptr, n);
}

struct slice
auth_namespace_of(const struct auth *auth, struct slice id,
    struct slice pattern)
{
	struct slice both = common_start(id, pattern);
	size_t low = 0, high = auth == NULL ? 0 : auth->n_namespaces;
	const struct auth_namespace *found = NULL;

	while (low < high) { /* the last that is not after it */
		size_t middle = low + (high - low) / 2;

		if (slice_cmp(auth->namespaces[middle].prefix, both) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low > 0)
		found = out_to(&auth->namespaces[low - 1], both);
	return found == NULL ? slice_of("", 0) : found->prefix;
}

bool
auth_same_namespaces(const struct auth *a, const struct auth *b)
{
	if (a->n_namespaces != b->n_namespaces)
		return false;
	for (size_t i = 0; i < a->n_namespaces; i++)
		if (!slice_eq(a->namespaces[i].prefix, b->namespaces[i].prefix))
			return false;
	return true;
}

/* ---- Loading ---- */

struct auth *
auth_parse(const char *file, struct slice text, struct err *e)
{
	struct loader l = { .in = { .file = file, .rest = text } };

	l.auth = calloc(1, sizeof(*l.auth));
	if (l.auth == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	if (load_tokens(&l, e) == 0 && list_namespaces(l.auth, e) == 0)
		return l.auth;
	auth_free(l.auth);
	return NULL;
}

struct auth *
auth_load(const char *path, struct err *e)
{
	struct buf text = { 0 };
	struct auth *auth = NULL;
	mode_t mode;

	if (ini_read_file(path, &text, &mode, e) == 0)
		auth = auth_parse(path, buf_slice(&text), e);
	if (auth != NULL)
		auth->exposed = (mode & S_IRWXO) != 0;
	if (text.cap > 0)
		OPENSSL_cleanse(text.ptr, text.cap);
	buf_free(&text);
	return auth;
}

void
auth_free(struct auth *auth)
{
	size_t i;

	if (auth == NULL)
		return;
	for (i = 0; i < auth->n; i++) {
		free(auth->tokens[i].name);
		free(auth->tokens[i].namespace);
		free(auth->tokens[i].certificate);
	}
	/* A digest is as good as its secret where that is guessable. */
	if (auth->n > 0)
		OPENSSL_cleanse(auth->tokens, auth->n * sizeof(*auth->tokens));
	free(auth->tokens);
	free(auth->namespaces);
	free(auth);
}

/* ---- Asking ---- */

const struct auth_token *
auth_find_secret(const struct auth *auth, struct slice secret)
{
	const struct auth_token *found = NULL;
	unsigned char digest[AUTH_DIGEST_LEN];
	const struct auth_token *t;

	if (digest_of(secret, digest) == -1)
		return NULL;
	/* All of them, whichever matches. */
	for (t = auth->tokens; t < auth->tokens + auth->n; t++) {
		if (CRYPTO_memcmp(digest, t->digest, sizeof(digest)) == 0 &&
		    t->has_secret)
			found = t;
	}
	OPENSSL_cleanse(digest, sizeof(digest));
	return found;
}

const struct auth_token *
auth_find_certificate(const struct auth *auth, struct slice certificate)
{
	size_t i;

	for (i = 0; i < auth->n; i++) {
		if (auth->tokens[i].certificate != NULL &&
		    slice_eq(certificate,
			slice_str(auth->tokens[i].certificate)))
			return &auth->tokens[i];
	}
	return NULL;
}

const struct auth_token *
auth_find_name(const struct auth *auth, struct slice name)
{
	size_t i;

	for (i = 0; i < auth->n; i++) {
		if (slice_eq(name, slice_str(auth->tokens[i].name)))
			return &auth->tokens[i];
	}
	return NULL;
}

bool
auth_allows_name(const struct auth_token *token, struct slice name)
{
	return slice_has_prefix(name, slice_str(token->namespace));
}

/* The runners that a spec needs, a bit each. An executable is run by an agent
 * or a probe as it is by the runner direct. */
static unsigned
runners_needed(const struct rule_spec *spec)
{
	switch ((int)spec->runner) {
	case RUNNER_AGENT:
		return 1u << RUNNER_AGENT |
		    (spec->args.n > 0 ? 1u << RUNNER_DIRECT : 0);
	case PROBE_HTTP:
		return 1u << RUNNER_HTTP;
	case PROBE_REDIS:
		return 1u << RUNNER_REDIS;
	case PROBE_AMQP:
		return 1u << RUNNER_AMQP;
	case PROBE_EXEC:
		return 1u << RUNNER_DIRECT;
	case PROBE_TCP:
		return 0;
	default:
		return 1u << spec->runner;
	}
}

int
auth_check_runner(const struct auth_token *token, const struct rule_spec *spec,
    struct err *e)
{
	unsigned lacking =
	    token == NULL ? 0 : runners_needed(spec) & ~token->runners;

	for (int i = 0; i < RUNNER_COUNT; i++) {
		if ((lacking & 1u << i) == 0)
			continue;
		if (rule_spec_is_probe(spec))
			return err_set(e, ERR_DENIED,
			    "token %s may not use runner %s, which the probe "
			    "needs",
			    token->name, runner_word((enum runner)i));
		if (i != (int)spec->runner)
			return err_set(e, ERR_DENIED,
			    "token %s may not use runner %s, which %s with an "
			    "executable needs",
			    token->name, runner_word((enum runner)i),
			    runner_word(spec->runner));
		return err_set(e, ERR_DENIED, "token %s may not use runner %s",
		    token->name, runner_word((enum runner)i));
	}
	return 0;
}

const char *
auth_namespace_word(const struct auth_token *token)
{
	return token->namespace[0] == '\0' ? "*" : token->namespace;
}
