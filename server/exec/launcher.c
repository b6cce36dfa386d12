#include "launcher.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define EXIT_CANNOT_EXECUTE 126 /* as shells have it */
#define EXIT_NOT_FOUND 127

static int
copy_environment(struct launcher *l, struct err *e)
{
	size_t i;

	for (i = 0; environ[i] != NULL; i++)
		buf_add(&l->server_text, environ[i], strlen(environ[i]) + 1);
	words_add_packed(&l->server_envp, l->server_text.ptr, i);
	if (l->server_text.failed || l->server_envp.failed)
		return err_nomem(e);
	return 0;
}

static bool
has_terminal(void)
{
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd == -1)
		return false;
	(void)close(fd); /* nothing was written */
	return true;
}

int
launcher_init(struct launcher *l, struct err *e)
{
	*l = (struct launcher){ .terminal = has_terminal() };
	if (vspawner_init(&l->vspawner, e) == -1)
		return -1;
	if (copy_environment(l, e) == -1) {
		launcher_fini(l);
		return -1;
	}
	return 0;
}

void
launcher_fini(struct launcher *l)
{
	vspawner_fini(&l->vspawner);
	words_free(&l->argv);
	words_free(&l->envp);
	words_free(&l->server_envp);
	buf_free(&l->server_text);
	buf_free(&l->text);
}

static const char *
text_option(const struct rule_spec *spec, enum rule_option_id id)
{
	return spec->text[id].n == 0 ? NULL : spec->text[id].bytes;
}

static void
add_entry(struct launcher *l, const char *name, const char *value)
{
	buf_add_str(&l->text, name);
	buf_add_byte(&l->text, '=');
	buf_add(&l->text, value, strlen(value) + 1);
}

static void
add_number(struct launcher *l, const char *name, int64_t value)
{
	buf_addf(&l->text, "%s=%" PRId64, name, value);
	buf_add_byte(&l->text, '\0');
}

/* Returns how many entries it added. */
static size_t
add_user_entries(struct launcher *l, const struct run *run,
    const struct user *user)
{
	const char *name = text_option(run->spec, OPTION_user);

	if (user == NULL)
		return 0;
	add_entry(l, "HOME", user->home);
	add_entry(l, "LOGNAME", name);
	add_entry(l, "USER", name);
	return 3;
}

static size_t
add_run_entries(struct launcher *l, const struct run *run)
{
	add_entry(l, "TICK_RULE", run->rule);
	if (run->job == NULL) {
		add_number(l, "TICK_SESSION_ID", (int64_t)run->execution_id);
		return 2;
	}
	add_entry(l, "TICK_JOB", run->job);
	add_number(l, "TICK_EXECUTION_ID", (int64_t)run->execution_id);
	add_number(l, "TICK_EXECUTION_NS", run->due_ns);
	add_number(l, "TICK_ATTEMPT", run->attempt);
	add_entry(l, "TICK_PAYLOAD", run->payload == NULL ? "" : run->payload);
	return 6;
}

/* The later wins: the server's, the user's, the rule's, the run's own. */
static int
make_environment(struct launcher *l, const struct run *run,
    const struct user *user)
{
	const struct strings *of_rule = &run->spec->text[OPTION_env];
	size_t n_user, n_run, i;
	char *at;

	/* Pointers into the text hold only when it no longer grows. */
	buf_clear(&l->text);
	n_user = add_user_entries(l, run, user);
	n_run = rule_spec_is_probe(run->spec) ? 0 : add_run_entries(l, run);
	words_clear(&l->envp);
	if (l->text.failed)
		return -1;
	for (i = 0; i < l->server_envp.n; i++)
		words_add(&l->envp, l->server_envp.at[i]);
	at = words_put_env(&l->envp, l->text.ptr, n_user);
	(void)words_put_env(&l->envp, of_rule->bytes, of_rule->n);
	(void)words_put_env(&l->envp, at, n_run);
	return l->envp.failed ? -1 : 0;
}

static void
add_limit(struct vspawn_plan *plan, int resource, int64_t value)
{
	if (value <= 0)
		return;
	assert(plan->n_limits < VSPAWN_LIMITS_MAX);
	plan->limit[plan->n_limits++] =
	    (struct vspawn_limit){ .resource = resource,
		    .value = (rlim_t)value };
}

/* What no cgroup can do for it, as far as that goes: each process by itself,
 * and nothing for the processor. */
static void
add_limits(const struct launcher *l, const struct rule_spec *spec,
    bool other_user, struct vspawn_plan *plan)
{
	add_limit(plan, RLIMIT_FSIZE, spec->number[OPTION_disk]);
	if (spec->number[OPTION_sandbox] == SANDBOX_RUNSC)
		return; /* a kernel that runs as a process needs more */
	if (!cgroups_can(l->cgroups, CGROUP_MEMORY))
		add_limit(plan, RLIMIT_AS, spec->number[OPTION_memory]);
	/* The kernel counts all processes of a user: among the server's own
	 * that would say nothing about this run. */
	if (other_user && !cgroups_can(l->cgroups, CGROUP_PROCESSES))
		add_limit(plan, RLIMIT_NPROC, spec->number[OPTION_processes]);
}

