#include "sandbox.h"

#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * bwrap: the file system read-only, /tmp, /dev and /proc its own, no rights
 * left even to root, and namespaces for all that has one: with its first
 * process everything in it dies, and that one dies with the server.
 *
 * runsc: a kernel of its own; what is written to the file system is seen in
 * there alone. --rootless: or it would want iptables for a network of its
 * own.
 *
 * Kata starts containers from images. A rule has none, so nothing can be run
 * in it.
 */
#define TRY_SECONDS 10.

static const char *const program[SANDBOX_KATA + 1] = {
	[SANDBOX_BWRAP] = "bwrap",
	[SANDBOX_RUNSC] = "runsc",
	[SANDBOX_KATA] = "kata-runtime",
};

const char *
sandbox_word(int sandbox)
{
	static const char *const word[SANDBOX_KATA + 1] = {
		[SANDBOX_NONE] = "none",
		[SANDBOX_BWRAP] = "bwrap",
		[SANDBOX_RUNSC] = "runsc",
		[SANDBOX_KATA] = "kata",
	};

	return word[sandbox];
}

/* --- what starts a command in it --- */

/* The pointers of exec are not const; nobody writes there. */
static void
add(struct words *argv, const char *word)
{
	words_add(argv, (char *)(uintptr_t)word);
}

