/* The life of sessions, without a clock, processes or connections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "log.h"
#include "os.h"
#include "request.h"
#include "session.h"
#include "store.h"
#include "tstamp.h"

#define S NS_PER_S
#define CONN(n) ((struct conn *)(void *)&t.conns[n])

static struct {
	struct os os;
	int64_t mono_ns;
	struct sessions *all;
	struct crews crews;
	struct crew *crew; /* of the rule under test */
	struct rule_spec *spec;
	char conns[4]; /* addresses are all that counts */
	struct buf events[4];
	bool closed[4], at_once[4];
	struct run *launch; /* of the last that was started */
	char sent[256];	    /* to that one */
	int stopped;	    /* how it was told to end last; -1: not */
	unsigned n_started, n_answers;
	bool deaf;    /* no event can be sent */
	bool foreign; /* no session may know of a job */
	struct run *ended;
	uint64_t began; /* the last execution told to have begun */
	struct err err;
} t;

static int64_t
mono_ns(void)
{
	return t.mono_ns;
}

static void
drop(struct run **run)
{
	if (*run == NULL)
		return;
	rule_spec_unref((*run)->spec);
	(*run)->spec = NULL;
	run_free(*run);
	*run = NULL;
}

static int
on_start(void *ctx, struct run *launch)
{
	(void)ctx;
	drop(&t.launch); /* of one that is not heard of again */
	t.launch = launch;
	t.stopped = -1;
	return (int)t.n_started++;
}

static void
on_send(void *ctx, unsigned agent, uint64_t execution_id, char *line, size_t n)
{
	(void)ctx;
	(void)execution_id;
	assert_int_equal(agent, t.n_started - 1);
	assert_true(n < sizeof(t.sent));
	memcpy(t.sent, line, n);
	t.sent[n] = '\0';
	free(line);
}

static void
on_answer(void *ctx, unsigned agent)
{
	(void)ctx;
	(void)agent;
	t.n_answers++;
}

static void
on_stop(void *ctx, unsigned agent, enum agent_stop how)
{
	(void)ctx;
	(void)agent;
	assert_true((int)how > t.stopped); /* each way once */
	t.stopped = (int)how;
}

static bool
may_have(void *ctx, const struct conn *conn, const char *job)
{
	(void)ctx;
	(void)conn;
	assert_string_equal(job, "job");
	return !t.foreign;
}

static struct buf *
on_event(void *ctx, struct conn *conn)
{
	(void)ctx;
	return t.deaf ? NULL : &t.events[(char *)conn - t.conns];
}

static void
on_close(void *ctx, struct conn *conn, bool now)
{
	(void)ctx;
	t.closed[(char *)conn - t.conns] = true;
	t.at_once[(char *)conn - t.conns] = now;
}

static void
on_run_event(void *ctx, const struct run_event *event)
{
	(void)ctx;
	if (event->kind == RUN_STARTED) {
		t.began = event->execution_id;
		return;
	}
	assert_null(t.ended);
	t.ended = event->run;
}

static void
on_room(void *ctx, const struct crew *crew)
{
	(void)ctx;
	(void)crew;
}

static void
on_spare(void *ctx, int64_t n)
{
	(void)ctx;
	t.crews.spare = n;
}

static const struct sessions_options options = {
	.max_sessions = 2,
	.connect_timeout_ns = 30 * S,
	.idle_timeout_ns = 300 * S,
	.max_lifespan_ns = 1500 * S,
	.max_output = 100,
	.start = on_start,
	.send = on_send,
	.answer = on_answer,
	.stop = on_stop,
	.may_have = may_have,
	.event = on_event,
	.close = on_close,
	.run_event = on_run_event,
	.room = on_room,
	.spare = on_spare,
};

static struct rule_spec *
parse(const char *words)
{
	struct slice list[3] = { slice_str("agent"), slice_str(words),
		slice_str("x") };

	return rule_spec_parse(list, *words == '\0' ? 1 : 3, &t.err);
}

/* A rule whose sessions the server starts, or (words "") that attach. */
static void
begin(const char *words)
{
	memset(&t, 0, sizeof(t));
	log_setup(LOG_LEVEL_OFF, LOG_LOGFMT, 2);
	t.os = os_system;
	t.os.mono_ns = mono_ns;
	os = &t.os;
	t.mono_ns = 1000 * S;
	t.crews.spare = options.max_sessions;
	assert_non_null(t.spec = parse(words));
	t.crew = crew_get(&t.crews, "rule", t.spec);
	assert_non_null(t.crew);
	crew_set_spec(t.crew, t.spec);
	assert_non_null(t.all = sessions_new(&options, &t.err));
}

