#include "record.h"

#include <assert.h>
#include <string.h>

#include "crc.h"
#include "le.h"

#define CRC_AT 0
#define LEN_AT 4
#define SEQ_AT 8
#define TYPE_AT 16

const char *
record_type_name(enum record_type type)
{
	static const char *const names[RECORD_TYPE_END] = {
		[RECORD_MARK] = "mark",
		[RECORD_JOB_SET] = "set",
		[RECORD_JOB_REMOVE] = "remove",
		[RECORD_JOB_TRIGGER] = "trigger",
		[RECORD_JOB_START] = "start",
		[RECORD_JOB_FINISH] = "finish",
		[RECORD_JOB_STOP] = "stop",
		[RECORD_RULE_SET] = "rule_set",
		[RECORD_RULE_REMOVE] = "rule_remove",
		[RECORD_RULE_PAUSE] = "rule_pause",
		[RECORD_ENTRY_SET] = "entry_set",
		[RECORD_ENTRY_REMOVE] = "entry_remove",
	};

	return names[type];
}

const char *
entry_kind_word(enum entry_kind kind)
{
	static const char *const words[ENTRY_KIND_END] = {
#define ENTRY(id, number, word, max, command) [ENTRY_##id] = (word),
#include "entries.def"
#undef ENTRY
	};

	return words[kind];
}

const char *
entry_kind_command(enum entry_kind kind)
{
	static const char *const commands[ENTRY_KIND_END] = {
#define ENTRY(id, number, word, max, command) [ENTRY_##id] = (command),
#include "entries.def"
#undef ENTRY
	};

	return commands[kind];
}

void
log_header_encode(unsigned char out[LOG_HEADER_LEN], const struct log_header *h)
{
	memset(out, 0, LOG_HEADER_LEN);
	memcpy(out, LOG_MAGIC, 8);
	le_put(out + 8, LOG_VERSION, 4);
	memcpy(out + 16, h->log_id, LOG_ID_LEN);
	le_put(out + 32, h->epoch, 8);
	le_put(out + 40, h->first_seq, 8);
	le_put(out + 48, (uint64_t)h->created_ns, 8);
	le_put(out + 12, crc_header(out, LOG_HEADER_LEN), 4);
}

int
log_header_decode(const unsigned char in[LOG_HEADER_LEN], struct log_header *h,
    struct err *e)
{
	uint64_t version = le_get(in + 8, 4);

	if (memcmp(in, LOG_MAGIC, 8) != 0)
		return err_set(e, ERR_INVALID, "not a tickd log (bad magic)");
	if (le_get(in + 12, 4) != crc_header(in, LOG_HEADER_LEN))
		return err_set(e, ERR_INVALID,
		    "damaged header (checksum does not match)");
	if (version != LOG_VERSION)
		return err_set(e, ERR_INVALID,
		    "log format version %u is not known to this program",
		    (unsigned)version);
	memcpy(h->log_id, in + 16, LOG_ID_LEN);
	h->epoch = le_get(in + 32, 8);
	h->first_seq = le_get(in + 40, 8);
	h->created_ns = (int64_t)le_get(in + 48, 8);
	return 0;
}

uint32_t
record_seed(const unsigned char log_id[LOG_ID_LEN])
{
	return crc_add(0, log_id, LOG_ID_LEN);
}

size_t
record_begin(struct buf *out)
{
	size_t start = out->len;

	if (buf_reserve(out, RECORD_HEADER_LEN) != NULL)
		out->len += RECORD_HEADER_LEN;
	return start;
}

void
record_end(struct buf *out, size_t start, enum record_type type)
{
	unsigned char *p;
	size_t n;

	if (out->failed)
		return;
	p = (unsigned char *)out->ptr + start;
	n = out->len - start - RECORD_HEADER_LEN;
	assert(n <= RECORD_PAYLOAD_MAX);
	le_put(p + LEN_AT, n, 4);
	p[TYPE_AT] = (unsigned char)type;
}

static void
put(struct buf *out, uint64_t v, size_t n)
{
	char *p = buf_reserve(out, n);

	if (p == NULL)
		return;
	le_put((unsigned char *)p, v, n);
	out->len += n;
}

void
record_put_u8(struct buf *out, unsigned v)
{
	put(out, v, 1);
}

