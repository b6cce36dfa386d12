/* tickctl top without a terminal: layout, keys, and what is drawn. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "ctl_top_model.h"
#include "token.h"

#define NOW INT64_C(1711612800000000000) /* 2024-03-28 08:00:00 */

static struct top top;
static struct canvas canvas;

static int
setup(void **state)
{
	(void)state;
	top_init(&top, "127.0.0.1:5678", false);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	top_fini(&top);
	canvas_fini(&canvas);
	return 0;
}

/* A row as the server would send it, without the id. */
static void
give_row(enum top_source_id id, const char *line)
{
	struct tokens tokens = { 0 };
	struct tick_word words[16];
	char copy[512];
	struct err e;

	(void)snprintf(copy, sizeof(copy), "%s", line);
	assert_int_equal(token_split(copy, strlen(copy), &tokens, &e), 0);
	assert_true(tokens.n <= 16);
	for (size_t i = 0; i < tokens.n; i++) {
		words[i] = (struct tick_word){ tokens.word[i].ptr,
			tokens.word[i].len };
		copy[(words[i].ptr - copy) + (ptrdiff_t)words[i].len] = '\0';
	}
	top_reply_row(&top, id, &(struct tick_row){ words, tokens.n });
	token_fini(&tokens);
}

/* A reply of rows up to NULL. */
static void
give(enum top_source_id id, const char *const *rows, const char *ok)
{
	const struct tick_word word = { ok, strlen(ok) };

	top_reply_begin(&top, id);
	for (; *rows != NULL; rows++)
		give_row(id, *rows);
	top_reply_end(&top, id, &(struct tick_row){ &word, 1 });
}

static void
give_all(void)
{
	static const char *const health[] = { "system healthy",
		"agents degraded", "alerts critical", NULL };
	static const char *const stat[] = { "uptime_ns 3723000000000",
		"executions_pending 7", "executions_inflight 2",
		"connections 4", NULL };
	static const char *const system[] = { "cpu_usage 12.5",
		"memory_usage 85", "process_rss_bytes 12345678", NULL };
	static const char *const scheduler[] = { "trigger_lateness_us_p99 1234",
		NULL };
	static const char *const agents[] = { "a idle 1 0.5 10 stable",
		"b paused 0 0 0 stable", "c error 0.25 0 4 declining",
		"d active 0.5 0 4 improving", NULL };
	static const char *const integrations[] = {
		"http://x:80 healthy 0 12.34 0 stable connected", NULL
	};
	static const char *const alerts[] = {
		"a1 critical storage disk 1711612500000000000 1 0 "
		"\"disk is full\"",
		"a2 info system queue 1711612799000000000 0 1 \"queue\"", NULL
	};
	static const char *const breakers[] = { "rule:a closed 0 0 0 0",
		"rule:c open 0.5 20 1711612770000000000 1711612860000000000",
		NULL };

	give(TOP_HEALTH, health, "critical");
	give(TOP_STAT, stat, "");
	give(TOP_SYSTEM, system, "");
	give(TOP_SCHEDULER, scheduler, "");
	top_reply_problem(&top, TOP_STORAGE, "denied");
	top_reply_problem(&top, TOP_PROTOCOL, "unknown_command");
	give(TOP_AGENTS, agents, "");
	give(TOP_INTEGRATIONS, integrations, "");
	give(TOP_ALERTS, alerts, "");
	give(TOP_BREAKERS, breakers, "");
	top_polled(&top);
}

/* Row y of the screen; valid until the next call but one. */
static const char *
line(int y)
{
	static struct buf rows[2];
	static int next;
	struct buf *b = &rows[next];

	next = 1 - next;
	buf_free(b);
	canvas_put_row(&canvas, y, b);
	buf_add_byte(b, '\0');
	assert_false(b->failed);
	return b->ptr;
}

static void
draw(int rows, int cols)
{
	assert_int_equal(canvas_reset(&canvas, rows, cols), 0);
	top_draw(&top, &canvas, NOW);
}

static void
expect(int y, const char *text)
{
	assert_string_equal(line(y), text);
}

/* The line that begins so, -1: there is none. */
static int
find(const char *start)
{
	for (int y = 0; y < canvas.rows; y++) {
		if (strncmp(line(y), start, strlen(start)) == 0)
			return y;
	}
	return -1;
}

