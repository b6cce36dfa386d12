#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 *	own			the group the server was started in
 *	  tickd.<pid>		locked by its server for as long as that lives
 *	    server		the server, and its runs without limits
 *	    run.<n>		one with limits
 *
 * So a tickd.* whose lock can be had is what a crash left.
 */
#define BASE_PREFIX "tickd."
#define LEAF "server"
#define RUN_PREFIX "run."

#define RETRY_SECONDS 0.05
#define LEFT_PATIENCE_MS 1000

static const char *const controllers[CGROUP_LIMITS] = {
	[CGROUP_CPU] = "cpu",
	[CGROUP_MEMORY] = "memory",
	[CGROUP_PROCESSES] = "pids",
};

struct cgroup {
	struct cgroups *all;
	struct cgroup *next; /* of those that are dying */
	int fd;
	char name[sizeof(RUN_PREFIX) + 20];
};

struct cgroups {
	struct ev_loop *loop;
	char *path; /* owned; of base */
	int own, base;
	pid_t other; /* process that is where this one is; 0: none */
	char base_name[sizeof(BASE_PREFIX) + 20];
	bool can[CGROUP_LIMITS];
	bool enabled[CGROUP_LIMITS]; /* in own, by us */
	uint64_t n_made;
	struct cgroup *dying; /* killed, and not yet empty */
	ev_timer retry;
};

/* --- its files --- */

static int
put(int dir, const char *file, const char *text)
{
	size_t n = strlen(text);
	ssize_t put;
	int fd;

	if ((fd = openat(dir, file, O_WRONLY | O_CLOEXEC)) == -1)
		return -1;
	put = write(fd, text, n);
	(void)close(fd); /* the write has told */
	return put == (ssize_t)n ? 0 : -1;
}

/* What is there, terminated; "" when it cannot be read. */
static void
get(int dir, const char *file, char *text, size_t size)
{
	ssize_t n = -1;
	int fd;

	if ((fd = openat(dir, file, O_RDONLY | O_CLOEXEC)) != -1) {
		n = read(fd, text, size - 1);
		(void)close(fd); /* only read */
	}
	text[n > 0 ? n : 0] = '\0';
}

/* Whether a word is among those of a text. */
static bool
has_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	while (*text != '\0') {
		size_t len = strcspn(text, " \n");

		if (len == n && memcmp(text, word, n) == 0)
			return true;
		text += len;
		text += strspn(text, " \n");
	}
	return false;
}

static int
open_dir(int dir, const char *name)
{
	return openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* To read what is in it. */
static DIR *
list_dir(int dir)
{
	int fd = open_dir(dir, ".");
	DIR *list;

	if (fd == -1)
		return NULL;
	if ((list = fdopendir(fd)) == NULL)
		(void)close(fd);
	return list;
}

/* --- the end of a group --- */

/* One by one, for a kernel before 5.14. */
static void
kill_each(int dir)
{
	char text[4096], *p = text, *end;

	get(dir, "cgroup.procs", text, sizeof(text));
	for (;; p = end) {
		long pid = strtol(p, &end, 10);

		if (end == p || pid <= 0)
			return;
		(void)kill((pid_t)pid, SIGKILL);
	}
}

static void
kill_all(int dir)
{
	if (put(dir, "cgroup.kill", "1") == -1)
		kill_each(dir);
}

/* Wait until nobody is in it, for so long. */
static void
await_empty(int dir, int patience_ms)
{
	struct pollfd events = { .events = POLLPRI };
	char text[256];
	ssize_t n;

	if ((events.fd = openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC)) ==
	    -1)
		return;
	do {
		n = pread(events.fd, text, sizeof(text) - 1, 0);
		text[n > 0 ? n : 0] = '\0';
	} while (strstr(text, "populated 1") != NULL &&
	    poll(&events, 1, patience_ms) > 0);
	(void)close(events.fd);
}

/* Kill and remove the runs of a server that is gone. What else it left there
 * had no limits; it lives on. */
static void
remove_runs(int base)
{
	DIR *dir = list_dir(base);
	struct dirent *entry;
	int run;

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL) {
		if (strncmp(entry->d_name, RUN_PREFIX,
			sizeof(RUN_PREFIX) - 1) != 0 ||
		    (run = open_dir(base, entry->d_name)) == -1)
			continue;
		kill_all(run);
		await_empty(run, LEFT_PATIENCE_MS);
		(void)close(run);
		(void)unlinkat(base, entry->d_name, AT_REMOVEDIR);
	}
	(void)closedir(dir);
}

