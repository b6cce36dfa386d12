/*
 * When the log is lost (wal.h) nothing more is written to it, so nothing that
 * is durable changes: there is time to write all of it anew (rebuild.h), a
 * piece with each turn. The last step, the names, is the log writer's.
 */
#include "store_internal.h"

#include <string.h>

#include "os.h"

#define PIECE_BYTES 65536u
#define PIECE_NS 300000 /* so long is main held at most */
#define LOOK_EVERY 32u	/* entries between looks at the clock */

/* Where the walk goes on: behind an identifier. */
static void
go_behind(struct rebuild_place *p, struct slice id)
{
	memcpy(p->id, id.ptr, id.len);
	p->id_len = id.len;
	p->begun = true;
}

static void
next_stage(struct rebuild_place *p)
{
	p->stage++;
	p->id_len = 0;
	p->begun = false;
}

static void
put_rule(struct buf *out, const struct rule *rule)
{
	struct image_entry entry = { .kind = IMAGE_RULES };
	struct buf payload = { 0 };

	rules_put_record(&payload, rule_id(rule), rule_pattern(rule),
	    rule->spec, rule->paused);
	entry.payload = buf_slice(&payload);
	rebuild_put(out, &entry);
	out->failed |= payload.failed;
	buf_free(&payload);
}

static void
put_entry(struct buf *out, enum entry_kind kind, const struct entry *entry)
{
	const struct record_entry r = { .kind = kind,
		.id = entry_id(entry),
		.value = entry_value(entry) };
	struct image_entry image = { .kind = IMAGE_ENTRIES };
	struct buf record = { 0 };

	record_put_entry(&record, RECORD_ENTRY_SET, &r);
	if (record.failed) {
		out->failed = true;
	} else {
		image.payload = slice_of(record.ptr + RECORD_HEADER_LEN,
		    record.len - RECORD_HEADER_LEN);
		rebuild_put(out, &image);
	}
	buf_free(&record);
}

static void
put_plan(struct record_set *set, const struct job_plan *plan)
{
	set->every_ns = plan->every_ns;
	set->until_ns = plan->until_ns;
	set->jitter_ns = plan->jitter_ns;
	set->by_cron = plan->cadence != NULL && plan->cadence->by_cron;
	if (plan->cron != NULL)
		set->cron = slice_str(plan->cron);
	if (plan->zone != NULL)
		set->zone = slice_str(plan->zone);
	if (plan->payload != NULL)
		set->payload = slice_of(plan->payload, plan->payload_len);
}

static void
put_job(struct buf *out, const struct job *job)
{
	const struct job_extra *x = job->extra;
	struct image_entry entry = { .kind = IMAGE_JOBS };
	bool taken = job->phase == PHASE_TAKEN; /* which is not durable */

	entry.set.job = job_id(job);
	entry.set.due_ns = entry.run.due_ns = job->due_ns;
	entry.run.phase = taken ? PHASE_PLANNED : (enum job_phase)job->phase;
	entry.history = job_history(job);
	if (x != NULL && x->plan != NULL)
		put_plan(&entry.set, x->plan);
	if (x != NULL && !taken) {
		entry.run.execution_id = x->execution_id;
		entry.run.attempt = x->attempt;
		entry.run.started_ns = x->started_ns;
		entry.run.run_due_ns = x->run_due_ns;
		entry.run.lost = x->lost;
		entry.run.losses = x->losses;
		entry.run.stop = x->stop;
	}
	if (x != NULL)
		entry.going = slice_of(x->going.ptr, x->going.len);
	rebuild_put(out, &entry);
}

/* Append up to LOOK_EVERY of the present stage; false: it has no more. */
static bool
put_some(struct store *s, struct buf *out)
{
	struct rebuild_place *p = &s->place;
	struct slice from = slice_of(p->id, p->id_len);
	struct entries_walk entries;
	struct radix_walk walk;
	const struct entry *entry;
	uint32_t ref;

	if (p->stage == 0)
		radix_seek(&walk, &s->rules.by_id, from, p->begun);
	else if (p->stage == 1)
		radix_seek(&walk, &s->jobs.index, from, p->begun);
	else
		entries_seek(&entries, &s->entries,
		    (enum entry_kind)(p->stage - 1), from, p->begun);
	for (unsigned i = 0; i < LOOK_EVERY; i++) {
		if (p->stage > 1) {
			if ((entry = entries_step(&entries)) == NULL)
				return false;
			put_entry(out, (enum entry_kind)(p->stage - 1), entry);
			go_behind(p, entry_id(entry));
			continue;
		}
		if ((ref = radix_step(&walk)) == RADIX_NONE)
			return false;
		if (p->stage == 0) {
			put_rule(out, rules_by_slot(&s->rules, ref));
			go_behind(p, rule_id(rules_by_slot(&s->rules, ref)));
		} else {
			put_job(out, jobs_get(&s->jobs, ref));
			go_behind(p, job_id(jobs_get(&s->jobs, ref)));
		}
	}
	return true;
}