static void
test_80x24(void **state)
{
	(void)state;
	give_all();
	draw(24, 80);
	expect(0,
	    "tickd 127.0.0.1:5678  critical (agents, alerts)  up 1h2m3s"
	    "             08:00:00Z");
	expect(1,
	    "cpu 12%  mem 85%  disk -  load -  rss 12M  fds -  clients 4  "
	    "req/s -");
	expect(2,
	    "queue 7  #  run 2  late99 1.23ms  commit99 -  planned -  "
	    "failed -");
	expect(3,
	    "AGENTS 4                            STATUS  SUCCESS         DONE"
	    "     TREND");
	expect(4,
	    "> c                                 error   ###        25%  4"
	    "        declining");
	expect(5,
	    "  b                                 paused             0%   0"
	    "        stable");
	expect(6,
	    "  a                                 idle    ########## 100% 10"
	    "       stable");
	expect(7,
	    "  d                                 active  #####      50%  4"
	    "        improving");
	expect(8,
	    "INTEGRATIONS 1                STATUS   MS        ERRORS "
	    "CONNECTION   TREND");
	expect(9,
	    "  http://x:80                 healthy  12.34     0%     "
	    "connected    stable");
	expect(10, "ALERTS 2   AGE  ACK SOURCE           MESSAGE");
	expect(11, "  critical 5m       disk             disk is full");
	expect(12, "  info     1s   yes queue            queue");
	expect(13,
	    "BREAKERS 2                                STATE     FAILED CALLS"
	    "   OPENED RETRY");
	expect(14,
	    "  rule:c                                  open      50%    20"
	    "      30s    1m");
	expect(15,
	    "  rule:a                                  closed    0%     0"
	    "       -      -");
	expect(16, "");
	expect(23, "q quit  ? help  Tab pane  j k row  a ack  o open  r reset");
}

/* Two columns of panes. */
static void
test_200x50(void **state)
{
	struct top_rect r[PANE_COUNT];

	(void)state;
	give_all();
	top_layout(&top, 50, 200, r);
	assert_int_equal(r[PANE_AGENTS].x, 0);
	assert_int_equal(r[PANE_AGENTS].cols, 99);
	assert_int_equal(r[PANE_ALERTS].x, 101);
	assert_int_equal(r[PANE_ALERTS].y, r[PANE_AGENTS].y);
	assert_int_equal(r[PANE_ALERTS].cols, 99);
	draw(50, 200);
	assert_non_null(strstr(line(3), "AGENTS 4"));
	assert_non_null(strstr(line(3), "ALERTS 2"));
	assert_int_equal(strncmp(line(1), "cpu [#       ] 12%", 18), 0);
}

/* No size makes it write outside, or a pane too tall or too wide. */
static void
test_all_sizes(void **state)
{
	static const int cols[] = { 0, 1, 2, 7, 12, 13, 20, 40, 79, 80, 100,
		139, 140, 141, 200, 999, 5000 };

	(void)state;
	give_all();
	for (int rows = 0; rows < 60; rows++) {
		for (size_t i = 0; i < sizeof(cols) / sizeof(cols[0]); i++) {
			struct top_rect r[PANE_COUNT];

			top.mode = rows % 5 == 0 ? TOP_HELP : TOP_BROWSE;
			top.focus = (enum top_pane)(rows % PANE_COUNT);
			top_layout(&top, rows, cols[i], r);
			for (int p = 0; p < PANE_COUNT; p++) {
				assert_true(r[p].y + r[p].rows < rows ||
				    r[p].rows == 0);
				assert_true(r[p].x + r[p].cols <= cols[i]);
			}
			draw(rows, cols[i]);
		}
	}
	/* So few lines have room for one pane. */
	top.mode = TOP_BROWSE;
	top.focus = PANE_ALERTS;
	draw(8, 80);
	assert_true(find("ALERTS") > 0);
	assert_int_equal(find("AGENTS"), -1);
}

static void
expect_share(int avail, const int *want, int n, const int *expected)
{
	int got[8];

	top_share(avail, want, n, got);
	for (int i = 0; i < n; i++)
		assert_int_equal(got[i], expected[i]);
}

