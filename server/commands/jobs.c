/* SET GET INFO QUERY REMOVE RUN */
#include "commands.h"

#include "duration.h"
#include "history.h"
#include "listing.h"
#include "os.h"
#include "reply.h"
#include "run.h"
#include "schedule.h"
#include "scope.h"

int
cmd_set(struct conn *c, const struct request *r, struct err *e)
{
	const struct request_set *q = &r->u.set;
	struct server *s = c->server;
	struct store_waiter w = conn_waiter(c, r->id);
	struct record_set set = {
		.job = q->job,
		.due_ns = q->due_ns,
		.every_ns = q->every_ns,
		.until_ns = q->until_ns,
		.jitter_ns = q->jitter_ns,
		.cron = q->cron,
		.zone = q->zone,
		.payload = q->payload,
		.by_cron = q->due_is_cron,
	};
	bool recurs = q->every_ns != 0 || q->cron.ptr != NULL;
	bool known;

	if (!allowed(c, q->job, "job", e))
		return FAILED;
	if (recurs &&
	    schedule_check(s->zones, q, s->now_ns, &set.due_ns, e) == -1)
		return FAILED;
	/* Its rule may have been asked for just before. */
	if (job_must_wait(c, q->job, q->nx || q->xx) ||
	    (q->matched && conn_overtakes(c)))
		return WAIT;
	if (q->nx || q->xx) {
		known = jobs_find(store_jobs(s->store), q->job) != JOB_NONE;
		if (q->nx && known)
			return err_set(e, ERR_EXISTS, "the job exists");
		if (q->xx && !known)
			return err_quote(e, ERR_NOT_FOUND, q->job,
			    "no such job");
	}
	if (q->matched && rules_match(store_rules(s->store), q->job) == NULL)
		return err_quote(e, ERR_NOT_FOUND, q->job,
		    "no rule matches job");
	return conn_asked(c, store_set(s->store, &set, &w, e));
}

int
cmd_get(struct conn *c, const struct request *r, struct err *e)
{
	const struct job *job = job_find(c, r->u.name, e);
	struct buf *out;

	if (job == NULL)
		return FAILED;
	out = conn_reply(c);
	reply_begin_ok(out, r->id);
	reply_str(out, job_status_word(job_status(job)));
	reply_i64(out, job->due_ns);
	reply_end(out);
	return HANDLED;
}

static void
row_str(struct buf *out, struct slice id, const char *key, const char *value)
{
	reply_row_word(out, id, key, slice_str(value == NULL ? "-" : value));
}

static void
put_plan(struct buf *out, struct slice id, const struct job_plan *plan)
{
	static const struct job_plan none;
	struct buf every = { 0 };

	if (plan == NULL)
		plan = &none;
	if (plan->every_ns != 0) {
		buf_add_str(&every, "EVERY ");
		duration_put(&every, plan->every_ns);
		reply_row_word(out, id, "schedule", buf_slice(&every));
	} else {
		row_str(out, id, "schedule", plan->cron);
	}
	buf_free(&every);
	row_str(out, id, "timezone", plan->zone);
	reply_row_i64(out, id, "until_ns", plan->until_ns);
	reply_row_word(out, id, "payload",
	    plan->payload == NULL ? slice_str("-")
				  : slice_of(plan->payload, plan->payload_len));
}

/* The newest that has ended; all zero if there is none. */
static struct record_run
last_run(const struct job *job)
{
	struct record_run last = { 0 };
	struct record_reader in;

	record_read(&in, job_history(job));
	(void)history_next(&in, &last);
	return last;
}

/* The last run: the one that goes on, as far as it is known, else the newest
 * that has ended. */
