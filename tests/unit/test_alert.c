#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "alert.h"
#include "fault_os.h"
#include "sim_fs.h"
#include "store_box.h"

#define T0 (1000000 * NS_PER_S)
#define STEP (30 * NS_PER_S) /* from poll to poll */

static struct box box;
static struct sim_fs *fs;
static struct config config;
static struct alerts *alerts;
static struct buf text, told;
static int64_t now_ns;

static void
tell(void *ctx, enum alert_event event, const struct alert *a)
{
	assert_null(ctx);
	buf_addf(&told, "%s%s %llu %s", told.len == 0 ? "" : ", ",
	    alert_event_word(event), (unsigned long long)a->id,
	    alert_severity_word(a->severity));
}

static void
open_all(const char *path)
{
	const struct alerts_options o = {
		.config = &config,
		.tell = tell,
	};
	struct alerts_options options = o;

	if (box_open(&box, path) == -1)
		fail_msg("%s", box.err.msg);
	assert_int_equal(config_init(&config, &box.err), 0);
	options.store = box.store;
	alerts = alerts_new(&options, &box.err);
	assert_non_null(alerts);
}

static void
close_all(void)
{
	box_close(&box);
	alerts_free(alerts);
	alerts = NULL;
	config_fini(&config);
}

static int
setup(void **state)
{
	(void)state;
	fault_install(&sim_os);
	fs = sim_new(SIM_STRICT);
	sim_use(fs);
	box_init(&box);
	now_ns = T0;
	fault_set_wall(T0);
	open_all("log");
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	fault_none();
	alerts_free(alerts);
	alerts = NULL;
	config_fini(&config);
	box_fini(&box);
	sim_free(fs);
	sim_use(NULL);
	buf_free(&text);
	buf_free(&told);
	fault_remove();
	return 0;
}

static void
restart(void)
{
	close_all();
	open_all("log");
}

/* A poll that judges one value; "" for the condition's own source. */
static void
poll_source(enum alert_condition condition, const char *source, double value)
{
	alerts_begin(alerts);
	alerts_judge(alerts, condition, slice_str(source), value);
	now_ns += STEP;
	alerts_end(alerts, now_ns);
	box_settle(&box);
}

static void
polls(unsigned n, double value)
{
	while (n-- > 0)
		poll_source(CONDITION_queue_depth, "", value);
}

static void
quiet_polls(unsigned n)
{
	while (n-- > 0) {
		alerts_begin(alerts);
		now_ns += STEP;
		alerts_end(alerts, now_ns);
		box_settle(&box);
	}
}

static void
expect_told(const char *expected)
{
	buf_add_byte(&told, '\0');
	assert_false(told.failed);
	assert_string_equal(told.ptr, expected);
	buf_clear(&told);
}

/* The active alerts, or all: "id severity source acknowledged", in order. */
static void
expect_list(bool all, const char *expected)
{
	const struct alert *a = NULL;
	struct alert_place at;

	buf_clear(&text);
	for (a = alerts_next(alerts, NULL); a != NULL;
	     at = alert_place(a), a = alerts_next(alerts, &at))
		if (all || a->cleared_ns == 0)
			buf_addf(&text, "%s%llu %s %s %d",
			    text.len == 0 ? "" : ", ",
			    (unsigned long long)a->id,
			    alert_severity_word(a->severity), a->source,
			    a->acknowledged);
	buf_add_byte(&text, '\0');
	assert_false(text.failed);
	assert_string_equal(text.ptr, expected);
}

static void
expect_message(uint64_t id, const char *expected)
{
	buf_clear(&text);
	alert_put_message(&text, alerts_find(alerts, id));
	buf_add_byte(&text, '\0');
	assert_string_equal(text.ptr, expected);
}

static void
set(const char *name, const char *value)
{
	struct store_waiter w = box_waiter(&box);

	assert_int_equal(alerts_set_threshold(alerts, slice_str(name),
			     slice_str(value), &w, &box.err),
	    0);
	box_settle(&box);
	assert_int_equal(box.n_refused, 0);
}

static void
acknowledge(uint64_t id)
{
	struct store_waiter w = box_waiter(&box);

	assert_int_equal(
	    alerts_acknowledge(alerts, alerts_find(alerts, id), &w, &box.err),
	    0);
	box_settle(&box);
}

