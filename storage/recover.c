/*
 * The state of a log is its image and up to two segments: `<path>.old`, left
 * by a failure or a compression under way, and `<path>`. Records that the
 * image covers are skipped; records of `.old` that `<path>` begins at or
 * before are superseded (record.h). Together they must be without a gap.
 *
 * recover_look is the only judge of that, for a start and for `tickd check`.
 * A name that has gone by itself tells of a loss: every step that takes the
 * name `<path>` away leaves the file that is to have it next, durable, at
 * `<path>.new`, with the log id and the next sequence number in its header.
 * `<path>.base.tmp` is a file that never came to be.
 */
#include "recover.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "os.h"
#include "scan.h"
#include "verify.h"

struct look {
	const struct recover_target *target;
	struct store_recovery *out;
	struct recover_found *found;
	struct log_files files;
	bool is_cut_short; /* the active segment has not even a header */
};

static const struct header *
header_of(const struct look *l, enum log_part part)
{
	return &l->files.file[part].header;
}

/* Name the file in *e. Always -1. */
static int
fail(struct look *l, enum recover_wrong wrong, enum log_part part,
    struct err *e)
{
	struct err why = *e;

	l->found->wrong = wrong;
	/* A backup has the name of the log yet. */
	l->found->part = l->found->next == RECOVER_ADOPT ? PART_ACTIVE : part;
	return err_set(e, ERR_STORAGE, "%s: %s", l->files.file[part].path,
	    why.msg);
}

/* As fail, for something that was read: ERR_INVALID means damage, anything
 * else a failure to read it. */
static int
fail_read(struct look *l, enum log_part part, struct err *e)
{
	return fail(l,
	    e->code == ERR_INVALID ? RECOVER_DAMAGED : RECOVER_FAILED, part, e);
}

/* --- what the first bytes tell --- */

/* Whether a file that is there can have its name. */
static int
check_kind(struct look *l, enum log_part part, enum header_kind kind,
    struct err *e)
{
	const struct log_file *f = &l->files.file[part];

	if (f->unknown) {
		*e = f->why;
		return fail(l, RECOVER_USELESS, part, e);
	}
	if (f->header.kind != kind) {
		(void)err_set(e, ERR_INVALID, "%s",
		    f->header.kind == HEADER_NONE
			? "no header: nothing is in it"
			: kind == HEADER_LOG
			? "an image, where a segment of the log should be"
			: "a segment of a log, where its image should be");
		return fail(l, RECOVER_USELESS, part, e);
	}
	if (f->header.mended) {
		(void)err_set(e, ERR_INVALID,
		    "damaged header: one bit is wrong");
		return fail(l, RECOVER_DAMAGED, part, e);
	}
	return 0;
}

/* A backup to start from, where the log should be: it is the image. */
static bool
adopts(struct look *l)
{
	struct log_file *active = &l->files.file[PART_ACTIVE];
	struct log_file *base = &l->files.file[PART_BASE];

	if (active->fd == -1 || active->unknown ||
	    active->header.kind != HEADER_IMAGE || base->fd != -1 ||
	    l->files.file[PART_OLD].fd != -1)
		return false;
	*base = *active;
	active->fd = -1;
	l->found->next = RECOVER_ADOPT;
	return true;
}

/* The active segment was made at an earlier start, or never: 1 when it is
 * there, 0 when one is to begin, -1 when it is wrong. */
static int
check_active(struct look *l, struct err *e)
{
	const struct log_file *f = &l->files.file[PART_ACTIVE];

	if (f->fd == -1)
		return 0;
	if (!f->unknown && f->header.kind == HEADER_NONE) {
		l->is_cut_short = true;
		l->out->discarded_bytes = f->header.size;
		(void)err_set(&l->out->discarded, ERR_STORAGE,
		    "%s: no complete header", f->path);
		(void)os->close(files_take(&l->files, PART_ACTIVE));
		return 0;
	}
	return check_kind(l, PART_ACTIVE, HEADER_LOG, e) == 0 ? 1 : -1;
}

static bool
same_log(const struct look *l, enum log_part a, enum log_part b)
{
	return memcmp(header_log_id(header_of(l, a)),
		   header_log_id(header_of(l, b)), LOG_ID_LEN) == 0;
}

static uint64_t
epoch_of(const struct header *h)
{
	return h->kind == HEADER_IMAGE ? h->image.epoch : h->log.epoch;
}

/* The files of a log carry one id, and no epoch comes before an earlier one.
 * Of two the older is the stranger, unless a third sides with it. */
