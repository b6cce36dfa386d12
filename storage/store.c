#include "store_internal.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "os.h"
#include "recover.h"
#include "tstamp.h"

#define KICK_BYTES 32768u /* a good write */
#define WARM_OPS 16u
/* Of one store_poll: its time, looked at after so many ops. */
#define POLL_NS (2 * NS_PER_MS)
#define CLOCK_OPS 64u
#define WARM_JOBS 65536u /* a smaller index is in the cache as it is */

#define SLOT_CLAIMED 0x8000u /* somebody waits: nobody may pass him */
#define SLOT_COUNT 0x7fffu

static uint32_t
slot_of(unsigned kind, struct slice name)
{
	uint64_t h = 0x9e3779b97f4a7c15u ^ kind;
	uint64_t word;
	size_t i = 0;

	for (; i + 8 <= name.len; i += 8) {
		memcpy(&word, name.ptr + i, 8);
		h = (h ^ word) * 0xff51afd7ed558ccdu;
		h ^= h >> 32;
	}
	word = 0;
	memcpy(&word, name.ptr + i, name.len - i);
	h = (h ^ word ^ ((uint64_t)name.len << 56)) * 0xff51afd7ed558ccdu;
	return (uint32_t)(h >> 40) % STORE_SLOTS;
}

uint32_t
store_slot(enum store_kind kind, struct slice name)
{
	return slot_of(kind, name);
}

uint32_t
store_entry_slot(enum entry_kind kind, struct slice id)
{
	return slot_of(STORE_ENTRY + (unsigned)kind, id);
}

/* One server per log. */
static int
lock(struct store *s, enum store_fault *fault, struct err *e)
{
	struct err why;

	if (log_lock_take(&s->lock, s->path, e) == 0)
		return 0;
	why = *e;
	if (why.code != ERR_CONFLICT)
		return -1;
	*fault = STORE_LOCKED;
	return err_set(e, ERR_STORAGE, "%s is in use by another server (%s)",
	    s->path, why.msg);
}

char *
store_resolve(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash == NULL ? path : slash + 1;
	char folder[PATH_MAX], real[PATH_MAX];
	char *whole;

	if (os->realpath(path, real) != NULL)
		return strdup(real);
	if (slash == NULL)
		memcpy(folder, ".", 2);
	else if ((size_t)(slash - path) + 2 > sizeof(folder))
		return strdup(path);
	else
		(void)snprintf(folder, sizeof(folder), "%.*s/",
		    (int)(slash - path), path);
	if (os->realpath(folder, real) == NULL)
		return strdup(path);
	if (asprintf(&whole, "%s/%s", real, base) == -1)
		return NULL;
	return whole;
}

static int
open_log(struct store *s, struct store_recovery *recovery,
    enum store_fault *fault, struct err *e)
{
	const struct recover_target target = {
		.arg = s,
		.image = store_recover_entry,
		.record = store_recover_record,
	};
	int64_t began = os->mono_ns();
	int log_fd;

	s->seen_ns = began;
	if ((s->path = store_resolve(s->options.path)) == NULL)
		return err_nomem(e);
	if (lock(s, fault, e) == -1 ||
	    recover(s->path, s->options.sync, &target, &s->wal, recovery, fault,
		e) == -1)
		return -1;
	log_fd = s->lock.log_fd;
	s->lock.log_fd = -1;
	if (wal_lock(&s->wal, log_fd, e) == -1) {
		*fault = e->code == ERR_CONFLICT ? STORE_LOCKED : STORE_FAILED;
		wal_close(&s->wal);
		return -1;
	}
	recovery->duration_ns = os->mono_ns() - began;
	s->has_log = true;
	s->made_log = recovery->made_log;
	s->unfolded = recovery->unfolded;
	if (s->last_execution_id < recovery->last_execution_id)
		s->last_execution_id = recovery->last_execution_id;
	s->first_seq = s->wal.header.first_seq;
	atomic_store(&s->wal.has_image, recovery->image_bytes > 0);
	s->epoch = s->wal.header.epoch;
	memcpy(s->log_id, s->wal.header.log_id, LOG_ID_LEN);
	s->stats.log_bytes = s->wal.end;
	s->stats.image_bytes = recovery->image_bytes;
	return 0;
}

