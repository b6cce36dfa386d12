#include "store_box.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "history.h"

static void
wake(void *arg)
{
	struct box *b = arg;

	if (b->on_wake != NULL)
		b->on_wake(b->on_wake_arg);
	(void)pthread_mutex_lock(&b->mutex);
	b->n_wakes++;
	(void)pthread_cond_signal(&b->woken);
	(void)pthread_mutex_unlock(&b->mutex);
}

void
box_init(struct box *b)
{
	memset(b, 0, sizeof(*b));
	assert_int_equal(pthread_mutex_init(&b->mutex, NULL), 0);
	assert_int_equal(pthread_cond_init(&b->woken, NULL), 0);
}

void
box_fini(struct box *b)
{
	box_close(b);
	(void)pthread_mutex_destroy(&b->mutex);
	(void)pthread_cond_destroy(&b->woken);
}

static int
open_box(struct box *b, const char *path, bool sync)
{
	const struct store_options o = { .path = path,
		.sync = sync,
		.wake = wake,
		.arg = b };

	assert_null(b->store);
	b->store = store_open(&o, &b->recovery, &b->fault, &b->err);
	return b->store == NULL ? -1 : 0;
}

int
box_open(struct box *b, const char *path)
{
	return open_box(b, path, true);
}

int
box_open_unsynced(struct box *b, const char *path)
{
	return open_box(b, path, false);
}

void
box_close(struct box *b)
{
	store_close(b->store);
	b->store = NULL;
	b->n_seen = b->n_wakes;
}

void
box_await(struct box *b)
{
	(void)pthread_mutex_lock(&b->mutex);
	while (b->n_wakes == b->n_seen)
		(void)pthread_cond_wait(&b->woken, &b->mutex);
	b->n_seen++;
	(void)pthread_mutex_unlock(&b->mutex);
}

void
box_poll(struct box *b)
{
	do
		(void)store_poll(b->store);
	while (store_unfinished(b->store));
}

void
box_settle(struct box *b)
{
	while (!store_idle(b->store)) {
		store_kick(b->store);
		box_await(b);
		box_poll(b);
	}
}

/* A change that must be taken in. */
static void
taken(struct box *b, int rc)
{
	if (rc == -1)
		fail_msg("refused at once: %s", b->err.msg);
}

void
box_rest(struct box *b)
{
	box_settle(b);
	while (store_stats(b->store)->compression == COMPRESSION_RUNNING) {
		box_await(b);
		box_poll(b);
	}
}

bool
box_compress(struct box *b)
{
	taken(b, store_compress(b->store, &b->err));
	box_rest(b);
	return store_stats(b->store)->compression == COMPRESSION_SUCCESS;
}

static void
count(void *arg, struct slice note, const struct err *e)
{
	struct box *b = arg;

	assert_int_equal(note.len, 0);
	if (e == NULL) {
		b->n_ok++;
		return;
	}
	b->n_refused++;
	b->err = *e;
}

struct store_waiter
box_waiter(struct box *b)
{
	return (struct store_waiter){ .done = count,
		.arg = b,
		.note = slice_of("", 0) };
}

void
box_set(struct box *b, const char *job, int64_t due_ns)
{
	struct record_set set = { .job = slice_str(job), .due_ns = due_ns };
	struct store_waiter w = box_waiter(b);

	taken(b, store_set(b->store, &set, &w, &b->err));
}

void
box_set_payload(struct box *b, const char *job, int64_t due_ns,
    const char *payload)
{
	struct record_set set = { .job = slice_str(job),
		.due_ns = due_ns,
		.payload = slice_str(payload) };
	struct store_waiter w = box_waiter(b);

	taken(b, store_set(b->store, &set, &w, &b->err));
}

void
box_remove(struct box *b, const char *job)
{
	struct store_waiter w = box_waiter(b);

	taken(b, store_remove(b->store, slice_str(job), &w, &b->err));
}