static int
end(void **state)
{
	(void)state;
	drop(&t.ended);
	drop(&t.launch);
	sessions_free(t.all);
	crew_unref(t.crew);
	rule_spec_unref(t.spec);
	for (int i = 0; i < 4; i++)
		buf_free(&t.events[i]);
	assert_null(t.crews.first);
	os = &os_system;
	return 0;
}

static struct run *
new_run(uint64_t id)
{
	struct run *run = calloc(1, sizeof(*run));

	assert_non_null(run);
	run->execution_id = id;
	run->due_ns = 5;
	run->attempt = 1;
	run->spec = rule_spec_ref(t.spec);
	run->crew = t.crew;
	run->job = strdup("job");
	run->rule = strdup("rule");
	assert_non_null(run->job);
	assert_non_null(run->rule);
	return run;
}

static void
submit(uint64_t id)
{
	assert_true(sessions_submit(t.all, new_run(id)));
}

static void
refuse(uint64_t id)
{
	struct run *run = new_run(id);

	assert_false(sessions_submit(t.all, run));
	drop(&run);
}

static struct session *
attach(int conn)
{
	struct session *s = sessions_attach(t.all, t.crew, CONN(conn),
	    slice_str("w"), "peer", &t.err);

	assert_non_null(s);
	return s;
}

/* What the processor tells of the session that was started last. */
static void
tell(enum run_event_kind kind, uint64_t execution_id, int exit)
{
	struct run_event event = {
		.kind = kind,
		.owner = t.launch->owner,
		.execution_id = execution_id,
		.exit = exit,
		.pid = 77,
		.run = t.launch,
	};

	t.launch->exit = exit;
	if (kind == AGENT_ENDED)
		t.launch = NULL;
	sessions_event(t.all, &event);
}

static void
nobody(void *arg, struct slice note, const struct err *e)
{
	(void)arg;
	(void)note;
	(void)e;
}

static int
say_done(struct session *s, uint64_t id, int exit)
{
	const struct request_done q = { .execution_id = id,
		.exit = exit,
		.output = slice_str("out") };
	const struct store_waiter w = { .done = nobody, .note = slice_str("") };

	return session_done(s, &q, &w, &t.err);
}

static void
tick(int64_t after_ns)
{
	t.mono_ns += after_ns;
	sessions_tick(t.all, t.mono_ns);
}

static void
expect_ended(uint64_t id, enum run_outcome outcome, int exit)
{
	assert_non_null(t.ended);
	assert_int_equal(t.ended->execution_id, id);
	assert_int_equal(t.ended->outcome, outcome);
	assert_int_equal(t.ended->exit, exit);
	drop(&t.ended);
}

static void
expect_crew(int64_t serving, int64_t away, int64_t spare)
{
	assert_int_equal(t.crew->n_serving, serving);
	assert_int_equal(t.crew->n_away, away);
	assert_int_equal(t.crews.spare, spare);
}

static void
expect_state(uint64_t id, const char *word)
{
	const struct session *s = sessions_find(t.all, id);

	assert_non_null(s);
	assert_string_equal(session_state_word(s), word);
}

static void
attached_ones_serve(void **state)
{
	struct session *s;

	(void)state;
	begin("");
	refuse(1);
	s = attach(0);
	expect_crew(1, 0, 1);
	submit(1);
	assert_int_equal(t.began, 1);
	assert_string_equal(session_state_word(s), "busy");
	buf_add_byte(&t.events[0], '\0');
	assert_string_equal(t.events[0].ptr, "w RUN 1 job 5 1 \"\"\n");
	expect_crew(1, 0, 1);
	refuse(2);
	assert_int_equal(say_done(s, 2, 0), -1);
	assert_int_equal(t.err.code, ERR_NOT_FOUND);
	assert_int_equal(say_done(s, 1, 0), 0);
	assert_int_equal(t.ended->output[OUTPUT_STDOUT].len, 3);
	expect_ended(1, RUN_SUCCESS, 0);
	assert_int_equal(say_done(s, 1, 0), -1);
	assert_int_equal(t.err.code, ERR_CONFLICT);
	submit(2);
	assert_int_equal(say_done(s, 2, 9), 0);
	assert_string_equal(t.ended->reason, "exit status 9");
	expect_ended(2, RUN_FAILURE, 9);
	assert_int_equal(s->executions, 2);
	session_lost(s);
	expect_crew(0, 0, 2);
	expect_state(1, "stopped");
}

