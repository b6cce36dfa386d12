/*
 * Appending into a growing file costs a journal commit for the new size with
 * every sync. So a group that reaches the end of the file carries zeros
 * behind it (WAL_AHEAD_*), and the groups after it overwrite those: their
 * sync is one write. In front of that runs the reserve: blocks allocated
 * behind the end of the file, whose last
 * WAL_RESERVE bytes are for urgent groups.
 *
 * Invariants:
 *  W1  Bytes [0, end) are durable (with sync) and never written again.
 *  W2  Before an append returns -1 its bytes are cut off, or the file is
 *      suspect and its records from next_seq on are superseded by the first
 *      sequence number of the segment that follows, both durably; or the log
 *      is in doubt.
 *  W3  A suspect file is never written or synced again.
 *  W4  While the log is unsettled nothing is appended: after a power cut the
 *      file might still have the name of one before, or be gone.
 *  W5  Nothing is appended to a file that may be found as `<path>.old` beside
 *      a `<path>.new`: the new one says where the old one's records end.
 */
#include "wal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "lock.h"
#include "os.h"

#define WAL_AHEAD_MIN 16384
#define WAL_AHEAD_MAX 262144
#define WAL_RESERVE_STEP 262144

static const unsigned char zeros[WAL_AHEAD_MAX];

/* path with suffix appended into out[PATH_MAX]. */
static int
path_with(const char *path, const char *suffix, char *out, struct err *e)
{
	int n = snprintf(out, PATH_MAX, "%s%s", path, suffix);

	if (n < 0 || n >= PATH_MAX)
		return err_set(e, ERR_STORAGE, "path too long: %s%s", path,
		    suffix);
	return 0;
}

/* A new segment file with only a header, locked and durable. The descriptor
 * or -1. */
static int
create_file(const char *path, const struct log_header *h, struct err *e)
{
	unsigned char bytes[LOG_HEADER_LEN];
	int fd;

	fd = os->open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd == -1) {
		(void)err_sys(e, ERR_STORAGE, "create %s", path);
		return -1;
	}
	if (log_lock_fd(fd, path, e) == -1) {
		(void)os->close(fd); /* another server's */
		return -1;
	}
	log_header_encode(bytes, h);
	if (os->ftruncate(fd, 0) == -1 ||
	    os_write_all(fd, bytes, sizeof(bytes), 0) == -1 ||
	    os->fsync(fd) == -1) {
		(void)err_sys(e, ERR_STORAGE, "write %s", path);
		(void)os->close(fd); /* the file is given up */
		(void)os->unlink(path);
		return -1;
	}
	return fd;
}

static int
wal_init(struct wal *w, const char *path, const struct log_header *h, bool sync,
    struct err *e)
{
	memset(w, 0, sizeof(*w));
	w->fd = w->lock_fd = w->next_fd = -1;
	if ((w->path = strdup(path)) == NULL)
		return err_nomem(e);
	w->sync = sync;
	w->header = *h;
	w->seed = record_seed(h->log_id);
	w->next_seq = h->first_seq;
	w->end = w->written_end = w->reserved_end = LOG_HEADER_LEN;
	w->size_limit = os->size_limit();
	return 0;
}

int
wal_create(struct wal *w, const char *path, const struct log_header *h,
    bool sync, struct err *e)
{
	return wal_replace(w, path, NULL, h, sync, e);
}

int
wal_replace(struct wal *w, const char *path, const char *aside,
    const struct log_header *h, bool sync, struct err *e)
{
	char temporary[PATH_MAX];

	if (path_with(path, ".new", temporary, e) == -1 ||
	    wal_init(w, path, h, sync, e) == -1)
		return -1;
	if ((w->fd = create_file(temporary, h, e)) == -1)
		goto free_path;
	if (aside != NULL && os->rename(path, aside) == -1) {
		(void)err_sys(e, ERR_STORAGE, "rename %s", path);
		(void)os->unlink(temporary);
		goto close_fd;
	}
	if (os->rename(temporary, path) == -1) {
		(void)err_sys(e, ERR_STORAGE, "create %s", path);
		if (aside == NULL) /* or recovery gives it its name */
			(void)os->unlink(temporary);
		goto close_fd;
	}
	if (os_sync_folder(path) == -1) {
		(void)err_sys(e, ERR_STORAGE, "create %s", path);
		goto close_fd;
	}
	return 0;
close_fd:
	(void)os->close(w->fd); /* only a header was written */
free_path:
	free(w->path);
	w->path = NULL;
	return -1;
}

