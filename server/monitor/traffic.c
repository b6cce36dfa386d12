#include "traffic.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "os.h"

static_assert(CMD_COUNT < 1 << TRAFFIC_STAMP_BITS, "a stamp holds a command");

void
traffic_word_name(int command, char name[TRAFFIC_WORD_MAX])
{
	const char *words = commands[command].words;
	size_t n = strcspn(words, " ");

	assert(n < TRAFFIC_WORD_MAX);
	memcpy(name, words, n);
	name[n] = '\0';
}

/* The first row with the same first word. */
static int
first_row(int command)
{
	char name[TRAFFIC_WORD_MAX], other[TRAFFIC_WORD_MAX];
	int i = -1;

	traffic_word_name(command, name);
	do
		traffic_word_name(++i, other);
	while (strcmp(name, other) != 0);
	return i;
}

struct traffic *
traffic_new(void)
{
	struct traffic *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	for (int i = 0; i < CMD_COUNT; i++)
		t->first[i] = (uint8_t)first_row(i);
	t->first[TRAFFIC_NO_COMMAND] = TRAFFIC_NO_COMMAND;
	return t;
}

void
traffic_free(struct traffic *t)
{
	free(t);
}

static struct traffic_word *
word_of(struct traffic *t, uint64_t stamp)
{
	return &t->word[stamp & ((1u << TRAFFIC_STAMP_BITS) - 1)];
}

void
traffic_settle(struct traffic *t)
{
	int64_t now_ns;
	uint64_t n = 0;

	if (t->n_runs == 0)
		return;
	now_ns = os->mono_ns();
	for (unsigned i = 0; i < t->n_runs; i++) {
		const struct traffic_run *run = &t->run[i];
		struct traffic_word *word = word_of(t, run->stamp);

		word->requests += run->n;
		window_add_n(&word->latency_us, now_ns,
		    (uint64_t)(now_ns / NS_PER_US) -
			(run->stamp >> TRAFFIC_STAMP_BITS),
		    run->n);
		n += run->n;
	}
	rate_add(&t->requests, now_ns, n);
	t->n_runs = 0;
}

void
traffic_begin_run(struct traffic *t, uint64_t stamp)
{
	if (t->n_runs == TRAFFIC_RUNS)
		traffic_settle(t);
	t->run[t->n_runs++] = (struct traffic_run){ .stamp = stamp, .n = 1 };
}

void
traffic_failed(struct traffic *t, uint64_t stamp)
{
	word_of(t, stamp)->errors++;
	traffic_answered(t, stamp);
}

void
traffic_auth_failed(struct traffic *t)
{
	t->auth_failures_total++;
	rate_add(&t->auth_failures, os->mono_ns(), 1);
}

void
traffic_sum(const struct traffic *t, int64_t now_mono_ns,
    struct traffic_total *total)
{
	memset(total, 0, sizeof(*total));
	for (int i = 0; i <= CMD_COUNT; i++) {
		const struct traffic_word *word = &t->word[i];
		struct histogram h;

		if (word->requests == 0)
			continue;
		total->requests += word->requests;
		total->errors += word->errors;
		window_sum(&word->latency_us, now_mono_ns, &h);
		histogram_merge(&total->latency_us, &h);
	}
}
