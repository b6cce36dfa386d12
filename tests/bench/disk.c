/*
 * The disk's own rate: 128-byte appends into a preallocated file, each made
 * durable before the next. Usage: disk FILE SECONDS
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RECORD 128
#define FILE_SIZE (64 << 20)

static double
now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
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
	if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, FILE_SIZE) == -1)
		err(1, "fallocate");
	start = now();
	end = start + strtod(argv[2], NULL);
	while (now() < end && at + RECORD <= FILE_SIZE) {
		if (pwrite(fd, record, RECORD, at) != RECORD ||
		    fdatasync(fd) == -1)
			err(1, "%s", argv[1]);
		at += RECORD;
		n++;
	}
	printf("{\"rate\":%.0f}\n", (double)n / (now() - start));
	(void)close(fd);
	return unlink(argv[1]) == -1;
}
