/*
 * Output is gathered in one buffer and written in large pieces. While a log
 * is followed, the part of it from `held` on belongs to the last group, of
 * which nobody knows yet whether it will stay: a server whose sync fails cuts
 * it off again. So each look begins at the start of that group, until a later
 * group or a mark proves it, or the log goes on in another segment, which
 * says where it begins.
 */
#include "dump.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "compact.h"
#include "files.h"
#include "header.h"
#include "image.h"
#include "os.h"
#include "print.h"
#include "scan.h"

#define FLUSH_BYTES ((size_t)1 << 16)
#define LOOK_MS 100

struct dump {
	struct dump_options options;
	struct print print;
	struct compact *compact; /* owned; NULL: print as it comes */
	struct buf out;

	/* The files so far belong to this log, and hold all before next_seq. */
	bool has_id;
	unsigned char log_id[LOG_ID_LEN];
	uint64_t next_seq;

	/* dump_follow */
	struct scan scan;
	size_t held;	    /* of out: what may be written */
	off_t group_at;	    /* where the group that is held back begins */
	uint64_t group_seq; /* its first record, */
	uint64_t held_seq;  /* and next_seq in front of it */
	struct stat looked; /* the file when it was last read */
	bool unread;	    /* and whether it had changed then */
};

struct dump *
dump_new(const struct dump_options *o, struct err *e)
{
	struct dump *d = calloc(1, sizeof(*d));

	if (d == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	d->options = *o;
	d->print = (struct print){ .json = o->json,
		.all = o->all,
		.ended = o->ended,
		.settings = !o->entries,
		.outcome = o->outcome };
	if ((o->compact || o->changes) &&
	    (d->compact = compact_new(e)) == NULL) {
		free(d);
		return NULL;
	}
	return d;
}

void
dump_free(struct dump *d)
{
	if (d == NULL)
		return;
	compact_free(d->compact);
	buf_free(&d->out);
	free(d);
}

/* --- output --- */

/* Write n bytes of output and keep the rest. */
static enum dump_result
flush(struct dump *d, size_t n, struct err *e)
{
	struct pollfd p = { .fd = d->options.fd, .events = POLLOUT };
	size_t done = 0;
	ssize_t rc;

	if (d->out.failed) {
		(void)err_nomem(e);
		return DUMP_FAILED;
	}
	while (done < n) {
		rc = write(d->options.fd, d->out.ptr + done, n - done);
		if (rc >= 0) {
			done += (size_t)rc;
		} else if (errno == EAGAIN) {
			(void)poll(&p, 1, -1); /* or it is tried again */
		} else if (errno == EPIPE) {
			return DUMP_CLOSED;
		} else if (errno != EINTR) {
			(void)err_sys(e, ERR_STORAGE, "write the output");
			return DUMP_FAILED;
		}
	}
	buf_drop(&d->out, n);
	return DUMP_DONE;
}

static enum dump_result
flush_some(struct dump *d, struct err *e)
{
	if (d->out.len < FLUSH_BYTES && !d->out.failed)
		return DUMP_DONE;
	return flush(d, d->out.len, e);
}

/* Damage, or another failure, or nothing but the end of the output: either way
 * what was printed before it goes out first. */
static enum dump_result
end_file(struct dump *d, enum dump_result result, struct err *e)
{
	struct err why;
	enum dump_result flushed = flush(d, d->out.len, &why);

	if (flushed == DUMP_DONE)
		return result;
	*e = why;
	return flushed;
}

/* --- files --- */

static bool
same_log(const struct dump *d, const unsigned char *log_id)
{
	return d->has_id && memcmp(d->log_id, log_id, LOG_ID_LEN) == 0;
}

/* A file of this log begins. */
static void
enter_log(struct dump *d, const unsigned char *log_id)
{
	if (same_log(d, log_id))
		return;
	memcpy(d->log_id, log_id, LOG_ID_LEN);
	d->has_id = true;
	d->next_seq = 0;
}

static int
put_record(struct dump *d, const struct record *r, struct err *e)
{
	if (d->options.changes)
		print_removal(&d->out, &d->print, r);
	if (d->compact != NULL)
		return compact_record(d->compact, r, e);
	if (print_record(&d->out, &d->print, r))
		return 0;
	return err_set(e, ERR_INVALID, "its content makes no sense");
}

/* The next record of a segment: SCAN_RECORD when it was printed, or is not
 * wanted. */
static enum scan_result
next_record(struct dump *d, struct scan *s, uint64_t limit_seq,
    struct record *r, struct err *e)
{
	enum scan_result result = scan_next(s, r, e);
	struct err why;

	if (result != SCAN_RECORD)
		return result;
	if (r->seq >= limit_seq)
		return SCAN_END;
	if (r->seq < d->next_seq)
		return SCAN_RECORD;
	d->next_seq = r->seq + 1;
	if (put_record(d, r, &why) == 0)
		return SCAN_RECORD;
	(void)err_set(e, why.code, "record %llu at offset %lld: %s",
	    (unsigned long long)r->seq, (long long)s->at, why.msg);
	return SCAN_FAILED;
}

/* The first record of the segment that follows, if it is of the same log: from
 * there on this one's were refused. */
static uint64_t
limit_of(const char *next_path, const unsigned char *log_id)
{
	struct header h;
	struct err ignored;

	if (next_path == NULL || header_read(&h, next_path, &ignored) == -1 ||
	    h.kind != HEADER_LOG ||
	    memcmp(h.log.log_id, log_id, LOG_ID_LEN) != 0)
		return UINT64_MAX;
	return h.log.first_seq;
}

/* fd is closed. */
static enum dump_result
dump_segment(struct dump *d, int fd, const struct header *h, uint64_t limit_seq,
    struct err *e)
{
	enum dump_result written = DUMP_DONE;
	enum scan_result result = SCAN_RECORD;
	struct scan s;
	struct record r;

	if (scan_open_fd(&s, fd, &h->log, e) != 0)
		return DUMP_FAILED;
	enter_log(d, h->log.log_id);
	while (written == DUMP_DONE && result == SCAN_RECORD) {
		result = next_record(d, &s, limit_seq, &r, e);
		if (result == SCAN_RECORD)
			written = flush_some(d, e);
	}
	scan_close(&s);
	if (written != DUMP_DONE)
		return written;
	if (result == SCAN_DAMAGED || result == SCAN_FAILED)
		return DUMP_FAILED;
	if (result != SCAN_TORN)
		e->msg[0] = '\0';
	return DUMP_DONE;
}

/* fd is closed. */
static enum dump_result
dump_image(struct dump *d, int fd, const struct header *h, struct err *e)
{
	struct image_reader *r = image_open_fd(fd, &h->image, e);
	enum dump_result result = DUMP_DONE;
	struct image_entry entry;
	int rc = 0;

	if (r == NULL)
		return DUMP_FAILED;
	if (d->compact != NULL && same_log(d, h->image.log_id) &&
	    d->next_seq > 0) {
		image_close(r);
		(void)err_set(e, ERR_INVALID,
		    "the image of a log must come before its segments");
		return DUMP_FAILED;
	}
	while (result == DUMP_DONE && (rc = image_next(r, &entry, e)) == 1) {
		if (d->compact != NULL)
			rc = compact_entry(d->compact, &entry, e);
		else if (!print_entry(&d->out, &d->print, &entry))
			rc = err_set(e, ERR_INVALID,
			    "an entry of the block at offset %lld makes no "
			    "sense",
			    (long long)image_offset(r));
		if (rc == -1)
			break;
		result = flush_some(d, e);
	}
	image_close(r);
	enter_log(d, h->image.log_id);
	if (d->next_seq <= h->image.last_seq)
		d->next_seq = h->image.last_seq + 1;
	if (result == DUMP_DONE && rc == 0)
		e->msg[0] = '\0';
	return rc == -1 ? DUMP_FAILED : result;
}

/* Print an open file, and close it. */
static enum dump_result
dump_open(struct dump *d, int fd, const struct header *h, uint64_t limit_seq,
    struct err *e)
{
	enum dump_result result = DUMP_DONE;

	e->msg[0] = '\0';
	if (h->kind == HEADER_LOG) {
		result = dump_segment(d, fd, h, limit_seq, e);
	} else if (h->kind == HEADER_IMAGE) {
		result = dump_image(d, fd, h, e);
	} else {
		(void)os->close(fd); /* only read */
		(void)err_set(e, ERR_INVALID, "no header: nothing is in it");
	}
	if (h->mended && result == DUMP_DONE) {
		(void)err_set(e, ERR_INVALID, "damaged header");
		result = DUMP_FAILED;
	}
	return end_file(d, result, e);
}

enum dump_result
dump_file(struct dump *d, const char *path, const char *next_path,
    struct err *e)
{
	int fd = files_open_one(path, e);
	struct header h;

	if (fd == -1)
		return DUMP_FAILED;
	if (header_read_fd(&h, fd, e) == -1) {
		(void)os->close(fd); /* only read */
		return DUMP_FAILED;
	}
	return dump_open(d, fd, &h,
	    h.kind == HEADER_LOG ? limit_of(next_path, h.log.log_id)
				 : UINT64_MAX,
	    e);
}

/* --- the files of a log --- */

/* The latest file that is there and can be read; PART_COUNT for none. */
static enum log_part
latest(const struct log_files *f)
{
	for (enum log_part part = PART_NEW; part-- > PART_BASE;)
		if (files_is_there(f, part) && !f->file[part].unknown &&
		    f->file[part].header.kind != HEADER_NONE)
			return part;
	return PART_COUNT;
}

static bool
is_segment(const struct log_file *file)
{
	return file->fd != -1 && !file->unknown &&
	    file->header.kind == HEADER_LOG;
}

/* Whether the file has its place behind those before it. */
static int
check_place(const struct dump *d, const struct log_files *f, enum log_part part,
    struct err *e)
{
	const struct header *h = &f->file[part].header;
	const struct header *last = &f->file[latest(f)].header;

	if (memcmp(header_log_id(h), header_log_id(last), LOG_ID_LEN) != 0)
		return err_set(e, ERR_INVALID,
		    "belongs to another log than %s: not printed",
		    f->file[latest(f)].path);
	if (h->kind == HEADER_IMAGE && d->next_seq != 0 &&
	    same_log(d, header_log_id(h)))
		return err_set(e, ERR_INVALID,
		    "an image, where a segment of the log should be: not "
		    "printed");
	return 0;
}

/* What the file does not say by itself. */
static void
note_gap(const struct header *h, enum dump_result *result, uint64_t next_seq,
    struct err *e)
{
	if (*result != DUMP_DONE || h->kind != HEADER_LOG || next_seq == 0 ||
	    h->log.first_seq <= next_seq)
		return;
	*result = DUMP_FAILED;
	(void)err_set(e, ERR_INVALID,
	    "begins with record %llu, but record %llu is in no file beside it",
	    (unsigned long long)h->log.first_seq, (unsigned long long)next_seq);
}

static enum dump_result
dump_part(struct dump *d, struct log_files *f, enum log_part part,
    struct err *e)
{
	const struct log_file *file = &f->file[part];
	const struct log_file *active = &f->file[PART_ACTIVE];
	uint64_t limit = UINT64_MAX, next_seq;
	enum dump_result result;

	if (file->unknown) {
		*e = file->why;
		return DUMP_FAILED;
	}
	if (file->header.kind == HEADER_NONE) {
		(void)err_set(e, ERR_INVALID, "no header: nothing is in it");
		return DUMP_DONE;
	}
	if (check_place(d, f, part, e) == -1)
		return DUMP_FAILED;
	if (part == PART_OLD && is_segment(active))
		limit = active->header.log.first_seq;
	next_seq = same_log(d, header_log_id(&file->header)) ? d->next_seq : 1;
	result = dump_open(d, files_take(f, part), &file->header, limit, e);
	note_gap(&file->header, &result, next_seq, e);
	return result;
}

enum dump_result
dump_log(struct dump *d, const char *path, bool follow, dump_note_cb *note)
{
	enum dump_result worst = DUMP_DONE, result;
	struct log_files f;
	struct err e;

	if (files_open(&f, path, &e) == -1) {
		note(NULL, &e);
		return DUMP_FAILED;
	}
	if (!files_is_there(&f, PART_BASE) && !files_is_there(&f, PART_OLD) &&
	    !files_is_there(&f, PART_ACTIVE)) {
		(void)err_set(&e, ERR_STORAGE,
		    "open: No such file or directory");
		note(path, &e);
		worst = DUMP_FAILED;
	}
	for (enum log_part part = PART_BASE; part <= PART_ACTIVE; part++) {
		if (!files_is_there(&f, part) ||
		    (follow && part == PART_ACTIVE))
			continue;
		result = dump_part(d, &f, part, &e);
		if (result == DUMP_CLOSED) {
			worst = result;
			break;
		}
		note(f.file[part].path, &e);
		if (result == DUMP_FAILED)
			worst = result;
	}
	files_close(&f);
	if (!follow || worst == DUMP_CLOSED)
		return worst;
	result = dump_follow(d, path, &e);
	if (result != DUMP_CLOSED)
		note(path, &e);
	return result == DUMP_DONE ? worst : result;
}

enum dump_result
dump_finish(struct dump *d, struct err *e)
{
	enum dump_result result = DUMP_DONE;

	while (d->compact != NULL && result == DUMP_DONE &&
	    compact_print(d->compact, &d->out, &d->print))
		result = flush_some(d, e);
	return result == DUMP_DONE ? flush(d, d->out.len, e) : result;
}

/* --- following --- */

/* All that was printed stays, and the next group begins here. */
static void
hold_from(struct dump *d, size_t held, off_t at, uint64_t seq)
{
	d->held = held;
	d->group_at = at;
	d->group_seq = seq;
}

/* Read on from the start of the group that is held back. What is proven goes
 * out; with `all` everything does, since nothing will be cut off any more. */
static enum dump_result
read_on(struct dump *d, uint64_t limit_seq, bool all, struct err *e)
{
	enum dump_result written = DUMP_DONE;
	struct scan *s = &d->scan;
	enum scan_result result;
	struct record r;

	scan_seek(s, d->group_at, d->group_seq);
	d->next_seq = d->held_seq;
	d->held = 0;
	while (written == DUMP_DONE) {
		size_t len = d->out.len;
		uint64_t seq = d->next_seq;

		result = next_record(d, s, limit_seq, &r, e);
		if (result != SCAN_RECORD)
			break;
		if (r.group_first) {
			hold_from(d, len, s->at, r.seq);
			d->held_seq = seq;
		}
		if (d->held >= FLUSH_BYTES) {
			written = flush(d, d->held, e);
			d->held = 0;
		}
	}
	if (written != DUMP_DONE)
		return written;
	if (result == SCAN_DAMAGED || result == SCAN_FAILED)
		return end_file(d, DUMP_FAILED, e);
	if (all || s->marked) {
		hold_from(d, d->out.len, s->at, s->next_seq);
		d->held_seq = d->next_seq;
	}
	written = flush(d, d->held, e);
	buf_clear(&d->out);
	return written;
}

static enum dump_result
begin_segment(struct dump *d, const char *path, const struct header *h,
    struct err *e)
{
	if (scan_open_as(&d->scan, path, &h->log, e) != 0)
		return DUMP_FAILED;
	enter_log(d, h->log.log_id);
	hold_from(d, 0, LOG_HEADER_LEN, h->log.first_seq);
	d->held_seq = d->next_seq;
	d->unread = true;
	return DUMP_DONE;
}

/* Whether another log has taken the name. */
static bool
has_successor(struct dump *d, const char *path, struct header *h)
{
	struct err ignored;
	int fd = files_open_one(path, &ignored);
	struct stat mine, named;
	bool other;

	if (fd == -1)
		return false; /* between two renames */
	other = os->fstat(fd, &named) == 0 &&
	    os->fstat(d->scan.fd, &mine) == 0 &&
	    (named.st_dev != mine.st_dev || named.st_ino != mine.st_ino);
	(void)os->close(fd); /* only looked at */
	return other && header_read(h, path, &ignored) == 0 &&
	    h->kind == HEADER_LOG && !h->mended;
}

/* Whether the file may hold more than when this was last asked. A write just
 * after a look may leave the time as it was, so a second look follows. */
static bool
may_have_grown(struct dump *d)
{
	bool unread = d->unread;
	struct stat st;

	d->unread = false;
	if (os->fstat(d->scan.fd, &st) == -1)
		return true;
	d->unread = st.st_size != d->looked.st_size ||
	    st.st_mtim.tv_sec != d->looked.st_mtim.tv_sec ||
	    st.st_mtim.tv_nsec != d->looked.st_mtim.tv_nsec;
	d->looked = st;
	return unread || d->unread;
}

/* The log goes on in the file that has its name now. */
static enum dump_result
change_segment(struct dump *d, const char *path, const struct header *h,
    struct err *e)
{
	bool same = same_log(d, h->log.log_id);
	uint64_t limit_seq = same ? h->log.first_seq : UINT64_MAX;
	enum dump_result result = read_on(d, limit_seq, true, e);

	if (result != DUMP_DONE)
		return result;
	if (same && d->next_seq < limit_seq) {
		(void)err_set(e, ERR_STORAGE,
		    "records %llu to %llu are no longer in a log: they were "
		    "compressed before they could be read",
		    (unsigned long long)d->next_seq,
		    (unsigned long long)limit_seq - 1);
		return DUMP_FAILED;
	}
	scan_close(&d->scan);
	return begin_segment(d, path, h, e);
}

static enum dump_result
look(struct dump *d, const char *path, struct err *e)
{
	enum dump_result result;
	struct header h;

	if (has_successor(d, path, &h)) {
		result = change_segment(d, path, &h, e);
		if (result != DUMP_DONE)
			return result;
	}
	return may_have_grown(d) ? read_on(d, UINT64_MAX, false, e) : DUMP_DONE;
}

/* Wait a little: false when nobody reads the output any more. */
static bool
wait_a_little(const struct dump *d)
{
	struct pollfd p = { .fd = d->options.fd };

	return poll(&p, 1, LOOK_MS) != 1 || (p.revents & POLLERR) == 0;
}

enum dump_result
dump_follow(struct dump *d, const char *path, struct err *e)
{
	enum dump_result result;
	struct header h;

	if (header_read(&h, path, e) == -1)
		return DUMP_FAILED;
	if (h.kind != HEADER_LOG || h.mended) {
		(void)err_set(e, ERR_INVALID,
		    h.mended ? "damaged header" : "not a log: it cannot grow");
		return DUMP_FAILED;
	}
	if ((result = begin_segment(d, path, &h, e)) != DUMP_DONE)
		return result;
	do
		result = look(d, path, e);
	while (result == DUMP_DONE && !atomic_load(d->options.stop) &&
	    wait_a_little(d));
	if (result == DUMP_DONE)
		result = read_on(d, UINT64_MAX, true, e);
	scan_close(&d->scan);
	if (result == DUMP_DONE)
		e->msg[0] = '\0';
	return result;
}