static void
raised_after_so_many_polls(void **state)
{
	(void)state;
	polls(5, 50); /* strictly greater */
	polls(1, 51);
	polls(1, 50);
	polls(1, 51);
	expect_told("");
	polls(1, 51);
	expect_told("raised 1 info");
	expect_list(false, "1 info queue 0");
	expect_message(1, "the number of due jobs that wait is 51, over 50");
	polls(20, 60);
	expect_told("");
}

static void
cleared_a_margin_below(void **state)
{
	(void)state;
	polls(2, 51);
	polls(9, 45.1);
	expect_told("raised 1 info");
	polls(2, 45);
	polls(1, 46);
	polls(2, 0);
	expect_told("");
	polls(1, 45);
	expect_told("cleared 1 info");
	expect_list(false, "");
	expect_list(true, "1 info queue 0");
	expect_message(1,
	    "cleared: the number of due jobs that wait is 51, over 50");
	assert_int_equal(alerts_stats(alerts)->raised, 1);
	assert_int_equal(alerts_stats(alerts)->cleared, 1);
	assert_int_equal(alerts_stats(alerts)->active[ALERT_INFO], 0);
}

static void
what_is_not_judged_is_not_amiss(void **state)
{
	(void)state;
	polls(2, 51);
	quiet_polls(2);
	polls(1, 51);
	quiet_polls(2);
	expect_told("raised 1 info");
	quiet_polls(1);
	expect_told("cleared 1 info");
}

static void
flapping_is_damped(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		polls(1, 60);
		polls(2, 0);
	}
	expect_told("");
	polls(2, 60);
	for (int i = 0; i < 100; i++) {
		polls(2, 0);
		polls(1, 60);
	}
	expect_told("raised 1 info");
}

static void
the_highest_severity_counts(void **state)
{
	(void)state;
	polls(2, 60);
	polls(2, 150);
	expect_list(false, "1 warning queue 0");
	polls(2, 250);
	expect_list(false, "1 critical queue 0");
	polls(3, 150);
	expect_list(false, "1 warning queue 0");
	expect_message(1, "the number of due jobs that wait is 150, over 100");
	polls(3, 60);
	expect_list(false, "1 info queue 0");
	polls(2, 250);
	polls(3, 0);
	expect_told("raised 1 info, raised 1 warning, raised 1 critical, "
		    "raised 1 warning, raised 1 info, raised 1 critical, "
		    "cleared 1 critical");
	assert_int_equal(alerts_stats(alerts)->raised, 1);
}

static void
messages_tell_what_holds(void **state)
{
	(void)state;
	polls(2, 250);
	polls(3, 95); /* no longer critical; within the margin of a warning */
	expect_list(false, "1 warning queue 0");
	expect_message(1,
	    "the number of due jobs that wait is 95, was over 100");
	for (int i = 0; i < 2; i++)
		poll_source(CONDITION_cpu, "", 98.98765);
	expect_message(2, "processor use is 98.98 %, over 90 %");
}

static void
levels_need_no_order(void **state)
{
	(void)state;
	set("queue_depth_warning", "30");
	polls(2, 40);
	expect_list(false, "1 warning queue 0");
	expect_message(1, "the number of due jobs that wait is 40, over 30");
	polls(2, 60); /* info too; a warning is more */
	expect_list(false, "1 warning queue 0");
	polls(3, 46);
	expect_list(false, "1 warning queue 0");
	polls(3, 0);
	expect_told("raised 1 warning, cleared 1 warning");
}

/* A confidence score is amiss when it is below. */
static void
below(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		poll_source(CONDITION_agent_confidence, "r", 0.3);
	expect_told("");
	for (int i = 0; i < 2; i++)
		poll_source(CONDITION_agent_confidence, "r", 0.2999);
	expect_told("raised 1 warning");
	expect_message(1, "the confidence score is 0.2999, under 0.3");
	for (int i = 0; i < 5; i++)
		poll_source(CONDITION_agent_confidence, "r", 0.3299);
	expect_told("");
	for (int i = 0; i < 3; i++)
		poll_source(CONDITION_agent_confidence, "r", 0.3301);
	expect_told("cleared 1 warning");
	/* The mark is always within reach. */
	set("agent_confidence", "0.95");
	for (int i = 0; i < 2; i++)
		poll_source(CONDITION_agent_confidence, "r", 0.9);
	for (int i = 0; i < 3; i++)
		poll_source(CONDITION_agent_confidence, "r", 0.96);
	expect_told("raised 2 warning, cleared 2 warning");
}