static void
put_last_run(struct buf *out, struct slice id, const struct job *job)
{
	const struct record_run last = last_run(job);
	const struct job_extra *x = job->extra;
	uint32_t attempts = last.attempt;
	int64_t started_ns = last.started_ns;

	if (x != NULL && x->execution_id != 0) {
		attempts = x->attempt;
		started_ns = x->started_ns;
	}
	reply_row_u64(out, id, "attempts", attempts);
	reply_row_i64(out, id, "last_start_ns", started_ns);
	reply_row_i64(out, id, "last_end_ns", last.ended_ns);
	row_str(out, id, "last_outcome",
	    run_outcome_word((enum run_outcome)last.outcome));
	reply_begin(out, id);
	reply_str(out, "last_exit");
	put_exit(out, &last);
	reply_end(out);
	reply_begin(out, id);
	reply_str(out, "last_duration_ms");
	/* Of a run that ended with its server the wall clock is all there is.
	 */
	reply_ms(out,
	    last.ended_ns > last.started_ns ? last.ended_ns - last.started_ns
					    : 0);
	reply_end(out);
}

int
cmd_info(struct conn *c, const struct request *r, struct err *e)
{
	const struct job *job = job_find(c, r->u.name, e);
	struct server *s = c->server;
	struct slice id = r->id;
	const struct rule *rule;
	struct record_run last;
	struct buf *out;

	if (job == NULL)
		return FAILED;
	out = conn_reply(c);
	rule = rules_match(store_rules(s->store), job_id(job));
	reply_row_word(out, id, "job", job_id(job));
	row_str(out, id, "status", job_status_word(job_status(job)));
	reply_row_i64(out, id, "execution_ns", job->due_ns);
	row_str(out, id, "rule", rule == NULL ? NULL : rule->id);
	row_str(out, id, "runner",
	    rule == NULL ? NULL : runner_word(rule->spec->runner));
	put_plan(out, id, job->extra == NULL ? NULL : job->extra->plan);
	put_last_run(out, id, job);
	row_str(out, id, "hold", sched_hold_word(s->sched, job, os->wall_ns()));
	last = last_run(job);
	reply_begin(out, id);
	reply_str(out, "last_reason");
	put_reason(out, &last);
	reply_end(out);
	reply_ok(out, id);
	return HANDLED;
}

static struct slice
listed_id(const struct conn *c, uint32_t ref)
{
	return job_id(jobs_get(store_jobs(c->server->store), ref));
}

static bool
listed_visible(const struct conn *c, uint32_t ref)
{
	return scope_sees_name(c, listed_id(c, ref));
}

static bool
list_job(struct conn *c, struct listing *l, uint32_t ref)
{
	const struct job *job = jobs_get(store_jobs(c->server->store), ref);
	struct buf *out = conn_reply(c);

	if (l->left == 0)
		return false;
	if (l->status != -1 && (int)job_status(job) != l->status)
		return true;
	reply_begin(out, l->stream.id);
	reply_word(out, job_id(job));
	reply_str(out, job_status_word(job_status(job)));
	reply_i64(out, job->due_ns);
	reply_end(out);
	l->left--;
	return true;
}

int
cmd_query(struct conn *c, const struct request *r, struct err *e)
{
	const struct request_query *q = &r->u.query;
	struct slice prefix;
	struct listing *l;

	if (!scope_prefix(c, q->prefix, &prefix)) {
		reply_ok(conn_reply(c), r->id);
		return HANDLED;
	}
	l = listing_new(&store_jobs(c->server->store)->index, r->id, prefix, e);
	if (l == NULL)
		return FAILED;
	l->id_of = listed_id;
	l->visible = listed_visible;
	l->row = list_job;
	l->status = q->status;
	l->left = q->limit;
	if (q->after.ptr != NULL)
		listing_after(l, q->after);
	listing_start(c, l);
	return HANDLED;
}

int
cmd_remove(struct conn *c, const struct request *r, struct err *e)
{
	struct store_waiter w = conn_waiter(c, r->id);

	if (!allowed(c, r->u.name, "job", e))
		return FAILED;
	if (job_must_wait(c, r->u.name, true))
		return WAIT;
	if (job_find(c, r->u.name, e) == NULL)
		return FAILED;
	return conn_asked(c, store_remove(c->server->store, r->u.name, &w, e));
}

int
cmd_run(struct conn *c, const struct request *r, struct err *e)
{
	struct store_waiter w = conn_waiter(c, r->id);

	if (!allowed(c, r->u.name, "job", e))
		return FAILED;
	if (job_must_wait(c, r->u.name, true))
		return WAIT;
	return conn_asked(c, sched_run_job(c->server->sched, r->u.name, &w, e));
}
