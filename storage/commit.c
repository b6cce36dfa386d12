/*
 * The batches go round:  filling -> writing -> done -> filling. One that is
 * done but in doubt is set aside until the writer has ended that; there is at
 * most one, since nothing is written before.
 *
 * The mutex guards what stands below it: the hand-over. A batch
 * belongs to the thread at whose place it is.
 */
#include "commit.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "os.h"

#define N_BATCHES 4
#define LOOK_NS 30000	 /* look so long before going to sleep */
#define IDLE_NS 10000000 /* mark the log after so long without an order */
#define MEND_NS 20000000 /* between attempts to mend it */

struct task {
	enum { IDLE, WANTED, DONE, FAILED } state;
	struct wal_state wal;
	struct err err;
};

struct commit {
	struct batch batch[N_BATCHES];
	struct batch *filling;		    /* main's */
	struct batch *spare[N_BATCHES - 1]; /* main's: at no place */
	unsigned n_spare;
	bool busy;	     /* main's: a batch is being written, or done */
	size_t busy_bytes;   /* of the batch that is */
	struct batch *aside; /* main's: done, and in doubt */

	pthread_t thread;
	bool has_thread;
	struct wal *wal;	/* the writer's */
	int64_t doubt_until_ns; /* the writer's; monotonic */
	void (*wake)(void *arg);
	void *wake_arg;

	atomic_bool ordered; /* a hint for `look`, nothing rests on it */

	pthread_mutex_t mutex;
	pthread_cond_t work;
	struct batch *writing;
	struct batch *done;
	struct batch *doubted;	    /* in doubt yet */
	struct wal_state ended_wal; /* of the one aside: when that ended */
	bool unknown;		    /* and how */
	struct task task[ORDER_COUNT];
	bool stop;
};

/* Copy the records of all ops at least this urgent; false: out of memory. */
static bool
pick(const struct batch *b, unsigned urgency, struct buf *out)
{
	buf_clear(out);
	for (size_t i = 0; i < b->n_ops; i++) {
		size_t from = b->ops[i].offset;
		size_t to =
		    i + 1 < b->n_ops ? b->ops[i + 1].offset : b->records.len;

		if (b->ops[i].urgency >= urgency)
			buf_add(out, b->records.ptr + from, to - from);
	}
	return !out->failed;
}

/*
 * The batch was refused as a whole. What is more urgent than a client's
 * request may still fit into the reserve.
 */
static void
write_urgent(struct commit *c, struct batch *b)
{
	unsigned urgency = WAL_REQUEST;
	struct buf picked = { 0 };
	struct err again;

	while (++urgency <= b->urgency) {
		if (pick(b, urgency, &picked) &&
		    wal_append(c->wal, (unsigned char *)picked.ptr, picked.len,
			(enum wal_urgency)urgency, &again) == 0)
			break;
	}
	for (size_t i = 0; i < b->n_ops; i++)
		b->ops[i].failed = b->ops[i].urgency < urgency;
	buf_free(&picked);
}

static void
write_batch(struct commit *c, struct batch *b)
{
	uint64_t doubts = c->wal->doubts;

	c->wal->promised = (off_t)b->promised;
	b->failed = wal_append(c->wal, (unsigned char *)b->records.ptr,
			b->records.len, WAL_REQUEST, &b->err) == -1;
	if (b->failed)
		write_urgent(c, b);
	b->last_seq = c->wal->next_seq - 1;
	wal_state(c->wal, &b->wal);
	b->durable_ns = os->mono_ns();
	b->doubt =
	    c->wal->doubt && c->wal->doubts != doubts ? DOUBT_OPEN : DOUBT_NONE;
}

/* What the batch was in doubt about is known, or will not be. */
static void
end_doubt(struct commit *c)
{
	wal_state(c->wal, &c->ended_wal);
	c->unknown = c->wal->doubt;
	c->doubted->doubt = DOUBT_ENDED;
	c->doubted = NULL;
}

/* See whether what a batch is in doubt about has come out: true when that
 * ended. Called with the mutex held. */
static bool
look_at_doubt(struct commit *c)
{
	struct batch *b = c->doubted;

	if (b == NULL || (c->wal->doubt && os->mono_ns() < c->doubt_until_ns))
		return false;
	end_doubt(c);
	return true;
}

/* A batch is written, or refused. Called with the mutex held. */
static void
end_batch(struct commit *c, struct batch *b)
{
	/* What was in doubt before it is not any more if it was written. */
	if (b->doubt == DOUBT_OPEN && c->doubted != NULL) {
		end_doubt(c);
		c->unknown = false;
	}
	(void)look_at_doubt(c);
	if (b->doubt == DOUBT_OPEN) {
		c->doubted = b;
		c->doubt_until_ns = os->mono_ns() + COMMIT_DOUBT_NS;
	}
	c->writing = NULL;
	c->done = b;
}

/* There is time: try to end a doubt. Called with the mutex held; drops it
 * while it works. */
