/*
 * What follows the last valid record decides between a crash's tail and
 * damage; the rule is in record.h. To find out, every later offset is tried
 * as a record. That is quick: a sequence number in the range that the rest of
 * the file could hold is demanded before any checksum is computed.
 */
#include "scan.h"

#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "os.h"

#define WINDOW_BYTES ((size_t)1 << 20)
#define RECORD_MAX (RECORD_HEADER_LEN + RECORD_PAYLOAD_MAX)

int
scan_open(struct scan *s, const char *path, struct err *e)
{
	return scan_open_as(s, path, NULL, e);
}

int
scan_open_as(struct scan *s, const char *path, const struct log_header *h,
    struct err *e)
{
	int fd = files_open_one(path, e);
	struct err why;

	if (fd != -1)
		return scan_open_fd(s, fd, h, e);
	memset(s, 0, sizeof(*s));
	s->fd = -1;
	why = *e;
	return err_set(e, ERR_STORAGE, "%s: %s", path, why.msg);
}

int
scan_open_fd(struct scan *s, int fd, const struct log_header *h, struct err *e)
{
	unsigned char header[LOG_HEADER_LEN];
	struct stat st;
	ssize_t n;

	memset(s, 0, sizeof(*s));
	s->fd = fd;
	if (os->fstat(s->fd, &st) == -1 ||
	    (n = os_read_full(s->fd, header, sizeof(header), 0)) == -1) {
		(void)err_sys(e, ERR_STORAGE, "read");
		goto fail;
	}
	if ((size_t)n < sizeof(header)) {
		size_t n_magic = n < 8 ? (size_t)n : 8;

		scan_close(s);
		s->size = n;
		if (memcmp(header, LOG_MAGIC, n_magic) != 0)
			return err_set(e, ERR_INVALID,
			    "not a tickd log (too short)");
		return 1;
	}
	if (h != NULL)
		s->header = *h;
	else if (log_header_decode(header, &s->header, e) == -1)
		goto fail;
	if ((s->bytes = malloc(WINDOW_BYTES)) == NULL) {
		(void)err_nomem(e);
		goto fail;
	}
	s->size = st.st_size;
	s->seed = record_seed(s->header.log_id);
	s->next_seq = s->header.first_seq;
	s->at = s->next = LOG_HEADER_LEN;
	return 0;
fail:
	scan_close(s);
	return -1;
}

void
scan_close(struct scan *s)
{
	if (s->fd != -1)
		(void)os->close(s->fd); /* only read */
	s->fd = -1;
	free(s->bytes);
	s->bytes = NULL;
}

/* The bytes from `at` on: at least a whole record's or up to the end of the
 * file. *n of them; NULL when they cannot be read. */
static const unsigned char *
look(struct scan *s, off_t at, size_t *n, struct err *e)
{
	off_t window_end = s->window_at + (off_t)s->window_len;

	if (at < s->window_at || at > window_end ||
	    (window_end < s->size && window_end - at < (off_t)RECORD_MAX)) {
		ssize_t got = os_read_full(s->fd, s->bytes, WINDOW_BYTES, at);

		if (got == -1) {
			(void)err_sys(e, ERR_STORAGE, "read at %lld",
			    (long long)at);
			return NULL;
		}
		s->window_at = at;
		s->window_len = (size_t)got;
		if ((size_t)got < WINDOW_BYTES)
			s->size = at + got; /* as it is now */
	}
	*n = (size_t)(s->window_at + (off_t)s->window_len - at);
	return s->bytes + (at - s->window_at);
}

/* Whether everything from `at` on is zero: 1, 0, or -1 on a read error. */
static int
only_zeros(struct scan *s, off_t at, struct err *e)
{
	while (at < s->size) {
		size_t n;
		const unsigned char *p = look(s, at, &n, e);

		if (p == NULL)
			return -1;
		for (size_t i = 0; i < n; i++)
			if (p[i] != 0)
				return 0;
		at += (off_t)n;
	}
	return 1;
}

/* The first valid record from *at on that may belong here by its number: 1 and
 * its offset in *at, 0, or -1 on a read error. */
