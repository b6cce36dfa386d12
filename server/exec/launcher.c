#include "launcher.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "keeper.h"

#define EXIT_CANNOT_EXECUTE 126 /* as shells have it */
#define EXIT_NOT_FOUND 127

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
	if (environment_init(&l->environment, environ, e) == -1) {
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
	environment_fini(&l->environment);
	buf_free(&l->text);
}

static const char *
text_option(const struct rule_spec *spec, enum rule_option_id id)
{
	return spec->text[id].n == 0 ? NULL : spec->text[id].bytes;
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

/* Where the program is looked up: by the rule's own path. Where a sandbox is
 * started first, it has been found by the server's. */
static const char *
program_path(const struct launcher *l, const struct rule_spec *spec)
{
	bool sandboxed = spec->number[OPTION_sandbox] != SANDBOX_NONE;

	return environment_get(sandboxed ? &l->environment.entries : &l->envp,
	    "PATH");
}

static void
make_plan(struct launcher *l, const struct rule_spec *spec,
    const struct user *user, struct vspawn_plan *plan)
{
	*plan = (struct vspawn_plan){
		.argv = l->argv.at,
		.envp = l->envp.at,
		.path = program_path(l, spec),
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

/* As environment_make has it. */
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

	/* An own limit of memory can be what keeps a program from loading. */
	if (failed->step != VSPAWN_EXEC || failed->error != ENOMEM)
		run_could_not_begin(run, failed->error);
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

	if (environment_make(&l->environment, run, user, &l->envp, &l->text) ==
		-1 ||
	    l->argv.failed)
		return run_explain(run, "out of memory");
	make_plan(l, run->spec, change ? user : NULL, &plan);
	if (make_cgroup(l, run, c) == -1)
		return -1;
	if (c->cgroup != NULL)
		plan.cgroup = cgroup_fd(c->cgroup);
	make_mark(run, c);
	plan.kept =
	    keeper_note(l->keeper, run->job == NULL ? 0 : run->execution_id,
		run->due_ns, run->attempt);
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
