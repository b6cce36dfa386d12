/*
 * A log is up to two segments: `<path>.old`, left by a failure or a
 * compression under way, and `<path>`. Records of the first whose numbers the
 * second begins at or before are superseded (record.h). `<path>.new` is a
 * segment that never came to be.
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
	recover_apply_cb *apply;
	void *arg;
	struct store_recovery *out;
	enum store_fault *fault;
	uint64_t next_seq; /* of the record to come; 0: none was seen */
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

/* Apply all records of a segment below `limit`. */
static enum scan_result
replay(struct recovery *rec, struct scan *s, uint64_t limit, struct err *e)
{
	enum scan_result result;
	struct record r;

	while ((result = scan_next(s, &r, e)) == SCAN_RECORD) {
		if (r.seq >= limit)
			return SCAN_END;
		if (rec->apply(rec->arg, &r, e) == -1) {
			struct err why = *e;

			(void)err_set(e, why.code, "record %llu at offset "
			    "%lld: %s", (unsigned long long)r.seq,
			    (long long)s->at, why.msg);
			return why.code == ERR_LIMIT ? SCAN_FAILED :
			    SCAN_DAMAGED;
		}
		rec->next_seq = r.seq + 1;
		rec->out->records++;
	}
	return result;
}

/* What a failed scan_open means: ERR_INVALID is no log, or a damaged one. */
static enum store_fault
open_fault(const struct err *e)
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

/* The earlier segment: whatever is not superseded must be whole. */
static int
recover_old(struct recovery *rec, const char *path, uint64_t limit,
    struct log_header *h, struct err *e)
{
	enum scan_result result;
	struct scan s;
	int rc = scan_open(&s, path, e);

	if (rc == 1)
		(void)err_set(e, ERR_INVALID, "no header");
	if (rc != 0)
		return fail(rec, open_fault(e), path, e);
	*h = s.header;
	rec->next_seq = s.header.first_seq;
	result = replay(rec, &s, limit, e);
	scan_close(&s);
	if (result == SCAN_FAILED)
		return fail(rec, STORE_FAILED, path, e);
	if (result == SCAN_DAMAGED)
		return fail(rec, STORE_DAMAGED, path, e);
	if (limit != UINT64_MAX && rec->next_seq != limit) {
		(void)err_set(e, ERR_STORAGE, "ends with record %llu, but "
		    "the next segment begins with %llu",
		    (unsigned long long)(rec->next_seq - 1),
		    (unsigned long long)limit);
		return fail(rec, STORE_DAMAGED, path, e);
	}
	return 0;
}

/* The active segment, opened: replay it and go on at its end. */
static int
recover_active(struct recovery *rec, struct scan *s, const char *path,
    bool sync, struct wal *w, struct err *e)
{
	enum scan_result result;

	rec->next_seq = s->header.first_seq;
	result = replay(rec, s, UINT64_MAX, e);
	switch (result) {
	case SCAN_FAILED:
		return fail(rec, STORE_FAILED, path, e);
	case SCAN_DAMAGED:
		return fail(rec, STORE_DAMAGED, path, e);
	case SCAN_ZEROS:
		rec->out->zero_bytes = s->size - s->at;
		break;
	case SCAN_TORN:
		rec->out->discarded_bytes = s->size - s->at;
		(void)err_set(&rec->out->discarded, ERR_STORAGE, "%s: %s",
		    path, e->msg);
		break;
	default:
		break;
	}
	if (wal_resume(w, path, &s->header, s->at, rec->next_seq, sync,
	    e) == -1) {
		*rec->fault = STORE_FAILED;
		return -1;
	}
	return 0;
}

/* A header for a log that begins here. */
static int
new_header(struct log_header *h, uint64_t first_seq, struct err *e)
{
	memset(h, 0, sizeof(*h));
	h->first_seq = first_seq;
	h->created_ns = os->wall_ns();
	if (getrandom(h->log_id, sizeof(h->log_id), 0) !=
	    (ssize_t)sizeof(h->log_id))
		return err_sys(e, ERR_STORAGE, "make a log id");
	return 0;
}

/* No usable active segment: begin one, after the earlier one if any. */
static int
begin(struct recovery *rec, const char *path, const char *old, bool has_old,
    bool sync, struct wal *w, struct err *e)
{
	struct log_header h;

	*rec->fault = STORE_FAILED;
	if (has_old) {
		if (recover_old(rec, old, UINT64_MAX, &h, e) == -1)
			return -1;
		h.first_seq = rec->next_seq;
		h.created_ns = os->wall_ns();
	} else if (new_header(&h, 1, e) == -1) {
		return -1;
	}
	return wal_create(w, path, &h, sync, e);
}

int
recover(const char *path, bool sync, recover_apply_cb *apply, void *arg,
    struct wal *w, struct store_recovery *out, enum store_fault *fault,
    struct err *e)
{
	struct recovery rec = {.apply = apply, .arg = arg, .out = out,
		.fault = fault};
	char old[PATH_MAX];
	struct log_header h;
	struct scan s;
	int has_old, is_active, rc;

	*fault = STORE_FAILED;
	if (snprintf(old, sizeof(old), "%s.old", path) >= (int)sizeof(old))
		return err_set(e, ERR_STORAGE, "path too long: %s", path);
	if ((has_old = is_there(old, e)) == -1 ||
	    (is_active = is_there(path, e)) == -1)
		return -1;
	if (!is_active)
		return begin(&rec, path, old, has_old, sync, w, e);
	if ((rc = scan_open(&s, path, e)) == -1)
		return fail(&rec, open_fault(e), path, e);
	if (rc == 1) { /* its creation never ended: nothing was in it */
		(void)err_set(&out->discarded, ERR_STORAGE, "%s: no header",
		    path);
		return begin(&rec, path, old, has_old, sync, w, e);
	}
	rc = 0;
	if (has_old)
		rc = recover_old(&rec, old, s.header.first_seq, &h, e);
	if (rc == 0)
		rc = recover_active(&rec, &s, path, sync, w, e);
	scan_close(&s);
	return rc;
}
