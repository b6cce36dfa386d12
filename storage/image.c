#include "image.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "crc.h"
#include "files.h"
#include "le.h"
#include "os.h"

#define IMAGE_VERSION 1u
#define HEADER_LEN IMAGE_HEADER_LEN
#define BLOCK_HEADER_LEN 17u
#define DEFLATE_LEVEL 1 /* the entries are short by their encoding already */
#define WRITE_BYTES ((size_t)1 << 20)

const char *
image_kind_name(enum image_kind kind)
{
	static const char *const names[IMAGE_KIND_END] = {
		[IMAGE_RULES] = "rules",
		[IMAGE_JOBS] = "jobs",
		[IMAGE_END] = "end",
		[IMAGE_ENTRIES] = "entries",
	};

	return names[kind];
}

enum record_type
image_record_type(enum image_kind kind)
{
	return kind == IMAGE_RULES ? RECORD_RULE_SET : RECORD_ENTRY_SET;
}

struct slice
image_entry_id(const struct image_entry *entry)
{
	if (entry->kind == IMAGE_JOBS)
		return entry->set.job;
	return record_subject(image_record_type(entry->kind), entry->payload);
}

static void
header_encode(unsigned char out[HEADER_LEN], const struct image_header *h)
{
	memset(out, 0, HEADER_LEN);
	memcpy(out, IMAGE_MAGIC, 8);
	le_put(out + 8, IMAGE_VERSION, 4);
	memcpy(out + 16, h->log_id, LOG_ID_LEN);
	le_put(out + 32, h->epoch, 8);
	le_put(out + 40, h->last_seq, 8);
	le_put(out + 48, (uint64_t)h->created_ns, 8);
	le_put(out + 56, h->last_execution_id, 8);
	le_put(out + 12, crc_header(out, HEADER_LEN), 4);
}

int
image_header_decode(const unsigned char in[HEADER_LEN], struct image_header *h,
    struct err *e)
{
	if (memcmp(in, IMAGE_MAGIC, 8) != 0)
		return err_set(e, ERR_INVALID, "not an image (bad magic)");
	if (le_get(in + 12, 4) != crc_header(in, HEADER_LEN))
		return err_set(e, ERR_INVALID,
		    "damaged header (checksum does not match)");
	if (le_get(in + 8, 4) != IMAGE_VERSION)
		return err_set(e, ERR_INVALID,
		    "image format version %u is not known to this program",
		    (unsigned)le_get(in + 8, 4));
	memcpy(h->log_id, in + 16, LOG_ID_LEN);
	h->epoch = le_get(in + 32, 8);
	h->last_seq = le_get(in + 40, 8);
	h->created_ns = (int64_t)le_get(in + 48, 8);
	h->last_execution_id = le_get(in + 56, 8);
	return 0;
}

/* What entries are encoded against: the one before in the same block. */
struct previous {
	char id[255];
	size_t id_len;
	int64_t due_ns;
};

static void
previous_set(struct previous *p, struct slice id, int64_t due_ns)
{
	memcpy(p->id, id.ptr, id.len);
	p->id_len = id.len;
	p->due_ns = due_ns;
}

static void
put_varint(struct buf *out, uint64_t v)
{
	while (v >= 0x80) {
		record_put_u8(out, (unsigned)(v & 0x7f) | 0x80);
		v >>= 7;
	}
	record_put_u8(out, (unsigned)v);
}

static uint64_t
get_varint(struct record_reader *in)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		unsigned byte = record_get_u8(in);

		v |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return v;
	}
	in->bad = true;
	return 0;
}

/* Small numbers for small differences of either sign. */
static uint64_t
zigzag(int64_t from, int64_t to)
{
	uint64_t d = (uint64_t)to - (uint64_t)from;

	return (d << 1) ^ ((d >> 63) == 0 ? 0 : UINT64_MAX);
}

static int64_t
unzigzag(int64_t from, uint64_t z)
{
	uint64_t d = (z >> 1) ^ ((z & 1) == 0 ? 0 : UINT64_MAX);

	return (int64_t)((uint64_t)from + d);
}

