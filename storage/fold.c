/*
 * The records of the segment are kept as they are in one buffer; an array of
 * references to them is sorted by identifier and, for one identifier, by age.
 * So all that happened to a job stands together, and the jobs come in the
 * order in which the image has them.
 */
#include "fold.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "going.h"
#include "history.h"
#include "image.h"
#include "os.h"
#include "scan.h"

#define STOP_EVERY 4096u /* entries between looks at *stop */

/* One record. `key` is the eight bytes of the identifier behind what all have
 * in common: most comparisons need to look no further. */
struct ref {
	uint64_t key;
	size_t at; /* in the buffer, of u8 type, u32 length, payload */
};

/* Records are of one family when they are about rules, about jobs, or about
 * entries of one kind. In the order in which the image has them: */
#define FAMILY_RULES 0u
#define FAMILY_JOBS 1u
#define FAMILY_ENTRIES 2u /* + kind - 1 */
#define FAMILY_COUNT (FAMILY_ENTRIES + ENTRY_KIND_END - 1)

/* References to the records of one family. */
struct refs {
	struct ref *ref; /* owned */
	size_t n, cap;
	size_t next; /* the first not merged yet */
};

struct fold {
	const atomic_bool *stop;
	struct fold_result *out;
	struct buf bytes; /* types, lengths and payloads */
	struct refs refs[FAMILY_COUNT];
	struct image_header header; /* of the image to come */
	bool more;		    /* the segment needs another pass */

	/* the merge */
	struct image_reader *reader; /* NULL: no image yet */
	struct image_writer *writer;
	struct image_entry peeked;
	bool has_peeked;
	unsigned peeked_family;
	struct buf history[2];	 /* taking turns in being added to */
	struct going_list going; /* of the job being merged */
	bool no_memory;		 /* for that */
	struct buf rule;
	uint32_t steps;

	char base[PATH_MAX], old[PATH_MAX], temporary[PATH_MAX];
};

static int
stopped(struct fold *f, struct err *e)
{
	if (f->steps++ % STOP_EVERY == 0 && atomic_load(f->stop))
		return err_set(e, ERR_UNAVAILABLE, "stopped");
	return 0;
}

#define REF_HEAD 5u

static void
view(const struct fold *f, size_t at, struct record *r)
{
	const char *p = f->bytes.ptr + at;
	uint32_t n;

	memcpy(&n, p + 1, sizeof(n));
	r->type = (enum record_type) * p;
	r->payload = slice_of(p + REF_HEAD, n);
}

static struct slice
subject(const struct fold *f, size_t at)
{
	struct record r;

	view(f, at, &r);
	return record_subject(r.type, r.payload);
}

static int
add_ref(struct refs *refs, size_t at)
{
	if (refs->n == refs->cap) {
		size_t cap = refs->cap == 0 ? 1024 : refs->cap * 2;
		struct ref *ref = realloc(refs->ref, cap * sizeof(*ref));

		if (ref == NULL)
			return -1;
		refs->ref = ref;
		refs->cap = cap;
	}
	refs->ref[refs->n++] = (struct ref){ .at = at };
	return 0;
}

static int
entry_family(enum record_type type, struct slice payload, unsigned *family,
    struct err *e)
{
	struct record_entry entry;

	if (record_get_entry(type, payload, &entry, e) == -1)
		return -1;
	*family = FAMILY_ENTRIES + (unsigned)entry.kind - 1;
	return 0;
}

/* What the record is about. */
static int
record_family(const struct record *r, unsigned *family, struct err *e)
{
	switch (r->type) {
	case RECORD_ENTRY_SET:
	case RECORD_ENTRY_REMOVE:
		return entry_family(r->type, r->payload, family, e);
	case RECORD_RULE_SET:
	case RECORD_RULE_REMOVE:
	case RECORD_RULE_PAUSE:
		*family = FAMILY_RULES;
		break;
	default:
		*family = FAMILY_JOBS;
	}
	if (record_subject(r->type, r->payload).len == 0)
		return err_set(e, ERR_INVALID, "it makes no sense");
	return 0;
}

static int
keep_record(struct fold *f, const struct record *r, struct err *e)
{
	uint32_t n = (uint32_t)r->payload.len;
	size_t at = f->bytes.len;
	struct record_run run;
	unsigned family;
	struct err why;

	if (record_family(r, &family, &why) == -1)
		return err_set(e, ERR_INVALID, "record %llu: %s",
		    (unsigned long long)r->seq, why.msg);
	buf_add_byte(&f->bytes, (char)r->type);
	buf_add(&f->bytes, &n, sizeof(n));
	buf_add_slice(&f->bytes, r->payload);
	if (f->bytes.failed || add_ref(&f->refs[family], at) == -1)
		return err_nomem(e);
	if (r->type == RECORD_JOB_TRIGGER &&
	    record_get_run(r->type, r->payload, &run) &&
	    run.execution_id > f->header.last_execution_id)
		f->header.last_execution_id = run.execution_id;
	f->out->records++;
	return 0;
}

