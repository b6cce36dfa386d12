/*
 * Bytes as a log file, read as recovery reads it. The first byte says how:
 *
 *   bit 0  as they are, or behind a sound header
 *   bit 1  with every record that looks like one given its checksum and
 *          number, so that more of them are valid
 *
 * and the rest are the file. Its records' payloads are decoded too.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os.h"
#include "record.h"
#include "scan.h"
#include "sim_fs.h"

#define FILE_MAX ((size_t)1 << 19)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static unsigned char file[FILE_MAX];

static void
check(bool holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

static size_t
put_header(void)
{
	const struct log_header h = { .first_seq = 5 };

	log_header_encode(file, &h);
	return LOG_HEADER_LEN;
}

/* The length field of the bytes at p. */
static size_t
payload_len(const unsigned char *p)
{
	return p[4] | (size_t)p[5] << 8 | (size_t)p[6] << 16 |
	    (size_t)p[7] << 24;
}

static void
seal_records(size_t at, size_t n)
{
	static const unsigned char id[LOG_ID_LEN];
	uint32_t seed = record_seed(id);
	uint64_t seq = 5;

	while (n - at >= RECORD_HEADER_LEN) {
		unsigned char *p = file + at;

		/* A wrong number now and then is of interest too. */
		if (payload_len(p) > n - at - RECORD_HEADER_LEN)
			break;
		at += record_seal(p, seed, p[0] == 0xee ? 3 : seq,
		    (p[16] & RECORD_GROUP_FIRST) != 0);
		if ((p[16] & 0x7f) != RECORD_MARK)
			seq++;
	}
}

static void
decode(const struct record *r)
{
	const char *end = r->payload.ptr + r->payload.len;
	struct slice subject = record_subject(r->type, r->payload);
	struct record_entry entry;
	struct record_set set;
	struct record_run run;
	struct err e;

	check(subject.len == 0 || subject.ptr + subject.len <= end,
	    "the subject lies in the payload");
	if (record_get_set(r->payload, &set)) {
		check(set.job.len > 0, "a job has a name");
		check(set.job.ptr + set.job.len <= end, "the name is inside");
	}
	for (int type = RECORD_JOB_TRIGGER; type <= RECORD_JOB_FINISH; type++)
		if (record_get_run((enum record_type)type, r->payload, &run))
			check(run.job.len > 0, "a job has a name");
	for (int type = RECORD_ENTRY_SET; type <= RECORD_ENTRY_REMOVE; type++) {
		if (record_get_entry((enum record_type)type, r->payload, &entry,
			&e) == -1)
			continue;
		check(entry.kind > 0 && entry.kind < ENTRY_KIND_END, "kind");
		check(entry.id.len > 0, "an entry has a name");
		check(entry.value.len <= ENTRY_VALUE_MAX, "a value's length");
		check(type == RECORD_ENTRY_REMOVE ||
			entry.value.ptr + entry.value.len == end,
		    "the value is the rest");
	}
}

static void
read_all(struct scan *s, size_t n)
{
	enum scan_result result;
	uint64_t seq = s->header.first_seq;
	off_t at = LOG_HEADER_LEN;
	struct record r;
	struct err e;

	while ((result = scan_next(s, &r, &e)) == SCAN_RECORD) {
		check(r.seq == seq++, "numbers follow each other");
		check(s->at == at, "records touch");
		check(r.type != RECORD_MARK, "no mark is given");
		check(r.len == RECORD_HEADER_LEN + r.payload.len, "lengths");
		at += (off_t)r.len;
		check(at == s->next && at <= (off_t)n, "in the file");
		decode(&r);
	}
	check(result != SCAN_FAILED, "a file can be read");
	check(s->at == at, "what follows begins at the end");
	if (result == SCAN_DAMAGED)
		check(s->proof >= at && s->proof < (off_t)n,
		    "proof is not before");
	if (result == SCAN_ZEROS)
		for (size_t i = (size_t)at; i < n; i++)
			check(file[i] == 0, "only zeros");
}

static void
decode_raw(const uint8_t *bytes, size_t n)
{
	struct record r = { .payload = slice_of((const char *)bytes, n) };

	for (int type = RECORD_MARK; type < RECORD_TYPE_END; type++) {
		r.type = (enum record_type)type;
		decode(&r);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct sim_fs *fs;
	struct scan s;
	struct err e;
	unsigned how;
	size_t at = 0;

	if (n == 0 || n > FILE_MAX - LOG_HEADER_LEN)
		return 0;
	how = *bytes++;
	n--;
	decode_raw(bytes, n);
	if (how & 1)
		at = put_header();
	if (n > 0)
		memcpy(file + at, bytes, n);
	if (how & 2)
		seal_records(at, at + n);
	os = &sim_os;
	fs = sim_new(SIM_STRICT);
	sim_use(fs);
	sim_put(fs, "log", file, at + n);
	if (scan_open(&s, "log", &e) == 0) {
		read_all(&s, at + n);
		scan_close(&s);
	}
	sim_use(NULL);
	sim_free(fs);
	return 0;
}