void
box_run(struct box *b, enum record_type type, const char *job,
    uint64_t execution_id, enum wal_urgency urgency)
{
	struct record_run run = { .job = slice_str(job),
		.rule = slice_str(type == RECORD_JOB_TRIGGER ? "" : "rule"),
		.execution_id = execution_id,
		.attempt = type != RECORD_JOB_TRIGGER,
		.started_ns = (int64_t)execution_id * 10 };
	struct store_waiter w = box_waiter(b);

	if (type == RECORD_JOB_FINISH) {
		run.ended_ns = run.started_ns + 5;
		run.outcome = RECORD_OUTCOME_SUCCESS;
	}
	taken(b, store_run(b->store, type, &run, urgency, &w, &b->err));
}

struct rule_spec *
box_spec(const char *line)
{
	struct slice word[16];
	struct rule_spec *spec = NULL;
	struct err e;
	size_t n = 0;
	bool admin;

	for (const char *p = line; *p != '\0';) {
		size_t len = strcspn(p, " ");
		struct slice s = slice_of(p, len);

		p += len + (p[len] == ' ');
		if (spec != NULL)
			assert_int_equal(
			    rule_spec_set_option(spec, s, &admin, &e), 0);
		else if (slice_eq(s, slice_str("--")))
			spec = rule_spec_parse(word, n, &e);
		else
			word[n++] = s;
	}
	if (spec == NULL)
		spec = rule_spec_parse(word, n, &e);
	assert_non_null(spec);
	return spec;
}

void
box_rule(struct box *b, const char *rule, const char *pattern, const char *line)
{
	struct rule_spec *spec = box_spec(line);
	struct store_waiter w = box_waiter(b);
	int rc = store_rule_set(b->store, slice_str(rule), slice_str(pattern),
	    spec, false, &w, &b->err);

	rule_spec_unref(spec);
	taken(b, rc);
}

void
box_rule_remove(struct box *b, const char *rule)
{
	struct store_waiter w = box_waiter(b);

	taken(b, store_rule_remove(b->store, slice_str(rule), &w, &b->err));
}

void
box_rule_pause(struct box *b, const char *rule, bool paused)
{
	struct store_waiter w = box_waiter(b);

	taken(b,
	    store_rule_pause(b->store, slice_str(rule), paused, &w, &b->err));
}

void
box_entry(struct box *b, enum entry_kind kind, const char *id,
    const char *value)
{
	struct store_waiter w = box_waiter(b);

	taken(b,
	    store_entry_set(b->store, kind, slice_str(id), slice_str(value), &w,
		&b->err));
}

void
box_entry_remove(struct box *b, enum entry_kind kind, const char *id)
{
	struct store_waiter w = box_waiter(b);

	taken(b,
	    store_entry_remove(b->store, kind, slice_str(id), &w, &b->err));
}

struct job *
box_job(struct box *b, const char *job)
{
	struct jobs *j = store_jobs(b->store);
	uint32_t ref = jobs_find(j, slice_str(job));

	return ref == JOB_NONE ? NULL : jobs_get(j, ref);
}

static void
print_plan(const struct job_plan *plan, struct buf *out)
{
	buf_addf(out, " every=%lld until=%lld jitter=%lld",
	    (long long)plan->every_ns, (long long)plan->until_ns,
	    (long long)plan->jitter_ns);
	if (plan->cron != NULL)
		buf_addf(out, " cron=%s", plan->cron);
	if (plan->zone != NULL)
		buf_addf(out, " zone=%s", plan->zone);
	if (plan->payload != NULL) {
		assert_int_equal(plan->payload[plan->payload_len], '\0');
		buf_addf(out, " payload=%s", plan->payload);
	}
}

/* What has never run and what has nothing to tell of it look the same. */
static void
print_extra(const struct job *job, struct buf *out)
{
	const struct job_extra *x = job->extra;
	struct record_reader in;
	struct record_run run;

	if (x->execution_id != 0 || x->attempt != 0)
		buf_addf(out, " run=%llu attempt=%u start=%lld",
		    (unsigned long long)x->execution_id, x->attempt,
		    (long long)x->started_ns);
	record_read(&in, slice_of(x->history, x->history_len));
	while (history_next(&in, &run)) {
		buf_addf(out, " [%llu %u %lld %lld %u %d ",
		    (unsigned long long)run.execution_id, run.attempt,
		    (long long)run.started_ns, (long long)run.ended_ns,
		    run.outcome, run.exit);
		buf_add_slice(out, run.rule);
		buf_add_byte(out, ']');
	}
	assert_true(record_done(&in));
	if (x->plan != NULL)
		print_plan(x->plan, out);
}