/* The image must be the one that the segment follows: without it, or with
 * another, what was folded before would be lost. */
static int
check_image(const struct fold *f, const struct scan *s, struct err *e)
{
	uint64_t last_seq = f->reader == NULL ? 0 : f->header.last_seq;

	if (s->header.first_seq <= last_seq + 1 &&
	    memcmp(f->header.log_id, s->header.log_id, LOG_ID_LEN) == 0)
		return 0;
	return err_set(e, ERR_NOT_FOUND, "%s is %s", f->base,
	    f->reader == NULL ? "gone" : "another log's, or an older one");
}

/* Read the records that the image does not cover yet, up to limit_seq. */
static int
read_segment(struct fold *f, uint64_t limit_seq, struct err *e)
{
	enum scan_result result = SCAN_END;
	struct record r;
	struct scan s;
	int rc = scan_open(&s, f->old, e);

	if (rc == 1)
		return err_set(e, ERR_INVALID, "%s has no header", f->old);
	if (rc == -1) {
		if (errno == ENOENT)
			e->code = ERR_NOT_FOUND;
		return -1;
	}
	if (f->reader == NULL) {
		memcpy(f->header.log_id, s.header.log_id, LOG_ID_LEN);
		f->header.epoch = s.header.epoch;
		f->header.last_seq = s.header.first_seq - 1;
	}
	f->out->input_bytes += s.size;
	rc = check_image(f, &s, e);
	while (rc == 0 && !f->more && s.next_seq < limit_seq &&
	    (result = scan_next(&s, &r, e)) == SCAN_RECORD) {
		if (r.seq <= f->header.last_seq)
			continue;
		rc = stopped(f, e);
		if (rc == 0)
			rc = keep_record(f, &r, e);
		f->header.last_seq = r.seq;
		f->more = f->bytes.len >= FOLD_BYTES_MAX;
	}
	if (result == SCAN_DAMAGED || result == SCAN_FAILED)
		rc = -1;
	/* All of it was durable when the next segment began: here a torn
	 * tail is damage too, and must not be lost with the segment. */
	if (rc == 0 && !f->more && s.next_seq < limit_seq)
		rc = err_set(e, ERR_INVALID,
		    "%s is damaged at offset %lld: it ends with record %llu, "
		    "but the next segment begins with %llu",
		    f->old, (long long)s.at,
		    (unsigned long long)(s.next_seq - 1),
		    (unsigned long long)limit_seq);
	scan_close(&s);
	return rc;
}

/* Eight bytes of the identifier from `from` on, in comparing order. */
static uint64_t
key_of(struct slice id, size_t from)
{
	uint64_t key = 0;

	for (size_t i = 0; i < 8; i++)
		key = key << 8 |
		    (from + i < id.len ? (unsigned char)id.ptr[from + i] : 0);
	return key;
}

static void
set_keys(const struct fold *f, struct refs *refs)
{
	struct slice first;
	size_t common;

	if (refs->n == 0)
		return;
	first = subject(f, refs->ref[0].at);
	common = first.len;
	for (size_t i = 1; i < refs->n; i++) {
		struct slice id = subject(f, refs->ref[i].at);
		size_t n = 0;

		while (n < common && n < id.len && id.ptr[n] == first.ptr[n])
			n++;
		common = n;
	}
	for (size_t i = 0; i < refs->n; i++)
		refs->ref[i].key = key_of(subject(f, refs->ref[i].at), common);
}

/* By identifier, then by age, which is the place in the buffer. */
static bool
before(const struct fold *f, const struct ref *a, const struct ref *b)
{
	int d;

	if (a->key != b->key)
		return a->key < b->key;
	d = slice_cmp(subject(f, a->at), subject(f, b->at));
	return d != 0 ? d < 0 : a->at < b->at;
}

static void
swap(struct ref *a, struct ref *b)
{
	struct ref t = *a;

	*a = *b;
	*b = t;
}

static void
sift_down(const struct fold *f, struct ref *a, size_t i, size_t n)
{
	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= n)
			return;
		if (child + 1 < n && before(f, &a[child], &a[child + 1]))
			child++;
		if (!before(f, &a[i], &a[child]))
			return;
		swap(&a[i], &a[child]);
		i = child;
	}
}

