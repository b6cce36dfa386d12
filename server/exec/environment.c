#include "environment.h"

#include <inttypes.h>
#include <string.h>

static const char *const inherited[] = { "PATH", "HOME", "USER", "LOGNAME",
	"SHELL", "LANG", "TZ" };

static const char default_path[] =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

static const char *
find(char *const *entries, const char *name)
{
	size_t n = strlen(name);

	for (; *entries != NULL; entries++)
		if (strncmp(*entries, name, n) == 0 && (*entries)[n] == '=')
			return *entries;
	return NULL;
}

int
environment_init(struct environment *env, char *const *from, struct err *e)
{
	const char *entry;
	size_t i, n = 0;

	*env = (struct environment){ 0 };
	for (i = 0; i < sizeof(inherited) / sizeof(inherited[0]); i++) {
		entry = find(from, inherited[i]);
		if (entry == NULL && i == 0)
			entry = default_path;
		if (entry == NULL)
			continue;
		buf_add(&env->text, entry, strlen(entry) + 1);
		n++;
	}
	words_add_packed(&env->entries, env->text.ptr, n);
	if (!env->text.failed && !env->entries.failed)
		return 0;
	environment_fini(env);
	return err_nomem(e);
}

void
environment_fini(struct environment *env)
{
	words_free(&env->entries);
	buf_free(&env->text);
}

static void
add_entry(struct buf *text, const char *name, const char *value)
{
	buf_add_str(text, name);
	buf_add_byte(text, '=');
	buf_add(text, value, strlen(value) + 1);
}

static void
add_number(struct buf *text, const char *name, int64_t value)
{
	buf_addf(text, "%s=%" PRId64, name, value);
	buf_add_byte(text, '\0');
}

/* Returns how many entries it added. */
static size_t
add_user_entries(struct buf *text, const struct run *run,
    const struct user *user)
{
	const char *name = run->spec->text[OPTION_user].bytes;

	if (user == NULL)
		return 0;
	add_entry(text, "HOME", user->home);
	add_entry(text, "USER", name);
	add_entry(text, "LOGNAME", name);
	add_entry(text, "SHELL", user->shell);
	return 4;
}

static size_t
add_run_entries(struct buf *text, const struct run *run)
{
	if (rule_spec_is_probe(run->spec))
		return 0;
	add_entry(text, "TICK_RULE", run->rule);
	if (run->job == NULL) {
		add_number(text, "TICK_SESSION_ID", (int64_t)run->execution_id);
		return 2;
	}
	add_entry(text, "TICK_JOB", run->job);
	add_number(text, "TICK_EXECUTION_ID", (int64_t)run->execution_id);
	add_number(text, "TICK_EXECUTION_NS", run->due_ns);
	add_number(text, "TICK_ATTEMPT", run->attempt);
	add_entry(text, "TICK_PAYLOAD",
	    run->payload == NULL ? "" : run->payload);
	return 6;
}

int
environment_make(const struct environment *env, const struct run *run,
    const struct user *user, struct words *envp, struct buf *text)
{
	const struct strings *of_rule = &run->spec->text[OPTION_env];
	size_t n_user, n_run, i;
	char *at;

	/* Pointers into the text hold only when it no longer grows. */
	buf_clear(text);
	n_user = add_user_entries(text, run, user);
	n_run = add_run_entries(text, run);
	words_clear(envp);
	if (text->failed)
		return -1;
	for (i = 0; i < env->entries.n; i++)
		words_add(envp, env->entries.at[i]);
	at = words_put_env(envp, text->ptr, n_user);
	(void)words_put_env(envp, of_rule->bytes, of_rule->n);
	(void)words_put_env(envp, at, n_run);
	return envp->failed ? -1 : 0;
}

const char *
environment_get(const struct words *envp, const char *name)
{
	const char *entry = find(envp->at, name);

	return entry == NULL ? NULL : entry + strlen(name) + 1;
}
