/*
 * The n-th allocation on the way of a change fails, for all n: the change is
 * refused with `limit`, nothing else happens, and the next one is taken in.
 * The linker puts the functions of this file before those of the C library
 * (see the Makefile).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "alert.h"
#include "integrations.h"
#include "map_limit.h"
#include "store_box.h"
#include "tick.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *s);

/* Allocations until one fails; 0: none does. */
static atomic_ulong countdown;

static bool
fails(void)
{
	unsigned long n = atomic_load(&countdown);

	return n > 0 && atomic_fetch_sub(&countdown, 1) == 1;
}

void *
__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

char *
__wrap_strdup(const char *s)
{
	return fails() ? NULL : __real_strdup(s);
}

static struct box box;
static struct rule_spec *spec;
static char folder[] = "/tmp/test_nomem.XXXXXX";
static char path[sizeof(folder) + 8], lock[sizeof(path) + 8];

static int
setup(void **state)
{
	(void)state;
	memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/log", folder);
	(void)snprintf(lock, sizeof(lock), "%s.lock", path);
	spec = box_spec("shell true -- retries=3 env=A=1 env=B=2");
	box_init(&box);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	atomic_store(&countdown, 0);
	map_limit(-1);
	box_fini(&box);
	rule_spec_unref(spec);
	(void)unlink(path);
	(void)unlink(lock);
	return rmdir(folder);
}

/* The changes, each asked for with a name of its own number. */

typedef int ask_cb(struct slice name, const struct store_waiter *w,
    struct err *e);

static int
ask_set(struct slice name, const struct store_waiter *w, struct err *e)
{
	struct record_set set = { .job = name, .due_ns = 5 };

	return store_set(box.store, &set, w, e);
}

static int
ask_set_plan(struct slice name, const struct store_waiter *w, struct err *e)
{
	struct record_set set = { .job = name,
		.due_ns = 5,
		.every_ns = 7,
		.cron = slice_str("* * * * *"),
		.zone = slice_str("UTC"),
		.payload = slice_str("payload") };

	return store_set(box.store, &set, w, e);
}

static int
ask_remove(struct slice name, const struct store_waiter *w, struct err *e)
{
	return store_remove(box.store, name, w, e);
}

static int
ask_trigger(struct slice name, const struct store_waiter *w, struct err *e)
{
	struct record_run run = { .job = name, .execution_id = 3 };

	return store_run(box.store, RECORD_JOB_TRIGGER, &run, WAL_TRIGGER, w,
	    e);
}

static int
ask_finish(struct slice name, const struct store_waiter *w, struct err *e)
{
	struct record_run run = { .job = name,
		.rule = slice_str("rule"),
		.execution_id = 3,
		.outcome = 1 };

	return store_run(box.store, RECORD_JOB_FINISH, &run, WAL_RESULT, w, e);
}

static int
ask_rule(struct slice name, const struct store_waiter *w, struct err *e)
{
	return store_rule_set(box.store, name, name, spec, false, w, e);
}

static int
ask_rule_pause(struct slice name, const struct store_waiter *w, struct err *e)
{
	return store_rule_pause(box.store, name, true, w, e);
}

static int
ask_rule_remove(struct slice name, const struct store_waiter *w, struct err *e)
{
	return store_rule_remove(box.store, name, w, e);
}

static int
ask_entry(struct slice name, const struct store_waiter *w, struct err *e)
{
	return store_entry_set(box.store, ENTRY_ALERT, name, name, w, e);
}

static int
ask_entry_remove(struct slice name, const struct store_waiter *w, struct err *e)
{
	return store_entry_remove(box.store, ENTRY_ALERT, name, w, e);
}

static ask_cb *const asks[] = { ask_set, ask_set_plan, ask_trigger, ask_finish,
	ask_rule, ask_rule_pause, ask_rule_remove, ask_entry, ask_entry_remove,
	ask_remove };

#define N_ASKS (sizeof(asks) / sizeof(asks[0]))