static size_t
shared_prefix(const struct previous *p, struct slice id)
{
	size_t n = 0;

	while (n < p->id_len && n < id.len && p->id[n] == id.ptr[n])
		n++;
	return n;
}

static void
put_job(struct buf *out, struct previous *previous,
    const struct image_entry *entry)
{
	struct slice id = entry->set.job;
	const struct job_run *run = &entry->run;
	unsigned plan = record_plan_flags(&entry->set);
	bool has_run = run->execution_id != 0 || run->attempt != 0;
	bool has_more = run->lost != 0 || run->losses != 0 || run->stop != 0 ||
	    entry->going.len > 0;
	size_t shared = shared_prefix(previous, id);

	record_put_u8(out, (unsigned)shared);
	record_put_name(out, slice_of(id.ptr + shared, id.len - shared));
	record_put_u8(out,
	    (unsigned)run->phase | (plan != 0 ? IMAGE_JOB_PLAN : 0) |
		(has_run ? IMAGE_JOB_RUN : 0) |
		(run->run_due_ns != 0 ? IMAGE_JOB_BESIDE : 0) |
		(entry->history.len > 0 ? IMAGE_JOB_HISTORY : 0) |
		(has_more ? IMAGE_JOB_MORE : 0));
	put_varint(out, zigzag(previous->due_ns, run->due_ns));
	if (plan != 0) {
		record_put_u8(out, plan);
		record_put_plan(out, &entry->set);
	}
	if (has_run) {
		record_put_u64(out, run->execution_id);
		record_put_u32(out, run->attempt);
		record_put_i64(out, run->started_ns);
	}
	if (run->run_due_ns != 0)
		record_put_i64(out, run->run_due_ns);
	if (entry->history.len > 0)
		record_put_text(out, entry->history);
	if (has_more) {
		record_put_u16(out, run->lost);
		record_put_u8(out, run->losses);
		record_put_u8(out, run->stop);
		record_put_text(out, entry->going);
	}
	previous_set(previous, id, run->due_ns);
}

static bool
get_job(struct record_reader *in, struct previous *previous,
    struct image_entry *entry)
{
	size_t shared = record_get_u8(in);
	struct slice rest = record_get_name(in);
	unsigned flags = record_get_u8(in);

	if (in->bad || shared > previous->id_len ||
	    shared + rest.len > sizeof(previous->id) ||
	    shared + rest.len == 0 || (flags & IMAGE_JOB_PHASE) >= PHASE_COUNT)
		return false;
	memcpy(previous->id + shared, rest.ptr, rest.len);
	previous->id_len = shared + rest.len;
	previous->due_ns = unzigzag(previous->due_ns, get_varint(in));
	memset(entry, 0, sizeof(*entry));
	entry->kind = IMAGE_JOBS;
	entry->run.phase = (enum job_phase)(flags & IMAGE_JOB_PHASE);
	entry->run.due_ns = previous->due_ns;
	if (flags & IMAGE_JOB_PLAN)
		record_get_plan(in, record_get_u8(in), &entry->set);
	if (flags & IMAGE_JOB_RUN) {
		entry->run.execution_id = record_get_u64(in);
		entry->run.attempt = record_get_u32(in);
		entry->run.started_ns = record_get_i64(in);
	}
	if (flags & IMAGE_JOB_BESIDE)
		entry->run.run_due_ns = record_get_i64(in);
	if (flags & IMAGE_JOB_HISTORY)
		entry->history = record_get_text(in);
	if (flags & IMAGE_JOB_MORE) {
		entry->run.lost = (uint16_t)record_get_u16(in);
		entry->run.losses = (uint8_t)record_get_u8(in);
		entry->run.stop = (uint8_t)record_get_u8(in);
		entry->going = record_get_text(in);
	}
	entry->set.job = slice_of(previous->id, previous->id_len);
	entry->set.due_ns = previous->due_ns;
	return !in->bad;
}