static void
one_per_condition_and_source(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		alerts_begin(alerts);
		alerts_judge(alerts, CONDITION_agent_error_rate,
		    slice_str("r1"), 1);
		alerts_judge(alerts, CONDITION_agent_failures, slice_str("r1"),
		    9);
		alerts_judge(alerts, CONDITION_agent_error_rate,
		    slice_str("r2"), 1);
		alerts_judge(alerts, CONDITION_storage_refused, slice_str(""),
		    1);
		alerts_end(alerts, now_ns += STEP);
	}
	assert_int_equal(alerts_stats(alerts)->raised, 4);
	assert_int_equal(alerts_stats(alerts)->active[ALERT_CRITICAL], 1);
	assert_int_equal(alerts_stats(alerts)->active[ALERT_WARNING], 3);
	assert_int_equal(alerts_status(alerts_stats(alerts), HEALTH_STORAGE),
	    HEALTH_CRITICAL);
	assert_int_equal(alerts_status(alerts_stats(alerts), HEALTH_AGENTS),
	    HEALTH_DEGRADED);
	assert_int_equal(alerts_status(alerts_stats(alerts), HEALTH_SYSTEM),
	    HEALTH_HEALTHY);
	assert_int_equal(alerts_status(alerts_stats(alerts), HEALTH_ALERTS),
	    HEALTH_CRITICAL);
	/* Critical first, then newest. */
	assert_string_equal(alerts_next(alerts, NULL)->source, "logfile");
}

static void
refuse_write(void)
{
	alerts_judge_now(alerts, CONDITION_storage_refused, slice_str(""), 1,
	    now_ns);
	box_settle(&box);
}

/* What cannot wait for polls; but it goes as any other. */
static void
raised_between_polls(void **state)
{
	(void)state;
	refuse_write();
	expect_told("raised 1 critical");
	assert_int_equal(alerts_status(alerts_stats(alerts), HEALTH_STORAGE),
	    HEALTH_CRITICAL);
	assert_int_equal(alerts_next(alerts, NULL)->raised_ns, now_ns);
	refuse_write();
	quiet_polls(2);
	refuse_write(); /* and so they count anew */
	quiet_polls(2);
	expect_told("");
	quiet_polls(1);
	expect_told("cleared 1 critical");
	refuse_write();
	expect_told("raised 2 critical");
	restart();
	assert_int_equal(alerts_status(alerts_stats(alerts), HEALTH_STORAGE),
	    HEALTH_CRITICAL);
	alerts_clear_now(alerts, CONDITION_storage_refused, now_ns);
	expect_told("cleared 2 critical");
	assert_int_equal(alerts_status(alerts_stats(alerts), HEALTH_STORAGE),
	    HEALTH_HEALTHY);
	alerts_clear_now(alerts, CONDITION_storage_refused, now_ns);
	expect_told("");
}

static void
a_disk_that_fills_is_a_matter_of_two_sections(void **state)
{
	(void)state;
	poll_source(CONDITION_disk, "", 90);
	poll_source(CONDITION_disk, "", 90);
	assert_int_equal(alerts_status(alerts_stats(alerts), HEALTH_SYSTEM),
	    HEALTH_DEGRADED);
	assert_int_equal(alerts_status(alerts_stats(alerts), HEALTH_STORAGE),
	    HEALTH_DEGRADED);
	assert_int_equal(alerts_stats(alerts)->active[ALERT_WARNING], 1);
}

static void
newest_first(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		poll_source(CONDITION_agent_failures, "a", 9);
	for (int i = 0; i < 2; i++) {
		alerts_begin(alerts);
		alerts_judge(alerts, CONDITION_agent_failures, slice_str("a"),
		    9);
		alerts_judge(alerts, CONDITION_agent_failures, slice_str("b"),
		    9);
		alerts_judge(alerts, CONDITION_queue_depth, slice_str(""), 60);
		alerts_end(alerts, now_ns += STEP);
	}
	box_settle(&box);
	assert_string_equal(alerts_next(alerts, NULL)->source, "b");
	for (int i = 0; i < 2; i++)
		poll_source(CONDITION_integration_down, "i", 1);
	assert_string_equal(alerts_next(alerts, NULL)->source, "i");
}