struct store *
store_open(const struct store_options *o, struct store_recovery *recovery,
    enum store_fault *fault, struct err *e)
{
	struct store *s = calloc(1, sizeof(*s));

	*fault = STORE_FAILED;
	memset(recovery, 0, sizeof(*recovery));
	if (s == NULL || jobs_init(&s->jobs) == -1) {
		free(s);
		(void)err_nomem(e);
		return NULL;
	}
	s->options = *o;
	s->lock = (struct log_lock){ -1, -1, false };
	rules_init(&s->rules, &s->jobs.arena);
	entries_init(&s->entries, &s->jobs.arena);
	if (o->path != NULL && open_log(s, recovery, fault, e) == -1)
		goto fail;
	s->commit =
	    commit_start(s->has_log ? &s->wal : NULL, o->wake, o->arg, e);
	if (s->commit == NULL)
		goto fail;
	if (s->unfolded) /* interrupted by the end of the last server */
		(void)store_compress(s, e);
	return s;
fail:
	store_undo(s);
	return NULL;
}

static void
unprepare(const struct record *r, void *prepared)
{
	if (r->type == RECORD_JOB_SET)
		job_extra_free(prepared);
	else if (r->type == RECORD_RULE_SET)
		rule_free(prepared);
	else if (r->type == RECORD_ENTRY_SET)
		free(prepared);
}

/* The record of an op. */
static void
op_record(const struct batch *b, const struct op *op, struct record *r)
{
	record_view((const unsigned char *)b->records.ptr + op->offset, r);
}

/* Changes that nobody will hear of any more. */
static void
drop_ops(const struct batch *b, size_t from)
{
	struct record r;

	for (size_t i = from; i < b->n_ops; i++) {
		op_record(b, &b->ops[i], &r);
		unprepare(&r, b->ops[i].prepared);
	}
}

static void
drop_batch(const struct batch *b)
{
	drop_ops(b, 0);
}

static void
close_store(struct store *s, bool undo)
{
	if (s == NULL)
		return;
	compression_stop(s);
	rebuild_stop(s->rebuild);
	if (s->applying != NULL) {
		drop_ops(s->applying, s->n_applied);
		s->applying->n_ops = 0; /* nothing of it is left to drop */
	}
	commit_stop(s->commit, drop_batch);
	if (s->has_log)
		wal_close(&s->wal);
	if (undo && s->made_log)
		(void)os->unlink(s->path); /* nobody was told of it */
	if (undo)
		log_lock_undo(&s->lock, s->path);
	else
		log_lock_drop(&s->lock);
	entries_fini(&s->entries);
	rules_fini(&s->rules);
	jobs_fini(&s->jobs);
	free(s->path);
	free(s);
}

void
store_close(struct store *s)
{
	close_store(s, false);
}

void
store_undo(struct store *s)
{
	close_store(s, true);
}

void
store_set_hooks(struct store *s, const struct store_hooks *hooks)
{
	s->hooks = *hooks;
	s->jobs.changing = hooks->job_changing;
	s->jobs.changing_ctx = hooks->ctx;
}

void
store_watch_jobs(struct store *s, store_job_cb *changed, void *ctx)
{
	s->job_changed = changed;
	s->job_changed_ctx = ctx;
}

struct jobs *
store_jobs(struct store *s)
{
	return &s->jobs;
}

struct rules *
store_rules(struct store *s)
{
	return &s->rules;
}

const struct entries *
store_entries(const struct store *s)
{
	return &s->entries;
}

