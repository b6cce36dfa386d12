/*
 * Damaged folders, at random but the same each time: `tickd check` calls fine
 * what a start takes, and nothing else; what it can mend starts afterwards,
 * and nothing that was there is gone. How many is the first argument, 1000 if
 * there is none; the seed the second.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <dirent.h>

#include "check.h"
#include "log_maker.h"
#include "os.h"
#include "prng.h"
#include "store_box.h"

#define FORMS 8u
#define PARTS 4u
#define NAMES 4u /* that a file may have after a repair */
#define FILE_MAX 65536u

enum { BASE, OLD, ACTIVE, NEW };

static const char *const part_name[PARTS] = { "log.base", "log.old", "log",
	"log.new" };

/* A file as bytes. */
struct content {
	bool there;
	bool odd; /* no regular file */
	unsigned char bytes[FILE_MAX];
	size_t n;
};

static struct folder *folder;
static struct prng rng;
static unsigned n_folders = 1000;
static uint64_t seed = 29;
static struct content sound[PARTS], donor[PARTS], before[PARTS];
/* The file that is to be no regular one; PARTS: none. */
static unsigned odd_part, odd_how;
static struct buf story; /* what was done to the folder */
static struct buf report;

static const char *
in(const char *dir, const char *name)
{
	char path[300];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return folder_path(folder, path);
}