/* Ask with the n-th allocation failing. Whether none was needed that late. */
static bool
ask_with_fault(ask_cb *ask, struct slice name, unsigned long n)
{
	static struct buf before, after;
	struct store_waiter w = box_waiter(&box);
	unsigned n_ok = box.n_ok;
	struct err e;
	int rc;

	box_print(&box, &before);
	atomic_store(&countdown, n);
	rc = ask(name, &w, &e);
	if (atomic_exchange(&countdown, 0) > 0) {
		assert_int_equal(rc, 0);
		box_settle(&box);
		assert_int_equal(box.n_ok, n_ok + 1);
		return true;
	}
	if (rc == 0) {
		/* Nothing that it needs. */
		box_settle(&box);
		assert_int_equal(box.n_ok, n_ok + 1);
		return false;
	}
	if (e.code != ERR_LIMIT)
		fail_msg("%.*s: %s", (int)name.len, name.ptr, e.msg);
	assert_true(store_idle(box.store));
	box_print(&box, &after);
	assert_string_equal(before.ptr, after.ptr);
	assert_int_equal(ask(name, &w, &e), 0);
	box_settle(&box);
	assert_int_equal(box.n_ok, n_ok + 1);
	return false;
}

static void
ask_all(bool in_memory)
{
	size_t n_failed = 0;
	char text[32];

	for (size_t i = 0; i < N_ASKS; i++) {
		for (unsigned long n = 1;; n++) {
			/* New each time: buffers that have grown stay. */
			box_close(&box);
			assert_int_equal(
			    box_open(&box, in_memory ? NULL : path), 0);
			(void)snprintf(text, sizeof(text), "name.%zu.%lu", i,
			    n);
			if (asks[i] == ask_finish || asks[i] == ask_remove ||
			    asks[i] == ask_trigger)
				box_set(&box, text, 1);
			if (asks[i] == ask_rule_pause ||
			    asks[i] == ask_rule_remove)
				box_rule(&box, text, text, "shell true");
			if (asks[i] == ask_entry_remove)
				box_entry(&box, ENTRY_ALERT, text, "v");
			box_settle(&box);
			if (ask_with_fault(asks[i], slice_str(text), n))
				break;
			n_failed++;
		}
	}
	print_message("%zu allocations failed\n", n_failed);
	assert_true(n_failed >= N_ASKS);
}

static void
a_store_in_memory_refuses(void **state)
{
	(void)state;
	ask_all(true);
}

static void
a_store_with_a_log_refuses(void **state)
{
	static struct buf before, after;

	(void)state;
	ask_all(false);
	box_print(&box, &before);
	box_close(&box);
	assert_int_equal(box_open(&box, path), 0);
	box_print(&box, &after);
	assert_string_equal(before.ptr, after.ptr);
}

/* A start that has no memory fails and can be repeated. */
static void
a_start_fails(void **state)
{
	static struct buf before, after;
	unsigned long n = 0;

	(void)state;
	assert_int_equal(box_open(&box, path), 0);
	box_set_payload(&box, "a", 1, "payload");
	box_rule(&box, "rule", "a", "shell true -- retries=1");
	box_entry(&box, ENTRY_ALERT, "cpu", "raised");
	box_run(&box, RECORD_JOB_TRIGGER, "a", 1, WAL_TRIGGER);
	box_settle(&box);
	box_print(&box, &before);
	for (;;) {
		box_close(&box);
		atomic_store(&countdown, ++n);
		if (box_open(&box, path) == -1) {
			atomic_store(&countdown, 0);
			assert_int_equal(box.fault, STORE_FAILED);
			assert_int_equal(box_open(&box, path), 0);
		}
		box_print(&box, &after);
		assert_string_equal(before.ptr, after.ptr);
		if (atomic_exchange(&countdown, 0) > 0)
			break;
	}
	print_message("%lu allocations failed\n", n - 1);
}

static struct integrations *
open_integrations(void)
{
	struct err e;
	const struct integrations_options o = { .store = box.store,
		.probe_limit_ns = 1 };
	struct integrations *t = integrations_new(&o, &e);

	assert_non_null(t);
	return t;
}

