#include "run.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os.h"
#include "store.h"
#include "utf8.h"

_Static_assert(RUN_NOTE_MAX >= OP_NOTE_MAX - 1, "a note fits");

const char *
run_outcome_word(enum run_outcome o)
{
	static const char *const word[RUN_OUTCOME_COUNT] = {
		[RUN_NONE] = "-",
		[RUN_SUCCESS] = "success",
		[RUN_FAILURE] = "failure",
		[RUN_TIMEOUT] = "timeout",
		[RUN_CANCELLED] = "cancelled",
		[RUN_REJECTED] = "rejected",
		[RUN_MISSED] = "missed",
		[RUN_LOST] = "lost",
	};

	return word[o];
}

bool
run_exit_is_success(const struct rule_spec *spec, int exit)
{
	const struct strings *codes = &spec->text[OPTION_success];

	if (codes->n == 0)
		return exit == 0;
	return rule_codes_match(strings_get(codes, 0), (unsigned)exit);
}

void
run_begins(struct run *r)
{
	r->started_ns = os->wall_ns();
	r->started_mono_ns = os->mono_ns();
}

void
run_ends(struct run *r)
{
	r->ended_ns = r->started_ns + (os->mono_ns() - r->started_mono_ns);
}

int64_t
run_took_ns(const struct run *r)
{
	if (r->outcome == RUN_LOST && r->started_mono_ns == 0)
		return 0;
	return r->ended_ns > r->started_ns ? r->ended_ns - r->started_ns : 0;
}

/* What was cut in the middle of a character ends before it, and bytes that are
 * no UTF-8 at all become question marks. */
static void
make_text(char *text)
{
	struct slice left;
	size_t n;

	text[utf8_whole(slice_str(text))] = '\0';
	for (left = slice_str(text); left.len > 0;
	     left = slice_of(left.ptr + n, left.len - n))
		if ((n = utf8_sequence(left)) == 0) {
			text[strlen(text) - left.len] = '?';
			n = 1;
		}
}

void
run_could_not_begin(struct run *r, int error)
{
	r->starved = error == EMFILE || error == ENFILE || error == EAGAIN ||
	    error == ENOMEM || error == ENOBUFS;
}

int
run_explain(struct run *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(r->reason, sizeof(r->reason), fmt, ap);
	va_end(ap);
	make_text(r->reason);
	return -1;
}

void
run_set_waiter(struct run *r, const struct store_waiter *w)
{
	r->recorded = w->done;
	r->recorded_arg = w->arg;
	memcpy(r->note, w->note.ptr, w->note.len);
	r->note_len = w->note.len;
}

void
run_tell_recorded(struct run *r)
{
	if (r != NULL && r->recorded != NULL)
		r->recorded(r->recorded_arg, slice_of(r->note, r->note_len),
		    NULL);
}

void
run_free(struct run *r)
{
	int i;

	if (r == NULL)
		return;
	for (i = 0; i < OUTPUT_STREAMS; i++)
		output_free(&r->output[i]);
	free(r->job);
	free(r->rule);
	free(r->payload);
	free(r);
}
