#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "conn.h"
#include "fault_os.h"
#include "integration_health.h"
#include "scope.h"
#include "scoped.h"
#include "server.h"
#include "sim_fs.h"
#include "store_box.h"

#define HOOK "http://h:80"
#define POST "http POST http://h/x"
#define LIMIT_NS (10 * NS_PER_S)

static struct box box;
static struct sim_fs *fs;
static struct config config;
static struct server server;
static struct integrations *table;

/* A server with its store at path. */

static void
rule_changed(void *ctx, struct rule *rule)
{
	(void)ctx;
	integrations_rule_changed(table, rule);
}

static void
rule_removed(void *ctx, struct rule *rule)
{
	(void)ctx;
	integrations_rule_removed(table, rule);
}

/* Rules whose identifier begins so lie in a namespace of their own. */
static char in_prefix[] = "in.";

static struct slice
namespace_of(void *ctx, const struct rule *rule)
{
	struct slice in = slice_str(in_prefix);

	(void)ctx;
	return slice_has_prefix(rule_id(rule), in) ? in : slice_of("", 0);
}

static void
open_at(const char *path)
{
	const struct store_hooks hooks = { .rule_changed = rule_changed,
		.rule_removed = rule_removed };
	struct sched_options o = { .framerate = 512, .max_inflight = 1 };
	struct err e;

	if (box_open(&box, path) == -1)
		fail_msg("%s", box.err.msg);
	o.store = box.store;
	server.sched = sched_new(&o, &e); /* for its breakers */
	assert_non_null(server.sched);
	table =
	    integrations_new(&(struct integrations_options){ .store = box.store,
				 .probe_limit_ns = LIMIT_NS,
				 .namespace_of = namespace_of },
		&e);
	assert_non_null(table);
	store_set_hooks(box.store, &hooks);
	config.alerts_integration_latency_ms = 1000;
	config.alerts_integration_error_rate = 0.5;
	config.health_polling_interval = 30 * NS_PER_S;
	server.store = box.store;
	server.config = &config;
	server.monitor.integrations = table;
}

static void
close_all(void)
{
	integrations_free(table);
	table = NULL;
	sched_free(server.sched);
	server.sched = NULL;
	box_close(&box);
}

static int
setup(void **state)
{
	(void)state;
	fault_install(&sim_os);
	fs = sim_new(SIM_STRICT);
	sim_use(fs);
	sim_set_wall(1000 * NS_PER_S);
	box_init(&box);
	open_at("log");
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	fault_none();
	integrations_free(table);
	sched_free(server.sched);
	server.sched = NULL;
	box_fini(&box);
	sim_free(fs);
	sim_use(NULL);
	fault_remove();
	return 0;
}

/* Asking */

static struct rule_spec *
probe_of(const char *text)
{
	struct rule_spec *probe;
	struct err e;

	if ((probe = probe_decode(slice_str(text), &e)) == NULL)
		fail_msg("%s: %s", text, e.msg);
	return probe;
}

static int
ask_set(const char *id, const char *probe)
{
	struct rule_spec *spec = probe_of(probe);
	struct store_waiter w = box_waiter(&box);
	int rc = integrations_set(table, slice_str(id), spec, &w, &box.err);

	rule_spec_unref(spec);
	return rc;
}

static void
set(const char *id, const char *probe)
{
	assert_int_equal(ask_set(id, probe), 0);
	box_settle(&box);
}

static void
remove_probe(const char *id)
{
	struct store_waiter w = box_waiter(&box);

	assert_int_equal(
	    integrations_remove(table, slice_str(id), &w, &box.err), 0);
	box_settle(&box);
}

static void
rule(const char *id, const char *line)
{
	box_rule(&box, id, id, line);
	box_settle(&box);
}

static struct integration *
find(const char *id)
{
	struct integration *i = integrations_find(table, slice_str(id));

	if (i == NULL)
		fail_msg("there is no %s", id);
	return i;
}

static struct integration *
find_in(const char *id, const char *namespace)
{
	struct integration *i;
	struct buf key = { 0 };

	scoped_put(&key, slice_str(id), slice_str(namespace));
	if ((i = integrations_find(table, buf_slice(&key))) == NULL)
		fail_msg("there is no %s in %s", id, namespace);
	buf_free(&key);
	return i;
}

static size_t
n_healthy(void)
{
	const struct conn open = { .server = &server };
	struct scope_counts n;

	scope_count(&open, &n);
	return n.healthy_integrations;
}

