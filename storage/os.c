#include "os.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/timerfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static int
system_open(const char *path, int flags, mode_t mode)
{
	return open(path, flags, mode);
}

static int64_t
clock_ns(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t); /* cannot fail for these clocks */
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t
system_wall_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

static int64_t
system_mono_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static off_t
system_size_limit(void)
{
	struct rlimit limit;

	/* It cannot fail. */
	if (getrlimit(RLIMIT_FSIZE, &limit) == -1 ||
	    limit.rlim_cur > (rlim_t)INT64_MAX)
		return INT64_MAX;
	return (off_t)limit.rlim_cur;
}

static int
system_timer_set(int fd, int64_t wall_ns)
{
	struct itimerspec when = { 0 };

	if (wall_ns != INT64_MAX) {
		when.it_value.tv_sec = wall_ns / 1000000000;
		when.it_value.tv_nsec = wall_ns % 1000000000;
	}
	return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET,
	    &when, NULL);
}

const struct os os_system = {
	.open = system_open,
	.close = close,
	.pread = pread,
	.pwritev = pwritev,
	.fdatasync = fdatasync,
	.fsync = fsync,
	.ftruncate = ftruncate,
	.fallocate = fallocate,
	.fstat = fstat,
	.link = link,
	.rename = rename,
	.unlink = unlink,
	.flock = flock,
	.size_limit = system_size_limit,
	.realpath = realpath,
	.wall_ns = system_wall_ns,
	.mono_ns = system_mono_ns,
	.timer_set = system_timer_set,
};

const struct os *os = &os_system;

int
os_write_all(int fd, const void *bytes, size_t n, off_t at)
{
	const char *p = bytes;

	while (n > 0) {
		struct iovec v = { .iov_base = (void *)(uintptr_t)p,
			.iov_len = n };
		ssize_t done = os->pwritev(fd, &v, 1, at);

		if (done == -1 && errno == EINTR)
			continue;
		if (done == -1)
			return -1;
		if (done == 0) {
			errno = EIO;
			return -1;
		}
		p += done;
		at += done;
		n -= (size_t)done;
	}
	return 0;
}

ssize_t
os_read_full(int fd, void *bytes, size_t n, off_t at)
{
	char *p = bytes;
	size_t got = 0;

	while (got < n) {
		ssize_t r = os->pread(fd, p + got, n - got, at + (off_t)got);

		if (r == -1 && errno == EINTR)
			continue;
		if (r == -1)
			return -1;
		if (r == 0)
			break;
		got += (size_t)r;
	}
	return (ssize_t)got;
}

int
os_sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];
	size_t n = slash == NULL ? 1 : (size_t)(slash - path);
	int fd, rc;

	if (n >= sizeof(folder)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (slash == NULL)
		memcpy(folder, ".", 2);
	else if (n == 0)
		memcpy(folder, "/", 2);
	else {
		memcpy(folder, path, n);
		folder[n] = '\0';
	}
	fd = os->open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	rc = os->fsync(fd);
	(void)os->close(fd); /* nothing was written through it */
	return rc;
}