const struct store_stats *
store_stats(const struct store *s)
{
	return &s->stats;
}

size_t
store_free_bytes(const struct store *s)
{
	return arena_free_bytes(&s->jobs.arena);
}

bool
store_is_durable(const struct store *s)
{
	return s->has_log;
}

bool
store_full(const struct store *s)
{
	return commit_full(s->commit);
}

void
store_promise(struct store *s, size_t bytes)
{
	s->promised = bytes;
}

bool
store_has_room(const struct store *s, size_t bytes)
{
	size_t ahead = commit_under_way(s->commit);

	/* Where less is left no job falls due. */
	if (bytes < WAL_RESERVE / 4)
		bytes = WAL_RESERVE / 4;
	return !s->has_log || (uint64_t)s->room >= (uint64_t)bytes + ahead;
}

static void
kick(struct store *s, size_t min_bytes)
{
	commit_filling(s->commit)->promised = s->promised;
	commit_kick(s->commit, min_bytes);
}

/*
 * A place in the batch for a record about to be encoded. NULL with *e when
 * memory for it, or for applying it later, cannot be had.
 */
static struct op *
begin(struct store *s, uint32_t slot, const struct store_waiter *w,
    struct err *e)
{
	struct op *op;

	assert(w->note.len < OP_NOTE_MAX);
	if (jobs_reserve(&s->jobs, s->n_under_way + 1) == -1 ||
	    (op = batch_add(commit_filling(s->commit))) == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	op->slot = slot;
	op->done = w->done;
	op->arg = w->arg;
	op->note_len = (uint8_t)w->note.len;
	if (w->note.len > 0) /* whoever wants no answer has none */
		memcpy(op->note, w->note.ptr, w->note.len);
	return op;
}

/* The record is encoded: it goes with the batch. Or, when encoding ran out of
 * memory, the op is taken back. */
static int
end(struct store *s, struct op *op, struct err *e)
{
	struct batch *b = commit_filling(s->commit);

	if (b->records.failed) {
		b->records.len = op->offset;
		b->records.failed = false;
		b->n_ops--;
		return err_nomem(e);
	}
	if (b->urgency < op->urgency)
		b->urgency = op->urgency;
	s->n_under_way++;
	s->slot[op->slot]++;
	return 0;
}

int
store_set(struct store *s, const struct record_set *set,
    const struct store_waiter *w, struct err *e)
{
	struct job_extra *extra;
	struct op *op;

	if (job_extra_new(set, &extra) == -1)
		return err_nomem(e);
	if ((op = begin(s, store_slot(STORE_JOB, set->job), w, e)) == NULL)
		goto fail;
	op->prepared = extra;
	record_put_set(&commit_filling(s->commit)->records, set);
	if (end(s, op, e) == 0)
		return 0;
fail:
	job_extra_free(extra);
	return -1;
}

/* A record that is only a name, after a flag where has_flag says so. */
static int
put_name(struct store *s, enum record_type type, enum store_kind kind,
    struct slice name, bool has_flag, bool flag, const struct store_waiter *w,
    struct err *e)
{
	struct buf *out = &commit_filling(s->commit)->records;
	struct op *op = begin(s, store_slot(kind, name), w, e);
	size_t start;

	if (op == NULL)
		return -1;
	start = record_begin(out);
	if (has_flag)
		record_put_u8(out, flag);
	record_put_name(out, name);
	record_end(out, start, type);
	return end(s, op, e);
}

int
store_remove(struct store *s, struct slice job, const struct store_waiter *w,
    struct err *e)
{
	return put_name(s, RECORD_JOB_REMOVE, STORE_JOB, job, false, false, w,
	    e);
}

int
store_run(struct store *s, enum record_type type, const struct record_run *run,
    enum wal_urgency urgency, const struct store_waiter *w, struct err *e)
{
	uint32_t ref = jobs_find(&s->jobs, run->job);
	struct op *op;

