/*
 * The system calls that durability and decisions about time rest on, as a
 * table: tests put their own in its place to fail the n-th call, to cut the
 * power after any prefix of writes, and to set the time. Each entry behaves
 * as the call it is named after (-1 and errno). Everything below the log goes
 * through here, with no stdio.
 */
#ifndef STORAGE_OS_H
#define STORAGE_OS_H

#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

struct os {
	int (*open)(const char *path, int flags, mode_t mode);
	int (*close)(int fd);
	ssize_t (*pread)(int fd, void *buf, size_t n, off_t at);
	ssize_t (*pwritev)(int fd, const struct iovec *v, int n, off_t at);
	int (*fdatasync)(int fd);
	int (*fsync)(int fd);
	int (*ftruncate)(int fd, off_t len);
	int (*fallocate)(int fd, int mode, off_t at, off_t len);
	int (*fstat)(int fd, struct stat *st);
	int (*link)(const char *from, const char *to);
	int (*rename)(const char *from, const char *to);
	int (*unlink)(const char *path);
	int (*flock)(int fd, int operation);
	off_t (*size_limit)(void);			     /* RLIMIT_FSIZE */
	char *(*realpath)(const char *path, char *resolved); /* PATH_MAX */
	int64_t (*wall_ns)(void); /* since the Unix epoch */
	int64_t (*mono_ns)(void); /* CLOCK_MONOTONIC */
	/* Have a timerfd of CLOCK_REALTIME expire at this time, and when the
	 * clock is set; INT64_MAX: only then. */
	int (*timer_set)(int fd, int64_t wall_ns);
};

/* The table in force: the system's unless a test set another, which it must
 * do before any thread that uses it starts. */
extern const struct os *os;
extern const struct os os_system;

/* Write all n bytes at `at`, EINTR and short writes handled. 0 or -1. */
int os_write_all(int fd, const void *bytes, size_t n, off_t at);
/* Read up to n bytes; fewer only at the end of the file. -1: error. */
ssize_t os_read_full(int fd, void *bytes, size_t n, off_t at);
/* fsync the folder that holds `path`. 0 or -1. */
int os_sync_folder(const char *path);

#endif
