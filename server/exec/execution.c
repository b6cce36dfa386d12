#include "execution.h"

#include <assert.h>

#include "sandbox.h"

/*
 *              begin                 timeout, cancel
 *     FREE -----------> RUNNING ------------------------> STOPPING
 *      ^ \__________      |         runner stop; deadline   | |  ^
 *      |  not startable   | end     becomes kill_after      | |__| deadline:
 *      |__________________|_________________________________|      stop, forced
 *                            end
 *
 * Invariants:
 *  1. Not free: run is set and its runner will call execution_end.
 *  2. Stopping: run->outcome is set and execution_end keeps it; a cancel that
 *     comes after a timeout or the server's end replaces it, so that no retry
 *     follows.
 */

static void
arm(struct execution *x, int64_t after_ns)
{
	struct ev_loop *loop = x->executor->loop;

	/* Starting children takes time that the loop's clock has not seen. */
	ev_now_update(loop);
	ev_timer_stop(loop, &x->deadline);
	ev_timer_set(&x->deadline, (double)after_ns / 1e9, 0.);
	ev_timer_start(loop, &x->deadline);
}

static void
stop(struct execution *x, enum run_outcome outcome, bool force)
{
	int64_t kill_after_ns = x->run->spec->number[OPTION_kill_after];

	x->run->outcome = outcome;
	if (kill_after_ns == 0)
		force = true;
	if (x->phase == EXECUTION_RUNNING) {
		x->phase = EXECUTION_STOPPING;
		arm(x, kill_after_ns);
	}
	x->runner->stop(x, force);
}

static void
on_deadline(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct execution *x = w->data;

	(void)loop;
	(void)revents;
	if (x->phase == EXECUTION_RUNNING) {
		x->executor->timed_out(x);
		stop(x, RUN_TIMEOUT, false);
	} else {
		x->runner->stop(x, true);
	}
}

void
execution_init(struct execution *x, struct executor *executor)
{
	*x = (struct execution){ .executor = executor };
	ev_init(&x->deadline, on_deadline);
	x->deadline.data = x;
}

static void
settle(struct execution *x)
{
	struct run *run = x->run;
	int i;

	run_ends(run);
	for (i = 0; i < OUTPUT_STREAMS; i++)
		output_settle(&run->output[i]);
	ev_timer_stop(x->executor->loop, &x->deadline);
	x->phase = EXECUTION_FREE;
	x->run = NULL;
	x->executor->ended(x, run);
}

/* What cannot be honoured is refused, never left out. */
static int
start(struct execution *x)
{
	struct run *run = x->run;
	const struct rule_spec *spec = run->spec;
	int64_t sandbox = spec->number[OPTION_sandbox];

	x->pid = 0;
	if ((x->runner = runner_find(spec->runner)) == NULL)
		return run_explain(run, "runner %s is not built in",
		    runner_word(spec->runner));
	if (sandbox != SANDBOX_NONE && !x->runner->sandboxed)
		return run_explain(run, "runner %s has no sandbox",
		    runner_word(spec->runner));
	if (sandbox == SANDBOX_KATA)
		return run_explain(run, "sandbox kata " SANDBOX_KATA_WHY);
	return x->runner->start(x);
}

void
execution_begin(struct execution *x, struct run *run)
{
	int64_t timeout_ns = run->spec->number[OPTION_timeout];

	assert(x->phase == EXECUTION_FREE);
	x->run = run;
	run->outcome = RUN_NONE;
	run->exit = RUN_EXIT_NONE;
	run->answered = run->starved = false;
	run->reason[0] = '\0';
	run_begins(run);
	if (start(x) == -1) {
		run->outcome = RUN_FAILURE;
		settle(x);
		return;
	}
	x->phase = EXECUTION_RUNNING;
	if (timeout_ns > 0)
		arm(x, timeout_ns);
	x->executor->started(x);
}

void
execution_cancel(struct execution *x, bool force)
{
	if (x->phase != EXECUTION_FREE)
		stop(x, RUN_CANCELLED, force);
}

void
execution_abandon(struct execution *x)
{
	if (x->phase == EXECUTION_RUNNING)
		stop(x, RUN_LOST, false);
}

static void
stopped(struct run *run)
{
	const char *why = "cancelled";

	if (run->outcome == RUN_TIMEOUT)
		why = RUN_WHY_TIMEOUT;
	else if (run->outcome == RUN_LOST)
		why = "the server stopped";
	run->answered = false; /* to the stop, if at all */
	(void)run_explain(run, "%s", why);
}

void
execution_end(struct execution *x, bool success)
{
	struct run *run = x->run;

	if (run->outcome == RUN_NONE)
		run->outcome = success ? RUN_SUCCESS : RUN_FAILURE;
	else
		stopped(run);
	settle(x);
}