struct image_writer {
	int fd;
	char *path; /* owned */
	struct image_header header;
	uint32_t seed;
	off_t at;	    /* where `out` goes in the file */
	struct buf out;	    /* finished blocks */
	struct buf block;   /* entries of the block under way */
	uint32_t n_entries; /* in it */
	enum image_kind kind;
	struct previous previous;
};

struct image_writer *
image_create(const char *path, const struct image_header *h, struct err *e)
{
	struct image_writer *w = calloc(1, sizeof(*w));

	if (w == NULL || (w->path = strdup(path)) == NULL) {
		free(w);
		(void)err_nomem(e);
		return NULL;
	}
	w->header = *h;
	w->seed = record_seed(h->log_id);
	w->at = HEADER_LEN; /* the header comes last */
	w->fd = os->open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (w->fd == -1) {
		(void)err_sys(e, ERR_STORAGE, "create %s", path);
		free(w->path);
		free(w);
		return NULL;
	}
	return w;
}

static int
write_out(struct image_writer *w, struct err *e)
{
	if (os_write_all(w->fd, w->out.ptr, w->out.len, w->at) == -1)
		return err_sys(e, ERR_STORAGE, "write %s", w->path);
	w->at += (off_t)w->out.len;
	buf_clear(&w->out);
	return 0;
}

/* Close the block under way. */
static int
end_block(struct image_writer *w, struct err *e)
{
	uLongf stored = compressBound((uLong)w->block.len);
	unsigned char *p;

	if (w->block.failed)
		return err_nomem(e);
	if (w->n_entries == 0 && w->kind != IMAGE_END)
		return 0;
	p = (unsigned char *)buf_reserve(&w->out, BLOCK_HEADER_LEN + stored);
	if (p == NULL)
		return err_nomem(e);
	if (w->n_entries == 0)
		stored = 0;
	else if (compress2(p + BLOCK_HEADER_LEN, &stored,
		     (const Bytef *)w->block.ptr, (uLong)w->block.len,
		     DEFLATE_LEVEL) != Z_OK)
		return err_nomem(e); /* the only way to fail */
	le_put(p + 4, stored, 4);
	le_put(p + 8, w->block.len, 4);
	le_put(p + 12, w->n_entries, 4);
	p[16] = (unsigned char)w->kind;
	le_put(p, crc_add(w->seed, p + 4, BLOCK_HEADER_LEN - 4 + stored), 4);
	w->out.len += BLOCK_HEADER_LEN + stored;
	buf_clear(&w->block);
	w->n_entries = 0;
	memset(&w->previous, 0, sizeof(w->previous));
	return w->out.len >= WRITE_BYTES ? write_out(w, e) : 0;
}

int
image_add(struct image_writer *w, const struct image_entry *entry,
    struct err *e)
{
	if (w->kind != entry->kind || w->block.len >= IMAGE_BLOCK_BYTES) {
		if (end_block(w, e) == -1)
			return -1;
		w->kind = entry->kind;
	}
	if (entry->kind == IMAGE_JOBS)
		put_job(&w->block, &w->previous, entry);
	else
		record_put_text(&w->block, entry->payload);
	w->n_entries++;
	return w->block.failed ? err_nomem(e) : 0;
}

static void
writer_free(struct image_writer *w)
{
	buf_free(&w->out);
	buf_free(&w->block);
	free(w->path);
	free(w);
}

int
image_finish(struct image_writer *w, uint64_t last_execution_id, off_t *bytes,
    struct err *e)
{
	unsigned char header[HEADER_LEN];

	w->header.last_execution_id = last_execution_id;
	header_encode(header, &w->header);
	if (end_block(w, e) == -1)
		goto fail;
	w->kind = IMAGE_END;
	if (end_block(w, e) == -1 || write_out(w, e) == -1)
		goto fail;
	if (os_write_all(w->fd, header, sizeof(header), 0) == -1 ||
	    os->fsync(w->fd) == -1) {
		(void)err_sys(e, ERR_STORAGE, "write %s", w->path);
		goto fail;
	}
	if (os->close(w->fd) == -1) {
		w->fd = -1;
		(void)err_sys(e, ERR_STORAGE, "close %s", w->path);
		goto fail;
	}
	*bytes = w->at;
	writer_free(w);
	return 0;
fail:
	image_abandon(w);
	return -1;
}