/* All there are, in order, are these, with a space behind each. */
static void
expect_all(const char *want)
{
	struct radix_walk walk;
	struct buf b = { 0 };
	uint32_t slot;
	size_t n = 0;

	radix_seek(&walk, integrations_index(table), slice_of("", 0), false);
	for (; (slot = radix_step(&walk)) != RADIX_NONE; n++) {
		buf_add_slice(&b, integration_id(integrations_at(table, slot)));
		buf_add_byte(&b, ' ');
	}
	assert_int_equal(integrations_count(table), n);
	buf_add_byte(&b, '\0');
	assert_false(b.failed);
	assert_string_equal(b.ptr, want);
	buf_free(&b);
}

/* An attempt of a run of a rule. */
static void
call_of(const char *rule_id, const char *line, enum run_outcome outcome,
    bool answered, int exit)
{
	struct rule_spec *spec = box_spec(line);
	struct run run = { .outcome = outcome,
		.answered = answered,
		.exit = exit,
		.started_ns = 1000 * NS_PER_MS,
		.ended_ns = 1250 * NS_PER_MS };

	integrations_called(table, slice_str(rule_id), spec, &run,
	    os->mono_ns());
	rule_spec_unref(spec);
}

/* Of any rule. */
static void
call(const char *line, enum run_outcome outcome, bool answered, int exit)
{
	const struct rules *rules = store_rules(box.store);
	const struct rule *of = NULL;

	for (uint32_t i = 1; of == NULL && i < rules->n_slots; i++)
		of = rules_by_slot(rules, i);
	call_of(of == NULL ? "none" : of->id, line, outcome, answered, exit);
}

static void
probed(const char *id, enum run_outcome outcome, int64_t took_ns,
    const char *why)
{
	struct run run = { .outcome = outcome,
		.answered = outcome != RUN_TIMEOUT,
		.exit = RUN_EXIT_NONE,
		.ended_ns = os->wall_ns() };

	run.started_ns = run.ended_ns - took_ns;
	(void)snprintf(run.reason, sizeof(run.reason), "%s", why);
	integrations_probed(table, find(id), &run, os->mono_ns());
}

/* A row of HEALTH INTEGRATION. */
static void
expect_row(const char *id, const char *row)
{
	struct buf b = { 0 };
	char line[256];

	integration_put_one(&b, slice_str("x"), &server, find(id));
	buf_add_byte(&b, '\0');
	assert_false(b.failed);
	(void)snprintf(line, sizeof(line), "x %s\n", row);
	if (strstr(b.ptr, line) == NULL)
		fail_msg("no \"%s\" in\n%s", row, b.ptr);
	buf_free(&b);
}

/* Endpoints */

static void
test_endpoints_follow_rules(void **state)
{
	(void)state;
	expect_all("");
	rule("a", POST);
	expect_all(HOOK " ");
	rule("b", "http GET http://u:p@H:80/other");
	rule("c", "redis rediss://h/1 SET k");
	rule("d", "amqp amqp://h e k");
	rule("e", "shell true");
	expect_all("amqp://h:5672 " HOOK " rediss://h:6379 ");
	box_rule_remove(&box, "a");
	box_settle(&box);
	expect_all("amqp://h:5672 " HOOK " rediss://h:6379 ");
	rule("b", "http GET https://h/other");
	expect_all("amqp://h:5672 https://h:443 rediss://h:6379 ");
	rule("b", "shell true");
	rule("c", "agent");
	expect_all("amqp://h:5672 ");
	box_rule_remove(&box, "d");
	box_rule_remove(&box, "e");
	box_settle(&box);
	expect_all("");
}

/* An endpoint goes with the last of its rules. */
static void
test_rules_of_an_endpoint(void **state)
{
	static const char *const order[] = { "b", "d", "a", "c" };

	(void)state;
	for (size_t i = 0; i < 4; i++)
		rule(order[i], POST);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(find(HOOK)->n_rules, 4 - i);
		box_rule_remove(&box, order[(i + 1) % 4]);
		box_settle(&box);
	}
	expect_all("");
}

static void
test_statistics_stay_with_the_endpoint(void **state)
{
	(void)state;
	rule("a", POST);
	call(POST, RUN_SUCCESS, true, 200);
	rule("a", "http GET http://h/y");
	rule("b", POST);
	box_rule_remove(&box, "a");
	box_settle(&box);
	assert_int_equal(find(HOOK)->calls_total, 1);
	box_rule_remove(&box, "b");
	box_settle(&box);
	rule("a", POST);
	assert_int_equal(find(HOOK)->calls_total, 0);
}

