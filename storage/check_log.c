/*
 * What a start would say (recover_look) is the verdict; the reports of the
 * files one by one say more of where they are damaged. Mending follows the
 * verdict: what it names is put right, and it is asked again, until nothing is
 * wrong or nothing helps. As much as can be kept is; what cannot stay in the
 * log stays beside it, under a name that is told.
 */
#include "check.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "files.h"
#include "recover.h"
#include "repair.h"
#include "wal.h"

/* Each round mends a fault, of which a file has few. */
#define ROUNDS_MAX 12u
/* A server may go on in a new segment between two looks at names. */
#define LOOKS_MAX 5u

struct log_check {
	const char *path;
	struct buf *out;
	char part[PART_ACTIVE + 1][PATH_MAX];
	struct recover_found found;
	struct err why;	  /* of the verdict */
	unsigned n_aside; /* files that got another name */
};

static int
name_parts(struct log_check *c, struct err *e)
{
	static const char *const suffix[] = { ".base", ".old", "" };

	for (size_t i = 0; i <= PART_ACTIVE; i++)
		if (snprintf(c->part[i], PATH_MAX, "%s%s", c->path,
			suffix[i]) >= PATH_MAX)
			return err_set(e, ERR_STORAGE, "path too long: %s",
			    c->path);
	return 0;
}

static bool
is_there(const char *path)
{
	struct header h;
	struct err why;

	return header_read(&h, path, &why) == 0 || why.code != ERR_NOT_FOUND;
}

static bool
is_sound(const struct log_check *c)
{
	return c->found.wrong == RECOVER_SOUND;
}

/* The verdict; one that is bad must stand. */
static void
judge(struct log_check *c)
{
	static const struct recover_target nobody = { 0 };
	struct store_recovery ignored;
	struct err before;

	c->why.msg[0] = '\0';
	for (unsigned i = 0; i < LOOKS_MAX; i++) {
		before = c->why;
		memset(&ignored, 0, sizeof(ignored));
		if (recover_look(c->path, &nobody, &ignored, &c->found,
			&c->why) == 0)
			return;
		if (i > 0 && strcmp(before.msg, c->why.msg) == 0)
			return;
	}
}

static bool
is_wrong(const struct log_check *c, enum log_part part)
{
	return !is_sound(c) && c->found.part == part;
}

/* Report each file. */
static enum check_result
report_parts(struct log_check *c, struct err *e)
{
	enum check_result result;

	for (enum log_part part = PART_BASE; part <= PART_ACTIVE; part++) {
		struct check one = { .no_verdict = is_wrong(c, part),
			.limit = part == PART_OLD ? c->found.old_limit : 0 };

		if (!is_there(c->part[part]) ||
		    (is_wrong(c, part) &&
			(c->found.wrong == RECOVER_USELESS ||
			    c->found.wrong == RECOVER_MISSING)))
			continue;
		result = check_file(&one, c->part[part], c->out, e);
		if (result == CHECK_FAILED)
			return result;
	}
	return CHECK_FINE;
}

/* The verdict as a line, where no report of the file has said it. */
static void
put_verdict(struct log_check *c)
{
	if (c->found.wrong != RECOVER_DAMAGED)
		buf_addf(c->out, "%s\n", c->why.msg);
}

/* --- mending --- */

/* The file leaves the log. */
static int
set_aside(struct log_check *c, struct err *e)
{
	const char *path = c->part[c->found.part];
	char aside[PATH_MAX];

	if (repair_name(aside, path, c->n_aside > 0, e) == -1 ||
	    repair_rename(path, aside, e) == -1)
		return -1;
	c->n_aside++;
	buf_addf(c->out, "%s: set aside, it is %s now\n", path, aside);
	if (c->found.wrong != RECOVER_USELESS)
		check_put_takeover(c->out, path, aside);
	return 0;
}

static enum header_kind
kind_of(const struct log_check *c, enum log_part part)
{
	struct header h;
	struct err ignored;

	return header_read(&h, c->part[part], &ignored) == 0 ? h.kind
							     : HEADER_NONE;
}

static int
exchange(struct log_check *c, enum log_part a, enum log_part b, struct err *e)
{
	if (repair_exchange(c->part[a], c->part[b], e) == -1)
		return -1;
	buf_addf(c->out, "%s: had the name of %s, and has its own again\n",
	    c->part[a], c->part[b]);
	return 0;
}

static int
move(struct log_check *c, enum log_part from, enum log_part to, struct err *e)
{
	if (repair_rename(c->part[from], c->part[to], e) == -1)
		return -1;
	buf_addf(c->out, "%s: is %s now\n", c->part[from], c->part[to]);
	return 1;
}

/* A file with another's name: 1 when it has its own again, 0 when it is not
 * that, -1 on failure. */
