#include "probing.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "os.h"
#include "server.h"

/* The order for the processor; NULL: out of memory. */
static struct run *
make_run(const struct integration *i, uint64_t number)
{
	struct run *run = calloc(1, sizeof(*run));

	if (run == NULL)
		return NULL;
	run->execution_id = number;
	run->attempt = 1;
	run->job = slice_dup(integration_id(i));
	run->rule = strdup("");
	if (run->job == NULL || run->rule == NULL) {
		run_free(run);
		return NULL;
	}
	run->spec = rule_spec_ref(i->probe->spec);
	return run;
}

static void
begin(struct server *s, struct integration *i)
{
	struct probing *p = &s->monitor.probing;
	struct run *run = make_run(i, ++p->last_number);
	bool taken;

	if (run == NULL) {
		p->failed = true;
		return;
	}
	i->probe->number = run->execution_id;
	p->n++;
	taken = processor_probe(s->processor, run);
	assert(taken); /* nobody else probes */
	(void)taken;
}

/* Begin as many more as there is room for. */
static void
go_on(struct server *s)
{
	struct probing *p = &s->monitor.probing;
	struct integration *i;

	while (p->more && p->n < PROCESSOR_PROBES) {
		i = integrations_next(s->monitor.integrations, &p->at);
		if (i == NULL)
			p->more = false;
		else if (i->probe != NULL && i->probe->number == 0)
			begin(s, i);
	}
	if (!p->more && p->n == 0)
		task_end(&s->monitor.tasks[TASK_INTEGRATION_PROBE], p->failed);
}

void
probing_poll(struct server *s)
{
	struct task *task = &s->monitor.tasks[TASK_INTEGRATION_PROBE];
	struct probing *p = &s->monitor.probing;

	if (p->more || s->draining)
		return;
	if (task->running) /* a probe takes longer than a poll lasts */
		task_end(task, p->failed);
	task_begin(task);
	p->failed = false;
	p->more = true;
	p->at = 0;
	go_on(s);
}

void
probing_ended(struct server *s, struct run *run)
{
	struct integration *i =
	    integrations_find(s->monitor.integrations, slice_str(run->job));

	s->monitor.probing.n--;
	/* Not if it was removed or set anew meanwhile. */
	if (i != NULL && i->probe != NULL &&
	    i->probe->number == run->execution_id)
		integrations_probed(s->monitor.integrations, i, run,
		    os->mono_ns());
	rule_spec_unref(run->spec);
	run_free(run);
	go_on(s);
}
