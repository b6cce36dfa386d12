/* Rules: set, remove, pause, resume, list. */
#include "tick_internal.h"

static const struct sink nowhere = { 0 };

int
tick_rule_set(struct tick *t, const char *rule, const char *pattern,
    const char *const *runner, size_t n_runner)
{
	if (call_begin(t) == -1)
		return -1;
	if (runner == NULL && n_runner > 0)
		return call_lacks(t, "the runner");
	line_open(t);
	line_word(t, "RULE");
	line_word(t, "SET");
	line_word(t, rule);
	line_word(t, pattern);
	for (size_t i = 0; i < n_runner; i++)
		line_word(t, runner[i]);
	return handle_finish(t, &nowhere);
}

int
tick_rule_remove(struct tick *t, const char *rule)
{
	return handle_command(t, "REMOVERULE", rule, &nowhere);
}

int
tick_rule_pause(struct tick *t, const char *rule)
{
	return handle_command(t, "RULE PAUSE", rule, &nowhere);
}

int
tick_rule_resume(struct tick *t, const char *rule)
{
	return handle_command(t, "RULE RESUME", rule, &nowhere);
}

struct list {
	tick_rule_cb *cb;
	void *arg;
};

static enum tick_error
list_row(const struct tick_row *row, void *arg)
{
	const struct list *l = arg;
	struct tick_rule rule;

	if (row->n_words < 3)
		return TICK_ERR_PROTOCOL;
	rule.rule = row->words[0].ptr;
	rule.pattern = row->words[1].ptr;
	rule.runner = row->words[2].ptr;
	rule.args = row->words + 3;
	rule.n_args = row->n_words - 3;
	return l->cb(&rule, l->arg) == 0 ? TICK_OK : TICK_ERR_STOPPED;
}

int
tick_rules(struct tick *t, const char *prefix, tick_rule_cb *cb, void *arg)
{
	struct list l = { cb, arg };
	const struct sink sink = { list_row, &l, true };

	if (call_begin(t) == -1)
		return -1;
	if (cb == NULL)
		return call_lacks(t, "the callback");
	return handle_command(t, "LISTRULES", prefix != NULL ? prefix : "",
	    &sink);
}
