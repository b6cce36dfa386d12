/*
 * The disk's own rate: 128-byte appends into a file whose blocks are written
 * already, each made durable before the next. Neither size nor extents change,
 * so nothing but data has to reach the disk. Usage: disk FILE SECONDS
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RECORD 128
#define FILE_SIZE (8 << 20)

static double
now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
preallocate(int fd, const char *path)
{
	static char zeros[65536];
	off_t at;

	for (at = 0; at < FILE_SIZE; at += (off_t)sizeof(zeros))
		if (pwrite(fd, zeros, sizeof(zeros), at) != sizeof(zeros))
			err(1, "%s", path);
	if (fsync(fd) == -1)
		err(1, "%s", path);
}

int
main(int argc, char **argv)
{
	char record[RECORD];
	double start, end;
	off_t at = 0;
	long n = 0;
	int fd;

	if (argc != 3)
		errx(2, "usage: disk FILE SECONDS");
	memset(record, 'x', sizeof(record));
	fd = open(argv[1], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd == -1)
		err(1, "%s", argv[1]);
	preallocate(fd, argv[1]);
	start = now();
	end = start + strtod(argv[2], NULL);
	while (now() < end) {
		if (pwrite(fd, record, RECORD, at) != RECORD ||
		    fdatasync(fd) == -1)
			err(1, "%s", argv[1]);
		at = (at + RECORD) % FILE_SIZE;
		n++;
	}
	printf("{\"rate\":%.0f}\n", (double)n / (now() - start));
	(void)close(fd);
	return unlink(argv[1]) == -1;
}
