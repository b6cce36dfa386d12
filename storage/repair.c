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
#include <sys/stat.h>

#include "os.h"
#include "verify.h"

#define COPY_BYTES ((size_t)1 << 20)

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

/* The length of the log's path in that of one of its files. */
static int
stem_len(const char *path)
{
	static const char *const suffixes[] = { ".old", ".base" };
	size_t len = strlen(path);

	for (size_t i = 0; i < 2; i++) {
		size_t n = strlen(suffixes[i]);

		if (len > n && strcmp(path + len - n, suffixes[i]) == 0)
			return (int)(len - n);
	}
	return (int)len;
}

int
repair_lock(struct log_lock *lock, const char *path, struct err *e)
{
	char stem[PATH_MAX];
	struct err why;

	if (name_with(stem, path, stem_len(path), "", e) == -1)
		return -1;
	if (log_lock_take(lock, stem, e) == 0)
		return 0;
	why = *e;
	if (why.code == ERR_CONFLICT)
		(void)err_set(e, ERR_CONFLICT,
		    "a server uses it (%s): stop that first", why.msg);
	return -1;
}

/* 1 when the file is there, with what fstat says; 0 when not; -1 when that is
 * unclear. */
static int
look_at(const char *path, struct stat *st)
{
	int fd = os->open(path, O_RDONLY | O_CLOEXEC, 0);
	int rc;

	if (fd == -1)
		return errno == ENOENT ? 0 : -1;
	rc = os->fstat(fd, st) == 0 ? 1 : -1;
	(void)os->close(fd); /* only looked at */
	return rc;
}

/* `<path>.damaged`, which must be free. */
static int
damaged_name(char out[PATH_MAX], const char *path, struct err *e)
{
	struct stat mine, other;
	int rc;

	if (name_with(out, path, (int)strlen(path), ".damaged", e) == -1)
		return -1;
	if ((rc = look_at(out, &other)) == 0)
		return 0;
	/* A repair that was cut off had given it its second name. */
	if (rc == 1 && look_at(path, &mine) == 1 &&
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

	if ((from = os->open(path, O_RDONLY | O_CLOEXEC, 0)) == -1)
		return err_sys(e, ERR_STORAGE, "open %s", path);
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
repair(const char *path, const struct header *h, off_t end, struct err *e)
{
	char temporary[PATH_MAX], damaged[PATH_MAX];
	int rc;

	if (damaged_name(damaged, path, e) == -1 ||
	    name_with(temporary, path, (int)strlen(path), ".repaired.tmp", e) ==
		-1)
		return -1;
	rc = h->kind == HEADER_IMAGE ? write_image(path, temporary, h, e)
				     : write_log(path, temporary, h, end, e);
	return rc == 0 ? take_place(path, temporary, damaged, e) : -1;
}

int
repair_set_aside(const char *path, struct err *e)
{
	char damaged[PATH_MAX];

	if (damaged_name(damaged, path, e) == -1)
		return -1;
	if (os->rename(path, damaged) == -1 || os_sync_folder(path) == -1)
		return err_sys(e, ERR_STORAGE, "rename %s to %s", path,
		    damaged);
	return 0;
}