int
wal_resume(struct wal *w, const char *path, const struct log_header *h,
    off_t end, uint64_t next_seq, bool sync, struct err *e)
{
	if (wal_init(w, path, h, sync, e) == -1)
		return -1;
	w->fd = os->open(path, O_RDWR | O_CLOEXEC, 0);
	/* The last server may have died between a rename and its sync: only
	 * now do the names last, and something may rest on them. */
	if (w->fd == -1 || os->ftruncate(w->fd, end) == -1 ||
	    os->fsync(w->fd) == -1 || os_sync_folder(path) == -1) {
		(void)err_sys(e, ERR_STORAGE, "open %s", path);
		if (w->fd != -1)
			(void)os->close(w->fd); /* nothing was written */
		free(w->path);
		w->path = NULL;
		return -1;
	}
	w->next_seq = next_seq;
	w->end = w->written_end = w->reserved_end = end;
	return 0;
}

static void
close_lock(struct wal *w)
{
	if (w->lock_fd != -1)
		(void)os->close(w->lock_fd); /* nothing is written through it */
	w->lock_fd = -1;
}

int
wal_lock(struct wal *w, int lock_fd, struct err *e)
{
	struct stat mine, locked;

	w->lock_fd = lock_fd;
	if (lock_fd != -1 && os->fstat(w->fd, &mine) == 0 &&
	    os->fstat(lock_fd, &locked) == 0 && mine.st_dev == locked.st_dev &&
	    mine.st_ino == locked.st_ino)
		return 0;
	close_lock(w);
	return log_lock_fd(w->fd, w->path, e);
}

/* Number and checksum all records; how many there are. */
static uint64_t
seal(const struct wal *w, unsigned char *bytes, size_t n)
{
	uint64_t count = 0;

	for (size_t at = 0; at < n; count++)
		at += record_seal(bytes + at, w->seed, w->next_seq + count,
		    at == 0);
	return count;
}

static int
allocate(struct wal *w, off_t to)
{
	int rc;

	do {
		rc = os->fallocate(w->fd, FALLOC_FL_KEEP_SIZE, w->reserved_end,
		    to - w->reserved_end);
	} while (rc == -1 && errno == EINTR);
	if (rc == 0)
		w->reserved_end = to;
	return rc;
}

/* Whether the file may not become so long (ulimit -f). */
static bool
is_over_limit(struct wal *w, off_t to)
{
	if (to <= w->size_limit)
		return false;
	w->size_limit = os->size_limit(); /* it may be another now */
	return to > w->size_limit;
}

static off_t
greater(off_t a, off_t b)
{
	return a > b ? a : b;
}

/* See that n bytes at the end have blocks, and the reserve behind them. */
static int
reserve(struct wal *w, size_t n, enum wal_urgency urgency, struct err *e)
{
	const off_t goal = greater(WAL_RESERVE, w->promised);
	const off_t keep[WAL_URGENCY_COUNT] = {
		[WAL_REQUEST] = goal,
		[WAL_TRIGGER] = greater(WAL_RESERVE / 4, w->promised),
		[WAL_RESULT] = 0,
	};
	off_t to = w->end + (off_t)n;

	if (is_over_limit(w, to + keep[urgency])) {
		errno = EFBIG;
		return err_sys(e, ERR_STORAGE, "write %s", w->path);
	}
	if (w->no_reserve || w->reserved_end >= to + goal)
		return 0;
	if (allocate(w, to + goal + WAL_RESERVE_STEP) == 0)
		return 0;
	if (errno == EOPNOTSUPP || errno == ENOSYS) {
		w->no_reserve = true;
		return 0;
	}
	if (allocate(w, to + goal) == 0)
		return 0;
	if (w->reserved_end >= to + keep[urgency])
		return 0;
	return err_sys(e, ERR_STORAGE, "write %s", w->path);
}

/* How many zeros go behind a group that ends at `to`. */
static size_t
ahead(const struct wal *w, off_t to)
{
	off_t n = to / 8;

	if (to <= w->written_end)
		return 0;
	if (n < WAL_AHEAD_MIN)
		n = WAL_AHEAD_MIN;
	if (n > WAL_AHEAD_MAX)
		n = WAL_AHEAD_MAX;
	if (!w->no_reserve && n > w->reserved_end - to)
		n = w->reserved_end - to;
	if (n > w->size_limit - to)
		n = w->size_limit - to;
	return (size_t)n;
}

/* What is left to write of a group and the zeros behind it, `done` bytes of
 * both being written. Returns how many pieces. */