	if (ref != JOB_NONE && jobs_prepare_run(&s->jobs, ref) == -1)
		return err_nomem(e);
	if ((op = begin(s, store_slot(STORE_JOB, run->job), w, e)) == NULL)
		return -1;
	op->urgency = (uint8_t)urgency;
	record_put_run(&commit_filling(s->commit)->records, type, run);
	return end(s, op, e);
}

int
store_rule_set(struct store *s, struct slice rule, struct slice pattern,
    const struct rule_spec *spec, bool paused, const struct store_waiter *w,
    struct err *e)
{
	struct buf *out = &commit_filling(s->commit)->records;
	struct buf payload = { 0 };
	struct rule *prepared = NULL;
	struct op *op;
	size_t start;
	int rc = -1;

	rules_put_record(&payload, rule, pattern, spec, paused);
	if (payload.failed) {
		(void)err_nomem(e);
		goto out;
	}
	if (payload.len > RECORD_PAYLOAD_MAX) {
		(void)err_set(e, ERR_TOO_LONG, "the rule is over %u bytes",
		    RECORD_PAYLOAD_MAX);
		goto out;
	}
	if (rules_find(&s->rules, rule) == NULL &&
	    s->rules.n + s->n_rules_under_way >= RULES_MAX) {
		(void)err_set(e, ERR_LIMIT,
		    "there can be no more than %u rules", RULES_MAX);
		goto out;
	}
	if (rules_reserve(&s->rules, s->n_under_way + 1, e) == -1 ||
	    (prepared = rule_new(buf_slice(&payload), e)) == NULL ||
	    (op = begin(s, store_slot(STORE_RULE, rule), w, e)) == NULL)
		goto out;
	op->prepared = prepared;
	start = record_begin(out);
	buf_add_slice(out, buf_slice(&payload));
	record_end(out, start, RECORD_RULE_SET);
	rc = end(s, op, e);
	s->n_rules_under_way += rc == 0;
out:
	if (rc == -1)
		rule_free(prepared);
	buf_free(&payload);
	return rc;
}

int
store_rule_remove(struct store *s, struct slice rule,
    const struct store_waiter *w, struct err *e)
{
	return put_name(s, RECORD_RULE_REMOVE, STORE_RULE, rule, false, false,
	    w, e);
}

int
store_rule_pause(struct store *s, struct slice rule, bool paused,
    const struct store_waiter *w, struct err *e)
{
	return put_name(s, RECORD_RULE_PAUSE, STORE_RULE, rule, true, paused, w,
	    e);
}

int
store_entry_set(struct store *s, enum entry_kind kind, struct slice id,
    struct slice value, const struct store_waiter *w, struct err *e)
{
	struct record_entry entry = { .kind = kind, .id = id, .value = value };
	size_t under_way = s->n_entries_under_way[kind];
	char *prepared;
	struct op *op;