static void
print_jobs(struct jobs *j, struct buf *out)
{
	size_t count[JOB_STATUS_COUNT] = { 0 };
	size_t n = 0, n_due = 0;
	struct radix_walk w;
	uint32_t ref;

	radix_seek(&w, &j->index, slice_of("", 0), false);
	while ((ref = radix_step(&w)) != RADIX_NONE) {
		const struct job *job = jobs_get(j, ref);

		n++;
		count[job_status(job)]++;
		n_due += job->heap_pos != HEAP_OUT;
		assert_int_equal(job->phase == PHASE_PLANNED,
		    job->heap_pos != HEAP_OUT);
		assert_int_equal(jobs_find(j, job_id(job)), ref);
		buf_add_str(out, "job ");
		buf_add_slice(out, job_id(job));
		buf_addf(out, " due=%lld phase=%u", (long long)job->due_ns,
		    job->phase);
		if (job->extra != NULL)
			print_extra(job, out);
		buf_add_byte(out, '\n');
	}
	assert_int_equal(n, jobs_total(j));
	assert_int_equal(n_due, j->due.n);
	assert_memory_equal(count, j->count, sizeof(count));
}

static void
print_rules(struct rules *r, struct buf *out)
{
	struct radix_walk w;
	uint32_t slot;
	size_t n = 0;

	radix_seek(&w, &r->by_id, slice_of("", 0), false);
	while ((slot = radix_step(&w)) != RADIX_NONE) {
		const struct rule *rule = rules_by_slot(r, slot);
		const struct rule *match;

		n++;
		assert_ptr_equal(rules_find(r, rule_id(rule)), rule);
		match = rules_match(r, rule_pattern(rule));
		assert_non_null(match);
		assert_true(slice_eq(rule_pattern(match), rule_pattern(rule)));
		buf_addf(out, "rule %s %s paused=%d %s", rule->id,
		    rule->pattern, rule->paused,
		    runner_word(rule->spec->runner));
		for (size_t i = 0; i < rule->spec->args.n; i++) {
			buf_add_byte(out, ' ');
			buf_add_slice(out, strings_get(&rule->spec->args, i));
		}
		for (unsigned o = 0; o < OPTION_COUNT; o++)
			if (!rule_option_is_default(rule->spec,
				(enum rule_option_id)o))
				buf_addf(out, " %s=%lld",
				    rule_option_name((enum rule_option_id)o),
				    (long long)rule->spec->number[o]);
		buf_add_byte(out, '\n');
	}
	assert_int_equal(n, r->n);
}

static void
print_entries(const struct entries *s, enum entry_kind kind, struct buf *out)
{
	const struct entry *entry;
	struct entries_walk w;
	size_t n = 0;

	entries_seek(&w, s, kind, slice_of("", 0), false);
	while ((entry = entries_step(&w)) != NULL) {
		struct slice value = entries_get(s, kind, entry_id(entry));

		n++;
		assert_ptr_equal(value.ptr, entry->value);
		assert_int_equal(value.ptr[value.len], '\0');
		buf_addf(out, "entry %s ", entry_kind_word(kind));
		buf_add_slice(out, entry_id(entry));
		buf_add_byte(out, ' ');
		buf_add_slice(out, value);
		buf_add_byte(out, '\n');
	}
	assert_int_equal(n, entries_count(s, kind));
}

void
box_print(struct box *b, struct buf *out)
{
	buf_clear(out);
	print_jobs(store_jobs(b->store), out);
	print_rules(store_rules(b->store), out);
	for (int kind = 1; kind < ENTRY_KIND_END; kind++)
		print_entries(store_entries(b->store), (enum entry_kind)kind,
		    out);
	buf_add_byte(out, '\0');
	assert_false(out->failed);
}
