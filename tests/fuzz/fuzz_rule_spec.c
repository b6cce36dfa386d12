/*
 * The first line of the bytes as the words of RULE SET from the runner on,
 * the others as options. What was accepted can be printed, and what was
 * printed makes the same rule; no secret of a URL is ever shown.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "rule_spec.h"
#include "token.h"
#include "url.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static struct tokens tokens;
static struct buf line, text, again_text;

static struct slice
next_line(struct slice *rest)
{
	const char *end =
	    rest->len == 0 ? NULL : memchr(rest->ptr, '\n', rest->len);
	size_t n = end == NULL ? rest->len : (size_t)(end - rest->ptr);
	struct slice first = slice_of(rest->ptr, n);

	n += end != NULL;
	*rest = slice_of(rest->ptr + n, rest->len - n);
	return first;
}

static struct rule_spec *
parse(struct slice words)
{
	struct err e;

	buf_clear(&line);
	buf_add_slice(&line, words);
	if (token_split(line.ptr, line.len, &tokens, &e) == -1)
		return NULL;
	return rule_spec_parse(tokens.word, tokens.n, &e);
}

/* Runner and arguments as they are kept, to the rule again. */
static struct rule_spec *
print_and_parse(const struct rule_spec *spec)
{
	size_t i;

	buf_clear(&text);
	buf_add_str(&text, runner_word(spec->runner));
	for (i = 0; i < spec->args.n; i++) {
		buf_add_byte(&text, ' ');
		token_quote(&text, strings_get(&spec->args, i));
	}
	return parse(buf_slice(&text));
}

static void
check_url_shown(const struct rule_spec *spec)
{
	struct err e;
	struct url u;

	if (spec->runner < RUNNER_HTTP || spec->runner > RUNNER_AMQP)
		return;
	buf_clear(&text);
	rule_spec_put_arg(&text, spec, spec->runner == RUNNER_HTTP ? 1 : 0);
	if (url_split(buf_slice(&text), &u, &e) == 0)
		assert(u.user_info.len == 0 ||
		    slice_eq(u.user_info, slice_str("***")));
	/* Nothing is left to be masked. */
	buf_clear(&again_text);
	url_put_masked(&again_text, buf_slice(&text));
	assert(slice_eq(buf_slice(&again_text), buf_slice(&text)));
}

/* Set what the listing of one rule shows in another. */
static void
copy_options(struct rule_spec *to, const struct rule_spec *from)
{
	enum rule_option_id id;
	struct err e;
	bool admin;
	size_t i;

	for (id = 0; id < OPTION_COUNT; id++) {
		for (i = 0;; i++) {
			buf_clear(&text);
			buf_addf(&text, "%s=", rule_option_name(id));
			if (!rule_option_value(from, id, i, &text))
				break;
			assert(rule_spec_set_option(to, buf_slice(&text),
				   &admin, &e) == 0);
		}
	}
}

static void
assert_same_options(const struct rule_spec *a, const struct rule_spec *b)
{
	enum rule_option_id id;
	bool more;
	size_t i;

	for (id = 0; id < OPTION_COUNT; id++) {
		for (i = 0, more = true; more; i++) {
			buf_clear(&text);
			buf_clear(&again_text);
			more = rule_option_value(a, id, i, &text);
			assert(
			    more == rule_option_value(b, id, i, &again_text));
			assert(
			    slice_eq(buf_slice(&text), buf_slice(&again_text)));
		}
		assert(a->number[id] == b->number[id]);
		assert(rule_option_is_default(a, id) ==
		    rule_option_is_default(b, id));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice rest = slice_of((const char *)bytes, n);
	struct rule_spec *spec = parse(next_line(&rest));
	struct rule_spec *again;
	struct err e;
	bool admin;

	if (spec == NULL)
		return 0;
	while (rest.len != 0)
		(void)rule_spec_set_option(spec, next_line(&rest), &admin, &e);
	(void)rule_spec_check(spec, &e);
	again = print_and_parse(spec);
	assert(again != NULL && again->runner == spec->runner);
	assert(again->args.len == spec->args.len);
	assert(memcmp(again->args.bytes == NULL ? "" : again->args.bytes,
		   spec->args.bytes == NULL ? "" : spec->args.bytes,
		   spec->args.len) == 0);
	check_url_shown(spec);
	copy_options(again, spec);
	assert_same_options(again, spec);
	rule_spec_unref(again);
	rule_spec_unref(spec);
	return 0;
}
