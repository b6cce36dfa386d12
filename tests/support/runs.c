#include "runs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX 16
/* No test takes a tenth of it: one that hangs is to die, not to be waited
 * for. */
#define PATIENCE_S 300

static struct {
	struct processor *processor;
	sem_t woken;
	struct run *last;
	unsigned files_before;
	pid_t child_before; /* -1: none */
} runs;

static void
wake(void *arg)
{
	(void)sem_post(arg);
}

static void
start(unsigned max_inflight, int64_t network_limit_ns)
{
	char minus_c[] = "-c";
	const struct strings args = { .bytes = minus_c,
		.len = sizeof(minus_c),
		.n = 1 };
	const struct processor_options o = { .shell_path = "/bin/sh",
		.shell_args = &args,
		.max_inflight = max_inflight,
		.max_output = RUNS_MAX_OUTPUT,
		.network_limit_ns = network_limit_ns,
		.wake = wake,
		.wake_arg = &runs.woken };
	struct err e;

	runs.processor = processor_start(&o, &e);
	assert_non_null(runs.processor);
}

static void
drop(struct run *run)
{
	if (run == NULL)
		return;
	rule_spec_unref(run->spec);
	run_free(run);
}

unsigned
runs_open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	assert_int_equal(closedir(dir), 0);
	return n;
}

void
runs_await_files(void)
{
	processor_stop(runs.processor);
	while (runs_open_files() != runs.files_before)
		(void)sched_yield();
	start(64, 0);
}

int
runs_setup(void **state)
{
	(void)state;
	(void)alarm(PATIENCE_S);
	/* Orphans become our children: their end can be waited for. */
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	/* As the server has it. */
	assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	runs.files_before = runs_open_files();
	runs.child_before = waitpid(-1, NULL, WNOHANG);
	assert_true(runs.child_before <= 0);
	assert_int_equal(sem_init(&runs.woken, 0, 0), 0);
	start(64, 0);
	return 0;
}

int
runs_teardown(void **state)
{
	(void)state;
	processor_stop(runs.processor);
	drop(runs.last);
	runs.last = NULL;
	assert_int_equal(waitpid(-1, NULL, WNOHANG), runs.child_before);
	assert_int_equal(runs_open_files(), runs.files_before);
	assert_int_equal(sem_destroy(&runs.woken), 0);
	return 0;
}

void
runs_restart(unsigned max_inflight)
{
	processor_stop(runs.processor);
	start(max_inflight, 0);
}

void
runs_start_again(void)
{
	start(64, 0);
}

void
runs_restart_limited(int64_t network_limit_ns)
{
	processor_stop(runs.processor);
	start(64, network_limit_ns);
}

struct processor *
runs_processor(void)
{
	return runs.processor;
}

typedef struct rule_spec *parse_cb(const struct slice *words, size_t n,
    struct err *e);

static struct rule_spec *
parse(const char *line, parse_cb *parse_words)
{
	struct slice word[WORDS_MAX];
	struct rule_spec *spec;
	size_t n = 0, i, words;
	const char *end;
	struct err e;
	bool admin;

	for (;; line = end + 1) {
		end = strchrnul(line, '\t');
		assert_true(n < WORDS_MAX);
		word[n++] = slice_of(line, (size_t)(end - line));
		if (*end == '\0')
			break;
	}
	for (words = 0; words < n; words++)
		if (slice_eq(word[words], slice_str("--")))
			break;
	if ((spec = parse_words(word, words, &e)) == NULL)
		fail_msg("%s", e.msg);
	for (i = words + 1; i < n; i++)
		if (rule_spec_set_option(spec, word[i], &admin, &e) == -1)
			fail_msg("%s", e.msg);
	return spec;
}

static struct run *new (uint64_t id, const char *line, parse_cb *parse_words)
{
	struct run *run = calloc(1, sizeof(*run));

	assert_non_null(run);
	run->execution_id = id;
	run->due_ns = 1711612800000000000;
	run->attempt = 1;
	run->spec = parse(line, parse_words);
	run->job = strdup("test.job");
	run->rule = strdup("test.rule");
	assert_non_null(run->job);
	assert_non_null(run->rule);
	return run;
}

struct run *
runs_new(uint64_t id, const char *line)
{
	return new (id, line, rule_spec_parse);
}

void
runs_submit(uint64_t id, const char *line)
{
	assert_true(processor_submit(runs.processor, runs_new(id, line)));
}

bool
runs_submit_probe(uint64_t id, const char *line)
{
	struct run *run = new (id, line, rule_spec_parse_probe);

	if (processor_probe(runs.processor, run))
		return true;
	drop(run);
	return false;
}

struct run_event
runs_event(void)
{
	struct run_event event;

	while (!processor_take(runs.processor, &event))
		(void)sem_wait(&runs.woken);
	return event;
}

pid_t
runs_started(uint64_t id)
{
	struct run_event event = runs_event();

	assert_int_equal(event.kind, RUN_STARTED);
	assert_int_equal(event.execution_id, id);
	assert_true(event.pid > 1);
	return event.pid;
}

void
runs_await_wake(void)
{
	(void)sem_wait(&runs.woken);
}

static const struct run *
end_of(enum run_event_kind kind, uint64_t id)
{
	struct run_event event;

	for (;;) {
		event = runs_event();
		if (event.kind == RUN_STARTED)
			continue;
		drop(runs.last);
		runs.last = event.run;
		if (event.kind == kind && (id == 0 || event.execution_id == id))
			return event.run;
	}
}

const struct run *
runs_finished(uint64_t id)
{
	return end_of(RUN_FINISHED, id);
}

const struct run *
runs_probed(uint64_t id)
{
	return end_of(RUN_PROBED, id);
}

const struct run *
runs_run(const char *line)
{
	runs_submit(1, line);
	return runs_finished(1);
}

const struct run *
runs_probe(const char *line)
{
	assert_true(runs_submit_probe(1, line));
	return runs_probed(1);
}

void
runs_expect(const struct run *run, enum run_outcome outcome, int exit,
    const char *output)
{
	const struct output *o = &run->output[OUTPUT_STDOUT];

	if (run->outcome != outcome || run->exit != exit)
		fail_msg("%s %d: %s", run_outcome_word(run->outcome), run->exit,
		    run->reason);
	assert_true(run->started_ns <= run->ended_ns);
	assert_int_equal(run->reason[0] == '\0', outcome == RUN_SUCCESS);
	if (output == NULL)
		return;
	if (!slice_eq(slice_of(o->bytes, o->len), slice_str(output)))
		fail_msg("output \"%.*s\", not \"%s\"", (int)o->len, o->bytes,
		    output);
}

void
runs_await_group_gone(pid_t group)
{
	while (waitpid(-group, NULL, 0) > 0)
		;
	assert_int_equal(kill(-group, 0), -1);
	assert_int_equal(errno, ESRCH);
}
