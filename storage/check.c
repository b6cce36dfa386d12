/*
 * A check reads a file once, from one end to the other, and puts down what it
 * finds. Only when that is done, and the file is damaged, is it mended.
 */
#include "check.h"

#include <limits.h>
#include <string.h>

#include "header.h"
#include "image.h"
#include "os.h"
#include "repair.h"
#include "scan.h"
#include "token.h"
#include "tstamp.h"
#include "verify.h"

#define NAMED_MAX 5u /* records behind damage that are named */
#define GAPS_MAX 20u /* places of damage in an image that are named */

/* A file being checked. */
struct subject {
	const char *path;
	struct header header;
	struct buf *out;
	bool damaged;
	bool misplaced;	   /* what should be in front of it is missing */
	bool keeps_behind; /* records behind the damage */
	uint64_t limit;	   /* records from it on are superseded */
	off_t size;	   /* of the file */
	off_t end;	   /* of a log: how far it is valid */
	uint64_t next_seq; /* the number after its last valid record */
};

/* Begin a line of the report; the caller ends it. */
static void
line(struct subject *s)
{
	buf_add_str(s->out, s->path);
	buf_add_str(s->out, ": ");
}

static void
put_log_id(struct buf *out, const struct header *h)
{
	const unsigned char *id = header_log_id(h);

	for (size_t i = 0; i < LOG_ID_LEN; i++)
		buf_addf(out, "%02x", id[i]);
}

static void
put_count(struct buf *out, uint64_t n, const char *one, const char *many)
{
	buf_add_u64(out, n);
	buf_add_byte(out, ' ');
	buf_add_str(out, n == 1 ? one : many);
}

static void
put_damage(struct subject *s, const char *what)
{
	s->damaged = true;
	line(s);
	buf_addf(s->out, "%s\n", what);
}

/* --- logs --- */

struct tally {
	uint64_t n, first, last;
	uint64_t n_of[RECORD_TYPE_END];
};

static void
count(struct tally *t, const struct record *r)
{
	if (t->n++ == 0)
		t->first = r->seq;
	t->last = r->seq;
	t->n_of[r->type]++;
}

static void
put_tally(struct buf *out, const struct tally *t)
{
	const char *separator = " (";

	put_count(out, t->n, "record", "records");
	if (t->n == 0)
		return;
	buf_addf(out, ", %llu to %llu", (unsigned long long)t->first,
	    (unsigned long long)t->last);
	for (int type = 0; type < RECORD_TYPE_END; type++) {
		if (t->n_of[type] == 0)
			continue;
		buf_addf(out, "%s%llu %s", separator,
		    (unsigned long long)t->n_of[type],
		    record_type_name((enum record_type)type));
		separator = ", ";
	}
	buf_add_byte(out, ')');
}

/* Say what can be found behind the damage, all of which a repair takes out. */
static int
report_behind(struct subject *s, struct scan *scan, struct err *e)
{
	struct tally t = { 0 };
	struct buf names = { 0 };
	struct record r;
	int rc;

	while ((rc = scan_behind(scan, &r, e)) == 1) {
		if (r.seq >= s->limit)
			continue;
		count(&t, &r);
		if (t.n > NAMED_MAX)
			continue;
		buf_addf(&names, "%s%s ", t.n == 1 ? ": " : ", ",
		    record_type_name(r.type));
		token_quote(&names, record_subject(r.type, r.payload));
	}
	line(s);
	buf_add_str(s->out, "behind the damage: ");
	put_tally(s->out, &t);
	buf_add_slice(s->out, buf_slice(&names));
	buf_add_str(s->out, t.n > NAMED_MAX ? ", ...\n" : "\n");
	if (names.failed)
		s->out->failed = true;
	s->keeps_behind = t.n > 0;
	buf_free(&names);
	return rc;
}

/* Say how the file ends. */
static int
report_end(struct subject *s, struct scan *scan, enum scan_result end,
    struct err *e)
{
	long long rest = (long long)(scan->size - s->end);