static void
test_share(void **state)
{
	(void)state;
	expect_share(16, (int[]){ 100, 0, 2, 100 }, 4, (int[]){ 7, 1, 2, 6 });
	expect_share(3, (int[]){ 9, 9, 9, 9 }, 4, (int[]){ 1, 1, 1, 0 });
	expect_share(40, (int[]){ 3, 3 }, 2, (int[]){ 3, 3 });
	expect_share(0, (int[]){ 1, 1 }, 2, (int[]){ 0, 0 });
	expect_share(-5, (int[]){ 1, 1 }, 2, (int[]){ 0, 0 });
}

static void
keys(const char *pressed)
{
	for (; *pressed != '\0'; pressed++)
		assert_int_equal(top_key(&top, *pressed), TOP_NOTHING);
}

static void
test_acknowledge(void **state)
{
	(void)state;
	give_all();
	/* First it goes there. */
	keys("a");
	assert_int_equal(top.focus, PANE_ALERTS);
	draw(24, 80);
	assert_int_equal(find("Alerts: choose one"), 23);
	assert_int_equal(top_key(&top, 'a'), TOP_ACK);
	assert_string_equal(top.target, "a1");
	keys("jjj");
	assert_int_equal(top_key(&top, 'a'), TOP_ACK);
	assert_string_equal(top.target, "a2");
	top_say(&top, true, "denied", "not for you");
	draw(24, 80);
	expect(23, "denied: not for you");
	keys("k");
	draw(24, 80);
	assert_int_equal(find("q quit"), 23);
}

static void
test_breakers(void **state)
{
	(void)state;
	give_all();
	keys("hjo");
	assert_int_equal(top.focus, PANE_BREAKERS);
	draw(24, 80);
	expect(23, "Open, and hold the jobs of, rule:a? y/n");
	keys("n");
	assert_int_equal(top_key(&top, 'y'), TOP_NOTHING);
	keys("o");
	assert_int_equal(top_key(&top, 'y'), TOP_OPEN);
	assert_string_equal(top.target, "rule:a");
	keys("gr");
	assert_int_equal(top_key(&top, 'y'), TOP_RESET);
	assert_string_equal(top.target, "rule:c");
	keys("rq"); /* not yes */
	assert_int_equal(top_key(&top, 'q'), TOP_QUIT);
}

static void
test_nothing_to_act_on(void **state)
{
	(void)state;
	draw(24, 80);
	assert_true(find("AGENTS (no reply)") > 0);
	keys("aaoorrjk gGb");
	assert_int_equal(top.mode, TOP_BROWSE);
}

static void
test_focus(void **state)
{
	(void)state;
	give_all();
	keys("\t\t\t\t");
	assert_int_equal(top.focus, PANE_AGENTS);
	keys("hh");
	assert_int_equal(top.focus, PANE_ALERTS);
	keys("l");
	assert_int_equal(top.focus, PANE_BREAKERS);
	keys("?");
	draw(24, 80);
	assert_true(find("  q                 quit") > 0);
	keys("q"); /* ends the help */
	draw(24, 80);
	assert_true(find("BREAKERS 2") > 0);
}

/* What is selected stays so while others come and go. */
static void
test_selection_follows(void **state)
{
	static const char *const more[] = { "a0 critical storage x 1 1 0 m",
		"a1 critical storage y 1 1 0 m", "a2 info system q 1 0 1 m",
		NULL };
	static const char *const less[] = { "a9 info system q 1 0 1 m", NULL };
	static const char *const none[] = { NULL };

	(void)state;
	give_all();
	keys("aj");
	assert_string_equal(top.selection[PANE_ALERTS].id, "a2");
	give(TOP_ALERTS, more, "");
	top_polled(&top);
	assert_int_equal(top.selection[PANE_ALERTS].row, 2);
	assert_int_equal(top_key(&top, 'a'), TOP_ACK);
	assert_string_equal(top.target, "a2");
	give(TOP_ALERTS, less, "");
	top_polled(&top);
	assert_string_equal(top.selection[PANE_ALERTS].id, "a9");
	give(TOP_ALERTS, none, "");
	top_polled(&top);
	draw(24, 80);
	keys("a");
	assert_int_equal(find("  none"), 11);
}