	assert(id.len > 0 && id.len <= RADIX_KEY_MAX);
	if (value.len > ENTRY_VALUE_MAX)
		return err_set(e, ERR_TOO_LONG, "the value is over %u bytes",
		    ENTRY_VALUE_MAX);
	if (entries_get(&s->entries, kind, id).ptr == NULL &&
	    entries_count(&s->entries, kind) + under_way >= entries_max(kind))
		return err_set(e, ERR_LIMIT,
		    "there can be no more than %zu entries of the kind %s",
		    entries_max(kind), entry_kind_word(kind));
	if ((prepared = entry_value_new(value, e)) == NULL)
		return -1;
	if ((op = begin(s, store_entry_slot(kind, id), w, e)) == NULL)
		goto fail;
	op->prepared = prepared;
	record_put_entry(&commit_filling(s->commit)->records, RECORD_ENTRY_SET,
	    &entry);
	if (end(s, op, e) == -1)
		goto fail;
	s->n_entries_under_way[kind]++;
	return 0;
fail:
	free(prepared);
	return -1;
}

int
store_entry_remove(struct store *s, enum entry_kind kind, struct slice id,
    const struct store_waiter *w, struct err *e)
{
	struct record_entry entry = { .kind = kind, .id = id };
	struct op *op = begin(s, store_entry_slot(kind, id), w, e);

	if (op == NULL)
		return -1;
	record_put_entry(&commit_filling(s->commit)->records,
	    RECORD_ENTRY_REMOVE, &entry);
	return end(s, op, e);
}

bool
store_busy(const struct store *s, uint32_t slot, bool decides)
{
	unsigned state = s->slot[slot];

	if (decides)
		return state != 0;
	return (state & SLOT_CLAIMED) != 0 || state == SLOT_COUNT;
}

void
store_claim(struct store *s, uint32_t slot)
{
	s->slot[slot] |= SLOT_CLAIMED;
}

void
store_unclaim(struct store *s, uint32_t slot)
{
	s->slot[slot] &= SLOT_COUNT;
	s->releases++;
}

uint64_t
store_releases(const struct store *s)
{
	return s->releases;
}

void
store_kick(struct store *s)
{
	kick(s, 1);
}

void
store_kick_early(struct store *s)
{
	kick(s, KICK_BYTES);
}

/* What a watcher sees of a job. */
struct job_face {
	bool exists;
	enum job_status status;
	int64_t due_ns;
};

static struct job_face
job_face(const struct job *job)
{
	if (job == NULL)
		return (struct job_face){ 0 };
	return (struct job_face){ true, job_status(job), job->due_ns };
}

static const struct job *
find_job(const struct store *s, struct slice id)
{
	uint32_t ref = jobs_find(&s->jobs, id);

	return ref == JOB_NONE ? NULL : jobs_get(&s->jobs, ref);
}

/* Apply the record of a job, and tell who watches what it changed. */
static int
apply_watched(struct store *s, const struct record *r, void *prepared,
    struct err *e)
{
	struct slice id = record_subject(r->type, r->payload);
	struct job_face before = job_face(find_job(s, id)), after;
	int rc = store_apply(s, r, prepared, e);
	const struct job *job = find_job(s, id);