void
record_put_u16(struct buf *out, unsigned v)
{
	put(out, v, 2);
}

void
record_put_u32(struct buf *out, uint32_t v)
{
	put(out, v, 4);
}

void
record_put_u64(struct buf *out, uint64_t v)
{
	put(out, v, 8);
}

void
record_put_i64(struct buf *out, int64_t v)
{
	put(out, (uint64_t)v, 8);
}

void
record_put_name(struct buf *out, struct slice s)
{
	assert(s.len <= 255);
	put(out, s.len, 1);
	buf_add(out, s.ptr, s.len);
}

void
record_put_text(struct buf *out, struct slice s)
{
	put(out, s.len, 4);
	buf_add(out, s.ptr, s.len);
}

size_t
record_seal(unsigned char *p, uint32_t seed, uint64_t seq, bool group_first)
{
	size_t n = RECORD_HEADER_LEN + le_get(p + LEN_AT, 4);

	le_put(p + SEQ_AT, seq, 8);
	p[TYPE_AT] &= (unsigned char)~RECORD_GROUP_FIRST;
	if (group_first)
		p[TYPE_AT] |= RECORD_GROUP_FIRST;
	le_put(p + CRC_AT, crc_add(seed, p + LEN_AT, n - LEN_AT), 4);
	return n;
}

uint64_t
record_peek_seq(const unsigned char *p)
{
	return le_get(p + SEQ_AT, 8);
}

void
record_view(const unsigned char *p, struct record *r)
{
	size_t n = le_get(p + LEN_AT, 4);

	r->type = (enum record_type)(p[TYPE_AT] & ~RECORD_GROUP_FIRST);
	r->group_first = (p[TYPE_AT] & RECORD_GROUP_FIRST) != 0;
	r->seq = record_peek_seq(p);
	r->payload = slice_of((const char *)p + RECORD_HEADER_LEN, n);
	r->len = RECORD_HEADER_LEN + n;
}

enum record_check
record_decode(const unsigned char *p, size_t n, uint32_t seed, struct record *r)
{
	size_t payload_len;
	unsigned type;

	if (n < RECORD_HEADER_LEN)
		return RECORD_SHORT;
	payload_len = le_get(p + LEN_AT, 4);
	type = p[TYPE_AT] & ~RECORD_GROUP_FIRST;
	if (payload_len > RECORD_PAYLOAD_MAX || type < RECORD_MARK ||
	    type >= RECORD_TYPE_END)
		return RECORD_BAD;
	if (n - RECORD_HEADER_LEN < payload_len)
		return RECORD_SHORT;
	if (le_get(p + CRC_AT, 4) !=
	    crc_add(seed, p + LEN_AT, RECORD_HEADER_LEN + payload_len - LEN_AT))
		return RECORD_BAD;
	record_view(p, r);
	return RECORD_VALID;
}

void
record_read(struct record_reader *r, struct slice payload)
{
	r->p = (const unsigned char *)payload.ptr;
	r->left = payload.len;
	r->bad = false;
}

/* The next n bytes, or NULL (and bad). */
static const unsigned char *
take(struct record_reader *r, size_t n)
{
	const unsigned char *p = r->p;

	if (r->bad || r->left < n) {
		r->bad = true;
		return NULL;
	}
	r->p += n;
	r->left -= n;
	return p;
}

static uint64_t
get(struct record_reader *r, size_t n)
{
	const unsigned char *p = take(r, n);

	return p == NULL ? 0 : le_get(p, n);
}

unsigned
record_get_u8(struct record_reader *r)
{
	return (unsigned)get(r, 1);
}

unsigned
record_get_u16(struct record_reader *r)
{
	return (unsigned)get(r, 2);
}

uint32_t
record_get_u32(struct record_reader *r)
{
	return (uint32_t)get(r, 4);
}

uint64_t
record_get_u64(struct record_reader *r)
{
	return get(r, 8);
}

int64_t
record_get_i64(struct record_reader *r)
{
	return (int64_t)get(r, 8);
}

static struct slice
get_bytes(struct record_reader *r, size_t n)
{
	const unsigned char *p = take(r, n);

	return p == NULL ? slice_of("", 0) : slice_of((const char *)p, n);
}

