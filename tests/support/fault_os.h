/*
 * A system-call table over another one, whose calls can be made to fail. Any
 * thread may call through it.
 */
#ifndef TESTS_FAULT_OS_H
#define TESTS_FAULT_OS_H

#include <stdbool.h>
#include <stdint.h>

#include "os.h"

enum fault_call {
	FAULT_OPEN,
	FAULT_PREAD,
	FAULT_PWRITEV,
	FAULT_FDATASYNC,
	FAULT_FSYNC,
	FAULT_FTRUNCATE,
	FAULT_FALLOCATE,
	FAULT_FSTAT,
	FAULT_RENAME,
	FAULT_UNLINK,
	FAULT_FLOCK,
	FAULT_CALL_COUNT
};

/* Instead of an errno value: a read or write does only half of its bytes. */
#define FAULT_SHORT (-1)
#define FAULT_ALWAYS UINT64_MAX

/* Put the layer in force: os becomes it, over `base`. Counts and faults are
 * forgotten. fault_remove: os is the system's again. */
void fault_install(const struct os *base);
void fault_remove(void);

/* From now on (counts begin anew) the n-th call of a kind, n from 1, and
 * `times` - 1 after it fail with errnum. One such order at a time. */
void fault_at(enum fault_call call, uint64_t n, uint64_t times, int errnum);
void fault_none(void);

/* All calls of these kinds (1 << kind, ...) fail, beside such an order; 0: no
 * more. */
void fault_dead(unsigned kinds, int errnum);

/* Whether a call has failed since fault_at. */
bool fault_hit(void);
/* Calls of a kind since fault_at, fault_none or fault_install. */
uint64_t fault_count(enum fault_call call);
const char *fault_name(enum fault_call call);

/* Syncs of a file after one on it has failed; files are forgotten by
 * fault_forget, as by a system that starts anew. Folders do not count. */
unsigned fault_resyncs(void);
void fault_forget(void);

/* Wait until `n` writes of exactly this many bytes have been tried since
 * fault_install: by which a test knows that the log writer has left its
 * mark. */
void fault_await_writes(uint64_t n, size_t len);
uint64_t fault_writes(size_t len);

/* The clock: what wall_ns gives from now on, or the base's again. */
void fault_set_wall(int64_t wall_ns);
void fault_wall_of_base(void);
/* What size_limit gives; 0: the base's again. */
void fault_set_size_limit(off_t limit);
/* Likewise what mono_ns gives; 0: the base's again. */
void fault_set_mono(int64_t mono_ns);

#endif