	switch (end) {
	case SCAN_ZEROS:
		line(s);
		buf_addf(s->out,
		    "%lld bytes of zeros at offset %lld: space written ahead, "
		    "no damage\n",
		    rest, (long long)s->end);
		return 0;
	case SCAN_TORN:
		line(s);
		buf_addf(s->out,
		    "%lld bytes at offset %lld are a write that never ended: "
		    "no damage, a start cuts them off\n",
		    rest, (long long)s->end);
		return 0;
	case SCAN_DAMAGED:
		put_damage(s, e->msg);
		return report_behind(s, scan, e);
	default:
		return 0;
	}
}

/* Whether the segment leaves no gap behind the files before it. */
static void
check_place(struct subject *s, const struct check *c)
{
	uint64_t first_seq = s->header.log.first_seq;

	if (c->next_seq == 0 || first_seq <= c->next_seq ||
	    memcmp(c->log_id, s->header.log.log_id, LOG_ID_LEN) != 0)
		return;
	s->damaged = s->misplaced = true;
	line(s);
	buf_addf(s->out,
	    "begins with record %llu, but record %llu is in no file before "
	    "it\n",
	    (unsigned long long)first_seq, (unsigned long long)c->next_seq);
}

/* Read all valid records. */
static enum scan_result
read_records(struct scan *scan, uint64_t limit, struct tally *t, struct err *e)
{
	enum scan_result result;
	struct record r;
	struct err why;

	while ((result = scan_next(scan, &r, e)) == SCAN_RECORD) {
		if (r.seq >= limit)
			return SCAN_END;
		if (verify_record(&r, &why) == -1) {
			(void)err_set(e, ERR_INVALID,
			    "damaged at offset %lld: record %llu: %s",
			    (long long)scan->at, (unsigned long long)r.seq,
			    why.msg);
			return SCAN_DAMAGED;
		}
		count(t, &r);
	}
	return result;
}

static int
check_segment(struct subject *s, const struct check *c, struct err *e)
{
	struct tally t = { 0 };
	enum scan_result end;
	struct scan scan;
	int rc = -1;

	if (scan_open_as(&scan, s->path, &s->header.log, e) != 0)
		return -1;
	end = read_records(&scan, s->limit, &t, e);
	s->end = scan.at;
	s->size = scan.size;
	s->next_seq = s->header.log.first_seq + t.n;
	line(s);
	buf_add_str(s->out, "log ");
	put_log_id(s->out, &s->header);
	buf_add_str(s->out, ", ");
	put_tally(s->out, &t);
	buf_addf(s->out, ", %lld bytes\n", (long long)scan.size);
	check_place(s, c);
	if (end != SCAN_FAILED)
		rc = report_end(s, &scan, end, e);
	scan_close(&scan);
	return rc;
}

/* --- images --- */

struct image_check {
	struct subject *subject;
	struct image_reader *reader;
	struct verify_order order;
	uint64_t n_of[IMAGE_KIND_END]; /* entries */
	unsigned gaps;
	/* Something is missing behind the entry before. */
	bool gap;
	struct err why;
	uint64_t lost;	   /* entries */
	bool lost_unknown; /* and nobody knows how many more */
};

/* Say what is missing between the last good entry and `next` (NULL: the end
 * of the file). */
static void
report_gap(struct image_check *c, const struct image_entry *next)
{
	struct buf *out = c->subject->out;

	c->subject->damaged = true;
	c->gap = false;
	if (c->gaps++ >= GAPS_MAX)
		return;
	line(c->subject);
	buf_add_str(out, c->why.msg);
	buf_add_str(out, "; ");
	if (c->lost_unknown)
		buf_add_str(out, "an unknown number of entries");
	else
		put_count(out, c->lost, "entry", "entries");
	buf_add_str(out, " lost");
	if (c->order.len > 0) {
		buf_add_str(out, ", behind ");
		token_quote(out, slice_of(c->order.id, c->order.len));
	}
	if (next != NULL) {
		buf_add_str(out, ", before ");
		token_quote(out, image_entry_id(next));
	}
	buf_add_byte(out, '\n');
}

