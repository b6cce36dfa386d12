/* RULE ENVIRONMENT */
#include "commands.h"

#include <string.h>

#include "environment.h"
#include "reply.h"
#include "url.h"

/* Whether runs of it are processes that the server starts. */
static bool
has_environment(const struct rule_spec *spec)
{
	switch (spec->runner) {
	case RUNNER_SHELL:
	case RUNNER_DIRECT:
	case RUNNER_AWF:
		return true;
	case RUNNER_AGENT:
		return spec->args.n > 0;
	default:
		return false;
	}
}

/* The entries that each run has its own value in. */
static bool
differs(struct slice name)
{
	static const char *const names[] = { "TICK_JOB", "TICK_EXECUTION_ID",
		"TICK_EXECUTION_NS", "TICK_ATTEMPT", "TICK_PAYLOAD",
		"TICK_SESSION_ID" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (slice_eq(name, slice_str(names[i])))
			return true;
	return false;
}

static void
put_entry(struct buf *out, struct slice id, const char *entry)
{
	const char *equals = strchr(entry, '=');
	struct slice name = slice_of(entry, (size_t)(equals - entry));
	struct buf value = { 0 };

	if (differs(name))
		buf_add_byte(&value, '-');
	else
		url_put_masked(&value, slice_str(equals + 1));
	reply_begin(out, id);
	reply_word(out, name);
	reply_word(out, buf_slice(&value));
	reply_end(out);
	out->failed |= value.failed;
	buf_free(&value);
}

/* Entries whose values are not told, packed. */
static void
add_secrets(struct buf *text, const struct rule_spec *spec)
{
	const struct strings *secrets = &spec->text[OPTION_secret];

	for (size_t i = 0; i < secrets->n; i++) {
		struct slice s = strings_get(secrets, i);
		const char *equals = memchr(s.ptr, '=', s.len);

		buf_add(text, s.ptr, (size_t)(equals - s.ptr));
		buf_add(text, "=***", sizeof("=***"));
	}
}

/* -1: no memory. */
static int
put_environment(struct buf *out, struct slice id, const struct environment *env,
    const struct rule *rule, const struct user *user)
{
	const struct rule_spec *spec = rule->spec;
	static char any[] = "";
	const struct run run = { .spec = rule->spec,
		.rule = rule->id,
		.job = spec->runner == RUNNER_AGENT ? NULL : any };
	struct words entries = { 0 };
	struct buf text = { 0 }, secrets = { 0 };
	int rc = environment_make(env, &run, user, &entries, &text);

	add_secrets(&secrets, spec);
	if (rc == 0 && !secrets.failed)
		(void)words_put_env(&entries, secrets.ptr,
		    spec->text[OPTION_secret].n);
	if (secrets.failed || entries.failed)
		rc = -1;
	for (size_t i = 0; rc == 0 && i < entries.n; i++)
		put_entry(out, id, entries.at[i]);
	words_free(&entries);
	buf_free(&text);
	buf_free(&secrets);
	return rc;
}

int
cmd_rule_environment(struct conn *c, const struct request *r, struct err *e)
{
	const struct rule *rule = rule_find(c, r->u.name, e);
	static char unknown[] = "-";
	struct user user = { .home = unknown, .shell = unknown }, found;
	const struct strings *name;
	int rc = 0;

	if (rule == NULL)
		return FAILED;
	name = &rule->spec->text[OPTION_user];
	/* A user that only a network knows would keep all others waiting. */
	if (name->n > 0 && user_read(&found, name->bytes) == 0)
		user = found;
	if (has_environment(rule->spec))
		rc = put_environment(conn_reply(c), r->id,
		    processor_environment(c->server->processor), rule,
		    name->n > 0 ? &user : NULL);
	if (user.home != unknown)
		user_fini(&user);
	if (rc == -1) {
		(void)err_nomem(e);
		return FAILED;
	}
	reply_ok(conn_reply(c), r->id);
	return HANDLED;
}
