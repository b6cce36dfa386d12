/*
 * What is left is written to `<path>.repaired.tmp` and made durable; then the
 * damaged file gets a second name, and the new one takes the first. There is
 * no moment without a file at `path`: a server that started then would take
 * the log for new.
 */
#include "repair.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "files.h"
#include "os.h"
#include "scan.h"
#include "verify.h"
#include "wal.h"

#define COPY_BYTES ((size_t)1 << 20)
#define GROUP_BYTES ((size_t)1 << 16)

static int
name_with(char out[PATH_MAX], const char *path, int len, const char *suffix,
    struct err *e)
{
	int n = snprintf(out, PATH_MAX, "%.*s%s", len, path, suffix);

	if (n < 0 || n >= PATH_MAX)
		return err_set(e, ERR_STORAGE, "path too long: %s%s", path,
		    suffix);
	return 0;
}

int
repair_lock(struct log_lock *lock, const char *path, struct err *e)
{
	char stem[PATH_MAX];
	struct err why;

	if (name_with(stem, path, files_stem_len(path), "", e) == -1)
		return -1;
	if (log_lock_take(lock, stem, e) == 0)
		return 0;
	why = *e;
	if (why.code == ERR_CONFLICT)
		(void)err_set(e, ERR_CONFLICT,
		    "a server uses it (%s): stop that first", why.msg);
	return -1;
}

/* 1 when the name is taken, with what fstat says of a file; 0 when not. */
static int
look_at(const char *path, struct stat *st)
{
	struct err why;
	int fd = files_open_one(path, &why);

	memset(st, 0, sizeof(*st));
	if (fd == -1)
		return why.code == ERR_NOT_FOUND ? 0 : 1;
	(void)os->fstat(fd, st); /* zero will do */
	(void)os->close(fd);	 /* only looked at */
	return 1;
}

/* The n-th name for what is kept of a file. Whether it is taken, or -1. */
static int
try_name(char out[PATH_MAX], const char *path, const char *suffix, unsigned n,
    struct err *e)
{
	char numbered[32];
	struct stat ignored;

	(void)snprintf(numbered, sizeof(numbered), n > 1 ? "%s.%u" : "%s",
	    suffix, n);
	if (name_with(out, path, (int)strlen(path), numbered, e) == -1)
		return -1;
	return look_at(out, &ignored);
}

/* A name that is free; those of earlier repairs stay. There may be many. */
static int
free_name(char out[PATH_MAX], const char *path, const char *suffix,
    struct err *e)
{
	unsigned taken = 0, n = 1;
	int rc;

	while ((rc = try_name(out, path, suffix, n, e)) == 1) {
		taken = n;
		n *= 2;
	}
	while (rc != -1 && n - taken > 1) {
		unsigned middle = taken + (n - taken) / 2;

		if ((rc = try_name(out, path, suffix, middle, e)) == 1)
			taken = middle;
		else
			n = middle;
	}
	return rc == -1 || try_name(out, path, suffix, n, e) == -1 ? -1 : 0;
}

int
repair_name(char out[PATH_MAX], const char *path, bool any, struct err *e)
{
	struct stat mine, other;
	int rc;

	if (any)
		return free_name(out, path, ".damaged", e);
	if (name_with(out, path, (int)strlen(path), ".damaged", e) == -1)
		return -1;
	if ((rc = look_at(out, &other)) == 0)
		return 0;
	/* A repair that was cut off had given it its second name. */
	if (rc == 1 && look_at(path, &mine) == 1 && mine.st_ino != 0 &&
	    mine.st_dev == other.st_dev && mine.st_ino == other.st_ino &&
	    os->unlink(out) == 0)
		return 0;
	return err_set(e, ERR_EXISTS, "%s exists: move it away first", out);
}

