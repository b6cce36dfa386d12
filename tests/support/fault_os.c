#include "fault_os.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#define FAILED_MAX 64u
#define LEN_MAX 64u /* writes are counted by length below this */

static struct {
	const struct os *base;
	uint64_t n_calls[FAULT_CALL_COUNT];
	enum fault_call call;
	uint64_t from, times;
	int errnum;
	bool hit;
	unsigned dead; /* kinds that fail */
	int dead_errnum;
	struct {
		dev_t dev;
		ino_t ino;
	} failed[FAILED_MAX]; /* files whose sync has failed */
	unsigned n_failed;
	unsigned n_resyncs;
	uint64_t n_writes[LEN_MAX];
	int64_t wall_ns;
	bool has_wall;
	int64_t mono_ns;  /* 0: the base's */
	off_t size_limit; /* 0: the base's */
} fault;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t written = PTHREAD_COND_INITIALIZER;

static const struct os fault_os;

static void
lock(void)
{
	(void)pthread_mutex_lock(&mutex);
}

static void
unlock(void)
{
	(void)pthread_mutex_unlock(&mutex);
}

void
fault_install(const struct os *base)
{
	lock();
	memset(&fault, 0, sizeof(fault));
	fault.base = base;
	unlock();
	os = &fault_os;
}

void
fault_remove(void)
{
	os = &os_system;
}

void
fault_at(enum fault_call call, uint64_t n, uint64_t times, int errnum)
{
	lock();
	memset(fault.n_calls, 0, sizeof(fault.n_calls));
	fault.call = call;
	fault.from = n;
	fault.times = times;
	fault.errnum = errnum;
	fault.hit = false;
	unlock();
}

void
fault_none(void)
{
	fault_at(FAULT_OPEN, 0, 0, 0);
}

void
fault_dead(unsigned kinds, int errnum)
{
	lock();
	fault.dead = kinds;
	fault.dead_errnum = errnum;
	unlock();
}

bool
fault_hit(void)
{
	bool hit;

	lock();
	hit = fault.hit;
	unlock();
	return hit;
}

uint64_t
fault_count(enum fault_call call)
{
	uint64_t n;

	lock();
	n = fault.n_calls[call];
	unlock();
	return n;
}

const char *
fault_name(enum fault_call call)
{
	static const char *const name[FAULT_CALL_COUNT] = { "open", "pread",
		"pwritev", "fdatasync", "fsync", "ftruncate", "fallocate",
		"fstat", "rename", "unlink", "flock" };

	return name[call];
}

unsigned
fault_resyncs(void)
{
	unsigned n;

	lock();
	n = fault.n_resyncs;
	unlock();
	return n;
}

void
fault_forget(void)
{
	lock();
	fault.n_failed = 0;
	unlock();
}

uint64_t
fault_writes(size_t len)
{
	uint64_t n;

	lock();
	n = fault.n_writes[len];
	unlock();
	return n;
}

void
fault_await_writes(uint64_t n, size_t len)
{
	lock();
	while (fault.n_writes[len] < n)
		(void)pthread_cond_wait(&written, &mutex);
	unlock();
}

void
fault_set_wall(int64_t wall_ns)
{
	lock();
	fault.wall_ns = wall_ns;
	fault.has_wall = true;
	unlock();
}

void
fault_wall_of_base(void)
{
	lock();
	fault.has_wall = false;
	unlock();
}

void
fault_set_mono(int64_t mono_ns)
{
	lock();
	fault.mono_ns = mono_ns;
	unlock();
}

/* Count a call: 0, an errno value to fail with, or FAULT_SHORT. */
static int
verdict(enum fault_call call)
{
	uint64_t n;
	int errnum = 0;

	lock();
	n = ++fault.n_calls[call];
	if ((fault.dead & 1u << call) != 0)
		errnum = fault.dead_errnum;
	if (call == fault.call && fault.times > 0 && n >= fault.from &&
	    n - fault.from < fault.times) {
		fault.hit = true;
		errnum = fault.errnum;
	}
	unlock();
	return errnum;
}

static bool
fails(enum fault_call call)
{
	int errnum = verdict(call);

	if (errnum == 0)
		return false;
	errno = errnum;
	return true;
}

static int
fault_open(const char *path, int flags, mode_t mode)
{
	return fails(FAULT_OPEN) ? -1 : fault.base->open(path, flags, mode);
}

static int
fault_close(int fd)
{
	return fault.base->close(fd);
}

static ssize_t
fault_pread(int fd, void *buf, size_t n, off_t at)
{
	int errnum = verdict(FAULT_PREAD);

	if (errnum == FAULT_SHORT)
		return fault.base->pread(fd, buf, (n + 1) / 2, at);
	if (errnum == 0)
		return fault.base->pread(fd, buf, n, at);
	errno = errnum;
	return -1;
}

