#include "store_internal.h"

#include "os.h"
#include "tstamp.h"

static int
bad_record(struct err *e)
{
	return err_set(e, ERR_INVALID, "its content makes no sense");
}

static int
apply_rule(struct store *s, const struct record *r, void *prepared,
    struct err *e)
{
	struct rule *rule = prepared;

	if (rule == NULL) { /* recovery */
		if (jobs_reserve(&s->jobs, 1) == -1)
			return err_nomem(e);
		if (rules_reserve(&s->rules, 1, e) == -1 ||
		    (rule = rule_new(r->payload, e)) == NULL)
			return -1;
	}
	rule = rules_apply_set(&s->rules, rule);
	if (s->hooks.rule_changed != NULL)
		s->hooks.rule_changed(s->hooks.ctx, rule);
	return 0;
}

static int
apply_rule_remove(struct store *s, const struct record *r, struct err *e)
{
	struct record_reader in;
	struct slice id;
	struct rule *rule;

	record_read(&in, r->payload);
	id = record_get_name(&in);
	if (!record_done(&in))
		return bad_record(e);
	rule = rules_apply_remove(&s->rules, id);
	if (rule != NULL && s->hooks.rule_removed != NULL)
		s->hooks.rule_removed(s->hooks.ctx, rule);
	rule_free(rule);
	return 0;
}

static int
apply_rule_pause(struct store *s, const struct record *r, struct err *e)
{
	struct record_reader in;
	struct rule *rule;
	struct slice id;
	bool paused;

	record_read(&in, r->payload);
	paused = record_get_u8(&in) != 0;
	id = record_get_name(&in);
	if (!record_done(&in))
		return bad_record(e);
	rule = rules_apply_pause(&s->rules, id, paused);
	if (rule != NULL && s->hooks.rule_changed != NULL)
		s->hooks.rule_changed(s->hooks.ctx, rule);
	return 0;
}

static int
apply_job_remove(struct store *s, const struct record *r, struct err *e)
{
	struct record_reader in;
	struct slice job;

	record_read(&in, r->payload);
	job = record_get_name(&in);
	if (!record_done(&in))
		return bad_record(e);
	jobs_apply_remove(&s->jobs, job);
	return 0;
}

static int
apply_entry(struct store *s, const struct record *r, void *prepared,
    struct err *e)
{
	struct record_entry entry;
	char *value = prepared;

	if (record_get_entry(r->type, r->payload, &entry, e) == -1)
		return -1;
	if (r->type == RECORD_ENTRY_REMOVE) {
		entries_apply_remove(&s->entries, &entry);
		return 0;
	}
	if (value == NULL && /* recovery */
	    (value = entry_value_new(entry.value, e)) == NULL)
		return -1;
	entries_apply_set(&s->entries, &entry, value);
	return 0;
}

int
store_apply(struct store *s, const struct record *r, void *prepared,
    struct err *e)
{
	struct job_extra *extra = prepared;
	struct record_set set;
	struct record_run run;

	switch (r->type) {
	case RECORD_JOB_SET:
		if (!record_get_set(r->payload, &set))
			return bad_record(e);
		if (s->commit == NULL && job_extra_new(&set, &extra) == -1)
			return err_nomem(e);
		return jobs_apply_set(&s->jobs, &set, extra) == 0
		    ? 0
		    : err_nomem(e);
	case RECORD_JOB_REMOVE:
		return apply_job_remove(s, r, e);
	case RECORD_JOB_TRIGGER:
	case RECORD_JOB_START:
	case RECORD_JOB_FINISH:
	case RECORD_JOB_STOP:
		if (!record_get_run(r->type, r->payload, &run))
			return bad_record(e);
		if (s->last_execution_id < run.execution_id)
			s->last_execution_id = run.execution_id;
		return jobs_apply_run(&s->jobs, r->type, &run) == 0
		    ? 0
		    : err_nomem(e);
	case RECORD_RULE_SET:
		return apply_rule(s, r, prepared, e);
	case RECORD_RULE_REMOVE:
		return apply_rule_remove(s, r, e);
	case RECORD_RULE_PAUSE:
		return apply_rule_pause(s, r, e);
	case RECORD_ENTRY_SET:
	case RECORD_ENTRY_REMOVE:
		return apply_entry(s, r, prepared, e);
	default:
		return bad_record(e);
	}
}

/* Now and then, say how far recovery has come. */
static void
progress(struct store *s)
{
	int64_t now_ns;

	if (++s->seen % 65536 != 0 || s->options.progress == NULL)
		return;
	now_ns = os->mono_ns();
	if (now_ns - s->seen_ns < NS_PER_S)
		return;
	s->seen_ns = now_ns;
	s->options.progress(s->options.arg, s->seen);
}

int
store_recover_record(void *arg, const struct record *r, struct err *e)
{
	struct store *s = arg;

	progress(s);
	if (jobs_reserve(&s->jobs, 1) == -1)
		return err_nomem(e);
	return store_apply(s, r, NULL, e);
}

int
store_recover_entry(void *arg, const struct image_entry *entry, struct err *e)
{
	struct record r = { .payload = entry->payload };
	struct store *s = arg;

	progress(s);
	if (jobs_reserve(&s->jobs, 1) == -1)
		return err_nomem(e);
	if (entry->kind == IMAGE_JOBS)
		return jobs_load(&s->jobs, &entry->set, &entry->run,
			   entry->history, entry->going) == 0
		    ? 0
		    : err_nomem(e);
	r.type = image_record_type(entry->kind);
	return store_apply(s, &r, NULL, e);
}

void
store_move_job(struct store *s, uint32_t ref, int64_t due_ns)
{
	const struct job *job = jobs_get(&s->jobs, ref);

	jobs_move(&s->jobs, ref, due_ns);
	if (s->job_changed != NULL)
		s->job_changed(s->job_changed_ctx, job_id(job), job);
}
