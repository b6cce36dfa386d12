/*
 * Logs and images for the tests of what reads them, written by the code that
 * the server writes them with. Whatever goes wrong fails the test.
 */
#ifndef TESTS_LOG_MAKER_H
#define TESTS_LOG_MAKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "image.h"
#include "record.h"
#include "rule_spec.h"
#include "wal.h"

#define MAKER_DUE INT64_C(4102444800000000000)

/* A folder of the test's own; the state of a cmocka test. */
struct folder {
	char dir[64];
};

int folder_setup(void **state);
int folder_teardown(void **state);
/* `dir/name`, valid until 16 others were asked for. */
const char *folder_path(const struct folder *f, const char *name);

#define FOLDER_TEST(f) \
	cmocka_unit_test_setup_teardown(f, folder_setup, folder_teardown)

/* All of a file; the caller frees it. */
unsigned char *file_read(const char *path, size_t *n);
void file_write(const char *path, const void *bytes, size_t n);
bool file_exists(const char *path);

struct log_maker {
	struct wal wal;
	struct buf group; /* the records to come */
};

/* Begin a segment. Logs of one `id` belong together. */
void log_begin(struct log_maker *m, const char *path, unsigned char id,
    uint64_t first_seq);
/* Add a record to the group. */
void log_set(struct log_maker *m, const char *job);
void log_set_plan(struct log_maker *m, const struct record_set *s);
void log_name(struct log_maker *m, enum record_type type, const char *name);
void log_pause(struct log_maker *m, const char *rule, bool paused);
void log_run(struct log_maker *m, enum record_type type,
    const struct record_run *r);
/* The payload of RULE_SET: words and then options, separated by tabs, with
 * `--` between them. */
void rule_payload(struct buf *out, const char *rule, const char *pattern,
    const char *words, bool paused);
void log_rule(struct log_maker *m, const char *rule, const char *pattern,
    const char *words, bool paused);
/* An entry; value NULL: its removal. */
void log_entry(struct log_maker *m, enum entry_kind kind, const char *id,
    const char *value);
/* Append the group. */
void log_commit(struct log_maker *m);
/* Append what is left, mark the end, close. */
void log_end(struct log_maker *m);
/* Close as a server does that is killed: without a mark. */
void log_kill(struct log_maker *m);

/* An image of n jobs `<prefix><number>`, due one second apart, a rule `r`, and
 * the entries `cpu` and `disk`, thresholds, and `cpu`, an alert. */
void make_image(const char *path, unsigned char id, uint64_t last_seq,
    const char *prefix, unsigned n);

#endif
