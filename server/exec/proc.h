/* What a process uses, as the system tells. Any thread. */
#ifndef EXEC_PROC_H
#define EXEC_PROC_H

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

#endif