static int
pieces(struct iovec v[2], const unsigned char *bytes, size_t n, size_t n_zeros,
    size_t done)
{
	size_t zeros_done = done > n ? done - n : 0;
	int pieces = 0;

	if (done < n) {
		v[pieces].iov_base = (void *)(uintptr_t)(bytes + done);
		v[pieces++].iov_len = n - done;
	}
	if (zeros_done < n_zeros) {
		v[pieces].iov_base = (void *)(uintptr_t)zeros;
		v[pieces++].iov_len = n_zeros - zeros_done;
	}
	return pieces;
}

static int
write_group(struct wal *w, const unsigned char *bytes, size_t n)
{
	size_t n_zeros = ahead(w, w->end + (off_t)n);
	size_t done = 0;

	while (done < n + n_zeros) {
		struct iovec v[2];
		int n_v = pieces(v, bytes, n, n_zeros, done);
		ssize_t rc = os->pwritev(w->fd, v, n_v, w->end + (off_t)done);

		if (rc == -1 && errno == EINTR)
			continue;
		if (rc == 0)
			errno = EIO;
		if (rc <= 0)
			return -1;
		done += (size_t)rc;
	}
	if (w->end + (off_t)done > w->written_end)
		w->written_end = w->end + (off_t)done;
	return 0;
}

/* Take back what a failed append may have written (W2): also from what a
 * power cut would leave. Where that fails, a later segment must. */
static void
take_back(struct wal *w)
{
	struct err ignored;

	w->doubt = true;
	if (os->ftruncate(w->fd, w->end) == -1 ||
	    (w->sync && !w->suspect && os->fsync(w->fd) == -1))
		w->suspect = true;
	w->written_end = w->reserved_end = w->end;
	if (!w->suspect)
		w->doubt = false;
	else
		(void)wal_mend(w, &ignored); /* or later */
	w->doubts += w->doubt;
}

/* Make the names of the last switch last. To take them back instead would not
 * help: that would not last any better. */
static int
settle(struct wal *w, struct err *e)
{
	if (os_sync_folder(w->path) == -1)
		return err_sys(e, ERR_STORAGE, "sync folder of %s", w->path);
	w->unsettled = false;
	return 0;
}

/* Whether a file exists at path; an unclear answer counts as yes. */
static bool
exists(const char *path)
{
	struct err why;
	int fd = files_open_one(path, &why);

	if (fd == -1)
		return why.code != ERR_NOT_FOUND;
	(void)os->close(fd); /* only looked at */
	return true;
}

static int
lose(struct wal *w, struct err *e)
{
	w->lost = true;
	w->why_lost = *e;
	return -1;
}

/* What can be seen in the file itself: it has no name any more, or is shorter
 * than what was written. */
static bool
is_taken(struct wal *w, off_t len, struct err *e)
{
	struct stat st;

	if (os->fstat(w->fd, &st) == -1)
		return false; /* nothing is known */
	if (st.st_nlink > 0 && st.st_size >= len)
		return false;
	if (st.st_nlink == 0)
		(void)err_set(e, ERR_STORAGE,
		    "%s was removed, or another file has its name", w->path);
	else
		(void)err_set(e, ERR_STORAGE,
		    "%s was cut: it has %lld bytes of %lld", w->path,
		    (long long)st.st_size, (long long)len);
	(void)lose(w, e);
	return true;
}

/* Whether it was cut down to nothing, and grew again as we wrote. */
static bool
has_header(const struct wal *w)
{
	unsigned char expected[LOG_HEADER_LEN], found[LOG_HEADER_LEN];

	log_header_encode(expected, &w->header);
	/* What cannot be read says nothing. */
	return os_read_full(w->fd, found, sizeof(found), 0) == -1 ||
	    memcmp(expected, found, sizeof(found)) == 0;
}

int
wal_lose(struct wal *w, struct err *e)
{
	(void)err_set(e, ERR_STORAGE,
	    "what was compressed of %s is gone, or another log's", w->path);
	return lose(w, e);
}

static bool
lacks_image(const struct wal *w)
{
	char image[PATH_MAX];
	struct err ignored;

	return atomic_load(&w->has_image) &&
	    path_with(w->path, ".base", image, &ignored) == 0 && !exists(image);
}

int
wal_check(struct wal *w, struct err *e)
{
	if (w->next_fd != -1) /* it has no name of its own now */
		return 0;
	if (is_taken(w, w->end, e))
		return -1;
	if (!has_header(w)) {
		(void)err_set(e, ERR_STORAGE, "%s was overwritten", w->path);
		return lose(w, e);
	}
	if (!log_has_name(w->fd, w->path, true)) {
		(void)err_set(e, ERR_STORAGE,
		    "%s was moved, or another file has its name", w->path);
		return lose(w, e);
	}
	if (lacks_image(w))
		return wal_lose(w, e);
	w->lost = false;
	return 0;
}