/* An empty folder: whatever is in it, files and empty folders, goes. */
static void
empty(const char *name)
{
	const char *path = folder_path(folder, name);
	struct dirent *entry;
	DIR *dir;

	(void)mkdir(path, 0700);
	assert_non_null(dir = opendir(path));
	while ((entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			assert_int_equal(remove(in(name, entry->d_name)), 0);
	(void)closedir(dir);
}

/* --- sound folders --- */

static void
load(struct content *c, const char *path)
{
	struct stat st;

	memset(c, 0, sizeof(*c));
	if (lstat(path, &st) == -1)
		return;
	c->there = true;
	c->odd = !S_ISREG(st.st_mode);
	if (!c->odd) {
		unsigned char *bytes = file_read(path, &c->n);

		assert_true(c->n <= FILE_MAX);
		memcpy(c->bytes, bytes, c->n);
		free(bytes);
	}
}

static void
store(const struct content *c, const char *path)
{
	if (c->there)
		file_write(path, c->bytes, c->n);
}

/* A segment with n records from `first` on. */
static void
make_segment(struct content *c, unsigned char id, uint64_t first, unsigned n)
{
	const char *path = in("make", "log");
	struct log_maker m;
	char name[32];

	log_begin(&m, path, id, first);
	for (unsigned i = 0; i < n; i++) {
		(void)snprintf(name, sizeof(name), "job%llu",
		    (unsigned long long)first + i);
		if (i % 5 == 4)
			log_name(&m, RECORD_JOB_REMOVE, "job1");
		else
			log_set(&m, name);
		if (i % 3 == 2)
			log_commit(&m);
	}
	if (prng_below(&rng, 2) == 0)
		log_end(&m);
	else
		log_kill(&m);
	load(c, path);
}

static void
make_base(struct content *c, unsigned char id, uint64_t last)
{
	const char *path = in("make", "log.base");

	make_image(path, id, last, "j", 1 + prng_below(&rng, 300));
	load(c, path);
}

/* A folder as a server, a crash or a backup leaves it. */
static void
make_sound(struct content part[PARTS], unsigned form, unsigned char id,
    uint64_t from)
{
	memset(part, 0, PARTS * sizeof(*part));
	if (form == 0 || form == 3)
		from = 0;
	if (form != 0 && form != 3 && form != 4)
		make_base(&part[BASE], id, form == 5 ? from + 10 : from);
	if (form == 2 || form == 3 || form >= 5)
		make_segment(&part[OLD], id, from + 1, form == 7 ? 15 : 10);
	if (form == 4)
		make_base(&part[ACTIVE], id, from);
	else if (form == 6) /* a switch that was cut off */
		make_segment(&part[NEW], id, from + 11, 0);
	else
		make_segment(&part[ACTIVE], id,
		    from + (part[OLD].there ? 11 : 1), prng_below(&rng, 20));
}

/* --- damage --- */

static struct content *
any_part(struct content *part)
{
	unsigned i = prng_below(&rng, PARTS), n = 0;

	while (!part[i].there && n++ < PARTS)
		i = (i + 1) % PARTS;
	return &part[i];
}

static void
cut(struct content *c)
{
	static const size_t short_len[] = { 0, 1, 8, 63, 64 };

	if (prng_below(&rng, 2) == 0)
		c->n = c->n < 64 ? 0 : short_len[prng_below(&rng, 5)];
	else
		c->n = prng_below(&rng, (uint32_t)c->n + 1);
}

static void
flip_bits(struct content *c)
{
	unsigned n = 1 + prng_below(&rng, 3);

	while (c->n > 0 && n-- > 0)
		c->bytes[prng_below(&rng, (uint32_t)c->n)] ^=
		    (unsigned char)(1u << prng_below(&rng, 8));
}

/* Zeros or garbage, within the file or behind it. */
static void
overwrite(struct content *c, bool zeros)
{
	size_t at = prng_below(&rng, (uint32_t)c->n + 1);
	size_t n = 1 + prng_below(&rng, 300);

	for (size_t i = at; i < at + n && i < FILE_MAX; i++) {
		c->bytes[i] = zeros ? 0 : (unsigned char)prng_below(&rng, 256);
		if (i >= c->n)
			c->n = i + 1;
	}
}

static void
change_epoch(struct content *c)
{
	struct log_header h;
	struct err ignored;

	if (c->n < LOG_HEADER_LEN ||
	    log_header_decode(c->bytes, &h, &ignored) == -1)
		return;
	h.epoch += 1 + prng_below(&rng, 2);
	log_header_encode(c->bytes, &h);
}

static void
damage_once(struct content part[PARTS])
{
	static struct content spare;
	unsigned how = prng_below(&rng, 12);
	struct content *c = any_part(part), *other;

	(void)any_part(part); /* so that a seed makes what it always made */
	buf_addf(&story, " %u:%s", how, part_name[c - part]);
	switch (how) {
	case 0:
	case 1:
		cut(c);
		break;
	case 2:
	case 3:
		flip_bits(c);
		break;
	case 4:
		overwrite(c, true);
		break;
	case 5:
		overwrite(c, false);
		break;
	case 6:
		c->there = false;
		break;
	case 7: /* two have each other's name */
		other = &part[prng_below(&rng, 3)];
		spare = *c;
		*c = *other;
		*other = spare;
		break;
	case 8: /* one copied over another, or beside it */
		part[prng_below(&rng, 3)] = *c;
		break;
	case 9: /* of another log, or another time */
	case 10:
		*c = donor[prng_below(&rng, PARTS)];
		break;
	default:
		change_epoch(c);
	}
}

/* Something that is no file in the place of one. */
static void
put_odd(const char *path, unsigned how)
{
	static const char *const target[] = { "log.loop", "/no/such/file",
		"/dev/zero" };

	(void)unlink(path);
	if (how == 0)
		assert_int_equal(mkfifo(path, 0600), 0);
	else if (how == 1)
		assert_int_equal(mkdir(path, 0700), 0);
	else
		assert_int_equal(symlink(target[how - 2], path), 0);
}

static void
make_damaged(unsigned i)
{
	unsigned form = i % FORMS;
	unsigned n = prng_below(&rng, 8) == 0 ? 0 : 1 + prng_below(&rng, 2);

	buf_clear(&story);
	buf_addf(&story, "folder %u, form %u:", i, form);
	empty("make");
	make_sound(sound, form, 1, 10 * prng_below(&rng, 4));
	empty("make");
	make_sound(donor, prng_below(&rng, FORMS),
	    (unsigned char)(1 + prng_below(&rng, 2)), 10 * prng_below(&rng, 5));
	while (n-- > 0)
		damage_once(sound);
	odd_part = PARTS;
	if (prng_below(&rng, 20) == 0) {
		odd_part = prng_below(&rng, PARTS);
		odd_how = prng_below(&rng, 5);
		buf_addf(&story, " odd%u:%s", odd_how, part_name[odd_part]);
	}
	buf_add_byte(&story, '\0');
}

/* The damaged folder once more. */
static void
build(const char *dir)
{
	empty(dir);
	for (unsigned part = 0; part < PARTS; part++)
		store(&sound[part], in(dir, part_name[part]));
	if (odd_part == PARTS)
		return;
	assert_int_equal(symlink("log.loop", in(dir, "log.loop")), 0);
	put_odd(in(dir, part_name[odd_part]), odd_how);
}

/* --- what is made of it --- */

static void
disagree(const char *what, enum check_result result, const struct err *e)
{
	buf_add_byte(&report, '\0');
	fail_msg("%s\n%s: result %d, \"%s\"\n%s", story.ptr, what, (int)result,
	    e->msg, report.ptr);
}

static enum check_result
check(const char *dir, bool repair, struct err *e)
{
	buf_clear(&report);
	return check_log(in(dir, "log"), repair, &report, e);
}

/* A start: 0, or how it was refused. */
static enum check_result
start(const char *dir, struct err *e)
{
	enum check_result result = CHECK_FINE;
	struct box box;

	box_init(&box);
	if (box_open_unsynced(&box, in(dir, "log")) == -1) {
		*e = box.err;
		result =
		    box.fault == STORE_DAMAGED ? CHECK_DAMAGED : CHECK_FAILED;
	} else {
		box_set(&box, "one.more", 1);
		box_settle(&box);
		assert_int_equal(box.n_ok, 1);
	}
	box_fini(&box);
	return result;
}

static bool
has_bytes(const char *dir, const char *name, const struct content *c)
{
	static struct content now;

	load(&now, in(dir, name));
	return now.there && !now.odd && now.n == c->n &&
	    memcmp(now.bytes, c->bytes, c->n) == 0;
}

/* Each file that was there is there, under whatever name. */
static void
expect_all_there(const char *dir)
{
	static const char *const suffix[NAMES] = { "", ".damaged", ".damaged.2",
		".damaged.3" };

	for (unsigned i = 0; i < NEW; i++) {
		bool found = before[i].n <= LOG_HEADER_LEN;

		for (unsigned k = 0; k < NEW * NAMES && !found; k++) {
			char name[32];

			(void)snprintf(name, sizeof(name), "%s%s",
			    part_name[k / NAMES], suffix[k % NAMES]);
			found = has_bytes(dir, name, &before[i]);
		}
		if (before[i].there && !before[i].odd && !found)
			fail_msg("%s\n%s is gone after the repair\n%s",
			    story.ptr, part_name[i], report.ptr);
	}
}

static bool
is_empty(void)
{
	return !before[BASE].there && !before[OLD].there &&
	    !before[ACTIVE].there;
}

/* The repair of what was found to be so. */
static void
expect_repair(enum check_result found)
{
	enum check_result result;
	struct err e;

	build("repaired");
	result = check("repaired", true, &e);
	if (result != (found == CHECK_DAMAGED ? CHECK_MENDED : found))
		disagree("repair", result, &e);
	expect_all_there("repaired");
	if (found != CHECK_DAMAGED)
		return;
	if ((result = check("repaired", false, &e)) != CHECK_FINE)
		disagree("check of what was repaired", result, &e);
	if ((result = start("repaired", &e)) != CHECK_FINE)
		disagree("start of what was repaired", result, &e);
}

static void
check_start_and_repair_agree(void **state)
{
	unsigned n_of[CHECK_LOCKED + 1] = { 0 };
	enum check_result found, started;
	struct err e;

	folder = *state;
	rng.state = seed;
	for (unsigned i = 0; i < n_folders; i++) {
		make_damaged(i);
		build("damaged");
		for (unsigned part = 0; part < PARTS; part++)
			load(&before[part], in("damaged", part_name[part]));
		found = check("damaged", false, &e);
		build("started");
		started = start("started", &e);
		if (is_empty()) /* there is nothing to check */
			continue;
		if (started != found)
			disagree("start after the check", found, &e);
		n_of[found]++;
		/* What a start leaves, it takes again. */
		if (found == CHECK_FINE &&
		    (check("started", false, &e) != CHECK_FINE ||
			start("started", &e) != CHECK_FINE))
			disagree("second start", found, &e);
		expect_repair(found);
	}
	print_message("%u fine, %u damaged, %u no files\n", n_of[CHECK_FINE],
	    n_of[CHECK_DAMAGED], n_of[CHECK_FAILED]);
	assert_true(n_of[CHECK_FINE] >= n_folders / 20);
	assert_true(n_of[CHECK_DAMAGED] >= n_folders / 4);
}

/* Not what this is about, and slow. */
static int
no_sync(int fd)
{
	(void)fd;
	return 0;
}

static int
setup(void **state)
{
	static struct os unsynced;

	unsynced = os_system;
	unsynced.fsync = unsynced.fdatasync = no_sync;
	os = &unsynced;
	return folder_setup(state);
}

static int
teardown(void **state)
{
	buf_free(&story);
	buf_free(&report);
	os = &os_system;
	return folder_teardown(state);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(check_start_and_repair_agree,
		    setup, teardown),
	};

	if (argc > 1)
		n_folders = (unsigned)strtoul(argv[1], NULL, 10);
	if (argc > 2)
		seed = strtoull(argv[2], NULL, 10);
	return cmocka_run_group_tests_name("agree", tests, NULL, NULL);
}