static void
what_is_active_survives_a_restart(void **state)
{
	int64_t raised_ns;

	(void)state;
	polls(2, 150);
	raised_ns = now_ns;
	acknowledge(1);
	expect_told("raised 1 warning, acknowledged 1 warning");
	for (int i = 0; i < 3; i++) {
		restart();
		expect_list(false, "1 warning queue 1");
		expect_message(1,
		    "the number of due jobs that wait is 150, over 100");
		assert_int_equal(alerts_next(alerts, NULL)->raised_ns,
		    raised_ns);
		assert_int_equal(alerts_stats(alerts)->acknowledged, 1);
		assert_int_equal(
		    alerts_status(alerts_stats(alerts), HEALTH_SYSTEM),
		    HEALTH_DEGRADED);
		if (i == 1)
			assert_true(box_compress(&box));
	}
	polls(5, 150);
	expect_told(""); /* not anew */
	polls(3, 0);
	expect_told("cleared 1 warning");
	restart();
	expect_list(false, "");
	expect_list(true, "1 warning queue 1");
	assert_int_equal(alerts_stats(alerts)->acknowledged, 0);
	polls(2, 60);
	expect_told("raised 2 info");
}

/* About an endpoint there is an alert for each namespace. */
static void
namespaces_survive_a_restart(void **state)
{
	static const char key[] = "http://h:80\0a.";
	const struct slice a = slice_of(key, sizeof(key) - 1);
	const struct slice none = slice_str("http://h:80");

	(void)state;
	for (int i = 0; i < 8; i++) {
		if (i == 3 || i == 6)
			restart();
		alerts_begin(alerts);
		alerts_judge(alerts, CONDITION_integration_down, a, 1);
		if (i >= 4)
			alerts_judge(alerts, CONDITION_integration_down, none,
			    1);
		now_ns += STEP;
		alerts_end(alerts, now_ns);
		box_settle(&box);
	}
	expect_told("raised 1 critical, raised 2 critical");
	expect_list(false,
	    "2 critical http://h:80 0, 1 critical http://h:80 0");
	assert_true(slice_eq(alert_source(alerts_find(alerts, 1)), a));
	assert_true(slice_eq(alert_source(alerts_find(alerts, 2)), none));
}

static void
numbers_are_never_given_again(void **state)
{
	(void)state;
	polls(2, 60);
	polls(3, 0);
	now_ns += 2 * ALERT_KEEP_NS;
	polls(1, 0);
	restart();
	expect_list(true, "1 info queue 0");
	polls(2, 60);
	expect_told("raised 1 info, cleared 1 info, raised 2 info");
	polls(3, 0);
	/* Now the first one has no purpose any more. */
	expect_list(true, "2 info queue 0");
	restart();
	expect_list(true, "2 info queue 0");
}

static void
cleared_ones_are_bounded(void **state)
{
	char source[16];
	size_t n = 0;
	struct alert_place at;
	const struct alert *a;

	(void)state;
	set("raise_after", "1");
	set("clear_after", "1");
	for (unsigned i = 0; i < ALERTS_CLEARED_MAX + 10; i++) {
		(void)snprintf(source, sizeof(source), "r%u", i);
		poll_source(CONDITION_agent_failures, source, 9);
	}
	quiet_polls(2);
	for (a = alerts_next(alerts, NULL); a != NULL;
	     at = alert_place(a), a = alerts_next(alerts, &at))
		n++;
	assert_int_equal(n, ALERTS_CLEARED_MAX);
	assert_null(alerts_find(alerts, 10));
	assert_non_null(alerts_find(alerts, 11));
	assert_int_equal(entries_count(store_entries(box.store), ENTRY_ALERT),
	    ALERTS_CLEARED_MAX);
}

static void
sources_are_bounded(void **state)
{
	char source[16];

	(void)state;
	set("raise_after", "1");
	for (int k = 0; k < 2; k++) {
		alerts_begin(alerts);
		for (unsigned i = 0; i < ALERT_SOURCES_MAX + 10; i++) {
			(void)snprintf(source, sizeof(source), "r%u", i);
			alerts_judge(alerts, CONDITION_agent_failures,
			    slice_str(source), 9);
		}
		alerts_judge(alerts, CONDITION_queue_depth, slice_str(""), 60);
		alerts_end(alerts, now_ns += STEP);
		box_settle(&box);
	}
	assert_int_equal(alerts_stats(alerts)->active[ALERT_WARNING],
	    ALERT_SOURCES_MAX);
	assert_int_equal(alerts_stats(alerts)->active[ALERT_INFO], 1);
	/* What the store had no room for in one go has been written since. */
	quiet_polls(1);
	assert_int_equal(entries_count(store_entries(box.store), ENTRY_ALERT),
	    ALERT_SOURCES_MAX + 1);
	buf_clear(&told);
}