static void
heap_sort(const struct fold *f, struct ref *a, size_t n)
{
	for (size_t i = n / 2; i-- > 0;)
		sift_down(f, a, i, n);
	while (n-- > 1) {
		swap(&a[0], &a[n]);
		sift_down(f, a, 0, n);
	}
}

static void
insertion_sort(const struct fold *f, struct ref *a, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct ref x = a[i];
		size_t j = i;

		for (; j > 0 && before(f, &x, &a[j - 1]); j--)
			a[j] = a[j - 1];
		a[j] = x;
	}
}

/*
 * Quicksort, with heapsort where it goes too deep. The C library's calls
 * through a pointer for each comparison and needs as much memory again.
 */
static void
sort(const struct fold *f, struct ref *a, size_t n, unsigned depth)
{
	while (n > 16) {
		struct ref pivot;
		size_t i = 0, j = n - 1;

		if (depth-- == 0) {
			heap_sort(f, a, n);
			return;
		}
		if (before(f, &a[n / 2], &a[0]))
			swap(&a[n / 2], &a[0]);
		if (before(f, &a[n - 1], &a[n / 2]))
			swap(&a[n - 1], &a[n / 2]);
		if (before(f, &a[n / 2], &a[0]))
			swap(&a[n / 2], &a[0]);
		pivot = a[n / 2];
		for (;; i++, j--) {
			while (before(f, &a[i], &pivot))
				i++;
			while (before(f, &pivot, &a[j]))
				j--;
			if (i >= j)
				break;
			swap(&a[i], &a[j]);
		}
		/* [0, i) <= pivot <= [i, n): the smaller part by recursion */
		if (i < n - i) {
			sort(f, a, i, depth);
			a += i;
			n -= i;
		} else {
			sort(f, a + i, n - i, depth);
			n = i;
		}
	}
	insertion_sort(f, a, n);
}

static void
sort_refs(const struct fold *f, struct refs *refs)
{
	unsigned depth = 2;

	for (size_t n = refs->n; n > 0; n >>= 1)
		depth += 2;
	set_keys(f, refs);
	sort(f, refs->ref, refs->n, depth);
}

static int
image_family(const struct image_entry *entry, unsigned *family, struct err *e)
{
	if (entry->kind == IMAGE_ENTRIES)
		return entry_family(RECORD_ENTRY_SET, entry->payload, family,
		    e);
	*family = entry->kind == IMAGE_RULES ? FAMILY_RULES : FAMILY_JOBS;
	return 0;
}

/* The next entry of the image before, in f->peeked. */
static int
peek(struct fold *f, struct err *e)
{
	int rc;

	if (f->has_peeked || f->reader == NULL)
		return 0;
	if ((rc = image_next(f->reader, &f->peeked, e)) == -1)
		return -1;
	f->has_peeked = rc == 1;
	if (rc == 0) {
		image_close(f->reader);
		f->reader = NULL;
		return 0;
	}
	return image_family(&f->peeked, &f->peeked_family, e);
}

/* What a record changes in the list of runs that go on: true always. */
static bool
follow_going(struct fold *f, struct image_entry *entry, enum record_type type,
    const struct record_run *r)
{
	struct going_list *list = &f->going;

	if (entry->going.ptr != list->ptr) { /* of another job, or the image */
		free(list->ptr);
		*list = (struct going_list){ 0 };
		if (entry->going.len > 0 &&
		    (list->ptr = slice_dup(entry->going)) != NULL)
			list->len = (uint32_t)entry->going.len;
		f->no_memory |= list->len != entry->going.len;
	}
	if (r == NULL)
		going_set(list, &entry->run, entry->set.payload);
	else
		going_apply(list, &entry->run, type, r);
	entry->going = slice_of(list->ptr, list->len);
	return true;
}

/* One record of a job applied to what is known of it. */
static void
apply_job(struct fold *f, struct image_entry *entry, bool *exists,
    const struct record *r)
{
	struct record_run run;
	struct buf *next;

	if (r->type == RECORD_JOB_SET) {
		if (!*exists)
			memset(entry, 0, sizeof(*entry));
		else
			follow_going(f, entry, r->type, NULL);
		*exists = record_get_set(r->payload, &entry->set);
		entry->kind = IMAGE_JOBS;
		job_run_set(&entry->run, entry->set.due_ns);
		return;
	}
	if (r->type == RECORD_JOB_REMOVE)
		*exists = false;
	if (!*exists || !record_get_run(r->type, r->payload, &run) ||
	    !follow_going(f, entry, r->type, &run) ||
	    (r->type == RECORD_JOB_FINISH &&
		(run.flags & RECORD_FINISH_ORPHAN) != 0))
		return;
	job_run_apply(&entry->run, r->type, &run);
	if (r->type != RECORD_JOB_FINISH)
		return;
	next = entry->history.ptr == f->history[0].ptr ? &f->history[1]
						       : &f->history[0];
	buf_clear(next);
	history_add(next, &run, entry->history);
	entry->history = buf_slice(next);
}

