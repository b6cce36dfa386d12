#include "history.h"

#include <string.h>

bool
history_next(struct record_reader *in, struct record_run *r)
{
	unsigned outcome;

	memset(r, 0, sizeof(*r));
	if (in->left == 0)
		return false;
	r->execution_id = record_get_u64(in);
	r->attempt = record_get_u32(in);
	r->started_ns = record_get_i64(in);
	r->ended_ns = record_get_i64(in);
	outcome = record_get_u8(in);
	r->outcome = outcome & ~(HISTORY_REASON | HISTORY_SILENT);
	r->flags = outcome & HISTORY_SILENT ? RECORD_FINISH_SILENT : 0;
	r->exit = (int32_t)record_get_u32(in);
	r->rule = record_get_name(in);
	if (outcome & HISTORY_REASON)
		r->reason = record_get_name(in);
	return !in->bad;
}

void
history_add(struct buf *out, const struct record_run *r, struct slice old)
{
	struct record_reader in;
	struct record_run run;

	record_put_u64(out, r->execution_id);
	record_put_u32(out, r->attempt);
	record_put_i64(out, r->started_ns);
	record_put_i64(out, r->ended_ns);
	record_put_u8(out,
	    r->outcome | (r->reason.len > 0 ? HISTORY_REASON : 0) |
		(r->flags & RECORD_FINISH_SILENT ? HISTORY_SILENT : 0));
	record_put_u32(out, (uint32_t)r->exit);
	record_put_name(out, r->rule);
	if (r->reason.len > 0)
		record_put_name(out, r->reason);
	record_read(&in, old);
	for (int n = 1; n < HISTORY_RUNS_MAX; n++)
		if (!history_next(&in, &run))
			break;
	buf_add(out, old.ptr, old.len - in.left);
}