	after = job_face(job);
	if (r->type == RECORD_JOB_SET || r->type == RECORD_JOB_TRIGGER ||
	    after.exists != before.exists || after.status != before.status ||
	    after.due_ns != before.due_ns)
		s->job_changed(s->job_changed_ctx, id, job);
	return rc;
}

static bool
is_of_job(enum record_type type)
{
	return (type >= RECORD_JOB_SET && type <= RECORD_JOB_FINISH) ||
	    type == RECORD_JOB_STOP;
}

static int
apply(struct store *s, const struct record *r, void *prepared, struct err *e)
{
	if (s->job_changed != NULL && is_of_job(r->type))
		return apply_watched(s, r, prepared, e);
	return store_apply(s, r, prepared, e);
}

static void
finish_op(struct store *s, const struct batch *b, const struct op *op)
{
	struct slice note = slice_of(op->note, op->note_len);
	struct record r;
	struct err e;

	op_record(b, op, &r);
	s->slot[op->slot]--;
	s->n_under_way--;
	s->n_rules_under_way -= r.type == RECORD_RULE_SET;
	if (r.type == RECORD_ENTRY_SET) /* which begins with the kind */
		s->n_entries_under_way[(unsigned char)r.payload.ptr[0]]--;
	if (op->failed) {
		unprepare(&r, op->prepared);
	} else {
		int rc = apply(s, &r, op->prepared, &e);

		assert(rc == 0); /* memory was reserved, the record is ours */
		(void)rc;
	}
	if (op->done != NULL)
		op->done(op->arg, note, op->failed ? &b->err : NULL);
}

/* What the log is like after a batch. */
static void
follow(struct store *s, const struct batch *b)
{
	if (s->has_log)
		s->stats.log_bytes = b->wal.bytes;
	s->room = b->wal.room;
	compression_follow(s, &b->wal, b->failed);
	if (b->wal.lost && !s->stats.lost)
		rebuild_note(s, &b->wal, b->err.msg);
}

static void
count(struct store *s, const struct batch *b)
{
	struct store_stats *stats = &s->stats;

	stats->failing = b->failed;
	if (s->options.committed != NULL)
		s->options.committed(s->options.arg,
		    b->durable_ns - b->submitted_ns);
	follow(s, b);
	if (b->failed) {
		stats->failed_commits++;
		memcpy(stats->last_error, b->err.msg,
		    sizeof(stats->last_error));
		return;
	}
	stats->commits++;
	stats->records += b->n_ops;
	stats->bytes += b->records.len;
}

/*
 * Fetch what the next ops will need of a large index into the cache, for all
 * of them at once. Names in ascending order find it there anyway.
 */
static void
warm(const struct store *s, const struct batch *b, size_t from)
{
	struct slice name[WARM_OPS];
	bool ascending = true;
	size_t n = 0;

	if (s->jobs.index.n < WARM_JOBS)
		return;
	for (size_t i = from; i < b->n_ops && n < WARM_OPS; i++) {
		struct record r;

		op_record(b, &b->ops[i], &r);
		name[n++] = record_subject(r.type, r.payload);
		if (n > 1 && slice_cmp(name[n - 2], name[n - 1]) > 0)
			ascending = false;
	}
	if (!ascending)
		radix_warm(&s->jobs.index, name, n);
}

/* Go on with the batch that is being applied. False: the time is over. */
static bool
apply_some(struct store *s, int64_t until_ns)
{
	struct batch *b = s->applying;

	while (s->n_applied < b->n_ops) {
		if (s->n_applied % WARM_OPS == 0)
			warm(s, b, s->n_applied);
		finish_op(s, b, &b->ops[s->n_applied++]);
		if (s->n_applied % CLOCK_OPS == 0 && os->mono_ns() >= until_ns)
			return false;
	}
	s->applying = NULL;
	commit_recycle(s->commit, b);
	s->releases++;
	return true;
}

/* Take a batch that is done; false: there is none. */
static bool
take_batch(struct store *s)
{
	struct batch *b;
	bool in_doubt;

	while ((b = commit_take(s->commit, &in_doubt)) != NULL) {
		/* The disk goes on while this batch is applied. */
		kick(s, 1);
		if (in_doubt || !batch_was_in_doubt(b))
			count(s, b);
		else /* it was counted */
			follow(s, b);
		if (in_doubt)
			continue;
		s->applying = b;
		s->n_applied = 0;
		return true;
	}
	return false;
}

bool
store_poll(struct store *s)
{
	int64_t until_ns = os->mono_ns() + POLL_NS;
	bool any = false, was_lost = s->stats.lost;

	compression_poll(s);
	while (s->applying != NULL || take_batch(s)) {
		any = true;
		if (!apply_some(s, until_ns))
			break;
	}
	if (s->has_log && s->applying == NULL)
		rebuild_follow(s, was_lost);
	return any;
}

bool
store_unfinished(const struct store *s)
{
	return s->applying != NULL;
}

bool
store_idle(const struct store *s)
{
	return s->applying == NULL && commit_idle(s->commit);
}

void
store_flush(struct store *s, int64_t most_ns)
{
	const struct timespec pause = { .tv_nsec = NS_PER_MS };
	int64_t until_ns = os->mono_ns() + most_ns;

	while (!store_idle(s) && os->mono_ns() < until_ns) {
		store_kick(s);
		(void)store_poll(s);
		(void)nanosleep(&pause, NULL);
	}
}

uint64_t
store_next_execution_id(struct store *s)
{
	return ++s->last_execution_id;
}
