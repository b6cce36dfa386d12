/*
 * How fast children are started, run and reaped: a bare posix_spawn and
 * waitpid loop against the processor with `direct`, both with the same number
 * in flight. The two take turns, for the machine is never quite the same.
 *
 *     bench_spawn [-n runs] [-i inflight] [-r rounds] [-m MiB] [-f files]
 *         [-p program]
 *
 * The program is /bin/true unless told; the bare loop gives what it prints to
 * /dev/null.
 * -m and -f make the process as large as a server may be: memory it has
 * touched, descriptors it has open. Prints one line of JSON.
 */
#include <fcntl.h>
#include <semaphore.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "processor.h"

extern char **environ;

static void
die(const char *why)
{
	fprintf(stderr, "bench_spawn: %s\n", why);
	exit(1);
}

static double
now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Seconds for n runs. */
static double
bare(char *program, unsigned n, unsigned inflight)
{
	char *argv[] = { program, NULL };
	posix_spawn_file_actions_t actions;
	unsigned started = 0, ended = 0;
	double start = now_s();
	int status;
	pid_t pid;

	if (posix_spawn_file_actions_init(&actions) != 0 ||
	    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO,
		"/dev/null", O_WRONLY, 0) != 0)
		die("out of memory");
	while (ended < n) {
		if (started < n && started - ended < inflight) {
			if (posix_spawn(&pid, program, &actions, NULL, argv,
				environ) != 0)
				die("posix_spawn failed");
			started++;
			continue;
		}
		if (waitpid(-1, &status, 0) == -1 || status != 0)
			die("waitpid failed");
		ended++;
	}
	(void)posix_spawn_file_actions_destroy(&actions);
	return now_s() - start;
}

static struct run *
new_run(struct rule_spec *spec, uint64_t id)
{
	struct run *run = calloc(1, sizeof(*run));

	if (run == NULL || (run->job = strdup("bench")) == NULL ||
	    (run->rule = strdup("bench")) == NULL)
		die("out of memory");
	run->execution_id = id;
	run->attempt = 1;
	run->spec = rule_spec_ref(spec);
	return run;
}

static void
wake(void *arg)
{
	(void)sem_post(arg);
}

static double
with_processor(struct processor *p, struct rule_spec *spec, sem_t *woken,
    unsigned n, unsigned inflight)
{
	unsigned started = 0, ended = 0;
	double start = now_s();
	struct run_event event;

	while (ended < n) {
		if (started < n && started - ended < inflight) {
			if (!processor_submit(p, new_run(spec, ++started)))
				die("the processor is full");
			continue;
		}
		while (!processor_take(p, &event))
			(void)sem_wait(woken);
		if (event.kind != RUN_FINISHED)
			continue;
		if (event.run->outcome != RUN_SUCCESS)
			die(event.run->reason);
		rule_spec_unref(event.run->spec);
		run_free(event.run);
		ended++;
	}
	return now_s() - start;
}

static void
grow(size_t mib, size_t files)
{
	static char *ballast; /* stays */
	const struct rlimit limit = { .rlim_cur = files + 1024,
		.rlim_max = files + 1024 };

	if (mib > 0) {
		if ((ballast = malloc(mib << 20)) == NULL)
			die("out of memory");
		memset(ballast, 1, mib << 20);
	}
	if (files > 0 && setrlimit(RLIMIT_NOFILE, &limit) == -1)
		die("cannot raise the limit of descriptors");
	for (; files > 0; files--)
		if (open("/dev/null", O_RDONLY | O_CLOEXEC) == -1)
			die("cannot open /dev/null");
}

struct settings {
	unsigned n, inflight, rounds;
	size_t mib, files;
	char *program;
};

static void
measure(const struct settings *s)
{
	const struct slice words[] = { slice_str("direct"),
		slice_str(s->program) };
	const struct strings no_words = { 0 };
	sem_t woken;
	const struct processor_options o = { .shell_path = "/bin/sh",
		.shell_args = &no_words,
		.max_inflight = s->inflight,
		.max_output = 65536,
		.wake = wake,
		.wake_arg = &woken };
	double bare_s = 0, processor_s = 0, n = s->n * s->rounds;
	struct rule_spec *spec;
	struct processor *p;
	struct err e;
	unsigned i;

	(void)sem_init(&woken, 0, 0);
	if ((spec = rule_spec_parse(words, 2, &e)) == NULL ||
	    (p = processor_start(&o, &e)) == NULL)
		die(e.msg);
	grow(s->mib, s->files); /* after the start, as a server does */
	for (i = 0; i < s->rounds; i++) {
		bare_s += bare(s->program, s->n, s->inflight);
		processor_s +=
		    with_processor(p, spec, &woken, s->n, s->inflight);
	}
	processor_stop(p);
	rule_spec_unref(spec);
	printf("{\"bench\":\"spawn\",\"inflight\":%u,\"heap_mib\":%zu,"
	       "\"open_files\":%zu,\"bare_per_s\":%.0f,"
	       "\"processor_per_s\":%.0f,\"ratio\":%.3f}\n",
	    s->inflight, s->mib, s->files, n / bare_s, n / processor_s,
	    bare_s / processor_s);
}

static unsigned
number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (end == text || *end != '\0' || n > 1000000)
		die("not a number");
	return (unsigned)n;
}

int
main(int argc, char **argv)
{
	char program[] = "/bin/true";
	struct settings s = { .n = 500,
		.inflight = 16,
		.rounds = 6,
		.program = program };
	int opt;

	while ((opt = getopt(argc, argv, "n:i:r:m:f:p:")) != -1) {
		if (opt == 'n')
			s.n = number(optarg);
		else if (opt == 'i')
			s.inflight = number(optarg);
		else if (opt == 'r')
			s.rounds = number(optarg);
		else if (opt == 'm')
			s.mib = number(optarg);
		else if (opt == 'f')
			s.files = number(optarg);
		else if (opt == 'p')
			s.program = optarg;
		else
			return 2;
	}
	if (s.n == 0 || s.inflight == 0 || s.rounds == 0)
		die("nothing to do");
	measure(&s);
	return 0;
}