static void
make_plan(struct launcher *l, const struct rule_spec *spec,
    const struct user *user, struct vspawn_plan *plan)
{
	*plan = (struct vspawn_plan){
		.argv = l->argv.at,
		.envp = l->envp.at,
		.fd = { -1, -1, -1 },
		.directory = text_option(spec, OPTION_directory),
		.user = user,
		/* Or it could read what is typed to the server, and type to
		 * it; in a sandbox perhaps by way of a descriptor. */
		.session =
		    l->terminal || spec->number[OPTION_sandbox] != SANDBOX_NONE,
	};
	add_limits(l, spec, user != NULL, plan);
}

/* As add_run_entries has it. */
static void
make_mark(const struct run *run, struct child *c)
{
	c->mark[0] = '\0';
	if (!rule_spec_is_probe(run->spec))
		(void)snprintf(c->mark, sizeof(c->mark), "%s=%" PRIu64,
		    run->job == NULL ? "TICK_SESSION_ID" : "TICK_EXECUTION_ID",
		    run->execution_id);
}

/* 0 when the run is to have none. */
static int
make_cgroup(struct launcher *l, struct run *run, struct child *c)
{
	const int64_t *number = run->spec->number;
	const int64_t limit[CGROUP_LIMITS] = {
		[CGROUP_CPU] = number[OPTION_cpu],
		[CGROUP_MEMORY] = number[OPTION_memory],
		[CGROUP_PROCESSES] = number[OPTION_sandbox] == SANDBOX_RUNSC
		    ? 0 /* its kernel's threads would count */
		    : number[OPTION_processes],
	};
	bool any = false;
	struct err e;

	c->cgroup = NULL;
	for (int i = 0; i < CGROUP_LIMITS; i++)
		any |= limit[i] > 0 &&
		    cgroups_can(l->cgroups, (enum cgroup_limit)i);
	if (!any)
		return 0;
	if ((c->cgroup = cgroup_new(l->cgroups, limit, &e)) == NULL)
		return run_explain(run, "%s", e.msg);
	return 0;
}

static void
explain(const struct vspawn_result *failed, const struct vspawn_plan *plan,
    struct run *run)
{
	static const char *const what[] = {
		[VSPAWN_PIPE] = "cannot open a pipe",
		[VSPAWN_CLONE] = "cannot start a process",
		[VSPAWN_CGROUP] = "cannot enter its cgroup",
		[VSPAWN_SETUP] = "cannot set up its process",
		[VSPAWN_LIMIT] = "cannot set its limits",
		[VSPAWN_USER] = "cannot become user ",
		[VSPAWN_DIRECTORY] = "cannot enter directory ",
		[VSPAWN_EXEC] = "cannot execute ",
	};
	const char *name = "";

	if (failed->step == VSPAWN_EXEC) {
		name = plan->argv[0];
		run->exit = failed->error == ENOENT ? EXIT_NOT_FOUND
						    : EXIT_CANNOT_EXECUTE;
	} else if (failed->step == VSPAWN_DIRECTORY)
		name = plan->directory;
	else if (failed->step == VSPAWN_USER)
		name = text_option(run->spec, OPTION_user);
	/* A long name leaves room for the error. */
	(void)run_explain(run, "%s%.100s: %s", what[failed->step], name,
	    strerrordesc_np(failed->error));
}

static int
start_as(struct launcher *l, struct run *run, struct child *c,
    struct ev_loop *loop, const struct user *user)
{
	/* Also lets a server that is not root name itself. */
	bool change = user != NULL && user->uid != geteuid();
	struct vspawn_plan plan;
	struct vspawn_result result;

	if (make_environment(l, run, user) == -1 || l->argv.failed)
		return run_explain(run, "out of memory");
	make_plan(l, run->spec, change ? user : NULL, &plan);
	if (make_cgroup(l, run, c) == -1)
		return -1;
	if (c->cgroup != NULL)
		plan.cgroup = cgroup_fd(c->cgroup);
	make_mark(run, c);
	if (child_start(c, loop, &l->vspawner, &plan, &result) == 0)
		return 0;
	if (c->cgroup != NULL)
		cgroup_end(c->cgroup);
	explain(&result, &plan, run);
	return -1;
}

int
launcher_start(struct launcher *l, struct run *run, struct child *c,
    struct ev_loop *loop)
{
	const char *name = text_option(run->spec, OPTION_user);
	struct user user;
	struct err e;
	int rc;

	/* What follows the NUL would be lost, or taken for another entry. */
	if (run->payload != NULL && strlen(run->payload) != run->payload_len)
		return run_explain(run,
		    "the payload holds a NUL byte, "
		    "the environment cannot");
	if (name == NULL)
		return start_as(l, run, c, loop, NULL);
	if (user_find(&user, name, &e) == -1)
		return run_explain(run, "%s", e.msg);
	rc = start_as(l, run, c, loop, &user);
	user_fini(&user);
	return rc;
}