static int
check_family(struct look *l, struct err *e)
{
	enum log_part there[3], stranger = PART_BASE;
	size_t n = 0;

	for (enum log_part part = PART_BASE; part <= PART_ACTIVE; part++)
		if (files_is_there(&l->files, part))
			there[n++] = part;
	for (size_t i = 1; i < n; i++) {
		if (same_log(l, there[i - 1], there[i]))
			continue;
		stranger = there[i - 1];
		if (n == 3 && !same_log(l, there[0], there[2]))
			stranger = same_log(l, there[0], there[1]) ? there[2]
								   : there[0];
		else if (n == 3)
			stranger = there[1];
		(void)err_set(e, ERR_INVALID,
		    "belongs to another log than the files beside it");
		return fail(l, RECOVER_FOREIGN, stranger, e);
	}
	for (size_t i = 1; i < n; i++) {
		uint64_t before = epoch_of(header_of(l, there[i - 1]));
		uint64_t epoch = epoch_of(header_of(l, there[i]));

		if (before <= epoch)
			continue;
		(void)err_set(e, ERR_INVALID,
		    "of epoch %llu, but the file before it of epoch %llu",
		    (unsigned long long)epoch, (unsigned long long)before);
		return fail(l, RECOVER_FOREIGN, there[i], e);
	}
	return 0;
}

/* The earlier segment is the earlier one. */
static int
check_order(struct look *l, struct err *e)
{
	uint64_t old = header_of(l, PART_OLD)->log.first_seq;
	uint64_t active = header_of(l, PART_ACTIVE)->log.first_seq;

	if (!files_is_there(&l->files, PART_OLD) ||
	    !files_is_there(&l->files, PART_ACTIVE) || old <= active)
		return 0;
	(void)err_set(e, ERR_INVALID,
	    "begins with record %llu, but the segment that should follow it "
	    "with record %llu",
	    (unsigned long long)old, (unsigned long long)active);
	return fail(l, RECOVER_ORDER, PART_OLD, e);
}

/* --- the image --- */

static int
tell_entry(struct look *l, struct verify_order *order,
    const struct image_reader *r, const struct image_entry *entry,
    struct err *e)
{
	const struct recover_target *t = l->target;
	struct err why;

	if (verify_entry(order, entry, &why) == -1)
		return err_set(e, ERR_INVALID,
		    "damaged block at offset %lld: an entry: %s",
		    (long long)image_offset(r), why.msg);
	verify_advance(order, entry);
	l->out->records++;
	return t->image == NULL ? 0 : t->image(t->arg, entry, e);
}

static int
read_image(struct look *l, struct image_reader *r, struct err *e)
{
	struct verify_order order = { 0 };
	struct image_entry entry;
	off_t rest;
	int rc;

	while ((rc = image_next(r, &entry, e)) == 1)
		if (tell_entry(l, &order, r, &entry, e) == -1)
			return -1;
	rest = header_of(l, PART_BASE)->size - image_end(r);
	if (rc == 0 && rest != 0)
		return err_set(e, ERR_INVALID,
		    "%lld bytes behind its end at offset %lld", (long long)rest,
		    (long long)image_end(r));
	return rc;
}

static int
load_image(struct look *l, struct err *e)
{
	const struct header *h = header_of(l, PART_BASE);
	struct image_reader *r;
	int rc;

	if (!files_is_there(&l->files, PART_BASE))
		return 0;
	if ((r = image_open_fd(files_take(&l->files, PART_BASE), &h->image,
		 e)) == NULL)
		return fail(l, RECOVER_FAILED, PART_BASE, e);
	memcpy(l->found->header.log_id, h->image.log_id, LOG_ID_LEN);
	l->found->has_id = true;
	l->found->header.epoch = h->image.epoch;
	l->found->next_seq = h->image.last_seq + 1;
	l->out->last_execution_id = h->image.last_execution_id;
	if ((rc = read_image(l, r, e)) == -1)
		(void)fail_read(l, PART_BASE, e);
	l->out->image_bytes = image_end(r);
	image_close(r);
	return rc;
}

/* --- segments --- */

/* Whether the record makes sense. What has more than a name the target decodes
 * itself, by the same functions: there are many, and a start waits for them. */
static int
check_record(const struct look *l, const struct record *r, struct err *e)
{
	if (l->target->record != NULL && r->type != RECORD_JOB_REMOVE &&
	    r->type != RECORD_RULE_REMOVE && r->type != RECORD_RULE_PAUSE)
		return 0;
	return verify_record(r, e);
}

static int
tell_record(struct look *l, const struct scan *s, const struct record *r,
    struct err *e)
{
	const struct recover_target *t = l->target;
	struct err why;

	if (check_record(l, r, &why) == 0 &&
	    (t->record == NULL || t->record(t->arg, r, &why) == 0))
		return 0;
	return err_set(e, why.code, "record %llu at offset %lld: %s",
	    (unsigned long long)r->seq, (long long)s->at, why.msg);
}