void
image_abandon(struct image_writer *w)
{
	if (w == NULL)
		return;
	if (w->fd != -1)
		(void)os->close(w->fd); /* given up */
	(void)os->unlink(w->path);
	writer_free(w);
}

struct image_reader {
	int fd;
	struct image_header header;
	uint32_t seed;
	off_t at;	       /* of the block being read */
	off_t next;	       /* of the one after it */
	unsigned char *stored; /* owned, IMAGE_BLOCK_MAX and a little */
	unsigned char *raw;    /* owned, IMAGE_BLOCK_MAX */
	struct record_reader in;
	uint32_t n_left; /* entries of this block to come */
	enum image_kind kind;
	struct previous previous;
};

#define STORED_MAX (BLOCK_HEADER_LEN + IMAGE_BLOCK_MAX + IMAGE_BLOCK_MAX / 8)

struct image_reader *
image_open(const char *path, struct err *e)
{
	return image_open_as(path, NULL, e);
}

struct image_reader *
image_open_as(const char *path, const struct image_header *h, struct err *e)
{
	int fd = files_open_one(path, e);

	return fd == -1 ? NULL : image_open_fd(fd, h, e);
}

struct image_reader *
image_open_fd(int fd, const struct image_header *h, struct err *e)
{
	unsigned char header[HEADER_LEN];
	struct image_reader *r = calloc(1, sizeof(*r));
	ssize_t n;

	if (r == NULL) {
		(void)os->close(fd); /* only read */
		(void)err_nomem(e);
		return NULL;
	}
	r->fd = fd;
	r->next = HEADER_LEN;
	if ((n = os_read_full(r->fd, header, sizeof(header), 0)) == -1) {
		(void)err_sys(e, ERR_STORAGE, "read");
		goto fail;
	}
	if ((size_t)n < sizeof(header)) {
		(void)err_set(e, ERR_INVALID, "not an image (too short)");
		goto fail;
	}
	if (h != NULL)
		r->header = *h;
	else if (image_header_decode(header, &r->header, e) == -1)
		goto fail;
	r->seed = record_seed(r->header.log_id);
	r->stored = malloc(STORED_MAX);
	r->raw = malloc(IMAGE_BLOCK_MAX);
	if (r->stored == NULL || r->raw == NULL) {
		(void)err_nomem(e);
		goto fail;
	}
	return r;
fail:
	image_close(r);
	return NULL;
}

const struct image_header *
image_header(const struct image_reader *r)
{
	return &r->header;
}

off_t
image_offset(const struct image_reader *r)
{
	return r->at;
}

off_t
image_end(const struct image_reader *r)
{
	return r->next;
}

void
image_close(struct image_reader *r)
{
	if (r == NULL)
		return;
	(void)os->close(r->fd); /* only read */
	free(r->stored);
	free(r->raw);
	free(r);
}

static int
damaged(const struct image_reader *r, const char *what, struct err *e)
{
	return err_set(e, ERR_INVALID, "damaged block at offset %lld: %s",
	    (long long)r->at, what);
}

