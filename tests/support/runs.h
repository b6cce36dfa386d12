/*
 * A processor under test: real processes, waited for by their events. Any
 * assertion that fails in here fails the test.
 */
#ifndef TESTS_RUNS_H
#define TESTS_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "processor.h"

#define RUNS_MAX_OUTPUT 4096

/* cmocka's setup and teardown. The teardown fails when a child is left or a
 * descriptor is open that was not before. A child that runs before is let be,
 * but then others that run are, too. */
int runs_setup(void **state);
int runs_teardown(void **state);

/* For a test that needs another number in flight than 64. */
void runs_restart(unsigned max_inflight);
/* With another limit of network runs than 30 s. */
void runs_restart_limited(int64_t network_limit_ns);
/* After processor_stop. */
void runs_start_again(void);
struct processor *runs_processor(void);

/* A run of `line`: the words of RULE SET after the pattern, then options as
 * key=value after a word `--`; split at each tab. */
struct run *runs_new(uint64_t id, const char *line);

/* Submit it; the processor must take it. */
void runs_submit(uint64_t id, const char *line);

/* The next event, waited for. */
struct run_event runs_event(void);

/* The start of a run, which must be the next event. Returns its pid. */
pid_t runs_started(uint64_t id);

/* Wait until an event can be taken, and take none. */
void runs_await_wake(void);

/* The end of a run, whatever else happens before; id 0: of any. The run is the
 * fixture's and lives until the next runs_finished or the teardown. */
const struct run *runs_finished(uint64_t id);

/* All in one. */
const struct run *runs_run(const char *line);

/* The same of a probe: its line is that of INTEGRATION SET. False: there are
 * too many. */
bool runs_submit_probe(uint64_t id, const char *line);
const struct run *runs_probed(uint64_t id);
const struct run *runs_probe(const char *line);

/* The outcome, exit and standard output are as given; output NULL: any. */
void runs_expect(const struct run *run, enum run_outcome outcome, int exit,
    const char *output);

/* Wait until no process of the group is left, orphans included. */
void runs_await_group_gone(pid_t group);

/* Descriptors this process has open. */
unsigned runs_open_files(void);

/* Wait until they are as many as at the start: threads that were left to
 * themselves have ended. Nothing else may be open. */
void runs_await_files(void);

#endif
