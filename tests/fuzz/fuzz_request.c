/*
 * Bytes as one request line. Whatever they are: the outcome is one of three,
 * slices stay within the line, an error can be answered in one line, and the
 * same words written by token_quote mean the same.
 */
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "reply.h"
#include "request.h"

#define NOW INT64_C(1711612800000000000)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

struct outcome {
	int result;
	struct request r;
	struct err e;
};

static struct tokens tokens, again_tokens;
static struct tokens reply_tokens;
static struct buf quoted, reply;

static struct outcome
parse(char *line, size_t n, struct tokens *t)
{
	struct outcome o;

	memset(&o.e, 0, sizeof(o.e));
	o.result = request_begin(line, n, t, &o.r, &o.e);
	if (o.result == 0)
		o.result = request_args(&o.r, NOW, &o.e);
	assert(o.result == 0 || o.result == 1 || o.result == -1);
	return o;
}

static bool
within(struct slice s, const char *line, size_t n)
{
	return s.ptr >= line && s.len <= n &&
	    (size_t)(s.ptr - line) <= n - s.len;
}

static void
check_slices(const struct request *r, const char *line, size_t n)
{
	size_t i;

	for (i = 0; i < r->n_words; i++)
		assert(within(r->words[i], line, n));
	assert(r->id.len == 0 || token_is_request_id(r->id));
}

static void
check_set(const struct request_set *s)
{
	struct err e;

	assert(token_is_identifier(s->job, "job", &e));
	assert(!s->nx || !s->xx);
	assert(s->every_ns == 0 || s->cron.ptr == NULL);
	assert(s->every_ns >= 0 && s->jitter_ns >= 0 && s->until_ns >= 0);
	assert(s->due_ns >= 0 && s->payload.len <= PAYLOAD_MAX);
	assert(!s->due_is_cron || s->cron.ptr != NULL);
}

/* The error is answered in one line, which reads back. */
static void
check_error(const struct outcome *o)
{
	struct reply_line r;
	struct err e;

	assert(strnlen(o->e.msg, sizeof(o->e.msg)) < sizeof(o->e.msg));
	buf_clear(&reply);
	reply_error(&reply, o->r.id, &o->e);
	assert(memchr(reply.ptr, '\n', reply.len) == reply.ptr + reply.len - 1);
	assert(reply.len <= REPLY_LINE_MAX);
	assert(
	    reply_parse(reply.ptr, reply.len - 1, &reply_tokens, &r, &e) == 0);
	assert(r.kind == REPLY_ERROR && slice_eq(r.id, o->r.id));
	assert(slice_eq(r.words[0], slice_str(err_word(o->e.code))));
	assert(slice_eq(r.text, slice_str(o->e.msg)));
}

/* The words of a line that was split give the same request again. */
static void
check_again(const struct outcome *o)
{
	struct outcome again;
	size_t i;

	buf_clear(&quoted);
	for (i = 0; i < o->r.n_words; i++) {
		token_quote(&quoted, o->r.words[i]);
		buf_add_byte(&quoted, ' ');
	}
	again = parse(quoted.ptr, quoted.len, &again_tokens);
	assert(again.result == o->result);
	assert(again.r.n_words == o->r.n_words);
	for (i = 0; i < o->r.n_words; i++)
		assert(slice_eq(again.r.words[i], o->r.words[i]));
	assert(again.r.command == o->r.command);
	assert(slice_eq(again.r.id, o->r.id));
	if (again.result == -1) {
		assert(again.e.code == o->e.code);
		assert(strcmp(again.e.msg, o->e.msg) == 0);
	} else {
		request_clear(&again.r);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct outcome o;
	struct err e;
	char *line = malloc(n + 1);

	assert(line != NULL);
	if (n != 0)
		memcpy(line, bytes, n);
	(void)request_is_http(slice_of(line, n));
	(void)request_id_of(slice_of(line, n));
	o = parse(line, n, &tokens);
	check_slices(&o.r, line, n);
	if (o.result == 0 && o.r.command->id == CMD_SET)
		check_set(&o.r.u.set);
	if (o.result == -1)
		check_error(&o);
	/* Not where the line itself could not be split. */
	if (n != 0)
		memcpy(line, bytes, n);
	if (n != 0 && line[n - 1] == '\r')
		n--;
	if (token_split(line, n, &tokens, &e) == 0 && o.result != 1)
		check_again(&o);
	if (o.result == 0)
		request_clear(&o.r);
	free(line);
	return 0;
}
