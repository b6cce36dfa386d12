#include "proc.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)

/* Fields of /proc/<pid>/stat, counted from the one behind the name. */
enum {
	FIELD_STATE, /* a letter */
	FIELD_GROUP = 2,
	FIELD_UTIME = 11,
	FIELD_CSTIME = 14,
	FIELD_RSS = 21,
	FIELDS
};

#define ADOPTED_MAX 1024

/* What is behind the name, which is in parentheses and may hold any. */
static int
read_fields(const char *stat, long long field[FIELDS])
{
	const char *p = strrchr(stat, ')');
	char *end;

	if (p == NULL || p[1] != ' ' || p[2] == '\0')
		return -1;
	field[FIELD_STATE] = (unsigned char)p[2];
	p += 3;
	for (int i = 1; i < FIELDS; i++) {
		field[i] = strtoll(p, &end, 10);
		if (end == p)
			return -1;
		p = end;
	}
	return 0;
}

static int
read_stat(pid_t pid, long long field[FIELDS])
{
	char path[64], stat[1024];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return -1;
	n = read(fd, stat, sizeof(stat) - 1);
	(void)close(fd); /* only read */
	if (n <= 0)
		return -1;
	stat[n] = '\0';
	return read_fields(stat, field);
}

void
proc_use(pid_t pid, struct proc_use *use)
{
	long long field[FIELDS], ticks = 0;

	memset(use, 0, sizeof(*use));
	if (read_stat(pid, field) == -1)
		return;
	for (int i = FIELD_UTIME; i <= FIELD_CSTIME; i++)
		ticks += field[i];
	use->cpu_ns = ticks * (NS_PER_S / sysconf(_SC_CLK_TCK));
	use->rss_bytes =
	    (size_t)field[FIELD_RSS] * (size_t)sysconf(_SC_PAGESIZE);
}

/* The children of one thread: their numbers, each with a space behind. */
static size_t
read_children(const char *path, pid_t *child, size_t max)
{
	FILE *f = fopen(path, "re");
	char *word = NULL;
	size_t n = 0, cap = 0;
	long pid;

	if (f == NULL)
		return 0;
	while (n < max && getdelim(&word, &cap, ' ', f) > 0)
		if ((pid = strtol(word, NULL, 10)) > 0)
			child[n++] = (pid_t)pid;
	free(word);
	(void)fclose(f); /* only read */
	return n;
}

/* Those of all threads of a process. */
static size_t
children_of(pid_t pid, pid_t *child, size_t max)
{
	char path[64 + NAME_MAX];
	struct dirent *entry;
	size_t n = 0;
	DIR *tasks;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	if ((tasks = opendir(path)) == NULL)
		return 0;
	while ((entry = readdir(tasks)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%d/task/%s/children",
		    (int)pid, entry->d_name);
		n += read_children(path, child + n, max - n);
	}
	(void)closedir(tasks);
	return n;
}

size_t
proc_below(pid_t pid, pid_t *below, size_t max)
{
	size_t n = children_of(pid, below, max), i;

	for (i = 0; i < n; i++)
		n += children_of(below[i], below + n, max - n);
	return n;
}

bool
proc_has_entry(pid_t pid, const char *entry)
{
	char path[64], *word = NULL;
	bool found = false;
	size_t cap = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	if ((f = fopen(path, "re")) == NULL)
		return false;
	while (!found && getdelim(&word, &cap, '\0', f) > 0)
		found = strcmp(word, entry) == 0;
	free(word);
	(void)fclose(f); /* only read */
	return found;
}

/* Those of this process that are not its own: the main thread has them. */
static size_t
adopted(pid_t *child, size_t max)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/children",
	    (int)getpid());
	return read_children(path, child, max);
}

/* Neither in the group nor dead. */
static bool
is_outside(pid_t pid, pid_t group)
{
	long long field[FIELDS];

	return read_stat(pid, field) == 0 && field[FIELD_GROUP] != group &&
	    field[FIELD_STATE] != 'Z' && field[FIELD_STATE] != 'X';
}

size_t
proc_strays(pid_t group, const char *mark, pid_t *stray, size_t max)
{
	size_t n = proc_below(group, stray, max), n_adopted, i, kept = 0;
	pid_t child[ADOPTED_MAX];

	n_adopted = adopted(child, ADOPTED_MAX);
	for (i = 0; i < n_adopted && n < max; i++) {
		if (getpgid(child[i]) != group &&
		    (mark[0] == '\0' || !proc_has_entry(child[i], mark)))
			continue;
		stray[n++] = child[i];
		n += proc_below(child[i], stray + n, max - n);
	}
	for (i = 0; i < n; i++)
		if (is_outside(stray[i], group))
			stray[kept++] = stray[i];
	return kept;
}
