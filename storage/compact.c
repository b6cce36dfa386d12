#include "compact.h"

#include <stdlib.h>

#include "entries.h"
#include "jobs.h"
#include "rules.h"

struct compact {
	struct jobs jobs;
	struct rules rules;
	struct entries entries;
	bool walking;
	struct radix_walk rule_walk, job_walk;
	enum entry_kind kind; /* of the entries being walked */
	struct entries_walk entry_walk;
	struct buf payload; /* of the rule to print */
};

struct compact *
compact_new(struct err *e)
{
	struct compact *c = calloc(1, sizeof(*c));

	if (c == NULL || jobs_init(&c->jobs) == -1) {
		free(c);
		(void)err_nomem(e);
		return NULL;
	}
	rules_init(&c->rules, &c->jobs.arena);
	entries_init(&c->entries, &c->jobs.arena);
	return c;
}

void
compact_free(struct compact *c)
{
	if (c == NULL)
		return;
	entries_fini(&c->entries);
	rules_fini(&c->rules);
	jobs_fini(&c->jobs);
	buf_free(&c->payload);
	free(c);
}

static int
nonsense(struct err *e)
{
	return err_set(e, ERR_INVALID, "its content makes no sense");
}

static int
set_job(struct compact *c, struct slice payload, struct err *e)
{
	struct record_set set;
	struct job_extra *extra;

	if (!record_get_set(payload, &set))
		return nonsense(e);
	if (job_extra_new(&set, &extra) == -1)
		return err_nomem(e);
	if (jobs_apply_set(&c->jobs, &set, extra) == -1) {
		job_extra_free(extra);
		return err_nomem(e);
	}
	return 0;
}

static int
run_job(struct compact *c, const struct record *r, struct err *e)
{
	struct record_run run;

	if (!record_get_run(r->type, r->payload, &run))
		return nonsense(e);
	return jobs_apply_run(&c->jobs, r->type, &run) == 0 ? 0 : err_nomem(e);
}

static int
set_rule(struct compact *c, struct slice payload, struct err *e)
{
	struct rule *rule;

	if (rules_reserve(&c->rules, 1, e) == -1 ||
	    (rule = rule_new(payload, e)) == NULL)
		return -1;
	(void)rules_apply_set(&c->rules, rule);
	return 0;
}

static int
change_entry(struct compact *c, enum record_type type, struct slice payload,
    struct err *e)
{
	struct record_entry entry;
	char *value;

	if (record_get_entry(type, payload, &entry, e) == -1)
		return -1;
	if (type == RECORD_ENTRY_REMOVE) {
		entries_apply_remove(&c->entries, &entry);
		return 0;
	}
	if ((value = entry_value_new(entry.value, e)) == NULL)
		return -1;
	entries_apply_set(&c->entries, &entry, value);
	return 0;
}

int
compact_record(struct compact *c, const struct record *r, struct err *e)
{
	struct slice name = record_subject(r->type, r->payload);

	if (name.len == 0)
		return nonsense(e);
	if (jobs_reserve(&c->jobs, 1) == -1)
		return err_nomem(e);
	switch (r->type) {
	case RECORD_JOB_SET:
		return set_job(c, r->payload, e);
	case RECORD_JOB_REMOVE:
		jobs_apply_remove(&c->jobs, name);
		return 0;
	case RECORD_RULE_SET:
		return set_rule(c, r->payload, e);
	case RECORD_RULE_REMOVE:
		rule_free(rules_apply_remove(&c->rules, name));
		return 0;
	case RECORD_RULE_PAUSE:
		(void)rules_apply_pause(&c->rules, name,
		    r->payload.ptr[0] != 0);
		return 0;
	case RECORD_ENTRY_SET:
	case RECORD_ENTRY_REMOVE:
		return change_entry(c, r->type, r->payload, e);
	default:
		return run_job(c, r, e);
	}
}

int
compact_entry(struct compact *c, const struct image_entry *entry, struct err *e)
{
	if (jobs_reserve(&c->jobs, 1) == -1)
		return err_nomem(e);
	if (entry->kind == IMAGE_RULES)
		return set_rule(c, entry->payload, e);
	if (entry->kind == IMAGE_ENTRIES)
		return change_entry(c, RECORD_ENTRY_SET, entry->payload, e);
	/* Another log may have a job of this name. */
	jobs_apply_remove(&c->jobs, entry->set.job);
	return jobs_load(&c->jobs, &entry->set, &entry->run, entry->history,
		   entry->going) == 0
	    ? 0
	    : err_nomem(e);
}

static void
put_job(struct buf *out, const struct print *p, const struct job *job)
{
	const struct job_plan *plan =
	    job->extra == NULL ? NULL : job->extra->plan;
	struct record_set set = { .job = job_id(job), .due_ns = job->due_ns };

	if (plan != NULL) {
		set.every_ns = plan->every_ns;
		set.until_ns = plan->until_ns;
		set.jitter_ns = plan->jitter_ns;
		set.by_cron = plan->cadence != NULL && plan->cadence->by_cron;
		if (plan->cron != NULL)
			set.cron = slice_str(plan->cron);
		if (plan->zone != NULL)
			set.zone = slice_str(plan->zone);
		if (plan->payload != NULL)
			set.payload =
			    slice_of(plan->payload, plan->payload_len);
	}
	print_job(out, p, &set, job_status(job));
}

static void
begin_walks(struct compact *c)
{
	const struct slice first = slice_of("", 0);

	radix_seek(&c->rule_walk, &c->rules.by_id, first, false);
	radix_seek(&c->job_walk, &c->jobs.index, first, false);
	c->kind = 1;
	entries_seek(&c->entry_walk, &c->entries, c->kind, first, false);
	c->walking = true;
}

/* The next entry, of whatever kind, or NULL. */
static const struct entry *
next_entry(struct compact *c)
{
	const struct entry *entry;

	while ((entry = entries_step(&c->entry_walk)) == NULL) {
		if (++c->kind == ENTRY_KIND_END)
			return NULL;
		entries_seek(&c->entry_walk, &c->entries, c->kind,
		    slice_of("", 0), false);
	}
	return entry;
}

static bool
put_next_entry(struct compact *c, struct buf *out, const struct print *p)
{
	const struct entry *entry = next_entry(c);
	struct record_entry shown;

	if (entry == NULL)
		return false;
	shown.kind = c->kind;
	shown.id = entry_id(entry);
	shown.value = entry_value(entry);
	print_entry_left(out, p, &shown);
	return true;
}

bool
compact_print(struct compact *c, struct buf *out, const struct print *p)
{
	const struct rule *rule;
	uint32_t ref;

	if (!c->walking)
		begin_walks(c);
	if ((ref = radix_step(&c->rule_walk)) != RADIX_NONE) {
		rule = rules_by_slot(&c->rules, ref);
		buf_clear(&c->payload);
		rules_put_record(&c->payload, rule_id(rule), rule_pattern(rule),
		    rule->spec, rule->paused);
		if (c->payload.failed ||
		    !print_rule(out, p, buf_slice(&c->payload)))
			out->failed = true;
		return true;
	}
	if ((ref = radix_step(&c->job_walk)) == RADIX_NONE)
		return put_next_entry(c, out, p);
	put_job(out, p, jobs_get(&c->jobs, ref));
	return true;
}
