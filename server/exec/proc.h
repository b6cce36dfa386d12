/* What a process uses, as the system tells. Any thread. */
#ifndef EXEC_PROC_H
#define EXEC_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct proc_use {
	int64_t cpu_ns; /* its own and of the children it waited for */
	size_t rss_bytes;
};

/* All zero when there is no such process. */
void proc_use(pid_t pid, struct proc_use *use);

/* The processes that pid started, those that they started and so on, pid
 * itself left out: the first `max` of them. Returns how many. */
size_t proc_below(pid_t pid, pid_t *below, size_t max);

/* The living ones outside a process group that belong to it, as far as their
 * line goes back to its leader, to one of the group that this process has
 * adopted, or to another adopted one with the entry `mark` in its environment
 * ("": none has it). Returns how many, `max` at most. */
size_t proc_strays(pid_t group, const char *mark, pid_t *stray, size_t max);

/* Whether that is among the entries of its environment, as far as that can be
 * read: as it was when its program began. */
bool proc_has_entry(pid_t pid, const char *entry);

#endif
