/*
 * The state of a log is its image and up to two segments: `<path>.old`, left
 * by a failure or a compression under way, and `<path>`. Records that the
 * image covers are skipped; records of `.old` that `<path>` begins at or
 * before are superseded (record.h). Together they must be without a gap.
 * `<path>.new` and `<path>.base.tmp` are files that never came to be.
 */
#include "recover.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "os.h"
#include "scan.h"

struct recovery {
	const struct recover_target *target;
	struct store_recovery *out;
	enum store_fault *fault;
	const char *path;
	bool sync;
	struct wal *wal;
	bool has_id; /* image or earlier segment: the log id is known */
	struct log_header header; /* of the segment to come, as far as known */
	uint64_t next_seq;	  /* all records before it are applied */
	char base[PATH_MAX], old[PATH_MAX];
};

/* 1 when a file is there, 0 when not, -1 with *e when that is unclear. */
static int
is_there(const char *path, struct err *e)
{
	int fd = os->open(path, O_RDONLY | O_CLOEXEC, 0);

	if (fd != -1) {
		(void)os->close(fd); /* only looked at */
		return 1;
	}
	return errno == ENOENT ? 0 : err_sys(e, ERR_STORAGE, "open %s", path);
}

/* ERR_INVALID means damage, whatever else a failure to read. */
static enum store_fault
fault_of(const struct err *e)
{
	return e->code == ERR_INVALID ? STORE_DAMAGED : STORE_FAILED;
}

/* Name the file in *e. Always -1. */
static int
fail(struct recovery *rec, enum store_fault fault, const char *path,
    struct err *e)
{
	struct err why = *e;

	*rec->fault = fault;
	return err_set(e, ERR_STORAGE, "%s: %s", path, why.msg);
}

/* The files of a log carry one id. */
static int
check_id(struct recovery *rec, const unsigned char id[LOG_ID_LEN],
    const char *path, struct err *e)
{
	if (rec->has_id && memcmp(rec->header.log_id, id, LOG_ID_LEN) != 0) {
		(void)err_set(e, ERR_INVALID,
		    "belongs to another log than the files beside it");
		return fail(rec, STORE_DAMAGED, path, e);
	}
	memcpy(rec->header.log_id, id, LOG_ID_LEN);
	rec->has_id = true;
	return 0;
}

static int
load_image(struct recovery *rec, struct err *e)
{
	struct image_reader *r = image_open(rec->base, e);
	const struct image_header *h;
	struct image_entry entry;
	int rc;

	if (r == NULL)
		return e->code == ERR_NOT_FOUND
		    ? 0
		    : fail(rec, fault_of(e), rec->base, e);
	h = image_header(r);
	(void)check_id(rec, h->log_id, rec->base, e); /* the first: sets it */
	rec->header.epoch = h->epoch;
	rec->next_seq = h->last_seq + 1;
	rec->out->last_execution_id = h->last_execution_id;
	while ((rc = image_next(r, &entry, e)) == 1) {
		rc = rec->target->image(rec->target->arg, &entry, e);
		if (rc == -1)
			break;
		rec->out->records++;
	}
	if (rc == -1)
		(void)fail(rec, fault_of(e), rec->base, e);
	rec->out->image_bytes = image_end(r);
	image_close(r);
	return rc;
}

/* Apply the records of a segment that are not applied yet, below `limit`. */
static enum scan_result
replay(struct recovery *rec, struct scan *s, uint64_t limit, struct err *e)
{
	enum scan_result result;
	struct record r;

	while ((result = scan_next(s, &r, e)) == SCAN_RECORD) {
		if (r.seq >= limit)
			return SCAN_END;
		if (r.seq < rec->next_seq)
			continue;
		if (rec->target->record(rec->target->arg, &r, e) == -1) {
			struct err why = *e;

			(void)err_set(e, why.code,
			    "record %llu at offset "
			    "%lld: %s",
			    (unsigned long long)r.seq, (long long)s->at,
			    why.msg);
			return why.code == ERR_LIMIT ? SCAN_FAILED
						     : SCAN_DAMAGED;
		}
		rec->next_seq = r.seq + 1;
		rec->out->records++;
	}
	return result;
}

/* Whether a segment that begins with first_seq leaves no gap. */
static int
check_first(struct recovery *rec, uint64_t first_seq, const char *path,
    struct err *e)
{
	if (first_seq <= rec->next_seq)
		return 0;
	(void)err_set(e, ERR_INVALID,
	    "begins with record %llu, but record "
	    "%llu is in no file beside it",
	    (unsigned long long)first_seq, (unsigned long long)rec->next_seq);
	return fail(rec, STORE_DAMAGED, path, e);
}