static void
a_full_disk_keeps_no_alert_back(void **state)
{
	struct store_waiter w = box_waiter(&box);
	struct alert *a;

	(void)state;
	fault_at(FAULT_PWRITEV, 1, FAULT_ALWAYS, ENOSPC);
	for (int i = 0; i < 3; i++)
		poll_source(CONDITION_storage_refused, "", 1);
	expect_told("raised 1 critical");
	expect_list(false, "1 critical logfile 0");
	/* To take note of it needs the disk. */
	a = alerts_find(alerts, 1);
	assert_int_equal(alerts_acknowledge(alerts, a, &w, &box.err), 0);
	box_settle(&box);
	assert_int_equal(box.n_refused, 1);
	assert_int_equal(box.err.code, ERR_STORAGE);
	expect_list(false, "1 critical logfile 0");
	expect_told("");
	assert_int_equal(entries_count(store_entries(box.store), ENTRY_ALERT),
	    0);
	/* It is written as soon as that works. */
	fault_none();
	poll_source(CONDITION_storage_refused, "", 1);
	assert_int_equal(entries_count(store_entries(box.store), ENTRY_ALERT),
	    1);
	restart();
	expect_list(false, "1 critical logfile 0");
}

/* Not before a crash could not undo it; but a disk that hangs keeps nothing
 * back for longer than a poll. */
static void
a_new_one_is_shown_when_it_is_written(void **state)
{
	(void)state;
	polls(1, 51);
	alerts_begin(alerts);
	alerts_judge(alerts, CONDITION_queue_depth, slice_str(""), 51);
	alerts_end(alerts, now_ns += STEP);
	expect_told("");
	expect_list(true, "");
	assert_int_equal(alerts_active(alerts), 0);
	assert_null(alerts_find(alerts, 1));
	box_settle(&box);
	expect_told("raised 1 info");
	expect_list(false, "1 info queue 0");
	assert_int_equal(alerts_active(alerts), 1);
	for (int i = 0; i < 3; i++) {
		alerts_begin(alerts);
		alerts_judge(alerts, CONDITION_queue_depth, slice_str(""), 51);
		alerts_judge(alerts, CONDITION_memory, slice_str(""), 99);
		alerts_end(alerts, now_ns += STEP);
		expect_told(i < 2 ? "" : "raised 2 critical");
	}
	box_settle(&box);
	expect_told("");
	restart();
	expect_list(false, "2 critical memory 0, 1 info queue 0");
}

/* One that finds the store full of others' changes is written right after. */
static void
a_full_store_is_no_reason_to_lose_one(void **state)
{
	static char payload[16384];
	char job[32];

	(void)state;
	memset(payload, 'p', sizeof(payload) - 1);
	polls(1, 51);
	for (int i = 0; !store_full(box.store); i++) {
		(void)snprintf(job, sizeof(job), "j%d", i);
		box_set_payload(&box, job, T0, payload);
	}
	alerts_begin(alerts);
	alerts_judge(alerts, CONDITION_queue_depth, slice_str(""), 51);
	alerts_end(alerts, now_ns += STEP);
	expect_told("raised 1 info");
	box_settle(&box);
	alerts_save_again(alerts);
	box_settle(&box);
	restart();
	expect_list(false, "1 info queue 0");
}

static void
a_threshold_that_is_refused_is_not_set(void **state)
{
	struct store_waiter w = box_waiter(&box);

	(void)state;
	fault_at(FAULT_PWRITEV, 1, FAULT_ALWAYS, ENOSPC);
	assert_int_equal(alerts_set_threshold(alerts,
			     slice_str("queue_depth_info"), slice_str("5"), &w,
			     &box.err),
	    0);
	box_settle(&box);
	assert_int_equal(box.n_refused, 1);
	assert_int_equal(config.alerts_queue_depth_info, 50);
	fault_none();
	box.n_refused = 0;
	set("queue_depth_info", "5");
	assert_int_equal(config.alerts_queue_depth_info, 5);
	assert_int_equal(config.origin[CONFIG_alerts_queue_depth_info].source,
	    CONFIG_FROM_COMMAND);
	restart();
	assert_int_equal(config.alerts_queue_depth_info, 5);
}