/* Apply the records of a segment that are not applied yet, below `limit`. */
static enum scan_result
replay(struct look *l, struct scan *s, uint64_t limit, struct err *e)
{
	enum scan_result result;
	struct record r;

	while ((result = scan_next(s, &r, e)) == SCAN_RECORD) {
		if (r.seq >= limit)
			return SCAN_END;
		if (r.seq < l->found->next_seq)
			continue;
		if (tell_record(l, s, &r, e) == -1)
			return e->code == ERR_INVALID ? SCAN_DAMAGED
						      : SCAN_FAILED;
		l->found->next_seq = r.seq + 1;
		l->out->records++;
	}
	return result;
}

static int
replay_failed(struct look *l, enum log_part part, const struct scan *s,
    enum scan_result result, struct err *e)
{
	l->found->end = s->at;
	return fail(l, result == SCAN_FAILED ? RECOVER_FAILED : RECOVER_DAMAGED,
	    part, e);
}

/* Whether a segment leaves no gap. */
static int
check_first(struct look *l, enum log_part part, struct err *e)
{
	uint64_t first_seq = header_of(l, part)->log.first_seq;

	if (first_seq <= l->found->next_seq)
		return 0;
	l->found->precedes = l->found->has_id;
	(void)err_set(e, ERR_INVALID,
	    "begins with record %llu, but record %llu is in no file beside it",
	    (unsigned long long)first_seq,
	    (unsigned long long)l->found->next_seq);
	return fail(l, RECOVER_GAP, part, e);
}

static int
open_segment(struct look *l, enum log_part part, struct scan *s, struct err *e)
{
	const struct log_header *h = &header_of(l, part)->log;

	if (scan_open_fd(s, files_take(&l->files, part), h, e) != 0)
		return fail(l, RECOVER_FAILED, part, e);
	memcpy(l->found->header.log_id, h->log_id, LOG_ID_LEN);
	l->found->has_id = true;
	l->found->header.epoch = h->epoch;
	return 0;
}

/* Whether `<path>.new` is the segment that follows the others. */
static bool
is_next(const struct look *l)
{
	const struct log_file *f = &l->files.file[PART_NEW];
	const struct header *h = &f->header;

	return f->fd != -1 && !f->unknown && h->kind == HEADER_LOG &&
	    !h->mended && h->log.epoch >= l->found->header.epoch &&
	    memcmp(h->log.log_id, l->found->header.log_id, LOG_ID_LEN) == 0;
}

/* The first record that the earlier segment may not have. */
static uint64_t
limit_of_old(const struct look *l, bool has_active)
{
	if (has_active)
		return header_of(l, PART_ACTIVE)->log.first_seq;
	return is_next(l) ? header_of(l, PART_NEW)->log.first_seq : UINT64_MAX;
}

/* The earlier segment: whatever is not superseded must be whole. */
static int
look_at_old(struct look *l, bool has_active, struct err *e)
{
	enum scan_result result;
	uint64_t limit;
	struct scan s;

	if (check_first(l, PART_OLD, e) == -1 ||
	    open_segment(l, PART_OLD, &s, e) == -1)
		return -1;
	limit = l->found->old_limit = limit_of_old(l, has_active);
	result = replay(l, &s, limit, e);
	l->out->unfolded = true;
	if (result == SCAN_FAILED || result == SCAN_DAMAGED)
		(void)replay_failed(l, PART_OLD, &s, result, e);
	scan_close(&s);
	return result == SCAN_FAILED || result == SCAN_DAMAGED ? -1 : 0;
}

/* Where the active segment ends, and with what. */
static int
end_active(struct look *l, const struct scan *s, enum scan_result result,
    struct err *e)
{
	const char *path = l->files.file[PART_ACTIVE].path;

	if (result == SCAN_FAILED || result == SCAN_DAMAGED)
		return replay_failed(l, PART_ACTIVE, s, result, e);
	if (result == SCAN_ZEROS)
		l->out->zero_bytes = s->size - s->at;
	if (result == SCAN_TORN) {
		l->out->discarded_bytes = s->size - s->at;
		(void)err_set(&l->out->discarded, ERR_STORAGE, "%s: %s", path,
		    e->msg);
	}
	l->found->end = s->at;
	l->found->scan_seq = s->next_seq;
	/* What it would be given next, the image covers already: the next
	 * start would skip it. */
	if (s->next_seq < l->found->next_seq) {
		(void)err_set(e, ERR_INVALID,
		    "ends with record %llu, but the image beside it goes up to "
		    "record %llu",
		    (unsigned long long)(s->next_seq - 1),
		    (unsigned long long)(l->found->next_seq - 1));
		return fail(l, RECOVER_ORDER, PART_ACTIVE, e);
	}
	return 0;
}