/* Something is missing here: `lost` entries, 0 for an unknown number. */
static void
note_gap(struct image_check *c, const struct err *why, uint32_t lost)
{
	if (!c->gap) {
		c->gap = true;
		c->why = *why;
		c->lost = 0;
		c->lost_unknown = false;
	}
	c->lost += lost;
	c->lost_unknown |= lost == 0;
}

static void
check_entry(struct image_check *c, const struct image_entry *entry)
{
	struct err why, said;

	if (verify_entry(&c->order, entry, &why) == -1) {
		(void)err_set(&said, ERR_INVALID,
		    "damaged block at offset %lld: an entry: %s",
		    (long long)image_offset(c->reader), why.msg);
		note_gap(c, &said, 1);
		return;
	}
	if (c->gap)
		report_gap(c, entry);
	verify_advance(&c->order, entry);
	c->n_of[entry->kind]++;
}

/* Read all entries that can be read. */
static int
read_entries(struct image_check *c, struct err *e)
{
	struct image_entry entry;
	uint32_t lost;
	int rc;

	for (;;) {
		struct err why;

		if ((rc = image_next(c->reader, &entry, e)) == 0)
			break;
		if (rc == 1) {
			check_entry(c, &entry);
			continue;
		}
		if (e->code != ERR_INVALID)
			return -1;
		why = *e;
		rc = image_skip(c->reader, &lost, e);
		note_gap(c, &why, lost);
		if (rc == -1)
			return -1;
		if (rc == 0)
			break;
	}
	if (c->gap)
		report_gap(c, NULL);
	return rc;
}

static void
report_image(struct image_check *c)
{
	const struct header *h = &c->subject->header;
	struct buf *out = c->subject->out;

	line(c->subject);
	buf_add_str(out, "image of log ");
	put_log_id(out, h);
	buf_addf(out, ", up to record %llu, ",
	    (unsigned long long)h->image.last_seq);
	put_count(out, c->n_of[IMAGE_RULES], "rule", "rules");
	buf_add_str(out, ", ");
	put_count(out, c->n_of[IMAGE_JOBS], "job", "jobs");
	buf_add_str(out, ", ");
	put_count(out, c->n_of[IMAGE_ENTRIES], "other entry", "other entries");
	buf_addf(out, ", %lld bytes\n", (long long)h->size);
	if (c->gaps > GAPS_MAX) {
		line(c->subject);
		buf_addf(out, "and %u damaged places more\n",
		    c->gaps - GAPS_MAX);
	}
}

static int
check_image(struct subject *s, struct err *e)
{
	struct image_check c = { .subject = s };
	off_t end;
	int rc;

	c.reader = image_open_as(s->path, &s->header.image, e);
	if (c.reader == NULL)
		return -1;
	rc = read_entries(&c, e);
	end = image_end(c.reader);
	image_close(c.reader);
	if (rc == -1)
		return -1;
	report_image(&c);
	if (!s->damaged && end != s->header.size) {
		s->damaged = true;
		line(s);
		buf_addf(s->out, "%lld bytes behind its end at offset %lld\n",
		    (long long)(s->header.size - end), (long long)end);
	}
	s->next_seq = s->header.image.last_seq + 1;
	return 0;
}

/* --- both --- */

static int
check_header(struct subject *s, struct err *e)
{
	if (header_read(&s->header, s->path, e) == -1) {
		if (e->code == ERR_INVALID) {
			put_damage(s, e->msg);
			e->msg[0] = '\0';
		}
		return -1;
	}
	if (s->header.mended)
		put_damage(s, "damaged header: one bit is wrong");
	return 0;
}

