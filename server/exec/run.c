#include "run.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

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

int
run_explain(struct run *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(r->reason, sizeof(r->reason), fmt, ap);
	va_end(ap);
	return -1;
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