int
wal_mend(struct wal *w, struct err *e)
{
	if (w->lost) {
		*e = w->why_lost;
		return -1;
	}
	if (w->suspect && wal_switch(w, e) == -1)
		return -1;
	if (w->unsettled && settle(w, e) == -1)
		return -1;
	w->doubt = false;
	return 0;
}

int
wal_append(struct wal *w, unsigned char *bytes, size_t n,
    enum wal_urgency urgency, struct err *e)
{
	uint64_t count;

	if (wal_mend(w, e) == -1)
		return -1;
	if (reserve(w, n, urgency, e) == -1)
		return -1;
	count = seal(w, bytes, n);
	if (write_group(w, bytes, n) == -1) {
		(void)err_sys(e, ERR_STORAGE, "write %s", w->path);
		take_back(w);
		return -1;
	}
	if (w->sync) {
		w->syncs++;
		if (os->fdatasync(w->fd) == -1) {
			(void)err_sys(e, ERR_STORAGE, "sync %s", w->path);
			w->suspect = true;
			take_back(w);
			return -1;
		}
	}
	if (is_taken(w, w->end + (off_t)n, e)) {
		take_back(w);
		return -1;
	}
	w->end += (off_t)n;
	w->next_seq += count;
	return 0;
}

void
wal_mark(struct wal *w)
{
	unsigned char mark[RECORD_HEADER_LEN] = { 0 };

	if (w->suspect || w->lost || w->next_seq == w->header.first_seq)
		return;
	mark[RECORD_HEADER_LEN - 1] = RECORD_MARK;
	(void)record_seal(mark, w->seed, w->next_seq - 1, false);
	if (os_write_all(w->fd, mark, sizeof(mark), w->end) == 0 &&
	    w->written_end < w->end + (off_t)sizeof(mark))
		w->written_end = w->end + (off_t)sizeof(mark);
}

/* Make the segment that follows, and take the name from this one. */
static int
make_next(struct wal *w, const char *old, const char *temporary, struct err *e)
{
	struct log_header h = w->header;
	int fd;

	if (exists(old))
		return err_set(e, ERR_STORAGE,
		    "%s must be compressed before a new log can begin", old);
	/* Without sync nothing says that what the new segment follows is on
	 * the disk. If it cannot be, that is all the same the best there is. */
	if (!w->sync && !w->suspect && os->fsync(w->fd) == -1)
		w->suspect = true;
	h.first_seq = w->next_seq;
	h.created_ns = os->wall_ns();
	if ((fd = create_file(temporary, &h, e)) == -1)
		return -1;
	if (os->rename(w->path, old) == -1) {
		(void)err_sys(e, ERR_STORAGE, "rename %s", w->path);
		(void)os->close(fd); /* only a header */
		(void)os->unlink(temporary);
		return -1;
	}
	w->next_fd = fd;
	w->next_header = h;
	return 0;
}

/* The file gets its name again; the next segment never was. Where not even
 * that works, only the next segment can follow (W5). */
static void
unmake_next(struct wal *w, const char *old, const char *temporary)
{
	if (os->rename(old, w->path) == -1) {
		w->suspect = true;
		return;
	}
	(void)os->close(w->next_fd); /* only a header */
	(void)os->unlink(temporary);
	w->next_fd = -1;
	w->unsettled = true; /* W5 */
}

/* A switch must not take away what was promised. */
static int
reserve_next(struct wal *w, struct err *e)
{
	if (w->promised == 0 || w->no_reserve || w->suspect)
		return 0;
	if (os->fallocate(w->next_fd, FALLOC_FL_KEEP_SIZE, LOG_HEADER_LEN,
		greater(WAL_RESERVE, w->promised)) == 0)
		return 0;
	return err_sys(e, ERR_STORAGE, "make room behind %s", w->path);
}

/* The next segment is the active one. */
static void
enter_next(struct wal *w)
{
	(void)os->close(w->fd); /* full, or given up: never used again */
	close_lock(w);
	w->fd = w->next_fd;
	w->next_fd = -1;
	w->header = w->next_header;
	w->suspect = false;
	w->unsettled = true;
	w->end = w->written_end = w->reserved_end = LOG_HEADER_LEN;
	(void)allocate(w, w->end + greater(WAL_RESERVE, w->promised));
}

