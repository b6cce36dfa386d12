#include "verify.h"

#include <stdbool.h>
#include <string.h>

#include "going.h"
#include "history.h"
#include "rules.h"

static int
verify_rule(struct slice payload, struct err *e)
{
	struct rule *rule = rule_new(payload, e);

	rule_free(rule);
	return rule == NULL ? -1 : 0;
}

/* A name behind `skip` bytes, and nothing else. */
static bool
is_name(struct slice payload, size_t skip)
{
	struct record_reader in;
	struct slice name;

	record_read(&in, payload);
	while (skip-- > 0)
		(void)record_get_u8(&in);
	name = record_get_name(&in);
	return record_done(&in) && name.len > 0;
}

int
verify_record(const struct record *r, struct err *e)
{
	struct record_entry entry;
	struct record_set set;
	struct record_run run;
	bool good = false;

	switch (r->type) {
	case RECORD_JOB_SET:
		good = record_get_set(r->payload, &set);
		break;
	case RECORD_JOB_TRIGGER:
	case RECORD_JOB_START:
	case RECORD_JOB_FINISH:
	case RECORD_JOB_STOP:
		good = record_get_run(r->type, r->payload, &run);
		break;
	case RECORD_RULE_SET:
		return verify_rule(r->payload, e);
	case RECORD_JOB_REMOVE:
	case RECORD_RULE_REMOVE:
		good = is_name(r->payload, 0);
		break;
	case RECORD_RULE_PAUSE:
		good = is_name(r->payload, 1);
		break;
	case RECORD_ENTRY_SET:
	case RECORD_ENTRY_REMOVE:
		return record_get_entry(r->type, r->payload, &entry, e);
	default:
		break;
	}
	return good ? 0 : err_set(e, ERR_INVALID, "its content makes no sense");
}

/* An entry's own kind is the first byte of its payload. */
static unsigned
entry_kind(const struct image_entry *entry)
{
	if (entry->kind != IMAGE_ENTRIES || entry->payload.len == 0)
		return 0;
	return (unsigned char)entry->payload.ptr[0];
}

static int
verify_history(struct slice history, struct err *e)
{
	struct record_reader in;
	struct record_run run;
	int n = 0;

	record_read(&in, history);
	while (history_next(&in, &run))
		n++;
	if (!record_done(&in) || n > HISTORY_RUNS_MAX)
		return err_set(e, ERR_INVALID, "its history makes no sense");
	return 0;
}

static int
verify_going(struct slice going, struct err *e)
{
	struct record_reader in;
	struct going run;

	record_read(&in, going);
	while (going_next(&in, &run))
		;
	return record_done(&in) && going.len <= GOING_BYTES_MAX
	    ? 0
	    : err_set(e, ERR_INVALID, "its runs make no sense");
}

static int
verify_content(const struct image_entry *entry, struct err *e)
{
	struct record_entry content;

	switch (entry->kind) {
	case IMAGE_RULES:
		return verify_rule(entry->payload, e);
	case IMAGE_ENTRIES:
		return record_get_entry(RECORD_ENTRY_SET, entry->payload,
		    &content, e);
	default:
		return verify_history(entry->history, e) == -1
		    ? -1
		    : verify_going(entry->going, e);
	}
}

/* Less than, equal to or greater than 0 as the entry comes before, at or
 * behind the place. */
static int
compare(const struct image_entry *entry, const struct verify_order *o)
{
	if (entry->kind != o->kind)
		return entry->kind < o->kind ? -1 : 1;
	if (entry_kind(entry) != o->entry_kind)
		return entry_kind(entry) < o->entry_kind ? -1 : 1;
	return slice_cmp(image_entry_id(entry), slice_of(o->id, o->len));
}

int
verify_entry(const struct verify_order *o, const struct image_entry *entry,
    struct err *e)
{
	struct slice id = image_entry_id(entry);

	if (id.len == 0 || id.len > sizeof(o->id) || compare(entry, o) <= 0)
		return err_set(e, ERR_INVALID, "it is out of order");
	return verify_content(entry, e);
}

void
verify_advance(struct verify_order *o, const struct image_entry *entry)
{
	struct slice id = image_entry_id(entry);

	o->kind = entry->kind;
	o->entry_kind = entry_kind(entry);
	o->len = id.len;
	memcpy(o->id, id.ptr, id.len);
}