static void
test_too_many_endpoints(void **state)
{
	struct rule made = { 0 };
	char line[64];
	uint32_t n = INTEGRATIONS_ENDPOINTS_MAX;

	(void)state;
	for (made.slot = 1; made.slot <= n + 5; made.slot++) {
		(void)snprintf(line, sizeof(line), "http GET http://h%u",
		    made.slot);
		made.spec = box_spec(line);
		integrations_rule_changed(table, &made);
		rule_spec_unref(made.spec);
	}
	assert_int_equal(integrations_count(table), n);
	for (made.slot = 1; made.slot <= n + 5; made.slot++)
		integrations_rule_removed(table, &made);
	expect_all("");
}

/* Calls */

static void
expect_counts(uint64_t calls, uint64_t errors, const char *connection)
{
	char row[64];

	assert_int_equal(find(HOOK)->calls_total, calls);
	assert_int_equal(find(HOOK)->errors_total, errors);
	(void)snprintf(row, sizeof(row), "connection_status %s", connection);
	expect_row(HOOK, row);
}

static void
test_what_is_an_error(void **state)
{
	(void)state;
	rule("a", POST);
	expect_counts(0, 0, "unknown");
	call(POST, RUN_SUCCESS, true, 204);
	expect_counts(1, 0, "connected");
	call(POST, RUN_FAILURE, true, 404);
	expect_counts(2, 0, "connected");
	call(POST, RUN_FAILURE, true, 500);
	expect_counts(3, 1, "connected");
	call(POST, RUN_FAILURE, false, RUN_EXIT_NONE);
	expect_counts(4, 2, "disconnected");
	call(POST, RUN_TIMEOUT, false, RUN_EXIT_NONE);
	expect_counts(5, 3, "disconnected");
	/* A list of codes has the last word. */
	call(POST " -- success=503", RUN_SUCCESS, true, 503);
	expect_counts(6, 3, "connected");
	call(POST, RUN_CANCELLED, false, RUN_EXIT_NONE);
	call(POST, RUN_LOST, false, RUN_EXIT_NONE);
	call(POST, RUN_MISSED, false, RUN_EXIT_NONE);
	call("http GET http://nobody", RUN_SUCCESS, true, 200);
	call("shell true", RUN_FAILURE, true, 1);
	expect_counts(6, 3, "connected");
	expect_row(HOOK, "latency_ms 250");
	expect_row(HOOK, "error_rate 0.5");
	expect_row(HOOK, "last_used_ns 1250000000");
}

/* An answer that is no HTTP code and a failure is one of the system's. */
static void
test_other_answers(void **state)
{
	(void)state;
	rule("a", "redis redis://h SET k");
	call("redis redis://h SET k", RUN_FAILURE, true, RUN_EXIT_NONE);
	assert_int_equal(find("redis://h:6379")->errors_total, 1);
	expect_row("redis://h:6379", "connection_status connected");
}

static void
test_status(void **state)
{
	(void)state;
	rule("a", POST);
	expect_row(HOOK, "status healthy");
	assert_int_equal(n_healthy(), 1);
	call(POST, RUN_SUCCESS, true, 200);
	call(POST, RUN_FAILURE, true, 500);
	expect_row(HOOK, "status degraded"); /* the last one failed */
	call(POST, RUN_SUCCESS, true, 200);
	expect_row(HOOK, "status healthy");
	config.alerts_integration_latency_ms = 249;
	expect_row(HOOK, "status degraded");
	config.alerts_integration_latency_ms = 250; /* strictly greater */
	expect_row(HOOK, "status healthy");
	call(POST, RUN_TIMEOUT, false, RUN_EXIT_NONE);
	call(POST, RUN_TIMEOUT, false, RUN_EXIT_NONE);
	expect_row(HOOK, "status error");
	assert_int_equal(n_healthy(), 0);
}

/* Probes */

static void
test_set_when_durable(void **state)
{
	(void)state;
	assert_int_equal(ask_set("a", "tcp h:1"), 0);
	expect_all("");
	box_settle(&box);
	expect_all("a ");
	assert_int_equal(find("a")->probe->spec->number[OPTION_timeout],
	    LIMIT_NS);
	/* Refused: nothing has changed. */
	fault_at(FAULT_PWRITEV, 1, FAULT_ALWAYS, ENOSPC);
	assert_int_equal(ask_set("a", "tcp h:2"), 0);
	assert_int_equal(ask_set("b", "tcp h:3"), 0);
	box_settle(&box);
	fault_none();
	assert_int_equal(box.n_refused, 2);
	expect_all("a ");
	expect_row("a", "probe \"tcp h:1\"");
}