/* What was refused is not there. */
static void
integrations_refuse(void **state)
{
	struct slice words[] = { slice_str("tcp"), slice_str("h:1") };
	struct slice id = slice_str("id");
	struct rule_spec *probe;
	struct store_waiter w;
	unsigned long n = 0;
	struct err e;
	bool last;
	int rc;

	(void)state;
	assert_int_equal(box_open(&box, NULL), 0);
	w = box_waiter(&box);
	probe = rule_spec_parse_probe(words, 2, &e);
	assert_non_null(probe);
	do {
		struct integrations *t = open_integrations();

		atomic_store(&countdown, ++n);
		rc = integrations_set(t, id, probe, &w, &e);
		last = atomic_exchange(&countdown, 0) > 0;
		box_settle(&box);
		if (rc == -1)
			assert_int_equal(e.code, ERR_LIMIT);
		assert_int_equal(integrations_find(t, id) != NULL, rc == 0);
		box_entry_remove(&box, ENTRY_INTEGRATION, "id");
		box_settle(&box);
		integrations_free(t);
	} while (!last);
	assert_int_equal(rc, 0);
	rule_spec_unref(probe);
	print_message("%lu allocations failed\n", n - 1);
}

/* An endpoint that there is no memory for is left out, at the start too. */
static void
endpoints_are_left_out(void **state)
{
	struct slice endpoint = slice_str("http://h:80");
	unsigned long n = 0, n_failed = 0;
	struct integrations *t;
	struct err e;
	bool last;

	(void)state;
	assert_int_equal(box_open(&box, NULL), 0);
	box_rule(&box, "r", "r", "http GET http://h/");
	box_entry(&box, ENTRY_INTEGRATION, "id", "tcp h:1");
	box_settle(&box);
	do {
		atomic_store(&countdown, ++n);
		t = integrations_new(
		    &(struct integrations_options){ .store = box.store,
			.probe_limit_ns = 1 },
		    &e);
		last = atomic_exchange(&countdown, 0) > 0;
		if (t == NULL) {
			assert_int_equal(e.code, ERR_LIMIT);
			n_failed++;
			continue;
		}
		assert_non_null(integrations_find(t, slice_str("id")));
		/* And what is left out can go. */
		integrations_rule_removed(t,
		    rules_find(store_rules(box.store), slice_str("r")));
		assert_null(integrations_find(t, endpoint));
		integrations_free(t);
	} while (!last);
	print_message("%lu of %lu starts failed\n", n_failed, n - 1);
	assert_true(n_failed > 0 && n_failed < n - 1);
}

/* A poll in which something is amiss. */
static void
poll_alerts(struct alerts *alerts)
{
	alerts_begin(alerts);
	alerts_judge(alerts, CONDITION_agent_failures, slice_str("r"), 9);
	alerts_end(alerts, 1);
	box_settle(&box);
}

/* Raise an alert, set a threshold, take note of the alert, with the n-th
 * allocation failing. Whether none was needed that late. */
static bool
alert_with_fault(struct config *config, unsigned long n)
{
	const struct alerts_options o = { .config = config,
		.store = box.store };
	struct store_waiter w = box_waiter(&box);
	struct slice name = slice_str("raise_after");
	struct alerts *alerts;
	struct err e;
	bool all;

	atomic_store(&countdown, n);
	if ((alerts = alerts_new(&o, &e)) != NULL) {
		for (int i = 0; i < 2; i++)
			poll_alerts(alerts);
		(void)alerts_set_threshold(alerts, name, slice_str("2"), &w,
		    &e);
		if (alerts_find(alerts, 1) != NULL)
			(void)alerts_acknowledge(alerts, alerts_find(alerts, 1),
			    &w, &e);
		box_settle(&box);
	}
	all = atomic_exchange(&countdown, 0) > 0;
	/* With memory there is one alert, whatever had failed; and so it is
	 * at the next start. */
	for (int i = 0; i < 2; i++) {
		if (alerts == NULL)
			alerts = alerts_new(&o, &e);
		assert_non_null(alerts);
		for (int k = 0; k < 3; k++)
			poll_alerts(alerts);
		assert_int_equal(alerts_active(alerts), 1);
		assert_non_null(alerts_find(alerts, 1));
		assert_int_equal(
		    entries_count(store_entries(box.store), ENTRY_ALERT), 1);
		alerts_free(alerts);
		alerts = NULL;
	}
	return all;
}