struct slice
record_get_name(struct record_reader *r)
{
	return get_bytes(r, get(r, 1));
}

struct slice
record_get_text(struct record_reader *r)
{
	return get_bytes(r, get(r, 4));
}

bool
record_done(const struct record_reader *r)
{
	return !r->bad && r->left == 0;
}

unsigned
record_plan_flags(const struct record_set *s)
{
	return (s->every_ns != 0 ? RECORD_SET_EVERY : 0) |
	    (s->cron.ptr != NULL ? RECORD_SET_CRON : 0) |
	    (s->zone.ptr != NULL ? RECORD_SET_ZONE : 0) |
	    (s->until_ns != 0 ? RECORD_SET_UNTIL : 0) |
	    (s->jitter_ns != 0 ? RECORD_SET_JITTER : 0) |
	    (s->payload.ptr != NULL ? RECORD_SET_PAYLOAD : 0) |
	    (s->by_cron ? RECORD_SET_BY_CRON : 0);
}

void
record_put_plan(struct buf *out, const struct record_set *s)
{
	unsigned flags = record_plan_flags(s);

	if (flags & RECORD_SET_EVERY)
		record_put_i64(out, s->every_ns);
	if (flags & RECORD_SET_CRON)
		record_put_text(out, s->cron);
	if (flags & RECORD_SET_ZONE)
		record_put_name(out, s->zone);
	if (flags & RECORD_SET_UNTIL)
		record_put_i64(out, s->until_ns);
	if (flags & RECORD_SET_JITTER)
		record_put_i64(out, s->jitter_ns);
	if (flags & RECORD_SET_PAYLOAD)
		record_put_text(out, s->payload);
}

void
record_get_plan(struct record_reader *r, unsigned flags, struct record_set *s)
{
	if (flags & RECORD_SET_EVERY)
		s->every_ns = record_get_i64(r);
	if (flags & RECORD_SET_CRON)
		s->cron = record_get_text(r);
	if (flags & RECORD_SET_ZONE)
		s->zone = record_get_name(r);
	if (flags & RECORD_SET_UNTIL)
		s->until_ns = record_get_i64(r);
	if (flags & RECORD_SET_JITTER)
		s->jitter_ns = record_get_i64(r);
	if (flags & RECORD_SET_PAYLOAD)
		s->payload = record_get_text(r);
	s->by_cron = (flags & RECORD_SET_BY_CRON) != 0;
	if (flags & ~RECORD_SET_FLAGS)
		r->bad = true;
}

void
record_put_set(struct buf *out, const struct record_set *s)
{
	size_t start = record_begin(out);

	record_put_u8(out, record_plan_flags(s));
	record_put_i64(out, s->due_ns);
	record_put_name(out, s->job);
	record_put_plan(out, s);
	record_end(out, start, RECORD_JOB_SET);
}

bool
record_get_set(struct slice payload, struct record_set *s)
{
	struct record_reader r;
	unsigned flags;

	memset(s, 0, sizeof(*s));
	record_read(&r, payload);
	flags = record_get_u8(&r);
	s->due_ns = record_get_i64(&r);
	s->job = record_get_name(&r);
	record_get_plan(&r, flags, s);
	return record_done(&r) && s->job.len > 0;
}

void
record_put_run(struct buf *out, enum record_type type,
    const struct record_run *r)
{
	unsigned flags =
	    r->flags | (r->reason.len > 0 ? RECORD_FINISH_REASON : 0);
	size_t start = record_begin(out);

	record_put_u64(out, r->execution_id);
	if (type == RECORD_JOB_TRIGGER) {
		record_put_u8(out, r->flags);
		record_put_name(out, r->job);
		if (r->flags & RECORD_TRIGGER_BESIDE) {
			record_put_i64(out, r->due_ns);
			record_put_i64(out, r->next_due_ns);
		}
		record_end(out, start, type);
		return;
	}
	if (type == RECORD_JOB_STOP) {
		record_put_u8(out, r->outcome);
		record_put_name(out, r->job);
		record_end(out, start, type);
		return;
	}
	record_put_u32(out, r->attempt);
	record_put_i64(out, r->started_ns);
	if (type == RECORD_JOB_FINISH) {
		record_put_i64(out, r->ended_ns);
		record_put_u8(out, r->outcome);
		record_put_u32(out, (uint32_t)r->exit);
		record_put_u8(out, flags);
		record_put_i64(out, r->next_due_ns);
	}
	record_put_name(out, r->job);
	record_put_name(out, r->rule);
	if (type == RECORD_JOB_FINISH && r->reason.len > 0)
		record_put_name(out, r->reason);
	record_end(out, start, type);
}