static void
apply_rule(struct fold *f, struct image_entry *entry, bool *exists,
    const struct record *r)
{
	switch (r->type) {
	case RECORD_RULE_SET:
		buf_clear(&f->rule);
		buf_add_slice(&f->rule, r->payload);
		*exists = true;
		break;
	case RECORD_RULE_PAUSE:
		if (!*exists)
			return;
		if (entry->payload.ptr != f->rule.ptr) {
			buf_clear(&f->rule);
			buf_add_slice(&f->rule, entry->payload);
		}
		if (!f->rule.failed) /* both payloads begin with `paused` */
			f->rule.ptr[0] = r->payload.ptr[0];
		break;
	default:
		*exists = false;
	}
	entry->kind = IMAGE_RULES;
	entry->payload = buf_slice(&f->rule);
}

static void
apply_entry(struct image_entry *entry, bool *exists, const struct record *r)
{
	*exists = r->type == RECORD_ENTRY_SET;
	entry->kind = IMAGE_ENTRIES;
	entry->payload = r->payload;
}

/* Apply all records of the identifier that comes next, to the image's entry
 * for it where it has one, and write what is left. */
static int
merge_group(struct fold *f, unsigned family, bool in_image, struct err *e)
{
	struct refs *refs = &f->refs[family];
	struct slice id = subject(f, refs->ref[refs->next].at);
	struct image_entry entry = { 0 };
	bool exists = in_image;
	struct record r;

	if (in_image)
		entry = f->peeked;
	for (; refs->next < refs->n; refs->next++) {
		size_t at = refs->ref[refs->next].at;

		if (!slice_eq(subject(f, at), id))
			break;
		view(f, at, &r);
		if (family == FAMILY_RULES)
			apply_rule(f, &entry, &exists, &r);
		else if (family == FAMILY_JOBS)
			apply_job(f, &entry, &exists, &r);
		else
			apply_entry(&entry, &exists, &r);
	}
	if (f->no_memory || f->rule.failed || f->history[0].failed ||
	    f->history[1].failed)
		return err_nomem(e);
	return exists ? image_add(f->writer, &entry, e) : 0;
}

/* Merge the image's entries of one family with the records of that family. */
static int
merge(struct fold *f, unsigned family, struct err *e)
{
	struct refs *refs = &f->refs[family];

	for (;;) {
		bool from_image, from_log = refs->next < refs->n;
		int d;

		if (stopped(f, e) == -1 || peek(f, e) == -1)
			return -1;
		from_image = f->has_peeked && f->peeked_family == family;
		if (!from_image && !from_log)
			return 0;
		d = !from_image ? 1
		    : !from_log ? -1
				: slice_cmp(image_entry_id(&f->peeked),
				      subject(f, refs->ref[refs->next].at));
		if ((d < 0 ? image_add(f->writer, &f->peeked, e)
			   : merge_group(f, family, d == 0, e)) == -1)
			return -1;
		if (d <= 0)
			f->has_peeked = false;
	}
}

static int
merge_all(struct fold *f, struct err *e)
{
	for (unsigned family = 0; family < FAMILY_COUNT; family++)
		if (merge(f, family, e) == -1)
			return -1;
	return f->has_peeked
	    ? err_set(e, ERR_INVALID, "the image is out of order")
	    : 0;
}

static int
write_image(struct fold *f, struct err *e)
{
	f->header.created_ns = os->wall_ns();
	f->writer = image_create(f->temporary, &f->header, e);
	if (f->writer == NULL)
		return -1;
	if (merge_all(f, e) == -1) {
		image_abandon(f->writer);
		return -1;
	}
	return image_finish(f->writer, f->header.last_execution_id,
	    &f->out->image_bytes, e);
}

static int
open_image(struct fold *f, struct err *e)
{
	struct stat st;
	int fd;

	f->reader = image_open(f->base, e);
	if (f->reader == NULL)
		return e->code == ERR_NOT_FOUND ? 0 : -1;
	f->header = *image_header(f->reader);
	fd = os->open(f->base, O_RDONLY | O_CLOEXEC, 0);
	if (fd != -1 && os->fstat(fd, &st) == 0) { /* only for statistics */
		f->out->input_bytes += st.st_size;
		f->out->image_bytes = st.st_size; /* if nothing is folded in */
	}
	if (fd != -1)
		(void)os->close(fd); /* only looked at */
	return 0;
}

