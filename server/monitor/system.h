/*
 * The machine and the process, as /proc tells. Looking takes some tens of
 * microseconds, however many descriptors are open. Main thread.
 */
#ifndef MONITOR_SYSTEM_H
#define MONITOR_SYSTEM_H

#include <stdint.h>

#include "tstamp.h"

/* A look that is younger is good enough for who asks. */
#define SYSTEM_FRESH_NS (100 * NS_PER_MS)
/* Processor use is that of at least so long, but just after the start. */
#define SYSTEM_CPU_NS NS_PER_S

/* Percentages are 0 to 100, of the process 100 for each core. What cannot be
 * told stays as it was, at first 0. */
struct system_sample {
	double cpu_usage, memory_usage, disk_usage;
	double process_cpu_usage;
	uint64_t process_rss_bytes, open_fds, threads;
	double load1;
	int64_t sampled_ns; /* wall clock */
};

struct system_cpu { /* what was used up to a time */
	int64_t mono_ns;
	uint64_t total, idle; /* of the machine, in ticks */
	uint64_t process_ticks;
};

struct system {
	const char *proc;
	const char *disk;  /* a file or folder on it; NULL: none */
	int64_t looked_ns; /* monotonic; 0: never */
	int64_t walked_ns;
	struct system_cpu before, last;
	struct system_sample sample;
};

/* proc is /proc but in tests; both are borrowed. */
void system_init(struct system *s, const char *proc, const char *disk);
/* Look now; or unless the last look is fresh. */
void system_look(struct system *s);
void system_refresh(struct system *s);

/* How many entries a folder has, `.` and `..` aside; 0: it cannot be read. */
uint64_t system_count_entries(const char *folder);

#endif
