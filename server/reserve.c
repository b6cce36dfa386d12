#include "reserve.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "log.h"

#define AGAIN_SECONDS 1.0
#define LOOPS_BYTES ((size_t)2 << 20)

/* Of all loops, in whatever thread: the first that needs it takes it. */
static _Atomic(void *) loops_block;

static void *
loop_alloc(void *at, long n)
{
	void *got;

	if (n == 0) {
		free(at);
		return NULL;
	}
	if ((got = realloc(at, (size_t)n)) == NULL) {
		free(atomic_exchange(&loops_block, NULL));
		got = realloc(at, (size_t)n);
	}
	return got;
}

void
reserve_for_loops(void)
{
	atomic_store(&loops_block, malloc(LOOPS_BYTES));
	ev_set_allocator(loop_alloc);
}

/* As much again must be free, or the next growth would take it at once. */
static void
on_again(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct reserve *r = w->data;
	void *more = malloc(RESERVE_BYTES);

	(void)revents;
	r->block = more == NULL ? NULL : malloc(RESERVE_BYTES);
	free(more);
	if (r->block == NULL)
		return;
	ev_timer_stop(loop, w);
	LOG_INFO("memory_is_back");
}

int
reserve_init(struct reserve *r, struct ev_loop *loop, struct err *e)
{
	r->loop = loop;
	ev_timer_init(&r->again, on_again, AGAIN_SECONDS, AGAIN_SECONDS);
	r->again.data = r;
	if ((r->block = malloc(RESERVE_BYTES)) == NULL)
		return err_nomem(e);
	return 0;
}

void
reserve_fini(struct reserve *r)
{
	if (r->loop != NULL)
		ev_timer_stop(r->loop, &r->again);
	free(r->block);
	r->block = NULL;
}

void
reserve_give_up(struct reserve *r)
{
	if (r->block == NULL)
		return;
	free(r->block);
	r->block = NULL;
	ev_timer_again(r->loop, &r->again);
	LOG_ERROR("memory_is_short",
	    LOG_STR("action", "nothing grows until there is more"));
}
