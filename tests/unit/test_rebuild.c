/* The files of the log are removed, replaced, cut and moved while a store uses
 * them. Here are real files. */
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "fault_os.h"
#include "lock.h"
#include "store_box.h"

#define JOBS 3000 /* more than a piece */

static char folder[64], log_path[80];
static struct box box;
static struct buf before, after;

static const char *
name(const char *suffix)
{
	static char names[4][96];
	static unsigned next;
	char *p = names[next++ % 4];

	(void)snprintf(p, sizeof(names[0]), "%s%s", log_path, suffix);
	return p;
}

static void
open_store(void)
{
	if (box_open(&box, log_path) == -1)
		fail_msg("%s", box.err.msg);
	box_rest(&box);
}

/* Some of everything, in all states. */
static void
fill(void)
{
	char id[16];

	box_rule(&box, "r.a", "a", "shell true -- retries=3");
	box_rule(&box, "r.b", "b", "direct /bin/true");
	box_rule_pause(&box, "r.b", true);
	for (int i = 0; i < JOBS; i++) {
		(void)snprintf(id, sizeof(id), "job.%d", i);
		box_set_payload(&box, id, i + 1, "some payload");
		if (i % 500 == 0)
			box_settle(&box);
	}
	box_settle(&box);
	box_run(&box, RECORD_JOB_TRIGGER, "job.1", 1, WAL_TRIGGER);
	box_run(&box, RECORD_JOB_TRIGGER, "job.2", 2, WAL_TRIGGER);
	box_run(&box, RECORD_JOB_TRIGGER, "job.3", 3, WAL_TRIGGER);
	box_settle(&box);
	box_run(&box, RECORD_JOB_START, "job.2", 2, WAL_TRIGGER);
	box_run(&box, RECORD_JOB_START, "job.3", 3, WAL_TRIGGER);
	box_settle(&box);
	box_run(&box, RECORD_JOB_FINISH, "job.3", 3, WAL_RESULT);
	box_set(&box, "job.2", 99); /* its run goes on */
	box_entry(&box, ENTRY_THRESHOLD, "cpu", "80");
	box_entry(&box, ENTRY_ALERT, "1", "an alert");
	box_settle(&box);
	assert_int_equal(box.n_refused, 0);
}