/* Read, check and inflate the next block. */
static int
read_block(struct image_reader *r, struct err *e)
{
	unsigned char *p = r->stored;
	size_t stored, raw_len;
	uLongf inflated = IMAGE_BLOCK_MAX;
	ssize_t n;

	r->at = r->next;
	if ((n = os_read_full(r->fd, p, BLOCK_HEADER_LEN, r->at)) == -1)
		return err_sys(e, ERR_STORAGE, "read at %lld",
		    (long long)r->at);
	if ((size_t)n < BLOCK_HEADER_LEN)
		return damaged(r, "the file ends", e);
	stored = le_get(p + 4, 4);
	raw_len = le_get(p + 8, 4);
	if (stored > STORED_MAX - BLOCK_HEADER_LEN || raw_len > IMAGE_BLOCK_MAX)
		return damaged(r, "impossible length", e);
	n = os_read_full(r->fd, p + BLOCK_HEADER_LEN, stored,
	    r->at + BLOCK_HEADER_LEN);
	if (n == -1)
		return err_sys(e, ERR_STORAGE, "read at %lld",
		    (long long)r->at);
	if ((size_t)n < stored)
		return damaged(r, "the file ends", e);
	if (le_get(p, 4) !=
	    crc_add(r->seed, p + 4, BLOCK_HEADER_LEN - 4 + stored))
		return damaged(r, "checksum does not match", e);
	r->kind = (enum image_kind)p[16];
	r->n_left = (uint32_t)le_get(p + 12, 4);
	if (stored == 0)
		inflated = 0;
	else if (uncompress(r->raw, &inflated, p + BLOCK_HEADER_LEN,
		     (uLong)stored) != Z_OK)
		return damaged(r, "it does not inflate", e);
	if (inflated != raw_len)
		return damaged(r, "wrong length", e);
	r->next = r->at + (off_t)(BLOCK_HEADER_LEN + stored);
	record_read(&r->in, slice_of((const char *)r->raw, raw_len));
	memset(&r->previous, 0, sizeof(r->previous));
	return 0;
}

int
image_next(struct image_reader *r, struct image_entry *entry, struct err *e)
{
	while (r->n_left == 0) {
		if (r->kind == IMAGE_END)
			return 0;
		if (read_block(r, e) == -1)
			return -1;
	}
	r->n_left--;
	if (r->kind == IMAGE_RULES || r->kind == IMAGE_ENTRIES) {
		memset(entry, 0, sizeof(*entry));
		entry->kind = r->kind;
		entry->payload = record_get_text(&r->in);
	} else if (r->kind != IMAGE_JOBS ||
	    !get_job(&r->in, &r->previous, entry)) {
		return damaged(r, "an entry makes no sense", e);
	}
	if (r->in.bad || (r->n_left == 0 && !record_done(&r->in)))
		return damaged(r, "an entry makes no sense", e);
	return 1;
}

/* Whether the BLOCK_HEADER_LEN bytes at p could begin a block. */
static bool
plausible(const unsigned char *p)
{
	size_t stored = le_get(p + 4, 4);

	return p[16] >= IMAGE_RULES && p[16] < IMAGE_KIND_END &&
	    (stored == 0) == (p[16] == IMAGE_END) &&
	    stored <= STORED_MAX - BLOCK_HEADER_LEN &&
	    le_get(p + 8, 4) <= IMAGE_BLOCK_MAX;
}

/* Read the first valid block at or after `at`: 1, 0 or -1. */
static int
find_block(struct image_reader *r, off_t at, struct err *e)
{
	unsigned char *p = r->raw;
	ssize_t n;
	size_t i;

	for (;;) {
		n = os_read_full(r->fd, p, IMAGE_BLOCK_MAX, at);
		if (n == -1)
			return err_sys(e, ERR_STORAGE, "read at %lld",
			    (long long)at);
		if ((size_t)n < BLOCK_HEADER_LEN)
			return 0;
		for (i = 0; i + BLOCK_HEADER_LEN <= (size_t)n; i++)
			if (plausible(p + i))
				break;
		at += (off_t)i;
		if (i + BLOCK_HEADER_LEN > (size_t)n)
			continue;
		r->next = at++;
		if (read_block(r, e) == 0) /* may write over p */
			return 1;
		if (e->code == ERR_STORAGE)
			return -1;
	}
}

int
image_skip(struct image_reader *r, uint32_t *lost, struct err *e)
{
	size_t stored = le_get(r->stored + 4, 4);
	uint32_t claimed = (uint32_t)le_get(r->stored + 12, 4);
	off_t from = r->at;
	int rc;

	*lost = 0;
	if (r->next > r->at) { /* it was read, and makes no sense */
		*lost = r->n_left + 1;
		r->n_left = 0;
		return 1;
	}
	rc = find_block(r, from + 1, e);
	if (rc == 1 && r->at - from == (off_t)(BLOCK_HEADER_LEN + stored))
		*lost = claimed; /* its header is right about the length */
	return rc;
}