/* The selected row is always among those shown. */
static void
test_scrolling(void **state)
{
	char row[64];

	(void)state;
	give_all();
	top_reply_begin(&top, TOP_AGENTS);
	for (int i = 0; i < TOP_ROWS_MAX + 10; i++) {
		(void)snprintf(row, sizeof(row), "agent%05d idle 1 1 1 stable",
		    i);
		give_row(TOP_AGENTS, row);
	}
	top_reply_end(&top, TOP_AGENTS, &(struct tick_row){ NULL, 0 });
	top_polled(&top);
	draw(24, 80);
	assert_int_equal(find("AGENTS 4096 of 4106"), 3);
	/* It was c, which is gone: the row stays. */
	assert_int_equal(find("> agent00000"), 4);
	keys("G");
	draw(24, 80);
	assert_true(find("> agent04095") > 4);
	keys("k");
	draw(24, 80);
	assert_true(find("> agent04094") > 4);
	assert_true(find("  agent04095") > 4);
	keys("g  b");
	draw(24, 80);
	assert_true(find("> agent00010") >= 4);
	keys("g");
	draw(8, 40);
	assert_int_equal(find("> agent00000"), 4);
}

static void
test_lost(void **state)
{
	(void)state;
	give_all();
	top_lost(&top, "connect: refused");
	keys("j"); /* does not hide it */
	draw(24, 80);
	assert_non_null(strstr(line(0), "disconnected"));
	expect(23, "No connection: connect: refused");
	assert_true(find("  c  ") > 0); /* the last state */
	top_polled(&top);
	draw(24, 80);
	assert_int_equal(find("q quit"), 23);
}

/* The queue's past is bounded, its line as high as its highest. */
static void
test_past(void **state)
{
	(void)state;
	for (int i = 0; i < 3 * TOP_PAST; i++)
		give_all();
	assert_int_equal(top.n_past, TOP_PAST);
	draw(24, 80);
	assert_non_null(strstr(line(2), "queue 7  ############  run 2"));
}

/* Nothing of the server steers the terminal; wide characters take two
 * columns and are never halved. */
static void
test_characters(void **state)
{
	(void)state;
	assert_int_equal(canvas_reset(&canvas, 4, 10), 0);
	assert_int_equal(canvas_text(&canvas, 0, 0, 10, INK_PLAIN,
			     slice_str("\x1b[2J\xff\xc2\x9b")),
	    6);
	expect(0, "?[2J??");
	assert_int_equal(
	    canvas_text(&canvas, 1, 8, 10, INK_PLAIN, slice_str("abc")), 2);
	expect(1, "        a~");
	assert_int_equal(
	    canvas_text(&canvas, 2, 0, 3, INK_PLAIN, slice_str("abc")), 3);
	expect(2, "abc");
	assert_int_equal(
	    canvas_text(&canvas, 9, 0, 3, INK_PLAIN, slice_str("abc")), 0);
	assert_int_equal(
	    canvas_text(&canvas, 3, 10, 3, INK_PLAIN, slice_str("abc")), 0);
	assert_int_equal(
	    canvas_text(&canvas, 3, 0, 0, INK_PLAIN, slice_str("abc")), 0);
	if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
		return;
	assert_int_equal(canvas_reset(&canvas, 2, 10), 0);
	assert_int_equal(
	    canvas_text(&canvas, 0, 0, 5, INK_PLAIN, slice_str("größe")), 5);
	expect(0, "größe");
	assert_int_equal(
	    canvas_text(&canvas, 1, 0, 4, INK_PLAIN, slice_str("a日本語")), 4);
	expect(1, "a日~");
	assert_int_equal(
	    canvas_text(&canvas, 0, 0, 4, INK_PLAIN, slice_str("日本語")), 3);
	assert_int_equal(strncmp(line(0), "日~", strlen("日~")), 0);
	(void)setlocale(LC_CTYPE, "C");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_80x24),
		TEST(test_200x50),
		TEST(test_all_sizes),
		TEST(test_share),
		TEST(test_acknowledge),
		TEST(test_breakers),
		TEST(test_nothing_to_act_on),
		TEST(test_focus),
		TEST(test_selection_follows),
		TEST(test_scrolling),
		TEST(test_lost),
		TEST(test_past),
		TEST(test_characters),
	};

	return cmocka_run_group_tests_name("ctl_top", tests, NULL, NULL);
}