int
wal_switch(struct wal *w, struct err *e)
{
	char old[PATH_MAX], temporary[PATH_MAX];

	if (path_with(w->path, ".old", old, e) == -1 ||
	    path_with(w->path, ".new", temporary, e) == -1)
		return -1;
	if (w->next_fd == -1 &&
	    (wal_check(w, e) == -1 || make_next(w, old, temporary, e) == -1))
		return -1;
	if (reserve_next(w, e) == -1) {
		unmake_next(w, old, temporary);
		return -1;
	}
	if (os->rename(temporary, w->path) == -1) {
		(void)err_sys(e, ERR_STORAGE, "rename %s", temporary);
		unmake_next(w, old, temporary);
		return -1;
	}
	enter_next(w);
	w->switches++;
	(void)settle(w, e); /* or the next append */
	return 0;
}

/* Where no reserve can be had, as much as the system allows. */
static off_t
room(const struct wal *w)
{
	off_t to = w->no_reserve ? WAL_ROOM_MAX : w->reserved_end;

	if (to > w->size_limit)
		to = w->size_limit;
	return to > w->end ? to - w->end : 0;
}

/* What has the name, to be held until all is done, so that no other server
 * begins there: -1 when nothing has, or it is our own file. */
static int
hold_name(const struct wal *w, int *fd, struct err *e)
{
	*fd = -1;
	if (log_has_name(w->fd, w->path, false))
		return 0;
	*fd =
	    os->open(w->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
	if (*fd == -1)
		return errno == ENOENT
		    ? 0
		    : err_sys(e, ERR_STORAGE, "open %s", w->path);
	if (log_lock_fd(*fd, w->path, e) == 0)
		return 0;
	(void)os->close(*fd); /* only looked at */
	return -1;
}

/* The new segment is there: give all files their names. The image comes first:
 * with it nothing is missing. */
static int
name_files(struct wal *w, const char *temporary, struct err *e)
{
	char image[PATH_MAX], made[PATH_MAX], aside[PATH_MAX], old[PATH_MAX];

	if (path_with(w->path, ".base.tmp", made, e) == -1 ||
	    path_with(w->path, ".base", image, e) == -1 ||
	    path_with(w->path, ".old", old, e) == -1 ||
	    path_with(w->path, ".displaced", aside, e) == -1)
		return -1;
	if (os->rename(made, image) == -1)
		return err_sys(e, ERR_STORAGE, "rename %s", made);
	if (os->rename(w->path, aside) == -1 && errno != ENOENT)
		return err_sys(e, ERR_STORAGE, "rename %s", w->path);
	if (os->rename(temporary, w->path) == -1 ||
	    os_sync_folder(w->path) == -1)
		return err_sys(e, ERR_STORAGE, "rename %s", temporary);
	(void)os->unlink(old); /* if it was there, the image covers it */
	return 0;
}

int
wal_replace_lost(struct wal *w, struct err *e)
{
	char temporary[PATH_MAX];
	struct log_header h = w->header;
	int held_fd;

	if (path_with(w->path, ".new", temporary, e) == -1)
		return -1;
	h.first_seq = w->next_seq;
	h.created_ns = os->wall_ns();
	if (hold_name(w, &held_fd, e) == -1)
		return -1;
	w->next_fd = create_file(temporary, &h, e);
	if (w->next_fd != -1 && name_files(w, temporary, e) == -1) {
		(void)os->close(w->next_fd); /* only a header */
		w->next_fd = -1;
	}
	if (held_fd != -1)
		(void)os->close(held_fd); /* only a lock */
	if (w->next_fd == -1)
		return -1;
	w->next_header = h;
	enter_next(w);
	w->unsettled = w->doubt = w->lost = false;
	return 0;
}

void
wal_state(const struct wal *w, struct wal_state *out)
{
	out->first_seq = w->header.first_seq;
	out->bytes = w->end;
	out->room = room(w);
	out->switches = w->switches;
	out->next_seq = w->next_seq;
	out->lost = w->lost;
}

void
wal_close(struct wal *w)
{
	if (w->fd == -1)
		return;
	if (!w->suspect && !w->lost) {
		/* Not needed for correctness: a start would cut it off. */
		(void)os->ftruncate(w->fd, w->end);
		w->written_end = w->end;
		wal_mark(w);
		(void)os->fsync(w->fd);
	}
	(void)os->close(w->fd); /* all was synced */
	close_lock(w);
	if (w->next_fd != -1)
		(void)os->close(w->next_fd); /* only a header */
	w->fd = -1;
	free(w->path);
	w->path = NULL;
}
