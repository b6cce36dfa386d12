/*
 * The tokens of auth_file: who may come in, and what each may do. Main thread;
 * immutable after loading.
 */
#ifndef NET_AUTH_H
#define NET_AUTH_H

#include <stdbool.h>
#include <stddef.h>

#include "command.h"
#include "err.h"
#include "rule_spec.h"
#include "slice.h"

#define AUTH_TOKENS_MAX 4096
#define AUTH_NAME_MAX 64
#define AUTH_SECRET_MAX 1024u
#define AUTH_DIGEST_LEN 32

struct auth_token {
	char *name;
	char *namespace; /* a prefix; "" for all, never empty otherwise */
	enum role role;
	unsigned runners;  /* bit 1 << enum runner: may put it in a rule */
	char *certificate; /* a TLS client's CN or SAN; NULL: none */
	bool has_secret;
	unsigned char digest[AUTH_DIGEST_LEN]; /* SHA-256 of the secret */
};

/* All it points to is its own. */
struct auth {
	struct auth_token *tokens;
	size_t n;
	struct auth_namespace *namespaces; /* each once, in byte order */
	size_t n_namespaces;
	bool exposed; /* others than owner and group can read the file */
};

/* Load a file, or its text (`file` names it). NULL with *e beginning
 * `file:line: ` when anything in it makes no sense. */
struct auth *auth_load(const char *path, struct err *e);
struct auth *auth_parse(const char *file, struct slice text, struct err *e);
void auth_free(struct auth *auth);

/* The token of a secret, of a certificate's name, or called `name`; NULL when
 * there is none. They live as long as auth. The time auth_find_secret takes
 * tells nothing of the secrets it compares with. */
const struct auth_token *auth_find_secret(const struct auth *auth,
    struct slice secret);
const struct auth_token *auth_find_certificate(const struct auth *auth,
    struct slice certificate);
const struct auth_token *auth_find_name(const struct auth *auth,
    struct slice name);

/* Whether an identifier (or a rule's pattern) is inside the namespace. */
bool auth_allows_name(const struct auth_token *token, struct slice name);
/* Whether the token may use all that a rule, or a probe, of this spec makes the
 * server do; -1 with ERR_DENIED and the runner it lacks. NULL may all. */
int auth_check_runner(const struct auth_token *token,
    const struct rule_spec *spec, struct err *e);

/* The longest namespace of a token in which both an identifier and a pattern
 * lie; empty: there is none, or auth is NULL. Lives as long as auth. */
struct slice auth_namespace_of(const struct auth *auth, struct slice id,
    struct slice pattern);
/* Whether both have the same namespaces. */
bool auth_same_namespaces(const struct auth *a, const struct auth *b);

/* The namespace as people write it: "*" for all. */
const char *auth_namespace_word(const struct auth_token *token);

#endif