bool
record_get_run(enum record_type type, struct slice payload,
    struct record_run *r)
{
	struct record_reader in;
	unsigned flags = 0;

	memset(r, 0, sizeof(*r));
	record_read(&in, payload);
	r->execution_id = record_get_u64(&in);
	if (type == RECORD_JOB_TRIGGER) {
		r->flags = record_get_u8(&in);
		r->job = record_get_name(&in);
		if (r->flags & RECORD_TRIGGER_BESIDE) {
			r->due_ns = record_get_i64(&in);
			r->next_due_ns = record_get_i64(&in);
		}
		return record_done(&in) && r->job.len > 0 &&
		    (r->flags & ~RECORD_TRIGGER_FLAGS) == 0;
	}
	if (type == RECORD_JOB_STOP) {
		r->outcome = record_get_u8(&in);
		r->job = record_get_name(&in);
		return record_done(&in) && r->job.len > 0 && r->outcome != 0;
	}
	r->attempt = record_get_u32(&in);
	r->started_ns = record_get_i64(&in);
	if (type == RECORD_JOB_FINISH) {
		r->ended_ns = record_get_i64(&in);
		r->outcome = record_get_u8(&in);
		r->exit = (int32_t)record_get_u32(&in);
		flags = record_get_u8(&in);
		r->next_due_ns = record_get_i64(&in);
	}
	r->job = record_get_name(&in);
	r->rule = record_get_name(&in);
	if (flags & RECORD_FINISH_REASON)
		r->reason = record_get_name(&in);
	r->flags = flags & ~RECORD_FINISH_REASON;
	return record_done(&in) && r->job.len > 0 &&
	    (flags & ~RECORD_FINISH_FLAGS) == 0;
}

struct slice
record_subject(enum record_type type, struct slice payload)
{
	/* Bytes in front of the name. */
	static const unsigned char skip[RECORD_TYPE_END] = {
		[RECORD_JOB_SET] = 9,
		[RECORD_JOB_TRIGGER] = 9,
		[RECORD_JOB_START] = 20,
		[RECORD_JOB_FINISH] = 42,
		[RECORD_JOB_STOP] = 9,
		[RECORD_RULE_SET] = 1,
		[RECORD_RULE_PAUSE] = 1,
		[RECORD_ENTRY_SET] = 1,
		[RECORD_ENTRY_REMOVE] = 1,
	};
	struct record_reader in;

	if (payload.len < skip[type])
		return slice_of("", 0);
	record_read(&in,
	    slice_of(payload.ptr + skip[type], payload.len - skip[type]));
	return record_get_name(&in);
}

void
record_put_entry(struct buf *out, enum record_type type,
    const struct record_entry *entry)
{
	size_t start = record_begin(out);

	record_put_u8(out, (unsigned)entry->kind);
	record_put_name(out, entry->id);
	if (type == RECORD_ENTRY_SET)
		record_put_text(out, entry->value);
	record_end(out, start, type);
}

int
record_get_entry(enum record_type type, struct slice payload,
    struct record_entry *entry, struct err *e)
{
	struct record_reader in;
	unsigned kind;

	memset(entry, 0, sizeof(*entry));
	record_read(&in, payload);
	kind = record_get_u8(&in);
	entry->id = record_get_name(&in);
	if (type == RECORD_ENTRY_SET)
		entry->value = record_get_text(&in);
	if (!record_done(&in) || entry->id.len == 0 ||
	    entry->value.len > ENTRY_VALUE_MAX)
		return err_set(e, ERR_INVALID, "its content makes no sense");
	if (kind == 0 || kind >= ENTRY_KIND_END)
		return err_set(e, ERR_INVALID,
		    "entries of kind %u are not known to this program", kind);
	entry->kind = (enum entry_kind)kind;
	return 0;
}
