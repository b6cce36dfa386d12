/* Watching with libtick, against a server that plays a script. */
#include <inttypes.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "script.h"
#include "tick.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define FOREVER (-1)

static struct script script;

static struct tick *
begin(const struct step *steps, size_t n)
{
	struct tick_options o = TICK_OPTIONS_INIT;
	struct tick *t;

	script_start(&script, steps, n);
	o.address = script.address;
	t = tick_connect(&o);
	assert_non_null(t);
	assert_int_equal(tick_err(t), TICK_OK);
	return t;
}

static void
end(struct tick *t)
{
	tick_close(t);
	script_end(&script);
}

static void
ping(struct tick *t)
{
	static const char *const words[] = { "PING" };

	assert_int_equal(tick_call(t, NULL, words, 1), 0);
}

/* The next event is of this watch and topic, with this first field. */
static const struct tick_event *
expect(struct tick *t, uint64_t watch, const char *topic, int64_t time_ns,
    const char *field)
{
	const struct tick_event *e;

	assert_int_equal(tick_next_event(t, &e, FOREVER), 0);
	assert_non_null(e);
	assert_int_equal(e->watch, watch);
	assert_string_equal(e->topic, topic);
	assert_true(e->time_ns == time_ns);
	assert_true(e->fields.n_words > 0);
	assert_string_equal(e->fields.words[0].ptr, field);
	return e;
}

static void
test_watch(void **state)
{
	static const struct step steps[] = {
		RECEIVE("1 WATCH jobs invoice.\n"),
		SEND("1 OK\n1 EVENT jobs 17 invoice.1 planned 18\n"),
		SEND_BYTEWISE("1 EVENT jobs 19 invoice.2 \"a \\\"b\\n\" 0\r\n"),
		RECEIVE("2 UNWATCH 1\n"),
		SEND("1 EVENT jobs 20 invoice.3 planned 1\n2 OK\n"),
		RECEIVE("3 WATCH audit\n"),
		SEND("3 ERROR denied not for you\n"),
		WAIT_END,
	};
	struct tick *t = begin(steps, COUNT(steps));
	const struct tick_event *e;
	uint64_t watch = 0;

	(void)state;
	assert_int_equal(tick_watch(t, "jobs", "invoice.", &watch), 0);
	assert_int_equal(watch, 1);
	e = expect(t, 1, "jobs", 17, "invoice.1");
	assert_int_equal(e->fields.n_words, 3);
	assert_string_equal(e->fields.words[2].ptr, "18");
	e = expect(t, 1, "jobs", 19, "invoice.2");
	assert_string_equal(e->fields.words[1].ptr, "a \"b\n");
	/* One that came before the OK of UNWATCH is still handed out. */
	assert_int_equal(tick_unwatch(t, watch), 0);
	(void)expect(t, 1, "jobs", 20, "invoice.3");
	assert_int_equal(tick_next_event(t, &e, 0), 0);
	assert_null(e);
	assert_int_equal(tick_watch(t, "audit", "", NULL), -1);
	assert_int_equal(tick_err(t), TICK_ERR_DENIED);
	assert_true(tick_is_open(t));
	end(t);
}

