#include "remains.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/*
 * The number of an execution is unique only within one log, and another server
 * may run here: with the due time to the nanosecond it is unique enough.
 * A later attempt is the next server's, which may have begun it meanwhile.
 */
#define ROUNDS 100
#define ROUND_NS 20000000

static const char id_name[] = "TICK_EXECUTION_ID=";
static const char due_name[] = "TICK_EXECUTION_NS=";
static const char attempt_name[] = "TICK_ATTEMPT=";

static bool
starts(const char *entry, const char *name)
{
	return strncmp(entry, name, strlen(name)) == 0;
}

/* What a process was started as, as far as that can be read; id 0: no run. */
static struct remains
read_one(const char *pid)
{
	struct remains found = { 0 };
	char path[64], *entry = NULL;
	size_t cap = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%.20s/environ", pid);
	if ((f = fopen(path, "re")) == NULL)
		return found;
	while (getdelim(&entry, &cap, '\0', f) > 0)
		if (starts(entry, id_name))
			found.execution_id =
			    strtoull(entry + sizeof(id_name) - 1, NULL, 10);
		else if (starts(entry, due_name))
			found.due_ns =
			    strtoll(entry + sizeof(due_name) - 1, NULL, 10);
		else if (starts(entry, attempt_name))
			found.attempt =
			    strtoll(entry + sizeof(attempt_name) - 1, NULL, 10);
	free(entry);
	(void)fclose(f); /* only read */
	return found;
}

static bool
is_among(const struct remains *r, size_t n, const struct remains *found)
{
	for (size_t i = 0; i < n && found->execution_id != 0; i++)
		if (r[i].execution_id == found->execution_id &&
		    r[i].due_ns == found->due_ns &&
		    r[i].attempt >= found->attempt)
			return true;
	return false;
}

static void
kill_with_group(pid_t pid)
{
	pid_t group = getpgid(pid);

	(void)kill(pid, SIGKILL);
	if (group > 1 && group != getpgrp())
		(void)kill(-group, SIGKILL);
}

/* One look at all processes: how many were found. */
static size_t
look(const struct remains *r, size_t n)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	struct remains found;
	size_t count = 0;
	long pid;

	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL) {
		pid = strtol(entry->d_name, NULL, 10);
		if (pid <= 1 || pid == getpid())
			continue;
		found = read_one(entry->d_name);
		if (!is_among(r, n, &found))
			continue;
		kill_with_group((pid_t)pid);
		count++;
	}
	(void)closedir(dir);
	return count;
}

size_t
remains_end(const struct remains *r, size_t n)
{
	const struct timespec pause = { .tv_nsec = ROUND_NS };
	size_t first = 0, left = 0;

	for (size_t i = 0; i < n; i++)
		if (r[i].group > 1)
			(void)kill(-r[i].group, SIGKILL);
	for (int i = 0; i < ROUNDS && n > 0; i++) {
		if ((left = look(r, n)) == 0)
			break;
		if (i == 0)
			first = left;
		(void)nanosleep(&pause, NULL);
	}
	return first;
}