static void
test_set_again(void **state)
{
	(void)state;
	set("a", "tcp h:1");
	probed("a", RUN_FAILURE, 5 * NS_PER_MS, "refused");
	set("a", "tcp h:2");
	expect_row("a", "probe \"tcp h:2\"");
	expect_row("a", "probe_last_ns 0");
	expect_row("a", "sync_status never");
	expect_row("a", "calls_total 1");
}

static void
test_endpoint_with_a_probe(void **state)
{
	(void)state;
	rule("a", POST);
	call(POST, RUN_SUCCESS, true, 200);
	set(HOOK, "http HEAD http://u:secret@h/");
	expect_row(HOOK, "calls_total 1");
	expect_row(HOOK, "probe \"http HEAD http://***@h/\"");
	remove_probe(HOOK);
	expect_all(HOOK " ");
	expect_row(HOOK, "probe -");
	set(HOOK, "tcp h:80");
	box_rule_remove(&box, "a");
	box_settle(&box);
	expect_all(HOOK " ");
	remove_probe(HOOK);
	expect_all("");
}

/* Many under way at once, of the same name too. */
static void
test_changes_in_order(void **state)
{
	struct store_waiter w = box_waiter(&box);
	char id[16];

	(void)state;
	for (int i = 0; i < 300; i++) {
		(void)snprintf(id, sizeof(id), "i%d", i);
		assert_int_equal(ask_set(id, "tcp h:1"), 0);
	}
	assert_int_equal(ask_set("a", "tcp h:1"), 0);
	assert_int_equal(
	    integrations_remove(table, slice_str("a"), &w, &box.err), 0);
	assert_int_equal(ask_set("a", "tcp h:2"), 0);
	rule("r", POST);
	assert_int_equal(integrations_count(table), 302);
	expect_row("a", "probe \"tcp h:2\"");
	/* And those that nobody will hear of. */
	assert_int_equal(ask_set("z", "tcp h:1"), 0);
	close_all();
	open_at("log");
}

static void
test_limit(void **state)
{
	char id[32];

	(void)state;
	for (size_t i = 0; i < entries_max(ENTRY_INTEGRATION); i++) {
		(void)snprintf(id, sizeof(id), "i%zu", i);
		assert_int_equal(ask_set(id, "tcp h:1"), 0);
		if (i % 1000 == 0)
			box_settle(&box);
	}
	box_settle(&box);
	assert_int_equal(ask_set("one.more", "tcp h:1"), -1);
	assert_int_equal(box.err.code, ERR_LIMIT);
	set("i0", "tcp h:2");
	remove_probe("i1");
	set("one.more", "tcp h:1");
}

static void
test_probe_results(void **state)
{
	(void)state;
	set("a", "tcp h:1");
	expect_row("a", "sync_status never");
	expect_row("a", "probe_last_result -");
	probed("a", RUN_SUCCESS, 5 * NS_PER_MS, "");
	expect_row("a", "sync_status synced");
	expect_row("a", "probe_last_result ok");
	expect_row("a", "status healthy");
	expect_row("a", "latency_ms 5");
	probed("a", RUN_SUCCESS, 1500 * NS_PER_MS, "");
	expect_row("a", "status degraded"); /* this one alone was slow */
	probed("a", RUN_SUCCESS, 5 * NS_PER_MS, "");
	expect_row("a", "status healthy");
	probed("a", RUN_TIMEOUT, 10 * NS_PER_S, "too late");
	expect_row("a", "status error");
	expect_row("a", "sync_status failed");
	expect_row("a", "probe_last_result \"too late\"");
	expect_row("a", "connection_status disconnected");
	expect_row("a", "error_rate 0.25");
	sim_pass(59 * NS_PER_S);
	expect_row("a", "sync_status failed");
	sim_pass(2 * NS_PER_S);
	expect_row("a", "sync_status stale");
	probed("a", RUN_SUCCESS, 5 * NS_PER_MS, "");
	expect_row("a", "status healthy");
}

