/* A server that gets no more memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "daemon.h"
#include "wire.h"

#define MIB ((rlim_t)1 << 20)
/* More than this much address space is a sanitizer's, and not limited. */
#define SANITIZERS_MIB 100000

/* The address space it has, in MiB. */
static rlim_t
address_space(const struct daemon *d)
{
	char path[64], text[64] = "";
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/statm", (int)d->pid);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(fgets(text, sizeof(text), f));
	assert_int_equal(fclose(f), 0);
	return strtoul(text, NULL, 10) * 4096 / MIB;
}

/* From now on it gets no more than so much on top of what it has. */
static bool
limit(const struct daemon *d, rlim_t more)
{
	rlim_t now = address_space(d);
	struct rlimit r = { (now + more) * MIB, (now + more) * MIB };

	return now < SANITIZERS_MIB &&
	    prlimit(d->pid, RLIMIT_AS, &r, NULL) == 0;
}

/* Large jobs, ten at a time, until one is refused. */
static unsigned
fill(struct wire *w)
{
	static char tail[200], payload[1000];
	unsigned n = 0;
	bool full = false;

	memset(tail, 'x', sizeof(tail) - 1);
	memset(payload, 'p', sizeof(payload) - 1);
	while (!full && n < 5000000) {
		for (unsigned i = 0; i < 10; i++)
			wire_sendf(w, "%u SET j%u.%s +1h PAYLOAD %s\n", i,
			    n + i, tail, payload);
		for (unsigned i = 0; i < 10; i++) {
			const char *line = wire_line(w);

			full |= strstr(line, " ERROR limit ") != NULL;
			assert_true(full || strstr(line, " OK") != NULL);
		}
		n += 10;
	}
	assert_true(full);
	return n;
}

static void
test_what_frees_still_works(void **state)
{
	static char request[512];
	struct daemon *d = *state;
	struct wire w, other;
	unsigned n, removed = 0;

	wire_start(&w, d);
	wire_ask(&w, "1 RULE SET r k shell true", "1 OK");
	if (!limit(d, 50)) {
		print_message("SKIPPED, memory cannot be limited here\n");
		wire_stop(&w, d);
		skip();
	}
	n = fill(&w);
	wire_open(&other, d->port);
	wire_ask(&other, "1 PING", "1 OK");
	wire_ask_start(&other, "1 SET new +1h", "1 ERROR limit ");
	wire_ask_start(&other, "1 RULE SET s k shell true", "1 ERROR limit ");
	wire_ask(&other, "1 RULE PAUSE r", "1 OK");
	wire_ask_start(&other, "1 RULE OPTIONS r", "1 timeout ");
	while (strcmp(wire_line(&other), "1 OK") != 0)
		;
	for (unsigned i = 0; i < n; i++) {
		(void)snprintf(request, sizeof(request), "1 REMOVE j%u.%0199d",
		    i, 0);
		for (char *at = strrchr(request, '.') + 1; *at != '\0'; at++)
			*at = 'x';
		wire_send(&other, request);
		wire_send(&other, "\n");
		removed += strcmp(wire_line(&other), "1 OK") == 0;
	}
	assert_in_range(removed, n - 10, n);
	/* Blocks of removed jobs are there for new ones. */
	wire_until(&other, "1 SET new +1h", "1 OK");
	wire_ask(&other, "1 SHUTDOWN", "1 OK");
	wire_close(&other);
	wire_close(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DAEMON_TEST(test_what_frees_still_works),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
