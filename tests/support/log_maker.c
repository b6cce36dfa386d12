#include "log_maker.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "rules.h"
#include "tstamp.h"

/* --- files --- */

int
folder_setup(void **state)
{
	struct folder *f = malloc(sizeof(*f));

	assert_non_null(f);
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/tickd-test.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	*state = f;
	return 0;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int
folder_teardown(void **state)
{
	struct folder *f = *state;

	(void)nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

const char *
folder_path(const struct folder *f, const char *name)
{
	static char paths[16][160];
	static unsigned next;
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	for (size_t i = 0; i < 16; i++)
		if (strcmp(paths[i], path) == 0)
			return paths[i];
	return memcpy(paths[next++ % 16], path, sizeof(path));
}

unsigned char *
file_read(const char *path, size_t *n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	unsigned char *bytes;
	struct stat st;

	assert_int_not_equal(fd, -1);
	assert_int_equal(fstat(fd, &st), 0);
	*n = (size_t)st.st_size;
	bytes = malloc(*n + 1);
	assert_non_null(bytes);
	assert_int_equal(read(fd, bytes, *n), *n);
	bytes[*n] = '\0';
	(void)close(fd);
	return bytes;
}

void
file_write(const char *path, const void *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, bytes, n), n);
	(void)close(fd);
}

bool
file_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

/* --- logs --- */

void
log_begin(struct log_maker *m, const char *path, unsigned char id,
    uint64_t first_seq)
{
	struct log_header h = { .first_seq = first_seq, .created_ns = 1 };
	struct err e;

	memset(m, 0, sizeof(*m));
	memset(h.log_id, id, sizeof(h.log_id));
	assert_int_equal(wal_create(&m->wal, path, &h, false, &e), 0);
}

void
log_set_plan(struct log_maker *m, const struct record_set *s)
{
	record_put_set(&m->group, s);
}

void
log_set(struct log_maker *m, const char *job)
{
	log_set_plan(m,
	    &(struct record_set){ .job = slice_str(job), .due_ns = MAKER_DUE });
}

void
log_name(struct log_maker *m, enum record_type type, const char *name)
{
	size_t start = record_begin(&m->group);

	record_put_name(&m->group, slice_str(name));
	record_end(&m->group, start, type);
}

void
log_pause(struct log_maker *m, const char *rule, bool paused)
{
	size_t start = record_begin(&m->group);

	record_put_u8(&m->group, paused);
	record_put_name(&m->group, slice_str(rule));
	record_end(&m->group, start, RECORD_RULE_PAUSE);
}

void
log_run(struct log_maker *m, enum record_type type, const struct record_run *r)
{
	record_put_run(&m->group, type, r);
}

/* Cut off the first word of *rest, which ends at a tab. */
static struct slice
take_word(const char **rest)
{
	size_t n = strcspn(*rest, "\t");
	struct slice word = slice_of(*rest, n);

	*rest += n + ((*rest)[n] == '\t');
	return word;
}

static struct rule_spec *
make_spec(const char *words)
{
	struct slice word[32];
	struct rule_spec *spec;
	struct err e;
	bool admin;
	size_t n = 0;

	while (*words != '\0') {
		word[n] = take_word(&words);
		if (slice_eq(word[n], slice_str("--")))
			break;
		n++;
	}
	if ((spec = rule_spec_parse(word, n, &e)) == NULL)
		fail_msg("%s", e.msg);
	while (*words != '\0')
		if (rule_spec_set_option(spec, take_word(&words), &admin, &e) ==
		    -1)
			fail_msg("%s", e.msg);
	return spec;
}

void
rule_payload(struct buf *out, const char *rule, const char *pattern,
    const char *words, bool paused)
{
	struct rule_spec *spec = make_spec(words);

	rules_put_record(out, slice_str(rule), slice_str(pattern), spec,
	    paused);
	rule_spec_unref(spec);
}

void
log_rule(struct log_maker *m, const char *rule, const char *pattern,
    const char *words, bool paused)
{
	size_t start = record_begin(&m->group);

	rule_payload(&m->group, rule, pattern, words, paused);
	record_end(&m->group, start, RECORD_RULE_SET);
}

void
log_entry(struct log_maker *m, enum entry_kind kind, const char *id,
    const char *value)
{
	struct record_entry entry = { .kind = kind, .id = slice_str(id) };

	if (value != NULL)
		entry.value = slice_str(value);
	record_put_entry(&m->group,
	    value == NULL ? RECORD_ENTRY_REMOVE : RECORD_ENTRY_SET, &entry);
}

void
log_commit(struct log_maker *m)
{
	struct err e;

	assert_false(m->group.failed);
	if (m->group.len > 0 &&
	    wal_append(&m->wal, (unsigned char *)m->group.ptr, m->group.len,
		WAL_REQUEST, &e) == -1)
		fail_msg("%s", e.msg);
	buf_clear(&m->group);
}

void
log_end(struct log_maker *m)
{
	log_commit(m);
	wal_close(&m->wal);
	buf_free(&m->group);
}

void
log_kill(struct log_maker *m)
{
	log_commit(m);
	(void)close(m->wal.fd);
	free(m->wal.path);
	buf_free(&m->group);
}

/* --- images --- */

static void
add_entry(struct image_writer *w, enum entry_kind kind, const char *id,
    const char *value)
{
	struct image_entry entry = { .kind = IMAGE_ENTRIES };
	struct buf payload = { 0 };
	struct err e;

	record_put_u8(&payload, (unsigned)kind);
	record_put_name(&payload, slice_str(id));
	record_put_text(&payload, slice_str(value));
	entry.payload = buf_slice(&payload);
	assert_int_equal(image_add(w, &entry, &e), 0);
	buf_free(&payload);
}

void
make_image(const char *path, unsigned char id, uint64_t last_seq,
    const char *prefix, unsigned n)
{
	struct image_header h = { .last_seq = last_seq, .created_ns = 1 };
	struct image_entry entry = { .kind = IMAGE_RULES };
	struct image_writer *w;
	struct buf rule = { 0 };
	char name[64];
	struct err e;
	off_t bytes;

	memset(h.log_id, id, sizeof(h.log_id));
	assert_non_null(w = image_create(path, &h, &e));
	rule_payload(&rule, "r", "", "shell\ttrue", false);
	entry.payload = buf_slice(&rule);
	assert_int_equal(image_add(w, &entry, &e), 0);
	buf_free(&rule);
	for (unsigned i = 0; i < n; i++) {
		(void)snprintf(name, sizeof(name), "%s%06u", prefix, i);
		memset(&entry, 0, sizeof(entry));
		entry.kind = IMAGE_JOBS;
		entry.set.job = slice_str(name);
		entry.run.due_ns = MAKER_DUE + i * NS_PER_S;
		entry.run.phase = i % 5 == 4 ? PHASE_EXECUTED : PHASE_PLANNED;
		assert_int_equal(image_add(w, &entry, &e), 0);
	}
	add_entry(w, ENTRY_THRESHOLD, "cpu", "80");
	add_entry(w, ENTRY_THRESHOLD, "disk", "85");
	add_entry(w, ENTRY_ALERT, "cpu", "raised at\n5");
	assert_int_equal(image_finish(w, 7, &bytes, &e), 0);
}