static void
remove_base(int own, const char *name)
{
	int base = open_dir(own, name);

	if (base == -1)
		return;
	if (flock(base, LOCK_EX | LOCK_NB) == 0) {
		remove_runs(base);
		(void)unlinkat(base, LEAF, AT_REMOVEDIR);
		(void)unlinkat(own, name, AT_REMOVEDIR);
	}
	(void)close(base);
}

static void
remove_leftovers(int own)
{
	DIR *dir = list_dir(own);
	struct dirent *entry;

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL)
		if (strncmp(entry->d_name, BASE_PREFIX,
			sizeof(BASE_PREFIX) - 1) == 0)
			remove_base(own, entry->d_name);
	(void)closedir(dir);
}

/* --- the server's own group --- */

/* The next field of a line, which is cut there; NULL at its end. */
static char *
next_field(char **line)
{
	char *field;

	do
		field = strsep(line, " \n");
	while (field != NULL && *field == '\0');
	return field;
}

/* Where cgroup2 is mounted, and which of its groups is seen there. Of
 * "36 35 98:0 /root /mount rw,noatime - cgroup2 cgroup2 rw": the fourth, the
 * fifth, and the one after the dash. */
static bool
is_cgroup2(char *line, char **root, char **mount)
{
	char *field;

	for (int i = 0; i < 3; i++)
		(void)next_field(&line);
	*root = next_field(&line);
	*mount = next_field(&line);
	while ((field = next_field(&line)) != NULL)
		if (strcmp(field, "-") == 0)
			break;
	field = next_field(&line);
	return field != NULL && strcmp(field, "cgroup2") == 0;
}

/* False: it does not fit. */
static bool
copy_path(char to[PATH_MAX], const char *from)
{
	return snprintf(to, PATH_MAX, "%s", from) < PATH_MAX;
}

static int
find_mount(char root[PATH_MAX], char mount[PATH_MAX])
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, *at[2];
	bool found = false;
	size_t cap = 0;

	if (f == NULL)
		return -1;
	while (!found && getline(&line, &cap, f) > 0)
		found = is_cgroup2(line, &at[0], &at[1]) &&
		    copy_path(root, at[0]) && copy_path(mount, at[1]);
	free(line);
	(void)fclose(f); /* only read */
	return found ? 0 : -1;
}

