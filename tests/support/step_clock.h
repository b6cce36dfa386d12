/*
 * A whole server whose wall clock a test sets at will, while its monotonic
 * clock runs as ever: the test program starts itself again in its place.
 */
#ifndef TESTS_STEP_CLOCK_H
#define TESTS_STEP_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Whether this process is such a server: then main must return what
 * step_clock_serve gives. */
bool step_clock_is_server(void);
int step_clock_serve(int argc, char **argv);

/* Servers started from now on are this program, with a clock that is right. */
void step_clock_use(void);

/* Set their clock by so much, and what it shows. */
void step_clock_by(int64_t ns);
int64_t step_clock_wall_ns(void);

#endif