/* What takes no harm from a shell; all else goes between single quotes. */
static bool
is_harmless(const char *word)
{
	return *word != '\0' && *word != '-' &&
	    strspn(word,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789/._-+,:@") == strlen(word);
}

void
check_put_word(struct buf *out, const char *word)
{
	if (is_harmless(word)) {
		buf_add_str(out, word);
		return;
	}
	/* With a folder in front of it, it is no option. */
	buf_add_str(out, *word == '-' ? "./'" : "'");
	for (; *word != '\0'; word++) {
		if (*word == '\'')
			buf_add_str(out, "'\\''");
		else
			buf_add_byte(out, *word);
	}
	buf_add_byte(out, '\'');
}

void
check_put_takeover(struct buf *out, const char *of, const char *path)
{
	buf_addf(out, "%s: look at them: tickd dump --all ", of);
	check_put_word(out, path);
	buf_addf(out,
	    "\n%s: take them over, once the server runs: "
	    "tickd dump --changes ",
	    of);
	check_put_word(out, path);
	buf_add_str(out, " | sed 's/^/1 /' | nc -N localhost 5678\n");
}

/* Put what can be read behind the damage into a log of its own. */
static int
keep_behind(struct subject *s, struct err *e)
{
	char behind[PATH_MAX];
	uint64_t n;

	if (repair_keep_behind(s->path, &s->header, s->end, s->next_seq,
		s->limit, behind, &n, e) == -1)
		return -1;
	if (n == 0)
		return 0;
	line(s);
	put_count(s->out, n, "record", "records");
	buf_addf(s->out, " from behind the damage kept in %s\n", behind);
	check_put_takeover(s->out, s->path, behind);
	return 0;
}

/* Put what is left in the place of the damaged file. */
static enum check_result
mend(struct subject *s, bool any_name, struct err *e)
{
	char damaged[PATH_MAX];
	int rc;

	if (repair_name(damaged, s->path, any_name, e) == -1 ||
	    (s->keeps_behind && !s->misplaced && keep_behind(s, e) == -1))
		return CHECK_DAMAGED;
	rc = s->misplaced ? repair_rename(s->path, damaged, e)
			  : repair(s->path, &s->header, s->end, damaged, e);
	if (rc == -1)
		return CHECK_DAMAGED;
	line(s);
	if (s->misplaced)
		buf_addf(s->out, "set aside, ");
	else if (s->header.kind == HEADER_IMAGE)
		buf_addf(s->out, "repaired, ");
	else
		buf_addf(s->out,
		    "repaired, %lld bytes kept and %lld dropped, "
		    "the next record is %llu; ",
		    (long long)s->end, (long long)(s->size - s->end),
		    (unsigned long long)s->next_seq);
	buf_addf(s->out, "the damaged file is %s\n", damaged);
	return CHECK_MENDED;
}

/* What the files to come have to follow on. */
static void
remember(struct check *c, const struct subject *s)
{
	const unsigned char *id = header_log_id(&s->header);

	if (s->misplaced)
		return;
	memcpy(c->log_id, id, LOG_ID_LEN);
	c->next_seq = s->next_seq;
}

static enum check_result
check_and_mend(struct check *c, struct subject *s, struct err *e)
{
	int rc;

	if (check_header(s, e) == -1) {
		if (s->damaged && c->repair)
			(void)err_set(e, ERR_INVALID, "nothing can be kept");
		return s->damaged ? CHECK_DAMAGED : CHECK_FAILED;
	}
	if (s->header.kind == HEADER_NONE) {
		line(s);
		buf_addf(s->out,
		    "%lld bytes, no header: its creation never ended, "
		    "nothing is in it\n",
		    (long long)s->header.size);
		return CHECK_FINE;
	}
	rc = s->header.kind == HEADER_LOG ? check_segment(s, c, e)
					  : check_image(s, e);
	if (rc == -1)
		return CHECK_FAILED;
	remember(c, s);
	e->msg[0] = '\0';
	if (s->damaged)
		return c->repair ? mend(s, c->any_name, e) : CHECK_DAMAGED;
	if (!c->no_verdict) {
		line(s);
		buf_add_str(s->out, "ok\n");
	}
	return CHECK_FINE;
}

enum check_result
check_file(struct check *c, const char *path, struct buf *out, struct err *e)
{
	struct subject s = { .path = path,
		.out = out,
		.limit = c->limit == 0 ? UINT64_MAX : c->limit };
	enum check_result result;
	struct log_lock lock;

	e->msg[0] = '\0';
	if (c->repair && !c->locked && repair_lock(&lock, path, e) == -1)
		return e->code == ERR_CONFLICT ? CHECK_LOCKED : CHECK_FAILED;
	result = check_and_mend(c, &s, e);
	if (c->repair && !c->locked)
		log_lock_drop(&lock);
	return result;
}
