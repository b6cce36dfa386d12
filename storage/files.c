#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "os.h"

#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

static const char *
kind_of(mode_t mode)
{
	if (S_ISDIR(mode))
		return "a folder";
	if (S_ISFIFO(mode))
		return "a FIFO";
	return S_ISCHR(mode) || S_ISBLK(mode) ? "a device" : "something else";
}

static int
not_a_file(const char *what, struct err *e)
{
	return err_set(e, ERR_STORAGE, "not a file, but %s", what);
}

/* Nothing can be opened at path: what that means. */
static int
explain(const char *path, int error, struct err *e)
{
	int fd;

	if (error == ELOOP)
		return not_a_file("a loop of symbolic links", e);
	if (error == ENXIO || error == ENODEV)
		return not_a_file("a socket or a device", e);
	if (error != ENOENT) {
		errno = error;
		return err_sys(e, ERR_STORAGE, "open");
	}
	/* To take it for a file to be made would replace the link. */
	fd = os->open(path, OPEN_FLAGS | O_NOFOLLOW, 0);
	if (fd == -1 && errno == ELOOP)
		return not_a_file("a symbolic link to nothing", e);
	if (fd != -1)
		(void)os->close(fd); /* it came a moment ago */
	errno = ENOENT;
	return err_sys(e, ERR_NOT_FOUND, "open");
}

int
files_open_one(const char *path, struct err *e)
{
	int fd = os->open(path, OPEN_FLAGS, 0);
	struct stat st;

	if (fd == -1)
		return explain(path, errno, e);
	if (os->fstat(fd, &st) == -1)
		(void)err_sys(e, ERR_STORAGE, "read");
	else if (S_ISREG(st.st_mode))
		return fd;
	else
		(void)not_a_file(kind_of(st.st_mode), e);
	(void)os->close(fd); /* only looked at */
	return -1;
}

static int
name_path(char out[PATH_MAX], const char *path, const char *suffix,
    struct err *e)
{
	if (snprintf(out, PATH_MAX, "%s%s", path, suffix) < PATH_MAX)
		return 0;
	return err_set(e, ERR_STORAGE, "path too long: %s", path);
}

/* Say which file it is about. */
static int
fail(const char *path, struct err *e)
{
	struct err why = *e;

	return err_set(e, why.code, "%s: %s", path, why.msg);
}

static int
open_part(struct log_file *f, struct err *e)
{
	if ((f->fd = files_open_one(f->path, e)) == -1)
		return e->code == ERR_NOT_FOUND ? 0 : fail(f->path, e);
	if (header_read_fd(&f->header, f->fd, &f->why) == 0)
		return 0;
	if (f->why.code != ERR_INVALID) {
		*e = f->why;
		return fail(f->path, e);
	}
	f->unknown = true;
	return 0;
}

static int
look_at_lock(const char *path, struct err *e)
{
	char name[PATH_MAX];
	int fd;

	if (name_path(name, path, ".lock", e) == -1)
		return -1;
	if ((fd = files_open_one(name, e)) == -1)
		return e->code == ERR_NOT_FOUND ? 0 : fail(name, e);
	(void)os->close(fd); /* only looked at */
	return 0;
}

int
files_open(struct log_files *f, const char *path, struct err *e)
{
	static const struct {
		enum log_part part;
		const char *suffix;
	} latest_first[] = { { PART_ACTIVE, "" }, { PART_OLD, ".old" },
		{ PART_BASE, ".base" }, { PART_NEW, ".new" } };

	memset(f, 0, sizeof(*f));
	for (size_t i = 0; i < PART_COUNT; i++)
		f->file[i].fd = -1;
	for (size_t i = 0; i < PART_COUNT; i++) {
		struct log_file *file = &f->file[latest_first[i].part];

		if (name_path(file->path, path, latest_first[i].suffix, e) ==
			-1 ||
		    open_part(file, e) == -1)
			goto fail;
	}
	if (look_at_lock(path, e) == 0)
		return 0;
fail:
	files_close(f);
	return -1;
}

void
files_close(struct log_files *f)
{
	for (size_t i = 0; i < PART_COUNT; i++)
		if (f->file[i].fd != -1) {
			(void)os->close(f->file[i].fd); /* only read */
			f->file[i].fd = -1;
		}
}

int
files_take(struct log_files *f, enum log_part part)
{
	int fd = f->file[part].fd;

	f->file[part].fd = -1;
	return fd;
}

bool
files_is_there(const struct log_files *f, enum log_part part)
{
	return f->file[part].fd != -1;
}

int
files_stem_len(const char *path)
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

char *
files_resolve(const char *path)
{
	int fd = os->open(path, OPEN_FLAGS | O_NOFOLLOW, 0);
	bool is_link = fd == -1 && errno == ELOOP;
	char real[PATH_MAX];

	if (fd != -1)
		(void)os->close(fd); /* only looked at */
	if (is_link && os->realpath(path, real) != NULL)
		return strdup(real);
	return strdup(path);
}
