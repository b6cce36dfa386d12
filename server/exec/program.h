/*
 * What all runners have in common whose run is a child of the server.
 */
#ifndef EXEC_PROGRAM_H
#define EXEC_PROGRAM_H

#include <stdbool.h>

#include "execution.h"

/* An empty argument vector to be filled for program_start. */
struct words *program_argv(struct execution *x);

/* Run what is in the vector; as runner_ops.start. */
int program_start(struct execution *x);

/* As runner_ops.stop. */
void program_stop(struct execution *x, bool force);

#endif