static void
alerts_come_when_memory_does(void **state)
{
	struct config config;
	unsigned long n = 0;
	bool all;

	(void)state;
	assert_int_equal(config_init(&config, &box.err), 0);
	do {
		box_close(&box);
		assert_int_equal(box_open(&box, NULL), 0);
		all = alert_with_fault(&config, ++n);
	} while (!all);
	config_fini(&config);
	print_message("%lu allocations failed\n", n - 1);
	assert_true(n > 5);
}

/* Jobs live in maps of memory: when no more can be had. */
static void
no_map_can_be_had(void **state)
{
	struct store_waiter w;
	char text[64];
	struct err e;
	unsigned i, n_ok;

	(void)state;
	assert_int_equal(box_open(&box, NULL), 0);
	w = box_waiter(&box);
	box_set(&box, "the first", 1);
	box_settle(&box);
	map_limit(0);
	for (i = 1;; i++) {
		(void)snprintf(text, sizeof(text), "a.long.enough.name.%u", i);
		if (ask_set(slice_str(text), &w, &e) == -1)
			break;
		if (i % 500 == 0)
			box_settle(&box);
	}
	assert_int_equal(e.code, ERR_LIMIT);
	box_settle(&box);
	assert_int_equal(jobs_total(store_jobs(box.store)), i);
	n_ok = box.n_ok;
	map_limit(-1);
	assert_int_equal(ask_set(slice_str(text), &w, &e), 0);
	box_settle(&box);
	assert_int_equal(box.n_ok, n_ok + 1);
	print_message("full with %u jobs\n", i);
}

/* A handle and the other end of its connection, which is nobody's. */
static struct tick *
connect_here(int listener, const struct sockaddr_un *sun, int *peer)
{
	struct tick_options o = TICK_OPTIONS_INIT;
	char address[sizeof(sun->sun_path) + 8];
	struct tick *t;

	(void)snprintf(address, sizeof(address), "unix:%s", sun->sun_path);
	o.address = address;
	t = tick_connect(&o);
	assert_non_null(t);
	assert_int_equal(tick_err(t), TICK_OK);
	*peer = accept(listener, NULL, NULL);
	assert_int_not_equal(*peer, -1);
	return t;
}

/* Watch, keep an event that comes before a reply, take it. Whether all that
 * worked; memory is the only reason why not. */
static bool
watches(struct tick *t, unsigned long n)
{
	static const char *const ping[] = { "PING" };
	const struct tick_event *e = NULL;
	bool ok;

	atomic_store(&countdown, n);
	ok = tick_watch(t, "jobs", NULL, NULL) == 0 &&
	    tick_call(t, NULL, ping, 1) == 0 && tick_next_event(t, &e, 0) == 0;
	atomic_store(&countdown, 0);
	if (ok) {
		assert_non_null(e);
		assert_string_equal(e->fields.words[0].ptr, "a");
	} else {
		assert_int_equal(tick_err(t), TICK_ERR_MEMORY);
		assert_false(tick_is_open(t));
	}
	return ok;
}

static void
a_watcher_is_told(void **state)
{
	static const char replies[] =
	    "1 OK\n1 EVENT jobs 7 a planned 0\n2 OK\n";
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), peer;
	unsigned long n = 0;
	bool ok;

	(void)state;
	assert_int_not_equal(listener, -1);
	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/s", folder);
	assert_int_equal(bind(listener, (struct sockaddr *)&sun, sizeof(sun)),
	    0);
	assert_int_equal(listen(listener, 1), 0);
	do {
		struct tick *t = connect_here(listener, &sun, &peer);

		assert_int_equal(write(peer, replies, sizeof(replies) - 1),
		    sizeof(replies) - 1);
		ok = watches(t, ++n);
		tick_close(t);
		assert_int_equal(close(peer), 0);
	} while (!ok);
	assert_true(n > 3);
	assert_int_equal(close(listener), 0);
	assert_int_equal(unlink(sun.sun_path), 0);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_store_in_memory_refuses),
		TEST(a_store_with_a_log_refuses),
		TEST(a_start_fails),
		TEST(integrations_refuse),
		TEST(endpoints_are_left_out),
		TEST(alerts_come_when_memory_does),
		TEST(a_watcher_is_told),
		TEST(no_map_can_be_had),
	};

	return cmocka_run_group_tests_name("nomem", tests, NULL, NULL);
}
