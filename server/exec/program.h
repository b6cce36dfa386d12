/*
 * What all runners have in common whose run is a child of the server.
 */
#ifndef EXEC_PROGRAM_H
#define EXEC_PROGRAM_H

#include <stdbool.h>

#include "execution.h"

/* The argument vector for program_start, to which the program and its words
 * are to be added: what is there already starts its sandbox. */
struct words *program_argv(struct execution *x);

/* Run what is in the vector; as runner_ops.start. */
int program_start(struct execution *x);

/* As runner_ops.stop. */
void program_stop(struct execution *x, bool force);

/* The reason of a run whose child has ended, exit being set: killed by this
 * signal, or 0. */
void program_explain(struct run *run, const struct child *c, int signal);

#endif
