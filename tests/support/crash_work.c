#include "crash_work.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define TRIES_MAX 3

static struct store_waiter
waiter(op_done_cb *done, void *arg)
{
	return (struct store_waiter){ .done = done,
		.arg = arg,
		.note = slice_of("", 0) };
}

static int
ask_set(struct store *s, const struct work_step *step,
    const struct store_waiter *w, struct err *e)
{
	struct record_set set = { .job = slice_str(step->name),
		.due_ns = step->n };

	if (step->verb == WORK_SET_PAYLOAD)
		set.payload = slice_str(step->text);
	if (step->verb == WORK_SET_EVERY) {
		set.every_ns = 60;
		set.until_ns = 4711;
	}
	return store_set(s, &set, w, e);
}

static int
ask_run(struct store *s, const struct work_step *step,
    const struct store_waiter *w, struct err *e)
{
	struct record_run run = { .job = slice_str(step->name),
		.rule = slice_str("rule.a"),
		.execution_id = (uint64_t)step->n,
		.attempt = 1,
		.started_ns = step->n * 100,
		.ended_ns = step->n * 100 + 7,
		.outcome = RECORD_OUTCOME_SUCCESS };

	if (step->verb == WORK_TRIGGER) {
		run = (struct record_run){ .job = run.job,
			.execution_id = run.execution_id };
		return store_run(s, RECORD_JOB_TRIGGER, &run, WAL_TRIGGER, w,
		    e);
	}
	if (step->verb == WORK_START)
		return store_run(s, RECORD_JOB_START, &run, WAL_TRIGGER, w, e);
	if (step->verb == WORK_FAIL)
		run.outcome = RECORD_OUTCOME_SUCCESS + 1;
	if (step->verb == WORK_AGAIN)
		run.next_due_ns = 77777;
	return store_run(s, RECORD_JOB_FINISH, &run, WAL_RESULT, w, e);
}

static int
ask_rule(struct store *s, const struct work_step *step,
    const struct store_waiter *w, struct err *e)
{
	size_t n = strcspn(step->text, " ");
	struct rule_spec *spec = box_spec(step->text + n + 1);
	int rc = store_rule_set(s, slice_str(step->name),
	    slice_of(step->text, n), spec, false, w, e);

	rule_spec_unref(spec);
	return rc;
}

static int
ask(struct store *s, const struct work_step *step, const struct store_waiter *w,
    struct err *e)
{
	switch (step->verb) {
	case WORK_SET:
	case WORK_SET_PAYLOAD:
	case WORK_SET_EVERY:
		return ask_set(s, step, w, e);
	case WORK_REMOVE:
		return store_remove(s, slice_str(step->name), w, e);
	case WORK_RULE:
		return ask_rule(s, step, w, e);
	case WORK_RULE_REMOVE:
		return store_rule_remove(s, slice_str(step->name), w, e);
	case WORK_PAUSE:
	case WORK_RESUME:
		return store_rule_pause(s, slice_str(step->name),
		    step->verb == WORK_PAUSE, w, e);
	case WORK_ENTRY:
		return store_entry_set(s, (enum entry_kind)step->n,
		    slice_str(step->name), slice_str(step->text), w, e);
	case WORK_ENTRY_REMOVE:
		return store_entry_remove(s, (enum entry_kind)step->n,
		    slice_str(step->name), w, e);
	default:
		return ask_run(s, step, w, e);
	}
}

/* The oracle: a store in memory that is asked for what was accepted. */

static void
oracle_ask(struct work *w, const struct work_step *step)
{
	struct store_waiter nobody = { 0 };
	struct err e;

	assert_int_equal(ask(w->oracle.store, step, &nobody, &e), 0);
	box_settle(&w->oracle);
}

static void
oracle_restart(struct work *w)
{
	box_close(&w->oracle);
	assert_int_equal(box_open(&w->oracle, NULL), 0);
	for (size_t i = 0; i < w->n_accepted; i++)
		oracle_ask(w, w->accepted[i]);
}

static void
add_text(struct work *w, struct work_batch *b)
{
	struct buf text = { 0 };

	box_print(&w->oracle, &text);
	b->text = realloc(b->text, (b->n_texts + 1) * sizeof(*b->text));
	assert_non_null(b->text);
	b->text[b->n_texts++] = text.ptr;
}

/* All that may be found while the changes asked for are under way. */
static void
add_texts(struct work *w, struct work_batch *b)
{
	add_text(w, b);
	for (size_t i = 0; i < w->n_asked; i++) {
		oracle_ask(w, w->asked[i]);
		add_text(w, b);
	}
}

/* Now it is known which of them were refused. */
static void
settle_texts(struct work *w, struct work_batch *b)
{
	bool any = false;

	for (size_t i = 0; i < w->n_asked; i++) {
		assert_true(w->answered[i]);
		any = any || w->refused[i];
	}
	w->n_refused += any;
	if (any)
		oracle_restart(w);
	for (size_t i = 0; i < w->n_asked; i++) {
		if (w->refused[i])
			continue;
		assert_true(w->n_accepted < 4096);
		w->accepted[w->n_accepted++] = w->asked[i];
		if (any) {
			oracle_ask(w, w->asked[i]);
			add_text(w, b);
		}
	}
	/* Nothing accepted: as before. */
	b->after = b->n_texts - 1;
	if (any && b->n_texts == w->n_asked + 1)
		b->after = 0;
}

/* The store under test. */

static void
capture(void *arg)
{
	struct work *w = arg;

	if (!w->capturing)
		return;
	w->capturing = false;
	w->captured = sim_n_ops(w->fs);
}