static void
test_restart(void **state)
{
	(void)state;
	rule("r", POST);
	set("plain", "tcp h:1");
	set("web", "http GET http://u:p@h/?q=1");
	set("run", "exec /bin/sh -c \"a \\\"b\\\"\\n\" \"\"");
	set("gone", "redis redis://h");
	set("gone", "amqp amqp://h");
	remove_probe("gone");
	box_entry(&box, ENTRY_INTEGRATION, "later", "telepathy h");
	box_settle(&box);
	for (int i = 0; i < 2; i++) {
		close_all();
		open_at("log");
		expect_all(HOOK " plain run web ");
		expect_row("plain", "probe \"tcp h:1\"");
		expect_row("web", "probe \"http GET http://***@h/?q=***\"");
		assert_int_equal(find("run")->probe->spec->args.n, 4);
		assert_true(
		    slice_eq(strings_get(&find("run")->probe->spec->args, 2),
			slice_str("a \"b\"\n")));
		assert_int_equal(
		    find("run")->probe->spec->number[OPTION_timeout], LIMIT_NS);
		assert_true(box_compress(&box));
	}
	/* What this version does not know stays for one that does. */
	assert_non_null(entries_get(store_entries(box.store), ENTRY_INTEGRATION,
	    slice_str("later"))
			    .ptr);
}

/* Who sees what. */
static void
test_visible(void **state)
{
	char in[] = "in.", all[] = "", name[] = "t";
	struct auth_token token = { .name = name, .namespace = in };
	struct auth_token root = { .name = name, .namespace = all };
	struct conn tenant = { .server = &server, .token = &token };
	struct conn admin = { .server = &server, .token = &root };
	struct conn open = { .server = &server };

	(void)state;
	rule("in.a", POST);
	rule("out", POST);
	rule("other", "redis redis://h SET k");
	set("in.x", "tcp h:1");
	set("x", "tcp h:1");
	expect_all("http://h:80 http://h:80 in.x redis://h:6379 x ");
	assert_false(scope_sees_integration(&tenant, find(HOOK)));
	assert_true(scope_sees_integration(&tenant, find_in(HOOK, "in.")));
	assert_true(scope_sees_integration(&tenant, find("in.x")));
	assert_false(scope_sees_integration(&tenant, find("x")));
	assert_false(scope_sees_integration(&tenant, find("redis://h:6379")));
	assert_true(scope_sees_integration(&admin, find("x")));
	assert_true(scope_sees_integration(&open, find("x")));
	assert_true(scope_sees_integration(&admin, find_in(HOOK, "in.")));
	box_rule_remove(&box, "in.a");
	box_settle(&box);
	expect_all("http://h:80 in.x redis://h:6379 x ");
}

/* Each namespace has its own figures of an endpoint. */
static void
test_namespaces(void **state)
{
	(void)state;
	rule("in.a", POST);
	rule("out", POST);
	call_of("in.a", POST, RUN_FAILURE, false, RUN_EXIT_NONE);
	call_of("out", POST, RUN_SUCCESS, true, 200);
	call_of("out", POST, RUN_SUCCESS, true, 200);
	assert_int_equal(find_in(HOOK, "in.")->calls_total, 1);
	assert_int_equal(find_in(HOOK, "in.")->errors_total, 1);
	assert_int_equal(find(HOOK)->calls_total, 2);
	assert_int_equal(find(HOOK)->errors_total, 0);
	assert_string_equal(find_in(HOOK, "in.")->id, HOOK);
	set(HOOK, "http GET http://h/probe?key=s");
	assert_non_null(find(HOOK)->probe);
	assert_null(find_in(HOOK, "in.")->probe);
	/* The namespaces have changed. */
	in_prefix[0] = 'o';
	in_prefix[1] = 'u';
	integrations_rule_changed(table,
	    rules_find(store_rules(box.store), slice_str("in.a")));
	integrations_rule_changed(table,
	    rules_find(store_rules(box.store), slice_str("out")));
	in_prefix[0] = 'i';
	in_prefix[1] = 'n';
	expect_all("http://h:80 ");
	assert_int_equal(find(HOOK)->calls_total, 2);
	/* Nobody knows whose call it was. */
	call_of("none", POST, RUN_SUCCESS, true, 200);
	assert_int_equal(find(HOOK)->calls_total, 2);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_endpoints_follow_rules),
		TEST(test_rules_of_an_endpoint),
		TEST(test_statistics_stay_with_the_endpoint),
		TEST(test_too_many_endpoints),
		TEST(test_what_is_an_error),
		TEST(test_other_answers),
		TEST(test_status),
		TEST(test_set_when_durable),
		TEST(test_set_again),
		TEST(test_endpoint_with_a_probe),
		TEST(test_changes_in_order),
		TEST(test_limit),
		TEST(test_probe_results),
		TEST(test_restart),
		TEST(test_visible),
		TEST(test_namespaces),
	};

	return cmocka_run_group_tests_name("integrations", tests, NULL, NULL);
}