/* Fold up to FOLD_BYTES_MAX of the segment in; f->more tells of a rest. */
static int
pass(struct fold *f, uint64_t limit_seq, struct err *e)
{
	if (open_image(f, e) == -1 || read_segment(f, limit_seq, e) == -1)
		return -1;
	if (f->bytes.len == 0 && f->reader != NULL)
		return 0; /* all was in the image already */
	for (unsigned family = 0; family < FAMILY_COUNT; family++)
		sort_refs(f, &f->refs[family]);
	if (write_image(f, e) == -1)
		return -1;
	if (os->rename(f->temporary, f->base) == -1 ||
	    os_sync_folder(f->base) == -1)
		return err_sys(e, ERR_STORAGE, "rename %s", f->temporary);
	return 0;
}

static void
clear(struct fold *f)
{
	image_close(f->reader);
	f->reader = NULL;
	f->has_peeked = f->more = false;
	buf_free(&f->bytes);
	free(f->going.ptr);
	f->going = (struct going_list){ 0 };
	buf_free(&f->history[0]);
	buf_free(&f->history[1]);
	buf_free(&f->rule);
	for (unsigned family = 0; family < FAMILY_COUNT; family++) {
		free(f->refs[family].ref);
		f->refs[family] = (struct refs){ 0 };
	}
}

static int
fold_init(struct fold *f, const char *path, struct err *e)
{
	memset(f, 0, offsetof(struct fold, base));
	if (snprintf(f->base, PATH_MAX, "%s.base", path) >= PATH_MAX ||
	    snprintf(f->old, PATH_MAX, "%s.old", path) >= PATH_MAX ||
	    snprintf(f->temporary, PATH_MAX, "%s.base.tmp", path) >= PATH_MAX)
		return err_set(e, ERR_STORAGE, "path too long: %s", path);
	return 0;
}

int
fold(const char *path, uint64_t limit_seq, const atomic_bool *stop,
    struct fold_result *out, struct err *e)
{
	struct fold *f = malloc(sizeof(*f));
	bool more;
	int rc;

	memset(out, 0, sizeof(*out));
	if (f == NULL)
		return err_nomem(e);
	if (fold_init(f, path, e) == -1) {
		free(f);
		return -1;
	}
	f->stop = stop;
	f->out = out;
	do {
		rc = pass(f, limit_seq, e);
		more = f->more;
		clear(f);
	} while (rc == 0 && more);
	if (rc == 0 && os->unlink(f->old) == -1)
		rc = err_sys(e, ERR_STORAGE, "unlink %s", f->old);
	if (rc == 0)
		(void)os_sync_folder(f->old); /* if it comes back, the image
					       * covers it */
	free(f);
	return rc;
}

/* Copy all of `from` into the new, empty descriptor `to`. */
static int
copy_bytes(int from, int to, off_t *bytes)
{
	size_t size = (size_t)1 << 20;
	char *p = malloc(size);
	ssize_t n = -1;

	*bytes = 0;
	while (p != NULL && (n = os_read_full(from, p, size, *bytes)) > 0) {
		if (os_write_all(to, p, (size_t)n, *bytes) == -1) {
			n = -1;
			break;
		}
		*bytes += n;
	}
	free(p);
	return n == 0 ? os->fsync(to) : -1;
}

int
fold_copy_image(const char *path, const char *to, off_t *bytes, struct err *e)
{
	struct fold *f = malloc(sizeof(*f));
	int in = -1, out = -1, rc = -1;

	if (f == NULL)
		return err_nomem(e);
	if (fold_init(f, path, e) == -1)
		goto free_f;
	if ((in = os->open(f->base, O_RDONLY | O_CLOEXEC, 0)) == -1) {
		(void)err_sys(e, ERR_STORAGE, "open %s", f->base);
		goto free_f;
	}
	out = os->open(to, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out == -1) {
		(void)err_sys(e, errno == EEXIST ? ERR_EXISTS : ERR_INVALID,
		    "create %s", to);
		goto close_in;
	}
	rc = copy_bytes(in, out, bytes);
	if (os->close(out) == -1)
		rc = -1;
	if (rc == 0)
		rc = os_sync_folder(to);
	if (rc == -1) {
		(void)err_sys(e, ERR_STORAGE, "write %s", to);
		(void)os->unlink(to);
	}
close_in:
	(void)os->close(in); /* only read */
free_f:
	free(f);
	return rc;
}