/* Events before a reply are kept, in order, whatever their words. */
static void
test_between_replies(void **state)
{
	static const struct step steps[] = {
		RECEIVE("1 WATCH jobs\n2 WATCH alerts\n"),
		SEND("1 OK\n1 EVENT jobs 1 a planned 5\n2 OK\n"),
		RECEIVE("3 PING\n"),
		SEND("2 EVENT alerts 2 raised \"two words\" \"\" \"\\\\\"\n"
		     "1 EVENT jobs 3 \"EVENT\" executed 5\n"
		     "3 EVENT is a row\n"
		     "3 OK\n"
		     "1 EVENT jobs 4 last executed 5\n"),
		WAIT_END,
	};
	struct tick *t = begin(steps, COUNT(steps));
	const struct tick_event *e;

	(void)state;
	assert_int_equal(tick_append_line(t, "WATCH jobs"), 0);
	assert_int_equal(tick_append_line(t, "WATCH alerts"), 0);
	assert_int_equal(tick_next_event(t, &e, 0), -1);
	assert_int_equal(tick_err(t), TICK_ERR_USAGE);
	assert_int_equal(tick_read(t, NULL), 0);
	assert_int_equal(tick_read(t, NULL), 0);
	ping(t);
	(void)expect(t, 1, "jobs", 1, "a");
	e = expect(t, 2, "alerts", 2, "raised");
	assert_int_equal(e->fields.n_words, 4);
	assert_string_equal(e->fields.words[1].ptr, "two words");
	assert_string_equal(e->fields.words[2].ptr, "");
	assert_string_equal(e->fields.words[3].ptr, "\\");
	(void)expect(t, 1, "jobs", 3, "EVENT");
	(void)expect(t, 1, "jobs", 4, "last");
	end(t);
}

/* What does not fit is counted, and the count comes where they are missing. */
static void
test_lost(void **state)
{
#define EVENT_LINE "1 EVENT jobs 7 0123456789012345678901234567890 planned 1\n"
	enum { SENT = 40000 };
	static const struct step steps[] = {
		RECEIVE("1 WATCH jobs\n"),
		SEND("1 OK\n"),
		RECEIVE("2 PING\n"),
		FLOOD(EVENT_LINE, SENT),
		SEND("1 EVENT dropped 1000\n2 OK\n"),
		RECEIVE("3 PING\n"),
		SEND("1 EVENT dropped 3\n1 EVENT jobs 8 x planned 1\n3 OK\n"),
		WAIT_END,
	};
	struct tick *t = begin(steps, COUNT(steps));
	const struct tick_event *e;
	uint64_t kept = 0, lost;

	(void)state;
	assert_int_equal(tick_watch(t, "jobs", NULL, NULL), 0);
	ping(t);
	for (;; kept++) {
		assert_int_equal(tick_next_event(t, &e, 0), 0);
		assert_non_null(e);
		if (strcmp(e->topic, "dropped") == 0)
			break;
	}
	assert_true(kept == TICK_EVENTS_MAX_BYTES / (sizeof(EVENT_LINE) - 1));
	assert_int_equal(e->watch, 0);
	assert_int_equal(e->fields.n_words, 1);
	lost = strtoull(e->fields.words[0].ptr, NULL, 10);
	assert_int_equal(kept + lost, SENT + 1000);
	/* Then it goes on; what the server dropped is passed on. */
	ping(t);
	(void)expect(t, 1, "dropped", 0, "3");
	(void)expect(t, 1, "jobs", 8, "x");
	end(t);
}

/* The deadline ends the wait, not the connection; half a line waits. */
static void
test_no_event(void **state)
{
	static const struct step steps[] = {
		RECEIVE("1 WATCH jobs\n"),
		SEND("1 OK\n1 EVENT jobs 1 "),
		RECEIVE("2 PING\n"),
		SEND("a planned 5\n2 OK\n"),
		WAIT_END,
	};
	struct tick *t = begin(steps, COUNT(steps));
	const struct tick_event *e;

	(void)state;
	assert_int_equal(tick_watch(t, "jobs", NULL, NULL), 0);
	assert_int_equal(tick_next_event(t, &e, 0), 0);
	assert_null(e);
	assert_int_equal(tick_next_event(t, &e, 10), 0);
	assert_null(e);
	assert_int_equal(tick_err(t), TICK_OK);
	assert_true(tick_is_open(t));
	ping(t);
	(void)expect(t, 1, "jobs", 1, "a");
	end(t);
}