static int
look_at_active(struct look *l, struct err *e)
{
	struct scan s;
	int rc;

	if (check_first(l, PART_ACTIVE, e) == -1 ||
	    open_segment(l, PART_ACTIVE, &s, e) == -1)
		return -1;
	l->found->header = s.header;
	rc = end_active(l, &s, replay(l, &s, UINT64_MAX, e), e);
	scan_close(&s);
	return rc;
}

/* Without an active segment: there never was one; or the next has not got its
 * name yet; or it is lost. */
static int
look_for_next(struct look *l, struct err *e)
{
	const struct log_header *next = &header_of(l, PART_NEW)->log;
	unsigned long long last = l->found->next_seq - 1;

	if (!l->found->has_id || l->found->next == RECOVER_ADOPT)
		return 0;
	if (!l->is_cut_short && is_next(l) &&
	    next->first_seq == l->found->next_seq) {
		l->found->next = RECOVER_SWITCH;
		l->found->header = *next;
		return 0;
	}
	(void)err_set(e, ERR_INVALID,
	    "%s, but what is beside it goes up to record %llu: whatever came "
	    "after that is lost with it",
	    l->is_cut_short ? "has no header" : "missing", last);
	return fail(l, RECOVER_MISSING, PART_ACTIVE, e);
}

static int
look(struct look *l, struct err *e)
{
	bool has_old = files_is_there(&l->files, PART_OLD);
	int has_active;

	(void)adopts(l);
	if (files_is_there(&l->files, PART_BASE) &&
	    check_kind(l, PART_BASE, HEADER_IMAGE, e) == -1)
		return -1;
	if (has_old && check_kind(l, PART_OLD, HEADER_LOG, e) == -1)
		return -1;
	if ((has_active = check_active(l, e)) == -1)
		return -1;
	if (check_family(l, e) == -1 || check_order(l, e) == -1 ||
	    load_image(l, e) == -1 ||
	    (has_old && look_at_old(l, has_active == 1, e) == -1))
		return -1;
	if (has_active == 1)
		return look_at_active(l, e);
	if (l->found->next == RECOVER_GO_ON)
		l->found->next = RECOVER_BEGIN;
	return look_for_next(l, e);
}

int
recover_look(const char *path, const struct recover_target *target,
    struct store_recovery *out, struct recover_found *found, struct err *e)
{
	struct look l = { .target = target, .out = out, .found = found };
	int rc;

	memset(found, 0, sizeof(*found));
	found->next_seq = 1;
	if (files_open(&l.files, path, e) == -1) {
		found->wrong = RECOVER_FAILED;
		return -1;
	}
	rc = look(&l, e);
	files_close(&l.files);
	return rc;
}

/* --- and a start --- */

/* A new active segment, behind what there is. */
int
recover_begin(const char *path, bool sync, struct recover_found *found,
    struct wal *w, struct err *e)
{
	struct log_header *h = &found->header;
	char base[PATH_MAX];

	h->first_seq = found->next_seq;
	h->created_ns = os->wall_ns();
	if (!found->has_id &&
	    getrandom(h->log_id, LOG_ID_LEN, 0) != (ssize_t)LOG_ID_LEN)
		return err_sys(e, ERR_STORAGE, "make a log id");
	if (found->next != RECOVER_ADOPT)
		return wal_create(w, path, h, sync, e);
	(void)snprintf(base, sizeof(base), "%s.base", path); /* which is free */
	return wal_replace(w, path, base, h, sync, e);
}

/* Give the next segment its name at last. */
static int
end_switch(const char *path, struct err *e)
{
	char new[PATH_MAX];

	(void)snprintf(new, sizeof(new), "%s.new", path);
	if (os->rename(new, path) == -1 || os_sync_folder(path) == -1)
		return err_sys(e, ERR_STORAGE, "rename %s", new);
	return 0;
}

int
recover(const char *path, bool sync, const struct recover_target *target,
    struct wal *w, struct store_recovery *out, enum store_fault *fault,
    struct err *e)
{
	struct recover_found found;

	*fault = STORE_FAILED;
	if (recover_look(path, target, out, &found, e) == -1) {
		if (found.wrong != RECOVER_FAILED)
			*fault = STORE_DAMAGED;
		return -1;
	}
	out->made_log = found.next == RECOVER_BEGIN && !found.has_id &&
	    out->discarded.msg[0] == '\0';
	if (found.next == RECOVER_BEGIN || found.next == RECOVER_ADOPT)
		return recover_begin(path, sync, &found, w, e);
	if (found.next == RECOVER_SWITCH) {
		if (end_switch(path, e) == -1)
			return -1;
		found.end = LOG_HEADER_LEN;
		found.scan_seq = found.next_seq;
	}
	return wal_resume(w, path, &found.header, found.end, found.scan_seq,
	    sync, e);
}