/* Rules, jobs, entries of each kind. */
#define STAGES (1u + ENTRY_KIND_END)

static void
fill(struct store *s, struct buf *out)
{
	int64_t until_ns = os->mono_ns() + PIECE_NS;

	while (s->place.stage < STAGES && out->len < PIECE_BYTES &&
	    os->mono_ns() < until_ns)
		if (!put_some(s, out))
			next_stage(&s->place);
	rebuild_give(s->rebuild, s->place.stage == STAGES);
}

static void
begin(struct store *s)
{
	struct image_header h = { .epoch = s->epoch,
		.last_seq = s->lost.next_seq - 1,
		.created_ns = os->wall_ns(),
		.last_execution_id = s->last_execution_id };
	struct err e;

	memcpy(h.log_id, s->log_id, LOG_ID_LEN);
	s->rebuild_wanted = false;
	s->place = (struct rebuild_place){ 0 };
	s->rebuild =
	    rebuild_start(s->path, &h, s->options.wake, s->options.arg, &e);
	s->rebuilding = s->rebuild != NULL;
	if (s->rebuild == NULL)
		memcpy(s->stats.rebuild_error, e.msg, sizeof(e.msg));
}

/* All is done, or could not be: the next check tries again. */
static void
end(struct store *s, const struct wal_state *wal, const struct err *e)
{
	struct store_stats *stats = &s->stats;

	s->rebuilding = false;
	if (e != NULL) {
		memcpy(stats->rebuild_error, e->msg, sizeof(e->msg));
	} else if (wal != NULL) { /* as it is when there is no error */
		stats->rebuild_error[0] = '\0';
		stats->lost = false;
		stats->failing = false;
		stats->rebuilds++;
		stats->log_bytes = wal->bytes;
		atomic_store(&s->wal.has_image, true);
		s->first_seq = wal->first_seq;
		s->room = wal->room;
		s->unfolded = false;
	}
	if (s->compress_again) {
		s->compress_again = false;
		compression_start(s);
	}
}

static void
go_on(struct store *s)
{
	struct wal_state wal;
	struct buf *out;
	off_t bytes;
	struct err e;
	int rc;

	if (s->rebuild != NULL) {
		if ((out = rebuild_buffer(s->rebuild)) != NULL)
			fill(s, out);
		if ((rc = rebuild_poll(&s->rebuild, &bytes, &e)) == 1) {
			s->stats.image_bytes = bytes;
			commit_order(s->commit, ORDER_REPLACE);
		} else if (rc == -1) {
			end(s, NULL, &e);
		}
		return;
	}
	if ((rc = commit_ended(s->commit, ORDER_REPLACE, &wal, &e)) != 0)
		end(s, &wal, rc == 1 ? NULL : &e);
}

void
rebuild_note(struct store *s, const struct wal_state *wal, const char *why)
{
	struct store_stats *stats = &s->stats;

	if (s->rebuilding || (!wal->lost && !stats->lost))
		return;
	if (wal->lost && !stats->lost) {
		stats->losses++;
		memcpy(stats->lost_error, why, sizeof(stats->lost_error));
		s->options.wake(s->options.arg); /* for the next turn */
	}
	stats->lost = wal->lost;
	s->lost = *wal;
	s->rebuild_wanted = wal->lost;
}

void
rebuild_order(struct store *s)
{
	if (s->losing || s->rebuilding)
		return;
	s->losing = true;
	commit_order(s->commit, ORDER_LOSE);
}

void
store_check(struct store *s)
{
	if (!s->has_log || s->checking || s->rebuilding)
		return;
	s->checking = true;
	commit_order(s->commit, ORDER_CHECK);
}

void
rebuild_follow(struct store *s, bool was_lost)
{
	struct wal_state wal;
	struct err e = { .msg = "" };

	if (s->checking &&
	    commit_ended(s->commit, ORDER_CHECK, &wal, &e) != 0) {
		s->checking = false;
		rebuild_note(s, &wal, e.msg);
	}
	if (s->losing && commit_ended(s->commit, ORDER_LOSE, &wal, &e) != 0) {
		s->losing = false;
		rebuild_note(s, &wal, e.msg);
	}
	if (s->rebuilding)
		go_on(s);
	/* Not in the turn in which it became known: what was durable before
	 * that is applied first. */
	else if (was_lost && s->rebuild_wanted && s->compress == NULL &&
	    !s->switching && !s->checking && !s->losing)
		begin(s);
}