static int
setup(void **state)
{
	(void)state;
	fault_install(&os_system);
	(void)snprintf(folder, sizeof(folder), "/tmp/test_rebuild.XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(log_path, sizeof(log_path), "%s/log", folder);
	box_init(&box);
	open_store();
	fill();
	box_print(&box, &before);
	return 0;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int
teardown(void **state)
{
	(void)state;
	box_fini(&box);
	(void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	buf_free(&before);
	buf_free(&after);
	fault_remove();
	return 0;
}

/* As a server does, whose polls come whether it was woken or not. */
static void
look_again(void)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	(void)nanosleep(&pause, NULL);
	box_poll(&box);
}

/* Until what was lost has been written anew so often. */
static void
await_rebuilt(uint64_t n)
{
	while (store_stats(box.store)->rebuilds < n) {
		look_again();
	}
	assert_false(store_stats(box.store)->lost);
	box_rest(&box);
}

/* A look from outside, as with each poll, and until it has come out. */
static void
look(uint64_t losses)
{
	store_check(box.store);
	while (store_stats(box.store)->losses < losses) {
		look_again();
	}
}

/* All is there after a kill, and what is asked for then. */
static void
expect_all_after_kill(void)
{
	struct buf found = { 0 };

	box_set(&box, "one more", 1);
	box_settle(&box);
	assert_int_equal(box.n_refused, 0);
	box_print(&box, &before);
	/* Closing writes nothing that counts. */
	box_close(&box);
	open_store();
	box_print(&box, &found);
	assert_string_equal(found.ptr, before.ptr);
	assert_true(box_job(&box, "job.2")->extra->going.len > 0);
	assert_true(box_compress(&box));
	box_close(&box);
	open_store();
	box_print(&box, &found);
	assert_string_equal(found.ptr, before.ptr);
	buf_free(&found);
}

static void
removed(void **state)
{
	(void)state;
	assert_int_equal(unlink(log_path), 0);
	look(1);
	assert_non_null(
	    strstr(store_stats(box.store)->lost_error, "was removed"));
	await_rebuilt(1);
	box_print(&box, &after);
	assert_string_equal(before.ptr, after.ptr);
	expect_all_after_kill();
}

/* Not only a poll finds out: nothing is acknowledged that is nowhere. */
static void
found_out_with_the_next_write(void **state)
{
	(void)state;
	assert_int_equal(unlink(log_path), 0);
	box_set(&box, "refused", 1);
	box_settle(&box);
	assert_int_equal(box.n_refused, 1);
	await_rebuilt(1);
	assert_null(box_job(&box, "refused"));
	box.n_refused = 0;
	expect_all_after_kill();
	assert_null(box_job(&box, "refused"));
}

static void
copy_file(const char *from, const char *to)
{
	char bytes[4096];
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ssize_t n;

	assert_true(in != -1 && out != -1);
	while ((n = read(in, bytes, sizeof(bytes))) > 0)
		assert_int_equal(write(out, bytes, (size_t)n), n);
	assert_int_equal(n, 0);
	assert_int_equal(close(in), 0);
	assert_int_equal(close(out), 0);
}

/* And so is what somebody put there, but not thrown away. */
static void
replaced(void **state)
{
	struct stat st;

	(void)state;
	copy_file(log_path, name(".copy"));
	assert_int_equal(rename(name(".copy"), log_path), 0);
	look(1);
	await_rebuilt(1);
	assert_int_equal(stat(name(".displaced"), &st), 0);
	expect_all_after_kill();
}

static void
cut_to(off_t len, bool grows)
{
	assert_int_equal(truncate(log_path, len), 0);
	if (grows)
		assert_int_equal(truncate(log_path, 1 << 20), 0);
	look(1);
	await_rebuilt(1);
	expect_all_after_kill();
}

static void
cut_to_nothing(void **state)
{
	(void)state;
	cut_to(0, false);
}

static void
cut_in_part(void **state)
{
	(void)state;
	cut_to(1000, false);
}

static void
cut_and_grown_again(void **state)
{
	(void)state;
	cut_to(0, true);
}

static void
all_files_removed(void **state)
{
	static const char *const suffix[] = { "", ".base", ".lock" };

	(void)state;
	assert_true(box_compress(&box));
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(unlink(name(suffix[i])), 0);
	look(1);
	await_rebuilt(1);
	expect_all_after_kill();
}

/* With it would go all that was compressed earlier. */
static void
image_removed(void **state)
{
	(void)state;
	assert_true(box_compress(&box));
	assert_int_equal(unlink(name(".base")), 0);
	look(1);
	await_rebuilt(1);
	expect_all_after_kill();
}

static void
image_removed_before_a_compression(void **state)
{
	(void)state;
	assert_true(box_compress(&box));
	assert_int_equal(unlink(name(".base")), 0);
	assert_false(box_compress(&box));
	await_rebuilt(1);
	expect_all_after_kill();
}

/* Compression meets a log that is another's. */
static void
removed_before_a_switch(void **state)
{
	(void)state;
	copy_file(log_path, name(".copy"));
	assert_int_equal(rename(name(".copy"), log_path), 0);
	assert_false(box_compress(&box));
	look(1);
	await_rebuilt(1);
	expect_all_after_kill();
}

/* Without a folder there is no place; when it is back, so is the log. */
static void
folder_moved_and_back(void **state)
{
	char away[80];

	(void)state;
	(void)snprintf(away, sizeof(away), "%s.away", folder);
	assert_int_equal(rename(folder, away), 0);
	look(1);
	while (store_stats(box.store)->rebuild_error[0] == '\0') {
		look_again();
	}
	box_set(&box, "refused", 1);
	box_settle(&box);
	assert_int_equal(box.n_refused, 1);
	assert_int_equal(rename(away, folder), 0);
	store_check(box.store);
	while (store_stats(box.store)->lost) {
		look_again();
	}
	box.n_refused = 0;
	assert_null(box_job(&box, "refused"));
	expect_all_after_kill();
}

/* Where the folder is made anew, the log is too. */
static void
folder_removed(void **state)
{
	char away[80];

	(void)state;
	(void)snprintf(away, sizeof(away), "%s.away", folder);
	assert_int_equal(rename(folder, away), 0);
	assert_int_equal(mkdir(folder, 0700), 0);
	look(1);
	await_rebuilt(1);
	expect_all_after_kill();
	(void)nftw(away, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Another server has begun there: nothing of it is touched. */
static void
another_has_begun_there(void **state)
{
	struct box other;

	(void)state;
	assert_int_equal(unlink(log_path), 0);
	assert_int_equal(unlink(name(".lock")), 0);
	box_init(&other);
	assert_int_equal(box_open(&other, log_path), 0);
	look(1);
	while (store_stats(box.store)->rebuild_error[0] == '\0') {
		look_again();
	}
	box_set(&box, "refused", 1);
	box_settle(&box);
	assert_int_equal(box.n_refused, 1);
	box_set(&other, "theirs", 1);
	box_settle(&other);
	assert_int_equal(other.n_refused, 0);
	box_close(&box);
	box_close(&other);
	assert_int_equal(box_open(&other, log_path), 0);
	assert_non_null(box_job(&other, "theirs"));
	assert_null(box_job(&other, "job.1"));
	box_fini(&other);
}

/* Each step fails: the next look tries again. */
static void
a_step_that_fails_is_done_again(void **state)
{
	static const enum fault_call call[] = { FAULT_OPEN, FAULT_PWRITEV,
		FAULT_FSYNC, FAULT_RENAME, FAULT_FLOCK };
	uint64_t losses = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(call) / sizeof(*call); i++) {
		for (uint64_t n = 1; n < 6; n++) {
			assert_int_equal(unlink(log_path), 0);
			look(++losses);
			fault_at(call[i], n, 1, EIO);
			while (store_stats(box.store)->rebuilds < losses) {
				if (store_stats(box.store)->rebuild_error[0] !=
				    '\0')
					store_check(box.store);
				box_await(&box);
				box_poll(&box);
			}
			fault_none();
		}
	}
	expect_all_after_kill();
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(removed),
		TEST(found_out_with_the_next_write),
		TEST(replaced),
		TEST(cut_to_nothing),
		TEST(cut_in_part),
		TEST(cut_and_grown_again),
		TEST(all_files_removed),
		TEST(image_removed),
		TEST(image_removed_before_a_compression),
		TEST(removed_before_a_switch),
		TEST(folder_moved_and_back),
		TEST(folder_removed),
		TEST(another_has_begun_there),
		TEST(a_step_that_fails_is_done_again),
	};

	return cmocka_run_group_tests_name("rebuild", tests, NULL, NULL);
}
