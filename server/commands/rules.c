/* RULE SET GET OPTIONS PAUSE RESUME, REMOVERULE, LISTRULES */
#include "commands.h"

#include "listing.h"
#include "reply.h"
#include "scope.h"
#include "runner.h"

static bool
must_wait(struct conn *c, struct slice rule)
{
	uint32_t slot = store_slot(STORE_RULE, rule);

	if (!store_busy(c->server->store, slot, true))
		return false;
	conn_wait(c, slot);
	return true;
}

struct rule *
rule_find(struct conn *c, struct slice id, struct err *e)
{
	struct rule *rule;

	if (!allowed(c, id, "rule", e))
		return NULL;
	rule = rules_find(store_rules(c->server->store), id);
	if (rule == NULL) {
		(void)err_quote(e, ERR_NOT_FOUND, id, "no such rule");
		return NULL;
	}
	return allowed(c, rule_pattern(rule), "pattern", e) ? rule : NULL;
}

/* Give the new spec the options of the rule it replaces. */
static int
keep_options(struct rule_spec *spec, const struct rule_spec *old, struct err *e)
{
	memcpy(spec->number, old->number, sizeof(spec->number));
	for (int i = 0; i < OPTION_COUNT; i++)
		if (strings_copy(&spec->text[i], &old->text[i], e) == -1)
			return -1;
	return 0;
}

/* The identifier in a value NAME=secret_id. */
static struct slice
secret_id(struct slice value)
{
	const char *equals = memchr(value.ptr, '=', value.len);
	size_t skip = (size_t)(equals - value.ptr) + 1;

	return slice_of(value.ptr + skip, value.len - skip);
}

/* Whoever may change what the rule runs sees its secrets: they must lie in
 * each namespace that the rule lies in. */
static int
check_secrets(const struct auth *auth, struct slice rule, struct slice pattern,
    const struct rule_spec *spec, struct err *e)
{
	const struct strings *secrets = &spec->text[OPTION_secret];

	for (size_t i = 0; auth != NULL && i < auth->n; i++) {
		const struct auth_token *t = &auth->tokens[i];

		if (!auth_allows_name(t, rule) || !auth_allows_name(t, pattern))
			continue;
		for (size_t j = 0; j < secrets->n; j++)
			if (!auth_allows_name(t,
				secret_id(strings_get(secrets, j))))
				return err_set(e, ERR_INVALID,
				    "a secret is outside namespace %s, "
				    "which the rule is in",
				    auth_namespace_word(t));
	}
	return 0;
}

static void
put_rule(struct buf *out, struct slice id, struct slice rule,
    struct slice pattern, const struct rule_spec *spec)
{
	reply_begin(out, id);
	reply_word(out, rule);
	reply_word(out, pattern);
	reply_str(out, runner_word(spec->runner));
	rule_spec_put_args(out, spec);
	reply_end(out);
}

/* A rule must fit into the line that lists it, escapes and all. */
static int
check_listable(const struct request_rule_set *q, struct err *e)
{
	static const char longest_id[REQUEST_ID_MAX];
	struct buf line = { 0 };
	int rc = 0;

	put_rule(&line, slice_of(longest_id, sizeof(longest_id)), q->rule,
	    q->pattern, q->spec);
	if (line.failed)
		rc = err_nomem(e);
	else if (line.len > REPLY_LINE_MAX)
		rc = err_set(e, ERR_TOO_LONG,
		    "listed with its escapes the rule is over %u bytes",
		    REPLY_LINE_MAX);
	buf_free(&line);
	return rc;
}

/* The options stay: what was set for a runner by who may use it must not serve
 * another who may not. */
static int
check_old_runner(const struct conn *c, const struct rule *old, struct err *e)
{
	struct err why;

	if (auth_check_runner(c->token, old->spec, &why) == 0)
		return 0;
	return err_set(e, ERR_DENIED, "the rule has runner %s: %s",
	    runner_word(old->spec->runner), why.msg);
}