static int
find_valid(struct scan *s, off_t *at, struct record *r, struct err *e)
{
	uint64_t room = (uint64_t)(s->size - s->next) / RECORD_HEADER_LEN + 1;

	for (; *at < s->size; ++*at) {
		size_t n;
		const unsigned char *p = look(s, *at, &n, e);

		if (p == NULL)
			return -1;
		if (n < RECORD_HEADER_LEN)
			return 0;
		if (record_peek_seq(p) - s->next_seq < room &&
		    record_decode(p, n, s->seed, r) == RECORD_VALID)
			return 1;
	}
	return 0;
}

/*
 * Whether a later record, valid, at or behind `from` proves that the one due
 * there was durable once: 1 with s->proof, 0, or -1 on a read error.
 */
static int
find_proof(struct scan *s, off_t from, struct err *e)
{
	struct record r;
	int rc;

	for (s->proof = from;; s->proof++) {
		rc = find_valid(s, &s->proof, &r, e);
		if (rc != 1 || r.group_first || r.type == RECORD_MARK)
			return rc;
	}
}

/* What the bytes at s->next are, which hold no valid record. */
static enum scan_result
judge(struct scan *s, struct err *e)
{
	off_t rest = s->size - s->next;
	int rc;

	s->at = s->next;
	if (rest == 0)
		return SCAN_END;
	if ((rc = only_zeros(s, s->next, e)) == -1)
		return SCAN_FAILED;
	if (rc == 1)
		return SCAN_ZEROS;
	if ((rc = find_proof(s, s->next, e)) == -1)
		return SCAN_FAILED;
	if (rc == 0) {
		(void)err_set(e, ERR_STORAGE,
		    "%lld bytes at offset %lld are no complete record",
		    (long long)rest, (long long)s->next);
		return SCAN_TORN;
	}
	(void)err_set(e, ERR_STORAGE,
	    "damaged at offset %lld: record %llu is not there, but a later "
	    "one at offset %lld",
	    (long long)s->next, (unsigned long long)s->next_seq,
	    (long long)s->proof);
	return SCAN_DAMAGED;
}

/* scan_next, but that what was read may be older than what lies behind. */
static enum scan_result
step(struct scan *s, struct record *r, struct err *e)
{
	size_t n;
	const unsigned char *p = look(s, s->next, &n, e);
	enum scan_result end;
	off_t at = s->next;
	bool mark;

	s->marked = false;
	s->at = at;
	if (p == NULL)
		return SCAN_FAILED;
	if (record_decode(p, n, s->seed, r) != RECORD_VALID)
		return judge(s, e);
	mark = r->type == RECORD_MARK;
	if (r->seq != s->next_seq - (mark ? 1 : 0))
		return judge(s, e);
	s->next += (off_t)r->len;
	if (!mark) {
		s->next_seq++;
		return SCAN_RECORD;
	}
	/* The next group would have overwritten it. */
	end = judge(s, e);
	s->at = at;
	s->marked = true;
	return end == SCAN_ZEROS ? SCAN_END : end;
}

enum scan_result
scan_next(struct scan *s, struct record *r, struct err *e)
{
	enum scan_result result = step(s, r, e);

	if (result != SCAN_DAMAGED)
		return result;
	/* A server that is writing makes its groups one after the other, but
	 * the window may show the later one alone. Now all is there. */
	scan_seek(s, s->at, s->next_seq);
	return step(s, r, e);
}

void
scan_seek(struct scan *s, off_t at, uint64_t seq)
{
	struct stat st;

	if (os->fstat(s->fd, &st) == 0)
		s->size = st.st_size;
	s->at = s->next = s->window_at = at;
	s->window_len = 0;
	s->next_seq = seq;
	s->marked = false;
}

int
scan_behind(struct scan *s, struct record *r, struct err *e)
{
	int rc;

	do {
		s->at = s->next;
		if ((rc = find_valid(s, &s->at, r, e)) != 1)
			return rc;
		s->next = s->at + (off_t)r->len;
		s->next_seq = r->seq + 1;
	} while (r->type == RECORD_MARK);
	return 1;
}
