/*
 * What is left of runs whose server is gone: found by what is known of them,
 * and killed, so that it does not go on beside the next one. Any thread, which
 * waits.
 */
#ifndef EXEC_REMAINS_H
#define EXEC_REMAINS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct remains {
	pid_t group;	       /* its process group; 0: not known */
	uint64_t execution_id; /* 0: of a session, known by its group alone */
	int64_t due_ns;
	int64_t attempt; /* this one and earlier ones are meant */
};

/*
 * SIGKILL to their groups, and to every process that began with the execution
 * and the due time of one in its environment and no later attempt, and to the
 * group it is in; until there is none, for two seconds at most. Returns how
 * many were found by their environment.
 */
size_t remains_end(const struct remains *r, size_t n);

#endif