int
cmd_rule_set(struct conn *c, const struct request *r, struct err *e)
{
	const struct request_rule_set *q = &r->u.rule_set;
	struct store_waiter w = conn_waiter(c, r->id);
	struct store *store = c->server->store;
	const struct rule *old;

	if (!allowed(c, q->rule, "rule", e) ||
	    !allowed(c, q->pattern, "pattern", e))
		return FAILED;
	if (!runner_is_built(q->spec->runner))
		return err_set(e, ERR_INVALID, "this build has no runner %s",
		    runner_word(q->spec->runner));
	if (auth_check_runner(c->token, q->spec, e) == -1)
		return FAILED;
	if (check_listable(q, e) == -1)
		return FAILED;
	if (must_wait(c, q->rule))
		return WAIT;
	old = rules_find(store_rules(store), q->rule);
	if (old != NULL &&
	    (!allowed(c, rule_pattern(old), "pattern", e) ||
		check_old_runner(c, old, e) == -1 ||
		keep_options(q->spec, old->spec, e) == -1))
		return FAILED;
	if (check_secrets(c->server->auth, q->rule, q->pattern, q->spec, e) ==
	    -1)
		return FAILED;
	return conn_asked(c,
	    store_rule_set(store, q->rule, q->pattern, q->spec,
		old != NULL && old->paused, &w, e));
}

static void
put_option(struct buf *out, struct slice id, const struct rule_spec *spec,
    enum rule_option_id option)
{
	struct buf value = { 0 };

	for (size_t i = 0; rule_option_value(spec, option, i, &value); i++) {
		reply_row_word(out, id, rule_option_name(option),
		    buf_slice(&value));
		buf_clear(&value);
	}
	if (value.failed)
		out->failed = true;
	buf_free(&value);
}

static void
put_options(struct buf *out, struct slice id, const struct rule_spec *spec)
{
	for (int i = 0; i < OPTION_COUNT; i++)
		put_option(out, id, spec, (enum rule_option_id)i);
}

int
cmd_rule_get(struct conn *c, const struct request *r, struct err *e)
{
	const struct rule *rule = rule_find(c, r->u.name, e);
	struct buf *out;

	if (rule == NULL)
		return FAILED;
	out = conn_reply(c);
	reply_row_word(out, r->id, "rule", rule_id(rule));
	reply_row_word(out, r->id, "pattern", rule_pattern(rule));
	reply_row_word(out, r->id, "runner",
	    slice_str(runner_word(rule->spec->runner)));
	reply_begin(out, r->id);
	reply_str(out, "arguments");
	if (rule->spec->args.n == 0)
		reply_str(out, "-");
	rule_spec_put_args(out, rule->spec);
	reply_end(out);
	reply_row_u64(out, r->id, "paused", rule->paused);
	put_options(out, r->id, rule->spec);
	reply_ok(out, r->id);
	return HANDLED;
}

/* The rule's spec with the pairs applied; NULL with *e. */
static struct rule_spec *
with_options(struct conn *c, const struct rule *rule, const struct slice *pairs,
    size_t n, struct err *e)
{
	struct rule_spec *spec = rule_spec_copy(rule->spec, e);
	int64_t sandbox = rule->spec->number[OPTION_sandbox];
	bool admin = false;

	if (spec == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (rule_spec_set_option(spec, pairs[i], &admin, e) == -1)
			goto fail;
		if (admin && c->role != ROLE_ADMIN) {
			(void)err_quote(e, ERR_DENIED, pairs[i],
			    "this option needs role admin");
			goto fail;
		}
	}
	/* Who asks for it counts on it: no run may begin without. */
	if (spec->number[OPTION_approval] != APPROVAL_AUTO &&
	    rule->spec->number[OPTION_approval] == APPROVAL_AUTO) {
		(void)err_set(e, ERR_INVALID,
		    "approval=required: this version holds no run for "
		    "approval");
		goto fail;
	}
	if (spec->number[OPTION_sandbox] != sandbox &&
	    sandbox_check(&c->server->sandboxes,
		(int)spec->number[OPTION_sandbox], e) == -1)
		goto fail;
	if (rule_spec_check(spec, e) == -1 ||
	    check_secrets(c->server->auth, rule_id(rule), rule_pattern(rule),
		spec, e) == -1)
		goto fail;
	return spec;
fail:
	rule_spec_unref(spec);
	return NULL;
}