/* What changes while an acknowledgement is under way does not undo it. */
static void
an_acknowledgement_is_not_lost(void **state)
{
	struct store_waiter w = box_waiter(&box);

	(void)state;
	polls(2, 60);
	polls(1, 150);
	assert_int_equal(
	    alerts_acknowledge(alerts, alerts_find(alerts, 1), &w, &box.err),
	    0);
	polls(1, 150);
	expect_told("raised 1 info, raised 1 warning, "
		    "acknowledged 1 warning");
	box_settle(&box);
	restart();
	expect_list(false, "1 warning queue 1");
	assert_int_equal(
	    alerts_acknowledge(alerts, alerts_find(alerts, 1), &w, &box.err),
	    0);
	polls(3, 0);
	restart();
	expect_list(true, "1 warning queue 1");
	assert_int_equal(
	    alerts_acknowledge(alerts, alerts_find(alerts, 1), &w, &box.err),
	    -1);
	assert_int_equal(box.err.code, ERR_CONFLICT);
	buf_clear(&told);
}

static void
what_the_log_says_wrongly(void **state)
{
	(void)state;
	close_all();
	open_all("log");
	box_entry(&box, ENTRY_ALERT, "x", "not an alert");
	box_entry(&box, ENTRY_ALERT, "7", "");
	box_entry(&box, ENTRY_ALERT, "8", "nosuch info 1 0 0 1 1 queue");
	/* Two that are active: the clearing of one was not written. */
	box_entry(&box, ENTRY_ALERT, "9",
	    "queue_depth warning 5 0 0 1500000 1000000 queue");
	box_entry(&box, ENTRY_ALERT, "12",
	    "queue_depth info 6 0 1 600000 500000 queue");
	box_entry(&box, ENTRY_ALERT, "10",
	    "queue_depth critical 7 0 0 2500000 2000000 queue");
	box_entry(&box, ENTRY_THRESHOLD, "cpu_warning", "many");
	box_entry(&box, ENTRY_THRESHOLD, "nosuch", "1");
	box_settle(&box);
	restart();
	expect_list(false, "12 info queue 1");
	expect_list(true,
	    "10 critical queue 0, 9 warning queue 0, 12 info queue 1");
	assert_int_equal(alerts_stats(alerts)->active[ALERT_INFO], 1);
	assert_int_equal(alerts_stats(alerts)->active[ALERT_WARNING], 0);
	assert_int_equal(config.alerts_cpu_warning, 80);
	polls(1, 60);
	restart();
	expect_list(false, "12 info queue 1");
}

#define ALERT_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ALERT_TEST(raised_after_so_many_polls),
		ALERT_TEST(cleared_a_margin_below),
		ALERT_TEST(what_is_not_judged_is_not_amiss),
		ALERT_TEST(flapping_is_damped),
		ALERT_TEST(the_highest_severity_counts),
		ALERT_TEST(messages_tell_what_holds),
		ALERT_TEST(levels_need_no_order),
		ALERT_TEST(below),
		ALERT_TEST(one_per_condition_and_source),
		ALERT_TEST(raised_between_polls),
		ALERT_TEST(a_disk_that_fills_is_a_matter_of_two_sections),
		ALERT_TEST(newest_first),
		ALERT_TEST(what_is_active_survives_a_restart),
		ALERT_TEST(namespaces_survive_a_restart),
		ALERT_TEST(numbers_are_never_given_again),
		ALERT_TEST(cleared_ones_are_bounded),
		ALERT_TEST(sources_are_bounded),
		ALERT_TEST(a_full_disk_keeps_no_alert_back),
		ALERT_TEST(a_new_one_is_shown_when_it_is_written),
		ALERT_TEST(a_full_store_is_no_reason_to_lose_one),
		ALERT_TEST(a_threshold_that_is_refused_is_not_set),
		ALERT_TEST(an_acknowledgement_is_not_lost),
		ALERT_TEST(what_the_log_says_wrongly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