static void
the_number_is_bounded(void **state)
{
	(void)state;
	begin("");
	(void)attach(0);
	(void)attach(1);
	assert_null(sessions_attach(t.all, t.crew, CONN(2), slice_str("w"), "",
	    &t.err));
	assert_int_equal(t.err.code, ERR_LIMIT);
	/* And so is the memory of those that have ended. */
	for (uint64_t id = 2; id <= SESSIONS_KEPT + 3; id++) {
		session_lost(
		    (struct session *)(uintptr_t)sessions_find(t.all, id));
		(void)attach(1);
	}
	assert_null(sessions_find(t.all, 2));
	assert_null(sessions_find(t.all, 3));
	expect_state(4, "stopped");
	expect_state(1, "idle");
}

static void
a_lost_one_loses_its_run(void **state)
{
	struct session *s;

	(void)state;
	begin("");
	s = attach(0);
	submit(1);
	session_lost(s);
	assert_null(t.ended); /* not in the middle of something */
	assert_int_equal(sessions_wake_ns(t.all), 0);
	tick(0);
	expect_ended(1, RUN_LOST, RUN_EXIT_NONE);
	expect_state(1, "error");
	assert_int_equal(sessions_stats(t.all)->lost, 1);
}

static void
one_that_does_not_read_is_given_up(void **state)
{
	(void)state;
	begin("");
	(void)attach(0);
	t.deaf = true;
	refuse(1);
	assert_true(t.closed[0] && t.at_once[0]);
	expect_state(1, "error");
	expect_crew(0, 0, 2);
}

static void
one_that_may_not_have_it_goes(void **state)
{
	(void)state;
	begin("");
	(void)attach(0);
	t.foreign = true;
	refuse(1);
	assert_true(t.closed[0] && !t.at_once[0]);
	expect_state(1, "error");
	expect_crew(0, 0, 2);
}

static void
idle_and_old_ones_end(void **state)
{
	struct session *s;

	(void)state;
	begin("");
	(void)attach(0);
	assert_int_equal(sessions_wake_ns(t.all), t.mono_ns + 300 * S);
	tick(300 * S - 1);
	assert_false(t.closed[0]);
	tick(1);
	assert_true(t.closed[0] && !t.at_once[0]);
	expect_state(1, "stopped");
	s = attach(1);
	submit(1);
	assert_int_equal(sessions_wake_ns(t.all), SESSION_NEVER);
	tick(1500 * S);
	assert_false(t.closed[1]); /* between executions */
	assert_int_equal(say_done(s, 1, 0), 0);
	expect_ended(1, RUN_SUCCESS, 0);
	assert_true(t.closed[1]);
	expect_state(2, "stopped");
	assert_int_equal(sessions_stats(t.all)->idle, 1);
	assert_int_equal(sessions_stats(t.all)->expired, 1);
	assert_int_equal(sessions_stats(t.all)->seconds_le[4], 1); /* 300 */
	assert_int_equal(sessions_stats(t.all)->seconds_le[5], 1);
	assert_int_equal(sessions_stats(t.all)->seconds_le[6], 2); /* 1500 */
}

static void
starts_them_as_they_are_needed(void **state)
{
	(void)state;
	begin("program");
	assert_true(crew_allows(t.crew, 0, 1));
	assert_false(crew_allows(t.crew, 1, 1));
	submit(1);
	assert_int_equal(t.n_started, 1);
	assert_string_equal(t.sent, "");
	expect_state(1, "connecting");
	expect_crew(1, 0, 1);
	tell(AGENT_STARTED, 0, RUN_EXIT_NONE);
	tell(AGENT_SPOKE, 0, RUN_EXIT_NONE);
	assert_string_equal(t.sent, "1 RUN 1 job 5 1 \"\"\n");
	expect_state(1, "busy");
	output_add(&t.launch->output[OUTPUT_STDERR], "err", 3, 100);
	tell(AGENT_DONE, 1, 0);
	assert_int_equal(t.ended->output[OUTPUT_STDERR].len, 3);
	/* It waits for its answer: a second one would be over the limit. */
	expect_crew(0, 1, 1);
	expect_state(1, "busy");
	assert_false(crew_allows(t.crew, 0, 1));
	assert_int_equal(t.n_answers, 0);
	run_tell_recorded(t.ended);
	assert_int_equal(t.n_answers, 1);
	expect_ended(1, RUN_SUCCESS, 0);
	expect_state(1, "idle");
	submit(2);
	assert_int_equal(t.n_started, 1);
	assert_string_equal(t.sent, "1 RUN 2 job 5 1 \"\"\n");
	submit(3);
	assert_int_equal(t.n_started, 2);
	refuse(4);
	drop(&t.ended);
}

