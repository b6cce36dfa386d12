/*
 * Random work on the scheduler, with a disk that fails, runs that end in any
 * order and a server that dies. Whatever happens, each job that was set runs
 * exactly once (or once more for each time it was running when the server
 * died), unless it was set anew or removed before; and none that was, but what
 * ran when its job was set anew and was lost with the server.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "prng.h"
#include "sched_rig.h"
#include "tstamp.h"
#include "token.h"

#define T0 (1000000 * NS_PER_S)
#define N_NAMES 12u
#define PLANS_MAX 20000u

/* One SET, known by its payload. */
struct plan {
	unsigned name;
	unsigned n_runs;
	unsigned n_allowed; /* by crashes and RUN */
	bool accepted, refused;
	bool over;     /* set anew or removed, and that is durable */
	bool removed;  /* or its job, later */
	bool again;    /* it ran nevertheless, and was lost */
	bool may_fail; /* at most once, and the server died */
};

struct change {
	unsigned plan; /* 0: a REMOVE */
	unsigned name;
};

static struct rig rig;
static struct plan plan[PLANS_MAX];
static unsigned n_plans;
static unsigned current[N_NAMES]; /* the plan that counts; 0: no job */
static bool at_most_once;

static void
on_submit(void *arg, const struct run *run)
{
	unsigned i = (unsigned)strtoul(run->payload, NULL, 10);

	(void)arg;
	plan[i].n_runs++;
	if (plan[i].over && !plan[i].again)
		fail_msg("%s: plan %u runs, but is over", run->job, i);
	if (plan[i].n_runs > plan[i].n_allowed)
		fail_msg("%s: plan %u runs %u times", run->job, i,
		    plan[i].n_runs);
}

static void
name_of(unsigned i, char text[16])
{
	(void)snprintf(text, 16, "%c.%u", i % 3 == 0 ? 'a' : 'b', i);
}

static void
changed(void *arg, struct slice note, const struct err *e)
{
	struct change c;

	(void)arg;
	memcpy(&c, note.ptr, sizeof(c));
	if (c.plan != 0) {
		plan[c.plan].accepted = e == NULL;
		plan[c.plan].refused = e != NULL;
	}
	if (e != NULL)
		return;
	plan[current[c.name]].over = true;
	current[c.name] = c.plan;
	for (unsigned i = 1; c.plan == 0 && i <= n_plans; i++)
		if (plan[i].name == c.name) {
			plan[i].again = false;
			plan[i].removed = plan[i].over;
		}
}

static struct store_waiter
waiter(const struct change *c)
{
	return (struct store_waiter){ .done = changed,
		.note = slice_of((const char *)c, sizeof(*c)) };
}

static void
ask_set(struct prng *p, unsigned name)
{
	struct change c = { .plan = ++n_plans, .name = name };
	struct store_waiter w = waiter(&c);
	char text[16], payload[16];
	struct record_set set;
	struct err e;

	assert_true(n_plans < PLANS_MAX);
	plan[n_plans] = (struct plan){ .name = name, .n_allowed = 1 };
	name_of(name, text);
	(void)snprintf(payload, sizeof(payload), "%u", n_plans);
	memset(&set, 0, sizeof(set));
	set.job = slice_str(text);
	set.payload = slice_str(payload);
	set.due_ns =
	    rig.now_ns + ((int64_t)prng_below(p, 20) - 4) * 10 * NS_PER_MS;
	assert_int_equal(store_set(rig.box.store, &set, &w, &e), 0);
}

static void
ask_remove(unsigned name)
{
	struct change c = { .plan = 0, .name = name };
	struct store_waiter w = waiter(&c);
	char text[16];
	struct err e;

	name_of(name, text);
	assert_int_equal(store_remove(rig.box.store, slice_str(text), &w, &e),
	    0);
}

/* RUN is for idle jobs alone, as dispatch sees to it. */
static void
ask_run(unsigned name)
{
	char text[16];

	name_of(name, text);
	if (store_busy(rig.box.store, store_slot(STORE_JOB, slice_str(text)),
		true) ||
	    current[name] == 0)
		return;
	plan[current[name]].n_allowed++;
	if (rig_run(&rig, text) == -1)
		plan[current[name]].n_allowed--;
}

/* Runs of earlier plans that the server takes along: those without a result
 * that is durable. */
static void
allow_lost(const struct job *job)
{
	struct record_reader in;
	struct going g;

	if (at_most_once || job == NULL || job->extra == NULL)
		return;
	record_read(&in,
	    slice_of(job->extra->going.ptr, job->extra->going.len));
	while (going_next(&in, &g)) {
		uint64_t n; /* no byte of ours ends the payload */

		assert_int_equal(token_u64(g.payload, n_plans, &n), 0);

		assert_true(plan[n].over && !plan[n].removed);
		plan[n].again = true;
		plan[n].n_allowed++;
	}
}

static void
die(struct prng *p)
{
	char text[16];

	/* What was asked for and not answered never was. */
	rig_settle(&rig);
	for (unsigned i = 0; i < N_NAMES; i++) {
		const struct job *job;

		name_of(i, text);
		job = box_job(&rig.box, text);
		allow_lost(job);
		if (current[i] == 0 || job_status(job) != JOB_TRIGGERED)
			continue;
		if (at_most_once)
			plan[current[i]].may_fail = true;
		else
			plan[current[i]].n_allowed++;
	}
	fault_none();
	rig_kill(&rig, rig.now_ns + prng_below(p, 50) * NS_PER_MS);
}