int
cmd_rule_options(struct conn *c, const struct request *r, struct err *e)
{
	struct store_waiter w = conn_waiter(c, r->id);
	struct rule_spec *spec;
	struct rule *rule;
	int rc;

	if (r->n_args == 1 && conn_overtakes(c))
		return WAIT;
	if (r->n_args > 1 && must_wait(c, r->u.name))
		return WAIT;
	if ((rule = rule_find(c, r->u.name, e)) == NULL)
		return FAILED;
	if (r->n_args == 1) {
		put_options(conn_reply(c), r->id, rule->spec);
		reply_ok(conn_reply(c), r->id);
		return HANDLED;
	}
	if (auth_check_runner(c->token, rule->spec, e) == -1)
		return FAILED;
	spec = with_options(c, rule, r->args + 1, r->n_args - 1, e);
	if (spec == NULL)
		return FAILED;
	rc = store_rule_set(c->server->store, rule_id(rule), rule_pattern(rule),
	    spec, rule->paused, &w, e);
	rule_spec_unref(spec);
	return conn_asked(c, rc);
}

static int
pause_rule(struct conn *c, const struct request *r, bool paused, struct err *e)
{
	struct store_waiter w = conn_waiter(c, r->id);

	if (must_wait(c, r->u.name))
		return WAIT;
	if (rule_find(c, r->u.name, e) == NULL)
		return FAILED;
	return conn_asked(c,
	    store_rule_pause(c->server->store, r->u.name, paused, &w, e));
}

int
cmd_rule_pause(struct conn *c, const struct request *r, struct err *e)
{
	return pause_rule(c, r, true, e);
}

int
cmd_rule_resume(struct conn *c, const struct request *r, struct err *e)
{
	return pause_rule(c, r, false, e);
}

int
cmd_removerule(struct conn *c, const struct request *r, struct err *e)
{
	struct store_waiter w = conn_waiter(c, r->id);

	if (must_wait(c, r->u.name))
		return WAIT;
	if (rule_find(c, r->u.name, e) == NULL)
		return FAILED;
	return conn_asked(c,
	    store_rule_remove(c->server->store, r->u.name, &w, e));
}

static struct slice
listed_id(const struct conn *c, uint32_t slot)
{
	return rule_id(rules_by_slot(store_rules(c->server->store), slot));
}

static bool
listed_visible(const struct conn *c, uint32_t slot)
{
	return scope_sees_rule(c,
	    rules_by_slot(store_rules(c->server->store), slot));
}

static bool
list_rule(struct conn *c, struct listing *l, uint32_t slot)
{
	const struct rule *rule =
	    rules_by_slot(store_rules(c->server->store), slot);

	put_rule(conn_reply(c), l->stream.id, rule_id(rule), rule_pattern(rule),
	    rule->spec);
	return true;
}

int
rules_list(struct conn *c, struct slice id, struct slice prefix,
    listing_row *row, struct err *e)
{
	struct listing *l =
	    listing_new(&store_rules(c->server->store)->by_id, id, prefix, e);

	if (l == NULL)
		return FAILED;
	l->id_of = listed_id;
	l->visible = listed_visible;
	l->row = row;
	listing_start(c, l);
	return HANDLED;
}

int
cmd_listrules(struct conn *c, const struct request *r, struct err *e)
{
	struct slice all = slice_of("", 0);

	return rules_list(c, r->id, r->u.text.ptr == NULL ? all : r->u.text,
	    list_rule, e);
}