static struct session *
start_one(uint64_t id)
{
	submit(id);
	tell(AGENT_STARTED, 0, RUN_EXIT_NONE);
	tell(AGENT_SPOKE, 0, RUN_EXIT_NONE);
	return t.launch->owner;
}

/* All that there may be: one without work makes room. */
static void
makes_room_for_others(void **state)
{
	struct rule_spec *spec;
	struct crew *other;
	struct session *s;

	(void)state;
	begin("program");
	assert_non_null(spec = parse(""));
	assert_non_null(other = crew_get(&t.crews, "other", spec));
	crew_set_spec(other, spec);
	s = start_one(1);
	tell(AGENT_DONE, 1, 0);
	run_tell_recorded(t.ended);
	drop(&t.ended);
	assert_int_equal(sessions_wake_ns(t.all), t.mono_ns + 300 * S);
	assert_non_null(
	    sessions_attach(t.all, other, CONN(0), slice_str("w"), "", &t.err));
	assert_int_equal(sessions_wake_ns(t.all), t.mono_ns + S);
	tick(S - 1);
	assert_string_equal(session_state_word(s), "idle");
	tick(1);
	assert_int_equal(t.stopped, AGENT_END);
	assert_false(t.closed[0]); /* one that attached itself stays */
	tell(AGENT_ENDED, 0, 0);
	expect_crew(0, 0, 1);
	expect_state(1, "stopped");
	/* Or there is room by itself. */
	s = start_one(2);
	tell(AGENT_DONE, 2, 0);
	run_tell_recorded(t.ended);
	drop(&t.ended);
	session_lost((struct session *)(uintptr_t)sessions_find(t.all, 2));
	tick(S);
	assert_string_equal(session_state_word(s), "idle");
	assert_int_equal(sessions_wake_ns(t.all), t.mono_ns + 299 * S);
	crew_unref(other);
	rule_spec_unref(spec);
}

static void
a_silent_one_is_a_zombie(void **state)
{
	(void)state;
	begin("program");
	submit(1);
	tell(AGENT_STARTED, 0, RUN_EXIT_NONE);
	tick(30 * S - 1);
	assert_int_equal(t.stopped, -1);
	tick(1);
	assert_int_equal(t.stopped, AGENT_KILL);
	expect_state(1, "stopping");
	assert_null(t.ended);
	tell(AGENT_SPOKE, 0, RUN_EXIT_NONE); /* too late */
	assert_string_equal(t.sent, "");
	tell(AGENT_ENDED, 0, 137);
	tick(0);
	expect_ended(1, RUN_FAILURE, 137);
	expect_state(1, "error");
	assert_int_equal(sessions_stats(t.all)->zombies, 1);
	expect_crew(0, 0, 2);
}

static void
ends_harder_and_harder(void **state)
{
	(void)state;
	begin("program");
	(void)start_one(1);
	tell(AGENT_DONE, 1, 0);
	run_tell_recorded(t.ended);
	drop(&t.ended);
	tick(300 * S);
	assert_int_equal(t.stopped, AGENT_END);
	expect_crew(0, 1, 1);
	tick(5 * S);
	assert_int_equal(t.stopped, AGENT_TERM);
	tick(5 * S);
	assert_int_equal(t.stopped, AGENT_KILL);
	assert_int_equal(sessions_wake_ns(t.all), SESSION_NEVER);
	tell(AGENT_ENDED, 0, 137);
	expect_state(1, "stopped");
	expect_crew(0, 0, 2);
}

static void
a_timeout_ends_both(void **state)
{
	(void)state;
	begin("program");
	t.spec->number[OPTION_timeout] = 10 * S;
	(void)start_one(1);
	tick(10 * S);
	assert_int_equal(t.stopped, AGENT_TERM);
	/* What it says now comes too late. */
	tell(AGENT_DONE, 1, 0);
	assert_null(t.ended);
	/* And who cancels it wants no retry. */
	assert_true(sessions_cancel(t.all, 1, true));
	assert_int_equal(t.stopped, AGENT_KILL);
	tell(AGENT_ENDED, 0, 137);
	tick(0);
	expect_ended(1, RUN_CANCELLED, 0);
	expect_state(1, "error");
	assert_false(sessions_cancel(t.all, 1, true));
}

