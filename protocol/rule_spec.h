/*
 * What a rule runs: runner, its arguments, its options. Parsing, checking,
 * printing; the rule's identifier and pattern are the rule index's concern.
 * The probe of an integration is one too: it has a runner of its own kind, and
 * no options that anybody sets.
 */
#ifndef PROTOCOL_RULE_SPEC_H
#define PROTOCOL_RULE_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "slice.h"

enum runner {
	RUNNER_SHELL,
	RUNNER_DIRECT,
	RUNNER_HTTP,
	RUNNER_REDIS,
	RUNNER_AMQP,
	RUNNER_AWF,
	RUNNER_AGENT,
	RUNNER_COUNT,

	/* Not for rules. */
	PROBE_HTTP = RUNNER_COUNT,
	PROBE_TCP,
	PROBE_REDIS,
	PROBE_AMQP,
	PROBE_EXEC,
	PROBE_END
};

/* The values of the WORD options, in the order of options.def. */
enum { OVERLAP_SKIP, OVERLAP_QUEUE, OVERLAP_ALLOW };
enum { MISFIRE_RUN, MISFIRE_SKIP };
enum { ON_CRASH_RERUN, ON_CRASH_FAIL };
enum { APPROVAL_AUTO, APPROVAL_REQUIRED };
enum { BREAKER_ON, BREAKER_OFF };
enum { SANDBOX_NONE, SANDBOX_BWRAP, SANDBOX_RUNSC, SANDBOX_KATA };
enum { NETWORK_ON, NETWORK_OFF };

enum rule_option_id {
#define OPTION(name, type, def, min, max, admin, help) OPTION_##name,
#include "options.def"
#undef OPTION
	OPTION_COUNT
};

/* A list of strings in one allocation, each terminated by a NUL. */
struct strings {
	char *bytes; /* owned; NULL when n is 0 */
	size_t len;  /* of bytes, terminators included */
	size_t n;
};

/* Immutable once shared: the processor thread reads it while main counts the
 * references. Numbers by enum rule_option_id in the unit of their type. */
struct rule_spec {
	unsigned refs; /* main thread only */
	enum runner runner;
	struct strings args;	      /* the words after the runner */
	int64_t number[OPTION_COUNT]; /* every type but TEXT, LIST, CODES */
	struct strings text[OPTION_COUNT]; /* TEXT, CODES: 0 or 1; LIST: n */
};

#define RULE_ARGS_MAX 1024 /* words after the runner */
#define RULE_LIST_MAX 128  /* values of one repeatable option */

/* "shell" ...; runner_parse gives -1 for an unknown word. */
const char *runner_word(enum runner r);
int runner_parse(struct slice s);

/*
 * A new spec with default options from the words of RULE SET after the
 * pattern: the runner and its arguments, checked as PROTOCOL section 6 says
 * (arity, URL scheme and host, HTTP method, redis verb, AMQP DSN).
 * One reference, or NULL with ERR_INVALID naming what is wrong, ERR_SYNTAX
 * for too few words, ERR_LIMIT.
 */
struct rule_spec *rule_spec_parse(const struct slice *words, size_t n,
    struct err *e);

/* The same from the words of INTEGRATION SET after the identifier. */
struct rule_spec *rule_spec_parse_probe(const struct slice *words, size_t n,
    struct err *e);

/* Whether its runner heeds each part of its URL, if it has one. 0, or -1 with
 * ERR_INVALID naming the part, whose text is not shown. */
int rule_spec_check_url(const struct rule_spec *spec, struct err *e);

/* A copy with one reference, or NULL with ERR_LIMIT. */
struct rule_spec *rule_spec_copy(const struct rule_spec *spec, struct err *e);
struct rule_spec *rule_spec_ref(struct rule_spec *spec);
void rule_spec_unref(struct rule_spec *spec); /* NULL is allowed */

/*
 * Apply one `key=value`. An empty value or "-" is the default again; a
 * repeatable option adds a value. 0, or -1 with ERR_INVALID naming key and
 * reason, ERR_LIMIT; then *spec is unchanged. *admin is set to true when the
 * option needs that role.
 */
int rule_spec_set_option(struct rule_spec *spec, struct slice pair, bool *admin,
    struct err *e);

/* What only holds across options (network=off needs a sandbox). */
int rule_spec_check(const struct rule_spec *spec, struct err *e);

/* "timeout" ...; and the value as the listing shows it (unquoted): "5s". A
 * repeatable option gives one call per value; `i` counts from 0, and false
 * means no more. An option without a value gives "-" once. */
const char *rule_option_name(enum rule_option_id id);
bool rule_option_value(const struct rule_spec *spec, enum rule_option_id id,
    size_t i, struct buf *out);
bool rule_option_is_default(const struct rule_spec *spec,
    enum rule_option_id id);

static inline bool
rule_spec_is_probe(const struct rule_spec *spec)
{
	return spec->runner >= RUNNER_COUNT;
}

/* The i-th string, i < n. */
struct slice strings_get(const struct strings *s, size_t i);
int strings_add(struct strings *s, struct slice v, struct err *e);
int strings_copy(struct strings *to, const struct strings *from, struct err *e);
void strings_free(struct strings *s);

/* Append argument i as a reply may show it: user info in a URL or DSN is
 * replaced by ***; quoted as one output word. */
void rule_spec_put_arg(struct buf *out, const struct rule_spec *spec, size_t i);

/* All of them, with a space before each. */
void rule_spec_put_args(struct buf *out, const struct rule_spec *spec);

/* Whether its runs call somebody. */
bool rule_spec_has_endpoint(const struct rule_spec *spec);
/* Append what its runs call (see url_put_endpoint); nothing for a runner that
 * calls nobody. */
void rule_spec_put_endpoint(struct buf *out, const struct rule_spec *spec);

/* Whether a `success` list such as "0,3,200-299" holds code. */
bool rule_codes_match(struct slice codes, unsigned code);

#endif