static void
enter_bwrap(struct words *argv, bool network, const char *directory)
{
	static const char *const words[] = { "bwrap", "--unshare-all",
		"--die-with-parent", "--cap-drop", "ALL", "--ro-bind", "/", "/",
		"--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		add(argv, words[i]);
	if (network)
		add(argv, "--share-net");
	if (directory != NULL) {
		add(argv, "--chdir");
		add(argv, directory);
	}
	add(argv, "--");
}

static void
enter_runsc(struct words *argv, bool network)
{
	add(argv, "runsc");
	add(argv, "--rootless");
	add(argv, "--ignore-cgroups");
	add(argv, network ? "--network=host" : "--network=none");
	add(argv, "do");
}

enum child_term
sandbox_enter(struct words *argv, const struct rule_spec *spec)
{
	const struct strings *directory = &spec->text[OPTION_directory];
	bool network = spec->number[OPTION_network] == NETWORK_ON;

	switch (spec->number[OPTION_sandbox]) {
	case SANDBOX_BWRAP:
		enter_bwrap(argv, network,
		    directory->n == 0 ? NULL : directory->bytes);
		return CHILD_TERM_BELOW;
	case SANDBOX_RUNSC:
		enter_runsc(argv, network);
		return CHILD_TERM_LEADER;
	default:
		return CHILD_TERM_GROUP;
	}
}

/* --- whether it works here --- */

/* The program's path, the caller's to free; NULL: not there, or no memory. */
static char *
find(const char *folders, const char *name)
{
	char path[PATH_MAX];

	for (;;) {
		size_t n = strcspn(folders, ":");

		if (n > 0 &&
		    snprintf(path, sizeof(path), "%.*s/%s", (int)n, folders,
			name) < (int)sizeof(path) &&
		    access(path, X_OK) == 0)
			return strdup(path);
		if (folders[n] == '\0')
			return NULL;
		folders += n + 1;
	}
}

static void
settle(struct sandbox *x, enum sandbox_state state, const char *what)
{
	x->state = state;
	if (x->path == NULL)
		(void)snprintf(x->detail, sizeof(x->detail), "%s", what);
	else
		(void)snprintf(x->detail, sizeof(x->detail), "%s: %s", x->path,
		    what);
}

/* The first line of what it said, or a word for nothing. */
static const char *
first_line(struct output *o, char line[SANDBOX_DETAIL_MAX])
{
	size_t n;

	output_settle(o);
	n = o->len < SANDBOX_DETAIL_MAX ? o->len : SANDBOX_DETAIL_MAX - 1;
	if (n == 0)
		return "it said nothing";
	memcpy(line, o->bytes, n);
	line[n] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return line;
}

static void
on_ended(struct child *c, int exit, int signal)
{
	struct sandbox *x = (struct sandbox *)(void *)((char *)c -
	    offsetof(struct sandbox, child));
	char line[SANDBOX_DETAIL_MAX];
	bool works = exit == 0;

	(void)signal;
	ev_timer_stop(x->all->loop, &x->limit);
	settle(x, works ? SANDBOX_WORKS : SANDBOX_FAILS,
	    first_line(&x->output[works ? OUTPUT_STDOUT : OUTPUT_STDERR],
		line));
	for (int i = 0; i < OUTPUT_STREAMS; i++)
		output_free(&x->output[i]);
}

static void
on_limit(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct sandbox *x = w->data;

	(void)loop;
	(void)revents;
	child_stop(&x->child, true);
}

/* Ask for its version, then have it run something, as a rule would. */
static int
start_trial(struct sandbox *x, struct vspawner *v)
{
	struct rule_spec spec = { 0 };
	struct words argv = { 0 };
	struct vspawn_plan plan = { .envp = environ, .fd = { -1, -1, -1 } };
	struct vspawn_result result;
	int rc = -1;

	spec.number[OPTION_sandbox] = x - x->all->of;
	add(&argv, "/bin/sh");
	add(&argv, "-c");
	add(&argv, "\"$0\" --version | head -n 1 && exec \"$0\" \"$@\"");
	(void)sandbox_enter(&argv, &spec);
	add(&argv, "true");
	plan.argv = argv.at;
	x->child = (struct child){ .ended = on_ended,
		.max_output = SANDBOX_DETAIL_MAX,
		.output = { &x->output[0], &x->output[1] } };
	if (!argv.failed)
		rc = child_start(&x->child, x->all->loop, v, &plan, &result);
	words_free(&argv);
	return rc;
}

static void
try_one(struct sandbox *x, struct vspawner *v)
{
	if (start_trial(x, v) == -1) {
		settle(x, SANDBOX_FAILS, "cannot be tried");
		return;
	}
	settle(x, SANDBOX_TRIED, "being tried");
	ev_timer_init(&x->limit, on_limit, TRY_SECONDS, 0.);
	x->limit.data = x;
	ev_timer_start(x->all->loop, &x->limit);
}

static void
try_all(struct sandboxes *s)
{
	sigset_t all, old;
	struct vspawner v;
	struct err e;

	if (vspawner_init(&v, &e) == -1)
		return;		/* none of them is of use then */
	(void)sigfillset(&all); /* as vspawn wants it */
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	for (int i = SANDBOX_BWRAP; i < SANDBOX_KATA; i++)
		if (s->of[i].path != NULL)
			try_one(&s->of[i], &v);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	vspawner_fini(&v);
}

void
sandboxes_find(struct sandboxes *s, struct ev_loop *loop)
{
	const char *folders = getenv("PATH");

	if (folders == NULL)
		folders = "/usr/local/bin:/usr/bin:/bin";
	s->loop = loop;
	for (int i = SANDBOX_NONE; i <= SANDBOX_KATA; i++) {
		struct sandbox *x = &s->of[i];

		x->all = s;
		if (i != SANDBOX_NONE)
			x->path = find(folders, program[i]);
		settle(x, SANDBOX_MISSING, "not installed");
	}
	settle(&s->of[SANDBOX_NONE], SANDBOX_WORKS, "always there");
	if (s->of[SANDBOX_KATA].path != NULL)
		settle(&s->of[SANDBOX_KATA], SANDBOX_FAILS, SANDBOX_KATA_WHY);
	try_all(s);
}

void
sandboxes_free(struct sandboxes *s)
{
	for (int i = SANDBOX_NONE; i <= SANDBOX_KATA; i++) {
		struct sandbox *x = &s->of[i];

		if (x->state == SANDBOX_TRIED) {
			ev_timer_stop(s->loop, &x->limit);
			child_end(&x->child);
		}
		for (int j = 0; j < OUTPUT_STREAMS; j++)
			output_free(&x->output[j]);
		free(x->path);
	}
}

bool
sandboxes_trying(const struct sandboxes *s)
{
	for (int i = SANDBOX_NONE; i <= SANDBOX_KATA; i++)
		if (s->of[i].state == SANDBOX_TRIED)
			return true;
	return false;
}

int
sandbox_check(const struct sandboxes *s, int sandbox, struct err *e)
{
	const struct sandbox *x = &s->of[sandbox];

	if (x->state == SANDBOX_WORKS || x->state == SANDBOX_TRIED)
		return 0;
	if (x->path == NULL)
		return err_set(e, ERR_INVALID, "%s is not installed",
		    program[sandbox]);
	return err_set(e, ERR_INVALID, "sandbox %s does not work here: %s",
	    sandbox_word(sandbox), x->detail);
}