/* The earlier segment: whatever is not superseded must be whole. */
static int
recover_old(struct recovery *rec, uint64_t limit, struct err *e)
{
	enum scan_result result;
	struct scan s;
	int rc = scan_open(&s, rec->old, e);

	if (rc == 1)
		(void)err_set(e, ERR_INVALID, "no header");
	if (rc != 0)
		return fail(rec, fault_of(e), rec->old, e);
	rec->header.epoch = s.header.epoch;
	rc = check_id(rec, s.header.log_id, rec->old, e);
	if (rc == 0)
		rc = check_first(rec, s.header.first_seq, rec->old, e);
	if (rc == -1) {
		scan_close(&s);
		return -1;
	}
	result = replay(rec, &s, limit, e);
	scan_close(&s);
	if (result == SCAN_FAILED || result == SCAN_DAMAGED)
		return fail(rec,
		    result == SCAN_FAILED ? STORE_FAILED : STORE_DAMAGED,
		    rec->old, e);
	rec->out->unfolded = true;
	return 0;
}

/* The active segment, opened: replay it and go on at its end. */
static int
recover_active(struct recovery *rec, struct scan *s, struct err *e)
{
	const char *path = rec->path;

	if (check_id(rec, s->header.log_id, path, e) == -1 ||
	    check_first(rec, s->header.first_seq, path, e) == -1)
		return -1;
	switch (replay(rec, s, UINT64_MAX, e)) {
	case SCAN_FAILED:
		return fail(rec, STORE_FAILED, path, e);
	case SCAN_DAMAGED:
		return fail(rec, STORE_DAMAGED, path, e);
	case SCAN_ZEROS:
		rec->out->zero_bytes = s->size - s->at;
		break;
	case SCAN_TORN:
		rec->out->discarded_bytes = s->size - s->at;
		(void)err_set(&rec->out->discarded, ERR_STORAGE, "%s: %s", path,
		    e->msg);
		break;
	default:
		break;
	}
	if (wal_resume(rec->wal, path, &s->header, s->at, s->next_seq,
		rec->sync, e) == 0)
		return 0;
	*rec->fault = STORE_FAILED;
	return -1;
}

/* No usable active segment: begin one behind what there is. */
static int
begin(struct recovery *rec, bool has_old, struct err *e)
{
	struct log_header *h = &rec->header;

	if (has_old && recover_old(rec, UINT64_MAX, e) == -1)
		return -1;
	*rec->fault = STORE_FAILED;
	h->first_seq = rec->next_seq;
	h->created_ns = os->wall_ns();
	if (!rec->has_id &&
	    getrandom(h->log_id, LOG_ID_LEN, 0) != (ssize_t)LOG_ID_LEN)
		return err_sys(e, ERR_STORAGE, "make a log id");
	return wal_create(rec->wal, rec->path, h, rec->sync, e);
}

/* An image in the place of the log: a backup to start from. 1 when it was one
 * and has taken its place, 0 when not, -1 with *e. */
static int
adopt_backup(struct recovery *rec, struct err *e)
{
	struct image_reader *r = image_open(rec->path, e);
	struct err ignored;

	if (r == NULL)
		return 0;
	image_close(r);
	if (is_there(rec->base, &ignored) != 0)
		return 0;
	if (os->rename(rec->path, rec->base) == -1 ||
	    os_sync_folder(rec->path) == -1)
		return err_sys(e, ERR_STORAGE, "rename %s", rec->path);
	return 1;
}

static int
recover_segments(struct recovery *rec, bool has_old, bool has_active,
    struct err *e)
{
	struct scan s;
	int rc;

	if (!has_active)
		return begin(rec, has_old, e);
	if ((rc = scan_open(&s, rec->path, e)) == -1)
		return fail(rec, fault_of(e), rec->path, e);
	if (rc == 1) { /* cut short: nothing of it can be read */
		rec->out->discarded_bytes = s.size;
		(void)err_set(&rec->out->discarded, ERR_STORAGE,
		    "%s: no complete header", rec->path);
		return begin(rec, has_old, e);
	}
	if (has_old)
		rc = recover_old(rec, s.header.first_seq, e);
	if (rc == 0)
		rc = recover_active(rec, &s, e);
	scan_close(&s);
	return rc;
}

int
recover(const char *path, bool sync, const struct recover_target *target,
    struct wal *w, struct store_recovery *out, enum store_fault *fault,
    struct err *e)
{
	struct recovery rec = { .target = target,
		.out = out,
		.fault = fault,
		.path = path,
		.sync = sync,
		.wal = w,
		.next_seq = 1 };
	int has_old, has_active, adopted = 0;

	*fault = STORE_FAILED;
	if (snprintf(rec.old, PATH_MAX, "%s.old", path) >= PATH_MAX ||
	    snprintf(rec.base, PATH_MAX, "%s.base", path) >= PATH_MAX)
		return err_set(e, ERR_STORAGE, "path too long: %s", path);
	if ((has_old = is_there(rec.old, e)) == -1 ||
	    (has_active = is_there(path, e)) == -1)
		return -1;
	if (has_active && !has_old && (adopted = adopt_backup(&rec, e)) == -1)
		return -1;
	if (load_image(&rec, e) == -1)
		return -1;
	if (!has_active && !has_old && rec.has_id)
		(void)err_set(&out->discarded, ERR_STORAGE,
		    "%s is missing beside its image", path);
	return recover_segments(&rec, has_old == 1, has_active == 1 && !adopted,
	    e);
}
