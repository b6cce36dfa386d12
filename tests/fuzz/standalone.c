/*
 * Runs a fuzz target without libFuzzer: every file given, and every file of
 * a folder given, once. So the corpus is a regression test for any compiler.
 *
 *     fuzz_request [-n COUNT] [-s SEED] FILE|FOLDER...
 *
 * With -n, COUNT inputs are made from those by chance afterwards; the same
 * seed makes the same inputs.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "prng.h"

#define INPUT_MAX ((size_t)1 << 18)
#define CHANGES_MAX 8u
#define STRETCH_MAX 32u /* bytes that one change moves */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

struct input {
	uint8_t *bytes;
	size_t n;
};

static struct input *corpus;
static size_t n_corpus;

static void
die(const char *what)
{
	perror(what);
	exit(2);
}

/* Run a block of exactly n bytes, so that a sanitizer sees one read more. */
static void
run(const uint8_t *bytes, size_t n)
{
	uint8_t *exact = malloc(n == 0 ? 1 : n);

	if (exact == NULL)
		die("malloc");
	if (n != 0)
		memcpy(exact, bytes, n);
	(void)LLVMFuzzerTestOneInput(exact, n);
	free(exact);
}

static void
add_file(const char *path)
{
	struct input in;
	FILE *f = fopen(path, "rb");

	if (f == NULL)
		die(path);
	corpus = realloc(corpus, (n_corpus + 1) * sizeof(*corpus));
	in.bytes = malloc(INPUT_MAX);
	if (corpus == NULL || in.bytes == NULL)
		die("malloc");
	in.n = fread(in.bytes, 1, INPUT_MAX, f);
	if (ferror(f))
		die(path);
	(void)fclose(f);
	/* Most inputs are small, and there may be thousands. */
	in.bytes = realloc(in.bytes, in.n == 0 ? 1 : in.n);
	if (in.bytes == NULL)
		die("malloc");
	corpus[n_corpus++] = in;
}

static void
add_folder(const char *path)
{
	struct dirent **entries;
	char name[PATH_MAX];
	int i, n;

	/* In order of name, so that the same seed means the same. */
	if ((n = scandir(path, &entries, NULL, alphasort)) == -1)
		die(path);
	for (i = 0; i < n; i++) {
		if (entries[i]->d_name[0] != '.') {
			(void)snprintf(name, sizeof(name), "%s/%s", path,
			    entries[i]->d_name);
			add_file(name);
		}
		free(entries[i]);
	}
	free(entries);
}

static void
add_path(const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1)
		die(path);
	if (S_ISDIR(st.st_mode))
		add_folder(path);
	else
		add_file(path);
}

/* A byte that parsers care about, or any. */
static uint8_t
odd_byte(struct prng *p)
{
	static const char odd[] = " \t\n\r\"\\\0\x7f\xff"
				  "09azAZ+-.:=/@T";

	if (prng_below(p, 4) == 0)
		return (uint8_t)prng_next(p);
	return (uint8_t)odd[prng_below(p, sizeof(odd) - 1)];
}

/* Replace `drop` bytes of *in at `at` with those given. */
static void
splice(struct input *in, size_t at, size_t drop, const uint8_t *bytes, size_t n)
{
	if (in->n - drop + n > INPUT_MAX)
		return;
	memmove(in->bytes + at + n, in->bytes + at + drop, in->n - at - drop);
	memcpy(in->bytes + at, bytes, n);
	in->n += n - drop;
}

/* One change: bytes lost, bytes replaced or put in, a stretch of another
 * input put in, a bit turned. */
static void
change(struct input *in, struct prng *p)
{
	uint8_t bytes[STRETCH_MAX];
	const struct input *other;
	size_t at = prng_below(p, (uint32_t)in->n + 1);
	size_t drop = prng_below(p, 4) == 0 ? prng_below(p, STRETCH_MAX) : 1;
	size_t n = 1, from;

	if (drop > in->n - at)
		drop = in->n - at;
	bytes[0] = odd_byte(p);
	switch (prng_below(p, 5)) {
	case 0:
		splice(in, at, drop, bytes, 0);
		break;
	case 1:
		splice(in, at, drop, bytes, 1);
		break;
	case 2:
		splice(in, at, 0, bytes, 1);
		break;
	case 3:
		other = &corpus[prng_below(p, (uint32_t)n_corpus)];
		from = prng_below(p, (uint32_t)other->n + 1);
		n = prng_below(p, STRETCH_MAX);
		if (n > other->n - from)
			n = other->n - from;
		memcpy(bytes, other->bytes + from, n);
		splice(in, at, drop, bytes, n);
		break;
	default:
		if (at < in->n)
			in->bytes[at] ^= (uint8_t)(1u << prng_below(p, 8));
		break;
	}
}

static void
run_mutated(unsigned long count, uint64_t seed)
{
	struct prng p = { seed == 0 ? 1 : seed };
	struct input in = { malloc(INPUT_MAX), 0 };
	const struct input *base;
	uint32_t changes;

	if (in.bytes == NULL)
		die("malloc");
	while (count-- > 0) {
		base = &corpus[prng_below(&p, (uint32_t)n_corpus)];
		memcpy(in.bytes, base->bytes, base->n);
		in.n = base->n;
		for (changes = 1 + prng_below(&p, CHANGES_MAX); changes > 0;
		     changes--)
			change(&in, &p);
		run(in.bytes, in.n);
	}
	free(in.bytes);
}

int
main(int argc, char **argv)
{
	unsigned long count = 0;
	uint64_t seed = 1;
	size_t i;
	int opt;

	while ((opt = getopt(argc, argv, "n:s:")) != -1) {
		switch (opt) {
		case 'n':
			count = strtoul(optarg, NULL, 10);
			break;
		case 's':
			seed = strtoull(optarg, NULL, 10);
			break;
		default:
			(void)fprintf(stderr,
			    "usage: %s [-n COUNT] "
			    "[-s SEED] FILE|FOLDER...\n",
			    argv[0]);
			return 2;
		}
	}
	for (; optind < argc; optind++)
		add_path(argv[optind]);
	if (n_corpus == 0) {
		errno = ENOENT;
		die("no input");
	}
	for (i = 0; i < n_corpus; i++)
		run(corpus[i].bytes, corpus[i].n);
	run_mutated(count, seed);
	(void)printf("%zu files, %lu made\n", n_corpus, count);
	for (i = 0; i < n_corpus; i++)
		free(corpus[i].bytes);
	free(corpus);
	return 0;
}