/* The group this process is in, below the root of all. */
static int
find_group(char group[PATH_MAX])
{
	FILE *f = fopen("/proc/self/cgroup", "re");
	char *line = NULL;
	bool found = false;
	size_t cap = 0;

	if (f == NULL)
		return -1;
	while (!found && getline(&line, &cap, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		found =
		    strncmp(line, "0::/", 4) == 0 && copy_path(group, line + 3);
	}
	free(line);
	(void)fclose(f); /* only read */
	return found ? 0 : -1;
}

/* One that was not left in order, by a program that then executed this one:
 * the group that it had moved down from. */
static void
climb(char *group)
{
	char *leaf = strrchr(group, '/'), *base;

	if (leaf == NULL || leaf == group || strcmp(leaf + 1, LEAF) != 0)
		return;
	*leaf = '\0';
	base = strrchr(group, '/');
	if (base != NULL &&
	    strncmp(base + 1, BASE_PREFIX, sizeof(BASE_PREFIX) - 1) == 0)
		base[base == group ? 1 : 0] = '\0';
	else
		*leaf = '/';
}

static int
find_own(char own[PATH_MAX], struct err *e)
{
	char root[PATH_MAX], mount[PATH_MAX], group[PATH_MAX];
	const char *below;
	size_t n;

	if (find_mount(root, mount) == -1 || find_group(group) == -1)
		return err_set(e, ERR_INVALID, "there is no cgroup v2");
	n = strcmp(root, "/") == 0 ? 0 : strlen(root);
	if (strncmp(group, root, n) != 0)
		return err_set(e, ERR_INVALID,
		    "the server's cgroup is not to be seen");
	climb(group);
	below = strcmp(group + n, "/") == 0 ? "" : group + n;
	if (snprintf(own, PATH_MAX, "%s%s", mount, below) >= PATH_MAX)
		return err_set(e, ERR_INVALID, "cgroup: too long a path");
	return 0;
}

/* --- the groups of this server --- */

/* Those of a list in a file of own that runs can be limited with. */
static bool
read_controllers(int dir, const char *file, bool found[CGROUP_LIMITS])
{
	char text[512];
	bool any = false;

	get(dir, file, text, sizeof(text));
	for (int i = 0; i < CGROUP_LIMITS; i++)
		any |= found[i] = has_word(text, controllers[i]);
	return any;
}

static void
switch_controllers(int dir, char sign, const bool which[CGROUP_LIMITS])
{
	char text[16];

	for (int i = 0; i < CGROUP_LIMITS; i++) {
		if (!which[i])
			continue;
		(void)snprintf(text, sizeof(text), "%c%s", sign,
		    controllers[i]);
		(void)put(dir, "cgroup.subtree_control", text);
	}
}

static int
move_to(const struct cgroups *g, int dir)
{
	char other[32];

	(void)snprintf(other, sizeof(other), "%d", (int)g->other);
	if (g->other != 0) /* if it is gone, it is not in the way */
		(void)put(dir, "cgroup.procs", other);
	return put(dir, "cgroup.procs", "0");
}

/* The folder, locked, and this process in its leaf. */
static int
make_base(struct cgroups *g)
{
	int leaf, rc;

	(void)snprintf(g->base_name, sizeof(g->base_name), BASE_PREFIX "%d",
	    (int)getpid());
	if ((mkdirat(g->own, g->base_name, 0755) == -1 && errno != EEXIST) ||
	    (g->base = open_dir(g->own, g->base_name)) == -1 ||
	    flock(g->base, LOCK_EX | LOCK_NB) == -1 ||
	    (mkdirat(g->base, LEAF, 0755) == -1 && errno != EEXIST) ||
	    (leaf = open_dir(g->base, LEAF)) == -1)
		return -1;
	rc = move_to(g, leaf);
	(void)close(leaf);
	return rc;
}

/* True when something can be limited then. */
static bool
enable(struct cgroups *g)
{
	bool there[CGROUP_LIMITS], before[CGROUP_LIMITS];

	(void)read_controllers(g->own, "cgroup.controllers", there);
	(void)read_controllers(g->own, "cgroup.subtree_control", before);
	for (int i = 0; i < CGROUP_LIMITS; i++)
		g->enabled[i] = there[i] && !before[i];
	switch_controllers(g->own, '+', there);
	switch_controllers(g->base, '+', there);
	return read_controllers(g->base, "cgroup.subtree_control", g->can);
}

/* As it was before. */
static void
undo(struct cgroups *g)
{
	if (g->base == -1)
		return;
	switch_controllers(g->base, '-', g->can);
	switch_controllers(g->own, '-', g->enabled);
	(void)move_to(g, g->own);
	(void)unlinkat(g->base, LEAF, AT_REMOVEDIR);
	(void)unlinkat(g->own, g->base_name, AT_REMOVEDIR);
	(void)close(g->base);
}

static void
cgroups_free(struct cgroups *g)
{
	if (g->own != -1)
		(void)close(g->own);
	free(g->path);
	free(g);
}

static void on_retry(struct ev_loop *loop, ev_timer *w, int revents);

static int
set_up(struct cgroups *g, const char *own, struct err *e)
{
	bool there[CGROUP_LIMITS];

	if ((g->own = open_dir(AT_FDCWD, own)) == -1)
		return err_sys(e, ERR_INVALID, "%.100s", own);
	if (!read_controllers(g->own, "cgroup.controllers", there))
		return err_set(e, ERR_INVALID,
		    "%.100s controls neither cpu nor memory nor pids", own);
	remove_leftovers(g->own);
	if (make_base(g) == -1)
		(void)err_sys(e, ERR_INVALID, "%.100s", own);
	else if (!enable(g))
		(void)err_set(e, ERR_INVALID,
		    "%.100s is shared with other processes or not delegated",
		    own);
	else if (asprintf(&g->path, "%s/%s", own, g->base_name) == -1)
		(void)err_nomem(e);
	else
		return 0;
	undo(g);
	return -1;
}

struct cgroups *
cgroups_open(const char *own, pid_t other, struct ev_loop *loop, struct err *e)
{
	struct cgroups *g = calloc(1, sizeof(*g));
	char path[PATH_MAX];

	if (g == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	g->loop = loop;
	g->other = other;
	g->own = g->base = -1;
	ev_init(&g->retry, on_retry);
	g->retry.repeat = RETRY_SECONDS;
	g->retry.data = g;
	if ((own != NULL || find_own(path, e) == 0) &&
	    set_up(g, own != NULL ? own : path, e) == 0)
		return g;
	cgroups_free(g);
	return NULL;
}

bool
cgroups_can(const struct cgroups *g, enum cgroup_limit limit)
{
	return g != NULL && g->can[limit];
}

const char *
cgroups_path(const struct cgroups *g)
{
	return g->path;
}

/* --- one --- */

/* A thousandth of a core is 100 us in 100 ms; less than a millisecond is not
 * to be had, so a period of one second for less than a hundredth of a core. */
static int
limit_cpu(int dir, int64_t thousandths)
{
	int64_t period_us = thousandths < 10 ? 1000000 : 100000;
	char text[64];

	(void)snprintf(text, sizeof(text), "%" PRId64 " %" PRId64,
	    thousandths * period_us / 1000, period_us);
	return put(dir, "cpu.max", text);
}

static int
limit_number(int dir, const char *file, int64_t n)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%" PRId64, n);
	return put(dir, file, text);
}

static int
set_limits(const struct cgroups *g, int dir, const int64_t limit[CGROUP_LIMITS])
{
	if (g->can[CGROUP_CPU] && limit[CGROUP_CPU] > 0 &&
	    limit_cpu(dir, limit[CGROUP_CPU]) == -1)
		return -1;
	if (g->can[CGROUP_PROCESSES] && limit[CGROUP_PROCESSES] > 0 &&
	    limit_number(dir, "pids.max", limit[CGROUP_PROCESSES]) == -1)
		return -1;
	if (!g->can[CGROUP_MEMORY] || limit[CGROUP_MEMORY] <= 0)
		return 0;
	/* Neither is there on every kernel: swap, all to be killed as one. */
	(void)put(dir, "memory.swap.max", "0");
	(void)put(dir, "memory.oom.group", "1");
	return limit_number(dir, "memory.max", limit[CGROUP_MEMORY]);
}

static int
make_group(struct cgroups *g, struct cgroup *c)
{
	do
		(void)snprintf(c->name, sizeof(c->name), RUN_PREFIX "%" PRIu64,
		    ++g->n_made);
	while (mkdirat(g->base, c->name, 0755) == -1 && errno == EEXIST);
	return c->fd = open_dir(g->base, c->name);
}

struct cgroup *
cgroup_new(struct cgroups *g, const int64_t limit[CGROUP_LIMITS], struct err *e)
{
	struct cgroup *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	c->all = g;
	if (make_group(g, c) == -1) {
		(void)err_sys(e, ERR_LIMIT, "cannot make a cgroup");
		free(c);
		return NULL;
	}
	if (set_limits(g, c->fd, limit) == -1) {
		(void)err_sys(e, ERR_LIMIT, "cannot limit a cgroup");
		cgroup_end(c);
		return NULL;
	}
	return c;
}

int
cgroup_fd(const struct cgroup *c)
{
	return c->fd;
}

void
cgroup_kill(struct cgroup *c)
{
	kill_all(c->fd);
}

bool
cgroup_ran_out_of_memory(const struct cgroup *c)
{
	char text[512];
	const char *kills;

	get(c->fd, "memory.events", text, sizeof(text));
	kills = strstr(text, "oom_kill ");
	return kills != NULL &&
	    strtol(kills + sizeof("oom_kill"), NULL, 10) > 0;
}

/* False: somebody is still in it. */
static bool
remove_group(struct cgroup *c)
{
	if (unlinkat(c->all->base, c->name, AT_REMOVEDIR) == -1 &&
	    errno == EBUSY)
		return false;
	(void)close(c->fd);
	free(c);
	return true;
}

static void
on_retry(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct cgroups *g = w->data;
	struct cgroup **at = &g->dying, *next;

	(void)revents;
	while (*at != NULL) {
		next = (*at)->next;
		kill_all((*at)->fd); /* one by one, some may have come late */
		if (remove_group(*at))
			*at = next;
		else
			at = &(*at)->next;
	}
	if (g->dying == NULL)
		ev_timer_stop(loop, w);
}

void
cgroup_end(struct cgroup *c)
{
	struct cgroups *g = c->all;

	cgroup_kill(c);
	if (remove_group(c))
		return;
	c->next = g->dying;
	g->dying = c;
	if (!ev_is_active(&g->retry))
		ev_timer_again(g->loop, &g->retry);
}

void
cgroups_close(struct cgroups *g)
{
	struct cgroup *c;

	if (g == NULL)
		return;
	ev_timer_stop(g->loop, &g->retry);
	while ((c = g->dying) != NULL) {
		g->dying = c->next;
		await_empty(c->fd, LEFT_PATIENCE_MS);
		if (!remove_group(c)) {
			(void)close(c->fd); /* the next start finds it */
			free(c);
		}
	}
	undo(g);
	cgroups_free(g);
}
