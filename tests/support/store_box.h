/*
 * A store under test: waits for its log writer, counts what it answers, and
 * prints all it holds. An assertion that fails in here fails the test.
 */
#ifndef TESTS_STORE_BOX_H
#define TESTS_STORE_BOX_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "store.h"

struct box {
	struct store *store; /* NULL: not open */
	struct store_recovery recovery;
	enum store_fault fault;
	struct err err;	    /* of the last failure of any kind */
	unsigned n_ok;	    /* changes answered with success */
	unsigned n_refused; /* or not */

	pthread_mutex_t mutex;
	pthread_cond_t woken;
	unsigned n_wakes, n_seen;
	/* Called on the log writer's thread at each wake; or NULL. */
	void (*on_wake)(void *arg);
	void *on_wake_arg;
};

void box_init(struct box *b);
void box_fini(struct box *b); /* closes the store */

/* path NULL: in memory. 0, or -1 with b->fault and b->err. */
int box_open(struct box *b, const char *path);
int box_open_unsynced(struct box *b, const char *path);
void box_close(struct box *b);

/* store_poll, until it has left nothing for its next call. */
void box_poll(struct box *b);

/* Wait for a wake that was not waited for yet; then store_poll is due. */
void box_await(struct box *b);
/* Hand over what was asked for and wait until all of it is answered. */
void box_settle(struct box *b);

/* box_settle, and until no compression runs. */
void box_rest(struct box *b);
/* Compress and wait; whether it succeeded. */
bool box_compress(struct box *b);

/* Whoever only counts in n_ok and n_refused. */
struct store_waiter box_waiter(struct box *b);

/* Plain changes, which the store must take in; box_set settles nothing. */
void box_set(struct box *b, const char *job, int64_t due_ns);
void box_set_payload(struct box *b, const char *job, int64_t due_ns,
    const char *payload);
void box_remove(struct box *b, const char *job);
void box_run(struct box *b, enum record_type type, const char *job,
    uint64_t execution_id, enum wal_urgency urgency);
/* line: the words from the runner on, split at spaces, then options after a
 * word `--`. */
void box_rule(struct box *b, const char *rule, const char *pattern,
    const char *line);
void box_rule_remove(struct box *b, const char *rule);
void box_rule_pause(struct box *b, const char *rule, bool paused);

void box_entry(struct box *b, enum entry_kind kind, const char *id,
    const char *value);
void box_entry_remove(struct box *b, enum entry_kind kind, const char *id);

struct rule_spec *box_spec(const char *line);

/* Print all jobs, rules and entries, and assert that indexes, counts and heap
 * agree. */
void box_print(struct box *b, struct buf *out);

struct job *box_job(struct box *b, const char *job); /* NULL: none */

#endif