static void
stops_when_told_to(void **state)
{
	struct session *s;

	(void)state;
	begin("");
	s = attach(0);
	submit(1);
	assert_int_equal(sessions_stop(t.all, 1, false, &t.err), 0);
	expect_state(1, "stopping");
	assert_false(t.closed[0]);
	assert_int_equal(say_done(s, 1, 0), 0);
	expect_ended(1, RUN_SUCCESS, 0);
	assert_true(t.closed[0]);
	assert_int_equal(sessions_stop(t.all, 1, false, &t.err), -1);
	assert_int_equal(t.err.code, ERR_CONFLICT);
	assert_int_equal(sessions_stop(t.all, 9, false, &t.err), -1);
	assert_int_equal(t.err.code, ERR_NOT_FOUND);
	(void)attach(1);
	submit(2);
	assert_int_equal(sessions_stop(t.all, 2, true, &t.err), 0);
	assert_true(t.at_once[1]);
	tick(0);
	expect_ended(2, RUN_LOST, RUN_EXIT_NONE);
}

static void
drains(void **state)
{
	struct session *s;

	(void)state;
	begin("");
	s = attach(0);
	(void)attach(1);
	submit(1); /* the one that came last */
	sessions_drain(t.all);
	assert_true(t.closed[0] && !t.closed[1]);
	expect_state(s->id, "stopped");
	assert_null(sessions_attach(t.all, t.crew, CONN(2), slice_str("w"), "",
	    &t.err));
	assert_int_equal(t.err.code, ERR_UNAVAILABLE);
	assert_int_equal(sessions_alive(t.all), 1);
	assert_int_equal(
	    say_done((struct session *)(uintptr_t)sessions_find(t.all, 2), 1,
		0),
	    0);
	expect_ended(1, RUN_SUCCESS, 0);
	assert_int_equal(sessions_alive(t.all), 0);
}

/* Its rule has changed: it serves what matched before, then ends. */
static void
stale_ones_end(void **state)
{
	struct rule_spec *changed;

	(void)state;
	begin("program");
	(void)start_one(1);
	tell(AGENT_DONE, 1, 0);
	assert_non_null(changed = parse("other"));
	crew_set_spec(t.crew, changed);
	sessions_crew_changed(t.all, t.crew);
	run_tell_recorded(t.ended);
	drop(&t.ended);
	submit(2);
	assert_int_equal(t.n_started, 1);
	tell(AGENT_DONE, 2, 0);
	run_tell_recorded(t.ended);
	drop(&t.ended);
	tick(0);
	assert_int_equal(t.stopped, AGENT_END);
	tell(AGENT_ENDED, 0, 0);
	expect_state(1, "stopped");
	rule_spec_unref(changed);
}

/* What matched the rule as it was finds all places taken by one that serves the
 * rule as it is: that one makes room. */
static void
idle_ones_make_room(void **state)
{
	struct rule_spec *changed;

	(void)state;
	begin("program");
	submit(1);
	(void)start_one(2);
	tell(AGENT_DONE, 2, 0);
	run_tell_recorded(t.ended);
	drop(&t.ended);
	expect_crew(2, 0, 0);
	changed = t.spec;
	assert_non_null(t.spec = parse("before"));
	refuse(3);
	assert_int_equal(t.stopped, AGENT_END);
	expect_crew(1, 1, 0);
	rule_spec_unref(changed);
}

#define TEST(f) cmocka_unit_test_teardown(f, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(attached_ones_serve),
		TEST(the_number_is_bounded),
		TEST(a_lost_one_loses_its_run),
		TEST(one_that_does_not_read_is_given_up),
		TEST(one_that_may_not_have_it_goes),
		TEST(idle_and_old_ones_end),
		TEST(starts_them_as_they_are_needed),
		TEST(makes_room_for_others),
		TEST(a_silent_one_is_a_zombie),
		TEST(ends_harder_and_harder),
		TEST(a_timeout_ends_both),
		TEST(stops_when_told_to),
		TEST(drains),
		TEST(stale_ones_end),
		TEST(idle_ones_make_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