/* The file at `temporary`, durable already, takes the name. */
static int
take_place(const char *path, const char *temporary, const char *damaged,
    struct err *e)
{
	/* Not every file system has links. */
	if (os->link(path, damaged) == -1 &&
	    (errno == EEXIST || os->rename(path, damaged) == -1))
		return err_sys(e, ERR_STORAGE, "rename %s to %s", path,
		    damaged);
	if (os_sync_folder(path) == -1 || os->rename(temporary, path) == -1 ||
	    os_sync_folder(path) == -1)
		return err_sys(e, ERR_STORAGE, "rename %s to %s", temporary,
		    path);
	return 0;
}

/* The header, then what is between it and `end`. */
static int
copy_log(int from, int to, const struct header *h, off_t end)
{
	unsigned char header[LOG_HEADER_LEN];
	char *bytes = malloc(COPY_BYTES);
	off_t at = LOG_HEADER_LEN;
	int rc = bytes == NULL ? -1 : 0;

	log_header_encode(header, &h->log);
	if (rc == 0)
		rc = os_write_all(to, header, sizeof(header), 0);
	while (rc == 0 && at < end) {
		size_t n = end - at < (off_t)COPY_BYTES ? (size_t)(end - at)
							: COPY_BYTES;

		if (os_read_full(from, bytes, n, at) != (ssize_t)n)
			rc = -1;
		else
			rc = os_write_all(to, bytes, n, at);
		at += (off_t)n;
	}
	free(bytes);
	return rc == 0 ? os->fsync(to) : -1;
}

static int
write_log(const char *path, const char *temporary, const struct header *h,
    off_t end, struct err *e)
{
	int from, to, rc = -1;

	if ((from = files_open_one(path, e)) == -1)
		return -1;
	to = os->open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (to != -1) {
		rc = copy_log(from, to, h, end);
		if (os->close(to) == -1)
			rc = -1;
	}
	if (rc == -1) {
		(void)err_sys(e, ERR_STORAGE, "write %s", temporary);
		(void)os->unlink(temporary);
	}
	(void)os->close(from); /* only read */
	return rc;
}

/* Copy every entry that can be read, from *in to *out. */
static int
copy_entries(struct image_reader *in, struct image_writer *out, struct err *e)
{
	struct image_entry entry;
	struct verify_order order = { 0 };
	struct err ignored;
	uint32_t lost;
	int rc;

	for (;;) {
		if ((rc = image_next(in, &entry, e)) == 0)
			return 0;
		if (rc == 1) {
			if (verify_entry(&order, &entry, &ignored) == -1)
				continue;
			if (image_add(out, &entry, e) == -1)
				return -1;
			verify_advance(&order, &entry);
			continue;
		}
		if (e->code != ERR_INVALID)
			return -1;
		if ((rc = image_skip(in, &lost, e)) != 1)
			return rc;
	}
}

static int
write_image(const char *path, const char *temporary, const struct header *h,
    struct err *e)
{
	struct image_reader *in = image_open_as(path, &h->image, e);
	struct image_writer *out;
	off_t bytes;
	int rc = -1;

	if (in == NULL)
		return -1;
	if ((out = image_create(temporary, &h->image, e)) == NULL)
		goto close_in;
	if ((rc = copy_entries(in, out, e)) == -1)
		image_abandon(out);
	else
		rc = image_finish(out, h->image.last_execution_id, &bytes, e);
close_in:
	image_close(in);
	return rc;
}

int
repair(const char *path, const struct header *h, off_t end, const char *damaged,
    struct err *e)
{
	char temporary[PATH_MAX];
	int rc;

	if (name_with(temporary, path, (int)strlen(path), ".repaired.tmp", e) ==
	    -1)
		return -1;
	rc = h->kind == HEADER_IMAGE ? write_image(path, temporary, h, e)
				     : write_log(path, temporary, h, end, e);
	return rc == 0 ? take_place(path, temporary, damaged, e) : -1;
}

int
repair_rename(const char *from, const char *to, struct err *e)
{
	if (os->rename(from, to) == -1 || os_sync_folder(from) == -1)
		return err_sys(e, ERR_STORAGE, "rename %s to %s", from, to);
	return 0;
}