static int
mend_names(struct log_check *c, struct err *e)
{
	enum log_part part = c->found.part;

	if (c->found.wrong == RECOVER_ORDER && part == PART_OLD)
		return exchange(c, PART_ACTIVE, PART_OLD, e) == 0 ? 1 : -1;
	if (c->found.wrong != RECOVER_USELESS)
		return 0;
	if (part == PART_BASE && kind_of(c, PART_BASE) == HEADER_LOG) {
		for (part = PART_OLD; part <= PART_ACTIVE; part++)
			if (kind_of(c, part) == HEADER_IMAGE)
				return exchange(c, part, PART_BASE, e) == 0
				    ? 1
				    : -1;
		return is_there(c->part[PART_ACTIVE])
		    ? 0
		    : move(c, PART_BASE, PART_ACTIVE, e);
	}
	if (part == PART_BASE || kind_of(c, part) != HEADER_IMAGE ||
	    is_there(c->part[PART_BASE]))
		return 0;
	return move(c, part, PART_BASE, e);
}

/* Nothing is left of what came before the segment: it goes on alone. */
static int
mend_begin(struct log_check *c, struct err *e)
{
	const char *path = c->part[c->found.part];
	struct header h;

	if (header_read(&h, path, e) == -1 ||
	    repair_make_image(c->part[PART_BASE], &h.log, e) == -1)
		return -1;
	buf_addf(c->out,
	    "%s: made, with nothing in it: records 1 to %llu are lost\n",
	    c->part[PART_BASE], (unsigned long long)h.log.first_seq - 1);
	return 0;
}

static int
mend_missing(struct log_check *c, struct err *e)
{
	struct wal w;

	if (recover_begin(c->path, true, &c->found, &w, e) == -1)
		return -1;
	wal_close(&w);
	buf_addf(c->out, "%s: made, the next record is %llu\n", c->path,
	    (unsigned long long)c->found.header.first_seq);
	return 0;
}

static int
mend_damage(struct log_check *c, struct err *e)
{
	enum log_part part = c->found.part;
	struct check one = { .repair = true,
		.locked = true,
		.any_name = c->n_aside > 0,
		.limit = part == PART_OLD ? c->found.old_limit : 0 };
	enum check_result result = check_file(&one, c->part[part], c->out, e);

	if (result == CHECK_FINE) /* no two of a mind: do not go on for ever */
		return err_set(e, ERR_STORAGE, "%s", c->why.msg);
	if (result != CHECK_MENDED)
		return -1;
	c->n_aside++;
	return 0;
}

/* Mend what the verdict names. */
static int
mend(struct log_check *c, struct err *e)
{
	int rc;

	put_verdict(c);
	if (c->found.wrong == RECOVER_DAMAGED)
		return mend_damage(c, e);
	if (c->found.wrong == RECOVER_MISSING)
		return mend_missing(c, e);
	if (c->found.wrong == RECOVER_GAP && !c->found.precedes)
		return mend_begin(c, e);
	if ((rc = mend_names(c, e)) != 0)
		return rc == 1 ? 0 : -1;
	return set_aside(c, e);
}

static enum check_result
mend_all(struct log_check *c, struct err *e)
{
	enum check_result result = CHECK_FINE;

	for (unsigned round = 0; round < ROUNDS_MAX; round++) {
		judge(c);
		if (is_sound(c) && result == CHECK_MENDED &&
		    !is_there(c->part[PART_ACTIVE]) && mend_missing(c, e) == -1)
			return CHECK_DAMAGED;
		if (is_sound(c))
			return result;
		if (c->found.wrong == RECOVER_FAILED) {
			*e = c->why;
			return CHECK_FAILED;
		}
		if (mend(c, e) == -1)
			return CHECK_DAMAGED;
		result = CHECK_MENDED;
	}
	*e = c->why;
	return CHECK_DAMAGED;
}

/* --- both --- */

static enum check_result
check_parts(struct log_check *c, struct err *e)
{
	enum check_result result;

	judge(c);
	if (c->found.wrong == RECOVER_FAILED) {
		*e = c->why;
		return CHECK_FAILED;
	}
	if ((result = report_parts(c, e)) != CHECK_FINE || is_sound(c))
		return result;
	put_verdict(c);
	e->msg[0] = '\0';
	return CHECK_DAMAGED;
}

enum check_result
check_log(const char *path, bool repair, struct buf *out, struct err *e)
{
	struct log_check c = { .path = path, .out = out };
	enum check_result mended = CHECK_FINE, result;
	struct log_lock lock;

	e->msg[0] = '\0';
	if (name_parts(&c, e) == -1)
		return CHECK_FAILED;
	if (!is_there(c.part[PART_BASE]) && !is_there(c.part[PART_OLD]) &&
	    !is_there(c.part[PART_ACTIVE])) {
		(void)err_set(e, ERR_STORAGE,
		    "%s: open: No such file or directory", path);
		return CHECK_FAILED;
	}
	if (repair && repair_lock(&lock, path, e) == -1)
		return e->code == ERR_CONFLICT ? CHECK_LOCKED : CHECK_FAILED;
	if (repair)
		mended = mend_all(&c, e);
	result = mended == CHECK_FINE || mended == CHECK_MENDED
	    ? check_parts(&c, e)
	    : mended;
	if (repair)
		log_lock_drop(&lock);
	return result == CHECK_FINE ? mended : result;
}
