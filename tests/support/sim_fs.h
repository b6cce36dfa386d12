/*
 * A file system in memory behind the system-call table, that knows what a
 * power cut would leave. Everything that changes it is an operation in a
 * record; the record can be played again one operation at a time, and after
 * any of them the power can be cut.
 *
 * What is lost: of the writes to a file since its last sync, each sector of
 * 512 bytes may be on the disk as it was after any of them. Names and sizes
 * change in order, and in this order they reach the disk:
 *
 *   SIM_ORDERED  there is one journal for all of them, and to sync anything
 *                that changed in it, or a folder, commits it up to now; where
 *                a file has grown, its data is there (ext4, data=ordered)
 *   SIM_STRICT   the sync of a file is for its data and size alone; names
 *                wait for the sync of the folder; where a file has grown
 *                there may be zeros
 *
 * One folder: of a path only the last part counts. Any thread; one file system
 * at a time is in use.
 */
#ifndef TESTS_SIM_FS_H
#define TESTS_SIM_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "os.h"

enum sim_order { SIM_ORDERED, SIM_STRICT, SIM_ORDER_COUNT };

enum sim_survival {
	SIM_NONE,    /* nothing that was not synced */
	SIM_ALL,     /* everything */
	SIM_PREFIX,  /* a file's writes up to one of them */
	SIM_SECTORS, /* each sector by itself */
	SIM_TORN,    /* so too, and one of them was cut in its middle */
	SIM_SURVIVAL_COUNT
};

struct sim_loss {
	enum sim_survival survival;
	uint64_t seed; /* not 0 */
};

struct sim_fs;

struct sim_fs *sim_new(enum sim_order order);
void sim_free(struct sim_fs *fs); /* NULL is allowed */

/* The system calls on the file system in use. The wall clock stands still but
 * for sim_set_wall; the other goes on by a microsecond with each look at it. */
extern const struct os sim_os;
void sim_use(struct sim_fs *fs);
void sim_set_wall(int64_t wall_ns);
/* The monotonic clock goes on by so much. */
void sim_pass(int64_t ns);

/* The process is gone: its descriptors and locks are. */
void sim_kill(struct sim_fs *fs);
/* Until thawed every call fails, so that what still runs changes nothing. */
void sim_freeze(struct sim_fs *fs, bool frozen);

/* How many operations the record holds. */
size_t sim_n_ops(struct sim_fs *fs);

/* Bring a file system made by sim_new one operation further in the record of
 * another. False at the end. */
bool sim_play(struct sim_fs *fs, const struct sim_fs *recorded);

/* What is there after the power was cut: a new file system, all durable. */
struct sim_fs *sim_power_cut(const struct sim_fs *fs,
    const struct sim_loss *loss);

/* The same file system once more, its future its own; what is pending here is
 * pending there. */
struct sim_fs *sim_clone(const struct sim_fs *fs);

/* Look at and make files, durable at once. sim_bytes: NULL when there is no
 * such file; valid until the next change of it. */
const unsigned char *sim_bytes(const struct sim_fs *fs, const char *name,
    size_t *n);
void sim_put(struct sim_fs *fs, const char *name, const void *bytes, size_t n);

#endif