static void
answer(void *arg, struct slice note, const struct err *e)
{
	struct work *w = arg;
	size_t i;

	memcpy(&i, note.ptr, sizeof(i));
	assert_false(w->answered[i]);
	w->answered[i] = true;
	w->refused[i] = e != NULL;
}

/* Ask for a change. With no memory that is refused at once. */
static void
take_in(struct work *w, const struct work_step *step)
{
	size_t i = w->n_asked;
	struct store_waiter who = waiter(answer, w);
	struct err e;

	assert_true(i < WORK_BATCH_MAX);
	who.note = slice_of((const char *)&i, sizeof(i));
	w->answered[i] = w->refused[i] = false;
	if (ask(w->box.store, step, &who, &e) == -1)
		fail_msg("refused at once: %s", e.msg);
	w->asked[w->n_asked++] = step;
}

static void
commit(struct work *w)
{
	struct work_batch b = { 0 };
	size_t n_refused = w->n_refused;

	if (w->n_asked == 0)
		return;
	add_texts(w, &b);
	w->n_marks = fault_writes(RECORD_HEADER_LEN);
	b.from = sim_n_ops(w->fs);
	w->capturing = true;
	box_settle(&w->box);
	assert_false(w->capturing);
	b.to = w->captured;
	settle_texts(w, &b);
	w->n_asked = 0;
	w->mark_due = n_refused == w->n_refused;
	box_rest(&w->box);
	w->batch = realloc(w->batch, (w->n_batches + 1) * sizeof(*w->batch));
	assert_non_null(w->batch);
	w->batch[w->n_batches++] = b;
}

static void
start(struct work *w)
{
	unsigned tries = 0;

	fault_forget();
	while (box_open(&w->box, WORK_PATH) == -1) {
		/* One fault may stop it once, and does no harm. */
		if (!fault_hit() || ++tries == TRIES_MAX)
			fail_msg("cannot start: %s", w->box.err.msg);
		assert_int_not_equal(w->box.fault, STORE_DAMAGED);
		w->n_failed_restarts++;
		fault_forget();
	}
	box_rest(&w->box);
	w->mark_due = false;
}

void
work_die(struct work *w)
{
	sim_freeze(w->fs, true);
	box_close(&w->box);
	sim_kill(w->fs);
	sim_freeze(w->fs, false);
	w->n_asked = 0;
}

void
work_kill(struct work *w)
{
	work_die(w);
	start(w);
}

static void
event(struct work *w, const struct work_step *step)
{
	uint64_t n = step->n == 0 ? 1 : (uint64_t)step->n;

	switch (step->verb) {
	case WORK_COMMIT:
		commit(w);
		break;
	case WORK_MARK:
		if (w->mark_due)
			fault_await_writes(w->n_marks + 1, RECORD_HEADER_LEN);
		break;
	case WORK_COMPRESS:
		commit(w);
		(void)box_compress(&w->box);
		break;
	case WORK_RESTART:
		box_close(&w->box);
		w->n_asked = 0;
		start(w);
		work_check(w);
		break;
	case WORK_KILL:
		work_kill(w);
		work_check(w);
		break;
	case WORK_WRITE_FAILS:
		fault_at(FAULT_PWRITEV, 1, n, ENOSPC);
		break;
	default:
		fault_at(FAULT_FDATASYNC, 1, n, EIO);
	}
}

void
work_begin(struct work *w)
{
	memset(w, 0, sizeof(*w));
	w->fs = sim_new(SIM_STRICT);
	sim_use(w->fs);
	box_init(&w->box);
	w->box.on_wake = capture;
	w->box.on_wake_arg = w;
	box_init(&w->oracle);
	assert_int_equal(box_open(&w->oracle, NULL), 0);
	start(w);
}

void
work_do(struct work *w, const struct work_step *steps, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (steps[i].verb < WORK_COMMIT)
			take_in(w, &steps[i]);
		else
			event(w, &steps[i]);
	}
}

void
work_end(struct work *w)
{
	box_fini(&w->box);
	box_fini(&w->oracle);
	for (size_t i = 0; i < w->n_batches; i++) {
		for (size_t k = 0; k < w->batch[i].n_texts; k++)
			free(w->batch[i].text[k]);
		free(w->batch[i].text);
	}
	free(w->batch);
	sim_free(w->fs);
	sim_use(NULL);
}

/* The batch that was the last to begin before n_ops operations were done. */
static const struct work_batch *
batch_at(const struct work *w, size_t n_ops)
{
	const struct work_batch *b = NULL;

	for (size_t i = 0; i < w->n_batches && w->batch[i].from < n_ops; i++)
		b = &w->batch[i];
	return b;
}

bool
work_allows(const struct work *w, size_t n_ops, const char *text)
{
	const struct work_batch *b = batch_at(w, n_ops);

	if (b == NULL)
		return text[0] == '\0';
	if (n_ops >= b->to)
		return strcmp(b->text[b->after], text) == 0;
	for (size_t i = 0; i < b->n_texts; i++)
		if (strcmp(b->text[i], text) == 0)
			return true;
	return false;
}

const char *
work_after(const struct work *w, size_t n_ops)
{
	const struct work_batch *b = batch_at(w, n_ops);

	return b == NULL ? "" : b->text[b->after];
}

const char *
work_expected(const struct work *w)
{
	return work_after(w, SIZE_MAX);
}

void
work_check(struct work *w)
{
	struct buf text = { 0 };

	box_print(&w->box, &text);
	assert_string_equal(text.ptr, work_expected(w));
	buf_free(&text);
}