/* A write of a half; or of all, when len is that. */
static ssize_t
write_part(int fd, const struct iovec *v, int n, off_t at, size_t len)
{
	struct iovec part[8];
	int i;

	for (i = 0; i < n && len > 0; i++) {
		part[i] = v[i];
		if (part[i].iov_len > len)
			part[i].iov_len = len;
		len -= part[i].iov_len;
	}
	return fault.base->pwritev(fd, part, i, at);
}

static ssize_t
fault_pwritev(int fd, const struct iovec *v, int n, off_t at)
{
	int errnum = verdict(FAULT_PWRITEV);
	size_t len = 0;
	ssize_t rc = -1;

	for (int i = 0; i < n; i++)
		len += v[i].iov_len;
	if (errnum == FAULT_SHORT && len > 1)
		rc = write_part(fd, v, n, at, len / 2);
	else if (errnum <= 0)
		rc = fault.base->pwritev(fd, v, n, at);
	/* What was interrupted will be tried again. */
	if (len < LEN_MAX && errnum != EINTR) {
		lock();
		fault.n_writes[len]++;
		(void)pthread_cond_broadcast(&written);
		unlock();
	}
	if (errnum > 0)
		errno = errnum;
	return rc;
}

/* Note a failed sync of a regular file, and one that comes too late. */
static void
watch_sync(int fd, bool failed)
{
	struct stat st;
	bool known = false;

	if (fault.base->fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))
		return;
	lock();
	for (unsigned i = 0; i < fault.n_failed; i++)
		known = known ||
		    (fault.failed[i].dev == st.st_dev &&
			fault.failed[i].ino == st.st_ino);
	if (known)
		fault.n_resyncs++;
	else if (failed && fault.n_failed < FAILED_MAX) {
		fault.failed[fault.n_failed].dev = st.st_dev;
		fault.failed[fault.n_failed++].ino = st.st_ino;
	}
	unlock();
}

static int
fault_fdatasync(int fd)
{
	int errnum = verdict(FAULT_FDATASYNC);

	watch_sync(fd, errnum != 0);
	if (errnum == 0)
		return fault.base->fdatasync(fd);
	errno = errnum;
	return -1;
}

static int
fault_fsync(int fd)
{
	int errnum = verdict(FAULT_FSYNC);

	watch_sync(fd, errnum != 0);
	if (errnum == 0)
		return fault.base->fsync(fd);
	errno = errnum;
	return -1;
}

static int
fault_ftruncate(int fd, off_t len)
{
	return fails(FAULT_FTRUNCATE) ? -1 : fault.base->ftruncate(fd, len);
}

static int
fault_fallocate(int fd, int mode, off_t at, off_t len)
{
	return fails(FAULT_FALLOCATE)
	    ? -1
	    : fault.base->fallocate(fd, mode, at, len);
}

static int
fault_fstat(int fd, struct stat *st)
{
	return fails(FAULT_FSTAT) ? -1 : fault.base->fstat(fd, st);
}

static int
fault_rename(const char *from, const char *to)
{
	return fails(FAULT_RENAME) ? -1 : fault.base->rename(from, to);
}

static int
fault_unlink(const char *path)
{
	return fails(FAULT_UNLINK) ? -1 : fault.base->unlink(path);
}

static int
fault_flock(int fd, int operation)
{
	return fails(FAULT_FLOCK) ? -1 : fault.base->flock(fd, operation);
}

static int64_t
fault_wall_ns(void)
{
	int64_t ns;
	bool has;

	lock();
	has = fault.has_wall;
	ns = fault.wall_ns;
	unlock();
	return has ? ns : fault.base->wall_ns();
}

static int64_t
fault_mono_ns(void)
{
	int64_t ns;

	lock();
	ns = fault.mono_ns;
	unlock();
	return ns != 0 ? ns : fault.base->mono_ns();
}

void
fault_set_size_limit(off_t limit)
{
	lock();
	fault.size_limit = limit;
	unlock();
}

static off_t
fault_size_limit(void)
{
	off_t limit;

	lock();
	limit = fault.size_limit;
	unlock();
	return limit != 0 ? limit : fault.base->size_limit();
}

static char *
fault_realpath(const char *path, char *resolved)
{
	return fault.base->realpath(path, resolved);
}

static const struct os fault_os = {
	.open = fault_open,
	.close = fault_close,
	.pread = fault_pread,
	.pwritev = fault_pwritev,
	.fdatasync = fault_fdatasync,
	.fsync = fault_fsync,
	.ftruncate = fault_ftruncate,
	.fallocate = fault_fallocate,
	.fstat = fault_fstat,
	.rename = fault_rename,
	.unlink = fault_unlink,
	.flock = fault_flock,
	.size_limit = fault_size_limit,
	.realpath = fault_realpath,
	.wall_ns = fault_wall_ns,
	.mono_ns = fault_mono_ns,
};
