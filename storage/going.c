#include "going.h"

#include <stdlib.h>
#include <string.h>

#include "le.h"

/* Where the fields lie. */
enum {
	AT_DUE = 8,
	AT_STARTED = 16,
	AT_ATTEMPT = 24,
	AT_LOST = 28,
	AT_LOSSES = 30,
	AT_STOP = 31,
	AT_FLAGS = 32,
	FIXED_LEN = 33
};

bool
going_next(struct record_reader *in, struct going *g)
{
	memset(g, 0, sizeof(*g));
	if (in->left == 0)
		return false;
	g->execution_id = record_get_u64(in);
	g->due_ns = record_get_i64(in);
	g->started_ns = record_get_i64(in);
	g->attempt = record_get_u32(in);
	g->lost = (uint16_t)record_get_u16(in);
	g->losses = (uint8_t)record_get_u8(in);
	g->stop = (uint8_t)record_get_u8(in);
	g->flags = (uint8_t)record_get_u8(in);
	if (g->flags & GOING_PAYLOAD)
		g->payload = record_get_text(in);
	if (g->flags & ~GOING_FLAGS)
		in->bad = true;
	return !in->bad;
}

/* Write the fields of a run, but for its payload. */
static void
put_fixed(char *at, const struct going *g)
{
	unsigned char *p = (unsigned char *)at;

	le_put(p, g->execution_id, 8);
	le_put(p + AT_DUE, (uint64_t)g->due_ns, 8);
	le_put(p + AT_STARTED, (uint64_t)g->started_ns, 8);
	le_put(p + AT_ATTEMPT, g->attempt, 4);
	le_put(p + AT_LOST, g->lost, 2);
	p[AT_LOSSES] = g->losses;
	p[AT_STOP] = g->stop;
	p[AT_FLAGS] = g->flags;
}

/* Make n bytes of room at a place. 0 or -1: no memory, or too much. */
static int
widen(struct going_list *list, size_t at, size_t n)
{
	char *p;

	if (list->len + n > GOING_BYTES_MAX ||
	    (p = realloc(list->ptr, list->len + n)) == NULL)
		return -1;
	memmove(p + at + n, p + at, list->len - at);
	list->ptr = p;
	list->len += (uint32_t)n;
	return 0;
}

static void
take_out(struct going_list *list, size_t from, size_t to)
{
	memmove(list->ptr + from, list->ptr + to, list->len - to);
	list->len -= (uint32_t)(to - from);
	if (list->len > 0)
		return;
	free(list->ptr);
	list->ptr = NULL;
}

/* The run whose plan goes, at `at`, keeps its payload: where the next run
 * stands. */
static size_t
keep_payload(struct going_list *list, size_t at, struct slice payload)
{
	size_t n = 4 + payload.len;
	unsigned char *flags = (unsigned char *)list->ptr + at + AT_FLAGS;

	*flags |= GOING_OWN;
	if (payload.ptr == NULL)
		return at + FIXED_LEN;
	if (widen(list, at + FIXED_LEN, n) == -1) {
		*flags |= GOING_UNKNOWN;
		return at + FIXED_LEN;
	}
	list->ptr[at + AT_FLAGS] |= GOING_PAYLOAD;
	le_put((unsigned char *)list->ptr + at + FIXED_LEN, payload.len, 4);
	memcpy(list->ptr + at + FIXED_LEN + 4, payload.ptr, payload.len);
	return at + FIXED_LEN + n;
}

static void
add(struct going_list *list, const struct job_run *run)
{
	size_t at = list->len;
	struct going g = {
		.execution_id = run->execution_id,
		.due_ns = run->run_due_ns != 0 ? run->run_due_ns : run->due_ns,
		.started_ns = run->started_ns,
		.attempt = run->attempt,
		.lost = run->lost,
		.losses = run->losses,
		.stop = run->stop,
		.flags = run->phase == PHASE_RUNNING ? GOING_RUNNING : 0,
	};

	if (widen(list, at, FIXED_LEN) == 0)
		put_fixed(list->ptr + at, &g);
}

void
going_set(struct going_list *list, const struct job_run *run,
    struct slice payload)
{
	struct record_reader in;
	struct going g;
	size_t at = 0;

	if (run->phase == PHASE_RUNNING)
		add(list, run);
	while (at < list->len) {
		record_read(&in, slice_of(list->ptr + at, list->len - at));
		if (!going_next(&in, &g))
			return; /* ours, so it cannot be */
		at = g.flags & GOING_OWN ? list->len - in.left
					 : keep_payload(list, at, payload);
	}
}

/* A record of a run in the list. */
static void
change(struct going_list *list, size_t from, size_t to, struct going *g,
    enum record_type type, const struct record_run *r)
{
	if (type == RECORD_JOB_FINISH && !(r->flags & RECORD_FINISH_RETRY)) {
		take_out(list, from, to);
		return;
	}
	if (type == RECORD_JOB_STOP) {
		g->stop = (uint8_t)r->outcome;
	} else {
		g->attempt = r->attempt;
		g->started_ns = r->started_ns;
		g->flags |= GOING_RUNNING;
		g->stop = 0;
	}
	if (type == RECORD_JOB_FINISH) {
		g->flags &= (uint8_t)~GOING_RUNNING;
		g->stop = 0;
		job_run_count_loss(r, &g->losses, &g->lost);
	}
	put_fixed(list->ptr + from, g);
}

void
going_apply(struct going_list *list, const struct job_run *run,
    enum record_type type, const struct record_run *r)
{
	struct record_reader in;
	struct going g;
	size_t from = 0;

	if (type == RECORD_JOB_TRIGGER) {
		if ((run->phase == PHASE_RUNNING ||
			run->phase == PHASE_QUEUED) &&
		    run->execution_id != r->execution_id)
			add(list, run);
		return;
	}
	record_read(&in, slice_of(list->ptr, list->len));
	while (going_next(&in, &g)) {
		if (g.execution_id == r->execution_id) {
			change(list, from, list->len - in.left, &g, type, r);
			return;
		}
		from = list->len - in.left;
	}
}
