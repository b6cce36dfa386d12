#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <time.h>

#include "os.h"

#define WAIT_TRIES 50
#define WAIT_NS 20000000 /* between two */

/* Opening a FIFO or a device waits for nothing. */
#define LOOK_FLAGS (O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

static void
close_lock(int *fd)
{
	if (*fd != -1)
		(void)os->close(*fd); /* nothing is written through it */
	*fd = -1;
}

int
log_lock_fd(int fd, const char *path, struct err *e)
{
	if (os->flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return err_sys(e, ERR_STORAGE, "lock %s", path);
	return err_set(e, ERR_CONFLICT, "%s is locked", path);
}

bool
log_has_name(int fd, const char *path, bool unclear)
{
	int named_fd = os->open(path, O_RDONLY | LOOK_FLAGS, 0);
	struct stat mine, named;
	bool same = unclear;

	if (named_fd == -1)
		return errno == ENOENT || errno == ENOTDIR ? false : unclear;
	if (os->fstat(fd, &mine) == 0 && os->fstat(named_fd, &named) == 0)
		same =
		    mine.st_dev == named.st_dev && mine.st_ino == named.st_ino;
	(void)os->close(named_fd); /* only looked at */
	return same;
}

/* Open and lock what has the name, and see that it has it still: 0; -1 with
 * *e and nothing open. A file that went meanwhile is locked: try again. */
static int
take_one(int *fd, const char *path, int flags, struct err *e)
{
	*fd = os->open(path, O_RDWR | LOOK_FLAGS | flags, 0600);
	if (*fd == -1)
		return err_sys(e, ERR_STORAGE, "open %s", path); /* errno */
	if (log_lock_fd(*fd, path, e) == 0) {
		if (log_has_name(*fd, path, true))
			return 0;
		(void)err_set(e, ERR_CONFLICT, "%s is being replaced", path);
	}
	close_lock(fd);
	errno = EWOULDBLOCK;
	return -1;
}

/* The log itself. Whoever reads it next says what is wrong with one that is
 * no file, or cannot be opened. */
static int
take_log(int *fd, const char *path, struct err *e)
{
	struct stat st;
	int look_fd = os->open(path, O_RDONLY | LOOK_FLAGS, 0);
	bool is_file;

	*fd = -1;
	if (look_fd == -1)
		return 0;
	is_file = os->fstat(look_fd, &st) == 0 && S_ISREG(st.st_mode);
	(void)os->close(look_fd); /* only looked at */
	return is_file ? take_one(fd, path, 0, e) : 0;
}

static int
take_both(struct log_lock *l, const char *path, const char *name, struct err *e)
{
	if (take_one(&l->name_fd, name, 0, e) == -1) {
		if (errno != ENOENT)
			return -1;
		if (take_one(&l->name_fd, name, O_CREAT, e) == -1)
			return -1;
		l->made_name = true;
	}
	if (take_log(&l->log_fd, path, e) == 0)
		return 0;
	close_lock(&l->name_fd);
	return -1;
}

int
log_lock_take(struct log_lock *l, const char *path, struct err *e)
{
	static const struct timespec pause = { .tv_nsec = WAIT_NS };
	char name[PATH_MAX];

	*l = (struct log_lock){ -1, -1, false };
	if (snprintf(name, sizeof(name), "%s.lock", path) >= (int)sizeof(name))
		return err_set(e, ERR_STORAGE, "path too long: %s", path);
	for (int i = 0; i < WAIT_TRIES; i++) {
		if (take_both(l, path, name, e) == 0)
			return 0;
		if (e->code != ERR_CONFLICT)
			return -1;
		(void)nanosleep(&pause, NULL); /* a shorter one is as good */
	}
	return -1;
}

void
log_lock_drop(struct log_lock *l)
{
	close_lock(&l->name_fd);
	close_lock(&l->log_fd);
}

void
log_lock_undo(struct log_lock *l, const char *path)
{
	char name[PATH_MAX];

	/* Whoever has it open and waits looks at the name when he gets it. */
	if (l->made_name && l->name_fd != -1 &&
	    snprintf(name, sizeof(name), "%s.lock", path) < (int)sizeof(name))
		(void)os->unlink(name); /* it is empty, and does no harm */
	log_lock_drop(l);
}