int
repair_exchange(const char *a, const char *b, struct err *e)
{
	char spare[PATH_MAX];

	/* A name that nobody removes, should this be cut off. */
	if (free_name(spare, a, ".damaged", e) == -1)
		return -1;
	if (os->link(a, spare) == -1)
		return err_sys(e, ERR_STORAGE, "link %s to %s", a, spare);
	if (os_sync_folder(a) == -1)
		return err_sys(e, ERR_STORAGE, "sync folder of %s", a);
	if (repair_rename(b, a, e) == -1)
		return -1;
	return repair_rename(spare, b, e);
}

int
repair_make_image(const char *path, const struct log_header *h, struct err *e)
{
	struct image_header header = { .epoch = h->epoch,
		.last_seq = h->first_seq - 1,
		.created_ns = os->wall_ns() };
	char temporary[PATH_MAX];
	struct image_writer *w;
	off_t bytes;

	memcpy(header.log_id, h->log_id, LOG_ID_LEN);
	if (name_with(temporary, path, (int)strlen(path), ".repaired.tmp", e) ==
		-1 ||
	    (w = image_create(temporary, &header, e)) == NULL)
		return -1;
	/* Each execution has a record: so no identifier given was greater, if
	 * none was refused. */
	if (image_finish(w, header.last_seq, &bytes, e) == -1)
		return -1;
	return repair_rename(temporary, path, e);
}

/* --- what is behind the damage --- */

struct behind {
	const char *path;
	struct wal wal;
	bool created;
	struct buf group;
};

static int
behind_write(struct behind *b, struct err *e)
{
	struct log_header h = { .first_seq = 1, .created_ns = os->wall_ns() };
	int rc;

	if (b->group.failed)
		return err_nomem(e);
	if (!b->created) {
		/* An id of its own: its records have other numbers now. */
		if (getrandom(h.log_id, LOG_ID_LEN, 0) != (ssize_t)LOG_ID_LEN)
			return err_sys(e, ERR_STORAGE, "make a log id");
		if (wal_create(&b->wal, b->path, &h, true, e) == -1)
			return -1;
		b->created = true;
	}
	rc = wal_append(&b->wal, (unsigned char *)b->group.ptr, b->group.len,
	    WAL_RESULT, e);
	buf_clear(&b->group);
	return rc;
}

static int
behind_add(struct behind *b, const struct record *r, struct err *e)
{
	size_t start = record_begin(&b->group);

	buf_add_slice(&b->group, r->payload);
	record_end(&b->group, start, r->type);
	return b->group.len < GROUP_BYTES ? 0 : behind_write(b, e);
}

static int
behind_fill(struct behind *b, struct scan *s, uint64_t limit, uint64_t *n,
    struct err *e)
{
	struct record r;
	struct err why;
	int rc;

	while ((rc = scan_behind(s, &r, e)) == 1) {
		if (r.seq >= limit || verify_record(&r, &why) == -1)
			continue;
		if (behind_add(b, &r, e) == -1)
			return -1;
		++*n;
	}
	if (rc == 0 && b->group.len > 0)
		rc = behind_write(b, e);
	return rc;
}

int
repair_keep_behind(const char *path, const struct header *h, off_t end,
    uint64_t next_seq, uint64_t limit, char behind[PATH_MAX], uint64_t *n,
    struct err *e)
{
	struct behind b = { .path = behind };
	struct scan s;
	int rc;

	*n = 0;
	if (free_name(behind, path, ".behind", e) == -1)
		return -1;
	if (scan_open_as(&s, path, &h->log, e) != 0)
		return -1;
	scan_seek(&s, end, next_seq);
	rc = behind_fill(&b, &s, limit, n, e);
	scan_close(&s);
	if (b.created)
		wal_close(&b.wal);
	if (rc == -1 && b.created)
		(void)os->unlink(behind);
	buf_free(&b.group);
	return rc;
}