static void
mend(struct commit *c)
{
	struct err ignored;

	(void)pthread_mutex_unlock(&c->mutex);
	(void)wal_mend(c->wal, &ignored);
	(void)pthread_mutex_lock(&c->mutex);
	if (!look_at_doubt(c))
		return;
	(void)pthread_mutex_unlock(&c->mutex);
	c->wake(c->wake_arg);
	(void)pthread_mutex_lock(&c->mutex);
}

/* Called with the mutex held; drops it while it works. */
static void
do_task(struct commit *c, struct task *t,
    int (*work)(struct wal *, struct err *))
{
	struct wal_state state;
	struct err e;
	int rc;

	if (t->state != WANTED)
		return;
	(void)pthread_mutex_unlock(&c->mutex);
	rc = work(c->wal, &e);
	wal_state(c->wal, &state);
	(void)pthread_mutex_lock(&c->mutex);
	t->state = rc == 0 ? DONE : FAILED;
	t->wal = state;
	if (rc == -1)
		t->err = e;
	(void)pthread_mutex_unlock(&c->mutex);
	c->wake(c->wake_arg);
	(void)pthread_mutex_lock(&c->mutex);
}

static void
do_tasks(struct commit *c)
{
	do_task(c, &c->task[ORDER_SWITCH], wal_switch);
	do_task(c, &c->task[ORDER_CHECK], wal_check);
	do_task(c, &c->task[ORDER_LOSE], wal_lose);
	do_task(c, &c->task[ORDER_REPLACE], wal_replace_lost);
}

static bool
is_wanted(const struct commit *c)
{
	for (int i = 0; i < ORDER_COUNT; i++)
		if (c->task[i].state == WANTED)
			return true;
	return false;
}

static bool
has_order(const struct commit *c)
{
	return c->writing != NULL || is_wanted(c) || c->stop;
}

/* Look for an order for a moment: with many clients being woken takes longer
 * than most orders take to come. Yields, so that it takes the processor from
 * nobody. */
static void
look(struct commit *c)
{
	int64_t until_ns = os->mono_ns() + LOOK_NS;

	while (!atomic_load_explicit(&c->ordered, memory_order_relaxed) &&
	    os->mono_ns() < until_ns)
		(void)sched_yield();
}

/* Sleep until there is an order, or so much time has passed; 0: for as long as
 * it takes. The mutex is held, but not meanwhile. */
static void
sleep_for(struct commit *c, long ns)
{
	struct timespec until;

	if (ns == 0) {
		(void)pthread_cond_wait(&c->work, &c->mutex);
		return;
	}
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += ns;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	(void)pthread_cond_timedwait(&c->work, &c->mutex, &until);
}

/*
 * Wait for an order; when none comes for a while, mark the end of the log.
 * `crowd`: more than one change came last time. False when the writer is to
 * end. The mutex is held before and after, but not meanwhile.
 */
static bool
await_order(struct commit *c, bool crowd, bool *marked)
{
	if (crowd) {
		(void)pthread_mutex_unlock(&c->mutex);
		look(c);
		(void)pthread_mutex_lock(&c->mutex);
	}
	while (!has_order(c)) {
		if (c->doubted != NULL) {
			sleep_for(c, MEND_NS);
			if (!has_order(c))
				mend(c);
			continue;
		}
		sleep_for(c, *marked ? 0 : IDLE_NS);
		if (has_order(c) || *marked)
			continue;
		(void)pthread_mutex_unlock(&c->mutex);
		wal_mark(c->wal);
		*marked = true;
		(void)pthread_mutex_lock(&c->mutex);
	}
	atomic_store_explicit(&c->ordered, false, memory_order_relaxed);
	return c->writing != NULL || !c->stop;
}

static void *
writer(void *arg)
{
	struct commit *c = arg;
	bool crowd = false;
	bool marked = false; /* what stands there may be cut off */

	(void)pthread_mutex_lock(&c->mutex);
	while (await_order(c, crowd, &marked)) {
		struct batch *b = c->writing;

		do_tasks(c);
		if (b == NULL)
			continue;
		(void)pthread_mutex_unlock(&c->mutex);
		write_batch(c, b);
		crowd = b->n_ops > 1;
		marked = b->failed;
		(void)pthread_mutex_lock(&c->mutex);
		end_batch(c, b);
		(void)pthread_mutex_unlock(&c->mutex);
		c->wake(c->wake_arg);
		(void)pthread_mutex_lock(&c->mutex);
	}
	(void)pthread_mutex_unlock(&c->mutex);
	return NULL;
}

/* Main has left an order; the mutex is not held. */
static void
order(struct commit *c)
{
	atomic_store_explicit(&c->ordered, true, memory_order_relaxed);
	(void)pthread_cond_signal(&c->work);
}

struct commit *
commit_start(struct wal *wal, void (*wake)(void *arg), void *wake_arg,
    struct err *e)
{
	struct commit *c = calloc(1, sizeof(*c));
	pthread_condattr_t attr;