static void
step(struct prng *p)
{
	unsigned name = prng_below(p, N_NAMES);

	switch (prng_below(p, 24)) {
	case 0:
	case 1:
	case 2:
	case 3:
		ask_set(p, name);
		break;
	case 4:
		ask_remove(name);
		break;
	case 5:
		ask_run(name);
		break;
	case 6:
		box_rule_pause(&rig.box, "rule.b", prng_below(p, 2) == 0);
		break;
	case 7:
		fault_at(FAULT_PWRITEV, 1 + prng_below(p, 4),
		    1 + prng_below(p, 6), ENOSPC);
		break;
	case 8:
		fault_at(FAULT_FALLOCATE, 1, 1 + prng_below(p, 6), ENOSPC);
		break;
	case 9:
		if (prng_below(p, 12) == 0)
			die(p);
		break;
	case 10:
	case 11:
	case 12:
	case 13:
	case 14:
		if (rig.n_runs > 0)
			rig_finish(&rig, prng_below(p, (uint32_t)rig.n_runs),
			    prng_below(p, 4) == 0 ? RUN_FAILURE : RUN_SUCCESS);
		break;
	case 15:
	case 16:
		rig_settle(&rig);
		break;
	case 17: /* the clock is set */
		rig_tick(&rig,
		    rig.now_ns +
			((int64_t)prng_below(p, 7) - 3) * 100 * NS_PER_MS);
		break;
	default:
		/* Changes may be under way while time goes on. */
		rig.now_ns += prng_below(p, 40) * NS_PER_MS;
		fault_set_wall(rig.now_ns);
		(void)sched_tick(rig.sched, rig.now_ns);
		store_kick(rig.box.store);
	}
}

/* All comes to an end: the disk works, nothing is paused, time goes on. */
static void
come_to_rest(void)
{
	fault_none();
	box_rule_pause(&rig.box, "rule.b", false);
	rig_settle(&rig);
	for (unsigned i = 0; i < 100; i++) {
		rig_at(&rig, rig.now_ns + NS_PER_S);
		rig_finish_all(&rig);
	}
	assert_true(sched_idle(rig.sched));
	rig_expect_stats(&rig, 0, 0);
}

static void
check_all(void)
{
	unsigned n_runs = 0, n_current = 0;
	char text[16];

	for (unsigned i = 0; i < N_NAMES; i++) {
		const struct job *job;

		name_of(i, text);
		job = box_job(&rig.box, text);
		assert_int_equal(job != NULL, current[i] != 0);
		if (job == NULL)
			continue;
		n_current++;
		if (job->phase != PHASE_EXECUTED && job->phase != PHASE_FAILED)
			fail_msg("%s: plan %u is left in phase %u", text,
			    current[i], job->phase);
		if (plan[current[i]].n_runs == 0 && !plan[current[i]].may_fail)
			fail_msg("%s: plan %u never ran", text, current[i]);
	}
	for (unsigned i = 1; i <= n_plans; i++) {
		n_runs += plan[i].n_runs;
		assert_true(!plan[i].refused || plan[i].n_runs == 0);
	}
	assert_int_equal(jobs_total(store_jobs(rig.box.store)), n_current);
	assert_int_equal(n_runs, rig.n_submitted);
}

static void
work(uint64_t seed, const char *path, unsigned n_steps)
{
	struct prng p = { seed };

	memset(plan, 0, sizeof(plan));
	memset(current, 0, sizeof(current));
	n_plans = 0;
	rig_begin(&rig, path, 1 + prng_below(&p, 4), T0);
	rig.on_submit = on_submit;
	box_rule(&rig.box, "rule.a", "a", "shell true");
	box_rule(&rig.box, "rule.b", "b",
	    at_most_once ? "shell true -- on_crash=fail" : "shell true");
	box_rule(&rig.box, "rule.a", "a",
	    at_most_once ? "shell true -- on_crash=fail" : "shell true");
	rig_settle(&rig);
	for (unsigned i = 0; i < n_steps; i++) {
		step(&p);
		/* A full batch is not for us. */
		if (i % 20 == 0)
			rig_settle(&rig);
	}
	rig_settle(&rig);
	come_to_rest();
	check_all();
}

static int
teardown(void **state)
{
	(void)state;
	rig_end(&rig);
	return 0;
}

static void
each_job_runs_once(void **state)
{
	unsigned n_jobs = 0;

	(void)state;
	at_most_once = false;
	for (uint64_t seed = 1; seed <= 30; seed++) {
		work(seed, "log", 600);
		n_jobs += n_plans;
		rig_end(&rig);
	}
	print_message("%u jobs\n", n_jobs);
}

static void
each_job_runs_at_most_once(void **state)
{
	unsigned n_jobs = 0;

	(void)state;
	at_most_once = true;
	for (uint64_t seed = 101; seed <= 130; seed++) {
		work(seed, "log", 600);
		n_jobs += n_plans;
		rig_end(&rig);
	}
	print_message("%u jobs\n", n_jobs);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, teardown)
	const struct CMUnitTest tests[] = {
		TEST(each_job_runs_once),
		TEST(each_job_runs_at_most_once),
	};

	return cmocka_run_group_tests_name("conserve", tests, NULL, NULL);
}
