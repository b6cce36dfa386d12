/*
 * Bytes as a time and as a duration. What is accepted is in range, and what
 * is printed reads back as the same nanosecond.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "duration.h"
#include "token.h"
#include "tstamp.h"

#define NOW INT64_C(1711612800000000000)
#define UNTOUCHED INT64_C(-4711)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static struct tokens tokens;
static struct buf line, text;

static void
check_time(int64_t ns)
{
	struct slice word;
	struct err e;
	int64_t back;

	assert(ns >= 0 && ns <= TSTAMP_MAX_NS);
	buf_clear(&text);
	tstamp_put_utc(&text, ns);
	word = buf_slice(&text);
	assert(tstamp_parse(&word, 1, NOW, &back, &e) == 1);
	assert(back == ns);
}

static void
check_duration(int64_t ns)
{
	struct err e;
	int64_t back;

	assert(ns >= 0);
	buf_clear(&text);
	duration_put(&text, ns);
	assert(duration_parse(buf_slice(&text), &back, &e) == 0);
	assert(back == ns);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice s = slice_of((const char *)bytes, n);
	int64_t duration = UNTOUCHED, ns = UNTOUCHED;
	struct err e;
	int took;

	if (duration_parse(s, &duration, &e) == 0) {
		check_duration(duration);
	} else {
		assert(duration == UNTOUCHED && e.code == ERR_INVALID);
	}
	buf_clear(&line);
	buf_add_slice(&line, s);
	if (token_split(line.ptr, line.len, &tokens, &e) == -1)
		return 0;
	took = tstamp_parse(tokens.word, tokens.n, NOW, &ns, &e);
	if (took == -1) {
		assert(ns == UNTOUCHED);
		assert(e.code == ERR_INVALID || e.code == ERR_SYNTAX);
		return 0;
	}
	assert((took == 1 || took == 2) && (size_t)took <= tokens.n);
	check_time(ns);
	return 0;
}
