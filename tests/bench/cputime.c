/* Nanoseconds of processor time that a process has used, all its threads
 * together. Usage: cputime PID */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int
main(int argc, char **argv)
{
	struct timespec ts;
	clockid_t clock;

	if (argc != 2)
		errx(2, "usage: cputime PID");
	if (clock_getcpuclockid((pid_t)strtol(argv[1], NULL, 10), &clock) != 0)
		errx(1, "no process %s", argv[1]);
	if (clock_gettime(clock, &ts) == -1)
		err(1, "clock_gettime");
	printf("%lld\n", (long long)ts.tv_sec * 1000000000 + ts.tv_nsec);
	return 0;
}