/* A loop of one's own: wait for the socket, then do not wait. */
static void
test_own_loop(void **state)
{
	static const struct step steps[] = {
		RECEIVE("1 WATCH jobs\n"),
		SEND("1 OK\n"),
		RECEIVE("2 PING\n"),
		SEND("2 OK\n1 EVENT jobs 1 a planned 5\n"),
		WAIT_END,
	};
	struct tick *t = begin(steps, COUNT(steps));
	struct pollfd p = { .events = POLLIN };
	const struct tick_event *e = NULL;

	(void)state;
	assert_int_equal(tick_watch(t, "jobs", NULL, NULL), 0);
	/* So it can wait for a reply, too. */
	p.fd = tick_fd(t);
	assert_int_equal(tick_append_line(t, "PING"), 0);
	assert_int_equal(tick_flush(t), 0);
	assert_int_equal(poll(&p, 1, FOREVER), 1);
	assert_int_equal(tick_read(t, NULL), 0);
	while (e == NULL) {
		assert_int_equal(tick_next_event(t, &e, 0), 0);
		if (e == NULL)
			assert_int_equal(poll(&p, 1, FOREVER), 1);
	}
	assert_string_equal(e->fields.words[0].ptr, "a");
	end(t);
}

/* Complete lines before the close are handed out, half of one is not. */
static void
test_close(void **state)
{
	static const struct step steps[] = {
		RECEIVE("1 WATCH jobs\n"),
		SEND("1 OK\n1 EVENT jobs 1 a planned 5\n1 EVENT jobs 2 b pla"),
	};
	struct tick *t = begin(steps, COUNT(steps));
	const struct tick_event *e;

	(void)state;
	assert_int_equal(tick_watch(t, "jobs", NULL, NULL), 0);
	(void)expect(t, 1, "jobs", 1, "a");
	assert_int_equal(tick_next_event(t, &e, FOREVER), -1);
	assert_null(e);
	assert_int_equal(tick_err(t), TICK_ERR_CLOSED);
	assert_false(tick_is_open(t));
	assert_int_equal(tick_fd(t), -1);
	assert_int_equal(tick_next_event(t, &e, 0), -1);
	assert_int_equal(tick_watch(t, "jobs", NULL, NULL), -1);
	assert_int_equal(tick_unwatch(t, 1), -1);
	assert_int_equal(tick_err(t), TICK_ERR_CLOSED);
	end(t);
}

/* What is no event, and no reply either, ends the connection. */
static void
expect_end(const char *line, enum tick_error code)
{
	const struct step steps[] = {
		RECEIVE("1 WATCH jobs\n"),
		SEND("1 OK\n"),
		{ STEP_SEND, line, strlen(line), 1 },
		WAIT_END,
	};
	struct tick *t = begin(steps, COUNT(steps));
	const struct tick_event *e;

	assert_int_equal(tick_watch(t, "jobs", NULL, NULL), 0);
	assert_int_equal(tick_next_event(t, &e, FOREVER), -1);
	assert_int_equal(tick_err(t), code);
	assert_false(tick_is_open(t));
	end(t);
}

static void
test_nonsense(void **state)
{
	(void)state;
	expect_end("1 EVENT\n", TICK_ERR_PROTOCOL);
	expect_end("1 EVENT jobs\n", TICK_ERR_PROTOCOL);
	expect_end("1 EVENT jobs never a\n", TICK_ERR_PROTOCOL);
	expect_end("1 EVENT jobs -1 a\n", TICK_ERR_PROTOCOL);
	expect_end("x EVENT jobs 1 a\n", TICK_ERR_PROTOCOL);
	expect_end("1 OK\n", TICK_ERR_PROTOCOL);
	expect_end("1 EVENT jobs 1 \"a\n", TICK_ERR_PROTOCOL);
	expect_end("- ERROR unavailable going down\n", TICK_ERR_UNAVAILABLE);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_watch),
		cmocka_unit_test(test_between_replies),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_no_event),
		cmocka_unit_test(test_own_loop),
		cmocka_unit_test(test_close),
		cmocka_unit_test(test_nonsense),
	};

	return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