	if (c == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	c->filling = &c->batch[0];
	for (size_t i = 1; i < N_BATCHES; i++)
		c->spare[c->n_spare++] = &c->batch[i];
	c->wal = wal;
	c->wake = wake;
	c->wake_arg = wake_arg;
	/* None of these can fail here. */
	(void)pthread_mutex_init(&c->mutex, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&c->work, &attr);
	(void)pthread_condattr_destroy(&attr);
	if (wal != NULL) {
		int rc = pthread_create(&c->thread, NULL, writer, c);

		if (rc != 0) {
			(void)err_set(e, ERR_LIMIT,
			    "cannot start the log writer: %s", strerror(rc));
			commit_stop(c, NULL);
			return NULL;
		}
		c->has_thread = true;
	}
	return c;
}

struct batch *
commit_filling(struct commit *c)
{
	return c->filling;
}

size_t
commit_under_way(const struct commit *c)
{
	return c->busy_bytes + c->filling->records.len;
}

bool
commit_full(const struct commit *c)
{
	return c->filling->records.len >= BATCH_BYTES_MAX ||
	    c->filling->n_ops >= BATCH_OPS_MAX;
}

struct op *
batch_add(struct batch *b)
{
	struct op *op;

	if (b->n_ops == b->cap_ops) {
		size_t cap = b->cap_ops == 0 ? 64 : b->cap_ops * 2;
		struct op *ops = realloc(b->ops, cap * sizeof(*ops));

		if (ops == NULL)
			return NULL;
		b->ops = ops;
		b->cap_ops = cap;
	}
	op = &b->ops[b->n_ops++];
	memset(op, 0, offsetof(struct op, note));
	op->offset = (uint32_t)b->records.len;
	return op;
}

bool
batch_was_in_doubt(const struct batch *b)
{
	return b->doubt == DOUBT_ENDED;
}

static void
batch_clear(struct batch *b)
{
	buf_clear(&b->records);
	b->n_ops = 0;
	b->urgency = 0;
	b->failed = false;
	b->doubt = DOUBT_NONE;
}

void
commit_kick(struct commit *c, size_t min_bytes)
{
	struct batch *b = c->filling;

	if (c->busy || b->records.len < min_bytes)
		return;
	assert(c->n_spare > 0);
	c->filling = c->spare[--c->n_spare];
	c->busy = true;
	c->busy_bytes = b->records.len;
	b->submitted_ns = os->mono_ns();
	(void)pthread_mutex_lock(&c->mutex);
	if (c->wal != NULL)
		c->writing = b;
	else
		c->done = b;
	(void)pthread_mutex_unlock(&c->mutex);
	if (c->wal != NULL) {
		order(c);
		return;
	}
	b->durable_ns = b->submitted_ns;
	c->wake(c->wake_arg);
}

struct batch *
commit_take(struct commit *c, bool *in_doubt)
{
	struct batch *b = NULL;

	(void)pthread_mutex_lock(&c->mutex);
	/* First what was asked for first. */
	if (c->aside != NULL && c->aside->doubt == DOUBT_ENDED) {
		b = c->aside;
		c->aside = NULL;
		b->wal = c->ended_wal;
		if (c->unknown)
			b->err.code = ERR_UNKNOWN;
	} else if (c->done != NULL) {
		b = c->done;
		c->done = NULL;
		c->busy = false;
		c->busy_bytes = 0;
	}
	*in_doubt = b != NULL && b->doubt == DOUBT_OPEN;
	if (*in_doubt) {
		assert(c->aside == NULL);
		c->aside = b;
	}
	(void)pthread_mutex_unlock(&c->mutex);
	return b;
}

void
commit_recycle(struct commit *c, struct batch *b)
{
	batch_clear(b);
	c->spare[c->n_spare++] = b;
}

void
commit_order(struct commit *c, enum commit_order what)
{
	(void)pthread_mutex_lock(&c->mutex);
	assert(c->task[what].state == IDLE && c->wal != NULL);
	c->task[what].state = WANTED;
	(void)pthread_mutex_unlock(&c->mutex);
	order(c);
}

int
commit_ended(struct commit *c, enum commit_order what, struct wal_state *wal,
    struct err *e)
{
	struct task *t = &c->task[what];
	int rc = 0;

	(void)pthread_mutex_lock(&c->mutex);
	if (t->state == DONE)
		rc = 1;
	if (t->state == FAILED) {
		*e = t->err;
		rc = -1;
	}
	if (rc != 0) {
		*wal = t->wal;
		t->state = IDLE;
	}
	(void)pthread_mutex_unlock(&c->mutex);
	return rc;
}

bool
commit_idle(const struct commit *c)
{
	return !c->busy && c->filling->n_ops == 0 && c->aside == NULL;
}

void
commit_stop(struct commit *c, void (*drop)(const struct batch *b))
{
	if (c == NULL)
		return;
	if (c->has_thread) {
		(void)pthread_mutex_lock(&c->mutex);
		c->stop = true;
		(void)pthread_mutex_unlock(&c->mutex);
		order(c);
		(void)pthread_join(c->thread, NULL);
	}
	(void)pthread_mutex_destroy(&c->mutex);
	(void)pthread_cond_destroy(&c->work);
	for (size_t i = 0; i < N_BATCHES; i++) {
		if (drop != NULL && c->batch[i].n_ops > 0)
			drop(&c->batch[i]);
		buf_free(&c->batch[i].records);
		free(c->batch[i].ops);
	}
	free(c);
}
